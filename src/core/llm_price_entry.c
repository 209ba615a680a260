
/*
 * Copyright (C) the llm_quota authors
 */


#include <stddef.h>
#include <string.h>

#include "llm_price_entry.h"
#include "llm_price_name.h"


/* Decimals of a unit: prices are pico-dollars, factors thousandths, tokens
   are counted. */

#define LLM_PRICE_USD     12
#define LLM_PRICE_FACTOR  3
#define LLM_PRICE_TOKENS  0

/* More digits than the shortest decimal of a double would only show how far
   it is from the number that was written. */

#define LLM_PRICE_DIGITS  15


typedef struct {
    const char              *name;
    size_t                   offset;     /* in llm_price_t */
    int                      scale;
    const char              *modes[4];   /* "": any */
} llm_price_field_t;


static int llm_price_tokens(llm_price_t *price, const json_t *members,
    int64_t above, llm_price_fault_t *fault);
static int llm_price_ranges(llm_price_t *price, const json_t *ranges,
    llm_price_fault_t *fault);
static int llm_price_fields(llm_price_t *price, const json_t *entry,
    llm_price_fault_t *fault);
static int llm_price_has_mode(const json_t *entry,
    const char *const *modes);
static int llm_price_query(llm_price_t *price, const json_t *entry,
    llm_price_fault_t *fault);
static int llm_price_has_other(const json_t *entry);
static int llm_price_searches(llm_price_t *price, const json_t *entry,
    llm_price_fault_t *fault);
static int llm_price_factors(llm_price_t *price, const json_t *entry,
    llm_price_fault_t *fault);
static int llm_price_object(const json_t *entry, const char *name,
    const json_t **object, llm_price_fault_t *fault);
static int llm_price_number(const json_t *object, const char *name, int scale,
    int64_t *number, llm_price_fault_t *fault);
static int llm_price_value(const char *name, const json_t *value, int scale,
    int64_t *number, llm_price_fault_t *fault);
static int llm_price_wrong(llm_price_fault_t *fault, const char *member,
    const char *what);


/*
 * What is read later wins.  Of what is made or read by the second some entries
 * have a price for the input, some for the output and some the same under both
 * names; in other modes the names mean something that no answer counts:
 * capacity by the second, images that are looked at.
 */

static const llm_price_field_t  llm_price_plain[] = {

    { "input_cost_per_request",
      offsetof(llm_price_t, request), LLM_PRICE_USD,
      { "" } },

    { "input_cost_per_second",
      offsetof(llm_price_t, second), LLM_PRICE_USD,
      { "audio_transcription", NULL } },

    { "output_cost_per_second",
      offsetof(llm_price_t, second), LLM_PRICE_USD,
      { "audio_transcription", NULL } },

    { "input_cost_per_image",
      offsetof(llm_price_t, image), LLM_PRICE_USD,
      { "image_generation", "image_edit", NULL } },

    { "output_cost_per_image",
      offsetof(llm_price_t, image), LLM_PRICE_USD,
      { "image_generation", "image_edit", NULL } },

    { "max_input_tokens",
      offsetof(llm_price_t, max_input), LLM_PRICE_TOKENS,
      { "" } },

    /* the older name, and so before the newer one */

    { "max_tokens",
      offsetof(llm_price_t, max_output), LLM_PRICE_TOKENS,
      { "" } },

    { "max_output_tokens",
      offsetof(llm_price_t, max_output), LLM_PRICE_TOKENS,
      { "" } },

    { NULL, 0, 0, { NULL } }
};


llm_price_entry_e
llm_price_entry(llm_price_t *price, const json_t *entry,
    llm_price_fault_t *fault)
{
    llm_price_init(price);

    if (!json_is_object(entry)) {
        fault->member = NULL;
        fault->what = "is not an object with the prices of the model";

        return LLM_PRICE_WRONG;
    }

    if (llm_price_tokens(price, entry, 0, fault) != 0
        || llm_price_ranges(price, json_object_get(entry, "tiered_pricing"),
                            fault)
           != 0)
    {
        return LLM_PRICE_WRONG;
    }

    llm_price_complete(price);

    if (llm_price_fields(price, entry, fault) != 0
        || llm_price_query(price, entry, fault) != 0
        || llm_price_searches(price, entry, fault) != 0
        || llm_price_factors(price, entry, fault) != 0)
    {
        return LLM_PRICE_WRONG;
    }

    /* what costs by the pixel or the page only must not pass for a free model
       because its tokens cost nothing */

    if (llm_price_is_empty(price)
        || (llm_price_is_free(price) && llm_price_has_other(entry)))
    {
        return LLM_PRICE_NONE;
    }

    return LLM_PRICE_READ;
}


