
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _PRICE_H_INCLUDED_
#define _PRICE_H_INCLUDED_


#include "tap.h"
#include "llm_price.h"


/* What the tests of prices have in common. */


/* USD for one million tokens, in thousandths, as a list states it. */

__attribute__((unused)) static void
set(llm_price_t *price, int level, llm_tier_e tier,
    llm_price_component_e component, int64_t milli)
{
    price->rates[level].unit[tier][component] = milli * 1000;
}


__attribute__((unused)) static void
base(llm_price_t *price, int64_t in, int64_t out)
{
    llm_price_init(price);
    set(price, 0, LLM_TIER_DEFAULT, LLM_PRICE_INPUT, in);
    set(price, 0, LLM_TIER_DEFAULT, LLM_PRICE_OUTPUT, out);
}


__attribute__((unused)) static llm_usage_t
used(int64_t input, int64_t output)
{
    llm_usage_t  usage;

    memset(&usage, 0, sizeof(usage));
    usage.input = input;
    usage.output = output;
    usage.cost = -1;

    return usage;
}


__attribute__((unused)) static int64_t
bound(const llm_price_t *p, int64_t input, int64_t output)
{
    llm_usage_t  most;

    most = used(input, output);

    return llm_price_bound(p, &most);
}


#endif /* _PRICE_H_INCLUDED_ */
