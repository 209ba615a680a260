
/*
 * Copyright (C) the llm_quota authors
 */


#include <jansson.h>

#include "llm_price_entry.h"
#include "price.h"


/* Entries of a list; our own list; and LiteLLM's, where it is. */

#define OWN     "conf.example/prices.json"
#define SHARED  "../shared/prices/litellm_model_prices.json"


/* Members that have to do with money and are passed over, and why; "*" at the
   end stands for more. */

static const struct {
    const char  *name;
    const char  *why;
} ignored[] = {
    { "cache_creation_input_audio_token_cost",
      "no answer tells how much of what was cached is sound" },
    { "cache_read_input_audio_token_cost",
      "no answer tells how much of what was cached is sound" },
    { "input_cost_per_character*", "answers count no characters" },
    { "output_cost_per_character*", "answers count no characters" },
    { "input_cost_per_pixel", "answers count no pixels" },
    { "output_cost_per_pixel", "answers count no pixels" },
    { "input_cost_per_video_per_second*", "answers count no video" },
    { "output_cost_per_video_per_second", "answers count no video" },
    { "output_cost_per_second_1080p", "answers count no video" },
    { "input_cost_per_audio_per_second*",
      "of sound in a chat answers count tokens" },
    { "input_cost_per_second", "of capacity, outside of transcription" },
    { "output_cost_per_second", "of capacity or video" },
    { "input_cost_per_image*",
      "of images that are looked at answers count tokens" },
    { "output_cost_per_image", "of images in a chat answers count tokens" },
    { "ocr_cost_per_*", "answers count no pages" },
    { "annotation_cost_per_page", "answers count no pages" },
    { "code_interpreter_cost_per_session", "answers count no sessions" },
    { "input_dbu_cost_per_token", "the same price in another unit" },
    { "output_dbu_cost_per_token", "the same price in another unit" },
    { "regional_processing_uplift_multiplier_*",
      "the host that was asked decides, no answer tells it" }
};

#define IGNORED  (sizeof(ignored) / sizeof(ignored[0]))


static unsigned  met[IGNORED];


static llm_price_entry_e
entry(llm_price_t *price, const char *text, llm_price_fault_t *fault)
{
    json_t             *object;
    static json_t      *last;

    json_decref(last);

    object = json_loads(text, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);
    last = object;

    memset(price, 0x5a, sizeof(llm_price_t));

    return llm_price_entry(price, object, fault);
}


static int64_t
charge(const char *text, int64_t input, int64_t output)
{
    llm_price_t        price;
    llm_usage_t        usage;
    llm_price_fault_t  fault;

    if (entry(&price, text, &fault) != LLM_PRICE_READ) {
        return -1;
    }

    usage = used(input, output);
    usage.images = 1;
    usage.seconds = 1;

    return llm_price_charge(&price, &usage, LLM_TIER_DEFAULT);
}


