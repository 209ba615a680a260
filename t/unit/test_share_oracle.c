
/*
 * Copyright (C) the llm_quota authors
 */


#include "share.h"


/*
 * What is shared, against an oracle that knows requests only: who asked when,
 * in which class, what it was admitted for and what it was charged.  It walks
 * them all, and computes from them what each pair and class has used, who is
 * active and who is hungry; and then the share, as llm_share.h defines it.
 */

#define RUNS     24
#define STEPS    400
#define KEYS     6
#define CLASSES  3


typedef struct {
    uint64_t         at;                  /* ms */
    uint64_t         done;                /* 0: in flight */
    unsigned         key;
    unsigned         class;
    int64_t          held[LLM_COUNTS];
    int64_t          charged[LLM_COUNTS];
    llm_index_t      index;
    uint64_t         id;
} event_t;


/* What the last requests of a key have made of it. */

typedef struct {
    unsigned         class;
    uint64_t         asked;               /* seconds */
    uint64_t         hungry;              /* the last one, 0: it is not */
    int              greedy;
    int64_t          use[LLM_WINDOW_COUNTERS];
    uint64_t         since;
    unsigned         refusals;
    unsigned         before;
} state_t;


static const char   *keys[KEYS] = { "a", "b", "c", "d", "e", "f" };
static event_t       events[STEPS];
static unsigned      nevents;
static state_t       keyed[KEYS];
static share_class_t classes[CLASSES];
static llm_row_t     row;


static int
is_active(const state_t *k)
{
    return k->asked && k->asked + 60 >= now / 1000;
}


static int
is_hungry(const state_t *k)
{
    return k->hungry && k->hungry >= now / 1000;
}


static int64_t
amount(unsigned counter, const int64_t *counts)
{
    return counts[counter == LLM_WINDOW_INPUT ? LLM_COUNT_INPUT
                                              : LLM_COUNT_OUTPUT];
}


/* Of the last minute and in flight; key or class -1: all. */

static int64_t
used_of(unsigned counter, int key, int class)
{
    int64_t         n;
    unsigned        i;
    const event_t  *e;

    n = 0;

    for (i = 0; i < nevents; i++) {
        e = &events[i];

        if ((key != -1 && e->key != (unsigned) key)
            || (class != -1 && e->class != (unsigned) class))
        {
            continue;
        }

        if (counter == LLM_WINDOW_REQUESTS) {
            n += (e->at / 1000 + 60 >= now / 1000);

        } else if (e->done == 0) {
            n += amount(counter, e->held);

        } else if (e->done / 1000 + 60 >= now / 1000) {
            n += amount(counter, e->charged);
        }
    }

    return n;
}


static int64_t
used_rate(const llm_limit_t *limit, int key, int class)
{
    switch (limit->resource) {

    case LLM_RESOURCE_REQUESTS:
        return used_of(LLM_WINDOW_REQUESTS, key, class);

    case LLM_RESOURCE_INPUT:
        return used_of(LLM_WINDOW_INPUT, key, class);

    case LLM_RESOURCE_OUTPUT:
        return used_of(LLM_WINDOW_OUTPUT, key, class);

    default: /* LLM_RESOURCE_TOKENS */
        return used_of(LLM_WINDOW_INPUT, key, class)
               + used_of(LLM_WINDOW_OUTPUT, key, class);
    }
}


static int64_t
use_of(const llm_limit_t *limit, const state_t *k)
{
    switch (limit->resource) {

    case LLM_RESOURCE_REQUESTS:
        return k->use[LLM_WINDOW_REQUESTS];

    case LLM_RESOURCE_INPUT:
        return k->use[LLM_WINDOW_INPUT];

    case LLM_RESOURCE_OUTPUT:
        return k->use[LLM_WINDOW_OUTPUT];

    default: /* LLM_RESOURCE_TOKENS */
        return k->use[LLM_WINDOW_INPUT] + k->use[LLM_WINDOW_OUTPUT];
    }
}


static int64_t
least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}


static int64_t
most(int64_t a, int64_t b)
{
    return a < b ? b : a;
}


/* Gives how much is left for the key of one rate; *level: of its share. */

