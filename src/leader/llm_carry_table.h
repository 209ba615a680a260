
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _LLM_CARRY_TABLE_H_INCLUDED_
#define _LLM_CARRY_TABLE_H_INCLUDED_


#include <sys/types.h>
#include <stdint.h>


/* Rows that are found by what they are about. */

typedef struct {
    void                    *rows;
    size_t                   size;       /* of a row */
    size_t                   n;
    size_t                   allocated;
    uint32_t                *slots;
    uint32_t                *hashes;     /* of the rows */
    size_t                   nslots;     /* a power of two */
} llm_carry_table_t;


typedef int (*llm_carry_same_pt)(const void *row, const void *key);

/* The row of a hash that is the same as the key, or NULL. */
void *llm_carry_find(llm_carry_table_t *t, uint32_t hash, const void *key,
    llm_carry_same_pt same);

/* A new row, of zeros; those that were found before may move.  NULL: no
   memory. */
void *llm_carry_push(llm_carry_table_t *t, uint32_t hash);

void llm_carry_free(llm_carry_table_t *t);

/* Goes on from the hash of what came before, 0 at first. */
uint32_t llm_carry_hash(uint32_t hash, const void *data, size_t n);


#endif /* _LLM_CARRY_TABLE_H_INCLUDED_ */
