
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _KILL_H_INCLUDED_
#define _KILL_H_INCLUDED_


#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "facts.h"


/*
 * A kill at any instruction under the lock leaves a zone that repair makes
 * exact again.
 *
 * A child enters the zone and does one thing, instruction by instruction.
 * What lies in the shared memory after each of them is what a kill there
 * would leave: a copy is repaired, and must then tell the same facts as the
 * zone before, or as the zone after, and nothing in between.  Some children
 * are killed in earnest.
 */


#define PID      4711                     /* of who enters */
#define STALE    5                        /* ms by which a clock is late */
#define SECONDS  20                       /* for all the steps */
#define KILLS    5                        /* in earnest, of each operation */
#define NEAR     4000                     /* instructions, for most of them */


typedef struct {
    const char      *name;
    void           (*prepare)(void);      /* before the child is made */
    void           (*act)(void);          /* in the child */
    int64_t          passes;              /* ms between the two */
    unsigned         repair:1;            /* kill who repairs it, too */
} operation_t;


/* What the facts may be after a repair: two forms of each, as a period was
   rolled or not, and as the repair's clock is on time or late.  Of an act that
   is two changes, what lies between them. */

enum {
    BEFORE = 0,
    ROLLED,
    AFTER,
    AFTER_LATE,
    BETWEEN,
    BETWEEN_LATE,
    STATES
};


/* How a repair can be less than it must. */

typedef enum {
    WHOLE = 0,
    NO_REPAIR,
    NO_JOURNAL,
    NO_CHARGE,
    REPAIRS
} repair_e;


static llm_zone_t     *states[STATES];
static llm_zone_t     *last;              /* the newest state seen */
static llm_zone_t     *worst;             /* the one with most to undo */
static llm_clock_t     late;
static const char     *reason;

/* What an operation's preparation may set: who makes the first of its two
   changes and no more, and who says what goes wrong in the copy when all that
   was begun is brought to its end. */

static void          (*first)(void);
static const char   *(*conclude)(void);

static unsigned        caught[REPAIRS];
static struct timespec begun;


static void
act_repair(void)
{
    if (llm_zone_enter(z, PID, now)) {
        llm_settle_noted(z, &walls);
    }

    llm_zone_leave(z);
}


static void
prepare_nothing(void)
{
    /* an empty zone */
}


static const char *
differ_from(int state)
{
    const char  *error;

    error = differ_reservations(states[state]);

    if (error == NULL) {
        error = differ_pendings(states[state]);
    }

    if (error == NULL) {
        error = differ_entities(states[state]);
    }

    if (error == NULL) {
        error = differ_facts(states[state]);
    }

    if (error == NULL) {
        error = differ(copy, states[state], states[state + 1]);
    }

    if (error == NULL) {
        error = differ(states[state], states[state], states[state + 1]);
    }

    return error;
}


/* Whether what was left can be made exact again. */

static int
exact(const llm_zone_t *left, repair_e repair, llm_clock_t *clock)
{
    int  state;

    memcpy(copy, left, SIZE);

    if (repair == NO_REPAIR) {
        copy->owner = 0;
        copy->nundo = 0;
    }

    if (repair == NO_JOURNAL) {
        copy->nundo = 0;
    }

    if (llm_zone_enter(copy, PID + 1, now) && repair != NO_CHARGE) {
        llm_settle_noted(copy, clock);
    }

    llm_zone_leave(copy);

    reason = quota_check(copy);

    if (reason) {
        return 0;
    }

    for (state = BEFORE; state < (first ? STATES : BETWEEN); state += 2) {
        reason = differ_from(state);

        if (reason == NULL) {
            break;
        }
    }

    if (reason == NULL && conclude) {
        reason = conclude();
    }

    return reason == NULL;
}


static int
judge(const llm_zone_t *left)
{
    unsigned      i;
    llm_clock_t   clock;

    if (left->owner != 0) {
        for (i = NO_REPAIR; i < REPAIRS; i++) {
            clock = walls;
            caught[i] += !exact(left, i, &clock);
        }
    }

    clock = late;

    if (!exact(left, WHOLE, &clock)) {
        return 0;
    }

    clock = walls;

    return exact(left, WHOLE, &clock);
}


