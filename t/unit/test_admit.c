
/*
 * Copyright (C) the llm_quota authors
 */


#include "world.h"


/*
 * The contract, in one expression for each mode, against every combination
 * of what is settled, what is reserved and what is asked around a limit of
 * five.
 */

typedef struct {
    const char      *name;
    llm_resource_e   resource;
    unsigned         minute:1;
} kind_t;


static const kind_t  kinds[] = {
    { "tpm=5", LLM_RESOURCE_TOKENS, 1 },
    { "itpm=5", LLM_RESOURCE_INPUT, 1 },
    { "otpm=5", LLM_RESOURCE_OUTPUT, 1 },
    { "tokens=5/day", LLM_RESOURCE_TOKENS, 0 },
    { "input_tokens=5/hour", LLM_RESOURCE_INPUT, 0 },
    { "output_tokens=5/month", LLM_RESOURCE_OUTPUT, 0 },
    { "budget=0.000000005", LLM_RESOURCE_COST, 0 },
    { "budget=0.000000005/week", LLM_RESOURCE_COST, 0 }
};


static void
amounts(llm_resource_e resource, int64_t n, int64_t *counts)
{
    counts[LLM_COUNT_REQUESTS] = 0;
    counts[LLM_COUNT_INPUT] = 0;
    counts[LLM_COUNT_OUTPUT] = 0;
    counts[LLM_COUNT_COST] = 0;

    switch (resource) {

    case LLM_RESOURCE_COST:
        counts[LLM_COUNT_COST] = n;
        break;

    case LLM_RESOURCE_OUTPUT:
        counts[LLM_COUNT_OUTPUT] = n;
        break;

    case LLM_RESOURCE_INPUT:
        counts[LLM_COUNT_INPUT] = n;
        break;

    default: /* LLM_RESOURCE_TOKENS */
        counts[LLM_COUNT_INPUT] = n / 2;
        counts[LLM_COUNT_OUTPUT] = n - n / 2;
        break;
    }
}


static llm_decision_e
contract(llm_reserve_e reserve, int64_t settled, int64_t reserved,
    int64_t asked)
{
    switch (reserve) {

    case LLM_RESERVE_OFF:
        return (settled < 5) ? LLM_ADMITTED : LLM_REFUSED;

    case LLM_RESERVE_ESTIMATE:
        return (settled + reserved < 5) ? LLM_ADMITTED : LLM_REFUSED;

    default: /* LLM_RESERVE_STRICT */

        if (asked > 5) {
            return LLM_TOO_LARGE;
        }

        return (settled + reserved + asked <= 5) ? LLM_ADMITTED
                                                 : LLM_REFUSED;
    }
}


static void
test_contract(void)
{
    int            bad, n, passed, wrong;
    int64_t        settled, reserved, asked, counts[LLM_COUNTS];
    unsigned       k;
    llm_ask_t      ask;
    llm_row_t      row, none;
    llm_reserve_e  reserve;
    static const char  *names[] = { "off", "estimate", "strict" };

    begin();
    quota_row(&none, kinds[0].name);
    none.nlimits = 0;

    for (k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
        quota_row(&row, kinds[k].name);

        for (reserve = 0; reserve <= LLM_RESERVE_STRICT; reserve++) {
            bad = 0;
            n = 0;
            passed = 0;
            wrong = 0;

            for (settled = 0; settled < 8; settled++) {
                for (reserved = 0; reserved < 8; reserved++) {
                    for (asked = 0; asked < 8; asked++) {
                        munmap(z, SIZE);
                        z = quota_zone(SIZE);

                        /* a request that has settled, one in flight: the
                           row of another place lets both pass */

                        team(&ask, LLM_RESERVE_ESTIMATE, &row, 0, 0, 0);
                        ask.dry_run = 1;
                        admit(&ask);
                        amounts(kinds[k].resource, settled, counts);
                        settle(v.reservation, v.id, counts[LLM_COUNT_INPUT],
                               counts[LLM_COUNT_OUTPUT],
                               counts[LLM_COUNT_COST]);

                        amounts(kinds[k].resource, reserved, ask.amount);
                        admit(&ask);

                        amounts(kinds[k].resource, asked, ask.amount);
                        ask.dry_run = 0;
                        ask.reserve = reserve;

                        n++;
                        bad += (admit(&ask)
                                != contract(reserve, settled, reserved,
                                            asked));
                        passed += (v.decision == LLM_ADMITTED);
                        wrong += (v.decision != LLM_ADMITTED
                                  && (v.refusal.limit != &row.limits[0]
                                      || v.refusal.amount != 5
                                      || v.refusal.used
                                         != settled
                                            + (reserve ? reserved : 0)
                                      || v.reservation != LLM_NONE));
                        wrong += (v.decision == LLM_TOO_LARGE
                                  && (v.bound != asked || v.retry != NEVER));
                    }
                }
            }

            is_int(bad, 0, "%s %s: %d decisions, %d admitted",
                   kinds[k].name, names[reserve], n, passed);
            is_int(wrong, 0, "and what refusals say");
        }
    }

    finish();
}


