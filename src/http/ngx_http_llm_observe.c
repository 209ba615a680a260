
/*
 * Copyright (C) the llm_quota authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_llm.h"


/*
 * The answer as it goes by.  Nothing is held back, copied or changed here;
 * what the filters see is what the upstream sent, for they stand right behind
 * the copy filter, and before gunzip and gzip.
 */


static ngx_int_t ngx_http_llm_header_filter(ngx_http_request_t *r);
static ngx_int_t ngx_http_llm_body_filter(ngx_http_request_t *r,
    ngx_chain_t *in);
static ngx_int_t ngx_http_llm_observe(ngx_http_llm_ctx_t *ctx);
static void ngx_http_llm_observe_headers(ngx_http_llm_ctx_t *ctx);


static ngx_http_output_header_filter_pt  ngx_http_next_header_filter;
static ngx_http_output_body_filter_pt    ngx_http_next_body_filter;


ngx_int_t
ngx_http_llm_observe_init(ngx_conf_t *cf)
{
    ngx_http_next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = ngx_http_llm_header_filter;

    ngx_http_next_body_filter = ngx_http_top_body_filter;
    ngx_http_top_body_filter = ngx_http_llm_body_filter;

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_header_filter(ngx_http_request_t *r)
{
    ngx_http_llm_ctx_t  *ctx;

    ctx = ngx_http_llm_get_ctx(r);

    if (ctx == NULL) {
        return ngx_http_next_header_filter(r);
    }

    if (ctx->state == NGX_HTTP_LLM_ADMITTED
        && ngx_http_llm_observe(ctx) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_http_llm_add_headers(ctx) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_next_header_filter(r);
}


static ngx_int_t
ngx_http_llm_observe(ngx_http_llm_ctx_t *ctx)
{
    ngx_str_t            *type;
    ngx_uint_t            status;
    ngx_http_request_t   *r;
    ngx_http_upstream_t  *u;

    r = ctx->request;
    u = r->upstream;

    /*
     * Charged is what an upstream answered with 2xx; not an error, not what
     * comes from nginx itself, not what a cache gives a second time.  An
     * upstream without its cleanup has been finalized: it failed, and a page
     * answers in its place.
     */

    if (u == NULL || u->cleanup == NULL || r->header_only) {
        return NGX_OK;
    }

    /* after error_page the client may get another status */

    status = r->err_status ? u->headers_in.status_n : r->headers_out.status;

    if (status < NGX_HTTP_OK
        || status >= NGX_HTTP_SPECIAL_RESPONSE
        || status == NGX_HTTP_NO_CONTENT)
    {
        return NGX_OK;
    }

#if (NGX_HTTP_CACHE)
    if (r->cached) {
        return NGX_OK;
    }
#endif

    ctx->answer = &ctx->reader;

    type = &r->headers_out.content_type;

    llm_answer_init(ctx->answer, type->data, type->len);
    ngx_http_llm_observe_headers(ctx);

    ngx_http_llm_decode_init(ctx);

    ctx->state = NGX_HTTP_LLM_OBSERVING;

    r->filter_need_in_memory = 1;

    if (llm_answer_is_stream(ctx->answer)) {
        ctx->stream = 1;

        /* what a client that leaves has received was seen before */

        if (!ctx->conf->stream_buffering && !u->cacheable && !u->store) {
            u->buffering = 0;
        }
    }

    return NGX_OK;
}


/* As the upstream sent them, those too that are hidden from the client. */

static void
ngx_http_llm_observe_headers(ngx_http_llm_ctx_t *ctx)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    part = &ctx->request->upstream->headers_in.headers.part;
    h = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {

            if (part->next == NULL) {
                return;
            }

            part = part->next;
            h = part->elts;
            i = 0;
        }

        llm_answer_header(ctx->answer, h[i].key.data, h[i].key.len,
                          h[i].value.data, h[i].value.len);
    }
}


static ngx_int_t
ngx_http_llm_body_filter(ngx_http_request_t *r, ngx_chain_t *in)
{
    ngx_buf_t           *b;
    ngx_uint_t           last;
    ngx_chain_t         *cl;
    ngx_http_llm_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_llm_quota_module);

    if (ctx == NULL || r != r->main || !(ctx->reserved || ctx->poll)) {
        return ngx_http_next_body_filter(r, in);
    }

    last = 0;

    for (cl = in; cl; cl = cl->next) {
        b = cl->buf;

        if (ctx->state == NGX_HTTP_LLM_OBSERVING
            && ngx_buf_in_memory(b)
            && b->last > b->pos)
        {
            ctx->answer_bytes += b->last - b->pos;

            if (ctx->readable) {
                ngx_http_llm_decode(ctx, b->pos, b->last - b->pos);
            }
        }

        if (b->last_buf) {
            last = 1;
        }
    }

    if (last) {

        /* counted before a slow client has taken it all, and before the
           connection has lingered for what the client may still send */

        ctx->complete = 1;
        ngx_http_llm_settle(ctx);
    }

    return ngx_http_next_body_filter(r, in);
}
