
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _LLM_PERIOD_H_INCLUDED_
#define _LLM_PERIOD_H_INCLUDED_


#include <sys/types.h>
#include <stdint.h>


/*
 * A budget or quota period, packed in a word so that shared memory can hold
 * it: kind << 24 | n.  All periods are aligned to the clock in the zone's
 * time zone: Ns, Nm, Nh count from midnight where N divides the day, else
 * from the epoch; 1d, day: midnight; 7d, 1w, week: Monday; 30d, 1mo, month:
 * the zone's reset day, clamped to the month's last day; other Nd: blocks of
 * N days from the epoch.
 *
 * What means the same is the same word: 60s is 1m, 24h is 1d, 2w is 14d.
 */

typedef uint32_t  llm_period_t;

typedef enum {
    LLM_PERIOD_FOREVER = 0,     /* never resets; also the value 0 */
    LLM_PERIOD_SECONDS,         /* n seconds; of Ns, Nm, Nh */
    LLM_PERIOD_DAYS,            /* n days */
    LLM_PERIOD_WEEK,            /* n is 1 */
    LLM_PERIOD_MONTH            /* n is 1 */
} llm_period_kind_e;

#define LLM_PERIOD(kind, n)     (((llm_period_t) (kind) << 24) | (n))
#define LLM_PERIOD_KIND(p)      ((llm_period_kind_e) ((p) >> 24))
#define LLM_PERIOD_N(p)         ((p) & 0xffffff)

#define LLM_PERIOD_BUF          16      /* enough for llm_period_print() */


typedef struct {
    int                      reset_day;     /* 1..31 */
    int                      local;         /* 0: UTC */
} llm_calendar_t;


/*
 * Reads "minute", "hour", "day", "week", "month", "1mo", or a number from 1
 * to 1000000 with one of s, m, h, d, w behind it; of seconds, minutes and
 * hours at most 0xffffff seconds (194 days) fit, of weeks 1000000 days.
 * Returns 0, or -1 where it is no period.
 */
int llm_period_parse(const u_char *p, size_t n, llm_period_t *period);

/* Writes "day", "week", "month", "12h", "90s", "3d", "" (forever), which
   llm_period_parse() reads as the same period; returns the length, at most
   LLM_PERIOD_BUF. */
size_t llm_period_print(u_char *buf, llm_period_t period);

/*
 * The bounds of the period that holds now, in seconds of the epoch:
 * *start <= now < *end, and where one period ends the next one starts.
 * Forever gives 0 and INT64_MAX.  With local time a day has 23 or 25 hours
 * where the clocks change, and begins when they first show its midnight or
 * what comes after; of the periods that divide such a day there are as many
 * as come nearest to its length, the last one being cut or stretched to the
 * next midnight.  now is a time that clocks show: thousands of years, not
 * the ends of int64_t.
 */
void llm_period_bounds(llm_period_t period, const llm_calendar_t *calendar,
    int64_t now, int64_t *start, int64_t *end);

/* The day, counted from that of the epoch, that is the first of a month of the
   Gregorian calendar; months are counted from January of the year 0. */
int64_t llm_period_month_first(int64_t month);


#endif /* _LLM_PERIOD_H_INCLUDED_ */
