
/*
 * Copyright (C) the llm_quota authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "ngx_http_llm_leader.h"


/* A frozen Redis is known when it is needed: it is asked every sync. */


static void ngx_http_llm_ping_handler(ngx_event_t *ev);
static void ngx_http_llm_ping_answer(void *data, redisReply *reply);


ngx_int_t
ngx_http_llm_ping_start(ngx_http_llm_leader_t *leader)
{
    if (ngx_http_llm_redis_start(&leader->redis, leader->conf.redis,
                                 leader->cycle)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_http_llm_leader_event(leader, &leader->ping,
                              ngx_http_llm_ping_handler);
    ngx_add_timer(&leader->ping, leader->conf.sync);

    return NGX_OK;
}


static void
ngx_http_llm_ping_handler(ngx_event_t *ev)
{
    size_t                  len;
    const char             *word;
    ngx_http_llm_leader_t  *leader;

    leader = (ngx_http_llm_leader_t *)
                 ((u_char *) ev - offsetof(ngx_http_llm_leader_t, ping));

    if (ngx_http_llm_leader_retired(leader)) {
        ngx_http_llm_redis_stop(&leader->redis);
        return;
    }

    word = "PING";
    len = 4;

    (void) ngx_http_llm_redis_command(&leader->redis, 1, &word, &len,
                                      ngx_http_llm_ping_answer, leader);

    ngx_add_timer(ev, leader->conf.sync);
}


/* That there is one, or none in time, is the peer's to know. */

static void
ngx_http_llm_ping_answer(void *data, redisReply *reply)
{
}


void
ngx_http_llm_ping_stop(ngx_http_llm_leader_t *leader)
{
    if (leader->ping.timer_set) {
        ngx_del_timer(&leader->ping);
    }

    ngx_http_llm_redis_stop(&leader->redis);
}
