
/*
 * Copyright (C) the llm_quota authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_llm.h"


/*
 * An answer made in the background that the zone does not know may be one that
 * was asked for before nginx was restarted, of the other nginx of an upgrade,
 * or the zone had no room for it: then the store has it.  Who asks about it
 * waits until the store has said so, and is then a poll like any other; but
 * what its answer used is noted in the store, and charged, exactly once, by
 * the worker that leads.
 *
 * What cannot be found out passes without being seen: it is charged when it is
 * asked about again, or when it has expired.
 */


#define NGX_HTTP_LLM_FINDS      64       /* at once */
#define NGX_HTTP_LLM_FIND_TRIES 5        /* while others write */


typedef struct {
    ngx_queue_t                  queue;      /* of the quota's */
    ngx_queue_t                  waiting;    /* the ngx_http_llm_ctx_t, unless
                                                it has gone */
    ngx_http_llm_quota_t        *quota;
    ngx_http_llm_store_task_t   *task;
    ngx_uint_t                   tries;
} ngx_http_llm_find_t;


static ngx_int_t ngx_http_llm_find_wait(ngx_http_llm_ctx_t *ctx,
    ngx_queue_t *queue);
static ngx_http_llm_find_t *ngx_http_llm_find_create(
    ngx_http_llm_quota_t *quota, llm_store_op_e type,
    ngx_http_llm_store_handler_pt handler);
static ngx_int_t ngx_http_llm_find_post(ngx_http_llm_find_t *find);
static void ngx_http_llm_find_drop(ngx_http_llm_find_t *find);
static void ngx_http_llm_find_free(ngx_http_llm_find_t *find);
static void ngx_http_llm_find_found(ngx_http_llm_store_task_t *task);
static void ngx_http_llm_find_seen(ngx_http_llm_store_task_t *task);


ngx_int_t
ngx_http_llm_find(ngx_http_llm_ctx_t *ctx)
{
    llm_zone_t            *z;
    llm_store_op_t        *op;
    ngx_http_llm_find_t   *find;
    ngx_http_llm_quota_t  *quota;

    quota = ctx->quota;
    z = quota->zone.zone;

    if (z->away) {
        return NGX_DECLINED;
    }

    if (!z->ready) {
        return ngx_http_llm_find_wait(ctx, &quota->unready);
    }

    find = ngx_http_llm_find_create(quota, LLM_STORE_PENDING_FIND,
                                    ngx_http_llm_find_found);
    if (find == NULL) {
        return NGX_DECLINED;
    }

    op = &find->task->op;

    if (llm_store_copy(op, &op->find.id, ctx->pending_id.data,
                       ctx->pending_id.len)
        != 0)
    {
        ngx_http_llm_find_drop(find);
        return NGX_DECLINED;
    }

    if (ngx_http_llm_find_post(find) != NGX_OK) {
        return NGX_DECLINED;
    }

    return ngx_http_llm_find_wait(ctx, &find->waiting);
}


static ngx_int_t
ngx_http_llm_find_wait(ngx_http_llm_ctx_t *ctx, ngx_queue_t *queue)
{
    ctx->finding = 1;

    if (ctx->waited == 0) {
        ctx->waited = ngx_current_msec;
    }

    ngx_queue_insert_tail(queue, &ctx->queue);

    ngx_http_llm_wait_timer(ctx->quota, NGX_HTTP_LLM_WAIT_TICK);

    return NGX_AGAIN;
}


static ngx_http_llm_find_t *
ngx_http_llm_find_create(ngx_http_llm_quota_t *quota, llm_store_op_e type,
    ngx_http_llm_store_handler_pt handler)
{
    ngx_http_llm_find_t  *find;

    if (quota->nfinds == NGX_HTTP_LLM_FINDS) {
        return NULL;
    }

    find = ngx_calloc(sizeof(ngx_http_llm_find_t), ngx_cycle->log);
    if (find == NULL) {
        return NULL;
    }

    find->task = ngx_http_llm_store_task(&quota->store);

    if (find->task == NULL) {
        ngx_free(find);
        return NULL;
    }

    find->quota = quota;
    find->task->op.type = type;
    find->task->handler = handler;
    find->task->data = find;

    ngx_queue_init(&find->waiting);
    ngx_queue_insert_tail(&quota->finds, &find->queue);
    quota->nfinds++;

    return find;
}


/* What cannot be posted is freed. */

static ngx_int_t
ngx_http_llm_find_post(ngx_http_llm_find_t *find)
{
    if (ngx_http_llm_store_post(find->task) == NGX_OK) {
        return NGX_OK;
    }

    ngx_http_llm_find_drop(find);

    return NGX_ERROR;
}


