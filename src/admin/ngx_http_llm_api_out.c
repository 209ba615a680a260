
/*
 * Copyright (C) the llm_quota authors
 */


#include "ngx_http_llm_api.h"
#include "ngx_http_llm_compat.h"
#include "llm_money.h"
#include "llm_text.h"


/* Answers: JSON, written into buffers of the call, whose copy goes out. */


#define NGX_HTTP_LLM_OUT_BUF      16384
#define NGX_HTTP_LLM_OUT_FLUSH    65536
#define NGX_HTTP_LLM_OUT_MESSAGE  1024


static ngx_int_t ngx_http_llm_out_buf(ngx_http_llm_call_t *call,
    size_t size);
static void ngx_http_llm_out_value(ngx_http_llm_call_t *call);
static int ngx_http_llm_out_dump(const char *data, size_t len, void *arg);
static void ngx_http_llm_out_sent(ngx_http_llm_call_t *call);
static void ngx_http_llm_out_free(ngx_http_llm_call_t *call);
static void ngx_http_llm_out_write(ngx_http_request_t *r);
static ngx_int_t ngx_http_llm_out_head(ngx_http_llm_call_t *call,
    ngx_uint_t status, off_t length);
static ngx_chain_t *ngx_http_llm_out_copy(ngx_http_llm_call_t *call,
    ngx_pool_t *pool);
static ngx_int_t ngx_http_llm_out_retry(ngx_http_request_t *r);


/* in the order of ngx_http_llm_api_format_e */

static ngx_str_t  ngx_http_llm_out_types[] = {
    ngx_string("application/json"),
    ngx_string("text/csv"),
    ngx_string("text/plain")
};


void
ngx_http_llm_out(ngx_http_llm_call_t *call, const void *data, size_t len)
{
    size_t         n;
    const u_char  *p;

    for (p = data; len; p += n, len -= n) {

        if ((call->buf == NULL || call->buf->last == call->buf->end)
            && ngx_http_llm_out_buf(call, NGX_HTTP_LLM_OUT_BUF) != NGX_OK)
        {
            return;
        }

        n = ngx_min(len, (size_t) (call->buf->end - call->buf->last));

        call->buf->last = ngx_cpymem(call->buf->last, p, n);
        call->size += n;
    }
}


static ngx_int_t
ngx_http_llm_out_buf(ngx_http_llm_call_t *call, size_t size)
{
    ngx_chain_t  *cl;

    if (call->out_pool == NULL) {
        call->out_pool = ngx_create_pool(4096, ngx_cycle->log);
    }

    if (call->failed || call->out_pool == NULL) {
        call->failed = 1;
        return NGX_ERROR;
    }

    cl = ngx_alloc_chain_link(call->out_pool);

    if (cl) {
        cl->buf = ngx_create_temp_buf(call->out_pool, size);
    }

    if (cl == NULL || cl->buf == NULL) {
        call->failed = 1;
        return NGX_ERROR;
    }

    cl->next = NULL;
    *call->last = cl;
    call->last = &cl->next;
    call->buf = cl->buf;

    return NGX_OK;
}


static void
ngx_http_llm_out_value(ngx_http_llm_call_t *call)
{
    if (call->comma) {
        ngx_http_llm_out(call, ",", 1);
    }

    call->comma = 1;
}


void
ngx_http_llm_out_open(ngx_http_llm_call_t *call, u_char bracket)
{
    ngx_http_llm_out_value(call);
    ngx_http_llm_out(call, &bracket, 1);

    call->comma = 0;
}


void
ngx_http_llm_out_close(ngx_http_llm_call_t *call, u_char bracket)
{
    ngx_http_llm_out(call, &bracket, 1);

    call->comma = 1;
}


void
ngx_http_llm_out_name(ngx_http_llm_call_t *call, const char *name)
{
    ngx_http_llm_out_member(call, name, ngx_strlen(name));
}


void
ngx_http_llm_out_member(ngx_http_llm_call_t *call, const void *name,
    size_t len)
{
    ngx_http_llm_out_text(call, name, len);
    ngx_http_llm_out(call, ":", 1);

    call->comma = 0;
}


void
ngx_http_llm_out_word(ngx_http_llm_call_t *call, const char *word)
{
    ngx_http_llm_out_value(call);
    ngx_http_llm_out(call, word, ngx_strlen(word));
}


void
ngx_http_llm_out_text(ngx_http_llm_call_t *call, const void *data, size_t len)
{
    u_char  *p;
    size_t   size;

    ngx_http_llm_out_value(call);
    ngx_http_llm_out(call, "\"", 1);

    size = len * 6;

    if (call->failed
        || ((size_t) (call->buf->end - call->buf->last) < size
            && ngx_http_llm_out_buf(call, ngx_max(size,
                                                  NGX_HTTP_LLM_OUT_BUF))
               != NGX_OK))
    {
        return;
    }

    p = llm_text_json(call->buf->last, call->buf->last + size, data, len);

    call->size += p - call->buf->last;
    call->buf->last = p;

    ngx_http_llm_out(call, "\"", 1);
}


