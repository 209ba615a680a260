
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _LLM_SSE_H_INCLUDED_
#define _LLM_SSE_H_INCLUDED_


#include <sys/types.h>
#include <stdint.h>


/*
 * The framing of an event stream (text/event-stream), read as the WHATWG
 * describes it: lines end with LF, CR or CRLF; of an event only the data
 * lines are of interest, what several of them carry is joined by a newline;
 * comments and all other fields are passed over.  The byte order mark is the
 * caller's to remove.
 */

typedef struct {
    uint8_t                  phase;
    uint8_t                  len;        /* of the field's name so far */
    unsigned                 fresh:1;    /* nothing of an event is read yet */
    unsigned                 data:1;     /* the event has a data line */
} llm_sse_t;


typedef enum {
    LLM_SSE_MORE = 0,       /* all bytes are taken */
    LLM_SSE_DATA,           /* a piece of the event's data */
    LLM_SSE_JOIN,           /* a newline of the event's data */
    LLM_SSE_END,            /* the event, which had data, is complete */
    LLM_SSE_BLANK           /* a blank line that ends no data */
} llm_sse_token_e;


void llm_sse_init(llm_sse_t *s);

/*
 * Reads up to the next token and moves *p behind it; a piece of data lies
 * from *data to *p.
 */
llm_sse_token_e llm_sse_read(llm_sse_t *s, const u_char **p,
    const u_char *last, const u_char **data, size_t *len);

/* What was read ends with a CR: an LF that follows is of the same line. */
int llm_sse_is_cr(const llm_sse_t *s);


#endif /* _LLM_SSE_H_INCLUDED_ */
