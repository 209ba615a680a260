
/*
 * Copyright (C) the llm_quota authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "llm_redis_entity.h"
#include "ngx_http_llm_redis.h"
#include "ngx_http_llm_store_room.h"


/*
 * Changes of entities that several nodes share: Redis says whether a change
 * can be made, and gives it its version; then it is a change like others, of
 * this store.  Who is killed in between finds it in Redis again, as all other
 * nodes do.
 */


#define NGX_HTTP_LLM_STORE_REDIS_WAIT  1000  /* ms for Redis to be there */


struct ngx_http_llm_store_redis_s {
    ngx_http_llm_store_t             *store;
    ngx_cycle_t                      *cycle;
    const ngx_http_llm_redis_conf_t  *conf;
    llm_redis_names_t                 names;
    llm_redis_args_t                  args;
    ngx_http_llm_redis_peer_t         peer;
    ngx_event_t                       timer;     /* of the oldest that waits */
    ngx_queue_t                       queue;     /* not sent yet */
    ngx_uint_t                        n;
};


static ngx_int_t ngx_http_llm_store_redis_send(
    ngx_http_llm_store_redis_t *redis, ngx_http_llm_store_task_t *task);
static void ngx_http_llm_store_redis_notice(void *data, ngx_uint_t connected);
static void ngx_http_llm_store_redis_timer(ngx_event_t *ev);
static void ngx_http_llm_store_redis_made(void *data, redisReply *reply);
static ngx_int_t ngx_http_llm_store_redis_learn(
    ngx_http_llm_store_task_t *task, const llm_redis_text_t *value);
static void ngx_http_llm_store_redis_learned(ngx_http_llm_store_task_t *task);
static void ngx_http_llm_store_redis_fail(ngx_http_llm_store_task_t *task,
    llm_store_status_e status, const char *fmt, ...);


/* what nginx's debug log asks of the data of an event */

static ngx_connection_t  ngx_http_llm_store_no_connection;


ngx_int_t
ngx_http_llm_store_share(ngx_http_llm_store_t *store,
    const ngx_http_llm_redis_conf_t *conf, const ngx_str_t *prefix,
    ngx_cycle_t *cycle)
{
    ngx_http_llm_store_redis_t  *redis;

    redis = ngx_calloc(sizeof(ngx_http_llm_store_redis_t), cycle->log);
    if (redis == NULL) {
        return NGX_ERROR;
    }

    /* the leader says so, who shares nothing either */

    if (llm_redis_names(&redis->names, (char *) prefix->data, prefix->len,
                        (char *) store->name.data, store->name.len)
        != 0)
    {
        ngx_free(redis);
        return NGX_OK;
    }

    redis->store = store;
    redis->cycle = cycle;
    redis->conf = conf;

    redis->peer.notice = ngx_http_llm_store_redis_notice;
    redis->peer.data = redis;

    ngx_queue_init(&redis->queue);

    ngx_http_llm_store_no_connection.fd = (ngx_socket_t) -1;

    redis->timer.handler = ngx_http_llm_store_redis_timer;
    redis->timer.data = &ngx_http_llm_store_no_connection;
    redis->timer.log = cycle->log;

    store->redis = redis;

    return NGX_OK;
}


