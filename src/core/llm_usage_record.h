
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _LLM_USAGE_RECORD_H_INCLUDED_
#define _LLM_USAGE_RECORD_H_INCLUDED_


#include "llm_usage.h"


/* What the parts of the reader share: llm_usage.c knows framings and
   documents, llm_usage_frame.c Amazon's framing, llm_usage_record.c the counts
   of a document, llm_usage_header.c those of headers, llm_usage_family.c what
   they mean.  Nobody else includes this file. */


#define LLM_USAGE_MAX     ((int64_t) 1 << 53)    /* of a count */


#define llm_usage_has(r, count)  ((r)->known & llm_usage_bit(count))

#define llm_usage_knows(r, count)                                             \
    llm_usage_has(r, LLM_N_ ## count)

#define llm_usage_is(r, mark)                                                 \
    ((r)->marks & llm_usage_bit(LLM_M_ ## mark))


/* The scanner's handler; data is the answer. */
void llm_usage_value(void *data, const llm_json_value_t *v);

/* A document begins. */
void llm_usage_begin(llm_answer_t *a);

/* A count is set, in a record of any kind. */
void llm_usage_set(llm_usage_record_t *r, unsigned count, int64_t n);

/* The counts that are in the set stay, all others are unknown. */
void llm_usage_keep(llm_usage_record_t *r, uint32_t set);

/* A piece of a document that a frame carries in base64. */
void llm_usage_bytes(llm_answer_t *a, const llm_json_value_t *v);

/* Amazon's event stream. */
void llm_answer_frames(llm_answer_t *a, const u_char *p, const u_char *last);

/* Prepares for another document. */
void llm_answer_next(llm_answer_t *a);

/* What headers say is put in the place of what the body does. */
void llm_usage_headers(llm_answer_t *a);

/* The document ends here, closed or cut. */
void llm_usage_merge(llm_answer_t *a);

/* Puts what was stated in canonical form. */
void llm_usage_resolve(const llm_usage_record_t *r, llm_usage_t *usage);


#endif /* _LLM_USAGE_RECORD_H_INCLUDED_ */
