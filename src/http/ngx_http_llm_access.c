
/*
 * Copyright (C) the llm_quota authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <sys/random.h>

#include "ngx_http_llm.h"


/*
 * The way of a request up to its decision.
 *
 * The handler stands last in the access phase, and first in the precontent
 * phase: under "satisfy all" the former decides, after everything that may
 * deny; under "satisfy any" an earlier handler's consent skips the rest of
 * its phase, so there the latter decides.  Both phases are run again after an
 * internal redirect; the context then is found through the pool's cleanup
 * list, and its state says that there is nothing left to do.
 *
 * But a refusal that error_page leads on to an upstream is no refusal of that
 * one: the location there decides for itself, in a context of its own.  The
 * one that was refused holds nothing and is found no more.
 */


static ngx_int_t ngx_http_llm_decide(ngx_http_request_t *r);
static ngx_uint_t ngx_http_llm_is_fallback(ngx_http_request_t *r,
    ngx_http_llm_ctx_t *ctx);
static ngx_http_llm_ctx_t *ngx_http_llm_create_ctx(ngx_http_request_t *r,
    ngx_http_llm_loc_conf_t *llcf);
static ngx_http_llm_ctx_t *ngx_http_llm_alloc_ctx(ngx_log_t *log);
static ngx_int_t ngx_http_llm_request_id(ngx_http_llm_ctx_t *ctx);
static ngx_int_t ngx_http_llm_route(ngx_http_llm_ctx_t *ctx);
static ngx_int_t ngx_http_llm_route_poll(ngx_http_llm_ctx_t *ctx,
    ngx_uint_t blind);
static ngx_uint_t ngx_http_llm_is_post(ngx_http_request_t *r);
static ngx_uint_t ngx_http_llm_overrides(ngx_http_request_t *r);
static void ngx_http_llm_unconditional(ngx_http_request_t *r);
static ngx_int_t ngx_http_llm_read(ngx_http_llm_ctx_t *ctx);
static void ngx_http_llm_read_done(ngx_http_request_t *r);
static ngx_int_t ngx_http_llm_body_decide(ngx_http_llm_ctx_t *ctx);
static ngx_uint_t ngx_http_llm_body_at_hand(ngx_http_request_t *r);
static ngx_int_t ngx_http_llm_end(ngx_http_llm_ctx_t *ctx, ngx_int_t rc);
static ngx_int_t ngx_http_llm_suspend(ngx_http_llm_ctx_t *ctx);


ngx_int_t
ngx_http_llm_access_handler(ngx_http_request_t *r)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (clcf->satisfy == NGX_HTTP_SATISFY_ANY) {
        return NGX_DECLINED;
    }

    return ngx_http_llm_decide(r);
}


ngx_int_t
ngx_http_llm_precontent_handler(ngx_http_request_t *r)
{
    return ngx_http_llm_decide(r);
}