static void
ngx_http_llm_find_drop(ngx_http_llm_find_t *find)
{
    ngx_http_llm_store_free(find->task);
    ngx_http_llm_find_free(find);
}


static void
ngx_http_llm_find_free(ngx_http_llm_find_t *find)
{
    ngx_queue_remove(&find->queue);
    find->quota->nfinds--;

    ngx_free(find);
}


static void
ngx_http_llm_find_found(ngx_http_llm_store_task_t *task)
{
    ngx_http_llm_find_t *find = task->data;

    ngx_queue_t          waiting;
    ngx_http_llm_ctx_t  *ctx;
    llm_store_find_t    *found;

    ngx_queue_init(&waiting);

    if (!ngx_queue_empty(&find->waiting)) {
        ngx_queue_add(&waiting, &find->waiting);

        ctx = ngx_queue_data(ngx_queue_head(&waiting), ngx_http_llm_ctx_t,
                             queue);
        found = &task->op.find;

        ctx->found = (task->op.status == LLM_STORE_OK
                      && ngx_http_llm_poll_as(ctx, found->model.data,
                                              found->model.len, found->tier,
                                              found->input, found->output)
                         == NGX_OK);
    }

    ngx_http_llm_find_free(find);

    (void) ngx_http_llm_wait_resume(&waiting, NGX_MAX_UINT32_VALUE, 1);
}


void
ngx_http_llm_find_see(ngx_http_llm_ctx_t *ctx)
{
    u_char               *end;
    llm_line_t            line;
    llm_store_op_t       *op;
    ngx_http_llm_find_t  *find;
    static u_char         buf[LLM_LINE_MAX];

    find = ngx_http_llm_find_create(ctx->quota, LLM_STORE_PENDING_SEE,
                                    ngx_http_llm_find_seen);
    if (find == NULL) {
        return;
    }

    ngx_http_llm_answer_line(ctx, &line);
    end = llm_line_print(buf, &line);

    op = &find->task->op;

    if (ngx_http_llm_store_open(&ctx->quota->store) != NGX_OK
        || llm_store_copy(op, &op->pending.id, ctx->pending_id.data,
                          ctx->pending_id.len)
           != 0
        || llm_store_copy(op, &op->pending.seen, buf, end - buf) != 0)
    {
        ngx_http_llm_find_drop(find);
        return;
    }

    if (ngx_http_llm_find_post(find) == NGX_OK) {

        /* a worker that is told to quit stays until it is noted */

        ngx_http_llm_wait_timer(ctx->quota, NGX_HTTP_LLM_WAIT_TICK);
    }
}


static void
ngx_http_llm_find_seen(ngx_http_llm_store_task_t *task)
{
    ngx_http_llm_find_t *find = task->data;

    switch (task->op.status) {

    case LLM_STORE_BUSY:
    case LLM_STORE_CLOSED:
    case LLM_STORE_GONE:
    case LLM_STORE_DAMAGED:

        if (++find->tries < NGX_HTTP_LLM_FIND_TRIES
            && ngx_http_llm_store_open(&find->quota->store) == NGX_OK
            && ngx_http_llm_store_post(task) == NGX_OK)
        {
            return;
        }

        break;

    default: /* it is noted, or was charged, or cannot be noted */
        break;
    }

    ngx_http_llm_find_free(find);
}


void
ngx_http_llm_finds_check(ngx_http_llm_quota_t *quota)
{
    ngx_queue_t          *q, expired;
    ngx_http_llm_ctx_t   *ctx;
    ngx_http_llm_find_t  *find;

    ngx_queue_init(&expired);

    for (q = ngx_queue_head(&quota->finds);
         q != ngx_queue_sentinel(&quota->finds);
         q = ngx_queue_next(q))
    {
        find = ngx_queue_data(q, ngx_http_llm_find_t, queue);

        if (ngx_queue_empty(&find->waiting)) {
            continue;
        }

        ctx = ngx_queue_data(ngx_queue_head(&find->waiting),
                             ngx_http_llm_ctx_t, queue);

        if (ngx_current_msec - ctx->waited >= NGX_HTTP_LLM_WAIT) {
            ngx_queue_remove(&ctx->queue);
            ngx_queue_insert_tail(&expired, &ctx->queue);
        }
    }

    (void) ngx_http_llm_wait_resume(&expired, NGX_MAX_UINT32_VALUE, 1);
}


void
ngx_http_llm_finds_free(ngx_http_llm_quota_t *quota)
{
    ngx_http_llm_find_t  *find;

    while (!ngx_queue_empty(&quota->finds)) {
        find = ngx_queue_data(ngx_queue_head(&quota->finds),
                              ngx_http_llm_find_t, queue);

        ngx_http_llm_store_cancel(find->task);
        ngx_http_llm_find_free(find);
    }
}