ngx_int_t
ngx_http_llm_store_redis_change(ngx_http_llm_store_redis_t *redis,
    ngx_http_llm_store_task_t *task)
{
    ngx_int_t  rc;

    if (redis->n >= NGX_HTTP_LLM_STORE_QUEUE) {
        return NGX_BUSY;
    }

    if (ngx_http_llm_redis_state(&redis->peer) == NGX_HTTP_LLM_REDIS_OFF
        && ngx_http_llm_redis_start(&redis->peer, redis->conf, redis->cycle)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    rc = ngx_http_llm_store_redis_send(redis, task);

    if (rc != NGX_BUSY) {
        return rc;
    }

    task->posted = 1;
    task->lane = NULL;
    task->since = ngx_current_msec;

    ngx_queue_insert_tail(&redis->queue, &task->queue);
    redis->n++;

    if (!redis->timer.timer_set) {
        ngx_add_timer(&redis->timer, NGX_HTTP_LLM_STORE_REDIS_WAIT);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_store_redis_send(ngx_http_llm_store_redis_t *redis,
    ngx_http_llm_store_task_t *task)
{
    ngx_int_t  rc;

    if (ngx_http_llm_redis_state(&redis->peer) != NGX_HTTP_LLM_REDIS_READY) {
        return NGX_BUSY;
    }

    if (llm_redis_change_make(&redis->args, &redis->names, &task->op.change)
        != 0)
    {
        return NGX_ERROR;
    }

    rc = ngx_http_llm_redis_command(&redis->peer, (int) redis->args.argc,
                                    redis->args.argv, redis->args.len,
                                    ngx_http_llm_store_redis_made, task);
    if (rc == NGX_OK) {
        task->posted = 1;
        task->lane = NULL;
    }

    return rc;
}


static void
ngx_http_llm_store_redis_notice(void *data, ngx_uint_t connected)
{
    ngx_http_llm_store_redis_t *redis = data;

    ngx_int_t                   rc;
    ngx_queue_t                *q;
    ngx_http_llm_store_task_t  *task;

    while (connected && !ngx_queue_empty(&redis->queue)) {

        q = ngx_queue_head(&redis->queue);
        task = ngx_queue_data(q, ngx_http_llm_store_task_t, queue);

        rc = ngx_http_llm_store_redis_send(redis, task);

        if (rc == NGX_BUSY) {
            return;
        }

        ngx_queue_remove(q);
        redis->n--;

        if (rc != NGX_OK) {
            ngx_http_llm_store_redis_fail(task, LLM_STORE_NO_MEMORY,
                                          "it is more than can be sent");
        }
    }
}


static void
ngx_http_llm_store_redis_timer(ngx_event_t *ev)
{
    ngx_msec_t                   waited;
    ngx_queue_t                 *q;
    ngx_http_llm_store_task_t   *task;
    ngx_http_llm_store_redis_t  *redis;

    redis = (ngx_http_llm_store_redis_t *)
                ((u_char *) ev - offsetof(ngx_http_llm_store_redis_t, timer));

    while (!ngx_queue_empty(&redis->queue)) {

        q = ngx_queue_head(&redis->queue);
        task = ngx_queue_data(q, ngx_http_llm_store_task_t, queue);

        waited = ngx_current_msec - task->since;

        if (waited < NGX_HTTP_LLM_STORE_REDIS_WAIT) {
            ngx_add_timer(ev, NGX_HTTP_LLM_STORE_REDIS_WAIT - waited);
            return;
        }

        ngx_queue_remove(q);
        redis->n--;

        ngx_http_llm_store_redis_fail(task, LLM_STORE_AWAY,
                                      "Redis, where other nodes have it, "
                                      "cannot be reached; nothing was "
                                      "changed");
    }
}


static void
ngx_http_llm_store_redis_made(void *data, redisReply *reply)
{
    ngx_http_llm_store_task_t *task = data;

    llm_redis_text_t     text, value;
    llm_redis_status_e   status;
    llm_store_status_e   done;
    llm_store_op_t      *op;

    op = &task->op;

    if (reply == NULL) {
        ngx_http_llm_store_redis_fail(task, LLM_STORE_AWAY,
                                      "Redis, where other nodes have it, did "
                                      "not answer; whether it was changed "
                                      "shows when it does again");
        return;
    }

    status = llm_redis_change_made(reply, &op->change, &done, &value, &text);

    if (status != LLM_REDIS_OK) {
        ngx_http_llm_store_redis_fail(task, LLM_STORE_AWAY,
                                      "Redis, where other nodes have it, "
                                      "says \"%*s\"; nothing was changed",
                                      ngx_min(text.len, LLM_STORE_ERROR / 2),
                                      text.data);
        return;
    }

    if (done == LLM_STORE_OK) {

        /* what cannot be written here now comes from Redis later */

        if (ngx_http_llm_store_post(task) != NGX_OK) {
            ngx_http_llm_store_redis_fail(task, LLM_STORE_AWAY,
                                          "it was made at other nodes, and "
                                          "comes to this one later");
        }

        return;
    }

    op->status = done;
    op->error[0] = '\0';

    if (value.len == 0
        || ngx_http_llm_store_redis_learn(task, &value) != NGX_OK)
    {
        ngx_http_llm_store_finish(task);
    }
}


/* Redis knows of a change that has not come here yet. */

static ngx_int_t
ngx_http_llm_store_redis_learn(ngx_http_llm_store_task_t *task,
    const llm_redis_text_t *value)
{
    llm_store_op_t             *op;
    llm_store_ref_t            *refs;
    llm_store_made_t           *row;
    llm_redis_text_t            seen;
    llm_store_text_t            copy;
    ngx_http_llm_store_task_t  *learn;

    learn = ngx_http_llm_store_task(task->owner);
    if (learn == NULL) {
        return NGX_ERROR;
    }

    op = &learn->op;

    op->type = LLM_STORE_APPLY;
    learn->handler = ngx_http_llm_store_redis_learned;
    learn->data = task;

    row = llm_store_alloc(op, sizeof(llm_store_made_t));
    refs = llm_store_alloc(op, LLM_STORE_REFS * sizeof(llm_store_ref_t));

    if (row && refs
        && llm_store_copy(op, &copy, value->data, value->len) == 0)
    {
        seen.data = (const char *) copy.data;
        seen.len = copy.len;

        op->apply.rows = row;
        op->apply.nrows = 1;

        if (llm_redis_value(&seen, row, refs) == 0
            && ngx_http_llm_store_post(learn) == NGX_OK)
        {
            return NGX_OK;
        }
    }

    ngx_http_llm_store_free(learn);

    return NGX_ERROR;
}


static void
ngx_http_llm_store_redis_learned(ngx_http_llm_store_task_t *task)
{
    ngx_http_llm_store_finish(task->data);
}


static void
ngx_http_llm_store_redis_fail(ngx_http_llm_store_task_t *task,
    llm_store_status_e status, const char *fmt, ...)
{
    u_char   *p;
    va_list   args;

    va_start(args, fmt);
    p = ngx_vslprintf((u_char *) task->op.error,
                      (u_char *) task->op.error + LLM_STORE_ERROR - 1, fmt,
                      args);
    va_end(args);

    *p = '\0';

    task->op.status = status;

    ngx_http_llm_store_finish(task);
}


void
ngx_http_llm_store_redis_stop(ngx_http_llm_store_redis_t *redis)
{
    ngx_queue_t                *q;
    ngx_http_llm_store_task_t  *task;

    ngx_http_llm_redis_stop(&redis->peer);

    while (!ngx_queue_empty(&redis->queue)) {

        q = ngx_queue_head(&redis->queue);
        ngx_queue_remove(q);

        task = ngx_queue_data(q, ngx_http_llm_store_task_t, queue);
        task->op.status = LLM_STORE_CLOSED;

        ngx_http_llm_store_finish(task);
    }

    if (redis->timer.timer_set) {
        ngx_del_timer(&redis->timer);
    }

    llm_redis_args_free(&redis->args);

    ngx_free(redis);
}
