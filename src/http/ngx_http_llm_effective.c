
/*
 * Copyright (C) the llm_quota authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "llm_entity.h"
#include "ngx_http_llm.h"


/*
 * What bears on a subject: the row of the configuration with what was made
 * over the admin API laid over it, first its budget, then itself.  It is made
 * once for a request, in its pool, and again where something has changed since
 * then: what a verdict points to lives as long as the request.  So that a long
 * answer does not gather rows while others change much, those of an admitted
 * request are looked at once a second, and one that is as it was is kept.
 */


static ngx_int_t ngx_http_llm_effective(ngx_http_llm_ctx_t *ctx,
    llm_subject_type_e type, llm_zone_t *z);
static void ngx_http_llm_effective_begin(ngx_http_llm_ctx_t *ctx,
    llm_zone_t *z);
static void ngx_http_llm_effective_note(ngx_http_llm_ctx_t *ctx,
    llm_subject_type_e type);
static ngx_uint_t ngx_http_llm_has_pairs(ngx_http_llm_ctx_t *ctx,
    llm_subject_type_e type, llm_subject_type_e pair);
static llm_entity_state_e ngx_http_llm_entity_of(ngx_http_llm_ctx_t *ctx,
    llm_subject_type_e type, llm_record_tag_e *tag);
static const llm_row_t *ngx_http_llm_effective_row(ngx_http_llm_ctx_t *ctx,
    llm_subject_type_e type, llm_record_tag_e tag, const llm_row_t *last);
static void ngx_http_llm_effective_budget(ngx_http_llm_ctx_t *ctx,
    llm_row_t *row, int64_t now);
static ngx_int_t ngx_http_llm_effective_models(ngx_http_llm_ctx_t *ctx,
    llm_row_t *row);
static ngx_int_t ngx_http_llm_effective_model(ngx_http_llm_ctx_t *ctx,
    ngx_array_t *models, const llm_record_item_t *item);
static ngx_int_t ngx_http_llm_push_model(ngx_http_llm_ctx_t *ctx,
    ngx_array_t *models, const llm_record_item_t *item);


/* used within one call: a worker needs one of each */

static llm_record_t  ngx_http_llm_record;
static llm_record_t  ngx_http_llm_second;
static llm_row_t     ngx_http_llm_row;


const llm_row_t *
ngx_http_llm_subject_row(ngx_http_llm_ctx_t *ctx, llm_subject_type_e type)
{
    llm_zone_t  *z;

    z = ctx->quota->zone.zone;

    if (llm_entity_changes(z) == 0 || type == LLM_SUBJECT_CLASS) {
        return ngx_http_llm_conf_row(ctx, type);
    }

    return ngx_http_llm_effective(ctx, type, z) == NGX_OK
           ? ctx->rows[type] : ngx_http_llm_conf_row(ctx, type);
}


ngx_uint_t
ngx_http_llm_is_entity(ngx_http_llm_ctx_t *ctx, llm_subject_type_e type)
{
    llm_zone_t  *z;

    z = ctx->quota->zone.zone;

    return llm_entity_changes(z) != 0
           && ngx_http_llm_effective(ctx, type, z) == NGX_OK
           && (ctx->entities & (1U << type));
}


ngx_int_t
ngx_http_llm_check_blocked(ngx_http_llm_ctx_t *ctx, llm_subject_type_e type)
{
    u_char     subject[NGX_HTTP_LLM_SUBJECT_TEXT];
    ngx_str_t  who;

    if (!ngx_http_llm_is_entity(ctx, type)
        || !(ctx->blocked & (1U << type)))
    {
        return NGX_OK;
    }

    who.data = subject;
    who.len = ngx_http_llm_print_subject(subject, ctx, type) - subject;

    return ngx_http_llm_refuse(ctx, NGX_HTTP_LLM_TEAM_DENIED,
                               "%V is blocked.", &who);
}


/* Sets ctx->rows[type], and its bits. */

