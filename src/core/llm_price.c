
/*
 * Copyright (C) the llm_quota authors
 */


#include "llm_price.h"


#define LLM_PICO_PER_NANO  1000


/*
 * Wide enough for a whole charge: parts never exceed their whole, so input,
 * output and searches are at most 2^126 each.
 */

typedef unsigned __int128  llm_price_sum_t;


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
    LLM_PRICE_OUTPUT     /* LLM_PRICE_IMAGE_OUT */
};


static int64_t
llm_price_positive(int64_t n)
{
    return (n > 0) ? n : 0;
}


static int64_t
llm_price_nano(llm_price_sum_t pico, int rounding)
{
    pico = (pico + rounding) / LLM_PICO_PER_NANO;

    return (pico > LLM_MONEY_MAX) ? LLM_MONEY_MAX : (int64_t) pico;
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
    price->request = 0;
    price->web_search = 0;
    price->max_input = 0;
    price->max_output = 0;
}


int
llm_price_is_empty(const llm_price_t *price)
{
    const int64_t  *unit;

    unit = price->rates[0].unit[LLM_TIER_DEFAULT];

    return unit[LLM_PRICE_INPUT] < 0 && unit[LLM_PRICE_OUTPUT] < 0
           && price->request <= 0;
}


int
llm_price_is_free(const llm_price_t *price)
{
    int  level, tier, i;

    if (llm_price_is_empty(price)
        || price->request > 0 || price->web_search > 0)
    {
        return 0;
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

    level = llm_price_level(price, usage->input);

    sum = (llm_price_sum_t) llm_price_positive(price->request)
          + (llm_price_sum_t) llm_price_positive(usage->web_searches)
            * (uint64_t) llm_price_positive(price->web_search);

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
            sum += (llm_price_sum_t) n[i]
                   * (uint64_t) llm_price_unit(price, level, tier, i);
        }
    }

    return llm_price_nano(sum, LLM_PICO_PER_NANO / 2);
}


int64_t
llm_price_bound(const llm_price_t *price, int64_t input, int64_t output)
{
    int              i, tier, level;
    int64_t          unit, *dearest, side[LLM_PRICE_OUTPUT + 1];
    llm_price_sum_t  sum;

    side[LLM_PRICE_INPUT] = 0;
    side[LLM_PRICE_OUTPUT] = 0;

    /* less input may be billed at the rates of a lower threshold, and those
       need not be the cheaper ones */

    for (level = llm_price_level(price, input); level >= 0; level--) {
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

    sum = (llm_price_sum_t) llm_price_positive(price->request)
          + (llm_price_sum_t) llm_price_positive(input)
            * (uint64_t) side[LLM_PRICE_INPUT]
          + (llm_price_sum_t) llm_price_positive(output)
            * (uint64_t) side[LLM_PRICE_OUTPUT];

    return llm_price_nano(sum, LLM_PICO_PER_NANO - 1);
}
