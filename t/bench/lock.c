
/*
 * Copyright (C) the llm_quota authors
 */


/*
 * For scripts/bench lock: linked before a module's calls of nginx's lock, by
 * ld's --wrap, this notes how long each call waited and how long the lock was
 * then held, in nanoseconds, and writes that to LLM_LOCK_REPORT.PID at the
 * process's end.  What it costs, two readings of the clock, is in neither.
 */


#include <stdio.h>
#include <stdlib.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>


#define LOCK_SAMPLES  (1 << 20)


typedef struct {
    uint32_t         wait;
    uint32_t         hold;
} lock_sample_t;


void __real_ngx_shmtx_lock(void *mtx);
void __real_ngx_shmtx_unlock(void *mtx);
void __wrap_ngx_shmtx_lock(void *mtx);
void __wrap_ngx_shmtx_unlock(void *mtx);
static uint64_t lock_now(void);
static void lock_report(void) __attribute__((destructor));


static uint64_t       lock_taken;
static unsigned       lock_n;
static lock_sample_t  lock_samples[LOCK_SAMPLES];


void
__wrap_ngx_shmtx_lock(void *mtx)
{
    uint64_t  before;

    before = lock_now();

    __real_ngx_shmtx_lock(mtx);

    lock_taken = lock_now();

    if (lock_n < LOCK_SAMPLES) {
        lock_samples[lock_n].wait = (uint32_t) (lock_taken - before);
    }
}


void
__wrap_ngx_shmtx_unlock(void *mtx)
{
    if (lock_n < LOCK_SAMPLES) {
        lock_samples[lock_n].hold = (uint32_t) (lock_now() - lock_taken);
        lock_n++;
    }

    __real_ngx_shmtx_unlock(mtx);
}


static uint64_t
lock_now(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * 1000000000 + ts.tv_nsec;
}


static void
lock_report(void)
{
    char       *to, name[4096];
    FILE       *f;
    unsigned    i;

    to = getenv("LLM_LOCK_REPORT");

    if (to == NULL || lock_n == 0) {
        return;
    }

    (void) snprintf(name, sizeof(name), "%s.%d", to, (int) getpid());

    f = fopen(name, "w");

    if (f == NULL) {
        return;
    }

    for (i = 0; i < lock_n; i++) {
        fprintf(f, "%u %u\n", lock_samples[i].wait, lock_samples[i].hold);
    }

    fclose(f);
}
