
/*
 * Copyright (C) the llm_quota authors
 */


#include <pthread.h>
#include <signal.h>
#include <unistd.h>
#include <sys/wait.h>

#include "world.h"


/*
 * Admission against the plainest oracle there is: the list of all requests
 * that were admitted, with what they hold and what they were charged.  It
 * knows no buckets, no sums and no meters.
 */

#define RUNS       60
#define STEPS      500
#define SUBJECTS   9
#define PLACES     2
#define MINUTE     60000

#define PROCESSES  40
#define ROUNDS     50


typedef struct {
    uint64_t         at;                  /* when it was admitted, ms */
    uint64_t         done;                /* when it settled, 0: in flight */
    int64_t          reserved[LLM_COUNTS];
    int64_t          bound[LLM_COUNTS];
    int64_t          charged[LLM_COUNTS];
    unsigned         subjects;            /* a mask */
    llm_index_t      index;
    uint64_t         id;
} event_t;


typedef struct {
    const char      *text;
    int64_t          most;
} template_t;


static const template_t  templates[] = {
    { "rpm=%lld ", 15 },
    { "tpm=%lld ", 80 },
    { "itpm=%lld ", 60 },
    { "otpm=%lld ", 60 },
    { "parallel=%lld ", 6 },
    { "requests=%lld/hour ", 60 },
    { "tokens=%lld/5m ", 150 },
    { "input_tokens=%lld/day ", 3000 },
    { "output_tokens=%lld/hour ", 500 },
    { "budget=0.%09lld/5m ", 200 },
    { "budget=0.%09lld/day ", 3000 },
    { "budget=0.%09lld ", 20000 }
};

#define TEMPLATES  (sizeof(templates) / sizeof(templates[0]))


/* one name of several types: they are told apart */

static const char  *names[SUBJECTS] = {
    "", "a", "b", "u", "v", "w", "u", "u", "u"
};

static const llm_subject_type_e  types[SUBJECTS] = {
    LLM_SUBJECT_GLOBAL, TEAM, TEAM, USER, USER, USER,
    LLM_SUBJECT_MODEL, LLM_SUBJECT_TEAM_MODEL, LLM_SUBJECT_TEAM_USER
};

static event_t      events[STEPS];
static unsigned     nevents;
static int64_t      offset;               /* of the wall from our time */
static llm_row_t    rows[PLACES][SUBJECTS];


/* At all places the same limits, each place with amounts of its own. */

static void
draw_rows(void)
{
    char      text[TEMPLATES * 64];
    size_t    n;
    unsigned  i, p, t, drawn;

    for (i = 0; i < SUBJECTS; i++) {
        drawn = (1U << quota_rnd(TEMPLATES)) | (1U << quota_rnd(TEMPLATES));

        for (p = 0; p < PLACES; p++) {
            n = 0;

            for (t = 0; t < TEMPLATES; t++) {
                if (drawn & (1U << t)) {
                    n += sprintf(text + n, templates[t].text, (long long)
                                 (templates[t].most / 3 + 1
                                  + quota_rnd(templates[t].most)));
                }
            }

            quota_row(&rows[p][i], text);
        }
    }
}


static int64_t
sum(llm_resource_e resource, const int64_t *counts)
{
    switch (resource) {

    case LLM_RESOURCE_INPUT:
        return counts[LLM_COUNT_INPUT];

    case LLM_RESOURCE_OUTPUT:
        return counts[LLM_COUNT_OUTPUT];

    case LLM_RESOURCE_COST:
        return counts[LLM_COUNT_COST];

    default: /* LLM_RESOURCE_TOKENS */
        return counts[LLM_COUNT_INPUT] + counts[LLM_COUNT_OUTPUT];
    }
}


/* Whether what happened then still counts toward a limit. */

static int
counts(const llm_limit_t *limit, uint64_t then)
{
    int64_t  length;

    if (limit->minute) {
        return then / 1000 + 60 >= now / 1000;
    }

    if (limit->period == 0) {
        return 1;
    }

    length = LLM_PERIOD_N(limit->period) * 1000;

    if (LLM_PERIOD_KIND(limit->period) == LLM_PERIOD_DAYS) {
        length *= 86400;
    }

    return ((int64_t) then + offset) / length
           == ((int64_t) now + offset) / length;
}


