
/*
 * Copyright (C) the llm_quota authors
 */


#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "llm_carrier.h"


#define LLM_CARRIER_STEP     (256 * 1024)    /* bytes of one read */
#define LLM_CARRIER_TRIES    4               /* against another leader */
#define LLM_CARRIER_TIMEOUT  2000            /* ms that the store may wait */


struct llm_carrier_s {
    llm_carrier_conf_t       conf;
    llm_store_t             *store;
    unsigned                 open:1;

    llm_carrier_segment_t   *segments;       /* oldest first */
    size_t                   nsegments;
    size_t                   allocated;

    llm_entry_t              entry;
    u_char                   buf[LLM_CARRIER_STEP];

    /* of the run */
    llm_store_op_t           op;             /* memory of what comes out */
    llm_carrier_line_t       lines[LLM_CARRIER_LINES];
};


/* What is done with the lines of a segment. */
typedef int (*llm_carrier_line_pt)(llm_carrier_t *c, llm_carrier_run_t *run,
    void *data, const llm_carrier_mark_t *end);


static int llm_carrier_open(llm_carrier_t *c, llm_carrier_run_t *run);
static int llm_carrier_offsets(llm_carrier_t *c, llm_carrier_run_t *run);
static int llm_carrier_look(llm_carrier_t *c, llm_carrier_run_t *run);
static int llm_carrier_parse_name(const char *name,
    llm_carrier_segment_t *s);
static llm_carrier_segment_t *llm_carrier_segment(llm_carrier_t *c,
    const char *name);
static int llm_carrier_compare(const void *one, const void *two);
static int llm_carrier_carry(llm_carrier_t *c, llm_carrier_run_t *run);
static int llm_carrier_batch(llm_carrier_t *c, llm_carrier_run_t *run,
    llm_carry_t *carry, llm_store_segment_t *changed, size_t *nchanged);
static int llm_carrier_commit(llm_carrier_t *c, llm_carrier_run_t *run,
    llm_store_op_t *op);
static int llm_carrier_read(llm_carrier_t *c, llm_carrier_run_t *run,
    const llm_carrier_segment_t *s, int64_t *offset, int64_t most,
    llm_carrier_line_pt handler, void *data);
static int llm_carrier_add(llm_carrier_t *c, llm_carrier_run_t *run,
    void *data, const llm_carrier_mark_t *end);
static void llm_carrier_pick(llm_carrier_t *c, llm_carrier_run_t *run);
static int llm_carrier_pick_line(llm_carrier_t *c, llm_carrier_run_t *run,
    void *data, const llm_carrier_mark_t *end);
static int llm_carrier_sync(llm_carrier_t *c, llm_carrier_run_t *run,
    llm_carrier_segment_t *s);
static int llm_carrier_file(llm_carrier_t *c, const char *name);
static int llm_carrier_failed(llm_carrier_run_t *run, llm_store_status_e status,
    const char *what, const char *name);
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

    free(c->segments);
    free(c);
}


void
llm_carrier_configure(llm_carrier_t *c, const llm_carry_conf_t *conf)
{
    c->conf.carry = *conf;
}


llm_store_t *
llm_carrier_store(llm_carrier_t *c)
{
    return c->store;
}


void
llm_carrier_run(llm_carrier_t *c, llm_carrier_run_t *run)
{
    llm_store_empty(&c->op);

    run->status = LLM_STORE_OK;
    run->error[0] = '\0';
    run->note[0] = '\0';
    run->more = 0;
    run->bytes = 0;
    run->carried = 0;
    run->torn = 0;
    run->lines = c->lines;
    run->nlines = 0;

    if (llm_carrier_open(c, run) != 0
        || llm_carrier_look(c, run) != 0
        || llm_carrier_carry(c, run) != 0)
    {
        return;
    }

    if (run->since || run->foreign) {
        llm_carrier_pick(c, run);
    }
}


