
/*
 * Copyright (C) the llm_quota authors
 */


#include "llm_admit.h"
#include "llm_load.h"
#include "llm_money.h"
#include "llm_others.h"
#include "quota.h"


/* What other nodes have settled counts toward the limits here. */


#define DAY  LLM_PERIOD(LLM_PERIOD_DAYS, 1)


static llm_zone_t     *z;
static llm_row_t       row;
static llm_ask_t       ask;
static llm_clock_t     clock_now;
static llm_verdict_t   v;


static void
begin(const char *limits)
{
    z = quota_zone(LLM_ZONE_MIN);
    z->now = 1000000;
    z->stored = 1;

    quota_clock(&clock_now, QUOTA_WALL + 12 * 3600000);
    quota_row(&row, limits);

    quota_ask(&ask, LLM_RESERVE_ESTIMATE);
    quota_subject(z, &ask, LLM_SUBJECT_TEAM, "a", &row, 0);

    llm_others_start(z, 1);
}


static int
admit(void)
{
    llm_admit(z, &clock_now, &ask, &v);

    return v.decision;
}


/* What a request that waits does. */

static int
want(int ask_for)
{
    (void) llm_zone_load(z, &clock_now, &ask.subjects[0].key, row.periods,
                         row.nperiods, NULL, 0);

    return llm_others_want(z, &ask.subjects[0].key, row.periods, row.nperiods,
                           row.minute, ask_for);
}


static llm_subject_t *
subject(void)
{
    return llm_zone_subject(z, llm_zone_find(z, &ask.subjects[0].key));
}


static void
others(int64_t requests, int64_t cost)
{
    llm_meter_t    *m;
    const int64_t   minute[LLM_WINDOW_COUNTERS] = { requests, 0, 0 };
    const int64_t   sums[LLM_COUNTS] = { requests, 0, 0, cost };
    const int64_t   claimed[LLM_COUNTS] = { 0, 0, 0, 0 };

    m = llm_zone_find_meter(z, subject(), DAY);

    if (m) {
        llm_others_set(z, m, sums, claimed);
    }

    if (subject()->minute != LLM_NONE) {
        llm_others_set_minute(z, llm_zone_minute(z, subject()->minute),
                              minute);
    }
}


static void
test_wait(void)
{
    uint32_t  wanted;

    begin("rpm=5 budget=1/day");

    is_int(admit(), LLM_UNKNOWN, "a new subject waits");

    wanted = z->wanted;

    is_int(want(0), 0, "until the others were asked");
    is_int(z->wanted, wanted, "which it may leave to others");
    is_int(want(1), 0, "or not");
    is_int(z->wanted, wanted + 1, "and then somebody is told");
    is_int(admit(), LLM_UNKNOWN, "it waits on");

    others(4, 0);

    is_int(want(1), 1, "they have answered");
    is_int(z->wanted, wanted + 1, "and nobody is told");
    is_int(admit(), LLM_ADMITTED, "it goes on");
    is_int(admit(), LLM_REFUSED, "the next does not");

    begin("rpm=5 budget=1/day");

    llm_others_reached(z, 0);

    (void) want(0);

    is_int(admit(), LLM_ADMITTED, "nobody waits for who is away");

    llm_others_reached(z, 1);

    is_int(admit(), LLM_UNKNOWN, "but for who is back");

    llm_others_start(z, 0);
    llm_others_reached(z, 1);

    is_int(admit(), LLM_ADMITTED, "and not where there are no others");

    begin("rpm=5");

    ask.subjects[0].row = NULL;
    ask.subjects[0].month = 1;
    (void) llm_zone_load(z, &clock_now, &ask.subjects[0].key,
                         &(llm_period_t) { QUOTA_MONTH }, 1, NULL, 0);

    is_int(admit(), LLM_ADMITTED, "nor does whom nothing limits");

    begin("rpm=5");
    ask.blind = 1;

    is_int(admit(), LLM_ADMITTED, "who decides blindly does not wait");
}


static void
test_full(void)
{
    char               name[16];
    unsigned           i;
    llm_subject_key_t  key;

    begin("rpm=5 budget=1/day");

    for (i = 0; z->minutes_left; i++) {
        snprintf(name, sizeof(name), "s%u", i);
        quota_key(z, &key, LLM_SUBJECT_TEAM, name);
        llm_zone_want_minute(z, &key);
    }

    is_int(want(1), -1, "where there is no room nobody waits for it");
}


