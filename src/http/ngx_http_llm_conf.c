
/*
 * Copyright (C) the llm_quota authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "llm_text.h"
#include "ngx_http_llm.h"


static ngx_int_t ngx_http_llm_zone_size(ngx_conf_t *cf, ngx_str_t *value,
    ngx_str_t *name, ssize_t *size);
static ngx_int_t ngx_http_llm_zone_state(ngx_conf_t *cf,
    ngx_http_llm_quota_t *quota, ngx_str_t *value);
static ngx_http_llm_rows_t *ngx_http_llm_create_rows(ngx_conf_t *cf);
static ngx_http_llm_row_t *ngx_http_llm_add_row(ngx_conf_t *cf,
    ngx_http_llm_rows_t *rows, ngx_str_t *id);


void *
ngx_http_llm_create_main_conf(ngx_conf_t *cf)
{
    ngx_http_llm_main_conf_t  *lmcf;

    lmcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_llm_main_conf_t));
    if (lmcf == NULL) {
        return NULL;
    }

    if (ngx_array_init(&lmcf->quotas, cf->pool, 2,
                       sizeof(ngx_http_llm_quota_t *))
        != NGX_OK)
    {
        return NULL;
    }

    lmcf->catalog = ngx_http_llm_catalog_create(cf);
    if (lmcf->catalog == NULL) {
        return NULL;
    }

    return lmcf;
}


char *
ngx_http_llm_init_main_conf(ngx_conf_t *cf, void *conf)
{
    ngx_http_llm_main_conf_t *lmcf = conf;

    if (ngx_http_llm_catalog_done(cf, lmcf->catalog) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


void *
ngx_http_llm_create_loc_conf(ngx_conf_t *cf)
{
    ngx_http_llm_loc_conf_t  *llcf;

    llcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_llm_loc_conf_t));
    if (llcf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     llcf->rows[] = NULL;
     */

    llcf->quota = NGX_CONF_UNSET_PTR;
    llcf->closed = NGX_CONF_UNSET_UINT;

    llcf->team = NGX_CONF_UNSET_PTR;
    llcf->user = NGX_CONF_UNSET_PTR;
    llcf->customer = NGX_CONF_UNSET_PTR;
    llcf->model = NGX_CONF_UNSET_PTR;
    llcf->note = NGX_CONF_UNSET_PTR;

    llcf->unknown_team = NGX_CONF_UNSET_UINT;
    llcf->opaque = NGX_CONF_UNSET_UINT;
    llcf->unpriced = NGX_CONF_UNSET_UINT;
    llcf->reserve = NGX_CONF_UNSET_UINT;
    llcf->server_tools = NGX_CONF_UNSET_UINT;
    llcf->error_format = NGX_CONF_UNSET_UINT;
    llcf->log_level = NGX_CONF_UNSET_UINT;
    llcf->rate_status = NGX_CONF_UNSET_UINT;
    llcf->budget_status = NGX_CONF_UNSET_UINT;

    llcf->max_output = NGX_CONF_UNSET;
    llcf->inject = NGX_CONF_UNSET;

    llcf->count_cached = NGX_CONF_UNSET;
    llcf->charge_unanswered = NGX_CONF_UNSET;
    llcf->stream_buffering = NGX_CONF_UNSET;
    llcf->dry_run = NGX_CONF_UNSET;
    llcf->headers = NGX_CONF_UNSET;

    return llcf;
}


