
/*
 * Copyright (C) the llm_quota authors
 */


#include <stdlib.h>
#include <string.h>

#include "llm_key.h"
#include "tap.h"


#define MAX  8


/* Bytes that differ from those of another number in one place only. */

static const u_char *
digest(unsigned place, unsigned value)
{
    static u_char  bytes[LLM_KEY_DIGEST];

    memset(bytes, 7, sizeof(bytes));
    bytes[place] = value;

    return bytes;
}


static void
test_empty(void)
{
    uint32_t    buckets[1];
    llm_key_t   key;
    llm_keys_t  t;

    memset(&t, 0, sizeof(t));

    is_int(llm_keys_find(&t, digest(0, 0)), LLM_KEY_NONE,
           "a table without memory has no key");

    llm_keys_init(&t, &key, buckets, 1);

    is_int(llm_keys_find(&t, digest(0, 0)), LLM_KEY_NONE,
           "nor has an empty one");
    is_int(llm_keys_add(&t, digest(0, 1)), 0, "there is room for one");
    is_int(llm_keys_add(&t, digest(0, 2)), LLM_KEY_NONE, "and for no other");
    is_int(llm_keys_find(&t, digest(0, 1)), 0, "the one is found");
    is_int(llm_keys_find(&t, digest(0, 2)), LLM_KEY_NONE, "the other is not");
}


/* The first bytes choose the bucket: with the same ones all are in one. */

static void
test_place(unsigned place)
{
    unsigned    i, found;
    uint32_t   *buckets;
    llm_key_t  *keys;
    llm_keys_t  t;

    keys = malloc(MAX * sizeof(llm_key_t));
    buckets = malloc(MAX * sizeof(uint32_t));

    llm_keys_init(&t, keys, buckets, MAX);

    for (i = 0; i < MAX; i++) {
        is_int(llm_keys_add(&t, digest(place, 10 + i)), i,
               "key %u that differs in byte %u", i, place);
    }

    found = 0;

    for (i = 0; i < 256; i++) {
        if (llm_keys_find(&t, digest(place, i))
            == (i >= 10 && i < 10 + MAX ? i - 10 : LLM_KEY_NONE))
        {
            found++;
        }
    }

    is_int(found, 256, "those and no others are found");

    free(keys);
    free(buckets);
}


int
main(void)
{
    test_empty();
    test_place(0);
    test_place(3);
    test_place(4);
    test_place(LLM_KEY_DIGEST - 1);

    return tap_done();
}
