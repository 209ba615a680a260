
/*
 * Copyright (C) the llm_quota authors
 */


#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "llm_coding.h"


/*
 * The first three bytes choose the coding, the strictness and the pieces, the
 * rest is coded, or a list of codings.  What is inflated must not depend on
 * the pieces, and is bounded; zlib has its memory back in the end.
 */

#define MOST  (1 << 20)


typedef struct {
    llm_coding_state_e       state;
    size_t                   len;
    u_char                   data[MOST];
} result_t;


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static int  held;


static void *
take(void *opaque, unsigned items, unsigned size)
{
    (void) opaque;
    held++;

    return malloc((size_t) items * size);
}


static void
give(void *opaque, void *p)
{
    (void) opaque;
    held--;

    free(p);
}


static void
collect(void *data, const u_char *p, size_t n)
{
    result_t *r = data;

    if (n == 0 || n > MOST - r->len) {
        abort();
    }

    memcpy(r->data + r->len, p, n);
    r->len += n;
}


static void
decode(const uint8_t *data, size_t size, size_t first, size_t step,
    result_t *r)
{
    size_t         i, n;
    u_char        *piece;
    llm_coding_t   c;

    memset(&c, 0xff, sizeof(c));
    r->len = 0;

    llm_coding_init(&c, (data[0] & 1) ? LLM_CODING_DEFLATE : LLM_CODING_GZIP,
                    data[0] & 2, MOST, collect, r);
    llm_coding_set_memory(&c, take, give, NULL);

    for (i = 3; i < size; i += n) {
        n = (i == 3) ? first : step;
        n = (n == 0 || n > size - i) ? size - i : n;

        piece = malloc(n);
        memcpy(piece, data + i, n);

        if (llm_coding_feed(&c, piece, n) != c.state) {
            abort();
        }

        free(piece);
    }

    llm_coding_close(&c);

    r->state = c.state;

    if (held != 0) {
        abort();
    }
}


/* A window that is more than there may be is not handed on, and which one
   that is depends on the pieces. */

static void
compare(const result_t *a, const result_t *b)
{
    if (a->state != b->state
        || (a->state != LLM_CODING_TOO_LARGE && a->len != b->len)
        || memcmp(a->data, b->data, a->len < b->len ? a->len : b->len) != 0)
    {
        abort();
    }
}


/* What is made of a list is made of that, too. */

static void
accept_list(const uint8_t *data, size_t size)
{
    u_char                one[LLM_CODING_ACCEPT], two[LLM_CODING_ACCEPT];
    size_t                n, m;
    llm_coding_accept_t   a;

    llm_coding_accept_init(&a);
    llm_coding_accept_add(&a, data, size);
    n = llm_coding_accept_print(&a, one) - one;

    llm_coding_accept_init(&a);
    llm_coding_accept_add(&a, one, n);
    m = llm_coding_accept_print(&a, two) - two;

    if (n == 0 || n >= LLM_CODING_ACCEPT || n != m
        || memcmp(one, two, n) != 0)
    {
        abort();
    }

    if (llm_coding_add(LLM_CODING_OTHER, data, size) != LLM_CODING_OTHER) {
        abort();
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static result_t  whole, other;

    if (size < 3) {
        return 0;
    }

    accept_list(data + 3, size - 3);

    decode(data, size, 0, 0, &whole);

    decode(data, size, data[1], data[2], &other);
    compare(&whole, &other);

    decode(data, size, 1, 1, &other);
    compare(&whole, &other);

    return 0;
}
