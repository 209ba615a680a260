
/*
 * Copyright (C) the llm_quota authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "ngx_http_llm_redis_peer.h"


/* Everything that differs between the versions of hiredis. */

/* since 1.0.0 the length of an array is a size_t */

#if (HIREDIS_MAJOR >= 1)
typedef size_t  ngx_http_llm_redis_elements_t;
#else
typedef int     ngx_http_llm_redis_elements_t;
#endif


static void *ngx_http_llm_redis_array(const redisReadTask *task,
    ngx_http_llm_redis_elements_t n);


static void  *(*ngx_http_llm_redis_next_array)(const redisReadTask *task,
    ngx_http_llm_redis_elements_t n);


/* hiredis allocates an array as soon as its length is announced, and since
   1.0.0 frees what is nested by recursion, however deep. */

ngx_int_t
ngx_http_llm_redis_reader(ngx_http_llm_redis_peer_t *peer)
{
    peer->reader = redisReaderCreate();
    if (peer->reader == NULL) {
        return NGX_ERROR;
    }

    peer->functions = *peer->reader->fn;
    ngx_http_llm_redis_next_array = peer->functions.createArray;
    peer->functions.createArray = ngx_http_llm_redis_array;

    peer->reader->fn = &peer->functions;
    peer->reader->privdata = peer;
    peer->fed = 0;
    peer->crowded = 0;

    return NGX_OK;
}


static void *
ngx_http_llm_redis_array(const redisReadTask *task,
    ngx_http_llm_redis_elements_t n)
{
    ngx_uint_t                  depth;
    const redisReadTask        *outer;
    ngx_http_llm_redis_peer_t  *peer;

    depth = 1;

    for (outer = task->parent;
         outer && depth <= NGX_HTTP_LLM_REDIS_DEPTH;
         outer = outer->parent)
    {
        depth++;
    }

    if (n > NGX_HTTP_LLM_REDIS_ELEMENTS || depth > NGX_HTTP_LLM_REDIS_DEPTH) {
        peer = task->privdata;
        peer->crowded = 1;

        return NULL;
    }

    return ngx_http_llm_redis_next_array(task, n);
}
