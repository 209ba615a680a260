
/*
 * Copyright (C) the llm_quota authors
 */


#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tap.h"
#include "llm_carrier.h"
#include "llm_retain.h"


/*
 * A segment goes when it is old, and when the older of two backups has all of
 * it; backups are made once a day, and where such a segment needs one.
 */


#define OWN    0x1111111111111111ULL
#define OTHER  0x2222222222222222ULL
#define DAY    (24 * 3600)


static char               dir[64];
static int                cancel;
static llm_retain_run_t   run;


static int
canceled(void)
{
    return cancel;
}


static void
begin(void)
{
    strcpy(dir, "/tmp/llm-retain-XXXXXX");

    if (mkdtemp(dir) == NULL) {
        exit(1);
    }

    strcat(dir, "/");
}


static void
end(void)
{
    char  command[128];

    snprintf(command, sizeof(command), "rm -rf %s", dir);

    if (system(command) != 0) {
        exit(1);
    }
}


static void
path_of(char *path, uint64_t epoch, unsigned number)
{
    sprintf(path, "%susage-20260401T123005Z-%016llx-%04u.jsonl", dir,
            (unsigned long long) epoch, number);
}


static void
segment(uint64_t epoch, unsigned number, int64_t age)
{
    int              fd;
    char             path[256];
    u_char           buf[LLM_LINE_MAX], *p;
    llm_line_t       line;
    llm_usage_t      usage;
    struct timespec  times[2];

    memset(&line, 0, sizeof(llm_line_t));
    memset(&usage, 0, sizeof(llm_usage_t));

    line.usage = &usage;
    line.epoch = epoch;
    line.number = number + 1;
    line.requests = 1;
    line.source = "upstream";
    line.team.data = (u_char *) "t";
    line.team.len = 1;

    p = llm_line_print(buf, &line);

    path_of(path, epoch, number);
    fd = open(path, O_WRONLY|O_CREAT|O_APPEND, 0600);

    memset(times, 0, sizeof(times));
    times[0].tv_sec = time(NULL) - age;
    times[1].tv_sec = time(NULL) - age;

    if (fd == -1 || write(fd, buf, p - buf) != p - buf
        || futimens(fd, times) != 0)
    {
        exit(1);
    }

    close(fd);
}


static int
is_here(uint64_t epoch, unsigned number)
{
    char  path[256];

    path_of(path, epoch, number);

    return access(path, F_OK) == 0;
}


static void
carry(void)
{
    llm_carrier_t             *c;
    llm_carrier_conf_t         conf;
    static llm_carrier_run_t   carried;

    memset(&conf, 0, sizeof(llm_carrier_conf_t));

    conf.directory = dir;
    conf.epoch = OWN;
    conf.carry.calendar.reset_day = 1;
    llm_kept_init(&conf.carry.kept);

    c = llm_carrier_create(&conf);

    llm_carrier_run(c, &carried);
    is_int(carried.status, LLM_STORE_OK, "all is carried");

    llm_carrier_destroy(c);
}


static int
retain(int64_t later)
{
    llm_retain_conf_t  conf;

    memset(&conf, 0, sizeof(llm_retain_conf_t));

    conf.directory = dir;
    conf.epoch = OWN;
    conf.retain = 7 * DAY;
    conf.canceled = canceled;

    run.now = time(NULL) + later;
    run.newest = 5;

    llm_retain_run(&conf, &run);

    return run.status;
}


static void
test_segments(void)
{
    unsigned  i;

    begin();

    is_int(retain(0), LLM_STORE_ABSENT, "nothing without a store");

    for (i = 0; i < 6; i++) {
        segment(OWN, i, 10 * DAY);
    }

    segment(OTHER, 0, 10 * DAY);
    segment(OTHER, 1, 6 * DAY);
    segment(OTHER + 1, 0, 7 * DAY + DAY / 2);
    segment(OTHER + 2, 0, 9 * DAY);

    carry();

    is_int(retain(0), LLM_STORE_OK, "a first look");
    is_int(run.backups, 2, "two backups, which old segments need");
    is_int(run.deleted, 6, "these segments go");

    for (i = 0; i < 4; i++) {
        ok(!is_here(OWN, i), "this zone's old ones: %u", i);
    }

    ok(is_here(OWN, 4) && is_here(OWN, 5), "but for the newest two");
    ok(!is_here(OTHER, 0) && is_here(OTHER, 1), "another's that are old");
    ok(is_here(OTHER + 1, 0), "but for what it may still write to");
    ok(!is_here(OTHER + 2, 0), "for another day");

    is_int(retain(0), LLM_STORE_OK, "once more");
    ok(run.backups == 0 && run.deleted == 0, "there is nothing to do");

    /* what came after the older backup */

    segment(OTHER, 1, 6 * DAY);
    segment(OTHER, 2, 0);
    carry();

    is_int(retain(2 * DAY), LLM_STORE_OK, "two days later");
    ok(run.backups == 2 && !is_here(OTHER, 1), "it has to be in both");
    ok(!is_here(OTHER + 1, 0), "what was young is old");

    /* and what was not carried */

    segment(OTHER + 3, 0, 20 * DAY);
    is_int(retain(0), LLM_STORE_OK, "a segment that was not carried");
    ok(run.deleted == 0 && is_here(OTHER + 3, 0), "stays");

    end();
}


static void
test_daily(void)
{
    begin();
    segment(OWN, 5, 0);
    carry();

    is_int(retain(0), LLM_STORE_OK, "the first day");
    ok(run.backups == 1 && run.deleted == 0, "a backup");
    is_int(retain(DAY - 3600), LLM_STORE_OK, "later that day");
    is_int(run.backups, 0, "none");
    is_int(retain(DAY), LLM_STORE_OK, "the next day");
    is_int(run.backups, 1, "another one");
    is_int(retain(-3600), LLM_STORE_OK, "a clock that is set back");
    is_int(run.backups, 1, "does not keep one from being made");

    cancel = 1;
    is_int(retain(2 * DAY), LLM_STORE_CANCELED, "nginx ends");
    is_int(run.backups, 0, "that need not wait for a backup");
    cancel = 0;

    end();
}


int
main(void)
{
    test_segments();
    test_daily();

    return tap_done();
}
