
/*
 * Copyright (C) the llm_quota authors
 */


#include <time.h>
#include <unistd.h>

#include "tap.h"
#include "llm_period.h"


#define DAY     86400

#define Y1985   473385600
#define Y2010   1262304000
#define Y2020   1577836800
#define Y2037   2114380800


static uint64_t  seed = 0xc2b2ae3d27d4eb4f;


static uint64_t
rnd(uint64_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;

    return (seed >> 11) % n;
}


static llm_period_t
period(const char *text)
{
    llm_period_t  p;

    if (llm_period_parse((const u_char *) text, strlen(text), &p) != 0) {
        printf("# \"%s\" does not parse\n", text);
        exit(1);
    }

    return p;
}


static const struct {
    const char    *text;
    llm_period_t   period;
    const char    *print;
} names[] = {
    { "day", LLM_PERIOD(LLM_PERIOD_DAYS, 1), "day" },
    { "1d", LLM_PERIOD(LLM_PERIOD_DAYS, 1), "day" },
    { "24h", LLM_PERIOD(LLM_PERIOD_DAYS, 1), "day" },
    { "1440m", LLM_PERIOD(LLM_PERIOD_DAYS, 1), "day" },
    { "86400s", LLM_PERIOD(LLM_PERIOD_DAYS, 1), "day" },
    { "week", LLM_PERIOD(LLM_PERIOD_WEEK, 1), "week" },
    { "7d", LLM_PERIOD(LLM_PERIOD_WEEK, 1), "week" },
    { "1w", LLM_PERIOD(LLM_PERIOD_WEEK, 1), "week" },
    { "month", LLM_PERIOD(LLM_PERIOD_MONTH, 1), "month" },
    { "30d", LLM_PERIOD(LLM_PERIOD_MONTH, 1), "month" },
    { "1mo", LLM_PERIOD(LLM_PERIOD_MONTH, 1), "month" },
    { "3d", LLM_PERIOD(LLM_PERIOD_DAYS, 3), "3d" },
    { "003d", LLM_PERIOD(LLM_PERIOD_DAYS, 3), "3d" },
    { "31d", LLM_PERIOD(LLM_PERIOD_DAYS, 31), "31d" },
    { "365d", LLM_PERIOD(LLM_PERIOD_DAYS, 365), "365d" },
    { "2w", LLM_PERIOD(LLM_PERIOD_DAYS, 14), "14d" },
    { "142857w", LLM_PERIOD(LLM_PERIOD_DAYS, 999999), "999999d" },
    { "1000000d", LLM_PERIOD(LLM_PERIOD_DAYS, 1000000), "1000000d" },
    { "hour", LLM_PERIOD(LLM_PERIOD_SECONDS, 3600), "hour" },
    { "1h", LLM_PERIOD(LLM_PERIOD_SECONDS, 3600), "hour" },
    { "60m", LLM_PERIOD(LLM_PERIOD_SECONDS, 3600), "hour" },
    { "minute", LLM_PERIOD(LLM_PERIOD_SECONDS, 60), "minute" },
    { "1m", LLM_PERIOD(LLM_PERIOD_SECONDS, 60), "minute" },
    { "60s", LLM_PERIOD(LLM_PERIOD_SECONDS, 60), "minute" },
    { "12h", LLM_PERIOD(LLM_PERIOD_SECONDS, 43200), "12h" },
    { "48h", LLM_PERIOD(LLM_PERIOD_SECONDS, 172800), "48h" },
    { "90m", LLM_PERIOD(LLM_PERIOD_SECONDS, 5400), "90m" },
    { "90s", LLM_PERIOD(LLM_PERIOD_SECONDS, 90), "90s" },
    { "120s", LLM_PERIOD(LLM_PERIOD_SECONDS, 120), "2m" },
    { "1s", LLM_PERIOD(LLM_PERIOD_SECONDS, 1), "1s" },
    { "1000000s", LLM_PERIOD(LLM_PERIOD_SECONDS, 1000000), "1000000s" },
    { "4660h", LLM_PERIOD(LLM_PERIOD_SECONDS, 16776000), "4660h" },
    { "279620m", LLM_PERIOD(LLM_PERIOD_SECONDS, 16777200), "279620m" }
};


