
/*
 * Copyright (C) the llm_quota authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include <time.h>

#include "ngx_http_llm_redis_peer.h"


#define NGX_HTTP_LLM_REDIS_PAUSE      50         /* ms */
#define NGX_HTTP_LLM_REDIS_PAUSE_MAX  1000
#define NGX_HTTP_LLM_REDIS_STEADY     1000000    /* us */
#define NGX_HTTP_LLM_REDIS_BUFFER     4096


static void ngx_http_llm_redis_event(ngx_http_llm_redis_peer_t *peer,
    ngx_event_t *ev, ngx_event_handler_pt handler);
static void ngx_http_llm_redis_timer_handler(ngx_event_t *ev);
static void ngx_http_llm_redis_again_handler(ngx_event_t *ev);
static void ngx_http_llm_redis_flush_handler(ngx_event_t *ev);
static void ngx_http_llm_redis_drop(ngx_http_llm_redis_peer_t *peer);
static void ngx_http_llm_redis_end_all(ngx_http_llm_redis_peer_t *peer);
static void ngx_http_llm_redis_free(ngx_http_llm_redis_peer_t *peer);
static ngx_int_t ngx_http_llm_redis_room(ngx_http_llm_redis_peer_t *peer,
    size_t n);


/* what nginx's debug log asks of the data of an event */

static ngx_connection_t  ngx_http_llm_redis_no_connection;


ngx_int_t
ngx_http_llm_redis_start(ngx_http_llm_redis_peer_t *peer,
    const ngx_http_llm_redis_conf_t *conf, ngx_cycle_t *cycle)
{
    ngx_http_llm_redis_no_connection.fd = (ngx_socket_t) -1;

    peer->conf = conf;
    peer->log = cycle->log;

    /* what a failure is, one line here says better, and once */

    peer->quiet = *cycle->log;
    peer->quiet.log_level = NGX_LOG_ALERT;

    peer->queue = ngx_alloc(NGX_HTTP_LLM_REDIS_QUEUE
                            * sizeof(ngx_http_llm_redis_wait_t), cycle->log);
    if (peer->queue == NULL) {
        return NGX_ERROR;
    }

    ngx_http_llm_redis_event(peer, &peer->timer,
                             ngx_http_llm_redis_timer_handler);
    ngx_http_llm_redis_event(peer, &peer->again,
                             ngx_http_llm_redis_again_handler);
    ngx_http_llm_redis_event(peer, &peer->flush,
                             ngx_http_llm_redis_flush_handler);

    peer->state = NGX_HTTP_LLM_REDIS_LOST;
    peer->target = NGX_HTTP_LLM_REDIS_CONFIGURED;
    peer->address = 0;
    peer->pause = NGX_HTTP_LLM_REDIS_PAUSE;
    peer->told = 0;
    peer->rtt = 0;

    ngx_add_timer(&peer->again, 1);

    return NGX_OK;
}


static void
ngx_http_llm_redis_event(ngx_http_llm_redis_peer_t *peer, ngx_event_t *ev,
    ngx_event_handler_pt handler)
{
    ngx_memzero(ev, sizeof(ngx_event_t));

    ev->handler = handler;
    ev->data = &ngx_http_llm_redis_no_connection;
    ev->log = peer->log;
    ev->cancelable = 1;
}


static void
ngx_http_llm_redis_again_handler(ngx_event_t *ev)
{
    ngx_http_llm_redis_peer_t  *peer;

    peer = (ngx_http_llm_redis_peer_t *)
               ((u_char *) ev - offsetof(ngx_http_llm_redis_peer_t, again));

    if (!ngx_exiting && !ngx_terminate) {
        ngx_http_llm_redis_find(peer);
    }
}


static void
ngx_http_llm_redis_flush_handler(ngx_event_t *ev)
{
    ngx_http_llm_redis_flush((ngx_http_llm_redis_peer_t *)
        ((u_char *) ev - offsetof(ngx_http_llm_redis_peer_t, flush)));
}


/* One timer for whatever is waited for: it is not moved by each answer, but
   looks again when it fires. */

