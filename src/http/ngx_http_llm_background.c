
/*
 * Copyright (C) the llm_quota authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_llm.h"


/*
 * Answers that are made in the background.  The request that asks for one ends
 * before it is known what the answer uses, and leaves a record in the zone
 * (llm_pending.h).  Requests that ask about it are free; the first whose
 * answer says what was used charges those who asked for it.
 */


static ngx_int_t ngx_http_llm_pending_id(ngx_http_llm_ctx_t *ctx,
    const u_char *name, size_t len);
static ngx_uint_t ngx_http_llm_is_final(ngx_http_llm_ctx_t *ctx);


/* IDs that are too long for a record are known by their digest. */

static ngx_int_t
ngx_http_llm_pending_id(ngx_http_llm_ctx_t *ctx, const u_char *name,
    size_t len)
{
    u_char     *p, digest[LLM_KEY_DIGEST];
    ngx_str_t  *id;

    id = &ctx->pending_id;

    if (len <= LLM_PENDING_ID) {
        id->data = (u_char *) name;
        id->len = len;

        return NGX_OK;
    }

    if (ngx_http_llm_digest(digest, name, len) != NGX_OK) {
        return NGX_ERROR;
    }

    p = ngx_pnalloc(ctx->request->pool, sizeof("sha256:") - 1 + 64);
    if (p == NULL) {
        return NGX_ERROR;
    }

    id->data = p;

    p = ngx_cpymem(p, "sha256:", sizeof("sha256:") - 1);
    p = ngx_hex_dump(p, digest, 32);

    id->len = p - id->data;

    return NGX_OK;
}


ngx_int_t
ngx_http_llm_poll(ngx_http_llm_ctx_t *ctx, ngx_uint_t blind)
{
    uint32_t        i;
    u_char         *model;
    llm_zone_t     *z;
    llm_index_t     index;
    llm_pending_t   record;

    if (ctx->found) {
        return NGX_OK;
    }

    z = ctx->quota->zone.zone;

    /* most zones never have one */

    if ((z->pending_next == 0
         && (ctx->quota->state == NULL || !llm_pending_elsewhere(z)))
        || ngx_http_llm_pending_id(ctx, ctx->route.id, ctx->route.id_len)
           != NGX_OK)
    {
        return NGX_DECLINED;
    }

    record.state = LLM_PENDING_FREE;

    z = ngx_http_llm_zone_lock(&ctx->quota->zone);

    index = llm_pending_find(z, ctx->pending_id.data, ctx->pending_id.len);

    if (index != LLM_NONE) {
        record = *llm_zone_pending(z, index);
    }

    ngx_http_llm_zone_unlock(&ctx->quota->zone);

    switch (record.state) {

    case LLM_PENDING_OPEN:
        break;

    case LLM_PENDING_FREE:

        if (!blind && ctx->quota->state && llm_pending_elsewhere(z)) {
            return ngx_http_llm_find(ctx);
        }

        /* fall through */

    default: /* LLM_PENDING_CHARGED */
        return NGX_DECLINED;
    }

    model = record.text;

    for (i = 0; i < LLM_NAME_MODEL; i++) {
        model += record.len[i];
    }

    ctx->pending = index;
    ctx->pending_of = record.of;

    return ngx_http_llm_poll_as(ctx, model, record.len[LLM_NAME_MODEL],
                                record.tier,
                                record.expected[LLM_COUNT_INPUT],
                                record.expected[LLM_COUNT_OUTPUT]);
}


/* What the answer is charged by. */

ngx_int_t
ngx_http_llm_poll_as(ngx_http_llm_ctx_t *ctx, const u_char *name, size_t len,
    llm_tier_e tier, int64_t input, int64_t output)
{
    ngx_str_t  model;

    model.data = (u_char *) name;
    model.len = len;

    model.data = ngx_pstrdup(ctx->request->pool, &model);
    if (model.data == NULL) {
        return NGX_DECLINED;
    }

    ctx->model = model;
    ctx->price = ngx_http_llm_find_price(ctx, &ctx->model);
    ctx->tier = tier;
    ctx->expected_input = input;
    ctx->expected_output = output;
    ctx->poll = 1;

    return NGX_OK;
}


/* A stream that is cut goes on at the provider, where it was asked for in the
   background; it can be asked about. */

