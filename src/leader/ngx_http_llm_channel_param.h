
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _NGX_HTTP_LLM_CHANNEL_PARAM_H_INCLUDED_
#define _NGX_HTTP_LLM_CHANNEL_PARAM_H_INCLUDED_


#include "ngx_http_llm_channel.h"


/*
 * The parameters of llm_alert: each takes what stands behind its name, which
 * is not empty, and says itself what is wrong with it.  Files are read here,
 * by the master, which may read what its workers may not.
 */

typedef ngx_int_t (*ngx_http_llm_channel_param_pt)(ngx_conf_t *cf,
    ngx_http_llm_channel_t *channel, ngx_str_t *value);


ngx_int_t ngx_http_llm_channel_url(ngx_conf_t *cf,
    ngx_http_llm_channel_t *channel, ngx_str_t *value);
ngx_int_t ngx_http_llm_channel_url_file(ngx_conf_t *cf,
    ngx_http_llm_channel_t *channel, ngx_str_t *value);
ngx_int_t ngx_http_llm_channel_secret(ngx_conf_t *cf,
    ngx_http_llm_channel_t *channel, ngx_str_t *value);
ngx_int_t ngx_http_llm_channel_key(ngx_conf_t *cf,
    ngx_http_llm_channel_t *channel, ngx_str_t *value);
ngx_int_t ngx_http_llm_channel_password(ngx_conf_t *cf,
    ngx_http_llm_channel_t *channel, ngx_str_t *value);
ngx_int_t ngx_http_llm_channel_user(ngx_conf_t *cf,
    ngx_http_llm_channel_t *channel, ngx_str_t *value);
ngx_int_t ngx_http_llm_channel_from(ngx_conf_t *cf,
    ngx_http_llm_channel_t *channel, ngx_str_t *value);
ngx_int_t ngx_http_llm_channel_to(ngx_conf_t *cf,
    ngx_http_llm_channel_t *channel, ngx_str_t *value);
ngx_int_t ngx_http_llm_channel_starttls(ngx_conf_t *cf,
    ngx_http_llm_channel_t *channel, ngx_str_t *value);
ngx_int_t ngx_http_llm_channel_ca(ngx_conf_t *cf,
    ngx_http_llm_channel_t *channel, ngx_str_t *value);
ngx_int_t ngx_http_llm_channel_events(ngx_conf_t *cf,
    ngx_http_llm_channel_t *channel, ngx_str_t *value);
ngx_int_t ngx_http_llm_channel_severity(ngx_conf_t *cf,
    ngx_http_llm_channel_t *channel, ngx_str_t *value);
ngx_int_t ngx_http_llm_channel_near(ngx_conf_t *cf,
    ngx_http_llm_channel_t *channel, ngx_str_t *value);
ngx_int_t ngx_http_llm_channel_timeout(ngx_conf_t *cf,
    ngx_http_llm_channel_t *channel, ngx_str_t *value);
ngx_int_t ngx_http_llm_channel_name(ngx_conf_t *cf,
    ngx_http_llm_channel_t *channel, ngx_str_t *value);


#endif /* _NGX_HTTP_LLM_CHANNEL_PARAM_H_INCLUDED_ */
