
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _NGX_HTTP_LLM_API_FACT_H_INCLUDED_
#define _NGX_HTTP_LLM_API_FACT_H_INCLUDED_


#include "ngx_http_llm_api_calls.h"
#include "llm_fact.h"
#include "llm_join.h"
#include "llm_load.h"


/*
 * A fact that a call makes: the data of the call.  What it changes is brought
 * into the zone first; then it is in the zone, with its line, at once; then
 * its line is written; then the call is answered.
 */

typedef struct {
    llm_subject_key_t            keys[LLM_SUBJECT_TYPES];
    unsigned                     nkeys;
    llm_line_fact_t              line;
    llm_fact_change_t            change;
    llm_fact_period_t            periods[LLM_SUBJECT_METERS];
    u_char                       id[LLM_LINE_ID];
    size_t                       id_len;

    /* ngx_http_llm_api_known.c */
    unsigned                     key;        /* the one that is looked at */
    llm_kept_t                   kept;
    uint64_t                     asked;      /* the zone's time, 0: not yet */
    uint64_t                     began;
    uint64_t                     marks;
    uint64_t                     state;      /* of the key's meters */
    llm_load_t                  *rows;
    size_t                       nrows;
    ngx_uint_t                   tries;
    ngx_event_t                  timer;
    ngx_connection_t             connection; /* of the timer, for nginx's debug
                                                log */
    ngx_http_llm_call_t         *call;
    ngx_http_llm_call_pt         known;

    /* ngx_http_llm_api_adjust.c */
    json_t                      *doc;        /* that it is read from */
    size_t                       i;          /* of several */
    ngx_uint_t                   failed;

    /* ngx_http_llm_api_reset.c */
    int64_t                      to;         /* nano-dollars */
    int64_t                      before;
    ngx_uint_t                   known_as;   /* a member of his team, a team
                                                of the configuration */

    /* ngx_http_llm_api_reset_all.c */
    llm_subject_key_t           *all;        /* of a page of the store */
    size_t                       left;       /* so many */
    ngx_uint_t                   paged;      /* it is not the first */
    llm_store_cursor_t           cursor;
} ngx_http_llm_fact_t;


/* A new one, for the call's data; NULL: it was answered. */
ngx_http_llm_fact_t *ngx_http_llm_call_fact(ngx_http_llm_call_t *call);

/* Who makes it, when, and why: the reason of doc or of the query. */
void ngx_http_llm_fact_actor(ngx_http_llm_call_t *call,
    ngx_http_llm_fact_t *fact, const json_t *doc);

/* A member that is an amount, negative or not, scaled by 10^scale; NGX_DECLINED
   where it is none, NGX_OK also where there is no such member. */
ngx_int_t ngx_http_llm_fact_amount(const json_t *doc, const char *name,
    int scale, int64_t *amount);

/* Under the zone's lock: makes the fact of line and change.  LLM_NONE: it
   cannot be now. */
llm_index_t ngx_http_llm_fact_make(ngx_http_llm_call_t *call,
    ngx_http_llm_fact_t *fact);

/* Whether the ledger takes lines; else it was answered. */
ngx_uint_t ngx_http_llm_fact_can(ngx_http_llm_call_t *call);

/* It will be a reset of this subject, whose name stays; NGX_DECLINED: that is
   nobody's. */
ngx_int_t ngx_http_llm_fact_subject(ngx_http_llm_call_t *call,
    ngx_http_llm_fact_t *fact, llm_subject_type_e type, u_char *id,
    size_t len);

/* Makes it, with its line: what it spent is at most fact->to.  NGX_DECLINED: it
   is already, which is none, unless always is set; NGX_BUSY: later. */
ngx_int_t ngx_http_llm_fact_reset(ngx_http_llm_call_t *call,
    ngx_http_llm_fact_t *fact, ngx_uint_t always);

/* Calls again later, in the handler of an event that is about the fact. */
void ngx_http_llm_fact_later(ngx_http_llm_call_t *call,
    ngx_event_handler_pt handler, ngx_msec_t timer);

/* The fact that an event is about. */
#define ngx_http_llm_fact_of(ev)                                              \
    ((ngx_http_llm_fact_t *)                                                  \
         ((u_char *) (ev) - offsetof(ngx_http_llm_fact_t, timer)))

/* Brings the meters of its keys into the zone, all of the periods that are
   kept, and goes on with known. */
void ngx_http_llm_call_know(ngx_http_llm_call_t *call,
    ngx_http_llm_call_pt known);


#endif /* _NGX_HTTP_LLM_API_FACT_H_INCLUDED_ */
