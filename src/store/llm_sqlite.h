
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _LLM_SQLITE_H_INCLUDED_
#define _LLM_SQLITE_H_INCLUDED_


#include <sqlite3.h>

#include "llm_store.h"
#include "llm_sqlite_sql.h"


/* What the files of the store share; for nobody else. */


#if (SQLITE_VERSION_NUMBER < 3034000)
#error "llm_quota needs SQLite 3.34 or later"
#endif


#define LLM_SQLITE_PATH          4096
#define LLM_SQLITE_NAME          64          /* of a file, without directory */

#define LLM_SQLITE_FILE          "quota.db"
#define LLM_SQLITE_BACKUP        "quota-backup.db"
#define LLM_SQLITE_OLDER         "quota-backup.1.db"
#define LLM_SQLITE_NEW           "quota.db.new"
#define LLM_SQLITE_BACKUP_NEW    "quota-backup.db.new"


struct llm_store_s {
    sqlite3                 *db;             /* NULL: not open */
    sqlite3_stmt            *stmts[LLM_SQL_STATEMENTS];

    size_t                   len;            /* of the directory */
    char                     path[LLM_SQLITE_PATH];    /* of quota.db */
    int                      local;
    unsigned                 timeout;

    /* the first thing that went wrong in this operation */
    llm_store_status_e       status;
    char                     error[LLM_STORE_ERROR];

    llm_store_status_e       sick;           /* DAMAGED or GONE: until it is
                                                opened again */

    unsigned                 reader:1;
    unsigned                 full:1;         /* synchronous=FULL */
};


/* A statement on its way: start, bind in order, step, read, end. */

typedef struct {
    llm_store_t             *store;
    sqlite3_stmt            *stmt;           /* NULL: could not be prepared */
    int                      bound;
    unsigned                 failed:1;
} llm_sql_t;

void llm_sql_start(llm_sql_t *q, llm_store_t *store, llm_sql_e sql);

/* One that is used once, of any connection; 0 or -1, and q->stmt is to be
   finalized. */
int llm_sql_prepare(llm_sql_t *q, llm_store_t *store, sqlite3 *db,
    const char *sql);

void llm_sql_int(llm_sql_t *q, int64_t value);

/* A text without data is empty; or NULL. */
void llm_sql_text(llm_sql_t *q, const llm_store_text_t *text);
void llm_sql_text_or_null(llm_sql_t *q, const llm_store_text_t *text);

/* A row: 1; no more: 0; an error, which is noted: -1.  After 0 and -1 the
   statement has ended. */
int llm_sql_step(llm_sql_t *q);

/* For what gives no rows: 0 or -1. */
int llm_sql_run(llm_sql_t *q);

/* Before the last row: no more are wanted. */
void llm_sql_end(llm_sql_t *q);

/* Columns of the row, counted from 0. */
int64_t llm_sql_get_int(llm_sql_t *q, int i);

/* The text is SQLite's, until the next step. */
void llm_sql_see_text(llm_sql_t *q, int i, llm_store_text_t *text);

/* The text is the operation's; -1 without memory, which is noted. */
int llm_sql_get_text(llm_sql_t *q, int i, llm_store_op_t *op,
    llm_store_text_t *text);


/* Notes what SQLite says of a connection; the first of an operation is kept.
   Always -1. */
int llm_sqlite_failed(llm_store_t *store, sqlite3 *db, int rc,
    const char *what);

/* Notes a status with words of our own; always -1. */
__attribute__((format(printf, 3, 4)))
int llm_sqlite_error(llm_store_t *store, llm_store_status_e status,
    const char *fmt, ...);

/* A status that needs no words; always -1. */
int llm_sqlite_is(llm_store_t *store, llm_store_status_e status);

/* The same of a system call that failed, with errno. */
int llm_sqlite_errno(llm_store_t *store, const char *call, const char *path);

/* SQL without a result. */
int llm_sqlite_exec(llm_store_t *store, sqlite3 *db, const char *sql);

