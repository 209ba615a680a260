
/*
 * Copyright (C) the llm_quota authors
 */


#include "quota.h"


#define SIZE      LLM_ZONE_MIN
#define HOUR      3600000LL
#define DAY       LLM_PERIOD(LLM_PERIOD_DAYS, 1)
#define WEEK      LLM_PERIOD(LLM_PERIOD_WEEK, 1)
#define HOURS(n)  LLM_PERIOD(LLM_PERIOD_SECONDS, (n) * 3600)


static int
bounds(llm_clock_t *clock, llm_period_t period)
{
    int64_t  start, end, from, to;

    llm_clock_period(clock, period, &start, &end);
    llm_period_bounds(period, &clock->calendar, clock->wall / 1000, &from,
                      &to);

    return start == from && end == to;
}


static void
test_clock(void)
{
    int                  turn;
    uint32_t             i, n;
    llm_clock_t          clock;
    static const int64_t at[] = { 0, 999, HOUR - 1, HOUR, 25 * HOUR,
                                  -1, -40 * QUOTA_DAY, 400 * QUOTA_DAY, 0 };

    quota_clock(&clock, QUOTA_WALL);

    for (turn = 0; turn < (int) (sizeof(at) / sizeof(at[0])); turn++) {
        llm_clock_set(&clock, QUOTA_WALL + at[turn]);

        n = bounds(&clock, 0) + bounds(&clock, DAY) + bounds(&clock, WEEK)
            + bounds(&clock, QUOTA_MONTH);

        /* more periods than the clock remembers */

        for (i = 1; i <= 2 * LLM_CLOCK_PERIODS; i++) {
            n += bounds(&clock, HOURS(i));
        }

        is_int(n, 4 + 2 * LLM_CLOCK_PERIODS, "%lld ms on: all periods",
               (long long) at[turn]);
    }

    is_int(clock.nperiods, LLM_CLOCK_PERIODS, "its memory is full");
}


/* What is left of a meter of a period that began at the wall time after the
   clock has moved by so much: 1 the same period, 0 a new one, -1 nonsense. */

static int
rolled(llm_period_t period, int64_t wall, int64_t by)
{
    int                 rc;
    int64_t             start, end;
    llm_zone_t         *z;
    llm_meter_t        *m, before;
    llm_clock_t         clock;
    llm_index_t         s;
    llm_subject_key_t   key;

    z = quota_zone(SIZE);
    quota_clock(&clock, wall);
    quota_key(z, &key, LLM_SUBJECT_TEAM, "a");

    s = llm_zone_add_subject(z, &key);

    llm_clock_period(&clock, period, &start, &end);
    m = llm_zone_meter(z, llm_zone_add_meter(z, s, period, start, end));

    m->warned = 1;
    m->settled[LLM_COUNT_REQUESTS] = 2;
    m->settled[LLM_COUNT_INPUT] = 3;
    m->settled[LLM_COUNT_OUTPUT] = 4;
    m->settled[LLM_COUNT_COST] = 5;
    before = *m;

    llm_clock_set(&clock, wall + by);
    llm_zone_roll(z, &clock, llm_zone_subject(z, s));
    llm_clock_period(&clock, period, &start, &end);

    rc = -1;

    if (memcmp(m, &before, sizeof(before)) == 0) {
        rc = 1;

    } else if (m->start == start && m->end == end && m->warned == 0
               && m->settled[0] == 0 && m->settled[1] == 0
               && m->settled[2] == 0 && m->settled[3] == 0
               && m->period == period && m->subject == s)
    {
        rc = 0;
    }

    if (z->nundo != 0 || quota_check(z) != NULL) {
        rc = -1;
    }

    munmap(z, SIZE);

    return rc;
}


