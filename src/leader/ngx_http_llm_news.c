
/*
 * Copyright (C) the llm_quota authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "llm_redis_entity.h"
#include "ngx_http_llm_entity.h"
#include "ngx_http_llm_news.h"


struct ngx_http_llm_news_s {
    ngx_http_llm_cluster_t     *cluster;
    ngx_http_llm_store_task_t  *task;            /* NULL: none */
    ngx_msec_t                  began;

    int64_t                     since;           /* number of the last change
                                                    that came in, */
    int64_t                     version;         /* and its version */
    int64_t                     next;            /* the same of those that */
    int64_t                     next_version;    /* are coming in */

    /* what is offered; rows are read once to ask, and those that are wanted
       once more */
    llm_store_cursor_t          cursor;
    llm_store_cursor_t          after;
    uint64_t                    asked[LLM_REDIS_NEWS];   /* who: hashes */
    ngx_uint_t                  nasked;
    uint64_t                    wanted[LLM_REDIS_NEWS];
    ngx_uint_t                  nwanted;

    unsigned                    open:1;
    unsigned                    busy:1;
    unsigned                    offer:1;         /* all is to be offered */
    unsigned                    whole:1;         /* they are being set */
    unsigned                    walk:1;
    unsigned                    more:1;
};


static void ngx_http_llm_news_open(ngx_http_llm_news_t *news);
static void ngx_http_llm_news_opened(ngx_http_llm_store_task_t *task);
static ngx_int_t ngx_http_llm_news_post(ngx_http_llm_news_t *news,
    ngx_http_llm_store_task_t *task);
static void ngx_http_llm_news_offer(ngx_http_llm_news_t *news);
static void ngx_http_llm_news_rows(ngx_http_llm_store_task_t *task);
static ngx_uint_t ngx_http_llm_news_pick(ngx_http_llm_news_t *news,
    const llm_store_latest_t *l, const llm_store_made_t **rows);
static uint64_t ngx_http_llm_news_hash(const llm_store_change_t *change);
static void ngx_http_llm_news_offered(void *data, redisReply *reply);
static void ngx_http_llm_news_ask(ngx_http_llm_news_t *news);
static void ngx_http_llm_news_told(void *data, redisReply *reply);
static ngx_int_t ngx_http_llm_news_apply(ngx_http_llm_news_t *news,
    const llm_redis_news_t *told);
static ngx_int_t ngx_http_llm_news_row(ngx_http_llm_news_t *news,
    llm_store_op_t *op, const llm_redis_text_t *value);
static void ngx_http_llm_news_applied(ngx_http_llm_store_task_t *task);
static void ngx_http_llm_news_publish(ngx_http_llm_news_t *news,
    const llm_store_change_t *change);
static void ngx_http_llm_news_done(ngx_http_llm_news_t *news);


ngx_int_t
ngx_http_llm_news_start(ngx_http_llm_cluster_t *cl)
{
    cl->news = ngx_calloc(sizeof(ngx_http_llm_news_t), cl->leader->cycle->log);
    if (cl->news == NULL) {
        return NGX_ERROR;
    }

    cl->news->cluster = cl;
    cl->news->began = ngx_current_msec - cl->leader->conf.sync;

    return NGX_OK;
}


void
ngx_http_llm_news_stop(ngx_http_llm_cluster_t *cl)
{
    if (cl->news == NULL) {
        return;
    }

    if (cl->news->task) {
        ngx_http_llm_store_cancel(cl->news->task);
    }

    ngx_free(cl->news);
    cl->news = NULL;
}


void
ngx_http_llm_news_again(ngx_http_llm_cluster_t *cl)
{
    cl->news->offer = 1;
    cl->news->began = ngx_current_msec - cl->leader->conf.sync;
}


