
/*
 * Copyright (C) the llm_quota authors
 */


#include <stdlib.h>
#include <string.h>

#include "llm_cluster.h"
#include "llm_cluster_sum.h"
#include "llm_money.h"


_Static_assert((int) LLM_REDIS_SUMS == (int) LLM_COUNTS
               && (int) LLM_REDIS_SUMS == (int) LLM_STORE_SUMS,
               "a share has as many sums as a meter");

_Static_assert((int) LLM_WINDOW_COUNTERS == LLM_REDIS_SUMS - 1,
               "a minute's share has as many sums as a window");


#define LLM_CLUSTER_BEHIND   10000           /* ms after which what Redis has
                                                of this node in a later
                                                generation is no news that the
                                                zone only waits for */


typedef struct {
    int64_t                  start;
    int64_t                  generation;
    int64_t                  sum[LLM_REDIS_SUMS];    /* that Redis has */
    int64_t                  version;    /* of the last own change */
    int64_t                  used[LLM_REDIS_SUMS];   /* when last looked at */
    int64_t                  have[LLM_REDIS_SUMS];   /* the claim in Redis */
    uint64_t                 grown;      /* when more was used or wanted */
    uint64_t                 behind;     /* when Redis was first seen to have
                                            a later generation; 0: it has
                                            not */
    uint64_t                 until;      /* of a minute: when a share of
                                            another is too old; 0: there is
                                            none */
    llm_redis_share_t       *shares;     /* of all nodes */
    size_t                   nshares;
    size_t                   allocated;
    unsigned                 known:1;    /* was exchanged */
    unsigned                 published:1;
    unsigned                 stale:1;    /* another has changed it */
} llm_cluster_entry_t;


struct llm_cluster_s {
    llm_redis_names_t        names;
    uint32_t                 nmeters;
    uint32_t                 nminutes;
    uint32_t                 next;       /* entry */
    uint32_t                 used;       /* of those that are looked at:
                                            found in use */
    int64_t                  sequence;
    int64_t                  blind;
    unsigned                 begun:1;    /* not yet numbered */
    llm_cluster_entry_t      entries[];  /* of periods, then of minutes */
};


_Static_assert((int) LLM_RESOURCES == LLM_REDIS_BOUNDS
               && (int) LLM_RESOURCE_COST == 5 && (int) LLM_RESOURCE_TOKENS == 1
               && (int) LLM_RESOURCE_PARALLEL == 4,
               "bounds of claims are in the order of resources");


static int llm_cluster_look(llm_cluster_t *c, llm_zone_t *z, uint32_t i,
    llm_cluster_batch_t *batch);
static int llm_cluster_needs(const llm_cluster_entry_t *e,
    const llm_cluster_ref_t *ref, uint32_t shared, uint64_t now);
static void llm_cluster_add(llm_cluster_t *c, llm_zone_t *z,
    llm_cluster_batch_t *batch, int minute, int64_t end);
static void llm_cluster_set_own(llm_cluster_t *c, llm_cluster_batch_t *batch,
    int64_t generation, const int64_t *sum);
static int llm_cluster_claims(llm_cluster_entry_t *e, llm_zone_t *z,
    const llm_cluster_ref_t *ref, llm_claim_t *claim, const int64_t *used);
static void llm_cluster_set_claim(llm_cluster_t *c, llm_zone_t *z,
    llm_cluster_batch_t *batch, llm_claim_t *claim);
static void llm_cluster_follow(llm_cluster_t *c, llm_zone_t *z,
    llm_cluster_entry_t *e, llm_meter_t *m);
static void llm_cluster_claimed(llm_cluster_t *c, llm_zone_t *z,
    const llm_cluster_ref_t *ref, const int64_t *want, llm_claim_t *claim);
static void llm_cluster_forget(llm_cluster_entry_t *e);
static llm_cluster_entry_t *llm_cluster_find(llm_cluster_t *c, llm_zone_t *z,
    const llm_redis_meter_t *meter);
static int llm_cluster_is(llm_cluster_t *c, llm_zone_t *z,
    const llm_redis_item_t *item, const llm_cluster_ref_t *ref);


llm_cluster_t *
llm_cluster_create(const llm_redis_names_t *names, const llm_zone_t *z)
{
    size_t          n;
    llm_cluster_t  *c;

    n = (size_t) z->nmeters + z->nminutes;

    c = calloc(1, sizeof(llm_cluster_t) + n * sizeof(llm_cluster_entry_t));

    if (c == NULL) {
        return NULL;
    }

    c->names = *names;
    c->nmeters = z->nmeters;
    c->nminutes = z->nminutes;

    return c;
}


