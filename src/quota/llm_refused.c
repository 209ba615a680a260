
/*
 * Copyright (C) the llm_quota authors
 */


#include <string.h>

#include "llm_decide.h"
#include "llm_money.h"
#include "llm_refused.h"


void
llm_refused_note(llm_zone_t *z, llm_meter_t *m, const llm_limit_t *limit)
{
    if (m->refused == (uint32_t) limit->resource + 1
        && m->refused_by == limit->amount)
    {
        return;
    }

    m->refused_by = limit->amount;
    m->refused = limit->resource + 1;

    (void) __atomic_fetch_add(&z->refusals, 1, __ATOMIC_RELAXED);
}


llm_index_t
llm_refused(llm_zone_t *z, llm_index_t i, uint32_t n, llm_refused_t *rows,
    uint32_t max, uint32_t *found)
{
    llm_meter_t    *m;
    llm_refused_t  *row;
    llm_subject_t  *s;

    *found = 0;

    for ( /* void */ ; n; n--, i++) {

        if (i >= z->nmeters) {
            return LLM_NONE;
        }

        m = llm_zone_meter(z, i);

        if (m->subject == LLM_NONE || m->refused == 0
            || m->refused > LLM_RESOURCES)
        {
            continue;
        }

        s = llm_zone_subject(z, m->subject);

        if (s->type >= LLM_SUBJECT_TYPES) {
            continue;
        }

        if (*found == max) {
            break;
        }

        row = &rows[(*found)++];

        row->type = s->type;
        row->len = s->len;
        memcpy(row->name, s->name, s->len);

        row->resource = (llm_resource_e) (m->refused - 1);
        row->period = m->period;
        row->start = m->start;
        row->end = m->end;
        row->amount = m->refused_by;
        row->used = llm_sat_add(llm_resource_sum(row->resource, m->settled),
                                llm_resource_sum(row->resource, m->others));
    }

    return i;
}
