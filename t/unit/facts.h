
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _FACTS_H_INCLUDED_
#define _FACTS_H_INCLUDED_


#include "llm_fact.h"
#include "world.h"


/*
 * The facts of a zone, which repair must find again: what differs between the
 * copy that was repaired and another zone.
 */

static llm_zone_t  *copy;


static int
same_window(const llm_minute_t *a, const llm_minute_t *b)
{
    llm_window_t  w, x;

    llm_window_init(&w, now / 1000);
    x = w;

    if (a) {
        w = a->window;
        llm_window_roll(&w, now / 1000);
    }

    if (b) {
        x = b->window;
        llm_window_roll(&x, now / 1000);
    }

    /* a bucket's place is its second: rings that stand alike are alike */

    return w.second == x.second
           && memcmp(w.sum, x.sum, sizeof(w.sum)) == 0
           && memcmp(w.bucket, x.bucket, sizeof(w.bucket)) == 0;
}


/* The rings that count it are compared with it by quota_check(). */

static int
same_sharer(const llm_minute_t *a, const llm_minute_t *b)
{
    static const llm_sharer_t  none;

    return memcmp(a ? &a->sharer : &none, b ? &b->sharer : &none,
                  sizeof(llm_sharer_t))
           == 0;
}


static int
same_meter(const llm_meter_t *a, const llm_meter_t *b)
{
    static const int64_t  zeros[LLM_COUNTS];

    if (a && b) {
        return a->start == b->start && a->end == b->end
               && a->shared == b->shared
               && memcmp(a->others, b->others, sizeof(zeros)) == 0
               && memcmp(a->settled, b->settled, sizeof(zeros)) == 0;
    }

    /* one that nothing was counted in is as good as none */

    if (a == NULL) {
        a = b;
    }

    return a == NULL || memcmp(a->settled, zeros, sizeof(zeros)) == 0;
}


static llm_subject_t *
subject_in(llm_zone_t *in, const llm_subject_t *s)
{
    llm_index_t         i;
    llm_subject_key_t   key;

    (void) llm_zone_key(in, &key, s->type, s->name, s->len, NULL, 0);

    i = llm_zone_find(in, &key);

    return (i == LLM_NONE) ? NULL : llm_zone_subject(in, i);
}


static llm_meter_t *
meter_in(llm_zone_t *in, llm_subject_t *s, llm_period_t period)
{
    return s ? llm_zone_find_meter(in, s, period) : NULL;
}


static llm_minute_t *
minute_in(llm_zone_t *in, llm_subject_t *s)
{
    return (s && s->minute != LLM_NONE) ? llm_zone_minute(in, s->minute)
                                        : NULL;
}


/* Whether the copy's meters and windows are those of one state or, each
   period for itself, the other; as seen from the subjects of from. */

static const char *
differ(llm_zone_t *from, llm_zone_t *one, llm_zone_t *other)
{
    llm_index_t     i, k;
    llm_period_t    period;
    llm_subject_t  *s, *a, *b, *c;

    for (i = 0; i < from->nsubjects; i++) {
        s = llm_zone_subject(from, i);

        if (!s->used) {
            continue;
        }

        a = subject_in(copy, s);
        b = subject_in(one, s);
        c = subject_in(other, s);

        if (!same_window(minute_in(copy, a), minute_in(one, b))) {
            return "a window";
        }

        if (!same_sharer(minute_in(copy, a), minute_in(one, b))) {
            return "a sharer";
        }

        for (k = s->meters; k != LLM_NONE; k = llm_zone_meter(from, k)->next)
        {
            period = llm_zone_meter(from, k)->period;

            if (!same_meter(meter_in(copy, a, period),
                            meter_in(one, b, period))
                && !same_meter(meter_in(copy, a, period),
                               meter_in(other, c, period)))
            {
                return "a meter";
            }
        }
    }

    return NULL;
}


