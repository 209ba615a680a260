
/*
 * Copyright (C) the llm_quota authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "llm_watch.h"
#include "ngx_http_llm_events.h"
#include "ngx_http_llm_outbox.h"
#include "ngx_http_llm_lookout.h"


#define NGX_HTTP_LLM_LOOKOUT_METERS   512     /* under one lock */
#define NGX_HTTP_LLM_LOOKOUT_MINUTES  128     /* likewise */
#define NGX_HTTP_LLM_LOOKOUT_FOUND    16      /* of these at once */
#define NGX_HTTP_LLM_LOOKOUT_EACH     5       /* s: a minute is long */
#define NGX_HTTP_LLM_LOOKOUT_LATE     3600    /* s that a line is old */


struct ngx_http_llm_lookout_s {
    ngx_http_llm_leader_t         *leader;
    ngx_event_t                    step;

    llm_index_t                    meter;        /* the next to be asked who
                                                    was refused */
    uint32_t                       refusals;     /* when all were asked */

    llm_index_t                    minute;       /* the next to be looked at */
    time_t                         due;          /* all of them, again */
    uint8_t                        near[100];    /* percents, rising */
    unsigned                       nnear;
    const llm_rate_t              *rate;         /* looked at now */

    llm_noted_t                    noted;        /* to be told */

    unsigned                       wanted:1;     /* by a channel */
};


static void ngx_http_llm_lookout_step(ngx_event_t *ev);
static void ngx_http_llm_lookout_walk(ngx_http_llm_lookout_t *lookout);
static ngx_uint_t ngx_http_llm_lookout_refused(
    ngx_http_llm_lookout_t *lookout);
static ngx_uint_t ngx_http_llm_lookout_minutes(
    ngx_http_llm_lookout_t *lookout);
static void ngx_http_llm_lookout_row(void *data, const llm_row_t *row);
static void ngx_http_llm_lookout_found(void *data, const llm_alert_t *alert,
    int64_t generation, int lesser);
static void ngx_http_llm_lookout_noted(ngx_http_llm_lookout_t *lookout);
static void ngx_http_llm_lookout_model(ngx_http_llm_lookout_t *lookout,
    const llm_noted_model_t *model, llm_alert_event_e event, int64_t *when);


ngx_int_t
ngx_http_llm_lookout_start(ngx_http_llm_leader_t *leader)
{
    uint8_t                  percent;
    llm_alert_severity_e     severity;
    ngx_http_llm_lookout_t  *lookout;

    lookout = ngx_calloc(sizeof(ngx_http_llm_lookout_t), leader->cycle->log);
    if (lookout == NULL) {
        return NGX_ERROR;
    }

    leader->lookout = lookout;
    lookout->leader = leader;

    severity = llm_alert_severity(LLM_ALERT_RATE_NEAR);

    for (percent = 1; percent <= 100; percent++) {

        if (ngx_http_llm_channels_for(leader, LLM_ALERT_RATE_NEAR, severity,
                                      percent, NULL, 0))
        {
            lookout->near[lookout->nnear++] = percent;
        }
    }

    severity = llm_alert_severity(LLM_ALERT_RATE_REFUSED);

    lookout->wanted = lookout->nnear
                      || ngx_http_llm_channels_for(leader,
                                                   LLM_ALERT_RATE_REFUSED,
                                                   severity, 0, NULL, 0);

    ngx_http_llm_leader_event(leader, &lookout->step,
                              ngx_http_llm_lookout_step);

    return NGX_OK;
}


void
ngx_http_llm_lookout_stop(ngx_http_llm_leader_t *leader)
{
    if (leader->lookout == NULL) {
        return;
    }

    if (leader->lookout->step.posted) {
        ngx_delete_posted_event(&leader->lookout->step);
    }

    ngx_free(leader->lookout);
    leader->lookout = NULL;
}


void
ngx_http_llm_lookout_again(ngx_http_llm_leader_t *leader)
{
    if (leader->lookout) {
        leader->lookout->refusals = 0;
    }
}


void
ngx_http_llm_lookout_tick(ngx_http_llm_leader_t *leader)
{
    if (leader->lookout == NULL) {
        return;
    }

    ngx_http_llm_lookout_noted(leader->lookout);

    if (!leader->lookout->step.posted) {
        ngx_http_llm_lookout_walk(leader->lookout);
    }
}


static void
ngx_http_llm_lookout_step(ngx_event_t *ev)
{
    ngx_http_llm_lookout_t  *lookout;

    lookout = (ngx_http_llm_lookout_t *)
                ((u_char *) ev - offsetof(ngx_http_llm_lookout_t, step));

    if (!ngx_http_llm_leader_retired(lookout->leader)) {
        ngx_http_llm_lookout_walk(lookout);
    }
}


static void
ngx_http_llm_lookout_walk(ngx_http_llm_lookout_t *lookout)
{
    ngx_uint_t  more;

    more = ngx_http_llm_lookout_refused(lookout);
    more |= ngx_http_llm_lookout_minutes(lookout);

    ngx_http_llm_events_flush(lookout->leader);

    if (more) {
        ngx_post_event(&lookout->step, &ngx_posted_next_events);
    }
}


/* Who was refused by a budget, some of them at each call; returns whether
   there are more. */

