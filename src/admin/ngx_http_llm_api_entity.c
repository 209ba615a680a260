
/*
 * Copyright (C) the llm_quota authors
 */


#include "ngx_http_llm_api_calls.h"
#include <openssl/rand.h>


/* What all kinds of entities have in common: they are made, changed, shown,
   blocked and deleted. */


#define NGX_HTTP_LLM_UUID       36
#define NGX_HTTP_LLM_DELETIONS  1000         /* at once */


static void ngx_http_llm_entity_made(ngx_http_llm_call_t *call);
static void ngx_http_llm_entity_update(ngx_http_llm_call_t *call,
    llm_store_op_t *op);
static void ngx_http_llm_entity_updated(ngx_http_llm_call_t *call);
static void ngx_http_llm_entity_block(ngx_http_llm_call_t *call,
    llm_store_op_t *op);
static void ngx_http_llm_entity_blocked(ngx_http_llm_call_t *call);
static void ngx_http_llm_entity_info(ngx_http_llm_call_t *call,
    llm_store_op_t *op);
static void ngx_http_llm_entity_shown(ngx_http_llm_call_t *call);
static ngx_int_t ngx_http_llm_entity_uuid(ngx_pool_t *pool, ngx_str_t *id);


/* Members that are for the call, not for the entity. */

static const char  *ngx_http_llm_entity_transient[] = {
    "auto_create_key", "send_invite_email", "spend", "key", "budget_reset_at",
    "created_at", "created_by", "updated_at", "updated_by",
    "token", "counts_as", "replaced_by", NULL
};


json_t *
ngx_http_llm_call_merge(ngx_http_llm_call_t *call,
    const ngx_http_llm_kind_t *kind, const json_t *document)
{
    json_t           *doc;
    llm_api_fault_t   fault;

    doc = ngx_http_llm_call_merged(call, kind, call->body, document, &fault);

    if (doc) {
        return doc;
    }

    if (fault.status) {
        ngx_http_llm_call_fault(call, &fault);

    } else {
        ngx_http_llm_call_end(call, NGX_HTTP_INTERNAL_SERVER_ERROR);
    }

    return NULL;
}


json_t *
ngx_http_llm_call_merged(ngx_http_llm_call_t *call,
    const ngx_http_llm_kind_t *kind, const json_t *body,
    const json_t *document, llm_api_fault_t *fault)
{
    json_t       *doc, *copy;
    const char  **name;

    fault->status = 0;

    doc = ngx_http_llm_call_keep(call, document ? json_copy((json_t *) document)
                                                : json_object());
    copy = ngx_http_llm_call_keep(call, json_copy((json_t *) body));

    if (doc == NULL || copy == NULL) {
        return NULL;
    }

    for (name = ngx_http_llm_entity_transient; *name; name++) {
        (void) json_object_del(copy, *name);
    }

    return llm_api_merge(doc, copy, kind->fields, fault) == 0 ? doc : NULL;
}


void
ngx_http_llm_call_fault(ngx_http_llm_call_t *call,
    const llm_api_fault_t *fault)
{
    if (fault->status == NGX_HTTP_BAD_REQUEST) {
        ngx_http_llm_call_error(call, NGX_HTTP_BAD_REQUEST, "bad_request",
                                fault->member, "%s %s", fault->member,
                                fault->what);
        return;
    }

    ngx_http_llm_out_drop(call);

    ngx_http_llm_out_open(call, '{');
    ngx_http_llm_out_name(call, "detail");
    ngx_http_llm_out_open(call, '[');
    ngx_http_llm_out_open(call, '{');

    ngx_http_llm_out_name(call, "type");
    ngx_http_llm_out_cstr(call, "value_error");

    ngx_http_llm_out_name(call, "loc");
    ngx_http_llm_out_open(call, '[');
    ngx_http_llm_out_cstr(call, call->route->methods & NGX_HTTP_GET ? "query"
                                                                   : "body");
    ngx_http_llm_out_cstr(call, fault->member);
    ngx_http_llm_out_close(call, ']');

    ngx_http_llm_out_name(call, "msg");
    ngx_http_llm_out_cstr(call, fault->what);

    ngx_http_llm_out_close(call, '}');
    ngx_http_llm_out_close(call, ']');
    ngx_http_llm_out_close(call, '}');

    ngx_http_llm_call_answer(call, NGX_HTTP_LLM_API_INVALID);
}


