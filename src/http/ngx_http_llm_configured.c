
/*
 * Copyright (C) the llm_quota authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "llm_text.h"
#include "ngx_http_llm.h"


/*
 * What the configuration limits comes into the audit: as it is written, of a
 * subject in all places together, since a place has no name by which it could
 * be found again in the next configuration.
 */


/* The longest llm_subject_name(). */
#define NGX_HTTP_LLM_KIND        16

/* The type of an llm_key, beside those of limits. */
#define NGX_HTTP_LLM_KEY_LINE    LLM_SUBJECT_TYPES


typedef struct {
    ngx_uint_t                     type;     /* llm_subject_type_e, or
                                                NGX_HTTP_LLM_KEY_LINE */
    ngx_str_t                      id;
    const ngx_http_llm_written_t  *written;
} ngx_http_llm_limited_t;


static void ngx_http_llm_configured_opened(ngx_http_llm_store_task_t *task);
static void ngx_http_llm_configured_done(ngx_http_llm_store_task_t *task);
static ngx_int_t ngx_http_llm_configured(ngx_http_llm_quota_t *quota,
    llm_store_op_t *op);
static ngx_int_t ngx_http_llm_configured_lines(ngx_pool_t *pool,
    ngx_http_llm_quota_t *quota, ngx_array_t *lines);
static ngx_int_t ngx_http_llm_configured_rows(ngx_array_t *lines,
    ngx_uint_t type, ngx_http_llm_rows_t *rows);
static ngx_int_t ngx_http_llm_configured_keys(ngx_array_t *lines);
static ngx_rbtree_node_t *ngx_http_llm_configured_first(ngx_rbtree_t *tree);
static ngx_int_t ngx_http_llm_configured_line(ngx_array_t *lines,
    ngx_uint_t type, const ngx_str_t *id,
    const ngx_http_llm_written_t *written);
static int ngx_libc_cdecl ngx_http_llm_configured_order(const void *one,
    const void *two);
static ngx_uint_t ngx_http_llm_configured_same(
    const ngx_http_llm_limited_t *one, const ngx_http_llm_limited_t *two);
static ngx_int_t ngx_http_llm_configured_row(llm_store_op_t *op,
    llm_store_limited_t *row, const ngx_http_llm_limited_t *line,
    ngx_uint_t n);


