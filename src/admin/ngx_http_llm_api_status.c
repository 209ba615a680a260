
/*
 * Copyright (C) the llm_quota authors
 */


#include "ngx_http_llm_api_calls.h"
#include "ngx_http_llm_limits.h"
#include "llm_survey.h"


/* /quota/status: what the zone says right now of whoever asks, or of whom the
   master key asks for: by name, or of all teams that the zone has. */


#define NGX_HTTP_LLM_STATUS_SUBJECTS  8      /* under one lock */
#define NGX_HTTP_LLM_STATUS_LOCKS     32     /* in one turn */


/* A walk through the zone. */

typedef struct {
    llm_index_t              next;
    ngx_event_t              turn;
    llm_survey_t             surveys[NGX_HTTP_LLM_STATUS_SUBJECTS];
} ngx_http_llm_status_t;


/* Members of a key's document, and arguments of the query. */

typedef struct {
    const char              *name;
    llm_subject_type_e       type;
} ngx_http_llm_status_scope_t;


static void ngx_http_llm_status_caller(ngx_http_llm_call_t *call);
static void ngx_http_llm_status_named(ngx_http_llm_call_t *call);
static void ngx_http_llm_status_teams(ngx_http_llm_call_t *call);
static void ngx_http_llm_status_turn(ngx_event_t *ev);
static void ngx_http_llm_status_end(ngx_http_llm_call_t *call);
static void ngx_http_llm_status_find(ngx_http_llm_call_t *call,
    llm_subject_type_e type, ngx_str_t *id, llm_survey_t *survey);
static void ngx_http_llm_status_subject(ngx_http_llm_call_t *call,
    const llm_survey_t *survey, ngx_str_t *id);
static void ngx_http_llm_status_lines(ngx_http_llm_call_t *call,
    const llm_survey_t *survey, ngx_str_t *id);
static void ngx_http_llm_status_meter(ngx_http_llm_call_t *call,
    const llm_survey_meter_t *meter);
static void ngx_http_llm_status_limit(ngx_http_llm_call_t *call,
    const llm_survey_t *survey, const llm_limit_t *limit);
static void ngx_http_llm_status_period(ngx_http_llm_call_t *call,
    const char *name, llm_period_t period);
static void ngx_http_llm_status_bounds(ngx_http_llm_call_t *call,
    llm_period_t period);


static const ngx_http_llm_status_scope_t  ngx_http_llm_status_scopes[] = {
    { "team_id", LLM_SUBJECT_TEAM },
    { "user_id", LLM_SUBJECT_USER },
    { "customer_id", LLM_SUBJECT_CUSTOMER },
    { "key", LLM_SUBJECT_KEY },
    { "tag", LLM_SUBJECT_TAG },
    { NULL, LLM_SUBJECT_TYPES }
};


