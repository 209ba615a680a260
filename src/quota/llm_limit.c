
/*
 * Copyright (C) the llm_quota authors
 */


#include <string.h>

#include "llm_limit.h"
#include "llm_money.h"
#include "llm_text.h"


typedef struct {
    const char              *name;
    llm_resource_e           resource;
    unsigned                 minute:1;
    llm_period_t             period;      /* where the name implies it */
} llm_limit_name_t;


static const char *llm_row_limit(llm_row_t *row, const llm_limit_name_t *name,
    const u_char *p, size_t n);
static const char *llm_row_soft(llm_row_t *row, const u_char *p, size_t n);
static const char *llm_row_hard_cap(llm_row_t *row, const u_char *p, size_t n);
static const char *llm_row_throttle(llm_row_t *row, const u_char *p, size_t n);
static const char *llm_row_over(llm_row_t *row, const u_char *p, size_t n);
static const char *llm_row_models(llm_row_t *row, const u_char *p, size_t n);
static const char *llm_row_priority(llm_row_t *row, const u_char *p, size_t n);
static const char *llm_row_share(llm_row_t *row, const u_char *p, size_t n);
static int llm_amount_parse(const u_char *p, size_t n, int64_t *amount);


#define LLM_DAY  LLM_PERIOD(LLM_PERIOD_DAYS, 1)

static const llm_limit_name_t  llm_limit_names[] = {
    { "rpm", LLM_RESOURCE_REQUESTS, 1, 0 },
    { "tpm", LLM_RESOURCE_TOKENS, 1, 0 },
    { "itpm", LLM_RESOURCE_INPUT, 1, 0 },
    { "otpm", LLM_RESOURCE_OUTPUT, 1, 0 },
    { "rpd", LLM_RESOURCE_REQUESTS, 0, LLM_DAY },
    { "tpd", LLM_RESOURCE_TOKENS, 0, LLM_DAY },
    { "requests", LLM_RESOURCE_REQUESTS, 0, 0 },
    { "tokens", LLM_RESOURCE_TOKENS, 0, 0 },
    { "input_tokens", LLM_RESOURCE_INPUT, 0, 0 },
    { "output_tokens", LLM_RESOURCE_OUTPUT, 0, 0 },
    { "parallel", LLM_RESOURCE_PARALLEL, 0, 0 },
    { "budget", LLM_RESOURCE_COST, 0, 0 },
    { NULL, 0, 0, 0 }
};


typedef struct {
    const char              *name;
    const char            *(*set)(llm_row_t *row, const u_char *p, size_t n);
} llm_policy_name_t;


static const llm_policy_name_t  llm_policy_names[] = {
    { "soft", llm_row_soft },
    { "hard_cap", llm_row_hard_cap },
    { "throttle", llm_row_throttle },
    { "over", llm_row_over },
    { "models", llm_row_models },
    { "priority", llm_row_priority },
    { "share", llm_row_share },
    { NULL, NULL }
};


static const char  *llm_subject_names[LLM_SUBJECT_TYPES] = {
    "global", "team", "user", "customer", "key", "model",
    "team_model", "key_model", "team_user", "tag"
};


const char *
llm_subject_name(llm_subject_type_e type)
{
    return llm_subject_names[type];
}


void
llm_row_init(llm_row_t *row)
{
    memset(row, 0, sizeof(llm_row_t));

    row->soft[0] = 80;
    row->nsoft = 1;
    row->hard_cap = 1;
}


const char *
llm_row_param(llm_row_t *row, const u_char *p, size_t n)
{
    size_t         len;
    unsigned       i;
    const u_char  *eq;

    eq = memchr(p, '=', n);

    if (eq == NULL) {
        return "is not a limit of the form name=value";
    }

    len = eq - p;
    eq++;
    n -= len + 1;

    for (i = 0; llm_limit_names[i].name; i++) {
        if (strlen(llm_limit_names[i].name) == len
            && memcmp(llm_limit_names[i].name, p, len) == 0)
        {
            return llm_row_limit(row, &llm_limit_names[i], eq, n);
        }
    }

    for (i = 0; llm_policy_names[i].name; i++) {
        if (strlen(llm_policy_names[i].name) == len
            && memcmp(llm_policy_names[i].name, p, len) == 0)
        {
            if (row->seen & (1U << i)) {
                return "is given twice";
            }

            row->seen |= 1U << i;

            return llm_policy_names[i].set(row, eq, n);
        }
    }

    return "is not a known limit: known are rpm, tpm, itpm, otpm, rpd, tpd, "
           "requests, tokens, input_tokens, output_tokens, parallel, budget, "
           "soft, hard_cap, throttle, over, models, priority and share";
}