static int
llm_carrier_open(llm_carrier_t *c, llm_carrier_run_t *run)
{
    llm_store_op_t  op;

    if (c->open) {
        return 0;
    }

    memset(&op, 0, sizeof(llm_store_op_t));

    op.type = LLM_STORE_OPEN;
    op.open.leader = 1;

    if (llm_store_run(c->store, &op) != LLM_STORE_OK) {
        return llm_carrier_store_failed(c, run, &op);
    }

    snprintf(run->note, sizeof(run->note), "%s", op.open.text);

    llm_store_empty(&op);

    if (llm_carrier_offsets(c, run) != 0) {
        return -1;
    }

    c->open = 1;

    return 0;
}


/* What the store says is the truth, also where it has gone back. */

static int
llm_carrier_offsets(llm_carrier_t *c, llm_carrier_run_t *run)
{
    size_t                  i;
    char                    name[LLM_CARRIER_NAME];
    llm_store_op_t          op;
    llm_carrier_segment_t  *s;

    memset(&op, 0, sizeof(llm_store_op_t));

    op.type = LLM_STORE_OFFSETS;

    if (llm_store_run(c->store, &op) != LLM_STORE_OK) {
        return llm_carrier_store_failed(c, run, &op);
    }

    for (i = 0; i < c->nsegments; i++) {
        c->segments[i].offset = 0;
        c->segments[i].kept = 0;
    }

    for (i = 0; i < op.offsets.nrows; i++) {

        if (op.offsets.rows[i].name.len >= sizeof(name)) {
            continue;
        }

        memcpy(name, op.offsets.rows[i].name.data,
               op.offsets.rows[i].name.len);
        name[op.offsets.rows[i].name.len] = '\0';

        s = llm_carrier_segment(c, name);

        if (s) {
            s->offset = op.offsets.rows[i].to;
            s->kept = 1;
        }
    }

    llm_store_empty(&op);

    return 0;
}


/* Which segments there are, and how long they have become. */

static int
llm_carrier_look(llm_carrier_t *c, llm_carrier_run_t *run)
{
    DIR                    *dir;
    size_t                  i;
    struct stat             st;
    struct dirent          *entry;
    llm_carrier_segment_t  *s, parsed;

    dir = opendir(c->conf.directory);

    if (dir == NULL) {
        return llm_carrier_failed(run, LLM_STORE_IO, "opendir()", "");
    }

    for (i = 0; i < c->nsegments; i++) {
        c->segments[i].here = 0;
    }

    for ( ;; ) {
        errno = 0;
        entry = readdir(dir);

        if (entry == NULL) {
            break;
        }

        if (llm_carrier_parse_name(entry->d_name, &parsed) != 0
            || fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW)
               != 0
            || !S_ISREG(st.st_mode))
        {
            continue;
        }

        s = llm_carrier_segment(c, entry->d_name);

        if (s) {
            s->here = 1;
            s->size = st.st_size;
        }
    }

    (void) closedir(dir);

    return 0;
}


/* usage-20260401T123005Z-0123456789abcdef-0000.jsonl */

static int
llm_carrier_parse_name(const char *name, llm_carrier_segment_t *s)
{
    char      c;
    size_t    len;
    unsigned  i, number;

    len = strlen(name);

    if (len < sizeof("usage-20260401T123005Z-0123456789abcdef-0000.jsonl") - 1
        || len >= LLM_CARRIER_NAME
        || strncmp(name, "usage-", 6) != 0
        || name[22] != '-' || name[39] != '-'
        || strcmp(name + len - 6, ".jsonl") != 0)
    {
        return -1;
    }

    memset(s, 0, sizeof(llm_carrier_segment_t));

    for (i = 23; i < 39; i++) {
        c = name[i];

        if (c >= '0' && c <= '9') {
            s->epoch = s->epoch << 4 | (uint64_t) (c - '0');

        } else if (c >= 'a' && c <= 'f') {
            s->epoch = s->epoch << 4 | (uint64_t) (c - 'a' + 10);

        } else {
            return -1;
        }
    }

    number = 0;

    for (i = 40; i < len - 6; i++) {

        if (name[i] < '0' || name[i] > '9'
            || __builtin_mul_overflow(number, 10, &number)
            || __builtin_add_overflow(number, name[i] - '0', &number))
        {
            return -1;
        }
    }

    s->number = number;
    memcpy(s->name, name, len + 1);

    return 0;
}