static const char *
differ_reservations(llm_zone_t *from)
{
    llm_index_t         i;
    llm_reservation_t  *a, *b;

    for (i = 0; i < from->nreservations; i++) {
        a = llm_zone_reservation(copy, i);
        b = llm_zone_reservation(from, i);

        if (a->state != b->state) {
            return "a reservation's state";
        }

        if (a->state == LLM_RESERVATION_FREE) {
            continue;
        }

        if (a->id != b->id || a->of != b->of || a->worker != b->worker
            || a->generation != b->generation || a->started != b->started
            || a->nsubjects != b->nsubjects
            || memcmp(a->reserved, b->reserved, sizeof(a->reserved)) != 0
            || memcmp(a->expected, b->expected, sizeof(a->expected)) != 0
            || memcmp(a->subjects, b->subjects,
                      a->nsubjects * sizeof(llm_index_t)) != 0
            || memcmp(a->len, b->len, sizeof(a->len)) != 0
            || memcmp(a->text, b->text, a->len[0]) != 0
            || a->of_epoch != b->of_epoch
            || (a->state == LLM_RESERVATION_SETTLED
                && (a->pending != b->pending
                    || memcmp(&a->settlement, &b->settlement,
                              sizeof(llm_settlement_t)) != 0)))
        {
            return "a reservation";
        }
    }

    return NULL;
}


/*
 * One that was charged may be gone, if it is known that the store may not have
 * its charge; what the store is asked for it may be asked for needlessly.
 */

static const char *
differ_pendings(llm_zone_t *from)
{
    llm_index_t     i;
    llm_pending_t  *a, *b;

    if (copy->pending_left < from->pending_left) {
        return "when an open record left";
    }

    for (i = 0; i < from->npendings; i++) {
        a = llm_zone_pending(copy, i);
        b = llm_zone_pending(from, i);

        if (a->state != b->state
            && !(a->state == LLM_PENDING_FREE
                 && b->state == LLM_PENDING_CHARGED))
        {
            return "a pending record's state";
        }

        if (a->state == LLM_PENDING_FREE) {

            if (b->state == LLM_PENDING_CHARGED && copy->stored
                && copy->pending_charged < b->written)
            {
                return "when a charged record left";
            }

            continue;
        }

        /* a line that was written may be noted so before it is done with */

        if (a->written != b->written
            && (b->written != 0 || a->written != now))
        {
            return "when a line was written";
        }

        if (a->of != b->of || a->of_epoch != b->of_epoch
            || a->created != b->created || a->started != b->started
            || a->tier != b->tier || a->nsubjects != b->nsubjects
            || a->id_len != b->id_len
            || memcmp(a->id, b->id, a->id_len) != 0
            || memcmp(a->reserved, b->reserved, sizeof(a->reserved)) != 0
            || memcmp(a->expected, b->expected, sizeof(a->expected)) != 0
            || memcmp(a->subjects, b->subjects,
                      a->nsubjects * sizeof(llm_index_t)) != 0
            || memcmp(a->len, b->len, sizeof(a->len)) != 0
            || memcmp(a->text, b->text, a->len[0]) != 0)
        {
            return "a pending record";
        }
    }

    return NULL;
}


static const char *
differ_entities_from(llm_zone_t *from, llm_zone_t *other)
{
    llm_index_t          i;
    llm_entity_cell_t   *c;
    llm_entity_state_e   state;

    static llm_record_t  a, b;

    for (i = 0; i < from->nentities; i++) {
        c = (llm_entity_cell_t *) ((u_char *) from + from->entities) + i;

        if (c->state == LLM_ENTITY_FREE) {
            continue;
        }

        state = llm_entity_get(other, c->kind, c->data, c->id_len, &b);

        /* what was deleted long ago may be forgotten */

        if (state == LLM_ENTITY_FREE && c->state == LLM_ENTITY_GONE
            && from->now + 1 - c->deleted >= LLM_ENTITY_KEEP)
        {
            continue;
        }

        if (state != c->state) {
            return "an entity";
        }

        if (state == LLM_ENTITY_LIVE
            && (llm_entity_get(from, c->kind, c->data, c->id_len, &a) != state
                || a.len != b.len || memcmp(a.data, b.data, a.len) != 0))
        {
            return "the record of an entity";
        }
    }

    return NULL;
}


/* Whether the copy's entities are those of a state. */

static const char *
differ_entities(llm_zone_t *state)
{
    const char  *error;

    error = differ_entities_from(copy, state);

    return error ? error : differ_entities_from(state, copy);
}


__attribute__((unused)) static const char *
differ_facts(llm_zone_t *other)
{
    llm_index_t  i;

    for (i = 0; i < copy->nfacts; i++) {
        if (llm_zone_fact(copy, i)->used != llm_zone_fact(other, i)->used) {
            return "a fact is there or not";
        }
    }

    return NULL;
}


#endif /* _FACTS_H_INCLUDED_ */