void
ngx_http_llm_news_tick(ngx_http_llm_cluster_t *cl)
{
    ngx_http_llm_news_t  *news;

    news = cl->news;

    if (news->busy || ngx_current_msec - news->began < cl->leader->conf.sync) {
        return;
    }

    news->busy = 1;
    news->began = ngx_current_msec;

    if (!news->open) {
        ngx_http_llm_news_open(news);

    } else if (news->offer) {
        news->cursor.len = 0;
        news->nwanted = 0;
        ngx_http_llm_news_offer(news);

    } else {
        ngx_http_llm_news_ask(news);
    }
}


/* What the carrier makes and mends is found. */

static void
ngx_http_llm_news_open(ngx_http_llm_news_t *news)
{
    ngx_http_llm_leader_t      *leader;
    ngx_http_llm_store_task_t  *task;

    leader = news->cluster->leader;

    if (leader->caught_up && !leader->failing) {

        task = ngx_http_llm_store_task(leader->conf.store);

        if (task) {
            task->op.type = LLM_STORE_OPEN;
            task->handler = ngx_http_llm_news_opened;

            if (ngx_http_llm_news_post(news, task) == NGX_OK) {
                return;
            }
        }
    }

    news->busy = 0;
}


static void
ngx_http_llm_news_opened(ngx_http_llm_store_task_t *task)
{
    ngx_http_llm_news_t *news = task->data;

    news->task = NULL;
    news->busy = 0;

    if (task->op.status == LLM_STORE_OK) {
        news->open = 1;
        ngx_http_llm_news_again(news->cluster);
    }
}


/* The task, or what becomes of it, is the caller's no more. */

static ngx_int_t
ngx_http_llm_news_post(ngx_http_llm_news_t *news,
    ngx_http_llm_store_task_t *task)
{
    task->data = news;

    if (ngx_http_llm_store_post(task) != NGX_OK) {
        ngx_http_llm_store_free(task);
        return NGX_ERROR;
    }

    news->task = task;

    return NGX_OK;
}


static void
ngx_http_llm_news_offer(ngx_http_llm_news_t *news)
{
    ngx_http_llm_store_task_t  *task;

    task = ngx_http_llm_store_task(news->cluster->leader->conf.store);

    if (task) {
        task->op.type = LLM_STORE_LATEST;
        task->op.latest.max = LLM_REDIS_NEWS;
        task->op.latest.cursor = news->cursor;
        task->handler = ngx_http_llm_news_rows;

        if (ngx_http_llm_news_post(news, task) == NGX_OK) {
            return;
        }
    }

    news->busy = 0;
}


static void
ngx_http_llm_news_rows(ngx_http_llm_store_task_t *task)
{
    ngx_http_llm_news_t *news = task->data;

    ngx_uint_t               n;
    llm_store_latest_t      *l;
    ngx_http_llm_cluster_t  *cl;
    const llm_store_made_t  *rows[LLM_REDIS_NEWS];

    cl = news->cluster;
    l = &task->op.latest;

    news->task = NULL;

    if (task->op.status != LLM_STORE_OK) {
        news->busy = 0;
        return;
    }

    news->after = l->cursor;
    news->whole = (news->nwanted != 0);

    n = ngx_http_llm_news_pick(news, l, rows);

    if (ngx_http_llm_cluster_send(cl, llm_redis_offer(&cl->args, &cl->names,
                                                      rows, n, news->whole),
                                  ngx_http_llm_news_offered, news)
        != NGX_OK)
    {
        news->busy = 0;
    }
}


/* All to ask, or of those that are wanted as many as one command should have;
   what was changed in between has come from Redis itself. */

static ngx_uint_t
ngx_http_llm_news_pick(ngx_http_llm_news_t *news, const llm_store_latest_t *l,
    const llm_store_made_t **rows)
{
    size_t      i, size;
    uint64_t    hash;
    ngx_uint_t  k, n;

    n = 0;
    size = 0;
    news->nasked = 0;

    for (i = 0; i < l->nrows && size < LLM_REDIS_NEWS_SIZE; i++) {

        hash = ngx_http_llm_news_hash(&l->rows[i].change);

        if (news->whole) {

            for (k = 0; k < news->nwanted && news->wanted[k] != hash; k++) {
                /* void */
            }

            if (k == news->nwanted) {
                continue;
            }

            news->wanted[k] = news->wanted[--news->nwanted];
            size += l->rows[i].change.json.len;
        }

        news->asked[news->nasked++] = hash;
        rows[n++] = &l->rows[i];
    }

    if (i == l->nrows) {
        news->nwanted = 0;
    }

    return n;
}


