
/*
 * Copyright (C) the llm_quota authors
 */


#include "ngx_http_llm_api_calls.h"


/* Teams and users own keys and memberships: these are shown with them, and
   deleted with them; a user leaves his teams. */


#define NGX_HTTP_LLM_OWNER_ROWS  1000


typedef struct {
    json_t                  *ids;
    size_t                   i;
    llm_store_cursor_t       cursor;
} ngx_http_llm_owner_delete_t;


static void ngx_http_llm_owner_loaded(ngx_http_llm_call_t *call,
    llm_store_op_t *op);
static void ngx_http_llm_owner_shown(ngx_http_llm_call_t *call);
static void ngx_http_llm_owner_listed(ngx_http_llm_call_t *call);
static void ngx_http_llm_owner_delete_next(ngx_http_llm_call_t *call);
static void ngx_http_llm_owner_delete_id(ngx_http_llm_owner_delete_t *d,
    ngx_str_t *id);
static void ngx_http_llm_owner_delete_page(ngx_http_llm_call_t *call,
    llm_store_op_t *op);
static ngx_int_t ngx_http_llm_owner_delete_row(ngx_http_llm_call_t *call,
    const llm_store_entity_t *row);
static ngx_uint_t ngx_http_llm_owner_is(const llm_store_entity_t *row,
    const ngx_http_llm_kind_t *kind);
static ngx_int_t ngx_http_llm_owner_leave(ngx_http_llm_call_t *call,
    const llm_store_entity_t *row, ngx_str_t *team);


static const ngx_http_llm_section_t  ngx_http_llm_team_sections[] = {
    { &ngx_http_llm_kind_key, "keys" },
    { &ngx_http_llm_kind_member, "team_memberships" },
    { NULL, NULL }
};


static const ngx_http_llm_section_t  ngx_http_llm_user_sections[] = {
    { &ngx_http_llm_kind_key, "keys" },
    { &ngx_http_llm_kind_team, "teams" },
    { NULL, NULL }
};


/* A team or a user, with what refers to it. */

void
ngx_http_llm_api_owner_info(ngx_http_llm_call_t *call)
{
    ngx_str_t                           id, own;
    const ngx_http_llm_entity_calls_t  *calls;

    calls = ngx_http_llm_calls(call);

    if (call->key == NULL) {

        if (ngx_http_llm_call_asks(call, calls->asked, &id) != NGX_OK) {
            return;
        }

    } else {

        /* a virtual key sees its own */

        own.data = (u_char *) llm_api_string(call->key, calls->kind->id,
                                             &own.len);
        id = own;

        (void) ngx_http_llm_call_arg(call, calls->asked, &id);

        if (own.len == 0
            || id.len != own.len
            || ngx_memcmp(id.data, own.data, id.len) != 0)
        {
            ngx_http_llm_call_foreign(call);
            return;
        }
    }

    ngx_http_llm_call_load(call, &calls->kind->kind, &id,
                           ngx_http_llm_owner_loaded);
}


static void
ngx_http_llm_owner_loaded(ngx_http_llm_call_t *call, llm_store_op_t *op)
{
    ngx_str_t  id, place;

    id.data = (u_char *) op->entity.id.data;
    id.len = op->entity.id.len;

    if (op->status == LLM_STORE_NOT_FOUND
        && ngx_http_llm_calls(call)->kind == &ngx_http_llm_kind_team
        && ngx_http_llm_call_configured(call, &id, &place))
    {
        call->record.kind = &ngx_http_llm_kind_team;
        call->record.id = id;
        call->record.doc = ngx_http_llm_call_config(call, &id, &place);

        if (call->record.doc) {
            ngx_http_llm_call_spend(call, ngx_http_llm_owner_shown);
        }

        return;
    }

    if (ngx_http_llm_call_loaded(call, op, ngx_http_llm_calls(call)->kind)
        == NGX_OK)
    {
        ngx_http_llm_call_spend(call, ngx_http_llm_owner_shown);
    }
}


static void
ngx_http_llm_owner_shown(ngx_http_llm_call_t *call)
{
    ngx_http_llm_list_t        *list;
    const ngx_http_llm_kind_t  *kind;

    kind = call->record.kind;

    list = ngx_http_llm_call_list(call);
    if (list == NULL) {
        return;
    }

    if (kind == &ngx_http_llm_kind_team) {
        list->ref = "team";
        list->sections = ngx_http_llm_team_sections;

    } else {
        list->ref = "user";
        list->sections = ngx_http_llm_user_sections;
    }

    list->value = call->record.id;

    ngx_http_llm_out_open(call, '{');

    ngx_http_llm_out_name(call, kind->id);
    ngx_http_llm_out_str(call, &call->record.id);

    ngx_http_llm_out_name(call, kind == &ngx_http_llm_kind_team ? "team_info"
                                                                : "user_info");
    ngx_http_llm_out_open(call, '{');
    ngx_http_llm_out_record(call, &call->record);
    ngx_http_llm_out_close(call, '}');

    ngx_http_llm_list_run(call, ngx_http_llm_owner_listed);
}


