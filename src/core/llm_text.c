
/*
 * Copyright (C) the llm_quota authors
 */


#include <string.h>

#include "llm_json.h"
#include "llm_text.h"


#define LLM_TEXT_ONES        0x0101010101010101ULL
#define LLM_TEXT_HIGH        (LLM_TEXT_ONES << 7)

/* Whether all of eight bytes are plain: then each of three sums has the high
   bit.  Below 0x80 none carries into the next byte, and from there on one of
   them has not that bit. */

#define llm_text_are_plain(w)                                                 \
    ((((w) + LLM_TEXT_ONES * 0x60)                                            \
      & (((w) ^ LLM_TEXT_ONES * '"') + LLM_TEXT_ONES * 0x7f)                  \
      & (((w) ^ LLM_TEXT_ONES * '\\') + LLM_TEXT_ONES * 0x7f)                 \
      & LLM_TEXT_HIGH) == LLM_TEXT_HIGH)

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


static u_char *llm_text_short(u_char *p, unsigned n);
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


const u_char  llm_text_pairs[] =
    "0001020304050607080910111213141516171819"
    "2021222324252627282930313233343536373839"
    "4041424344454647484950515253545556575859"
    "6061626364656667686970717273747576777879"
    "8081828384858687888990919293949596979899";


u_char *
llm_text_json(u_char *p, u_char *last, const u_char *text, size_t n)
{
    int            valid;
    u_char         escape[6];
    size_t         size, len;
    const u_char  *end, *from;

    /* no text is NULL, to which nothing may be added, not even nothing */

    if (n == 0) {
        return p;
    }

    end = text + n;

    for ( ;; ) {
        size = end - text;

        if (size > (size_t) (last - p)) {
            size = last - p;
        }

        size = llm_text_plain(p, text, size);
        p += size;
        text += size;

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


size_t
llm_text_plain(u_char *p, const u_char *text, size_t n)
{
    size_t    i;
    uint64_t  w;

    i = 0;

    while (n >= 8) {
        w = llm_text_eight(text + i);

        if (!llm_text_are_plain(w)) {
            break;
        }

        memcpy(p + i, &w, 8);
        i += 8;

        if (i >= n) {
            return n;
        }

        /* of the last eight some a second time */

        if (i > n - 8) {
            i = n - 8;
        }
    }

    while (i < n && llm_text_is_plain(text[i])) {
        p[i] = text[i];
        i++;
    }

    return i;
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


size_t
llm_text_cut(const u_char *text, size_t n, size_t most)
{
    size_t  at;

    if (n <= most) {
        return n;
    }

    /* no character has more than three bytes after its first */

    for (at = most; most - at < 4; at--) {

        if ((text[at] & 0xc0) != 0x80) {
            return at;
        }

        if (at == 0) {
            break;
        }
    }

    return most;
}


u_char *
llm_text_number(u_char *p, uint64_t n)
{
    u_char    *last;
    uint64_t   rest;
    unsigned   small;

    if (n < 10000) {
        small = n;

        if (small >= 100) {
            p = llm_text_short(p, small / 100);
            return llm_text_pair(p, small % 100);
        }

        return llm_text_short(p, small);
    }

    for (last = p + 4, rest = n / 10000; rest != 0; rest /= 10) {
        last++;
    }

    for (p = last; n >= 100; n /= 100) {
        p -= 2;
        (void) llm_text_pair(p, n % 100);
    }

    p -= (n >= 10) ? 2 : 1;
    (void) llm_text_short(p, n);

    return last;
}


/* One digit or two. */

static inline u_char *
llm_text_short(u_char *p, unsigned n)
{
    if (n < 10) {
        *p = '0' + n;
        return p + 1;
    }

    return llm_text_pair(p, n);
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
