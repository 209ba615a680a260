
/*
 * Copyright (C) the llm_quota authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "ngx_http_llm_redis_peer.h"


/*
 * What is said on a new connection, one step after the other:
 *
 *     to a Sentinel: who is the master; AUTH only where it wants to know who
 *     asks, since most have no password and would refuse one
 *
 *     to Redis: AUTH with a password, ROLE, SELECT of another database than
 *     0, CLIENT SETNAME
 */

typedef enum {
    NGX_HTTP_LLM_REDIS_AUTH = 0,
    NGX_HTTP_LLM_REDIS_SENTINEL,
    NGX_HTTP_LLM_REDIS_ROLE,
    NGX_HTTP_LLM_REDIS_SELECT,
    NGX_HTTP_LLM_REDIS_NAME
} ngx_http_llm_redis_step_e;


static void ngx_http_llm_redis_say(ngx_http_llm_redis_peer_t *peer,
    ngx_http_llm_redis_step_e step);
static void ngx_http_llm_redis_said(void *data, redisReply *reply);
static void ngx_http_llm_redis_named(ngx_http_llm_redis_peer_t *peer,
    redisReply *reply);
static void ngx_http_llm_redis_role(ngx_http_llm_redis_peer_t *peer,
    redisReply *reply);
static void ngx_http_llm_redis_no(ngx_http_llm_redis_peer_t *peer,
    redisReply *reply, const char *to_do);
static ngx_uint_t ngx_http_llm_redis_begins(redisReply *reply,
    const char *text);


#define ngx_http_llm_redis_asks_sentinel(peer)                                \
    ((peer)->conf->sentinel.len                                               \
     && (peer)->target == NGX_HTTP_LLM_REDIS_CONFIGURED)

/* of ngx_http_llm_redis_say() */

#define ngx_http_llm_redis_arg(text, length)                                  \
    argv[n] = (const char *) (text);                                          \
    len[n++] = (length)

#define ngx_http_llm_redis_word(text)                                         \
    ngx_http_llm_redis_arg(text, sizeof(text) - 1)


void
ngx_http_llm_redis_greet(ngx_http_llm_redis_peer_t *peer)
{
    peer->proved = 0;

    if (ngx_http_llm_redis_asks_sentinel(peer)) {
        ngx_http_llm_redis_say(peer, NGX_HTTP_LLM_REDIS_SENTINEL);

    } else if (peer->conf->password.len) {
        ngx_http_llm_redis_say(peer, NGX_HTTP_LLM_REDIS_AUTH);

    } else {
        ngx_http_llm_redis_say(peer, NGX_HTTP_LLM_REDIS_ROLE);
    }
}


static void
ngx_http_llm_redis_say(ngx_http_llm_redis_peer_t *peer,
    ngx_http_llm_redis_step_e step)
{
    int                               n;
    size_t                            len[3];
    u_char                            db[NGX_INT_T_LEN];
    const char                       *argv[3];
    const ngx_http_llm_redis_conf_t  *conf;

    conf = peer->conf;
    peer->step = step;
    n = 0;

    switch (step) {

    case NGX_HTTP_LLM_REDIS_AUTH:
        peer->proved = 1;

        ngx_http_llm_redis_word("AUTH");

        if (conf->user.len) {
            ngx_http_llm_redis_arg(conf->user.data, conf->user.len);
        }

        ngx_http_llm_redis_arg(conf->password.data, conf->password.len);
        break;

    case NGX_HTTP_LLM_REDIS_SENTINEL:
        ngx_http_llm_redis_word("SENTINEL");
        ngx_http_llm_redis_word("get-master-addr-by-name");
        ngx_http_llm_redis_arg(conf->sentinel.data, conf->sentinel.len);
        break;

    case NGX_HTTP_LLM_REDIS_ROLE:
        ngx_http_llm_redis_word("ROLE");
        break;

    case NGX_HTTP_LLM_REDIS_SELECT:
        ngx_http_llm_redis_word("SELECT");
        ngx_http_llm_redis_arg(db, ngx_sprintf(db, "%ui", conf->db) - db);
        break;

    default: /* NGX_HTTP_LLM_REDIS_NAME */
        ngx_http_llm_redis_word("CLIENT");
        ngx_http_llm_redis_word("SETNAME");
        ngx_http_llm_redis_arg(conf->client.data, conf->client.len);
    }

    if (ngx_http_llm_redis_enqueue(peer, n, argv, len, ngx_http_llm_redis_said,
                                   peer)
        != NGX_OK)
    {
        ngx_http_llm_redis_lose(peer, NGX_HTTP_LLM_REDIS_NO_MEMORY, 0,
                                "is not greeted for want of memory");
    }
}


