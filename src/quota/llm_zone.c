
/*
 * Copyright (C) the llm_quota authors
 */


#include <string.h>

#include "llm_entity.h"
#include "llm_fact.h"
#include "llm_pending.h"
#include "llm_series.h"
#include "llm_share.h"


llm_zone_t *
llm_zone_create(void *mem, size_t size, const u_char *random, int64_t created)
{
    size_t       left, share;
    uint64_t     at;
    llm_index_t  i;
    llm_zone_t  *z;

    if (size < LLM_ZONE_MIN) {
        return NULL;
    }

    z = mem;
    left = size - sizeof(llm_zone_t) - 64;

    /*
     * A fifth for requests in flight, a twentieth for what they leave pending,
     * another for classes that share a model, a tenth for what is made over the
     * admin API, a thirty-second for metrics.  The rest in equal numbers of
     * subjects, minutes and buckets, and three periods for each subject.
     */

    share = sizeof(llm_pending_t) + sizeof(uint32_t);

    z->nreservations = left / 5 / sizeof(llm_reservation_t);
    z->npendings = left / 20 / share;
    z->nshares = left / 20 / sizeof(llm_share_t);
    z->nentities = left / 10 / (sizeof(llm_entity_cell_t) + sizeof(uint32_t));
    z->nseries = left / 32 / sizeof(llm_series_t);

    z->nfacts = 1 + left / 64 / sizeof(llm_fact_t);

    if (z->nfacts > LLM_FACT_SLOTS) {
        z->nfacts = LLM_FACT_SLOTS;
    }

    left -= z->nfacts * sizeof(llm_fact_t);
    left -= z->nreservations * sizeof(llm_reservation_t);
    left -= z->npendings * share;
    left -= z->nshares * sizeof(llm_share_t);
    left -= z->nentities * (sizeof(llm_entity_cell_t) + sizeof(uint32_t));
    left -= z->nseries * sizeof(llm_series_t);

    share = sizeof(llm_subject_t) + sizeof(llm_minute_t)
            + 3 * sizeof(llm_meter_t) + 2 * sizeof(uint32_t);

    z->nsubjects = left / share;
    z->nminutes = z->nsubjects;
    z->nmeters = 3 * z->nsubjects;

    for (z->nbuckets = 1; z->nbuckets <= z->nsubjects; z->nbuckets *= 2) {
        /* void */
    }

    at = (sizeof(llm_zone_t) + 63) & ~(uint64_t) 63;

    z->subjects = at;
    at += (uint64_t) z->nsubjects * sizeof(llm_subject_t);
    z->meters = at;
    at += (uint64_t) z->nmeters * sizeof(llm_meter_t);
    z->minutes = at;
    at += (uint64_t) z->nminutes * sizeof(llm_minute_t);
    z->shares = at;
    at += (uint64_t) z->nshares * sizeof(llm_share_t);
    z->reservations = at;
    at += (uint64_t) z->nreservations * sizeof(llm_reservation_t);
    z->pendings = at;
    at += (uint64_t) z->npendings * sizeof(llm_pending_t);
    z->entities = at;
    at += (uint64_t) z->nentities * sizeof(llm_entity_cell_t);
    z->series = at;
    at += (uint64_t) z->nseries * sizeof(llm_series_t);
    z->facts = at;
    at += (uint64_t) z->nfacts * sizeof(llm_fact_t);
    z->pending_buckets = at;
    at += (uint64_t) z->npendings * sizeof(uint32_t);
    z->entity_buckets = at;
    at += (uint64_t) z->nentities * sizeof(uint32_t);
    z->buckets = at;

    memcpy(&z->epoch, random, sizeof(uint64_t));
    memcpy(z->seed, random + sizeof(uint64_t), sizeof(z->seed));

    z->size = size;
    z->created = created;
    z->pins = 1;
    z->loads = 1;

    for (i = 0; i < z->nmeters; i++) {
        llm_zone_meter(z, i)->subject = LLM_NONE;
    }

    for (i = 0; i < z->nminutes; i++) {
        llm_zone_minute(z, i)->subject = LLM_NONE;
    }

    for (i = 0; i < z->nshares; i++) {
        llm_zone_share(z, i)->subject = LLM_NONE;
    }

    llm_series_init(z);
    llm_zone_repair(z);

    z->repairs = 0;
    z->entity_changes = 0;
    z->layout = LLM_ZONE_LAYOUT;
    z->magic = LLM_ZONE_MAGIC;

    return z;
}


