
/*
 * Copyright (C) the llm_quota authors
 */


#define _GNU_SOURCE
#include <signal.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

#include "carrier.h"
#include "llm_money.h"


/*
 * What the ledger says the store has, once: whoever carries it, however often
 * they are killed, whatever becomes of the files.
 */


static void
test_carry(void)
{
    size_t          len;
    u_char          buf[LLM_LINE_MAX];
    llm_carrier_t  *c;

    begin();
    c = carrier();

    ok(carry(c), "an empty directory");
    ok(same(c), "has nothing");

    append(OWN, 0, 50);
    ok(carry(c) && run.carried == 50, "lines are carried");
    ok(same(c), "to the cent");
    ok(carry(c) && run.carried == 0, "once");

    append(OWN, 0, 20);
    append(OWN, 1, 20);
    append(OTHER, 0, 20);
    ok(carry(c) && run.carried == 60, "of all segments what has grown");
    ok(same(c), "to the cent");

    /* half a line, and the rest of it later */

    len = line_of(buf, OWN, 3);
    put(OWN, 1, buf, len / 2);
    ok(carry(c) && run.carried == 0 && run.torn == 0, "half a line waits");
    put(OWN, 1, buf + len / 2, len - len / 2);
    ok(carry(c) && run.carried == 1, "until it is whole");
    ok(same(c), "to the cent");

    /* a torn one that never gets its end */

    put(OWN, 1, buf, len / 2);
    append(OWN, 1, 5);
    ok(carry(c) && run.carried == 5 && run.torn == 1,
       "a torn line hides not the next");
    ok(same(c), "to the cent");

    /* another process goes on where this one was */

    llm_carrier_destroy(c);
    c = carrier();
    append(OWN, 2, 30);
    ok(carry(c) && run.carried == 30, "another carrier knows where it was");
    ok(same(c), "to the cent");

    llm_carrier_destroy(c);
    end();
}


static void
test_two(void)
{
    int             i, good, overtaken;
    llm_carrier_t  *a, *b;

    begin();
    a = carrier();
    b = carrier();

    for (i = 0, good = 0, overtaken = 0; i < 40; i++) {
        append(OWN, i / 10, 1 + rnd(5));
        append(OTHER, 0, 1);

        good += carry(i % 2 ? a : b);
        overtaken += run.overtaken;
    }

    good += carry(a) + carry(b);

    is_int(good, 42, "two leaders take turns");
    is_int(overtaken, 38, "and each knows what the other has carried");
    ok(same(a), "and carry each line once");

    llm_carrier_destroy(a);
    llm_carrier_destroy(b);
    end();
}


/* Each finds segments that the other has carried, and that it has not seen. */

static void
test_race(void)
{
    int             i, good;
    pid_t           pid;
    llm_carrier_t  *c;

    begin();
    c = carrier();
    good = carry(c);

    pid = fork();

    if (pid == 0) {
        c = carrier();

        for ( ;; ) {
            llm_carrier_run(c, &run);
        }
    }

    for (i = 0; i < 150; i++) {
        append(OWN, i, 3);
        good += carry(c);
    }

    kill(pid, SIGKILL);
    (void) waitpid(pid, NULL, 0);

    good += carry(c);

    is_int(good, 152, "two leaders at once");
    ok(same(c), "carry each line once");

    llm_carrier_destroy(c);
    end();
}


/* A process that carries until it is killed, while lines are written. */

static void
test_kill(void)
{
    int              i, kills;
    pid_t            pid;
    llm_carrier_t   *c;
    struct timespec  t;

    begin();
    c = carrier();
    ok(carry(c), "a store is made");
    llm_carrier_destroy(c);

    kills = 0;

    for (i = 0; i < 25; i++) {
        pid = fork();

        if (pid == 0) {
            c = carrier();

            for ( ;; ) {
                llm_carrier_run(c, &run);
            }
        }

        append(OWN, i / 5, 40);

        t.tv_sec = 0;
        t.tv_nsec = rnd(20000000);
        nanosleep(&t, NULL);

        kill(pid, SIGKILL);
        kills += (waitpid(pid, NULL, 0) == pid);
    }

    c = carrier();

    is_int(kills, 25, "carriers are killed");
    ok(carry(c), "another one goes on");
    ok(same(c), "each line was carried once");

    llm_carrier_destroy(c);
    end();
}


static void
test_files(void)
{
    char            path[256];
    struct stat     st;
    llm_carrier_t  *c;

    begin();
    c = carrier();

    append(OTHER, 0, 30);
    append(OWN, 0, 30);
    ok(carry(c) && same(c), "two segments");

    path_of(path, OTHER, 0);
    unlink(path);
    ok(carry(c) && same(c), "one that is deleted leaves its sums");

    path_of(path, OWN, 0);
    stat(path, &st);
    ok(truncate(path, st.st_size / 2) == 0 && carry(c), "one is cut");
    ok(strstr(run.note, "shorter") != NULL, "which is told");
    ok(same(c), "its sums stay");

    /* the cut is inside a line, which the next one ends */

    append(OWN, 0, 10);
    ok(carry(c) && run.carried == 10, "what follows is carried");
    ok(same(c), "to the cent");

    strcpy(path, dir);
    strcat(path, "usage-20260401T123005Z-nothexnothexnoth-0000.jsonl");
    ok(mkdir(path, 0700) == 0 && carry(c), "other names are none of ours");

    llm_carrier_destroy(c);
    end();
}