/* Requests and requests in flight count one by one, in every mode. */

static void
test_requests(void)
{
    unsigned       i, n;
    llm_ask_t      ask;
    llm_row_t      row;
    llm_reserve_e  reserve;
    static const char  *rows[] = { "rpm=3", "requests=3/hour", "rpd=3",
                                   "parallel=3" };

    for (i = 0; i < 4; i++) {
        for (reserve = 0; reserve <= LLM_RESERVE_STRICT; reserve++) {
            begin();
            quota_row(&row, rows[i]);
            team(&ask, reserve, &row, 1000, 1000, 1000);

            for (n = 0; n < 9 && admit(&ask) == LLM_ADMITTED; n++) {
                /* void */
            }

            is_int(n, 3, "%s: three pass (%d)", rows[i], reserve);
            ok(v.decision == LLM_REFUSED && v.refusal.used == 3
               && v.refusal.amount == 3, "the fourth does not");

            if (i == 3) {
                is_int(v.retry, 1, "parallel: whenever one ends");
                ok(settle(0, 1, 1, 1, 1) == 1 && admit(&ask) == LLM_ADMITTED,
                   "one ended, one passes");
                ok(admit(&ask) == LLM_REFUSED, "not two");

            } else {
                ok(settle(0, 1, 1, 1, 1) == 1 && admit(&ask) == LLM_REFUSED,
                   "settling frees no request");
            }

            finish();
        }
    }
}


static void
test_nothing(void)
{
    unsigned       i;
    llm_ask_t      ask;
    llm_row_t      row;
    llm_reserve_e  reserve;
    static const char  *rows[] = { "rpm=0", "tpm=0", "parallel=0", "rpd=0",
                                   "tokens=0/day", "budget=0",
                                   "budget=0/month" };

    begin();

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (reserve = 0; reserve <= LLM_RESERVE_STRICT; reserve++) {
            quota_row(&row, rows[i]);
            team(&ask, reserve, &row, 1, 1, 1);

            ok(admit(&ask) == LLM_REFUSED && v.retry == NEVER,
               "%s refuses for ever (%d)", rows[i], reserve);
        }
    }

    is_int(z->subjects_left, z->nsubjects, "nobody was noted");

    finish();
}


/* All or nothing: of ten subjects any one refuses, and nothing changes. */

static void
test_all_or_nothing(void)
{
    uint32_t    i, k;
    llm_ask_t   ask;
    llm_row_t   row, full, rate;
    u_char     *before;
    static const char  *names[] = { "", "t", "u", "c", "k", "m", "t/m",
                                    "k/m", "t/u", "app:web" };

    begin();
    quota_row(&row, "rpm=100 tpm=100 parallel=100 budget=1/day");
    quota_row(&full, "rpm=100 tpm=100 parallel=100 budget=0/day");
    quota_row(&rate, "rpm=0 tpm=100 parallel=100 budget=1/day");

    before = malloc(SIZE);

    if (before == NULL) {
        exit(1);
    }

    for (i = 0; i <= LLM_SUBJECT_TYPES; i++) {

        /* first against an empty zone, then against one where all are known */

        quota_ask(&ask, LLM_RESERVE_ESTIMATE);
        ask.amount[LLM_COUNT_INPUT] = 1;

        for (k = 0; k < LLM_SUBJECT_TYPES; k++) {
            quota_subject(z, &ask, k, names[k], (k == i) ? &full : &row, 1);
        }

        enter();
        llm_zone_leave(z);
        memcpy(before, z, SIZE);

        if (i == LLM_SUBJECT_TYPES) {
            break;
        }

        ok(admit(&ask) == LLM_REFUSED && v.refusal.subject == i,
           "%s refuses", llm_subject_name(i));
        ok(memcmp(before, z, SIZE) == 0, "not a byte has changed");
    }

    ok(admit(&ask) == LLM_ADMITTED, "none refuses");

    for (k = 0; k < LLM_SUBJECT_TYPES; k++) {
        ok(used(k, names[k], "rpm=1") == 1
           && used(k, names[k], "requests=1/day") == 1
           && used(k, names[k], "requests=1/month") == 1
           && used(k, names[k], "parallel=1") == 1
           && used(k, names[k], "tpm=1") == 1,
           "all count: %s", llm_subject_name(k));
    }

    /* a meter notes which of its budgets has refused, a minute which of its
       rates, but of one that lets nobody pass */

    ask.subjects[7].row = &rate;

    enter();
    llm_zone_leave(z);
    memcpy(before, z, SIZE);

    ok(admit(&ask) == LLM_REFUSED && memcmp(before, z, SIZE) == 0,
       "one refuses again, nothing changes");

    ask.subjects[2].row = &full;
    ok(admit(&ask) == LLM_REFUSED && v.refusal.subject == 2,
       "the first of two is named");

    free(before);
    finish();
}


