
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _STORE_H_INCLUDED_
#define _STORE_H_INCLUDED_


#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <sqlite3.h>

#include "llm_store.h"
#include "tap.h"


/*
 * A store in a folder of its own, and a segment of which each line is 100
 * bytes long: line n, counted from 0, is a request of team-(n % 3) with n + 1
 * tokens of input, 2 of output, and 3 * n nano-dollars.  So the offset says
 * what all sums must be.
 */

#define LINE      100
#define TEAMS     3
#define NOW       1775044800            /* 2026-04-01T12:00:00Z */
#define MONTH     LLM_PERIOD(LLM_PERIOD_MONTH, 1)
#define DAY       LLM_PERIOD(LLM_PERIOD_DAYS, 1)
#define START     1775001600            /* of both */
#define SEGMENT   "usage-1.jsonl"

#define T(s)      ((llm_store_text_t) { sizeof(s) - 1, (const u_char *) (s) })


static char            store_dir[512];
static const char     *store_root;          /* NULL: where tests have theirs */
static unsigned        store_dirs;
static unsigned        store_timeout = 5000;
static llm_store_op_t  op;
static char            store_told[1024];    /* by the last store_open() */


__attribute__((unused)) static llm_store_text_t
store_text(const char *s)
{
    llm_store_text_t  text;

    text.data = (const u_char *) s;
    text.len = strlen(s);

    return text;
}


__attribute__((unused)) static int
store_is(const llm_store_text_t *text, const char *s)
{
    return text->data && text->len == strlen(s)
           && memcmp(text->data, s, text->len) == 0;
}


/* An empty folder, and nothing of the one before it. */

__attribute__((unused)) static void
store_clear(void)
{
    char            path[1024];
    DIR            *dir;
    struct dirent  *entry;

    dir = opendir(store_dir);

    while (dir && (entry = readdir(dir)) != NULL) {
        (void) snprintf(path, sizeof(path), "%s%s", store_dir, entry->d_name);

        if (unlink(path) == -1 && entry->d_name[0] != '.') {
            (void) rmdir(path);
        }
    }

    if (dir) {
        (void) closedir(dir);
        (void) rmdir(store_dir);
    }
}


__attribute__((unused)) static void
store_fresh(void)
{
    const char  *run;

    if (store_dirs) {
        store_clear();
    }

    run = store_root ? store_root : getenv("LLM_RUN");

    if (run) {
        (void) mkdir(run, 0755);
    }

    (void) snprintf(store_dir, sizeof(store_dir), "%s/store-%d-%u/",
                    run ? run : "/tmp", (int) getpid(), store_dirs++);

    if (mkdir(store_dir, 0755) == -1) {
        printf("Bail out! mkdir(%s): %s\n", store_dir, strerror(errno));
        exit(1);
    }
}


__attribute__((unused)) static const char *
store_path(const char *name)
{
    static char      path[4][1024];
    static unsigned  n;

    n = (n + 1) % 4;
    (void) snprintf(path[n], sizeof(path[n]), "%s%s", store_dir, name);

    return path[n];
}


__attribute__((unused)) static llm_store_op_t *
store_op(llm_store_op_e type)
{
    llm_store_empty(&op);
    memset(&op, 0, sizeof(op));
    op.type = type;

    return &op;
}


__attribute__((unused)) static llm_store_t *
store_create(int reader)
{
    llm_store_t       *store;
    llm_store_conf_t   conf;

    memset(&conf, 0, sizeof(conf));
    conf.directory = store_dir;
    conf.timeout = store_timeout;
    conf.reader = reader;

    store = llm_store_create(&conf);

    if (store == NULL) {
        exit(1);
    }

    return store;
}


__attribute__((unused)) static llm_store_status_e
store_open(llm_store_t *store, int leader)
{
    store_op(LLM_STORE_OPEN);
    op.open.leader = leader;
    (void) llm_store_run(store, &op);

    memcpy(store_told, op.open.text, sizeof(store_told));

    return op.status;
}


/* One that is open, or the end of the test. */

__attribute__((unused)) static llm_store_t *
store_new(int leader)
{
    llm_store_t  *store;

    store = store_create(0);

    if (store_open(store, leader) != LLM_STORE_OK) {
        printf("Bail out! %s\n", op.error);
        exit(1);
    }

    return store;
}


__attribute__((unused)) static int64_t
store_offset(llm_store_t *store)
{
    size_t  i;

    store_op(LLM_STORE_OFFSETS);

    if (llm_store_run(store, &op) != LLM_STORE_OK) {
        return -1;
    }

    for (i = 0; i < op.offsets.nrows; i++) {
        if (store_is(&op.offsets.rows[i].name, SEGMENT)) {
            return op.offsets.rows[i].to;
        }
    }

    return 0;
}