static void
ngx_http_llm_redis_said(void *data, redisReply *reply)
{
    ngx_http_llm_redis_peer_t *peer = data;

    if (reply == NULL) {
        return;
    }

    switch (peer->step) {

    case NGX_HTTP_LLM_REDIS_AUTH:

        if (reply->type == REDIS_REPLY_ERROR) {
            ngx_http_llm_redis_no(peer, reply,
                                  "correct the user, or what is in "
                                  "\"password_file=\"");
            return;
        }

        ngx_http_llm_redis_say(peer, ngx_http_llm_redis_asks_sentinel(peer)
                                     ? NGX_HTTP_LLM_REDIS_SENTINEL
                                     : NGX_HTTP_LLM_REDIS_ROLE);
        return;

    case NGX_HTTP_LLM_REDIS_SENTINEL:
        ngx_http_llm_redis_named(peer, reply);
        return;

    case NGX_HTTP_LLM_REDIS_ROLE:
        ngx_http_llm_redis_role(peer, reply);
        return;

    case NGX_HTTP_LLM_REDIS_SELECT:

        if (reply->type == REDIS_REPLY_ERROR) {
            ngx_http_llm_redis_no(peer, reply, "name another database");
            return;
        }

        ngx_http_llm_redis_say(peer, NGX_HTTP_LLM_REDIS_NAME);
        return;

    default: /* NGX_HTTP_LLM_REDIS_NAME */

        /* who may not set a name has none */

        ngx_http_llm_redis_ready(peer);
    }
}


static void
ngx_http_llm_redis_named(ngx_http_llm_redis_peer_t *peer, redisReply *reply)
{
    redisReply        *host, *port;
    llm_redis_node_t   node;

    if (reply->type == REDIS_REPLY_ERROR) {

        if (!peer->proved && peer->conf->password.len
            && ngx_http_llm_redis_begins(reply, "NOAUTH"))
        {
            ngx_http_llm_redis_say(peer, NGX_HTTP_LLM_REDIS_AUTH);
            return;
        }

        ngx_http_llm_redis_no(peer, reply, "name Sentinels");
        return;
    }

    if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 2) {
        host = reply->element[0];
        port = reply->element[1];

        if (host->type == REDIS_REPLY_STRING
            && port->type == REDIS_REPLY_STRING
            && llm_redis_node(&node, host->str, host->len, port->str,
                              port->len)
               == 0
            && ngx_http_llm_redis_follow(peer, NGX_HTTP_LLM_REDIS_MASTER,
                                         &node)
               == NGX_OK)
        {
            return;
        }
    }

    ngx_http_llm_redis_lose(peer, NGX_HTTP_LLM_REDIS_NO_MASTER, 0,
                            "knows no master \"%V\": correct \"sentinel=\"",
                            &peer->conf->sentinel);
}


static void
ngx_http_llm_redis_role(ngx_http_llm_redis_peer_t *peer, redisReply *reply)
{
    redisReply  *role;

    if (reply->type == REDIS_REPLY_ERROR) {

        if (ngx_http_llm_redis_begins(reply, "NOAUTH")) {
            ngx_http_llm_redis_no(peer, reply, "set \"password_file=\"");
            return;
        }

        if (!ngx_http_llm_redis_begins(reply, "NOPERM")
            && !ngx_http_llm_redis_begins(reply, "ERR unknown command"))
        {
            ngx_http_llm_redis_no(peer, reply, "see what it lacks");
            return;
        }

        if (peer->conf->sentinel.len) {
            ngx_http_llm_redis_no(peer, reply, "let the user ask for ROLE");
            return;
        }
    }

    role = (reply->type == REDIS_REPLY_ARRAY && reply->elements)
           ? reply->element[0] : reply;

    if (ngx_http_llm_redis_begins(role, "slave")) {
        ngx_http_llm_redis_lose(peer, NGX_HTTP_LLM_REDIS_REPLICA, 0,
                                "is a replica, which takes no writes: name "
                                "its master, or Sentinels with "
                                "\"sentinel=\"");
        return;
    }

    if (ngx_http_llm_redis_begins(role, "sentinel")) {
        ngx_http_llm_redis_lose(peer, NGX_HTTP_LLM_REDIS_REPLICA, 0,
                                "is a Sentinel: name the master it watches "
                                "with \"sentinel=\"");
        return;
    }

    ngx_http_llm_redis_say(peer, peer->conf->db ? NGX_HTTP_LLM_REDIS_SELECT
                                                : NGX_HTTP_LLM_REDIS_NAME);
}


static void
ngx_http_llm_redis_no(ngx_http_llm_redis_peer_t *peer, redisReply *reply,
    const char *to_do)
{
    u_char     buf[256];
    ngx_str_t  text;

    text = ngx_http_llm_redis_text(reply, buf, sizeof(buf));

    ngx_http_llm_redis_lose(peer, NGX_HTTP_LLM_REDIS_REFUSED, 0,
                            "refuses: \"%V\": %s", &text, to_do);
}


static ngx_uint_t
ngx_http_llm_redis_begins(redisReply *reply, const char *text)
{
    size_t  n;

    n = ngx_strlen(text);

    return (reply->type == REDIS_REPLY_STRING
            || reply->type == REDIS_REPLY_STATUS
            || reply->type == REDIS_REPLY_ERROR)
           && (size_t) reply->len >= n
           && ngx_strncmp(reply->str, text, n) == 0;
}
