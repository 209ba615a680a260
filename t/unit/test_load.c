
/*
 * Copyright (C) the llm_quota authors
 */


#include "llm_adopt.h"
#include "quota.h"


/*
 * What was settled before the zone was made, and by other zones, comes into
 * its meters once.
 */


#define OTHER  0x2222222222222222ULL
#define DAY    LLM_PERIOD(LLM_PERIOD_DAYS, 1)


static llm_zone_t   *z;
static llm_clock_t   clock_now;
static llm_kept_t    kept;


static void
begin(void)
{
    llm_row_t  row;

    z = quota_zone(LLM_ZONE_MIN);
    z->stored = 1;
    z->now = 1000000;

    quota_clock(&clock_now, QUOTA_WALL + 12 * 3600000);

    quota_row(&row, "rpm=5 budget=1/day");
    llm_kept_init(&kept);
    (void) llm_kept_row(&kept, LLM_SUBJECT_TEAM, &row);
}


static void
key_of(llm_subject_key_t *key, const char *team)
{
    quota_key(z, key, LLM_SUBJECT_TEAM, team);
}


static void
row_of(llm_load_t *row, llm_period_t period, int64_t n)
{
    int64_t  end;

    row->period = period;
    llm_clock_period(&clock_now, period, &row->start, &end);

    row->generation = 3;
    row->sum[LLM_COUNT_REQUESTS] = n;
    row->sum[LLM_COUNT_INPUT] = 2 * n;
    row->sum[LLM_COUNT_OUTPUT] = 3 * n;
    row->sum[LLM_COUNT_COST] = 4 * n;
}


static int
load(const char *team, int64_t day, int64_t month)
{
    llm_load_t          rows[3];
    llm_subject_key_t   key;
    const llm_period_t  periods[] = { DAY, QUOTA_MONTH };

    key_of(&key, team);
    row_of(&rows[0], DAY, day);
    row_of(&rows[1], QUOTA_MONTH, month);

    /* of a day before */

    row_of(&rows[2], DAY, 100000);
    rows[2].start -= 86400;

    return llm_zone_load(z, &clock_now, &key, periods, 2, rows, 3);
}


static llm_meter_t *
meter_of(const char *team, llm_period_t period)
{
    llm_index_t         i;
    llm_subject_key_t   key;

    key_of(&key, team);
    i = llm_zone_find(z, &key);

    return (i == LLM_NONE) ? NULL
                           : llm_zone_find_meter(z, llm_zone_subject(z, i),
                                                 period);
}


static int64_t
cost_of(const char *team, llm_period_t period)
{
    llm_meter_t  *m;

    m = meter_of(team, period);

    return m ? m->settled[LLM_COUNT_COST] : -1;
}


static int64_t
generation_of(const char *team, llm_period_t period)
{
    return meter_of(team, period)->generation;
}


static int64_t
minute_of(const char *team)
{
    llm_index_t         i;
    llm_minute_t       *m;
    llm_subject_key_t   key;

    key_of(&key, team);
    i = llm_zone_find(z, &key);

    if (i == LLM_NONE || llm_zone_subject(z, i)->minute == LLM_NONE) {
        return -1;
    }

    llm_zone_roll(z, &clock_now, llm_zone_subject(z, i));
    m = llm_zone_minute(z, llm_zone_subject(z, i)->minute);

    return m->window.sum[LLM_WINDOW_REQUESTS];
}


static void
adopt(const char *team, int64_t age, int64_t cost, unsigned number,
    int64_t end)
{
    llm_carrier_line_t  line;

    memset(&line, 0, sizeof(llm_carrier_line_t));

    line.started = clock_now.wall - age;
    line.timestamp = clock_now.wall - age;
    line.requests = 1;
    line.input = 10;
    line.counted = line.input - 4;
    line.output = 5;
    line.cost = cost;
    line.text[LLM_ENTRY_TEAM].data = (u_char *) team;
    line.text[LLM_ENTRY_TEAM].len = strlen(team);
    line.end.epoch = OTHER;
    line.end.number = number;
    line.end.offset = end;

    llm_adopt_line(z, &clock_now, &kept, &line);
}


