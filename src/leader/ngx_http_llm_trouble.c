
/*
 * Copyright (C) the llm_quota authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "llm_watch.h"
#include "ngx_http_llm_cluster.h"
#include "ngx_http_llm_events.h"
#include "ngx_http_llm_outbox.h"
#include "ngx_http_llm_trouble.h"


typedef ngx_uint_t (*ngx_http_llm_trouble_pt)(ngx_http_llm_leader_t *leader,
    llm_trouble_t *t);

typedef struct {
    llm_alert_event_e              event;
    ngx_http_llm_trouble_pt        there;
    int64_t                        patience;     /* ms */
    int64_t                        calm;         /* ms */
} ngx_http_llm_trouble_t;


static void ngx_http_llm_trouble_tell(ngx_http_llm_leader_t *leader,
    const ngx_http_llm_trouble_t *trouble, llm_trouble_t *t, ngx_uint_t over);
static ngx_uint_t ngx_http_llm_trouble_redis(ngx_http_llm_leader_t *leader,
    llm_trouble_t *t);
static ngx_uint_t ngx_http_llm_trouble_ledger(ngx_http_llm_leader_t *leader,
    llm_trouble_t *t);
static ngx_uint_t ngx_http_llm_trouble_room(ngx_http_llm_leader_t *leader,
    llm_trouble_t *t);


/* Of who finds no room nobody knows that another would, but for a while
   without any. */

static const ngx_http_llm_trouble_t  ngx_http_llm_troubles[LLM_ZONE_TROUBLES] =
{
    { LLM_ALERT_REDIS, ngx_http_llm_trouble_redis, 3000, 5000 },
    { LLM_ALERT_LEDGER, ngx_http_llm_trouble_ledger, 3000, 5000 },
    { LLM_ALERT_ZONE_FULL, ngx_http_llm_trouble_room, 0, 60000 }
};


void
ngx_http_llm_trouble_tick(ngx_http_llm_leader_t *leader)
{
    ngx_uint_t                     i;
    llm_trouble_t                 *t;
    const ngx_http_llm_trouble_t  *trouble;

    for (i = 0; i < LLM_ZONE_TROUBLES; i++) {
        trouble = &ngx_http_llm_troubles[i];
        t = &leader->conf.zone->zone->troubles[i];

        switch (llm_trouble(t, trouble->there(leader, t) != 0,
                            ngx_http_llm_outbox_now(), trouble->patience,
                            trouble->calm))
        {

        case LLM_TROUBLE_THERE:
            ngx_http_llm_trouble_tell(leader, trouble, t, 0);
            break;

        case LLM_TROUBLE_OVER:
            ngx_http_llm_trouble_tell(leader, trouble, t, 1);
            break;

        default: /* LLM_TROUBLE_NONE */
            break;
        }
    }

    ngx_http_llm_events_flush(leader);
}


static void
ngx_http_llm_trouble_tell(ngx_http_llm_leader_t *leader,
    const ngx_http_llm_trouble_t *trouble, llm_trouble_t *t, ngx_uint_t over)
{
    u_char                   id[NGX_HTTP_LLM_EVENTS_ID];
    llm_alert_t              alert;
    ngx_http_llm_cluster_t  *cl;

    llm_watch_trouble(trouble->event, t->since, &alert);

    if (over) {

        if (ngx_http_llm_events_told(leader, &alert, 0, id) == NGX_ERROR) {
            return;
        }

        alert.resolves.data = id;
        alert.resolves.len = NGX_HTTP_LLM_EVENTS_ID;

        ngx_http_llm_events_tell(leader, &alert, 1);

        /* until it is in the store whoever leads tells of it */

        if (ngx_http_llm_events_told(leader, &alert, 1, id) == NGX_OK) {
            llm_trouble_end(t);
        }

        return;
    }

    cl = leader->cluster;

    if (trouble->event == LLM_ALERT_REDIS && cl) {
        alert.detail.data = cl->why;
        alert.detail.len = cl->why_len;
    }

    ngx_http_llm_events_tell(leader, &alert, 0);
}


static ngx_uint_t
ngx_http_llm_trouble_redis(ngx_http_llm_leader_t *leader, llm_trouble_t *t)
{
    if (leader->conf.redis == NULL) {

        /* of what is not used any more there is nothing to be told */

        llm_trouble_end(t);
        return 0;
    }

    return leader->conf.zone->zone->cluster == LLM_CLUSTER_AWAY;
}


/* Some worker cannot write; what a dead one could not is another's by now. */

static ngx_uint_t
ngx_http_llm_trouble_ledger(ngx_http_llm_leader_t *leader, llm_trouble_t *t)
{
    ngx_uint_t     i;
    llm_worker_t   worker;

    for (i = 0; i < LLM_WORKERS; i++) {

        if (!leader->conf.zone->zone->workers[i].failing) {
            continue;
        }

        ngx_http_llm_zone_worker(leader->conf.zone, i, &worker);

        if (worker.pid && worker.failing
            && ngx_http_llm_zone_worker_alive(&worker))
        {
            return 1;
        }
    }

    return 0;
}


static ngx_uint_t
ngx_http_llm_trouble_room(ngx_http_llm_leader_t *leader, llm_trouble_t *t)
{
    uint64_t  full;

    full = leader->conf.zone->zone->full;

    if (full == t->count) {
        return 0;
    }

    t->count = full;

    return 1;
}
