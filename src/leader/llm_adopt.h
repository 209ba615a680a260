
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _LLM_ADOPT_H_INCLUDED_
#define _LLM_ADOPT_H_INCLUDED_


#include "llm_carrier.h"
#include "llm_fact.h"
#include "llm_load.h"


/*
 * Lines of other zones come into this one, once: how far those of a segment
 * did is its mark, which moves with the meters.  Until the zone is ready they
 * are those of the last minute, whose windows are made as they are needed;
 * then they are what other zones settle beside this one.  Everything here
 * wants the zone entered.
 */

void llm_adopt_line(llm_zone_t *z, llm_clock_t *clock, const llm_kept_t *kept,
    const llm_carrier_line_t *line);

/* All lines before these marks are in; of other segments the zone keeps in one
   number how far they were, which is llm_carrier_others(). */
void llm_adopt_marks(llm_zone_t *z, const llm_carrier_mark_t *marks,
    unsigned n, uint64_t others);

/* The zone's marks, for the carrier's next run; returns how many. */
unsigned llm_adopted(const llm_zone_t *z, llm_carrier_mark_t *marks);


#endif /* _LLM_ADOPT_H_INCLUDED_ */
