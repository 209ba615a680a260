
/*
 * Copyright (C) the llm_quota authors
 */


#include <string.h>

#include "llm_claim.h"
#include "llm_decide.h"
#include "llm_evict.h"
#include "llm_money.h"
#include "llm_rate.h"
#include "llm_refused.h"
#include "llm_pending.h"


/* The largest change is a settlement: it must fit in the journal. */

_Static_assert(LLM_SUBJECTS * (2 + 3 * LLM_SUBJECT_METERS) + 2 <= LLM_UNDO,
               "the journal is too small");

_Static_assert(LLM_ROW_PERIODS + 1 <= LLM_SUBJECT_METERS,
               "a row and the month have more periods than a subject");


static void llm_admit_refused(llm_decide_t *d);
static void llm_admit_refused_by(llm_decide_t *d);
static int llm_room(llm_decide_t *d);
static int llm_is_absent(const llm_decide_t *d, uint32_t i);
static int llm_room_subject(llm_decide_t *d, uint32_t i, llm_room_t *room);
static int llm_lacks_minute(llm_decide_t *d, uint32_t i);
static int llm_lacks(llm_zone_t *z, const llm_view_t *view,
    llm_period_t period);
static void llm_take(llm_decide_t *d);
static void llm_take_subject(llm_decide_t *d, uint32_t i);
static void llm_take_minute(llm_decide_t *d, uint32_t i);
static void llm_take_meter(llm_decide_t *d, const llm_view_t *view,
    llm_period_t period);
static void llm_take_names(llm_reservation_t *r, const llm_ask_t *ask);
static void llm_account(llm_decide_t *d);
static void llm_account_reset(llm_decide_t *d, llm_standing_t *s);
static void llm_tightest(llm_standing_t *kind, const llm_standing_t *s);
static void llm_count_minute(llm_zone_t *z, llm_window_t *w,
    llm_window_counter_e counter, int64_t n);
static void llm_merge(llm_zone_t *z, int64_t *sum, int64_t n);


void
llm_admit(llm_zone_t *z, llm_clock_t *clock, const llm_ask_t *ask,
    llm_verdict_t *v)
{
    llm_decide_t  d;

    d.zone = z;
    d.clock = clock;
    d.ask = ask;
    d.verdict = v;
    d.early = 0;
    d.budgets = 1;

    llm_decide(&d);

    if (v->decision == LLM_ADMITTED && !llm_claim_allows(&d)) {
        v->decision = LLM_UNKNOWN;
        v->wanted = z->wanted;
    }

    if (v->decision == LLM_UNKNOWN) {
        return;
    }

    if (v->decision == LLM_ADMITTED || ask->dry_run) {

        if (llm_room(&d)) {
            llm_take(&d);

        } else {
            z->full++;
            v->decision = LLM_FULL;
        }

    } else {
        llm_admit_refused(&d);
    }

    llm_account(&d);
}


void
llm_admit_early(llm_zone_t *z, llm_clock_t *clock, const llm_ask_t *ask,
    int budgets, llm_verdict_t *v)
{
    llm_decide_t  d;

    d.zone = z;
    d.clock = clock;
    d.ask = ask;
    d.verdict = v;
    d.early = 1;
    d.budgets = (budgets != 0);

    llm_decide(&d);

    if (v->decision == LLM_UNKNOWN) {
        return;
    }

    llm_admit_refused(&d);
    llm_account(&d);
}


/* Who shares a model and is refused wants his share: others make room for it,
   if the zone has some for his name. */

static void
llm_admit_refused(llm_decide_t *d)
{
    llm_admit_refused_by(d);

    if (!d->shared || d->verdict->decision != LLM_REFUSED
        || !llm_share_room(d))
    {
        return;
    }

    llm_take_minute(d, d->share.sharer);
    llm_take_minute(d, d->share.class);

    llm_share_mark(d);
    llm_zone_commit(d->zone);
}


static void
llm_admit_refused_by(llm_decide_t *d)
{
    llm_view_t         *view;
    llm_meter_t        *m;
    const llm_limit_t  *limit;

    limit = d->verdict->refusal.limit;

    if (d->verdict->decision != LLM_REFUSED || d->ask->dry_run
        || limit->resource == LLM_RESOURCE_PARALLEL)
    {
        return;
    }

    view = &d->views[d->verdict->refusal.subject];

    if (view->index == LLM_NONE) {
        return;
    }

    if (limit->minute) {

        /* of a limit of nothing there is nothing to be heard */

        if (view->minute && limit->amount) {
            llm_rate_refused(view->minute, limit, d->clock->wall / 1000);
        }

        return;
    }

    m = llm_zone_find_meter(d->zone, view->subject, limit->period);

    if (m) {
        llm_refused_note(d->zone, m, limit);
    }
}


