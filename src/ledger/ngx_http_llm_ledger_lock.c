
/*
 * Copyright (C) the llm_quota authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <sys/file.h>

#include "ngx_http_llm_ledger.h"


#define NGX_HTTP_LLM_LOCKS      256
#define NGX_HTTP_LLM_LOCK_FDS   65536   /* that a file is looked for among */


typedef struct {
    ngx_fd_t                 fd;
    ngx_uint_t               turn;
} ngx_http_llm_lock_t;


static ngx_int_t ngx_http_llm_lock_note(ngx_fd_t fd, ngx_log_t *log);
static ngx_fd_t ngx_http_llm_lock_find(ngx_fd_t fd);
static void ngx_http_llm_ledger_cleanup(void *data);
static void ngx_http_llm_lock_zone(ngx_http_llm_ledger_t *ledger,
    ngx_uint_t tell);
static off_t ngx_http_llm_lock_byte(const ngx_http_llm_ledger_t *ledger);
static void ngx_http_llm_lock_range(struct flock *fl, short type,
    off_t start, off_t len);


/* not in the configuration: that of another copy of the module, which it may
   have been made by, is not ours to read */

static ngx_http_llm_lock_t  ngx_http_llm_locks[NGX_HTTP_LLM_LOCKS];
static ngx_uint_t           ngx_http_llm_nlocks;
static ngx_uint_t           ngx_http_llm_lock_turn;


ngx_int_t
ngx_http_llm_ledger_lock(ngx_str_t *directory, ngx_log_t *log)
{
    u_char     name[NGX_MAX_PATH];
    ngx_fd_t   fd, held;
    ngx_err_t  err;

    if (directory->len + sizeof("lock") > NGX_MAX_PATH) {
        ngx_log_error(NGX_LOG_EMERG, log, 0,
                      "llm_quota state directory \"%V\" has too long a name",
                      directory);
        return NGX_ERROR;
    }

    ngx_sprintf(name, "%Vlock%Z", directory);

    fd = ngx_open_file(name, NGX_FILE_RDWR, NGX_FILE_CREATE_OR_OPEN, 0600);

    if (fd == NGX_INVALID_FILE) {
        ngx_log_error(NGX_LOG_EMERG, log, ngx_errno,
                      ngx_open_file_n " \"%s\" failed", name);
        return NGX_ERROR;
    }

    if (flock(fd, LOCK_EX|LOCK_NB) == 0) {
        return ngx_http_llm_lock_note(fd, log);
    }

    err = ngx_errno;

    held = ngx_http_llm_lock_find(fd);

    (void) ngx_close_file(fd);

    if (held != NGX_INVALID_FILE) {
        return ngx_http_llm_lock_note(held, log);
    }

    ngx_log_error(NGX_LOG_EMERG, log, err,
                  "llm_quota state directory \"%V\" is used by another nginx: "
                  "stop that one, or name another directory with state=",
                  directory);

    return NGX_ERROR;
}


static ngx_int_t
ngx_http_llm_lock_note(ngx_fd_t fd, ngx_log_t *log)
{
    ngx_uint_t  i;

    for (i = 0; i < ngx_http_llm_nlocks; i++) {
        if (ngx_http_llm_locks[i].fd == fd) {
            break;
        }
    }

    if (i == NGX_HTTP_LLM_LOCKS) {
        ngx_log_error(NGX_LOG_EMERG, log, 0,
                      "llm_quota has more than %d state directories",
                      NGX_HTTP_LLM_LOCKS);
        return NGX_ERROR;
    }

    if (i == ngx_http_llm_nlocks) {
        ngx_http_llm_nlocks++;
    }

    ngx_http_llm_locks[i].fd = fd;
    ngx_http_llm_locks[i].turn = ngx_http_llm_lock_turn;

    return NGX_OK;
}


/* Of this master since the last cycle, or left by the master that made this
   one. */

static ngx_fd_t
ngx_http_llm_lock_find(ngx_fd_t fd)
{
    ngx_fd_t         other, last;
    ngx_file_info_t  fi, fo;

    if (ngx_fd_info(fd, &fi) == NGX_FILE_ERROR) {
        return NGX_INVALID_FILE;
    }

    last = (ngx_fd_t) ngx_min(sysconf(_SC_OPEN_MAX), NGX_HTTP_LLM_LOCK_FDS);

    for (other = 3; other < last; other++) {

        if (other != fd
            && ngx_fd_info(other, &fo) != NGX_FILE_ERROR
            && fo.st_dev == fi.st_dev
            && ngx_file_uniq(&fo) == ngx_file_uniq(&fi))
        {
            return other;
        }
    }

    return NGX_INVALID_FILE;
}


