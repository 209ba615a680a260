
/*
 * Copyright (C) the llm_quota authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <jansson.h>

#include "llm_price_name.h"
#include "llm_text.h"
#include "ngx_http_llm_price_file.h"


/* Decimals of a unit: prices are pico-dollars, tokens are counted. */

#define NGX_HTTP_LLM_PRICE_FILE_USD     12
#define NGX_HTTP_LLM_PRICE_FILE_TOKENS  0

/* More digits than the shortest decimal of a double would only show how far
   it is from the number that was written. */

#define NGX_HTTP_LLM_PRICE_FILE_DIGITS  15


typedef struct {
    ngx_conf_t              *cf;
    ngx_str_t               *file;
    const char              *model;
} ngx_http_llm_price_file_t;


typedef struct {
    const char              *name;
    size_t                   offset;     /* in llm_price_t */
    int                      scale;
} ngx_http_llm_price_field_t;


static ngx_int_t ngx_http_llm_price_file_models(ngx_http_llm_price_file_t *pf,
    json_t *models, ngx_array_t *prices);
static ngx_int_t ngx_http_llm_price_file_add(ngx_http_llm_price_file_t *pf,
    llm_price_t *price, ngx_array_t *prices);
static ngx_int_t ngx_http_llm_price_file_model(ngx_http_llm_price_file_t *pf,
    json_t *model, llm_price_t *price);
static ngx_int_t ngx_http_llm_price_file_tokens(ngx_http_llm_price_file_t *pf,
    json_t *members, int64_t above, llm_price_t *price);
static ngx_int_t ngx_http_llm_price_file_tiers(ngx_http_llm_price_file_t *pf,
    json_t *tiers, llm_price_t *price);
static ngx_int_t ngx_http_llm_price_file_fields(ngx_http_llm_price_file_t *pf,
    json_t *model, llm_price_t *price);
static ngx_int_t ngx_http_llm_price_file_queries(ngx_http_llm_price_file_t *pf,
    json_t *model, llm_price_t *price);
static ngx_uint_t ngx_http_llm_price_file_has_other(json_t *model);
static ngx_int_t ngx_http_llm_price_file_searches(
    ngx_http_llm_price_file_t *pf, json_t *model, llm_price_t *price);
static ngx_int_t ngx_http_llm_price_file_number(ngx_http_llm_price_file_t *pf,
    const char *name, json_t *value, int scale, int64_t *number);
static int ngx_http_llm_price_file_decimal(json_t *value, int scale,
    int64_t *number);
static ngx_int_t ngx_http_llm_price_file_failed(ngx_http_llm_price_file_t *pf,
    const char *name, const char *what);


static const ngx_http_llm_price_field_t  ngx_http_llm_price_fields[] = {

    { "input_cost_per_request",
      offsetof(llm_price_t, request),
      NGX_HTTP_LLM_PRICE_FILE_USD },

    { "max_input_tokens",
      offsetof(llm_price_t, max_input),
      NGX_HTTP_LLM_PRICE_FILE_TOKENS },

    /* the older name, and so before the newer one */

    { "max_tokens",
      offsetof(llm_price_t, max_output),
      NGX_HTTP_LLM_PRICE_FILE_TOKENS },

    { "max_output_tokens",
      offsetof(llm_price_t, max_output),
      NGX_HTTP_LLM_PRICE_FILE_TOKENS },

    { NULL, 0, 0 }
};


ngx_int_t
ngx_http_llm_price_file_read(ngx_conf_t *cf, ngx_str_t *file,
    ngx_array_t *prices)
{
    json_t                     *models;
    ngx_int_t                   rc;
    ngx_uint_t                  before;
    json_error_t                error;
    ngx_http_llm_price_file_t   pf;

    models = json_load_file((char *) file->data, JSON_REJECT_DUPLICATES,
                            &error);

    if (models == NULL) {
        if (error.line < 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "llm_price_file \"%V\": %s", file, error.text);
            return NGX_ERROR;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "llm_price_file \"%V:%d:%d\": %s",
                           file, error.line, error.column, error.text);
        return NGX_ERROR;
    }

    pf.cf = cf;
    pf.file = file;
    pf.model = NULL;

    before = prices->nelts;

    rc = ngx_http_llm_price_file_models(&pf, models, prices);

    if (rc == NGX_OK && prices->nelts == before) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "llm_price_file \"%V\" has no price of tokens or "
                           "requests for any model", file);
    }

    json_decref(models);

    return rc;
}


