
/*
 * Copyright (C) the llm_quota authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "ngx_http_llm_store_room.h"


/*
 * A lane is a connection.  While it has a task, both are the thread's: the
 * event loop looks at neither before the task's event, which nginx posts when
 * the thread is done.  Everything else here is the event loop's alone.
 */


static void ngx_http_llm_store_opened(ngx_http_llm_store_task_t *task);
static ngx_uint_t ngx_http_llm_store_writes(ngx_http_llm_store_task_t *task);
static void ngx_http_llm_store_next(ngx_http_llm_store_t *store);
static void ngx_http_llm_store_start(ngx_http_llm_store_lane_t *lane,
    ngx_queue_t *queue, ngx_uint_t *n);
static void ngx_http_llm_store_thread(void *data, ngx_log_t *log);
static void ngx_http_llm_store_inline(ngx_event_t *ev);
static void ngx_http_llm_store_refused(ngx_event_t *ev);
static void ngx_http_llm_store_done(ngx_event_t *ev);
static void ngx_http_llm_store_drop(ngx_http_llm_store_t *store,
    ngx_queue_t *queue);
static void ngx_http_llm_store_tell(ngx_http_llm_store_t *store,
    llm_store_op_t *op);
static int ngx_http_llm_store_exiting(void);


ngx_thread_pool_t *
ngx_http_llm_store_threads(ngx_conf_t *cf, ngx_str_t *name)
{
    return ngx_thread_pool_add(cf, (name->len) ? name : NULL);
}