static void
test_load(void)
{
    llm_ask_t          ask;
    llm_row_t          row;
    llm_verdict_t      v;
    llm_settlement_t   s;

    begin();

    quota_row(&row, "budget=1/day");
    quota_ask(&ask, LLM_RESERVE_ESTIMATE);
    quota_subject(z, &ask, LLM_SUBJECT_TEAM, "a", &row, 1);

    llm_admit(z, &clock_now, &ask, &v);
    ok(v.decision == LLM_UNKNOWN && v.unknown == 1, "nothing is known");
    ok(v.reservation == LLM_NONE && cost_of("a", DAY) == -1,
       "and nothing is made");

    ask.dry_run = 1;
    llm_admit(z, &clock_now, &ask, &v);
    ok(v.decision == LLM_UNKNOWN && v.reservation == LLM_NONE,
       "nor in a dry run");
    ask.dry_run = 0;

    is_int(load("a", 5, 7), LLM_ROOM_MADE, "loaded");
    is_int(cost_of("a", DAY), 20, "the day");
    is_int(cost_of("a", QUOTA_MONTH), 28, "the month");

    is_int(load("taken", -5, 0), LLM_ROOM_MADE, "one that was reset");
    is_int(cost_of("taken", DAY), -20, "below nothing");
    is_int(generation_of("taken", DAY), 3, "three times");

    llm_admit(z, &clock_now, &ask, &v);
    is_int(v.decision, LLM_ADMITTED, "now it is known");

    (void) load("a", 500, 700);
    is_int(cost_of("a", DAY), 20, "a meter is loaded once");

    /* a period that ends is known from its beginning */

    llm_clock_set(&clock_now, clock_now.wall + QUOTA_DAY);
    llm_admit(z, &clock_now, &ask, &v);
    ok(v.decision == LLM_ADMITTED && cost_of("a", DAY) == 0, "the next day");

    /* what is decided without */

    ask.nsubjects = 0;
    ask.blind = 1;
    quota_subject(z, &ask, LLM_SUBJECT_TEAM, "b", &row, 1);
    llm_admit(z, &clock_now, &ask, &v);
    is_int(v.decision, LLM_ADMITTED, "blindly");

    memset(&s, 0, sizeof(llm_settlement_t));
    s.cost = 50;
    (void) llm_settle(z, &clock_now, v.reservation, v.id, &s);
    is_int(cost_of("b", DAY), 50, "it is counted");

    ask.blind = 0;
    llm_admit(z, &clock_now, &ask, &v);
    is_int(v.decision, LLM_UNKNOWN, "but it is not known for that");
    (void) load("b", 2, 20);
    is_int(cost_of("b", DAY), 50, "the store has less");
    is_int(cost_of("b", QUOTA_MONTH), 80, "or it has more");

    ok(quota_check(z) == NULL, "the zone is whole");
}


/* One of "c", admitted blindly, and settled for so much if that is not 0. */

static llm_index_t
blindly(int64_t cost)
{
    llm_ask_t          ask;
    llm_row_t          row;
    llm_verdict_t      v;
    llm_settlement_t   s;

    quota_row(&row, "budget=1/day");
    quota_ask(&ask, LLM_RESERVE_ESTIMATE);
    quota_subject(z, &ask, LLM_SUBJECT_TEAM, "c", &row, 1);
    ask.blind = 1;
    ask.started = clock_now.wall;
    ask.worker = 3;

    llm_admit(z, &clock_now, &ask, &v);

    if (cost) {
        memset(&s, 0, sizeof(llm_settlement_t));
        s.timestamp = clock_now.wall;
        s.cost = cost;
        (void) llm_settle(z, &clock_now, v.reservation, v.id, &s);
    }

    return v.reservation;
}


static int
lacks(uint64_t carried)
{
    llm_subject_key_t   key;
    const llm_period_t  periods[] = { DAY, QUOTA_MONTH };

    key_of(&key, "c");

    return llm_zone_load_lacks(z, &key, periods, 2, carried);
}


/* What was admitted blindly and has no line yet is not in the store. */

