
/*
 * Copyright (C) the llm_quota authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "llm_message.h"
#include "llm_text.h"
#include "ngx_http_llm_channel_param.h"


#define NGX_HTTP_LLM_CHANNEL_LONGEST  60000      /* ms */
#define NGX_HTTP_LLM_CHANNEL_FILE     4096       /* bytes of one with a
                                                    secret */


static ngx_int_t ngx_http_llm_channel_file(ngx_conf_t *cf, ngx_str_t *name,
    ngx_str_t *text);
static ngx_int_t ngx_http_llm_channel_read(ngx_conf_t *cf, ngx_str_t *name,
    ngx_fd_t fd, ngx_str_t *text);


/* What is wrong with a URL is told without it: it may be a secret. */

ngx_int_t
ngx_http_llm_channel_url(ngx_conf_t *cf, ngx_http_llm_channel_t *channel,
    ngx_str_t *value)
{
    char        *user, *path;
    CURLU       *url;
    ngx_int_t    rc;
    ngx_uint_t   mail, good;

    if (channel->url) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "llm_alert has two URLs");
        return NGX_ERROR;
    }

    channel->url = value->data;

    mail = (channel->type == NGX_HTTP_LLM_CHANNEL_EMAIL);

    good = mail ? ngx_strncmp(value->data, "smtp://", 7) == 0
                  || ngx_strncmp(value->data, "smtps://", 8) == 0
                : ngx_strncmp(value->data, "http://", 7) == 0
                  || ngx_strncmp(value->data, "https://", 8) == 0;

    rc = NGX_OK;
    user = NULL;
    path = NULL;
    url = curl_url();

    if (!good
        || url == NULL
        || curl_url_set(url, CURLUPART_URL, (char *) value->data, 0)
           != CURLUE_OK)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "llm_alert has an invalid URL: use %s",
                           mail ? "smtp://host:port or smtps://host:port"
                                : "https://host/path or http://host/path");
        rc = NGX_ERROR;

    } else if (mail) {

        (void) curl_url_get(url, CURLUPART_USER, &user, 0);
        (void) curl_url_get(url, CURLUPART_PATH, &path, 0);

        if (user || (path && path[0] && path[1])) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "llm_alert has an invalid URL: a mail "
                               "server's has no path and no user, which are "
                               "user= and password_file=");
            rc = NGX_ERROR;
        }

        curl_free(user);
        curl_free(path);
    }

    curl_url_cleanup(url);

    return rc;
}


ngx_int_t
ngx_http_llm_channel_url_file(ngx_conf_t *cf, ngx_http_llm_channel_t *channel,
    ngx_str_t *value)
{
    ngx_str_t  text;

    if (ngx_http_llm_channel_file(cf, value, &text) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_llm_channel_url(cf, channel, &text);
}


ngx_int_t
ngx_http_llm_channel_secret(ngx_conf_t *cf, ngx_http_llm_channel_t *channel,
    ngx_str_t *value)
{
    return ngx_http_llm_channel_file(cf, value, &channel->secret);
}


ngx_int_t
ngx_http_llm_channel_key(ngx_conf_t *cf, ngx_http_llm_channel_t *channel,
    ngx_str_t *value)
{
    ngx_str_t  text;

    if (ngx_http_llm_channel_file(cf, value, &text) != NGX_OK) {
        return NGX_ERROR;
    }

    channel->key = text.data;

    return NGX_OK;
}


ngx_int_t
ngx_http_llm_channel_password(ngx_conf_t *cf, ngx_http_llm_channel_t *channel,
    ngx_str_t *value)
{
    ngx_str_t  text;

    if (ngx_http_llm_channel_file(cf, value, &text) != NGX_OK) {
        return NGX_ERROR;
    }

    channel->password = text.data;

    return NGX_OK;
}


ngx_int_t
ngx_http_llm_channel_user(ngx_conf_t *cf, ngx_http_llm_channel_t *channel,
    ngx_str_t *value)
{
    channel->user = value->data;

    return NGX_OK;
}


ngx_int_t
ngx_http_llm_channel_from(ngx_conf_t *cf, ngx_http_llm_channel_t *channel,
    ngx_str_t *value)
{
    if (!llm_message_is_address(value->data, value->len)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "llm_alert has invalid \"from=%V\": use an "
                           "address, such as from=llm@example.com", value);
        return NGX_ERROR;
    }

    channel->from = value->data;

    return NGX_OK;
}