/* A segment was written to so many seconds ago. */

static void
age(unsigned segment, int seconds)
{
    char            path[256];
    struct timeval  tv[2];

    path_of(path, OTHER, segment);

    memset(tv, 0, sizeof(tv));
    tv[0].tv_sec = tv[1].tv_sec = time(NULL) - seconds;

    if (utimes(path, tv) != 0) {
        exit(1);
    }
}


static void
test_foreign(void)
{
    char                 path[256];
    unsigned             i, n;
    llm_carrier_t       *c;
    llm_carrier_mark_t   marks[LLM_CARRIER_MARKS];

    begin();
    c = carrier();

    append(OTHER, 0, 10);
    append(OWN, 0, 10);

    ok(carry(c) && run.nlines == 0, "lines stay in");
    run.foreign = 1;
    ok(carry(c) && run.nlines == 10, "or come out, if they are of others");

    n = llm_carrier_marks(c, marks);
    is_int(n, 1, "the other zone's ledger has a mark");

    run.marks = marks;
    run.nmarks = n;

    ok(carry(c) && run.nlines == 0, "before it nothing comes out");

    append(OTHER, 0, 3);
    append(OTHER, 1, 2);
    append(OWN, 0, 5);
    ok(carry(c) && run.nlines == 5, "behind it what is of others");
    ok(run.lines[0].cost > 0 && run.lines[0].requests == 1
       && run.lines[0].input == 10 && run.lines[0].output == 5
       && run.lines[0].text[LLM_ENTRY_TEAM].len == 6,
       "with what it says");

    marks[0] = run.lines[4].end;
    ok(marks[0].offset > 0 && marks[0].epoch == OTHER, "and where it ends");

    /* many come out in turns, each of which says where it ends */

    append(OTHER, 1, LLM_CARRIER_LINES);
    n = llm_carrier_marks(c, marks);
    run.nmarks = n;
    ok(carry(c) && run.nlines == LLM_CARRIER_LINES && !run.more_lines,
       "as many as there is room for");
    append(OTHER, 1, 1);
    ok(carry(c) && run.more_lines, "and then there are more");
    marks[n - 1] = run.lines[run.nlines - 1].end;
    ok(carry(c) && run.nlines == 1 && !run.more_lines, "in the next turn");

    /* old segments that are many */

    for (i = 2; i < LLM_CARRIER_MARKS + 10; i++) {
        append(OTHER, i, 1);
    }

    ok(carry(c), "many segments");
    n = llm_carrier_marks(c, marks);
    is_int(n, LLM_CARRIER_MARKS, "of the newest there are marks");
    is_int(marks[n - 1].number, LLM_CARRIER_MARKS + 9, "the newest is last");
    run.nmarks = n;
    ok(carry(c) && run.nlines == 0, "of old ones nothing comes out");

    path_of(path, OTHER, LLM_CARRIER_MARKS + 9);
    unlink(path);
    ok(carry(c) && same(c), "one is gone");
    is_int(run.nlines, 0, "nothing comes out of the one in its place");
    ok(llm_carrier_marks(c, marks) == LLM_CARRIER_MARKS
       && marks[LLM_CARRIER_MARKS - 1].number == LLM_CARRIER_MARKS + 8,
       "and so is its mark");

    append(OTHER, marks[0].number, 2);
    ok(carry(c) && run.nlines == 2, "until it grows");
    run.nmarks = llm_carrier_marks(c, marks);

    /* an old name is written to, by a clock that was set back */

    for (i = 5; i < LLM_CARRIER_MARKS + 8; i++) {
        age(i, (i % 2) ? 100 : -1000);
    }

    ok(carry(c) && run.nlines == 0, "all are old");
    append(OTHER, 0, 3);
    ok(carry(c) && run.nlines == 3, "what an old one gets comes out");
    ok(same(c), "and is stored");

    memset(&run, 0, sizeof(run));
    llm_carrier_destroy(c);
    end();
}


/* The lines of the last minute, in a segment that has many. */