static void
test_unwritten(void)
{
    llm_index_t         i, written;
    llm_worker_t        seen;
    llm_subject_key_t   key;

    begin();

    memset(&seen, 0, sizeof(llm_worker_t));
    (void) llm_zone_take_worker(z, 3, &seen, 100, 7);

    is_int(lacks(0), 0, "nobody wrote of whom the zone does not know");

    written = blindly(4);
    llm_zone_free_reservation(z, written);
    (void) blindly(10);
    i = blindly(20);
    (void) blindly(0);

    ok(lacks(z->now) == 1 && lacks(z->now + 1) == 0,
       "a line that was written must be carried");

    z->workers[3].writing = 1;
    is_int(load("c", 5, 7), LLM_ROOM_SOON, "another may be written now");
    z->workers[3].writing = 0;

    seen = z->workers[3];
    (void) llm_zone_take_worker(z, 3, &seen, 101, 8);
    is_int(load("c", 5, 7), LLM_ROOM_SOON, "or is of one who died");
    z->workers[3].generation--;

    /* one of the store's five is written */

    is_int(load("c", 5, 7), LLM_ROOM_MADE, "loaded");
    is_int(cost_of("c", DAY), 20 + 30, "the day and what has no line");
    is_int(cost_of("c", QUOTA_MONTH), 28 + 30, "the month");

    key_of(&key, "c");
    is_int(llm_zone_find_meter(z, llm_zone_subject(z, llm_zone_find(z, &key)),
                               DAY)->settled[LLM_COUNT_REQUESTS],
           5 + 3, "and what is in flight");

    llm_zone_free_reservation(z, i);
    ok(lacks(0) == 0, "what is loaded lacks nothing");
    is_int(cost_of("c", DAY), 50, "a line that is written changes nothing");

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
        sprintf(name, "t-%d", i);
        made = load(name, 1, 1);
    }

    is_int(made, LLM_ROOM_SOON, "there is room for so many");

    z->carried = ++z->now;
    is_int(load("late", 1, 1), LLM_ROOM_MADE, "and another, for one of them");
    ok(z->evictions == 1 && load("later", 1, 1) == LLM_ROOM_MADE,
       "who is loaded stays for a while");
    ok(cost_of("late", DAY) == 4, "and is known");

    for (i = 0; i < (int) z->nsubjects; i++) {
        llm_zone_subject(z, i)->pin = z->pins;
    }

    is_int(load("last", 1, 1), LLM_ROOM_NONE, "none of those may leave");
    ok(i > 60 && quota_check(z) == NULL, "the zone is whole");
}


/* Before the zone is ready: the minute, which is made. */

static void
test_minute(void)
{
    llm_carrier_mark_t  marks[LLM_CARRIER_MARKS];

    begin();

    adopt("a", 500, 1, 0, 100);
    adopt("a", 59900, 1, 0, 200);
    adopt("a", 62000, 1, 0, 300);
    is_int(minute_of("a"), 2, "the last minute's");
    is_int(cost_of("a", DAY), -1, "no period is made");

    adopt("a", 500, 1, 0, 100);
    adopt("a", 500, 1, 0, 300);
    is_int(minute_of("a"), 2, "once");

    is_int(llm_adopted(z, marks), 1, "there is a mark");
    ok(marks[0].epoch == OTHER && marks[0].offset == 300,
       "at the last one's end");

    /* it leaves the window when it is a minute old, not before */

    z->now += 59000;
    clock_now.wall += 59000;
    is_int(minute_of("a"), 1, "the older one leaves");
    z->now += 1400;
    clock_now.wall += 1400;
    is_int(minute_of("a"), 1, "the other one is not quite a minute old");
    z->now += 1000;
    is_int(minute_of("a"), 0, "now it is");

    /* a team whose rate nothing limits */

    kept.types[LLM_SUBJECT_TEAM].minute = 0;
    adopt("b", 500, 1, 0, 400);
    is_int(minute_of("b"), -1, "no minute that nobody needs");

    ok(quota_check(z) == NULL, "the zone is whole");
}


/* Of a zone that is ready: what has meters. */