/* Adds lines from - to. */

__attribute__((unused)) static llm_store_status_e
store_lines(llm_store_t *store, int64_t from, int64_t to)
{
    int                         i;
    int64_t                     n;
    static char                 names[TEAMS][24];
    static llm_store_sum_t      sums[2 * TEAMS];
    static llm_store_usage_t    usage[TEAMS];
    static llm_store_period_t   periods[2];
    static llm_store_segment_t  segment;

    memset(sums, 0, sizeof(sums));
    memset(usage, 0, sizeof(usage));

    periods[0] = (llm_store_period_t) { MONTH, START, START + 30 * 86400 };
    periods[1] = (llm_store_period_t) { DAY, START, START + 86400 };
    segment = (llm_store_segment_t) { T(SEGMENT), from * LINE, to * LINE, 0 };

    for (i = 0; i < TEAMS; i++) {
        (void) snprintf(names[i], sizeof(names[i]), "team-%d", i);

        usage[i].day = 20260401;
        usage[i].team = store_text(names[i]);
        usage[i].model = T("m");

        sums[i].subject.type = T("team");
        sums[i].subject.id = usage[i].team;
        sums[i + TEAMS].subject = sums[i].subject;
        sums[i + TEAMS].period = 1;
    }

    for (n = from; n < to; n++) {
        i = (int) (n % TEAMS);
        usage[i].count[LLM_STORE_REQUESTS]++;
        usage[i].count[LLM_STORE_INPUT] += n + 1;
        usage[i].count[LLM_STORE_OUTPUT] += 2;
        usage[i].count[LLM_STORE_COST] += 3 * n;
    }

    for (i = 0; i < TEAMS; i++) {
        memcpy(sums[i].amount, usage[i].count, sizeof(sums[i].amount));
        memcpy(sums[i + TEAMS].amount, usage[i].count,
               sizeof(sums[i].amount));
    }

    store_op(LLM_STORE_COMMIT);
    op.commit.segments = &segment;
    op.commit.nsegments = 1;
    op.commit.periods = periods;
    op.commit.nperiods = 2;
    op.commit.sums = sums;
    op.commit.nsums = 2 * TEAMS;
    op.commit.usage = usage;
    op.commit.nusage = TEAMS;

    return llm_store_run(store, &op);
}


/* Whether all sums are those of so many lines. */

__attribute__((unused)) static int
store_has(llm_store_t *store, int64_t lines)
{
    int      i, good, seen;
    char     name[24];
    size_t   k;
    int64_t  n, want[TEAMS][LLM_STORE_SUMS];

    memset(want, 0, sizeof(want));

    for (n = 0; n < lines; n++) {
        want[n % TEAMS][LLM_STORE_REQUESTS]++;
        want[n % TEAMS][LLM_STORE_INPUT] += n + 1;
        want[n % TEAMS][LLM_STORE_OUTPUT] += 2;
        want[n % TEAMS][LLM_STORE_COST] += 3 * n;
    }

    good = 0;

    for (i = 0; i < TEAMS; i++) {

        (void) snprintf(name, sizeof(name), "team-%d", i);

        store_op(LLM_STORE_LOAD);
        op.load.subject.type = T("team");
        op.load.subject.id = store_text(name);
        op.load.now = NOW;

        if (llm_store_run(store, &op) != LLM_STORE_OK) {
            printf("# %s\n", op.error);
            return 0;
        }

        for (k = 0; k < op.load.nrows; k++) {
            good += memcmp(op.load.rows[k].sum, want[i], sizeof(want[i])) == 0;
        }
    }

    store_op(LLM_STORE_USAGE);
    op.usage.from = 20260101;
    op.usage.to = 20261231;
    op.usage.by = LLM_STORE_BY_TEAM;

    if (llm_store_run(store, &op) != LLM_STORE_OK) {
        printf("# %s\n", op.error);
        return 0;
    }

    seen = (int) op.usage.nrows;

    for (k = 0; k < op.usage.nrows; k++) {
        good += memcmp(op.usage.rows[k].count, want[k], sizeof(want[k])) == 0;
    }

    return good == 3 * TEAMS && seen == TEAMS;
}


/*
 * Brings the store to so many lines, from wherever it is, as the leader does:
 * what is damaged or gone is opened again.
 */