/* The number, or the text, that a query gives; -1: the error is noted. */
int llm_sqlite_ask(llm_store_t *store, sqlite3 *db, const char *sql,
    int64_t *value);
int llm_sqlite_word(llm_store_t *store, sqlite3 *db, const char *sql,
    char *word, size_t size);

/* Begins the transaction of a change; durable: on the disk when it ends. */
int llm_sqlite_begin(llm_store_t *store, int durable);
int llm_sqlite_commit(llm_store_t *store);

/* The same; what has changed nothing fails, with that status. */
int llm_sqlite_commit_changed(llm_store_t *store, llm_store_status_e status);

void llm_sqlite_close(llm_store_t *store);

/* Whether the file that is open is not the one of its name any more. */
int llm_sqlite_is_gone(llm_store_t *store);

/* Whether it does not begin as a database any more: what has all its pages in
   memory would not find that. */
int llm_sqlite_is_spoiled(llm_store_t *store);


/* Of the operation's results; NULL without memory, which is noted. */
void *llm_sqlite_alloc(llm_store_t *store, llm_store_op_t *op, size_t size);

/* Room for max rows, of which there may be LLM_STORE_ROWS. */
void *llm_sqlite_rows(llm_store_t *store, llm_store_op_t *op, size_t *max,
    size_t size);


/* Cursors: numbers and texts, read in the order in which they were put. */

void llm_cursor_put_int(llm_store_cursor_t *cursor, int64_t value);

/* -1 without room: the list ends there. */
int llm_cursor_put_text(llm_store_cursor_t *cursor,
    const llm_store_text_t *text);

typedef struct {
    const u_char            *p;
    const u_char            *last;
} llm_cursor_t;

void llm_cursor_start(llm_cursor_t *c, const llm_store_cursor_t *cursor);

/* What is not there is 0, or the empty text: a cursor that was made up shows
   other rows, and nothing worse. */
int64_t llm_cursor_int(llm_cursor_t *c);
void llm_cursor_text(llm_cursor_t *c, llm_store_text_t *text);


/* An id of the zone and its two columns. */
void llm_sqlite_split(const llm_store_text_t *id, llm_store_text_t *first,
    llm_store_text_t *second);
int llm_sqlite_join(llm_sql_t *q, int i, llm_store_op_t *op,
    llm_store_text_t *id);

/* A period and its name. */
void llm_sqlite_period(llm_period_t period, u_char *buf,
    llm_store_text_t *text);
llm_period_t llm_sqlite_period_of(llm_sql_t *q, int i);


/*
 * llm_sqlite_file.c: files of the state directory, by name; what fails is
 * noted.
 */

void llm_sqlite_name(llm_store_t *store, const char *name, char *path);

typedef enum {
    LLM_SQLITE_READ = 0,
    LLM_SQLITE_WRITE,
    LLM_SQLITE_MAKE                          /* the file is new: ours alone */
} llm_sqlite_mode_e;

sqlite3 *llm_sqlite_connect(llm_store_t *store, const char *name,
    llm_sqlite_mode_e mode);

/* Whether it is sound: of some tables, or (NULL) as a whole; else DAMAGED. */
int llm_sqlite_check(llm_store_t *store, sqlite3 *db,
    const char *const *tables);

/* Copies a database into a new file, checks it and makes it durable; -1:
   there is no such file then. */
int llm_sqlite_copy(llm_store_t *store, sqlite3 *from, const char *name,
    int (*canceled)(void));

/* The directory itself, after a change of names. */
int llm_sqlite_sync_directory(llm_store_t *store);

/* Gives a name without taking it from a file that has it: 0; -1; 1: one has
   it, and the first name is gone, too. */
int llm_sqlite_link(llm_store_t *store, const char *from, const char *to);

int llm_sqlite_unlink(llm_store_t *store, const char *name);

/* s of the epoch, 0: there is no such file; *size may be NULL. */
int64_t llm_sqlite_modified(llm_store_t *store, const char *name,
    int64_t *size);

