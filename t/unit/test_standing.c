
/*
 * Copyright (C) the llm_quota authors
 */


#include "world.h"


static void
test_throttle(void)
{
    unsigned    n;
    llm_ask_t   ask;
    llm_row_t   row;

    begin();
    quota_row(&row, "rpm=10 tpm=1000 budget=10/day soft=50%,80% "
                    "throttle=30%");
    team(&ask, LLM_RESERVE_ESTIMATE, &row, 0, 0, 0);

    admit(&ask);
    ok(v.requests.amount == 10 && v.tokens.amount == 1000,
       "no soft threshold is passed");

    settle(v.reservation, v.id, 0, 0, 5 * USD - 1);
    admit(&ask);
    is_int(v.requests.amount, 10, "a nano-dollar below it");

    settle(v.reservation, v.id, 0, 0, 1);
    ok(admit(&ask) == LLM_ADMITTED && v.requests.amount == 3
       && v.tokens.amount == 300, "at 50%%: 30%% are left");
    ok(admit(&ask) == LLM_REFUSED && v.refusal.amount == 3
       && v.refusal.used == 3 && v.tokens.amount == 300,
       "which are used up");

    pass(61000);

    for (n = 0; admit(&ask) == LLM_ADMITTED; n++) { /* void */ }

    is_int(n, 3, "and pass");

    quota_row(&row, "rpm=2 tpm=1 budget=10/day soft=50% throttle=1%");
    pass(61000);
    ok(admit(&ask) == LLM_ADMITTED && v.requests.amount == 1
       && v.tokens.amount == 1, "never less than one");

    quota_row(&row, "rpm=0 budget=10/day soft=50% throttle=1%");
    pass(61000);
    ok(admit(&ask) == LLM_REFUSED && v.refusal.amount == 0,
       "but nothing stays nothing");

    /* the largest limits there are */

    quota_row(&row, "tpm=999999999999m rpm=999999999999m budget=10/day "
                    "soft=50% throttle=99%");
    ok(admit(&ask) == LLM_ADMITTED
       && v.tokens.amount == 989999999999010000
       && v.requests.amount == 989999999999010000, "no overflow");

    finish();
}


static void
test_over(void)
{
    llm_ask_t  ask;
    llm_row_t  row;

    begin();
    quota_row(&row, "rpm=10 budget=10/day soft=50% throttle=50% "
                    "over=throttle:20%");
    team(&ask, LLM_RESERVE_ESTIMATE, &row, 0, 0, 0);

    admit(&ask);
    settle(v.reservation, v.id, 0, 0, 9 * USD);
    ok(admit(&ask) == LLM_ADMITTED && v.requests.amount == 5,
       "below the budget");

    settle(v.reservation, v.id, 0, 0, USD);
    ok(admit(&ask) == LLM_REFUSED && v.requests.amount == 2
       && v.refusal.limit->resource == LLM_RESOURCE_REQUESTS,
       "past it: the rate shrinks");

    pass(61000);
    ok(admit(&ask) == LLM_ADMITTED, "and the budget refuses nothing");

    quota_row(&row, "rpm=10 budget=10/day soft=50% throttle=10% "
                    "over=throttle:20%");
    admit(&ask);
    is_int(v.requests.amount, 1, "of two, the smaller");

    quota_row(&row, "rpm=10 budget=10/day budget=15/month soft=50% "
                    "throttle=50% over=throttle:20%");
    admit(&ask);
    is_int(v.requests.amount, 2, "of two budgets, the smaller");

    quota_row(&row, "rpm=10 budget=10/day soft=50% throttle=10% "
                    "over=throttle:20%");

    pass(24 * HOUR);
    ok(admit(&ask) == LLM_ADMITTED && v.requests.amount == 10,
       "a new day lifts both");

    finish();
}


/* A bound that a throttled rate cannot take waits for the budget. */

