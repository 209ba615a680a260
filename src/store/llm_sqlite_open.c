
/*
 * Copyright (C) the llm_quota authors
 */


#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "llm_sqlite.h"


/*
 * The store is found, made, migrated or mended.  quota.db gets its name only
 * when it is whole: a new one is written under another name, made durable,
 * and then linked.  So whatever is found under the name was whole once, and a
 * kill in between leaves nothing to be taken for it.
 *
 * One process at a time does this, under the directory's lock.  The others
 * that have a file open which is set aside or replaced see that its name has
 * gone, and open again.
 */


/* What a file of ours can be found to be. */

typedef enum {
    LLM_SQLITE_SOUND = 0,
    LLM_SQLITE_EMPTY,
    LLM_SQLITE_FOREIGN,
    LLM_SQLITE_BROKEN,
    LLM_SQLITE_UNKNOWN           /* could not be told: it is left alone */
} llm_sqlite_kind_e;


static int llm_sqlite_join_store(llm_store_t *store);
static int llm_sqlite_lead(llm_store_t *store, llm_store_open_t *o);
static int llm_sqlite_leave(llm_store_t *store, llm_store_open_t *o);
static int llm_sqlite_restore(llm_store_t *store, llm_store_open_t *o,
    llm_sqlite_kind_e kind, const char *aside);
static int llm_sqlite_restore_from(llm_store_t *store, const char *name);
static int llm_sqlite_make(llm_store_t *store);
static int llm_sqlite_take(llm_store_t *store, llm_store_open_t *o,
    const char *aside);
static llm_sqlite_kind_e llm_sqlite_identify(llm_store_t *store,
    const char *name, const char *const *tables);
static llm_sqlite_kind_e llm_sqlite_kind(llm_store_t *store, sqlite3 *db,
    int64_t *version);
static int llm_sqlite_migrate(llm_store_t *store, sqlite3 *db,
    int64_t version);
static int llm_sqlite_start(llm_store_t *store);
static void llm_sqlite_forgive(llm_store_t *store);
static void llm_sqlite_tell(llm_store_open_t *o, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));


int
llm_sqlite_op_open(llm_store_t *store, llm_store_op_t *op)
{
    int                fd, rc;
    llm_store_open_t  *o;

    o = &op->open;

    o->event = LLM_STORE_FOUND;
    o->migrated = -1;
    o->backup = 0;
    o->text[0] = '\0';

    if (!o->leader || store->reader) {
        llm_sqlite_close(store);
        rc = llm_sqlite_join_store(store);

    } else {
        fd = llm_sqlite_lock(store);

        if (fd == -1) {
            return -1;
        }

        rc = llm_sqlite_lead(store, o);

        llm_sqlite_unlock(fd);
    }

    if (rc != 0) {
        llm_sqlite_close(store);
        return -1;
    }

    o->backup = llm_sqlite_modified(store, LLM_SQLITE_BACKUP, NULL);

    return 0;
}


static int
llm_sqlite_join_store(llm_store_t *store)
{
    int64_t  size, version;

    size = 0;

    if (llm_sqlite_modified(store, LLM_SQLITE_FILE, &size) == 0 || size == 0) {
        return llm_sqlite_error(store, LLM_STORE_ABSENT,
                                "there is no \"%s\" yet", store->path);
    }

    store->db = llm_sqlite_connect(store, LLM_SQLITE_FILE, LLM_SQLITE_WRITE);

    if (store->db == NULL) {
        return -1;
    }

    switch (llm_sqlite_kind(store, store->db, &version)) {

    case LLM_SQLITE_SOUND:
        break;

    case LLM_SQLITE_UNKNOWN:
        return -1;

    default:
        llm_sqlite_forgive(store);
        return llm_sqlite_error(store, LLM_STORE_DAMAGED,
                                "\"%s\" is no store", store->path);
    }

    if (version < LLM_SQL_VERSION) {
        return llm_sqlite_error(store, LLM_STORE_ABSENT,
                                "\"%s\" is of an older version", store->path);
    }

    return llm_sqlite_start(store);
}


