
/*
 * Copyright (C) the llm_quota authors
 */


#include <string.h>
#include <time.h>

#include "llm_period.h"


/*
 * Every period but the shortest is a range of whole days, and a day is a
 * number: how many lie between it and 1970-01-01 in the calendar of the time
 * zone.  Only llm_period_midnight() knows at which second a day begins.  It
 * depends on nothing but the day and never falls as the day rises; all else
 * is arithmetic on day numbers.  So periods tile time by construction,
 * whatever a government does to its clocks: skips midnight, repeats it, or
 * leaves out a day.
 */

#define LLM_PERIOD_SECS_PER_DAY  86400

#define LLM_PERIOD_NUMBER_MAX    1000000
#define LLM_PERIOD_N_MAX         0xffffff


typedef struct {
    const char              *name;
    size_t                   len;
    llm_period_t             period;
} llm_period_name_t;


#define llm_period_name(name, kind, n)                                        \
    { name, sizeof(name) - 1, LLM_PERIOD(kind, n) }

/* The first name of a period is the one that is printed. */

static const llm_period_name_t  llm_period_names[] = {
    llm_period_name("day", LLM_PERIOD_DAYS, 1),
    llm_period_name("week", LLM_PERIOD_WEEK, 1),
    llm_period_name("month", LLM_PERIOD_MONTH, 1),
    llm_period_name("1mo", LLM_PERIOD_MONTH, 1),
    llm_period_name("hour", LLM_PERIOD_SECONDS, 3600),
    llm_period_name("minute", LLM_PERIOD_SECONDS, 60)
};

#define LLM_PERIOD_NAMES                                                      \
    (sizeof(llm_period_names) / sizeof(llm_period_names[0]))


static int64_t
llm_period_mod(int64_t a, int64_t n)
{
    a %= n;

    return (a < 0) ? a + n : a;
}


static int64_t
llm_period_div(int64_t a, int64_t n)
{
    return (a - llm_period_mod(a, n)) / n;
}


/*
 * In a year that begins in March the leap day comes last, so the lengths of
 * the months before it follow one line, 153 days in five months.  719468 days
 * lie between 0000-03-01 and the epoch.
 */

int64_t
llm_period_month_first(int64_t month)
{
    int64_t  year;

    month -= 2;
    year = llm_period_div(month, 12);

    return year * 365 + llm_period_div(year, 4) - llm_period_div(year, 100)
           + llm_period_div(year, 400)
           + (153 * llm_period_mod(month, 12) + 2) / 5 - 719468;
}


/* The day on which the budget month named after this month begins. */

static int64_t
llm_period_reset(const llm_calendar_t *calendar, int64_t month)
{
    int64_t  first, days;

    first = llm_period_month_first(month);
    days = llm_period_month_first(month + 1) - first;

    return first + ((calendar->reset_day < days) ? calendar->reset_day : days)
           - 1;
}


/* The budget month that holds a day.  146097 days have 4800 months: what the
   mean gives is at most a month or two off. */

static int64_t
llm_period_month(const llm_calendar_t *calendar, int64_t day)
{
    int64_t  month;

    month = 1970 * 12 + llm_period_div(day * 4800, 146097);

    while (llm_period_reset(calendar, month) > day) {
        month--;
    }

    while (llm_period_reset(calendar, month + 1) <= day) {
        month++;
    }

    return month;
}


/* By how much local clocks are ahead of UTC at a time. */

static int64_t
llm_period_offset(int64_t at)
{
    time_t     t;
    int64_t    day;
    struct tm  tm;

    t = (time_t) at;

    if (localtime_r(&t, &tm) == NULL) {
        return 0;
    }

    day = llm_period_month_first((tm.tm_year + (int64_t) 1900) * 12 + tm.tm_mon)
          + tm.tm_mday - 1;

    return day * LLM_PERIOD_SECS_PER_DAY
           + tm.tm_hour * 3600 + tm.tm_min * 60 + tm.tm_sec - at;
}


/*
 * The second at which a day begins: the first one at which the clocks show
 * its midnight or later.  mktime() does not answer that: where midnight is
 * skipped or repeated, its result depends on what it was asked before.
 */

static int64_t
llm_period_midnight(const llm_calendar_t *calendar, int64_t day)
{
    int64_t  midnight, before, after, low, high, middle;

    midnight = day * LLM_PERIOD_SECS_PER_DAY;

    if (!calendar->local) {
        return midnight;
    }

    /* no clock is further than a day ahead of or behind UTC */

    low = midnight - LLM_PERIOD_SECS_PER_DAY;
    high = midnight + LLM_PERIOD_SECS_PER_DAY;

    before = llm_period_offset(low);
    after = llm_period_offset(high);

    if (before == after) {
        return midnight - before;
    }

    while (high - low > 1) {
        middle = low + (high - low) / 2;

        if (llm_period_offset(middle) == before) {
            low = middle;

        } else {
            high = middle;
        }
    }

    /* high is where the clocks change: midnight comes before, in or after
       what they skip */

    if (midnight - before < high) {
        return midnight - before;
    }

    return (midnight - after > high) ? midnight - after : high;
}


/* The date is only where the search begins: clocks that are set back over
   midnight show the day before twice. */

static int64_t
llm_period_day(const llm_calendar_t *calendar, int64_t now)
{
    int64_t  day, offset;

    offset = calendar->local ? llm_period_offset(now) : 0;
    day = llm_period_div(now + offset, LLM_PERIOD_SECS_PER_DAY);

    while (llm_period_midnight(calendar, day) > now) {
        day--;
    }

    while (llm_period_midnight(calendar, day + 1) <= now) {
        day++;
    }

    return day;
}


