
/*
 * Copyright (C) the llm_quota authors
 */


#include "ngx_http_llm_metrics.h"


/* The families, and their samples. */


/* Series that are compared in one step. */
#define NGX_HTTP_LLM_METRICS_LOOKS  100000


static void ngx_http_llm_print_head(ngx_http_llm_scrape_t *s,
    const ngx_http_llm_family_t *f);


static ngx_uint_t ngx_http_llm_print_series(ngx_http_llm_scrape_t *s,
    const ngx_http_llm_family_t *f);
static void ngx_http_llm_print_requests(ngx_http_llm_scrape_t *s,
    const ngx_http_llm_family_t *f, const llm_series_t *series);
static void ngx_http_llm_print_tokens(ngx_http_llm_scrape_t *s,
    const ngx_http_llm_family_t *f, const llm_series_t *series);
static void ngx_http_llm_print_all_tokens(ngx_http_llm_scrape_t *s,
    const ngx_http_llm_family_t *f, const llm_series_t *series);
static void ngx_http_llm_print_cost(ngx_http_llm_scrape_t *s,
    const ngx_http_llm_family_t *f, const llm_series_t *series);
static void ngx_http_llm_print_pair(ngx_http_llm_scrape_t *s,
    const ngx_http_llm_family_t *f, const llm_series_t *series);
static ngx_uint_t ngx_http_llm_print_models(ngx_http_llm_scrape_t *s,
    const ngx_http_llm_family_t *f);
static ngx_uint_t ngx_http_llm_print_refused(ngx_http_llm_scrape_t *s,
    const ngx_http_llm_family_t *f);
static ngx_uint_t ngx_http_llm_print_total(ngx_http_llm_scrape_t *s,
    const ngx_http_llm_family_t *f);
static ngx_uint_t ngx_http_llm_print_lag(ngx_http_llm_scrape_t *s,
    const ngx_http_llm_family_t *f);
static ngx_uint_t ngx_http_llm_print_state(ngx_http_llm_scrape_t *s,
    const ngx_http_llm_family_t *f);
static ngx_uint_t ngx_http_llm_print_redis(ngx_http_llm_scrape_t *s,
    const ngx_http_llm_family_t *f);
static ngx_uint_t ngx_http_llm_print_alerts(ngx_http_llm_scrape_t *s,
    const ngx_http_llm_family_t *f);
static ngx_uint_t ngx_http_llm_print_zone(ngx_http_llm_scrape_t *s,
    const ngx_http_llm_family_t *f);
static ngx_uint_t ngx_http_llm_print_build(ngx_http_llm_scrape_t *s,
    const ngx_http_llm_family_t *f);


/* A family that is printed as a whole, of one of the zone's counters or
   states; by subject; by series. */

#define ngx_http_llm_family(name, type, help, print, which)                   \
    { name, NGX_HTTP_LLM_ ## type, help, ngx_http_llm_print_ ## print,        \
      NULL, NULL, which, 0 }

#define ngx_http_llm_total(name, help, member)                                \
    ngx_http_llm_family(name, COUNTER, help, total,                           \
                        offsetof(llm_zone_t, member))

#define ngx_http_llm_state(name, help, member)                                \
    ngx_http_llm_family(name, GAUGE, help, state, offsetof(llm_zone_t, member))

#define ngx_http_llm_models(name, help, member)                               \
    ngx_http_llm_family(name, COUNTER, help, models,                          \
                        offsetof(llm_series_t, member))

