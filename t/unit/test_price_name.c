
/*
 * Copyright (C) the llm_quota authors
 */


#define _GNU_SOURCE    /* memmem() */

#include <jansson.h>

#include "tap.h"
#include "llm_price_name.h"


#define TEST_LIST  "../shared/prices/litellm_model_prices.json"


typedef struct {
    const char              *name;
    llm_price_component_e    component;
    llm_tier_e               tier;
    int64_t                  above;
} test_member_t;


typedef struct {
    const char              *name;
    const char              *rest;       /* NULL: nothing to remove */
} test_name_t;


static const test_member_t  test_members[] = {
    { "input_cost_per_token", LLM_PRICE_INPUT, LLM_TIER_DEFAULT, 0 },
    { "output_cost_per_token", LLM_PRICE_OUTPUT, LLM_TIER_DEFAULT, 0 },
    { "cache_read_input_token_cost", LLM_PRICE_CACHE_READ,
      LLM_TIER_DEFAULT, 0 },
    { "input_cost_per_token_cache_hit", LLM_PRICE_CACHE_READ,
      LLM_TIER_DEFAULT, 0 },
    { "cache_creation_input_token_cost", LLM_PRICE_CACHE_WRITE,
      LLM_TIER_DEFAULT, 0 },
    { "cache_creation_input_token_cost_above_1hr", LLM_PRICE_CACHE_WRITE_1H,
      LLM_TIER_DEFAULT, 0 },
    { "output_cost_per_reasoning_token", LLM_PRICE_REASONING,
      LLM_TIER_DEFAULT, 0 },
    { "input_cost_per_audio_token", LLM_PRICE_AUDIO_IN, LLM_TIER_DEFAULT, 0 },
    { "output_cost_per_audio_token", LLM_PRICE_AUDIO_OUT,
      LLM_TIER_DEFAULT, 0 },
    { "input_cost_per_image_token", LLM_PRICE_IMAGE_IN, LLM_TIER_DEFAULT, 0 },
    { "output_cost_per_image_token", LLM_PRICE_IMAGE_OUT,
      LLM_TIER_DEFAULT, 0 },

    { "input_cost_per_token_flex", LLM_PRICE_INPUT, LLM_TIER_FLEX, 0 },
    { "input_cost_per_token_priority", LLM_PRICE_INPUT,
      LLM_TIER_PRIORITY, 0 },
    { "output_cost_per_image_token_batches", LLM_PRICE_IMAGE_OUT,
      LLM_TIER_BATCH, 0 },
    { "input_cost_per_token_cache_hit_batches", LLM_PRICE_CACHE_READ,
      LLM_TIER_BATCH, 0 },

    { "input_cost_per_token_above_128k_tokens", LLM_PRICE_INPUT,
      LLM_TIER_DEFAULT, 128000 },
    { "output_cost_per_token_above_200k_tokens_priority", LLM_PRICE_OUTPUT,
      LLM_TIER_PRIORITY, 200000 },
    { "output_cost_per_token_priority_above_200k_tokens", LLM_PRICE_OUTPUT,
      LLM_TIER_PRIORITY, 200000 },
    { "cache_read_input_token_cost_above_272k_tokens_flex",
      LLM_PRICE_CACHE_READ, LLM_TIER_FLEX, 272000 },
    { "cache_creation_input_token_cost_above_200k_tokens",
      LLM_PRICE_CACHE_WRITE, LLM_TIER_DEFAULT, 200000 },
    { "cache_creation_input_token_cost_above_1hr_above_200k_tokens",
      LLM_PRICE_CACHE_WRITE_1H, LLM_TIER_DEFAULT, 200000 },
    { "input_cost_per_token_above_1000k_tokens", LLM_PRICE_INPUT,
      LLM_TIER_DEFAULT, 1000000 },
    { "input_cost_per_token_above_4096_tokens", LLM_PRICE_INPUT,
      LLM_TIER_DEFAULT, 4096 },
    { "input_cost_per_token_above_999999999k_tokens", LLM_PRICE_INPUT,
      LLM_TIER_DEFAULT, 999999999000LL },
    { NULL, 0, 0, 0 }
};