static void
test_roll(void)
{
    unsigned       i;
    const int64_t  now = QUOTA_WALL + 12 * HOUR;

    is_int(rolled(DAY, now, 0), 1, "day: the same time");
    is_int(rolled(DAY, now, 12 * HOUR - 1), 1, "day: its last ms");
    is_int(rolled(DAY, now, 12 * HOUR), 0, "day: midnight");
    is_int(rolled(DAY, now, 5000 * HOUR), 0, "day: much later");
    is_int(rolled(DAY, now, -12 * HOUR), 1, "day: back to its start");
    is_int(rolled(DAY, now, -12 * HOUR - 1), 1, "day: late by a ms");
    is_int(rolled(DAY, now, -37 * HOUR), 1, "day: 25 hours before it");
    is_int(rolled(DAY, now, -37 * HOUR - 1000), 0, "day: more than that");

    /* however long the period: it is the clock that is late, not the start */

    is_int(rolled(QUOTA_MONTH, QUOTA_WALL, 0), 1, "month: its first ms");
    is_int(rolled(QUOTA_MONTH, QUOTA_WALL, -1), 1, "month: late by a ms");
    is_int(rolled(QUOTA_MONTH, QUOTA_WALL, -25 * HOUR), 1,
           "month: 25 hours before it");
    is_int(rolled(QUOTA_MONTH, QUOTA_WALL, -25 * HOUR - 1000), 0,
           "month: more than that");
    is_int(rolled(QUOTA_MONTH, QUOTA_WALL, 30 * QUOTA_DAY - 1), 1,
           "month: its last ms");
    is_int(rolled(QUOTA_MONTH, QUOTA_WALL, 30 * QUOTA_DAY), 0,
           "month: the next");

    is_int(rolled(HOURS(1), now, HOUR), 0, "hour: the next");
    is_int(rolled(HOURS(1), now, -1), 1, "hour: late by a ms");
    is_int(rolled(HOURS(1), now, -25 * HOUR), 1, "hour: 25 hours before");
    is_int(rolled(HOURS(1), now, -26 * HOUR), 0, "hour: more than that");

    is_int(rolled(0, now, 50000 * HOUR), 1, "forever: years later");
    is_int(rolled(0, now, -50000 * HOUR), 1, "forever: years before");

    /* sweeps about the two borders */

    for (i = 0; i < 100; i++) {
        if (rolled(WEEK, QUOTA_WALL, (int64_t) i * HOUR * 2) == -1
            || rolled(WEEK, QUOTA_WALL, - (int64_t) i * HOUR * 2) == -1)
        {
            break;
        }
    }

    is_int(i, 100, "week: never nonsense");
}


/* Two workers, one of them late, at the turn of a month: a period once begun
   is not left again, whoever comes. */

static void
test_late_worker(void)
{
    int64_t             start, end;
    llm_zone_t         *z;
    llm_meter_t        *m;
    llm_clock_t         late, early;
    llm_index_t         s;
    llm_subject_key_t   key;

    z = quota_zone(SIZE);
    quota_clock(&late, QUOTA_WALL - 3);
    quota_clock(&early, QUOTA_WALL + 2);
    quota_key(z, &key, LLM_SUBJECT_TEAM, "a");

    s = llm_zone_add_subject(z, &key);
    llm_clock_period(&late, QUOTA_MONTH, &start, &end);
    m = llm_zone_meter(z, llm_zone_add_meter(z, s, QUOTA_MONTH, start, end));
    m->settled[LLM_COUNT_COST] = 100;

    llm_zone_roll(z, &late, llm_zone_subject(z, s));
    is_int(m->settled[LLM_COUNT_COST], 100, "the old month");

    llm_zone_roll(z, &early, llm_zone_subject(z, s));
    is_int(m->settled[LLM_COUNT_COST], 0, "the new month");
    m->settled[LLM_COUNT_COST] = 1;

    llm_zone_roll(z, &late, llm_zone_subject(z, s));
    is_int(m->settled[LLM_COUNT_COST], 1, "is the late worker's too");

    llm_zone_roll(z, &early, llm_zone_subject(z, s));
    is_int(m->settled[LLM_COUNT_COST], 1, "and has not begun twice");

    /* a reload with another reset day: old and new workers side by side */

    early.calendar.reset_day = 15;
    early.nperiods = 0;
    late.nperiods = 0;

    llm_clock_set(&late, QUOTA_WALL + 10 * QUOTA_DAY);
    llm_clock_set(&early, QUOTA_WALL + 10 * QUOTA_DAY);

    llm_zone_roll(z, &early, llm_zone_subject(z, s));
    llm_zone_roll(z, &late, llm_zone_subject(z, s));
    is_int(m->settled[LLM_COUNT_COST], 1, "a start in the past changes none");

    llm_clock_set(&late, QUOTA_WALL + 14 * QUOTA_DAY);
    llm_clock_set(&early, QUOTA_WALL + 14 * QUOTA_DAY);

    llm_zone_roll(z, &late, llm_zone_subject(z, s));
    is_int(m->settled[LLM_COUNT_COST], 1, "nor an old worker's");
    llm_zone_roll(z, &early, llm_zone_subject(z, s));
    is_int(m->settled[LLM_COUNT_COST], 0, "the new day begins it anew");
    m->settled[LLM_COUNT_COST] = 1;
    llm_zone_roll(z, &late, llm_zone_subject(z, s));
    is_int(m->settled[LLM_COUNT_COST], 1, "for the old worker too");

    munmap(z, SIZE);
}


int
main(void)
{
    test_clock();
    test_roll();
    test_late_worker();

    return tap_done();
}
