
/*
 * Copyright (C) the llm_quota authors
 */


#include "llm_evict.h"
#include "llm_load.h"
#include "world.h"


/*
 * A zone that is too small: who leaves it, when, and that nobody who returns
 * has forgotten anything.
 */


#define CUSTOMER  LLM_SUBJECT_CUSTOMER
#define DAY       LLM_PERIOD(LLM_PERIOD_DAYS, 1)

#define RUNS      12
#define STEPS     1500
#define NAMES     400
#define NAMED     4                       /* teams that have a row */
#define TEAMS     40
#define USERS     80                      /* the others are customers */


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

    while (z->evictions == 0
           && once(CUSTOMER, "new", 1) != LLM_ADMITTED) { /* void */ }

    /* the part that the team and the named one have taken, and one more */

    ok(z->evictions >= 1 && z->evictions <= 3, "as few leave as needed: %d",
       (int) z->evictions);
    ok(is_there(CUSTOMER, "new"), "for who is new");
    ok(is_there(CUSTOMER, "c3"), "not who was just written of");
    ok(is_there(TEAM, "t") && is_there(CUSTOMER, "named"),
       "nor the team, nor the named one");
    finish();
}


/* Those who were used since the hand came by stay for a round more. */

static void
test_recent(void)
{
    unsigned  i, n, stay, left;

    begin_with("parallel=9", 1);
    n = fill(CUSTOMER, "c", 1);
    carry();

    /* a first round lets all be */

    for (i = 0; z->evictions == 0; i++) {
        (void) once(CUSTOMER, "first", 1);
        carry();
    }

    ok(i > 1 && i < 8, "a step at a time: %u", i);

    for (i = 0; i < n; i += 2) {
        (void) once(CUSTOMER, nth("c", i), 1);
    }

    carry();

    for (i = 0; i < n / 4; i++) {
        while (once(CUSTOMER, nth("n", i), 1) != LLM_ADMITTED) { /* void */ }
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


static void
test_held(void)
{
    llm_ask_t    ask;
    llm_room_t   room;
    llm_index_t  i, held, settled;

    begin_with("rpm=1000", 1);
    memset(&room, 0, sizeof(llm_room_t));

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

    /* the whole zone is wanted: everybody leaves who can */

    room.subjects = z->nsubjects;
    carry();

    for (i = 0; i < 50; i++) {
        enter();
        (void) llm_make_room(z, &walls, &room, NULL, 0);
        llm_zone_leave(z);
    }

    is_int(z->evictions, 0, "nobody whose minute is not over");

    pass(61000);
    carry();
    ok(once(CUSTOMER, "young", 1) == LLM_ADMITTED, "somebody comes");

    for (i = 0; i < 50; i++) {
        enter();
        (void) llm_make_room(z, &walls, &room, NULL, 0);
        llm_zone_leave(z);
    }

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

    for (i = 0; i < 50; i++) {
        enter();
        (void) llm_make_room(z, &walls, &room, NULL, 0);
        llm_zone_leave(z);
    }

    is_int(z->evictions, 1, "what was written of them is not carried");
    carry();

    enter();
    llm_evict_unpin(z);
    llm_zone_leave(z);

    for (i = 0; i < 50; i++) {
        enter();
        (void) llm_make_room(z, &walls, &room, NULL, 0);
        llm_zone_leave(z);
    }

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
    is_int((z->hand + z->nsubjects - hand) % z->nsubjects,
           LLM_EVICT_STEPS % z->nsubjects, "the hand has gone its steps");
    finish();
}


/* Whoever read the store before another left it there reads it again. */

static void
test_since(void)
{
    uint64_t            before;
    unsigned            i;
    llm_room_t          room;
    llm_subject_key_t   key;

    begin_with("parallel=9", 1);
    (void) once(CUSTOMER, "c", 1);
    carry();

    quota_key(z, &key, CUSTOMER, "c");
    memset(&room, 0, sizeof(llm_room_t));
    room.subjects = z->nsubjects;
    before = z->now;

    ok(!llm_evict_since(z, key.hash, before), "nobody has left");
    pass(10);

    for (i = 0; i < 20; i++) {
        enter();
        (void) llm_make_room(z, &walls, &room, NULL, 0);
        llm_zone_leave(z);
    }

    ok(!is_there(CUSTOMER, "c"), "he leaves");
    ok(llm_evict_since(z, key.hash, before), "since the reading began");
    ok(llm_evict_since(z, key.hash, z->now), "or just then");
    ok(!llm_evict_since(z, key.hash, z->now + 1), "not after it");
    ok(!llm_evict_since(z, key.hash + 1, before), "another has not");
    finish();
}


/*
 * Against the plainest oracle: the list of all requests.  The store is that
 * part of it whose lines were written before a carry; who is unknown is loaded
 * from it.  Every decision is the one that the whole list says.
 */

typedef struct {
    uint64_t         at;                  /* ms */
    uint64_t         done;                /* 0: in flight */
    int64_t          cost;
    int64_t          reserved;
    unsigned         who[3];              /* names */
    unsigned         nwho;
    unsigned         written:1;
    unsigned         stored:1;
    llm_index_t      index;
    uint64_t         id;
} event_t;


static event_t    events[STEPS];
static unsigned   nevents;
static int64_t    offset;                 /* of the wall from our time */
static llm_row_t  rows[NAMES];


static llm_subject_type_e
type_of(unsigned who)
{
    return (who < TEAMS) ? TEAM : (who < USERS) ? USER : CUSTOMER;
}


static int
names(const event_t *e, unsigned who)
{
    unsigned  i;

    for (i = 0; i < e->nwho; i++) {
        if (e->who[i] == who) {
            return 1;
        }
    }

    return 0;
}


static int
is_today(uint64_t then)
{
    return ((int64_t) then + offset) / QUOTA_DAY
           == ((int64_t) now + offset) / QUOTA_DAY;
}


static int
may_pass(unsigned who)
{
    int64_t         n, requests, cost;
    unsigned        i;
    const event_t  *e;

    n = requests = cost = 0;

    for (i = 0; i < nevents; i++) {
        e = &events[i];

        if (!names(e, who)) {
            continue;
        }

        n += (e->at / 1000 + 60 >= now / 1000);
        requests += is_today(e->at);

        if (e->done == 0) {
            cost += e->reserved;

        } else if (is_today(e->done)) {
            cost += e->cost;
        }
    }

    for (i = 0; i < rows[who].nlimits; i++) {
        switch (rows[who].limits[i].resource) {

        case LLM_RESOURCE_COST:
            if (cost >= rows[who].limits[i].amount) {
                return 0;
            }

            break;

        default:
            if ((rows[who].limits[i].minute ? n : requests)
                >= rows[who].limits[i].amount)
            {
                return 0;
            }
        }
    }

    return 1;
}


static void
write_one(event_t *e)
{
    release(e->index);
    e->written = 1;
}


/* Lines that are written meanwhile may come along. */

static void
carry_some(void)
{
    unsigned  i;
    uint64_t  began;

    enter();
    began = z->now;
    llm_zone_leave(z);

    for (i = 0; i < nevents; i++) {
        events[i].stored |= events[i].written;
    }

    pass(quota_rnd(30));

    for (i = 0; i < nevents; i++) {

        if (events[i].done && !events[i].written && quota_rnd(2)) {
            write_one(&events[i]);
            events[i].stored = quota_rnd(2);
        }
    }

    z->carried = began;
}


static int
load_one(unsigned who)
{
    int                 rc;
    int64_t             end;
    unsigned            i;
    uint64_t            began;
    llm_load_t          rows_of;
    llm_subject_key_t   key;

    static const llm_period_t  day[] = { DAY };

    quota_key(z, &key, type_of(who), nth("", who));

    for ( ;; ) {
        if (llm_zone_find(z, &key) != LLM_NONE) {
            carry_some();
        }

        began = now;
        memset(&rows_of, 0, sizeof(llm_load_t));

        rows_of.period = DAY;
        llm_clock_period(&walls, DAY, &rows_of.start, &end);

        for (i = 0; i < nevents; i++) {

            if (!events[i].stored || !names(&events[i], who)) {
                continue;
            }

            rows_of.sum[LLM_COUNT_REQUESTS] += is_today(events[i].at);
            rows_of.sum[LLM_COUNT_COST] += is_today(events[i].done)
                                           ? events[i].cost : 0;
        }

        enter();

        if (llm_evict_since(z, key.hash, began)) {
            llm_zone_leave(z);
            pass(1);
            continue;
        }

        rc = llm_zone_load(z, &walls, &key, day, 1, &rows_of, 1);
        llm_zone_leave(z);

        return rc;
    }
}


typedef struct {
    unsigned         admitted;
    unsigned         refused;
    unsigned         full;
    unsigned         loads;
    unsigned         wrong;
    unsigned         strangers;           /* a named one was asked for again */
    unsigned         stopped;             /* for want of room, a known team */
    int64_t          evictions;
} tally_t;


static void
draw_rows(void)
{
    char      text[64];
    unsigned  i;

    for (i = 0; i < NAMES; i++) {
        (void) sprintf(text, "%srequests=%u/day budget=0.%09u/day",
                       (i % 5 == 0) ? "rpm=4 " : "",
                       (unsigned) (2 + quota_rnd(i < TEAMS ? 200 : 8)),
                       (unsigned) (1 + quota_rnd(i < TEAMS ? 2000 : 60)));

        quota_row(&rows[i], text);
        rows[i].named = (i < NAMED);
    }
}


static void
settle_one(void)
{
    unsigned  i, k;
    event_t  *e;

    k = quota_rnd(nevents);

    for (i = 0; i < nevents && events[(k + i) % nevents].done; i++) {
        /* void */
    }

    e = &events[(k + i) % nevents];

    if (e->done) {
        return;
    }

    e->cost = quota_rnd(20);
    e->done = now;

    (void) settle(e->index, e->id, 1, 1, e->cost);

    if (quota_rnd(4)) {
        write_one(e);
    }
}


static void
write_all(void)
{
    unsigned  i;

    for (i = 0; i < nevents; i++) {
        if (events[i].done && !events[i].written) {
            write_one(&events[i]);
        }
    }
}


static void
request(tally_t *tally)
{
    unsigned         i, who[3], n, pass_all, known;
    llm_ask_t        ask;
    event_t         *e;
    llm_decision_e   decision;

    n = 0;
    known = quota_rnd(2);
    who[n++] = known ? quota_rnd(NAMED) : quota_rnd(TEAMS);

    if (quota_rnd(2)) {
        who[n++] = TEAMS + quota_rnd(USERS - TEAMS);
    }

    if (quota_rnd(4)) {
        who[n++] = USERS + quota_rnd(quota_rnd(2) ? 30 : NAMES - USERS);
    }

    for ( ;; ) {
        quota_ask(&ask, LLM_RESERVE_ESTIMATE);

        pass_all = 1;

        for (i = 0; i < n; i++) {
            quota_subject(z, &ask, type_of(who[i]), nth("", who[i]),
                          &rows[who[i]], 0);
            pass_all &= may_pass(who[i]);
        }

        ask.amount[LLM_COUNT_COST] = 3;
        decision = admit(&ask);

        if (decision != LLM_UNKNOWN) {
            break;
        }

        for (i = 0; !(v.unknown & (1U << i)); i++) { /* void */ }

        tally->loads++;
        tally->strangers += (who[i] < NAMED
                             && is_there(type_of(who[i]), nth("", who[i])));

        if (load_one(who[i]) != 0) {
            decision = LLM_FULL;
            break;
        }
    }

    if (decision == LLM_FULL) {
        tally->full++;
        tally->stopped += (n == 1 && who[0] < NAMED
                           && is_there(TEAM, nth("", who[0])));
        return;
    }

    tally->wrong += (decision != (pass_all ? LLM_ADMITTED : LLM_REFUSED));

    if (decision != LLM_ADMITTED) {
        tally->refused++;
        return;
    }

    tally->admitted++;

    e = &events[nevents++];
    memset(e, 0, sizeof(event_t));

    e->at = now;
    e->reserved = 3;
    e->nwho = n;
    memcpy(e->who, who, sizeof(who));
    e->index = v.reservation;
    e->id = v.id;
}


static void
test_oracle(void)
{
    unsigned    i, k, bad;
    tally_t     tally;
    const char *error;

    memset(&tally, 0, sizeof(tally_t));
    bad = 0;
    begin();

    for (i = 0; i < RUNS; i++) {
        munmap(z, SIZE);
        begin();
        z->stored = 1;
        offset = walls.wall - (int64_t) now;
        nevents = 0;
        draw_rows();

        for (k = 0; k < STEPS; k++) {

            request(&tally);

            if (nevents && quota_rnd(3)) {
                settle_one();
            }

            switch (quota_rnd(24)) {

            case 0:
            case 1:
            case 2:
                carry_some();
                break;

            case 3:
                pass(quota_rnd(62000));
                break;

            case 4:
                write_all();
                break;

            case 5:
                if (quota_rnd(8) == 0) {
                    pass(quota_rnd(8) * HOUR);
                }

                break;

            default:
                pass(quota_rnd(20));
            }

            while (z->reservations_left < 4) {
                settle_one();
                write_all();
            }
        }

        error = quota_check(z);
        bad += (error != NULL);
        tally.evictions += z->evictions;
    }

    ok(tally.evictions > 1000 && tally.loads > 2000 && tally.refused > 1000,
       "%u admitted, %u refused, %u times no room, %u loads, %d left",
       tally.admitted, tally.refused, tally.full, tally.loads,
       (int) tally.evictions);
    is_int(tally.wrong, 0, "each decision is the oracle's");
    is_int(tally.strangers, 0, "whom a row names is loaded once");
    is_int(tally.stopped, 0, "and never stopped");
    is_int(bad, 0, "the zones are sound");
    finish();
}


int
main(void)
{
    test_stored();
    test_recent();
    test_order();
    test_held();
    test_unstored();
    test_steps();
    test_since();
    test_oracle();

    return tap_done();
}