static void
ngx_http_llm_redis_timer_handler(ngx_event_t *ev)
{
    uint64_t                    since, age, limit;
    ngx_http_llm_redis_peer_t  *peer;

    peer = (ngx_http_llm_redis_peer_t *)
               ((u_char *) ev - offsetof(ngx_http_llm_redis_peer_t, timer));

    if (peer->unanswered > peer->unsent) {
        since = peer->queue[peer->first].sent;

    } else if (peer->unanswered) {
        since = ngx_http_llm_redis_now();

    } else if (peer->state == NGX_HTTP_LLM_REDIS_CONNECTING) {
        since = peer->began;

    } else {
        return;
    }

    age = ngx_http_llm_redis_now() - since;
    limit = (uint64_t) peer->conf->timeout * 1000;

    if (age < limit) {
        ngx_add_timer(ev, (ngx_msec_t) ((limit - age + 999) / 1000));
        return;
    }

    ngx_http_llm_redis_lose(peer, NGX_HTTP_LLM_REDIS_NO_ANSWER, 0,
                            "did not answer within %Mms: see what keeps it, "
                            "or raise \"timeout=\"", peer->conf->timeout);
}


ngx_int_t
ngx_http_llm_redis_command(ngx_http_llm_redis_peer_t *peer, int argc,
    const char **argv, const size_t *argvlen,
    ngx_http_llm_redis_handler_pt handler, void *data)
{
    if (peer->state != NGX_HTTP_LLM_REDIS_READY) {
        return NGX_BUSY;
    }

    return ngx_http_llm_redis_enqueue(peer, argc, argv, argvlen, handler,
                                      data);
}


