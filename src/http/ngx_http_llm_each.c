
/*
 * Copyright (C) the llm_quota authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_llm.h"


/*
 * The rows that bear on a subject of the zone in any place, for who has no
 * request: metrics, alerts.
 */


/* A subject's name in its halves, and what else a key is known by. */

typedef struct {
    llm_subject_type_e           type;
    ngx_str_t                    first;      /* of a pair: in which it is */
    ngx_str_t                    id;
    ngx_str_t                    alias;      /* of the key, or empty */
    const ngx_http_llm_key_t    *key;        /* of the configuration, or NULL */
    llm_record_tag_e             tag;        /* of the record: */
    ngx_uint_t                   live;       /* there is one */
} ngx_http_llm_named_t;


static void ngx_http_llm_each_name(ngx_http_llm_named_t *named,
    llm_subject_type_e type, const u_char *name, size_t len);
static void ngx_http_llm_each_key(ngx_http_llm_named_t *named,
    ngx_http_llm_quota_t *quota);
static void ngx_http_llm_each_record(ngx_http_llm_named_t *named,
    ngx_http_llm_quota_t *quota);
static const llm_row_t *ngx_http_llm_each_conf(ngx_http_llm_named_t *named,
    ngx_http_llm_rows_t **tables);
static void ngx_http_llm_each_overlay(ngx_http_llm_named_t *named,
    ngx_http_llm_quota_t *quota, llm_row_t *row);


/* used within one call: a worker needs one of each */

static llm_record_t  ngx_http_llm_each_own;
static llm_record_t  ngx_http_llm_each_budget;


void
ngx_http_llm_each_row(void *rows, llm_subject_type_e type, const u_char *name,
    size_t len, llm_row_visit_pt visit, void *data)
{
    ngx_http_llm_quota_t *quota = rows;

    llm_row_t               row;
    ngx_uint_t              i;
    const llm_row_t        *conf, *last;
    ngx_http_llm_rows_t  ***tables;
    ngx_http_llm_named_t    named;

    if (quota->tables == NULL) {
        return;
    }

    ngx_http_llm_each_name(&named, type, name, len);
    ngx_http_llm_each_key(&named, quota);
    ngx_http_llm_each_record(&named, quota);

    tables = quota->tables->elts;
    last = NULL;

    for (i = 0; i < quota->tables->nelts; i++) {
        conf = ngx_http_llm_each_conf(&named, tables[i]);

        if (i != 0 && conf == last) {
            continue;
        }

        last = conf;

        if (!named.live) {

            if (conf) {
                visit(data, conf);
            }

            continue;
        }

        if (conf) {
            row = *conf;

        } else {
            llm_row_init(&row);
        }

        ngx_http_llm_each_overlay(&named, quota, &row);

        visit(data, &row);
    }
}


static void
ngx_http_llm_each_name(ngx_http_llm_named_t *named, llm_subject_type_e type,
    const u_char *name, size_t len)
{
    u_char  *p;

    ngx_memzero(named, sizeof(ngx_http_llm_named_t));

    named->type = type;

    named->id.data = (u_char *) name;
    named->id.len = len;

    if (ngx_http_llm_subject_in(type) == LLM_SUBJECT_GLOBAL) {
        return;
    }

    p = ngx_strlchr(named->id.data, named->id.data + len, '\0');

    if (p) {
        named->first.data = named->id.data;
        named->first.len = p - named->id.data;

        named->id.data = p + 1;
        named->id.len = len - named->first.len - 1;
    }
}


/* The key of the configuration, whose alias rows may have. */

static void
ngx_http_llm_each_key(ngx_http_llm_named_t *named,
    ngx_http_llm_quota_t *quota)
{
    u_char                      digest[LLM_KEY_DIGEST];
    uint32_t                    i;
    ngx_int_t                   n;
    ngx_str_t                  *id;
    ngx_uint_t                  k;
    ngx_http_llm_key_t        **keys;
    ngx_http_llm_main_conf_t   *lmcf;

    if (named->type == LLM_SUBJECT_KEY) {
        id = &named->id;

    } else if (named->type == LLM_SUBJECT_KEY_MODEL) {
        id = &named->first;

    } else {
        return;
    }

    lmcf = ngx_http_llm_worker_conf((ngx_cycle_t *) ngx_cycle);

    if (lmcf == NULL || id->len != 2 * LLM_KEY_DIGEST) {
        return;
    }

    for (k = 0; k < LLM_KEY_DIGEST; k++) {
        n = ngx_hextoi(id->data + 2 * k, 2);

        if (n == NGX_ERROR) {
            return;
        }

        digest[k] = (u_char) n;
    }

    i = llm_keys_find(&lmcf->keys->table, digest);

    if (i != LLM_KEY_NONE) {
        keys = lmcf->keys->keys.elts;
        named->key = keys[i];
        named->alias = keys[i]->sn.str;
    }
}


