
/*
 * Copyright (C) the llm_quota authors
 */


#include "llm_price.h"


#define LLM_PICO_PER_NANO  1000
#define LLM_PRICE_ONE      1000              /* of factors */


typedef unsigned __int128  llm_price_sum_t;

/* Beyond any amount of money, so that no product needs to be larger; some of
   them, and both factors, still fit in 128 bits. */
#define LLM_PRICE_SUM_MAX  ((llm_price_sum_t) 1 << 74)


typedef enum {
    LLM_PRICE_HALF_UP = 0,
    LLM_PRICE_UP
} llm_price_rounding_e;


static llm_price_sum_t llm_price_units(const llm_price_t *price,
    const llm_usage_t *usage);
static llm_price_sum_t llm_price_product(int64_t count, int64_t unit);
static int64_t llm_price_nano(const llm_price_t *price,
    llm_price_sum_t tokens, llm_price_sum_t units, uint64_t traits,
    llm_price_rounding_e rounding);


/* The whole that a component is part of, and whose price it falls back to. */

static const llm_price_component_e  llm_price_whole[LLM_PRICE_COMPONENTS] = {
    LLM_PRICE_INPUT,     /* LLM_PRICE_INPUT */
    LLM_PRICE_OUTPUT,    /* LLM_PRICE_OUTPUT */
    LLM_PRICE_INPUT,     /* LLM_PRICE_CACHE_READ */
    LLM_PRICE_INPUT,     /* LLM_PRICE_CACHE_WRITE */
    LLM_PRICE_INPUT,     /* LLM_PRICE_CACHE_WRITE_1H */
    LLM_PRICE_OUTPUT,    /* LLM_PRICE_REASONING */
    LLM_PRICE_INPUT,     /* LLM_PRICE_AUDIO_IN */
    LLM_PRICE_OUTPUT,    /* LLM_PRICE_AUDIO_OUT */
    LLM_PRICE_INPUT,     /* LLM_PRICE_IMAGE_IN */
    LLM_PRICE_OUTPUT,    /* LLM_PRICE_IMAGE_OUT */
    LLM_PRICE_OUTPUT,    /* LLM_PRICE_VIDEO_OUT */
    LLM_PRICE_OUTPUT     /* LLM_PRICE_CITATION */
};


static int64_t
llm_price_positive(int64_t n)
{
    return (n > 0) ? n : 0;
}


/* unit * num / den, rounded half up. */

static int64_t
llm_price_scale(int64_t unit, int num, int den)
{
    llm_price_sum_t  n;

    n = ((llm_price_sum_t) unit * 2 * num + den) / (2 * den);

    return (n > INT64_MAX) ? INT64_MAX : (int64_t) n;
}


/* The rates that hold for so much input. */

static int
llm_price_level(const llm_price_t *price, int64_t input)
{
    int  level;

    level = price->thresholds;

    while (level > 0 && input <= price->above[level]) {
        level--;
    }

    return level;
}


static int64_t
llm_price_listed(const llm_price_t *price, int level, llm_tier_e tier,
    llm_price_component_e component)
{
    int64_t                   unit;
    const llm_price_rates_t  *rates;

    for ( ;; ) {
        rates = &price->rates[level];

        unit = rates->unit[tier][component];

        if (unit >= 0) {
            return unit;
        }

        unit = rates->unit[LLM_TIER_DEFAULT][component];

        if (unit >= 0) {
            return (tier == LLM_TIER_BATCH) ? llm_price_scale(unit, 1, 2)
                                            : unit;
        }

        if (level == 0) {
            return LLM_PRICE_UNSET;
        }

        level = 0;
    }
}


static int64_t
llm_price_unit(const llm_price_t *price, int level, llm_tier_e tier,
    llm_price_component_e component)
{
    int64_t  unit;

    unit = llm_price_listed(price, level, tier, component);

    if (unit >= 0) {
        return unit;
    }

    if (component == LLM_PRICE_CACHE_WRITE_1H) {
        unit = llm_price_listed(price, level, tier, LLM_PRICE_CACHE_WRITE);

        if (unit >= 0) {
            return llm_price_scale(unit, 8, 5);
        }
    }

    unit = llm_price_listed(price, level, tier, llm_price_whole[component]);

    if (unit < 0) {
        return 0;
    }

    return (component == LLM_PRICE_CACHE_WRITE_1H)
           ? llm_price_scale(unit, 2, 1) : unit;
}


