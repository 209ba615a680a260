
/*
 * Copyright (C) the llm_quota authors
 */


#include "ngx_http_llm_api.h"
#include "ngx_http_llm_digest.h"
#include "llm_time.h"

#include <openssl/crypto.h>


/*
 * Who calls.  The master key may do everything; a virtual key may read what is
 * its own.  Who sends wrong keys again and again is made to wait: after twenty
 * in a minute from one address each further one is answered a second late, and
 * at most a hundred of them wait at once, in each worker.
 */


#define NGX_HTTP_LLM_AUTH_WRONG    20        /* a minute */
#define NGX_HTTP_LLM_AUTH_DELAY    1000      /* ms */
#define NGX_HTTP_LLM_AUTH_WAITING  100
#define NGX_HTTP_LLM_AUTH_SLOTS    1024      /* a power of two */


/* The wrong keys of an address in the minute that began at start. */

typedef struct {
    uint32_t                 address;        /* hash */
    ngx_uint_t               wrong;
    time_t                   start;
} ngx_http_llm_auth_slot_t;


static ngx_uint_t ngx_http_llm_auth_key(ngx_http_request_t *r,
    ngx_str_t *key);
static void ngx_http_llm_auth_found(ngx_http_llm_call_t *call,
    llm_store_op_t *op);
static void ngx_http_llm_auth_wrong(ngx_http_llm_call_t *call);
static ngx_http_llm_auth_slot_t *ngx_http_llm_auth_slot(
    ngx_http_request_t *r);
static void ngx_http_llm_auth_waited(ngx_event_t *ev);
static void ngx_http_llm_auth_refuse(ngx_http_llm_call_t *call);


static ngx_http_llm_auth_slot_t
    ngx_http_llm_auth_slots[NGX_HTTP_LLM_AUTH_SLOTS];

static ngx_uint_t  ngx_http_llm_auth_waiting;


/* the first one's value has a scheme before the key */

static ngx_str_t  ngx_http_llm_auth_names[] = {
    ngx_string("authorization"),
    ngx_string("x-api-key"),
    ngx_string("api-key"),
    ngx_string("x-litellm-api-key"),
    ngx_null_string
};