static void
test_since(void)
{
    unsigned             i, n, back;
    llm_carrier_t       *c;
    llm_carrier_mark_t   mark;

    begin();
    c = carrier();
    now = (int64_t) time(NULL) * 1000 - 400000;

    for (i = 0; i < 400; i++) {
        append(OTHER, 0, 15);
        now += 1000;
    }

    ok(carry(c), "400 seconds");

    run.foreign = 1;
    run.since = now - 60000;
    ok(carry(c) && run.nlines == 60 * 15, "the last minute's lines come out");

    mark = run.lines[99].end;
    run.marks = &mark;
    run.nmarks = 1;
    ok(carry(c) && run.nlines == 800, "those behind a mark");
    run.nmarks = 0;

    run.since = now;
    ok(carry(c) && run.nlines == 0, "a minute later they are old");

    for (i = 0, n = 0; i < 20; i++) {
        back = rnd(400);
        run.since = now - 1000 * back;
        n += carry(c) && run.nlines == (15 * back > LLM_CARRIER_LINES
                                        ? LLM_CARRIER_LINES : 15 * back);
    }

    is_int(n, 20, "since any moment");
    ok(run.torn == 0, "no line is taken for a torn one");

    memset(&run, 0, sizeof(run));
    llm_carrier_destroy(c);
    end();
}


static void
test_much(void)
{
    int             i;
    llm_carrier_t  *c;

    begin();
    c = carrier();

    for (i = 0; i < 12; i++) {
        append(OWN, i, 2000);
    }

    llm_carrier_run(c, &run);
    ok(run.status == LLM_STORE_OK && run.more, "a run is bounded");
    ok(carry(c) && same(c), "and followed by others");

    llm_carrier_destroy(c);
    end();
}


/* Corrections and resets: in the sums, in the audit, once. */

static void
fact(llm_line_fact_t *f, int64_t amount)
{
    memset(f, 0, sizeof(llm_line_fact_t));

    f->epoch = OWN;
    f->number = ++number;
    f->timestamp = now;
    f->made = now;
    f->team.data = (u_char *) "team-1";
    f->team.len = 6;
    f->reason.data = (u_char *) "why";
    f->reason.len = 3;
    f->amount[LLM_FACT_COST] = amount;
}


static void
put_fact(const llm_line_fact_t *f)
{
    u_char  buf[LLM_FACT_MAX];

    put(OWN, 0, buf, llm_line_fact(buf, f) - buf);
}


static unsigned
audited(llm_carrier_t *c)
{
    unsigned        n;
    llm_store_op_t  op;

    memset(&op, 0, sizeof(llm_store_op_t));

    op.type = LLM_STORE_AUDIT;
    op.audit.kind.data = (u_char *) "team";
    op.audit.kind.len = 4;
    op.audit.id.data = (u_char *) "team-1";
    op.audit.id.len = 6;
    op.audit.max = 100;

    n = (llm_store_run(llm_carrier_store(c), &op) == LLM_STORE_OK)
        ? op.audit.nrows : 99;

    if (n && (op.audit.rows[0].actor.reason.len != 3
              || op.audit.rows[0].after.len < 100))
    {
        n = 98;
    }

    llm_store_empty(&op);

    return n;
}


static void
test_facts(void)
{
    char                command[256];
    llm_carrier_t      *c;
    llm_line_fact_t     f;
    llm_line_period_t   periods[2];

    begin();
    c = carrier();

    append(OWN, 0, 30);

    fact(&f, -12345);
    put_fact(&f);
    cost[1] -= 12345;

    ok(carry(c) && run.carried == 31, "a correction is carried");
    ok(same(c), "and taken off, of all whom it names");
    is_int(audited(c), 1, "the audit has it");

    /* a reset is of the one subject: all that it has is taken but 7, and what
       comes to be read later counts */

    fact(&f, 0);

    f.subject.data = (u_char *) "team";
    f.subject.len = 4;
    f.periods = periods;
    f.nperiods = 2;

    memset(periods, 0, sizeof(periods));

    periods[0].period.data = (u_char *) "month";
    periods[0].period.len = 5;
    periods[0].start = 1775001600;
    periods[0].amount[LLM_FACT_COST] = 7 - cost[1];
    periods[1] = periods[0];
    periods[1].period.data = (u_char *) "day";
    periods[1].period.len = 3;

    put_fact(&f);
    ok(carry(c) && run.carried == 1, "a reset is carried");

    snprintf(command, sizeof(command),
             "test \"$(sqlite3 %squota.db \"SELECT group_concat((cost -"
             " base_cost) || ' ' || generation, '/') FROM meter WHERE id ="
             " 'team-1'\")\" = '7 2/7 2'", dir);
    is_int(system(command), 0, "which shows what was kept, and falls again");

    is_int(audited(c), 2, "the audit has that, too");

    /* the offsets go back, the audit stays: nothing is in it twice */

    snprintf(command, sizeof(command), "sqlite3 %squota.db 'DELETE FROM meter;"
             " DELETE FROM usage; UPDATE segment SET offset = 0'", dir);

    is_int(system(command), 0, "the store forgets");
    llm_carrier_destroy(c);

    c = carrier();
    ok(carry(c) && run.carried == 32, "all is carried again");
    is_int(audited(c), 2, "the audit has each once");

    llm_carrier_destroy(c);
    end();
}


int
main(void)
{
    test_facts();
    test_carry();
    test_two();
    test_race();
    test_kill();
    test_files();
    test_foreign();
    test_since();
    test_much();

    return tap_done();
}