/* What is free holds what its last owner left. */

static void
soil(void)
{
    llm_index_t  i;

    for (i = z->free_subject; i != LLM_NONE; i = llm_zone_subject(z, i)->next)
    {
        llm_zone_subject(z, i)->hash = i;
        llm_zone_subject(z, i)->meters = 0;
        llm_zone_subject(z, i)->minute = 0;
        llm_zone_subject(z, i)->share = 0;
        llm_zone_subject(z, i)->inflight = 7;
        llm_zone_subject(z, i)->reserved[LLM_COUNT_COST] = 7;
        llm_zone_subject(z, i)->len = 7;
    }

    for (i = z->free_meter; i != LLM_NONE; i = llm_zone_meter(z, i)->next) {
        llm_zone_meter(z, i)->period = 7;
        llm_zone_meter(z, i)->settled[LLM_COUNT_COST] = 7;
    }

    for (i = z->free_minute; i != LLM_NONE; i = llm_zone_minute(z, i)->next) {
        memset(&llm_zone_minute(z, i)->window, 7, sizeof(llm_window_t));
        memset(&llm_zone_minute(z, i)->sharer, 7, sizeof(llm_sharer_t));
    }

    for (i = z->free_share; i != LLM_NONE; i = llm_zone_share(z, i)->next) {
        memset(&llm_zone_share(z, i)->sum, 7, sizeof(llm_sharers_t));
        memset(llm_zone_share(z, i)->bucket, 7,
               sizeof(llm_zone_share(z, i)->bucket));
    }

    for (i = z->free_reservation; i != LLM_NONE;
         i = llm_zone_reservation(z, i)->next)
    {
        llm_zone_reservation(z, i)->nsubjects = 7;
        llm_zone_reservation(z, i)->id = 7;
        llm_zone_reservation(z, i)->of = 7;
        llm_zone_reservation(z, i)->pending = 0;
    }

    for (i = 0; i < z->npendings; i++) {
        llm_zone_pending(z, i)->reserved[LLM_COUNT_COST] = 7;
        llm_zone_pending(z, i)->next = i;
        llm_zone_pending(z, i)->nsubjects = 7;
        llm_zone_pending(z, i)->id_len = 7;
    }
}


/* The world before an operation, and what it may be like after a kill. */

static void
prepare(const operation_t *op)
{
    llm_index_t   i;
    llm_clock_t   clock;

    munmap(z, SIZE);
    begin();
    soil();

    first = NULL;
    conclude = NULL;

    op->prepare();

    memcpy(states[BEFORE], z, SIZE);
    late = walls;
    pass(op->passes);

    op->act();
    memcpy(states[AFTER], z, SIZE);
    memcpy(z, states[BEFORE], SIZE);

    clock = walls;
    walls = late;
    op->act();
    walls = clock;
    memcpy(states[AFTER_LATE], z, SIZE);
    memcpy(z, states[BEFORE], SIZE);

    if (first) {
        first();
        memcpy(states[BETWEEN], z, SIZE);
        memcpy(states[BETWEEN_LATE], z, SIZE);
        memcpy(z, states[BEFORE], SIZE);
    }

    enter();

    for (i = 0; i < z->nsubjects; i++) {
        if (llm_zone_subject(z, i)->used) {
            llm_zone_roll(z, &walls, llm_zone_subject(z, i));
        }
    }

    llm_zone_leave(z);
    memcpy(states[ROLLED], z, SIZE);
    memcpy(z, states[BEFORE], SIZE);
}


/* A child that stands before its first instruction, or 0 where nobody may
   be traced. */

static pid_t
child(void (*act)(void))
{
    int    status;
    pid_t  pid;

    fflush(stdout);

    pid = fork();

    if (pid == 0) {

        if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) == -1) {
            _exit(1);
        }

        (void) raise(SIGSTOP);
        act();
        (void) raise(SIGSTOP);
        _exit(0);
    }

    if (pid == -1 || waitpid(pid, &status, 0) != pid) {
        perror("fork()");
        exit(1);
    }

    return WIFSTOPPED(status) ? pid : 0;
}


/* One instruction; 0 after the last one. */

