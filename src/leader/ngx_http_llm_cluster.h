
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _NGX_HTTP_LLM_CLUSTER_H_INCLUDED_
#define _NGX_HTTP_LLM_CLUSTER_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "llm_cluster.h"
#include "ngx_http_llm_leader.h"
#include "ngx_http_llm_redis.h"


/*
 * What other machines have of the zone is exchanged with a Redis every "sync",
 * and as soon as somebody waits for a new meter: first the changes since the
 * last time, then what is to be set or read, in batches.
 *
 * After a new connection, and where Redis has lost what it had, all of the
 * zone is exchanged, and beside that what only the store has.
 */


#define NGX_HTTP_LLM_CLUSTER_BATCHES  8      /* unanswered */
#define NGX_HTTP_LLM_CLUSTER_RUN      16
#define NGX_HTTP_LLM_CLUSTER_WHY      256


typedef struct ngx_http_llm_news_s  ngx_http_llm_news_t;

typedef struct {
    ngx_http_llm_cluster_t          *cluster;
    llm_cluster_batch_t              batch;
} ngx_http_llm_cluster_batch_t;


struct ngx_http_llm_cluster_s {
    ngx_http_llm_leader_t           *leader;
    ngx_http_llm_redis_peer_t        peer;
    llm_redis_names_t                names;
    llm_redis_args_t                 args;
    llm_cluster_t                   *book;
    ngx_http_llm_news_t             *news;       /* NULL: without a peer */

    ngx_event_t                      timer;
    ngx_msec_t                       began;      /* the last exchange */
    ngx_msec_t                       reached;    /* the last that succeeded */
    uint32_t                         wanted;     /* that it began with */

    ngx_uint_t                       loaded;     /* scripts */
    int64_t                          since;      /* version; -1: none yet */
    char                             run[NGX_HTTP_LLM_CLUSTER_RUN];
    ngx_uint_t                       unanswered; /* of the exchange */
    ngx_http_llm_cluster_batch_t    *batches[NGX_HTTP_LLM_CLUSTER_BATCHES];
    ngx_uint_t                       nbatches;   /* that are free */

    /* what only the store has */
    ngx_http_llm_store_task_t       *task;
    ngx_http_llm_cluster_batch_t     stored;
    llm_store_cursor_t               cursor;
    ngx_uint_t                       foreign;    /* the leader's, and */
    int64_t                          blind;      /* the book's, as last seen */
    ngx_msec_t                       late;       /* when what they made known
                                                    is in the store */

    u_char                           why[NGX_HTTP_LLM_CLUSTER_WHY];
    size_t                           why_len;

    unsigned                         busy:1;
    unsigned                         failed:1;
    unsigned                         more:1;     /* changes, at once */
    unsigned                         collected:1;
    unsigned                         away:1;     /* was told */
    unsigned                         restore:1;  /* the store is to be gone
                                                    over */
    unsigned                         restoring:1;
    unsigned                         later:1;
    unsigned                         stopped:1;
};


/* ngx_http_llm_exchange.c: one exchange, which ends with what
   ngx_http_llm_cluster_end() is told. */
void ngx_http_llm_exchange(ngx_http_llm_cluster_t *cl);

/* ngx_http_llm_cluster.c */

/* Sends what was made in the arguments; rc: of what made it. */
ngx_int_t ngx_http_llm_cluster_send(ngx_http_llm_cluster_t *cl, int rc,
    ngx_http_llm_redis_handler_pt handler, void *data);

/* NGX_OK, or why not is noted. */
ngx_int_t ngx_http_llm_cluster_status(ngx_http_llm_cluster_t *cl,
    llm_redis_status_e status, const llm_redis_text_t *text);

/* An exchange is over. */
void ngx_http_llm_cluster_end(ngx_http_llm_cluster_t *cl);


#endif /* _NGX_HTTP_LLM_CLUSTER_H_INCLUDED_ */
