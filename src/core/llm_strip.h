
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _LLM_STRIP_H_INCLUDED_
#define _LLM_STRIP_H_INCLUDED_


#include <sys/types.h>
#include <stdint.h>

#include "llm_json.h"
#include "llm_sse.h"


/*
 * Finds in an event stream the events of usage that OpenAI's chat completions
 * and completions have in a stream whose stream_options.include_usage is true:
 * their data is an object whose choices are an empty array and whose usage is
 * an object.  What belongs to an event is all from the blank line before it up
 * to its own, comments and fields other than data included.
 *
 * It is told of the stream in pieces of any size and copies nothing of it.
 * Whatever the pieces, the verdicts are the same.  An event is held no longer
 * than needed: most are known for what they are at their first choice.
 */

#define LLM_STRIP_EVENT  65536   /* bytes: a longer event passes */


typedef enum {
    LLM_STRIP_HOLD = 0,      /* not known yet: to be kept for what follows */
    LLM_STRIP_PASS,
    LLM_STRIP_DROP
} llm_strip_verdict_e;


/* It holds a pointer to itself and so must stay where llm_strip_init() found
   it. */

typedef struct {
    llm_sse_t                sse;
    llm_json_t               json;
    size_t                   len;        /* of the event so far */
    llm_strip_verdict_e      before;     /* about the event before */
    uint8_t                  bom;        /* bytes of it */
    unsigned                 passes:1;   /* the event does, whatever follows */
    unsigned                 choices:1;  /* an empty array */
    unsigned                 usage:1;    /* an object */
} llm_strip_t;


void llm_strip_init(llm_strip_t *s);

/*
 * Reads on from *p, which is not last, and moves it behind the bytes that the
 * verdict is about.  PASS and DROP are also about what was held before, HOLD
 * stands only at the end of a piece.
 */
llm_strip_verdict_e llm_strip_read(llm_strip_t *s, const u_char **p,
    const u_char *last);

/* The stream has ended: PASS or DROP, about what is held.  An event that
   lacks its blank line is none the less one to many a client. */
llm_strip_verdict_e llm_strip_end(const llm_strip_t *s);


#endif /* _LLM_STRIP_H_INCLUDED_ */
