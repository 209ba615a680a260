
/*
 * Copyright (C) the llm_quota authors
 */


#include <string.h>

#include "llm_money.h"
#include "llm_sqlite.h"
#include "llm_sqlite_usage.h"


/*
 * What the ledger says, added up.  Each segment's offset is compared and set
 * in the transaction that adds what its bytes say: whoever reads the same
 * bytes a second time finds another offset, and changes nothing.
 */


/* Of a subject that are live: more than it can have in the zone. */
#define LLM_SQLITE_PERIODS  64


static int llm_sqlite_commit_segments(llm_store_t *store,
    llm_store_commit_t *c);
static int llm_sqlite_commit_periods(llm_store_t *store,
    llm_store_commit_t *c);
static int llm_sqlite_commit_sum(llm_store_t *store, llm_store_commit_t *c,
    llm_store_sum_t *sum);
static void llm_sqlite_bind_meter(llm_sql_t *q,
    const llm_store_period_t *period, u_char *buf,
    const llm_store_subject_t *subject, llm_store_text_t *texts);
static void llm_sqlite_get_sums(llm_sql_t *q, int64_t *generation,
    int64_t *sums);
static int llm_sqlite_invalid(llm_store_t *store, llm_store_commit_t *c);
static int llm_sqlite_load_period(llm_store_t *store, llm_store_op_t *op,
    const llm_store_text_t *period, int64_t start, int64_t end,
    llm_cursor_t *after);
static int llm_sqlite_offsets_of(llm_store_t *store, llm_store_op_t *op,
    sqlite3 *db);


int
llm_sqlite_op_commit(llm_store_t *store, llm_store_op_t *op)
{
    size_t               i;
    llm_store_commit_t  *c;

    c = &op->commit;

    if (llm_sqlite_invalid(store, c)) {
        return -1;
    }

    if (llm_sqlite_begin(store, 0) != 0
        || llm_sqlite_commit_segments(store, c) != 0
        || llm_sqlite_commit_periods(store, c) != 0)
    {
        return -1;
    }

    for (i = 0; i < c->nsums; i++) {
        if (llm_sqlite_commit_sum(store, c, &c->sums[i]) != 0) {
            return -1;
        }
    }

    for (i = 0; i < c->nusage; i++) {
        if (llm_sqlite_usage_add(store, &c->usage[i]) != 0) {
            return -1;
        }
    }

    for (i = 0; i < c->nnotes; i++) {
        if (llm_sqlite_note(store, &c->notes[i]) != 0) {
            return -1;
        }
    }

    for (i = 0; i < c->npendings; i++) {
        if (llm_sqlite_pending(store, &c->pendings[i]) != 0) {
            return -1;
        }
    }

    return llm_sqlite_commit(store);
}


static int
llm_sqlite_invalid(llm_store_t *store, llm_store_commit_t *c)
{
    size_t                   i;
    const llm_store_text_t  *id;

    for (i = 0; i < c->nsegments; i++) {
        if (c->segments[i].name.len == 0
            || c->segments[i].name.len > LLM_STORE_ID_MAX
            || c->segments[i].from < 0 || c->segments[i].to < 0)
        {
            return llm_sqlite_error(store, LLM_STORE_INVALID,
                                    "segment %zu has no name, one that is too "
                                    "long, or a negative offset", i);
        }
    }

    for (i = 0; i < c->nsums; i++) {

        id = &c->sums[i].subject.id;

        if (c->sums[i].period >= c->nperiods || id->len > LLM_STORE_ID_MAX
            || c->sums[i].subject.type.len == 0
            || c->sums[i].subject.type.len > LLM_STORE_ID_MAX)
        {
            return llm_sqlite_error(store, LLM_STORE_INVALID, "sum %zu has no "
                                    "such period, no type, or too long an id",
                                    i);
        }
    }

    for (i = 0; i < c->nusage; i++) {
        if (!llm_sqlite_usage_valid(&c->usage[i])) {
            return llm_sqlite_error(store, LLM_STORE_INVALID, "usage %zu has "
                                    "no day, or too long a text", i);
        }
    }

    for (i = 0; i < c->npendings; i++) {

        id = &c->pendings[i].id;

        if (id->len == 0 || id->len > LLM_STORE_ID_MAX) {
            return llm_sqlite_error(store, LLM_STORE_INVALID,
                                    "pending answer %zu has no id, or too long "
                                    "a one", i);
        }
    }

    return 0;
}