__attribute__((unused)) static int
store_carry(llm_store_t *store, int64_t lines)
{
    int      tries;
    int64_t  offset;

    for (tries = 0; tries < 20; tries++) {

        offset = store_offset(store);

        if (offset >= 0) {

            if (offset == lines * LINE) {
                return 1;
            }

            (void) store_lines(store, offset / LINE, lines);
        }

        if (op.status == LLM_STORE_DAMAGED || op.status == LLM_STORE_GONE
            || op.status == LLM_STORE_CLOSED)
        {
            (void) store_open(store, 1);
        }
    }

    printf("# %s\n", op.error);

    return 0;
}


/* Who is not the module, and has none of its functions. */

__attribute__((unused)) static const char *
store_query(const char *file, const char *sql)
{
    int           rc;
    sqlite3      *db;
    sqlite3_stmt *stmt;
    static char   answer[1024];

    answer[0] = '\0';

    if (sqlite3_open(store_path(file), &db) != SQLITE_OK
        || sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK)
    {
        (void) snprintf(answer, sizeof(answer), "%s", sqlite3_errmsg(db));
        (void) sqlite3_close(db);
        return answer;
    }

    (void) sqlite3_busy_timeout(db, 5000);

    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        int     i;
        size_t  n;

        for (i = 0; i < sqlite3_column_count(stmt); i++) {
            n = strlen(answer);
            (void) snprintf(answer + n, sizeof(answer) - n, "%s%s",
                            i ? "|" : n ? "\n" : "",
                            (const char *) sqlite3_column_text(stmt, i));
        }
    }

    if (rc != SQLITE_DONE) {
        (void) snprintf(answer, sizeof(answer), "%s", sqlite3_errmsg(db));
    }

    (void) sqlite3_finalize(stmt);
    (void) sqlite3_close(db);

    return answer;
}


__attribute__((unused)) static void
store_spew(const char *name, const void *data, size_t n)
{
    int  fd;

    fd = open(store_path(name), O_CREAT|O_TRUNC|O_WRONLY, 0644);

    if (fd == -1 || write(fd, data, n) != (ssize_t) n) {
        printf("Bail out! %s: %s\n", store_path(name), strerror(errno));
        exit(1);
    }

    (void) close(fd);
}


__attribute__((unused)) static size_t
store_slurp(const char *name, void *data, size_t max)
{
    int      fd;
    ssize_t  n;

    fd = open(store_path(name), O_RDONLY);
    n = (fd == -1) ? 0 : read(fd, data, max);
    (void) close(fd);

    return (n < 0) ? 0 : (size_t) n;
}


/* Files whose names begin and end so. */

__attribute__((unused)) static unsigned
store_count(const char *start, const char *end)
{
    DIR            *dir;
    size_t          n;
    unsigned        found;
    struct dirent  *entry;

    found = 0;
    dir = opendir(store_dir);

    while (dir && (entry = readdir(dir)) != NULL) {
        n = strlen(entry->d_name);
        found += strncmp(entry->d_name, start, strlen(start)) == 0
                 && n >= strlen(end)
                 && strcmp(entry->d_name + n - strlen(end), end) == 0;
    }

    (void) closedir(dir);

    return found;
}


__attribute__((unused)) static llm_store_status_e
store_backup(llm_store_t *store)
{
    store_op(LLM_STORE_BACKUP);

    return llm_store_run(store, &op);
}


__attribute__((unused)) static llm_store_status_e
store_entity(llm_store_t *store, const char *id, const char *json)
{
    static llm_store_change_t  change;

    memset(&change, 0, sizeof(change));
    change.kind = T("key");
    change.id = store_text(id);
    change.json = store_text(json);
    change.version = LLM_STORE_ANY_VERSION;

    store_op(LLM_STORE_CHANGE);
    op.change.changes = &change;
    op.change.nchanges = 1;

    return llm_store_run(store, &op);
}


__attribute__((unused)) static int
store_has_entity(llm_store_t *store, const char *id, const char *json)
{
    store_op(LLM_STORE_ENTITY);
    op.entity.kind = T("key");
    op.entity.id = store_text(id);

    return llm_store_run(store, &op) == LLM_STORE_OK
           && store_is(&op.entity.json, json);
}


#define is_text(got, expected, ...)                                           \
    do {                                                                      \
        const char  *s_ = (got);                                              \
        is_mem(s_, strlen(s_), expected, __VA_ARGS__);                        \
    } while (0)

#define is_status(got, expected, ...)                                         \
    do {                                                                      \
        int  s_ = (got);                                                      \
        if (!is_int(s_, expected, __VA_ARGS__)) {                             \
            printf("# %s\n", op.error);                                       \
        }                                                                     \
    } while (0)


#endif /* _STORE_H_INCLUDED_ */
