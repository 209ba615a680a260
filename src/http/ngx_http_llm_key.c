
/*
 * Copyright (C) the llm_quota authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <openssl/crypto.h>

#include "llm_others.h"
#include "ngx_http_llm.h"


/*
 * Virtual keys.  A key stands in a header or in the query; what carries one
 * of ours is taken out of the request before anything else happens to it, also
 * to a request that is refused: an error_page may lead it to an upstream.
 * Whoever asks the request for its headers, arguments or line after that does
 * not see it.
 */


/* What of a request are credentials. */

typedef struct {
    ngx_http_request_t       *request;
    ngx_http_llm_quota_t     *quota;
    ngx_http_llm_keys_t      *keys;
    const ngx_http_llm_key_t *key;           /* the one that is ours */
    u_char                    digest[LLM_KEY_DIGEST];    /* of the first */
    unsigned                  all:1;         /* take out others' as well */
    unsigned                  rewritten:1;   /* not as the client sent it */
    unsigned                  seen:1;
    unsigned                  different:1;
    unsigned                  taken:1;
    unsigned                  gone:1;        /* was ours */
} ngx_http_llm_credentials_t;


static ngx_int_t ngx_http_llm_key_take(ngx_http_llm_credentials_t *c);
static ngx_int_t ngx_http_llm_key_headers(ngx_http_llm_credentials_t *c);
static ngx_uint_t ngx_http_llm_key_bearer(ngx_str_t *value);
static ngx_int_t ngx_http_llm_key_drop_headers(ngx_http_request_t *r);
static ngx_int_t ngx_http_llm_key_line(ngx_http_request_t *r,
    ngx_http_llm_credentials_t *c, ngx_str_t *line);
static ngx_int_t ngx_http_llm_key_args(ngx_http_request_t *r,
    ngx_http_llm_credentials_t *c, ngx_str_t *text, size_t at);
static ngx_int_t ngx_http_llm_key_arg(ngx_http_request_t *r,
    ngx_http_llm_credentials_t *c, u_char *p, u_char *last);
static ngx_int_t ngx_http_llm_key_look(ngx_http_llm_credentials_t *c,
    ngx_str_t *value);
static ngx_int_t ngx_http_llm_key_find(ngx_http_llm_credentials_t *c,
    const u_char *digest, const ngx_http_llm_key_t **key);
static ngx_uint_t ngx_http_llm_keys_late(ngx_http_llm_ctx_t *ctx);


/* the first one's value has a scheme before the key */

static ngx_str_t  ngx_http_llm_key_names[] = {
    ngx_string("authorization"),
    ngx_string("x-api-key"),
    ngx_string("api-key"),
    ngx_string("x-goog-api-key"),
    ngx_null_string
};


ngx_int_t
ngx_http_llm_identify_key(ngx_http_llm_ctx_t *ctx)
{
    ngx_uint_t                   required;
    ngx_http_llm_main_conf_t    *lmcf;
    ngx_http_llm_credentials_t   c;

    ngx_memzero(&c, sizeof(ngx_http_llm_credentials_t));

    c.key = ctx->key;
    ctx->key = NULL;

    if (ctx->conf->keys == NGX_HTTP_LLM_KEYS_OFF) {
        return NGX_OK;
    }

    required = (ctx->conf->keys == NGX_HTTP_LLM_KEYS_REQUIRED);

    lmcf = ngx_http_get_module_main_conf(ctx->request,
                                         ngx_http_llm_quota_module);

    c.request = ctx->request;
    c.quota = ctx->quota;
    c.keys = lmcf->keys;

    /* a dry run lets pass what the client sent to the provider until now */

    c.all = required && !ctx->conf->dry_run;

    if (ngx_http_llm_key_take(&c) != NGX_OK) {
        return NGX_ERROR;
    }

    if (c.different && (c.key || required)) {
        return ngx_http_llm_refuse(ctx, NGX_HTTP_LLM_BAD_REQUEST,
                                   "The request has different API keys in "
                                   "several places.");
    }

    if (c.key == NULL) {

        if (c.seen && ngx_http_llm_keys_late(ctx)) {
            return ngx_http_llm_refuse(ctx, NGX_HTTP_LLM_UNAVAILABLE,
                                       "The quota service does not know its "
                                       "keys yet, try again later.");
        }

        if (!required && !c.gone) {
            return NGX_OK;
        }

        return ngx_http_llm_refuse(ctx, NGX_HTTP_LLM_KEY_DENIED,
                                   c.seen
                                   ? "The API key is not known here."
                                   : "The request has no API key.");
    }

    ctx->key = c.key;
    ctx->key_id = c.key->counted;

    if (c.key->blocked) {
        return ngx_http_llm_refuse(ctx, NGX_HTTP_LLM_KEY_DENIED,
                                   "Key=%V is blocked.", &c.key->sn.str);
    }

    if (c.key->expires <= ngx_time()) {
        return ngx_http_llm_refuse(ctx, NGX_HTTP_LLM_KEY_DENIED,
                                   "Key=%V has expired.", &c.key->sn.str);
    }

    return NGX_OK;
}


