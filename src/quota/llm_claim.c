
/*
 * Copyright (C) the llm_quota authors
 */


#include <string.h>

#include "llm_claim.h"
#include "llm_money.h"


/* A slice is asked for ahead where the last was worth it: near the limit, where
   slices are single requests, one that nobody needs yet is another's. */

#define LLM_CLAIM_WORTH  4                   /* requests */


typedef int (*llm_claim_pt)(llm_decide_t *d, uint32_t i,
    const llm_limit_t *limit, llm_claim_t *claim);


static int llm_claim_each(llm_decide_t *d, llm_claim_pt look);
static int llm_claim_bind(llm_decide_t *d, uint32_t i,
    const llm_limit_t *limit, llm_claim_t *claim);
static int llm_claim_limit(llm_decide_t *d, uint32_t i,
    const llm_limit_t *limit, llm_claim_t *claim);
static llm_claim_t *llm_claim_of(llm_decide_t *d, uint32_t i,
    const llm_limit_t *limit);
static unsigned llm_claim_mask(llm_resource_e resource);
static int64_t llm_claim_sum(unsigned mask, const int64_t *counts);
static int64_t llm_claim_needs(const llm_decide_t *d, unsigned count);
static void llm_claim_want(llm_decide_t *d, llm_claim_t *claim,
    unsigned mask);


void
llm_claim_start(llm_zone_t *z, uint32_t idle)
{
    z->strict = idle;
}


int
llm_claim_allows(llm_decide_t *d)
{
    if (d->zone->strict == 0 || d->zone->cluster != LLM_CLUSTER_ON
        || d->ask->blind || d->ask->dry_run)
    {
        return 1;
    }

    /* what is wanted for one limit counts toward others, too: whoever dies in
       here has bound it before he wanted it */

    (void) llm_claim_each(d, llm_claim_bind);

    llm_barrier();

    return llm_claim_each(d, llm_claim_limit);
}


/* All limits have their say, so that one exchange is enough. */

static int
llm_claim_each(llm_decide_t *d, llm_claim_pt look)
{
    int                 all;
    uint32_t            i, n;
    llm_claim_t        *claim;
    const llm_row_t    *row;
    const llm_limit_t  *limit;

    all = 1;

    for (i = 0; i < d->ask->nsubjects; i++) {
        row = d->ask->subjects[i].row;

        for (n = 0; row && n < row->nlimits; n++) {
            limit = &row->limits[n];

            if (!llm_decide_bears(d, row, limit)) {
                continue;
            }

            claim = llm_claim_of(d, i, limit);

            if (claim) {
                all &= look(d, i, limit, claim);
            }
        }
    }

    return all;
}


static int
llm_claim_bind(llm_decide_t *d, uint32_t i, const llm_limit_t *limit,
    llm_claim_t *claim)
{
    int64_t         *bound;
    llm_standing_t   s;

    llm_view_standing(d->zone, d->clock, &d->views[i], limit, &s);

    bound = &claim->bound[limit->resource];

    if (s.amount <= LLM_CLAIM_MOST && (*bound == 0 || s.amount < *bound)) {
        *bound = s.amount;
    }

    claim->asked = 0;

    return 1;
}


static int
llm_claim_limit(llm_decide_t *d, uint32_t i, const llm_limit_t *limit,
    llm_claim_t *claim)
{
    int64_t   used, needs, have, slice;
    unsigned  mask;

    if (limit->amount > LLM_CLAIM_MOST) {
        return 1;
    }

    mask = llm_claim_mask(limit->resource);
    used = llm_view_own(d->zone, &d->views[i], limit);
    needs = llm_decide_needs(d, limit->resource);

    have = 0;

    if (!limit->minute || d->zone->now < claim->until) {
        have = llm_claim_sum(mask, claim->have);
    }

    /* where a reset left less than nothing, nothing would be a claim */

    if (!claim->granted) {
        have = llm_min(have, used);
    }

    if (have - needs < used) {
        llm_claim_want(d, claim, mask);
        return 0;
    }

    slice = llm_claim_sum(mask, claim->slice);

    if (have - needs - used < slice / 2
        && slice / LLM_CLAIM_WORTH >= needs
        && llm_claim_sum(mask, claim->want) == 0)
    {
        llm_claim_want(d, claim, mask);
    }

    return 1;
}


