
/*
 * Copyright (C) the llm_quota authors
 */


#include "llm_evict.h"
#include "world.h"


/*
 * A zone that is too small: who leaves it, and when.
 */


#define CUSTOMER  LLM_SUBJECT_CUSTOMER
#define LARGE     (6 << 20)


static llm_row_t  row;
static char       name[16];


/* A request of one subject, all the way. */

static llm_decision_e
once(llm_subject_type_e type, const char *who, int64_t cost)
{
    llm_ask_t  ask;

    quota_ask(&ask, LLM_RESERVE_ESTIMATE);
    quota_subject(z, &ask, type, who, &row, 0);

    if (admit(&ask) == LLM_ADMITTED) {
        (void) settle(v.reservation, v.id, 0, 0, cost);
        release(v.reservation);
    }

    return v.decision;
}


static const char *
nth(const char *prefix, unsigned i)
{
    (void) sprintf(name, "%s%u", prefix, i);

    return name;
}


/* As many as fit. */

static unsigned
fill(llm_subject_type_e type, const char *prefix, int64_t cost)
{
    unsigned  i;

    for (i = 0; once(type, nth(prefix, i), cost) == LLM_ADMITTED; i++) {
        if (z->evictions) {
            break;
        }
    }

    return i;
}


/* The leader has carried everything that was written until now. */

static void
carry(void)
{
    pass(1);
    enter();
    z->carried = z->now;
    llm_zone_leave(z);
}


static int
is_there(llm_subject_type_e type, const char *who)
{
    return find(type, who) != LLM_NONE;
}


static void
begin_with(const char *text, unsigned stored)
{
    begin();
    quota_row(&row, text);
    z->stored = stored;
}


/* With a store, and no period that would have to be asked of it. */

static void
test_stored(void)
{
    unsigned  n;

    begin_with("parallel=9", 1);
    n = fill(CUSTOMER, "c", 1);

    ok(n > 40 && n == z->nsubjects - z->nsubjects / 16,
       "customers fill all but a part: %u of %u", n, z->nsubjects);
    is_int(z->evictions, 0, "nothing is carried yet: nobody leaves");
    is_int(z->full, 1, "that is counted");

    ok(once(TEAM, "t", 1) == LLM_ADMITTED, "a team has room yet");
    ok(once(CUSTOMER, "new", 1) == LLM_FULL, "a customer has not");

    row.named = 1;
    ok(once(CUSTOMER, "named", 1) == LLM_ADMITTED, "unless a row names it");
    row.named = 0;

    carry();
    ok(once(CUSTOMER, "c3", 1) == LLM_ADMITTED, "who is known needs no room");
    n = z->evictions;
    is_int(n, 0, "and nobody leaves for it");

    ok(once(CUSTOMER, "new", 1) == LLM_ADMITTED, "for who is new");

    /* the team and the named one took of the part that is kept */

    is_int(z->evictions, 2, "as many leave as come, and one more");
    ok(is_there(CUSTOMER, "c3"), "not who was just written of");
    ok(is_there(TEAM, "t") && is_there(CUSTOMER, "named"),
       "nor the team, nor the named one");
    finish();
}


/* What is lacking are meters: only those leave who have some. */

static void
test_meters(void)
{
    unsigned     i, n;
    llm_index_t  s;

    begin_with("parallel=9", 1);

    for (i = 0; i < 8; i++) {
        (void) once(CUSTOMER, nth("none", i), 1);
    }

    row.nperiods = 1;
    row.periods[0] = LLM_PERIOD(LLM_PERIOD_DAYS, 1);
    z->stored = 0;

    for (i = 0; i < 8; i++) {
        (void) once(CUSTOMER, nth("some", i), 1);
    }

    enter();

    for (n = 2; z->meters_left > z->nmeters / 16; n++) {
        s = find(CUSTOMER, nth("some", n % 8));
        (void) llm_zone_add_meter(z, s, LLM_PERIOD(LLM_PERIOD_DAYS, n), 0, 1);
    }

    llm_zone_leave(z);
    carry();

    z->stored = 1;
    row.nperiods = 0;
    ok(once(CUSTOMER, "new", 1) == LLM_ADMITTED && z->evictions == 0,
       "who needs none needs no room");

    z->stored = 0;
    row.nperiods = 1;
    pass(QUOTA_DAY);
    (void) once(CUSTOMER, "new", 1);

    ok(z->evictions == 1, "one leaves: %d", (int) z->evictions);

    for (i = n = 0; i < 8; i++) {
        n += is_there(CUSTOMER, nth("none", i));
    }

    is_int(n, 8, "not those whose leaving helps nobody");
    munmap(z, SIZE);
}


/* Whoever comes finds somebody who leaves, wherever the hand is. */

