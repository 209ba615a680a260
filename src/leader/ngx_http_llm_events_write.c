
/*
 * Copyright (C) the llm_quota authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "llm_redis_alert.h"
#include "ngx_http_llm_cluster.h"
#include "ngx_http_llm_events_room.h"
#include "ngx_http_llm_outbox.h"


/*
 * What was found goes into the store, in batches.  Of several nodes all find
 * the same: a Redis says who tells of it, and the others note that it was told.
 * Without Redis each tells of what it finds, under the same id.
 */


static ngx_int_t ngx_http_llm_events_ask(ngx_http_llm_events_write_t *w);
static void ngx_http_llm_events_asked(void *data, redisReply *reply);
static void ngx_http_llm_events_divide(ngx_http_llm_events_write_t *w,
    const llm_redis_alert_e *whose);
static void ngx_http_llm_events_store(ngx_http_llm_events_write_t *w);
static void ngx_http_llm_events_drop(ngx_http_llm_events_write_t *w);
static void ngx_http_llm_events_written(ngx_http_llm_store_task_t *task);
static void ngx_http_llm_events_memory(ngx_http_llm_events_write_t *w);
static void ngx_http_llm_events_know(ngx_http_llm_events_t *events,
    uint64_t key);
static void ngx_http_llm_events_say(ngx_http_llm_events_write_t *w);
static void ngx_http_llm_events_said(void *data, redisReply *reply);


ngx_http_llm_events_write_t *
ngx_http_llm_events_batch(ngx_http_llm_events_t *events)
{
    ngx_uint_t                    i;
    ngx_http_llm_events_write_t  *w;

    if (!events->open) {
        return NULL;
    }

    if (events->batch && events->batch->n == NGX_HTTP_LLM_EVENTS_BATCH) {
        ngx_http_llm_events_post(events);
    }

    for (i = 0; events->batch == NULL && i < NGX_HTTP_LLM_EVENTS_WRITES; i++) {
        w = &events->writes[i];

        if (w->task) {
            continue;
        }

        w->task = ngx_http_llm_store_task(events->leader->conf.store);
        if (w->task == NULL) {
            return NULL;
        }

        w->events = events;
        w->n = 0;

        w->task->op.type = LLM_STORE_ALERT;
        w->task->op.alert.alerts = w->alerts;
        w->task->handler = ngx_http_llm_events_written;
        w->task->data = w;

        events->batch = w;
    }

    return events->batch;
}


void
ngx_http_llm_events_post(ngx_http_llm_events_t *events)
{
    ngx_http_llm_events_write_t  *w;

    w = events->batch;

    if (w == NULL) {
        return;
    }

    events->batch = NULL;

    ngx_memzero(w->mine, sizeof(w->mine));

    switch (ngx_http_llm_events_ask(w)) {

    case NGX_OK:
        break;

    case NGX_AGAIN:

        /* looked at again in a second */

        ngx_http_llm_events_drop(w);
        break;

    default: /* NGX_DECLINED */
        ngx_http_llm_events_store(w);
    }
}


void
ngx_http_llm_events_cancel(ngx_http_llm_events_t *events)
{
    ngx_uint_t                    i;
    ngx_http_llm_events_write_t  *w;

    for (i = 0; i < NGX_HTTP_LLM_EVENTS_WRITES; i++) {
        w = &events->writes[i];

        if (w->task == NULL) {
            continue;
        }

        if (w->task->posted) {
            ngx_http_llm_store_cancel(w->task);

        } else {
            ngx_http_llm_store_free(w->task);
        }
    }

    for (i = 0; i < NGX_HTTP_LLM_EVENTS_LOADS; i++) {
        if (events->loads[i]) {
            ngx_http_llm_store_cancel(events->loads[i]);
        }
    }
}


/* NGX_DECLINED: nobody is asked; NGX_AGAIN: nobody can be just now. */

static ngx_int_t
ngx_http_llm_events_ask(ngx_http_llm_events_write_t *w)
{
    llm_zone_t              *z;
    ngx_uint_t               i;
    ngx_http_llm_cluster_t  *cl;

    z = w->events->leader->conf.zone->zone;
    cl = w->events->leader->cluster;

    if (cl == NULL || w->n == 0) {
        return NGX_DECLINED;
    }

    if (ngx_http_llm_cluster_send(cl, llm_redis_alert_claim(&cl->args,
                                                            &cl->names,
                                                            w->alerts, w->n),
                                  ngx_http_llm_events_asked, w)
        == NGX_OK)
    {
        return NGX_OK;
    }

    /* of what is about the zone itself no other tells */

    for (i = 0; i < w->n; i++) {
        if (w->alerts[i].subject.type.len == 0) {
            return NGX_DECLINED;
        }
    }

    return (z->cluster == LLM_CLUSTER_ON) ? NGX_AGAIN : NGX_DECLINED;
}


