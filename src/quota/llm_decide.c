
/*
 * Copyright (C) the llm_quota authors
 */


#include <string.h>

#include "llm_decide.h"
#include "llm_evict.h"
#include "llm_money.h"
#include "llm_others.h"


static void llm_decide_view(llm_decide_t *d, uint32_t i);
static void llm_decide_limit(llm_decide_t *d, uint32_t i,
    const llm_limit_t *limit);
static void llm_decide_refuse(llm_decide_t *d, const llm_standing_t *s,
    int64_t retry);
static int64_t llm_decide_retry(llm_decide_t *d, uint32_t i,
    const llm_standing_t *s);
static int64_t llm_decide_others(int64_t others, int64_t excess);
static int64_t llm_decide_until(llm_decide_t *d, int64_t time);
static int llm_view_is_loaded(llm_zone_t *z, const llm_view_t *view,
    const llm_ask_subject_t *s);
static llm_meter_t *llm_view_meter(llm_zone_t *z, const llm_view_t *view,
    llm_period_t period);
static void llm_view_throttle(llm_zone_t *z, llm_clock_t *clock,
    llm_view_t *view, const llm_row_t *row);
static int64_t llm_view_reserved(const llm_view_t *view,
    llm_resource_e resource);
static int64_t llm_view_others(llm_zone_t *z, const llm_view_t *view,
    llm_resource_e resource);


void
llm_decide(llm_decide_t *d)
{
    unsigned          n;
    uint32_t          i;
    llm_verdict_t    *v;
    const llm_row_t  *row;

    d->hungry = 0;
    d->barred = 0;
    d->modest = 1;

    v = d->verdict;
    memset(v, 0, sizeof(llm_verdict_t));

    v->reservation = LLM_NONE;

    for (i = 0; i < d->ask->nsubjects; i++) {
        llm_decide_view(d, i);
    }

    if (v->unknown) {
        v->decision = LLM_UNKNOWN;
        return;
    }

    llm_share_view(d);

    for (i = 0; i < d->ask->nsubjects; i++) {
        row = d->ask->subjects[i].row;

        if (row == NULL) {
            continue;
        }

        llm_view_throttle(d->zone, d->clock, &d->views[i], row);

        for (n = 0; n < row->nlimits; n++) {
            llm_decide_limit(d, i, &row->limits[n]);
        }
    }
}


static void
llm_decide_view(llm_decide_t *d, uint32_t i)
{
    llm_view_t               *view;
    const llm_ask_subject_t  *s;

    view = &d->views[i];
    s = &d->ask->subjects[i];

    /* of most types that nothing limits there is none */

    if (s->present && !(d->zone->types & (1u << s->key.type))) {
        llm_view_index(d->zone, d->clock, LLM_NONE, view);

    } else {
        llm_view(d->zone, d->clock, &s->key, view);
    }

    view->settled = (d->ask->reserve == LLM_RESERVE_OFF);

    if (view->subject) {
        llm_evict_touch(view->subject);
    }

    if (d->zone->stored && !d->ask->blind
        && !llm_view_is_loaded(d->zone, view, s))
    {
        d->verdict->unknown |= 1u << i;
    }
}


static void
llm_decide_limit(llm_decide_t *d, uint32_t i, const llm_limit_t *limit)
{
    int64_t            needs, retry;
    unsigned           full, shared;
    llm_standing_t     s;
    const llm_row_t   *row;
    llm_share_rate_t   rate;

    row = d->ask->subjects[i].row;

    if (d->verdict->decision == LLM_TOO_LARGE) {
        return;
    }

    if (!llm_decide_bears(d, row, limit)) {
        return;
    }

    llm_view_standing(d->zone, d->clock, &d->views[i], limit, &s);
    s.subject = i;

    needs = llm_decide_needs(d, limit->resource);
    full = (s.used > s.amount - needs);

    /* a limit of nothing refuses, whatever the size of the request */

    if (full && needs > limit->amount && limit->amount != 0) {
        d->verdict->decision = LLM_TOO_LARGE;
        d->verdict->refusal = s;
        d->verdict->bound = needs;
        d->verdict->retry = INT64_MAX;
        return;
    }

    retry = full ? llm_decide_retry(d, i, &s) : 0;
    shared = llm_share_bears(d, i, limit);

    if (shared) {
        llm_share_standing(d, limit, &s, &rate);

        d->modest &= (s.used < (rate.level - needs) / 2);

        if (s.used > s.amount - needs) {
            full = 1;
            retry = llm_max(retry, llm_share_retry(d, limit, &rate, needs));
        }
    }

    if (full) {
        d->hungry |= shared;
        d->barred |= !shared;

        llm_decide_refuse(d, &s, retry);
    }
}


int
llm_decide_bears(const llm_decide_t *d, const llm_row_t *row,
    const llm_limit_t *limit)
{
    return limit->resource != LLM_RESOURCE_COST
           || (!d->ask->free && d->budgets && row->hard_cap && !row->over);
}


