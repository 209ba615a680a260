
/*
 * Copyright (C) the llm_quota authors
 */


#include "share.h"


/*
 * A model that is shared: what each of its teams or keys may use, and how that
 * moves between them while they come and go.
 */

#define ESTIMATE  LLM_RESERVE_ESTIMATE
#define STRICT    LLM_RESERVE_STRICT
#define OFF       LLM_RESERVE_OFF

#define KEYS      12


static const share_class_t  one[] = { { "", 100, 1 } };

static llm_row_t  row;
static llm_ask_t  ask;


/* One request, settled as soon as it is admitted. */

static llm_decision_e
use(const char *key, unsigned class, int64_t input, int64_t output)
{
    llm_decision_e  decision;

    share_ask(&ask, ESTIMATE, &row, key, class, input, output);
    decision = admit(&ask);

    if (decision == LLM_ADMITTED) {
        settle(v.reservation, v.id, input, output, 0);
        release(v.reservation);
    }

    return decision;
}


static void
start(const char *limits, const share_class_t *classes, unsigned n)
{
    begin();
    quota_row(&row, limits);
    share_set(classes, n);
}


/* Whether the last one was refused with so much available, left of the
   model's, and so many active. */

static int
refused(int64_t available, int64_t left, uint32_t active)
{
    return v.decision == LLM_REFUSED
           && v.refusal.amount - v.refusal.used == available
           && v.refusal.left == left
           && v.refusal.active == active;
}


static void
test_examples(void)
{
    static const share_class_t  prod[] = {
        { "", 0, 1 }, { "prod", 100, 0 }, { "dev", 0, 0 }
    };

    static const share_class_t  lend[] = {
        { "", 0, 1 }, { "prod", 100, 1 }, { "dev", 0, 0 }
    };

    start("tpm=60 share=key", one, 1);

    ok(use("1", 0, 10, 20) == LLM_ADMITTED, "the first of two keys");
    ok(v.tokens.amount == 60 && v.tokens.used == 30,
       "alone: all of it is his");
    ok(use("2", 0, 10, 20) == LLM_ADMITTED, "the second");
    ok(use("2", 0, 10, 20) == LLM_REFUSED && refused(0, 0, 2),
       "again: there is nothing, between two");
    ok(v.refusal.subject == 1 && v.refusal.used == 30
       && v.refusal.limit == &row.limits[0], "of his share he has used 30");
    is_int(v.retry, 60500, "until the window lets go of that");

    finish();

    start("rpm=100 share=key", prod, 3);

    ok(use("d", 2, 0, 0) == LLM_REFUSED && refused(0, 100, 1),
       "a class without a share");
    is_int(v.retry, INT64_MAX, "never has one");
    ok(use("p", 1, 0, 0) == LLM_ADMITTED && v.requests.amount == 100,
       "the one that has all");
    ok(use("x", 0, 0, 0) == LLM_REFUSED && refused(0, 99, 1),
       "who has no priority has what they leave");

    finish();

    start("rpm=100 share=key", lend, 3);

    ok(use("d", 2, 0, 0) == LLM_ADMITTED && v.requests.amount == 100,
       "unless it lends");

    finish();
}


/* Asks n times; gives how often it passed. */

static int
ask_for(const char *key, unsigned class, int n)
{
    int  passed;

    for (passed = 0; n; n--) {
        passed += (use(key, class, 0, 0) == LLM_ADMITTED);
    }

    return passed;
}


