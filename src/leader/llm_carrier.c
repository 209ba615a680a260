
/*
 * Copyright (C) the llm_quota authors
 */


#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "llm_carrier.h"
#include "llm_recent.h"


#define LLM_CARRIER_TRIES    4               /* against another leader */
#define LLM_CARRIER_TIMEOUT  2000            /* ms that the store may wait */


struct llm_carrier_s {
    llm_carrier_conf_t       conf;
    llm_store_t             *store;
    llm_segments_t           segments;
    llm_segment_reader_t     reader;
    unsigned                 open:1;
    unsigned                 begun:1;        /* it was open before */
    unsigned                 missed:1;       /* to be told by the run */

    /* of the run */
    llm_carrier_run_t       *run;
    llm_carry_t             *carry;
    llm_segment_t           *segment;        /* that lines are picked of */
    llm_store_op_t           op;             /* memory of what comes out */
    llm_store_op_t           batch;
    llm_carrier_line_t       lines[LLM_CARRIER_LINES];
};


static int llm_carrier_open(llm_carrier_t *c, llm_carrier_run_t *run);
static void llm_carrier_drop(llm_carrier_t *c);
static int llm_carrier_look(llm_carrier_t *c, llm_carrier_run_t *run);
static int llm_carrier_offsets(llm_carrier_t *c, llm_carrier_run_t *run);
static int llm_carrier_carry(llm_carrier_t *c, llm_carrier_run_t *run);
static int llm_carrier_batch(llm_carrier_t *c, llm_carrier_run_t *run,
    llm_store_segment_t *changed, size_t *nchanged);
static int llm_carrier_add(void *data, const llm_entry_t *e, int64_t end);
static int llm_carrier_commit(llm_carrier_t *c, llm_carrier_run_t *run,
    llm_store_op_t *op);
static int llm_carrier_pick(llm_carrier_t *c, llm_carrier_run_t *run);
static int llm_carrier_pick_from(llm_carrier_t *c, llm_carrier_run_t *run,
    llm_segment_t *s);
static int llm_carrier_pick_texts(llm_carrier_t *c, llm_line_text_t *to,
    const llm_line_text_t *from, unsigned n);
static int llm_carrier_pick_line(void *data, const llm_entry_t *e,
    int64_t end);
static int llm_carrier_pick_reset(llm_carrier_t *c, const llm_entry_t *e,
    llm_carrier_line_t *line);
static int llm_carrier_failed(llm_carrier_run_t *run,
    llm_store_status_e status, const char *what, const char *name);
static int llm_carrier_store_failed(llm_carrier_t *c, llm_carrier_run_t *run,
    const llm_store_op_t *op);


llm_carrier_t *
llm_carrier_create(const llm_carrier_conf_t *conf)
{
    llm_carrier_t     *c;
    llm_store_conf_t   sc;

    c = calloc(1, sizeof(llm_carrier_t));

    if (c == NULL) {
        return NULL;
    }

    c->conf = *conf;
    c->segments.directory = conf->directory;

    memset(&sc, 0, sizeof(llm_store_conf_t));

    sc.directory = conf->directory;
    sc.local = conf->carry.calendar.local;
    sc.timeout = LLM_CARRIER_TIMEOUT;

    c->store = llm_store_create(&sc);

    if (c->store == NULL) {
        free(c);
        return NULL;
    }

    return c;
}


void
llm_carrier_destroy(llm_carrier_t *c)
{
    llm_store_destroy(c->store);
    llm_store_empty(&c->op);
    llm_carrier_drop(c);
    llm_segments_free(&c->segments);

    free(c);
}


llm_store_t *
llm_carrier_store(llm_carrier_t *c)
{
    return c->store;
}


void
llm_carrier_keep(llm_carrier_t *c, const llm_kept_t *kept)
{
    c->conf.carry.kept = *kept;
}


void
llm_carrier_run(llm_carrier_t *c, llm_carrier_run_t *run)
{
    llm_store_empty(&c->op);
    llm_carrier_drop(c);

    c->run = run;

    run->status = LLM_STORE_OK;
    run->error[0] = '\0';
    run->note[0] = '\0';
    run->grave = 0;
    run->more = 0;
    run->more_lines = 0;
    run->carried = 0;
    run->torn = 0;
    run->missed = 0;
    run->lines = c->lines;
    run->nlines = 0;
    run->commit = NULL;
    run->noted.n = 0;
    run->overtaken = 0;

    if (llm_carrier_open(c, run) != 0
        || llm_carrier_look(c, run) != 0
        || llm_carrier_carry(c, run) != 0)
    {
        return;
    }

    llm_recent_choose(&c->segments, c->conf.epoch, run);

    run->missed = c->missed;
    c->missed = 0;

    if (run->foreign) {
        (void) llm_carrier_pick(c, run);
    }
}


