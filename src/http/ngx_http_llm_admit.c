
/*
 * Copyright (C) the llm_quota authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "llm_evict.h"
#include "ngx_http_llm.h"


static ngx_uint_t ngx_http_llm_early_budgets(ngx_http_llm_ctx_t *ctx);
static ngx_int_t ngx_http_llm_reach(ngx_http_llm_ctx_t *ctx,
    const llm_ask_t *ask);
static ngx_int_t ngx_http_llm_ask(ngx_http_llm_ctx_t *ctx, llm_ask_t *ask,
    ngx_http_llm_bearing_t *bearing);
static ngx_int_t ngx_http_llm_ask_subject(ngx_http_llm_ctx_t *ctx,
    llm_ask_t *ask, ngx_http_llm_bearing_t *bearing, llm_subject_type_e type);
static void ngx_http_llm_ask_present(ngx_http_llm_ctx_t *ctx, llm_ask_t *ask);
static void ngx_http_llm_ask_name(llm_ask_t *ask, llm_name_e name,
    ngx_str_t *value);
static ngx_int_t ngx_http_llm_reserve(ngx_http_llm_ctx_t *ctx,
    llm_ask_t *ask);
static ngx_int_t ngx_http_llm_reserve_later(ngx_http_llm_ctx_t *ctx,
    llm_ask_t *ask);
static ngx_int_t ngx_http_llm_reserve_blind(ngx_http_llm_ctx_t *ctx,
    llm_ask_t *ask);
static ngx_uint_t ngx_http_llm_ask_is_limited(const llm_ask_t *ask);
static ngx_uint_t ngx_http_llm_ask_known(ngx_http_llm_ctx_t *ctx,
    llm_ask_t *ask, llm_zone_t *z, ngx_uint_t known);
static void ngx_http_llm_log_full(ngx_http_llm_ctx_t *ctx);
static void ngx_http_llm_log_blind(ngx_http_llm_ctx_t *ctx);
static ngx_int_t ngx_http_llm_refuse_limit(ngx_http_llm_ctx_t *ctx);
static void ngx_http_llm_log_passed(ngx_http_llm_ctx_t *ctx);


/* used within one call: a worker needs one */

static llm_ask_t  ngx_http_llm_asked;


ngx_int_t
ngx_http_llm_admit_early(ngx_http_llm_ctx_t *ctx)
{
    llm_ask_t               *ask;
    llm_zone_t              *z;
    ngx_uint_t               budgets;
    ngx_http_llm_bearing_t   bearing;

    ask = &ngx_http_llm_asked;

    if (ngx_http_llm_ask(ctx, ask, &bearing) != NGX_OK) {
        return NGX_ERROR;
    }

    budgets = ngx_http_llm_early_budgets(ctx);

    /* whoever is refused without what is not known yet is refused with it */

    ask->blind = 1;

    z = ngx_http_llm_zone_lock(&ctx->quota->zone);
    llm_admit_early(z, &ctx->quota->zone.clock, ask, budgets, &ctx->verdict);
    ngx_http_llm_zone_unlock(&ctx->quota->zone);

    ctx->looked = (ctx->verdict.decision != LLM_ADMITTED);

    if (ctx->verdict.decision == LLM_ADMITTED || ctx->conf->dry_run) {
        return NGX_OK;
    }

    return ngx_http_llm_refuse_limit(ctx);
}


/* A refusal for another reason than a limit tells how the limits stand, too. */

void
ngx_http_llm_look(ngx_http_llm_ctx_t *ctx)
{
    llm_ask_t               *ask;
    llm_zone_t              *z;
    ngx_http_llm_bearing_t   bearing;

    ask = &ngx_http_llm_asked;

    if (ctx->looked || !ctx->conf->headers
        || ngx_http_llm_ask(ctx, ask, &bearing) != NGX_OK)
    {
        return;
    }

    ask->blind = 1;

    z = ngx_http_llm_zone_lock(&ctx->quota->zone);
    llm_admit_early(z, &ctx->quota->zone.clock, ask, 1, &ctx->verdict);
    ngx_http_llm_zone_unlock(&ctx->quota->zone);
}


