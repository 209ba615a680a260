
/*
 * Copyright (C) the llm_quota authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "llm_redis_url.h"
#include "ngx_http_llm_redis_conf.h"


#define NGX_HTTP_LLM_REDIS_PORT           6379
#define NGX_HTTP_LLM_REDIS_SENTINEL_PORT  26379
#define NGX_HTTP_LLM_REDIS_DEPTH          9      /* of a chain */


static ngx_int_t ngx_http_llm_redis_conf_together(ngx_conf_t *cf,
    ngx_http_llm_redis_conf_t *conf, ngx_str_t *text, llm_redis_url_t *url);
static ngx_int_t ngx_http_llm_redis_conf_url(ngx_conf_t *cf, ngx_url_t *u,
    ngx_http_llm_redis_address_t *address);
static ngx_int_t ngx_http_llm_redis_conf_tls(ngx_conf_t *cf,
    ngx_http_llm_redis_conf_t *conf);


ngx_int_t
ngx_http_llm_redis_conf_address(ngx_conf_t *cf,
    ngx_http_llm_redis_conf_t *conf, ngx_str_t *text)
{
    const char                    *error;
    llm_redis_url_t                url;
    ngx_http_llm_redis_address_t  *address;

    error = llm_redis_url_parse(&url, text->data, text->len);

    if (error) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "llm_quota_redis has invalid \"%V\": %s", text,
                           error);
        return NGX_ERROR;
    }

    if (conf->addresses.elts == NULL
        && ngx_array_init(&conf->addresses, cf->pool, 3,
                          sizeof(ngx_http_llm_redis_address_t))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_http_llm_redis_conf_together(cf, conf, text, &url) != NGX_OK) {
        return NGX_ERROR;
    }

    address = ngx_array_push(&conf->addresses);
    if (address == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(address, sizeof(ngx_http_llm_redis_address_t));

    address->text = *text;
    address->host.data = (u_char *) url.host;
    address->host.len = url.host_len;
    address->port = url.port;
    address->is_unix = url.is_unix;
    address->file = cf->conf_file->file.name.data;
    address->line = cf->conf_file->line;

    return NGX_OK;
}


/* What holds of one address holds of all. */

static ngx_int_t
ngx_http_llm_redis_conf_together(ngx_conf_t *cf,
    ngx_http_llm_redis_conf_t *conf, ngx_str_t *text, llm_redis_url_t *url)
{
    if (conf->addresses.nelts
        && (conf->tls != url->tls
            || conf->db != url->db
            || conf->user.len != url->user_len
            || (url->user_len
                && ngx_memcmp(conf->user.data, url->user, url->user_len)
                   != 0)))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "llm_quota_redis has \"%V\", which differs from "
                           "the address before it in more than host and "
                           "port: use one scheme, user and database", text);
        return NGX_ERROR;
    }

    conf->tls = url->tls;
    conf->db = url->db;
    conf->user.data = (u_char *) url->user;
    conf->user.len = url->user_len;

    return NGX_OK;
}


ngx_int_t
ngx_http_llm_redis_conf_password(ngx_conf_t *cf,
    ngx_http_llm_redis_conf_t *conf, ngx_str_t *file)
{
    size_t     len;
    u_char     buf[NGX_HTTP_LLM_REDIS_SECRET + 2];
    ssize_t    n;
    ngx_fd_t   fd;
    ngx_int_t  rc;
    ngx_str_t  name;

    name = *file;

    if (ngx_conf_full_name(cf->cycle, &name, 1) != NGX_OK) {
        return NGX_ERROR;
    }

    fd = ngx_open_file(name.data, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "llm_quota_redis cannot open \"%V\" of "
                           "\"password_file=\"", &name);
        return NGX_ERROR;
    }

    n = ngx_read_fd(fd, buf, sizeof(buf));

    if (n < 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "llm_quota_redis cannot read \"%V\" of "
                           "\"password_file=\"", &name);
    }

    (void) ngx_close_file(fd);

    if (n < 0) {
        return NGX_ERROR;
    }

    for (len = 0; len < (size_t) n; len++) {
        if (buf[len] == CR || buf[len] == LF) {
            break;
        }
    }

    if (len == 0 || len > NGX_HTTP_LLM_REDIS_SECRET) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "llm_quota_redis has \"password_file=%V\" whose "
                           "first line is no password: use 1 to %d bytes",
                           &name, NGX_HTTP_LLM_REDIS_SECRET);
        rc = NGX_ERROR;

    } else {
        conf->password.data = ngx_pnalloc(cf->pool, len);
        conf->password.len = len;

        rc = (conf->password.data == NULL) ? NGX_ERROR : NGX_OK;

        if (rc == NGX_OK) {
            ngx_memcpy(conf->password.data, buf, len);
        }
    }

    ngx_explicit_memzero(buf, sizeof(buf));

    return rc;
}


