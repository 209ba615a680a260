
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _LLM_PRICE_H_INCLUDED_
#define _LLM_PRICE_H_INCLUDED_


#include <sys/types.h>
#include <stdint.h>

#include "llm_money.h"
#include "llm_usage.h"


/*
 * The price of a model.  Units: pico-dollars a token, or a unit of another
 * kind that answers count; LLM_PRICE_UNSET where the list says nothing (a
 * zero price is a price).  Source of the members:
 * LiteLLM's model_prices_and_context_window.json; of the arithmetic: its
 * generic_cost_per_token, except that a component without a price of its own
 * costs the base price instead of nothing.
 *
 * What a token of a component costs, the first that is set:
 *
 *   1. the rate of the threshold that the request is over, for its tier;
 *   2. the default tier's rate of that threshold, half of it (rounded half
 *      up) for a batch;
 *   3. and 4. the same two of the base rates;
 *   5. what stands in for the component, looked up in the same way: for a
 *      one-hour cache write 1.6 times the other cache write, else twice the
 *      input; for all others the input or output of their side;
 *   6. nothing: where one side has no price at all, it is free (embeddings
 *      have no output price).
 */

#define LLM_PRICE_UNSET       (-1)
#define LLM_PRICE_THRESHOLDS  4


typedef enum {
    LLM_PRICE_INPUT = 0,
    LLM_PRICE_OUTPUT,
    LLM_PRICE_CACHE_READ,
    LLM_PRICE_CACHE_WRITE,
    LLM_PRICE_CACHE_WRITE_1H,
    LLM_PRICE_REASONING,
    LLM_PRICE_AUDIO_IN,
    LLM_PRICE_AUDIO_OUT,
    LLM_PRICE_IMAGE_IN,
    LLM_PRICE_IMAGE_OUT,
    LLM_PRICE_VIDEO_OUT,
    LLM_PRICE_CITATION,
    LLM_PRICE_COMPONENTS
} llm_price_component_e;

#define LLM_PRICE_TIERS       4     /* llm_tier_e */


typedef enum {
    LLM_SEARCH_MEDIUM = 0,
    LLM_SEARCH_LOW,
    LLM_SEARCH_HIGH,
    LLM_SEARCH_SIZES
} llm_search_size_e;


typedef struct {
    int64_t                  unit[LLM_PRICE_TIERS][LLM_PRICE_COMPONENTS];
} llm_price_rates_t;


/* Members of one size and so without gaps: memcmp() compares two. */

typedef struct {
    /* rates[0] is the base; rates[i] applies to the whole request once input
       is over above[i] tokens, above[] rising, thresholds of them */
    llm_price_rates_t        rates[LLM_PRICE_THRESHOLDS + 1];
    int64_t                  above[LLM_PRICE_THRESHOLDS + 1];
    int64_t                  thresholds;

    /* pico-dollars */
    int64_t                  request;        /* 0: none */
    int64_t                  query;          /* a reranker's search unit; at
                                                least one a request */
    int64_t                  second;         /* of sound that is read */
    int64_t                  image;          /* made; where output tokens have
                                                a price and are stated, these
                                                are charged instead */
    int64_t                  web_search[LLM_SEARCH_SIZES];   /* 0: none */

    /* what tokens cost more, in thousandths, 0: nothing */
    int64_t                  fast;
    int64_t                  us;

    int64_t                  max_input;      /* tokens, 0: unknown */
    int64_t                  max_output;     /* tokens, 0: unknown */
} llm_price_t;

#define LLM_PRICE_FACTOR_MAX  1000000


/* All UNSET, no thresholds; what may be 0 where there is none is. */
void llm_price_init(llm_price_t *price);

/* Neither input nor output is priced, nor a request or another unit:
   unusable. */
int llm_price_is_empty(const llm_price_t *price);

/* Every component that can be used is explicitly free: at least one price is
   set, and nothing that is set costs anything. */
int llm_price_is_free(const llm_price_t *price);

/*
 * The charge in nano-dollars: products in 128 bits, one rounding, half up,
 * at most LLM_MONEY_MAX.  Inconsistent usage (parts over their whole) never
 * yields a negative or a smaller part: parts are clamped to what the parts
 * before them, in the order of llm_price_component_e, left of the whole; what
 * is negative counts as 0.
 */
int64_t llm_price_charge(const llm_price_t *price, const llm_usage_t *usage,
    llm_tier_e tier);

/*
 * An upper bound in nano-dollars, rounded up, of any answer with at most the
 * input and output tokens, queries and images of most, whatever tier,
 * threshold, component or place it is billed at; fast only where most has the
 * trait.  Seconds, web searches and what other models do are excepted: no
 * request bounds them.
 */
int64_t llm_price_bound(const llm_price_t *price, const llm_usage_t *most);


#endif /* _LLM_PRICE_H_INCLUDED_ */
