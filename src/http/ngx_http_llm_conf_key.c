
/*
 * Copyright (C) the llm_quota authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "llm_time.h"
#include "ngx_http_llm.h"


#define NGX_HTTP_LLM_KEYS_MIN  16


static ngx_int_t ngx_http_llm_key_alias(ngx_conf_t *cf,
    ngx_http_llm_keys_t *keys, ngx_http_llm_key_t *key);
static char *ngx_http_llm_key_param(ngx_conf_t *cf, ngx_command_t *cmd,
    ngx_http_llm_key_t *key, ngx_str_t *value);
static char *ngx_http_llm_key_digest(ngx_conf_t *cf, ngx_http_llm_key_t *key,
    ngx_str_t *hex);
static char *ngx_http_llm_key_name(ngx_conf_t *cf, ngx_http_llm_key_t *key,
    ngx_str_t *name, const char *what, ngx_str_t *value);
static char *ngx_http_llm_key_expires(ngx_conf_t *cf, ngx_http_llm_key_t *key,
    ngx_str_t *value);
static ngx_int_t ngx_http_llm_key_hex(const u_char *hex, u_char *digest);
static char *ngx_http_llm_key_add(ngx_conf_t *cf, ngx_http_llm_keys_t *keys,
    ngx_http_llm_key_t *key);
static ngx_int_t ngx_http_llm_keys_grow(ngx_conf_t *cf, llm_keys_t *table);


static ngx_str_t  ngx_http_llm_key_variables[] = {
    ngx_string("http_authorization"),
    ngx_string("http_x_api_key"),
    ngx_string("http_api_key"),
    ngx_string("http_x_goog_api_key"),
    ngx_string("request"),
    ngx_string("request_uri"),
    ngx_null_string
};


ngx_http_llm_keys_t *
ngx_http_llm_keys_create(ngx_conf_t *cf)
{
    ngx_http_llm_keys_t  *keys;

    keys = ngx_pcalloc(cf->pool, sizeof(ngx_http_llm_keys_t));
    if (keys == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     keys->table.max = 0;
     */

    if (ngx_array_init(&keys->keys, cf->pool, NGX_HTTP_LLM_KEYS_MIN,
                       sizeof(ngx_http_llm_key_t *))
        != NGX_OK
        || ngx_array_init(&keys->variables, cf->pool, 8, sizeof(ngx_int_t))
           != NGX_OK)
    {
        return NULL;
    }

    ngx_rbtree_init(&keys->aliases, &keys->sentinel,
                    ngx_str_rbtree_insert_value);

    return keys;
}


/* A variable that was evaluated before a key is taken out still says it. */

