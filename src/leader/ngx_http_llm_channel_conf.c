
/*
 * Copyright (C) the llm_quota authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_llm_channel_param.h"


/* llm_alert */


#define NGX_HTTP_LLM_CHANNEL_NEAR     90         /* percent */
#define NGX_HTTP_LLM_CHANNEL_TIMEOUT  5000       /* ms */

#define NGX_HTTP_LLM_CHANNEL_PAGER    "https://events.pagerduty.com/v2/enqueue"

#define ngx_http_llm_channel_bit(type)                                        \
    (1U << NGX_HTTP_LLM_CHANNEL_##type)

#define NGX_HTTP_LLM_CHANNEL_ALL                                              \
    (ngx_http_llm_channel_bit(SLACK) | ngx_http_llm_channel_bit(WEBHOOK)      \
     | ngx_http_llm_channel_bit(EMAIL) | ngx_http_llm_channel_bit(PAGERDUTY))


typedef struct {
    ngx_str_t                        name;       /* with "=" */
    ngx_uint_t                       types;      /* that have it */
    ngx_http_llm_channel_param_pt    handler;
} ngx_http_llm_channel_param_t;


static char *ngx_http_llm_channel_type(ngx_conf_t *cf,
    ngx_http_llm_channel_t *channel, ngx_str_t *value);
static ngx_int_t ngx_http_llm_channel_param(ngx_conf_t *cf,
    ngx_http_llm_channel_t *channel, ngx_str_t *value);
static char *ngx_http_llm_channel_done(ngx_conf_t *cf,
    ngx_http_llm_channel_t *channel, ngx_array_t *channels);
static ngx_int_t ngx_http_llm_channel_call(ngx_conf_t *cf,
    ngx_http_llm_channel_t *channel, uint32_t hash);


static ngx_http_llm_channel_param_t  ngx_http_llm_channel_params[] = {

    { ngx_string("url_file="),
      ngx_http_llm_channel_bit(SLACK) | ngx_http_llm_channel_bit(WEBHOOK),
      ngx_http_llm_channel_url_file },

    { ngx_string("secret_file="),
      ngx_http_llm_channel_bit(WEBHOOK),
      ngx_http_llm_channel_secret },

    { ngx_string("from="),
      ngx_http_llm_channel_bit(EMAIL),
      ngx_http_llm_channel_from },

    { ngx_string("to="),
      ngx_http_llm_channel_bit(EMAIL),
      ngx_http_llm_channel_to },

    { ngx_string("user="),
      ngx_http_llm_channel_bit(EMAIL),
      ngx_http_llm_channel_user },

    { ngx_string("password_file="),
      ngx_http_llm_channel_bit(EMAIL),
      ngx_http_llm_channel_password },

    { ngx_string("starttls="),
      ngx_http_llm_channel_bit(EMAIL),
      ngx_http_llm_channel_starttls },

    { ngx_string("routing_key_file="),
      ngx_http_llm_channel_bit(PAGERDUTY),
      ngx_http_llm_channel_key },

    { ngx_string("url="),
      ngx_http_llm_channel_bit(PAGERDUTY),
      ngx_http_llm_channel_url },

    { ngx_string("events="), NGX_HTTP_LLM_CHANNEL_ALL,
      ngx_http_llm_channel_events },

    { ngx_string("severity="), NGX_HTTP_LLM_CHANNEL_ALL,
      ngx_http_llm_channel_severity },

    { ngx_string("near="), NGX_HTTP_LLM_CHANNEL_ALL,
      ngx_http_llm_channel_near },

    { ngx_string("timeout="), NGX_HTTP_LLM_CHANNEL_ALL,
      ngx_http_llm_channel_timeout },

    { ngx_string("ca="), NGX_HTTP_LLM_CHANNEL_ALL,
      ngx_http_llm_channel_ca },

    { ngx_string("name="), NGX_HTTP_LLM_CHANNEL_ALL,
      ngx_http_llm_channel_name }
};

#define NGX_HTTP_LLM_CHANNEL_PARAMS                                           \
    (sizeof(ngx_http_llm_channel_params)                                      \
     / sizeof(ngx_http_llm_channel_param_t))


char *
ngx_http_llm_alert_slot(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char  *p = conf;

    char                    *rv;
    uint32_t                 hash;
    ngx_str_t               *value;
    ngx_uint_t               i;
    ngx_array_t             *channels;
    ngx_http_llm_channel_t  *channel;

    channels = (ngx_array_t *) (p + cmd->offset);

    if (channels->elts == NULL
        && ngx_array_init(channels, cf->pool, 4,
                          sizeof(ngx_http_llm_channel_t))
           != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    channel = ngx_pcalloc(cf->pool, sizeof(ngx_http_llm_channel_t));
    if (channel == NULL) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    channel->zone = value[1];
    channel->events = LLM_ALERT_DEFAULT;
    channel->near = NGX_HTTP_LLM_CHANNEL_NEAR;
    channel->timeout = NGX_HTTP_LLM_CHANNEL_TIMEOUT;
    channel->file = cf->conf_file->file.name.data;
    channel->line = cf->conf_file->line;

    rv = ngx_http_llm_channel_type(cf, channel, &value[2]);

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    hash = 0;

    for (i = 3; i < cf->args->nelts; i++) {

        /* what says where it goes is its name, unless it has one */

        if (ngx_strncmp(value[i].data, "url_file=", 9) == 0
            || ngx_strncmp(value[i].data, "routing_key_file=", 17) == 0
            || ngx_strncmp(value[i].data, "to=", 3) == 0
            || ngx_strstr(value[i].data, "://"))
        {
            hash = hash * 31 + ngx_murmur_hash2(value[i].data, value[i].len);
        }

        if (ngx_http_llm_channel_param(cf, channel, &value[i]) != NGX_OK) {
            return NGX_CONF_ERROR;
        }
    }

    if (channel->name.len == 0
        && ngx_http_llm_channel_call(cf, channel, hash) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    return ngx_http_llm_channel_done(cf, channel, channels);
}


static char *
ngx_http_llm_channel_type(ngx_conf_t *cf, ngx_http_llm_channel_t *channel,
    ngx_str_t *value)
{
    ngx_uint_t  i;

    for (i = 0; i <= NGX_HTTP_LLM_CHANNEL_PAGERDUTY; i++) {

        if (ngx_http_llm_channel_types[i].len == value->len
            && ngx_strcmp(ngx_http_llm_channel_types[i].data, value->data)
               == 0)
        {
            channel->type = i;
            return NGX_CONF_OK;
        }
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "llm_alert has invalid channel \"%V\": use slack, "
                       "webhook, email or pagerduty", value);

    return NGX_CONF_ERROR;
}


static ngx_int_t
ngx_http_llm_channel_param(ngx_conf_t *cf, ngx_http_llm_channel_t *channel,
    ngx_str_t *value)
{
    u_char                         buf[512], *p;
    ngx_str_t                      text;
    ngx_uint_t                     i, of_type;
    ngx_http_llm_channel_param_t  *param;

    p = buf;

    for (i = 0; i < NGX_HTTP_LLM_CHANNEL_PARAMS; i++) {

        param = &ngx_http_llm_channel_params[i];
        of_type = param->types & (1U << channel->type);

        if (of_type) {
            p = ngx_slprintf(p, buf + sizeof(buf), " %V", &param->name);
        }

        if (value->len < param->name.len
            || ngx_strncmp(value->data, param->name.data, param->name.len)
               != 0)
        {
            continue;
        }

        text.data = value->data + param->name.len;
        text.len = value->len - param->name.len;

        if (!of_type) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "llm_alert %V has no parameter \"%V\"",
                               &ngx_http_llm_channel_types[channel->type],
                               &param->name);
            return NGX_ERROR;
        }

        if (text.len == 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "llm_alert has empty \"%V\"", &param->name);
            return NGX_ERROR;
        }

        return param->handler(cf, channel, &text);
    }

    if (ngx_strstr(value->data, "://")
        && channel->type != NGX_HTTP_LLM_CHANNEL_PAGERDUTY)
    {
        return ngx_http_llm_channel_url(cf, channel, value);
    }

    /* it may be a URL that has lost its beginning: it is not shown */

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "llm_alert %V has an invalid parameter: use%s%*s",
                       &ngx_http_llm_channel_types[channel->type],
                       channel->type == NGX_HTTP_LLM_CHANNEL_PAGERDUTY
                       ? "" : " a URL,",
                       p - buf, buf);

    return NGX_ERROR;
}