static const char *const  test_strangers[] = {
    "",
    "_flex",
    "input",
    "input_cost_per_toke",
    "input_cost_per_tokens",
    "Input_cost_per_token",
    "input_cost_per_token_",
    "input_cost_per_token_fle",
    "input_cost_per_token_flexible",
    "input_cost_per_token_flex_priority",
    "input_cost_per_token_flex_flex",
    "input_cost_per_token_above_",
    "input_cost_per_token_above_tokens",
    "input_cost_per_token_above_k_tokens",
    "input_cost_per_token_above_0k_tokens",
    "input_cost_per_token_above_128k",
    "input_cost_per_token_above_128kk_tokens",
    "input_cost_per_token_above_-1k_tokens",
    "input_cost_per_token_above_1hr",
    "input_cost_per_token_above_9999999999k_tokens",
    "input_cost_per_token_above_128k_tokens_above_200k_tokens",
    "cache_creation_input_token_cost_above_1h",
    "cache_creation_input_token_cost_above_1hr_above_1hr",
    "input_cost_per_token_batch_requests",
    "cache_read_input_audio_token_cost",
    "input_cost_per_image",
    NULL
};


/* What costs something in the shared list, but not by the tokens that are
   told apart here. */

static const char *const  test_other_units[] = {
    "annotation_cost_per_page",
    "cache_creation_input_audio_token_cost",
    "cache_read_input_audio_token_cost",
    "cache_read_input_image_token_cost",
    "cache_read_input_token_cost_per_audio_token",
    "citation_cost_per_token",
    "code_interpreter_cost_per_session",
    "computer_use_input_cost_per_1k_tokens",
    "computer_use_output_cost_per_1k_tokens",
    "file_search_cost_per_1k_calls",
    "file_search_cost_per_gb_per_day",
    "input_cost_per_audio_per_second",
    "input_cost_per_audio_per_second_above_128k_tokens",
    "input_cost_per_character",
    "input_cost_per_character_above_128k_tokens",
    "input_cost_per_image",
    "input_cost_per_image_above_128k_tokens",
    "input_cost_per_pixel",
    "input_cost_per_query",
    "input_cost_per_request",
    "input_cost_per_second",
    "input_cost_per_video_per_second",
    "input_cost_per_video_per_second_above_128k_tokens",
    "input_cost_per_video_per_second_above_15s_interval",
    "input_cost_per_video_per_second_above_8s_interval",
    "input_dbu_cost_per_token",
    "ocr_cost_per_credit",
    "ocr_cost_per_page",
    "output_cost_per_character",
    "output_cost_per_character_above_128k_tokens",
    "output_cost_per_image",
    "output_cost_per_image_above_1024_and_1024_pixels",
    "output_cost_per_image_above_1024_and_1024_pixels_and_premium_image",
    "output_cost_per_image_above_512_and_512_pixels",
    "output_cost_per_image_above_512_and_512_pixels_and_premium_image",
    "output_cost_per_image_premium_image",
    "output_cost_per_pixel",
    "output_cost_per_second",
    "output_cost_per_second_1080p",
    "output_cost_per_video_per_second",
    "output_cost_per_video_token",
    "output_dbu_cost_per_token",
    "search_context_cost_per_query",
    "vector_store_cost_per_gb_per_day",
    NULL
};


