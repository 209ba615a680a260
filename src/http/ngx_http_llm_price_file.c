
/*
 * Copyright (C) the llm_quota authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "llm_price_entry.h"
#include "llm_text.h"
#include "ngx_http_llm_price_file.h"


typedef struct {
    ngx_conf_t              *cf;
    ngx_str_t               *file;
    const char              *model;
} ngx_http_llm_price_file_t;


static ngx_int_t ngx_http_llm_price_file_models(ngx_http_llm_price_file_t *pf,
    json_t *models, ngx_array_t *prices);
static ngx_int_t ngx_http_llm_price_file_add(ngx_http_llm_price_file_t *pf,
    llm_price_t *price, ngx_array_t *prices);
static ngx_int_t ngx_http_llm_price_file_failed(ngx_http_llm_price_file_t *pf,
    const char *name, const char *what);


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
    json_t             *model;
    llm_price_t         price;
    llm_price_fault_t   fault;

    if (!json_is_object(models)) {
        ngx_conf_log_error(NGX_LOG_EMERG, pf->cf, 0,
                           "llm_price_file \"%V\" is not an object with a "
                           "member for each model", pf->file);
        return NGX_ERROR;
    }

    json_object_foreach(models, pf->model, model) {

        if (ngx_strcmp(pf->model, LLM_PRICE_SPEC) == 0) {
            continue;
        }

        switch (llm_price_entry(&price, model, &fault)) {

        case LLM_PRICE_READ:

            if (ngx_http_llm_price_file_add(pf, &price, prices) != NGX_OK) {
                return NGX_ERROR;
            }

            break;

        case LLM_PRICE_NONE:
            break;

        default: /* LLM_PRICE_WRONG */
            return ngx_http_llm_price_file_failed(pf, fault.member,
                                                  fault.what);
        }
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
