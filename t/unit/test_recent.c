
/*
 * Copyright (C) the llm_quota authors
 */


#define _GNU_SOURCE
#include <fcntl.h>
#include <unistd.h>

#include "llm_adopt.h"
#include "quota.h"


/*
 * Of more segments than there are marks: a line that one leader has carried, or
 * has not, when another comes, reaches the zone once.
 */


#define OLD    (LLM_CARRIER_MARKS + 6)
#define MONTH  LLM_PERIOD(LLM_PERIOD_MONTH, 1)


static char               dir[64];
static uint64_t           number;
static llm_zone_t        *z;
static llm_kept_t         kept;
static llm_clock_t        clock_now;
static llm_carrier_run_t  run;


static void
append(uint64_t epoch, unsigned segment)
{
    int          fd;
    char         path[256];
    size_t       n;
    u_char       buf[LLM_LINE_MAX];
    llm_line_t   line;
    llm_usage_t  usage;

    memset(&line, 0, sizeof(llm_line_t));
    memset(&usage, 0, sizeof(llm_usage_t));

    line.usage = &usage;
    line.epoch = epoch;
    line.number = ++number;
    line.requests = 1;
    line.started = clock_now.wall;
    line.timestamp = clock_now.wall;
    line.cost = 100;
    line.source = "upstream";
    line.status = 200;
    line.team.data = (u_char *) "t";
    line.team.len = 1;

    sprintf(path, "%susage-20260401T123005Z-%016llx-%04u.jsonl", dir,
            (unsigned long long) epoch, segment);

    n = llm_line_print(buf, &line) - buf;
    fd = open(path, O_WRONLY|O_CREAT|O_APPEND, 0600);

    if (fd == -1 || write(fd, buf, n) != (ssize_t) n) {
        exit(1);
    }

    close(fd);
}


static llm_carrier_t *
carrier(void)
{
    llm_carrier_conf_t  conf;

    memset(&conf, 0, sizeof(llm_carrier_conf_t));

    conf.directory = dir;
    conf.epoch = z->epoch;
    conf.carry.calendar = clock_now.calendar;
    conf.carry.kept = kept;

    return llm_carrier_create(&conf);
}


/* A run, of whose lines the zone gets to know if its leader lives on. */

static void
carry(llm_carrier_t *c, int lives)
{
    size_t                     i;
    unsigned                   n;
    static llm_carrier_mark_t  marks[LLM_CARRIER_MARKS];

    run.marks = marks;
    run.nmarks = llm_adopted(z, marks);
    run.others = z->others;
    run.loaded = (z->ready != 0);
    run.foreign = 1;

    llm_carrier_run(c, &run);

    if (run.status != LLM_STORE_OK) {
        printf("Bail out! %s\n", run.error);
        exit(1);
    }

    if (!lives) {
        return;
    }

    for (i = 0; i < run.nlines; i++) {
        llm_adopt_line(z, &clock_now, &kept, &run.lines[i]);
    }

    n = llm_carrier_marks(c, marks);
    llm_adopt_marks(z, marks, n, llm_carrier_others(c));

    if (run.missed) {
        llm_zone_unload(z);
    }

    z->ready = 1;
}


/* The team's meter is loaded, and has so many requests. */

static int64_t
load(int64_t requests)
{
    int64_t            end;
    llm_load_t         row;
    llm_period_t       month;
    llm_subject_key_t  key;

    memset(&row, 0, sizeof(llm_load_t));

    month = MONTH;
    row.period = month;
    row.sum[LLM_COUNT_REQUESTS] = requests;
    llm_clock_period(&clock_now, month, &row.start, &end);

    quota_key(z, &key, LLM_SUBJECT_TEAM, "t");
    (void) llm_zone_load(z, &clock_now, &key, &month, 1, &row, 1);

    return llm_zone_find_meter(z, llm_zone_subject(z, llm_zone_find(z, &key)),
                               month)->settled[LLM_COUNT_REQUESTS];
}


static int
loaded(void)
{
    llm_subject_key_t  key;

    quota_key(z, &key, LLM_SUBJECT_TEAM, "t");

    return llm_zone_is_loaded(z, &key, MONTH);
}


