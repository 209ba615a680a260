
/*
 * Copyright (C) the llm_quota authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "llm_text.h"
#include "ngx_http_llm.h"


static ngx_http_llm_rows_t *ngx_http_llm_create_rows(ngx_conf_t *cf);
static ngx_http_llm_row_t *ngx_http_llm_add_row(ngx_conf_t *cf,
    ngx_command_t *cmd, ngx_http_llm_rows_t *rows, ngx_str_t *id,
    ngx_str_t *shown);
static ngx_uint_t ngx_http_llm_row_ids(llm_subject_type_e type);
static ngx_int_t ngx_http_llm_row_id(ngx_conf_t *cf, ngx_command_t *cmd,
    llm_subject_type_e type, ngx_str_t *id, ngx_str_t *shown);
static ngx_uint_t ngx_http_llm_of_model(llm_subject_type_e type);
static ngx_uint_t ngx_http_llm_is_default(ngx_str_t *id);
static size_t ngx_http_llm_pair(u_char *p, const ngx_str_t *first,
    const ngx_str_t *second);
static const llm_row_t *ngx_http_llm_named_row(ngx_http_llm_rows_t *rows,
    ngx_str_t *id);


/* cmd->post is the subject's type. */

char *
ngx_http_llm_limit(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_llm_loc_conf_t *llcf = conf;

    ngx_str_t            *value, id, shown;
    ngx_uint_t            i, k, type;
    ngx_http_llm_row_t   *row;
    ngx_http_llm_rows_t  *rows;

    value = cf->args->elts;
    type = (ngx_uint_t) (uintptr_t) cmd->post;

    if (ngx_http_llm_note_place(cf, llcf, NULL) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    rows = llcf->rows[type];

    if (rows == NULL) {
        rows = ngx_http_llm_create_rows(cf);
        if (rows == NULL) {
            return NGX_CONF_ERROR;
        }

        llcf->rows[type] = rows;
    }

    i = 1 + ngx_http_llm_row_ids(type);

    if (ngx_http_llm_row_id(cf, cmd, type, &id, &shown) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (cf->args->nelts == i) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "%V \"%V\" has no limit, such as rpm=60",
                           &cmd->name, &shown);
        return NGX_CONF_ERROR;
    }

    row = ngx_http_llm_add_row(cf, cmd, rows, &id, &shown);
    if (row == NULL) {
        return NGX_CONF_ERROR;
    }

    if (ngx_http_llm_note_written(cf, &row->written, i) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    row->row.named = 1;

    for (k = 1; k < i; k++) {
        if (ngx_http_llm_is_default(&value[k])) {
            row->row.named = 0;
        }
    }

    for ( /* void */ ; i < cf->args->nelts; i++) {
        if (ngx_http_llm_row_param(cf, cmd, &row->row, &value[i])
            != NGX_CONF_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    if (row->row.models && ngx_http_llm_of_model(type)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V %V\" has models=, which is for those who "
                           "ask, not for what they ask for",
                           &cmd->name, &shown);
        return NGX_CONF_ERROR;
    }

    return ngx_http_llm_row_done(cf, cmd, type, &row->row, &shown);
}


char *
ngx_http_llm_row_param(ngx_conf_t *cf, ngx_command_t *cmd, llm_row_t *row,
    ngx_str_t *value)
{
    const char  *error;

    error = llm_row_param(row, value->data, value->len);

    if (error) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "%V has \"%V\", which %s",
                           &cmd->name, value, error);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


char *
ngx_http_llm_row_done(ngx_conf_t *cf, ngx_command_t *cmd,
    llm_subject_type_e type, llm_row_t *row, ngx_str_t *id)
{
    const char                *error;
    ngx_http_llm_main_conf_t  *lmcf;

    error = llm_row_done(row);

    if (error) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V %V\" %s", &cmd->name,
                           id, error);
        return NGX_CONF_ERROR;
    }

    lmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_llm_quota_module);

    if (llm_kept_row(&lmcf->kept, type, row) != 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "%V \"%V\" brings the periods of its kind over %d: "
                           "use fewer different ones", &cmd->name, id,
                           LLM_KEPT_PERIODS);
        return NGX_CONF_ERROR;
    }

    if (row->models
        && ngx_http_llm_note_list(cf, &lmcf->lists, &cmd->name, row)
           != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    return ngx_http_llm_share_row(cf, cmd, type, row, id);
}


