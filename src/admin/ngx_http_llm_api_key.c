
/*
 * Copyright (C) the llm_quota authors
 */


#include "ngx_http_llm_api_calls.h"
#include "llm_period.h"
#include <openssl/rand.h>


/* Virtual keys.  The key itself is shown once, when it is made; what is kept
   is its SHA-256, by which it is known from then on. */


#define NGX_HTTP_LLM_KEY_BYTES  16           /* at random */
#define NGX_HTTP_LLM_KEY_MAX    512


static ngx_int_t ngx_http_llm_key_make(ngx_http_llm_call_t *call,
    const char *member, json_t *doc, ngx_str_t *key, ngx_str_t *id);
static ngx_int_t ngx_http_llm_key_random(ngx_pool_t *pool, ngx_str_t *key);
static ngx_int_t ngx_http_llm_key_name(json_t *doc, ngx_str_t *key);
static ngx_int_t ngx_http_llm_key_expires(ngx_http_llm_call_t *call,
    json_t *doc, const char *member);
static ngx_int_t ngx_http_llm_key_of_body(ngx_http_llm_call_t *call,
    ngx_str_t *id);
static void ngx_http_llm_key_made(ngx_http_llm_call_t *call);
static void ngx_http_llm_key_tier(ngx_http_llm_call_t *call,
    llm_store_op_t *op);
static void ngx_http_llm_key_out(ngx_http_llm_call_t *call);
static void ngx_http_llm_key_update(ngx_http_llm_call_t *call,
    llm_store_op_t *op);
static void ngx_http_llm_key_updated(ngx_http_llm_call_t *call);
static void ngx_http_llm_key_info(ngx_http_llm_call_t *call,
    llm_store_op_t *op);
static void ngx_http_llm_key_shown(ngx_http_llm_call_t *call);
static void ngx_http_llm_key_block(ngx_http_llm_call_t *call,
    llm_store_op_t *op);
static void ngx_http_llm_key_blocked(ngx_http_llm_call_t *call);
static void ngx_http_llm_key_deleted(ngx_http_llm_call_t *call);
static void ngx_http_llm_key_alias(ngx_http_llm_call_t *call);
static void ngx_http_llm_key_aliased(ngx_http_llm_call_t *call,
    llm_store_op_t *op);
static void ngx_http_llm_key_regenerate(ngx_http_llm_call_t *call,
    llm_store_op_t *op);
static void ngx_http_llm_user_made(ngx_http_llm_call_t *call);


void
ngx_http_llm_api_key_new(ngx_http_llm_call_t *call)
{
    json_t     *doc;
    ngx_str_t  *key, id;

    key = ngx_palloc(call->pool, sizeof(ngx_str_t));
    doc = key ? ngx_http_llm_call_merge(call, &ngx_http_llm_kind_key, NULL)
              : NULL;

    if (doc == NULL
        || ngx_http_llm_key_make(call, "key", doc, key, &id) != NGX_OK
        || ngx_http_llm_key_expires(call, doc, "duration") != NGX_OK
        || ngx_http_llm_call_edit(call, &ngx_http_llm_kind_key, &id, doc, 0)
           != NGX_OK)
    {
        return;
    }

    call->data = key;

    ngx_http_llm_call_commit(call, ngx_http_llm_key_made);
}


/* The key that the body names, or a new one; its id and its name. */

