
/*
 * Copyright (C) the llm_quota authors
 */


#include "ngx_http_llm_api_calls.h"


/* What a virtual key may read beside itself: what is its team's. */


const ngx_http_llm_kind_t *
ngx_http_llm_call_own(ngx_http_llm_call_t *call, ngx_str_t *id)
{
    if (call->key == NULL) {
        return NULL;
    }

    id->data = (u_char *) llm_api_string(call->key, "team_id", &id->len);

    if (id->data && id->len) {
        return &ngx_http_llm_kind_team;
    }

    *id = call->key_id;

    return &ngx_http_llm_kind_key;
}


ngx_int_t
ngx_http_llm_call_own_usage(ngx_http_llm_call_t *call,
    llm_store_usage_list_t *want)
{
    ngx_str_t                   id;
    llm_store_text_t           *filter;
    const ngx_http_llm_kind_t  *kind;

    kind = ngx_http_llm_call_own(call, &id);

    if (kind == NULL) {
        return NGX_OK;
    }

    filter = (kind == &ngx_http_llm_kind_team) ? &want->team : &want->key;

    if (filter->len
        && (filter->len != id.len
            || ngx_memcmp(filter->data, id.data, id.len) != 0))
    {
        ngx_http_llm_call_foreign(call);
        return NGX_ERROR;
    }

    ngx_http_llm_store_set(filter, &id);

    return NGX_OK;
}


void
ngx_http_llm_call_foreign(ngx_http_llm_call_t *call)
{
    ngx_http_llm_call_error(call, NGX_HTTP_FORBIDDEN, "auth_error", NULL,
                            "This key may only read what is its own.");
}
