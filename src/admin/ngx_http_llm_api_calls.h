
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _NGX_HTTP_LLM_API_CALLS_H_INCLUDED_
#define _NGX_HTTP_LLM_API_CALLS_H_INCLUDED_


#include "ngx_http_llm_api.h"


/* What the routes lead to: each answers the call, now or in a later step. */


/* ngx_http_llm_api_health.c */

void ngx_http_llm_api_alive(ngx_http_llm_call_t *call);
void ngx_http_llm_api_ready(ngx_http_llm_call_t *call);


#endif /* _NGX_HTTP_LLM_API_CALLS_H_INCLUDED_ */