static llm_carrier_t *
begin(void)
{
    unsigned        i;
    llm_carrier_t  *c;

    z = quota_zone(LLM_ZONE_MIN);
    z->stored = 1;
    z->now = 1000000;

    quota_clock(&clock_now, QUOTA_WALL + 12 * 3600000);
    memset(&kept, 0, sizeof(llm_kept_t));
    memset(&run, 0, sizeof(llm_carrier_run_t));
    llm_kept_init(&kept);

    strcpy(dir, "/tmp/llm-recent-XXXXXX");

    if (mkdtemp(dir) == NULL) {
        exit(1);
    }

    strcat(dir, "/");

    for (i = 0; i < OLD; i++) {
        append(3, i);
    }

    c = carrier();
    carry(c, 1);
    (void) load(OLD);

    return c;
}


static void
end(llm_carrier_t *c)
{
    char  command[128];

    llm_carrier_destroy(c);
    snprintf(command, sizeof(command), "rm -rf %s", dir);

    ok(system(command) == 0 && quota_check(z) == NULL, "the zone is whole");
}


static void
test_lives(void)
{
    llm_carrier_t  *c;

    c = begin();

    append(4, 0);
    append(3, 0);
    carry(c, 1);
    ok(!run.missed && run.nlines == 2, "a new segment, and an old one");
    is_int(load(0), OLD + 2, "both are in the meter");

    carry(c, 1);
    ok(!run.missed && run.nlines == 0, "once");

    end(c);
}


static void
test_successor(void)
{
    llm_carrier_t  *c;

    c = begin();
    llm_carrier_destroy(c);

    c = carrier();
    carry(c, 1);
    ok(!run.missed && run.nlines == 0, "a leader who finds nothing new");
    llm_carrier_destroy(c);

    append(4, 0);
    append(3, 0);
    c = carrier();
    carry(c, 1);
    ok(!run.missed && run.nlines == 2, "who finds what nobody has carried");
    ok(loaded() && load(0) == OLD + 2, "adds it");

    end(c);
}


static void
test_missed(void)
{
    llm_carrier_t  *c;

    c = begin();

    append(4, 0);
    append(3, 0);
    carry(c, 0);
    llm_carrier_destroy(c);
    ok(loaded(), "one dies who has carried it, and did not tell");

    c = carrier();
    carry(c, 1);
    ok(run.missed && !loaded(), "the next one knows");
    is_int(load(OLD + 2), OLD + 2, "it is read from the store");

    append(4, 0);
    carry(c, 1);
    ok(!run.missed && run.nlines == 1 && load(0) == OLD + 3, "and it goes on");

    llm_carrier_destroy(c);
    c = carrier();
    carry(c, 1);
    ok(!run.missed && run.nlines == 0 && loaded(), "all is told");

    end(c);
}


/* Between what a leader carries and what he tells nothing is loaded. */

static void
test_moment(void)
{
    size_t           i;
    unsigned         n;
    llm_mark_t       offsets[OLD + 1];
    llm_store_op_t   op;
    llm_carrier_t   *c;

    c = begin();
    append(4, 0);
    carry(c, 0);

    memset(&op, 0, sizeof(llm_store_op_t));
    memset(offsets, 0, sizeof(offsets));
    op.type = LLM_STORE_OFFSETS;

    if (llm_store_run(llm_carrier_store(c), &op) != LLM_STORE_OK) {
        exit(1);
    }

    for (i = 0, n = 0; i < op.offsets.nrows && n <= OLD; i++, n++) {
        (void) llm_line_segment(op.offsets.rows[i].name.data,
                                op.offsets.rows[i].name.len,
                                &offsets[n].epoch, &offsets[n].number);
        offsets[n].offset = op.offsets.rows[i].to;
    }

    llm_store_empty(&op);

    is_int(n, OLD + 1, "segments");
    ok(!llm_zone_marks_are(z, offsets, n, 1), "the store has more");

    for (i = 0; i < run.nlines; i++) {
        llm_adopt_line(z, &clock_now, &kept, &run.lines[i]);
    }

    ok(llm_zone_marks_are(z, offsets, n, 1), "than until it is told");

    end(c);
}


int
main(void)
{
    test_lives();
    test_successor();
    test_missed();
    test_moment();

    return tap_done();
}