void
llm_cluster_destroy(llm_cluster_t *c)
{
    uint32_t  i;

    for (i = 0; i < c->nmeters + c->nminutes; i++) {
        free(c->entries[i].shares);
    }

    free(c);
}


void
llm_cluster_again(llm_cluster_t *c)
{
    uint32_t  i;

    for (i = 0; i < c->nmeters + c->nminutes; i++) {
        c->entries[i].known = 0;
    }
}


void
llm_cluster_changed(llm_cluster_t *c, llm_zone_t *z,
    const llm_redis_text_t *key, int64_t version)
{
    llm_redis_meter_t     meter;
    llm_cluster_entry_t  *e;

    if (llm_redis_key_parse(&meter, &c->names, key->data, key->len) != 0) {
        return;
    }

    e = llm_cluster_find(c, z, &meter);

    if (e && e->version != version) {
        e->stale = 1;
    }
}


static llm_cluster_entry_t *
llm_cluster_find(llm_cluster_t *c, llm_zone_t *z,
    const llm_redis_meter_t *meter)
{
    unsigned            type;
    const char         *name;
    llm_index_t         index;
    llm_meter_t        *m;
    llm_subject_t      *s;
    llm_subject_key_t   key;

    for (type = 0; type < LLM_SUBJECT_TYPES; type++) {
        name = llm_subject_name(type);

        if (strlen(name) == meter->type.len
            && memcmp(name, meter->type.data, meter->type.len) == 0)
        {
            break;
        }
    }

    if (type == LLM_SUBJECT_TYPES
        || llm_zone_key(z, &key, type, (const u_char *) meter->id.data,
                        meter->id.len, NULL, 0)
           != 0)
    {
        return NULL;
    }

    index = llm_zone_find(z, &key);

    if (index == LLM_NONE) {
        return NULL;
    }

    s = llm_zone_subject(z, index);

    if (meter->minute) {
        return (s->minute == LLM_NONE) ? NULL
                                       : &c->entries[c->nmeters + s->minute];
    }

    m = llm_zone_find_meter(z, s, meter->period);

    return (m && m->start == meter->start)
           ? &c->entries[m - llm_zone_meter(z, 0)] : NULL;
}


void
llm_cluster_begin(llm_cluster_t *c, int64_t wall)
{
    c->next = 0;
    c->used = 0;
    c->blind = 0;
    c->begun = 1;
    c->sequence = (wall > c->sequence) ? wall : c->sequence + 1;
}


int
llm_cluster_collect(llm_cluster_t *c, llm_zone_t *z,
    llm_cluster_batch_t *batch)
{
    uint32_t  n, meters, minutes;

    if (c->begun) {
        c->begun = 0;
        c->sequence = llm_max(c->sequence, z->exchange + 1);
        z->exchange = c->sequence;
    }

    meters = z->nmeters - z->meters_left;
    minutes = z->nminutes - z->minutes_left;

    for (n = 0; n < LLM_CLUSTER_SLICE && batch->n < LLM_CLUSTER_ITEMS; n++) {

        /* low ones are taken first: behind the last that is used there is
           nothing */

        if (c->next < c->nmeters && c->used >= meters) {
            c->next = c->nmeters;
        }

        if (c->next == c->nmeters) {
            c->used = 0;
        }

        if (c->next >= c->nmeters
            && (c->used >= minutes || c->next == c->nmeters + c->nminutes))
        {
            return 0;
        }

        c->used += llm_cluster_look(c, z, c->next++, batch);
    }

    return 1;
}


int64_t
llm_cluster_blind(const llm_cluster_t *c)
{
    return c->blind;
}


/* Whether the entry is in use. */

