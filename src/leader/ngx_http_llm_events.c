
/*
 * Copyright (C) the llm_quota authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "llm_entity.h"
#include "ngx_http_llm_digest.h"
#include "ngx_http_llm_events_room.h"
#include "ngx_http_llm_outbox.h"
#include "ngx_http_llm_lookout.h"
#include "ngx_http_llm_trouble.h"


#define NGX_HTTP_LLM_EVENTS_SLICE   256     /* totals at once */
#define NGX_HTTP_LLM_EVENTS_LOT     12      /* of one total and limit */
#define NGX_HTTP_LLM_EVENTS_LATE    3600    /* s that a period is over */
#define NGX_HTTP_LLM_EVENTS_TEXT    2048    /* that holds any key */


static void ngx_http_llm_events_open(ngx_http_llm_events_t *events);
static void ngx_http_llm_events_opened(ngx_http_llm_store_task_t *task);
static void ngx_http_llm_events_read(ngx_http_llm_events_t *events);
static void ngx_http_llm_events_rows(ngx_http_llm_store_task_t *task);
static void ngx_http_llm_events_row(void *data, const llm_row_t *row);
static void ngx_http_llm_events_found(void *data, const llm_alert_t *alert,
    int64_t generation, int lesser);
static void ngx_http_llm_events_lot(ngx_http_llm_events_t *events);
static void ngx_http_llm_events_put(ngx_http_llm_events_t *events,
    const llm_alert_t *found, int64_t generation, int lesser);
static ngx_int_t ngx_http_llm_events_id(ngx_http_llm_events_t *events,
    const llm_alert_t *alert, int64_t generation, u_char *id, uint64_t *key);
static int64_t ngx_http_llm_events_limit(const llm_alert_t *alert);
static ngx_int_t ngx_http_llm_events_fill(ngx_http_llm_events_t *events,
    llm_store_op_t *op, llm_store_alert_t *row, const llm_alert_t *alert);


ngx_int_t
ngx_http_llm_events_start(ngx_http_llm_leader_t *leader)
{
    ngx_http_llm_events_t  *events;

    events = ngx_calloc(sizeof(ngx_http_llm_events_t), leader->cycle->log);
    if (events == NULL) {
        return NGX_ERROR;
    }

    events->leader = leader;
    events->wanted = 1;

    leader->events = events;

    return NGX_OK;
}


void
ngx_http_llm_events_stop(ngx_http_llm_leader_t *leader)
{
    ngx_http_llm_events_t  *events;

    events = leader->events;

    if (events == NULL) {
        return;
    }

    if (events->opening) {
        ngx_http_llm_store_cancel(events->opening);
    }

    if (events->reading) {
        ngx_http_llm_store_cancel(events->reading);
    }

    ngx_http_llm_events_cancel(events);

    ngx_free(events);
    leader->events = NULL;
}


void
ngx_http_llm_events_tick(ngx_http_llm_leader_t *leader)
{
    uint64_t                changes;
    ngx_http_llm_events_t  *events;

    events = leader->events;

    if (events == NULL) {
        return;
    }

    if (!events->open) {
        ngx_http_llm_events_open(events);
        return;
    }

    changes = llm_entity_changes(leader->conf.zone->zone);

    if (events->reading == NULL
        && (events->wanted || events->changes != changes))
    {
        events->changes = changes;
        events->wanted = 0;

        ngx_http_llm_lookout_again(leader);
        ngx_http_llm_events_read(events);
    }

    ngx_http_llm_lookout_tick(leader);
    ngx_http_llm_trouble_tick(leader);
}


void
ngx_http_llm_events_again(ngx_http_llm_leader_t *leader)
{
    if (leader->events) {
        ngx_memzero(leader->events->known, sizeof(leader->events->known));
        leader->events->wanted = 1;
    }
}


void
ngx_http_llm_events_all(ngx_http_llm_leader_t *leader)
{
    leader->events->wanted = 1;
}


/* What the carrier makes and mends is found again. */

