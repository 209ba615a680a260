
/*
 * Copyright (C) the llm_quota authors
 */


#include "tap.h"
#include "llm_kept.h"


#define MINUTE   0
#define FOREVER  0
#define DAY      LLM_PERIOD(LLM_PERIOD_DAYS, 1)
#define WEEK     LLM_PERIOD(LLM_PERIOD_WEEK, 1)
#define MONTH    LLM_PERIOD(LLM_PERIOD_MONTH, 1)
#define HOURS(n) LLM_PERIOD(LLM_PERIOD_SECONDS, (n) * 3600)


/* Feeds the parameters of a line; gives the first error. */

static const char *
line(llm_row_t *row, const char *text)
{
    size_t       n;
    u_char      *copy;
    const char  *error;

    llm_row_init(row);
    error = NULL;

    for ( ;; ) {
        text += strspn(text, " ");
        n = strcspn(text, " ");

        if (n == 0) {
            break;
        }

        /* a copy of exactly this length: a byte too far is seen */

        copy = malloc(n);

        if (copy == NULL) {
            exit(1);
        }

        memcpy(copy, text, n);
        error = llm_row_param(row, copy, n);
        free(copy);

        if (error) {
            break;
        }

        text += n;
    }

    return error ? error : llm_row_done(row);
}


typedef struct {
    const char      *text;
    llm_resource_e   resource;
    unsigned         minute;
    llm_period_t     period;
    int64_t          amount;
    const char      *print;
} good_t;


static const good_t  good[] = {
    { "rpm=60", LLM_RESOURCE_REQUESTS, 1, MINUTE, 60, "rpm=60" },
    { "rpm=0", LLM_RESOURCE_REQUESTS, 1, MINUTE, 0, "rpm=0" },
    { "rpm=007", LLM_RESOURCE_REQUESTS, 1, MINUTE, 7, "rpm=7" },
    { "tpm=90k", LLM_RESOURCE_TOKENS, 1, MINUTE, 90000, "tpm=90000" },
    { "itpm=2m", LLM_RESOURCE_INPUT, 1, MINUTE, 2000000, "itpm=2000000" },
    { "otpm=1", LLM_RESOURCE_OUTPUT, 1, MINUTE, 1, "otpm=1" },
    { "rpd=1000", LLM_RESOURCE_REQUESTS, 0, DAY, 1000, "requests=1000/day" },
    { "tpd=1m", LLM_RESOURCE_TOKENS, 0, DAY, 1000000, "tokens=1000000/day" },
    { "requests=5/12h", LLM_RESOURCE_REQUESTS, 0, HOURS(12), 5,
      "requests=5/12h" },
    { "tokens=5m/month", LLM_RESOURCE_TOKENS, 0, MONTH, 5000000,
      "tokens=5000000/month" },
    { "tokens=5m/30d", LLM_RESOURCE_TOKENS, 0, MONTH, 5000000,
      "tokens=5000000/month" },
    { "input_tokens=3k/week", LLM_RESOURCE_INPUT, 0, WEEK, 3000,
      "input_tokens=3000/week" },
    { "output_tokens=3/90s", LLM_RESOURCE_OUTPUT, 0,
      LLM_PERIOD(LLM_PERIOD_SECONDS, 90), 3, "output_tokens=3/90s" },
    { "parallel=8", LLM_RESOURCE_PARALLEL, 0, 0, 8, "parallel=8" },
    { "parallel=0", LLM_RESOURCE_PARALLEL, 0, 0, 0, "parallel=0" },
    { "budget=100", LLM_RESOURCE_COST, 0, FOREVER, 100000000000,
      "budget=100" },
    { "budget=0", LLM_RESOURCE_COST, 0, FOREVER, 0, "budget=0" },
    { "budget=100/month", LLM_RESOURCE_COST, 0, MONTH, 100000000000,
      "budget=100/month" },
    { "budget=0.50/day", LLM_RESOURCE_COST, 0, DAY, 500000000,
      "budget=0.5/day" },
    { "budget=0.000000001/1h", LLM_RESOURCE_COST, 0, HOURS(1), 1,
      "budget=0.000000001/hour" },
    { "budget=9223372036.854775807/7d", LLM_RESOURCE_COST, 0, WEEK,
      INT64_MAX, "budget=9223372036.854775807/week" },
    { "tpm=999999999999m", LLM_RESOURCE_TOKENS, 1, MINUTE,
      999999999999000000, "tpm=999999999999000000" },
    { "output_tokens=999999999999m/1000000d", LLM_RESOURCE_OUTPUT, 0,
      LLM_PERIOD(LLM_PERIOD_DAYS, 1000000), 999999999999000000,
      "output_tokens=999999999999000000/1000000d" }
};


