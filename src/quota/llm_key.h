
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _LLM_KEY_H_INCLUDED_
#define _LLM_KEY_H_INCLUDED_


#include <sys/types.h>
#include <stdint.h>


/*
 * Virtual keys by their SHA-256.  A key itself is never kept.  The table is two
 * arrays in the caller's memory that refer by index, no pointers, so that it
 * can lie in a configuration's pool or in shared memory; what else is known of
 * a key the caller keeps under the same index.
 *
 * The index is the digest's own first bytes: what clients send can choose a
 * bucket, but only what is added makes one longer.  Digests are compared in
 * constant time.
 */

#define LLM_KEY_DIGEST  32
#define LLM_KEY_NONE    UINT32_MAX


typedef struct {
    u_char                   digest[LLM_KEY_DIGEST];
    uint32_t                 next;
} llm_key_t;


typedef struct {
    llm_key_t               *keys;
    uint32_t                *buckets;
    uint32_t                 nkeys;
    uint32_t                 max;        /* of both arrays; a power of two */
} llm_keys_t;


/* An empty table in arrays of max elements each; max: a power of two. */
void llm_keys_init(llm_keys_t *t, llm_key_t *keys, uint32_t *buckets,
    uint32_t max);

/* Adds a digest that is not there yet; returns its index, in the order of
   adding, or LLM_KEY_NONE where the table is full. */
uint32_t llm_keys_add(llm_keys_t *t, const u_char *digest);

/* The index of a digest, or LLM_KEY_NONE. */
uint32_t llm_keys_find(const llm_keys_t *t, const u_char *digest);


#endif /* _LLM_KEY_H_INCLUDED_ */
