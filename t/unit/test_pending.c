
/*
 * Copyright (C) the llm_quota authors
 */


#include "world.h"


/*
 * Answers made in the background: each is charged once, to who asked for it,
 * whatever comes first: its usage, its age, or the ring's next round.
 */


#define HELD  "tokens=1m/day"             /* settled, with what is reserved */


static llm_row_t  row;
static llm_ask_t  ask;


static void
start(void)
{
    begin();

    quota_row(&row, "rpm=10k tpm=100m tokens=100m/day budget=1000/day");
    team(&ask, LLM_RESERVE_ESTIMATE, &row, 10, 20, 30);

    quota_subject(z, &ask, USER, "u", &row, 0);

    memcpy(ask.expected, ask.amount, sizeof(ask.amount));

    ask.started = walls.wall;
    ask.worker = 3;
    ask.name[LLM_NAME_TEAM] = (u_char *) "a";
    ask.len[LLM_NAME_TEAM] = 1;
    ask.name[LLM_NAME_MODEL] = (u_char *) "m";
    ask.len[LLM_NAME_MODEL] = 1;
}


/* The line of a charge. */

static void
written(llm_index_t i)
{
    if (i != LLM_NONE) {
        release(i);
    }
}


/* What a team and its user have used, of all that is limited. */

static void
is_used(int64_t requests, int64_t tokens, int64_t cost, const char *name)
{
    is_int(used(TEAM, "a", "rpm=1"), requests, "%s: requests", name);
    is_int(used(TEAM, "a", "tpm=1"), tokens, "%s: tokens", name);
    is_int(used(TEAM, "a", HELD), tokens, "%s: tokens of the day", name);
    is_int(used(TEAM, "a", "budget=1/day"), cost, "%s: money", name);
    is_int(used(TEAM, "a", "budget=1/month"), cost, "%s: in a month", name);
    is_int(used(USER, "u", HELD), tokens, "%s: the user's tokens", name);
    is_int(used(TEAM, "a", "parallel=1"), 0, "%s: none in flight", name);

    ok(quota_check(z) == NULL, "%s: sound", name);
}


static void
test_once(void)
{
    uint64_t            of;
    llm_index_t         i, k;
    llm_reservation_t  *r;

    start();

    admit(&ask);
    of = v.id;

    ok(find_pending("resp_1") == LLM_NONE, "not known yet");
    is_int(settle_pending("resp_1"), 1, "settled");
    is_int(pending_as.source, LLM_SOURCE_PENDING, "with nothing yet");
    ok(gone == LLM_NONE, "in a free place");
    is_used(1, 30, 30, "what is expected stays reserved");
    is_int(settle_pending("resp_1"), 0, "settled once");

    i = find_pending("resp_1");

    ok(i != LLM_NONE, "found by its id");
    ok(find_pending("resp_") == LLM_NONE, "not by a part of it");
    ok(find_pending("resp_12") == LLM_NONE, "not by more of it");

    ok(charge_pending(i, of + 1, 1, 1, 1) == LLM_NONE, "another's record");
    ok(charge_pending(z->npendings, of, 1, 1, 1) == LLM_NONE, "no record");

    pass(1500);
    k = charge_pending(i, of, 100, 200, 300);
    ok(k != LLM_NONE, "charged");
    is_used(1, 300, 300, "what it used instead");

    r = llm_zone_reservation(z, k);

    is_int(r->state, LLM_RESERVATION_SETTLED, "its line is to be written");
    ok(r->of == of && r->id != of, "it has an id of its own");
    is_int(r->worker, 3, "and a worker");
    is_int(r->started, ask.started, "it started with the request");
    is_mem(r->text, r->len[LLM_NAME_TEAM], "a", "its line names the team");
    is_int(r->settlement.usage.output, 200, "and has the charge");
    is_int(r->settlement.requests, 0, "of no request more");
    is_int(r->settlement.duration, 1500, "and how long it took");

    ok(charge_pending(i, of, 100, 200, 300) == LLM_NONE, "not twice");
    is_used(1, 300, 300, "as before");

    written(k);
    ok(charge_pending(i, of, 100, 200, 300) == LLM_NONE, "nor later");

    finish();
}


