
/*
 * Copyright (C) the llm_quota authors
 */


#include <string.h>

#include "llm_decide.h"
#include "llm_money.h"


static void llm_decide_subject(llm_decide_t *d, uint32_t i);
static void llm_decide_limit(llm_decide_t *d, uint32_t i,
    const llm_limit_t *limit);
static int llm_decide_fits(llm_decide_t *d, const llm_limit_t *limit,
    const llm_standing_t *s);
static int64_t llm_decide_retry(llm_decide_t *d, uint32_t i,
    const llm_standing_t *s);
static int64_t llm_ask_amount(const llm_ask_t *ask, llm_resource_e resource);
static void llm_view(llm_zone_t *z, const llm_subject_key_t *key,
    llm_view_t *view);
static uint8_t llm_view_throttle(llm_zone_t *z, llm_clock_t *clock,
    const llm_view_t *view, const llm_row_t *row);
static int64_t llm_resource_sum(llm_resource_e resource, const int64_t *counts);


void
llm_decide(llm_decide_t *d)
{
    uint32_t        i;
    llm_verdict_t  *v;

    v = d->verdict;
    memset(v, 0, sizeof(llm_verdict_t));

    v->reservation = LLM_NONE;
    for (i = 0; i < d->ask->nsubjects; i++) {
        llm_decide_subject(d, i);
    }
}


static void
llm_decide_subject(llm_decide_t *d, uint32_t i)
{
    unsigned          n;
    llm_view_t       *view;
    const llm_row_t  *row;

    view = &d->views[i];
    row = d->ask->subjects[i].row;

    llm_view(d->zone, &d->ask->subjects[i].key, view);

    if (row == NULL) {
        return;
    }

    view->percent = llm_view_throttle(d->zone, d->clock, view, row);

    for (n = 0; n < row->nlimits; n++) {
        llm_decide_limit(d, i, &row->limits[n]);
    }
}


static void
llm_decide_limit(llm_decide_t *d, uint32_t i, const llm_limit_t *limit)
{
    int64_t           bound, retry;
    llm_verdict_t    *v;
    const llm_row_t  *row;
    llm_standing_t    s;

    v = d->verdict;
    row = d->ask->subjects[i].row;

    if (limit->resource == LLM_RESOURCE_COST
        && (d->ask->free || !d->budgets || !row->hard_cap || row->over))
    {
        return;
    }

    if (d->ask->reserve == LLM_RESERVE_STRICT
        && !d->early
        && v->decision != LLM_TOO_LARGE)
    {
        bound = llm_ask_amount(d->ask, limit->resource);

        if (bound > limit->amount) {
            v->decision = LLM_TOO_LARGE;
            v->bound = bound;
            v->refusal.limit = limit;
            v->refusal.subject = i;
            v->refusal.amount = limit->amount;
            return;
        }
    }

    if (v->decision == LLM_TOO_LARGE) {
        return;
    }

    llm_view_standing(d->zone, d->clock, &d->views[i], limit, &s);

    if (llm_decide_fits(d, limit, &s)) {
        return;
    }

    /* every limit that fails has its say in when the request would pass */

    retry = llm_decide_retry(d, i, &s);

    if (retry > v->retry) {
        v->retry = retry;
    }

    if (v->decision == LLM_ADMITTED) {
        v->decision = LLM_REFUSED;
        v->refusal = s;
        v->refusal.subject = i;
    }
}


static int
llm_decide_fits(llm_decide_t *d, const llm_limit_t *limit,
    const llm_standing_t *s)
{
    if (limit->resource == LLM_RESOURCE_REQUESTS
        || limit->resource == LLM_RESOURCE_PARALLEL)
    {
        return s->used < s->amount;
    }

    if (d->ask->reserve != LLM_RESERVE_STRICT || d->early) {
        return s->used < s->amount;
    }

    return s->used <= s->amount - llm_ask_amount(d->ask, limit->resource);
}


static int64_t
llm_decide_retry(llm_decide_t *d, uint32_t i, const llm_standing_t *s)
{
    int64_t              room, now;
    llm_view_t          *view;
    llm_reserve_e        reserve;
    const llm_limit_t   *limit;

    view = &d->views[i];
    limit = s->limit;
    reserve = d->ask->reserve;

    if (limit->resource == LLM_RESOURCE_PARALLEL) {
        return 1;
    }

    if (!limit->minute) {

        if (s->reset == INT64_MAX) {
            return INT64_MAX;
        }

        now = d->clock->wall;

        return s->reset * 1000 > now ? s->reset * 1000 - now : 1;
    }

    /* what may at most be settled for the request to pass */

    room = s->amount;

    if (limit->resource != LLM_RESOURCE_REQUESTS) {

        if (reserve != LLM_RESERVE_OFF && view->subject) {
            room -= llm_resource_sum(limit->resource, view->subject->reserved);
        }

        if (reserve == LLM_RESERVE_STRICT && !d->early) {
            room -= llm_ask_amount(d->ask, limit->resource);

        } else {
            room--;
        }

    } else {
        room--;
    }

    if (s->amount == 0) {
        return INT64_MAX;
    }

    if (room < 0 || view->minute == NULL) {
        return 1;
    }

    return llm_window_wait(&view->minute->window,
                           llm_resource_mask(limit->resource), room,
                           d->zone->now);
}


