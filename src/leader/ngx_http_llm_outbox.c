
/*
 * Copyright (C) the llm_quota authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "ngx_http_llm_outbox_room.h"


/* The outbox: what is due is read for each channel, and taken in hand. */


#define NGX_HTTP_LLM_OUTBOX_POLL  1000      /* ms: of what others put in */
#define NGX_HTTP_LLM_OUTBOX_AWAY  3000      /* ms: who writes is no trouble */


static ngx_uint_t ngx_http_llm_outbox_is_mine(ngx_http_llm_leader_t *leader,
    ngx_http_llm_channel_t *channel);
static ngx_http_llm_store_task_t *ngx_http_llm_outbox_task(
    ngx_http_llm_leader_t *leader, llm_store_op_e type, void *data,
    ngx_http_llm_store_handler_pt handler);
static void ngx_http_llm_outbox_open(ngx_http_llm_leader_t *leader);
static void ngx_http_llm_outbox_opened(ngx_http_llm_store_task_t *task);
static void ngx_http_llm_outlet_read(ngx_event_t *ev);
static void ngx_http_llm_outlet_rows(ngx_http_llm_store_task_t *task);
static void ngx_http_llm_outbox_guard(ngx_event_t *ev);
static void ngx_http_llm_outbox_away(ngx_event_t *ev);
static void ngx_http_llm_outbox_tell(ngx_http_llm_leader_t *leader,
    const llm_alert_t *alert);