typedef struct {
    const char  *text;
    const char  *error;                   /* words that it must have */
} bad_t;


static const bad_t  bad[] = {
    { "rpm", "name=value" },
    { "=", "not a known limit" },
    { "=5", "not a known limit" },
    { "RPM=5", "not a known limit" },
    { "rpms=5", "not a known limit" },
    { "rp=5", "not a known limit" },
    { "request=5/day", "not a known limit" },
    { "model=a", "not a known limit" },

    { "rpm=", "whole number" },
    { "rpm=k", "whole number" },
    { "rpm=-1", "whole number" },
    { "rpm=+1", "whole number" },
    { "rpm=1.5", "whole number" },
    { "rpm=1.5k", "whole number" },
    { "rpm=1K", "whole number" },
    { "rpm=1kk", "whole number" },
    { "rpm=0x10", "whole number" },
    { "rpm=1=2", "whole number" },
    { "rpm=1000000000000", "whole number" },
    { "tpm=1000000000000m", "whole number" },
    { "tokens=/day", "whole number" },
    { "parallel=", "whole number" },
    { "rpd=1d", "whole number" },

    { "rpm=5/day", "takes no period" },
    { "otpm=5/", "takes no period" },
    { "rpd=5/day", "takes no period" },
    { "tpd=5/1h", "takes no period" },
    { "parallel=5/1h", "takes no period" },

    { "requests=5", "needs a period" },
    { "tokens=5", "needs a period" },
    { "input_tokens=5", "needs a period" },
    { "output_tokens=5", "needs a period" },

    { "requests=5/", "no valid period" },
    { "requests=5/0h", "no valid period" },
    { "requests=5/fortnight", "no valid period" },
    { "requests=5/day/day", "no valid period" },
    { "requests=5//day", "no valid period" },
    { "budget=5/1x", "no valid period" },
    { "budget=5/DAY", "no valid period" },

    { "budget=", "amount of USD" },
    { "budget=/day", "amount of USD" },
    { "budget=-1", "amount of USD" },
    { "budget=$1", "amount of USD" },
    { "budget=1k", "amount of USD" },
    { "budget=nan", "amount of USD" },
    { "budget=1,000", "amount of USD" },
    { "budget=9223372036.854775808", "amount of USD" },

    { "rpm=5 rpm=6", "a second time" },
    { "parallel=5 parallel=6", "a second time" },
    { "budget=5 budget=6", "a second time" },
    { "budget=5/30d budget=6/1mo", "a second time" },
    { "rpd=5 requests=6/24h", "a second time" },
    { "tokens=6/1440m tpd=6", "a second time" },

    { "soft=", "rising percents" },
    { "soft=80", "rising percents" },
    { "soft=%", "rising percents" },
    { "soft=0%", "rising percents" },
    { "soft=101%", "rising percents" },
    { "soft=1000%", "rising percents" },
    { "soft=-5%", "rising percents" },
    { "soft=80%,", "rising percents" },
    { "soft=,80%", "rising percents" },
    { "soft=80%,80%", "rising percents" },
    { "soft=95%,80%", "rising percents" },
    { "soft=1k%", "rising percents" },
    { "soft=1%,2%,3%,4%,5%,6%,7%,8%,9%", "more than 8" },
    { "soft=80% soft=90%", "given twice" },

    { "hard_cap=", "on or off" },
    { "hard_cap=yes", "on or off" },
    { "hard_cap=onn", "on or off" },
    { "hard_cap=o", "on or off" },
    { "hard_cap=on hard_cap=off", "given twice" },

    { "throttle=0%", "percent" },
    { "throttle=50", "percent" },
    { "throttle=101%", "percent" },
    { "throttle=", "percent" },
    { "throttle=50% throttle=50%", "given twice" },

    { "over=", "throttle:" },
    { "over=10%", "throttle:" },
    { "over=throttle", "throttle:" },
    { "over=throttle:", "throttle:" },
    { "over=throttle:0%", "throttle:" },
    { "over=throttle:10", "throttle:" },
    { "over=refuse:10%", "throttle:" },
    { "over=throttle:5% over=throttle:5%", "given twice" },

    { "models=", "needs models" },
    { "models=,", "needs models" },
    { "models=a,", "needs models" },
    { "models=,a", "needs models" },
    { "models=a,,b", "needs models" },
    { "models=a*b", "needs models" },
    { "models=**", "needs models" },
    { "models=*a", "needs models" },
    { "models=@", "needs models" },
    { "models=@g*", "needs models" },
    { "models=@g,@", "needs models" },
    { "models=a\tb", "needs models" },
    { "models=a models=b", "given twice" },

    { "budget=1/1h budget=1/2h budget=1/3h budget=1/4h budget=1/5h "
      "budget=1/6h budget=1/7h budget=1/8h budget=1/9h budget=1/10h "
      "budget=1/11h budget=1/12h budget=1/13h budget=1/14h budget=1/15h "
      "tokens=1/15h tokens=1/16h", "one more period" }
};


