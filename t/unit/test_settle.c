
/*
 * Copyright (C) the llm_quota authors
 */


#include "llm_evict.h"
#include "world.h"


/* Sums of reservations are exact or not taken. */

static void
test_overflow(void)
{
    llm_ask_t  ask;

    begin();
    team(&ask, LLM_RESERVE_ESTIMATE, NULL, INT64_MAX - 5, 0, INT64_MAX - 5);
    ask.amount[LLM_COUNT_REQUESTS] = INT64_MAX;

    ok(admit(&ask) == LLM_ADMITTED, "nearly all there is");

    ask.amount[LLM_COUNT_INPUT] = 6;
    ask.amount[LLM_COUNT_COST] = 0;
    ok(admit(&ask) == LLM_FULL, "more than there is");
    is_int(z->full, 1, "is counted");

    ask.amount[LLM_COUNT_INPUT] = 5;
    ok(admit(&ask) == LLM_ADMITTED, "all there is");

    ok(settle(0, 1, INT64_MAX, INT64_MAX, INT64_MAX) == 1
       && settle(1, 2, INT64_MAX, 1, 1) == 1, "settled beyond the most");
    is_int(used(TEAM, "a", "tokens=1/month"), INT64_MAX, "saturates");
    is_int(used(TEAM, "a", "budget=1/month"), INT64_MAX, "money too");

    finish();
}


/* Takes meters and minutes for subjects of its own until so many are left;
   they do not leave. */

static void
drain(uint32_t meters, uint32_t minutes)
{
    char                name[16];
    uint32_t            i, n;
    llm_index_t         s;
    llm_subject_key_t   key;

    enter();

    for (i = 0; z->meters_left > meters || z->minutes_left > minutes; i++) {
        sprintf(name, "drain%u", i);
        quota_key(z, &key, USER, name);
        s = llm_zone_add_subject(z, &key);
        llm_evict_pin(z, llm_zone_subject(z, s));

        if (z->minutes_left > minutes) {
            (void) llm_zone_add_minute(z, s);
        }

        for (n = 1; n <= LLM_SUBJECT_METERS && z->meters_left > meters; n++) {
            (void) llm_zone_add_meter(z, s, LLM_PERIOD(LLM_PERIOD_DAYS, n), 0,
                                      1);
        }
    }

    llm_zone_leave(z);
}


/* An ask for which there is no room changes nothing but where the hand is that
   looks for some. */

static void
full(const llm_ask_t *ask, const char *what)
{
    u_char          *before;
    llm_decision_e   decision;

    before = malloc(SIZE);

    if (before == NULL) {
        exit(1);
    }

    enter();
    llm_zone_leave(z);

    memcpy(before, z, SIZE);
    ((llm_zone_t *) before)->full++;

    decision = admit(ask);

    ((llm_zone_t *) before)->hand = z->hand;

    ok(decision == LLM_FULL && v.reservation == LLM_NONE, "no room: %s",
       what);
    ok(memcmp(before, z, SIZE) == 0, "and not a byte has changed");

    free(before);
}


