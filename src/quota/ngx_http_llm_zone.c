
/*
 * Copyright (C) the llm_quota authors
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <sys/random.h>

#include "llm_evict.h"
#include "ngx_http_llm_zone.h"


static uint64_t ngx_http_llm_zone_process_start(ngx_pid_t pid);


/* The field of /proc/PID/stat that tells a process from a later one with the
   same pid; counted from the state, which follows the name (proc(5)). */
#define NGX_HTTP_LLM_STARTTIME  20


ngx_int_t
ngx_http_llm_zone_init(ngx_shm_zone_t *shm_zone, void *data)
{
    ngx_http_llm_zone_t *ozone = data;

    size_t                size;
    u_char                random[24];
    ngx_time_t           *tp;
    ngx_http_llm_zone_t  *zone;

    zone = shm_zone->data;

    if (ozone) {

        if (!llm_zone_valid(ozone->zone, ozone->zone->size)) {
            ngx_log_error(NGX_LOG_EMERG, shm_zone->shm.log, 0,
                          "llm_quota zone \"%V\" has the layout of another "
                          "version of the module, restart nginx",
                          &shm_zone->shm.name);
            return NGX_ERROR;
        }

        zone->shpool = ozone->shpool;
        zone->zone = ozone->zone;

        llm_evict_unpin(zone->zone);

        return NGX_OK;
    }

    zone->shpool = (ngx_slab_pool_t *) shm_zone->shm.addr;

#if (NGX_HAVE_ATOMIC_OPS && NGX_HAVE_POSIX_SEM)

    /* who gives the mutex back takes a waiter off the count before it posts
       the semaphore: killed in between, it leaves one that nobody wakes up;
       those who spin and yield need nobody */

    zone->shpool->mutex.semaphore = 0;

#endif

    if (getrandom(random, sizeof(random), 0) != sizeof(random)) {
        ngx_log_error(NGX_LOG_EMERG, shm_zone->shm.log, ngx_errno,
                      "getrandom() for llm_quota zone \"%V\" failed",
                      &shm_zone->shm.name);
        return NGX_ERROR;
    }

    /* all the pages at once: the slab allocator is not used after this */

    size = zone->shpool->pfree * ngx_pagesize;
    zone->zone = ngx_slab_calloc(zone->shpool, size);

    if (zone->zone == NULL) {
        return NGX_ERROR;
    }

    tp = ngx_timeofday();

    if (llm_zone_create(zone->zone, size, random,
                        (int64_t) tp->sec * 1000 + tp->msec)
        == NULL)
    {
        ngx_log_error(NGX_LOG_EMERG, shm_zone->shm.log, 0,
                      "llm_quota zone \"%V\" is too small",
                      &shm_zone->shm.name);
        return NGX_ERROR;
    }

    return NGX_OK;
}


void
ngx_http_llm_zone_init_worker(ngx_http_llm_zone_t *zone, ngx_log_t *log)
{
    int          taken;
    uint32_t     i;
    uint64_t     started;
    llm_zone_t  *z;
    llm_worker_t seen;

    started = ngx_http_llm_zone_process_start(ngx_pid);
    zone->worker = LLM_NONE;

    for (i = 0; i < LLM_WORKERS; i++) {

        /* whether a process lives is asked outside the lock, and the slot is
           taken only if it is still what was asked about */

        ngx_http_llm_zone_worker(zone, i, &seen);

        if (seen.pid != 0 && ngx_http_llm_zone_worker_alive(&seen)) {
            continue;
        }

        z = ngx_http_llm_zone_lock(zone);
        taken = llm_zone_take_worker(z, i, &seen, ngx_pid, started);
        ngx_http_llm_zone_unlock(zone);

        if (taken) {
            zone->worker = i;
            return;
        }
    }

    ngx_log_error(NGX_LOG_ALERT, log, 0,
                  "llm_quota zone \"%V\" has no slot for another process",
                  &zone->shm_zone->shm.name);
}


llm_zone_t *
ngx_http_llm_zone_lock(ngx_http_llm_zone_t *zone)
{
    ngx_time_t       *tp;
    llm_zone_t       *z;
    struct timespec   ts;

    tp = ngx_timeofday();
    llm_clock_set(&zone->clock, (int64_t) tp->sec * 1000 + tp->msec);

    z = zone->zone;

    ngx_shmtx_lock(&zone->shpool->mutex);

    /* of the vDSO, no system call; nginx's own time may lag, and a window
       that is told the past lets a request out too early */

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    if (llm_zone_enter(z, (int32_t) ngx_pid,
                       (uint64_t) ts.tv_sec * 1000 + ts.tv_nsec / 1000000))
    {
        llm_settle_noted(z, &zone->clock);
    }

    return z;
}


void
ngx_http_llm_zone_unlock(ngx_http_llm_zone_t *zone)
{
    llm_zone_leave(zone->zone);

    ngx_shmtx_unlock(&zone->shpool->mutex);
}


/* Under the lock: of a slot that is being taken the owner's pid with the start
   of the one before would look dead. */

void
ngx_http_llm_zone_worker(ngx_http_llm_zone_t *zone, uint32_t i,
    llm_worker_t *worker)
{
    *worker = ngx_http_llm_zone_lock(zone)->workers[i];
    ngx_http_llm_zone_unlock(zone);
}


ngx_uint_t
ngx_http_llm_zone_worker_alive(const llm_worker_t *worker)
{
    uint64_t  started;

    if (kill(worker->pid, 0) == -1 && ngx_errno == NGX_ESRCH) {
        return 0;
    }

    started = ngx_http_llm_zone_process_start(worker->pid);

    /* without a /proc the pid has to do */

    return started == 0 || worker->started == 0
           || started == worker->started;
}


static uint64_t
ngx_http_llm_zone_process_start(ngx_pid_t pid)
{
    u_char    *p, *last, name[sizeof("/proc//stat") + NGX_INT_T_LEN];
    u_char     buf[1024];
    ssize_t    n;
    uint64_t   started;
    ngx_fd_t   fd;
    ngx_uint_t field;

    ngx_sprintf(name, "/proc/%P/stat%Z", pid);

    fd = ngx_open_file(name, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        return 0;
    }

    n = ngx_read_fd(fd, buf, sizeof(buf));

    (void) ngx_close_file(fd);

    if (n <= 0) {
        return 0;
    }

    /* the name may hold anything: its end is the last parenthesis */

    last = buf + n;

    for (p = last - 1; p > buf && *p != ')'; p--) {
        /* void */
    }

    for (field = 0; p < last && field < NGX_HTTP_LLM_STARTTIME; p++) {
        if (*p == ' ') {
            field++;
        }
    }

    for (started = 0; p < last && *p >= '0' && *p <= '9'; p++) {
        started = started * 10 + (*p - '0');
    }

    return started;
}
