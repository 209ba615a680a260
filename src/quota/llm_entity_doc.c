
/*
 * Copyright (C) the llm_quota authors
 */


#include <stdio.h>
#include <string.h>

#include "llm_doc.h"
#include "llm_entity_doc.h"
#include "llm_pattern.h"
#include "llm_period.h"
#include "llm_price_entry.h"


#define LLM_DOC_OVER     10      /* percent, where none is given */


/* Where limits of one kind stand: the names of members, NULL: there is none of
   it.  Of budgets a second name is an older one of the same. */

typedef struct {
    llm_record_tag_e         tag;
    const char              *budget[2];
    const char              *duration[2];
    const char              *rpm;
    const char              *tpm;
    const char              *parallel;
} llm_doc_limits_t;


static const llm_doc_limits_t  llm_doc_own = {
    LLM_RECORD_LIMIT, { "max_budget", NULL }, { "budget_duration", NULL },
    "rpm_limit", "tpm_limit", "max_parallel_requests"
};

static const llm_doc_limits_t  llm_doc_in_team = {
    LLM_RECORD_LIMIT, { "max_budget_in_team", "max_budget" },
    { "budget_duration", NULL }, "rpm_limit", "tpm_limit",
    "max_parallel_requests"
};

static const llm_doc_limits_t  llm_doc_member = {
    LLM_RECORD_MEMBER_LIMIT, { "team_member_budget", NULL },
    { "team_member_budget_duration", NULL }, "team_member_rpm_limit",
    "team_member_tpm_limit", NULL
};

static const llm_doc_limits_t  llm_doc_model = {
    LLM_RECORD_MODEL_LIMIT, { "max_budget", "budget_limit" },
    { "budget_duration", "time_period" }, "rpm_limit", "tpm_limit", NULL
};

static const llm_doc_limits_t  llm_doc_window = {
    LLM_RECORD_LIMIT, { "max_budget", NULL }, { "budget_duration", NULL },
    NULL, NULL, NULL
};


/* Members that are a text: of which kinds, how they are kept. */

typedef struct {
    const char              *name;
    llm_record_tag_e         tag;
    unsigned                 kinds;
} llm_doc_text_t;


#define llm_doc_of(kind)  (1U << (kind))

static const llm_doc_text_t  llm_doc_texts[] = {
    { "key_alias", LLM_RECORD_ALIAS, llm_doc_of(LLM_ENTITY_KEY) },
    { "team_alias", LLM_RECORD_ALIAS, llm_doc_of(LLM_ENTITY_TEAM) },
    { "user_alias", LLM_RECORD_ALIAS, llm_doc_of(LLM_ENTITY_USER) },
    { "alias", LLM_RECORD_ALIAS, llm_doc_of(LLM_ENTITY_CUSTOMER) },
    { "team_id", LLM_RECORD_TEAM, llm_doc_of(LLM_ENTITY_KEY) },
    { "user_id", LLM_RECORD_USER, llm_doc_of(LLM_ENTITY_KEY) },
    { "replaced_by", LLM_RECORD_REPLACED_BY, llm_doc_of(LLM_ENTITY_KEY) },
    { "counts_as", LLM_RECORD_COUNTS_AS, llm_doc_of(LLM_ENTITY_KEY) },
    { "budget_id", LLM_RECORD_BUDGET_ID, ~llm_doc_of(LLM_ENTITY_BUDGET) },
    { "priority", LLM_RECORD_PRIORITY, ~0U },
    { NULL, 0, 0 }
};


typedef int (*llm_doc_part_pt)(llm_doc_t *d);

static int llm_doc_limits(llm_doc_t *d, const json_t *object,
    const llm_doc_limits_t *names, const char *model);
static int llm_doc_budget(llm_doc_t *d, const json_t *object,
    const llm_doc_limits_t *names, const char *model);
static int llm_doc_windows(llm_doc_t *d);
static int llm_doc_soft(llm_doc_t *d);
static int llm_doc_over(llm_doc_t *d);
static int llm_doc_more(llm_doc_t *d);
static int llm_doc_models(llm_doc_t *d);
static int llm_doc_list(llm_doc_t *d, const char *name, int groups);
static int llm_doc_access(llm_doc_t *d);
static int llm_doc_names(llm_doc_t *d);
static int llm_doc_model_rates(llm_doc_t *d);
static int llm_doc_model_budgets(llm_doc_t *d);


