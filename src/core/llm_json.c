
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

#define llm_json_in_array(j)  ((j)->arrays >> (j)->depth & 1)


static const u_char *llm_json_bom(llm_json_t *j, const u_char *p);
static const u_char *llm_json_structure(llm_json_t *j, const u_char *p,
    const u_char *last);
static const u_char *llm_json_members(llm_json_t *j, const u_char *p,
    const u_char *last);
static const u_char *llm_json_plain(llm_json_t *j, const u_char *p,
    const u_char *last);
static const u_char *llm_json_space(const u_char *p, const u_char *last);
static const u_char *llm_json_value(llm_json_t *j, const u_char *p,
    const u_char *last);
static void llm_json_open(llm_json_t *j, const u_char *p);
static void llm_json_close(llm_json_t *j, const u_char *end);
static void llm_json_element(llm_json_t *j);
static const llm_json_node_t *llm_json_star(const llm_json_node_t *node);
static const llm_json_node_t *llm_json_padded(const llm_json_node_t *child,
    const u_char *key, size_t len);
static uint64_t llm_json_eight(const u_char *p, size_t n);
static const llm_json_node_t *llm_json_child(const llm_json_node_t *child,
    const u_char *key, size_t len);
static int llm_json_is_key(const char *name, const u_char *key, size_t len);
static void llm_json_find_variant(llm_json_t *j, const u_char *key,
    size_t len);
static int llm_json_is_variant(const char *name, const u_char *key,
    size_t len);
static void llm_json_container(llm_json_t *j, const llm_json_node_t *node,
    const u_char *end);


void
llm_json_init(llm_json_t *j, const llm_json_node_t *root,
    llm_json_handler_pt handler, void *data, unsigned flags)
{
    memset(j, 0, offsetof(llm_json_t, text));

    j->root = root;
    j->handler = handler;
    j->data = data;
    j->flags = flags;
    j->current = root;
}


