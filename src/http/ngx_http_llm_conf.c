
/*
 * Copyright (C) the llm_quota authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_llm.h"


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
        != NGX_OK
        || ngx_array_init(&lmcf->redis, cf->pool, 2,
                          sizeof(ngx_http_llm_redis_t *))
           != NGX_OK
        || ngx_array_init(&lmcf->places, cf->pool, 16,
                          sizeof(ngx_http_llm_place_t))
           != NGX_OK
        || ngx_array_init(&lmcf->groups, cf->pool, 4,
                          sizeof(ngx_http_llm_group_t))
           != NGX_OK
        || ngx_array_init(&lmcf->lists, cf->pool, 4,
                          sizeof(ngx_http_llm_list_t))
           != NGX_OK
        || ngx_array_init(&lmcf->priorities, cf->pool, 4,
                          sizeof(ngx_http_llm_priority_t))
           != NGX_OK
        || ngx_array_init(&lmcf->ranked, cf->pool, 4,
                          sizeof(ngx_http_llm_list_t))
           != NGX_OK
        || ngx_array_init(&lmcf->labels, cf->pool, LLM_LINE_LABELS,
                          sizeof(ngx_http_llm_label_t))
           != NGX_OK)
    {
        return NULL;
    }

    llm_kept_init(&lmcf->kept);

    lmcf->catalog = ngx_http_llm_catalog_create(cf);
    if (lmcf->catalog == NULL) {
        return NULL;
    }

    lmcf->keys = ngx_http_llm_keys_create(cf);
    if (lmcf->keys == NULL) {
        return NULL;
    }

    return lmcf;
}


char *
ngx_http_llm_init_main_conf(ngx_conf_t *cf, void *conf)
{
    ngx_http_llm_main_conf_t *lmcf = conf;

    if (ngx_http_llm_catalog_done(cf, lmcf->catalog) != NGX_OK
        || ngx_http_llm_models_done(cf, lmcf) != NGX_OK
        || ngx_http_llm_share_done(cf, lmcf) != NGX_OK
        || ngx_http_llm_redis_done(cf, lmcf) != NGX_OK)
    {
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
     *     llcf->outer = NULL;
     *     llcf->enforced = 0;
     *     llcf->admin = NULL;
     */

    llcf->quota = NGX_CONF_UNSET_PTR;
    llcf->closed = NGX_CONF_UNSET_UINT;

    llcf->team = NGX_CONF_UNSET_PTR;
    llcf->user = NGX_CONF_UNSET_PTR;
    llcf->customer = NGX_CONF_UNSET_PTR;
    llcf->model = NGX_CONF_UNSET_PTR;
    llcf->note = NGX_CONF_UNSET_PTR;

    llcf->keys = NGX_CONF_UNSET_UINT;
    llcf->unknown_team = NGX_CONF_UNSET_UINT;
    llcf->opaque = NGX_CONF_UNSET_UINT;
    llcf->unpriced = NGX_CONF_UNSET_UINT;
    llcf->reserve = NGX_CONF_UNSET_UINT;
    llcf->stream_usage = NGX_CONF_UNSET_UINT;
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
    llcf->cutoff = NGX_CONF_UNSET;
    llcf->dry_run = NGX_CONF_UNSET;
    llcf->headers = NGX_CONF_UNSET;

    return llcf;
}


char *
ngx_http_llm_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_llm_loc_conf_t *prev = parent;
    ngx_http_llm_loc_conf_t *conf = child;

    ngx_uint_t                i;
    ngx_http_llm_loc_conf_t  *level;

    ngx_conf_merge_ptr_value(conf->quota, prev->quota, NULL);
    ngx_conf_merge_uint_value(conf->closed, prev->closed, 0);

    ngx_conf_merge_ptr_value(conf->team, prev->team, NULL);
    ngx_conf_merge_ptr_value(conf->user, prev->user, NULL);
    ngx_conf_merge_ptr_value(conf->customer, prev->customer, NULL);
    ngx_conf_merge_ptr_value(conf->model, prev->model, NULL);
    ngx_conf_merge_ptr_value(conf->note, prev->note, NULL);

    ngx_conf_merge_uint_value(conf->keys, prev->keys, NGX_HTTP_LLM_KEYS_OFF);
    ngx_conf_merge_uint_value(conf->unknown_team, prev->unknown_team,
                              NGX_HTTP_LLM_AUTO);
    ngx_conf_merge_uint_value(conf->opaque, prev->opaque, NGX_HTTP_LLM_AUTO);
    ngx_conf_merge_uint_value(conf->unpriced, prev->unpriced,
                              NGX_HTTP_LLM_AUTO);
    ngx_conf_merge_uint_value(conf->reserve, prev->reserve,
                              LLM_RESERVE_ESTIMATE);
    ngx_conf_merge_uint_value(conf->stream_usage, prev->stream_usage,
                              NGX_HTTP_LLM_USAGE_OFF);
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
    ngx_conf_merge_value(conf->cutoff, prev->cutoff, 0);

    if (conf->cutoff && conf->stream_buffering && conf->quota) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "llm_cutoff ends no stream under "
                           "\"llm_stream_buffering on\": turn one of them "
                           "off");
    }

    ngx_conf_merge_value(conf->dry_run, prev->dry_run, 0);
    ngx_conf_merge_value(conf->headers, prev->headers, 1);

    for (i = 0; i < LLM_SUBJECT_TYPES; i++) {
        if (conf->rows[i] == NULL) {
            conf->rows[i] = prev->rows[i];
        }
    }

    /* outer levels are merged before inner ones: the chain is complete */

    conf->outer = prev;

    for (level = conf; conf->quota && level && !level->enforced;
         level = level->outer)
    {
        level->enforced = 1;
    }

    if (conf->quota && ngx_http_llm_note_rows(cf, conf) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


ngx_int_t
ngx_http_llm_note_place(ngx_conf_t *cf, ngx_http_llm_loc_conf_t *llcf,
    ngx_shm_zone_t *quota)
{
    ngx_http_llm_place_t      *place;
    ngx_http_llm_main_conf_t  *lmcf;

    lmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_llm_quota_module);

    place = ngx_array_push(&lmcf->places);
    if (place == NULL) {
        return NGX_ERROR;
    }

    place->conf = llcf;
    place->quota = quota;
    place->keys = 0;
    place->file = cf->conf_file->file.name.data;
    place->line = cf->conf_file->line;

    return NGX_OK;
}


