
/*
 * Copyright (C) the llm_quota authors
 */


#include "store.h"


/*
 * Whatever happens to the file: the store says what is wrong, and loses
 * nothing that is not in the ledger.  What is in the ledger is carried again,
 * so that the sums are always those of the offset.
 */


#define PAGE  4096


/* So many pages of usage, which no check at the start looks at. */

static void
fill(llm_store_t *store, int rows)
{
    int                 i;
    char                id[64];
    llm_store_usage_t   usage;

    for (i = 0; i < rows; i++) {
        memset(&usage, 0, sizeof(usage));
        (void) snprintf(id, sizeof(id), "customer-with-a-name-%08d", i);
        usage.day = 20250101;
        usage.customer = store_text(id);
        usage.count[LLM_STORE_REQUESTS] = 1;

        store_op(LLM_STORE_COMMIT);
        op.commit.usage = &usage;
        op.commit.nusage = 1;
        (void) llm_store_run(store, &op);
    }
}


static void
test_backup(void)
{
    llm_store_t  *store, *other;

    store_fresh();
    store = store_new(1);

    store_op(LLM_STORE_OFFSETS);
    op.offsets.backup = 1;
    is_status(llm_store_run(store, &op), LLM_STORE_ABSENT, "no backup");

    (void) store_lines(store, 0, 10);
    is_status(store_backup(store), LLM_STORE_OK, "a backup");
    (void) store_lines(store, 10, 20);

    store_op(LLM_STORE_OFFSETS);
    op.offsets.backup = 1;
    is_status(llm_store_run(store, &op), LLM_STORE_ABSENT, "is not two");

    is_status(store_backup(store), LLM_STORE_OK, "a second");
    (void) store_lines(store, 20, 30);

    store_op(LLM_STORE_OFFSETS);
    op.offsets.backup = 1;
    is_status(llm_store_run(store, &op), LLM_STORE_OK, "the older one");
    ok(op.offsets.nrows == 1 && op.offsets.rows[0].to == 10 * LINE,
       "knows how far it goes");

    is_text(store_query("quota-backup.db", "SELECT offset FROM segment"),
            "2000", "the newer one is further");
    is_text(store_query("quota-backup.db", "PRAGMA journal_mode"), "delete",
            "and one file, complete");
    is_int(store_count("quota", ""), 5, "nothing else is left");

    is_status(store_open(store, 1), LLM_STORE_OK, "at the next start");
    ok(op.open.backup > 0, "it is known when that was");

    /* others commit meanwhile */

    other = store_new(0);

    if (fork() == 0) {
        int64_t  n;

        for (n = 30; n < 400; n++) {
            (void) store_lines(other, n, n + 1);
        }

        _exit(0);
    }

    is_status(store_backup(store), LLM_STORE_OK, "under load");
    is_status(store_backup(store), LLM_STORE_OK, "and again");
    (void) wait(NULL);
    ok(store_has(store, 400), "nobody waited for it");
    llm_store_destroy(other);
    llm_store_destroy(store);

    (void) unlink(store_path("quota.db"));
    store = store_new(1);
    is_int(op.open.event, LLM_STORE_REBUILT, "what it shows is one moment");
    ok(store_has(store, store_offset(store) / LINE), "%lld lines",
       (long long) store_offset(store) / LINE);
    llm_store_destroy(store);
}


static int
canceled(void)
{
    return 1;
}


static void
test_backup_stops(void)
{
    llm_store_t  *store;

    store_fresh();
    store = store_new(1);
    (void) store_lines(store, 0, 10);
    (void) store_backup(store);

    store_op(LLM_STORE_BACKUP);
    op.backup.canceled = canceled;
    is_status(llm_store_run(store, &op), LLM_STORE_CANCELED, "canceled");
    is_text(store_query("quota-backup.db", "SELECT offset FROM segment"),
            "1000", "the last one is still there");
    is_int(store_count("quota-backup", ""), 1, "and nothing else");
    is_status(store_lines(store, 10, 20), LLM_STORE_OK, "the store goes on");
    llm_store_destroy(store);
}


/* Deleted while it is open: what is open is whole. */