static int
step(pid_t pid)
{
    int  status;

    if (ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) == -1
        || waitpid(pid, &status, 0) != pid
        || !WIFSTOPPED(status))
    {
        return 0;
    }

    return WSTOPSIG(status) == SIGTRAP;
}


static void
finally(pid_t pid)
{
    int  status;

    (void) kill(pid, SIGKILL);
    (void) waitpid(pid, &status, 0);
}


static int
time_left(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);

    return ts.tv_sec - begun.tv_sec < SECONDS;
}


/* Goes through an act, judging each new state of the memory once: the
   instructions between two stores leave the same one.  Gives the number of
   instructions. */

static unsigned
walk(const char *name, void (*act)(void), const llm_zone_t *end)
{
    int       bad;
    pid_t     pid;
    unsigned  n, seen;

    pid = child(act);

    memcpy(last, z, SIZE);
    memcpy(worst, z, SIZE);

    bad = !judge(last);
    seen = 1;

    for (n = 0; step(pid); n++) {

        if (memcmp(last, z, SIZE) != 0) {
            memcpy(last, z, SIZE);
            seen++;

            if (!judge(last) && bad++ == 0) {
                printf("# after %u instructions: %s\n", n, reason);
            }

            if (last->nundo > worst->nundo) {
                memcpy(worst, last, SIZE);
            }
        }

        if (n % 1024 == 0 && !time_left()) {
            printf("# no time for more instructions\n");
            end = NULL;
            break;
        }
    }

    finally(pid);

    is_int(bad, 0, "%s: %u states after %u instructions", name, seen, n);

    if (end) {
        ok(memcmp(z, end, SIZE) == 0, "%s: to its end", name);
    }

    return n;
}


static void
earnest(const operation_t *op, unsigned instructions)
{
    int       bad;
    pid_t     pid;
    unsigned  i, n, k;

    bad = 0;

    for (i = 0; i < KILLS; i++) {
        memcpy(z, states[BEFORE], SIZE);

        /* a far one takes as long as the whole walk */

        k = (i || !time_left()) ? NEAR : instructions;
        k = quota_rnd((k < instructions ? k : instructions) + 1);

        pid = child(op->act);

        for (n = 0; n < k && step(pid); n++) { /* void */ }

        finally(pid);

        if (!judge(z) && bad++ == 0) {
            printf("# killed after %u instructions: %s\n", n, reason);
        }
    }

    is_int(bad, 0, "%s: %u kills", op->name, i);
}


/* Killed at its worst, and then whoever repairs it is killed too. */

static void
walk_repair(const operation_t *op)
{
    char  name[128];

    (void) sprintf(name, "repair of: %s", op->name);

    ok(worst->nundo > 0, "%s: %u words to put back", name, worst->nundo);

    memcpy(z, worst, SIZE);
    (void) walk(name, act_repair, NULL);
}


static int
permitted(void)
{
    int    steps;
    pid_t  pid;

    pid = child(prepare_nothing);
    steps = (pid && step(pid) && step(pid));

    if (pid) {
        finally(pid);
    }

    return steps;
}


/* 0: this process may not trace another. */

static int
kill_begin(void)
{
    unsigned   i;
    cpu_set_t  cpu;

    if (!permitted()) {
        printf("1..0 # SKIP this process may not trace another\n");
        return 0;
    }

    /* on one processor parent and child take turns several times as fast */

    CPU_ZERO(&cpu);
    CPU_SET(sched_getcpu(), &cpu);
    (void) sched_setaffinity(0, sizeof(cpu_set_t), &cpu);

    clock_gettime(CLOCK_MONOTONIC, &begun);

    for (i = 0; i < STATES; i++) {
        states[i] = quota_memory(SIZE);
    }

    copy = quota_memory(SIZE);
    last = quota_memory(SIZE);
    worst = quota_memory(SIZE);

    begin();

    return 1;
}


static void
kill_all(const operation_t *operations, unsigned noperations)
{
    unsigned  i, n;

    for (i = 0; i < noperations; i++) {
        prepare(&operations[i]);

        n = walk(operations[i].name, operations[i].act, states[AFTER]);
        earnest(&operations[i], n);

        if (operations[i].repair && time_left()) {
            walk_repair(&operations[i]);
        }
    }
}


#endif /* _KILL_H_INCLUDED_ */