/* Those of the store may not be in the zone yet: what is not known may be one
   of them.  What passes then, passes here too. */

static ngx_uint_t
ngx_http_llm_keys_late(ngx_http_llm_ctx_t *ctx)
{
    llm_zone_t  *z;

    z = ctx->quota->zone.zone;

    return z->stored
           && (!z->entities_ready || llm_others_late(z, 1))
           && (ctx->conf->keys == NGX_HTTP_LLM_KEYS_REQUIRED
               || ctx->conf->closed);
}


ngx_int_t
ngx_http_llm_hide_keys(ngx_http_request_t *r)
{
    ngx_http_llm_loc_conf_t     *llcf;
    ngx_http_llm_main_conf_t    *lmcf;
    ngx_http_llm_credentials_t   c;

    llcf = ngx_http_get_module_loc_conf(r, ngx_http_llm_quota_module);

    if (llcf->keys == NGX_HTTP_LLM_KEYS_OFF) {
        return NGX_OK;
    }

    lmcf = ngx_http_get_module_main_conf(r, ngx_http_llm_quota_module);

    ngx_memzero(&c, sizeof(ngx_http_llm_credentials_t));

    c.request = r;
    c.quota = llcf->quota->data;
    c.keys = lmcf->keys;

    return ngx_http_llm_key_take(&c);
}


/* Before a location's directive was looked at, or where it has none, the line
   may hold a key all the same. */

ngx_int_t
ngx_http_llm_request_line(ngx_http_request_t *r, ngx_str_t *line)
{
    ngx_http_llm_loc_conf_t  *llcf;

    *line = r->request_line;

    llcf = ngx_http_get_module_loc_conf(r, ngx_http_llm_quota_module);

    return llcf->keys == NGX_HTTP_LLM_KEYS_OFF
           ? NGX_OK : ngx_http_llm_key_line(r, NULL, line);
}


const llm_row_t *
ngx_http_llm_key_row(ngx_http_llm_rows_t *rows, const ngx_http_llm_key_t *key)
{
    ngx_str_t         name;
    ngx_uint_t        own;
    const llm_row_t  *row;

    name = key->sn.str;
    row = ngx_http_llm_find_row(rows, &name, &own);

    if (!own) {
        name = key->id;
        row = ngx_http_llm_find_row(rows, &name, &own);
    }

    return own || key->row == NULL ? row : key->row;
}


