
/*
 * Copyright (C) the llm_quota authors
 */


#include "ngx_http_llm_api.h"
#include "ngx_http_llm_api_calls.h"


/* All calls, by their paths: LiteLLM's, and some of our own. */


#define NGX_HTTP_LLM_API_GET   (NGX_HTTP_GET|NGX_HTTP_HEAD)


const ngx_http_llm_api_route_t  ngx_http_llm_api_routes[] = {

    { NGX_HTTP_LLM_API_GET, "/health/liveliness", NGX_HTTP_LLM_API_PUBLIC,
      ngx_http_llm_api_alive, 0 },

    { NGX_HTTP_LLM_API_GET, "/health/liveness", NGX_HTTP_LLM_API_PUBLIC,
      ngx_http_llm_api_alive, 0 },

    { NGX_HTTP_LLM_API_GET, "/health/readiness", NGX_HTTP_LLM_API_PUBLIC,
      ngx_http_llm_api_ready, 0 },

    { NGX_HTTP_LLM_API_GET, "/health", NGX_HTTP_LLM_API_READ,
      ngx_http_llm_api_ready, 0 },

    { 0, NULL, 0, NULL, 0 }
};
