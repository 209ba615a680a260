
/*
 * Copyright (C) the llm_quota authors
 */


#include <string.h>

#include "llm_load.h"
#include "llm_money.h"


static llm_room_e llm_load_room(llm_zone_t *z, llm_clock_t *clock,
    const llm_subject_key_t *key, llm_index_t index,
    const llm_period_t *periods, unsigned nperiods);
static void llm_load_rows(llm_zone_t *z, llm_meter_t *m, int64_t *sum,
    const llm_load_t *rows, size_t nrows);
static int llm_load_unwritten(llm_zone_t *z, llm_index_t index,
    llm_meter_t **meters, unsigned nmeters, int64_t (*sums)[LLM_COUNTS]);
static int llm_load_is_writing(const llm_zone_t *z);
static int llm_load_names(const llm_reservation_t *r, llm_index_t index);
static void llm_load_of(const llm_reservation_t *r, llm_foreign_line_t *line);
static void llm_load_line(const llm_meter_t *m,
    const llm_foreign_line_t *line, int64_t *n);
static void llm_load_meters(llm_zone_t *z, const llm_subject_t *s,
    const llm_foreign_line_t *line);
static void llm_load_minute(llm_zone_t *z, llm_clock_t *clock,
    llm_subject_t *s, const llm_foreign_line_t *line);
static void llm_load_bucket(llm_zone_t *z, llm_clock_t *clock,
    llm_window_t *w, llm_window_counter_e counter, int64_t time, int64_t n);
static const llm_mark_t *llm_load_mark(const llm_zone_t *z,
    const llm_mark_t *segment);


llm_room_e
llm_zone_load(llm_zone_t *z, llm_clock_t *clock,
    const llm_subject_key_t *key, const llm_period_t *periods,
    unsigned nperiods, const llm_load_t *rows, size_t nrows)
{
    int64_t         start, end, sums[LLM_SUBJECT_METERS][LLM_COUNTS];
    unsigned        i;
    llm_room_e      made;
    llm_index_t     index;
    llm_meter_t    *m, *meters[LLM_SUBJECT_METERS];
    llm_subject_t  *s;

    index = llm_zone_find(z, key);

    made = llm_load_room(z, clock, key, index, periods, nperiods);

    if (made != LLM_ROOM_MADE) {
        return made;
    }

    if (index == LLM_NONE) {
        index = llm_zone_add_subject(z, key);
    }

    s = llm_zone_subject(z, index);

    llm_zone_roll(z, clock, s);

    for (i = 0; i < nperiods; i++) {
        m = llm_zone_find_meter(z, s, periods[i]);

        if (m == NULL) {
            llm_clock_period(clock, periods[i], &start, &end);

            m = llm_zone_meter(z, llm_zone_add_meter(z, index, periods[i],
                                                     start, end));
        }

        meters[i] = m;
    }

    if (!llm_load_unwritten(z, index, meters, nperiods, sums)) {
        return LLM_ROOM_SOON;
    }

    /* who waits for it must find it: it stays for a run of the leader */

    s->written = z->now;
    llm_evict_touch(s);

    for (i = 0; i < nperiods; i++) {
        if (!llm_zone_meter_loaded(z, meters[i])) {
            llm_load_rows(z, meters[i], sums[i], rows, nrows);
        }
    }

    return LLM_ROOM_MADE;
}


static llm_room_e
llm_load_room(llm_zone_t *z, llm_clock_t *clock, const llm_subject_key_t *key,
    llm_index_t index, const llm_period_t *periods, unsigned nperiods)
{
    unsigned        i, has;
    llm_room_t      room;
    llm_index_t     k;
    llm_subject_t  *s;

    memset(&room, 0, sizeof(llm_room_t));

    has = 0;
    s = (index == LLM_NONE) ? NULL : llm_zone_subject(z, index);

    for (k = s ? s->meters : LLM_NONE; k != LLM_NONE;
         k = llm_zone_meter(z, k)->next)
    {
        has++;
    }

    for (i = 0; i < nperiods; i++) {
        room.meters += (s == NULL
                        || llm_zone_find_meter(z, s, periods[i]) == NULL);
    }

    room.subjects = (s == NULL);
    room.common = llm_evict_is_common(key->type);

    if (has + room.meters > LLM_SUBJECT_METERS) {
        return LLM_ROOM_NONE;
    }

    return llm_make_room(z, clock, &room, &index, 1);
}


