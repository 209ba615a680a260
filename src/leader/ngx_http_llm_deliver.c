
/*
 * Copyright (C) the llm_quota authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "ngx_http_llm_outbox_room.h"


/*
 * The way of a delivery, each step of which is the handler of the one before:
 *
 *     claim    its next attempt is noted in the store, unless somebody else
 *              has done so
 *     send     the alert is on its way
 *     note     what came of it is noted: delivered, due again, or given up
 *
 * One from memory has no claim and no note, but a timer.
 */


#define NGX_HTTP_LLM_DELIVER_FIRST   1000             /* ms */
#define NGX_HTTP_LLM_DELIVER_MOST    (600 * 1000)
#define NGX_HTTP_LLM_DELIVER_HOLD    (60 * 1000)
#define NGX_HTTP_LLM_DELIVER_ASKED   (3600 * 1000)    /* by Retry-After */
#define NGX_HTTP_LLM_DELIVER_UP      (24 * 3600 * 1000)
#define NGX_HTTP_LLM_DELIVER_GRACE   2000
#define NGX_HTTP_LLM_DELIVER_MEMORY  16               /* of a channel */


static ngx_http_llm_deliver_t *ngx_http_llm_deliver_create(
    ngx_http_llm_outlet_t *outlet, const llm_store_text_t *id,
    const llm_store_text_t *json);
static ngx_int_t ngx_http_llm_deliver_set(ngx_http_llm_deliver_t *d,
    int64_t seen, ngx_http_llm_store_handler_pt handler);
static void ngx_http_llm_deliver_claimed(ngx_http_llm_store_task_t *task);
static void ngx_http_llm_deliver_send(ngx_http_llm_deliver_t *d);
static ngx_int_t ngx_http_llm_deliver_start(ngx_http_llm_deliver_t *d);
static llm_told_t *ngx_http_llm_deliver_counters(ngx_http_llm_deliver_t *d,
    llm_alert_event_e event);
static void ngx_http_llm_deliver_sent(ngx_http_llm_curl_t *transfer);
static void ngx_http_llm_deliver_end(ngx_http_llm_deliver_t *d);
static void ngx_http_llm_deliver_count(ngx_http_llm_deliver_t *d);
static void ngx_http_llm_deliver_failed(ngx_http_llm_deliver_t *d);
static int64_t ngx_http_llm_deliver_delay(ngx_http_llm_deliver_t *d);
static void ngx_http_llm_deliver_hold(ngx_http_llm_deliver_t *d,
    int64_t delay);
static int64_t ngx_http_llm_deliver_backoff(int64_t attempts);
static void ngx_http_llm_deliver_tell(ngx_http_llm_deliver_t *d);
static void ngx_http_llm_deliver_note(ngx_http_llm_deliver_t *d);
static void ngx_http_llm_deliver_noted(ngx_http_llm_store_task_t *task);
static void ngx_http_llm_deliver_timer(ngx_event_t *ev);
static void ngx_http_llm_deliver_guard(ngx_http_llm_outlet_t *outlet);


void
ngx_http_llm_deliver_row(ngx_http_llm_outlet_t *outlet,
    const llm_store_delivery_t *row)
{
    int64_t                  lease;
    ngx_http_llm_deliver_t  *d;

    d = ngx_http_llm_deliver_create(outlet, &row->alert, &row->json);

    if (d == NULL) {
        return;
    }

    outlet->nhand++;
    outlet->nclaims++;

    d->attempts = row->attempts + 1;

    /* who dies now leaves it to whoever leads then */

    lease = ngx_http_llm_deliver_backoff(d->attempts);
    lease = ngx_max(lease, (int64_t) outlet->channel->timeout
                           + NGX_HTTP_LLM_DELIVER_GRACE);

    d->state = LLM_STORE_PENDING;
    d->due = ngx_http_llm_outbox_now() + lease;
    ngx_sprintf((u_char *) d->error, LLM_STORE_BEGUN "%Z");

    if (ngx_http_llm_deliver_set(d, row->attempts,
                                 ngx_http_llm_deliver_claimed)
        != NGX_OK)
    {
        ngx_http_llm_deliver_drop(d);
    }
}


void
ngx_http_llm_deliver_memory(ngx_http_llm_outlet_t *outlet,
    const llm_store_text_t *id, const llm_store_text_t *json)
{
    ngx_http_llm_deliver_t  *d;

    if (outlet->nmemory == NGX_HTTP_LLM_DELIVER_MEMORY) {
        ngx_log_error(NGX_LOG_ERR, outlet->leader->cycle->log, 0,
                      "llm_quota alert \"%*s\" of zone \"%V\" is not told to "
                      "\"%V\": too many wait", id->len, id->data,
                      outlet->leader->conf.name, &outlet->channel->name);
        return;
    }

    d = ngx_http_llm_deliver_create(outlet, id, json);

    if (d) {
        d->memory = 1;
        d->attempts = 1;
        outlet->nmemory++;

        ngx_http_llm_deliver_send(d);
    }
}