static void
test_throttled_bound(void)
{
    int64_t    retry;
    llm_ask_t  ask;
    llm_row_t  row;

    begin();
    quota_row(&row, "tpm=100 budget=10/day soft=50% throttle=10%");
    team(&ask, LLM_RESERVE_STRICT, &row, 50, 0, 0);

    ok(admit(&ask) == LLM_ADMITTED, "it fits the rate");
    settle(v.reservation, v.id, 0, 0, 6 * USD);
    ok(admit(&ask) == LLM_REFUSED && v.refusal.amount == 10,
       "and is refused, not too large, when throttled");
    is_int(v.retry, 12 * HOUR, "until the budget begins anew");

    retry = v.retry;
    pass(retry - 1);
    ok(admit(&ask) == LLM_REFUSED && v.retry == 1, "not a ms earlier");
    pass(1);
    ok(admit(&ask) == LLM_ADMITTED, "but then");

    finish();
}


static void
test_hard_cap(void)
{
    int        i, lines;
    llm_ask_t  ask;
    llm_row_t  row;

    begin();
    quota_row(&row, "budget=1/month hard_cap=off");
    team(&ask, LLM_RESERVE_STRICT, &row, 0, 0, USD / 2);

    ok(admit(&ask) == LLM_ADMITTED && v.passed.limit == NULL, "half");
    ok(admit(&ask) == LLM_ADMITTED && v.passed.limit == &row.limits[0],
       "the crossing is told");

    lines = 0;

    for (i = 0; i < 60; i++) {
        ok(admit(&ask) == LLM_ADMITTED, "traffic goes on");
        lines += (v.passed.limit != NULL);
        settle(v.reservation, v.id, 0, 0, 1);
        release(v.reservation);
        pass(60000 * 2);
    }

    is_int(lines, 1, "and once an hour");

    pass(30 * QUOTA_DAY);
    settle(0, 1, 0, 0, 0);
    settle(1, 2, 0, 0, 0);
    admit(&ask);
    ok(v.passed.limit == NULL, "a new month is not passed");
    admit(&ask);
    ok(v.passed.limit != NULL, "until it is");

    quota_row(&row, "budget=1/month hard_cap=on");
    ok(admit(&ask) == LLM_REFUSED && v.passed.limit == NULL,
       "a refusal takes no line");

    quota_row(&row, "budget=0/day budget=0/week hard_cap=off");
    quota_ask(&ask, LLM_RESERVE_ESTIMATE);
    quota_subject(z, &ask, USER, "u", &row, 0);
    admit(&ask);
    ok(v.passed.limit == &row.limits[0], "of two budgets one has its line");
    admit(&ask);
    ok(v.passed.limit == &row.limits[1], "the other with the next request");
    admit(&ask);
    ok(v.passed.limit == NULL, "and then none");

    quota_row(&row, "rpm=0 budget=0 hard_cap=off");
    quota_ask(&ask, LLM_RESERVE_ESTIMATE);
    quota_subject(z, &ask, USER, "nobody", &row, 0);
    ok(admit(&ask) == LLM_REFUSED && v.passed.limit == NULL,
       "whoever is refused");

    finish();
}


static void
test_soft(void)
{
    llm_ask_t  ask;
    llm_row_t  row, other;

    begin();
    quota_row(&row, "budget=10/day soft=80%,90%");
    quota_row(&other, "budget=10/month soft=70%");
    team(&ask, LLM_RESERVE_ESTIMATE, &row, 0, 0, 0);
    quota_subject(z, &ask, USER, "u", &other, 0);

    admit(&ask);
    ok(v.soft.limit == NULL && v.percent == 0, "no threshold");
    settle(v.reservation, v.id, 0, 0, 7 * USD);
    admit(&ask);
    ok(v.soft.limit == &other.limits[0] && v.soft.subject == 1
       && v.percent == 70, "70%% of the user's");
    settle(v.reservation, v.id, 0, 0, USD + USD / 2);
    admit(&ask);
    ok(v.percent == 85, "85%%, rounded down");
    settle(v.reservation, v.id, 0, 0, 20 * USD);
    ok(admit(&ask) == LLM_REFUSED && v.percent == 100
       && v.soft.limit == &row.limits[0], "100%% at most, in a refusal too");

    finish();
}


/* The tightest of each kind, for headers. */