static ngx_int_t
ngx_http_llm_effective(ngx_http_llm_ctx_t *ctx, llm_subject_type_e type,
    llm_zone_t *z)
{
    unsigned            bit;
    ngx_str_t          *id;
    const llm_row_t    *last, *row;
    llm_record_tag_e    tag;

    ngx_http_llm_effective_begin(ctx, z);

    bit = 1U << type;

    if (ctx->resolved & bit) {
        return NGX_OK;
    }

    last = ctx->rows[type];

    ctx->entities &= ~bit;
    ctx->blocked &= ~bit;
    ctx->classes[type] = NGX_HTTP_LLM_CLASS_AS_IS;
    ctx->rows[type] = ngx_http_llm_conf_row(ctx, type);

    /* a body may still name it */

    id = ngx_http_llm_subject_id(ctx, type);

    if (id->len == 0) {
        return NGX_OK;
    }

    if (ngx_http_llm_entity_of(ctx, type, &tag) == LLM_ENTITY_LIVE
        && (tag == LLM_RECORD_LIMIT
            || llm_record_has_limits(&ngx_http_llm_record, tag, id->data,
                                     id->len)))
    {

        if (tag == LLM_RECORD_LIMIT) {
            ngx_http_llm_effective_note(ctx, type);
        }

        row = ngx_http_llm_effective_row(ctx, type, tag, last);
        if (row == NULL) {
            return NGX_ERROR;
        }

        ctx->rows[type] = row;
    }

    ctx->resolved |= bit;

    return NGX_OK;
}


/* What the entity's own record says beside its limits. */

static void
ngx_http_llm_effective_note(ngx_http_llm_ctx_t *ctx, llm_subject_type_e type)
{
    size_t              at;
    llm_record_item_t   item;
    llm_subject_type_e  model;

    ctx->entities |= 1U << type;

    model = (type == LLM_SUBJECT_KEY) ? LLM_SUBJECT_KEY_MODEL
                                      : LLM_SUBJECT_TEAM_MODEL;

    for (at = 0;
         llm_record_next(&ngx_http_llm_record, &at, &item);
         /* void */ )
    {
        switch (item.tag) {

        case LLM_RECORD_BLOCKED:

            if (item.amount) {
                ctx->blocked |= 1U << type;
            }

            break;

        case LLM_RECORD_PRIORITY:
            ctx->classes[type] = ngx_http_llm_entity_class(ctx, &item);
            break;

        case LLM_RECORD_MODEL_LIMIT:
            ctx->paired |= 1U << model;
            break;

        case LLM_RECORD_MEMBER_LIMIT:
            ctx->paired |= 1U << LLM_SUBJECT_TEAM_USER;
            break;

        default:
            break;
        }
    }
}


/* Most have no limits of pairs: those are not looked for twice. */

static ngx_uint_t
ngx_http_llm_has_pairs(ngx_http_llm_ctx_t *ctx, llm_subject_type_e type,
    llm_subject_type_e pair)
{
    return ngx_http_llm_is_entity(ctx, type) && (ctx->paired & (1U << pair));
}


static void
ngx_http_llm_effective_begin(ngx_http_llm_ctx_t *ctx, llm_zone_t *z)
{
    uint64_t  changes;

    changes = llm_entity_changes(z);

    if (ctx->changes == changes
        || (ctx->state >= NGX_HTTP_LLM_ADMITTED
            && ctx->looked_at == ngx_time()))
    {
        return;
    }

    ctx->changes = changes;
    ctx->looked_at = ngx_time();
    ctx->resolved = 0;
    ctx->paired = 0;
}


/* Reads the record that a subject's limits come from, and which of them are
   the subject's: the entity's own, or those of its pairs. */

