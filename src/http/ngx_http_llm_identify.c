
/*
 * Copyright (C) the llm_quota authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "llm_text.h"
#include "ngx_http_llm.h"


static ngx_int_t ngx_http_llm_identify_payer(ngx_http_llm_ctx_t *ctx);
static ngx_int_t ngx_http_llm_identify_value(ngx_http_llm_ctx_t *ctx,
    ngx_http_complex_value_t *cv, const char *what, ngx_str_t *id);
static ngx_int_t ngx_http_llm_identify_team(ngx_http_llm_ctx_t *ctx);
static ngx_int_t ngx_http_llm_identify_model(ngx_http_llm_ctx_t *ctx,
    const u_char *name, size_t len);
static ngx_int_t ngx_http_llm_identify_customer(ngx_http_llm_ctx_t *ctx,
    llm_request_t *body);
static ngx_int_t ngx_http_llm_customer_digest(ngx_http_llm_ctx_t *ctx,
    const u_char *text, size_t len);


/*
 * What names a subject: a field of the context, and of a pair also the
 * subject that it stands in.
 */

typedef struct {
    size_t                   field;          /* 0: it has no name */
    llm_subject_type_e       in;             /* GLOBAL: no pair */
} ngx_http_llm_subject_t;


#define ngx_http_llm_of_ctx(name)    offsetof(ngx_http_llm_ctx_t, name)


/* in the order of llm_subject_type_e */

static ngx_http_llm_subject_t  ngx_http_llm_subjects[] = {
    { 0, LLM_SUBJECT_GLOBAL },
    { ngx_http_llm_of_ctx(team), LLM_SUBJECT_GLOBAL },
    { ngx_http_llm_of_ctx(user), LLM_SUBJECT_GLOBAL },
    { ngx_http_llm_of_ctx(customer), LLM_SUBJECT_GLOBAL },
    { ngx_http_llm_of_ctx(key_id), LLM_SUBJECT_GLOBAL },
    { ngx_http_llm_of_ctx(model), LLM_SUBJECT_GLOBAL },
    { ngx_http_llm_of_ctx(model), LLM_SUBJECT_TEAM },
    { ngx_http_llm_of_ctx(model), LLM_SUBJECT_KEY },
    { ngx_http_llm_of_ctx(user), LLM_SUBJECT_TEAM },
    { 0, LLM_SUBJECT_GLOBAL }
};


static ngx_str_t  ngx_http_llm_anonymous = ngx_string("anonymous");


ngx_str_t *
ngx_http_llm_subject_id(ngx_http_llm_ctx_t *ctx, llm_subject_type_e type)
{
    size_t  field;

    static ngx_str_t  none = ngx_null_string;

    if (ngx_http_llm_zone_type(type) == LLM_SUBJECT_TAG) {
        return &ctx->tags[type - LLM_SUBJECT_TAG];
    }

    field = ngx_http_llm_subjects[type].field;

    return field ? (ngx_str_t *) ((u_char *) ctx + field) : &none;
}


llm_subject_type_e
ngx_http_llm_subject_in(llm_subject_type_e type)
{
    return ngx_http_llm_subjects[ngx_http_llm_zone_type(type)].in;
}


