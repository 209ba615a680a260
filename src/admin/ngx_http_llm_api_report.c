
/*
 * Copyright (C) the llm_quota authors
 */


#include "ngx_http_llm_api_calls.h"
#include "llm_money.h"


/*
 * Reports: what was used, day by day, as the store adds it up.  Rows come
 * sorted by what they are grouped by, so that each group is written as it
 * comes; its sums follow its rows.
 */


typedef struct {
    ngx_http_llm_walk_t            walk;

    const char                    *groups;   /* "teams" */
    const char                    *name;     /* "team_name" */

    /* what is open: a day, a group in it */
    uint32_t                       day;
    ngx_str_t                      group;
    u_char                         buf[LLM_STORE_ID_MAX];
    int64_t                        sum[LLM_STORE_COUNTS];
    int64_t                        total[LLM_STORE_COUNTS];

    unsigned                       grouped:1;
} ngx_http_llm_report_t;


static ngx_http_llm_report_t *ngx_http_llm_report(ngx_http_llm_call_t *call);
static void ngx_http_llm_report_begin(ngx_http_llm_call_t *call,
    const char *name);
static const llm_store_text_t *ngx_http_llm_report_group(
    ngx_http_llm_report_t *report, const llm_store_usage_row_t *row);
static void ngx_http_llm_report_add(int64_t *sum, const int64_t *count);
static void ngx_http_llm_spend_row(ngx_http_llm_call_t *call,
    const llm_store_usage_row_t *row);
static void ngx_http_llm_spend_group_end(ngx_http_llm_call_t *call);
static void ngx_http_llm_spend_day_end(ngx_http_llm_call_t *call);
static void ngx_http_llm_spend_end(ngx_http_llm_call_t *call);
static void ngx_http_llm_key_cost_row(ngx_http_llm_call_t *call,
    const llm_store_usage_row_t *row);
static void ngx_http_llm_out_costs(ngx_http_llm_call_t *call,
    const int64_t *count);
static void ngx_http_llm_key_cost_end(ngx_http_llm_call_t *call);
static void ngx_http_llm_activity_row(ngx_http_llm_call_t *call,
    const llm_store_usage_row_t *row);
static void ngx_http_llm_activity_day_end(ngx_http_llm_call_t *call);
static void ngx_http_llm_activity_end(ngx_http_llm_call_t *call);


/* The days and filters that the query has; NULL: it was answered. */

static ngx_http_llm_report_t *
ngx_http_llm_report(ngx_http_llm_call_t *call)
{
    ngx_http_llm_report_t  *report;

    report = ngx_http_llm_call_walker(call, sizeof(ngx_http_llm_report_t));

    if (report == NULL
        || ngx_http_llm_call_usage(call, &report->walk.want) != NGX_OK
        || ngx_http_llm_call_format(call) != NGX_OK)
    {
        return NULL;
    }

    return report;
}


/* Lines are the rows themselves. */

static void
ngx_http_llm_report_begin(ngx_http_llm_call_t *call, const char *name)
{
    if (call->format != NGX_HTTP_LLM_API_JSON) {
        ngx_http_llm_usage_lines(call);
        return;
    }

    if (name) {
        ngx_http_llm_out_open(call, '{');
        ngx_http_llm_out_name(call, name);
    }

    ngx_http_llm_out_open(call, '[');
    ngx_http_llm_call_walk(call);
}


void
ngx_http_llm_out_day(ngx_http_llm_call_t *call, const char *name,
    uint32_t day, const char *suffix)
{
    u_char  *p, buf[sizeof("2024-04-30T00:00:00+00:00")];

    p = ngx_http_llm_usage_day(buf, day);
    p = ngx_slprintf(p, buf + sizeof(buf), "%s", suffix);

    ngx_http_llm_out_name(call, name);
    ngx_http_llm_out_text(call, buf, p - buf);
}


static const llm_store_text_t *
ngx_http_llm_report_group(ngx_http_llm_report_t *report,
    const llm_store_usage_row_t *row)
{
    if (report->walk.want.by & LLM_STORE_BY_TEAM) {
        return &row->team;
    }

    return report->walk.want.by & LLM_STORE_BY_CUSTOMER ? &row->customer
                                                   : &row->key;
}