ngx_int_t
ngx_http_llm_redis_enqueue(ngx_http_llm_redis_peer_t *peer, int argc,
    const char **argv, const size_t *argvlen,
    ngx_http_llm_redis_handler_pt handler, void *data)
{
    char                       *text;
    ngx_int_t                   rc;
    long long                   n;
    ngx_uint_t                  last;
    ngx_http_llm_redis_wait_t  *wait;

    if (peer->unanswered == NGX_HTTP_LLM_REDIS_QUEUE) {
        return NGX_BUSY;
    }

    n = redisFormatCommandArgv(&text, argc, argv, argvlen);

    if (n < 0) {
        return NGX_ERROR;
    }

    rc = ngx_http_llm_redis_room(peer, (size_t) n);

    if (rc == NGX_OK) {
        ngx_memcpy(peer->out + peer->out_last, text, (size_t) n);
        peer->out_last += (size_t) n;
    }

    redisFreeCommand(text);

    if (rc != NGX_OK) {
        return rc;
    }

    last = (peer->first + peer->unanswered) % NGX_HTTP_LLM_REDIS_QUEUE;

    wait = &peer->queue[last];
    wait->handler = handler;
    wait->data = data;
    wait->sent = 0;

    peer->unanswered++;
    peer->unsent++;

    if (!peer->timer.timer_set) {
        ngx_add_timer(&peer->timer, peer->conf->timeout);
    }

    /* all commands of this turn of the event loop go out in one write */

    if (!peer->flush.posted) {
        ngx_post_event(&peer->flush, &ngx_posted_events);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_redis_room(ngx_http_llm_redis_peer_t *peer, size_t n)
{
    u_char  *p;
    size_t   size, used;

    if (n > NGX_HTTP_LLM_REDIS_OUTPUT) {
        return NGX_ERROR;
    }

    if (n <= peer->out_size - peer->out_last) {
        return NGX_OK;
    }

    used = peer->out_last - peer->out_pos;

    if (used + n > NGX_HTTP_LLM_REDIS_OUTPUT) {
        return NGX_BUSY;
    }

    size = NGX_HTTP_LLM_REDIS_BUFFER;

    while (size < used + n) {
        size *= 2;
    }

    p = peer->out;

    if (size > peer->out_size) {
        p = ngx_alloc(size, peer->log);
        if (p == NULL) {
            return NGX_ERROR;
        }
    }

    if (used) {
        ngx_memmove(p, peer->out + peer->out_pos, used);
    }

    if (p != peer->out) {
        if (peer->out) {
            ngx_free(peer->out);
        }

        peer->out = p;
        peer->out_size = size;
    }

    peer->out_pos = 0;
    peer->out_last = used;

    return NGX_OK;
}


ngx_int_t
ngx_http_llm_redis_answer(ngx_http_llm_redis_peer_t *peer, redisReply *reply)
{
    u_char                      buf[128];
    uint64_t                    us;
    ngx_str_t                   text;
    ngx_uint_t                  serial;
    llm_redis_node_t            node;
    ngx_http_llm_redis_wait_t   wait;

    text = ngx_http_llm_redis_text(reply, buf, sizeof(buf));

    if (peer->unanswered == peer->unsent) {
        freeReplyObject(reply);

        ngx_http_llm_redis_lose(peer, NGX_HTTP_LLM_REDIS_GARBAGE, 0,
                                "answers what was not asked: \"%V\"", &text);
        return NGX_DONE;
    }

    /* nothing that changes anything can be done here */

    if (reply->type == REDIS_REPLY_ERROR
        && peer->state == NGX_HTTP_LLM_REDIS_READY)
    {
        if (text.len >= 8 && ngx_strncmp(text.data, "READONLY", 8) == 0) {
            freeReplyObject(reply);

            ngx_http_llm_redis_lose(peer, NGX_HTTP_LLM_REDIS_REPLICA, 0,
                                    "is a replica now, which takes no "
                                    "writes: its master is looked for");
            return NGX_DONE;
        }

        if (llm_redis_moved(&node, reply->str, reply->len) == 0) {
            freeReplyObject(reply);

            if (ngx_http_llm_redis_follow(peer, NGX_HTTP_LLM_REDIS_MOVED,
                                          &node)
                != NGX_OK)
            {
                ngx_http_llm_redis_lose(peer, NGX_HTTP_LLM_REDIS_ELSEWHERE, 0,
                                        "answers \"%V\", one such answer is "
                                        "followed: name the node that has "
                                        "the keys", &text);
            }

            return NGX_DONE;
        }
    }

    wait = peer->queue[peer->first];
    peer->first = (peer->first + 1) % NGX_HTTP_LLM_REDIS_QUEUE;
    peer->unanswered--;

    us = ngx_http_llm_redis_now() - wait.sent;
    peer->rtt = peer->rtt ? (peer->rtt * 7 + (ngx_uint_t) us) / 8
                          : (ngx_uint_t) us;
    peer->rtt = ngx_max(peer->rtt, 1);

    serial = peer->serial;

    wait.handler(wait.data, reply);

    freeReplyObject(reply);

    return serial == peer->serial ? NGX_OK : NGX_DONE;
}


void
ngx_http_llm_redis_ready(ngx_http_llm_redis_peer_t *peer)
{
    peer->state = NGX_HTTP_LLM_REDIS_READY;
    peer->began = ngx_http_llm_redis_now();
    peer->told = 0;

    ngx_log_error(NGX_LOG_NOTICE, peer->log, 0,
                  "llm_quota redis of zone \"%V\": %V is connected",
                  &peer->conf->who, &peer->name);

    if (peer->notice) {
        peer->notice(peer->data, 1);
    }
}


void
ngx_http_llm_redis_lose(ngx_http_llm_redis_peer_t *peer,
    ngx_http_llm_redis_why_e why, ngx_err_t err, const char *fmt, ...)
{
    u_char      *p, text[NGX_MAX_ERROR_STR / 4];
    va_list      args;
    ngx_msec_t   pause;

    va_start(args, fmt);
    p = ngx_vslprintf(text, text + sizeof(text), fmt, args);
    va_end(args);

    if (!(peer->told & ((ngx_uint_t) 1 << why))) {
        peer->told |= (ngx_uint_t) 1 << why;

        ngx_log_error(NGX_LOG_ERR, peer->log, err,
                      "llm_quota redis of zone \"%V\": %V %*s; it is tried "
                      "again", &peer->conf->who, &peer->name,
                      (size_t) (p - text), text);
    }

    /* who breaks off at once each time is not asked in a hurry */

    if (peer->state == NGX_HTTP_LLM_REDIS_READY
        && ngx_http_llm_redis_now() - peer->began
           >= NGX_HTTP_LLM_REDIS_STEADY)
    {
        peer->pause = NGX_HTTP_LLM_REDIS_PAUSE;

    } else {
        peer->address++;
    }

    peer->target = NGX_HTTP_LLM_REDIS_CONFIGURED;

    ngx_http_llm_redis_drop(peer);

    if (peer->state != NGX_HTTP_LLM_REDIS_LOST || peer->again.timer_set) {
        return;
    }

    /* many machines that lost the same one do not come back together */

    pause = peer->pause - (ngx_msec_t) ngx_random() % (peer->pause / 4);
    peer->pause = ngx_min(peer->pause * 2, NGX_HTTP_LLM_REDIS_PAUSE_MAX);

    ngx_add_timer(&peer->again, pause);
}


ngx_int_t
ngx_http_llm_redis_follow(ngx_http_llm_redis_peer_t *peer,
    ngx_http_llm_redis_target_e target, const llm_redis_node_t *node)
{
    if (peer->target == target
        || (node->host_len == 0
            && (peer->port == 0 || peer->host.len > LLM_REDIS_HOST)))
    {
        return NGX_DECLINED;
    }

    if (node->host_len == 0) {
        ngx_memmove(peer->node.host, peer->host.data, peer->host.len);
        peer->node.host_len = peer->host.len;

    } else {
        ngx_memcpy(peer->node.host, node->host, node->host_len);
        peer->node.host_len = node->host_len;
    }

    peer->node.port = node->port;

    if (target == NGX_HTTP_LLM_REDIS_MOVED) {
        ngx_log_error(NGX_LOG_NOTICE, peer->log, 0,
                      "llm_quota redis of zone \"%V\": %V has moved it to "
                      "\"%*s\" port %ui", &peer->conf->who, &peer->name,
                      peer->node.host_len, peer->node.host,
                      (ngx_uint_t) peer->node.port);
    }

    peer->target = target;

    ngx_http_llm_redis_drop(peer);

    if (peer->state == NGX_HTTP_LLM_REDIS_LOST && !peer->again.timer_set) {
        ngx_http_llm_redis_find(peer);
    }

    return NGX_OK;
}


/* Handlers and the notice may stop the peer, or start it again. */

static void
ngx_http_llm_redis_drop(ngx_http_llm_redis_peer_t *peer)
{
    ngx_uint_t  ready, serial;

    ready = (peer->state == NGX_HTTP_LLM_REDIS_READY);

    peer->state = NGX_HTTP_LLM_REDIS_LOST;

    ngx_http_llm_redis_close(peer);

    serial = peer->serial;

    ngx_http_llm_redis_end_all(peer);

    if (ready && peer->notice && serial == peer->serial) {
        peer->notice(peer->data, 0);
    }
}


static void
ngx_http_llm_redis_end_all(ngx_http_llm_redis_peer_t *peer)
{
    ngx_http_llm_redis_wait_t  wait;

    while (peer->unanswered) {
        wait = peer->queue[peer->first];
        peer->first = (peer->first + 1) % NGX_HTTP_LLM_REDIS_QUEUE;
        peer->unanswered--;

        wait.handler(wait.data, NULL);
    }
}


void
ngx_http_llm_redis_stop(ngx_http_llm_redis_peer_t *peer)
{
    if (peer->state == NGX_HTTP_LLM_REDIS_OFF) {
        return;
    }

    peer->state = NGX_HTTP_LLM_REDIS_OFF;

    if (peer->again.timer_set) {
        ngx_del_timer(&peer->again);
    }

    ngx_http_llm_redis_find_stop(peer);
    ngx_http_llm_redis_close(peer);
    ngx_http_llm_redis_end_all(peer);
    ngx_http_llm_redis_free(peer);
}


static void
ngx_http_llm_redis_free(ngx_http_llm_redis_peer_t *peer)
{
    if (peer->queue) {
        ngx_free(peer->queue);
        peer->queue = NULL;
    }

    if (peer->out) {
        ngx_free(peer->out);
        peer->out = NULL;
        peer->out_size = 0;
    }
}


ngx_http_llm_redis_state_e
ngx_http_llm_redis_state(const ngx_http_llm_redis_peer_t *peer)
{
    return peer->state;
}


ngx_uint_t
ngx_http_llm_redis_rtt(const ngx_http_llm_redis_peer_t *peer)
{
    return peer->rtt;
}


uint64_t
ngx_http_llm_redis_now(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * 1000000 + (uint64_t) ts.tv_nsec / 1000;
}


ngx_str_t
ngx_http_llm_redis_text(redisReply *reply, u_char *buf, size_t size)
{
    size_t     i, n;
    ngx_str_t  text;

    text.data = buf;
    text.len = 0;

    switch (reply->type) {

    case REDIS_REPLY_STRING:
    case REDIS_REPLY_STATUS:
    case REDIS_REPLY_ERROR:
        n = ngx_min(size, (size_t) reply->len);

        for (i = 0; i < n; i++) {
            buf[i] = reply->str[i];

            if (buf[i] < ' ' || buf[i] > '~') {
                buf[i] = '?';
            }
        }

        text.len = n;
        break;

    case REDIS_REPLY_NIL:
        ngx_str_set(&text, "(nil)");
        break;

    default:
        ngx_str_set(&text, "(another type)");
    }

    return text;
}
