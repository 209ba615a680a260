
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _LLM_USAGE_H_INCLUDED_
#define _LLM_USAGE_H_INCLUDED_


#include <sys/types.h>
#include <stdint.h>

#include "llm_json.h"


/*
 * What one answer used, in canonical form.  Counts are tokens unless named
 * otherwise.  input holds all prompt-side tokens, the cached ones included;
 * output all generated tokens, reasoning included.
 */

typedef struct {
    int64_t                  input;
    int64_t                  output;
    int64_t                  cached_read;       /* part of input */
    int64_t                  cache_write_5m;    /* part of input */
    int64_t                  cache_write_1h;    /* part of input */
    int64_t                  reasoning;         /* part of output */
    int64_t                  audio_in;          /* part of input */
    int64_t                  audio_out;         /* part of output */
    int64_t                  image_in;          /* part of input */
    int64_t                  image_out;         /* part of output */
    int64_t                  web_searches;      /* requests */
    int64_t                  cost;              /* nano-dollars as stated by
                                                   the upstream, -1: none */
} llm_usage_t;


typedef enum {
    LLM_TIER_DEFAULT = 0,
    LLM_TIER_FLEX,
    LLM_TIER_PRIORITY,
    LLM_TIER_BATCH
} llm_tier_e;


typedef enum {
    LLM_FRAMING_SNIFF = 0,   /* decided by the first bytes */
    LLM_FRAMING_JSON,
    LLM_FRAMING_SSE,
    LLM_FRAMING_OTHER        /* nothing can be read */
} llm_framing_e;


/* What an answer lets one charge. */

typedef enum {
    LLM_CHARGE_NONE = 0,     /* an error, and nothing was generated */
    LLM_CHARGE_EXACT,        /* usage is what the upstream says */
    LLM_CHARGE_PARTIAL,      /* usage is a lower bound: the answer was cut,
                                what it lacks is to be estimated */
    LLM_CHARGE_ESTIMATE      /* nothing usable was stated */
} llm_charge_e;


#define LLM_ANSWER_NAME   128

typedef struct {
    uint16_t                 len;
    u_char                   data[LLM_ANSWER_NAME];
} llm_answer_name_t;


/* One answer being read.  About 3 KB, no pointers to anything outside. */

typedef struct llm_answer_s  llm_answer_t;

struct llm_answer_s {
    llm_framing_e            framing;
};


/*
 * content_type may be empty; it decides the framing, the first bytes do
 * where it says nothing useful (text/plain, octet-stream, none).
 */
void llm_answer_init(llm_answer_t *a, const u_char *content_type, size_t len);

/*
 * Reads a further piece of the decoded body.  Never fails: what cannot be
 * read ends in LLM_CHARGE_ESTIMATE.  After the end it does nothing.
 */
void llm_answer_feed(llm_answer_t *a, const u_char *p, size_t n);

/*
 * complete: the upstream ended the answer properly.  Sets what
 * llm_answer_charge(), the accessors and *usage give afterwards.
 */
llm_charge_e llm_answer_end(llm_answer_t *a, int complete,
    llm_usage_t *usage);

/* The name of the model and the id that the answer states, or len 0. */
const llm_answer_name_t *llm_answer_model(const llm_answer_t *a);
const llm_answer_name_t *llm_answer_id(const llm_answer_t *a);

llm_tier_e llm_answer_tier(const llm_answer_t *a);

/*
 * Bytes of generated text seen, for the estimate: of SSE deltas, the lengths
 * of the strings that carry text (content, text, thinking, arguments,
 * partial_json, delta, refusal, reasoning_content); of a JSON body without
 * usage the same members.
 */
uint64_t llm_answer_text_bytes(const llm_answer_t *a);

/* A count was negative, absurd or of a wrong type: worth a warning. */
int llm_answer_anomaly(const llm_answer_t *a);


#endif /* _LLM_USAGE_H_INCLUDED_ */
