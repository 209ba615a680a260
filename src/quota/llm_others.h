
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _LLM_OTHERS_H_INCLUDED_
#define _LLM_OTHERS_H_INCLUDED_


#include <sys/types.h>
#include <stdint.h>

#include "llm_zone.h"


/*
 * What other machines have settled or claimed under limits that they share
 * with this zone: of each meter one sum, as it was last known, and what of it
 * nobody has settled.  Admission compares settled + reserved + others.  It is
 * no fact of this zone: the ledger, the store and what is published to others
 * know nothing of it.
 *
 * A meter is shared once the others were asked after it was made; until then
 * who needs it waits, unless they cannot be asked.  A period that begins anew
 * begins with nothing, here and there.
 *
 * Everything here wants the zone entered.
 */


/* What the configuration says: on while there are others. */
void llm_others_start(llm_zone_t *z, int on);

/* Whether they can be asked; nothing where there are none. */
void llm_others_reached(llm_zone_t *z, int reached);

/* The zone has got the entities that other nodes have made. */
void llm_others_joined(llm_zone_t *z);

/* Whether they may still come; away: though nobody can be asked for them. */
static inline int
llm_others_late(const llm_zone_t *z, int away)
{
    return !z->joined
           && (z->cluster == LLM_CLUSTER_ON
               || (away && z->cluster == LLM_CLUSTER_AWAY));
}


static inline int
llm_others_known(const llm_zone_t *z, uint32_t shared)
{
    return shared || z->cluster != LLM_CLUSTER_ON;
}


/*
 * Whether of a subject, whose periods are loaded, everything is known that a
 * row needs; makes its minute, if it needs one.  -1: the zone has no room.
 * ask: what is not known is to be asked soon.
 */
int llm_others_want(llm_zone_t *z, const llm_subject_key_t *key,
    const llm_period_t *periods, unsigned nperiods, int minute, int ask);

/* What a period has in all: settled here, and there as far as is known. */
void llm_others_total(const llm_zone_t *z, const llm_meter_t *m,
    int64_t *total);

/* Sets what others have, of that what they only claim, and that the meter is
   shared. */
void llm_others_set(llm_zone_t *z, llm_meter_t *m, const int64_t *others,
    const int64_t *claimed);
void llm_others_set_minute(llm_zone_t *z, llm_minute_t *m,
    const int64_t *others);


#endif /* _LLM_OTHERS_H_INCLUDED_ */
