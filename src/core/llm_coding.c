
/*
 * Copyright (C) the llm_quota authors
 */


#include <string.h>

#include "llm_coding.h"


#define LLM_CODING_WINDOW  16384
#define LLM_CODING_PIECE   (1 << 30)     /* zlib counts in 32 bits */
#define LLM_CODING_ONE     1000          /* a weight of 1 */

#define llm_coding_is_blank(c)  ((c) == ' ' || (c) == '\t')
#define llm_coding_is(p, n, name)                                             \
    ((n) == sizeof(name) - 1 && llm_coding_equal(p, name, n))


/* An element of a list: a token, and behind it its parameters. */

typedef struct {
    const u_char             *name;
    size_t                    len;
    const u_char             *more;
    const u_char             *last;
} llm_coding_element_t;


static int llm_coding_next(const u_char **p, const u_char *last,
    llm_coding_element_t *e);
static int llm_coding_equal(const u_char *p, const char *name, size_t n);
static int llm_coding_weight(const llm_coding_element_t *e);
static int llm_coding_quantity(const u_char *p, const u_char *last);
static u_char *llm_coding_print(u_char *p, u_char *start, const char *name,
    int weight);

static int llm_coding_head(llm_coding_t *c, const u_char **p,
    const u_char *last);
static void llm_coding_begin(llm_coding_t *c);
static void llm_coding_hand_on(llm_coding_t *c, const u_char *p, size_t n);
static const u_char *llm_coding_run(llm_coding_t *c, const u_char *p,
    size_t n);
static void llm_coding_end(llm_coding_t *c);
static void llm_coding_fail(llm_coding_t *c, llm_coding_state_e state);


llm_coding_e
llm_coding_add(llm_coding_e coding, const u_char *value, size_t n)
{
    const u_char          *last;
    llm_coding_e           next;
    llm_coding_element_t   e;

    last = value + n;

    while (llm_coding_next(&value, last, &e)) {

        if (llm_coding_is(e.name, e.len, "identity")) {
            continue;
        }

        if (llm_coding_is(e.name, e.len, "gzip")
            || llm_coding_is(e.name, e.len, "x-gzip"))
        {
            next = LLM_CODING_GZIP;

        } else if (llm_coding_is(e.name, e.len, "deflate")) {
            next = LLM_CODING_DEFLATE;

        } else {
            next = LLM_CODING_OTHER;
        }

        coding = (coding == LLM_CODING_IDENTITY) ? next : LLM_CODING_OTHER;
    }

    return coding;
}


/* Empty elements are none. */

static int
llm_coding_next(const u_char **p, const u_char *last, llm_coding_element_t *e)
{
    const u_char  *comma, *start;

    for (start = *p; start != last; start = comma + (comma != last)) {

        comma = memchr(start, ',', last - start);
        comma = (comma == NULL) ? last : comma;

        while (start != comma && llm_coding_is_blank(*start)) {
            start++;
        }

        e->last = comma;

        while (e->last != start && llm_coding_is_blank(e->last[-1])) {
            e->last--;
        }

        if (start == e->last) {
            continue;
        }

        e->name = start;

        while (start != e->last && *start != ';'
               && !llm_coding_is_blank(*start))
        {
            start++;
        }

        e->len = start - e->name;
        e->more = start;

        *p = comma + (comma != last);

        return 1;
    }

    *p = last;

    return 0;
}


static int
llm_coding_equal(const u_char *p, const char *name, size_t n)
{
    size_t  i;

    for (i = 0; i < n; i++) {

        if (p[i] != (u_char) name[i]
            && (p[i] < 'A' || p[i] > 'Z' || (p[i] | 0x20) != name[i]))
        {
            return 0;
        }
    }

    return 1;
}


void
llm_coding_accept_init(llm_coding_accept_t *a)
{
    a->gzip = -1;
    a->deflate = -1;
    a->identity = -1;
    a->other = -1;
}


void
llm_coding_accept_add(llm_coding_accept_t *a, const u_char *value, size_t n)
{
    int                   *weight;
    const u_char          *last;
    llm_coding_element_t   e;

    last = value + n;

    while (llm_coding_next(&value, last, &e)) {

        if (llm_coding_is(e.name, e.len, "gzip")
            || llm_coding_is(e.name, e.len, "x-gzip"))
        {
            weight = &a->gzip;

        } else if (llm_coding_is(e.name, e.len, "deflate")) {
            weight = &a->deflate;

        } else if (llm_coding_is(e.name, e.len, "identity")) {
            weight = &a->identity;

        } else if (llm_coding_is(e.name, e.len, "*")) {
            weight = &a->other;

        } else {
            continue;
        }

        if (*weight == -1) {
            *weight = llm_coding_weight(&e);
        }
    }
}