static void
test_early(void)
{
    llm_ask_t   ask;
    llm_row_t   row, budget;
    u_char     *before;

    begin();
    quota_row(&row, "rpm=2 tpm=10 parallel=9");
    quota_row(&budget, "budget=1/day");

    before = malloc(SIZE);

    if (before == NULL) {
        exit(1);
    }

    team(&ask, LLM_RESERVE_ESTIMATE, &row, 10, 0, 5 * USD);
    memcpy(before, z, SIZE);
    ok(early(&ask, 1) == LLM_ADMITTED && v.reservation == LLM_NONE,
       "early: nothing is against it");
    ((llm_zone_t *) before)->now = now;
    ok(memcmp(before, z, SIZE) == 0, "and nothing has changed");

    ok(admit(&ask) == LLM_ADMITTED, "nor later");
    ok(early(&ask, 1) == LLM_REFUSED
       && v.refusal.limit->resource == LLM_RESOURCE_TOKENS,
       "a rate refuses early");
    ok(v.requests.limit && v.requests.used == 1 && v.tokens.used == 10,
       "and says where the limits stand");

    /* strict: the bound may turn out to be nothing */

    ask.reserve = LLM_RESERVE_STRICT;
    ok(early(&ask, 1) == LLM_ADMITTED, "strict: full, but not for nothing");
    ask.amount[LLM_COUNT_INPUT] = 0;
    ok(admit(&ask) == LLM_ADMITTED, "as is seen later");
    ok(early(&ask, 1) == LLM_REFUSED
       && v.refusal.limit->resource == LLM_RESOURCE_REQUESTS,
       "requests need no bound");

    ask.nsubjects = 0;
    quota_subject(z, &ask, USER, "u", &budget, 0);
    ask.reserve = LLM_RESERVE_ESTIMATE;
    ok(admit(&ask) == LLM_ADMITTED, "a budget is crossed");
    ok(early(&ask, 0) == LLM_ADMITTED, "early, without budgets");
    ok(early(&ask, 1) == LLM_REFUSED
       && v.refusal.limit->resource == LLM_RESOURCE_COST, "and with them");

    free(before);
    finish();
}


/* What early says no to, no body could have saved. */

static void
test_early_is_sound(void)
{
    int         refused, wrong, i;
    llm_ask_t   ask;
    llm_row_t   row;
    llm_zone_t *copy;

    begin();
    quota_row(&row, "tpm=50 otpm=20 rpm=15 budget=0.00000005/day");
    copy = quota_memory(SIZE);

    refused = 0;
    wrong = 0;

    for (i = 0; i < 3000; i++) {
        team(&ask, quota_rnd(3), &row, 1 + quota_rnd(9), quota_rnd(5),
             quota_rnd(9));

        memcpy(copy, z, SIZE);

        if (early(&ask, 1) != LLM_ADMITTED) {
            refused++;
            wrong += (admit(&ask) == LLM_ADMITTED);
        }

        memcpy(z, copy, SIZE);

        if (admit(&ask) == LLM_ADMITTED && quota_rnd(2)) {
            settle(v.reservation, v.id, quota_rnd(9), quota_rnd(5),
                   quota_rnd(9));
            release(v.reservation);
        }

        pass(quota_rnd(5000));

        if (quota_rnd(200) == 0) {
            pass(24 * HOUR);
        }
    }

    ok(refused > 300, "%d refused early", refused);
    is_int(wrong, 0, "all of them rightly");

    munmap(copy, SIZE);
    finish();
}


static void
test_dry_run(void)
{
    llm_ask_t  ask;
    llm_row_t  row;

    begin();
    quota_row(&row, "rpm=1 budget=1/day");
    team(&ask, LLM_RESERVE_STRICT, &row, 1, 1, USD);
    ask.dry_run = 1;

    ok(admit(&ask) == LLM_ADMITTED, "dry run: one passes");
    ok(admit(&ask) == LLM_REFUSED && v.refusal.limit == &row.limits[0]
       && v.reservation != LLM_NONE, "one is refused, and reserves");
    is_int(used(TEAM, "a", "rpm=1"), 2, "and counts");
    is_int(used(TEAM, "a", "budget=1/day"), 2 * USD, "and reserves money");

    ask.amount[LLM_COUNT_COST] = 2 * USD;
    ok(admit(&ask) == LLM_TOO_LARGE && v.bound == 2 * USD
       && v.refusal.limit->resource == LLM_RESOURCE_COST
       && v.reservation != LLM_NONE, "too large, and reserves");

    ok(settle(v.reservation, v.id, 1, 1, 5) == 1, "and is settled");
    is_int(used(TEAM, "a", "budget=1/day"), 2 * USD + 5, "and charged");

    finish();
}


