
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _LLM_DECIDE_H_INCLUDED_
#define _LLM_DECIDE_H_INCLUDED_


#include <sys/types.h>
#include <stdint.h>

#include "llm_admit.h"


/* Private to admission: the decision, apart from what it changes. */


#define LLM_MONTH  LLM_PERIOD(LLM_PERIOD_MONTH, 1)


/* What is known of one subject while a request is decided. */

typedef struct {
    llm_index_t              index;      /* LLM_NONE: not in the zone yet */
    llm_subject_t           *subject;
    llm_minute_t            *minute;
    int64_t                  relief;     /* when throttling ends: seconds of
                                            the epoch, INT64_MAX: never */
    uint8_t                  percent;    /* that rates are throttled to */
    unsigned                 settled:1;  /* what is reserved does not count */
} llm_view_t;


typedef struct {
    llm_zone_t              *zone;
    llm_clock_t             *clock;
    const llm_ask_t         *ask;
    llm_verdict_t           *verdict;
    unsigned                 early:1;
    unsigned                 budgets:1;
    llm_view_t               views[LLM_SUBJECTS];
} llm_decide_t;


/* Looks at every limit of every subject; fills the verdict and the views. */
void llm_decide(llm_decide_t *d);

/* What is known of a subject of the zone, brought up to the clock; LLM_NONE:
   of one that is not there. */
void llm_view_index(llm_zone_t *z, llm_clock_t *clock, llm_index_t i,
    llm_view_t *view);

/* The present state of a limit of the subject viewed. */
void llm_view_standing(llm_zone_t *z, llm_clock_t *clock,
    const llm_view_t *view, const llm_limit_t *limit, llm_standing_t *s);

/* What counts toward a limit of the resource, of LLM_COUNTS. */
int64_t llm_resource_sum(llm_resource_e resource, const int64_t *counts);

/* Tells of a minute limit how long its window takes to be empty. */
void llm_view_reset(llm_zone_t *z, const llm_view_t *view, llm_standing_t *s);


#endif /* _LLM_DECIDE_H_INCLUDED_ */