static const test_name_t  test_prefixes[] = {
    { "openai/gpt-4o", "gpt-4o" },
    { "bedrock/us-east-1/cohere.rerank", "us-east-1/cohere.rerank" },
    { "groq/openai/gpt-oss-120b", "openai/gpt-oss-120b" },
    { "models/gemini-2.5-pro", "gemini-2.5-pro" },
    { "us.anthropic.claude-sonnet-4-5", "anthropic.claude-sonnet-4-5" },
    { "eu.amazon.nova-lite-v1:0", "amazon.nova-lite-v1:0" },
    { "apac.amazon.nova-lite-v1:0", "amazon.nova-lite-v1:0" },
    { "global.anthropic.claude-opus-5", "anthropic.claude-opus-5" },
    { "us-gov.anthropic.claude-opus-5", "anthropic.claude-opus-5" },
    { "us.x/y", "y" },
    { "/x", "x" },
    { "", NULL },
    { "/", NULL },
    { "x/", NULL },
    { "us.", NULL },
    { "us", NULL },
    { "usa.x", NULL },
    { "gpt-4.1", NULL },
    { "anthropic.claude-v1", NULL },
    { NULL, NULL }
};


static const test_name_t  test_stems[] = {
    { "gpt-4o-2024-08-06", "gpt-4o" },
    { "claude-sonnet-4-5-20250929", "claude-sonnet-4-5" },
    { "claude-sonnet-4-5@20250929", "claude-sonnet-4-5" },
    { "codestral@2405", "codestral" },
    { "text-unicorn@001", "text-unicorn" },
    { "claude-opus-5@default", "claude-opus-5" },
    { "mistral-large@latest", "mistral-large" },
    { "anthropic.claude-3-haiku-20240307-v1:0",
      "anthropic.claude-3-haiku-20240307" },
    { "anthropic.claude-3-haiku-20240307", "anthropic.claude-3-haiku" },
    { "amazon.nova-lite-v1:0", "amazon.nova-lite" },
    { "x-v12:34", "x" },
    { "x-2024-12-31", "x" },
    { "x-20991231", "x" },
    { "x@1", "x" },
    { "", NULL },
    { "-20250929", NULL },
    { "-2025-09-29", NULL },
    { "@20250929", NULL },
    { "@default", NULL },
    { "-v1:0", NULL },
    { "gpt-4o", NULL },
    { "gpt-4-0613", NULL },
    { "mistral-large-2411", NULL },
    { "command-r-08-2024", NULL },
    { "gemini-2.5-pro-preview-05-06", NULL },
    { "mistral-large-latest", NULL },
    { "x-2024-13-01", NULL },
    { "x-2024-00-01", NULL },
    { "x-2024-01-32", NULL },
    { "x-2024-01-00", NULL },
    { "x-1924-01-01", NULL },
    { "x-20241301", NULL },
    { "x-2024x08-06", NULL },
    { "xy2024-08-06", NULL },
    { "xy20240806", NULL },
    { "x-120240806", NULL },
    { "x-202408061", NULL },
    { "x@", NULL },
    { "x@y", NULL },
    { "x@20250929-v1", NULL },
    { "x@defaul", NULL },
    { "x@defaulted", NULL },
    { "@cf/meta/llama-3", NULL },
    { "x-v1", NULL },
    { "x-v1:", NULL },
    { "x-v:0", NULL },
    { "x-:0", NULL },
    { "x-w1:0", NULL },
    { "xyv1:0", NULL },
    { ":0", NULL },
    { "v1:0", NULL },
    { "1", NULL },
    { NULL, NULL }
};


/* A copy of exactly its size, so that a byte too far is an error. */

static u_char *
test_copy(const char *text, size_t len)
{
    u_char  *p;

    p = malloc(len ? len : 1);

    if (p == NULL) {
        exit(2);
    }

    memcpy(p, text, len);

    return p;
}


static int
test_read(llm_price_member_t *member, const char *name)
{
    int      rc;
    u_char  *p;

    p = test_copy(name, strlen(name));
    rc = llm_price_member(member, p, strlen(name));

    free(p);

    return rc;
}


static void
test_member(void)
{
    size_t               i;
    llm_price_member_t   member;
    const test_member_t  *t;

    for (t = test_members; t->name; t++) {
        ok(test_read(&member, t->name) == 0
           && member.component == t->component && member.tier == t->tier
           && member.above == t->above,
           "%s", t->name);
    }

    for (i = 0; test_strangers[i]; i++) {
        is_int(test_read(&member, test_strangers[i]), -1,
               "\"%s\" is no price of tokens", test_strangers[i]);
    }
}


