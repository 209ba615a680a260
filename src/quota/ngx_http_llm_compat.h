
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _NGX_HTTP_LLM_COMPAT_H_INCLUDED_
#define _NGX_HTTP_LLM_COMPAT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <openssl/evp.h>


/* Everything that differs between the versions of nginx, and of OpenSSL. */

#if (nginx_version < 1022000)
#error "llm_quota needs nginx 1.22 or later"
#endif


/* since 1.23.0 header lines of one name are a linked list */

#if (nginx_version >= 1023000)
#define ngx_http_llm_header_init(h)         (h)->next = NULL
#define ngx_http_llm_header_link(h, other)  (h)->next = (other)
#else
#define ngx_http_llm_header_init(h)
#define ngx_http_llm_header_link(h, other)
#endif


/* since OpenSSL 3.0 an algorithm that was not fetched is at each use */

#if (OPENSSL_VERSION_NUMBER >= 0x30000000L)
#define ngx_http_llm_md_fetch(name)         EVP_MD_fetch(NULL, name, NULL)
#define ngx_http_llm_md_free(md)            EVP_MD_free((EVP_MD *) md)
#else
#define ngx_http_llm_md_fetch(name)         EVP_get_digestbyname(name)
#define ngx_http_llm_md_free(md)
#endif


#endif /* _NGX_HTTP_LLM_COMPAT_H_INCLUDED_ */
