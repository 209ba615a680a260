
/*
 * Copyright (C) the llm_quota authors
 */


#include <signal.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <sys/ptrace.h>

#include "tap.h"
#include "llm_window.h"


/*
 * The window against the plainest oracle there is: the list of all admitted
 * times, in milliseconds.
 */

#define EVENTS  20000
#define TURNS   2000


typedef uint64_t (*pattern_pt)(uint64_t now);

typedef struct {
    uint64_t     second;
    uint64_t     amount[LLM_WINDOW_COUNTERS];
} turn_t;


static turn_t    history[TURNS];
static uint64_t  seed = 0x9e3779b97f4a7c15;
static uint64_t  admitted[EVENTS];
static unsigned  events;


static uint64_t
rnd(uint64_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;

    return (seed >> 11) % n;
}


static void
count(llm_window_t *w, llm_window_counter_e counter, uint64_t n)
{
    uint32_t  *bucket;

    bucket = llm_window_bucket(w, counter);

    if (n > UINT32_MAX - *bucket) {
        n = UINT32_MAX - *bucket;
    }

    *bucket += (uint32_t) n;
    w->sum[counter] += n;
}


/* Arrival patterns: each gives the time of the next request. */

static uint64_t
uniform(uint64_t now)
{
    return now + rnd(2000);
}


static uint64_t
boundaries(uint64_t now)
{
    if (rnd(4)) {
        return now;
    }

    return (now / 1000 + 1 + rnd(3)) * 1000;
}


/* Just before and just after a second begins, and mostly where a window of
   60 seconds would be caught out. */

static uint64_t
adversary(uint64_t now)
{
    static const int  step[] = { 0, 0, 1, 2, 998, 999, 1000, 1001, 58999,
                                 59000, 59998, 59999, 60000, 60001, 60999,
                                 61000, 61001 };
    uint64_t          next;

    if (rnd(12)) {
        return now + rnd(2);
    }

    next = now + step[rnd(sizeof(step) / sizeof(step[0]))];

    switch (rnd(4)) {

    case 0:
        next = next / 1000 * 1000 + 999;
        break;

    case 1:
        next = (next / 1000 + 1) * 1000;
        break;

    default:
        break;
    }

    return next;
}


static uint64_t
idle(uint64_t now)
{
    if (rnd(50) == 0) {
        return now + rnd(5 * 3600 * 1000);
    }

    return now + rnd(700);
}


static uint64_t
stalls(uint64_t now)
{
    if (rnd(200) == 0) {
        return now + 55000 + rnd(8000);
    }

    return now;
}


static const struct {
    const char  *name;
    pattern_pt   next;
} patterns[] = {
    { "uniform arrivals", uniform },
    { "bursts at the boundaries of seconds", boundaries },
    { "an adversary around the boundaries", adversary },
    { "idle gaps of hours", idle },
    { "a clock that stalls and jumps", stalls }
};


/* What the oracle counts at a time: what is of the second itself or of one of
   the 60 before it. */

static uint64_t
counted(uint64_t now)
{
    unsigned  i;
    uint64_t  n;

    n = 0;

    for (i = events; i > 0; i--) {
        if (admitted[i - 1] / 1000 + 60 < now / 1000) {
            break;
        }

        n++;
    }

    return n;
}


/* The sum that the window would have later, if nothing came. */

static uint64_t
later(const llm_window_t *w, unsigned mask, uint64_t now)
{
    unsigned      i;
    uint64_t      sum;
    llm_window_t  copy;

    copy = *w;
    llm_window_roll(&copy, now / 1000);

    sum = 0;

    for (i = 0; i < LLM_WINDOW_COUNTERS; i++) {
        if (mask & (1u << i)) {
            sum += copy.sum[i];
        }
    }

    return sum;
}