static void
test_deleted(void)
{
    llm_store_t  *store, *other, *reader;

    store_fresh();
    store = store_new(1);
    other = store_new(0);
    reader = store_create(1);

    (void) store_lines(store, 0, 10);
    (void) store_entity(store, "k", "{1}");
    ok(store_has(reader, 10), "a reader reads");

    (void) unlink(store_path("quota.db"));
    (void) unlink(store_path("quota.db-wal"));
    (void) unlink(store_path("quota.db-shm"));

    is_status(store_lines(store, 10, 20), LLM_STORE_GONE, "deleted");
    ok(strstr(op.error, "was deleted or replaced") != NULL, "is told: %s",
       op.error);
    is_status(store_lines(store, 10, 20), LLM_STORE_GONE, "until");
    is_status(store_open(store, 1), LLM_STORE_OK, "it is opened again");
    is_int(op.open.event, LLM_STORE_RESCUED, "as it was");
    ok(strstr(op.open.text, "was deleted while it was open") != NULL,
       "is told, too: %s", op.open.text);
    ok(store_has(store, 10) && store_has_entity(store, "k", "{1}"),
       "nothing is lost");
    ok(store_has(reader, 10), "a reader finds the new one");
    is_status(store_lines(other, 10, 20), LLM_STORE_GONE, "who wrote is told");
    is_status(store_open(other, 0), LLM_STORE_OK, "opens again");
    is_status(store_lines(other, 10, 20), LLM_STORE_OK, "and goes on");
    ok(store_has(store, 20), "for all");

    /* the log alone */

    (void) unlink(store_path("quota.db-wal"));
    is_status(store_lines(store, 20, 30), LLM_STORE_GONE, "a log that went");
    is_status(store_open(store, 1), LLM_STORE_OK, "is written anew");
    is_status(store_open(other, 0), LLM_STORE_OK, "by all");
    ok(store_has(store, 20) && store_has(other, 20), "nothing is lost");
    is_status(store_lines(other, 20, 30), LLM_STORE_OK, "it goes on");

    /* two leaders, each of which has the deleted one open */

    is_status(store_open(other, 1), LLM_STORE_OK, "two leaders");
    (void) unlink(store_path("quota.db"));
    is_status(store_open(store, 1), LLM_STORE_OK, "one is first");
    is_int(op.open.event, LLM_STORE_RESCUED, "and rescues");
    (void) store_lines(store, 30, 40);
    is_status(store_open(other, 1), LLM_STORE_OK, "the other is late");
    is_int(op.open.event, LLM_STORE_FOUND, "and takes what there is");
    ok(store_has(other, 40), "with what was added since");

    llm_store_destroy(store);
    llm_store_destroy(other);
    llm_store_destroy(reader);

    /* deleted while nobody has it open: the backup */

    store = store_new(1);
    (void) store_backup(store);
    (void) store_lines(store, 40, 50);
    llm_store_destroy(store);
    (void) unlink(store_path("quota.db"));
    store_spew("quota.db-wal", "left behind", 11);
    store = store_new(1);
    is_int(op.open.event, LLM_STORE_REBUILT, "of the backup: %s",
           op.open.text);
    ok(store_has(store, 40), "which is older");
    ok(store_carry(store, 50) && store_has(store, 50), "until it is carried");
    llm_store_destroy(store);
}


/* What is there is not ours. */

static void
test_foreign(void)
{
    int           i;
    char          first[64];
    llm_store_t  *store;

    store_fresh();
    (void) store_query("quota.db", "CREATE TABLE meter (x)");
    store = store_create(0);
    is_status(store_open(store, 0), LLM_STORE_DAMAGED,
              "another program's: %s", op.error);
    is_status(store_open(store, 1), LLM_STORE_OK, "is set aside");
    is_int(op.open.event, LLM_STORE_EMPTIED, "by the leader");
    ok(strstr(op.open.text, "another program's database")
       && strstr(op.open.text, "set aside as \"quota.db.damaged-"),
       "in words: %s", op.open.text);
    is_int(store_count("quota.db.damaged-", "Z"), 1, "and kept");
    (void) store_lines(store, 0, 10);
    (void) store_backup(store);
    llm_store_destroy(store);

    for (i = 0; i < 5; i++) {
        (void) snprintf(first, sizeof(first), "this is text, number %d", i);
        store_spew("quota.db", first, sizeof(first));
        store = store_new(1);
        is_int(op.open.event, LLM_STORE_REBUILT, "no database: the backup");
        ok(store_has(store, 10), "as it was");
        llm_store_destroy(store);
    }

    ok(store_count("quota.db.damaged-", "")
       - store_count("quota.db.damaged-", "-wal")
       - store_count("quota.db.damaged-", "-shm") == 3, "three are kept");

    store_spew("quota.db", "", 0);
    store = store_new(1);
    is_int(op.open.event, LLM_STORE_REBUILT, "an empty file: the backup");
    llm_store_destroy(store);

    (void) unlink(store_path("quota.db"));
    (void) mkdir(store_path("quota.db"), 0700);
    store = store_create(0);
    store_timeout = 100;
    ok(store_open(store, 1) != LLM_STORE_OK, "a directory: %s", op.error);
    (void) rmdir(store_path("quota.db"));
    is_status(store_open(store, 1), LLM_STORE_OK, "and when it goes");
    ok(store_has(store, 10), "the store is back");
    llm_store_destroy(store);
    store_timeout = 5000;
}


