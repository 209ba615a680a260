
/*
 * Copyright (C) the llm_quota authors
 */


#include <string.h>

#include "llm_json_scan.h"


/*
 * A backslash takes the meaning from a quote or a backslash that follows it
 * and from nothing else.  In a skipped container it does so outside strings
 * too, where it is an error: errors are not looked for there, but the vector
 * form of llm_json_skip() and the other one must agree on every input.
 */


#if (LLM_JSON_SSE2)

#define LLM_JSON_BLOCK  64


typedef struct {
    __m128i                  v[4];
} llm_json_block_t;


static void llm_json_load(llm_json_block_t *b, const u_char *p);
static void llm_json_equal(llm_json_block_t *m, const llm_json_block_t *b,
    char c);
static void llm_json_either(llm_json_block_t *m, const llm_json_block_t *b,
    char c, char d);
static int llm_json_any(const llm_json_block_t *m);
static uint64_t llm_json_mask(const llm_json_block_t *m);
static int llm_json_is_plain(const llm_json_block_t *b);
static void llm_json_fold(llm_json_block_t *b);
static uint64_t llm_json_strings(llm_json_t *j, const llm_json_block_t *b,
    size_t n);

#endif


const u_char *
llm_json_string(llm_json_t *j, const u_char *p, const u_char *last)
{
    for ( ;; ) {

        if (j->escape != sw_plain) {

            if (p == last) {
                return p;
            }

            j->escape = sw_plain;
            p++;
        }

        p = llm_json_quote(p, last);

        if (p == last) {
            return p;
        }

        if (*p++ == '"') {
            llm_json_scalar(j, NULL, 0, p);
            return p;
        }

        j->escape = sw_backslash;
    }
}


const u_char *
llm_json_find(const u_char *p, const u_char *last)
{
#if (LLM_JSON_SSE2)

    unsigned          mask;
    llm_json_block_t  b, m;

    if (last - p >= 16) {
        mask = llm_json_quotes(p);

        if (mask != 0) {
            return p + __builtin_ctz(mask);
        }

        p += 16;
    }

    while (last - p >= LLM_JSON_BLOCK) {
        llm_json_load(&b, p);
        llm_json_either(&m, &b, '"', '\\');

        if (llm_json_any(&m)) {
            return p + __builtin_ctzll(llm_json_mask(&m));
        }

        p += LLM_JSON_BLOCK;
    }

    while (last - p >= 16) {
        mask = llm_json_quotes(p);

        if (mask != 0) {
            return p + __builtin_ctz(mask);
        }

        p += 16;
    }

#endif

    while (p != last && *p != '"' && *p != '\\') {
        p++;
    }

    return p;
}


#if (LLM_JSON_SSE2)

const u_char *
llm_json_skip(llm_json_t *j, const u_char *p, const u_char *last)
{
    size_t            n;
    u_char            copy[LLM_JSON_BLOCK];
    uint64_t          strings, brackets, closing, bit;
    unsigned          plain;
    llm_json_block_t  b, m;

    plain = 0;

    for ( /* void */ ; p != last; p += n) {
        n = last - p;

        if (n >= LLM_JSON_BLOCK) {
            n = LLM_JSON_BLOCK;
            llm_json_load(&b, p);

            if (j->phase == sw_skip_string) {
                llm_json_either(&m, &b, '"', '\\');

                if (!llm_json_any(&m) && j->escape == sw_plain) {
                    continue;
                }

            } else if (plain && llm_json_is_plain(&b)) {
                continue;
            }

        } else {

            /* zeros have no meaning */

            memset(copy, 0, LLM_JSON_BLOCK);
            memcpy(copy, p, n);
            llm_json_load(&b, copy);
        }

        strings = llm_json_strings(j, &b, n);

        llm_json_fold(&b);
        llm_json_either(&m, &b, '{', '}');
        brackets = llm_json_mask(&m) & ~strings;

        /* what follows numbers is likely to be more of them */

        plain = (strings | brackets) == 0;

        if (brackets == 0) {
            continue;
        }

        llm_json_equal(&m, &b, '}');
        closing = llm_json_mask(&m);

        for ( /* void */ ; brackets != 0; brackets ^= bit) {
            bit = brackets & -brackets;

            if (!(closing & bit)) {
                j->skip++;

            } else if (--j->skip == 0) {
                p += __builtin_ctzll(bit) + 1;

                /* of a backslash behind the bracket nothing is known yet */

                j->escape = sw_plain;

                llm_json_skipped(j, p);
                return p;
            }
        }
    }

    return p;
}


static inline void
llm_json_load(llm_json_block_t *b, const u_char *p)
{
    b->v[0] = _mm_loadu_si128((const __m128i *) p);
    b->v[1] = _mm_loadu_si128((const __m128i *) (p + 16));
    b->v[2] = _mm_loadu_si128((const __m128i *) (p + 32));
    b->v[3] = _mm_loadu_si128((const __m128i *) (p + 48));
}


/* Ones for the bytes that are c. */