static void
llm_carrier_drop(llm_carrier_t *c)
{
    if (c->carry) {
        llm_carry_destroy(c->carry);
        c->carry = NULL;
    }

    llm_store_empty(&c->batch);
}


static int
llm_carrier_look(llm_carrier_t *c, llm_carrier_run_t *run)
{
    if (llm_segments_look(&c->segments) == 0) {
        return 0;
    }

    return llm_carrier_failed(run, LLM_STORE_IO, "looking into",
                              c->conf.directory);
}


static int
llm_carrier_open(llm_carrier_t *c, llm_carrier_run_t *run)
{
    llm_store_op_t  op;

    if (c->open && !run->damaged) {
        return 0;
    }

    memset(&op, 0, sizeof(llm_store_op_t));

    op.type = LLM_STORE_OPEN;
    op.open.leader = 1;
    op.open.check = run->damaged;

    c->open = 0;

    if (llm_store_run(c->store, &op) != LLM_STORE_OK) {
        return llm_carrier_store_failed(c, run, &op);
    }

    snprintf(run->note, sizeof(run->note), "%s", op.open.text);
    run->grave = (op.open.event != LLM_STORE_FOUND
                  && op.open.event != LLM_STORE_MADE);

    llm_store_empty(&op);

    if (llm_carrier_offsets(c, run) != 0) {
        return -1;
    }

    if (!c->begun && run->loaded) {
        c->missed = !llm_recent_begin(&c->segments, c->conf.epoch, run);
    }

    c->begun = 1;
    c->open = 1;

    return 0;
}


/* What the store says is the truth, also where it has gone back. */

static int
llm_carrier_offsets(llm_carrier_t *c, llm_carrier_run_t *run)
{
    size_t           i;
    char             name[LLM_SEGMENT_NAME];
    llm_segment_t   *s;
    llm_store_op_t   op;

    memset(&op, 0, sizeof(llm_store_op_t));

    op.type = LLM_STORE_OFFSETS;

    if (llm_store_run(c->store, &op) != LLM_STORE_OK) {
        return llm_carrier_store_failed(c, run, &op);
    }

    for (i = 0; i < c->segments.n; i++) {
        c->segments.list[i].offset = 0;
        c->segments.list[i].kept = 0;
    }

    for (i = 0; i < op.offsets.nrows; i++) {

        if (op.offsets.rows[i].name.len >= sizeof(name)) {
            continue;
        }

        memcpy(name, op.offsets.rows[i].name.data,
               op.offsets.rows[i].name.len);
        name[op.offsets.rows[i].name.len] = '\0';

        s = llm_segments_find(&c->segments, name);

        if (s) {
            s->offset = op.offsets.rows[i].to;
            s->kept = 1;
        }
    }

    llm_store_empty(&op);

    return 0;
}


/* One batch, and again if another leader was faster. */

static int
llm_carrier_carry(llm_carrier_t *c, llm_carrier_run_t *run)
{
    int                   rc, tries;
    size_t                n;
    llm_store_op_t       *op;
    llm_store_segment_t  *changed;

    op = &c->batch;
    rc = 1;

    for (tries = 0; tries < LLM_CARRIER_TRIES; tries++) {
        memset(op, 0, sizeof(llm_store_op_t));

        n = 0;

        run->carried = 0;
        run->noted.n = 0;
        run->more = 0;
        c->reader.torn = 0;

        c->carry = llm_carry_create(&c->conf.carry, op);
        changed = calloc(c->segments.n + 1, sizeof(llm_store_segment_t));

        if (c->carry == NULL || changed == NULL) {
            rc = llm_carrier_failed(run, LLM_STORE_NO_MEMORY, "malloc()", "");

        } else {
            rc = llm_carrier_batch(c, run, changed, &n);
        }

        if (rc == 0 && n) {
            llm_carry_finish(c->carry);

            op->commit.segments = changed;
            op->commit.nsegments = n;
            op->commit.totals = 1;

            rc = llm_carrier_commit(c, run, op);
        }

        free(changed);

        if (rc == 0 && n) {
            op->commit.segments = NULL;
            op->commit.nsegments = 0;
            run->commit = &op->commit;
            break;
        }

        llm_carrier_drop(c);

        if (rc != 1) {
            break;
        }
    }

    if (rc == 1) {

        /* others do our work: there may be some left */

        run->carried = 0;
        run->more = 1;

        return 0;
    }

    if (rc == -1) {
        run->more = 0;
        return -1;
    }

    run->torn = c->reader.torn;

    /* of segments that are gone the store knows by now */

    llm_segments_keep_here(&c->segments);

    return 0;
}


