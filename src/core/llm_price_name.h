
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _LLM_PRICE_NAME_H_INCLUDED_
#define _LLM_PRICE_NAME_H_INCLUDED_


#include <sys/types.h>
#include <stdint.h>

#include "llm_price.h"


/*
 * What the names in LiteLLM's price list say: those of the members of a
 * model's entry, and those of the models, which carry provider, region and
 * date.
 */

typedef struct {
    llm_price_component_e    component;
    llm_tier_e               tier;
    int64_t                  above;      /* tokens, 0: the base rates */
} llm_price_member_t;


/*
 * Reads a member such as "input_cost_per_token_above_200k_tokens_priority".
 * Returns 0, or -1 where it is not the price of tokens that are told apart
 * here.
 */
int llm_price_member(llm_price_member_t *member, const u_char *name,
    size_t len);

/*
 * Enters the price of a member, and the threshold where it is a new one.
 * Two members can mean the same price: the dearer one holds.  Returns 0, or
 * -1 where that is one threshold too many.
 */
int llm_price_put(llm_price_t *price, const llm_price_member_t *member,
    int64_t unit);

/*
 * After the last member: a side of which only parts have a price (image
 * models list their output as image tokens only) takes that of the dearest,
 * for an answer need not tell the parts.
 */
void llm_price_complete(llm_price_t *price);

/* A service tier has a price of more than ten times the ordinary one, which
   in every case known so far was a slip of the list. */
int llm_price_is_odd(const llm_price_t *price);


/*
 * How many bytes lead a model's name that it may also be known without, 0 if
 * none: a provider or another part of a path ("openai/"), or a region of
 * Bedrock ("us.").  More can follow in what is left, which is never empty.
 */
size_t llm_price_name_prefix(const u_char *name, size_t len);

/*
 * The length of a model's name without its last suffix, 0 if it has none: a
 * date ("-2024-08-06", "-20250929"), a version of Vertex AI ("@20250929",
 * "@001", "@default", "@latest") or of Bedrock ("-v1:0").
 */
size_t llm_price_name_stem(const u_char *name, size_t len);


#endif /* _LLM_PRICE_NAME_H_INCLUDED_ */