static void
test_lending(void)
{
    start("rpm=100 share=key", one, 1);

    is_int(ask_for("a", 0, 1), 1, "one asks once");
    is_int(ask_for("b", 0, 200), 99, "another has all that is left");
    ok(refused(0, 0, 2), "and no more");
    ok(ask_for("a", 0, 1) == 0 && v.requests.amount == 1,
       "who comes back finds it lent");

    pass(61000);

    is_int(ask_for("b", 0, 200), 50, "a minute later a half is his again");
    ok(refused(0, 50, 2), "which nobody else has");
    is_int(ask_for("a", 0, 200), 50, "but he");

    /* a third and a fourth, who want little */

    pass(61000);
    ask_for("c", 0, 1);
    ask_for("d", 0, 1);
    ask_for("b", 0, 1);
    is_int(ask_for("a", 0, 200), 49, "two who want all");
    is_int(ask_for("b", 0, 200), 48,
           "have in equal parts what the others do not want");

    /* nobody is hungry any more */

    pass(61000);
    is_int(ask_for("a", 0, 30), 30, "one asks less");
    pass(61000);
    is_int(ask_for("b", 0, 200), 100, "so the other has more");

    finish();

    start("rpm=2 share=key", one, 1);

    ok(ask_for("a", 0, 3) + ask_for("b", 0, 1) == 2, "two");
    is_int(ask_for("c", 0, 1), 0, "a third waits");
    pass(61000);
    ok(ask_for("c", 0, 2) == 1 && v.requests.amount == 1
       && v.refusal.active == 3, "and has one at least");

    finish();
}


/* The minute is over when it is: those who asked in it are no longer active
   60 seconds after, and not before. */

static void
test_active(void)
{
    int       i;
    char      name[16];
    uint32_t  left;

    start("rpm=1000 tpm=1000 share=key", one, 1);

    for (i = 0; i < KEYS; i++) {
        (void) sprintf(name, "%d", i);
        ask_for(name, 0, 1);
        pass(1000);
    }

    quota_row(&row, "rpm=0 share=key");

    for (i = 0; i < KEYS; i++) {
        (void) ask_for("0", 0, 1);

        ok(v.refusal.active == KEYS, "%d active", KEYS);
    }

    pass(61000 - KEYS * 1000 + 1000);

    for (i = KEYS - 1; i > 0; i--) {
        (void) ask_for("0", 0, 1);
        is_int(v.refusal.active, i, "of those each leaves in his second");
        pass(1000);
    }

    /* hungry for a little longer, to be there when it was told to */

    pass(60000);
    ok(ask_for("x", 0, 1) == 0 && v.refusal.active == 2, "hungry");
    pass(66000);
    ok(ask_for("x", 0, 1) == 0 && v.refusal.active == 1, "no more");

    /* no room for a name */

    left = z->subjects_left;
    z->subjects_left = 0;
    ok(ask_for("y", 0, 1) == 0 && v.refusal.active == 2,
       "a refusal without room for the name");
    z->subjects_left = left;
    ok(ask_for("x", 0, 1) == 0 && v.refusal.active == 1, "leaves none");

    finish();
}


/* Of a class that keeps its share, and one that lends it. */

static void
test_classes(void)
{
    static const share_class_t  kept[] = {
        { "", 50, 1 }, { "prod", 30, 0 }, { "dev", 20, 0 }
    };

    static const share_class_t  lent[] = {
        { "", 50, 1 }, { "prod", 30, 1 }, { "dev", 20, 1 }
    };

    start("rpm=100 share=key", kept, 3);

    is_int(ask_for("x", 0, 200), 50, "who has no priority has a half");
    is_int(ask_for("d", 2, 200), 20, "dev its share");
    is_int(ask_for("p", 1, 200), 30, "and prod finds its own");

    pass(61000);
    ask_for("d", 2, 1);
    pass(61000);
    is_int(ask_for("d", 2, 200), 70, "what nobody has reserved is lent");
    ok(ask_for("x", 0, 1) == 0 && refused(0, 30, 1), "it is lent");
    is_int(ask_for("p", 1, 200), 30, "what is reserved is not");

    pass(61000);
    is_int(ask_for("d", 2, 200), 20, "a minute later it is given back");
    is_int(ask_for("x", 0, 200), 50, "and found");

    finish();

    start("rpm=100 share=key", lent, 3);

    is_int(ask_for("d", 2, 200), 100, "with lend: all of it");
    is_int(ask_for("p", 1, 1), 0, "so prod waits");
    pass(61000);
    is_int(ask_for("d", 2, 200), 45, "but not for longer than a minute:");
    is_int(ask_for("p", 1, 200), 55,
           "its own, and what the third does not want in equal parts");

    pass(61000);
    ok(ask_for("x", 0, 200) == 50 && ask_for("d", 2, 200) == 20
       && ask_for("p", 1, 200) == 30, "until that wants it");

    finish();

    /* a key's class changes */

    start("rpm=10 share=key", kept, 3);
    is_int(ask_for("d", 2, 9), 7, "dev and what is free");
    ok(ask_for("d", 1, 1) == 0 && v.refusal.active == 1,
       "is prod now, and has had enough of that");
    ok(ask_for("e", 2, 1) == 0 && v.refusal.active == 1, "no longer dev");
    ok(ask_for("p", 1, 9) == 3 && v.refusal.active == 2, "but prod");
    finish();
}


