
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _LLM_WINDOW_H_INCLUDED_
#define _LLM_WINDOW_H_INCLUDED_


#include <sys/types.h>
#include <stdint.h>


/*
 * A one-minute window: a ring of 61 one-second buckets, the current second
 * and the 60 before it, with a running sum.  What was counted in second s is
 * let go when second s + 61 begins, so at least 60 seconds lie between any
 * two events that do not both count: in no 60-second interval, wherever it
 * starts, is more than the limit counted.
 *
 * Lives in shared memory: no pointers; sums can always be computed again
 * from the buckets (llm_window_repair()).  Buckets saturate at UINT32_MAX.
 */

#define LLM_WINDOW_BUCKETS   61


typedef enum {
    LLM_WINDOW_REQUESTS = 0,
    LLM_WINDOW_INPUT,
    LLM_WINDOW_OUTPUT,
    LLM_WINDOW_COUNTERS
} llm_window_counter_e;


typedef struct {
    uint64_t                 second;    /* of the newest bucket */
    uint64_t                 sum[LLM_WINDOW_COUNTERS];
    uint32_t                 bucket[LLM_WINDOW_BUCKETS][LLM_WINDOW_COUNTERS];
} llm_window_t;


void llm_window_init(llm_window_t *w, uint64_t second);

/* The part of llm_window_roll() that has something to do: second is after
   the newest bucket. */
void llm_window_advance(llm_window_t *w, uint64_t second);

/* Lets go what is too old.  A second before the newest changes nothing.
   Interrupted anywhere, it can be called again, after llm_window_repair(). */
static inline void
llm_window_roll(llm_window_t *w, uint64_t second)
{
    if (second > w->second) {
        llm_window_advance(w, second);
    }
}


/* The bucket that the current second counts in, once the window is rolled to
   it.  Who counts adds to it, at most up to UINT32_MAX, and as much to the
   sum after it. */
static inline uint32_t *
llm_window_bucket(llm_window_t *w, llm_window_counter_e counter)
{
    return &w->bucket[w->second % LLM_WINDOW_BUCKETS][counter];
}


/*
 * After how many milliseconds from now (of the clock whose seconds the
 * buckets bear, at or after the newest bucket) the counters of the mask
 * (1 << counter) together will have fallen to at most room, if nothing else
 * comes.  0: now.  The window is rolled to now already.
 */
uint64_t llm_window_wait(const llm_window_t *w, unsigned mask, uint64_t room,
    uint64_t now_ms);

/* Computes the sums again: a process may have been killed in mid-change. */
void llm_window_repair(llm_window_t *w);


#endif /* _LLM_WINDOW_H_INCLUDED_ */
