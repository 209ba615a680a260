
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _NGX_HTTP_LLM_DIGEST_H_INCLUDED_
#define _NGX_HTTP_LLM_DIGEST_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "llm_key.h"


/* SHA-256; digest has LLM_KEY_DIGEST bytes. */
ngx_int_t ngx_http_llm_digest(u_char *digest, const u_char *data, size_t len);

/* At the end of a process. */
void ngx_http_llm_digest_done(void);


#endif /* _NGX_HTTP_LLM_DIGEST_H_INCLUDED_ */
