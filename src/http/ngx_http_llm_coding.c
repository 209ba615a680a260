
/*
 * Copyright (C) the llm_quota authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_llm.h"


/*
 * Content codings: what an upstream is asked for, and reading what it sends.
 * The answer passes as it came; what is inflated of it only its reader sees.
 */


/* What of an answer is inflated at most; how long a piece of it may take is
   bounded in llm_coding.h. */
#define NGX_HTTP_LLM_DECODED_MAX  (1024 * 1024 * 1024)

#define NGX_HTTP_LLM_CODING_TEXT  128


static void *ngx_http_llm_coding_alloc(void *log, unsigned items,
    unsigned size);
static void ngx_http_llm_coding_free(void *log, void *p);
static void ngx_http_llm_decoded(void *data, const u_char *p, size_t n);
static void ngx_http_llm_warn_coding(ngx_http_llm_ctx_t *ctx,
    const char *why);


static ngx_str_t  ngx_http_llm_accept_encoding = ngx_string("accept-encoding");
static ngx_str_t  ngx_http_llm_content_encoding =
                                               ngx_string("content-encoding");


/* Of several codings, in one header or in many, the one that is read may not
   be the one that has to be taken off first. */

llm_coding_e
ngx_http_llm_coding(ngx_list_t *headers)
{
    llm_coding_e          coding;
    ngx_table_elt_t      *h;
    ngx_http_llm_walk_t   w;

    coding = LLM_CODING_IDENTITY;

    for (h = ngx_http_llm_walk(&w, headers, &ngx_http_llm_content_encoding);
         h;
         h = ngx_http_llm_walk_on(&w))
    {
        coding = llm_coding_add(coding, h->value.data, h->value.len);
    }

    return coding;
}


ngx_table_elt_t *
ngx_http_llm_walk(ngx_http_llm_walk_t *w, ngx_list_t *headers,
    ngx_str_t *name)
{
    w->name = name;
    w->part = &headers->part;
    w->i = 0;

    return ngx_http_llm_walk_on(w);
}


ngx_table_elt_t *
ngx_http_llm_walk_on(ngx_http_llm_walk_t *w)
{
    ngx_table_elt_t  *h;

    for ( ;; ) {

        if (w->i >= w->part->nelts) {

            if (w->part->next == NULL) {
                return NULL;
            }

            w->part = w->part->next;
            w->i = 0;

            continue;
        }

        h = (ngx_table_elt_t *) w->part->elts + w->i++;

        if (h->key.len == w->name->len
            && ngx_strncasecmp(h->key.data, w->name->data, w->name->len) == 0)
        {
            return h;
        }
    }
}


void
ngx_http_llm_coding_memory(llm_coding_t *c, ngx_log_t *log)
{
    llm_coding_set_memory(c, ngx_http_llm_coding_alloc,
                          ngx_http_llm_coding_free, log);
}


/* The heap: it has the memory back when the answer ends, where a request's
   pool may wait for a slow client. */

static void *
ngx_http_llm_coding_alloc(void *log, unsigned items, unsigned size)
{
    return ngx_alloc((size_t) items * size, log);
}


static void
ngx_http_llm_coding_free(void *log, void *p)
{
    ngx_free(p);
}


/*
 * What goes upstream are the lines in the list of headers; what gzip, gunzip
 * and others ask about the client is headers_in.accept_encoding.  So the latter
 * gets the lines as they came, copied, and those in the list are changed.  All
 * of these say the same: together they are what one of them is.
 */