static llm_entity_state_e
ngx_http_llm_entity_of(ngx_http_llm_ctx_t *ctx, llm_subject_type_e type,
    llm_record_tag_e *tag)
{
    u_char     *p, pair[LLM_ENTITY_ID];
    ngx_str_t   id;

    id = *ngx_http_llm_subject_id(ctx, type);
    *tag = LLM_RECORD_LIMIT;

    switch (ngx_http_llm_zone_type(type)) {

    case LLM_SUBJECT_TAG:
        return ngx_http_llm_get_entity(ctx->quota, LLM_ENTITY_TAG, &id,
                                       &ngx_http_llm_record);

    case LLM_SUBJECT_TEAM:
        return ngx_http_llm_get_entity(ctx->quota, LLM_ENTITY_TEAM, &id,
                                       &ngx_http_llm_record);

    case LLM_SUBJECT_USER:
        return ngx_http_llm_get_entity(ctx->quota, LLM_ENTITY_USER, &id,
                                       &ngx_http_llm_record);

    case LLM_SUBJECT_CUSTOMER:
        return ngx_http_llm_get_entity(ctx->quota, LLM_ENTITY_CUSTOMER, &id,
                                       &ngx_http_llm_record);

    case LLM_SUBJECT_KEY:

        if (ctx->key == NULL) {
            return LLM_ENTITY_FREE;
        }

        /* which may be counted as another */

        return ngx_http_llm_get_entity(ctx->quota, LLM_ENTITY_KEY,
                                       &ctx->key->id, &ngx_http_llm_record);

    case LLM_SUBJECT_KEY_MODEL:
        *tag = LLM_RECORD_MODEL_LIMIT;

        if (!ngx_http_llm_has_pairs(ctx, LLM_SUBJECT_KEY, type)) {
            return LLM_ENTITY_FREE;
        }

        return ngx_http_llm_get_entity(ctx->quota, LLM_ENTITY_KEY,
                                       &ctx->key->id, &ngx_http_llm_record);

    case LLM_SUBJECT_TEAM_MODEL:
        *tag = LLM_RECORD_MODEL_LIMIT;

        if (!ngx_http_llm_has_pairs(ctx, LLM_SUBJECT_TEAM, type)) {
            return LLM_ENTITY_FREE;
        }

        return ngx_http_llm_get_entity(ctx->quota, LLM_ENTITY_TEAM,
                                       &ctx->team, &ngx_http_llm_record);

    case LLM_SUBJECT_TEAM_USER:

        p = ngx_cpymem(pair, ctx->team.data, ctx->team.len);
        *p++ = '\0';
        p = ngx_cpymem(p, id.data, id.len);

        id.data = pair;
        id.len = p - pair;

        if (ngx_http_llm_get_entity(ctx->quota, LLM_ENTITY_TEAM_MEMBER, &id,
                                    &ngx_http_llm_record)
            == LLM_ENTITY_LIVE)
        {
            return LLM_ENTITY_LIVE;
        }

        *tag = LLM_RECORD_MEMBER_LIMIT;

        if (!ngx_http_llm_has_pairs(ctx, LLM_SUBJECT_TEAM, type)) {
            return LLM_ENTITY_FREE;
        }

        return ngx_http_llm_get_entity(ctx->quota, LLM_ENTITY_TEAM,
                                       &ctx->team, &ngx_http_llm_record);

    default:
        return LLM_ENTITY_FREE;
    }
}


llm_entity_state_e
ngx_http_llm_get_entity(ngx_http_llm_quota_t *quota, llm_entity_kind_e kind,
    const ngx_str_t *id, llm_record_t *record)
{
    llm_zone_t          *z;
    llm_entity_state_e   state;

    if (llm_entity_count(quota->zone.zone, kind) == 0
        && kind != LLM_ENTITY_KEY)
    {
        return LLM_ENTITY_FREE;
    }

    z = ngx_http_llm_zone_lock(&quota->zone);
    state = llm_entity_get(z, kind, id->data, id->len, record);
    ngx_http_llm_zone_unlock(&quota->zone);

    return state;
}


/* The last one, if it is as that; NULL: no memory. */

static const llm_row_t *
ngx_http_llm_effective_row(ngx_http_llm_ctx_t *ctx, llm_subject_type_e type,
    llm_record_tag_e tag, const llm_row_t *last)
{
    int64_t     now;
    llm_row_t  *row;
    ngx_str_t  *id;

    row = &ngx_http_llm_row;

    if (ctx->rows[type]) {
        ngx_memcpy(row, ctx->rows[type], sizeof(llm_row_t));

    } else {
        llm_row_init(row);
    }

    now = ngx_time();
    id = ngx_http_llm_subject_id(ctx, type);

    if (tag == LLM_RECORD_LIMIT) {
        ngx_http_llm_effective_budget(ctx, row, now);
    }

    llm_record_overlay(row, &ngx_http_llm_record, tag, id->data, id->len, now);

    /* the models of a tag are for who routes by it */

    if (tag == LLM_RECORD_LIMIT
        && type < LLM_SUBJECT_TAG
        && ngx_http_llm_effective_models(ctx, row) != NGX_OK)
    {
        return NULL;
    }

    if (last && ngx_memcmp(last, row, sizeof(llm_row_t)) == 0) {
        return last;
    }

    row = ngx_palloc(ctx->request->pool, sizeof(llm_row_t));

    if (row) {
        ngx_memcpy(row, &ngx_http_llm_row, sizeof(llm_row_t));
    }

    return row;
}


