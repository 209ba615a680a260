
/*
 * Copyright (C) the llm_quota authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "llm_entity.h"
#include "llm_text.h"
#include "ngx_http_llm.h"


static ngx_int_t ngx_http_llm_check_group(ngx_conf_t *cf,
    ngx_http_llm_main_conf_t *lmcf, ngx_http_llm_group_t *group);
static ngx_int_t ngx_http_llm_list_models(ngx_conf_t *cf,
    ngx_http_llm_main_conf_t *lmcf, ngx_http_llm_list_t *list);
static ngx_int_t ngx_http_llm_deny_model(ngx_http_llm_ctx_t *ctx,
    llm_subject_type_e type, const llm_row_t *row);


char *
ngx_http_llm_model_group(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_llm_main_conf_t *lmcf = conf;

    ngx_str_t             *value;
    ngx_uint_t             i;
    llm_pattern_t          pattern;
    ngx_http_llm_group_t  *group;

    value = cf->args->elts;

    /* what models= can name */

    if (llm_pattern_parse(&pattern, value[1].data, value[1].len) != 0
        || pattern.prefix
        || value[1].data[0] == '@'
        || ngx_strlchr(value[1].data, value[1].data + value[1].len, ','))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "llm_model_group has invalid name \"%V\": use "
                           "printable bytes without *, a comma or @ before "
                           "them", &value[1]);
        return NGX_CONF_ERROR;
    }

    if (ngx_http_llm_find_group(lmcf, value[1].data, value[1].len)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "llm_model_group has \"%V\" twice: put its models "
                           "in one line", &value[1]);
        return NGX_CONF_ERROR;
    }

    group = ngx_array_push(&lmcf->groups);
    if (group == NULL) {
        return NGX_CONF_ERROR;
    }

    group->name = value[1];
    group->file = cf->conf_file->file.name.data;
    group->line = cf->conf_file->line;
    group->nmodels = cf->args->nelts - 2;

    group->models = ngx_palloc(cf->pool,
                               group->nmodels * sizeof(llm_pattern_t));
    if (group->models == NULL) {
        return NGX_CONF_ERROR;
    }

    for (i = 0; i < group->nmodels; i++) {

        if (llm_pattern_parse(&group->models[i], value[i + 2].data,
                              value[i + 2].len)
            != 0)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "llm_model_group \"%V\" has invalid model "
                               "\"%V\": use a name as it is asked for, or the "
                               "beginning of names with * after it",
                               &value[1], &value[i + 2]);
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


ngx_http_llm_group_t *
ngx_http_llm_find_group(ngx_http_llm_main_conf_t *lmcf, const u_char *name,
    size_t len)
{
    return ngx_http_llm_find_named(&lmcf->groups, name, len);
}


void *
ngx_http_llm_find_named(const ngx_array_t *array, const u_char *name,
    size_t len)
{
    u_char      *element;
    ngx_str_t   *own;
    ngx_uint_t   i;

    element = array->elts;

    for (i = 0; i < array->nelts; i++) {
        own = (ngx_str_t *) element;

        if (own->len == len && ngx_memcmp(own->data, name, len) == 0) {
            return element;
        }

        element += array->size;
    }

    return NULL;
}


ngx_int_t
ngx_http_llm_note_list(ngx_conf_t *cf, ngx_array_t *lists,
    ngx_str_t *directive, llm_row_t *row)
{
    ngx_http_llm_list_t  *list;

    list = ngx_array_push(lists);
    if (list == NULL) {
        return NGX_ERROR;
    }

    list->row = row;
    list->directive = directive;
    list->file = cf->conf_file->file.name.data;
    list->line = cf->conf_file->line;

    return NGX_OK;
}


