
/*
 * Copyright (C) the llm_quota authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_llm.h"


/* Names as OpenAI and Anthropic give them. */

typedef struct {
    ngx_str_t                limit;
    ngx_str_t                remaining;
    ngx_str_t                reset;
} ngx_http_llm_rate_names_t;


static void ngx_http_llm_clear_headers(ngx_http_request_t *r);
static ngx_uint_t ngx_http_llm_is_rate_header(ngx_table_elt_t *h);
static ngx_int_t ngx_http_llm_add_header(ngx_http_llm_ctx_t *ctx,
    ngx_str_t *name, u_char *data, size_t len);
static ngx_int_t ngx_http_llm_add_rate(ngx_http_llm_ctx_t *ctx,
    ngx_http_llm_rate_names_t *names, llm_standing_t *s);
static ngx_int_t ngx_http_llm_add_budget(ngx_http_llm_ctx_t *ctx);
static ngx_int_t ngx_http_llm_add_warning(ngx_http_llm_ctx_t *ctx);
static ngx_int_t ngx_http_llm_add_retry(ngx_http_llm_ctx_t *ctx);
static u_char *ngx_http_llm_print_duration(u_char *p, int64_t ms);
static u_char *ngx_http_llm_print_second(u_char *p, int64_t ms);


static ngx_http_llm_rate_names_t  ngx_http_llm_openai_names[] = {
    { ngx_string("x-ratelimit-limit-requests"),
      ngx_string("x-ratelimit-remaining-requests"),
      ngx_string("x-ratelimit-reset-requests") },
    { ngx_string("x-ratelimit-limit-tokens"),
      ngx_string("x-ratelimit-remaining-tokens"),
      ngx_string("x-ratelimit-reset-tokens") }
};

static ngx_http_llm_rate_names_t  ngx_http_llm_anthropic_names[] = {
    { ngx_string("anthropic-ratelimit-requests-limit"),
      ngx_string("anthropic-ratelimit-requests-remaining"),
      ngx_string("anthropic-ratelimit-requests-reset") },
    { ngx_string("anthropic-ratelimit-tokens-limit"),
      ngx_string("anthropic-ratelimit-tokens-remaining"),
      ngx_string("anthropic-ratelimit-tokens-reset") }
};

static ngx_str_t  ngx_http_llm_budget_remaining =
                                   ngx_string("x-llm-quota-budget-remaining");
static ngx_str_t  ngx_http_llm_budget_reset =
                                   ngx_string("x-llm-quota-budget-reset");
static ngx_str_t  ngx_http_llm_warning = ngx_string("x-llm-quota-warning");
static ngx_str_t  ngx_http_llm_request_id = ngx_string("x-request-id");
static ngx_str_t  ngx_http_llm_retry_after = ngx_string("retry-after");
static ngx_str_t  ngx_http_llm_should_retry = ngx_string("x-should-retry");


