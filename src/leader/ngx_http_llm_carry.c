
/*
 * Copyright (C) the llm_quota authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "ngx_http_llm_events.h"
#include "ngx_http_llm_lookout.h"
#include "ngx_http_llm_outbox.h"


/*
 * The ledger is carried by one thread at a time: a run every "sync", and at
 * once again while there is more.  What comes of a run is looked at here, in
 * the event loop.
 *
 * Until the zone is ready: runs until everything is carried; then such that
 * also bring in the lines of the last minute.  The first of these that finds
 * nothing more to carry, and nothing more to bring in, makes the zone ready.
 */


#define NGX_HTTP_LLM_CARRY_RETRY  1000      /* ms, after a failure */
#define NGX_HTTP_LLM_CARRY_SLICE  256       /* lines under one lock */
#define NGX_HTTP_LLM_CARRY_SINCE  61000     /* ms that a window looks back */


static void ngx_http_llm_carry_post(ngx_event_t *ev);
static void ngx_http_llm_carry_ask(ngx_http_llm_leader_t *leader);
static void ngx_http_llm_carry_work(ngx_http_llm_leader_t *leader);
static void ngx_http_llm_carry_done(ngx_http_llm_leader_t *leader);
static void ngx_http_llm_carry_step(ngx_event_t *ev);
static ngx_msec_t ngx_http_llm_carry_end(ngx_http_llm_leader_t *leader);
static void ngx_http_llm_carry_count(ngx_http_llm_leader_t *leader);
static void ngx_http_llm_carry_failed(ngx_http_llm_leader_t *leader);
static void ngx_http_llm_carry_later(ngx_http_llm_leader_t *leader,
    ngx_msec_t timer);
static void ngx_http_llm_carry_tell(ngx_http_llm_leader_t *leader);


ngx_int_t
ngx_http_llm_carry_start(ngx_http_llm_leader_t *leader)
{
    llm_carrier_conf_t  conf;

    ngx_memzero(&conf, sizeof(llm_carrier_conf_t));

    conf.directory = (char *) leader->conf.ledger->directory.data;
    conf.epoch = leader->conf.zone->zone->epoch;
    conf.sync = (leader->conf.fsync != 0);
    conf.carry.calendar = leader->conf.zone->clock.calendar;
    conf.carry.kept = leader->kept;

    leader->carrier = llm_carrier_create(&conf);

    if (leader->carrier == NULL) {
        ngx_log_error(NGX_LOG_ALERT, leader->cycle->log, 0,
                      "llm_quota zone \"%V\" has no memory for its store",
                      leader->conf.name);
        return NGX_ERROR;
    }

    leader->carry.leader = leader;
    leader->carry.work = ngx_http_llm_carry_work;
    leader->carry.done = ngx_http_llm_carry_done;

    ngx_http_llm_leader_event(leader, &leader->step, ngx_http_llm_carry_step);
    ngx_http_llm_leader_event(leader, &leader->timer, ngx_http_llm_carry_post);

    ngx_add_timer(&leader->timer, 1);

    return NGX_OK;
}


void
ngx_http_llm_carry_stop(ngx_http_llm_leader_t *leader)
{
    if (leader->timer.timer_set) {
        ngx_del_timer(&leader->timer);
    }

    if (leader->step.posted) {
        ngx_delete_posted_event(&leader->step);
    }

    if (leader->carrier && ngx_http_llm_job_stop(&leader->carry)) {
        llm_carrier_destroy(leader->carrier);
        leader->carrier = NULL;
    }
}


static void
ngx_http_llm_carry_post(ngx_event_t *ev)
{
    ngx_http_llm_leader_t  *leader;

    leader = (ngx_http_llm_leader_t *)
                 ((u_char *) ev - offsetof(ngx_http_llm_leader_t, timer));

    if (ngx_http_llm_leader_retired(leader)) {
        return;
    }

    ngx_http_llm_carry_ask(leader);

    if (ngx_http_llm_job_post(&leader->carry) != NGX_OK) {
        ngx_add_timer(ev, NGX_HTTP_LLM_CARRY_RETRY);
    }
}


