
/*
 * Copyright (C) the llm_quota authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "llm_join.h"
#include "llm_load.h"
#include "llm_others.h"
#include "ngx_http_llm.h"


#define NGX_HTTP_LLM_LOAD_EXACT  2000    /* ms */


/*
 * A subject that the zone does not know is read from the store: its sums, and
 * then the offsets up to which the ledger is in them.  If they are those that
 * the zone has adopted, before and after, the sums are added to the meters;
 * else it is read again a little later.
 *
 * Of a subject that may have been charged by this zone already, which a new
 * limit now needs a meter of, the reading comes after a run of the leader that
 * has carried what was written until the zone knew it, and again if lines of it
 * were written since; what is in flight, or has no line yet, the zone's
 * reservations say, which name it from then on.  Of one who left the zone since
 * the reading began, which he did with something that was settled, it is
 * repeated.
 */


struct ngx_http_llm_load_s {
    ngx_queue_t                  queue;      /* of the quota's */
    ngx_queue_t                  waiting;    /* of ngx_http_llm_ctx_t */
    ngx_http_llm_quota_t        *quota;
    ngx_http_llm_store_task_t   *task;       /* NULL: not begun */

    llm_subject_key_t            key;
    llm_period_t                 periods[LLM_SUBJECT_METERS];
    unsigned                     nperiods;
    unsigned                     nshared;

    uint64_t                     asked;      /* the zone's time */
    uint64_t                     made;       /* likewise, the first time */
    uint64_t                     began;      /* likewise, of the reading */
    uint64_t                     carried;    /* what was in the store then */
    uint64_t                     marks;      /* their state then */
    llm_load_t                  *rows;
    size_t                       nrows;

    unsigned                     after:1;    /* a run that began after it was
                                                asked */
    unsigned                     joined:1;   /* the zone knows it */
    unsigned                     minute:1;
    unsigned                     loaded:1;   /* it waits for what others
                                                have */
};


static void ngx_http_llm_load_begin(ngx_http_llm_load_t *load);
static ngx_uint_t ngx_http_llm_load_is_known(ngx_http_llm_load_t *load);
static void ngx_http_llm_load_read(ngx_http_llm_store_task_t *task);
static ngx_int_t ngx_http_llm_load_keep(ngx_http_llm_load_t *load,
    const llm_store_load_t *from);
static void ngx_http_llm_load_offsets(ngx_http_llm_store_task_t *task);
static ngx_int_t ngx_http_llm_load_add(ngx_http_llm_load_t *load,
    const llm_mark_t *offsets, size_t n);
static ngx_uint_t ngx_http_llm_load_is_early(ngx_http_llm_load_t *load,
    llm_zone_t *z);
static void ngx_http_llm_load_share(ngx_http_llm_load_t *load);
static void ngx_http_llm_load_failed(ngx_http_llm_load_t *load,
    llm_store_status_e status);
static void ngx_http_llm_load_end(ngx_http_llm_load_t *load, ngx_uint_t blind);
static void ngx_http_llm_load_again(ngx_http_llm_load_t *load);
static void ngx_http_llm_load_free(ngx_http_llm_load_t *load);


ngx_http_llm_load_t *
ngx_http_llm_load(ngx_http_llm_quota_t *quota, const llm_ask_t *ask,
    ngx_uint_t i)
{
    llm_zone_t               *z;
    ngx_queue_t              *q;
    ngx_http_llm_load_t      *load;
    const llm_subject_key_t  *key;
    const llm_ask_subject_t  *s;

    s = &ask->subjects[i];
    key = &s->key;

    for (q = ngx_queue_head(&quota->loads);
         q != ngx_queue_sentinel(&quota->loads);
         q = ngx_queue_next(q))
    {
        load = ngx_queue_data(q, ngx_http_llm_load_t, queue);

        if (load->key.hash == key->hash
            && load->key.type == key->type
            && load->key.len == key->len
            && ngx_memcmp(load->key.name, key->name, key->len) == 0)
        {
            return load;
        }
    }

    /* names that clients invent leave some for those who are known */

    if (quota->nloads >= (llm_evict_is_common(key->type)
                          ? NGX_HTTP_LLM_LOADS * 3 / 4 : NGX_HTTP_LLM_LOADS))
    {
        return NULL;
    }

    load = ngx_calloc(sizeof(ngx_http_llm_load_t), ngx_cycle->log);
    if (load == NULL) {
        return NULL;
    }

    load->quota = quota;
    load->key = *key;

    /* those that a limit bears on are shared, and come first */

    if (s->row) {
        ngx_memcpy(load->periods, s->row->periods,
                   s->row->nperiods * sizeof(llm_period_t));
        load->nshared = s->row->nperiods;
        load->minute = s->row->minute;
    }

    load->nperiods = load->nshared;

    if (s->month) {
        load->periods[load->nperiods++] = LLM_PERIOD(LLM_PERIOD_MONTH, 1);
    }

    z = ngx_http_llm_zone_lock(&quota->zone);

    load->made = z->now;
    load->asked = z->now;
    load->after = (quota->reused || z->full
                   || llm_zone_find(z, key) != LLM_NONE
                   || llm_join_is_late(z, key->type));

    ngx_http_llm_zone_unlock(&quota->zone);

    ngx_queue_init(&load->waiting);
    ngx_queue_insert_tail(&quota->loads, &load->queue);
    quota->nloads++;

    ngx_http_llm_load_begin(load);

    return load;
}


