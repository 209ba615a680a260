
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _LLM_ESTIMATE_H_INCLUDED_
#define _LLM_ESTIMATE_H_INCLUDED_


#include <sys/types.h>
#include <stdint.h>


/*
 * What is learned of a model from settled requests, in integers: bytes a
 * token in 1/256ths, output tokens an answer in 1/16ths; moving averages
 * that give a new observation 1/16 of the weight, the first one all of it.
 * Lives in shared memory.  Zero-filled memory is a valid state: nothing
 * learned.
 */

typedef struct {
    uint32_t                 in_ratio;      /* bytes/token << 8, 0: unknown */
    uint32_t                 out_ratio;     /* the same for streamed text */
    uint32_t                 out_mean;      /* tokens << 4, 0: unknown */
} llm_estimate_t;

#define LLM_ESTIMATE_OUTPUT  1024           /* before anything is learned */


/* Expected input tokens of a body, rounded up; 4 bytes a token until
   learned; at least 1 where bytes is not 0. */
int64_t llm_estimate_input(const llm_estimate_t *e, uint64_t bytes);

/* Expected output: the smaller of cap times choices (cap < 0: none) and twice
   the learned mean times choices; LLM_ESTIMATE_OUTPUT times choices instead
   of the latter until learned.  Less than one choice is one. */
int64_t llm_estimate_output(const llm_estimate_t *e, int64_t cap,
    int64_t choices);

/* Tokens of generated text of so many bytes, in the same way. */
int64_t llm_estimate_text(const llm_estimate_t *e, uint64_t bytes);

/*
 * One settled request whose usage was exact; values that would give ratios
 * outside 1/4..64 bytes a token are ignored (they are not text).  An answer
 * without output tokens is one too: so the mean of an embedding model becomes
 * known, and its estimate 0.
 */
void llm_estimate_learn(llm_estimate_t *e, uint64_t body_bytes, int64_t input,
    uint64_t text_bytes, int64_t output);


#endif /* _LLM_ESTIMATE_H_INCLUDED_ */
