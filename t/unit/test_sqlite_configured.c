
/*
 * Copyright (C) the llm_quota authors
 */


#include "store.h"


/* What configurations limit, in the audit. */


static llm_store_limited_t  rows[3];


static void
row(unsigned i, const char *id, const char *limits, const char *place)
{
    rows[i].action = T("llm_team_limit");
    rows[i].kind = T("team");
    rows[i].id = store_text(id);
    rows[i].limits = store_text(limits);
    rows[i].place = store_text(place);
}


/* At the time 5000; returns how much has changed, -1: it failed. */

static int
configured(llm_store_t *store, size_t n, int64_t read)
{
    store_op(LLM_STORE_CONFIGURED);
    op.configured.read = read;
    op.configured.time = 5000;
    op.configured.rows = rows;
    op.configured.nrows = n;

    if (llm_store_run(store, &op) != LLM_STORE_OK) {
        printf("# %s\n", op.error);
        return -1;
    }

    return (int) op.configured.changed;
}


static const char *
last(const char *what)
{
    char  sql[128];

    (void) snprintf(sql, sizeof(sql), "SELECT %s FROM audit "
                    "ORDER BY number DESC LIMIT 1", what);

    return store_query("quota.db", sql);
}


static void
test_changes(void)
{
    llm_store_t  *store, *other;

    store_fresh();
    store = store_new(1);
    other = store_new(0);

    row(0, "a", "{1}", "f:1");
    row(1, "b", "{2}", "f:2");
    is_int(configured(store, 2, 1000), 0, "the first one is no change");
    is_int(configured(store, 2, 1001), 0, "nor is the same one");

    row(0, "a", "{1}", "f:3");
    is_int(configured(store, 2, 1002), 0, "nor another place");
    is_text(store_query("quota.db", "SELECT place FROM configured "
                        "WHERE id = 'a'"), "f:3", "which is noted");

    row(0, "a", "{3}", "f:4");
    is_int(configured(store, 2, 1003), 1, "another limit is one");
    is_text(last("time, who, address, action, kind, id, version, before, "
                 "after"),
            "5000|nginx.conf|f:4|llm_team_limit|team|a|0|{1}|{3}", "with all");
    is_int(configured(other, 2, 1003), 0, "of two masters the second");
    is_int(configured(other, 2, 1004), 0, "finds it done");

    row(2, "c\"", "{4}", "g:1");
    is_int(configured(store, 3, 1005), 1, "a new one");
    is_text(last("id, coalesce(before, 'none'), after"), "c\"|none|{4}",
            "had none before");

    rows[0] = rows[2];
    is_int(configured(store, 1, 1006), 2, "those that are gone");
    is_text(last("id, address, before, coalesce(after, 'none')"),
            "b|f:2|{2}|none", "have none after");

    /* the same id of another directive is another one */

    rows[1] = rows[0];
    rows[1].action = T("llm_user_limit");
    is_int(configured(store, 2, 1007), 1, "another directive");

    is_int(configured(store, 0, 1008), 2, "no limits at all");
    is_int(configured(store, 2, 1009), 2, "and all of them again");

    llm_store_destroy(other);
    llm_store_destroy(store);
}


/* Workers of an old configuration may start after those of a new one. */

static void
test_order(void)
{
    llm_store_t  *store;

    store_fresh();
    store = store_new(1);

    row(0, "a", "{1}", "f:1");
    (void) configured(store, 1, 2000);
    row(0, "a", "{2}", "f:1");
    is_int(configured(store, 1, 3000), 1, "a newer configuration");
    row(0, "a", "{1}", "f:1");
    is_int(configured(store, 1, 2000), 0, "the older one comes late");
    is_text(store_query("quota.db", "SELECT limits FROM configured"), "{2}",
            "and is passed over");

    row(0, "a", "{3}", "f:1");
    is_int(configured(store, 1, 9000), 1, "one of the future");
    row(0, "a", "{4}", "f:1");
    is_int(configured(store, 1, 4000), 1, "is not the last one for ever");

    llm_store_destroy(store);
}


/* Who asks for changes of entities is told of them only. */

static void
test_entities(void)
{
    llm_store_t  *store;

    store_fresh();
    store = store_new(1);

    (void) store_entity(store, "k1", "{1}");
    (void) store_entity(store, "k2", "{2}");
    row(0, "a", "{1}", "f:1");
    (void) configured(store, 1, 1000);
    row(0, "a", "{2}", "f:1");
    is_int(configured(store, 1, 1001), 1, "a change of a limit");

    store_op(LLM_STORE_AUDIT);
    op.audit.max = 1;
    (void) llm_store_run(store, &op);
    ok(op.audit.nrows == 1 && store_is(&op.audit.rows[0].id, "a"),
       "is the last row");

    store_op(LLM_STORE_AUDIT);
    op.audit.changes = 1;
    op.audit.max = 1;
    (void) llm_store_run(store, &op);
    ok(op.audit.nrows == 1 && store_is(&op.audit.rows[0].id, "k2"),
       "but no change of an entity");
    (void) llm_store_run(store, &op);
    ok(op.audit.nrows == 1 && store_is(&op.audit.rows[0].id, "k1"),
       "nor is there one between");
    (void) llm_store_run(store, &op);
    ok(op.audit.nrows == 0 && op.audit.cursor.len == 0, "nor one more");

    llm_store_destroy(store);
}


/* It is kept when the store is made anew. */

static void
test_salvage(void)
{
    char          page[4096];
    llm_store_t  *store;

    store_fresh();
    store = store_new(1);
    row(0, "a", "{1}", "f:1");
    (void) configured(store, 1, 1000);
    (void) store_backup(store);
    row(0, "a", "{2}", "f:1");
    is_int(configured(store, 1, 1001), 1, "after the backup");
    llm_store_destroy(store);

    memset(page, 'x', sizeof(page));
    (void) unlink(store_path("quota.db-wal"));

    {
        int  fd, root;

        root = atoi(store_query("quota.db", "SELECT rootpage FROM "
                                "sqlite_master WHERE name = 'meter'"));
        fd = open(store_path("quota.db"), O_WRONLY);
        ok(root > 1 && pwrite(fd, page, sizeof(page),
                              (root - 1) * (off_t) sizeof(page))
                       == (ssize_t) sizeof(page), "the file is damaged");
        (void) close(fd);
    }

    store = store_new(1);
    is_int(op.open.event, LLM_STORE_REBUILT, "and made anew: %s",
           op.open.text);
    is_int(configured(store, 1, 1002), 0, "with the last configuration");
    is_text(store_query("quota.db", "SELECT count(*) FROM audit"), "1",
            "and its audit");
    llm_store_destroy(store);
}


int
main(void)
{
    (void) setvbuf(stdout, NULL, _IOLBF, 0);

    test_changes();
    test_order();
    test_entities();
    test_salvage();

    store_clear();
    llm_store_empty(&op);

    return tap_done();
}