static void
test_name(size_t (*remove)(const u_char *name, size_t len),
    const test_name_t *t, int leading)
{
    size_t   len, n;
    u_char  *p;

    for ( /* void */ ; t->name; t++) {
        len = strlen(t->name);
        p = test_copy(t->name, len);

        n = remove(p, len);

        if (t->rest == NULL) {
            is_int(n, 0, "\"%s\" stays whole", t->name);

        } else if (leading) {
            is_mem(p + n, len - n, t->rest, "prefix of \"%s\"", t->name);

        } else {
            is_mem(p, n, t->rest, "stem of \"%s\"", t->name);
        }

        free(p);
    }
}


/* Noise of the bytes that matter. */

static void
test_short_names(void)
{
    size_t             len, n, m;
    u_char             text[11], *p;
    unsigned           seed, i, j, bad;
    static const char  alphabet[] = "0129-@v:/.us";

    bad = 0;
    seed = 1;

    for (i = 0; i < 200000; i++) {
        len = i % (sizeof(text) + 1);

        for (j = 0; j < len; j++) {
            seed = seed * 1103515245 + 12345;
            text[j] = alphabet[(seed >> 16) % (sizeof(alphabet) - 1)];
        }

        p = test_copy((char *) text, len);

        n = llm_price_name_prefix(p, len);
        m = llm_price_name_stem(p, len);

        if ((n && n >= len) || (m && m >= len)) {
            bad++;
        }

        free(p);
    }

    is_int(bad, 0, "what is left of a name is shorter, and never nothing");
}


static int
test_put(llm_price_t *price, const char *name, int64_t unit)
{
    llm_price_member_t  member;

    if (llm_price_member(&member, (const u_char *) name, strlen(name)) != 0) {
        return -2;
    }

    return llm_price_put(price, &member, unit);
}


static void
test_prices(void)
{
    int                 i;
    llm_price_t         price;
    llm_price_rates_t  *rates;

    llm_price_init(&price);
    rates = price.rates;

    is_int(test_put(&price, "input_cost_per_token_above_272k_tokens", 30), 0,
           "a threshold without a base");
    is_int(test_put(&price, "input_cost_per_token_above_128k_tokens", 20), 0,
           "a lower one after it");
    is_int(test_put(&price, "input_cost_per_token_above_1000k_tokens", 40), 0,
           "a higher one");
    is_int(test_put(&price, "output_cost_per_token_above_128k_tokens_flex", 7),
           0, "another member of one that is known");
    is_int(test_put(&price, "input_cost_per_token_above_200k_tokens", 25), 0,
           "one in the middle");
    is_int(test_put(&price, "input_cost_per_token", 10), 0, "the base");

    is_int(price.thresholds, 4, "four thresholds");

    ok(price.above[0] == 0 && price.above[1] == 128000
       && price.above[2] == 200000 && price.above[3] == 272000
       && price.above[4] == 1000000,
       "rising, in whatever order they came");

    for (i = 0; i <= 4; i++) {
        static const int64_t  input[] = { 10, 20, 25, 30, 40 };

        is_int(rates[i].unit[LLM_TIER_DEFAULT][LLM_PRICE_INPUT], input[i],
               "input of level %d", i);
        is_int(rates[i].unit[LLM_TIER_FLEX][LLM_PRICE_OUTPUT],
               (i == 1) ? 7 : LLM_PRICE_UNSET, "flex output of level %d", i);
        is_int(rates[i].unit[LLM_TIER_DEFAULT][LLM_PRICE_OUTPUT],
               LLM_PRICE_UNSET, "no output of level %d", i);
    }

    is_int(test_put(&price, "input_cost_per_token_above_512k_tokens", 1), -1,
           "a fifth threshold is refused");
    ok(price.thresholds == 4 && price.above[4] == 1000000
       && rates[4].unit[LLM_TIER_DEFAULT][LLM_PRICE_INPUT] == 40,
       "and changes nothing");

    llm_price_init(&price);
    (void) test_put(&price, "input_cost_per_token_cache_hit", 5);
    (void) test_put(&price, "cache_read_input_token_cost", 3);
    is_int(rates[0].unit[LLM_TIER_DEFAULT][LLM_PRICE_CACHE_READ], 5,
           "of two prices for the same the dearer holds, the first");
    (void) test_put(&price, "cache_read_input_token_cost", 8);
    is_int(rates[0].unit[LLM_TIER_DEFAULT][LLM_PRICE_CACHE_READ], 8,
           "and the second");
    (void) test_put(&price, "input_cost_per_token", 0);
    is_int(rates[0].unit[LLM_TIER_DEFAULT][LLM_PRICE_INPUT], 0,
           "a zero price is a price");
}