static ngx_int_t
ngx_http_llm_price_file_models(ngx_http_llm_price_file_t *pf, json_t *models,
    ngx_array_t *prices)
{
    json_t       *model;
    ngx_int_t     rc;
    llm_price_t   price;

    if (!json_is_object(models)) {
        ngx_conf_log_error(NGX_LOG_EMERG, pf->cf, 0,
                           "llm_price_file \"%V\" is not an object with a "
                           "member for each model", pf->file);
        return NGX_ERROR;
    }

    json_object_foreach(models, pf->model, model) {

        /* the schema's own description */

        if (ngx_strcmp(pf->model, "sample_spec") == 0) {
            continue;
        }

        rc = ngx_http_llm_price_file_model(pf, model, &price);

        if (rc == NGX_OK) {
            rc = ngx_http_llm_price_file_add(pf, &price, prices);
        }

        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }

        /* rc == NGX_OK || rc == NGX_DECLINED */
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_price_file_add(ngx_http_llm_price_file_t *pf, llm_price_t *price,
    ngx_array_t *prices)
{
    u_char                 *name;
    size_t                  len;
    ngx_http_llm_price_t   *p, **pp;

    len = ngx_strlen(pf->model);

    if (len == 0 || len > LLM_ID_MAX) {
        return ngx_http_llm_price_file_failed(pf, NULL,
                         "has no valid name: 1 to 128 bytes are expected");
    }

    p = ngx_palloc(pf->cf->pool, sizeof(ngx_http_llm_price_t));
    if (p == NULL) {
        return NGX_ERROR;
    }

    name = ngx_pnalloc(pf->cf->pool, len);
    if (name == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(name, pf->model, len);

    p->name.len = len;
    p->name.data = name;
    p->price = *price;

    pp = ngx_array_push(prices);
    if (pp == NULL) {
        return NGX_ERROR;
    }

    *pp = p;

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_price_file_model(ngx_http_llm_price_file_t *pf, json_t *model,
    llm_price_t *price)
{
    if (!json_is_object(model)) {
        return ngx_http_llm_price_file_failed(pf, NULL,
                         "is not an object with the prices of the model");
    }

    llm_price_init(price);

    if (ngx_http_llm_price_file_tokens(pf, model, 0, price) != NGX_OK
        || ngx_http_llm_price_file_tiers(pf,
                         json_object_get(model, "tiered_pricing"), price)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    llm_price_complete(price);

    if (ngx_http_llm_price_file_fields(pf, model, price) != NGX_OK
        || ngx_http_llm_price_file_queries(pf, model, price) != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* what costs by the image or the second only must not pass for a free
       model because its tokens cost nothing */

    if (llm_price_is_empty(price)
        || (llm_price_is_free(price)
            && ngx_http_llm_price_file_has_other(model)))
    {
        return NGX_DECLINED;
    }

    return ngx_http_llm_price_file_searches(pf, model, price);
}


static ngx_int_t
ngx_http_llm_price_file_tokens(ngx_http_llm_price_file_t *pf, json_t *members,
    int64_t above, llm_price_t *price)
{
    json_t              *value;
    int64_t              unit;
    const char          *name;
    llm_price_member_t   member;

    json_object_foreach(members, name, value) {

        if (llm_price_member(&member, (const u_char *) name, ngx_strlen(name))
            != 0)
        {
            continue;
        }

        unit = LLM_PRICE_UNSET;

        if (ngx_http_llm_price_file_number(pf, name, value,
                                           NGX_HTTP_LLM_PRICE_FILE_USD, &unit)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        if (unit == LLM_PRICE_UNSET) {
            continue;
        }

        if (above) {
            member.above = above;
        }

        if (llm_price_put(price, &member, unit) != 0) {
            return ngx_http_llm_price_file_failed(pf, name,
                         "is for one more threshold than the 4 that a model "
                         "can have");
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_price_file_tiers(ngx_http_llm_price_file_t *pf, json_t *tiers,
    llm_price_t *price)
{
    size_t    i;
    json_t   *tier, *range;
    int64_t   above;

    if (tiers == NULL || json_is_null(tiers)) {
        return NGX_OK;
    }

    if (!json_is_array(tiers)) {
        return ngx_http_llm_price_file_failed(pf, "tiered_pricing",
                                              "is not an array");
    }

    json_array_foreach(tiers, i, tier) {

        if (!json_is_object(tier)) {
            return ngx_http_llm_price_file_failed(pf, "tiered_pricing",
                                                  "holds what is no object");
        }

        range = json_object_get(tier, "range");

        if (range == NULL) {

            /* by the number of results, which no answer states */

            continue;
        }

        above = LLM_PRICE_UNSET;

        if (ngx_http_llm_price_file_number(pf, "range",
                         json_array_get(range, 0),
                         NGX_HTTP_LLM_PRICE_FILE_TOKENS, &above)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        if (above == LLM_PRICE_UNSET) {
            return ngx_http_llm_price_file_failed(pf, "range",
                         "is not an array that begins with a number of "
                         "tokens");
        }

        if (ngx_http_llm_price_file_tokens(pf, tier, above, price) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_price_file_fields(ngx_http_llm_price_file_t *pf, json_t *model,
    llm_price_t *price)
{
    int64_t                           *number;
    const ngx_http_llm_price_field_t  *field;

    for (field = ngx_http_llm_price_fields; field->name; field++) {
        number = (int64_t *) ((u_char *) price + field->offset);

        if (ngx_http_llm_price_file_number(pf, field->name,
                                           json_object_get(model, field->name),
                                           field->scale, number)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* Rerankers and search engines, whose tokens have no price or that of 0. */

static ngx_int_t
ngx_http_llm_price_file_queries(ngx_http_llm_price_file_t *pf, json_t *model,
    llm_price_t *price)
{
    if (!llm_price_is_empty(price) && !llm_price_is_free(price)) {
        return NGX_OK;
    }

    return ngx_http_llm_price_file_number(pf, "input_cost_per_query",
                         json_object_get(model, "input_cost_per_query"),
                         NGX_HTTP_LLM_PRICE_FILE_USD, &price->request);
}


/* Prices of other units: images, seconds, pages. */

static ngx_uint_t
ngx_http_llm_price_file_has_other(json_t *model)
{
    json_t      *value;
    int64_t      unit;
    const char  *name;

    json_object_foreach(model, name, value) {

        if (ngx_strstr(name, "cost")
            && ngx_http_llm_price_file_decimal(value,
                                         NGX_HTTP_LLM_PRICE_FILE_USD, &unit)
               == 0
            && unit > 0)
        {
            return 1;
        }
    }

    return 0;
}


static ngx_int_t
ngx_http_llm_price_file_searches(ngx_http_llm_price_file_t *pf, json_t *model,
    llm_price_t *price)
{
    json_t  *search;

    search = json_object_get(model, "search_context_cost_per_query");

    if (search == NULL || json_is_null(search)) {
        return NGX_OK;
    }

    if (!json_is_object(search)) {
        return ngx_http_llm_price_file_failed(pf,
                         "search_context_cost_per_query", "is not an object");
    }

    return ngx_http_llm_price_file_number(pf, "search_context_size_medium",
                         json_object_get(search, "search_context_size_medium"),
                         NGX_HTTP_LLM_PRICE_FILE_USD, &price->web_search);
}


/* Leaves *number as it is where there is no value. */

static ngx_int_t
ngx_http_llm_price_file_number(ngx_http_llm_price_file_t *pf,
    const char *name, json_t *value, int scale, int64_t *number)
{
    if (value == NULL || json_is_null(value)) {
        return NGX_OK;
    }

    switch (ngx_http_llm_price_file_decimal(value, scale, number)) {

    case 0:
        return NGX_OK;

    case -2:
        return ngx_http_llm_price_file_failed(pf, name,
                         "is negative: at least 0 is expected");

    case -3:
        return ngx_http_llm_price_file_failed(pf, name, "is too large");

    default: /* -1 */
        return ngx_http_llm_price_file_failed(pf, name,
                         "is neither a number nor a string with one");
    }
}


static int
ngx_http_llm_price_file_decimal(json_t *value, int scale, int64_t *number)
{
    char         buf[LLM_DECIMAL_MAX];
    size_t       len;
    const char  *text;

    if (json_is_string(value)) {
        text = json_string_value(value);
        len = json_string_length(value);

    } else if (json_is_number(value)) {
        text = buf;
        len = json_dumpb(value, buf, LLM_DECIMAL_MAX,
                         JSON_ENCODE_ANY
                         |JSON_REAL_PRECISION(NGX_HTTP_LLM_PRICE_FILE_DIGITS));

    } else {
        return -1;
    }

    return llm_decimal_parse((const u_char *) text, len, scale, number);
}


static ngx_int_t
ngx_http_llm_price_file_failed(ngx_http_llm_price_file_t *pf,
    const char *name, const char *what)
{
    if (name == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, pf->cf, 0,
                           "llm_price_file \"%V\": \"%s\" %s",
                           pf->file, pf->model, what);

    } else {
        ngx_conf_log_error(NGX_LOG_EMERG, pf->cf, 0,
                           "llm_price_file \"%V\": \"%s\" of \"%s\" %s",
                           pf->file, name, pf->model, what);
    }

    return NGX_ERROR;
}
