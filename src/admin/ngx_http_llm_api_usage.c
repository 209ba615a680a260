
/*
 * Copyright (C) the llm_quota authors
 */


#include "ngx_http_llm_api_calls.h"
#include "llm_time.h"


/* /quota/usage: what was used, added up by what the query's by= names, such as
   "day,team"; and what of queries all reports read. */


static ngx_int_t ngx_http_llm_usage_date(ngx_http_llm_call_t *call,
    const char *name, uint32_t *day);
static void ngx_http_llm_usage_filter(ngx_http_llm_call_t *call,
    const char *name, llm_store_text_t *filter);
static ngx_int_t ngx_http_llm_usage_key(ngx_http_llm_call_t *call,
    llm_store_usage_list_t *want);
static ngx_int_t ngx_http_llm_usage_by(ngx_http_llm_call_t *call,
    llm_store_usage_list_t *want);
static ngx_int_t ngx_http_llm_usage_group(const u_char *name, size_t len,
    llm_store_usage_list_t *want);
static void ngx_http_llm_usage_row(ngx_http_llm_call_t *call,
    const llm_store_usage_row_t *row);
static void ngx_http_llm_usage_end(ngx_http_llm_call_t *call);


typedef struct {
    const char              *name;
    unsigned                 by;
    const char              *column;
    size_t                   offset;         /* of the row's text */
} ngx_http_llm_usage_group_t;


static const ngx_http_llm_usage_group_t  ngx_http_llm_usage_groups[] = {
    { "day", LLM_STORE_BY_DAY, "day", 0 },
    { "team", LLM_STORE_BY_TEAM, "team_id",
      offsetof(llm_store_usage_row_t, team) },
    { "user", LLM_STORE_BY_USER, "user_id",
      offsetof(llm_store_usage_row_t, user) },
    { "customer", LLM_STORE_BY_CUSTOMER, "customer_id",
      offsetof(llm_store_usage_row_t, customer) },
    { "key", LLM_STORE_BY_KEY, "key_id",
      offsetof(llm_store_usage_row_t, key) },
    { "model", LLM_STORE_BY_MODEL, "model",
      offsetof(llm_store_usage_row_t, model) },
    { "label:", LLM_STORE_BY_LABEL, "label",
      offsetof(llm_store_usage_row_t, label) },
    { NULL, 0, NULL, 0 }
};


