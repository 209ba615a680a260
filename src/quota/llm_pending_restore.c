
/*
 * Copyright (C) the llm_quota authors
 */


#include <string.h>

#include "llm_evict.h"
#include "llm_pending.h"


/*
 * Answers that were left pending by another zone, or by this one when it had
 * more room.  Nothing of them is in the zone until they are charged; then a
 * record says so until the store has the charge.
 */


static llm_index_t llm_restore_known(llm_zone_t *z, llm_clock_t *clock,
    const llm_pending_row_t *row, llm_index_t i, uint32_t worker,
    const llm_settlement_t *settlement);
static int llm_restore_subjects(llm_zone_t *z, llm_clock_t *clock,
    const llm_pending_row_t *row, llm_index_t *subjects);
static void llm_restore_record(llm_zone_t *z, const llm_pending_row_t *row,
    llm_pending_t *p);


llm_index_t
llm_pending_restore(llm_zone_t *z, llm_clock_t *clock,
    const llm_pending_row_t *row, uint32_t worker,
    const llm_settlement_t *settlement)
{
    llm_index_t         i, k, subjects[LLM_SUBJECTS];
    llm_pending_t      *p;
    llm_reservation_t  *r;

    i = llm_pending_find(z, row->id, row->id_len);

    if (i != LLM_NONE) {
        return llm_restore_known(z, clock, row, i, worker, settlement);
    }

    if (z->reservations_left == 0
        || !llm_restore_subjects(z, clock, row, subjects))
    {
        return LLM_NONE;
    }

    i = llm_pending_place(z);

    if (i == LLM_NONE) {
        return LLM_NONE;
    }

    z->pending_next++;

    p = llm_zone_pending(z, i);

    llm_restore_record(z, row, p);

    p->nsubjects = row->nkeys;
    memcpy(p->subjects, subjects, row->nkeys * sizeof(llm_index_t));

    k = llm_zone_add_reservation(z);
    r = llm_zone_reservation(z, k);

    llm_zone_set_worker(z, r, worker);

    r->nsubjects = p->nsubjects;
    memcpy(r->subjects, p->subjects, sizeof(r->subjects));

    /* a kill before the change leaves both free, and nobody held */

    llm_zone_hold(z, r);
    llm_pending_link(z, i);
    llm_pending_note(z, clock, r, i, settlement);

    return k;
}


/* The same id in another record is the same answer to a request that was sent
   again: that one's charge is the charge. */

static llm_index_t
llm_restore_known(llm_zone_t *z, llm_clock_t *clock,
    const llm_pending_row_t *row, llm_index_t i, uint32_t worker,
    const llm_settlement_t *settlement)
{
    llm_pending_t  *p;

    p = llm_zone_pending(z, i);

    if (!row->seen || p->state != LLM_PENDING_OPEN) {
        return LLM_NONE;
    }

    return llm_pending_charge(z, clock, i, p->of, worker, settlement);
}


static int
llm_restore_subjects(llm_zone_t *z, llm_clock_t *clock,
    const llm_pending_row_t *row, llm_index_t *subjects)
{
    unsigned    i;
    llm_room_t  room;

    memset(&room, 0, sizeof(llm_room_t));

    for (i = 0; i < row->nkeys; i++) {
        subjects[i] = llm_zone_find(z, &row->keys[i]);

        if (subjects[i] == LLM_NONE) {
            room.subjects++;
            room.common |= llm_evict_is_common(row->keys[i].type);
        }
    }

    if (llm_make_room(z, clock, &room, subjects, row->nkeys)
        != LLM_ROOM_MADE)
    {
        return 0;
    }

    for (i = 0; i < row->nkeys; i++) {
        if (subjects[i] == LLM_NONE) {
            subjects[i] = llm_zone_add_subject(z, &row->keys[i]);
        }
    }

    return 1;
}


static void
llm_restore_record(llm_zone_t *z, const llm_pending_row_t *row,
    llm_pending_t *p)
{
    u_char      *text;
    llm_name_e   n;

    p->hash = llm_zone_hash(z, row->id, row->id_len, LLM_HASH_PENDING);
    p->of = row->number;
    p->of_epoch = (row->epoch == z->epoch) ? 0 : row->epoch;
    p->created = z->now;
    p->started = row->started;
    memset(p->reserved, 0, sizeof(p->reserved));
    memset(p->expected, 0, sizeof(p->expected));
    p->tier = 0;
    p->id_len = row->id_len;
    memcpy(p->id, row->id, row->id_len);

    text = p->text;

    for (n = 0; n < LLM_NAMES; n++) {
        p->len[n] = row->len[n];

        if (row->len[n]) {
            memcpy(text, row->name[n], row->len[n]);
            text += row->len[n];
        }
    }
}


int
llm_pending_elsewhere(const llm_zone_t *z)
{
    return !z->pending_known
           || z->pending_others
           || (z->pending_left
               && z->now - z->pending_left < LLM_PENDING_KEEP);
}