static const char *const  garbage[] = {
    "", "d", "s", "1", "12", "0d", "0s", "00h", "-1d", "+1d", "1.5h", " 1d",
    "1d ", "1D", "1y", "year", "1year", "days", "da", "dayy", "Month", "mo",
    "2mo", "01mo", "1mo1", "1m1", "1dd", "d1", "1hh", "forever", "off",
    "1000001s", "1000001d", "142858w", "4661h", "1000000h", "279621m",
    "4294967297d", "18446744073709551617d", "99999999999999999999s", "1o",
    "/d", ":d", "hours", "1ms"
};


static void
test_names(void)
{
    size_t         i, len;
    u_char         buf[LLM_PERIOD_BUF + 1];
    uint32_t       n;
    unsigned       wrong;
    llm_period_t   p, again;

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        p = 77;
        ok(llm_period_parse((const u_char *) names[i].text,
                            strlen(names[i].text), &p) == 0
           && p == names[i].period, "\"%s\"", names[i].text);

        len = llm_period_print(buf, p);
        is_mem(buf, len, names[i].print, "\"%s\" prints as %s",
               names[i].text, names[i].print);
    }

    for (i = 0; i < sizeof(garbage) / sizeof(garbage[0]); i++) {
        p = 77;
        ok(llm_period_parse((const u_char *) garbage[i],
                            strlen(garbage[i]), &p) == -1 && p == 77,
           "\"%s\" is no period", garbage[i]);
    }

    is_int(llm_period_parse(NULL, 0, &p), -1, "nothing is no period");
    is_int(llm_period_parse((const u_char *) "1\xb5", 2, &p), -1,
           "nor is a unit beyond ASCII");
    is_int(llm_period_print(buf, LLM_PERIOD_FOREVER), 0, "forever is empty");
    is_int(LLM_PERIOD(LLM_PERIOD_FOREVER, 0), 0, "forever is zero");

    wrong = 0;

    for (i = 0; i < 100000; i++) {
        n = 1 + (uint32_t) rnd(1000000);

        p = rnd(2) ? LLM_PERIOD(LLM_PERIOD_SECONDS, n)
                   : LLM_PERIOD(LLM_PERIOD_DAYS, n);

        if (n == 7 || n == 30 || n == DAY) {
            continue;
        }

        buf[LLM_PERIOD_BUF] = 0xaa;
        len = llm_period_print(buf, p);

        wrong += (len > LLM_PERIOD_BUF || buf[LLM_PERIOD_BUF] != 0xaa
                  || llm_period_parse(buf, len, &again) != 0 || again != p);
    }

    is_int(wrong, 0, "what is printed is read again");
}


static const struct {
    const char    *tz;              /* NULL: UTC by arithmetic */
    const char    *period;
    int            reset_day;
    int64_t        now;
    int64_t        start;
    int64_t        end;
} known[] = {

    /* 2026-04-01T12:30:05Z, a Wednesday */

    { NULL, "day", 1, 1775046605, 1775001600, 1775088000 },
    { NULL, "week", 1, 1775046605, 1774828800, 1775433600 },
    { NULL, "month", 1, 1775046605, 1775001600, 1777593600 },
    { NULL, "month", 15, 1775046605, 1773532800, 1776211200 },
    { NULL, "month", 31, 1775046605, 1774915200, 1777507200 },
    { NULL, "12h", 1, 1775046605, 1775044800, 1775088000 },
    { NULL, "minute", 1, 1775046605, 1775046600, 1775046660 },
    { NULL, "7h", 1, 1775046605, 1775037600, 1775062800 },
    { NULL, "3d", 1, 1775046605, 1775001600, 1775260800 },

    /* February: 2024 has a 29th, 2026 and 2100 have none */

    { NULL, "month", 30, 1709164799, 1706572800, 1709164800 },
    { NULL, "month", 30, 1709164800, 1709164800, 1711756800 },
    { NULL, "month", 29, 1772236799, 1769644800, 1772236800 },
    { NULL, "month", 29, 1772236800, 1772236800, 1774742400 },
    { NULL, "month", 31, 4107456000, 4107456000, 4110134400 },

    /* the first second of the epoch and the last one before it */

    { NULL, "day", 1, 0, 0, 86400 },
    { NULL, "day", 1, -1, -86400, 0 },
    { NULL, "week", 1, 0, -259200, 345600 },
    { NULL, "month", 1, -1, -2678400, 0 },
    { NULL, "2d", 1, -1, -172800, 0 },
    { NULL, "7s", 1, -1, -7, 0 },

    /* 23 and 25 hours */

    { "America/New_York", "day", 1, 1710090000, 1710046800, 1710129600 },
    { "America/New_York", "day", 1, 1730646000, 1730606400, 1730696400 },
    { "America/New_York", "12h", 1, 1710046800, 1710046800, 1710090000 },
    { "America/New_York", "12h", 1, 1710090000, 1710090000, 1710129600 },
    { "America/New_York", "12h", 1, 1730649600, 1730649600, 1730696400 },
    { "America/New_York", "hour", 1, 1730692800, 1730692800, 1730696400 },
    { "America/New_York", "month", 1, 1710090000, 1709269200, 1711944000 },
    { "Europe/Berlin", "week", 1, 1743296400, 1742770800, 1743372000 },

    /* midnight is skipped, the day begins at 01:00; or clocks that would
       show it are set back, and it begins an hour later */

    { "America/Sao_Paulo", "day", 1, 1541300400, 1541300400, 1541383200 },
    { "America/Sao_Paulo", "day", 1, 1541300399, 1541214000, 1541300400 },
    { "America/Sao_Paulo", "day", 1, 1518922799, 1518832800, 1518922800 },

    /* 2011-12-30 did not take place */

    { "Pacific/Apia", "day", 1, 1325239199, 1325152800, 1325239200 },
    { "Pacific/Apia", "day", 1, 1325239200, 1325239200, 1325325600 },
    { "Pacific/Apia", "month", 30, 1325239200, 1325239200, 1327831200 },

    /* at 00:01 back to 23:01 */

    { "America/St_Johns", "day", 1, 1289096999, 1289010600, 1289097000 },
    { "America/St_Johns", "day", 1, 1289100000, 1289097000, 1289187000 }
};


