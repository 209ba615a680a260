
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _LLM_RECENT_H_INCLUDED_
#define _LLM_RECENT_H_INCLUDED_


#include "llm_carrier.h"
#include "llm_segment.h"


/*
 * Of the segments of other zones the LLM_CARRIER_MARKS that were written to
 * last are recent: the zone has a mark of each.  Of the others it has one
 * number, which says together how far each of them was added to its meters:
 * llm_mark_sum().  So whoever comes to lead knows without the leader before him
 * whether something of them was carried into the store and came to no meter.
 */


/* A segment's mark, or NULL. */
const llm_carrier_mark_t *llm_recent_mark(const llm_carrier_run_t *run,
    const llm_segment_t *s);

/*
 * Before the first run for a zone whose meters are loaded: what the store has
 * of segments without a mark, they have.  Returns 0 where they do not.
 */
int llm_recent_begin(llm_segments_t *segments, uint64_t epoch,
    const llm_carrier_run_t *run);

/* Which segments are recent now.  Lines that the zone's meters lack come first;
   else when segments were made is not when their zones ended. */
void llm_recent_choose(llm_segments_t *segments, uint64_t epoch,
    const llm_carrier_run_t *run);

/* Where ends what is committed of those; returns how many there are. */
unsigned llm_recent_marks(const llm_segments_t *segments,
    llm_carrier_mark_t *marks);

/* And the sum of the others. */
uint64_t llm_recent_others(const llm_segments_t *segments, uint64_t epoch);


#endif /* _LLM_RECENT_H_INCLUDED_ */