static void
test_modes(void)
{
    start("rpm=100 tpm=100 itpm=50 otpm=80 share=key", one, 1);

    share_ask(&ask, STRICT, &row, "a", 0, 30, 30);
    ok(admit(&ask) == LLM_ADMITTED && v.tokens.amount == 50
       && v.tokens.used == 30, "of several rates the tightest is told");
    ask.amount[LLM_COUNT_INPUT] = 21;
    ask.amount[LLM_COUNT_OUTPUT] = 0;
    ok(admit(&ask) == LLM_REFUSED && v.refusal.limit == &row.limits[2]
       && refused(20, 20, 1), "strict: it must fit");
    is_int(v.retry, 1, "what is reserved may be given back");
    ask.amount[LLM_COUNT_INPUT] = 20;
    ok(admit(&ask) == LLM_ADMITTED, "as this one does");
    ask.amount[LLM_COUNT_INPUT] = 51;
    ok(admit(&ask) == LLM_TOO_LARGE && v.refusal.subject == 0,
       "too large for the model");

    /* hungry for tokens: what the others hold in flight is theirs */

    share_ask(&ask, STRICT, &row, "b", 0, 0, 21);
    ok(admit(&ask) == LLM_REFUSED && refused(20, 20, 2), "b wants more");

    share_ask(&ask, OFF, &row, "b", 0, 0, 90);
    ok(admit(&ask) == LLM_ADMITTED, "off: nothing has been used");
    share_ask(&ask, OFF, &row, "b", 0, 0, 90);
    ok(admit(&ask) == LLM_ADMITTED, "and nothing is held");

    ask.dry_run = 1;
    quota_row(&row, "rpm=4 share=key");
    ask.subjects[0].row = &row;
    ok(admit(&ask) == LLM_REFUSED && v.reservation != LLM_NONE
       && refused(0, 0, 2), "a dry run is told, and counts");

    finish();

    /* what is in flight when another comes */

    start("tpm=100 share=key", one, 1);

    share_ask(&ask, ESTIMATE, &row, "a", 0, 50, 50);
    ok(admit(&ask) == LLM_ADMITTED, "all is held");
    ok(early(&ask, 1) == LLM_REFUSED && v.refusal.active == 1, "early, too");
    share_ask(&ask, ESTIMATE, &row, "b", 0, 1, 1);
    ok(early(&ask, 1) == LLM_REFUSED && refused(0, 0, 2),
       "who is refused early");
    share_ask(&ask, ESTIMATE, &row, "a", 0, 1, 1);
    ok(admit(&ask) == LLM_REFUSED && refused(-50, 0, 2), "is active");

    finish();
}


/* Rows of the model and of the pair bear besides. */

