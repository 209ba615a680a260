
/*
 * Copyright (C) the llm_quota authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include <pthread.h>

#include "ngx_http_llm_curl_room.h"


/*
 * A mail is sent by a thread that touches nothing but its ngx_http_llm_mail_t:
 * libcurl has its own copies of all texts.  When it is done it closes its end
 * of a pipe, the other end of which nginx watches.
 *
 * Who is no longer interested shuts the socket down, which ends all waiting
 * for the server, and leaves the rest to the thread.
 */


#define NGX_HTTP_LLM_MAIL_EXIT  100      /* times 20 ms, for threads to end */


typedef enum {
    NGX_HTTP_LLM_MAIL_RUNS = 0,
    NGX_HTTP_LLM_MAIL_DONE,              /* the event loop frees it */
    NGX_HTTP_LLM_MAIL_LEFT               /* the thread does */
} ngx_http_llm_mail_e;


struct ngx_http_llm_mail_s {
    CURL                          *easy;
    struct curl_slist             *recipients;
    char                          *body;
    size_t                         len;
    size_t                         read;

    CURLcode                       code;     /* out */
    long                           status;
    char                           error[CURL_ERROR_SIZE];

    int                            state;    /* ngx_http_llm_mail_e, shared */
    pthread_mutex_t                mutex;
    curl_socket_t                  socket;   /* under it; -1: none */
    int                            done;     /* the thread's end of the pipe */
    pthread_t                      thread;
    ngx_connection_t              *watch;    /* the event loop's */
};


static ngx_http_llm_mail_t *ngx_http_llm_mail_create(ngx_http_llm_curl_t *t);
static ngx_int_t ngx_http_llm_mail_set(ngx_http_llm_mail_t *mail,
    ngx_http_llm_curl_t *t);
static ngx_int_t ngx_http_llm_mail_watch(ngx_http_llm_mail_t *mail,
    ngx_http_llm_curl_t *t);
static ngx_int_t ngx_http_llm_mail_run(ngx_http_llm_mail_t *mail);
static void *ngx_http_llm_mail_thread(void *data);
static size_t ngx_http_llm_mail_read(char *buf, size_t size, size_t n,
    void *data);
static size_t ngx_http_llm_mail_write(char *buf, size_t size, size_t n,
    void *data);
static curl_socket_t ngx_http_llm_mail_open(void *data, curlsocktype purpose,
    struct curl_sockaddr *address);
static int ngx_http_llm_mail_close(void *data, curl_socket_t fd);
static void ngx_http_llm_mail_done(ngx_event_t *ev);
static void ngx_http_llm_mail_free(ngx_http_llm_mail_t *mail);


static ngx_uint_t  ngx_http_llm_mail_threads;    /* shared */


ngx_int_t
ngx_http_llm_mail_send(ngx_http_llm_curl_t *t)
{
    ngx_http_llm_mail_t  *mail;

    mail = ngx_http_llm_mail_create(t);

    if (mail == NULL) {
        return NGX_ERROR;
    }

    if (ngx_http_llm_mail_watch(mail, t) != NGX_OK) {
        ngx_http_llm_mail_free(mail);
        return NGX_ERROR;
    }

    if (ngx_http_llm_mail_run(mail) != NGX_OK) {
        (void) close(mail->done);
        ngx_close_connection(mail->watch);
        ngx_http_llm_mail_free(mail);
        return NGX_ERROR;
    }

    t->mail = mail;

    return NGX_OK;
}


static ngx_http_llm_mail_t *
ngx_http_llm_mail_create(ngx_http_llm_curl_t *t)
{
    ngx_http_llm_mail_t  *mail;

    mail = calloc(1, sizeof(ngx_http_llm_mail_t));

    if (mail == NULL) {
        return NULL;
    }

    (void) pthread_mutex_init(&mail->mutex, NULL);

    mail->socket = -1;
    mail->len = t->len;
    mail->easy = curl_easy_init();
    mail->body = malloc(t->len + 1);

    if (mail->easy == NULL || mail->body == NULL
        || ngx_http_llm_mail_set(mail, t) != NGX_OK)
    {
        ngx_http_llm_mail_free(mail);
        return NULL;
    }

    ngx_memcpy(mail->body, t->body, t->len);

    return mail;
}