int
llm_entity_text(llm_record_t *record, llm_entity_kind_e kind,
    const u_char *json, size_t n, char *error)
{
    int           rc;
    json_t       *doc;
    json_error_t  fault;

    doc = json_loadb((const char *) json, n, JSON_REJECT_DUPLICATES, &fault);

    if (doc == NULL) {
        (void) snprintf(error, LLM_ENTITY_ERROR,
                        "the document is not valid JSON: %s", fault.text);
        return -1;
    }

    rc = llm_entity_doc(record, kind, doc, error);

    json_decref(doc);

    return rc;
}


int
llm_entity_doc(llm_record_t *record, llm_entity_kind_e kind,
    const json_t *doc, char *error)
{
    unsigned   i;
    llm_doc_t  d;

    static const llm_doc_part_pt  parts[] = {
        llm_doc_windows, llm_doc_soft, llm_doc_over, llm_doc_more,
        llm_doc_models, llm_doc_access, llm_doc_names, llm_doc_model_rates,
        llm_doc_model_budgets
    };

    record->len = 0;
    error[0] = '\0';

    d.record = record;
    d.kind = kind;
    d.doc = doc;
    d.error = error;

    if (!json_is_object(doc)) {
        return llm_doc_wrong(&d, "the document", "is not an object");
    }

    if (llm_doc_limits(&d, doc, kind == LLM_ENTITY_TEAM_MEMBER
                                ? &llm_doc_in_team : &llm_doc_own, NULL)
        != 0)
    {
        return -1;
    }

    if (kind == LLM_ENTITY_TEAM
        && llm_doc_limits(&d, doc, &llm_doc_member, NULL) != 0)
    {
        return -1;
    }

    for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (parts[i](&d) != 0) {
            return -1;
        }
    }

    return 0;
}