static const char *
llm_row_limit(llm_row_t *row, const llm_limit_name_t *name, const u_char *p,
    size_t n)
{
    int            rc;
    unsigned       i;
    llm_limit_t   *limit;
    llm_period_t   period;
    const u_char  *slash;

    period = name->period;
    slash = memchr(p, '/', n);

    if (slash) {
        if (name->minute || name->period
            || name->resource == LLM_RESOURCE_PARALLEL)
        {
            return "takes no period";
        }

        if (llm_period_parse(slash + 1, p + n - slash - 1, &period) != 0) {
            return "has no valid period: use day, week, month or a number "
                   "with s, m, h, d, w or mo";
        }

        n = slash - p;

    } else if (!name->minute && !name->period
               && name->resource != LLM_RESOURCE_PARALLEL
               && name->resource != LLM_RESOURCE_COST)
    {
        return "needs a period, as in tokens=1m/day";
    }

    if (row->nlimits == LLM_ROW_LIMITS) {
        return "is one limit too many for a line";
    }

    limit = &row->limits[row->nlimits];

    limit->resource = name->resource;
    limit->minute = name->minute;
    limit->period = period;

    if (name->resource == LLM_RESOURCE_COST) {
        rc = llm_decimal_parse(p, n, 9, &limit->amount);

        if (rc != 0) {
            return "has no valid amount of USD, such as 100 or 0.50";
        }

    } else if (llm_amount_parse(p, n, &limit->amount) != 0) {
        return "has no valid number: use a whole number, with k or m for "
               "thousands or millions";
    }

    for (i = 0; i < row->nlimits; i++) {
        if (row->limits[i].resource == limit->resource
            && row->limits[i].minute == limit->minute
            && row->limits[i].period == limit->period)
        {
            return "limits the same resource and period a second time";
        }
    }

    row->nlimits++;

    if (limit->minute) {
        row->minute = 1;
        return NULL;
    }

    if (limit->resource == LLM_RESOURCE_PARALLEL) {
        return NULL;
    }

    for (i = 0; i < row->nperiods; i++) {
        if (row->periods[i] == period) {
            return NULL;
        }
    }

    if (row->nperiods == LLM_ROW_PERIODS) {
        return "has one more period than the 15 that a line may have";
    }

    row->periods[row->nperiods++] = period;

    return NULL;
}


static const char *
llm_row_soft(llm_row_t *row, const u_char *p, size_t n)
{
    uint8_t        percent;
    const u_char  *comma, *last;

    row->nsoft = 0;
    last = p + n;

    for ( ;; ) {
        comma = memchr(p, ',', last - p);

        if (llm_percent_parse(p, (comma ? comma : last) - p, 1, &percent) != 0
            || (row->nsoft && percent <= row->soft[row->nsoft - 1]))
        {
            return "needs rising percents from 1% to 100%, as in 80%,95%";
        }

        if (row->nsoft == LLM_ROW_SOFT) {
            return "has more than 8 thresholds";
        }

        row->soft[row->nsoft++] = percent;

        if (comma == NULL) {
            return NULL;
        }

        p = comma + 1;
    }
}


static const char *
llm_row_hard_cap(llm_row_t *row, const u_char *p, size_t n)
{
    if (n == 2 && memcmp(p, "on", 2) == 0) {
        row->hard_cap = 1;
        return NULL;
    }

    if (n == 3 && memcmp(p, "off", 3) == 0) {
        row->hard_cap = 0;
        return NULL;
    }

    return "must be on or off";
}


static const char *
llm_row_throttle(llm_row_t *row, const u_char *p, size_t n)
{
    if (llm_percent_parse(p, n, 1, &row->throttle) != 0) {
        return "must be a percent from 1% to 100%";
    }

    return NULL;
}


static const char *
llm_row_over(llm_row_t *row, const u_char *p, size_t n)
{
    static const char  prefix[] = "throttle:";

    if (n < sizeof(prefix) - 1
        || memcmp(p, prefix, sizeof(prefix) - 1) != 0
        || llm_percent_parse(p + sizeof(prefix) - 1, n - sizeof(prefix) + 1,
                             1, &row->over)
           != 0)
    {
        return "must be throttle: and a percent, as in throttle:10%";
    }

    return NULL;
}


