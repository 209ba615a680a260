
/*
 * Copyright (C) the llm_quota authors
 */


#include <stdio.h>

#include "llm_series.h"
#include "llm_survey.h"
#include "world.h"


static llm_series_t *
test_find(const char *team, const char *model)
{
    return llm_series_find(z, (u_char *) team, strlen(team), (u_char *) model,
                           strlen(model));
}


static llm_series_t *
test_add(const char *team, const char *model)
{
    llm_series_t  *s;

    enter();
    s = llm_series_add(z, (u_char *) team, strlen(team), (u_char *) model,
                       strlen(model));
    llm_zone_leave(z);

    return s;
}


static void
test_series(void)
{
    char              name[300];
    unsigned          i, own, other, bad;
    llm_series_t     *a, *b, *s;
    llm_settlement_t  charge;

    begin();

    ok(test_find("a", "m") == NULL, "nothing is there before it is added");

    a = test_add("a", "m");
    b = test_add("am", "");

    ok(a != b && a != llm_zone_series(z, 0), "two names, two series");
    ok(test_find("a", "m") == a && test_add("a", "m") == a, "found again");
    ok(test_find("am", "") == b, "where the team ends matters");
    ok(test_find("other", "other") == llm_zone_series(z, 0),
       "who is called other is counted with the others");

    memset(name, 'x', sizeof(name));
    ok(llm_series_find(z, (u_char *) name, LLM_SERIES_NAME + 1,
                       (u_char *) "m", 1)
       == llm_zone_series(z, 0), "so is a name that is too long");
    ok(llm_series_find(z, (u_char *) name, LLM_SERIES_NAME, (u_char *) "m", 1)
       == NULL, "but not one that just fits");

    s = test_add("b", "m");
    ok(llm_series_same_model(a, s) && !llm_series_same_model(a, b)
       && !llm_series_same_model(a, llm_zone_series(z, 0)), "of one model");

    enter();
    ok(llm_series_find(z, NULL, 0, NULL, 0) == NULL
       && llm_series_add(z, NULL, 0, NULL, 0)
          == llm_series_find(z, NULL, 0, NULL, 0), "neither is named");
    llm_zone_leave(z);

    memset(&charge, 0, sizeof(llm_settlement_t));

    charge.usage.input = 10;
    charge.usage.output = 20;
    charge.usage.cached_read = 3;
    charge.usage.cache_write_5m = 1;
    charge.usage.cache_write_1h = 1;
    charge.usage.reasoning = 5;
    charge.cost = 7;
    charge.source = LLM_SOURCE_ESTIMATED;

    llm_series_charge(a, &charge, 1);
    charge.source = LLM_SOURCE_UPSTREAM;
    llm_series_charge(a, &charge, 0);
    charge.usage.input = 0;
    charge.usage.output = -5;
    llm_series_charge(a, &charge, 1);

    ok(a->tokens[LLM_SERIES_INPUT] == 20 && a->tokens[LLM_SERIES_OUTPUT] == 40
       && a->tokens[LLM_SERIES_CACHED] == 9
       && a->tokens[LLM_SERIES_CACHE_WRITE] == 6
       && a->tokens[LLM_SERIES_REASONING] == 15 && a->cost == 21
       && a->estimated == 1 && a->unpriced == 1, "what is charged is counted");

    /* more than there is room for */

    own = 0;
    other = 0;
    bad = 0;

    for (i = 0; i < 4 * z->nseries; i++) {
        (void) sprintf(name, "team %u", i);

        s = test_add(name, "m");

        if (s == llm_zone_series(z, 0)) {
            other++;
            continue;
        }

        own++;
        bad += (test_find(name, "m") != s || llm_series_is(s) == 0);
    }

    ok(own > z->nseries / 2 && own < z->nseries && other > 2 * z->nseries,
       "%u series have room for %u more teams", z->nseries, own);
    is_int(bad, 0, "which are found");
    ok(test_find("a", "m") == a && a->cost == 21, "none is driven out");

    finish();
}


static void
test_survey(void)
{
    char                       name[16];
    uint32_t                   i, found, all;
    llm_ask_t                  ask;
    llm_row_t                  row;
    llm_limit_t                limit;
    llm_index_t                next;
    llm_survey_t               surveys[4];
    llm_subject_key_t          key;

    begin();
    quota_row(&row, "rpm=9 tpm=100 budget=5/day budget=9 parallel=3");
    team(&ask, LLM_RESERVE_ESTIMATE, &row, 10, 20, USD);

    admit(&ask);
    settle(v.reservation, v.id, 1, 2, 3 * USD);
    admit(&ask);

    quota_key(z, &key, TEAM, "a");
    enter();
    ok(llm_survey_subject(z, &walls, &key, &surveys[0]), "a subject is there");
    llm_zone_leave(z);

    ok(surveys[0].type == TEAM && surveys[0].len == 1
       && surveys[0].name[0] == 'a' && surveys[0].inflight == 1,
       "who it is");

    for (i = 0; i < row.nlimits; i++) {
        limit = row.limits[i];

        is_int(llm_survey_used(&surveys[0], &limit),
               limit.resource == LLM_RESOURCE_REQUESTS ? 2
               : limit.resource == LLM_RESOURCE_TOKENS ? 33
               : limit.resource == LLM_RESOURCE_PARALLEL ? 1 : 4 * USD,
               "what counts toward limit %u", i);
    }

    limit.minute = 0;
    limit.resource = LLM_RESOURCE_COST;
    limit.period = LLM_PERIOD(LLM_PERIOD_WEEK, 1);
    is_int(llm_survey_used(&surveys[0], &limit), -1,
           "of a period that it has no meter of nothing is known");

    pass(61000);
    enter();
    llm_survey_subject(z, &walls, &key, &surveys[0]);
    llm_zone_leave(z);
    is_int(surveys[0].minute[LLM_WINDOW_REQUESTS], 0, "a minute later");

    quota_key(z, &key, TEAM, "nobody");
    enter();
    ok(!llm_survey_subject(z, &walls, &key, &surveys[0]), "nobody");
    llm_zone_leave(z);

    /* all of them, in steps */

    for (i = 0; i < 50; i++) {
        (void) sprintf(name, "t%u", i);

        ask.nsubjects = 0;
        quota_subject(z, &ask, TEAM, name, &row, 1);
        admit(&ask);
        settle(v.reservation, v.id, 1, 2, 3);
        release(v.reservation);
    }

    all = 0;

    for (next = 0; next != LLM_NONE; all += found) {
        enter();
        next = llm_survey(z, &walls, next, surveys, 4, &found);
        llm_zone_leave(z);

        if (found > 4) {
            break;
        }
    }

    is_int(all, 51, "each once");

    finish();
}


int
main(void)
{
    test_series();
    test_survey();

    return tap_done();
}
