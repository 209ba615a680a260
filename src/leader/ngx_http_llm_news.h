
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _NGX_HTTP_LLM_NEWS_H_INCLUDED_
#define _NGX_HTTP_LLM_NEWS_H_INCLUDED_


#include "ngx_http_llm_cluster.h"


/*
 * Entities of several nodes: what others have changed comes out of Redis into
 * the store, with its row in the audit, and into the zone.  Where Redis may
 * have lost something, it is offered what the store has first, what was
 * deleted included.
 */


/* Of a cluster that has a peer. */
ngx_int_t ngx_http_llm_news_start(ngx_http_llm_cluster_t *cl);

/* When the peer was stopped. */
void ngx_http_llm_news_stop(ngx_http_llm_cluster_t *cl);

/* The peer has a new connection. */
void ngx_http_llm_news_again(ngx_http_llm_cluster_t *cl);

/* Often; the peer is ready, and so is what the zone has of its own. */
void ngx_http_llm_news_tick(ngx_http_llm_cluster_t *cl);


#endif /* _NGX_HTTP_LLM_NEWS_H_INCLUDED_ */