static uint64_t
ngx_http_llm_news_hash(const llm_store_change_t *change)
{
    return ((uint64_t) ngx_murmur_hash2((u_char *) change->kind.data,
                                        change->kind.len) << 32)
           ^ ngx_murmur_hash2((u_char *) change->id.data, change->id.len);
}


static void
ngx_http_llm_news_offered(void *data, redisReply *reply)
{
    ngx_http_llm_news_t *news = data;

    u_char                   wanted[LLM_REDIS_NEWS];
    ngx_uint_t               i;
    llm_redis_text_t         text;
    llm_redis_status_e       status;
    ngx_http_llm_cluster_t  *cl;

    cl = news->cluster;

    if (reply == NULL || cl->stopped) {
        news->busy = 0;
        return;
    }

    status = llm_redis_offered(reply, wanted, news->nasked, &text);

    if (ngx_http_llm_cluster_status(cl, status, &text) != NGX_OK) {
        news->busy = 0;
        return;
    }

    for (i = 0; !news->whole && i < news->nasked; i++) {
        if (wanted[i]) {
            news->wanted[news->nwanted++] = news->asked[i];
        }
    }

    if (news->nwanted == 0) {

        if (news->after.len == 0) {
            news->offer = 0;
            ngx_http_llm_news_ask(news);
            return;
        }

        news->cursor = news->after;
    }

    ngx_http_llm_news_offer(news);
}


static void
ngx_http_llm_news_ask(ngx_http_llm_news_t *news)
{
    ngx_http_llm_cluster_t  *cl;

    cl = news->cluster;

    if (ngx_http_llm_cluster_send(cl, llm_redis_news(&cl->args, &cl->names,
                                                     news->since,
                                                     news->version,
                                                     news->walk),
                                  ngx_http_llm_news_told, news)
        != NGX_OK)
    {
        news->busy = 0;
    }
}


static void
ngx_http_llm_news_told(void *data, redisReply *reply)
{
    ngx_http_llm_news_t *news = data;

    llm_redis_text_t         text;
    llm_redis_news_t         told;
    llm_redis_status_e       status;
    ngx_http_llm_cluster_t  *cl;

    cl = news->cluster;

    if (reply == NULL || cl->stopped) {
        news->busy = 0;
        return;
    }

    status = llm_redis_news_read(reply, &told, &text);

    if (ngx_http_llm_cluster_status(cl, status, &text) != NGX_OK) {
        news->busy = 0;
        return;
    }

    if (told.lost) {
        news->since = 0;
        news->version = 0;
        news->walk = 0;
        news->offer = 1;
        news->cursor.len = 0;

        ngx_http_llm_news_offer(news);
        return;
    }

    if (told.n == 0) {
        news->walk = 0;
        ngx_http_llm_news_done(news);
        return;
    }

    news->more = told.more;
    news->walk = told.walk && told.more;

    if (ngx_http_llm_news_apply(news, &told) != NGX_OK) {
        news->busy = 0;
    }
}


static ngx_int_t
ngx_http_llm_news_apply(ngx_http_llm_news_t *news,
    const llm_redis_news_t *told)
{
    size_t                      i;
    int64_t                     number;
    llm_store_op_t             *op;
    llm_redis_text_t            value;
    ngx_http_llm_store_task_t  *task;

    task = ngx_http_llm_store_task(news->cluster->leader->conf.store);
    if (task == NULL) {
        return NGX_ERROR;
    }

    op = &task->op;

    op->type = LLM_STORE_APPLY;
    task->handler = ngx_http_llm_news_applied;

    op->apply.rows = llm_store_alloc(op, told->n * sizeof(llm_store_made_t));

    if (op->apply.rows == NULL) {
        goto failed;
    }

    for (i = 0; i < told->n; i++) {

        if (llm_redis_news_value(told, i, &number, &value) != 0
            || ngx_http_llm_news_row(news, op, &value) != NGX_OK)
        {
            goto failed;
        }

        news->next = number;
    }

    return ngx_http_llm_news_post(news, task);

failed:

    ngx_http_llm_store_free(task);

    return NGX_ERROR;
}