static void
test_standings(void)
{
    llm_ask_t  ask;
    llm_row_t  wide, tight;

    begin();
    quota_row(&wide, "rpm=100 tpm=1000 otpm=300 budget=100/day");
    quota_row(&tight, "rpm=10 tpm=2000 budget=200/day budget=50/month");

    team(&ask, LLM_RESERVE_ESTIMATE, &wide, 100, 50, 3 * USD);
    quota_subject(z, &ask, USER, "u", &tight, 1);

    ok(admit(&ask) == LLM_ADMITTED, "admitted");
    ok(v.requests.subject == 1 && v.requests.amount == 10
       && v.requests.used == 1, "requests: the user's");
    ok(v.tokens.subject == 0 && v.tokens.amount == 300 && v.tokens.used == 50
       && v.tokens.limit->resource == LLM_RESOURCE_OUTPUT,
       "tokens: the team's output");
    ok(v.budget.subject == 1 && v.budget.amount == 50 * USD
       && v.budget.used == 3 * USD
       && v.budget.limit->period == QUOTA_MONTH, "budget: the user's month");
    is_int(v.budget.reset, (QUOTA_WALL + 30 * QUOTA_DAY) / 1000,
           "until its end");
    is_int(v.requests.reset, 60500, "the window is empty 61 seconds on");
    is_int(v.tokens.reset, 0, "nothing is settled in the other");

    pass(2000);
    settle(v.reservation, v.id, 10, 10, USD);
    ok(admit(&ask) == LLM_ADMITTED, "another");
    ok(v.tokens.used == 60 && v.tokens.reset == 60500,
       "settled and reserved; from the second of settlement");
    ok(v.budget.used == 4 * USD, "money too");

    /* a refusal says the same of the limits as they stand */

    quota_row(&wide, "rpm=5 tpm=1000");
    quota_row(&tight, "rpm=4 tpm=1000");
    quota_key(z, &ask.subjects[1].key, USER, "fresh");
    ok(admit(&ask) == LLM_ADMITTED && v.requests.subject == 0
       && v.requests.amount - v.requests.used == 2,
       "what is left decides, not how large the limit is");
    quota_key(z, &ask.subjects[1].key, USER, "u");

    quota_row(&wide, "rpm=100 tpm=1000 otpm=300 budget=100/day");
    settle(v.reservation, v.id, 0, 0, 0);
    quota_row(&tight, "rpm=2 tpm=2000 budget=50/month");
    ok(admit(&ask) == LLM_REFUSED && v.requests.limit == &tight.limits[0]
       && v.requests.used == 2 && v.requests.amount == 2
       && v.tokens.used == 60 && v.budget.used == 4 * USD
       && v.requests.reset == 60500 && v.refusal.reset == 60500,
       "a refusal's");

    quota_ask(&ask, LLM_RESERVE_ESTIMATE);
    quota_subject(z, &ask, TEAM, "nobody", &tight, 0);
    quota_row(&tight, "rpm=2 tpm=0");
    ok(admit(&ask) == LLM_REFUSED && v.requests.used == 0
       && v.requests.reset == 0 && find(TEAM, "nobody") == LLM_NONE,
       "of a subject that is not there");

    quota_ask(&ask, LLM_RESERVE_ESTIMATE);
    ok(admit(&ask) == LLM_ADMITTED && v.requests.limit == NULL
       && v.tokens.limit == NULL && v.budget.limit == NULL
       && v.soft.limit == NULL, "and nobody's");

    finish();
}


/* At now + retry the same ask passes, and a millisecond earlier it does
   not. */

