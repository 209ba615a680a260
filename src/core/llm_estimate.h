
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _LLM_ESTIMATE_H_INCLUDED_
#define _LLM_ESTIMATE_H_INCLUDED_


#include <sys/types.h>
#include <stdint.h>


/*
 * What is learned of a model from settled requests, in integers: bytes a
 * token in 1/256ths, output tokens an answer in 1/16ths.  Everybody's requests
 * teach it, and so nobody's may teach it much:
 *
 *   - a ratio stays between 1 and 8 bytes a token.  English has 4 to 5, code 3
 *     to 4, Chinese in UTF-8 2 to 4 and written as \uXXXX 5 to 8, the JSON of
 *     tools 3 to 5; a token has at least a byte;
 *   - a ratio begins with what holds before anything is learned, as if that
 *     had been seen once, a mean with the first observation; each moves by
 *     1/(k+1) towards the k-th after that, from the fifteenth on by 1/16;
 *   - what is over twice the average, or under half of it, counts as that; of
 *     a mean what is over 4 times, unless it is less than 512.
 *
 * Lives in shared memory.  Zero-filled memory is a valid state: nothing
 * learned.
 */

typedef struct {
    uint32_t                 in_ratio;      /* bytes/token << 8, 0: unknown */
    uint32_t                 out_ratio;     /* the same for streamed text */
    uint32_t                 out_mean;      /* tokens << 4, 0: unknown */
    uint8_t                  in_seen;       /* observations, at most 15 */
    uint8_t                  out_seen;
    uint8_t                  mean_seen;
    uint8_t                  form_seen;
    uint32_t                 form_mean;     /* of the input of forms with
                                               files, tokens << 4, 0: unknown */
} llm_estimate_t;

#define LLM_ESTIMATE_OUTPUT  1024           /* before anything is learned */
#define LLM_ESTIMATE_FORM    1024


/* Expected input tokens of a body, rounded up; 4 bytes a token until
   learned; at least 1 where bytes is not 0.  Of the bytes about so many are
   media in base64, which have a token for 256 of them. */
int64_t llm_estimate_input(const llm_estimate_t *e, uint64_t bytes,
    uint64_t encoded);

/* Expected input tokens of a form with files, whose bytes say little of its
   tokens: the learned mean, LLM_ESTIMATE_FORM until learned. */
int64_t llm_estimate_form(const llm_estimate_t *e);

/* Expected output: the smaller of cap times choices (cap < 0: none) and twice
   the learned mean times choices; LLM_ESTIMATE_OUTPUT times choices instead
   of the latter until learned.  Less than one choice is one. */
int64_t llm_estimate_output(const llm_estimate_t *e, int64_t cap,
    int64_t choices);

/* Tokens of generated text of so many bytes, in the same way. */
int64_t llm_estimate_text(const llm_estimate_t *e, uint64_t bytes);


/* One settled request whose usage was exact. */

typedef struct {
    uint64_t                 body;          /* bytes of the request */
    uint64_t                 encoded;       /* of them */
    int64_t                  input;         /* tokens */
    uint64_t                 text;          /* bytes that were generated */
    int64_t                  output;        /* tokens */
    unsigned                 form:1;        /* with files: its input teaches
                                               the mean of those alone */
} llm_observation_t;

/*
 * A body that is media for more than a quarter says nothing of text, nor does
 * one with more tokens than bytes: they lay elsewhere.  More output tokens
 * than bytes were reasoning that was not shown, and count as one a byte.  An
 * answer without output tokens teaches the mean: so it becomes known of a
 * model that embeds, and its estimate 0.
 */
void llm_estimate_learn(llm_estimate_t *e, const llm_observation_t *seen);


#endif /* _LLM_ESTIMATE_H_INCLUDED_ */
