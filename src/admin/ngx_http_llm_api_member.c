
/*
 * Copyright (C) the llm_quota authors
 */


#include "ngx_http_llm_api_calls.h"
#include "llm_text.h"


/* The members of a team: each is in the team's own document, with his role,
   and has one of his own where he has limits. */


#define NGX_HTTP_LLM_MEMBERS  250


typedef struct {
    ngx_str_t                user;
    ngx_str_t                id;             /* team, NUL, user */
    size_t                   at;             /* among the team's */
} ngx_http_llm_member_t;


static void ngx_http_llm_member_team(ngx_http_llm_call_t *call,
    ngx_http_llm_step_pt next);
static json_t *ngx_http_llm_member_list(ngx_http_llm_call_t *call,
    llm_store_op_t *op);
static void ngx_http_llm_member_add(ngx_http_llm_call_t *call,
    llm_store_op_t *op);
static ngx_int_t ngx_http_llm_member_put(ngx_http_llm_call_t *call,
    json_t *members, json_t *member);
static json_t *ngx_http_llm_member_limits(ngx_http_llm_call_t *call,
    ngx_str_t *user, const json_t *role);
static void ngx_http_llm_member_added(ngx_http_llm_call_t *call);
static void ngx_http_llm_member_bulk(ngx_http_llm_call_t *call,
    llm_store_op_t *op);
static json_t *ngx_http_llm_member_result(ngx_http_llm_call_t *call,
    json_t *members, const json_t *member);
static void ngx_http_llm_member_bulk_added(ngx_http_llm_call_t *call);
static void ngx_http_llm_member_find(ngx_http_llm_call_t *call,
    llm_store_op_t *op);
static void ngx_http_llm_member_change(ngx_http_llm_call_t *call,
    llm_store_op_t *op);
static ngx_int_t ngx_http_llm_member_merge(ngx_http_llm_call_t *call,
    json_t *doc, const llm_store_text_t *before);
static void ngx_http_llm_member_updated(ngx_http_llm_call_t *call);
static ngx_int_t ngx_http_llm_member_user(ngx_http_llm_call_t *call,
    const json_t *member, ngx_str_t *user);
static int ngx_http_llm_member_name(const json_t *member, ngx_str_t *user,
    llm_api_fault_t *fault);
static void ngx_http_llm_member_permissions(ngx_http_llm_call_t *call,
    llm_store_op_t *op);


/* What a member may have of his own, and what of the team stands for it. */

static const char  *ngx_http_llm_member_names[][2] = {
    { "max_budget_in_team", "team_member_budget" },
    { "budget_duration", "team_member_budget_duration" },
    { "rpm_limit", "team_member_rpm_limit" },
    { "tpm_limit", "team_member_tpm_limit" },
    { "allowed_models", NULL },
    { NULL, NULL }
};


static void
ngx_http_llm_member_team(ngx_http_llm_call_t *call, ngx_http_llm_step_pt next)
{
    ngx_str_t  id;

    if (ngx_http_llm_call_needs(call, "team_id", &id) == NGX_OK) {
        ngx_http_llm_call_load(call, &ngx_http_llm_kind_team.kind, &id, next);
    }
}


void
ngx_http_llm_api_member_add(ngx_http_llm_call_t *call)
{
    ngx_http_llm_member_team(call, ngx_http_llm_member_add);
}


/* The members of the team that was loaded, to be changed; NULL: it was
   answered. */