ngx_int_t
ngx_http_llm_channel_to(ngx_conf_t *cf, ngx_http_llm_channel_t *channel,
    ngx_str_t *value)
{
    u_char      *p, *end, *last;
    const char **recipient;

    if (ngx_array_init(&channel->recipients, cf->pool, 4,
                       sizeof(const char *))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    channel->to = value->data;

    last = value->data + value->len;

    for (p = value->data; p <= last; p = end + 1) {

        end = ngx_strlchr(p, last, ',');

        if (end == NULL) {
            end = last;
        }

        if (!llm_message_is_address(p, end - p)) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "llm_alert has invalid \"to=%V\": use "
                               "addresses with commas in between, such as "
                               "to=ops@example.com,cfo@example.com", value);
            return NGX_ERROR;
        }

        recipient = ngx_array_push(&channel->recipients);
        if (recipient == NULL) {
            return NGX_ERROR;
        }

        *recipient = (char *) ngx_pnalloc(cf->pool, end - p + 1);
        if (*recipient == NULL) {
            return NGX_ERROR;
        }

        (void) ngx_cpystrn((u_char *) *recipient, p, end - p + 1);
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_llm_channel_starttls(ngx_conf_t *cf, ngx_http_llm_channel_t *channel,
    ngx_str_t *value)
{
    if (ngx_strcmp(value->data, "auto") == 0) {
        channel->starttls = NGX_HTTP_LLM_STARTTLS_AUTO;

    } else if (ngx_strcmp(value->data, "required") == 0) {
        channel->starttls = NGX_HTTP_LLM_STARTTLS_REQUIRED;

    } else if (ngx_strcmp(value->data, "off") == 0) {
        channel->starttls = NGX_HTTP_LLM_STARTTLS_OFF;

    } else {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "llm_alert has invalid \"starttls=%V\": use auto, "
                           "required or off", value);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* That it is there is known before the first alert. */

ngx_int_t
ngx_http_llm_channel_ca(ngx_conf_t *cf, ngx_http_llm_channel_t *channel,
    ngx_str_t *value)
{
    ngx_file_info_t  fi;

    if (ngx_conf_full_name(cf->cycle, value, 1) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_file_info(value->data, &fi) == NGX_FILE_ERROR
        || !ngx_is_file(&fi))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "llm_alert has no certificates in \"ca=%V\"",
                           value);
        return NGX_ERROR;
    }

    channel->ca = value->data;

    return NGX_OK;
}


ngx_int_t
ngx_http_llm_channel_events(ngx_conf_t *cf, ngx_http_llm_channel_t *channel,
    ngx_str_t *value)
{
    u_char             *p, *end, *last, names[512];
    ngx_uint_t          i;
    llm_alert_event_e   event;

    if (ngx_strcmp(value->data, "all") == 0) {
        channel->events = (1U << LLM_ALERT_EVENTS) - 1;
        return NGX_OK;
    }

    channel->events = 0;

    last = value->data + value->len;

    for (p = value->data; p <= last; p = end + 1) {

        end = ngx_strlchr(p, last, ',');

        if (end == NULL) {
            end = last;
        }

        if (llm_alert_event_parse(p, end - p, &event) != 0
            || event == LLM_ALERT_TEST)
        {
            p = names;

            for (i = 0; i < LLM_ALERT_TEST; i++) {
                p = ngx_slprintf(p, names + sizeof(names), " %s",
                                 llm_alert_event_name(i));
            }

            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "llm_alert has invalid \"events=%V\": use all "
                               "or some, with commas in between, of%*s",
                               value, p - names, names);
            return NGX_ERROR;
        }

        channel->events |= 1U << event;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_llm_channel_severity(ngx_conf_t *cf, ngx_http_llm_channel_t *channel,
    ngx_str_t *value)
{
    if (ngx_strcmp(value->data, "critical") == 0) {
        channel->severity = LLM_ALERT_CRITICAL;

    } else if (ngx_strcmp(value->data, "warning") == 0) {
        channel->severity = LLM_ALERT_WARNING;

    } else {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "llm_alert has invalid \"severity=%V\": use "
                           "warning, for all alerts, or critical", value);
        return NGX_ERROR;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_llm_channel_near(ngx_conf_t *cf, ngx_http_llm_channel_t *channel,
    ngx_str_t *value)
{
    ngx_int_t  n;

    n = NGX_ERROR;

    if (value->data[value->len - 1] == '%') {
        n = ngx_atoi(value->data, value->len - 1);
    }

    if (n < 1 || n > 99) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "llm_alert has invalid \"near=%V\": use 1%% to "
                           "99%%", value);
        return NGX_ERROR;
    }

    channel->near = n;

    return NGX_OK;
}


