
/*
 * Copyright (C) the llm_quota authors
 */


#include <string.h>

#include "llm_decide.h"
#include "llm_money.h"


/* More than anybody uses in a minute, and little enough for sums of all
   pairs. */

#define LLM_SHARE_USE  ((int64_t) 1 << 40)


/* What other classes leave of a rate. */

typedef struct {
    int64_t                  lend;       /* at most */
    int64_t                  lent;
    int64_t                  kept;       /* unused, by who does not lend */
    int64_t                  wanted;     /* unused, by who has somebody
                                            greedy */
    unsigned                 greedy;     /* classes that have */
} llm_share_others_t;


static void llm_share_others(llm_decide_t *d, const llm_limit_t *limit,
    int64_t whole, llm_share_others_t *others);
static int64_t llm_share_used(llm_decide_t *d, const llm_view_t *view,
    const llm_limit_t *limit);
static int64_t llm_share_has(const llm_ask_t *ask, uint32_t class,
    int64_t whole);
static int64_t llm_share_part(int64_t whole, uint8_t percent);
static int64_t llm_share_level(llm_decide_t *d, const llm_limit_t *limit,
    int64_t class, int64_t used, int64_t own, uint32_t *active);
static int64_t llm_share_parts(int64_t n, uint32_t parts);
static void llm_share_rest(llm_decide_t *d, llm_sharers_t *rest);
static llm_share_t *llm_share_own(llm_decide_t *d, llm_sharers_t *own);
static int64_t llm_share_until(llm_decide_t *d, const llm_view_t *view,
    const llm_limit_t *limit, int64_t most);
static void llm_share_next(llm_decide_t *d, const llm_share_t *before,
    llm_sharer_t *next);
static int64_t llm_share_use(const llm_view_t *view,
    llm_window_counter_e counter);
static void llm_share_count(llm_zone_t *z, llm_share_t *share,
    const llm_sharer_t *sharer, const llm_sharers_t *counted, int sign);
static llm_view_t *llm_share_class(llm_decide_t *d, uint32_t class);
static llm_share_t *llm_share_ring(llm_decide_t *d, uint32_t class);
static int llm_share_is_active(const llm_share_t *share,
    const llm_sharer_t *sharer);
static int llm_share_is_hungry(const llm_share_t *share,
    const llm_sharer_t *sharer);
static void llm_share_add(llm_sharers_t *sum, const llm_sharers_t *n,
    int sign);


int
llm_class_key(const llm_zone_t *z, llm_class_t *class, const u_char *model,
    size_t len, const u_char *name, size_t n)
{
    static const u_char  none[1];

    return llm_zone_key(z, &class->key, LLM_SUBJECT_CLASS, model, len,
                        n ? name : none, n);
}


void
llm_share_view(llm_decide_t *d)
{
    uint32_t           i;
    unsigned           roles;
    llm_share_t       *share;
    const llm_ask_t   *ask;
    llm_share_view_t  *sv;

    ask = d->ask;
    sv = &d->share;

    d->shared = 0;

    if (ask->nclasses == 0) {
        return;
    }

    roles = 0;

    for (i = 0; i < ask->nsubjects; i++) {
        roles |= 1U << ask->subjects[i].role;

        switch (ask->subjects[i].role) {

        case LLM_ROLE_MODEL:
            sv->model = i;
            break;

        case LLM_ROLE_SHARER:
            sv->sharer = i;
            break;

        case LLM_ROLE_CLASS:
            sv->class = i;
            break;

        default: /* LLM_ROLE_NONE */
            break;
        }
    }

    /* in a zone that is full some may be left out of the question */

    roles |= 1U << LLM_ROLE_NONE;

    if (roles != (1U << (LLM_ROLE_CLASS + 1)) - 1) {
        return;
    }

    d->shared = 1;

    for (i = 0; i < ask->nclasses; i++) {

        if (i != ask->class) {
            llm_view(d->zone, d->clock, &ask->classes[i].key, &sv->views[i]);
            sv->views[i].settled = (ask->reserve == LLM_RESERVE_OFF);
        }

        share = llm_share_ring(d, i);

        if (share) {
            llm_share_roll(share, d->zone->now / 1000);
        }
    }
}


