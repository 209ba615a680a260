
/*
 * Copyright (C) the llm_quota authors
 */


#include "ngx_http_llm_api_calls.h"
#include "llm_period.h"


/*
 * Changes: all of a call's in one transaction of the store, each with its row
 * in the audit; then the zone, from when on every worker decides by it; then
 * the answer.  A document is changed in the version that was read: where
 * somebody was faster the call begins anew.
 */


#define NGX_HTTP_LLM_CHANGE_TRIES  16


static ngx_int_t ngx_http_llm_change_prepare(ngx_http_llm_call_t *call,
    ngx_http_llm_edit_t *edit);
static ngx_int_t ngx_http_llm_change_stamp(ngx_http_llm_call_t *call,
    ngx_http_llm_edit_t *edit);
static ngx_int_t ngx_http_llm_change_fill(ngx_http_llm_call_t *call,
    llm_store_op_t *op, llm_store_change_t *change,
    ngx_http_llm_edit_t *edit);
static ngx_int_t ngx_http_llm_change_refs(ngx_http_llm_call_t *call,
    llm_store_change_t *change, ngx_http_llm_edit_t *edit);
static void ngx_http_llm_change_ref(llm_store_change_t *change,
    llm_store_ref_t *refs, const char *name, const json_t *value);
static void ngx_http_llm_change_actor(ngx_http_llm_call_t *call,
    llm_store_actor_t *actor);
static void ngx_http_llm_change_made(ngx_http_llm_call_t *call,
    llm_store_op_t *op);
static void ngx_http_llm_change_exists(ngx_http_llm_call_t *call,
    llm_store_op_t *op, ngx_http_llm_edit_t *edit);
static void ngx_http_llm_change_publish(ngx_http_llm_call_t *call,
    llm_store_op_t *op);


const ngx_http_llm_kind_t  ngx_http_llm_kind_team = {
    ngx_string("team"), LLM_API_TEAM, "team_id", "team_alias",
    LLM_SUBJECT_TEAM,
    "Team not found, passed team id: %V.",
    "Team id = %V already exists. Please use a different team id.",
    "Team with alias '%V' already exists. Please use a different alias."
};


const ngx_http_llm_kind_t  ngx_http_llm_kind_user = {
    ngx_string("user"), LLM_API_USER, "user_id", "user_email",
    LLM_SUBJECT_USER,
    "User not found, passed user_id=%V.",
    "User with id %V already exists.",
    "User with email %V already exists."
};


const ngx_http_llm_kind_t  ngx_http_llm_kind_customer = {
    ngx_string("customer"), LLM_API_CUSTOMER, "user_id", NULL,
    LLM_SUBJECT_CUSTOMER,
    "End User Id=%V does not exist in db",
    "Customer already exists, passed user_id=%V. Please pass a new user_id.",
    ""
};


const ngx_http_llm_kind_t  ngx_http_llm_kind_key = {
    ngx_string("key"), LLM_API_KEY, "token", "key_alias",
    LLM_SUBJECT_KEY,
    "Key not found in database",
    "Key already exists. Please use a different key.",
    "Key with alias '%V' already exists. Unique key aliases across all keys "
    "are required."
};


const ngx_http_llm_kind_t  ngx_http_llm_kind_budget = {
    ngx_string("budget"), LLM_API_BUDGET, "budget_id", NULL,
    LLM_SUBJECT_TYPES,
    "Budget not found, passed budget_id=%V.",
    "Budget with id %V already exists.",
    ""
};


const ngx_http_llm_kind_t  ngx_http_llm_kind_tag = {
    ngx_string("tag"), LLM_API_TAG, "name", NULL,
    LLM_SUBJECT_TAG,
    "Tag %V not found",
    "Tag %V already exists",
    ""
};


const ngx_http_llm_kind_t  ngx_http_llm_kind_group = {
    ngx_string("access_group"), LLM_API_GROUP, "access_group", NULL,
    LLM_SUBJECT_TYPES,
    "Access group '%V' not found",
    "Access group '%V' already exists",
    ""
};


const ngx_http_llm_kind_t  ngx_http_llm_kind_member = {
    ngx_string("team_member"), LLM_API_MEMBER, "user_id", NULL,
    LLM_SUBJECT_TEAM_USER,
    "User not found in team",
    "User is in the team already",
    ""
};