/* The segment of a name, a new one where there is none; NULL: no memory, and
   the next look finds it. */

static llm_carrier_segment_t *
llm_carrier_segment(llm_carrier_t *c, const char *name)
{
    size_t                  n;
    llm_carrier_segment_t   s, *found, *segments;

    if (llm_carrier_parse_name(name, &s) != 0) {
        return NULL;
    }

    found = c->nsegments
            ? bsearch(&s, c->segments, c->nsegments, sizeof(s),
                      llm_carrier_compare)
            : NULL;

    if (found) {
        return found;
    }

    if (c->nsegments == c->allocated) {
        n = c->allocated ? 2 * c->allocated : 16;
        segments = realloc(c->segments, n * sizeof(llm_carrier_segment_t));

        if (segments == NULL) {
            return NULL;
        }

        c->segments = segments;
        c->allocated = n;
    }

    c->segments[c->nsegments++] = s;

    qsort(c->segments, c->nsegments, sizeof(s), llm_carrier_compare);

    return bsearch(&s, c->segments, c->nsegments, sizeof(s),
                   llm_carrier_compare);
}


/* By name up to the number, which may have any length. */

static int
llm_carrier_compare(const void *one, const void *two)
{
    int                           rc;
    const llm_carrier_segment_t  *a = one, *b = two;

    rc = strncmp(a->name, b->name, 39);

    if (rc) {
        return rc;
    }

    return (a->number > b->number) - (a->number < b->number);
}


/* One batch, and again if another leader was faster. */

static int
llm_carrier_carry(llm_carrier_t *c, llm_carrier_run_t *run)
{
    int                   rc, tries;
    size_t                i, n;
    uint64_t              bytes, carried, torn;
    llm_carry_t          *carry;
    llm_store_op_t        op;
    llm_store_segment_t  *changed;

    rc = 0;
    bytes = run->bytes;
    carried = run->carried;
    torn = run->torn;

    for (tries = 0; tries < LLM_CARRIER_TRIES; tries++) {
        memset(&op, 0, sizeof(llm_store_op_t));

        run->bytes = bytes;
        run->carried = carried;
        run->torn = torn;
        run->more = 0;

        carry = llm_carry_create(&c->conf.carry, &op);
        changed = calloc(c->nsegments + 1, sizeof(llm_store_segment_t));

        if (carry == NULL || changed == NULL
            || llm_carrier_batch(c, run, carry, changed, &n) != 0)
        {
            rc = run->status ? -1
                             : llm_carrier_failed(run, LLM_STORE_NO_MEMORY,
                                                  "malloc()", "");

        } else if (n) {
            llm_carry_finish(carry);

            op.commit.segments = changed;
            op.commit.nsegments = n;

            rc = llm_carrier_commit(c, run, &op);

        } else {
            rc = 0;
        }

        if (carry) {
            llm_carry_destroy(carry);
        }

        free(changed);
        llm_store_empty(&op);

        if (rc != 1) {
            break;
        }
    }

    if (rc != 0) {
        run->more = 0;
        return -1;
    }

    /* of segments that are gone the store knows by now */

    for (i = 0, n = 0; i < c->nsegments; i++) {
        if (c->segments[i].here) {
            c->segments[n++] = c->segments[i];
        }
    }

    c->nsegments = n;

    return 0;
}


/* Reads what has grown into a batch; the newest segments last. */

static int
llm_carrier_batch(llm_carrier_t *c, llm_carrier_run_t *run,
    llm_carry_t *carry, llm_store_segment_t *changed, size_t *nchanged)
{
    size_t                  i, n;
    int64_t                 offset, left;
    llm_carrier_segment_t  *s;

    left = LLM_CARRIER_BYTES;
    n = 0;

    for (i = 0; i < c->nsegments; i++) {
        s = &c->segments[i];

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

        if (c->conf.sync && llm_carrier_sync(c, run, s) != 0) {
            return -1;
        }

        offset = s->offset;

        if (llm_carrier_read(c, run, s, &offset, left, llm_carrier_add, carry)
            != 0)
        {
            return -1;
        }

        if (offset == s->offset) {
            continue;
        }

        left -= offset - s->offset;
        run->bytes += offset - s->offset;

        if (left <= 0 && offset < s->size) {
            run->more = 1;
        }

        changed[n++].to = offset;
    }

    *nchanged = n;

    return 0;
}