static void
test_full(void)
{
    char        name[16];
    uint32_t    i;
    llm_ask_t   ask;
    llm_row_t   row;

    begin();
    quota_row(&row, "rpm=1000 budget=1000/day");
    team(&ask, LLM_RESERVE_ESTIMATE, &row, 1, 1, 1);

    for (i = 0; i < z->nreservations; i++) {
        admit(&ask);
    }

    ok(v.decision == LLM_ADMITTED && z->reservations_left == 0,
       "as many requests as there are reservations");
    full(&ask, "one more");
    settle(3, 4, 1, 1, 1);
    full(&ask, "a settled one is not free yet");
    release(3);
    ok(admit(&ask) == LLM_ADMITTED && v.reservation == 3, "then it is");
    ask.dry_run = 1;
    full(&ask, "for a dry run neither");
    finish();

    begin();
    llm_row_init(&row);
    row.named = 1;

    for (i = 0; i < z->nsubjects - 1; i++) {
        sprintf(name, "t%u", i);
        quota_ask(&ask, LLM_RESERVE_ESTIMATE);
        quota_subject(z, &ask, TEAM, name, &row, 0);
        admit(&ask);
        settle(v.reservation, v.id, 0, 0, 0);
        release(v.reservation);
    }

    quota_ask(&ask, LLM_RESERVE_ESTIMATE);
    quota_subject(z, &ask, TEAM, "x", NULL, 0);
    quota_subject(z, &ask, USER, "y", NULL, 0);
    full(&ask, "two subjects where there is one");
    ask.nsubjects = 1;
    ok(admit(&ask) == LLM_ADMITTED, "one fits");
    finish();

    begin();
    quota_row(&row, "tpd=1 budget=1");
    row.named = 1;
    drain(2, z->nminutes);
    quota_ask(&ask, LLM_RESERVE_ESTIMATE);
    quota_subject(z, &ask, TEAM, "x", &row, 1);
    full(&ask, "three meters where there are two");
    quota_subject(z, &ask, USER, "y", &row, 0);
    ask.subjects[0].month = 0;
    full(&ask, "nor two for each of two subjects");
    ask.nsubjects = 1;
    ok(admit(&ask) == LLM_ADMITTED && z->meters_left == 0, "two fit");
    ask.subjects[0].month = 1;
    full(&ask, "and now the month does not");
    finish();

    begin();
    quota_row(&row, "rpm=9");
    drain(z->nmeters, 1);
    quota_ask(&ask, LLM_RESERVE_ESTIMATE);
    quota_subject(z, &ask, TEAM, "x", &row, 0);
    quota_subject(z, &ask, USER, "drain0", &row, 0);
    ok(admit(&ask) == LLM_ADMITTED && z->minutes_left == 0,
       "the last minute, and one that is there");
    finish();

    /* there are as many minutes as subjects: as if there were fewer */

    begin();
    quota_ask(&ask, LLM_RESERVE_ESTIMATE);
    quota_subject(z, &ask, TEAM, "x", &row, 0);
    z->minutes_left = 0;
    full(&ask, "a minute where there is none");
    z->minutes_left = z->nminutes;
    finish();
}


/* The periods of a row, however often limited, and those of other rows. */

static void
test_periods(void)
{
    int         i, n;
    char        text[512];
    llm_ask_t   ask;
    llm_row_t   row;

    begin();
    quota_row(&row, "rpm=9 requests=9/hour tokens=9/hour input_tokens=9/hour "
                    "output_tokens=9/hour budget=9/hour requests=9/day "
                    "tokens=9/day input_tokens=9/day output_tokens=9/day "
                    "budget=9/day requests=9/week tokens=9/week "
                    "input_tokens=9/week output_tokens=9/week budget=9/week "
                    "requests=9/month tokens=9/month input_tokens=9/month "
                    "output_tokens=9/month budget=9/month budget=9 "
                    "parallel=9");
    team(&ask, LLM_RESERVE_STRICT, &row, 1, 1, 1);
    ok(admit(&ask) == LLM_ADMITTED && z->nmeters - z->meters_left == 5,
       "21 limits in five periods");
    finish();

    begin();

    for (i = 1, n = 0; i <= LLM_ROW_PERIODS; i++) {
        n += sprintf(text + n, "requests=9/%dh ", i);
    }

    quota_row(&row, text);
    team(&ask, LLM_RESERVE_STRICT, &row, 1, 1, 1);
    ok(admit(&ask) == LLM_ADMITTED
       && z->nmeters - z->meters_left == LLM_SUBJECT_METERS,
       "as many periods as a row may have, and the month");
    ok(admit(&ask) == LLM_ADMITTED && settle(0, 1, 1, 1, 1) == 1,
       "again and again");

    quota_row(&row, "rpm=9 requests=9/16h");
    full(&ask, "another row's, of another period");
    finish();
}


