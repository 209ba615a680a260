
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _TAP_H_INCLUDED_
#define _TAP_H_INCLUDED_


#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <stdint.h>


/* The Test Anything Protocol for C: what ok() says is what prove reads. */

static int  tap_count;
static int  tap_failed;


#define ok(cond, ...)                                                         \
    tap_ok((cond) != 0, __FILE__, __LINE__, __VA_ARGS__)

#define is_int(got, expected, ...)                                            \
    tap_is_int((long long) (got), (long long) (expected), __FILE__,           \
               __LINE__, __VA_ARGS__)

#define is_mem(got, len, expected, ...)                                       \
    tap_is_mem((got), (len), (expected), __FILE__, __LINE__, __VA_ARGS__)


#define tap_say(ok, file, line, fmt, ap)                                      \
    do {                                                                      \
        tap_count++;                                                          \
        printf("%sok %d - ", (ok) ? "" : "not ", tap_count);                  \
        vprintf(fmt, ap);                                                     \
        printf("\n");                                                         \
        if (!(ok)) {                                                          \
            tap_failed++;                                                     \
            printf("# at %s:%d\n", file, line);                               \
        }                                                                     \
    } while (0)


#include <stdarg.h>


__attribute__((unused, format(printf, 4, 5))) static int
tap_ok(int cond, const char *file, int line, const char *fmt, ...)
{
    va_list  ap;

    va_start(ap, fmt);
    tap_say(cond, file, line, fmt, ap);
    va_end(ap);

    return cond;
}


__attribute__((unused, format(printf, 5, 6))) static int
tap_is_int(long long got, long long expected, const char *file, int line,
    const char *fmt, ...)
{
    va_list  ap;

    va_start(ap, fmt);
    tap_say(got == expected, file, line, fmt, ap);
    va_end(ap);

    if (got != expected) {
        printf("# got %lld, expected %lld\n", got, expected);
    }

    return got == expected;
}


__attribute__((unused, format(printf, 6, 7))) static int
tap_is_mem(const void *got, size_t len, const char *expected,
    const char *file, int line, const char *fmt, ...)
{
    int      same;
    va_list  ap;

    same = (len == strlen(expected)
            && (len == 0 || memcmp(got, expected, len) == 0));

    va_start(ap, fmt);
    tap_say(same, file, line, fmt, ap);
    va_end(ap);

    if (!same) {
        printf("# got \"%.*s\", expected \"%s\"\n", (int) len,
               (const char *) got, expected);
    }

    return same;
}


__attribute__((unused)) static int
tap_done(void)
{
    printf("1..%d\n", tap_count);

    return tap_failed ? 1 : 0;
}


#endif /* _TAP_H_INCLUDED_ */