static ngx_int_t
ngx_http_llm_decide(ngx_http_request_t *r)
{
    ngx_int_t                  rc;
    ngx_http_llm_ctx_t        *ctx;
    ngx_http_llm_loc_conf_t   *llcf;
    const ngx_http_llm_key_t  *key;

    if (r != r->main) {
        return NGX_DECLINED;
    }

    ctx = ngx_http_llm_get_ctx(r);

    if (ctx && !ngx_http_llm_is_fallback(r, ctx)) {

        switch (ctx->state) {

        case NGX_HTTP_LLM_READING:
        case NGX_HTTP_LLM_WAITING:
            return NGX_DONE;

        default:
            return NGX_DECLINED;
        }
    }

    llcf = ngx_http_get_module_loc_conf(r, ngx_http_llm_quota_module);

    if (llcf->quota == NULL) {
        return NGX_DECLINED;
    }

    if (r->method == NGX_HTTP_OPTIONS && !ngx_http_llm_is_post(r)) {
        return ngx_http_llm_hide_keys(r) == NGX_OK
               ? NGX_DECLINED : NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_llm_join(r, llcf->quota->data, llcf->closed);

    if (rc != NGX_OK) {
        return rc;
    }

    /* of what was refused the key is taken out already */

    key = ctx ? ctx->key : NULL;

    ctx = ngx_http_llm_create_ctx(r, llcf);

    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->key = key;

    return ngx_http_llm_route(ctx);
}


/*
 * Whether what was refused would be passed on here.  A page by its URI is
 * fetched with GET, one from a file has no handler of its own: they tell of
 * the refusal.
 */

static ngx_uint_t
ngx_http_llm_is_fallback(ngx_http_request_t *r, ngx_http_llm_ctx_t *ctx)
{
    return ctx->state == NGX_HTTP_LLM_REFUSED
           && ctx->refused
           && !r->post_action
           && r->content_handler != NULL
           && ngx_http_llm_is_post(r);
}


static ngx_http_llm_ctx_t *
ngx_http_llm_create_ctx(ngx_http_request_t *r, ngx_http_llm_loc_conf_t *llcf)
{
    ngx_pool_cleanup_t    *cln;
    ngx_http_llm_ctx_t    *ctx;
    ngx_http_llm_quota_t  *quota;

    quota = llcf->quota->data;

    if (!quota->started
        && ngx_http_llm_start_quota(quota, (ngx_cycle_t *) ngx_cycle)
           != NGX_OK)
    {
        return NULL;
    }

    cln = ngx_pool_cleanup_add(r->pool, 0);
    if (cln == NULL) {
        return NULL;
    }

    ctx = ngx_http_llm_alloc_ctx(r->connection->log);
    if (ctx == NULL) {
        return NULL;
    }

    cln->data = ctx;
    cln->handler = ngx_http_llm_cleanup;

    ctx->request = r;
    ctx->conf = llcf;
    ctx->quota = quota;
    ctx->retry = -1;
    ctx->cap = -1;
    ctx->choices = 1;
    ctx->most_input = NGX_HTTP_LLM_TOKENS_MAX;
    ctx->most_output = NGX_HTTP_LLM_TOKENS_MAX;
    ctx->started = ngx_current_msec;
    ctx->verdict.reservation = LLM_NONE;

    if (ngx_http_llm_request_id(ctx) != NGX_OK) {
        return NULL;
    }

    ngx_http_set_ctx(r, ctx, ngx_http_llm_quota_module);

    return ctx;
}


/*
 * A worker keeps the contexts of ended requests for the next ones.  Taken from
 * the request's pool, their 4 KB would make the heap shrink and grow with
 * every few requests, and the page faults cost more than an admission.
 */

static ngx_http_llm_ctx_t  *ngx_http_llm_free_ctxs;


static ngx_http_llm_ctx_t *
ngx_http_llm_alloc_ctx(ngx_log_t *log)
{
    ngx_http_llm_ctx_t  *ctx;

    ctx = ngx_http_llm_free_ctxs;

    if (ctx) {
        ngx_http_llm_free_ctxs = ctx->next;

    } else {
        ctx = ngx_alloc(sizeof(ngx_http_llm_ctx_t), log);
        if (ctx == NULL) {
            return NULL;
        }
    }

    /* the reader of the answer is initialized when there is one */

    ngx_memzero(ctx, offsetof(ngx_http_llm_ctx_t, reader));

    return ctx;
}


void
ngx_http_llm_free_ctx(ngx_http_llm_ctx_t *ctx)
{
    ctx->next = ngx_http_llm_free_ctxs;
    ngx_http_llm_free_ctxs = ctx;
}


void
ngx_http_llm_free_all_ctxs(void)
{
    ngx_http_llm_ctx_t  *ctx;

    while (ngx_http_llm_free_ctxs) {
        ctx = ngx_http_llm_free_ctxs;
        ngx_http_llm_free_ctxs = ctx->next;

        ngx_free(ctx);
    }
}


/*
 * nginx's $request_id.  Its own way to make one asks OpenSSL for 16 random
 * bytes, which costs more than an admission; so where nobody has asked for
 * it yet it is made here, of the kernel's random bytes, of which 256 always
 * come at once, and put where nginx and everybody else find it.
 */

static ngx_int_t
ngx_http_llm_request_id(ngx_http_llm_ctx_t *ctx)
{
    ngx_http_request_t         *r;
    ngx_http_variable_value_t  *vv;
    ngx_http_llm_main_conf_t   *lmcf;

    static u_char   random[16 * 16];
    static size_t   left;

    r = ctx->request;

    lmcf = ngx_http_get_module_main_conf(r, ngx_http_llm_quota_module);

    vv = &r->variables[lmcf->request_id];

    if (!vv->valid) {

        if (left == 0) {

            if (getrandom(random, sizeof(random), 0) != sizeof(random)) {
                return NGX_ERROR;
            }

            left = sizeof(random);
        }

        left -= 16;

        vv->data = ngx_pnalloc(r->pool, 32);
        if (vv->data == NULL) {
            return NGX_ERROR;
        }

        (void) ngx_hex_dump(vv->data, &random[left], 16);

        vv->len = 32;
        vv->valid = 1;
        vv->no_cacheable = 0;
        vv->not_found = 0;
    }

    ctx->request_id.data = vv->data;
    ctx->request_id.len = vv->len;

    return NGX_OK;
}


ngx_http_llm_ctx_t *
ngx_http_llm_get_ctx(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t  *cln;
    ngx_http_llm_ctx_t  *ctx;

    if (r != r->main) {
        return NULL;
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_llm_quota_module);

    if (ctx == NULL && (r->internal || r->filter_finalize)) {

        /* an internal redirect and a filter's finalization clear all
           contexts; the pool keeps ours */

        for (cln = r->pool->cleanup; cln; cln = cln->next) {

            if (cln->handler == ngx_http_llm_cleanup) {
                ctx = cln->data;
                ngx_http_set_ctx(r, ctx, ngx_http_llm_quota_module);

                /* redirected while the body was read: to the page of the
                   error that ended the reading */

                if (ctx->state == NGX_HTTP_LLM_WAITING) {
                    ngx_http_llm_wait_cancel(ctx);
                }

                if (ctx->state == NGX_HTTP_LLM_READING) {
                    ctx->state = NGX_HTTP_LLM_REFUSED;
                }

                break;
            }
        }
    }

    return ctx;
}


static ngx_int_t
ngx_http_llm_route(ngx_http_llm_ctx_t *ctx)
{
    ngx_int_t            rc;
    ngx_uint_t           post;
    ngx_http_request_t  *r;

    r = ctx->request;
    post = ngx_http_llm_is_post(r);

    /* a POST is what its path says: a header must not make it one that cannot
       be read, nor the upstream a tunnel of it */

    if (post) {
        r->headers_in.upgrade = NULL;
    }

    llm_route_match(&ctx->route, r->uri.data, r->uri.len, post,
                    r->headers_in.upgrade != NULL);

    rc = ngx_http_llm_identify(ctx);

    if (rc != NGX_OK) {
        return ngx_http_llm_end(ctx, rc);
    }

    return ngx_http_llm_route_poll(ctx, 0);
}


/* What asks about an answer that is charged later is free; what of that is not
   known is what its path says. */

static ngx_int_t
ngx_http_llm_route_poll(ngx_http_llm_ctx_t *ctx, ngx_uint_t blind)
{
    ngx_int_t            rc;
    ngx_http_request_t  *r;

    r = ctx->request;

    ctx->finding = 0;

    rc = ctx->route.id_len ? ngx_http_llm_poll(ctx, blind) : NGX_DECLINED;

    switch (rc) {

    case NGX_OK:
        ngx_http_llm_unconditional(r);
        ctx->state = NGX_HTTP_LLM_ADMITTED;

        /* fall through */

    case NGX_AGAIN:
        return ngx_http_llm_end(ctx, rc);
    }

    switch (ctx->route.class) {

    case LLM_ROUTE_FREE:
        ctx->state = NGX_HTTP_LLM_SETTLED;
        return NGX_DECLINED;

    case LLM_ROUTE_OPAQUE:
        ngx_http_llm_unconditional(r);

        rc = ngx_http_llm_check_model(ctx);

        if (rc == NGX_OK) {
            rc = ngx_http_llm_admit(ctx, NULL);
        }

        return ngx_http_llm_end(ctx, rc);

    default: /* LLM_ROUTE_CHARGED */
        ngx_http_llm_unconditional(r);
        break;
    }

    if (ctx->model.len) {
        rc = ngx_http_llm_check_model(ctx);

        if (rc != NGX_OK) {
            return ngx_http_llm_end(ctx, rc);
        }
    }

    if (!ngx_http_llm_body_at_hand(r)) {
        rc = ngx_http_llm_admit_early(ctx);

        if (rc != NGX_OK) {
            return ngx_http_llm_end(ctx, rc);
        }
    }

    return ngx_http_llm_read(ctx);
}


/*
 * A POST stays one whatever it says it is; any other method is one as soon as
 * it says that it is not what it is: servers behind may believe it.
 */

static ngx_uint_t
ngx_http_llm_is_post(ngx_http_request_t *r)
{
    ngx_uint_t            i;
    ngx_http_llm_walk_t   w;

    static ngx_str_t  names[] = {
        ngx_string("x-http-method-override"),
        ngx_string("x-http-method"),
        ngx_string("x-method-override")
    };

    if (r->method == NGX_HTTP_POST) {
        return 1;
    }

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (ngx_http_llm_walk(&w, &r->headers_in.headers, &names[i])) {
            return 1;
        }
    }

    return r->args.len && ngx_http_llm_overrides(r);
}