/* What can only be told when all is read.  Limits that nothing enforces are a
   hole that looks like a wall. */

ngx_int_t
ngx_http_llm_check_places(ngx_conf_t *cf, ngx_http_llm_main_conf_t *lmcf)
{
    ngx_uint_t             i;
    ngx_http_llm_place_t  *place;

    place = lmcf->places.elts;

    for (i = 0; i < lmcf->places.nelts; i++) {

        if (place[i].quota && place[i].quota->data == NULL) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "llm_quota has unknown zone \"%V\": make it with "
                          "llm_quota_zone in %s:%ui",
                          &place[i].quota->shm.name, place[i].file,
                          place[i].line);
            return NGX_ERROR;
        }

        if (place[i].quota == NULL && !place[i].conf->enforced) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "llm %s are enforced nowhere: name their zone with "
                          "llm_quota in %s:%ui",
                          place[i].keys ? "keys" : "limits",
                          place[i].file, place[i].line);
            return NGX_ERROR;
        }
    }

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
                               "llm_quota has invalid parameter \"%V\": use "
                               "fail=open or fail=closed", &value[2]);
            return NGX_CONF_ERROR;
        }

    } else {
        llcf->closed = 0;
    }

    /* the zone may be made further down */

    llcf->quota = ngx_shared_memory_add(cf, &value[1], 0,
                                        &ngx_http_llm_quota_module);
    if (llcf->quota == NULL
        || ngx_http_llm_note_place(cf, llcf, llcf->quota) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    lmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_llm_quota_module);
    lmcf->used = 1;

    return NGX_CONF_OK;
}


char *
ngx_http_llm_keys(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_llm_loc_conf_t *llcf = conf;

    char                      *rv;
    ngx_http_llm_place_t      *places;
    ngx_http_llm_main_conf_t  *lmcf;

    rv = ngx_http_llm_enum(cf, cmd, conf);

    if (rv != NGX_CONF_OK || llcf->keys == NGX_HTTP_LLM_KEYS_OFF) {
        return rv;
    }

    lmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_llm_quota_module);

    if (ngx_http_llm_note_place(cf, llcf, NULL) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    places = lmcf->places.elts;
    places[lmcf->places.nelts - 1].keys = 1;

    return ngx_http_llm_keys_used(cf, lmcf->keys) == NGX_OK
           ? NGX_CONF_OK : NGX_CONF_ERROR;
}


/* Unlike nginx's own slot this one says which values there are. */

char *
ngx_http_llm_enum(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char  *p = conf;

    u_char           *last, known[64];
    ngx_str_t        *value;
    ngx_uint_t       *field;
    ngx_conf_enum_t  *e;

    field = (ngx_uint_t *) (p + cmd->offset);

    if (*field != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;
    last = known;

    for (e = cmd->post; e->name.len; e++) {

        if (e->name.len == value[1].len
            && ngx_strcmp(e->name.data, value[1].data) == 0)
        {
            *field = e->value;
            return NGX_CONF_OK;
        }

        last = ngx_slprintf(last, known + sizeof(known), " %V", &e->name);
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "%V has invalid value \"%V\": use one of%*s",
                       &cmd->name, &value[1], last - known, known);

    return NGX_CONF_ERROR;
}


char *
ngx_http_llm_status(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char  *p = conf;

    ngx_int_t    status;
    ngx_str_t   *value;
    ngx_uint_t  *field;

    field = (ngx_uint_t *) (p + cmd->offset);

    if (*field != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;
    status = ngx_atoi(value[1].data, value[1].len);

    if (status < 400 || status > 599) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "%V has invalid status \"%V\": use 400 to 599",
                           &cmd->name, &value[1]);
        return NGX_CONF_ERROR;
    }

    *field = status;

    return NGX_CONF_OK;
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

    if (llcf->max_output < 1 || llcf->max_output > NGX_HTTP_LLM_TOKENS_MAX) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "llm_max_output has invalid number of tokens "
                           "\"%V\": use 1 to %d, or off", &value[1],
                           NGX_HTTP_LLM_TOKENS_MAX);
        return NGX_CONF_ERROR;
    }

    if (cf->args->nelts == 3) {

        if (ngx_strcmp(value[2].data, "inject") != 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "llm_max_output has invalid parameter \"%V\": "
                               "only inject is known", &value[2]);
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
