
/*
 * Copyright (C) the llm_quota authors
 */


#include <string.h>

#include "llm_api_doc.h"
#include "llm_period.h"
#include "llm_price_entry.h"
#include "llm_text.h"
#include "llm_time.h"


static int llm_api_check_id(const json_t *value, llm_api_fault_t *fault);
static int llm_api_check_money(const json_t *value, llm_api_fault_t *fault);
static int llm_api_check_count(const json_t *value, llm_api_fault_t *fault);
static int llm_api_check_share(const json_t *value, llm_api_fault_t *fault);
static int llm_api_check_text(const json_t *value, llm_api_type_e type,
    llm_api_fault_t *fault);
static int llm_api_check_names(const json_t *value, llm_api_fault_t *fault);
static int llm_api_check_counts(const json_t *value, llm_api_fault_t *fault);
static int llm_api_check_budgets(const json_t *value, llm_api_fault_t *fault);
static int llm_api_check_windows(const json_t *value, llm_api_fault_t *fault);
static int llm_api_check_budget(const json_t *value, int needed,
    llm_api_fault_t *fault);
static int llm_api_check_choice(const json_t *value, const char *choices,
    llm_api_fault_t *fault);
static int llm_api_check_whole(const json_t *document, const json_t *body,
    unsigned kind, llm_api_fault_t *fault);
static const json_t *llm_api_merged(const json_t *document,
    const json_t *body, const char *name);
static int llm_api_money(const json_t *value, int64_t *nano);
static int llm_api_fault(llm_api_fault_t *fault, unsigned status,
    const char *what);


#define LLM_API_OF_ALL   (LLM_API_TEAM|LLM_API_USER|LLM_API_CUSTOMER          \
                          |LLM_API_KEY|LLM_API_BUDGET|LLM_API_TAG)
#define LLM_API_OF_WHOM  (LLM_API_TEAM|LLM_API_USER|LLM_API_KEY)
#define LLM_API_RATED    (LLM_API_OF_ALL|LLM_API_MEMBER)


/* in the order in which they are shown where a document lacks them */