void
ngx_http_llm_load_join(ngx_http_llm_load_t *load, ngx_http_llm_ctx_t *ctx)
{
    ngx_queue_insert_tail(&load->waiting, &ctx->queue);
}


/* Where it cannot be yet, the next look will. */

static void
ngx_http_llm_load_begin(ngx_http_llm_load_t *load)
{
    llm_zone_t                 *z;
    const char                 *type;
    llm_store_load_t           *want;
    ngx_http_llm_store_task_t  *task;

    z = load->quota->zone.zone;

    if (load->after
        && (!ngx_http_llm_load_is_known(load) || z->carried <= load->asked))
    {
        return;
    }

    task = ngx_http_llm_store_task(&load->quota->store);
    if (task == NULL) {
        return;
    }

    want = &task->op.load;
    type = llm_subject_name(load->key.type);

    task->op.type = LLM_STORE_LOAD;
    task->handler = ngx_http_llm_load_read;
    task->data = load;

    want->subject.type.data = (u_char *) type;
    want->subject.type.len = ngx_strlen(type);
    want->subject.id.data = load->key.name;
    want->subject.id.len = load->key.len;
    want->now = ngx_time();

    z = ngx_http_llm_zone_lock(&load->quota->zone);

    load->began = z->now;
    load->carried = z->carried;
    load->marks = llm_zone_marks_state(z);

    ngx_http_llm_zone_unlock(&load->quota->zone);

    if (ngx_http_llm_store_post(task) != NGX_OK) {
        ngx_http_llm_store_free(task);
        return;
    }

    load->task = task;
}


/* Where it never can be, there is no room for its meters, either: that is for
   the end to find. */

static ngx_uint_t
ngx_http_llm_load_is_known(ngx_http_llm_load_t *load)
{
    llm_zone_t           *z;
    llm_room_e            made;
    ngx_http_llm_zone_t  *zone;

    if (load->joined) {
        return 1;
    }

    zone = &load->quota->zone;

    z = ngx_http_llm_zone_lock(zone);

    made = llm_join(z, &zone->clock, &load->key);

    if (made == LLM_ROOM_MADE) {
        load->joined = 1;
        load->asked = z->now;
    }

    ngx_http_llm_zone_unlock(zone);

    return made != LLM_ROOM_SOON;
}


static void
ngx_http_llm_load_read(ngx_http_llm_store_task_t *task)
{
    ngx_http_llm_load_t *load = task->data;

    if (task->op.status != LLM_STORE_OK) {
        ngx_http_llm_load_failed(load, task->op.status);
        return;
    }

    if (ngx_http_llm_load_keep(load, &task->op.load) != NGX_OK) {
        ngx_http_llm_load_failed(load, LLM_STORE_NO_MEMORY);
        return;
    }

    ngx_memzero(&task->op.offsets, sizeof(llm_store_offsets_t));

    task->op.type = LLM_STORE_OFFSETS;
    task->handler = ngx_http_llm_load_offsets;

    if (ngx_http_llm_store_post(task) != NGX_OK) {
        ngx_http_llm_load_again(load);
    }
}


