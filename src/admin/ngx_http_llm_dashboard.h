
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _NGX_HTTP_LLM_DASHBOARD_H_INCLUDED_
#define _NGX_HTTP_LLM_DASHBOARD_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/* The parts of the page, which scripts/embed writes as C: src/admin/page. */

extern const ngx_str_t  ngx_http_llm_page_html;
extern const ngx_str_t  ngx_http_llm_page_style;
extern const ngx_str_t  ngx_http_llm_page_script;


#endif /* _NGX_HTTP_LLM_DASHBOARD_H_INCLUDED_ */
