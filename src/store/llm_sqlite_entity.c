
/*
 * Copyright (C) the llm_quota authors
 */


#include <string.h>

#include "llm_sqlite.h"


/*
 * Entities and the audit.  A change and its row in the audit are one
 * transaction, so there is none that the audit does not have.
 */


static int llm_sqlite_change(llm_store_t *store, llm_store_op_t *op,
    llm_store_change_t *change);
static int llm_sqlite_change_given(llm_store_t *store, llm_store_op_t *op,
    llm_store_change_t *change);
static int llm_sqlite_change_allowed(llm_store_t *store, llm_store_op_t *op,
    const llm_store_change_t *change, llm_store_text_t *before);
static int llm_sqlite_change_refs(llm_store_t *store,
    const llm_store_change_t *change);
static int llm_sqlite_change_valid(const llm_store_change_t *change);


int
llm_sqlite_op_change(llm_store_t *store, llm_store_op_t *op)
{
    int                   rc;
    size_t                i;
    int64_t               version;
    llm_sql_t             q;
    llm_store_change_t   *change;
    llm_store_changes_t  *c;

    c = &op->change;
    c->failed = 0;
    c->taken_alias = 0;
    c->found = 0;

    for (i = 0; i < c->nchanges; i++) {
        if (!llm_sqlite_change_valid(&c->changes[i])) {
            c->failed = i;
            return llm_sqlite_error(store, LLM_STORE_INVALID, "change %zu has "
                                    "no kind or id, or too long a text", i);
        }
    }

    if (llm_sqlite_begin(store, 1) != 0) {
        return -1;
    }

    llm_sql_start(&q, store, LLM_SQL_VERSION_LAST);

    if (llm_sql_step(&q) != 1) {
        return -1;
    }

    version = llm_sql_get_int(&q, 0);
    llm_sql_end(&q);

    /* not where a store that was lost ended: what zones have of it is older */

    if (version < c->time) {
        version = c->time;
    }

    for (i = 0; i < c->nchanges; i++) {

        c->failed = i;
        change = &c->changes[i];

        if (c->given) {
            rc = llm_sqlite_change_given(store, op, change);

        } else {
            change->changed = version + 1;
            rc = llm_sqlite_change(store, op, change);
        }

        if (rc != 0) {
            return -1;
        }

        if (version < change->changed) {
            version = change->changed;
        }
    }

    c->failed = 0;

    if (llm_sqlite_version(store, version) != 0) {
        return -1;
    }

    return llm_sqlite_commit(store);
}


int
llm_sqlite_version(llm_store_t *store, int64_t version)
{
    llm_sql_t  q;

    llm_sql_start(&q, store, LLM_SQL_VERSION_SET);
    llm_sql_int(&q, version);

    return llm_sql_run(&q);
}


static int
llm_sqlite_change_valid(const llm_store_change_t *change)
{
    size_t  i;

    for (i = 0; i < change->nrefs; i++) {
        if (change->refs[i].name.len > LLM_STORE_ID_MAX
            || change->refs[i].value.len > LLM_STORE_ID_MAX)
        {
            return 0;
        }
    }

    return change->kind.len > 0 && change->kind.len <= LLM_STORE_ID_MAX
           && change->id.len > 0 && change->id.len <= LLM_STORE_ID_MAX
           && change->alias.len <= LLM_STORE_ID_MAX;
}


static int
llm_sqlite_change(llm_store_t *store, llm_store_op_t *op,
    llm_store_change_t *change)
{
    llm_store_text_t      before;
    llm_store_changes_t  *c;

    c = &op->change;

    if (llm_sqlite_change_allowed(store, op, change, &before) != 0
        || llm_sqlite_change_write(store, change) != 0
        || llm_sqlite_change_audit(store, &c->actor, c->time, change, &before)
           != 0)
    {
        return -1;
    }

    return 0;
}


static int
llm_sqlite_change_given(llm_store_t *store, llm_store_op_t *op,
    llm_store_change_t *change)
{
    llm_store_made_t  made;

    made.actor = op->change.actor;
    made.time = op->change.time;
    made.change = *change;

    return llm_sqlite_apply(store, op, &made);
}


/* Of what is there before is the JSON, NULL where nothing is. */

