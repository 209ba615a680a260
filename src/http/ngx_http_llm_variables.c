
/*
 * Copyright (C) the llm_quota authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "llm_load.h"
#include "ngx_http_llm.h"


static ngx_int_t ngx_http_llm_variable_name(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_llm_variable_stream(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_llm_variable_request(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_llm_variable_result(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_llm_variable_count(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_llm_variable_total(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_llm_variable_cache_write(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_llm_variable_cost(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_llm_variable_source(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_llm_variable_standing(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_http_llm_ctx_t *ngx_http_llm_settled(ngx_http_request_t *r,
    ngx_http_variable_value_t *v);
static const llm_limit_t *ngx_http_llm_team_limit(ngx_http_llm_ctx_t *ctx,
    llm_resource_e resource);
static ngx_int_t ngx_http_llm_variable_text(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, const u_char *data, size_t len);
static ngx_int_t ngx_http_llm_variable_number(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, int64_t n);
static ngx_int_t ngx_http_llm_variable_money(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, int64_t nano);


typedef enum {
    NGX_HTTP_LLM_SPEND = 0,
    NGX_HTTP_LLM_BUDGET,
    NGX_HTTP_LLM_REMAINING,
    NGX_HTTP_LLM_RPM_REMAINING,
    NGX_HTTP_LLM_TPM_REMAINING
} ngx_http_llm_standing_e;


#define ngx_http_llm_of_ctx(name)    offsetof(ngx_http_llm_ctx_t, name)
#define ngx_http_llm_of_usage(name)                                           \
    offsetof(ngx_http_llm_ctx_t, settlement.usage.name)


/* none is cacheable: values change from empty to final */

static ngx_http_variable_t  ngx_http_llm_variables[] = {

    { ngx_string("llm_team"), NULL, ngx_http_llm_variable_name,
      ngx_http_llm_of_ctx(team), NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("llm_user"), NULL, ngx_http_llm_variable_name,
      ngx_http_llm_of_ctx(user), NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("llm_customer"), NULL, ngx_http_llm_variable_name,
      ngx_http_llm_of_ctx(customer), NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("llm_key_id"), NULL, ngx_http_llm_variable_name,
      ngx_http_llm_of_ctx(key_id), NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("llm_model"), NULL, ngx_http_llm_variable_name,
      ngx_http_llm_of_ctx(model), NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("llm_response_model"), NULL, ngx_http_llm_variable_name,
      ngx_http_llm_of_ctx(response_model), NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("llm_upstream_id"), NULL, ngx_http_llm_variable_name,
      ngx_http_llm_of_ctx(upstream_id), NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("llm_price_id"), NULL, ngx_http_llm_variable_name,
      ngx_http_llm_of_ctx(price_id), NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("llm_stream"), NULL, ngx_http_llm_variable_stream,
      0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("llm_request"), NULL, ngx_http_llm_variable_request,
      0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("llm_result"), NULL, ngx_http_llm_variable_result,
      0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("llm_limit"), NULL, ngx_http_llm_variable_name,
      ngx_http_llm_of_ctx(limit), NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("llm_prompt_tokens"), NULL, ngx_http_llm_variable_count,
      ngx_http_llm_of_usage(input), NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("llm_completion_tokens"), NULL, ngx_http_llm_variable_count,
      ngx_http_llm_of_usage(output), NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("llm_total_tokens"), NULL, ngx_http_llm_variable_total,
      0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("llm_cached_tokens"), NULL, ngx_http_llm_variable_count,
      ngx_http_llm_of_usage(cached_read), NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("llm_cache_write_tokens"), NULL,
      ngx_http_llm_variable_cache_write, 0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("llm_reasoning_tokens"), NULL, ngx_http_llm_variable_count,
      ngx_http_llm_of_usage(reasoning), NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("llm_cost_usd"), NULL, ngx_http_llm_variable_cost,
      0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("llm_usage_source"), NULL, ngx_http_llm_variable_source,
      0, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("llm_team_spend_usd"), NULL, ngx_http_llm_variable_standing,
      NGX_HTTP_LLM_SPEND, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("llm_team_budget_usd"), NULL, ngx_http_llm_variable_standing,
      NGX_HTTP_LLM_BUDGET, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("llm_team_remaining_usd"), NULL,
      ngx_http_llm_variable_standing, NGX_HTTP_LLM_REMAINING,
      NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("llm_rpm_remaining"), NULL, ngx_http_llm_variable_standing,
      NGX_HTTP_LLM_RPM_REMAINING, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("llm_tpm_remaining"), NULL, ngx_http_llm_variable_standing,
      NGX_HTTP_LLM_TPM_REMAINING, NGX_HTTP_VAR_NOCACHEABLE, 0 },

      ngx_http_null_variable
};


