
/*
 * Copyright (C) the llm_quota authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "llm_claim.h"
#include "llm_others.h"
#include "ngx_http_llm.h"


/*
 * A request is settled exactly once, whatever ends it: here, when the whole
 * answer has passed; else in the log phase, which every request reaches; else
 * when its pool goes; else when the worker exits.  The state says whether it
 * was, and the reservation's id in the zone says so again.
 */


static void ngx_http_llm_learn(ngx_http_llm_ctx_t *ctx, llm_estimate_t *e);
static ngx_uint_t ngx_http_llm_is_opaque_call(ngx_http_llm_ctx_t *ctx);
static void ngx_http_llm_charge_answer(ngx_http_llm_ctx_t *ctx);
static uint64_t ngx_http_llm_text_bytes(ngx_http_llm_ctx_t *ctx);
static void ngx_http_llm_charge_unanswered(ngx_http_llm_ctx_t *ctx);
static void ngx_http_llm_charge_price(ngx_http_llm_ctx_t *ctx);
static void ngx_http_llm_charge_sides(ngx_http_llm_ctx_t *ctx,
    const ngx_http_llm_price_t *answers, llm_tier_e tier);
static ngx_str_t ngx_http_llm_charge_name(const u_char *data, size_t len);
static ngx_int_t ngx_http_llm_start_state(ngx_http_llm_quota_t *quota,
    ngx_cycle_t *cycle);


#define NGX_HTTP_LLM_STORE_TIMEOUT  1000     /* ms that it waits for others */


/* of a process that has no slot in the zone */

static llm_worker_t  ngx_http_llm_slotless;

static const char  *ngx_http_llm_sources[] = {
    "none", "pending", "upstream", "estimated"
};


const char *
ngx_http_llm_source_name(llm_source_e source)
{
    return ngx_http_llm_sources[source];
}


void
ngx_http_llm_settle(ngx_http_llm_ctx_t *ctx)
{
    int                    settled;
    llm_zone_t            *z;
    llm_index_t            gone;
    llm_charge_e           charge;
    ngx_http_llm_quota_t  *quota;

    if (ctx->poll) {
        ngx_http_llm_settle_poll(ctx);
        return;
    }

    if (!ctx->reserved) {
        return;
    }

    ctx->reserved = 0;
    ngx_queue_remove(&ctx->queue);

    quota = ctx->quota;

    ngx_http_llm_charge(ctx);

    if (ctx->state != NGX_HTTP_LLM_REFUSED) {
        ctx->state = NGX_HTTP_LLM_SETTLED;
    }

    ctx->settled = 1;
    charge = ctx->charge;

    ngx_http_llm_warn_answer(ctx);

    gone = LLM_NONE;

    z = ngx_http_llm_zone_lock(&quota->zone);

    if (ctx->settlement.source == LLM_SOURCE_PENDING) {
        settled = ngx_http_llm_settle_pending(ctx, z, &gone);

    } else {
        settled = llm_settle(z, &quota->zone.clock, ctx->verdict.reservation,
                             ctx->verdict.id, &ctx->settlement);
    }

    if (settled && charge == LLM_CHARGE_EXACT && ctx->parsed) {
        ngx_http_llm_learn(ctx, llm_zone_estimate(z, ctx->model.data,
                                                  ctx->model.len, 1));
    }

    if (settled && quota->state == NULL) {
        llm_zone_free_reservation(z, ctx->verdict.reservation);
    }

    ngx_http_llm_zone_unlock(&quota->zone);

    if (settled) {
        ngx_http_llm_count_charge(ctx);
    }

    if (settled && quota->state) {
        ngx_http_llm_write_line(ctx);
    }

    if (gone != LLM_NONE) {
        ngx_http_llm_crowded(ctx, gone);
    }
}


void
ngx_http_llm_warn_answer(ngx_http_llm_ctx_t *ctx)
{
    if (ctx->answer == NULL) {
        return;
    }

    if (llm_answer_anomaly(ctx->answer)) {
        ngx_log_error(NGX_LOG_WARN, ctx->request->connection->log, 0,
                      "llm_quota: the upstream states usage that cannot be, "
                      "model: \"%V\", request_id: %V", &ctx->model,
                      &ctx->request_id);
    }

    if (llm_answer_damaged(ctx->answer)) {
        ngx_log_error(NGX_LOG_WARN, ctx->request->connection->log, 0,
                      "llm_quota: the upstream's event stream is damaged, "
                      "model: \"%V\", request_id: %V", &ctx->model,
                      &ctx->request_id);
    }
}


