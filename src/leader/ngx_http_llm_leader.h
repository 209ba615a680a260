
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
#include "llm_retain.h"
#include "ngx_http_llm_ledger.h"
#include "ngx_http_llm_redis_conf.h"
#include "ngx_http_llm_store.h"
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

/* Likewise the charge of what was pending; answer: a line with what the answer
   says of itself. */
typedef void (*ngx_http_llm_leader_charge_pt)(void *data, llm_index_t i,
    const llm_line_t *answer);

/* What else one worker does every second, or every "sync". */
typedef void (*ngx_http_llm_leader_tick_pt)(void *data);


/* What is led, and how.  Borrowed for the cycle. */

typedef struct {
    ngx_str_t                       *name;
    ngx_http_llm_zone_t             *zone;
    ngx_http_llm_ledger_t           *ledger;     /* NULL: the zone forgets on
                                                    restart */
    ngx_thread_pool_t               *pool;
    const llm_kept_t                *kept;
    ngx_http_llm_store_t            *store;      /* this worker's; NULL with
                                                    ledger */
    ngx_array_t                     *channels;   /* of all zones, of
                                                    ngx_http_llm_channel_t */
    ngx_msec_t                       sync;
    ngx_msec_t                       fsync;      /* 0: off */
    time_t                           retain;

    /* the Redis that other machines have the zone in, NULL: there are none */
    const ngx_http_llm_redis_conf_t *redis;
    const ngx_str_t                 *prefix;     /* of its keys */

    llm_rows_pt                      rows;       /* what bears on a subject: */
    void                            *rows_data;

    ngx_http_llm_leader_write_pt     write;
    ngx_http_llm_leader_write_pt     record;     /* the same of a fact */
    ngx_http_llm_leader_charge_pt    charge;
    ngx_http_llm_leader_tick_pt      tick;
    ngx_http_llm_leader_tick_pt      carried;    /* of a zone with a ledger */
    void                            *data;       /* for these five */
} ngx_http_llm_leader_conf_t;


typedef struct ngx_http_llm_leader_s   ngx_http_llm_leader_t;
typedef struct ngx_http_llm_cluster_s  ngx_http_llm_cluster_t;
typedef struct ngx_http_llm_outbox_s   ngx_http_llm_outbox_t;
typedef struct ngx_http_llm_events_s   ngx_http_llm_events_t;
typedef struct ngx_http_llm_lookout_s  ngx_http_llm_lookout_t;

typedef void (*ngx_http_llm_job_pt)(ngx_http_llm_leader_t *leader);

/* What blocks: work runs in a thread, then done in the event loop. */

typedef struct {
    ngx_http_llm_leader_t           *leader;
    ngx_http_llm_job_pt              work;
    ngx_http_llm_job_pt              done;
    ngx_thread_task_t                task;
    ngx_uint_t                       ran;        /* set by the thread */
    unsigned                         running:1;
} ngx_http_llm_job_t;


struct ngx_http_llm_leader_s {
    ngx_http_llm_leader_conf_t       conf;
    ngx_cycle_t                     *cycle;
    ngx_queue_t                      queue;      /* of all leaders here */

    ngx_event_t                      tick;       /* every second */
    llm_kept_t                       kept;       /* with what entities add */
    uint64_t                         swept;      /* generations of all slots
                                                    at the last sweep */

    /* carrying; the carrier and its run are the job's while it runs */
    ngx_http_llm_job_t               carry;
    llm_carrier_t                   *carrier;
    llm_carrier_run_t                run;
    llm_carrier_mark_t               marks[LLM_CARRIER_MARKS];
    ngx_event_t                      timer;
    ngx_event_t                      step;
    uint64_t                         began;      /* of the run: ms,
                                                    monotonic */
    size_t                           adopted;    /* lines of the run */
    uint64_t                         lines;      /* carried until ready */
    ngx_uint_t                       foreign;    /* runs with lines of other
                                                    zones */

    unsigned                         failing:1;
    unsigned                         mending:1;
    unsigned                         caught_up:1;

