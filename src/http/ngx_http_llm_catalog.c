
/*
 * Copyright (C) the llm_quota authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "llm_price_name.h"
#include "llm_text.h"
#include "ngx_http_llm_catalog.h"
#include "ngx_http_llm_price_file.h"


/* Decimals between the unit of a parameter and pico-dollars. */

#define NGX_HTTP_LLM_CATALOG_USD      12
#define NGX_HTTP_LLM_CATALOG_MILLION  6      /* USD for a million tokens */
#define NGX_HTTP_LLM_CATALOG_TOKENS   0      /* no money, a count */


typedef struct {
    ngx_str_t                name;
    size_t                   offset;     /* in llm_price_t */
    int                      scale;
} ngx_http_llm_catalog_param_t;


typedef struct {
    u_char                  *name;       /* NULL: empty */
    uint32_t                 len;
    uint32_t                 hash;
    ngx_http_llm_price_t    *price;      /* NULL: more than one price */
} ngx_http_llm_catalog_slot_t;


/* Open addressing, at most half full. */

typedef struct {
    ngx_http_llm_catalog_slot_t  *slots;
    ngx_uint_t                    mask;
} ngx_http_llm_catalog_index_t;


/*
 * What was looked up last, found or not.  A worker writes to its own copy of
 * the catalogue's memory, and a new configuration has a new catalogue.
 */

#define NGX_HTTP_LLM_CATALOG_MEMO   64       /* bytes of a name */
#define NGX_HTTP_LLM_CATALOG_BITS   4
#define NGX_HTTP_LLM_CATALOG_MIX    0x9e3779b97f4a7c15ULL

typedef struct {
    uint64_t                     head;       /* of the name: its ends */
    uint64_t                     tail;
    size_t                       len;
    const ngx_http_llm_price_t  *price;
    u_char                       name[NGX_HTTP_LLM_CATALOG_MEMO];
} ngx_http_llm_catalog_memo_t;


struct ngx_http_llm_catalog_s {

    /* of ngx_http_llm_price_t * */

    ngx_array_t              lines;      /* of llm_price */
    ngx_array_t              patterns;   /* of llm_price, ending in "*" */
    ngx_array_t              listed;     /* of llm_price_file */

    /*
     * A list names a model by its provider and by what the provider calls it.
     * aliases has the latter, for the answers that say no more.
     */

    ngx_http_llm_catalog_index_t  names;
    ngx_http_llm_catalog_index_t  aliases;

    ngx_uint_t               free;

    ngx_http_llm_catalog_memo_t  memo[1 << NGX_HTTP_LLM_CATALOG_BITS];
};


static char *ngx_http_llm_catalog_param(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t *seen, llm_price_t *price);
static char *ngx_http_llm_catalog_number(ngx_conf_t *cf, ngx_str_t *value,
    ngx_http_llm_catalog_param_t *param, llm_price_t *price);
static ngx_int_t ngx_http_llm_catalog_longer(const void *one,
    const void *two);
static ngx_int_t ngx_http_llm_catalog_index_init(ngx_conf_t *cf,
    ngx_http_llm_catalog_index_t *index, ngx_uint_t n);
static void ngx_http_llm_catalog_add(ngx_conf_t *cf,
    ngx_http_llm_catalog_t *catalog, ngx_http_llm_price_t *price);
static ngx_http_llm_catalog_slot_t *ngx_http_llm_catalog_insert(
    ngx_http_llm_catalog_index_t *index, u_char *name, size_t len,
    ngx_http_llm_price_t *price);
static const ngx_http_llm_price_t *ngx_http_llm_catalog_search(
    const ngx_http_llm_catalog_t *catalog, const u_char *name, size_t len);
static const ngx_http_llm_price_t *ngx_http_llm_catalog_match(
    const ngx_http_llm_catalog_t *catalog, const u_char *name, size_t len);
static const ngx_http_llm_price_t *ngx_http_llm_catalog_lookup(
    const ngx_http_llm_catalog_index_t *index, const u_char *name,
    size_t len);
static ngx_http_llm_catalog_slot_t *ngx_http_llm_catalog_slot(
    const ngx_http_llm_catalog_index_t *index, const u_char *name, size_t len,
    uint32_t hash);


