
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _NGX_HTTP_LLM_OUTBOX_H_INCLUDED_
#define _NGX_HTTP_LLM_OUTBOX_H_INCLUDED_


#include "ngx_http_llm_channel.h"
#include "ngx_http_llm_leader.h"


/*
 * Alerts are put into the store with LLM_STORE_ALERT, each with a delivery for
 * each channel that wants it, and delivered from there, by the leader:
 *
 *     n = ngx_http_llm_channels_for(leader, event, severity, threshold,
 *                                   names, max);
 *     alert.json.data = llm_alert_build(&a);  alert.channels = names;  ...
 *     in the handler of the store's task:
 *     ngx_http_llm_outbox_wake(leader);
 *
 * The longest due is delivered first.  Each channel has a queue of its own,
 * so many at once, and waits for no other.  An attempt is noted in the store
 * before it is made, so that of two leaders one makes it, and when it is over;
 * who dies in between leaves a delivery that is due again a little later.  So
 * each alert arrives at least once, and twice with the same id.
 *
 * A failure is tried again after 1 s, and then after twice as long each time,
 * up to 10 minutes; after 10 minutes at once where the receiver has understood
 * and will not have it (4xx); not before the time that it asks for
 * (Retry-After).  An alert that is a day old is given up.  A channel that
 * fails is asked by one alert at a time, after 1 s, and then after twice as
 * long each time, up to a minute.
 */


/* In hand of one channel at once. */
#define NGX_HTTP_LLM_OUTBOX_MAX  4


/* Of a leader that has a store and channels; else it has no outbox. */
ngx_int_t ngx_http_llm_outbox_start(ngx_http_llm_leader_t *leader);
void ngx_http_llm_outbox_stop(ngx_http_llm_leader_t *leader);

/* Now, in ms of the epoch. */
int64_t ngx_http_llm_outbox_now(void);

/* There is something new in the store; without this it is found within a
   second.  A leader without an outbox is taken. */
void ngx_http_llm_outbox_wake(ngx_http_llm_leader_t *leader);

/* The names of the channels that want such an alert, which live as long as the
   configuration; returns how many of them there are, of which max are
   written. */
ngx_uint_t ngx_http_llm_channels_for(ngx_http_llm_leader_t *leader,
    llm_alert_event_e event, llm_alert_severity_e severity, int64_t threshold,
    llm_store_text_t *names, ngx_uint_t max);

/* Tells of an alert that is in no store, of its document. */
void ngx_http_llm_outbox_memory(ngx_http_llm_leader_t *leader,
    const llm_store_text_t *json);

/*
 * The store has failed, or is back: told to the channels from memory, as there
 * is no other place, when it stays so for some seconds.  error is what is
 * wrong; NULL: nothing any more.  May be called again and again.
 */
void ngx_http_llm_outbox_store(ngx_http_llm_leader_t *leader,
    const char *error);


#endif /* _NGX_HTTP_LLM_OUTBOX_H_INCLUDED_ */