/* A free model passes a spent budget: the model must be known, or no model
   may be free, before a budget can refuse. */

static ngx_uint_t
ngx_http_llm_early_budgets(ngx_http_llm_ctx_t *ctx)
{
    const ngx_http_llm_price_t  *price;
    ngx_http_llm_main_conf_t    *lmcf;

    if (ctx->model.len == 0) {
        lmcf = ngx_http_get_module_main_conf(ctx->request,
                                             ngx_http_llm_quota_module);

        return !ngx_http_llm_catalog_has_free(lmcf->catalog);
    }

    price = ngx_http_llm_find_price(ctx, &ctx->model);

    return price == NULL || !llm_price_is_free(&price->price);
}


ngx_int_t
ngx_http_llm_admit(ngx_http_llm_ctx_t *ctx, llm_request_t *body)
{
    ngx_int_t                rc;
    llm_ask_t               *ask;
    ngx_http_llm_bearing_t   bearing;

    if (ctx->conf->closed && ctx->quota->ledger.failing) {
        rc = ngx_http_llm_refuse(ctx, NGX_HTTP_LLM_UNAVAILABLE,
                                 "The quota service cannot write its ledger, "
                                 "try again later.");
        if (rc != NGX_OK) {
            return rc;
        }
    }

    ngx_http_llm_set_labels(ctx);

    ask = &ngx_http_llm_asked;

    if (ngx_http_llm_ask(ctx, ask, &bearing) != NGX_OK) {
        return NGX_ERROR;
    }

    rc = ngx_http_llm_reach(ctx, ask);

    if (rc != NGX_OK) {
        return rc;
    }

    ctx->price = ngx_http_llm_find_price(ctx, &ctx->model);

    rc = body ? ngx_http_llm_size(ctx, ask, body, &bearing)
              : ngx_http_llm_size_opaque(ctx, &bearing);

    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_llm_reserve(ctx, ask);

    return (rc == NGX_OK) ? ngx_http_llm_inject(ctx) : rc;
}


/* Whether what others have used is known, or need not be. */

static ngx_int_t
ngx_http_llm_reach(ngx_http_llm_ctx_t *ctx, const llm_ask_t *ask)
{
    if (!ctx->conf->closed
        || ctx->quota->zone.zone->cluster != LLM_CLUSTER_AWAY
        || !ngx_http_llm_ask_is_limited(ask))
    {
        return NGX_OK;
    }

    return ngx_http_llm_refuse(ctx, NGX_HTTP_LLM_UNAVAILABLE,
                               "The quota service cannot tell what other "
                               "nodes have used, try again later.");
}


const ngx_http_llm_price_t *
ngx_http_llm_find_price(ngx_http_llm_ctx_t *ctx, ngx_str_t *model)
{
    ngx_http_llm_main_conf_t  *lmcf;

    lmcf = ngx_http_get_module_main_conf(ctx->request,
                                         ngx_http_llm_quota_module);

    return ngx_http_llm_catalog_find(lmcf->catalog, model->data, model->len);
}


/* Who asks, and the rows that bear on them. */