ngx_http_llm_edit_t *
ngx_http_llm_call_edit_of(ngx_http_llm_call_t *call,
    const ngx_http_llm_kind_t *kind, const ngx_str_t *id)
{
    ngx_uint_t            i;
    ngx_http_llm_edit_t  *edits;

    edits = call->edits.elts;

    for (i = 0; i < call->edits.nelts; i++) {
        if (edits[i].kind == kind
            && edits[i].id.len == id->len
            && ngx_memcmp(edits[i].id.data, id->data, id->len) == 0)
        {
            return &edits[i];
        }
    }

    return NULL;
}


ngx_int_t
ngx_http_llm_call_edit(ngx_http_llm_call_t *call,
    const ngx_http_llm_kind_t *kind, ngx_str_t *id, json_t *doc,
    int64_t version)
{
    ngx_http_llm_edit_t  *edit;

    edit = ngx_array_push(&call->edits);
    if (edit == NULL) {
        ngx_http_llm_call_end(call, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return NGX_ERROR;
    }

    edit->kind = kind;
    edit->id = *id;
    edit->doc = doc;
    edit->version = version;
    ngx_str_null(&edit->text);

    return NGX_OK;
}


void
ngx_http_llm_call_commit(ngx_http_llm_call_t *call, ngx_http_llm_call_pt done)
{
    ngx_uint_t            i;
    llm_store_op_t       *op;
    llm_store_change_t   *changes;
    ngx_http_llm_edit_t  *edits;

    edits = call->edits.elts;
    call->committed = done;

    for (i = 0; i < call->edits.nelts; i++) {
        if (ngx_http_llm_change_prepare(call, &edits[i]) != NGX_OK) {
            return;
        }
    }

    op = ngx_http_llm_call_op(call, LLM_STORE_CHANGE,
                              ngx_http_llm_change_made);
    if (op == NULL) {
        return;
    }

    changes = ngx_pcalloc(call->pool,
                          call->edits.nelts * sizeof(llm_store_change_t));

    for (i = 0; changes && i < call->edits.nelts; i++) {
        if (ngx_http_llm_change_fill(call, op, &changes[i], &edits[i])
            != NGX_OK)
        {
            changes = NULL;
        }
    }

    if (changes == NULL) {
        ngx_http_llm_store_free(call->task);
        ngx_http_llm_call_end(call, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    op->change.changes = changes;
    op->change.nchanges = call->edits.nelts;
    op->change.time = ngx_http_llm_call_now();

    ngx_http_llm_change_actor(call, &op->change.actor);

    ngx_http_llm_call_run(call);
}


/* What the zone could not take is not made. */

static ngx_int_t
ngx_http_llm_change_prepare(ngx_http_llm_call_t *call,
    ngx_http_llm_edit_t *edit)
{
    char        error[LLM_ENTITY_ERROR];
    char       *text;
    ngx_int_t   rc;

    if (edit->doc) {

        if (ngx_http_llm_change_stamp(call, edit) != NGX_OK) {
            ngx_http_llm_call_end(call, NGX_HTTP_INTERNAL_SERVER_ERROR);
            return NGX_ERROR;
        }

        text = json_dumps(edit->doc, JSON_COMPACT
                                     |JSON_REAL_PRECISION(LLM_API_DIGITS));
        if (text == NULL) {
            ngx_http_llm_call_end(call, NGX_HTTP_INTERNAL_SERVER_ERROR);
            return NGX_ERROR;
        }

        edit->text.data = (u_char *) text;
        edit->text.len = ngx_strlen(text);
        edit->text.data = ngx_pstrdup(call->pool, &edit->text);

        free(text);

        if (edit->text.data == NULL) {
            ngx_http_llm_call_end(call, NGX_HTTP_INTERNAL_SERVER_ERROR);
            return NGX_ERROR;
        }

        if (edit->text.len > LLM_API_DOCUMENT) {
            ngx_http_llm_call_error(call, NGX_HTTP_BAD_REQUEST,
                                    "bad_request", NULL, "It has more than "
                                    "%d bytes", LLM_API_DOCUMENT);
            return NGX_ERROR;
        }
    }

    rc = ngx_http_llm_entity_check(call->api->admin.zone.zone,
                                   (ngx_str_t *) &edit->kind->kind, &edit->id,
                                   &edit->text, error);

    switch (rc) {

    case NGX_OK:
        return NGX_OK;

    case NGX_DECLINED:
        ngx_http_llm_call_error(call, NGX_HTTP_BAD_REQUEST, "bad_request",
                                NULL, "%s", error);
        return NGX_ERROR;

    default: /* NGX_BUSY */
        ngx_http_llm_call_error(call, NGX_HTTP_INSUFFICIENT_STORAGE,
                                "zone_full", NULL, "%s", error);
        return NGX_ERROR;
    }
}


static ngx_int_t
ngx_http_llm_change_stamp(ngx_http_llm_call_t *call,
    ngx_http_llm_edit_t *edit)
{
    u_char       now[LLM_API_TIME];
    json_t      *doc;
    ngx_str_t    by;

    doc = edit->doc;

    (void) llm_api_time(now, ngx_http_llm_call_now());

    by = call->changed_by;

    if (by.len == 0) {
        ngx_str_set(&by, "default_user_id");
    }

    if (json_object_get(doc, "created_at") == NULL
        && (json_object_set_new(doc, "created_at",
                                json_stringn((char *) now, LLM_API_TIME))
            || json_object_set_new(doc, "created_by",
                                   json_stringn((char *) by.data, by.len))))
    {
        return NGX_ERROR;
    }

    return json_object_set_new(doc, "updated_at",
                               json_stringn((char *) now, LLM_API_TIME))
           || json_object_set_new(doc, "updated_by",
                                  json_stringn((char *) by.data, by.len))
           ? NGX_ERROR : NGX_OK;
}


static ngx_int_t
ngx_http_llm_change_fill(ngx_http_llm_call_t *call, llm_store_op_t *op,
    llm_store_change_t *change, ngx_http_llm_edit_t *edit)
{
    size_t       len;
    const char  *alias;

    ngx_http_llm_store_set(&change->kind, &edit->kind->kind);
    ngx_http_llm_store_set(&change->id, &edit->id);

    change->version = edit->version;
    change->action.data = (u_char *) call->route->path;
    change->action.len = ngx_strlen(call->route->path);

    if (edit->doc == NULL) {
        return NGX_OK;
    }

    ngx_http_llm_store_set(&change->json, &edit->text);

    if (edit->kind->alias) {
        alias = llm_api_string(edit->doc, edit->kind->alias, &len);

        if (alias && len) {
            change->alias.data = (u_char *) alias;
            change->alias.len = len;
        }
    }

    return ngx_http_llm_change_refs(call, change, edit);
}


/* By whom it is found. */

static ngx_int_t
ngx_http_llm_change_refs(ngx_http_llm_call_t *call,
    llm_store_change_t *change, ngx_http_llm_edit_t *edit)
{
    size_t            i;
    json_t           *doc, *member;
    llm_store_ref_t  *refs;

    doc = edit->doc;

    refs = ngx_palloc(call->pool, LLM_STORE_REFS * sizeof(llm_store_ref_t));
    if (refs == NULL) {
        return NGX_ERROR;
    }

    change->refs = refs;

    if (edit->kind != &ngx_http_llm_kind_team) {
        ngx_http_llm_change_ref(change, refs, "team",
                                json_object_get(doc, "team_id"));
    }

    if (edit->kind == &ngx_http_llm_kind_key
        || edit->kind == &ngx_http_llm_kind_member)
    {
        ngx_http_llm_change_ref(change, refs, "user",
                                json_object_get(doc, "user_id"));
    }

    if (edit->kind != &ngx_http_llm_kind_budget) {
        ngx_http_llm_change_ref(change, refs, "budget",
                                json_object_get(doc, "budget_id"));
    }

    json_array_foreach(json_object_get(doc, "members_with_roles"), i, member) {
        ngx_http_llm_change_ref(change, refs, "user",
                                json_object_get(member, "user_id"));
    }

    return NGX_OK;
}


static void
ngx_http_llm_change_ref(llm_store_change_t *change, llm_store_ref_t *refs,
    const char *name, const json_t *value)
{
    llm_store_ref_t  *ref;

    if (!json_is_string(value)
        || json_string_length(value) == 0
        || change->nrefs == LLM_STORE_REFS)
    {
        return;
    }

    ref = &refs[change->nrefs++];

    ref->name.data = (u_char *) name;
    ref->name.len = ngx_strlen(name);
    ref->value.data = (u_char *) json_string_value(value);
    ref->value.len = json_string_length(value);
}


static void
ngx_http_llm_change_actor(ngx_http_llm_call_t *call, llm_store_actor_t *actor)
{
    ngx_str_t  reason;

    ngx_http_llm_store_set(&actor->who, &call->changed_by);
    ngx_http_llm_store_set(&actor->address, &call->address);

    /* not its digest, which would tell who guesses whether he is right */

    actor->key.data = (u_char *) "master";
    actor->key.len = sizeof("master") - 1;

    if (ngx_http_llm_call_arg(call, "reason", &reason)) {
        ngx_http_llm_store_set(&actor->reason, &reason);
        actor->reason.len = ngx_min(reason.len, LLM_API_STRING);
    }
}


static void
ngx_http_llm_change_made(ngx_http_llm_call_t *call, llm_store_op_t *op)
{
    ngx_http_llm_edit_t  *edit;

    edit = call->edits.elts;
    edit += op->change.failed;

    switch (op->status) {

    case LLM_STORE_OK:
        ngx_http_llm_change_publish(call, op);
        call->committed(call);
        return;

    case LLM_STORE_EXISTS:
        ngx_http_llm_change_exists(call, op, edit);
        return;

    case LLM_STORE_NOT_FOUND:

        if (edit->version == LLM_STORE_ANY_VERSION) {
            ngx_http_llm_call_missing(call, edit->kind, &edit->id);
            return;
        }

        /* fall through */

    default: /* LLM_STORE_CONFLICT */

        if (call->tries++ == NGX_HTTP_LLM_CHANGE_TRIES) {
            ngx_http_llm_call_error(call, NGX_HTTP_CONFLICT, "conflict", NULL,
                                    "Others change it all the time, try "
                                    "again later.");
            return;
        }

        call->edits.nelts = 0;
        call->route->handler(call);
    }
}


static void
ngx_http_llm_change_exists(ngx_http_llm_call_t *call, llm_store_op_t *op,
    ngx_http_llm_edit_t *edit)
{
    ngx_str_t    name;
    const char  *alias;

    if (!op->change.taken_alias) {
        ngx_http_llm_call_error(call, NGX_HTTP_BAD_REQUEST, "bad_request",
                                edit->kind->id, edit->kind->exists, &edit->id);
        return;
    }

    alias = llm_api_string(edit->doc, edit->kind->alias, &name.len);
    name.data = (u_char *) alias;

    ngx_http_llm_call_error(call, NGX_HTTP_BAD_REQUEST, "bad_request_error",
                            edit->kind->alias, edit->kind->taken, &name);
}


void
ngx_http_llm_call_missing(ngx_http_llm_call_t *call,
    const ngx_http_llm_kind_t *kind, ngx_str_t *id)
{
    ngx_str_t    place;
    const char  *param;

    if (kind == &ngx_http_llm_kind_team
        && ngx_http_llm_call_configured(call, id, &place))
    {
        ngx_http_llm_call_error(call, NGX_HTTP_BAD_REQUEST, "bad_request",
                                kind->id, "Team=%V is set in %V: change it "
                                "there, or override it with /team/new.", id,
                                &place);
        return;
    }

    /* as its calls name them */

    param = kind == &ngx_http_llm_kind_key ? "key"
            : kind == &ngx_http_llm_kind_customer ? "end_user_id" : kind->id;

    ngx_http_llm_call_error(call, NGX_HTTP_NOT_FOUND, "not_found", param,
                            kind->missing, id);
}


/* It is made, whatever the zone says now: it had room a moment ago, and learns
   it from the store when it has again. */

static void
ngx_http_llm_change_publish(ngx_http_llm_call_t *call, llm_store_op_t *op)
{
    char                  error[LLM_ENTITY_ERROR];
    ngx_uint_t            i;
    ngx_http_llm_edit_t  *edits;

    edits = call->edits.elts;

    for (i = 0; i < call->edits.nelts; i++) {

        if (ngx_http_llm_entity_publish(call->api->admin.zone.zone,
                                        (ngx_str_t *) &edits[i].kind->kind,
                                        &edits[i].id,
                                        op->change.changes[i].changed,
                                        &edits[i].text, error)
            != NGX_OK)
        {
            ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                          "llm_quota_api: %V \"%V\" is not in effect yet: %s",
                          &edits[i].kind->kind, &edits[i].id, error);
        }

        edits[i].version = op->change.changes[i].changed;
        ngx_http_llm_call_note(call, &op->change, i);
    }
}