static void
ngx_http_llm_report_add(int64_t *sum, const int64_t *count)
{
    ngx_uint_t  i;

    for (i = 0; i < LLM_STORE_COUNTS; i++) {
        sum[i] = llm_sat_add(sum[i], count[i]);
    }
}


/* /global/spend/report */

void
ngx_http_llm_api_spend_report(ngx_http_llm_call_t *call)
{
    ngx_str_t               by;
    llm_api_fault_t         fault;
    ngx_http_llm_report_t  *report;

    report = ngx_http_llm_report(call);
    if (report == NULL) {
        return;
    }

    if (report->walk.want.key.len) {
        report->walk.want.by = LLM_STORE_BY_KEY|LLM_STORE_BY_MODEL;
        report->walk.row = ngx_http_llm_key_cost_row;
        report->walk.done = ngx_http_llm_key_cost_end;

        ngx_http_llm_report_begin(call, NULL);
        return;
    }

    if (!ngx_http_llm_call_arg(call, "group_by", &by)) {
        ngx_str_set(&by, "team");
    }

    report->walk.want.by = LLM_STORE_BY_DAY|LLM_STORE_BY_MODEL|LLM_STORE_BY_KEY;
    report->walk.row = ngx_http_llm_spend_row;
    report->walk.done = ngx_http_llm_spend_end;

    if (by.len == 4 && ngx_memcmp(by.data, "team", 4) == 0) {
        report->walk.want.by |= LLM_STORE_BY_TEAM;
        report->groups = "teams";
        report->name = "team_name";

    } else if (by.len == 8 && ngx_memcmp(by.data, "customer", 8) == 0) {
        report->walk.want.by |= LLM_STORE_BY_CUSTOMER;
        report->groups = "customers";
        report->name = "customer";

    } else if (by.len == 7 && ngx_memcmp(by.data, "api_key", 7) == 0) {
        report->groups = "api_keys";
        report->name = "api_key";

    } else {
        fault.status = NGX_HTTP_LLM_API_INVALID;
        fault.member = "group_by";
        fault.what = "Input should be 'team', 'customer' or 'api_key'";

        ngx_http_llm_call_fault(call, &fault);
        return;
    }

    ngx_http_llm_report_begin(call, NULL);
}


static void
ngx_http_llm_spend_row(ngx_http_llm_call_t *call,
    const llm_store_usage_row_t *row)
{
    ngx_http_llm_report_t *report = call->data;

    const llm_store_text_t  *group;

    group = ngx_http_llm_report_group(report, row);

    if (report->day != row->day) {
        ngx_http_llm_spend_day_end(call);

        ngx_http_llm_out_open(call, '{');
        ngx_http_llm_out_day(call, "group_by_day", row->day,
                             "T00:00:00+00:00");
        ngx_http_llm_out_name(call, report->groups);
        ngx_http_llm_out_open(call, '[');

        report->day = row->day;
    }

    if (!report->grouped
        || report->group.len != group->len
        || ngx_memcmp(report->group.data, group->data, group->len) != 0)
    {
        ngx_http_llm_spend_group_end(call);

        ngx_http_llm_out_open(call, '{');
        ngx_http_llm_out_name(call, report->name);
        ngx_http_llm_out_str(call, group);
        ngx_http_llm_out_name(call, "metadata");
        ngx_http_llm_out_open(call, '[');

        report->grouped = 1;
        report->group.len = ngx_min(group->len, sizeof(report->buf));
        report->group.data = report->buf;
        ngx_memcpy(report->buf, group->data, report->group.len);
        ngx_memzero(report->sum, sizeof(report->sum));
    }

    ngx_http_llm_report_add(report->sum, row->count);

    ngx_http_llm_out_open(call, '{');

    ngx_http_llm_out_name(call, "model");
    ngx_http_llm_out_str(call, &row->model);
    ngx_http_llm_out_name(call, "api_key");
    ngx_http_llm_out_str(call, &row->key);
    ngx_http_llm_out_usd(call, "spend", row->count[LLM_STORE_COST]);
    ngx_http_llm_out_name(call, "total_tokens");
    ngx_http_llm_out_number(call, llm_sat_add(row->count[LLM_STORE_INPUT],
                                              row->count[LLM_STORE_OUTPUT]));

    ngx_http_llm_out_close(call, '}');
}


