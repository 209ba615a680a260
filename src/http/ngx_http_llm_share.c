
/*
 * Copyright (C) the llm_quota authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "llm_text.h"
#include "ngx_http_llm.h"


static ngx_http_llm_priority_t *ngx_http_llm_find_priority(
    ngx_http_llm_main_conf_t *lmcf, const u_char *name, size_t len);
static ngx_uint_t ngx_http_llm_class_of(ngx_http_llm_main_conf_t *lmcf,
    ngx_http_llm_priority_t *priority);
static ngx_int_t ngx_http_llm_ask_classes(ngx_http_llm_ctx_t *ctx,
    llm_ask_t *ask, llm_subject_type_e in);
static ngx_uint_t ngx_http_llm_class(ngx_http_llm_ctx_t *ctx,
    llm_subject_type_e in);


char *
ngx_http_llm_priority(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_llm_main_conf_t *lmcf = conf;

    uint8_t                   percent;
    ngx_str_t                *value;
    ngx_uint_t                i, sum;
    ngx_http_llm_priority_t  *priority;

    value = cf->args->elts;

    if (!llm_text_is_id(value[1].data, value[1].len)
        || ngx_strcmp(value[1].data, "default") == 0)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "llm_priority has invalid name \"%V\": use 1 to %d "
                           "printable bytes, but not default, which is who "
                           "has no priority", &value[1], LLM_ID_MAX);
        return NGX_CONF_ERROR;
    }

    if (llm_percent_parse(value[2].data, value[2].len, 0, &percent) != 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "llm_priority \"%V\" has invalid share \"%V\": use "
                           "a percent from 0%% to 100%%", &value[1],
                           &value[2]);
        return NGX_CONF_ERROR;
    }

    if (cf->args->nelts == 4 && ngx_strcmp(value[3].data, "lend") != 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "llm_priority \"%V\" has invalid parameter \"%V\": "
                           "only lend is known", &value[1], &value[3]);
        return NGX_CONF_ERROR;
    }

    if (ngx_http_llm_find_priority(lmcf, value[1].data, value[1].len)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "llm_priority has \"%V\" twice", &value[1]);
        return NGX_CONF_ERROR;
    }

    if (lmcf->priorities.nelts == LLM_CLASSES - 1) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "llm_priority \"%V\" is one more than the %d that "
                           "there may be", &value[1], LLM_CLASSES - 1);
        return NGX_CONF_ERROR;
    }

    priority = ngx_array_push(&lmcf->priorities);
    if (priority == NULL) {
        return NGX_CONF_ERROR;
    }

    priority->name = value[1];
    priority->percent = percent;
    priority->lend = (cf->args->nelts == 4);

    priority = lmcf->priorities.elts;
    sum = 0;

    for (i = 0; i < lmcf->priorities.nelts; i++) {
        sum += priority[i].percent;
    }

    if (sum > 100) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "llm_priority \"%V\" brings the shares of all "
                           "priorities to %ui%%: use at most 100%%",
                           &value[1], sum);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static ngx_http_llm_priority_t *
ngx_http_llm_find_priority(ngx_http_llm_main_conf_t *lmcf,
    const u_char *name, size_t len)
{
    return ngx_http_llm_find_named(&lmcf->priorities, name, len);
}


/* The first class is that of all who have no priority. */

static ngx_uint_t
ngx_http_llm_class_of(ngx_http_llm_main_conf_t *lmcf,
    ngx_http_llm_priority_t *priority)
{
    return 1 + (priority - (ngx_http_llm_priority_t *)
                           lmcf->priorities.elts);
}