static void
ngx_http_llm_events_asked(void *data, redisReply *reply)
{
    ngx_http_llm_events_write_t *w = data;

    llm_redis_text_t         text;
    llm_redis_alert_e        whose[NGX_HTTP_LLM_EVENTS_BATCH];
    llm_redis_status_e       status;
    ngx_http_llm_cluster_t  *cl;

    cl = w->events->leader->cluster;

    if (cl->stopped) {
        return;
    }

    if (reply == NULL) {
        ngx_http_llm_events_drop(w);
        return;
    }

    status = llm_redis_alert_claimed(reply, whose, w->n, &text);

    if (ngx_http_llm_cluster_status(cl, status, &text) == NGX_OK) {
        ngx_http_llm_events_divide(w, whose);
    }

    /* a Redis that takes no claims keeps nobody from being told */

    ngx_http_llm_events_store(w);
}


/* What another is about to tell of is looked at again, and so is what would
   be told of with it. */

static void
ngx_http_llm_events_divide(ngx_http_llm_events_write_t *w,
    const llm_redis_alert_e *whose)
{
    ngx_uint_t  i, n, later;

    n = 0;
    later = 0;

    for (i = 0; i < w->n; i++) {

        later = (whose[i] == LLM_REDIS_ALERT_LATER)
                || (later && w->alerts[i].lesser);

        if (later) {
            w->events->wanted = 1;
            continue;
        }

        w->alerts[n] = w->alerts[i];
        w->keys[n] = w->keys[i];
        w->until[n] = w->until[i];
        w->mine[n] = (whose[i] == LLM_REDIS_ALERT_MINE);

        if (!w->mine[n]) {
            w->alerts[n].nchannels = 0;
        }

        n++;
    }

    w->n = n;
}


static void
ngx_http_llm_events_store(ngx_http_llm_events_write_t *w)
{
    w->task->op.alert.nalerts = w->n;

    if (ngx_http_llm_store_post(w->task) != NGX_OK) {
        ngx_http_llm_events_drop(w);
    }
}


static void
ngx_http_llm_events_drop(ngx_http_llm_events_write_t *w)
{
    ngx_http_llm_store_free(w->task);

    w->task = NULL;
    w->events->wanted = 1;
}


static void
ngx_http_llm_events_written(ngx_http_llm_store_task_t *task)
{
    ngx_http_llm_events_write_t *w = task->data;

    ngx_uint_t              i;
    ngx_http_llm_events_t  *events;

    events = w->events;

    switch (task->op.status) {

    case LLM_STORE_OK:

        for (i = 0; i < w->n; i++) {
            ngx_http_llm_events_know(events, w->keys[i]);
        }

        ngx_http_llm_events_say(w);
        ngx_http_llm_outbox_wake(events->leader);

        w->task = NULL;
        return;

    case LLM_STORE_ABSENT:
    case LLM_STORE_DAMAGED:
    case LLM_STORE_GONE:
    case LLM_STORE_CLOSED:
        events->open = 0;
        break;

    case LLM_STORE_FULL:
    case LLM_STORE_READONLY:
    case LLM_STORE_IO:
        ngx_http_llm_events_memory(w);
        break;

    default:
        break;
    }

    w->task = NULL;
    events->wanted = 1;
}


/* What keeps the ledger from being written keeps alerts of that from the
   store. */

static void
ngx_http_llm_events_memory(ngx_http_llm_events_write_t *w)
{
    ngx_uint_t          i;
    llm_alert_event_e   event;
    llm_store_alert_t  *row;

    for (i = 0; i < w->n; i++) {
        row = &w->alerts[i];

        if (llm_alert_event_parse(row->event.data, row->event.len, &event) == 0
            && event >= LLM_ALERT_STORE)
        {
            ngx_http_llm_outbox_memory(w->events->leader, &row->json);
            ngx_http_llm_events_know(w->events, w->keys[i]);
        }
    }
}


static void
ngx_http_llm_events_know(ngx_http_llm_events_t *events, uint64_t key)
{
    events->known[key % NGX_HTTP_LLM_EVENTS_KNOWN] = key;
}


/* It is in this node's store for good: nobody else is to tell of it. */

static void
ngx_http_llm_events_say(ngx_http_llm_events_write_t *w)
{
    ngx_uint_t               i, n;
    ngx_http_llm_cluster_t  *cl;

    cl = w->events->leader->cluster;

    n = 0;

    for (i = 0; i < w->n; i++) {
        if (w->mine[i]) {
            w->alerts[n] = w->alerts[i];
            w->until[n++] = w->until[i];
        }
    }

    if (cl == NULL || n == 0) {
        return;
    }

    /* what is lost is said again with the next connection */

    (void) ngx_http_llm_cluster_send(cl, llm_redis_alert_told(&cl->args,
                                                              &cl->names,
                                                              w->alerts, n,
                                                              w->until,
                                                              ngx_time()),
                                     ngx_http_llm_events_said, NULL);
}


static void
ngx_http_llm_events_said(void *data, redisReply *reply)
{
    /* a claim that stays one is forgotten, and made again */
}
