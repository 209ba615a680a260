
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _NGX_HTTP_LLM_LEADER_H_INCLUDED_
#define _NGX_HTTP_LLM_LEADER_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_thread_pool.h>

#include "llm_adopt.h"
#include "llm_carrier.h"
#include "ngx_http_llm_ledger.h"
#include "ngx_http_llm_zone.h"


/*
 * One worker leads a zone: it carries the ledger into the store, brings in
 * what other zones settle, and settles what dead workers held.  It knows
 * nothing of requests.
 *
 * While a configuration is replaced, or nginx itself, there may be two at
 * once: each step is one that the other finds done.
 */

/* Gives a settled reservation, which is this worker's now, its line. */
typedef void (*ngx_http_llm_leader_write_pt)(void *data, llm_index_t i);

/* What else one worker does every second. */
typedef void (*ngx_http_llm_leader_tick_pt)(void *data);


/* What is led, and how.  Borrowed for the cycle. */

typedef struct {
    ngx_str_t                       *name;
    ngx_http_llm_zone_t             *zone;
    ngx_http_llm_ledger_t           *ledger;     /* NULL: the zone forgets on
                                                    restart */
    ngx_thread_pool_t               *pool;
    const llm_kept_t                *kept;
    ngx_msec_t                       sync;
    ngx_msec_t                       fsync;      /* 0: off */
    time_t                           retain;
    ngx_http_llm_leader_write_pt     write;
    ngx_http_llm_leader_tick_pt      tick;
    void                            *data;       /* for both */
} ngx_http_llm_leader_conf_t;


typedef struct {
    ngx_http_llm_leader_conf_t       conf;
    ngx_cycle_t                     *cycle;
    ngx_queue_t                      queue;      /* of all leaders here */

    ngx_event_t                      tick;       /* every second */
    uint64_t                         swept;      /* generations of all slots
                                                    at the last sweep */

    /* carrying; the carrier and its run are the thread's while it runs */
    llm_carrier_t                   *carrier;
    llm_carrier_run_t                run;
    llm_carrier_mark_t               marks[LLM_CARRIER_MARKS];
    ngx_thread_task_t                task;
    ngx_event_t                      timer;
    ngx_event_t                      step;
    uint64_t                         began;      /* of the run: ms,
                                                    monotonic */
    size_t                           adopted;    /* lines of the run */
    uint64_t                         lines;      /* carried until ready */

    unsigned                         running:1;
    unsigned                         failing:1;
    unsigned                         mending:1;
    unsigned                         caught_up:1;
    ngx_uint_t                       ran;        /* set by the thread */
} ngx_http_llm_leader_t;


/* In the worker that leads; conf is copied. */
ngx_int_t ngx_http_llm_leader_start(const ngx_http_llm_leader_conf_t *conf,
    ngx_cycle_t *cycle);

/* At the end of the process, when nginx's threads have ended. */
void ngx_http_llm_leader_exit(void);


/* The steps of it, which know each other by this only. */

/* Whether this leader has nothing to do any more. */
ngx_uint_t ngx_http_llm_leader_retired(ngx_http_llm_leader_t *leader);

/* ngx_http_llm_carry.c */
ngx_int_t ngx_http_llm_carry_start(ngx_http_llm_leader_t *leader);
void ngx_http_llm_carry_stop(ngx_http_llm_leader_t *leader);

/* ngx_http_llm_sweep.c: settles what dead workers held. */
void ngx_http_llm_sweep(ngx_http_llm_leader_t *leader);


#endif /* _NGX_HTTP_LLM_LEADER_H_INCLUDED_ */