#define ngx_http_llm_catalog_unit(component)                                  \
    offsetof(llm_price_t, rates[0].unit[LLM_TIER_DEFAULT][component])


static ngx_http_llm_catalog_param_t  ngx_http_llm_catalog_params[] = {

    { ngx_string("input="),
      ngx_http_llm_catalog_unit(LLM_PRICE_INPUT),
      NGX_HTTP_LLM_CATALOG_MILLION },

    { ngx_string("output="),
      ngx_http_llm_catalog_unit(LLM_PRICE_OUTPUT),
      NGX_HTTP_LLM_CATALOG_MILLION },

    { ngx_string("cached="),
      ngx_http_llm_catalog_unit(LLM_PRICE_CACHE_READ),
      NGX_HTTP_LLM_CATALOG_MILLION },

    { ngx_string("cache_write="),
      ngx_http_llm_catalog_unit(LLM_PRICE_CACHE_WRITE),
      NGX_HTTP_LLM_CATALOG_MILLION },

    { ngx_string("cache_write_1h="),
      ngx_http_llm_catalog_unit(LLM_PRICE_CACHE_WRITE_1H),
      NGX_HTTP_LLM_CATALOG_MILLION },

    { ngx_string("request="),
      offsetof(llm_price_t, request),
      NGX_HTTP_LLM_CATALOG_USD },

    { ngx_string("max_input="),
      offsetof(llm_price_t, max_input),
      NGX_HTTP_LLM_CATALOG_TOKENS },

    { ngx_string("max_output="),
      offsetof(llm_price_t, max_output),
      NGX_HTTP_LLM_CATALOG_TOKENS },

    { ngx_null_string, 0, 0 }
};


ngx_http_llm_catalog_t *
ngx_http_llm_catalog_create(ngx_conf_t *cf)
{
    ngx_http_llm_catalog_t  *catalog;

    catalog = ngx_pcalloc(cf->pool, sizeof(ngx_http_llm_catalog_t));
    if (catalog == NULL) {
        return NULL;
    }

    if (ngx_array_init(&catalog->lines, cf->pool, 8,
                       sizeof(ngx_http_llm_price_t *))
        != NGX_OK
        || ngx_array_init(&catalog->patterns, cf->pool, 4,
                          sizeof(ngx_http_llm_price_t *))
           != NGX_OK
        || ngx_array_init(&catalog->listed, cf->pool, 64,
                          sizeof(ngx_http_llm_price_t *))
           != NGX_OK)
    {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     catalog->names = { NULL, 0 };
     *     catalog->aliases = { NULL, 0 };
     *     catalog->free = 0;
     *     catalog->memo = { { 0, 0, 0, NULL, "" } };
     */

    return catalog;
}


char *
ngx_http_llm_catalog_price(ngx_conf_t *cf, ngx_http_llm_catalog_t *catalog)
{
    size_t                  n;
    u_char                 *star;
    int64_t                *unit;
    ngx_str_t              *value, *name;
    ngx_uint_t              i, seen;
    ngx_array_t            *prices;
    ngx_http_llm_price_t   *p, **pp;

    value = cf->args->elts;
    name = &value[1];
    n = name->len;

    star = ngx_strlchr(name->data, name->data + n, '*');

    if (!llm_text_is_id(name->data, n)
        || (star && star != name->data + n - 1))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "llm_price has invalid model \"%V\": 1 to 128 "
                           "printable characters are expected, \"*\" as the "
                           "last of them only", name);
        return NGX_CONF_ERROR;
    }

    prices = star ? &catalog->patterns : &catalog->lines;
    pp = prices->elts;

    for (i = 0; i < prices->nelts; i++) {
        if (pp[i]->name.len == n
            && ngx_memcmp(pp[i]->name.data, name->data, n) == 0)
        {
            return "is duplicate";
        }
    }

    p = ngx_palloc(cf->pool, sizeof(ngx_http_llm_price_t));
    if (p == NULL) {
        return NGX_CONF_ERROR;
    }

    p->name = *name;
    llm_price_init(&p->price);

    seen = 0;

    for (i = 2; i < cf->args->nelts; i++) {
        if (ngx_http_llm_catalog_param(cf, &value[i], &seen, &p->price)
            != NGX_CONF_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    unit = p->price.rates[0].unit[LLM_TIER_DEFAULT];

    if (p->price.request == 0
        && (unit[LLM_PRICE_INPUT] < 0 || unit[LLM_PRICE_OUTPUT] < 0))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "llm_price \"%V\" needs input=USD and output=USD, "
                           "0 for what is free, unless it has a request=USD",
                           name);
        return NGX_CONF_ERROR;
    }

    pp = ngx_array_push(prices);
    if (pp == NULL) {
        return NGX_CONF_ERROR;
    }

    *pp = p;

    return NGX_CONF_OK;
}


