
/*
 * Copyright (C) the llm_quota authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_llm.h"


static void ngx_http_llm_cap(ngx_http_llm_ctx_t *ctx, llm_request_t *body);
static ngx_int_t ngx_http_llm_plan_edits(ngx_http_llm_ctx_t *ctx,
    llm_request_t *body);
static void ngx_http_llm_expect(ngx_http_llm_ctx_t *ctx, llm_ask_t *ask);
static ngx_int_t ngx_http_llm_bound(ngx_http_llm_ctx_t *ctx,
    llm_request_t *body, ngx_http_llm_bearing_t *bearing);
static ngx_int_t ngx_http_llm_bound_output(ngx_http_llm_ctx_t *ctx,
    llm_request_t *body, int64_t input);
static void ngx_http_llm_ask_bound(ngx_http_llm_ctx_t *ctx, llm_ask_t *ask);


ngx_int_t
ngx_http_llm_size(ngx_http_llm_ctx_t *ctx, llm_ask_t *ask,
    llm_request_t *body, ngx_http_llm_bearing_t *bearing)
{
    ngx_int_t  rc;

    ctx->stream = body->stream;
    ctx->cap = body->max_output;
    ctx->choices = body->choices;
    ctx->tier = body->tier;
    ctx->traits = body->traits;
    ctx->background = body->background;
    ctx->states = body->include_usage;

    if (ctx->price == NULL
        && (ctx->conf->unpriced == NGX_HTTP_LLM_DENY
            || (ctx->conf->unpriced == NGX_HTTP_LLM_AUTO && bearing->money)))
    {
        rc = ngx_http_llm_refuse(ctx, NGX_HTTP_LLM_UNPRICED,
                                 "Model=%V has no price here%s.", &ctx->model,
                                 bearing->money ? ", which a budget needs"
                                                : "");
        if (rc != NGX_OK) {
            return rc;
        }
    }

    ngx_http_llm_cap(ctx, body);

    if (ask->reserve == LLM_RESERVE_STRICT
        && (bearing->tokens || bearing->money))
    {
        rc = ngx_http_llm_bound(ctx, body, bearing);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    ngx_http_llm_expect(ctx, ask);

    if (ctx->bounded) {
        ngx_http_llm_ask_bound(ctx, ask);
    }

    return ngx_http_llm_plan_edits(ctx, body);
}


ngx_int_t
ngx_http_llm_size_opaque(ngx_http_llm_ctx_t *ctx,
    ngx_http_llm_bearing_t *bearing)
{
    if (ctx->conf->opaque == NGX_HTTP_LLM_ALLOW
        || (ctx->conf->opaque == NGX_HTTP_LLM_AUTO
            && !bearing->tokens && !bearing->money))
    {
        return NGX_OK;
    }

    return ngx_http_llm_refuse(ctx, NGX_HTTP_LLM_OPAQUE,
                               "What this route uses cannot be read%s.",
                               (bearing->tokens || bearing->money)
                               ? ", which a limit of tokens or money needs"
                               : "");
}


/* An output cap for requests that have none, where the API has a member for
   it. */

static void
ngx_http_llm_cap(ngx_http_llm_ctx_t *ctx, llm_request_t *body)
{
    int64_t      cap;
    const char  *member;

    if (ctx->conf->max_output == 0 || body->max_output != -1) {
        return;
    }

    /* members that only some upstreams obey may ask for more */

    cap = ngx_max(ctx->conf->max_output, body->raise);

    if (!ctx->conf->inject) {
        ctx->cap = cap;
        return;
    }

    switch (ctx->route.api) {

    case LLM_API_CHAT:
    case LLM_API_RUNS:
        member = "max_completion_tokens";
        break;

    case LLM_API_RESPONSES:
        member = "max_output_tokens";
        break;

    case LLM_API_COMPLETIONS:
    case LLM_API_MESSAGES:
        member = "max_tokens";
        break;

    default:
        return;
    }

    /* a second member of the name would be ambiguous */

    if (body->no_cap.end || !ngx_http_llm_body_is_plain(ctx, body)) {
        return;
    }

    ctx->inject = member;
    ctx->cap = cap;
}


