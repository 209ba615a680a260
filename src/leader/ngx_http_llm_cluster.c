
/*
 * Copyright (C) the llm_quota authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include <sys/random.h>

#include "llm_node.h"
#include "ngx_http_llm_events.h"
#include "ngx_http_llm_news.h"


#define NGX_HTTP_LLM_CLUSTER_TICK     15     /* ms */
#define NGX_HTTP_LLM_CLUSTER_STRICT   2      /* the same where requests wait
                                                for what is left */
#define NGX_HTTP_LLM_CLUSTER_GRACE    1000   /* ms without an exchange, and
                                                the others are away */
#define NGX_HTTP_LLM_CLUSTER_LATE     1000   /* ms after which what was settled
                                                is in the store */


static ngx_int_t ngx_http_llm_cluster_name(ngx_http_llm_cluster_t *cl);
static void ngx_http_llm_cluster_notice(void *data, ngx_uint_t connected);
static void ngx_http_llm_cluster_tick(ngx_event_t *ev);
static void ngx_http_llm_cluster_reach(ngx_http_llm_cluster_t *cl,
    ngx_uint_t reached);
static void ngx_http_llm_cluster_why(ngx_http_llm_cluster_t *cl,
    const char *fmt, ...);
static void ngx_http_llm_cluster_late(ngx_http_llm_cluster_t *cl);
static void ngx_http_llm_cluster_restore(ngx_http_llm_cluster_t *cl);
static void ngx_http_llm_cluster_rows(ngx_http_llm_store_task_t *task);
static void ngx_http_llm_cluster_restored(void *data, redisReply *reply);