ngx_int_t
ngx_http_llm_add_headers(ngx_http_llm_ctx_t *ctx)
{
    ngx_http_llm_rate_names_t  *names;

    /* a refusal's own are not a matter of taste */

    if (ctx->state == NGX_HTTP_LLM_REFUSED
        && ngx_http_llm_add_retry(ctx) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (!ctx->conf->headers) {
        return NGX_OK;
    }

    ngx_http_llm_clear_headers(ctx->request);

    if (ctx->request_id.len
        && ngx_http_llm_add_header(ctx, &ngx_http_llm_request_id,
                                   ctx->request_id.data, ctx->request_id.len)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    names = (ctx->route.dialect == LLM_DIALECT_ANTHROPIC)
            ? ngx_http_llm_anthropic_names : ngx_http_llm_openai_names;

    if (ngx_http_llm_add_rate(ctx, &names[0], &ctx->verdict.requests)
        != NGX_OK
        || ngx_http_llm_add_rate(ctx, &names[1], &ctx->verdict.tokens)
           != NGX_OK
        || ngx_http_llm_add_budget(ctx) != NGX_OK
        || ngx_http_llm_add_warning(ctx) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* The upstream's rate headers speak of the organisation's limits there. */

static void
ngx_http_llm_clear_headers(ngx_http_request_t *r)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    part = &r->headers_out.headers.part;
    h = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {

            if (part->next == NULL) {
                return;
            }

            part = part->next;
            h = part->elts;
            i = 0;
        }

        if (ngx_http_llm_is_rate_header(&h[i])) {
            h[i].hash = 0;
        }
    }
}


static ngx_uint_t
ngx_http_llm_is_rate_header(ngx_table_elt_t *h)
{
    u_char  *name;
    size_t   len;

    name = h->key.data;
    len = h->key.len;

    switch (ngx_tolower(name[0])) {

    case 'x':
        return (len > 12 && ngx_strncasecmp(name, (u_char *) "x-ratelimit-",
                                            12) == 0)
               || (len == ngx_http_llm_request_id.len
                   && ngx_strncasecmp(name, ngx_http_llm_request_id.data, len)
                      == 0);

    case 'a':
        return len > 20
               && ngx_strncasecmp(name, (u_char *) "anthropic-ratelimit-", 20)
                  == 0;

    default:
        return 0;
    }
}


/* The name is static, the value in the request's pool. */

static ngx_int_t
ngx_http_llm_add_header(ngx_http_llm_ctx_t *ctx, ngx_str_t *name,
    u_char *data, size_t len)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&ctx->request->headers_out.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    h->hash = 1;
    h->key = *name;
    h->value.data = data;
    h->value.len = len;
    ngx_http_llm_header_init(h);

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_add_rate(ngx_http_llm_ctx_t *ctx,
    ngx_http_llm_rate_names_t *names, llm_standing_t *s)
{
    u_char   *p, *limit, *remaining, *reset;
    int64_t   left;

    if (s->limit == NULL) {
        return NGX_OK;
    }

    p = ngx_pnalloc(ctx->request->pool, 2 * NGX_INT64_LEN + 32);
    if (p == NULL) {
        return NGX_ERROR;
    }

    left = s->amount > s->used ? s->amount - s->used : 0;

    limit = p;
    remaining = llm_text_number(limit, s->amount);
    reset = llm_text_number(remaining, left);

    p = (names == ngx_http_llm_anthropic_names
         || names == ngx_http_llm_anthropic_names + 1)
        ? ngx_http_llm_print_second(reset, ctx->quota->zone.clock.wall
                                           + s->reset)
        : ngx_http_llm_print_duration(reset, s->reset);

    if (ngx_http_llm_add_header(ctx, &names->limit, limit, remaining - limit)
        != NGX_OK
        || ngx_http_llm_add_header(ctx, &names->remaining, remaining,
                                   reset - remaining)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_llm_add_header(ctx, &names->reset, reset, p - reset);
}


static ngx_int_t
ngx_http_llm_add_budget(ngx_http_llm_ctx_t *ctx)
{
    u_char          *p, *remaining, *reset;
    llm_standing_t  *s;

    s = &ctx->verdict.budget;

    if (s->limit == NULL) {
        return NGX_OK;
    }

    p = ngx_pnalloc(ctx->request->pool, LLM_MONEY_BUF + LLM_LINE_TIME);
    if (p == NULL) {
        return NGX_ERROR;
    }

    remaining = p;
    reset = p + llm_money_print(p, s->amount > s->used ? s->amount - s->used
                                                       : 0);

    if (ngx_http_llm_add_header(ctx, &ngx_http_llm_budget_remaining,
                                remaining, reset - remaining)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (s->reset == INT64_MAX) {
        return NGX_OK;
    }

    p = ngx_http_llm_print_second(reset, s->reset * 1000);

    return ngx_http_llm_add_header(ctx, &ngx_http_llm_budget_reset, reset,
                                   p - reset);
}


static ngx_int_t
ngx_http_llm_add_warning(ngx_http_llm_ctx_t *ctx)
{
    u_char  *p, *warning;

    if (ctx->verdict.soft.limit == NULL) {
        return NGX_OK;
    }

    warning = ngx_pnalloc(ctx->request->pool, NGX_HTTP_LLM_SUBJECT_TEXT
                                              + sizeof(" budget 100%"));
    if (warning == NULL) {
        return NGX_ERROR;
    }

    p = ngx_http_llm_print_subject_id(warning, ctx,
                                 ctx->types[ctx->verdict.soft.subject]);
    p = ngx_sprintf(p, " budget %d%%", ctx->verdict.percent);

    return ngx_http_llm_add_header(ctx, &ngx_http_llm_warning, warning,
                                   p - warning);
}


static ngx_int_t
ngx_http_llm_add_retry(ngx_http_llm_ctx_t *ctx)
{
    u_char  *p;

    if (ctx->retry > 0
        && ctx->result != NGX_HTTP_LLM_BUDGET_EXCEEDED)
    {
        p = ngx_pnalloc(ctx->request->pool, NGX_INT_T_LEN);
        if (p == NULL) {
            return NGX_ERROR;
        }

        if (ngx_http_llm_add_header(ctx, &ngx_http_llm_retry_after, p,
                                    ngx_sprintf(p, "%i", ctx->retry) - p)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    if (!ctx->never
        && ctx->result != NGX_HTTP_LLM_BUDGET_EXCEEDED
        && ctx->result != NGX_HTTP_LLM_TOO_LARGE)
    {
        return NGX_OK;
    }

    /* both SDKs honour it: what will not pass is not asked again */

    return ngx_http_llm_add_header(ctx, &ngx_http_llm_should_retry,
                                   (u_char *) "false", 5);
}


/* OpenAI's form of a duration: "20ms", "12s", "6m0s". */

static u_char *
ngx_http_llm_print_duration(u_char *p, int64_t ms)
{
    if (ms < 1000) {
        p = llm_text_number(p, ms);
        *p++ = 'm';
        *p++ = 's';

        return p;
    }

    ms = (ms + 999) / 1000;

    if (ms >= 60) {
        p = llm_text_number(p, ms / 60);
        *p++ = 'm';
    }

    p = llm_text_number(p, ms % 60);
    *p++ = 's';

    return p;
}


/* Anthropic's: a moment, to the second. */

static u_char *
ngx_http_llm_print_second(u_char *p, int64_t ms)
{
    p = llm_line_time(p, ms + 999 - (ms + 999) % 1000) - (sizeof(".000Z") - 1);
    *p++ = 'Z';

    return p;
}
