
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _NGX_HTTP_LLM_STORE_ROOM_H_INCLUDED_
#define _NGX_HTTP_LLM_STORE_ROOM_H_INCLUDED_


#include "ngx_http_llm_store.h"


/* What the files of a worker's store share; for nobody else. */


/* ngx_http_llm_store.c */

/* Calls the handler of a task that no lane works at. */
void ngx_http_llm_store_finish(ngx_http_llm_store_task_t *task);


/* ngx_http_llm_store_redis.c */

/* A CHANGE, which is posted again with its versions, or finished.  As
   ngx_http_llm_store_post(). */
ngx_int_t ngx_http_llm_store_redis_change(ngx_http_llm_store_redis_t *redis,
    ngx_http_llm_store_task_t *task);

/* At exit: what waits is finished; frees it. */
void ngx_http_llm_store_redis_stop(ngx_http_llm_store_redis_t *redis);


#endif /* _NGX_HTTP_LLM_STORE_ROOM_H_INCLUDED_ */