int
llm_zone_valid(const llm_zone_t *z, size_t size)
{
    return z->magic == LLM_ZONE_MAGIC
           && z->layout == LLM_ZONE_LAYOUT
           && z->size == size;
}


int
llm_zone_enter(llm_zone_t *z, int32_t pid, uint64_t monotonic)
{
    int  repaired;

    repaired = (z->owner != 0);

    z->owner = pid;
    llm_barrier();

    if (repaired) {
        llm_zone_repair(z);
    }

    if (monotonic > z->now) {
        z->now = monotonic;
    }

    return repaired;
}


void
llm_zone_leave(llm_zone_t *z)
{
    llm_barrier();
    z->owner = 0;
}


int
llm_zone_key(const llm_zone_t *z, llm_subject_key_t *key,
    llm_subject_type_e type, const u_char *first, size_t n,
    const u_char *second, size_t m)
{
    u_char  *p;

    if (n >= LLM_SUBJECT_NAME || m >= LLM_SUBJECT_NAME - n) {
        return -1;
    }

    p = key->name;

    if (n) {
        memcpy(p, first, n);
        p += n;
    }

    if (second) {
        *p++ = '\0';

        if (m) {
            memcpy(p, second, m);
            p += m;
        }
    }

    key->type = type;
    key->len = p - key->name;
    key->hash = llm_zone_hash(z, key->name, key->len, type);

    return 0;
}


llm_index_t
llm_zone_find(llm_zone_t *z, const llm_subject_key_t *key)
{
    llm_index_t     i;
    llm_subject_t  *s;

    for (i = *llm_zone_bucket(z, key->hash); i != LLM_NONE; i = s->next) {
        s = llm_zone_subject(z, i);

        if (s->hash == key->hash
            && s->type == key->type
            && s->len == key->len
            && memcmp(s->name, key->name, key->len) == 0)
        {
            return i;
        }
    }

    return LLM_NONE;
}


/*
 * What is taken is complete before the word that makes it used: repair sees
 * either a free entry or a whole one.
 */

llm_index_t
llm_zone_add_subject(llm_zone_t *z, const llm_subject_key_t *key)
{
    uint32_t       *bucket;
    llm_index_t     i;
    llm_subject_t  *s;

    i = z->free_subject;

    if (i == LLM_NONE) {
        return LLM_NONE;
    }

    s = llm_zone_subject(z, i);

    z->free_subject = s->next;
    z->subjects_left--;

    if (i >= z->top) {
        z->top = i + 1;
    }

    z->types |= 1u << key->type;

    s->hash = key->hash;
    s->meters = LLM_NONE;
    s->minute = LLM_NONE;
    s->share = LLM_NONE;
    s->inflight = 0;
    s->holders = 0;
    s->pin = 0;
    s->written = z->now;
    memset(s->reserved, 0, sizeof(s->reserved));
    s->type = key->type;
    s->rounds = 0;
    s->len = key->len;
    memcpy(s->name, key->name, key->len);

    bucket = llm_zone_bucket(z, key->hash);
    s->next = *bucket;

    llm_barrier();
    s->used = 1;
    llm_barrier();

    *bucket = i;

    return i;
}


llm_index_t
llm_zone_add_meter(llm_zone_t *z, llm_index_t subject, llm_period_t period,
    int64_t start, int64_t end)
{
    llm_index_t     i;
    llm_meter_t    *m;
    llm_subject_t  *s;

    i = z->free_meter;

    if (i == LLM_NONE) {
        return LLM_NONE;
    }

    m = llm_zone_meter(z, i);
    s = llm_zone_subject(z, subject);

    z->free_meter = m->next;
    z->meters_left--;

    m->period = period;
    m->loaded = 0;
    m->start = start;
    m->end = end;
    m->generation = 0;
    m->warned = 0;
    m->refused = 0;
    m->refused_by = 0;
    memset(m->settled, 0, sizeof(m->settled));
    memset(m->others, 0, sizeof(m->others));
    memset(m->claimed, 0, sizeof(m->claimed));
    memset(&m->claim, 0, sizeof(llm_claim_t));
    m->shared = 0;
    m->next = s->meters;

    llm_barrier();
    m->subject = subject;
    llm_barrier();

    s->meters = i;

    return i;
}