/* sum has what no line says yet: of what the zone has counted blindly, only
   that is not in the store. */

static void
llm_load_rows(llm_zone_t *z, llm_meter_t *m, int64_t *sum,
    const llm_load_t *rows, size_t nrows)
{
    size_t    i;
    int64_t   generation;
    uint32_t  n;

    generation = 0;

    for (i = 0; i < nrows; i++) {

        if (rows[i].period != m->period || rows[i].start != m->start) {
            continue;
        }

        for (n = 0; n < LLM_COUNTS; n++) {
            sum[n] = llm_sat_add(sum[n], rows[i].sum[n]);
        }

        generation = rows[i].generation;
    }

    llm_zone_put64(z, &m->generation, generation);

    for (n = 0; n < LLM_COUNTS; n++) {
        if (m->settled[n] < sum[n] || sum[n] < 0) {
            llm_zone_put64(z, &m->settled[n], sum[n]);
        }
    }

    llm_zone_put32(z, &m->loaded, z->loads);
    llm_zone_commit(z);
}


/* What the subject's reservations are for each of the meters; 0: of one it is
   not known whether its line is in the ledger. */

static int
llm_load_unwritten(llm_zone_t *z, llm_index_t index, llm_meter_t **meters,
    unsigned nmeters, int64_t (*sums)[LLM_COUNTS])
{
    int64_t             n[LLM_COUNTS];
    uint32_t            left;
    unsigned            i, k;
    llm_index_t         next;
    llm_reservation_t  *r;
    llm_foreign_line_t  line;

    memset(sums, 0, nmeters * sizeof(sums[0]));

    left = llm_zone_subject(z, index)->holders;

    if (left && llm_load_is_writing(z)) {
        return 0;
    }

    for (next = 0; left && next < z->nreservations; next++) {
        r = llm_zone_reservation(z, next);

        if (r->state == LLM_RESERVATION_FREE || !llm_load_names(r, index)) {
            continue;
        }

        if (llm_zone_is_left(z, r)) {
            return 0;
        }

        left--;
        llm_load_of(r, &line);

        for (i = 0; i < nmeters; i++) {
            llm_load_line(meters[i], &line, n);

            for (k = 0; k < LLM_COUNTS; k++) {
                sums[i][k] = llm_sat_add(sums[i][k], n[k]);
            }
        }
    }

    return 1;
}


static int
llm_load_is_writing(const llm_zone_t *z)
{
    unsigned  i;

    for (i = 0; i < LLM_WORKERS; i++) {
        if (z->workers[i].pid && z->workers[i].writing) {
            return 1;
        }
    }

    return 0;
}


static int
llm_load_names(const llm_reservation_t *r, llm_index_t index)
{
    uint32_t  i;

    for (i = 0; i < r->nsubjects; i++) {
        if (r->subjects[i] == index) {
            return 1;
        }
    }

    return 0;
}


/* A request counts from its admission on, what it used from its settlement
   on. */

static void
llm_load_of(const llm_reservation_t *r, llm_foreign_line_t *line)
{
    const llm_settlement_t  *c;

    memset(line, 0, sizeof(llm_foreign_line_t));

    if (r->state != LLM_RESERVATION_SETTLED) {
        line->started = r->started;
        line->requests = 1;
        return;
    }

    c = &r->settlement;

    line->started = c->timestamp - c->duration;
    line->timestamp = c->timestamp;
    line->requests = c->requests;
    line->input = c->usage.input;
    line->output = c->usage.output;
    line->cost = c->cost;
}


int
llm_zone_load_lacks(llm_zone_t *z, const llm_subject_key_t *key,
    const llm_period_t *periods, unsigned nperiods, uint64_t carried)
{
    unsigned              i;
    llm_index_t           index;
    const llm_meter_t    *m;
    const llm_subject_t  *s;

    index = llm_zone_find(z, key);

    if (index == LLM_NONE) {
        return 0;
    }

    s = llm_zone_subject(z, index);

    if (s->written < carried) {
        return 0;
    }

    for (i = 0; i < nperiods; i++) {
        m = llm_zone_find_meter(z, s, periods[i]);

        if (m == NULL || !llm_zone_meter_loaded(z, m)) {
            return 1;
        }
    }

    return 0;
}