static void
test_good(void)
{
    size_t        n;
    u_char        buf[LLM_LIMIT_TEXT + 1];
    unsigned      i;
    llm_row_t     row;
    const char   *error;
    llm_limit_t  *limit;

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        error = line(&row, good[i].text);
        limit = &row.limits[0];

        ok(error == NULL && row.nlimits == 1
           && limit->resource == good[i].resource
           && limit->minute == good[i].minute
           && limit->period == good[i].period, "%s", good[i].text);
        is_int(limit->amount, good[i].amount, "%s: amount", good[i].text);

        ok(row.minute == good[i].minute, "%s: the window", good[i].text);

        memset(buf, '!', sizeof(buf));
        n = llm_limit_print(buf, limit);

        is_mem(buf, n, good[i].print, "%s: printed", good[i].text);
        ok(n <= LLM_LIMIT_TEXT && buf[LLM_LIMIT_TEXT] == '!',
           "%s: in its buffer", good[i].text);
    }
}


static void
test_bad(void)
{
    unsigned     i;
    llm_row_t    row;
    const char  *error;

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        error = line(&row, bad[i].text);

        if (!ok(error && strstr(error, bad[i].error), "refused: %s",
                bad[i].text))
        {
            printf("# %s\n", error ? error : "was taken");
        }
    }
}


static void
test_policy(void)
{
    llm_row_t  row;

    ok(line(&row, "") == NULL && row.nlimits == 0 && row.nperiods == 0
       && !row.minute, "no limits");
    ok(row.hard_cap && row.nsoft == 1 && row.soft[0] == 80
       && row.throttle == 0 && row.over == 0, "defaults");

    ok(line(&row, "soft=1%,50%,100%") == NULL && row.nsoft == 3
       && row.soft[0] == 1 && row.soft[1] == 50 && row.soft[2] == 100,
       "soft takes the place of the default");
    ok(line(&row, "soft=1%,2%,3%,4%,5%,6%,7%,8%") == NULL && row.nsoft == 8,
       "eight thresholds");

    ok(line(&row, "hard_cap=off") == NULL && !row.hard_cap, "hard_cap=off");
    ok(line(&row, "hard_cap=on") == NULL && row.hard_cap, "hard_cap=on");
    ok(line(&row, "rpm=6 budget=1 throttle=50%") == NULL
       && row.throttle == 50, "throttle");
    ok(line(&row, "rpm=6 budget=1 throttle=100%") == NULL
       && row.throttle == 100, "throttle=100%%");
    ok(line(&row, "rpm=6 budget=1 over=throttle:1%") == NULL && row.over == 1,
       "over");
    ok(line(&row, "rpm=6 budget=1 soft=90% hard_cap=off throttle=5% "
                  "over=throttle:7%")
       == NULL && row.soft[0] == 90 && !row.hard_cap && row.throttle == 5
       && row.over == 7 && row.nlimits == 2, "all four");
}