/* 1: another leader has carried some of it; the offsets are as it left them. */

static int
llm_carrier_commit(llm_carrier_t *c, llm_carrier_run_t *run,
    llm_store_op_t *op)
{
    size_t                      i;
    llm_store_status_e          status;
    llm_carrier_segment_t      *s;
    const llm_store_segment_t  *changed;

    status = llm_store_run(c->store, op);

    if (status == LLM_STORE_CONFLICT) {
        (void) llm_carrier_offsets(c, run);

        return run->status ? -1 : 1;
    }

    if (status != LLM_STORE_OK) {
        return llm_carrier_store_failed(c, run, op);
    }

    for (i = 0; i < op->commit.nsegments; i++) {
        changed = &op->commit.segments[i];
        s = llm_carrier_segment(c, (const char *) changed->name.data);

        if (s) {
            s->offset = changed->forget ? 0 : changed->to;
            s->kept = !changed->forget;
        }
    }

    return 0;
}


/* The lines of a segment from *offset on, which it moves behind the last one
   that was handled; at most most bytes, but for a step. */

static int
llm_carrier_read(llm_carrier_t *c, llm_carrier_run_t *run,
    const llm_carrier_segment_t *s, int64_t *offset, int64_t most,
    llm_carrier_line_pt handler, void *data)
{
    int                   fd, rc;
    size_t                step;
    ssize_t               n;
    int64_t               end;
    const u_char         *p, *before;
    llm_carrier_mark_t    mark;
    llm_line_status_e     status;

    fd = llm_carrier_file(c, s->name);

    if (fd == -1) {

        /* it may have been removed since */

        return (errno == ENOENT) ? 0
                                 : llm_carrier_failed(run, LLM_STORE_IO,
                                                      "open()", s->name);
    }

    memset(&mark, 0, sizeof(llm_carrier_mark_t));

    mark.epoch = s->epoch;
    mark.number = s->number;

    rc = 0;
    end = *offset + most;

    while (*offset < s->size && *offset < end) {

        /* what came since the look is not on the disk yet */

        step = (s->size - *offset < LLM_CARRIER_STEP) ? s->size - *offset
                                                      : LLM_CARRIER_STEP;

        n = pread(fd, c->buf, step, *offset);

        if (n == -1) {
            rc = llm_carrier_failed(run, LLM_STORE_IO, "pread()", s->name);
            break;
        }

        p = c->buf;

        for ( ;; ) {
            before = p;
            status = llm_line_read(&p, c->buf + n, &c->entry);

            if (status == LLM_LINE_AGAIN) {
                break;
            }

            *offset += p - before;

            if (status == LLM_LINE_TORN) {
                run->torn++;
                continue;
            }

            mark.offset = *offset;
            rc = handler(c, run, data, &mark);

            if (rc != 0) {
                goto done;
            }
        }

        if (p == c->buf) {
            break;
        }
    }

done:

    (void) close(fd);

    return rc;
}


static int
llm_carrier_add(llm_carrier_t *c, llm_carrier_run_t *run, void *data,
    const llm_carrier_mark_t *end)
{
    (void) end;

    if (c->entry.usage) {
        run->carried++;
    }

    return llm_carry_add(data, &c->entry);
}


/* The lines that come out. */

