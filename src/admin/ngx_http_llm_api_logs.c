
/*
 * Copyright (C) the llm_quota authors
 */


#include "ngx_http_llm_api_calls.h"


/*
 * /spend/logs: what a day came to, by users, by models and by keys, or
 * (summarize=false) its rows.  Requests one by one are in the ledger.
 */


/* Of a day its sum comes first, then these, one after the other. */

typedef struct {
    unsigned                       by;
    const char                    *name;     /* NULL: members of the day */
} ngx_http_llm_logs_part_t;


typedef struct {
    ngx_http_llm_walk_t            walk;
    ngx_array_t                    days;     /* of ngx_http_llm_logs_day_t */
    ngx_uint_t                     day;
    ngx_uint_t                     part;
} ngx_http_llm_logs_t;


typedef struct {
    uint32_t                       day;
    int64_t                        cost;     /* nano-dollars */
} ngx_http_llm_logs_day_t;


static void ngx_http_llm_logs_day(ngx_http_llm_call_t *call,
    const llm_store_usage_row_t *row);
static void ngx_http_llm_logs_next(ngx_http_llm_call_t *call);
static void ngx_http_llm_logs_row(ngx_http_llm_call_t *call,
    const llm_store_usage_row_t *row);
static void ngx_http_llm_logs_part_end(ngx_http_llm_call_t *call);
static void ngx_http_llm_logs_flat(ngx_http_llm_call_t *call,
    const llm_store_usage_row_t *row);
static void ngx_http_llm_logs_end(ngx_http_llm_call_t *call);


static const ngx_http_llm_logs_part_t  ngx_http_llm_logs_parts[] = {
    { LLM_STORE_BY_USER, "users" },
    { LLM_STORE_BY_MODEL, "models" },
    { LLM_STORE_BY_KEY, NULL },
    { 0, NULL }
};


void
ngx_http_llm_api_spend_logs(ngx_http_llm_call_t *call)
{
    ngx_str_t             value;
    ngx_http_llm_logs_t  *logs;

    logs = ngx_http_llm_call_walker(call, sizeof(ngx_http_llm_logs_t));
    if (logs == NULL) {
        return;
    }

    if (ngx_array_init(&logs->days, call->pool, 32,
                       sizeof(ngx_http_llm_logs_day_t))
        != NGX_OK)
    {
        ngx_http_llm_call_end(call, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    if (ngx_http_llm_call_usage(call, &logs->walk.want) != NGX_OK
        || ngx_http_llm_call_own_usage(call, &logs->walk.want) != NGX_OK
        || ngx_http_llm_call_format(call) != NGX_OK)
    {
        return;
    }

    logs->walk.want.by = LLM_STORE_BY_DAY;
    logs->walk.row = ngx_http_llm_logs_day;
    logs->walk.done = ngx_http_llm_logs_next;

    if (call->format != NGX_HTTP_LLM_API_JSON
        || (ngx_http_llm_call_arg(call, "summarize", &value)
            && value.len == 5
            && ngx_strncasecmp(value.data, (u_char *) "false", 5) == 0))
    {
        logs->walk.want.by = LLM_STORE_BY_DAY|LLM_STORE_BY_TEAM
                             |LLM_STORE_BY_USER|LLM_STORE_BY_CUSTOMER
                             |LLM_STORE_BY_KEY|LLM_STORE_BY_MODEL;
        logs->walk.row = ngx_http_llm_logs_flat;
        logs->walk.done = ngx_http_llm_logs_end;
    }

    if (call->format != NGX_HTTP_LLM_API_JSON) {
        ngx_http_llm_usage_lines(call);
        return;
    }

    ngx_http_llm_out_open(call, '[');
    ngx_http_llm_call_walk(call);
}


static void
ngx_http_llm_logs_day(ngx_http_llm_call_t *call,
    const llm_store_usage_row_t *row)
{
    ngx_http_llm_logs_t *logs = call->data;

    ngx_http_llm_logs_day_t  *day;

    day = ngx_array_push(&logs->days);

    if (day == NULL) {
        call->failed = 1;
        return;
    }

    day->day = row->day;
    day->cost = row->count[LLM_STORE_COST];
}


static void
ngx_http_llm_logs_next(ngx_http_llm_call_t *call)
{
    ngx_http_llm_logs_t *logs = call->data;

    ngx_http_llm_logs_day_t         *day;
    const ngx_http_llm_logs_part_t  *part;

    if (logs->day == logs->days.nelts) {
        ngx_http_llm_logs_end(call);
        return;
    }

    day = logs->days.elts;
    day += logs->day;
    part = &ngx_http_llm_logs_parts[logs->part];

    if (logs->part == 0) {
        ngx_http_llm_out_open(call, '{');
        ngx_http_llm_out_day(call, "startTime", day->day, "");
        ngx_http_llm_out_usd(call, "spend", day->cost);
    }

    if (part->by == 0) {
        ngx_http_llm_out_close(call, '}');

        logs->part = 0;
        logs->day++;

        ngx_http_llm_call_flush(call, ngx_http_llm_logs_next);
        return;
    }

    if (part->name) {
        ngx_http_llm_out_name(call, part->name);
        ngx_http_llm_out_open(call, '{');
    }

    logs->walk.want.from = day->day;
    logs->walk.want.to = day->day;
    logs->walk.want.by = part->by;
    logs->walk.row = ngx_http_llm_logs_row;
    logs->walk.done = ngx_http_llm_logs_part_end;

    ngx_http_llm_call_walk(call);
}


static void
ngx_http_llm_logs_row(ngx_http_llm_call_t *call,
    const llm_store_usage_row_t *row)
{
    ngx_http_llm_logs_t *logs = call->data;

    const llm_store_text_t  *name;

    name = logs->walk.want.by == LLM_STORE_BY_USER ? &row->user
           : logs->walk.want.by == LLM_STORE_BY_MODEL ? &row->model
           : &row->key;

    ngx_http_llm_out_member(call, name->data, name->len);
    ngx_http_llm_out_money(call, row->count[LLM_STORE_COST]);
}


static void
ngx_http_llm_logs_part_end(ngx_http_llm_call_t *call)
{
    ngx_http_llm_logs_t *logs = call->data;

    if (ngx_http_llm_logs_parts[logs->part].name) {
        ngx_http_llm_out_close(call, '}');
    }

    logs->part++;

    ngx_http_llm_logs_next(call);
}


static void
ngx_http_llm_logs_flat(ngx_http_llm_call_t *call,
    const llm_store_usage_row_t *row)
{
    ngx_uint_t  i;

    const struct {
        const char              *name;
        const llm_store_text_t  *text;
    } names[] = {
        { "team_id", &row->team },
        { "user", &row->user },
        { "end_user", &row->customer },
        { "api_key", &row->key },
        { "model", &row->model }
    };

    ngx_http_llm_out_open(call, '{');
    ngx_http_llm_out_day(call, "startTime", row->day, "");

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        ngx_http_llm_out_name(call, names[i].name);
        ngx_http_llm_out_str(call, names[i].text);
    }

    ngx_http_llm_out_metrics(call, row->count);
    ngx_http_llm_out_close(call, '}');
}


static void
ngx_http_llm_logs_end(ngx_http_llm_call_t *call)
{
    ngx_http_llm_out_close(call, ']');
    ngx_http_llm_call_answer(call, NGX_HTTP_OK);
}
