
/*
 * Copyright (C) the llm_quota authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "ngx_http_llm_redis_peer.h"


/* The connection: bytes come and go. */

#define NGX_HTTP_LLM_REDIS_POOL    512
#define NGX_HTTP_LLM_REDIS_INPUT   16384
#define NGX_HTTP_LLM_REDIS_READS   16    /* before others have their turn */
#define NGX_HTTP_LLM_REDIS_KEEP    65536


static void ngx_http_llm_redis_open_handler(ngx_event_t *ev);
static void ngx_http_llm_redis_opened(ngx_http_llm_redis_peer_t *peer);
static ngx_err_t ngx_http_llm_redis_connect_error(ngx_connection_t *c);
static void ngx_http_llm_redis_begin(ngx_http_llm_redis_peer_t *peer);
static void ngx_http_llm_redis_read_handler(ngx_event_t *rev);
static void ngx_http_llm_redis_write_handler(ngx_event_t *wev);
static ngx_int_t ngx_http_llm_redis_take(ngx_http_llm_redis_peer_t *peer,
    u_char *data, size_t n);
static void ngx_http_llm_redis_sent(ngx_http_llm_redis_peer_t *peer);
static void ngx_http_llm_redis_closed(ngx_http_llm_redis_peer_t *peer,
    ngx_err_t err);
#if (NGX_SSL)
static void ngx_http_llm_redis_tls(ngx_http_llm_redis_peer_t *peer);
static ngx_int_t ngx_http_llm_redis_tls_expect(
    ngx_http_llm_redis_peer_t *peer);
static void ngx_http_llm_redis_tls_handler(ngx_connection_t *c);
#endif


void
ngx_http_llm_redis_open(ngx_http_llm_redis_peer_t *peer)
{
    ngx_int_t               rc;
    ngx_connection_t       *c;
    ngx_peer_connection_t   pc;

    ngx_memzero(&pc, sizeof(ngx_peer_connection_t));

    pc.sockaddr = &peer->sockaddr.sockaddr;
    pc.socklen = peer->socklen;
    pc.name = &peer->name;
    pc.get = ngx_event_get_peer;
    pc.log = &peer->quiet;
    pc.log_error = NGX_ERROR_ERR;

    ngx_set_errno(0);

    rc = ngx_event_connect_peer(&pc);

    if (rc != NGX_OK && rc != NGX_AGAIN) {
        ngx_http_llm_redis_lose(peer, NGX_HTTP_LLM_REDIS_NO_CONNECTION,
                                ngx_errno, "cannot be reached: start it, or "
                                "correct its address");
        return;
    }

    c = pc.connection;

    peer->connection = c;
    peer->began = ngx_http_llm_redis_now();

    c->data = peer;
    c->read->handler = ngx_http_llm_redis_open_handler;
    c->write->handler = ngx_http_llm_redis_open_handler;

    c->pool = ngx_create_pool(NGX_HTTP_LLM_REDIS_POOL, &peer->quiet);

    if (c->pool == NULL || ngx_http_llm_redis_reader(peer) != NGX_OK) {
        ngx_http_llm_redis_lose(peer, NGX_HTTP_LLM_REDIS_NO_MEMORY, 0,
                                "is not connected for want of memory");
        return;
    }

    if (!peer->timer.timer_set) {
        ngx_add_timer(&peer->timer, peer->conf->timeout);
    }

    if (rc == NGX_OK) {
        ngx_http_llm_redis_opened(peer);
    }
}


static void
ngx_http_llm_redis_open_handler(ngx_event_t *ev)
{
    ngx_err_t                   err;
    ngx_connection_t           *c;
    ngx_http_llm_redis_peer_t  *peer;

    c = ev->data;
    peer = c->data;

    err = ngx_http_llm_redis_connect_error(c);

    if (err) {
        ngx_http_llm_redis_lose(peer, NGX_HTTP_LLM_REDIS_NO_CONNECTION, err,
                                "cannot be reached: start it, or correct its "
                                "address");
        return;
    }

    ngx_http_llm_redis_opened(peer);
}


static ngx_err_t
ngx_http_llm_redis_connect_error(ngx_connection_t *c)
{
    int        err;
    socklen_t  len;

#if (NGX_HAVE_KQUEUE)

    if (ngx_event_flags & NGX_USE_KQUEUE_EVENT) {
        return c->write->pending_eof ? c->write->kq_errno
                                     : c->read->pending_eof
                                       ? c->read->kq_errno : 0;
    }

#endif

    err = 0;
    len = sizeof(int);

    /* some systems return it as the result of the call itself */

    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, (void *) &err, &len) == -1) {
        err = ngx_socket_errno;
    }

    return err;
}