char *
ngx_http_llm_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_llm_loc_conf_t *prev = parent;
    ngx_http_llm_loc_conf_t *conf = child;

    ngx_uint_t                 i, own;
    ngx_http_core_loc_conf_t  *clcf;

    ngx_conf_merge_ptr_value(conf->quota, prev->quota, NULL);
    ngx_conf_merge_uint_value(conf->closed, prev->closed, 0);

    ngx_conf_merge_ptr_value(conf->team, prev->team, NULL);
    ngx_conf_merge_ptr_value(conf->user, prev->user, NULL);
    ngx_conf_merge_ptr_value(conf->customer, prev->customer, NULL);
    ngx_conf_merge_ptr_value(conf->model, prev->model, NULL);
    ngx_conf_merge_ptr_value(conf->note, prev->note, NULL);

    ngx_conf_merge_uint_value(conf->unknown_team, prev->unknown_team,
                              NGX_HTTP_LLM_AUTO);
    ngx_conf_merge_uint_value(conf->opaque, prev->opaque, NGX_HTTP_LLM_AUTO);
    ngx_conf_merge_uint_value(conf->unpriced, prev->unpriced,
                              NGX_HTTP_LLM_AUTO);
    ngx_conf_merge_uint_value(conf->reserve, prev->reserve,
                              LLM_RESERVE_ESTIMATE);
    ngx_conf_merge_uint_value(conf->server_tools, prev->server_tools,
                              NGX_HTTP_LLM_DENY);
    ngx_conf_merge_uint_value(conf->error_format, prev->error_format,
                              LLM_DIALECT_NONE);
    ngx_conf_merge_uint_value(conf->log_level, prev->log_level,
                              NGX_LOG_NOTICE);
    ngx_conf_merge_uint_value(conf->rate_status, prev->rate_status,
                              NGX_HTTP_TOO_MANY_REQUESTS);
    ngx_conf_merge_uint_value(conf->budget_status, prev->budget_status,
                              NGX_HTTP_FORBIDDEN);

    ngx_conf_merge_value(conf->max_output, prev->max_output, 0);
    ngx_conf_merge_value(conf->inject, prev->inject, 0);

    ngx_conf_merge_value(conf->count_cached, prev->count_cached, 0);
    ngx_conf_merge_value(conf->charge_unanswered, prev->charge_unanswered, 1);
    ngx_conf_merge_value(conf->stream_buffering, prev->stream_buffering, 0);
    ngx_conf_merge_value(conf->dry_run, prev->dry_run, 0);
    ngx_conf_merge_value(conf->headers, prev->headers, 1);

    own = 0;

    for (i = 0; i < LLM_SUBJECT_TYPES; i++) {
        if (conf->rows[i]) {
            own = 1;

        } else {
            conf->rows[i] = prev->rows[i];
        }
    }

    /* limits that nothing enforces are a hole that looks like a wall; outer
       levels may mean them for the locations inside */

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (own && conf->quota == NULL && clcf->name.len
        && clcf->locations == NULL)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "location \"%V\" has llm limits, but no "
                           "\"llm_quota\" is in force there: name a zone with "
                           "\"llm_quota\"", &clcf->name);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