ngx_int_t
ngx_http_llm_note_written(ngx_conf_t *cf, ngx_http_llm_written_t *written,
    ngx_uint_t i)
{
    u_char      *p;
    size_t       len;
    ngx_str_t   *value;
    ngx_uint_t   k;

    value = cf->args->elts;
    len = 0;

    for (k = i; k < cf->args->nelts; k++) {
        len += value[k].len + 1;
    }

    p = ngx_pnalloc(cf->pool, len + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    written->limits.data = p;

    for (k = i; k < cf->args->nelts; k++) {

        if (k > i) {
            *p++ = ' ';
        }

        p = ngx_cpymem(p, value[k].data, value[k].len);
    }

    written->limits.len = p - written->limits.data;
    written->file = cf->conf_file->file.name.data;
    written->line = cf->conf_file->line;

    return NGX_OK;
}


void
ngx_http_llm_configured_audit(ngx_http_llm_quota_t *quota)
{
    ngx_http_llm_store_task_t  *task;

    if (quota->audited || quota->auditing) {
        return;
    }

    task = ngx_http_llm_store_task(&quota->store);
    if (task == NULL) {
        return;
    }

    task->op.type = LLM_STORE_OPEN;
    task->handler = ngx_http_llm_configured_opened;
    task->data = quota;

    if (ngx_http_llm_store_post(task) != NGX_OK) {
        ngx_http_llm_store_free(task);
        return;
    }

    quota->auditing = 1;
}


static void
ngx_http_llm_configured_opened(ngx_http_llm_store_task_t *task)
{
    ngx_http_llm_quota_t *quota = task->data;

    ngx_time_t  *tp;

    if (task->op.status != LLM_STORE_OK) {
        quota->auditing = 0;
        return;
    }

    tp = ngx_timeofday();

    ngx_memzero(&task->op.configured, sizeof(llm_store_configured_t));

    task->op.type = LLM_STORE_CONFIGURED;
    task->op.configured.read = quota->read;
    task->op.configured.time = (int64_t) tp->sec * 1000 + tp->msec;
    task->handler = ngx_http_llm_configured_done;

    if (ngx_http_llm_configured(quota, &task->op) != NGX_OK
        || ngx_http_llm_store_post(task) != NGX_OK)
    {
        quota->auditing = 0;
    }
}


static void
ngx_http_llm_configured_done(ngx_http_llm_store_task_t *task)
{
    ngx_http_llm_quota_t *quota = task->data;

    quota->auditing = 0;
    quota->audited = (task->op.status == LLM_STORE_OK);
}


/* All lines, and of those that limit the same one row. */

static ngx_int_t
ngx_http_llm_configured(ngx_http_llm_quota_t *quota, llm_store_op_t *op)
{
    ngx_int_t                rc;
    ngx_uint_t               i, n;
    ngx_pool_t              *pool;
    ngx_array_t              lines;
    llm_store_limited_t     *rows;
    ngx_http_llm_limited_t  *line;

    pool = ngx_create_pool(NGX_DEFAULT_POOL_SIZE, ngx_cycle->log);
    if (pool == NULL) {
        return NGX_ERROR;
    }

    rc = ngx_http_llm_configured_lines(pool, quota, &lines);

    rows = (rc == NGX_OK) ? llm_store_alloc(op, (lines.nelts + 1)
                                                * sizeof(llm_store_limited_t))
                          : NULL;
    if (rows == NULL) {
        ngx_destroy_pool(pool);
        return NGX_ERROR;
    }

    line = lines.elts;
    op->configured.rows = rows;

    ngx_qsort(line, lines.nelts, sizeof(ngx_http_llm_limited_t),
              ngx_http_llm_configured_order);

    for (i = 0; i < lines.nelts && rc == NGX_OK; i += n) {

        for (n = 1; i + n < lines.nelts; n++) {
            if (!ngx_http_llm_configured_same(&line[i], &line[i + n])) {
                break;
            }
        }

        rc = ngx_http_llm_configured_row(op, &rows[op->configured.nrows++],
                                         &line[i], n);
    }

    ngx_destroy_pool(pool);

    return rc;
}


static ngx_int_t
ngx_http_llm_configured_lines(ngx_pool_t *pool, ngx_http_llm_quota_t *quota,
    ngx_array_t *lines)
{
    ngx_uint_t              i, k, type;
    ngx_http_llm_rows_t  ***tables;

    if (ngx_array_init(lines, pool, 64, sizeof(ngx_http_llm_limited_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (quota->tables == NULL) {
        return NGX_OK;
    }

    tables = quota->tables->elts;

    for (i = 0; i < quota->tables->nelts; i++) {

        for (type = 0; type < LLM_SUBJECT_TYPES; type++) {

            /* places inside one that has them have the same */

            for (k = 0; k < i && tables[k][type] != tables[i][type]; k++) {
                /* void */
            }

            if (k == i
                && tables[i][type]
                && ngx_http_llm_configured_rows(lines, type, tables[i][type])
                   != NGX_OK)
            {
                return NGX_ERROR;
            }
        }
    }

    return quota->keyed ? ngx_http_llm_configured_keys(lines) : NGX_OK;
}


static ngx_int_t
ngx_http_llm_configured_rows(ngx_array_t *lines, ngx_uint_t type,
    ngx_http_llm_rows_t *rows)
{
    ngx_str_t            id;
    ngx_rbtree_node_t   *node;
    ngx_http_llm_row_t  *row;

    row = rows->other;

    if (row) {

        if (type == LLM_SUBJECT_GLOBAL) {
            ngx_str_set(&id, "global");

        } else {
            ngx_str_set(&id, "default");
        }

        if (ngx_http_llm_configured_line(lines, type, &id, &row->written)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    for (node = ngx_http_llm_configured_first(&rows->tree);
         node;
         node = ngx_rbtree_next(&rows->tree, node))
    {
        row = (ngx_http_llm_row_t *) node;

        if (ngx_http_llm_configured_line(lines, type, &row->sn.str,
                                         &row->written)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_configured_keys(ngx_array_t *lines)
{
    ngx_rbtree_node_t         *node;
    ngx_http_llm_key_t        *key;
    ngx_http_llm_main_conf_t  *lmcf;

    lmcf = ngx_http_llm_worker_conf((ngx_cycle_t *) ngx_cycle);

    for (node = ngx_http_llm_configured_first(&lmcf->keys->aliases);
         node;
         node = ngx_rbtree_next(&lmcf->keys->aliases, node))
    {
        key = (ngx_http_llm_key_t *) node;

        if (ngx_http_llm_configured_line(lines, NGX_HTTP_LLM_KEY_LINE,
                                         &key->sn.str, &key->written)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_rbtree_node_t *
ngx_http_llm_configured_first(ngx_rbtree_t *tree)
{
    if (tree->root == tree->sentinel) {
        return NULL;
    }

    return ngx_rbtree_min(tree->root, tree->sentinel);
}


static ngx_int_t
ngx_http_llm_configured_line(ngx_array_t *lines, ngx_uint_t type,
    const ngx_str_t *id, const ngx_http_llm_written_t *written)
{
    ngx_http_llm_limited_t  *line;

    line = ngx_array_push(lines);
    if (line == NULL) {
        return NGX_ERROR;
    }

    line->type = type;
    line->id = *id;
    line->written = written;

    return NGX_OK;
}


static int ngx_libc_cdecl
ngx_http_llm_configured_order(const void *one, const void *two)
{
    const ngx_http_llm_limited_t *first = one;
    const ngx_http_llm_limited_t *second = two;

    ngx_int_t  order;

    if (first->type != second->type) {
        return (first->type < second->type) ? -1 : 1;
    }

    order = ngx_memn2cmp(first->id.data, second->id.data, first->id.len,
                         second->id.len);

    if (order == 0) {
        order = ngx_memn2cmp(first->written->limits.data,
                             second->written->limits.data,
                             first->written->limits.len,
                             second->written->limits.len);
    }

    return (int) order;
}


static ngx_uint_t
ngx_http_llm_configured_same(const ngx_http_llm_limited_t *one,
    const ngx_http_llm_limited_t *two)
{
    return one->type == two->type
           && one->id.len == two->id.len
           && ngx_memcmp(one->id.data, two->id.data, one->id.len) == 0;
}


/* Of n lines, by what they say: each text once, and all places. */

static ngx_int_t
ngx_http_llm_configured_row(llm_store_op_t *op, llm_store_limited_t *row,
    const ngx_http_llm_limited_t *line, ngx_uint_t n)
{
    u_char           *p, *last;
    size_t            size;
    ngx_uint_t        i, key;
    const char       *kind;
    const ngx_str_t  *limits;

    size = sizeof("llm__limit") + sizeof("{\"limits\":[]}") + NGX_HTTP_LLM_KIND;

    for (i = 0; i < n; i++) {
        size += sizeof("\"\",") + 6 * line[i].written->limits.len
                + sizeof(":, ") + ngx_strlen(line[i].written->file)
                + NGX_INT_T_LEN;
    }

    p = llm_store_alloc(op, size);
    if (p == NULL) {
        return NGX_ERROR;
    }

    last = p + size;

    key = (line->type == NGX_HTTP_LLM_KEY_LINE);
    kind = llm_subject_name(key ? LLM_SUBJECT_KEY : line->type);

    row->kind.data = (u_char *) kind;
    row->kind.len = ngx_strlen(kind);
    row->id.data = line->id.data;
    row->id.len = line->id.len;

    row->action.data = p;

    p = ngx_sprintf(p, key ? "llm_%s" : "llm_%s_limit", kind);
    row->action.len = p - row->action.data;

    row->limits.data = p;
    p = ngx_cpymem(p, "{\"limits\":[", sizeof("{\"limits\":[") - 1);

    for (i = 0; i < n; i++) {
        limits = &line[i].written->limits;

        if (i) {

            if (ngx_http_llm_configured_order(&line[i - 1], &line[i]) == 0) {
                continue;
            }

            *p++ = ',';
        }

        *p++ = '"';
        p = llm_text_json(p, last, limits->data, limits->len);
        *p++ = '"';
    }

    *p++ = ']';
    *p++ = '}';

    row->limits.len = p - row->limits.data;
    row->place.data = p;

    for (i = 0; i < n; i++) {
        p = ngx_sprintf(p, "%s%s:%ui", i ? ", " : "", line[i].written->file,
                        line[i].written->line);
    }

    row->place.len = p - row->place.data;

    return NGX_OK;
}
