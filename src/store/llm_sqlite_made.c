
/*
 * Copyright (C) the llm_quota authors
 */


#include <string.h>

#include "llm_sqlite.h"


/*
 * Changes of entities between the stores of several nodes: those of others
 * come in, in whatever order, and what is here goes out.
 */


static int llm_sqlite_made_entity(llm_store_t *store, llm_store_op_t *op,
    const llm_store_change_t *change, int64_t *version,
    llm_store_text_t *json);
static int llm_sqlite_made_audit(llm_store_t *store, llm_store_op_t *op,
    llm_store_made_t *row, int64_t *version, llm_store_text_t *after);
static int llm_sqlite_made_newest(llm_store_t *store,
    const llm_store_change_t *change);
static int llm_sqlite_made_refs(llm_store_t *store, llm_store_op_t *op,
    llm_store_change_t *change);


int
llm_sqlite_op_apply(llm_store_t *store, llm_store_op_t *op)
{
    size_t              i;
    int64_t             version;
    llm_sql_t           q;
    llm_store_apply_t  *apply;

    apply = &op->apply;

    if (llm_sqlite_begin(store, 1) != 0) {
        return -1;
    }

    llm_sql_start(&q, store, LLM_SQL_VERSION_LAST);

    if (llm_sql_step(&q) != 1) {
        return -1;
    }

    version = llm_sql_get_int(&q, 0);
    llm_sql_end(&q);

    for (i = 0; i < apply->nrows; i++) {

        if (llm_sqlite_apply(store, op, &apply->rows[i]) != 0) {
            return -1;
        }

        if (version < apply->rows[i].change.changed) {
            version = apply->rows[i].change.changed;
        }
    }

    if (llm_sqlite_version(store, version) != 0) {
        return -1;
    }

    return llm_sqlite_commit(store);
}


/* What was deleted is known by the audit alone: so nothing that is older makes
   it again. */

int
llm_sqlite_apply(llm_store_t *store, llm_store_op_t *op,
    llm_store_made_t *made)
{
    int64_t              version, audited;
    llm_store_made_t     last;
    llm_store_text_t     before, after;
    llm_store_change_t  *change;

    change = &made->change;
    made->newest = 0;

    if (llm_sqlite_made_entity(store, op, change, &version, &before) != 0) {
        return -1;
    }

    memset(&last, 0, sizeof(llm_store_made_t));

    last.change.kind = change->kind;
    last.change.id = change->id;
    last.change.changed = INT64_MAX;

    if (llm_sqlite_made_audit(store, op, &last, &audited, &after) != 0) {
        return -1;
    }

    if (version < change->changed && audited < change->changed) {
        made->newest = 1;

        if (llm_sqlite_made_newest(store, change) != 0) {
            return -1;
        }

    } else {
        last.change.changed = change->changed;

        if (llm_sqlite_made_audit(store, op, &last, &audited, &before) != 0) {
            return -1;
        }
    }

    if (audited == change->changed || version == change->changed) {
        return 0;
    }

    return llm_sqlite_change_audit(store, &made->actor, made->time, change,
                                   &before);
}


/* What is here: no version and no JSON where nothing is. */

static int
llm_sqlite_made_entity(llm_store_t *store, llm_store_op_t *op,
    const llm_store_change_t *change, int64_t *version,
    llm_store_text_t *json)
{
    int        rc;
    llm_sql_t  q;

    *version = 0;
    json->data = NULL;
    json->len = 0;

    llm_sql_start(&q, store, LLM_SQL_ENTITY);
    llm_sql_text(&q, &change->kind);
    llm_sql_text(&q, &change->id);

    rc = llm_sql_step(&q);

    if (rc == 1) {
        *version = llm_sql_get_int(&q, 3);
        rc = llm_sql_get_text(&q, 2, op, json);
        llm_sql_end(&q);
    }

    return rc;
}


/* The last change up to the row's version that the audit has: who made it, and
   what of it; *version 0: it has none. */

static int
llm_sqlite_made_audit(llm_store_t *store, llm_store_op_t *op,
    llm_store_made_t *row, int64_t *version, llm_store_text_t *after)
{
    int        rc;
    llm_sql_t  q;

    *version = 0;
    after->data = NULL;
    after->len = 0;

    llm_sql_start(&q, store, LLM_SQL_AUDIT_UP_TO);
    llm_sql_text(&q, &row->change.kind);
    llm_sql_text(&q, &row->change.id);
    llm_sql_int(&q, row->change.changed);

    rc = llm_sql_step(&q);

    if (rc != 1) {
        return rc;
    }

    *version = llm_sql_get_int(&q, 0);
    row->time = llm_sql_get_int(&q, 2);

    rc = (llm_sql_get_text(&q, 1, op, after) == 0
          && llm_sql_get_text(&q, 3, op, &row->actor.who) == 0
          && llm_sql_get_text(&q, 4, op, &row->actor.key) == 0
          && llm_sql_get_text(&q, 5, op, &row->actor.address) == 0
          && llm_sql_get_text(&q, 6, op, &row->actor.reason) == 0
          && llm_sql_get_text(&q, 7, op, &row->change.action) == 0) ? 0 : -1;

    llm_sql_end(&q);

    return rc;
}