static void
test_complete(void)
{
    int64_t      *unit;
    llm_price_t   price;

    unit = price.rates[0].unit[LLM_TIER_DEFAULT];

    llm_price_init(&price);
    llm_price_complete(&price);
    ok(llm_price_is_empty(&price), "of nothing comes nothing");

    (void) test_put(&price, "cache_read_input_token_cost", 1);
    llm_price_complete(&price);
    ok(llm_price_is_empty(&price),
       "what a cached token costs is no price of the others");

    (void) test_put(&price, "input_cost_per_token", 5);
    (void) test_put(&price, "input_cost_per_image_token", 10);
    (void) test_put(&price, "output_cost_per_image_token", 40);
    (void) test_put(&price, "output_cost_per_reasoning_token", 50);
    (void) test_put(&price, "output_cost_per_audio_token", 30);
    llm_price_complete(&price);
    is_int(unit[LLM_PRICE_INPUT], 5, "a price of its own stays");
    is_int(unit[LLM_PRICE_OUTPUT], 50, "output takes the dearest of its own");

    llm_price_init(&price);
    (void) test_put(&price, "input_cost_per_audio_token", 8);
    (void) test_put(&price, "output_cost_per_image_token", 40);
    llm_price_complete(&price);
    is_int(unit[LLM_PRICE_INPUT], 8, "input takes that of audio");
    is_int(unit[LLM_PRICE_OUTPUT], 40, "output takes that of images");

    llm_price_init(&price);
    (void) test_put(&price, "input_cost_per_token", 5);
    llm_price_complete(&price);
    is_int(unit[LLM_PRICE_OUTPUT], LLM_PRICE_UNSET,
           "an embedding has no output");
}


static void
test_odd(void)
{
    llm_price_t  price;

    llm_price_init(&price);
    ok(!llm_price_is_odd(&price), "nothing is odd about nothing");

    (void) test_put(&price, "input_cost_per_token", 50000);
    (void) test_put(&price, "input_cost_per_token_priority", 500000);
    (void) test_put(&price, "output_cost_per_token_priority", 900000000);
    ok(!llm_price_is_odd(&price), "ten times, or of nothing, is not odd");

    (void) test_put(&price, "input_cost_per_token_priority", 2500000);
    ok(llm_price_is_odd(&price), "fifty times in a tier is");

    llm_price_init(&price);
    (void) test_put(&price, "output_cost_per_token", 1);
    (void) test_put(&price, "output_cost_per_token_above_9k_tokens", 20);
    ok(!llm_price_is_odd(&price), "over a threshold it is not");

    (void) test_put(&price, "output_cost_per_token_above_9k_tokens_flex", 300);
    ok(llm_price_is_odd(&price), "but in a tier over that threshold");

    llm_price_init(&price);
    (void) test_put(&price, "input_cost_per_token", 0);
    (void) test_put(&price, "input_cost_per_token_priority", 20);
    ok(!llm_price_is_odd(&price), "of a free one anything is more");
}