static int64_t
oracle_used(unsigned subject, const llm_limit_t *limit, int reserved)
{
    int64_t         n;
    unsigned        i;
    const event_t  *e;

    n = 0;

    for (i = 0; i < nevents; i++) {
        e = &events[i];

        if (!(e->subjects & (1U << subject))) {
            continue;
        }

        if (limit->resource == LLM_RESOURCE_PARALLEL) {
            n += (e->done == 0);

        } else if (limit->resource == LLM_RESOURCE_REQUESTS) {
            n += counts(limit, e->at);

        } else if (e->done == 0) {
            n += reserved ? sum(limit->resource, e->reserved) : 0;

        } else if (counts(limit, e->done)) {
            n += sum(limit->resource, e->charged);
        }
    }

    return n;
}


static llm_decision_e
oracle(const llm_row_t *place, unsigned subjects, llm_reserve_e reserve,
    const int64_t *amount)
{
    int64_t             needs, is;
    unsigned            i, n;
    llm_decision_e      decision;
    const llm_limit_t  *limit;

    decision = LLM_ADMITTED;

    for (i = 0; i < SUBJECTS; i++) {
        for (n = 0; (subjects & (1U << i)) && n < place[i].nlimits; n++) {
            limit = &place[i].limits[n];
            is = oracle_used(i, limit, reserve != LLM_RESERVE_OFF);

            if (limit->resource == LLM_RESOURCE_REQUESTS
                || limit->resource == LLM_RESOURCE_PARALLEL
                || reserve != LLM_RESERVE_STRICT)
            {
                if (is >= limit->amount) {
                    decision = LLM_REFUSED;
                }

                continue;
            }

            needs = sum(limit->resource, amount);

            if (needs > limit->amount) {
                return LLM_TOO_LARGE;
            }

            if (is + needs > limit->amount) {
                decision = LLM_REFUSED;
            }
        }
    }

    return decision;
}


/* In any 60 seconds, the last of which end now, no more than the limit. */

static int
rate_is_kept(unsigned subject, const llm_limit_t *limit)
{
    int64_t   n;
    unsigned  i;

    n = 0;

    for (i = 0; i < nevents; i++) {
        n += (events[i].subjects & (1U << subject))
             && events[i].at + MINUTE >= now;
    }

    return n <= limit->amount;
}


/* Strict: what was charged in any 60 seconds, or in a period, and what is
   held are no more than the limit, as long as charges keep to bounds. */

static int
strict_is_kept(unsigned subject, const llm_limit_t *limit)
{
    int64_t         n;
    unsigned        i;
    const event_t  *e;

    n = 0;

    for (i = 0; i < nevents; i++) {
        e = &events[i];

        if (!(e->subjects & (1U << subject))) {
            continue;
        }

        if (e->done == 0) {
            n += sum(limit->resource, e->bound);

        } else if (limit->minute ? e->done + MINUTE >= now
                                 : counts(limit, e->done))
        {
            n += sum(limit->resource, e->charged);
        }
    }

    return n <= limit->amount;
}


static int
settle_one(int bounded)
{
    int         n;
    int64_t     most;
    unsigned    i, k;
    event_t    *e;

    n = 0;

    for (i = 0; i < nevents; i++) {
        n += (events[i].done == 0);
    }

    if (n == 0) {
        return 1;
    }

    n = quota_rnd(n);

    for (i = 0; events[i].done || n--; i++) { /* void */ }

    e = &events[i];

    for (k = LLM_COUNT_INPUT; k < LLM_COUNTS; k++) {
        most = e->bound[k] + (bounded ? 0 : 5);
        e->charged[k] = quota_rnd(most + 1);
    }

    e->done = now;

    n = settle(e->index, e->id, e->charged[LLM_COUNT_INPUT],
               e->charged[LLM_COUNT_OUTPUT], e->charged[LLM_COUNT_COST]);
    n += !settle(e->index, e->id, 1, 1, 1);

    if (quota_rnd(8)) {
        release(e->index);
    }

    /* what was not given back stays, settled, until the zone is full */

    return n == 2;
}


typedef struct {
    int    admitted;
    int    refused;
    int    wrong;                         /* other than the oracle says */
    int    rates;                         /* passed */
    int    limits;                        /* passed, strict */
    int    settlements;                   /* lost */
} tally_t;


/* strict: every request of the run, with charges within their bounds. */