ngx_uint_t
ngx_http_llm_is_pending(ngx_http_llm_ctx_t *ctx)
{
    if (!ctx->route.later
        || !ctx->readable
        || ctx->upstream_id.len == 0
        || llm_answer_status(ctx->answer) != LLM_STATUS_RUNNING)
    {
        return 0;
    }

    if (!ctx->background && ctx->charge != LLM_CHARGE_NONE) {
        return 0;
    }

    return ngx_http_llm_pending_id(ctx, ctx->upstream_id.data,
                                   ctx->upstream_id.len)
           == NGX_OK;
}


int
ngx_http_llm_settle_pending(ngx_http_llm_ctx_t *ctx, llm_zone_t *z,
    llm_index_t *gone)
{
    return llm_pending_settle(z, &ctx->quota->zone.clock,
                              ctx->verdict.reservation, ctx->verdict.id,
                              ctx->pending_id.data, ctx->pending_id.len,
                              ctx->tier, &ctx->settlement, gone);
}


/* Once a minute it is told. */

void
ngx_http_llm_crowded(ngx_http_llm_ctx_t *ctx, llm_index_t gone)
{
    ngx_http_llm_quota_t  *quota;

    quota = ctx->quota;

    ngx_http_llm_write_charge(quota, gone, NULL);

    if (!ngx_http_llm_is_due(&quota->crowded)) {
        return;
    }

    ngx_log_error(NGX_LOG_WARN, ctx->request->connection->log, 0,
                  "llm_quota zone \"%V\" has no room for more than %uD "
                  "answers made in the background, the oldest are charged "
                  "what was expected of them: make it larger",
                  &quota->name, quota->zone.zone->npendings);
}


void
ngx_http_llm_settle_poll(ngx_http_llm_ctx_t *ctx)
{
    llm_line_t             answer;
    llm_zone_t            *z;
    llm_index_t            i;
    ngx_http_llm_quota_t  *quota;

    ctx->poll = 0;
    ctx->state = NGX_HTTP_LLM_SETTLED;

    quota = ctx->quota;

    if (ctx->answer == NULL) {
        return;
    }

    ngx_http_llm_charge(ctx);
    ngx_http_llm_warn_answer(ctx);

    if (!ngx_http_llm_is_final(ctx)) {
        return;
    }

    if (ctx->found) {
        ngx_http_llm_find_see(ctx);
        return;
    }

    z = ngx_http_llm_zone_lock(&quota->zone);

    i = llm_pending_charge(z, &quota->zone.clock, ctx->pending,
                           ctx->pending_of, quota->zone.worker,
                           &ctx->settlement);

    ngx_http_llm_zone_unlock(&quota->zone);

    if (i != LLM_NONE) {
        ngx_http_llm_answer_line(ctx, &answer);
        ngx_http_llm_write_charge(quota, i, &answer);
    }
}


/*
 * What failed or was cancelled may have used nothing, an answer that does not
 * say how far it is must say what was used, and so must one that was not seen
 * to its end.
 */

static ngx_uint_t
ngx_http_llm_is_final(ngx_http_llm_ctx_t *ctx)
{
    if (!ctx->readable) {
        return 0;
    }

    switch (llm_answer_status(ctx->answer)) {

    case LLM_STATUS_RUNNING:
        return 0;

    case LLM_STATUS_NONE:
        return ctx->charge == LLM_CHARGE_EXACT;

    default: /* LLM_STATUS_DONE, LLM_STATUS_ENDED */
        return ctx->complete || ctx->charge == LLM_CHARGE_EXACT;
    }
}


void
ngx_http_llm_sweep_pending(void *data)
{
    ngx_http_llm_quota_t *quota = data;

    llm_zone_t   *z;
    ngx_time_t   *tp;
    llm_index_t   i;

    z = quota->zone.zone;
    tp = ngx_timeofday();

    while (z->pending_kept != z->pending_next) {

        z = ngx_http_llm_zone_lock(&quota->zone);
        i = llm_pending_sweep(z, &quota->zone.clock, quota->zone.worker,
                              (int64_t) tp->sec * 1000 + tp->msec);
        ngx_http_llm_zone_unlock(&quota->zone);

        if (i == LLM_NONE) {
            break;
        }

        ngx_http_llm_write_charge(quota, i, NULL);
    }
}


void
ngx_http_llm_write_charge(ngx_http_llm_quota_t *quota, llm_index_t i,
    const llm_line_t *answer)
{
    llm_zone_t  *z;

    ngx_http_llm_count_record(quota, i);

    if (quota->state) {
        ngx_http_llm_write_record(quota, i, answer);
        return;
    }

    z = ngx_http_llm_zone_lock(&quota->zone);
    llm_zone_free_reservation(z, i);
    ngx_http_llm_zone_unlock(&quota->zone);
}