void
ngx_http_llm_out_number(ngx_http_llm_call_t *call, int64_t n)
{
    u_char  *p, buf[NGX_INT64_LEN];

    p = ngx_sprintf(buf, "%L", n);

    ngx_http_llm_out_value(call);
    ngx_http_llm_out(call, buf, p - buf);
}


void
ngx_http_llm_out_money(ngx_http_llm_call_t *call, int64_t nano)
{
    u_char  buf[LLM_MONEY_BUF];
    size_t  len;

    len = llm_money_print(buf, nano);

    ngx_http_llm_out_value(call);
    ngx_http_llm_out(call, buf, len);

    /* what LiteLLM's clients know as a float is one here */

    if (nano % LLM_NANO_PER_USD == 0) {
        ngx_http_llm_out(call, ".0", 2);
    }
}


void
ngx_http_llm_out_count(ngx_http_llm_call_t *call, const char *name, int64_t n)
{
    ngx_http_llm_out_name(call, name);
    ngx_http_llm_out_number(call, n);
}


void
ngx_http_llm_out_usd(ngx_http_llm_call_t *call, const char *name, int64_t nano)
{
    ngx_http_llm_out_name(call, name);
    ngx_http_llm_out_money(call, nano);
}


void
ngx_http_llm_out_time(ngx_http_llm_call_t *call, int64_t ms)
{
    u_char  buf[LLM_API_TIME];

    if (ms == 0) {
        ngx_http_llm_out_word(call, "null");
        return;
    }

    ngx_http_llm_out_text(call, buf, llm_api_time(buf, ms) - buf);
}


void
ngx_http_llm_out_json(ngx_http_llm_call_t *call, const json_t *json)
{
    ngx_http_llm_out_value(call);

    if (json_dump_callback(json, ngx_http_llm_out_dump, call,
                           JSON_COMPACT|JSON_ENCODE_ANY
                           |JSON_REAL_PRECISION(LLM_API_DIGITS))
        != 0)
    {
        call->failed = 1;
    }
}


static int
ngx_http_llm_out_dump(const char *data, size_t len, void *arg)
{
    ngx_http_llm_call_t *call = arg;

    ngx_http_llm_out(call, data, len);

    return call->failed ? -1 : 0;
}


ngx_int_t
ngx_http_llm_call_slice(ngx_http_llm_call_t *call)
{
    if (call->slice) {
        ngx_destroy_pool(call->slice);
    }

    call->slice = ngx_create_pool(4096, ngx_cycle->log);

    if (call->slice) {
        return NGX_OK;
    }

    ngx_http_llm_call_end(call, NGX_HTTP_INTERNAL_SERVER_ERROR);

    return NGX_ERROR;
}


void
ngx_http_llm_call_flush(ngx_http_llm_call_t *call, ngx_http_llm_call_pt next)
{
    ngx_int_t            rc;
    ngx_http_request_t  *r;

    r = call->request;

    if (r == NULL || call->failed) {
        ngx_http_llm_call_end(call, NGX_ERROR);
        return;
    }

    if (call->size < NGX_HTTP_LLM_OUT_FLUSH) {
        next(call);
        return;
    }

    if (!call->started) {
        rc = ngx_http_llm_out_head(call, NGX_HTTP_OK, -1);

        if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
            ngx_http_llm_call_end(call, rc);
            return;
        }
    }

    call->buf->flush = 1;
    call->flushed = next;

    if (ngx_http_output_filter(r, call->out) == NGX_ERROR) {
        ngx_http_llm_call_end(call, NGX_ERROR);
        return;
    }

    ngx_http_llm_out_sent(call);
}


/* All that was written is gone, or it waits for a slow client. */

static void
ngx_http_llm_out_sent(ngx_http_llm_call_t *call)
{
    ngx_event_t               *wev;
    ngx_http_request_t        *r;
    ngx_http_core_loc_conf_t  *clcf;

    r = call->request;
    wev = r->connection->write;

    if (r->out == NULL && !r->buffered && !r->connection->buffered) {

        if (wev->timer_set) {
            ngx_del_timer(wev);
        }

        call->idle = 0;
        ngx_http_llm_out_free(call);

        r->write_event_handler = ngx_http_request_empty_handler;

        call->flushed(call);
        return;
    }

    call->idle = 1;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_llm_out_write;

    if (!wev->delayed) {
        ngx_add_timer(wev, clcf->send_timeout);
    }

    if (ngx_handle_write_event(wev, clcf->send_lowat) != NGX_OK) {
        call->idle = 0;
        ngx_http_llm_call_end(call, NGX_ERROR);
    }
}


static void
ngx_http_llm_out_free(ngx_http_llm_call_t *call)
{
    if (call->out_pool) {
        ngx_destroy_pool(call->out_pool);
    }

    call->out_pool = NULL;
    call->out = NULL;
    call->last = &call->out;
    call->buf = NULL;
    call->size = 0;
}


void
ngx_http_llm_out_drop(ngx_http_llm_call_t *call)
{
    ngx_http_llm_out_free(call);

    call->format = NGX_HTTP_LLM_API_JSON;
    call->comma = 0;
}


