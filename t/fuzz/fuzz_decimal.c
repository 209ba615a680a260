
/*
 * Copyright (C) the llm_quota authors
 */


#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "llm_money.h"


/*
 * llm_decimal_parse() against long hand: the digits are written on a line of
 * paper that is long enough, on both sides of the point, and read off at the
 * scale.  The first byte of the input gives the scale, the rest is the text.
 */

#define WIDTH  1024
#define POINT  (WIDTH / 2)

/* Beyond this the digits are off the paper: far too large or far too small. */
#define FAR    300


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static size_t
digits(const uint8_t *p, size_t n)
{
    size_t  i;

    for (i = 0; i < n && p[i] >= '0' && p[i] <= '9'; i++) { /* void */ }

    return i;
}


static void
require(int cond)
{
    if (!cond) {
        abort();
    }
}


static int
oracle(const uint8_t *p, size_t n, int scale, int64_t *value)
{
    int             negative, minus, off;
    char            paper[WIDTH];
    size_t          whole, frac, exp, i, at;
    const char     *top;
    const uint8_t  *mantissa;

    if (n == 0 || n > 64) {
        return -1;
    }

    negative = (*p == '-');

    if (*p == '-' || *p == '+') {
        p++;
        n--;
    }

    mantissa = p;
    whole = digits(p, n);

    if (whole == 0) {
        return -1;
    }

    p += whole;
    n -= whole;
    frac = 0;

    if (n && *p == '.') {
        frac = digits(p + 1, n - 1);

        if (frac == 0) {
            return -1;
        }

        p += 1 + frac;
        n -= 1 + frac;
    }

    off = 0;

    if (n && (*p == 'e' || *p == 'E')) {
        p++;
        n--;

        minus = (n && *p == '-');

        if (n && (*p == '-' || *p == '+')) {
            p++;
            n--;
        }

        exp = digits(p, n);

        if (exp == 0) {
            return -1;
        }

        for (i = 0; i < exp && off <= FAR; i++) {
            off = off * 10 + (p[i] - '0');
        }

        off = (off > FAR) ? FAR : off;
        off = minus ? -off : off;

        n -= exp;
    }

    if (n) {
        return -1;
    }

    memset(paper, '0', sizeof(paper));

    at = POINT - (int) whole - off - scale;

    for (i = 0; i < whole; i++) {
        paper[at++] = (char) mantissa[i];
    }

    for (i = 0; i < frac; i++) {
        paper[at++] = (char) mantissa[whole + 1 + i];
    }

    /* any digit at all? */

    for (i = 0; i < WIDTH && paper[i] == '0'; i++) { /* void */ }

    if (i == WIDTH) {
        *value = 0;
        return 0;
    }

    if (negative) {
        return -2;
    }

    if (paper[POINT] >= '5') {
        for (i = POINT - 1; paper[i] == '9'; i--) {
            paper[i] = '0';
        }

        paper[i]++;
    }

    for (i = 0; i < POINT - 1 && paper[i] == '0'; i++) { /* void */ }

    paper[POINT] = '\0';
    top = "9223372036854775807";

    if (POINT - i > strlen(top)
        || (POINT - i == strlen(top) && strcmp(paper + i, top) > 0))
    {
        return -3;
    }

    *value = strtoll(paper + i, NULL, 10);

    return 0;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int      rc, scale;
    u_char   buf[LLM_MONEY_BUF];
    size_t   len;
    int64_t  value, expected, again;

    if (size == 0) {
        return 0;
    }

    scale = data[0] % 32 - 8;

    value = -77;
    expected = -77;

    rc = llm_decimal_parse(data + 1, size - 1, scale, &value);

    require(rc == oracle(data + 1, size - 1, scale, &expected));
    require(value == expected);

    if (rc == 0) {
        len = llm_money_print(buf, value);

        require(len <= sizeof(buf));
        require(llm_decimal_parse(buf, len, 9, &again) == 0);
        require(again == value);
    }

    return 0;
}
