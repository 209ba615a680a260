
/*
 * Copyright (C) the llm_quota authors
 */


#include <string.h>

#include <openssl/crypto.h>

#include "llm_key.h"


static uint32_t *
llm_keys_bucket(const llm_keys_t *t, const u_char *digest)
{
    uint32_t  prefix;

    memcpy(&prefix, digest, sizeof(prefix));

    return &t->buckets[prefix & (t->max - 1)];
}


void
llm_keys_init(llm_keys_t *t, llm_key_t *keys, uint32_t *buckets, uint32_t max)
{
    t->keys = keys;
    t->buckets = buckets;
    t->nkeys = 0;
    t->max = max;

    memset(buckets, 0xff, max * sizeof(uint32_t));
}


uint32_t
llm_keys_add(llm_keys_t *t, const u_char *digest)
{
    uint32_t  *bucket;

    if (t->nkeys == t->max) {
        return LLM_KEY_NONE;
    }

    bucket = llm_keys_bucket(t, digest);

    memcpy(t->keys[t->nkeys].digest, digest, LLM_KEY_DIGEST);
    t->keys[t->nkeys].next = *bucket;
    *bucket = t->nkeys;

    return t->nkeys++;
}


uint32_t
llm_keys_find(const llm_keys_t *t, const u_char *digest)
{
    uint32_t  i;

    if (t->max == 0) {
        return LLM_KEY_NONE;
    }

    for (i = *llm_keys_bucket(t, digest);
         i != LLM_KEY_NONE;
         i = t->keys[i].next)
    {
        if (CRYPTO_memcmp(t->keys[i].digest, digest, LLM_KEY_DIGEST) == 0) {
            break;
        }
    }

    return i;
}
