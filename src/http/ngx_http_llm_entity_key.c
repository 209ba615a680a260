
/*
 * Copyright (C) the llm_quota authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "llm_entity.h"
#include "ngx_http_llm.h"


/*
 * Virtual keys that were made over the admin API.  One that was regenerated
 * leads to the one in its place until its grace ends.
 */


#define NGX_HTTP_LLM_REPLACED  8     /* keys, one after the other */


static ngx_int_t ngx_http_llm_entity_key_set(ngx_pool_t *pool,
    ngx_http_llm_key_t *key, const llm_record_item_t *item);
static ngx_int_t ngx_http_llm_entity_key_text(ngx_pool_t *pool,
    ngx_str_t *text, const llm_record_item_t *item);


/* used within one call: a worker needs one */

static llm_record_t  ngx_http_llm_key_record;


ngx_int_t
ngx_http_llm_entity_key(ngx_http_request_t *r, ngx_http_llm_quota_t *quota,
    const u_char *digest, const ngx_http_llm_key_t **found)
{
    size_t               at;
    u_char               hex[2 * LLM_KEY_DIGEST];
    int64_t              grace;
    ngx_str_t            id;
    ngx_uint_t           i;
    llm_record_item_t    item;
    llm_entity_state_e   state;
    ngx_http_llm_key_t  *key;

    if (llm_entity_changes(quota->zone.zone) == 0) {
        return NGX_DECLINED;
    }

    id.data = hex;
    id.len = ngx_hex_dump(hex, (u_char *) digest, LLM_KEY_DIGEST) - hex;

    grace = INT64_MAX;

    for (i = 0; i < NGX_HTTP_LLM_REPLACED; i++) {
        state = ngx_http_llm_get_entity(quota, LLM_ENTITY_KEY, &id,
                                        &ngx_http_llm_key_record);

        if (state == LLM_ENTITY_FREE) {
            return i ? NGX_ABORT : NGX_DECLINED;
        }

        if (state == LLM_ENTITY_GONE) {
            return NGX_ABORT;
        }

        if (!llm_record_find(&ngx_http_llm_key_record, LLM_RECORD_REPLACED_BY,
                             &item)
            || item.len != sizeof(hex))
        {
            break;
        }

        ngx_memcpy(hex, item.text, item.len);

        if (llm_record_find(&ngx_http_llm_key_record, LLM_RECORD_EXPIRES,
                            &item)
            && item.amount != LLM_RECORD_LIFTED)
        {
            grace = ngx_min(grace, item.amount);
        }
    }

    key = ngx_pcalloc(r->pool, sizeof(ngx_http_llm_key_t));
    if (key == NULL) {
        return NGX_ERROR;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     key->team = { 0, NULL };
     *     key->user = { 0, NULL };
     *     key->row = NULL;
     *     key->blocked = 0;
     */

    if (*found) {
        *key = **found;

    } else {
        key->expires = INT64_MAX;

        key->id.len = id.len;
        key->id.data = ngx_pstrdup(r->pool, &id);

        if (key->id.data == NULL) {
            return NGX_ERROR;
        }

        key->sn.str = key->id;
        key->counted = key->id;
    }

    for (at = 0;
         llm_record_next(&ngx_http_llm_key_record, &at, &item);
         /* void */ )
    {
        if (ngx_http_llm_entity_key_set(r->pool, key, &item) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    key->expires = ngx_min(key->expires, grace);
    *found = key;

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_entity_key_set(ngx_pool_t *pool, ngx_http_llm_key_t *key,
    const llm_record_item_t *item)
{
    switch (item->tag) {

    case LLM_RECORD_ALIAS:
        return item->len
               ? ngx_http_llm_entity_key_text(pool, &key->sn.str, item)
               : NGX_OK;

    case LLM_RECORD_TEAM:
        return ngx_http_llm_entity_key_text(pool, &key->team, item);

    case LLM_RECORD_USER:
        return ngx_http_llm_entity_key_text(pool, &key->user, item);

    case LLM_RECORD_COUNTS_AS:
        return item->len
               ? ngx_http_llm_entity_key_text(pool, &key->counted, item)
               : NGX_OK;

    case LLM_RECORD_EXPIRES:
        key->expires = (item->amount == LLM_RECORD_LIFTED) ? INT64_MAX
                                                           : item->amount;
        return NGX_OK;

    case LLM_RECORD_BLOCKED:
        key->blocked = (item->amount != 0);
        return NGX_OK;

    default:
        return NGX_OK;
    }
}


static ngx_int_t
ngx_http_llm_entity_key_text(ngx_pool_t *pool, ngx_str_t *text,
    const llm_record_item_t *item)
{
    ngx_str_t  value;

    value.data = (u_char *) item->text;
    value.len = item->len;

    text->len = value.len;
    text->data = ngx_pstrdup(pool, &value);

    return text->data ? NGX_OK : NGX_ERROR;
}
