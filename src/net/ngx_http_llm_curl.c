
/*
 * Copyright (C) the llm_quota authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "ngx_http_llm_curl_room.h"


#define NGX_HTTP_LLM_CURL_ANSWER  65536  /* bytes of one; more is an error */
#define NGX_HTTP_LLM_CURL_MAX     86400  /* s, of what receivers ask for */


/* since 7.85.0 protocols are named in words, which old releases lack */

#if (LIBCURL_VERSION_NUM >= 0x075500)
#define ngx_http_llm_curl_protocols(easy)                                     \
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https,smtp,smtps")
#else
#define ngx_http_llm_curl_protocols(easy)                                     \
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS, (long)                          \
                     (CURLPROTO_HTTP|CURLPROTO_HTTPS                          \
                      |CURLPROTO_SMTP|CURLPROTO_SMTPS))
#endif

/* since 7.87.0 a transfer can end before its name is resolved: without that
   its end waits for the thread */

#if (LIBCURL_VERSION_NUM >= 0x075700)
#define ngx_http_llm_curl_quick(easy)                                         \
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L)
#else
#define ngx_http_llm_curl_quick(easy)   CURLE_OK
#endif


/* Of the process; multi is NULL before the first transfer. */

typedef struct {
    CURLM                         *multi;
    ngx_event_t                    timer;
    ngx_connection_t               connection;   /* the timer's data */
} ngx_http_llm_curl_main_t;


static ngx_int_t ngx_http_llm_curl_init(void);
static ngx_int_t ngx_http_llm_curl_post(ngx_http_llm_curl_t *t);
static ngx_int_t ngx_http_llm_curl_set_http(ngx_http_llm_curl_t *t);
static size_t ngx_http_llm_curl_write(char *buf, size_t size, size_t n,
    void *data);
static int ngx_http_llm_curl_socket(CURL *easy, curl_socket_t fd, int what,
    void *data, void *socket);
static void ngx_http_llm_curl_watch(ngx_connection_t *c, int what);
static void ngx_http_llm_curl_forget(ngx_connection_t *c);
static int ngx_http_llm_curl_timer(CURLM *multi, long ms, void *data);
static void ngx_http_llm_curl_event(ngx_event_t *ev);
static void ngx_http_llm_curl_timeout(ngx_event_t *ev);
static void ngx_http_llm_curl_act(curl_socket_t fd, int what);
static void ngx_http_llm_curl_done(ngx_http_llm_curl_t *t, CURLcode code);
static void ngx_http_llm_curl_free(ngx_http_llm_curl_t *t);


static ngx_http_llm_curl_main_t  ngx_http_llm_curl;


ngx_int_t
ngx_http_llm_curl_send(ngx_http_llm_curl_t *t)
{
    ngx_int_t  rc;

    t->sent = 0;
    t->busy = 0;
    t->status = 0;
    t->retry_after = 0;
    t->error[0] = '\0';
    t->received = 0;
    t->list = NULL;
    t->easy = NULL;
    t->mail = NULL;

    rc = ngx_http_llm_curl_init();

    if (rc == NGX_OK) {
        rc = t->from ? ngx_http_llm_mail_send(t) : ngx_http_llm_curl_post(t);
    }

    if (rc == NGX_OK) {
        t->busy = 1;

    } else if (t->error[0] == '\0') {
        ngx_sprintf((u_char *) t->error, "libcurl has no memory%Z");
    }

    return rc;
}


static ngx_int_t
ngx_http_llm_curl_post(ngx_http_llm_curl_t *t)
{
    t->easy = curl_easy_init();

    if (t->easy == NULL) {
        return NGX_ERROR;
    }

    if (ngx_http_llm_curl_set(t->easy, t, t->error) != NGX_OK
        || ngx_http_llm_curl_set_http(t) != NGX_OK
        || curl_multi_add_handle(ngx_http_llm_curl.multi, t->easy)
           != CURLM_OK)
    {
        ngx_http_llm_curl_free(t);
        return NGX_ERROR;
    }

    return NGX_OK;
}


void
ngx_http_llm_curl_cancel(ngx_http_llm_curl_t *t)
{
    t->busy = 0;

    if (t->mail) {
        ngx_http_llm_mail_cancel(t);
        return;
    }

    (void) curl_multi_remove_handle(ngx_http_llm_curl.multi, t->easy);

    ngx_http_llm_curl_free(t);
}


void
ngx_http_llm_curl_exit(void)
{
    if (ngx_http_llm_curl.multi == NULL) {
        return;
    }

    (void) curl_multi_cleanup(ngx_http_llm_curl.multi);
    ngx_http_llm_curl.multi = NULL;

    if (ngx_http_llm_curl.timer.timer_set) {
        ngx_del_timer(&ngx_http_llm_curl.timer);
    }

    /* a thread that resolves a name cannot be told to end */

    if (ngx_http_llm_mail_exit()) {
        curl_global_cleanup();
    }
}