ngx_int_t
ngx_http_llm_outbox_start(ngx_http_llm_leader_t *leader)
{
    ngx_uint_t               i, n;
    ngx_http_llm_outbox_t   *outbox;
    ngx_http_llm_outlet_t   *outlet;
    ngx_http_llm_channel_t  *channels;

    channels = leader->conf.channels->elts;
    n = 0;

    for (i = 0; i < leader->conf.channels->nelts; i++) {
        n += ngx_http_llm_outbox_is_mine(leader, &channels[i]);
    }

    if (n == 0) {
        return NGX_OK;
    }

    outbox = ngx_calloc(sizeof(ngx_http_llm_outbox_t)
                        + n * sizeof(ngx_http_llm_outlet_t),
                        leader->cycle->log);
    if (outbox == NULL) {
        return NGX_ERROR;
    }

    leader->outbox = outbox;

    ngx_http_llm_leader_event(leader, &outbox->away, ngx_http_llm_outbox_away);
    ngx_http_llm_leader_event(leader, &outbox->guard,
                              ngx_http_llm_outbox_guard);
    outbox->guard.cancelable = 0;

    outbox->outlets = (ngx_http_llm_outlet_t *) &outbox[1];

    for (i = 0; i < leader->conf.channels->nelts; i++) {

        if (!ngx_http_llm_outbox_is_mine(leader, &channels[i])) {
            continue;
        }

        outlet = &outbox->outlets[outbox->noutlets++];

        outlet->leader = leader;
        outlet->channel = &channels[i];

        ngx_queue_init(&outlet->hand);
        ngx_http_llm_leader_event(leader, &outlet->timer,
                                  ngx_http_llm_outlet_read);
        ngx_add_timer(&outlet->timer, 1);
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_http_llm_outbox_is_mine(ngx_http_llm_leader_t *leader,
    ngx_http_llm_channel_t *channel)
{
    return channel->zone.len == leader->conf.name->len
           && ngx_strncmp(channel->zone.data, leader->conf.name->data,
                          channel->zone.len)
              == 0;
}


void
ngx_http_llm_outbox_stop(ngx_http_llm_leader_t *leader)
{
    ngx_uint_t              i;
    ngx_queue_t            *q;
    ngx_http_llm_outbox_t  *outbox;
    ngx_http_llm_outlet_t  *outlet;

    outbox = leader->outbox;

    if (outbox == NULL) {
        return;
    }

    for (i = 0; i < outbox->noutlets; i++) {
        outlet = &outbox->outlets[i];

        if (outlet->timer.timer_set) {
            ngx_del_timer(&outlet->timer);
        }

        if (outlet->reading) {
            ngx_http_llm_store_cancel(outlet->reading);
        }

        while (!ngx_queue_empty(&outlet->hand)) {
            q = ngx_queue_head(&outlet->hand);
            ngx_http_llm_deliver_drop(
                ngx_queue_data(q, ngx_http_llm_deliver_t, queue));
        }
    }

    if (outbox->opening) {
        ngx_http_llm_store_cancel(outbox->opening);
    }

    if (outbox->guard.timer_set) {
        ngx_del_timer(&outbox->guard);
    }

    if (outbox->away.timer_set) {
        ngx_del_timer(&outbox->away);
    }

    ngx_free(outbox);
    leader->outbox = NULL;
}


void
ngx_http_llm_outbox_wake(ngx_http_llm_leader_t *leader)
{
    ngx_uint_t              i;
    ngx_http_llm_outbox_t  *outbox;

    outbox = leader->outbox;

    for (i = 0; outbox && i < outbox->noutlets; i++) {
        outbox->outlets[i].wait = 1;

        if (outbox->outlets[i].timer.timer_set) {
            ngx_http_llm_outlet_later(&outbox->outlets[i], 1);
        }
    }
}


ngx_uint_t
ngx_http_llm_channels_for(ngx_http_llm_leader_t *leader,
    llm_alert_event_e event, llm_alert_severity_e severity, int64_t threshold,
    llm_store_text_t *names, ngx_uint_t max)
{
    ngx_uint_t               i, n;
    ngx_http_llm_outbox_t   *outbox;
    ngx_http_llm_channel_t  *channel;

    outbox = leader->outbox;
    n = 0;

    for (i = 0; outbox && i < outbox->noutlets; i++) {
        channel = outbox->outlets[i].channel;

        if (!ngx_http_llm_channel_takes(channel, event, severity, threshold)) {
            continue;
        }

        if (n < max) {
            names[n].data = channel->name.data;
            names[n].len = channel->name.len;
        }

        n++;
    }

    return n;
}


int64_t
ngx_http_llm_outbox_now(void)
{
    ngx_time_t  *tp;

    tp = ngx_timeofday();

    return (int64_t) tp->sec * 1000 + tp->msec;
}


void
ngx_http_llm_outlet_later(ngx_http_llm_outlet_t *outlet, ngx_msec_t ms)
{
    if (!ngx_http_llm_leader_retired(outlet->leader)) {
        ngx_add_timer(&outlet->timer, ms);
    }
}


/* NULL: again later. */

static ngx_http_llm_store_task_t *
ngx_http_llm_outbox_task(ngx_http_llm_leader_t *leader, llm_store_op_e type,
    void *data, ngx_http_llm_store_handler_pt handler)
{
    ngx_http_llm_store_task_t  *task;

    task = ngx_http_llm_store_task(leader->conf.store);
    if (task == NULL) {
        return NULL;
    }

    task->op.type = type;
    task->handler = handler;
    task->data = data;

    return task;
}


void
ngx_http_llm_outbox_trouble(ngx_http_llm_outlet_t *outlet,
    llm_store_status_e status)
{
    switch (status) {

    case LLM_STORE_ABSENT:
    case LLM_STORE_DAMAGED:
    case LLM_STORE_GONE:
    case LLM_STORE_CLOSED:
        outlet->leader->outbox->open = 0;
        break;

    default:
        break;
    }
}


/* What the carrier makes and mends is found again. */

static void
ngx_http_llm_outbox_open(ngx_http_llm_leader_t *leader)
{
    ngx_http_llm_outbox_t      *outbox;
    ngx_http_llm_store_task_t  *task;

    outbox = leader->outbox;

    if (outbox->opening) {
        return;
    }

    task = ngx_http_llm_outbox_task(leader, LLM_STORE_OPEN, leader,
                                    ngx_http_llm_outbox_opened);
    if (task == NULL) {
        return;
    }

    if (ngx_http_llm_store_post(task) != NGX_OK) {
        ngx_http_llm_store_free(task);
        return;
    }

    outbox->opening = task;
}


static void
ngx_http_llm_outbox_opened(ngx_http_llm_store_task_t *task)
{
    ngx_http_llm_leader_t *leader = task->data;

    leader->outbox->opening = NULL;

    if (task->op.status == LLM_STORE_OK) {
        leader->outbox->open = 1;
        ngx_http_llm_outbox_wake(leader);
    }
}


static void
ngx_http_llm_outlet_read(ngx_event_t *ev)
{
    ngx_uint_t                  max;
    ngx_msec_t                  now;
    ngx_http_llm_outlet_t      *outlet;
    ngx_http_llm_leader_t      *leader;
    llm_store_deliveries_t     *l;
    ngx_http_llm_store_task_t  *task;

    outlet = (ngx_http_llm_outlet_t *)
                 ((u_char *) ev - offsetof(ngx_http_llm_outlet_t, timer));

    leader = outlet->leader;

    if (ngx_http_llm_leader_retired(leader)) {
        return;
    }

    if (!leader->outbox->open) {
        ngx_http_llm_outbox_open(leader);
        ngx_http_llm_outlet_later(outlet, NGX_HTTP_LLM_OUTBOX_POLL);
        return;
    }

    now = ngx_current_msec;

    if (outlet->held && (ngx_msec_int_t) (outlet->hold - now) > 0) {
        ngx_http_llm_outlet_later(outlet, outlet->hold - now);
        return;
    }

    outlet->held = 0;

    /* who is not noted yet would be read once more */

    max = outlet->failures ? 1 : NGX_HTTP_LLM_OUTBOX_MAX;

    if (outlet->reading || outlet->nclaims || outlet->nhand >= max) {
        return;
    }

    task = ngx_http_llm_outbox_task(leader, LLM_STORE_DELIVERIES, outlet,
                                    ngx_http_llm_outlet_rows);

    if (task) {
        l = &task->op.deliveries;

        l->channel.data = outlet->channel->name.data;
        l->channel.len = outlet->channel->name.len;
        l->now = ngx_http_llm_outbox_now();
        l->max = max - outlet->nhand;

        if (ngx_http_llm_store_post(task) == NGX_OK) {
            outlet->reading = task;
            return;
        }

        ngx_http_llm_store_free(task);
    }

    ngx_http_llm_outlet_later(outlet, NGX_HTTP_LLM_OUTBOX_POLL);
}


static void
ngx_http_llm_outlet_rows(ngx_http_llm_store_task_t *task)
{
    size_t                   i;
    int64_t                  next;
    ngx_http_llm_outlet_t   *outlet;
    llm_store_deliveries_t  *l;

    outlet = task->data;
    outlet->reading = NULL;
    outlet->wait = NGX_HTTP_LLM_OUTBOX_POLL;

    if (ngx_http_llm_leader_retired(outlet->leader)) {
        return;
    }

    if (task->op.status != LLM_STORE_OK) {
        ngx_http_llm_outbox_trouble(outlet, task->op.status);
        ngx_http_llm_outlet_later(outlet, outlet->wait);
        return;
    }

    l = &task->op.deliveries;

    if (l->nrows == l->max) {
        outlet->wait = 1;

    } else if (l->next) {
        next = l->next - ngx_http_llm_outbox_now();
        outlet->wait = ngx_min(outlet->wait, (ngx_msec_t) ngx_max(next, 1));
    }

    for (i = 0; i < l->nrows; i++) {
        ngx_http_llm_deliver_row(outlet, &l->rows[i]);
    }

    if (outlet->nclaims == 0) {
        ngx_http_llm_outlet_later(outlet, outlet->wait);
    }
}


/* It is there to be waited for. */

static void
ngx_http_llm_outbox_guard(ngx_event_t *ev)
{
    ngx_log_debug0(NGX_LOG_DEBUG_EVENT, ev->log, 0,
                   "llm_quota: attempts are not waited for any more");
}


void
ngx_http_llm_outbox_store(ngx_http_llm_leader_t *leader, const char *error)
{
    llm_alert_t             alert;
    ngx_http_llm_outbox_t  *outbox;

    outbox = leader->outbox;

    if (outbox == NULL) {
        return;
    }

    if (error) {

        if (!outbox->away.timer_set && outbox->lost[0] == '\0') {
            (void) ngx_cpystrn((u_char *) outbox->error, (u_char *) error,
                               sizeof(outbox->error));
            ngx_add_timer(&outbox->away, NGX_HTTP_LLM_OUTBOX_AWAY);
        }

        return;
    }

    if (outbox->away.timer_set) {
        ngx_del_timer(&outbox->away);
    }

    if (outbox->lost[0] == '\0') {
        return;
    }

    ngx_memzero(&alert, sizeof(llm_alert_t));

    alert.resolves.data = outbox->lost;
    alert.resolves.len = ngx_strlen(outbox->lost);

    ngx_http_llm_outbox_tell(leader, &alert);

    outbox->lost[0] = '\0';
}


static void
ngx_http_llm_outbox_away(ngx_event_t *ev)
{
    llm_alert_t             alert;
    ngx_http_llm_outbox_t  *outbox;

    outbox = (ngx_http_llm_outbox_t *)
                 ((u_char *) ev - offsetof(ngx_http_llm_outbox_t, away));

    if (ngx_http_llm_leader_retired(outbox->outlets[0].leader)) {
        return;
    }

    ngx_memzero(&alert, sizeof(llm_alert_t));

    alert.detail.data = (u_char *) outbox->error;
    alert.detail.len = ngx_strlen(outbox->error);

    ngx_http_llm_outbox_tell(outbox->outlets[0].leader, &alert);
}


/* An alert about the store. */

static void
ngx_http_llm_outbox_tell(ngx_http_llm_leader_t *leader,
    const llm_alert_t *about)
{
    char                   *json;
    u_char                  id[LLM_ALERT_ID_MAX + 1], *p;
    llm_alert_t             alert;
    llm_store_text_t        text;
    ngx_http_llm_outbox_t  *outbox;

    alert = *about;
    outbox = leader->outbox;

    alert.event = LLM_ALERT_STORE;
    alert.severity = llm_alert_severity(LLM_ALERT_STORE);
    alert.time = ngx_http_llm_outbox_now();
    alert.zone.data = leader->conf.name->data;
    alert.zone.len = leader->conf.name->len;
    alert.host.data = leader->cycle->hostname.data;
    alert.host.len = leader->cycle->hostname.len;

    p = ngx_sprintf(id, "store-%016xL-%L%Z", leader->conf.zone->zone->epoch,
                    alert.time);

    alert.id.data = id;
    alert.id.len = p - id - 1;

    json = llm_alert_build(&alert);

    if (json == NULL) {
        return;
    }

    text.data = (u_char *) json;
    text.len = ngx_strlen(json);

    ngx_http_llm_outbox_memory(leader, &text);

    free(json);

    if (alert.resolves.data == NULL) {
        ngx_memcpy(outbox->lost, id, alert.id.len + 1);
    }
}


void
ngx_http_llm_outbox_memory(ngx_http_llm_leader_t *leader,
    const llm_store_text_t *json)
{
    json_t                 *doc;
    ngx_uint_t              i;
    llm_alert_t             alert;
    ngx_http_llm_outbox_t  *outbox;
    ngx_http_llm_outlet_t  *outlet;

    outbox = leader->outbox;

    if (outbox == NULL) {
        return;
    }

    doc = llm_alert_read(&alert, json->data, json->len);

    if (doc == NULL) {
        return;
    }

    for (i = 0; i < outbox->noutlets; i++) {
        outlet = &outbox->outlets[i];

        if (ngx_http_llm_channel_takes(outlet->channel, alert.event,
                                       alert.severity, 0))
        {
            ngx_http_llm_deliver_memory(outlet, &alert.id, json);
        }
    }

    json_decref(doc);
}
