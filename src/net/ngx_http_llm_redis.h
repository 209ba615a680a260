
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _NGX_HTTP_LLM_REDIS_H_INCLUDED_
#define _NGX_HTTP_LLM_REDIS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_event_connect.h>

#include <hiredis/hiredis.h>

#include "llm_redis_url.h"
#include "ngx_http_llm_redis_conf.h"


/*
 * A peer is one connection to one Redis over nginx's own events: commands go
 * out in a pipeline, answers come back in order.  It knows nothing of what
 * they mean.  hiredis is the codec and nothing else.
 *
 * Of a lost connection each command that is unanswered ends with NULL: it was
 * carried out or it was not, nobody knows.  Then the peer connects again by
 * itself, after 50 ms, doubling to a second.
 *
 * With Sentinels the master is asked of them each time, and checked by ROLE.
 * An answer READONLY or MOVED counts as a loss, too; a MOVED is followed
 * once, to the node it names.
 *
 * All of it is for the event loop of one process; nothing blocks.
 */

#define NGX_HTTP_LLM_REDIS_QUEUE     1024            /* unanswered commands */
#define NGX_HTTP_LLM_REDIS_OUTPUT    (4 * 1024 * 1024)  /* bytes unsent */
#define NGX_HTTP_LLM_REDIS_REPLY     (4 * 1024 * 1024)  /* bytes of one reply */
#define NGX_HTTP_LLM_REDIS_ELEMENTS  (128 * 1024)    /* of one array */
#define NGX_HTTP_LLM_REDIS_DEPTH     7               /* arrays in arrays */


typedef enum {
    NGX_HTTP_LLM_REDIS_OFF = 0,          /* not started, or stopped */
    NGX_HTTP_LLM_REDIS_LOST,             /* it is tried again soon */
    NGX_HTTP_LLM_REDIS_CONNECTING,       /* up to the last greeting */
    NGX_HTTP_LLM_REDIS_READY
} ngx_http_llm_redis_state_e;


/* Called exactly once for each command that was taken.  The reply is the
   peer's and lives for the call; an error of Redis is a reply of the type
   REDIS_REPLY_ERROR.  NULL: the connection was lost, or the peer stopped. */
typedef void (*ngx_http_llm_redis_handler_pt)(void *data, redisReply *reply);

/* The peer became ready, or is so no more (after the handlers of all that was
   unanswered).  Not called by ngx_http_llm_redis_stop(), nor where nginx itself
   closes the connection since the worker is to end: the peer is stopped
   then. */
typedef void (*ngx_http_llm_redis_notice_pt)(void *data,
    ngx_uint_t connected);


typedef struct {
    ngx_http_llm_redis_handler_pt    handler;
    void                            *data;
    uint64_t                         sent;       /* us, monotonic */
} ngx_http_llm_redis_wait_t;


/* Zeroed before its first start.  Its memory stays until it was stopped, and
   the handler that stopped it has returned. */

typedef struct {
    const ngx_http_llm_redis_conf_t *conf;
    ngx_http_llm_redis_notice_pt     notice;     /* or NULL */
    void                            *data;       /* of the notice */

    ngx_http_llm_redis_state_e       state;
    ngx_uint_t                       step;       /* of the greeting */
    ngx_uint_t                       target;     /* who is spoken to */
    ngx_uint_t                       address;    /* configured: the next */
    ngx_uint_t                       turn;       /* of a name's addresses */
    llm_redis_node_t                 node;       /* named by a Sentinel or by
                                                    MOVED */
    ngx_str_t                        host;
    ngx_uint_t                       port;
    ngx_sockaddr_t                   sockaddr;
    socklen_t                        socklen;
    ngx_str_t                        name;       /* for log lines */
    u_char                           name_data[LLM_REDIS_HOST + 16];

    ngx_resolver_ctx_t              *resolving;
    ngx_connection_t                *connection;
    ngx_uint_t                       serial;     /* of connections */
    ngx_log_t                       *log;
    ngx_log_t                        quiet;      /* for nginx's own words */

    redisReader                     *reader;
    redisReplyObjectFunctions        functions;
    size_t                           fed;        /* bytes of the next reply */

    u_char                          *out;
    size_t                           out_size;
    size_t                           out_pos;
    size_t                           out_last;

    ngx_http_llm_redis_wait_t       *queue;      /* a ring */
    ngx_uint_t                       first;
    ngx_uint_t                       unanswered;
    ngx_uint_t                       unsent;     /* the last of them */

    uint64_t                         began;      /* us: to connect, then to be
                                                    ready */
    ngx_uint_t                       rtt;        /* us */
    ngx_event_t                      timer;      /* of the oldest command */
    ngx_event_t                      again;
    ngx_event_t                      flush;
    ngx_msec_t                       pause;      /* before the next try */
    ngx_uint_t                       told;       /* bits: what was, since the
                                                    last connection */
    unsigned                         is_name:1;  /* host, and no address */
    unsigned                         proved:1;   /* AUTH was sent */
    unsigned                         crowded:1;  /* an array was too long,
                                                    or too deep */
} ngx_http_llm_redis_peer_t;


/* Begins to connect; notice and data are set.  conf is borrowed until the
   peer is stopped.  NGX_ERROR: no memory. */
ngx_int_t ngx_http_llm_redis_start(ngx_http_llm_redis_peer_t *peer,
    const ngx_http_llm_redis_conf_t *conf, ngx_cycle_t *cycle);

/*
 * Sends a command at the end of this turn of the event loop.  NGX_OK: the
 * handler will be called, never before this returns.  NGX_BUSY: it will not
 * be, since the peer is not ready or its queue is full.  NGX_ERROR: neither,
 * there is no memory, or the command alone is over NGX_HTTP_LLM_REDIS_OUTPUT.
 */
ngx_int_t ngx_http_llm_redis_command(ngx_http_llm_redis_peer_t *peer, int argc,
    const char **argv, const size_t *argvlen,
    ngx_http_llm_redis_handler_pt handler, void *data);

ngx_http_llm_redis_state_e ngx_http_llm_redis_state(
    const ngx_http_llm_redis_peer_t *peer);

/* Of late, from when a command went out to its answer, in microseconds; 0:
   none yet. */
ngx_uint_t ngx_http_llm_redis_rtt(const ngx_http_llm_redis_peer_t *peer);

/* Closes what there is; may be called at any time, also by a handler or a
   notice, and again.  What is unanswered ends with NULL; those handlers do not
   start it anew. */
void ngx_http_llm_redis_stop(ngx_http_llm_redis_peer_t *peer);


#endif /* _NGX_HTTP_LLM_REDIS_H_INCLUDED_ */