ngx_int_t
ngx_http_llm_add_variables(ngx_conf_t *cf)
{
    ngx_str_t                  name;
    ngx_http_variable_t       *var, *v;
    ngx_http_llm_main_conf_t  *lmcf;

    for (v = ngx_http_llm_variables; v->name.len; v++) {
        var = ngx_http_add_variable(cf, &v->name, v->flags);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = v->get_handler;
        var->data = v->data;
    }

    lmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_llm_quota_module);

    ngx_str_set(&name, "request_id");
    lmcf->request_id = ngx_http_get_variable_index(cf, &name);

    return lmcf->request_id == NGX_ERROR ? NGX_ERROR : NGX_OK;
}


static ngx_int_t
ngx_http_llm_variable_name(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_str_t           *name;
    ngx_http_llm_ctx_t  *ctx;

    ctx = ngx_http_llm_get_ctx(r->main);

    if (ctx == NULL) {
        v->not_found = 1;
        return NGX_OK;
    }

    name = (ngx_str_t *) ((u_char *) ctx + data);

    return ngx_http_llm_variable_text(r, v, name->data, name->len);
}


static ngx_int_t
ngx_http_llm_variable_stream(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_http_llm_ctx_t  *ctx;

    ctx = ngx_http_llm_get_ctx(r->main);

    if (ctx == NULL || (!ctx->parsed && ctx->answer == NULL)) {
        v->not_found = 1;
        return NGX_OK;
    }

    return ctx->stream
           ? ngx_http_llm_variable_text(r, v, (u_char *) "true", 4)
           : ngx_http_llm_variable_text(r, v, (u_char *) "false", 5);
}


