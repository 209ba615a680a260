
/*
 * Copyright (C) the llm_quota authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "ngx_http_llm_events.h"
#include "ngx_http_llm_outbox.h"
#include "ngx_http_llm_lookout.h"


#define NGX_HTTP_LLM_LEADER_TICK  1000


static void ngx_http_llm_leader_tick(ngx_event_t *ev);
static void ngx_http_llm_leader_stop(ngx_http_llm_leader_t *leader);


static ngx_queue_t  ngx_http_llm_leaders;

/* what nginx's debug log asks of the data of an event */

static ngx_connection_t  ngx_http_llm_leader_connection;


ngx_int_t
ngx_http_llm_leader_start(const ngx_http_llm_leader_conf_t *conf,
    ngx_cycle_t *cycle)
{
    ngx_http_llm_leader_t  *leader;

    if (ngx_http_llm_leaders.next == NULL) {
        ngx_queue_init(&ngx_http_llm_leaders);
        ngx_http_llm_leader_connection.fd = (ngx_socket_t) -1;
    }

    /* without a master process it outlives its cycle by a moment */

    leader = ngx_calloc(sizeof(ngx_http_llm_leader_t), cycle->log);
    if (leader == NULL) {
        return NGX_ERROR;
    }

    leader->conf = *conf;
    leader->kept = *conf->kept;
    leader->cycle = cycle;

    ngx_queue_insert_tail(&ngx_http_llm_leaders, &leader->queue);

    if (conf->ledger) {

        if (ngx_http_llm_carry_start(leader) != NGX_OK) {
            return NGX_ERROR;
        }

        ngx_http_llm_retain_start(leader);

        if (ngx_http_llm_outbox_start(leader) != NGX_OK
            || ngx_http_llm_events_start(leader) != NGX_OK
            || ngx_http_llm_lookout_start(leader) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    if (conf->redis && ngx_http_llm_cluster_start(leader) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_http_llm_roll_start(leader);

    /* at once: it may be here because another died */

    ngx_http_llm_leader_event(leader, &leader->tick, ngx_http_llm_leader_tick);
    ngx_add_timer(&leader->tick, 1);

    return NGX_OK;
}


void
ngx_http_llm_leader_event(ngx_http_llm_leader_t *leader, ngx_event_t *ev,
    ngx_event_handler_pt handler)
{
    ev->handler = handler;
    ev->data = &ngx_http_llm_leader_connection;
    ev->log = leader->cycle->log;
    ev->cancelable = 1;
}


static void
ngx_http_llm_leader_tick(ngx_event_t *ev)
{
    ngx_http_llm_leader_t  *leader;

    leader = (ngx_http_llm_leader_t *)
                 ((u_char *) ev - offsetof(ngx_http_llm_leader_t, tick));

    if (ngx_http_llm_leader_retired(leader)) {

        /* of a process that ends, the end frees what it has: that may block */

        if (leader->cycle != (ngx_cycle_t *) ngx_cycle) {
            ngx_http_llm_leader_stop(leader);
        }

        return;
    }

    ngx_http_llm_sweep(leader);
    ngx_http_llm_sweep_facts(leader);
    ngx_http_llm_roll(leader);
    ngx_http_llm_events_tick(leader);

    leader->conf.tick(leader->conf.data);

    ngx_add_timer(ev, NGX_HTTP_LLM_LEADER_TICK);
}


ngx_uint_t
ngx_http_llm_leader_retired(ngx_http_llm_leader_t *leader)
{
    return ngx_exiting || ngx_terminate || ngx_quit
           || leader->cycle != (ngx_cycle_t *) ngx_cycle;
}


static void
ngx_http_llm_leader_stop(ngx_http_llm_leader_t *leader)
{
    if (leader->tick.timer_set) {
        ngx_del_timer(&leader->tick);
    }

    ngx_http_llm_roll_stop(leader);
    ngx_http_llm_cluster_stop(leader);

    if (leader->conf.ledger) {
        ngx_http_llm_lookout_stop(leader);
        ngx_http_llm_events_stop(leader);
        ngx_http_llm_outbox_stop(leader);
        ngx_http_llm_retain_stop(leader);
        ngx_http_llm_due_stop(leader);
        ngx_http_llm_carry_stop(leader);
    }

    ngx_queue_remove(&leader->queue);
    ngx_free(leader);
}


void
ngx_http_llm_leader_exit(void)
{
    ngx_queue_t  *q;

    if (ngx_http_llm_leaders.next == NULL) {
        return;
    }

    while (!ngx_queue_empty(&ngx_http_llm_leaders)) {
        q = ngx_queue_head(&ngx_http_llm_leaders);
        ngx_http_llm_leader_stop(ngx_queue_data(q, ngx_http_llm_leader_t,
                                                queue));
    }

    ngx_http_llm_curl_exit();
}
