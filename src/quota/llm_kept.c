
/*
 * Copyright (C) the llm_quota authors
 */


#include <string.h>

#include "llm_kept.h"


#define LLM_MONTH  LLM_PERIOD(LLM_PERIOD_MONTH, 1)


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
    unsigned          i;
    llm_kept_type_t  *t;

    t = &kept->types[type];

    for (i = 0; i < t->nperiods; i++) {
        if (t->periods[i] == period) {
            return 0;
        }
    }

    if (i == LLM_KEPT_PERIODS) {
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

    if (row->share) {
        kept->types[row->share].minute = 1;
    }

    for (i = 0; i < row->nperiods; i++) {
        if (llm_kept_period(kept, type, row->periods[i]) != 0) {
            return -1;
        }
    }

    return 0;
}