/* The same answer to a request that is sent again. */

static void
test_again(void)
{
    start();

    admit(&ask);
    settle_pending("resp_1");
    admit(&ask);
    settle_pending("resp_1");

    is_int(pending_as.source, LLM_SOURCE_PENDING, "still to come");
    is_used(2, 30, 30, "two requests, one answer");

    ok(charge_pending(find_pending("resp_1"), 1, 4, 5, 6) != LLM_NONE,
       "charged");

    admit(&ask);
    settle_pending("resp_1");

    is_int(pending_as.source, LLM_SOURCE_NONE, "nothing is to come");
    is_used(3, 9, 6, "three requests, one answer");

    finish();
}


static void
test_age(void)
{
    llm_index_t         i, k;
    llm_reservation_t  *r;

    start();

    admit(&ask);
    settle_pending("old");
    admit(&ask);
    settle_pending("charged");
    (void) charge_pending(find_pending("charged"), 2, 1, 1, 1);

    pass(1000);
    admit(&ask);
    settle_pending("young");

    is_used(3, 62, 61, "two are reserved, one is charged");

    pass(LLM_PENDING_HOLD - 1001);
    ok(sweep_pending() == LLM_NONE, "nothing is due");
    is_int(used(TEAM, "a", HELD), 62, "nothing is given back");

    pass(1);
    ok(sweep_pending() == LLM_NONE, "nothing is charged yet");
    is_int(used(TEAM, "a", HELD), 32, "the older one's is given back");
    ok(quota_check(z) == NULL, "and the zone is sound");

    pass(1000);
    ok(sweep_pending() == LLM_NONE, "nothing is charged yet");
    is_int(used(TEAM, "a", HELD), 2, "and the younger one's");

    /* long after that it still can be charged */

    i = find_pending("young");
    pass(5 * HOUR);
    k = charge_pending(i, 4, 7, 8, 9);
    ok(k != LLM_NONE, "hours later it tells");
    is_int(used(TEAM, "a", HELD), 17, "and is charged");
    written(k);

    pass(LLM_PENDING_KEEP - LLM_PENDING_HOLD - 5 * HOUR - 1001);
    ok(sweep_pending() == LLM_NONE, "just not old enough");

    pass(1);
    k = sweep_pending();
    ok(k != LLM_NONE, "it was never asked for");
    is_int(used(TEAM, "a", "tpm=1"), 30, "and is charged what was expected");
    is_int(used(TEAM, "a", "budget=1/month"), 1 + 9 + 30, "with its cost");

    r = llm_zone_reservation(z, k);

    is_int(r->settlement.source, LLM_SOURCE_ESTIMATED, "its line says so");
    is_int(r->settlement.duration, LLM_PENDING_KEEP, "and how long it took");
    is_int(r->of, 1, "and of which request");

    ok(sweep_pending() == LLM_NONE, "once");
    ok(charge_pending(find_pending("old"), 1, 7, 8, 9) == LLM_NONE,
       "then it tells too late");

    finish();
}


