
/*
 * Copyright (C) the llm_quota authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "llm_fact.h"
#include "ngx_http_llm.h"


/*
 * From a settled reservation to its line in the ledger.  The reservation is
 * freed once the line is written.  While the ledger cannot be written
 * reservations are kept as they are: each has all that its line needs but what
 * the answer said of itself, and the zone has them also when a worker dies.
 * When too many are kept, those of the same names become one, whose line is an
 * aggregate.
 */


#define NGX_HTTP_LLM_MERGE_STEP  64      /* reservations under one lock */

#define NGX_HTTP_LLM_FACT        0x80000000  /* among those unwritten: a slot
                                                of a fact */
#define NGX_HTTP_LLM_NOTE        LLM_NONE    /* nothing stands behind it */


_Static_assert(LLM_PENDING_ID <= LLM_LINE_PENDING_ID,
               "a line has no room for the id of what is pending");

_Static_assert(LLM_FACT_LINE == LLM_FACT_MAX && LLM_FACT_MAX < LLM_LINE_MAX,
               "a slot has no room for a line, or the ledger has none");


static void ngx_http_llm_print_line(ngx_http_llm_quota_t *quota,
    llm_index_t i, uint64_t id, const llm_settlement_t *s, llm_line_t *line);
static void ngx_http_llm_line_tags(llm_line_t *line, llm_zone_t *z,
    llm_index_t i);
static void ngx_http_llm_line_settled(const llm_settlement_t *s,
    llm_line_t *line);
static void ngx_http_llm_line_pending(ngx_http_llm_quota_t *quota,
    const llm_reservation_t *r, llm_line_t *line);
static void ngx_http_llm_print_record(ngx_http_llm_quota_t *quota,
    llm_index_t i, const llm_line_t *answer, const llm_line_text_t *labels);
static void ngx_http_llm_keep(ngx_http_llm_quota_t *quota, llm_index_t i,
    const llm_line_text_t *labels);
static void ngx_http_llm_merge_kept(ngx_http_llm_quota_t *quota);
static uint32_t *ngx_http_llm_merge_slot(llm_zone_t *z,
    const ngx_http_llm_kept_t *kept, uint32_t *table, ngx_uint_t mask,
    llm_index_t added);
static void ngx_http_llm_merge_labels(ngx_http_llm_kept_t *into,
    ngx_http_llm_kept_t *kept);
static void ngx_http_llm_free_kept(ngx_http_llm_kept_t *kept);
static ngx_uint_t ngx_http_llm_same_names(const llm_reservation_t *a,
    const llm_reservation_t *b);
static size_t ngx_http_llm_names_len(const llm_reservation_t *r);
static void ngx_http_llm_line_answer(ngx_http_llm_ctx_t *ctx,
    llm_line_t *line);
static void ngx_http_llm_line_text(llm_line_text_t *text, ngx_str_t *value);


void
ngx_http_llm_write_line(ngx_http_llm_ctx_t *ctx)
{
    llm_line_t  line;

    ngx_http_llm_line_answer(ctx, &line);
    ngx_http_llm_line_text(&line.request_id, &ctx->request_id);
    ngx_http_llm_line_text(&line.team, &ctx->team);
    ngx_http_llm_line_text(&line.user, &ctx->user);
    ngx_http_llm_line_text(&line.customer, &ctx->customer);
    ngx_http_llm_line_text(&line.key, &ctx->key_id);
    ngx_http_llm_line_text(&line.model, &ctx->model);
    ngx_http_llm_line_text(&line.labels, &ctx->labels);

    ctx->settlement.requests = 1;

    ngx_http_llm_print_line(ctx->quota, ctx->verdict.reservation,
                            ctx->verdict.id, &ctx->settlement, &line);
}


static void
ngx_http_llm_line_text(llm_line_text_t *text, ngx_str_t *value)
{
    text->len = value->len;
    text->data = value->data;
}


void
ngx_http_llm_write_record(ngx_http_llm_quota_t *quota, llm_index_t i,
    const llm_line_t *answer)
{
    ngx_http_llm_print_record(quota, i, answer, NULL);
}


