
/*
 * Copyright (C) the llm_quota authors
 */


#include "store.h"


/* Changes that other nodes have made come into a store in whatever order, and
   leave it for others. */


static llm_store_made_t  rows[4];


static void
row(unsigned i, const char *id, const char *alias, const char *json,
    int64_t version)
{
    llm_store_change_t  *c;

    memset(&rows[i], 0, sizeof(rows[i]));

    rows[i].actor.who = T("ann");
    rows[i].time = 1000 + version;

    c = &rows[i].change;

    c->kind = T("team");
    c->id = store_text(id);
    c->action = T("/team/update");
    c->changed = version;

    if (alias) {
        c->alias = store_text(alias);
    }

    if (json) {
        c->json = store_text(json);
    }
}


static llm_store_status_e
apply(llm_store_t *store, size_t n)
{
    store_op(LLM_STORE_APPLY);
    op.apply.rows = rows;
    op.apply.nrows = n;

    return llm_store_run(store, &op);
}


static const char *
entities(void)
{
    return store_query("quota.db", "SELECT group_concat(id || ' ' ||"
                       " coalesce(alias, '-') || ' ' || json || ' ' ||"
                       " version, ', ')"
                       " FROM (SELECT * FROM entity ORDER BY id)");
}


static const char *
audit(const char *id)
{
    char  sql[256];

    (void) snprintf(sql, sizeof(sql), "SELECT group_concat(version || ' ' ||"
                    " coalesce(before, '-') || ' ' || coalesce(after, '-'),"
                    " ', ') FROM (SELECT * FROM audit WHERE id = '%s'"
                    " ORDER BY version)", id);

    return store_query("quota.db", sql);
}


static void
test_order(void)
{
    llm_store_t  *store;

    store_fresh();
    store = store_new(1);

    row(0, "a", "x", "{1}", 100);
    row(1, "a", "y", "{2}", 300);
    row(2, "b", NULL, "{b}", 310);
    is_status(apply(store, 3), LLM_STORE_OK, "three changes");
    is_int(rows[0].newest + rows[1].newest + rows[2].newest, 3,
           "each the newest of its entity when it came");
    is_text(entities(), "a y {2} 300, b - {b} 310", "the last counts");
    is_text(audit("a"), "100 - {1}, 300 {1} {2}", "the audit has each");

    row(0, "a", "y", "{2}", 300);
    row(1, "a", "z", "{x}", 200);
    is_status(apply(store, 2), LLM_STORE_OK, "one again, and one late");
    is_int(rows[0].newest + rows[1].newest, 0, "neither is the newest");
    is_text(entities(), "a y {2} 300, b - {b} 310", "nothing has changed");
    is_text(audit("a"), "100 - {1}, 200 {1} {x}, 300 {1} {2}",
            "the audit has the late one once");

    row(0, "a", NULL, NULL, 400);
    is_status(apply(store, 1), LLM_STORE_OK, "it is deleted");
    row(0, "a", NULL, "{3}", 350);
    is_status(apply(store, 1), LLM_STORE_OK, "what was before that");
    is_text(entities(), "b - {b} 310", "does not make it again");
    is_text(audit("a"), "100 - {1}, 200 {1} {x}, 300 {1} {2}, 350 {2} {3},"
            " 400 {2} -", "but is in the audit");

    row(0, "a", NULL, "{4}", 500);
    is_status(apply(store, 1), LLM_STORE_OK, "what comes after it");
    is_text(entities(), "a - {4} 500, b - {b} 310", "does");

    (void) store_entity(store, "k", "{k}");
    is_text(store_query("quota.db", "SELECT version FROM entity"
                        " WHERE id = 'k'"), "501",
            "no version is given out again");

    llm_store_destroy(store);
}


static void
test_alias(void)
{
    llm_store_t  *store;

    store_fresh();
    store = store_new(1);

    row(0, "a", "x", "{1}", 100);
    row(1, "b", "x", "{2}", 200);
    row(2, "c", "x", "{3}", 150);
    is_status(apply(store, 2), LLM_STORE_OK, "an alias that another has here");
    is_text(entities(), "a - {1} 100, b x {2} 200", "goes over");

    llm_store_destroy(store);
}


static void
test_given(void)
{
    llm_store_t         *store;
    llm_store_change_t   change;

    store_fresh();
    store = store_new(1);

    row(0, "a", NULL, "{1}", 100);
    row(1, "a", NULL, "{2}", 300);
    (void) apply(store, 2);

    row(0, "a", NULL, "{3}", 400);

    change = rows[0].change;
    change.version = 7;

    store_op(LLM_STORE_CHANGE);
    op.change.changes = &change;
    op.change.nchanges = 1;
    op.change.given = 1;
    is_status(llm_store_run(store, &op), LLM_STORE_OK,
              "what is given is not asked about");
    is_text(entities(), "a - {3} 400", "and has its version");

    change.json = T("{x}");
    change.changed = 300;
    op.change.given = 1;
    is_status(llm_store_run(store, &op), LLM_STORE_OK, "what came here before");
    is_text(entities(), "a - {3} 400", "changes nothing");
    is_text(audit("a"), "100 - {1}, 300 {1} {2}, 400 {2} {3}",
            "nor the audit");

    llm_store_destroy(store);
}


static void
test_latest(void)
{
    char              got[1024], *p;
    size_t            i;
    llm_store_t      *store;
    llm_store_ref_t   ref;

    store_fresh();
    store = store_new(1);

    ref.name = T("team");
    ref.value = T("t");

    row(0, "c", "x", "{c}", 100);
    rows[0].change.refs = &ref;
    rows[0].change.nrefs = 1;
    row(1, "a", NULL, "{a}", 200);
    row(2, "b", NULL, "{b}", 300);
    row(3, "b", NULL, NULL, 400);
    (void) apply(store, 4);

    /* what the audit has not any more */

    (void) store_query("quota.db", "DELETE FROM audit WHERE id = 'a'");

    store_op(LLM_STORE_LATEST);
    op.latest.max = 2;
    p = got;

    do {
        is_status(llm_store_run(store, &op), LLM_STORE_OK, "a slice");

        for (i = 0; i < op.latest.nrows; i++) {
            p += sprintf(p, "%s %s %s %lld %lld %s %u, ",
                         (const char *) op.latest.rows[i].change.id.data,
                         op.latest.rows[i].change.alias.data
                         ? (const char *) op.latest.rows[i].change.alias.data
                         : "-",
                         op.latest.rows[i].change.json.data
                         ? (const char *) op.latest.rows[i].change.json.data
                         : "-",
                         (long long) op.latest.rows[i].change.changed,
                         (long long) op.latest.rows[i].time,
                         op.latest.rows[i].actor.who.len ? "ann" : "-",
                         (unsigned) op.latest.rows[i].change.nrefs);
        }

    } while (op.latest.cursor.len);

    is_text(got, "a - {a} 200 0 - 0, b - - 400 1400 ann 0, "
            "c x {c} 100 1100 ann 1, ", "all that is or was, in order");

    llm_store_destroy(store);
}


int
main(void)
{
    (void) setvbuf(stdout, NULL, _IOLBF, 0);

    test_order();
    test_alias();
    test_given();
    test_latest();

    store_clear();
    llm_store_empty(&op);

    return tap_done();
}
