
/*
 * Copyright (C) the llm_quota authors
 */


#include "ngx_http_llm_metrics.h"


/* The families that have a sample for each subject, or for each of its
   limits. */


static ngx_uint_t ngx_http_llm_print_surveys(ngx_http_llm_scrape_t *s,
    const ngx_http_llm_family_t *f, uint32_t n);
static void ngx_http_llm_print_scope(ngx_http_llm_scrape_t *s,
    const llm_survey_t *survey);
static void ngx_http_llm_print_period(ngx_http_llm_scrape_t *s,
    const char *name, llm_period_t period);
static void ngx_http_llm_collect(ngx_http_llm_scrape_t *s,
    const llm_survey_t *survey);
static const llm_limit_t *ngx_http_llm_budget(ngx_http_llm_scrape_t *s,
    ngx_uint_t monthly);


ngx_uint_t
ngx_http_llm_print_subjects(ngx_http_llm_scrape_t *s,
    const ngx_http_llm_family_t *f)
{
    uint32_t              found;
    ngx_uint_t            locks;
    llm_zone_t           *z;
    llm_index_t           next;
    ngx_http_llm_zone_t  *zone;

    zone = s->conf->admin.zone.zone;

    for (locks = NGX_HTTP_LLM_METRICS_LOCKS; locks; locks--) {

        z = ngx_http_llm_zone_lock(zone);
        next = llm_survey(z, &zone->clock, s->next, s->surveys,
                          NGX_HTTP_LLM_METRICS_SUBJECTS, &found);
        ngx_http_llm_zone_unlock(zone);

        if (!ngx_http_llm_print_surveys(s, f, found)) {
            return 1;
        }

        if (next == LLM_NONE) {
            return 0;
        }

        s->next = next;
    }

    return 1;
}


/* 0: there is no room for all, and s->next is the first that was left out. */

static ngx_uint_t
ngx_http_llm_print_surveys(ngx_http_llm_scrape_t *s,
    const ngx_http_llm_family_t *f, uint32_t n)
{
    uint32_t             i;
    const llm_survey_t  *survey;

    for (i = 0; i < n; i++) {
        survey = &s->surveys[i];

        if (!ngx_http_llm_metrics_has_room(s)) {
            s->next = survey->index;
            return 0;
        }

        if (survey->type != LLM_SUBJECT_CUSTOMER || s->conf->customers) {
            f->subject(s, f, survey);
        }
    }

    return 1;
}


static void
ngx_http_llm_print_scope(ngx_http_llm_scrape_t *s, const llm_survey_t *survey)
{
    const u_char  *p;

    ngx_http_llm_print(s, "{scope=\"%s\",id=\"",
                       llm_subject_name(survey->type));

    p = memchr(survey->name, '\0', survey->len);

    if (p) {
        ngx_http_llm_print_escaped(s, survey->name, p - survey->name);
        ngx_http_llm_print(s, ":");
        p++;

    } else {
        p = survey->name;
    }

    ngx_http_llm_print_escaped(s, p, survey->name + survey->len - p);
    ngx_http_llm_print(s, "\"");
}


static void
ngx_http_llm_print_period(ngx_http_llm_scrape_t *s, const char *name,
    llm_period_t period)
{
    u_char  buf[LLM_PERIOD_BUF];
    size_t  n;

    n = llm_period_print(buf, period);

    if (n == 0) {
        ngx_http_llm_print_label(s, name, (u_char *) "forever", 7);
        return;
    }

    ngx_http_llm_print_label(s, name, buf, n);
}


void
ngx_http_llm_print_spend(ngx_http_llm_scrape_t *s,
    const ngx_http_llm_family_t *f, const llm_survey_t *survey)
{
    ngx_uint_t  n;

    for (n = 0; n < survey->nmeters; n++) {
        ngx_http_llm_print_name(s, f);
        ngx_http_llm_print_scope(s, survey);
        ngx_http_llm_print_period(s, ",period", survey->meters[n].period);
        ngx_http_llm_print_money(s,
                                 survey->meters[n].settled[LLM_COUNT_COST]);
    }
}