static int
llm_cluster_look(llm_cluster_t *c, llm_zone_t *z, uint32_t i,
    llm_cluster_batch_t *batch)
{
    int                   minute;
    int64_t               end;
    unsigned              k;
    int64_t               used[LLM_REDIS_SUMS];
    uint32_t              shared;
    llm_claim_t          *claim;
    llm_meter_t          *m;
    llm_minute_t         *w;
    llm_subject_t        *s;
    llm_cluster_ref_t    *ref;
    llm_cluster_entry_t  *e;

    e = &c->entries[i];
    ref = &batch->refs[batch->n];
    minute = (i >= c->nmeters);
    m = NULL;
    w = NULL;

    memset(ref, 0, sizeof(llm_cluster_ref_t));

    ref->index = i;

    if (minute) {
        w = llm_zone_minute(z, i - c->nmeters);
        ref->subject = w->subject;

    } else {
        m = llm_zone_meter(z, i);
        ref->subject = m->subject;
    }

    if (ref->subject == LLM_NONE) {
        llm_cluster_forget(e);
        return 0;
    }

    s = llm_zone_subject(z, ref->subject);

    if (s->type >= LLM_SUBJECT_TYPES) {

        /* what a class shares is this node's */

        return 1;
    }

    if (minute) {
        llm_window_roll(&w->window, z->now / 1000);

        end = 0;
        claim = &w->claim;
        shared = w->shared;
        ref->published = 1;

        for (k = 0; k < LLM_WINDOW_COUNTERS; k++) {
            ref->sum[k] = w->window.sum[k];
        }

    } else {
        end = m->end;
        claim = &m->claim;
        shared = m->shared;
        ref->period = m->period;
        ref->start = m->start;

        /* of one that is not loaded only a part is known */

        ref->published = llm_zone_meter_loaded(z, m);

        if (!ref->published) {
            c->blind = llm_sat_add(c->blind, m->settled[LLM_COUNT_REQUESTS]);
        }

        ref->generation = m->generation;
        memcpy(ref->sum, m->settled, sizeof(ref->sum));
    }

    if (!shared || e->start != ref->start) {
        llm_cluster_forget(e);
        e->start = ref->start;
    }

    for (k = 0; k < LLM_REDIS_SUMS; k++) {
        used[k] = llm_sat_add(ref->sum[k], s->reserved[k]);
    }

    ref->claimed = llm_cluster_claims(e, z, ref, claim, used);

    if (ref->claimed || llm_cluster_needs(e, ref, shared, z->now)) {

        if (ref->claimed) {
            llm_cluster_set_claim(c, z, batch, claim);
        }

        llm_cluster_add(c, z, batch, minute, end);
    }

    return 1;
}


/* Whether the claim is to be exchanged. */

static int
llm_cluster_claims(llm_cluster_entry_t *e, llm_zone_t *z,
    const llm_cluster_ref_t *ref, llm_claim_t *claim, const int64_t *used)
{
    int       known, wants;
    unsigned  k;

    if (z->strict == 0 || !ref->published) {
        return 0;
    }

    wants = 0;

    for (k = 0; k < LLM_REDIS_SUMS; k++) {
        wants |= (claim->want[k] != 0);

        if (used[k] > e->used[k] || wants) {
            e->grown = z->now;
        }

        e->used[k] = used[k];
    }

    /* one that this zone knows nothing of is from before it was made */

    known = (memcmp(e->have, claim->have, sizeof(e->have)) == 0);

    if (known && !llm_claim_is_active(claim)) {
        return 0;
    }

    llm_claim_settle(z, claim, used, z->now - e->grown >= z->strict);

    return wants || !e->known
           || memcmp(e->have, claim->have, sizeof(e->have)) != 0
           || (ref->start == 0 && z->now + LLM_CLAIM_GOOD / 2 >= claim->until);
}


static void
llm_cluster_set_claim(llm_cluster_t *c, llm_zone_t *z,
    llm_cluster_batch_t *batch, llm_claim_t *claim)
{
    llm_redis_claim_t    *set;
    llm_cluster_ref_t    *ref;
    llm_cluster_entry_t  *e;

    ref = &batch->refs[batch->n];
    set = &batch->claims[batch->n];
    e = &c->entries[ref->index];

    set->order = c->sequence;
    memcpy(set->have, claim->have, sizeof(set->have));

    llm_claim_take(claim, e->used, set->want, set->bound);

    ref->until = z->now + LLM_CLAIM_GOOD;
}


static int
llm_cluster_needs(const llm_cluster_entry_t *e, const llm_cluster_ref_t *ref,
    uint32_t shared, uint64_t now)
{
    if (!e->known || e->stale || !shared || (e->until && now >= e->until)) {
        return 1;
    }

    return ref->published
           && (!e->published || e->generation != ref->generation
               || memcmp(e->sum, ref->sum, sizeof(ref->sum)) != 0);
}