void
ngx_http_llm_api_status(ngx_http_llm_call_t *call)
{
    ngx_str_t               scope;
    llm_api_fault_t         fault;
    ngx_http_llm_status_t  *status;

    static llm_survey_t     empty;

    ngx_str_null(&scope);

    if (call->key == NULL
        && ngx_http_llm_call_arg(call, "scope", &scope)
        && (scope.len != 4 || ngx_memcmp(scope.data, "team", 4) != 0))
    {
        fault.status = NGX_HTTP_LLM_API_INVALID;
        fault.member = "scope";
        fault.what = "Input should be 'team'";

        ngx_http_llm_call_fault(call, &fault);
        return;
    }

    if (ngx_http_llm_call_format(call) != NGX_OK) {
        return;
    }

    if (call->format == NGX_HTTP_LLM_API_JSON) {
        ngx_http_llm_out_open(call, '{');
        ngx_http_llm_out_name(call, "zone");
        ngx_http_llm_out_str(call, call->api->admin.zone.name);
        ngx_http_llm_status_caller(call);
        ngx_http_llm_out_name(call, "subjects");
        ngx_http_llm_out_open(call, '[');

    } else {
        call->heading = 1;
        ngx_http_llm_status_lines(call, &empty, &scope);
        call->heading = 0;
    }

    if (scope.len == 0) {
        ngx_http_llm_status_named(call);
        return;
    }

    status = ngx_pcalloc(call->pool, sizeof(ngx_http_llm_status_t));
    if (status == NULL) {
        ngx_http_llm_call_end(call, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    status->turn.handler = ngx_http_llm_status_turn;
    status->turn.data = call;
    status->turn.log = ngx_cycle->log;

    call->data = status;

    ngx_http_llm_status_teams(call);
}


/* What the caller may do, for who shows it to people. */

static void
ngx_http_llm_status_caller(ngx_http_llm_call_t *call)
{
    ngx_http_llm_out_name(call, "role");
    ngx_http_llm_out_cstr(call, call->key ? "key" : "admin");
    ngx_http_llm_out_name(call, "readonly");
    ngx_http_llm_out_word(call, call->key || call->api->readonly ? "true"
                                                                 : "false");
    ngx_http_llm_out_name(call, "time");
    ngx_http_llm_out_time(call, ngx_http_llm_call_now());
}


static void
ngx_http_llm_status_named(ngx_http_llm_call_t *call)
{
    ngx_str_t                           id, key;
    llm_survey_t                        survey;
    const ngx_http_llm_status_scope_t  *scope;

    for (scope = ngx_http_llm_status_scopes; scope->name; scope++) {

        id.len = 0;

        if (call->key == NULL) {
            (void) ngx_http_llm_call_arg(call, scope->name, &id);

        } else if (scope->type == LLM_SUBJECT_KEY) {
            id = call->key_id;

        } else {
            id.data = (u_char *) llm_api_string(call->key, scope->name,
                                                &id.len);
        }

        if (id.len == 0) {
            continue;
        }

        key = id;

        if (scope->type == LLM_SUBJECT_KEY
            && ngx_http_llm_call_key_id(call, &key, &id) != NGX_OK)
        {
            return;
        }

        ngx_http_llm_status_find(call, scope->type, &id, &survey);
        ngx_http_llm_status_subject(call, &survey, &id);
    }

    ngx_http_llm_status_end(call);
}


static void
ngx_http_llm_status_teams(ngx_http_llm_call_t *call)
{
    ngx_http_llm_status_t *status = call->data;

    uint32_t              i, found;
    ngx_str_t             id;
    ngx_uint_t            locks;
    llm_zone_t           *z;
    llm_survey_t         *survey;
    ngx_http_llm_zone_t  *zone;

    zone = call->api->admin.zone.zone;

    for (locks = NGX_HTTP_LLM_STATUS_LOCKS; locks; locks--) {

        z = ngx_http_llm_zone_lock(zone);
        status->next = llm_survey(z, &zone->clock, status->next,
                                  status->surveys,
                                  NGX_HTTP_LLM_STATUS_SUBJECTS, &found);
        ngx_http_llm_zone_unlock(zone);

        for (i = 0; i < found; i++) {
            survey = &status->surveys[i];

            if (survey->type == LLM_SUBJECT_TEAM) {
                id.data = survey->name;
                id.len = survey->len;

                ngx_http_llm_status_subject(call, survey, &id);
            }
        }

        if (status->next == LLM_NONE) {
            ngx_http_llm_status_end(call);
            return;
        }
    }

    ngx_post_event(&status->turn, &ngx_posted_next_events);
}


static void
ngx_http_llm_status_turn(ngx_event_t *ev)
{
    ngx_http_llm_call_flush(ev->data, ngx_http_llm_status_teams);
}


static void
ngx_http_llm_status_end(ngx_http_llm_call_t *call)
{
    if (call->format == NGX_HTTP_LLM_API_JSON) {
        ngx_http_llm_out_close(call, ']');
        ngx_http_llm_out_close(call, '}');
    }

    ngx_http_llm_call_answer(call, NGX_HTTP_OK);
}


/* Who was not seen for a while is not in the zone, and has nothing running. */

static void
ngx_http_llm_status_find(ngx_http_llm_call_t *call, llm_subject_type_e type,
    ngx_str_t *id, llm_survey_t *survey)
{
    llm_zone_t           *z;
    llm_subject_key_t     key;
    ngx_http_llm_zone_t  *zone;

    zone = call->api->admin.zone.zone;

    ngx_memzero(survey, sizeof(llm_survey_t));
    survey->type = type;

    if (llm_zone_key(zone->zone, &key, type, id->data, id->len, NULL, 0) != 0)
    {
        return;
    }

    z = ngx_http_llm_zone_lock(zone);
    (void) llm_survey_subject(z, &zone->clock, &key, survey);
    ngx_http_llm_zone_unlock(zone);
}


static void
ngx_http_llm_status_subject(ngx_http_llm_call_t *call,
    const llm_survey_t *survey, ngx_str_t *id)
{
    ngx_uint_t              i;
    ngx_http_llm_limits_t   limits;

    if (call->format != NGX_HTTP_LLM_API_JSON) {
        ngx_http_llm_status_lines(call, survey, id);
        return;
    }

    ngx_http_llm_limits_of(&call->api->admin.zone, survey->type, id->data,
                        id->len, &limits);

    ngx_http_llm_out_open(call, '{');

    ngx_http_llm_out_name(call, "scope");
    ngx_http_llm_out_cstr(call, llm_subject_name(survey->type));
    ngx_http_llm_out_name(call, "id");
    ngx_http_llm_out_str(call, id);

    ngx_http_llm_out_count(call, "in_flight", survey->inflight);
    ngx_http_llm_out_name(call, "reserved_tokens");
    ngx_http_llm_out_number(call, survey->reserved[LLM_COUNT_INPUT]
                                  + survey->reserved[LLM_COUNT_OUTPUT]);
    ngx_http_llm_out_usd(call, "reserved_spend",
                         survey->reserved[LLM_COUNT_COST]);

    ngx_http_llm_out_name(call, "minute");
    ngx_http_llm_out_open(call, '{');
    ngx_http_llm_out_count(call, "requests",
                           survey->minute[LLM_WINDOW_REQUESTS]);
    ngx_http_llm_out_count(call, "input_tokens",
                           survey->minute[LLM_WINDOW_INPUT]);
    ngx_http_llm_out_count(call, "output_tokens",
                           survey->minute[LLM_WINDOW_OUTPUT]);
    ngx_http_llm_out_close(call, '}');

    ngx_http_llm_out_name(call, "periods");
    ngx_http_llm_out_open(call, '[');

    for (i = 0; i < survey->nmeters; i++) {
        ngx_http_llm_status_meter(call, &survey->meters[i]);
    }

    ngx_http_llm_out_close(call, ']');

    ngx_http_llm_out_name(call, "limits");
    ngx_http_llm_out_open(call, '[');

    for (i = 0; i < limits.n; i++) {
        ngx_http_llm_status_limit(call, survey, &limits.limits[i]);
    }

    ngx_http_llm_out_close(call, ']');
    ngx_http_llm_out_close(call, '}');
}


/* One for each of its periods, at least one. */

static void
ngx_http_llm_status_lines(ngx_http_llm_call_t *call,
    const llm_survey_t *survey, ngx_str_t *id)
{
    u_char                     buf[LLM_PERIOD_BUF];
    size_t                     len;
    ngx_uint_t                 i;
    const char                *scope;
    const llm_survey_meter_t  *meter;

    static llm_survey_meter_t  none;

    scope = llm_subject_name(survey->type);

    for (i = 0; i == 0 || i < survey->nmeters; i++) {
        meter = survey->nmeters ? &survey->meters[i] : &none;
        len = survey->nmeters ? llm_period_print(buf, meter->period) : 0;

        ngx_http_llm_out_row(call);
        ngx_http_llm_out_field(call, "scope", scope, ngx_strlen(scope));
        ngx_http_llm_out_field_str(call, "id", id);
        ngx_http_llm_out_field(call, "period", buf, len);
        ngx_http_llm_out_field_usd(call, "spend",
                                   meter->settled[LLM_COUNT_COST]);
        ngx_http_llm_out_field_count(call, "requests",
                                     meter->settled[LLM_COUNT_REQUESTS]);
        ngx_http_llm_out_field_count(call, "input_tokens",
                                     meter->settled[LLM_COUNT_INPUT]);
        ngx_http_llm_out_field_count(call, "output_tokens",
                                     meter->settled[LLM_COUNT_OUTPUT]);
        ngx_http_llm_out_field_count(call, "in_flight", survey->inflight);
        ngx_http_llm_out_field_count(call, "minute_requests",
                                     survey->minute[LLM_WINDOW_REQUESTS]);
        ngx_http_llm_out_field_count(call, "minute_input",
                                     survey->minute[LLM_WINDOW_INPUT]);
        ngx_http_llm_out_field_count(call, "minute_output",
                                     survey->minute[LLM_WINDOW_OUTPUT]);
        ngx_http_llm_out_field_time(call, "resets_at",
                                    meter->end == INT64_MAX
                                    ? 0 : meter->end * 1000);
        ngx_http_llm_out_row_end(call);
    }
}


static void
ngx_http_llm_status_meter(ngx_http_llm_call_t *call,
    const llm_survey_meter_t *meter)
{
    ngx_http_llm_out_open(call, '{');

    ngx_http_llm_status_period(call, "period", meter->period);
    ngx_http_llm_status_bounds(call, meter->period);

    ngx_http_llm_out_count(call, "requests",
                           meter->settled[LLM_COUNT_REQUESTS]);
    ngx_http_llm_out_count(call, "input_tokens",
                           meter->settled[LLM_COUNT_INPUT]);
    ngx_http_llm_out_count(call, "output_tokens",
                           meter->settled[LLM_COUNT_OUTPUT]);
    ngx_http_llm_out_usd(call, "spend", meter->settled[LLM_COUNT_COST]);

    ngx_http_llm_out_close(call, '}');
}


static void
ngx_http_llm_status_limit(ngx_http_llm_call_t *call,
    const llm_survey_t *survey, const llm_limit_t *limit)
{
    int64_t  used;

    used = llm_survey_used(survey, limit);

    ngx_http_llm_out_open(call, '{');

    ngx_http_llm_out_name(call, "resource");
    ngx_http_llm_out_cstr(call, ngx_http_llm_resources[limit->resource]);

    if (limit->minute || limit->resource == LLM_RESOURCE_PARALLEL) {
        ngx_http_llm_out_name(call, "window");
        ngx_http_llm_out_cstr(call, limit->minute ? "minute" : "now");

    } else {
        ngx_http_llm_status_period(call, "window", limit->period);
        ngx_http_llm_status_bounds(call, limit->period);
    }

    if (limit->resource == LLM_RESOURCE_COST) {
        ngx_http_llm_out_usd(call, "limit", limit->amount);

    } else {
        ngx_http_llm_out_count(call, "limit", limit->amount);
    }

    if (used == -1) {
        ngx_http_llm_out_name(call, "used");
        ngx_http_llm_out_word(call, "null");

    } else if (limit->resource == LLM_RESOURCE_COST) {
        ngx_http_llm_out_usd(call, "used", used);

    } else {
        ngx_http_llm_out_count(call, "used", used);
    }

    ngx_http_llm_out_close(call, '}');
}


static void
ngx_http_llm_status_period(ngx_http_llm_call_t *call, const char *name,
    llm_period_t period)
{
    size_t  n;
    u_char  buf[LLM_PERIOD_BUF];

    n = llm_period_print(buf, period);

    ngx_http_llm_out_name(call, name);

    if (n) {
        ngx_http_llm_out_text(call, buf, n);

    } else {
        ngx_http_llm_out_cstr(call, "forever");
    }
}


static void
ngx_http_llm_status_bounds(ngx_http_llm_call_t *call, llm_period_t period)
{
    int64_t  start, end;

    start = 0;
    end = 0;

    if (LLM_PERIOD_KIND(period) != LLM_PERIOD_FOREVER) {
        llm_period_bounds(period, &call->api->admin.zone.zone->clock.calendar,
                          ngx_time(), &start, &end);
    }

    ngx_http_llm_out_name(call, "starts_at");
    ngx_http_llm_out_time(call, start * 1000);
    ngx_http_llm_out_name(call, "resets_at");
    ngx_http_llm_out_time(call, end * 1000);
}