/* -1: there is a weight, and it is none. */

static int
llm_coding_weight(const llm_coding_element_t *e)
{
    const u_char  *p, *end, *last;

    last = e->last;

    for (p = e->more; p != last; p = end) {

        while (p != last && (*p == ';' || llm_coding_is_blank(*p))) {
            p++;
        }

        end = memchr(p, ';', last - p);
        end = (end == NULL) ? last : end;

        if (end - p >= 2 && (*p | 0x20) == 'q' && p[1] == '=') {
            return llm_coding_quantity(p + 2, end);
        }
    }

    return LLM_CODING_ONE;
}


/* "0", "1", or one of them with up to three decimals, and at most 1 */

static int
llm_coding_quantity(const u_char *p, const u_char *last)
{
    int  weight, unit;

    while (last != p && llm_coding_is_blank(last[-1])) {
        last--;
    }

    if (p == last || last - p > 5 || *p < '0' || *p > '1'
        || (last - p > 1 && p[1] != '.'))
    {
        return -1;
    }

    weight = (*p - '0') * LLM_CODING_ONE;
    unit = LLM_CODING_ONE / 10;

    for (p += 1 + (last - p > 1); p != last; p++) {

        if (*p < '0' || *p > '9') {
            return -1;
        }

        weight += (*p - '0') * unit;
        unit /= 10;
    }

    return (weight > LLM_CODING_ONE) ? -1 : weight;
}


u_char *
llm_coding_accept_print(const llm_coding_accept_t *a, u_char *p)
{
    int      gzip, identity;
    u_char  *start;

    /* deflate is asked for by its name only: it means two things */

    gzip = (a->gzip != -1) ? a->gzip : a->other;
    identity = (a->identity != -1) ? a->identity : a->other;

    start = p;

    if (gzip > 0) {
        p = llm_coding_print(p, start, "gzip", gzip);
    }

    if (a->deflate > 0) {
        p = llm_coding_print(p, start, "deflate", a->deflate);
    }

    if (p == start) {
        return llm_coding_print(p, start, "identity", LLM_CODING_ONE);
    }

    /* not named, it may be sent all the same */

    if (identity != -1) {
        p = llm_coding_print(p, start, "identity", identity);
    }

    return p;
}


static u_char *
llm_coding_print(u_char *p, u_char *start, const char *name, int weight)
{
    int     unit;
    size_t  len;

    if (p != start) {
        *p++ = ',';
        *p++ = ' ';
    }

    len = strlen(name);
    memcpy(p, name, len);
    p += len;

    if (weight == LLM_CODING_ONE) {
        return p;
    }

    memcpy(p, ";q=0", 4);
    p += 4;

    if (weight != 0) {
        *p++ = '.';
    }

    for (unit = LLM_CODING_ONE / 10; weight != 0; unit /= 10) {
        *p++ = '0' + weight / unit;
        weight %= unit;
    }

    return p;
}


void
llm_coding_init(llm_coding_t *c, llm_coding_e coding, int strict,
    uint64_t most, llm_coding_pt handler, void *data)
{
    memset(c, 0, sizeof(llm_coding_t));

    c->coding = coding;
    c->strict = (strict != 0);
    c->most = most;
    c->handler = handler;
    c->data = data;
}


void
llm_coding_set_memory(llm_coding_t *c, alloc_func alloc,
    free_func release, void *opaque)
{
    c->stream.zalloc = alloc;
    c->stream.zfree = release;
    c->stream.opaque = opaque;
}


llm_coding_state_e
llm_coding_feed(llm_coding_t *c, const u_char *p, size_t n)
{
    uint64_t       most;
    const u_char  *last;

    last = p + n;
    c->in += n;

    /* of this piece, of all, and of what the caller takes, the least */

    c->left = LLM_CODING_FREE + (uint64_t) LLM_CODING_RATIO * n;

    most = LLM_CODING_FREE + LLM_CODING_RATIO * c->in;
    most = (most > c->most) ? c->most : most;

    if (c->left > most - c->out) {
        c->left = most - c->out;
    }

    while (p != last && !c->over) {

        if (c->inside) {
            p = llm_coding_run(c, p, last - p);

        } else if (c->state == LLM_CODING_PLAIN) {
            llm_coding_hand_on(c, p, last - p);
            break;

        } else if (c->state == LLM_CODING_DONE && c->strict) {
            llm_coding_fail(c, LLM_CODING_BROKEN);

        } else if (llm_coding_head(c, &p, last)) {
            llm_coding_begin(c);
        }
    }

    return c->state;
}


