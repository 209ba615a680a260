
/*
 * Copyright (C) the llm_quota authors
 */


#include "llm_join.h"
#include "llm_load.h"
#include "quota.h"


/*
 * Whom the zone gets to know while requests of his are in flight, or have just
 * got their lines, has all of them in his meters, once.
 */


#define DAY  LLM_PERIOD(LLM_PERIOD_DAYS, 1)


static llm_zone_t   *z;
static llm_clock_t   clock_now;
static llm_row_t     month;


static void
begin(void)
{
    z = quota_zone(LLM_ZONE_MIN);
    z->now = 1000000;

    quota_clock(&clock_now, QUOTA_WALL + 12 * 3600000);
    quota_row(&month, "budget=9/month");
}


/* A request of a team, which has a row, and of others who may have none. */

static void
ask_of(llm_ask_t *ask, const char *user, const llm_row_t *row)
{
    static const char *const  names[LLM_NAMES] = {
        "t", NULL, "c", NULL, "m", "request"
    };

    unsigned    i;
    const char *name;

    quota_ask(ask, LLM_RESERVE_ESTIMATE);
    quota_subject(z, ask, LLM_SUBJECT_TEAM, "t", &month, 1);
    quota_subject(z, ask, LLM_SUBJECT_USER, user, row, 0);
    ask->subjects[1].present = (row == NULL);

    ask->started = clock_now.wall;
    ask->amount[LLM_COUNT_COST] = 7;

    for (i = 0; i < LLM_NAMES; i++) {
        name = (i == LLM_NAME_USER) ? user : names[i];
        ask->name[i] = (const u_char *) name;
        ask->len[i] = name ? strlen(name) : 0;
    }
}


static llm_index_t
admit(const char *user, const llm_row_t *row)
{
    llm_ask_t      ask;
    llm_verdict_t  v;

    ask_of(&ask, user, row);
    ask.blind = 1;
    llm_admit(z, &clock_now, &ask, &v);

    return v.reservation;
}


static void
settle(llm_index_t i)
{
    llm_settlement_t  s;

    memset(&s, 0, sizeof(llm_settlement_t));

    s.timestamp = clock_now.wall;
    s.cost = 5;

    (void) llm_settle(z, &clock_now, i, llm_zone_reservation(z, i)->id, &s);
}


static int
join(llm_subject_type_e type, const char *first, const char *second)
{
    llm_subject_key_t  key;

    (void) llm_zone_key(z, &key, type, (const u_char *) first, strlen(first),
                        (const u_char *) second,
                        second ? strlen(second) : 0);

    return llm_join(z, &clock_now, &key);
}


static llm_subject_t *
user(const char *name)
{
    llm_index_t        i;
    llm_subject_key_t  key;

    quota_key(z, &key, LLM_SUBJECT_USER, name);
    i = llm_zone_find(z, &key);

    return (i == LLM_NONE) ? NULL : llm_zone_subject(z, i);
}


static int64_t
used(const char *name, llm_count_e count)
{
    llm_meter_t    *m;
    llm_subject_t  *s;

    s = user(name);
    m = s ? llm_zone_find_meter(z, s, DAY) : NULL;

    return m ? m->settled[count] : -1;
}


static void
test_present(void)
{
    llm_row_t    day;
    llm_index_t  a, b;

    begin();
    quota_row(&day, "budget=1/day");

    ok(!llm_join_is_late(z, LLM_SUBJECT_USER), "no line names a user");

    a = admit("u", NULL);
    is_int(llm_zone_reservation(z, a)->nsubjects, 1, "a team");
    ok(user("u") == NULL, "whom nothing limits is not made known");
    ok(llm_join_is_late(z, LLM_SUBJECT_USER), "his line will name him");
    ok(!llm_join_is_late(z, LLM_SUBJECT_TEAM), "the team is known");

    b = admit("u", &day);
    is_int(llm_zone_reservation(z, b)->nsubjects, 2, "where a row bears");
    b = admit("u", NULL);
    is_int(llm_zone_reservation(z, b)->nsubjects, 2, "and then anywhere");
    is_int(used("u", LLM_COUNT_REQUESTS), 2, "he is counted");
    settle(b);
    is_int(used("u", LLM_COUNT_COST), 5, "and charged");

    b = admit("v", NULL);
    ok(user("v") == NULL && llm_zone_reservation(z, b)->nsubjects == 1,
       "another is another");
    ok(quota_check(z) == NULL, "the zone is whole");
}


static void
test_join(void)
{
    llm_index_t          held, settled, other, gone, asked, record;
    llm_subject_t       *s;
    llm_settlement_t     charge;

    begin();

    held = admit("u", NULL);
    settled = admit("u", NULL);
    other = admit("uv", NULL);
    asked = admit("u", NULL);
    settle(settled);

    memset(&charge, 0, sizeof(llm_settlement_t));
    charge.source = LLM_SOURCE_PENDING;
    (void) llm_pending_settle(z, &clock_now, asked,
                              llm_zone_reservation(z, asked)->id,
                              (const u_char *) "answer", 6, 0, &charge, &gone);
    llm_zone_free_reservation(z, asked);

    is_int(join(LLM_SUBJECT_USER, "u", NULL), LLM_ROOM_MADE, "joined");

    s = user("u");
    is_int(s->holders, 3, "in flight, without a line, and pending");
    is_int(s->inflight, 1, "in flight");
    is_int(s->reserved[LLM_COUNT_COST], 14, "what is reserved");
    is_int(llm_zone_reservation(z, other)->nsubjects, 1, "no other's");
    ok(quota_check(z) == NULL, "the zone is whole");

    is_int(join(LLM_SUBJECT_USER, "u", NULL), LLM_ROOM_MADE, "again");
    ok(s->holders == 3 && s->inflight == 1, "once");

    llm_zone_repair(z);
    ok(s->holders == 3 && s->inflight == 1, "repair finds the same");

    settle(held);
    llm_zone_free_reservation(z, held);
    llm_zone_free_reservation(z, settled);
    ok(s->holders == 1 && s->inflight == 0, "they end");

    record = llm_pending_find(z, (const u_char *) "answer", 6);
    (void) llm_pending_charge(z, &clock_now, record,
                              llm_zone_pending(z, record)->of, 0, &charge);
    ok(s->holders == 1 && s->reserved[LLM_COUNT_COST] == 0, "all of them");
    ok(quota_check(z) == NULL, "the zone is whole");
}