ngx_int_t
ngx_http_llm_redis_conf_done(ngx_conf_t *cf, ngx_http_llm_redis_conf_t *conf)
{
    ngx_uint_t                     i;
    ngx_http_llm_redis_address_t  *address;

    if (conf->addresses.nelts == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "llm_quota_redis has no address: use "
                           "redis://[user@]host[:port][/db], rediss://... or "
                           "unix:PATH");
        return NGX_ERROR;
    }

    if (conf->addresses.nelts > 1 && conf->sentinel.len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "llm_quota_redis has %ui addresses: use one, or "
                           "name the master of these Sentinels with "
                           "sentinel=MASTER", conf->addresses.nelts);
        return NGX_ERROR;
    }

    if (conf->user.len && conf->password.len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "llm_quota_redis has user \"%V\" without a "
                           "password: add password_file=FILE", &conf->user);
        return NGX_ERROR;
    }

    if (conf->ca.len && !conf->tls) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "llm_quota_redis has \"ca=%V\" without TLS: use "
                           "rediss:// for it", &conf->ca);
        return NGX_ERROR;
    }

    address = conf->addresses.elts;

    for (i = 0; i < conf->addresses.nelts; i++) {
        if (address[i].port == 0 && !address[i].is_unix) {
            address[i].port = conf->sentinel.len
                              ? NGX_HTTP_LLM_REDIS_SENTINEL_PORT
                              : NGX_HTTP_LLM_REDIS_PORT;
        }
    }

    return conf->tls ? ngx_http_llm_redis_conf_tls(cf, conf) : NGX_OK;
}


#if (NGX_SSL)

static ngx_int_t
ngx_http_llm_redis_conf_tls(ngx_conf_t *cf, ngx_http_llm_redis_conf_t *conf)
{
    ngx_ssl_t           *ssl;
    ngx_pool_cleanup_t  *cln;

    ssl = ngx_pcalloc(cf->pool, sizeof(ngx_ssl_t));
    if (ssl == NULL) {
        return NGX_ERROR;
    }

    ssl->log = cf->log;

    if (ngx_ssl_create(ssl, NGX_SSL_TLSv1_2|NGX_SSL_TLSv1_3, NULL) != NGX_OK) {
        return NGX_ERROR;
    }

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    if (cln == NULL) {
        ngx_ssl_cleanup_ctx(ssl);
        return NGX_ERROR;
    }

    cln->handler = ngx_ssl_cleanup_ctx;
    cln->data = ssl;

    if (conf->ca.len) {

        if (ngx_ssl_trusted_certificate(cf, ssl, &conf->ca,
                                        NGX_HTTP_LLM_REDIS_DEPTH)
            != NGX_OK)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "llm_quota_redis cannot use \"ca=%V\": name a "
                               "file of certificates in PEM", &conf->ca);
            return NGX_ERROR;
        }

    } else if (SSL_CTX_set_default_verify_paths(ssl->ctx) != 1) {
        ngx_ssl_error(NGX_LOG_EMERG, cf->log, 0,
                      "llm_quota_redis cannot use the system's certificates: "
                      "name others with ca=FILE");
        return NGX_ERROR;
    }

    /* nginx's own way lets a handshake pass and looks afterwards */

    SSL_CTX_set_verify(ssl->ctx, SSL_VERIFY_PEER, NULL);

    /* what is not sent yet may be elsewhere when it is tried again */

    SSL_CTX_set_mode(ssl->ctx, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);

    conf->ssl = ssl;

    return NGX_OK;
}

#else

static ngx_int_t
ngx_http_llm_redis_conf_tls(ngx_conf_t *cf, ngx_http_llm_redis_conf_t *conf)
{
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "llm_quota_redis has \"rediss://\", and this nginx has "
                       "no TLS: configure it --with-http_ssl_module");
    return NGX_ERROR;
}

#endif


ngx_int_t
ngx_http_llm_redis_conf_resolve(ngx_conf_t *cf,
    ngx_http_llm_redis_conf_t *conf, ngx_resolver_t *resolver,
    ngx_msec_t timeout)
{
    ngx_url_t                      u;
    ngx_uint_t                     i;
    ngx_http_llm_redis_address_t  *address;

    conf->resolver = resolver;
    conf->resolver_timeout = timeout;

    address = conf->addresses.elts;

    for (i = 0; i < conf->addresses.nelts; i++) {

        ngx_memzero(&u, sizeof(ngx_url_t));

        u.no_resolve = (resolver != NULL);

        if (ngx_http_llm_redis_conf_url(cf, &u, &address[i]) != NGX_OK) {

            if (u.err) {
                ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                              "llm_quota_redis has \"%V\" that is not found: "
                              "%s in %s:%ui", &address[i].text, u.err,
                              address[i].file, address[i].line);
            }

            return NGX_ERROR;
        }

        address[i].addrs = u.addrs;
        address[i].naddrs = u.naddrs;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_redis_conf_url(ngx_conf_t *cf, ngx_url_t *u,
    ngx_http_llm_redis_address_t *address)
{
    u_char  *p;

    u->url.data = ngx_pnalloc(cf->pool, address->host.len + sizeof("unix:[]:")
                                        + NGX_INT_T_LEN);
    if (u->url.data == NULL) {
        return NGX_ERROR;
    }

    if (address->is_unix) {
        p = ngx_sprintf(u->url.data, "unix:%V%Z", &address->host);

    } else if (ngx_strlchr(address->host.data,
                           address->host.data + address->host.len, ':'))
    {
        p = ngx_sprintf(u->url.data, "[%V]:%ui%Z", &address->host,
                        address->port);

    } else {
        p = ngx_sprintf(u->url.data, "%V:%ui%Z", &address->host,
                        address->port);
    }

    u->url.len = p - u->url.data - 1;

    return ngx_parse_url(cf->pool, u);
}
