
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _CARRIER_H_INCLUDED_
#define _CARRIER_H_INCLUDED_


#include <fcntl.h>
#include <unistd.h>

#include "tap.h"
#include "llm_carrier.h"


/* A state directory whose segments a carrier carries, and what it must come
   to. */


#define TEAMS  7
#define OWN    0x1111111111111111ULL
#define OTHER  0x2222222222222222ULL
#define MONTH  LLM_PERIOD(LLM_PERIOD_MONTH, 1)
#define DAY    LLM_PERIOD(LLM_PERIOD_DAYS, 1)


static char               dir[64];
static int64_t            now;               /* ms of the epoch */
static uint64_t           number;
static int64_t            requests[TEAMS];
static int64_t            cost[TEAMS];
static llm_carrier_run_t  run;
static uint64_t           seed = 0x9e3779b97f4a7c15;


__attribute__((unused)) static uint64_t
rnd(uint64_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;

    return (seed >> 11) % n;
}


__attribute__((unused)) static void
begin(void)
{
    memset(requests, 0, sizeof(requests));
    memset(cost, 0, sizeof(cost));

    strcpy(dir, "/tmp/llm-carrier-XXXXXX");
    now = 1775046605123;

    if (mkdtemp(dir) == NULL) {
        exit(1);
    }

    strcat(dir, "/");
}


__attribute__((unused)) static void
end(void)
{
    char  command[128];

    snprintf(command, sizeof(command), "rm -rf %s", dir);

    if (system(command) != 0) {
        exit(1);
    }
}


__attribute__((unused)) static void
path_of(char *path, uint64_t epoch, unsigned segment)
{
    sprintf(path, "%susage-20260401T123005Z-%016llx-%04u.jsonl", dir,
            (unsigned long long) epoch, segment);
}


/* Of the next lines. */

static unsigned  ntags;


__attribute__((unused)) static size_t
line_of(u_char *p, uint64_t epoch, unsigned team)
{
    char         name[16];
    llm_line_t   line;
    llm_usage_t  usage;

    memset(&line, 0, sizeof(llm_line_t));
    memset(&usage, 0, sizeof(llm_usage_t));

    sprintf(name, "team-%u", team);

    usage.input = 10;
    usage.output = 5;

    line.usage = &usage;
    line.epoch = epoch;
    line.number = ++number;
    line.requests = 1;
    line.started = now;
    line.timestamp = now;
    line.cost = (int64_t) (number * 1000 + team);
    line.source = "upstream";
    line.status = 200;
    line.team.data = (u_char *) name;
    line.team.len = strlen(name);
    line.model.data = (u_char *) "m";
    line.model.len = 1;

    for (line.ntags = 0; line.ntags < ntags; line.ntags++) {
        line.tags[line.ntags].data = (u_char *) (line.ntags ? "two" : "one");
        line.tags[line.ntags].len = 3;
    }

    requests[team]++;
    cost[team] += line.cost;

    return llm_line_print(p, &line) - p;
}


__attribute__((unused)) static void
put(uint64_t epoch, unsigned segment, const void *data, size_t n)
{
    int   fd;
    char  path[256];

    path_of(path, epoch, segment);

    fd = open(path, O_WRONLY|O_CREAT|O_APPEND, 0600);

    if (fd == -1 || write(fd, data, n) != (ssize_t) n) {
        exit(1);
    }

    close(fd);
}


__attribute__((unused)) static void
append(uint64_t epoch, unsigned segment, unsigned n)
{
    size_t  len;
    u_char  buf[LLM_LINE_MAX];

    while (n--) {
        len = line_of(buf, epoch, rnd(TEAMS));
        put(epoch, segment, buf, len);
    }
}


__attribute__((unused)) static llm_carrier_t *
carrier(void)
{
    llm_carrier_conf_t  conf;

    memset(&conf, 0, sizeof(llm_carrier_conf_t));

    conf.directory = dir;
    conf.epoch = OWN;
    conf.sync = 1;
    conf.carry.calendar.reset_day = 1;

    (void) llm_kept_period(&conf.carry.kept, LLM_SUBJECT_GLOBAL, MONTH);
    (void) llm_kept_period(&conf.carry.kept, LLM_SUBJECT_TEAM, MONTH);
    (void) llm_kept_period(&conf.carry.kept, LLM_SUBJECT_TEAM, DAY);
    (void) llm_kept_period(&conf.carry.kept, LLM_SUBJECT_TAG, DAY);

    return llm_carrier_create(&conf);
}


__attribute__((unused)) static int
carry(llm_carrier_t *c)
{
    do {
        llm_carrier_run(c, &run);
    } while (run.status == LLM_STORE_OK && run.more);

    if (run.status != LLM_STORE_OK) {
        printf("# %s: %s\n", llm_store_status_name(run.status), run.error);
    }

    return run.status == LLM_STORE_OK;
}


/* Whether the store has of each team, and of all, what was written. */

__attribute__((unused)) static int
same(llm_carrier_t *c)
{
    int             good;
    char            name[16];
    size_t          i;
    int64_t         n, all, money;
    unsigned        team;
    llm_store_op_t  op;

    good = 1;
    all = 0;
    money = 0;

    for (team = 0; team <= TEAMS; team++) {
        memset(&op, 0, sizeof(llm_store_op_t));

        op.type = LLM_STORE_LOAD;
        op.load.now = now / 1000;
        op.load.subject.type.data = (u_char *) (team < TEAMS ? "team"
                                                             : "global");
        op.load.subject.type.len = (team < TEAMS) ? 4 : 6;
        op.load.subject.id.data = (u_char *) name;
        op.load.subject.id.len = (team < TEAMS) ? sprintf(name, "team-%u",
                                                          team)
                                                : 0;

        if (llm_store_run(llm_carrier_store(c), &op) != LLM_STORE_OK) {
            printf("# %s\n", op.error);
            return 0;
        }

        if (team < TEAMS) {
            all += requests[team];
            money += cost[team];
        }

        n = 0;

        for (i = 0; i < op.load.nrows; i++) {
            n++;

            if (op.load.rows[i].sum[LLM_STORE_REQUESTS]
                != (team < TEAMS ? requests[team] : all)
                || op.load.rows[i].sum[LLM_STORE_COST]
                   != (team < TEAMS ? cost[team] : money))
            {
                printf("# %s: %lld requests, %lld nano-dollars\n", name,
                       (long long) op.load.rows[i].sum[LLM_STORE_REQUESTS],
                       (long long) op.load.rows[i].sum[LLM_STORE_COST]);
                good = 0;
            }
        }

        if (n != (team == TEAMS ? (all != 0)
                                : requests[team] ? 2 : 0))
        {
            printf("# %s has %lld rows\n", name, (long long) n);
            good = 0;
        }

        llm_store_empty(&op);
    }

    return good;
}


#endif /* _CARRIER_H_INCLUDED_ */