/* Seconds that divide the day. */

static void
llm_period_split(const llm_calendar_t *calendar, int64_t n, int64_t now,
    int64_t *start, int64_t *end)
{
    int64_t  day, midnight, next, count, i;

    day = llm_period_day(calendar, now);
    midnight = llm_period_midnight(calendar, day);
    next = llm_period_midnight(calendar, day + 1);

    count = (next - midnight + n / 2) / n;
    i = (now - midnight) / n;

    if (i < count - 1) {
        *start = midnight + i * n;
        *end = *start + n;
        return;
    }

    *start = midnight + ((count > 1) ? (count - 1) * n : 0);
    *end = next;
}


/* Days in their canonical word. */

static llm_period_t
llm_period_days(uint32_t n)
{
    switch (n) {

    case 7:
        return LLM_PERIOD(LLM_PERIOD_WEEK, 1);

    case 30:
        return LLM_PERIOD(LLM_PERIOD_MONTH, 1);

    default:
        return LLM_PERIOD(LLM_PERIOD_DAYS, n);
    }
}


int
llm_period_parse(const u_char *p, size_t n, llm_period_t *period)
{
    size_t         i;
    uint32_t       number;
    const u_char  *last;

    for (i = 0; i < LLM_PERIOD_NAMES; i++) {
        if (n == llm_period_names[i].len
            && memcmp(p, llm_period_names[i].name, n) == 0)
        {
            *period = llm_period_names[i].period;
            return 0;
        }
    }

    if (n < 2) {
        return -1;
    }

    number = 0;

    for (last = p + n - 1; p < last; p++) {
        if (*p < '0' || *p > '9') {
            return -1;
        }

        number = number * 10 + (*p - '0');

        if (number > LLM_PERIOD_NUMBER_MAX) {
            return -1;
        }
    }

    if (number == 0) {
        return -1;
    }

    switch (*last) {

    case 's':
        break;

    case 'm':
        number *= 60;
        break;

    case 'h':
        number *= 3600;
        break;

    case 'd':
        *period = llm_period_days(number);
        return 0;

    case 'w':

        if (number > LLM_PERIOD_NUMBER_MAX / 7) {
            return -1;
        }

        *period = llm_period_days(number * 7);
        return 0;

    default:
        return -1;
    }

    if (number > LLM_PERIOD_N_MAX) {
        return -1;
    }

    *period = (number == LLM_PERIOD_SECS_PER_DAY)
              ? llm_period_days(1) : LLM_PERIOD(LLM_PERIOD_SECONDS, number);

    return 0;
}


size_t
llm_period_print(u_char *buf, llm_period_t period)
{
    size_t    i, len;
    u_char   *p, text[LLM_PERIOD_BUF];
    uint32_t  n;

    for (i = 0; i < LLM_PERIOD_NAMES; i++) {
        if (period == llm_period_names[i].period) {
            memcpy(buf, llm_period_names[i].name, llm_period_names[i].len);
            return llm_period_names[i].len;
        }
    }

    p = text + sizeof(text);
    n = LLM_PERIOD_N(period);

    switch (LLM_PERIOD_KIND(period)) {

    case LLM_PERIOD_SECONDS:

        if (n % 3600 == 0) {
            n /= 3600;
            *--p = 'h';

        } else if (n % 60 == 0) {
            n /= 60;
            *--p = 'm';

        } else {
            *--p = 's';
        }

        break;

    case LLM_PERIOD_DAYS:
        *--p = 'd';
        break;

    default: /* LLM_PERIOD_FOREVER */
        return 0;
    }

    do {
        *--p = (u_char) ('0' + n % 10);
        n /= 10;
    } while (n);

    len = text + sizeof(text) - p;

    memcpy(buf, p, len);

    return len;
}


void
llm_period_bounds(llm_period_t period, const llm_calendar_t *calendar,
    int64_t now, int64_t *start, int64_t *end)
{
    int64_t  n, day, month, first, next;

    n = LLM_PERIOD_N(period);

    if (n == 0) {
        goto forever;
    }

    switch (LLM_PERIOD_KIND(period)) {

    case LLM_PERIOD_SECONDS:

        if (LLM_PERIOD_SECS_PER_DAY % n == 0) {
            llm_period_split(calendar, n, now, start, end);
            return;
        }

        *start = now - llm_period_mod(now, n);
        *end = *start + n;
        return;

    case LLM_PERIOD_DAYS:
        day = llm_period_day(calendar, now);
        first = day - llm_period_mod(day, n);
        next = first + n;
        break;

    case LLM_PERIOD_WEEK:

        /* the epoch began on a Thursday */

        day = llm_period_day(calendar, now);
        first = day - llm_period_mod(day + 3, 7);
        next = first + 7;
        break;

    case LLM_PERIOD_MONTH:
        day = llm_period_day(calendar, now);
        month = llm_period_month(calendar, day);
        first = llm_period_reset(calendar, month);
        next = llm_period_reset(calendar, month + 1);
        break;

    default: /* LLM_PERIOD_FOREVER */
        goto forever;
    }

    *start = llm_period_midnight(calendar, first);
    *end = llm_period_midnight(calendar, next);

    return;

forever:

    *start = 0;
    *end = INT64_MAX;
}
