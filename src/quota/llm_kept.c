
/*
 * Copyright (C) the llm_quota authors
 */


#include <string.h>

#include "llm_kept.h"


#define LLM_MONTH  LLM_PERIOD(LLM_PERIOD_MONTH, 1)


static int llm_kept_add(llm_kept_type_t *t, llm_period_t period,
    unsigned max);


void
llm_kept_init(llm_kept_t *kept)
{
    memset(kept, 0, sizeof(llm_kept_t));

    (void) llm_kept_period(kept, LLM_SUBJECT_TEAM, LLM_MONTH);
    (void) llm_kept_period(kept, LLM_SUBJECT_USER, LLM_MONTH);
    (void) llm_kept_period(kept, LLM_SUBJECT_CUSTOMER, LLM_MONTH);
    (void) llm_kept_period(kept, LLM_SUBJECT_KEY, LLM_MONTH);
}


int
llm_kept_period(llm_kept_t *kept, llm_subject_type_e type,
    llm_period_t period)
{
    return llm_kept_add(&kept->types[type], period, LLM_KEPT_PERIODS);
}


static int
llm_kept_add(llm_kept_type_t *t, llm_period_t period, unsigned max)
{
    unsigned  i;

    for (i = 0; i < t->nperiods; i++) {
        if (t->periods[i] == period) {
            return 0;
        }
    }

    if (i >= max) {
        return -1;
    }

    t->periods[t->nperiods++] = period;

    return 0;
}


int
llm_kept_row(llm_kept_t *kept, llm_subject_type_e type, const llm_row_t *row)
{
    unsigned  i;

    kept->types[type].minute |= row->minute;

    for (i = 0; i < row->nperiods; i++) {
        if (llm_kept_period(kept, type, row->periods[i]) != 0) {
            return -1;
        }
    }

    return 0;
}


int
llm_kept_merge(llm_kept_t *kept, const llm_kept_t *other)
{
    int                     more;
    unsigned                i, k, had;
    llm_kept_type_t        *t;
    const llm_kept_type_t  *from;

    more = 0;

    for (i = 0; i < LLM_SUBJECT_TYPES; i++) {
        t = &kept->types[i];
        from = &other->types[i];

        had = t->nperiods + t->minute;
        t->minute |= from->minute;

        for (k = 0; k < from->nperiods; k++) {

            /* both have at most half of what there is room for */

            (void) llm_kept_add(t, from->periods[k], 2 * LLM_KEPT_PERIODS);
        }

        more |= (t->nperiods + t->minute != had);
    }

    return more;
}