static ngx_int_t
ngx_http_llm_key_make(ngx_http_llm_call_t *call, const char *member,
    json_t *doc, ngx_str_t *key, ngx_str_t *id)
{
    json_t           *value;
    llm_api_fault_t   fault;

    value = json_object_get(call->body, member);

    if (value && !json_is_null(value)) {

        key->data = (u_char *) json_string_value(value);
        key->len = json_string_length(value);

        if (!ngx_http_llm_call_is_digest(key)
            && (key->len < sizeof("sk-") + 4
                || key->len > NGX_HTTP_LLM_KEY_MAX
                || ngx_strncmp(key->data, "sk-", 3) != 0))
        {
            fault.status = NGX_HTTP_BAD_REQUEST;
            fault.member = member;
            fault.what = "must start with 'sk-' and have 8 to 512 bytes";

            ngx_http_llm_call_fault(call, &fault);
            return NGX_ERROR;
        }

    } else if (ngx_http_llm_key_random(call->pool, key) != NGX_OK) {
        ngx_http_llm_call_end(call, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return NGX_ERROR;
    }

    if (ngx_http_llm_call_key_id(call, key, id) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_http_llm_key_name(doc, key) != NGX_OK) {
        ngx_http_llm_call_end(call, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_key_random(ngx_pool_t *pool, ngx_str_t *key)
{
    u_char     bytes[NGX_HTTP_LLM_KEY_BYTES];
    ngx_str_t  src, dst;

    key->data = ngx_pnalloc(pool, 3 + ngx_base64_encoded_length(
                                          NGX_HTTP_LLM_KEY_BYTES));

    if (key->data == NULL || RAND_bytes(bytes, sizeof(bytes)) != 1) {
        return NGX_ERROR;
    }

    src.data = bytes;
    src.len = sizeof(bytes);

    dst.data = ngx_cpymem(key->data, "sk-", 3);

    ngx_encode_base64url(&dst, &src);

    key->len = 3 + dst.len;

    return NGX_OK;
}


/* Enough to tell keys apart, too little to guess one: "sk-...W8TA". */

static ngx_int_t
ngx_http_llm_key_name(json_t *doc, ngx_str_t *key)
{
    char  name[sizeof("sk-...") - 1 + 4];

    ngx_memcpy(name, "sk-...", 6);
    ngx_memcpy(name + 6, key->data + key->len - 4, 4);

    return json_object_set_new(doc, "key_name",
                               json_stringn(name, sizeof(name)))
           == 0 ? NGX_OK : NGX_ERROR;
}


/* "30d" from now on; null: for ever. */

static ngx_int_t
ngx_http_llm_key_expires(ngx_http_llm_call_t *call, json_t *doc,
    const char *member)
{
    ngx_int_t        rc;
    llm_api_fault_t  fault;

    rc = ngx_http_llm_call_expires(call, doc, call->body, member, &fault);

    if (rc == NGX_DECLINED) {
        ngx_http_llm_call_fault(call, &fault);

    } else if (rc == NGX_ERROR) {
        ngx_http_llm_call_end(call, NGX_HTTP_INTERNAL_SERVER_ERROR);
    }

    return rc;
}


ngx_int_t
ngx_http_llm_call_expires(ngx_http_llm_call_t *call, json_t *doc,
    const json_t *body, const char *member, llm_api_fault_t *fault)
{
    size_t         len;
    json_t        *value;
    u_char         text[LLM_API_TIME];
    int64_t        start, end;
    const char    *duration;
    llm_period_t   period;

    fault->status = 0;

    value = json_object_get(body, member);

    if (value == NULL) {
        return NGX_OK;
    }

    if (json_is_null(value)) {
        return json_object_set(doc, "expires", value) == 0 ? NGX_OK
                                                           : NGX_ERROR;
    }

    duration = llm_api_string(body, member, &len);

    if (duration == NULL
        || llm_period_parse((u_char *) duration, len, &period) != 0)
    {
        fault->status = NGX_HTTP_BAD_REQUEST;
        fault->member = member;
        fault->what = "is not a duration such as \"30d\"";

        return NGX_DECLINED;
    }

    switch (LLM_PERIOD_KIND(period)) {

    case LLM_PERIOD_SECONDS:
        end = ngx_time() + LLM_PERIOD_N(period);
        break;

    case LLM_PERIOD_WEEK:
        end = ngx_time() + 7 * 86400;
        break;

    case LLM_PERIOD_DAYS:
        end = ngx_time() + (int64_t) LLM_PERIOD_N(period) * 86400;
        break;

    default: /* LLM_PERIOD_MONTH */

        llm_period_bounds(period, &call->api->admin.zone.zone->clock.calendar,
                          ngx_time(), &start, &end);
        end = ngx_time() + end - start;
    }

    return json_object_set_new(doc, "expires",
                               json_stringn((char *) text,
                                            llm_api_time(text, end * 1000)
                                            - text))
           == 0 ? NGX_OK : NGX_ERROR;
}


/* Of a key its SHA-256; what is one already is taken as it is. */


static ngx_int_t
ngx_http_llm_key_of_body(ngx_http_llm_call_t *call, ngx_str_t *id)
{
    ngx_str_t  key;

    if (ngx_http_llm_call_needs(call, "key", &key) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_llm_call_key_id(call, &key, id);
}


/* What is made is shown with the tier that it has. */

static void
ngx_http_llm_key_made(ngx_http_llm_call_t *call)
{
    ngx_str_t   id;

    ngx_http_llm_call_edited(call, call->edits.nelts - 1);
    (void) ngx_http_llm_record_spend(call, &call->record);

    id.data = (u_char *) llm_api_string(call->record.doc, "budget_id",
                                        &id.len);

    if (id.len == 0) {
        ngx_http_llm_key_out(call);
        return;
    }

    ngx_http_llm_call_load(call, &ngx_http_llm_kind_budget.kind, &id,
                           ngx_http_llm_key_tier);
}


static void
ngx_http_llm_key_tier(ngx_http_llm_call_t *call, llm_store_op_t *op)
{
    json_t  *tier;

    if (op->status == LLM_STORE_OK) {
        tier = ngx_http_llm_call_document(call, &op->entity.json);
        if (tier == NULL) {
            return;
        }

        call->tier = tier;
    }

    ngx_http_llm_key_out(call);
}


static void
ngx_http_llm_key_out(ngx_http_llm_call_t *call)
{
    ngx_str_t *key = call->data;

    ngx_http_llm_out_open(call, '{');

    ngx_http_llm_out_name(call, "key");
    ngx_http_llm_out_str(call, key);
    ngx_http_llm_out_name(call, "token");
    ngx_http_llm_out_str(call, &call->record.id);
    ngx_http_llm_out_name(call, "token_id");
    ngx_http_llm_out_str(call, &call->record.id);

    ngx_http_llm_out_tier(call);
    ngx_http_llm_out_record(call, &call->record);

    ngx_http_llm_out_close(call, '}');

    ngx_http_llm_call_answer(call, NGX_HTTP_OK);
}


void
ngx_http_llm_out_tier(ngx_http_llm_call_t *call)
{
    ngx_http_llm_out_name(call, "litellm_budget_table");

    if (call->tier) {
        ngx_http_llm_out_json(call, call->tier);

    } else {
        ngx_http_llm_out_word(call, "null");
    }
}


void
ngx_http_llm_api_key_update(ngx_http_llm_call_t *call)
{
    ngx_str_t  id;

    if (ngx_http_llm_key_of_body(call, &id) == NGX_OK) {
        ngx_http_llm_call_load(call, &ngx_http_llm_kind_key.kind, &id,
                               ngx_http_llm_key_update);
    }
}


static void
ngx_http_llm_key_update(ngx_http_llm_call_t *call, llm_store_op_t *op)
{
    json_t  *doc;

    if (ngx_http_llm_call_loaded(call, op, &ngx_http_llm_kind_key) != NGX_OK) {
        return;
    }

    doc = ngx_http_llm_call_merge(call, &ngx_http_llm_kind_key,
                                  call->record.doc);

    if (doc
        && ngx_http_llm_key_expires(call, doc, "duration") == NGX_OK
        && ngx_http_llm_call_edit(call, &ngx_http_llm_kind_key,
                                  &call->record.id, doc, call->record.version)
           == NGX_OK)
    {
        ngx_http_llm_call_commit(call, ngx_http_llm_key_updated);
    }
}


static void
ngx_http_llm_key_updated(ngx_http_llm_call_t *call)
{
    ngx_http_llm_call_edited(call, 0);
    ngx_http_llm_call_spend(call, ngx_http_llm_key_blocked);
}


/* As it was sent, with its record. */

static void
ngx_http_llm_key_blocked(ngx_http_llm_call_t *call)
{
    ngx_http_llm_out_open(call, '{');

    ngx_http_llm_out_name(call, "key");
    ngx_http_llm_out_json(call, json_object_get(call->body, "key"));
    ngx_http_llm_out_name(call, "token");
    ngx_http_llm_out_str(call, &call->record.id);

    ngx_http_llm_out_record(call, &call->record);
    ngx_http_llm_out_close(call, '}');

    ngx_http_llm_call_answer(call, NGX_HTTP_OK);
}


/* A virtual key sees itself. */

void
ngx_http_llm_api_key_info(ngx_http_llm_call_t *call)
{
    ngx_str_t  *key, id;

    key = ngx_pcalloc(call->pool, sizeof(ngx_str_t));
    if (key == NULL) {
        ngx_http_llm_call_end(call, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    call->data = key;

    if (!ngx_http_llm_call_arg(call, "key", key) || key->len == 0) {

        if (call->key == NULL) {
            (void) ngx_http_llm_call_asks(call, "key", key);
            return;
        }

        *key = call->key_id;
    }

    if (ngx_http_llm_call_key_id(call, key, &id) != NGX_OK) {
        return;
    }

    if (call->key && ngx_memcmp(id.data, call->key_id.data, id.len) != 0) {
        ngx_http_llm_call_error(call, NGX_HTTP_FORBIDDEN, "auth_error", "key",
                                "You are not allowed to access this key's "
                                "info.");
        return;
    }

    ngx_http_llm_call_load(call, &ngx_http_llm_kind_key.kind, &id,
                           ngx_http_llm_key_info);
}


static void
ngx_http_llm_key_info(ngx_http_llm_call_t *call, llm_store_op_t *op)
{
    if (ngx_http_llm_call_loaded(call, op, &ngx_http_llm_kind_key) == NGX_OK) {
        ngx_http_llm_call_spend(call, ngx_http_llm_key_shown);
    }
}


static void
ngx_http_llm_key_shown(ngx_http_llm_call_t *call)
{
    ngx_str_t *key = call->data;

    ngx_http_llm_out_open(call, '{');

    ngx_http_llm_out_name(call, "key");
    ngx_http_llm_out_str(call, key);

    ngx_http_llm_out_name(call, "info");
    ngx_http_llm_out_open(call, '{');
    ngx_http_llm_out_record(call, &call->record);
    ngx_http_llm_out_tier(call);
    ngx_http_llm_out_close(call, '}');

    ngx_http_llm_out_close(call, '}');

    ngx_http_llm_call_answer(call, NGX_HTTP_OK);
}


void
ngx_http_llm_api_key_block(ngx_http_llm_call_t *call)
{
    ngx_str_t  id;

    if (ngx_http_llm_key_of_body(call, &id) == NGX_OK) {
        ngx_http_llm_call_load(call, &ngx_http_llm_kind_key.kind, &id,
                               ngx_http_llm_key_block);
    }
}


static void
ngx_http_llm_key_block(ngx_http_llm_call_t *call, llm_store_op_t *op)
{
    if (ngx_http_llm_call_loaded(call, op, &ngx_http_llm_kind_key) == NGX_OK) {
        ngx_http_llm_call_block(call, ngx_http_llm_key_updated);
    }
}


/* By the keys or their ids, or by their aliases, which are looked up one after
   the other. */

void
ngx_http_llm_api_key_delete(ngx_http_llm_call_t *call)
{
    size_t      i;
    json_t     *keys, *value;
    ngx_str_t   key, id;

    if (json_object_get(call->body, "key_aliases")
        && json_object_get(call->body, "keys") == NULL)
    {
        if (ngx_http_llm_call_ids(call, "key_aliases", &keys) == NGX_OK) {
            call->data = keys;
            ngx_http_llm_key_alias(call);
        }

        return;
    }

    if (ngx_http_llm_call_ids(call, "keys", &keys) != NGX_OK) {
        return;
    }

    call->data = keys;

    json_array_foreach(keys, i, value) {
        key.data = (u_char *) json_string_value(value);
        key.len = json_string_length(value);

        if (ngx_http_llm_call_key_id(call, &key, &id) != NGX_OK
            || ngx_http_llm_call_edit(call, &ngx_http_llm_kind_key, &id, NULL,
                                      LLM_STORE_ANY_VERSION)
               != NGX_OK)
        {
            return;
        }
    }

    ngx_http_llm_call_commit(call, ngx_http_llm_key_deleted);
}


static void
ngx_http_llm_key_alias(ngx_http_llm_call_t *call)
{
    json_t     *value;
    ngx_str_t   alias;

    value = json_array_get(call->data, call->edits.nelts);

    if (value == NULL) {
        ngx_http_llm_call_commit(call, ngx_http_llm_key_deleted);
        return;
    }

    alias.data = (u_char *) json_string_value(value);
    alias.len = json_string_length(value);

    ngx_http_llm_call_load_alias(call, &ngx_http_llm_kind_key.kind, &alias,
                                 ngx_http_llm_key_aliased);
}


static void
ngx_http_llm_key_aliased(ngx_http_llm_call_t *call, llm_store_op_t *op)
{
    if (ngx_http_llm_call_loaded(call, op, &ngx_http_llm_kind_key) == NGX_OK
        && ngx_http_llm_call_edit(call, &ngx_http_llm_kind_key,
                                  &call->record.id, NULL,
                                  LLM_STORE_ANY_VERSION)
           == NGX_OK)
    {
        ngx_http_llm_key_alias(call);
    }
}


static void
ngx_http_llm_key_deleted(ngx_http_llm_call_t *call)
{
    ngx_http_llm_out_open(call, '{');
    ngx_http_llm_out_name(call, "deleted_keys");
    ngx_http_llm_out_json(call, call->data);
    ngx_http_llm_out_close(call, '}');

    ngx_http_llm_call_answer(call, NGX_HTTP_OK);
}


/* The key is named by the path, the query or the body. */

void
ngx_http_llm_api_key_regenerate(ngx_http_llm_call_t *call)
{
    ngx_str_t  key, id;

    if (call->arg.len) {
        key = call->arg;

    } else if (!ngx_http_llm_call_arg(call, "key", &key) || key.len == 0) {

        if (ngx_http_llm_call_needs(call, "key", &key) != NGX_OK) {
            return;
        }
    }

    if (ngx_http_llm_call_key_id(call, &key, &id) == NGX_OK) {
        ngx_http_llm_call_load(call, &ngx_http_llm_kind_key.kind, &id,
                               ngx_http_llm_key_regenerate);
    }
}


/* A new key in the place of one, whose counters it goes on with; within the
   grace period the old one stands for it. */

static void
ngx_http_llm_key_regenerate(ngx_http_llm_call_t *call, llm_store_op_t *op)
{
    json_t     *doc, *old;
    ngx_str_t  *key, id;

    if (ngx_http_llm_call_loaded(call, op, &ngx_http_llm_kind_key) != NGX_OK) {
        return;
    }

    if (json_object_get(call->record.doc, "replaced_by")) {
        ngx_http_llm_call_error(call, NGX_HTTP_BAD_REQUEST, "bad_request",
                                "key", "The key was regenerated already.");
        return;
    }

    key = ngx_palloc(call->pool, sizeof(ngx_str_t));
    old = NULL;

    doc = key ? ngx_http_llm_call_merge(call, &ngx_http_llm_kind_key,
                                        call->record.doc)
              : NULL;

    if (doc == NULL
        || ngx_http_llm_key_make(call, "new_key", doc, key, &id) != NGX_OK
        || ngx_http_llm_key_expires(call, doc, "duration") != NGX_OK)
    {
        return;
    }

    (void) json_object_del(doc, "new_key");
    (void) json_object_del(doc, "grace_period");

    if (json_object_get(doc, "counts_as") == NULL
        && json_object_set_new(doc, "counts_as",
                               json_stringn((char *) call->record.id.data,
                                            call->record.id.len))
           != 0)
    {
        ngx_http_llm_call_end(call, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    if (json_is_string(json_object_get(call->body, "grace_period"))) {

        old = call->record.doc;

        (void) json_object_del(old, "key_alias");
        (void) json_object_set_new(old, "replaced_by",
                                   json_stringn((char *) id.data, id.len));

        if (ngx_http_llm_key_expires(call, old, "grace_period") != NGX_OK) {
            return;
        }
    }

    /* the alias is free when the new one takes it */

    if (ngx_http_llm_call_edit(call, &ngx_http_llm_kind_key, &call->record.id,
                               old, call->record.version)
        == NGX_OK
        && ngx_http_llm_call_edit(call, &ngx_http_llm_kind_key, &id, doc, 0)
           == NGX_OK)
    {
        call->data = key;
        ngx_http_llm_call_commit(call, ngx_http_llm_key_made);
    }
}


void
ngx_http_llm_api_user_new(ngx_http_llm_call_t *call)
{
    json_t     *user, *doc;
    ngx_str_t  *key, id, token;

    user = ngx_http_llm_call_merge(call, &ngx_http_llm_kind_user, NULL);

    if (user == NULL
        || ngx_http_llm_call_new_id(call, "user_id", 0, user, &id) != NGX_OK
        || ngx_http_llm_call_edit(call, &ngx_http_llm_kind_user, &id, user, 0)
           != NGX_OK)
    {
        return;
    }

    key = ngx_pcalloc(call->pool, sizeof(ngx_str_t));
    doc = ngx_http_llm_call_keep(call, json_object());

    if (key == NULL || doc == NULL) {
        ngx_http_llm_call_end(call, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    call->data = key;

    if (!json_is_false(json_object_get(call->body, "auto_create_key"))) {

        /* what limits the user need not limit his key as well */

        if (ngx_http_llm_key_make(call, "key", doc, key, &token) != NGX_OK
            || ngx_http_llm_key_expires(call, doc, "duration") != NGX_OK)
        {
            return;
        }

        (void) json_object_set(doc, "key_alias",
                               json_object_get(call->body, "key_alias"));
        (void) json_object_set_new(doc, "user_id",
                                   json_stringn((char *) id.data, id.len));

        if (ngx_http_llm_call_edit(call, &ngx_http_llm_kind_key, &token, doc,
                                   0)
            != NGX_OK)
        {
            return;
        }
    }

    ngx_http_llm_call_commit(call, ngx_http_llm_user_made);
}


static void
ngx_http_llm_user_made(ngx_http_llm_call_t *call)
{
    ngx_str_t *key = call->data;

    json_t               *expires;
    ngx_http_llm_edit_t  *edits;

    edits = call->edits.elts;
    expires = NULL;

    ngx_http_llm_call_edited(call, 0);
    (void) ngx_http_llm_record_spend(call, &call->record);

    ngx_http_llm_out_open(call, '{');
    ngx_http_llm_out_record(call, &call->record);

    ngx_http_llm_out_name(call, "key");

    if (key->len) {
        ngx_http_llm_out_str(call, key);
        ngx_http_llm_out_name(call, "token");
        ngx_http_llm_out_str(call, &edits[1].id);

        expires = json_object_get(edits[1].doc, "expires");

    } else {
        ngx_http_llm_out_word(call, "null");
    }

    ngx_http_llm_out_name(call, "expires");

    if (expires) {
        ngx_http_llm_out_json(call, expires);

    } else {
        ngx_http_llm_out_word(call, "null");
    }

    ngx_http_llm_out_close(call, '}');

    ngx_http_llm_call_answer(call, NGX_HTTP_OK);
}