/*
 * The file is cut, or a page of it overwritten, anywhere; with the log and
 * without one.  The leader opens it and carries on.
 */

static u_char    whole[4 * 1024 * 1024];
static unsigned  events[5];

static void
damage(size_t size, size_t at, int how)
{
    size_t         i;
    static u_char  copy[sizeof(whole)];

    memcpy(copy, whole, size);

    switch (how) {

    case 0:
        size = at;
        break;

    case 1:
        memset(copy + at, 0, PAGE);
        break;

    case 2:
        memset(copy + at, 0xff, PAGE);
        break;

    default:
        for (i = 0; i < PAGE; i++) {
            copy[at + i] = (u_char) ((at + i * 2654435761u) >> 7);
        }

        break;
    }

    (void) unlink(store_path("quota.db-wal"));
    (void) unlink(store_path("quota.db-shm"));
    (void) unlink(store_path("quota.db"));
    store_spew("quota.db", copy, size);
}


static void
test_damaged(void)
{
    int           how, good, bad;
    size_t        size, at, step;
    llm_store_t  *store;

    /* hundreds of files, none of which needs to survive a power cut */

    if (access("/dev/shm", W_OK) == 0) {
        store_root = "/dev/shm";
    }

    store_fresh();
    store = store_new(1);
    (void) store_lines(store, 0, 30);
    (void) store_entity(store, "old", "{1}");
    (void) store_backup(store);
    (void) store_entity(store, "new", "{2}");
    (void) store_lines(store, 30, 60);
    fill(store, 400);
    (void) store_lines(store, 60, 90);
    llm_store_destroy(store);

    size = store_slurp("quota.db", whole, sizeof(whole));
    ok(size > 20 * PAGE && size < sizeof(whole) && size % PAGE == 0,
       "a file of %zu pages", size / PAGE);

    good = bad = 0;

    for (how = 0; how < 4; how++) {

        step = (how == 0) ? 1531 : PAGE;

        for (at = 0; at + PAGE <= size; at += step) {

            damage(size, at, how);

            store = store_create(0);

            if (store_open(store, 1) != LLM_STORE_OK) {
                printf("# %d at %zu: %s\n", how, at, op.error);
                bad++;
                llm_store_destroy(store);
                continue;
            }

            events[op.open.event]++;

            if (store_carry(store, 90)
                && store_has_entity(store, "old", "{1}"))
            {

                /* the file can be read now, and its sums are right, or some
                   page of the usage tells, which nobody read yet */

                if (!store_has(store, 90)
                    && (op.status != LLM_STORE_DAMAGED
                        || store_open(store, 1) != LLM_STORE_OK
                        || !store_carry(store, 90)
                        || !store_has(store, 90)))
                {
                    printf("# %d at %zu: wrong sums, %s\n", how, at, op.error);
                    bad++;
                }

                good++;

            } else {
                printf("# %d at %zu: not carried, %s\n", how, at, op.error);
                bad++;
            }

            llm_store_destroy(store);
        }
    }

    is_int(bad, 0, "damaged at %d places: made good", good);
    ok(events[LLM_STORE_FOUND] && events[LLM_STORE_REBUILT],
       "%u found sound enough, %u rebuilt", events[LLM_STORE_FOUND],
       events[LLM_STORE_REBUILT]);

    /* what was changed after the backup is taken from the damaged file */

    (void) snprintf((char *) whole + size, 100, "%s",
                    "SELECT rootpage FROM sqlite_master WHERE name = 'meter'");
    (void) unlink(store_path("quota.db-wal"));
    (void) unlink(store_path("quota.db-shm"));
    store_spew("quota.db", whole, size);
    at = (size_t) atoi(store_query("quota.db", (char *) whole + size));
    damage(size, (at - 1) * PAGE, 2);
    store = store_new(1);
    is_int(op.open.event, LLM_STORE_REBUILT, "without its meters");
    ok(strstr(op.open.text, "of the old file it has the entities and audit, "
              "alerts, limits of nginx.conf, pending ids")
       != NULL, "in words: %s", op.open.text);
    ok(store_has_entity(store, "old", "{1}")
       && store_has_entity(store, "new", "{2}"), "no entity is lost");
    is_text(store_query("quota.db", "SELECT count(*) FROM audit"), "2",
            "nor its audit");
    ok(store_carry(store, 90) && store_has(store, 90), "nor a sum");
    is_status(store_entity(store, "next", "{3}"), LLM_STORE_OK,
              "and the next one");
    is_text(store_query("quota.db", "SELECT version FROM entity "
                        "WHERE id = 'next'"), "3", "has the next version");
    llm_store_destroy(store);

    /* the newest backup is damaged, too; both are */

    store_spew("quota-backup.1.db", whole, size);
    store_spew("quota-backup.db", "no", 2);
    damage(size, (at - 1) * PAGE, 2);
    store = store_new(1);
    is_int(op.open.event, LLM_STORE_REBUILT, "the older backup: %s",
           op.open.text);
    ok(store_has(store, 90), "will do");
    llm_store_destroy(store);

    store_spew("quota-backup.1.db", "no", 2);
    damage(size, (at - 1) * PAGE, 1);
    store = store_new(1);
    is_int(op.open.event, LLM_STORE_EMPTIED, "none will: %s", op.open.text);
    is_int(store_offset(store), 0, "all is carried again");
    ok(store_carry(store, 90) && store_has(store, 90), "from the ledger");
    ok(store_has_entity(store, "new", "{2}"), "and entities are taken over");
    llm_store_destroy(store);

    store_root = NULL;
}