static int
waits(const llm_window_t *w, unsigned mask, uint64_t room, uint64_t now)
{
    uint64_t  wait;

    wait = llm_window_wait(w, mask, room, now);

    if (wait == 0) {
        return later(w, mask, now) <= room;
    }

    return wait <= 61000
           && later(w, mask, now + wait) <= room
           && later(w, mask, now + wait - 1) > room;
}


static void
test_pattern(const char *name, pattern_pt next, unsigned limit)
{
    unsigned      i, tries, refused, wrong_sum, wrong_wait, close;
    uint64_t      now;
    llm_window_t  w;

    now = 1000000 + rnd(100000);
    events = 0;
    refused = 0;
    wrong_sum = 0;
    wrong_wait = 0;

    llm_window_init(&w, now / 1000);

    for (tries = 0; tries < EVENTS; tries++) {
        now = next(now);

        llm_window_roll(&w, now / 1000);

        if (w.sum[LLM_WINDOW_REQUESTS] != counted(now)) {
            wrong_sum++;
        }

        if (!waits(&w, 1 << LLM_WINDOW_REQUESTS, limit - 1, now)) {
            wrong_wait++;
        }

        if (w.sum[LLM_WINDOW_REQUESTS] < limit) {
            count(&w, LLM_WINDOW_REQUESTS, 1);
            admitted[events++] = now;
            continue;
        }

        refused++;
    }

    close = 0;

    for (i = 0; i + limit < events; i++) {
        if (admitted[i + limit] - admitted[i] < 60000) {
            close++;
        }
    }

    is_int(close, 0, "%s: never more than %u in 60 seconds", name, limit);
    is_int(wrong_sum, 0, "%s: the sum is what was admitted, %u", name, limit);
    is_int(wrong_wait, 0, "%s: the wait is exact, limit %u", name, limit);

    if (limit <= 30) {
        ok(refused > 0 && events > limit,
           "%s: %u admitted, %u refused, limit %u", name, events, refused,
           limit);
    }
}


/* Three counters with weights, and room of any size. */

static void
test_tokens(void)
{
    unsigned      i, n, mask, wrong_sum, wrong_wait, wrong_bucket;
    uint64_t      now, sum[LLM_WINDOW_COUNTERS], amount;
    llm_window_t  w;

    now = 5000;
    wrong_sum = 0;
    wrong_wait = 0;
    wrong_bucket = 0;

    llm_window_init(&w, now / 1000);

    for (n = 0; n < TURNS; n++) {
        now += rnd(10) ? rnd(3000) : rnd(90000);

        llm_window_roll(&w, now / 1000);

        history[n].second = now / 1000;

        for (i = 0; i < LLM_WINDOW_COUNTERS; i++) {
            amount = rnd(3) ? rnd(100000) : 0;
            history[n].amount[i] = amount;
            count(&w, i, amount);

            if (*llm_window_bucket(&w, i) < amount) {
                wrong_bucket++;
            }
        }

        memset(sum, 0, sizeof(sum));

        for (i = 0; i <= n; i++) {
            if (history[i].second + 60 >= now / 1000) {
                sum[0] += history[i].amount[0];
                sum[1] += history[i].amount[1];
                sum[2] += history[i].amount[2];
            }
        }

        if (memcmp(sum, w.sum, sizeof(sum)) != 0) {
            wrong_sum++;
        }

        for (mask = 0; mask < 1u << LLM_WINDOW_COUNTERS; mask++) {
            if (!waits(&w, mask, rnd(3000000), now)
                || !waits(&w, mask, 0, now))
            {
                wrong_wait++;
            }
        }
    }

    is_int(wrong_sum, 0, "sums of three counters");
    is_int(wrong_bucket, 0, "the bucket holds what was just counted");
    is_int(wrong_wait, 0, "waits of all masks");
}