static void
ngx_http_llm_spend_group_end(ngx_http_llm_call_t *call)
{
    ngx_http_llm_report_t *report = call->data;

    if (!report->grouped) {
        return;
    }

    ngx_http_llm_out_close(call, ']');
    ngx_http_llm_out_usd(call, "total_spend", report->sum[LLM_STORE_COST]);
    ngx_http_llm_out_close(call, '}');

    report->grouped = 0;
}


static void
ngx_http_llm_spend_day_end(ngx_http_llm_call_t *call)
{
    ngx_http_llm_report_t *report = call->data;

    if (report->day == 0) {
        return;
    }

    ngx_http_llm_spend_group_end(call);
    ngx_http_llm_out_close(call, ']');
    ngx_http_llm_out_close(call, '}');

    report->day = 0;
}


static void
ngx_http_llm_spend_end(ngx_http_llm_call_t *call)
{
    ngx_http_llm_spend_day_end(call);
    ngx_http_llm_out_close(call, ']');

    ngx_http_llm_call_answer(call, NGX_HTTP_OK);
}


/* What one key cost, by models. */

static void
ngx_http_llm_key_cost_row(ngx_http_llm_call_t *call,
    const llm_store_usage_row_t *row)
{
    ngx_http_llm_report_t *report = call->data;

    if (!report->grouped) {
        ngx_http_llm_out_open(call, '{');
        ngx_http_llm_out_name(call, "api_key");
        ngx_http_llm_out_str(call, &row->key);
        ngx_http_llm_out_name(call, "model_details");
        ngx_http_llm_out_open(call, '[');

        report->grouped = 1;
    }

    ngx_http_llm_report_add(report->sum, row->count);

    ngx_http_llm_out_open(call, '{');
    ngx_http_llm_out_name(call, "model");
    ngx_http_llm_out_str(call, &row->model);
    ngx_http_llm_out_costs(call, row->count);
    ngx_http_llm_out_close(call, '}');
}


static void
ngx_http_llm_out_costs(ngx_http_llm_call_t *call, const int64_t *count)
{
    ngx_http_llm_out_usd(call, "total_cost", count[LLM_STORE_COST]);
    ngx_http_llm_out_count(call, "total_input_tokens", count[LLM_STORE_INPUT]);
    ngx_http_llm_out_count(call, "total_output_tokens",
                           count[LLM_STORE_OUTPUT]);
}


static void
ngx_http_llm_key_cost_end(ngx_http_llm_call_t *call)
{
    ngx_http_llm_report_t *report = call->data;

    if (report->grouped) {
        ngx_http_llm_out_close(call, ']');
        ngx_http_llm_out_costs(call, report->sum);
        ngx_http_llm_out_close(call, '}');
    }

    ngx_http_llm_out_close(call, ']');

    ngx_http_llm_call_answer(call, NGX_HTTP_OK);
}


/* /team/daily/activity and /user/daily/activity */

void
ngx_http_llm_api_activity(ngx_http_llm_call_t *call)
{
    ngx_http_llm_report_t  *report;

    report = ngx_http_llm_report(call);

    if (report == NULL) {
        return;
    }

    report->walk.want.by = LLM_STORE_BY_DAY|LLM_STORE_BY_MODEL;
    report->walk.row = ngx_http_llm_activity_row;
    report->walk.done = ngx_http_llm_activity_end;

    ngx_http_llm_report_begin(call, "results");
}


