
/*
 * Copyright (C) the llm_quota authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "ngx_http_llm_cluster.h"
#include "ngx_http_llm_events.h"


#define NGX_HTTP_LLM_CLUSTER_USE      5000   /* ms that an identity is in use
                                                without a word */
#define NGX_HTTP_LLM_CLUSTER_CHANGES  1024


static void ngx_http_llm_exchange_load(ngx_http_llm_cluster_t *cl);
static void ngx_http_llm_exchange_loaded(void *data, redisReply *reply);
static void ngx_http_llm_exchange_ask(ngx_http_llm_cluster_t *cl);
static void ngx_http_llm_exchange_changes(void *data, redisReply *reply);
static void ngx_http_llm_exchange_note(ngx_http_llm_cluster_t *cl,
    const llm_redis_changes_t *changes);
static void ngx_http_llm_exchange_collect(ngx_http_llm_cluster_t *cl);
static ngx_http_llm_cluster_batch_t *ngx_http_llm_exchange_batch(
    ngx_http_llm_cluster_t *cl);
static void ngx_http_llm_exchange_exchanged(void *data, redisReply *reply);
static void ngx_http_llm_exchange_changed(ngx_http_llm_cluster_t *cl,
    const llm_cluster_batch_t *batch);


void
ngx_http_llm_exchange(ngx_http_llm_cluster_t *cl)
{
    ngx_time_t  *tp;

    tp = ngx_timeofday();

    cl->busy = 1;
    cl->failed = 0;
    cl->more = 0;
    cl->collected = 0;
    cl->began = ngx_current_msec;
    cl->wanted = cl->leader->conf.zone->zone->wanted;

    llm_cluster_begin(cl->book, (int64_t) tp->sec * 1000 + tp->msec);

    if (cl->loaded < LLM_REDIS_SCRIPTS) {
        ngx_http_llm_exchange_load(cl);

    } else {
        ngx_http_llm_exchange_ask(cl);
    }
}


static void
ngx_http_llm_exchange_load(ngx_http_llm_cluster_t *cl)
{
    if (ngx_http_llm_cluster_send(cl, llm_redis_load(&cl->args, cl->loaded),
                                  ngx_http_llm_exchange_loaded, cl)
        != NGX_OK)
    {
        cl->busy = 0;
    }
}


static void
ngx_http_llm_exchange_loaded(void *data, redisReply *reply)
{
    ngx_http_llm_cluster_t *cl = data;

    llm_redis_text_t    text;
    llm_redis_status_e  status;

    if (reply == NULL) {
        cl->busy = 0;
        return;
    }

    status = llm_redis_loaded(reply, cl->names.sha[cl->loaded], &text);

    if (ngx_http_llm_cluster_status(cl, status, &text) != NGX_OK) {
        cl->busy = 0;
        return;
    }

    if (++cl->loaded < LLM_REDIS_SCRIPTS) {
        ngx_http_llm_exchange_load(cl);

    } else {
        ngx_http_llm_exchange_ask(cl);
    }
}


static void
ngx_http_llm_exchange_ask(ngx_http_llm_cluster_t *cl)
{
    int64_t      ttl;
    uint64_t     run;
    ngx_time_t  *tp;

    tp = ngx_timeofday();

    ttl = ngx_max(NGX_HTTP_LLM_CLUSTER_USE,
                  10 * (int64_t) cl->leader->conf.sync);

    run = cl->leader->conf.zone->zone->epoch
          ^ ((uint64_t) ngx_random() << 33)
          ^ ((uint64_t) tp->sec * 1000 + tp->msec);

    if (ngx_http_llm_cluster_send(cl,
                                  llm_redis_changes(&cl->args, &cl->names,
                                              ttl, cl->since,
                                              NGX_HTTP_LLM_CLUSTER_CHANGES,
                                              run),
                                  ngx_http_llm_exchange_changes, cl)
        != NGX_OK)
    {
        cl->busy = 0;
    }
}


static void
ngx_http_llm_exchange_changes(void *data, redisReply *reply)
{
    ngx_http_llm_cluster_t *cl = data;

    llm_redis_text_t     text;
    llm_redis_status_e   status;
    llm_redis_changes_t  changes;

    if (reply == NULL) {
        cl->busy = 0;
        return;
    }

    status = llm_redis_changes_read(reply, &changes, &text);

    if (ngx_http_llm_cluster_status(cl, status, &text) != NGX_OK) {
        cl->busy = 0;
        return;
    }

    ngx_http_llm_exchange_note(cl, &changes);
    ngx_http_llm_exchange_collect(cl);
}


