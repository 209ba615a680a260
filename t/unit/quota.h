
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _QUOTA_H_INCLUDED_
#define _QUOTA_H_INCLUDED_


#include <stddef.h>
#include <sys/mman.h>

#include "tap.h"
#include "llm_entity.h"
#include "llm_pending.h"


/*
 * What the tests of the zone share: a zone in shared memory, rows from their
 * text, asks, and a check of all that repair would compute again.
 */


/* 2026-04-01T00:00:00Z, the first second of a month and of no week, in ms. */
#define QUOTA_WALL   1775001600000LL
#define QUOTA_DAY    86400000LL

#define QUOTA_MONTH  LLM_PERIOD(LLM_PERIOD_MONTH, 1)


static uint64_t  quota_seed = 0x9e3779b97f4a7c15;


__attribute__((unused)) static uint64_t
quota_rnd(uint64_t n)
{
    quota_seed ^= quota_seed << 13;
    quota_seed ^= quota_seed >> 7;
    quota_seed ^= quota_seed << 17;

    return (quota_seed >> 11) % n;
}


__attribute__((unused)) static void *
quota_memory(size_t size)
{
    void  *p;

    p = mmap(NULL, size, PROT_READ|PROT_WRITE, MAP_SHARED|MAP_ANONYMOUS, -1,
             0);

    if (p == MAP_FAILED) {
        perror("mmap()");
        exit(1);
    }

    return p;
}


__attribute__((unused)) static llm_zone_t *
quota_zone(size_t size)
{
    llm_zone_t           *z;
    static const u_char   random[] = "the seed of every test..";

    z = llm_zone_create(quota_memory(size), size, random, QUOTA_WALL);

    if (z == NULL) {
        printf("Bail out! no zone in %zu bytes\n", size);
        exit(1);
    }

    return z;
}


__attribute__((unused)) static void
quota_clock(llm_clock_t *clock, int64_t wall)
{
    memset(clock, 0, sizeof(llm_clock_t));

    clock->calendar.reset_day = 1;
    llm_clock_set(clock, wall);
}


/* The row of a line of the configuration, "rpm=30 budget=100/month". */

__attribute__((unused)) static void
quota_row(llm_row_t *row, const char *text)
{
    size_t       n;
    const char  *error;

    llm_row_init(row);

    for ( ;; ) {
        text += strspn(text, " ");
        n = strcspn(text, " ");

        if (n == 0) {
            break;
        }

        error = llm_row_param(row, (const u_char *) text, n);

        if (error) {
            printf("Bail out! \"%.*s\" %s\n", (int) n, text, error);
            exit(1);
        }

        text += n;
    }

    llm_row_done(row);
}


__attribute__((unused)) static void
quota_ask(llm_ask_t *ask, llm_reserve_e reserve)
{
    memset(ask, 0, sizeof(llm_ask_t));

    ask->reserve = reserve;
}


__attribute__((unused)) static void
quota_key(llm_zone_t *z, llm_subject_key_t *key, llm_subject_type_e type,
    const char *name)
{
    if (llm_zone_key(z, key, type, (const u_char *) name, strlen(name), NULL,
                     0)
        != 0)
    {
        printf("Bail out! \"%s\" is no key\n", name);
        exit(1);
    }
}


__attribute__((unused)) static void
quota_subject(llm_zone_t *z, llm_ask_t *ask, llm_subject_type_e type,
    const char *name, const llm_row_t *row, int month)
{
    llm_ask_subject_t  *s;

    s = &ask->subjects[ask->nsubjects++];

    quota_key(z, &s->key, type, name);

    s->row = row;
    s->month = month;
}


/* Whether each entry of an array is either in use or once in the free list. */

__attribute__((unused)) static int
quota_free(uint8_t *used, uint32_t n, uint32_t left, llm_index_t first,
    const u_char *next, size_t size)
{
    uint32_t     i;
    llm_index_t  at;

    for (at = first; at != LLM_NONE;
         memcpy(&at, next + at * size, sizeof(llm_index_t)))
    {
        if (at >= n || used[at]) {
            return 0;
        }

        used[at] = 1;

        if (left-- == 0) {
            return 0;
        }
    }

    for (i = 0; i < n; i++) {
        if (!used[i]) {
            return 0;
        }
    }

    return left == 0;
}


__attribute__((unused)) static const char *
quota_check_meters(llm_zone_t *z, llm_index_t subject, uint8_t *used)
{
    uint32_t      n;
    llm_index_t   i, j;
    llm_meter_t  *m;

    n = 0;

    for (i = llm_zone_subject(z, subject)->meters; i != LLM_NONE; i = m->next)
    {
        if (i >= z->nmeters || used[i] || n++ == LLM_SUBJECT_METERS) {
            return "a chain of meters";
        }

        used[i] = 1;
        m = llm_zone_meter(z, i);

        if (m->subject != subject) {
            return "a meter of another subject";
        }

        for (j = m->next; j != LLM_NONE && j < z->nmeters && !used[j];
             j = llm_zone_meter(z, j)->next)
        {
            if (llm_zone_meter(z, j)->period == m->period) {
                return "a period twice";
            }
        }
    }

    return NULL;
}