static int
enter(const char *tz)
{
    char  path[128];

    (void) snprintf(path, sizeof(path), "/usr/share/zoneinfo/%s", tz);

    if (strchr(tz, ',') == NULL && access(path, R_OK) != 0) {
        return 0;
    }

    (void) setenv("TZ", tz, 1);
    tzset();

    return 1;
}


static void
test_known(void)
{
    size_t          i;
    int64_t         start, end;
    llm_calendar_t  calendar;

    for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (known[i].tz && !enter(known[i].tz)) {
            ok(1, "%s # SKIP not installed", known[i].tz);
            continue;
        }

        calendar.local = (known[i].tz != NULL);
        calendar.reset_day = known[i].reset_day;

        llm_period_bounds(period(known[i].period), &calendar, known[i].now,
                          &start, &end);

        ok(start == known[i].start && end == known[i].end,
           "%s of %lld in %s, reset day %d: %lld, %lld", known[i].period,
           (long long) known[i].now, known[i].tz ? known[i].tz : "UTC",
           known[i].reset_day, (long long) start, (long long) end);
    }

    calendar.local = 0;
    calendar.reset_day = 1;

    llm_period_bounds(LLM_PERIOD_FOREVER, &calendar, 1775046605, &start, &end);
    ok(start == 0 && end == INT64_MAX, "forever");

    llm_period_bounds(LLM_PERIOD(LLM_PERIOD_SECONDS, 0), &calendar,
                      1775046605, &start, &end);
    ok(start == 0 && end == INT64_MAX, "0 seconds are no division by zero");

    llm_period_bounds(LLM_PERIOD(200, 1), &calendar, 1775046605, &start, &end);
    ok(start == 0 && end == INT64_MAX, "an unknown kind never ends");

    calendar.local = 1;

    llm_period_bounds(period("day"), &calendar, 1ll << 60, &start, &end);
    ok(start <= 1ll << 60 && 1ll << 60 < end && end - start == DAY,
       "beyond the calendar of the C library");
}


/* The C library's opinion of UTC, over more than a cycle of leap years. */

