
/*
 * Copyright (C) the llm_quota authors
 */


#include "ngx_http_llm_api_calls.h"


/* /health/services: the channels of a name or a type are sent a test, and the
   answer is what became of it. */


#define NGX_HTTP_LLM_SERVICE_POLL   100      /* ms */
#define NGX_HTTP_LLM_SERVICE_POLLS  100


typedef struct {
    llm_store_alert_t       *alert;
    ngx_event_t              timer;
    ngx_uint_t               polls;
} ngx_http_llm_service_t;


static void ngx_http_llm_service_put(ngx_http_llm_call_t *call,
    llm_store_op_t *op);
static void ngx_http_llm_service_timer(ngx_event_t *ev);
static void ngx_http_llm_service_polled(ngx_http_llm_call_t *call,
    llm_store_op_t *op);
static void ngx_http_llm_service_sent(ngx_http_llm_call_t *call);


void
ngx_http_llm_api_services(ngx_http_llm_call_t *call)
{
    ngx_str_t                asked;
    ngx_http_llm_service_t  *service;

    if (ngx_http_llm_call_asks(call, "service", &asked) != NGX_OK) {
        return;
    }

    service = ngx_pcalloc(call->pool, sizeof(ngx_http_llm_service_t));

    if (service == NULL) {
        ngx_http_llm_call_end(call, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    service->alert = ngx_http_llm_trial_alert(call, &asked);

    if (service->alert == NULL) {
        return;
    }

    if (service->alert->nchannels == 0) {
        ngx_http_llm_call_error(call, NGX_HTTP_BAD_REQUEST, "bad_request",
                                "service", "No llm_alert of this zone has the "
                                "type or the name \"%V\"", &asked);
        return;
    }

    call->data = service;

    service->timer.handler = ngx_http_llm_service_timer;
    service->timer.data = call;
    service->timer.log = ngx_cycle->log;

    ngx_http_llm_trial_send(call, service->alert, ngx_http_llm_service_put);
}


static void
ngx_http_llm_service_put(ngx_http_llm_call_t *call, llm_store_op_t *op)
{
    ngx_http_llm_service_t *service = call->data;

    ngx_add_timer(&service->timer, NGX_HTTP_LLM_SERVICE_POLL);
}


static void
ngx_http_llm_service_timer(ngx_event_t *ev)
{
    llm_store_op_t          *op;
    ngx_http_llm_call_t     *call;
    ngx_http_llm_service_t  *service;

    call = ev->data;
    service = call->data;

    op = ngx_http_llm_call_op(call, LLM_STORE_DELIVERIES,
                              ngx_http_llm_service_polled);

    if (op) {
        op->deliveries.alert = service->alert->id;
        op->deliveries.max = service->alert->nchannels;

        ngx_http_llm_call_run(call);
    }
}


/* One that failed is tried again, but that is not waited for. */

static void
ngx_http_llm_service_polled(ngx_http_llm_call_t *call, llm_store_op_t *op)
{
    ngx_http_llm_service_t *service = call->data;

    size_t                       i;
    ngx_str_t                    name, error;
    const llm_store_delivery_t  *row, *open;

    open = NULL;

    for (i = 0; i < op->deliveries.nrows; i++) {
        row = &op->deliveries.rows[i];

        if (row->state == LLM_STORE_DELIVERED) {
            continue;
        }

        if (row->error.len
            && !(row->error.len == sizeof(LLM_STORE_BEGUN) - 1
                 && ngx_memcmp(row->error.data, LLM_STORE_BEGUN,
                               row->error.len)
                    == 0))
        {
            name.data = (u_char *) row->channel.data;
            name.len = row->channel.len;
            error.data = (u_char *) row->error.data;
            error.len = row->error.len;

            ngx_http_llm_call_error(call, NGX_HTTP_INTERNAL_SERVER_ERROR,
                                    "service_error", "service",
                                    "The test failed in channel %V: %V",
                                    &name, &error);
            return;
        }

        open = row;
    }

    if (open == NULL) {
        ngx_http_llm_service_sent(call);
        return;
    }

    if (service->polls++ < NGX_HTTP_LLM_SERVICE_POLLS) {
        ngx_add_timer(&service->timer, NGX_HTTP_LLM_SERVICE_POLL);
        return;
    }

    name.data = (u_char *) open->channel.data;
    name.len = open->channel.len;

    ngx_http_llm_call_error(call, NGX_HTTP_GATEWAY_TIME_OUT, "service_error",
                            "service", "Channel %V has not taken the test yet",
                            &name);
}


static void
ngx_http_llm_service_sent(ngx_http_llm_call_t *call)
{
    ngx_http_llm_service_t *service = call->data;

    ngx_http_llm_out_open(call, '{');
    ngx_http_llm_out_name(call, "status");
    ngx_http_llm_out_cstr(call, "success");
    ngx_http_llm_out_name(call, "message");
    ngx_http_llm_out_cstr(call, "A test was sent and accepted.");
    ngx_http_llm_trial_out(call, service->alert);
    ngx_http_llm_out_close(call, '}');

    ngx_http_llm_call_answer(call, NGX_HTTP_OK);
}