static char *
ngx_http_llm_catalog_param(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t *seen, llm_price_t *price)
{
    ngx_str_t                      number;
    ngx_uint_t                     bit;
    ngx_http_llm_catalog_param_t  *param;

    bit = 1;

    for (param = ngx_http_llm_catalog_params; param->name.len; param++) {

        if (ngx_strncmp(value->data, param->name.data, param->name.len) != 0) {
            bit <<= 1;
            continue;
        }

        if (*seen & bit) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "llm_price has duplicate parameter \"%V\"",
                               value);
            return NGX_CONF_ERROR;
        }

        *seen |= bit;

        number.data = value->data + param->name.len;
        number.len = value->len - param->name.len;

        return ngx_http_llm_catalog_number(cf, &number, param, price);
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "llm_price has invalid parameter \"%V\": input=, "
                       "output=, cached=, cache_write=, cache_write_1h=, "
                       "request=, max_input= and max_output= are known",
                       value);

    return NGX_CONF_ERROR;
}


static char *
ngx_http_llm_catalog_number(ngx_conf_t *cf, ngx_str_t *value,
    ngx_http_llm_catalog_param_t *param, llm_price_t *price)
{
    off_t     tokens;
    int64_t  *number;

    number = (int64_t *) ((u_char *) price + param->offset);

    if (param->scale == NGX_HTTP_LLM_CATALOG_TOKENS) {
        tokens = ngx_atoof(value->data, value->len);

        if (tokens != NGX_ERROR && tokens != 0) {
            *number = tokens;
            return NGX_CONF_OK;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "llm_price has invalid number in \"%V%V\": a whole "
                           "number of tokens is expected, at least 1",
                           &param->name, value);
        return NGX_CONF_ERROR;
    }

    if (llm_decimal_parse(value->data, value->len, param->scale, number)
        == 0)
    {
        return NGX_CONF_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "llm_price has invalid price in \"%V%V\": USD for one "
                       "%s are expected, at least 0, such as 0.15",
                       &param->name, value,
                       param->scale == NGX_HTTP_LLM_CATALOG_USD
                       ? "request" : "million tokens");

    return NGX_CONF_ERROR;
}


