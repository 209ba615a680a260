
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _LLM_REDIS_WORDS_H_INCLUDED_
#define _LLM_REDIS_WORDS_H_INCLUDED_


#include "llm_redis.h"


/* What the files of Redis' words share; for nobody else. */


/* A command: begin, add arguments in order, end; -1: one found no memory.  What
   was added moves while the memory grows, so nothing points there before. */
void llm_redis_begin(llm_redis_args_t *args);
void llm_redis_add(llm_redis_args_t *args, const char *data, size_t len);
void llm_redis_add_text(llm_redis_args_t *args, const char *text);
void llm_redis_add_number(llm_redis_args_t *args, int64_t n);

/* A key: the zone's tag, a colon and the name. */
void llm_redis_add_name(llm_redis_args_t *args,
    const llm_redis_names_t *names, const char *name);

int llm_redis_end(llm_redis_args_t *args);


/* The scripts answer with an array of so many elements that begins with 1 and
   a text, or with 0 and who uses the identity. */
llm_redis_status_e llm_redis_status(const redisReply *reply, size_t elements,
    llm_redis_text_t *text);

/* NULL: the element is none. */
const redisReply *llm_redis_array(const redisReply *reply, size_t i);

/* A number of decimal digits, up to the first byte that is none; -1: there is
   none, or it does not fit. */
int llm_redis_digits(const char **p, const char *last, int64_t *n);


#endif /* _LLM_REDIS_WORDS_H_INCLUDED_ */
