
/*
 * Copyright (C) the llm_quota authors
 */


#include <signal.h>
#include <time.h>

#include "store.h"


/*
 * Processes that are killed at any moment, and several at once: the sums are
 * those of the offset, and what was answered stays.
 */


#define KILLS     60
#define LEADERS   4
#define LINES     200


static unsigned  seed = 1;


static unsigned
rnd(unsigned n)
{
    seed = seed * 1103515245 + 12345;

    return (seed >> 8) % n;
}


/* Carries lines, changes an entity, makes backups and opens again, and tells
   how far it has got: 'c', 'e' and a number for each answer. */

static void
child(int fd)
{
    char                 json[32];
    int64_t              n, told[2];
    llm_store_t         *store;
    llm_store_change_t   change;

    store = store_create(0);

    (void) store_open(store, 1);

    for ( ;; ) {
        n = store_offset(store) / LINE;

        if (store_lines(store, n, n + 1 + rnd(5)) != LLM_STORE_OK) {
            _exit(1);
        }

        told[0] = 'c';
        told[1] = op.commit.segments[0].to / LINE;

        if (write(fd, told, sizeof(told)) != sizeof(told)) {
            _exit(2);
        }

        if (rnd(4) == 0) {
            memset(&change, 0, sizeof(change));
            (void) snprintf(json, sizeof(json), "%lld", (long long) n);
            change.kind = T("team");
            change.id = T("a");
            change.json = store_text(json);
            change.version = LLM_STORE_ANY_VERSION;

            store_op(LLM_STORE_CHANGE);
            op.change.changes = &change;
            op.change.nchanges = 1;

            if (llm_store_run(store, &op) != LLM_STORE_OK) {
                _exit(3);
            }

            told[0] = 'e';
            told[1] = change.changed;

            if (write(fd, told, sizeof(told)) != sizeof(told)) {
                _exit(2);
            }
        }

        if (rnd(20) == 0) {
            store_op(LLM_STORE_BACKUP);
            (void) llm_store_run(store, &op);
        }

        if (rnd(30) == 0) {
            (void) store_open(store, 1);
        }
    }
}


static void
test_kill(void)
{
    int               i, fds[2], status, lost, wrong, damaged;
    pid_t             pid;
    int64_t           told[2], lines, version, last;
    llm_store_t      *store;
    struct timespec   nap;

    store_fresh();

    lost = wrong = damaged = 0;
    lines = version = last = 0;

    for (i = 0; i < KILLS; i++) {

        seed = (unsigned) i + 1;

        if (pipe(fds) == -1) {
            exit(1);
        }

        pid = fork();

        if (pid == 0) {
            (void) close(fds[0]);
            child(fds[1]);
        }

        (void) close(fds[1]);

        /* from before the first page to a few hundred commits */

        nap.tv_sec = 0;
        nap.tv_nsec = (long) rnd(i < KILLS / 3 ? 3000 : 60000) * 1000;
        (void) nanosleep(&nap, NULL);

        (void) kill(pid, SIGKILL);
        (void) waitpid(pid, &status, 0);

        if (WIFEXITED(status)) {
            printf("# it ended by itself, %d\n", WEXITSTATUS(status));
            wrong++;
        }

        while (read(fds[0], told, sizeof(told)) == sizeof(told)) {
            if (told[0] == 'c') {
                lines = told[1];

            } else {
                version = told[1];
            }
        }

        (void) close(fds[0]);

        store = store_create(0);

        if (store_open(store, 1) != LLM_STORE_OK
            || (op.open.event != LLM_STORE_FOUND
                && op.open.event != LLM_STORE_MADE)
            || (op.open.event == LLM_STORE_MADE && lines))
        {
            printf("# kill %d: %s%s\n", i, op.error, op.open.text);
            damaged++;
        }

        if (store_offset(store) < lines * LINE) {
            printf("# kill %d: %lld of %lld\n", i,
                   (long long) store_offset(store), (long long) lines * LINE);
            lost++;
        }

        lines = store_offset(store) / LINE;

        if (lines && !store_has(store, lines)) {
            wrong++;
        }

        store_op(LLM_STORE_ENTITY);
        op.entity.kind = T("team");
        op.entity.id = T("a");

        if (version && (llm_store_run(store, &op) != LLM_STORE_OK
                        || op.entity.version < version))
        {
            printf("# kill %d: a change is lost\n", i);
            lost++;
        }

        store_op(LLM_STORE_CHECK);

        if (llm_store_run(store, &op) != LLM_STORE_OK) {
            damaged++;
        }

        llm_store_destroy(store);
    }

    is_int(damaged, 0, "%d kills: a sound file after each", KILLS);
    is_int(lost, 0, "with all that was answered");
    is_int(wrong, 0, "and %lld lines, each of them once", (long long) lines);
    ok(version > 0, "%lld changes among them", (long long) version);
}


/* Leaders that do not know of each other. */

static void
test_leaders(void)
{
    int           i, status, bad;
    pid_t         pid;
    int64_t       n, done;
    llm_store_t  *store;

    store_fresh();

    for (i = 0; i < LEADERS; i++) {

        pid = fork();

        if (pid == 0) {

            seed = (unsigned) i + 100;
            store = store_create(0);

            if (store_open(store, 1) != LLM_STORE_OK) {
                printf("# %s\n", op.error);
                _exit(99);
            }

            done = 0;

            for (n = 0; n < LINES; /* void */ ) {

                int64_t  to = n + 1 + rnd(3);

                to = (to > LINES) ? LINES : to;

                switch (store_lines(store, n, to)) {

                case LLM_STORE_OK:
                    done += to - n;
                    n = to;
                    break;

                case LLM_STORE_CONFLICT:
                    n = op.commit.offset / LINE;
                    break;

                default:
                    printf("# %s\n", op.error);
                    _exit(98);
                }
            }

            llm_store_destroy(store);

            _exit((int) (done * 50 / LINES));
        }
    }

    bad = 0;

    for (i = 0; i < LEADERS; i++) {
        (void) wait(&status);
        bad += !WIFEXITED(status) || WEXITSTATUS(status) > 50;
    }

    is_int(bad, 0, "%d leaders at once", LEADERS);

    store = store_new(1);
    is_int(store_offset(store), LINES * LINE, "carry all there is");
    ok(store_has(store, LINES), "and each line once");
    llm_store_destroy(store);
}


int
main(void)
{
    (void) setvbuf(stdout, NULL, _IOLBF, 0);

    test_kill();
    test_leaders();

    store_clear();
    llm_store_empty(&op);

    return tap_done();
}