ngx_int_t
ngx_http_llm_keys_used(ngx_conf_t *cf, ngx_http_llm_keys_t *keys)
{
    ngx_int_t  *index;
    ngx_str_t  *name;

    if (keys->variables.nelts) {
        return NGX_OK;
    }

    for (name = ngx_http_llm_key_variables; name->len; name++) {

        index = ngx_array_push(&keys->variables);
        if (index == NULL) {
            return NGX_ERROR;
        }

        *index = ngx_http_get_variable_index(cf, name);

        if (*index == NGX_ERROR) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


char *
ngx_http_llm_key(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_llm_main_conf_t *lmcf = conf;

    ngx_str_t           *value;
    ngx_uint_t           i;
    ngx_http_llm_key_t  *key;

    key = ngx_pcalloc(cf->pool, sizeof(ngx_http_llm_key_t));
    if (key == NULL) {
        return NGX_CONF_ERROR;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     key->id = { 0, NULL };
     *     key->team = { 0, NULL };
     *     key->user = { 0, NULL };
     *     key->expires = 0;
     *     key->row = NULL;
     *     key->blocked = 0;
     */

    value = cf->args->elts;
    key->sn.str = value[1];

    if (ngx_http_llm_key_alias(cf, lmcf->keys, key) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (ngx_http_llm_note_written(cf, &key->written, 2) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    for (i = 2; i < cf->args->nelts; i++) {
        if (ngx_http_llm_key_param(cf, cmd, key, &value[i]) != NGX_CONF_OK) {
            return NGX_CONF_ERROR;
        }
    }

    if (key->expires == 0) {
        key->expires = INT64_MAX;
    }

    if (key->row
        && ngx_http_llm_row_done(cf, cmd, LLM_SUBJECT_KEY, key->row,
                                 &value[1])
           != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    return ngx_http_llm_key_add(cf, lmcf->keys, key);
}


static ngx_int_t
ngx_http_llm_key_alias(ngx_conf_t *cf, ngx_http_llm_keys_t *keys,
    ngx_http_llm_key_t *key)
{
    uint32_t    hash;
    ngx_str_t  *alias;

    alias = &key->sn.str;

    if (!llm_text_is_id(alias->data, alias->len)
        || ngx_strcmp(alias->data, "default") == 0)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "llm_key has invalid ID \"%V\": use 1 to %d "
                           "printable bytes, and not \"default\"",
                           alias, LLM_ID_MAX);
        return NGX_ERROR;
    }

    hash = ngx_murmur_hash2(alias->data, alias->len);

    if (ngx_str_rbtree_lookup(&keys->aliases, alias, hash)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "llm_key has \"%V\" twice: give each key an ID of "
                           "its own", alias);
        return NGX_ERROR;
    }

    key->sn.node.key = hash;
    ngx_rbtree_insert(&keys->aliases, &key->sn.node);

    return NGX_OK;
}


static char *
ngx_http_llm_key_param(ngx_conf_t *cf, ngx_command_t *cmd,
    ngx_http_llm_key_t *key, ngx_str_t *value)
{
    ngx_str_t  rest;

    if (ngx_strncmp(value->data, "sha256=", 7) == 0) {
        rest.data = value->data + 7;
        rest.len = value->len - 7;

        return ngx_http_llm_key_digest(cf, key, &rest);
    }

    if (ngx_strncmp(value->data, "team=", 5) == 0) {
        rest.data = value->data + 5;
        rest.len = value->len - 5;

        return ngx_http_llm_key_name(cf, key, &key->team, "team", &rest);
    }

    if (ngx_strncmp(value->data, "user=", 5) == 0) {
        rest.data = value->data + 5;
        rest.len = value->len - 5;

        return ngx_http_llm_key_name(cf, key, &key->user, "user", &rest);
    }

    if (ngx_strncmp(value->data, "expires=", 8) == 0) {
        rest.data = value->data + 8;
        rest.len = value->len - 8;

        return ngx_http_llm_key_expires(cf, key, &rest);
    }

    if (key->row == NULL) {

        key->row = ngx_palloc(cf->pool, sizeof(llm_row_t));
        if (key->row == NULL) {
            return NGX_CONF_ERROR;
        }

        llm_row_init(key->row);
        key->row->named = 1;
    }

    return ngx_http_llm_row_param(cf, cmd, key->row, value);
}


/* What is given may be the key itself by mistake: it is not repeated. */

static char *
ngx_http_llm_key_digest(ngx_conf_t *cf, ngx_http_llm_key_t *key,
    ngx_str_t *hex)
{
    u_char  digest[LLM_KEY_DIGEST];

    if (key->id.len) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "llm_key \"%V\" has sha256= twice", &key->sn.str);
        return NGX_CONF_ERROR;
    }

    if (hex->len != 2 * LLM_KEY_DIGEST
        || ngx_http_llm_key_hex(hex->data, digest) != NGX_OK)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "llm_key \"%V\" has invalid sha256=: use the %d "
                           "hexadecimal digits of the key's SHA-256",
                           &key->sn.str, 2 * LLM_KEY_DIGEST);
        return NGX_CONF_ERROR;
    }

    ngx_strlow(hex->data, hex->data, hex->len);
    key->id = *hex;

    return NGX_CONF_OK;
}


