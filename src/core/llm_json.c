
/*
 * Copyright (C) the llm_quota authors
 */


#include <stddef.h>
#include <string.h>

#include "llm_json_scan.h"


/*
 * The scanner is a state machine with two gears.  In the containers that the
 * tree follows every token is looked at and the grammar is enforced, because
 * what is reported must be what any other parser would read.  All else is
 * skipped: strings by looking for a quote or a backslash, containers by
 * counting brackets outside strings.  Almost all bytes of a body are skipped,
 * so only the skipping has a vector form; LLM_JSON_BYTES leaves it out, which
 * lets the tests compare the two.
 *
 * A level that is followed has its node in j->node[]; levels that are skipped
 * are only a number, j->skip.  That is why depth costs no memory.
 */


#define LLM_JSON_BOM  "\xef\xbb\xbf"


static const u_char *llm_json_bom(llm_json_t *j, const u_char *p);
static const u_char *llm_json_structure(llm_json_t *j, const u_char *p,
    const u_char *last);
static int llm_json_next(const u_char **p, const u_char *last);
static int llm_json_is_guess(const llm_json_t *j, const u_char *p,
    const u_char *last);
static const u_char *llm_json_value(llm_json_t *j, const u_char *p,
    const u_char *last);
static const u_char *llm_json_scalar_at(llm_json_t *j, const u_char *p,
    const u_char *last);
static const u_char *llm_json_open(llm_json_t *j, const u_char *p,
    const u_char *last);
static void llm_json_close(llm_json_t *j, const u_char *end);
static void llm_json_element(llm_json_t *j);
static const llm_json_node_t *llm_json_star(const llm_json_node_t *node);
static void llm_json_container(llm_json_t *j, const llm_json_node_t *node,
    const u_char *end);


void
llm_json_init(llm_json_t *j, const llm_json_node_t *root,
    llm_json_handler_pt handler, void *data, unsigned flags)
{
    memset(j, 0, offsetof(llm_json_t, closer));

    j->root = root;
    j->handler = handler;
    j->data = data;
    j->flags = flags;
    j->current = root;
}


size_t
llm_json_feed(llm_json_t *j, const u_char *p, size_t n)
{
    const u_char  *start, *last;

    if (n == 0) {
        return 0;
    }

    j->base = j->offset - (uintptr_t) p;
    start = p;
    last = p + n;

    while (p != last && j->state == LLM_JSON_MORE) {

        switch (j->phase) {

        case sw_bom:
            p = llm_json_bom(j, p);
            break;

        case sw_text:
            p = llm_json_text(j, p, last);
            break;

        case sw_number:
            p = llm_json_number(j, p, last);
            break;

        case sw_literal:
            p = llm_json_literal(j, p, last);
            break;

        case sw_string:
            p = llm_json_string(j, p, last);
            break;

        case sw_skip:
        case sw_skip_string:
            p = llm_json_skip(j, p, last);
            break;

        default:
            p = llm_json_structure(j, p, last);
            break;
        }
    }

    n = p - start;
    j->offset += n;

    return n;
}


static const u_char *
llm_json_bom(llm_json_t *j, const u_char *p)
{
    if (*p != (u_char) LLM_JSON_BOM[j->bom]) {
        j->state = LLM_JSON_INVALID;

    } else if (++j->bom == sizeof(LLM_JSON_BOM) - 1) {
        j->phase = sw_before;
    }

    return p + 1;
}


/*
 * What is between tokens, and the tokens too as long as they do not end with
 * the piece: most do not, and nothing of those has to be remembered from one
 * byte to the next.  A member goes through the cases from its key to what is
 * behind its value without a turn of the loop.
 */

