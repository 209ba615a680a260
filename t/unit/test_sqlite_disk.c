
/*
 * Copyright (C) the llm_quota authors
 */


#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include "store.h"


/* No room, no right, no lock: nothing is lost, nothing set aside, and the
   store works again when the cause is gone. */


static void
test_locked(void)
{
    sqlite3      *db;
    llm_store_t  *store;

    store_fresh();
    store_timeout = 50;
    store = store_new(1);

    (void) sqlite3_open(store_path("quota.db"), &db);
    (void) sqlite3_exec(db, "BEGIN EXCLUSIVE", NULL, NULL, NULL);
    is_status(store_lines(store, 0, 10), LLM_STORE_BUSY, "locked");
    ok(strstr(op.error, "locked") != NULL, "is told: %s", op.error);
    is_int(store_offset(store), 0, "it can be read");
    (void) sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    (void) sqlite3_close(db);
    is_status(store_lines(store, 0, 10), LLM_STORE_OK, "and then written");
    ok(store_has(store, 10), "once");
    store_timeout = 5000;
    llm_store_set_timeout(store, 5000);
    llm_store_destroy(store);
}


static void
test_full(void)
{
    int            fd;
    char           ballast[4096];
    int64_t        n;
    llm_store_t   *store;
    struct rlimit  old, limit;

    store_fresh();
    store = store_new(1);
    (void) store_lines(store, 0, 10);
    (void) store_backup(store);

    /* no file may grow any more */

    (void) signal(SIGXFSZ, SIG_IGN);
    (void) getrlimit(RLIMIT_FSIZE, &old);
    limit = old;
    limit.rlim_cur = 200 * 1024;
    (void) setrlimit(RLIMIT_FSIZE, &limit);

    for (n = 10; n < 1000 && store_lines(store, n, n + 1) == LLM_STORE_OK; n++)
    {
        (void) store_query("quota.db", "SELECT 1");
    }

    is_status(op.status, LLM_STORE_IO, "no room in a file: %s", op.error);
    is_int(store_offset(store), n * LINE, "what was answered is there");

    ok(store_open(store, 1) == LLM_STORE_OK
       && op.open.event == LLM_STORE_FOUND, "nothing is set aside");

    (void) setrlimit(RLIMIT_FSIZE, &old);
    is_status(store_lines(store, n, n + 50), LLM_STORE_OK, "it goes on");
    ok(store_has(store, n + 50), "nothing is lost, nothing counted twice");

    limit.rlim_cur = 8192;
    (void) setrlimit(RLIMIT_FSIZE, &limit);
    is_status(store_backup(store), LLM_STORE_IO, "no room for a backup: %s",
              op.error);
    (void) setrlimit(RLIMIT_FSIZE, &old);
    is_text(store_query("quota-backup.db", "SELECT offset FROM segment"),
            "1000", "the last one is kept");
    is_int(store_count("quota-backup", ""), 1, "half a one is not");
    llm_store_destroy(store);

    /* a disk of one megabyte */

    store_fresh();

    if (mount("llm-quota", store_dir, "tmpfs", 0, "size=1m") == -1) {
        printf("# no disk of our own: %s\n", strerror(errno));
        return;
    }

    store = store_new(1);
    (void) store_lines(store, 0, 10);

    memset(ballast, 'x', sizeof(ballast));
    fd = open(store_path("ballast"), O_CREAT|O_WRONLY, 0600);

    while (write(fd, ballast, sizeof(ballast)) > 0) {
        /* void */
    }

    (void) close(fd);

    for (n = 10; n < 1000; n++) {
        if (store_lines(store, n, n + 1) != LLM_STORE_OK) {
            break;
        }
    }

    is_status(op.status, LLM_STORE_FULL, "a full disk: %s", op.error);
    is_int(store_offset(store), n * LINE, "what was answered is there");
    is_status(store_entity(store, "k", "{1}"), LLM_STORE_FULL, "of all kinds");
    is_status(store_backup(store), LLM_STORE_FULL, "no backup: %s", op.error);

    (void) store_open(store, 1);
    is_int(store_count("quota.db.damaged-", ""), 0, "nothing is set aside");
    (void) unlink(store_path("ballast"));

    (void) store_open(store, 1);
    is_status(op.status, LLM_STORE_OK, "room again");
    ok(store_carry(store, n + 20) && store_has(store, n + 20),
       "nothing is lost, nothing counted twice");
    llm_store_destroy(store);

    (void) umount(store_dir);
}


/* As nobody, who may read and not write. */

static void
test_readonly(void)
{
    int           status;
    pid_t         pid;
    llm_store_t  *store;

    store_fresh();
    store = store_new(1);
    (void) store_lines(store, 0, 10);
    llm_store_destroy(store);

    (void) chmod(store_path("quota.db"), 0644);
    (void) chmod(store_dir, 0555);
    (void) fflush(stdout);

    pid = fork();

    if (pid == 0) {

        if (getuid() == 0 && (setgid(65534) == -1 || setuid(65534) == -1)) {
            _exit(9);
        }

        store_timeout = 100;
        store = store_create(0);

        status = store_open(store, 1);
        printf("# %s\n", op.error);
        (void) fflush(stdout);

        _exit((status == LLM_STORE_READONLY || status == LLM_STORE_IO)
              && op.error[0] ? 0 : 1);
    }

    (void) waitpid(pid, &status, 0);
    is_int(status, 0, "a folder that is not to be written to");
    is_int(store_count("quota", ""), 1, "nothing is set aside");

    (void) chmod(store_dir, 0755);
    store = store_new(1);
    ok(store_has(store, 10), "and it is all there");
    llm_store_destroy(store);

    store = store_create(0);
    store_clear();
    is_status(store_open(store, 1), LLM_STORE_IO, "no folder: %s", op.error);
    (void) mkdir(store_dir, 0755);
    is_status(store_open(store, 1), LLM_STORE_OK, "and when there is one");
    llm_store_destroy(store);
}


int
main(void)
{
    (void) setvbuf(stdout, NULL, _IOLBF, 0);

    test_locked();
    test_full();
    test_readonly();

    store_clear();
    llm_store_empty(&op);

    return tap_done();
}
