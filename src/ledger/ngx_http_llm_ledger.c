
/*
 * Copyright (C) the llm_quota authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "ngx_http_llm_ledger.h"


#define NGX_HTTP_LLM_LEDGER_BUFFER  (256 * 1024)
#define NGX_HTTP_LLM_LEDGER_RETRY   1000    /* ms */
#define NGX_HTTP_LLM_LEDGER_STEP    65536
#define NGX_HTTP_LLM_LEDGER_TAIL    (16 * 1024 * 1024)


static ngx_int_t ngx_http_llm_ledger_room(ngx_http_llm_ledger_t *ledger);
static void ngx_http_llm_ledger_appended(ngx_http_llm_ledger_t *ledger);
static void ngx_http_llm_ledger_write(ngx_event_t *ev);
static void ngx_http_llm_ledger_write_all(ngx_http_llm_ledger_t *ledger);
static ngx_int_t ngx_http_llm_ledger_mend(ngx_http_llm_ledger_t *ledger);
static size_t ngx_http_llm_ledger_put(ngx_http_llm_ledger_t *ledger,
    u_char *p, size_t size);
static void ngx_http_llm_ledger_written(ngx_http_llm_ledger_t *ledger,
    size_t size, ngx_uint_t lines);
static ngx_int_t ngx_http_llm_ledger_open(ngx_http_llm_ledger_t *ledger);
static ngx_fd_t ngx_http_llm_ledger_open_segment(
    ngx_http_llm_ledger_t *ledger, uint32_t number);
static void ngx_http_llm_ledger_rotate(ngx_http_llm_ledger_t *ledger,
    off_t at);
static void ngx_http_llm_ledger_take(ngx_http_llm_ledger_t *ledger,
    ngx_fd_t fd, uint32_t number);
static void ngx_http_llm_ledger_path(ngx_http_llm_ledger_t *ledger,
    uint32_t number);
static void ngx_http_llm_ledger_failed(ngx_http_llm_ledger_t *ledger,
    ngx_err_t err, char *what);
static void ngx_http_llm_ledger_recovered(ngx_http_llm_ledger_t *ledger);
static off_t ngx_http_llm_ledger_find_segment(ngx_http_llm_ledger_t *ledger,
    uint32_t number, off_t most, u_char *buf, uint64_t epoch,
    ngx_http_llm_ledger_entry_t *entries, ngx_uint_t n);
static void ngx_http_llm_ledger_find_in(u_char *p, u_char *last,
    u_char *start, size_t len, ngx_http_llm_ledger_entry_t *entries,
    ngx_uint_t n);
static ngx_uint_t ngx_http_llm_ledger_is_begun(u_char *first, u_char *p);
static ngx_uint_t ngx_http_llm_ledger_is_whole(u_char *p, u_char *last);


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
    ledger->epoch = epoch;

    if (ngx_http_llm_ledger_join(ledger, cycle) != NGX_OK) {
        return NGX_ERROR;
    }

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
                                          "0123456789abcdef-.jsonl")
                                 + NGX_INT32_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ledger->segment.data = p;
    p = ngx_sprintf(p, "%Vusage-%4d%02d%02dT%02d%02d%02dZ-%016xL-",
                    &ledger->directory, tm.ngx_tm_year, tm.ngx_tm_mon,
                    tm.ngx_tm_mday, tm.ngx_tm_hour, tm.ngx_tm_min,
                    tm.ngx_tm_sec, epoch);
    ledger->base = p - ledger->segment.data;
    ledger->number = *ledger->newest;

    ngx_http_llm_ledger_path(ledger, ledger->number);

    return NGX_OK;
}


ngx_int_t
ngx_http_llm_ledger_append(ngx_http_llm_ledger_t *ledger,
    const llm_line_t *line)
{
    if (ngx_http_llm_ledger_room(ledger) != NGX_OK) {
        return NGX_AGAIN;
    }

    ledger->last = llm_line_print(ledger->last, line);
    ngx_http_llm_ledger_appended(ledger);

    return NGX_OK;
}