static void
test_rounds(void)
{
    unsigned  i, n, bad;

    begin_with("parallel=9", 1);
    munmap(z, SIZE);

    /* the hand has fewer steps than there is room kept */

    z = quota_zone(LARGE);
    z->stored = 1;
    n = fill(CUSTOMER, "c", 1);
    bad = 0;

    for (i = 0; i < 3 * n; i++) {
        carry();
        bad += (once(CUSTOMER, nth("n", i), 1) != LLM_ADMITTED);
    }

    ok(z->subjects_left > LLM_EVICT_STEPS, "%u are kept", z->subjects_left);
    is_int(bad, 0, "three rounds: nobody is refused");
    is_int(z->evictions, i, "for each of %u one has left", i);
    ok(quota_check(z) == NULL, "and the zone is sound");
    munmap(z, LARGE);
}


/* Those who were used since the hand came by stay for a round more. */

static void
test_recent(void)
{
    unsigned  i, n, stay, left;

    begin_with("parallel=9", 1);
    n = fill(CUSTOMER, "c", 1);
    carry();

    /* one round of the hand, a few steps at a time */

    for (i = 0; i * LLM_EVICT_STEPS < z->nsubjects; i++) {
        ok(once(CUSTOMER, nth("f", i), 1) == LLM_ADMITTED, "one for another");
        carry();
    }

    is_int(z->evictions, i, "one at a time");

    for (i = 0; i < n; i += 2) {
        (void) once(CUSTOMER, nth("c", i), 1);
    }

    carry();

    for (i = 0; i < n / 4; i++) {
        (void) once(CUSTOMER, nth("n", i), 1);
    }

    stay = left = 0;

    for (i = 0; i < n; i++) {
        if (i % 2) {
            left += !is_there(CUSTOMER, nth("c", i));

        } else {
            stay += is_there(CUSTOMER, nth("c", i));
        }
    }

    ok(left >= n / 4 - 2, "those who were idle have left: %u", left);
    ok(stay >= n / 2 - 2, "those who were not stay: %u of %u", stay,
       (n + 1) / 2);
    finish();
}


/* Customers first, teams last. */

static void
test_order(void)
{
    unsigned  i, teams, users;

    begin_with("parallel=9", 1);

    for (i = 0; i < 5; i++) {
        (void) once(TEAM, nth("t", i), 1);
        (void) once(USER, nth("u", i), 1);
    }

    (void) fill(CUSTOMER, "c", 1);
    carry();

    for (i = 0; z->evictions < z->nsubjects - 20; i++) {
        (void) once(CUSTOMER, nth("n", i % 8), 1);
        (void) once(CUSTOMER, nth("m", i), 1);

        if (i % 4 == 0) {
            carry();
        }
    }

    teams = users = 0;

    for (i = 0; i < 5; i++) {
        teams += is_there(TEAM, nth("t", i));
        users += is_there(USER, nth("u", i));
    }

    is_int(teams, 5, "teams stay while customers leave");

    while (is_there(TEAM, "t0")) {
        (void) once(CUSTOMER, nth("m", i++), 1);
        carry();
    }

    users = 0;

    for (i = 0; i < 5; i++) {
        users += is_there(USER, nth("u", i));
    }

    is_int(users, 0, "users have left before a team does");
    finish();
}


/* The whole zone is wanted: everybody leaves who can. */

static void
want_all(void)
{
    unsigned    i;
    llm_room_t  room;

    memset(&room, 0, sizeof(llm_room_t));
    room.subjects = z->nsubjects;

    for (i = 0; i < 50; i++) {
        enter();
        (void) llm_make_room(z, &walls, &room, NULL, 0);
        llm_zone_leave(z);
    }
}