static char *
ngx_http_llm_key_name(ngx_conf_t *cf, ngx_http_llm_key_t *key,
    ngx_str_t *name, const char *what, ngx_str_t *value)
{
    if (name->len) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "llm_key \"%V\" has %s= twice",
                           &key->sn.str, what);
        return NGX_CONF_ERROR;
    }

    if (!llm_text_is_id(value->data, value->len)
        || ngx_strcmp(value->data, "default") == 0
        || ngx_strcmp(value->data, "anonymous") == 0)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "llm_key \"%V\" has invalid \"%s=%V\": use 1 to %d "
                           "printable bytes, and neither \"default\" nor "
                           "\"anonymous\"", &key->sn.str, what, value,
                           LLM_ID_MAX);
        return NGX_CONF_ERROR;
    }

    *name = *value;

    return NGX_CONF_OK;
}


static char *
ngx_http_llm_key_expires(ngx_conf_t *cf, ngx_http_llm_key_t *key,
    ngx_str_t *value)
{
    if (key->expires) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "llm_key \"%V\" has expires= twice", &key->sn.str);
        return NGX_CONF_ERROR;
    }

    if (llm_time_parse(value->data, value->len, &key->expires) != 0
        || key->expires <= 0)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "llm_key \"%V\" has invalid \"expires=%V\": use a "
                           "date or a time after 1970, such as 2026-12-31 or "
                           "2026-12-31T18:00:00Z", &key->sn.str, value);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_llm_key_hex(const u_char *hex, u_char *digest)
{
    ngx_int_t   n;
    ngx_uint_t  i;

    for (i = 0; i < LLM_KEY_DIGEST; i++) {
        n = ngx_hextoi((u_char *) &hex[2 * i], 2);

        if (n == NGX_ERROR) {
            return NGX_ERROR;
        }

        digest[i] = n;
    }

    return NGX_OK;
}


static char *
ngx_http_llm_key_add(ngx_conf_t *cf, ngx_http_llm_keys_t *keys,
    ngx_http_llm_key_t *key)
{
    u_char                digest[LLM_KEY_DIGEST];
    uint32_t              i;
    ngx_http_llm_key_t  **all;

    if (key->id.len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "llm_key \"%V\" has no sha256=HEX", &key->sn.str);
        return NGX_CONF_ERROR;
    }

    key->counted = key->id;

    (void) ngx_http_llm_key_hex(key->id.data, digest);

    i = llm_keys_find(&keys->table, digest);

    if (i != LLM_KEY_NONE) {
        all = keys->keys.elts;

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "llm_key \"%V\" has the sha256= of \"%V\"",
                           &key->sn.str, &all[i]->sn.str);
        return NGX_CONF_ERROR;
    }

    if (keys->table.nkeys == keys->table.max
        && ngx_http_llm_keys_grow(cf, &keys->table) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    all = ngx_array_push(&keys->keys);
    if (all == NULL) {
        return NGX_CONF_ERROR;
    }

    *all = key;
    (void) llm_keys_add(&keys->table, digest);

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_llm_keys_grow(ngx_conf_t *cf, llm_keys_t *table)
{
    uint32_t    i, max, *buckets;
    llm_key_t  *keys;
    llm_keys_t  old;

    old = *table;
    max = old.max ? 2 * old.max : NGX_HTTP_LLM_KEYS_MIN;

    keys = ngx_palloc(cf->pool, max * sizeof(llm_key_t));
    buckets = ngx_palloc(cf->pool, max * sizeof(uint32_t));

    if (keys == NULL || buckets == NULL) {
        return NGX_ERROR;
    }

    llm_keys_init(table, keys, buckets, max);

    for (i = 0; i < old.nkeys; i++) {
        (void) llm_keys_add(table, old.keys[i].digest);
    }

    return NGX_OK;
}
