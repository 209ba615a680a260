
/*
 * Copyright (C) the llm_quota authors
 */


#include <string.h>
#include <unistd.h>

#include "llm_admit.h"
#include "llm_refused.h"
#include "quota.h"


static llm_zone_t     *z;
static llm_row_t       row;
static llm_clock_t     clk;
static llm_refused_t   rows[4];


/* Whether a request with this bound is admitted; it stays in flight. */

static int
ask(const char *limits, int64_t tokens, int dry_run)
{
    llm_ask_t      a;
    llm_verdict_t  v;

    quota_row(&row, limits);
    quota_ask(&a, LLM_RESERVE_STRICT);
    quota_subject(z, &a, LLM_SUBJECT_TEAM, "red", &row, 0);

    a.worker = 0;
    a.dry_run = dry_run;
    a.amount[LLM_COUNT_OUTPUT] = tokens;
    a.expected[LLM_COUNT_OUTPUT] = tokens;

    llm_admit(z, &clk, &a, &v);

    return v.decision == LLM_ADMITTED;
}


static uint32_t
refused(void)
{
    uint32_t     n, found;
    llm_index_t  i;

    n = 0;

    for (i = 0; i != LLM_NONE; /* void */ ) {
        i = llm_refused(z, i, 7, rows, 1, &found);
        n += found;
    }

    return n;
}


int
main(void)
{
    uint32_t  changes;

    z = quota_zone(1024 * 1024);
    quota_clock(&clk, QUOTA_WALL);
    (void) llm_zone_enter(z, getpid(), 1000);

    ok(ask("tokens=100/day", 60, 0), "a request fits");
    is_int(refused(), 0, "nobody was refused");
    changes = llm_refused_changes(z);

    ok(!ask("tokens=100/day", 60, 1), "what is only told");
    is_int(llm_refused_changes(z), changes, "does not count");

    ok(!ask("tokens=100/day", 60, 0), "another does not");
    ok(llm_refused_changes(z) != changes, "which is new");
    is_int(refused(), 1, "and found");
    is_int(rows[0].amount, 100, "the limit");
    is_int(rows[0].resource, LLM_RESOURCE_TOKENS, "its resource");
    is_mem(rows[0].name, rows[0].len, "red", "whose");

    changes = llm_refused_changes(z);
    ok(!ask("tokens=100/day", 60, 0), "once more");
    is_int(llm_refused_changes(z), changes, "is not new");

    ok(!ask("tokens=110/day", 60, 0), "by another limit");
    ok(llm_refused_changes(z) != changes, "is");

    ok(ask("tokens=200/day", 60, 0), "a raised one");
    ok(!ask("tokens=1000/day parallel=2", 0, 0), "others are no budgets");
    (void) refused();
    is_int(rows[0].amount, 110, "and change nothing");

    llm_clock_set(&clk, QUOTA_WALL + QUOTA_DAY);
    (void) llm_zone_roll_idle(z, &clk, 0, z->nmeters);
    is_int(refused(), 0, "a new period begins without");

    llm_zone_leave(z);

    return tap_done();
}
