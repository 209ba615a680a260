
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _LLM_SURVEY_H_INCLUDED_
#define _LLM_SURVEY_H_INCLUDED_


#include "llm_zone.h"


/* What the zone has of a subject at one moment: a copy, for metrics, reports
   and alerts. */

typedef struct {
    llm_period_t             period;
    int64_t                  start;          /* seconds of the epoch */
    int64_t                  end;
    int64_t                  settled[LLM_COUNTS];
} llm_survey_meter_t;

typedef struct {
    llm_index_t              index;
    llm_subject_type_e       type;
    uint16_t                 len;
    u_char                   name[LLM_SUBJECT_NAME];
    uint32_t                 inflight;
    int64_t                  reserved[LLM_COUNTS];
    int64_t                  minute[LLM_WINDOW_COUNTERS];

    unsigned                 nmeters;        /* whose sums are known */
    llm_survey_meter_t       meters[LLM_SUBJECT_METERS];
} llm_survey_t;


/*
 * Copies subjects from the index i on, at most n; *found says how many these
 * are.  Returns where to go on, LLM_NONE: there are no more.  Wants the zone
 * entered, and looks at no more than 16 times n places.
 */
llm_index_t llm_survey(llm_zone_t *z, llm_clock_t *clock, llm_index_t i,
    llm_survey_t *surveys, uint32_t n, uint32_t *found);

/* The same of one subject; 0: the zone does not have it. */
int llm_survey_subject(llm_zone_t *z, llm_clock_t *clock,
    const llm_subject_key_t *key, llm_survey_t *survey);

/* Its meter of a period, or NULL: it has none, or its sums are not known. */
const llm_survey_meter_t *llm_survey_meter(const llm_survey_t *survey,
    llm_period_t period);

/* What counts toward a limit, with what is reserved; -1: it is not known.
   Nothing is used of a meter that a subject does not have yet. */
int64_t llm_survey_used(const llm_survey_t *survey, const llm_limit_t *limit);


#endif /* _LLM_SURVEY_H_INCLUDED_ */
