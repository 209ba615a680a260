
/*
 * Copyright (C) the llm_quota authors
 */


#include "llm_outgrow.h"
#include "world.h"


static llm_ask_t       ask;
static llm_row_t       row;
static llm_progress_t  progress;
static llm_standing_t  spent;


/* One in flight that holds 10 + 20 tokens and a dollar. */

static void
test_admit(const char *limits, llm_reserve_e reserve)
{
    begin();
    quota_row(&row, limits);
    team(&ask, reserve, &row, 10, 20, USD);
    admit(&ask);

    memset(&progress, 0, sizeof(llm_progress_t));

    progress.reservation = v.reservation;
    progress.id = v.id;
    progress.nsubjects = 1;
    progress.rows[0] = &row;
    progress.reserve = reserve;
}


static int
test_used(int64_t input, int64_t output, int64_t cost)
{
    int  rc;

    progress.used[LLM_COUNT_INPUT] = input;
    progress.used[LLM_COUNT_OUTPUT] = output;
    progress.used[LLM_COUNT_COST] = cost;

    memset(&spent, 0xa5, sizeof(llm_standing_t));

    enter();
    rc = llm_outgrow(z, &walls, &progress, &spent);
    llm_zone_leave(z);

    return rc;
}


static int
test_is(const char *limit, int64_t used)
{
    char  text[LLM_LIMIT_TEXT + 1];

    text[llm_limit_print((u_char *) text, spent.limit)] = '\0';

    if (strcmp(text, limit) != 0 || spent.used != used || spent.subject != 0) {
        printf("# %s, used %lld\n", text, (long long) spent.used);
        return 0;
    }

    return 1;
}


static void
test_limits(void)
{
    unsigned  i;

    static const struct {
        const char  *limits;
        const char  *spent;          /* at 100 + 400 tokens and 5 dollars */
        int64_t      used;
    } cases[] = {
        { "tokens=500/day", "tokens=500/day", 500 },
        { "tokens=501/day", NULL, 0 },
        { "input_tokens=100/day", "input_tokens=100/day", 100 },
        { "input_tokens=101/day", NULL, 0 },
        { "output_tokens=400/month", "output_tokens=400/month", 400 },
        { "budget=5", "budget=5", 5 * USD },
        { "budget=5.000000001", NULL, 0 },
        { "budget=5 hard_cap=off", NULL, 0 },
        { "budget=5 over=throttle:10% rpm=9", NULL, 0 },
        { "budget=1/month budget=50", "budget=1/month", 5 * USD },
        { "tpm=100", NULL, 0 },
        { "rpm=1 requests=1/day parallel=1", NULL, 0 },
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        test_admit(cases[i].limits, LLM_RESERVE_ESTIMATE);

        ok(test_used(100, 400, 5 * USD) == (cases[i].spent != NULL)
           && (cases[i].spent == NULL
               || test_is(cases[i].spent, cases[i].used)), "%s",
           cases[i].limits);

        finish();
    }

    test_admit("budget=5", LLM_RESERVE_ESTIMATE);
    progress.free = 1;
    ok(!test_used(100, 400, 5 * USD), "what costs nothing spends no budget");
    progress.rows[0] = NULL;
    progress.free = 0;
    ok(!test_used(100, 400, 5 * USD), "nor does who has none");
    finish();
}


static void
test_reserves(void)
{
    uint64_t       first;
    llm_index_t    held;
    llm_verdict_t  one;

    test_admit("tokens=1000/day budget=100", LLM_RESERVE_ESTIMATE);
    one = v;

    ok(!test_used(5, 15, USD / 2) && admit(&ask) == LLM_ADMITTED
       && v.budget.used == 2 * USD, "what is expected stays reserved");
    ok(!test_used(5, 300, 3 * USD) && admit(&ask) == LLM_ADMITTED
       && v.budget.used == 5 * USD,
       "what is used beyond it is reserved, too");
    ok(test_used(10, 930, 3 * USD) && test_is("tokens=1000/day", 1000),
       "and with what others hold the limit is used up");
    ok(admit(&ask) == LLM_REFUSED, "for all");

    /* settled it is gone */

    settle(one.reservation, one.id, 10, 900, 3 * USD);
    ok(admit(&ask) == LLM_ADMITTED && v.budget.used == 6 * USD,
       "nothing of it is left when it is settled");
    ok(!test_used(10, 2000, 3 * USD), "and it cannot grow any more");

    held = one.reservation;
    first = one.id;
    release(held);
    admit(&ask);
    progress.id = first;
    ok(!test_used(10, 2000, 3 * USD), "nor can who has its place now");
    finish();
}


static void
test_off(void)
{
    test_admit("tokens=1000/day", LLM_RESERVE_OFF);

    ok(!test_used(10, 980, 0) && admit(&ask) == LLM_ADMITTED
       && v.tokens.used == 0, "off: nothing is reserved");
    ok(test_used(10, 990, 0) && test_is("tokens=1000/day", 1000),
       "but what is used counts for the request itself");

    settle(v.reservation, v.id, 10, 490, 0);
    ok(!test_used(10, 480, 0) && test_used(10, 490, 0),
       "with what is settled");
    finish();
}


static void
test_overflow(void)
{
    test_admit("budget=100", LLM_RESERVE_ESTIMATE);
    ok(!test_used(INT64_MAX, INT64_MAX, USD), "as much as there can be");
    admit(&ask);
    ok(v.decision == LLM_FULL, "which leaves no room for another");
    ok(test_used(INT64_MAX, INT64_MAX, INT64_MAX), "money, too");
    finish();
}


int
main(void)
{
    test_limits();
    test_reserves();
    test_off();
    test_overflow();

    return tap_done();
}
