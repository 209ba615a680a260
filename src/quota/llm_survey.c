
/*
 * Copyright (C) the llm_quota authors
 */


#include <stddef.h>
#include <string.h>

#include "llm_decide.h"
#include "llm_money.h"
#include "llm_survey.h"


#define LLM_SURVEY_PLACES  16


static void llm_survey_copy(llm_zone_t *z, llm_clock_t *clock, llm_index_t i,
    llm_survey_t *survey);


llm_index_t
llm_survey(llm_zone_t *z, llm_clock_t *clock, llm_index_t i,
    llm_survey_t *surveys, uint32_t n, uint32_t *found)
{
    uint32_t  places;

    *found = 0;

    for (places = n * LLM_SURVEY_PLACES; places; places--, i++) {

        if (i >= z->nsubjects) {
            return LLM_NONE;
        }

        if (!llm_zone_subject(z, i)->used
            || llm_zone_subject(z, i)->type >= LLM_SUBJECT_TYPES)
        {
            continue;
        }

        if (*found == n) {
            break;
        }

        llm_survey_copy(z, clock, i, &surveys[(*found)++]);
    }

    return i;
}


int
llm_survey_subject(llm_zone_t *z, llm_clock_t *clock,
    const llm_subject_key_t *key, llm_survey_t *survey)
{
    llm_index_t  i;

    i = llm_zone_find(z, key);

    if (i == LLM_NONE) {
        return 0;
    }

    llm_survey_copy(z, clock, i, survey);

    return 1;
}


static void
llm_survey_copy(llm_zone_t *z, llm_clock_t *clock, llm_index_t i,
    llm_survey_t *survey)
{
    unsigned             n;
    llm_index_t          m;
    llm_meter_t         *meter;
    llm_window_t        *w;
    llm_subject_t       *s;
    llm_survey_meter_t  *sm;

    s = llm_zone_subject(z, i);

    llm_zone_roll(z, clock, s);

    survey->index = i;
    survey->type = s->type;
    survey->len = s->len;
    survey->inflight = s->inflight;

    memcpy(survey->name, s->name, s->len);
    memcpy(survey->reserved, s->reserved, sizeof(survey->reserved));
    memset(survey->minute, 0, sizeof(survey->minute));

    if (s->minute != LLM_NONE) {
        w = &llm_zone_minute(z, s->minute)->window;

        for (n = 0; n < LLM_WINDOW_COUNTERS; n++) {
            survey->minute[n] = w->sum[n];
        }
    }

    survey->nmeters = 0;

    for (m = s->meters; m != LLM_NONE; m = meter->next) {
        meter = llm_zone_meter(z, m);

        if (z->stored && !llm_zone_meter_loaded(z, meter)) {
            continue;
        }

        sm = &survey->meters[survey->nmeters++];

        sm->period = meter->period;
        sm->start = meter->start;
        sm->end = meter->end;

        memcpy(sm->settled, meter->settled, sizeof(sm->settled));
    }
}


const llm_survey_meter_t *
llm_survey_meter(const llm_survey_t *survey, llm_period_t period)
{
    unsigned  n;

    for (n = 0; n < survey->nmeters; n++) {

        if (survey->meters[n].period == period) {
            return &survey->meters[n];
        }
    }

    return NULL;
}


int64_t
llm_survey_used(const llm_survey_t *survey, const llm_limit_t *limit)
{
    int64_t                    counts[LLM_COUNTS];
    const llm_survey_meter_t  *m;

    if (limit->resource == LLM_RESOURCE_PARALLEL) {
        return survey->inflight;
    }

    if (limit->minute) {
        counts[LLM_COUNT_REQUESTS] = survey->minute[LLM_WINDOW_REQUESTS];
        counts[LLM_COUNT_INPUT] = survey->minute[LLM_WINDOW_INPUT];
        counts[LLM_COUNT_OUTPUT] = survey->minute[LLM_WINDOW_OUTPUT];
        counts[LLM_COUNT_COST] = 0;

    } else {
        m = llm_survey_meter(survey, limit->period);

        if (m == NULL) {
            return -1;
        }

        memcpy(counts, m->settled, sizeof(counts));
    }

    return llm_sat_add(llm_resource_sum(limit->resource, counts),
                       llm_resource_sum(limit->resource, survey->reserved));
}