ngx_int_t
ngx_http_llm_ledger_append_text(ngx_http_llm_ledger_t *ledger,
    const u_char *text, size_t len)
{
    if (ngx_http_llm_ledger_room(ledger) != NGX_OK) {
        return NGX_AGAIN;
    }

    ledger->last = ngx_cpymem(ledger->last, text, len);
    ngx_http_llm_ledger_appended(ledger);

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_ledger_room(ngx_http_llm_ledger_t *ledger)
{
    if (!ngx_http_llm_ledger_has_room(ledger)) {
        ngx_http_llm_ledger_flush(ledger);
    }

    return ngx_http_llm_ledger_has_room(ledger) ? NGX_OK : NGX_AGAIN;
}


static void
ngx_http_llm_ledger_appended(ngx_http_llm_ledger_t *ledger)
{
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

    if (ledger->failing && !ev->timer_set) {
        ngx_add_timer(ev, NGX_HTTP_LLM_LEDGER_RETRY);
    }
}


/* A flag, not a lock: who reads what others wrote waits for a moment in which
   nobody is between a write and what is told of it. */

void
ngx_http_llm_ledger_flush(ngx_http_llm_ledger_t *ledger)
{
    if (ledger->lines == 0) {
        return;
    }

    (*ledger->writing)++;

    ngx_http_llm_ledger_write_all(ledger);

    (*ledger->writing)--;
}


static void
ngx_http_llm_ledger_write_all(ngx_http_llm_ledger_t *ledger)
{
    u_char      *p, *line;
    size_t       size, n;
    ngx_uint_t   lines;

    if (ledger->torn && ngx_http_llm_ledger_mend(ledger) != NGX_OK) {
        return;
    }

    if (ledger->lines == 0 || ngx_http_llm_ledger_open(ledger) != NGX_OK) {
        return;
    }

    size = ledger->last - ledger->buf;
    n = ngx_http_llm_ledger_put(ledger, ledger->buf, size);

    if (n == size) {
        ngx_http_llm_ledger_recovered(ledger);
        ngx_http_llm_ledger_rotate(ledger, lseek(ledger->fd, 0, SEEK_CUR));
        ngx_http_llm_ledger_written(ledger, size, ledger->lines);

    } else {
        line = ledger->buf;
        lines = 0;

        for (p = line; p < ledger->buf + n; p++) {
            if (*p == LF) {
                line = p + 1;
                lines++;
            }
        }

        ledger->torn = p - line;
        ledger->at = lseek(ledger->fd, 0, SEEK_CUR);

        ngx_http_llm_ledger_written(ledger, line - ledger->buf, lines);
    }
}


/*
 * The rest of a torn line completes it if no other worker has written since.
 * Else both pieces are nothing to a reader, and the line is written once more
 * as a whole, with the others.
 */

static ngx_int_t
ngx_http_llm_ledger_mend(ngx_http_llm_ledger_t *ledger)
{
    off_t   at;
    size_t  size, n;

    size = ngx_strlchr(ledger->buf, ledger->last, LF) + 1 - ledger->buf;

    n = ngx_http_llm_ledger_put(ledger, ledger->buf + ledger->torn,
                                size - ledger->torn);
    if (n == 0) {
        return NGX_ERROR;
    }

    at = lseek(ledger->fd, 0, SEEK_CUR);

    if (at != ledger->at + (off_t) n) {
        ledger->torn = 0;
        return NGX_OK;
    }

    ledger->torn += n;
    ledger->at = at;

    if (ledger->torn < size) {
        return NGX_ERROR;
    }

    ledger->torn = 0;
    ngx_http_llm_ledger_recovered(ledger);
    ngx_http_llm_ledger_written(ledger, size, 1);

    return NGX_OK;
}


/* Returns how many bytes were written; fewer mean that it failed. */

static size_t
ngx_http_llm_ledger_put(ngx_http_llm_ledger_t *ledger, u_char *p, size_t size)
{
    ssize_t  n;

    n = ngx_write_fd(ledger->fd, p, size);

    if (n == -1) {
        ngx_http_llm_ledger_failed(ledger, ngx_errno, "write()");
        return 0;
    }

    (void) __atomic_fetch_add(ledger->written, n, __ATOMIC_RELAXED);

    if ((size_t) n < size) {
        ngx_http_llm_ledger_failed(ledger, NGX_ENOSPC, "write()");
    }

    return n;
}


/* So many lines from the start of the buffer are in the segment. */

static void
ngx_http_llm_ledger_written(ngx_http_llm_ledger_t *ledger, size_t size,
    ngx_uint_t lines)
{
    if (lines == 0) {
        return;
    }

    ledger->last -= size;
    ledger->lines -= lines;

    ngx_memmove(ledger->buf, ledger->buf + size, ledger->last - ledger->buf);

    ledger->handler(ledger->data, lines);
}


static ngx_int_t
ngx_http_llm_ledger_open(ngx_http_llm_ledger_t *ledger)
{
    ngx_fd_t  fd;
    uint32_t  newest;

    newest = *ledger->newest;

    if (ledger->fd != NGX_INVALID_FILE && ledger->number == newest) {
        return NGX_OK;
    }

    fd = ngx_http_llm_ledger_open_segment(ledger, newest);

    if (fd == NGX_INVALID_FILE) {
        ngx_http_llm_ledger_failed(ledger, ngx_errno, "open()");
        return NGX_ERROR;
    }

    ngx_http_llm_ledger_take(ledger, fd, newest);

    return NGX_OK;
}


/* The path is left behind as the segment's, also where it cannot be opened:
   that is what is to be told of. */

static ngx_fd_t
ngx_http_llm_ledger_open_segment(ngx_http_llm_ledger_t *ledger,
    uint32_t number)
{
    ngx_fd_t  fd;

    ngx_http_llm_ledger_path(ledger, number);

    fd = ngx_open_file(ledger->segment.data, NGX_FILE_APPEND,
                       NGX_FILE_CREATE_OR_OPEN, 0600);

    if (fd == NGX_INVALID_FILE) {
        return NGX_INVALID_FILE;
    }

    /* a disk that is full is met here, not in the middle of a line; where
       there is no such call the lines are written all the same */

    if (fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, ledger->size) == -1
        && ngx_errno == NGX_ENOSPC
        && number != *ledger->newest)
    {
        (void) ngx_close_file(fd);
        ngx_set_errno(NGX_ENOSPC);

        return NGX_INVALID_FILE;
    }

    return fd;
}