static void
llm_cluster_add(llm_cluster_t *c, llm_zone_t *z, llm_cluster_batch_t *batch,
    int minute, int64_t end)
{
    llm_subject_t        *s;
    llm_redis_item_t     *item;
    llm_cluster_ref_t    *ref;
    llm_redis_meter_t     meter;
    llm_cluster_entry_t  *e;

    ref = &batch->refs[batch->n];
    item = &batch->items[batch->n];
    e = &c->entries[ref->index];
    s = llm_zone_subject(z, ref->subject);

    meter.type.data = llm_subject_name(s->type);
    meter.type.len = strlen(meter.type.data);
    meter.id.data = (const char *) s->name;
    meter.id.len = s->len;
    meter.period = ref->period;
    meter.start = ref->start;
    meter.minute = minute;

    item->len = llm_redis_key(item->key, &c->names, &meter);
    item->expires = llm_cluster_expires(ref->start, end);
    item->minute = minute;
    item->own = NULL;
    item->others = NULL;
    item->nothers = 0;
    item->claim = ref->claimed ? &batch->claims[batch->n] : NULL;

    ref->type = s->type;
    ref->id_len = s->len;

    if (ref->published) {
        llm_cluster_set_own(c, batch, ref->generation, ref->sum);
    }

    /* a minute's would be taken for new ones */

    if (!e->known && !minute) {
        item->others = e->shares;
        item->nothers = e->nshares;
    }

    batch->n++;
}


/* The item that comes next sets this node's share. */

static void
llm_cluster_set_own(llm_cluster_t *c, llm_cluster_batch_t *batch,
    int64_t generation, const int64_t *sum)
{
    llm_redis_item_t   *item;
    llm_redis_share_t  *own;

    own = &batch->own[batch->n];
    item = &batch->items[batch->n];

    own->node = c->names.node;
    own->order = item->minute ? c->sequence : generation;
    own->time = 0;
    memcpy(own->sum, sum, sizeof(own->sum));

    item->own = own;
}


/* Its memory stays: this is done under the lock. */

static void
llm_cluster_forget(llm_cluster_entry_t *e)
{
    memset(e->have, 0, sizeof(e->have));
    memset(e->used, 0, sizeof(e->used));

    e->start = 0;
    e->generation = 0;
    e->behind = 0;
    e->version = 0;
    e->until = 0;
    e->grown = 0;
    e->nshares = 0;
    e->known = 0;
    e->published = 0;
    e->stale = 0;
}


void
llm_cluster_stored(llm_cluster_t *c, llm_zone_t *z,
    llm_cluster_batch_t *batch, const llm_store_meter_t *row)
{
    llm_redis_item_t     *item;
    llm_redis_claim_t    *claim;
    llm_redis_meter_t     meter;
    llm_cluster_entry_t  *e;

    meter.type.data = (const char *) row->subject.type.data;
    meter.type.len = row->subject.type.len;
    meter.id.data = (const char *) row->subject.id.data;
    meter.id.len = row->subject.id.len;
    meter.period = row->period.period;
    meter.start = row->period.start;
    meter.minute = 0;

    item = &batch->items[batch->n];

    item->len = llm_redis_key(item->key, &c->names, &meter);

    if (item->len == 0) {
        return;
    }

    item->expires = llm_cluster_expires(row->period.start, row->period.end);
    item->minute = 0;
    item->others = NULL;
    item->nothers = 0;
    item->claim = NULL;

    e = llm_cluster_find(c, z, &meter);

    if (z->strict
        && (e == NULL
            || !llm_zone_meter_loaded(z, llm_zone_meter(z, e - c->entries))))
    {
        /* what was claimed before the zone was made is not needed, nor what
           another remembers of that; who claims anew, be it in the exchange
           that is under way, does so after this */

        claim = &batch->claims[batch->n];

        memset(claim, 0, sizeof(llm_redis_claim_t));

        claim->order = c->sequence - 1;
        memcpy(claim->have, row->sum, sizeof(claim->have));

        item->claim = claim;
    }

    llm_cluster_set_own(c, batch, row->generation, row->sum);

    batch->refs[batch->n].index = LLM_NONE;
    batch->n++;
}


void
llm_cluster_read(llm_cluster_t *c, const llm_cluster_batch_t *batch,
    const redisReply *reply)
{
    size_t                i;
    int64_t               version;
    llm_index_t           index;
    llm_cluster_entry_t  *e;

    for (i = 0; i < batch->n; i++) {
        index = batch->refs[i].index;

        if (index == LLM_NONE) {
            continue;
        }

        e = &c->entries[index];

        (void) llm_redis_exchanged(reply, i, &version);

        if (version) {
            e->version = version;
        }

        llm_cluster_keep(&e->shares, &e->nshares, &e->allocated, reply, i,
                         batch->items[i].minute);
    }
}


