
/*
 * Copyright (C) the llm_quota authors
 */


#include <string.h>

#include "llm_pending.h"


static void llm_pending_unlink(llm_zone_t *z, llm_index_t i);
static void llm_pending_reserve(llm_zone_t *z, llm_index_t i);
static llm_index_t llm_pending_expected(llm_zone_t *z, llm_clock_t *clock,
    llm_index_t i, uint32_t worker, int64_t timestamp);
static llm_index_t llm_pending_due(llm_zone_t *z, uint64_t *number,
    uint64_t age);
static void llm_pending_release(llm_zone_t *z, llm_pending_t *p);
static void llm_pending_leave(llm_zone_t *z, llm_index_t i);


static inline uint32_t *
llm_pending_bucket(llm_zone_t *z, uint32_t hash)
{
    return (uint32_t *) ((u_char *) z + z->pending_buckets)
           + hash % z->npendings;
}


int
llm_pending_settle(llm_zone_t *z, llm_clock_t *clock, llm_index_t i,
    uint64_t id, const u_char *name, size_t len, uint16_t tier,
    llm_settlement_t *settlement, llm_index_t *gone)
{
    llm_index_t         k;
    llm_pending_t      *p;
    llm_reservation_t  *r;

    *gone = LLM_NONE;

    if (!llm_settle_held(z, i, id)) {
        return 0;
    }

    r = llm_zone_reservation(z, i);
    k = llm_pending_find(z, name, len);

    if (k != LLM_NONE) {

        if (llm_zone_pending(z, k)->state == LLM_PENDING_CHARGED) {
            settlement->source = LLM_SOURCE_NONE;
        }

        return llm_settle(z, clock, i, id, settlement);
    }

    k = llm_pending_place(z);

    if (k == LLM_NONE) {
        k = z->pending_next % z->npendings;

        *gone = llm_pending_expected(z, clock, k, r->worker,
                                     settlement->timestamp);

        if (*gone == LLM_NONE) {
            llm_settle_expected(r->expected, r->started, settlement);
            return llm_settle(z, clock, i, id, settlement);
        }

        z->pending_full++;
        llm_pending_leave(z, k);
    }

    z->pending_next++;

    p = llm_zone_pending(z, k);

    p->hash = llm_zone_hash(z, name, len, LLM_HASH_PENDING);
    p->nsubjects = r->nsubjects;
    memcpy(p->subjects, r->subjects, sizeof(p->subjects));
    p->of = r->id;
    p->of_epoch = 0;
    p->created = z->now;
    p->written = 0;
    p->started = r->started;
    memcpy(p->reserved, r->reserved, sizeof(p->reserved));
    memcpy(p->expected, r->expected, sizeof(p->expected));
    p->tier = tier;
    p->id_len = len;
    memcpy(p->id, name, len);
    memcpy(p->len, r->len, sizeof(p->len));
    memcpy(p->text, r->text, sizeof(p->text));

    llm_settle_note(z, clock, r, settlement, k);

    return 1;
}


/*
 * What the store has of an open record it can be asked for.  A charged one may
 * go before the store has its charge, if that is written: then nothing is
 * believed of the store that it said before.  Either is known before the
 * record goes, which is a change of its own: who is killed after it has charged
 * nothing and lost nothing.
 */

llm_index_t
llm_pending_place(llm_zone_t *z)
{
    llm_index_t     i;
    llm_pending_t  *p;

    i = z->pending_next % z->npendings;
    p = llm_zone_pending(z, i);

    switch (p->state) {

    case LLM_PENDING_FREE:
        return i;

    case LLM_PENDING_OPEN:

        if (p->written == 0 || z->carried <= p->written) {
            return LLM_NONE;
        }

        z->pending_left = z->now;
        break;

    default: /* LLM_PENDING_CHARGED */

        if (!z->stored) {
            break;
        }

        if (p->written == 0) {
            return LLM_NONE;
        }

        if (p->written > z->pending_charged) {
            z->pending_charged = p->written;
        }
    }

    llm_pending_leave(z, i);

    return i;
}


/* The record's place is free: with what it had reserved, in one change. */