static int
llm_sqlite_commit_segments(llm_store_t *store, llm_store_commit_t *c)
{
    int                         rc;
    size_t                      i;
    int64_t                     offset;
    llm_sql_t                   q;
    const llm_store_segment_t  *s;

    for (i = 0; i < c->nsegments; i++) {

        s = &c->segments[i];
        offset = 0;

        llm_sql_start(&q, store, LLM_SQL_SEGMENT);
        llm_sql_text(&q, &s->name);

        rc = llm_sql_step(&q);

        if (rc == -1) {
            return -1;
        }

        if (rc == 1) {
            offset = llm_sql_get_int(&q, 0);
            llm_sql_end(&q);
        }

        if (offset != s->from) {
            c->conflict = i;
            c->offset = offset;
            return llm_sqlite_is(store, LLM_STORE_CONFLICT);
        }

        if (s->forget) {
            llm_sql_start(&q, store, LLM_SQL_SEGMENT_FORGET);
            llm_sql_text(&q, &s->name);

        } else {
            llm_sql_start(&q, store, LLM_SQL_SEGMENT_SET);
            llm_sql_text(&q, &s->name);
            llm_sql_int(&q, s->to);
        }

        if (llm_sql_run(&q) != 0) {
            return -1;
        }
    }

    return 0;
}


static int
llm_sqlite_commit_periods(llm_store_t *store, llm_store_commit_t *c)
{
    size_t                     i;
    u_char                     name[LLM_PERIOD_BUF], days[2][LLM_SQLITE_DAY];
    llm_sql_t                  q;
    llm_store_text_t           text;
    const llm_store_period_t  *p;

    for (i = 0; i < c->nperiods; i++) {

        p = &c->periods[i];

        llm_sql_start(&q, store, LLM_SQL_PERIOD_SET);

        llm_sqlite_period(p->period, name, &text);
        llm_sql_text(&q, &text);
        llm_sql_int(&q, p->start);
        llm_sql_int(&q, p->end);

        llm_sqlite_day_of(store->local, p->start, days[0], &text);
        llm_sql_text(&q, &text);
        llm_sqlite_day_of(store->local, p->end, days[1], &text);
        llm_sql_text(&q, &text);

        if (llm_sql_run(&q) != 0) {
            return -1;
        }
    }

    return 0;
}


static void
llm_sqlite_bind_meter(llm_sql_t *q, const llm_store_period_t *period,
    u_char *buf, const llm_store_subject_t *subject, llm_store_text_t *texts)
{
    llm_sqlite_period(period->period, buf, &texts[0]);
    llm_sqlite_split(&subject->id, &texts[1], &texts[2]);

    llm_sql_text(q, &texts[0]);
    llm_sql_int(q, period->start);
    llm_sql_text(q, &subject->type);
    llm_sql_text(q, &texts[1]);
    llm_sql_text(q, &texts[2]);
}


static int
llm_sqlite_commit_sum(llm_store_t *store, llm_store_commit_t *c,
    llm_store_sum_t *sum)
{
    int                        i;
    u_char                     buf[LLM_PERIOD_BUF];
    llm_sql_t                  q;
    llm_store_text_t           texts[3];
    const llm_store_period_t  *period;

    period = &c->periods[sum->period];

    llm_sql_start(&q, store, LLM_SQL_METER_ADD);
    llm_sqlite_bind_meter(&q, period, buf, &sum->subject, texts);
    llm_sql_int(&q, sum->resets);

    for (i = 0; i < LLM_STORE_SUMS; i++) {
        llm_sql_int(&q, sum->amount[i]);
    }

    for (i = 0; i < LLM_STORE_SUMS; i++) {
        llm_sql_int(&q, -sum->taken[i]);
    }

    if (llm_sql_run(&q) != 0) {
        return -1;
    }

    if (!c->totals) {
        return 0;
    }

    llm_sql_start(&q, store, LLM_SQL_METER_TOTAL);
    llm_sqlite_bind_meter(&q, period, buf, &sum->subject, texts);

    if (llm_sql_step(&q) != 1) {
        return -1;
    }

    llm_sqlite_get_sums(&q, &sum->generation, sum->total);
    llm_sql_end(&q);

    return 0;
}


