
/*
 * Copyright (C) the llm_quota authors
 */


#include "llm_sqlite_sql.h"
#include "store.h"


/* Entities, the audit, alerts, the outbox, pending ids; what grows old. */


static llm_store_change_t  changes[3];


static llm_store_change_t *
change(unsigned i, const char *id, const char *alias, const char *json,
    int64_t version)
{
    llm_store_change_t  *c;

    c = &changes[i];
    memset(c, 0, sizeof(*c));
    c->kind = T("team");
    c->id = store_text(id);
    c->action = T("/team/update");
    c->version = version;

    if (alias) {
        c->alias = store_text(alias);
    }

    if (json) {
        c->json = store_text(json);
    }

    return c;
}


static llm_store_status_e
run(llm_store_t *store, size_t n)
{
    store_op(LLM_STORE_CHANGE);
    op.change.changes = changes;
    op.change.nchanges = n;
    op.change.time = 1000;
    op.change.actor.who = T("ann");
    op.change.actor.reason = T("why not");

    return llm_store_run(store, &op);
}


static const char *
entity(llm_store_t *store, const char *id, const char *alias)
{
    static char  text[256];

    store_op(LLM_STORE_ENTITY);
    op.entity.kind = T("team");

    if (id) {
        op.entity.id = store_text(id);

    } else {
        op.entity.alias = store_text(alias);
    }

    if (llm_store_run(store, &op) != LLM_STORE_OK) {
        return llm_store_status_name(op.status);
    }

    (void) snprintf(text, sizeof(text), "%s %s %s %lld",
                    (const char *) op.entity.id.data,
                    op.entity.alias.data
                        ? (const char *) op.entity.alias.data : "-",
                    (const char *) op.entity.json.data,
                    (long long) op.entity.version);

    return text;
}


static void
test_entities(void)
{
    llm_store_t      *store, *other;
    llm_store_ref_t   refs[2];

    store_fresh();
    store = store_new(1);
    other = store_new(0);

    change(0, "a", "Alpha", "{1}", 0);
    is_status(run(store, 1), LLM_STORE_OK, "a team is made");
    is_int(changes[0].changed, 1001, "the first version is later than now");
    is_text(entity(other, "a", NULL), "a Alpha {1} 1001", "found by id");
    is_text(entity(other, NULL, "Alpha"), "a Alpha {1} 1001", "and by alias");
    is_text(entity(other, "A", NULL), "not found", "not by another");

    change(0, "a", "Other", "{2}", 0);
    is_status(run(other, 1), LLM_STORE_EXISTS, "its id is taken");
    is_int(op.change.taken_alias, 0, "the id");
    change(0, "b", "Alpha", "{2}", 0);
    is_status(run(other, 1), LLM_STORE_EXISTS, "two workers, one alias");
    is_int(op.change.taken_alias, 1, "the second is told which");
    change(0, "b", NULL, "{2}", 7);
    is_status(run(other, 1), LLM_STORE_NOT_FOUND, "none to change");
    change(0, "b", NULL, NULL, LLM_STORE_ANY_VERSION);
    is_status(run(other, 1), LLM_STORE_NOT_FOUND, "nor to delete");
    change(0, "a", "Alpha", "{3}", 9);
    is_status(run(other, 1), LLM_STORE_CONFLICT, "another version");
    is_int(op.change.found, 1001, "is the one that it has");

    change(0, "a", "Alpha", "{3}", 1001);
    is_status(run(other, 1), LLM_STORE_OK, "the right one");
    is_int(changes[0].changed, 1002, "makes the next");
    change(0, "a", "Beta", "{4}", LLM_STORE_ANY_VERSION);
    is_status(run(store, 1), LLM_STORE_OK, "or whichever it is");
    is_text(entity(store, NULL, "Alpha"), "not found", "the alias has gone");

    /* all or none */

    change(0, "b", "Alpha", "{b}", 0);
    change(1, "c", NULL, "{c}", 0);
    change(2, "d", "Beta", "{d}", 0);
    is_status(run(store, 3), LLM_STORE_EXISTS, "the third of three fails");
    is_int(op.change.failed, 2, "which is told");
    is_text(entity(store, "b", NULL), "not found", "and no other is made");

    change(0, "a", NULL, NULL, 1003);
    change(1, "c", NULL, "{c}", 0);
    change(2, "d", "Beta", "{d}", 0);
    is_status(run(store, 3), LLM_STORE_OK, "a later one sees the earlier");
    is_text(entity(store, NULL, "Beta"), "d Beta {d} 1006", "the alias moved");

    change(0, "a", NULL, "{5}", 0);
    is_status(run(store, 1), LLM_STORE_OK, "made again");
    is_int(changes[0].changed, 1007, "it is newer than what was deleted");

    change(0, "", NULL, "{}", 0);
    is_status(run(store, 1), LLM_STORE_INVALID, "an id is needed");

    /* what belongs to somebody */

    refs[0] = (llm_store_ref_t) { T("team"), T("a") };
    refs[1] = (llm_store_ref_t) { T("user"), T("u") };

    change(0, "k1", NULL, "{}", 0);
    change(1, "k2", NULL, "{}", 0);
    changes[0].kind = changes[1].kind = T("key");
    changes[0].refs = changes[1].refs = refs;
    changes[0].nrefs = 2;
    changes[1].nrefs = 1;
    is_status(run(store, 2), LLM_STORE_OK, "keys of a team");

    store_op(LLM_STORE_ENTITIES);
    op.entities.kind = T("key");
    op.entities.ref = refs[0];
    is_status(llm_store_run(other, &op), LLM_STORE_OK, "are found by it");
    ok(op.entities.nrows == 2 && store_is(&op.entities.rows[1].id, "k2"),
       "both");
    op.entities.ref = refs[1];
    is_status(llm_store_run(other, &op), LLM_STORE_OK, "or by the user");
    ok(op.entities.nrows == 1 && store_is(&op.entities.rows[0].id, "k1"),
       "the one");

    change(0, "k1", NULL, "{}", LLM_STORE_ANY_VERSION);
    changes[0].kind = T("key");
    is_status(run(store, 1), LLM_STORE_OK, "who leaves the team");
    store_op(LLM_STORE_ENTITIES);
    op.entities.ref = refs[0];
    is_status(llm_store_run(other, &op), LLM_STORE_OK, "is not");
    is_int(op.entities.nrows, 1, "found by it any more");

    llm_store_destroy(store);
    llm_store_destroy(other);
}