static ngx_int_t
ngx_http_llm_load_keep(ngx_http_llm_load_t *load, const llm_store_load_t *from)
{
    size_t       i;
    ngx_uint_t   k;
    llm_load_t  *row;

    load->rows = ngx_alloc((from->nrows + 1) * sizeof(llm_load_t),
                           ngx_cycle->log);
    if (load->rows == NULL) {
        return NGX_ERROR;
    }

    load->nrows = from->nrows;

    for (i = 0; i < from->nrows; i++) {
        row = &load->rows[i];

        row->period = from->rows[i].period.period;
        row->start = from->rows[i].period.start;
        row->generation = from->rows[i].generation;

        for (k = 0; k < LLM_COUNTS; k++) {
            row->sum[k] = from->rows[i].sum[k];
        }
    }

    return NGX_OK;
}


static void
ngx_http_llm_load_offsets(ngx_http_llm_store_task_t *task)
{
    ngx_http_llm_load_t *load = task->data;

    size_t                      i, n;
    ngx_int_t                   rc;
    llm_mark_t                 *offsets;
    const llm_store_segment_t  *row;

    if (task->op.status != LLM_STORE_OK) {
        ngx_http_llm_load_failed(load, task->op.status);
        return;
    }

    offsets = ngx_alloc((task->op.offsets.nrows + 1) * sizeof(llm_mark_t),
                        ngx_cycle->log);
    if (offsets == NULL) {
        ngx_http_llm_load_failed(load, LLM_STORE_NO_MEMORY);
        return;
    }

    n = 0;

    for (i = 0; i < task->op.offsets.nrows; i++) {
        row = &task->op.offsets.rows[i];

        if (llm_line_segment(row->name.data, row->name.len, &offsets[n].epoch,
                             &offsets[n].number)
            == 0)
        {
            offsets[n++].offset = row->to;
        }
    }

    rc = ngx_http_llm_load_add(load, offsets, n);

    ngx_free(offsets);

    switch (rc) {

    case NGX_OK:
        ngx_http_llm_load_share(load);
        return;

    case NGX_AGAIN:
        ngx_http_llm_load_again(load);
        return;

    default: /* NGX_ERROR: there is no room */
        ngx_http_llm_load_end(load, 1);
    }
}


static ngx_int_t
ngx_http_llm_load_add(ngx_http_llm_load_t *load, const llm_mark_t *offsets,
    size_t n)
{
    ngx_int_t             rc;
    llm_zone_t           *z;
    ngx_http_llm_zone_t  *zone;

    zone = &load->quota->zone;
    rc = NGX_AGAIN;

    z = ngx_http_llm_zone_lock(zone);

    if (!z->behind
        && !llm_evict_since(z, load->key.hash, load->began)
        && llm_zone_marks_state(z) == load->marks
        && llm_zone_marks_are(z, offsets, n, z->carried > load->began)
        && !ngx_http_llm_load_is_early(load, z))
    {
        switch (llm_zone_load(z, &zone->clock, &load->key, load->periods,
                              load->nperiods, load->rows, load->nrows))
        {

        case LLM_ROOM_MADE:
            rc = NGX_OK;
            break;

        case LLM_ROOM_SOON:
            break;

        default: /* LLM_ROOM_NONE */
            rc = NGX_ERROR;
        }
    }

    ngx_http_llm_zone_unlock(zone);

    return rc;
}


/* Who had to leave meanwhile comes to be known once more.  Of a subject whose
   requests end one after another there may be no such moment: some of its lines
   are then missing rather than that it waits on. */

static ngx_uint_t
ngx_http_llm_load_is_early(ngx_http_llm_load_t *load, llm_zone_t *z)
{
    if (load->joined && llm_zone_find(z, &load->key) == LLM_NONE) {
        load->joined = 0;
        return 1;
    }

    if (z->now - load->made >= NGX_HTTP_LLM_LOAD_EXACT
        || !llm_zone_load_lacks(z, &load->key, load->periods, load->nperiods,
                                load->carried))
    {
        return 0;
    }

    load->after = 1;
    load->asked = z->now;

    return 1;
}


/* What others have of it, if there are any: the leader asks them, and the next
   look finds it. */