/* Reads what has grown into a batch; the newest segments last. */

static int
llm_carrier_batch(llm_carrier_t *c, llm_carrier_run_t *run,
    llm_store_segment_t *changed, size_t *nchanged)
{
    size_t          i, n;
    int64_t         offset, left;
    llm_segment_t  *s;

    left = LLM_CARRIER_BYTES;
    n = 0;

    for (i = 0; i < c->segments.n; i++) {
        s = &c->segments.list[i];

        changed[n].name.data = (u_char *) s->name;
        changed[n].name.len = strlen(s->name);
        changed[n].from = s->offset;

        if (!s->here) {

            if (s->kept) {
                changed[n++].forget = 1;
            }

            continue;
        }

        if (s->size < s->offset) {
            snprintf(run->note, sizeof(run->note),
                     "\"%s%s\" is %lld bytes shorter than what the store had "
                     "of it: these lines are lost, their sums are not",
                     c->conf.directory, s->name,
                     (long long) (s->offset - s->size));
            run->grave = 1;

            changed[n++].to = s->size;
            continue;
        }

        if (s->size == s->offset) {
            continue;
        }

        if (left <= 0) {
            run->more = 1;
            continue;
        }

        if (c->conf.sync && llm_segment_sync(&c->segments, s) != 0) {
            return llm_carrier_failed(run, LLM_STORE_IO, "fdatasync()",
                                      s->name);
        }

        offset = s->offset;

        if (llm_segment_read(&c->segments, s, &c->reader, &offset, left,
                             llm_carrier_add, c)
            != 0)
        {
            return llm_carrier_failed(run, LLM_STORE_IO, "reading", s->name);
        }

        if (offset == s->offset) {
            continue;
        }

        left -= offset - s->offset;

        if (left <= 0 && offset < s->size) {
            run->more = 1;
        }

        changed[n++].to = offset;
    }

    *nchanged = n;

    return 0;
}


static int
llm_carrier_add(void *data, const llm_entry_t *e, int64_t end)
{
    llm_carrier_t *c = data;

    (void) end;

    if (e->usage || e->correction || e->reset) {
        c->run->carried++;
    }

    llm_noted_add(&c->run->noted, e);

    if (llm_carry_add(c->carry, e) != 0) {
        errno = ENOMEM;
        return -1;
    }

    return 0;
}


/* 1: another leader has carried some of it; the offsets are as it left them. */

static int
llm_carrier_commit(llm_carrier_t *c, llm_carrier_run_t *run,
    llm_store_op_t *op)
{
    size_t                      i;
    llm_segment_t              *s;
    llm_store_status_e          status;
    const llm_store_segment_t  *changed;

    status = llm_store_run(c->store, op);

    if (status == LLM_STORE_CONFLICT) {
        run->overtaken = 1;

        /* the look comes second: what the store knows of and is not found is
           gone */

        if (llm_carrier_offsets(c, run) != 0
            || llm_carrier_look(c, run) != 0)
        {
            return -1;
        }

        return 1;
    }

    if (status != LLM_STORE_OK) {
        return llm_carrier_store_failed(c, run, op);
    }

    for (i = 0; i < op->commit.nsegments; i++) {
        changed = &op->commit.segments[i];
        s = llm_segments_find(&c->segments,
                              (const char *) changed->name.data);

        if (s) {
            s->offset = changed->forget ? 0 : changed->to;
            s->kept = !changed->forget;
        }
    }

    return 0;
}


/* The lines that come out, of the newest segments first. */

static int
llm_carrier_pick(llm_carrier_t *c, llm_carrier_run_t *run)
{
    size_t          i;
    llm_segment_t  *s;

    for (i = c->segments.n; i-- > 0; /* void */ ) {
        s = &c->segments.list[i];

        if (!s->recent) {
            s->passed = s->offset;
            continue;
        }

        if (run->since && s->modified < run->since / 1000) {
            continue;
        }

        if (llm_carrier_pick_from(c, run, s) != 0) {
            return llm_carrier_failed(run, LLM_STORE_IO, "reading", s->name);
        }
    }

    return 0;
}


