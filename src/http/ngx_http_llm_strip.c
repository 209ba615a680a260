
/*
 * Copyright (C) the llm_quota authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "llm_strip.h"
#include "ngx_http_llm.h"


/*
 * Takes the events of usage, which the client did not ask for, out of the
 * answer again.  The filters stand below those that observe, which have seen
 * the events by then.
 *
 * What passes of a buffer goes on in the buffer itself, whose ends are moved:
 * so its owner learns in the usual way when it is free, and what is held or
 * dropped is free at once.  Copied is what is not known yet, and what passes
 * before something that is dropped: of the parts of a buffer the last one has
 * its flags, which are true only when all before is sent.
 */


#define NGX_HTTP_LLM_STRIP_PAGE  4096


struct ngx_http_llm_strip_s {
    llm_strip_t              strip;

    ngx_chain_t             *out;
    ngx_chain_t            **last_out;

    ngx_chain_t             *held;       /* copies, in pages of our own */
    ngx_chain_t            **last_held;
    ngx_buf_t               *page;       /* the last one held */

    ngx_chain_t             *free;
    ngx_chain_t             *busy;
    ngx_buf_t               *flush;
};


static ngx_int_t ngx_http_llm_strip_header_filter(ngx_http_request_t *r);
static ngx_int_t ngx_http_llm_strip_body_filter(ngx_http_request_t *r,
    ngx_chain_t *in);
static ngx_int_t ngx_http_llm_strip_buf(ngx_http_request_t *r,
    ngx_http_llm_strip_t *s, ngx_buf_t *b);
static ngx_int_t ngx_http_llm_strip_parts(ngx_http_request_t *r,
    ngx_http_llm_strip_t *s, ngx_buf_t *b);
static ngx_int_t ngx_http_llm_strip_hold(ngx_http_request_t *r,
    ngx_http_llm_strip_t *s, const u_char *p, const u_char *last);
static void ngx_http_llm_strip_release(ngx_http_llm_strip_t *s);
static void ngx_http_llm_strip_drop(ngx_http_llm_strip_t *s);
static ngx_buf_t *ngx_http_llm_strip_flags(ngx_http_request_t *r,
    ngx_http_llm_strip_t *s, ngx_buf_t *b);


static ngx_http_output_header_filter_pt  ngx_http_next_header_filter;
static ngx_http_output_body_filter_pt    ngx_http_next_body_filter;