/* Renames quota.db and what belongs to it to quota.db.damaged-TIME, and
   removes older ones; name gets the new one, LLM_SQLITE_NAME bytes. */
int llm_sqlite_set_aside(llm_store_t *store, char *name);

/* One process at a time makes, mends and migrates: the lock is the
   directory's.  -1: BUSY. */
int llm_sqlite_lock(llm_store_t *store);
void llm_sqlite_unlock(int fd);


/* llm_sqlite_salvage.c: what of the file set aside is newer than the backup
   that db was made of; returns what was taken, in words. */
void llm_sqlite_salvage(llm_store_t *store, sqlite3 *db, const char *aside,
    char *text, size_t size);


/* The operations; 0, or a value that they have noted. */

typedef int (*llm_sqlite_op_pt)(llm_store_t *store, llm_store_op_t *op);

int llm_sqlite_op_open(llm_store_t *store, llm_store_op_t *op);
int llm_sqlite_op_check(llm_store_t *store, llm_store_op_t *op);
int llm_sqlite_op_commit(llm_store_t *store, llm_store_op_t *op);
int llm_sqlite_op_load(llm_store_t *store, llm_store_op_t *op);
int llm_sqlite_op_load_all(llm_store_t *store, llm_store_op_t *op);
int llm_sqlite_op_offsets(llm_store_t *store, llm_store_op_t *op);
int llm_sqlite_op_backup(llm_store_t *store, llm_store_op_t *op);
int llm_sqlite_op_prune(llm_store_t *store, llm_store_op_t *op);
int llm_sqlite_op_change(llm_store_t *store, llm_store_op_t *op);
int llm_sqlite_op_apply(llm_store_t *store, llm_store_op_t *op);
int llm_sqlite_op_latest(llm_store_t *store, llm_store_op_t *op);
int llm_sqlite_op_entity(llm_store_t *store, llm_store_op_t *op);
int llm_sqlite_op_entities(llm_store_t *store, llm_store_op_t *op);
int llm_sqlite_op_audit(llm_store_t *store, llm_store_op_t *op);
int llm_sqlite_op_configured(llm_store_t *store, llm_store_op_t *op);

/* A row of the audit, in an open transaction; its number is not looked at. */
int llm_sqlite_audit(llm_store_t *store, const llm_store_audit_row_t *row);

/* Parts of a change: what is written of the entity, with its refs, and the row
   in the audit; the version is that of the change. */
int llm_sqlite_change_write(llm_store_t *store,
    const llm_store_change_t *change);
int llm_sqlite_change_audit(llm_store_t *store,
    const llm_store_actor_t *actor, int64_t time,
    const llm_store_change_t *change, const llm_store_text_t *before);

/* A change that was made elsewhere. */
int llm_sqlite_apply(llm_store_t *store, llm_store_op_t *op,
    llm_store_made_t *made);

/* No version up to this is given out again. */
int llm_sqlite_version(llm_store_t *store, int64_t version);

/* Parts of a commit. */
int llm_sqlite_note(llm_store_t *store, const llm_store_note_t *note);
int llm_sqlite_pending(llm_store_t *store, const llm_store_pending_t *row);
int llm_sqlite_op_alert(llm_store_t *store, llm_store_op_t *op);
int llm_sqlite_op_alerts(llm_store_t *store, llm_store_op_t *op);
int llm_sqlite_op_deliveries(llm_store_t *store, llm_store_op_t *op);
int llm_sqlite_op_delivery(llm_store_t *store, llm_store_op_t *op);
int llm_sqlite_op_pending_find(llm_store_t *store, llm_store_op_t *op);
int llm_sqlite_op_pending_see(llm_store_t *store, llm_store_op_t *op);
int llm_sqlite_op_pending_due(llm_store_t *store, llm_store_op_t *op);
int llm_sqlite_op_usage(llm_store_t *store, llm_store_op_t *op);


#endif /* _LLM_SQLITE_H_INCLUDED_ */
