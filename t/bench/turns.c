
/*
 * Copyright (C) the llm_quota authors
 */


/*
 * For scripts/bench lists: loaded before nginx's own library, this notes how
 * long each turn of the event loop takes, from the end of one epoll_wait() to
 * the beginning of the next, in microseconds of the thread's own time, which
 * other processes do not change, and of the clock.  The longest ones since
 * LLM_TURNS was last emptied are in that file: "own clock", one a line.
 */


#define _GNU_SOURCE

#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>


#define TURNS_LEAST  200             /* microseconds that are worth a line */


static void turns_open(void) __attribute__((constructor));
static int64_t turns_now(clockid_t clock);


static int      turns_fd = -1;
static int64_t  turns_own;
static int64_t  turns_clock;
static int    (*turns_wait)(int, struct epoll_event *, int, int);


static void
turns_open(void)
{
    const char  *file;

    file = getenv("LLM_TURNS");

    if (file) {
        turns_fd = open(file, O_WRONLY|O_APPEND|O_CREAT|O_CLOEXEC, 0666);
    }

    *(void **) &turns_wait = dlsym(RTLD_NEXT, "epoll_wait");
}


int
epoll_wait(int ep, struct epoll_event *events, int n, int timeout)
{
    int      rc, len;
    char     line[64];
    int64_t  own, clock;

    if (turns_own && turns_fd != -1) {
        own = turns_now(CLOCK_THREAD_CPUTIME_ID) - turns_own;
        clock = turns_now(CLOCK_MONOTONIC) - turns_clock;

        if (own >= TURNS_LEAST) {
            len = snprintf(line, sizeof(line), "%lld %lld\n", (long long) own,
                           (long long) clock);
            (void) !write(turns_fd, line, (size_t) len);
        }
    }

    rc = turns_wait(ep, events, n, timeout);

    turns_own = turns_now(CLOCK_THREAD_CPUTIME_ID);
    turns_clock = turns_now(CLOCK_MONOTONIC);

    return rc;
}


static int64_t
turns_now(clockid_t clock)
{
    struct timespec  ts;

    (void) clock_gettime(clock, &ts);

    return (int64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}
