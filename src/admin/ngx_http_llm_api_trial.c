
/*
 * Copyright (C) the llm_quota authors
 */


#include "ngx_http_llm_api_calls.h"


/*
 * /alerts/test: an alert that says that it is a test, to one channel or to all
 * of them.  It goes the way that all go, through the store: who leads finds it
 * there, and /alerts shows what came of it.
 */


#define NGX_HTTP_LLM_TRIAL_ID  (sizeof("test--") + 16 + NGX_INT64_LEN)


static ngx_int_t ngx_http_llm_trial_channels(ngx_http_llm_call_t *call,
    ngx_str_t *wanted, llm_store_op_t *op, llm_store_alert_t *alert);
static void ngx_http_llm_trial_done(ngx_http_llm_call_t *call,
    llm_store_op_t *op);


void
ngx_http_llm_api_alert_test(ngx_http_llm_call_t *call)
{
    char                        *json;
    u_char                      *id;
    ngx_int_t                    rc;
    ngx_str_t                    wanted, event;
    llm_store_op_t              *op;
    llm_store_alert_t           *alert;
    ngx_http_llm_admin_zone_t   *zone;

    zone = &call->api->admin.zone;

    wanted.data = (u_char *) llm_api_string(call->body, "channel",
                                            &wanted.len);

    if (wanted.data == NULL && json_object_get(call->body, "channel")) {
        ngx_http_llm_call_error(call, NGX_HTTP_LLM_API_INVALID,
                                "invalid_request_error", "channel",
                                "Input should be a valid string");
        return;
    }

    alert = ngx_pcalloc(call->pool, sizeof(llm_store_alert_t));
    id = ngx_pnalloc(call->pool, NGX_HTTP_LLM_TRIAL_ID);

    op = (alert && id)
         ? ngx_http_llm_call_op(call, LLM_STORE_ALERT, ngx_http_llm_trial_done)
         : NULL;

    if (op == NULL) {

        if (alert == NULL || id == NULL) {
            ngx_http_llm_call_end(call, NGX_HTTP_INTERNAL_SERVER_ERROR);
        }

        return;
    }

    rc = ngx_http_llm_trial_channels(call, wanted.data ? &wanted : NULL, op,
                                     alert);

    if (rc == NGX_DECLINED) {
        ngx_http_llm_store_free(call->task);
        ngx_http_llm_call_error(call, NGX_HTTP_NOT_FOUND, "not_found_error",
                                "channel", wanted.data
                                ? "There is no llm_alert of this name for the "
                                  "zone."
                                : "There is no llm_alert for the zone.");
        return;
    }

    /* two tests are two alerts */

    alert->time = ngx_http_llm_call_now();
    alert->start = alert->time / 1000;
    alert->generation = (int64_t) ngx_random();

    alert->id.data = id;
    alert->id.len = ngx_sprintf(id, "test-%L-%L", alert->time,
                                alert->generation)
                    - id;

    json = zone->trial(zone->name, &alert->id, alert->time, &event);

    if (rc != NGX_OK || json == NULL
        || llm_store_copy(op, &alert->json, json, ngx_strlen(json)) != 0)
    {
        free(json);
        ngx_http_llm_store_free(call->task);
        ngx_http_llm_call_end(call, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    free(json);

    ngx_http_llm_store_set(&alert->event, &event);

    alert->subject.type = alert->event;
    alert->subject.id.data = zone->name->data;
    alert->subject.id.len = zone->name->len;
    alert->resource = alert->event;

    op->alert.alerts = alert;
    op->alert.nalerts = 1;

    call->data = alert;

    ngx_http_llm_call_run(call);
}


/* NGX_DECLINED: there is no such channel. */

static ngx_int_t
ngx_http_llm_trial_channels(ngx_http_llm_call_t *call, ngx_str_t *wanted,
    llm_store_op_t *op, llm_store_alert_t *alert)
{
    ngx_str_t                   name;
    ngx_uint_t                  i;
    llm_store_text_t           *channels;
    ngx_http_llm_admin_zone_t  *zone;

    zone = &call->api->admin.zone;

    channels = llm_store_alloc(op, LLM_STORE_CHANNELS
                                   * sizeof(llm_store_text_t));
    if (channels == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; zone->channel(zone->channels, zone->name, i, &name); i++) {

        if (alert->nchannels == LLM_STORE_CHANNELS
            || (wanted && (wanted->len != name.len
                           || ngx_memcmp(wanted->data, name.data, name.len)
                              != 0)))
        {
            continue;
        }

        channels[alert->nchannels].data = name.data;
        channels[alert->nchannels++].len = name.len;
    }

    alert->channels = channels;

    return alert->nchannels ? NGX_OK : NGX_DECLINED;
}


static void
ngx_http_llm_trial_done(ngx_http_llm_call_t *call, llm_store_op_t *op)
{
    llm_store_alert_t *alert = call->data;

    size_t  i;

    ngx_http_llm_out_open(call, '{');
    ngx_http_llm_out_name(call, "id");
    ngx_http_llm_out_str(call, &alert->id);
    ngx_http_llm_out_name(call, "channels");
    ngx_http_llm_out_open(call, '[');

    for (i = 0; i < alert->nchannels; i++) {
        ngx_http_llm_out_str(call, &alert->channels[i]);
    }

    ngx_http_llm_out_close(call, ']');
    ngx_http_llm_out_close(call, '}');

    ngx_http_llm_call_answer(call, NGX_HTTP_OK);
}
