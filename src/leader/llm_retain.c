
/*
 * Copyright (C) the llm_quota authors
 */


#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "llm_retain.h"


#define LLM_RETAIN_DAY      (24 * 3600)
#define LLM_RETAIN_ROWS     1000             /* of one transaction */
#define LLM_RETAIN_TIMEOUT  5000             /* ms that the store may wait */


typedef struct {
    const llm_retain_conf_t  *conf;
    llm_retain_run_t         *run;
    llm_store_t              *store;
    llm_segments_t            segments;
    int64_t                   backup;        /* when the last was made */
} llm_retain_t;


static int llm_retain_open(llm_retain_t *r);
static int llm_retain_daily(llm_retain_t *r);
static int llm_retain_backup(llm_retain_t *r);
static int llm_retain_prune(llm_retain_t *r);
static int llm_retain_segments(llm_retain_t *r);
static int llm_retain_offsets(llm_retain_t *r);
static int llm_retain_is_old(const llm_retain_t *r, size_t i);
static int llm_retain_delete(llm_retain_t *r);
static int llm_retain_ask(llm_retain_t *r, llm_store_op_t *op);
static int llm_retain_refused(llm_retain_t *r, llm_store_op_t *op);
static int llm_retain_failed(llm_retain_t *r, const char *what);


void
llm_retain_run(const llm_retain_conf_t *conf, llm_retain_run_t *run)
{
    llm_retain_t      r;
    llm_store_conf_t  sc;

    memset(&r, 0, sizeof(llm_retain_t));
    memset(&sc, 0, sizeof(llm_store_conf_t));

    r.conf = conf;
    r.run = run;
    r.segments.directory = conf->directory;

    run->status = LLM_STORE_OK;
    run->error[0] = '\0';
    run->backups = 0;
    run->pruned = 0;
    run->deleted = 0;

    sc.directory = conf->directory;
    sc.local = conf->local;
    sc.timeout = LLM_RETAIN_TIMEOUT;

    r.store = llm_store_create(&sc);

    if (r.store == NULL) {
        run->status = LLM_STORE_NO_MEMORY;
        return;
    }

    if (llm_retain_open(&r) == 0 && llm_retain_daily(&r) == 0) {
        (void) llm_retain_segments(&r);
    }

    llm_segments_free(&r.segments);
    llm_store_destroy(r.store);
}


static int
llm_retain_open(llm_retain_t *r)
{
    llm_store_op_t  op;

    memset(&op, 0, sizeof(llm_store_op_t));

    op.type = LLM_STORE_OPEN;

    if (llm_retain_ask(r, &op) != 0) {
        return -1;
    }

    r->backup = op.open.backup;

    llm_store_empty(&op);

    return 0;
}


/* A clock that was set back is no reason to wait for it. */

static int
llm_retain_daily(llm_retain_t *r)
{
    if (r->run->now >= r->backup
        && r->run->now - r->backup < LLM_RETAIN_DAY)
    {
        return 0;
    }

    if (llm_retain_backup(r) != 0) {
        return -1;
    }

    return llm_retain_prune(r);
}


static int
llm_retain_backup(llm_retain_t *r)
{
    int             rc;
    llm_store_op_t  op;

    memset(&op, 0, sizeof(llm_store_op_t));

    op.type = LLM_STORE_BACKUP;
    op.backup.canceled = r->conf->canceled;

    rc = llm_retain_ask(r, &op);

    llm_store_empty(&op);

    r->run->backups += (rc == 0);

    return rc;
}


static int
llm_retain_prune(llm_retain_t *r)
{
    llm_store_op_t  op;

    memset(&op, 0, sizeof(llm_store_op_t));

    do {

        if (r->conf->canceled && r->conf->canceled()) {
            return -1;
        }

        op.type = LLM_STORE_PRUNE;
        op.prune.now = r->run->now;
        op.prune.max = LLM_RETAIN_ROWS;

        if (llm_retain_ask(r, &op) != 0) {
            return -1;
        }

        r->run->pruned += op.prune.removed;

    } while (op.prune.removed == LLM_RETAIN_ROWS);

    llm_store_empty(&op);

    return 0;
}