static void
llm_sqlite_get_sums(llm_sql_t *q, int64_t *generation, int64_t *sums)
{
    int  i;

    *generation = llm_sql_get_int(q, 0);

    for (i = 0; i < LLM_STORE_SUMS; i++) {
        sums[i] = llm_sql_get_int(q, i + 1);
    }
}


int
llm_sqlite_op_load(llm_store_t *store, llm_store_op_t *op)
{
    int                 rc;
    size_t              max;
    llm_sql_t           q;
    llm_store_load_t   *l;
    llm_store_text_t    first, second;
    llm_store_meter_t  *m;

    l = &op->load;
    l->nrows = 0;
    max = LLM_SQLITE_PERIODS;
    rc = 0;

    l->rows = llm_sqlite_rows(store, op, &max, sizeof(llm_store_meter_t));

    if (l->rows == NULL) {
        return -1;
    }

    llm_sqlite_split(&l->subject.id, &first, &second);

    llm_sql_start(&q, store, LLM_SQL_METERS_OF);
    llm_sql_int(&q, l->now);
    llm_sql_text(&q, &l->subject.type);
    llm_sql_text(&q, &first);
    llm_sql_text(&q, &second);

    while (l->nrows < max && (rc = llm_sql_step(&q)) == 1) {

        m = &l->rows[l->nrows++];

        m->subject = l->subject;
        llm_sqlite_get_sums(&q, &m->generation, m->sum);
        m->period.period = llm_sqlite_period_of(&q, 5);
        m->period.start = llm_sql_get_int(&q, 6);
        m->period.end = llm_sql_get_int(&q, 7);
    }

    if (rc == 1) {
        llm_sql_end(&q);
        return 0;
    }

    return rc;
}


int
llm_sqlite_op_load_all(llm_store_t *store, llm_store_op_t *op)
{
    int                rc;
    u_char             period[LLM_PERIOD_BUF];
    int64_t            start, end, from;
    llm_sql_t          q;
    llm_cursor_t       c, start_of;
    llm_store_load_t  *l;
    llm_store_text_t   name, at;

    l = &op->load;
    l->nrows = 0;

    l->rows = llm_sqlite_rows(store, op, &l->max, sizeof(llm_store_meter_t));

    if (l->rows == NULL) {
        return -1;
    }

    llm_cursor_start(&c, &l->cursor);
    llm_cursor_text(&c, &at);
    from = l->cursor.len ? llm_cursor_int(&c) : INT64_MIN;

    llm_sql_start(&q, store, LLM_SQL_PERIODS);
    llm_sql_int(&q, l->now);
    llm_sql_text(&q, &at);
    llm_sql_int(&q, from);

    while ((rc = llm_sql_step(&q)) == 1) {

        llm_sql_see_text(&q, 0, &name);
        start = llm_sql_get_int(&q, 1);
        end = llm_sql_get_int(&q, 2);

        if (name.len > sizeof(period)) {
            continue;
        }

        memcpy(period, name.data, name.len);
        name.data = period;

        /* the cursor's subject is one of its period only */

        start_of = c;

        if (start != from || name.len != at.len
            || memcmp(name.data, at.data, at.len) != 0)
        {
            start_of.p = start_of.last;
        }

        rc = llm_sqlite_load_period(store, op, &name, start, end, &start_of);

        if (rc != 0) {
            llm_sql_end(&q);
            return (rc == 1) ? 0 : -1;
        }
    }

    l->cursor.len = 0;

    return rc;
}


/* Returns 1 where there was no more room, and sets the cursor. */