/* Every limit that fails has its say in when the request would pass. */

static void
llm_decide_refuse(llm_decide_t *d, const llm_standing_t *s, int64_t retry)
{
    llm_verdict_t  *v;

    v = d->verdict;
    v->retry = llm_max(v->retry, retry);

    if (v->decision == LLM_ADMITTED) {
        v->decision = LLM_REFUSED;
        v->refusal = *s;
        v->refusal.amount = llm_max(s->amount, 0);
    }
}


int64_t
llm_decide_needs(const llm_decide_t *d, llm_resource_e resource)
{
    if (d->ask->reserve != LLM_RESERVE_STRICT
        || resource == LLM_RESOURCE_REQUESTS
        || resource == LLM_RESOURCE_PARALLEL)
    {
        return 1;
    }

    return d->early ? 0 : llm_resource_sum(resource, d->ask->amount);
}


static int64_t
llm_decide_retry(llm_decide_t *d, uint32_t i, const llm_standing_t *s)
{
    int64_t             room;
    llm_view_t         *view;
    const llm_limit_t  *limit;

    view = &d->views[i];
    limit = s->limit;

    if (limit->amount == 0) {
        return INT64_MAX;
    }

    if (limit->resource == LLM_RESOURCE_PARALLEL) {
        return 1;
    }

    /* what may at most be settled for the request to pass */

    room = s->amount - llm_decide_needs(d, limit->resource);

    if (room < 0) {
        return llm_decide_until(d, view->relief);
    }

    if (limit->minute) {
        return llm_view_wait(d->zone, view, limit->resource, room);
    }

    if (room < llm_view_reserved(view, limit->resource)) {
        return 1;
    }

    return llm_decide_until(d, s->reset);
}


/*
 * Of what others have in their minute the sum is known, not when it leaves.
 * As if it had come evenly; at least a second, since their next news take a
 * while.
 */

static int64_t
llm_decide_others(int64_t others, int64_t excess)
{
    int64_t  wait;

    wait = (__int128) LLM_WINDOW_BUCKETS * 1000 * excess / others;

    return (wait < 1000) ? 1000 : wait;
}


static int64_t
llm_decide_until(llm_decide_t *d, int64_t time)
{
    if (time == INT64_MAX) {
        return INT64_MAX;
    }

    return (time * 1000 > d->clock->wall) ? time * 1000 - d->clock->wall : 1;
}


void
llm_view(llm_zone_t *z, llm_clock_t *clock, const llm_subject_key_t *key,
    llm_view_t *view)
{
    llm_view_index(z, clock, llm_zone_find(z, key), view);
}


void
llm_view_index(llm_zone_t *z, llm_clock_t *clock, llm_index_t i,
    llm_view_t *view)
{
    memset(view, 0, sizeof(llm_view_t));

    view->percent = 100;
    view->index = i;

    if (i == LLM_NONE) {
        return;
    }

    view->subject = llm_zone_subject(z, i);

    llm_zone_roll(z, clock, view->subject);

    if (view->subject->minute != LLM_NONE) {
        view->minute = llm_zone_minute(z, view->subject->minute);
    }
}


/* Whether its meters have what was settled before they were made and, where a
   limit bears on it, by others. */

static int
llm_view_is_loaded(llm_zone_t *z, const llm_view_t *view,
    const llm_ask_subject_t *s)
{
    unsigned      n;
    llm_meter_t  *m;

    if (s->month && llm_view_meter(z, view, LLM_MONTH) == NULL) {
        return 0;
    }

    if (s->row == NULL) {
        return 1;
    }

    for (n = 0; n < s->row->nperiods; n++) {
        m = llm_view_meter(z, view, s->row->periods[n]);

        if (m == NULL || !llm_others_known(z, m->shared)) {
            return 0;
        }
    }

    return !s->row->minute
           || llm_others_known(z, view->minute && view->minute->shared);
}


/* The meter of a period, once it is loaded. */

static llm_meter_t *
llm_view_meter(llm_zone_t *z, const llm_view_t *view, llm_period_t period)
{
    llm_meter_t  *m;

    m = view->subject ? llm_zone_find_meter(z, view->subject, period) : NULL;

    return (m && llm_zone_meter_loaded(z, m)) ? m : NULL;
}


/* The percent of rpm and tpm that budgets leave the row, and until when. */

static void
llm_view_throttle(llm_zone_t *z, llm_clock_t *clock, llm_view_t *view,
    const llm_row_t *row)
{
    uint8_t             percent;
    unsigned            n;
    llm_standing_t      s;
    const llm_limit_t  *limit;

    if (row->throttle == 0 && row->over == 0) {
        return;
    }

    for (n = 0; n < row->nlimits; n++) {
        limit = &row->limits[n];

        if (limit->resource != LLM_RESOURCE_COST) {
            continue;
        }

        llm_view_standing(z, clock, view, limit, &s);

        percent = 100;

        if (row->throttle
            && (__int128) s.used * 100 >= (__int128) s.amount * row->soft[0])
        {
            percent = row->throttle;
        }

        if (row->over && row->over < percent && s.used >= s.amount) {
            percent = row->over;
        }

        if (percent == 100) {
            continue;
        }

        if (percent < view->percent) {
            view->percent = percent;
        }

        if (s.reset > view->relief) {
            view->relief = s.reset;
        }
    }
}