static int64_t
oracle(const llm_limit_t *limit, unsigned key, unsigned class,
    int64_t *level, unsigned *active)
{
    int         greedy, wanting;
    int64_t     whole, has[CLASSES], unused, lent, kept, wanted, own, mine;
    int64_t     content, room, all;
    unsigned    i, k, hungry;

    whole = limit->amount;
    has[0] = whole;

    for (i = 1; i < CLASSES; i++) {
        has[i] = whole * classes[i].percent / 100;
        has[0] -= has[i];
    }

    lent = 0;
    kept = 0;
    wanted = 0;
    wanting = 1;

    for (i = 0; i < CLASSES; i++) {

        if (i == class) {
            continue;
        }

        greedy = 0;

        for (k = 0; k < KEYS; k++) {
            greedy |= (keyed[k].class == i && is_hungry(&keyed[k])
                       && keyed[k].greedy);
        }

        wanting += greedy;
        unused = has[i] - used_rate(limit, -1, i);

        if (unused > 0 && !classes[i].lend) {
            kept += unused;

        } else if (!greedy) {
            lent += unused;

        } else {
            wanted += most(unused, 0);
        }
    }

    all = used_rate(limit, -1, -1);
    own = used_rate(limit, key, -1);
    mine = used_rate(limit, -1, class);

    *active = 1;
    hungry = 1;
    content = mine - own;

    for (k = 0; k < KEYS; k++) {

        if (k == key || keyed[k].class != class) {
            continue;
        }

        *active += is_active(&keyed[k]);

        if (is_hungry(&keyed[k])) {
            hungry += keyed[k].greedy;
            content -= use_of(limit, &keyed[k]);
        }
    }

    *active = most(*active, hungry);
    unused = has[class] + most(lent, 0) / wanting;

    *level = 0;

    if (unused > 0) {
        *level = (unused + *active - 1) / *active;
        content = unused - most(content, 0);

        if (content > 0) {
            *level = most(*level, (content + hungry - 1) / hungry);
        }
    }

    room = most(has[class] - mine, whole - kept - wanted - all);
    room = least(room, unused - mine);
    room = least(room, whole - kept - all);

    return least(room, *level - own);
}


/* What a request makes of its key. */

static void
oracle_ask(unsigned key, unsigned class, int refused, int modest,
    const int64_t *amounts)
{
    int64_t   need;
    state_t  *k;
    uint64_t  second;
    unsigned  n;

    k = &keyed[key];
    second = now / 1000;

    if (!is_active(k)) {
        k->since = second;
        k->refusals = 0;
        k->before = 1000000;

    } else if (second - k->since > 60) {
        k->since = second;
        k->before = k->refusals;
        k->refusals = 0;
    }

    if (refused) {
        k->refusals++;
        k->hungry = second + 65;

    } else if (!is_hungry(k)) {
        k->hungry = 0;
    }

    k->asked = second;
    k->class = class;
    k->greedy = !modest
                || most(k->before, k->refusals)
                   > used_of(LLM_WINDOW_REQUESTS, key, -1);

    for (n = 0; n < LLM_WINDOW_COUNTERS; n++) {
        k->use[n] = used_of(n, key, -1);

        if (!k->greedy) {
            need = (n == LLM_WINDOW_REQUESTS) ? 1 : amount(n, amounts);
            k->use[n] = -(k->use[n] + need);
        }
    }
}


static void
settle_one(void)
{
    unsigned  n, i;
    event_t  *e;

    n = 0;

    for (i = 0; i < nevents; i++) {
        n += (events[i].done == 0);
    }

    if (n == 0) {
        return;
    }

    n = quota_rnd(n);

    for (i = 0; events[i].done || n--; i++) { /* void */ }

    e = &events[i];
    e->charged[LLM_COUNT_INPUT] = quota_rnd(9);
    e->charged[LLM_COUNT_OUTPUT] = quota_rnd(9);
    e->done = now;

    settle(e->index, e->id, e->charged[LLM_COUNT_INPUT],
           e->charged[LLM_COUNT_OUTPUT], 0);
    release(e->index);
}


static int
nothing_is_held(void)
{
    unsigned  i;

    for (i = 0; i < nevents; i++) {
        if (events[i].done == 0) {
            return 0;
        }
    }

    return 1;
}


/* Whether what was refused passes when it was told to come again, if nothing
   else does. */

static int
passes_later(const llm_ask_t *ask)
{
    int            passes;
    uint64_t       then;
    llm_zone_t    *here;
    llm_clock_t    clock;
    llm_verdict_t  told;

    here = z;
    then = now;
    clock = walls;
    told = v;

    z = quota_memory(SIZE);
    memcpy(z, here, SIZE);

    pass(told.retry);
    passes = (admit(ask) == LLM_ADMITTED);

    munmap(z, SIZE);

    z = here;
    now = then;
    walls = clock;
    v = told;

    return passes;
}


typedef struct {
    int  admitted;
    int  refused;
    int  wrong;
    int  modest;
    int  told;                            /* when to come again */
    int  vain;
} tally_t;


