
/*
 * Copyright (C) the llm_quota authors
 */


#include <stdio.h>
#include <string.h>

#include "llm_watch.h"
#include "quota.h"


#define DAY    86400
#define START  (20000LL * DAY)


static llm_row_t    row;
static llm_alert_t  seen[32];
static int          lesser[32];
static int64_t      generation;
static unsigned     nseen;


static void
see(void *data, const llm_alert_t *alert, int64_t gen, int less)
{
    (void) data;

    generation = gen;
    lesser[nseen] = less;
    seen[nseen++] = *alert;
}


/* What is told of a team that has used so many requests and cents of a day,
   at this second of it. */

static const char *
told(int64_t requests, int64_t cents, int64_t second)
{
    char               one[64];
    unsigned           i;
    static char        text[512];
    llm_watch_total_t  total;

    memset(&total, 0, sizeof(total));

    total.type = LLM_SUBJECT_TEAM;
    total.name.data = (const u_char *) "red";
    total.name.len = 3;
    total.period = LLM_PERIOD(LLM_PERIOD_DAYS, 1);
    total.start = START;
    total.end = START + DAY;
    total.used[LLM_COUNT_REQUESTS] = requests;
    total.used[LLM_COUNT_COST] = cents * 10000000;
    total.generation = 7;

    nseen = 0;
    text[0] = '\0';

    llm_watch_row(&total, &row, START + second, see, NULL);

    for (i = 0; i < nseen; i++) {
        sprintf(one, "%s%s%s:%.*s:%d", i ? " " : "", lesser[i] ? "-" : "",
                seen[i].event == LLM_ALERT_CROSSED ? "crossed"
                : seen[i].event == LLM_ALERT_SOFT ? "soft" : "projected",
                (int) seen[i].resource.len, seen[i].resource.data,
                (int) seen[i].threshold);
        strcat(text, one);
    }

    return text;
}


static void
is_told(const char *text, const char *expected, const char *name)
{
    is_mem(text, strlen(text), expected, "%s", name);
}


int
main(void)
{
    llm_alert_t       alert;
    llm_refused_t     refused;
    llm_store_text_t  name;

    quota_row(&row, "budget=1/day");
    is_told(told(0, 79, 0), "", "below all");
    is_told(told(0, 80, 0), "soft:cost:80", "at the threshold");
    is_int(seen[0].soft, 800000000, "which is an amount");
    is_int(generation, 7, "of a generation");
    is_told(told(0, 100, 0), "crossed:cost:100", "at the limit");
    is_int(seen[0].next, LLM_ALERT_NEXT_REFUSED, "then refused");
    is_int(seen[0].reset_at, START + DAY, "until the end");
    is_int(seen[0].severity, LLM_ALERT_CRITICAL, "critical");

    llm_watch_reset(&seen[0], &alert);
    is_int(alert.time, (START + DAY) * 1000, "then it begins again");
    is_int(alert.started, START + DAY, "another period");

    quota_row(&row, "budget=1/day soft=50%,80%,95% hard_cap=off");
    is_told(told(0, 96, 0), "soft:cost:95 -soft:cost:80 -soft:cost:50",
           "the highest first");
    is_told(told(0, 80, 0), "soft:cost:80 -soft:cost:50", "what is met");
    is_int(seen[0].next, LLM_ALERT_NEXT_GOES_ON, "and goes on");

    quota_row(&row, "budget=1/day soft=80%,100%");
    is_told(told(0, 100, 0), "crossed:cost:100",
           "the whole is crossed once");

    quota_row(&row,
              "budget=1/day requests=10/day rpm=1 budget=1/month parallel=1");
    is_told(told(8, 100, 0),
           "soft:requests:80 crossed:cost:100",
           "each limit of the period, and no rate");

    quota_row(&row, "budget=0/day");
    is_told(told(0, 5, 0), "", "a limit of nothing");

    quota_row(&row, "budget=1/day");
    is_told(told(0, 20, DAY / 11), "", "too soon for a pace");
    is_told(told(0, 20, DAY / 10), "projected:cost:0", "a pace");
    is_int(seen[0].projected, 2000000000, "to twice as much");
    is_int(seen[0].exceeded_at, START + DAY / 2, "in the middle");
    is_told(told(0, 50, DAY / 2), "", "a pace that fits");
    is_told(told(0, 80, DAY / 2), "soft:cost:80 projected:cost:0", "both");
    is_int(seen[1].soft, 0, "each its own");

    memset(&refused, 0, sizeof(refused));
    refused.type = LLM_SUBJECT_TEAM;
    refused.resource = LLM_RESOURCE_COST;
    refused.amount = 100;
    refused.used = 60;
    ok(llm_watch_refused(&refused, &alert), "refused before it is used up");
    is_int(alert.threshold, 100, "known as the one of that");
    refused.used = 100;
    ok(!llm_watch_refused(&refused, &alert), "then it is crossed");

    name.data = (const u_char *) "red\0m";
    name.len = 5;
    memset(&alert, 0, sizeof(alert));
    llm_watch_subject(&alert, LLM_SUBJECT_TEAM_MODEL, &name);
    is_int(alert.subject.len, 3, "of a pair the first half");
    is_int(alert.other.len, 1, "and the second");
    is_int(llm_watch_type(&alert.scope), LLM_SUBJECT_TEAM_MODEL, "a type");
    is_int(llm_watch_type(&name), LLM_SUBJECT_TYPES, "and none");

    return tap_done();
}
