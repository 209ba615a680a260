
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _LLM_BASE64_H_INCLUDED_
#define _LLM_BASE64_H_INCLUDED_


#include <sys/types.h>
#include <stdint.h>


/*
 * Base64 with the standard alphabet (RFC 4648, section 4), decoded in pieces
 * of any size.  Padding may be left out, but not be wrong; nothing else may
 * be in it.
 */

typedef struct {
    uint32_t                 bits;       /* of the group that is open */
    uint8_t                  digits;     /* of them, 0..3 */
    uint8_t                  padding;
} llm_base64_t;


#define LLM_BASE64_ROOM(n)  ((n) / 4 * 3 + 3)    /* for what n bytes yield */


void llm_base64_init(llm_base64_t *b);

/* Decodes a further piece; returns how many bytes it wrote, or -1. */
ssize_t llm_base64_decode(llm_base64_t *b, u_char *dst, const u_char *p,
    size_t n);

/* The same for what the end leaves open: at most 2 bytes. */
ssize_t llm_base64_end(llm_base64_t *b, u_char *dst);


#endif /* _LLM_BASE64_H_INCLUDED_ */