static void
ngx_http_llm_carry_ask(ngx_http_llm_leader_t *leader)
{
    int                 more;
    llm_zone_t         *z;
    ngx_time_t         *tp;
    llm_carrier_run_t  *run;

    run = &leader->run;

    z = ngx_http_llm_zone_lock(leader->conf.zone);

    leader->began = z->now;

    run->damaged = z->damaged;
    z->damaged = 0;

    run->marks = leader->marks;
    run->nmarks = llm_adopted(z, leader->marks);
    run->foreign = (z->ready || leader->caught_up);
    run->loaded = (z->ready != 0);
    run->others = z->others;
    run->since = 0;

    if (!z->ready && leader->caught_up) {
        tp = ngx_timeofday();
        run->since = (int64_t) tp->sec * 1000 + tp->msec
                     - NGX_HTTP_LLM_CARRY_SINCE;
    }

    more = llm_kept_merge(&leader->kept, &z->kept);

    ngx_http_llm_zone_unlock(leader->conf.zone);

    if (more) {
        llm_carrier_keep(leader->carrier, &leader->kept);

        /* the end of one of them may be the next */

        leader->roll_at = 0;
    }
}


static void
ngx_http_llm_carry_work(ngx_http_llm_leader_t *leader)
{
    llm_carrier_run(leader->carrier, &leader->run);
}


static void
ngx_http_llm_carry_done(ngx_http_llm_leader_t *leader)
{
    if (leader->run.overtaken) {
        ngx_http_llm_events_all(leader);
    }

    switch (leader->run.status) {

    case LLM_STORE_OK:
        leader->mending = 0;
        ngx_http_llm_carry_count(leader);
        break;

    case LLM_STORE_DAMAGED:
    case LLM_STORE_GONE:

        if (!leader->mending) {

            /* the next run opens it again, which mends it */

            leader->mending = 1;
            ngx_http_llm_carry_later(leader, 1);
            return;
        }

        /* fall through */

    default:
        ngx_http_llm_carry_tell(leader);
        ngx_http_llm_carry_failed(leader);
        return;
    }

    ngx_http_llm_carry_tell(leader);
    ngx_http_llm_lookout_models(leader);

    leader->adopted = 0;
    leader->watched = 0;
    leader->lines += leader->run.carried;
    leader->foreign += (leader->run.nlines != 0);

    ngx_http_llm_carry_step(&leader->step);
}


static void
ngx_http_llm_carry_count(ngx_http_llm_leader_t *leader)
{
    llm_totals_t  *totals;

    totals = &leader->conf.zone->zone->totals;

    llm_count(&totals->commits, leader->run.carried != 0);
    llm_count(&totals->commit_lines, leader->run.carried);
    llm_count(&totals->ledger_torn, leader->run.torn);
}


static void
ngx_http_llm_carry_failed(ngx_http_llm_leader_t *leader)
{
    llm_zone_t  *z;

    llm_count(&leader->conf.zone->zone->totals.commit_errors, 1);

    z = ngx_http_llm_zone_lock(leader->conf.zone);

    /* who writes lets others read */

    z->away = (leader->run.status != LLM_STORE_BUSY);

    ngx_http_llm_zone_unlock(leader->conf.zone);

    ngx_http_llm_carry_later(leader, NGX_HTTP_LLM_CARRY_RETRY);
}


static void
ngx_http_llm_carry_later(ngx_http_llm_leader_t *leader, ngx_msec_t timer)
{
    if (!ngx_http_llm_leader_retired(leader)) {
        ngx_add_timer(&leader->timer, timer);
    }
}


/* A slice of the run's lines goes into the zone, and one of its totals is
   looked at. */