static int
llm_retain_segments(llm_retain_t *r)
{
    int     lacks;
    size_t  i;

    if (llm_segments_look(&r->segments) != 0) {
        return llm_retain_failed(r, "looking into");
    }

    if (llm_retain_offsets(r) != 0) {
        return -1;
    }

    lacks = 0;

    for (i = 0; i < r->segments.n; i++) {
        lacks |= llm_retain_is_old(r, i)
                 && r->segments.list[i].offset < r->segments.list[i].size;
    }

    /* after another backup the last one is the older */

    if (lacks
        && (llm_retain_backup(r) != 0 || llm_retain_offsets(r) != 0))
    {
        return -1;
    }

    return llm_retain_delete(r);
}


/* Of the older backup. */

static int
llm_retain_offsets(llm_retain_t *r)
{
    size_t           i, k;
    llm_segment_t   *s;
    llm_store_op_t   op;

    memset(&op, 0, sizeof(llm_store_op_t));

    op.type = LLM_STORE_OFFSETS;
    op.offsets.backup = 1;

    switch (llm_store_run(r->store, &op)) {

    case LLM_STORE_OK:
        break;

    case LLM_STORE_ABSENT:
        llm_store_empty(&op);
        return 0;

    default:
        return llm_retain_refused(r, &op);
    }

    for (i = 0; i < op.offsets.nrows; i++) {
        for (k = 0; k < r->segments.n; k++) {
            s = &r->segments.list[k];

            if (strlen(s->name) == op.offsets.rows[i].name.len
                && memcmp(s->name, op.offsets.rows[i].name.data,
                          op.offsets.rows[i].name.len)
                   == 0)
            {
                s->offset = op.offsets.rows[i].to;
            }
        }
    }

    llm_store_empty(&op);

    return 0;
}


/* The newest of a zone may still be written to: this one's always, another
   one's as long as its nginx may be on its way out. */

static int
llm_retain_is_old(const llm_retain_t *r, size_t i)
{
    int64_t               age;
    const llm_segment_t  *s, *next;

    s = &r->segments.list[i];
    age = r->run->now - s->modified;

    if (age < r->conf->retain) {
        return 0;
    }

    if (s->epoch == r->conf->epoch) {
        return s->number + 1 < r->run->newest;
    }

    next = (i + 1 < r->segments.n) ? s + 1 : NULL;

    return (next && next->epoch == s->epoch)
           || age - r->conf->retain >= LLM_RETAIN_DAY;
}


static int
llm_retain_delete(llm_retain_t *r)
{
    char            path[4096];
    size_t          i;
    llm_segment_t  *s;

    for (i = 0; i < r->segments.n; i++) {
        s = &r->segments.list[i];

        if (!llm_retain_is_old(r, i) || s->offset < s->size) {
            continue;
        }

        if (snprintf(path, sizeof(path), "%s%s", r->conf->directory, s->name)
            >= (int) sizeof(path))
        {
            errno = ENAMETOOLONG;
            return llm_retain_failed(r, "deleting of");
        }

        if (unlink(path) != 0 && errno != ENOENT) {
            return llm_retain_failed(r, "deleting of");
        }

        r->run->deleted++;
    }

    return 0;
}


static int
llm_retain_ask(llm_retain_t *r, llm_store_op_t *op)
{
    if (llm_store_run(r->store, op) == LLM_STORE_OK) {
        return 0;
    }

    return llm_retain_refused(r, op);
}


static int
llm_retain_refused(llm_retain_t *r, llm_store_op_t *op)
{
    r->run->status = op->status;

    snprintf(r->run->error, sizeof(r->run->error), "%s", op->error);

    llm_store_empty(op);

    return -1;
}


static int
llm_retain_failed(llm_retain_t *r, const char *what)
{
    r->run->status = LLM_STORE_IO;

    snprintf(r->run->error, sizeof(r->run->error),
             "%s segments in \"%s\" failed (%d: %s)", what,
             r->conf->directory, errno, strerror(errno));

    return -1;
}
