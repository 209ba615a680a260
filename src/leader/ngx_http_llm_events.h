
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _NGX_HTTP_LLM_EVENTS_H_INCLUDED_
#define _NGX_HTTP_LLM_EVENTS_H_INCLUDED_


#include "ngx_http_llm_leader.h"
#include "llm_watch.h"


/*
 * What becomes an alert: the totals of each commit, and those of the store as
 * a whole when limits may have changed: at the start, which a reload is, and
 * with each change of an entity; and when another leader, as there is one for
 * a moment of a reload, has carried lines.  A total at or over a threshold is
 * put into the store under its key, each time; what the store has already it
 * ignores, so that nothing is told twice, and nothing is missed by who dies in
 * between.
 *
 * Where several nodes share limits, totals are those of all, and of all nodes
 * one tells of each alert.
 */

#define NGX_HTTP_LLM_EVENTS_ID  (2 * 16)     /* bytes of an alert's id */


/* Of a leader with a ledger; else it has none, which all others take. */
ngx_int_t ngx_http_llm_events_start(ngx_http_llm_leader_t *leader);
void ngx_http_llm_events_stop(ngx_http_llm_leader_t *leader);

/* Once a second. */
void ngx_http_llm_events_tick(ngx_http_llm_leader_t *leader);

/* Others have changed totals, and may have died before they looked at them:
   all are looked at with the next tick. */
void ngx_http_llm_events_all(ngx_http_llm_leader_t *leader);

/* Looks at some of the totals of the last run of the carrier, from
   leader->watched on. */
void ngx_http_llm_events_totals(ngx_http_llm_leader_t *leader);

/* Puts an alert into the store, if it is not there, with the next flush; what
   is about the zone itself has no scope, and is told from memory where the
   store has no room for it. */
void ngx_http_llm_events_tell(ngx_http_llm_leader_t *leader,
    const llm_alert_t *alert, int64_t generation);
void ngx_http_llm_events_flush(ngx_http_llm_leader_t *leader);

/* The id of such an alert; NGX_OK: it is told, NGX_DECLINED: nobody here knows
   of that. */
ngx_int_t ngx_http_llm_events_told(ngx_http_llm_leader_t *leader,
    const llm_alert_t *alert, int64_t generation, u_char *id);

/* Of another node more is known now: what all have of a meter. */
void ngx_http_llm_events_changed(ngx_http_llm_leader_t *leader,
    const llm_watch_total_t *total);

/* The Redis that says who tells may have been without a word, or have lost
   what it was told. */
void ngx_http_llm_events_again(ngx_http_llm_leader_t *leader);


#endif /* _NGX_HTTP_LLM_EVENTS_H_INCLUDED_ */