static void
ngx_http_llm_print_record(ngx_http_llm_quota_t *quota, llm_index_t i,
    const llm_line_t *answer, const llm_line_text_t *labels)
{
    u_char             *p;
    ngx_uint_t          n;
    llm_line_t          line;
    llm_line_text_t    *texts[LLM_NAMES];
    llm_reservation_t  *r;

    r = llm_zone_reservation(quota->zone.zone, i);

    ngx_memzero(&line, sizeof(llm_line_t));

    texts[LLM_NAME_TEAM] = &line.team;
    texts[LLM_NAME_USER] = &line.user;
    texts[LLM_NAME_CUSTOMER] = &line.customer;
    texts[LLM_NAME_KEY] = &line.key;
    texts[LLM_NAME_MODEL] = &line.model;
    texts[LLM_NAME_REQUEST] = &line.request_id;

    p = r->text;

    for (n = 0; n < LLM_NAMES; n++) {
        texts[n]->data = p;
        texts[n]->len = r->len[n];
        p += r->len[n];
    }

    if (r->settlement.requests > 1) {
        line.request_id.len = 0;
    }

    if (labels) {
        line.labels = *labels;
    }

    if (answer) {
        line.upstream_id = answer->upstream_id;
        line.response_model = answer->response_model;
        line.price_id = answer->price_id;
    }

    ngx_http_llm_print_line(quota, i, r->id, &r->settlement, &line);
}


static void
ngx_http_llm_print_line(ngx_http_llm_quota_t *quota, llm_index_t i,
    uint64_t id, const llm_settlement_t *s, llm_line_t *line)
{
    llm_index_t        *index;
    llm_reservation_t  *r;

    if (quota->ledger.failing) {
        ngx_http_llm_keep(quota, i, &line->labels);
        return;
    }

    r = llm_zone_reservation(quota->zone.zone, i);

    line->epoch = quota->zone.zone->epoch;
    line->number = id;
    line->of = r->of;
    line->of_epoch = r->of_epoch;

    ngx_http_llm_line_settled(s, line);
    ngx_http_llm_line_pending(quota, r, line);

    ngx_http_llm_line_tags(line, quota->zone.zone, i);

    index = ngx_array_push(&quota->unwritten);

    if (index == NULL) {
        return;
    }

    *index = i;

    if (ngx_http_llm_ledger_append(&quota->ledger, line) != NGX_OK) {
        quota->unwritten.nelts--;
        ngx_http_llm_keep(quota, i, &line->labels);
    }
}


/* Of a reservation's subjects, which stay while it does. */

static void
ngx_http_llm_line_tags(llm_line_t *line, llm_zone_t *z, llm_index_t i)
{
    uint32_t            n;
    llm_subject_t      *s;
    llm_line_text_t    *tag;
    llm_reservation_t  *r;

    r = llm_zone_reservation(z, i);

    line->ntags = 0;

    for (n = 0; n < r->nsubjects && line->ntags < LLM_LINE_TAGS; n++) {
        s = llm_zone_subject(z, r->subjects[n]);

        if (s->type == LLM_SUBJECT_TAG) {
            tag = &line->tags[line->ntags++];
            tag->data = s->name;
            tag->len = s->len;
        }
    }
}


static void
ngx_http_llm_line_settled(const llm_settlement_t *s, llm_line_t *line)
{
    line->timestamp = s->timestamp;
    line->started = s->timestamp - s->duration;
    line->duration = s->duration;
    line->usage = &s->usage;
    line->cost = s->cost;
    line->requests = s->requests;
    line->counted = s->window_input;
    line->status = s->status;
    line->source = (s->requests > 1) ? "aggregate"
                                     : ngx_http_llm_source_name(s->source);
    line->stream = s->stream;
}


/* The text is this worker's until its next line. */

static void
ngx_http_llm_line_pending(ngx_http_llm_quota_t *quota,
    const llm_reservation_t *r, llm_line_t *line)
{
    llm_line_pending_t    *pending;
    static llm_pending_t   record;

    pending = &line->pending;

    ngx_memzero(pending, sizeof(llm_line_pending_t));

    /* most have none */

    if (r->pending == LLM_NONE) {
        return;
    }

    record = *llm_zone_pending(ngx_http_llm_zone_lock(&quota->zone),
                               r->pending);
    ngx_http_llm_zone_unlock(&quota->zone);

    if (!llm_pending_is_of(&record, r)) {
        return;
    }

    pending->id.data = record.id;
    pending->id.len = record.id_len;

    if (r->of == 0) {
        pending->expected = 1;
        pending->tier = record.tier;
        pending->input = record.expected[LLM_COUNT_INPUT];
        pending->output = record.expected[LLM_COUNT_OUTPUT];
        pending->cost = record.expected[LLM_COUNT_COST];
    }
}