static void
test_retry(void)
{
    int               i, k, refused, early, late;
    int64_t           retry;
    uint64_t          then;
    llm_ask_t         ask;
    llm_row_t         rows[4];
    llm_zone_t       *copy;
    llm_clock_t       clock;
    static const char  *texts[] = {
        "rpm=5 tpm=60", "itpm=20 otpm=30 requests=40/hour",
        "tokens=300/hour budget=0.0000003/day",
        "requests=3/1m tpm=200 budget=0.0000001/5m"
    };

    begin();
    copy = quota_memory(SIZE);

    for (i = 0; i < 4; i++) {
        quota_row(&rows[i], texts[i]);
    }

    refused = 0;
    early = 0;
    late = 0;

    for (i = 0; i < 6000; i++) {
        quota_ask(&ask, quota_rnd(3));
        k = quota_rnd(4);
        quota_subject(z, &ask, TEAM, k & 1 ? "a" : "b", &rows[k], 1);

        if (quota_rnd(2)) {
            k = quota_rnd(4);
            quota_subject(z, &ask, USER, k & 1 ? "u" : "v", &rows[k], 0);
        }

        ask.amount[LLM_COUNT_INPUT] = quota_rnd(9);
        ask.amount[LLM_COUNT_OUTPUT] = quota_rnd(9);
        ask.amount[LLM_COUNT_COST] = quota_rnd(30);

        if (admit(&ask) == LLM_ADMITTED) {
            settle(v.reservation, v.id, quota_rnd(15), quota_rnd(15),
                   quota_rnd(40));
            release(v.reservation);

        } else if (v.decision == LLM_REFUSED) {
            refused++;
            retry = v.retry;
            memcpy(copy, z, SIZE);
            clock = walls;
            then = now;

            pass(retry - 1);
            early += (admit(&ask) != LLM_REFUSED || v.retry != 1);
            pass(1);
            late += (admit(&ask) != LLM_ADMITTED);

            memcpy(z, copy, SIZE);
            walls = clock;
            now = then;
        }

        pass(quota_rnd(4) ? quota_rnd(3000) : quota_rnd(40000));
    }

    ok(refused > 1000, "%d refusals", refused);
    is_int(early, 0, "none ends earlier than it says");
    is_int(late, 0, "nor later");

    munmap(copy, SIZE);
    finish();
}


static void
test_retry_reserved(void)
{
    llm_ask_t  ask;
    llm_row_t  row;

    begin();
    quota_row(&row, "tpm=10");
    team(&ask, LLM_RESERVE_ESTIMATE, &row, 10, 0, 0);
    admit(&ask);
    ok(admit(&ask) == LLM_REFUSED && v.retry == 1,
       "a rate: what blocks is reserved");

    settle(0, 1, 10, 0, 0);
    pass(5000);
    ok(admit(&ask) == LLM_REFUSED && v.retry == 55500, "what blocks settled");

    quota_row(&row, "tpm=30");
    admit(&ask);
    ask.amount[LLM_COUNT_INPUT] = 5;
    admit(&ask);
    quota_row(&row, "tpm=15");
    ok(admit(&ask) == LLM_REFUSED && v.retry == 1,
       "if nothing were settled it would still be full");
    quota_row(&row, "tpm=16");
    ok(admit(&ask) == LLM_REFUSED && v.retry == 55500,
       "it would not: room for what is reserved, and one");
    finish();

    begin();
    quota_row(&row, "budget=0.00000001/day");
    team(&ask, LLM_RESERVE_ESTIMATE, &row, 0, 0, 10);
    admit(&ask);
    ok(admit(&ask) == LLM_REFUSED && v.retry == 1,
       "a budget: what blocks is reserved");
    settle(0, 1, 0, 0, 10);
    ok(admit(&ask) == LLM_REFUSED && v.retry == 12 * HOUR,
       "what blocks is settled");

    quota_row(&row, "budget=0.00000001");
    admit(&ask);
    settle(1, 2, 0, 0, 10);
    ok(admit(&ask) == LLM_REFUSED && v.retry == NEVER,
       "a budget that never resets");

    quota_row(&row, "budget=0.00000001/day parallel=1 rpm=1");
    ask.nsubjects = 0;
    quota_subject(z, &ask, USER, "u", &row, 0);
    admit(&ask);
    settle(v.reservation, v.id, 0, 0, 10);
    ok(admit(&ask) == LLM_REFUSED
       && v.refusal.limit->resource == LLM_RESOURCE_REQUESTS
       && v.retry == 12 * HOUR, "the rate is named, the budget lasts longer");
    finish();
}


int
main(void)
{
    test_throttle();
    test_over();
    test_throttled_bound();
    test_hard_cap();
    test_soft();
    test_standings();
    test_retry();
    test_retry_reserved();

    return tap_done();
}
