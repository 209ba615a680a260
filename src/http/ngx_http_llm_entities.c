
/*
 * Copyright (C) the llm_quota authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_llm.h"
#include "ngx_http_llm_entity.h"


/*
 * What the store has of entities comes into the zone.  A new zone gets all of
 * it before its workers take requests.  After that every change is put into
 * the zone by who makes it; one worker asks the audit every "sync" for what
 * another nginx has changed, or somebody who was killed before he put it.
 *
 * The audit has the deletions, too.  Its newest row is read before the list:
 * what changes in between is in the audit after it.
 */


#define NGX_HTTP_LLM_ENTITIES_ROWS   1000    /* of the list, in one reading */
#define NGX_HTTP_LLM_ENTITIES_AUDIT  32      /* of the audit */
#define NGX_HTTP_LLM_ENTITIES_WAIT   5000    /* ms for who loads */
#define NGX_HTTP_LLM_ENTITIES_TICK   5       /* ms */


static ngx_uint_t ngx_http_llm_entities_wait(ngx_http_llm_quota_t *quota);
static llm_store_status_e ngx_http_llm_entities_read(
    ngx_http_llm_quota_t *quota, llm_store_op_t *op);
static void ngx_http_llm_entities_put(ngx_http_llm_quota_t *quota,
    const llm_store_text_t *kind, const llm_store_text_t *id, int64_t version,
    const llm_store_text_t *json);
static void ngx_http_llm_entities_rows(ngx_http_llm_quota_t *quota,
    const llm_store_entities_t *list);
static void ngx_http_llm_entities_ready(ngx_http_llm_quota_t *quota,
    int64_t number);
static void ngx_http_llm_entities_list(ngx_http_llm_store_task_t *task);
static void ngx_http_llm_entities_audit(ngx_http_llm_store_task_t *task);
static void ngx_http_llm_entities_again(ngx_http_llm_store_task_t *task);
static void ngx_http_llm_entities_ask(llm_store_op_t *op, size_t max);


void
ngx_http_llm_entities_load(ngx_http_llm_quota_t *quota, ngx_log_t *log)
{
    llm_store_op_t      op;
    llm_store_status_e  status;

    if (quota->zone.zone->entities_ready
        || ngx_http_llm_entities_wait(quota))
    {
        return;
    }

    ngx_memzero(&op, sizeof(llm_store_op_t));

    status = ngx_http_llm_entities_read(quota, &op);

    if (status != LLM_STORE_OK && status != LLM_STORE_ABSENT) {
        quota->zone.zone->entities_tried = 1;

        ngx_log_error(NGX_LOG_ERR, log, 0,
                      "llm_quota store of zone \"%V\" cannot be read, its "
                      "teams, users and keys come later: %s", &quota->name,
                      op.error);
    }

    llm_store_empty(&op);
}


/* One of those that start together loads, the others wait for it; they serve
   nobody yet. */

static ngx_uint_t
ngx_http_llm_entities_wait(ngx_http_llm_quota_t *quota)
{
    ngx_msec_t  waited;

    if (ngx_process != NGX_PROCESS_WORKER || ngx_worker == 0) {
        return 0;
    }

    for (waited = 0;
         waited < NGX_HTTP_LLM_ENTITIES_WAIT;
         waited += NGX_HTTP_LLM_ENTITIES_TICK)
    {
        if (quota->zone.zone->entities_ready
            || quota->zone.zone->entities_tried)
        {
            return 1;
        }

        ngx_msleep(NGX_HTTP_LLM_ENTITIES_TICK);
    }

    return 0;
}


static llm_store_status_e
ngx_http_llm_entities_read(ngx_http_llm_quota_t *quota, llm_store_op_t *op)
{
    int64_t             number;
    llm_store_status_e  status;

    ngx_http_llm_entities_ask(op, 1);

    status = ngx_http_llm_store_run(&quota->store, op);

    if (status == LLM_STORE_ABSENT) {
        ngx_http_llm_entities_ready(quota, 0);
    }

    if (status != LLM_STORE_OK) {
        return status;
    }

    number = op->audit.nrows ? op->audit.rows[0].number : 0;

    ngx_memzero(&op->entities, sizeof(llm_store_entities_t));

    op->type = LLM_STORE_ENTITIES;
    op->entities.max = NGX_HTTP_LLM_ENTITIES_ROWS;

    do {
        status = ngx_http_llm_store_run(&quota->store, op);

        if (status != LLM_STORE_OK) {
            return status;
        }

        ngx_http_llm_entities_rows(quota, &op->entities);

    } while (op->entities.cursor.len);

    ngx_http_llm_entities_ready(quota, number);

    return status;
}


/* The newest changes. */

