
/*
 * Copyright (C) the llm_quota authors
 */


#include "ngx_http_llm_api_calls.h"


/* /quota/status: what the zone says right now of whoever asks, or of whom the
   master key asks for. */


#define NGX_HTTP_LLM_STATUS_METERS  16


/* A copy, made under the lock. */

typedef struct {
    ngx_uint_t               nmeters;
    ngx_uint_t               minute;         /* there is one */
    uint32_t                 inflight;
    int64_t                  reserved[LLM_COUNTS];
    uint64_t                 window[LLM_WINDOW_COUNTERS];
    llm_meter_t              meters[NGX_HTTP_LLM_STATUS_METERS];
} ngx_http_llm_status_t;


/* Members of a key's document, and arguments of the query. */

typedef struct {
    const char              *name;
    llm_subject_type_e       type;
} ngx_http_llm_status_scope_t;


static void ngx_http_llm_status_subject(ngx_http_llm_call_t *call,
    llm_subject_type_e type, ngx_str_t *id);
static void ngx_http_llm_status_copy(ngx_http_llm_call_t *call,
    llm_subject_type_e type, ngx_str_t *id, ngx_http_llm_status_t *s);
static void ngx_http_llm_status_lines(ngx_http_llm_call_t *call,
    llm_subject_type_e type, ngx_str_t *id, const ngx_http_llm_status_t *s);
static int64_t ngx_http_llm_status_reset(const llm_meter_t *meter);
static void ngx_http_llm_status_meter(ngx_http_llm_call_t *call,
    const llm_meter_t *meter);


static const ngx_http_llm_status_scope_t  ngx_http_llm_status_scopes[] = {
    { "team_id", LLM_SUBJECT_TEAM },
    { "user_id", LLM_SUBJECT_USER },
    { "customer_id", LLM_SUBJECT_CUSTOMER },
    { "key", LLM_SUBJECT_KEY },
    { NULL, LLM_SUBJECT_TYPES }
};


void
ngx_http_llm_api_status(ngx_http_llm_call_t *call)
{
    ngx_str_t                           id;
    const ngx_http_llm_status_scope_t  *scope;

    static const ngx_http_llm_status_t  empty;

    if (ngx_http_llm_call_format(call) != NGX_OK) {
        return;
    }

    if (call->format == NGX_HTTP_LLM_API_JSON) {
        ngx_http_llm_out_open(call, '{');
        ngx_http_llm_out_name(call, "zone");
        ngx_http_llm_out_str(call, call->api->admin.zone.name);
        ngx_http_llm_out_name(call, "subjects");
        ngx_http_llm_out_open(call, '[');

    } else {
        ngx_str_null(&id);
        call->heading = 1;
        ngx_http_llm_status_lines(call, LLM_SUBJECT_TEAM, &id, &empty);
        call->heading = 0;
    }

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

        if (scope->type == LLM_SUBJECT_KEY
            && ngx_http_llm_call_key_id(call, &id, &id) != NGX_OK)
        {
            return;
        }

        ngx_http_llm_status_subject(call, scope->type, &id);
    }

    if (call->format == NGX_HTTP_LLM_API_JSON) {
        ngx_http_llm_out_close(call, ']');
        ngx_http_llm_out_close(call, '}');
    }

    ngx_http_llm_call_answer(call, NGX_HTTP_OK);
}


static void
ngx_http_llm_status_subject(ngx_http_llm_call_t *call,
    llm_subject_type_e type, ngx_str_t *id)
{
    ngx_uint_t              i;
    ngx_http_llm_status_t   s;

    ngx_http_llm_status_copy(call, type, id, &s);

    if (call->format != NGX_HTTP_LLM_API_JSON) {
        ngx_http_llm_status_lines(call, type, id, &s);
        return;
    }

    ngx_http_llm_out_open(call, '{');

    ngx_http_llm_out_name(call, "scope");
    ngx_http_llm_out_cstr(call, llm_subject_name(type));
    ngx_http_llm_out_name(call, "id");
    ngx_http_llm_out_str(call, id);

    /* who was not seen for a while is not in the zone, and has nothing
       running */

    ngx_http_llm_out_count(call, "in_flight", s.inflight);
    ngx_http_llm_out_name(call, "reserved_tokens");
    ngx_http_llm_out_number(call, s.reserved[LLM_COUNT_INPUT]
                                  + s.reserved[LLM_COUNT_OUTPUT]);
    ngx_http_llm_out_usd(call, "reserved_spend", s.reserved[LLM_COUNT_COST]);

    if (s.minute) {
        ngx_http_llm_out_name(call, "minute");
        ngx_http_llm_out_open(call, '{');
        ngx_http_llm_out_count(call, "requests", s.window[LLM_WINDOW_REQUESTS]);
        ngx_http_llm_out_count(call, "input_tokens",
                               s.window[LLM_WINDOW_INPUT]);
        ngx_http_llm_out_count(call, "output_tokens",
                               s.window[LLM_WINDOW_OUTPUT]);
        ngx_http_llm_out_close(call, '}');
    }

    ngx_http_llm_out_name(call, "periods");
    ngx_http_llm_out_open(call, '[');

    for (i = 0; i < s.nmeters; i++) {
        ngx_http_llm_status_meter(call, &s.meters[i]);
    }

    ngx_http_llm_out_close(call, ']');
    ngx_http_llm_out_close(call, '}');
}