static void
run(int strict, tally_t *tally)
{
    unsigned            i, n, k, place, subjects;
    llm_ask_t           ask;
    event_t            *e;
    llm_decision_e      expected;
    const llm_limit_t  *limit;

    munmap(z, SIZE);
    begin();
    offset = walls.wall - (int64_t) now;
    nevents = 0;
    draw_rows();

    for (n = 0; n < STEPS; n++) {

        if (nevents && quota_rnd(5) < 2) {
            tally->settlements += !settle_one(strict);

        } else {
            place = strict ? 0 : quota_rnd(PLACES);
            subjects = 1U << (1 + quota_rnd(2));
            subjects |= (quota_rnd(2) ? 1 : 0);
            subjects |= (quota_rnd(3) ? 1U << (3 + quota_rnd(3)) : 0);
            subjects |= (quota_rnd(2) ? quota_rnd(8) << 6 : 0);

            quota_ask(&ask, strict ? LLM_RESERVE_STRICT : quota_rnd(3));

            for (i = 0; i < SUBJECTS; i++) {
                if (subjects & (1U << i)) {
                    quota_subject(z, &ask, types[i], names[i],
                                  &rows[place][i], quota_rnd(2));
                }
            }

            for (k = LLM_COUNT_INPUT; k < LLM_COUNTS; k++) {
                ask.amount[k] = quota_rnd(quota_rnd(20) ? 12 : 120);
            }

            expected = oracle(rows[place], subjects, ask.reserve, ask.amount);
            tally->wrong += (admit(&ask) != expected);

            if (v.decision == LLM_ADMITTED) {
                tally->admitted++;

                e = &events[nevents++];
                memset(e, 0, sizeof(event_t));

                e->at = now;
                e->subjects = subjects;
                e->index = v.reservation;
                e->id = v.id;
                memcpy(e->bound, ask.amount, sizeof(e->bound));

                if (ask.reserve != LLM_RESERVE_OFF) {
                    memcpy(e->reserved, ask.amount, sizeof(e->reserved));
                }

            } else {
                tally->refused++;
                subjects = 0;
            }

            for (i = 0; i < SUBJECTS; i++) {
                for (k = 0; k < rows[place][i].nlimits; k++) {
                    limit = &rows[place][i].limits[k];

                    if (limit->minute
                        && limit->resource == LLM_RESOURCE_REQUESTS
                        && (subjects & (1U << i)))
                    {
                        tally->rates += !rate_is_kept(i, limit);
                    }
                }
            }
        }

        for (i = 0; strict && i < SUBJECTS; i++) {
            for (k = 0; k < rows[0][i].nlimits; k++) {
                limit = &rows[0][i].limits[k];

                if (limit->resource != LLM_RESOURCE_REQUESTS
                    && limit->resource != LLM_RESOURCE_PARALLEL)
                {
                    tally->limits += !strict_is_kept(i, limit);
                }
            }
        }

        /* settled, never given back: the zone must not be full */

        if (z->reservations_left < 3) {
            for (i = 0; i < z->nreservations; i++) {
                release(i);
            }

            while (z->reservations_left < 3) {
                tally->settlements += !settle_one(strict);

                for (i = 0; i < z->nreservations; i++) {
                    release(i);
                }
            }
        }

        switch (quota_rnd(8)) {

        case 0:
            pass(1000 - now % 1000 - quota_rnd(2));
            break;

        case 1:
            pass(quota_rnd(62000));
            break;

        case 2:
            pass(quota_rnd(20) ? 60999 + quota_rnd(3) : quota_rnd(QUOTA_DAY));
            break;

        case 3:
            pass(quota_rnd(5000));
            break;

        default:
            pass(quota_rnd(300));
            break;
        }
    }
}


static void
test_oracle(int strict)
{
    int          i, runs, unsound;
    tally_t      tally;
    const char  *error;

    memset(&tally, 0, sizeof(tally_t));
    runs = quota_runs(RUNS);
    unsound = 0;

    for (i = 0; i < runs; i++) {
        run(strict, &tally);

        error = quota_check(z);
        unsound += (error != NULL);
    }

    ok(tally.admitted > runs * STEPS / 8 && tally.refused > runs * STEPS / 8,
       "%s: %d admitted, %d refused", strict ? "strict" : "all modes",
       tally.admitted, tally.refused);
    is_int(tally.wrong, 0, "each as the list of all requests says");
    is_int(tally.rates, 0, "in no 60 seconds more than the limit");
    is_int(tally.limits, 0, "settled and held within the limit");
    is_int(tally.settlements, 0, "each settled once");
    is_int(unsound, 0, "the zone is sound");
}