static ngx_http_llm_deliver_t *
ngx_http_llm_deliver_create(ngx_http_llm_outlet_t *outlet,
    const llm_store_text_t *id, const llm_store_text_t *json)
{
    ngx_http_llm_deliver_t  *d;

    d = ngx_calloc(sizeof(ngx_http_llm_deliver_t) + id->len + json->len,
                   outlet->leader->cycle->log);
    if (d == NULL) {
        return NULL;
    }

    d->outlet = outlet;

    d->id.data = d->text;
    d->id.len = id->len;
    d->json.data = ngx_cpymem(d->text, id->data, id->len);
    d->json.len = json->len;
    ngx_memcpy(d->json.data, json->data, json->len);

    ngx_http_llm_leader_event(outlet->leader, &d->timer,
                              ngx_http_llm_deliver_timer);

    ngx_queue_insert_tail(&outlet->hand, &d->queue);

    return d;
}


void
ngx_http_llm_deliver_drop(ngx_http_llm_deliver_t *d)
{
    ngx_http_llm_outlet_t  *outlet;

    outlet = d->outlet;

    if (d->task) {
        ngx_http_llm_store_cancel(d->task);
    }

    if (d->message.curl.busy) {
        ngx_http_llm_curl_cancel(&d->message.curl);
    }

    if (d->timer.timer_set) {
        ngx_del_timer(&d->timer);
    }

    free(d->message.body);

    ngx_queue_remove(&d->queue);

    if (d->memory) {
        outlet->nmemory--;

    } else {
        outlet->nhand--;

        if (d->claimed) {
            outlet->leader->outbox->nsending--;
            ngx_http_llm_deliver_guard(outlet);

        } else {
            outlet->nclaims--;
        }

        if (outlet->nclaims == 0) {
            ngx_http_llm_outlet_later(outlet, ngx_max(outlet->wait, 1));
        }
    }

    ngx_free(d);
}


/* Its row, if so many attempts are seen there. */

static ngx_int_t
ngx_http_llm_deliver_set(ngx_http_llm_deliver_t *d, int64_t seen,
    ngx_http_llm_store_handler_pt handler)
{
    llm_store_delivery_t       *row;
    ngx_http_llm_store_task_t  *task;

    task = ngx_http_llm_store_task(d->outlet->leader->conf.store);
    if (task == NULL) {
        return NGX_ERROR;
    }

    task->op.type = LLM_STORE_DELIVERY;
    task->op.delivery.seen = seen;
    task->handler = handler;
    task->data = d;

    row = &task->op.delivery.row;

    row->state = d->state;
    row->due = d->due;
    row->attempts = d->attempts;

    /* what waits is written also when nobody is left to be told */

    if (llm_store_copy(&task->op, &row->alert, d->id.data, d->id.len) != 0
        || llm_store_copy(&task->op, &row->channel,
                          d->outlet->channel->name.data,
                          d->outlet->channel->name.len)
           != 0
        || llm_store_copy(&task->op, &row->error, d->error,
                          ngx_strlen(d->error))
           != 0
        || ngx_http_llm_store_post(task) != NGX_OK)
    {
        ngx_http_llm_store_free(task);
        return NGX_ERROR;
    }

    d->task = task;

    return NGX_OK;
}


static void
ngx_http_llm_deliver_claimed(ngx_http_llm_store_task_t *task)
{
    ngx_http_llm_deliver_t *d = task->data;

    ngx_http_llm_outlet_t  *outlet;

    d->task = NULL;
    outlet = d->outlet;

    if (task->op.status != LLM_STORE_OK) {

        /* CONFLICT: somebody else is at it */

        if (task->op.status != LLM_STORE_CONFLICT) {
            ngx_http_llm_outbox_trouble(outlet, task->op.status);
            outlet->wait = NGX_HTTP_LLM_DELIVER_FIRST;
        }

        ngx_http_llm_deliver_drop(d);
        return;
    }

    d->claimed = 1;
    outlet->nclaims--;
    outlet->leader->outbox->nsending++;
    ngx_http_llm_deliver_guard(outlet);

    if (outlet->nclaims == 0) {
        ngx_http_llm_outlet_later(outlet, ngx_max(outlet->wait, 1));
    }

    ngx_http_llm_deliver_send(d);
}


static void
ngx_http_llm_deliver_send(ngx_http_llm_deliver_t *d)
{
    free(d->message.body);
    d->message.body = NULL;

    if (ngx_http_llm_deliver_start(d) != NGX_OK) {
        ngx_http_llm_deliver_end(d);
    }
}