const llm_api_field_t  llm_api_fields[] = {

    { "team_id", LLM_API_ID, LLM_API_TEAM|LLM_API_KEY|LLM_API_MEMBER, "null",
      NULL },
    { "user_id", LLM_API_ID,
      LLM_API_USER|LLM_API_CUSTOMER|LLM_API_KEY|LLM_API_MEMBER, "null", NULL },
    { "budget_id", LLM_API_ID, LLM_API_RATED, "null", NULL },
    { "name", LLM_API_ID, LLM_API_TAG, NULL, NULL },
    { "access_group", LLM_API_ID, LLM_API_GROUP, NULL, NULL },

    { "team_alias", LLM_API_NAME, LLM_API_TEAM, "null", NULL },
    { "key_alias", LLM_API_NAME, LLM_API_KEY, "null", NULL },
    { "key_name", LLM_API_NAME, LLM_API_KEY, "null", NULL },
    { "user_alias", LLM_API_NAME, LLM_API_USER, "null", NULL },
    { "user_email", LLM_API_NAME, LLM_API_USER, "null", NULL },
    { "alias", LLM_API_NAME, LLM_API_CUSTOMER, "null", NULL },
    { "organization_id", LLM_API_NAME, LLM_API_OF_WHOM, "null", NULL },

    { "max_budget", LLM_API_MONEY, LLM_API_OF_ALL, "null", NULL },
    { "soft_budget", LLM_API_MONEY, LLM_API_OF_ALL, "null", NULL },
    { "budget_duration", LLM_API_PERIOD, LLM_API_RATED, "null", NULL },
    { "budget_limits", LLM_API_WINDOWS, LLM_API_TEAM|LLM_API_KEY, "null",
      NULL },
    { "rpm_limit", LLM_API_COUNT, LLM_API_RATED, "null", NULL },
    { "tpm_limit", LLM_API_COUNT, LLM_API_RATED, "null", NULL },
    { "max_parallel_requests", LLM_API_COUNT, LLM_API_OF_ALL, "null", NULL },
    { "model_rpm_limit", LLM_API_COUNTS, LLM_API_OF_WHOM, NULL, NULL },
    { "model_tpm_limit", LLM_API_COUNTS, LLM_API_OF_WHOM, NULL, NULL },
    { "model_max_budget", LLM_API_BUDGETS, LLM_API_OF_ALL, "{}", NULL },
    { "rpm_limit_type", LLM_API_CHOICE, LLM_API_TEAM|LLM_API_KEY, NULL,
      "guaranteed_throughput|best_effort_throughput|dynamic" },
    { "tpm_limit_type", LLM_API_CHOICE, LLM_API_TEAM|LLM_API_KEY, NULL,
      "guaranteed_throughput|best_effort_throughput|dynamic" },

    { "max_budget_in_team", LLM_API_MONEY, LLM_API_MEMBER, "null", NULL },
    { "role", LLM_API_CHOICE, LLM_API_MEMBER, NULL, "admin|user" },
    { "allowed_models", LLM_API_NAMES, LLM_API_MEMBER, NULL, NULL },
    { "team_member_budget", LLM_API_MONEY, LLM_API_TEAM, NULL, NULL },
    { "team_member_budget_duration", LLM_API_PERIOD, LLM_API_TEAM, NULL,
      NULL },
    { "team_member_rpm_limit", LLM_API_COUNT, LLM_API_TEAM, NULL, NULL },
    { "team_member_tpm_limit", LLM_API_COUNT, LLM_API_TEAM, NULL, NULL },
    { "team_member_permissions", LLM_API_NAMES, LLM_API_TEAM, NULL, NULL },

    { "models", LLM_API_NAMES, LLM_API_OF_WHOM|LLM_API_TAG|LLM_API_GROUP,
      "[]", NULL },
    { "model_names", LLM_API_NAMES, LLM_API_GROUP, NULL, NULL },
    { "access_group_ids", LLM_API_NAMES, LLM_API_TEAM|LLM_API_KEY, "[]",
      NULL },
    { "tags", LLM_API_NAMES, LLM_API_TEAM|LLM_API_KEY, NULL, NULL },
    { "blocked", LLM_API_BOOL,
      LLM_API_TEAM|LLM_API_USER|LLM_API_CUSTOMER|LLM_API_KEY, "false", NULL },
    { "metadata", LLM_API_OBJECT, LLM_API_OF_WHOM, "{}", NULL },
    { "throttle_on_budget_exceeded", LLM_API_BOOL, LLM_API_TEAM|LLM_API_KEY,
      NULL, NULL },
    { "budget_exceeded_throttle_percentage", LLM_API_SHARE,
      LLM_API_TEAM|LLM_API_KEY, NULL, NULL },
    { "temp_budget_increase", LLM_API_MONEY, LLM_API_OF_WHOM, NULL, NULL },
    { "temp_budget_expiry", LLM_API_MOMENT, LLM_API_OF_WHOM, NULL, NULL },

    { "members_with_roles", LLM_API_ANY, LLM_API_TEAM, "[]", NULL },
    { "teams", LLM_API_NAMES, LLM_API_USER, "[]", NULL },
    { "user_role", LLM_API_CHOICE, LLM_API_USER, "null",
      "proxy_admin|proxy_admin_viewer|internal_user|internal_user_viewer" },

    { "duration", LLM_API_PERIOD, LLM_API_KEY|LLM_API_USER, NULL, NULL },
    { "expires", LLM_API_MOMENT, LLM_API_KEY, "null", NULL },
    { "key_type", LLM_API_CHOICE, LLM_API_KEY, NULL,
      "default|llm_api|management|read_only" },
    { "aliases", LLM_API_OBJECT, LLM_API_KEY, "{}", NULL },
    { "config", LLM_API_OBJECT, LLM_API_KEY, "{}", NULL },
    { "permissions", LLM_API_OBJECT, LLM_API_KEY, "{}", NULL },
    { "allowed_routes", LLM_API_NAMES, LLM_API_KEY, "[]", NULL },
    { "allowed_cache_controls", LLM_API_NAMES, LLM_API_KEY|LLM_API_USER, "[]",
      NULL },
    { "auto_rotate", LLM_API_BOOL, LLM_API_KEY, NULL, NULL },

    { "allowed_model_region", LLM_API_CHOICE, LLM_API_CUSTOMER, "null",
      "eu|us" },
    { "default_model", LLM_API_NAME, LLM_API_CUSTOMER, "null", NULL },
    { "description", LLM_API_NAME, LLM_API_TAG, "null", NULL },

    { NULL, LLM_API_ID, 0, NULL, NULL }
};