__attribute__((unused)) static const char *
quota_check_minute(llm_zone_t *z, llm_index_t subject, uint8_t *used)
{
    llm_index_t    i;
    llm_window_t   w;
    llm_minute_t  *m;

    i = llm_zone_subject(z, subject)->minute;

    if (i == LLM_NONE) {
        return NULL;
    }

    if (i >= z->nminutes || used[i]) {
        return "a minute";
    }

    used[i] = 1;
    m = llm_zone_minute(z, i);

    if (m->subject != subject) {
        return "a minute of another subject";
    }

    w = m->window;
    llm_window_repair(&w);

    if (memcmp(w.sum, m->window.sum, sizeof(w.sum)) != 0) {
        return "the sum of a window";
    }

    return NULL;
}


__attribute__((unused)) static const char *
quota_check_subjects(llm_zone_t *z, uint8_t *subjects, uint8_t *meters,
    uint8_t *minutes)
{
    uint32_t            b;
    const char         *error;
    llm_index_t         i;
    llm_subject_t      *s;
    llm_subject_key_t   key;

    for (b = 0; b < z->nbuckets; b++) {
        for (i = ((uint32_t *) ((u_char *) z + z->buckets))[b]; i != LLM_NONE;
             i = s->next)
        {
            if (i >= z->nsubjects || subjects[i]) {
                return "a chain of the hash";
            }

            subjects[i] = 1;
            s = llm_zone_subject(z, i);

            if (!s->used) {
                return "a free subject in the hash";
            }

            /* a pair is hashed as one name with a NUL in it */

            if (llm_zone_key(z, &key, s->type, s->name, s->len, NULL, 0) != 0
                || key.hash != s->hash
                || llm_zone_find(z, &key) != i)
            {
                return "a subject that is not found";
            }

            error = quota_check_meters(z, i, meters);

            if (error) {
                return error;
            }

            error = quota_check_minute(z, i, minutes);

            if (error) {
                return error;
            }
        }
    }

    for (i = 0; i < z->nsubjects; i++) {
        if (llm_zone_subject(z, i)->used && !subjects[i]) {
            return "a subject outside the hash";
        }
    }

    return NULL;
}


__attribute__((unused)) static const char *
quota_check_reservations(llm_zone_t *z, uint8_t *used)
{
    uint32_t            k, n;
    llm_index_t         i;
    llm_pending_t      *p;
    llm_subject_t       sum, *s;
    llm_reservation_t  *r;

    for (i = 0; i < z->nreservations; i++) {
        r = llm_zone_reservation(z, i);

        if (r->state > LLM_RESERVATION_SETTLED
            || r->nsubjects > LLM_SUBJECTS)
        {
            return "a reservation";
        }

        used[i] = (r->state != LLM_RESERVATION_FREE);
    }

    for (n = 0; n < z->nsubjects; n++) {
        s = llm_zone_subject(z, n);

        if (!s->used) {
            continue;
        }

        memset(&sum, 0, sizeof(llm_subject_t));

        for (i = 0; i < z->npendings; i++) {
            p = llm_zone_pending(z, i);

            for (k = 0; p->state == LLM_PENDING_OPEN && k < p->nsubjects;
                 k++)
            {
                if (p->subjects[k] == n) {
                    sum.reserved[LLM_COUNT_INPUT] +=
                                                 p->reserved[LLM_COUNT_INPUT];
                    sum.reserved[LLM_COUNT_OUTPUT] +=
                                                 p->reserved[LLM_COUNT_OUTPUT];
                    sum.reserved[LLM_COUNT_COST] +=
                                                 p->reserved[LLM_COUNT_COST];
                }
            }
        }

        for (i = 0; i < z->nreservations; i++) {
            r = llm_zone_reservation(z, i);

            if (r->state != LLM_RESERVATION_HELD
                && r->state != LLM_RESERVATION_CHARGED)
            {
                continue;
            }

            for (k = 0; k < r->nsubjects; k++) {
                if (r->subjects[k] == n) {
                    sum.inflight++;
                    sum.reserved[LLM_COUNT_INPUT] +=
                                                 r->reserved[LLM_COUNT_INPUT];
                    sum.reserved[LLM_COUNT_OUTPUT] +=
                                                 r->reserved[LLM_COUNT_OUTPUT];
                    sum.reserved[LLM_COUNT_COST] +=
                                                 r->reserved[LLM_COUNT_COST];
                }
            }
        }

        if (sum.inflight != s->inflight
            || memcmp(sum.reserved, s->reserved, sizeof(sum.reserved)) != 0)
        {
            return "what is reserved";
        }
    }

    return NULL;
}


