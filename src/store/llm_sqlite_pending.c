
/*
 * Copyright (C) the llm_quota authors
 */


#include <stdlib.h>
#include <string.h>

#include "llm_line_read.h"
#include "llm_sqlite.h"


/*
 * Answers that are made in the background.  Lines of the ledger make and end
 * what is here, in the transaction of their offsets; so however often bytes
 * are read, and whichever of an answer's two lines comes first, it is pending
 * until its charge was carried, and never again.
 */


static int llm_sqlite_pending_read(llm_store_t *store, llm_store_op_t *op,
    const llm_store_text_t *line, llm_store_find_t *find);


int
llm_sqlite_pending(llm_store_t *store, const llm_store_pending_t *row)
{
    llm_sql_t  q;

    if (row->line.data) {
        llm_sql_start(&q, store, LLM_SQL_PENDING_ADD);
        llm_sql_text(&q, &row->id);
        llm_sql_text(&q, &row->line);

    } else {
        llm_sql_start(&q, store, LLM_SQL_PENDING_CHARGE);
        llm_sql_text(&q, &row->id);
    }

    llm_sql_int(&q, row->epoch);
    llm_sql_int(&q, row->expires);

    return llm_sql_run(&q);
}


int
llm_sqlite_op_pending_find(llm_store_t *store, llm_store_op_t *op)
{
    int               rc;
    llm_sql_t         q;
    llm_store_text_t  line;

    llm_sql_start(&q, store, LLM_SQL_PENDING_FIND);
    llm_sql_text(&q, &op->find.id);

    rc = llm_sql_step(&q);

    if (rc == 0) {
        return llm_sqlite_is(store, LLM_STORE_NOT_FOUND);
    }

    if (rc == -1) {
        return -1;
    }

    llm_sql_see_text(&q, 0, &line);

    rc = llm_sqlite_pending_read(store, op, &line, &op->find);

    llm_sql_end(&q);

    return rc;
}


static int
llm_sqlite_pending_read(llm_store_t *store, llm_store_op_t *op,
    const llm_store_text_t *line, llm_store_find_t *find)
{
    u_char           *name;
    llm_entry_t      *e;
    const u_char     *p;
    llm_line_text_t  *model;

    e = malloc(sizeof(llm_entry_t));

    if (e == NULL) {
        return llm_sqlite_is(store, LLM_STORE_NO_MEMORY);
    }

    p = line->data;

    if (llm_line_read(&p, line->data + line->len, e) != LLM_LINE_OK) {
        free(e);
        return llm_sqlite_error(store, LLM_STORE_FAILED,
                                "\"%s\" has a pending answer whose line "
                                "cannot be read", store->path);
    }

    find->tier = (e->count[LLM_ENTRY_TIER] <= LLM_TIER_BATCH)
                 ? (unsigned) e->count[LLM_ENTRY_TIER] : LLM_TIER_DEFAULT;
    find->input = e->count[LLM_ENTRY_EXPECTED_INPUT];
    find->output = e->count[LLM_ENTRY_EXPECTED_OUTPUT];

    model = &e->text[LLM_ENTRY_MODEL];
    name = llm_sqlite_alloc(store, op, model->len + 1);

    if (name && model->len) {
        memcpy(name, model->data, model->len);
    }

    find->model.data = name;
    find->model.len = model->len;

    free(e);

    return name ? 0 : -1;
}


int
llm_sqlite_op_pending_see(llm_store_t *store, llm_store_op_t *op)
{
    llm_sql_t  q;

    if (llm_sqlite_begin(store, 1) != 0) {
        return -1;
    }

    llm_sql_start(&q, store, LLM_SQL_PENDING_SEE);
    llm_sql_text(&q, &op->pending.id);
    llm_sql_text(&q, &op->pending.seen);

    if (llm_sql_run(&q) != 0) {
        return -1;
    }

    return llm_sqlite_commit_changed(store, LLM_STORE_NOT_FOUND);
}


int
llm_sqlite_op_pending_due(llm_store_t *store, llm_store_op_t *op)
{
    int                   rc;
    llm_sql_t             q;
    llm_store_due_t      *d;
    llm_store_pending_t  *row;

    d = &op->due;
    d->nrows = 0;
    d->others = 0;

    d->rows = llm_sqlite_rows(store, op, &d->max, sizeof(llm_store_pending_t));

    if (d->rows == NULL) {
        return -1;
    }

    llm_sql_start(&q, store, LLM_SQL_PENDING_OTHERS);
    llm_sql_int(&q, d->epoch);

    rc = llm_sql_step(&q);

    if (rc == -1) {
        return -1;
    }

    if (rc == 1) {
        d->others = llm_sql_get_int(&q, 0);
        llm_sql_end(&q);
    }

    llm_sql_start(&q, store, LLM_SQL_PENDING_DUE);
    llm_sql_int(&q, d->now);
    llm_sql_int(&q, d->epoch);
    llm_sql_int(&q, d->all);
    llm_sql_int(&q, (int64_t) d->max);

    while ((rc = llm_sql_step(&q)) == 1) {

        row = &d->rows[d->nrows++];

        row->epoch = llm_sql_get_int(&q, 2);
        row->expires = llm_sql_get_int(&q, 3);

        if (llm_sql_get_text(&q, 0, op, &row->id) != 0
            || llm_sql_get_text(&q, 1, op, &row->line) != 0
            || llm_sql_get_text(&q, 4, op, &row->seen) != 0)
        {
            llm_sql_end(&q);
            return -1;
        }
    }

    return rc;
}
