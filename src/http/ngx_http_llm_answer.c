
/*
 * Copyright (C) the llm_quota authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_llm.h"


#define NGX_HTTP_LLM_MESSAGE        1024
#define NGX_HTTP_LLM_LOG_LINES      10      /* a second */


/* How a result is told in each dialect. */

typedef struct {
    const char              *name;          /* $llm_result */
    ngx_uint_t               status;        /* 0: of the configuration */
    const char              *code;          /* OpenAI */
    const char              *type;
    const char              *anthropic;
    const char              *gemini;
} ngx_http_llm_answer_t;


static u_char *ngx_http_llm_answer_body(ngx_http_llm_ctx_t *ctx, u_char *p,
    u_char *last);
static llm_dialect_e ngx_http_llm_answer_dialect(ngx_http_llm_ctx_t *ctx);
static ngx_int_t ngx_http_llm_answer_note(ngx_http_llm_ctx_t *ctx);
static void ngx_http_llm_log_refusal(ngx_http_llm_ctx_t *ctx);
static ngx_uint_t ngx_http_llm_error_page(ngx_http_request_t *r,
    ngx_int_t status);
static const ngx_str_t *ngx_http_llm_subject_shown(ngx_http_llm_ctx_t *ctx,
    llm_subject_type_e type);


/* in the order of ngx_http_llm_result_e */

static ngx_http_llm_answer_t  ngx_http_llm_answers[] = {

    { "passed", NGX_HTTP_OK, "", "", "", "" },

    { "rate_limited", 0,
      "rate_limit_exceeded", "rate_limit_error",
      "rate_limit_error", "RESOURCE_EXHAUSTED" },

    { "budget_exceeded", 0,
      "budget_exceeded", "budget_exceeded",
      "permission_error", "PERMISSION_DENIED" },

    { "parallel_exceeded", 0,
      "rate_limit_exceeded", "rate_limit_error",
      "rate_limit_error", "RESOURCE_EXHAUSTED" },

    { "model_denied", NGX_HTTP_FORBIDDEN,
      "model_access_denied", "permission_error",
      "permission_error", "PERMISSION_DENIED" },

    { "unpriced", NGX_HTTP_FORBIDDEN,
      "unpriced_model", "permission_error",
      "permission_error", "PERMISSION_DENIED" },

    { "too_large", NGX_HTTP_BAD_REQUEST,
      "request_too_large", "invalid_request_error",
      "invalid_request_error", "INVALID_ARGUMENT" },

    { "team_denied", NGX_HTTP_FORBIDDEN,
      "team_denied", "permission_error",
      "permission_error", "PERMISSION_DENIED" },

    { "key_denied", NGX_HTTP_UNAUTHORIZED,
      "invalid_api_key", "authentication_error",
      "authentication_error", "UNAUTHENTICATED" },

    { "opaque", NGX_HTTP_FORBIDDEN,
      "opaque_route", "permission_error",
      "permission_error", "PERMISSION_DENIED" },

    { "bad_request", NGX_HTTP_BAD_REQUEST,
      "invalid_request", "invalid_request_error",
      "invalid_request_error", "INVALID_ARGUMENT" },

    { "bad_request", NGX_HTTP_UNSUPPORTED_MEDIA_TYPE,
      "invalid_request", "invalid_request_error",
      "invalid_request_error", "INVALID_ARGUMENT" },

    { "bad_request", NGX_HTTP_REQUEST_ENTITY_TOO_LARGE,
      "invalid_request", "invalid_request_error",
      "request_too_large", "INVALID_ARGUMENT" },

    { "unavailable", NGX_HTTP_SERVICE_UNAVAILABLE,
      "service_unavailable", "service_unavailable",
      "api_error", "UNAVAILABLE" }
};


static ngx_str_t  ngx_http_llm_json = ngx_string("application/json");


