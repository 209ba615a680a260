
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
    const ngx_str_t *wanted, llm_store_alert_t *alert);
static void ngx_http_llm_trial_done(ngx_http_llm_call_t *call,
    llm_store_op_t *op);
static ngx_uint_t ngx_http_llm_trial_is(const ngx_str_t *one,
    const ngx_str_t *other);


void
ngx_http_llm_api_alert_test(ngx_http_llm_call_t *call)
{
    ngx_str_t           wanted;
    llm_store_alert_t  *alert;

    wanted.data = (u_char *) llm_api_string(call->body, "channel",
                                            &wanted.len);

    if (wanted.data == NULL && json_object_get(call->body, "channel")) {
        ngx_http_llm_call_error(call, NGX_HTTP_LLM_API_INVALID,
                                "invalid_request_error", "channel",
                                "Input should be a valid string");
        return;
    }

    alert = ngx_http_llm_trial_alert(call, wanted.data ? &wanted : NULL);

    if (alert == NULL) {
        return;
    }

    if (alert->nchannels == 0) {
        ngx_http_llm_call_error(call, NGX_HTTP_NOT_FOUND, "not_found_error",
                                "channel", wanted.data
                                ? "There is no llm_alert of this name for the "
                                  "zone."
                                : "There is no llm_alert for the zone.");
        return;
    }

    call->data = alert;

    ngx_http_llm_trial_send(call, alert, ngx_http_llm_trial_done);
}


llm_store_alert_t *
ngx_http_llm_trial_alert(ngx_http_llm_call_t *call, const ngx_str_t *wanted)
{
    char                        *json;
    u_char                      *id;
    ngx_str_t                    event, text;
    llm_store_alert_t           *alert;
    ngx_http_llm_admin_zone_t   *zone;

    zone = &call->api->admin.zone;

    alert = ngx_pcalloc(call->pool, sizeof(llm_store_alert_t));
    id = ngx_pnalloc(call->pool, NGX_HTTP_LLM_TRIAL_ID);

    if (alert == NULL || id == NULL
        || ngx_http_llm_trial_channels(call, wanted, alert) != NGX_OK)
    {
        ngx_http_llm_call_end(call, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return NULL;
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

    text.data = (u_char *) json;
    text.len = json ? ngx_strlen(json) : 0;
    text.data = json ? ngx_pstrdup(call->pool, &text) : NULL;

    free(json);

    if (text.data == NULL) {
        ngx_http_llm_call_end(call, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return NULL;
    }

    ngx_http_llm_store_set(&alert->json, &text);
    ngx_http_llm_store_set(&alert->event, &event);

    alert->subject.type = alert->event;
    alert->subject.id.data = zone->name->data;
    alert->subject.id.len = zone->name->len;
    alert->resource = alert->event;

    return alert;
}


static ngx_int_t
ngx_http_llm_trial_channels(ngx_http_llm_call_t *call, const ngx_str_t *wanted,
    llm_store_alert_t *alert)
{
    ngx_str_t                   name, type;
    ngx_uint_t                  i;
    llm_store_text_t           *channels;
    ngx_http_llm_admin_zone_t  *zone;

    zone = &call->api->admin.zone;

    channels = ngx_palloc(call->pool, LLM_STORE_CHANNELS
                                      * sizeof(llm_store_text_t));
    if (channels == NULL) {
        return NGX_ERROR;
    }

    for (i = 0;
         zone->channel(zone->channels, zone->name, i, &name, &type)
         && alert->nchannels < LLM_STORE_CHANNELS;
         i++)
    {
        if (wanted == NULL || ngx_http_llm_trial_is(wanted, &name)
            || ngx_http_llm_trial_is(wanted, &type))
        {
            ngx_http_llm_store_set(&channels[alert->nchannels++], &name);
        }
    }

    alert->channels = channels;

    return NGX_OK;
}


static ngx_uint_t
ngx_http_llm_trial_is(const ngx_str_t *one, const ngx_str_t *other)
{
    return one->len == other->len
           && ngx_memcmp(one->data, other->data, one->len) == 0;
}


void
ngx_http_llm_trial_send(ngx_http_llm_call_t *call, llm_store_alert_t *alert,
    ngx_http_llm_step_pt done)
{
    llm_store_op_t  *op;

    op = ngx_http_llm_call_op(call, LLM_STORE_ALERT, done);

    if (op) {
        op->alert.alerts = alert;
        op->alert.nalerts = 1;

        ngx_http_llm_call_run(call);
    }
}


static void
ngx_http_llm_trial_done(ngx_http_llm_call_t *call, llm_store_op_t *op)
{
    llm_store_alert_t *alert = call->data;

    ngx_http_llm_out_open(call, '{');
    ngx_http_llm_trial_out(call, alert);
    ngx_http_llm_out_close(call, '}');

    ngx_http_llm_call_answer(call, NGX_HTTP_OK);
}


void
ngx_http_llm_trial_out(ngx_http_llm_call_t *call,
    const llm_store_alert_t *alert)
{
    size_t  i;

    ngx_http_llm_out_name(call, "id");
    ngx_http_llm_out_str(call, &alert->id);
    ngx_http_llm_out_name(call, "channels");
    ngx_http_llm_out_open(call, '[');

    for (i = 0; i < alert->nchannels; i++) {
        ngx_http_llm_out_str(call, &alert->channels[i]);
    }

    ngx_http_llm_out_close(call, ']');
}