static void
ngx_http_llm_learn(ngx_http_llm_ctx_t *ctx, llm_estimate_t *e)
{
    llm_observation_t  seen;

    seen.body = ctx->body_bytes;
    seen.encoded = ctx->encoded_bytes;
    seen.input = ctx->settlement.usage.input;
    seen.text = llm_answer_text_bytes(ctx->answer) / ctx->choices;
    seen.output = ctx->settlement.usage.output / ctx->choices;
    seen.form = ctx->form;

    llm_estimate_learn(e, &seen);
}


void
ngx_http_llm_charge(ngx_http_llm_ctx_t *ctx)
{
    ngx_time_t          *tp;
    llm_settlement_t    *s;
    ngx_http_request_t  *r;

    r = ctx->request;
    s = &ctx->settlement;

    ngx_memzero(s, sizeof(llm_settlement_t));
    s->usage.cost = -1;

    tp = ngx_timeofday();

    s->timestamp = (int64_t) tp->sec * 1000 + tp->msec;
    s->duration = (ngx_msec_int_t) (ngx_current_msec - ctx->started);
    s->status = r->err_status ? r->err_status : r->headers_out.status;
    s->stream = ctx->stream;
    s->source = LLM_SOURCE_NONE;

    ctx->charge = LLM_CHARGE_NONE;

    if (ctx->answer) {
        ngx_http_llm_charge_answer(ctx);

    } else if (ctx->conf->charge_unanswered) {
        ngx_http_llm_charge_unanswered(ctx);
    }

    s->window_input = ctx->conf->count_cached
                      ? s->usage.input
                      : s->usage.input - s->usage.cached_read;

    if (s->source == LLM_SOURCE_UPSTREAM
        || s->source == LLM_SOURCE_ESTIMATED
        || ngx_http_llm_is_opaque_call(ctx))
    {
        ngx_http_llm_charge_price(ctx);
    }
}


/* What cannot be read costs at least its price for a request. */

static ngx_uint_t
ngx_http_llm_is_opaque_call(ngx_http_llm_ctx_t *ctx)
{
    return ctx->route.class == LLM_ROUTE_OPAQUE
           && (ctx->answer
               || ctx->settlement.status == NGX_HTTP_SWITCHING_PROTOCOLS);
}


static void
ngx_http_llm_charge_answer(ngx_http_llm_ctx_t *ctx)
{
    int64_t                   output;
    unsigned                  lacks;
    llm_usage_t              *usage;
    const llm_answer_id_t    *id;
    const llm_answer_name_t  *model;

    usage = &ctx->settlement.usage;

    ngx_http_llm_decode_end(ctx);

    if (!ctx->readable) {
        llm_answer_forget(ctx->answer);
    }

    ctx->charge = llm_answer_end(ctx->answer, ctx->complete, usage);

    id = llm_answer_id(ctx->answer);
    model = llm_answer_model(ctx->answer);

    ctx->response_model = ngx_http_llm_charge_name(model->data, model->len);
    ctx->upstream_id = ngx_http_llm_charge_name(id->data, id->len);

    /* of a route that cannot be read only what it states is known */

    if (ctx->route.class == LLM_ROUTE_OPAQUE
        && ctx->charge == LLM_CHARGE_ESTIMATE)
    {
        ctx->charge = LLM_CHARGE_NONE;
    }

    if (ngx_http_llm_is_pending(ctx)) {
        ctx->settlement.source = LLM_SOURCE_PENDING;
        ctx->charge = LLM_CHARGE_NONE;
    }

    switch (ctx->charge) {

    case LLM_CHARGE_NONE:
        return;

    case LLM_CHARGE_EXACT:
        ctx->settlement.source = LLM_SOURCE_UPSTREAM;
        return;

    case LLM_CHARGE_PARTIAL:
        lacks = llm_answer_lacks(ctx->answer);
        break;

    default: /* LLM_CHARGE_ESTIMATE */
        usage->images = ctx->choices;
        lacks = LLM_LACKS_INPUT|LLM_LACKS_OUTPUT;
        break;
    }

    ctx->settlement.source = LLM_SOURCE_ESTIMATED;

    if (lacks & LLM_LACKS_INPUT) {
        usage->input = ctx->expected_input;
    }

    if (!(lacks & LLM_LACKS_OUTPUT)) {
        return;
    }

    if (!ctx->readable) {
        output = ctx->expected_output;

    } else {
        output = llm_estimate_text(llm_zone_estimate(ctx->quota->zone.zone,
                                                     ctx->model.data,
                                                     ctx->model.len, 0),
                                   ngx_http_llm_text_bytes(ctx));
    }

    output = ngx_min(output, ctx->most_output);

    if (output > usage->output) {
        usage->output = output;
    }
}


/* A transcript that was asked for as text or as subtitles is nothing but
   text. */

