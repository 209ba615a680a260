
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _NGX_HTTP_LLM_CURL_ROOM_H_INCLUDED_
#define _NGX_HTTP_LLM_CURL_ROOM_H_INCLUDED_


#include "ngx_http_llm_curl.h"


/* What ngx_http_llm_curl.c and ngx_http_llm_mail.c know of each other. */


/* ngx_http_llm_curl.c */

/* What all transfers have in common; error has CURL_ERROR_SIZE bytes. */
ngx_int_t ngx_http_llm_curl_set(CURL *easy, const ngx_http_llm_curl_t *t,
    char *error);

/* Copies texts to the end of a list. */
ngx_int_t ngx_http_llm_curl_append(struct curl_slist **list,
    const char **texts, ngx_uint_t n);


/* ngx_http_llm_mail.c */

/* NGX_ERROR: it did not begin. */
ngx_int_t ngx_http_llm_mail_send(ngx_http_llm_curl_t *t);

void ngx_http_llm_mail_cancel(ngx_http_llm_curl_t *t);

/* At the end of the process: whether all threads have ended. */
ngx_uint_t ngx_http_llm_mail_exit(void);


#endif /* _NGX_HTTP_LLM_CURL_ROOM_H_INCLUDED_ */