static void
test_lists(void)
{
    int           n, i;
    char          id[100][24];
    size_t        max, j;
    llm_store_t  *store;

    store_fresh();
    store = store_new(1);

    for (i = 0; i < 100; i++) {
        (void) snprintf(id[i], sizeof(id[i]), "e%02d", i);
        change(0, id[i], NULL, "{}", 0);
        changes[0].kind = (i % 2) ? T("key") : T("team");

        if (run(store, 1) != LLM_STORE_OK) {
            break;
        }
    }

    is_int(i, 100, "a hundred entities");

    for (max = 1; max < 120; max = max * 3 + 1) {

        store_op(LLM_STORE_ENTITIES);
        op.entities.kind = T("key");
        op.entities.max = max;

        for (n = 0, i = 0; i < 200; i++) {

            (void) llm_store_run(store, &op);

            for (j = 0; j < op.entities.nrows; j++) {
                n += store_is(&op.entities.rows[j].id, id[2 * n + 1]);
            }

            if (op.entities.cursor.len == 0) {
                break;
            }
        }

        is_int(n, 50, "those of a kind, %zu at once", max);

        store_op(LLM_STORE_AUDIT);
        op.audit.max = max;

        for (n = 0, i = 0; i < 200; i++) {

            (void) llm_store_run(store, &op);

            for (j = 0; j < op.audit.nrows; j++) {
                n += store_is(&op.audit.rows[j].id, id[99 - n]);
            }

            if (op.audit.cursor.len == 0) {
                break;
            }
        }

        is_int(n, 100, "the audit, newest first, %zu at once", max);
    }

    store_op(LLM_STORE_ENTITIES);
    op.entities.since = 1090;
    is_status(llm_store_run(store, &op), LLM_STORE_OK, "what is newer");
    is_int(op.entities.nrows, 10, "than a version");

    /* a cursor that somebody made up */

    memset(op.entities.cursor.data, 0xff, 20);
    op.entities.cursor.len = 20;
    is_status(llm_store_run(store, &op), LLM_STORE_OK, "a wrong cursor");
    op.entities.cursor.len = (size_t) -1;
    is_status(llm_store_run(store, &op), LLM_STORE_OK, "is harmless");

    llm_store_destroy(store);
}


