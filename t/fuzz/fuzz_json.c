
/*
 * Copyright (C) the llm_quota authors
 */


#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/json_bytes.h"


/*
 * The first three bytes choose flags and pieces, the rest is a document.  The
 * vector machine and the byte machine must report the same, in whatever pieces
 * they read it.
 */

typedef struct {
    uint64_t                 hash;
    uint64_t                 values;
    uint64_t                 offset;
    llm_json_state_e         state;
} result_t;


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static const llm_json_node_t  inner[] = {
    LLM_JSON_NODE("prompt_tokens", NULL, 8),
    LLM_JSON_NODE("a", NULL, LLM_JSON_SPAN | 9),
    LLM_JSON_END
};

static const llm_json_node_t  elements[] = {
    LLM_JSON_NODE("*", inner, 5),
    LLM_JSON_END
};

static const llm_json_node_t  members[] = {
    LLM_JSON_NODE("a", NULL, 2),
    LLM_JSON_NODE("b", elements, LLM_JSON_SPAN | 3),
    LLM_JSON_NODE("list", elements, 4),
    LLM_JSON_NODE("usage", inner, 0),
    LLM_JSON_NODE("\xc3\xa9k", members, 6),
    LLM_JSON_END
};

static const llm_json_node_t  root = LLM_JSON_NODE("", members, 1);


static void
add(result_t *r, const void *data, size_t n)
{
    size_t         i;
    const u_char  *p;

    p = data;

    for (i = 0; i < n; i++) {
        r->hash = (r->hash ^ p[i]) * 0x100000001b3;
    }
}


static void
record(void *data, const llm_json_value_t *v)
{
    int        rc;
    int64_t    n;
    result_t  *r;
    uint64_t   plain[8];

    r = data;

    plain[0] = v->type;
    plain[1] = v->field;
    plain[2] = v->depth;
    plain[3] = v->close << 2 | v->more << 1 | v->variant;
    plain[4] = v->start;
    plain[5] = v->end;
    plain[6] = v->len;
    plain[7] = ++r->values;

    add(r, plain, sizeof(plain));
    add(r, v->text, v->text != NULL ? v->len : 0);

    if (v->len > LLM_JSON_TEXT
        || v->depth > LLM_JSON_DEPTH
        || (!v->more && v->end != 0 && v->end <= v->start))
    {
        abort();
    }

    if (v->text == NULL) {
        return;
    }

    rc = llm_json_count(v, &n);

    if (n < 0 || n > (int64_t) 1 << 53 || (rc != 0 && n != 0)) {
        abort();
    }
}


static void
scan(int vector, unsigned flags, const uint8_t *data, size_t size,
    size_t first, size_t step, result_t *r)
{
    size_t       i, n, taken;
    u_char      *piece;
    llm_json_t   j;

    memset(r, 0, sizeof(result_t));
    memset(&j, 0xff, sizeof(j));

    if (vector) {
        llm_json_init(&j, &root, record, r, flags);

    } else {
        bytes_init(&j, &root, record, r, flags);
    }

    for (i = 0; i < size && j.state == LLM_JSON_MORE; i += taken) {
        n = (i == 0) ? first : step;
        n = (n == 0 || n > size - i) ? size - i : n;

        piece = malloc(n);
        memcpy(piece, data + i, n);

        taken = vector ? llm_json_feed(&j, piece, n)
                       : bytes_feed(&j, piece, n);
        free(piece);

        if (taken > n || (taken != n && j.state == LLM_JSON_MORE)) {
            abort();
        }
    }

    r->state = j.state;
    r->offset = j.offset;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned  flags;
    result_t  whole, other;

    if (size < 3) {
        return 0;
    }

    flags = data[0] & (LLM_JSON_VARIANTS | LLM_JSON_SEQUENCE);

    scan(1, flags, data + 3, size - 3, 0, 0, &whole);

    scan(1, flags, data + 3, size - 3, data[1], data[2], &other);

    if (memcmp(&whole, &other, sizeof(whole)) != 0) {
        abort();
    }

    scan(0, flags, data + 3, size - 3, 0, 0, &other);

    if (memcmp(&whole, &other, sizeof(whole)) != 0) {
        abort();
    }

    scan(0, flags, data + 3, size - 3, data[1], 1, &other);

    if (memcmp(&whole, &other, sizeof(whole)) != 0) {
        abort();
    }

    return 0;
}