/* A page that nobody looks at until it is read. */

static void
test_found_late(void)
{
    size_t        size, at;
    llm_store_t  *store, *other;

    store_fresh();
    store = store_new(1);
    (void) store_lines(store, 0, 30);
    fill(store, 400);
    (void) store_backup(store);
    llm_store_destroy(store);

    size = store_slurp("quota.db", whole, sizeof(whole));
    at = (size_t) atoi(store_query("quota.db", "SELECT rootpage FROM "
                                   "sqlite_master WHERE name = 'usage'"));
    damage(size, (at - 1) * PAGE, 2);

    store = store_new(1);
    is_int(op.open.event, LLM_STORE_FOUND, "usage is not looked at");
    is_status(store_backup(store), LLM_STORE_DAMAGED, "until the backup is");
    is_text(store_query("quota-backup.db", "SELECT offset FROM segment"),
            "3000", "which stays what it was");
    is_status(store_lines(store, 30, 31), LLM_STORE_DAMAGED, "from then on");
    is_status(store_open(store, 1), LLM_STORE_OK, "it is mended");
    is_int(op.open.event, LLM_STORE_REBUILT, "in the same process");
    ok(store_carry(store, 31) && store_has(store, 31), "and goes on");
    llm_store_destroy(store);

    damage(size, (at - 1) * PAGE, 2);
    store = store_create(0);
    store_op(LLM_STORE_OPEN);
    op.open.leader = 1;
    op.open.check = 1;
    is_status(llm_store_run(store, &op), LLM_STORE_OK, "a full check");
    is_int(op.open.event, LLM_STORE_REBUILT, "finds it at once");

    damage(size, (at - 1) * PAGE, 2);
    (void) store_open(store, 1);
    store_op(LLM_STORE_CHECK);
    is_status(llm_store_run(store, &op), LLM_STORE_DAMAGED, "or later");

    other = store_create(0);
    store_op(LLM_STORE_OPEN);
    op.open.leader = 1;
    op.open.check = 1;
    is_status(llm_store_run(other, &op), LLM_STORE_OK, "who is quicker");
    is_int(op.open.event, LLM_STORE_REBUILT, "mends it");
    (void) store_lines(other, 30, 40);
    is_status(store_open(store, 1), LLM_STORE_OK, "the other one");
    is_int(op.open.event, LLM_STORE_FOUND, "finds that it was");
    ok(store_has(store, 40), "and what it has since");
    llm_store_destroy(other);
    llm_store_destroy(store);
}


int
main(void)
{
    (void) setvbuf(stdout, NULL, _IOLBF, 0);

    test_backup();
    test_backup_stops();
    test_deleted();
    test_foreign();
    test_damaged();
    test_found_late();

    store_clear();
    llm_store_empty(&op);

    return tap_done();
}
