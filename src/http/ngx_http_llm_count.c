
/*
 * Copyright (C) the llm_quota authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "llm_series.h"
#include "ngx_http_llm.h"


/* What requests add to the counters that metrics tell. */


_Static_assert(NGX_HTTP_LLM_UNAVAILABLE < LLM_SERIES_RESULTS,
               "a series has too few results");


static ngx_uint_t ngx_http_llm_retries(ngx_http_request_t *r);
static llm_series_t *ngx_http_llm_request_series(ngx_http_llm_ctx_t *ctx);
static llm_series_t *ngx_http_llm_series(ngx_http_llm_quota_t *quota,
    ngx_http_llm_main_conf_t *lmcf, ngx_str_t *team, ngx_str_t *model,
    const ngx_http_llm_rows_t *rows);
static void ngx_http_llm_series_model(ngx_http_llm_main_conf_t *lmcf,
    ngx_str_t *model, const ngx_http_llm_rows_t *rows);


static llm_series_t *
ngx_http_llm_request_series(ngx_http_llm_ctx_t *ctx)
{
    ngx_http_llm_main_conf_t  *lmcf;

    if (ctx->series == NULL) {
        lmcf = ngx_http_get_module_main_conf(ctx->request,
                                             ngx_http_llm_quota_module);

        ctx->series = ngx_http_llm_series(ctx->quota, lmcf, &ctx->team,
                                          &ctx->model,
                                          ctx->conf->rows[LLM_SUBJECT_MODEL]);
    }

    return ctx->series;
}


static llm_series_t *
ngx_http_llm_series(ngx_http_llm_quota_t *quota,
    ngx_http_llm_main_conf_t *lmcf, ngx_str_t *team, ngx_str_t *model,
    const ngx_http_llm_rows_t *rows)
{
    ngx_str_t      name;
    llm_zone_t    *z;
    llm_series_t  *s;

    name = *model;
    ngx_http_llm_series_model(lmcf, &name, rows);

    s = llm_series_find(quota->zone.zone, team->data, team->len, name.data,
                        name.len);

    if (s == NULL) {
        z = ngx_http_llm_zone_lock(&quota->zone);
        s = llm_series_add(z, team->data, team->len, name.data, name.len);
        ngx_http_llm_zone_unlock(&quota->zone);
    }

    return s;
}


/* Clients invent names: a label is one that the configuration knows. */

static void
ngx_http_llm_series_model(ngx_http_llm_main_conf_t *lmcf, ngx_str_t *model,
    const ngx_http_llm_rows_t *rows)
{
    ngx_uint_t                   own;
    const ngx_http_llm_price_t  *price;

    if (model->len == 0) {
        return;
    }

    if (rows && ngx_http_llm_find_row((ngx_http_llm_rows_t *) rows, model,
                                      &own)
        && own)
    {
        return;
    }

    price = ngx_http_llm_catalog_find(lmcf->catalog, model->data, model->len);

    if (price && price->name.len == model->len
        && ngx_memcmp(price->name.data, model->data, model->len) == 0)
    {
        return;
    }

    if (price && price->name.data[price->name.len - 1] != '*') {
        *model = price->name;
        return;
    }

    ngx_str_set(model, LLM_SERIES_OTHER);
}


void
ngx_http_llm_count_request(ngx_http_llm_ctx_t *ctx)
{
    uint64_t      *counters;
    llm_series_t  *s;

    if (!ctx->settled && ctx->result == NGX_HTTP_LLM_PASSED) {

        /* of a free route, or none that was decided about */

        return;
    }

    s = ngx_http_llm_request_series(ctx);

    counters = ctx->dry_refused ? s->dry_run : s->requests;

    llm_count(&counters[ctx->result], 1);

    if (s == llm_zone_series(ctx->quota->zone.zone, 0)) {
        llm_count(&ctx->quota->zone.zone->totals.other, 1);
    }

    llm_count(&ctx->quota->zone.zone->totals.retries,
              ngx_http_llm_retries(ctx->request));
}


/* Of each upstream of a request all attempts but the last.  A state without a
   peer stands between those of two. */

static ngx_uint_t
ngx_http_llm_retries(ngx_http_request_t *r)
{
    ngx_uint_t                  i, n, first;
    ngx_http_upstream_state_t  *states;

    if (r->upstream_states == NULL) {
        return 0;
    }

    states = r->upstream_states->elts;
    first = 1;
    n = 0;

    for (i = 0; i < r->upstream_states->nelts; i++) {
        n += (states[i].peer && !first);
        first = (states[i].peer == NULL);
    }

    return n;
}


void
ngx_http_llm_count_charge(ngx_http_llm_ctx_t *ctx)
{
    if (ctx->settlement.source != LLM_SOURCE_NONE) {
        llm_series_charge(ngx_http_llm_request_series(ctx), &ctx->settlement,
                          ctx->price_id.len == 0);
    }
}


void
ngx_http_llm_count_record(ngx_http_llm_quota_t *quota, llm_index_t i)
{
    ngx_str_t                  team, model;
    ngx_uint_t                 n;
    llm_reservation_t         *r;
    ngx_http_llm_main_conf_t  *lmcf;

    lmcf = ngx_http_llm_worker_conf((ngx_cycle_t *) ngx_cycle);

    if (lmcf == NULL) {
        return;
    }

    r = llm_zone_reservation(quota->zone.zone, i);

    team.data = r->text;
    team.len = r->len[LLM_NAME_TEAM];

    model.data = r->text;
    model.len = r->len[LLM_NAME_MODEL];

    for (n = 0; n < LLM_NAME_MODEL; n++) {
        model.data += r->len[n];
    }

    llm_series_charge(ngx_http_llm_series(quota, lmcf, &team, &model, NULL),
                      &r->settlement,
                      ngx_http_llm_catalog_find(lmcf->catalog, model.data,
                                                model.len)
                      == NULL);
}