void
ngx_http_llm_print_budget(ngx_http_llm_scrape_t *s,
    const ngx_http_llm_family_t *f, const llm_survey_t *survey)
{
    int64_t             used;
    ngx_uint_t          n;
    const llm_limit_t  *limit;

    ngx_http_llm_collect(s, survey);

    for (n = 0; n < s->limits.n; n++) {
        limit = &s->limits.limits[n];

        if (limit->resource != LLM_RESOURCE_COST) {
            continue;
        }

        used = llm_survey_used(survey, limit);

        if (used == -1) {
            continue;
        }

        ngx_http_llm_print_name(s, f);
        ngx_http_llm_print_scope(s, survey);
        ngx_http_llm_print_period(s, ",period", limit->period);
        ngx_http_llm_print_money(s, f->which == 0
                                    ? limit->amount : limit->amount - used);
    }
}


void
ngx_http_llm_print_limit(ngx_http_llm_scrape_t *s,
    const ngx_http_llm_family_t *f, const llm_survey_t *survey)
{
    int64_t             used;
    ngx_uint_t          n;
    const llm_limit_t  *limit;

    ngx_http_llm_collect(s, survey);

    for (n = 0; n < s->limits.n; n++) {
        limit = &s->limits.limits[n];

        if (limit->resource == LLM_RESOURCE_COST) {
            continue;
        }

        used = llm_survey_used(survey, limit);

        if (used == -1) {
            continue;
        }

        ngx_http_llm_print_name(s, f);
        ngx_http_llm_print_scope(s, survey);
        ngx_http_llm_print(s, ",resource=\"%s\"",
                           ngx_http_llm_resources[limit->resource]);

        if (limit->resource == LLM_RESOURCE_PARALLEL) {
            ngx_http_llm_print(s, ",window=\"now\"");

        } else if (limit->minute) {
            ngx_http_llm_print(s, ",window=\"minute\"");

        } else {
            ngx_http_llm_print_period(s, ",window", limit->period);
        }

        ngx_http_llm_print_count(s, f->which
                                    ? limit->amount : used);
    }
}


void
ngx_http_llm_print_inflight(ngx_http_llm_scrape_t *s,
    const ngx_http_llm_family_t *f, const llm_survey_t *survey)
{
    ngx_http_llm_print_name(s, f);
    ngx_http_llm_print_scope(s, survey);
    ngx_http_llm_print_count(s, survey->inflight);
}


/* As LiteLLM names them, which has one budget for a team. */

void
ngx_http_llm_print_team(ngx_http_llm_scrape_t *s,
    const ngx_http_llm_family_t *f, const llm_survey_t *survey)
{
    int64_t                    value;
    const llm_limit_t         *limit;
    const llm_survey_meter_t  *m;

    if (survey->type != LLM_SUBJECT_TEAM) {
        return;
    }

    if (f->which == NGX_HTTP_LLM_TEAM_COST) {
        m = llm_survey_meter(survey, LLM_PERIOD(LLM_PERIOD_MONTH, 1));

        if (m == NULL) {
            return;
        }

        value = m->settled[LLM_COUNT_COST];

    } else {
        ngx_http_llm_collect(s, survey);

        limit = ngx_http_llm_budget(s, f->which
                                       == NGX_HTTP_LLM_TEAM_MONTHLY);
        if (limit == NULL) {
            return;
        }

        value = limit->amount;

        if (f->which == NGX_HTTP_LLM_TEAM_REMAINING) {
            value -= llm_survey_used(survey, limit);
        }
    }

    ngx_http_llm_print_name(s, f);
    ngx_http_llm_print_label(s, "{team_id", survey->name, survey->len);

    if (f->which == NGX_HTTP_LLM_TEAM_REMAINING
        || f->which == NGX_HTTP_LLM_TEAM_MAX)
    {
        ngx_http_llm_print_label(s, ",team_alias", survey->name, survey->len);
    }

    ngx_http_llm_print_money(s, value);
}


/* The budget of the month, else the one of the longest period. */

static const llm_limit_t *
ngx_http_llm_budget(ngx_http_llm_scrape_t *s, ngx_uint_t monthly)
{
    ngx_uint_t          n;
    const llm_limit_t  *best;

    best = NULL;

    for (n = 0; n < s->limits.n; n++) {

        if (s->limits.limits[n].resource != LLM_RESOURCE_COST) {
            continue;
        }

        if (s->limits.limits[n].period == LLM_PERIOD(LLM_PERIOD_MONTH, 1)) {
            return &s->limits.limits[n];
        }

        if (!monthly) {
            best = &s->limits.limits[n];
        }
    }

    return best;
}


static void
ngx_http_llm_collect(ngx_http_llm_scrape_t *s, const llm_survey_t *survey)
{
    ngx_http_llm_limits_of(&s->conf->admin.zone, survey->type, survey->name,
                        survey->len, &s->limits);
}