static void
llm_carrier_pick(llm_carrier_t *c, llm_carrier_run_t *run)
{
    size_t                  i;
    int64_t                 offset;
    unsigned                k;
    llm_carrier_segment_t  *s;

    /* the newest first: of the last minute's lines there may be too many */

    for (i = c->nsegments; i-- > 0; /* void */ ) {
        s = &c->segments[i];
        offset = 0;

        if (run->since) {
            offset = (s->offset > LLM_CARRIER_BYTES)
                     ? s->offset - LLM_CARRIER_BYTES : 0;

        } else if (s->epoch == c->conf.epoch) {
            continue;
        }

        for (k = 0; k < run->nmarks; k++) {
            if (run->marks[k].epoch == s->epoch
                && run->marks[k].number == s->number)
            {
                offset = run->marks[k].offset;
            }
        }

        if (offset < s->offset
            && llm_carrier_read(c, run, s, &offset, s->offset - offset,
                                llm_carrier_pick_line, s)
               != 0)
        {
            return;
        }
    }
}


static int
llm_carrier_pick_line(llm_carrier_t *c, llm_carrier_run_t *run, void *data,
    const llm_carrier_mark_t *end)
{
    llm_carrier_segment_t *s = data;

    unsigned             i;
    llm_entry_t         *e;
    llm_store_text_t     text;
    llm_carrier_line_t  *line;

    e = &c->entry;

    /* what is not committed yet comes out when it is */

    if (end->offset > s->offset) {
        return 1;
    }

    if (!e->usage || (run->since && e->timestamp < run->since)) {
        return 0;
    }

    if (run->nlines == LLM_CARRIER_LINES) {
        run->more = !run->since;
        return 1;
    }

    line = &c->lines[run->nlines];

    memset(line, 0, sizeof(llm_carrier_line_t));

    line->started = e->started;
    line->timestamp = e->timestamp;
    line->requests = e->count[LLM_ENTRY_REQUESTS];
    line->input = e->count[LLM_ENTRY_INPUT];
    line->cached = e->count[LLM_ENTRY_CACHED];
    line->output = e->count[LLM_ENTRY_OUTPUT];
    line->cost = e->cost;
    line->end = *end;

    for (i = LLM_ENTRY_TEAM; i <= LLM_ENTRY_MODEL; i++) {

        if (llm_store_copy(&c->op, &text, e->text[i].data, e->text[i].len)
            != 0)
        {
            return llm_carrier_failed(run, LLM_STORE_NO_MEMORY, "malloc()",
                                      "");
        }

        line->text[i].data = text.data;
        line->text[i].len = text.len;
    }

    run->nlines++;

    return 0;
}


unsigned
llm_carrier_marks(const llm_carrier_t *c, llm_carrier_mark_t *marks,
    unsigned n)
{
    size_t                        i;
    unsigned                      k;
    const llm_carrier_segment_t  *s;

    k = 0;

    for (i = c->nsegments; i-- > 0 && k < n; /* void */ ) {
        s = &c->segments[i];

        if (s->epoch == c->conf.epoch) {
            continue;
        }

        memset(&marks[k], 0, sizeof(llm_carrier_mark_t));

        marks[k].epoch = s->epoch;
        marks[k].number = s->number;
        marks[k].offset = s->offset;
        k++;
    }

    return k;
}


static int
llm_carrier_sync(llm_carrier_t *c, llm_carrier_run_t *run,
    llm_carrier_segment_t *s)
{
    int  fd, rc;

    if (s->synced == s->size) {
        return 0;
    }

    fd = llm_carrier_file(c, s->name);

    if (fd == -1) {
        return (errno == ENOENT) ? 0
                                 : llm_carrier_failed(run, LLM_STORE_IO,
                                                      "open()", s->name);
    }

    rc = fdatasync(fd);

    if (rc == -1) {
        rc = llm_carrier_failed(run, LLM_STORE_IO, "fdatasync()", s->name);

    } else {
        s->synced = s->size;
    }

    (void) close(fd);

    return rc;
}


static int
llm_carrier_file(llm_carrier_t *c, const char *name)
{
    char  path[4096];

    if (snprintf(path, sizeof(path), "%s%s", c->conf.directory, name)
        >= (int) sizeof(path))
    {
        errno = ENAMETOOLONG;
        return -1;
    }

    return open(path, O_RDONLY|O_CLOEXEC|O_NOFOLLOW);
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
