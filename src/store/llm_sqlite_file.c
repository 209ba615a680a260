
/*
 * Copyright (C) the llm_quota authors
 */


#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "llm_money.h"
#include "llm_sqlite.h"


/* The SQLite file format, section 1.3: the first 16 bytes, NUL included. */
#define LLM_SQLITE_HEAD  "SQLite format 3"


/*
 * quota.db is never opened here but by SQLite: POSIX takes all locks of a
 * process from a file when the process closes any descriptor of it.
 */


#define LLM_SQLITE_STEP      512         /* pages of one step of a copy */
#define LLM_SQLITE_ASIDE     LLM_SQLITE_FILE ".damaged-"
#define LLM_SQLITE_ASIDES    3
#define LLM_SQLITE_NAP       10          /* ms */


static void llm_sqlite_add(sqlite3_context *context, int argc,
    sqlite3_value **argv);
static int llm_sqlite_sync(llm_store_t *store, const char *path, int flags);
static void llm_sqlite_drop_asides(llm_store_t *store);
static int llm_sqlite_is_aside(const struct dirent *entry);


/* what belongs to a database, in the order in which it must go: a log that is
   left behind would be played into the next file of that name */

static const char *const  llm_sqlite_suffixes[] = {
    "-wal", "-shm", "-journal", ""
};

#define LLM_SQLITE_SUFFIXES                                                   \
    (sizeof(llm_sqlite_suffixes) / sizeof(llm_sqlite_suffixes[0]))


void
llm_sqlite_name(llm_store_t *store, const char *name, char *path)
{
    if (path != store->path) {
        memcpy(path, store->path, store->len);
    }

    (void) snprintf(path + store->len, LLM_SQLITE_PATH - store->len, "%s",
                    name);
}


sqlite3 *
llm_sqlite_connect(llm_store_t *store, const char *name,
    llm_sqlite_mode_e mode)
{
    int       rc, fd, flags;
    char      path[LLM_SQLITE_PATH];
    sqlite3  *db;

    if (!sqlite3_threadsafe()) {
        (void) llm_sqlite_error(store, LLM_STORE_FAILED,
                                "this SQLite was built without threads");
        return NULL;
    }

    llm_sqlite_name(store, name, path);

    if (mode == LLM_SQLITE_MAKE) {

        /* SQLite would leave its rights to the umask */

        fd = open(path, O_CREAT|O_EXCL|O_RDWR|O_CLOEXEC, 0600);

        if (fd == -1) {
            (void) llm_sqlite_errno(store, "open()", path);
            return NULL;
        }

        (void) close(fd);
    }

    flags = SQLITE_OPEN_NOMUTEX|SQLITE_OPEN_PRIVATECACHE;
    flags |= (mode == LLM_SQLITE_READ) ? SQLITE_OPEN_READONLY
                                       : SQLITE_OPEN_READWRITE;

    rc = sqlite3_open_v2(path, &db, flags, NULL);

    if (db == NULL) {
        (void) llm_sqlite_is(store, LLM_STORE_NO_MEMORY);
        return NULL;
    }

    if (rc == SQLITE_OK) {
        (void) sqlite3_extended_result_codes(db, 1);
        (void) sqlite3_busy_timeout(db, (int) store->timeout);

        rc = sqlite3_create_function(db, "llm_add", 2,
                                     SQLITE_UTF8|SQLITE_DETERMINISTIC, NULL,
                                     llm_sqlite_add, NULL, NULL);
    }

    if (rc != SQLITE_OK) {
        (void) llm_sqlite_failed(store, db, rc, "the opening of");
        (void) sqlite3_close(db);
        return NULL;
    }

    return db;
}


static void
llm_sqlite_add(sqlite3_context *context, int argc, sqlite3_value **argv)
{
    (void) argc;

    sqlite3_result_int64(context, llm_sat_add(sqlite3_value_int64(argv[0]),
                                              sqlite3_value_int64(argv[1])));
}


int
llm_sqlite_check(llm_store_t *store, sqlite3 *db, const char *const *tables)
{
    int                        i;
    char                       sql[64], said[256];
    static const char *const   all[] = { "1", NULL };

    if (tables == NULL) {
        tables = all;
    }

    for (i = 0; tables[i]; i++) {

        (void) snprintf(sql, sizeof(sql), "PRAGMA quick_check(%s)",
                        tables[i]);

        if (llm_sqlite_word(store, db, sql, said, sizeof(said)) != 0) {
            return -1;
        }

        if (strcmp(said, "ok") != 0) {
            return llm_sqlite_error(store, LLM_STORE_DAMAGED,
                                    "\"%s\" is damaged: %s",
                                    sqlite3_db_filename(db, "main"), said);
        }
    }

    return 0;
}