static void
test_names(void)
{
    uint32_t            n;
    llm_index_t         i;
    llm_reservation_t  *r;

    begin();

    i = admit("u", NULL);
    r = llm_zone_reservation(z, i);
    n = r->nsubjects;

    (void) join(LLM_SUBJECT_TEAM_USER, "t", "u");
    is_int(r->nsubjects, ++n, "a pair");
    (void) join(LLM_SUBJECT_TEAM_MODEL, "t", "m");
    is_int(r->nsubjects, ++n, "another");
    (void) join(LLM_SUBJECT_GLOBAL, "", NULL);
    is_int(r->nsubjects, ++n, "all");
    (void) join(LLM_SUBJECT_CUSTOMER, "c", NULL);
    is_int(r->nsubjects, ++n, "a customer");
    (void) join(LLM_SUBJECT_MODEL, "m", NULL);
    is_int(r->nsubjects, ++n, "a model");

    (void) join(LLM_SUBJECT_TEAM_USER, "t", "uu");
    (void) join(LLM_SUBJECT_TEAM_USER, "tu", "u");
    (void) join(LLM_SUBJECT_TEAM_USER, "u", "t");
    (void) join(LLM_SUBJECT_KEY_MODEL, "t", "m");
    (void) join(LLM_SUBJECT_KEY, "u", NULL);
    (void) join(LLM_SUBJECT_CUSTOMER, "m", NULL);
    is_int(r->nsubjects, n, "those are others");

    settle(i);
    llm_zone_free_reservation(z, i);
    ok(quota_check(z) == NULL, "the zone is whole");
}


static void
test_room(void)
{
    int   i, made;
    char  name[16];

    begin();
    made = LLM_ROOM_MADE;

    for (i = 0; made == LLM_ROOM_MADE && i < 100000; i++) {
        sprintf(name, "u-%d", i);
        made = join(LLM_SUBJECT_USER, name, NULL);

        if (made == LLM_ROOM_MADE) {
            user(name)->pin = z->pins;
        }
    }

    is_int(made, LLM_ROOM_NONE, "there is room for so many");
    ok(i > 30 && user(name) == NULL, "and for no other");
    ok(quota_check(z) == NULL, "the zone is whole");
}


/*
 * A request of one whom nothing limits is in flight, and then something does.
 * It is settled and gets its line at any two of the steps that lead to his
 * meter, which may all be in one millisecond.
 */

enum { JOIN = 0, RUN, COMMIT, READ, ADD, STEPS };


static int
interleave(int settled, int written, uint64_t ms)
{
    int                 step, n, line, run, stored, joined;
    uint64_t            asked, began, carried;
    llm_load_t          row;
    llm_index_t         i;
    llm_period_t        period;
    llm_subject_key_t   key;

    begin();
    z->stored = 1;

    period = DAY;
    line = run = stored = joined = 0;
    asked = began = carried = 0;

    memset(&row, 0, sizeof(llm_load_t));
    quota_key(z, &key, LLM_SUBJECT_USER, "u");

    i = admit("u", NULL);

    for (step = JOIN, n = 0; n < 30; n++) {

        if (n == settled) {
            settle(i);
        }

        if (n == written) {
            line = 1;
            llm_zone_free_reservation(z, i);
        }

        z->now += ms;

        switch (step) {

        case JOIN:

            if (!joined) {
                (void) llm_join(z, &clock_now, &key);
                joined = 1;
            }

            asked = z->now;
            break;

        case RUN:
            began = z->now;
            run = line;
            break;

        case COMMIT:
            stored = run;
            z->carried = began;

            if (z->carried <= asked) {
                z->now++;
                step = JOIN;
            }

            break;

        case READ:
            carried = z->carried;

            llm_clock_period(&clock_now, DAY, &row.start,
                             &(int64_t) { 0 });
            row.period = DAY;
            row.sum[LLM_COUNT_REQUESTS] = stored;
            row.sum[LLM_COUNT_COST] = 5 * stored;
            break;

        case ADD:

            if (llm_zone_load_lacks(z, &key, &period, 1, carried)) {
                step = JOIN - 1;
                z->now++;

            } else {
                (void) llm_zone_load(z, &clock_now, &key, &period, 1, &row, 1);
            }

            break;
        }

        if (step < STEPS) {
            step++;
        }
    }

    return used("u", LLM_COUNT_REQUESTS) == 1
           && used("u", LLM_COUNT_COST) == 5
           && quota_check(z) == NULL;
}


static void
test_interleave(void)
{
    int       settled, written;
    uint64_t  ms;

    for (ms = 0; ms < 2; ms++) {
        for (settled = 0; settled <= STEPS; settled++) {
            for (written = settled; written <= STEPS; written++) {
                ok(interleave(settled, written, ms),
                   "settled at step %d, written at %d, a step in %d ms",
                   settled, written, (int) ms);
            }
        }
    }
}


int
main(void)
{
    test_present();
    test_join();
    test_names();
    test_room();
    test_interleave();

    return tap_done();
}