/*
 * Whether everything that admission would create fits, so that taking never
 * stops half way.
 */

static int
llm_room(llm_decide_t *d)
{
    uint32_t     i, n;
    llm_room_t   room;
    llm_index_t  known[LLM_SUBJECTS];

    memset(&room, 0, sizeof(llm_room_t));

    n = d->ask->nsubjects;

    for (i = 0; i < n; i++) {
        known[i] = d->views[i].index;

        if (!llm_is_absent(d, i) && !llm_room_subject(d, i, &room)) {
            return 0;
        }
    }

    return d->zone->reservations_left > 0
           && llm_make_room(d->zone, d->clock, &room, known, n)
              == LLM_ROOM_MADE
           && (!d->shared || llm_share_room(d));
}


/* It has no meter that could count, and gets none here. */

static int
llm_is_absent(const llm_decide_t *d, uint32_t i)
{
    return d->ask->subjects[i].present && d->views[i].subject == NULL;
}


static int
llm_room_subject(llm_decide_t *d, uint32_t i, llm_room_t *room)
{
    int64_t                   sum;
    uint32_t                  n, has, lacks;
    llm_view_t               *view;
    llm_index_t               m;
    const llm_row_t          *row;
    const llm_ask_subject_t  *s;

    s = &d->ask->subjects[i];
    row = s->row;
    view = &d->views[i];

    has = 0;

    if (view->subject) {

        for (m = view->subject->meters; m != LLM_NONE;
             m = llm_zone_meter(d->zone, m)->next)
        {
            has++;
        }

        /* sums of reservations are exact or not taken */

        for (n = LLM_COUNT_INPUT; n < LLM_COUNTS; n++) {
            if (__builtin_add_overflow(view->subject->reserved[n],
                                       d->ask->amount[n], &sum))
            {
                return 0;
            }
        }
    }

    /* a month that the row limits too is counted twice: a bound is enough */

    lacks = (s->month && llm_lacks(d->zone, view, LLM_MONTH));

    for (n = 0; row && n < row->nperiods; n++) {
        lacks += llm_lacks(d->zone, view, row->periods[n]);
    }

    n = llm_lacks_minute(d, i);

    room->subjects += (view->subject == NULL);
    room->meters += lacks;
    room->minutes += n;

    if (lacks || n || view->subject == NULL) {
        room->common |= llm_evict_is_common(s->key.type)
                        && !(row && row->named);
    }

    return has + lacks <= LLM_SUBJECT_METERS;
}


static int
llm_lacks_minute(llm_decide_t *d, uint32_t i)
{
    const llm_row_t  *row;

    row = d->ask->subjects[i].row;

    return d->views[i].minute == NULL
           && ((row && row->minute)
               || (d->shared
                   && (i == d->share.sharer || i == d->share.class)));
}


static int
llm_lacks(llm_zone_t *z, const llm_view_t *view, llm_period_t period)
{
    return view->subject == NULL
           || llm_zone_find_meter(z, view->subject, period) == NULL;
}


