
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _LLM_EVICT_H_INCLUDED_
#define _LLM_EVICT_H_INCLUDED_


#include <sys/types.h>
#include <stdint.h>

#include "llm_zone.h"


/*
 * A zone that is too small still enforces: those who were not asked about for
 * the longest time leave it, with their meters, when the zone has nothing of
 * them that is not elsewhere.  That is so when
 *
 *     no reservation and no record of a pending answer names them;
 *     nothing of them is left in the minute;
 *     and all that was settled of them is in the store: the last line that
 *     names them was written before the last run began that has carried
 *     everything.  A zone without a store has nowhere to put what a period
 *     has settled: they stay until all their periods have begun anew.
 *
 * Who returns is asked of the store, like anybody whom the zone does not know.
 * Whom a row of the configuration names never leaves.
 *
 * A hand goes round the subjects.  Whom it finds used since it came by last,
 * it lets be for another round; whom clients cannot invent, for some rounds
 * more, so that customers leave first, then users and models, pairs, and at
 * last teams and keys.  It never goes a whole round for one who is to leave: if
 * a few steps lead to nobody whose rounds are over, the one leaves of those
 * that it met who has the fewest.
 *
 * A part of the room is kept for those whom clients cannot invent.
 *
 * Everything here wants the zone entered.
 */


/* Of the hand, for each who leaves. */
#define LLM_EVICT_STEPS      64


/* What is to be free. */

typedef struct {
    uint32_t                 subjects;
    uint32_t                 meters;
    uint32_t                 minutes;
    unsigned                 common:1;   /* some of it is for those whom
                                            clients can invent */
} llm_room_t;


/* Whether as many as they like of this kind can be made up by who asks. */
int llm_evict_is_common(llm_subject_type_e type);

/* Whether there is that much room now. */
int llm_has_room(const llm_zone_t *z, const llm_room_t *room);

typedef enum {
    LLM_ROOM_NONE = 0,
    LLM_ROOM_SOON,               /* as soon as more is carried into the store
                                    somebody can leave */
    LLM_ROOM_MADE
} llm_room_e;

/*
 * The same, after some have left, if need be.  keep: indices of subjects that
 * stay, LLM_NONE among them is taken.  No change is open.
 */
llm_room_e llm_make_room(llm_zone_t *z, llm_clock_t *clock,
    const llm_room_t *room, const llm_index_t *keep, unsigned nkeep);

/* Somebody asks about a subject. */
void llm_evict_touch(llm_subject_t *s);

/* The row that bears on a subject names it: it stays for as long as the
   configuration. */
void llm_evict_pin(const llm_zone_t *z, llm_subject_t *s);

/* There is a new configuration: who has a row in it is to be found out. */
void llm_evict_unpin(llm_zone_t *z);

/* Whether somebody with this hash may have left at since (the zone's time) or
   after it: what was read of the store then may lack what he took there. */
int llm_evict_since(const llm_zone_t *z, uint32_t hash, uint64_t since);


#endif /* _LLM_EVICT_H_INCLUDED_ */
