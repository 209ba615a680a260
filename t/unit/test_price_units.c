
/*
 * Copyright (C) the llm_quota authors
 */


#include <stddef.h>

#include "price.h"


/* Charges worked out by hand from published list prices. */

static void
test_lists(void)
{
    llm_price_t  p;
    llm_usage_t  u;

    /* 0.4, cached 0.1, 1.6 */

    base(&p, 400, 1600);
    set(&p, 0, LLM_TIER_DEFAULT, LLM_PRICE_CACHE_READ, 100);

    u = used(250, 200);
    is_int(llm_price_charge(&p, &u, LLM_TIER_DEFAULT), 420000,
           "250 * 0.4 + 200 * 1.6");

    u.cached_read = 128;
    is_int(llm_price_charge(&p, &u, LLM_TIER_DEFAULT), 381600,
           "cached tokens are part of the input");

    /* 3, read 0.3, write 3.75, 1h 6, 15; over 200k 6, 0.6, 7.5, 22.5 */

    base(&p, 3000, 15000);
    set(&p, 0, LLM_TIER_DEFAULT, LLM_PRICE_CACHE_READ, 300);
    set(&p, 0, LLM_TIER_DEFAULT, LLM_PRICE_CACHE_WRITE, 3750);
    p.thresholds = 1;
    p.above[1] = 200000;
    set(&p, 1, LLM_TIER_DEFAULT, LLM_PRICE_INPUT, 6000);
    set(&p, 1, LLM_TIER_DEFAULT, LLM_PRICE_OUTPUT, 22500);
    set(&p, 1, LLM_TIER_DEFAULT, LLM_PRICE_CACHE_READ, 600);
    set(&p, 1, LLM_TIER_DEFAULT, LLM_PRICE_CACHE_WRITE, 7500);
    p.web_search[LLM_SEARCH_MEDIUM] = 10000000000;

    u = used(10000, 1000);
    u.cached_read = 6000;
    u.cache_write_5m = 2000;
    u.cache_write_1h = 1000;
    is_int(llm_price_charge(&p, &u, LLM_TIER_DEFAULT),
           3000000 + 1800000 + 7500000 + 6000000 + 15000000,
           "1h writes cost 1.6 times the other writes");

    set(&p, 0, LLM_TIER_DEFAULT, LLM_PRICE_CACHE_WRITE_1H, 5000);
    is_int(llm_price_charge(&p, &u, LLM_TIER_DEFAULT),
           3000000 + 1800000 + 7500000 + 5000000 + 15000000,
           "unless they have a price");

    u.web_searches = 3;
    is_int(llm_price_charge(&p, &u, LLM_TIER_DEFAULT),
           3000000 + 1800000 + 7500000 + 5000000 + 15000000 + 30000000,
           "three web searches");

    u = used(200000, 1000);
    is_int(llm_price_charge(&p, &u, LLM_TIER_DEFAULT),
           600000000 + 15000000, "at the threshold");

    u = used(200001, 1000);
    is_int(llm_price_charge(&p, &u, LLM_TIER_DEFAULT),
           1200006000 + 22500000, "over it all is priced anew");

    u.cached_read = 200000;
    is_int(llm_price_charge(&p, &u, LLM_TIER_DEFAULT),
           6000 + 120000000 + 22500000, "cached tokens count for it");

    u.cache_write_1h = 1;
    is_int(llm_price_charge(&p, &u, LLM_TIER_DEFAULT),
           5000 + 120000000 + 22500000,
           "what the threshold does not name stays as it was");

    /* without any cache price */

    base(&p, 500, 1500);
    u = used(1000, 0);
    u.cached_read = 500;
    u.cache_write_5m = 300;
    is_int(llm_price_charge(&p, &u, LLM_TIER_DEFAULT), 500000,
           "cached tokens without a price of their own are not free");

    u.cache_write_1h = 100;
    is_int(llm_price_charge(&p, &u, LLM_TIER_DEFAULT), 550000,
           "1h writes without any cost twice the input");

    set(&p, 0, LLM_TIER_DEFAULT, LLM_PRICE_CACHE_WRITE, 0);
    is_int(llm_price_charge(&p, &u, LLM_TIER_DEFAULT), 300000,
           "a zero price is a price");

    /* parts of the output: reasoning 3, audio 10, image 30 of 2 */

    base(&p, 1000, 2000);
    u = used(0, 1000);
    u.reasoning = 100;
    u.audio_out = 200;
    u.image_out = 300;
    is_int(llm_price_charge(&p, &u, LLM_TIER_DEFAULT), 2000000,
           "parts of the output cost the output");

    set(&p, 0, LLM_TIER_DEFAULT, LLM_PRICE_REASONING, 3000);
    set(&p, 0, LLM_TIER_DEFAULT, LLM_PRICE_AUDIO_OUT, 10000);
    set(&p, 0, LLM_TIER_DEFAULT, LLM_PRICE_IMAGE_OUT, 30000);
    is_int(llm_price_charge(&p, &u, LLM_TIER_DEFAULT),
           800000 + 300000 + 2000000 + 9000000, "or their own");

    u = used(1000, 0);
    u.audio_in = 200;
    u.image_in = 300;
    is_int(llm_price_charge(&p, &u, LLM_TIER_DEFAULT), 1000000,
           "parts of the input cost the input");

    set(&p, 0, LLM_TIER_DEFAULT, LLM_PRICE_AUDIO_IN, 4000);
    set(&p, 0, LLM_TIER_DEFAULT, LLM_PRICE_IMAGE_IN, 5000);
    is_int(llm_price_charge(&p, &u, LLM_TIER_DEFAULT),
           500000 + 800000 + 1500000, "or their own");

    /* one side only, and a price for the request */

    llm_price_init(&p);
    set(&p, 0, LLM_TIER_DEFAULT, LLM_PRICE_INPUT, 20);
    u = used(1000, 1000);
    is_int(llm_price_charge(&p, &u, LLM_TIER_DEFAULT), 20000,
           "no output price, no charge for it");

    llm_price_init(&p);
    set(&p, 0, LLM_TIER_DEFAULT, LLM_PRICE_OUTPUT, 20);
    u.cached_read = 10;
    u.cache_write_1h = 10;
    is_int(llm_price_charge(&p, &u, LLM_TIER_DEFAULT), 20000,
           "nor for the input");

    llm_price_init(&p);
    p.request = 2000000000;
    is_int(llm_price_charge(&p, &u, LLM_TIER_DEFAULT), 2000000,
           "a price for a request");
}