static void
ngx_http_llm_owner_listed(ngx_http_llm_call_t *call)
{
    ngx_http_llm_out_close(call, '}');
    ngx_http_llm_call_answer(call, NGX_HTTP_OK);
}


void
ngx_http_llm_api_owner_delete(ngx_http_llm_call_t *call)
{
    ngx_http_llm_owner_delete_t        *d;
    const ngx_http_llm_entity_calls_t  *calls;

    calls = ngx_http_llm_calls(call);

    d = ngx_pcalloc(call->pool, sizeof(ngx_http_llm_owner_delete_t));
    if (d == NULL) {
        ngx_http_llm_call_end(call, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    call->data = d;

    if (ngx_http_llm_call_ids(call, calls->list, &d->ids) == NGX_OK) {
        ngx_http_llm_owner_delete_next(call);
    }
}


static void
ngx_http_llm_owner_delete_next(ngx_http_llm_call_t *call)
{
    ngx_http_llm_owner_delete_t  *d = call->data;

    ngx_str_t        id, *ref;
    llm_store_op_t  *op;

    if (d->i == json_array_size(d->ids)) {
        ngx_http_llm_call_commit(call, ngx_http_llm_call_deleted);
        return;
    }

    ngx_http_llm_owner_delete_id(d, &id);

    if (d->cursor.len == 0
        && ngx_http_llm_call_edit(call, ngx_http_llm_calls(call)->kind, &id,
                                  NULL, LLM_STORE_ANY_VERSION)
           != NGX_OK)
    {
        return;
    }

    op = ngx_http_llm_call_op(call, LLM_STORE_ENTITIES,
                              ngx_http_llm_owner_delete_page);
    if (op == NULL) {
        return;
    }

    /* references bear the name of the kind */

    ref = (ngx_str_t *) &ngx_http_llm_calls(call)->kind->kind;

    ngx_http_llm_store_set(&op->entities.ref.name, ref);
    ngx_http_llm_store_set(&op->entities.ref.value, &id);

    op->entities.max = NGX_HTTP_LLM_OWNER_ROWS;
    op->entities.cursor = d->cursor;

    ngx_http_llm_call_run(call);
}


static void
ngx_http_llm_owner_delete_id(ngx_http_llm_owner_delete_t *d, ngx_str_t *id)
{
    json_t  *value;

    value = json_array_get(d->ids, d->i);

    id->data = (u_char *) json_string_value(value);
    id->len = json_string_length(value);
}


static void
ngx_http_llm_owner_delete_page(ngx_http_llm_call_t *call, llm_store_op_t *op)
{
    ngx_http_llm_owner_delete_t  *d = call->data;

    size_t  i;

    for (i = 0; i < op->entities.nrows; i++) {
        if (ngx_http_llm_owner_delete_row(call, &op->entities.rows[i])
            != NGX_OK)
        {
            return;
        }
    }

    d->cursor = op->entities.cursor;

    if (d->cursor.len == 0) {
        d->i++;
    }

    ngx_http_llm_owner_delete_next(call);
}


static ngx_int_t
ngx_http_llm_owner_delete_row(ngx_http_llm_call_t *call,
    const llm_store_entity_t *row)
{
    ngx_str_t                      id;
    const ngx_http_llm_section_t  *s;

    id.len = row->id.len;
    id.data = ngx_pnalloc(call->pool, id.len);

    if (id.data == NULL) {
        ngx_http_llm_call_end(call, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return NGX_ERROR;
    }

    ngx_memcpy(id.data, row->id.data, id.len);

    for (s = ngx_http_llm_team_sections; s->kind; s++) {
        if (ngx_http_llm_owner_is(row, s->kind)) {
            return ngx_http_llm_call_edit(call, s->kind, &id, NULL,
                                          LLM_STORE_ANY_VERSION);
        }
    }

    return ngx_http_llm_owner_is(row, &ngx_http_llm_kind_team)
           ? ngx_http_llm_owner_leave(call, row, &id) : NGX_OK;
}


static ngx_uint_t
ngx_http_llm_owner_is(const llm_store_entity_t *row,
    const ngx_http_llm_kind_t *kind)
{
    return kind->kind.len == row->kind.len
           && ngx_memcmp(kind->kind.data, row->kind.data, row->kind.len) == 0;
}


/* Several users of one team leave it in one change. */

static ngx_int_t
ngx_http_llm_owner_leave(ngx_http_llm_call_t *call,
    const llm_store_entity_t *row, ngx_str_t *team)
{
    size_t                at;
    json_t               *doc, *members;
    ngx_str_t             user;
    ngx_http_llm_edit_t  *edit;

    edit = ngx_http_llm_call_edit_of(call, &ngx_http_llm_kind_team, team);

    if (edit) {
        doc = edit->doc;

    } else {
        doc = ngx_http_llm_call_document(call, &row->json);

        if (doc == NULL
            || ngx_http_llm_call_edit(call, &ngx_http_llm_kind_team, team, doc,
                                      row->version)
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    ngx_http_llm_owner_delete_id(call->data, &user);

    members = json_object_get(doc, "members_with_roles");

    if (ngx_http_llm_member_at(members, &user, &at)) {
        (void) json_array_remove(members, at);
    }

    return NGX_OK;
}
