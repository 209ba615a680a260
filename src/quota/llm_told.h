
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _LLM_TOLD_H_INCLUDED_
#define _LLM_TOLD_H_INCLUDED_


#include <sys/types.h>
#include <stdint.h>


/*
 * Counters for metrics: how often alerts of an event came into a channel, or
 * did not.  They only rise, as long as the zone lives, and nothing is decided
 * by them.  The table has room for so many pairs; those that find none are not
 * counted.
 */

#define LLM_TOLD_PAIRS       64
#define LLM_TOLD_EVENT       32              /* bytes of a name */
#define LLM_TOLD_CHANNEL     128

typedef enum {
    LLM_TOLD_DELIVERED = 0,
    LLM_TOLD_FAILED,                         /* attempts */
    LLM_TOLD_GIVEN_UP,
    LLM_TOLD_OUTCOMES
} llm_told_e;


typedef struct {
    uint32_t                 state;          /* 0: free; written last */
    uint16_t                 event_len;
    uint16_t                 channel_len;
    uint64_t                 count[LLM_TOLD_OUTCOMES];
    u_char                   event[LLM_TOLD_EVENT];
    u_char                   channel[LLM_TOLD_CHANNEL];
} llm_told_t;


/* The pair, made where there is room, else NULL; wants the zone entered, where
   it is. */
llm_told_t *llm_told(llm_told_t *pairs, const u_char *event, size_t n,
    const u_char *channel, size_t m);

/* Whether it is one; wants no lock. */
static inline int
llm_told_is(const llm_told_t *pair)
{
    return __atomic_load_n(&pair->state, __ATOMIC_ACQUIRE) != 0;
}


#endif /* _LLM_TOLD_H_INCLUDED_ */
