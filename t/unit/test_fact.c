
/*
 * Copyright (C) the llm_quota authors
 */


#include "kill.h"
#include "llm_fact.h"
#include "llm_load.h"
#include "llm_others.h"


/*
 * Corrections and resets in the zone: with their slot at once or not at all,
 * whoever is killed.
 */


#define DAY  LLM_PERIOD(LLM_PERIOD_DAYS, 1)


static llm_subject_key_t  keys[2];
static llm_fact_period_t  periods[LLM_SUBJECT_METERS];


static void
change_of(llm_fact_change_t *change, int64_t cost)
{
    memset(change, 0, sizeof(llm_fact_change_t));

    change->keys = keys;
    change->nkeys = 2;
    change->time = walls.wall / 1000;
    change->amount[LLM_COUNT_COST] = cost;
}


/* Two subjects with a month and a day each, of which the second day is not
   loaded. */

static void
prepare_subjects(void)
{
    unsigned             i;
    llm_load_t           rows[2];
    const llm_period_t   of[] = { QUOTA_MONTH, DAY };

    quota_key(z, &keys[0], TEAM, "a");
    quota_key(z, &keys[1], USER, "u");

    memset(rows, 0, sizeof(rows));

    enter();

    for (i = 0; i < 2; i++) {
        int64_t  end;

        rows[i].period = of[i];
        rows[i].sum[LLM_COUNT_COST] = 100;
        rows[i].sum[LLM_COUNT_INPUT] = 9;
        llm_clock_period(&walls, of[i], &rows[i].start, &end);
    }

    (void) llm_zone_load(z, &walls, &keys[0], of, 2, rows, 2);
    (void) llm_zone_load(z, &walls, &keys[1], of, 1, rows, 2);

    llm_zone_leave(z);
}


static llm_index_t
make(const llm_fact_change_t *change)
{
    llm_index_t  i;

    i = llm_fact_slot(z);

    if (i != LLM_NONE) {
        llm_zone_fact(z, i)->len = 7;
        memcpy(llm_zone_fact(z, i)->line, "a line\n", 7);
        llm_fact_make(z, &walls, i, 3, change);
    }

    return i;
}


static void
act_correct(void)
{
    llm_fact_change_t  change;

    enter();
    change_of(&change, -30);
    (void) make(&change);
    llm_zone_leave(z);
}


static void
act_reset(void)
{
    unsigned           i, n;
    llm_fact_change_t  change;

    enter();
    change_of(&change, 0);

    n = llm_fact_shown(z, &walls, &keys[0], periods);

    for (i = 0; i < n; i++) {
        periods[i].amount[LLM_COUNT_COST] *= -1;
        periods[i].amount[LLM_COUNT_INPUT] = 0;
    }

    change.nkeys = 1;
    change.periods = periods;
    change.nperiods = n;

    (void) make(&change);
    llm_zone_leave(z);
}


static void
act_adopt(void)
{
    llm_fact_change_t  change;

    enter();
    change_of(&change, 5);
    llm_fact_adopt(z, &walls, &change, llm_zone_mark(z, 7, 1), 50);
    llm_zone_leave(z);
}


static llm_meter_t *
meter_of(unsigned key, llm_period_t period)
{
    llm_index_t  i;

    i = llm_zone_find(z, &keys[key]);

    return llm_zone_find_meter(z, llm_zone_subject(z, i), period);
}


static int64_t
cost_of(unsigned key, llm_period_t period)
{
    return meter_of(key, period)->settled[LLM_COUNT_COST];
}


