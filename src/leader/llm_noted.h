
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _LLM_NOTED_H_INCLUDED_
#define _LLM_NOTED_H_INCLUDED_


#include "llm_line_read.h"
#include "llm_text.h"


/* Models of which lines of the ledger say what somebody should hear of: that
   they were used and cost nothing for want of a price, or that what they used
   is estimated.  Of more than there is room for the first ones. */


#define LLM_NOTED_MODELS  16


typedef struct {
    size_t                   len;
    u_char                   name[LLM_ID_MAX];
    int64_t                  unpriced;       /* when last, ms of the epoch; 0:
                                                it has a price */
    int64_t                  estimated;      /* likewise; 0: it states what it
                                                used */
} llm_noted_model_t;

typedef struct {
    unsigned                 n;
    llm_noted_model_t        models[LLM_NOTED_MODELS];
} llm_noted_t;


/* Adds what a line says. */
void llm_noted_add(llm_noted_t *noted, const llm_entry_t *e);

/* Adds what others have noted. */
void llm_noted_merge(llm_noted_t *noted, const llm_noted_t *more);

/* Lets go of those that nothing is said of any more. */
void llm_noted_drop(llm_noted_t *noted);


#endif /* _LLM_NOTED_H_INCLUDED_ */