static ngx_int_t
ngx_http_llm_deliver_start(ngx_http_llm_deliver_t *d)
{
    json_t       *doc;
    ngx_int_t     rc;
    llm_alert_t   alert;

    doc = llm_alert_read(&alert, d->json.data, d->json.len);

    if (doc == NULL) {

        /* no later attempt would know more */

        d->time = 0;
        ngx_sprintf((u_char *) d->message.curl.error,
                    "its document cannot be read%Z");
        return NGX_ERROR;
    }

    d->time = alert.time;
    d->told = ngx_http_llm_deliver_counters(d, alert.event);

    rc = ngx_http_llm_channel_render(d->outlet->channel, &alert, &d->json,
                                     ngx_time(), &d->message);

    json_decref(doc);

    if (rc != NGX_OK) {
        ngx_sprintf((u_char *) d->message.curl.error, "no memory%Z");
        return NGX_ERROR;
    }

    d->message.curl.handler = ngx_http_llm_deliver_sent;
    d->message.curl.data = d;

    return ngx_http_llm_curl_send(&d->message.curl);
}


static llm_told_t *
ngx_http_llm_deliver_counters(ngx_http_llm_deliver_t *d,
    llm_alert_event_e event)
{
    llm_told_t            *told;
    ngx_str_t             *channel;
    const char            *name;
    ngx_http_llm_zone_t   *zone;

    name = llm_alert_event_name(event);
    channel = &d->outlet->channel->name;
    zone = d->outlet->leader->conf.zone;

    told = llm_told(ngx_http_llm_zone_lock(zone)->told, (u_char *) name,
                    ngx_strlen(name), channel->data, channel->len);

    ngx_http_llm_zone_unlock(zone);

    return told;
}


static void
ngx_http_llm_deliver_sent(ngx_http_llm_curl_t *transfer)
{
    ngx_http_llm_deliver_end(transfer->data);
}


static void
ngx_http_llm_deliver_end(ngx_http_llm_deliver_t *d)
{
    d->error[0] = '\0';

    if (d->message.curl.sent) {
        d->state = LLM_STORE_DELIVERED;
        d->due = ngx_http_llm_outbox_now();

    } else {
        ngx_http_llm_deliver_failed(d);
    }

    ngx_http_llm_deliver_count(d);
    ngx_http_llm_deliver_tell(d);

    if (!d->memory) {
        ngx_http_llm_deliver_note(d);
        return;
    }

    if (d->state == LLM_STORE_PENDING
        && !ngx_http_llm_leader_retired(d->outlet->leader))
    {
        d->attempts++;
        ngx_add_timer(&d->timer, d->due - ngx_http_llm_outbox_now());
        return;
    }

    ngx_http_llm_deliver_drop(d);
}


static void
ngx_http_llm_deliver_count(ngx_http_llm_deliver_t *d)
{
    if (d->told == NULL) {
        return;
    }

    llm_count(&d->told->count[LLM_TOLD_DELIVERED],
              d->state == LLM_STORE_DELIVERED);
    llm_count(&d->told->count[LLM_TOLD_FAILED],
              d->state != LLM_STORE_DELIVERED);
    llm_count(&d->told->count[LLM_TOLD_GIVEN_UP],
              d->state == LLM_STORE_GIVEN_UP);
}


static void
ngx_http_llm_deliver_failed(ngx_http_llm_deliver_t *d)
{
    int64_t  now, delay;

    now = ngx_http_llm_outbox_now();

    (void) ngx_cpystrn((u_char *) d->error,
                       (u_char *) d->message.curl.error, sizeof(d->error));

    delay = ngx_http_llm_deliver_delay(d);

    ngx_http_llm_deliver_hold(d, delay);

    d->state = (now - d->time > NGX_HTTP_LLM_DELIVER_UP)
               ? LLM_STORE_GIVEN_UP : LLM_STORE_PENDING;
    d->due = now + delay;
}


static int64_t
ngx_http_llm_deliver_delay(ngx_http_llm_deliver_t *d)
{
    int64_t               delay, asked;
    ngx_http_llm_curl_t  *curl;

    curl = &d->message.curl;

    if (ngx_http_llm_channel_refused(d->outlet->channel, curl)) {
        return NGX_HTTP_LLM_DELIVER_MOST;
    }

    delay = ngx_http_llm_deliver_backoff(d->attempts);

    asked = ngx_min((int64_t) curl->retry_after * 1000,
                    NGX_HTTP_LLM_DELIVER_ASKED);

    return ngx_max(delay, asked);
}


/* A channel that is dead is asked by one alert at a time, however many wait,
   and the longer it is, the less often, but once a minute.  Retry-After was
   said to all that would come. */