static void
test_others(void)
{
    llm_row_t  own;

    start("rpm=10 share=key budget=0/day", one, 1);
    share_ask(&ask, ESTIMATE, &row, "a", 0, 0, 0);
    ok(admit(&ask) == LLM_REFUSED && v.refusal.active == 0, "a budget");

    /* who is barred by that is not one whose share is kept for him */

    quota_row(&row, "rpm=0 budget=0/day share=key");
    admit(&ask);
    quota_row(&row, "rpm=10 share=key");
    is_int(ask_for("b", 0, 20), 10, "who may not spend has no share kept");

    pass(61000);
    quota_row(&own, "rpm=3");
    share_ask(&ask, ESTIMATE, &row, "a", 0, 0, 0);
    ask.subjects[1].row = &own;

    ok(admit(&ask) == LLM_ADMITTED && v.requests.amount == 3,
       "a limit of the pair");
    admit(&ask);
    admit(&ask);
    ok(admit(&ask) == LLM_REFUSED && v.refusal.active == 0
       && v.refusal.limit == &own.limits[0], "refuses");

    /* a part of the question is missing */

    ask.nsubjects = 2;
    ok(admit(&ask) == LLM_REFUSED && v.requests.amount == 3, "the pair's");
    ask.subjects[1].row = NULL;
    ok(admit(&ask) == LLM_ADMITTED && v.requests.active == 0,
       "without a class nothing is shared");

    finish();
}


/*
 * Simulations: each key asks so often in a second, at random moments; answers
 * take a while.  How many tokens each got is counted from the time on when all
 * have been there for two minutes.
 */

typedef struct {
    const char      *name;
    unsigned         class;
    unsigned         rate;                /* in 100 seconds */
    unsigned         from;                /* seconds */
    unsigned         to;
    int64_t          got;
} flow_t;


typedef struct {
    llm_index_t      index;               /* LLM_NONE: ended */
    uint64_t         id;
    uint64_t         end;
} flight_t;

#define FLIGHTS  64
#define TICK     50                       /* ms */


static void
simulate(flow_t *flows, unsigned n, unsigned seconds, unsigned since)
{
    unsigned   i, k, t;
    flight_t   flights[FLIGHTS], *f;

    memset(flights, 0xff, sizeof(flights));

    for (i = 0; i < n; i++) {
        flows[i].got = 0;
    }

    for (t = 0; t < seconds * 1000; t += TICK) {

        for (k = 0; k < FLIGHTS; k++) {
            f = &flights[k];

            if (f->index != LLM_NONE && f->end <= now) {
                settle(f->index, f->id, 4, 6, 0);
                release(f->index);
                f->index = LLM_NONE;
            }
        }

        for (i = 0; i < n; i++) {

            if (t < flows[i].from * 1000 || t >= flows[i].to * 1000
                || quota_rnd(100 * 1000 / TICK) >= flows[i].rate)
            {
                continue;
            }

            for (k = 0; k < FLIGHTS && flights[k].index != LLM_NONE; k++) {
                /* void */
            }

            if (k == FLIGHTS) {
                continue;
            }

            share_ask(&ask, ESTIMATE, &row, flows[i].name, flows[i].class, 5,
                      5);

            if (admit(&ask) != LLM_ADMITTED) {
                continue;
            }

            flights[k].index = v.reservation;
            flights[k].id = v.id;
            flights[k].end = now + quota_rnd(3000);

            if (t >= since * 1000) {
                flows[i].got += 10;
            }
        }

        pass(TICK);
    }
}


static int
near(int64_t n, int64_t expected)
{
    return n * 100 >= expected * 95 && n * 100 <= expected * 105;
}


#define FOREVER  1000000