/* Reads what was made over the admin API. */

static void
ngx_http_llm_each_record(ngx_http_llm_named_t *named,
    ngx_http_llm_quota_t *quota)
{
    u_char             *p, pair[LLM_ENTITY_ID];
    ngx_str_t           id;
    llm_entity_kind_e   kind;
    llm_record_item_t   item;

    id = named->id;
    named->tag = LLM_RECORD_LIMIT;

    switch (named->type) {

    case LLM_SUBJECT_TEAM:
        kind = LLM_ENTITY_TEAM;
        break;

    case LLM_SUBJECT_USER:
        kind = LLM_ENTITY_USER;
        break;

    case LLM_SUBJECT_TAG:
        kind = LLM_ENTITY_TAG;
        break;

    case LLM_SUBJECT_CUSTOMER:
        kind = LLM_ENTITY_CUSTOMER;
        break;

    case LLM_SUBJECT_KEY:
        kind = LLM_ENTITY_KEY;
        break;

    case LLM_SUBJECT_KEY_MODEL:
        kind = LLM_ENTITY_KEY;
        id = named->first;
        named->tag = LLM_RECORD_MODEL_LIMIT;
        break;

    case LLM_SUBJECT_TEAM_MODEL:
        kind = LLM_ENTITY_TEAM;
        id = named->first;
        named->tag = LLM_RECORD_MODEL_LIMIT;
        break;

    case LLM_SUBJECT_TEAM_USER:

        p = ngx_cpymem(pair, named->first.data, named->first.len);
        *p++ = '\0';
        p = ngx_cpymem(p, named->id.data, named->id.len);

        id.data = pair;
        id.len = p - pair;

        if (ngx_http_llm_get_entity(quota, LLM_ENTITY_TEAM_MEMBER, &id,
                                    &ngx_http_llm_each_own)
            == LLM_ENTITY_LIVE)
        {
            named->live = 1;
            return;
        }

        kind = LLM_ENTITY_TEAM;
        id = named->first;
        named->tag = LLM_RECORD_MEMBER_LIMIT;
        break;

    default:
        return;
    }

    named->live = (ngx_http_llm_get_entity(quota, kind, &id,
                                           &ngx_http_llm_each_own)
                   == LLM_ENTITY_LIVE);

    if (named->live && kind == LLM_ENTITY_KEY
        && llm_record_find(&ngx_http_llm_each_own, LLM_RECORD_ALIAS, &item)
        && item.len)
    {
        named->alias.data = (u_char *) item.text;
        named->alias.len = item.len;
    }
}


static const llm_row_t *
ngx_http_llm_each_conf(ngx_http_llm_named_t *named,
    ngx_http_llm_rows_t **tables)
{
    ngx_uint_t            own;
    const llm_row_t      *row;
    ngx_http_llm_rows_t  *rows;

    rows = tables[named->type];

    if (named->type == LLM_SUBJECT_KEY) {

        if (named->key) {
            return ngx_http_llm_key_row(rows, named->key);
        }

        row = ngx_http_llm_find_row(rows, &named->alias, &own);

        return (named->alias.len && own)
               ? row : ngx_http_llm_find_row(rows, &named->id, &own);
    }

    if (rows == NULL) {
        return NULL;
    }

    if (ngx_http_llm_subject_in(named->type) == LLM_SUBJECT_GLOBAL) {
        return ngx_http_llm_find_row(rows, &named->id, &own);
    }

    return ngx_http_llm_find_pair_row(rows, named->alias.len ? &named->alias
                                                             : NULL,
                                      &named->first, &named->id);
}


static void
ngx_http_llm_each_overlay(ngx_http_llm_named_t *named,
    ngx_http_llm_quota_t *quota, llm_row_t *row)
{
    ngx_str_t          id;
    llm_record_item_t  item;

    if (named->tag == LLM_RECORD_LIMIT
        && llm_record_find(&ngx_http_llm_each_own, LLM_RECORD_BUDGET_ID,
                           &item))
    {
        id.data = (u_char *) item.text;
        id.len = item.len;

        if (ngx_http_llm_get_entity(quota, LLM_ENTITY_BUDGET, &id,
                                    &ngx_http_llm_each_budget)
            == LLM_ENTITY_LIVE)
        {
            llm_record_overlay(row, &ngx_http_llm_each_budget,
                               LLM_RECORD_LIMIT, NULL, 0, ngx_time());
        }
    }

    llm_record_overlay(row, &ngx_http_llm_each_own, named->tag,
                       named->id.data, named->id.len, ngx_time());
}
