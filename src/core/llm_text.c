
/*
 * Copyright (C) the llm_quota authors
 */


#include <string.h>

#include "llm_json.h"
#include "llm_text.h"


#define LLM_TEXT_ONES        0x0101010101010101ULL
#define LLM_TEXT_HIGH        (LLM_TEXT_ONES << 7)

/* The lowest high bit that is set stands for a byte below n; those above it
   may be wrong, which does not matter to a question about all of them. */

#define llm_text_below(w, n)  (((w) - LLM_TEXT_ONES * (n)) & ~(w))
#define llm_text_equal(w, c)  llm_text_below((w) ^ LLM_TEXT_ONES * (c), 1)

#define llm_text_is_plain(c)                                                  \
    ((c) >= 0x20 && (c) < 0x80 && (c) != '"' && (c) != '\\')


typedef struct {
    llm_json_node_t          root;
    const char              *prefix;
} llm_text_part_t;


typedef struct {
    u_char                  *start;
    u_char                  *p;
    u_char                  *last;
    unsigned                 partial:1;
} llm_text_copy_t;


static const u_char *llm_text_plain(const u_char *p, const u_char *last);
static size_t llm_text_escape(u_char *p, u_char c);
static size_t llm_text_utf8(const u_char *p, const u_char *last, int *valid);
static const u_char *llm_text_find(const u_char *p, const u_char *last,
    const char *word);
static u_char *llm_text_part(u_char *p, u_char *last, const char *prefix,
    const u_char *text, size_t n, const llm_json_node_t *root);
static void llm_text_copy(void *data, const llm_json_value_t *v);


static const llm_json_node_t  llm_text_device[] = {
    LLM_JSON_NODE("device_id", NULL, 1),
    LLM_JSON_END
};


static const llm_json_node_t  llm_text_account[] = {
    LLM_JSON_NODE("account_uuid", NULL, 1),
    LLM_JSON_END
};


static const llm_text_part_t  llm_text_parts[] = {
    { LLM_JSON_NODE("", llm_text_device, 0), "_device_" },
    { LLM_JSON_NODE("", llm_text_account, 0), "_account_" },
    { LLM_JSON_END, NULL }
};


u_char *
llm_text_json(u_char *p, u_char *last, const u_char *text, size_t n)
{
    int            valid;
    u_char         escape[6];
    size_t         size, len;
    const u_char  *end, *plain, *from;

    /* no text is NULL, of which nothing may be copied, not even nothing */

    if (n == 0) {
        return p;
    }

    end = text + n;

    for ( ;; ) {
        size = end - text;

        if (size > (size_t) (last - p)) {
            size = last - p;
        }

        plain = llm_text_plain(text, text + size);
        size = plain - text;

        memcpy(p, text, size);
        p += size;
        text = plain;

        if (text == end || p == last) {
            return p;
        }

        if (*text < 0x80) {
            len = 1;
            from = escape;
            size = llm_text_escape(escape, *text);

        } else {
            len = llm_text_utf8(text, end, &valid);
            from = valid ? text : (const u_char *) "\xef\xbf\xbd";
            size = valid ? len : 3;
        }

        if (size > (size_t) (last - p)) {
            return p;
        }

        memcpy(p, from, size);
        p += size;
        text += len;
    }
}


/* The first byte that cannot stand in a JSON string as it is, or last. */

static const u_char *
llm_text_plain(const u_char *p, const u_char *last)
{
    uint64_t  w;

    while (last - p >= 8) {
        memcpy(&w, p, 8);

        if ((w | llm_text_below(w, 0x20) | llm_text_equal(w, '"')
             | llm_text_equal(w, '\\')) & LLM_TEXT_HIGH)
        {
            break;
        }

        p += 8;
    }

    while (p != last && llm_text_is_plain(*p)) {
        p++;
    }

    return p;
}


static size_t
llm_text_escape(u_char *p, u_char c)
{
    static const char  hex[] = "0123456789abcdef";

    p[0] = '\\';

    switch (c) {

    case '"':
    case '\\':
        p[1] = c;
        return 2;

    case '\b':
        p[1] = 'b';
        return 2;

    case '\f':
        p[1] = 'f';
        return 2;

    case '\n':
        p[1] = 'n';
        return 2;

    case '\r':
        p[1] = 'r';
        return 2;

    case '\t':
        p[1] = 't';
        return 2;

    default:
        p[1] = 'u';
        p[2] = '0';
        p[3] = '0';
        p[4] = hex[c >> 4];
        p[5] = hex[c & 0xf];
        return 6;
    }
}


/*
 * The length of the character that begins with a byte of 0x80 or above.  Of
 * what is no character, the length of what could have become one: the Unicode
 * Standard's "maximal subpart", which one U+FFFD replaces.  Overlong forms,
 * surrogates and what is above U+10FFFF are told by the second byte.
 */

