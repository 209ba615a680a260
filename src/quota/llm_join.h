
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _LLM_JOIN_H_INCLUDED_
#define _LLM_JOIN_H_INCLUDED_


#include <sys/types.h>
#include <stdint.h>

#include "llm_evict.h"


/*
 * A reservation names the subjects that a row bears on where the request came
 * in, and of the others those that the zone knows: counters belong to a
 * subject, not to a place.  Whom it does not know has no meter that could
 * count; he may get one while the request is in flight, because a new
 * configuration or an entity limits him, or because he comes to a place that
 * does.  Then the request counts toward it as well.
 *
 * Everything here wants the zone entered.
 */


/*
 * Makes the subject known, where it is not, and has all that is in flight, has
 * no line yet, or is pending, and is of that subject by the names that its line
 * will have, name it.  What is admitted later names it by itself.  So whatever
 * run of the leader begins after this has, once it is over, carried all lines
 * of the subject but those that llm_subject_t's written tells of, or that its
 * holders will have.
 *
 * LLM_ROOM_MADE; else there is no room for the subject, and nothing was done.
 * No change is open.
 */
llm_room_e llm_join(llm_zone_t *z, llm_clock_t *clock,
    const llm_subject_key_t *key);

/* Whether there may be lines of a subject of this type that were written when
   the zone did not know it. */
int llm_join_is_late(const llm_zone_t *z, llm_subject_type_e type);


#endif /* _LLM_JOIN_H_INCLUDED_ */
