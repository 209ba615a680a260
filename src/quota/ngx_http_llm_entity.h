
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _NGX_HTTP_LLM_ENTITY_H_INCLUDED_
#define _NGX_HTTP_LLM_ENTITY_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "llm_entity.h"
#include "llm_entity_doc.h"
#include "ngx_http_llm_zone.h"


/*
 * Entities come from the store into the zone.  Kinds that are not the zone's
 * business are taken and forgotten.
 */


/*
 * Before the store's transaction: NGX_OK; NGX_DECLINED: the document is wrong,
 * or brings too many periods; NGX_BUSY: the zone has no room.  Of the last two
 * error, which has LLM_ENTITY_ERROR bytes, says what is wrong.  json.data NULL:
 * it is to be deleted.
 */
ngx_int_t ngx_http_llm_entity_check(ngx_http_llm_zone_t *zone,
    ngx_str_t *kind, ngx_str_t *id, ngx_str_t *json, char *error);

/*
 * After it, with the version that it gave: from when this returns every worker
 * decides by it.  Likewise; what the zone knows a later version of is left as
 * it is, which is NGX_OK.
 */
ngx_int_t ngx_http_llm_entity_publish(ngx_http_llm_zone_t *zone,
    ngx_str_t *kind, ngx_str_t *id, int64_t version, ngx_str_t *json,
    char *error);


#endif /* _NGX_HTTP_LLM_ENTITY_H_INCLUDED_ */