char *
ngx_http_llm_catalog_file(ngx_conf_t *cf, ngx_http_llm_catalog_t *catalog)
{
    ngx_str_t  *value, file;

    value = cf->args->elts;
    file = value[1];

    if (ngx_conf_full_name(cf->cycle, &file, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (ngx_http_llm_price_file_read(cf, &file, &catalog->listed) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


ngx_int_t
ngx_http_llm_catalog_done(ngx_conf_t *cf, ngx_http_llm_catalog_t *catalog)
{
    ngx_uint_t              i, n;
    ngx_http_llm_price_t  **prices;

    n = catalog->lines.nelts + catalog->listed.nelts;

    if (ngx_http_llm_catalog_index_init(cf, &catalog->names, n) != NGX_OK
        || ngx_http_llm_catalog_index_init(cf, &catalog->aliases, n) != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* what is added first wins: lines over files, a later file over an
       earlier one */

    prices = catalog->lines.elts;

    for (i = 0; i < catalog->lines.nelts; i++) {
        ngx_http_llm_catalog_add(cf, catalog, prices[i]);
    }

    prices = catalog->listed.elts;

    for (i = catalog->listed.nelts; i > 0; i--) {
        ngx_http_llm_catalog_add(cf, catalog, prices[i - 1]);
    }

    prices = catalog->patterns.elts;

    ngx_sort(prices, catalog->patterns.nelts, sizeof(ngx_http_llm_price_t *),
             ngx_http_llm_catalog_longer);

    for (i = 0; i < catalog->patterns.nelts; i++) {
        catalog->free |= llm_price_is_free(&prices[i]->price);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_catalog_longer(const void *one, const void *two)
{
    ngx_http_llm_price_t  *first, *second;

    first = *(ngx_http_llm_price_t **) one;
    second = *(ngx_http_llm_price_t **) two;

    return (ngx_int_t) second->name.len - (ngx_int_t) first->name.len;
}


static ngx_int_t
ngx_http_llm_catalog_index_init(ngx_conf_t *cf,
    ngx_http_llm_catalog_index_t *index, ngx_uint_t n)
{
    ngx_uint_t  size;

    for (size = 8; size < n * 2; size *= 2) {
        /* void */
    }

    index->slots = ngx_pcalloc(cf->pool,
                               size * sizeof(ngx_http_llm_catalog_slot_t));
    if (index->slots == NULL) {
        return NGX_ERROR;
    }

    index->mask = size - 1;

    return NGX_OK;
}


static void
ngx_http_llm_catalog_add(ngx_conf_t *cf, ngx_http_llm_catalog_t *catalog,
    ngx_http_llm_price_t *price)
{
    u_char                       *p, *last;
    ngx_http_llm_catalog_slot_t  *slot;

    p = price->name.data;
    last = p + price->name.len;

    slot = ngx_http_llm_catalog_insert(&catalog->names, p, last - p, price);

    if (slot->price != price) {
        return;
    }

    catalog->free |= llm_price_is_free(&price->price);

    if (llm_price_is_odd(&price->price)) {
        ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                      "llm_price_file has for a service tier of \"%V\" more "
                      "than ten times the ordinary price, which holds unless "
                      "an llm_price overrides it", &price->name);
    }

    p = ngx_strlchr(p, last, '/');

    if (p == NULL || ++p == last) {
        return;
    }

    slot = ngx_http_llm_catalog_insert(&catalog->aliases, p, last - p, price);

    if (slot->price
        && ngx_memcmp(&slot->price->price, &price->price, sizeof(llm_price_t))
           != 0)
    {
        slot->price = NULL;
    }
}


/* The slot of the name, which keeps what it holds. */

static ngx_http_llm_catalog_slot_t *
ngx_http_llm_catalog_insert(ngx_http_llm_catalog_index_t *index, u_char *name,
    size_t len, ngx_http_llm_price_t *price)
{
    uint32_t                      hash;
    ngx_http_llm_catalog_slot_t  *slot;

    hash = ngx_murmur_hash2(name, len);

    slot = ngx_http_llm_catalog_slot(index, name, len, hash);

    if (slot->name == NULL) {
        slot->name = name;
        slot->len = len;
        slot->hash = hash;
        slot->price = price;
    }

    return slot;
}


const ngx_http_llm_price_t *
ngx_http_llm_catalog_find(ngx_http_llm_catalog_t *catalog,
    const u_char *name, size_t len)
{
    size_t                        i;
    uint64_t                      head, tail;
    ngx_http_llm_catalog_memo_t  *memo;

    if (len == 0) {

        /* no name is no pointer, and may still match "*" */

        return ngx_http_llm_catalog_search(catalog, (const u_char *) "", 0);
    }

    if (len > NGX_HTTP_LLM_CATALOG_MEMO) {
        return ngx_http_llm_catalog_search(catalog, name, len);
    }

    /* what both ends do not tell, of names that are longer, the rest does */

    head = 0;
    tail = 0;

    if (len >= sizeof(uint64_t)) {
        ngx_memcpy(&head, name, sizeof(uint64_t));
        ngx_memcpy(&tail, name + len - sizeof(uint64_t), sizeof(uint64_t));

    } else {
        for (i = 0; i < len; i++) {
            head = head << 8 | name[i];
        }
    }

    memo = &catalog->memo[(head * 31 + tail + len) * NGX_HTTP_LLM_CATALOG_MIX
                          >> (64 - NGX_HTTP_LLM_CATALOG_BITS)];

    if (memo->head == head && memo->tail == tail && memo->len == len
        && (len <= 2 * sizeof(uint64_t)
            || ngx_memcmp(memo->name, name, len) == 0))
    {
        return memo->price;
    }

    ngx_memcpy(memo->name, name, len);

    memo->head = head;
    memo->tail = tail;
    memo->len = len;
    memo->price = ngx_http_llm_catalog_search(catalog, name, len);

    return memo->price;
}


static const ngx_http_llm_price_t *
ngx_http_llm_catalog_search(const ngx_http_llm_catalog_t *catalog,
    const u_char *name, size_t len)
{
    size_t                       n, prefix;
    const u_char                *p, *last;
    const ngx_http_llm_price_t  *price;

    for (n = len; n; n = llm_price_name_stem(name, n)) {

        last = name + n;
        p = name;

        do {
            price = ngx_http_llm_catalog_lookup(&catalog->names, p, last - p);

            if (price) {
                return price;
            }

            prefix = llm_price_name_prefix(p, last - p);
            p += prefix;

        } while (prefix);
    }

    /* only in full: a provider in the name is not to be taken for another */

    for (n = len; n; n = llm_price_name_stem(name, n)) {

        price = ngx_http_llm_catalog_lookup(&catalog->aliases, name, n);

        if (price) {
            return price;
        }
    }

    return ngx_http_llm_catalog_match(catalog, name, len);
}


static const ngx_http_llm_price_t *
ngx_http_llm_catalog_match(const ngx_http_llm_catalog_t *catalog,
    const u_char *name, size_t len)
{
    size_t                  n, prefix;
    ngx_uint_t              i;
    const u_char           *p, *last;
    ngx_http_llm_price_t  **prices;

    last = name + len;
    prices = catalog->patterns.elts;

    for (i = 0; i < catalog->patterns.nelts; i++) {

        n = prices[i]->name.len - 1;
        p = name;

        do {
            if ((size_t) (last - p) >= n
                && ngx_memcmp(p, prices[i]->name.data, n) == 0)
            {
                return prices[i];
            }

            prefix = llm_price_name_prefix(p, last - p);
            p += prefix;

        } while (prefix);
    }

    return NULL;
}


static const ngx_http_llm_price_t *
ngx_http_llm_catalog_lookup(const ngx_http_llm_catalog_index_t *index,
    const u_char *name, size_t len)
{
    uint32_t  hash;

    hash = ngx_murmur_hash2((u_char *) name, len);

    return ngx_http_llm_catalog_slot(index, name, len, hash)->price;
}


static ngx_http_llm_catalog_slot_t *
ngx_http_llm_catalog_slot(const ngx_http_llm_catalog_index_t *index,
    const u_char *name, size_t len, uint32_t hash)
{
    ngx_uint_t                    i;
    ngx_http_llm_catalog_slot_t  *slot;

    for (i = hash; /* void */ ; i++) {
        slot = &index->slots[i & index->mask];

        if (slot->name == NULL
            || (slot->hash == hash && slot->len == len
                && ngx_memcmp(slot->name, name, len) == 0))
        {
            return slot;
        }
    }
}


int64_t
ngx_http_llm_catalog_cost(void *catalog, const u_char *model, size_t len,
    const llm_usage_t *usage, llm_tier_e tier)
{
    const ngx_http_llm_price_t  *price;

    price = ngx_http_llm_catalog_find(catalog, model, len);

    return price ? llm_price_charge(&price->price, usage, tier) : -1;
}


const ngx_http_llm_price_t *
ngx_http_llm_catalog_at(const ngx_http_llm_catalog_t *catalog, ngx_uint_t i)
{
    ngx_uint_t              k;
    const ngx_array_t      *prices[3];
    ngx_http_llm_price_t  **price;

    prices[0] = &catalog->lines;
    prices[1] = &catalog->patterns;
    prices[2] = &catalog->listed;

    for (k = 0; k < 3; k++) {

        if (i < prices[k]->nelts) {
            price = prices[k]->elts;
            return price[i];
        }

        i -= prices[k]->nelts;
    }

    return NULL;
}


ngx_uint_t
ngx_http_llm_catalog_has_free(const ngx_http_llm_catalog_t *catalog)
{
    return catalog->free;
}