void
llm_price_init(llm_price_t *price)
{
    int  level, tier, i;

    for (level = 0; level <= LLM_PRICE_THRESHOLDS; level++) {
        for (tier = 0; tier < LLM_PRICE_TIERS; tier++) {
            for (i = 0; i < LLM_PRICE_COMPONENTS; i++) {
                price->rates[level].unit[tier][i] = LLM_PRICE_UNSET;
            }
        }

        price->above[level] = 0;
    }

    price->thresholds = 0;
    for (i = 0; i < LLM_SEARCH_SIZES; i++) {
        price->web_search[i] = 0;
    }

    price->request = 0;
    price->query = LLM_PRICE_UNSET;
    price->second = LLM_PRICE_UNSET;
    price->image = LLM_PRICE_UNSET;
    price->fast = 0;
    price->us = 0;
    price->max_input = 0;
    price->max_output = 0;
}


int
llm_price_is_empty(const llm_price_t *price)
{
    const int64_t  *unit;

    unit = price->rates[0].unit[LLM_TIER_DEFAULT];

    return unit[LLM_PRICE_INPUT] < 0 && unit[LLM_PRICE_OUTPUT] < 0
           && price->request <= 0 && price->query < 0 && price->second < 0
           && price->image < 0;
}


int
llm_price_is_free(const llm_price_t *price)
{
    int  level, tier, i;

    if (llm_price_is_empty(price)
        || price->request > 0 || price->query > 0 || price->second > 0
        || price->image > 0)
    {
        return 0;
    }

    for (i = 0; i < LLM_SEARCH_SIZES; i++) {
        if (price->web_search[i] > 0) {
            return 0;
        }
    }

    for (level = 0; level <= price->thresholds; level++) {
        for (tier = 0; tier < LLM_PRICE_TIERS; tier++) {
            for (i = 0; i < LLM_PRICE_COMPONENTS; i++) {
                if (price->rates[level].unit[tier][i] > 0) {
                    return 0;
                }
            }
        }
    }

    return 1;
}


int64_t
llm_price_charge(const llm_price_t *price, const llm_usage_t *usage,
    llm_tier_e tier)
{
    int              i, level;
    int64_t          n[LLM_PRICE_COMPONENTS], *whole;
    llm_price_sum_t  sum;

    n[LLM_PRICE_INPUT] = llm_price_positive(usage->input);
    n[LLM_PRICE_OUTPUT] = llm_price_positive(usage->output);
    n[LLM_PRICE_CACHE_READ] = usage->cached_read;
    n[LLM_PRICE_CACHE_WRITE] = usage->cache_write_5m;
    n[LLM_PRICE_CACHE_WRITE_1H] = usage->cache_write_1h;
    n[LLM_PRICE_REASONING] = usage->reasoning;
    n[LLM_PRICE_AUDIO_IN] = usage->audio_in;
    n[LLM_PRICE_AUDIO_OUT] = usage->audio_out;
    n[LLM_PRICE_IMAGE_IN] = usage->image_in;
    n[LLM_PRICE_IMAGE_OUT] = usage->image_out;
    n[LLM_PRICE_VIDEO_OUT] = usage->video_out;
    n[LLM_PRICE_CITATION] = usage->citation;

    level = llm_price_level(price, usage->input);
    sum = 0;

    for (i = LLM_PRICE_OUTPUT + 1; i < LLM_PRICE_COMPONENTS; i++) {
        n[i] = llm_price_positive(n[i]);
        whole = &n[llm_price_whole[i]];

        if (n[i] > *whole) {
            n[i] = *whole;
        }

        *whole -= n[i];
    }

    for (i = 0; i < LLM_PRICE_COMPONENTS; i++) {
        if (n[i]) {
            sum += llm_price_product(n[i], llm_price_unit(price, level, tier,
                                                          i));
        }
    }

    return llm_price_nano(price, sum, llm_price_units(price, usage),
                          usage->traits, LLM_PRICE_HALF_UP);
}


