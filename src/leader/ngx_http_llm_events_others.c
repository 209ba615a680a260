
/*
 * Copyright (C) the llm_quota authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "llm_money.h"
#include "ngx_http_llm_events_room.h"


/*
 * A limit that several nodes share is crossed by what all of them have: own
 * totals of the store are looked at with what others were last known to have,
 * and again when others have more.  Which of their changes matter the zone
 * tells, without the store; how often a meter was reset only the store.
 */


static llm_meter_t *ngx_http_llm_events_meter(llm_zone_t *z,
    const llm_watch_total_t *total);
static void ngx_http_llm_events_row(void *data, const llm_row_t *row);
static void ngx_http_llm_events_over(void *data, const llm_alert_t *alert,
    int64_t generation, int lesser);
static void ngx_http_llm_events_load(ngx_http_llm_events_t *events,
    const llm_watch_total_t *total);
static void ngx_http_llm_events_loaded(ngx_http_llm_store_task_t *task);


/* What is looked at, and whether it is over any threshold. */

typedef struct {
    const llm_watch_total_t       *total;
    ngx_uint_t                     over;
} ngx_http_llm_events_look_t;


void
ngx_http_llm_events_add_others(ngx_http_llm_leader_t *leader,
    llm_watch_total_t *total)
{
    unsigned      i;
    llm_zone_t   *z;
    llm_meter_t  *m;

    if (leader->cluster == NULL) {
        return;
    }

    z = ngx_http_llm_zone_lock(leader->conf.zone);

    m = ngx_http_llm_events_meter(z, total);

    for (i = 0; m && i < LLM_COUNTS; i++) {
        total->used[i] = llm_sat_add(total->used[i], m->others[i]);
    }

    ngx_http_llm_zone_unlock(leader->conf.zone);
}


/* NULL: the zone has it not, or knows of no others. */

static llm_meter_t *
ngx_http_llm_events_meter(llm_zone_t *z, const llm_watch_total_t *total)
{
    llm_index_t         index;
    llm_meter_t        *m;
    llm_subject_key_t   key;

    if (llm_zone_key(z, &key, total->type, total->name.data, total->name.len,
                     NULL, 0)
        != 0)
    {
        return NULL;
    }

    index = llm_zone_find(z, &key);

    if (index == LLM_NONE) {
        return NULL;
    }

    m = llm_zone_find_meter(z, llm_zone_subject(z, index), total->period);

    return (m && m->shared && m->start == total->start) ? m : NULL;
}


void
ngx_http_llm_events_changed(ngx_http_llm_leader_t *leader,
    const llm_watch_total_t *total)
{
    ngx_http_llm_events_t       *events;
    ngx_http_llm_events_look_t   look;

    events = leader->events;

    if (events == NULL || !events->open) {
        return;
    }

    look.total = total;
    look.over = 0;

    leader->conf.rows(leader->conf.rows_data, total->type, total->name.data,
                      total->name.len, ngx_http_llm_events_row, &look);

    if (look.over) {
        ngx_http_llm_events_load(events, total);
    }
}


static void
ngx_http_llm_events_row(void *data, const llm_row_t *row)
{
    ngx_http_llm_events_look_t *look = data;

    llm_watch_row(look->total, row, ngx_time(), ngx_http_llm_events_over,
                  look);
}


static void
ngx_http_llm_events_over(void *data, const llm_alert_t *alert,
    int64_t generation, int lesser)
{
    ngx_http_llm_events_look_t *look = data;

    look->over = 1;
}


static void
ngx_http_llm_events_load(ngx_http_llm_events_t *events,
    const llm_watch_total_t *total)
{
    const char                 *type;
    ngx_uint_t                  i;
    llm_store_load_t           *load;
    ngx_http_llm_store_task_t  *task;

    for (i = 0; i < NGX_HTTP_LLM_EVENTS_LOADS && events->loads[i]; i++) {
        /* void */
    }

    task = (i < NGX_HTTP_LLM_EVENTS_LOADS)
           ? ngx_http_llm_store_task(events->leader->conf.store) : NULL;

    if (task == NULL) {
        events->wanted = 1;
        return;
    }

    type = llm_subject_name(total->type);
    load = &task->op.load;

    task->op.type = LLM_STORE_LOAD;
    task->handler = ngx_http_llm_events_loaded;
    task->data = events;

    load->now = ngx_time();
    load->subject.type.data = (const u_char *) type;
    load->subject.type.len = ngx_strlen(type);

    if (llm_store_copy(&task->op, &load->subject.id, total->name.data,
                       total->name.len)
        != 0
        || ngx_http_llm_store_post(task) != NGX_OK)
    {
        ngx_http_llm_store_free(task);
        events->wanted = 1;
        return;
    }

    events->loads[i] = task;
}


static void
ngx_http_llm_events_loaded(ngx_http_llm_store_task_t *task)
{
    ngx_http_llm_events_t *events = task->data;

    size_t              i;
    llm_store_load_t   *load;
    llm_store_meter_t  *m;

    for (i = 0; events->loads[i] != task; i++) {
        /* void */
    }

    events->loads[i] = NULL;

    if (task->op.status != LLM_STORE_OK
        || ngx_http_llm_leader_retired(events->leader))
    {
        events->wanted = 1;
        return;
    }

    load = &task->op.load;

    for (i = 0; i < load->nrows; i++) {
        m = &load->rows[i];

        ngx_http_llm_events_total(events, &load->subject, &m->period, m->sum,
                                  m->generation);
    }

    ngx_http_llm_events_post(events);
}