/* The IDs that stand before LIMITS. */

static ngx_uint_t
ngx_http_llm_row_ids(llm_subject_type_e type)
{
    if (type == LLM_SUBJECT_GLOBAL) {
        return 0;
    }

    return ngx_http_llm_subject_in(type) == LLM_SUBJECT_GLOBAL ? 1 : 2;
}


/* The ID of a row: of a pair both, with a NUL between them that is shown as a
   space; "default" where all are. */

static ngx_int_t
ngx_http_llm_row_id(ngx_conf_t *cf, ngx_command_t *cmd,
    llm_subject_type_e type, ngx_str_t *id, ngx_str_t *shown)
{
    u_char      *p;
    ngx_str_t   *value;
    ngx_uint_t   i, n;

    value = cf->args->elts;
    n = ngx_http_llm_row_ids(type);

    for (i = 1; i <= n; i++) {

        if (!llm_text_is_id(value[i].data, value[i].len)) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "%V has invalid ID \"%V\": use 1 to %d "
                               "printable bytes", &cmd->name, &value[i],
                               LLM_ID_MAX);
            return NGX_ERROR;
        }
    }

    if (n == 0) {
        ngx_str_set(id, "default");
        *shown = *id;
        return NGX_OK;
    }

    *id = value[1];
    *shown = value[1];

    if (ngx_http_llm_of_model(type)
        && value[n].data[value[n].len - 1] == '*')
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "%V has pattern \"%V\": name one model, or "
                           "default for each that has no line",
                           &cmd->name, &value[n]);
        return NGX_ERROR;
    }

    if (n == 1) {
        return NGX_OK;
    }

    shown->len = value[1].len + 1 + value[2].len;

    shown->data = ngx_pnalloc(cf->pool, shown->len);
    if (shown->data == NULL) {
        return NGX_ERROR;
    }

    (void) ngx_sprintf(shown->data, "%V %V", &value[1], &value[2]);

    if (ngx_http_llm_is_default(&value[1])
        && ngx_http_llm_is_default(&value[2]))
    {
        return NGX_OK;
    }

    p = ngx_pnalloc(cf->pool, shown->len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    id->data = p;
    id->len = ngx_http_llm_pair(p, &value[1], &value[2]);

    return NGX_OK;
}


static ngx_uint_t
ngx_http_llm_of_model(llm_subject_type_e type)
{
    return type == LLM_SUBJECT_MODEL
           || type == LLM_SUBJECT_TEAM_MODEL
           || type == LLM_SUBJECT_KEY_MODEL;
}


static ngx_uint_t
ngx_http_llm_is_default(ngx_str_t *id)
{
    return id->len == 7 && ngx_memcmp(id->data, "default", 7) == 0;
}


/* As rows of pairs are found; returns the length. */

static size_t
ngx_http_llm_pair(u_char *p, const ngx_str_t *first, const ngx_str_t *second)
{
    p = ngx_cpymem(p, first->data, first->len);
    *p++ = '\0';
    ngx_memcpy(p, second->data, second->len);

    return first->len + 1 + second->len;
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
ngx_http_llm_add_row(ngx_conf_t *cf, ngx_command_t *cmd,
    ngx_http_llm_rows_t *rows, ngx_str_t *id, ngx_str_t *shown)
{
    uint32_t             hash;
    ngx_uint_t           duplicate;
    ngx_http_llm_row_t  *row;

    row = ngx_palloc(cf->pool, sizeof(ngx_http_llm_row_t));
    if (row == NULL) {
        return NULL;
    }

    llm_row_init(&row->row);

    if (ngx_http_llm_is_default(id)) {
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
                           "%V has \"%V\" twice: put its limits in one line",
                           &cmd->name, shown);
        return NULL;
    }

    return row;
}