static void
test_audit(void)
{
    llm_store_t            *store;
    llm_store_audit_row_t  *row;

    store_fresh();
    store = store_new(1);

    change(0, "a", NULL, "{1}", 0);
    (void) run(store, 1);
    change(0, "a", NULL, "{2}", 1001);
    (void) run(store, 1);
    change(0, "b", NULL, "{b}", 0);
    (void) run(store, 1);
    change(0, "a", NULL, NULL, 1002);
    (void) run(store, 1);
    change(0, "a", NULL, "{}", 77);
    is_status(run(store, 1), LLM_STORE_NOT_FOUND, "what fails");

    store_op(LLM_STORE_AUDIT);
    op.audit.kind = T("team");
    op.audit.id = T("a");
    is_status(llm_store_run(store, &op), LLM_STORE_OK, "the audit of one");
    is_int(op.audit.nrows, 3, "has what was done");

    row = op.audit.rows;
    ok(row[0].after.data == NULL && store_is(&row[0].before, "{2}")
       && row[0].version == 1004 && row[0].time == 1000
       && store_is(&row[0].actor.who, "ann")
       && store_is(&row[0].actor.reason, "why not")
       && store_is(&row[0].actor.key, "")
       && store_is(&row[0].action, "/team/update"), "the end");
    ok(store_is(&row[1].before, "{1}") && store_is(&row[1].after, "{2}"),
       "the change");
    ok(row[2].before.data == NULL && store_is(&row[2].after, "{1}"),
       "the beginning");

    is_text(store_query("quota.db", "UPDATE audit SET who = 'x'"),
            "the audit is never changed", "nobody rewrites it");

    llm_store_destroy(store);
}


static llm_store_alert_t  alerts[2];

static llm_store_status_e
raise_alert(llm_store_t *store, const char *id, int64_t limit,
    int64_t generation, size_t nchannels)
{
    static llm_store_text_t  channels[2];

    channels[0] = T("slack");
    channels[1] = T("mail");

    memset(alerts, 0, sizeof(alerts));
    alerts[0].subject = (llm_store_subject_t) { T("team_user"), T("t\0u") };
    alerts[0].resource = T("cost");
    alerts[0].period = MONTH;
    alerts[0].start = START;
    alerts[0].limit = limit;
    alerts[0].threshold = 80;
    alerts[0].generation = generation;
    alerts[0].id = store_text(id);
    alerts[0].event = T("soft_budget_crossed");
    alerts[0].json = T("{\"a\":1}");
    alerts[0].time = 5000;
    alerts[0].channels = channels;
    alerts[0].nchannels = nchannels;

    store_op(LLM_STORE_ALERT);
    op.alert.alerts = alerts;
    op.alert.nalerts = 1;

    return llm_store_run(store, &op);
}


static llm_store_status_e
deliver(llm_store_t *store, const char *channel, int64_t seen,
    llm_store_delivery_e state, int64_t due)
{
    store_op(LLM_STORE_DELIVERY);
    op.delivery.row.alert = T("id-1");
    op.delivery.row.channel = store_text(channel);
    op.delivery.row.attempts = seen + 1;
    op.delivery.row.state = state;
    op.delivery.row.due = due;
    op.delivery.row.error = T("no route");
    op.delivery.seen = seen;

    return llm_store_run(store, &op);
}


static size_t
due(llm_store_t *store, const char *channel, int64_t now)
{
    store_op(LLM_STORE_DELIVERIES);
    op.deliveries.now = now;

    if (channel) {
        op.deliveries.channel = store_text(channel);
    }

    (void) llm_store_run(store, &op);

    return op.deliveries.nrows;
}


