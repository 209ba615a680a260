
/*
 * Copyright (C) the llm_quota authors
 */

#include "ngx_http_llm_api_fact.h"
#include "llm_others.h"


/*
 * Of whom a fact is about the zone gets what the store has, in all periods
 * that are kept, so that what is changed is all there is.  The store is read
 * after a run of the leader that has carried what was written until then; what
 * was settled meanwhile would be in neither, so it is read again until nothing
 * was, if that can be.
 */


#define NGX_HTTP_LLM_KNOWN_LATER  20         /* ms */
#define NGX_HTTP_LLM_KNOWN_TRIES  250        /* then it is out of reach */
#define NGX_HTTP_LLM_KNOWN_BUSY   50         /* then what runs may run on */


static void ngx_http_llm_known_next(ngx_http_llm_call_t *call);
static int ngx_http_llm_known_others(ngx_http_llm_call_t *call,
    ngx_http_llm_fact_t *fact);
static ngx_uint_t ngx_http_llm_known_is(ngx_http_llm_call_t *call,
    ngx_http_llm_fact_t *fact);
static uint64_t ngx_http_llm_known_state(llm_zone_t *z,
    ngx_http_llm_fact_t *fact);
static void ngx_http_llm_known_later(ngx_http_llm_call_t *call);
static void ngx_http_llm_known_timer(ngx_event_t *ev);
static void ngx_http_llm_known_read(ngx_http_llm_call_t *call,
    llm_store_op_t *op);
static void ngx_http_llm_known_offsets(ngx_http_llm_call_t *call,
    llm_store_op_t *op);
static int ngx_http_llm_known_add(ngx_http_llm_call_t *call,
    const llm_mark_t *offsets, size_t n);


void
ngx_http_llm_call_know(ngx_http_llm_call_t *call, ngx_http_llm_call_pt known)
{
    llm_zone_t           *z;
    ngx_http_llm_fact_t  *fact;

    fact = call->data;

    fact->known = known;
    fact->key = 0;
    fact->asked = 0;
    fact->tries = 0;
    fact->kept = *call->api->admin.zone.kept;

    z = ngx_http_llm_zone_lock(call->api->admin.zone.zone);

    (void) llm_kept_merge(&fact->kept, &z->kept);

    ngx_http_llm_zone_unlock(call->api->admin.zone.zone);

    ngx_http_llm_known_next(call);
}


static void
ngx_http_llm_known_next(ngx_http_llm_call_t *call)
{
    const char           *type;
    ngx_uint_t            carried;
    llm_zone_t           *z;
    llm_store_op_t       *op;
    llm_subject_key_t    *key;
    ngx_http_llm_fact_t  *fact;

    fact = call->data;

    while (fact->key < fact->nkeys && ngx_http_llm_known_is(call, fact)) {

        if (ngx_http_llm_known_others(call, fact) == 0) {
            ngx_http_llm_known_later(call);
            return;
        }

        fact->key++;
        fact->asked = 0;
        fact->tries = 0;
    }

    if (fact->key == fact->nkeys) {
        fact->known(call);
        return;
    }

    z = ngx_http_llm_zone_lock(call->api->admin.zone.zone);

    if (fact->asked == 0) {

        /* without room for it there is none for its meters, which is told */

        (void) llm_join(z, &call->api->admin.zone.zone->clock,
                        &fact->keys[fact->key]);

        fact->asked = z->now;
        fact->state = ngx_http_llm_known_state(z, fact);
    }

    carried = (z->carried > fact->asked);

    fact->began = z->now;
    fact->marks = llm_zone_marks_state(z);

    ngx_http_llm_zone_unlock(call->api->admin.zone.zone);

    if (!carried) {
        ngx_http_llm_known_later(call);
        return;
    }

    op = ngx_http_llm_call_op(call, LLM_STORE_LOAD, ngx_http_llm_known_read);
    if (op == NULL) {
        return;
    }

    key = &fact->keys[fact->key];
    type = llm_subject_name(key->type);

    op->load.subject.type.data = (u_char *) type;
    op->load.subject.type.len = ngx_strlen(type);
    op->load.subject.id.data = key->name;
    op->load.subject.id.len = key->len;
    op->load.now = ngx_time();

    ngx_http_llm_call_run(call);
}


static ngx_uint_t
ngx_http_llm_known_is(ngx_http_llm_call_t *call, ngx_http_llm_fact_t *fact)
{
    unsigned          i;
    llm_zone_t       *z;
    ngx_uint_t        is;
    llm_index_t       at;
    llm_meter_t      *m;
    llm_kept_type_t  *kept;

    kept = &fact->kept.types[fact->keys[fact->key].type];

    if (kept->nperiods == 0) {
        return 1;
    }

    z = ngx_http_llm_zone_lock(call->api->admin.zone.zone);

    at = llm_zone_find(z, &fact->keys[fact->key]);
    is = (at != LLM_NONE);

    for (i = 0; is && i < kept->nperiods; i++) {
        m = llm_zone_find_meter(z, llm_zone_subject(z, at), kept->periods[i]);
        is = (m && llm_zone_meter_loaded(z, m));
    }

    ngx_http_llm_zone_unlock(call->api->admin.zone.zone);

    return is;
}


/* What other nodes have is changed with it. */

