
/*
 * Copyright (C) the llm_quota authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <zlib.h>

#include "ngx_http_llm.h"


#define NGX_HTTP_LLM_BODY_STEP      16384
#define NGX_HTTP_LLM_INFLATED_MAX   (256 * 1024 * 1024)


typedef enum {
    NGX_HTTP_LLM_BODY_IDENTITY = 0,
    NGX_HTTP_LLM_BODY_GZIP,
    NGX_HTTP_LLM_BODY_UNKNOWN
} ngx_http_llm_body_coding_e;


/* Takes the body's bytes in order; n bytes at p. */
typedef ngx_int_t (*ngx_http_llm_body_pt)(void *data, u_char *p, size_t n);


typedef struct {
    llm_request_t           *body;
    z_stream                 stream;
    u_char                   window[NGX_HTTP_LLM_BODY_STEP];
    unsigned                 ended:1;
} ngx_http_llm_inflate_t;


static ngx_int_t ngx_http_llm_body_walk(ngx_http_request_t *r,
    ngx_http_llm_body_pt handler, void *data);
static ngx_int_t ngx_http_llm_body_walk_file(ngx_http_request_t *r,
    ngx_buf_t *b, ngx_http_llm_body_pt handler, void *data);
static ngx_int_t ngx_http_llm_body_plain(void *data, u_char *p, size_t n);
static ngx_int_t ngx_http_llm_body_gzip(ngx_http_llm_ctx_t *ctx,
    llm_request_t *body);
static ngx_int_t ngx_http_llm_body_inflate(void *data, u_char *p, size_t n);
static ngx_http_llm_body_coding_e ngx_http_llm_body_coding(
    ngx_http_request_t *r);
static ngx_int_t ngx_http_llm_body_verdict(ngx_http_llm_ctx_t *ctx,
    llm_request_t *body);


ngx_int_t
ngx_http_llm_body_scan(ngx_http_llm_ctx_t *ctx, llm_request_t *body)
{
    ngx_int_t            rc;
    ngx_http_request_t  *r;

    r = ctx->request;

    llm_request_init(body, &ctx->route,
                     ctx->conf->reserve == LLM_RESERVE_STRICT
                     ? LLM_REQUEST_BOUNDS : 0);

    switch (ngx_http_llm_body_coding(r)) {

    case NGX_HTTP_LLM_BODY_IDENTITY:
        rc = ngx_http_llm_body_walk(r, ngx_http_llm_body_plain, body);
        break;

    case NGX_HTTP_LLM_BODY_GZIP:
        rc = ngx_http_llm_body_gzip(ctx, body);
        break;

    default: /* NGX_HTTP_LLM_BODY_UNKNOWN */
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


/* Of several codings, in one header or in many, gzip may not be the one that
   the upstream takes off first. */

static ngx_http_llm_body_coding_e
ngx_http_llm_body_coding(ngx_http_request_t *r)
{
    ngx_uint_t                   i;
    ngx_list_part_t             *part;
    ngx_table_elt_t             *h;
    ngx_http_llm_body_coding_e   coding;

    coding = NGX_HTTP_LLM_BODY_IDENTITY;

    part = &r->headers_in.headers.part;
    h = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {

            if (part->next == NULL) {
                return coding;
            }

            part = part->next;
            h = part->elts;
            i = 0;
        }

        if (h[i].key.len != sizeof("content-encoding") - 1
            || ngx_strncasecmp(h[i].key.data, (u_char *) "content-encoding",
                               h[i].key.len)
               != 0
            || h[i].value.len == 0
            || (h[i].value.len == 8
                && ngx_strncasecmp(h[i].value.data, (u_char *) "identity", 8)
                   == 0))
        {
            continue;
        }

        if (coding != NGX_HTTP_LLM_BODY_IDENTITY
            || h[i].value.len != 4
            || ngx_strncasecmp(h[i].value.data, (u_char *) "gzip", 4) != 0)
        {
            return NGX_HTTP_LLM_BODY_UNKNOWN;
        }

        coding = NGX_HTTP_LLM_BODY_GZIP;
    }
}


static ngx_int_t
ngx_http_llm_body_gzip(ngx_http_llm_ctx_t *ctx, llm_request_t *body)
{
    ngx_int_t                rc;
    ngx_http_llm_inflate_t  *inf;

    inf = ngx_pcalloc(ctx->request->pool, sizeof(ngx_http_llm_inflate_t));
    if (inf == NULL) {
        return NGX_ERROR;
    }

    inf->body = body;

    if (inflateInit2(&inf->stream, MAX_WBITS + 16) != Z_OK) {
        return NGX_ERROR;
    }

    rc = ngx_http_llm_body_walk(ctx->request, ngx_http_llm_body_inflate, inf);

    (void) inflateEnd(&inf->stream);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc == NGX_OK && inf->ended) {
        return NGX_OK;
    }

    rc = ngx_http_llm_refuse(ctx, NGX_HTTP_LLM_BAD_REQUEST,
                             "The body is not valid gzip, or inflates to more "
                             "than %d bytes.", NGX_HTTP_LLM_INFLATED_MAX);

    return rc;
}