static void
test_alerts(void)
{
    llm_store_t  *store, *other;

    store_fresh();
    store = store_new(1);
    other = store_new(0);

    is_status(raise_alert(store, "id-1", 100, 0, 2), LLM_STORE_OK, "an alert");
    is_int(alerts[0].inserted, 1, "is new");
    is_status(raise_alert(other, "id-2", 100, 0, 2), LLM_STORE_OK, "again");
    is_int(alerts[0].inserted, 0, "it is not");
    (void) raise_alert(other, "id-3", 120, 0, 0);
    is_int(alerts[0].inserted, 1, "with another limit it is");
    (void) raise_alert(other, "id-4", 120, 1, 1);
    is_int(alerts[0].inserted, 1, "and after a reset");

    store_op(LLM_STORE_ALERTS);
    op.alerts.max = 2;
    is_status(llm_store_run(store, &op), LLM_STORE_OK, "the alerts");
    ok(op.alerts.nrows == 2 && store_is(&op.alerts.rows[0].id, "id-4")
       && store_is(&op.alerts.rows[1].id, "id-3"), "newest first");
    ok(op.alerts.rows[0].limit == 120 && op.alerts.rows[0].threshold == 80
       && op.alerts.rows[0].generation == 1
       && op.alerts.rows[0].period == MONTH
       && op.alerts.rows[0].start == START && op.alerts.rows[0].time == 5000
       && op.alerts.rows[0].subject.id.len == 3
       && memcmp(op.alerts.rows[0].subject.id.data, "t\0u", 3) == 0
       && store_is(&op.alerts.rows[0].resource, "cost")
       && store_is(&op.alerts.rows[0].event, "soft_budget_crossed"),
       "as they were");
    (void) llm_store_run(store, &op);
    ok(op.alerts.nrows == 1 && store_is(&op.alerts.rows[0].id, "id-1")
       && op.alerts.cursor.len == 0, "then the rest");

    store_op(LLM_STORE_ALERTS);
    op.alerts.now = 4999;
    (void) llm_store_run(store, &op);
    is_int(op.alerts.nrows, 0, "none before its time");
    op.alerts.now = 5000;
    op.alerts.deliveries = 1;
    (void) llm_store_run(store, &op);
    is_int(op.alerts.nrows, 3, "then all");
    is_int(op.alerts.rows[2].ndeliveries, 2, "with their deliveries");
    ok(store_is(&op.alerts.rows[2].deliveries[1].channel, "slack"), "to whom");

    store_op(LLM_STORE_ALERTS);
    op.alerts.subject.type = T("team_user");
    op.alerts.subject.id = T("t\0u");
    (void) llm_store_run(store, &op);
    is_int(op.alerts.nrows, 3, "of a subject");
    op.alerts.subject.id = T("t");
    (void) llm_store_run(store, &op);
    is_int(op.alerts.nrows, 0, "not of another");

    is_int(due(store, NULL, 4999), 0, "none is due before its time");
    is_int(op.deliveries.next, 5000, "which is known");
    is_int(due(store, NULL, 5000), 3, "then all are, to all channels");
    is_int(op.deliveries.next, 0, "and no others");
    is_int(due(store, "mail", 5000), 1, "to one of them");
    ok(store_is(&op.deliveries.rows[0].alert, "id-1")
       && store_is(&op.deliveries.rows[0].json, "{\"a\":1}")
       && op.deliveries.rows[0].attempts == 0, "with what is to be said");

    is_status(deliver(store, "slack", 0, LLM_STORE_PENDING, 9000),
              LLM_STORE_OK, "one takes it");
    is_status(deliver(other, "slack", 0, LLM_STORE_PENDING, 9000),
              LLM_STORE_CONFLICT, "the other one not");
    is_int(due(store, "slack", 8999), 1, "only id-4 is left to do");
    is_int(op.deliveries.next, 9000, "until the next attempt");
    is_status(deliver(store, "slack", 1, LLM_STORE_DELIVERED, 9000),
              LLM_STORE_OK, "delivered");
    is_status(deliver(store, "slack", 2, LLM_STORE_PENDING, 9000),
              LLM_STORE_CONFLICT, "is final");
    is_status(deliver(store, "mail", 0, LLM_STORE_GIVEN_UP, 0), LLM_STORE_OK,
              "as is given up");
    is_int(due(store, NULL, 99999), 1, "neither is due again");

    store_op(LLM_STORE_DELIVERIES);
    op.deliveries.alert = T("id-1");
    is_status(llm_store_run(other, &op), LLM_STORE_OK, "one alert's");
    ok(op.deliveries.nrows == 2
       && op.deliveries.rows[0].state == LLM_STORE_GIVEN_UP
       && op.deliveries.rows[1].state == LLM_STORE_DELIVERED
       && op.deliveries.rows[1].attempts == 2
       && store_is(&op.deliveries.rows[1].error, "no route"),
       "tell their story");

    llm_store_destroy(store);
    llm_store_destroy(other);
}