/* Not before there is something to send, and never in the master: its workers
   would share what libcurl has open. */

static ngx_int_t
ngx_http_llm_curl_init(void)
{
    CURLM        *multi;
    ngx_event_t  *ev;

    if (ngx_http_llm_curl.multi) {
        return NGX_OK;
    }

    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        return NGX_ERROR;
    }

    multi = curl_multi_init();

    if (multi == NULL
        || curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION,
                             ngx_http_llm_curl_socket)
           != CURLM_OK
        || curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION,
                             ngx_http_llm_curl_timer)
           != CURLM_OK)
    {
        if (multi) {
            (void) curl_multi_cleanup(multi);
        }

        curl_global_cleanup();

        return NGX_ERROR;
    }

    ngx_http_llm_curl.connection.fd = (ngx_socket_t) -1;

    /* a graceful exit waits for it: each transfer has its time */

    ev = &ngx_http_llm_curl.timer;

    ngx_memzero(ev, sizeof(ngx_event_t));

    ev->handler = ngx_http_llm_curl_timeout;
    ev->data = &ngx_http_llm_curl.connection;

    ngx_http_llm_curl.multi = multi;

    return NGX_OK;
}


ngx_int_t
ngx_http_llm_curl_set(CURL *easy, const ngx_http_llm_curl_t *t, char *error)
{
    if (curl_easy_setopt(easy, CURLOPT_URL, t->url) != CURLE_OK
        || curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, error) != CURLE_OK
        || curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) != CURLE_OK
        || ngx_http_llm_curl_protocols(easy) != CURLE_OK
        || ngx_http_llm_curl_quick(easy) != CURLE_OK
        || curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long) t->timeout)
           != CURLE_OK
        || curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L) != CURLE_OK
        || curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L) != CURLE_OK
        || curl_easy_setopt(easy, CURLOPT_NETRC, (long) CURL_NETRC_IGNORED)
           != CURLE_OK)
    {
        return NGX_ERROR;
    }

    if (t->ca && curl_easy_setopt(easy, CURLOPT_CAINFO, t->ca) != CURLE_OK) {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_curl_set_http(ngx_http_llm_curl_t *t)
{
    /* no receiver is asked whether it would take a body */

    static const char  *expect = "Expect:";

    if (ngx_http_llm_curl_append(&t->list, t->headers, t->nheaders) != NGX_OK
        || ngx_http_llm_curl_append(&t->list, &expect, 1) != NGX_OK
        || curl_easy_setopt(t->easy, CURLOPT_PRIVATE, t) != CURLE_OK
        || curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->list) != CURLE_OK
        || curl_easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE_LARGE,
                            (curl_off_t) t->len)
           != CURLE_OK
        || curl_easy_setopt(t->easy, CURLOPT_POSTFIELDS, t->body) != CURLE_OK
        || curl_easy_setopt(t->easy, CURLOPT_WRITEFUNCTION,
                            ngx_http_llm_curl_write)
           != CURLE_OK
        || curl_easy_setopt(t->easy, CURLOPT_WRITEDATA, t) != CURLE_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_llm_curl_append(struct curl_slist **list, const char **texts,
    ngx_uint_t n)
{
    ngx_uint_t          i;
    struct curl_slist  *longer;

    for (i = 0; i < n; i++) {
        longer = curl_slist_append(*list, texts[i]);

        if (longer == NULL) {
            return NGX_ERROR;
        }

        *list = longer;
    }

    return NGX_OK;
}


/* What receivers say is not looked at: they may say back what they were
   told. */

static size_t
ngx_http_llm_curl_write(char *buf, size_t size, size_t n, void *data)
{
    ngx_http_llm_curl_t *t = data;

    t->received += size * n;

    return (t->received > NGX_HTTP_LLM_CURL_ANSWER) ? 0 : size * n;
}


/* libcurl's wishes for a socket.  It is its own: it opens and closes it. */

static int
ngx_http_llm_curl_socket(CURL *easy, curl_socket_t fd, int what, void *data,
    void *socket)
{
    ngx_connection_t *c = socket;

    if (what == CURL_POLL_REMOVE) {

        if (c) {
            ngx_http_llm_curl_forget(c);
            (void) curl_multi_assign(ngx_http_llm_curl.multi, fd, NULL);
        }

        return 0;
    }

    if (c == NULL) {
        c = ngx_get_connection(fd, ngx_cycle->log);

        if (c == NULL) {

            /* nobody watches it, and the transfer's time will be up; an error
               here would end all of them */

            return 0;
        }

        c->log = ngx_cycle->log;
        c->read->log = c->log;
        c->write->log = c->log;
        c->read->handler = ngx_http_llm_curl_event;
        c->write->handler = ngx_http_llm_curl_event;

        (void) curl_multi_assign(ngx_http_llm_curl.multi, fd, c);
    }

    ngx_http_llm_curl_watch(c, what);

    return 0;
}


/* By level: what libcurl leaves unread is told of again. */

static void
ngx_http_llm_curl_watch(ngx_connection_t *c, int what)
{
    ngx_event_t  *rev, *wev;

    rev = c->read;
    wev = c->write;

    if ((what & CURL_POLL_IN) && !rev->active) {
        (void) ngx_add_event(rev, NGX_READ_EVENT, NGX_LEVEL_EVENT);
    }

    if ((what & CURL_POLL_OUT) && !wev->active) {
        (void) ngx_add_event(wev, NGX_WRITE_EVENT, NGX_LEVEL_EVENT);
    }

    if (!(what & CURL_POLL_IN) && rev->active) {
        (void) ngx_del_event(rev, NGX_READ_EVENT, 0);
    }

    if (!(what & CURL_POLL_OUT) && wev->active) {
        (void) ngx_del_event(wev, NGX_WRITE_EVENT, 0);
    }
}


static void
ngx_http_llm_curl_forget(ngx_connection_t *c)
{
    ngx_http_llm_curl_watch(c, 0);

    if (c->read->posted) {
        ngx_delete_posted_event(c->read);
    }

    if (c->write->posted) {
        ngx_delete_posted_event(c->write);
    }

    /* what epoll has told of it in this turn is of nobody */

    ngx_free_connection(c);
    c->fd = (ngx_socket_t) -1;
}


/* libcurl must not be called from within its own callbacks. */

static int
ngx_http_llm_curl_timer(CURLM *multi, long ms, void *data)
{
    ngx_event_t  *ev;

    ev = &ngx_http_llm_curl.timer;

    if (ev->timer_set) {
        ngx_del_timer(ev);
    }

    if (ms >= 0) {
        ev->log = ngx_cycle->log;
        ngx_add_timer(ev, (ngx_msec_t) ngx_max(ms, 1));
    }

    return 0;
}


static void
ngx_http_llm_curl_timeout(ngx_event_t *ev)
{
    ngx_http_llm_curl_act(CURL_SOCKET_TIMEOUT, 0);
}


static void
ngx_http_llm_curl_event(ngx_event_t *ev)
{
    ngx_connection_t  *c;

    c = ev->data;

    ngx_http_llm_curl_act(c->fd, ev->write ? CURL_CSELECT_OUT
                                           : CURL_CSELECT_IN);
}


static void
ngx_http_llm_curl_act(curl_socket_t fd, int what)
{
    int                   n;
    CURLMsg              *msg;
    CURLcode              code;
    ngx_http_llm_curl_t  *t;

    (void) curl_multi_socket_action(ngx_http_llm_curl.multi, fd, what, &n);

    while (ngx_http_llm_curl.multi
           && (msg = curl_multi_info_read(ngx_http_llm_curl.multi, &n)))
    {
        if (msg->msg != CURLMSG_DONE
            || curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE,
                                 (char **) &t)
               != CURLE_OK)
        {
            continue;
        }

        code = msg->data.result;

        ngx_http_llm_curl_done(t, code);
    }
}


static void
ngx_http_llm_curl_done(ngx_http_llm_curl_t *t, CURLcode code)
{
    curl_off_t  after;

    (void) curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &t->status);

    if (curl_easy_getinfo(t->easy, CURLINFO_RETRY_AFTER, &after) == CURLE_OK
        && after > 0)
    {
        t->retry_after = ngx_min(after, NGX_HTTP_LLM_CURL_MAX);
    }

    /* of an answer its first line is what counts: who has said 200 has it */

    t->sent = (t->status >= 200 && t->status < 300);

    if (!t->sent && code == CURLE_OK) {
        ngx_sprintf((u_char *) t->error, "the receiver answered %d%Z",
                    (int) t->status);

    } else if (!t->sent && t->error[0] == '\0') {
        ngx_sprintf((u_char *) t->error, "%s%Z", curl_easy_strerror(code));
    }

    ngx_http_llm_curl_cancel(t);

    t->handler(t);
}


static void
ngx_http_llm_curl_free(ngx_http_llm_curl_t *t)
{
    curl_easy_cleanup(t->easy);
    curl_slist_free_all(t->list);

    t->easy = NULL;
    t->list = NULL;
}