static uint64_t
ngx_http_llm_text_bytes(ngx_http_llm_ctx_t *ctx)
{
    uint64_t     bytes;
    ngx_str_t   *type;
    ngx_uint_t   i;

    static ngx_str_t  types[] = {
        ngx_string("text/plain"),
        ngx_string("text/vtt"),
        ngx_string("text/srt"),
        ngx_string("application/x-subrip")
    };

    bytes = llm_answer_text_bytes(ctx->answer);

    if (bytes || ctx->route.api != LLM_API_FORM) {
        return bytes;
    }

    type = &ctx->request->headers_out.content_type;

    for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {

        if (type->len >= types[i].len
            && ngx_strncasecmp(type->data, types[i].data, types[i].len) == 0)
        {
            return llm_answer_bytes(ctx->answer);
        }
    }

    return 0;
}


/*
 * The whole request went to an upstream, and the client left, or the wait
 * ended, before an answer began: the provider has read the input.  A 504 that
 * the upstream itself answered has a header.
 */

static void
ngx_http_llm_charge_unanswered(ngx_http_llm_ctx_t *ctx)
{
    ngx_http_upstream_t  *u;

    u = ctx->request->upstream;

    if (u == NULL || !u->request_sent || !u->request_body_sent
        || (ctx->settlement.status != NGX_HTTP_CLIENT_CLOSED_REQUEST
            && ctx->settlement.status != NGX_HTTP_GATEWAY_TIME_OUT)
        || u->state->header_time != (ngx_msec_t) -1)
    {
        return;
    }

    ctx->settlement.usage.input = ctx->expected_input;
    ctx->settlement.source = LLM_SOURCE_ESTIMATED;
}


/* The price of the model that answered, else of the one asked for; what the
   upstream says it cost only where no price is known. */

static void
ngx_http_llm_charge_price(ngx_http_llm_ctx_t *ctx)
{
    llm_tier_e                   tier;
    llm_usage_t                 *usage;
    const ngx_http_llm_price_t  *price;

    usage = &ctx->settlement.usage;
    price = NULL;

    /* the request asks for a tier, the answer says which it was */

    tier = ctx->answer ? llm_answer_tier(ctx->answer) : ctx->tier;

    if (ctx->response_model.len) {
        price = ngx_http_llm_find_price(ctx, &ctx->response_model);
    }

    if (price == NULL) {
        price = ctx->price;
    }

    if (price) {
        ctx->price_id = price->name;
        ctx->settlement.cost = llm_price_charge(&price->price, usage, tier);

    } else if (usage->cost > 0) {

        /* it has what other models did in it */

        ctx->settlement.cost = usage->cost;
        return;
    }

    if (usage->side_input || usage->side_output) {
        ngx_http_llm_charge_sides(ctx, price, tier);
    }
}


/* What other models did for this answer: at their prices, where these are
   known, else at that of the model that answered. */

static void
ngx_http_llm_charge_sides(ngx_http_llm_ctx_t *ctx,
    const ngx_http_llm_price_t *answers, llm_tier_e tier)
{
    int64_t                      cost;
    ngx_str_t                    model;
    llm_side_e                   side;
    llm_usage_t                  usage;
    const llm_answer_name_t     *name;
    const ngx_http_llm_price_t  *price;

    for (side = 0; side < LLM_SIDES; side++) {

        if (!llm_answer_side(ctx->answer, side, &usage, &name)) {
            continue;
        }

        price = NULL;

        if (name->len) {
            model = ngx_http_llm_charge_name(name->data, name->len);
            price = ngx_http_llm_find_price(ctx, &model);
        }

        if (price == NULL) {
            price = answers;
        }

        if (price) {
            cost = llm_price_charge(&price->price, &usage, tier);
            ctx->settlement.cost = llm_sat_add(ctx->settlement.cost, cost);
        }
    }
}


/* The answer lives as long as the request. */

static ngx_str_t
ngx_http_llm_charge_name(const u_char *data, size_t len)
{
    ngx_str_t  name;

    name.data = (u_char *) data;
    name.len = len;

    return name;
}


ngx_int_t
ngx_http_llm_log_handler(ngx_http_request_t *r)
{
    ngx_http_llm_ctx_t  *ctx;

    ctx = ngx_http_llm_get_ctx(r);

    if (ctx) {
        ngx_http_llm_settle(ctx);
        ngx_http_llm_count_request(ctx);
    }

    return NGX_OK;
}


void
ngx_http_llm_cleanup(void *data)
{
    ngx_http_llm_wait_cancel(data);
    ngx_http_llm_settle(data);
    ngx_http_llm_free_ctx(data);
}