/* One for each of its periods, at least one. */

static void
ngx_http_llm_status_lines(ngx_http_llm_call_t *call, llm_subject_type_e type,
    ngx_str_t *id, const ngx_http_llm_status_t *s)
{
    u_char              buf[LLM_PERIOD_BUF];
    size_t              len;
    ngx_uint_t          i;
    const char         *scope;
    const llm_meter_t  *meter;

    scope = llm_subject_name(type);

    for (i = 0; i == 0 || i < s->nmeters; i++) {
        meter = &s->meters[i];
        len = s->nmeters ? llm_period_print(buf, meter->period) : 0;

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
        ngx_http_llm_out_field_count(call, "in_flight", s->inflight);
        ngx_http_llm_out_field_count(call, "minute_requests",
                                     s->window[LLM_WINDOW_REQUESTS]);
        ngx_http_llm_out_field_count(call, "minute_input",
                                     s->window[LLM_WINDOW_INPUT]);
        ngx_http_llm_out_field_count(call, "minute_output",
                                     s->window[LLM_WINDOW_OUTPUT]);
        ngx_http_llm_out_field_time(call, "resets_at",
                                    ngx_http_llm_status_reset(meter));
        ngx_http_llm_out_row_end(call);
    }
}


static void
ngx_http_llm_status_copy(ngx_http_llm_call_t *call, llm_subject_type_e type,
    ngx_str_t *id, ngx_http_llm_status_t *s)
{
    ngx_uint_t            k;
    llm_zone_t           *z;
    llm_index_t           i;
    llm_minute_t         *minute;
    llm_subject_t        *subject;
    llm_subject_key_t     key;
    ngx_http_llm_zone_t  *zone;

    zone = call->api->admin.zone.zone;
    ngx_memzero(s, sizeof(ngx_http_llm_status_t));

    if (llm_zone_key(zone->zone, &key, type, id->data, id->len, NULL, 0) != 0)
    {
        return;
    }

    z = ngx_http_llm_zone_lock(zone);

    i = llm_zone_find(z, &key);

    if (i != LLM_NONE) {
        subject = llm_zone_subject(z, i);

        llm_zone_roll(z, &zone->clock, subject);

        s->inflight = subject->inflight;
        ngx_memcpy(s->reserved, subject->reserved, sizeof(s->reserved));

        if (subject->minute != LLM_NONE) {
            minute = llm_zone_minute(z, subject->minute);
            s->minute = 1;

            for (k = 0; k < LLM_WINDOW_COUNTERS; k++) {
                s->window[k] = minute->window.sum[k];
            }
        }

        for (i = subject->meters;
             i != LLM_NONE && s->nmeters < NGX_HTTP_LLM_STATUS_METERS;
             i = llm_zone_meter(z, i)->next)
        {
            s->meters[s->nmeters++] = *llm_zone_meter(z, i);
        }
    }

    ngx_http_llm_zone_unlock(zone);
}


/* ms of the epoch; 0: never */

static int64_t
ngx_http_llm_status_reset(const llm_meter_t *meter)
{
    return LLM_PERIOD_KIND(meter->period) == LLM_PERIOD_FOREVER
           ? 0 : meter->end * 1000;
}


static void
ngx_http_llm_status_meter(ngx_http_llm_call_t *call, const llm_meter_t *meter)
{
    u_char  buf[LLM_PERIOD_BUF];

    ngx_http_llm_out_open(call, '{');

    ngx_http_llm_out_name(call, "period");
    ngx_http_llm_out_text(call, buf, llm_period_print(buf, meter->period));

    ngx_http_llm_out_name(call, "resets_at");
    ngx_http_llm_out_time(call, ngx_http_llm_status_reset(meter));

    ngx_http_llm_out_count(call, "requests",
                           meter->settled[LLM_COUNT_REQUESTS]);
    ngx_http_llm_out_count(call, "input_tokens",
                           meter->settled[LLM_COUNT_INPUT]);
    ngx_http_llm_out_count(call, "output_tokens",
                           meter->settled[LLM_COUNT_OUTPUT]);
    ngx_http_llm_out_usd(call, "spend", meter->settled[LLM_COUNT_COST]);

    ngx_http_llm_out_close(call, '}');
}