static void
test_minute(void)
{
    begin("rpm=5");

    (void) want(1);
    others(3, 0);

    is_int(admit(), LLM_ADMITTED, "three there, one here");
    is_int(v.requests.used, 4, "are four");
    is_int(admit(), LLM_ADMITTED, "and another");

    z->now += 30000;

    is_int(admit(), LLM_REFUSED, "are all");
    is_int(v.refusal.used, 5, "of five");
    is_int(v.retry, 31000, "of its own the end is known");

    others(5, 0);

    is_int(admit(), LLM_REFUSED, "others alone may have all");
    is_int(v.refusal.reset, 61000, "for a minute at most");
    ok(v.retry >= 1000 && v.retry <= 61000, "it is told a part of it");
    is_int(v.retry, 61000 / 5, "as if they had come evenly");

    others(500, 0);
    (void) admit();
    is_int(v.retry, 61000 * 496 / 500, "or nearly all");

    others(0, 0);
    is_int(admit(), LLM_ADMITTED, "they are gone");

    others(5, 0);
    llm_others_start(z, 0);
    is_int(admit(), LLM_ADMITTED, "without others theirs does not count");
}


static void
test_period(void)
{
    llm_meter_t  *m;

    begin("budget=1/day");

    (void) want(1);
    others(0, LLM_NANO_PER_USD - 1);

    is_int(admit(), LLM_ADMITTED, "a nano-dollar is left");
    is_int(v.budget.used, LLM_NANO_PER_USD - 1, "of the budget");

    m = llm_zone_find_meter(z, subject(), DAY);
    is_int(m->settled[LLM_COUNT_COST], 0, "nothing was settled here");

    others(0, LLM_NANO_PER_USD);
    is_int(admit(), LLM_REFUSED, "none is left");

    others(0, INT64_MAX);
    m->settled[LLM_COUNT_COST] = 5;
    is_int(admit(), LLM_REFUSED, "sums end where numbers do");

    llm_others_reached(z, 0);
    is_int(admit(), LLM_REFUSED, "who is away counts on");

    quota_clock(&clock_now, QUOTA_WALL + 36 * 3600000);
    is_int(admit(), LLM_ADMITTED, "up to the next period");
    is_int(m->others[LLM_COUNT_COST], 0, "which begins with nothing");
    ok(m->shared, "and is shared");

    others(0, LLM_NANO_PER_USD);
    m->shared = 0;
    llm_others_start(z, 0);
    llm_others_start(z, 1);
    ok(!m->shared, "what was known before others were left is not");

    others(0, LLM_NANO_PER_USD);
    llm_others_start(z, 1);
    ok(m->shared, "a reload changes nothing");
}


static void
test_strict(void)
{
    begin("budget=1/day");

    ask.reserve = LLM_RESERVE_STRICT;
    ask.amount[LLM_COUNT_COST] = LLM_NANO_PER_USD / 2;

    (void) want(1);
    others(0, LLM_NANO_PER_USD / 4);

    is_int(admit(), LLM_ADMITTED, "a half fits beside a quarter");
    is_int(admit(), LLM_REFUSED, "two do not");

    ask.reserve = LLM_RESERVE_OFF;
    others(0, LLM_NANO_PER_USD - 1);
    is_int(admit(), LLM_ADMITTED, "what is reserved may not count");
    others(0, LLM_NANO_PER_USD);
    is_int(admit(), LLM_REFUSED, "what others have settled does");
}


/* A kill while theirs is set: repair leaves the old or the new. */

static void
test_repair(void)
{
    llm_meter_t  *m;

    begin("budget=1/day");

    (void) want(1);
    others(7, 8);

    m = llm_zone_find_meter(z, subject(), DAY);

    llm_zone_put64(z, &m->others[LLM_COUNT_COST], 9);

    llm_zone_repair(z);

    is_int(m->others[LLM_COUNT_COST], 8, "half a change is none");
    is_int(m->others[LLM_COUNT_REQUESTS], 7, "as a whole");
    ok(m->shared, "and it is shared");
}


int
main(void)
{
    test_wait();
    test_full();
    test_minute();
    test_period();
    test_strict();
    test_repair();

    return tap_done();
}
