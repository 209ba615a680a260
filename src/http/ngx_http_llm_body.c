
/*
 * Copyright (C) the llm_quota authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_llm.h"


#define NGX_HTTP_LLM_BODY_STEP      16384
#define NGX_HTTP_LLM_INFLATED_MAX   (32 * 1024 * 1024)


/* Takes the body's bytes in order; n bytes at p. */
typedef ngx_int_t (*ngx_http_llm_body_pt)(void *data, u_char *p, size_t n);


static ngx_int_t ngx_http_llm_body_form(ngx_http_llm_ctx_t *ctx,
    llm_request_t *body);
static ngx_int_t ngx_http_llm_body_walk(ngx_http_request_t *r,
    ngx_http_llm_body_pt handler, void *data);
static ngx_int_t ngx_http_llm_body_walk_file(ngx_http_request_t *r,
    ngx_buf_t *b, ngx_http_llm_body_pt handler, void *data);
static ngx_int_t ngx_http_llm_body_plain(void *data, u_char *p, size_t n);
static ngx_int_t ngx_http_llm_body_gzip(ngx_http_llm_ctx_t *ctx,
    llm_request_t *body);
static ngx_int_t ngx_http_llm_body_inflate(void *data, u_char *p, size_t n);
static void ngx_http_llm_body_inflated(void *data, const u_char *p, size_t n);
static ngx_int_t ngx_http_llm_body_verdict(ngx_http_llm_ctx_t *ctx,
    llm_request_t *body);
static ngx_int_t ngx_http_llm_body_overwrite(ngx_http_request_t *r, off_t at,
    u_char *p, size_t n);
static ngx_int_t ngx_http_llm_body_insert(ngx_http_request_t *r, off_t at,
    u_char *p, size_t n);
static ngx_int_t ngx_http_llm_body_length(ngx_http_request_t *r);


