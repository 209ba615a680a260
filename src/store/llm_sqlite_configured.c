
/*
 * Copyright (C) the llm_quota authors
 */


#include <string.h>

#include "llm_sqlite.h"


/*
 * What a configuration limits, beside what the last one did.  The comparison,
 * its rows in the audit and the new state are one transaction, so of two that
 * come with the same the second finds it done.
 */


static int llm_sqlite_configured_last(llm_store_t *store, int64_t *time);
static int llm_sqlite_configured_row(llm_store_t *store, llm_store_op_t *op,
    const llm_store_limited_t *row, int first);
static int llm_sqlite_configured_gone(llm_store_t *store, llm_store_op_t *op);
static int llm_sqlite_configured_audit(llm_store_t *store, llm_store_op_t *op,
    const llm_store_limited_t *row, const llm_store_text_t *before,
    const llm_store_text_t *after);


int
llm_sqlite_op_configured(llm_store_t *store, llm_store_op_t *op)
{
    int                      found;
    size_t                   i;
    int64_t                  last;
    llm_sql_t                q;
    llm_store_configured_t  *c;

    c = &op->configured;
    c->changed = 0;
    last = 0;

    if (llm_sqlite_begin(store, 1) != 0) {
        return -1;
    }

    found = llm_sqlite_configured_last(store, &last);

    if (found == -1) {
        return -1;
    }

    if (found && c->read <= last && last <= c->time) {
        return llm_sqlite_commit(store);
    }

    for (i = 0; i < c->nrows; i++) {
        if (llm_sqlite_configured_row(store, op, &c->rows[i], !found) != 0) {
            return -1;
        }
    }

    if (llm_sqlite_configured_gone(store, op) != 0) {
        return -1;
    }

    llm_sql_start(&q, store, LLM_SQL_CONFIGURED_FORGET);
    llm_sql_int(&q, c->read);

    if (llm_sql_run(&q) != 0) {
        return -1;
    }

    llm_sql_start(&q, store, LLM_SQL_CONFIGURATION_SET);
    llm_sql_int(&q, c->read);

    if (llm_sql_run(&q) != 0) {
        return -1;
    }

    return llm_sqlite_commit(store);
}


/* Whether one was recorded, and when it was read; -1: an error. */

static int
llm_sqlite_configured_last(llm_store_t *store, int64_t *time)
{
    int        rc;
    llm_sql_t  q;

    llm_sql_start(&q, store, LLM_SQL_CONFIGURATION);

    rc = llm_sql_step(&q);

    if (rc == 1) {
        *time = llm_sql_get_int(&q, 0);
        llm_sql_end(&q);
    }

    return rc;
}


static int
llm_sqlite_configured_row(llm_store_t *store, llm_store_op_t *op,
    const llm_store_limited_t *row, int first)
{
    int               rc;
    llm_sql_t         q;
    llm_store_text_t  before;

    before.data = NULL;
    before.len = 0;

    llm_sql_start(&q, store, LLM_SQL_CONFIGURED);
    llm_sql_text(&q, &row->action);
    llm_sql_text(&q, &row->id);

    rc = llm_sql_step(&q);

    if (rc == -1) {
        return -1;
    }

    if (rc == 1) {
        rc = llm_sql_get_text(&q, 0, op, &before);
        llm_sql_end(&q);

        if (rc != 0) {
            return -1;
        }
    }

    if (!first
        && (before.data == NULL
            || before.len != row->limits.len
            || memcmp(before.data, row->limits.data, before.len) != 0)
        && llm_sqlite_configured_audit(store, op, row, &before, &row->limits)
           != 0)
    {
        return -1;
    }

    llm_sql_start(&q, store, LLM_SQL_CONFIGURED_SET);
    llm_sql_text(&q, &row->action);
    llm_sql_text(&q, &row->id);
    llm_sql_text(&q, &row->kind);
    llm_sql_text(&q, &row->limits);
    llm_sql_text(&q, &row->place);
    llm_sql_int(&q, op->configured.read);

    return llm_sql_run(&q);
}


/* All that this one has bear its time by now. */

static int
llm_sqlite_configured_gone(llm_store_t *store, llm_store_op_t *op)
{
    int                  rc;
    llm_sql_t            q;
    llm_store_text_t     none;
    llm_store_limited_t  row;

    none.data = NULL;
    none.len = 0;

    llm_sql_start(&q, store, LLM_SQL_CONFIGURED_GONE);
    llm_sql_int(&q, op->configured.read);

    while ((rc = llm_sql_step(&q)) == 1) {

        llm_sql_see_text(&q, 0, &row.action);
        llm_sql_see_text(&q, 1, &row.id);
        llm_sql_see_text(&q, 2, &row.kind);
        llm_sql_see_text(&q, 3, &row.limits);
        llm_sql_see_text(&q, 4, &row.place);

        if (llm_sqlite_configured_audit(store, op, &row, &row.limits, &none)
            != 0)
        {
            llm_sql_end(&q);
            return -1;
        }
    }

    return rc;
}


static int
llm_sqlite_configured_audit(llm_store_t *store, llm_store_op_t *op,
    const llm_store_limited_t *row, const llm_store_text_t *before,
    const llm_store_text_t *after)
{
    llm_store_audit_row_t  audit;

    memset(&audit, 0, sizeof(llm_store_audit_row_t));

    audit.time = op->configured.time;
    audit.actor.who.data = (const u_char *) "nginx.conf";
    audit.actor.who.len = sizeof("nginx.conf") - 1;
    audit.actor.address = row->place;
    audit.action = row->action;
    audit.kind = row->kind;
    audit.id = row->id;
    audit.before = *before;
    audit.after = *after;

    op->configured.changed++;

    return llm_sqlite_audit(store, &audit);
}
