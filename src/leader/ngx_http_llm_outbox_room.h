
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _NGX_HTTP_LLM_OUTBOX_ROOM_H_INCLUDED_
#define _NGX_HTTP_LLM_OUTBOX_ROOM_H_INCLUDED_


#include "ngx_http_llm_outbox.h"


/* What ngx_http_llm_outbox.c, which reads what is due, and
   ngx_http_llm_deliver.c, which delivers it, know of each other. */


typedef struct ngx_http_llm_outlet_s  ngx_http_llm_outlet_t;


/* One alert on its way into one channel. */

typedef struct {
    ngx_queue_t                    queue;        /* of the outlet */
    ngx_http_llm_outlet_t         *outlet;
    ngx_http_llm_store_task_t     *task;         /* NULL: none */
    ngx_http_llm_message_t         message;
    ngx_event_t                    timer;        /* then again */

    ngx_str_t                      id;
    ngx_str_t                      json;
    int64_t                        time;         /* ms: of the alert */
    llm_told_t                    *told;         /* its counters, or NULL */
    int64_t                        attempts;

    /* what comes of the last attempt, and what it says */
    llm_store_delivery_e           state;
    int64_t                        due;          /* ms of the epoch */
    char                           error[CURL_ERROR_SIZE];

    unsigned                       memory:1;     /* not in the store */
    unsigned                       claimed:1;    /* its attempt is noted */
    u_char                         text[1];      /* id and json */
} ngx_http_llm_deliver_t;


/* A channel of a leader. */

struct ngx_http_llm_outlet_s {
    ngx_http_llm_leader_t         *leader;
    ngx_http_llm_channel_t        *channel;
    ngx_queue_t                    hand;         /* of deliveries */
    ngx_uint_t                     nhand;        /* of these from the store, */
    ngx_uint_t                     nclaims;      /* not noted yet, */
    ngx_uint_t                     nmemory;      /* and from memory */
    ngx_http_llm_store_task_t     *reading;      /* NULL: not now */
    ngx_event_t                    timer;        /* reads then */
    ngx_msec_t                     wait;         /* after the last read */
    ngx_msec_t                     hold;         /* not before this moment of
                                                    ngx_current_msec */
    int64_t                        failures;     /* since the last success,
                                                    each after its hold */
    unsigned                       held:1;
    unsigned                       failing:1;
};


struct ngx_http_llm_outbox_s {
    ngx_http_llm_outlet_t         *outlets;
    ngx_uint_t                     noutlets;
    ngx_http_llm_store_task_t     *opening;      /* NULL: not now */
    unsigned                       open:1;

    ngx_uint_t                     nsending;     /* attempts under way */
    ngx_event_t                    guard;        /* an exit waits for them */

    /* the store is away: since then, what it said, and the alert of it */
    ngx_event_t                    away;
    char                           error[LLM_ALERT_TEXT_MAX];
    u_char                         lost[LLM_ALERT_ID_MAX + 1];
};


/* ngx_http_llm_outbox.c */

/* The store has answered so: it may have to be opened again. */
void ngx_http_llm_outbox_trouble(ngx_http_llm_outlet_t *outlet,
    llm_store_status_e status);

/* Reads what is due after so long. */
void ngx_http_llm_outlet_later(ngx_http_llm_outlet_t *outlet, ngx_msec_t ms);


/* ngx_http_llm_deliver.c */

/* A row of the outbox is taken in hand. */
void ngx_http_llm_deliver_row(ngx_http_llm_outlet_t *outlet,
    const llm_store_delivery_t *row);

/* So is an alert that is in no store. */
void ngx_http_llm_deliver_memory(ngx_http_llm_outlet_t *outlet,
    const llm_store_text_t *id, const llm_store_text_t *json);

/* Lets go of it, whatever it is at. */
void ngx_http_llm_deliver_drop(ngx_http_llm_deliver_t *d);


#endif /* _NGX_HTTP_LLM_OUTBOX_ROOM_H_INCLUDED_ */