/* Everything that has a price, alone: count times price, by hand. */

static void
test_parts(void)
{
    unsigned     i;
    int64_t      *count;
    llm_price_t  p;
    llm_usage_t  u;

    static const struct {
        const char             *name;
        llm_price_component_e   component;
        size_t                  count;
        int64_t                 all;     /* 1000 of 1000 at 7 USD a million */
        int64_t                 some;    /* 100 of 1000, the rest at 1 or 2 */
    } parts[] = {
        { "cache read", LLM_PRICE_CACHE_READ,
          offsetof(llm_usage_t, cached_read), 7000000, 1600000 },
        { "cache write", LLM_PRICE_CACHE_WRITE,
          offsetof(llm_usage_t, cache_write_5m), 7000000, 1600000 },
        { "cache write, 1h", LLM_PRICE_CACHE_WRITE_1H,
          offsetof(llm_usage_t, cache_write_1h), 7000000, 1600000 },
        { "audio in", LLM_PRICE_AUDIO_IN,
          offsetof(llm_usage_t, audio_in), 7000000, 1600000 },
        { "image in", LLM_PRICE_IMAGE_IN,
          offsetof(llm_usage_t, image_in), 7000000, 1600000 },
        { "reasoning", LLM_PRICE_REASONING,
          offsetof(llm_usage_t, reasoning), 7000000, 2500000 },
        { "audio out", LLM_PRICE_AUDIO_OUT,
          offsetof(llm_usage_t, audio_out), 7000000, 2500000 },
        { "image out", LLM_PRICE_IMAGE_OUT,
          offsetof(llm_usage_t, image_out), 7000000, 2500000 },
        { "video out", LLM_PRICE_VIDEO_OUT,
          offsetof(llm_usage_t, video_out), 7000000, 2500000 },
        { "citations", LLM_PRICE_CITATION,
          offsetof(llm_usage_t, citation), 7000000, 2500000 }
    };

    for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        base(&p, 1000, 2000);
        set(&p, 0, LLM_TIER_DEFAULT, parts[i].component, 7000);
        set(&p, 0, LLM_TIER_PRIORITY, parts[i].component, 14000);
        p.thresholds = 1;
        p.above[1] = 1000;
        set(&p, 1, LLM_TIER_DEFAULT, parts[i].component, 21000);
        set(&p, 1, LLM_TIER_FLEX, parts[i].component, 3000);

        u = (parts[i].some == 1600000) ? used(1000, 0) : used(0, 1000);
        count = (int64_t *) ((char *) &u + parts[i].count);

        *count = 1000;
        is_int(llm_price_charge(&p, &u, LLM_TIER_DEFAULT), parts[i].all,
               "%s", parts[i].name);
        is_int(llm_price_charge(&p, &u, LLM_TIER_PRIORITY),
               2 * parts[i].all, "%s, priority", parts[i].name);
        is_int(llm_price_charge(&p, &u, LLM_TIER_BATCH),
               parts[i].all / 2, "%s, batch", parts[i].name);

        *count = 100;
        is_int(llm_price_charge(&p, &u, LLM_TIER_DEFAULT), parts[i].some,
               "%s, a part", parts[i].name);

        u.input += 1001;
        *count = 0;
        is_int(llm_price_charge(&p, &u, LLM_TIER_FLEX),
               u.input * 1000 + u.output * 2000, "%s, none", parts[i].name);

        *count = 100;
        is_int(llm_price_charge(&p, &u, LLM_TIER_DEFAULT),
               u.input * 1000 + u.output * 2000
               + 100 * (21000 - ((u.output) ? 2000 : 1000)),
               "%s, over the threshold", parts[i].name);
        is_int(llm_price_charge(&p, &u, LLM_TIER_FLEX),
               u.input * 1000 + u.output * 2000
               + 100 * (3000 - ((u.output) ? 2000 : 1000)),
               "%s, over it and flex", parts[i].name);
    }
}