static const u_char *
llm_json_structure(llm_json_t *j, const u_char *p, const u_char *last)
{
    u_char         c;
    const u_char  *start;

    for ( ;; ) {

        if (!llm_json_next(&p, last)) {
            return p;
        }

        switch (j->phase) {

        case sw_member:

            if (*p == '}') {
                llm_json_close(j, ++p);

                if (j->state != LLM_JSON_MORE) {
                    return p;
                }

                break;
            }

            /* fall through */

        case sw_key:

            if (*p != '"') {
                j->state = LLM_JSON_INVALID;
                return p + 1;
            }

            start = p + 1;

            if (llm_json_is_guess(j, start, last)) {
                p = start + j->guess->len;
                llm_json_found(j, j->guess);

            } else {
                p = llm_json_quote(start, last);

                if (p == last || *p != '"') {
                    j->key = 1;
                    j->len = 0;
                    j->phase = sw_text;

                    return llm_json_text(j, start, last);
                }

                llm_json_lookup(j, start, p - start, last - start);
            }

            p++;

            if (!llm_json_next(&p, last)) {
                return p;
            }

            /* fall through */

        case sw_colon:

            if (*p != ':') {
                j->state = LLM_JSON_INVALID;
                return p + 1;
            }

            j->phase = sw_value;

            p++;

            if (!llm_json_next(&p, last)) {
                return p;
            }

            /* fall through */

        case sw_value:
        case sw_first:
        case sw_before:
            p = llm_json_value(j, p, last);

            if (j->phase != sw_after) {

                if (j->phase > sw_after || j->state != LLM_JSON_MORE) {
                    return p;
                }

                break;
            }

            if (!llm_json_next(&p, last)) {
                return p;
            }

            /* fall through */

        default: /* sw_after */
            c = *p++;

            if (c == ',') {

                if (j->closer[j->depth] == '}') {
                    j->phase = sw_key;

                } else {
                    llm_json_element(j);
                    j->phase = sw_value;
                }

                break;
            }

            if (c != j->closer[j->depth]) {
                j->state = LLM_JSON_INVALID;
                return p;
            }

            llm_json_close(j, p);

            if (j->state != LLM_JSON_MORE) {
                return p;
            }

            break;
        }
    }
}


/* Passes over white space; returns whether there is something behind it. */

static inline int
llm_json_next(const u_char **p, const u_char *last)
{
    for ( /* void */ ; *p != last; (*p)++) {

        if (!llm_json_is_space(**p)) {
            return 1;
        }
    }

    return 0;
}


/* Whether the key at p is the one that is expected.  A name has neither quotes
   nor backslashes: what equals it is it, if a quote follows. */

static inline int
llm_json_is_guess(const llm_json_t *j, const u_char *p, const u_char *last)
{
    size_t                  len;
    const llm_json_node_t  *node;

    node = j->guess;
    len = node->len;

    /* its quote must be there, and eight bytes in any case */

    return last - p > (ptrdiff_t) (len | 7)
           && len != LLM_JSON_ELEMENT
           && p[len] == '"'
           && llm_json_head(p, len) == node->head
           && llm_json_is_tail(node->key, p, len);
}


/* Goes as far as it can: to the value's end, into a container that is
   followed, or to the end of the piece. */

static inline const u_char *
llm_json_value(llm_json_t *j, const u_char *p, const u_char *last)
{
    const u_char  *start;

    j->value.start = llm_json_offset(j, p);

    if (*p != '"') {
        return (*p == '{' || *p == '[') ? llm_json_open(j, p, last)
                                        : llm_json_scalar_at(j, p, last);
    }

    j->value.type = LLM_JSON_STRING;

    start = p + 1;
    p = llm_json_quote(start, last);

    if (!llm_json_is_text(j)) {

        if (p == last || *p != '"') {
            j->phase = sw_string;
            return llm_json_string(j, p, last);
        }

        llm_json_scalar(j, NULL, 0, p + 1);

        return p + 1;
    }

    if (p == last || *p != '"' || p - start > LLM_JSON_TEXT) {
        j->key = 0;
        j->len = 0;
        j->phase = sw_text;

        return llm_json_text(j, start, last);
    }

    llm_json_report(j, start, p - start, p + 1);
    llm_json_ended(j);

    return p + 1;
}


/* What is neither string nor container, or no value at all. */

static inline const u_char *
llm_json_scalar_at(llm_json_t *j, const u_char *p, const u_char *last)
{
    const u_char  *start;

    if (llm_json_is_digit(*p)) {
        start = p;

        do {
            p++;
        } while (p != last && llm_json_is_digit(*p));

        if (p != last && llm_json_ends_token(*p) && p - start <= LLM_JSON_TEXT
            && (*start != '0' || p - start == 1))
        {
            j->value.type = LLM_JSON_NUMBER;
            llm_json_scalar(j, start, p - start, p);
            return p;
        }

        p = start;
    }

    j->key = 0;
    j->len = 0;

    switch (*p) {

    case 'n':
        j->value.type = LLM_JSON_NULL;
        break;

    case 'f':
        j->value.type = LLM_JSON_FALSE;
        break;

    case 't':
        j->value.type = LLM_JSON_TRUE;
        break;

    case ']':

        if (j->phase == sw_first) {
            llm_json_close(j, p + 1);
            return p + 1;
        }

        /* fall through */

    case 0xef:

        if (j->phase == sw_before && j->bom == 0
            && *p == (u_char) LLM_JSON_BOM[0])
        {
            j->phase = sw_bom;
            return p;
        }

        /* fall through */

    default:

        /* what cannot begin a number is refused there */

        j->value.type = LLM_JSON_NUMBER;
        j->number = sw_start;
        j->phase = sw_number;
        return llm_json_number(j, p, last);
    }

    j->phase = sw_literal;

    return llm_json_literal(j, p, last);
}