static void
test_settle(void)
{
    llm_ask_t          ask;
    llm_row_t          row;
    llm_index_t        i;
    llm_reservation_t  *r;

    begin();
    quota_row(&row, "rpm=9 tpm=100 tokens=100/day budget=1/day parallel=5");
    team(&ask, LLM_RESERVE_ESTIMATE, &row, 10, 20, 30);
    ask.expected[LLM_COUNT_OUTPUT] = 77;
    ask.started = 123;
    ask.worker = 5;
    ask.len[LLM_NAME_TEAM] = 4;
    ask.name[LLM_NAME_TEAM] = (u_char *) "team";
    ask.len[LLM_NAME_MODEL] = 5;
    ask.name[LLM_NAME_MODEL] = (u_char *) "model";
    z->workers[5].generation = 9;

    admit(&ask);
    i = v.reservation;
    r = llm_zone_reservation(z, i);

    ok(r->state == LLM_RESERVATION_HELD && r->worker == 5
       && r->generation == 9 && r->started == 123
       && r->expected[LLM_COUNT_OUTPUT] == 77
       && r->reserved[LLM_COUNT_COST] == 30, "what a reservation bears");
    is_mem(r->text, r->len[LLM_NAME_TEAM] + r->len[LLM_NAME_MODEL],
           "teammodel", "its names");

    ok(used(TEAM, "a", "tpm=1") == 30 && used(TEAM, "a", "budget=1/day") == 30
       && used(TEAM, "a", "parallel=1") == 1
       && used(TEAM, "a", "rpm=1") == 1, "held");

    ok(settle(i, v.id + 1, 1, 1, 1) == 0, "another's id");
    ok(settle(i + 1, v.id, 1, 1, 1) == 0, "a free reservation");
    ok(settle(z->nreservations, v.id, 1, 1, 1) == 0
       && settle(LLM_NONE, v.id, 1, 1, 1) == 0, "no reservation");
    ok(used(TEAM, "a", "tpm=1") == 30 && r->state == LLM_RESERVATION_HELD,
       "settle nothing");

    ok(settle(i, v.id, 1, 2, 4) == 1 && r->state == LLM_RESERVATION_SETTLED,
       "its own does");
    ok(used(TEAM, "a", "tpm=1") == 3 && used(TEAM, "a", "tokens=1/day") == 3
       && used(TEAM, "a", "input_tokens=1/day") == 1
       && used(TEAM, "a", "output_tokens=1/month") == 2
       && used(TEAM, "a", "budget=1/day") == 4
       && used(TEAM, "a", "parallel=1") == 0
       && used(TEAM, "a", "rpm=1") == 1, "settled");
    ok(r->settlement.cost == 4 && r->settlement.usage.output == 2,
       "and the record knows it");

    ok(settle(i, v.id, 1, 2, 4) == 0, "once");
    ok(used(TEAM, "a", "tpm=1") == 3, "only");

    release(i);
    ok(settle(i, v.id, 1, 2, 4) == 0, "given back, it is nobody's");

    /* a charge that was noted before a kill */

    admit(&ask);
    r = llm_zone_reservation(z, v.reservation);
    r->settlement.usage.input = 5;
    r->settlement.usage.output = 0;
    r->settlement.window_input = 2;
    r->settlement.cost = 6;
    r->state = LLM_RESERVATION_CHARGED;

    ok(settle(v.reservation, v.id, 1, 1, 1) == 0, "noted: not noted anew");

    enter();
    llm_settle_noted(z, &walls);
    llm_settle_noted(z, &walls);
    llm_zone_leave(z);

    ok(used(TEAM, "a", "tpm=1") == 5 && used(TEAM, "a", "tokens=1/day") == 8
       && used(TEAM, "a", "budget=1/day") == 10
       && r->state == LLM_RESERVATION_SETTLED,
       "applied once; cached input counts in periods alone");

    /* more names than a record has room for */

    memset(&ask.len, 0, sizeof(ask.len));
    ask.name[0] = (u_char *) z;
    ask.len[0] = LLM_RECORD_TEXT - 3;
    ask.name[1] = (u_char *) "123456";
    ask.len[1] = 6;
    ask.name[2] = (u_char *) "7";
    ask.len[2] = 1;
    admit(&ask);
    r = llm_zone_reservation(z, v.reservation);
    ok(r->len[0] == LLM_RECORD_TEXT - 3 && r->len[1] == 3 && r->len[2] == 0,
       "are cut");

    finish();
}


