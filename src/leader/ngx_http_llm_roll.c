
/*
 * Copyright (C) the llm_quota authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "ngx_http_llm_leader.h"


/*
 * A meter goes on to its next period when it is used.  One that nobody uses
 * does so here, within a second of the end of a period that is kept.
 */


#define NGX_HTTP_LLM_ROLL_SLICE  512         /* meters under one lock */


static void ngx_http_llm_roll_step(ngx_event_t *ev);
static int64_t ngx_http_llm_roll_end(ngx_http_llm_leader_t *leader);


void
ngx_http_llm_roll_start(ngx_http_llm_leader_t *leader)
{
    ngx_http_llm_leader_event(leader, &leader->roll, ngx_http_llm_roll_step);
}


void
ngx_http_llm_roll_stop(ngx_http_llm_leader_t *leader)
{
    if (leader->roll.posted) {
        ngx_delete_posted_event(&leader->roll);
    }
}


void
ngx_http_llm_roll(ngx_http_llm_leader_t *leader)
{
    int64_t  now;

    now = ngx_time();

    /* a clock that was set back is in another period, too */

    if ((now >= leader->rolled && now < leader->roll_at)
        || leader->roll.posted)
    {
        leader->rolled = now;
        return;
    }

    leader->rolled = now;
    leader->roll_at = ngx_http_llm_roll_end(leader);
    leader->roll_next = 0;

    ngx_post_event(&leader->roll, &ngx_posted_next_events);
}


static int64_t
ngx_http_llm_roll_end(ngx_http_llm_leader_t *leader)
{
    int64_t                 start, end, first;
    ngx_uint_t              i, k;
    const llm_kept_type_t  *kept;

    first = INT64_MAX;

    for (i = 0; i < LLM_SUBJECT_TYPES; i++) {
        kept = &leader->kept.types[i];

        for (k = 0; k < kept->nperiods; k++) {
            llm_period_bounds(kept->periods[k],
                              &leader->conf.zone->clock.calendar,
                              leader->rolled, &start, &end);
            first = ngx_min(first, end);
        }
    }

    return first;
}


static void
ngx_http_llm_roll_step(ngx_event_t *ev)
{
    llm_zone_t             *z;
    ngx_http_llm_leader_t  *leader;

    leader = (ngx_http_llm_leader_t *)
                 ((u_char *) ev - offsetof(ngx_http_llm_leader_t, roll));

    if (ngx_http_llm_leader_retired(leader)) {
        return;
    }

    z = ngx_http_llm_zone_lock(leader->conf.zone);

    leader->roll_next = llm_zone_roll_idle(z, &leader->conf.zone->clock,
                                           leader->roll_next,
                                           NGX_HTTP_LLM_ROLL_SLICE);

    ngx_http_llm_zone_unlock(leader->conf.zone);

    if (leader->roll_next != LLM_NONE) {
        ngx_post_event(ev, &ngx_posted_next_events);
    }
}
