
/*
 * Copyright (C) the llm_quota authors
 */


#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "llm_price_entry.h"
#include "llm_price_name.h"


/*
 * The input is a price file.  Whatever it says, an entry that is taken has
 * prices that can be counted with, and no charge by them is over its bound.
 */


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
require(int cond)
{
    if (!cond) {
        abort();
    }
}


static void
check_rates(const llm_price_t *price)
{
    int  level, tier, i;

    require(price->thresholds >= 0
            && price->thresholds <= LLM_PRICE_THRESHOLDS);

    for (level = 0; level <= price->thresholds; level++) {
        require(level == 0 ? price->above[0] == 0
                           : price->above[level] > price->above[level - 1]);

        for (tier = 0; tier < LLM_PRICE_TIERS; tier++) {
            for (i = 0; i < LLM_PRICE_COMPONENTS; i++) {
                require(price->rates[level].unit[tier][i]
                        >= LLM_PRICE_UNSET);
            }
        }
    }
}


static void
check_charge(const llm_price_t *price, int64_t input, int64_t output)
{
    int64_t      bound;
    llm_tier_e   tier;
    llm_usage_t  usage;

    memset(&usage, 0, sizeof(llm_usage_t));

    usage.input = input;
    usage.output = output;
    usage.cached_read = input / 2;
    usage.cache_write_1h = input / 4;
    usage.reasoning = output / 2;
    usage.citation = output / 4;
    usage.images = 2;
    usage.queries = 3;
    usage.traits = LLM_TRAIT_FAST | LLM_TRAIT_US;

    bound = llm_price_bound(price, &usage);

    for (tier = LLM_TIER_DEFAULT; tier <= LLM_TIER_BATCH; tier++) {
        require(llm_price_charge(price, &usage, tier) >= 0);
        require(llm_price_charge(price, &usage, tier) <= bound);
    }
}


static void
check_price(const llm_price_t *price)
{
    int  i;

    require(!llm_price_is_empty(price));
    require(price->request >= 0 && price->max_input >= 0
            && price->max_output >= 0);
    require(price->query >= LLM_PRICE_UNSET && price->second >= LLM_PRICE_UNSET
            && price->image >= LLM_PRICE_UNSET);
    require(price->fast >= 0 && price->fast <= LLM_PRICE_FACTOR_MAX);
    require(price->us >= 0 && price->us <= LLM_PRICE_FACTOR_MAX);

    for (i = 0; i < LLM_SEARCH_SIZES; i++) {
        require(price->web_search[i] >= 0);
    }

    check_rates(price);
    check_charge(price, 1000, 1000);
    check_charge(price, 300000, 0);
    check_charge(price, INT64_MAX, INT64_MAX);

    (void) llm_price_is_odd(price);

    if (llm_price_is_free(price)) {
        llm_usage_t  usage;

        memset(&usage, 0, sizeof(llm_usage_t));
        usage.input = 1000;
        usage.output = 1000;
        usage.seconds = 10;
        usage.web_searches = 1;

        require(llm_price_charge(price, &usage, LLM_TIER_DEFAULT) == 0);
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t             *models, *model;
    const char         *name;
    llm_price_t         price;
    llm_price_fault_t   fault;

    models = json_loadb((const char *) data, size, JSON_REJECT_DUPLICATES,
                        NULL);

    json_object_foreach(models, name, model) {
        fault.what = NULL;

        switch (llm_price_entry(&price, model, &fault)) {

        case LLM_PRICE_READ:
            check_price(&price);
            break;

        case LLM_PRICE_NONE:
            break;

        default: /* LLM_PRICE_WRONG */
            require(fault.what != NULL);
            break;
        }
    }

    json_decref(models);

    return 0;
}
