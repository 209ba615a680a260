
/*
 * Copyright (C) the llm_quota authors
 */


#include <string.h>

#include "llm_decide.h"
#include "llm_watch.h"


/* A pace is one when this part of the period is over, in percent. */

#define LLM_WATCH_PACE  10

#define LLM_WATCH_HOUR  3600


static void llm_watch_limit(const llm_watch_total_t *total,
    const llm_row_t *row, const llm_limit_t *limit, int64_t now,
    llm_watch_found_pt found, void *data);
static void llm_watch_of(llm_alert_t *alert, llm_resource_e resource,
    int64_t start, int64_t end);
static void llm_watch_pace(const llm_watch_total_t *total, int64_t now,
    llm_alert_t *alert);
static int64_t llm_watch_cut(__int128 n);
static void llm_watch_event(llm_alert_t *alert, llm_alert_event_e event);


static const char *const  llm_watch_resources[LLM_RESOURCES] = {
    "requests", "tokens", "input_tokens", "output_tokens", "parallel", "cost"
};


void
llm_watch_row(const llm_watch_total_t *total, const llm_row_t *row,
    int64_t now, llm_watch_found_pt found, void *data)
{
    unsigned            i;
    const llm_limit_t  *limit;

    for (i = 0; i < row->nlimits; i++) {
        limit = &row->limits[i];

        /* of a limit of nothing there is nothing to be heard */

        if (limit->resource != LLM_RESOURCE_PARALLEL && !limit->minute
            && limit->period == total->period && limit->amount > 0)
        {
            llm_watch_limit(total, row, limit, now, found, data);
        }
    }
}


static void
llm_watch_limit(const llm_watch_total_t *total, const llm_row_t *row,
    const llm_limit_t *limit, int64_t now, llm_watch_found_pt found,
    void *data)
{
    int          lesser;
    unsigned     n;
    llm_alert_t  alert;

    memset(&alert, 0, sizeof(llm_alert_t));

    llm_watch_subject(&alert, total->type, &total->name);
    llm_watch_of(&alert, limit->resource, total->start, total->end);

    alert.period = total->period;
    alert.used = llm_resource_sum(limit->resource, total->used);
    alert.limit = limit->amount;

    if (!row->hard_cap) {
        alert.next = LLM_ALERT_NEXT_GOES_ON;

    } else if (row->over) {
        alert.next = LLM_ALERT_NEXT_THROTTLED;

    } else {
        alert.next = LLM_ALERT_NEXT_REFUSED;
    }

    /* who is past the whole needs to hear of no part of it */

    if (alert.used >= alert.limit) {
        alert.event = LLM_ALERT_CROSSED;
        alert.severity = llm_alert_severity(alert.event);
        alert.threshold = 100;

        found(data, &alert, total->generation, 0);

        return;
    }

    llm_watch_pace(total, now, &alert);

    lesser = 0;

    for (n = row->nsoft; n; n--) {

        if ((__int128) alert.used * 100
            < (__int128) alert.limit * row->soft[n - 1])
        {
            continue;
        }

        alert.event = LLM_ALERT_SOFT;
        alert.severity = llm_alert_severity(alert.event);
        alert.threshold = row->soft[n - 1];
        alert.soft = llm_watch_cut((__int128) alert.limit * alert.threshold
                                   / 100);

        found(data, &alert, total->generation, lesser);

        lesser = 1;
    }

    if (alert.projected > alert.limit) {
        alert.event = LLM_ALERT_PROJECTED;
        alert.severity = llm_alert_severity(alert.event);
        alert.threshold = 0;
        alert.soft = 0;

        found(data, &alert, total->generation, 0);
    }
}


static void
llm_watch_of(llm_alert_t *alert, llm_resource_e resource, int64_t start,
    int64_t end)
{
    const char  *name;

    name = llm_watch_resources[resource];

    alert->resource.data = (const u_char *) name;
    alert->resource.len = strlen(name);
    alert->started = start;
    alert->reset_at = (end == INT64_MAX) ? 0 : end;
}


static void
llm_watch_pace(const llm_watch_total_t *total, int64_t now,
    llm_alert_t *alert)
{
    int64_t  length, passed;

    if (total->end == INT64_MAX || now >= total->end) {
        return;
    }

    length = total->end - total->start;
    passed = now - total->start;

    if (alert->used <= 0 || passed <= 0
        || (__int128) passed * 100 < (__int128) length * LLM_WATCH_PACE)
    {
        return;
    }

    alert->projected = llm_watch_cut((__int128) alert->used * length / passed);

    if (alert->projected > alert->limit) {
        alert->exceeded_at = total->start
                             + llm_watch_cut((__int128) passed * alert->limit
                                             / alert->used);
    }
}


static int64_t
llm_watch_cut(__int128 n)
{
    return (n > INT64_MAX) ? INT64_MAX : (int64_t) n;
}