static void
test_fairness(void)
{
    static const share_class_t  reserved[] = {
        { "", 40, 1 }, { "prod", 60, 0 }
    };

    static const share_class_t  lent[] = {
        { "", 40, 1 }, { "prod", 60, 1 }
    };

    /* 60 tokens a second, of which 30 are a half; 10 minutes of 61 s */

    static flow_t  two[] = {
        { "a", 0, 1500, 0, FOREVER, 0 }, { "b", 0, 400, 0, FOREVER, 0 }
    };

    static flow_t  many[] = {
        { "a", 0, 900, 0, FOREVER, 0 }, { "b", 0, 400, 0, FOREVER, 0 },
        { "c", 0, 40, 0, FOREVER, 0 }, { "d", 0, 20, 0, FOREVER, 0 }
    };

    static flow_t  late[] = {
        { "a", 0, 1500, 0, FOREVER, 0 }, { "b", 0, 1500, 120, FOREVER, 0 }
    };

    static flow_t  leaves[] = {
        { "a", 0, 1500, 0, FOREVER, 0 }, { "b", 0, 1500, 0, 120, 0 }
    };

    static flow_t  flood[] = {
        { "p", 1, 1500, 0, FOREVER, 0 }, { "a", 0, 1900, 0, FOREVER, 0 },
        { "b", 0, 1900, 0, FOREVER, 0 }, { "c", 0, 1900, 0, FOREVER, 0 }
    };

    static flow_t  comes[] = {
        { "p", 1, 1500, 300, FOREVER, 0 }, { "a", 0, 1900, 0, FOREVER, 0 }
    };

    int64_t  whole;

    whole = 3600 * 10;

    start("rpm=10000 tpm=3600 share=key", one, 1);
    simulate(two, 2, 120 + 610, 120);
    ok(near(two[0].got, whole / 2) && near(two[1].got, whole / 2),
       "two busy keys, one of them busier: %lld and %lld of %lld",
       (long long) two[0].got, (long long) two[1].got, (long long) whole);
    finish();

    start("rpm=10000 tpm=3600 share=key", one, 1);
    simulate(many, 4, 120 + 610, 120);
    whole -= many[2].got + many[3].got;
    ok(near(many[2].got, 610 * 4) || many[2].got > 600 * 3,
       "a light one has what it asks for: %lld", (long long) many[2].got);
    ok(near(many[0].got, many[1].got)
       && (many[0].got + many[1].got) * 10 > whole * 9,
       "the busy ones the rest in equal parts: %lld and %lld of %lld",
       (long long) many[0].got, (long long) many[1].got, (long long) whole);
    finish();

    whole = 3600 * 10;

    start("rpm=10000 tpm=3600 share=key", one, 1);
    simulate(late, 2, 181 + 610, 181);
    ok(near(late[0].got, whole / 2) && near(late[1].got, whole / 2),
       "61 seconds after one has come: %lld and %lld of %lld",
       (long long) late[0].got, (long long) late[1].got, (long long) whole);
    finish();

    start("rpm=10000 tpm=3600 share=key", one, 1);
    simulate(leaves, 2, 181 + 610, 181);
    ok(near(leaves[0].got, whole),
       "61 seconds after one has left: %lld of %lld",
       (long long) leaves[0].got, (long long) whole);
    finish();

    start("rpm=10000 tpm=3600 share=key", reserved, 2);
    simulate(flood, 4, 120 + 610, 120);
    ok(near(flood[0].got, whole * 6 / 10),
       "a reserved class among three that flood: %lld of %lld",
       (long long) flood[0].got, (long long) whole);
    ok(near(flood[1].got, whole * 4 / 30) && near(flood[2].got, whole * 4 / 30)
       && near(flood[3].got, whole * 4 / 30),
       "which have in equal parts what it leaves: %lld, %lld, %lld",
       (long long) flood[1].got, (long long) flood[2].got,
       (long long) flood[3].got);
    finish();

    start("rpm=10000 tpm=3600 share=key", lent, 2);
    simulate(comes, 2, 300, 120);
    ok(near(comes[1].got, 3600 * 3), "a class that lends: %lld of %d",
       (long long) comes[1].got, 3600 * 3);
    finish();

    start("rpm=10000 tpm=3600 share=key", lent, 2);
    simulate(comes, 2, 361 + 610, 361);
    ok(near(comes[0].got, whole * 6 / 10)
       && near(comes[1].got, whole * 4 / 10),
       "takes it back within a minute: %lld and %lld",
       (long long) comes[0].got, (long long) comes[1].got);
    finish();
}


int
main(void)
{
    test_examples();
    test_lending();
    test_active();
    test_classes();
    test_modes();
    test_others();
    test_fairness();

    return tap_done();
}