static void
ngx_http_llm_events_open(ngx_http_llm_events_t *events)
{
    ngx_http_llm_store_task_t  *task;

    /* before the carrier has it there is nothing to find, and it is told by him
       why he has not */

    if (events->opening || !events->leader->caught_up
        || events->leader->failing)
    {
        return;
    }

    task = ngx_http_llm_store_task(events->leader->conf.store);
    if (task == NULL) {
        return;
    }

    task->op.type = LLM_STORE_OPEN;
    task->handler = ngx_http_llm_events_opened;
    task->data = events;

    if (ngx_http_llm_store_post(task) != NGX_OK) {
        ngx_http_llm_store_free(task);
        return;
    }

    events->opening = task;
}


static void
ngx_http_llm_events_opened(ngx_http_llm_store_task_t *task)
{
    ngx_http_llm_events_t *events = task->data;

    events->opening = NULL;

    if (task->op.status != LLM_STORE_OK) {
        return;
    }

    /* it may have been set aside, and alerts with it */

    events->open = 1;
    events->wanted = 1;

    ngx_memzero(events->known, sizeof(events->known));

    if (!ngx_http_llm_leader_retired(events->leader)) {
        ngx_http_llm_events_tick(events->leader);
    }
}


static void
ngx_http_llm_events_read(ngx_http_llm_events_t *events)
{
    ngx_http_llm_store_task_t  *task;

    task = ngx_http_llm_store_task(events->leader->conf.store);

    if (task) {
        task->op.type = LLM_STORE_LOAD_ALL;
        task->op.load.now = ngx_time();
        task->op.load.max = NGX_HTTP_LLM_EVENTS_SLICE;

        task->handler = ngx_http_llm_events_rows;
        task->data = events;

        if (ngx_http_llm_store_post(task) == NGX_OK) {
            events->reading = task;
            return;
        }

        ngx_http_llm_store_free(task);
    }

    events->wanted = 1;
}


static void
ngx_http_llm_events_rows(ngx_http_llm_store_task_t *task)
{
    ngx_http_llm_events_t *events = task->data;

    size_t              i;
    llm_store_load_t   *l;
    llm_store_meter_t  *m;

    events->reading = NULL;

    if (ngx_http_llm_leader_retired(events->leader)) {
        return;
    }

    if (task->op.status != LLM_STORE_OK) {
        events->wanted = 1;
        return;
    }

    l = &task->op.load;

    for (i = 0; i < l->nrows; i++) {
        m = &l->rows[i];

        ngx_http_llm_events_total(events, &m->subject, &m->period, m->sum,
                                  m->generation);
    }

    ngx_http_llm_events_post(events);

    if (l->cursor.len == 0) {
        return;
    }

    if (ngx_http_llm_store_post(task) == NGX_OK) {
        events->reading = task;
        return;
    }

    events->wanted = 1;
}


void
ngx_http_llm_events_totals(ngx_http_llm_leader_t *leader)
{
    size_t                     last;
    const llm_store_sum_t     *sum;
    const llm_store_commit_t  *commit;

    commit = leader->run.commit;

    if (commit == NULL) {
        return;
    }

    last = ngx_min(leader->watched + NGX_HTTP_LLM_EVENTS_SLICE, commit->nsums);

    while (leader->watched < last) {
        sum = &commit->sums[leader->watched++];

        ngx_http_llm_events_total(leader->events, &sum->subject,
                                  &commit->periods[sum->period], sum->total,
                                  sum->generation);
    }

    ngx_http_llm_events_post(leader->events);
}


void
ngx_http_llm_events_tell(ngx_http_llm_leader_t *leader,
    const llm_alert_t *alert, int64_t generation)
{
    ngx_http_llm_events_found(leader->events, alert, generation, 0);
}


void
ngx_http_llm_events_flush(ngx_http_llm_leader_t *leader)
{
    ngx_http_llm_events_post(leader->events);
}