int
llm_watch_refused(const llm_refused_t *refused, llm_alert_t *alert)
{
    llm_store_text_t  name;

    if (refused->amount <= 0 || refused->used >= refused->amount) {
        return 0;
    }

    memset(alert, 0, sizeof(llm_alert_t));

    name.data = refused->name;
    name.len = refused->len;

    llm_watch_subject(alert, refused->type, &name);
    llm_watch_of(alert, refused->resource, refused->start, refused->end);

    alert->event = LLM_ALERT_REFUSED;
    alert->severity = llm_alert_severity(alert->event);
    alert->period = refused->period;
    alert->used = refused->used;
    alert->limit = refused->amount;
    alert->threshold = 100;
    alert->next = LLM_ALERT_NEXT_REFUSED;

    return 1;
}


void
llm_watch_rate(const llm_rate_t *rate, const llm_row_t *row,
    const uint8_t *near, unsigned nnear, int64_t now,
    llm_watch_found_pt found, void *data)
{
    unsigned            i, n;
    llm_alert_t         alert;
    llm_store_text_t    name;
    const llm_limit_t  *limit;

    name.data = rate->name;
    name.len = rate->len;

    for (i = 0; i < row->nlimits; i++) {
        limit = &row->limits[i];

        if (!limit->minute || limit->amount <= 0) {
            continue;
        }

        memset(&alert, 0, sizeof(llm_alert_t));

        llm_watch_subject(&alert, rate->type, &name);
        llm_watch_of(&alert, limit->resource, now - now % LLM_WATCH_HOUR,
                     INT64_MAX);

        alert.event = LLM_ALERT_RATE_NEAR;
        alert.severity = llm_alert_severity(alert.event);
        alert.period = LLM_ALERT_MINUTE;
        alert.used = llm_resource_sum(limit->resource, rate->used);
        alert.limit = limit->amount;
        alert.next = LLM_ALERT_NEXT_REFUSED;

        for (n = 0; n < nnear; n++) {
            alert.threshold = near[n];

            if ((__int128) alert.used * 100
                >= (__int128) alert.limit * near[n])
            {
                found(data, &alert, 0, 0);
            }
        }

        if (rate->amount == limit->amount
            && rate->resource == limit->resource)
        {
            alert.event = LLM_ALERT_RATE_REFUSED;
            alert.severity = llm_alert_severity(alert.event);
            alert.threshold = 0;
            alert.exceeded_at = rate->since;

            found(data, &alert, 0, 0);
        }
    }
}


void
llm_watch_model(const llm_noted_model_t *model, llm_alert_event_e event,
    int64_t day, llm_alert_t *alert)
{
    llm_store_text_t  name;

    memset(alert, 0, sizeof(llm_alert_t));

    name.data = model->name;
    name.len = model->len;

    llm_watch_subject(alert, LLM_SUBJECT_MODEL, &name);
    llm_watch_event(alert, event);

    alert->detail = name;
    alert->period = LLM_PERIOD(LLM_PERIOD_DAYS, 1);
    alert->started = day;
}


void
llm_watch_trouble(llm_alert_event_e event, int64_t since, llm_alert_t *alert)
{
    memset(alert, 0, sizeof(llm_alert_t));

    llm_watch_event(alert, event);

    alert->started = since / 1000;
}


/* What has no limit has no resource either: it is known by its event. */

static void
llm_watch_event(llm_alert_t *alert, llm_alert_event_e event)
{
    const char  *name;

    name = llm_alert_event_name(event);

    alert->event = event;
    alert->severity = llm_alert_severity(event);
    alert->resource.data = (const u_char *) name;
    alert->resource.len = strlen(name);
}


void
llm_watch_reset(const llm_alert_t *crossed, llm_alert_t *alert)
{
    *alert = *crossed;

    alert->event = LLM_ALERT_RESET;
    alert->severity = llm_alert_severity(alert->event);
    alert->time = crossed->reset_at * 1000;
    alert->started = crossed->reset_at;
    alert->reset_at = 0;
    alert->used = 0;
    alert->soft = 0;
    alert->threshold = 0;
    alert->next = LLM_ALERT_NEXT_UNKNOWN;
    alert->projected = 0;
    alert->exceeded_at = 0;
}


void
llm_watch_subject(llm_alert_t *alert, llm_subject_type_e type,
    const llm_store_text_t *name)
{
    const u_char  *p;

    alert->scope.data = (const u_char *) llm_subject_name(type);
    alert->scope.len = strlen(llm_subject_name(type));

    alert->subject = *name;

    p = name->len ? memchr(name->data, '\0', name->len) : NULL;

    if (p) {
        alert->subject.len = p - name->data;
        alert->other.data = p + 1;
        alert->other.len = name->len - alert->subject.len - 1;
    }
}


llm_subject_type_e
llm_watch_type(const llm_store_text_t *name)
{
    unsigned     i;
    const char  *p;

    for (i = 0; i < LLM_SUBJECT_TYPES; i++) {
        p = llm_subject_name((llm_subject_type_e) i);

        if (strlen(p) == name->len && memcmp(p, name->data, name->len) == 0) {
            break;
        }
    }

    return (llm_subject_type_e) i;
}