static int
llm_sqlite_change_allowed(llm_store_t *store, llm_store_op_t *op,
    const llm_store_change_t *change, llm_store_text_t *before)
{
    int                   rc, same;
    int64_t               version;
    llm_sql_t             q;
    llm_store_text_t      id;
    llm_store_changes_t  *c;

    c = &op->change;
    before->data = NULL;
    before->len = 0;
    version = 0;

    llm_sql_start(&q, store, LLM_SQL_ENTITY);
    llm_sql_text(&q, &change->kind);
    llm_sql_text(&q, &change->id);

    rc = llm_sql_step(&q);

    if (rc == -1) {
        return -1;
    }

    if (rc == 1) {
        version = llm_sql_get_int(&q, 3);
        rc = llm_sql_get_text(&q, 2, op, before);
        llm_sql_end(&q);

        if (rc != 0) {
            return -1;
        }
    }

    if (change->version == 0 && before->data) {
        return llm_sqlite_is(store, LLM_STORE_EXISTS);
    }

    if (before->data == NULL
        && (change->version > 0 || change->json.data == NULL))
    {
        return llm_sqlite_is(store, LLM_STORE_NOT_FOUND);
    }

    if (change->version > 0 && change->version != version) {
        c->found = version;
        return llm_sqlite_is(store, LLM_STORE_CONFLICT);
    }

    if (change->json.data == NULL || change->alias.data == NULL) {
        return 0;
    }

    llm_sql_start(&q, store, LLM_SQL_ENTITY_ALIAS);
    llm_sql_text(&q, &change->kind);
    llm_sql_text(&q, &change->alias);

    rc = llm_sql_step(&q);

    if (rc == 1) {
        llm_sql_see_text(&q, 0, &id);
        same = (id.len == change->id.len
                && memcmp(id.data, change->id.data, id.len) == 0);
        llm_sql_end(&q);

        if (same) {
            return 0;
        }

        c->taken_alias = 1;
        return llm_sqlite_is(store, LLM_STORE_EXISTS);
    }

    return rc;
}


int
llm_sqlite_change_write(llm_store_t *store, const llm_store_change_t *change)
{
    llm_sql_t  q;

    if (change->json.data == NULL) {
        llm_sql_start(&q, store, LLM_SQL_ENTITY_DELETE);
        llm_sql_text(&q, &change->kind);
        llm_sql_text(&q, &change->id);

    } else {
        llm_sql_start(&q, store, LLM_SQL_ENTITY_SET);
        llm_sql_text(&q, &change->kind);
        llm_sql_text(&q, &change->id);
        llm_sql_int(&q, change->changed);
        llm_sql_text_or_null(&q, &change->alias);
        llm_sql_text(&q, &change->json);
    }

    if (llm_sql_run(&q) != 0) {
        return -1;
    }

    return llm_sqlite_change_refs(store, change);
}


static int
llm_sqlite_change_refs(llm_store_t *store, const llm_store_change_t *change)
{
    size_t     i;
    llm_sql_t  q;

    llm_sql_start(&q, store, LLM_SQL_REFS_DELETE);
    llm_sql_text(&q, &change->kind);
    llm_sql_text(&q, &change->id);

    if (llm_sql_run(&q) != 0) {
        return -1;
    }

    if (change->json.data == NULL) {
        return 0;
    }

    for (i = 0; i < change->nrefs; i++) {

        llm_sql_start(&q, store, LLM_SQL_REF_ADD);
        llm_sql_text(&q, &change->refs[i].name);
        llm_sql_text(&q, &change->refs[i].value);
        llm_sql_text(&q, &change->kind);
        llm_sql_text(&q, &change->id);

        if (llm_sql_run(&q) != 0) {
            return -1;
        }
    }

    return 0;
}


int
llm_sqlite_change_audit(llm_store_t *store, const llm_store_actor_t *actor,
    int64_t time, const llm_store_change_t *change,
    const llm_store_text_t *before)
{
    llm_store_audit_row_t  row;

    row.time = time;
    row.actor = *actor;
    row.action = change->action;
    row.kind = change->kind;
    row.id = change->id;
    row.version = change->changed;
    row.before = *before;
    row.after = change->json;

    return llm_sqlite_audit(store, &row);
}


int
llm_sqlite_audit(llm_store_t *store, const llm_store_audit_row_t *row)
{
    llm_sql_t  q;

    llm_sql_start(&q, store, LLM_SQL_AUDIT_ADD);
    llm_sql_int(&q, row->time);
    llm_sql_text(&q, &row->actor.who);
    llm_sql_text(&q, &row->actor.key);
    llm_sql_text(&q, &row->actor.address);
    llm_sql_text(&q, &row->actor.reason);
    llm_sql_text(&q, &row->action);
    llm_sql_text(&q, &row->kind);
    llm_sql_text(&q, &row->id);
    llm_sql_int(&q, row->version);
    llm_sql_text_or_null(&q, &row->before);
    llm_sql_text_or_null(&q, &row->after);

    return llm_sql_run(&q);
}


int
llm_sqlite_note(llm_store_t *store, const llm_store_note_t *note)
{
    llm_sql_t  q;

    llm_sql_start(&q, store, LLM_SQL_AUDIT_NOTE);
    llm_sql_int(&q, note->time);
    llm_sql_text(&q, &note->actor.who);
    llm_sql_text(&q, &note->actor.key);
    llm_sql_text(&q, &note->actor.address);
    llm_sql_text(&q, &note->actor.reason);
    llm_sql_text(&q, &note->action);
    llm_sql_text(&q, &note->kind);
    llm_sql_text(&q, &note->id);
    llm_sql_text(&q, &note->after);

    return llm_sql_run(&q);
}


