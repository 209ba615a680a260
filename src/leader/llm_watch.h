
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _LLM_WATCH_H_INCLUDED_
#define _LLM_WATCH_H_INCLUDED_


#include "llm_alert.h"
#include "llm_limit.h"
#include "llm_noted.h"
#include "llm_rate.h"
#include "llm_refused.h"


/* Who crosses what: totals of meters, compared with the rows that bear on
   their subjects. */


/* What the meter of a subject shows. */

typedef struct {
    llm_subject_type_e       type;
    llm_store_text_t         name;       /* as the zone has it */
    llm_period_t             period;
    int64_t                  start;      /* s of the epoch */
    int64_t                  end;        /* likewise; INT64_MAX: never */
    int64_t                  used[LLM_COUNTS];
    int64_t                  generation; /* how often it was reset */
} llm_watch_total_t;


/*
 * Told of each threshold that the total is at or over: of a limit that is
 * reached of nothing else, of others of the highest first, then of the lesser
 * ones.  Of the alert the id, the
 * time, the zone and the host are not set; its texts are the total's.
 */

typedef void (*llm_watch_found_pt)(void *data, const llm_alert_t *alert,
    int64_t generation, int lesser);

void llm_watch_row(const llm_watch_total_t *total, const llm_row_t *row,
    int64_t now, llm_watch_found_pt found, void *data);

/* The alert of a budget that has refused somebody before it was used up, which
   is known as the one of that would be; 0: it is, or there is none. */
int llm_watch_refused(const llm_refused_t *refused, llm_alert_t *alert);

/*
 * The same as llm_watch_row() of rates: told of those that are at or over one
 * of so many percents, and of the one that has refused for long.  Once an
 * hour, by which they are known.
 */
void llm_watch_rate(const llm_rate_t *rate, const llm_row_t *row,
    const uint8_t *near, unsigned nnear, int64_t now,
    llm_watch_found_pt found, void *data);

/* The alert of a model that has no price, or states no usage: once a day,
   which begins at day (s of the epoch). */
void llm_watch_model(const llm_noted_model_t *model, llm_alert_event_e event,
    int64_t day, llm_alert_t *alert);

/* The alert of trouble of the zone itself, since a moment (ms of the epoch),
   by which it is known. */
void llm_watch_trouble(llm_alert_event_e event, int64_t since,
    llm_alert_t *alert);

/* The end of a period in which something was crossed: the event itself has
   its time, is of the period that then begins, and is known by that alone. */
void llm_watch_reset(const llm_alert_t *crossed, llm_alert_t *alert);

/* What a subject's name is in an alert: of a pair both halves. */
void llm_watch_subject(llm_alert_t *alert, llm_subject_type_e type,
    const llm_store_text_t *name);

/* The type with this name, or LLM_SUBJECT_TYPES. */
llm_subject_type_e llm_watch_type(const llm_store_text_t *name);


#endif /* _LLM_WATCH_H_INCLUDED_ */