static void
test_foreign(void)
{
    llm_carrier_mark_t  mark;

    begin();
    z->ready = 1;

    (void) load("a", 5, 7);
    adopt("a", 1000, 100, 0, 100);
    is_int(cost_of("a", DAY), 120, "the day");
    is_int(cost_of("a", QUOTA_MONTH), 128, "the month");
    adopt("a", 1000, 100, 0, 100);
    is_int(cost_of("a", DAY), 120, "once");
    adopt("a", QUOTA_DAY, 100, 1, 100);
    is_int(cost_of("a", DAY), 120, "what is of yesterday");
    is_int(cost_of("a", QUOTA_MONTH), 128, "and of last month, is not");
    adopt("b", 1000, 100, 1, 200);
    is_int(cost_of("b", DAY), -1, "whom the zone does not know");
    is_int(minute_of("b"), -1, "it does not get to know");
    is_int(minute_of("a"), -1, "nor a minute that nobody has asked for");

    /* lines that say nothing end further down */

    memset(&mark, 0, sizeof(llm_carrier_mark_t));
    mark.epoch = OTHER;
    mark.number = 1;
    mark.offset = 500;
    llm_adopt_marks(z, &mark, 1, 0);
    adopt("a", 1000, 100, 1, 500);
    is_int(cost_of("a", DAY), 120, "before the mark all is in");
    adopt("a", 1000, 100, 1, 501);
    is_int(cost_of("a", DAY), 220, "behind it not");

    mark.offset = 400;
    llm_adopt_marks(z, &mark, 1, 0);
    adopt("a", 1000, 100, 1, 501);
    is_int(cost_of("a", DAY), 220, "a mark goes not back");

    ok(quota_check(z) == NULL, "the zone is whole");
}


/* Whether the store was read at the moment that the zone stands at. */

static void
test_moment(void)
{
    unsigned             i;
    uint64_t             state;
    llm_mark_t           seen[3];
    llm_carrier_mark_t   marks[LLM_CARRIER_MARKS];

    begin();

    memset(seen, 0, sizeof(seen));
    memset(marks, 0, sizeof(marks));

    seen[0].epoch = z->epoch;
    seen[0].offset = 12345;
    seen[1].epoch = OTHER;
    seen[1].offset = 100;

    ok(llm_zone_marks_are(z, seen, 1, 0), "its own lines do not matter");
    ok(!llm_zone_marks_are(z, seen, 2, 0), "others' that it knows nothing of");

    marks[0].epoch = OTHER;
    marks[0].offset = 100;
    state = llm_zone_marks_state(z);
    llm_adopt_marks(z, marks, 1, 0);
    ok(llm_zone_marks_are(z, seen, 2, 0), "until it does");
    ok(llm_zone_marks_state(z) != state, "which is seen");

    state = llm_zone_marks_state(z);
    marks[0].offset = 101;
    llm_adopt_marks(z, marks, 1, 0);
    ok(!llm_zone_marks_are(z, seen, 2, 0), "more than the store had");
    ok(llm_zone_marks_state(z) != state, "which is seen, too");
    ok(llm_zone_marks_are(z, seen, 2, 1), "but for a segment that was cut");

    seen[1].offset = 102;
    ok(!llm_zone_marks_are(z, seen, 2, 1), "fewer than it had");
    seen[1].offset = 101;
    ok(llm_zone_marks_are(z, seen, 2, 0), "the same");

    seen[2].epoch = OTHER;
    seen[2].number = 1;
    seen[2].offset = 1;
    ok(!llm_zone_marks_are(z, seen, 3, 1), "a new segment");

    /* many are old */

    for (i = 0; i < LLM_CARRIER_MARKS; i++) {
        marks[i].epoch = OTHER;
        marks[i].number = i + 2;
        marks[i].offset = 1;
    }

    llm_adopt_marks(z, marks, LLM_CARRIER_MARKS,
                    llm_mark_sum(OTHER, 0, 101) + llm_mark_sum(OTHER, 1, 1));
    ok(llm_zone_marks_are(z, seen, 3, 0), "old ones");
    seen[2].offset = 2;
    ok(!llm_zone_marks_are(z, seen, 3, 1), "which may not have grown");
    seen[2].offset = 1;
    ok(!llm_zone_marks_are(z, seen, 2, 1), "nor be gone");
    is_int(llm_adopted(z, marks), LLM_CARRIER_MARKS, "there are so many marks");
    adopt("a", 1000, 1, LLM_CARRIER_MARKS + 2, 7);
    is_int(llm_adopted(z, marks), LLM_CARRIER_MARKS, "and no more");
    ok(marks[0].number == LLM_CARRIER_MARKS + 2 && marks[0].offset == 7,
       "a new one takes the place of the oldest");

    seen[0].epoch = OTHER;
    seen[0].number = 2;
    seen[0].offset = 1;
    ok(llm_zone_marks_are(z, seen, 3, 0), "which is one of the others");
}


