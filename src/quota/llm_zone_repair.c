
/*
 * Copyright (C) the llm_quota authors
 */


#include <string.h>

#include "llm_entity.h"
#include "llm_pending.h"


static void llm_zone_rollback(llm_zone_t *z);
static void llm_zone_thread_subjects(llm_zone_t *z);
static void llm_zone_thread_meters(llm_zone_t *z);
static void llm_zone_thread_minutes(llm_zone_t *z);
static void llm_zone_thread_reservations(llm_zone_t *z);


void
llm_zone_put32(llm_zone_t *z, uint32_t *word, uint32_t value)
{
    llm_undo_t  *u;

    u = &z->undo[z->nundo];

    u->at = (u_char *) word - (u_char *) z;
    u->old = *word;

    llm_barrier();
    z->nundo++;
    llm_barrier();

    *word = value;
}


void
llm_zone_put64(llm_zone_t *z, int64_t *word, int64_t value)
{
    llm_undo_t  *u;

    u = &z->undo[z->nundo];

    u->at = ((u_char *) word - (u_char *) z) | 1;
    u->old = (uint64_t) *word;

    llm_barrier();
    z->nundo++;
    llm_barrier();

    *word = value;
}


void
llm_zone_commit(llm_zone_t *z)
{
    llm_barrier();
    z->nundo = 0;
    llm_barrier();
}


static void
llm_zone_rollback(llm_zone_t *z)
{
    u_char      *word;
    llm_undo_t  *u;

    /* the newest first; rolled back twice is rolled back */

    while (z->nundo) {
        u = &z->undo[z->nundo - 1];
        word = (u_char *) z + (u->at & ~(uint64_t) 1);

        if (u->at & 1) {
            *(uint64_t *) word = u->old;

        } else {
            *(uint32_t *) word = (uint32_t) u->old;
        }

        llm_barrier();
        z->nundo--;
    }
}


void
llm_zone_repair(llm_zone_t *z)
{
    llm_zone_rollback(z);

    llm_zone_thread_subjects(z);
    llm_zone_thread_meters(z);
    llm_zone_thread_minutes(z);
    llm_zone_thread_reservations(z);
    llm_pending_thread(z);
    llm_entity_thread(z);

    z->repairs++;
}


/*
 * The threads are made from the last entry to the first, so that the free
 * lists hand out low indices first.
 */

static void
llm_zone_thread_subjects(llm_zone_t *z)
{
    uint32_t       *bucket;
    llm_index_t     i;
    llm_subject_t  *s;

    memset((u_char *) z + z->buckets, 0xff, z->nbuckets * sizeof(uint32_t));

    z->free_subject = LLM_NONE;
    z->subjects_left = 0;

    for (i = z->nsubjects; i-- > 0; /* void */ ) {
        s = llm_zone_subject(z, i);

        s->meters = LLM_NONE;
        s->minute = LLM_NONE;
        s->inflight = 0;
        memset(s->reserved, 0, sizeof(s->reserved));

        if (s->used) {
            bucket = llm_zone_bucket(z, s->hash);
            s->next = *bucket;
            *bucket = i;
            continue;
        }

        s->next = z->free_subject;
        z->free_subject = i;
        z->subjects_left++;
    }
}


static void
llm_zone_thread_meters(llm_zone_t *z)
{
    llm_index_t     i;
    llm_meter_t    *m;
    llm_subject_t  *s;

    z->free_meter = LLM_NONE;
    z->meters_left = 0;

    for (i = z->nmeters; i-- > 0; /* void */ ) {
        m = llm_zone_meter(z, i);

        if (m->subject != LLM_NONE) {
            s = llm_zone_subject(z, m->subject);
            m->next = s->meters;
            s->meters = i;
            continue;
        }

        m->next = z->free_meter;
        z->free_meter = i;
        z->meters_left++;
    }
}


static void
llm_zone_thread_minutes(llm_zone_t *z)
{
    llm_index_t    i;
    llm_minute_t  *m;

    z->free_minute = LLM_NONE;
    z->minutes_left = 0;

    for (i = z->nminutes; i-- > 0; /* void */ ) {
        m = llm_zone_minute(z, i);

        if (m->subject != LLM_NONE) {
            llm_window_repair(&m->window);
            llm_zone_subject(z, m->subject)->minute = i;
            continue;
        }

        m->next = z->free_minute;
        z->free_minute = i;
        z->minutes_left++;
    }
}


static void
llm_zone_thread_reservations(llm_zone_t *z)
{
    uint32_t            k, j;
    llm_index_t         i;
    llm_subject_t      *s;
    llm_reservation_t  *r;

    z->free_reservation = LLM_NONE;
    z->reservations_left = 0;

    for (i = z->nreservations; i-- > 0; /* void */ ) {
        r = llm_zone_reservation(z, i);

        if (r->state == LLM_RESERVATION_FREE) {
            llm_zone_link_reservation(z, i);
            continue;
        }

        if (r->state == LLM_RESERVATION_SETTLED) {
            continue;
        }

        for (k = 0; k < r->nsubjects; k++) {
            s = llm_zone_subject(z, r->subjects[k]);
            s->inflight++;

            for (j = 0; j < LLM_COUNTS; j++) {
                s->reserved[j] += r->reserved[j];
            }
        }
    }
}