int
llm_sqlite_copy(llm_store_t *store, sqlite3 *from, const char *name,
    int (*canceled)(void))
{
    int              rc;
    char             path[LLM_SQLITE_PATH];
    sqlite3         *to;
    sqlite3_backup  *backup;

    if (llm_sqlite_unlink(store, name) != 0) {
        return -1;
    }

    to = llm_sqlite_connect(store, name, LLM_SQLITE_MAKE);

    if (to == NULL) {
        return -1;
    }

    /* nobody sees the file before it is whole: it needs no journal */

    if (llm_sqlite_exec(store, to, "PRAGMA journal_mode = OFF;"
                                   "PRAGMA synchronous = OFF")
        != 0)
    {
        goto failed;
    }

    backup = sqlite3_backup_init(to, "main", from, "main");

    if (backup == NULL) {
        (void) llm_sqlite_failed(store, to, sqlite3_errcode(to),
                                 "a copy of");
        goto failed;
    }

    do {
        if (canceled && canceled()) {
            (void) llm_sqlite_is(store, LLM_STORE_CANCELED);
            break;
        }

        rc = sqlite3_backup_step(backup, LLM_SQLITE_STEP);

    } while (rc == SQLITE_OK);

    rc = sqlite3_backup_finish(backup);

    if (rc != SQLITE_OK) {
        (void) llm_sqlite_failed(store, to, rc, "a copy of");
    }

    if (store->status != LLM_STORE_OK) {
        goto failed;
    }

    /* one file, that needs no other one beside it */

    if (llm_sqlite_exec(store, to, "PRAGMA journal_mode = DELETE") != 0
        || llm_sqlite_check(store, to, NULL) != 0)
    {
        goto failed;
    }

    rc = sqlite3_close(to);
    to = NULL;

    llm_sqlite_name(store, name, path);

    if (rc == SQLITE_OK && llm_sqlite_sync(store, path, O_RDWR) == 0) {
        return 0;
    }

failed:

    (void) sqlite3_close(to);
    (void) llm_sqlite_unlink(store, name);

    return -1;
}


static int
llm_sqlite_sync(llm_store_t *store, const char *path, int flags)
{
    int  fd, rc;

    fd = open(path, flags|O_CLOEXEC);

    if (fd == -1) {
        return llm_sqlite_errno(store, "open()", path);
    }

    rc = fsync(fd);

    if (rc == -1) {
        (void) llm_sqlite_errno(store, "fsync()", path);
    }

    (void) close(fd);

    return rc;
}


int
llm_sqlite_sync_directory(llm_store_t *store)
{
    char  path[LLM_SQLITE_PATH];

    llm_sqlite_name(store, "", path);

    return llm_sqlite_sync(store, path, O_RDONLY|O_DIRECTORY);
}


int
llm_sqlite_link(llm_store_t *store, const char *from, const char *to)
{
    int   exists;
    char  source[LLM_SQLITE_PATH], target[LLM_SQLITE_PATH];

    llm_sqlite_name(store, from, source);
    llm_sqlite_name(store, to, target);

    exists = 0;

    if (link(source, target) == -1) {

        if (errno == EEXIST || access(target, F_OK) == 0) {
            exists = 1;

        } else if (rename(source, target) == -1) {

            /* rename() is for file systems without links */

            return llm_sqlite_errno(store, "rename()", target);
        }
    }

    (void) llm_sqlite_unlink(store, from);

    return (llm_sqlite_sync_directory(store) == 0) ? exists : -1;
}


int
llm_sqlite_unlink(llm_store_t *store, const char *name)
{
    int     err;
    char    path[LLM_SQLITE_PATH];
    size_t  i, n;

    llm_sqlite_name(store, name, path);

    n = strlen(path);
    err = 0;

    for (i = 0; i < LLM_SQLITE_SUFFIXES; i++) {

        (void) snprintf(path + n, sizeof(path) - n, "%s",
                        llm_sqlite_suffixes[i]);

        if (unlink(path) == -1 && errno != ENOENT) {
            err = llm_sqlite_errno(store, "unlink()", path);
        }
    }

    return err;
}


int64_t
llm_sqlite_modified(llm_store_t *store, const char *name, int64_t *size)
{
    char         path[LLM_SQLITE_PATH];
    struct stat  st;

    llm_sqlite_name(store, name, path);

    if (stat(path, &st) == -1) {
        return 0;
    }

    if (size) {
        *size = st.st_size;
    }

    return st.st_mtime;
}