static int64_t
llm_ask_amount(const llm_ask_t *ask, llm_resource_e resource)
{
    if (resource == LLM_RESOURCE_REQUESTS
        || resource == LLM_RESOURCE_PARALLEL)
    {
        return 1;
    }

    return llm_resource_sum(resource, ask->amount);
}


static void
llm_view(llm_zone_t *z, const llm_subject_key_t *key, llm_view_t *view)
{
    view->subject = NULL;
    view->minute = NULL;
    view->percent = 100;

    view->index = llm_zone_find(z, key);

    if (view->index == LLM_NONE) {
        return;
    }

    view->subject = llm_zone_subject(z, view->index);

    if (view->subject->minute != LLM_NONE) {
        view->minute = llm_zone_minute(z, view->subject->minute);
        llm_window_roll(&view->minute->window, z->now / 1000);
    }
}


/* The percent of rpm and tpm that budgets leave the row. */

static uint8_t
llm_view_throttle(llm_zone_t *z, llm_clock_t *clock, const llm_view_t *view,
    const llm_row_t *row)
{
    uint8_t             percent;
    unsigned            n;
    llm_standing_t      s;
    const llm_limit_t  *limit;

    if (row->throttle == 0 && row->over == 0) {
        return 100;
    }

    percent = 100;

    for (n = 0; n < row->nlimits; n++) {
        limit = &row->limits[n];

        if (limit->resource != LLM_RESOURCE_COST) {
            continue;
        }

        llm_view_standing(z, clock, view, limit, &s);

        if (row->throttle && row->throttle < percent && row->nsoft
            && (__int128) s.used * 100
               >= (__int128) s.amount * row->soft[0])
        {
            percent = row->throttle;
        }

        if (row->over && row->over < percent && s.used >= s.amount) {
            percent = row->over;
        }
    }

    return percent;
}


void
llm_view_standing(llm_zone_t *z, llm_clock_t *clock, const llm_view_t *view,
    const llm_limit_t *limit, llm_standing_t *s)
{
    int64_t         end, start, *reserved;
    unsigned        mask, counter;
    llm_meter_t    *m;

    s->limit = limit;
    s->subject = 0;
    s->amount = limit->amount;
    s->used = 0;
    s->reset = 0;

    reserved = view->subject ? view->subject->reserved : NULL;

    if (limit->resource == LLM_RESOURCE_PARALLEL) {
        s->used = view->subject ? view->subject->inflight : 0;
        return;
    }

    if (limit->minute) {

        if (view->percent != 100 && s->amount) {
            s->amount = s->amount * view->percent / 100;

            if (s->amount == 0) {
                s->amount = 1;
            }
        }

        if (view->minute) {
            mask = llm_resource_mask(limit->resource);

            for (counter = 0; counter < LLM_WINDOW_COUNTERS; counter++) {
                if (mask & (1U << counter)) {
                    s->used = llm_sat_add(s->used,
                                  view->minute->window.sum[counter]);
                }
            }
        }

    } else {
        m = NULL;

        if (view->subject) {
            m = llm_rolled_meter(z, clock, view->subject, limit->period);
        }

        if (m) {
            s->used = llm_resource_sum(limit->resource, m->settled);
            s->reset = m->end;

        } else {
            llm_clock_period(clock, limit->period, &start, &end);
            s->reset = end;
        }
    }

    if (limit->resource != LLM_RESOURCE_REQUESTS && reserved) {
        s->used = llm_sat_add(s->used,
                              llm_resource_sum(limit->resource, reserved));
    }
}


unsigned
llm_resource_mask(llm_resource_e resource)
{
    switch (resource) {

    case LLM_RESOURCE_REQUESTS:
        return 1U << LLM_WINDOW_REQUESTS;

    case LLM_RESOURCE_INPUT:
        return 1U << LLM_WINDOW_INPUT;

    case LLM_RESOURCE_OUTPUT:
        return 1U << LLM_WINDOW_OUTPUT;

    default: /* LLM_RESOURCE_TOKENS */
        return (1U << LLM_WINDOW_INPUT) | (1U << LLM_WINDOW_OUTPUT);
    }
}


static int64_t
llm_resource_sum(llm_resource_e resource, const int64_t *counts)
{
    switch (resource) {

    case LLM_RESOURCE_REQUESTS:
        return counts[LLM_COUNT_REQUESTS];

    case LLM_RESOURCE_INPUT:
        return counts[LLM_COUNT_INPUT];

    case LLM_RESOURCE_OUTPUT:
        return counts[LLM_COUNT_OUTPUT];

    case LLM_RESOURCE_COST:
        return counts[LLM_COUNT_COST];

    default: /* LLM_RESOURCE_TOKENS */
        return llm_sat_add(counts[LLM_COUNT_INPUT], counts[LLM_COUNT_OUTPUT]);
    }
}


llm_meter_t *
llm_rolled_meter(llm_zone_t *z, llm_clock_t *clock,
    const llm_subject_t *subject, llm_period_t period)
{
    int64_t       start, end;
    llm_meter_t  *m;

    m = llm_zone_find_meter(z, subject, period);

    if (m) {
        llm_clock_period(clock, period, &start, &end);
        llm_zone_roll(m, start, end);
    }

    return m;
}


void
llm_standing(llm_zone_t *z, llm_clock_t *clock, const llm_subject_key_t *key,
    const llm_limit_t *limit, llm_standing_t *standing)
{
    llm_view_t  view;

    llm_view(z, key, &view);
    llm_view_standing(z, clock, &view, limit, standing);
}
