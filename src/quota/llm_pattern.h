
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _LLM_PATTERN_H_INCLUDED_
#define _LLM_PATTERN_H_INCLUDED_


#include <sys/types.h>
#include <stdint.h>


/*
 * Which models may be asked for: "A,B,@GROUP,prefix*".  Names are those that
 * requests say, byte by byte.
 */

typedef struct {
    const u_char            *name;       /* without the sign; borrowed */
    size_t                   len;
    unsigned                 prefix:1;   /* had * at its end: what begins so */
    unsigned                 group:1;    /* had @ at its beginning */
} llm_pattern_t;


/* "name" or "prefix*", or "*" for all; -1: it is neither. */
int llm_pattern_parse(llm_pattern_t *pattern, const u_char *p, size_t n);

/*
 * The next of a list: *p is where it begins, and then where the one after it
 * does, NULL: it was the last.  Here "@name" is a group.  Returns -1 where
 * there is none that is valid.
 */
int llm_pattern_next(const u_char **p, const u_char *last,
    llm_pattern_t *pattern);

/* Whether a name is one of those that n patterns, none of them a group, stand
   for. */
int llm_pattern_match(const llm_pattern_t *patterns, unsigned n,
    const u_char *name, size_t len);

/* "a, b*, c", or "a, b* and 12 more" where no more has room in a buffer of
   LLM_PATTERN_TEXT bytes; returns the length. */
#define LLM_PATTERN_TEXT  512

size_t llm_pattern_print(u_char *buf, const llm_pattern_t *patterns,
    unsigned n);


#endif /* _LLM_PATTERN_H_INCLUDED_ */
