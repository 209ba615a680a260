
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _LLM_RATE_H_INCLUDED_
#define _LLM_RATE_H_INCLUDED_


#include "llm_zone.h"


/* What alerts about rates look at: what was used in the last minute, and who
   is refused for that again and again.  All want the zone entered. */


/* A spell of refusals lasts while no longer than GAP lies between two of them,
   and is worth telling of from LONG on: who is told to wait, and waits, is
   none of them.  Seconds. */

#define LLM_RATE_GAP     30
#define LLM_RATE_LONG    60


typedef struct {
    llm_subject_type_e       type;
    uint16_t                 len;
    u_char                   name[LLM_SUBJECT_NAME];
    int64_t                  used[LLM_COUNTS];   /* in the last minute, here
                                                    and by others; no cost */

    /* of the limit that has refused for so long; amount 0: none has */
    llm_resource_e           resource;
    int64_t                  amount;
    int64_t                  since;              /* seconds of the epoch */
} llm_rate_t;


/* A limit of the minute has refused a request, at a time in seconds of the
   epoch; of several the last is known. */
void llm_rate_refused(llm_minute_t *m, const llm_limit_t *limit, int64_t now);


/*
 * Copies what was used and refused, of at most n minutes from i on and no more
 * than max; *found says how many these are.  Returns where to go on, LLM_NONE:
 * there are no more.
 */
llm_index_t llm_rates(llm_zone_t *z, llm_index_t i, uint32_t n, int64_t now,
    llm_rate_t *rates, uint32_t max, uint32_t *found);


#endif /* _LLM_RATE_H_INCLUDED_ */
