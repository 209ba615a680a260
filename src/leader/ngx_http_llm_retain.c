
/*
 * Copyright (C) the llm_quota authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "ngx_http_llm_leader.h"


/* Backups, and what grows old: looked at every hour, and oftener where little
   is retained. */


#define NGX_HTTP_LLM_RETAIN_FIRST  60       /* seconds */
#define NGX_HTTP_LLM_RETAIN_TIMER  3600


static ngx_msec_t ngx_http_llm_retain_next(ngx_http_llm_leader_t *leader,
    time_t most);
static void ngx_http_llm_retain_post(ngx_event_t *ev);
static void ngx_http_llm_retain_work(ngx_http_llm_leader_t *leader);
static void ngx_http_llm_retain_done(ngx_http_llm_leader_t *leader);
static void ngx_http_llm_retain_failed(ngx_http_llm_leader_t *leader);
static int ngx_http_llm_retain_canceled(void);


void
ngx_http_llm_retain_start(ngx_http_llm_leader_t *leader)
{
    llm_retain_conf_t  *conf;

    conf = &leader->retain_conf;

    conf->directory = (char *) leader->conf.ledger->directory.data;
    conf->epoch = leader->conf.zone->zone->epoch;
    conf->local = leader->conf.zone->clock.calendar.local;
    conf->retain = leader->conf.retain;
    conf->canceled = ngx_http_llm_retain_canceled;

    leader->retain.leader = leader;
    leader->retain.work = ngx_http_llm_retain_work;
    leader->retain.done = ngx_http_llm_retain_done;

    ngx_http_llm_leader_event(leader, &leader->retain_timer,
                              ngx_http_llm_retain_post);

    ngx_add_timer(&leader->retain_timer,
                  ngx_http_llm_retain_next(leader,
                                           NGX_HTTP_LLM_RETAIN_FIRST));
}


void
ngx_http_llm_retain_stop(ngx_http_llm_leader_t *leader)
{
    if (leader->retain_timer.timer_set) {
        ngx_del_timer(&leader->retain_timer);
    }

    (void) ngx_http_llm_job_stop(&leader->retain);
}


static ngx_msec_t
ngx_http_llm_retain_next(ngx_http_llm_leader_t *leader, time_t most)
{
    return (ngx_msec_t) ngx_min(leader->conf.retain, most) * 1000;
}


static void
ngx_http_llm_retain_post(ngx_event_t *ev)
{
    ngx_http_llm_leader_t  *leader;

    leader = (ngx_http_llm_leader_t *)
                 ((u_char *) ev - offsetof(ngx_http_llm_leader_t,
                                           retain_timer));

    if (ngx_http_llm_leader_retired(leader)) {
        return;
    }

    /* what is not carried yet is no reason for a backup */

    if (leader->conf.zone->zone->ready && !leader->failing) {
        leader->retained.now = ngx_time();
        leader->retained.newest = leader->conf.zone->zone->segment;

        if (ngx_http_llm_job_post(&leader->retain) == NGX_OK) {
            return;
        }
    }

    ngx_add_timer(ev, ngx_http_llm_retain_next(leader,
                                               NGX_HTTP_LLM_RETAIN_FIRST));
}


static void
ngx_http_llm_retain_work(ngx_http_llm_leader_t *leader)
{
    llm_retain_run(&leader->retain_conf, &leader->retained);
}


static void
ngx_http_llm_retain_done(ngx_http_llm_leader_t *leader)
{
    time_t             most;
    llm_retain_run_t  *run;

    run = &leader->retained;
    most = NGX_HTTP_LLM_RETAIN_TIMER;

    if (run->deleted) {
        ngx_log_error(NGX_LOG_NOTICE, leader->cycle->log, 0,
                      "llm_quota zone \"%V\": %ui old segments of the ledger "
                      "were deleted", leader->conf.name,
                      (ngx_uint_t) run->deleted);
    }

    if (run->status == LLM_STORE_OK || run->status == LLM_STORE_CANCELED) {
        leader->unretained = 0;

    } else {
        ngx_http_llm_retain_failed(leader);
        most = NGX_HTTP_LLM_RETAIN_FIRST;
    }

    if (!ngx_http_llm_leader_retired(leader)) {
        ngx_add_timer(&leader->retain_timer,
                      ngx_http_llm_retain_next(leader, most));
    }
}


static void
ngx_http_llm_retain_failed(ngx_http_llm_leader_t *leader)
{
    llm_retain_run_t  *run;

    run = &leader->retained;

    if (run->status == LLM_STORE_DAMAGED || run->status == LLM_STORE_ABSENT) {

        /* who carries has the file open, and may not have noticed */

        ngx_http_llm_zone_lock(leader->conf.zone)->damaged = 1;
        ngx_http_llm_zone_unlock(leader->conf.zone);
    }

    if (leader->unretained) {
        return;
    }

    leader->unretained = 1;

    ngx_log_error(NGX_LOG_ERR, leader->cycle->log, 0,
                  "llm_quota store of zone \"%V\" has no new backup, and "
                  "old segments stay: %s", leader->conf.name, run->error);
}


/* Asked in a thread, of words that only ever become set. */

static int
ngx_http_llm_retain_canceled(void)
{
    return ngx_terminate || ngx_quit || ngx_exiting;
}
