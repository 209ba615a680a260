
/*
 * Copyright (C) the llm_quota authors
 */


#include <string.h>

#include "llm_join.h"


static void llm_join_reservations(llm_zone_t *z, llm_index_t index);
static void llm_join_pendings(llm_zone_t *z, llm_index_t index);
static int llm_join_is_of(const llm_subject_t *s, const uint16_t *len,
    const u_char *text);
static int llm_join_lacks(const llm_index_t *subjects, uint32_t n,
    llm_index_t index);
static int llm_join_fits(const llm_subject_t *s, const int64_t *reserved);
static void llm_join_add(llm_index_t *subjects, uint32_t *n,
    llm_index_t index);
static void llm_join_reserve(llm_subject_t *s, const int64_t *reserved);


/* LLM_NAMES: none. */

static const uint8_t  llm_join_names[LLM_SUBJECT_TYPES][2] = {
    [LLM_SUBJECT_GLOBAL] = { LLM_NAMES, LLM_NAMES },
    [LLM_SUBJECT_TEAM] = { LLM_NAME_TEAM, LLM_NAMES },
    [LLM_SUBJECT_USER] = { LLM_NAME_USER, LLM_NAMES },
    [LLM_SUBJECT_CUSTOMER] = { LLM_NAME_CUSTOMER, LLM_NAMES },
    [LLM_SUBJECT_KEY] = { LLM_NAME_KEY, LLM_NAMES },
    [LLM_SUBJECT_MODEL] = { LLM_NAME_MODEL, LLM_NAMES },
    [LLM_SUBJECT_TEAM_MODEL] = { LLM_NAME_TEAM, LLM_NAME_MODEL },
    [LLM_SUBJECT_KEY_MODEL] = { LLM_NAME_KEY, LLM_NAME_MODEL },
    [LLM_SUBJECT_TEAM_USER] = { LLM_NAME_TEAM, LLM_NAME_USER }
};


llm_room_e
llm_join(llm_zone_t *z, llm_clock_t *clock, const llm_subject_key_t *key)
{
    llm_room_e   made;
    llm_room_t   room;
    llm_index_t  index;

    index = llm_zone_find(z, key);

    if (index == LLM_NONE) {
        memset(&room, 0, sizeof(llm_room_t));

        room.subjects = 1;
        room.common = llm_evict_is_common(key->type);

        made = llm_make_room(z, clock, &room, NULL, 0);

        if (made != LLM_ROOM_MADE) {
            return made;
        }

        index = llm_zone_add_subject(z, key);
    }

    llm_evict_touch(llm_zone_subject(z, index));

    llm_join_reservations(z, index);
    llm_join_pendings(z, index);

    return LLM_ROOM_MADE;
}


int
llm_join_is_late(const llm_zone_t *z, llm_subject_type_e type)
{
    return (z->unnamed & (1u << type)) != 0;
}


static void
llm_join_reservations(llm_zone_t *z, llm_index_t index)
{
    uint32_t            left;
    llm_index_t         i;
    llm_subject_t      *s;
    llm_reservation_t  *r;

    s = llm_zone_subject(z, index);
    left = z->nreservations - z->reservations_left;

    for (i = 0; left && i < z->nreservations; i++) {
        r = llm_zone_reservation(z, i);

        if (r->state == LLM_RESERVATION_FREE) {
            continue;
        }

        left--;

        if (!llm_join_lacks(r->subjects, r->nsubjects, index)
            || !llm_join_is_of(s, r->len, r->text)
            || !llm_join_fits(s, r->reserved))
        {
            continue;
        }

        llm_join_add(r->subjects, &r->nsubjects, index);

        s->holders++;

        if (r->state == LLM_RESERVATION_HELD) {
            s->inflight++;
            llm_join_reserve(s, r->reserved);
        }
    }
}


static void
llm_join_pendings(llm_zone_t *z, llm_index_t index)
{
    uint64_t        number;
    llm_pending_t  *p;
    llm_subject_t  *s;

    s = llm_zone_subject(z, index);
    number = z->pending_kept;

    if (z->pending_next - number > z->npendings) {
        number = z->pending_next - z->npendings;
    }

    for ( /* void */ ; number != z->pending_next; number++) {
        p = llm_zone_pending(z, number % z->npendings);

        if (p->state != LLM_PENDING_OPEN
            || !llm_join_lacks(p->subjects, p->nsubjects, index)
            || !llm_join_is_of(s, p->len, p->text)
            || !llm_join_fits(s, p->reserved))
        {
            continue;
        }

        llm_join_add(p->subjects, &p->nsubjects, index);

        s->holders++;
        llm_join_reserve(s, p->reserved);
    }
}


/* A pair's name has a NUL between those of its halves. */

static int
llm_join_is_of(const llm_subject_t *s, const uint16_t *len, const u_char *text)
{
    size_t         at, n;
    unsigned       i, k;
    const u_char  *p;

    if (s->type >= LLM_SUBJECT_TYPES) {
        return 0;
    }

    at = 0;

    for (k = 0; k < 2 && llm_join_names[s->type][k] != LLM_NAMES; k++) {
        p = text;

        for (i = 0; i < llm_join_names[s->type][k]; i++) {
            p += len[i];
        }

        n = len[i];

        if (k && (at == s->len || s->name[at++] != '\0')) {
            return 0;
        }

        if (n == 0 || n > s->len - at || memcmp(s->name + at, p, n) != 0) {
            return 0;
        }

        at += n;
    }

    return at == s->len;
}


static int
llm_join_lacks(const llm_index_t *subjects, uint32_t n, llm_index_t index)
{
    uint32_t  i;

    for (i = 0; i < n; i++) {
        if (subjects[i] == index) {
            return 0;
        }
    }

    return n < LLM_SUBJECTS;
}


/* Sums of reservations are exact, or without it. */

static int
llm_join_fits(const llm_subject_t *s, const int64_t *reserved)
{
    int64_t   sum;
    unsigned  n;

    for (n = 0; n < LLM_COUNTS; n++) {
        if (__builtin_add_overflow(s->reserved[n], reserved[n], &sum)) {
            return 0;
        }
    }

    return 1;
}


/* The number is the fact: who is killed before it has changed nothing, and what
   follows from it is computed by repair. */

static void
llm_join_add(llm_index_t *subjects, uint32_t *n, llm_index_t index)
{
    subjects[*n] = index;
    llm_barrier();

    (*n)++;
    llm_barrier();
}


static void
llm_join_reserve(llm_subject_t *s, const int64_t *reserved)
{
    unsigned  n;

    for (n = 0; n < LLM_COUNTS; n++) {
        s->reserved[n] += reserved[n];
    }
}
