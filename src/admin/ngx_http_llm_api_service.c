
/*
 * Copyright (C) the llm_quota authors
 */


#include "ngx_http_llm_api_calls.h"


/* /health/services: the channels of a name or a type are sent a test, and the
   answer is what became of it. */


#define NGX_HTTP_LLM_SERVICE_POLL   100      /* ms */
#define NGX_HTTP_LLM_SERVICE_POLLS  100
#define NGX_HTTP_LLM_SERVICE_ID     64       /* bytes */


typedef struct {
    llm_store_alert_t        alert;
    ngx_array_t              channels;       /* of llm_store_text_t */
    ngx_event_t              timer;
    ngx_uint_t               polls;
} ngx_http_llm_service_t;


static ngx_int_t ngx_http_llm_service_alert(ngx_http_llm_call_t *call,
    ngx_http_llm_service_t *service);
static void ngx_http_llm_service_put(ngx_http_llm_call_t *call,
    llm_store_op_t *op);
static void ngx_http_llm_service_timer(ngx_event_t *ev);
static void ngx_http_llm_service_polled(ngx_http_llm_call_t *call,
    llm_store_op_t *op);
static void ngx_http_llm_service_sent(ngx_http_llm_call_t *call);


void
ngx_http_llm_api_services(ngx_http_llm_call_t *call)
{
    ngx_str_t                   asked, name;
    ngx_uint_t                  i;
    llm_store_op_t             *op;
    llm_store_text_t           *channel;
    ngx_http_llm_service_t     *service;
    ngx_http_llm_admin_zone_t  *zone;

    if (ngx_http_llm_call_asks(call, "service", &asked) != NGX_OK) {
        return;
    }

    zone = &call->api->admin.zone;
    service = ngx_pcalloc(call->pool, sizeof(ngx_http_llm_service_t));

    if (service == NULL
        || ngx_array_init(&service->channels, call->pool, 4,
                          sizeof(llm_store_text_t))
           != NGX_OK)
    {
        ngx_http_llm_call_end(call, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    for (i = 0;
         zone->channel(zone->channels, zone->name, &asked, i, &name);
         i++)
    {
        channel = ngx_array_push(&service->channels);

        if (channel == NULL) {
            ngx_http_llm_call_end(call, NGX_HTTP_INTERNAL_SERVER_ERROR);
            return;
        }

        ngx_http_llm_store_set(channel, &name);
    }

    if (i == 0) {
        ngx_http_llm_call_error(call, NGX_HTTP_BAD_REQUEST, "bad_request",
                                "service", "No llm_alert of this zone has the "
                                "type or the name \"%V\"", &asked);
        return;
    }

    call->data = service;

    if (ngx_http_llm_service_alert(call, service) != NGX_OK) {
        ngx_http_llm_call_end(call, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    service->timer.handler = ngx_http_llm_service_timer;
    service->timer.data = call;
    service->timer.log = ngx_cycle->log;

    op = ngx_http_llm_call_op(call, LLM_STORE_ALERT, ngx_http_llm_service_put);

    if (op) {
        op->alert.alerts = &service->alert;
        op->alert.nalerts = 1;

        ngx_http_llm_call_run(call);
    }
}


/* Each is new. */

static ngx_int_t
ngx_http_llm_service_alert(ngx_http_llm_call_t *call,
    ngx_http_llm_service_t *service)
{
    char               *json;
    ngx_str_t           id, text;
    llm_store_alert_t  *alert;

    static ngx_str_t    nobody = ngx_string("");
    static ngx_str_t    global = ngx_string("global");
    static ngx_str_t    test = ngx_string("test");

    alert = &service->alert;
    alert->time = ngx_http_llm_call_now();

    id.data = ngx_pnalloc(call->pool, NGX_HTTP_LLM_SERVICE_ID);
    if (id.data == NULL) {
        return NGX_ERROR;
    }

    id.len = ngx_sprintf(id.data, "test-%L-%P-%xD", alert->time, ngx_pid,
                         (uint32_t) ngx_random())
             - id.data;

    json = call->api->admin.zone.test(call->api->admin.zone.name, &id,
                                      alert->time);
    if (json == NULL) {
        return NGX_ERROR;
    }

    text.data = (u_char *) json;
    text.len = ngx_strlen(json);
    text.data = ngx_pstrdup(call->pool, &text);

    free(json);

    if (text.data == NULL) {
        return NGX_ERROR;
    }

    ngx_http_llm_store_set(&alert->id, &id);
    ngx_http_llm_store_set(&alert->json, &text);
    ngx_http_llm_store_set(&alert->subject.type, &global);
    ngx_http_llm_store_set(&alert->subject.id, &nobody);
    ngx_http_llm_store_set(&alert->resource, &test);
    ngx_http_llm_store_set(&alert->event, &test);

    alert->start = alert->time;
    alert->generation = ngx_random();
    alert->channels = service->channels.elts;
    alert->nchannels = service->channels.nelts;

    return NGX_OK;
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
        op->deliveries.alert = service->alert.id;
        op->deliveries.max = service->channels.nelts;

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

    ngx_uint_t         i;
    llm_store_text_t  *channels;

    channels = service->channels.elts;

    ngx_http_llm_out_open(call, '{');
    ngx_http_llm_out_name(call, "status");
    ngx_http_llm_out_cstr(call, "success");
    ngx_http_llm_out_name(call, "message");
    ngx_http_llm_out_cstr(call, "A test was sent and accepted.");
    ngx_http_llm_out_name(call, "id");
    ngx_http_llm_out_str(call, &service->alert.id);
    ngx_http_llm_out_name(call, "channels");
    ngx_http_llm_out_open(call, '[');

    for (i = 0; i < service->channels.nelts; i++) {
        ngx_http_llm_out_str(call, &channels[i]);
    }

    ngx_http_llm_out_close(call, ']');
    ngx_http_llm_out_close(call, '}');

    ngx_http_llm_call_answer(call, NGX_HTTP_OK);
}