static int
ngx_http_llm_known_others(ngx_http_llm_call_t *call, ngx_http_llm_fact_t *fact)
{
    int               known;
    llm_zone_t       *z;
    llm_kept_type_t  *kept;

    kept = &fact->kept.types[fact->keys[fact->key].type];

    z = ngx_http_llm_zone_lock(call->api->admin.zone.zone);

    known = llm_others_want(z, &fact->keys[fact->key], kept->periods,
                            kept->nperiods, 0, 1);

    ngx_http_llm_zone_unlock(call->api->admin.zone.zone);

    return known;
}


/* Changes with whatever is admitted or settled. */

static uint64_t
ngx_http_llm_known_state(llm_zone_t *z, ngx_http_llm_fact_t *fact)
{
    uint64_t        state;
    unsigned        i;
    llm_index_t     at;
    llm_meter_t    *m;
    llm_subject_t  *s;

    at = llm_zone_find(z, &fact->keys[fact->key]);

    if (at == LLM_NONE) {
        return 0;
    }

    s = llm_zone_subject(z, at);
    state = 1 + s->inflight + 31 * s->written;

    for (at = s->meters; at != LLM_NONE; at = m->next) {
        m = llm_zone_meter(z, at);

        for (i = 0; i < LLM_COUNTS; i++) {
            state = state * 31 + (uint64_t) m->settled[i];
        }
    }

    return state;
}


static void
ngx_http_llm_known_later(ngx_http_llm_call_t *call)
{
    ngx_http_llm_fact_t  *fact;

    fact = call->data;

    if (fact->tries++ == NGX_HTTP_LLM_KNOWN_TRIES) {
        ngx_http_llm_call_unavailable(call, "has not caught up");
        return;
    }

    ngx_http_llm_fact_later(call, ngx_http_llm_known_timer,
                            NGX_HTTP_LLM_KNOWN_LATER);
}


static void
ngx_http_llm_known_timer(ngx_event_t *ev)
{
    ngx_http_llm_known_next(ngx_http_llm_fact_of(ev)->call);
}


static void
ngx_http_llm_known_read(ngx_http_llm_call_t *call, llm_store_op_t *op)
{
    size_t                i;
    llm_load_t           *row;
    ngx_http_llm_fact_t  *fact;

    fact = call->data;

    fact->nrows = op->load.nrows;
    fact->rows = ngx_palloc(call->pool, (fact->nrows + 1) * sizeof(llm_load_t));

    if (fact->rows == NULL) {
        ngx_http_llm_call_end(call, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    for (i = 0; i < fact->nrows; i++) {
        row = &fact->rows[i];

        row->period = op->load.rows[i].period.period;
        row->start = op->load.rows[i].period.start;
        row->generation = op->load.rows[i].generation;
        ngx_memcpy(row->sum, op->load.rows[i].sum, sizeof(row->sum));
    }

    if (ngx_http_llm_call_op(call, LLM_STORE_OFFSETS,
                             ngx_http_llm_known_offsets))
    {
        ngx_http_llm_call_run(call);
    }
}


static void
ngx_http_llm_known_offsets(ngx_http_llm_call_t *call, llm_store_op_t *op)
{
    size_t                      i, n;
    llm_mark_t                 *offsets;
    const llm_store_segment_t  *row;

    offsets = ngx_palloc(call->pool,
                         (op->offsets.nrows + 1) * sizeof(llm_mark_t));
    if (offsets == NULL) {
        ngx_http_llm_call_end(call, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    n = 0;

    for (i = 0; i < op->offsets.nrows; i++) {
        row = &op->offsets.rows[i];

        if (llm_line_segment(row->name.data, row->name.len, &offsets[n].epoch,
                             &offsets[n].number)
            == 0)
        {
            offsets[n++].offset = row->to;
        }
    }

    if (ngx_http_llm_known_add(call, offsets, n) != 0) {
        ngx_http_llm_call_error(call, NGX_HTTP_INSUFFICIENT_STORAGE,
                                "zone_full", NULL, "The zone has no room for "
                                "whom it is about.");
        return;
    }

    ngx_http_llm_known_next(call);
}


/* What was not added is read again; -1: there is no room. */

static int
ngx_http_llm_known_add(ngx_http_llm_call_t *call, const llm_mark_t *offsets,
    size_t n)
{
    llm_room_e            room;
    llm_zone_t           *z;
    llm_kept_type_t      *kept;
    ngx_http_llm_fact_t  *fact;
    ngx_http_llm_zone_t  *zone;

    room = LLM_ROOM_MADE;
    fact = call->data;
    zone = call->api->admin.zone.zone;
    kept = &fact->kept.types[fact->keys[fact->key].type];

    z = ngx_http_llm_zone_lock(zone);

    if (!z->behind
        && llm_zone_marks_state(z) == fact->marks
        && llm_zone_marks_are(z, offsets, n, z->carried > fact->began)
        && !llm_evict_since(z, fact->keys[fact->key].hash, fact->began)
        && (ngx_http_llm_known_state(z, fact) == fact->state
            || fact->tries > NGX_HTTP_LLM_KNOWN_BUSY))
    {
        room = llm_zone_load(z, &zone->clock, &fact->keys[fact->key],
                             kept->periods, kept->nperiods, fact->rows,
                             fact->nrows);
    }

    ngx_http_llm_zone_unlock(zone);

    fact->asked = 0;

    return (room == LLM_ROOM_NONE) ? -1 : 0;
}