ngx_int_t
ngx_http_llm_strip_init(ngx_conf_t *cf)
{
    ngx_http_next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = ngx_http_llm_strip_header_filter;

    ngx_http_next_body_filter = ngx_http_top_body_filter;
    ngx_http_top_body_filter = ngx_http_llm_strip_body_filter;

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_strip_header_filter(ngx_http_request_t *r)
{
    ngx_http_llm_ctx_t    *ctx;
    ngx_http_llm_strip_t  *s;

    ctx = ngx_http_llm_get_ctx(r);

    if (ctx == NULL) {
        return ngx_http_next_header_filter(r);
    }

    /* this answer may be sent in the place of another one */

    ctx->strip = NULL;

    if (!ctx->identity
        || r->upstream == NULL
        || r->header_only
        || r->headers_out.status < NGX_HTTP_OK
        || r->headers_out.status >= NGX_HTTP_SPECIAL_RESPONSE
        || !ngx_http_llm_is_plain_stream(r))
    {
        return ngx_http_next_header_filter(r);
    }

    s = ngx_pcalloc(r->pool, sizeof(ngx_http_llm_strip_t));
    if (s == NULL) {
        return NGX_ERROR;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     s->held = NULL;
     *     s->page = NULL;
     *     s->free = NULL;
     *     s->busy = NULL;
     *     s->flush = NULL;
     */

    s->last_held = &s->held;

    llm_strip_init(&s->strip);

    ctx->strip = s;

    ngx_http_llm_is_rewritten(r);

    return ngx_http_next_header_filter(r);
}


ngx_uint_t
ngx_http_llm_is_plain_stream(ngx_http_request_t *r)
{
    ngx_str_t  *type;

    type = &r->headers_out.content_type;

    return type->len >= sizeof("text/event-stream") - 1
           && ngx_strncasecmp(type->data, (u_char *) "text/event-stream",
                              sizeof("text/event-stream") - 1)
              == 0
           && ngx_http_llm_coding(&r->upstream->headers_in.headers)
              == LLM_CODING_IDENTITY;
}


void
ngx_http_llm_is_rewritten(ngx_http_request_t *r)
{
    r->filter_need_in_memory = 1;

    ngx_http_clear_content_length(r);
    ngx_http_clear_accept_ranges(r);
    ngx_http_weak_etag(r);
}


static ngx_int_t
ngx_http_llm_strip_body_filter(ngx_http_request_t *r, ngx_chain_t *in)
{
    ngx_int_t              rc;
    ngx_chain_t           *cl;
    ngx_http_llm_ctx_t    *ctx;
    ngx_http_llm_strip_t  *s;

    ctx = ngx_http_get_module_ctx(r, ngx_http_llm_quota_module);

    if (ctx == NULL || r != r->main || ctx->strip == NULL) {
        return ngx_http_next_body_filter(r, in);
    }

    s = ctx->strip;

    s->out = NULL;
    s->last_out = &s->out;

    for (cl = in; cl; cl = cl->next) {

        if (ngx_http_llm_strip_buf(r, s, cl->buf) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    *s->last_out = NULL;

    if (in && s->out == NULL) {
        return NGX_OK;
    }

    rc = ngx_http_next_body_filter(r, s->out);

    ngx_chain_update_chains(r->pool, &s->free, &s->busy, &s->out,
                            (ngx_buf_tag_t) &ngx_http_llm_quota_module);

    return rc;
}


static ngx_int_t
ngx_http_llm_strip_buf(ngx_http_request_t *r, ngx_http_llm_strip_t *s,
    ngx_buf_t *b)
{
    ngx_chain_t  *cl;

    if (ngx_buf_in_memory(b)) {

        if (ngx_http_llm_strip_parts(r, s, b) != NGX_OK) {
            return NGX_ERROR;
        }

        if (b->pos == b->last) {

            if (!b->flush && !b->sync && !b->last_buf && !b->last_in_chain) {
                return NGX_OK;
            }

            b = ngx_http_llm_strip_flags(r, s, b);
            if (b == NULL) {
                return NGX_ERROR;
            }
        }
    }

    if (b->last_buf && s->held) {

        if (llm_strip_end(&s->strip) == LLM_STRIP_PASS) {
            ngx_http_llm_strip_release(s);

        } else {
            ngx_http_llm_strip_drop(s);
        }
    }

    cl = ngx_alloc_chain_link(r->pool);
    if (cl == NULL) {
        return NGX_ERROR;
    }

    cl->buf = b;

    *s->last_out = cl;
    s->last_out = &cl->next;

    return NGX_OK;
}


/* Leaves in the buffer the last part that passes. */

static ngx_int_t
ngx_http_llm_strip_parts(ngx_http_request_t *r, ngx_http_llm_strip_t *s,
    ngx_buf_t *b)
{
    const u_char         *p, *start, *from, *to;
    llm_strip_verdict_e   verdict;

    p = b->pos;
    from = p;
    to = p;

    while (p != b->last) {
        start = p;
        verdict = llm_strip_read(&s->strip, &p, b->last);

        if (verdict == LLM_STRIP_HOLD && b->last_buf) {
            verdict = llm_strip_end(&s->strip);
        }

        switch (verdict) {

        case LLM_STRIP_HOLD:

            if (ngx_http_llm_strip_hold(r, s, start, p) != NGX_OK) {
                return NGX_ERROR;
            }

            break;

        case LLM_STRIP_PASS:
            ngx_http_llm_strip_release(s);

            if (to != start) {

                if (ngx_http_llm_strip_hold(r, s, from, to) != NGX_OK) {
                    return NGX_ERROR;
                }

                ngx_http_llm_strip_release(s);

                from = start;
            }

            to = p;
            break;

        default: /* LLM_STRIP_DROP */
            ngx_http_llm_strip_drop(s);
        }
    }

    if (b->in_file) {
        b->file_pos += from - b->pos;
        b->file_last -= b->last - to;
    }

    b->pos = (u_char *) from;
    b->last = (u_char *) to;

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_strip_hold(ngx_http_request_t *r, ngx_http_llm_strip_t *s,
    const u_char *p, const u_char *last)
{
    size_t        n;
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    while (p != last) {
        b = s->page;

        if (b == NULL || b->last == b->end) {
            cl = ngx_chain_get_free_buf(r->pool, &s->free);
            if (cl == NULL) {
                return NGX_ERROR;
            }

            b = cl->buf;

            if (b->start == NULL) {
                b->start = ngx_palloc(r->pool, NGX_HTTP_LLM_STRIP_PAGE);
                if (b->start == NULL) {
                    return NGX_ERROR;
                }

                b->pos = b->start;
                b->last = b->start;
                b->end = b->start + NGX_HTTP_LLM_STRIP_PAGE;
                b->temporary = 1;
                b->tag = (ngx_buf_tag_t) &ngx_http_llm_quota_module;
            }

            *s->last_held = cl;
            s->last_held = &cl->next;
            s->page = b;
        }

        n = ngx_min(last - p, b->end - b->last);

        b->last = ngx_cpymem(b->last, p, n);
        p += n;
    }

    return NGX_OK;
}


static void
ngx_http_llm_strip_release(ngx_http_llm_strip_t *s)
{
    if (s->held == NULL) {
        return;
    }

    *s->last_out = s->held;
    s->last_out = s->last_held;

    s->held = NULL;
    s->last_held = &s->held;
    s->page = NULL;
}


static void
ngx_http_llm_strip_drop(ngx_http_llm_strip_t *s)
{
    ngx_chain_t  *cl;

    while (s->held) {
        cl = s->held;
        s->held = cl->next;

        cl->buf->last = cl->buf->start;

        cl->next = s->free;
        s->free = cl;
    }

    s->last_held = &s->held;
    s->page = NULL;
}


/* A buffer of nothing but flags, in the place of one of which nothing passes.
   Nobody changes such a buffer, so that one to flush is enough. */

static ngx_buf_t *
ngx_http_llm_strip_flags(ngx_http_request_t *r, ngx_http_llm_strip_t *s,
    ngx_buf_t *b)
{
    ngx_buf_t   *flags;
    ngx_uint_t   flush;

    flush = !b->sync && !b->last_buf && !b->last_in_chain;

    if (flush && s->flush) {
        return s->flush;
    }

    flags = ngx_calloc_buf(r->pool);
    if (flags == NULL) {
        return NULL;
    }

    flags->flush = b->flush;
    flags->sync = b->sync;
    flags->last_buf = b->last_buf;
    flags->last_in_chain = b->last_in_chain;

    if (flush) {
        s->flush = flags;
    }

    return flags;
}