ngx_int_t
ngx_http_llm_body_scan(ngx_http_llm_ctx_t *ctx, llm_request_t *body)
{
    ngx_int_t            rc;
    ngx_http_request_t  *r;

    r = ctx->request;

    llm_request_init(body, &ctx->route,
                     ctx->conf->reserve == LLM_RESERVE_STRICT
                     ? LLM_REQUEST_BOUNDS : 0);

    if ((ctx->route.api == LLM_API_FORM || ctx->route.api == LLM_API_OTHER)
        && r->headers_in.content_type)
    {
        rc = ngx_http_llm_body_form(ctx, body);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    switch (ngx_http_llm_coding(&r->headers_in.headers)) {

    case LLM_CODING_IDENTITY:
        rc = ngx_http_llm_body_walk(r, ngx_http_llm_body_plain, body);
        break;

    case LLM_CODING_GZIP:
        rc = ngx_http_llm_body_gzip(ctx, body);
        break;

    default: /* LLM_CODING_DEFLATE, LLM_CODING_OTHER */
        return ngx_http_llm_refuse(ctx, NGX_HTTP_LLM_UNSUPPORTED,
                                   "The body's content coding cannot be read "
                                   "here: send it as it is, or with gzip.");
    }

    if (rc != NGX_OK) {
        return rc;
    }

    (void) llm_request_end(body);

    return ngx_http_llm_body_verdict(ctx, body);
}


/* Of two types, with a boundary each, the upstream might take the other. */

static ngx_int_t
ngx_http_llm_body_form(ngx_http_llm_ctx_t *ctx, llm_request_t *body)
{
    static ngx_str_t  name = ngx_string("content-type");

    ngx_table_elt_t      *h;
    ngx_http_llm_walk_t   w;

    h = ngx_http_llm_walk(&w, &ctx->request->headers_in.headers, &name);

    llm_request_form(body, h->value.data, h->value.len);

    if (!body->form || ngx_http_llm_walk_on(&w) == NULL) {
        return NGX_OK;
    }

    return ngx_http_llm_refuse(ctx, NGX_HTTP_LLM_BAD_REQUEST,
                               "The request has more than one Content-Type.");
}


static ngx_int_t
ngx_http_llm_body_walk(ngx_http_request_t *r, ngx_http_llm_body_pt handler,
    void *data)
{
    ngx_buf_t    *b;
    ngx_int_t     rc;
    ngx_chain_t  *cl;

    if (r->request_body == NULL) {
        return NGX_OK;
    }

    for (cl = r->request_body->bufs; cl; cl = cl->next) {
        b = cl->buf;

        if (ngx_buf_in_memory(b)) {
            rc = handler(data, b->pos, b->last - b->pos);

        } else if (b->in_file) {
            rc = ngx_http_llm_body_walk_file(r, b, handler, data);

        } else {
            rc = NGX_OK;
        }

        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


/* The file was just written: its pages are in the cache, the reads do not
   wait for a disk. */

static ngx_int_t
ngx_http_llm_body_walk_file(ngx_http_request_t *r, ngx_buf_t *b,
    ngx_http_llm_body_pt handler, void *data)
{
    off_t          offset;
    size_t         size;
    ssize_t        n;
    ngx_int_t      rc;
    static u_char  buf[NGX_HTTP_LLM_BODY_STEP];

    for (offset = b->file_pos; offset < b->file_last; offset += n) {

        size = (size_t) ngx_min(b->file_last - offset,
                                NGX_HTTP_LLM_BODY_STEP);

        n = ngx_read_file(b->file, buf, size, offset);

        if (n == NGX_ERROR || n == 0) {
            ngx_log_error(NGX_LOG_CRIT, r->connection->log, 0,
                          "llm_quota could not read the request body from "
                          "\"%V\"", &b->file->name);
            return NGX_ERROR;
        }

        rc = handler(data, buf, n);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_body_plain(void *data, u_char *p, size_t n)
{
    llm_request_feed(data, p, n);

    return NGX_OK;
}


/*
 * A body is inflated to at most what it might have been uncompressed here:
 * what is more is a bomb, or should not have come.  Compressed or not, a body
 * of 32 MB takes its time from all others of the worker.
 */

static ngx_int_t
ngx_http_llm_body_gzip(ngx_http_llm_ctx_t *ctx, llm_request_t *body)
{
    off_t                      most;
    ngx_int_t                  rc;
    llm_coding_t               coding;
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_get_module_loc_conf(ctx->request, ngx_http_core_module);

    most = NGX_HTTP_LLM_INFLATED_MAX;

    if (clcf->client_max_body_size) {
        most = ngx_min(most, clcf->client_max_body_size);
    }

    llm_coding_init(&coding, LLM_CODING_GZIP, 1, most,
                    ngx_http_llm_body_inflated, body);
    ngx_http_llm_coding_memory(&coding, ctx->request->connection->log);

    rc = ngx_http_llm_body_walk(ctx->request, ngx_http_llm_body_inflate,
                                &coding);

    llm_coding_close(&coding);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    switch (coding.state) {

    case LLM_CODING_DONE:
        return NGX_OK;

    case LLM_CODING_NO_MEMORY:
        return NGX_ERROR;

    case LLM_CODING_TOO_LARGE:
        return ngx_http_llm_refuse(ctx, NGX_HTTP_LLM_BODY_TOO_LARGE,
                                   "The body inflates to more than %O bytes, "
                                   "or to more than %d times its size.",
                                   most, LLM_CODING_RATIO);

    default: /* LLM_CODING_MORE, LLM_CODING_BROKEN */
        return ngx_http_llm_refuse(ctx, NGX_HTTP_LLM_BAD_REQUEST,
                                   "The body is not valid gzip.");
    }
}


/* NGX_ABORT: the rest need not be looked at. */

static ngx_int_t
ngx_http_llm_body_inflate(void *data, u_char *p, size_t n)
{
    switch (llm_coding_feed(data, p, n)) {

    case LLM_CODING_MORE:
    case LLM_CODING_DONE:
        return NGX_OK;

    default:
        return NGX_ABORT;
    }
}


static void
ngx_http_llm_body_inflated(void *data, const u_char *p, size_t n)
{
    llm_request_feed(data, p, n);
}


static ngx_int_t
ngx_http_llm_body_verdict(ngx_http_llm_ctx_t *ctx, llm_request_t *body)
{
    ctx->parsed = 1;
    ctx->body_bytes = body->length;
    ctx->encoded_bytes = body->encoded;
    ctx->form = (body->form || ctx->route.api == LLM_API_FORM);

    switch (body->error) {

    case LLM_REQUEST_OK:
        return NGX_OK;

    case LLM_REQUEST_NOT_JSON:
        return ngx_http_llm_refuse(ctx, NGX_HTTP_LLM_BAD_REQUEST,
                                   ctx->route.api == LLM_API_FORM
                                   ? "The body must be multipart/form-data, "
                                     "or a JSON object."
                                   : "The body must be a JSON object.");

    case LLM_REQUEST_NOT_FORM:
        return ngx_http_llm_refuse(ctx, NGX_HTTP_LLM_BAD_REQUEST,
                                   "The body is not valid "
                                   "multipart/form-data, or its boundary is "
                                   "not.");

    case LLM_REQUEST_DUPLICATE:
        return ngx_http_llm_refuse(ctx, NGX_HTTP_LLM_BAD_REQUEST,
                                   "The body has the member \"%s\" more than "
                                   "once.", body->member);

    case LLM_REQUEST_VARIANT:
        return ngx_http_llm_refuse(ctx, NGX_HTTP_LLM_BAD_REQUEST,
                                   "The body has a member that differs from "
                                   "\"%s\" in the case of letters only.",
                                   body->member);

    case LLM_REQUEST_TYPE:
        return ngx_http_llm_refuse(ctx, NGX_HTTP_LLM_BAD_REQUEST,
                                   "The body's member \"%s\" has a wrong type "
                                   "or value.", body->member);

    default: /* LLM_REQUEST_TOO_LONG */
        return ngx_http_llm_refuse(ctx, NGX_HTTP_LLM_BAD_REQUEST,
                                   "The body's member \"%s\" is too long.",
                                   body->member);
    }
}


/* In a dry run what could not be read comes here, too. */

ngx_uint_t
ngx_http_llm_body_is_plain(ngx_http_llm_ctx_t *ctx, llm_request_t *body)
{
    return ctx->request->request_body != NULL
           && body->error == LLM_REQUEST_OK
           && ngx_http_llm_coding(&ctx->request->headers_in.headers)
              == LLM_CODING_IDENTITY;
}


ngx_int_t
ngx_http_llm_body_edit(ngx_http_request_t *r, llm_request_edit_t *edit)
{
    size_t     n;
    ngx_int_t  rc;

    n = edit->range.end - edit->range.start;

    rc = ngx_http_llm_body_overwrite(r, (off_t) edit->range.start,
                                     (u_char *) edit->text, n);

    if (rc != NGX_OK || n == edit->len) {
        return rc;
    }

    return ngx_http_llm_body_insert(r, (off_t) edit->range.end,
                                    (u_char *) edit->text + n, edit->len - n);
}


/*
 * What is replaced is written over, as a piece of a file cannot be left out: a
 * retried upstream takes the file's buffers for neighbours.  What is read
 * only, as nginx's own is not, stays.
 */

static ngx_int_t
ngx_http_llm_body_overwrite(ngx_http_request_t *r, off_t at, u_char *p,
    size_t n)
{
    off_t         size;
    size_t        part, whole;
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    whole = n;

    for (cl = r->request_body->bufs; cl && n; cl = cl->next) {
        b = cl->buf;
        size = ngx_buf_size(b);

        if (at >= size) {
            at -= size;
            continue;
        }

        part = (size_t) ngx_min((off_t) n, size - at);

        if ((ngx_buf_in_memory(b) && !b->temporary)
            || (b->in_file
                && ngx_write_file(b->file, p, part, b->file_pos + at)
                   != (ssize_t) part))
        {
            return (n == whole) ? NGX_DECLINED : NGX_ERROR;
        }

        if (ngx_buf_in_memory(b)) {
            ngx_memcpy(b->pos + at, p, part);
        }

        p += part;
        n -= part;
        at = 0;
    }

    return NGX_OK;
}


/*
 * The buffer with the byte at the offset is cut in two there.  A retried
 * upstream starts each buffer again at its start, and a file's where the one
 * before it ends: so it does with the two as it did with the one.
 */

static ngx_int_t
ngx_http_llm_body_insert(ngx_http_request_t *r, off_t at, u_char *p, size_t n)
{
    ngx_buf_t    *b, *text, *rest;
    ngx_chain_t  *cl, **ll;

    ll = &r->request_body->bufs;

    while (*ll && at >= ngx_buf_size((*ll)->buf)) {
        at -= ngx_buf_size((*ll)->buf);
        ll = &(*ll)->next;
    }

    if (*ll == NULL) {
        return NGX_ERROR;
    }

    if (at) {
        b = (*ll)->buf;

        rest = ngx_alloc_buf(r->pool);
        cl = ngx_alloc_chain_link(r->pool);

        if (rest == NULL || cl == NULL) {
            return NGX_ERROR;
        }

        *rest = *b;

        if (ngx_buf_in_memory(b)) {
            b->last = b->pos + at;
            rest->start = b->last;
            rest->pos = b->last;
        }

        if (b->in_file) {
            b->file_last = b->file_pos + at;
            rest->file_pos = b->file_last;
        }

        b->last_buf = 0;

        cl->buf = rest;
        cl->next = (*ll)->next;
        (*ll)->next = cl;

        ll = &(*ll)->next;
    }

    text = ngx_calloc_buf(r->pool);
    cl = ngx_alloc_chain_link(r->pool);

    if (text == NULL || cl == NULL) {
        return NGX_ERROR;
    }

    text->start = p;
    text->pos = p;
    text->last = p + n;
    text->end = p + n;
    text->memory = 1;

    cl->buf = text;
    cl->next = *ll;
    *ll = cl;

    return ngx_http_llm_body_length(r);
}


static ngx_int_t
ngx_http_llm_body_length(ngx_http_request_t *r)
{
    off_t             n;
    u_char           *p;
    ngx_chain_t      *cl;
    ngx_table_elt_t  *length;

    n = 0;

    for (cl = r->request_body->bufs; cl; cl = cl->next) {
        n += ngx_buf_size(cl->buf);
    }

    r->headers_in.content_length_n = n;

    length = r->headers_in.content_length;

    if (length == NULL) {
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, NGX_OFF_T_LEN + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    length->value.data = p;
    length->value.len = ngx_sprintf(p, "%O%Z", n) - p - 1;

    return NGX_OK;
}