/* The first two bytes tell what follows. */

static int
llm_coding_head(llm_coding_t *c, const u_char **p, const u_char *last)
{
    while (*p != last && c->nhead < 2) {
        c->head[c->nhead++] = *(*p)++;
    }

    return c->nhead == 2;
}


static void
llm_coding_begin(llm_coding_t *c)
{
    int     bits, rc;
    u_char  head[2];

    memcpy(head, c->head, 2);
    c->nhead = 0;

    if (head[0] == 0x1f && head[1] == 0x8b) {
        bits = 16 + MAX_WBITS;

    } else if (c->state == LLM_CODING_DONE) {

        /* padding, or whatever it is */

        c->over = 1;
        return;

    } else if (c->coding == LLM_CODING_GZIP) {

        if (c->strict) {
            llm_coding_fail(c, LLM_CODING_BROKEN);
            return;
        }

        c->state = LLM_CODING_PLAIN;
        llm_coding_hand_on(c, head, 2);
        return;

    } else {

        /* the check sum of zlib's header; no encoder begins a raw stored
           block with the padding bits that this would be */

        bits = ((head[0] & 0x0f) == Z_DEFLATED
                && (head[0] << 8 | head[1]) % 31 == 0)
               ? MAX_WBITS : -MAX_WBITS;
    }

    rc = c->open ? inflateReset2(&c->stream, bits)
                 : inflateInit2(&c->stream, bits);

    if (rc != Z_OK) {
        llm_coding_fail(c, LLM_CODING_NO_MEMORY);
        return;
    }

    c->state = LLM_CODING_MORE;
    c->open = 1;
    c->inside = 1;

    (void) llm_coding_run(c, head, 2);
}


static void
llm_coding_hand_on(llm_coding_t *c, const u_char *p, size_t n)
{
    if (n > c->left) {
        llm_coding_fail(c, LLM_CODING_TOO_LARGE);
        return;
    }

    c->left -= n;
    c->out += n;

    c->handler(c->data, p, n);
}


/* Inflates up to the end of the member, or of the piece; returns where that
   is. */

static const u_char *
llm_coding_run(llm_coding_t *c, const u_char *p, size_t n)
{
    int            rc;
    size_t         len;
    z_stream      *s;
    static u_char  window[LLM_CODING_WINDOW];

    s = &c->stream;
    n = (n > LLM_CODING_PIECE) ? LLM_CODING_PIECE : n;

    /* next_in is const in what zlib does, if not in what it says */

    s->next_in = (u_char *) p;
    s->avail_in = n;

    do {
        s->next_out = window;
        s->avail_out = LLM_CODING_WINDOW;

        rc = inflate(s, Z_SYNC_FLUSH);

        len = LLM_CODING_WINDOW - s->avail_out;

        if (len != 0) {
            llm_coding_hand_on(c, window, len);

            if (c->over) {
                break;
            }
        }

        if (rc == Z_STREAM_END) {
            p = s->next_in;
            llm_coding_end(c);
            return p;
        }

        if (rc == Z_MEM_ERROR) {
            llm_coding_fail(c, LLM_CODING_NO_MEMORY);
            break;
        }

        if (rc != Z_OK && rc != Z_BUF_ERROR) {
            llm_coding_fail(c, LLM_CODING_BROKEN);
            break;
        }

        /* a full window may not have been all of it */

    } while (s->avail_in != 0 || s->avail_out == 0);

    return p + n;
}


static void
llm_coding_end(llm_coding_t *c)
{
    c->inside = 0;
    c->state = LLM_CODING_DONE;

    if (c->coding == LLM_CODING_DEFLATE) {
        c->over = 1;
    }
}


static void
llm_coding_fail(llm_coding_t *c, llm_coding_state_e state)
{
    c->state = state;
    c->over = 1;

    llm_coding_close(c);
}


void
llm_coding_close(llm_coding_t *c)
{
    c->over = 1;

    if (c->open) {
        c->open = 0;
        (void) inflateEnd(&c->stream);
    }
}