    /* retaining, likewise */
    ngx_http_llm_job_t               retain;
    llm_retain_conf_t                retain_conf;
    llm_retain_run_t                 retained;
    ngx_event_t                      retain_timer;
    unsigned                         unretained:1;   /* it failed */

    ngx_http_llm_outbox_t           *outbox;     /* NULL: no channels */
    ngx_http_llm_events_t           *events;     /* NULL: no ledger */
    ngx_http_llm_lookout_t          *lookout;    /* likewise */
    size_t                           watched;    /* sums of the run */

    /* periods that end */
    ngx_event_t                      roll;
    int64_t                          rolled;     /* seconds of the epoch */
    int64_t                          roll_at;    /* likewise: the next end */
    llm_index_t                      roll_next;  /* meter */

    /* what is pending in the store */
    ngx_http_llm_store_task_t       *due;        /* NULL: not asked for */
    uint64_t                         due_carried;    /* what it had then */
    ngx_uint_t                       alone;      /* looks since another zone
                                                    lived */

    ngx_http_llm_cluster_t          *cluster;    /* or NULL */
};


/* In the worker that leads; conf is copied. */
ngx_int_t ngx_http_llm_leader_start(const ngx_http_llm_leader_conf_t *conf,
    ngx_cycle_t *cycle);

/* In a worker that ends, whether it leads or not: what dead ones held is
   settled, and its lines are appended.  Once, and with a ledger. */
void ngx_http_llm_leader_sweep(const ngx_http_llm_leader_conf_t *conf);

/* At the end of the process, when nginx's threads have ended. */
void ngx_http_llm_leader_exit(void);


/* The steps of it, which know each other by this only. */

/* Whether this leader has nothing to do any more. */
ngx_uint_t ngx_http_llm_leader_retired(ngx_http_llm_leader_t *leader);

/* An event of its own. */
void ngx_http_llm_leader_event(ngx_http_llm_leader_t *leader, ngx_event_t *ev,
    ngx_event_handler_pt handler);

/* ngx_http_llm_job.c: leader, work and done are set; one at a time. */
ngx_int_t ngx_http_llm_job_post(ngx_http_llm_job_t *job);

/* At the end; whether what the thread used is free. */
ngx_uint_t ngx_http_llm_job_stop(ngx_http_llm_job_t *job);

/* ngx_http_llm_carry.c */
ngx_int_t ngx_http_llm_carry_start(ngx_http_llm_leader_t *leader);
void ngx_http_llm_carry_stop(ngx_http_llm_leader_t *leader);

/* ngx_http_llm_retain.c */
void ngx_http_llm_retain_start(ngx_http_llm_leader_t *leader);
void ngx_http_llm_retain_stop(ngx_http_llm_leader_t *leader);

/* ngx_http_llm_roll.c: what ends begins again, also where nobody asks. */
void ngx_http_llm_roll_start(ngx_http_llm_leader_t *leader);
void ngx_http_llm_roll(ngx_http_llm_leader_t *leader);
void ngx_http_llm_roll_stop(ngx_http_llm_leader_t *leader);

/* ngx_http_llm_cluster.c: totals of other machines. */
ngx_int_t ngx_http_llm_cluster_start(ngx_http_llm_leader_t *leader);
void ngx_http_llm_cluster_stop(ngx_http_llm_leader_t *leader);

/* ngx_http_llm_due.c: charges what only the store has of answers made in the
   background.  After a run that has carried everything. */
void ngx_http_llm_due_look(ngx_http_llm_leader_t *leader);
void ngx_http_llm_due_stop(ngx_http_llm_leader_t *leader);

/* ngx_http_llm_sweep.c: settles what dead workers held. */
void ngx_http_llm_sweep(ngx_http_llm_leader_t *leader);

/* ngx_http_llm_sweep_fact.c: facts whose lines are still to be written. */
void ngx_http_llm_sweep_facts(ngx_http_llm_leader_t *leader);


#endif /* _NGX_HTTP_LLM_LEADER_H_INCLUDED_ */