llm_index_t
llm_zone_add_minute(llm_zone_t *z, llm_index_t subject)
{
    llm_index_t    i;
    llm_minute_t  *m;

    i = z->free_minute;

    if (i == LLM_NONE) {
        return LLM_NONE;
    }

    m = llm_zone_minute(z, i);

    z->free_minute = m->next;
    z->minutes_left--;

    llm_window_init(&m->window, z->now / 1000);
    memset(&m->sharer, 0, sizeof(llm_sharer_t));
    memset(m->others, 0, sizeof(m->others));
    memset(&m->claim, 0, sizeof(llm_claim_t));
    m->shared = 0;
    m->refused = 0;

    llm_barrier();
    m->subject = subject;
    llm_barrier();

    llm_zone_subject(z, subject)->minute = i;

    return i;
}


llm_index_t
llm_zone_add_share(llm_zone_t *z, llm_index_t subject)
{
    llm_index_t   i;
    llm_share_t  *share;

    i = z->free_share;

    if (i == LLM_NONE) {
        return LLM_NONE;
    }

    share = llm_zone_share(z, i);

    z->free_share = share->next;
    z->shares_left--;

    llm_share_empty(share, z->now / 1000);

    llm_barrier();
    share->subject = subject;
    llm_barrier();

    llm_zone_subject(z, subject)->share = i;

    return i;
}


llm_index_t
llm_zone_add_reservation(llm_zone_t *z)
{
    llm_index_t         i;
    llm_reservation_t  *r;

    i = z->free_reservation;

    if (i == LLM_NONE) {
        return LLM_NONE;
    }

    r = llm_zone_reservation(z, i);

    z->free_reservation = r->next;
    z->reservations_left--;

    r->id = ++z->number;

    return i;
}


void
llm_zone_free_reservation(llm_zone_t *z, llm_index_t i)
{
    uint32_t            k;
    llm_reservation_t  *r;

    r = llm_zone_reservation(z, i);

    /* freed twice, it would follow itself in the free list */

    if (r->state != LLM_RESERVATION_SETTLED) {
        return;
    }

    for (k = 0; k < r->nsubjects; k++) {
        llm_zone_subject(z, r->subjects[k])->written = z->now;
    }

    llm_pending_written(z, r);

    llm_barrier();
    r->state = LLM_RESERVATION_FREE;
    llm_barrier();

    llm_zone_let_go(z, r);
    llm_zone_link_reservation(z, i);
}


void
llm_zone_hold(llm_zone_t *z, const llm_reservation_t *r)
{
    uint32_t  k;

    for (k = 0; k < r->nsubjects; k++) {
        llm_zone_subject(z, r->subjects[k])->holders++;
    }
}


void
llm_zone_let_go(llm_zone_t *z, const llm_reservation_t *r)
{
    uint32_t  k;

    for (k = 0; k < r->nsubjects; k++) {
        llm_zone_subject(z, r->subjects[k])->holders--;
    }
}


void
llm_zone_link_reservation(llm_zone_t *z, llm_index_t i)
{
    llm_zone_reservation(z, i)->next = z->free_reservation;
    z->free_reservation = i;
    z->reservations_left++;
}


llm_meter_t *
llm_zone_find_meter(llm_zone_t *z, const llm_subject_t *subject,
    llm_period_t period)
{
    llm_index_t   i;
    llm_meter_t  *m;

    for (i = subject->meters; i != LLM_NONE; i = m->next) {
        m = llm_zone_meter(z, i);

        if (m->period == period) {
            return m;
        }
    }

    return NULL;
}