/* NGX_ABORT: not gzip, or too much of it. */

static ngx_int_t
ngx_http_llm_body_inflate(void *data, u_char *p, size_t n)
{
    ngx_http_llm_inflate_t *inf = data;

    int  rc;

    inf->stream.next_in = p;
    inf->stream.avail_in = n;

    while (inf->stream.avail_in) {

        if (inf->ended) {
            return NGX_ABORT;
        }

        inf->stream.next_out = inf->window;
        inf->stream.avail_out = NGX_HTTP_LLM_BODY_STEP;

        rc = inflate(&inf->stream, Z_SYNC_FLUSH);

        if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR) {
            return NGX_ABORT;
        }

        llm_request_feed(inf->body, inf->window,
                         NGX_HTTP_LLM_BODY_STEP - inf->stream.avail_out);

        if (inf->stream.total_out > NGX_HTTP_LLM_INFLATED_MAX) {
            return NGX_ABORT;
        }

        inf->ended = (rc == Z_STREAM_END);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_body_verdict(ngx_http_llm_ctx_t *ctx, llm_request_t *body)
{
    ctx->parsed = 1;
    ctx->body_bytes = body->length;

    switch (body->error) {

    case LLM_REQUEST_OK:
        return NGX_OK;

    case LLM_REQUEST_NOT_JSON:
        return ngx_http_llm_refuse(ctx, NGX_HTTP_LLM_BAD_REQUEST,
                                   "The body must be a JSON object.");

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


/*
 * A splice at the tail: a retried upstream starts each buffer again at its
 * start, so only ends may be moved.  Everything from the closing brace on is
 * cut off, and a buffer of our own with the member and the brace follows.
 */

ngx_int_t
ngx_http_llm_body_splice(ngx_http_llm_ctx_t *ctx, llm_request_t *body,
    const char *member, ngx_int_t n)
{
    off_t                 at;
    ngx_buf_t            *b, *tail;
    ngx_chain_t          *ln, **ll;
    ngx_http_request_t   *r;

    r = ctx->request;

    if (r->request_body == NULL
        || ngx_http_llm_body_coding(r) != NGX_HTTP_LLM_BODY_IDENTITY)
    {
        return NGX_DECLINED;
    }

    tail = ngx_create_temp_buf(r->pool, ngx_strlen(member) + NGX_INT_T_LEN
                                        + sizeof(",\"\":}"));
    ln = ngx_alloc_chain_link(r->pool);

    if (tail == NULL || ln == NULL) {
        return NGX_ERROR;
    }

    tail->last = ngx_sprintf(tail->last, "%s\"%s\":%i}",
                             body->empty ? "" : ",", member, n);
    tail->end = tail->last;
    tail->temporary = 0;
    tail->memory = 1;

    at = (off_t) body->root_end;

    ll = &r->request_body->bufs;

    while (*ll && at >= ngx_buf_size((*ll)->buf)) {
        at -= ngx_buf_size((*ll)->buf);
        ll = &(*ll)->next;
    }

    if (*ll == NULL) {
        return NGX_ERROR;
    }

    /* a buffer that would be left empty must not stay in the chain */

    if (at) {
        b = (*ll)->buf;

        if (ngx_buf_in_memory(b)) {
            b->last = b->pos + at;
        }

        if (b->in_file) {
            b->file_last = b->file_pos + at;
        }

        b->last_buf = 0;
        ll = &(*ll)->next;
    }

    tail->last_buf = 1;

    ln->buf = tail;
    ln->next = NULL;
    *ll = ln;

    r->headers_in.content_length_n = (off_t) body->root_end
                                     + (tail->last - tail->pos);

    if (r->headers_in.content_length) {
        r->headers_in.content_length->value.data = ngx_pnalloc(r->pool,
                                                           NGX_OFF_T_LEN + 1);
        if (r->headers_in.content_length->value.data == NULL) {
            return NGX_ERROR;
        }

        r->headers_in.content_length->value.len =
            ngx_sprintf(r->headers_in.content_length->value.data, "%O%Z",
                        r->headers_in.content_length_n)
            - r->headers_in.content_length->value.data - 1;
    }

    return NGX_OK;
}