ngx_int_t
ngx_http_llm_call_usage(ngx_http_llm_call_t *call,
    llm_store_usage_list_t *want)
{
    if (ngx_http_llm_usage_date(call, "start_date", &want->from) != NGX_OK
        || ngx_http_llm_usage_date(call, "end_date", &want->to) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_http_llm_usage_filter(call, "team_id", &want->team);
    ngx_http_llm_usage_filter(call, "team_ids", &want->team);
    ngx_http_llm_usage_filter(call, "customer_id", &want->customer);
    ngx_http_llm_usage_filter(call, "user_id", &want->user);
    ngx_http_llm_usage_filter(call, "internal_user_id", &want->user);
    ngx_http_llm_usage_filter(call, "model", &want->model);

    return ngx_http_llm_usage_key(call, want);
}


/* "2024-04-01" as 20240401 */

static ngx_int_t
ngx_http_llm_usage_date(ngx_http_llm_call_t *call, const char *name,
    uint32_t *day)
{
    int64_t           seconds;
    ngx_str_t         value;
    llm_api_fault_t   fault;

    if (ngx_http_llm_call_asks(call, name, &value) != NGX_OK) {
        return NGX_ERROR;
    }

    if (value.len != sizeof("2024-04-01") - 1
        || llm_time_parse(value.data, value.len, &seconds) != 0)
    {
        fault.status = NGX_HTTP_BAD_REQUEST;
        fault.member = name;
        fault.what = "is not a date such as \"2024-04-01\"";

        ngx_http_llm_call_fault(call, &fault);
        return NGX_ERROR;
    }

    *day = (ngx_atoi(value.data, 4) * 100 + ngx_atoi(value.data + 5, 2)) * 100
           + ngx_atoi(value.data + 8, 2);

    return NGX_OK;
}


u_char *
ngx_http_llm_usage_day(u_char *p, uint32_t day)
{
    return ngx_sprintf(p, "%04uD-%02uD-%02uD", day / 10000, day / 100 % 100,
                       day % 100);
}


static void
ngx_http_llm_usage_filter(ngx_http_llm_call_t *call, const char *name,
    llm_store_text_t *filter)
{
    ngx_str_t  value;

    if (ngx_http_llm_call_arg(call, name, &value) && value.len) {
        ngx_http_llm_store_set(filter, &value);
    }
}


/* A key, or its digest, as the store knows it. */

static ngx_int_t
ngx_http_llm_usage_key(ngx_http_llm_call_t *call,
    llm_store_usage_list_t *want)
{
    ngx_str_t  key, id;

    if (!ngx_http_llm_call_arg(call, "api_key", &key) || key.len == 0) {
        return NGX_OK;
    }

    if (ngx_http_llm_call_key_id(call, &key, &id) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_http_llm_store_set(&want->key, &id);

    return NGX_OK;
}


void
ngx_http_llm_api_usage(ngx_http_llm_call_t *call)
{
    ngx_http_llm_walk_t  *walk;

    walk = ngx_http_llm_call_walker(call, sizeof(ngx_http_llm_walk_t));

    if (walk
        && ngx_http_llm_call_format(call) == NGX_OK
        && ngx_http_llm_call_usage(call, &walk->want) == NGX_OK
        && ngx_http_llm_usage_by(call, &walk->want) == NGX_OK)
    {
        ngx_http_llm_usage_lines(call);
    }
}


void
ngx_http_llm_usage_lines(ngx_http_llm_call_t *call)
{
    ngx_http_llm_walk_t *walk = call->data;

    llm_store_usage_row_t  row;

    walk->row = ngx_http_llm_usage_row;
    walk->done = ngx_http_llm_usage_end;

    if (call->format == NGX_HTTP_LLM_API_JSON) {
        ngx_http_llm_out_open(call, '[');
    }

    ngx_memzero(&row, sizeof(llm_store_usage_row_t));

    call->heading = 1;
    ngx_http_llm_usage_row(call, &row);
    call->heading = 0;

    ngx_http_llm_call_walk(call);
}


static ngx_int_t
ngx_http_llm_usage_by(ngx_http_llm_call_t *call, llm_store_usage_list_t *want)
{
    u_char           *p, *last, *comma;
    ngx_str_t         by;
    llm_api_fault_t   fault;

    if (!ngx_http_llm_call_arg(call, "by", &by)) {
        ngx_str_set(&by, "team");
    }

    last = by.data + by.len;

    for (p = by.data; p <= last; p = comma + 1) {

        comma = ngx_strlchr(p, last, ',');
        if (comma == NULL) {
            comma = last;
        }

        if (ngx_http_llm_usage_group(p, comma - p, want) != NGX_OK) {
            fault.status = NGX_HTTP_LLM_API_INVALID;
            fault.member = "by";
            fault.what = "Input should be some of 'day', 'team', 'user', "
                         "'customer', 'key', 'model' and one 'label:NAME', "
                         "with commas between";

            ngx_http_llm_call_fault(call, &fault);
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_usage_group(const u_char *name, size_t len,
    llm_store_usage_list_t *want)
{
    size_t                             n;
    ngx_uint_t                         named;
    const ngx_http_llm_usage_group_t  *group;

    for (group = ngx_http_llm_usage_groups; group->name; group++) {

        n = ngx_strlen(group->name);
        named = (group->by == LLM_STORE_BY_LABEL);

        if (len < n
            || (len > n) != named
            || ngx_memcmp(name, group->name, n) != 0
            || (want->by & group->by))
        {
            continue;
        }

        want->by |= group->by;

        if (named) {
            want->label.data = name + n;
            want->label.len = len - n;
        }

        return NGX_OK;
    }

    return NGX_ERROR;
}


static void
ngx_http_llm_usage_row(ngx_http_llm_call_t *call,
    const llm_store_usage_row_t *row)
{
    ngx_http_llm_walk_t *walk = call->data;

    u_char                            *p, day[sizeof("2024-04-30")];
    const llm_store_text_t            *text;
    const ngx_http_llm_usage_group_t  *group;

    ngx_http_llm_out_row(call);

    for (group = ngx_http_llm_usage_groups; group->name; group++) {

        if (!(walk->want.by & group->by)) {
            continue;
        }

        if (group->by == LLM_STORE_BY_DAY) {
            p = ngx_http_llm_usage_day(day, row->day);
            ngx_http_llm_out_field(call, group->column, day, p - day);
            continue;
        }

        text = (const llm_store_text_t *) ((u_char *) row + group->offset);

        ngx_http_llm_out_field_str(call, group->column, text);
    }

    ngx_http_llm_out_field_count(call, "requests",
                                 row->count[LLM_STORE_REQUESTS]);
    ngx_http_llm_out_field_count(call, "failed_requests",
                                 row->count[LLM_STORE_FAILED_REQUESTS]);
    ngx_http_llm_out_field_count(call, "prompt_tokens",
                                 row->count[LLM_STORE_INPUT]);
    ngx_http_llm_out_field_count(call, "completion_tokens",
                                 row->count[LLM_STORE_OUTPUT]);
    ngx_http_llm_out_field_count(call, "cached_tokens",
                                 row->count[LLM_STORE_CACHED]);
    ngx_http_llm_out_field_usd(call, "cost_usd", row->count[LLM_STORE_COST]);

    ngx_http_llm_out_row_end(call);
}


static void
ngx_http_llm_usage_end(ngx_http_llm_call_t *call)
{
    if (call->format == NGX_HTTP_LLM_API_JSON) {
        ngx_http_llm_out_close(call, ']');
    }

    ngx_http_llm_call_answer(call, NGX_HTTP_OK);
}