int
llm_api_shallow(const u_char *p, size_t n)
{
    int            quoted;
    unsigned       depth;
    const u_char  *last;

    quoted = 0;
    depth = 0;

    for (last = p + n; p < last; p++) {

        if (*p == '"') {
            quoted = !quoted;

        } else if (quoted) {

            if (*p == '\\') {
                p++;
            }

        } else if (*p == '[' || *p == '{') {

            if (++depth > LLM_API_DEPTH) {
                return 0;
            }

        } else if ((*p == ']' || *p == '}') && depth) {
            depth--;
        }
    }

    return 1;
}


const llm_api_field_t *
llm_api_field(const char *name, unsigned kind)
{
    const llm_api_field_t  *field;

    for (field = llm_api_fields; field->name; field++) {
        if ((field->kinds & kind) && strcmp(field->name, name) == 0) {
            return field;
        }
    }

    return NULL;
}


int
llm_api_merge(json_t *document, const json_t *body, unsigned kind,
    llm_api_fault_t *fault)
{
    json_t                 *value;
    const char             *name;
    const llm_api_field_t  *field;

    json_object_foreach((json_t *) body, name, value) {

        field = llm_api_field(name, kind);

        if (field == NULL || json_is_null(value)) {
            continue;
        }

        fault->member = field->name;

        if (llm_api_check(field, value, fault) != 0) {
            return -1;
        }
    }

    if (llm_api_check_whole(document, body, kind, fault) != 0) {
        return -1;
    }

    fault->member = "body";

    return json_object_update(document, (json_t *) body) == 0
           ? 0 : llm_api_fault(fault, 400, "is too large");
}


int
llm_api_check(const llm_api_field_t *field, const json_t *value,
    llm_api_fault_t *fault)
{
    switch (field->type) {

    case LLM_API_ID:
        return llm_api_check_id(value, fault);

    case LLM_API_MONEY:
        return llm_api_check_money(value, fault);

    case LLM_API_COUNT:
        return llm_api_check_count(value, fault);

    case LLM_API_SHARE:
        return llm_api_check_share(value, fault);

    case LLM_API_NAME:
    case LLM_API_PERIOD:
    case LLM_API_MOMENT:
        return llm_api_check_text(value, field->type, fault);

    case LLM_API_BOOL:
        return json_is_boolean(value)
               ? 0
               : llm_api_fault(fault, 422, "Input should be a valid boolean");

    case LLM_API_NAMES:
        return llm_api_check_names(value, fault);

    case LLM_API_OBJECT:
        return json_is_object(value)
               ? 0
               : llm_api_fault(fault, 422,
                               "Input should be a valid dictionary");

    case LLM_API_COUNTS:
        return llm_api_check_counts(value, fault);

    case LLM_API_BUDGETS:
        return llm_api_check_budgets(value, fault);

    case LLM_API_WINDOWS:
        return llm_api_check_windows(value, fault);

    case LLM_API_CHOICE:
        return llm_api_check_choice(value, field->choices, fault);

    default: /* LLM_API_ANY */
        return 0;
    }
}