ngx_int_t
ngx_http_llm_models_done(ngx_conf_t *cf, ngx_http_llm_main_conf_t *lmcf)
{
    ngx_uint_t             i;
    ngx_http_llm_list_t   *list;
    ngx_http_llm_group_t  *group;

    group = lmcf->groups.elts;

    for (i = 0; i < lmcf->groups.nelts; i++) {

        if (ngx_http_llm_check_group(cf, lmcf, &group[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    list = lmcf->lists.elts;

    for (i = 0; i < lmcf->lists.nelts; i++) {

        if (ngx_http_llm_list_models(cf, lmcf, &list[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* There are models whose names begin with @, which are no groups. */

static ngx_int_t
ngx_http_llm_check_group(ngx_conf_t *cf, ngx_http_llm_main_conf_t *lmcf,
    ngx_http_llm_group_t *group)
{
    ngx_uint_t      i;
    llm_pattern_t  *model;

    for (i = 0; i < group->nmodels; i++) {
        model = &group->models[i];

        if (model->len
            && model->name[0] == '@'
            && ngx_http_llm_find_group(lmcf, model->name + 1, model->len - 1))
        {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "llm_model_group \"%V\" has the group \"%*s\": "
                          "name its models instead in %s:%ui",
                          &group->name, model->len, model->name,
                          group->file, group->line);
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_list_models(ngx_conf_t *cf, ngx_http_llm_main_conf_t *lmcf,
    ngx_http_llm_list_t *list)
{
    llm_row_t             *row;
    ngx_array_t            models;
    const u_char          *next;
    llm_pattern_t          pattern, *p;
    ngx_http_llm_group_t  *group;

    row = list->row;

    if (ngx_array_init(&models, cf->pool, 8, sizeof(llm_pattern_t)) != NGX_OK)
    {
        return NGX_ERROR;
    }

    for (next = row->models; next; /* void */ ) {

        /* the row has seen that all are valid */

        (void) llm_pattern_next(&next, row->models + row->models_len,
                                &pattern);

        if (!pattern.group) {
            p = ngx_array_push(&models);
            if (p == NULL) {
                return NGX_ERROR;
            }

            *p = pattern;
            continue;
        }

        group = ngx_http_llm_find_group(lmcf, pattern.name, pattern.len);

        if (group == NULL) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "%V has models= with unknown group \"@%*s\": make "
                          "it with llm_model_group in %s:%ui",
                          list->directive, pattern.len, pattern.name,
                          list->file, list->line);
            return NGX_ERROR;
        }

        p = ngx_array_push_n(&models, group->nmodels);
        if (p == NULL) {
            return NGX_ERROR;
        }

        ngx_memcpy(p, group->models, group->nmodels * sizeof(llm_pattern_t));
    }

    row->allowed = models.elts;
    row->nallowed = models.nelts;

    return NGX_OK;
}


ngx_int_t
ngx_http_llm_check_model(ngx_http_llm_ctx_t *ctx)
{
    ngx_uint_t                 type;
    const llm_row_t           *row;
    ngx_http_llm_main_conf_t  *lmcf;

    lmcf = ngx_http_get_module_main_conf(ctx->request,
                                         ngx_http_llm_quota_module);

    if (lmcf->lists.nelts == 0
        && llm_entity_changes(ctx->quota->zone.zone) == 0)
    {
        return NGX_OK;
    }

    for (type = 0; type < LLM_SUBJECT_TAG; type++) {
        row = ngx_http_llm_subject_row(ctx, type);

        if (row == NULL
            || row->models == NULL
            || (ctx->model.len
                && ctx->others == NULL
                && llm_pattern_match(row->allowed, row->nallowed,
                                     ctx->model.data, ctx->model.len)))
        {
            continue;
        }

        return ngx_http_llm_deny_model(ctx, type, row);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_deny_model(ngx_http_llm_ctx_t *ctx, llm_subject_type_e type,
    const llm_row_t *row)
{
    u_char     *p, subject[NGX_HTTP_LLM_SUBJECT_TEXT];
    u_char      allowed[LLM_PATTERN_TEXT];
    size_t      n;
    ngx_str_t   who;

    if (ctx->dry_refused) {
        return NGX_OK;
    }

    p = ngx_pnalloc(ctx->request->pool, NGX_HTTP_LLM_SUBJECT_TEXT
                                        + sizeof(" models") - 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ctx->limit.data = p;
    p = ngx_http_llm_print_subject_id(p, ctx, type);
    p = ngx_cpymem(p, " models", sizeof(" models") - 1);
    ctx->limit.len = p - ctx->limit.data;

    who.data = subject;
    who.len = ngx_http_llm_print_subject(subject, ctx, type) - subject;

    n = llm_pattern_print(allowed, row->allowed, row->nallowed);

    if (ctx->model.len == 0) {
        return ngx_http_llm_refuse(ctx, NGX_HTTP_LLM_MODEL_DENIED,
                                   "The request names no model, and %V may "
                                   "ask only for some. Allowed: %*s.", &who,
                                   n, allowed);
    }

    if (ctx->others) {
        return ngx_http_llm_refuse(ctx, NGX_HTTP_LLM_MODEL_DENIED,
                                   "\"%s\" may have another model answer, and "
                                   "%V may ask only for some. Allowed: %*s.",
                                   ctx->others, &who, n, allowed);
    }

    return ngx_http_llm_refuse(ctx, NGX_HTTP_LLM_MODEL_DENIED,
                               "Model=%V is not allowed for %V. Allowed: "
                               "%*s.", &ctx->model, &who, n, allowed);
}
