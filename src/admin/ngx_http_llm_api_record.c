
/*
 * Copyright (C) the llm_quota authors
 */


#include "ngx_http_llm_api.h"
#include "llm_others.h"
#include "llm_period.h"


/* An entity as it is shown: its document, what it lacks, and what its subject
   spent in the period of its budget. */


static llm_period_t ngx_http_llm_record_period(
    const ngx_http_llm_record_t *record);
static ngx_int_t ngx_http_llm_record_key(ngx_http_llm_call_t *call,
    const ngx_http_llm_record_t *record, llm_subject_key_t *key);
static void ngx_http_llm_record_loaded(ngx_http_llm_call_t *call,
    llm_store_op_t *op);


/* Without a budget of its own: the calendar month, which is kept of all. */

static llm_period_t
ngx_http_llm_record_period(const ngx_http_llm_record_t *record)
{
    size_t         n;
    const char    *text;
    const json_t  *budget;
    llm_period_t   period;

    text = llm_api_string(record->doc, "budget_duration", &n);

    if (text && llm_period_parse((u_char *) text, n, &period) == 0) {
        return period;
    }

    budget = ngx_http_llm_record_budget(record);

    return budget == NULL || json_is_null(budget)
           ? LLM_PERIOD(LLM_PERIOD_MONTH, 1) : LLM_PERIOD_FOREVER;
}


const json_t *
ngx_http_llm_record_budget(const ngx_http_llm_record_t *record)
{
    return json_object_get(record->doc,
                           record->kind == &ngx_http_llm_kind_member
                           ? "max_budget_in_team" : "max_budget");
}


/* A member's id is that of the pair: both ids with a NUL between them. */

static ngx_int_t
ngx_http_llm_record_key(ngx_http_llm_call_t *call,
    const ngx_http_llm_record_t *record, llm_subject_key_t *key)
{
    size_t         n, m;
    const u_char  *second;

    n = record->id.len;
    m = 0;
    second = NULL;

    if (record->kind == &ngx_http_llm_kind_member) {
        second = memchr(record->id.data, '\0', n);

        if (second == NULL) {
            return NGX_ERROR;
        }

        m = record->id.data + n - ++second;
        n = second - 1 - record->id.data;
    }

    return llm_zone_key(call->api->admin.zone.zone->zone, key,
                        record->kind->subject, record->id.data, n, second, m)
           == 0 ? NGX_OK : NGX_ERROR;
}


ngx_int_t
ngx_http_llm_record_spend(ngx_http_llm_call_t *call,
    ngx_http_llm_record_t *record)
{
    int64_t               start, end, now, total[LLM_COUNTS];
    ngx_int_t             rc;
    llm_zone_t           *z;
    llm_index_t           i;
    llm_meter_t          *meter;
    llm_period_t          period;
    llm_subject_key_t     key;
    ngx_http_llm_zone_t  *zone;

    record->spend = 0;
    record->reset = 0;

    now = ngx_time();
    zone = call->api->admin.zone.zone;
    period = ngx_http_llm_record_period(record);

    llm_period_bounds(period, &zone->clock.calendar, now, &start, &end);

    if (json_is_string(json_object_get(record->doc, "budget_duration"))) {
        record->reset = end;
    }

    if (record->kind->subject == LLM_SUBJECT_TYPES
        || ngx_http_llm_record_key(call, record, &key) != NGX_OK)
    {
        return NGX_OK;
    }

    rc = NGX_DECLINED;

    z = ngx_http_llm_zone_lock(zone);

    i = llm_zone_find(z, &key);

    if (i != LLM_NONE) {
        meter = llm_zone_find_meter(z, llm_zone_subject(z, i), period);

        if (meter && (llm_zone_meter_loaded(z, meter) || !z->stored)) {
            llm_others_total(z, meter, total);

            record->spend = meter->end > now ? total[LLM_COUNT_COST] : 0;
            rc = NGX_OK;
        }
    }

    ngx_http_llm_zone_unlock(zone);

    return rc;
}


void
ngx_http_llm_call_spend(ngx_http_llm_call_t *call, ngx_http_llm_call_pt done)
{
    const char             *type;
    llm_store_op_t         *op;
    ngx_http_llm_record_t  *record;

    record = &call->record;

    if (ngx_http_llm_record_spend(call, record) == NGX_OK) {
        done(call);
        return;
    }

    call->spent = done;

    op = ngx_http_llm_call_op(call, LLM_STORE_LOAD,
                              ngx_http_llm_record_loaded);
    if (op == NULL) {
        return;
    }

    type = llm_subject_name(record->kind->subject);

    op->load.subject.type.data = (u_char *) type;
    op->load.subject.type.len = ngx_strlen(type);
    op->load.now = ngx_time();

    ngx_http_llm_store_set(&op->load.subject.id, &record->id);

    ngx_http_llm_call_run(call);
}


/* Of what was never limited only the month was kept. */

static void
ngx_http_llm_record_loaded(ngx_http_llm_call_t *call, llm_store_op_t *op)
{
    size_t                    i;
    ngx_uint_t                found;
    llm_period_t              period;
    const llm_store_meter_t  *row;

    period = ngx_http_llm_record_period(&call->record);
    found = 0;

    for (i = 0; i < op->load.nrows && !found; i++) {
        row = &op->load.rows[i];

        if (row->period.period == period) {
            found = 1;

        } else if (row->period.period != LLM_PERIOD(LLM_PERIOD_MONTH, 1)) {
            continue;
        }

        call->record.spend = row->sum[LLM_STORE_COST];
    }

    call->spent(call);
}


void
ngx_http_llm_out_record(ngx_http_llm_call_t *call,
    const ngx_http_llm_record_t *record)
{
    json_t                 *value;
    const char             *name;
    const llm_api_field_t  *field;

    json_object_foreach(record->doc, name, value) {

        /* how a regenerated key is tied to the one before is our own */

        if (ngx_strcmp(name, "counts_as") == 0
            || ngx_strcmp(name, "replaced_by") == 0
            || ngx_strcmp(name, "spend") == 0
            || ngx_strcmp(name, "budget_reset_at") == 0)
        {
            continue;
        }

        ngx_http_llm_out_name(call, name);
        ngx_http_llm_out_json(call, value);
    }

    for (field = llm_api_fields; field->name; field++) {

        if (!(field->kinds & record->kind->fields)
            || field->absent == NULL
            || json_object_get(record->doc, field->name))
        {
            continue;
        }

        ngx_http_llm_out_name(call, field->name);
        ngx_http_llm_out_word(call, field->absent);
    }

    if (record->kind != &ngx_http_llm_kind_budget
        && record->kind != &ngx_http_llm_kind_group)
    {
        ngx_http_llm_out_usd(call, "spend", record->spend);
    }

    ngx_http_llm_out_name(call, "budget_reset_at");
    ngx_http_llm_out_time(call, record->reset * 1000);
}