static void
llm_take(llm_decide_t *d)
{
    uint32_t            i;
    llm_zone_t         *z;
    llm_index_t         index;
    llm_verdict_t      *v;
    const llm_ask_t    *ask;
    llm_reservation_t  *r;

    z = d->zone;
    v = d->verdict;
    ask = d->ask;

    for (i = 0; i < ask->nsubjects; i++) {
        if (llm_is_absent(d, i)) {
            z->unnamed |= 1u << ask->subjects[i].key.type;

        } else {
            llm_take_subject(d, i);
        }
    }

    index = llm_zone_add_reservation(z);
    r = llm_zone_reservation(z, index);

    llm_zone_set_worker(z, r, ask->worker);

    r->of = 0;
    r->of_epoch = 0;
    r->started = ask->started;
    r->nsubjects = 0;

    for (i = 0; i < ask->nsubjects; i++) {
        if (!llm_is_absent(d, i)) {
            r->subjects[r->nsubjects++] = d->views[i].index;
        }

        v->nsubjects += !ask->subjects[i].present;
    }

    for (i = 0; i < LLM_COUNTS; i++) {
        r->reserved[i] = (ask->reserve == LLM_RESERVE_OFF
                          || i == LLM_COUNT_REQUESTS)
                         ? 0 : ask->amount[i];
        r->expected[i] = ask->expected[i];
    }

    llm_take_names(r, ask);

    llm_zone_put32(z, &r->state, LLM_RESERVATION_HELD);
    llm_zone_hold(z, r);

    for (i = 0; i < ask->nsubjects; i++) {
        if (llm_is_absent(d, i)) {
            continue;
        }

        d->views[i].subject->inflight++;

        d->views[i].subject->reserved[LLM_COUNT_INPUT] +=
                                                 r->reserved[LLM_COUNT_INPUT];
        d->views[i].subject->reserved[LLM_COUNT_OUTPUT] +=
                                                 r->reserved[LLM_COUNT_OUTPUT];
        d->views[i].subject->reserved[LLM_COUNT_COST] +=
                                                 r->reserved[LLM_COUNT_COST];
    }

    if (d->shared) {
        llm_share_mark(d);
    }

    llm_zone_commit(z);

    v->reservation = index;
    v->id = r->id;
}


static void
llm_take_subject(llm_decide_t *d, uint32_t i)
{
    unsigned                  n;
    llm_zone_t               *z;
    llm_view_t               *view;
    llm_index_t               m;
    llm_meter_t              *meter;
    const llm_row_t          *row;
    const llm_ask_subject_t  *s;

    z = d->zone;
    view = &d->views[i];
    s = &d->ask->subjects[i];
    row = s->row;

    llm_take_minute(d, i);

    if (row && row->named) {
        llm_evict_pin(z, view->subject);
    }

    if (s->month) {
        llm_take_meter(d, view, LLM_MONTH);
    }

    for (n = 0; row && n < row->nperiods; n++) {
        llm_take_meter(d, view, row->periods[n]);
    }

    /* the request counts now, in every meter that the subject has */

    if (view->minute) {
        llm_count_minute(z, &view->minute->window, LLM_WINDOW_REQUESTS, 1);
    }

    for (m = view->subject->meters; m != LLM_NONE; m = meter->next) {
        meter = llm_zone_meter(z, m);

        llm_zone_put64(z, &meter->settled[LLM_COUNT_REQUESTS],
                       llm_sat_add(meter->settled[LLM_COUNT_REQUESTS], 1));
    }
}


/* Makes the subject, and what it needs for rates. */

static void
llm_take_minute(llm_decide_t *d, uint32_t i)
{
    llm_zone_t  *z;
    llm_view_t  *view;

    z = d->zone;
    view = &d->views[i];

    if (view->subject == NULL) {
        view->index = llm_zone_add_subject(z, &d->ask->subjects[i].key);
        view->subject = llm_zone_subject(z, view->index);

        llm_evict_touch(view->subject);
    }

    if (llm_lacks_minute(d, i)) {
        view->minute = llm_zone_minute(z, llm_zone_add_minute(z, view->index));
    }

    if (d->shared && i == d->share.class && view->subject->share == LLM_NONE)
    {
        (void) llm_zone_add_share(z, view->index);
    }
}


static void
llm_take_meter(llm_decide_t *d, const llm_view_t *view, llm_period_t period)
{
    int64_t  start, end;

    if (llm_lacks(d->zone, view, period)) {
        llm_clock_period(d->clock, period, &start, &end);
        (void) llm_zone_add_meter(d->zone, view->index, period, start, end);
    }
}


static void
llm_take_names(llm_reservation_t *r, const llm_ask_t *ask)
{
    size_t   left;
    u_char  *p;
    uint32_t i;

    p = r->text;
    left = LLM_RECORD_TEXT;

    for (i = 0; i < LLM_NAMES; i++) {
        r->len[i] = (ask->len[i] < left) ? ask->len[i] : left;

        if (r->len[i]) {
            memcpy(p, ask->name[i], r->len[i]);
        }

        p += r->len[i];
        left -= r->len[i];
    }
}


/* What headers, warnings and lines say after the decision. */