static void
test_models(void)
{
    llm_row_t  row;

    llm_row_init(&row);
    ok(row.models == NULL && row.allowed == NULL, "any model unless told");

    ok(llm_row_param(&row, (u_char *) "models=a,b*,@g,*", 16) == NULL,
       "a list of models");
    is_mem(row.models, row.models_len, "a,b*,@g,*", "is kept as it is");
    ok(row.allowed == NULL && row.nlimits == 0, "and limits nothing else");
    ok(llm_row_done(&row) == NULL, "a row of models alone");
}


/* The order in which a refusal looks for the first limit that fails. */

static void
test_share(void)
{
    uint8_t     percent;
    llm_row_t   row;
    llm_kept_t  kept;

    ok(line(&row, "rpm=1") == NULL, "a rate");
    ok(row.share == 0 && row.priority == NULL && row.class == 0,
       "is shared by nobody");
    ok(line(&row, "share=team tpm=1") == NULL, "of teams");
    is_int(row.share, LLM_SUBJECT_TEAM_MODEL, "teams share it");
    ok(line(&row, "rpm=1 share=key priority=a,b") == NULL, "of keys");
    is_int(row.share, LLM_SUBJECT_KEY_MODEL, "keys share it");
    is_int(row.priority_len, 3, "a priority is a name as it is");

    llm_kept_init(&kept);
    is_int(llm_kept_row(&kept, LLM_SUBJECT_MODEL, &row), 0, "and");
    ok(kept.types[LLM_SUBJECT_KEY_MODEL].minute
       && !kept.types[LLM_SUBJECT_TEAM_MODEL].minute,
       "the pair's minute is kept");

    ok(llm_percent_parse((u_char *) "0%", 2, 0, &percent) == 0
       && percent == 0, "0%%");
    ok(llm_percent_parse((u_char *) "0%", 2, 1, &percent) != 0,
       "but not where 1%% is the least");
    ok(llm_percent_parse((u_char *) "101%", 4, 0, &percent) != 0, "101%%");
}


static void
test_order(void)
{
    size_t       n;
    u_char       text[LLM_ROW_LIMITS * (LLM_LIMIT_TEXT + 1)], *p;
    unsigned     i;
    llm_row_t    row;
    static char  given[] =
        "budget=1 budget=2/day output_tokens=3/day parallel=4 rpd=5 otpm=6 "
        "tokens=7/month budget=8/month itpm=9 tokens=10/day tpm=11 "
        "input_tokens=12/day rpm=13 requests=14/month";

    ok(line(&row, given) == NULL && row.nlimits == 14, "a row of all kinds");

    p = text;

    for (i = 0; i < row.nlimits; i++) {
        if (i) {
            *p++ = ' ';
        }

        p += llm_limit_print(p, &row.limits[i]);
    }

    n = p - text;

    is_mem(text, n,
           "rpm=13 tpm=11 itpm=9 otpm=6 parallel=4 "
           "requests=5/day requests=14/month tokens=7/month tokens=10/day "
           "input_tokens=12/day output_tokens=3/day "
           "budget=1 budget=2/day budget=8/month",
           "rates, parallel, quotas, budgets; equals as they were given");

    ok(row.nperiods == 3 && row.minute, "each period once");
    ok(row.periods[0] == FOREVER && row.periods[1] == DAY
       && row.periods[2] == MONTH, "forever, day, month");
}