static void
test_ring(void)
{
    char         name[16];
    uint32_t     n;
    llm_index_t  k;

    start();

    for (n = 0; n < z->npendings; n++) {
        (void) sprintf(name, "%u", n);

        admit(&ask);
        settle_pending(name);
        release(v.reservation);
    }

    ok(gone == LLM_NONE && z->pending_full == 0, "%u records", n);
    is_used(n, 30 * n, 30 * n, "all of them");

    /* the first is charged, the second is not when its place is taken */

    k = charge_pending(find_pending("0"), 1, 1, 1, 1);
    written(k);

    admit(&ask);
    settle_pending("more");
    release(v.reservation);
    ok(gone == LLM_NONE && z->pending_full == 0, "a charged one goes");
    ok(find_pending("0") == LLM_NONE, "and is not known any more");

    is_used(n + 1, 30 * n + 2, 30 * n + 1, "what it was charged is");

    admit(&ask);
    settle_pending("and more");
    release(v.reservation);
    ok(gone != LLM_NONE, "an open one goes");
    is_int(z->pending_full, 1, "and is counted");
    is_int(llm_zone_reservation(z, gone)->settlement.source,
           LLM_SOURCE_ESTIMATED, "charged what was expected");
    is_int(llm_zone_reservation(z, gone)->of, 2, "it is the oldest");
    ok(find_pending("1") == LLM_NONE, "and not known any more");
    is_int(pending_as.source, LLM_SOURCE_PENDING, "the new one is pending");
    is_used(n + 2, 30 * n + 32, 30 * n + 31, "nothing is lost");

    /* no reservation is left to charge the next with */

    while (z->reservations_left > 1) {
        admit(&ask);
    }

    admit(&ask);
    ok(charge_pending(find_pending("2"), 3, 1, 1, 1) == LLM_NONE,
       "not without a reservation");
    ok(find_pending("2") != LLM_NONE, "it stays open");

    settle_pending("too many");
    ok(gone == LLM_NONE, "nor does it make room");
    ok(find_pending("too many") == LLM_NONE, "the new one is not pending");
    is_int(pending_as.source, LLM_SOURCE_ESTIMATED,
           "but charged what was expected");
    is_int(pending_as.usage.output, 20, "at once");
    release(v.reservation);

    k = charge_pending(find_pending("2"), 3, 1, 1, 1);
    ok(k != LLM_NONE, "which makes room");
    ok(sweep_pending() == LLM_NONE, "all are young");

    pass(LLM_PENDING_KEEP);
    ok(sweep_pending() == LLM_NONE, "no reservation is left");

    written(k);

    for (n = 0; (k = sweep_pending()) != LLM_NONE; n++) {
        written(k);
        ok(n <= z->npendings, "another one is due");
    }

    is_int(n, z->npendings - 1, "all the others, in the end");

    finish();
}


/* With a store, of which no meter is to be loaded here. */

static void
leave(const char *name)
{
    z->stored = 1;
    (void) settle_pending(name);
    z->stored = 0;
}


/* Then the ring may drop what the store has. */

static void
test_store(void)
{
    char         name[16];
    uint32_t     n;
    uint64_t     first;
    llm_index_t  k;

    start();

    z->carried = now;
    first = z->number + 1;
    pass(10);

    for (n = 0; n < z->npendings; n++) {
        (void) sprintf(name, "%u", n);

        admit(&ask);
        leave(name);

        if (n != 2) {
            release(v.reservation);
        }
    }

    is_int(llm_pending_elsewhere(z), 1, "what the store has is not known");
    z->pending_known = 1;
    is_int(llm_pending_elsewhere(z), 0, "nothing");
    z->pending_others = 1;
    is_int(llm_pending_elsewhere(z), 1, "something of others");
    z->pending_others = 0;

    k = charge_pending(find_pending("1"), first + 1, 1, 1, 1);
    ok(k != LLM_NONE, "one is charged");

    /* not carried yet */

    admit(&ask);
    leave("early");
    release(v.reservation);
    is_int(z->pending_full, 1, "what the store has not yet is charged");
    is_int(llm_zone_reservation(z, gone)->of, first, "the oldest");
    written(gone);
    is_used(n + 1, 30 * (n - 1) + 2 + 30, 30 * (n - 1) + 1 + 30, "so far");

    /* a charge that is not written must not be forgotten */

    admit(&ask);
    leave("none");
    release(v.reservation);
    is_int(pending_as.source, LLM_SOURCE_ESTIMATED, "no place, no record");
    ok(find_pending("none") == LLM_NONE, "it is charged at once");

    written(k);
    is_int(z->pending_charged, 0, "nothing has left");
    admit(&ask);
    leave("after");
    release(v.reservation);
    ok(find_pending("after") != LLM_NONE, "a charge that is written may go");
    ok(find_pending("1") == LLM_NONE, "its record has");
    is_int(z->pending_charged, now, "but nothing is charged of the store");

    /* the third has no line */

    z->carried = now + 1;
    pass(10);

    admit(&ask);
    leave("third");
    release(v.reservation);
    is_int(z->pending_full, 2, "what has no line is not in the store");
    written(gone);

    is_int(z->pending_left, 0, "none has left for the store");
    admit(&ask);
    leave("fourth");
    release(v.reservation);
    is_int(z->pending_full, 2, "what the store has is not charged");
    ok(find_pending("3") == LLM_NONE, "it leaves");
    is_int(z->pending_left, now, "for the store");
    is_int(llm_pending_elsewhere(z), 1, "which is asked");
    ok(quota_check(z) == NULL, "sound: %s", quota_check(z));

    pass(LLM_PENDING_KEEP - 1);
    enter();
    llm_zone_leave(z);
    is_int(llm_pending_elsewhere(z), 1, "for a day");
    pass(1);
    enter();
    llm_zone_leave(z);
    is_int(llm_pending_elsewhere(z), 0, "and no longer");

    finish();
}


