
/*
 * Copyright (C) the llm_quota authors
 */


#include <string.h>

#include "llm_window.h"


/*
 * A process can be killed between any two instructions, and the next one
 * goes on with what was stored until then.  So the newest second moves only
 * after the bucket that it enters is empty: a kill leaves buckets emptied
 * early that the same roll, called again, empties anyway, but never an old
 * bucket that would pass for a new one.  The fence keeps the compiler to that
 * order; the processor needs none, since a kill sees whole instructions.
 */

#define llm_window_fence()  __atomic_signal_fence(__ATOMIC_SEQ_CST)


void
llm_window_init(llm_window_t *w, uint64_t second)
{
    memset(w->bucket, 0, sizeof(w->bucket));
    memset(w->sum, 0, sizeof(w->sum));

    llm_window_fence();

    w->second = second;
}


void
llm_window_advance(llm_window_t *w, uint64_t second)
{
    unsigned   i;
    uint32_t  *bucket;

    if (second - w->second >= LLM_WINDOW_BUCKETS) {
        llm_window_init(w, second);
        return;
    }

    while (w->second < second) {

        /* 61 seconds ago the ring was at the place that comes next */

        bucket = w->bucket[(w->second + 1) % LLM_WINDOW_BUCKETS];

        for (i = 0; i < LLM_WINDOW_COUNTERS; i++) {
            w->sum[i] -= bucket[i];
            bucket[i] = 0;
        }

        llm_window_fence();

        w->second++;
    }
}


uint64_t
llm_window_wait(const llm_window_t *w, unsigned mask, uint64_t room,
    uint64_t now_ms)
{
    unsigned         i, age;
    uint64_t         sum, second, free_ms;
    const uint32_t  *bucket;

    /* from the newest back: the first second that no longer fits beside the
       later ones must be let go, and with it all before */

    sum = 0;

    for (age = 0; age < LLM_WINDOW_BUCKETS && age <= w->second; age++) {
        second = w->second - age;
        bucket = w->bucket[second % LLM_WINDOW_BUCKETS];

        for (i = 0; i < LLM_WINDOW_COUNTERS; i++) {
            if (mask & (1u << i)) {
                sum += bucket[i];
            }
        }

        if (sum > room) {
            free_ms = (second + LLM_WINDOW_BUCKETS) * 1000;

            return (free_ms > now_ms) ? free_ms - now_ms : 0;
        }
    }

    return 0;
}


void
llm_window_repair(llm_window_t *w)
{
    unsigned  i, n;

    memset(w->sum, 0, sizeof(w->sum));

    for (n = 0; n < LLM_WINDOW_BUCKETS; n++) {
        for (i = 0; i < LLM_WINDOW_COUNTERS; i++) {
            w->sum[i] += w->bucket[n][i];
        }
    }
}
