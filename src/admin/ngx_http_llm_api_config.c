
/*
 * Copyright (C) the llm_quota authors
 */


#include "ngx_http_llm_api_calls.h"
#include "ngx_http_llm_limits.h"
#include "llm_money.h"


/* Teams that nobody made here and the configuration names: they are shown, and
   can be overridden by /team/new, but not changed. */


static json_t *ngx_http_llm_config_limits(const ngx_http_llm_limits_t *limits,
    const llm_row_t *models);
static void ngx_http_llm_config_models(void *data, const llm_row_t *row);
static json_t *ngx_http_llm_config_names(const llm_row_t *row);
static void ngx_http_llm_config_budget(json_t *doc, const llm_limit_t *limit);
static json_t *ngx_http_llm_config_money(int64_t nano);
static json_t *ngx_http_llm_config_period(llm_period_t period);


ngx_uint_t
ngx_http_llm_call_configured(ngx_http_llm_call_t *call, const ngx_str_t *id,
    ngx_str_t *place)
{
    ngx_str_t                   name;
    ngx_uint_t                  i;
    ngx_http_llm_admin_zone_t  *zone;

    zone = &call->api->admin.zone;

    for (i = 0; zone->team(zone->data, i, &name, place); i++) {
        if (name.len == id->len
            && ngx_memcmp(name.data, id->data, id->len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


ngx_int_t
ngx_http_llm_call_configured_at(ngx_http_llm_call_t *call, ngx_uint_t i,
    ngx_str_t *id, ngx_str_t *place)
{
    llm_zone_t                 *z;
    llm_entity_state_e          state;
    ngx_http_llm_admin_zone_t  *zone;

    static llm_record_t         record;

    zone = &call->api->admin.zone;

    if (!zone->team(zone->data, i, id, place)) {
        return NGX_DONE;
    }

    z = ngx_http_llm_zone_lock(zone->zone);
    state = llm_entity_get(z, LLM_ENTITY_TEAM, id->data, id->len, &record);
    ngx_http_llm_zone_unlock(zone->zone);

    return state == LLM_ENTITY_LIVE ? NGX_DECLINED : NGX_OK;
}


json_t *
ngx_http_llm_call_config(ngx_http_llm_call_t *call, const ngx_str_t *id,
    const ngx_str_t *place)
{
    json_t                     *doc;
    llm_row_t                   models;
    ngx_http_llm_limits_t       limits;
    ngx_http_llm_admin_zone_t  *zone;

    zone = &call->api->admin.zone;
    models.models = NULL;

    ngx_http_llm_limits_of(zone, LLM_SUBJECT_TEAM, id->data, id->len,
                           &limits);

    zone->rows(zone->rows_data, LLM_SUBJECT_TEAM, id->data, id->len,
               ngx_http_llm_config_models, &models);

    doc = ngx_http_llm_call_keep(call, ngx_http_llm_config_limits(&limits,
                                                                  &models));

    if (doc == NULL) {
        ngx_http_llm_call_end(call, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return NULL;
    }

    (void) json_object_set_new(doc, "team_id",
                               json_stringn((char *) id->data, id->len));
    (void) json_object_set_new(doc, "source", json_string("config"));
    (void) json_object_set_new(doc, "config",
                               json_stringn((char *) place->data, place->len));

    return doc;
}


/* The members that LiteLLM has for them; of several budgets the first comes to
   the places of the one. */

static json_t *
ngx_http_llm_config_limits(const ngx_http_llm_limits_t *limits,
    const llm_row_t *models)
{
    json_t             *doc;
    ngx_uint_t          i;
    const char         *name;
    const llm_limit_t  *limit;

    doc = json_object();

    for (i = 0; i < limits->n; i++) {
        limit = &limits->limits[i];

        if (limit->resource == LLM_RESOURCE_COST) {
            ngx_http_llm_config_budget(doc, limit);
            continue;
        }

        name = limit->resource == LLM_RESOURCE_PARALLEL
               ? "max_parallel_requests"
               : !limit->minute ? NULL
               : limit->resource == LLM_RESOURCE_REQUESTS ? "rpm_limit"
               : limit->resource == LLM_RESOURCE_TOKENS ? "tpm_limit" : NULL;

        if (name) {
            (void) json_object_set_new(doc, name, json_integer(limit->amount));
        }
    }

    if (models->models) {
        (void) json_object_set_new(doc, "models",
                                   ngx_http_llm_config_names(models));
    }

    return doc;
}


static void
ngx_http_llm_config_models(void *data, const llm_row_t *row)
{
    llm_row_t *models = data;

    if (models->models == NULL) {
        models->models = row->models;
        models->models_len = row->models_len;
    }
}


/* Groups have no @ here. */

static json_t *
ngx_http_llm_config_names(const llm_row_t *row)
{
    json_t         *names;
    const u_char   *next;
    llm_pattern_t   pattern;
    const u_char   *name;
    size_t          len;

    names = json_array();

    for (next = row->models; next; /* void */ ) {

        name = next;

        if (llm_pattern_next(&next, row->models + row->models_len, &pattern)
            != 0)
        {
            break;
        }

        len = (next ? next - 1 : row->models + row->models_len) - name;

        if (pattern.group) {
            name++;
            len--;
        }

        (void) json_array_append_new(names, json_stringn((char *) name, len));
    }

    return names;
}


static void
ngx_http_llm_config_budget(json_t *doc, const llm_limit_t *limit)
{
    json_t  *budgets, *window;

    if (json_object_get(doc, "max_budget") == NULL) {
        (void) json_object_set_new(doc, "max_budget",
                                   ngx_http_llm_config_money(limit->amount));
        (void) json_object_set_new(doc, "budget_duration",
                                   ngx_http_llm_config_period(limit->period));
        return;
    }

    budgets = json_object_get(doc, "budget_limits");

    if (budgets == NULL) {
        budgets = json_array();
        (void) json_object_set_new(doc, "budget_limits", budgets);
    }

    window = json_object();

    (void) json_object_set_new(window, "max_budget",
                               ngx_http_llm_config_money(limit->amount));
    (void) json_object_set_new(window, "budget_duration",
                               ngx_http_llm_config_period(limit->period));
    (void) json_array_append_new(budgets, window);
}


static json_t *
ngx_http_llm_config_money(int64_t nano)
{
    u_char  buf[LLM_MONEY_BUF];

    return json_loadb((char *) buf, llm_money_print(buf, nano),
                      JSON_DECODE_ANY, NULL);
}


/* As LiteLLM writes them. */

static json_t *
ngx_http_llm_config_period(llm_period_t period)
{
    const char  *fmt;

    switch (LLM_PERIOD_KIND(period)) {

    case LLM_PERIOD_FOREVER:
        return json_null();

    case LLM_PERIOD_SECONDS:
        fmt = "%us";
        break;

    case LLM_PERIOD_DAYS:
        fmt = "%ud";
        break;

    case LLM_PERIOD_WEEK:
        fmt = "%uw";
        break;

    default: /* LLM_PERIOD_MONTH */
        fmt = "%umo";
    }

    return json_sprintf(fmt, (unsigned) LLM_PERIOD_N(period));
}
