
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _LLM_STORE_POOL_H_INCLUDED_
#define _LLM_STORE_POOL_H_INCLUDED_


#include "llm_store.h"


/* The memory of operations, for those who answer them. */

/* NULL without memory. */
void *llm_store_pool_alloc(llm_store_pool_t **pool, size_t size);

/* Of what an operation gave before it runs again. */
void llm_store_empty_results(llm_store_op_t *op);


#endif /* _LLM_STORE_POOL_H_INCLUDED_ */