int
llm_zone_is_loaded(llm_zone_t *z, const llm_subject_key_t *key,
    llm_period_t period)
{
    llm_index_t         index;
    const llm_meter_t  *m;

    if (!z->stored) {
        return 1;
    }

    index = llm_zone_find(z, key);

    if (index == LLM_NONE) {
        return 0;
    }

    m = llm_zone_find_meter(z, llm_zone_subject(z, index), period);

    return m && llm_zone_meter_loaded(z, m);
}


uint64_t
llm_zone_marks_state(const llm_zone_t *z)
{
    unsigned  i;
    uint64_t  state;

    state = z->made + z->others;

    for (i = 0; i < LLM_MARKS; i++) {
        state += (uint64_t) z->marks[i].offset;
    }

    return state;
}


int
llm_zone_marks_are(const llm_zone_t *z, const llm_mark_t *offsets, size_t n,
    int whole)
{
    size_t             i;
    uint64_t           others;
    const llm_mark_t  *mark;

    others = 0;

    for (i = 0; i < n; i++) {

        if (offsets[i].epoch == z->epoch) {
            continue;
        }

        mark = llm_load_mark(z, &offsets[i]);

        if (mark == NULL) {
            others += llm_mark_sum(offsets[i].epoch, offsets[i].number,
                                   offsets[i].offset);
            continue;
        }

        if (mark->offset < offsets[i].offset
            || (mark->offset > offsets[i].offset && !whole))
        {
            return 0;
        }
    }

    return others == z->others;
}


uint64_t
llm_mark_sum(uint64_t epoch, uint32_t number, int64_t offset)
{
    uint64_t  n;

    if (offset == 0) {
        return 0;
    }

    n = epoch + number * 0x9e3779b97f4a7c15ULL;
    n = (n ^ (n >> 32)) * 0xd6e8feb86659fd93ULL;
    n = (n ^ (n >> 32)) + (uint64_t) offset;
    n = (n ^ (n >> 32)) * 0xd6e8feb86659fd93ULL;

    return n ^ (n >> 32);
}


void
llm_zone_unload(llm_zone_t *z)
{
    /* 0 is that of a new meter */

    if (++z->loads == 0) {
        z->loads = 1;
    }
}


/* A segment's mark, or NULL. */

static const llm_mark_t *
llm_load_mark(const llm_zone_t *z, const llm_mark_t *segment)
{
    unsigned           i;
    const llm_mark_t  *mark;

    for (i = 0; i < LLM_MARKS; i++) {
        mark = &z->marks[i];

        if (mark->made
            && mark->epoch == segment->epoch
            && mark->number == segment->number)
        {
            return mark;
        }
    }

    return NULL;
}


void
llm_zone_add_line(llm_zone_t *z, llm_clock_t *clock,
    const llm_subject_key_t *keys, unsigned nkeys,
    const llm_foreign_line_t *line, llm_mark_t *mark, int64_t end)
{
    unsigned        i;
    llm_index_t     index;
    llm_subject_t  *s;

    if (mark && mark->offset >= end) {
        return;
    }

    for (i = 0; i < nkeys; i++) {
        index = llm_zone_find(z, &keys[i]);

        if (index != LLM_NONE) {
            llm_zone_roll(z, clock, llm_zone_subject(z, index));
        }
    }

    for (i = 0; i < nkeys; i++) {
        index = llm_zone_find(z, &keys[i]);

        if (index == LLM_NONE) {
            continue;
        }

        s = llm_zone_subject(z, index);

        if (mark) {
            llm_load_meters(z, s, line);
        }

        if (s->minute != LLM_NONE) {
            llm_load_minute(z, clock, s, line);
        }
    }

    if (mark) {
        llm_zone_put64(z, &mark->offset, end);
    }

    llm_zone_commit(z);
}


void
llm_zone_want_minute(llm_zone_t *z, const llm_subject_key_t *key)
{
    llm_room_t   room;
    llm_index_t  i;

    i = llm_zone_find(z, key);

    memset(&room, 0, sizeof(llm_room_t));

    room.subjects = (i == LLM_NONE);
    room.minutes = 1;
    room.common = llm_evict_is_common(key->type);

    if (!llm_has_room(z, &room)) {
        return;
    }

    if (i == LLM_NONE) {
        i = llm_zone_add_subject(z, key);
    }

    if (llm_zone_subject(z, i)->minute == LLM_NONE) {
        (void) llm_zone_add_minute(z, i);
    }
}


