
/*
 * Copyright (C) the llm_quota authors
 */


#include "llm_evict.h"


#define LLM_EVICT_KEPT  16           /* one part in so many of the room */


static void llm_evict_goals(const llm_zone_t *z, const llm_room_t *room,
    llm_room_t *goal);
static uint32_t llm_evict_goal(uint32_t n, uint32_t left, uint32_t kept);
static int llm_evict_lacks(const llm_zone_t *z, const llm_room_t *goal,
    llm_room_t *lacks);
static llm_room_e llm_evict_find(llm_zone_t *z, llm_clock_t *clock,
    const llm_room_t *lacks, const llm_index_t *keep, unsigned nkeep,
    llm_index_t *leaves);
static int llm_evict_helps(const llm_subject_t *s, const llm_room_t *lacks);
static llm_room_e llm_evict_may(llm_zone_t *z, llm_clock_t *clock,
    const llm_subject_t *s);
static int llm_evict_is_idle(llm_zone_t *z, const llm_subject_t *s);
static void llm_evict(llm_zone_t *z, llm_index_t i);
static void llm_evict_unlink(llm_zone_t *z, llm_index_t i);


/* Rounds of the hand that one who is not used should have before he leaves. */

static const uint8_t  llm_evict_rounds[LLM_SUBJECT_CLASS + 1] = {
    [LLM_SUBJECT_GLOBAL] = 3,
    [LLM_SUBJECT_TEAM] = 3,
    [LLM_SUBJECT_KEY] = 3,
    [LLM_SUBJECT_TEAM_MODEL] = 2,
    [LLM_SUBJECT_KEY_MODEL] = 2,
    [LLM_SUBJECT_TEAM_USER] = 2,
    [LLM_SUBJECT_TAG] = 2,
    [LLM_SUBJECT_USER] = 1,
    [LLM_SUBJECT_MODEL] = 1,
    [LLM_SUBJECT_CUSTOMER] = 0
};


int
llm_evict_is_common(llm_subject_type_e type)
{
    return type != LLM_SUBJECT_GLOBAL
           && type != LLM_SUBJECT_TEAM
           && type != LLM_SUBJECT_KEY;
}


int
llm_has_room(const llm_zone_t *z, const llm_room_t *room)
{
    llm_room_t  goal, lacks;

    llm_evict_goals(z, room, &goal);

    return !llm_evict_lacks(z, &goal, &lacks);
}


/*
 * Who takes of what is kept need not make up for all that others took: as many
 * leave as come, and one more.
 */

llm_room_e
llm_make_room(llm_zone_t *z, llm_clock_t *clock, const llm_room_t *room,
    const llm_index_t *keep, unsigned nkeep)
{
    llm_room_t   goal, lacks;
    llm_room_e   found;
    llm_index_t  i;

    llm_evict_goals(z, room, &goal);

    while (llm_evict_lacks(z, &goal, &lacks)) {
        found = llm_evict_find(z, clock, &lacks, keep, nkeep, &i);

        if (found != LLM_ROOM_MADE) {
            return found;
        }

        llm_evict(z, i);
    }

    return LLM_ROOM_MADE;
}


static void
llm_evict_goals(const llm_zone_t *z, const llm_room_t *room, llm_room_t *goal)
{
    unsigned  part;

    part = room->common ? LLM_EVICT_KEPT : 0;

    goal->subjects = llm_evict_goal(room->subjects, z->subjects_left,
                                    part ? z->nsubjects / part : 0);
    goal->meters = llm_evict_goal(room->meters, z->meters_left,
                                  part ? z->nmeters / part : 0);
    goal->minutes = llm_evict_goal(room->minutes, z->minutes_left,
                                   part ? z->nminutes / part : 0);
}


/* How many are to be free for n to be taken. */

static uint32_t
llm_evict_goal(uint32_t n, uint32_t left, uint32_t kept)
{
    if (n == 0 || kept == 0) {
        return n;
    }

    return n + ((left < kept) ? left + 1 : kept);
}


static int
llm_evict_lacks(const llm_zone_t *z, const llm_room_t *goal, llm_room_t *lacks)
{
    lacks->subjects = (z->subjects_left < goal->subjects);
    lacks->meters = (z->meters_left < goal->meters);
    lacks->minutes = (z->minutes_left < goal->minutes);

    return lacks->subjects || lacks->meters || lacks->minutes;
}


/* Who is to leave next. */

