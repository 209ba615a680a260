
/*
 * Copyright (C) the llm_quota authors
 */


#include <stddef.h>

#include "llm_decide.h"
#include "llm_money.h"
#include "llm_outgrow.h"


static void llm_outgrow_reserve(llm_zone_t *z, llm_reservation_t *r,
    const llm_progress_t *p);
static int llm_outgrow_is_spent(llm_zone_t *z, llm_clock_t *clock,
    const llm_view_t *view, const llm_row_t *row, const llm_progress_t *p,
    llm_standing_t *s);


int
llm_outgrow(llm_zone_t *z, llm_clock_t *clock, const llm_progress_t *p,
    llm_standing_t *s)
{
    uint32_t            i;
    llm_view_t          view;
    llm_reservation_t  *r;

    r = llm_zone_reservation(z, p->reservation);

    if (r->state != LLM_RESERVATION_HELD || r->id != p->id) {
        return 0;
    }

    if (p->reserve != LLM_RESERVE_OFF) {
        llm_outgrow_reserve(z, r, p);
    }

    for (i = 0; i < p->nsubjects; i++) {

        if (p->rows[i] == NULL) {
            continue;
        }

        llm_view_index(z, clock, r->subjects[i], &view);

        view.settled = (p->reserve == LLM_RESERVE_OFF);

        if (llm_outgrow_is_spent(z, clock, &view, p->rows[i], p, s)) {
            s->subject = i;
            return 1;
        }
    }

    return 0;
}


/* Invariant: what admission compares is settled + reserved.  What a subject
   has reserved is the sum over its reservations, which repair computes. */

static void
llm_outgrow_reserve(llm_zone_t *z, llm_reservation_t *r,
    const llm_progress_t *p)
{
    int64_t         sum, more[LLM_COUNTS];
    uint32_t        i, n;
    llm_subject_t  *s;

    for (n = LLM_COUNT_INPUT; n < LLM_COUNTS; n++) {
        more[n] = p->used[n] - r->reserved[n];

        if (more[n] < 0) {
            more[n] = 0;
        }

        for (i = 0; i < r->nsubjects; i++) {
            s = llm_zone_subject(z, r->subjects[i]);

            /* sums of reservations are exact, or stay as they are */

            if (__builtin_add_overflow(s->reserved[n], more[n], &sum)) {
                return;
            }
        }
    }

    for (n = LLM_COUNT_INPUT; n < LLM_COUNTS; n++) {
        llm_zone_put64(z, &r->reserved[n], r->reserved[n] + more[n]);

        for (i = 0; i < r->nsubjects; i++) {
            llm_zone_subject(z, r->subjects[i])->reserved[n] += more[n];
        }
    }

    llm_zone_commit(z);
}


static int
llm_outgrow_is_spent(llm_zone_t *z, llm_clock_t *clock, const llm_view_t *view,
    const llm_row_t *row, const llm_progress_t *p, llm_standing_t *s)
{
    int64_t             used;
    unsigned            n;
    const llm_limit_t  *limit;

    for (n = 0; n < row->nlimits; n++) {
        limit = &row->limits[n];

        if (limit->minute
            || limit->resource == LLM_RESOURCE_REQUESTS
            || limit->resource == LLM_RESOURCE_PARALLEL)
        {
            continue;
        }

        if (limit->resource == LLM_RESOURCE_COST
            && (p->free || !row->hard_cap || row->over))
        {
            continue;
        }

        llm_view_standing(z, clock, view, limit, s);

        used = view->settled ? llm_resource_sum(limit->resource, p->used) : 0;
        s->used = llm_sat_add(s->used, used);

        if (s->used >= s->amount) {
            return 1;
        }
    }

    return 0;
}