static void
ngx_http_llm_out_write(ngx_http_request_t *r)
{
    ngx_http_llm_call_t  *call;

    call = ngx_http_llm_call_of(r);

    if (r->connection->write->timedout) {
        r->connection->timedout = 1;
        call->idle = 0;
        ngx_http_llm_call_end(call, NGX_HTTP_REQUEST_TIME_OUT);
        return;
    }

    if (ngx_http_output_filter(r, NULL) == NGX_ERROR) {
        call->idle = 0;
        ngx_http_llm_call_end(call, NGX_ERROR);
        return;
    }

    ngx_http_llm_out_sent(call);
}


void
ngx_http_llm_call_answer(ngx_http_llm_call_t *call, ngx_uint_t status)
{
    ngx_int_t            rc;
    ngx_chain_t         *out;
    ngx_http_request_t  *r;

    r = call->request;

    if (r == NULL) {
        ngx_http_llm_call_end(call, NGX_OK);
        return;
    }

    out = call->failed ? NULL : ngx_http_llm_out_copy(call, r->pool);

    if (out == NULL) {
        ngx_http_llm_call_end(call, call->started
                                    ? NGX_ERROR
                                    : NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    rc = NGX_OK;

    if (!call->started) {
        rc = ngx_http_llm_out_head(call, status, call->size);

    } else if (status != NGX_HTTP_OK) {

        /* too late for an error: the answer is cut, which clients see */

        rc = NGX_ERROR;
    }

    if (rc == NGX_OK && !r->header_only) {
        rc = ngx_http_output_filter(r, out);
    }

    ngx_http_llm_call_end(call, rc);
}


static ngx_int_t
ngx_http_llm_out_head(ngx_http_llm_call_t *call, ngx_uint_t status,
    off_t length)
{
    ngx_http_request_t  *r;

    r = call->request;
    call->started = 1;

    r->headers_out.status = status;
    r->headers_out.content_length_n = length;
    r->headers_out.content_type = ngx_http_llm_out_types[call->format];
    r->headers_out.content_type_len = r->headers_out.content_type.len;

    if (status == NGX_HTTP_SERVICE_UNAVAILABLE
        && ngx_http_llm_out_retry(r) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_send_header(r);
}


/* The call ends before all is sent. */

static ngx_chain_t *
ngx_http_llm_out_copy(ngx_http_llm_call_t *call, ngx_pool_t *pool)
{
    ngx_buf_t    *b;
    ngx_chain_t  *cl, *out;

    b = ngx_create_temp_buf(pool, call->size + 1);
    out = ngx_alloc_chain_link(pool);

    if (b == NULL || out == NULL) {
        return NULL;
    }

    for (cl = call->out; cl; cl = cl->next) {
        b->last = ngx_cpymem(b->last, cl->buf->pos,
                             cl->buf->last - cl->buf->pos);
    }

    b->last_buf = 1;
    b->last_in_chain = 1;

    out->buf = b;
    out->next = NULL;

    return out;
}


static ngx_int_t
ngx_http_llm_out_retry(ngx_http_request_t *r)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    h->hash = 1;
    ngx_http_llm_header_init(h);
    ngx_str_set(&h->key, "Retry-After");
    ngx_str_set(&h->value, "1");

    return NGX_OK;
}


void
ngx_http_llm_call_error(ngx_http_llm_call_t *call, ngx_uint_t status,
    const char *type, const char *param, const char *fmt, ...)
{
    u_char   *p, message[NGX_HTTP_LLM_OUT_MESSAGE], code[NGX_INT_T_LEN];
    va_list   args;

    va_start(args, fmt);
    p = ngx_vslprintf(message, message + sizeof(message), fmt, args);
    va_end(args);

    ngx_http_llm_out_drop(call);

    ngx_http_llm_out_open(call, '{');
    ngx_http_llm_out_name(call, "error");
    ngx_http_llm_out_open(call, '{');

    ngx_http_llm_out_name(call, "message");
    ngx_http_llm_out_text(call, message, p - message);

    ngx_http_llm_out_name(call, "type");
    ngx_http_llm_out_cstr(call, type);

    ngx_http_llm_out_name(call, "param");

    if (param) {
        ngx_http_llm_out_cstr(call, param);

    } else {
        ngx_http_llm_out_word(call, "null");
    }

    ngx_http_llm_out_name(call, "code");
    p = ngx_sprintf(code, "%ui", status);
    ngx_http_llm_out_text(call, code, p - code);

    ngx_http_llm_out_close(call, '}');
    ngx_http_llm_out_close(call, '}');

    ngx_http_llm_call_answer(call, status);
}


void
ngx_http_llm_call_unavailable(ngx_http_llm_call_t *call, const char *why)
{
    ngx_http_llm_call_error(call, NGX_HTTP_SERVICE_UNAVAILABLE,
                            "service_unavailable", NULL,
                            "The store cannot be used now: %s; nothing was "
                            "changed.", why);
}