static ngx_int_t
ngx_http_llm_variable_request(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_str_t  line;

    if (ngx_http_llm_request_line(r->main, &line) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_llm_variable_text(r, v, line.data, line.len);
}


static ngx_int_t
ngx_http_llm_variable_result(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    u_char              *p;
    const char          *name;
    ngx_http_llm_ctx_t  *ctx;

    ctx = ngx_http_llm_get_ctx(r->main);

    /* a request whose body never came whole was not decided */

    if (ctx == NULL
        || (ctx->result == NGX_HTTP_LLM_PASSED
            && (ctx->state < NGX_HTTP_LLM_ADMITTED
                || ctx->state == NGX_HTTP_LLM_REFUSED)))
    {
        v->not_found = 1;
        return NGX_OK;
    }

    name = ngx_http_llm_result_name(ctx->result);

    if (!ctx->dry_refused) {
        return ngx_http_llm_variable_text(r, v, (u_char *) name,
                                          ngx_strlen(name));
    }

    p = ngx_pnalloc(r->pool, ngx_strlen(name) + sizeof("_dry_run") - 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    return ngx_http_llm_variable_text(r, v, p,
                                      ngx_sprintf(p, "%s_dry_run", name) - p);
}


static ngx_int_t
ngx_http_llm_variable_count(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_http_llm_ctx_t  *ctx;

    ctx = ngx_http_llm_settled(r, v);

    if (ctx == NULL) {
        return NGX_OK;
    }

    return ngx_http_llm_variable_number(r, v,
                                        *(int64_t *) ((u_char *) ctx + data));
}


static ngx_int_t
ngx_http_llm_variable_total(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_http_llm_ctx_t  *ctx;

    ctx = ngx_http_llm_settled(r, v);

    if (ctx == NULL) {
        return NGX_OK;
    }

    return ngx_http_llm_variable_number(r, v,
                               llm_sat_add(ctx->settlement.usage.input,
                                           ctx->settlement.usage.output));
}


static ngx_int_t
ngx_http_llm_variable_cache_write(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    llm_usage_t         *usage;
    ngx_http_llm_ctx_t  *ctx;

    ctx = ngx_http_llm_settled(r, v);

    if (ctx == NULL) {
        return NGX_OK;
    }

    usage = &ctx->settlement.usage;

    return ngx_http_llm_variable_number(r, v,
                               llm_sat_add(usage->cache_write_5m,
                                           usage->cache_write_1h));
}


static ngx_int_t
ngx_http_llm_variable_cost(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    ngx_http_llm_ctx_t  *ctx;

    ctx = ngx_http_llm_settled(r, v);

    if (ctx == NULL) {
        return NGX_OK;
    }

    return ngx_http_llm_variable_money(r, v, ctx->settlement.cost);
}


static ngx_int_t
ngx_http_llm_variable_source(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    const char          *name;
    ngx_http_llm_ctx_t  *ctx;

    ctx = ngx_http_llm_settled(r, v);

    if (ctx == NULL) {
        return NGX_OK;
    }

    name = ngx_http_llm_source_name(ctx->settlement.source);

    return ngx_http_llm_variable_text(r, v, (u_char *) name,
                                      ngx_strlen(name));
}


/* Before settlement there is nothing to tell. */

static ngx_http_llm_ctx_t *
ngx_http_llm_settled(ngx_http_request_t *r, ngx_http_variable_value_t *v)
{
    ngx_http_llm_ctx_t  *ctx;

    ctx = ngx_http_llm_get_ctx(r->main);

    if (ctx == NULL || !ctx->settled) {
        v->not_found = 1;
        return NULL;
    }

    return ctx;
}


/* What the team has left now; read from the zone when it is asked for.  What is
   not known yet, because no request of the team needed it since the zone was
   made, is not nothing; while the store is away what the zone has decides. */

static ngx_int_t
ngx_http_llm_variable_standing(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    int                  known;
    int64_t              left;
    llm_zone_t          *z;
    const llm_limit_t   *limit;
    llm_standing_t       s;
    llm_subject_key_t    key;
    ngx_http_llm_ctx_t  *ctx;

    static const llm_limit_t  month = {
        LLM_RESOURCE_COST, 0, LLM_PERIOD(LLM_PERIOD_MONTH, 1), 0
    };

    ctx = ngx_http_llm_get_ctx(r->main);

    if (ctx == NULL || ctx->team.len == 0) {
        v->not_found = 1;
        return NGX_OK;
    }

    switch (data) {

    case NGX_HTTP_LLM_RPM_REMAINING:
        limit = ngx_http_llm_team_limit(ctx, LLM_RESOURCE_REQUESTS);
        break;

    case NGX_HTTP_LLM_TPM_REMAINING:
        limit = ngx_http_llm_team_limit(ctx, LLM_RESOURCE_TOKENS);
        break;

    default:
        limit = ngx_http_llm_team_limit(ctx, LLM_RESOURCE_COST);
    }

    if (limit == NULL) {

        if (data != NGX_HTTP_LLM_SPEND) {
            v->not_found = 1;
            return NGX_OK;
        }

        limit = &month;
    }

    if (llm_zone_key(ctx->quota->zone.zone, &key, LLM_SUBJECT_TEAM,
                     ctx->team.data, ctx->team.len, NULL, 0)
        != 0)
    {
        return NGX_ERROR;
    }

    z = ngx_http_llm_zone_lock(&ctx->quota->zone);

    known = (limit->minute || z->away
             || llm_zone_is_loaded(z, &key, limit->period));
    llm_standing(z, &ctx->quota->zone.clock, &key, limit, &s);

    ngx_http_llm_zone_unlock(&ctx->quota->zone);

    if (!known && data != NGX_HTTP_LLM_BUDGET) {
        v->not_found = 1;
        return NGX_OK;
    }

    left = s.amount > s.used ? s.amount - s.used : 0;

    switch (data) {

    case NGX_HTTP_LLM_SPEND:
        return ngx_http_llm_variable_money(r, v, s.used);

    case NGX_HTTP_LLM_BUDGET:
        return ngx_http_llm_variable_money(r, v, s.amount);

    case NGX_HTTP_LLM_REMAINING:
        return ngx_http_llm_variable_money(r, v, left);

    default:
        return ngx_http_llm_variable_number(r, v, left);
    }
}


/* The team's limit of a kind: of rates the one of a minute, of budgets the
   first. */

static const llm_limit_t *
ngx_http_llm_team_limit(ngx_http_llm_ctx_t *ctx, llm_resource_e resource)
{
    ngx_uint_t        i;
    const llm_row_t  *row;

    row = ngx_http_llm_subject_row(ctx, LLM_SUBJECT_TEAM);

    for (i = 0; row && i < row->nlimits; i++) {
        if (row->limits[i].resource == resource
            && (row->limits[i].minute || resource == LLM_RESOURCE_COST))
        {
            return &row->limits[i];
        }
    }

    return NULL;
}


static ngx_int_t
ngx_http_llm_variable_text(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, const u_char *data, size_t len)
{
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;
    v->len = len;
    v->data = (u_char *) data;

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_variable_number(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, int64_t n)
{
    u_char  *p;

    p = ngx_pnalloc(r->pool, NGX_INT64_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    return ngx_http_llm_variable_text(r, v, p, ngx_sprintf(p, "%L", n) - p);
}


static ngx_int_t
ngx_http_llm_variable_money(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, int64_t nano)
{
    u_char  *p;

    p = ngx_pnalloc(r->pool, LLM_MONEY_BUF);
    if (p == NULL) {
        return NGX_ERROR;
    }

    return ngx_http_llm_variable_text(r, v, p, llm_money_print(p, nano));
}