static int
llm_carrier_pick_from(llm_carrier_t *c, llm_carrier_run_t *run,
    llm_segment_t *s)
{
    int                        rc;
    int64_t                    offset, since;
    const llm_carrier_mark_t  *mark;

    mark = llm_recent_mark(run, s);
    offset = mark ? mark->offset : s->passed;

    if (offset >= s->offset) {
        return 0;
    }

    if (run->since) {
        since = llm_segment_since(&c->segments, s, &c->reader, run->since);

        if (since == -1) {
            return -1;
        }

        if (since > offset) {
            offset = since;
        }
    }

    c->segment = s;

    rc = llm_segment_read(&c->segments, s, &c->reader, &offset,
                          s->offset - offset, llm_carrier_pick_line, c);

    return (rc == -1) ? -1 : 0;
}


static int
llm_carrier_pick_line(void *data, const llm_entry_t *e, int64_t end)
{
    llm_carrier_t *c = data;

    llm_carrier_run_t   *run;
    llm_carrier_line_t  *line;

    run = c->run;

    /* what is not committed yet comes out when it is */

    if (end > c->segment->offset) {
        return 1;
    }

    /* of what is no usage no window has anything */

    if (!(e->usage || (run->since == 0 && (e->correction || e->reset)))
        || e->timestamp < run->since)
    {
        return 0;
    }

    if (run->nlines == LLM_CARRIER_LINES) {
        run->more_lines = 1;
        return 1;
    }

    line = &c->lines[run->nlines];

    memset(line, 0, sizeof(llm_carrier_line_t));

    line->started = e->started;
    line->timestamp = e->timestamp;
    line->requests = e->count[LLM_ENTRY_REQUESTS];
    line->input = e->count[LLM_ENTRY_INPUT];
    line->counted = e->count[LLM_ENTRY_COUNTED];
    line->output = e->count[LLM_ENTRY_OUTPUT];
    line->cost = e->cost;
    line->correction = e->correction;
    line->reset = e->reset;
    line->ntags = e->usage ? e->ntags : 0;

    line->end.epoch = c->segment->epoch;
    line->end.number = c->segment->number;
    line->end.offset = end;

    if ((e->reset && llm_carrier_pick_reset(c, e, line) != 0)
        || llm_carrier_pick_texts(c, line->text, e->text, LLM_ENTRY_NAMES) != 0
        || llm_carrier_pick_texts(c, line->tag, e->tag, line->ntags) != 0)
    {
        errno = ENOMEM;
        return -1;
    }

    run->nlines++;

    return 0;
}


static int
llm_carrier_pick_texts(llm_carrier_t *c, llm_line_text_t *to,
    const llm_line_text_t *from, unsigned n)
{
    unsigned          i;
    llm_store_text_t  text;

    for (i = 0; i < n; i++) {

        if (llm_store_copy(&c->op, &text, from[i].data, from[i].len) != 0) {
            return -1;
        }

        to[i].data = text.data;
        to[i].len = text.len;
    }

    return 0;
}


static int
llm_carrier_pick_reset(llm_carrier_t *c, const llm_entry_t *e,
    llm_carrier_line_t *line)
{
    unsigned            i;
    llm_line_period_t  *periods;

    line->subject = llm_carry_subject_type(&e->text[LLM_ENTRY_SUBJECT]);

    periods = llm_store_alloc(&c->op, LLM_FACT_PERIODS
                                      * sizeof(llm_line_period_t));
    if (periods == NULL) {
        return -1;
    }

    memcpy(periods, e->periods, e->nperiods * sizeof(llm_line_period_t));

    for (i = 0; i < e->nperiods; i++) {

        if (llm_carrier_pick_texts(c, &periods[i].period,
                                   &e->periods[i].period, 1)
            != 0)
        {
            return -1;
        }
    }

    line->periods = periods;
    line->nperiods = e->nperiods;

    return 0;
}


unsigned
llm_carrier_marks(const llm_carrier_t *c, llm_carrier_mark_t *marks)
{
    return llm_recent_marks(&c->segments, marks);
}


uint64_t
llm_carrier_others(const llm_carrier_t *c)
{
    return llm_recent_others(&c->segments, c->conf.epoch);
}


static int
llm_carrier_failed(llm_carrier_run_t *run, llm_store_status_e status,
    const char *what, const char *name)
{
    run->status = status;

    snprintf(run->error, sizeof(run->error), "%s \"%s\" failed (%d: %s)", what,
             name, errno, strerror(errno));

    return -1;
}


/* What only an open can mend is opened by the next run. */

static int
llm_carrier_store_failed(llm_carrier_t *c, llm_carrier_run_t *run,
    const llm_store_op_t *op)
{
    run->status = op->status;

    snprintf(run->error, sizeof(run->error), "%s", op->error);

    if (op->status == LLM_STORE_DAMAGED
        || op->status == LLM_STORE_GONE
        || op->status == LLM_STORE_CLOSED)
    {
        c->open = 0;
    }

    return -1;
}
