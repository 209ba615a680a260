
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _NGX_HTTP_LLM_CURL_H_INCLUDED_
#define _NGX_HTTP_LLM_CURL_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include <curl/curl.h>


/*
 * Sends a body by HTTP or mail without blocking, in the process that begins
 * the first transfer: by HTTP with libcurl's multi interface on nginx's
 * connections and timers; a mail in a thread of its own, as libcurl waits for
 * what a mail server says to the end of a mail, and to QUIT, and does nothing
 * else meanwhile.
 *
 * Names are resolved in threads of libcurl's own, as most distributions build
 * it (curl -V: AsynchDNS).  Certificates are verified; libcurl reads the
 * system's once a day.  Proxies are those of the environment, http_proxy,
 * https_proxy, no_proxy and so on, of which nginx passes on to its workers
 * what the directive "env" names.  Redirects are not followed: the body and
 * its headers are for nobody else.
 */


/* TLS of a mail server: on a connection that began without. */

typedef enum {
    NGX_HTTP_LLM_STARTTLS_AUTO = 0,      /* where the server offers it */
    NGX_HTTP_LLM_STARTTLS_REQUIRED,
    NGX_HTTP_LLM_STARTTLS_OFF
} ngx_http_llm_starttls_e;


typedef struct ngx_http_llm_curl_s  ngx_http_llm_curl_t;
typedef struct ngx_http_llm_mail_s  ngx_http_llm_mail_t;

typedef void (*ngx_http_llm_curl_handler_pt)(ngx_http_llm_curl_t *transfer);


/* A transfer, zeroed at first.  Strings end in NUL; they, and the transfer,
   stay until the handler. */

struct ngx_http_llm_curl_s {
    const char                    *url;      /* http, https, smtp, smtps */
    ngx_msec_t                     timeout;  /* of all of it, with names */
    const char                    *ca;       /* file with certificates in the
                                                place of the system's, or
                                                NULL */
    const char                    *body;
    size_t                         len;

    /* HTTP: POST with these */
    const char                   **headers;  /* "Name: value" */
    ngx_uint_t                     nheaders;

    /* mail */
    const char                    *from;
    const char                   **to;
    ngx_uint_t                     nto;
    const char                    *user;     /* NULL: no authentication */
    const char                    *password;
    ngx_http_llm_starttls_e        starttls;

    ngx_http_llm_curl_handler_pt   handler;
    void                          *data;

    /* out */
    unsigned                       sent:1;   /* 2xx, or the mail was taken */
    long                           status;   /* of HTTP or SMTP; 0: none */
    time_t                         retry_after;  /* s that the receiver asked
                                                    for, 0: none */
    char                           error[CURL_ERROR_SIZE];  /* not sent: why,
                                                    without anything secret */

    unsigned                       busy:1;   /* from the beginning to the
                                                handler */

    /* its own */
    CURL                          *easy;     /* of HTTP */
    struct curl_slist             *list;
    size_t                         received;
    ngx_http_llm_mail_t           *mail;
};


/* Begins; the handler is called later, never from here.  NGX_ERROR: it did not
   begin, error says why. */
ngx_int_t ngx_http_llm_curl_send(ngx_http_llm_curl_t *transfer);

/* Ends one that is busy, without its handler. */
void ngx_http_llm_curl_cancel(ngx_http_llm_curl_t *transfer);

/* At the end of the process: none is under way any more. */
void ngx_http_llm_curl_exit(void);


#endif /* _NGX_HTTP_LLM_CURL_H_INCLUDED_ */