static void
ngx_http_llm_deliver_hold(ngx_http_llm_deliver_t *d, int64_t delay)
{
    int64_t                 wait;
    ngx_http_llm_outlet_t  *outlet;

    outlet = d->outlet;

    if (d->message.curl.retry_after == 0) {

        if (outlet->held) {
            return;
        }

        wait = ngx_http_llm_deliver_backoff(++outlet->failures);
        delay = ngx_min(wait, NGX_HTTP_LLM_DELIVER_HOLD);
    }

    outlet->held = 1;
    outlet->hold = ngx_current_msec + (ngx_msec_t) delay;
}


static int64_t
ngx_http_llm_deliver_backoff(int64_t attempts)
{
    /* 1, 2, 4, ... 512 s are the first ten */

    if (attempts > 10) {
        return NGX_HTTP_LLM_DELIVER_MOST;
    }

    return NGX_HTTP_LLM_DELIVER_FIRST << (attempts - 1);
}


/* Of a channel that fails once when that begins and once when it ends; of an
   alert that nobody will get, each. */

static void
ngx_http_llm_deliver_tell(ngx_http_llm_deliver_t *d)
{
    ngx_log_t              *log;
    ngx_http_llm_outlet_t  *outlet;

    outlet = d->outlet;
    log = outlet->leader->cycle->log;

    if (d->state == LLM_STORE_DELIVERED) {
        outlet->failures = 0;

        ngx_log_error(NGX_LOG_INFO, log, 0,
                      "llm_quota alert \"%V\" of zone \"%V\" was told to "
                      "\"%V\"", &d->id, outlet->leader->conf.name,
                      &outlet->channel->name);

        if (outlet->failing) {
            outlet->failing = 0;

            ngx_log_error(NGX_LOG_NOTICE, log, 0,
                          "llm_quota alerts of zone \"%V\" reach \"%V\" again",
                          outlet->leader->conf.name, &outlet->channel->name);
        }

        return;
    }

    if (d->state == LLM_STORE_GIVEN_UP) {
        ngx_log_error(NGX_LOG_ERR, log, 0,
                      "llm_quota alert \"%V\" of zone \"%V\" was not told to "
                      "\"%V\", and is given up: %s", &d->id,
                      outlet->leader->conf.name, &outlet->channel->name,
                      d->error);
        return;
    }

    if (!outlet->failing) {
        outlet->failing = 1;

        ngx_log_error(NGX_LOG_ERR, log, 0,
                      "llm_quota alerts of zone \"%V\" do not reach \"%V\", "
                      "and are tried again for a day: %s",
                      outlet->leader->conf.name, &outlet->channel->name,
                      d->error);
    }
}


static void
ngx_http_llm_deliver_note(ngx_http_llm_deliver_t *d)
{
    if (ngx_http_llm_deliver_set(d, d->attempts, ngx_http_llm_deliver_noted)
        == NGX_OK)
    {
        return;
    }

    ngx_add_timer(&d->timer, NGX_HTTP_LLM_DELIVER_FIRST);
}


static void
ngx_http_llm_deliver_noted(ngx_http_llm_store_task_t *task)
{
    ngx_http_llm_deliver_t *d = task->data;

    d->task = NULL;

    ngx_http_llm_outbox_trouble(d->outlet, task->op.status);

    /* who was told and cannot note it would be told once more */

    if (task->op.status > LLM_STORE_INVALID
        && !ngx_http_llm_leader_retired(d->outlet->leader))
    {
        ngx_add_timer(&d->timer, NGX_HTTP_LLM_DELIVER_FIRST);
        return;
    }

    ngx_http_llm_deliver_drop(d);
}


static void
ngx_http_llm_deliver_timer(ngx_event_t *ev)
{
    ngx_http_llm_deliver_t  *d;

    d = (ngx_http_llm_deliver_t *)
            ((u_char *) ev - offsetof(ngx_http_llm_deliver_t, timer));

    if (ngx_http_llm_leader_retired(d->outlet->leader)) {
        ngx_http_llm_deliver_drop(d);
        return;
    }

    if (d->memory) {
        ngx_http_llm_deliver_send(d);

    } else {
        ngx_http_llm_deliver_note(d);
    }
}


/* What is under way is finished before a worker ends, and noted. */

static void
ngx_http_llm_deliver_guard(ngx_http_llm_outlet_t *outlet)
{
    ngx_http_llm_outbox_t  *outbox;

    outbox = outlet->leader->outbox;

    if (outbox->nsending) {
        ngx_add_timer(&outbox->guard, outlet->channel->timeout
                                      + NGX_HTTP_LLM_DELIVER_GRACE);

    } else if (outbox->guard.timer_set) {
        ngx_del_timer(&outbox->guard);
    }
}