int
llm_share_bears(const llm_decide_t *d, uint32_t i, const llm_limit_t *limit)
{
    return d->shared && i == d->share.model && limit->minute;
}


void
llm_share_standing(llm_decide_t *d, const llm_limit_t *limit,
    llm_standing_t *s, llm_share_rate_t *rate)
{
    int64_t             own, class, room;
    llm_share_others_t  others;

    own = llm_share_used(d, &d->views[d->share.sharer], limit);
    class = llm_share_used(d, &d->views[d->share.class], limit);

    llm_share_others(d, limit, s->amount, &others);

    rate->whole = s->amount - others.kept;
    rate->common = rate->whole - others.wanted;
    rate->has = llm_share_has(d->ask, d->ask->class, s->amount);
    rate->class = rate->has + others.lent / (1 + others.greedy);
    rate->level = llm_share_level(d, limit, rate->class, class, own,
                                  &s->active);
    rate->most = rate->has + others.lend;

    room = llm_max(rate->has - class, rate->common - s->used);
    room = llm_min(room, rate->class - class);
    room = llm_min(room, rate->whole - s->used);
    room = llm_min(room, rate->level - own);

    s->subject = d->share.sharer;
    s->left = llm_max(s->amount - s->used, 0);
    s->used = own;
    s->amount = llm_sat_add(own, room);
}


/* What a class has over its share is borrowed: less is left to lend. */

static void
llm_share_others(llm_decide_t *d, const llm_limit_t *limit, int64_t whole,
    llm_share_others_t *others)
{
    int64_t             has, unused;
    uint32_t            i;
    unsigned            greedy;
    llm_share_t        *share;
    const llm_class_t  *class;

    memset(others, 0, sizeof(llm_share_others_t));

    for (i = 0; i < d->ask->nclasses; i++) {

        if (i == d->ask->class) {
            continue;
        }

        class = &d->ask->classes[i];
        share = llm_share_ring(d, i);

        has = llm_share_has(d->ask, i, whole);
        unused = has - llm_share_used(d, llm_share_class(d, i), limit);

        others->lend += class->lend ? has : 0;

        greedy = (share && share->sum.greedy);

        others->greedy += greedy;

        if (!class->lend && unused > 0) {
            others->kept += unused;

        } else if (!greedy) {
            others->lent = llm_sat_add(others->lent, unused);

        } else if (unused > 0) {
            others->wanted += unused;
        }
    }

    others->lent = llm_max(others->lent, 0);
}


static int64_t
llm_share_used(llm_decide_t *d, const llm_view_t *view,
    const llm_limit_t *limit)
{
    llm_standing_t  s;

    llm_view_standing(d->zone, d->clock, view, limit, &s);

    return s.used;
}


/* The first class has what the others leave. */

static int64_t
llm_share_has(const llm_ask_t *ask, uint32_t class, int64_t whole)
{
    int64_t   left;
    uint32_t  i;

    if (class != 0) {
        return llm_share_part(whole, ask->classes[class].percent);
    }

    left = whole;

    for (i = 1; i < ask->nclasses; i++) {
        left -= llm_share_part(whole, ask->classes[i].percent);
    }

    return left;
}


static int64_t
llm_share_part(int64_t whole, uint8_t percent)
{
    return (__int128) whole * percent / 100;
}


static int64_t
llm_share_level(llm_decide_t *d, const llm_limit_t *limit, int64_t class,
    int64_t used, int64_t own, uint32_t *active)
{
    int64_t        equal, greedy, content;
    unsigned       mask, n;
    llm_sharers_t  rest;

    llm_share_rest(d, &rest);

    content = used - own;
    mask = llm_resource_mask(limit->resource);

    for (n = 0; n < LLM_WINDOW_COUNTERS; n++) {
        if (mask & (1U << n)) {
            content -= rest.use[n];
        }
    }

    /* who is greedy and no longer active is still to come */

    *active = llm_max(rest.active, rest.greedy) + 1;

    equal = llm_share_parts(class, *active);
    greedy = llm_share_parts(class - llm_max(content, 0), rest.greedy + 1);

    return llm_max(equal, greedy);
}


