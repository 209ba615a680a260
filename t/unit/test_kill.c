
/*
 * Copyright (C) the llm_quota authors
 */


#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "facts.h"
#include "llm_others.h"
#include "llm_outgrow.h"


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
   rolled or not, and as the repair's clock is on time or late. */

enum {
    BEFORE = 0,
    ROLLED,
    AFTER,
    AFTER_LATE,
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

static llm_row_t       wide, narrow;
static llm_ask_t       three, refused;
static llm_index_t     held, other;
static uint64_t        held_id;
static const char     *reason;
static unsigned        caught[REPAIRS];
static struct timespec begun;


/* What the operations do. */

static void
prepare_asks(void)
{
    quota_row(&wide, "rpm=100 tpm=100k requests=1000/hour tokens=1m/day "
                     "budget=1/month budget=2/day parallel=50");
    quota_row(&narrow, "rpm=1");

    quota_ask(&three, LLM_RESERVE_STRICT);
    quota_subject(z, &three, LLM_SUBJECT_GLOBAL, "", &wide, 0);
    quota_subject(z, &three, TEAM, "a", &wide, 1);
    quota_subject(z, &three, USER, "u", NULL, 1);

    three.amount[LLM_COUNT_INPUT] = 10;
    three.amount[LLM_COUNT_OUTPUT] = 20;
    three.amount[LLM_COUNT_COST] = 30;
    three.started = 123456;
    three.worker = 3;
    three.name[LLM_NAME_TEAM] = (u_char *) "a";
    three.len[LLM_NAME_TEAM] = 1;

    refused = three;
    refused.subjects[1].row = &narrow;
}


static void
act_admit(void)
{
    (void) admit(&three);
}


static void
act_refuse(void)
{
    (void) admit(&refused);
}


static void
act_settle(void)
{
    (void) settle(held, held_id, 5, 6, 7);
}


static void
act_release(void)
{
    release(held);
}


static void
act_merge(void)
{
    enter();
    llm_merge_settled(z, held, other);
    llm_zone_leave(z);
}


static void
act_outgrow(void)
{
    unsigned        i;
    llm_progress_t  p;
    llm_standing_t  s;

    memset(&p, 0, sizeof(llm_progress_t));

    p.reservation = held;
    p.id = held_id;
    p.nsubjects = three.nsubjects;
    p.reserve = LLM_RESERVE_ESTIMATE;

    for (i = 0; i < three.nsubjects; i++) {
        p.rows[i] = three.subjects[i].row;
    }

    p.used[LLM_COUNT_INPUT] = 9;
    p.used[LLM_COUNT_OUTPUT] = 50;
    p.used[LLM_COUNT_COST] = 60;

    enter();
    (void) llm_outgrow(z, &walls, &p, &s);
    llm_zone_leave(z);
}


static void
act_hear(void)
{
    const int64_t  others[LLM_COUNTS] = { 1, 2, 3, 4 };

    enter();
    llm_others_set(z, llm_zone_meter(z, 0), others);
    llm_zone_leave(z);
}


static void
act_leave(void)
{
    v.reservation = held;
    v.id = held_id;

    (void) settle_pending("resp_1");
}


static void
act_charge(void)
{
    (void) charge_pending(find_pending("resp_1"), held_id, 5, 6, 7);
}


static void
act_sweep(void)
{
    (void) sweep_pending();
}


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


static void
prepare_held(void)
{
    act_admit();
    act_admit();
    held = v.reservation;
    held_id = v.id;
    act_admit();
}


static void
prepare_settled(void)
{
    prepare_held();
    act_settle();
}


static void
prepare_two(void)
{
    prepare_settled();
    other = held;
    prepare_settled();
}


static void
prepare_left(void)
{
    prepare_held();
    act_leave();
    release(held);
}


/* A ring of records that were charged. */

static void
prepare_ring(void)
{
    char      name[16];
    uint32_t  n;

    for (n = 0; n < z->npendings; n++) {
        (void) sprintf(name, "%u", n);

        act_admit();
        (void) settle_pending(name);
        release(v.reservation);
        release(charge_pending(find_pending(name), v.id, 1, 1, 1));
    }

    prepare_held();
}


/* An hour and a day after, less what the operation says. */

static void
prepare_hour(void)
{
    prepare_left();
    pass(LLM_PENDING_HOLD - 1);
}


static void
prepare_day(void)
{
    prepare_hour();
    pass(1);
    act_sweep();
    pass(LLM_PENDING_KEEP - LLM_PENDING_HOLD - 1);
}


/* In the last seconds of a month. */

static void
prepare_month(void)
{
    pass(QUOTA_WALL - walls.wall - 2000);
    prepare_settled();
    pass(999);
    prepare_held();
    pass(1000);
}


static const operation_t  operations[] = {
    { "settle", prepare_held, act_settle, 0, 0 },
    { "settle, over a month's end", prepare_month, act_settle, 3, 1 },
    { "settle, a minute later", prepare_held, act_settle, 60500, 0 },
    { "outgrow", prepare_held, act_outgrow, 2100, 0 },
    { "hear of others", prepare_held, act_hear, 0, 0 },
    { "leave pending", prepare_held, act_leave, 0, 1 },
    { "leave pending, in another's place", prepare_ring, act_leave, 0, 0 },
    { "charge what is pending", prepare_left, act_charge, 2100, 0 },
    { "give back what is pending", prepare_hour, act_sweep, 1, 0 },
    { "charge what nobody asked for", prepare_day, act_sweep, 1, 0 },
    { "give back", prepare_settled, act_release, 0, 0 },
    { "merge", prepare_two, act_merge, 0, 0 },
    { "admit, all new", prepare_nothing, act_admit, 0, 1 },
    { "admit, over a month's end", prepare_month, act_admit, 3, 0 },
    { "admit, all known", prepare_held, act_admit, 2100, 0 },
    { "refuse, over a month's end", prepare_month, act_refuse, 3, 0 },
    { "refuse", prepare_held, act_refuse, 2100, 0 }
};

#define OPERATIONS  (sizeof(operations) / sizeof(operations[0]))


static const char *
differ_from(int state)
{
    const char  *error;

    error = differ_reservations(states[state]);

    if (error == NULL) {
        error = differ_pendings(states[state]);
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
    const char  *before, *after;

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

    before = differ_from(BEFORE);
    after = before ? differ_from(AFTER) : NULL;

    reason = after;

    return after == NULL;
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


int
main(void)
{
    unsigned   i, n;
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
    prepare_asks();

    for (i = 0; i < OPERATIONS; i++) {
        prepare(&operations[i]);

        n = walk(operations[i].name, operations[i].act, states[AFTER]);
        earnest(&operations[i], n);

        if (operations[i].repair && time_left()) {
            walk_repair(&operations[i]);
        }
    }

    /* what these tests are blind to they do not test */

    ok(caught[NO_REPAIR] > 100, "a zone that is not repaired is seen: %u",
       caught[NO_REPAIR]);
    ok(caught[NO_JOURNAL] > 100, "a repair without the journal: %u",
       caught[NO_JOURNAL]);
    ok(caught[NO_CHARGE] > 100, "a charge that is noted and forgotten: %u",
       caught[NO_CHARGE]);

    return tap_done();
}
