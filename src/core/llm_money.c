
/*
 * Copyright (C) the llm_quota authors
 */


#include <string.h>

#include "llm_money.h"
#include "llm_text.h"


#define LLM_MONEY_PLACES      9

/* Where an exponent stops growing: further than 64 digits and any scale in
   use could bring it back into the range of an int64_t. */
#define LLM_DECIMAL_EXPONENT  100000


#define llm_is_digit(p, last)  ((p) < (last) && *(p) >= '0' && *(p) <= '9')


/*
 * The number is kept as its digits from the first that is not zero, and the
 * place of the decimal point among them, which scale and exponent only move.
 * So nothing is lost before the one rounding at the end.
 */

int
llm_decimal_parse(const u_char *p, size_t n, int scale, int64_t *value)
{
    int            negative, minus;
    u_char         digit[LLM_DECIMAL_MAX];
    int64_t        point, exponent, i, len, v;
    const u_char  *last, *first;

    if (n == 0 || n > LLM_DECIMAL_MAX) {
        return -1;
    }

    last = p + n;

    negative = (*p == '-');

    if (*p == '-' || *p == '+') {
        p++;
    }

    len = 0;
    point = 0;

    for (first = p; llm_is_digit(p, last); p++) {
        if (len || *p != '0') {
            digit[len++] = (u_char) (*p - '0');
            point++;
        }
    }

    if (p == first) {
        return -1;
    }

    if (p < last && *p == '.') {
        p++;

        for (first = p; llm_is_digit(p, last); p++) {
            if (len || *p != '0') {
                digit[len++] = (u_char) (*p - '0');

            } else {
                point--;
            }
        }

        if (p == first) {
            return -1;
        }
    }

    if (p < last && (*p == 'e' || *p == 'E')) {
        p++;

        minus = (p < last && *p == '-');

        if (p < last && (*p == '-' || *p == '+')) {
            p++;
        }

        exponent = 0;

        for (first = p; llm_is_digit(p, last); p++) {
            if (exponent < LLM_DECIMAL_EXPONENT) {
                exponent = exponent * 10 + (*p - '0');
            }
        }

        if (p == first) {
            return -1;
        }

        point += minus ? -exponent : exponent;
    }

    if (p != last) {
        return -1;
    }

    if (len == 0) {
        *value = 0;
        return 0;
    }

    if (negative) {
        return -2;
    }

    point += scale;

    if (point < 0) {
        *value = 0;
        return 0;
    }

    /* the first digit is not zero, so that 20 of them overflow */

    v = 0;

    for (i = 0; i < point; i++) {
        if (__builtin_mul_overflow(v, 10, &v)
            || __builtin_add_overflow(v, (i < len) ? digit[i] : 0, &v))
        {
            return -3;
        }
    }

    if (point < len && digit[point] >= 5
        && __builtin_add_overflow(v, 1, &v))
    {
        return -3;
    }

    *value = v;

    return 0;
}


size_t
llm_money_print(u_char *buf, int64_t nano)
{
    u_char    *p;
    uint64_t   n, rest;

    p = buf;

    if (nano < 0) {
        *p++ = '-';
    }

    /* INT64_MIN has no positive counterpart but this one */

    n = (nano < 0) ? - (uint64_t) nano : (uint64_t) nano;
    rest = n % LLM_NANO_PER_USD;

    p = llm_text_number(p, n / LLM_NANO_PER_USD);

    if (rest) {
        *p++ = '.';
        *p++ = (u_char) ('0' + rest / 100000000);
        p = llm_text_pair(p, rest / 1000000 % 100);
        p = llm_text_pair(p, rest / 10000 % 100);
        p = llm_text_pair(p, rest / 100 % 100);
        p = llm_text_pair(p, rest % 100);

        while (p[-1] == '0') {
            p--;
        }
    }

    return p - buf;
}