static void
ngx_http_llm_redis_opened(ngx_http_llm_redis_peer_t *peer)
{
    ngx_connection_t  *c;

    c = peer->connection;

    if (peer->sockaddr.sockaddr.sa_family != AF_UNIX) {
        (void) ngx_tcp_nodelay(c);
    }

#if (NGX_SSL)

    if (peer->conf->ssl) {
        ngx_http_llm_redis_tls(peer);
        return;
    }

#endif

    ngx_http_llm_redis_begin(peer);
}


static void
ngx_http_llm_redis_begin(ngx_http_llm_redis_peer_t *peer)
{
    ngx_connection_t  *c;

    c = peer->connection;

    /* nginx closes it when the worker is to end */

    c->idle = 1;
    c->read->handler = ngx_http_llm_redis_read_handler;
    c->write->handler = ngx_http_llm_redis_write_handler;

    ngx_http_llm_redis_greet(peer);
}


#if (NGX_SSL)

static void
ngx_http_llm_redis_tls(ngx_http_llm_redis_peer_t *peer)
{
    ngx_int_t          rc;
    ngx_connection_t  *c;

    c = peer->connection;
    peer->began = ngx_http_llm_redis_now();

    if (ngx_ssl_create_connection(peer->conf->ssl, c,
                                  NGX_SSL_BUFFER|NGX_SSL_CLIENT)
        != NGX_OK
        || ngx_http_llm_redis_tls_expect(peer) != NGX_OK)
    {
        ngx_http_llm_redis_lose(peer, NGX_HTTP_LLM_REDIS_NO_MEMORY, 0,
                                "has no TLS for want of memory");
        return;
    }

    rc = ngx_ssl_handshake(c);

    if (rc == NGX_AGAIN) {
        c->ssl->handler = ngx_http_llm_redis_tls_handler;
        return;
    }

    ngx_http_llm_redis_tls_handler(c);
}


/* What the certificate must be for; a name, not an address, is sent as SNI. */