llm_estimate_t *
llm_zone_estimate(llm_zone_t *z, const u_char *name, size_t n, int create)
{
    uint32_t      hash, now, i;
    llm_model_t  *model, *idle;

    if (n == 0 || n > LLM_MODEL_NAME) {
        return &z->other;
    }

    hash = llm_zone_hash(z, name, n, LLM_HASH_MODEL);
    now = (uint32_t) (z->now / 1000);
    idle = NULL;

    for (i = 0; i < LLM_MODEL_WAYS; i++) {
        model = &z->models[(hash + i) % LLM_MODELS];

        if (model->len == 0) {
            idle = model;
            break;
        }

        if (model->hash == hash
            && model->len == n
            && memcmp(model->name, name, n) == 0)
        {
            if (create) {
                model->used = now;
            }

            return &model->estimate;
        }

        if (now - model->used >= LLM_MODEL_IDLE
            && (idle == NULL || now - model->used > now - idle->used))
        {
            idle = model;
        }
    }

    if (!create || idle == NULL) {
        return &z->other;
    }

    /* who looks without the lock, or finds what a killed one left, must not
       take it for the model's; nor may a gap be left before others */

    idle->len = LLM_MODEL_NAME + 1;
    llm_barrier();

    memset(&idle->estimate, 0, sizeof(llm_estimate_t));
    memcpy(idle->name, name, n);
    idle->hash = hash;
    idle->used = now;
    llm_barrier();

    idle->len = n;

    return &idle->estimate;
}


int
llm_zone_take_worker(llm_zone_t *z, uint32_t i, const llm_worker_t *seen,
    int32_t pid, uint64_t started)
{
    llm_worker_t  *w;

    w = &z->workers[i];

    if (w->pid != seen->pid || w->generation != seen->generation) {
        return 0;
    }

    /* reservations of the slot's last owner bear its generation */

    w->generation++;
    w->started = started;
    w->writing = 0;
    w->failing = 0;
    llm_barrier();
    w->pid = pid;

    return 1;
}


int
llm_zone_is_left(const llm_zone_t *z, const llm_reservation_t *r)
{
    return r->state != LLM_RESERVATION_FREE
           && r->worker < LLM_WORKERS
           && r->generation != z->workers[r->worker].generation;
}


/*
 * SipHash-1-3 (Aumasson, Bernstein: "SipHash: a fast short-input PRF"), with
 * the zone's secret seed: names come from clients.
 */

#define llm_rotl(x, b)  (((x) << (b)) | ((x) >> (64 - (b))))

#define llm_sip_round(v0, v1, v2, v3)                                         \
    do {                                                                      \
        v0 += v1;                                                             \
        v1 = llm_rotl(v1, 13) ^ v0;                                           \
        v0 = llm_rotl(v0, 32);                                                \
        v2 += v3;                                                             \
        v3 = llm_rotl(v3, 16) ^ v2;                                           \
        v0 += v3;                                                             \
        v3 = llm_rotl(v3, 21) ^ v0;                                           \
        v2 += v1;                                                             \
        v1 = llm_rotl(v1, 17) ^ v2;                                           \
        v2 = llm_rotl(v2, 32);                                                \
    } while (0)


uint32_t
llm_zone_hash(const llm_zone_t *z, const u_char *p, size_t n, uint64_t kind)
{
    size_t    left;
    uint64_t  v0, v1, v2, v3, m;

    v0 = z->seed[0] ^ 0x736f6d6570736575ULL;
    v1 = z->seed[1] ^ 0x646f72616e646f6dULL ^ kind;
    v2 = z->seed[0] ^ 0x6c7967656e657261ULL;
    v3 = z->seed[1] ^ 0x7465646279746573ULL;

    for (left = n; left >= 8; left -= 8, p += 8) {
        memcpy(&m, p, 8);
        v3 ^= m;
        llm_sip_round(v0, v1, v2, v3);
        v0 ^= m;
    }

    m = (uint64_t) n << 56;

    while (left--) {
        m |= (uint64_t) p[left] << (8 * left);
    }

    v3 ^= m;
    llm_sip_round(v0, v1, v2, v3);
    v0 ^= m;

    v2 ^= 0xff;
    llm_sip_round(v0, v1, v2, v3);
    llm_sip_round(v0, v1, v2, v3);
    llm_sip_round(v0, v1, v2, v3);

    v0 ^= v1 ^ v2 ^ v3;

    return (uint32_t) (v0 ^ (v0 >> 32));
}
