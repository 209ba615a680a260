
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _NGX_HTTP_LLM_ZONE_H_INCLUDED_
#define _NGX_HTTP_LLM_ZONE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "llm_admit.h"


/*
 * A zone in nginx's shared memory: the mutex is the slab pool's, which nginx
 * gives back when a worker dies; everything else is llm_zone.h's.  The handle
 * lives for a cycle, the memory over reloads.
 */

typedef struct {
    ngx_shm_zone_t          *shm_zone;
    ngx_slab_pool_t         *shpool;
    llm_zone_t              *zone;
    llm_clock_t              clock;      /* this worker's */
    uint32_t                 worker;     /* slot, LLM_NONE: none */
} ngx_http_llm_zone_t;


/* For shm_zone->init; shm_zone->data is the handle. */
ngx_int_t ngx_http_llm_zone_init(ngx_shm_zone_t *shm_zone, void *data);

/* Registers this process, before it takes reservations. */
void ngx_http_llm_zone_init_worker(ngx_http_llm_zone_t *zone, ngx_log_t *log);

/*
 * Takes the mutex and enters; repairs what a dead owner left.  Between lock
 * and unlock: no system call, no log, no allocation.
 */
llm_zone_t *ngx_http_llm_zone_lock(ngx_http_llm_zone_t *zone);
void ngx_http_llm_zone_unlock(ngx_http_llm_zone_t *zone);

/* What a slot says now. */
void ngx_http_llm_zone_worker(ngx_http_llm_zone_t *zone, uint32_t i,
    llm_worker_t *worker);

/* Whether the process that holds a reservation's slot still runs. */
ngx_uint_t ngx_http_llm_zone_worker_alive(const llm_worker_t *worker);


#endif /* _NGX_HTTP_LLM_ZONE_H_INCLUDED_ */