/* The month is kept where no limit bears, and known to a later budget. */

static void
test_month(void)
{
    llm_ask_t  ask;
    llm_row_t  row;

    begin();
    team(&ask, LLM_RESERVE_ESTIMATE, NULL, 1, 1, 1);
    quota_subject(z, &ask, USER, "u", NULL, 0);

    admit(&ask);
    settle(v.reservation, v.id, 10, 20, 3 * USD);

    ok(used(TEAM, "a", "requests=1/month") == 1
       && used(TEAM, "a", "tokens=1/month") == 30
       && used(TEAM, "a", "budget=1/month") == 3 * USD, "the team's");
    is_int(z->nmeters - z->meters_left, 1, "and no other meter");
    is_int(z->nminutes - z->minutes_left, 0, "nor window");

    quota_row(&row, "budget=3/month");
    ask.subjects[0].row = &row;
    ok(admit(&ask) == LLM_REFUSED && v.refusal.used == 3 * USD,
       "a budget counts what came before it");

    /* a window that begins while a request is in flight */

    ask.subjects[0].row = NULL;
    admit(&ask);
    quota_row(&row, "tpm=100");
    ask.subjects[1].row = &row;
    ask.amount[LLM_COUNT_INPUT] = 50;
    admit(&ask);
    is_int(used(USER, "u", "tpm=1"), 53, "both are reserved");
    settle(1, 2, 7, 7, 0);
    is_int(used(USER, "u", "tpm=1"), 65, "and the older one is charged");

    finish();
}


/* Strict, over midnight: what is settled and reserved never passes a limit,
   and a roll lets go of nothing that is reserved. */

static void
test_midnight(void)
{
    int64_t      sum;
    llm_ask_t    ask;
    llm_row_t    row;
    llm_index_t  held;
    uint64_t     id;

    begin();
    quota_row(&row, "tokens=100/day");
    team(&ask, LLM_RESERVE_STRICT, &row, 60, 0, 0);

    pass(12 * HOUR - 1000);

    ok(admit(&ask) == LLM_ADMITTED, "60 of 100, a second before midnight");
    held = v.reservation;
    id = v.id;

    ask.amount[LLM_COUNT_INPUT] = 40;
    ok(admit(&ask) == LLM_ADMITTED, "and 40");
    settle(v.reservation, v.id, 40, 0, 0);
    ask.amount[LLM_COUNT_INPUT] = 1;
    ok(admit(&ask) == LLM_REFUSED && v.retry == 1000,
       "no more until midnight");

    pass(1000);
    is_int(used(TEAM, "a", "tokens=1/day"), 60, "then 60 are still held");
    ask.amount[LLM_COUNT_INPUT] = 41;
    ok(admit(&ask) == LLM_REFUSED && v.retry == 1, "41 wait for them");
    ask.amount[LLM_COUNT_INPUT] = 40;
    ok(admit(&ask) == LLM_ADMITTED, "40 do not");
    is_int(used(TEAM, "a", "tokens=1/day"), 100, "full");

    ok(settle(held, id, 50, 0, 0) == 1, "it is charged to the new day");
    sum = used(TEAM, "a", "tokens=1/day");
    is_int(sum, 90, "which has 50 settled and 40 reserved");

    pass(-2000);
    is_int(used(TEAM, "a", "tokens=1/day"), 90,
           "to a worker whose clock is late as well");
    ask.amount[LLM_COUNT_INPUT] = 11;
    ok(admit(&ask) == LLM_REFUSED, "who cannot pass the limit");

    finish();
}


int
main(void)
{
    test_overflow();
    test_full();
    test_periods();
    test_settle();
    test_month();
    test_midnight();

    return tap_done();
}