/* A commit of one line about an answer: it is pending, or NULL, charged. */

static void
pending(llm_store_t *store, const char *id, const char *line, int64_t epoch,
    int64_t expires)
{
    llm_store_pending_t  row;

    memset(&row, 0, sizeof(llm_store_pending_t));

    row.id = store_text(id);
    row.epoch = epoch;
    row.expires = expires;

    if (line) {
        row.line = store_text(line);
    }

    store_op(LLM_STORE_COMMIT);
    op.commit.pendings = &row;
    op.commit.npendings = 1;

    is_status(llm_store_run(store, &op), LLM_STORE_OK, "a line about it");
}


static llm_store_status_e
find(llm_store_t *store, const char *id)
{
    store_op(LLM_STORE_PENDING_FIND);
    op.find.id = store_text(id);

    return llm_store_run(store, &op);
}


static llm_store_status_e
see(llm_store_t *store, const char *id, const char *seen)
{
    store_op(LLM_STORE_PENDING_SEE);
    op.pending.id = store_text(id);
    op.pending.seen = store_text(seen);

    return llm_store_run(store, &op);
}


static size_t
late(llm_store_t *store, int64_t now, int64_t epoch, int all)
{
    store_op(LLM_STORE_PENDING_DUE);
    op.due.now = now;
    op.due.epoch = epoch;
    op.due.all = all;

    is_status(llm_store_run(store, &op), LLM_STORE_OK, "those that are due");

    return op.due.nrows;
}


#define PENDING                                                               \
    "{\"type\":\"usage\",\"id\":\"0000000000000001-42\","                     \
    "\"started\":\"2026-04-01T12:30:04.311Z\","                               \
    "\"timestamp\":\"2026-04-01T12:30:05.123Z\",\"model\":\"m\","             \
    "\"source\":\"pending\",\"pending\":{\"id\":\"r\",\"tier\":2,"            \
    "\"prompt_tokens\":3,\"completion_tokens\":4,\"cost_usd\":0.5}}\n"