#define ngx_http_llm_subjects(name, help, print, which, compat)               \
    { name, NGX_HTTP_LLM_GAUGE, help, ngx_http_llm_print_subjects,            \
      ngx_http_llm_print_ ## print, NULL, which, compat }

#define ngx_http_llm_series(name, help, print, compat)                        \
    { name, NGX_HTTP_LLM_COUNTER, help, ngx_http_llm_print_series, NULL,      \
      ngx_http_llm_print_ ## print, 0, compat }


static const ngx_http_llm_family_t  ngx_http_llm_families[] = {

    ngx_http_llm_series("llm_quota_requests",
        "Requests by what was decided about them.",
        requests, 0),

    ngx_http_llm_series("llm_quota_tokens",
        "Tokens charged; cached and cache_write are part of input, "
        "reasoning of output.",
        tokens, 0),

    ngx_http_llm_series("llm_quota_cost_usd",
        "Money charged, US dollars.",
        cost, 0),

    ngx_http_llm_models("llm_quota_estimated",
        "Requests whose usage was estimated, in part or whole.",
        estimated),

    ngx_http_llm_models("llm_quota_unpriced",
        "Requests that used tokens of a model without a price.",
        unpriced),

    ngx_http_llm_family("llm_quota_refused", COUNTER,
        "Requests refused by a limit, by whose it is and which.",
        refused, 0),

    ngx_http_llm_subjects("llm_quota_spend_usd",
        "Money charged in the present period, US dollars.",
        spend, 0, 0),

    ngx_http_llm_subjects("llm_quota_budget_usd",
        "Budget of the period, US dollars.",
        budget, 0, 0),

    ngx_http_llm_subjects("llm_quota_budget_remaining_usd",
        "What is left of the budget, less what is reserved, US dollars.",
        budget, 1, 0),

    ngx_http_llm_subjects("llm_quota_used",
        "What counts toward a limit, with what is reserved.",
        limit, 0, 0),

    ngx_http_llm_subjects("llm_quota_limit",
        "The limit; of several places the lowest.",
        limit, 1, 0),

    ngx_http_llm_subjects("llm_quota_inflight",
        "Requests in flight.",
        inflight, 0, 0),

    ngx_http_llm_total("llm_quota_ledger_bytes",
        "Bytes written to the ledger.",
        totals.ledger_bytes),

    ngx_http_llm_total("llm_quota_ledger_errors",
        "Times that the ledger could not be written any more.",
        totals.ledger_errors),

    ngx_http_llm_total("llm_quota_ledger_torn",
        "Pieces of lines found in the ledger.",
        totals.ledger_torn),

    ngx_http_llm_total("llm_quota_store_commits",
        "Batches of lines carried into the store.",
        totals.commits),

    ngx_http_llm_total("llm_quota_store_lines",
        "Lines of the ledger carried into the store.",
        totals.commit_lines),

    ngx_http_llm_total("llm_quota_store_errors",
        "Attempts to carry lines into the store that failed.",
        totals.commit_errors),

    ngx_http_llm_family("llm_quota_store_lag_seconds", GAUGE,
        "How old a line may be that the store does not have yet.",
        lag, 0),

    ngx_http_llm_state("llm_quota_store_ready",
        "1: the store has what was settled before the zone.",
        ready),

    ngx_http_llm_state("llm_quota_store_away",
        "1: the store is out of reach.",
        away),

    ngx_http_llm_family("llm_quota_redis_up", GAUGE,
        "1: totals are exchanged with other machines.",
        redis, 0),

    ngx_http_llm_family("llm_quota_redis_rtt_seconds", GAUGE,
        "From a command to Redis to its answer, of late.",
        redis, 1),

    ngx_http_llm_total("llm_quota_redis_exchanges",
        "Exchanges with Redis that succeeded.",
        totals.exchanges),

    ngx_http_llm_total("llm_quota_redis_errors",
        "Times that totals could not be exchanged any more.",
        totals.exchange_errors),

    ngx_http_llm_family("llm_quota_alerts", COUNTER,
        "Alerts by their event, channel, and what came of them; failed counts "
        "attempts.",
        alerts, 0),

    ngx_http_llm_family("llm_quota_zone_entries", GAUGE,
        "Places of the arrays of the zone that are taken.",
        zone, 0),

    ngx_http_llm_family("llm_quota_zone_capacity", GAUGE,
        "Places of the arrays of the zone.",
        zone, 1),

    ngx_http_llm_total("llm_quota_zone_full",
        "Requests that found no room in the zone.",
        full),

    ngx_http_llm_total("llm_quota_zone_evictions",
        "Subjects that left the zone to make room for others.",
        evictions),

    ngx_http_llm_total("llm_quota_pending_full",
        "Answers made in the background that were charged what was expected, "
        "to make room for others.",
        pending_full),

    ngx_http_llm_total("llm_quota_zone_repairs",
        "Times that the zone was made exact after a kill.",
        repairs),

    ngx_http_llm_total("llm_quota_series_other",
        "Requests counted as those of other teams and models.",
        totals.other),

    ngx_http_llm_total("llm_quota_upstream_retries",
        "Attempts at an upstream that nginx followed by another one.",
        totals.retries),

    ngx_http_llm_family("llm_quota_build_info", GAUGE,
        "Versions of the module and of nginx.",
        build, 0),

    ngx_http_llm_series("litellm_spend_metric",
        "Money charged, US dollars.",
        cost, 1),

    ngx_http_llm_series("litellm_total_tokens_metric",
        "Tokens charged.",
        all_tokens, 1),

    ngx_http_llm_subjects("litellm_remaining_team_budget_metric",
        "What is left of the budget of a team, US dollars.",
        team, NGX_HTTP_LLM_TEAM_REMAINING, 1),

    ngx_http_llm_subjects("litellm_team_max_budget_metric",
        "The budget of a team, US dollars.",
        team, NGX_HTTP_LLM_TEAM_MAX, 1),

    ngx_http_llm_subjects("litellm_team_monthly_cost_usd",
        "Money charged to a team in this month, US dollars.",
        team, NGX_HTTP_LLM_TEAM_COST, 1),

    ngx_http_llm_subjects("litellm_team_monthly_budget_usd",
        "The budget of a team for the month, US dollars.",
        team, NGX_HTTP_LLM_TEAM_MONTHLY, 1),

    ngx_http_llm_family(NULL, GAUGE, NULL, build, 0)
};


/* As the parameters name them, of a period and of the minute. */

static const char  *ngx_http_llm_limits[][2] = {
    { "requests", "rpm" },
    { "tokens", "tpm" },
    { "input_tokens", "itpm" },
    { "output_tokens", "otpm" },
    { "parallel", "parallel" },
    { "budget", "budget" }
};


ngx_uint_t
ngx_http_llm_metrics_print(ngx_http_llm_scrape_t *s)
{
    const ngx_http_llm_family_t  *f;

    for ( ;; ) {
        f = &ngx_http_llm_families[s->family];

        if (f->name == NULL) {

            if (s->open) {
                ngx_http_llm_print(s, "# EOF\n");
            }

            return 0;
        }

        if (f->compat && !s->conf->compat) {
            s->family++;
            continue;
        }

        if (!ngx_http_llm_metrics_has_room(s)) {
            return 1;
        }

        if (s->next == 0) {
            ngx_http_llm_print_head(s, f);
        }

        if (f->print(s, f)) {
            return 1;
        }

        s->family++;
        s->next = 0;
    }
}


static void
ngx_http_llm_print_head(ngx_http_llm_scrape_t *s,
    const ngx_http_llm_family_t *f)
{
    const char  *total;

    /* a family of OpenMetrics has no suffix, of the older format it has */

    total = (f->type == NGX_HTTP_LLM_COUNTER && !s->open) ? "_total" : "";

    ngx_http_llm_print(s, "# HELP %s%s %s\n# TYPE %s%s %s\n", f->name, total,
                       f->help, f->name, total,
                       f->type == NGX_HTTP_LLM_COUNTER ? "counter" : "gauge");
}


static ngx_uint_t
ngx_http_llm_print_series(ngx_http_llm_scrape_t *s,
    const ngx_http_llm_family_t *f)
{
    llm_zone_t    *z;
    llm_series_t  *series;

    z = s->conf->admin.zone.zone->zone;

    for ( /* void */ ; s->next < z->nseries; s->next++) {
        series = llm_zone_series(z, s->next);

        if (!llm_series_is(series)) {
            continue;
        }

        if (!ngx_http_llm_metrics_has_room(s)) {
            return 1;
        }

        f->series(s, f, series);
    }

    return 0;
}


static void
ngx_http_llm_print_requests(ngx_http_llm_scrape_t *s,
    const ngx_http_llm_family_t *f, const llm_series_t *series)
{
    uint64_t     n, dry;
    ngx_uint_t   i, dry_run;
    const char  *result, *next;

    const char *(*name)(ngx_uint_t i) = s->conf->admin.zone.result;

    n = 0;
    dry = 0;

    for (i = 0; i < LLM_SERIES_RESULTS; i++) {
        result = name(i);

        if (result == NULL) {
            return;
        }

        n += llm_counted(&series->requests[i]);
        dry += llm_counted(&series->dry_run[i]);

        /* those of one name stand together */

        next = (i + 1 < LLM_SERIES_RESULTS) ? name(i + 1) : NULL;

        if (next && ngx_strcmp(next, result) == 0) {
            continue;
        }

        for (dry_run = 0; dry_run < 2; dry_run++) {

            if ((dry_run ? dry : n) == 0) {
                continue;
            }

            ngx_http_llm_print_pair(s, f, series);
            ngx_http_llm_print(s, ",result=\"%s%s\"", result,
                               dry_run ? "_dry_run" : "");
            ngx_http_llm_print_count(s, dry_run ? dry : n);
        }

        n = 0;
        dry = 0;
    }
}


static void
ngx_http_llm_print_tokens(ngx_http_llm_scrape_t *s,
    const ngx_http_llm_family_t *f, const llm_series_t *series)
{
    ngx_uint_t  i;

    static const char  *types[] = {
        "input", "output", "cached", "cache_write", "reasoning"
    };

    for (i = 0; i < LLM_SERIES_TOKENS; i++) {
        ngx_http_llm_print_pair(s, f, series);
        ngx_http_llm_print(s, ",type=\"%s\"", types[i]);
        ngx_http_llm_print_count(s, llm_counted(&series->tokens[i]));
    }
}


static void
ngx_http_llm_print_all_tokens(ngx_http_llm_scrape_t *s,
    const ngx_http_llm_family_t *f, const llm_series_t *series)
{
    ngx_http_llm_print_pair(s, f, series);
    ngx_http_llm_print_count(s,
                             llm_counted(&series->tokens[LLM_SERIES_INPUT])
                             + llm_counted(&series->tokens[LLM_SERIES_OUTPUT]));
}


static void
ngx_http_llm_print_cost(ngx_http_llm_scrape_t *s,
    const ngx_http_llm_family_t *f, const llm_series_t *series)
{
    ngx_http_llm_print_pair(s, f, series);
    ngx_http_llm_print_money(s, llm_counted(&series->cost));
}


static void
ngx_http_llm_print_pair(ngx_http_llm_scrape_t *s,
    const ngx_http_llm_family_t *f, const llm_series_t *series)
{
    ngx_http_llm_print_name(s, f);

    ngx_http_llm_print_label(s, "{team", series->text, series->team_len);
    ngx_http_llm_print_label(s, ",model", series->text + series->team_len,
                             series->model_len);
}


/* The sum over all teams, at the first series that has the model. */

static ngx_uint_t
ngx_http_llm_print_models(ngx_http_llm_scrape_t *s,
    const ngx_http_llm_family_t *f)
{
    uint64_t       sum;
    uint32_t       i;
    ngx_uint_t     looked;
    llm_zone_t    *z;
    llm_series_t  *series, *other;

    z = s->conf->admin.zone.zone->zone;
    looked = 0;

    for ( /* void */ ; s->next < z->nseries; s->next++) {

        if (!ngx_http_llm_metrics_has_room(s)
            || looked > NGX_HTTP_LLM_METRICS_LOOKS)
        {
            return 1;
        }

        series = llm_zone_series(z, s->next);

        if (!llm_series_is(series)) {
            continue;
        }

        looked += z->nseries;
        sum = 0;

        for (i = 0; i < z->nseries; i++) {
            other = llm_zone_series(z, i);

            if (!llm_series_same_model(series, other)) {
                continue;
            }

            if (i < s->next) {

                /* it was printed there */

                sum = 0;
                break;
            }

            sum += llm_counted((uint64_t *) ((u_char *) other + f->which));
        }

        if (sum) {
            ngx_http_llm_print_name(s, f);
            ngx_http_llm_print_label(s, "{model",
                                     series->text + series->team_len,
                                     series->model_len);
            ngx_http_llm_print_count(s, sum);
        }
    }

    return 0;
}


static ngx_uint_t
ngx_http_llm_print_refused(ngx_http_llm_scrape_t *s,
    const ngx_http_llm_family_t *f)
{
    uint64_t       n;
    ngx_uint_t     type, resource, minute;
    llm_totals_t  *totals;

    totals = &s->conf->admin.zone.zone->zone->totals;

    for (type = 0; type < LLM_SUBJECT_TYPES; type++) {

        for (resource = 0; resource < LLM_RESOURCES; resource++) {

            for (minute = 0; minute < 2; minute++) {
                n = llm_counted(&totals->refused[type][resource][minute]);

                if (n == 0) {
                    continue;
                }

                ngx_http_llm_print_name(s, f);
                ngx_http_llm_print(s, "{scope=\"%s\",resource=\"%s\","
                                   "limit=\"%s\"", llm_subject_name(type),
                                   ngx_http_llm_resources[resource],
                                   ngx_http_llm_limits[resource][minute]);
                ngx_http_llm_print_count(s, n);
            }
        }
    }

    return 0;
}


static ngx_uint_t
ngx_http_llm_print_total(ngx_http_llm_scrape_t *s,
    const ngx_http_llm_family_t *f)
{
    u_char  *z;

    z = (u_char *) s->conf->admin.zone.zone->zone;

    ngx_http_llm_print(s, "%s_total %uL\n", f->name,
                       llm_counted((uint64_t *) (z + f->which)));

    return 0;
}


static ngx_uint_t
ngx_http_llm_print_state(ngx_http_llm_scrape_t *s,
    const ngx_http_llm_family_t *f)
{
    u_char  *z;

    z = (u_char *) s->conf->admin.zone.zone->zone;

    ngx_http_llm_print(s, "%s %uD\n", f->name,
                       *(volatile uint32_t *) (z + f->which));

    return 0;
}


/* Without a ledger nothing is carried, and nothing lags. */

static ngx_uint_t
ngx_http_llm_print_lag(ngx_http_llm_scrape_t *s,
    const ngx_http_llm_family_t *f)
{
    uint64_t     lag;
    llm_zone_t  *z;

    if (s->conf->admin.zone.store == NULL) {
        return 0;
    }

    z = ngx_http_llm_zone_lock(s->conf->admin.zone.zone);
    lag = (z->now > z->carried) ? z->now - z->carried : 0;
    ngx_http_llm_zone_unlock(s->conf->admin.zone.zone);

    ngx_http_llm_print(s, "%s %uL.%03uL\n", f->name, lag / 1000, lag % 1000);

    return 0;
}


/* A zone without Redis has neither. */

static ngx_uint_t
ngx_http_llm_print_redis(ngx_http_llm_scrape_t *s,
    const ngx_http_llm_family_t *f)
{
    uint64_t     rtt;
    llm_zone_t  *z;

    z = s->conf->admin.zone.zone->zone;

    if (z->cluster == LLM_CLUSTER_OFF) {
        return 0;
    }

    if (f->which == 0) {
        ngx_http_llm_print(s, "%s %ui\n", f->name,
                           (ngx_uint_t) (z->cluster == LLM_CLUSTER_ON));
        return 0;
    }

    rtt = llm_counted(&z->totals.exchange_rtt);

    ngx_http_llm_print(s, "%s %uL.%06uL\n", f->name, rtt / 1000000,
                       rtt % 1000000);

    return 0;
}


static ngx_uint_t
ngx_http_llm_print_alerts(ngx_http_llm_scrape_t *s,
    const ngx_http_llm_family_t *f)
{
    uint32_t     i;
    llm_told_t  *told;

    static const char  *outcomes[] = { "delivered", "failed", "given_up" };

    for ( /* void */ ; s->next < LLM_TOLD_PAIRS; s->next++) {
        told = &s->conf->admin.zone.zone->zone->told[s->next];

        if (!llm_told_is(told)) {
            break;
        }

        if (!ngx_http_llm_metrics_has_room(s)) {
            return 1;
        }

        for (i = 0; i < LLM_TOLD_OUTCOMES; i++) {
            ngx_http_llm_print_name(s, f);
            ngx_http_llm_print_label(s, "{event", told->event,
                                     told->event_len);
            ngx_http_llm_print_label(s, ",channel", told->channel,
                                     told->channel_len);
            ngx_http_llm_print(s, ",outcome=\"%s\"", outcomes[i]);
            ngx_http_llm_print_count(s, llm_counted(&told->count[i]));
        }
    }

    return 0;
}


static ngx_uint_t
ngx_http_llm_print_zone(ngx_http_llm_scrape_t *s,
    const ngx_http_llm_family_t *f)
{
    uint32_t     i, series;
    uint64_t     pending;
    ngx_uint_t   n;
    llm_zone_t  *z;

    z = s->conf->admin.zone.zone->zone;
    pending = ngx_min(z->pending_next - z->pending_kept, z->npendings);
    series = 0;

    for (i = 0; i < z->nseries; i++) {
        series += llm_series_is(llm_zone_series(z, i));
    }

    const struct {
        const char  *kind;
        uint32_t     size;
        uint32_t     left;
    } arrays[] = {
        { "subjects", z->nsubjects, z->subjects_left },
        { "meters", z->nmeters, z->meters_left },
        { "minutes", z->nminutes, z->minutes_left },
        { "classes", z->nshares, z->shares_left },
        { "reservations", z->nreservations, z->reservations_left },
        { "pending", z->npendings, z->npendings - (uint32_t) pending },
        { "entity_cells", z->nentities, z->entities_left },
        { "series", z->nseries, z->nseries - series }
    };

    for (n = 0; n < sizeof(arrays) / sizeof(arrays[0]); n++) {
        ngx_http_llm_print(s, "%s{kind=\"%s\"} %uD\n", f->name,
                           arrays[n].kind,
                           f->which
                           ? arrays[n].size : arrays[n].size - arrays[n].left);
    }

    return 0;
}


static ngx_uint_t
ngx_http_llm_print_build(ngx_http_llm_scrape_t *s,
    const ngx_http_llm_family_t *f)
{
    ngx_http_llm_print(s, "%s{version=\"%s\",nginx=\"" NGINX_VERSION "\"} "
                       "1\n", f->name, s->conf->admin.zone.version);

    return 0;
}
