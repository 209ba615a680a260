
/*
 * Copyright (C) the llm_quota authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_llm.h"


/* llm_quota_redis */


#define NGX_HTTP_LLM_REDIS_PREFIX      "llmq"
#define NGX_HTTP_LLM_REDIS_PREFIX_MAX  64
#define NGX_HTTP_LLM_REDIS_RESOLVER    30000     /* ms, nginx's default */


static ngx_int_t ngx_http_llm_redis_param(ngx_conf_t *cf,
    ngx_http_llm_redis_t *redis, ngx_str_t *value);
static ngx_int_t ngx_http_llm_redis_value(ngx_conf_t *cf, ngx_str_t *param,
    ngx_str_t *value);
static ngx_int_t ngx_http_llm_redis_prefix(ngx_conf_t *cf,
    ngx_http_llm_redis_t *redis, ngx_str_t *param);
static ngx_int_t ngx_http_llm_redis_client(ngx_conf_t *cf,
    ngx_http_llm_redis_t *redis);
static ngx_http_llm_quota_t *ngx_http_llm_redis_zone(
    ngx_http_llm_main_conf_t *lmcf, ngx_str_t *name);


char *
ngx_http_llm_quota_redis(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_llm_main_conf_t *lmcf = conf;

    ngx_str_t              *value;
    ngx_uint_t              i;
    ngx_http_llm_redis_t   *redis, **rp;

    redis = ngx_pcalloc(cf->pool, sizeof(ngx_http_llm_redis_t));
    if (redis == NULL) {
        return NGX_CONF_ERROR;
    }

    redis->peer.timeout = NGX_HTTP_LLM_REDIS_TIMEOUT;
    ngx_str_set(&redis->prefix, NGX_HTTP_LLM_REDIS_PREFIX);
    redis->file = cf->conf_file->file.name.data;
    redis->line = cf->conf_file->line;

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {
        if (ngx_http_llm_redis_param(cf, redis, &value[i]) != NGX_OK) {
            return NGX_CONF_ERROR;
        }
    }

    if (redis->zone.len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "llm_quota_redis has no zone=NAME: name what is "
                           "shared");
        return NGX_CONF_ERROR;
    }

    redis->peer.who = redis->zone;

    if (ngx_http_llm_redis_client(cf, redis) != NGX_OK
        || ngx_http_llm_redis_conf_done(cf, &redis->peer) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    rp = ngx_array_push(&lmcf->redis);
    if (rp == NULL) {
        return NGX_CONF_ERROR;
    }

    *rp = redis;

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_llm_redis_param(ngx_conf_t *cf, ngx_http_llm_redis_t *redis,
    ngx_str_t *value)
{
    ngx_int_t  n;
    ngx_str_t  s;

    if (ngx_strncmp(value->data, "zone=", 5) == 0) {
        return ngx_http_llm_redis_value(cf, value, &redis->zone);
    }

    if (ngx_strcmp(value->data, "mode=periodic") == 0) {
        redis->strict = 0;
        return NGX_OK;
    }

    if (ngx_strcmp(value->data, "mode=strict") == 0) {
        redis->strict = 1;
        return NGX_OK;
    }

    if (ngx_strncmp(value->data, "timeout=", 8) == 0) {

        s.data = value->data + 8;
        s.len = value->len - 8;

        n = ngx_parse_time(&s, 0);

        if (n == NGX_ERROR || n == 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "llm_quota_redis has invalid \"%V\": use a "
                               "time of at least 1ms, such as 50ms", value);
            return NGX_ERROR;
        }

        redis->peer.timeout = (ngx_msec_t) n;

        return NGX_OK;
    }

    if (ngx_strncmp(value->data, "password_file=", 14) == 0) {

        if (ngx_http_llm_redis_value(cf, value, &s) != NGX_OK) {
            return NGX_ERROR;
        }

        return ngx_http_llm_redis_conf_password(cf, &redis->peer, &s);
    }

    if (ngx_strncmp(value->data, "ca=", 3) == 0) {
        return ngx_http_llm_redis_value(cf, value, &redis->peer.ca);
    }

    if (ngx_strncmp(value->data, "prefix=", 7) == 0) {
        return ngx_http_llm_redis_prefix(cf, redis, value);
    }

    if (ngx_strncmp(value->data, "sentinel=", 9) == 0) {
        return ngx_http_llm_redis_value(cf, value, &redis->peer.sentinel);
    }

    if (ngx_strlchr(value->data, value->data + value->len, ':')) {
        return ngx_http_llm_redis_conf_address(cf, &redis->peer, value);
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "llm_quota_redis has invalid parameter \"%V\": use "
                       "zone=NAME, redis://[user@]host[:port][/db], "
                       "rediss://..., unix:PATH, mode=periodic, mode=strict, "
                       "timeout=TIME, password_file=FILE, ca=FILE, "
                       "prefix=NAME or sentinel=MASTER", value);
    return NGX_ERROR;
}


