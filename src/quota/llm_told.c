
/*
 * Copyright (C) the llm_quota authors
 */


#include <string.h>

#include "llm_told.h"


llm_told_t *
llm_told(llm_told_t *pairs, const u_char *event, size_t n,
    const u_char *channel, size_t m)
{
    unsigned     i;
    llm_told_t  *pair;

    if (n > LLM_TOLD_EVENT || m > LLM_TOLD_CHANNEL) {
        return NULL;
    }

    for (i = 0; i < LLM_TOLD_PAIRS; i++) {
        pair = &pairs[i];

        if (!llm_told_is(pair)) {
            pair->event_len = n;
            pair->channel_len = m;
            memcpy(pair->event, event, n);
            memcpy(pair->channel, channel, m);

            __atomic_store_n(&pair->state, 1, __ATOMIC_RELEASE);

            return pair;
        }

        if (pair->event_len == n && pair->channel_len == m
            && memcmp(pair->event, event, n) == 0
            && memcmp(pair->channel, channel, m) == 0)
        {
            return pair;
        }
    }

    return NULL;
}