/* By an argument: "$httpMethod" of Google's APIs, "_method" of others. */

static ngx_uint_t
ngx_http_llm_overrides(ngx_http_request_t *r)
{
    u_char      *p, *src, *dst, *args;
    ngx_uint_t   i;

    static ngx_str_t  names[] = {
        ngx_string("$httpmethod="),
        ngx_string("_method=")
    };

    args = ngx_pnalloc(r->pool, r->args.len);
    if (args == NULL) {
        return 1;
    }

    src = r->args.data;
    dst = args;

    ngx_unescape_uri(&dst, &src, r->args.len, 0);

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {

        for (p = args; /* void */ ; p++) {
            p = ngx_strlcasestrn(p, dst, names[i].data, names[i].len - 1);

            if (p == NULL) {
                break;
            }

            if (p == args || p[-1] == '&') {
                return 1;
            }
        }
    }

    return 0;
}


/* A condition or a range would keep from the filters what the upstream has
   made all the same. */

static void
ngx_http_llm_unconditional(ngx_http_request_t *r)
{
    r->headers_in.if_modified_since = NULL;
    r->headers_in.if_unmodified_since = NULL;
    r->headers_in.if_match = NULL;
    r->headers_in.if_none_match = NULL;
    r->headers_in.if_range = NULL;
    r->headers_in.range = NULL;
}