static void
test_utc(void)
{
    int             reset, days, wrong;
    time_t          t, first, next;
    int64_t         now, start, end;
    unsigned        i;
    struct tm       tm, at;
    llm_calendar_t  calendar;

    wrong = 0;

    for (i = 0; i < 200000; i++) {
        now = (int64_t) rnd(30000000000ull) - 9000000000;

        calendar.local = 0;
        calendar.reset_day = 1 + (int) rnd(31);

        t = now;
        (void) gmtime_r(&t, &tm);

        llm_period_bounds(period("day"), &calendar, now, &start, &end);
        wrong += (start != now - tm.tm_hour * 3600 - tm.tm_min * 60
                           - tm.tm_sec || end != start + DAY);

        llm_period_bounds(period("week"), &calendar, now, &start, &end);
        t = start;
        (void) gmtime_r(&t, &at);
        wrong += (at.tm_wday != 1 || start % DAY != 0 || start > now
                  || now >= end || end != start + 7 * DAY);

        llm_period_bounds(period("month"), &calendar, now, &start, &end);

        memset(&at, 0, sizeof(at));
        at.tm_year = tm.tm_year;
        at.tm_mon = tm.tm_mon + 1;
        (void) timegm(&at);                 /* day 0: the last of the month */
        days = at.tm_mday;

        reset = (calendar.reset_day < days) ? calendar.reset_day : days;

        /* the two resets around now, found from the 1st of a month */

        at.tm_mday = 1;
        at.tm_mon = tm.tm_mon + (tm.tm_mday >= reset ? 1 : 0);
        at.tm_year = tm.tm_year;
        next = timegm(&at) / DAY * DAY;
        at.tm_mday = 1;
        at.tm_mon = tm.tm_mon - (tm.tm_mday >= reset ? 0 : 1);
        at.tm_year = tm.tm_year;
        first = timegm(&at);

        wrong += (start < first || start >= first + 31 * DAY);
        wrong += (end < next || end >= next + 31 * DAY);
        wrong += (start > now || now >= end);

        t = start;
        (void) gmtime_r(&t, &at);
        wrong += (at.tm_mday != calendar.reset_day
                  && (at.tm_mday > calendar.reset_day || at.tm_mday < 28));

        t = start + DAY;
        (void) gmtime_r(&t, &tm);
        wrong += (at.tm_mday != calendar.reset_day && tm.tm_mday != 1);
    }

    is_int(wrong, 0, "UTC as the C library has it");
}


/* What the clocks show, as if it were UTC. */

static int64_t
shown(int64_t at)
{
    time_t     t;
    struct tm  tm;

    t = at;
    (void) localtime_r(&t, &tm);

    return timegm(&tm);
}


static int
changes(int64_t at)
{
    return shown(at + DAY) - shown(at - DAY) != 2 * DAY;
}


static int64_t
floor_day(int64_t seconds)
{
    return (seconds >= 0) ? seconds / DAY : - ((DAY - 1 - seconds) / DAY);
}


static int
begins(llm_period_t p, const llm_calendar_t *calendar, int64_t day)
{
    time_t     t, after;
    struct tm  tm, next;

    switch (LLM_PERIOD_KIND(p)) {

    case LLM_PERIOD_DAYS:
        return day % LLM_PERIOD_N(p) == 0;

    case LLM_PERIOD_WEEK:
        return (day + 3) % 7 == 0;

    case LLM_PERIOD_MONTH:
        t = day * DAY;
        after = t + DAY;
        (void) gmtime_r(&t, &tm);
        (void) gmtime_r(&after, &next);

        return tm.tm_mday == calendar->reset_day
               || (tm.tm_mday < calendar->reset_day && next.tm_mday == 1);

    default:
        return 1;
    }
}


/*
 * A period of whole days begins in the second in which the clocks first come
 * to a day on which it should begin, and no such day has begun since the
 * start before.
 */

static int
starts(llm_period_t p, const llm_calendar_t *calendar, int64_t start,
    int64_t previous)
{
    int64_t  from, to, day, at;

    to = floor_day(shown(start));
    from = floor_day(shown(start - 1)) + 1;

    for (day = from; day <= to; day++) {
        if (begins(p, calendar, day)) {
            break;
        }
    }

    if (day > to) {
        return 0;
    }

    for (at = start - DAY; at < start; at += 300) {
        if (shown(at) >= day * DAY) {
            return 0;
        }
    }

    while (--day > floor_day(shown(previous))) {
        if (begins(p, calendar, day)) {
            return 0;
        }
    }

    return 1;
}


/* A period that divides the day counts from the midnight before it. */

static int
divides(llm_period_t p, const llm_calendar_t *calendar, int64_t start,
    int64_t end)
{
    int64_t  n, midnight, next;

    n = LLM_PERIOD_N(p);

    llm_period_bounds(period("day"), calendar, start, &midnight, &next);

    return (start - midnight) % n == 0
           && end <= next
           && (end == next || end == start + n)
           && (((end - start) * 2 >= n && (end - start) * 2 < n * 3)
               || (start == midnight && end == next));
}