static int
test_is_known(const char *name)
{
    size_t              i;
    llm_price_member_t  member;

    if (test_read(&member, name) == 0) {
        return 1;
    }

    for (i = 0; test_other_units[i]; i++) {
        if (strcmp(name, test_other_units[i]) == 0) {
            return 1;
        }
    }

    return 0;
}


static void
test_list_members(const json_t *list)
{
    json_t              *entry, *value;
    unsigned             tokens, unknown;
    const char          *model, *name;
    llm_price_member_t   member;

    tokens = 0;
    unknown = 0;

    json_object_foreach((json_t *) list, model, entry) {
        json_object_foreach(entry, name, value) {

            if (llm_price_member(&member, (const u_char *) name, strlen(name))
                == 0)
            {
                tokens++;

            } else if (strstr(name, "cost") && !test_is_known(name)) {
                unknown++;
                printf("# %s of %s\n", name, model);
            }
        }
    }

    ok(tokens > 1000, "the list has prices of tokens: %u", tokens);
    is_int(unknown, 0, "and no other price that is not known as such");
}


/* What jansson makes of a number as it is written, through a double and
   back, has to be what the decimal itself says. */

static int
test_is_exact(const char *number, size_t len)
{
    int       rc;
    char      buf[LLM_DECIMAL_MAX];
    size_t    n;
    json_t   *value;
    int64_t   direct, passed;

    direct = -1;
    passed = -2;

    value = json_loadb(number, len, JSON_DECODE_ANY, NULL);

    n = json_dumpb(value, buf, sizeof(buf),
                   JSON_ENCODE_ANY|JSON_REAL_PRECISION(15));

    rc = llm_decimal_parse((const u_char *) number, len, 12, &direct);
    rc |= llm_decimal_parse((const u_char *) buf, n, 12, &passed);

    json_decref(value);

    if (rc != 0 || direct != passed) {
        printf("# %.*s\n", (int) len, number);
        return 0;
    }

    return 1;
}


static void
test_list_numbers(const char *text)
{
    size_t       n;
    unsigned     numbers, wrong;
    const char  *p, *name;

    numbers = 0;
    wrong = 0;

    for (p = strchr(text, '"'); p; p = strchr(p, '"')) {

        for (name = ++p; *p && *p != '"'; p++) {
            p += (p[0] == '\\' && p[1]);
        }

        if (*p == '\0') {
            break;
        }

        n = p++ - name;

        if (p[0] != ':') {
            continue;
        }

        p += 1 + strspn(p + 1, " ");

        if (memmem(name, n, "cost", 4) == NULL
            && memmem(name, n, "search_context_size", 19) == NULL)
        {
            continue;
        }

        n = strspn(p, "0123456789+-.eE");

        if (n) {
            numbers++;
            wrong += !test_is_exact(p, n);
        }
    }

    ok(numbers > 1000, "the list has numbers: %u", numbers);
    is_int(wrong, 0, "that all are what their decimals say");
}


static void
test_list(void)
{
    long          size;
    char         *text;
    FILE         *file;
    json_t       *list;
    const char   *path;

    path = getenv("LLM_PRICES");
    path = path ? path : TEST_LIST;

    file = fopen(path, "r");

    if (file == NULL) {
        ok(1, "the price list # SKIP no file %s", path);
        return;
    }

    (void) fseek(file, 0, SEEK_END);
    size = ftell(file);
    rewind(file);

    text = calloc(1, size + 1);

    if (text == NULL || fread(text, 1, size, file) != (size_t) size) {
        exit(2);
    }

    (void) fclose(file);

    list = json_loads(text, JSON_REJECT_DUPLICATES, NULL);

    if (ok(list != NULL, "the price list is JSON")) {
        test_list_members(list);
        test_list_numbers(text);
    }

    json_decref(list);
    free(text);
}


int
main(void)
{
    test_member();
    test_name(llm_price_name_prefix, test_prefixes, 1);
    test_name(llm_price_name_stem, test_stems, 0);
    test_short_names();
    test_prices();
    test_complete();
    test_odd();
    test_list();

    return tap_done();
}
