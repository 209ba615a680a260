
/*
 * Copyright (C) the llm_quota authors
 */


#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "llm_sqlite.h"
#include "llm_store_pool.h"


/*
 * One connection, its statements, and the way of an operation: what fails is
 * noted once, where it happens; everybody else returns -1, and the open
 * transaction is rolled back at the end.
 */


typedef struct {
    llm_sqlite_op_pt         run;
    unsigned                 write;
} llm_sqlite_operation_t;


static void llm_sqlite_refresh(llm_store_t *store);
static llm_store_status_e llm_sqlite_status(int rc);


/* in the order of llm_store_op_e */

static const llm_sqlite_operation_t  llm_sqlite_operations[LLM_STORE_OPS] = {
    { llm_sqlite_op_open, 0 },
    { llm_sqlite_op_check, 0 },
    { llm_sqlite_op_commit, 1 },
    { llm_sqlite_op_load, 0 },
    { llm_sqlite_op_load_all, 0 },
    { llm_sqlite_op_offsets, 0 },
    { llm_sqlite_op_backup, 0 },
    { llm_sqlite_op_prune, 1 },
    { llm_sqlite_op_change, 1 },
    { llm_sqlite_op_apply, 1 },
    { llm_sqlite_op_latest, 0 },
    { llm_sqlite_op_entity, 0 },
    { llm_sqlite_op_entities, 0 },
    { llm_sqlite_op_audit, 0 },
    { llm_sqlite_op_configured, 1 },
    { llm_sqlite_op_alert, 1 },
    { llm_sqlite_op_alerts, 0 },
    { llm_sqlite_op_deliveries, 0 },
    { llm_sqlite_op_delivery, 1 },
    { llm_sqlite_op_pending_find, 0 },
    { llm_sqlite_op_pending_see, 1 },
    { llm_sqlite_op_pending_due, 0 },
    { llm_sqlite_op_usage, 0 }
};


llm_store_t *
llm_store_create(const llm_store_conf_t *conf)
{
    size_t        len;
    llm_store_t  *store;

    len = strlen(conf->directory);

    /* the names of files follow it */

    if (len + 2 * LLM_SQLITE_NAME > LLM_SQLITE_PATH) {
        return NULL;
    }

    store = calloc(1, sizeof(llm_store_t));

    if (store == NULL) {
        return NULL;
    }

    store->len = len;
    store->local = conf->local;
    store->timeout = conf->timeout;
    store->reader = conf->reader;

    memcpy(store->path, conf->directory, len);
    llm_sqlite_name(store, LLM_SQLITE_FILE, store->path);

    return store;
}


void
llm_store_destroy(llm_store_t *store)
{
    if (store == NULL) {
        return;
    }

    llm_sqlite_close(store);
    free(store);
}


void
llm_store_set_timeout(llm_store_t *store, unsigned timeout)
{
    store->timeout = timeout;

    if (store->db) {
        (void) sqlite3_busy_timeout(store->db, (int) timeout);
    }
}


int
llm_store_is_write(llm_store_op_e type)
{
    return llm_sqlite_operations[type].write;
}


llm_store_status_e
llm_store_run(llm_store_t *store, llm_store_op_t *op)
{
    int                            rc;
    const llm_sqlite_operation_t  *operation;

    llm_store_empty_results(op);

    operation = &llm_sqlite_operations[op->type];

    store->status = LLM_STORE_OK;
    store->error[0] = '\0';

    if (op->type != LLM_STORE_OPEN) {
        llm_sqlite_refresh(store);
    }

    if (store->status == LLM_STORE_OK && operation->write && store->reader) {
        (void) llm_sqlite_error(store, LLM_STORE_READONLY,
                                "this connection reads only");
    }

    if (store->status == LLM_STORE_OK) {
        rc = operation->run(store, op);

        if (rc != 0 && store->status == LLM_STORE_OK) {
            store->status = LLM_STORE_FAILED;
        }
    }

    if (store->db && !sqlite3_get_autocommit(store->db)) {
        (void) sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
    }

    if (store->db
        && (store->status == LLM_STORE_DAMAGED
            || store->status == LLM_STORE_GONE))
    {
        store->sick = store->status;
    }

    op->status = store->status;
    memcpy(op->error, store->error, sizeof(op->error));

    return op->status;
}


/*
 * A file that was renamed or deleted can still be written to, which nobody
 * would ever read: so it is looked at before each operation.  A reader has
 * nothing to lose and opens the new one.
 */