/*
 * Two workers may make the next segment at once: it is the same file, and the
 * word moves on only once.  Without room for it the present one goes on.
 */

static void
ngx_http_llm_ledger_rotate(ngx_http_llm_ledger_t *ledger, off_t at)
{
    uint32_t  next;
    ngx_fd_t  fd;

    if (at < (off_t) ledger->size
        || ledger->number != *ledger->newest
        || ledger->full == ngx_time())
    {
        return;
    }

    next = ledger->number + 1;

    fd = ngx_http_llm_ledger_open_segment(ledger, next);

    if (fd == NGX_INVALID_FILE) {

        if (ledger->full == 0) {
            ngx_log_error(NGX_LOG_CRIT, ledger->log, ngx_errno,
                          "llm_quota ledger \"%V\" cannot be begun, the one "
                          "before goes on past its size", &ledger->segment);
        }

        ledger->full = ngx_time();
        ngx_http_llm_ledger_path(ledger, ledger->number);

        return;
    }

    ledger->full = 0;

    (void) __sync_bool_compare_and_swap(ledger->newest, next - 1, next);

    ngx_http_llm_ledger_take(ledger, fd, next);
}


static void
ngx_http_llm_ledger_take(ngx_http_llm_ledger_t *ledger, ngx_fd_t fd,
    uint32_t number)
{
    if (ledger->fd != NGX_INVALID_FILE
        && ngx_close_file(ledger->fd) == NGX_FILE_ERROR)
    {
        ngx_log_error(NGX_LOG_ALERT, ledger->log, ngx_errno,
                      ngx_close_file_n " for llm_quota ledger failed");
    }

    ledger->fd = fd;
    ledger->number = number;
}


static void
ngx_http_llm_ledger_path(ngx_http_llm_ledger_t *ledger, uint32_t number)
{
    u_char  *p;

    p = ngx_sprintf(ledger->segment.data + ledger->base, "%04uD.jsonl",
                    number);

    ledger->segment.len = p - ledger->segment.data;
    *p = '\0';
}


static void
ngx_http_llm_ledger_failed(ngx_http_llm_ledger_t *ledger, ngx_err_t err,
    char *what)
{
    if (ledger->failing) {
        return;
    }

    ledger->failing = 1;
    *ledger->stuck = 1;

    (void) __atomic_fetch_add(ledger->failures, 1, __ATOMIC_RELAXED);

    ngx_log_error(NGX_LOG_CRIT, ledger->log, err,
                  "%s for llm_quota ledger \"%V\" failed, its lines are kept "
                  "in memory and tried again every second",
                  what, &ledger->segment);
}


/* Before the handler is told of lines: it may append those that it kept. */

static void
ngx_http_llm_ledger_recovered(ngx_http_llm_ledger_t *ledger)
{
    if (!ledger->failing) {
        return;
    }

    ledger->failing = 0;
    *ledger->stuck = 0;

    ngx_log_error(NGX_LOG_NOTICE, ledger->log, 0,
                  "llm_quota ledger \"%V\" is written again",
                  &ledger->segment);
}