/* What the store has is charged once. */

static void
test_restore(void)
{
    uint64_t            of;
    llm_index_t         k;
    llm_reservation_t  *r;

    start();

    ok(find(TEAM, "a") == LLM_NONE, "nobody is known");

    k = restore_pending("resp_1", 77, 5, 0, 40);
    ok(k != LLM_NONE, "what another zone left is charged");

    r = llm_zone_reservation(z, k);

    ok(r->of == 5 && r->of_epoch == 77, "of that one's request");
    is_int(r->state, LLM_RESERVATION_SETTLED, "its line is to be written");
    is_int(r->worker, 3, "by the worker");
    is_mem(r->text, r->len[LLM_NAME_TEAM] + r->len[LLM_NAME_USER], "au",
           "with its names");
    is_int(r->settlement.requests, 0, "of no request more");
    is_int(r->settlement.duration, 5000, "and how long it took");
    ok(find(TEAM, "a") != LLM_NONE && find(USER, "u") != LLM_NONE,
       "who pays is known now");
    is_int(llm_zone_subject(z, find(TEAM, "a"))->holders, 1, "and held");
    ok(quota_check(z) == NULL, "sound: %s", quota_check(z));

    ok(restore_pending("resp_1", 77, 5, 0, 40) == LLM_NONE, "not twice");
    ok(restore_pending("resp_1", 77, 5, 1, 40) == LLM_NONE, "seen or not");
    written(k);
    is_int(llm_zone_subject(z, find(TEAM, "a"))->holders, 0, "let go");
    ok(restore_pending("resp_1", 77, 5, 1, 40) == LLM_NONE, "nor later");

    /* its meters count from here on */

    admit(&ask);
    of = v.id;
    settle_pending("resp_2");
    release(v.reservation);

    k = restore_pending("resp_3", 77, 6, 1, 50);
    written(k);
    is_int(used(TEAM, "a", HELD), 130, "counted where there are meters");

    /* a record of this zone */

    ok(restore_pending("resp_2", z->epoch, of, 0, 50) == LLM_NONE,
       "what is open here is left to its age");
    k = restore_pending("resp_2", z->epoch, of, 1, 60);
    ok(k != LLM_NONE, "unless it was seen");
    is_int(llm_zone_reservation(z, k)->of_epoch, 0, "of this zone");
    written(k);
    is_int(used(TEAM, "a", HELD), 220, "instead of what was expected");

    /* one that has left it */

    k = restore_pending("resp_0", z->epoch, 1, 0, 10);
    ok(k != LLM_NONE && llm_zone_reservation(z, k)->of_epoch == 0,
       "what this zone has dropped");
    written(k);

    /* no room */

    while (z->reservations_left > 0) {
        admit(&ask);
    }

    ok(restore_pending("resp_4", 77, 8, 1, 50) == LLM_NONE,
       "not without a reservation");
    ok(find_pending("resp_4") == LLM_NONE, "it is left to the store");

    finish();
}


int
main(void)
{
    test_store();
    test_restore();
    test_once();
    test_again();
    test_age();
    test_ring();

    return tap_done();
}