static void
llm_pending_leave(llm_zone_t *z, llm_index_t i)
{
    uint32_t        k;
    llm_pending_t  *p;

    p = llm_zone_pending(z, i);

    llm_pending_unlink(z, i);

    if (p->state == LLM_PENDING_OPEN) {
        llm_pending_release(z, p);

        for (k = 0; k < p->nsubjects; k++) {
            llm_zone_subject(z, p->subjects[k])->holders--;
        }
    }

    llm_zone_put32(z, &p->state, LLM_PENDING_FREE);
    llm_zone_commit(z);
}


void
llm_pending_written(llm_zone_t *z, const llm_reservation_t *r)
{
    llm_pending_t  *p;

    if (r->pending == LLM_NONE) {
        return;
    }

    p = llm_zone_pending(z, r->pending);

    if (llm_pending_is_of(p, r)) {
        p->written = z->now;
    }
}


void
llm_pending_open(llm_zone_t *z, llm_index_t i)
{
    llm_zone_put32(z, &llm_zone_pending(z, i)->state, LLM_PENDING_OPEN);

    llm_pending_link(z, i);
    llm_pending_reserve(z, i);
}


void
llm_pending_link(llm_zone_t *z, llm_index_t i)
{
    uint32_t       *bucket;
    llm_pending_t  *p;

    p = llm_zone_pending(z, i);
    bucket = llm_pending_bucket(z, p->hash);

    p->next = *bucket;
    *bucket = i;
}


static void
llm_pending_unlink(llm_zone_t *z, llm_index_t i)
{
    uint32_t  *at;

    at = llm_pending_bucket(z, llm_zone_pending(z, i)->hash);

    while (*at != i) {
        at = &llm_zone_pending(z, *at)->next;
    }

    *at = llm_zone_pending(z, i)->next;
}


llm_index_t
llm_pending_find(llm_zone_t *z, const u_char *name, size_t len)
{
    uint32_t        hash;
    llm_index_t     i;
    llm_pending_t  *p;

    hash = llm_zone_hash(z, name, len, LLM_HASH_PENDING);

    for (i = *llm_pending_bucket(z, hash); i != LLM_NONE; i = p->next) {
        p = llm_zone_pending(z, i);

        if (p->hash == hash
            && p->id_len == len
            && memcmp(p->id, name, len) == 0)
        {
            return i;
        }
    }

    return LLM_NONE;
}


llm_index_t
llm_pending_charge(llm_zone_t *z, llm_clock_t *clock, llm_index_t i,
    uint64_t of, uint32_t worker, const llm_settlement_t *settlement)
{
    llm_index_t         k;
    llm_pending_t      *p;
    llm_reservation_t  *r;

    if (i >= z->npendings) {
        return LLM_NONE;
    }

    p = llm_zone_pending(z, i);

    if (p->state != LLM_PENDING_OPEN || p->of != of) {
        return LLM_NONE;
    }

    k = llm_zone_add_reservation(z);

    if (k == LLM_NONE) {
        return LLM_NONE;
    }

    r = llm_zone_reservation(z, k);

    llm_zone_set_worker(z, r, worker);
    llm_pending_note(z, clock, r, i, settlement);

    return k;
}


/*
 * The new reservation and the record's new state are one change.  From then on
 * the charge is a fact that repair carries out, as of any reservation.
 */

void
llm_pending_note(llm_zone_t *z, llm_clock_t *clock, llm_reservation_t *r,
    llm_index_t i, const llm_settlement_t *settlement)
{
    uint32_t        n;
    llm_pending_t  *p;

    p = llm_zone_pending(z, i);

    r->of = p->of;
    r->of_epoch = p->of_epoch;
    r->pending = i;
    r->started = p->started;
    memcpy(r->reserved, p->reserved, sizeof(r->reserved));
    memcpy(r->expected, p->expected, sizeof(r->expected));
    r->nsubjects = p->nsubjects;
    memcpy(r->subjects, p->subjects, sizeof(r->subjects));
    r->settlement = *settlement;
    r->settlement.requests = 0;
    r->settlement.duration = settlement->timestamp - p->started;
    memcpy(r->len, p->len, sizeof(r->len));
    memcpy(r->text, p->text, sizeof(r->text));

    llm_zone_put64(z, (int64_t *) &p->written, 0);
    llm_zone_put32(z, &p->state, LLM_PENDING_CHARGED);
    llm_zone_put32(z, &r->state, LLM_RESERVATION_CHARGED);

    /* what is reserved goes over, and so do those who are held; in flight it
       is for this moment only */

    for (n = 0; n < r->nsubjects; n++) {
        llm_zone_subject(z, r->subjects[n])->inflight++;
    }

    llm_zone_commit(z);

    llm_settle_apply(z, clock, r);
}