static void
ngx_http_llm_load_share(ngx_http_llm_load_t *load)
{
    int          known;
    llm_zone_t  *z;

    z = ngx_http_llm_zone_lock(&load->quota->zone);

    known = llm_others_want(z, &load->key, load->periods, load->nshared,
                            load->minute, !load->loaded);

    ngx_http_llm_zone_unlock(&load->quota->zone);

    if (known) {
        ngx_http_llm_load_end(load, known == -1);
        return;
    }

    load->loaded = 1;
    load->task = NULL;
}


/* What the leader will mend, or somebody else will give free, is tried again
   for as long as its requests wait. */

static void
ngx_http_llm_load_failed(ngx_http_llm_load_t *load, llm_store_status_e status)
{
    llm_zone_t  *z;

    switch (status) {

    case LLM_STORE_ABSENT:
    case LLM_STORE_DAMAGED:

        /* the leader may not have met it: it has pages in memory */

        z = ngx_http_llm_zone_lock(&load->quota->zone);
        z->damaged = 1;
        ngx_http_llm_zone_unlock(&load->quota->zone);

        /* fall through */

    case LLM_STORE_BUSY:
    case LLM_STORE_GONE:
    case LLM_STORE_CLOSED:

        ngx_http_llm_load_again(load);
        return;

    default:
        ngx_http_llm_load_end(load, 1);
    }
}


static void
ngx_http_llm_load_end(ngx_http_llm_load_t *load, ngx_uint_t blind)
{
    ngx_queue_t  waiting;

    load->task = NULL;

    /* those that need another load of the same subject make a new one */

    ngx_queue_init(&waiting);

    if (!ngx_queue_empty(&load->waiting)) {
        ngx_queue_add(&waiting, &load->waiting);
        ngx_queue_init(&load->waiting);
    }

    ngx_http_llm_load_free(load);

    (void) ngx_http_llm_wait_resume(&waiting, NGX_MAX_UINT32_VALUE, blind);
}


static void
ngx_http_llm_load_again(ngx_http_llm_load_t *load)
{
    load->task = NULL;

    if (load->rows) {
        ngx_free(load->rows);
        load->rows = NULL;
    }
}


static void
ngx_http_llm_load_free(ngx_http_llm_load_t *load)
{
    if (load->rows) {
        ngx_free(load->rows);
    }

    ngx_queue_remove(&load->queue);
    load->quota->nloads--;

    ngx_free(load);
}


void
ngx_http_llm_loads_check(ngx_http_llm_quota_t *quota)
{
    ngx_uint_t            away;
    ngx_queue_t          *q, *next, *w, expired;
    ngx_http_llm_ctx_t   *ctx;
    ngx_http_llm_load_t  *load;

    ngx_queue_init(&expired);
    away = quota->zone.zone->away;

    for (q = ngx_queue_head(&quota->loads);
         q != ngx_queue_sentinel(&quota->loads);
         q = next)
    {
        next = ngx_queue_next(q);
        load = ngx_queue_data(q, ngx_http_llm_load_t, queue);

        for (w = ngx_queue_head(&load->waiting);
             w != ngx_queue_sentinel(&load->waiting);
             w = ngx_queue_next(w))
        {
            ctx = ngx_queue_data(w, ngx_http_llm_ctx_t, queue);

            if ((away && load->task == NULL)
                || ngx_current_msec - ctx->waited >= NGX_HTTP_LLM_WAIT)
            {
                w = ngx_queue_prev(w);
                ngx_queue_remove(&ctx->queue);
                ngx_queue_insert_tail(&expired, &ctx->queue);
            }
        }

        if (load->task) {
            continue;
        }

        if (ngx_queue_empty(&load->waiting)) {
            ngx_http_llm_load_free(load);

        } else if (load->loaded) {
            ngx_http_llm_load_share(load);

        } else {
            ngx_http_llm_load_begin(load);
        }
    }

    (void) ngx_http_llm_wait_resume(&expired, NGX_MAX_UINT32_VALUE, 1);
}


void
ngx_http_llm_loads_free(ngx_http_llm_quota_t *quota)
{
    ngx_queue_t          *q;
    ngx_http_llm_load_t  *load;

    while (!ngx_queue_empty(&quota->loads)) {
        q = ngx_queue_head(&quota->loads);
        load = ngx_queue_data(q, ngx_http_llm_load_t, queue);

        if (load->task) {
            ngx_http_llm_store_cancel(load->task);
        }

        ngx_http_llm_load_free(load);
    }
}
