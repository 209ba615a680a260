
/*
 * Copyright (C) the llm_quota authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_llm.h"


/* llm_quota_zone */


#define NGX_HTTP_LLM_SEGMENT      (64 * 1024 * 1024)
#define NGX_HTTP_LLM_SEGMENT_MIN  (64 * 1024)
#define NGX_HTTP_LLM_SYNC         200
#define NGX_HTTP_LLM_SYNC_MIN     10
#define NGX_HTTP_LLM_FSYNC        1000
#define NGX_HTTP_LLM_RETAIN       (7 * 24 * 3600)


static ngx_int_t ngx_http_llm_zone_size(ngx_conf_t *cf, ngx_str_t *value,
    ngx_str_t *name, ssize_t *size);
static ngx_int_t ngx_http_llm_init_zone(ngx_shm_zone_t *shm_zone, void *data);
static ngx_int_t ngx_http_llm_zone_state(ngx_conf_t *cf,
    ngx_http_llm_quota_t *quota, ngx_str_t *value);
static ngx_int_t ngx_http_llm_zone_time(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t is_sec, ngx_int_t least, ngx_int_t *time);


char *
ngx_http_llm_quota_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_llm_main_conf_t *lmcf = conf;

    ssize_t                 size, segment;
    ngx_int_t               n;
    ngx_str_t              *value, name, s, threads;
    ngx_time_t             *tp;
    ngx_uint_t              i;
    ngx_shm_zone_t         *shm_zone;
    ngx_http_llm_quota_t   *quota, **qp;

    value = cf->args->elts;

    quota = ngx_pcalloc(cf->pool, sizeof(ngx_http_llm_quota_t));
    if (quota == NULL) {
        return NGX_CONF_ERROR;
    }

    quota->zone.clock.calendar.reset_day = 1;
    quota->ledger.size = NGX_HTTP_LLM_SEGMENT;
    quota->sync = NGX_HTTP_LLM_SYNC;
    quota->fsync = NGX_HTTP_LLM_FSYNC;
    quota->retain = NGX_HTTP_LLM_RETAIN;
    quota->limited = &lmcf->kept;

    ngx_str_null(&name);
    ngx_str_null(&threads);
    size = 0;

    for (i = 1; i < cf->args->nelts; i++) {

        if (ngx_strncmp(value[i].data, "zone=", 5) == 0) {

            if (ngx_http_llm_zone_size(cf, &value[i], &name, &size)
                != NGX_OK)
            {
                return NGX_CONF_ERROR;
            }

            continue;
        }

        if (ngx_strncmp(value[i].data, "state=", 6) == 0) {

            s.data = value[i].data + 6;
            s.len = value[i].len - 6;

            if (ngx_http_llm_zone_state(cf, quota, &s) != NGX_OK) {
                return NGX_CONF_ERROR;
            }

            continue;
        }

        if (ngx_strncmp(value[i].data, "segment=", 8) == 0) {

            s.data = value[i].data + 8;
            s.len = value[i].len - 8;

            segment = ngx_parse_size(&s);

            if (segment < NGX_HTTP_LLM_SEGMENT_MIN) {
                ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                                   "llm_quota_zone has invalid \"%V\": use a "
                                   "size of at least 64k", &value[i]);
                return NGX_CONF_ERROR;
            }

            quota->ledger.size = segment;

            continue;
        }

        if (ngx_strncmp(value[i].data, "sync=", 5) == 0) {

            if (ngx_http_llm_zone_time(cf, &value[i], 0,
                                       NGX_HTTP_LLM_SYNC_MIN, &n)
                != NGX_OK)
            {
                return NGX_CONF_ERROR;
            }

            quota->sync = n;

            continue;
        }

        if (ngx_strcmp(value[i].data, "fsync=off") == 0) {
            quota->fsync = 0;
            continue;
        }

        if (ngx_strncmp(value[i].data, "fsync=", 6) == 0) {

            if (ngx_http_llm_zone_time(cf, &value[i], 0,
                                       NGX_HTTP_LLM_SYNC_MIN, &n)
                != NGX_OK)
            {
                return NGX_CONF_ERROR;
            }

            quota->fsync = n;

            continue;
        }

        if (ngx_strncmp(value[i].data, "retain=", 7) == 0) {

            if (ngx_http_llm_zone_time(cf, &value[i], 1, 1, &n) != NGX_OK) {
                return NGX_CONF_ERROR;
            }

            quota->retain = n;

            continue;
        }

        if (ngx_strncmp(value[i].data, "threads=", 8) == 0) {

            threads.data = value[i].data + 8;
            threads.len = value[i].len - 8;

            if (threads.len == 0) {
                ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                                   "llm_quota_zone has empty \"threads=\": "
                                   "name a thread_pool");
                return NGX_CONF_ERROR;
            }

            continue;
        }

        if (ngx_strncmp(value[i].data, "reset_day=", 10) == 0) {

            n = ngx_atoi(value[i].data + 10, value[i].len - 10);

            if (n < 1 || n > 31) {
                ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                                   "llm_quota_zone has invalid \"%V\": use a "
                                   "day from 1 to 31", &value[i]);
                return NGX_CONF_ERROR;
            }

            quota->zone.clock.calendar.reset_day = n;

            continue;
        }

        if (ngx_strcmp(value[i].data, "timezone=utc") == 0) {
            quota->zone.clock.calendar.local = 0;
            continue;
        }

        if (ngx_strcmp(value[i].data, "timezone=local") == 0) {
            quota->zone.clock.calendar.local = 1;
            continue;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "llm_quota_zone has invalid parameter \"%V\": use "
                           "zone=NAME:SIZE, state=DIR, sync=TIME, "
                           "fsync=TIME, fsync=off, segment=SIZE, "
                           "retain=TIME, reset_day=N, timezone=utc, "
                           "timezone=local or threads=NAME", &value[i]);
        return NGX_CONF_ERROR;
    }

    if (name.len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "llm_quota_zone has no zone=NAME:SIZE, such as "
                           "zone=main:10m");
        return NGX_CONF_ERROR;
    }

    shm_zone = ngx_shared_memory_add(cf, &name, size,
                                     &ngx_http_llm_quota_module);
    if (shm_zone == NULL) {
        return NGX_CONF_ERROR;
    }

    if (shm_zone->data) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "llm_quota_zone \"%V\" is made twice", &name);
        return NGX_CONF_ERROR;
    }

    if (quota->state == NULL) {
        ngx_conf_log_error(NGX_LOG_NOTICE, cf, 0,
                           "llm_quota zone \"%V\" has no \"state=DIR\": what "
                           "it counts is forgotten on restart", &name);
    }

    if (quota->state) {
        quota->store.name = name;
        quota->store.pool = ngx_http_llm_store_threads(cf, &threads);

        if (quota->store.pool == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    tp = ngx_timeofday();

    quota->name = name;
    quota->read = (int64_t) tp->sec * 1000 + tp->msec;
    quota->zone.shm_zone = shm_zone;

    shm_zone->init = ngx_http_llm_init_zone;
    shm_zone->data = &quota->zone;

    qp = ngx_array_push(&lmcf->quotas);
    if (qp == NULL) {
        return NGX_CONF_ERROR;
    }

    *qp = quota;

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_llm_zone_size(ngx_conf_t *cf, ngx_str_t *value, ngx_str_t *name,
    ssize_t *size)
{
    u_char     *p;
    ngx_str_t   s;

    name->data = value->data + 5;

    p = (u_char *) ngx_strchr(name->data, ':');

    if (p == NULL || p == name->data) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "llm_quota_zone has invalid \"%V\": use "
                           "zone=NAME:SIZE, such as zone=main:10m", value);
        return NGX_ERROR;
    }

    name->len = p - name->data;

    s.data = p + 1;
    s.len = value->data + value->len - s.data;

    *size = ngx_parse_size(&s);

    if (*size == NGX_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "llm_quota_zone has invalid size in \"%V\": use a "
                           "number with k or m, such as 10m", value);
        return NGX_ERROR;
    }

    /* nginx's own pages come off what is asked for */

    if (*size < (ssize_t) (LLM_ZONE_MIN + 16 * ngx_pagesize)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "llm_quota_zone \"%V\" is too small: use at least "
                           "512k", value);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_zone_state(ngx_conf_t *cf, ngx_http_llm_quota_t *quota,
    ngx_str_t *value)
{
    u_char      *p;
    ngx_str_t    name;
    ngx_uint_t   i;
    ngx_path_t  *path, **paths;

    if (value->len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "llm_quota_zone has empty \"state=\": name a "
                           "directory");
        return NGX_ERROR;
    }

    name = *value;

    while (name.len > 1 && name.data[name.len - 1] == '/') {
        name.len--;
        name.data[name.len] = '\0';
    }

    if (ngx_conf_full_name(cf->cycle, &name, 0) != NGX_OK) {
        return NGX_ERROR;
    }

    paths = cf->cycle->paths.elts;

    for (i = 0; i < cf->cycle->paths.nelts; i++) {
        if (paths[i]->name.len == name.len
            && ngx_strcmp(paths[i]->name.data, name.data) == 0)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "llm_quota_zone has directory \"%V\", which is "
                               "used already: each zone needs one of its own",
                               &name);
            return NGX_ERROR;
        }
    }

    path = ngx_pcalloc(cf->pool, sizeof(ngx_path_t));
    if (path == NULL) {
        return NGX_ERROR;
    }

    path->name = name;
    path->conf_file = cf->conf_file->file.name.data;
    path->line = cf->conf_file->line;

    if (ngx_add_path(cf, &path) != NGX_OK) {
        return NGX_ERROR;
    }

    p = ngx_pnalloc(cf->pool, name.len + 2);
    if (p == NULL) {
        return NGX_ERROR;
    }

    quota->state = path;
    quota->ledger.directory.data = p;
    quota->ledger.directory.len = name.len + 1;

    p = ngx_cpymem(p, name.data, name.len);
    *p++ = '/';
    *p = '\0';

    return NGX_OK;
}