static llm_index_t
llm_pending_expected(llm_zone_t *z, llm_clock_t *clock, llm_index_t i,
    uint32_t worker, int64_t timestamp)
{
    llm_pending_t     *p;
    llm_settlement_t   s;

    p = llm_zone_pending(z, i);

    memset(&s, 0, sizeof(llm_settlement_t));

    s.timestamp = timestamp;
    llm_settle_expected(p->expected, p->started, &s);

    return llm_pending_charge(z, clock, i, p->of, worker, &s);
}


llm_index_t
llm_pending_sweep(llm_zone_t *z, llm_clock_t *clock, uint32_t worker,
    int64_t timestamp)
{
    llm_index_t  i;

    for ( ;; ) {
        i = llm_pending_due(z, &z->pending_held, LLM_PENDING_HOLD);

        if (i == LLM_NONE) {
            break;
        }

        llm_pending_release(z, llm_zone_pending(z, i));
        llm_zone_commit(z);
        z->pending_held++;
    }

    i = llm_pending_due(z, &z->pending_kept, LLM_PENDING_KEEP);

    if (i == LLM_NONE) {
        return LLM_NONE;
    }

    return llm_pending_expected(z, clock, i, worker, timestamp);
}


/* The first open record from *number on, if it is that old; *number passes
   those that will never be open again. */

static llm_index_t
llm_pending_due(llm_zone_t *z, uint64_t *number, uint64_t age)
{
    llm_index_t     i;
    llm_pending_t  *p;

    if (z->pending_next - *number > z->npendings) {
        *number = z->pending_next - z->npendings;
    }

    for ( /* void */ ; *number != z->pending_next; (*number)++) {
        i = *number % z->npendings;
        p = llm_zone_pending(z, i);

        if (p->state == LLM_PENDING_OPEN) {
            return (z->now - p->created >= age) ? i : LLM_NONE;
        }
    }

    return LLM_NONE;
}


/* Journalled; who calls it commits. */

static void
llm_pending_release(llm_zone_t *z, llm_pending_t *p)
{
    uint32_t  k, n;

    for (n = 0; n < LLM_COUNTS; n++) {

        for (k = 0; k < p->nsubjects; k++) {
            llm_zone_subject(z, p->subjects[k])->reserved[n] -= p->reserved[n];
        }

        llm_zone_put64(z, &p->reserved[n], 0);
    }
}


void
llm_pending_thread(llm_zone_t *z)
{
    uint32_t     state;
    llm_index_t  i;

    memset((u_char *) z + z->pending_buckets, 0xff,
           z->npendings * sizeof(uint32_t));

    for (i = z->npendings; i-- > 0; /* void */ ) {
        state = llm_zone_pending(z, i)->state;

        if (state != LLM_PENDING_FREE) {
            llm_pending_link(z, i);
        }

        if (state == LLM_PENDING_OPEN) {
            llm_pending_reserve(z, i);
        }
    }
}


static void
llm_pending_reserve(llm_zone_t *z, llm_index_t i)
{
    uint32_t        k, n;
    llm_pending_t  *p;
    llm_subject_t  *s;

    p = llm_zone_pending(z, i);

    for (k = 0; k < p->nsubjects; k++) {
        s = llm_zone_subject(z, p->subjects[k]);

        s->holders++;

        for (n = 0; n < LLM_COUNTS; n++) {
            s->reserved[n] += p->reserved[n];
        }
    }
}
