
/*
 * Copyright (C) the llm_quota authors
 */


#include <stdlib.h>
#include <string.h>

#include "llm_carry_table.h"


#define LLM_CARRY_TABLE  256     /* slots at first */
#define LLM_CARRY_EMPTY  UINT32_MAX


static int llm_carry_grow(llm_carry_table_t *t);
static void llm_carry_link(llm_carry_table_t *t, uint32_t i);


void *
llm_carry_find(llm_carry_table_t *t, uint32_t hash, const void *key,
    llm_carry_same_pt same)
{
    void      *row;
    size_t     slot;
    uint32_t   i;

    if (t->n == 0) {
        return NULL;
    }

    for (slot = hash & (t->nslots - 1); /* void */ ;
         slot = (slot + 1) & (t->nslots - 1))
    {
        i = t->slots[slot];

        if (i == LLM_CARRY_EMPTY) {
            return NULL;
        }

        row = (u_char *) t->rows + i * t->size;

        if (t->hashes[i] == hash && same(row, key)) {
            return row;
        }
    }
}


void *
llm_carry_push(llm_carry_table_t *t, uint32_t hash)
{
    void  *row;

    if (t->n == t->allocated && llm_carry_grow(t) != 0) {
        return NULL;
    }

    t->hashes[t->n] = hash;
    llm_carry_link(t, t->n);

    row = (u_char *) t->rows + t->n++ * t->size;
    memset(row, 0, t->size);

    return row;
}


static int
llm_carry_grow(llm_carry_table_t *t)
{
    void      *rows;
    size_t     n;
    uint32_t  *slots, *hashes, i;

    n = t->nslots ? 2 * t->nslots : LLM_CARRY_TABLE;

    if (n > UINT32_MAX / 2) {
        return -1;
    }

    rows = realloc(t->rows, n / 2 * t->size);

    if (rows == NULL) {
        return -1;
    }

    t->rows = rows;

    hashes = realloc(t->hashes, n / 2 * sizeof(uint32_t));

    if (hashes == NULL) {
        return -1;
    }

    t->hashes = hashes;

    slots = realloc(t->slots, n * sizeof(uint32_t));

    if (slots == NULL) {
        return -1;
    }

    memset(slots, 0xff, n * sizeof(uint32_t));

    t->slots = slots;
    t->nslots = n;
    t->allocated = n / 2;

    for (i = 0; i < t->n; i++) {
        llm_carry_link(t, i);
    }

    return 0;
}


static void
llm_carry_link(llm_carry_table_t *t, uint32_t i)
{
    size_t  slot;

    slot = t->hashes[i] & (t->nslots - 1);

    while (t->slots[slot] != LLM_CARRY_EMPTY) {
        slot = (slot + 1) & (t->nslots - 1);
    }

    t->slots[slot] = i;
}


void
llm_carry_free(llm_carry_table_t *t)
{
    free(t->rows);
    free(t->hashes);
    free(t->slots);
}


/* FNV-1a (the authors' page, isthe.com/chongo/tech/comp/fnv): the names were
   admitted by the zone, whose hash is a secret one. */

uint32_t
llm_carry_hash(uint32_t hash, const void *data, size_t n)
{
    size_t         i;
    const u_char  *p;

    p = data;
    hash = (hash ^ 2166136261U) * 16777619U;

    for (i = 0; i < n; i++) {
        hash = (hash ^ p[i]) * 16777619U;
    }

    return (hash ^ (uint32_t) n) * 16777619U;
}