ngx_int_t
ngx_http_llm_refuse(ngx_http_llm_ctx_t *ctx, ngx_http_llm_result_e result,
    const char *fmt, ...)
{
    u_char   *p;
    va_list   args;

    if (ctx->dry_refused) {

        /* the first refusal is the one that would have been sent */

        return NGX_OK;
    }

    ctx->result = result;

    p = ngx_pnalloc(ctx->request->pool, NGX_HTTP_LLM_MESSAGE);

    if (p) {
        ctx->message.data = p;

        va_start(args, fmt);
        p = ngx_vslprintf(p, p + NGX_HTTP_LLM_MESSAGE, fmt, args);
        va_end(args);

        ctx->message.len = p - ctx->message.data;
    }

    ngx_http_llm_log_refusal(ctx);

    if (ctx->conf->dry_run) {
        ctx->dry_refused = 1;
        return NGX_OK;
    }

    return NGX_DECLINED;
}


/* The request id, who, the limit, the use and the reset in one line; a flood
   of refusals must not become a flood of writes. */

static void
ngx_http_llm_log_refusal(ngx_http_llm_ctx_t *ctx)
{
    static time_t      second;
    static ngx_uint_t  lines, dropped;

    if (second != ngx_time()) {

        if (dropped) {
            ngx_log_error(ctx->conf->log_level,
                          ctx->request->connection->log, 0,
                          "llm_quota refused %ui more requests", dropped);
        }

        second = ngx_time();
        lines = 0;
        dropped = 0;
    }

    if (lines == NGX_HTTP_LLM_LOG_LINES) {
        dropped++;
        return;
    }

    lines++;

    ngx_log_error(ctx->conf->log_level, ctx->request->connection->log, 0,
                  "llm_quota %s%s, request_id: %V, team: \"%V\", limit: "
                  "\"%V\", \"%V\"",
                  ngx_http_llm_answers[ctx->result].name,
                  ctx->conf->dry_run ? " (dry run)" : "", &ctx->request_id,
                  &ctx->team, &ctx->limit, &ctx->message);
}


const char *
ngx_http_llm_result_name(ngx_http_llm_result_e result)
{
    return ngx_http_llm_answers[result].name;
}


ngx_uint_t
ngx_http_llm_result_status(ngx_http_llm_ctx_t *ctx)
{
    if (ngx_http_llm_answers[ctx->result].status) {
        return ngx_http_llm_answers[ctx->result].status;
    }

    return ctx->result == NGX_HTTP_LLM_BUDGET_EXCEEDED
           ? ctx->conf->budget_status : ctx->conf->rate_status;
}


