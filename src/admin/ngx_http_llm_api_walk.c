
/*
 * Copyright (C) the llm_quota authors
 */


#include "ngx_http_llm_api_calls.h"


/*
 * A walk through the daily usage.  The store sorts all rows of an operation
 * before it gives the first, so days are asked for one by one, and many rows
 * at once; of these a few are taken in each turn of the event loop.
 */


#define NGX_HTTP_LLM_WALK_ROWS  5000         /* of the store, at once */
#define NGX_HTTP_LLM_WALK_TURN  100          /* in one turn */


static void ngx_http_llm_walk_days(ngx_http_llm_call_t *call,
    llm_store_op_t *op);
static void ngx_http_llm_walk_next(ngx_http_llm_call_t *call);
static void ngx_http_llm_walk_read(ngx_http_llm_call_t *call);
static void ngx_http_llm_walk_page(ngx_http_llm_call_t *call,
    llm_store_op_t *op);
static void ngx_http_llm_walk_turn(ngx_event_t *ev);
static void ngx_http_llm_walk_rows(ngx_http_llm_call_t *call);
static void ngx_http_llm_walk_cleanup(void *data);


void *
ngx_http_llm_call_walker(ngx_http_llm_call_t *call, size_t size)
{
    ngx_pool_cleanup_t   *cln;
    ngx_http_llm_walk_t  *walk;

    walk = ngx_pcalloc(call->pool, size);
    cln = ngx_pool_cleanup_add(call->pool, 0);

    if (walk == NULL || cln == NULL) {
        ngx_http_llm_call_end(call, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return NULL;
    }

    cln->handler = ngx_http_llm_walk_cleanup;
    cln->data = walk;

    walk->turn.handler = ngx_http_llm_walk_turn;
    walk->turn.data = call;
    walk->turn.log = ngx_cycle->log;

    call->data = walk;

    return walk;
}


static void
ngx_http_llm_walk_cleanup(void *data)
{
    ngx_http_llm_walk_t *walk = data;

    llm_store_empty(&walk->op);
}


void
ngx_http_llm_call_walk(ngx_http_llm_call_t *call)
{
    ngx_http_llm_walk_t *walk = call->data;

    llm_store_op_t  *op;

    walk->want.max = NGX_HTTP_LLM_WALK_ROWS;
    walk->want.cursor.len = 0;

    if (!(walk->want.by & LLM_STORE_BY_DAY)
        || walk->want.by == LLM_STORE_BY_DAY)
    {
        walk->ndays = 0;
        ngx_http_llm_walk_read(call);
        return;
    }

    op = ngx_http_llm_call_op(call, LLM_STORE_USAGE, ngx_http_llm_walk_days);

    if (op) {
        op->usage = walk->want;
        op->usage.by = LLM_STORE_BY_DAY;

        ngx_http_llm_call_run(call);
    }
}


/* There are no more than are kept. */

static void
ngx_http_llm_walk_days(ngx_http_llm_call_t *call, llm_store_op_t *op)
{
    ngx_http_llm_walk_t *walk = call->data;

    size_t  i;

    walk->days = ngx_palloc(call->pool,
                            (op->usage.nrows + 1) * sizeof(uint32_t));
    if (walk->days == NULL) {
        ngx_http_llm_call_end(call, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    walk->ndays = op->usage.nrows;
    walk->day = 0;

    for (i = 0; i < walk->ndays; i++) {
        walk->days[i] = op->usage.rows[i].day;
    }

    ngx_http_llm_walk_next(call);
}


static void
ngx_http_llm_walk_next(ngx_http_llm_call_t *call)
{
    ngx_http_llm_walk_t *walk = call->data;

    if (walk->day >= walk->ndays) {
        walk->done(call);
        return;
    }

    walk->want.from = walk->days[walk->day];
    walk->want.to = walk->days[walk->day++];

    ngx_http_llm_walk_read(call);
}


static void
ngx_http_llm_walk_read(ngx_http_llm_call_t *call)
{
    ngx_http_llm_walk_t *walk = call->data;

    llm_store_op_t  *op;

    op = ngx_http_llm_call_op(call, LLM_STORE_USAGE, ngx_http_llm_walk_page);

    if (op) {
        op->usage = walk->want;
        ngx_http_llm_call_run(call);
    }
}


/* What came of the operation outlives it here. */

static void
ngx_http_llm_walk_page(ngx_http_llm_call_t *call, llm_store_op_t *op)
{
    ngx_http_llm_walk_t *walk = call->data;

    llm_store_empty(&walk->op);

    walk->op = *op;
    walk->i = 0;

    op->arguments = NULL;
    op->results = NULL;

    ngx_http_llm_walk_rows(call);
}


static void
ngx_http_llm_walk_turn(ngx_event_t *ev)
{
    ngx_http_llm_call_flush(ev->data, ngx_http_llm_walk_rows);
}


static void
ngx_http_llm_walk_rows(ngx_http_llm_call_t *call)
{
    ngx_http_llm_walk_t *walk = call->data;

    size_t  last;

    last = ngx_min(walk->op.usage.nrows, walk->i + NGX_HTTP_LLM_WALK_TURN);

    for ( /* void */ ; walk->i < last; walk->i++) {
        walk->row(call, &walk->op.usage.rows[walk->i]);
    }

    if (last < walk->op.usage.nrows) {
        ngx_post_event(&walk->turn, &ngx_posted_next_events);
        return;
    }

    walk->want.cursor = walk->op.usage.cursor;

    ngx_http_llm_call_flush(call, walk->want.cursor.len
                                  ? ngx_http_llm_walk_read
                                  : ngx_http_llm_walk_next);
}
