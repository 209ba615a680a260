
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _LLM_REDIS_URL_H_INCLUDED_
#define _LLM_REDIS_URL_H_INCLUDED_


#include <sys/types.h>


/* Where a Redis is, in the words of a configuration and in its own. */

#define LLM_REDIS_HOST    253            /* the longest name in the DNS */
#define LLM_REDIS_USER    128
#define LLM_REDIS_DB_MAX  65535


typedef struct {
    const u_char  *user;                 /* all point into the text */
    const u_char  *host;                 /* IPv6 without its brackets; a path
                                            of a unix socket */
    size_t         user_len;             /* 0: none */
    size_t         host_len;
    unsigned       port;                 /* 0: not named */
    unsigned       db;

    unsigned       tls:1;
    unsigned       is_unix:1;
} llm_redis_url_t;

/* redis://[user@]host[:port][/db], rediss:// likewise, or unix:PATH.  NULL,
   or what would be right. */
const char *llm_redis_url_parse(llm_redis_url_t *url, const u_char *text,
    size_t n);


typedef struct {
    u_char         host[LLM_REDIS_HOST + 1];     /* ends with a zero */
    size_t         host_len;             /* 0: the host that said so */
    unsigned       port;
} llm_redis_node_t;

/* Of an error "MOVED SLOT HOST:PORT", as the specification of Redis Cluster
   has it; 0, or -1: it is something else. */
int llm_redis_moved(llm_redis_node_t *node, const char *text, size_t n);

/* A host and a port as Sentinels name them; 0, or -1: they are none. */
int llm_redis_node(llm_redis_node_t *node, const char *host, size_t host_len,
    const char *port, size_t port_len);


#endif /* _LLM_REDIS_URL_H_INCLUDED_ */