ngx_int_t
ngx_http_llm_send_refusal(ngx_http_llm_ctx_t *ctx)
{
    u_char                    *p;
    size_t                     size;
    ngx_int_t                  rc;
    ngx_uint_t                 status;
    ngx_http_request_t        *r;
    ngx_http_complex_value_t   cv;

    r = ctx->request;
    status = ngx_http_llm_result_status(ctx);

    if (ngx_http_llm_error_page(r, status)) {
        return status;
    }

    if (ngx_http_llm_answer_note(ctx) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    size = ctx->message.len * 6 + 256;

    p = ngx_pnalloc(r->pool, size);
    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_memzero(&cv, sizeof(ngx_http_complex_value_t));

    cv.value.data = p;
    cv.value.len = ngx_http_llm_answer_body(ctx, p, p + size) - p;

    /* no 100 Continue for a body that is not wanted */

    r->expect_tested = 1;

    /* refused where error_page led to: its status was for another answer */

    r->err_status = 0;

    rc = ngx_http_send_response(r, status, &ngx_http_llm_json, &cv);

    /* a phase handler that returned rc would let the request go on */

    ngx_http_finalize_request(r, rc);

    return NGX_DONE;
}


static ngx_uint_t
ngx_http_llm_error_page(ngx_http_request_t *r, ngx_int_t status)
{
    ngx_uint_t                  i;
    ngx_http_err_page_t        *page;
    ngx_http_core_loc_conf_t   *clcf;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    /* nginx looks for a page only once, unless told otherwise */

    if (clcf->error_pages == NULL || r->error_page || r->uri_changes == 0) {
        return 0;
    }

    page = clcf->error_pages->elts;

    for (i = 0; i < clcf->error_pages->nelts; i++) {
        if (page[i].status == status) {
            return 1;
        }
    }

    return 0;
}


static ngx_int_t
ngx_http_llm_answer_note(ngx_http_llm_ctx_t *ctx)
{
    u_char     *p;
    ngx_str_t   note;

    if (ctx->conf->note == NULL) {
        return NGX_OK;
    }

    if (ngx_http_complex_value(ctx->request, ctx->conf->note, &note)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (note.len == 0) {
        return NGX_OK;
    }

    p = ngx_pnalloc(ctx->request->pool, ctx->message.len + 1 + note.len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ctx->message.len = ngx_sprintf(p, "%V %V", &ctx->message, &note) - p;
    ctx->message.data = p;

    return NGX_OK;
}


static llm_dialect_e
ngx_http_llm_answer_dialect(ngx_http_llm_ctx_t *ctx)
{
    if (ctx->conf->error_format != LLM_DIALECT_NONE) {
        return ctx->conf->error_format;
    }

    return ctx->route.dialect;
}


static u_char *
ngx_http_llm_answer_body(ngx_http_llm_ctx_t *ctx, u_char *p, u_char *last)
{
    ngx_http_llm_answer_t  *a;

    a = &ngx_http_llm_answers[ctx->result];

    switch (ngx_http_llm_answer_dialect(ctx)) {

    case LLM_DIALECT_ANTHROPIC:
        p = ngx_slprintf(p, last,
                         "{\"type\":\"error\",\"error\":{\"type\":\"%s\","
                         "\"message\":\"", a->anthropic);
        p = llm_text_json(p, last, ctx->message.data, ctx->message.len);
        return ngx_slprintf(p, last, "\"}}" CRLF);

    case LLM_DIALECT_GEMINI:
        p = ngx_slprintf(p, last, "{\"error\":{\"code\":%ui,\"message\":\"",
                         ngx_http_llm_result_status(ctx));
        p = llm_text_json(p, last, ctx->message.data, ctx->message.len);
        return ngx_slprintf(p, last, "\",\"status\":\"%s\"}}" CRLF,
                            a->gemini);

    default: /* OpenAI's, also where the path has none */
        p = ngx_slprintf(p, last, "{\"error\":{\"message\":\"");
        p = llm_text_json(p, last, ctx->message.data, ctx->message.len);
        return ngx_slprintf(p, last, "\",\"type\":\"%s\",\"param\":null,"
                            "\"code\":\"%s\"}}" CRLF, a->type, a->code);
    }
}


/* A key is shown by its name. */

static const ngx_str_t *
ngx_http_llm_subject_shown(ngx_http_llm_ctx_t *ctx, llm_subject_type_e type)
{
    if (type == LLM_SUBJECT_KEY && ctx->key) {
        return &ctx->key->sn.str;
    }

    return ngx_http_llm_subject_id(ctx, type);
}


u_char *
ngx_http_llm_print_subject(u_char *p, ngx_http_llm_ctx_t *ctx,
    llm_subject_type_e type)
{
    llm_subject_type_e  in;

    static const char  *titles[] = {
        "Global", "Team=", "User=", "Customer=", "Key=", "Model=",
        "Model=", "Model=", "User=", "Tag="
    };

    p = ngx_sprintf(p, "%s%V", titles[ngx_http_llm_zone_type(type)],
                    ngx_http_llm_subject_shown(ctx, type));

    in = ngx_http_llm_subject_in(type);

    if (in == LLM_SUBJECT_GLOBAL) {
        return p;
    }

    return ngx_sprintf(p, " in %s%V", titles[in],
                       ngx_http_llm_subject_shown(ctx, in));
}


u_char *
ngx_http_llm_print_subject_id(u_char *p, ngx_http_llm_ctx_t *ctx,
    llm_subject_type_e type)
{
    const ngx_str_t     *id;
    llm_subject_type_e   in;

    p = ngx_sprintf(p, "%s", llm_subject_name(ngx_http_llm_zone_type(type)));

    in = ngx_http_llm_subject_in(type);

    if (in != LLM_SUBJECT_GLOBAL) {
        p = ngx_sprintf(p, ":%V", ngx_http_llm_subject_shown(ctx, in));
    }

    id = ngx_http_llm_subject_shown(ctx, type);

    return id->len ? ngx_sprintf(p, ":%V", id) : p;
}
