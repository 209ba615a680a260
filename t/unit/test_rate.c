
/*
 * Copyright (C) the llm_quota authors
 */


#include <string.h>
#include <unistd.h>

#include "llm_admit.h"
#include "llm_rate.h"
#include "llm_watch.h"
#include "quota.h"


#define HOUR  3600


static llm_zone_t     *z;
static llm_row_t       row;
static llm_clock_t     clk;
static llm_rate_t      rates[4];
static int64_t         seconds;          /* since the test began */
static llm_alert_t     seen[16];
static unsigned        nseen;
static const uint8_t   near[] = { 50, 90 };


/* Whether a request of a team passes, as many seconds later. */

static int
ask(const char *team, const char *limits, int64_t later, int dry_run)
{
    llm_ask_t      a;
    llm_verdict_t  v;

    seconds += later;

    llm_zone_leave(z);
    llm_clock_set(&clk, QUOTA_WALL + seconds * 1000);
    (void) llm_zone_enter(z, getpid(), 1000 + seconds * 1000);

    quota_row(&row, limits);
    quota_ask(&a, LLM_RESERVE_ESTIMATE);
    quota_subject(z, &a, LLM_SUBJECT_TEAM, team, &row, 0);

    a.worker = 0;
    a.dry_run = dry_run;

    llm_admit(z, &clk, &a, &v);

    return v.decision == LLM_ADMITTED;
}


/* How many there is something to be told of; the last of them is the first of
   the rates. */

static uint32_t
found(void)
{
    uint32_t     n, k;
    llm_index_t  i;

    n = 0;

    for (i = 0; i != LLM_NONE; /* void */ ) {
        i = llm_rates(z, i, 7, clk.wall / 1000, rates, 1, &k);
        n += k;
    }

    return n;
}


static void
see(void *data, const llm_alert_t *alert, int64_t generation, int lesser)
{
    (void) data;
    (void) generation;
    (void) lesser;

    seen[nseen++] = *alert;
}


static unsigned
watch(const char *limits)
{
    quota_row(&row, limits);

    nseen = 0;
    llm_watch_rate(&rates[0], &row, near, sizeof(near), clk.wall / 1000, see,
                   NULL);

    return nseen;
}


int
main(void)
{
    int      i;
    int64_t  hour;

    z = quota_zone(1024 * 1024);
    quota_clock(&clk, QUOTA_WALL);
    (void) llm_zone_enter(z, getpid(), 1000);

    is_int(found(), 0, "nobody");

    for (i = 0; i < 4; i++) {
        (void) ask("red", "rpm=10", 0, 0);
    }

    is_int(found(), 1, "somebody asks");
    is_int(rates[0].used[LLM_COUNT_REQUESTS], 4, "so often");
    is_mem(rates[0].name, rates[0].len, "red", "who");
    is_int(rates[0].amount, 0, "and is not refused");
    is_int(watch("rpm=10"), 0, "near nothing");

    (void) ask("red", "rpm=10", 0, 0);
    (void) found();
    is_int(watch("rpm=10 tpm=100 budget=1/day"), 1, "at the first percent");
    is_int(seen[0].event, LLM_ALERT_RATE_NEAR, "near");
    is_int(seen[0].threshold, 50, "which one");
    is_int(seen[0].used, 5, "what is used");

    hour = clk.wall / 1000 / HOUR * HOUR;
    is_int(seen[0].started, hour, "known by the hour");
    is_int(seen[0].reset_at, 0, "which is no period");
    is_int(watch("rpm=5"), 2, "each channel has its own");
    is_int(seen[1].threshold, 90, "the other one");
    is_int(watch("rpm=0"), 0, "of a limit of nothing there is nothing");

    is_int(ask("red", "rpm=10", 61, 0), 1, "a minute later");
    is_int(ask("red", "rpm=10", 61, 0), 1, "and another");
    ok(found() == 1 && rates[0].used[LLM_COUNT_REQUESTS] == 1,
       "only the last one counts");

    /* refused again and again */

    ok(!ask("red", "rpm=1", 0, 1) && !ask("red", "rpm=1", 20, 0),
       "refused, and once in a dry run");
    (void) found();
    is_int(rates[0].amount, 0, "not for long");

    ok(ask("red", "rpm=1", 41, 0), "passes");

    for (i = 0; i < 6; i++) {
        ok(!ask("red", "rpm=1", i ? 10 : 0, 0), "and does not wait");
        (void) found();
        is_int(rates[0].amount, 0, "refused for %d s", i * 10);
    }

    ok(!ask("red", "rpm=1", 10, 0), "asks on");
    (void) found();
    is_int(rates[0].amount, 1, "refused for longer");
    is_int(watch("rpm=1"), 3, "is told of, and that it is near");
    is_int(seen[2].event, LLM_ALERT_RATE_REFUSED, "refused");
    ok(clk.wall / 1000 - seen[2].exceeded_at >= LLM_RATE_LONG, "since then");
    is_int(watch("rpm=100"), 0, "a limit that has changed refuses nobody");

    seconds += LLM_RATE_GAP + 1;
    llm_clock_set(&clk, QUOTA_WALL + seconds * 1000);
    (void) found();
    is_int(rates[0].amount, 0, "over, when he asks no more");

    llm_zone_leave(z);

    return tap_done();
}