static int
llm_price_tokens(llm_price_t *price, const json_t *members, int64_t above,
    llm_price_fault_t *fault)
{
    json_t              *value;
    int64_t              unit;
    const char          *name;
    llm_price_member_t   member;

    json_object_foreach((json_t *) members, name, value) {

        if (llm_price_member(&member, (const u_char *) name, strlen(name))
            != 0)
        {
            continue;
        }

        unit = LLM_PRICE_UNSET;

        if (llm_price_value(name, value, LLM_PRICE_USD, &unit, fault) != 0) {
            return -1;
        }

        if (unit == LLM_PRICE_UNSET) {
            continue;
        }

        if (above) {
            member.above = above;
        }

        if (llm_price_put(price, &member, unit) != 0) {
            return llm_price_wrong(fault, name,
                                   "is for one more threshold than the 4 that "
                                   "a model can have");
        }
    }

    return 0;
}


static int
llm_price_ranges(llm_price_t *price, const json_t *ranges,
    llm_price_fault_t *fault)
{
    size_t         i;
    json_t        *tier;
    int64_t        above;
    const json_t  *range;

    if (ranges == NULL || json_is_null(ranges)) {
        return 0;
    }

    if (!json_is_array(ranges)) {
        return llm_price_wrong(fault, "tiered_pricing", "is not an array");
    }

    json_array_foreach(ranges, i, tier) {

        if (!json_is_object(tier)) {
            return llm_price_wrong(fault, "tiered_pricing",
                                   "holds what is no object");
        }

        range = json_object_get(tier, "range");

        if (range == NULL) {

            /* by the number of results, which no answer states */

            continue;
        }

        above = LLM_PRICE_UNSET;

        if (llm_price_value("range", json_array_get(range, 0),
                            LLM_PRICE_TOKENS, &above, fault)
            != 0)
        {
            return -1;
        }

        if (above == LLM_PRICE_UNSET) {
            return llm_price_wrong(fault, "range",
                                   "is not an array that begins with a number "
                                   "of tokens");
        }

        if (llm_price_tokens(price, tier, above, fault) != 0) {
            return -1;
        }
    }

    return 0;
}


static int
llm_price_fields(llm_price_t *price, const json_t *entry,
    llm_price_fault_t *fault)
{
    int64_t                   n, *number;
    const llm_price_field_t  *field;

    for (field = llm_price_plain; field->name != NULL; field++) {

        if (!llm_price_has_mode(entry, field->modes)) {
            continue;
        }

        number = (int64_t *) ((u_char *) price + field->offset);
        n = *number;

        if (llm_price_number(entry, field->name, field->scale, &n, fault)
            != 0)
        {
            return -1;
        }

        /* a 0 under one name is no price where another name has one */

        if (field->modes[0][0] == '\0' || n > *number) {
            *number = n;
        }
    }

    return 0;
}


static int
llm_price_has_mode(const json_t *entry, const char *const *modes)
{
    const char  *mode;

    if (modes[0][0] == '\0') {
        return 1;
    }

    mode = json_string_value(json_object_get(entry, "mode"));

    for ( /* void */ ; mode != NULL && *modes != NULL; modes++) {
        if (strcmp(mode, *modes) == 0) {
            return 1;
        }
    }

    return 0;
}


/* Rerankers and search engines, whose tokens have no price or that of 0. */

static int
llm_price_query(llm_price_t *price, const json_t *entry,
    llm_price_fault_t *fault)
{
    if (!llm_price_is_empty(price) && !llm_price_is_free(price)) {
        return 0;
    }

    return llm_price_number(entry, "input_cost_per_query", LLM_PRICE_USD,
                            &price->query, fault);
}


/* Prices of units that are not read. */

static int
llm_price_has_other(const json_t *entry)
{
    json_t      *value;
    int64_t      unit;
    const char  *name;

    json_object_foreach((json_t *) entry, name, value) {

        if (strstr(name, "cost") != NULL
            && llm_price_decimal(value, LLM_PRICE_USD, &unit) == 0
            && unit > 0)
        {
            return 1;
        }
    }

    return 0;
}