size_t
llm_json_feed(llm_json_t *j, const u_char *p, size_t n)
{
    const u_char  *last;

    if (n == 0) {
        return 0;
    }

    j->piece = p;
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

    n = p - j->piece;
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


/* What is between tokens, and the tokens too as long as they do not end with
   the piece: most do not, and so the way back to llm_json_feed() is spared. */

static const u_char *
llm_json_structure(llm_json_t *j, const u_char *p, const u_char *last)
{
    u_char  c;

    while (p != last) {
        c = *p;

        if (llm_json_is_space(c)) {
            p++;
            continue;
        }

        switch (j->phase) {

        case sw_before:

            if (c == (u_char) LLM_JSON_BOM[0] && j->bom == 0) {
                j->phase = sw_bom;
                return p;
            }

            p = llm_json_value(j, p, last);
            break;

        case sw_first:

            if (c == ']') {
                llm_json_close(j, ++p);
                break;
            }

            /* fall through */

        case sw_value:
            p = llm_json_value(j, p, last);
            break;

        case sw_member:

            if (c == '}') {
                llm_json_close(j, ++p);
                break;
            }

            /* fall through */

        case sw_key:

            if (c != '"') {
                j->state = LLM_JSON_INVALID;
                return p + 1;
            }

            p = llm_json_members(j, p, last);
            break;

        case sw_colon:
            p++;

            if (c != ':') {
                j->state = LLM_JSON_INVALID;
                return p;
            }

            j->phase = sw_value;
            break;

        default: /* sw_after */
            p++;

            if (c == ',') {

                if (llm_json_in_array(j)) {
                    llm_json_element(j);
                    j->phase = sw_value;

                } else {
                    j->phase = sw_key;
                }

            } else if (c == (llm_json_in_array(j) ? ']' : '}')) {
                llm_json_close(j, p);

            } else {
                j->state = LLM_JSON_INVALID;
            }

            break;
        }

        if (j->phase > sw_after || j->state != LLM_JSON_MORE) {
            return p;
        }
    }

    return p;
}


/*
 * Members of an object, from the quote of a key on, as long as each is plain:
 * a key without escapes and a short scalar, both whole in this piece.  Of
 * those nothing has to be remembered from one byte to the next.  What is not
 * plain is left to the state machine.
 */

static const u_char *
llm_json_members(llm_json_t *j, const u_char *p, const u_char *last)
{
    const u_char  *key, *value, *end;

    for ( ;; ) {
        key = p + 1;
        end = llm_json_quote(key, last);

        if (end == last || *end != '"') {
            j->key = 1;
            j->len = 0;
            j->phase = sw_text;

            return llm_json_text(j, key, last);
        }

        llm_json_lookup(j, key, end - key, last - key);

        p = llm_json_space(end + 1, last);

        if (p == last || *p != ':') {
            return p;
        }

        value = llm_json_space(p + 1, last);
        end = llm_json_plain(j, value, last);

        if (end == NULL) {
            j->phase = sw_value;
            return value;
        }

        p = llm_json_space(end, last);

        if (p == last || *p != ',') {
            j->phase = sw_after;
            return p;
        }

        p = llm_json_space(p + 1, last);

        if (p == last || *p != '"') {
            j->phase = sw_key;
            return p;
        }
    }
}


/* The end of a plain value, which is reported; or NULL. */

static inline const u_char *
llm_json_plain(llm_json_t *j, const u_char *p, const u_char *last)
{
    size_t         len;
    const u_char  *end, *text;

    if (last - p < 6) {
        return NULL;
    }

    text = NULL;
    len = 0;

    if (*p == '"') {
        end = llm_json_quote(p + 1, last);

        if (end == last || *end != '"') {
            return NULL;
        }

        if (llm_json_is_text(j)) {
            text = p + 1;
            len = end - text;

            if (len > LLM_JSON_TEXT) {
                return NULL;
            }
        }

        j->type = LLM_JSON_STRING;
        end++;

    } else if (llm_json_is_digit(*p)) {

        for (end = p + 1; end != last && llm_json_is_digit(*end); end++) {
            /* void */
        }

        text = p;
        len = end - p;

        if (end == last || !llm_json_ends_token(*end) || len > LLM_JSON_TEXT
            || (*p == '0' && len != 1))
        {
            return NULL;
        }

        j->type = LLM_JSON_NUMBER;

    } else if (memcmp(p, "null", 4) == 0 && llm_json_ends_token(p[4])) {
        j->type = LLM_JSON_NULL;
        end = p + 4;

    } else {
        return NULL;
    }

    if (llm_json_is_reported(j)) {
        j->start = llm_json_offset(j, p);
        llm_json_report(j, text, len, end);
    }

    return end;
}


static inline const u_char *
llm_json_space(const u_char *p, const u_char *last)
{
    while (p != last && llm_json_is_space(*p)) {
        p++;
    }

    return p;
}


static const u_char *
llm_json_value(llm_json_t *j, const u_char *p, const u_char *last)
{
    j->start = llm_json_offset(j, p);
    j->key = 0;
    j->len = 0;

    switch (*p) {

    case '{':
    case '[':
        llm_json_open(j, p);
        return p + 1;

    case '"':
        j->type = LLM_JSON_STRING;

        if (llm_json_is_text(j)) {
            j->phase = sw_text;
            return llm_json_text(j, p + 1, last);
        }

        j->phase = sw_string;
        return llm_json_string(j, p + 1, last);

    case 'n':
        j->type = LLM_JSON_NULL;
        break;

    case 'f':
        j->type = LLM_JSON_FALSE;
        break;

    case 't':
        j->type = LLM_JSON_TRUE;
        break;

    default:

        /* what cannot begin a number is refused there */

        j->type = LLM_JSON_NUMBER;
        j->number = sw_start;
        j->phase = sw_number;
        return llm_json_number(j, p, last);
    }

    j->phase = sw_literal;

    return llm_json_literal(j, p, last);
}


static void
llm_json_open(llm_json_t *j, const u_char *p)
{
    const llm_json_node_t  *node;

    node = j->current;
    j->type = (*p == '{') ? LLM_JSON_OBJECT : LLM_JSON_ARRAY;

    if (j->type == LLM_JSON_ARRAY && j->depth == 0
        && (j->flags & LLM_JSON_SEQUENCE) && !j->sequence)
    {
        j->sequence = 1;
        j->arrays = 1;
        j->phase = sw_first;
        return;
    }

    if (llm_json_is_reported(j)) {
        llm_json_container(j, node, NULL);
    }

    if (node == NULL || node->children == NULL || j->variant
        || j->depth == LLM_JSON_DEPTH
        || (j->type == LLM_JSON_ARRAY && llm_json_star(node) == NULL))
    {
        j->skip = 1;
        j->phase = sw_skip;
        return;
    }

    j->depth++;
    j->node[j->depth] = node;
    j->opened[j->depth] = j->start;
    j->arrays &= ~((uint32_t) 1 << j->depth);

    if (j->type == LLM_JSON_OBJECT) {
        j->phase = sw_member;
        return;
    }

    j->arrays |= (uint32_t) 1 << j->depth;
    j->phase = sw_first;
    llm_json_element(j);
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

    j->type = llm_json_in_array(j) ? LLM_JSON_ARRAY : LLM_JSON_OBJECT;
    j->start = j->opened[j->depth];
    j->variant = 0;
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
    j->variant = 0;
}


static const llm_json_node_t *
llm_json_star(const llm_json_node_t *node)
{
    const llm_json_node_t  *child;

    for (child = node->children; child->key != NULL; child++) {

        if (child->key[0] == '*' && child->key[1] == '\0') {
            return child;
        }
    }

    return NULL;
}


void
llm_json_lookup(llm_json_t *j, const u_char *key, size_t len, size_t room)
{
    const llm_json_node_t  *children;

    j->variant = 0;
    j->phase = sw_colon;

    children = j->node[j->depth]->children;

    j->current = ((j->flags & LLM_JSON_PADDED) && len != 0
                  && len <= room / 8 * 8)
                 ? llm_json_padded(children, key, len)
                 : llm_json_child(children, key, len);

    if (j->current == NULL && (j->flags & LLM_JSON_VARIANTS)) {
        llm_json_find_variant(j, key, len);
    }
}


static const llm_json_node_t *
llm_json_child(const llm_json_node_t *child, const u_char *key, size_t len)
{
    u_char  first, second;

    first = (len > 0) ? key[0] : '\0';
    second = (len > 1) ? key[1] : '\0';

    for ( /* void */ ; child->key != NULL; child++) {

        /* two letters tell nearly all keys apart */

        if (child->key[0] == (char) first && child->key[1] == (char) second
            && llm_json_is_key(child->key, key, len))
        {
            return child;
        }
    }

    return NULL;
}


static inline const llm_json_node_t *
llm_json_padded(const llm_json_node_t *child, const u_char *key, size_t len)
{
    size_t       i;
    uint64_t     first;
    const char  *name;

    first = llm_json_eight(key, len);

    for ( /* void */ ; child->key != NULL; child++) {
        name = child->key;

        if (llm_json_eight((u_char *) name, 8) != first) {
            continue;
        }

        /* a NUL may well be in the key: what is behind the name's end is not
           to be compared, and padding is no part of the name */

        for (i = 8; i < len && name[i - 1] != '\0'; i += 8) {

            if (llm_json_eight((u_char *) name + i, 8)
                != llm_json_eight(key + i, len - i))
            {
                break;
            }
        }

        if (i >= len && name[len - 1] != '\0' && name[len] == '\0'
            && name[0] != '*')
        {
            return child;
        }
    }

    return NULL;
}


/* The bytes at p, or n of them if that is less, as a number. */

static inline uint64_t
llm_json_eight(const u_char *p, size_t n)
{
    uint64_t  bytes;

    memcpy(&bytes, p, 8);

    if (n >= 8) {
        return bytes;
    }

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    return bytes & (((uint64_t) 1 << 8 * n) - 1);
#else
    return bytes & ~(UINT64_MAX >> 8 * n);
#endif
}


/* The name of an element is not a key; and a NUL may well be in one. */

static int
llm_json_is_key(const char *name, const u_char *key, size_t len)
{
    size_t  i;

    for (i = 0; i < len; i++) {
        if (name[i] == '\0' || (u_char) name[i] != key[i]) {
            return 0;
        }
    }

    return name[i] == '\0' && name[0] != '*';
}


static void
llm_json_find_variant(llm_json_t *j, const u_char *key, size_t len)
{
    u_char                  first;
    const llm_json_node_t  *child;

    if (len == 0 || len > LLM_JSON_KEY) {
        return;
    }

    first = key[0];

    for (child = j->node[j->depth]->children; child->key != NULL; child++) {

        /* another letter in either case: nearly always */

        if (first < 0x80
            && (((u_char) child->key[0] ^ first) & ~0x20) != 0)
        {
            continue;
        }

        if (child->key[0] != '*' && llm_json_is_variant(child->key, key, len))
        {
            j->current = child;
            j->variant = 1;
            return;
        }
    }
}


/* Unicode folds two more letters to ASCII, and parsers that ignore case (Go's
   among them) do so too: U+017F is an s, U+212A a k. */

static int
llm_json_is_variant(const char *name, const u_char *key, size_t len)
{
    u_char  c, n;
    size_t  i;

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


void
llm_json_report(llm_json_t *j, const u_char *text, size_t len,
    const u_char *end)
{
    llm_json_value_t  v;

    v.type = j->type;
    v.field = j->current->field & ~LLM_JSON_SPAN;
    v.depth = j->depth;
    v.close = 0;
    v.empty = 0;
    v.more = (end == NULL);
    v.variant = j->variant;
    v.text = text;
    v.len = len;
    v.start = j->start;
    v.end = (end != NULL) ? llm_json_offset(j, end) : 0;

    j->handler(j->data, &v);
}


void
llm_json_skipped(llm_json_t *j, const u_char *end)
{
    if (llm_json_is_reported(j) && !j->variant) {
        llm_json_container(j, j->current, end);
    }

    llm_json_ended(j);
}


static void
llm_json_container(llm_json_t *j, const llm_json_node_t *node,
    const u_char *end)
{
    llm_json_value_t  v;

    v.type = j->type;
    v.field = node->field & ~LLM_JSON_SPAN;
    v.depth = j->depth;
    v.close = (end != NULL);
    v.empty = (v.close && (j->phase == sw_member || j->phase == sw_first));
    v.more = 0;
    v.variant = j->variant;
    v.text = NULL;
    v.len = 0;
    v.start = j->start;
    v.end = (end != NULL) ? llm_json_offset(j, end) : 0;

    j->handler(j->data, &v);
}