static const char *
llm_row_models(llm_row_t *row, const u_char *p, size_t n)
{
    const u_char   *next, *last;
    llm_pattern_t   pattern;

    last = p + n;

    row->models = p;
    row->models_len = n;

    for (next = p; next; /* void */ ) {

        if (llm_pattern_next(&next, last, &pattern) != 0) {
            return "needs models with commas between them, each as it is "
                   "asked for, the beginning of names with * after it, or "
                   "@GROUP of llm_model_group";
        }
    }

    return NULL;
}


static const char *
llm_row_priority(llm_row_t *row, const u_char *p, size_t n)
{
    if (!llm_text_is_id(p, n)) {
        return "needs a name of llm_priority";
    }

    row->priority = p;
    row->priority_len = n;

    return NULL;
}


static const char *
llm_row_share(llm_row_t *row, const u_char *p, size_t n)
{
    if (n == 4 && memcmp(p, "team", 4) == 0) {
        row->share = LLM_SUBJECT_TEAM_MODEL;
        return NULL;
    }

    if (n == 3 && memcmp(p, "key", 3) == 0) {
        row->share = LLM_SUBJECT_KEY_MODEL;
        return NULL;
    }

    return "must be team or key";
}


const char *
llm_row_done(llm_row_t *row)
{
    unsigned     i, j, rates, shared, budgets;
    llm_limit_t  limit;

    rates = 0;
    shared = 0;
    budgets = 0;

    /*
     * Rates before parallel before quotas before budgets: a refusal names
     * what passes soonest.  Insertion sort keeps the order of equals.
     */

#define llm_limit_rank(l)                                                     \
    ((l)->resource == LLM_RESOURCE_COST ? 300                                 \
     : (l)->resource == LLM_RESOURCE_PARALLEL ? 100                           \
     : (l)->minute ? (int) (l)->resource : 200 + (int) (l)->resource)

    for (i = 0; i < row->nlimits; i++) {
        limit = row->limits[i];

        rates += limit.minute;
        shared += (limit.minute && limit.resource <= LLM_RESOURCE_TOKENS);
        budgets += (limit.resource == LLM_RESOURCE_COST);

        for (j = i;
             j && llm_limit_rank(&row->limits[j - 1]) > llm_limit_rank(&limit);
             j--)
        {
            row->limits[j] = row->limits[j - 1];
        }

        row->limits[j] = limit;
    }

    if ((row->throttle || row->over) && (rates == 0 || budgets == 0)) {
        return "throttles nothing: throttle= and over= need a budget and a "
               "rate, such as rpm, in the same line";
    }

    if (row->share && !shared) {
        return "shares nothing: share= needs rpm or tpm in the same line";
    }

    return NULL;
}


size_t
llm_limit_print(u_char *buf, const llm_limit_t *limit)
{
    u_char      *p;
    unsigned     i;
    const char  *name;

    for (i = 0; llm_limit_names[i].name; i++) {
        if (llm_limit_names[i].resource == limit->resource
            && llm_limit_names[i].minute == limit->minute
            && llm_limit_names[i].period == 0)
        {
            break;
        }
    }

    name = llm_limit_names[i].name;
    p = buf;

    memcpy(p, name, strlen(name));
    p += strlen(name);
    *p++ = '=';

    if (limit->resource == LLM_RESOURCE_COST) {
        p += llm_money_print(p, limit->amount);

    } else {
        p = llm_text_number(p, limit->amount);
    }

    if (limit->period) {
        *p++ = '/';
        p += llm_period_print(p, limit->period);
    }

    return p - buf;
}


static int
llm_amount_parse(const u_char *p, size_t n, int64_t *amount)
{
    int64_t  value, scale;

    scale = 1;

    if (n && p[n - 1] == 'k') {
        scale = 1000;
        n--;

    } else if (n && p[n - 1] == 'm') {
        scale = 1000000;
        n--;
    }

    if (n == 0 || n > 12) {
        return -1;
    }

    for (value = 0; n; p++, n--) {
        if (*p < '0' || *p > '9') {
            return -1;
        }

        value = value * 10 + (*p - '0');
    }

    *amount = value * scale;

    return 0;
}


int
llm_percent_parse(const u_char *p, size_t n, int64_t least, uint8_t *percent)
{
    int64_t  value;

    if (n < 2 || n > 4 || p[n - 1] != '%') {
        return -1;
    }

    if (llm_amount_parse(p, n - 1, &value) != 0
        || value < least || value > 100)
    {
        return -1;
    }

    *percent = (uint8_t) value;

    return 0;
}