static ngx_int_t
ngx_http_llm_key_take(ngx_http_llm_credentials_t *c)
{
    ngx_int_t           *index;
    ngx_uint_t           i;
    ngx_http_request_t  *r;

    r = c->request;

    if (ngx_http_llm_key_headers(c) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_http_llm_key_line(r, c, &r->unparsed_uri) != NGX_OK
        || ngx_http_llm_key_line(r, c, &r->request_line) != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* "set $args" may have put the provider's own key there */

    c->rewritten = 1;

    if (r->args.len && ngx_http_llm_key_args(r, c, &r->args, 0) != NGX_OK) {
        return NGX_ERROR;
    }

    if (!c->taken) {
        return NGX_OK;
    }

    index = c->keys->variables.elts;

    for (i = 0; i < c->keys->variables.nelts; i++) {
        r->variables[index[i]].valid = 0;
        r->variables[index[i]].not_found = 0;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_key_headers(ngx_http_llm_credentials_t *c)
{
    ngx_int_t             rc;
    ngx_str_t            *name, value;
    ngx_uint_t            drop;
    ngx_table_elt_t      *h;
    ngx_http_request_t   *r;
    ngx_http_llm_walk_t   w;

    r = c->request;
    drop = 0;

    for (name = ngx_http_llm_key_names; name->len; name++) {

        for (h = ngx_http_llm_walk(&w, &r->headers_in.headers, name);
             h;
             h = ngx_http_llm_walk_on(&w))
        {
            value = h->value;

            if (name == ngx_http_llm_key_names
                && !ngx_http_llm_key_bearer(&value))
            {
                continue;
            }

            rc = value.len ? ngx_http_llm_key_look(c, &value) : NGX_OK;

            if (rc == NGX_ERROR) {
                return NGX_ERROR;
            }

            if (rc == NGX_OK) {
                continue;
            }

            /* rc == NGX_DECLINED */

            h->hash = 0;
            drop = 1;

            if (r->headers_in.authorization == h) {
                r->headers_in.authorization = NULL;
            }
        }
    }

    return drop ? ngx_http_llm_key_drop_headers(r) : NGX_OK;
}


/* Takes the scheme off; 0: it is another one. */

static ngx_uint_t
ngx_http_llm_key_bearer(ngx_str_t *value)
{
    u_char  *p, *last;

    p = value->data + sizeof("Bearer") - 1;
    last = value->data + value->len;

    if (value->len < sizeof("Bearer ") - 1
        || ngx_strncasecmp(value->data, (u_char *) "Bearer",
                           sizeof("Bearer") - 1)
           != 0
        || (*p != ' ' && *p != '\t'))
    {
        return 0;
    }

    while (p < last && (*p == ' ' || *p == '\t')) {
        p++;
    }

    value->data = p;
    value->len = last - p;

    return 1;
}


/* A new list of what stays: headers_in refers to lines of the old one, which
   therefore cannot move. */

static ngx_int_t
ngx_http_llm_key_drop_headers(ngx_http_request_t *r)
{
    ngx_uint_t        i;
    ngx_list_part_t   old, *part;
    ngx_table_elt_t  *h, *copy;

    old = r->headers_in.headers.part;

    if (ngx_list_init(&r->headers_in.headers, r->pool, 20,
                      sizeof(ngx_table_elt_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    part = &old;
    h = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {

            if (part->next == NULL) {
                break;
            }

            part = part->next;
            h = part->elts;
            i = 0;
        }

        if (h[i].hash == 0) {
            continue;
        }

        copy = ngx_list_push(&r->headers_in.headers);
        if (copy == NULL) {
            return NGX_ERROR;
        }

        *copy = h[i];
    }

    return NGX_OK;
}


/* The query of a line with a URI in it. */

static ngx_int_t
ngx_http_llm_key_line(ngx_http_request_t *r, ngx_http_llm_credentials_t *c,
    ngx_str_t *line)
{
    u_char  *p;

    p = ngx_strlchr(line->data, line->data + line->len, '?');

    if (p == NULL) {
        return NGX_OK;
    }

    return ngx_http_llm_key_args(r, c, line, p + 1 - line->data);
}


/* Takes credentials out of a query that begins in a text and ends where the
   text or the URI does; no credentials: whatever is one. */

static ngx_int_t
ngx_http_llm_key_args(ngx_http_request_t *r, ngx_http_llm_credentials_t *c,
    ngx_str_t *text, size_t at)
{
    u_char      *p, *dst, *end, *last, *copy;
    ngx_int_t    rc;
    ngx_uint_t   kept, taken;

    copy = ngx_pnalloc(r->pool, text->len);
    if (copy == NULL) {
        return NGX_ERROR;
    }

    kept = 0;
    taken = 0;

    dst = ngx_cpymem(copy, text->data, at);
    last = text->data + text->len;

    for (p = text->data + at; /* void */ ; p = end + 1) {

        end = p;

        while (end < last && *end != '&' && *end != '#' && *end != ' ') {
            end++;
        }

        rc = ngx_http_llm_key_arg(r, c, p, end);

        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }

        if (rc == NGX_DECLINED) {
            taken = 1;

        } else {

            if (kept) {
                *dst++ = '&';
            }

            kept = 1;
            dst = ngx_cpymem(dst, p, end - p);
        }

        if (end == last || *end != '&') {
            break;
        }
    }

    if (!taken) {
        return NGX_OK;
    }

    /* without arguments there is no question mark */

    if (!kept && at) {
        dst--;
    }

    dst = ngx_cpymem(dst, end, last - end);

    text->len = dst - copy;
    text->data = copy;

    return NGX_OK;
}


/* NGX_DECLINED: an argument that has to go. */

static ngx_int_t
ngx_http_llm_key_arg(ngx_http_request_t *r, ngx_http_llm_credentials_t *c,
    u_char *p, u_char *last)
{
    u_char     *src, *dst, *value, name[sizeof("%6b%65%79") - 1];
    ngx_str_t   key;

    value = ngx_strlchr(p, last, '=');

    if (value == NULL || value - p > (ssize_t) sizeof(name)) {
        return NGX_OK;
    }

    src = p;
    dst = name;

    ngx_unescape_uri(&dst, &src, value - p, 0);

    value++;

    if (dst - name != 3 || ngx_memcmp(name, "key", 3) != 0 || value == last) {
        return NGX_OK;
    }

    if (c == NULL) {
        return NGX_DECLINED;
    }

    key.data = ngx_pnalloc(r->pool, last - value);
    if (key.data == NULL) {
        return NGX_ERROR;
    }

    src = value;
    dst = key.data;

    ngx_unescape_uri(&dst, &src, last - value, 0);

    key.len = dst - key.data;

    return ngx_http_llm_key_look(c, &key);
}


/* NGX_DECLINED: a credential that has to go, NGX_OK: one that may stay. */

static ngx_int_t
ngx_http_llm_key_look(ngx_http_llm_credentials_t *c, ngx_str_t *value)
{
    u_char                     digest[LLM_KEY_DIGEST];
    ngx_int_t                  rc;
    ngx_uint_t                 same;
    const ngx_http_llm_key_t  *key;

    if (ngx_http_llm_digest(digest, value->data, value->len) != NGX_OK) {
        return NGX_ERROR;
    }

    if (!c->seen && !c->rewritten) {
        c->seen = 1;
        ngx_memcpy(c->digest, digest, LLM_KEY_DIGEST);
    }

    same = c->seen && CRYPTO_memcmp(c->digest, digest, LLM_KEY_DIGEST) == 0;

    if (!same && !c->rewritten) {
        c->different = 1;
    }

    rc = ngx_http_llm_key_find(c, digest, &key);

    switch (rc) {

    case NGX_OK:

        if (!c->rewritten) {
            c->key = key;
        }

        break;

    case NGX_ABORT:
        c->gone = 1;
        break;

    case NGX_DECLINED:

        if (!c->all || (c->rewritten && !same)) {
            return NGX_OK;
        }

        break;

    default: /* NGX_ERROR */
        return rc;
    }

    c->taken = 1;

    return NGX_DECLINED;
}


/* Of those that were made over the admin API one may lie over one of the
   configuration, which it uncovers when it is deleted. */

static ngx_int_t
ngx_http_llm_key_find(ngx_http_llm_credentials_t *c, const u_char *digest,
    const ngx_http_llm_key_t **key)
{
    uint32_t              i;
    ngx_int_t             rc;
    ngx_http_llm_key_t  **keys;

    *key = NULL;

    i = llm_keys_find(&c->keys->table, digest);

    if (i != LLM_KEY_NONE) {
        keys = c->keys->keys.elts;
        *key = keys[i];
    }

    rc = ngx_http_llm_entity_key(c->request, c->quota, digest, key);

    return (rc != NGX_ERROR && *key) ? NGX_OK : rc;
}
