
/*
 * Copyright (C) the llm_quota authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "llm_carry.h"
#include "llm_pending.h"
#include "ngx_http_llm_leader.h"


/*
 * Answers made in the background that only the store knows to be pending are
 * charged here: what they were seen to have used, or what was expected of them
 * once they have expired.
 *
 * Exactly once: what this zone's requests left pending nobody else charges.
 * What others' did is charged when no other zone has lived for two looks, and
 * a run between them has carried all that such a zone had written.  What was
 * charged here is known to the zone until the store has the charge.
 */


#define NGX_HTTP_LLM_DUE  64         /* at once; the next look has more */


static void ngx_http_llm_due_read(ngx_http_llm_store_task_t *task);
static void ngx_http_llm_due_charge(ngx_http_llm_leader_t *leader,
    const llm_store_pending_t *due);
static ngx_int_t ngx_http_llm_due_row(ngx_http_llm_leader_t *leader,
    const llm_store_pending_t *due, llm_entry_t *e, llm_pending_row_t *row,
    llm_settlement_t *settlement);
static ngx_int_t ngx_http_llm_due_names(const llm_entry_t *e,
    llm_pending_row_t *row);
static void ngx_http_llm_due_keys(ngx_http_llm_leader_t *leader,
    const llm_entry_t *e, llm_pending_row_t *row);
static void ngx_http_llm_due_key(ngx_http_llm_leader_t *leader,
    llm_pending_row_t *row, llm_subject_type_e type,
    const llm_line_text_t *first, const llm_line_text_t *second);
static ngx_int_t ngx_http_llm_due_seen(const llm_store_text_t *line,
    llm_entry_t *e, llm_settlement_t *s, llm_line_t *answer);


void
ngx_http_llm_due_look(ngx_http_llm_leader_t *leader)
{
    llm_zone_t                 *z;
    ngx_uint_t                  all;
    llm_store_due_t            *due;
    ngx_http_llm_store_task_t  *task;

    z = leader->conf.zone->zone;

    all = 0;

    if (!ngx_http_llm_ledger_is_alone(leader->conf.ledger)) {
        leader->alone = 0;

    } else if (leader->alone++) {
        all = 1;
    }

    /* a zone's last lines are carried when the second look at its end comes;
       from the third on nothing comes of which this zone does not know */

    if (leader->alone > 2) {
        leader->alone = 2;

        if (!llm_pending_elsewhere(z)) {
            return;
        }
    }

    if (leader->due) {
        return;
    }

    task = ngx_http_llm_store_task(leader->conf.store);
    if (task == NULL) {
        return;
    }

    due = &task->op.due;

    task->op.type = LLM_STORE_PENDING_DUE;
    task->handler = ngx_http_llm_due_read;
    task->data = leader;

    due->now = ngx_time();
    due->epoch = (int64_t) z->epoch;
    due->all = all;
    due->max = NGX_HTTP_LLM_DUE;

    if (ngx_http_llm_store_post(task) != NGX_OK) {
        ngx_http_llm_store_free(task);
        return;
    }

    leader->due = task;
    leader->due_carried = z->carried;
}


void
ngx_http_llm_due_stop(ngx_http_llm_leader_t *leader)
{
    if (leader->due) {
        ngx_http_llm_store_cancel(leader->due);
        leader->due = NULL;
    }
}


static void
ngx_http_llm_due_read(ngx_http_llm_store_task_t *task)
{
    ngx_http_llm_leader_t *leader = task->data;

    size_t            i;
    llm_zone_t       *z;
    llm_store_due_t  *due;

    leader->due = NULL;

    if (task->op.status != LLM_STORE_OK
        || ngx_http_llm_leader_retired(leader))
    {
        return;
    }

    due = &task->op.due;

    z = ngx_http_llm_zone_lock(leader->conf.zone);

    z->pending_others = (uint32_t) ngx_min(due->others, NGX_MAX_INT32_VALUE);
    z->pending_known = 1;

    ngx_http_llm_zone_unlock(leader->conf.zone);

    for (i = 0; i < due->nrows; i++) {
        ngx_http_llm_due_charge(leader, &due->rows[i]);
    }
}


static void
ngx_http_llm_due_charge(ngx_http_llm_leader_t *leader,
    const llm_store_pending_t *due)
{
    llm_line_t           answer;
    llm_zone_t          *z;
    llm_index_t          i;
    llm_settlement_t     settlement;
    llm_pending_row_t    row;
    static llm_entry_t   entry, seen;

    ngx_memzero(&answer, sizeof(llm_line_t));

    if (ngx_http_llm_due_row(leader, due, &entry, &row, &settlement) != NGX_OK
        || (row.seen
            && ngx_http_llm_due_seen(&due->seen, &seen, &settlement, &answer)
               != NGX_OK))
    {
        ngx_log_error(NGX_LOG_ERR, leader->cycle->log, 0,
                      "llm_quota store of zone \"%V\" has an answer \"%*s\" "
                      "that is pending and cannot be read", leader->conf.name,
                      due->id.len, due->id.data);
        return;
    }

    i = LLM_NONE;

    z = ngx_http_llm_zone_lock(leader->conf.zone);

    /* of what has left the zone since the store was brought up to date it may
       not know that it is charged */

    if (z->pending_charged < leader->due_carried) {
        i = llm_pending_restore(z, &leader->conf.zone->clock, &row,
                                leader->conf.zone->worker, &settlement);
    }

    ngx_http_llm_zone_unlock(leader->conf.zone);

    if (i != LLM_NONE) {
        leader->conf.charge(leader->conf.data, i, &answer);
    }
}


/* What row points to is the entry's, and due's. */

