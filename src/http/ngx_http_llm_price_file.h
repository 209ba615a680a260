
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _NGX_HTTP_LLM_PRICE_FILE_H_INCLUDED_
#define _NGX_HTTP_LLM_PRICE_FILE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_llm_catalog.h"


/*
 * Appends to prices, an array of ngx_http_llm_price_t *, the models of a file
 * that charges tokens or requests; the others stay unpriced.  What does not
 * parse is an error, and logged.
 */
ngx_int_t ngx_http_llm_price_file_read(ngx_conf_t *cf, ngx_str_t *file,
    ngx_array_t *prices);


#endif /* _NGX_HTTP_LLM_PRICE_FILE_H_INCLUDED_ */