static void
test_pending(void)
{
    llm_store_t  *store, *other;

    store_fresh();
    store = store_new(1);
    other = store_new(0);

    is_status(find(other, "r2"), LLM_STORE_NOT_FOUND, "nothing is pending");

    pending(store, "r2", PENDING, 1, 300);
    is_status(find(other, "r2"), LLM_STORE_OK, "it is found");
    ok(store_is(&op.find.model, "m") && op.find.tier == 2
       && op.find.input == 3 && op.find.output == 4,
       "with what it is charged by");
    is_status(find(other, "r"), LLM_STORE_NOT_FOUND, "another is not");

    pending(store, "r2", "again", 1, 900);
    is_status(find(other, "r2"), LLM_STORE_OK, "the first line counts");

    pending(store, "r1", PENDING, 2, 200);
    pending(store, "r3", PENDING, 1, 400);

    is_int(late(other, 199, 1, 1), 0, "nothing has expired");
    is_int(op.due.others, 1, "one is of another epoch");
    is_int(late(other, 300, 1, 0), 1, "one of the own has");
    is_int(late(other, 300, 2, 0), 1, "one of the other's");
    is_int(op.due.others, 2, "to which two are others");
    is_int(late(other, 300, 1, 1), 2, "two of all");
    ok(store_is(&op.due.rows[0].id, "r1") && op.due.rows[0].epoch == 2
       && store_is(&op.due.rows[1].id, "r2") && op.due.rows[1].epoch == 1
       && op.due.rows[1].expires == 300
       && op.due.rows[1].seen.data == NULL
       && store_is(&op.due.rows[1].line, PENDING), "the oldest first");

    is_status(see(store, "r3", "what it used"), LLM_STORE_OK, "one is seen");
    is_status(see(store, "r3", "more"), LLM_STORE_NOT_FOUND, "once");
    is_status(find(store, "r3"), LLM_STORE_NOT_FOUND, "and not looked for");
    is_status(see(store, "r4", "more"), LLM_STORE_NOT_FOUND,
              "what is not pending is not");
    is_int(late(other, 0, 1, 0), 1, "it is due at once");
    ok(store_is(&op.due.rows[0].seen, "what it used"), "with what was seen");

    pending(store, "r3", NULL, 3, 500);
    pending(store, "r2", NULL, 1, 500);
    is_int(late(other, 999, 1, 1), 1, "what is charged is not due");
    is_int(op.due.others, 1, "nor pending");
    is_status(find(store, "r2"), LLM_STORE_NOT_FOUND, "nor found");
    is_status(see(store, "r2", "more"), LLM_STORE_NOT_FOUND, "nor seen");

    pending(store, "r2", PENDING, 1, 900);
    is_status(find(store, "r2"), LLM_STORE_NOT_FOUND,
              "however often it is read");

    pending(store, "r5", NULL, 1, 500);
    pending(store, "r5", PENDING, 1, 900);
    is_status(find(store, "r5"), LLM_STORE_NOT_FOUND,
              "and in whatever order its lines come");

    store_op(LLM_STORE_PRUNE);
    op.prune.now = 500;
    is_status(llm_store_run(store, &op), LLM_STORE_OK, "what grows old");
    is_int(op.prune.removed, 0, "is remembered for so long");

    store_op(LLM_STORE_PRUNE);
    op.prune.now = 501;
    is_status(llm_store_run(store, &op), LLM_STORE_OK, "and no longer");
    is_int(op.prune.removed, 3, "if it is charged");
    is_status(find(store, "r1"), LLM_STORE_OK, "what is not stays");

    pending(store, "bad", "no line\n", 1, 900);
    is_status(find(store, "bad"), LLM_STORE_FAILED, "what cannot be read");

    llm_store_destroy(store);
    llm_store_destroy(other);
}


/* What is old goes, what is not stays, however much at once. */

static void
test_prune(void)
{
    size_t               runs, max;
    int64_t              day;
    llm_store_t         *store;
    llm_store_sum_t      sum;
    llm_store_label_t    label;
    llm_store_usage_t    usage;
    llm_store_period_t   periods[2];

    for (max = 1; max <= 1000; max *= 10) {

        store_fresh();
        store = store_new(1);

        memset(&sum, 0, sizeof(sum));
        memset(&usage, 0, sizeof(usage));
        sum.subject = (llm_store_subject_t) { T("team"), T("a") };
        label = (llm_store_label_t) { T("l"), T("v") };
        usage.labels = &label;
        usage.nlabels = 1;

        for (day = 0; day < 40; day++) {

            /* the last nineteen of them ended 400 days ago */

            int64_t  start = START - (380 + day) * 86400;

            periods[0] = (llm_store_period_t) { DAY, start, start + 86400 };
            periods[1] = (llm_store_period_t) { MONTH, start, start + 86400 };

            usage.day = (day < 20) ? 20260301 : 20240101 + (uint32_t) day;

            store_op(LLM_STORE_COMMIT);
            op.commit.periods = periods;
            op.commit.nperiods = 2;
            op.commit.sums = &sum;
            op.commit.nsums = 1;
            op.commit.usage = &usage;
            op.commit.nusage = 1;
            sum.period = 0;
            (void) llm_store_run(store, &op);
            op.commit.nusage = 0;
            sum.period = 1;
            (void) llm_store_run(store, &op);
        }

        (void) raise_alert(store, "id-1", 1, 0, 2);
        change(0, "a", NULL, "{}", 0);
        (void) run(store, 1);

        for (runs = 0; runs < 1000; runs++) {
            store_op(LLM_STORE_PRUNE);
            op.prune.now = START + 60;
            op.prune.max = max;

            if (llm_store_run(store, &op) != LLM_STORE_OK
                || op.prune.removed > max)
            {
                break;
            }

            if (op.prune.removed < max) {
                break;
            }
        }

        is_status(op.status, LLM_STORE_OK, "%zu at once: in %zu", max, runs);
        is_text(store_query("quota.db", "SELECT"
                    " (SELECT count(*) FROM usage),"
                    " (SELECT count(*) FROM meter WHERE period = 'day'),"
                    " (SELECT count(*) FROM meter WHERE period = 'month'),"
                    " (SELECT count(*) FROM period),"
                    " (SELECT count(*) FROM label),"
                    " (SELECT count(*) FROM audit),"
                    " (SELECT count(*) FROM alert),"
                    " (SELECT count(*) FROM delivery),"
                    " (SELECT count(*) FROM entity)"),
                "1|0|21|21|1|0|0|0|1", "what is old has gone");

        llm_store_destroy(store);
    }
}


