
/*
 * Copyright (C) the llm_quota authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "ngx_http_llm_redis_peer.h"


static ngx_int_t ngx_http_llm_redis_is_address(
    ngx_http_llm_redis_peer_t *peer);
static void ngx_http_llm_redis_resolve(ngx_http_llm_redis_peer_t *peer);
static void ngx_http_llm_redis_resolved(ngx_resolver_ctx_t *ctx);
static void ngx_http_llm_redis_set_address(ngx_http_llm_redis_peer_t *peer,
    struct sockaddr *sockaddr, socklen_t socklen);


void
ngx_http_llm_redis_find(ngx_http_llm_redis_peer_t *peer)
{
    u_char                        *p;
    ngx_addr_t                    *addr;
    ngx_http_llm_redis_address_t  *address;

    peer->state = NGX_HTTP_LLM_REDIS_CONNECTING;
    addr = NULL;

    if (peer->target == NGX_HTTP_LLM_REDIS_CONFIGURED) {
        address = peer->conf->addresses.elts;
        address += peer->address % peer->conf->addresses.nelts;

        peer->host = address->host;
        peer->port = address->port;

        if (address->naddrs) {
            addr = &address->addrs[peer->turn++ % address->naddrs];
        }

    } else {
        peer->host.data = peer->node.host;
        peer->host.len = peer->node.host_len;
        peer->port = peer->node.port;
    }

    p = peer->name_data;

    if (peer->port == 0) {
        p = ngx_sprintf(p, "unix:%V", &peer->host);

    } else if (ngx_strlchr(peer->host.data,
                           peer->host.data + peer->host.len, ':'))
    {
        p = ngx_sprintf(p, "[%V]:%ui", &peer->host, peer->port);

    } else {
        p = ngx_sprintf(p, "%V:%ui", &peer->host, peer->port);
    }

    peer->name.data = peer->name_data;
    peer->name.len = p - peer->name_data;

    peer->is_name = (ngx_http_llm_redis_is_address(peer) != NGX_OK);

    if (peer->is_name && addr == NULL) {
        ngx_http_llm_redis_resolve(peer);
        return;
    }

    if (peer->is_name) {
        ngx_http_llm_redis_set_address(peer, addr->sockaddr, addr->socklen);
    }

    ngx_http_llm_redis_open(peer);
}


static void
ngx_http_llm_redis_set_address(ngx_http_llm_redis_peer_t *peer,
    struct sockaddr *sockaddr, socklen_t socklen)
{
    ngx_memcpy(&peer->sockaddr, sockaddr, socklen);
    peer->socklen = socklen;
}


static ngx_int_t
ngx_http_llm_redis_is_address(ngx_http_llm_redis_peer_t *peer)
{
    in_addr_t             addr;
    struct sockaddr_in   *sin;
#if (NGX_HAVE_INET6)
    struct sockaddr_in6  *sin6;
#endif

    ngx_memzero(&peer->sockaddr, sizeof(ngx_sockaddr_t));

    addr = ngx_inet_addr(peer->host.data, peer->host.len);

    if (addr != INADDR_NONE) {
        sin = &peer->sockaddr.sockaddr_in;
        sin->sin_family = AF_INET;
        sin->sin_port = htons((in_port_t) peer->port);
        sin->sin_addr.s_addr = addr;
        peer->socklen = sizeof(struct sockaddr_in);

        return NGX_OK;
    }

#if (NGX_HAVE_INET6)

    sin6 = &peer->sockaddr.sockaddr_in6;

    if (ngx_inet6_addr(peer->host.data, peer->host.len,
                       sin6->sin6_addr.s6_addr)
        == NGX_OK)
    {
        sin6->sin6_family = AF_INET6;
        sin6->sin6_port = htons((in_port_t) peer->port);
        peer->socklen = sizeof(struct sockaddr_in6);

        return NGX_OK;
    }

#endif

    return NGX_DECLINED;
}


static void
ngx_http_llm_redis_resolve(ngx_http_llm_redis_peer_t *peer)
{
    ngx_resolver_ctx_t  *ctx;

    if (peer->conf->resolver == NULL) {
        ngx_http_llm_redis_lose(peer, NGX_HTTP_LLM_REDIS_NO_NAME, 0,
                                "is a name: set \"resolver\" in http");
        return;
    }

    ctx = ngx_resolve_start(peer->conf->resolver, NULL);

    if (ctx == NULL || ctx == NGX_NO_RESOLVER) {
        ngx_http_llm_redis_lose(peer, NGX_HTTP_LLM_REDIS_NO_MEMORY, 0,
                                "is not resolved for want of memory");
        return;
    }

    ctx->name = peer->host;
    ctx->handler = ngx_http_llm_redis_resolved;
    ctx->data = peer;
    ctx->timeout = peer->conf->resolver_timeout;
    ctx->cancelable = 1;

    peer->resolving = ctx;

    /* which may call the handler at once, and frees what fails */

    if (ngx_resolve_name(ctx) != NGX_OK) {
        peer->resolving = NULL;

        ngx_http_llm_redis_lose(peer, NGX_HTTP_LLM_REDIS_NO_NAME, 0,
                                "cannot be resolved");
    }
}


static void
ngx_http_llm_redis_resolved(ngx_resolver_ctx_t *ctx)
{
    ngx_int_t                   state;
    ngx_resolver_addr_t        *addr;
    ngx_http_llm_redis_peer_t  *peer;

    peer = ctx->data;
    peer->resolving = NULL;

    state = ctx->state;

    if (state == NGX_OK) {
        addr = &ctx->addrs[peer->turn++ % ctx->naddrs];

        ngx_http_llm_redis_set_address(peer, addr->sockaddr, addr->socklen);
        ngx_inet_set_port(&peer->sockaddr.sockaddr, (in_port_t) peer->port);
    }

    ngx_resolve_name_done(ctx);

    if (state != NGX_OK) {
        ngx_http_llm_redis_lose(peer, NGX_HTTP_LLM_REDIS_NO_NAME, 0,
                                "cannot be resolved (%i: %s)", state,
                                ngx_resolver_strerror(state));
        return;
    }

    ngx_http_llm_redis_open(peer);
}


void
ngx_http_llm_redis_find_stop(ngx_http_llm_redis_peer_t *peer)
{
    if (peer->resolving) {
        ngx_resolve_name_done(peer->resolving);
        peer->resolving = NULL;
    }
}