static ngx_int_t
ngx_http_llm_mail_set(ngx_http_llm_mail_t *mail, ngx_http_llm_curl_t *t)
{
    CURL  *easy;

    static const long  tls[] = { CURLUSESSL_TRY, CURLUSESSL_ALL,
                                 CURLUSESSL_NONE };

    easy = mail->easy;

    if (ngx_http_llm_curl_set(easy, t, mail->error) != NGX_OK
        || ngx_http_llm_curl_append(&mail->recipients, t->to, t->nto)
           != NGX_OK
        || curl_easy_setopt(easy, CURLOPT_MAIL_FROM, t->from) != CURLE_OK
        || curl_easy_setopt(easy, CURLOPT_MAIL_RCPT, mail->recipients)
           != CURLE_OK
        || curl_easy_setopt(easy, CURLOPT_USE_SSL, tls[t->starttls])
           != CURLE_OK
        || curl_easy_setopt(easy, CURLOPT_FTP_RESPONSE_TIMEOUT,
                            (long) (t->timeout / 1000 + 1))
           != CURLE_OK
        || curl_easy_setopt(easy, CURLOPT_READFUNCTION,
                            ngx_http_llm_mail_read)
           != CURLE_OK
        || curl_easy_setopt(easy, CURLOPT_READDATA, mail) != CURLE_OK
        || curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION,
                            ngx_http_llm_mail_write)
           != CURLE_OK
        || curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION,
                            ngx_http_llm_mail_open)
           != CURLE_OK
        || curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, mail) != CURLE_OK
        || curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION,
                            ngx_http_llm_mail_close)
           != CURLE_OK
        || curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, mail) != CURLE_OK
        || curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L) != CURLE_OK)
    {
        return NGX_ERROR;
    }

    if (t->user
        && (curl_easy_setopt(easy, CURLOPT_USERNAME, t->user) != CURLE_OK
            || curl_easy_setopt(easy, CURLOPT_PASSWORD, t->password)
               != CURLE_OK))
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_mail_watch(ngx_http_llm_mail_t *mail, ngx_http_llm_curl_t *t)
{
    int                fds[2];
    ngx_connection_t  *c;

    if (pipe(fds) == -1) {
        return NGX_ERROR;
    }

    c = ngx_get_connection(fds[0], ngx_cycle->log);

    if (c == NULL) {
        (void) close(fds[0]);
        (void) close(fds[1]);
        return NGX_ERROR;
    }

    mail->done = fds[1];
    mail->watch = c;

    c->data = t;
    c->log = ngx_cycle->log;
    c->read->log = c->log;
    c->write->log = c->log;
    c->read->handler = ngx_http_llm_mail_done;

    if (ngx_nonblocking(fds[0]) == -1
        || ngx_add_event(c->read, NGX_READ_EVENT, NGX_LEVEL_EVENT) != NGX_OK)
    {
        (void) close(fds[1]);
        ngx_close_connection(c);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* nginx's signals are for the event loop. */

static ngx_int_t
ngx_http_llm_mail_run(ngx_http_llm_mail_t *mail)
{
    int       err;
    sigset_t  all, before;

    sigfillset(&all);
    sigdelset(&all, SIGILL);
    sigdelset(&all, SIGFPE);
    sigdelset(&all, SIGSEGV);
    sigdelset(&all, SIGBUS);

    if (pthread_sigmask(SIG_BLOCK, &all, &before) != 0) {
        return NGX_ERROR;
    }

    (void) __atomic_add_fetch(&ngx_http_llm_mail_threads, 1, __ATOMIC_SEQ_CST);

    err = pthread_create(&mail->thread, NULL, ngx_http_llm_mail_thread, mail);

    if (err) {
        (void) __atomic_sub_fetch(&ngx_http_llm_mail_threads, 1,
                                  __ATOMIC_SEQ_CST);
    }

    (void) pthread_sigmask(SIG_SETMASK, &before, NULL);

    return err ? NGX_ERROR : NGX_OK;
}


static void *
ngx_http_llm_mail_thread(void *data)
{
    ngx_http_llm_mail_t *mail = data;

    int  done;

    mail->code = curl_easy_perform(mail->easy);

    (void) curl_easy_getinfo(mail->easy, CURLINFO_RESPONSE_CODE,
                             &mail->status);

    done = mail->done;

    if (__atomic_exchange_n(&mail->state, NGX_HTTP_LLM_MAIL_DONE,
                            __ATOMIC_ACQ_REL)
        == NGX_HTTP_LLM_MAIL_LEFT)
    {
        ngx_http_llm_mail_free(mail);
    }

    (void) close(done);

    (void) __atomic_sub_fetch(&ngx_http_llm_mail_threads, 1, __ATOMIC_SEQ_CST);

    return NULL;
}


static size_t
ngx_http_llm_mail_read(char *buf, size_t size, size_t n, void *data)
{
    ngx_http_llm_mail_t *mail = data;

    n = ngx_min(size * n, mail->len - mail->read);

    ngx_memcpy(buf, mail->body + mail->read, n);
    mail->read += n;

    return n;
}


static size_t
ngx_http_llm_mail_write(char *buf, size_t size, size_t n, void *data)
{
    return size * n;
}


static curl_socket_t
ngx_http_llm_mail_open(void *data, curlsocktype purpose,
    struct curl_sockaddr *address)
{
    ngx_http_llm_mail_t *mail = data;

    curl_socket_t  fd;

    if (__atomic_load_n(&mail->state, __ATOMIC_ACQUIRE)
        == NGX_HTTP_LLM_MAIL_LEFT)
    {
        return CURL_SOCKET_BAD;
    }

    fd = socket(address->family, address->socktype | SOCK_CLOEXEC,
                address->protocol);

    (void) pthread_mutex_lock(&mail->mutex);
    mail->socket = fd;
    (void) pthread_mutex_unlock(&mail->mutex);

    return fd;
}


static int
ngx_http_llm_mail_close(void *data, curl_socket_t fd)
{
    ngx_http_llm_mail_t *mail = data;

    int  rc;

    /* not in between: its number may be another's at once */

    (void) pthread_mutex_lock(&mail->mutex);

    if (mail->socket == fd) {
        mail->socket = -1;
    }

    rc = close(fd);

    (void) pthread_mutex_unlock(&mail->mutex);

    return rc;
}


static void
ngx_http_llm_mail_done(ngx_event_t *ev)
{
    ngx_connection_t     *c;
    ngx_http_llm_curl_t  *t;
    ngx_http_llm_mail_t  *mail;

    c = ev->data;
    t = c->data;
    mail = t->mail;

    /* its end of the pipe is closed: it is about to return */

    (void) pthread_join(mail->thread, NULL);

    t->sent = (mail->code == CURLE_OK);
    t->status = mail->status;

    if (!t->sent) {
        (void) ngx_cpystrn((u_char *) t->error,
                           (u_char *) (mail->error[0]
                                       ? mail->error
                                       : curl_easy_strerror(mail->code)),
                           sizeof(t->error));
    }

    ngx_close_connection(c);
    ngx_http_llm_mail_free(mail);

    t->mail = NULL;
    t->busy = 0;

    t->handler(t);
}


void
ngx_http_llm_mail_cancel(ngx_http_llm_curl_t *t)
{
    ngx_http_llm_mail_t  *mail;

    mail = t->mail;
    t->mail = NULL;

    ngx_close_connection(mail->watch);

    (void) pthread_mutex_lock(&mail->mutex);

    if (mail->socket != -1) {
        (void) shutdown(mail->socket, SHUT_RDWR);
    }

    (void) pthread_mutex_unlock(&mail->mutex);

    (void) pthread_detach(mail->thread);

    if (__atomic_exchange_n(&mail->state, NGX_HTTP_LLM_MAIL_LEFT,
                            __ATOMIC_ACQ_REL)
        == NGX_HTTP_LLM_MAIL_DONE)
    {
        ngx_http_llm_mail_free(mail);
    }
}


ngx_uint_t
ngx_http_llm_mail_exit(void)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_HTTP_LLM_MAIL_EXIT; i++) {

        if (__atomic_load_n(&ngx_http_llm_mail_threads, __ATOMIC_SEQ_CST)
            == 0)
        {
            return 1;
        }

        ngx_msleep(20);
    }

    return 0;
}


static void
ngx_http_llm_mail_free(ngx_http_llm_mail_t *mail)
{
    curl_easy_cleanup(mail->easy);
    curl_slist_free_all(mail->recipients);
    (void) pthread_mutex_destroy(&mail->mutex);
    free(mail->body);
    free(mail);
}