static int
llm_api_check_id(const json_t *value, llm_api_fault_t *fault)
{
    size_t         n;
    const u_char  *id;

    id = (const u_char *) json_string_value(value);
    n = json_string_length(value);

    if (id == NULL) {
        return llm_api_fault(fault, 422, "Input should be a valid string");
    }

    if (!llm_text_is_id(id, n)) {
        return llm_api_fault(fault, 400, "should have 1 to 128 printable "
                             "characters");
    }

    if ((n == 7 && memcmp(id, "default", 7) == 0)
        || (n == 9 && memcmp(id, "anonymous", 9) == 0))
    {
        return llm_api_fault(fault, 400, "cannot be \"default\" or "
                             "\"anonymous\"");
    }

    return 0;
}


static int
llm_api_check_money(const json_t *value, llm_api_fault_t *fault)
{
    int64_t  nano;

    switch (llm_api_money(value, &nano)) {

    case 0:
        return 0;

    case -2:
        return llm_api_fault(fault, 400, "cannot be negative");

    case -3:
        return llm_api_fault(fault, 400, "is too large");

    default:
        return llm_api_fault(fault, 422, "Input should be a valid number");
    }
}


static int
llm_api_money(const json_t *value, int64_t *nano)
{
    return llm_price_decimal(value, 9, nano);
}


static int
llm_api_check_count(const json_t *value, llm_api_fault_t *fault)
{
    if (!json_is_integer(value)) {
        return llm_api_fault(fault, 422, "Input should be a valid integer");
    }

    if (json_integer_value(value) < 0) {
        return llm_api_fault(fault, 400, "cannot be negative");
    }

    return 0;
}


static int
llm_api_check_share(const json_t *value, llm_api_fault_t *fault)
{
    int64_t  nano;

    if (llm_api_check_money(value, fault) != 0) {
        return -1;
    }

    return llm_api_money(value, &nano) == 0 && nano > 0 && nano <= 1000000000
           ? 0
           : llm_api_fault(fault, 400, "should be over 0 and at most 1");
}


static int
llm_api_check_text(const json_t *value, llm_api_type_e type,
    llm_api_fault_t *fault)
{
    size_t         n;
    int64_t        seconds;
    llm_period_t   period;
    const u_char  *text;

    text = (const u_char *) json_string_value(value);
    n = json_string_length(value);

    if (text == NULL) {
        return llm_api_fault(fault, 422, "Input should be a valid string");
    }

    if (n > LLM_API_STRING) {
        return llm_api_fault(fault, 400, "has more than 512 bytes");
    }

    if (type == LLM_API_PERIOD && llm_period_parse(text, n, &period) != 0) {
        return llm_api_fault(fault, 400, "is not a duration such as \"30d\"");
    }

    if (type == LLM_API_MOMENT && llm_time_parse(text, n, &seconds) != 0) {
        return llm_api_fault(fault, 400, "is not a date such as "
                             "\"2026-12-31\" or \"2026-12-31T18:30:00Z\"");
    }

    return 0;
}


static int
llm_api_check_names(const json_t *value, llm_api_fault_t *fault)
{
    size_t   i;
    json_t  *name;

    if (!json_is_array(value)) {
        return llm_api_fault(fault, 422, "Input should be a valid list");
    }

    json_array_foreach((json_t *) value, i, name) {
        if (llm_api_check_text(name, LLM_API_NAME, fault) != 0) {
            return -1;
        }
    }

    return 0;
}


static int
llm_api_check_counts(const json_t *value, llm_api_fault_t *fault)
{
    json_t      *count;
    const char  *name;

    if (!json_is_object(value)) {
        return llm_api_fault(fault, 422, "Input should be a valid dictionary");
    }

    json_object_foreach((json_t *) value, name, count) {
        if (!json_is_null(count) && llm_api_check_count(count, fault) != 0) {
            return -1;
        }
    }

    return 0;
}


static int
llm_api_check_budgets(const json_t *value, llm_api_fault_t *fault)
{
    json_t      *budget;
    const char  *name;

    if (!json_is_object(value)) {
        return llm_api_fault(fault, 422, "Input should be a valid dictionary");
    }

    json_object_foreach((json_t *) value, name, budget) {

        if (json_is_null(budget)) {
            continue;
        }

        /* once a plain number */

        if ((json_is_object(budget) ? llm_api_check_budget(budget, 0, fault)
                                    : llm_api_check_money(budget, fault))
            != 0)
        {
            return -1;
        }
    }

    return 0;
}