int
llm_sqlite_op_entity(llm_store_t *store, llm_store_op_t *op)
{
    int                  rc;
    llm_sql_t            q;
    llm_store_entity_t  *e;

    e = &op->entity;

    llm_sql_start(&q, store, e->id.data ? LLM_SQL_ENTITY
                                        : LLM_SQL_ENTITY_ALIAS);
    llm_sql_text(&q, &e->kind);
    llm_sql_text(&q, e->id.data ? &e->id : &e->alias);

    rc = llm_sql_step(&q);

    if (rc == 0) {
        return llm_sqlite_is(store, LLM_STORE_NOT_FOUND);
    }

    if (rc == -1) {
        return -1;
    }

    e->version = llm_sql_get_int(&q, 3);

    rc = (llm_sql_get_text(&q, 0, op, &e->id) == 0
          && llm_sql_get_text(&q, 1, op, &e->alias) == 0
          && llm_sql_get_text(&q, 2, op, &e->json) == 0) ? 0 : -1;

    llm_sql_end(&q);

    return rc;
}


int
llm_sqlite_op_entities(llm_store_t *store, llm_store_op_t *op)
{
    int                    rc;
    llm_sql_t              q;
    llm_cursor_t           c;
    llm_store_text_t       kind, id;
    llm_store_entity_t    *e;
    llm_store_entities_t  *l;

    l = &op->entities;
    l->nrows = 0;

    l->rows = llm_sqlite_rows(store, op, &l->max, sizeof(llm_store_entity_t));

    if (l->rows == NULL) {
        return -1;
    }

    llm_cursor_start(&c, &l->cursor);
    llm_cursor_text(&c, &kind);
    llm_cursor_text(&c, &id);

    if (l->cursor.len == 0 && l->kind.data) {
        kind = l->kind;
    }

    llm_sql_start(&q, store, l->ref.name.data ? LLM_SQL_ENTITIES_REF
                                              : LLM_SQL_ENTITIES);
    llm_sql_text(&q, &kind);
    llm_sql_text(&q, &id);
    llm_sql_text_or_null(&q, &l->kind);
    llm_sql_int(&q, l->since);
    llm_sql_int(&q, (int64_t) l->max);

    if (l->ref.name.data) {
        llm_sql_text(&q, &l->ref.name);
        llm_sql_text(&q, &l->ref.value);
    }

    while ((rc = llm_sql_step(&q)) == 1) {

        e = &l->rows[l->nrows++];

        e->version = llm_sql_get_int(&q, 4);

        if (llm_sql_get_text(&q, 0, op, &e->kind) != 0
            || llm_sql_get_text(&q, 1, op, &e->id) != 0
            || llm_sql_get_text(&q, 2, op, &e->alias) != 0
            || llm_sql_get_text(&q, 3, op, &e->json) != 0)
        {
            llm_sql_end(&q);
            return -1;
        }
    }

    l->cursor.len = 0;

    if (rc == 0 && l->nrows == l->max) {
        e = &l->rows[l->nrows - 1];
        (void) llm_cursor_put_text(&l->cursor, &e->kind);
        (void) llm_cursor_put_text(&l->cursor, &e->id);
    }

    return rc;
}


int
llm_sqlite_op_audit(llm_store_t *store, llm_store_op_t *op)
{
    int                     rc;
    llm_sql_t               q;
    llm_cursor_t            c;
    llm_store_audit_t      *l;
    llm_store_audit_row_t  *row;

    l = &op->audit;
    l->nrows = 0;

    l->rows = llm_sqlite_rows(store, op, &l->max,
                              sizeof(llm_store_audit_row_t));

    if (l->rows == NULL) {
        return -1;
    }

    llm_cursor_start(&c, &l->cursor);

    llm_sql_start(&q, store, l->changes ? LLM_SQL_AUDIT_CHANGES
                                        : LLM_SQL_AUDIT);
    llm_sql_int(&q, l->cursor.len ? llm_cursor_int(&c) : INT64_MAX);
    llm_sql_text_or_null(&q, &l->kind);
    llm_sql_text_or_null(&q, &l->id);
    llm_sql_int(&q, (int64_t) l->max);

    while ((rc = llm_sql_step(&q)) == 1) {

        row = &l->rows[l->nrows++];

        row->number = llm_sql_get_int(&q, 0);
        row->time = llm_sql_get_int(&q, 1);
        row->version = llm_sql_get_int(&q, 9);

        if (llm_sql_get_text(&q, 2, op, &row->actor.who) != 0
            || llm_sql_get_text(&q, 3, op, &row->actor.key) != 0
            || llm_sql_get_text(&q, 4, op, &row->actor.address) != 0
            || llm_sql_get_text(&q, 5, op, &row->actor.reason) != 0
            || llm_sql_get_text(&q, 6, op, &row->action) != 0
            || llm_sql_get_text(&q, 7, op, &row->kind) != 0
            || llm_sql_get_text(&q, 8, op, &row->id) != 0
            || llm_sql_get_text(&q, 10, op, &row->before) != 0
            || llm_sql_get_text(&q, 11, op, &row->after) != 0)
        {
            llm_sql_end(&q);
            return -1;
        }
    }

    l->cursor.len = 0;

    if (rc == 0 && l->nrows == l->max) {
        llm_cursor_put_int(&l->cursor, l->rows[l->nrows - 1].number);
    }

    return rc;
}