static void
ngx_http_llm_exchange_note(ngx_http_llm_cluster_t *cl,
    const llm_redis_changes_t *changes)
{
    size_t             i;
    int64_t            version;
    llm_zone_t        *z;
    llm_redis_text_t   key;

    /* a Redis that was emptied begins to count anew, under another name */

    if (cl->since < 0
        || changes->run.len != sizeof(cl->run)
        || ngx_memcmp(changes->run.data, cl->run, sizeof(cl->run)) != 0
        || changes->version < cl->since
        || changes->version - cl->since > LLM_REDIS_CHANGES)
    {
        ngx_memzero(cl->run, sizeof(cl->run));
        ngx_memcpy(cl->run, changes->run.data,
                   ngx_min(changes->run.len, sizeof(cl->run)));

        cl->since = changes->version;
        cl->restore = 1;

        llm_cluster_again(cl->book);

        return;
    }

    if (changes->n == 0) {
        cl->since = changes->version;
        return;
    }

    z = ngx_http_llm_zone_lock(cl->leader->conf.zone);

    for (i = 0; i < changes->n; i++) {

        if (llm_redis_change(changes, i, &key, &version) == 0) {
            llm_cluster_changed(cl->book, z, &key, version);
            cl->since = version;
        }
    }

    ngx_http_llm_zone_unlock(cl->leader->conf.zone);

    cl->more = (changes->n == NGX_HTTP_LLM_CLUSTER_CHANGES);
}


static void
ngx_http_llm_exchange_collect(ngx_http_llm_cluster_t *cl)
{
    int                            more;
    llm_zone_t                    *z;
    ngx_http_llm_cluster_batch_t  *b;

    while (!cl->failed && !cl->collected
           && cl->unanswered < NGX_HTTP_LLM_CLUSTER_BATCHES)
    {
        b = ngx_http_llm_exchange_batch(cl);

        if (b == NULL) {
            cl->failed = 1;
            break;
        }

        do {
            z = ngx_http_llm_zone_lock(cl->leader->conf.zone);
            more = llm_cluster_collect(cl->book, z, &b->batch);
            ngx_http_llm_zone_unlock(cl->leader->conf.zone);

        } while (more && b->batch.n < LLM_CLUSTER_ITEMS);

        cl->collected = !more;

        if (b->batch.n
            && ngx_http_llm_cluster_send(cl,
                                         llm_redis_exchange(&cl->args,
                                                            &cl->names,
                                                            b->batch.items,
                                                            b->batch.n),
                                         ngx_http_llm_exchange_exchanged, b)
               == NGX_OK)
        {
            cl->unanswered++;
            continue;
        }

        cl->failed = (b->batch.n != 0);
        cl->batches[cl->nbatches++] = b;
    }

    if (cl->unanswered == 0) {
        ngx_http_llm_cluster_end(cl);
    }
}


static ngx_http_llm_cluster_batch_t *
ngx_http_llm_exchange_batch(ngx_http_llm_cluster_t *cl)
{
    ngx_http_llm_cluster_batch_t  *b;

    if (cl->nbatches) {
        b = cl->batches[--cl->nbatches];

    } else {
        b = ngx_alloc(sizeof(ngx_http_llm_cluster_batch_t),
                      cl->leader->cycle->log);
        if (b == NULL) {
            return NULL;
        }
    }

    b->cluster = cl;
    b->batch.n = 0;

    return b;
}


static void
ngx_http_llm_exchange_exchanged(void *data, redisReply *reply)
{
    ngx_http_llm_cluster_batch_t *b = data;

    int64_t                  now;
    llm_zone_t              *z;
    llm_redis_text_t         text;
    llm_redis_status_e       status;
    ngx_http_llm_cluster_t  *cl;

    cl = b->cluster;

    cl->unanswered--;
    cl->batches[cl->nbatches++] = b;

    if (reply == NULL) {
        cl->failed = 1;

    } else {
        status = llm_redis_exchange_read(reply, b->batch.n, &now, &text);

        if (ngx_http_llm_cluster_status(cl, status, &text) == NGX_OK) {
            llm_cluster_read(cl->book, &b->batch, reply);

            z = ngx_http_llm_zone_lock(cl->leader->conf.zone);
            llm_cluster_apply(cl->book, z, &b->batch, now);
            ngx_http_llm_zone_unlock(cl->leader->conf.zone);

            ngx_http_llm_exchange_changed(cl, &b->batch);

        } else {
            cl->failed = 1;
        }
    }

    if (!cl->stopped) {
        ngx_http_llm_exchange_collect(cl);
    }
}


/* What all have together may be over a threshold now. */

static void
ngx_http_llm_exchange_changed(ngx_http_llm_cluster_t *cl,
    const llm_cluster_batch_t *batch)
{
    size_t                    i;
    llm_watch_total_t         total;
    const llm_redis_item_t   *item;
    const llm_cluster_ref_t  *ref;

    for (i = 0; i < batch->n; i++) {
        ref = &batch->refs[i];
        item = &batch->items[i];

        if (ref->index == LLM_NONE || !ref->changed) {
            continue;
        }

        total.type = ref->type;
        total.name.data = (u_char *) item->key + item->len - ref->id_len;
        total.name.len = ref->id_len;
        total.period = ref->period;
        total.start = ref->start;
        total.end = ref->end;
        total.generation = 0;

        ngx_memcpy(total.used, ref->total, sizeof(total.used));

        ngx_http_llm_events_changed(cl->leader, &total);
    }
}
