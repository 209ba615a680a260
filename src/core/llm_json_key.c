
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


#define LLM_JSON_HIGHS  0x8080808080808080    /* of what is not ASCII */


static uint64_t llm_json_short(const u_char *key, size_t len);
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

    head = (room < 8) ? llm_json_short(key, len) : llm_json_head(key, len);
    child = j->node[j->depth]->children;

    if (j->flags & LLM_JSON_VARIANTS) {

        for ( /* void */ ; child->key != NULL; child++) {

            if ((child->head ^ head) & ~LLM_TEXT_CASE) {
                continue;
            }

            if (child->head == head && child->len == len
                && llm_json_is_tail(child->key, key, len))
            {
                llm_json_found(j, child);
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

            if (child->head == head && child->len == len
                && llm_json_is_tail(child->key, key, len))
            {
                llm_json_found(j, child);
                return;
            }
        }
    }

    j->current = NULL;
}


/* The head of a key that less than eight bytes can be read of. */

static uint64_t
llm_json_short(const u_char *key, size_t len)
{
    size_t    i;
    uint64_t  head;

    for (head = 0, i = 0; i < len; i++) {
        head |= (uint64_t) key[i] << llm_json_shift(i);
    }

    return head;
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

        if (child->head == head && child->len == len
            && llm_json_is_tail(child->key, key, len))
        {
            llm_json_found(j, child);
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