static void
ngx_http_llm_activity_row(ngx_http_llm_call_t *call,
    const llm_store_usage_row_t *row)
{
    ngx_http_llm_report_t *report = call->data;

    if (report->day != row->day) {
        ngx_http_llm_activity_day_end(call);

        ngx_http_llm_out_open(call, '{');
        ngx_http_llm_out_day(call, "date", row->day, "");
        ngx_http_llm_out_name(call, "breakdown");
        ngx_http_llm_out_open(call, '{');
        ngx_http_llm_out_name(call, "models");
        ngx_http_llm_out_open(call, '{');

        report->day = row->day;
        ngx_memzero(report->sum, sizeof(report->sum));
    }

    ngx_http_llm_report_add(report->sum, row->count);
    ngx_http_llm_report_add(report->total, row->count);

    ngx_http_llm_out_member(call, row->model.data, row->model.len);
    ngx_http_llm_out_open(call, '{');
    ngx_http_llm_out_name(call, "metrics");
    ngx_http_llm_out_open(call, '{');
    ngx_http_llm_out_metrics(call, row->count);
    ngx_http_llm_out_close(call, '}');
    ngx_http_llm_out_name(call, "metadata");
    ngx_http_llm_out_word(call, "{}");
    ngx_http_llm_out_close(call, '}');
}


static void
ngx_http_llm_activity_day_end(ngx_http_llm_call_t *call)
{
    ngx_http_llm_report_t *report = call->data;

    if (report->day == 0) {
        return;
    }

    ngx_http_llm_out_close(call, '}');
    ngx_http_llm_out_close(call, '}');
    ngx_http_llm_out_name(call, "metrics");
    ngx_http_llm_out_open(call, '{');
    ngx_http_llm_out_metrics(call, report->sum);
    ngx_http_llm_out_close(call, '}');
    ngx_http_llm_out_close(call, '}');

    report->day = 0;
}


static void
ngx_http_llm_activity_end(ngx_http_llm_call_t *call)
{
    ngx_http_llm_report_t *report = call->data;

    ngx_http_llm_activity_day_end(call);
    ngx_http_llm_out_close(call, ']');

    ngx_http_llm_out_name(call, "metadata");
    ngx_http_llm_out_open(call, '{');
    ngx_http_llm_out_usd(call, "total_spend", report->total[LLM_STORE_COST]);
    ngx_http_llm_out_name(call, "total_tokens");
    ngx_http_llm_out_number(call, llm_sat_add(report->total[LLM_STORE_INPUT],
                                              report->total[LLM_STORE_OUTPUT]));
    ngx_http_llm_out_count(call, "total_api_requests",
                           report->total[LLM_STORE_REQUESTS]);
    ngx_http_llm_out_count(call, "page", 1);
    ngx_http_llm_out_count(call, "total_pages", 1);
    ngx_http_llm_out_name(call, "has_more");
    ngx_http_llm_out_word(call, "false");
    ngx_http_llm_out_close(call, '}');
    ngx_http_llm_out_close(call, '}');

    ngx_http_llm_call_answer(call, NGX_HTTP_OK);
}


void
ngx_http_llm_out_metrics(ngx_http_llm_call_t *call, const int64_t *count)
{
    ngx_uint_t  i;

    static const struct {
        const char         *name;
        llm_store_count_e   count;
    } counts[] = {
        { "prompt_tokens", LLM_STORE_INPUT },
        { "completion_tokens", LLM_STORE_OUTPUT },
        { "cache_read_input_tokens", LLM_STORE_CACHED },
        { "cache_creation_input_tokens", LLM_STORE_CACHE_WRITE },
        { "failed_requests", LLM_STORE_FAILED_REQUESTS },
        { "api_requests", LLM_STORE_REQUESTS }
    };

    ngx_http_llm_out_usd(call, "spend", count[LLM_STORE_COST]);

    for (i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        ngx_http_llm_out_count(call, counts[i].name, count[counts[i].count]);
    }

    ngx_http_llm_out_name(call, "successful_requests");
    ngx_http_llm_out_number(call, count[LLM_STORE_REQUESTS]
                                  - count[LLM_STORE_FAILED_REQUESTS]);
    ngx_http_llm_out_name(call, "total_tokens");
    ngx_http_llm_out_number(call, llm_sat_add(count[LLM_STORE_INPUT],
                                              count[LLM_STORE_OUTPUT]));
}