/*
 * What is put into the body once the request is admitted.  It may have to wait
 * for that, and the body's scanner is the worker's.
 */

static ngx_int_t
ngx_http_llm_plan_edits(ngx_http_llm_ctx_t *ctx, llm_request_t *body)
{
    u_char              *p;
    llm_request_edit_t  *edit;

    if (!ngx_http_llm_body_is_plain(ctx, body)) {
        return NGX_OK;
    }

    if (ctx->inject) {
        p = ngx_pnalloc(ctx->request->pool, ngx_strlen(ctx->inject)
                                            + NGX_INT_T_LEN
                                            + sizeof(",\"\":") - 1);
        if (p == NULL) {
            return NGX_ERROR;
        }

        edit = &ctx->cap_edit;

        edit->range.start = body->root_end;
        edit->range.end = body->root_end;
        edit->text = (const char *) p;
        edit->len = ngx_sprintf(p, "%s\"%s\":%i", body->empty ? "" : ",",
                                ctx->inject, ctx->conf->max_output)
                    - p;
    }

    /* streams of these APIs, and of no other, state their usage on demand
       only */

    if (ctx->conf->stream_usage != NGX_HTTP_LLM_USAGE_OFF
        && body->stream
        && (ctx->route.api == LLM_API_CHAT
            || ctx->route.api == LLM_API_COMPLETIONS))
    {
        (void) llm_request_ask_usage(body, &ctx->usage_edit);
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_llm_inject(ngx_http_llm_ctx_t *ctx)
{
    ngx_int_t  rc;

    /* the cap goes to the end of the body, the other member may not */

    if (ctx->cap_edit.text
        && ngx_http_llm_body_edit(ctx->request, &ctx->cap_edit) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ctx->usage_edit.text == NULL) {
        return NGX_OK;
    }

    rc = ngx_http_llm_body_edit(ctx->request, &ctx->usage_edit);

    if (rc != NGX_OK) {
        return (rc == NGX_DECLINED) ? NGX_OK : rc;
    }

    ctx->states = 1;
    ctx->identity = (ctx->conf->stream_usage == NGX_HTTP_LLM_USAGE_STRIP);

    return NGX_OK;
}


static void
ngx_http_llm_expect(ngx_http_llm_ctx_t *ctx, llm_ask_t *ask)
{
    llm_usage_t      usage;
    llm_estimate_t  *e;

    /* a glance without the lock: words that are written whole */

    e = llm_zone_estimate(ctx->quota->zone.zone, ctx->model.data,
                          ctx->model.len, 0);

    ctx->expected_input = ctx->form
                          ? llm_estimate_form(e)
                          : llm_estimate_input(e, ctx->body_bytes,
                                               ctx->encoded_bytes);
    ctx->expected_input = ngx_min(ctx->expected_input, ctx->most_input);
    ctx->expected_output = 0;

    if (ctx->route.api != LLM_API_EMBEDDINGS) {
        ctx->expected_output = ngx_min(llm_estimate_output(e, ctx->cap,
                                                           ctx->choices),
                                       ctx->most_output);
    }

    ask->expected[LLM_COUNT_INPUT] = ctx->expected_input;
    ask->expected[LLM_COUNT_OUTPUT] = ctx->expected_output;

    if (ctx->price) {
        ngx_memzero(&usage, sizeof(llm_usage_t));

        usage.input = ctx->expected_input;
        usage.output = ctx->expected_output;
        usage.images = ctx->choices;
        usage.traits = ctx->traits;

        ask->expected[LLM_COUNT_COST] = llm_price_charge(&ctx->price->price,
                                                         &usage, ctx->tier);
        ask->free = llm_price_is_free(&ctx->price->price);
    }

    ngx_memcpy(ask->amount, ask->expected, sizeof(ask->amount));
}


/*
 * Upper bounds that hold whatever the answer, or a refusal that says why there
 * is none.  In a dry run, which goes on without, it is the estimate that is
 * reserved.
 */

static ngx_int_t
ngx_http_llm_bound(ngx_http_llm_ctx_t *ctx, llm_request_t *body,
    ngx_http_llm_bearing_t *bearing)
{
    int64_t  input;

    if (ctx->form && bearing->money && ctx->price
        && ctx->price->price.second > 0)
    {
        return ngx_http_llm_refuse(ctx, NGX_HTTP_LLM_TOO_LARGE,
                                   "Model=%V is billed by the second, and how "
                                   "long a sound is cannot be told from the "
                                   "request: a strict budget needs a bound.",
                                   &ctx->model);
    }

    if (body->server_tool[0] != '\0'
        && ctx->conf->server_tools != NGX_HTTP_LLM_ALLOW)
    {
        return ngx_http_llm_refuse(ctx, NGX_HTTP_LLM_TOO_LARGE,
                                   "The tool \"%s\" runs at the provider: "
                                   "what it uses has no bound, which a strict "
                                   "limit needs.", body->server_tool);
    }

    input = 0;

    if (body->outside[0] != '\0' || body->media) {

        /* a picture of few bytes may be one of many tokens */

        input = ctx->price ? ctx->price->price.max_input : 0;

        if (input == 0) {
            return ngx_http_llm_refuse(ctx, NGX_HTTP_LLM_TOO_LARGE,
                                       "\"%s\" is input whose tokens are not "
                                       "bounded by the bytes of the body, and "
                                       "the largest input of the model is not "
                                       "known: a strict limit needs a bound.",
                                       body->outside[0] != '\0'
                                       ? body->outside : "media");
        }
    }

    input = llm_sat_add(input, body->hidden);

    if (!ctx->form) {

        /* what is in the body is text, or beside what is not */

        input = llm_sat_add(input, (int64_t) ctx->body_bytes);
        input = llm_sat_add(input, (int64_t) body->again);
    }

    return ngx_http_llm_bound_output(ctx, body, input);
}


static ngx_int_t
ngx_http_llm_bound_output(ngx_http_llm_ctx_t *ctx, llm_request_t *body,
    int64_t input)
{
    int64_t  output;

    output = ctx->cap;

    if (output == -1 && ctx->price && ctx->price->price.max_output) {
        output = ctx->price->price.max_output;
    }

    if (ctx->route.api == LLM_API_EMBEDDINGS) {
        output = 0;
    }

    if (output == -1) {
        return ngx_http_llm_refuse(ctx, NGX_HTTP_LLM_TOO_LARGE,
                                   "The request has no output cap and the "
                                   "largest output of the model is not known"
                                   "%s.", ctx->form ? "" : ": set max_tokens");
    }

    if (__builtin_mul_overflow(output, body->choices, &output)) {
        output = NGX_HTTP_LLM_TOKENS_MAX;
    }

    ctx->most_input = ngx_min(input, NGX_HTTP_LLM_TOKENS_MAX);
    ctx->most_output = ngx_min(output, NGX_HTTP_LLM_TOKENS_MAX);
    ctx->bounded = 1;

    return NGX_OK;
}


static void
ngx_http_llm_ask_bound(ngx_http_llm_ctx_t *ctx, llm_ask_t *ask)
{
    llm_usage_t  most;

    ask->amount[LLM_COUNT_INPUT] = ctx->most_input;
    ask->amount[LLM_COUNT_OUTPUT] = ctx->most_output;

    if (ctx->price) {
        ngx_memzero(&most, sizeof(llm_usage_t));

        most.input = ctx->most_input;
        most.output = ctx->most_output;
        most.images = ctx->choices;
        most.traits = ctx->traits;

        /* a unit has 100 documents, each with three bytes around it at the
           least, or parts of 500 tokens of one */

        most.queries = 1 + (int64_t) (ctx->body_bytes / 256);

        ask->amount[LLM_COUNT_COST] = llm_price_bound(&ctx->price->price,
                                                      &most);
    }
}