static void
test_edges(void)
{
    llm_window_t  w, before;

    llm_window_init(&w, 100);
    count(&w, LLM_WINDOW_INPUT, 7);

    before = w;
    llm_window_roll(&w, 100);
    llm_window_roll(&w, 99);
    llm_window_roll(&w, 0);
    ok(memcmp(&w, &before, sizeof(w)) == 0, "time does not go back");

    llm_window_roll(&w, 160);
    is_int(w.sum[LLM_WINDOW_INPUT], 7, "60 seconds later it counts");
    is_int(llm_window_wait(&w, 1 << LLM_WINDOW_INPUT, 6, 160999), 1,
           "for another millisecond");
    is_int(llm_window_wait(&w, 1 << LLM_WINDOW_INPUT, 7, 160999), 0,
           "no wait where there is room");
    is_int(llm_window_wait(&w, 1 << LLM_WINDOW_OUTPUT, 0, 160999), 0,
           "no wait for another counter");
    is_int(llm_window_wait(&w, 1 << LLM_WINDOW_INPUT, 6, 200000), 0,
           "no negative wait where the caller did not roll");

    before = w;
    before.sum[LLM_WINDOW_INPUT] = UINT64_MAX;
    is_int(llm_window_wait(&before, 1 << LLM_WINDOW_INPUT, 6, 160999), 1,
           "the buckets are asked, whatever a torn sum says");

    llm_window_roll(&w, 161);
    is_int(w.sum[LLM_WINDOW_INPUT], 0, "61 seconds later it is let go");

    count(&w, LLM_WINDOW_OUTPUT, UINT64_MAX);
    is_int(*llm_window_bucket(&w, LLM_WINDOW_OUTPUT), UINT32_MAX,
           "a bucket that is full");
    is_int(w.bucket[161 % LLM_WINDOW_BUCKETS][LLM_WINDOW_OUTPUT], UINT32_MAX,
           "is that of the current second");

    llm_window_roll(&w, 162);
    count(&w, LLM_WINDOW_OUTPUT, UINT32_MAX);
    is_int(w.sum[LLM_WINDOW_OUTPUT], 2 * (uint64_t) UINT32_MAX,
           "the sum of two full buckets");

    w.sum[LLM_WINDOW_OUTPUT] = 0;
    llm_window_repair(&w);
    is_int(w.sum[LLM_WINDOW_OUTPUT], 2 * (uint64_t) UINT32_MAX,
           "computed again");
    is_int(llm_window_wait(&w, 1 << LLM_WINDOW_OUTPUT, UINT32_MAX, 162000),
           60000, "the wait for half of it");

    llm_window_roll(&w, 222);
    is_int(w.sum[LLM_WINDOW_OUTPUT], UINT32_MAX, "the first of them gone");

    count(&w, LLM_WINDOW_REQUESTS, 3);
    llm_window_roll(&w, UINT64_MAX / 1000);
    is_int(w.sum[LLM_WINDOW_OUTPUT] + w.sum[LLM_WINDOW_REQUESTS], 0,
           "a jump into the far future empties all");
}


static void
fill(llm_window_t *w, uint64_t second)
{
    unsigned  i;

    llm_window_init(w, second - 60);

    for (i = 0; i < 61; i++) {
        llm_window_roll(w, second - 60 + i);
        count(w, LLM_WINDOW_REQUESTS, 1 + rnd(100));
        count(w, LLM_WINDOW_INPUT, 1 + rnd(100000));
        count(w, LLM_WINDOW_OUTPUT, 1 + rnd(100000));
    }
}


/* What the next process does with what a killed one left behind. */

static int
recovers(const llm_window_t *left, const llm_window_t *rolled,
    uint64_t second)
{
    unsigned      i, n;
    uint64_t      sum[LLM_WINDOW_COUNTERS];
    llm_window_t  w;

    w = *left;
    llm_window_repair(&w);

    memset(sum, 0, sizeof(sum));

    for (n = 0; n < LLM_WINDOW_BUCKETS; n++) {
        for (i = 0; i < LLM_WINDOW_COUNTERS; i++) {
            sum[i] += w.bucket[n][i];
        }
    }

    if (memcmp(sum, w.sum, sizeof(sum)) != 0) {
        return 0;
    }

    llm_window_roll(&w, second);

    return memcmp(&w, rolled, sizeof(w)) == 0;
}