static void
test_full(void)
{
    u_char            buf[64];
    unsigned          i;
    llm_row_t         row;
    const char       *error;
    static const char  *name[] = { "requests", "tokens", "input_tokens",
                                  "output_tokens" };

    llm_row_init(&row);
    error = NULL;

    for (i = 0; i < LLM_ROW_LIMITS && error == NULL; i++) {
        error = llm_row_param(&row, buf,
                              sprintf((char *) buf, "%s=1/%uh", name[i % 4],
                                      i / 4 + 1));
    }

    ok(error == NULL, "24 limits");

    error = llm_row_param(&row, (u_char *) "rpm=1", 5);
    ok(error && strstr(error, "too many"), "not 25");
    ok(row.nlimits == LLM_ROW_LIMITS, "and none is lost");

    llm_row_init(&row);
    error = NULL;

    for (i = 0; i < LLM_ROW_PERIODS && error == NULL; i++) {
        error = llm_row_param(&row, buf,
                              sprintf((char *) buf, "budget=1/%uh", i + 1));
    }

    ok(error == NULL && row.nperiods == LLM_ROW_PERIODS, "15 periods");

    error = llm_row_param(&row, (u_char *) "budget=1/16h", 12);
    ok(error && strstr(error, "period"), "not 16");

    ok(line(&row, "rpm=1 parallel=1") == NULL && row.nperiods == 0
       && row.minute, "a window and what is in flight have no period");
}


static void
test_idle_throttle(void)
{
    llm_row_t  row;

    ok(line(&row, "rpm=6 budget=1 throttle=50%") == NULL,
       "a throttle with a rate and a budget");
    ok(line(&row, "budget=1 throttle=50%") != NULL,
       "a throttle without a rate throttles nothing");
    ok(line(&row, "rpm=6 over=throttle:1%") != NULL,
       "nor does one without a budget");
}


static void
test_names(void)
{
    unsigned          i;
    static const char  *name[] = { "global", "team", "user", "customer",
                                  "key", "model", "team_model", "key_model",
                                  "team_user", "tag" };

    for (i = 0; i < LLM_SUBJECT_TYPES; i++) {
        ok(strcmp(llm_subject_name(i), name[i]) == 0, "subject %s", name[i]);
    }
}


static void
test_kept(void)
{
    unsigned    i;
    llm_row_t   row;
    llm_kept_t  kept;

    llm_kept_init(&kept);
    ok(kept.types[LLM_SUBJECT_GLOBAL].nperiods == 0
       && kept.types[LLM_SUBJECT_TEAM].nperiods == 1
       && kept.types[LLM_SUBJECT_USER].nperiods == 1
       && kept.types[LLM_SUBJECT_MODEL].nperiods == 0,
       "the month of who pays is kept");

    ok(line(&row, "rpm=1 budget=1/day budget=5/month") == NULL
       && llm_kept_row(&kept, LLM_SUBJECT_TEAM, &row) == 0, "a row");
    ok(kept.types[LLM_SUBJECT_TEAM].nperiods == 2
       && kept.types[LLM_SUBJECT_TEAM].minute
       && !kept.types[LLM_SUBJECT_USER].minute,
       "adds what it limits");
    ok(line(&row, "budget=1/day") == NULL
       && llm_kept_row(&kept, LLM_SUBJECT_TEAM, &row) == 0
       && kept.types[LLM_SUBJECT_TEAM].nperiods == 2
       && kept.types[LLM_SUBJECT_TEAM].minute, "once");

    for (i = 2; i < LLM_KEPT_PERIODS; i++) {
        (void) llm_kept_period(&kept, LLM_SUBJECT_TEAM,
                               LLM_PERIOD(LLM_PERIOD_DAYS, 100 + i));
    }

    ok(line(&row, "budget=1/99d") == NULL
       && llm_kept_row(&kept, LLM_SUBJECT_TEAM, &row) == -1
       && llm_kept_row(&kept, LLM_SUBJECT_USER, &row) == 0,
       "there is room for so many");
}


int
main(void)
{
    test_good();
    test_bad();
    test_policy();
    test_models();
    test_share();
    test_order();
    test_full();
    test_idle_throttle();
    test_names();
    test_kept();

    return tap_done();
}
