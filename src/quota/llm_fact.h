
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _LLM_FACT_H_INCLUDED_
#define _LLM_FACT_H_INCLUDED_


#include <sys/types.h>
#include <stdint.h>

#include "llm_zone.h"


/*
 * Facts that are no usage: a correction is added to what the meters of its
 * subjects have settled, a reset to what those of one subject show.  Both say
 * what is added, so that their order among other facts does not matter.
 *
 * A fact is in the meters and in a slot of the zone at once or not at all; the
 * slot has its line, until that is in the ledger, whoever dies meanwhile.
 * Everything here wants the zone entered.
 */

#define LLM_FACT_LINE        7168        /* bytes, as llm_line_fact.h has it */
#define LLM_FACT_SLOTS       64          /* of a zone at most */


typedef struct {
    uint32_t                 used;
    uint32_t                 worker;         /* LLM_NONE: nobody's */
    uint32_t                 generation;     /* of the worker's slot */
    uint32_t                 len;
    uint64_t                 id;
    u_char                   line[LLM_FACT_LINE];
} llm_fact_t;


/* One period of a subject. */

typedef struct {
    llm_period_t             period;
    int64_t                  start;          /* s of the epoch */
    int64_t                  amount[LLM_COUNTS];
} llm_fact_period_t;


typedef struct {
    const llm_subject_key_t *keys;
    unsigned                 nkeys;          /* at most LLM_SUBJECT_TYPES */

    /* a correction: to all periods that hold the time (s of the epoch) */
    int64_t                  time;
    int64_t                  amount[LLM_COUNTS];

    /* a reset: to these of the one key; 0: it is a correction */
    const llm_fact_period_t *periods;
    unsigned                 nperiods;
} llm_fact_change_t;


static inline llm_fact_t *
llm_zone_fact(llm_zone_t *z, llm_index_t i)
{
    return (llm_fact_t *) ((u_char *) z + z->facts) + i;
}


/* What the loaded meters of a subject show, with what other nodes have;
   returns how many there are, at most LLM_SUBJECT_METERS. */
unsigned llm_fact_shown(llm_zone_t *z, llm_clock_t *clock,
    const llm_subject_key_t *key, llm_fact_period_t *periods);

/* Whether a correction leaves no meter, with what other nodes have, below
   nothing that was not; else *key is the first whose would be. */
int llm_fact_fits(llm_zone_t *z, llm_clock_t *clock,
    const llm_fact_change_t *change, unsigned *key);

/*
 * A free slot with an id of its own, for the line to be written into; nothing
 * is changed before llm_fact_make().  LLM_NONE: all wait for their lines to be
 * written.
 */
llm_index_t llm_fact_slot(llm_zone_t *z);

/* The slot is the worker's, its line and len are set: takes it, and adds the
   change to the meters, in one. */
void llm_fact_make(llm_zone_t *z, llm_clock_t *clock, llm_index_t i,
    uint32_t worker, const llm_fact_change_t *change);

/*
 * The change of another zone's line, which ends there, and is the mark's in
 * the same change; what the mark says already is not added again.
 */
void llm_fact_adopt(llm_zone_t *z, llm_clock_t *clock,
    const llm_fact_change_t *change, llm_mark_t *mark, int64_t end);

/* Whether it waits for its line, and nobody who lives writes it. */
int llm_fact_is_left(llm_zone_t *z, llm_index_t i);

/* Gives it to a worker; LLM_NONE: to whoever comes. */
void llm_fact_take(llm_zone_t *z, llm_index_t i, uint32_t worker);

/* Its line is written. */
void llm_fact_free(llm_zone_t *z, llm_index_t i);


#endif /* _LLM_FACT_H_INCLUDED_ */