static ngx_int_t
ngx_http_llm_due_row(ngx_http_llm_leader_t *leader,
    const llm_store_pending_t *due, llm_entry_t *e, llm_pending_row_t *row,
    llm_settlement_t *settlement)
{
    int64_t        expected[LLM_COUNTS];
    ngx_time_t    *tp;
    const u_char  *p;

    ngx_memzero(settlement, sizeof(llm_settlement_t));

    tp = ngx_timeofday();
    settlement->timestamp = (int64_t) tp->sec * 1000 + tp->msec;

    p = due->line.data;

    if (due->id.len > LLM_PENDING_ID
        || llm_line_read(&p, p + due->line.len, e) != LLM_LINE_OK
        || !e->usage
        || ngx_http_llm_due_names(e, row) != NGX_OK)
    {
        return NGX_ERROR;
    }

    row->id = due->id.data;
    row->id_len = due->id.len;
    row->epoch = e->epoch;
    row->number = e->number;
    row->started = e->started;
    row->seen = (due->seen.data != NULL);

    ngx_http_llm_due_keys(leader, e, row);

    if (!row->seen) {
        expected[LLM_COUNT_INPUT] = e->count[LLM_ENTRY_EXPECTED_INPUT];
        expected[LLM_COUNT_OUTPUT] = e->count[LLM_ENTRY_EXPECTED_OUTPUT];
        expected[LLM_COUNT_COST] = e->expected_cost;

        llm_settle_expected(expected, e->started, settlement);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_due_names(const llm_entry_t *e, llm_pending_row_t *row)
{
    size_t                  len;
    llm_name_e              n;
    const llm_line_text_t  *text;

    static const llm_entry_text_e  names[LLM_NAMES] = {
        [LLM_NAME_TEAM] = LLM_ENTRY_TEAM,
        [LLM_NAME_USER] = LLM_ENTRY_USER,
        [LLM_NAME_CUSTOMER] = LLM_ENTRY_CUSTOMER,
        [LLM_NAME_KEY] = LLM_ENTRY_KEY,
        [LLM_NAME_MODEL] = LLM_ENTRY_MODEL,
        [LLM_NAME_REQUEST] = LLM_ENTRY_REQUEST
    };

    len = 0;

    for (n = 0; n < LLM_NAMES; n++) {
        text = &e->text[names[n]];
        len += text->len;

        if (len > LLM_RECORD_TEXT) {
            return NGX_ERROR;
        }

        row->name[n] = text->data;
        row->len[n] = text->len;
    }

    return NGX_OK;
}


/* Those whom limits may bear on: of others nothing is kept. */

static void
ngx_http_llm_due_keys(ngx_http_llm_leader_t *leader, const llm_entry_t *e,
    llm_pending_row_t *row)
{
    unsigned                type, i;
    const llm_line_text_t  *first, *second;

    row->nkeys = 0;

    for (type = 0; type < LLM_SUBJECT_TYPES; type++) {
        if (llm_carry_names(e->text, type, &first, &second)) {
            ngx_http_llm_due_key(leader, row, type, first, second);
        }
    }

    for (i = 0; i < e->ntags; i++) {
        ngx_http_llm_due_key(leader, row, LLM_SUBJECT_TAG, &e->tag[i], NULL);
    }
}


static void
ngx_http_llm_due_key(ngx_http_llm_leader_t *leader, llm_pending_row_t *row,
    llm_subject_type_e type, const llm_line_text_t *first,
    const llm_line_text_t *second)
{
    const llm_kept_type_t  *kept;

    kept = &leader->kept.types[type];

    if ((kept->nperiods || kept->minute)
        && row->nkeys < LLM_SUBJECTS
        && llm_zone_key(leader->conf.zone->zone, &row->keys[row->nkeys], type,
                        first ? first->data : NULL, first ? first->len : 0,
                        second ? second->data : NULL, second ? second->len : 0)
           == 0)
    {
        row->nkeys++;
    }
}


static ngx_int_t
ngx_http_llm_due_seen(const llm_store_text_t *line, llm_entry_t *e,
    llm_settlement_t *s, llm_line_t *answer)
{
    const u_char           *p;
    const llm_line_text_t  *source;

    p = line->data;

    if (llm_line_read(&p, p + line->len, e) != LLM_LINE_OK || !e->usage) {
        return NGX_ERROR;
    }

    s->usage.input = e->count[LLM_ENTRY_INPUT];
    s->usage.output = e->count[LLM_ENTRY_OUTPUT];
    s->usage.cached_read = e->count[LLM_ENTRY_CACHED];
    s->usage.cache_write_5m = e->count[LLM_ENTRY_CACHE_WRITE];
    s->usage.reasoning = e->count[LLM_ENTRY_REASONING];
    s->usage.cost = -1;
    s->window_input = e->count[LLM_ENTRY_COUNTED];
    s->cost = e->cost;
    s->status = e->count[LLM_ENTRY_STATUS];
    s->stream = e->stream;

    answer->upstream_id = e->text[LLM_ENTRY_UPSTREAM];
    answer->response_model = e->text[LLM_ENTRY_RESPONSE_MODEL];
    answer->price_id = e->text[LLM_ENTRY_PRICE];

    source = &e->text[LLM_ENTRY_SOURCE];
    s->source = LLM_SOURCE_NONE;

    if (source->len == sizeof("upstream") - 1
        && ngx_memcmp(source->data, "upstream", source->len) == 0)
    {
        s->source = LLM_SOURCE_UPSTREAM;
    }

    if (source->len == sizeof("estimated") - 1
        && ngx_memcmp(source->data, "estimated", source->len) == 0)
    {
        s->source = LLM_SOURCE_ESTIMATED;
    }

    return NGX_OK;
}
