
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _LLM_ALERT_TEXT_H_INCLUDED_
#define _LLM_ALERT_TEXT_H_INCLUDED_


#include <stdarg.h>

#include "llm_alert.h"


/*
 * What people read of an alert: who, how much of what, since when, at this
 * pace until when, what happens next, where to look.  Whatever comes from
 * outside has its control characters replaced by spaces.
 */


#define LLM_ALERT_SUBJECT  4096      /* bytes that hold any subject, */
#define LLM_ALERT_TEXT     16384     /* and any text, each with its NUL */
#define LLM_ALERT_TIME     32


typedef enum {
    LLM_ALERT_PLAIN = 0,
    LLM_ALERT_SLACK                  /* its markup, and so that of Mattermost
                                        and of Discord's /slack */
} llm_alert_markup_e;


/* How a scope is called: for people, and in LiteLLM's schema. */

typedef struct {
    const char              *name;   /* "team_model" */
    const char              *group;  /* event_group */
    const char              *label;  /* "Team"; NULL: it has no ids */
    const char              *other;  /* "model", of a pair */
    const char              *member; /* "team_id"; NULL: none */
    const char              *other_member;
    const char              *alias_member;
} llm_alert_scope_t;

/* Never NULL: of what is not known, or about the zone, the last. */
const llm_alert_scope_t *llm_alert_scope(const llm_store_text_t *scope);

/* Whether its amounts are money. */
int llm_alert_is_cost(const llm_alert_t *alert);

/* A time (s of the epoch, UTC) by strftime(); buf has LLM_ALERT_TIME bytes and
   is returned. */
char *llm_alert_time(char *buf, const char *format, int64_t seconds);

/* One line without a newline, such as "Team marketing: 80% of $100.00 monthly
   budget"; returns its length.  n is at least LLM_ALERT_SUBJECT. */
size_t llm_alert_subject(const llm_alert_t *alert, char *buf, size_t n);

/* The lines, each with its newline; returns the length.  n is at least
   LLM_ALERT_TEXT. */
size_t llm_alert_lines(const llm_alert_t *alert, llm_alert_markup_e markup,
    char *buf, size_t n);

/* Prints up to last, where the NUL is at most, and cuts what has no room;
   returns where the NUL is. */
char *llm_alert_print(char *p, char *last, const char *format, va_list ap)
    __attribute__((format(printf, 3, 0)));


#endif /* _LLM_ALERT_TEXT_H_INCLUDED_ */