/* The texts of a reply are gone when its handler returns.  What is no value
   was put there by somebody else: it is passed over. */

static ngx_int_t
ngx_http_llm_news_row(ngx_http_llm_news_t *news, llm_store_op_t *op,
    const llm_redis_text_t *value)
{
    llm_store_ref_t         *copies;
    llm_redis_text_t         seen;
    llm_store_text_t         copy;
    llm_store_made_t        *row;

    static llm_store_ref_t   refs[LLM_STORE_REFS];

    if (llm_store_copy(op, &copy, value->data, value->len) != 0) {
        return NGX_ERROR;
    }

    seen.data = (const char *) copy.data;
    seen.len = copy.len;

    row = &op->apply.rows[op->apply.nrows];

    if (llm_redis_value(&seen, row, refs) != 0) {
        ngx_log_error(NGX_LOG_ERR, news->cluster->leader->cycle->log, 0,
                      "llm_quota zone \"%V\" cannot read a change that Redis "
                      "has", news->cluster->leader->conf.name);
        return NGX_OK;
    }

    if (row->change.nrefs) {
        copies = llm_store_alloc(op, row->change.nrefs
                                     * sizeof(llm_store_ref_t));
        if (copies == NULL) {
            return NGX_ERROR;
        }

        ngx_memcpy(copies, refs, row->change.nrefs * sizeof(llm_store_ref_t));
        row->change.refs = copies;
    }

    news->next_version = row->change.changed;
    op->apply.nrows++;

    return NGX_OK;
}


static void
ngx_http_llm_news_applied(ngx_http_llm_store_task_t *task)
{
    ngx_http_llm_news_t *news = task->data;

    size_t              i;
    llm_store_apply_t  *apply;

    apply = &task->op.apply;
    news->task = NULL;

    if (task->op.status != LLM_STORE_OK) {
        news->busy = 0;
        news->open = 0;
        return;
    }

    for (i = 0; i < apply->nrows; i++) {
        if (apply->rows[i].newest) {
            ngx_http_llm_news_publish(news, &apply->rows[i].change);
        }
    }

    news->since = news->next;
    news->version = news->next_version;

    if (news->more) {
        ngx_http_llm_news_ask(news);

    } else {
        ngx_http_llm_news_done(news);
    }
}


static void
ngx_http_llm_news_publish(ngx_http_llm_news_t *news,
    const llm_store_change_t *change)
{
    char                    error[LLM_ENTITY_ERROR];
    ngx_str_t               kind, id, json;
    ngx_http_llm_leader_t  *leader;

    leader = news->cluster->leader;

    kind.data = (u_char *) change->kind.data;
    kind.len = change->kind.len;
    id.data = (u_char *) change->id.data;
    id.len = change->id.len;
    json.data = (u_char *) change->json.data;
    json.len = change->json.len;

    if (ngx_http_llm_entity_publish(leader->conf.zone, &kind, &id,
                                    change->changed, &json, error)
        != NGX_OK)
    {
        ngx_log_error(NGX_LOG_ERR, leader->cycle->log, 0,
                      "llm_quota zone \"%V\" cannot take %V \"%V\" of "
                      "another node: %s", leader->conf.name, &kind, &id,
                      error);
    }
}


/* The zone has all that Redis had. */

static void
ngx_http_llm_news_done(ngx_http_llm_news_t *news)
{
    llm_zone_t           *z;
    ngx_http_llm_zone_t  *zone;

    news->busy = 0;

    zone = news->cluster->leader->conf.zone;

    if (!zone->zone->joined) {
        z = ngx_http_llm_zone_lock(zone);
        llm_others_joined(z);
        ngx_http_llm_zone_unlock(zone);
    }
}
