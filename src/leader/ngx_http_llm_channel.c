
/*
 * Copyright (C) the llm_quota authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "llm_message.h"
#include "ngx_http_llm_channel.h"


static void ngx_http_llm_channel_header(ngx_http_llm_message_t *message,
    const char *format, ...);
static char *ngx_http_llm_channel_body(const ngx_http_llm_channel_t *channel,
    const llm_alert_t *alert, const ngx_str_t *json);
static char *ngx_http_llm_channel_copy(const ngx_str_t *json);


const ngx_str_t  ngx_http_llm_channel_types[] = {
    ngx_string("slack"),
    ngx_string("webhook"),
    ngx_string("email"),
    ngx_string("pagerduty")
};


ngx_uint_t
ngx_http_llm_channel_takes(const ngx_http_llm_channel_t *channel,
    llm_alert_event_e event, llm_alert_severity_e severity, int64_t threshold)
{
    if (event == LLM_ALERT_RATE_NEAR
        && threshold != (int64_t) channel->near)
    {
        return 0;
    }

    return (channel->events & (1U << event)) != 0
           && severity >= channel->severity;
}


ngx_uint_t
ngx_http_llm_channel_at(const ngx_array_t *channels, const ngx_str_t *zone,
    ngx_uint_t i, ngx_str_t *name, ngx_str_t *type)
{
    ngx_uint_t               k;
    ngx_http_llm_channel_t  *channel;

    channel = channels->elts;

    for (k = 0; k < channels->nelts; k++) {

        if (channel[k].zone.len == zone->len
            && ngx_strncmp(channel[k].zone.data, zone->data, zone->len) == 0
            && i-- == 0)
        {
            *name = channel[k].name;
            *type = ngx_http_llm_channel_types[channel[k].type];
            return 1;
        }
    }

    return 0;
}


char *
ngx_http_llm_channel_trial(const ngx_str_t *zone, const llm_store_text_t *id,
    int64_t time, ngx_str_t *event)
{
    llm_alert_t  alert;

    ngx_memzero(&alert, sizeof(llm_alert_t));

    alert.id = *id;
    alert.event = LLM_ALERT_TEST;
    alert.severity = llm_alert_severity(LLM_ALERT_TEST);
    alert.time = time;
    alert.zone.data = zone->data;
    alert.zone.len = zone->len;
    alert.host.data = ngx_cycle->hostname.data;
    alert.host.len = ngx_cycle->hostname.len;

    event->data = (u_char *) llm_alert_event_name(LLM_ALERT_TEST);
    event->len = ngx_strlen(event->data);

    return llm_alert_build(&alert);
}


ngx_int_t
ngx_http_llm_channel_render(const ngx_http_llm_channel_t *channel,
    const llm_alert_t *alert, const ngx_str_t *json, time_t now,
    ngx_http_llm_message_t *message)
{
    char                  signature[LLM_MESSAGE_SIGNATURE];
    ngx_http_llm_curl_t  *curl;

    ngx_memzero(message, sizeof(ngx_http_llm_message_t));

    message->body = ngx_http_llm_channel_body(channel, alert, json);

    if (message->body == NULL) {
        return NGX_ERROR;
    }

    curl = &message->curl;

    curl->url = (char *) channel->url;
    curl->timeout = channel->timeout;
    curl->ca = (char *) channel->ca;
    curl->body = message->body;
    curl->len = ngx_strlen(message->body);

    if (channel->type == NGX_HTTP_LLM_CHANNEL_EMAIL) {
        curl->from = (char *) channel->from;
        curl->to = channel->recipients.elts;
        curl->nto = channel->recipients.nelts;
        curl->user = (char *) channel->user;
        curl->password = (char *) channel->password;
        curl->starttls = channel->starttls;

        return NGX_OK;
    }

    curl->headers = message->headers;

    ngx_http_llm_channel_header(message, "Content-Type: application/json");
    ngx_http_llm_channel_header(message, "User-Agent: nginx-llm-quota");

    if (channel->type != NGX_HTTP_LLM_CHANNEL_WEBHOOK) {
        return NGX_OK;
    }

    ngx_http_llm_channel_header(message, "X-LLM-Quota-Id: %*s",
                                alert->id.len, alert->id.data);
    ngx_http_llm_channel_header(message, "X-LLM-Quota-Timestamp: %T", now);

    if (channel->secret.len) {

        if (llm_message_sign(signature, channel->secret.data,
                             channel->secret.len, now, message->body)
            != 0)
        {
            return NGX_ERROR;
        }

        ngx_http_llm_channel_header(message, "X-LLM-Quota-Signature: "
                                    "sha256=%s", signature);
    }

    return NGX_OK;
}


static void
ngx_http_llm_channel_header(ngx_http_llm_message_t *message,
    const char *format, ...)
{
    u_char   *p, *last;
    va_list   args;

    p = message->text[message->curl.nheaders];

    message->headers[message->curl.nheaders++] = (char *) p;

    va_start(args, format);
    last = ngx_vslprintf(p, p + NGX_HTTP_LLM_CHANNEL_HEADER - 1, format,
                         args);
    va_end(args);

    *last = '\0';
}


static char *
ngx_http_llm_channel_body(const ngx_http_llm_channel_t *channel,
    const llm_alert_t *alert, const ngx_str_t *json)
{
    switch (channel->type) {

    case NGX_HTTP_LLM_CHANNEL_SLACK:
        return llm_message_is_teams((char *) channel->url)
               ? llm_message_teams(alert) : llm_message_slack(alert);

    case NGX_HTTP_LLM_CHANNEL_EMAIL:
        return llm_message_mail(alert, (char *) channel->from,
                                (char *) channel->to);

    case NGX_HTTP_LLM_CHANNEL_PAGERDUTY:
        return llm_message_pagerduty(alert, (char *) channel->key);

    default: /* NGX_HTTP_LLM_CHANNEL_WEBHOOK */
        return ngx_http_llm_channel_copy(json);
    }
}


/* As it is in the store: members that are not known here are passed on. */

static char *
ngx_http_llm_channel_copy(const ngx_str_t *json)
{
    char  *body;

    body = malloc(json->len + 1);

    if (body) {
        ngx_memcpy(body, json->data, json->len);
        body[json->len] = '\0';
    }

    return body;
}


ngx_uint_t
ngx_http_llm_channel_refused(const ngx_http_llm_channel_t *channel,
    const ngx_http_llm_curl_t *transfer)
{
    if (channel->type == NGX_HTTP_LLM_CHANNEL_EMAIL) {
        return transfer->status >= 500;
    }

    /* 408, 425, 429: later it may do */

    return transfer->status >= 300 && transfer->status < 500
           && transfer->status != 408
           && transfer->status != 425
           && transfer->status != 429;
}
