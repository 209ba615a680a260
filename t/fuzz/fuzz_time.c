
/*
 * Copyright (C) the llm_quota authors
 */


#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "llm_time.h"


/* A time that is taken, written by libc as the same day or moment, is the text
   again, but for what is cut, small letters and offsets. */


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
require(int cond)
{
    if (!cond) {
        abort();
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char       text[32], zone;
    time_t     t;
    int64_t    seconds, again;
    struct tm  tm;

    if (llm_time_parse(data, size, &seconds) != 0) {
        return 0;
    }

    t = seconds;
    require(gmtime_r(&t, &tm) != NULL);

    zone = data[size - 1];

    if (size == 10 || zone == 'Z' || zone == 'z') {
        require(strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm) >= 15);

        /* years before 1000 are written shorter */

        if (tm.tm_year >= 1000 - 1900) {
            require(memcmp(text, data, 10) == 0);
            require(size == 10 || memcmp(text + 11, data + 11, 8) == 0);

            text[19] = 'Z';
            require(llm_time_parse((u_char *) text, 20, &again) == 0);
            require(again == seconds);
        }
    }

    return 0;
}
