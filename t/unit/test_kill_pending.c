
/*
 * Copyright (C) the llm_quota authors
 */


#include "kill_three.h"


/* What is made in the background: a request leaves its record, in a ring that
   has room or none, and somebody charges it. */

static llm_index_t  charged;
static uint64_t     ring_id;


static void
act_leave(void)
{
    v.reservation = held;
    v.id = held_id;

    (void) settle_pending("resp_1");
}


static void
act_charge(void)
{
    (void) charge_pending(find_pending("resp_1"), held_id, 5, 6, 7);
}


static void
act_sweep(void)
{
    (void) sweep_pending();
}


static void
act_restore(void)
{
    (void) restore_pending("resp_2", 77, 5, 0, 40);
}


static void
prepare_first(void)
{
    prepare_held();
    act_leave();
}


static void
prepare_left(void)
{
    prepare_first();
    release(held);
}


/* A full ring, in which the number of a record is its name. */

static void
prepare_full(int charge)
{
    char      name[16];
    uint32_t  n;

    ring_id = z->number + 1;

    for (n = 0; n < z->npendings; n++) {
        (void) sprintf(name, "%u", n);

        act_admit();
        (void) settle_pending(name);
        release(v.reservation);

        if (charge) {
            release(charge_pending(n, v.id, 1, 1, 1));
        }
    }

    prepare_held();
}


static void
prepare_ring(void)
{
    prepare_full(1);
}


/* The oldest is charged what was expected. */

static void
first_charged(void)
{
    llm_settlement_t  s;

    memset(&s, 0, sizeof(llm_settlement_t));

    s.timestamp = walls.wall;
    llm_settle_expected(three.expected, three.started, &s);

    enter();
    charged = llm_pending_charge(z, &walls, 0, ring_id, three.worker, &s);
    llm_zone_leave(z);
}


static void
prepare_crowded(void)
{
    prepare_full(0);

    first = first_charged;
}


/* The store has all of them: the oldest is gone, with all that it has, and the
   store is asked about it. */

static void
first_left(void)
{
    enter();
    llm_zone_pending(z, 0)->state = LLM_PENDING_FREE;
    z->pending_left = now;
    llm_zone_repair(z);
    llm_zone_leave(z);
}


/* Whether what the store has is charged, once. */

static int
is_restored(const char *name, uint64_t number)
{
    llm_index_t  i;

    i = find_pending(name);

    if (i == LLM_NONE || llm_zone_pending(z, i)->state == LLM_PENDING_OPEN) {
        release(restore_pending(name, z->epoch, number, 1, 40));
    }

    i = find_pending(name);

    return i != LLM_NONE
           && llm_zone_pending(z, i)->state == LLM_PENDING_CHARGED
           && restore_pending(name, z->epoch, number, 1, 40) == LLM_NONE;
}


/* Each answer is charged once, whoever it is charged by: that of the request
   in hand 30, where there is one, what the store has 40 each. */

static const char *
end_as(int64_t cost)
{
    if (find_pending("0") == LLM_NONE && !llm_pending_elsewhere(z)) {
        return "nobody asks the store";
    }

    if (!is_restored("0", ring_id)) {
        return "what the store has is lost, or charged twice";
    }

    enter();
    cost -= llm_zone_find_meter(z, llm_zone_subject(z, find(TEAM, "a")),
                                QUOTA_MONTH)->settled[LLM_COUNT_COST];
    llm_zone_leave(z);

    return cost ? "what it all comes to" : quota_check(z);
}


static const char *
end_left(void)
{
    llm_zone_t   *traced;
    const char   *error;
    llm_index_t   i;

    traced = z;
    z = copy;

    /* the sweep of who was killed charges it, or who asks about it */

    i = find_pending("resp_1");

    if (i == LLM_NONE) {
        (void) settle(held, held_id, 10, 20, 30);
    }

    release(held);

    if (i != LLM_NONE) {
        release(charge_pending(i, held_id, 10, 20, 30));
    }

    error = end_as(30 + 40);

    z = traced;

    return error;
}


static const char *
end_restored(void)
{
    llm_zone_t  *traced;
    const char  *error;

    traced = z;
    z = copy;

    error = is_restored("resp_2", 5) ? end_as(40 + 40) : "it is lost";

    z = traced;

    return error;
}


static void
prepare_kept(void)
{
    prepare_full(0);
    pass(10);

    z->carried = now;
    z->pending_known = 1;

    first = first_left;
    conclude = end_left;
}


static void
prepare_kept_all(void)
{
    prepare_kept();

    conclude = end_restored;
}


/* The oldest is charged, and its line is written. */

static void
prepare_charged(void)
{
    prepare_full(0);
    pass(10);
    first_charged();
    release(charged);

    z->stored = 1;
}


/* An hour and a day after, less what the operation says. */

static void
prepare_hour(void)
{
    prepare_left();
    pass(LLM_PENDING_HOLD - 1);
}


static void
prepare_day(void)
{
    prepare_hour();
    pass(1);
    act_sweep();
    pass(LLM_PENDING_KEEP - LLM_PENDING_HOLD - 1);
}


static const operation_t  operations[] = {
    { "leave pending", prepare_held, act_leave, 0, 0 },
    { "leave pending, in place of what the store has", prepare_kept,
      act_leave, 0, 1 },
    { "charge what the store has, in place of another", prepare_kept_all,
      act_restore, 0, 0 },
    { "leave pending, where there is no room", prepare_crowded, act_leave, 0,
      0 },
    { "leave pending, in place of a charge", prepare_charged, act_leave, 0,
      0 },
    { "leave pending, in place of a charge, without a store", prepare_ring,
      act_leave, 0, 0 },
    { "the line of what is pending", prepare_first, act_release, 5, 0 },
    { "charge what is pending", prepare_left, act_charge, 2100, 0 },
    { "charge what the store has, all known", prepare_left, act_restore, 2100,
      0 },
    { "give back what is pending", prepare_hour, act_sweep, 1, 0 },
    { "charge what nobody asked for", prepare_day, act_sweep, 1, 0 },
    { "charge what the store has", prepare_nothing, act_restore, 0, 1 }
};


int
main(void)
{
    if (!kill_begin()) {
        return 0;
    }

    prepare_three();
    kill_all(operations, sizeof(operations) / sizeof(operations[0]));

    ok(caught[NO_REPAIR] > 100, "a zone that is not repaired is seen: %u",
       caught[NO_REPAIR]);
    ok(caught[NO_JOURNAL] > 100, "a repair without the journal: %u",
       caught[NO_JOURNAL]);
    ok(caught[NO_CHARGE] > 100, "a charge that is noted and forgotten: %u",
       caught[NO_CHARGE]);

    return tap_done();
}
