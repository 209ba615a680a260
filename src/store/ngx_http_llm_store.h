
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _NGX_HTTP_LLM_STORE_H_INCLUDED_
#define _NGX_HTTP_LLM_STORE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_thread_pool.h>

#include "llm_store.h"
#include "ngx_http_llm_redis_conf.h"


/*
 * The store of one zone, as one worker uses it: operations run in a thread
 * pool, what came of them is told in the event loop.
 *
 * What changes the store, and OPEN, runs one after the other, in the order in
 * which it was posted.  All else runs on connections of its own, beside it,
 * some at once: who wants to read what was written posts the one from the
 * handler of the other.  BACKUP and CHECK hold one of these connections for
 * as long as they take.
 *
 *     configuration   store->pool = ngx_http_llm_store_threads(cf, &name);
 *     init_process    ngx_http_llm_store_init(store, &conf, cycle);
 *     then, leader    a task with OPEN, leader set: makes and mends it.  In
 *                     its handler OFFSETS, LOAD_ALL, COMMIT, ...  After
 *                     DAMAGED or GONE of whatever task: OPEN again, after
 *                     DAMAGED of BACKUP or CHECK with check set.
 *     then, others    a task with OPEN before the first change, again while
 *                     it is ABSENT; what only reads opens itself
 *     exit_process    ngx_http_llm_store_drain(store), then what is left to
 *                     be done with ngx_http_llm_store_run(), then
 *                     ngx_http_llm_store_close(store).  nginx's threads have
 *                     ended by then.
 *
 * A task:
 *
 *     task = ngx_http_llm_store_task(store);          NULL: no memory
 *     task->op.type = LLM_STORE_LOAD;
 *     llm_store_copy(&task->op, &task->op.load.subject.id, ...);
 *     task->handler = handler;
 *     task->data = ctx;
 *
 *     if (ngx_http_llm_store_post(task) != NGX_OK) {
 *         ngx_http_llm_store_free(task);              too many wait
 *     }
 *
 * A graceful exit waits for what has a timer, and for nothing else: a request
 * that waits for a task needs one.
 *
 * From the post until its handler nobody touches the task but to cancel it.
 * The handler finds the result in task->op; when it returns the task is
 * freed, unless it was posted once more, for the rest of a list, say.
 *
 * Where several nodes share the entities, a CHANGE is made in their Redis
 * first, and then here; what Redis refuses since it knows more than the store,
 * the store knows as well when the handler is called.  AWAY: Redis did not
 * answer, and op.error says whether anything may have been changed.
 *
 * With "master_process off" nginx does not start the threads of a new
 * configuration, so there operations run in the event loop.
 *
 * What is wrong with the store is logged here when it begins and when it
 * ends, and so is what OPEN has done.
 */


/* Waiting of each kind; what is more is refused. */
#define NGX_HTTP_LLM_STORE_QUEUE    1024

/* Connections that read. */
#define NGX_HTTP_LLM_STORE_READERS  3

#define NGX_HTTP_LLM_STORE_LANES    (1 + NGX_HTTP_LLM_STORE_READERS)


typedef struct ngx_http_llm_store_s       ngx_http_llm_store_t;
typedef struct ngx_http_llm_store_task_s  ngx_http_llm_store_task_t;
typedef struct ngx_http_llm_store_redis_s  ngx_http_llm_store_redis_t;

typedef void (*ngx_http_llm_store_handler_pt)(ngx_http_llm_store_task_t *task);


/* A connection, and the task that has it. */

typedef struct {
    llm_store_t                    *store;
    ngx_http_llm_store_task_t      *task;        /* NULL: none */
} ngx_http_llm_store_lane_t;


struct ngx_http_llm_store_task_s {
    llm_store_op_t                  op;
    ngx_http_llm_store_handler_pt   handler;
    void                           *data;

    /* the store's own */
    ngx_http_llm_store_t           *owner;
    ngx_http_llm_store_lane_t      *lane;        /* NULL: it waits */
    ngx_thread_task_t               thread;
    ngx_queue_t                     queue;
    ngx_uint_t                      ran;         /* set by the thread */
    ngx_msec_t                      since;       /* it waits for Redis */

    unsigned                        posted:1;
    unsigned                        canceled:1;
};


struct ngx_http_llm_store_s {
    ngx_str_t                       name;        /* of the zone, for the log */
    ngx_thread_pool_t              *pool;

    ngx_http_llm_store_lane_t       lanes[NGX_HTTP_LLM_STORE_LANES];
    ngx_queue_t                     writes;      /* waiting tasks */
    ngx_queue_t                     reads;
    ngx_uint_t                      nwrites;
    ngx_uint_t                      nreads;

    ngx_http_llm_store_redis_t     *redis;       /* NULL: the entities are
                                                    this node's alone */

    llm_store_status_e              trouble;     /* that was told of */
    unsigned                        closed:1;
};


/* The pool, to be named in the configuration or "default"; NULL: was told. */
ngx_thread_pool_t *ngx_http_llm_store_threads(ngx_conf_t *cf, ngx_str_t *name);

/* In a worker, once: touches no file.  name and pool are set.  The strings of
   conf are copied. */
ngx_int_t ngx_http_llm_store_init(ngx_http_llm_store_t *store,
    const llm_store_conf_t *conf);

/* After it: entities are shared with all who name this Redis, this prefix and
   a zone of this name.  Nobody is spoken to before the first change. */
ngx_int_t ngx_http_llm_store_share(ngx_http_llm_store_t *store,
    const ngx_http_llm_redis_conf_t *conf, const ngx_str_t *prefix,
    ngx_cycle_t *cycle);

/* A task, zeroed. */
ngx_http_llm_store_task_t *ngx_http_llm_store_task(
    ngx_http_llm_store_t *store);

/* NGX_OK; NGX_BUSY: too many wait; NGX_ERROR: it is closed.  Then the task is
   still the caller's. */
ngx_int_t ngx_http_llm_store_post(ngx_http_llm_store_task_t *task);

/* Posts an OPEN: a change that is posted after it finds the store open, if it
   can be.  NGX_OK or NGX_ERROR. */
ngx_int_t ngx_http_llm_store_open(ngx_http_llm_store_t *store);

/* Its handler will not be called.  What was not begun is not done, but for
   changes, which somebody may have been promised. */
void ngx_http_llm_store_cancel(ngx_http_llm_store_task_t *task);

/* One that was not posted. */
void ngx_http_llm_store_free(ngx_http_llm_store_task_t *task);

/*
 * At exit: what ran is handed to its handlers, what waits is told CLOSED, and
 * nothing can be posted any more.  NGX_ERROR: something runs still, and
 * ngx_http_llm_store_run() must not be used.
 */
ngx_int_t ngx_http_llm_store_drain(ngx_http_llm_store_t *store);

/* Blocks; before the first post or after the drain.  What only reads opens
   itself. */
llm_store_status_e ngx_http_llm_store_run(ngx_http_llm_store_t *store,
    llm_store_op_t *op);

/* After the drain. */
void ngx_http_llm_store_close(ngx_http_llm_store_t *store);


#endif /* _NGX_HTTP_LLM_STORE_H_INCLUDED_ */
