
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _NGX_HTTP_LLM_CATALOG_H_INCLUDED_
#define _NGX_HTTP_LLM_CATALOG_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "llm_price.h"


/*
 * The prices of models: llm_price lines, which win, and the files of
 * llm_price_file, whose schema is that of LiteLLM's
 * model_prices_and_context_window.json.  Made while the configuration is
 * read, then never changed but for what each worker remembers of its look-ups.
 */

typedef struct ngx_http_llm_catalog_s  ngx_http_llm_catalog_t;


typedef struct {
    ngx_str_t                name;       /* the price's id in the ledger */
    llm_price_t              price;
} ngx_http_llm_price_t;


ngx_http_llm_catalog_t *ngx_http_llm_catalog_create(ngx_conf_t *cf);

/* Directive handlers; conf is the catalogue. */
char *ngx_http_llm_catalog_price(ngx_conf_t *cf,
    ngx_http_llm_catalog_t *catalog);
char *ngx_http_llm_catalog_file(ngx_conf_t *cf,
    ngx_http_llm_catalog_t *catalog);

/* After the last directive: makes the index. */
ngx_int_t ngx_http_llm_catalog_done(ngx_conf_t *cf,
    ngx_http_llm_catalog_t *catalog);

/*
 * The price of a model, or NULL: looked up exactly, then without provider
 * prefix, then without a date suffix, then by what follows the provider in
 * the names known ("grok-4.5" for "xai/grok-4.5") if all of these have one
 * price, then by pattern.  Allocates nothing, and remembers what it found.
 */
const ngx_http_llm_price_t *ngx_http_llm_catalog_find(
    ngx_http_llm_catalog_t *catalog, const u_char *name, size_t len);

/* What usage costs, in nano-dollars; -1: the model has no price.  catalog is
   the ngx_http_llm_catalog_t. */
int64_t ngx_http_llm_catalog_cost(void *catalog, const u_char *model,
    size_t len, const llm_usage_t *usage, llm_tier_e tier);

/* The i-th price as it was read, of lines, then of patterns, then of lists;
   NULL: there are not so many. */
const ngx_http_llm_price_t *ngx_http_llm_catalog_at(
    const ngx_http_llm_catalog_t *catalog, ngx_uint_t i);

/* Whether any model is free: then a budget that is spent refuses only after
   the model is known. */
ngx_uint_t ngx_http_llm_catalog_has_free(
    const ngx_http_llm_catalog_t *catalog);


#endif /* _NGX_HTTP_LLM_CATALOG_H_INCLUDED_ */
