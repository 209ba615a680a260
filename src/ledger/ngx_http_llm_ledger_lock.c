
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