/* Rounded up: what cannot be divided is for who comes first. */

static int64_t
llm_share_parts(int64_t n, uint32_t parts)
{
    return (n > 0) ? (n - 1) / parts + 1 : 0;
}


/* What the class counts of all others. */

static void
llm_share_rest(llm_decide_t *d, llm_sharers_t *rest)
{
    llm_share_t    *share;
    llm_sharers_t   own;

    share = llm_share_ring(d, d->ask->class);

    if (share == NULL) {
        memset(rest, 0, sizeof(llm_sharers_t));
        return;
    }

    *rest = share->sum;

    if (llm_share_own(d, &own) == share) {
        llm_share_add(rest, &own, -1);
    }
}


/* The ring that counts the sharer, or NULL, and as what. */

static llm_share_t *
llm_share_own(llm_decide_t *d, llm_sharers_t *own)
{
    uint32_t             i;
    llm_share_t         *share;
    const llm_minute_t  *minute;

    memset(own, 0, sizeof(llm_sharers_t));

    minute = d->views[d->share.sharer].minute;

    if (minute == NULL) {
        return NULL;
    }

    for (i = 0; i < d->ask->nclasses; i++) {
        share = llm_share_ring(d, i);

        if (share == NULL
            || d->ask->classes[i].key.hash != minute->sharer.class)
        {
            continue;
        }

        own->active = llm_share_is_active(share, &minute->sharer);

        if (llm_share_is_hungry(share, &minute->sharer)) {
            own->greedy = minute->sharer.greedy;
            memcpy(own->use, minute->sharer.use, sizeof(own->use));
        }

        return share;
    }

    return NULL;
}


int64_t
llm_share_retry(llm_decide_t *d, const llm_limit_t *limit,
    const llm_share_rate_t *rate, int64_t needs)
{
    int64_t      wait, other, used, all, most;
    llm_view_t  *class;

    if (needs > rate->most) {
        return INT64_MAX;
    }

    class = &d->views[d->share.class];

    used = llm_share_used(d, class, limit);
    all = llm_share_used(d, &d->views[d->share.model], limit);

    /* what other classes let go of may be kept by them: only what this one
       lets go of is sure to be had */

    wait = 0;

    if (rate->whole - all < needs) {
        wait = llm_share_until(d, class, limit, used + rate->whole - all
                                                - needs);
    }

    if (rate->has - used < needs && rate->common - all < needs) {
        most = llm_max(rate->has, used + rate->common - all);
        other = llm_share_until(d, class, limit, most - needs);
        wait = llm_max(wait, other);
    }

    other = llm_share_until(d, class, limit, rate->class - needs);
    wait = llm_max(wait, other);

    other = llm_share_until(d, &d->views[d->share.sharer], limit,
                            rate->level - needs);

    return llm_max(wait, other);
}


/* Where there is not enough, others may no longer want theirs. */

static int64_t
llm_share_until(llm_decide_t *d, const llm_view_t *view,
    const llm_limit_t *limit, int64_t most)
{
    if (most < 0) {
        return LLM_SHARE_HUNGRY * 1000;
    }

    if (llm_share_used(d, view, limit) <= most) {
        return 0;
    }

    return llm_view_wait(d->zone, view, limit->resource, most);
}


int
llm_share_room(llm_decide_t *d)
{
    uint32_t          subjects, minutes, shares;
    const llm_view_t  *sharer, *class;

    sharer = &d->views[d->share.sharer];
    class = &d->views[d->share.class];

    subjects = (sharer->subject == NULL) + (class->subject == NULL);
    minutes = (sharer->minute == NULL) + (class->minute == NULL);
    shares = (llm_share_ring(d, d->ask->class) == NULL);

    return subjects <= d->zone->subjects_left
           && minutes <= d->zone->minutes_left
           && shares <= d->zone->shares_left;
}


