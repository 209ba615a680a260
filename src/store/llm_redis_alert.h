
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _LLM_REDIS_ALERT_H_INCLUDED_
#define _LLM_REDIS_ALERT_H_INCLUDED_


#include "llm_redis.h"
#include "llm_store.h"


/*
 * Alerts of a zone that several machines share: all of them find the same
 * ones, with the same ids, and one tells of each:
 *
 *     {PREFIX:ZONE}:a:ID    "claimed NODE": it is about to be in that node's
 *                           store; this is forgotten soon, so that another
 *                           can, if that node has died
 *                           "told NODE": it is; until its period is long over
 */


#define LLM_REDIS_ALERTS     64              /* of a command */
#define LLM_REDIS_CLAIMED    60000           /* ms */
#define LLM_REDIS_TOLD       172800          /* s after the end of a period */


typedef enum {
    LLM_REDIS_ALERT_LATER = 0,               /* another claims it */
    LLM_REDIS_ALERT_MINE,
    LLM_REDIS_ALERT_TOLD                     /* it is in somebody's store, or
                                                was in this one's */
} llm_redis_alert_e;


/*
 * Each makes a whole command, which brings its script with it, of n alerts, of
 * which only the ids are looked at; -1 without memory.
 */
int llm_redis_alert_claim(llm_redis_args_t *args,
    const llm_redis_names_t *names, const llm_store_alert_t *alerts, size_t n);

/* until: when their periods end, s of the epoch, 0: never; now: likewise. */
int llm_redis_alert_told(llm_redis_args_t *args,
    const llm_redis_names_t *names, const llm_store_alert_t *alerts, size_t n,
    const int64_t *until, int64_t now);

/* What the first was answered, of n. */
llm_redis_status_e llm_redis_alert_claimed(const redisReply *reply,
    llm_redis_alert_e *whose, size_t n, llm_redis_text_t *text);


#endif /* _LLM_REDIS_ALERT_H_INCLUDED_ */
