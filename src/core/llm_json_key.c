
/*
 * Copyright (C) the llm_quota authors
 */


#include <stddef.h>
#include <string.h>

#include "llm_json_scan.h"


/*
 * Which node a key is.  Its first eight bytes are compared as one number: that
 * tells nearly all keys apart, and those that differ in the case of letters
 * too, since a letter's case is one bit.
 */


#define LLM_JSON_CASES  0x2020202020202020    /* the bit, of eight letters */
#define LLM_JSON_HIGHS  0x8080808080808080    /* of what is not ASCII */


static uint64_t llm_json_head(const u_char *key, size_t len, size_t room);
static uint64_t llm_json_eight(const void *p);
static int llm_json_is_key(const llm_json_node_t *node, const u_char *key,
    size_t len);
static void llm_json_find_variant(llm_json_t *j, uint64_t head,
    const u_char *key, size_t len);
static int llm_json_is_variant(const llm_json_node_t *node, const u_char *key,
    size_t len);


void
llm_json_lookup(llm_json_t *j, const u_char *key, size_t len, size_t room)
{
    uint64_t                head;
    const llm_json_node_t  *child;

    j->phase = sw_colon;
    j->value.variant = 0;

    head = llm_json_head(key, len, room);
    child = j->node[j->depth]->children;

    if (j->flags & LLM_JSON_VARIANTS) {

        for ( /* void */ ; child->key != NULL; child++) {

            if ((child->head ^ head) & ~LLM_JSON_CASES) {
                continue;
            }

            if (child->head == head && llm_json_is_key(child, key, len)) {
                j->current = child;
                return;
            }

            llm_json_find_variant(j, head, key, len);
            return;
        }

        if (head & LLM_JSON_HIGHS) {
            llm_json_find_variant(j, head, key, len);
            return;
        }

    } else {

        for ( /* void */ ; child->key != NULL; child++) {

            if (child->head == head && llm_json_is_key(child, key, len)) {
                j->current = child;
                return;
            }
        }
    }

    j->current = NULL;
}


static inline uint64_t
llm_json_head(const u_char *key, size_t len, size_t room)
{
    size_t    i;
    uint64_t  head;

    if (room < 8) {

        for (head = 0, i = 0; i < len; i++) {
            head |= (uint64_t) key[i] << llm_json_shift(i);
        }

        return head;
    }

    head = llm_json_eight(key);

    if (len >= 8) {
        return head;
    }

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    return head & (((uint64_t) 1 << 8 * len) - 1);
#else
    return head & ~(UINT64_MAX >> 8 * len);
#endif
}


static inline uint64_t
llm_json_eight(const void *p)
{
    uint64_t  bytes;

    memcpy(&bytes, p, 8);

    return bytes;
}


static inline int
llm_json_is_key(const llm_json_node_t *node, const u_char *key, size_t len)
{
    size_t  i;

    if (node->len != len) {
        return 0;
    }

    if (len <= 8) {
        return 1;
    }

    for (i = 8; i + 8 < len; i += 8) {

        if (llm_json_eight(node->key + i) != llm_json_eight(key + i)) {
            return 0;
        }
    }

    return llm_json_eight(node->key + len - 8)
           == llm_json_eight(key + len - 8);
}


/* Unless there is the very key, which comes first. */

static void
llm_json_find_variant(llm_json_t *j, uint64_t head, const u_char *key,
    size_t len)
{
    const llm_json_node_t  *child, *variant;

    variant = NULL;
    child = j->node[j->depth]->children;

    for ( /* void */ ; child->key != NULL; child++) {

        if (child->head == head && llm_json_is_key(child, key, len)) {
            j->current = child;
            return;
        }

        if (variant == NULL && llm_json_is_variant(child, key, len)) {
            variant = child;
        }
    }

    j->current = variant;
    j->value.variant = (variant != NULL);
}


/* Unicode folds two more letters to ASCII, and parsers that ignore case (Go's
   among them) do so too: U+017F is an s, U+212A a k. */

static int
llm_json_is_variant(const llm_json_node_t *node, const u_char *key, size_t len)
{
    u_char       c, n;
    size_t       i;
    const char  *name;

    if (node->len == LLM_JSON_ELEMENT || len > LLM_JSON_KEY) {
        return 0;
    }

    name = node->key;

    for (i = 0; i < len; name++) {
        c = key[i];
        n = (u_char) *name;

        if (c == 0xc5 && len - i >= 2 && key[i + 1] == 0xbf) {
            c = 's';
            i += 2;

        } else if (c == 0xe2 && len - i >= 3 && key[i + 1] == 0x84
                   && key[i + 2] == 0xaa)
        {
            c = 'k';
            i += 3;

        } else {
            i++;
        }

        if (c >= 'A' && c <= 'Z') {
            c |= 0x20;
        }

        if (n >= 'A' && n <= 'Z') {
            n |= 0x20;
        }

        if (c != n || n == '\0') {
            return 0;
        }
    }

    return *name == '\0';
}