/* What is charged by no token. */

static llm_price_sum_t
llm_price_units(const llm_price_t *price, const llm_usage_t *usage)
{
    llm_price_sum_t    sum;
    llm_search_size_e  size;

    size = (usage->traits & LLM_TRAIT_SEARCH_HIGH) ? LLM_SEARCH_HIGH
           : (usage->traits & LLM_TRAIT_SEARCH_LOW) ? LLM_SEARCH_LOW
           : LLM_SEARCH_MEDIUM;

    sum = llm_price_product(1, price->request)
          + llm_price_product(usage->queries > 0 ? usage->queries : 1,
                              price->query)
          + llm_price_product(usage->seconds, price->second)
          + llm_price_product(usage->web_searches, price->web_search[size]);

    if (usage->output <= 0
        || price->rates[0].unit[LLM_TIER_DEFAULT][LLM_PRICE_OUTPUT] < 0)
    {
        sum += llm_price_product(usage->images, price->image);
    }

    return sum;
}


int64_t
llm_price_bound(const llm_price_t *price, const llm_usage_t *most)
{
    int              i, tier, level;
    int64_t          unit, *dearest, side[LLM_PRICE_OUTPUT + 1];
    uint64_t         traits;
    llm_price_sum_t  tokens, units;

    side[LLM_PRICE_INPUT] = 0;
    side[LLM_PRICE_OUTPUT] = 0;

    /* less input may be billed at the rates of a lower threshold, and those
       need not be the cheaper ones */

    for (level = llm_price_level(price, most->input); level >= 0; level--) {
        for (tier = 0; tier < LLM_PRICE_TIERS; tier++) {
            for (i = 0; i < LLM_PRICE_COMPONENTS; i++) {
                unit = llm_price_unit(price, level, tier, i);
                dearest = &side[llm_price_whole[i]];

                if (unit > *dearest) {
                    *dearest = unit;
                }
            }
        }
    }

    tokens = llm_price_product(most->input, side[LLM_PRICE_INPUT])
             + llm_price_product(most->output, side[LLM_PRICE_OUTPUT]);

    units = llm_price_product(1, price->request)
            + llm_price_product(most->queries > 0 ? most->queries : 1,
                                price->query)
            + llm_price_product(most->images, price->image);

    /* what may make it cheaper need not happen */

    traits = (price->us > LLM_PRICE_ONE) ? LLM_TRAIT_US : 0;

    if (price->fast > LLM_PRICE_ONE) {
        traits |= most->traits & LLM_TRAIT_FAST;
    }

    return llm_price_nano(price, tokens, units, traits, LLM_PRICE_UP);
}


static llm_price_sum_t
llm_price_product(int64_t count, int64_t unit)
{
    llm_price_sum_t  n;

    n = (llm_price_sum_t) llm_price_positive(count)
        * (uint64_t) llm_price_positive(unit);

    return (n > LLM_PRICE_SUM_MAX) ? LLM_PRICE_SUM_MAX : n;
}


/* Rounds the whole charge, once.  Factors apply to tokens. */

static int64_t
llm_price_nano(const llm_price_t *price, llm_price_sum_t tokens,
    llm_price_sum_t units, uint64_t traits, llm_price_rounding_e rounding)
{
    llm_price_sum_t  sum, den;

    den = LLM_PICO_PER_NANO;

    if (tokens >= LLM_PRICE_SUM_MAX || units >= LLM_PRICE_SUM_MAX) {
        return LLM_MONEY_MAX;
    }

    if ((traits & LLM_TRAIT_FAST) && price->fast) {
        tokens *= (uint64_t) price->fast;
        units *= LLM_PRICE_ONE;
        den *= LLM_PRICE_ONE;
    }

    if ((traits & LLM_TRAIT_US) && price->us) {
        tokens *= (uint64_t) price->us;
        units *= LLM_PRICE_ONE;
        den *= LLM_PRICE_ONE;
    }

    sum = tokens + units;
    sum = (sum + (rounding == LLM_PRICE_UP ? den - 1 : den / 2)) / den;

    return (sum > LLM_MONEY_MAX) ? LLM_MONEY_MAX : (int64_t) sum;
}