static llm_room_e
llm_evict_find(llm_zone_t *z, llm_clock_t *clock, const llm_room_t *lacks,
    const llm_index_t *keep, unsigned nkeep, llm_index_t *leaves)
{
    unsigned        n, step, least;
    llm_room_e      found, may;
    llm_index_t     i;
    llm_subject_t  *s;

    found = LLM_ROOM_NONE;
    least = UINT8_MAX;
    *leaves = LLM_NONE;

    /* what is kept free lies behind all others: the hand does not go there */

    for (step = 0; step < LLM_EVICT_STEPS && least; step++) {

        i = z->hand;
        z->hand = (i + 1 < z->top) ? i + 1 : 0;

        for (n = 0; n < nkeep && keep[n] != i; n++) {
            /* void */
        }

        s = llm_zone_subject(z, i);

        if (n < nkeep || !llm_evict_helps(s, lacks)) {
            continue;
        }

        may = llm_evict_may(z, clock, s);

        if (may > found) {
            found = may;
        }

        if (may != LLM_ROOM_MADE) {
            continue;
        }

        if (s->rounds < least) {
            least = s->rounds;
            *leaves = i;
        }

        if (s->rounds) {
            s->rounds--;
        }
    }

    return found;
}


/* Whether it has what is lacking. */

static int
llm_evict_helps(const llm_subject_t *s, const llm_room_t *lacks)
{
    return lacks->subjects
           || (lacks->meters && s->meters != LLM_NONE)
           || (lacks->minutes && s->minute != LLM_NONE);
}


/* Whether it can leave now. */

static llm_room_e
llm_evict_may(llm_zone_t *z, llm_clock_t *clock, const llm_subject_t *s)
{
    /* a class has no more of them than models that are shared */

    if (!s->used || s->holders || s->pin == z->pins || s->share != LLM_NONE) {
        return LLM_ROOM_NONE;
    }

    llm_zone_roll(z, clock, s);

    if (!llm_evict_is_idle(z, s)) {
        return LLM_ROOM_NONE;
    }

    return (z->stored && s->written >= z->carried) ? LLM_ROOM_SOON
                                                   : LLM_ROOM_MADE;
}


static int
llm_evict_is_idle(llm_zone_t *z, const llm_subject_t *s)
{
    unsigned             n;
    llm_index_t          i;
    const llm_meter_t   *m;
    const llm_minute_t  *minute;
    const llm_window_t  *w;

    if (s->minute != LLM_NONE) {
        minute = llm_zone_minute(z, s->minute);
        w = &minute->window;

        /* its class still counts it */

        if (minute->sharer.asked
            && z->now / 1000 - minute->sharer.asked <= LLM_SHARE_HUNGRY)
        {
            return 0;
        }

        for (n = 0; n < LLM_WINDOW_COUNTERS; n++) {
            if (w->sum[n]) {
                return 0;
            }
        }
    }

    if (z->stored && !z->unstored) {
        return 1;
    }

    for (i = s->meters; i != LLM_NONE; i = m->next) {
        m = llm_zone_meter(z, i);

        for (n = 0; n < LLM_COUNTS; n++) {
            if (m->settled[n]) {
                return 0;
            }
        }
    }

    return 1;
}


/* He and all that is his are one change; lists and chains follow it. */

static void
llm_evict(llm_zone_t *z, llm_index_t i)
{
    llm_index_t     k, next;
    llm_meter_t    *m;
    llm_minute_t   *minute;
    llm_subject_t  *s;

    s = llm_zone_subject(z, i);

    /* before it is true: who reads the store meanwhile reads it again */

    z->evicted[s->hash % LLM_EVICTED] = z->now;
    llm_barrier();

    for (k = s->meters; k != LLM_NONE; k = m->next) {
        m = llm_zone_meter(z, k);
        llm_zone_put32(z, &m->subject, LLM_NONE);
    }

    if (s->minute != LLM_NONE) {
        llm_zone_put32(z, &llm_zone_minute(z, s->minute)->subject, LLM_NONE);
    }

    llm_zone_put64(z, &z->evictions, z->evictions + 1);
    llm_zone_put32(z, &s->used, 0);

    llm_zone_commit(z);

    for (k = s->meters; k != LLM_NONE; k = next) {
        m = llm_zone_meter(z, k);
        next = m->next;

        m->next = z->free_meter;
        z->free_meter = k;
        z->meters_left++;
    }

    if (s->minute != LLM_NONE) {
        minute = llm_zone_minute(z, s->minute);

        minute->next = z->free_minute;
        z->free_minute = s->minute;
        z->minutes_left++;
    }

    llm_evict_unlink(z, i);

    s->next = z->free_subject;
    z->free_subject = i;
    z->subjects_left++;
}


static void
llm_evict_unlink(llm_zone_t *z, llm_index_t i)
{
    uint32_t  *at;

    at = llm_zone_bucket(z, llm_zone_subject(z, i)->hash);

    while (*at != i) {
        at = &llm_zone_subject(z, *at)->next;
    }

    *at = llm_zone_subject(z, i)->next;
}


void
llm_evict_touch(llm_subject_t *s)
{
    s->rounds = llm_evict_rounds[s->type] + 1;
}


void
llm_evict_pin(const llm_zone_t *z, llm_subject_t *s)
{
    s->pin = z->pins;
}


void
llm_evict_unpin(llm_zone_t *z)
{
    z->pins++;
}


int
llm_evict_since(const llm_zone_t *z, uint32_t hash, uint64_t since)
{
    return z->evicted[hash % LLM_EVICTED] >= since;
}
