
/*
 * Copyright (C) the llm_quota authors
 */


#include "ngx_http_llm_api_calls.h"


/*
 * Lists: entities of some kinds, or those that refer to one, page by page of
 * the store.  A page is read, its rows are shown, and what was written goes to
 * the client before the next page is asked for: so neither the time in the
 * event loop nor the memory grows with the list.  What is numbered in pages
 * has a total, for which the rest is counted.  Teams of the configuration come
 * after those of the store.
 */


#define NGX_HTTP_LLM_LIST_ROWS   100         /* of one page of the store */
#define NGX_HTTP_LLM_LIST_COUNT  2000        /* likewise, to be counted */


static void ngx_http_llm_list_read(ngx_http_llm_call_t *call);
static void ngx_http_llm_list_page(ngx_http_llm_call_t *call,
    llm_store_op_t *op);
static ngx_int_t ngx_http_llm_list_keep(ngx_http_llm_call_t *call,
    ngx_http_llm_list_t *list, const llm_store_entity_t *row);
static ngx_uint_t ngx_http_llm_list_has(ngx_http_llm_list_t *list,
    const llm_store_entity_t *row);
static void ngx_http_llm_list_turn(ngx_event_t *ev);
static void ngx_http_llm_list_config(ngx_http_llm_call_t *call);
static ngx_http_llm_record_t *ngx_http_llm_list_add(ngx_http_llm_call_t *call,
    ngx_http_llm_list_t *list, const ngx_str_t *id);
static ngx_int_t ngx_http_llm_list_start(ngx_http_llm_call_t *call,
    ngx_http_llm_list_t *list);
static ngx_uint_t ngx_http_llm_list_counts(ngx_http_llm_list_t *list);
static void ngx_http_llm_list_rows(ngx_http_llm_call_t *call);
static void ngx_http_llm_list_spent(ngx_http_llm_call_t *call);
static void ngx_http_llm_list_row(ngx_http_llm_call_t *call);
static void ngx_http_llm_list_section(ngx_http_llm_call_t *call,
    const ngx_http_llm_kind_t *kind);
static const ngx_http_llm_kind_t *ngx_http_llm_list_kind(
    const ngx_http_llm_list_t *list, const llm_store_text_t *kind);
static void ngx_http_llm_list_filter(ngx_http_llm_call_t *call,
    ngx_http_llm_list_t *list);
static void ngx_http_llm_list_all(ngx_http_llm_call_t *call);
static void ngx_http_llm_list_end(ngx_http_llm_call_t *call);