ngx_int_t
ngx_http_llm_init_worker(ngx_cycle_t *cycle)
{
    ngx_uint_t                  i;
    ngx_http_llm_quota_t      **quotas;
    ngx_http_llm_main_conf_t   *lmcf;

    lmcf = ngx_http_llm_worker_conf(cycle);

    if (lmcf == NULL) {
        return NGX_OK;
    }

    quotas = lmcf->quotas.elts;

    for (i = 0; i < lmcf->quotas.nelts; i++) {
        if (ngx_http_llm_start_quota(quotas[i], cycle) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


ngx_http_llm_main_conf_t *
ngx_http_llm_worker_conf(ngx_cycle_t *cycle)
{
    if (ngx_process != NGX_PROCESS_WORKER && ngx_process != NGX_PROCESS_SINGLE)
    {
        return NULL;
    }

    return ngx_http_cycle_get_module_main_conf(cycle,
                                               ngx_http_llm_quota_module);
}


ngx_int_t
ngx_http_llm_start_quota(ngx_http_llm_quota_t *quota, ngx_cycle_t *cycle)
{
    quota->started = 1;

    ngx_queue_init(&quota->open);
    ngx_http_llm_zone_init_worker(&quota->zone, cycle->log);

    if (quota->state && ngx_http_llm_start_state(quota, cycle) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_process == NGX_PROCESS_WORKER && ngx_worker != 0) {
        return NGX_OK;
    }

    return ngx_http_llm_lead(quota, cycle);
}


static ngx_int_t
ngx_http_llm_start_state(ngx_http_llm_quota_t *quota, ngx_cycle_t *cycle)
{
    llm_zone_t        *z;
    llm_worker_t      *slot;
    llm_store_conf_t   conf;

    if (ngx_array_init(&quota->unwritten, cycle->pool, 64,
                       sizeof(llm_index_t))
        != NGX_OK
        || ngx_array_init(&quota->kept, cycle->pool, 64,
                          sizeof(ngx_http_llm_kept_t))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    z = ngx_http_llm_zone_lock(&quota->zone);

    /* what was settled before never comes there */

    if (!z->stored && z->number) {
        z->unstored = 1;
    }

    z->stored = 1;
    llm_others_start(z, quota->redis != NULL);
    llm_claim_start(z, (quota->redis && quota->redis->strict) ? quota->sync
                                                              : 0);

    ngx_http_llm_zone_unlock(&quota->zone);

    ngx_http_llm_wait_start(quota, cycle->log);

    ngx_memzero(&conf, sizeof(llm_store_conf_t));

    conf.directory = (char *) quota->ledger.directory.data;
    conf.local = quota->zone.clock.calendar.local;
    conf.timeout = NGX_HTTP_LLM_STORE_TIMEOUT;

    if (ngx_http_llm_store_init(&quota->store, &conf) != NGX_OK) {
        return NGX_ERROR;
    }

    if (quota->redis
        && ngx_http_llm_store_share(&quota->store, &quota->redis->peer,
                                    &quota->redis->prefix, cycle)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_http_llm_entities_load(quota, cycle->log);

    slot = (quota->zone.worker == LLM_NONE)
           ? &ngx_http_llm_slotless : &z->workers[quota->zone.worker];

    quota->ledger.newest = &z->segment;
    quota->ledger.written = &z->totals.ledger_bytes;
    quota->ledger.failures = &z->totals.ledger_errors;
    quota->ledger.writing = &slot->writing;
    quota->ledger.stuck = &slot->failing;
    quota->ledger.handler = ngx_http_llm_lines_written;
    quota->ledger.data = quota;

    return ngx_http_llm_ledger_init(&quota->ledger, z->created, z->epoch,
                                    cycle);
}


/* A worker that is told to stop at once closes no requests: what they hold is
   settled with what was seen. */

void
ngx_http_llm_exit_worker(ngx_cycle_t *cycle)
{
    ngx_uint_t                  i;
    ngx_queue_t                *q;
    ngx_http_llm_quota_t      **quotas;
    ngx_http_llm_main_conf_t   *lmcf;

    lmcf = ngx_http_llm_worker_conf(cycle);

    if (lmcf == NULL) {
        return;
    }

    quotas = lmcf->quotas.elts;

    for (i = 0; i < lmcf->quotas.nelts; i++) {

        if (!quotas[i]->started) {
            continue;
        }

        while (!ngx_queue_empty(&quotas[i]->open)) {
            q = ngx_queue_head(&quotas[i]->open);
            ngx_http_llm_settle(ngx_queue_data(q, ngx_http_llm_ctx_t, queue));
        }

        if (quotas[i]->state) {
            ngx_http_llm_lead_end(quotas[i]);
            ngx_http_llm_ledger_close(&quotas[i]->ledger);
            ngx_http_llm_forget_kept(quotas[i]);

            ngx_http_llm_wait_exit(quotas[i]);
            (void) ngx_http_llm_store_drain(&quotas[i]->store);
            ngx_http_llm_store_close(&quotas[i]->store);
        }
    }

    ngx_http_llm_free_all_ctxs();
    ngx_http_llm_digest_done();
}