/* What it lacks; and it must not be there already. */

static char *
ngx_http_llm_channel_done(ngx_conf_t *cf, ngx_http_llm_channel_t *channel,
    ngx_array_t *channels)
{
    ngx_uint_t               i;
    ngx_http_llm_channel_t  *other;

    switch (channel->type) {

    case NGX_HTTP_LLM_CHANNEL_EMAIL:

        if (channel->url == NULL || channel->from == NULL
            || channel->to == NULL)
        {
            return "email needs a URL, from= and to=";
        }

        if ((channel->user == NULL) != (channel->password == NULL)) {
            return "email needs both of user= and password_file=, or none";
        }

        if (channel->user) {

            /* it is sent to nobody who could not show a certificate */

            if (channel->starttls == NGX_HTTP_LLM_STARTTLS_OFF
                && ngx_strncmp(channel->url, "smtp://", 7) == 0)
            {
                return "email sends no password in the clear: leave out "
                       "starttls=off";
            }

            channel->starttls = NGX_HTTP_LLM_STARTTLS_REQUIRED;
        }

        break;

    case NGX_HTTP_LLM_CHANNEL_PAGERDUTY:

        if (channel->key == NULL) {
            return "pagerduty needs routing_key_file=";
        }

        if (channel->url == NULL) {
            channel->url = (u_char *) NGX_HTTP_LLM_CHANNEL_PAGER;
        }

        break;

    default:

        if (channel->url == NULL) {
            return "slack and webhook need a URL or url_file=";
        }
    }

    other = channels->elts;

    for (i = 0; i < channels->nelts; i++) {

        if (other[i].zone.len == channel->zone.len
            && ngx_strcmp(other[i].zone.data, channel->zone.data) == 0
            && other[i].name.len == channel->name.len
            && ngx_memcmp(other[i].name.data, channel->name.data,
                          channel->name.len)
               == 0)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "llm_alert has channel \"%V\" of zone \"%V\" "
                               "twice, first in %s:%ui: give it another "
                               "name=", &channel->name, &channel->zone,
                               other[i].file, other[i].line);
            return NGX_CONF_ERROR;
        }
    }

    other = ngx_array_push(channels);
    if (other == NULL) {
        return NGX_CONF_ERROR;
    }

    *other = *channel;

    return NGX_CONF_OK;
}


/* A name that the same line always has, and that tells no secret. */

static ngx_int_t
ngx_http_llm_channel_call(ngx_conf_t *cf, ngx_http_llm_channel_t *channel,
    uint32_t hash)
{
    const ngx_str_t  *type;

    type = &ngx_http_llm_channel_types[channel->type];

    channel->name.data = ngx_pnalloc(cf->pool, type->len + 9);
    if (channel->name.data == NULL) {
        return NGX_ERROR;
    }

    channel->name.len = ngx_sprintf(channel->name.data, "%V-%08xD", type,
                                    hash)
                        - channel->name.data;

    return NGX_OK;
}
