
/*
 * Copyright (C) the llm_quota authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include "llm_line_fact.h"
#include "ngx_http_llm_api.h"


/* Changes, in the ledger: for who reads it; the audit is what they can be
   relied upon to be in. */


static void ngx_http_llm_note_text(llm_line_text_t *to,
    const llm_store_text_t *from);


void
ngx_http_llm_call_note(ngx_http_llm_call_t *call,
    const llm_store_changes_t *changes, size_t i)
{
    u_char                      line[LLM_FACT_MAX], *last;
    llm_line_change_t           note;
    const llm_store_change_t   *change;
    ngx_http_llm_admin_zone_t  *zone;

    zone = &call->api->admin.zone;
    change = &changes->changes[i];

    note.epoch = zone->zone->zone->epoch;
    note.version = change->changed;
    note.time = changes->time;

    ngx_http_llm_note_text(&note.action, &change->action);
    ngx_http_llm_note_text(&note.kind, &change->kind);
    ngx_http_llm_note_text(&note.id, &change->id);
    ngx_http_llm_note_text(&note.reason, &changes->actor.reason);
    ngx_http_llm_note_text(&note.who, &changes->actor.who);
    ngx_http_llm_note_text(&note.who_key, &changes->actor.key);
    ngx_http_llm_note_text(&note.address, &changes->actor.address);

    last = llm_line_change(line, &note);

    zone->note(zone->data, line, last - line);
}


static void
ngx_http_llm_note_text(llm_line_text_t *to, const llm_store_text_t *from)
{
    to->data = from->data;
    to->len = from->len;
}
