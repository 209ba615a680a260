
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _LLM_TROUBLE_H_INCLUDED_
#define _LLM_TROUBLE_H_INCLUDED_


#include <sys/types.h>
#include <stdint.h>


/*
 * Something that goes wrong, and is well again.  Lives in shared memory: who
 * leads next goes on with the trouble that the last one had, so that it is
 * told of once.
 */

typedef struct {
    int64_t                  since;      /* ms of the epoch, 0: all is well */
    int64_t                  last;       /* likewise: when it was seen */
    uint64_t                 count;      /* the caller's */
} llm_trouble_t;


/* What there is to be told of. */

typedef enum {
    LLM_TROUBLE_NONE = 0,
    LLM_TROUBLE_THERE,
    LLM_TROUBLE_OVER
} llm_trouble_e;


/*
 * To be called again and again, with whether it is there now (ms of the
 * epoch).  It is THERE after it has lasted for patience ms, and as long as it
 * does; OVER after calm ms without it, until llm_trouble_end().  One that does
 * not last is none.
 */
llm_trouble_e llm_trouble(llm_trouble_t *t, int there, int64_t now,
    int64_t patience, int64_t calm);

void llm_trouble_end(llm_trouble_t *t);


#endif /* _LLM_TROUBLE_H_INCLUDED_ */