static ngx_int_t
ngx_http_llm_ask(ngx_http_llm_ctx_t *ctx, llm_ask_t *ask,
    ngx_http_llm_bearing_t *bearing)
{
    ngx_uint_t   type;
    ngx_time_t  *tp;
    ngx_str_t    none;

    ngx_str_null(&none);
    ngx_memzero(bearing, sizeof(ngx_http_llm_bearing_t));

    ask->nsubjects = 0;
    ask->reserve = ctx->conf->reserve;
    ask->free = 0;
    ask->dry_run = ctx->conf->dry_run;
    ask->blind = (ctx->quota->state == NULL);
    ask->worker = ctx->quota->zone.worker;

    ngx_memzero(ask->amount, sizeof(ask->amount));
    ngx_memzero(ask->expected, sizeof(ask->expected));

    tp = ngx_timeofday();
    ask->started = (int64_t) tp->sec * 1000 + tp->msec;

    for (type = 0; type < LLM_SUBJECT_TAG + ctx->ntags; type++) {

        if (ngx_http_llm_ask_subject(ctx, ask, bearing, type) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    if (ngx_http_llm_ask_share(ctx, ask) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_http_llm_ask_present(ctx, ask);

    ngx_http_llm_ask_name(ask, LLM_NAME_TEAM, &ctx->team);
    ngx_http_llm_ask_name(ask, LLM_NAME_USER, &ctx->user);
    ngx_http_llm_ask_name(ask, LLM_NAME_CUSTOMER, &ctx->customer);
    ngx_http_llm_ask_name(ask, LLM_NAME_KEY, &ctx->key_id);
    ngx_http_llm_ask_name(ask, LLM_NAME_MODEL, &ctx->model);
    ngx_http_llm_ask_name(ask, LLM_NAME_REQUEST, &ctx->request_id);

    return NGX_OK;
}


/* A subject without a row makes no meter, unless it is a team or a key: the
   models that clients invent must not fill the zone. */

static ngx_int_t
ngx_http_llm_ask_subject(ngx_http_llm_ctx_t *ctx, llm_ask_t *ask,
    ngx_http_llm_bearing_t *bearing, llm_subject_type_e type)
{
    ngx_str_t          *id;
    ngx_uint_t          i, month;
    const llm_row_t    *row;
    llm_ask_subject_t  *s;

    id = ngx_http_llm_subject_id(ctx, type);
    row = ngx_http_llm_subject_row(ctx, type);

    month = id->len && (type == LLM_SUBJECT_TEAM || type == LLM_SUBJECT_KEY);

    if ((row == NULL || row->nlimits == 0) && !month) {
        return NGX_OK;
    }

    ctx->types[ask->nsubjects] = type;
    s = &ask->subjects[ask->nsubjects++];

    s->row = row;
    s->role = LLM_ROLE_NONE;
    s->month = month;
    s->present = 0;

    if (ngx_http_llm_ask_key(ctx, &s->key, type) != NGX_OK) {
        return NGX_ERROR;
    }

    for (i = 0; row && i < row->nlimits; i++) {

        switch (row->limits[i].resource) {

        case LLM_RESOURCE_COST:
            bearing->money = 1;
            break;

        case LLM_RESOURCE_REQUESTS:
        case LLM_RESOURCE_PARALLEL:
            break;

        default:
            bearing->tokens = 1;
        }
    }

    return NGX_OK;
}


/* It counts where it has one because of another place. */

static void
ngx_http_llm_ask_present(ngx_http_llm_ctx_t *ctx, llm_ask_t *ask)
{
    ngx_uint_t           i, n, type;
    llm_ask_subject_t   *s;
    llm_subject_type_e   in;

    n = ask->nsubjects;

    for (type = 0; type < LLM_SUBJECT_TYPES; type++) {

        for (i = 0; i < n && ctx->types[i] != type; i++) {
            /* void */
        }

        in = ngx_http_llm_subject_in(type);

        if (i < n
            || (type != LLM_SUBJECT_GLOBAL
                && ngx_http_llm_subject_id(ctx, type)->len == 0)
            || (in != LLM_SUBJECT_GLOBAL
                && ngx_http_llm_subject_id(ctx, in)->len == 0))
        {
            continue;
        }

        s = &ask->subjects[ask->nsubjects];

        s->row = NULL;
        s->role = LLM_ROLE_NONE;
        s->month = 0;
        s->present = 1;

        /* what is too long for a name is nobody's */

        if (ngx_http_llm_ask_key(ctx, &s->key, type) == NGX_OK) {
            ctx->types[ask->nsubjects++] = type;
        }
    }
}


ngx_int_t
ngx_http_llm_ask_key(ngx_http_llm_ctx_t *ctx, llm_subject_key_t *key,
    llm_subject_type_e type)
{
    int         rc;
    ngx_str_t  *id, *first;

    id = ngx_http_llm_subject_id(ctx, type);

    if (ngx_http_llm_subject_in(type) == LLM_SUBJECT_GLOBAL) {
        rc = llm_zone_key(ctx->quota->zone.zone, key,
                          ngx_http_llm_zone_type(type), id->data, id->len,
                          NULL, 0);

    } else {
        first = ngx_http_llm_subject_id(ctx, ngx_http_llm_subject_in(type));

        rc = llm_zone_key(ctx->quota->zone.zone, key, type, first->data,
                          first->len, id->data, id->len);
    }

    return (rc == 0) ? NGX_OK : NGX_ERROR;
}


static void
ngx_http_llm_ask_name(llm_ask_t *ask, llm_name_e name, ngx_str_t *value)
{
    ask->len[name] = value->len;
    ask->name[name] = value->data;
}


ngx_int_t
ngx_http_llm_admit_again(ngx_http_llm_ctx_t *ctx, ngx_uint_t blind)
{
    ngx_int_t    rc;
    ngx_time_t  *tp;

    tp = ngx_timeofday();
    ctx->ask->started = (int64_t) tp->sec * 1000 + tp->msec;

    rc = ngx_http_llm_reach(ctx, ctx->ask);

    if (rc != NGX_OK) {
        return rc;
    }

    rc = blind ? ngx_http_llm_reserve_blind(ctx, ctx->ask)
               : ngx_http_llm_reserve(ctx, ctx->ask);

    return (rc == NGX_OK) ? ngx_http_llm_inject(ctx) : rc;
}


static ngx_int_t
ngx_http_llm_reserve(ngx_http_llm_ctx_t *ctx, llm_ask_t *ask)
{
    ngx_int_t    rc;
    llm_zone_t  *z;
    ngx_uint_t   full, known;

    z = ctx->quota->zone.zone;

    if (z->stored && !z->ready && !ask->blind) {

        if (ngx_http_llm_ask_is_limited(ask)) {
            return ngx_http_llm_reserve_later(ctx, ask);
        }

        ask->blind = 1;
    }

    z = ngx_http_llm_zone_lock(&ctx->quota->zone);

    llm_admit(z, &ctx->quota->zone.clock, ask, &ctx->verdict);

    full = (ctx->verdict.decision == LLM_FULL);

    for (known = 0; known <= 1; known++) {

        if (ctx->verdict.decision == LLM_FULL
            && !ctx->conf->closed
            && ngx_http_llm_ask_known(ctx, ask, z, known))
        {
            llm_admit(z, &ctx->quota->zone.clock, ask, &ctx->verdict);
        }
    }

    ngx_http_llm_zone_unlock(&ctx->quota->zone);

    if (ctx->verdict.decision == LLM_UNKNOWN) {
        return ngx_http_llm_reserve_later(ctx, ask);
    }

    if (full) {
        ngx_http_llm_log_full(ctx);
    }

    ctx->looked = 1;

    if (ctx->verdict.reservation != LLM_NONE) {
        ctx->reserved = 1;
        ngx_queue_insert_tail(&ctx->quota->open, &ctx->queue);
    }

    switch (ctx->verdict.decision) {

    case LLM_ADMITTED:
        break;

    case LLM_FULL:

        if (!ctx->conf->closed) {
            ctx->state = NGX_HTTP_LLM_SETTLED;
            return NGX_OK;
        }

        rc = ngx_http_llm_refuse(ctx, NGX_HTTP_LLM_UNAVAILABLE,
                                 "The quota service has no room for this "
                                 "request, try again later.");
        if (rc != NGX_OK) {
            return rc;
        }

        ctx->state = NGX_HTTP_LLM_SETTLED;

        return NGX_OK;

    default: /* LLM_REFUSED, LLM_TOO_LARGE */
        rc = ngx_http_llm_refuse_limit(ctx);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (ctx->verdict.passed.limit) {
        ngx_http_llm_log_passed(ctx);
    }

    ctx->state = NGX_HTTP_LLM_ADMITTED;

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_reserve_later(ngx_http_llm_ctx_t *ctx, llm_ask_t *ask)
{
    ngx_int_t  rc;

    rc = ngx_http_llm_wait(ctx, ask);

    return (rc == NGX_DECLINED) ? ngx_http_llm_reserve_blind(ctx, ask) : rc;
}


/* What the store has is not to be had in time: the zone decides with what it
   has, or nobody does. */

static ngx_int_t
ngx_http_llm_reserve_blind(ngx_http_llm_ctx_t *ctx, llm_ask_t *ask)
{
    ngx_int_t  rc;

    if (ngx_http_llm_ask_is_limited(ask)) {

        if (ctx->conf->closed) {
            rc = ngx_http_llm_refuse(ctx, NGX_HTTP_LLM_UNAVAILABLE,
                                     "The quota service cannot tell what was "
                                     "used before, try again later.");
            if (rc != NGX_OK) {
                return rc;
            }

        } else {
            ngx_http_llm_log_blind(ctx);
        }
    }

    ask->blind = 1;

    return ngx_http_llm_reserve(ctx, ask);
}


static ngx_uint_t
ngx_http_llm_ask_is_limited(const llm_ask_t *ask)
{
    ngx_uint_t  i;

    for (i = 0; i < ask->nsubjects; i++) {
        if (ask->subjects[i].row && ask->subjects[i].row->nlimits) {
            return 1;
        }
    }

    return 0;
}


/*
 * Leaves the subjects that the zone knows and, unless only those are wanted,
 * those that there may be room for; tells whether that is less: a client that
 * invents names until there is no room for another must not pass the limits of
 * those whom it comes with.
 */

static ngx_uint_t
ngx_http_llm_ask_known(ngx_http_llm_ctx_t *ctx, llm_ask_t *ask,
    llm_zone_t *z, ngx_uint_t known)
{
    ngx_uint_t                i, n;
    const llm_subject_key_t  *key;

    n = ask->nsubjects;
    ask->nsubjects = 0;

    for (i = 0; i < n; i++) {
        key = &ask->subjects[i].key;

        if (ask->subjects[i].present
            || llm_zone_find(z, key) != LLM_NONE
            || (!known && !llm_evict_is_common(key->type)))
        {
            ctx->types[ask->nsubjects] = ctx->types[i];
            ask->subjects[ask->nsubjects++] = ask->subjects[i];
        }
    }

    return ask->nsubjects < n;
}


/* Not for each of the requests that it meets. */

static void
ngx_http_llm_log_full(ngx_http_llm_ctx_t *ctx)
{
    ngx_http_llm_quota_t  *quota;

    quota = ctx->quota;

    if (!ngx_http_llm_is_due(&quota->full)) {
        return;
    }

    ngx_log_error(NGX_LOG_CRIT, ctx->request->connection->log, 0,
                  "llm_quota zone \"%V\" is full, make it larger",
                  &quota->name);
}


static void
ngx_http_llm_log_blind(ngx_http_llm_ctx_t *ctx)
{
    ngx_http_llm_quota_t  *quota;

    quota = ctx->quota;

    if (!ngx_http_llm_is_due(&quota->blind)) {
        return;
    }

    ngx_log_error(NGX_LOG_ERR, ctx->request->connection->log, 0,
                  "llm_quota zone \"%V\" cannot tell what was used before, "
                  "requests pass without it", &quota->name);
}


/* The words of a refusal by a limit. */

static ngx_int_t
ngx_http_llm_refuse_limit(ngx_http_llm_ctx_t *ctx)
{
    u_char               *p, subject[NGX_HTTP_LLM_SUBJECT_TEXT];
    u_char                text[LLM_LIMIT_TEXT], used[LLM_MONEY_BUF];
    u_char                amount[LLM_MONEY_BUF], reset[64];
    size_t                n, m;
    ngx_str_t             who, what, end;
    llm_limit_t           limit;
    llm_verdict_t        *v;
    llm_standing_t       *s;
    llm_subject_type_e    type;

    if (ctx->dry_refused) {
        return NGX_OK;
    }

    v = &ctx->verdict;
    s = &v->refusal;
    type = ctx->types[s->subject];

    llm_series_refuse(ctx->quota->zone.zone, ngx_http_llm_zone_type(type),
                      s->limit);

    who.data = subject;
    who.len = ngx_http_llm_print_subject(subject, ctx, type) - subject;

    limit = *s->limit;
    limit.amount = s->amount;

    what.data = text;
    what.len = llm_limit_print(text, &limit);

    p = ngx_pnalloc(ctx->request->pool, NGX_HTTP_LLM_SUBJECT_TEXT + 1
                                        + LLM_LIMIT_TEXT);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ctx->limit.data = p;
    p = ngx_http_llm_print_subject_id(p, ctx, type);
    *p++ = ' ';
    p = ngx_cpymem(p, what.data, what.len);
    ctx->limit.len = p - ctx->limit.data;

    if (v->decision == LLM_TOO_LARGE) {

        if (limit.resource == LLM_RESOURCE_COST) {
            n = llm_money_print(used, v->bound);

        } else {
            n = ngx_sprintf(used, "%L", v->bound) - used;
        }

        return ngx_http_llm_refuse(ctx, NGX_HTTP_LLM_TOO_LARGE,
                                   "%V %V can never admit this request: its "
                                   "upper bound is %*s.", &who, &what, n,
                                   used);
    }

    if (v->retry == INT64_MAX) {
        ctx->never = 1;

    } else {
        ctx->retry = (ngx_int_t) ((v->retry + 999) / 1000);
    }

    end.data = reset;
    end.len = 0;

    if (limit.resource == LLM_RESOURCE_COST) {

        if (s->reset != INT64_MAX) {
            p = ngx_cpymem(reset, " Resets ", 8);
            p = llm_line_time(p, s->reset * 1000);

            /* to the second */
            p -= sizeof(".000Z") - 1;
            *p++ = 'Z';
            *p++ = '.';

            end.len = p - reset;
        }

        n = llm_money_print(used, s->used);
        m = llm_money_print(amount, s->amount);

        return ngx_http_llm_refuse(ctx, NGX_HTTP_LLM_BUDGET_EXCEEDED,
                                   "Budget has been exceeded! %V Current "
                                   "cost: %*s, Max budget: %*s.%V", &who, n,
                                   used, m, amount, &end);
    }

    if (!ctx->never) {
        end.len = ngx_sprintf(reset, ", retry in %i s", ctx->retry) - reset;
    }

    if (s->active) {
        return ngx_http_llm_refuse_share(ctx, s, &end);
    }

    if (!limit.minute && limit.resource != LLM_RESOURCE_PARALLEL) {
        ctx->never = 1;
    }

    return ngx_http_llm_refuse(ctx,
                               limit.resource == LLM_RESOURCE_PARALLEL
                               ? NGX_HTTP_LLM_PARALLEL_EXCEEDED
                               : NGX_HTTP_LLM_RATE_LIMITED,
                               "Rate limit exceeded, try again later. %V %V, "
                               "used %L%V.", &who, &what, s->used, &end);
}


static void
ngx_http_llm_log_passed(ngx_http_llm_ctx_t *ctx)
{
    u_char           used[LLM_MONEY_BUF], text[LLM_LIMIT_TEXT];
    u_char           subject[NGX_HTTP_LLM_SUBJECT_TEXT];
    size_t           n, len;
    ngx_str_t        who;
    llm_standing_t  *s;

    s = &ctx->verdict.passed;

    who.data = subject;
    who.len = ngx_http_llm_print_subject_id(subject, ctx,
                                            ctx->types[s->subject])
              - subject;

    n = llm_money_print(used, s->used);
    len = llm_limit_print(text, s->limit);

    ngx_log_error(NGX_LOG_WARN, ctx->request->connection->log, 0,
                  "llm_quota %V is past %*s with hard_cap=off, %*s USD spent "
                  "or reserved, traffic goes on", &who, len, text, n, used);
}