static void
test_entries(void)
{
    unsigned           i;
    llm_price_t        p;
    llm_price_fault_t  fault;

    static const struct {
        const char  *entry;
        int64_t      charge;     /* of 1000 in and 1000 out, -1: none */
    } entries[] = {
        { "{}", -1 },
        { "{\"mode\":\"chat\",\"max_tokens\":5}", -1 },
        { "{\"input_cost_per_token\":1e-6}", 1000000 },
        { "{\"input_cost_per_token\":\"1e-6\",\"output_cost_per_token\":"
          "0.000002}", 3000000 },
        { "{\"input_cost_per_token\":null,\"output_cost_per_token\":1e-6}",
          1000000 },
        { "{\"input_cost_per_token\":0,\"output_cost_per_token\":0.0}", 0 },
        { "{\"input_cost_per_request\":0.005}", 5000000 },
        { "{\"mode\":\"rerank\",\"input_cost_per_query\":0.002,"
          "\"input_cost_per_token\":0.0}", 2000000 },
        { "{\"mode\":\"search\",\"input_cost_per_query\":0}", 0 },
        { "{\"input_cost_per_query\":0.002,\"input_cost_per_token\":1e-6}",
          1000000 },

        { "{\"mode\":\"audio_transcription\",\"input_cost_per_second\":0.0001,"
          "\"output_cost_per_second\":0.0001}", 100000 },
        { "{\"mode\":\"audio_transcription\",\"input_cost_per_second\":0.0001,"
          "\"output_cost_per_second\":0.0}", 100000 },
        { "{\"mode\":\"audio_transcription\",\"output_cost_per_second\":0.0001"
          "}", 100000 },
        { "{\"mode\":\"chat\",\"input_cost_per_second\":0.0001}", -1 },
        { "{\"input_cost_per_second\":0.0001}", -1 },

        { "{\"mode\":\"image_generation\",\"output_cost_per_image\":0.04}",
          40000000 },
        { "{\"mode\":\"image_edit\",\"input_cost_per_image\":0.04}",
          40000000 },
        { "{\"mode\":\"image_generation\",\"input_cost_per_image\":0.001,"
          "\"output_cost_per_image\":0.04}", 40000000 },
        { "{\"mode\":\"image_generation\",\"output_cost_per_image\":0.04,"
          "\"output_cost_per_token\":1e-6}", 1000000 },
        { "{\"mode\":\"chat\",\"output_cost_per_image\":0.04,"
          "\"input_cost_per_token\":1e-6}", 1000000 },

        /* free tokens do not make a model free */

        { "{\"input_cost_per_token\":0,\"output_cost_per_image\":0.04}", -1 },
        { "{\"input_cost_per_token\":0,\"ocr_cost_per_page\":0.04}", -1 },
        { "{\"input_cost_per_token\":0,\"ocr_cost_per_page\":0}", 0 },

        { "{\"tiered_pricing\":[{\"range\":[0,500],\"input_cost_per_token\":"
          "1e-6},{\"range\":[500,\"1e3\"],\"input_cost_per_token\":2e-6}]}",
          2000000 },
        { "{\"tiered_pricing\":[{\"max_results\":5}],"
          "\"input_cost_per_token\":1e-6}", 1000000 }
    };

    static const struct {
        const char  *entry;
        const char  *member;
        const char  *what;
    } wrong[] = {
        { "[]", NULL, "is not an object with the prices of the model" },
        { "1", NULL, "is not an object with the prices of the model" },
        { "{\"input_cost_per_token\":-1}", "input_cost_per_token",
          "is negative: at least 0 is expected" },
        { "{\"input_cost_per_token\":true}", "input_cost_per_token",
          "is neither a number nor a string with one" },
        { "{\"input_cost_per_token\":\"free\"}", "input_cost_per_token",
          "is neither a number nor a string with one" },
        { "{\"input_cost_per_token\":1e300}", "input_cost_per_token",
          "is too large" },
        { "{\"max_input_tokens\":\"-1\"}", "max_input_tokens",
          "is negative: at least 0 is expected" },
        { "{\"tiered_pricing\":{}}", "tiered_pricing", "is not an array" },
        { "{\"tiered_pricing\":[1]}", "tiered_pricing",
          "holds what is no object" },
        { "{\"tiered_pricing\":[{\"range\":5}]}", "range",
          "is not an array that begins with a number of tokens" },
        { "{\"search_context_cost_per_query\":0.01}",
          "search_context_cost_per_query", "is not an object" },
        { "{\"search_context_cost_per_query\":{\"search_context_size_low\":"
          "[]}}", "search_context_size_low",
          "is neither a number nor a string with one" },
        { "{\"provider_specific_entry\":[]}", "provider_specific_entry",
          "is not an object" },
        { "{\"provider_specific_entry\":{\"fast\":1001}}",
          "provider_specific_entry", "has a factor over 1000" },
        { "{\"input_cost_per_token_above_1k_tokens\":1,"
          "\"input_cost_per_token_above_2k_tokens\":1,"
          "\"input_cost_per_token_above_3k_tokens\":1,"
          "\"input_cost_per_token_above_4k_tokens\":1,"
          "\"input_cost_per_token_above_5k_tokens\":1}",
          "input_cost_per_token_above_5k_tokens",
          "is for one more threshold than the 4 that a model can have" }
    };

    for (i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
        is_int(charge(entries[i].entry, 1000, 1000), entries[i].charge, "%s",
               entries[i].entry);
    }

    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        ok(entry(&p, wrong[i].entry, &fault) == LLM_PRICE_WRONG
           && (fault.member == NULL) == (wrong[i].member == NULL)
           && (fault.member == NULL
               || strcmp(fault.member, wrong[i].member) == 0)
           && strcmp(fault.what, wrong[i].what) == 0, "%s %s",
           wrong[i].entry, wrong[i].what);
    }

    /* what is not a price of tokens */

    (void) entry(&p, "{\"input_cost_per_token\":1,\"max_tokens\":5,"
                 "\"max_output_tokens\":4096.0,\"max_input_tokens\":"
                 "\"200000\",\"provider_specific_entry\":{\"us\":1.1,"
                 "\"fast\":6.0,\"schema\":\"x\"},"
                 "\"search_context_cost_per_query\":"
                 "{\"search_context_size_low\":0.005,"
                 "\"search_context_size_medium\":0.008,"
                 "\"search_context_size_high\":0.012}}", &fault);

    is_int(p.max_output, 4096, "the newer name of the largest output");
    is_int(p.max_input, 200000, "the largest input, in a string");
    is_int(p.us, 1100, "a factor");
    is_int(p.fast, 6000, "another one");
    is_int(p.web_search[LLM_SEARCH_LOW], 5000000000, "searches, low");
    is_int(p.web_search[LLM_SEARCH_MEDIUM], 8000000000, "medium");
    is_int(p.web_search[LLM_SEARCH_HIGH], 12000000000, "high");

    (void) entry(&p, "{\"input_cost_per_token\":1,\"max_tokens\":5,"
                 "\"search_context_cost_per_query\":"
                 "{\"search_context_size_low\":0.005,"
                 "\"search_context_size_high\":0.012}}", &fault);

    is_int(p.max_output, 5, "the older name");
    is_int(p.web_search[LLM_SEARCH_MEDIUM], 12000000000,
           "medium costs what is dearest, if it has no price");

    (void) entry(&p, "{\"input_cost_per_token\":1,"
                 "\"search_context_cost_per_query\":"
                 "{\"search_context_size_medium\":0.008}}", &fault);

    is_int(p.web_search[LLM_SEARCH_LOW], 8000000000,
           "and the others what medium does");
}


