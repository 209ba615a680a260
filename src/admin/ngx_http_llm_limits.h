
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _NGX_HTTP_LLM_LIMITS_H_INCLUDED_
#define _NGX_HTTP_LLM_LIMITS_H_INCLUDED_


#include "ngx_http_llm_admin.h"


/* What bears on a subject in any place, of each resource and window the lowest
   limit. */

#define NGX_HTTP_LLM_LIMITS  32

typedef struct {
    llm_limit_t              limits[NGX_HTTP_LLM_LIMITS];
    ngx_uint_t               n;
} ngx_http_llm_limits_t;


/* By LLM_RESOURCE_: "requests", "tokens", ... */
extern const char  *ngx_http_llm_resources[];


/* Finds them, by the name that the zone has of the subject.  Locks the zone. */
void ngx_http_llm_limits_of(ngx_http_llm_admin_zone_t *zone,
    llm_subject_type_e type, const u_char *name, size_t len,
    ngx_http_llm_limits_t *limits);


#endif /* _NGX_HTTP_LLM_LIMITS_H_INCLUDED_ */