/*
 * Whether reading the body costs nothing: it came with the header.  Else it
 * may be megabytes on a slow line, or the client waits for a 100 Continue,
 * and what can be refused without it is refused before.
 */

static ngx_uint_t
ngx_http_llm_body_at_hand(ngx_http_request_t *r)
{
    if (r->request_body) {
        return 1;
    }

    if (r->headers_in.expect || r->headers_in.content_length_n < 0
        || r->stream)
    {
        return 0;
    }

    return r->headers_in.content_length_n
           <= r->header_in->last - r->header_in->pos;
}


static ngx_int_t
ngx_http_llm_read(ngx_http_llm_ctx_t *ctx)
{
    ngx_int_t            rc;
    ngx_http_request_t  *r;

    r = ctx->request;

    ctx->state = NGX_HTTP_LLM_READING;

    /*
     * The post handler may run inside this call and carry the request on to
     * its upstream: after it nothing but rc may be looked at.
     */

    rc = ngx_http_read_client_request_body(r, ngx_http_llm_read_done);

    if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
        ctx->state = NGX_HTTP_LLM_REFUSED;
        return rc;
    }

    ngx_http_finalize_request(r, NGX_DONE);

    return NGX_DONE;
}


static void
ngx_http_llm_read_done(ngx_http_request_t *r)
{
    ngx_int_t            rc;
    ngx_http_llm_ctx_t  *ctx;

    ctx = ngx_http_llm_get_ctx(r);

    r->preserve_body = 1;
    r->write_event_handler = ngx_http_core_run_phases;

    rc = ngx_http_llm_end(ctx, ngx_http_llm_body_decide(ctx));

    if (rc == NGX_DONE) {
        return;
    }

    if (rc != NGX_DECLINED) {
        ngx_http_finalize_request(r, rc);
        return;
    }

    ngx_http_core_run_phases(r);
}


