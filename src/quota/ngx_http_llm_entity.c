
/*
 * Copyright (C) the llm_quota authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_http_llm_entity.h"


static ngx_int_t ngx_http_llm_entity_read(ngx_str_t *kind, ngx_str_t *json,
    llm_entity_kind_e *type, char *error);
static ngx_int_t ngx_http_llm_entity_put(llm_entity_put_e rc, char *error);


/* used within one call: a worker needs one */

static llm_record_t  ngx_http_llm_entity_record;


ngx_int_t
ngx_http_llm_entity_check(ngx_http_llm_zone_t *zone, ngx_str_t *kind,
    ngx_str_t *id, ngx_str_t *json, char *error)
{
    ngx_int_t          rc;
    llm_zone_t        *z;
    llm_entity_put_e   put;
    llm_entity_kind_e  type;

    rc = ngx_http_llm_entity_read(kind, json, &type, error);

    if (rc != NGX_OK || type == LLM_ENTITY_KINDS) {
        return rc;
    }

    z = ngx_http_llm_zone_lock(zone);
    put = llm_entity_check(z, type, id->data, id->len,
                           json->data ? &ngx_http_llm_entity_record : NULL);
    ngx_http_llm_zone_unlock(zone);

    return ngx_http_llm_entity_put(put, error);
}


ngx_int_t
ngx_http_llm_entity_publish(ngx_http_llm_zone_t *zone, ngx_str_t *kind,
    ngx_str_t *id, int64_t version, ngx_str_t *json, char *error)
{
    ngx_int_t          rc;
    llm_zone_t        *z;
    llm_entity_put_e   put;
    llm_entity_kind_e  type;

    rc = ngx_http_llm_entity_read(kind, json, &type, error);

    if (rc != NGX_OK || type == LLM_ENTITY_KINDS) {
        return rc;
    }

    z = ngx_http_llm_zone_lock(zone);
    put = llm_entity_put(z, type, id->data, id->len, version,
                         json->data ? &ngx_http_llm_entity_record : NULL);
    ngx_http_llm_zone_unlock(zone);

    return ngx_http_llm_entity_put(put, error);
}


static ngx_int_t
ngx_http_llm_entity_read(ngx_str_t *kind, ngx_str_t *json,
    llm_entity_kind_e *type, char *error)
{
    *type = llm_entity_kind(kind->data, kind->len);

    if (*type == LLM_ENTITY_KINDS || json->data == NULL) {
        return NGX_OK;
    }

    return llm_entity_text(&ngx_http_llm_entity_record, *type, json->data,
                           json->len, error)
           == 0 ? NGX_OK : NGX_DECLINED;
}


static ngx_int_t
ngx_http_llm_entity_put(llm_entity_put_e rc, char *error)
{
    u_char  *p;

    switch (rc) {

    case LLM_ENTITY_FULL:
        p = ngx_snprintf((u_char *) error, LLM_ENTITY_ERROR - 1,
                         "the zone has no room for another entity, make it "
                         "larger");
        *p = '\0';

        return NGX_BUSY;

    case LLM_ENTITY_PERIODS:
        p = ngx_snprintf((u_char *) error, LLM_ENTITY_ERROR - 1,
                         "budget_duration brings the periods of its kind over "
                         "%d: use fewer different ones", LLM_KEPT_PERIODS);
        *p = '\0';

        return NGX_DECLINED;

    default: /* LLM_ENTITY_DONE, LLM_ENTITY_OLD */
        return NGX_OK;
    }
}
