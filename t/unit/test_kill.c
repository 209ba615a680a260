
/*
 * Copyright (C) the llm_quota authors
 */


#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "world.h"


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
#define KILLS    40


typedef struct {
    const char      *name;
    void           (*prepare)(void);      /* before the child is made */
    void           (*act)(void);          /* in the child */
    int64_t          passes;              /* ms between the two */
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
static llm_zone_t     *copy;              /* that is repaired */
static llm_zone_t     *last;              /* the newest state seen */
static llm_zone_t     *worst;             /* the one with most to undo */
static llm_clock_t     late;

static llm_row_t       wide, narrow;
static llm_index_t     held;
static uint64_t        held_id;
static const char     *reason;
static unsigned        caught[REPAIRS];
static struct timespec begun;


/* What the operations do. */

static void
ask_of_three(llm_ask_t *ask)
{
    quota_ask(ask, LLM_RESERVE_STRICT);
    quota_subject(z, ask, LLM_SUBJECT_GLOBAL, "", &wide, 0);
    quota_subject(z, ask, TEAM, "a", &wide, 1);
    quota_subject(z, ask, USER, "u", NULL, 1);

    ask->amount[LLM_COUNT_INPUT] = 10;
    ask->amount[LLM_COUNT_OUTPUT] = 20;
    ask->amount[LLM_COUNT_COST] = 30;
    ask->started = 123456;
    ask->worker = 3;
    ask->name[LLM_NAME_TEAM] = (u_char *) "a";
    ask->len[LLM_NAME_TEAM] = 1;
}


static void
act_admit(void)
{
    llm_ask_t  ask;

    ask_of_three(&ask);

    (void) admit(&ask);
}


static void
act_refuse(void)
{
    llm_ask_t  ask;

    ask_of_three(&ask);
    ask.subjects[1].row = &narrow;

    (void) admit(&ask);
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
    { "admit, all new", prepare_nothing, act_admit, 0 },
    { "admit, all known", prepare_held, act_admit, 2100 },
    { "admit, over a month's end", prepare_month, act_admit, 3 },
    { "refuse", prepare_held, act_refuse, 2100 },
    { "refuse, over a month's end", prepare_month, act_refuse, 3 },
    { "settle", prepare_held, act_settle, 0 },
    { "settle, a minute later", prepare_held, act_settle, 60500 },
    { "settle, over a month's end", prepare_month, act_settle, 3 },
    { "give back", prepare_settled, act_release, 0 }
};

#define OPERATIONS  (sizeof(operations) / sizeof(operations[0]))


/* The facts. */

static int
same_window(const llm_zone_t *one, const llm_minute_t *a, const llm_minute_t *b)
{
    llm_window_t  w, x;

    llm_window_init(&w, one->now / 1000);
    x = w;

    if (a) {
        w = a->window;
        llm_window_roll(&w, one->now / 1000);
    }

    if (b) {
        x = b->window;
        llm_window_roll(&x, one->now / 1000);
    }

    /* a bucket's place is its second: rings that stand alike are alike */

    return memcmp(&w, &x, sizeof(llm_window_t)) == 0;
}


static int
same_meter(const llm_meter_t *a, const llm_meter_t *b)
{
    static const int64_t  zeros[LLM_COUNTS];

    if (a && b) {
        return a->start == b->start && a->end == b->end
               && memcmp(a->settled, b->settled, sizeof(zeros)) == 0;
    }

    /* one that nothing was counted in is as good as none */

    if (a == NULL) {
        a = b;
    }

    return a == NULL || memcmp(a->settled, zeros, sizeof(zeros)) == 0;
}


static llm_subject_t *
subject_in(llm_zone_t *in, const llm_subject_t *s)
{
    llm_index_t         i;
    llm_subject_key_t   key;

    (void) llm_zone_key(in, &key, s->type, s->name, s->len, NULL, 0);

    i = llm_zone_find(in, &key);

    return (i == LLM_NONE) ? NULL : llm_zone_subject(in, i);
}


static llm_meter_t *
meter_in(llm_zone_t *in, llm_subject_t *s, llm_period_t period)
{
    return s ? llm_zone_find_meter(in, s, period) : NULL;
}


static llm_minute_t *
minute_in(llm_zone_t *in, llm_subject_t *s)
{
    return (s && s->minute != LLM_NONE) ? llm_zone_minute(in, s->minute)
                                        : NULL;
}


/* Whether the copy's meters and windows are those of one state or, each
   period for itself, the other; as seen from the subjects of from. */

static const char *
differ(llm_zone_t *from, llm_zone_t *one, llm_zone_t *other)
{
    llm_index_t     i, k;
    llm_period_t    period;
    llm_subject_t  *s, *a, *b, *c;

    for (i = 0; i < from->nsubjects; i++) {
        s = llm_zone_subject(from, i);

        if (!s->used) {
            continue;
        }

        a = subject_in(copy, s);
        b = subject_in(one, s);
        c = subject_in(other, s);

        if (!same_window(copy, minute_in(copy, a), minute_in(one, b))) {
            return "a window";
        }

        for (k = s->meters; k != LLM_NONE; k = llm_zone_meter(from, k)->next)
        {
            period = llm_zone_meter(from, k)->period;

            if (!same_meter(meter_in(copy, a, period),
                            meter_in(one, b, period))
                && !same_meter(meter_in(copy, a, period),
                               meter_in(other, c, period)))
            {
                return "a meter";
            }
        }
    }

    return NULL;
}


static const char *
differ_reservations(llm_zone_t *from)
{
    llm_index_t         i;
    llm_reservation_t  *a, *b;

    for (i = 0; i < from->nreservations; i++) {
        a = llm_zone_reservation(copy, i);
        b = llm_zone_reservation(from, i);

        if (a->state != b->state) {
            return "a reservation's state";
        }

        if (a->state == LLM_RESERVATION_FREE) {
            continue;
        }

        if (a->id != b->id || a->worker != b->worker
            || a->generation != b->generation || a->started != b->started
            || a->nsubjects != b->nsubjects
            || memcmp(a->reserved, b->reserved, sizeof(a->reserved)) != 0
            || memcmp(a->expected, b->expected, sizeof(a->expected)) != 0
            || memcmp(a->subjects, b->subjects,
                      a->nsubjects * sizeof(llm_index_t)) != 0
            || memcmp(a->len, b->len, sizeof(a->len)) != 0
            || memcmp(a->text, b->text, a->len[0]) != 0
            || (a->state == LLM_RESERVATION_SETTLED
                && memcmp(&a->settlement, &b->settlement,
                          sizeof(llm_settlement_t)) != 0))
        {
            return "a reservation";
        }
    }

    return NULL;
}


static const char *
differ_from(int state)
{
    const char  *error;

    error = differ_reservations(states[state]);

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


int
main(void)
{
    return 0;
}