static int
llm_sqlite_made_newest(llm_store_t *store, const llm_store_change_t *change)
{
    llm_sql_t  q;

    if (change->json.data && change->alias.data) {

        llm_sql_start(&q, store, LLM_SQL_ALIAS_TAKE);
        llm_sql_text(&q, &change->kind);
        llm_sql_text(&q, &change->alias);
        llm_sql_text(&q, &change->id);

        if (llm_sql_run(&q) != 0) {
            return -1;
        }
    }

    return llm_sqlite_change_write(store, change);
}


int
llm_sqlite_op_latest(llm_store_t *store, llm_store_op_t *op)
{
    int                   rc;
    size_t                i;
    int64_t               version;
    llm_sql_t             q;
    llm_cursor_t          c;
    llm_store_text_t      kind, id, after;
    llm_store_made_t     *row;
    llm_store_latest_t   *l;
    llm_store_change_t   *change;

    l = &op->latest;
    l->nrows = 0;

    l->rows = llm_sqlite_rows(store, op, &l->max, sizeof(llm_store_made_t));

    if (l->rows == NULL) {
        return -1;
    }

    llm_cursor_start(&c, &l->cursor);
    llm_cursor_text(&c, &kind);
    llm_cursor_text(&c, &id);

    llm_sql_start(&q, store, LLM_SQL_ENTITIES_LATEST);
    llm_sql_text(&q, &kind);
    llm_sql_text(&q, &id);
    llm_sql_int(&q, (int64_t) l->max);

    while ((rc = llm_sql_step(&q)) == 1) {

        row = &l->rows[l->nrows++];
        memset(row, 0, sizeof(llm_store_made_t));

        change = &row->change;
        change->changed = llm_sql_get_int(&q, 4);

        if (llm_sql_get_text(&q, 0, op, &change->kind) != 0
            || llm_sql_get_text(&q, 1, op, &change->id) != 0
            || llm_sql_get_text(&q, 2, op, &change->alias) != 0
            || llm_sql_get_text(&q, 3, op, &change->json) != 0)
        {
            llm_sql_end(&q);
            return -1;
        }
    }

    if (rc != 0) {
        return -1;
    }

    for (i = 0; i < l->nrows; i++) {
        row = &l->rows[i];

        if (llm_sqlite_made_audit(store, op, row, &version, &after) != 0
            || llm_sqlite_made_refs(store, op, &row->change) != 0)
        {
            return -1;
        }

        if (version != row->change.changed) {
            memset(&row->actor, 0, sizeof(llm_store_actor_t));
            row->change.action.len = 0;
            row->time = 0;
        }
    }

    l->cursor.len = 0;

    if (l->nrows == l->max) {
        change = &l->rows[l->nrows - 1].change;
        (void) llm_cursor_put_text(&l->cursor, &change->kind);
        (void) llm_cursor_put_text(&l->cursor, &change->id);
    }

    return 0;
}


static int
llm_sqlite_made_refs(llm_store_t *store, llm_store_op_t *op,
    llm_store_change_t *change)
{
    int               rc;
    llm_sql_t         q;
    llm_store_ref_t  *refs, *ref;

    refs = NULL;

    llm_sql_start(&q, store, LLM_SQL_REFS);
    llm_sql_text(&q, &change->kind);
    llm_sql_text(&q, &change->id);

    while ((rc = llm_sql_step(&q)) == 1) {

        if (refs == NULL) {
            refs = llm_sqlite_alloc(store, op, LLM_STORE_REFS
                                               * sizeof(llm_store_ref_t));
            if (refs == NULL) {
                llm_sql_end(&q);
                return -1;
            }
        }

        ref = &refs[change->nrefs];

        if (change->nrefs == LLM_STORE_REFS
            || llm_sql_get_text(&q, 0, op, &ref->name) != 0
            || llm_sql_get_text(&q, 1, op, &ref->value) != 0)
        {
            llm_sql_end(&q);
            return (change->nrefs == LLM_STORE_REFS) ? 0 : -1;
        }

        change->nrefs++;
    }

    change->refs = refs;

    return rc;
}
