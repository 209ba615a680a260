
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _LLM_API_DOC_H_INCLUDED_
#define _LLM_API_DOC_H_INCLUDED_


#include <sys/types.h>
#include <stdint.h>


/* The documents that the admin API takes. */

#define LLM_API_BODY   1048576   /* bytes of a request's body */
#define LLM_API_DEPTH  32        /* of arrays and objects in one another */


/* Whether a JSON text is no deeper than that; of what is not JSON it says
   anything. */
int llm_api_shallow(const u_char *p, size_t n);


#endif /* _LLM_API_DOC_H_INCLUDED_ */