ngx_int_t
ngx_http_llm_identify(ngx_http_llm_ctx_t *ctx)
{
    ngx_int_t                 rc;
    ngx_uint_t                type;
    ngx_http_llm_loc_conf_t  *llcf;

    llcf = ctx->conf;

    rc = ngx_http_llm_identify_key(ctx);

    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_llm_identify_payer(ctx);

    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_llm_identify_value(ctx, llcf->customer, "customer",
                                     &ctx->customer);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_llm_identify_value(ctx, llcf->model, "model", &ctx->model);

    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_llm_identify_team(ctx);

    if (rc != NGX_OK) {
        return rc;
    }

    for (type = LLM_SUBJECT_TEAM; type <= LLM_SUBJECT_CUSTOMER; type++) {
        rc = ngx_http_llm_check_blocked(ctx, type);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (ctx->model.len || ctx->route.class == LLM_ROUTE_FREE) {
        return NGX_OK;
    }

    /* a path that names a model is what the provider obeys, whatever a member
       of the body says beside it */

    return ngx_http_llm_identify_model(ctx, ctx->route.model,
                                       ctx->route.model_len);
}


/* What a header says must not outvote a credential: whose key has no team or
   no user has none. */

static ngx_int_t
ngx_http_llm_identify_payer(ngx_http_llm_ctx_t *ctx)
{
    ngx_int_t  rc;

    if (ctx->key) {
        ctx->team = ctx->key->team;
        ctx->user = ctx->key->user;

        return NGX_OK;
    }

    rc = ngx_http_llm_identify_value(ctx, ctx->conf->team, "team",
                                     &ctx->team);
    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_http_llm_identify_value(ctx, ctx->conf->user, "user",
                                       &ctx->user);
}


static ngx_int_t
ngx_http_llm_identify_value(ngx_http_llm_ctx_t *ctx,
    ngx_http_complex_value_t *cv, const char *what, ngx_str_t *id)
{
    ngx_int_t  rc;

    if (cv == NULL) {
        return NGX_OK;
    }

    if (ngx_http_complex_value(ctx->request, cv, id) != NGX_OK) {
        return NGX_ERROR;
    }

    if (id->len == 0) {
        return NGX_OK;
    }

    rc = NGX_OK;

    if (!llm_text_is_id(id->data, id->len)) {
        rc = ngx_http_llm_refuse(ctx, NGX_HTTP_LLM_BAD_REQUEST,
                                 "The %s of the request is not valid: use 1 "
                                 "to %d printable bytes.", what, LLM_ID_MAX);

    } else if ((id->len == 7 && ngx_memcmp(id->data, "default", 7) == 0)
               || (id->len == 9 && ngx_memcmp(id->data, "anonymous", 9) == 0))
    {
        rc = ngx_http_llm_refuse(ctx, NGX_HTTP_LLM_BAD_REQUEST,
                                 "The %s of the request cannot be \"%V\": the "
                                 "name has a meaning of its own.", what, id);

    } else {
        return NGX_OK;
    }

    /* in a dry run it goes on as if it had none */

    ngx_str_null(id);

    return rc;
}


static ngx_int_t
ngx_http_llm_identify_team(ngx_http_llm_ctx_t *ctx)
{
    ngx_uint_t                own;
    const llm_row_t          *row;
    ngx_http_llm_rows_t      *rows;
    ngx_http_llm_loc_conf_t  *llcf;

    llcf = ctx->conf;
    rows = llcf->rows[LLM_SUBJECT_TEAM];

    if (ctx->team.len == 0) {
        ctx->team = ngx_http_llm_anonymous;
    }

    row = ngx_http_llm_find_row(rows, &ctx->team, &own);

    if (llcf->unknown_team == NGX_HTTP_LLM_ALLOW || own) {
        return NGX_OK;
    }

    if (llcf->unknown_team == NGX_HTTP_LLM_AUTO && (rows == NULL || row)) {
        return NGX_OK;
    }

    if (ngx_http_llm_is_entity(ctx, LLM_SUBJECT_TEAM)) {
        return NGX_OK;
    }

    return ngx_http_llm_refuse(ctx, NGX_HTTP_LLM_TEAM_DENIED,
                               "Team=%V is not known here.", &ctx->team);
}


ngx_int_t
ngx_http_llm_identify_body(ngx_http_llm_ctx_t *ctx, llm_request_t *body)
{
    ngx_int_t  rc;

    if (ctx->customer.len == 0 && body->customer_len) {

        if (ngx_http_llm_identify_customer(ctx, body) != NGX_OK) {
            return NGX_ERROR;
        }

        rc = ngx_http_llm_check_blocked(ctx, LLM_SUBJECT_CUSTOMER);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (body->others[0] != '\0') {
        ctx->others = body->others;
    }

    if (ctx->model.len) {
        return NGX_OK;
    }

    return ngx_http_llm_identify_model(ctx, body->model, body->model_len);
}


/* The name is copied: the scanner of bodies is shared. */

static ngx_int_t
ngx_http_llm_identify_model(ngx_http_llm_ctx_t *ctx, const u_char *name,
    size_t len)
{
    if (len == 0) {
        return NGX_OK;
    }

    if (!llm_text_is_id(name, len)) {
        return ngx_http_llm_refuse(ctx, NGX_HTTP_LLM_BAD_REQUEST,
                                   "The model of the request is not valid: "
                                   "use 1 to %d printable bytes.",
                                   LLM_ID_MAX);
    }

    ctx->model.data = ngx_pnalloc(ctx->request->pool, len);
    if (ctx->model.data == NULL) {
        return NGX_ERROR;
    }

    ctx->model.len = len;
    ngx_memcpy(ctx->model.data, name, len);

    return NGX_OK;
}


/* The form of a customer that a client wrote is never a reason to refuse. */

static ngx_int_t
ngx_http_llm_identify_customer(ngx_http_llm_ctx_t *ctx, llm_request_t *body)
{
    size_t         len;
    u_char         buf[LLM_REQUEST_CUSTOMER];
    const u_char  *name;

    len = ngx_min(body->customer_len, LLM_REQUEST_CUSTOMER);

    name = llm_text_customer(body->customer, len, buf, &len);

    if (body->customer_len > LLM_REQUEST_CUSTOMER
        || !llm_text_is_id(name, len))
    {
        return ngx_http_llm_customer_digest(ctx, name, len);
    }

    ctx->customer.data = ngx_pnalloc(ctx->request->pool, len);
    if (ctx->customer.data == NULL) {
        return NGX_ERROR;
    }

    ctx->customer.len = len;
    ngx_memcpy(ctx->customer.data, name, len);

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_customer_digest(ngx_http_llm_ctx_t *ctx, const u_char *text,
    size_t len)
{
    u_char  *p, digest[LLM_KEY_DIGEST];

    if (ngx_http_llm_digest(digest, text, len) != NGX_OK) {
        return NGX_ERROR;
    }

    p = ngx_pnalloc(ctx->request->pool, sizeof("sha256:") - 1 + 32);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ctx->customer.data = p;

    p = ngx_cpymem(p, "sha256:", sizeof("sha256:") - 1);
    p = ngx_hex_dump(p, digest, 16);

    ctx->customer.len = p - ctx->customer.data;

    return NGX_OK;
}
