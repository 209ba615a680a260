
/*
 * Copyright (C) the llm_quota authors
 */


#include <string.h>

#include "llm_api_path.h"
#include "llm_period.h"
#include "llm_text.h"


static size_t llm_api_decode(u_char *dst, const u_char *p, size_t n);
static int llm_api_hex(u_char c);


int
llm_api_path(const char *pattern, const u_char *path, size_t n,
    llm_api_text_t args[LLM_API_STARS])
{
    const u_char    *p, *last, *segment;
    llm_api_text_t  *arg;

    memset(args, 0, LLM_API_STARS * sizeof(llm_api_text_t));

    arg = args;
    p = path;
    last = path + n;

    for ( /* void */ ; *pattern; pattern++) {

        if (*pattern == '*') {

            for (segment = p; p < last && *p != '/'; p++) { /* void */ }

            if (p == segment) {
                return 0;
            }

            arg->data = segment;
            arg->len = p - segment;
            arg++;

            continue;
        }

        if (p == last || *p != (u_char) *pattern) {
            return 0;
        }

        p++;
    }

    return p == last;
}


int
llm_api_argument(const u_char *query, size_t n, const char *name, u_char *buf,
    llm_api_text_t *value)
{
    size_t         len;
    const u_char  *p, *end, *last, *equals;

    len = strlen(name);
    last = query + n;

    for (p = query; p < last; p = end + 1) {

        end = memchr(p, '&', last - p);

        if (end == NULL) {
            end = last;
        }

        equals = memchr(p, '=', end - p);

        if (equals == NULL
            || (size_t) (equals - p) != len
            || memcmp(p, name, len) != 0)
        {
            continue;
        }

        equals++;

        value->data = buf;
        value->len = llm_api_decode(buf, equals, end - equals);

        return 1;
    }

    return 0;
}


static size_t
llm_api_decode(u_char *dst, const u_char *p, size_t n)
{
    u_char        *start;
    const u_char  *last;

    start = dst;
    last = p + n;

    while (p < last) {

        if (*p == '%'
            && last - p >= 3
            && llm_api_hex(p[1]) >= 0
            && llm_api_hex(p[2]) >= 0)
        {
            *dst++ = (u_char) (llm_api_hex(p[1]) << 4 | llm_api_hex(p[2]));
            p += 3;

        } else {
            *dst++ = (*p == '+') ? ' ' : *p;
            p++;
        }
    }

    return dst - start;
}


static int
llm_api_hex(u_char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    c |= 0x20;

    return (c >= 'a' && c <= 'f') ? c - 'a' + 10 : -1;
}


u_char *
llm_api_time(u_char *p, int64_t ms)
{
    int64_t  days, month, second;

    days = ms / 86400000;

    if (ms % 86400000 < 0) {
        days--;
    }

    ms -= days * 86400000;

    /* a guess that is never too early */

    month = 1970 * 12 + days * 12 / 365 + 1;

    while (llm_period_month_first(month) > days) {
        month--;
    }

    days -= llm_period_month_first(month);
    second = ms / 1000;

    p = llm_text_pair(p, month / 12 / 100 % 100);
    p = llm_text_pair(p, month / 12 % 100);
    *p++ = '-';
    p = llm_text_pair(p, month % 12 + 1);
    *p++ = '-';
    p = llm_text_pair(p, days + 1);
    *p++ = 'T';
    p = llm_text_pair(p, second / 3600);
    *p++ = ':';
    p = llm_text_pair(p, second / 60 % 60);
    *p++ = ':';
    p = llm_text_pair(p, second % 60);
    *p++ = '.';
    *p++ = (u_char) ('0' + ms % 1000 / 100);
    p = llm_text_pair(p, ms % 100);

    memcpy(p, "000Z", 4);

    return p + 4;
}