static int
llm_doc_limits(llm_doc_t *d, const json_t *object,
    const llm_doc_limits_t *names, const char *model)
{
    unsigned           i;
    const json_t      *value;
    llm_record_item_t  item;

    const struct {
        const char      *name;
        llm_resource_e   resource;
        unsigned         minute;
    } counts[] = {
        { names->rpm, LLM_RESOURCE_REQUESTS, 1 },
        { names->tpm, LLM_RESOURCE_TOKENS, 1 },
        { names->parallel, LLM_RESOURCE_PARALLEL, 0 }
    };

    for (i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {

        if (counts[i].name == NULL) {
            continue;
        }

        value = json_object_get(object, counts[i].name);

        memset(&item, 0, sizeof(llm_record_item_t));

        item.tag = names->tag;
        item.resource = counts[i].resource;
        item.minute = counts[i].minute;
        item.text = (const u_char *) model;
        item.len = model ? strlen(model) : 0;

        if (value && llm_doc_count(d, value, counts[i].name, &item) != 0) {
            return -1;
        }
    }

    return llm_doc_budget(d, object, names, model);
}


static int
llm_doc_budget(llm_doc_t *d, const json_t *object,
    const llm_doc_limits_t *names, const char *model)
{
    const char        *name, *duration;
    const json_t      *max, *period;
    llm_record_item_t  item;

    max = llm_doc_first(object, names->budget, &name);
    period = llm_doc_first(object, names->duration, &duration);

    memset(&item, 0, sizeof(llm_record_item_t));

    item.tag = names->tag;
    item.resource = LLM_RESOURCE_COST;
    item.text = (const u_char *) model;
    item.len = model ? strlen(model) : 0;

    if (period == NULL) {
        item.period = LLM_RECORD_AS_IS;

    } else if (!json_is_null(period)
               && (!json_is_string(period)
                   || llm_period_parse((const u_char *)
                                       json_string_value(period),
                                       json_string_length(period),
                                       &item.period)
                      != 0))
    {
        return llm_doc_wrong(d, duration, "is no period: use a number with s, "
                             "m, h, d, w or mo");
    }

    if (max == NULL) {

        if (period == NULL || json_is_null(period)) {
            return 0;
        }

        item.amount = LLM_RECORD_SAME;

    } else if (json_is_null(max)) {
        item.amount = LLM_RECORD_LIFTED;

    } else if (llm_doc_money(d, max, name, &item.amount) != 0) {
        return -1;
    }

    return llm_doc_add(d, &item);
}


static int
llm_doc_windows(llm_doc_t *d)
{
    size_t         i;
    json_t        *window;
    const json_t  *windows;

    windows = json_object_get(d->doc, "budget_limits");

    if (windows == NULL || json_is_null(windows)) {
        return 0;
    }

    if (!json_is_array(windows)
        || json_array_size(windows) > LLM_RECORD_BUDGETS)
    {
        return llm_doc_wrong(d, "budget_limits", "is no list of at most 8 "
                             "budgets");
    }

    json_array_foreach(windows, i, window) {

        if (!json_is_string(json_object_get(window, "budget_duration"))
            || json_object_get(window, "max_budget") == NULL)
        {
            return llm_doc_wrong(d, "budget_limits", "has an entry without "
                                 "budget_duration and max_budget");
        }

        if (llm_doc_budget(d, window, &llm_doc_window, NULL) != 0) {
            return -1;
        }
    }

    return 0;
}


static int
llm_doc_soft(llm_doc_t *d)
{
    const json_t      *value;
    llm_record_item_t  item;

    value = json_object_get(d->doc, "soft_budget");

    if (value == NULL) {
        return 0;
    }

    memset(&item, 0, sizeof(llm_record_item_t));

    item.tag = LLM_RECORD_SOFT;
    item.amount = LLM_RECORD_LIFTED;

    if (!json_is_null(value)
        && llm_doc_money(d, value, "soft_budget", &item.amount) != 0)
    {
        return -1;
    }

    return llm_doc_add(d, &item);
}


static int
llm_doc_over(llm_doc_t *d)
{
    int64_t            milli;
    const json_t      *value, *share;
    llm_record_item_t  item;

    value = llm_doc_get(d, "throttle_on_budget_exceeded");

    if (value == NULL) {
        return 0;
    }

    if (!json_is_boolean(value) && !json_is_null(value)) {
        return llm_doc_wrong(d, "throttle_on_budget_exceeded",
                             "is neither true nor false");
    }

    memset(&item, 0, sizeof(llm_record_item_t));

    item.tag = LLM_RECORD_OVER;
    item.amount = json_is_true(value) ? LLM_DOC_OVER : 0;

    share = llm_doc_get(d, "budget_exceeded_throttle_percentage");

    if (share && !json_is_null(share)) {

        if (llm_price_decimal(share, 3, &milli) != 0
            || milli < LLM_DOC_MILLI / 100 || milli > LLM_DOC_MILLI)
        {
            return llm_doc_wrong(d, "budget_exceeded_throttle_percentage",
                                 "is no share from 0.01 to 1");
        }

        if (item.amount) {
            item.amount = milli * 100 / LLM_DOC_MILLI;
        }
    }

    return llm_doc_add(d, &item);
}


static int
llm_doc_more(llm_doc_t *d)
{
    const json_t      *value, *until;
    llm_record_item_t  item;

    value = llm_doc_get(d, "temp_budget_increase");

    if (value == NULL || json_is_null(value)) {
        return 0;
    }

    until = llm_doc_get(d, "temp_budget_expiry");

    memset(&item, 0, sizeof(llm_record_item_t));

    item.tag = LLM_RECORD_MORE;

    if (llm_doc_money(d, value, "temp_budget_increase", &item.amount) != 0
        || llm_doc_time(d, until, "temp_budget_expiry", &item.until) != 0)
    {
        return -1;
    }

    return llm_doc_add(d, &item);
}


/* The groups beside a list are a part of it; without one they are the list. */

static int
llm_doc_models(llm_doc_t *d)
{
    const char        *name;
    const json_t      *models, *groups;
    llm_record_item_t  item;

    static const char *const  names[] = { "models", "model_names" };

    models = llm_doc_first(d->doc, names, &name);
    groups = json_object_get(d->doc, "access_group_ids");

    if (models == NULL && json_array_size(groups) == 0) {
        return 0;
    }

    memset(&item, 0, sizeof(llm_record_item_t));
    item.tag = LLM_RECORD_MODELS;

    if (llm_doc_add(d, &item) != 0
        || (models && llm_doc_list(d, name, 0) != 0))
    {
        return -1;
    }

    return llm_doc_list(d, "access_group_ids", 1);
}


static int
llm_doc_list(llm_doc_t *d, const char *name, int groups)
{
    size_t             i;
    json_t            *value;
    const char        *text;
    const json_t      *list;
    llm_pattern_t      pattern;
    llm_record_item_t  item;

    list = json_object_get(d->doc, name);

    if (list == NULL || json_is_null(list)) {
        return 0;
    }

    if (!json_is_array(list)) {
        return llm_doc_wrong(d, name, "is no list of names");
    }

    json_array_foreach(list, i, value) {
        text = json_string_value(value);

        if (text == NULL
            || llm_pattern_parse(&pattern, (const u_char *) text,
                                 json_string_length(value))
               != 0)
        {
            return llm_doc_wrong(d, name, "has what is no name: use models as "
                                 "they are asked for, the beginning of names "
                                 "with * after it, or groups");
        }

        if (!groups
            && (strcmp(text, "all-proxy-models") == 0
                || strcmp(text, "all-team-models") == 0))
        {
            text = "*";
        }

        memset(&item, 0, sizeof(llm_record_item_t));

        item.tag = LLM_RECORD_MODEL;
        item.text = (const u_char *) text;
        item.len = strlen(text);

        if (llm_doc_add(d, &item) != 0) {
            return -1;
        }
    }

    return 0;
}


static int
llm_doc_access(llm_doc_t *d)
{
    const json_t      *value;
    llm_record_item_t  item;

    memset(&item, 0, sizeof(llm_record_item_t));

    value = json_object_get(d->doc, "blocked");

    if (value) {

        if (!json_is_boolean(value) && !json_is_null(value)) {
            return llm_doc_wrong(d, "blocked", "is neither true nor false");
        }

        item.tag = LLM_RECORD_BLOCKED;
        item.amount = json_is_true(value);

        if (llm_doc_add(d, &item) != 0) {
            return -1;
        }
    }

    value = json_object_get(d->doc, "expires");

    if (value == NULL || d->kind != LLM_ENTITY_KEY) {
        return 0;
    }

    item.tag = LLM_RECORD_EXPIRES;
    item.amount = LLM_RECORD_LIFTED;

    if (!json_is_null(value)
        && llm_doc_time(d, value, "expires", &item.amount) != 0)
    {
        return -1;
    }

    return llm_doc_add(d, &item);
}


static int
llm_doc_names(llm_doc_t *d)
{
    const json_t          *value;
    llm_record_item_t      item;
    const llm_doc_text_t  *t;

    for (t = llm_doc_texts; t->name; t++) {

        if (!(t->kinds & llm_doc_of(d->kind))) {
            continue;
        }

        value = llm_doc_get(d, t->name);

        memset(&item, 0, sizeof(llm_record_item_t));
        item.tag = t->tag;

        if (value
            && (llm_doc_text(d, value, t->name, &item) != 0
                || llm_doc_add(d, &item) != 0))
        {
            return -1;
        }
    }

    return 0;
}


/* Who has no pairs with models has no limits of them. */

static int
llm_doc_model_rates(llm_doc_t *d)
{
    unsigned           i;
    json_t            *value;
    const char        *model;
    const json_t      *models;
    llm_record_item_t  item;

    static const struct {
        const char      *name;
        llm_resource_e   resource;
    } members[] = {
        { "model_rpm_limit", LLM_RESOURCE_REQUESTS },
        { "model_tpm_limit", LLM_RESOURCE_TOKENS }
    };

    if (d->kind != LLM_ENTITY_TEAM && d->kind != LLM_ENTITY_KEY) {
        return 0;
    }

    for (i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        models = llm_doc_get(d, members[i].name);

        if (models == NULL || json_is_null(models)) {
            continue;
        }

        if (!json_is_object(models)) {
            return llm_doc_wrong(d, members[i].name, "is no object with a "
                                 "limit for each model");
        }

        json_object_foreach((json_t *) models, model, value) {
            memset(&item, 0, sizeof(llm_record_item_t));

            item.tag = LLM_RECORD_MODEL_LIMIT;
            item.resource = members[i].resource;
            item.minute = 1;
            item.text = (const u_char *) model;
            item.len = strlen(model);

            if (llm_doc_count(d, value, members[i].name, &item) != 0) {
                return -1;
            }
        }
    }

    return 0;
}


static int
llm_doc_model_budgets(llm_doc_t *d)
{
    json_t            *value;
    const char        *model;
    const json_t      *models;
    llm_record_item_t  item;

    models = json_object_get(d->doc, "model_max_budget");

    if (models == NULL || json_is_null(models)
        || (d->kind != LLM_ENTITY_TEAM && d->kind != LLM_ENTITY_KEY))
    {
        return 0;
    }

    if (!json_is_object(models)) {
        return llm_doc_wrong(d, "model_max_budget", "is no object with a "
                             "budget for each model");
    }

    json_object_foreach((json_t *) models, model, value) {

        if (json_is_object(value)) {

            if (llm_doc_limits(d, value, &llm_doc_model, model) != 0) {
                return -1;
            }

            continue;
        }

        memset(&item, 0, sizeof(llm_record_item_t));

        item.tag = LLM_RECORD_MODEL_LIMIT;
        item.resource = LLM_RESOURCE_COST;
        item.period = LLM_RECORD_AS_IS;
        item.text = (const u_char *) model;
        item.len = strlen(model);
        item.amount = LLM_RECORD_LIFTED;

        if ((!json_is_null(value)
             && llm_doc_money(d, value, "model_max_budget", &item.amount) != 0)
            || llm_doc_add(d, &item) != 0)
        {
            return -1;
        }
    }

    return 0;
}