static void
test_free(void)
{
    llm_ask_t      ask;
    llm_row_t      row;
    llm_reserve_e  reserve;

    begin();

    for (reserve = 0; reserve <= LLM_RESERVE_STRICT; reserve++) {
        quota_row(&row, "rpm=5 budget=0");
        team(&ask, reserve, &row, 1, 1, 0);
        ask.free = 1;

        ok(admit(&ask) == LLM_ADMITTED, "free: no budget bears on it (%d)",
           reserve);

        quota_row(&row, "rpm=1 budget=0");
        ok(admit(&ask) == LLM_REFUSED, "rates do");
    }

    finish();
}


static void
test_too_large(void)
{
    llm_ask_t  ask;
    llm_row_t  row;

    begin();
    quota_row(&row, "rpm=1 tpm=100 budget=1/day");
    team(&ask, LLM_RESERVE_STRICT, &row, 60, 41, 1);

    ok(admit(&ask) == LLM_TOO_LARGE && v.bound == 101
       && v.refusal.limit == &row.limits[1] && v.refusal.amount == 100
       && v.retry == NEVER, "a token too many");

    ask.amount[LLM_COUNT_OUTPUT] = 40;
    ok(admit(&ask) == LLM_ADMITTED, "it just fits");

    ask.amount[LLM_COUNT_COST] = USD + 1;
    ok(admit(&ask) == LLM_TOO_LARGE && v.bound == USD + 1
       && v.refusal.limit == &row.limits[2] && v.refusal.used == 1
       && v.retry == NEVER,
       "never is named before not yet, though the rate fails first");

    ask.amount[LLM_COUNT_OUTPUT] = 41;
    ok(admit(&ask) == LLM_TOO_LARGE && v.bound == 101
       && v.refusal.limit == &row.limits[1], "the first of two is named");

    ask.amount[LLM_COUNT_COST] = INT64_MAX;
    ask.amount[LLM_COUNT_INPUT] = INT64_MAX;
    ask.amount[LLM_COUNT_OUTPUT] = INT64_MAX;
    ok(admit(&ask) == LLM_TOO_LARGE && v.bound == INT64_MAX,
       "bounds add up to no more than the most");

    ask.reserve = LLM_RESERVE_ESTIMATE;
    ok(admit(&ask) == LLM_REFUSED, "elsewhere, size does not matter");

    quota_row(&row, "budget=1/day hard_cap=off");
    ask.reserve = LLM_RESERVE_STRICT;
    ask.amount[LLM_COUNT_INPUT] = 0;
    ask.amount[LLM_COUNT_OUTPUT] = 0;
    ask.amount[LLM_COUNT_COST] = 2 * USD;
    ok(admit(&ask) == LLM_ADMITTED, "nor where the cap is soft");

    finish();
}


/* Counters belong to zone and subject, limits to the place. */

static void
test_places(void)
{
    llm_ask_t  one, two;
    llm_row_t  small, large;

    begin();
    quota_row(&small, "rpm=2");
    quota_row(&large, "rpm=4 budget=1/month");
    team(&one, LLM_RESERVE_ESTIMATE, &small, 0, 0, 0);
    team(&two, LLM_RESERVE_ESTIMATE, &large, 0, 0, 0);

    ok(admit(&one) == LLM_ADMITTED && admit(&two) == LLM_ADMITTED,
       "one here, one there");
    ok(admit(&one) == LLM_REFUSED && v.refusal.used == 2, "here it is full");
    ok(admit(&two) == LLM_ADMITTED && v.requests.used == 3
       && admit(&two) == LLM_ADMITTED && admit(&two) == LLM_REFUSED,
       "there two more fit");
    ok(admit(&one) == LLM_REFUSED && v.refusal.used == 4,
       "and all are seen here");
    is_int(z->nsubjects - z->subjects_left, 1, "of one subject");
    is_int(z->nminutes - z->minutes_left, 1, "with one window");

    finish();
}


int
main(void)
{
    test_contract();
    test_requests();
    test_nothing();
    test_all_or_nothing();
    test_early();
    test_early_is_sound();
    test_dry_run();
    test_free();
    test_too_large();
    test_places();

    return tap_done();
}