static int
llm_api_check_windows(const json_t *value, llm_api_fault_t *fault)
{
    size_t   i;
    json_t  *budget;

    if (!json_is_array(value)) {
        return llm_api_fault(fault, 422, "Input should be a valid list");
    }

    json_array_foreach((json_t *) value, i, budget) {

        if (!json_is_object(budget)) {
            return llm_api_fault(fault, 422,
                                 "Input should be a list of dictionaries");
        }

        if (llm_api_check_budget(budget, 1, fault) != 0) {
            return -1;
        }
    }

    return 0;
}


static int
llm_api_check_budget(const json_t *value, int needed, llm_api_fault_t *fault)
{
    unsigned                      i;
    const json_t                 *member;

    static const llm_api_field_t  members[] = {
        { "max_budget", LLM_API_MONEY, 0, NULL, NULL },
        { "budget_duration", LLM_API_PERIOD, 0, NULL, NULL },
        { "budget_limit", LLM_API_MONEY, 0, NULL, NULL },
        { "time_period", LLM_API_PERIOD, 0, NULL, NULL },
        { "rpm_limit", LLM_API_COUNT, 0, NULL, NULL },
        { "tpm_limit", LLM_API_COUNT, 0, NULL, NULL }
    };

    for (i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        member = json_object_get(value, members[i].name);

        if (member == NULL || json_is_null(member)) {

            if (needed && i < 2) {
                return llm_api_fault(fault, 422, "Each needs max_budget and "
                                     "budget_duration");
            }

            continue;
        }

        if (llm_api_check(&members[i], member, fault) != 0) {
            return -1;
        }
    }

    return 0;
}


static int
llm_api_check_choice(const json_t *value, const char *choices,
    llm_api_fault_t *fault)
{
    size_t       n, len;
    const char  *text;

    text = json_string_value(value);
    len = json_string_length(value);

    for ( /* void */ ; text && *choices; choices += n + (choices[n] == '|')) {

        n = strcspn(choices, "|");

        if (n == len && memcmp(choices, text, n) == 0) {
            return 0;
        }
    }

    return llm_api_fault(fault, 422, "Input is none of the values it may be");
}


/* What members say of each other. */

static int
llm_api_check_whole(const json_t *document, const json_t *body, unsigned kind,
    llm_api_fault_t *fault)
{
    int64_t  soft, max;

    if (kind == LLM_API_TEAM
        && llm_api_money(llm_api_merged(document, body, "soft_budget"), &soft)
           == 0
        && llm_api_money(llm_api_merged(document, body, "max_budget"), &max)
           == 0
        && soft >= max)
    {
        fault->member = "soft_budget";
        return llm_api_fault(fault, 400, "must be strictly lower than "
                             "max_budget");
    }

    if ((llm_api_merged(document, body, "temp_budget_increase") != NULL)
        != (llm_api_merged(document, body, "temp_budget_expiry") != NULL))
    {
        fault->member = "temp_budget_increase";
        return llm_api_fault(fault, 400, "and temp_budget_expiry must be set "
                             "together");
    }

    return 0;
}


/* NULL: it is not there, or null. */

static const json_t *
llm_api_merged(const json_t *document, const json_t *body, const char *name)
{
    const json_t  *value;

    value = json_object_get(body, name);

    if (value == NULL) {
        value = json_object_get(document, name);
    }

    return json_is_null(value) ? NULL : value;
}


const char *
llm_api_string(const json_t *object, const char *name, size_t *len)
{
    const json_t  *value;

    value = json_object_get(object, name);
    *len = json_string_length(value);

    return json_string_value(value);
}


static int
llm_api_fault(llm_api_fault_t *fault, unsigned status, const char *what)
{
    fault->status = status;
    fault->what = what;

    return -1;
}
