
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _LLM_TIME_H_INCLUDED_
#define _LLM_TIME_H_INCLUDED_


#include <sys/types.h>
#include <stdint.h>


/*
 * Reads a date or a date-time of RFC 3339: "2026-12-31", which is its first
 * moment in UTC, "2026-12-31T18:30:00Z", "2026-12-31T18:30:00.25+02:00".
 * Fractions of a second are cut, leap seconds not known.
 * Sets the seconds of the epoch and returns 0, or -1 where it is neither.
 */
int llm_time_parse(const u_char *p, size_t n, int64_t *seconds);


#endif /* _LLM_TIME_H_INCLUDED_ */