void
ngx_http_llm_ledger_find(ngx_http_llm_ledger_t *ledger, uint64_t epoch,
    ngx_http_llm_ledger_entry_t *entries, ngx_uint_t n)
{
    off_t      size, left;
    u_char    *buf;
    uint32_t   newest, i;

    newest = *ledger->newest;
    left = NGX_HTTP_LLM_LEDGER_TAIL;

    buf = ngx_alloc(NGX_HTTP_LLM_LEDGER_STEP, ledger->log);
    if (buf == NULL) {
        return;
    }

    for (i = newest; left > 0; i--) {
        size = ngx_http_llm_ledger_find_segment(ledger, i, left, buf, epoch,
                                                entries, n);

        /* behind one that is gone there are none */

        if (i == 0 || (size == NGX_ERROR && i != newest)) {
            break;
        }

        left -= ngx_max(size, 0);
    }

    ngx_free(buf);

    ngx_http_llm_ledger_path(ledger, ledger->number);
}


/* Of the last bytes of a segment, and at most so many.  Returns its size, or
   NGX_ERROR where it cannot be read. */

static off_t
ngx_http_llm_ledger_find_segment(ngx_http_llm_ledger_t *ledger,
    uint32_t number, off_t most, u_char *buf, uint64_t epoch,
    ngx_http_llm_ledger_entry_t *entries, ngx_uint_t n)
{
    off_t             offset, found;
    u_char            start[LLM_LINE_START];
    size_t            len;
    ssize_t           size;
    ngx_fd_t          fd;
    ngx_file_info_t   fi;

    ngx_http_llm_ledger_path(ledger, number);

    fd = ngx_open_file(ledger->segment.data, NGX_FILE_RDONLY, NGX_FILE_OPEN,
                       0);

    if (fd == NGX_INVALID_FILE) {
        return NGX_ERROR;
    }

    found = NGX_ERROR;

    if (ngx_fd_info(fd, &fi) == NGX_FILE_ERROR) {
        goto done;
    }

    found = ngx_file_size(&fi);
    len = llm_line_start(start, epoch) - start;
    offset = ngx_max(found - most, 0);

    for ( ;; ) {
        size = pread(fd, buf, NGX_HTTP_LLM_LEDGER_STEP, offset);

        if (size <= 0) {
            break;
        }

        ngx_http_llm_ledger_find_in(buf, buf + size, start, len, entries, n);

        if (size < NGX_HTTP_LLM_LEDGER_STEP) {
            break;
        }

        /* the last line may have been cut */

        offset += size - LLM_LINE_MAX;
    }

done:

    (void) ngx_close_file(fd);

    return found;
}


static void
ngx_http_llm_ledger_find_in(u_char *p, u_char *last, u_char *start,
    size_t len, ngx_http_llm_ledger_entry_t *entries, ngx_uint_t n)
{
    u_char      *first, *at;
    uint64_t     number;
    ngx_uint_t   i;

    first = p;

    for ( ;; ) {
        p = memmem(p, last - p, start, len);

        if (p == NULL) {
            return;
        }

        at = p;
        p += len;

        for (number = 0; p < last && *p >= '0' && *p <= '9'; p++) {
            number = number * 10 + (*p - '0');
        }

        for (i = 0; i < n; i++) {
            if (entries[i].number == number
                && ngx_http_llm_ledger_is_whole(p, last)
                && ngx_http_llm_ledger_is_begun(first, at))
            {
                entries[i].found = 1;
            }
        }
    }
}


/* The type, of whatever kind, stands before the id. */

static ngx_uint_t
ngx_http_llm_ledger_is_begun(u_char *first, u_char *p)
{
    size_t  len;

    len = sizeof(LLM_LINE_MARK) - 1;

    while (p > first && p[-1] >= 'a' && p[-1] <= 'z') {
        p--;
    }

    return (size_t) (p - first) >= len
           && ngx_memcmp(p - len, LLM_LINE_MARK, len) == 0;
}


/* What was torn has the end of the file or another line behind it. */

static ngx_uint_t
ngx_http_llm_ledger_is_whole(u_char *p, u_char *last)
{
    u_char  *end;

    end = ngx_strlchr(p, last, LF);

    return end && memmem(p, end - p, LLM_LINE_MARK, sizeof(LLM_LINE_MARK) - 1)
                  == NULL;
}


void
ngx_http_llm_ledger_close(ngx_http_llm_ledger_t *ledger)
{
    /* what was kept for want of room follows what is written */

    do {
        ngx_http_llm_ledger_flush(ledger);
    } while (ledger->lines && !ledger->failing);

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

    ngx_http_llm_ledger_part(ledger);
}
