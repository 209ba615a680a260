
/*
 * Copyright (C) the llm_quota authors
 */


#include "llm_money.h"
#include "llm_text.h"
#include "ngx_http_llm_api.h"
#include "ngx_http_llm_compat.h"


/* Answers: JSON, written into buffers of the call, whose copy goes out. */


#define NGX_HTTP_LLM_OUT_BUF      16384
#define NGX_HTTP_LLM_OUT_MESSAGE  1024

/* Of a double so many digits are those that were written. */
#define NGX_HTTP_LLM_OUT_DIGITS   15


static void ngx_http_llm_out_value(ngx_http_llm_call_t *call);
static int ngx_http_llm_out_dump(const char *data, size_t len, void *arg);
static ngx_chain_t *ngx_http_llm_out_copy(ngx_http_llm_call_t *call,
    ngx_pool_t *pool);
static ngx_int_t ngx_http_llm_out_retry(ngx_http_request_t *r);


static ngx_str_t  ngx_http_llm_out_type = ngx_string("application/json");


void
ngx_http_llm_out(ngx_http_llm_call_t *call, const void *data, size_t len)
{
    size_t         n;
    ngx_chain_t   *cl;
    const u_char  *p;

    p = data;

    while (len && !call->failed) {

        if (call->buf == NULL || call->buf->last == call->buf->end) {

            cl = ngx_alloc_chain_link(call->pool);
            if (cl == NULL) {
                call->failed = 1;
                return;
            }

            cl->buf = ngx_create_temp_buf(call->pool, NGX_HTTP_LLM_OUT_BUF);
            if (cl->buf == NULL) {
                call->failed = 1;
                return;
            }

            cl->next = NULL;
            *call->last = cl;
            call->last = &cl->next;
            call->buf = cl->buf;
        }

        n = ngx_min(len, (size_t) (call->buf->end - call->buf->last));

        call->buf->last = ngx_cpymem(call->buf->last, p, n);
        call->size += n;

        p += n;
        len -= n;
    }
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
    ngx_http_llm_out_cstr(call, name);
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
    u_char  *p, *last;

    p = ngx_pnalloc(call->pool, len * 6 + 1);
    if (p == NULL) {
        call->failed = 1;
        return;
    }

    last = llm_text_json(p, p + len * 6, data, len);

    ngx_http_llm_out_value(call);
    ngx_http_llm_out(call, "\"", 1);
    ngx_http_llm_out(call, p, last - p);
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
                           |JSON_REAL_PRECISION(NGX_HTTP_LLM_OUT_DIGITS))
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
        ngx_http_llm_call_end(call, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    r->headers_out.status = status;
    r->headers_out.content_length_n = call->size;
    r->headers_out.content_type = ngx_http_llm_out_type;
    r->headers_out.content_type_len = ngx_http_llm_out_type.len;

    if (status == NGX_HTTP_SERVICE_UNAVAILABLE
        && ngx_http_llm_out_retry(r) != NGX_OK)
    {
        ngx_http_llm_call_end(call, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    rc = ngx_http_send_header(r);

    if (rc != NGX_ERROR && rc <= NGX_OK && !r->header_only) {
        rc = ngx_http_output_filter(r, out);
    }

    ngx_http_llm_call_end(call, rc);
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
                            "The store %s; nothing was changed.", why);
}
