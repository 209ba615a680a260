
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _NGX_HTTP_LLM_EVENTS_ROOM_H_INCLUDED_
#define _NGX_HTTP_LLM_EVENTS_ROOM_H_INCLUDED_


#include "ngx_http_llm_events.h"


/* What the files of events share; for nobody else. */


#define NGX_HTTP_LLM_EVENTS_BATCH   64      /* alerts of one transaction */
#define NGX_HTTP_LLM_EVENTS_WRITES  16      /* of these at once */
#define NGX_HTTP_LLM_EVENTS_KNOWN   8192    /* a power of two */
#define NGX_HTTP_LLM_EVENTS_LOADS   32      /* at once */


/* What is put into the store at once. */

typedef struct {
    ngx_http_llm_events_t         *events;
    ngx_http_llm_store_task_t     *task;         /* NULL: free */
    ngx_uint_t                     n;
    llm_store_alert_t              alerts[NGX_HTTP_LLM_EVENTS_BATCH];
    uint64_t                       keys[NGX_HTTP_LLM_EVENTS_BATCH];
    int64_t                        until[NGX_HTTP_LLM_EVENTS_BATCH];
                                                 /* s of the epoch: the period
                                                    ends; 0: never */
    unsigned                       mine[NGX_HTTP_LLM_EVENTS_BATCH];
                                                 /* of several nodes it is this
                                                    that tells */
} ngx_http_llm_events_write_t;


struct ngx_http_llm_events_s {
    ngx_http_llm_leader_t         *leader;
    ngx_http_llm_store_task_t     *opening;      /* NULL: not now */
    ngx_http_llm_store_task_t     *reading;      /* likewise */
    ngx_http_llm_events_write_t   *batch;        /* being filled, or NULL */
    uint64_t                       changes;      /* of entities, when all were
                                                    looked at */
    const llm_watch_total_t       *total;        /* looked at now */

    unsigned                       open:1;
    unsigned                       wanted:1;     /* all are to be looked at */
    unsigned                       lot:1;        /* one is in the batch that
                                                    others are lesser than */

    /* digests of keys that the store has: only saves asking it */
    uint64_t                       known[NGX_HTTP_LLM_EVENTS_KNOWN];

    ngx_http_llm_events_write_t    writes[NGX_HTTP_LLM_EVENTS_WRITES];

    /* totals that others have changed, NULL: free */
    ngx_http_llm_store_task_t     *loads[NGX_HTTP_LLM_EVENTS_LOADS];
};


/* ngx_http_llm_events.c: a total of the store, of this node: what is found goes
   into the batch. */
void ngx_http_llm_events_total(ngx_http_llm_events_t *events,
    const llm_store_subject_t *subject, const llm_store_period_t *period,
    const int64_t *sums, int64_t generation);


/* ngx_http_llm_events_write.c */

/* A batch that has room, or NULL: all are on their way. */
ngx_http_llm_events_write_t *ngx_http_llm_events_batch(
    ngx_http_llm_events_t *events);

/* What is in the batch goes into the store. */
void ngx_http_llm_events_post(ngx_http_llm_events_t *events);

/* At the end, when no Redis is spoken to any more. */
void ngx_http_llm_events_cancel(ngx_http_llm_events_t *events);


/* ngx_http_llm_events_others.c: to what this node has of a meter comes what
   others were last known to have. */
void ngx_http_llm_events_add_others(ngx_http_llm_leader_t *leader,
    llm_watch_total_t *total);


#endif /* _NGX_HTTP_LLM_EVENTS_ROOM_H_INCLUDED_ */
