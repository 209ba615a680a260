
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _JSON_H_INCLUDED_
#define _JSON_H_INCLUDED_


#include "json_bytes.h"
#include "tap.h"


/* Both machines, a tree for them, and a journal of what they report. */

#define LOG  (1 << 20)


enum {
    F_NONE = 0,
    F_ROOT,
    F_A,
    F_B,
    F_LIST,
    F_ELEMENT,
    F_DEEP,
    F_USAGE,
    F_PROMPT,
    F_ESCAPE,
    F_LONG,
    F_STREAM
};


/* A key of 64 bytes, the longest that can match. */
#define KEY64  "k2345678901234567890123456789012"                             \
               "34567890123456789012345678901234"


static const llm_json_node_t  usage[] = {
    LLM_JSON_NODE("prompt_tokens", NULL, F_PROMPT),
    LLM_JSON_END
};

static const llm_json_node_t  element[] = {
    LLM_JSON_NODE("usage", usage, 0),
    LLM_JSON_NODE("a", NULL, F_DEEP),
    LLM_JSON_END
};

static const llm_json_node_t  elements[] = {
    LLM_JSON_NODE("*", element, F_ELEMENT),
    LLM_JSON_END
};

static const llm_json_node_t  members[] = {
    LLM_JSON_NODE("a", NULL, F_A),
    LLM_JSON_NODE("b", NULL, F_B),
    LLM_JSON_NODE("list", elements, F_LIST),
    LLM_JSON_NODE("usage", usage, F_USAGE),
    LLM_JSON_NODE("\xc3\xa9\xf0\x9f\x98\x80", NULL, F_ESCAPE),
    LLM_JSON_NODE("Stream_Key", NULL, F_STREAM),
    LLM_JSON_NODE(KEY64, NULL, F_LONG),
    LLM_JSON_END
};

static const llm_json_node_t  reported = LLM_JSON_NODE("", members, F_ROOT);


typedef struct {
    size_t                   len;
    char                     data[LOG];
} journal_t;


typedef struct {
    void                   (*init)(llm_json_t *j, const llm_json_node_t *root,
                                   llm_json_handler_pt handler, void *data,
                                   unsigned flags);
    size_t                 (*feed)(llm_json_t *j, const u_char *p, size_t n);
} machine_t;


static const machine_t  vector = { llm_json_init, llm_json_feed };
static const machine_t  bytes = { bytes_init, bytes_feed };

static journal_t  journal[4];
static uint64_t   seed = 1;


static uint32_t
rnd(uint32_t n)
{
    seed = seed * 6364136223846793005 + 1442695040888963407;

    return (uint32_t) (seed >> 33) % n;
}


static void
note(journal_t *l, const char *s, size_t n)
{
    if (l->len + n < LOG) {
        memcpy(l->data + l->len, s, n);
        l->len += n;
        l->data[l->len] = '\0';
    }
}


static void
record(void *data, const llm_json_value_t *v)
{
    int         n;
    char        line[128];
    journal_t  *l;

    static const char  *types[] = { "null", "false", "true", "number",
                                    "string", "object", "array" };

    l = data;

    n = snprintf(line, sizeof(line), "%s%s%s%s%s f%d d%d %llu-%llu ",
                 types[v->type], v->close ? " close" : "",
                 v->empty ? " empty" : "", v->more ? " more" : "",
                 v->variant ? " variant" : "", v->field, v->depth,
                 (unsigned long long) v->start,
                 (unsigned long long) v->end);

    note(l, line, n);

    /* what is delivered must be copied while it is valid */

    note(l, v->len ? (const char *) v->text : "", v->len);
    note(l, "\n", 1);
}


/* Feeds a document in pieces of at most max bytes, 0: whole; every piece is a
   copy of its own, so that reading beyond it is seen. */

static llm_json_state_e
scan(const machine_t *m, const llm_json_node_t *tree, unsigned flags,
    const char *doc, size_t len, size_t max, journal_t *l)
{
    size_t      i, n, taken;
    u_char     *piece;
    llm_json_t  j;

    l->len = 0;
    l->data[0] = '\0';

    memset(&j, 0xff, sizeof(j));
    m->init(&j, tree, record, l, flags);

    for (i = 0; i < len && j.state == LLM_JSON_MORE; i += taken) {
        n = (max == 0) ? len : (max == 1) ? 1 : 1 + rnd(max);
        n = (n > len - i) ? len - i : n;

        piece = malloc(n);
        memcpy(piece, doc + i, n);
        taken = m->feed(&j, piece, n);
        free(piece);

        if (j.state == LLM_JSON_MORE && taken != n) {
            note(l, "stopped\n", 8);
            break;
        }
    }

    n = j.offset;
    note(l, "", 0);

    if (j.state != LLM_JSON_MORE && n != i) {
        note(l, "offset\n", 7);
    }

    l->len += snprintf(l->data + l->len, LOG - l->len, "state %d at %zu",
                       j.state, n);

    return j.state;
}


#endif /* _JSON_H_INCLUDED_ */
