
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _LLM_PENDING_H_INCLUDED_
#define _LLM_PENDING_H_INCLUDED_


#include <sys/types.h>
#include <stdint.h>

#include "llm_admit.h"


/*
 * Answers that are made in the background.  The request that asks for one is
 * settled with nothing but itself, and leaves a record here: the answer's id,
 * and who pays.  Who first sees what the answer used, whoever that is, charges
 * the record; it stays, so that nothing charges it again.
 *
 * A charge is a reservation of its own, settled as it is made: what keeps the
 * settlement of a request and its line keeps this one too, through every kill.
 *
 * A record is charged exactly once: what the answer states, or what was
 * expected of it, where nobody asked for it in LLM_PENDING_KEEP or the ring
 * came round to its place.  What was expected stays reserved until then, for
 * at most LLM_PENDING_HOLD, so that what nobody asks for blocks nobody for
 * longer.  A record is all that there is to be known of an answer, apart from
 * its subjects' indices, which follow from its names.
 *
 * The lines of the request and of its charge carry the answer's id, from which
 * the store knows what is pending.  So with a store the ring drops records that
 * the store has, and what is not here, because it was dropped or because
 * another zone made it, is charged by llm_pending_restore(): by one process,
 * and only if no zone but this can charge it.
 *
 * Everything here wants the zone entered.
 */


#define LLM_PENDING_HOLD     (3600 * 1000)       /* ms */
#define LLM_PENDING_KEEP     (24 * 3600 * 1000)


/*
 * Settles a reservation as llm_settle() does, and makes the answer of this id
 * (at most LLM_PENDING_ID bytes, not empty) pending with the reservation's
 * subjects, names and figures.
 *
 * The settlement charges nothing and is LLM_SOURCE_PENDING; where the id was
 * charged before (a request sent again) it becomes LLM_SOURCE_NONE; where the
 * zone has no room it becomes a charge of what was expected.
 *
 * *gone: the settled reservation, held by the reservation's worker, of the
 * record that had to leave for this one, LLM_NONE where none had.
 */
int llm_pending_settle(llm_zone_t *z, llm_clock_t *clock, llm_index_t i,
    uint64_t id, const u_char *name, size_t len, uint16_t tier,
    llm_settlement_t *settlement, llm_index_t *gone);

/* The record of an answer, open or charged, or LLM_NONE. */
llm_index_t llm_pending_find(llm_zone_t *z, const u_char *name, size_t len);

/*
 * Charges a record, if it is open and of the reservation whose id is of; the
 * duration of the charge is counted from that one's start.
 * Returns the settled reservation, held by the worker, or LLM_NONE: the record
 * was charged before, or there is no free reservation and it stays open.
 */
llm_index_t llm_pending_charge(llm_zone_t *z, llm_clock_t *clock,
    llm_index_t i, uint64_t of, uint32_t worker,
    const llm_settlement_t *settlement);

/*
 * Gives back what is reserved for longer than LLM_PENDING_HOLD and charges one
 * record that is open for longer than LLM_PENDING_KEEP: its settled
 * reservation, or LLM_NONE where there is none.  timestamp: ms of the epoch.
 */
llm_index_t llm_pending_sweep(llm_zone_t *z, llm_clock_t *clock,
    uint32_t worker, int64_t timestamp);


/* An answer that the store has. */

typedef struct {
    const u_char            *id;
    size_t                   id_len;         /* at most LLM_PENDING_ID */
    uint64_t                 epoch;          /* of the line that left it */
    uint64_t                 number;         /* pending */
    int64_t                  started;        /* ms of the epoch */
    llm_subject_key_t        keys[LLM_SUBJECTS];
    unsigned                 nkeys;
    uint16_t                 len[LLM_NAMES];
    const u_char            *name[LLM_NAMES];
    unsigned                 seen:1;         /* the settlement is what it used,
                                                not what was expected */
} llm_pending_row_t;

/*
 * Charges an answer that the store has as pending: by a charged record of its
 * own, or by the record that there is; an open one that nobody has seen is left
 * to its age.  Subjects that are not there are made, with nothing known of
 * them.  Returns the settled reservation, held by the worker, or LLM_NONE: it
 * is charged, or will be, or there is no room now.  names fit in a record.
 */
llm_index_t llm_pending_restore(llm_zone_t *z, llm_clock_t *clock,
    const llm_pending_row_t *row, uint32_t worker,
    const llm_settlement_t *settlement);

/* Whether the store may have something pending that no record is of. */
int llm_pending_elsewhere(const llm_zone_t *z);


/* Parts of settlement and repair. */

/* Makes the ring's next place free and returns it; LLM_NONE: it has a record
   that must not be forgotten.  Who uses it moves pending_next on. */
llm_index_t llm_pending_place(llm_zone_t *z);

/* Fills in a new reservation as the charge of a record, which is open or was
   never linked, and settles it. */
void llm_pending_note(llm_zone_t *z, llm_clock_t *clock, llm_reservation_t *r,
    llm_index_t i, const llm_settlement_t *settlement);

/* Whether the record is of the request that a reservation is, or charges. */

static inline int
llm_pending_is_of(const llm_pending_t *p, const llm_reservation_t *r)
{
    return p->of == (r->of ? r->of : r->id) && p->of_epoch == r->of_epoch;
}


/* The line of a settled reservation is written. */
void llm_pending_written(llm_zone_t *z, const llm_reservation_t *r);

/* Puts a record among those that are found. */
void llm_pending_link(llm_zone_t *z, llm_index_t i);

/* A whole record becomes open, with what it has reserved; journalled. */
void llm_pending_open(llm_zone_t *z, llm_index_t i);

/* Computes the hash again, and adds what is reserved to the subjects, whose
   own sums are of the reservations. */
void llm_pending_thread(llm_zone_t *z);


#endif /* _LLM_PENDING_H_INCLUDED_ */
