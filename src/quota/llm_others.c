
/*
 * Copyright (C) the llm_quota authors
 */


#include <string.h>

#include "llm_load.h"
#include "llm_money.h"
#include "llm_others.h"


static void llm_others_put(llm_zone_t *z, int64_t *to, const int64_t *from,
    unsigned n);
static void llm_others_share(llm_zone_t *z, uint32_t *shared);


void
llm_others_start(llm_zone_t *z, int on)
{
    llm_index_t  i;

    if (!on) {
        z->cluster = LLM_CLUSTER_OFF;
        return;
    }

    if (z->cluster != LLM_CLUSTER_OFF) {
        return;
    }

    /* what they were known to have before they were left is long past */

    for (i = 0; i < z->nmeters; i++) {
        llm_zone_put32(z, &llm_zone_meter(z, i)->shared, 0);
        llm_zone_commit(z);
    }

    for (i = 0; i < z->nminutes; i++) {
        llm_zone_put32(z, &llm_zone_minute(z, i)->shared, 0);
        llm_zone_commit(z);
    }

    z->joined = 0;
    z->cluster = LLM_CLUSTER_ON;
}


void
llm_others_joined(llm_zone_t *z)
{
    z->joined = 1;
}


void
llm_others_reached(llm_zone_t *z, int reached)
{
    if (z->cluster != LLM_CLUSTER_OFF) {
        z->cluster = reached ? LLM_CLUSTER_ON : LLM_CLUSTER_AWAY;
    }
}


int
llm_others_want(llm_zone_t *z, const llm_subject_key_t *key,
    const llm_period_t *periods, unsigned nperiods, int minute, int ask)
{
    int             known;
    unsigned        i;
    llm_index_t     index;
    llm_meter_t    *m;
    llm_subject_t  *s;

    if (z->cluster != LLM_CLUSTER_ON) {
        return 1;
    }

    if (minute) {
        llm_zone_want_minute(z, key);
    }

    index = llm_zone_find(z, key);

    if (index == LLM_NONE) {
        return -1;
    }

    s = llm_zone_subject(z, index);
    known = 1;

    for (i = 0; i < nperiods; i++) {
        m = llm_zone_find_meter(z, s, periods[i]);

        if (m == NULL) {
            return -1;
        }

        known &= m->shared;
    }

    if (minute) {

        if (s->minute == LLM_NONE) {
            return -1;
        }

        known &= llm_zone_minute(z, s->minute)->shared;
    }

    if (!known && ask) {
        z->wanted++;
    }

    return known;
}


void
llm_others_total(const llm_zone_t *z, const llm_meter_t *m, int64_t *total)
{
    unsigned  i;

    memcpy(total, m->settled, sizeof(m->settled));

    if (z->cluster == LLM_CLUSTER_OFF) {
        return;
    }

    for (i = 0; i < LLM_COUNTS; i++) {
        total[i] = llm_sat_add(total[i], m->others[i] - m->claimed[i]);
    }
}


void
llm_others_set(llm_zone_t *z, llm_meter_t *m, const int64_t *others,
    const int64_t *claimed)
{
    llm_others_put(z, m->claimed, claimed, LLM_COUNTS);
    llm_others_put(z, m->others, others, LLM_COUNTS);
    llm_others_share(z, &m->shared);
}


void
llm_others_set_minute(llm_zone_t *z, llm_minute_t *m, const int64_t *others)
{
    llm_others_put(z, m->others, others, LLM_WINDOW_COUNTERS);
    llm_others_share(z, &m->shared);
}


static void
llm_others_put(llm_zone_t *z, int64_t *to, const int64_t *from, unsigned n)
{
    unsigned  i;

    for (i = 0; i < n; i++) {
        if (to[i] != from[i]) {
            llm_zone_put64(z, &to[i], from[i]);
        }
    }
}


static void
llm_others_share(llm_zone_t *z, uint32_t *shared)
{
    if (!*shared) {
        llm_zone_put32(z, shared, 1);
    }

    llm_zone_commit(z);
}
