
/*
 * Copyright (C) the llm_quota authors
 */


#include <stdlib.h>
#include <string.h>

#include "llm_store_pool.h"


/*
 * The memory of operations: blocks, each larger than the one before it, and
 * all freed at once.
 */


#define LLM_STORE_BLOCK      4096
#define LLM_STORE_BLOCK_MAX  (1024 * 1024)
#define LLM_STORE_ALIGNMENT  16


struct llm_store_pool_s {
    llm_store_pool_t        *next;
    size_t                   used;
    size_t                   size;
};


static void llm_store_free(llm_store_pool_t **pool);


/* in the order of llm_store_status_e */

static const char *const  llm_store_status_names[] = {
    "ok", "conflict", "exists", "not found", "absent", "away", "invalid",
    "busy", "canceled", "disk full", "read-only", "input/output error",
    "no memory", "newer version", "damaged", "gone", "closed", "failed"
};


const char *
llm_store_status_name(llm_store_status_e status)
{
    return llm_store_status_names[status];
}


void *
llm_store_pool_alloc(llm_store_pool_t **pool, size_t size)
{
    void              *p;
    size_t             head, room;
    llm_store_pool_t  *block;

    head = (sizeof(llm_store_pool_t) + LLM_STORE_ALIGNMENT - 1)
           & ~(size_t) (LLM_STORE_ALIGNMENT - 1);

    if (size > SIZE_MAX / 2) {
        return NULL;
    }

    size = (size + LLM_STORE_ALIGNMENT - 1)
           & ~(size_t) (LLM_STORE_ALIGNMENT - 1);

    block = *pool;

    if (block == NULL || block->size - block->used < size) {

        room = block ? block->size * 2 : LLM_STORE_BLOCK;

        if (room > LLM_STORE_BLOCK_MAX) {
            room = LLM_STORE_BLOCK_MAX;
        }

        if (room < head + size) {
            room = head + size;
        }

        block = malloc(room);

        if (block == NULL) {
            return NULL;
        }

        block->next = *pool;
        block->used = head;
        block->size = room;

        *pool = block;
    }

    p = (u_char *) block + block->used;
    block->used += size;

    return p;
}


static void
llm_store_free(llm_store_pool_t **pool)
{
    llm_store_pool_t  *block, *next;

    for (block = *pool; block; block = next) {
        next = block->next;
        free(block);
    }

    *pool = NULL;
}


void *
llm_store_alloc(llm_store_op_t *op, size_t size)
{
    return llm_store_pool_alloc(&op->arguments, size);
}


int
llm_store_copy(llm_store_op_t *op, llm_store_text_t *text, const void *data,
    size_t len)
{
    u_char  *p;

    p = llm_store_alloc(op, len + 1);

    if (p == NULL) {
        return -1;
    }

    if (len) {
        memcpy(p, data, len);
    }

    p[len] = '\0';

    text->data = p;
    text->len = len;

    return 0;
}


void
llm_store_empty_results(llm_store_op_t *op)
{
    llm_store_free(&op->results);
}


void
llm_store_empty(llm_store_op_t *op)
{
    llm_store_free(&op->arguments);
    llm_store_free(&op->results);
}