static void
run(tally_t *tally)
{
    int              refused, modest;
    char             text[128];
    int64_t          available, level, needs, least_left;
    event_t         *e;
    unsigned         i, n, key, class, active, told;
    llm_ask_t        ask;
    llm_reserve_e    reserve;

    begin();
    nevents = 0;
    memset(keyed, 0, sizeof(keyed));

    (void) sprintf(text, "rpm=%u tpm=%u %s share=key",
                   10 + (unsigned) quota_rnd(50),
                   60 + (unsigned) quota_rnd(600),
                   quota_rnd(2) ? "itpm=150" : "otpm=180");
    quota_row(&row, text);

    classes[0].name = "";
    classes[0].lend = 1;
    classes[1].name = "prod";
    classes[1].percent = quota_rnd(80);
    classes[1].lend = quota_rnd(2);
    classes[2].name = "dev";
    classes[2].percent = quota_rnd(20);
    classes[2].lend = quota_rnd(2);

    share_set(classes, CLASSES);

    reserve = quota_rnd(2) ? LLM_RESERVE_STRICT : LLM_RESERVE_ESTIMATE;

    for (n = 0; n < STEPS; n++) {

        if (quota_rnd(5) < 2 || z->reservations_left < 2) {
            settle_one();
        }

        /* some ask often, others now and then, few in another class */

        key = quota_rnd(quota_rnd(5) ? 3 : KEYS);
        class = quota_rnd(50) ? key / 2 : quota_rnd(CLASSES);

        share_ask(&ask, reserve, &row, keys[key], class, quota_rnd(9),
                  quota_rnd(9));

        refused = 0;
        modest = 1;
        told = 0;
        least_left = 0;

        for (i = 0; i < row.nlimits; i++) {
            available = oracle(&row.limits[i], key, class, &level, &active);
            needs = 1;

            if (reserve == LLM_RESERVE_STRICT
                && row.limits[i].resource != LLM_RESOURCE_REQUESTS)
            {
                needs = 0;

                if (row.limits[i].resource != LLM_RESOURCE_OUTPUT) {
                    needs += ask.amount[LLM_COUNT_INPUT];
                }

                if (row.limits[i].resource != LLM_RESOURCE_INPUT) {
                    needs += ask.amount[LLM_COUNT_OUTPUT];
                }
            }

            modest &= (used_rate(&row.limits[i], key, -1)
                       < (level - needs) / 2);

            if (available < needs) {

                if (!refused) {
                    told = active;
                    least_left = available;
                }

                refused = 1;
            }
        }

        admit(&ask);

        tally->wrong += (v.decision != (refused ? LLM_REFUSED
                                                : LLM_ADMITTED));

        if (v.decision == LLM_REFUSED) {
            tally->refused++;
            tally->wrong += (v.refusal.active != told
                             || (least_left >= 0
                                 && v.refusal.amount - v.refusal.used
                                    != least_left));

            if (v.retry != INT64_MAX && nothing_is_held()
                && quota_rnd(8) == 0)
            {
                tally->told++;
                tally->vain += !passes_later(&ask);
            }

        } else if (v.decision == LLM_ADMITTED) {
            tally->admitted++;

            e = &events[nevents++];
            memset(e, 0, sizeof(event_t));

            e->at = now;
            e->key = key;
            e->class = class;
            e->index = v.reservation;
            e->id = v.id;
            memcpy(e->held, ask.amount, sizeof(e->held));
        }

        oracle_ask(key, class, refused, modest, ask.amount);

        tally->modest += (is_hungry(&keyed[key]) && !keyed[key].greedy);

        switch (quota_rnd(8)) {

        case 0:
            pass(1000 - now % 1000 - quota_rnd(2));
            break;

        case 1:
            pass(quota_rnd(8000));
            break;

        case 2:
            pass(quota_rnd(10) ? quota_rnd(3000) : 59000 + quota_rnd(8000));
            break;

        default:
            pass(quota_rnd(700));
            break;
        }
    }
}


int
main(void)
{
    int          i, runs, unsound;
    tally_t      tally;
    const char  *error;

    memset(&tally, 0, sizeof(tally_t));
    runs = quota_runs(RUNS);
    unsound = 0;

    for (i = 0; i < runs; i++) {
        run(&tally);

        error = quota_check(z);
        unsound += (error != NULL);

        munmap(z, SIZE);
    }

    ok(tally.admitted > runs * STEPS / 8 && tally.refused > runs * STEPS / 8
       && tally.modest > runs / 2,
       "%d admitted, %d refused, %d of the modest", tally.admitted,
       tally.refused, tally.modest);
    is_int(tally.wrong, 0, "each as the list of all requests says");
    is_int(tally.vain, 0, "of %d who come again when told to all pass",
           tally.told);
    is_int(unsound, 0, "the zone is sound");

    return tap_done();
}