/* From each earlier version, with a kill in between. */

static void
test_migration(void)
{
    int           version;
    char          sql[96];
    sqlite3      *db;
    llm_store_t  *store;

    for (version = 0; version < LLM_SQL_VERSION; version++) {

        int  i;

        store_fresh();

        (void) sqlite3_open(store_path("quota.db"), &db);
        (void) sqlite3_exec(db, "PRAGMA journal_mode = WAL", NULL, NULL, NULL);

        for (i = 0; i < version; i++) {
            ok(sqlite3_exec(db, llm_sql_steps[i], NULL, NULL, NULL)
               == SQLITE_OK, "step %d", i);
        }

        (void) snprintf(sql, sizeof(sql), "PRAGMA application_id = %d;"
                        "PRAGMA user_version = %d", LLM_SQL_APPLICATION,
                        version);
        (void) sqlite3_exec(db, sql, NULL, NULL, NULL);

        /* begun, and not ended */

        (void) sqlite3_exec(db, "BEGIN", NULL, NULL, NULL);
        (void) sqlite3_exec(db, llm_sql_steps[version], NULL, NULL, NULL);
        (void) sqlite3_close(db);

        store = store_create(0);
        is_status(store_open(store, 0), LLM_STORE_ABSENT,
                  "version %d: only the leader brings it up", version);
        is_status(store_open(store, 1), LLM_STORE_OK, "which it does");
        is_int(op.open.migrated, version, "and tells from where");
        is_int(op.open.event, LLM_STORE_FOUND, "as the same file");
        is_status(store_lines(store, 0, 9), LLM_STORE_OK, "it is in use");
        ok(store_has(store, 9), "as any other");
        is_status(store_open(store, 1), LLM_STORE_OK, "once");
        is_int(op.open.migrated, -1, "is enough");
        llm_store_destroy(store);
    }

    store_fresh();
    store = store_new(1);
    (void) store_lines(store, 0, 9);
    llm_store_destroy(store);

    (void) store_query("quota.db", "PRAGMA user_version = 99");
    store = store_create(0);
    is_status(store_open(store, 1), LLM_STORE_NEWER, "a newer version");
    ok(strstr(op.error, "version 99") && strstr(op.error, "left as it is"),
       "is refused: %s", op.error);
    is_status(store_open(store, 0), LLM_STORE_NEWER, "by all");
    is_int(store_offset(store), -1, "and not used");
    is_text(store_query("quota.db", "PRAGMA user_version"), "99",
            "nor set aside");
    (void) snprintf(sql, sizeof(sql), "PRAGMA user_version = %d",
                    LLM_SQL_VERSION);
    (void) store_query("quota.db", sql);
    is_status(store_open(store, 1), LLM_STORE_OK, "the right module");
    ok(store_has(store, 9), "goes on");
    llm_store_destroy(store);
}


int
main(void)
{
    (void) setvbuf(stdout, NULL, _IOLBF, 0);

    test_entities();
    test_lists();
    test_audit();
    test_alerts();
    test_pending();
    test_prune();
    test_migration();

    store_clear();
    llm_store_empty(&op);

    return tap_done();
}