/*
 * A kill after any instruction of a roll, for real: the child is stepped
 * through it, and what is in the shared memory after each step is what its
 * successor would find.
 */

static void
test_kill(uint64_t second, uint64_t target)
{
    int            status;
    long           wrong, steps, states;
    pid_t          pid;
    llm_window_t  *w, rolled, last;

    w = mmap(NULL, sizeof(llm_window_t), PROT_READ|PROT_WRITE,
             MAP_SHARED|MAP_ANONYMOUS, -1, 0);
    if (w == MAP_FAILED) {
        ok(0, "shared memory");
        return;
    }

    fill(w, second);

    rolled = *w;
    llm_window_roll(&rolled, target);

    pid = fork();

    if (pid == 0) {
        if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) == -1) {
            _exit(2);
        }

        (void) raise(SIGSTOP);
        llm_window_roll(w, target);
        _exit(0);
    }

    wrong = 0;
    steps = 0;
    states = 0;
    last = *w;

    while (waitpid(pid, &status, 0) == pid && WIFSTOPPED(status)) {
        steps++;

        if (memcmp(&last, w, sizeof(last)) != 0) {
            states++;
            last = *w;
        }

        if (!recovers(w, &rolled, target)) {
            wrong++;
        }

        if (memcmp(w, &rolled, sizeof(rolled)) == 0) {
            (void) kill(pid, SIGKILL);
            continue;
        }

        if (ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) == -1) {
            (void) kill(pid, SIGKILL);
        }
    }

    if (steps == 0) {
        ok(1, "# SKIP no ptrace() here");

    } else {
        ok(wrong == 0 && states > 1, "killed at %ld steps, %ld states of a "
           "roll over %ld s, %ld not recovered", steps, states,
           (long) (target - second), wrong);
    }

    (void) munmap(w, sizeof(llm_window_t));
}


/* The same without a debugger: every part of the stores of a roll in any
   order that it allows, with sums that are anything. */

static void
test_torn(void)
{
    unsigned      i, n, k, wrong;
    uint64_t      second, target, emptied;
    llm_window_t  w, rolled;

    wrong = 0;

    for (n = 0; n < 5000; n++) {
        second = 1000 + rnd(100);
        target = second + 1 + rnd(70);

        fill(&w, second);

        rolled = w;
        llm_window_roll(&rolled, target);

        /* the roll has come as far as to the second before this one */

        emptied = second + rnd(target - second);

        if (target - second < LLM_WINDOW_BUCKETS) {
            llm_window_roll(&w, emptied);
            k = (emptied + 1) % LLM_WINDOW_BUCKETS;

        } else {
            k = rnd(LLM_WINDOW_BUCKETS);
        }

        for (i = 0; i < LLM_WINDOW_COUNTERS; i++) {
            if (rnd(2)) {
                w.bucket[k][i] = 0;
            }

            w.sum[i] = rnd(1000000);
        }

        if (!recovers(&w, &rolled, target)) {
            wrong++;
        }
    }

    is_int(wrong, 0, "torn rolls are repaired");
}


int
main(void)
{
    unsigned  i;

    (void) setvbuf(stdout, NULL, _IOLBF, 0);

    test_edges();

    for (i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
        test_pattern(patterns[i].name, patterns[i].next, 1);
        test_pattern(patterns[i].name, patterns[i].next, 7);
        test_pattern(patterns[i].name, patterns[i].next, 30);
        test_pattern(patterns[i].name, patterns[i].next, 300);
    }

    test_tokens();
    test_torn();

    test_kill(1000, 1001);
    test_kill(1000, 1005);
    test_kill(1000, 1060);
    test_kill(1000, 1061);
    test_kill(1000, 5000);

    return tap_done();
}
