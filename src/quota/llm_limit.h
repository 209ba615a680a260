
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _LLM_LIMIT_H_INCLUDED_
#define _LLM_LIMIT_H_INCLUDED_


#include <sys/types.h>
#include <stdint.h>

#include "llm_pattern.h"
#include "llm_period.h"


/*
 * "Subject S may use at most N of resource R in window W."  The order of
 * subjects is the one in which a refusal names the first that fails.
 */

typedef enum {
    LLM_SUBJECT_GLOBAL = 0,
    LLM_SUBJECT_TEAM,
    LLM_SUBJECT_USER,
    LLM_SUBJECT_CUSTOMER,
    LLM_SUBJECT_KEY,
    LLM_SUBJECT_MODEL,
    LLM_SUBJECT_TEAM_MODEL,
    LLM_SUBJECT_KEY_MODEL,
    LLM_SUBJECT_TEAM_USER,
    LLM_SUBJECT_TAG,                     /* of which a request may have
                                            several */
    LLM_SUBJECT_TYPES
} llm_subject_type_e;


/* The order in which a row's limits are checked and named. */

typedef enum {
    LLM_RESOURCE_REQUESTS = 0,
    LLM_RESOURCE_TOKENS,
    LLM_RESOURCE_INPUT,
    LLM_RESOURCE_OUTPUT,
    LLM_RESOURCE_PARALLEL,
    LLM_RESOURCE_COST,
    LLM_RESOURCES
} llm_resource_e;


typedef struct {
    llm_resource_e           resource;
    unsigned                 minute:1;    /* a sliding one-minute window */
    llm_period_t             period;      /* else */
    int64_t                  amount;      /* COST: nano-dollars */
} llm_limit_t;


#define LLM_ROW_LIMITS       24
#define LLM_ROW_PERIODS      15      /* and the month: LLM_SUBJECT_METERS */
#define LLM_ROW_SOFT         8

/* The longest text of llm_limit_print(). */
#define LLM_LIMIT_TEXT       64


/* The LIMITS of one line of the configuration. */

typedef struct {
    llm_limit_t              limits[LLM_ROW_LIMITS];
    unsigned                 nlimits;

    llm_period_t             periods[LLM_ROW_PERIODS];  /* each once */
    unsigned                 nperiods;

    uint8_t                  soft[LLM_ROW_SOFT];    /* percents, rising */
    unsigned                 nsoft;

    const u_char            *models;      /* models=, as it is written, in the
                                             caller's memory; NULL: any */
    size_t                   models_len;

    const llm_pattern_t     *allowed;     /* the same with the models of groups
                                             in their place; set by who knows
                                             the groups */
    unsigned                 nallowed;

    const u_char            *priority;    /* priority=, as it is written, in
                                             the caller's memory, or NULL */
    size_t                   priority_len;
    unsigned                 class;       /* the same among those that share a
                                             model, see llm_share.h, 0: none;
                                             set by who knows the names */

    llm_subject_type_e       share;       /* share=: the pairs that share the
                                             rates, GLOBAL: none do */

    unsigned                 minute:1;    /* some limit has the window */
    unsigned                 named:1;     /* for one subject, which it names;
                                             set by who knows that */
    unsigned                 hard_cap:1;
    uint8_t                  throttle;    /* percent of rpm and tpm past the
                                             first soft threshold, 0: off */
    uint8_t                  over;        /* percent of rpm and tpm past the
                                             budget, 0: refused there */
    unsigned                 seen;        /* parameters given already */
} llm_row_t;


/* hard_cap=on soft=80%, no limits. */
void llm_row_init(llm_row_t *row);

/*
 * Takes one parameter ("rpm=60", "budget=100/month"); the text of models=
 * stays the caller's and must live as long as the row.  Returns NULL, or what
 * is wrong in words that say what would be right.
 */
const char *llm_row_param(llm_row_t *row, const u_char *p, size_t n);

/* After the last parameter: puts the limits in the order in which they are
   checked.  Returns NULL, or what is wrong with the row. */
const char *llm_row_done(llm_row_t *row);

/* "0%" to "100%" in whole numbers, at least least.  Returns 0, or -1. */
int llm_percent_parse(const u_char *p, size_t n, int64_t least,
    uint8_t *percent);

/* "rpm=30", "tokens=5000000/month", "budget=100/day"; returns the length. */
size_t llm_limit_print(u_char *buf, const llm_limit_t *limit);

/*
 * For who knows no requests: calls visit with each row that bears on a subject
 * in some place, by the name that the zone has of it.  The row lives until
 * visit returns.  Locks the zone.
 */

typedef void (*llm_row_visit_pt)(void *data, const llm_row_t *row);
typedef void (*llm_rows_pt)(void *rows, llm_subject_type_e type,
    const u_char *name, size_t len, llm_row_visit_pt visit, void *data);

/* "team", "user", "team_model", ... */
const char *llm_subject_name(llm_subject_type_e type);


#endif /* _LLM_LIMIT_H_INCLUDED_ */