/* A container that is not followed is passed over. */

static const u_char *
llm_json_open(llm_json_t *j, const u_char *p, const u_char *last)
{
    const llm_json_node_t  *node;

    node = j->current;
    j->value.type = (*p++ == '{') ? LLM_JSON_OBJECT : LLM_JSON_ARRAY;

    if (j->value.type == LLM_JSON_ARRAY && j->depth == 0
        && (j->flags & LLM_JSON_SEQUENCE) && !j->sequence)
    {
        j->sequence = 1;
        j->closer[0] = ']';
        j->phase = sw_first;
        return p;
    }

    if (node == NULL || node->children == NULL || j->value.variant
        || j->depth == LLM_JSON_DEPTH
        || (j->value.type == LLM_JSON_ARRAY && llm_json_star(node) == NULL))
    {
        if (llm_json_is_reported(j)) {
            llm_json_container(j, node, NULL);
        }

        j->skip = 1;
        j->phase = sw_skip;

        return llm_json_skip(j, p, last);
    }

    if (node->field != 0) {
        llm_json_container(j, node, NULL);
    }

    j->depth++;
    j->node[j->depth] = node;
    j->opened[j->depth] = j->value.start;

    if (j->value.type == LLM_JSON_OBJECT) {
        j->closer[j->depth] = '}';
        j->phase = sw_member;
        j->guess = node->children;
        return p;
    }

    j->closer[j->depth] = ']';
    j->phase = sw_first;
    llm_json_element(j);

    return p;
}


static void
llm_json_close(llm_json_t *j, const u_char *end)
{
    const llm_json_node_t  *node;

    if (j->depth == 0) {
        j->state = LLM_JSON_DONE;
        return;
    }

    node = j->node[j->depth];

    j->value.type = (j->closer[j->depth] == '}') ? LLM_JSON_OBJECT
                                                 : LLM_JSON_ARRAY;
    j->value.start = j->opened[j->depth];
    j->value.variant = 0;
    j->guess = node + 1;
    j->depth--;

    if (node->field != 0) {
        llm_json_container(j, node, end);
    }

    llm_json_ended(j);
}


/* What is expected of the next element of the array that is open. */

static void
llm_json_element(llm_json_t *j)
{
    j->current = (j->depth == 0) ? j->root
                                 : llm_json_star(j->node[j->depth]);
    j->value.variant = 0;
}


static const llm_json_node_t *
llm_json_star(const llm_json_node_t *node)
{
    const llm_json_node_t  *child;

    for (child = node->children; child->key != NULL; child++) {

        if (child->len == LLM_JSON_ELEMENT) {
            return child;
        }
    }

    return NULL;
}


void
llm_json_report(llm_json_t *j, const u_char *text, size_t len,
    const u_char *end)
{
    llm_json_value_t  *v;

    v = &j->value;

    v->field = j->current->field & ~LLM_JSON_SPAN;
    v->depth = j->depth;
    v->close = 0;
    v->empty = 0;
    v->more = 0;
    v->text = text;
    v->len = len;
    v->end = llm_json_offset(j, end);

    j->handler(j->data, v);
}


void
llm_json_piece(llm_json_t *j, const u_char *text, size_t len)
{
    llm_json_value_t  *v;

    v = &j->value;

    v->field = j->current->field & ~LLM_JSON_SPAN;
    v->depth = j->depth;
    v->close = 0;
    v->empty = 0;
    v->more = 1;
    v->text = text;
    v->len = len;
    v->end = 0;

    j->handler(j->data, v);
}


void
llm_json_skipped(llm_json_t *j, const u_char *end)
{
    if (llm_json_is_reported(j) && !j->value.variant) {
        llm_json_container(j, j->current, end);
    }

    llm_json_ended(j);
}


static void
llm_json_container(llm_json_t *j, const llm_json_node_t *node,
    const u_char *end)
{
    llm_json_value_t  *v;

    v = &j->value;

    v->field = node->field & ~LLM_JSON_SPAN;
    v->depth = j->depth;
    v->close = (end != NULL);
    v->empty = (v->close && (j->phase == sw_member || j->phase == sw_first));
    v->more = 0;
    v->text = NULL;
    v->len = 0;
    v->end = (end != NULL) ? llm_json_offset(j, end) : 0;

    j->handler(j->data, v);
}
