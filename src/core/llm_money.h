
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _LLM_MONEY_H_INCLUDED_
#define _LLM_MONEY_H_INCLUDED_


#include <sys/types.h>
#include <stdint.h>


/*
 * Money is int64_t nano-dollars (1e-9 USD), a price int64_t pico-dollars
 * (1e-12 USD) a unit.  There is no floating point.  Sums saturate.
 */

#define LLM_MONEY_MAX     INT64_MAX
#define LLM_MONEY_BUF     32      /* enough for llm_money_print() */

#define LLM_NANO_PER_USD  1000000000LL
#define LLM_PICO_PER_USD  1000000000000LL

#define LLM_DECIMAL_MAX   64      /* bytes of what llm_decimal_parse() reads */


/*
 * Reads a decimal ("12", "0.15", "1.25e-07", "3e-7") of at most 64 bytes and
 * scales it by 10^scale, rounded half up: exact, however large or small the
 * exponent.  The form is that of a JSON number, but a plus sign and leading
 * zeros are taken too.  Returns 0; or -1 where it is not a decimal, -2 where
 * it is negative ("-0" is not), -3 where it does not fit.  On an error *value
 * is left as it was.
 */
int llm_decimal_parse(const u_char *p, size_t n, int scale, int64_t *value);

/* Writes nano-dollars as a trimmed plain decimal ("100.02", "0", "-3.5");
   returns the length; buf holds LLM_MONEY_BUF bytes, not terminated. */
size_t llm_money_print(u_char *buf, int64_t nano);

static inline int64_t
llm_sat_add(int64_t a, int64_t b)
{
    int64_t  c;

    if (__builtin_add_overflow(a, b, &c)) {
        return (b < 0) ? INT64_MIN : INT64_MAX;
    }

    return c;
}


#endif /* _LLM_MONEY_H_INCLUDED_ */