static json_t *
ngx_http_llm_member_list(ngx_http_llm_call_t *call, llm_store_op_t *op)
{
    json_t  *members;

    if (ngx_http_llm_call_loaded(call, op, &ngx_http_llm_kind_team) != NGX_OK)
    {
        return NULL;
    }

    members = json_object_get(call->record.doc, "members_with_roles");
    members = json_is_array(members) ? json_incref(members) : json_array();

    if (json_object_set_new(call->record.doc, "members_with_roles", members)
        != 0)
    {
        ngx_http_llm_call_end(call, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return NULL;
    }

    return ngx_http_llm_call_edit(call, &ngx_http_llm_kind_team,
                                  &call->record.id, call->record.doc,
                                  call->record.version)
           == NGX_OK ? members : NULL;
}


static void
ngx_http_llm_member_add(ngx_http_llm_call_t *call, llm_store_op_t *op)
{
    size_t            i;
    json_t           *member, *members, *added;
    llm_api_fault_t   fault;

    members = ngx_http_llm_member_list(call, op);

    if (members == NULL) {
        return;
    }

    added = json_object_get(call->body, "member");

    if (json_is_object(added)) {

        if (ngx_http_llm_member_put(call, members, added) != NGX_OK) {
            return;
        }

    } else if (json_is_array(added) && json_array_size(added)) {

        json_array_foreach(added, i, member) {
            if (ngx_http_llm_member_put(call, members, member) != NGX_OK) {
                return;
            }
        }

    } else {
        fault.status = NGX_HTTP_LLM_API_INVALID;
        fault.member = "member";
        fault.what = added ? "Input should be a valid dictionary or list"
                           : "Field required";

        ngx_http_llm_call_fault(call, &fault);
        return;
    }

    ngx_http_llm_call_commit(call, ngx_http_llm_member_added);
}


static ngx_int_t
ngx_http_llm_member_put(ngx_http_llm_call_t *call, json_t *members,
    json_t *member)
{
    size_t            at;
    json_t           *role, *limits;
    ngx_str_t         user, id;
    llm_api_fault_t   fault;

    if (ngx_http_llm_member_user(call, member, &user) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_http_llm_member_at(members, &user, &at)) {
        ngx_http_llm_call_error(call, NGX_HTTP_BAD_REQUEST,
                                "team_member_already_in_team", "user_id",
                                "User=%V is already in the team.", &user);
        return NGX_ERROR;
    }

    if (json_array_size(members) == NGX_HTTP_LLM_MEMBERS) {
        ngx_http_llm_call_error(call, NGX_HTTP_BAD_REQUEST, "bad_request",
                                "member", "A team has at most %d members.",
                                NGX_HTTP_LLM_MEMBERS);
        return NGX_ERROR;
    }

    role = json_object_get(member, "role");

    if (role == NULL) {
        fault.status = NGX_HTTP_LLM_API_INVALID;
        fault.member = "role";
        fault.what = "Field required";

        ngx_http_llm_call_fault(call, &fault);
        return NGX_ERROR;
    }

    limits = ngx_http_llm_member_limits(call, &user, role);

    if (limits == NULL) {
        return NGX_ERROR;
    }

    if (json_array_append_new(members, json_pack("{s:s%, s:O}", "user_id",
                                                 user.data, user.len, "role",
                                                 role))
        != 0)
    {
        ngx_http_llm_call_end(call, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return NGX_ERROR;
    }

    if (json_object_size(limits) == 0) {
        return NGX_OK;
    }

    if (ngx_http_llm_member_id(call, &call->record.id, &user, &id) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_llm_call_edit(call, &ngx_http_llm_kind_member, &id, limits,
                                  LLM_STORE_ANY_VERSION);
}


/* The document of a member, empty where he has nothing of his own; what the
   team has for all members is his then, too, and else counts by itself.
   NULL: it was answered. */

static json_t *
ngx_http_llm_member_limits(ngx_http_llm_call_t *call, ngx_str_t *user,
    const json_t *role)
{
    json_t            *doc, *own, *value;
    ngx_uint_t         i;
    llm_api_fault_t    fault;

    doc = ngx_http_llm_call_keep(call, json_object());
    own = ngx_http_llm_call_keep(call, json_object());

    if (doc == NULL || own == NULL) {
        ngx_http_llm_call_end(call, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return NULL;
    }

    (void) json_object_set(own, "role", (json_t *) role);

    for (i = 0; ngx_http_llm_member_names[i][0]; i++) {
        value = json_object_get(call->body, ngx_http_llm_member_names[i][0]);

        if (value) {
            (void) json_object_set(own, ngx_http_llm_member_names[i][0],
                                   value);
        }
    }

    if (llm_api_merge(doc, own, LLM_API_MEMBER, &fault) != 0) {
        ngx_http_llm_call_fault(call, &fault);
        return NULL;
    }

    if (json_object_size(own) == 1) {
        (void) json_object_clear(doc);
        return doc;
    }

    for (i = 0; ngx_http_llm_member_names[i][1]; i++) {
        value = json_object_get(call->record.doc,
                                ngx_http_llm_member_names[i][1]);

        if (value
            && json_object_get(doc, ngx_http_llm_member_names[i][0]) == NULL)
        {
            (void) json_object_set(doc, ngx_http_llm_member_names[i][0],
                                   value);
        }
    }

    (void) json_object_set_new(doc, "user_id",
                               json_stringn((char *) user->data, user->len));
    (void) json_object_set_new(doc, "team_id",
                               json_stringn((char *) call->record.id.data,
                                            call->record.id.len));
    return doc;
}


static void
ngx_http_llm_member_added(ngx_http_llm_call_t *call)
{
    ngx_uint_t            i;
    ngx_http_llm_edit_t  *edits;

    edits = call->edits.elts;

    ngx_http_llm_call_edited(call, 0);
    (void) ngx_http_llm_record_spend(call, &call->record);

    ngx_http_llm_out_open(call, '{');
    ngx_http_llm_out_record(call, &call->record);

    ngx_http_llm_out_name(call, "updated_users");
    ngx_http_llm_out_open(call, '[');
    ngx_http_llm_out_close(call, ']');

    ngx_http_llm_out_name(call, "updated_team_memberships");
    ngx_http_llm_out_open(call, '[');

    for (i = 1; i < call->edits.nelts; i++) {
        if (edits[i].doc) {
            ngx_http_llm_out_json(call, edits[i].doc);
        }
    }

    ngx_http_llm_out_close(call, ']');
    ngx_http_llm_out_close(call, '}');

    ngx_http_llm_call_answer(call, NGX_HTTP_OK);
}


/* Of several each one says whether he was added. */

void
ngx_http_llm_api_member_bulk_add(ngx_http_llm_call_t *call)
{
    json_t  *added;

    if (json_is_true(json_object_get(call->body, "all_users"))) {
        ngx_http_llm_call_error(call, NGX_HTTP_BAD_REQUEST, "bad_request",
                                "all_users", "all_users is not supported: "
                                "name the members");
        return;
    }

    if (ngx_http_llm_call_items(call, "members", &added) == NGX_OK) {
        ngx_http_llm_member_team(call, ngx_http_llm_member_bulk);
    }
}


static void
ngx_http_llm_member_bulk(ngx_http_llm_call_t *call, llm_store_op_t *op)
{
    size_t   i;
    json_t  *member, *members, *results, *result;

    members = ngx_http_llm_member_list(call, op);

    if (members == NULL) {
        return;
    }

    results = ngx_http_llm_call_keep(call, json_array());
    call->data = results;

    json_array_foreach(json_object_get(call->body, "members"), i, member) {

        result = ngx_http_llm_member_result(call, members, member);

        if (json_is_true(json_object_get(result, "success"))
            && ngx_http_llm_member_put(call, members, member) != NGX_OK)
        {
            json_decref(result);
            return;
        }

        if (json_array_append_new(results, result) != 0) {
            ngx_http_llm_call_end(call, NGX_HTTP_INTERNAL_SERVER_ERROR);
            return;
        }
    }

    ngx_http_llm_call_commit(call, ngx_http_llm_member_bulk_added);
}


/* What is wrong with him, and not with all of them, is told beside him. */

static json_t *
ngx_http_llm_member_result(ngx_http_llm_call_t *call, json_t *members,
    const json_t *member)
{
    size_t                  at;
    ngx_str_t               user;
    llm_api_fault_t         fault;
    const llm_api_field_t  *role;

    fault.what = NULL;
    role = llm_api_field("role", LLM_API_MEMBER);

    if (ngx_http_llm_member_name(member, &user, &fault) == 0) {

        if (ngx_http_llm_member_at(members, &user, &at)) {
            fault.what = "is already in the team";

        } else {
            (void) llm_api_check(role, json_object_get(member, "role"),
                                 &fault);
        }
    }

    return json_pack("{s:O?, s:O?, s:b, s:s?}",
                     "user_id", json_object_get(member, "user_id"),
                     "user_email", json_object_get(member, "user_email"),
                     "success", fault.what == NULL, "error", fault.what);
}


static void
ngx_http_llm_member_bulk_added(ngx_http_llm_call_t *call)
{
    size_t   i, n, added;
    json_t  *result;

    n = json_array_size(call->data);
    added = 0;

    json_array_foreach((json_t *) call->data, i, result) {
        added += json_is_true(json_object_get(result, "success"));
    }

    ngx_http_llm_call_edited(call, 0);
    (void) ngx_http_llm_record_spend(call, &call->record);

    ngx_http_llm_out_open(call, '{');

    ngx_http_llm_out_name(call, "team_id");
    ngx_http_llm_out_str(call, &call->record.id);
    ngx_http_llm_out_name(call, "results");
    ngx_http_llm_out_json(call, call->data);
    ngx_http_llm_out_count(call, "total_requested", n);
    ngx_http_llm_out_count(call, "successful_additions", added);
    ngx_http_llm_out_count(call, "failed_additions", n - added);

    ngx_http_llm_out_name(call, "updated_team");
    ngx_http_llm_out_open(call, '{');
    ngx_http_llm_out_record(call, &call->record);
    ngx_http_llm_out_close(call, '}');

    ngx_http_llm_out_close(call, '}');

    ngx_http_llm_call_answer(call, NGX_HTTP_OK);
}


void
ngx_http_llm_api_member_update(ngx_http_llm_call_t *call)
{
    ngx_http_llm_member_team(call, ngx_http_llm_member_find);
}


void
ngx_http_llm_api_member_delete(ngx_http_llm_call_t *call)
{
    ngx_http_llm_member_team(call, ngx_http_llm_member_find);
}


/* The team is there: is he in it, and what has he of his own? */

static void
ngx_http_llm_member_find(ngx_http_llm_call_t *call, llm_store_op_t *op)
{
    ngx_http_llm_member_t  *m;

    if (ngx_http_llm_call_loaded(call, op, &ngx_http_llm_kind_team) != NGX_OK)
    {
        return;
    }

    m = ngx_pcalloc(call->pool, sizeof(ngx_http_llm_member_t));
    if (m == NULL) {
        ngx_http_llm_call_end(call, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    call->data = m;

    if (ngx_http_llm_member_user(call, call->body, &m->user) != NGX_OK) {
        return;
    }

    if (ngx_http_llm_member_at(json_object_get(call->record.doc,
                                               "members_with_roles"),
                               &m->user, &m->at)
        == NULL)
    {
        ngx_http_llm_call_missing(call, &ngx_http_llm_kind_member, &m->user);
        return;
    }

    if (ngx_http_llm_member_id(call, &call->record.id, &m->user, &m->id)
        == NGX_OK)
    {
        ngx_http_llm_call_load(call, &ngx_http_llm_kind_member.kind, &m->id,
                               ngx_http_llm_member_change);
    }
}


static void
ngx_http_llm_member_change(ngx_http_llm_call_t *call, llm_store_op_t *op)
{
    ngx_http_llm_member_t *m = call->data;

    json_t      *doc, *members, *member, *role;
    ngx_uint_t   removed;

    doc = NULL;
    removed = (call->route->handler == ngx_http_llm_api_member_delete);
    members = json_object_get(call->record.doc, "members_with_roles");
    role = json_object_get(call->body, "role");

    if (removed) {
        (void) json_array_remove(members, m->at);

    } else {
        member = json_array_get(members, m->at);

        if (role == NULL) {
            role = json_object_get(member, "role");
        }

        doc = ngx_http_llm_member_limits(call, &m->user, role);

        if (doc == NULL) {
            return;
        }

        (void) json_object_set(member, "role", role);
    }

    if (ngx_http_llm_call_edit(call, &ngx_http_llm_kind_team,
                               &call->record.id, call->record.doc,
                               call->record.version)
        != NGX_OK)
    {
        return;
    }

    if (op->status == LLM_STORE_OK && doc && json_object_size(doc)) {

        /* what he had and is not named stays */

        if (ngx_http_llm_member_merge(call, doc, &op->entity.json) != NGX_OK) {
            return;
        }
    }

    if ((doc ? json_object_size(doc) > 0 : op->status == LLM_STORE_OK)
        && ngx_http_llm_call_edit(call, &ngx_http_llm_kind_member, &m->id, doc,
                                  LLM_STORE_ANY_VERSION)
           != NGX_OK)
    {
        return;
    }

    ngx_http_llm_call_commit(call, removed ? ngx_http_llm_member_added
                                           : ngx_http_llm_member_updated);
}


static ngx_int_t
ngx_http_llm_member_merge(ngx_http_llm_call_t *call, json_t *doc,
    const llm_store_text_t *before)
{
    json_t      *had;
    ngx_uint_t   i;

    had = ngx_http_llm_call_document(call, before);

    if (had == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; ngx_http_llm_member_names[i][0]; i++) {
        if (json_object_get(call->body, ngx_http_llm_member_names[i][0])) {
            (void) json_object_del(had, ngx_http_llm_member_names[i][0]);
        }
    }

    (void) json_object_del(had, "role");

    return json_object_update(doc, had) == 0 ? NGX_OK : NGX_ERROR;
}


static void
ngx_http_llm_member_updated(ngx_http_llm_call_t *call)
{
    ngx_http_llm_member_t *m = call->data;

    json_t      *value;
    ngx_uint_t   i;

    ngx_http_llm_out_open(call, '{');

    ngx_http_llm_out_name(call, "team_id");
    ngx_http_llm_out_str(call, &call->record.id);
    ngx_http_llm_out_name(call, "user_id");
    ngx_http_llm_out_str(call, &m->user);

    value = json_object_get(call->body, "user_email");
    ngx_http_llm_out_name(call, "user_email");

    if (value) {
        ngx_http_llm_out_json(call, value);

    } else {
        ngx_http_llm_out_word(call, "null");
    }

    for (i = 0; ngx_http_llm_member_names[i][0]; i++) {
        value = json_object_get(call->body, ngx_http_llm_member_names[i][0]);

        if (value) {
            ngx_http_llm_out_name(call, ngx_http_llm_member_names[i][0]);
            ngx_http_llm_out_json(call, value);
        }
    }

    ngx_http_llm_out_close(call, '}');

    ngx_http_llm_call_answer(call, NGX_HTTP_OK);
}


ngx_int_t
ngx_http_llm_member_id(ngx_http_llm_call_t *call, ngx_str_t *team,
    ngx_str_t *user, ngx_str_t *id)
{
    u_char  *p;

    id->len = team->len + 1 + user->len;
    id->data = ngx_pnalloc(call->pool, id->len);

    if (id->data == NULL) {
        ngx_http_llm_call_end(call, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return NGX_ERROR;
    }

    p = ngx_cpymem(id->data, team->data, team->len);
    *p++ = '\0';
    ngx_memcpy(p, user->data, user->len);

    return NGX_OK;
}


/* By his id, or by his address, which then is his id. */

static ngx_int_t
ngx_http_llm_member_user(ngx_http_llm_call_t *call, const json_t *member,
    ngx_str_t *user)
{
    llm_api_fault_t  fault;

    if (ngx_http_llm_member_name(member, user, &fault) == 0) {
        return NGX_OK;
    }

    ngx_http_llm_call_fault(call, &fault);

    return NGX_ERROR;
}


static int
ngx_http_llm_member_name(const json_t *member, ngx_str_t *user,
    llm_api_fault_t *fault)
{
    user->data = (u_char *) llm_api_string(member, "user_id", &user->len);

    if (user->data == NULL) {
        user->data = (u_char *) llm_api_string(member, "user_email",
                                               &user->len);
    }

    fault->member = "user_id";

    if (user->data == NULL) {
        fault->status = NGX_HTTP_LLM_API_INVALID;
        fault->what = "Either user_id or user_email is required";

    } else if (!llm_text_is_id(user->data, user->len)) {
        fault->status = NGX_HTTP_BAD_REQUEST;
        fault->what = "should have 1 to 128 printable characters";

    } else {
        return 0;
    }

    return -1;
}


json_t *
ngx_http_llm_member_at(json_t *members, ngx_str_t *user, size_t *at)
{
    size_t       len;
    json_t      *member;
    const char  *id;

    for (*at = 0; *at < json_array_size(members); (*at)++) {

        member = json_array_get(members, *at);
        id = llm_api_string(member, "user_id", &len);

        if (id && len == user->len && ngx_memcmp(id, user->data, len) == 0) {
            return member;
        }
    }

    return NULL;
}


void
ngx_http_llm_api_permissions(ngx_http_llm_call_t *call)
{
    ngx_str_t  id;

    if (ngx_http_llm_call_asks(call, "team_id", &id) == NGX_OK) {
        ngx_http_llm_call_load(call, &ngx_http_llm_kind_team.kind, &id,
                               ngx_http_llm_member_permissions);
    }
}


static void
ngx_http_llm_member_permissions(ngx_http_llm_call_t *call, llm_store_op_t *op)
{
    json_t  *permissions;

    if (ngx_http_llm_call_loaded(call, op, &ngx_http_llm_kind_team) != NGX_OK)
    {
        return;
    }

    ngx_http_llm_out_open(call, '{');
    ngx_http_llm_out_name(call, "team_id");
    ngx_http_llm_out_str(call, &call->record.id);

    ngx_http_llm_out_name(call, "team_member_permissions");
    permissions = json_object_get(call->record.doc, "team_member_permissions");

    if (permissions) {
        ngx_http_llm_out_json(call, permissions);

    } else {
        ngx_http_llm_out_word(call, "[]");
    }

    ngx_http_llm_out_name(call, "all_available_permissions");
    ngx_http_llm_out_word(call, "[\"/key/info\",\"/key/health\"]");
    ngx_http_llm_out_close(call, '}');

    ngx_http_llm_call_answer(call, NGX_HTTP_OK);
}
