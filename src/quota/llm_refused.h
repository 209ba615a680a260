
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _LLM_REFUSED_H_INCLUDED_
#define _LLM_REFUSED_H_INCLUDED_


#include "llm_zone.h"


/* The budget that has refused somebody in the period of a meter: the last one,
   where several places have each their own.  All want the zone entered. */


typedef struct {
    llm_subject_type_e       type;
    uint16_t                 len;
    u_char                   name[LLM_SUBJECT_NAME];
    llm_resource_e           resource;
    llm_period_t             period;
    int64_t                  start;          /* seconds of the epoch */
    int64_t                  end;
    int64_t                  amount;         /* of the limit */
    int64_t                  used;           /* settled, here and by others */
} llm_refused_t;


/* A limit with a period has refused a request. */
void llm_refused_note(llm_zone_t *z, llm_meter_t *m, const llm_limit_t *limit);

/* Without the lock: a number that changes when there is something new. */
static inline uint32_t
llm_refused_changes(const llm_zone_t *z)
{
    return __atomic_load_n(&z->refusals, __ATOMIC_RELAXED);
}


/*
 * Copies what was refused, of at most n meters from i on and no more than max;
 * *found says how many these are.  Returns where to go on, LLM_NONE: there are
 * no more.
 */
llm_index_t llm_refused(llm_zone_t *z, llm_index_t i, uint32_t n,
    llm_refused_t *rows, uint32_t max, uint32_t *found);


#endif /* _LLM_REFUSED_H_INCLUDED_ */
