
/*
 * Copyright (C) the llm_quota authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_llm.h"


/*
 * A request waits in one queue: the zone's, until the zone is ready, that of
 * claims, until the leader has asked for more of a limit, that of a load, or
 * that of a find.
 * One timer looks after all of them; while nothing waits there is none.  It is
 * no cancelable one: it keeps a worker that is told to quit for as long as
 * requests wait.
 */


#define NGX_HTTP_LLM_WAIT_CLAIM  2       /* ms between looks at claims */
#define NGX_HTTP_LLM_WAIT_SLICE  128     /* requests in one turn */


static ngx_int_t ngx_http_llm_wait_loads(ngx_http_llm_ctx_t *ctx);
static void ngx_http_llm_wait_tick(ngx_event_t *ev);
static void ngx_http_llm_wait_claims(ngx_http_llm_quota_t *quota);


/* what nginx's debug log asks of the data of an event */

static ngx_connection_t  ngx_http_llm_wait_connection;


void
ngx_http_llm_wait_start(ngx_http_llm_quota_t *quota, ngx_log_t *log)
{
    ngx_http_llm_wait_connection.fd = (ngx_socket_t) -1;

    ngx_queue_init(&quota->unready);
    ngx_queue_init(&quota->claims);
    ngx_queue_init(&quota->loads);
    ngx_queue_init(&quota->finds);

    quota->waits.handler = ngx_http_llm_wait_tick;
    quota->waits.data = &ngx_http_llm_wait_connection;
    quota->waits.log = log;
}


