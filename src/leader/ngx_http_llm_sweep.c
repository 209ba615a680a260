
/*
 * Copyright (C) the llm_quota authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "ngx_http_llm_leader.h"


/*
 * What a dead worker held is settled by the first worker, or by one that ends:
 * of a zone that is replaced it may be the last.  What was not settled is
 * charged what was expected, what was settled gets its line, unless
 * the ledger has it: a worker may die after a write, before it frees what it
 * has written.
 *
 * Who is dead is found out without the lock; under the lock a reservation is
 * taken over, which makes it this worker's own, and only then dealt with.
 */


static uint64_t ngx_http_llm_sweep_workers(
    const ngx_http_llm_leader_conf_t *conf, ngx_uint_t *gone);
static void ngx_http_llm_sweep_zone(const ngx_http_llm_leader_conf_t *conf);
static llm_reservation_state_e ngx_http_llm_sweep_take(
    const ngx_http_llm_leader_conf_t *conf, llm_index_t i);
static void ngx_http_llm_sweep_find(const ngx_http_llm_leader_conf_t *conf,
    ngx_array_t *unsure);


/* Unless a process has gone, or its slot has passed to another, nothing can be
   left behind. */

void
ngx_http_llm_sweep(ngx_http_llm_leader_t *leader)
{
    uint64_t    generations;
    ngx_uint_t  gone;

    generations = ngx_http_llm_sweep_workers(&leader->conf, &gone);

    if (gone || generations != leader->swept) {
        leader->swept = generations;
        ngx_http_llm_sweep_zone(&leader->conf);
    }
}


void
ngx_http_llm_leader_sweep(const ngx_http_llm_leader_conf_t *conf)
{
    ngx_uint_t  gone;

    (void) ngx_http_llm_sweep_workers(conf, &gone);

    ngx_http_llm_sweep_zone(conf);
}


/* The sum of the slots' generations, which rises when one is taken. */

static uint64_t
ngx_http_llm_sweep_workers(const ngx_http_llm_leader_conf_t *conf,
    ngx_uint_t *gone)
{
    uint64_t      generations;
    uint32_t      i;
    llm_zone_t   *z;
    llm_worker_t  seen;

    z = conf->zone->zone;
    generations = 0;
    *gone = 0;

    for (i = 0; i < LLM_WORKERS; i++) {
        generations += z->workers[i].generation;

        if (z->workers[i].pid == 0) {
            continue;
        }

        ngx_http_llm_zone_worker(conf->zone, i, &seen);

        if (seen.pid == 0 || ngx_http_llm_zone_worker_alive(&seen)) {
            continue;
        }

        (void) ngx_http_llm_zone_lock(conf->zone);

        /* nobody's slot: what bears its generation is left behind */

        if (llm_zone_take_worker(z, i, &seen, 0, 0)) {
            *gone = 1;
        }

        ngx_http_llm_zone_unlock(conf->zone);
    }

    return generations;
}


static void
ngx_http_llm_sweep_zone(const ngx_http_llm_leader_conf_t *conf)
{
    llm_zone_t                   *z;
    ngx_pool_t                   *pool;
    ngx_uint_t                    swept;
    llm_index_t                   i;
    ngx_array_t                  *unsure;
    llm_reservation_state_e       state;
    ngx_http_llm_ledger_entry_t  *entry;

    if (conf->zone->worker == LLM_NONE) {
        return;
    }

    pool = ngx_create_pool(NGX_DEFAULT_POOL_SIZE, ngx_cycle->log);
    if (pool == NULL) {
        return;
    }

    unsure = ngx_array_create(pool, 64, sizeof(ngx_http_llm_ledger_entry_t));
    if (unsure == NULL) {
        goto done;
    }

    z = conf->zone->zone;
    swept = 0;

    /* what is taken over may have its line */

    z->workers[conf->zone->worker].writing++;

    for (i = 0; i < z->nreservations; i++) {
        if (!llm_zone_is_left(z, llm_zone_reservation(z, i))) {
            continue;
        }

        state = ngx_http_llm_sweep_take(conf, i);

        if (state == LLM_RESERVATION_FREE) {
            continue;
        }

        swept++;

        if (conf->ledger == NULL) {
            continue;
        }

        if (state == LLM_RESERVATION_HELD) {
            conf->write(conf->data, i);
            continue;
        }

        entry = ngx_array_push(unsure);
        if (entry == NULL) {
            break;
        }

        entry->number = llm_zone_reservation(z, i)->id;
        entry->index = i;
        entry->found = 0;
    }

    if (unsure->nelts) {
        ngx_http_llm_sweep_find(conf, unsure);
    }

    z->workers[conf->zone->worker].writing--;

    if (swept) {
        ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                      "llm_quota zone \"%V\": %ui requests of processes that "
                      "died were settled, with estimates where they had not "
                      "been", conf->name, swept);
    }

done:

    ngx_destroy_pool(pool);
}


/* The state that it was found in; free: nobody's any more. */

static llm_reservation_state_e
ngx_http_llm_sweep_take(const ngx_http_llm_leader_conf_t *conf, llm_index_t i)
{
    llm_zone_t               *z;
    ngx_time_t               *tp;
    llm_settlement_t          s;
    llm_reservation_t        *r;
    llm_reservation_state_e   state;

    ngx_memzero(&s, sizeof(llm_settlement_t));

    tp = ngx_timeofday();
    s.timestamp = (int64_t) tp->sec * 1000 + tp->msec;

    z = ngx_http_llm_zone_lock(conf->zone);

    r = llm_zone_reservation(z, i);
    state = LLM_RESERVATION_FREE;

    if (llm_zone_is_left(z, r)) {
        state = r->state;

        r->worker = conf->zone->worker;
        r->generation = z->workers[conf->zone->worker].generation;

        if (state == LLM_RESERVATION_HELD) {
            llm_settle_expected(r->expected, r->started, &s);

            (void) llm_settle(z, &conf->zone->clock, i, r->id, &s);
        }

        if (conf->ledger == NULL) {
            llm_zone_free_reservation(z, i);
        }
    }

    ngx_http_llm_zone_unlock(conf->zone);

    return state;
}


static void
ngx_http_llm_sweep_find(const ngx_http_llm_leader_conf_t *conf,
    ngx_array_t *unsure)
{
    llm_zone_t                   *z;
    ngx_uint_t                    i;
    ngx_http_llm_ledger_entry_t  *entry;

    entry = unsure->elts;

    ngx_http_llm_ledger_find(conf->ledger,
                             conf->zone->zone->epoch, entry,
                             unsure->nelts);

    for (i = 0; i < unsure->nelts; i++) {

        if (!entry[i].found) {
            conf->write(conf->data, entry[i].index);
            continue;
        }

        z = ngx_http_llm_zone_lock(conf->zone);
        llm_zone_free_reservation(z, entry[i].index);
        ngx_http_llm_zone_unlock(conf->zone);
    }
}