ngx_http_llm_list_t *
ngx_http_llm_call_list(ngx_http_llm_call_t *call)
{
    ngx_http_llm_list_t  *list;

    list = ngx_pcalloc(call->pool, sizeof(ngx_http_llm_list_t));

    if (list == NULL) {
        ngx_http_llm_call_end(call, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return NULL;
    }

    list->limit = NGX_MAX_SIZE_T_VALUE;

    list->turn.handler = ngx_http_llm_list_turn;
    list->turn.data = call;
    list->turn.log = ngx_cycle->log;

    call->data = list;

    return list;
}


ngx_int_t
ngx_http_llm_list_pages(ngx_http_llm_call_t *call, ngx_http_llm_list_t *list,
    const char *size, ngx_int_t fallback)
{
    ngx_int_t  page, n;

    if (ngx_http_llm_call_number(call, "page", 1, 1000000, &page) != NGX_OK
        || ngx_http_llm_call_number(call, size, fallback, 100, &n) != NGX_OK)
    {
        return NGX_ERROR;
    }

    list->page = page;
    list->limit = n;
    list->skip = (page - 1) * n;

    return NGX_OK;
}


void
ngx_http_llm_list_run(ngx_http_llm_call_t *call, ngx_http_llm_call_pt done)
{
    ngx_http_llm_list_t  *list = call->data;

    list->done = done;

    ngx_http_llm_list_read(call);
}


static void
ngx_http_llm_list_read(ngx_http_llm_call_t *call)
{
    ngx_http_llm_list_t  *list = call->data;

    llm_store_op_t  *op;

    op = ngx_http_llm_call_op(call, LLM_STORE_ENTITIES,
                              ngx_http_llm_list_page);
    if (op == NULL) {
        return;
    }

    if (list->kind) {
        ngx_http_llm_store_set(&op->entities.kind, &list->kind->kind);
    }

    if (list->ref) {
        op->entities.ref.name.data = (u_char *) list->ref;
        op->entities.ref.name.len = ngx_strlen(list->ref);
        ngx_http_llm_store_set(&op->entities.ref.value, &list->value);
    }

    op->entities.max = list->full ? NGX_HTTP_LLM_LIST_COUNT
                                  : NGX_HTTP_LLM_LIST_ROWS;
    op->entities.cursor.len = list->cursor.len;
    ngx_memcpy(op->entities.cursor.data, list->cursor.data,
               list->cursor.len);

    ngx_http_llm_call_run(call);
}


static void
ngx_http_llm_list_page(ngx_http_llm_call_t *call, llm_store_op_t *op)
{
    ngx_http_llm_list_t  *list = call->data;

    size_t               i;
    llm_store_entity_t  *row;

    list->cursor.len = op->entities.cursor.len;
    ngx_memcpy(list->cursor.data, op->entities.cursor.data,
               op->entities.cursor.len);

    if (ngx_http_llm_list_start(call, list) != NGX_OK) {
        return;
    }

    for (i = 0; i < op->entities.nrows; i++) {
        row = &op->entities.rows[i];

        if (!ngx_http_llm_list_has(list, row)) {
            continue;
        }

        if (ngx_http_llm_list_counts(list)
            && ngx_http_llm_list_keep(call, list, row) != NGX_OK)
        {
            return;
        }
    }

    list->full = (list->limit != NGX_MAX_SIZE_T_VALUE
                  && list->total >= list->skip + list->limit);

    ngx_http_llm_list_rows(call);
}


/* The rows before are gone. */

static ngx_int_t
ngx_http_llm_list_start(ngx_http_llm_call_t *call, ngx_http_llm_list_t *list)
{
    if (ngx_http_llm_call_slice(call) != NGX_OK) {
        return NGX_ERROR;
    }

    list->nrows = 0;
    list->i = 0;

    list->rows = ngx_pcalloc(call->slice, NGX_HTTP_LLM_LIST_ROWS
                                          * sizeof(ngx_http_llm_record_t));
    if (list->rows == NULL) {
        ngx_http_llm_call_end(call, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* Whether the next one is on the page. */

static ngx_uint_t
ngx_http_llm_list_counts(ngx_http_llm_list_t *list)
{
    ngx_uint_t  shown;

    shown = (list->total >= list->skip
             && list->total - list->skip < list->limit);

    list->total++;

    return shown;
}


static void
ngx_http_llm_list_turn(ngx_event_t *ev)
{
    ngx_http_llm_call_flush(ev->data, ngx_http_llm_list_config);
}


static void
ngx_http_llm_list_config(ngx_http_llm_call_t *call)
{
    ngx_http_llm_list_t  *list = call->data;

    ngx_int_t               rc;
    ngx_str_t               id, place;
    ngx_uint_t              i;
    ngx_http_llm_record_t  *record;

    if (ngx_http_llm_list_start(call, list) != NGX_OK) {
        return;
    }

    for (i = 0; i < NGX_HTTP_LLM_LIST_ROWS; i++) {

        rc = ngx_http_llm_call_configured_at(call, list->configured, &id,
                                             &place);

        if (rc == NGX_DONE) {
            list->config = 0;
            break;
        }

        list->configured++;

        if (rc == NGX_DECLINED
            || (list->id.len
                && (list->id.len != id.len
                    || ngx_memcmp(list->id.data, id.data, id.len) != 0))
            || !ngx_http_llm_list_counts(list))
        {
            continue;
        }

        record = ngx_http_llm_list_add(call, list, &id);
        if (record == NULL) {
            return;
        }

        record->kind = &ngx_http_llm_kind_team;
        record->doc = ngx_http_llm_call_config(call, &id, &place);

        if (record->doc == NULL) {
            return;
        }
    }

    ngx_http_llm_list_rows(call);
}


/* What the query asks for, as far as the row says it without its document. */

static ngx_uint_t
ngx_http_llm_list_has(ngx_http_llm_list_t *list,
    const llm_store_entity_t *row)
{
    if (list->id.len
        && (row->id.len != list->id.len
            || ngx_memcmp(row->id.data, list->id.data, list->id.len) != 0))
    {
        return 0;
    }

    if (list->alias.len
        && (row->alias.len != list->alias.len
            || ngx_memcmp(row->alias.data, list->alias.data, list->alias.len)
               != 0))
    {
        return 0;
    }

    return list->kind || ngx_http_llm_list_kind(list, &row->kind);
}


static const ngx_http_llm_kind_t *
ngx_http_llm_list_kind(const ngx_http_llm_list_t *list,
    const llm_store_text_t *kind)
{
    const ngx_http_llm_section_t  *s;

    if (list->kind) {
        return list->kind;
    }

    for (s = list->sections; s->kind; s++) {
        if (s->kind->kind.len == kind->len
            && ngx_memcmp(s->kind->kind.data, kind->data, kind->len) == 0)
        {
            return s->kind;
        }
    }

    return NULL;
}


static ngx_int_t
ngx_http_llm_list_keep(ngx_http_llm_call_t *call, ngx_http_llm_list_t *list,
    const llm_store_entity_t *row)
{
    json_t                 *doc;
    ngx_str_t               id;
    ngx_http_llm_record_t  *record;

    id.data = (u_char *) row->id.data;
    id.len = row->id.len;

    record = ngx_http_llm_list_add(call, list, &id);
    if (record == NULL) {
        return NGX_ERROR;
    }

    record->kind = ngx_http_llm_list_kind(list, &row->kind);
    record->version = row->version;

    if (list->bare) {
        return NGX_OK;
    }

    doc = ngx_http_llm_call_document(call, &row->json);

    if (doc == NULL) {
        return NGX_ERROR;
    }

    record->doc = doc;

    return NGX_OK;
}


static ngx_http_llm_record_t *
ngx_http_llm_list_add(ngx_http_llm_call_t *call, ngx_http_llm_list_t *list,
    const ngx_str_t *id)
{
    ngx_http_llm_record_t  *record;

    record = &list->rows[list->nrows++];

    record->id.len = id->len;
    record->id.data = ngx_pstrdup(call->slice, (ngx_str_t *) id);

    if (record->id.data == NULL) {
        ngx_http_llm_call_end(call, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return NULL;
    }

    return record;
}


/* Of some the zone knows what they spent, of others the store: only for those
   it goes through the event loop. */

static void
ngx_http_llm_list_rows(ngx_http_llm_call_t *call)
{
    ngx_http_llm_list_t  *list = call->data;

    for ( /* void */ ; list->i < list->nrows; list->i++) {

        call->record = list->rows[list->i];

        if (!list->bare
            && ngx_http_llm_record_spend(call, &call->record) != NGX_OK)
        {
            ngx_http_llm_call_spend(call, ngx_http_llm_list_spent);
            return;
        }

        ngx_http_llm_list_row(call);
    }

    if (list->cursor.len) {
        ngx_http_llm_call_flush(call, ngx_http_llm_list_read);
        return;
    }

    if (list->config) {

        /* in a turn of its own, as what is asked of the store */

        ngx_post_event(&list->turn, &ngx_posted_next_events);
        return;
    }

    ngx_http_llm_list_end(call);
}


static void
ngx_http_llm_list_spent(ngx_http_llm_call_t *call)
{
    ngx_http_llm_list_t  *list = call->data;

    ngx_http_llm_list_row(call);

    list->i++;

    ngx_http_llm_list_rows(call);
}


static void
ngx_http_llm_list_row(ngx_http_llm_call_t *call)
{
    ngx_http_llm_list_t  *list = call->data;

    if (list->sections) {
        ngx_http_llm_list_section(call, call->record.kind);
    }

    if (call->format != NGX_HTTP_LLM_API_JSON) {
        ngx_http_llm_out_cells(call, &call->record);
        return;
    }

    if (list->bare) {
        ngx_http_llm_out_str(call, &call->record.id);
        return;
    }

    ngx_http_llm_out_open(call, '{');

    if (call->record.kind == &ngx_http_llm_kind_key) {
        ngx_http_llm_out_name(call, "token");
        ngx_http_llm_out_str(call, &call->record.id);
    }

    ngx_http_llm_out_record(call, &call->record);
    ngx_http_llm_out_close(call, '}');
}


/* Rows come by their kinds: what is between two is empty. */

static void
ngx_http_llm_list_section(ngx_http_llm_call_t *call,
    const ngx_http_llm_kind_t *kind)
{
    ngx_http_llm_list_t  *list = call->data;

    while (list->section == NULL || list->section->kind != kind) {

        if (list->section) {
            ngx_http_llm_out_close(call, ']');
            list->section++;

        } else {
            list->section = list->sections;
        }

        if (list->section->kind == NULL) {
            return;
        }

        ngx_http_llm_out_name(call, list->section->name);
        ngx_http_llm_out_open(call, '[');
    }
}


static void
ngx_http_llm_list_end(ngx_http_llm_call_t *call)
{
    ngx_http_llm_list_t  *list = call->data;

    if (list->sections) {
        ngx_http_llm_list_section(call, NULL);
    }

    list->done(call);
}


/* Lists that a route is all about. */


void
ngx_http_llm_api_list(ngx_http_llm_call_t *call)
{
    ngx_http_llm_list_t               *list;
    const ngx_http_llm_list_calls_t   *calls;

    calls = (const ngx_http_llm_list_calls_t *) call->route->data;

    list = ngx_http_llm_call_list(call);
    if (list == NULL) {
        return;
    }

    list->kind = calls->kind;

    if (calls->size
        && ngx_http_llm_list_pages(call, list, calls->size, calls->fallback)
           != NGX_OK)
    {
        return;
    }

    if (ngx_http_llm_call_format(call) != NGX_OK) {
        return;
    }

    ngx_http_llm_list_filter(call, list);

    /* they have no alias and no members */

    list->config = (list->kind == &ngx_http_llm_kind_team
                    && list->alias.len == 0 && list->ref == NULL);

    if (call->format != NGX_HTTP_LLM_API_JSON) {
        list->bare = 0;
        ngx_http_llm_out_columns(call, list->kind);

    } else {

        if (calls->name) {
            ngx_http_llm_out_open(call, '{');
            ngx_http_llm_out_name(call, calls->name);
        }

        ngx_http_llm_out_open(call, '[');
    }

    ngx_http_llm_list_run(call, ngx_http_llm_list_all);
}


static void
ngx_http_llm_list_filter(ngx_http_llm_call_t *call, ngx_http_llm_list_t *list)
{
    ngx_str_t  value;

    if (list->kind == &ngx_http_llm_kind_key) {

        list->bare = !(ngx_http_llm_call_arg(call, "return_full_object",
                                             &value)
                       && value.len == 4
                       && ngx_strncasecmp(value.data, (u_char *) "true", 4)
                          == 0);

        (void) ngx_http_llm_call_arg(call, "key_hash", &list->id);
    }

    if (list->kind->alias) {
        (void) ngx_http_llm_call_arg(call, list->kind->alias, &list->alias);
    }

    if (list->kind == &ngx_http_llm_kind_team) {
        (void) ngx_http_llm_call_arg(call, "team_id", &list->id);

    } else if (ngx_http_llm_call_arg(call, "team_id", &list->value)
               && list->value.len)
    {
        list->ref = "team";
        return;
    }

    if (ngx_http_llm_call_arg(call, "user_id", &list->value)
        && list->value.len)
    {
        list->ref = "user";
    }
}


static void
ngx_http_llm_list_all(ngx_http_llm_call_t *call)
{
    ngx_http_llm_list_t  *list = call->data;

    const ngx_http_llm_list_calls_t  *calls;

    calls = (const ngx_http_llm_list_calls_t *) call->route->data;

    if (call->format != NGX_HTTP_LLM_API_JSON) {
        ngx_http_llm_call_answer(call, NGX_HTTP_OK);
        return;
    }

    ngx_http_llm_out_close(call, ']');

    if (calls->size) {
        ngx_http_llm_out_count(call, calls->total, list->total);
        ngx_http_llm_out_count(call, calls->page, list->page);
        ngx_http_llm_out_count(call, "page_size", list->limit);
        ngx_http_llm_out_count(call, "total_pages",
                               (list->total + list->limit - 1) / list->limit);
    }

    if (calls->name) {
        ngx_http_llm_out_close(call, '}');
    }

    ngx_http_llm_call_answer(call, NGX_HTTP_OK);
}