static void
test_held(void)
{
    llm_ask_t    ask;
    llm_index_t  held, settled;

    begin_with("rpm=1000", 1);

    quota_ask(&ask, LLM_RESERVE_ESTIMATE);
    quota_subject(z, &ask, CUSTOMER, "held", &row, 0);
    admit(&ask);
    held = v.reservation;

    quota_ask(&ask, LLM_RESERVE_ESTIMATE);
    quota_subject(z, &ask, CUSTOMER, "settled", &row, 0);
    admit(&ask);
    (void) settle(v.reservation, v.id, 1, 1, 1);
    settled = v.reservation;

    quota_ask(&ask, LLM_RESERVE_ESTIMATE);
    quota_subject(z, &ask, CUSTOMER, "pending", &row, 0);
    admit(&ask);
    (void) settle_pending("resp_1");
    release(v.reservation);

    (void) once(CUSTOMER, "idle", 1);
    row.named = 1;
    (void) once(CUSTOMER, "named", 1);
    row.named = 0;

    carry();

    want_all();

    is_int(z->evictions, 0, "nobody whose minute is not over");

    pass(61000);
    carry();
    ok(once(CUSTOMER, "young", 1) == LLM_ADMITTED, "somebody comes");

    want_all();

    ok(!is_there(CUSTOMER, "idle"), "who was idle for a minute leaves");
    ok(is_there(CUSTOMER, "held"), "not who is in flight");
    ok(is_there(CUSTOMER, "settled"), "nor who has no line yet");
    ok(is_there(CUSTOMER, "pending"), "nor whose answer is pending");
    ok(is_there(CUSTOMER, "named"), "nor whom a row names");
    ok(is_there(CUSTOMER, "young"), "nor who has come since the carry");
    is_int(z->evictions, 1, "one is counted");

    (void) settle(held, 1, 1, 1, 1);
    release(held);
    release(settled);
    release(charge_pending(find_pending("resp_1"), 3, 1, 1, 1));

    pass(62000);

    want_all();

    is_int(z->evictions, 1, "what was written of them is not carried");
    carry();

    enter();
    llm_evict_unpin(z);
    llm_zone_leave(z);

    want_all();

    is_int(z->evictions, 6, "then all leave, the row is gone, too");
    is_int(z->subjects_left, z->nsubjects, "and nobody is there");
    finish();
}


/* Without a store. */

static void
test_unstored(void)
{
    unsigned  n, i;

    begin_with("budget=5/day", 0);
    n = fill(CUSTOMER, "c", 7);
    is_int(z->evictions, 0, "sums of a period that is not over stay");

    pass(61000);
    ok(once(CUSTOMER, "new", 7) == LLM_FULL, "a minute later, too");
    is_int(used(CUSTOMER, "c3", "budget=1/day"), 7, "and are remembered");

    pass(12 * HOUR);

    for (i = 0; z->evictions == 0 && i < 20; i++) {
        (void) once(CUSTOMER, "new", 7);
    }

    ok(z->evictions > 0, "with the next day they leave");
    finish();

    begin_with("budget=5", 0);
    n = fill(CUSTOMER, "c", 7);
    pass(400 * QUOTA_DAY);

    for (i = 0; i < 20; i++) {
        (void) once(CUSTOMER, "new", 7);
    }

    ok(n && z->evictions == 0, "what never ends never leaves");
    finish();

    begin_with("rpm=100", 0);
    n = fill(CUSTOMER, "c", 7);
    pass(60400);

    for (i = 0; i < 20; i++) {
        (void) once(CUSTOMER, "new", 7);
    }

    is_int(z->evictions, 0, "nor a minute that is not over");

    pass(700);

    for (i = 0; z->evictions == 0 && i < 20; i++) {
        (void) once(CUSTOMER, "new", 7);
    }

    ok(n && z->evictions > 0, "then they do");
    finish();

    /* a store that came later has not what was settled before */

    begin_with("budget=5/day", 0);
    n = fill(CUSTOMER, "c", 7);
    z->stored = 1;
    z->unstored = 1;
    carry();
    row.nperiods = 0;
    row.nlimits = 0;

    for (i = 0; i < 20; i++) {
        (void) once(CUSTOMER, "new", 7);
    }

    ok(n && z->evictions == 0, "a store that came later changes nothing");
    finish();
}


/* A hand that finds nobody has gone a few steps. */

static void
test_steps(void)
{
    llm_index_t  hand;

    begin_with("parallel=9", 1);
    (void) fill(CUSTOMER, "c", 1);

    hand = z->hand;
    ok(once(CUSTOMER, "new", 1) == LLM_FULL, "full");
    is_int((z->hand + z->top - hand) % z->top, LLM_EVICT_STEPS % z->top,
           "the hand has gone its steps");
    finish();
}


/* Whoever read the store before another left it there reads it again. */

static void
test_since(void)
{
    uint64_t            before;
    llm_subject_key_t   key;

    begin_with("parallel=9", 1);
    (void) once(CUSTOMER, "c", 1);
    carry();

    quota_key(z, &key, CUSTOMER, "c");
    before = z->now;

    ok(!llm_evict_since(z, key.hash, before), "nobody has left");
    pass(10);

    want_all();

    ok(!is_there(CUSTOMER, "c"), "he leaves");
    ok(llm_evict_since(z, key.hash, before), "since the reading began");
    ok(llm_evict_since(z, key.hash, z->now), "or just then");
    ok(!llm_evict_since(z, key.hash, z->now + 1), "not after it");
    ok(!llm_evict_since(z, key.hash + 1, before), "another has not");
    finish();
}


int
main(void)
{
    test_stored();
    test_meters();
    test_rounds();
    test_recent();
    test_order();
    test_held();
    test_unstored();
    test_steps();
    test_since();

    return tap_done();
}