/* A size without a price costs what medium does; that one, if it has none,
   what the dearest does. */

static int
llm_price_searches(llm_price_t *price, const json_t *entry,
    llm_price_fault_t *fault)
{
    int            i;
    int64_t        dearest, size[LLM_SEARCH_SIZES];
    const json_t  *search;

    static const char *const  names[LLM_SEARCH_SIZES] = {
        "search_context_size_medium",
        "search_context_size_low",
        "search_context_size_high"
    };

    if (llm_price_object(entry, "search_context_cost_per_query", &search,
                         fault)
        != 0)
    {
        return -1;
    }

    dearest = 0;

    for (i = 0; i < LLM_SEARCH_SIZES; i++) {
        size[i] = LLM_PRICE_UNSET;

        if (llm_price_number(search, names[i], LLM_PRICE_USD, &size[i], fault)
            != 0)
        {
            return -1;
        }

        if (size[i] > dearest) {
            dearest = size[i];
        }
    }

    if (size[LLM_SEARCH_MEDIUM] < 0) {
        size[LLM_SEARCH_MEDIUM] = dearest;
    }

    for (i = 0; i < LLM_SEARCH_SIZES; i++) {
        price->web_search[i] = (size[i] < 0) ? size[LLM_SEARCH_MEDIUM]
                                             : size[i];
    }

    return 0;
}


static int
llm_price_factors(llm_price_t *price, const json_t *entry,
    llm_price_fault_t *fault)
{
    const json_t  *factors;

    if (llm_price_object(entry, "provider_specific_entry", &factors, fault)
        != 0
        || llm_price_number(factors, "fast", LLM_PRICE_FACTOR, &price->fast,
                            fault)
           != 0
        || llm_price_number(factors, "us", LLM_PRICE_FACTOR, &price->us,
                            fault)
           != 0)
    {
        return -1;
    }

    if (price->fast > LLM_PRICE_FACTOR_MAX
        || price->us > LLM_PRICE_FACTOR_MAX)
    {
        return llm_price_wrong(fault, "provider_specific_entry",
                               "has a factor over 1000");
    }

    return 0;
}


/* *object is NULL, which has no members, where there is none. */

static int
llm_price_object(const json_t *entry, const char *name,
    const json_t **object, llm_price_fault_t *fault)
{
    *object = json_object_get(entry, name);

    if (*object != NULL && !json_is_null(*object) && !json_is_object(*object))
    {
        return llm_price_wrong(fault, name, "is not an object");
    }

    return 0;
}


static int
llm_price_number(const json_t *object, const char *name, int scale,
    int64_t *number, llm_price_fault_t *fault)
{
    return llm_price_value(name, json_object_get(object, name), scale, number,
                           fault);
}


/* Leaves *number as it is where there is no value. */

static int
llm_price_value(const char *name, const json_t *value, int scale,
    int64_t *number, llm_price_fault_t *fault)
{
    if (value == NULL || json_is_null(value)) {
        return 0;
    }

    switch (llm_price_decimal(value, scale, number)) {

    case 0:
        return 0;

    case -2:
        return llm_price_wrong(fault, name,
                               "is negative: at least 0 is expected");

    case -3:
        return llm_price_wrong(fault, name, "is too large");

    default: /* -1 */
        return llm_price_wrong(fault, name,
                               "is neither a number nor a string with one");
    }
}


int
llm_price_decimal(const json_t *value, int scale, int64_t *number)
{
    char         buf[LLM_DECIMAL_MAX];
    size_t       len;
    const char  *text;

    if (json_is_string(value)) {
        text = json_string_value(value);
        len = json_string_length(value);

    } else if (json_is_number(value)) {
        text = buf;
        len = json_dumpb(value, buf, LLM_DECIMAL_MAX,
                         JSON_ENCODE_ANY
                         |JSON_REAL_PRECISION(LLM_PRICE_DIGITS));

    } else {
        return -1;
    }

    return llm_decimal_parse((const u_char *) text, len, scale, number);
}


static int
llm_price_wrong(llm_price_fault_t *fault, const char *member,
    const char *what)
{
    fault->member = member;
    fault->what = what;

    return -1;
}