static void
test_tiles(const char *tz, const char *text, int reset_day, int64_t from,
    int64_t to)
{
    int64_t         start, end, s, e, now;
    unsigned        wrong, periods;
    llm_period_t    p;
    llm_calendar_t  calendar;

    p = period(text);

    calendar.local = 1;
    calendar.reset_day = reset_day;

    wrong = 0;
    periods = 0;

    llm_period_bounds(p, &calendar, from, &start, &end);
    wrong += !(start <= from && from < end);

    while (start < to && wrong == 0) {
        periods++;
        wrong += !(start < end);

        /* the same period from wherever in it one looks */

        now = start + (int64_t) rnd(end - start);
        llm_period_bounds(p, &calendar, now, &s, &e);
        wrong += !(s == start && e == end);

        llm_period_bounds(p, &calendar, end - 1, &s, &e);
        wrong += !(s == start && e == end);

        if (LLM_PERIOD_KIND(p) != LLM_PERIOD_SECONDS) {

            /* of a made-up zone it only matters that it tiles */

            if (strchr(tz, ',') == NULL && (changes(end) || !rnd(50))) {
                wrong += !starts(p, &calendar, end, start);
            }

        } else if (DAY % LLM_PERIOD_N(p) == 0) {
            wrong += !divides(p, &calendar, start, end);

        } else {
            wrong += !(end - start == LLM_PERIOD_N(p)
                       && start % LLM_PERIOD_N(p) == 0);
        }

        if (wrong) {
            printf("# %s of %lld: %lld, %lld\n", text, (long long) now,
                   (long long) start, (long long) end);
        }

        /* and where it ends the next one starts */

        llm_period_bounds(p, &calendar, end, &s, &e);
        wrong += !(s == end);

        start = s;
        end = e;
    }

    is_int(wrong, 0, "%s: %u periods of %s, reset day %d", tz, periods, text,
           reset_day);
}


static const char *const  zones[] = {
    "UTC",
    "Europe/Berlin",
    "Europe/London",
    "America/New_York",
    "America/Sao_Paulo",            /* changes at midnight */
    "Africa/Cairo",
    "America/Havana",
    "Asia/Beirut",
    "America/St_Johns",             /* changed at 00:01 */
    "Australia/Lord_Howe",          /* by half an hour */
    "Antarctica/Troll",             /* by two hours */
    "Africa/Casablanca",
    "Asia/Kathmandu",
    "Pacific/Apia",                 /* left out a day */
    "Pacific/Kwajalein",
    "Pacific/Kiritimati",
    "AAA0BBB,J100/0,J101/0",        /* there and back within a day */
    "AAA-14BBB-26,J100/12,J200/1",  /* by twelve hours, far from UTC */
    "AAA12BBB-8,J100/2,J300/1",     /* by twenty: a day of four hours */
    "AAA5BBB,J100/23,J101/12"
};


int
main(void)
{
    int     reset;
    size_t  i;

    test_names();
    test_known();
    test_utc();

    for (i = 0; i < sizeof(zones) / sizeof(zones[0]); i++) {
        if (!enter(zones[i])) {
            ok(strcmp(zones[i], "UTC") != 0, "%s # SKIP not installed",
               zones[i]);
            continue;
        }

        test_tiles(zones[i], "day", 1, Y1985, Y2037);
        test_tiles(zones[i], "2d", 1, Y1985, Y2037);
        test_tiles(zones[i], "100d", 1, Y1985, Y2037);
        test_tiles(zones[i], "week", 1, Y1985, Y2037);

        for (reset = 1; reset <= 31; reset += (reset == 1) ? 27 : 1) {
            test_tiles(zones[i], "month", reset, Y1985, Y2037);
        }

        test_tiles(zones[i], "12h", 1, Y2010, Y2020);
        test_tiles(zones[i], "8h", 1, Y2010, Y2010 + 1200 * DAY);
        test_tiles(zones[i], "hour", 1, Y2010 + 290 * DAY, Y2010 + 740 * DAY);
        test_tiles(zones[i], "7h", 1, Y2010, Y2010 + 1200 * DAY);
        test_tiles(zones[i], "minute", 1, Y2010 + 308 * DAY,
                   Y2010 + 313 * DAY);
    }

    return tap_done();
}