static ngx_int_t
ngx_http_llm_body_decide(ngx_http_llm_ctx_t *ctx)
{
    ngx_int_t              rc;
    static llm_request_t   body;

    /* the body is whole: one pass over it, so one scanner for the worker */

    rc = ngx_http_llm_body_scan(ctx, &body);

    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_llm_identify_body(ctx, &body);

    if (rc != NGX_OK) {
        return rc;
    }

    /* known before, but for a customer whom the body names */

    rc = ngx_http_llm_check_model(ctx);

    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_http_llm_admit(ctx, &body);
}


/* Turns what a step said into what a phase handler returns. */

static ngx_int_t
ngx_http_llm_end(ngx_http_llm_ctx_t *ctx, ngx_int_t rc)
{
    ngx_uint_t  changed;

    switch (rc) {

    case NGX_AGAIN:
        return ngx_http_llm_suspend(ctx);

    case NGX_OK:
        changed = ctx->identity
                  || (ctx->stream && ngx_http_llm_may_cut_off(ctx));

        return ngx_http_llm_narrow_accept(ctx, changed) == NGX_OK
               ? NGX_DECLINED : NGX_HTTP_INTERNAL_SERVER_ERROR;

    case NGX_DECLINED:
        ctx->state = NGX_HTTP_LLM_REFUSED;
        ctx->refused = 1;
        ngx_http_llm_look(ctx);
        return ngx_http_llm_send_refusal(ctx);

    default: /* NGX_ERROR */
        ctx->state = NGX_HTTP_LLM_REFUSED;
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }
}


/* Nothing happens to a request that waits but that its client leaves. */

static ngx_int_t
ngx_http_llm_suspend(ngx_http_llm_ctx_t *ctx)
{
    ngx_event_t         *rev;
    ngx_http_request_t  *r;

    r = ctx->request;
    rev = r->connection->read;

    ctx->state = NGX_HTTP_LLM_WAITING;

    if (rev->ready) {
        ngx_post_event(rev, &ngx_posted_events);

    } else if (ngx_handle_read_event(rev, 0) != NGX_OK) {
        ngx_http_llm_wait_cancel(ctx);
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_request_empty_handler;

    return NGX_DONE;
}


void
ngx_http_llm_resume(ngx_http_llm_ctx_t *ctx, ngx_uint_t blind)
{
    ngx_int_t            rc;
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    r = ctx->request;
    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    r->read_event_handler = ngx_http_block_reading;
    r->write_event_handler = ngx_http_core_run_phases;

    if (ctx->finding) {
        rc = ngx_http_llm_route_poll(ctx, blind);

    } else {
        rc = ngx_http_llm_end(ctx, ngx_http_llm_admit_again(ctx, blind));
    }

    if (rc == NGX_DECLINED) {
        ngx_http_core_run_phases(r);

    } else if (rc != NGX_DONE) {
        ngx_http_finalize_request(r, rc);
    }

    /* NGX_DONE: it waits again, or was answered */

    ngx_http_run_posted_requests(c);
}
