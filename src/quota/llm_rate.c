
/*
 * Copyright (C) the llm_quota authors
 */


#include <string.h>

#include "llm_money.h"
#include "llm_rate.h"


_Static_assert((int) LLM_COUNT_REQUESTS == (int) LLM_WINDOW_REQUESTS
               && (int) LLM_COUNT_INPUT == (int) LLM_WINDOW_INPUT
               && (int) LLM_COUNT_OUTPUT == (int) LLM_WINDOW_OUTPUT,
               "windows and periods count in different orders");


static int llm_rate_copy(llm_zone_t *z, llm_minute_t *m, int64_t now,
    llm_rate_t *rate);


void
llm_rate_refused(llm_minute_t *m, const llm_limit_t *limit, int64_t now)
{
    uint32_t  second;

    second = (uint32_t) now;

    if (m->refused == 0 || second - m->refused_at > LLM_RATE_GAP) {
        m->refused_since = second;
    }

    m->refused_at = second;
    m->refused_by = limit->amount;
    m->refused = limit->resource + 1;
}


llm_index_t
llm_rates(llm_zone_t *z, llm_index_t i, uint32_t n, int64_t now,
    llm_rate_t *rates, uint32_t max, uint32_t *found)
{
    llm_minute_t  *m;

    *found = 0;

    for ( /* void */ ; n; n--, i++) {

        if (i >= z->nminutes) {
            return LLM_NONE;
        }

        m = llm_zone_minute(z, i);

        if (m->subject == LLM_NONE
            || llm_zone_subject(z, m->subject)->type >= LLM_SUBJECT_TYPES)
        {
            continue;
        }

        if (*found == max) {
            break;
        }

        *found += llm_rate_copy(z, m, now, &rates[*found]);
    }

    return i;
}


/* 0: there is nothing to be told of it. */

static int
llm_rate_copy(llm_zone_t *z, llm_minute_t *m, int64_t now, llm_rate_t *rate)
{
    int             used;
    uint32_t        k;
    llm_subject_t  *s;

    llm_window_roll(&m->window, z->now / 1000);

    memset(rate->used, 0, sizeof(rate->used));

    used = 0;

    for (k = 0; k < LLM_WINDOW_COUNTERS; k++) {
        rate->used[k] = llm_sat_add((int64_t) m->window.sum[k], m->others[k]);
        used |= (rate->used[k] != 0);
    }

    rate->resource = LLM_RESOURCE_REQUESTS;
    rate->amount = 0;
    rate->since = 0;

    if (m->refused && m->refused <= LLM_RESOURCES
        && (uint32_t) now - m->refused_at <= LLM_RATE_GAP
        && m->refused_at - m->refused_since >= LLM_RATE_LONG)
    {
        rate->resource = (llm_resource_e) (m->refused - 1);
        rate->amount = m->refused_by;
        rate->since = now - (uint32_t) ((uint32_t) now - m->refused_since);
    }

    if (!used && rate->amount == 0) {
        return 0;
    }

    s = llm_zone_subject(z, m->subject);

    rate->type = s->type;
    rate->len = s->len;
    memcpy(rate->name, s->name, s->len);

    return 1;
}