int
llm_sqlite_is_gone(llm_store_t *store)
{
    int   moved;
    char  path[LLM_SQLITE_PATH];

    moved = 0;

    if (sqlite3_file_control(store->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved)
        == SQLITE_OK
        && moved)
    {
        return 1;
    }

    /* it is there as long as anybody has the database open */

    llm_sqlite_name(store, LLM_SQLITE_FILE "-wal", path);

    return access(path, F_OK) == -1 && errno == ENOENT;
}


int
llm_sqlite_is_spoiled(llm_store_t *store)
{
    int            rc;
    char           head[sizeof(LLM_SQLITE_HEAD)];
    sqlite3_file  *file;

    file = NULL;

    if (sqlite3_file_control(store->db, "main", SQLITE_FCNTL_FILE_POINTER,
                             &file)
        != SQLITE_OK
        || file == NULL || file->pMethods == NULL)
    {
        return 0;
    }

    rc = file->pMethods->xRead(file, head, sizeof(head), 0);

    return rc == SQLITE_IOERR_SHORT_READ
           || (rc == SQLITE_OK
               && memcmp(head, LLM_SQLITE_HEAD, sizeof(head)) != 0);
}


int
llm_sqlite_set_aside(llm_store_t *store, char *name)
{
    char             from[LLM_SQLITE_PATH], to[LLM_SQLITE_PATH], stamp[24];
    size_t           i;
    struct tm        tm;
    struct timespec  now;

    /* names sort by time; a second may see several */

    do {
        (void) clock_gettime(CLOCK_REALTIME, &now);
        (void) gmtime_r(&now.tv_sec, &tm);
        (void) strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%S", &tm);
        (void) snprintf(name, LLM_SQLITE_NAME, LLM_SQLITE_ASIDE "%s.%03dZ",
                        stamp, (int) (now.tv_nsec / 1000000));

    } while (llm_sqlite_modified(store, name, NULL) != 0);

    for (i = 0; i < LLM_SQLITE_SUFFIXES; i++) {

        llm_sqlite_name(store, LLM_SQLITE_FILE, from);
        llm_sqlite_name(store, name, to);

        (void) strcat(from, llm_sqlite_suffixes[i]);
        (void) strcat(to, llm_sqlite_suffixes[i]);

        if (rename(from, to) == -1 && errno != ENOENT) {
            return llm_sqlite_errno(store, "rename()", from);
        }
    }

    llm_sqlite_drop_asides(store);

    return llm_sqlite_sync_directory(store);
}


/* Of names that sort by time the first are the oldest. */

static void
llm_sqlite_drop_asides(llm_store_t *store)
{
    int              i, n;
    char             path[LLM_SQLITE_PATH];
    struct dirent  **list;

    llm_sqlite_name(store, "", path);

    n = scandir(path, &list, llm_sqlite_is_aside, alphasort);

    if (n == -1) {
        return;
    }

    for (i = 0; i < n; i++) {

        if (i < n - LLM_SQLITE_ASIDES) {
            (void) llm_sqlite_unlink(store, list[i]->d_name);
        }

        free(list[i]);
    }

    free(list);
}


static int
llm_sqlite_is_aside(const struct dirent *entry)
{
    size_t  len;

    /* the database itself, with which go its log and the rest */

    len = strlen(entry->d_name);

    return strncmp(entry->d_name, LLM_SQLITE_ASIDE,
                   sizeof(LLM_SQLITE_ASIDE) - 1) == 0
           && len < LLM_SQLITE_NAME
           && strchr("lm", entry->d_name[len - 1]) == NULL;
}


int
llm_sqlite_lock(llm_store_t *store)
{
    int              fd;
    char             path[LLM_SQLITE_PATH];
    unsigned         waited;
    struct timespec  nap;

    llm_sqlite_name(store, "", path);

    fd = open(path, O_RDONLY|O_DIRECTORY|O_CLOEXEC);

    if (fd == -1) {
        return llm_sqlite_errno(store, "open()", path);
    }

    nap.tv_sec = 0;
    nap.tv_nsec = LLM_SQLITE_NAP * 1000000;

    for (waited = 0; flock(fd, LOCK_EX|LOCK_NB) == -1;
         waited += LLM_SQLITE_NAP)
    {
        if (waited >= store->timeout) {
            (void) close(fd);
            return llm_sqlite_error(store, LLM_STORE_BUSY,
                                    "another process is opening \"%s\"",
                                    store->path);
        }

        (void) nanosleep(&nap, NULL);
    }

    return fd;
}


void
llm_sqlite_unlock(int fd)
{
    (void) close(fd);
}