static void
ngx_http_llm_effective_budget(ngx_http_llm_ctx_t *ctx, llm_row_t *row,
    int64_t now)
{
    ngx_str_t          id;
    llm_record_item_t  item;

    if (!llm_record_find(&ngx_http_llm_record, LLM_RECORD_BUDGET_ID, &item)) {
        return;
    }

    id.data = (u_char *) item.text;
    id.len = item.len;

    if (ngx_http_llm_get_entity(ctx->quota, LLM_ENTITY_BUDGET, &id,
                                &ngx_http_llm_second)
        == LLM_ENTITY_LIVE)
    {
        llm_record_overlay(row, &ngx_http_llm_second, LLM_RECORD_LIMIT, NULL,
                           0, now);
    }
}


static ngx_int_t
ngx_http_llm_effective_models(ngx_http_llm_ctx_t *ctx, llm_row_t *row)
{
    size_t             at;
    ngx_array_t        models;
    llm_record_item_t  item;

    if (!llm_record_find(&ngx_http_llm_record, LLM_RECORD_MODELS, &item)) {
        return NGX_OK;
    }

    if (ngx_array_init(&models, ctx->request->pool, 8, sizeof(llm_pattern_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    row->models = NULL;
    row->models_len = 0;

    for (at = 0;
         llm_record_next(&ngx_http_llm_record, &at, &item);
         /* void */ )
    {
        if (item.tag != LLM_RECORD_MODEL) {
            continue;
        }

        /* there is a list, if one of groups without a model */

        row->models = (const u_char *) "";

        if (ngx_http_llm_effective_model(ctx, &models, &item) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    row->allowed = models.elts;
    row->nallowed = models.nelts;

    return NGX_OK;
}


/* The name of a group stands for its models; the configuration's come first,
   as they do for what it names itself. */

static ngx_int_t
ngx_http_llm_effective_model(ngx_http_llm_ctx_t *ctx, ngx_array_t *models,
    const llm_record_item_t *item)
{
    size_t                     at;
    ngx_str_t                  id;
    llm_pattern_t             *p;
    llm_record_item_t          model;
    ngx_http_llm_group_t      *group;
    ngx_http_llm_main_conf_t  *lmcf;

    lmcf = ngx_http_get_module_main_conf(ctx->request,
                                         ngx_http_llm_quota_module);

    group = ngx_http_llm_find_group(lmcf, item->text, item->len);

    if (group) {
        p = ngx_array_push_n(models, group->nmodels);
        if (p == NULL) {
            return NGX_ERROR;
        }

        ngx_memcpy(p, group->models, group->nmodels * sizeof(llm_pattern_t));

        return NGX_OK;
    }

    id.data = (u_char *) item->text;
    id.len = item->len;

    if (ngx_http_llm_get_entity(ctx->quota, LLM_ENTITY_GROUP, &id,
                                &ngx_http_llm_second)
        != LLM_ENTITY_LIVE)
    {
        return ngx_http_llm_push_model(ctx, models, item);
    }

    for (at = 0;
         llm_record_next(&ngx_http_llm_second, &at, &model);
         /* void */ )
    {
        if (model.tag == LLM_RECORD_MODEL
            && ngx_http_llm_push_model(ctx, models, &model) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_push_model(ngx_http_llm_ctx_t *ctx, ngx_array_t *models,
    const llm_record_item_t *item)
{
    u_char         *name;
    llm_pattern_t  *p;

    p = ngx_array_push(models);
    name = ngx_pnalloc(ctx->request->pool, item->len);

    if (p == NULL || name == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(name, item->text, item->len);

    /* the document was read: it is one */

    (void) llm_pattern_parse(p, name, item->len);

    return NGX_OK;
}
