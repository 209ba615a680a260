
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _LLM_LOAD_H_INCLUDED_
#define _LLM_LOAD_H_INCLUDED_


#include <sys/types.h>
#include <stdint.h>

#include "llm_evict.h"


/*
 * What was settled elsewhere or before the zone was made comes into its
 * meters: sums of the store when a meter is first needed, lines of another
 * zone as they are carried.  Everything here wants the zone entered.
 */


/* What the store has of one period of a subject. */

typedef struct {
    llm_period_t             period;
    int64_t                  start;      /* seconds of the epoch */
    int64_t                  generation;
    int64_t                  sum[LLM_COUNTS];
} llm_load_t;

/*
 * Makes the meters of those periods, where they are not there yet, and sets
 * each, once for its life, to what rows has of the period that the clock
 * stands in, with what this zone's reservations will yet write into the
 * ledger; or leaves it at what it has counted itself where that is more.
 * Others may have to leave for it.  LLM_ROOM_MADE, or what keeps it from being
 * loaded: then nothing of it is.  LLM_ROOM_SOON also says that a line may be
 * in the ledger, and so in rows, while its reservation is still there.
 */
llm_room_e llm_zone_load(llm_zone_t *z, llm_clock_t *clock,
    const llm_subject_key_t *key, const llm_period_t *periods,
    unsigned nperiods, const llm_load_t *rows, size_t nrows);


/*
 * Whether one of these meters would be loaded without lines that this zone has
 * written of the subject: some came since carried, which is what the zone's
 * was before the store was read.
 */
int llm_zone_load_lacks(llm_zone_t *z, const llm_subject_key_t *key,
    const llm_period_t *periods, unsigned nperiods, uint64_t carried);


/* Whether what was used in the period is known: it was loaded, or there is
   nothing to load. */
int llm_zone_is_loaded(llm_zone_t *z, const llm_subject_key_t *key,
    llm_period_t period);


/*
 * A load is exact where the store was read at a moment when of other zones'
 * lines it had those that this one has, no fewer and no more.  The state of
 * the marks, which changes with each of these lines: it must be the same
 * before the reading and when its rows are added.
 */
uint64_t llm_zone_marks_state(const llm_zone_t *z);

/* And whether they are what the store had afterwards, which is n offsets, those
   of segments without a mark taken together.
   whole: everything was carried after the reading, so a mark that is beyond
   its offset is one of a segment that was cut. */
int llm_zone_marks_are(const llm_zone_t *z, const llm_mark_t *offsets,
    size_t n, int whole);


/* How far segments were read, in one number: the sum of this over them says
   whether any of them is at another offset.  One that was not read is nothing
   to it. */
uint64_t llm_mark_sum(uint64_t epoch, uint32_t number, int64_t offset);

/* From now on no meter is loaded: each is read from the store once more. */
void llm_zone_unload(llm_zone_t *z);


/* A settled line that is not this zone's own. */

typedef struct {
    int64_t                  started;    /* ms of the epoch */
    int64_t                  timestamp;  /* ms of the epoch */
    int64_t                  requests;
    int64_t                  input;      /* tokens */
    int64_t                  window_input;   /* tokens toward tpm */
    int64_t                  output;
    int64_t                  cost;       /* nano-dollars */
} llm_foreign_line_t;

/*
 * Adds it to the meters that the subjects have: to loaded periods that hold
 * its moments, and to the minute.  mark is where in the zone's table of marks
 * the line's end is noted in the same change; what that says already is not
 * added again.  NULL: to the minute alone.
 */
void llm_zone_add_line(llm_zone_t *z, llm_clock_t *clock,
    const llm_subject_key_t *keys, unsigned nkeys,
    const llm_foreign_line_t *line, llm_mark_t *mark, int64_t end);

/* Makes the subject and its minute, where they are not there and there is
   room. */
void llm_zone_want_minute(llm_zone_t *z, const llm_subject_key_t *key);

/* The mark of a segment, a new one where there is none; the place of the
   oldest is taken. */
llm_mark_t *llm_zone_mark(llm_zone_t *z, uint64_t epoch, uint32_t number);


#endif /* _LLM_LOAD_H_INCLUDED_ */