static int
llm_sqlite_lead(llm_store_t *store, llm_store_open_t *o)
{
    int                 lost, damaged;
    char                aside[LLM_SQLITE_NAME];
    int64_t             size, version;
    llm_sqlite_kind_e   kind;

    damaged = 0;

    if (store->db) {

        /* another file that has its name by now may be sound */

        damaged = (store->sick == LLM_STORE_DAMAGED
                   && !llm_sqlite_is_gone(store));

        if (llm_sqlite_leave(store, o) != 0) {
            return -1;
        }
    }

    size = 0;
    lost = 0;
    aside[0] = '\0';

    (void) llm_sqlite_modified(store, LLM_SQLITE_FILE, &size);

    if (size == 0) {

        /* an empty file, or the log of one that is gone, is nobody's */

        kind = LLM_SQLITE_EMPTY;

        if (llm_sqlite_unlink(store, LLM_SQLITE_FILE) != 0) {
            return -1;
        }

    } else if (damaged) {
        kind = LLM_SQLITE_BROKEN;
        (void) llm_sqlite_error(store, LLM_STORE_DAMAGED,
                                "\"%s\" is damaged", store->path);

    } else {
        kind = llm_sqlite_identify(store, LLM_SQLITE_FILE,
                                   o->check ? NULL : llm_sql_small_tables);
    }

    switch (kind) {

    case LLM_SQLITE_UNKNOWN:
        return -1;

    case LLM_SQLITE_BROKEN:
    case LLM_SQLITE_FOREIGN:
        lost = 1;

        llm_sqlite_tell(o, "%s; ", store->error);
        llm_sqlite_forgive(store);

        if (llm_sqlite_set_aside(store, aside) != 0) {
            return -1;
        }

        llm_sqlite_tell(o, "it was set aside as \"%s\"; ", aside);

        break;

    default:
        break;
    }

    if (kind != LLM_SQLITE_SOUND
        && llm_sqlite_restore(store, o, kind, lost ? aside : NULL) != 0)
    {
        return -1;
    }

    store->db = llm_sqlite_connect(store, LLM_SQLITE_FILE, LLM_SQLITE_WRITE);

    if (store->db == NULL
        || llm_sqlite_ask(store, store->db, "PRAGMA user_version", &version)
           != 0)
    {
        return -1;
    }

    if (llm_sqlite_start(store) != 0) {
        return -1;
    }

    if (version < LLM_SQL_VERSION) {

        if (llm_sqlite_migrate(store, store->db, version) != 0) {
            return -1;
        }

        o->migrated = (int) version;
        llm_sqlite_tell(o, "\"%s\" was brought from version %d to %d; ",
                        store->path, (int) version, LLM_SQL_VERSION);
    }

    return 0;
}


/*
 * Of a file that was deleted the open one is all that is left, and whole.
 * If another one has its name by now, somebody else was quicker.
 */

static int
llm_sqlite_leave(llm_store_t *store, llm_store_open_t *o)
{
    int  rc;

    if (store->sick == LLM_STORE_DAMAGED || !llm_sqlite_is_gone(store)) {
        llm_sqlite_close(store);
        return 0;
    }

    if (llm_sqlite_modified(store, LLM_SQLITE_FILE, NULL) != 0) {

        /* the log alone may be gone: then this has what was in it */

        (void) sqlite3_wal_checkpoint_v2(store->db, NULL,
                                         SQLITE_CHECKPOINT_TRUNCATE, NULL,
                                         NULL);
        llm_sqlite_close(store);

        return 0;
    }

    rc = llm_sqlite_copy(store, store->db, LLM_SQLITE_NEW, NULL);

    if (rc != 0) {

        if (store->status != LLM_STORE_DAMAGED) {
            return -1;
        }

        llm_sqlite_tell(o, "\"%s\" was deleted, and what is still open of it "
                        "is damaged; ", store->path);
        llm_sqlite_forgive(store);
        llm_sqlite_close(store);

        return 0;
    }

    llm_sqlite_close(store);

    /* the log that was left would be taken for the new file's */

    if (llm_sqlite_unlink(store, LLM_SQLITE_FILE) != 0
        || llm_sqlite_link(store, LLM_SQLITE_NEW, LLM_SQLITE_FILE) != 0)
    {
        return -1;
    }

    o->event = LLM_STORE_RESCUED;
    llm_sqlite_tell(o, "\"%s\" was deleted while it was open, and written "
                    "again as it was; ", store->path);

    return 0;
}