ngx_int_t
ngx_http_llm_store_init(ngx_http_llm_store_t *store,
    const llm_store_conf_t *conf)
{
    ngx_uint_t        i;
    llm_store_conf_t  c;

    ngx_queue_init(&store->writes);
    ngx_queue_init(&store->reads);

    store->nwrites = 0;
    store->nreads = 0;
    store->redis = NULL;
    store->trouble = LLM_STORE_OK;
    store->closed = 0;

    c = *conf;

    for (i = 0; i < NGX_HTTP_LLM_STORE_LANES; i++) {

        c.reader = (i != 0);

        store->lanes[i].store = llm_store_create(&c);
        store->lanes[i].task = NULL;

        if (store->lanes[i].store == NULL) {
            ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, 0,
                          "llm_quota zone \"%V\" has no memory for its store",
                          &store->name);
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


ngx_http_llm_store_task_t *
ngx_http_llm_store_task(ngx_http_llm_store_t *store)
{
    ngx_http_llm_store_task_t  *task;

    task = ngx_calloc(sizeof(ngx_http_llm_store_task_t), ngx_cycle->log);
    if (task == NULL) {
        return NULL;
    }

    task->owner = store;

    return task;
}


static ngx_uint_t
ngx_http_llm_store_writes(ngx_http_llm_store_task_t *task)
{
    return task->op.type == LLM_STORE_OPEN
           || llm_store_is_write(task->op.type);
}


ngx_int_t
ngx_http_llm_store_post(ngx_http_llm_store_task_t *task)
{
    ngx_uint_t            *n;
    ngx_queue_t           *queue;
    ngx_http_llm_store_t  *store;

    store = task->owner;

    if (store->closed) {
        return NGX_ERROR;
    }

    if (store->redis && task->op.type == LLM_STORE_CHANGE
        && !task->op.change.given)
    {
        return ngx_http_llm_store_redis_change(store->redis, task);
    }

    if (ngx_http_llm_store_writes(task)) {
        queue = &store->writes;
        n = &store->nwrites;

    } else {
        queue = &store->reads;
        n = &store->nreads;
    }

    if (*n >= NGX_HTTP_LLM_STORE_QUEUE) {
        return NGX_BUSY;
    }

    if (task->op.type == LLM_STORE_BACKUP
        && task->op.backup.canceled == NULL)
    {
        task->op.backup.canceled = ngx_http_llm_store_exiting;
    }

    task->posted = 1;
    task->lane = NULL;

    ngx_queue_insert_tail(queue, &task->queue);
    (*n)++;

    ngx_http_llm_store_next(store);

    return NGX_OK;
}


static void
ngx_http_llm_store_next(ngx_http_llm_store_t *store)
{
    ngx_uint_t  i;

    ngx_http_llm_store_start(&store->lanes[0], &store->writes,
                             &store->nwrites);

    for (i = 1; i < NGX_HTTP_LLM_STORE_LANES; i++) {
        ngx_http_llm_store_start(&store->lanes[i], &store->reads,
                                 &store->nreads);
    }
}


static void
ngx_http_llm_store_start(ngx_http_llm_store_lane_t *lane, ngx_queue_t *queue,
    ngx_uint_t *n)
{
    ngx_event_t                *ev;
    ngx_queue_t                *q;
    ngx_http_llm_store_task_t  *task;

    if (lane->task || ngx_queue_empty(queue)) {
        return;
    }

    q = ngx_queue_head(queue);
    task = ngx_queue_data(q, ngx_http_llm_store_task_t, queue);

    ngx_queue_remove(q);
    (*n)--;

    lane->task = task;
    task->lane = lane;
    task->ran = 0;

    ngx_memzero(&task->thread, sizeof(ngx_thread_task_t));

    ev = &task->thread.event;
    ev->data = task;
    ev->log = ngx_cycle->log;
    ev->handler = ngx_http_llm_store_done;

    task->thread.ctx = task;
    task->thread.handler = ngx_http_llm_store_thread;

    if (ngx_process == NGX_PROCESS_SINGLE) {

        /* not in this turn: it may be posted by such an event's handler */

        ev->handler = ngx_http_llm_store_inline;
        ngx_post_event(ev, &ngx_posted_next_events);

    } else if (ngx_thread_task_post(task->owner->pool, &task->thread)
               != NGX_OK)
    {
        ev->handler = ngx_http_llm_store_refused;
        ngx_post_event(ev, &ngx_posted_next_events);
    }
}


static void
ngx_http_llm_store_thread(void *data, ngx_log_t *log)
{
    ngx_http_llm_store_task_t *task = data;

    (void) llm_store_run(task->lane->store, &task->op);

    __atomic_store_n(&task->ran, 1, __ATOMIC_RELEASE);
}


static void
ngx_http_llm_store_inline(ngx_event_t *ev)
{
    ngx_http_llm_store_thread(ev->data, ev->log);
    ngx_http_llm_store_done(ev);
}


/* The pool has too many tasks of others. */

static void
ngx_http_llm_store_refused(ngx_event_t *ev)
{
    ngx_http_llm_store_task_t *task = ev->data;

    task->op.status = LLM_STORE_BUSY;
    ngx_sprintf((u_char *) task->op.error, "the thread pool is full%Z");

    ngx_http_llm_store_done(ev);
}


static void
ngx_http_llm_store_done(ngx_event_t *ev)
{
    ngx_http_llm_store_task_t *task = ev->data;

    ngx_http_llm_store_t  *store;

    store = task->owner;

    ngx_http_llm_store_finish(task);
    ngx_http_llm_store_next(store);
}


void
ngx_http_llm_store_finish(ngx_http_llm_store_task_t *task)
{
    if (task->lane) {
        task->lane->task = NULL;
        task->lane = NULL;

        ngx_http_llm_store_tell(task->owner, &task->op);
    }

    task->posted = 0;

    if (!task->canceled && task->handler) {
        task->handler(task);
    }

    if (!task->posted) {
        ngx_http_llm_store_free(task);
    }
}


void
ngx_http_llm_store_cancel(ngx_http_llm_store_task_t *task)
{
    ngx_http_llm_store_t  *store;

    if (!task->posted) {
        return;
    }

    task->canceled = 1;

    if (task->lane || ngx_http_llm_store_writes(task)) {
        return;
    }

    store = task->owner;

    ngx_queue_remove(&task->queue);
    store->nreads--;

    ngx_http_llm_store_free(task);
}


void
ngx_http_llm_store_free(ngx_http_llm_store_task_t *task)
{
    llm_store_empty(&task->op);
    ngx_free(task);
}


ngx_int_t
ngx_http_llm_store_open(ngx_http_llm_store_t *store)
{
    ngx_http_llm_store_task_t  *task;

    task = ngx_http_llm_store_task(store);
    if (task == NULL) {
        return NGX_ERROR;
    }

    task->op.type = LLM_STORE_OPEN;
    task->handler = ngx_http_llm_store_opened;

    if (ngx_http_llm_store_post(task) != NGX_OK) {
        ngx_http_llm_store_free(task);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static void
ngx_http_llm_store_opened(ngx_http_llm_store_task_t *task)
{
    /* whether it is open shows in what was posted after it */
}


/*
 * nginx's threads end before this, after the last task that was given to
 * them; the events of these tasks do not come any more.
 */

ngx_int_t
ngx_http_llm_store_drain(ngx_http_llm_store_t *store)
{
    ngx_int_t                   rc;
    ngx_uint_t                  i;
    ngx_event_t                *ev;
    ngx_http_llm_store_task_t  *task;

    rc = NGX_OK;
    store->closed = 1;

    if (store->redis) {
        ngx_http_llm_store_redis_stop(store->redis);
        store->redis = NULL;
    }

    for (i = 0; i < NGX_HTTP_LLM_STORE_LANES; i++) {

        task = store->lanes[i].task;

        if (task == NULL) {
            continue;
        }

        ev = &task->thread.event;

        if (ev->posted) {

            /* it was to run here, or was refused, and did not begin */

            ngx_delete_posted_event(ev);

            store->lanes[i].task = NULL;
            task->lane = NULL;
            task->op.status = LLM_STORE_CLOSED;

        } else if (!__atomic_load_n(&task->ran, __ATOMIC_ACQUIRE)) {
            rc = NGX_ERROR;
            continue;
        }

        ngx_http_llm_store_finish(task);
    }

    ngx_http_llm_store_drop(store, &store->writes);
    ngx_http_llm_store_drop(store, &store->reads);

    return rc;
}


static void
ngx_http_llm_store_drop(ngx_http_llm_store_t *store, ngx_queue_t *queue)
{
    ngx_queue_t                *q;
    ngx_http_llm_store_task_t  *task;

    while (!ngx_queue_empty(queue)) {

        q = ngx_queue_head(queue);
        ngx_queue_remove(q);

        task = ngx_queue_data(q, ngx_http_llm_store_task_t, queue);
        task->op.status = LLM_STORE_CLOSED;

        ngx_http_llm_store_finish(task);
    }

    store->nwrites = 0;
    store->nreads = 0;
}


llm_store_status_e
ngx_http_llm_store_run(ngx_http_llm_store_t *store, llm_store_op_t *op)
{
    ngx_uint_t  lane;

    /* a reader opens itself */

    lane = (op->type != LLM_STORE_OPEN && !llm_store_is_write(op->type));

    (void) llm_store_run(store->lanes[lane].store, op);

    ngx_http_llm_store_tell(store, op);

    return op->status;
}


void
ngx_http_llm_store_close(ngx_http_llm_store_t *store)
{
    ngx_uint_t  i;

    store->closed = 1;

    for (i = 0; i < NGX_HTTP_LLM_STORE_LANES; i++) {

        /* of one that is in use its thread would lose what it works with */

        if (store->lanes[i].task == NULL) {
            llm_store_destroy(store->lanes[i].store);
            store->lanes[i].store = NULL;
        }
    }
}


/*
 * Once when it begins and once when it ends, however often a change meets it.
 * Who reads is told by the status; of BACKUP and CHECK everybody is.
 */

static void
ngx_http_llm_store_tell(ngx_http_llm_store_t *store, llm_store_op_t *op)
{
    ngx_uint_t  level, bad;

    if (op->type == LLM_STORE_OPEN && op->open.text[0]) {

        level = (op->open.event == LLM_STORE_FOUND
                 || op->open.event == LLM_STORE_MADE) ? NGX_LOG_NOTICE
                                                      : NGX_LOG_ERR;

        ngx_log_error(level, ngx_cycle->log, 0,
                      "llm_quota store of zone \"%V\": %s", &store->name,
                      op->open.text);
    }

    bad = (op->status > LLM_STORE_INVALID && op->status != LLM_STORE_CANCELED);

    if (op->type == LLM_STORE_BACKUP || op->type == LLM_STORE_CHECK) {

        if (bad) {
            ngx_log_error(NGX_LOG_CRIT, ngx_cycle->log, 0,
                          "llm_quota store of zone \"%V\" has no new backup "
                          "or is not sound: %s", &store->name, op->error);
        }

        return;
    }

    if (op->type != LLM_STORE_OPEN && !llm_store_is_write(op->type)) {
        return;
    }

    if (bad && store->trouble != op->status) {
        store->trouble = op->status;

        ngx_log_error(NGX_LOG_CRIT, ngx_cycle->log, 0,
                      "llm_quota store of zone \"%V\" cannot be used: %s",
                      &store->name, op->error);
    }

    if (op->status == LLM_STORE_OK && store->trouble != LLM_STORE_OK) {
        store->trouble = LLM_STORE_OK;

        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "llm_quota store of zone \"%V\" can be used again",
                      &store->name);
    }
}


/* Asked in a thread, of words that only ever become set. */

static int
ngx_http_llm_store_exiting(void)
{
    return ngx_terminate || ngx_quit || ngx_exiting;
}
