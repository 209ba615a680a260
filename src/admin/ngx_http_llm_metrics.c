
/*
 * Copyright (C) the llm_quota authors
 */


#include "ngx_http_llm_metrics.h"


/* llm_quota_metrics: the answer to a scrape, in steps between which the worker
   does what else there is to do. */


static ngx_int_t ngx_http_llm_metrics_handler(ngx_http_request_t *r,
    ngx_http_llm_admin_t *admin);
static ngx_uint_t ngx_http_llm_metrics_is_open(ngx_http_request_t *r);
static void ngx_http_llm_metrics_write(ngx_http_request_t *r);
static ngx_http_llm_scrape_t *ngx_http_llm_metrics_of(ngx_http_request_t *r);
static void ngx_http_llm_metrics_end(void *data);
static void ngx_http_llm_metrics_wait(ngx_http_request_t *r);


static ngx_str_t  ngx_http_llm_metrics_type =
    ngx_string("text/plain; version=0.0.4; charset=utf-8");

static ngx_str_t  ngx_http_llm_metrics_open_type =
    ngx_string("application/openmetrics-text; version=1.0.0; charset=utf-8");


ngx_http_llm_admin_t *
ngx_http_llm_metrics_conf(ngx_conf_t *cf)
{
    ngx_str_t               *value;
    ngx_uint_t               i;
    ngx_http_llm_metrics_t  *conf;

    conf = ngx_pcalloc(cf->pool, sizeof(ngx_http_llm_metrics_t));
    if (conf == NULL) {
        return NULL;
    }

    conf->admin.handler = ngx_http_llm_metrics_handler;

    value = cf->args->elts;

    for (i = 2; i < cf->args->nelts; i++) {

        if (ngx_strcmp(value[i].data, "compat=litellm") == 0) {
            conf->compat = 1;
            continue;
        }

        if (ngx_strcmp(value[i].data, "customers=on") == 0) {
            conf->customers = 1;
            continue;
        }

        if (ngx_strcmp(value[i].data, "customers=off") == 0) {
            conf->customers = 0;
            continue;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "llm_quota_metrics has invalid parameter \"%V\": "
                           "use compat=litellm or customers=on", &value[i]);
        return NULL;
    }

    return &conf->admin;
}


static ngx_int_t
ngx_http_llm_metrics_handler(ngx_http_request_t *r,
    ngx_http_llm_admin_t *admin)
{
    ngx_int_t               rc;
    ngx_http_cleanup_t     *cln;
    ngx_http_llm_scrape_t  *s;

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        return NGX_HTTP_NOT_ALLOWED;
    }

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    cln = ngx_http_cleanup_add(r, sizeof(ngx_http_llm_scrape_t));
    if (cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    cln->handler = ngx_http_llm_metrics_end;

    s = cln->data;
    ngx_memzero(s, sizeof(ngx_http_llm_scrape_t));

    s->request = r;
    s->conf = (ngx_http_llm_metrics_t *) admin;
    s->open = ngx_http_llm_metrics_is_open(r);

    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_type = s->open ? ngx_http_llm_metrics_open_type
                                          : ngx_http_llm_metrics_type;
    r->headers_out.content_type_len = r->headers_out.content_type.len;

    ngx_http_clear_content_length(r);

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    s->buf = ngx_create_temp_buf(r->pool, NGX_HTTP_LLM_METRICS_BUF);
    if (s->buf == NULL) {
        return NGX_ERROR;
    }

    r->main->count++;
    r->write_event_handler = ngx_http_llm_metrics_write;

    ngx_http_llm_metrics_write(r);

    return NGX_DONE;
}


/* Prometheus names both, and asks for the one that it likes better first. */

static ngx_uint_t
ngx_http_llm_metrics_is_open(ngx_http_request_t *r)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    part = &r->headers_in.headers.part;
    h = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {

            if (part->next == NULL) {
                return 0;
            }

            part = part->next;
            h = part->elts;
            i = 0;
        }

        if (h[i].key.len == sizeof("Accept") - 1
            && ngx_strncasecmp(h[i].key.data, (u_char *) "Accept",
                               sizeof("Accept") - 1)
               == 0
            && ngx_strlcasestrn(h[i].value.data,
                                h[i].value.data + h[i].value.len,
                                (u_char *) "application/openmetrics-text",
                                sizeof("application/openmetrics-text") - 2))
        {
            return 1;
        }
    }
}


static void
ngx_http_llm_metrics_write(ngx_http_request_t *r)
{
    ngx_int_t               rc;
    ngx_event_t            *wev;
    ngx_http_llm_scrape_t  *s;

    wev = r->connection->write;
    s = ngx_http_llm_metrics_of(r);

    if (wev->timedout) {
        r->connection->timedout = 1;
        ngx_http_finalize_request(r, NGX_HTTP_REQUEST_TIME_OUT);
        return;
    }

    if (s->buf->last != s->buf->start) {

        /* of the step before */

        rc = ngx_http_output_filter(r, NULL);

        if (rc == NGX_ERROR) {
            ngx_http_finalize_request(r, NGX_ERROR);
            return;
        }

        if (rc == NGX_AGAIN || r->buffered) {
            ngx_http_llm_metrics_wait(r);
            return;
        }
    }

    s->buf->pos = s->buf->start;
    s->buf->last = s->buf->start;

    s->done = !ngx_http_llm_metrics_print(s);

    if (s->buf->last == s->buf->start) {

        /* nobody of those looked at has anything to tell */

        if (s->done) {
            ngx_http_finalize_request(r, ngx_http_send_special(r,
                                                               NGX_HTTP_LAST));
            return;
        }

        ngx_post_event(wev, &ngx_posted_next_events);
        return;
    }

    s->buf->last_buf = s->done;
    s->buf->flush = !s->done;

    s->out.buf = s->buf;
    s->out.next = NULL;

    rc = ngx_http_output_filter(r, &s->out);

    if (s->done || rc == NGX_ERROR) {
        ngx_http_finalize_request(r, rc);
        return;
    }

    if (rc == NGX_AGAIN || r->buffered) {
        ngx_http_llm_metrics_wait(r);
        return;
    }

    ngx_post_event(wev, &ngx_posted_next_events);
}


/* The module's context of a request is that of one that is charged. */

static ngx_http_llm_scrape_t *
ngx_http_llm_metrics_of(ngx_http_request_t *r)
{
    ngx_http_cleanup_t  *cln;

    cln = r->cleanup;

    while (cln->handler != ngx_http_llm_metrics_end) {
        cln = cln->next;
    }

    return cln->data;
}


static void
ngx_http_llm_metrics_end(void *data)
{
    /* it marks the cleanup that has the scrape */
}


static void
ngx_http_llm_metrics_wait(ngx_http_request_t *r)
{
    ngx_event_t               *wev;
    ngx_http_core_loc_conf_t  *clcf;

    wev = r->connection->write;
    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (!wev->delayed) {
        ngx_add_timer(wev, clcf->send_timeout);
    }

    if (ngx_handle_write_event(wev, clcf->send_lowat) != NGX_OK) {
        ngx_http_finalize_request(r, NGX_ERROR);
    }
}