char *
ngx_http_llm_quota_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_llm_main_conf_t *lmcf = conf;

    ssize_t                 size;
    ngx_int_t               n;
    ngx_str_t              *value, name, s;
    ngx_uint_t              i;
    ngx_shm_zone_t         *shm_zone;
    ngx_http_llm_quota_t   *quota, **qp;

    value = cf->args->elts;

    quota = ngx_pcalloc(cf->pool, sizeof(ngx_http_llm_quota_t));
    if (quota == NULL) {
        return NGX_CONF_ERROR;
    }

    quota->zone.clock.calendar.reset_day = 1;

    ngx_str_null(&name);
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

        if (ngx_strncmp(value[i].data, "reset_day=", 10) == 0) {

            n = ngx_atoi(value[i].data + 10, value[i].len - 10);

            if (n < 1 || n > 31) {
                ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                                   "invalid \"%V\": use a day from 1 to 31",
                                   &value[i]);
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
                           "invalid parameter \"%V\": use zone=NAME:SIZE, "
                           "state=DIR, reset_day=N, timezone=utc or "
                           "timezone=local", &value[i]);
        return NGX_CONF_ERROR;
    }

    if (name.len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" must have a \"zone=NAME:SIZE\" parameter",
                           &cmd->name);
        return NGX_CONF_ERROR;
    }

    shm_zone = ngx_shared_memory_add(cf, &name, size,
                                     &ngx_http_llm_quota_module);
    if (shm_zone == NULL) {
        return NGX_CONF_ERROR;
    }

    if (shm_zone->data) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "llm_quota zone \"%V\" is made twice", &name);
        return NGX_CONF_ERROR;
    }

    if (quota->state == NULL) {
        ngx_conf_log_error(NGX_LOG_NOTICE, cf, 0,
                           "llm_quota zone \"%V\" has no \"state=DIR\": what "
                           "it counts is forgotten on restart", &name);
    }

    quota->name = name;
    quota->zone.shm_zone = shm_zone;

    shm_zone->init = ngx_http_llm_zone_init;
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
                           "invalid zone \"%V\": use zone=NAME:SIZE, such as "
                           "zone=main:10m", value);
        return NGX_ERROR;
    }

    name->len = p - name->data;

    s.data = p + 1;
    s.len = value->data + value->len - s.data;

    *size = ngx_parse_size(&s);

    if (*size == NGX_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid zone size \"%V\": use a number with k or "
                           "m, such as 10m", value);
        return NGX_ERROR;
    }

    /* nginx's own pages come off what is asked for */

    if (*size < (ssize_t) (LLM_ZONE_MIN + 16 * ngx_pagesize)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "zone \"%V\" is too small: use at least 512k",
                           value);
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
                           "\"state=\" is empty: name a directory");
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
                               "the directory \"%V\" is used already: each "
                               "zone needs a \"state=\" of its own", &name);
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


char *
ngx_http_llm_quota(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_llm_loc_conf_t *llcf = conf;

    ngx_str_t                 *value;
    ngx_http_llm_main_conf_t  *lmcf;

    if (llcf->quota != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "off") == 0) {
        llcf->quota = NULL;
        return cf->args->nelts == 2 ? NGX_CONF_OK : "off takes no parameter";
    }

    if (cf->args->nelts == 3) {

        if (ngx_strcmp(value[2].data, "fail=open") == 0) {
            llcf->closed = 0;

        } else if (ngx_strcmp(value[2].data, "fail=closed") == 0) {
            llcf->closed = 1;

        } else {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\": use fail=open or "
                               "fail=closed", &value[2]);
            return NGX_CONF_ERROR;
        }

    } else {
        llcf->closed = 0;
    }

    /* the zone may be made further down; nginx complains if it never is */

    llcf->quota = ngx_shared_memory_add(cf, &value[1], 0,
                                        &ngx_http_llm_quota_module);
    if (llcf->quota == NULL) {
        return NGX_CONF_ERROR;
    }

    lmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_llm_quota_module);
    lmcf->used = 1;

    return NGX_CONF_OK;
}


/* cmd->post is the subject's type; the global limit takes no ID. */

char *
ngx_http_llm_limit(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_llm_loc_conf_t *llcf = conf;

    const char           *error;
    ngx_str_t            *value, id;
    ngx_uint_t            i, type;
    ngx_http_llm_row_t   *row;
    ngx_http_llm_rows_t  *rows;

    value = cf->args->elts;
    type = (ngx_uint_t) (uintptr_t) cmd->post;

    rows = llcf->rows[type];

    if (rows == NULL) {
        rows = ngx_http_llm_create_rows(cf);
        if (rows == NULL) {
            return NGX_CONF_ERROR;
        }

        llcf->rows[type] = rows;
    }

    if (type == LLM_SUBJECT_GLOBAL) {
        ngx_str_set(&id, "default");
        i = 1;

    } else {
        id = value[1];
        i = 2;

        if (!llm_text_is_id(id.data, id.len)) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid ID \"%V\": use 1 to %d printable "
                               "bytes", &id, LLM_ID_MAX);
            return NGX_CONF_ERROR;
        }

        if (cf->args->nelts < 3) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"%V %V\" has no limit, such as rpm=60",
                               &cmd->name, &id);
            return NGX_CONF_ERROR;
        }
    }

    row = ngx_http_llm_add_row(cf, rows, &id);
    if (row == NULL) {
        return NGX_CONF_ERROR;
    }

    for ( /* void */ ; i < cf->args->nelts; i++) {
        error = llm_row_param(&row->row, value[i].data, value[i].len);

        if (error) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"%V\" in \"%V\" %s", &value[i], &cmd->name,
                               error);
            return NGX_CONF_ERROR;
        }
    }

    llm_row_done(&row->row);

    return NGX_CONF_OK;
}