static int
llm_sqlite_restore(llm_store_t *store, llm_store_open_t *o,
    llm_sqlite_kind_e kind, const char *aside)
{
    int                 i, restored;
    char                made[32];
    time_t              when;
    struct tm           tm;
    static const char  *names[] = { LLM_SQLITE_BACKUP, LLM_SQLITE_OLDER };

    restored = 0;

    for (i = 0; i < 2 && !restored; i++) {

        when = (time_t) llm_sqlite_modified(store, names[i], NULL);

        if (when == 0) {
            continue;
        }

        if (llm_sqlite_restore_from(store, names[i]) != 0) {

            if (store->status != LLM_STORE_DAMAGED) {
                return -1;
            }

            llm_sqlite_tell(o, "the backup \"%s\" cannot be used: %.160s; ",
                            names[i], store->error);
            llm_sqlite_forgive(store);
            continue;
        }

        (void) gmtime_r(&when, &tm);
        (void) strftime(made, sizeof(made), "%Y-%m-%dT%H:%M:%SZ", &tm);

        llm_sqlite_tell(o, "\"%s\" was made of the backup \"%s\" of %s; ",
                        store->path, names[i], made);
        restored = 1;
    }

    if (!restored && llm_sqlite_make(store) != 0) {
        return -1;
    }

    /* what was not ours has nothing for us */

    if (llm_sqlite_take(store, o, (kind == LLM_SQLITE_BROKEN) ? aside : NULL)
        != 0)
    {
        return -1;
    }

    if (restored) {
        o->event = LLM_STORE_REBUILT;

    } else if (aside) {
        o->event = LLM_STORE_EMPTIED;
        llm_sqlite_tell(o, "there is no backup to make it of; ");

    } else {
        o->event = LLM_STORE_MADE;
        llm_sqlite_tell(o, "\"%s\" is new; ", store->path);
    }

    return 0;
}


/* DAMAGED where this backup is of no use. */

static int
llm_sqlite_restore_from(llm_store_t *store, const char *name)
{
    int       rc;
    int64_t   version;
    sqlite3  *db;

    db = llm_sqlite_connect(store, name, LLM_SQLITE_READ);

    if (db == NULL) {
        return -1;
    }

    switch (llm_sqlite_kind(store, db, &version)) {

    case LLM_SQLITE_SOUND:
        rc = llm_sqlite_copy(store, db, LLM_SQLITE_NEW, NULL);
        break;

    case LLM_SQLITE_EMPTY:
        rc = llm_sqlite_error(store, LLM_STORE_DAMAGED, "it is empty");
        break;

    default:
        rc = -1;
        break;
    }

    (void) sqlite3_close(db);

    return rc;
}


static int
llm_sqlite_make(llm_store_t *store)
{
    int       rc;
    sqlite3  *db;

    if (llm_sqlite_unlink(store, LLM_SQLITE_NEW) != 0) {
        return -1;
    }

    db = llm_sqlite_connect(store, LLM_SQLITE_NEW, LLM_SQLITE_MAKE);

    if (db == NULL) {
        return -1;
    }

    rc = llm_sqlite_migrate(store, db, 0);

    (void) sqlite3_close(db);

    return rc;
}


/* The new file is complete, and gets its name. */

static int
llm_sqlite_take(llm_store_t *store, llm_store_open_t *o, const char *aside)
{
    int       rc;
    char      taken[128];
    int64_t   version;
    sqlite3  *db;

    if (aside) {
        db = llm_sqlite_connect(store, LLM_SQLITE_NEW, LLM_SQLITE_WRITE);

        if (db == NULL) {
            return -1;
        }

        /* of the version that the rows will be of */

        rc = llm_sqlite_ask(store, db, "PRAGMA user_version", &version);

        if (rc == 0) {
            rc = llm_sqlite_migrate(store, db, version);
        }

        if (rc == 0) {
            llm_sqlite_salvage(store, db, aside, taken, sizeof(taken));

            if (taken[0]) {
                llm_sqlite_tell(o, "of the old file it has the %s; ", taken);
            }
        }

        (void) sqlite3_close(db);

        if (rc != 0) {
            return -1;
        }
    }

    if (llm_sqlite_link(store, LLM_SQLITE_NEW, LLM_SQLITE_FILE) == -1) {
        return -1;
    }

    return 0;
}


static llm_sqlite_kind_e
llm_sqlite_identify(llm_store_t *store, const char *name,
    const char *const *tables)
{
    int64_t             version;
    sqlite3            *db;
    llm_sqlite_kind_e   kind;

    db = llm_sqlite_connect(store, name, LLM_SQLITE_WRITE);

    if (db == NULL) {
        return LLM_SQLITE_UNKNOWN;
    }

    version = 0;
    kind = llm_sqlite_kind(store, db, &version);

    /* an older version may lack some of the tables */

    if (version < LLM_SQL_VERSION) {
        tables = NULL;
    }

    if (kind == LLM_SQLITE_SOUND
        && llm_sqlite_check(store, db, tables) != 0)
    {
        /* FAILED: a table is not what it must be */

        kind = (store->status == LLM_STORE_DAMAGED
                || store->status == LLM_STORE_FAILED) ? LLM_SQLITE_BROKEN
                                                      : LLM_SQLITE_UNKNOWN;
    }

    (void) sqlite3_close(db);

    return kind;
}