static ngx_uint_t
ngx_http_llm_lookout_refused(ngx_http_llm_lookout_t *lookout)
{
    uint32_t                i, found, refusals;
    llm_zone_t             *z;
    llm_alert_t             alert;
    llm_refused_t           rows[NGX_HTTP_LLM_LOOKOUT_FOUND];
    ngx_http_llm_leader_t  *leader;

    leader = lookout->leader;

    if (lookout->meter == 0) {
        refusals = llm_refused_changes(leader->conf.zone->zone);

        if (refusals == lookout->refusals) {
            return 0;
        }

        lookout->refusals = refusals;
    }

    z = ngx_http_llm_zone_lock(leader->conf.zone);

    lookout->meter = llm_refused(z, lookout->meter,
                                 NGX_HTTP_LLM_LOOKOUT_METERS, rows,
                                 NGX_HTTP_LLM_LOOKOUT_FOUND, &found);

    ngx_http_llm_zone_unlock(leader->conf.zone);

    for (i = 0; i < found; i++) {
        if (llm_watch_refused(&rows[i], &alert)) {
            ngx_http_llm_events_tell(leader, &alert, 0);
        }
    }

    if (lookout->meter == LLM_NONE) {
        lookout->meter = 0;
        return 0;
    }

    return 1;
}


/* The same of rates. */

static ngx_uint_t
ngx_http_llm_lookout_minutes(ngx_http_llm_lookout_t *lookout)
{
    uint32_t                i, found;
    llm_zone_t             *z;
    llm_rate_t              rows[NGX_HTTP_LLM_LOOKOUT_FOUND];
    ngx_http_llm_leader_t  *leader;

    leader = lookout->leader;

    if (lookout->minute == 0) {

        if (!lookout->wanted || ngx_time() < lookout->due) {
            return 0;
        }

        lookout->due = ngx_time() + NGX_HTTP_LLM_LOOKOUT_EACH;
    }

    z = ngx_http_llm_zone_lock(leader->conf.zone);

    lookout->minute = llm_rates(z, lookout->minute,
                                NGX_HTTP_LLM_LOOKOUT_MINUTES, ngx_time(), rows,
                                NGX_HTTP_LLM_LOOKOUT_FOUND, &found);

    ngx_http_llm_zone_unlock(leader->conf.zone);

    for (i = 0; i < found; i++) {
        lookout->rate = &rows[i];

        leader->conf.rows(leader->conf.rows_data, rows[i].type, rows[i].name,
                          rows[i].len, ngx_http_llm_lookout_row, lookout);
    }

    if (lookout->minute == LLM_NONE) {
        lookout->minute = 0;
        return 0;
    }

    return 1;
}


static void
ngx_http_llm_lookout_row(void *data, const llm_row_t *row)
{
    ngx_http_llm_lookout_t *lookout = data;

    llm_watch_rate(lookout->rate, row, lookout->near, lookout->nnear,
                   ngx_time(), ngx_http_llm_lookout_found, lookout);
}


static void
ngx_http_llm_lookout_found(void *data, const llm_alert_t *alert,
    int64_t generation, int lesser)
{
    ngx_http_llm_lookout_t *lookout = data;

    ngx_http_llm_events_tell(lookout->leader, alert, generation);
}


void
ngx_http_llm_lookout_models(ngx_http_llm_leader_t *leader)
{
    if (leader->lookout && leader->run.noted.n) {
        llm_noted_merge(&leader->lookout->noted, &leader->run.noted);
        ngx_http_llm_lookout_noted(leader->lookout);
    }
}


/* They stay until the store has the alerts of them. */

static void
ngx_http_llm_lookout_noted(ngx_http_llm_lookout_t *lookout)
{
    ngx_uint_t          i;
    llm_noted_model_t  *model;

    for (i = 0; i < lookout->noted.n; i++) {
        model = &lookout->noted.models[i];

        ngx_http_llm_lookout_model(lookout, model, LLM_ALERT_UNPRICED,
                                   &model->unpriced);
        ngx_http_llm_lookout_model(lookout, model, LLM_ALERT_ESTIMATED,
                                   &model->estimated);
    }

    llm_noted_drop(&lookout->noted);

    ngx_http_llm_events_flush(lookout->leader);
}


static void
ngx_http_llm_lookout_model(ngx_http_llm_lookout_t *lookout,
    const llm_noted_model_t *model, llm_alert_event_e event, int64_t *when)
{
    u_char                  id[NGX_HTTP_LLM_EVENTS_ID];
    int64_t                 day, end;
    llm_alert_t             alert;
    ngx_http_llm_leader_t  *leader;

    if (*when == 0) {
        return;
    }

    leader = lookout->leader;

    llm_period_bounds(LLM_PERIOD(LLM_PERIOD_DAYS, 1),
                      &leader->conf.zone->clock.calendar, *when / 1000, &day,
                      &end);

    llm_watch_model(model, event, day, &alert);

    /* of what is long over, as lines that come after an outage say it, nobody
       hears */

    if (*when / 1000 < ngx_time() - NGX_HTTP_LLM_LOOKOUT_LATE
        || ngx_http_llm_events_told(leader, &alert, 0, id) == NGX_OK)
    {
        *when = 0;
        return;
    }

    ngx_http_llm_events_tell(leader, &alert, 0);
}