void
ngx_http_llm_answer_line(ngx_http_llm_ctx_t *ctx, llm_line_t *line)
{
    ngx_memzero(line, sizeof(llm_line_t));

    ngx_http_llm_line_settled(&ctx->settlement, line);
    ngx_http_llm_line_answer(ctx, line);
}


static void
ngx_http_llm_line_answer(ngx_http_llm_ctx_t *ctx, llm_line_t *line)
{
    ngx_http_llm_line_text(&line->upstream_id, &ctx->upstream_id);
    ngx_http_llm_line_text(&line->response_model, &ctx->response_model);
    ngx_http_llm_line_text(&line->price_id, &ctx->price_id);
}


/* What cannot be appended is anybody's to write: the sweep comes by. */

void
ngx_http_llm_write_fact(ngx_http_llm_quota_t *quota, llm_index_t i)
{
    llm_fact_t   *fact;
    llm_index_t  *index;

    fact = llm_zone_fact(quota->zone.zone, i);

    index = ngx_array_push(&quota->unwritten);

    if (index) {
        *index = i | NGX_HTTP_LLM_FACT;

        if (ngx_http_llm_ledger_append_text(&quota->ledger, fact->line,
                                            fact->len)
            == NGX_OK)
        {
            ngx_http_llm_ledger_flush(&quota->ledger);
            return;
        }

        quota->unwritten.nelts--;
    }

    (void) ngx_http_llm_zone_lock(&quota->zone);
    llm_fact_take(quota->zone.zone, i, LLM_NONE);
    ngx_http_llm_zone_unlock(&quota->zone);
}


void
ngx_http_llm_write_note(void *data, const u_char *line, size_t len)
{
    ngx_http_llm_quota_t *quota = data;

    llm_index_t  *index;

    index = ngx_array_push(&quota->unwritten);
    if (index == NULL) {
        return;
    }

    *index = NGX_HTTP_LLM_NOTE;

    if (ngx_http_llm_ledger_append_text(&quota->ledger, line, len) != NGX_OK) {
        quota->unwritten.nelts--;
    }
}


/* Labels are this worker's alone: who writes its lines after it has died has
   none, and no more has a worker without memory. */

static void
ngx_http_llm_keep(ngx_http_llm_quota_t *quota, llm_index_t i,
    const llm_line_text_t *labels)
{
    u_char               *copy;
    llm_zone_t           *z;
    ngx_http_llm_kept_t  *kept;

    kept = ngx_array_push(&quota->kept);

    if (kept == NULL) {
        return;
    }

    ngx_memzero(kept, sizeof(ngx_http_llm_kept_t));

    kept->index = i;

    if (labels->len) {
        copy = ngx_alloc(labels->len, ngx_cycle->log);

        if (copy) {
            ngx_memcpy(copy, labels->data, labels->len);

            kept->labels.data = copy;
            kept->labels.len = labels->len;
        }
    }

    z = quota->zone.zone;

    if (z->reservations_left < z->nreservations / 2
        && quota->kept.nelts >= 2 * quota->merged + z->nreservations / 8)
    {
        ngx_http_llm_merge_kept(quota);
    }
}


/*
 * A kept reservation is settled and this worker's: nobody else changes it, so
 * the lock may be given back between two steps.
 */

static void
ngx_http_llm_merge_kept(ngx_http_llm_quota_t *quota)
{
    uint32_t             *table, *slot;
    llm_zone_t           *z;
    ngx_uint_t            i, n, size;
    ngx_http_llm_kept_t  *kept;

    for (size = 64; size < 2 * quota->kept.nelts; size *= 2) {
        /* void */
    }

    table = ngx_alloc(size * sizeof(uint32_t), ngx_cycle->log);
    if (table == NULL) {
        return;
    }

    ngx_memset(table, 0xff, size * sizeof(uint32_t));

    kept = quota->kept.elts;
    n = 0;

    z = ngx_http_llm_zone_lock(&quota->zone);

    for (i = 0; i < quota->kept.nelts; i++) {

        if (i && i % NGX_HTTP_LLM_MERGE_STEP == 0) {
            ngx_http_llm_zone_unlock(&quota->zone);
            z = ngx_http_llm_zone_lock(&quota->zone);
        }

        slot = ngx_http_llm_merge_slot(z, kept, table, size - 1,
                                       kept[i].index);

        if (*slot == LLM_NONE) {
            *slot = n;
            kept[n++] = kept[i];
            continue;
        }

        llm_merge_settled(z, kept[*slot].index, kept[i].index);
        ngx_http_llm_merge_labels(&kept[*slot], &kept[i]);
    }

    ngx_http_llm_zone_unlock(&quota->zone);

    quota->kept.nelts = n;
    quota->merged = n;

    ngx_free(table);
}