static ngx_http_llm_rows_t *
ngx_http_llm_create_rows(ngx_conf_t *cf)
{
    ngx_http_llm_rows_t  *rows;

    rows = ngx_pcalloc(cf->pool, sizeof(ngx_http_llm_rows_t));
    if (rows == NULL) {
        return NULL;
    }

    ngx_rbtree_init(&rows->tree, &rows->sentinel, ngx_str_rbtree_insert_value);

    return rows;
}


static ngx_http_llm_row_t *
ngx_http_llm_add_row(ngx_conf_t *cf, ngx_http_llm_rows_t *rows, ngx_str_t *id)
{
    uint32_t             hash;
    ngx_uint_t           duplicate;
    ngx_http_llm_row_t  *row;

    row = ngx_palloc(cf->pool, sizeof(ngx_http_llm_row_t));
    if (row == NULL) {
        return NULL;
    }

    llm_row_init(&row->row);

    if (ngx_strcmp(id->data, "default") == 0) {
        duplicate = (rows->other != NULL);
        rows->other = row;

    } else {
        hash = ngx_murmur_hash2(id->data, id->len);
        duplicate = (ngx_str_rbtree_lookup(&rows->tree, id, hash) != NULL);

        row->sn.node.key = hash;
        row->sn.str = *id;

        ngx_rbtree_insert(&rows->tree, &row->sn.node);
        rows->nrows++;
    }

    if (duplicate) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "duplicate limits of \"%V\": put them in one line",
                           id);
        return NULL;
    }

    return row;
}


const llm_row_t *
ngx_http_llm_find_row(ngx_http_llm_rows_t *rows, ngx_str_t *id,
    ngx_uint_t *own)
{
    ngx_str_node_t  *sn;

    *own = 0;

    if (rows == NULL) {
        return NULL;
    }

    if (rows->nrows) {
        sn = ngx_str_rbtree_lookup(&rows->tree, id,
                                   ngx_murmur_hash2(id->data, id->len));
        if (sn) {
            *own = 1;
            return &((ngx_http_llm_row_t *) sn)->row;
        }
    }

    return rows->other ? &rows->other->row : NULL;
}


char *
ngx_http_llm_max_output(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_llm_loc_conf_t *llcf = conf;

    ngx_str_t  *value;

    if (llcf->max_output != NGX_CONF_UNSET) {
        return "is duplicate";
    }

    value = cf->args->elts;
    llcf->inject = 0;

    if (ngx_strcmp(value[1].data, "off") == 0) {
        llcf->max_output = 0;
        return cf->args->nelts == 2 ? NGX_CONF_OK : "off takes no parameter";
    }

    llcf->max_output = ngx_atoi(value[1].data, value[1].len);

    if (llcf->max_output < 1 || llcf->max_output > 100000000) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid number of tokens \"%V\": use 1 to "
                           "100000000, or off", &value[1]);
        return NGX_CONF_ERROR;
    }

    if (cf->args->nelts == 3) {

        if (ngx_strcmp(value[2].data, "inject") != 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\": only \"inject\" is "
                               "known", &value[2]);
            return NGX_CONF_ERROR;
        }

        llcf->inject = 1;
    }

    return NGX_CONF_OK;
}


char *
ngx_http_llm_price(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_llm_main_conf_t *lmcf = conf;

    return ngx_http_llm_catalog_price(cf, lmcf->catalog);
}


char *
ngx_http_llm_price_file(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_llm_main_conf_t *lmcf = conf;

    return ngx_http_llm_catalog_file(cf, lmcf->catalog);
}
