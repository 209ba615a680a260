
/*
 * Copyright (C) the llm_quota authors
 */


#include "llm_base64.h"


#define LLM_BASE64_NONE  77

static const u_char  llm_base64_digits[] = {
    77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77,
    77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77,
    77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 62, 77, 77, 77, 63,
    52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 77, 77, 77, 77, 77, 77,
    77,  0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14,
    15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 77, 77, 77, 77, 77,
    77, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40,
    41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 77, 77, 77, 77, 77,
    77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77,
    77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77,
    77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77,
    77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77,
    77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77,
    77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77,
    77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77,
    77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77, 77
};


void
llm_base64_init(llm_base64_t *b)
{
    b->bits = 0;
    b->digits = 0;
    b->padding = 0;
}


ssize_t
llm_base64_decode(llm_base64_t *b, u_char *dst, const u_char *p, size_t n)
{
    u_char        *start;
    uint32_t       digit;
    const u_char  *last;

    start = dst;

    for (last = p + n; p != last; p++) {

        if (*p == '=' && b->padding < 2) {
            b->padding++;
            continue;
        }

        digit = llm_base64_digits[*p];

        if (digit == LLM_BASE64_NONE || b->padding != 0) {
            return -1;
        }

        b->bits = b->bits << 6 | digit;

        if (++b->digits == 4) {
            *dst++ = (u_char) (b->bits >> 16);
            *dst++ = (u_char) (b->bits >> 8);
            *dst++ = (u_char) b->bits;
            b->digits = 0;
        }
    }

    return dst - start;
}


ssize_t
llm_base64_end(llm_base64_t *b, u_char *dst)
{
    if (b->digits == 1
        || (b->padding != 0 && b->digits + b->padding != 4))
    {
        return -1;
    }

    switch (b->digits) {

    case 2:
        dst[0] = (u_char) (b->bits >> 4);
        return 1;

    case 3:
        dst[0] = (u_char) (b->bits >> 10);
        dst[1] = (u_char) (b->bits >> 2);
        return 2;

    default: /* 0 */
        return 0;
    }
}
