
/*
 * Copyright (C) the llm_quota authors
 */


#include "kill_three.h"
#include "llm_evict.h"
#include "llm_others.h"
#include "llm_outgrow.h"


/* What admits, settles and gives back. */

static llm_row_t    narrow;
static llm_ask_t    refused, ends;
static llm_index_t  other;


static void
prepare_asks(void)
{
    prepare_three();

    quota_row(&narrow, "rpm=1");

    refused = three;
    refused.subjects[1].row = &narrow;

    ends = three;
    quota_key(z, &ends.subjects[1].key, TEAM, "b");
}


static void
act_refuse(void)
{
    (void) admit(&refused);
}


static void
act_settle(void)
{
    (void) settle(held, held_id, 5, 6, 7);
}


static void
act_merge(void)
{
    enter();
    llm_merge_settled(z, held, other);
    llm_zone_leave(z);
}


static void
act_outgrow(void)
{
    unsigned        i;
    llm_progress_t  p;
    llm_standing_t  s;

    memset(&p, 0, sizeof(llm_progress_t));

    p.reservation = held;
    p.id = held_id;
    p.nsubjects = three.nsubjects;
    p.reserve = LLM_RESERVE_ESTIMATE;

    for (i = 0; i < three.nsubjects; i++) {
        p.rows[i] = three.subjects[i].row;
    }

    p.used[LLM_COUNT_INPUT] = 9;
    p.used[LLM_COUNT_OUTPUT] = 50;
    p.used[LLM_COUNT_COST] = 60;

    enter();
    (void) llm_outgrow(z, &walls, &p, &s);
    llm_zone_leave(z);
}


static void
act_hear(void)
{
    const int64_t  others[LLM_COUNTS] = { 1, 2, 3, 4 };
    const int64_t  claimed[LLM_COUNTS] = { 0, 1, 1, 2 };

    enter();
    llm_others_set(z, llm_zone_meter(z, 0), others, claimed);
    llm_zone_leave(z);
}


/* One has to leave. */

static void
act_evict(void)
{
    llm_room_t  room;

    memset(&room, 0, sizeof(llm_room_t));

    room.subjects = z->subjects_left + 1;

    enter();
    (void) llm_make_room(z, &walls, &room, NULL, 0);
    llm_zone_leave(z);
}


static void
prepare_settled(void)
{
    prepare_held();
    act_settle();
}


static void
prepare_two(void)
{
    prepare_settled();
    other = held;
    prepare_settled();
}


/* One who is settled and in the store, beside others who are not. */

static void
prepare_stored(void)
{
    prepare_held();
    pass(61000);

    three.subjects[1].key = ends.subjects[1].key;
    act_admit();
    held = v.reservation;
    held_id = v.id;
    act_settle();
    release(held);
    three.subjects[1].key = refused.subjects[1].key;

    pass(61000);
    z->carried = now;
    z->stored = 1;

    /* at the last round of who is to leave */

    llm_zone_subject(z, find(TEAM, "b"))->rounds = 0;
}


/* In the last seconds of a month. */

static void
prepare_month(void)
{
    pass(QUOTA_WALL - walls.wall - 2000);
    prepare_settled();
    pass(999);
    prepare_held();
    pass(1000);
}


static const operation_t  operations[] = {
    { "settle", prepare_held, act_settle, 0, 0 },
    { "settle, over a month's end", prepare_month, act_settle, 3, 1 },
    { "settle, a minute later", prepare_held, act_settle, 60500, 0 },
    { "outgrow", prepare_held, act_outgrow, 2100, 0 },
    { "hear of others", prepare_held, act_hear, 0, 0 },
    { "give back", prepare_settled, act_release, 0, 0 },
    { "leave", prepare_stored, act_evict, 1, 1 },
    { "merge", prepare_two, act_merge, 0, 0 },
    { "admit, all new", prepare_nothing, act_admit, 0, 1 },
    { "admit, over a month's end", prepare_month, act_admit, 3, 0 },
    { "admit, all known", prepare_held, act_admit, 2100, 0 },
    { "refuse, over a month's end", prepare_month, act_refuse, 3, 0 },
    { "refuse", prepare_held, act_refuse, 2100, 0 }
};

#define OPERATIONS  (sizeof(operations) / sizeof(operations[0]))


int
main(void)
{
    if (!kill_begin()) {
        return 0;
    }

    prepare_asks();
    kill_all(operations, OPERATIONS);

    /* what these tests are blind to they do not test */

    ok(caught[NO_REPAIR] > 100, "a zone that is not repaired is seen: %u",
       caught[NO_REPAIR]);
    ok(caught[NO_JOURNAL] > 100, "a repair without the journal: %u",
       caught[NO_JOURNAL]);
    ok(caught[NO_CHARGE] > 100, "a charge that is noted and forgotten: %u",
       caught[NO_CHARGE]);

    return tap_done();
}
