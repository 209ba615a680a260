
/*
 * Copyright (C) the llm_quota authors
 */


#include "ngx_http_llm_api.h"
#include "llm_api_doc.h"


/* The body of a call: a JSON object of at most a megabyte. */


static void ngx_http_llm_body_read(ngx_http_request_t *r);
static ngx_int_t ngx_http_llm_body_text(ngx_http_request_t *r,
    ngx_pool_t *pool, ngx_str_t *text);
static void ngx_http_llm_body_parse(ngx_http_llm_call_t *call,
    ngx_str_t *text);


void
ngx_http_llm_call_body(ngx_http_llm_call_t *call)
{
    ngx_int_t            rc;
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    r = call->request;

    if (r == NULL) {
        ngx_http_llm_call_end(call, NGX_OK);
        return;
    }

    if (r->headers_in.content_length_n > LLM_API_BODY) {
        ngx_http_llm_call_error(call, NGX_HTTP_REQUEST_ENTITY_TOO_LARGE,
                                "invalid_request_error", NULL,
                                "The body is over 1 MB.");
        return;
    }

    c = r->connection;
    call->idle = 1;

    rc = ngx_http_read_client_request_body(r, ngx_http_llm_body_read);

    /* NGX_OK, NGX_AGAIN: the reading has a count of its own, the first one,
       of the content handler, is given back here */

    if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
        call->idle = 0;
        ngx_http_llm_call_end(call, rc);
        return;
    }

    ngx_http_finalize_request(r, NGX_DONE);
    ngx_http_run_posted_requests(c);
}


static void
ngx_http_llm_body_read(ngx_http_request_t *r)
{
    ngx_str_t             text;
    ngx_http_llm_call_t  *call;

    call = ngx_http_llm_call_of(r);
    call->idle = 0;

    if (ngx_http_llm_body_text(r, call->pool, &text) != NGX_OK) {
        ngx_http_llm_call_end(call, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    if (text.len > LLM_API_BODY) {
        ngx_http_llm_call_error(call, NGX_HTTP_REQUEST_ENTITY_TOO_LARGE,
                                "invalid_request_error", NULL,
                                "The body is over 1 MB.");
        return;
    }

    ngx_http_llm_body_parse(call, &text);
}


static ngx_int_t
ngx_http_llm_body_text(ngx_http_request_t *r, ngx_pool_t *pool,
    ngx_str_t *text)
{
    u_char       *p;
    size_t        size;
    ssize_t       n;
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    text->len = 0;

    if (r->request_body == NULL) {
        return NGX_OK;
    }

    size = 0;

    for (cl = r->request_body->bufs; cl; cl = cl->next) {
        size += ngx_buf_size(cl->buf);
    }

    if (size > LLM_API_BODY) {
        text->len = size;
        return NGX_OK;
    }

    p = ngx_pnalloc(pool, size + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    text->data = p;

    for (cl = r->request_body->bufs; cl; cl = cl->next) {
        b = cl->buf;

        if (ngx_buf_in_memory(b)) {
            p = ngx_cpymem(p, b->pos, b->last - b->pos);
            continue;
        }

        if (!b->in_file) {
            continue;
        }

        n = ngx_read_file(b->file, p, b->file_last - b->file_pos, b->file_pos);

        if (n != b->file_last - b->file_pos) {
            return NGX_ERROR;
        }

        p += n;
    }

    text->len = p - text->data;

    return NGX_OK;
}


static void
ngx_http_llm_body_parse(ngx_http_llm_call_t *call, ngx_str_t *text)
{
    json_error_t  error;

    if (text->len == 0) {
        call->body = ngx_http_llm_call_keep(call, json_object());

        if (call->body == NULL) {
            ngx_http_llm_call_end(call, NGX_HTTP_INTERNAL_SERVER_ERROR);
            return;
        }

        call->route->handler(call);
        return;
    }

    if (!llm_api_shallow(text->data, text->len)) {
        ngx_http_llm_call_error(call, NGX_HTTP_BAD_REQUEST,
                                "invalid_request_error", NULL,
                                "The body is nested too deeply.");
        return;
    }

    call->body = ngx_http_llm_call_keep(call,
                             json_loadb((char *) text->data, text->len,
                                        JSON_REJECT_DUPLICATES, &error));

    if (call->body == NULL) {
        ngx_http_llm_call_error(call, NGX_HTTP_BAD_REQUEST,
                                "invalid_request_error", NULL,
                                "The body is not JSON: %s", error.text);
        return;
    }

    if (!json_is_object(call->body)) {
        ngx_http_llm_call_error(call, NGX_HTTP_LLM_API_INVALID,
                                "invalid_request_error", NULL,
                                "The body is not a JSON object.");
        return;
    }

    call->route->handler(call);
}