char *
ngx_http_llm_share_row(ngx_conf_t *cf, ngx_command_t *cmd,
    llm_subject_type_e type, llm_row_t *row, ngx_str_t *id)
{
    ngx_http_llm_main_conf_t  *lmcf;

    if (row->share && type != LLM_SUBJECT_MODEL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V %V\" has share=, which is for "
                           "llm_model_limit", &cmd->name, id);
        return NGX_CONF_ERROR;
    }

    if (row->priority == NULL) {
        return NGX_CONF_OK;
    }

    if (type != LLM_SUBJECT_TEAM && type != LLM_SUBJECT_KEY) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V %V\" has priority=, which is for those who "
                           "share a model: teams and keys", &cmd->name, id);
        return NGX_CONF_ERROR;
    }

    lmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_llm_quota_module);

    return ngx_http_llm_note_list(cf, &lmcf->ranked, &cmd->name, row)
           == NGX_OK ? NGX_CONF_OK : NGX_CONF_ERROR;
}


ngx_int_t
ngx_http_llm_share_done(ngx_conf_t *cf, ngx_http_llm_main_conf_t *lmcf)
{
    ngx_uint_t                i;
    ngx_http_llm_list_t      *list;
    ngx_http_llm_priority_t  *priority;

    list = lmcf->ranked.elts;

    for (i = 0; i < lmcf->ranked.nelts; i++) {

        priority = ngx_http_llm_find_priority(lmcf, list[i].row->priority,
                                              list[i].row->priority_len);

        if (priority == NULL) {
            ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                          "%V has unknown priority \"%*s\": make it with "
                          "llm_priority in %s:%ui", list[i].directive,
                          list[i].row->priority_len, list[i].row->priority,
                          list[i].file, list[i].line);
            return NGX_ERROR;
        }

        list[i].row->class = ngx_http_llm_class_of(lmcf, priority);
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_llm_ask_share(ngx_http_llm_ctx_t *ctx, llm_ask_t *ask)
{
    ngx_uint_t           i, n;
    llm_subject_type_e   type;
    llm_ask_subject_t   *s;

    ask->nclasses = 0;

    for (i = 0; i < ask->nsubjects; i++) {
        if (ctx->types[i] == LLM_SUBJECT_MODEL) {
            break;
        }
    }

    if (i == ask->nsubjects || ask->subjects[i].row->share == 0) {
        return NGX_OK;
    }

    ask->subjects[i].role = LLM_ROLE_MODEL;
    type = ask->subjects[i].row->share;

    /* the pair may be here for limits of its own */

    for (n = 0; n < ask->nsubjects; n++) {
        if (ctx->types[n] == type) {
            break;
        }
    }

    s = &ask->subjects[n];

    if (n == ask->nsubjects) {
        ngx_memzero(s, sizeof(llm_ask_subject_t));

        if (ngx_http_llm_ask_key(ctx, &s->key, type) != NGX_OK) {
            return NGX_ERROR;
        }

        ctx->types[ask->nsubjects++] = type;
    }

    s->role = LLM_ROLE_SHARER;

    return ngx_http_llm_ask_classes(ctx, ask, ngx_http_llm_subject_in(type));
}


static ngx_int_t
ngx_http_llm_ask_classes(ngx_http_llm_ctx_t *ctx, llm_ask_t *ask,
    llm_subject_type_e in)
{
    ngx_str_t                  name;
    ngx_uint_t                 i, left;
    llm_class_t               *class;
    llm_ask_subject_t         *s;
    ngx_http_llm_priority_t   *priority;
    ngx_http_llm_main_conf_t  *lmcf;

    lmcf = ngx_http_get_module_main_conf(ctx->request,
                                         ngx_http_llm_quota_module);

    priority = lmcf->priorities.elts;
    left = 100;

    ask->class = ngx_http_llm_class(ctx, in);
    ask->nclasses = 1 + lmcf->priorities.nelts;

    for (i = ask->nclasses; i-- > 0; /* void */ ) {
        class = &ask->classes[i];

        if (i) {
            name = priority[i - 1].name;
            class->percent = priority[i - 1].percent;
            class->lend = priority[i - 1].lend;
            left -= class->percent;

        } else {
            ngx_str_null(&name);
            class->percent = left;
            class->lend = 1;
        }

        if (llm_class_key(ctx->quota->zone.zone, class, ctx->model.data,
                          ctx->model.len, name.data, name.len)
            != 0)
        {
            return NGX_ERROR;
        }
    }

    s = &ask->subjects[ask->nsubjects];
    ngx_memzero(s, sizeof(llm_ask_subject_t));

    s->key = ask->classes[ask->class].key;
    s->role = LLM_ROLE_CLASS;

    ctx->types[ask->nsubjects++] = LLM_SUBJECT_CLASS;

    return NGX_OK;
}


uint8_t
ngx_http_llm_entity_class(ngx_http_llm_ctx_t *ctx,
    const llm_record_item_t *item)
{
    ngx_http_llm_priority_t   *priority;
    ngx_http_llm_main_conf_t  *lmcf;

    if (item->len == 0) {
        return NGX_HTTP_LLM_CLASS_LIFTED;
    }

    lmcf = ngx_http_get_module_main_conf(ctx->request,
                                         ngx_http_llm_quota_module);

    priority = ngx_http_llm_find_priority(lmcf, item->text, item->len);

    return NGX_HTTP_LLM_CLASS_NAMED
           + (priority ? ngx_http_llm_class_of(lmcf, priority) : 0);
}


/* Where the class of who shares comes from.  What was made over the admin API
   comes first, and of it the team, as in LiteLLM; of the configuration the
   team's row, of a key its own, unless it names none. */

static ngx_uint_t
ngx_http_llm_class(ngx_http_llm_ctx_t *ctx, llm_subject_type_e in)
{
    ngx_uint_t           i, n;
    const llm_row_t     *row;
    llm_subject_type_e   type;

    static const llm_subject_type_e  types[] = {
        LLM_SUBJECT_TEAM, LLM_SUBJECT_KEY
    };

    n = (in == LLM_SUBJECT_KEY) ? 2 : 1;

    for (i = 0; i < n; i++) {
        type = types[i];

        if (ngx_http_llm_is_entity(ctx, type)
            && ctx->classes[type] >= NGX_HTTP_LLM_CLASS_NAMED)
        {
            return ctx->classes[type] - NGX_HTTP_LLM_CLASS_NAMED;
        }
    }

    for (i = n; i-- > 0; /* void */ ) {
        type = types[i];
        row = ngx_http_llm_subject_row(ctx, type);

        if (row && row->priority
            && ctx->classes[type] != NGX_HTTP_LLM_CLASS_LIFTED)
        {
            return row->class;
        }
    }

    return 0;
}


ngx_int_t
ngx_http_llm_refuse_share(ngx_http_llm_ctx_t *ctx, llm_standing_t *s,
    ngx_str_t *end)
{
    u_char               subject[NGX_HTTP_LLM_SUBJECT_TEXT];
    ngx_str_t            who, *rate;
    llm_subject_type_e   in;

    static ngx_str_t  rates[] = {
        ngx_string("RPM"),
        ngx_string("TPM"),
        ngx_string("ITPM"),
        ngx_string("OTPM")
    };

    in = ngx_http_llm_subject_in(ctx->types[s->subject]);
    rate = &rates[s->limit->resource];

    who.data = subject;
    who.len = ngx_http_llm_print_subject(subject, ctx, in) - subject;

    if (ngx_http_llm_subject_id(ctx, in)->len == 0) {
        who.len = ngx_sprintf(&subject[who.len], "anonymous") - subject;
    }

    return ngx_http_llm_refuse(ctx, NGX_HTTP_LLM_RATE_LIMITED,
                               "%V over available %V=%L. Model %V=%L, Active "
                               "%ss=%uD. Its share is %L, used %L%V.", &who,
                               rate, ngx_max(s->amount - s->used, 0), rate,
                               s->left, llm_subject_name(in), s->active,
                               s->amount, s->used, end);
}