ngx_int_t
ngx_http_llm_events_told(ngx_http_llm_leader_t *leader,
    const llm_alert_t *alert, int64_t generation, u_char *id)
{
    uint64_t                key;
    ngx_http_llm_events_t  *events;

    events = leader->events;

    if (ngx_http_llm_events_id(events, alert, generation, id, &key)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return (events->known[key % NGX_HTTP_LLM_EVENTS_KNOWN] == key)
           ? NGX_OK : NGX_DECLINED;
}


void
ngx_http_llm_events_total(ngx_http_llm_events_t *events,
    const llm_store_subject_t *subject, const llm_store_period_t *period,
    const int64_t *sums, int64_t generation)
{
    llm_watch_total_t       total;
    ngx_http_llm_leader_t  *leader;

    total.type = llm_watch_type(&subject->type);

    /* what was crossed at the very end is told of; what is long over, as the
       lines that come after an outage tell it, is not */

    if (total.type == LLM_SUBJECT_TYPES
        || period->end < ngx_time() - NGX_HTTP_LLM_EVENTS_LATE)
    {
        return;
    }

    total.name = subject->id;
    total.period = period->period;
    total.start = period->start;
    total.end = period->end;
    total.generation = generation;

    ngx_memcpy(total.used, sums, sizeof(total.used));

    leader = events->leader;
    events->total = &total;

    ngx_http_llm_events_add_others(leader, &total);

    leader->conf.rows(leader->conf.rows_data, total.type, total.name.data,
                      total.name.len, ngx_http_llm_events_row, events);
}


static void
ngx_http_llm_events_row(void *data, const llm_row_t *row)
{
    ngx_http_llm_events_t *events = data;

    llm_watch_row(events->total, row, ngx_time(), ngx_http_llm_events_found,
                  events);
}


static void
ngx_http_llm_events_found(void *data, const llm_alert_t *alert,
    int64_t generation, int lesser)
{
    ngx_http_llm_events_t *events = data;

    llm_alert_t  reset;

    if (!lesser) {
        ngx_http_llm_events_lot(events);
    }

    /* due when it comes: so it is told of by whoever leads then */

    if (alert->reset_at && (alert->event == LLM_ALERT_CROSSED
                            || alert->event == LLM_ALERT_REFUSED))
    {
        llm_watch_reset(alert, &reset);
        ngx_http_llm_events_put(events, &reset, 0, 0);
        events->lot = 0;
    }

    ngx_http_llm_events_put(events, alert, generation, lesser && events->lot);
}


/* What is told of together goes into one transaction. */

static void
ngx_http_llm_events_lot(ngx_http_llm_events_t *events)
{
    events->lot = 0;

    if (events->batch && events->batch->n + NGX_HTTP_LLM_EVENTS_LOT
                         > NGX_HTTP_LLM_EVENTS_BATCH)
    {
        ngx_http_llm_events_post(events);
    }
}


static void
ngx_http_llm_events_put(ngx_http_llm_events_t *events,
    const llm_alert_t *found, int64_t generation, int lesser)
{
    u_char                        id[NGX_HTTP_LLM_EVENTS_ID];
    uint64_t                      key;
    ngx_uint_t                    n;
    llm_alert_t                   alert;
    llm_store_op_t               *op;
    llm_store_alert_t            *row;
    ngx_http_llm_events_write_t  *batch;

    alert = *found;

    if (ngx_http_llm_events_id(events, &alert, generation, id, &key)
        != NGX_OK)
    {
        events->wanted = 1;
        return;
    }

    if (events->known[key % NGX_HTTP_LLM_EVENTS_KNOWN] == key) {
        return;
    }

    batch = ngx_http_llm_events_batch(events);

    if (batch == NULL) {
        events->wanted = 1;
        return;
    }

    alert.id.data = id;
    alert.id.len = NGX_HTTP_LLM_EVENTS_ID;
    alert.zone.data = events->leader->conf.name->data;
    alert.zone.len = events->leader->conf.name->len;
    alert.host.data = events->leader->cycle->hostname.data;
    alert.host.len = events->leader->cycle->hostname.len;

    if (alert.time == 0) {
        alert.time = ngx_http_llm_outbox_now();
    }

    n = batch->n;
    row = &batch->alerts[n];
    op = &batch->task->op;

    ngx_memzero(row, sizeof(llm_store_alert_t));

    row->generation = generation;
    row->lesser = lesser;

    if (ngx_http_llm_events_fill(events, op, row, &alert) != NGX_OK) {
        events->wanted = 1;
        return;
    }

    batch->keys[n] = key;
    batch->until[n] = (alert.reset_at || alert.event <= LLM_ALERT_PROJECTED)
                      ? alert.reset_at : alert.time / 1000;
    batch->n = n + 1;

    events->lot = 1;
}


/*
 * The same alert has the same id, also where a store was lost, and where other
 * machines with the same Redis find it.
 */

static ngx_int_t
ngx_http_llm_events_id(ngx_http_llm_events_t *events,
    const llm_alert_t *alert, int64_t generation, u_char *id, uint64_t *key)
{
    u_char                   *p, digest[LLM_KEY_DIGEST];
    u_char                    text[NGX_HTTP_LLM_EVENTS_TEXT];
    ngx_str_t                 zone, host;
    ngx_http_llm_leader_t    *leader;

    leader = events->leader;

    zone = *leader->conf.name;
    host = leader->cycle->hostname;

    /* what is about the zone itself is about this host's */

    if (leader->conf.redis && alert->scope.data) {
        host.len = 0;
    }

    p = ngx_slprintf(text, text + sizeof(text),
                     "%V/%V/%*s/%uz/%*s/%uz/%*s/%*s/%uL/%L/%L/%L/%L",
                     &zone, &host, alert->scope.len, alert->scope.data,
                     alert->subject.len,
                     alert->subject.len, alert->subject.data,
                     alert->other.len, alert->other.len, alert->other.data,
                     alert->resource.len, alert->resource.data,
                     (uint64_t) alert->period, alert->started,
                     ngx_http_llm_events_limit(alert), alert->threshold,
                     generation);

    if (ngx_http_llm_digest(digest, text, p - text) != NGX_OK) {
        return NGX_ERROR;
    }

    (void) ngx_hex_dump(id, digest, NGX_HTTP_LLM_EVENTS_ID / 2);

    ngx_memcpy(key, digest, sizeof(uint64_t));

    return NGX_OK;
}


/* A period begins again once, whatever was crossed in the last. */

static int64_t
ngx_http_llm_events_limit(const llm_alert_t *alert)
{
    return (alert->event == LLM_ALERT_RESET) ? 0 : alert->limit;
}


static ngx_int_t
ngx_http_llm_events_fill(ngx_http_llm_events_t *events, llm_store_op_t *op,
    llm_store_alert_t *row, const llm_alert_t *alert)
{
    char              *json;
    const char        *event;
    llm_store_text_t  *channels, name, scope;

    json = llm_alert_build(alert);
    if (json == NULL) {
        return NGX_ERROR;
    }

    if (llm_store_copy(op, &row->json, json, ngx_strlen(json)) != 0) {
        free(json);
        return NGX_ERROR;
    }

    free(json);

    row->nchannels = ngx_http_llm_channels_for(events->leader, alert->event,
                                               alert->severity,
                                               alert->threshold, NULL, 0);

    if (row->nchannels) {
        channels = llm_store_alloc(op, row->nchannels
                                       * sizeof(llm_store_text_t));
        if (channels == NULL) {
            return NGX_ERROR;
        }

        (void) ngx_http_llm_channels_for(events->leader, alert->event,
                                         alert->severity, alert->threshold,
                                         channels, row->nchannels);
        row->channels = channels;
    }

    row->period = alert->period;
    row->start = alert->started;
    row->limit = ngx_http_llm_events_limit(alert);
    row->threshold = alert->threshold;
    row->time = alert->time;
    row->resource = alert->resource;

    event = llm_alert_event_name(alert->event);

    row->event.data = (const u_char *) event;
    row->event.len = ngx_strlen(event);

    /* both halves are one text with a NUL between them */

    name = alert->subject;
    scope = alert->scope;

    if (alert->other.data) {
        name.len += 1 + alert->other.len;
    }

    if (scope.data == NULL) {
        name = alert->host;
        scope.data = (const u_char *) "node";
        scope.len = sizeof("node") - 1;
    }

    row->subject.type = scope;

    if (llm_store_copy(op, &row->id, alert->id.data, alert->id.len) != 0
        || llm_store_copy(op, &row->subject.id, name.data, name.len) != 0)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}
