
/*
 * Copyright (C) the llm_quota authors
 */


#include <stdlib.h>
#include <string.h>

#include "llm_time.h"
#include "tap.h"


/* In memory of its own length, so that reading past it is noticed. */

static long long
seconds(const char *text)
{
    int       rc;
    size_t    n;
    int64_t   value;
    u_char   *copy;

    n = strlen(text);
    copy = malloc(n ? n : 1);
    memcpy(copy, text, n);

    value = -7;
    rc = llm_time_parse(copy, n, &value);

    free(copy);

    return rc == 0 ? value : -1;
}


static void
test_times(void)
{
    size_t  i;

    static const struct {
        const char  *text;
        long long    value;
    } times[] = {
        { "1970-01-02", 86400 },
        { "2026-04-01", 1775001600 },
        { "2024-02-29", 1709164800 },
        { "2000-02-29", 951782400 },
        { "9999-12-31", 253402214400 },
        { "2026-04-01T00:00:00Z", 1775001600 },
        { "2026-04-01t12:30:05z", 1775046605 },
        { "2026-04-01T23:59:59Z", 1775087999 },
        { "2026-04-01T12:30:05.999999Z", 1775046605 },
        { "2026-04-01T12:30:05+02:00", 1775039405 },
        { "2026-04-01T12:30:05.5-05:30", 1775066405 },
        { "2026-04-01T12:30:05-00:00", 1775046605 },
        { "2026-04-01T00:00:00+23:59", 1774915260 }
    };

    for (i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        is_int(seconds(times[i].text), times[i].value, "%s", times[i].text);
    }
}


static void
test_others(void)
{
    size_t  i;

    static const char  *others[] = {
        "", "2026", "2026-04", "2026-4-1", "2026/04/01", "26-04-01",
        "2026-00-01", "2026-13-01", "2026-04-00", "2026-04-31", "2026-02-29",
        "1900-02-29", "2026-04-0x", "2026-04-01 ", "2026-04-01T",
        "2026-04-01T12", "2026-04-01T12:30", "2026-04-01T12:30Z",
        "2026-04-01T12:30:05", "2026-04-01 12:30:05Z", "2026-04-01T24:00:00Z",
        "2026-04-01T12:60:05Z", "2026-04-01T12:30:60Z",
        "2026-04-01T12:30:05.Z", "2026-04-01T12:30:05.5",
        "2026-04-01T12:30:05ZZ", "2026-04-01T12:30:05+2:00",
        "2026-04-01T12:30:05+02", "2026-04-01T12:30:05+0200",
        "2026-04-01T12:30:05+24:00", "2026-04-01T12:30:05+02:60",
        "2026-04-01T12:30:05+02:00x", "2026-04-01T12:30:05 02:00", "never"
    };

    for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        is_int(seconds(others[i]), -1, "\"%s\" is no time", others[i]);
    }
}


int
main(void)
{
    test_times();
    test_others();

    return tap_done();
}