static int
is_ignored(const char *name)
{
    size_t    len;
    unsigned  i;

    for (i = 0; i < IGNORED; i++) {
        len = strlen(ignored[i].name);

        if (strcmp(name, ignored[i].name) == 0
            || (ignored[i].name[len - 1] == '*'
                && strncmp(name, ignored[i].name, len - 1) == 0))
        {
            met[i]++;
            return 1;
        }
    }

    return 0;
}


/* A member is understood if a higher number makes another price. */

static int
is_understood(json_t *model, json_t *object, const char *name)
{
    json_t             *value;
    llm_price_t         before, after;
    llm_price_fault_t   fault;

    value = json_incref(json_object_get(object, name));

    (void) llm_price_entry(&before, model, &fault);
    json_object_set_new(object, name,
                        json_real(json_number_value(value) * 3 + 1));
    (void) llm_price_entry(&after, model, &fault);
    json_object_set_new(object, name, value);

    return memcmp(&before, &after, sizeof(llm_price_t)) != 0;
}


static int
members(json_t *model, json_t *object, const char *key)
{
    int          bad, money;
    json_t      *value, *copy;
    const char  *name;

    bad = 0;
    copy = json_copy(object);

    json_object_foreach(copy, name, value) {

        if (!json_is_number(value)) {
            continue;
        }

        money = strstr(name, "cost") != NULL
                || strstr(name, "multiplier") != NULL
                || strncmp(name, "search_context_size", 19) == 0
                || strncmp(name, "max_", 4) == 0 || object != model;

        if (money && !is_understood(model, object, name)
            && !is_ignored(name)
            && strcmp(name, "max_tokens") != 0)
        {
            printf("# \"%s\" of \"%s\" is neither understood nor ignored\n",
                   name, key);
            bad++;
        }
    }

    json_decref(copy);

    return bad;
}


/* An entry without a price must have none, or one of those that are passed
   over. */

static int
is_without(json_t *model)
{
    int          none, other;
    json_t      *value;
    const char  *name;

    none = 1;
    other = 0;

    json_object_foreach(model, name, value) {

        if (strstr(name, "cost") != NULL && json_is_number(value)
            && json_number_value(value) > 0)
        {
            none = 0;
            other |= is_ignored(name);
        }
    }

    return none || other;
}