static void
test_fact(void)
{
    unsigned           key, n;
    llm_index_t        i;
    llm_fact_change_t  change;

    begin();
    prepare_subjects();

    act_correct();
    ok(cost_of(0, QUOTA_MONTH) == 70 && cost_of(0, DAY) == 70
       && cost_of(1, QUOTA_MONTH) == 70, "a correction is in all meters");

    enter();

    ok(llm_zone_fact(z, 0)->used && llm_zone_fact(z, 0)->id,
       "its slot is taken");
    ok(llm_fact_is_left(z, 0) == 0, "by one who lives");
    z->workers[3].generation++;
    ok(llm_fact_is_left(z, 0), "and now does not");
    llm_fact_take(z, 0, 4);
    ok(!llm_fact_is_left(z, 0), "another takes it");
    llm_fact_take(z, 0, LLM_NONE);
    ok(llm_fact_is_left(z, 0), "or gives it away");

    change_of(&change, -70);
    ok(llm_fact_fits(z, &walls, &change, &key), "what is there may go");
    change_of(&change, -71);
    key = 9;
    ok(!llm_fact_fits(z, &walls, &change, &key) && key == 0, "not more");
    change.time = 0;
    ok(llm_fact_fits(z, &walls, &change, &key), "of another period it is not");

    change_of(&change, 1);

    for (n = 1; (i = make(&change)) != LLM_NONE; n++) { /* void */ }

    is_int(n, z->nfacts, "all slots");
    is_int(cost_of(0, DAY), 70 + z->nfacts - 1, "without one nothing is made");

    llm_fact_free(z, 0);
    is_int(llm_fact_slot(z), 0, "until one is free");

    change_of(&change, INT64_MAX);
    (void) make(&change);
    ok(cost_of(0, DAY) == INT64_MAX, "sums saturate");

    llm_zone_leave(z);

    act_reset();
    enter();
    llm_fact_free(z, 0);
    llm_zone_leave(z);
    act_reset();
    ok(cost_of(0, DAY) == 0 && cost_of(0, QUOTA_MONTH) == 0, "a reset");
    ok(cost_of(1, QUOTA_MONTH) == INT64_MAX, "is of one subject");
    is_int(meter_of(0, DAY)->settled[LLM_COUNT_INPUT], 9,
           "and of what it says");

    act_adopt();
    act_adopt();
    is_int(cost_of(0, DAY), 5, "another zone's is adopted once");

    finish();
}


/* What other nodes have settled is taken off here. */

static void
test_others(void)
{
    unsigned           key;
    llm_meter_t       *m;
    llm_fact_change_t  change;

    static const int64_t  others[LLM_COUNTS] = { 0, 0, 0, 50 };
    static const int64_t  unclaimed[LLM_COUNTS];
    static const int64_t  more[LLM_COUNTS] = { 0, 0, 0, 80 };
    static const int64_t  claimed[LLM_COUNTS] = { 0, 0, 0, 30 };

    begin();
    prepare_subjects();

    enter();

    m = meter_of(0, DAY);

    llm_others_start(z, 1);
    llm_others_set(z, m, others, unclaimed);

    change_of(&change, -101);
    change.nkeys = 1;
    ok(!llm_fact_fits(z, &walls, &change, &key), "of the month there is less");

    llm_others_set(z, meter_of(0, QUOTA_MONTH), others, unclaimed);
    ok(llm_fact_fits(z, &walls, &change, &key), "what others have may go");

    llm_zone_leave(z);

    is_int(m->generation, 0, "nothing fell");
    act_adopt();
    is_int(m->generation, 0, "more is no other generation");
    act_correct();
    is_int(m->generation, 1, "less is");

    enter();
    llm_fact_free(z, 0);
    llm_others_set(z, m, more, claimed);
    llm_zone_leave(z);

    act_reset();
    is_int(m->generation, 2, "as is a reset");
    is_int(m->settled[LLM_COUNT_COST], -50, "of all that is shown: no claims");

    finish();
}


static const operation_t  operations[] = {
    { "correct", prepare_subjects, act_correct, 0, 1 },
    { "correct, over a month's end", prepare_subjects, act_correct,
      40 * 24 * HOUR, 0 },
    { "reset", prepare_subjects, act_reset, 0, 1 },
    { "adopt", prepare_subjects, act_adopt, 0, 0 }
};


int
main(void)
{
    test_fact();
    test_others();

    if (!kill_begin()) {
        return 0;
    }

    kill_all(operations, sizeof(operations) / sizeof(operations[0]));

    ok(caught[NO_REPAIR] > 10, "a zone that is not repaired is seen: %u",
       caught[NO_REPAIR]);
    ok(caught[NO_JOURNAL] > 10, "a repair without the journal: %u",
       caught[NO_JOURNAL]);

    return tap_done();
}