ngx_int_t
ngx_http_llm_call_needs(ngx_http_llm_call_t *call, const char *member,
    ngx_str_t *value)
{
    const char       *text;
    llm_api_fault_t   fault;

    text = llm_api_string(call->body, member, &value->len);
    value->data = (u_char *) text;

    if (text && value->len) {
        return NGX_OK;
    }

    fault.status = NGX_HTTP_LLM_API_INVALID;
    fault.member = member;
    fault.what = json_object_get(call->body, member)
                 ? "Input should be a valid string" : "Field required";

    ngx_http_llm_call_fault(call, &fault);

    return NGX_ERROR;
}


ngx_int_t
ngx_http_llm_call_asks(ngx_http_llm_call_t *call, const char *name,
    ngx_str_t *value)
{
    llm_api_fault_t  fault;

    if (ngx_http_llm_call_arg(call, name, value) && value->len) {
        return NGX_OK;
    }

    fault.status = NGX_HTTP_LLM_API_INVALID;
    fault.member = name;
    fault.what = "Field required";

    ngx_http_llm_call_fault(call, &fault);

    return NGX_ERROR;
}


ngx_int_t
ngx_http_llm_call_number(ngx_http_llm_call_t *call, const char *name,
    ngx_int_t fallback, ngx_int_t max, ngx_int_t *number)
{
    ngx_str_t        value;
    llm_api_fault_t  fault;

    *number = fallback;

    if (!ngx_http_llm_call_arg(call, name, &value)) {
        return NGX_OK;
    }

    *number = ngx_atoi(value.data, value.len);

    if (*number >= 1 && *number <= max) {
        return NGX_OK;
    }

    fault.status = NGX_HTTP_LLM_API_INVALID;
    fault.member = name;
    fault.what = "Input should be a whole number in its range";

    ngx_http_llm_call_fault(call, &fault);

    return NGX_ERROR;
}


/* The id that the body gives, or one that nothing has. */