static void
ngx_http_llm_carry_step(ngx_event_t *ev)
{
    size_t                  last;
    llm_zone_t             *z;
    llm_carrier_run_t      *run;
    ngx_http_llm_leader_t  *leader;

    leader = (ngx_http_llm_leader_t *)
                 ((u_char *) ev - offsetof(ngx_http_llm_leader_t, step));

    if (ngx_http_llm_leader_retired(leader)) {
        return;
    }

    run = &leader->run;
    last = ngx_min(leader->adopted + NGX_HTTP_LLM_CARRY_SLICE, run->nlines);

    if (leader->adopted < last) {
        z = ngx_http_llm_zone_lock(leader->conf.zone);

        while (leader->adopted < last) {
            llm_adopt_line(z, &leader->conf.zone->clock, &leader->kept,
                           &run->lines[leader->adopted++]);
        }

        ngx_http_llm_zone_unlock(leader->conf.zone);
    }

    ngx_http_llm_events_totals(leader);

    if (leader->adopted < run->nlines
        || (run->commit && leader->watched < run->commit->nsums))
    {
        ngx_post_event(ev, &ngx_posted_next_events);
        return;
    }

    ngx_add_timer(&leader->timer, ngx_http_llm_carry_end(leader));
}


/* Returns when the next run is. */

static ngx_msec_t
ngx_http_llm_carry_end(ngx_http_llm_leader_t *leader)
{
    unsigned             n;
    llm_zone_t          *z;
    ngx_uint_t           ready;
    ngx_msec_t           now;
    llm_carrier_run_t   *run;
    llm_carrier_mark_t   marks[LLM_CARRIER_MARKS];

    run = &leader->run;
    n = llm_carrier_marks(leader->carrier, marks);

    z = ngx_http_llm_zone_lock(leader->conf.zone);

    z->away = 0;
    z->behind = run->more;

    if (run->foreign && !run->more_lines) {
        llm_adopt_marks(z, marks, n, llm_carrier_others(leader->carrier));
    }

    /* they get it from the store, each when it is needed */

    if (run->missed) {
        llm_zone_unload(z);
    }

    ready = (!z->ready && run->since && !run->more && !run->more_lines);

    if (ready) {
        z->ready = 1;
    }

    if (!run->more) {
        z->carried = leader->began;
        leader->caught_up = 1;
    }

    now = (z->ready && !run->more && !run->more_lines) ? leader->conf.sync : 1;

    ngx_http_llm_zone_unlock(leader->conf.zone);

    if (ready) {
        ngx_log_error(NGX_LOG_NOTICE, leader->cycle->log, 0,
                      "llm_quota zone \"%V\" has what was settled before it, "
                      "%uL lines were carried", leader->conf.name,
                      leader->lines);
    }

    if (leader->conf.zone->zone->ready && !run->more) {
        ngx_http_llm_due_look(leader);
    }

    leader->conf.carried(leader->conf.data);

    if (leader->conf.fsync && leader->conf.fsync < now) {
        now = leader->conf.fsync;
    }

    return now;
}


/* Once when it begins and once when it ends. */

static void
ngx_http_llm_carry_tell(ngx_http_llm_leader_t *leader)
{
    ngx_log_t          *log;
    ngx_uint_t          level;
    llm_carrier_run_t  *run;

    run = &leader->run;
    log = leader->cycle->log;

    if (run->note[0] != '\0') {
        level = run->grave ? NGX_LOG_ERR : NGX_LOG_NOTICE;

        ngx_log_error(level, log, 0,
                      "llm_quota store of zone \"%V\": %s",
                      leader->conf.name, run->note);
    }

    if (run->torn) {
        ngx_log_error(NGX_LOG_WARN, log, 0,
                      "llm_quota ledger of zone \"%V\" has %uL pieces of "
                      "lines, which were passed over", leader->conf.name,
                      run->torn);
    }

    if (run->status != LLM_STORE_OK && !leader->failing) {
        leader->failing = 1;

        ngx_log_error(NGX_LOG_CRIT, log, 0,
                      "llm_quota store of zone \"%V\" cannot be used, what is "
                      "settled waits in the ledger: %s", leader->conf.name,
                      run->error);
    }

    if (run->status == LLM_STORE_OK && leader->failing) {
        leader->failing = 0;

        ngx_log_error(NGX_LOG_NOTICE, log, 0,
                      "llm_quota store of zone \"%V\" can be used again",
                      leader->conf.name);
    }

    ngx_http_llm_outbox_store(leader, leader->failing ? run->error : NULL);
}
