
/*
 * Copyright (C) the llm_quota authors
 */


#include <string.h>

#include "llm_fact.h"
#include "llm_money.h"
#include "llm_others.h"


static void llm_fact_roll(llm_zone_t *z, llm_clock_t *clock,
    const llm_fact_change_t *change);
static void llm_fact_apply(llm_zone_t *z, const llm_fact_change_t *change);
static const int64_t *llm_fact_amount(const llm_zone_t *z,
    const llm_fact_change_t *change, const llm_meter_t *m);
static llm_subject_t *llm_fact_subject(llm_zone_t *z,
    const llm_subject_key_t *key);


unsigned
llm_fact_shown(llm_zone_t *z, llm_clock_t *clock,
    const llm_subject_key_t *key, llm_fact_period_t *periods)
{
    unsigned        n;
    llm_index_t     i;
    llm_meter_t    *m;
    llm_subject_t  *s;

    s = llm_fact_subject(z, key);

    if (s == NULL) {
        return 0;
    }

    llm_zone_roll(z, clock, s);

    n = 0;

    for (i = s->meters; i != LLM_NONE && n < LLM_SUBJECT_METERS; i = m->next) {
        m = llm_zone_meter(z, i);

        if (llm_zone_meter_loaded(z, m)) {
            periods[n].period = m->period;
            periods[n].start = m->start;
            llm_others_total(z, m, periods[n].amount);
            n++;
        }
    }

    return n;
}


int
llm_fact_fits(llm_zone_t *z, llm_clock_t *clock,
    const llm_fact_change_t *change, unsigned *key)
{
    int64_t          total[LLM_COUNTS];
    unsigned         i, k;
    llm_index_t      at;
    llm_meter_t     *m;
    const int64_t   *amount;
    llm_subject_t   *s;

    llm_fact_roll(z, clock, change);

    for (i = 0; i < change->nkeys; i++) {
        s = llm_fact_subject(z, &change->keys[i]);

        for (at = s ? s->meters : LLM_NONE; at != LLM_NONE; at = m->next) {
            m = llm_zone_meter(z, at);
            amount = llm_fact_amount(z, change, m);

            llm_others_total(z, m, total);

            for (k = 0; amount && k < LLM_COUNTS; k++) {
                if (amount[k] < 0 && llm_sat_add(total[k], amount[k]) < 0) {
                    *key = i;
                    return 0;
                }
            }
        }
    }

    return 1;
}


llm_index_t
llm_fact_slot(llm_zone_t *z)
{
    llm_index_t  i;

    for (i = 0; i < z->nfacts; i++) {
        if (!llm_zone_fact(z, i)->used) {
            llm_zone_fact(z, i)->id = ++z->number;
            return i;
        }
    }

    return LLM_NONE;
}


void
llm_fact_make(llm_zone_t *z, llm_clock_t *clock, llm_index_t i,
    uint32_t worker, const llm_fact_change_t *change)
{
    unsigned        k;
    llm_fact_t     *fact;
    llm_subject_t  *s;

    llm_fact_roll(z, clock, change);

    /* they stay until the store has it */

    for (k = 0; k < change->nkeys; k++) {
        s = llm_fact_subject(z, &change->keys[k]);

        if (s) {
            s->written = z->now;
        }
    }

    fact = llm_zone_fact(z, i);

    llm_fact_take(z, i, worker);

    /* free or whole, with what it says in the meters */

    llm_zone_put32(z, &fact->used, 1);

    llm_fact_apply(z, change);
    llm_zone_commit(z);
}


void
llm_fact_adopt(llm_zone_t *z, llm_clock_t *clock,
    const llm_fact_change_t *change, llm_mark_t *mark, int64_t end)
{
    if (mark->offset >= end) {
        return;
    }

    llm_fact_roll(z, clock, change);

    llm_fact_apply(z, change);
    llm_zone_put64(z, &mark->offset, end);
    llm_zone_commit(z);
}


/* Each roll is a change of its own. */

static void
llm_fact_roll(llm_zone_t *z, llm_clock_t *clock,
    const llm_fact_change_t *change)
{
    unsigned        i;
    llm_subject_t  *s;

    for (i = 0; i < change->nkeys; i++) {
        s = llm_fact_subject(z, &change->keys[i]);

        if (s) {
            llm_zone_roll(z, clock, s);
        }
    }
}


/* A meter that is loaded later gets it from the store. */

static void
llm_fact_apply(llm_zone_t *z, const llm_fact_change_t *change)
{
    int              falls;
    unsigned         i, k;
    llm_index_t      at;
    llm_meter_t     *m;
    const int64_t   *amount;
    llm_subject_t   *s;

    for (i = 0; i < change->nkeys; i++) {
        s = llm_fact_subject(z, &change->keys[i]);

        for (at = s ? s->meters : LLM_NONE; at != LLM_NONE; at = m->next) {
            m = llm_zone_meter(z, at);
            amount = llm_fact_amount(z, change, m);

            if (amount == NULL) {
                continue;
            }

            falls = (change->nperiods != 0);

            for (k = 0; k < LLM_COUNTS; k++) {
                falls |= (amount[k] < 0);
                llm_zone_put64(z, &m->settled[k],
                               llm_sat_add(m->settled[k], amount[k]));
            }

            /* as the store counts it */

            if (falls) {
                llm_zone_put64(z, &m->generation, m->generation + 1);
            }

            /* what it warned of may come again */

            llm_zone_put64(z, &m->warned, 0);
        }
    }
}


/* What is added to a meter; NULL: it is none of it. */

static const int64_t *
llm_fact_amount(const llm_zone_t *z, const llm_fact_change_t *change,
    const llm_meter_t *m)
{
    unsigned  i;

    if (!llm_zone_meter_loaded(z, m)) {
        return NULL;
    }

    if (change->nperiods == 0) {
        return (m->start <= change->time && change->time < m->end)
               ? change->amount : NULL;
    }

    for (i = 0; i < change->nperiods; i++) {
        if (change->periods[i].period == m->period
            && change->periods[i].start == m->start)
        {
            return change->periods[i].amount;
        }
    }

    return NULL;
}


static llm_subject_t *
llm_fact_subject(llm_zone_t *z, const llm_subject_key_t *key)
{
    llm_index_t  i;

    i = llm_zone_find(z, key);

    return (i == LLM_NONE) ? NULL : llm_zone_subject(z, i);
}


int
llm_fact_is_left(llm_zone_t *z, llm_index_t i)
{
    llm_fact_t  *fact;

    fact = llm_zone_fact(z, i);

    return fact->used
           && (fact->worker >= LLM_WORKERS
               || fact->generation != z->workers[fact->worker].generation);
}


void
llm_fact_take(llm_zone_t *z, llm_index_t i, uint32_t worker)
{
    llm_fact_t  *fact;

    fact = llm_zone_fact(z, i);

    fact->worker = worker;
    fact->generation = (worker < LLM_WORKERS) ? z->workers[worker].generation
                                              : 0;
}


void
llm_fact_free(llm_zone_t *z, llm_index_t i)
{
    llm_zone_fact(z, i)->used = 0;
}
