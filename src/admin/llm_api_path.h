
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _LLM_API_PATH_H_INCLUDED_
#define _LLM_API_PATH_H_INCLUDED_


#include <sys/types.h>
#include <stdint.h>


/* What of a request's line the admin API reads. */

typedef struct {
    size_t                   len;
    const u_char            *data;
} llm_api_text_t;


/* Whether a path (decoded, without the query) is the one of a pattern, in
   which a star is one segment of at least one byte; it has at most as many as
   args, which are set to them, or to empty texts. */
#define LLM_API_STARS  2

int llm_api_path(const char *pattern, const u_char *path, size_t n,
    llm_api_text_t args[LLM_API_STARS]);

/*
 * Finds an argument of a query and decodes its value ("%41", "+") into buf,
 * which has room for n bytes.  Returns 1; 0 where it has no such argument.  Of
 * several the first is found.
 */
int llm_api_argument(const u_char *query, size_t n, const char *name,
    u_char *buf, llm_api_text_t *value);

/* Writes ms of the epoch as "2024-06-14T22:48:36.594000Z", for years up to
   9999; returns the end. */
#define LLM_API_TIME  27

u_char *llm_api_time(u_char *p, int64_t ms);


#endif /* _LLM_API_PATH_H_INCLUDED_ */