static ngx_int_t
ngx_http_llm_redis_tls_expect(ngx_http_llm_redis_peer_t *peer)
{
    SSL                *ssl;
    char                host[LLM_REDIS_HOST + 1];
    X509_VERIFY_PARAM  *param;

    ssl = peer->connection->ssl->connection;
    param = SSL_get0_param(ssl);

    ngx_memcpy(host, peer->host.data, peer->host.len);
    host[peer->host.len] = '\0';

    if (!peer->is_name) {
        return X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1 ? NGX_OK
                                                               : NGX_ERROR;
    }

    if (X509_VERIFY_PARAM_set1_host(param, host, peer->host.len) != 1
        || SSL_set_tlsext_host_name(ssl, host) != 1)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static void
ngx_http_llm_redis_tls_handler(ngx_connection_t *c)
{
    long                        rc;
    ngx_http_llm_redis_peer_t  *peer;

    peer = c->data;
    rc = SSL_get_verify_result(c->ssl->connection);

    if (rc != X509_V_OK) {
        ngx_http_llm_redis_lose(peer, NGX_HTTP_LLM_REDIS_NO_TLS, 0,
                                "has a certificate that is refused (%l: %s): "
                                "correct it, or \"ca=\"", rc,
                                X509_verify_cert_error_string(rc));
        return;
    }

    if (!c->ssl->handshaked) {
        ngx_http_llm_redis_lose(peer, NGX_HTTP_LLM_REDIS_NO_TLS, 0,
                                "does not agree on TLS: name its port for "
                                "TLS");
        return;
    }

    peer->began = ngx_http_llm_redis_now();

    ngx_http_llm_redis_begin(peer);
}

#endif


static void
ngx_http_llm_redis_read_handler(ngx_event_t *rev)
{
    u_char                      buf[NGX_HTTP_LLM_REDIS_INPUT];
    ssize_t                     n;
    ngx_uint_t                  i;
    ngx_connection_t           *c;
    ngx_http_llm_redis_peer_t  *peer;

    c = rev->data;
    peer = c->data;

    if (c->close) {
        ngx_http_llm_redis_stop(peer);
        return;
    }

    for (i = 0; i < NGX_HTTP_LLM_REDIS_READS; i++) {

        n = c->recv(c, buf, NGX_HTTP_LLM_REDIS_INPUT);

        if (n == NGX_AGAIN) {

            if (ngx_handle_read_event(rev, 0) != NGX_OK) {
                ngx_http_llm_redis_closed(peer, 0);
            }

            return;
        }

        if (n <= 0) {
            ngx_http_llm_redis_closed(peer, n == 0 ? 0 : ngx_socket_errno);
            return;
        }

        if (ngx_http_llm_redis_take(peer, buf, (size_t) n) != NGX_OK) {
            return;
        }
    }

    ngx_post_event(rev, &ngx_posted_next_events);
}


static ngx_int_t
ngx_http_llm_redis_take(ngx_http_llm_redis_peer_t *peer, u_char *data,
    size_t n)
{
    void         *reply;
    redisReader  *reader;

    reader = peer->reader;
    peer->fed += n;

    if (redisReaderFeed(reader, (char *) data, n) != REDIS_OK) {
        goto failed;
    }

    for ( ;; ) {

        if (redisReaderGetReply(reader, &reply) != REDIS_OK) {
            goto failed;
        }

        if (reply == NULL) {
            break;
        }

        peer->fed = reader->len - reader->pos;

        if (ngx_http_llm_redis_answer(peer, reply) != NGX_OK) {
            return NGX_DONE;
        }
    }

    if (peer->fed <= NGX_HTTP_LLM_REDIS_REPLY) {
        return NGX_OK;
    }

    peer->crowded = 1;

failed:

    if (peer->crowded) {
        ngx_http_llm_redis_lose(peer, NGX_HTTP_LLM_REDIS_TOO_LARGE, 0,
                                "answers with more than %dM, %d elements of "
                                "an array or %d arrays in each other",
                                NGX_HTTP_LLM_REDIS_REPLY / (1024 * 1024),
                                NGX_HTTP_LLM_REDIS_ELEMENTS,
                                NGX_HTTP_LLM_REDIS_DEPTH);

    } else if (reader->err == REDIS_ERR_OOM) {
        ngx_http_llm_redis_lose(peer, NGX_HTTP_LLM_REDIS_NO_MEMORY, 0,
                                "is not understood for want of memory");

    } else {
        ngx_http_llm_redis_lose(peer, NGX_HTTP_LLM_REDIS_GARBAGE, 0,
                                "does not speak as Redis does (%s): correct "
                                "its address", reader->errstr);
    }

    return NGX_DONE;
}


static void
ngx_http_llm_redis_closed(ngx_http_llm_redis_peer_t *peer, ngx_err_t err)
{
    ngx_http_llm_redis_lose(peer, NGX_HTTP_LLM_REDIS_CLOSED, err,
                            "closed the connection");
}


static void
ngx_http_llm_redis_write_handler(ngx_event_t *wev)
{
    ngx_connection_t  *c;

    c = wev->data;

    ngx_http_llm_redis_flush(c->data);
}


void
ngx_http_llm_redis_flush(ngx_http_llm_redis_peer_t *peer)
{
    ssize_t            n;
    uint64_t           now;
    ngx_uint_t         i;
    ngx_connection_t  *c;

    c = peer->connection;
    now = ngx_http_llm_redis_now();

    /* what is sent late, since the worker was busy, is not late because of
       Redis */

    while (peer->unsent) {
        i = peer->first + peer->unanswered - peer->unsent;
        peer->queue[i % NGX_HTTP_LLM_REDIS_QUEUE].sent = now;
        peer->unsent--;
    }

    while (peer->out_pos < peer->out_last) {

        n = c->send(c, peer->out + peer->out_pos,
                    peer->out_last - peer->out_pos);

        if (n == NGX_AGAIN) {
            break;
        }

        if (n <= 0) {
            ngx_http_llm_redis_closed(peer, ngx_socket_errno);
            return;
        }

        peer->out_pos += (size_t) n;
    }

    if (peer->out_pos == peer->out_last) {
        ngx_http_llm_redis_sent(peer);
    }

    if (ngx_handle_write_event(c->write, 0) != NGX_OK) {
        ngx_http_llm_redis_closed(peer, 0);
    }
}


/* What a burst has needed is not kept. */

static void
ngx_http_llm_redis_sent(ngx_http_llm_redis_peer_t *peer)
{
    peer->out_pos = 0;
    peer->out_last = 0;

    if (peer->out_size > NGX_HTTP_LLM_REDIS_KEEP) {
        ngx_free(peer->out);
        peer->out = NULL;
        peer->out_size = 0;
    }
}


void
ngx_http_llm_redis_close(ngx_http_llm_redis_peer_t *peer)
{
    ngx_pool_t        *pool;
    ngx_connection_t  *c;

    peer->serial++;
    peer->unsent = 0;

    ngx_http_llm_redis_sent(peer);

    if (peer->timer.timer_set) {
        ngx_del_timer(&peer->timer);
    }

    if (peer->flush.posted) {
        ngx_delete_posted_event(&peer->flush);
    }

    if (peer->reader) {
        redisReaderFree(peer->reader);
        peer->reader = NULL;
    }

    c = peer->connection;

    if (c == NULL) {
        return;
    }

    peer->connection = NULL;
    pool = c->pool;

#if (NGX_SSL)

    if (c->ssl) {
        c->ssl->no_wait_shutdown = 1;
        c->ssl->no_send_shutdown = 1;

        (void) ngx_ssl_shutdown(c);
    }

#endif

    ngx_close_connection(c);

    if (pool) {
        ngx_destroy_pool(pool);
    }
}