static void
test_list(const char *path, int own)
{
    int                 bad, wrong, none, count;
    size_t              i;
    json_t             *list, *model, *tier;
    const char         *name;
    llm_price_t         price;
    llm_price_fault_t   fault;

    static const char  *const  objects[] = {
        "search_context_cost_per_query", "provider_specific_entry"
    };

    list = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);

    if (list == NULL && !own) {
        printf("# no %s\n", path);
        return;
    }

    bad = 0;
    wrong = 0;
    none = 0;
    count = 0;

    json_object_foreach(list, name, model) {

        if (strcmp(name, LLM_PRICE_SPEC) == 0) {
            continue;
        }

        count++;

        switch (llm_price_entry(&price, model, &fault)) {

        case LLM_PRICE_WRONG:
            printf("# \"%s\": %s %s\n", name,
                   fault.member ? fault.member : "", fault.what);
            wrong++;
            break;

        case LLM_PRICE_NONE:
            none++;

            if (!is_without(model)) {
                printf("# \"%s\" is without a price\n", name);
                bad++;
            }

            break;

        default: /* LLM_PRICE_READ */
            bad += members(model, model, name);

            for (i = 0; i < 2; i++) {
                tier = json_object_get(model, objects[i]);
                bad += members(model, tier, name);
            }

            json_array_foreach(json_object_get(model, "tiered_pricing"), i,
                               tier)
            {
                bad += members(model, tier, name);
            }
        }
    }

    ok(count >= 40, "%s: %d models, %d of them without a price", path, count,
       none);
    is_int(wrong, 0, "%s: all can be read", path);
    is_int(bad, 0, "%s: all is understood, or ignored with a reason", path);

    for (i = 0; i < IGNORED; i++) {

        if (own) {
            is_int(met[i], 0, "ours has no %s", ignored[i].name);

        } else {
            ok(met[i] > 0, "%s, %u times: %s", ignored[i].name, met[i],
               ignored[i].why);
        }
    }

    if (own) {
        is_int(none, 0, "ours has a price for each");
    }

    json_decref(list);
}


/* From our list, by hand. */

static void
test_own(void)
{
    json_t             *list;
    llm_price_t         p;
    llm_usage_t         u;
    llm_price_fault_t   fault;

    list = json_load_file(OWN, JSON_REJECT_DUPLICATES, NULL);

    (void) llm_price_entry(&p, json_object_get(list, "gpt-5.6"), &fault);
    u = used(300000, 1000);
    u.cached_read = 200000;

    /* over 272k, flex: 5, cached 0.5, 22.5 */

    is_int(llm_price_charge(&p, &u, LLM_TIER_FLEX),
           500000000 + 100000000 + 22500000, "gpt-5.6, long and flex");

    /* a batch: 10, cached 1, 45, of all half */

    is_int(llm_price_charge(&p, &u, LLM_TIER_BATCH),
           500000000 + 100000000 + 22500000, "gpt-5.6, long and in a batch");

    (void) llm_price_entry(&p, json_object_get(list, "claude-sonnet-4-5"),
                           &fault);
    u = used(250000, 1000);
    u.cached_read = 100000;
    u.cache_write_5m = 40000;
    u.cache_write_1h = 10000;
    u.web_searches = 2;

    /* over 200k: 6, read 0.6, write 7.5 and 12, 22.5; 10 for 1000 searches */

    is_int(llm_price_charge(&p, &u, LLM_TIER_DEFAULT),
           600000000 + 60000000 + 300000000 + 120000000 + 22500000 + 20000000,
           "claude-sonnet-4-5, long");

    (void) llm_price_entry(&p, json_object_get(list, "gpt-image-1"), &fault);
    u = used(171, 1056);
    u.image_out = 1056;
    is_int(llm_price_charge(&p, &u, LLM_TIER_DEFAULT), 855000 + 42240000,
           "gpt-image-1");

    json_decref(list);
}


int
main(void)
{
    test_entries();
    test_own();
    test_list(OWN, 1);
    test_list(SHARED, 0);

    return tap_done();
}
