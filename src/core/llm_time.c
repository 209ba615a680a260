
/*
 * Copyright (C) the llm_quota authors
 */


#include "llm_period.h"
#include "llm_time.h"


#define LLM_TIME_DATE  (sizeof("2026-12-31") - 1)
#define LLM_TIME_DAY   86400


static int llm_time_match(const u_char *p, size_t n, const char *form,
    int *numbers);
static int llm_time_date(const u_char *p, int64_t *day);
static int llm_time_clock(const u_char *p, size_t n, int64_t *second);


int
llm_time_parse(const u_char *p, size_t n, int64_t *seconds)
{
    int64_t  day, second;

    if (n < LLM_TIME_DATE || llm_time_date(p, &day) != 0) {
        return -1;
    }

    second = 0;

    if (n > LLM_TIME_DATE
        && llm_time_clock(p + LLM_TIME_DATE, n - LLM_TIME_DATE, &second) != 0)
    {
        return -1;
    }

    *seconds = day * LLM_TIME_DAY + second;

    return 0;
}


/* Takes the bytes of a form, in which a number's digits are "0"; returns how
   many they are, 0 where it does not fit. */

static int
llm_time_match(const u_char *p, size_t n, const char *form, int *numbers)
{
    int     number;
    size_t  i;

    number = 0;

    for (i = 0; form[i]; i++) {

        if (i == n) {
            return 0;
        }

        if (form[i] != '0') {

            if (p[i] != form[i]) {
                return 0;
            }

            continue;
        }

        if (p[i] < '0' || p[i] > '9') {
            return 0;
        }

        number = number * 10 + (p[i] - '0');

        if (form[i + 1] != '0') {
            *numbers++ = number;
            number = 0;
        }
    }

    return i;
}


static int
llm_time_date(const u_char *p, int64_t *day)
{
    int      date[3];
    int64_t  month;

    if (!llm_time_match(p, LLM_TIME_DATE, "0000-00-00", date)
        || date[1] < 1 || date[1] > 12 || date[2] < 1)
    {
        return -1;
    }

    month = (int64_t) date[0] * 12 + date[1] - 1;
    *day = llm_period_month_first(month) + date[2] - 1;

    return *day < llm_period_month_first(month + 1) ? 0 : -1;
}


/* What follows the date.  The letters may be small. */

static int
llm_time_clock(const u_char *p, size_t n, int64_t *second)
{
    int      clock[3], offset[2];
    size_t   len;
    int64_t  away;

    if ((*p | 0x20) != 't') {
        return -1;
    }

    p++;
    n--;

    len = llm_time_match(p, n, "00:00:00", clock);

    if (len == 0 || clock[0] > 23 || clock[1] > 59 || clock[2] > 59) {
        return -1;
    }

    p += len;
    n -= len;

    *second = clock[0] * 3600 + clock[1] * 60 + clock[2];

    if (n > 1 && p[0] == '.' && p[1] >= '0' && p[1] <= '9') {

        do {
            p++;
            n--;
        } while (n && *p >= '0' && *p <= '9');
    }

    if (n == 1 && (*p | 0x20) == 'z') {
        return 0;
    }

    if (n != sizeof("+00:00") - 1
        || (*p != '+' && *p != '-')
        || !llm_time_match(p + 1, n - 1, "00:00", offset)
        || offset[0] > 23 || offset[1] > 59)
    {
        return -1;
    }

    away = offset[0] * 3600 + offset[1] * 60;
    *second -= (*p == '+') ? away : -away;

    return 0;
}