static void
ngx_http_llm_entities_ask(llm_store_op_t *op, size_t max)
{
    ngx_memzero(&op->audit, sizeof(llm_store_audit_t));

    op->type = LLM_STORE_AUDIT;
    op->audit.changes = 1;
    op->audit.max = max;
}


static void
ngx_http_llm_entities_rows(ngx_http_llm_quota_t *quota,
    const llm_store_entities_t *list)
{
    size_t                     i;
    const llm_store_entity_t  *e;

    for (i = 0; i < list->nrows; i++) {
        e = &list->rows[i];
        ngx_http_llm_entities_put(quota, &e->kind, &e->id, e->version,
                                  &e->json);
    }
}


static void
ngx_http_llm_entities_put(ngx_http_llm_quota_t *quota,
    const llm_store_text_t *kind, const llm_store_text_t *id, int64_t version,
    const llm_store_text_t *json)
{
    char       error[LLM_ENTITY_ERROR];
    ngx_str_t  k, i, j;

    k.data = (u_char *) kind->data;
    k.len = kind->len;
    i.data = (u_char *) id->data;
    i.len = id->len;
    j.data = (u_char *) json->data;
    j.len = json->len;

    if (ngx_http_llm_entity_publish(&quota->zone, &k, &i, version, &j, error)
        != NGX_OK)
    {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "llm_quota zone \"%V\" cannot take %V \"%V\" of the "
                      "store: %s", &quota->name, &k, &i, error);
    }
}


static void
ngx_http_llm_entities_ready(ngx_http_llm_quota_t *quota, int64_t number)
{
    llm_zone_t  *z;

    z = ngx_http_llm_zone_lock(&quota->zone);

    if (z->entities_polled < number) {
        z->entities_polled = number;
    }

    z->entities_ready = 1;

    ngx_http_llm_zone_unlock(&quota->zone);
}


void
ngx_http_llm_entities_poll(ngx_http_llm_quota_t *quota)
{
    ngx_http_llm_store_task_t  *task;

    if (quota->polling) {
        return;
    }

    task = ngx_http_llm_store_task(&quota->store);
    if (task == NULL) {
        return;
    }

    task->data = quota;
    task->handler = ngx_http_llm_entities_audit;

    ngx_http_llm_entities_ask(&task->op, NGX_HTTP_LLM_ENTITIES_AUDIT);

    if (!quota->zone.zone->entities_ready) {
        task->op.audit.max = 1;
    }

    if (ngx_http_llm_store_post(task) != NGX_OK) {
        ngx_http_llm_store_free(task);
        return;
    }

    quota->polling = 1;
    quota->polled = 0;
}


static void
ngx_http_llm_entities_audit(ngx_http_llm_store_task_t *task)
{
    ngx_http_llm_quota_t *quota = task->data;

    size_t                        i;
    llm_zone_t                   *z;
    const llm_store_audit_row_t  *row;

    z = quota->zone.zone;

    if (task->op.status != LLM_STORE_OK) {
        quota->polling = 0;
        return;
    }

    if (task->op.audit.nrows && quota->polled == 0) {
        quota->polled = task->op.audit.rows[0].number;
    }

    if (!z->entities_ready) {
        ngx_memzero(&task->op.entities, sizeof(llm_store_entities_t));

        task->op.type = LLM_STORE_ENTITIES;
        task->op.entities.max = NGX_HTTP_LLM_ENTITIES_AUDIT;
        task->handler = ngx_http_llm_entities_list;

        ngx_http_llm_entities_again(task);
        return;
    }

    for (i = 0; i < task->op.audit.nrows; i++) {
        row = &task->op.audit.rows[i];

        if (row->number <= z->entities_polled) {
            break;
        }

        ngx_http_llm_entities_put(quota, &row->kind, &row->id, row->version,
                                  &row->after);
    }

    if (i < task->op.audit.nrows || task->op.audit.cursor.len == 0) {
        quota->polling = 0;
        ngx_http_llm_entities_ready(quota, quota->polled);
        return;
    }

    ngx_http_llm_entities_again(task);
}


/* What could not be read when the worker started. */

static void
ngx_http_llm_entities_list(ngx_http_llm_store_task_t *task)
{
    ngx_http_llm_quota_t *quota = task->data;

    if (task->op.status != LLM_STORE_OK) {
        quota->polling = 0;
        return;
    }

    ngx_http_llm_entities_rows(quota, &task->op.entities);

    if (task->op.entities.cursor.len) {
        ngx_http_llm_entities_again(task);
        return;
    }

    quota->polling = 0;
    ngx_http_llm_entities_ready(quota, quota->polled);
}


static void
ngx_http_llm_entities_again(ngx_http_llm_store_task_t *task)
{
    ngx_http_llm_quota_t *quota = task->data;

    if (ngx_http_llm_store_post(task) != NGX_OK) {
        quota->polling = 0;
    }
}