/* Each record is found by its id, once, unless it is free. */

__attribute__((unused)) static const char *
quota_check_pendings(llm_zone_t *z)
{
    uint32_t        n;
    llm_index_t     i, k;
    llm_pending_t  *p;

    n = 0;

    for (i = 0; i < z->npendings; i++) {
        p = llm_zone_pending(z, i);

        if (p->state > LLM_PENDING_CHARGED || p->nsubjects > LLM_SUBJECTS) {
            return "a pending record";
        }

        if (p->state != LLM_PENDING_FREE) {
            n++;

            if (llm_pending_find(z, p->id, p->id_len) != i) {
                return "a pending record that is not found";
            }
        }
    }

    for (i = 0; i < z->npendings; i++) {
        for (k = ((uint32_t *) ((u_char *) z + z->pending_buckets))[i];
             k != LLM_NONE;
             k = llm_zone_pending(z, k)->next)
        {
            if (k >= z->npendings || n-- == 0) {
                return "a chain of pending records";
            }
        }
    }

    return n ? "a pending record in no chain" : NULL;
}


/* Each cell is in one chain of one entity in the hash, or free. */

__attribute__((unused)) static const char *
quota_check_entities(llm_zone_t *z)
{
    uint8_t            *used;
    uint32_t            b, of[LLM_ENTITY_KINDS];
    const char         *error;
    llm_index_t         i, k;
    llm_entity_cell_t  *cells, *c;

    cells = (llm_entity_cell_t *) ((u_char *) z + z->entities);
    used = calloc(1, z->nentities + 1);
    error = NULL;

    if (used == NULL) {
        exit(1);
    }

    memset(of, 0, sizeof(of));

    for (b = 0; b < z->nentities && error == NULL; b++) {
        for (i = ((uint32_t *) ((u_char *) z + z->entity_buckets))[b];
             i != LLM_NONE && error == NULL;
             i = c->next)
        {
            if (i >= z->nentities || used[i]
                || cells[i].state == LLM_ENTITY_FREE
                || cells[i].hash % z->nentities != b)
            {
                error = "a chain of entities";
                break;
            }

            c = &cells[i];
            used[i] = 1;
            of[c->kind] += (c->state == LLM_ENTITY_LIVE);

            for (k = c->more; k != LLM_NONE; k = cells[k].more) {
                if (k >= z->nentities || used[k] || cells[k].state != 0) {
                    error = "the cells of an entity";
                    break;
                }

                used[k] = 1;
            }
        }
    }

    for (i = 0; i < z->nentities && error == NULL; i++) {
        if (cells[i].state != LLM_ENTITY_FREE && !used[i]) {
            error = "an entity outside the hash";
        }
    }

    if (error == NULL
        && !quota_free(used, z->nentities, z->entities_left, z->free_entity,
                       (u_char *) z + z->entities
                       + offsetof(llm_entity_cell_t, next),
                       sizeof(llm_entity_cell_t)))
    {
        error = "the free list of entities";
    }

    if (error == NULL && memcmp(of, z->entities_of, sizeof(of)) != 0) {
        error = "the number of entities";
    }

    free(used);

    return error;
}


/* Says what is not as it must be whenever nobody is inside, or NULL. */

__attribute__((unused)) static const char *
quota_check(llm_zone_t *z)
{
    uint8_t     *used, *subjects, *meters, *minutes, *reservations;
    const char  *error;

    if (z->owner != 0) {
        return "the owner";
    }

    if (z->nundo != 0) {
        return "the journal";
    }

    used = calloc(1, z->nsubjects + z->nmeters + z->nminutes
                     + z->nreservations);

    if (used == NULL) {
        exit(1);
    }

    subjects = used;
    meters = subjects + z->nsubjects;
    minutes = meters + z->nmeters;
    reservations = minutes + z->nminutes;

    error = quota_check_subjects(z, subjects, meters, minutes);

    if (error == NULL) {
        error = quota_check_reservations(z, reservations);
    }

    if (error == NULL) {
        error = quota_check_pendings(z);
    }

    if (error == NULL) {
        error = quota_check_entities(z);
    }

#define quota_free_list(what, list, type, link)                               \
    quota_free(what, z->n ## what, z->what ## _left, z->free_ ## list,        \
               (u_char *) z + z->what + offsetof(type, link), sizeof(type))

    if (error == NULL
        && (!quota_free_list(subjects, subject, llm_subject_t, next)
            || !quota_free_list(meters, meter, llm_meter_t, next)
            || !quota_free_list(minutes, minute, llm_minute_t, next)
            || !quota_free_list(reservations, reservation, llm_reservation_t,
                                next)))
    {
        error = "a free list";
    }

    free(used);

    return error;
}


#endif /* _QUOTA_H_INCLUDED_ */