/*
 * Forty processes at the same limit.  A plain mutex stands for nginx's: what
 * is tested is that what is under it is all there is.
 */

typedef struct {
    pthread_mutex_t    mutex;
    pthread_barrier_t  barrier;
    llm_row_t          row;
    llm_ask_t          ask;
    uint32_t           asks;              /* processes that take part */
    uint32_t           admitted;
    uint32_t           settled;
} arena_t;


static void
contend(arena_t *arena, uint32_t me)
{
    int          i;
    llm_clock_t  clock;

    quota_clock(&clock, walls.wall);

    for (i = 0; i < ROUNDS; i++) {
        (void) pthread_barrier_wait(&arena->barrier);

        if (me < arena->asks) {
            pthread_mutex_lock(&arena->mutex);
            (void) llm_zone_enter(z, (int32_t) me + 1, now);

            llm_admit(z, &clock, &arena->ask, &v);
            arena->admitted += (v.decision == LLM_ADMITTED);

            llm_zone_leave(z);
            pthread_mutex_unlock(&arena->mutex);
        }

        (void) pthread_barrier_wait(&arena->barrier);
    }
}


static void
test_processes(const char *limits, llm_reserve_e reserve, uint32_t asks,
    uint32_t expected)
{
    int                     i, exact, sound, status;
    pid_t                   pids[PROCESSES];
    u_char                 *fresh;
    arena_t                *arena;
    pthread_mutexattr_t     ma;
    pthread_barrierattr_t   ba;

    munmap(z, SIZE);
    begin();

    arena = quota_memory(sizeof(arena_t));
    fresh = malloc(SIZE);

    if (fresh == NULL) {
        exit(1);
    }

    memcpy(fresh, z, SIZE);

    pthread_mutexattr_init(&ma);
    pthread_mutexattr_setpshared(&ma, PTHREAD_PROCESS_SHARED);
    pthread_mutex_init(&arena->mutex, &ma);
    pthread_barrierattr_init(&ba);
    pthread_barrierattr_setpshared(&ba, PTHREAD_PROCESS_SHARED);
    pthread_barrier_init(&arena->barrier, &ba, PROCESSES + 1);

    quota_row(&arena->row, limits);
    team(&arena->ask, reserve, &arena->row, 10, 10, USD);
    arena->asks = asks;

    fflush(stdout);

    for (i = 0; i < PROCESSES; i++) {
        pids[i] = fork();

        if (pids[i] == -1) {
            perror("fork()");
            exit(1);
        }

        if (pids[i] == 0) {
            alarm(120);
            contend(arena, i);
            _exit(0);
        }
    }

    /* a child that dies would leave the others at the barrier */

    alarm(120);

    exact = 0;
    sound = 0;

    for (i = 0; i < ROUNDS; i++) {
        memcpy(z, fresh, SIZE);
        arena->admitted = 0;

        (void) pthread_barrier_wait(&arena->barrier);
        (void) pthread_barrier_wait(&arena->barrier);

        exact += (arena->admitted == expected
                  && z->nreservations - z->reservations_left == expected);
        sound += (quota_check(z) == NULL);
    }

    alarm(0);

    for (i = 0; i < PROCESSES; i++) {
        (void) waitpid(pids[i], &status, 0);
        exact -= (status != 0);
    }

    is_int(exact, ROUNDS, "%s (%d): %u of %u processes, each time", limits,
           reserve, expected, asks);
    is_int(sound, ROUNDS, "and the zone is sound");

    free(fresh);
    munmap(arena, sizeof(arena_t));
}


int
main(void)
{
    begin();

    test_oracle(0);
    test_oracle(1);

    test_processes("rpm=20", LLM_RESERVE_ESTIMATE, PROCESSES, 20);
    test_processes("rpm=20 tpm=10k", LLM_RESERVE_STRICT, PROCESSES, 20);
    test_processes("budget=3", LLM_RESERVE_ESTIMATE, 30, 3);
    test_processes("budget=3/month", LLM_RESERVE_STRICT, 30, 3);
    test_processes("parallel=7", LLM_RESERVE_OFF, PROCESSES, 7);

    finish();

    return tap_done();
}