void
ngx_http_llm_call_auth(ngx_http_llm_call_t *call)
{
    u_char                     digest[LLM_KEY_DIGEST];
    ngx_str_t                  key;
    ngx_http_llm_api_access_e  access;

    access = call->route->access;

    if (access == NGX_HTTP_LLM_API_PUBLIC) {
        ngx_http_llm_call_body(call);
        return;
    }

    if (!ngx_http_llm_auth_key(call->request, &key)) {
        ngx_http_llm_call_error(call, NGX_HTTP_UNAUTHORIZED, "auth_error",
                                NULL, "Authentication Error, No api key "
                                "passed in.");
        return;
    }

    call->key_id.len = 2 * LLM_KEY_DIGEST;
    call->key_id.data = ngx_pnalloc(call->pool, call->key_id.len);

    if (call->key_id.data == NULL
        || ngx_http_llm_digest(digest, key.data, key.len) != NGX_OK)
    {
        ngx_http_llm_call_end(call, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    ngx_hex_dump(call->key_id.data, digest, LLM_KEY_DIGEST);

    if (!call->api->has_master
        || CRYPTO_memcmp(digest, call->api->master, LLM_KEY_DIGEST) != 0)
    {
        ngx_http_llm_call_load(call, &ngx_http_llm_kind_key.kind,
                               &call->key_id, ngx_http_llm_auth_found);
        return;
    }

    if (access == NGX_HTTP_LLM_API_WRITE && call->api->readonly) {
        ngx_http_llm_call_error(call, NGX_HTTP_FORBIDDEN, "auth_error", NULL,
                                "This API is read-only.");
        return;
    }

    ngx_http_llm_call_body(call);
}


/* Of several the first in the order of the names. */

static ngx_uint_t
ngx_http_llm_auth_key(ngx_http_request_t *r, ngx_str_t *key)
{
    ngx_str_t        *name;
    ngx_table_elt_t  *h;

    for (name = ngx_http_llm_auth_names; name->len; name++) {

        for (h = ngx_http_llm_call_header(r, name, NULL);
             h;
             h = ngx_http_llm_call_header(r, name, h))
        {
            *key = h->value;

            if (key->len > sizeof("Bearer ") - 1
                && ngx_strncasecmp(key->data, (u_char *) "Bearer ",
                                   sizeof("Bearer ") - 1)
                   == 0)
            {
                key->data += sizeof("Bearer ") - 1;
                key->len -= sizeof("Bearer ") - 1;

            } else if (name == ngx_http_llm_auth_names) {
                continue;
            }

            if (key->len) {
                return 1;
            }
        }
    }

    return 0;
}


static void
ngx_http_llm_auth_found(ngx_http_llm_call_t *call, llm_store_op_t *op)
{
    int64_t      expires;
    json_t      *key, *value;
    const char  *text;

    if (op->status == LLM_STORE_NOT_FOUND) {
        ngx_http_llm_auth_wrong(call);
        return;
    }

    key = ngx_http_llm_call_document(call, &op->entity.json);
    if (key == NULL) {
        return;
    }

    call->key = key;

    if (json_is_true(json_object_get(call->key, "blocked"))) {
        ngx_http_llm_call_error(call, NGX_HTTP_UNAUTHORIZED, "auth_error",
                                NULL, "Key is blocked. Update via "
                                "`/key/unblock` if you're admin.");
        return;
    }

    value = json_object_get(call->key, "expires");
    text = json_string_value(value);

    if (text
        && llm_time_parse((u_char *) text, json_string_length(value), &expires)
           == 0
        && expires <= ngx_time())
    {
        ngx_http_llm_call_error(call, NGX_HTTP_UNAUTHORIZED, "expired_key",
                                NULL, "Authentication Error - Expired Key.");
        return;
    }

    if (call->route->access != NGX_HTTP_LLM_API_SELF) {
        ngx_http_llm_call_error(call, NGX_HTTP_FORBIDDEN, "auth_error", NULL,
                                "Only the master key may use this route: %s",
                                call->route->path);
        return;
    }

    ngx_http_llm_call_body(call);
}


static void
ngx_http_llm_auth_wrong(ngx_http_llm_call_t *call)
{
    ngx_http_llm_auth_slot_t  *slot;

    if (call->request == NULL) {
        ngx_http_llm_call_end(call, NGX_OK);
        return;
    }

    slot = ngx_http_llm_auth_slot(call->request);

    if (slot->wrong < NGX_HTTP_LLM_AUTH_WRONG) {
        slot->wrong++;
        ngx_http_llm_auth_refuse(call);
        return;
    }

    if (ngx_http_llm_auth_waiting == NGX_HTTP_LLM_AUTH_WAITING) {
        ngx_http_llm_call_error(call, NGX_HTTP_TOO_MANY_REQUESTS,
                                "auth_error", NULL,
                                "Too many wrong keys, try again later.");
        return;
    }

    ngx_http_llm_auth_waiting++;

    call->request->read_event_handler = ngx_http_test_reading;
    call->alive.handler = ngx_http_llm_auth_waited;

    ngx_add_timer(&call->alive, NGX_HTTP_LLM_AUTH_DELAY);
}


/* Two addresses in one slot take turns: who guesses from many has many. */

static ngx_http_llm_auth_slot_t *
ngx_http_llm_auth_slot(ngx_http_request_t *r)
{
    uint32_t                   hash;
    ngx_str_t                 *text;
    ngx_http_llm_auth_slot_t  *slot;

    text = &r->connection->addr_text;
    hash = ngx_crc32_short(text->data, text->len);

    slot = &ngx_http_llm_auth_slots[hash & (NGX_HTTP_LLM_AUTH_SLOTS - 1)];

    if (slot->address != hash || ngx_time() - slot->start >= 60) {
        slot->address = hash;
        slot->wrong = 0;
        slot->start = ngx_time();
    }

    return slot;
}


static void
ngx_http_llm_auth_waited(ngx_event_t *ev)
{
    ngx_http_llm_call_t *call = ev->data;

    ngx_http_llm_auth_waiting--;

    ngx_http_llm_auth_refuse(call);
}


static void
ngx_http_llm_auth_refuse(ngx_http_llm_call_t *call)
{
    ngx_http_llm_call_error(call, NGX_HTTP_UNAUTHORIZED,
                            "token_not_found_in_db", "key",
                            "Authentication Error, Invalid proxy server "
                            "token passed.");
}


ngx_int_t
ngx_http_llm_call_key_id(ngx_http_llm_call_t *call, ngx_str_t *key,
    ngx_str_t *id)
{
    u_char  digest[LLM_KEY_DIGEST];

    id->len = 2 * LLM_KEY_DIGEST;
    id->data = ngx_pnalloc(call->pool, id->len);

    if (id->data == NULL) {
        ngx_http_llm_call_end(call, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return NGX_ERROR;
    }

    if (ngx_http_llm_call_is_digest(key)) {
        ngx_strlow(id->data, key->data, key->len);
        return NGX_OK;
    }

    if (ngx_http_llm_digest(digest, key->data, key->len) != NGX_OK) {
        ngx_http_llm_call_end(call, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return NGX_ERROR;
    }

    ngx_hex_dump(id->data, digest, LLM_KEY_DIGEST);

    return NGX_OK;
}


ngx_uint_t
ngx_http_llm_call_is_digest(const ngx_str_t *key)
{
    size_t  i;

    if (key->len != 2 * LLM_KEY_DIGEST) {
        return 0;
    }

    for (i = 0; i < key->len && isxdigit(key->data[i]); i++) { /* void */ }

    return i == key->len;
}