static size_t
llm_text_utf8(const u_char *p, const u_char *last, int *valid)
{
    size_t  i, n;
    u_char  low, high;

    *valid = 0;

    low = 0x80;
    high = 0xbf;

    switch (*p) {

    case 0xe0:
        low = 0xa0;
        break;

    case 0xed:
        high = 0x9f;
        break;

    case 0xf0:
        low = 0x90;
        break;

    case 0xf4:
        high = 0x8f;
        break;
    }

    if (*p < 0xc2 || *p > 0xf4) {
        return 1;
    }

    n = (*p < 0xe0) ? 2 : (*p < 0xf0) ? 3 : 4;

    for (i = 1; i < n; i++) {

        if (p + i == last || p[i] < low || p[i] > high) {
            return i;
        }

        low = 0x80;
        high = 0xbf;
    }

    *valid = 1;

    return n;
}


u_char *
llm_text_number(u_char *p, uint64_t n)
{
    u_char    digits[20], *last;
    unsigned  two;

    last = digits + sizeof(digits);

    while (n >= 100) {
        two = n % 100;
        n /= 100;
        last -= 2;
        (void) llm_text_pair(last, two);
    }

    if (n >= 10) {
        p = llm_text_pair(p, (unsigned) n);

    } else {
        *p++ = '0' + n;
    }

    n = digits + sizeof(digits) - last;
    memcpy(p, last, n);

    return p + n;
}


int
llm_text_is_id(const u_char *text, size_t n)
{
    int            valid;
    size_t         len;
    const u_char  *p, *last;

    if (n == 0 || n > LLM_ID_MAX || text[0] == ' ' || text[n - 1] == ' ') {
        return 0;
    }

    last = text + n;

    for (p = text; p != last; p += len) {

        if (*p < 0x80) {

            if (*p < 0x20 || *p == 0x7f) {
                return 0;
            }

            len = 1;
            continue;
        }

        len = llm_text_utf8(p, last, &valid);

        /* the second controls are U+0080 to U+009F */

        if (!valid || (p[0] == 0xc2 && p[1] < 0xa0)) {
            return 0;
        }
    }

    return 1;
}


const u_char *
llm_text_customer(const u_char *text, size_t n, u_char *buf, size_t *len)
{
    u_char                 *p;
    const u_char           *end;
    const llm_text_part_t  *part;

    *len = n;

    if (n >= sizeof("user_") - 1
        && memcmp(text, "user_", sizeof("user_") - 1) == 0)
    {
        end = llm_text_find(text, text + n, "_account_");

        if (end != NULL) {
            end = llm_text_find(end, text + n, "_session_");
        }

        if (end != NULL) {
            *len = end - text;
        }

        return text;
    }

    if (n == 0 || text[0] != '{') {
        return text;
    }

    p = buf;

    /* one reading for each part, as the members may come in any order */

    for (part = llm_text_parts; part->prefix != NULL; part++) {
        p = llm_text_part(p, buf + n, part->prefix + (p == buf), text, n,
                          &part->root);
    }

    if (p == buf) {
        return text;
    }

    *len = p - buf;

    return buf;
}


static const u_char *
llm_text_find(const u_char *p, const u_char *last, const char *word)
{
    size_t  n;

    n = strlen(word);

    for ( /* void */ ; (size_t) (last - p) >= n; p++) {

        if (memcmp(p, word, n) == 0) {
            return p;
        }
    }

    return NULL;
}


/* Copies the prefix and the string that the text's object has at the tree's
   one member; nothing where there is none. */

static u_char *
llm_text_part(u_char *p, u_char *last, const char *prefix, const u_char *text,
    size_t n, const llm_json_node_t *root)
{
    size_t           size;
    llm_json_t       json;
    llm_text_copy_t  copy;

    size = strlen(prefix);

    if ((size_t) (last - p) < size) {
        return p;
    }

    copy.start = p + size;
    copy.p = copy.start;
    copy.last = last;
    copy.partial = 0;

    llm_json_init(&json, root, llm_text_copy, &copy, 0);

    if (llm_json_feed(&json, text, n) != n || json.state != LLM_JSON_DONE
        || copy.p == copy.start)
    {
        return p;
    }

    memcpy(p, prefix, size);

    return copy.p;
}


static void
llm_text_copy(void *data, const llm_json_value_t *v)
{
    llm_text_copy_t *copy = data;

    size_t  size;

    /* of members of one name the last counts, as with most parsers */

    if (!copy->partial) {
        copy->p = copy->start;
    }

    copy->partial = v->more;

    if (v->type != LLM_JSON_STRING) {
        return;
    }

    size = copy->last - copy->p;

    if (size > v->len) {
        size = v->len;
    }

    memcpy(copy->p, v->text, size);
    copy->p += size;
}