static llm_claim_t *
llm_claim_of(llm_decide_t *d, uint32_t i, const llm_limit_t *limit)
{
    llm_meter_t  *m;
    llm_view_t   *view;

    view = &d->views[i];

    if (limit->resource == LLM_RESOURCE_PARALLEL || view->subject == NULL) {
        return NULL;
    }

    if (limit->minute) {
        return view->minute ? &view->minute->claim : NULL;
    }

    m = llm_zone_find_meter(d->zone, view->subject, limit->period);

    return m ? &m->claim : NULL;
}


_Static_assert((int) LLM_COUNT_REQUESTS == (int) LLM_WINDOW_REQUESTS
               && (int) LLM_COUNT_INPUT == (int) LLM_WINDOW_INPUT
               && (int) LLM_COUNT_OUTPUT == (int) LLM_WINDOW_OUTPUT,
               "periods and minutes have amounts in different orders");


/* Bits of llm_count_e. */

static unsigned
llm_claim_mask(llm_resource_e resource)
{
    return (resource == LLM_RESOURCE_COST) ? 1U << LLM_COUNT_COST
                                           : llm_resource_mask(resource);
}


static int64_t
llm_claim_sum(unsigned mask, const int64_t *counts)
{
    int64_t   sum;
    unsigned  i;

    sum = 0;

    for (i = 0; i < LLM_COUNTS; i++) {
        if (mask & (1U << i)) {
            sum = llm_sat_add(sum, counts[i]);
        }
    }

    return sum;
}


/* What is expected, at least 1: the request that crosses an estimate passes at
   its node. */

static int64_t
llm_claim_needs(const llm_decide_t *d, unsigned count)
{
    if (count == LLM_COUNT_REQUESTS) {
        return 1;
    }

    return llm_max(d->ask->amount[count], 1);
}


static void
llm_claim_want(llm_decide_t *d, llm_claim_t *claim, unsigned mask)
{
    unsigned  i;

    for (i = 0; i < LLM_COUNTS; i++) {
        if (mask & ~claim->asked & (1U << i)) {
            claim->want[i] = llm_sat_add(claim->want[i],
                                         llm_claim_needs(d, i));
        }
    }

    claim->asked |= mask;
    d->zone->wanted++;
}


int
llm_claim_is_active(const llm_claim_t *claim)
{
    unsigned  i;

    for (i = 0; i < LLM_COUNTS; i++) {
        if (claim->have[i] || claim->want[i]) {
            return 1;
        }
    }

    return 0;
}


void
llm_claim_settle(llm_zone_t *z, llm_claim_t *claim, const int64_t *used,
    int idle)
{
    int       unused;
    unsigned  i;

    unused = idle || !claim->granted;

    for (i = 0; i < LLM_COUNTS; i++) {
        if (claim->have[i] < used[i] || (unused && claim->have[i] > used[i])) {
            llm_zone_put64(z, &claim->have[i], used[i]);
        }
    }

    llm_zone_commit(z);
}


void
llm_claim_take(llm_claim_t *claim, const int64_t *used, int64_t *want,
    int64_t *bound)
{
    int64_t   more;
    unsigned  i;

    for (i = 0; i < LLM_COUNTS; i++) {
        want[i] = claim->want[i];
        claim->want[i] = 0;

        /* ahead of need as much again */

        more = llm_sat_add(want[i], used[i]) - claim->have[i];

        if (want[i] && more > 0) {
            want[i] = more;
        }
    }

    llm_barrier();

    memcpy(bound, claim->bound, sizeof(claim->bound));
    memset(claim->bound, 0, sizeof(claim->bound));
}


void
llm_claim_grant(llm_zone_t *z, llm_claim_t *claim, const int64_t *have,
    const int64_t *want, uint64_t until)
{
    unsigned  i;

    for (i = 0; i < LLM_COUNTS; i++) {
        if (have[i] != claim->have[i]) {
            claim->slice[i] = llm_max(have[i] - claim->have[i] - want[i], 0);
            llm_zone_put64(z, &claim->have[i], have[i]);
        }
    }

    llm_zone_put32(z, &claim->granted, 1);
    llm_zone_commit(z);

    /* true of whatever the claim is after a kill, which is no more */

    claim->until = until;
}