static void
test_units(void)
{
    llm_price_t  p;
    llm_usage_t  u;

    /* 2 dollars for 1000 search units */

    llm_price_init(&p);
    p.query = 2000000000;
    u = used(0, 0);
    is_int(llm_price_charge(&p, &u, LLM_TIER_DEFAULT), 2000000,
           "a query at least");
    u.queries = 3;
    is_int(llm_price_charge(&p, &u, LLM_TIER_DEFAULT), 6000000,
           "three queries");

    /* 0.006 dollars a minute */

    llm_price_init(&p);
    p.second = 100000000;
    u = used(0, 0);
    is_int(llm_price_charge(&p, &u, LLM_TIER_DEFAULT), 0, "no seconds");
    u.seconds = 37;
    is_int(llm_price_charge(&p, &u, LLM_TIER_DEFAULT), 3700000,
           "37 seconds");

    /* 0.04 dollars an image */

    llm_price_init(&p);
    p.image = 40000000000;
    u = used(0, 0);
    u.images = 3;
    is_int(llm_price_charge(&p, &u, LLM_TIER_DEFAULT), 120000000,
           "three images");
    u.output = 1000;
    is_int(llm_price_charge(&p, &u, LLM_TIER_DEFAULT), 120000000,
           "also where tokens are counted that have no price");

    set(&p, 0, LLM_TIER_DEFAULT, LLM_PRICE_OUTPUT, 30000);
    is_int(llm_price_charge(&p, &u, LLM_TIER_DEFAULT), 30000000,
           "but not beside those that do");
    u.output = 0;
    is_int(llm_price_charge(&p, &u, LLM_TIER_DEFAULT), 120000000,
           "unless there are none");

    /* 5, 8 and 12 dollars for 1000 searches */

    base(&p, 1000, 2000);
    p.web_search[LLM_SEARCH_LOW] = 5000000000;
    p.web_search[LLM_SEARCH_MEDIUM] = 8000000000;
    p.web_search[LLM_SEARCH_HIGH] = 12000000000;
    u = used(0, 0);
    u.web_searches = 2;
    is_int(llm_price_charge(&p, &u, LLM_TIER_DEFAULT), 16000000,
           "searches are medium unless stated");
    u.traits = LLM_TRAIT_SEARCH_LOW;
    is_int(llm_price_charge(&p, &u, LLM_TIER_DEFAULT), 10000000, "low");
    u.traits = LLM_TRAIT_SEARCH_HIGH;
    is_int(llm_price_charge(&p, &u, LLM_TIER_DEFAULT), 24000000, "high");

    /* fast costs 6 times, in the US a tenth more, of tokens only */

    p.fast = 6000;
    p.us = 1100;
    u = used(1000, 1000);
    u.web_searches = 1;
    is_int(llm_price_charge(&p, &u, LLM_TIER_DEFAULT), 3000000 + 8000000,
           "neither");
    u.traits = LLM_TRAIT_FAST;
    is_int(llm_price_charge(&p, &u, LLM_TIER_DEFAULT), 18000000 + 8000000,
           "fast");
    u.traits = LLM_TRAIT_US;
    is_int(llm_price_charge(&p, &u, LLM_TIER_DEFAULT), 3300000 + 8000000,
           "in the US");
    u.traits = LLM_TRAIT_US | LLM_TRAIT_FAST;
    is_int(llm_price_charge(&p, &u, LLM_TIER_DEFAULT), 19800000 + 8000000,
           "both");

    is_int(bound(&p, 1000, 0), 2200000, "a bound holds wherever it runs");

    p.fast = 0;
    p.us = 0;
    is_int(llm_price_charge(&p, &u, LLM_TIER_DEFAULT), 3000000 + 8000000,
           "without a factor nothing changes");
}


int
main(void)
{
    test_lists();
    test_parts();
    test_units();

    return tap_done();
}
