
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _LLM_USAGE_RECORD_H_INCLUDED_
#define _LLM_USAGE_RECORD_H_INCLUDED_


#include "llm_usage.h"


/*
 * What the parts of the reader share: llm_usage.c takes the framing away and
 * llm_usage_frame.c Amazon's, llm_usage_record.c reads the counts of a
 * document, llm_usage_merge.c puts documents together, llm_usage_header.c adds
 * headers, llm_usage_family.c knows what it all means.  Nobody else includes
 * this file.
 */


#define LLM_USAGE_MAX     ((int64_t) 1 << 53)    /* of a count */


/* What stands beside the object of counts, in the document. */

#define LLM_USAGE_BESIDE                                                      \
    (llm_usage_bit(LLM_N_CACHE_N) | llm_usage_bit(LLM_N_TIMED_IN)             \
     | llm_usage_bit(LLM_N_TIMED_OUT) | llm_usage_bit(LLM_N_TOOL_SEARCHES)    \
     | LLM_USAGE_IMAGER)

#define LLM_USAGE_IMAGER                                                      \
    (llm_usage_bit(LLM_N_IMAGER_IN) | llm_usage_bit(LLM_N_IMAGER_OUT)         \
     | llm_usage_bit(LLM_N_IMAGER_CACHED)                                     \
     | llm_usage_bit(LLM_N_IMAGER_IMAGE_IN)                                   \
     | llm_usage_bit(LLM_N_IMAGER_IMAGE_OUT))


#define llm_usage_has(r, count)  ((r)->known & llm_usage_bit(count))

#define llm_usage_knows(r, count)                                             \
    llm_usage_has(r, LLM_N_ ## count)

#define llm_usage_is(r, mark)                                                 \
    ((r)->marks & llm_usage_bit(LLM_M_ ## mark))


/* llm_usage.c: prepares for another document. */
void llm_answer_next(llm_answer_t *a);


/* llm_usage_frame.c: Amazon's event stream, and a piece of a document that one
   of its frames carries in base64. */

void llm_answer_frames(llm_answer_t *a, const u_char *p, const u_char *last);
void llm_usage_bytes(llm_answer_t *a, const llm_json_value_t *v);


/* llm_usage_record.c: the scanner's handler, whose data is the answer, and
   what is forgotten as a document begins. */

void llm_usage_value(void *data, const llm_json_value_t *v);
void llm_usage_begin(llm_answer_t *a);


/* llm_usage_merge.c */

/* The document ends here, closed or cut. */
void llm_usage_merge(llm_answer_t *a);

/* Sets a count of a record. */
void llm_usage_set(llm_usage_record_t *r, unsigned count, int64_t n);

/* Adds to a count of the document. */
void llm_usage_add(llm_answer_t *a, unsigned count, int64_t n);

/* Forgets all counts of a record but those in the set. */
void llm_usage_keep(llm_usage_record_t *r, uint64_t set);


/* llm_usage_header.c: at the end, headers replace what the body stated. */
void llm_usage_headers(llm_answer_t *a);


/* llm_usage_family.c: puts what was stated in canonical form, and what was of
   other models. */
void llm_usage_resolve(const llm_usage_record_t *r, llm_usage_t *usage);
void llm_usage_resolve_side(const llm_usage_record_t *r, llm_side_e side,
    llm_usage_t *usage);


#endif /* _LLM_USAGE_RECORD_H_INCLUDED_ */