static void
llm_account(llm_decide_t *d)
{
    int                 percent;
    uint32_t            i, n;
    llm_meter_t        *m;
    llm_verdict_t      *v;
    llm_standing_t      s;
    const llm_row_t    *row;
    llm_share_rate_t    rate;
    const llm_limit_t  *limit;

    v = d->verdict;

    for (i = 0; i < d->ask->nsubjects; i++) {
        row = d->ask->subjects[i].row;

        for (n = 0; row && n < row->nlimits; n++) {
            limit = &row->limits[n];

            llm_view_standing(d->zone, d->clock, &d->views[i], limit, &s);
            s.subject = i;

            if (llm_share_bears(d, i, limit)) {
                llm_share_standing(d, limit, &s, &rate);
                s.amount = llm_max(s.amount, 0);
            }

            if (limit->minute) {
                llm_tightest(limit->resource == LLM_RESOURCE_REQUESTS
                             ? &v->requests : &v->tokens, &s);
                continue;
            }

            if (limit->resource != LLM_RESOURCE_COST) {
                continue;
            }

            llm_tightest(&v->budget, &s);

            percent = 100;

            if (s.used < s.amount) {
                percent = (int) ((__int128) s.used * 100 / s.amount);
            }

            if (row->nsoft && percent >= row->soft[0] && percent > v->percent)
            {
                v->percent = percent;
                v->soft = s;
            }

            /* one line for a request: the next budget's comes with the next */

            if (row->hard_cap || s.used < s.amount
                || v->reservation == LLM_NONE || v->passed.limit)
            {
                continue;
            }

            m = llm_zone_find_meter(d->zone, d->views[i].subject,
                                    limit->period);

            if (d->clock->wall / 1000 - m->warned >= 3600) {
                m->warned = d->clock->wall / 1000;
                v->passed = s;
            }
        }
    }

    llm_account_reset(d, &v->refusal);
    llm_account_reset(d, &v->requests);
    llm_account_reset(d, &v->tokens);
}


static void
llm_account_reset(llm_decide_t *d, llm_standing_t *s)
{
    if (s->limit) {
        llm_view_reset(d->zone, &d->views[s->subject], s);
    }
}


static void
llm_tightest(llm_standing_t *kind, const llm_standing_t *s)
{
    if (kind->limit == NULL
        || s->amount - s->used < kind->amount - kind->used)
    {
        *kind = *s;
    }
}


int
llm_settle(llm_zone_t *z, llm_clock_t *clock, llm_index_t i, uint64_t id,
    const llm_settlement_t *settlement)
{
    if (!llm_settle_held(z, i, id)) {
        return 0;
    }

    llm_settle_note(z, clock, llm_zone_reservation(z, i), settlement,
                    LLM_NONE);

    return 1;
}


int
llm_settle_held(llm_zone_t *z, llm_index_t i, uint64_t id)
{
    llm_reservation_t  *r;

    if (i >= z->nreservations) {
        return 0;
    }

    r = llm_zone_reservation(z, i);

    return r->state == LLM_RESERVATION_HELD && r->id == id;
}


void
llm_settle_note(llm_zone_t *z, llm_clock_t *clock, llm_reservation_t *r,
    const llm_settlement_t *settlement, llm_index_t pending)
{
    r->settlement = *settlement;
    r->settlement.requests = 1;
    r->pending = pending;

    llm_barrier();

    /* from here on the charge is a fact: repair carries it out */

    r->state = LLM_RESERVATION_CHARGED;

    llm_settle_apply(z, clock, r);
}


void
llm_merge_settled(llm_zone_t *z, llm_index_t into, llm_index_t from)
{
    int64_t             started, other, ended;
    llm_settlement_t   *a, *b;
    llm_reservation_t  *r;

    r = llm_zone_reservation(z, from);

    a = &llm_zone_reservation(z, into)->settlement;
    b = &r->settlement;

    llm_merge(z, &a->usage.input, b->usage.input);
    llm_merge(z, &a->usage.output, b->usage.output);
    llm_merge(z, &a->usage.cached_read, b->usage.cached_read);
    llm_merge(z, &a->usage.cache_write_5m, b->usage.cache_write_5m);
    llm_merge(z, &a->usage.cache_write_1h, b->usage.cache_write_1h);
    llm_merge(z, &a->usage.reasoning, b->usage.reasoning);
    llm_merge(z, &a->window_input, b->window_input);
    llm_merge(z, &a->cost, b->cost);
    llm_merge(z, &a->requests, b->requests);

    started = a->timestamp - a->duration;
    other = b->timestamp - b->duration;
    ended = (b->timestamp > a->timestamp) ? b->timestamp : a->timestamp;

    llm_zone_put64(z, &a->timestamp, ended);
    llm_zone_put64(z, &a->duration,
                   ended - ((other < started) ? other : started));

    llm_zone_put32(z, &r->state, LLM_RESERVATION_FREE);

    llm_zone_commit(z);

    llm_zone_let_go(z, r);
    llm_zone_link_reservation(z, from);
}


