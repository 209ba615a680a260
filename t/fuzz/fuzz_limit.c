
/*
 * Copyright (C) the llm_quota authors
 */


#include <stdlib.h>
#include <string.h>

#include "llm_limit.h"


/*
 * The input is a line of the configuration: parameters with blanks between
 * them.  What is taken must be what admission relies on, and must read again
 * what it prints.
 */

/* The longest number that is read without k or m behind it. */
#define READABLE  1000000000000


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
require(int cond)
{
    if (!cond) {
        abort();
    }
}


static int
rank(const llm_limit_t *l)
{
    if (l->resource == LLM_RESOURCE_COST) {
        return 300;
    }

    if (l->resource == LLM_RESOURCE_PARALLEL) {
        return 200;
    }

    return (l->minute ? 100 : 250) + l->resource;
}


static void
check_limit(const llm_limit_t *l)
{
    size_t      n;
    u_char      buf[LLM_LIMIT_TEXT];
    llm_row_t   row;

    require(l->amount >= 0);
    require(l->resource <= LLM_RESOURCE_COST);
    require(!l->minute || l->period == 0);

    n = llm_limit_print(buf, l);

    require(n <= LLM_LIMIT_TEXT);

    if (l->resource != LLM_RESOURCE_COST && l->amount >= READABLE) {
        return;
    }

    llm_row_init(&row);

    require(llm_row_param(&row, buf, n) == NULL);
    require(row.nlimits == 1);
    require(row.limits[0].resource == l->resource);
    require(row.limits[0].minute == l->minute);
    require(row.limits[0].period == l->period);
    require(row.limits[0].amount == l->amount);
}


static void
check_models(const llm_row_t *row)
{
    u_char          buf[LLM_PATTERN_TEXT];
    unsigned        n;
    const u_char   *next;
    llm_pattern_t   patterns[64];

    n = 0;

    for (next = row->models; next && n < 64; n++) {
        require(llm_pattern_next(&next, row->models + row->models_len,
                                 &patterns[n])
                == 0);
        require(patterns[n].group || patterns[n].prefix || patterns[n].len);
        require(patterns[n].name >= row->models
                && patterns[n].name + patterns[n].len
                   <= row->models + row->models_len);
        require(llm_pattern_match(patterns, n + 1, patterns[n].name,
                                  patterns[n].len));
    }

    require(llm_pattern_print(buf, patterns, n) <= sizeof(buf));
}


static void
check_row(const llm_row_t *row)
{
    unsigned  i, j, minute;

    require(row->nlimits <= LLM_ROW_LIMITS);
    require(row->nperiods <= LLM_ROW_PERIODS);
    require(row->nsoft >= 1 && row->nsoft <= LLM_ROW_SOFT);
    require(row->throttle <= 100 && row->over <= 100);

    for (i = 0; i < row->nsoft; i++) {
        require(row->soft[i] >= 1 && row->soft[i] <= 100);
        require(i == 0 || row->soft[i] > row->soft[i - 1]);
    }

    minute = 0;

    for (i = 0; i < row->nlimits; i++) {
        check_limit(&row->limits[i]);

        require(i == 0
                || rank(&row->limits[i - 1]) <= rank(&row->limits[i]));

        for (j = 0; j < i; j++) {
            require(row->limits[i].resource != row->limits[j].resource
                    || row->limits[i].minute != row->limits[j].minute
                    || row->limits[i].period != row->limits[j].period);
        }

        if (row->limits[i].minute
            || row->limits[i].resource == LLM_RESOURCE_PARALLEL)
        {
            minute |= row->limits[i].minute;
            continue;
        }

        for (j = 0; j < row->nperiods; j++) {
            if (row->periods[j] == row->limits[i].period) {
                break;
            }
        }

        require(j < row->nperiods);
    }

    require(row->minute == minute);
}


/* What only a row that is done keeps to. */

static void
check_share(const llm_row_t *row)
{
    unsigned  i;

    require(row->priority == NULL || row->priority_len > 0);
    require(row->class == 0);

    if (row->share == 0) {
        return;
    }

    require(row->share == LLM_SUBJECT_TEAM_MODEL
            || row->share == LLM_SUBJECT_KEY_MODEL);

    for (i = 0; i < row->nlimits; i++) {
        if (row->limits[i].minute
            && row->limits[i].resource <= LLM_RESOURCE_TOKENS)
        {
            return;
        }
    }

    require(0);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t          n;
    llm_row_t       row;
    const char     *error;
    const uint8_t  *p, *last;

    llm_row_init(&row);

    last = data + size;

    for (p = data; p < last; p += n + 1) {
        for (n = 0; p + n < last && p[n] != ' ' && p[n] != '\n'; n++) {
            /* void */
        }

        if (n == 0) {
            continue;
        }

        error = llm_row_param(&row, p, n);

        if (error) {
            require(strlen(error) > 0);
            return 0;
        }
    }

    if (llm_row_done(&row) == NULL) {
        check_share(&row);
    }

    check_row(&row);
    check_models(&row);

    return 0;
}