static ngx_int_t
ngx_http_llm_redis_value(ngx_conf_t *cf, ngx_str_t *param, ngx_str_t *value)
{
    value->data = (u_char *) ngx_strchr(param->data, '=') + 1;
    value->len = param->data + param->len - value->data;

    if (value->len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "llm_quota_redis has empty \"%V\": say what it is, "
                           "or leave it out", param);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* It stands inside of the braces that keep all keys of a zone on one node. */

static ngx_int_t
ngx_http_llm_redis_prefix(ngx_conf_t *cf, ngx_http_llm_redis_t *redis,
    ngx_str_t *param)
{
    u_char      c;
    ngx_str_t   value;
    ngx_uint_t  i, bad;

    if (ngx_http_llm_redis_value(cf, param, &value) != NGX_OK) {
        return NGX_ERROR;
    }

    bad = (value.len > NGX_HTTP_LLM_REDIS_PREFIX_MAX);

    for (i = 0; i < value.len && !bad; i++) {
        c = value.data[i];
        bad = (c <= ' ' || c > '~' || c == '{' || c == '}');
    }

    if (bad) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "llm_quota_redis has invalid \"%V\": use 1 to %d "
                           "printable characters other than braces", param,
                           NGX_HTTP_LLM_REDIS_PREFIX_MAX);
        return NGX_ERROR;
    }

    redis->prefix = value;

    return NGX_OK;
}


/* Redis takes no blanks in the name of a client. */

static ngx_int_t
ngx_http_llm_redis_client(ngx_conf_t *cf, ngx_http_llm_redis_t *redis)
{
    u_char      *p;
    ngx_str_t   *client;
    ngx_uint_t   i;

    client = &redis->peer.client;

    client->data = ngx_pnalloc(cf->pool, sizeof("llm_quota:") - 1
                                         + redis->zone.len);
    if (client->data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_sprintf(client->data, "llm_quota:%V", &redis->zone);

    client->len = p - client->data;

    for (i = 0; i < client->len; i++) {
        if (client->data[i] <= ' ' || client->data[i] > '~') {
            client->data[i] = '_';
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_llm_redis_done(ngx_conf_t *cf, ngx_http_llm_main_conf_t *lmcf)
{
    ngx_msec_t                  timeout;
    ngx_uint_t                  i;
    ngx_resolver_t             *resolver;
    ngx_http_llm_quota_t       *quota;
    ngx_http_llm_redis_t      **redis;
    ngx_http_core_loc_conf_t   *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    /* locations have not inherited yet */

    timeout = clcf->resolver_timeout;

    if (timeout == NGX_CONF_UNSET_MSEC) {
        timeout = NGX_HTTP_LLM_REDIS_RESOLVER;
    }

    resolver = clcf->resolver;

    /* "resolver off" */

    if (resolver && resolver->connections.nelts == 0) {
        resolver = NULL;
    }

    redis = lmcf->redis.elts;

    for (i = 0; i < lmcf->redis.nelts; i++) {

        quota = ngx_http_llm_redis_zone(lmcf, &redis[i]->zone);

        if (quota == NULL) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "llm_quota_redis has unknown zone \"%V\": make it "
                          "with llm_quota_zone in %s:%ui", &redis[i]->zone,
                          redis[i]->file, redis[i]->line);
            return NGX_ERROR;
        }

        if (quota->state == NULL) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "llm_quota_redis has zone \"%V\", which keeps "
                          "nothing: give its llm_quota_zone a state=DIR in "
                          "%s:%ui", &redis[i]->zone, redis[i]->file,
                          redis[i]->line);
            return NGX_ERROR;
        }

        if (quota->redis) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "llm_quota_redis has zone \"%V\" twice: use one "
                          "Redis for it in %s:%ui", &redis[i]->zone,
                          redis[i]->file, redis[i]->line);
            return NGX_ERROR;
        }

        if (ngx_http_llm_redis_conf_resolve(cf, &redis[i]->peer, resolver,
                                            timeout)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        quota->redis = redis[i];
    }

    return NGX_OK;
}


static ngx_http_llm_quota_t *
ngx_http_llm_redis_zone(ngx_http_llm_main_conf_t *lmcf, ngx_str_t *name)
{
    ngx_uint_t              i;
    ngx_http_llm_quota_t  **quota;

    quota = lmcf->quotas.elts;

    for (i = 0; i < lmcf->quotas.nelts; i++) {
        if (quota[i]->name.len == name->len
            && ngx_strncmp(quota[i]->name.data, name->data, name->len) == 0)
        {
            return quota[i];
        }
    }

    return NULL;
}
