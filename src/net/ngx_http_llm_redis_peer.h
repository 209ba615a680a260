
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _NGX_HTTP_LLM_REDIS_PEER_H_INCLUDED_
#define _NGX_HTTP_LLM_REDIS_PEER_H_INCLUDED_


#include "ngx_http_llm_redis.h"


/*
 * The steps of a peer, which know each other by this only:
 *
 *     connect --> open --> (TLS) --> greet --> READY
 *                                      |
 *     what a Sentinel names:           +--> connect
 *
 * Whatever goes wrong ends in ngx_http_llm_redis_lose(), after which the
 * caller touches nothing of the connection; serial tells that it is another.
 */


/* Who is spoken to. */

typedef enum {
    NGX_HTTP_LLM_REDIS_CONFIGURED = 0,
    NGX_HTTP_LLM_REDIS_MASTER,           /* a Sentinel has named it */
    NGX_HTTP_LLM_REDIS_MOVED             /* Redis has */
} ngx_http_llm_redis_target_e;


/* Why a connection is lost: each is told once until the next one is there. */

typedef enum {
    NGX_HTTP_LLM_REDIS_NO_NAME = 0,
    NGX_HTTP_LLM_REDIS_NO_CONNECTION,
    NGX_HTTP_LLM_REDIS_NO_TLS,
    NGX_HTTP_LLM_REDIS_NO_ANSWER,
    NGX_HTTP_LLM_REDIS_NO_MEMORY,
    NGX_HTTP_LLM_REDIS_NO_MASTER,
    NGX_HTTP_LLM_REDIS_CLOSED,
    NGX_HTTP_LLM_REDIS_GARBAGE,
    NGX_HTTP_LLM_REDIS_TOO_LARGE,
    NGX_HTTP_LLM_REDIS_REFUSED,
    NGX_HTTP_LLM_REDIS_REPLICA,
    NGX_HTTP_LLM_REDIS_ELSEWHERE
} ngx_http_llm_redis_why_e;


/* ngx_http_llm_redis.c */

/* The text goes on from "llm_quota redis of zone Z: HOST "; it is tried
   again after a pause. */
void ngx_http_llm_redis_lose(ngx_http_llm_redis_peer_t *peer,
    ngx_http_llm_redis_why_e why, ngx_err_t err, const char *fmt, ...);

/* Connects to the node at once; NGX_DECLINED: that was named by the one that
   is connected, or has no host. */
ngx_int_t ngx_http_llm_redis_follow(ngx_http_llm_redis_peer_t *peer,
    ngx_http_llm_redis_target_e target, const llm_redis_node_t *node);

/* The connection is greeted. */
void ngx_http_llm_redis_ready(ngx_http_llm_redis_peer_t *peer);

/* As ngx_http_llm_redis_command(), also before it is ready. */
ngx_int_t ngx_http_llm_redis_enqueue(ngx_http_llm_redis_peer_t *peer,
    int argc, const char **argv, const size_t *argvlen,
    ngx_http_llm_redis_handler_pt handler, void *data);

/* One answer, which the callee frees; NGX_DONE: the connection is gone. */
ngx_int_t ngx_http_llm_redis_answer(ngx_http_llm_redis_peer_t *peer,
    redisReply *reply);

/* Microseconds of a clock that never goes back. */
uint64_t ngx_http_llm_redis_now(void);

/* Of a reply what a log line may have. */
ngx_str_t ngx_http_llm_redis_text(redisReply *reply, u_char *buf, size_t size);


/* ngx_http_llm_redis_link.c */

void ngx_http_llm_redis_open(ngx_http_llm_redis_peer_t *peer);
void ngx_http_llm_redis_flush(ngx_http_llm_redis_peer_t *peer);
void ngx_http_llm_redis_close(ngx_http_llm_redis_peer_t *peer);


/* ngx_http_llm_redis_find.c: where the target is, then it is opened. */

void ngx_http_llm_redis_find(ngx_http_llm_redis_peer_t *peer);
void ngx_http_llm_redis_find_stop(ngx_http_llm_redis_peer_t *peer);


/* ngx_http_llm_redis_greet.c */

void ngx_http_llm_redis_greet(ngx_http_llm_redis_peer_t *peer);


/* ngx_http_llm_redis_codec.c */

ngx_int_t ngx_http_llm_redis_reader(ngx_http_llm_redis_peer_t *peer);


#endif /* _NGX_HTTP_LLM_REDIS_PEER_H_INCLUDED_ */