static void
llm_sqlite_refresh(llm_store_t *store)
{
    llm_store_op_t  op;

    if (store->db && store->sick == LLM_STORE_OK && llm_sqlite_is_gone(store))
    {
        store->sick = LLM_STORE_GONE;
    }

    if (store->db && store->sick == LLM_STORE_OK
        && llm_sqlite_is_spoiled(store))
    {
        store->sick = LLM_STORE_DAMAGED;
    }

    if (store->reader && (store->db == NULL || store->sick != LLM_STORE_OK)) {
        memset(&op, 0, sizeof(llm_store_op_t));
        (void) llm_sqlite_op_open(store, &op);
        return;
    }

    if (store->db == NULL) {
        (void) llm_sqlite_error(store, LLM_STORE_CLOSED,
                                "the store is not open");

    } else if (store->sick == LLM_STORE_DAMAGED) {
        (void) llm_sqlite_error(store, LLM_STORE_DAMAGED,
                                "\"%s\" is damaged", store->path);

    } else if (store->sick == LLM_STORE_GONE) {
        (void) llm_sqlite_error(store, LLM_STORE_GONE, "\"%s\" was deleted "
                                "or replaced while it was open", store->path);
    }
}


void
llm_sqlite_close(llm_store_t *store)
{
    int  i;

    for (i = 0; i < LLM_SQL_STATEMENTS; i++) {
        (void) sqlite3_finalize(store->stmts[i]);
        store->stmts[i] = NULL;
    }

    (void) sqlite3_close(store->db);

    store->db = NULL;
    store->full = 0;
    store->sick = LLM_STORE_OK;
}


int
llm_sqlite_failed(llm_store_t *store, sqlite3 *db, int rc, const char *what)
{
    int          err;
    const char  *path;

    err = sqlite3_system_errno(db);
    path = sqlite3_db_filename(db, "main");

    if (path == NULL) {
        path = store->path;
    }

    switch (rc & 0xff) {

    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_FULL:
        if (err) {
            break;
        }

        /* fall through */

    default:
        return llm_sqlite_error(store, llm_sqlite_status(rc),
                                "%s \"%s\" failed: %s", what, path,
                                sqlite3_errmsg(db));
    }

    return llm_sqlite_error(store, llm_sqlite_status(rc),
                            "%s \"%s\" failed: %s (%d: %s)", what, path,
                            sqlite3_errmsg(db), err, strerror(err));
}


static llm_store_status_e
llm_sqlite_status(int rc)
{
    switch (rc) {

    case SQLITE_IOERR_NOMEM:
        return LLM_STORE_NO_MEMORY;

    case SQLITE_READONLY_DBMOVED:
        return LLM_STORE_GONE;
    }

    switch (rc & 0xff) {

    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
        return LLM_STORE_BUSY;

    case SQLITE_FULL:
        return LLM_STORE_FULL;

    case SQLITE_READONLY:
    case SQLITE_PERM:
        return LLM_STORE_READONLY;

    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
        return LLM_STORE_IO;

    case SQLITE_NOMEM:
        return LLM_STORE_NO_MEMORY;

    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return LLM_STORE_DAMAGED;

    default:
        return LLM_STORE_FAILED;
    }
}


int
llm_sqlite_error(llm_store_t *store, llm_store_status_e status,
    const char *fmt, ...)
{
    va_list  ap;

    if (store->status != LLM_STORE_OK) {
        return -1;
    }

    store->status = status;

    va_start(ap, fmt);
    (void) vsnprintf(store->error, sizeof(store->error), fmt, ap);
    va_end(ap);

    return -1;
}


int
llm_sqlite_errno(llm_store_t *store, const char *call, const char *path)
{
    llm_store_status_e  status;

    switch (errno) {

    case ENOSPC:
    case EDQUOT:
        status = LLM_STORE_FULL;
        break;

    case EROFS:
    case EACCES:
    case EPERM:
        status = LLM_STORE_READONLY;
        break;

    default:
        status = LLM_STORE_IO;
        break;
    }

    return llm_sqlite_error(store, status, "%s \"%s\" failed (%d: %s)", call,
                            path, errno, strerror(errno));
}


int
llm_sqlite_is(llm_store_t *store, llm_store_status_e status)
{
    return llm_sqlite_error(store, status, "%s",
                            llm_store_status_name(status));
}


int
llm_sqlite_exec(llm_store_t *store, sqlite3 *db, const char *sql)
{
    int  rc;

    rc = sqlite3_exec(db, sql, NULL, NULL, NULL);

    if (rc != SQLITE_OK) {
        return llm_sqlite_failed(store, db, rc, "the use of");
    }

    return 0;
}


/*
 * What a commit of the ledger adds can be added again after a power cut, as
 * its offsets are gone with it; what people changed can not.
 */

int
llm_sqlite_begin(llm_store_t *store, int durable)
{
    if (durable != store->full) {

        if (llm_sqlite_exec(store, store->db,
                            durable ? "PRAGMA synchronous = FULL"
                                    : "PRAGMA synchronous = NORMAL")
            != 0)
        {
            return -1;
        }

        store->full = durable;
    }

    return llm_sqlite_exec(store, store->db, "BEGIN IMMEDIATE");
}


int
llm_sqlite_commit(llm_store_t *store)
{
    return llm_sqlite_exec(store, store->db, "COMMIT");
}


int
llm_sqlite_commit_changed(llm_store_t *store, llm_store_status_e status)
{
    if (sqlite3_changes(store->db) == 0) {
        return llm_sqlite_is(store, status);
    }

    return llm_sqlite_commit(store);
}