ngx_int_t
ngx_http_llm_cluster_start(ngx_http_llm_leader_t *leader)
{
    ngx_http_llm_cluster_t  *cl;

    cl = ngx_calloc(sizeof(ngx_http_llm_cluster_t), leader->cycle->log);
    if (cl == NULL) {
        return NGX_ERROR;
    }

    leader->cluster = cl;

    cl->leader = leader;
    cl->stored.cluster = cl;
    cl->since = -1;
    cl->reached = ngx_current_msec;
    cl->began = ngx_current_msec - leader->conf.sync;

    ngx_http_llm_cluster_why(cl, "it does not answer");

    ngx_http_llm_leader_event(leader, &cl->timer, ngx_http_llm_cluster_tick);

    if (ngx_http_llm_cluster_name(cl) != NGX_OK) {
        ngx_http_llm_cluster_reach(cl, 0);
        return NGX_OK;
    }

    cl->book = llm_cluster_create(&cl->names, leader->conf.zone->zone);

    if (cl->book == NULL || ngx_http_llm_news_start(cl) != NGX_OK) {
        return NGX_ERROR;
    }

    cl->peer.notice = ngx_http_llm_cluster_notice;
    cl->peer.data = cl;

    if (ngx_http_llm_redis_start(&cl->peer, leader->conf.redis, leader->cycle)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_add_timer(&cl->timer, NGX_HTTP_LLM_CLUSTER_TICK);

    return NGX_OK;
}


/* Once in the life of a process, and the file is small: it may block. */

static ngx_int_t
ngx_http_llm_cluster_name(ngx_http_llm_cluster_t *cl)
{
    char                         host[NGX_MAXHOSTNAMELEN + 1];
    uint64_t                     id;
    llm_node_t                   node;
    ngx_http_llm_leader_conf_t  *conf;

    static char                  error[LLM_NODE_ERROR];

    conf = &cl->leader->conf;

    if (llm_redis_names(&cl->names, (char *) conf->prefix->data,
                        conf->prefix->len, (char *) conf->name->data,
                        conf->name->len)
        != 0)
    {
        ngx_http_llm_cluster_why(cl, "the name of the zone is too long for "
                                 "the keys of Redis");
        return NGX_ERROR;
    }

    ngx_sprintf((u_char *) host, "%V%Z", &cl->leader->cycle->hostname);

    if (getrandom(&id, sizeof(uint64_t), 0) != sizeof(uint64_t)) {
        ngx_http_llm_cluster_why(cl, "getrandom() failed");
        return NGX_ERROR;
    }

    if (llm_node_open(&node, (char *) conf->ledger->directory.data, host, id,
                      error)
        != 0)
    {
        ngx_http_llm_cluster_why(cl, "%s", error);
        return NGX_ERROR;
    }

    cl->names.node = node.id;
    ngx_memcpy(cl->names.token, node.place, sizeof(node.place));

    return NGX_OK;
}


void
ngx_http_llm_cluster_stop(ngx_http_llm_leader_t *leader)
{
    ngx_http_llm_cluster_t  *cl;

    cl = leader->cluster;

    if (cl == NULL) {
        return;
    }

    cl->stopped = 1;

    ngx_http_llm_redis_stop(&cl->peer);

    if (cl->timer.timer_set) {
        ngx_del_timer(&cl->timer);
    }

    if (cl->task) {
        ngx_http_llm_store_cancel(cl->task);
    }

    ngx_http_llm_news_stop(cl);

    while (cl->nbatches) {
        ngx_free(cl->batches[--cl->nbatches]);
    }

    if (cl->book) {
        llm_cluster_destroy(cl->book);
    }

    llm_redis_args_free(&cl->args);

    ngx_free(cl);
    leader->cluster = NULL;
}


/* Another Redis, or one that was started anew: what it has is not known, nor
   what came of the last commands. */

static void
ngx_http_llm_cluster_notice(void *data, ngx_uint_t connected)
{
    ngx_http_llm_cluster_t *cl = data;

    if (connected) {
        cl->since = -1;
        cl->loaded = 0;

        ngx_http_llm_news_again(cl);
        ngx_http_llm_events_again(cl->leader);

    } else {
        ngx_http_llm_cluster_why(cl, "the connection is lost");
    }
}


static void
ngx_http_llm_cluster_tick(ngx_event_t *ev)
{
    llm_zone_t              *z;
    ngx_msec_t               sync, tick;
    ngx_http_llm_cluster_t  *cl;

    cl = (ngx_http_llm_cluster_t *)
             ((u_char *) ev - offsetof(ngx_http_llm_cluster_t, timer));

    if (ngx_http_llm_leader_retired(cl->leader)) {
        cl->stopped = 1;
        ngx_http_llm_redis_stop(&cl->peer);
        return;
    }

    z = cl->leader->conf.zone->zone;
    sync = cl->leader->conf.sync;

    if (!z->ready) {

        /* nobody waits for others before the zone has what is its own */

        cl->reached = ngx_current_msec;

    } else if (ngx_http_llm_redis_state(&cl->peer)
               == NGX_HTTP_LLM_REDIS_READY)
    {
        if (!cl->busy
            && (ngx_current_msec - cl->began >= sync || cl->more
                || z->wanted != cl->wanted))
        {
            ngx_http_llm_exchange(cl);
        }

        ngx_http_llm_news_tick(cl);
    }

    if (ngx_current_msec - cl->reached > sync + NGX_HTTP_LLM_CLUSTER_GRACE) {
        ngx_http_llm_cluster_reach(cl, 0);
    }

    tick = z->strict ? NGX_HTTP_LLM_CLUSTER_STRICT : NGX_HTTP_LLM_CLUSTER_TICK;

    ngx_add_timer(ev, ngx_min(sync, tick));
}


/* Told once when it begins and once when it ends. */

static void
ngx_http_llm_cluster_reach(ngx_http_llm_cluster_t *cl, ngx_uint_t reached)
{
    llm_zone_t  *z;

    if (reached) {
        cl->reached = ngx_current_msec;
    }

    z = cl->leader->conf.zone->zone;

    if (z->cluster != (reached ? LLM_CLUSTER_ON : LLM_CLUSTER_AWAY)) {
        z = ngx_http_llm_zone_lock(cl->leader->conf.zone);
        llm_others_reached(z, reached);
        ngx_http_llm_zone_unlock(cl->leader->conf.zone);
    }

    if (!reached && !cl->away) {
        cl->away = 1;

        llm_count(&z->totals.exchange_errors, 1);

        ngx_log_error(NGX_LOG_ERR, cl->leader->cycle->log, 0,
                      "llm_quota zone \"%V\" cannot exchange totals with other "
                      "nodes, theirs count as last known%s: %*s",
                      cl->leader->conf.name,
                      z->strict ? " and limits are not strict" : "",
                      cl->why_len, cl->why);
    }

    if (reached && cl->away) {
        cl->away = 0;

        /* who has left the zone meanwhile is in the store */

        cl->restore = 1;

        ngx_log_error(NGX_LOG_NOTICE, cl->leader->cycle->log, 0,
                      "llm_quota zone \"%V\" exchanges totals with other "
                      "nodes again", cl->leader->conf.name);
    }
}


/* rc: of what made the command. */

ngx_int_t
ngx_http_llm_cluster_send(ngx_http_llm_cluster_t *cl, int rc,
    ngx_http_llm_redis_handler_pt handler, void *data)
{
    if (rc != 0
        || ngx_http_llm_redis_command(&cl->peer, (int) cl->args.argc,
                                      cl->args.argv, cl->args.len, handler,
                                      data)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_llm_cluster_status(ngx_http_llm_cluster_t *cl,
    llm_redis_status_e status, const llm_redis_text_t *text)
{
    switch (status) {

    case LLM_REDIS_OK:
        return NGX_OK;

    case LLM_REDIS_UNLOADED:
        cl->loaded = 0;
        return NGX_ERROR;

    case LLM_REDIS_HELD:

        if (text->len) {
            ngx_http_llm_cluster_why(cl, "node %016xL is in use at \"%*s\": "
                                     "if its state directory was copied, "
                                     "remove the file \"node\" from the copy",
                                     cl->names.node, text->len, text->data);
        }

        return NGX_ERROR;

    case LLM_REDIS_ERROR:
        ngx_http_llm_cluster_why(cl, "Redis says \"%*s\"", text->len,
                                 text->data);
        return NGX_ERROR;

    default: /* LLM_REDIS_GARBAGE */
        ngx_http_llm_cluster_why(cl, "what answers is no Redis that runs "
                                 "scripts");
        return NGX_ERROR;
    }
}


static void
ngx_http_llm_cluster_why(ngx_http_llm_cluster_t *cl, const char *fmt, ...)
{
    u_char   *p;
    va_list   args;

    va_start(args, fmt);
    p = ngx_vslprintf(cl->why, cl->why + sizeof(cl->why), fmt, args);
    va_end(args);

    cl->why_len = p - cl->why;
}


void
ngx_http_llm_cluster_end(ngx_http_llm_cluster_t *cl)
{
    llm_zone_t  *z;

    cl->busy = 0;

    if (cl->failed) {
        return;
    }

    ngx_http_llm_cluster_reach(cl, 1);

    z = cl->leader->conf.zone->zone;
    z->answered = cl->wanted;

    llm_count(&z->totals.exchanges, 1);
    __atomic_store_n(&z->totals.exchange_rtt,
                     ngx_http_llm_redis_rtt(&cl->peer), __ATOMIC_RELAXED);

    ngx_http_llm_cluster_late(cl);

    if (cl->restore && !cl->restoring) {
        cl->restore = 0;
        cl->restoring = 1;
        cl->cursor.len = 0;

        ngx_http_llm_cluster_restore(cl);
    }
}


/* Lines of other zones, whose subjects need not be in this one, and what was
   admitted blindly: only the store has the sums. */

static void
ngx_http_llm_cluster_late(ngx_http_llm_cluster_t *cl)
{
    int64_t  blind;

    blind = llm_cluster_blind(cl->book);

    if (cl->later && (ngx_msec_int_t) (ngx_current_msec - cl->late) >= 0
        && !cl->leader->conf.zone->zone->away)
    {
        cl->later = 0;
        cl->restore = 1;
    }

    if (cl->later
        || (cl->foreign == cl->leader->foreign && cl->blind == blind))
    {
        return;
    }

    cl->foreign = cl->leader->foreign;
    cl->blind = blind;
    cl->later = 1;
    cl->late = ngx_current_msec + NGX_HTTP_LLM_CLUSTER_LATE;
}


/* The store's meters of periods that are not over, a batch at a time; what
   fails is begun again after the next exchange. */

static void
ngx_http_llm_cluster_restore(ngx_http_llm_cluster_t *cl)
{
    ngx_http_llm_store_task_t  *task;

    task = ngx_http_llm_store_task(cl->leader->conf.store);

    if (task) {
        task->op.type = LLM_STORE_LOAD_ALL;
        task->op.load.now = ngx_time();
        task->op.load.max = LLM_CLUSTER_ITEMS;
        task->op.load.cursor = cl->cursor;
        task->handler = ngx_http_llm_cluster_rows;
        task->data = cl;

        if (ngx_http_llm_store_post(task) == NGX_OK) {
            cl->task = task;
            return;
        }

        ngx_http_llm_store_free(task);
    }

    cl->restore = 1;
    cl->restoring = 0;
}


static void
ngx_http_llm_cluster_rows(ngx_http_llm_store_task_t *task)
{
    ngx_http_llm_cluster_t *cl = task->data;

    size_t                i;
    llm_zone_t           *z;
    llm_store_load_t     *load;
    llm_cluster_batch_t  *batch;

    load = &task->op.load;
    batch = &cl->stored.batch;

    cl->task = NULL;

    if (task->op.status != LLM_STORE_OK) {
        cl->restore = 1;
        cl->restoring = 0;
        return;
    }

    batch->n = 0;

    z = ngx_http_llm_zone_lock(cl->leader->conf.zone);

    for (i = 0; i < load->nrows && i < LLM_CLUSTER_ITEMS; i++) {
        llm_cluster_stored(cl->book, z, batch, &load->rows[i]);
    }

    ngx_http_llm_zone_unlock(cl->leader->conf.zone);

    cl->cursor = load->cursor;

    if (batch->n == 0) {
        cl->restoring = 0;
        return;
    }

    if (ngx_http_llm_cluster_send(cl, llm_redis_exchange(&cl->args,
                                                         &cl->names,
                                                         batch->items,
                                                         batch->n),
                                  ngx_http_llm_cluster_restored, cl)
        != NGX_OK)
    {
        cl->restore = 1;
        cl->restoring = 0;
    }
}


static void
ngx_http_llm_cluster_restored(void *data, redisReply *reply)
{
    ngx_http_llm_cluster_t *cl = data;

    int64_t             now;
    llm_redis_text_t    text;
    llm_redis_status_e  status;

    if (reply) {
        status = llm_redis_exchange_read(reply, cl->stored.batch.n, &now,
                                         &text);

        if (ngx_http_llm_cluster_status(cl, status, &text) == NGX_OK) {

            if (cl->cursor.len) {
                ngx_http_llm_cluster_restore(cl);

            } else {
                cl->restoring = 0;
            }

            return;
        }
    }

    cl->restore = 1;
    cl->restoring = 0;
}