const llm_row_t *
ngx_http_llm_conf_row(ngx_http_llm_ctx_t *ctx, llm_subject_type_e type)
{
    ngx_str_t            *id, *first;
    ngx_uint_t            own;
    llm_subject_type_e    in;
    ngx_http_llm_rows_t  *rows;

    if (type >= LLM_SUBJECT_TAG) {

        /* tags and classes have none */

        return NULL;
    }

    rows = ctx->conf->rows[type];

    if (type == LLM_SUBJECT_KEY) {
        return ctx->key ? ngx_http_llm_key_row(rows, ctx->key) : NULL;
    }

    if (rows == NULL) {
        return NULL;
    }

    id = ngx_http_llm_subject_id(ctx, type);

    if (id->len == 0 && type != LLM_SUBJECT_GLOBAL) {
        return NULL;
    }

    in = ngx_http_llm_subject_in(type);

    if (in == LLM_SUBJECT_GLOBAL) {
        return ngx_http_llm_find_row(rows, id, &own);
    }

    first = ngx_http_llm_subject_id(ctx, in);

    if (first->len == 0) {
        return NULL;
    }

    return ngx_http_llm_find_pair_row(rows,
                                      in == LLM_SUBJECT_KEY
                                      ? &ctx->key->sn.str : NULL,
                                      first, id);
}


/* For the places of a zone that have no request: each set of rows once. */

ngx_int_t
ngx_http_llm_note_rows(ngx_conf_t *cf, ngx_http_llm_loc_conf_t *llcf)
{
    ngx_uint_t              i;
    ngx_http_llm_quota_t   *quota;
    ngx_http_llm_rows_t  ***tables;

    quota = llcf->quota->data;

    if (quota == NULL) {

        /* a zone that is not there is told of when all is read */

        return NGX_OK;
    }

    if (ngx_http_llm_note_team(cf, llcf) != NGX_OK) {
        return NGX_ERROR;
    }

    quota->keyed |= (llcf->keys != NGX_HTTP_LLM_KEYS_OFF);

    if (quota->tables == NULL) {
        quota->tables = ngx_array_create(cf->pool, 4,
                                         sizeof(ngx_http_llm_rows_t **));
        if (quota->tables == NULL) {
            return NGX_ERROR;
        }
    }

    tables = quota->tables->elts;

    for (i = 0; i < quota->tables->nelts; i++) {

        if (ngx_memcmp(tables[i], llcf->rows, sizeof(llcf->rows)) == 0) {
            return NGX_OK;
        }
    }

    tables = ngx_array_push(quota->tables);
    if (tables == NULL) {
        return NGX_ERROR;
    }

    *tables = llcf->rows;

    return NGX_OK;
}


const llm_row_t *
ngx_http_llm_find_row(ngx_http_llm_rows_t *rows, ngx_str_t *id,
    ngx_uint_t *own)
{
    const llm_row_t  *row;

    *own = 0;

    if (rows == NULL) {
        return NULL;
    }

    row = ngx_http_llm_named_row(rows, id);

    if (row) {
        *own = 1;
        return row;
    }

    return rows->other ? &rows->other->row : NULL;
}


/* Its own, else the first ID's with the default one, else the default one's
   with the second, else of both, else none.  Another name of the first comes
   before its ID. */

const llm_row_t *
ngx_http_llm_find_pair_row(ngx_http_llm_rows_t *rows, const ngx_str_t *name,
    const ngx_str_t *first, const ngx_str_t *second)
{
    u_char            pair[2 * LLM_ID_MAX + 1];
    ngx_str_t         id;
    ngx_uint_t        i;
    const llm_row_t  *row;

    static ngx_str_t  other = ngx_string("default");

    const ngx_str_t  *pairs[][2] = {
        { name, second },
        { first, second },
        { name, &other },
        { first, &other },
        { &other, second }
    };

    for (i = 0; rows->nrows && i < 5; i++) {

        if (pairs[i][0] == NULL) {
            continue;
        }

        id.data = pair;
        id.len = ngx_http_llm_pair(pair, pairs[i][0], pairs[i][1]);

        row = ngx_http_llm_named_row(rows, &id);

        if (row) {
            return row;
        }
    }

    return rows->other ? &rows->other->row : NULL;
}


static const llm_row_t *
ngx_http_llm_named_row(ngx_http_llm_rows_t *rows, ngx_str_t *id)
{
    ngx_str_node_t  *sn;

    if (rows->nrows == 0) {
        return NULL;
    }

    sn = ngx_str_rbtree_lookup(&rows->tree, id,
                               ngx_murmur_hash2(id->data, id->len));

    return sn ? &((ngx_http_llm_row_t *) sn)->row : NULL;
}