/* But for SOUND and EMPTY the error is noted. */

static llm_sqlite_kind_e
llm_sqlite_kind(llm_store_t *store, sqlite3 *db, int64_t *version)
{
    int64_t  application, tables;

    if (llm_sqlite_ask(store, db, "PRAGMA application_id", &application) != 0
        || llm_sqlite_ask(store, db, "PRAGMA user_version", version) != 0
        || llm_sqlite_ask(store, db, "SELECT count(*) FROM sqlite_master",
                          &tables)
           != 0)
    {
        return (store->status == LLM_STORE_DAMAGED) ? LLM_SQLITE_BROKEN
                                                    : LLM_SQLITE_UNKNOWN;
    }

    if (application == 0 && *version == 0 && tables == 0) {
        return LLM_SQLITE_EMPTY;
    }

    if (application != LLM_SQL_APPLICATION) {
        (void) llm_sqlite_error(store, LLM_STORE_DAMAGED,
                                "\"%s\" is another program's database",
                                sqlite3_db_filename(db, "main"));
        return LLM_SQLITE_FOREIGN;
    }

    if (*version > LLM_SQL_VERSION) {
        (void) llm_sqlite_error(store, LLM_STORE_NEWER, "\"%s\" has version "
                                "%d of the store, this module knows up to %d: "
                                "it is left as it is",
                                sqlite3_db_filename(db, "main"),
                                (int) *version, LLM_SQL_VERSION);
        return LLM_SQLITE_UNKNOWN;
    }

    return LLM_SQLITE_SOUND;
}


static int
llm_sqlite_migrate(llm_store_t *store, sqlite3 *db, int64_t version)
{
    char  sql[96];

    if (version == LLM_SQL_VERSION) {
        return 0;
    }

    if (llm_sqlite_exec(store, db, "PRAGMA synchronous = FULL;"
                                   "BEGIN IMMEDIATE")
        != 0)
    {
        return -1;
    }

    for ( /* void */ ; version < LLM_SQL_VERSION; version++) {
        if (llm_sqlite_exec(store, db, llm_sql_steps[version]) != 0) {
            return -1;
        }
    }

    (void) snprintf(sql, sizeof(sql), "PRAGMA application_id = %d;"
                    "PRAGMA user_version = %d;"
                    "COMMIT;"
                    "PRAGMA synchronous = NORMAL",
                    LLM_SQL_APPLICATION, LLM_SQL_VERSION);

    return llm_sqlite_exec(store, db, sql);
}


/* The log lets readers read while somebody writes, and is cut to size after
   bursts.  What the file says about its schema is not to be trusted. */

static int
llm_sqlite_start(llm_store_t *store)
{
    char     mode[16];
    int64_t  tables;

    if (llm_sqlite_word(store, store->db, "PRAGMA journal_mode = WAL", mode,
                        sizeof(mode))
        != 0)
    {
        return -1;
    }

    if (strcmp(mode, "wal") != 0) {
        return llm_sqlite_error(store, LLM_STORE_FAILED, "the file system of "
                                "\"%s\" cannot share memory, which SQLite's "
                                "WAL mode needs", store->path);
    }

    if (llm_sqlite_exec(store, store->db,
                        store->reader
                        ? "PRAGMA query_only = ON;"
                          "PRAGMA trusted_schema = OFF;"
                          "PRAGMA temp_store = MEMORY;"
                          "PRAGMA cache_size = -4096"
                        : "PRAGMA synchronous = NORMAL;"
                          "PRAGMA trusted_schema = OFF;"
                          "PRAGMA cell_size_check = ON;"
                          "PRAGMA temp_store = MEMORY;"
                          "PRAGMA cache_size = -32768;"
                          "PRAGMA journal_size_limit = 67108864")
        != 0)
    {
        return -1;
    }

    store->full = 0;

    /* the log is there from the first look on */

    return llm_sqlite_ask(store, store->db,
                          "SELECT count(*) FROM sqlite_master", &tables);
}


/* What was noted is dealt with. */

static void
llm_sqlite_forgive(llm_store_t *store)
{
    store->status = LLM_STORE_OK;
    store->error[0] = '\0';
}


static void
llm_sqlite_tell(llm_store_open_t *o, const char *fmt, ...)
{
    size_t   n;
    va_list  ap;

    n = strlen(o->text);

    va_start(ap, fmt);
    (void) vsnprintf(o->text + n, sizeof(o->text) - n, fmt, ap);
    va_end(ap);
}


int
llm_sqlite_op_check(llm_store_t *store, llm_store_op_t *op)
{
    (void) op;

    return llm_sqlite_check(store, store->db, NULL);
}