void
llm_view_standing(llm_zone_t *z, llm_clock_t *clock, const llm_view_t *view,
    const llm_limit_t *limit, llm_standing_t *s)
{
    int64_t       start, end;
    llm_meter_t  *m;

    s->limit = limit;
    s->subject = 0;
    s->amount = limit->amount;
    s->used = 0;
    s->reset = 0;
    s->left = 0;
    s->active = 0;

    if (limit->resource == LLM_RESOURCE_PARALLEL) {
        s->used = view->subject ? view->subject->inflight : 0;
        return;
    }

    if (limit->minute) {

        if (view->percent != 100 && s->amount != 0) {
            s->amount = (__int128) s->amount * view->percent / 100;
            s->amount += (s->amount == 0);
        }

        s->used = llm_view_others(z, view, limit->resource);

    } else {
        m = view->subject
            ? llm_zone_find_meter(z, view->subject, limit->period) : NULL;

        if (m) {
            s->reset = m->end;

            if (z->cluster != LLM_CLUSTER_OFF) {
                s->used = llm_resource_sum(limit->resource, m->others);
            }

        } else {
            llm_clock_period(clock, limit->period, &start, &end);
            s->reset = end;
        }
    }

    s->used = llm_sat_add(s->used, llm_view_own(z, view, limit));
}


int64_t
llm_view_own(llm_zone_t *z, const llm_view_t *view,
    const llm_limit_t *limit)
{
    int64_t             used;
    unsigned            mask, counter;
    const llm_meter_t  *m;

    used = 0;

    if (limit->minute && view->minute) {
        mask = llm_resource_mask(limit->resource);

        for (counter = 0; counter < LLM_WINDOW_COUNTERS; counter++) {
            if (mask & (1U << counter)) {
                used += view->minute->window.sum[counter];
            }
        }
    }

    if (!limit->minute && view->subject) {
        m = llm_zone_find_meter(z, view->subject, limit->period);
        used = m ? llm_resource_sum(limit->resource, m->settled) : 0;
    }

    return llm_sat_add(used, llm_view_reserved(view, limit->resource));
}


void
llm_view_reset(llm_zone_t *z, const llm_view_t *view, llm_standing_t *s)
{
    if (!s->limit->minute || view->minute == NULL) {
        return;
    }

    s->reset = llm_window_wait(&view->minute->window,
                               llm_resource_mask(s->limit->resource), 0,
                               z->now);

    /* when others began is not known, but not for how long it counts */

    if (llm_view_others(z, view, s->limit->resource)) {
        s->reset = LLM_WINDOW_BUCKETS * 1000;
    }
}


int64_t
llm_view_wait(llm_zone_t *z, const llm_view_t *view, llm_resource_e resource,
    int64_t most)
{
    int64_t  others;

    most -= llm_view_reserved(view, resource);

    if (most < 0) {
        return 1;
    }

    others = llm_view_others(z, view, resource);

    if (others > most) {
        return llm_decide_others(others, others - most);
    }

    most -= others;

    /* something is settled, or it would not be waited for: there is a
       window */

    return llm_window_wait(&view->minute->window, llm_resource_mask(resource),
                           most, z->now);
}


/* What admission adds to what is settled.  A request counts at once: there is
   nothing reserved of it. */

static int64_t
llm_view_reserved(const llm_view_t *view, llm_resource_e resource)
{
    if (view->subject == NULL || view->settled) {
        return 0;
    }

    return llm_resource_sum(resource, view->subject->reserved);
}


/* What others have in the minute. */

static int64_t
llm_view_others(llm_zone_t *z, const llm_view_t *view,
    llm_resource_e resource)
{
    int64_t   sum;
    unsigned  mask, counter;

    sum = 0;

    if (view->minute == NULL || z->cluster == LLM_CLUSTER_OFF) {
        return sum;
    }

    mask = llm_resource_mask(resource);

    for (counter = 0; counter < LLM_WINDOW_COUNTERS; counter++) {
        if (mask & (1U << counter)) {
            sum = llm_sat_add(sum, view->minute->others[counter]);
        }
    }

    return sum;
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


int64_t
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


void
llm_standing(llm_zone_t *z, llm_clock_t *clock, const llm_subject_key_t *key,
    const llm_limit_t *limit, llm_standing_t *standing)
{
    llm_view_t  view;

    llm_view(z, clock, key, &view);
    llm_view_standing(z, clock, &view, limit, standing);
    llm_view_reset(z, &view, standing);
}
