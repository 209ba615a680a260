
/*
 * Copyright (C) the llm_quota authors
 */


#include "ngx_http_llm_api_fact.h"
#include "llm_money.h"


/* What corrections and resets have in common. */


ngx_http_llm_fact_t *
ngx_http_llm_call_fact(ngx_http_llm_call_t *call)
{
    ngx_http_llm_fact_t  *fact;

    fact = ngx_pcalloc(call->pool, sizeof(ngx_http_llm_fact_t));
    if (fact == NULL) {
        ngx_http_llm_call_end(call, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return NULL;
    }

    call->data = fact;

    return fact;
}


void
ngx_http_llm_fact_actor(ngx_http_llm_call_t *call, ngx_http_llm_fact_t *fact,
    const json_t *doc)
{
    ngx_str_t         reason;
    llm_line_fact_t  *line;

    line = &fact->line;

    line->made = ngx_http_llm_call_now();
    line->timestamp = line->made;

    line->who.data = call->changed_by.data;
    line->who.len = call->changed_by.len;
    line->address.data = call->address.data;
    line->address.len = call->address.len;

    /* as the audit has it */

    line->who_key.data = (u_char *) "master";
    line->who_key.len = sizeof("master") - 1;

    reason.data = (u_char *) llm_api_string(doc, "reason", &reason.len);

    if (reason.data == NULL
        && !ngx_http_llm_call_arg(call, "reason", &reason))
    {
        reason.len = 0;
    }

    line->reason.data = reason.data;
    line->reason.len = ngx_min(reason.len, LLM_FACT_REASON);
}


/* A string is taken, too: a decimal in it is exact. */

ngx_int_t
ngx_http_llm_fact_amount(const json_t *doc, const char *name, int scale,
    int64_t *amount)
{
    int            minus, rc;
    char          *text;
    size_t         len;
    const u_char  *p;
    const json_t  *value;

    *amount = 0;

    value = json_object_get(doc, name);

    if (value == NULL || json_is_null(value)) {
        return NGX_OK;
    }

    if (!json_is_number(value) && !json_is_string(value)) {
        return NGX_DECLINED;
    }

    text = json_dumps(value, JSON_ENCODE_ANY
                             |JSON_REAL_PRECISION(LLM_API_DIGITS));
    if (text == NULL) {
        return NGX_DECLINED;
    }

    p = (u_char *) text;
    len = ngx_strlen(text);

    if (json_is_string(value)) {
        p++;
        len -= 2;
    }

    minus = (len && *p == '-');

    rc = llm_decimal_parse(p + minus, len - minus, scale, amount);

    free(text);

    if (minus) {
        *amount = -*amount;
    }

    return (rc == 0) ? NGX_OK : NGX_DECLINED;
}


ngx_uint_t
ngx_http_llm_fact_can(ngx_http_llm_call_t *call)
{
    if (call->api->admin.zone.ledger->failing) {
        ngx_http_llm_call_unavailable(call, "has a ledger that cannot be "
                                            "written");
        return 0;
    }

    return 1;
}


llm_index_t
ngx_http_llm_fact_make(ngx_http_llm_call_t *call, ngx_http_llm_fact_t *fact)
{
    llm_zone_t           *z;
    llm_fact_t           *slot;
    llm_index_t           i;
    ngx_http_llm_zone_t  *zone;

    zone = call->api->admin.zone.zone;
    z = zone->zone;

    i = llm_fact_slot(z);

    if (i == LLM_NONE) {
        return LLM_NONE;
    }

    slot = llm_zone_fact(z, i);

    fact->change.keys = fact->keys;
    fact->change.nkeys = fact->nkeys;
    fact->change.time = fact->line.timestamp / 1000;

    fact->line.epoch = z->epoch;
    fact->line.number = slot->id;

    fact->id_len = llm_line_id(fact->id, z->epoch, slot->id) - fact->id;

    slot->len = llm_line_fact(slot->line, &fact->line) - slot->line;

    llm_fact_make(z, &zone->clock, i, zone->worker, &fact->change);

    return i;
}


/* 0: in the next turn of the event loop. */

void
ngx_http_llm_fact_later(ngx_http_llm_call_t *call,
    ngx_event_handler_pt handler, ngx_msec_t timer)
{
    ngx_http_llm_fact_t  *fact;

    fact = call->data;

    fact->call = call;
    fact->connection.fd = (ngx_socket_t) -1;

    fact->timer.handler = handler;
    fact->timer.data = &fact->connection;
    fact->timer.log = ngx_cycle->log;

    if (timer) {
        ngx_add_timer(&fact->timer, timer);

    } else {
        ngx_post_event(&fact->timer, &ngx_posted_next_events);
    }
}