static void
llm_merge(llm_zone_t *z, int64_t *sum, int64_t n)
{
    llm_zone_put64(z, sum, llm_sat_add(*sum, n));
}


void
llm_settle_noted(llm_zone_t *z, llm_clock_t *clock)
{
    llm_index_t         i;
    llm_reservation_t  *r;

    for (i = 0; i < z->nreservations; i++) {
        r = llm_zone_reservation(z, i);

        if (r->state == LLM_RESERVATION_CHARGED) {
            llm_settle_apply(z, clock, r);
        }
    }
}


void
llm_settle_expected(const int64_t *expected, int64_t started,
    llm_settlement_t *s)
{
    memset(&s->usage, 0, sizeof(llm_usage_t));

    s->usage.input = expected[LLM_COUNT_INPUT];
    s->usage.output = expected[LLM_COUNT_OUTPUT];
    s->usage.cost = -1;
    s->window_input = s->usage.input;
    s->cost = expected[LLM_COUNT_COST];
    s->duration = s->timestamp - started;
    s->source = LLM_SOURCE_ESTIMATED;
}


void
llm_settle_apply(llm_zone_t *z, llm_clock_t *clock, llm_reservation_t *r)
{
    int64_t            *settled;
    uint32_t            i;
    llm_index_t         m;
    llm_meter_t        *meter;
    llm_window_t       *w;
    llm_subject_t      *s;
    llm_settlement_t   *c;

    c = &r->settlement;

    for (i = 0; i < r->nsubjects; i++) {
        llm_zone_roll(z, clock, llm_zone_subject(z, r->subjects[i]));
    }

    for (i = 0; i < r->nsubjects; i++) {
        s = llm_zone_subject(z, r->subjects[i]);

        if (s->minute != LLM_NONE) {
            w = &llm_zone_minute(z, s->minute)->window;

            llm_count_minute(z, w, LLM_WINDOW_INPUT, c->window_input);
            llm_count_minute(z, w, LLM_WINDOW_OUTPUT, c->usage.output);
        }

        for (m = s->meters; m != LLM_NONE; m = meter->next) {
            meter = llm_zone_meter(z, m);
            settled = meter->settled;

            llm_zone_put64(z, &settled[LLM_COUNT_INPUT],
                           llm_sat_add(settled[LLM_COUNT_INPUT],
                                       c->usage.input));
            llm_zone_put64(z, &settled[LLM_COUNT_OUTPUT],
                           llm_sat_add(settled[LLM_COUNT_OUTPUT],
                                       c->usage.output));
            llm_zone_put64(z, &settled[LLM_COUNT_COST],
                           llm_sat_add(settled[LLM_COUNT_COST], c->cost));
        }
    }

    llm_zone_put32(z, &r->state, LLM_RESERVATION_SETTLED);

    if (r->pending != LLM_NONE && r->of == 0) {
        llm_pending_open(z, r->pending);
    }

    for (i = 0; i < r->nsubjects; i++) {
        s = llm_zone_subject(z, r->subjects[i]);

        s->inflight--;
        s->reserved[LLM_COUNT_INPUT] -= r->reserved[LLM_COUNT_INPUT];
        s->reserved[LLM_COUNT_OUTPUT] -= r->reserved[LLM_COUNT_OUTPUT];
        s->reserved[LLM_COUNT_COST] -= r->reserved[LLM_COUNT_COST];
    }

    llm_zone_commit(z);
}


/* A bucket is a fact; the sum is computed from buckets after a kill. */

static void
llm_count_minute(llm_zone_t *z, llm_window_t *w, llm_window_counter_e counter,
    int64_t n)
{
    uint32_t  *bucket, before;

    if (n <= 0) {
        return;
    }

    bucket = llm_window_bucket(w, counter);
    before = *bucket;

    llm_zone_put32(z, bucket, (n > UINT32_MAX - before)
                              ? UINT32_MAX : before + (uint32_t) n);

    w->sum[counter] += *bucket - before;
}
