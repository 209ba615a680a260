
/*
 * Copyright (C) the llm_quota authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_llm_compat.h"
#include "ngx_http_llm_digest.h"


/* Fetched and made once in a process: in OpenSSL 3 both cost more than the
   digest of a key. */

static const EVP_MD  *ngx_http_llm_md;
static EVP_MD_CTX    *ngx_http_llm_md_ctx;


ngx_int_t
ngx_http_llm_digest(u_char *digest, const u_char *data, size_t len)
{
    if (ngx_http_llm_md == NULL) {
        ngx_http_llm_md = ngx_http_llm_md_fetch("SHA256");
    }

    if (ngx_http_llm_md_ctx == NULL) {
        ngx_http_llm_md_ctx = EVP_MD_CTX_new();
    }

    if (ngx_http_llm_md == NULL
        || ngx_http_llm_md_ctx == NULL
        || EVP_DigestInit_ex(ngx_http_llm_md_ctx, ngx_http_llm_md, NULL) != 1
        || EVP_DigestUpdate(ngx_http_llm_md_ctx, data, len) != 1
        || EVP_DigestFinal_ex(ngx_http_llm_md_ctx, digest, NULL) != 1)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


void
ngx_http_llm_digest_done(void)
{
    EVP_MD_CTX_free(ngx_http_llm_md_ctx);
    ngx_http_llm_md_ctx = NULL;

    ngx_http_llm_md_free(ngx_http_llm_md);
    ngx_http_llm_md = NULL;
}