ngx_int_t
ngx_http_llm_wait(ngx_http_llm_ctx_t *ctx, const llm_ask_t *ask)
{
    ngx_int_t              rc;
    llm_zone_t            *z;
    ngx_msec_t             timer;
    ngx_http_llm_quota_t  *quota;

    quota = ctx->quota;
    z = quota->zone.zone;
    timer = NGX_HTTP_LLM_WAIT_TICK;

    if (ctx->ask == NULL) {

        ctx->ask = ngx_palloc(ctx->request->pool, sizeof(llm_ask_t));
        if (ctx->ask == NULL) {
            return NGX_ERROR;
        }

        *ctx->ask = *ask;
        ctx->waited = ngx_current_msec;
    }

    if (!z->ready) {

        if (z->away) {
            return NGX_DECLINED;
        }

        ngx_queue_insert_tail(&quota->unready, &ctx->queue);

    } else if (ctx->verdict.unknown == 0) {
        ngx_queue_insert_tail(&quota->claims, &ctx->queue);
        timer = NGX_HTTP_LLM_WAIT_CLAIM;

    } else {
        rc = ngx_http_llm_wait_loads(ctx);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    ngx_http_llm_wait_timer(quota, timer);

    return NGX_AGAIN;
}


/* All of its loads begin; it waits for one, and is then admitted or waits for
   another. */

static ngx_int_t
ngx_http_llm_wait_loads(ngx_http_llm_ctx_t *ctx)
{
    ngx_uint_t            i;
    ngx_http_llm_load_t  *load, *first;

    first = NULL;

    for (i = 0; i < ctx->ask->nsubjects; i++) {

        if (!(ctx->verdict.unknown & (1U << i))) {
            continue;
        }

        load = ngx_http_llm_load(ctx->quota, ctx->ask, i);

        if (first == NULL) {
            first = load;
        }
    }

    /* where one is not to be had the others still may be */

    if (first == NULL) {
        return NGX_DECLINED;
    }

    ngx_http_llm_load_join(first, ctx);

    return NGX_OK;
}


void
ngx_http_llm_wait_cancel(ngx_http_llm_ctx_t *ctx)
{
    if (ctx->state != NGX_HTTP_LLM_WAITING) {
        return;
    }

    ngx_queue_remove(&ctx->queue);
    ctx->state = NGX_HTTP_LLM_REFUSED;
}


ngx_uint_t
ngx_http_llm_wait_resume(ngx_queue_t *queue, ngx_uint_t max, ngx_uint_t blind)
{
    ngx_queue_t  *q;

    while (!ngx_queue_empty(queue)) {

        if (max-- == 0) {
            return 1;
        }

        q = ngx_queue_head(queue);
        ngx_queue_remove(q);

        ngx_http_llm_resume(ngx_queue_data(q, ngx_http_llm_ctx_t, queue),
                            blind);
    }

    return 0;
}


void
ngx_http_llm_wait_timer(ngx_http_llm_quota_t *quota, ngx_msec_t timer)
{
    if (!quota->waits.timer_set) {
        ngx_add_timer(&quota->waits, timer);
    }
}


static void
ngx_http_llm_wait_tick(ngx_event_t *ev)
{
    llm_zone_t            *z;
    ngx_msec_t             timer;
    ngx_uint_t             max;
    ngx_queue_t           *q, expired;
    ngx_http_llm_ctx_t    *ctx;
    ngx_http_llm_quota_t  *quota;

    quota = (ngx_http_llm_quota_t *)
                ((u_char *) ev - offsetof(ngx_http_llm_quota_t, waits));

    z = quota->zone.zone;
    max = NGX_HTTP_LLM_WAIT_SLICE;
    timer = NGX_HTTP_LLM_WAIT_TICK;

    if (z->ready || z->away) {

        /* of a zone that is not ready they do not come back */

        if (ngx_http_llm_wait_resume(&quota->unready, max, !z->ready)) {
            timer = 1;
        }

    } else {
        ngx_queue_init(&expired);

        while (!ngx_queue_empty(&quota->unready)) {
            q = ngx_queue_head(&quota->unready);
            ctx = ngx_queue_data(q, ngx_http_llm_ctx_t, queue);

            if (ngx_current_msec - ctx->waited < NGX_HTTP_LLM_WAIT) {
                break;
            }

            ngx_queue_remove(q);
            ngx_queue_insert_tail(&expired, q);
        }

        (void) ngx_http_llm_wait_resume(&expired, NGX_MAX_UINT32_VALUE, 1);
    }

    ngx_http_llm_wait_claims(quota);
    ngx_http_llm_loads_check(quota);
    ngx_http_llm_finds_check(quota);

    if (!ngx_queue_empty(&quota->claims)) {
        timer = ngx_min(timer, NGX_HTTP_LLM_WAIT_CLAIM);
    }

    if (!ngx_queue_empty(&quota->unready) || !ngx_queue_empty(&quota->claims)
        || !ngx_queue_empty(&quota->loads) || !ngx_queue_empty(&quota->finds))
    {
        ngx_http_llm_wait_timer(quota, timer);
    }
}


/*
 * Those whose wishes were exchanged are decided anew, which may lead them back
 * here.  Where the others cannot be reached any more, nobody can grant: as
 * fail= says.
 */

static void
ngx_http_llm_wait_claims(ngx_http_llm_quota_t *quota)
{
    llm_zone_t          *z;
    ngx_uint_t           late;
    ngx_queue_t         *q, *next, answered, expired;
    ngx_http_llm_ctx_t  *ctx;

    z = quota->zone.zone;

    ngx_queue_init(&answered);
    ngx_queue_init(&expired);

    for (q = ngx_queue_head(&quota->claims);
         q != ngx_queue_sentinel(&quota->claims);
         q = next)
    {
        next = ngx_queue_next(q);
        ctx = ngx_queue_data(q, ngx_http_llm_ctx_t, queue);

        late = (z->cluster != LLM_CLUSTER_ON
                || ngx_current_msec - ctx->waited >= NGX_HTTP_LLM_WAIT);

        if (late || (int32_t) (z->answered - ctx->verdict.wanted) >= 0) {
            ngx_queue_remove(q);
            ngx_queue_insert_tail(late ? &expired : &answered, q);
        }
    }

    (void) ngx_http_llm_wait_resume(&answered, NGX_MAX_UINT32_VALUE, 0);
    (void) ngx_http_llm_wait_resume(&expired, NGX_MAX_UINT32_VALUE, 1);
}


void
ngx_http_llm_wait_exit(ngx_http_llm_quota_t *quota)
{
    if (quota->waits.timer_set) {
        ngx_del_timer(&quota->waits);
    }

    ngx_http_llm_loads_free(quota);
    ngx_http_llm_finds_free(quota);
}