static inline void
llm_json_equal(llm_json_block_t *m, const llm_json_block_t *b, char c)
{
    __m128i  v;

    v = _mm_set1_epi8(c);

    m->v[0] = _mm_cmpeq_epi8(b->v[0], v);
    m->v[1] = _mm_cmpeq_epi8(b->v[1], v);
    m->v[2] = _mm_cmpeq_epi8(b->v[2], v);
    m->v[3] = _mm_cmpeq_epi8(b->v[3], v);
}


static inline void
llm_json_either(llm_json_block_t *m, const llm_json_block_t *b, char c, char d)
{
    llm_json_block_t  other;

    llm_json_equal(m, b, c);
    llm_json_equal(&other, b, d);

    m->v[0] = _mm_or_si128(m->v[0], other.v[0]);
    m->v[1] = _mm_or_si128(m->v[1], other.v[1]);
    m->v[2] = _mm_or_si128(m->v[2], other.v[2]);
    m->v[3] = _mm_or_si128(m->v[3], other.v[3]);
}


static inline int
llm_json_any(const llm_json_block_t *m)
{
    return _mm_movemask_epi8(_mm_or_si128(_mm_or_si128(m->v[0], m->v[1]),
                                          _mm_or_si128(m->v[2], m->v[3])))
           != 0;
}


/* One bit for each byte, the first byte's the lowest. */

static inline uint64_t
llm_json_mask(const llm_json_block_t *m)
{
    return (uint64_t) _mm_movemask_epi8(m->v[0])
           | (uint64_t) _mm_movemask_epi8(m->v[1]) << 16
           | (uint64_t) _mm_movemask_epi8(m->v[2]) << 32
           | (uint64_t) _mm_movemask_epi8(m->v[3]) << 48;
}


/* Whether there is no quote, backslash or bracket, nor any letter beside
   them: numbers, mostly. */

static inline int
llm_json_is_plain(const llm_json_block_t *b)
{
    __m128i           v;
    llm_json_block_t  m;

    llm_json_equal(&m, b, '"');

    v = _mm_max_epu8(_mm_max_epu8(b->v[0], b->v[1]),
                     _mm_max_epu8(b->v[2], b->v[3]));

    m.v[0] = _mm_or_si128(m.v[0],
                          _mm_cmpeq_epi8(_mm_max_epu8(v, _mm_set1_epi8('[')),
                                         v));
    return !llm_json_any(&m);
}


/* Square brackets become curly ones. */

static inline void
llm_json_fold(llm_json_block_t *b)
{
    __m128i  v;

    v = _mm_set1_epi8(0x20);

    b->v[0] = _mm_or_si128(b->v[0], v);
    b->v[1] = _mm_or_si128(b->v[1], v);
    b->v[2] = _mm_or_si128(b->v[2], v);
    b->v[3] = _mm_or_si128(b->v[3], v);
}


/* One bit for each byte that is in a string, its opening quote included. */

static inline uint64_t
llm_json_strings(llm_json_t *j, const llm_json_block_t *b, size_t n)
{
    uint64_t          bit, strings, escapes, escaped;
    llm_json_block_t  m;

    llm_json_equal(&m, b, '"');
    strings = llm_json_mask(&m);

    llm_json_equal(&m, b, '\\');

    if (llm_json_any(&m) || j->escape != sw_plain) {
        escapes = llm_json_mask(&m);
        escaped = (j->escape != sw_plain);
        j->escape = sw_plain;

        for (escapes &= ~escaped; escapes != 0; escapes &= ~(bit | bit << 1)) {
            bit = escapes & -escapes;
            escaped |= bit << 1;

            if (bit == (uint64_t) 1 << (n - 1)) {
                j->escape = sw_backslash;
            }
        }

        strings &= ~escaped;
    }

    /* each bit becomes the parity of the quotes up to it */

    strings ^= strings << 1;
    strings ^= strings << 2;
    strings ^= strings << 4;
    strings ^= strings << 8;
    strings ^= strings << 16;
    strings ^= strings << 32;

    if (j->phase == sw_skip_string) {
        strings = ~strings;
    }

    j->phase = (strings >> 63) ? sw_skip_string : sw_skip;

    return strings;
}

#else

const u_char *
llm_json_skip(llm_json_t *j, const u_char *p, const u_char *last)
{
    u_char  c;

    while (p != last) {
        c = *p++;

        if (j->escape != sw_plain) {
            j->escape = sw_plain;

            if (c == '"' || c == '\\') {
                continue;
            }
        }

        if (c == '"') {
            j->phase = (j->phase == sw_skip) ? sw_skip_string : sw_skip;

        } else if (c == '\\') {
            j->escape = sw_backslash;

        } else if (j->phase == sw_skip_string) {
            continue;

        } else if (c == '{' || c == '[') {
            j->skip++;

        } else if ((c == '}' || c == ']') && --j->skip == 0) {
            llm_json_skipped(j, p);
            return p;
        }
    }

    return p;
}

#endif