/* A meter that is loaded later gets the line from the store. */

static void
llm_load_meters(llm_zone_t *z, const llm_subject_t *s,
    const llm_foreign_line_t *line)
{
    int64_t       n[LLM_COUNTS];
    unsigned      k;
    llm_index_t   i;
    llm_meter_t  *m;

    for (i = s->meters; i != LLM_NONE; i = m->next) {
        m = llm_zone_meter(z, i);

        if (!llm_zone_meter_loaded(z, m)) {
            continue;
        }

        llm_load_line(m, line, n);

        for (k = 0; k < LLM_COUNTS; k++) {
            if (n[k]) {
                llm_zone_put64(z, &m->settled[k],
                               llm_sat_add(m->settled[k], n[k]));
            }
        }
    }
}


/* What of a line is of the meter's period. */

static void
llm_load_line(const llm_meter_t *m, const llm_foreign_line_t *line, int64_t *n)
{
    int64_t  started, ended;

    started = line->started / 1000;
    ended = line->timestamp / 1000;

    memset(n, 0, LLM_COUNTS * sizeof(int64_t));

    if (m->start <= started && started < m->end) {
        n[LLM_COUNT_REQUESTS] = line->requests;
    }

    if (m->start <= ended && ended < m->end) {
        n[LLM_COUNT_INPUT] = line->input;
        n[LLM_COUNT_OUTPUT] = line->output;
        n[LLM_COUNT_COST] = line->cost;
    }
}


static void
llm_load_minute(llm_zone_t *z, llm_clock_t *clock, llm_subject_t *s,
    const llm_foreign_line_t *line)
{
    llm_window_t  *w;

    w = &llm_zone_minute(z, s->minute)->window;

    llm_load_bucket(z, clock, w, LLM_WINDOW_REQUESTS, line->started,
                    line->requests);
    llm_load_bucket(z, clock, w, LLM_WINDOW_INPUT, line->timestamp,
                    line->window_input);
    llm_load_bucket(z, clock, w, LLM_WINDOW_OUTPUT, line->timestamp,
                    line->output);
}


/* The wall clock says how long ago it was, the zone's own which bucket that
   is; of the future nothing is believed. */

static void
llm_load_bucket(llm_zone_t *z, llm_clock_t *clock, llm_window_t *w,
    llm_window_counter_e counter, int64_t time, int64_t n)
{
    int64_t    age;
    uint32_t  *bucket, before;

    age = clock->wall - time;

    if (age < 0) {
        age = 0;
    }

    /* rounded down: it leaves the window late rather than early */

    age /= 1000;

    if (n <= 0 || age >= LLM_WINDOW_BUCKETS || (uint64_t) age > w->second) {
        return;
    }

    bucket = &w->bucket[(w->second - age) % LLM_WINDOW_BUCKETS][counter];
    before = *bucket;

    llm_zone_put32(z, bucket, (n > UINT32_MAX - before)
                              ? UINT32_MAX : before + (uint32_t) n);

    w->sum[counter] += *bucket - before;
}


llm_mark_t *
llm_zone_mark(llm_zone_t *z, uint64_t epoch, uint32_t number)
{
    unsigned     i;
    llm_mark_t  *mark;

    for (i = 0; i < LLM_MARKS; i++) {
        mark = &z->marks[i];

        if (mark->epoch == epoch && mark->number == number
            && mark->made)
        {
            return mark;
        }
    }

    mark = &z->marks[0];

    for (i = 1; i < LLM_MARKS; i++) {
        if (z->marks[i].made < mark->made) {
            mark = &z->marks[i];
        }
    }

    if (mark->made) {
        z->others += llm_mark_sum(mark->epoch, mark->number, mark->offset);
    }

    /* found only when it is whole */

    mark->made = 0;
    llm_barrier();

    mark->epoch = epoch;
    mark->number = number;
    mark->offset = 0;
    llm_barrier();

    mark->made = ++z->made;

    return mark;
}