/* Periods that nobody asks about end all the same. */

static void
test_idle(void)
{
    unsigned     n;
    llm_index_t  i;

    begin();

    (void) load("a", 5, 7);
    (void) load("b", 5, 7);

    ok(llm_zone_roll_idle(z, &clock_now, 0, UINT32_MAX) == LLM_NONE
       && cost_of("a", DAY) == 20, "a day that goes on");

    llm_clock_set(&clock_now, clock_now.wall + QUOTA_DAY);

    for (i = 0, n = 0; i != LLM_NONE; n++) {
        i = llm_zone_roll_idle(z, &clock_now, i, 2);
    }

    is_int(n, (z->nmeters + 1) / 2, "slice by slice");
    ok(cost_of("a", DAY) == 0 && cost_of("b", DAY) == 0, "a day that ends");
    is_int(cost_of("a", QUOTA_MONTH), 28, "the month goes on");
    ok(quota_check(z) == NULL, "the zone is whole");
}


/* Facts of other zones that are no usage. */

static void
adopt_fact(const char *team, int reset, int64_t cost, int64_t end)
{
    llm_carrier_line_t  line;
    llm_line_period_t   period;

    memset(&line, 0, sizeof(llm_carrier_line_t));
    memset(&period, 0, sizeof(llm_line_period_t));

    line.timestamp = clock_now.wall;
    line.started = clock_now.wall;
    line.correction = !reset;
    line.reset = reset;
    line.text[LLM_ENTRY_TEAM].data = (u_char *) team;
    line.text[LLM_ENTRY_TEAM].len = strlen(team);
    line.end.epoch = OTHER;
    line.end.number = 3;
    line.end.offset = end;

    if (reset) {
        int64_t  last;

        line.subject = LLM_SUBJECT_TEAM;
        line.periods = &period;
        line.nperiods = 1;
        period.period.data = (u_char *) "day";
        period.period.len = 3;
        period.amount[LLM_FACT_COST] = cost;

        llm_clock_period(&clock_now, DAY, &period.start, &last);

    } else {
        line.cost = cost;
        line.requests = 2;
    }

    llm_adopt_line(z, &clock_now, &kept, &line);
}


static void
test_facts(void)
{
    begin();
    z->ready = 1;

    is_int(load("a", 5, 7), LLM_ROOM_MADE, "loaded");

    adopt_fact("a", 0, -3, 100);
    is_int(cost_of("a", DAY), 17, "a correction is in the day");
    is_int(cost_of("a", QUOTA_MONTH), 25, "and in the month");

    adopt_fact("a", 0, -3, 100);
    is_int(cost_of("a", DAY), 17, "once");

    adopt_fact("a", 1, -17, 200);
    is_int(cost_of("a", DAY), 0, "a reset is in its period");
    is_int(cost_of("a", QUOTA_MONTH), 25, "alone");

    adopt_fact("a", 1, -17, 200);
    is_int(cost_of("a", DAY), 0, "once");

    adopt_fact("b", 0, 5, 300);
    is_int(cost_of("b", DAY), -1, "who is not here gets it from the store");
    is_int(minute_of("a"), -1, "no window is changed");
}


int
main(void)
{
    test_facts();
    test_load();
    test_unwritten();
    test_room();
    test_minute();
    test_foreign();
    test_moment();
    test_idle();

    return tap_done();
}