void
llm_cluster_apply(llm_cluster_t *c, llm_zone_t *z, llm_cluster_batch_t *batch,
    int64_t now)
{
    size_t                   i;
    int64_t                  left, others[LLM_REDIS_SUMS];
    int64_t                  claimed[LLM_REDIS_SUMS];
    llm_meter_t             *m;
    llm_minute_t            *w;
    llm_redis_share_t        own;
    const llm_redis_item_t  *item;
    llm_cluster_ref_t       *ref;
    llm_cluster_entry_t     *e;

    memset(&own, 0, sizeof(llm_redis_share_t));

    own.node = c->names.node;

    for (i = 0; i < batch->n; i++) {
        ref = &batch->refs[i];
        item = &batch->items[i];

        ref->changed = 0;

        if (ref->index == LLM_NONE) {
            continue;
        }

        e = &c->entries[ref->index];

        if (!llm_cluster_is(c, z, item, ref)) {
            llm_cluster_forget(e);
            continue;
        }

        memcpy(e->sum, ref->sum, sizeof(e->sum));

        own.order = ref->generation;
        memcpy(own.sum, ref->sum, sizeof(own.sum));

        e->generation = ref->generation;
        e->known = 1;
        e->stale = 0;
        e->published = ref->published;

        left = llm_cluster_sum(e->shares, e->nshares, &own, item->minute, now,
                               others, claimed);

        e->until = (left == INT64_MAX) ? 0 : z->now + (uint64_t) left;

        if (item->minute) {
            w = llm_zone_minute(z, ref->index - c->nmeters);

            llm_others_set_minute(z, w, others);
            llm_cluster_claimed(c, z, ref, batch->claims[i].want, &w->claim);

        } else {
            m = llm_zone_meter(z, ref->index);

            ref->end = m->end;
            ref->changed = (memcmp(others, m->others, sizeof(m->others)) != 0);
            llm_cluster_total(ref->sum, others, claimed, ref->total);

            llm_others_set(z, m, others, claimed);
            llm_cluster_follow(c, z, e, m);
            llm_cluster_claimed(c, z, ref, batch->claims[i].want, &m->claim);
        }
    }
}


/* Redis may have a later generation of this node's share: of a reset that the
   other nginx of an upgrade has made, and whose line is under way to here; or
   of one that nobody here knows of, since the state directory was put back from
   a copy.  Then it goes on from there, or nothing would be published. */

static void
llm_cluster_follow(llm_cluster_t *c, llm_zone_t *z, llm_cluster_entry_t *e,
    llm_meter_t *m)
{
    int64_t  generation;

    generation = llm_cluster_order(e->shares, e->nshares, c->names.node);

    if (!llm_zone_meter_loaded(z, m) || generation <= m->generation) {
        e->behind = 0;
        return;
    }

    if (e->behind == 0) {
        e->behind = z->now;
    }

    if (z->now - e->behind < LLM_CLUSTER_BEHIND) {
        e->until = e->behind + LLM_CLUSTER_BEHIND;
        return;
    }

    e->behind = 0;

    llm_zone_put64(z, &m->generation, generation);
    llm_zone_commit(z);
}


static void
llm_cluster_claimed(llm_cluster_t *c, llm_zone_t *z,
    const llm_cluster_ref_t *ref, const int64_t *want, llm_claim_t *claim)
{
    size_t                i;
    llm_redis_share_t    *share;
    llm_cluster_entry_t  *e;

    e = &c->entries[ref->index];

    for (i = 0; i < e->nshares; i++) {
        share = &e->shares[i];

        if (!share->claim || share->node != c->names.node) {
            continue;
        }

        memcpy(e->have, share->sum, sizeof(e->have));

        if (ref->claimed && share->order == c->sequence
            && z->exchange == c->sequence)
        {
            llm_claim_grant(z, claim, share->sum, want, ref->until);
        }
    }
}


/* Whether a meter still is the one that was asked about: its place, and the
   subject's, may be another's by now. */

static int
llm_cluster_is(llm_cluster_t *c, llm_zone_t *z, const llm_redis_item_t *item,
    const llm_cluster_ref_t *ref)
{
    llm_meter_t    *m;
    llm_subject_t  *s;

    if (item->minute) {

        if (llm_zone_minute(z, ref->index - c->nmeters)->subject
            != ref->subject)
        {
            return 0;
        }

    } else {
        m = llm_zone_meter(z, ref->index);

        if (m->subject != ref->subject || m->period != ref->period
            || m->start != ref->start)
        {
            return 0;
        }
    }

    s = llm_zone_subject(z, ref->subject);

    return s->type == ref->type && s->len == ref->id_len
           && memcmp(s->name, item->key + item->len - s->len, s->len) == 0;
}