void
llm_share_mark(llm_decide_t *d)
{
    unsigned        n;
    llm_zone_t     *z;
    llm_share_t    *before;
    llm_sharer_t   *sharer, next;
    llm_sharers_t   counted;

    z = d->zone;
    sharer = &d->views[d->share.sharer].minute->sharer;

    before = llm_share_own(d, &counted);
    llm_share_next(d, before, &next);

    if (before) {
        llm_share_count(z, before, sharer, &counted, -1);
    }

    llm_zone_put32(z, &sharer->class, next.class);
    llm_zone_put32(z, &sharer->asked, next.asked);
    llm_zone_put32(z, &sharer->hungry, next.hungry);
    llm_zone_put32(z, &sharer->greedy, next.greedy);
    llm_zone_put32(z, &sharer->since, next.since);
    llm_zone_put32(z, &sharer->refusals, next.refusals);
    llm_zone_put32(z, &sharer->before, next.before);

    counted.active = 1;
    counted.greedy = next.greedy;

    for (n = 0; n < LLM_WINDOW_COUNTERS; n++) {
        llm_zone_put64(z, &sharer->use[n], next.use[n]);
        counted.use[n] = next.use[n];
    }

    llm_share_count(z, llm_share_ring(d, d->ask->class), sharer, &counted, 1);
}


/*
 * What the sharer is after this request.  A minute's refusals, of which there
 * are no more than requests that were admitted, show one who asks for little:
 * for him twice as much is kept as he uses, not all of a share.  Of one who has
 * just come that is not known.
 */

static void
llm_share_next(llm_decide_t *d, const llm_share_t *before,
    llm_sharer_t *next)
{
    int64_t        needs[LLM_WINDOW_COUNTERS];
    uint32_t       second;
    unsigned       n;
    llm_view_t    *view;

    view = &d->views[d->share.sharer];

    *next = view->minute->sharer;
    second = (uint32_t) (d->zone->now / 1000);

    if (before == NULL || !llm_share_is_active(before, next)) {
        next->since = second;
        next->refusals = 0;
        next->before = UINT32_MAX;

    } else if (second - next->since >= LLM_SHARE_ACTIVE) {
        next->since = second;
        next->before = next->refusals;
        next->refusals = 0;
    }

    if (d->hungry && !d->barred) {
        next->refusals++;
        next->hungry = second + LLM_SHARE_HUNGRY - 1;

    } else if (before == NULL || !llm_share_is_hungry(before, next)) {
        next->hungry = 0;
    }

    next->class = d->ask->classes[d->ask->class].key.hash;
    next->asked = second;
    next->greedy = 0;

    memset(next->use, 0, sizeof(next->use));

    if (next->hungry == 0) {
        return;
    }

    next->greedy = !d->modest
                   || llm_max(next->before, next->refusals)
                      > view->minute->window.sum[LLM_WINDOW_REQUESTS];

    needs[LLM_WINDOW_REQUESTS] = 1;
    needs[LLM_WINDOW_INPUT] = d->ask->amount[LLM_COUNT_INPUT];
    needs[LLM_WINDOW_OUTPUT] = d->ask->amount[LLM_COUNT_OUTPUT];

    for (n = 0; n < LLM_WINDOW_COUNTERS; n++) {
        next->use[n] = llm_share_use(view, n);

        if (!next->greedy) {
            next->use[n] = -llm_min(next->use[n] + needs[n], LLM_SHARE_USE);
        }
    }
}


/* What a subject has used or holds of what a window counts. */

static int64_t
llm_share_use(const llm_view_t *view, llm_window_counter_e counter)
{
    int64_t  n;

    n = llm_min(view->minute->window.sum[counter], LLM_SHARE_USE);

    if (!view->settled && counter == LLM_WINDOW_INPUT) {
        n = llm_sat_add(n, view->subject->reserved[LLM_COUNT_INPUT]);
    }

    if (!view->settled && counter == LLM_WINDOW_OUTPUT) {
        n = llm_sat_add(n, view->subject->reserved[LLM_COUNT_OUTPUT]);
    }

    return llm_min(n, LLM_SHARE_USE);
}