static int
llm_sqlite_load_period(llm_store_t *store, llm_store_op_t *op,
    const llm_store_text_t *period, int64_t start, int64_t end,
    llm_cursor_t *after)
{
    int                 rc;
    llm_sql_t           q;
    llm_store_load_t   *l;
    llm_store_text_t    type, first, second;
    llm_store_meter_t  *m;

    l = &op->load;
    m = NULL;

    llm_cursor_text(after, &type);
    llm_cursor_text(after, &first);
    llm_cursor_text(after, &second);

    llm_sql_start(&q, store, LLM_SQL_METERS_AFTER);
    llm_sql_text(&q, period);
    llm_sql_int(&q, start);
    llm_sql_text(&q, &type);
    llm_sql_text(&q, &first);
    llm_sql_text(&q, &second);
    llm_sql_int(&q, (int64_t) (l->max - l->nrows));

    while ((rc = llm_sql_step(&q)) == 1) {

        m = &l->rows[l->nrows];

        llm_sqlite_get_sums(&q, &m->generation, m->sum);

        if (llm_sql_get_text(&q, 5, op, &m->subject.type) != 0
            || llm_sqlite_join(&q, 6, op, &m->subject.id) != 0)
        {
            llm_sql_end(&q);
            return -1;
        }

        m->period.period = LLM_PERIOD(LLM_PERIOD_FOREVER, 0);
        (void) llm_period_parse(period->data, period->len, &m->period.period);
        m->period.start = start;
        m->period.end = end;

        l->nrows++;
    }

    if (rc != 0 || l->nrows < l->max) {
        return rc;
    }

    l->cursor.len = 0;
    m = &l->rows[l->nrows - 1];

    llm_sqlite_split(&m->subject.id, &first, &second);

    (void) llm_cursor_put_text(&l->cursor, period);
    llm_cursor_put_int(&l->cursor, start);
    (void) llm_cursor_put_text(&l->cursor, &m->subject.type);
    (void) llm_cursor_put_text(&l->cursor, &first);
    (void) llm_cursor_put_text(&l->cursor, &second);

    return 1;
}


int
llm_sqlite_op_offsets(llm_store_t *store, llm_store_op_t *op)
{
    int       rc;
    sqlite3  *db;

    if (!op->offsets.backup) {
        return llm_sqlite_offsets_of(store, op, store->db);
    }

    if (llm_sqlite_modified(store, LLM_SQLITE_OLDER, NULL) == 0) {
        return llm_sqlite_is(store, LLM_STORE_ABSENT);
    }

    db = llm_sqlite_connect(store, LLM_SQLITE_OLDER, LLM_SQLITE_READ);

    if (db == NULL) {
        return -1;
    }

    rc = llm_sqlite_offsets_of(store, op, db);

    (void) sqlite3_close(db);

    /* it is not the store that is damaged */

    if (store->status == LLM_STORE_DAMAGED) {
        store->status = LLM_STORE_IO;
    }

    return rc;
}


static int
llm_sqlite_offsets_of(llm_store_t *store, llm_store_op_t *op, sqlite3 *db)
{
    int                    rc;
    size_t                 max;
    llm_sql_t              q;
    llm_store_offsets_t   *o;
    llm_store_segment_t   *s;

    o = &op->offsets;
    o->nrows = 0;
    max = LLM_STORE_ROWS;
    rc = 0;

    o->rows = llm_sqlite_rows(store, op, &max, sizeof(llm_store_segment_t));

    if (o->rows == NULL
        || llm_sql_prepare(&q, store, db, llm_sql_texts[LLM_SQL_SEGMENTS])
           != 0)
    {
        return -1;
    }

    while (o->nrows < max && (rc = llm_sql_step(&q)) == 1) {

        s = &o->rows[o->nrows++];

        if (llm_sql_get_text(&q, 0, op, &s->name) != 0) {
            rc = -1;
            break;
        }

        s->to = llm_sql_get_int(&q, 1);
    }

    (void) sqlite3_finalize(q.stmt);

    return (rc == 1) ? 0 : rc;
}