/* Where the place among the kept stands of who has the same names. */

static uint32_t *
ngx_http_llm_merge_slot(llm_zone_t *z, const ngx_http_llm_kept_t *kept,
    uint32_t *table, ngx_uint_t mask, llm_index_t added)
{
    ngx_uint_t          i;
    llm_reservation_t  *r;

    r = llm_zone_reservation(z, added);

    i = ngx_murmur_hash2((u_char *) r->text, ngx_http_llm_names_len(r));

    for ( ;; ) {
        i &= mask;

        if (table[i] == LLM_NONE) {
            return &table[i];
        }

        if (ngx_http_llm_same_names(llm_zone_reservation(z,
                                                    kept[table[i]].index), r))
        {
            return &table[i];
        }

        i++;
    }
}


/* Labels may be as many as requests, the zone's room is not: an aggregate has
   those that all of it have. */

static void
ngx_http_llm_merge_labels(ngx_http_llm_kept_t *into,
    ngx_http_llm_kept_t *kept)
{
    if (into->labels.len
        && (into->labels.len != kept->labels.len
            || ngx_memcmp(into->labels.data, kept->labels.data,
                          into->labels.len)
               != 0))
    {
        ngx_http_llm_free_kept(into);
    }

    ngx_http_llm_free_kept(kept);
}


static void
ngx_http_llm_free_kept(ngx_http_llm_kept_t *kept)
{
    if (kept->labels.len) {
        ngx_free((void *) kept->labels.data);
        kept->labels.len = 0;
    }
}


void
ngx_http_llm_forget_kept(ngx_http_llm_quota_t *quota)
{
    ngx_uint_t            i;
    ngx_http_llm_kept_t  *kept;

    kept = quota->kept.elts;

    for (i = 0; i < quota->kept.nelts; i++) {
        ngx_http_llm_free_kept(&kept[i]);
    }

    quota->kept.nelts = 0;
}


static ngx_uint_t
ngx_http_llm_same_names(const llm_reservation_t *a, const llm_reservation_t *b)
{
    return a->pending == LLM_NONE
           && b->pending == LLM_NONE
           && a->of == b->of
           && a->nsubjects == b->nsubjects
           && ngx_memcmp(a->subjects, b->subjects,
                         a->nsubjects * sizeof(llm_index_t))
              == 0
           && ngx_memcmp(a->len, b->len, LLM_NAME_REQUEST * sizeof(uint16_t))
              == 0
           && ngx_memcmp(a->text, b->text, ngx_http_llm_names_len(a)) == 0;
}


/* Of all names but the request's, which is the last and never the same. */

static size_t
ngx_http_llm_names_len(const llm_reservation_t *r)
{
    size_t      len;
    ngx_uint_t  i;

    len = 0;

    for (i = 0; i < LLM_NAME_REQUEST; i++) {
        len += r->len[i];
    }

    return len;
}


/* Their lines are written: the reservations may go, and kept ones follow. */

void
ngx_http_llm_lines_written(void *data, ngx_uint_t lines)
{
    ngx_http_llm_quota_t *quota = data;

    ngx_uint_t            i;
    llm_zone_t           *z;
    llm_index_t          *index;
    ngx_http_llm_kept_t  *kept, last;

    index = quota->unwritten.elts;

    z = ngx_http_llm_zone_lock(&quota->zone);

    for (i = 0; i < lines; i++) {

        if (index[i] == NGX_HTTP_LLM_NOTE) {
            continue;
        }

        if (index[i] & NGX_HTTP_LLM_FACT) {
            llm_fact_free(z, index[i] & ~NGX_HTTP_LLM_FACT);

        } else {
            llm_zone_free_reservation(z, index[i]);
        }
    }

    ngx_http_llm_zone_unlock(&quota->zone);

    quota->unwritten.nelts -= lines;

    ngx_memmove(index, &index[lines],
                quota->unwritten.nelts * sizeof(llm_index_t));

    while (quota->kept.nelts
           && !quota->ledger.failing
           && ngx_http_llm_ledger_has_room(&quota->ledger))
    {
        quota->merged = 0;
        quota->kept.nelts--;

        kept = (ngx_http_llm_kept_t *) quota->kept.elts + quota->kept.nelts;
        last = *kept;

        ngx_http_llm_print_record(quota, last.index, NULL, &last.labels);
        ngx_http_llm_free_kept(&last);
    }
}
