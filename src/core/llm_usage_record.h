
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _LLM_USAGE_RECORD_H_INCLUDED_
#define _LLM_USAGE_RECORD_H_INCLUDED_


#include "llm_usage.h"


/* What the reader of framings (llm_usage.c) needs of the reader of counts. */


#define llm_usage_knows(r, count)                                             \
    ((r)->known & llm_usage_bit(LLM_N_ ## count))

#define llm_usage_is(r, mark)                                                 \
    ((r)->marks & llm_usage_bit(LLM_M_ ## mark))


/* The scanner's handler; data is the answer. */
void llm_usage_value(void *data, const llm_json_value_t *v);

/* A document begins. */
void llm_usage_begin(llm_answer_t *a);

/* The document ends here, closed or cut. */
void llm_usage_merge(llm_answer_t *a);

/* Puts what was stated in canonical form. */
void llm_usage_resolve(const llm_usage_record_t *r, llm_usage_t *usage);


#endif /* _LLM_USAGE_RECORD_H_INCLUDED_ */
