
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _LLM_PRICE_ENTRY_H_INCLUDED_
#define _LLM_PRICE_ENTRY_H_INCLUDED_


#include <sys/types.h>
#include <stdint.h>

#include <jansson.h>

#include "llm_price.h"


/*
 * A model's entry in a list of the schema of LiteLLM's
 * model_prices_and_context_window.json.  Alone in this room it sees jansson;
 * it allocates nothing itself.
 */

typedef struct {
    const char              *member;     /* of the entry, NULL: all of it */
    const char              *what;       /* is wrong with it: "is negative" */
} llm_price_fault_t;


typedef enum {
    LLM_PRICE_READ = 0,
    LLM_PRICE_NONE,          /* the entry has no price that answers could be
                                charged by: the model is not to be taken for
                                free */
    LLM_PRICE_WRONG          /* *fault says what */
} llm_price_entry_e;


/* The entry that describes the schema, and is no model. */
#define LLM_PRICE_SPEC  "sample_spec"


/*
 * Reads an entry: prices of tokens, by component, tier and threshold; of a
 * request, a query, a second of sound and an image made, where the entry's
 * mode is one that is billed so; of searches; factors; the largest input and
 * output.  What no answer states the count of (characters, pixels, pages,
 * seconds of video) is passed over.  fault holds pointers into the entry.
 */
llm_price_entry_e llm_price_entry(llm_price_t *price, const json_t *entry,
    llm_price_fault_t *fault);

/* A JSON number, by the 15 digits that its text is sure to have, or a string
   with one; otherwise as llm_decimal_parse(). */
int llm_price_decimal(const json_t *value, int scale, int64_t *number);


#endif /* _LLM_PRICE_ENTRY_H_INCLUDED_ */
