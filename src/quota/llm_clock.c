
/*
 * Copyright (C) the llm_quota authors
 */


#include "llm_zone.h"


/*
 * Workers learn the time of day one after the other, and a clock may be set
 * back: what has begun a period stays in it, so that no worker that is late
 * opens the one before again.  Further back than any time zone can explain,
 * it was the clock that erred.
 */

#define LLM_CLOCK_BACK  (25 * 3600)


static void llm_clock_roll_meter(llm_zone_t *z, llm_meter_t *m, int64_t start,
    int64_t end);


void
llm_clock_set(llm_clock_t *clock, int64_t wall)
{
    int64_t              now;
    uint32_t             i;
    llm_clock_period_t  *p;

    clock->wall = wall;
    now = wall / 1000;

    for (i = 0; i < clock->nperiods; i++) {
        p = &clock->periods[i];

        if (now < p->start || now >= p->end) {
            llm_period_bounds(p->period, &clock->calendar, now, &p->start,
                              &p->end);
        }
    }
}


void
llm_clock_period(llm_clock_t *clock, llm_period_t period, int64_t *start,
    int64_t *end)
{
    uint32_t             i;
    llm_clock_period_t  *p;

    for (i = 0; i < clock->nperiods; i++) {
        p = &clock->periods[i];

        if (p->period == period) {
            *start = p->start;
            *end = p->end;
            return;
        }
    }

    llm_period_bounds(period, &clock->calendar, clock->wall / 1000, start, end);

    if (clock->nperiods < LLM_CLOCK_PERIODS) {
        p = &clock->periods[clock->nperiods++];

        p->period = period;
        p->start = *start;
        p->end = *end;
    }
}


void
llm_zone_roll(llm_zone_t *z, llm_clock_t *clock, const llm_subject_t *subject)
{
    int64_t       start, end;
    llm_index_t   i;
    llm_meter_t  *m;

    if (subject->minute != LLM_NONE) {
        llm_window_roll(&llm_zone_minute(z, subject->minute)->window,
                        z->now / 1000);
    }

    for (i = subject->meters; i != LLM_NONE; i = m->next) {
        m = llm_zone_meter(z, i);

        llm_clock_period(clock, m->period, &start, &end);

        if (start > m->start
            || m->start - clock->wall / 1000 > LLM_CLOCK_BACK)
        {
            llm_clock_roll_meter(z, m, start, end);
        }
    }
}


/*
 * A change of its own: a meter stands in one period or in the other, since
 * whoever enters after a kill may still be in the first.
 */

static void
llm_clock_roll_meter(llm_zone_t *z, llm_meter_t *m, int64_t start, int64_t end)
{
    uint32_t  i;

    /* of a period that a clock set back returns to there are sums */

    if (start < m->start) {
        llm_zone_put32(z, &m->loaded, 0);
        llm_zone_put32(z, &m->shared, 0);
    }

    for (i = 0; i < LLM_COUNTS; i++) {
        llm_zone_put64(z, &m->settled[i], 0);
        llm_zone_put64(z, &m->others[i], 0);
        llm_zone_put64(z, &m->claimed[i], 0);
        llm_zone_put64(z, &m->claim.have[i], 0);
        llm_zone_put64(z, &m->claim.want[i], 0);
    }

    llm_zone_put32(z, &m->claim.granted, 0);
    llm_zone_put64(z, &m->generation, 0);
    llm_zone_put64(z, &m->warned, 0);
    llm_zone_put32(z, &m->refused, 0);
    llm_zone_put64(z, &m->start, start);
    llm_zone_put64(z, &m->end, end);

    llm_zone_commit(z);
}


llm_index_t
llm_zone_roll_idle(llm_zone_t *z, llm_clock_t *clock, llm_index_t i,
    uint32_t n)
{
    int64_t       now;
    llm_meter_t  *m;

    now = clock->wall / 1000;

    for ( /* void */ ; n && i < z->nmeters; n--, i++) {
        m = llm_zone_meter(z, i);

        if (m->subject != LLM_NONE && (m->end <= now || m->start > now)) {
            llm_zone_roll(z, clock, llm_zone_subject(z, m->subject));
        }
    }

    return (i < z->nmeters) ? i : LLM_NONE;
}