/* Adds a pair to the seconds that it belongs to, or takes it out. */

static void
llm_share_count(llm_zone_t *z, llm_share_t *share, const llm_sharer_t *sharer,
    const llm_sharers_t *counted, int sign)
{
    unsigned        n;
    llm_sharers_t  *bucket;

    bucket = &share->bucket[sharer->asked % LLM_SHARE_HUNGRY];

    llm_zone_put32(z, &bucket->active, bucket->active
                                       + sign * counted->active);

    bucket = &share->bucket[sharer->hungry % LLM_SHARE_HUNGRY];

    llm_zone_put32(z, &bucket->greedy, bucket->greedy
                                       + sign * counted->greedy);

    for (n = 0; n < LLM_WINDOW_COUNTERS; n++) {
        llm_zone_put64(z, &bucket->use[n], bucket->use[n]
                                           + sign * counted->use[n]);
    }

    llm_share_add(&share->sum, counted, sign);
}


static llm_view_t *
llm_share_class(llm_decide_t *d, uint32_t class)
{
    return (class == d->ask->class) ? &d->views[d->share.class]
                                    : &d->share.views[class];
}


static llm_share_t *
llm_share_ring(llm_decide_t *d, uint32_t class)
{
    llm_view_t  *view;

    view = llm_share_class(d, class);

    if (view->subject == NULL || view->subject->share == LLM_NONE) {
        return NULL;
    }

    return llm_zone_share(d->zone, view->subject->share);
}


static int
llm_share_is_active(const llm_share_t *share, const llm_sharer_t *sharer)
{
    return share->second - sharer->asked < LLM_SHARE_ACTIVE;
}


static int
llm_share_is_hungry(const llm_share_t *share, const llm_sharer_t *sharer)
{
    return sharer->hungry >= share->second;
}


void
llm_share_roll(llm_share_t *share, uint64_t second)
{
    llm_sharers_t  left, *bucket;

    if (second > share->second + LLM_SHARE_HUNGRY) {
        llm_share_empty(share, second);
        return;
    }

    while (share->second < second) {

        /* the hungry of the second that ends, the active of 60 before it */

        bucket = &share->bucket[share->second % LLM_SHARE_HUNGRY];

        left = *bucket;
        left.active = 0;
        llm_share_add(&share->sum, &left, -1);

        bucket->greedy = 0;
        memset(bucket->use, 0, sizeof(bucket->use));

        bucket = &share->bucket[(share->second + LLM_SHARE_HUNGRY + 1
                                 - LLM_SHARE_ACTIVE) % LLM_SHARE_HUNGRY];

        share->sum.active -= bucket->active;
        bucket->active = 0;

        llm_barrier();

        share->second++;
    }
}


void
llm_share_empty(llm_share_t *share, uint64_t second)
{
    memset(share->bucket, 0, sizeof(share->bucket));
    memset(&share->sum, 0, sizeof(share->sum));

    llm_barrier();

    share->second = second;
}


static void
llm_share_add(llm_sharers_t *sum, const llm_sharers_t *n, int sign)
{
    unsigned  i;

    sum->active += sign * n->active;
    sum->greedy += sign * n->greedy;

    for (i = 0; i < LLM_WINDOW_COUNTERS; i++) {
        sum->use[i] += sign * n->use[i];
    }
}


/* From the last to the first, as the other lists. */

void
llm_share_thread(llm_zone_t *z)
{
    unsigned      n;
    llm_index_t   i;
    llm_share_t  *share;

    z->free_share = LLM_NONE;
    z->shares_left = 0;

    for (i = z->nshares; i-- > 0; /* void */ ) {
        share = llm_zone_share(z, i);

        if (share->subject == LLM_NONE) {
            share->next = z->free_share;
            z->free_share = i;
            z->shares_left++;
            continue;
        }

        llm_zone_subject(z, share->subject)->share = i;

        memset(&share->sum, 0, sizeof(share->sum));

        for (n = 0; n < LLM_SHARE_HUNGRY; n++) {
            llm_share_add(&share->sum, &share->bucket[n], 1);
        }
    }
}