/* NAME=TIME, in seconds or in milliseconds. */

static ngx_int_t
ngx_http_llm_zone_time(ngx_conf_t *cf, ngx_str_t *value, ngx_uint_t is_sec,
    ngx_int_t least, ngx_int_t *time)
{
    ngx_str_t  s;

    s.data = (u_char *) ngx_strchr(value->data, '=') + 1;
    s.len = value->data + value->len - s.data;

    *time = ngx_parse_time(&s, is_sec);

    if (*time == NGX_ERROR || *time < least) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "llm_quota_zone has invalid \"%V\": use a time of "
                           "at least %i%s, such as %s", value, least,
                           is_sec ? "s" : "ms", is_sec ? "7d" : "200ms");
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* A test of the configuration touches no state.  Whatever fails here leaves
   the cycle before as it was. */

static ngx_int_t
ngx_http_llm_init_zone(ngx_shm_zone_t *shm_zone, void *data)
{
    ngx_http_llm_quota_t  *quota;

    quota = shm_zone->data;

    if (quota->state && !ngx_test_config
        && ngx_http_llm_ledger_lock(&quota->ledger.directory,
                                    shm_zone->shm.log)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    quota->reused = (data != NULL);

    return ngx_http_llm_zone_init(shm_zone, data);
}


ngx_int_t
ngx_http_llm_init_module(ngx_cycle_t *cycle)
{
    if (!ngx_test_config) {
        ngx_log_error(NGX_LOG_NOTICE, cycle->log, 0,
                      "LLM quota module " NGX_HTTP_LLM_VERSION);

        ngx_http_llm_ledger_unlock_unused();
    }

    return NGX_OK;
}
