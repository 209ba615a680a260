
/*
 * Copyright (C) the llm_quota authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "ngx_http_llm_ledger.h"


#define NGX_HTTP_LLM_LEDGER_BUFFER  (256 * 1024)
#define NGX_HTTP_LLM_LEDGER_RETRY   1000


static void ngx_http_llm_ledger_write(ngx_event_t *ev);
static ngx_int_t ngx_http_llm_ledger_open(ngx_http_llm_ledger_t *ledger);
static void ngx_http_llm_ledger_failed(ngx_http_llm_ledger_t *ledger,
    ngx_err_t err, char *what);
static void ngx_http_llm_ledger_give_up(ngx_http_llm_ledger_t *ledger);


/* what nginx's debug log asks of the data of an event */

static ngx_connection_t  ngx_http_llm_ledger_connection;


ngx_int_t
ngx_http_llm_ledger_init(ngx_http_llm_ledger_t *ledger, int64_t created,
    uint64_t epoch, ngx_cycle_t *cycle)
{
    u_char    *p;
    ngx_tm_t   tm;

    ngx_http_llm_ledger_connection.fd = (ngx_socket_t) -1;

    ledger->fd = NGX_INVALID_FILE;
    ledger->log = cycle->log;

    ledger->event.handler = ngx_http_llm_ledger_write;
    ledger->event.data = &ngx_http_llm_ledger_connection;
    ledger->event.log = cycle->log;
    ledger->event.cancelable = 1;

    ledger->buf = ngx_alloc(NGX_HTTP_LLM_LEDGER_BUFFER, cycle->log);
    if (ledger->buf == NULL) {
        return NGX_ERROR;
    }

    ledger->last = ledger->buf;
    ledger->end = ledger->buf + NGX_HTTP_LLM_LEDGER_BUFFER;

    ngx_gmtime((time_t) (created / 1000), &tm);

    p = ngx_pnalloc(cycle->pool, ledger->directory.len
                                 + sizeof("usage-YYYYMMDDTHHMMSSZ-"
                                          "0123456789abcdef-0000.jsonl"));
    if (p == NULL) {
        return NGX_ERROR;
    }

    ledger->segment.data = p;
    p = ngx_sprintf(p, "%Vusage-%4d%02d%02dT%02d%02d%02dZ-%016xL-0000.jsonl",
                    &ledger->directory, tm.ngx_tm_year, tm.ngx_tm_mon,
                    tm.ngx_tm_mday, tm.ngx_tm_hour, tm.ngx_tm_min,
                    tm.ngx_tm_sec, epoch);
    ledger->segment.len = p - ledger->segment.data;
    *p = '\0';

    return NGX_OK;
}


void
ngx_http_llm_ledger_append(ngx_http_llm_ledger_t *ledger,
    const llm_line_t *line)
{
    if (ledger->end - ledger->last < LLM_LINE_MAX) {
        ngx_http_llm_ledger_flush(ledger);

        if (ledger->end - ledger->last < LLM_LINE_MAX) {
            ngx_http_llm_ledger_give_up(ledger);
        }
    }

    ledger->last = llm_line_print(ledger->last, line);
    ledger->lines++;

    if (!ledger->event.posted && !ledger->event.timer_set) {

        /* not a next event: that would cost a turn of its own */

        ngx_post_event(&ledger->event, &ngx_posted_events);
    }
}


static void
ngx_http_llm_ledger_write(ngx_event_t *ev)
{
    ngx_http_llm_ledger_t  *ledger;

    ledger = (ngx_http_llm_ledger_t *)
                 ((u_char *) ev - offsetof(ngx_http_llm_ledger_t, event));

    ev->timedout = 0;

    ngx_http_llm_ledger_flush(ledger);

    if (ledger->lines && !ev->timer_set) {
        ngx_add_timer(ev, NGX_HTTP_LLM_LEDGER_RETRY);
    }
}


void
ngx_http_llm_ledger_flush(ngx_http_llm_ledger_t *ledger)
{
    size_t      size;
    ssize_t     n;
    ngx_uint_t  lines;

    if (ledger->lines == 0) {
        return;
    }

    if (ledger->fd == NGX_INVALID_FILE
        && ngx_http_llm_ledger_open(ledger) != NGX_OK)
    {
        return;
    }

    size = ledger->last - ledger->buf;

    n = ngx_write_fd(ledger->fd, ledger->buf, size);

    if (n == -1) {
        ngx_http_llm_ledger_failed(ledger, ngx_errno, "write()");
        return;
    }

    if ((size_t) n < size) {

        /* the rest of a torn line follows when there is room again; what
           another worker writes between is the reader's to tell apart */

        ngx_http_llm_ledger_failed(ledger, NGX_ENOSPC, "write()");
        ngx_memmove(ledger->buf, ledger->buf + n, size - n);
        ledger->last -= n;
        return;
    }

    if (ledger->failing) {
        ledger->failing = 0;
        ngx_log_error(NGX_LOG_NOTICE, ledger->log, 0,
                      "llm_quota ledger \"%V\" is written again",
                      &ledger->segment);
    }

    lines = ledger->lines;

    ledger->last = ledger->buf;
    ledger->lines = 0;

    ledger->handler(ledger->data, lines, 0);
}


static ngx_int_t
ngx_http_llm_ledger_open(ngx_http_llm_ledger_t *ledger)
{
    ledger->fd = ngx_open_file(ledger->segment.data, NGX_FILE_APPEND,
                               NGX_FILE_CREATE_OR_OPEN, 0600);

    if (ledger->fd == NGX_INVALID_FILE) {
        ngx_http_llm_ledger_failed(ledger, ngx_errno, "open()");
        return NGX_ERROR;
    }

    return NGX_OK;
}


static void
ngx_http_llm_ledger_failed(ngx_http_llm_ledger_t *ledger, ngx_err_t err,
    char *what)
{
    if (ledger->failing) {
        return;
    }

    ledger->failing = 1;

    ngx_log_error(NGX_LOG_CRIT, ledger->log, err,
                  "%s for llm_quota ledger \"%V\" failed, its lines are kept "
                  "in memory and tried again every second",
                  what, &ledger->segment);
}


static void
ngx_http_llm_ledger_give_up(ngx_http_llm_ledger_t *ledger)
{
    ngx_uint_t  lines;

    lines = ledger->lines;

    ledger->lost += lines;
    ledger->last = ledger->buf;
    ledger->lines = 0;

    ngx_log_error(NGX_LOG_CRIT, ledger->log, 0,
                  "llm_quota ledger \"%V\" cannot be written, %ui lines "
                  "given up, %ui in all; limits still count them",
                  &ledger->segment, lines, ledger->lost);

    ledger->handler(ledger->data, lines, 1);
}


void
ngx_http_llm_ledger_close(ngx_http_llm_ledger_t *ledger)
{
    ngx_http_llm_ledger_flush(ledger);

    if (ledger->event.posted) {
        ngx_delete_posted_event(&ledger->event);
    }

    if (ledger->event.timer_set) {
        ngx_del_timer(&ledger->event);
    }

    if (ledger->fd != NGX_INVALID_FILE) {
        if (ngx_close_file(ledger->fd) == NGX_FILE_ERROR) {
            ngx_log_error(NGX_LOG_ALERT, ledger->log, ngx_errno,
                          ngx_close_file_n " \"%V\" failed",
                          &ledger->segment);
        }

        ledger->fd = NGX_INVALID_FILE;
    }

    if (ledger->buf) {
        ngx_free(ledger->buf);
        ledger->buf = NULL;
    }
}
