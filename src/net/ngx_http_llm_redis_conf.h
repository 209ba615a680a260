
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _NGX_HTTP_LLM_REDIS_CONF_H_INCLUDED_
#define _NGX_HTTP_LLM_REDIS_CONF_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>


/* Which Redis, and how it is spoken to.  All of it lives in the cycle's pool,
   and is read only in the workers. */

#define NGX_HTTP_LLM_REDIS_TIMEOUT  50       /* ms */
#define NGX_HTTP_LLM_REDIS_SECRET   512      /* bytes of a password */


typedef struct {
    ngx_str_t                      text;     /* as it was written */
    ngx_str_t                      host;     /* a name, an IP or a path */
    ngx_uint_t                     port;     /* 0: a unix socket */

    /* empty where only the resolver knows; of a name it is asked again */
    ngx_addr_t                    *addrs;
    ngx_uint_t                     naddrs;

    u_char                        *file;
    ngx_uint_t                     line;
    unsigned                       is_unix:1;
} ngx_http_llm_redis_address_t;


typedef struct {
    ngx_str_t                      who;      /* of log lines: the zone's name */
    ngx_str_t                      client;   /* CLIENT SETNAME */

    /* of ngx_http_llm_redis_address_t */
    ngx_array_t                    addresses;
    ngx_str_t                      sentinel; /* the master's name; empty: the
                                                address is Redis itself */
    ngx_str_t                      user;     /* empty: the default user */
    ngx_str_t                      password; /* empty: none */
    ngx_str_t                      ca;       /* empty: the system's store */
    ngx_uint_t                     db;
    ngx_msec_t                     timeout;  /* of a connection to be there,
                                                and of each answer */

    ngx_ssl_t                     *ssl;      /* NULL: no TLS */
    ngx_resolver_t                *resolver; /* NULL: none */
    ngx_msec_t                     resolver_timeout;

    unsigned                       tls:1;
} ngx_http_llm_redis_conf_t;


/*
 * While the configuration is read.  What is wrong is logged as [emerg] with
 * what would be right, and NGX_ERROR.
 */

/* One more address, redis://[user@]host[:port][/db], rediss://... or
   unix:PATH; all have one user, one database, and TLS or not. */
ngx_int_t ngx_http_llm_redis_conf_address(ngx_conf_t *cf,
    ngx_http_llm_redis_conf_t *conf, ngx_str_t *text);

/* The password is the first line of a file. */
ngx_int_t ngx_http_llm_redis_conf_password(ngx_conf_t *cf,
    ngx_http_llm_redis_conf_t *conf, ngx_str_t *file);

/* After the last parameter: what they are together; what TLS needs. */
ngx_int_t ngx_http_llm_redis_conf_done(ngx_conf_t *cf,
    ngx_http_llm_redis_conf_t *conf);

/* After the last directive: names of hosts, where resolver is NULL. */
ngx_int_t ngx_http_llm_redis_conf_resolve(ngx_conf_t *cf,
    ngx_http_llm_redis_conf_t *conf, ngx_resolver_t *resolver,
    ngx_msec_t timeout);


#endif /* _NGX_HTTP_LLM_REDIS_CONF_H_INCLUDED_ */