void
ngx_http_llm_ledger_unlock_unused(void)
{
    ngx_uint_t  i, n;

    n = 0;

    for (i = 0; i < ngx_http_llm_nlocks; i++) {

        if (ngx_http_llm_locks[i].turn != ngx_http_llm_lock_turn) {
            (void) ngx_close_file(ngx_http_llm_locks[i].fd);
            continue;
        }

        ngx_http_llm_locks[n++] = ngx_http_llm_locks[i];
    }

    ngx_http_llm_nlocks = n;
    ngx_http_llm_lock_turn++;
}


ngx_int_t
ngx_http_llm_ledger_join(ngx_http_llm_ledger_t *ledger, ngx_cycle_t *cycle)
{
    ngx_pool_cleanup_t  *cln;

    ledger->zones = NGX_INVALID_FILE;

    /* without a master process a cycle ends before its process does */

    cln = ngx_pool_cleanup_add(cycle->pool, 0);
    if (cln == NULL) {
        return NGX_ERROR;
    }

    cln->handler = ngx_http_llm_ledger_cleanup;
    cln->data = ledger;

    ngx_http_llm_lock_zone(ledger, 1);

    return NGX_OK;
}


/* Without the file the zone is not known to live, nor knows that it is alone:
   requests are served all the same. */

static void
ngx_http_llm_lock_zone(ngx_http_llm_ledger_t *ledger, ngx_uint_t tell)
{
    u_char        name[NGX_MAX_PATH];
    struct flock  fl;

    /* the lock is there: the name is not too long */

    ngx_sprintf(name, "%Vzones%Z", &ledger->directory);

    ledger->zones = ngx_open_file(name, NGX_FILE_RDWR|O_CLOEXEC,
                                  NGX_FILE_CREATE_OR_OPEN, 0600);

    if (ledger->zones != NGX_INVALID_FILE) {
        ngx_http_llm_lock_range(&fl, F_RDLCK, ngx_http_llm_lock_byte(ledger),
                                1);

        if (fcntl(ledger->zones, F_OFD_SETLK, &fl) == 0) {
            return;
        }
    }

    if (tell) {
        ngx_log_error(NGX_LOG_CRIT, ledger->log, ngx_errno,
                      "llm_quota ledger \"%V\": \"%s\" cannot be locked",
                      &ledger->directory, name);
    }

    ngx_http_llm_ledger_part(ledger);
}


static void
ngx_http_llm_ledger_cleanup(void *data)
{
    ngx_http_llm_ledger_part(data);
}


void
ngx_http_llm_ledger_part(ngx_http_llm_ledger_t *ledger)
{
    if (ledger->zones != NGX_INVALID_FILE) {
        (void) ngx_close_file(ledger->zones);
        ledger->zones = NGX_INVALID_FILE;
    }
}


ngx_uint_t
ngx_http_llm_ledger_is_alone(ngx_http_llm_ledger_t *ledger)
{
    off_t         byte;
    struct flock  before, after;

    if (ledger->zones == NGX_INVALID_FILE) {
        ngx_http_llm_lock_zone(ledger, 0);
        return 0;
    }

    byte = ngx_http_llm_lock_byte(ledger);

    /* a length of 0 goes on for ever */

    ngx_http_llm_lock_range(&before, F_WRLCK, 0, byte);
    ngx_http_llm_lock_range(&after, F_WRLCK, byte + 1, 0);

    return fcntl(ledger->zones, F_OFD_GETLK, &before) == 0
           && before.l_type == F_UNLCK
           && fcntl(ledger->zones, F_OFD_GETLK, &after) == 0
           && after.l_type == F_UNLCK;
}


/* Never the first, so that there is one before it. */

static off_t
ngx_http_llm_lock_byte(const ngx_http_llm_ledger_t *ledger)
{
    return 1 + (off_t) (ledger->epoch >> 2);
}


static void
ngx_http_llm_lock_range(struct flock *fl, short type, off_t start, off_t len)
{
    ngx_memzero(fl, sizeof(struct flock));

    fl->l_type = type;
    fl->l_whence = SEEK_SET;
    fl->l_start = start;
    fl->l_len = len;
}