ngx_int_t
ngx_http_llm_narrow_accept(ngx_http_llm_ctx_t *ctx, ngx_uint_t identity_only)
{
    u_char               *p;
    ngx_str_t             value;
    ngx_table_elt_t      *h, *copy, *last;
    ngx_http_request_t   *r;
    ngx_http_llm_walk_t   w;
    llm_coding_accept_t   accept;

    r = ctx->request;

    if (r->headers_in.accept_encoding == NULL) {
        return NGX_OK;
    }

    llm_coding_accept_init(&accept);

    for (h = ngx_http_llm_walk(&w, &r->headers_in.headers,
                               &ngx_http_llm_accept_encoding);
         h && !identity_only;
         h = ngx_http_llm_walk_on(&w))
    {
        llm_coding_accept_add(&accept, h->value.data, h->value.len);
    }

    value.data = ngx_pnalloc(r->pool, LLM_CODING_ACCEPT);
    if (value.data == NULL) {
        return NGX_ERROR;
    }

    p = llm_coding_accept_print(&accept, value.data);
    value.len = p - value.data;

    /* as nginx ends all of them */

    *p = '\0';

    last = NULL;

    for (h = ngx_http_llm_walk(&w, &r->headers_in.headers,
                               &ngx_http_llm_accept_encoding);
         h;
         h = ngx_http_llm_walk_on(&w))
    {
        copy = ngx_palloc(r->pool, sizeof(ngx_table_elt_t));
        if (copy == NULL) {
            return NGX_ERROR;
        }

        *copy = *h;
        ngx_http_llm_header_init(copy);

        if (last == NULL) {
            r->headers_in.accept_encoding = copy;

        } else {
            ngx_http_llm_header_link(last, copy);
        }

        last = copy;
        h->value = value;
    }

    return NGX_OK;
}


void
ngx_http_llm_decode_init(ngx_http_llm_ctx_t *ctx)
{
    llm_coding_e         coding;
    ngx_http_request_t  *r;

    r = ctx->request;

    /* what the upstream sent, whatever is hidden from the client */

    coding = ngx_http_llm_coding(&r->upstream->headers_in.headers);

    ctx->readable = (coding != LLM_CODING_OTHER);

    if (!ctx->readable) {
        ngx_http_llm_warn_coding(ctx, "is not read here");
        return;
    }

    if (coding == LLM_CODING_IDENTITY) {
        return;
    }

    llm_coding_init(&ctx->decoder, coding, 0, NGX_HTTP_LLM_DECODED_MAX,
                    ngx_http_llm_decoded, ctx->answer);
    ngx_http_llm_coding_memory(&ctx->decoder, r->connection->log);

    ctx->decoding = 1;
}


void
ngx_http_llm_decode(ngx_http_llm_ctx_t *ctx, u_char *p, size_t n)
{
    if (!ctx->decoding) {
        llm_answer_feed(ctx->answer, p, n);
        return;
    }

    switch (llm_coding_feed(&ctx->decoder, p, n)) {

    case LLM_CODING_BROKEN:
        ctx->readable = 0;
        ngx_http_llm_warn_coding(ctx, "is broken");
        break;

    case LLM_CODING_TOO_LARGE:
        ctx->readable = 0;
        ngx_http_llm_warn_coding(ctx, "inflates to too much");
        break;

    case LLM_CODING_NO_MEMORY:
        ctx->readable = 0;
        break;

    default:
        break;
    }
}


static void
ngx_http_llm_decoded(void *data, const u_char *p, size_t n)
{
    llm_answer_feed(data, p, n);
}


void
ngx_http_llm_decode_end(ngx_http_llm_ctx_t *ctx)
{
    if (!ctx->decoding) {
        return;
    }

    ctx->decoding = 0;

    if (ctx->decoder.state == LLM_CODING_MORE) {
        ctx->complete = 0;
    }

    llm_coding_close(&ctx->decoder);
}


/* One a minute says what is to be done; each estimate is in the ledger. */

static void
ngx_http_llm_warn_coding(ngx_http_llm_ctx_t *ctx, const char *why)
{
    u_char                *p, text[NGX_HTTP_LLM_CODING_TEXT];
    ngx_table_elt_t       *h;
    ngx_http_llm_walk_t    w;
    ngx_http_llm_quota_t  *quota;

    quota = ctx->quota;

    if (!ngx_http_llm_is_due(&quota->coded)) {
        return;
    }

    p = text;

    for (h = ngx_http_llm_walk(&w, &ctx->request->upstream->headers_in.headers,
                               &ngx_http_llm_content_encoding);
         h;
         h = ngx_http_llm_walk_on(&w))
    {
        if (p != text && text + sizeof(text) - p > 2) {
            *p++ = ',';
            *p++ = ' ';
        }

        p = llm_text_json(p, text + sizeof(text), h->value.data,
                          h->value.len);
    }

    ngx_log_error(NGX_LOG_WARN, ctx->request->connection->log, 0,
                  "llm_quota: the content coding \"%*s\" of an answer %s, its "
                  "usage is not known, model: \"%V\", request_id: %V",
                  (size_t) (p - text), text, why, &ctx->model,
                  &ctx->request_id);
}
