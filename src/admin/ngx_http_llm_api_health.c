
/*
 * Copyright (C) the llm_quota authors
 */


#include "ngx_http_llm_api_calls.h"
#include "llm_others.h"


/* /health */


void
ngx_http_llm_api_alive(ngx_http_llm_call_t *call)
{
    ngx_http_llm_out_text(call, "I'm alive!", sizeof("I'm alive!") - 1);
    ngx_http_llm_call_answer(call, NGX_HTTP_OK);
}


/* Ready is who knows what was spent before, and the entities that other nodes
   have made, unless they cannot be asked and there are own ones; who loses the
   store later goes on counting, and says so. */

void
ngx_http_llm_api_ready(ngx_http_llm_call_t *call)
{
    ngx_uint_t         ready, away;
    const llm_zone_t  *z;

    z = call->api->admin.zone.zone->zone;

    ready = z->ready && !llm_others_late(z, z->entities_polled == 0);
    away = z->away || z->damaged;

    ngx_http_llm_out_open(call, '{');

    ngx_http_llm_out_name(call, "status");
    ngx_http_llm_out_cstr(call, !ready ? "starting"
                                       : away ? "degraded" : "healthy");
    ngx_http_llm_out_name(call, "db");
    ngx_http_llm_out_cstr(call, away ? "Not connected" : "connected");

    ngx_http_llm_out_name(call, "cache");
    ngx_http_llm_out_word(call, "null");

    ngx_http_llm_out_name(call, "zone");
    ngx_http_llm_out_str(call, call->api->admin.zone.name);

    ngx_http_llm_out_close(call, '}');

    ngx_http_llm_call_answer(call, ready ? NGX_HTTP_OK
                                         : NGX_HTTP_SERVICE_UNAVAILABLE);
}