ngx_int_t
ngx_http_llm_channel_timeout(ngx_conf_t *cf, ngx_http_llm_channel_t *channel,
    ngx_str_t *value)
{
    ngx_int_t  n;

    n = ngx_parse_time(value, 0);

    if (n == NGX_ERROR || n < 100 || n > NGX_HTTP_LLM_CHANNEL_LONGEST) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "llm_alert has invalid \"timeout=%V\": use 100ms "
                           "to 60s", value);
        return NGX_ERROR;
    }

    channel->timeout = n;

    return NGX_OK;
}


ngx_int_t
ngx_http_llm_channel_name(ngx_conf_t *cf, ngx_http_llm_channel_t *channel,
    ngx_str_t *value)
{
    if (!llm_text_is_id(value->data, value->len)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "llm_alert has invalid name: use 1 to %d printable "
                           "bytes", LLM_ID_MAX);
        return NGX_ERROR;
    }

    channel->name = *value;

    return NGX_OK;
}


/* The text of a file without the line's end, with a NUL behind it. */

static ngx_int_t
ngx_http_llm_channel_file(ngx_conf_t *cf, ngx_str_t *name, ngx_str_t *text)
{
    ngx_fd_t   fd;
    ngx_int_t  rc;

    if (ngx_conf_full_name(cf->cycle, name, 1) != NGX_OK) {
        return NGX_ERROR;
    }

    fd = ngx_open_file(name->data, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "llm_alert: " ngx_open_file_n " \"%V\" failed",
                           name);
        return NGX_ERROR;
    }

    rc = ngx_http_llm_channel_read(cf, name, fd, text);

    (void) ngx_close_file(fd);

    return rc;
}


static ngx_int_t
ngx_http_llm_channel_read(ngx_conf_t *cf, ngx_str_t *name, ngx_fd_t fd,
    ngx_str_t *text)
{
    size_t           i;
    ssize_t          n;
    ngx_file_info_t  fi;

    text->data = ngx_pcalloc(cf->pool, NGX_HTTP_LLM_CHANNEL_FILE + 1);
    if (text->data == NULL) {
        return NGX_ERROR;
    }

    n = ngx_read_fd(fd, text->data, NGX_HTTP_LLM_CHANNEL_FILE);

    if (n == -1 || ngx_fd_info(fd, &fi) == NGX_FILE_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "llm_alert cannot read \"%V\"", name);
        return NGX_ERROR;
    }

    while (n && (text->data[n - 1] == LF || text->data[n - 1] == CR)) {
        text->data[--n] = '\0';
    }

    text->len = n;

    for (i = 0; i < text->len; i++) {
        if (text->data[i] < ' ' || text->data[i] == 0x7f) {
            break;
        }
    }

    if (n == 0 || n == NGX_HTTP_LLM_CHANNEL_FILE || i < text->len) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "llm_alert wants one line of text in \"%V\"",
                           name);
        return NGX_ERROR;
    }

    if (fi.st_mode & S_IRWXO) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "llm_alert has a secret in \"%V\", which "
                           "everybody on this machine may read or write: "
                           "chmod o= it", name);
    }

    return NGX_OK;
}