ngx_int_t
ngx_http_llm_call_new_id(ngx_http_llm_call_t *call, const char *member,
    ngx_uint_t needed, json_t *doc, ngx_str_t *id)
{
    json_t  *value;

    value = json_object_get(call->body, member);

    if (needed || (value && !json_is_null(value))) {
        return ngx_http_llm_call_needs(call, member, id);
    }

    if (ngx_http_llm_entity_uuid(call->pool, id) != NGX_OK
        || json_object_set_new(doc, member,
                               json_stringn((char *) id->data, id->len)) != 0)
    {
        ngx_http_llm_call_end(call, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_entity_uuid(ngx_pool_t *pool, ngx_str_t *id)
{
    u_char      *p, bytes[16];
    ngx_uint_t   i;

    id->len = NGX_HTTP_LLM_UUID;
    id->data = ngx_pnalloc(pool, id->len);

    if (id->data == NULL || RAND_bytes(bytes, sizeof(bytes)) != 1) {
        return NGX_ERROR;
    }

    /* version 4: random */

    bytes[6] = (u_char) (0x40 | (bytes[6] & 0x0f));
    bytes[8] = (u_char) (0x80 | (bytes[8] & 0x3f));

    p = id->data;

    for (i = 0; i < 16; i++) {

        if (i == 4 || i == 6 || i == 8 || i == 10) {
            *p++ = '-';
        }

        p = ngx_hex_dump(p, &bytes[i], 1);
    }

    return NGX_OK;
}


void
ngx_http_llm_api_new(ngx_http_llm_call_t *call)
{
    json_t                             *doc;
    ngx_str_t                           id;
    const ngx_http_llm_entity_calls_t  *calls;

    calls = ngx_http_llm_calls(call);

    doc = ngx_http_llm_call_merge(call, calls->kind, NULL);

    if (doc == NULL
        || ngx_http_llm_call_new_id(call, calls->kind->id, calls->named, doc,
                                    &id)
           != NGX_OK
        || ngx_http_llm_call_edit(call, calls->kind, &id, doc, 0) != NGX_OK)
    {
        return;
    }

    ngx_http_llm_call_commit(call, ngx_http_llm_entity_made);
}


static void
ngx_http_llm_entity_made(ngx_http_llm_call_t *call)
{
    ngx_http_llm_call_edited(call, 0);
    ngx_http_llm_call_spend(call, ngx_http_llm_call_flat);
}


void
ngx_http_llm_call_edited(ngx_http_llm_call_t *call, ngx_uint_t i)
{
    ngx_http_llm_edit_t  *edits;

    edits = call->edits.elts;

    call->record.kind = edits[i].kind;
    call->record.id = edits[i].id;
    call->record.doc = edits[i].doc;
    call->record.version = edits[i].version;
}


void
ngx_http_llm_call_flat(ngx_http_llm_call_t *call)
{
    ngx_http_llm_out_open(call, '{');
    ngx_http_llm_out_record(call, &call->record);
    ngx_http_llm_out_close(call, '}');

    ngx_http_llm_call_answer(call, NGX_HTTP_OK);
}


ngx_int_t
ngx_http_llm_call_loaded(ngx_http_llm_call_t *call, llm_store_op_t *op,
    const ngx_http_llm_kind_t *kind)
{
    json_t     *doc;
    ngx_str_t   id;

    id.data = (u_char *) op->entity.id.data;
    id.len = op->entity.id.len;

    if (op->status != LLM_STORE_OK) {

        if (id.data == NULL) {
            id.data = (u_char *) op->entity.alias.data;
            id.len = op->entity.alias.len;
        }

        ngx_http_llm_call_missing(call, kind, &id);
        return NGX_ERROR;
    }

    doc = ngx_http_llm_call_document(call, &op->entity.json);

    if (doc == NULL) {

        /* it was answered: the call is no more */

        return NGX_ERROR;
    }

    call->record.kind = kind;
    call->record.version = op->entity.version;
    call->record.doc = doc;

    call->record.id.len = id.len;
    call->record.id.data = ngx_pstrdup(call->pool, &id);

    if (call->record.id.data == NULL) {
        ngx_http_llm_call_end(call, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return NGX_ERROR;
    }

    return NGX_OK;
}


void
ngx_http_llm_api_update(ngx_http_llm_call_t *call)
{
    ngx_str_t                   id;
    const ngx_http_llm_kind_t  *kind;

    kind = ngx_http_llm_calls(call)->kind;

    if (call->arg.len) {
        id = call->arg;

    } else if (kind == &ngx_http_llm_kind_user
               && json_object_get(call->body, "user_id") == NULL
               && json_string_length(json_object_get(call->body,
                                                     "user_email")))
    {
        (void) ngx_http_llm_call_needs(call, "user_email", &id);

        ngx_http_llm_call_load_alias(call, &kind->kind, &id,
                                     ngx_http_llm_entity_update);
        return;

    } else if (kind == &ngx_http_llm_kind_budget
               && json_object_get(call->body, "budget_id") == NULL)
    {
        ngx_http_llm_call_error(call, NGX_HTTP_BAD_REQUEST, "bad_request",
                                "budget_id", "budget_id is required");
        return;

    } else if (ngx_http_llm_call_needs(call, kind->id, &id) != NGX_OK) {
        return;
    }

    ngx_http_llm_call_load(call, &kind->kind, &id, ngx_http_llm_entity_update);
}


static void
ngx_http_llm_entity_update(ngx_http_llm_call_t *call, llm_store_op_t *op)
{
    json_t                     *doc;
    const ngx_http_llm_kind_t  *kind;

    kind = ngx_http_llm_calls(call)->kind;

    if (ngx_http_llm_call_loaded(call, op, kind) != NGX_OK) {
        return;
    }

    doc = ngx_http_llm_call_merge(call, kind, call->record.doc);

    if (doc == NULL) {
        return;
    }

    /* the id of a path wins over one in the body */

    (void) json_object_set_new(doc, kind->id,
                               json_stringn((char *) call->record.id.data,
                                            call->record.id.len));

    if (ngx_http_llm_call_edit(call, kind, &call->record.id, doc,
                               call->record.version)
        == NGX_OK)
    {
        ngx_http_llm_call_commit(call, ngx_http_llm_entity_updated);
    }
}


static void
ngx_http_llm_entity_updated(ngx_http_llm_call_t *call)
{
    ngx_http_llm_call_edited(call, 0);
    ngx_http_llm_call_spend(call, ngx_http_llm_entity_shown);
}


static void
ngx_http_llm_entity_shown(ngx_http_llm_call_t *call)
{
    const ngx_http_llm_entity_calls_t  *calls;

    calls = ngx_http_llm_calls(call);

    if (!calls->nested) {
        ngx_http_llm_call_flat(call);
        return;
    }

    ngx_http_llm_out_open(call, '{');
    ngx_http_llm_out_name(call, calls->kind->id);
    ngx_http_llm_out_str(call, &call->record.id);
    ngx_http_llm_out_name(call, "data");
    ngx_http_llm_out_open(call, '{');
    ngx_http_llm_out_record(call, &call->record);
    ngx_http_llm_out_close(call, '}');
    ngx_http_llm_out_close(call, '}');

    ngx_http_llm_call_answer(call, NGX_HTTP_OK);
}


/* The last letters of the path say which of the two it is. */

ngx_uint_t
ngx_http_llm_call_blocks(ngx_http_llm_call_t *call)
{
    return ngx_strstr(call->route->path, "/unblock") == NULL;
}


void
ngx_http_llm_api_block(ngx_http_llm_call_t *call)
{
    ngx_str_t                   id;
    const ngx_http_llm_kind_t  *kind;

    kind = ngx_http_llm_calls(call)->kind;

    if (ngx_http_llm_call_needs(call, kind->id, &id) == NGX_OK) {
        ngx_http_llm_call_load(call, &kind->kind, &id,
                               ngx_http_llm_entity_block);
    }
}


static void
ngx_http_llm_entity_block(ngx_http_llm_call_t *call, llm_store_op_t *op)
{
    if (ngx_http_llm_call_loaded(call, op, ngx_http_llm_calls(call)->kind)
        == NGX_OK)
    {
        ngx_http_llm_call_block(call, ngx_http_llm_entity_blocked);
    }
}


/* What was loaded, blocked or not as the path says. */

void
ngx_http_llm_call_block(ngx_http_llm_call_t *call, ngx_http_llm_call_pt done)
{
    if (json_object_set_new(call->record.doc, "blocked",
                            json_boolean(ngx_http_llm_call_blocks(call)))
        != 0)
    {
        ngx_http_llm_call_end(call, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    if (ngx_http_llm_call_edit(call, call->record.kind, &call->record.id,
                               call->record.doc, call->record.version)
        == NGX_OK)
    {
        ngx_http_llm_call_commit(call, done);
    }
}


static void
ngx_http_llm_entity_blocked(ngx_http_llm_call_t *call)
{
    ngx_http_llm_call_spend(call, ngx_http_llm_call_flat);
}


void
ngx_http_llm_api_info(ngx_http_llm_call_t *call)
{
    ngx_str_t                           id;
    const ngx_http_llm_entity_calls_t  *calls;

    calls = ngx_http_llm_calls(call);

    if (call->arg.len) {
        id = call->arg;

    } else if (ngx_http_llm_call_asks(call, calls->asked, &id) != NGX_OK) {
        return;
    }

    ngx_http_llm_call_load(call, &calls->kind->kind, &id,
                           ngx_http_llm_entity_info);
}


static void
ngx_http_llm_entity_info(ngx_http_llm_call_t *call, llm_store_op_t *op)
{
    if (ngx_http_llm_call_loaded(call, op, ngx_http_llm_calls(call)->kind)
        == NGX_OK)
    {
        ngx_http_llm_call_spend(call, ngx_http_llm_call_flat);
    }
}


/* Ids of the body, one or a list of them: all are deleted, or none. */

void
ngx_http_llm_api_delete(ngx_http_llm_call_t *call)
{
    size_t                              i;
    json_t                             *ids, *value;
    ngx_str_t                           id;
    const ngx_http_llm_entity_calls_t  *calls;

    calls = ngx_http_llm_calls(call);

    if (call->arg.len) {
        id = call->arg;

        if (ngx_http_llm_call_edit(call, calls->kind, &id, NULL,
                                   LLM_STORE_ANY_VERSION)
            == NGX_OK)
        {
            ngx_http_llm_call_commit(call, ngx_http_llm_call_deleted);
        }

        return;
    }

    ids = json_object_get(call->body, calls->list);

    if (json_is_string(ids)) {
        id.data = (u_char *) json_string_value(ids);
        id.len = json_string_length(ids);

        if (ngx_http_llm_call_edit(call, calls->kind, &id, NULL,
                                   LLM_STORE_ANY_VERSION)
            != NGX_OK)
        {
            return;
        }

    } else {

        if (ngx_http_llm_call_ids(call, calls->list, &ids) != NGX_OK) {
            return;
        }

        json_array_foreach(ids, i, value) {
            id.data = (u_char *) json_string_value(value);
            id.len = json_string_length(value);

            if (ngx_http_llm_call_edit(call, calls->kind, &id, NULL,
                                       LLM_STORE_ANY_VERSION)
                != NGX_OK)
            {
                return;
            }
        }
    }

    ngx_http_llm_call_commit(call, ngx_http_llm_call_deleted);
}


ngx_int_t
ngx_http_llm_call_ids(ngx_http_llm_call_t *call, const char *member,
    json_t **ids)
{
    size_t            i;
    json_t           *value;
    llm_api_fault_t   fault;

    *ids = json_object_get(call->body, member);

    fault.status = NGX_HTTP_LLM_API_INVALID;
    fault.member = member;
    fault.what = NULL;

    if (*ids == NULL) {
        fault.what = "Field required";

    } else if (!json_is_array(*ids) || json_array_size(*ids) == 0) {
        fault.what = "Input should be a valid list";

    } else if (json_array_size(*ids) > NGX_HTTP_LLM_DELETIONS) {
        fault.what = "List should have at most 1000 items";
    }

    json_array_foreach(*ids, i, value) {
        if (json_string_length(value) == 0) {
            fault.what = "Input should be a list of strings";
        }
    }

    if (fault.what == NULL) {
        return NGX_OK;
    }

    ngx_http_llm_call_fault(call, &fault);

    return NGX_ERROR;
}


void
ngx_http_llm_call_deleted(ngx_http_llm_call_t *call)
{
    ngx_uint_t                          i;
    ngx_http_llm_edit_t                *edits;
    const ngx_http_llm_entity_calls_t  *calls;

    calls = ngx_http_llm_calls(call);
    edits = call->edits.elts;

    ngx_http_llm_out_open(call, '{');
    ngx_http_llm_out_name(call, calls->deleted);
    ngx_http_llm_out_open(call, '[');

    for (i = 0; i < call->edits.nelts; i++) {
        if (edits[i].kind == calls->kind) {
            ngx_http_llm_out_str(call, &edits[i].id);
        }
    }

    ngx_http_llm_out_close(call, ']');
    ngx_http_llm_out_name(call, "message");
    ngx_http_llm_out_cstr(call, "Deleted successfully");
    ngx_http_llm_out_close(call, '}');

    ngx_http_llm_call_answer(call, NGX_HTTP_OK);
}
