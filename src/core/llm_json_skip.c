
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
static void llm_json_fold(llm_json_block_t *b);
static uint64_t llm_json_mask(const llm_json_block_t *b, u_char c);
static int llm_json_matters(const llm_json_block_t *b, int string);
static inline __m128i llm_json_either(const llm_json_block_t *b, char c);
static uint64_t llm_json_strings(llm_json_t *j, const llm_json_block_t *b,
    size_t n);
static unsigned llm_json_popcount(uint64_t n);

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

    unsigned          i, mask;
    llm_json_block_t  b;

    for (i = 0; last - p >= 16; i++) {
        mask = llm_json_quotes(p);

        if (mask != 0) {
            return p + __builtin_ctz(mask);
        }

        p += 16;

        /* a string that is longer than this is likely to be much longer */

        while (i > 3 && last - p >= LLM_JSON_BLOCK) {
            llm_json_load(&b, p);

            if (llm_json_matters(&b, 1)) {
                break;
            }

            p += LLM_JSON_BLOCK;
        }
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
    llm_json_block_t  b;

    for ( /* void */ ; p != last; p += n) {
        n = last - p;

        if (n >= LLM_JSON_BLOCK) {
            n = LLM_JSON_BLOCK;
            llm_json_load(&b, p);

            if (j->escape == sw_plain
                && !llm_json_matters(&b, j->phase == sw_skip_string))
            {
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
        closing = llm_json_mask(&b, '}') & ~strings;
        brackets = closing | (llm_json_mask(&b, '{') & ~strings);

        if (llm_json_popcount(closing) < j->skip) {
            j->skip += llm_json_popcount(brackets ^ closing);
            j->skip -= llm_json_popcount(closing);
            continue;
        }

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


static void
llm_json_load(llm_json_block_t *b, const u_char *p)
{
    b->v[0] = _mm_loadu_si128((const __m128i *) p);
    b->v[1] = _mm_loadu_si128((const __m128i *) (p + 16));
    b->v[2] = _mm_loadu_si128((const __m128i *) (p + 32));
    b->v[3] = _mm_loadu_si128((const __m128i *) (p + 48));
}


/* One bit for each byte that is c, the first byte's the lowest. */

static uint64_t
llm_json_mask(const llm_json_block_t *b, u_char c)
{
    __m128i  v;

    v = _mm_set1_epi8((char) c);

    return (uint64_t) _mm_movemask_epi8(_mm_cmpeq_epi8(b->v[0], v))
           | (uint64_t) _mm_movemask_epi8(_mm_cmpeq_epi8(b->v[1], v)) << 16
           | (uint64_t) _mm_movemask_epi8(_mm_cmpeq_epi8(b->v[2], v)) << 32
           | (uint64_t) _mm_movemask_epi8(_mm_cmpeq_epi8(b->v[3], v)) << 48;
}


/* Square brackets become curly ones. */

static void
llm_json_fold(llm_json_block_t *b)
{
    __m128i  v;

    v = _mm_set1_epi8(0x20);

    b->v[0] = _mm_or_si128(b->v[0], v);
    b->v[1] = _mm_or_si128(b->v[1], v);
    b->v[2] = _mm_or_si128(b->v[2], v);
    b->v[3] = _mm_or_si128(b->v[3], v);
}


/* Whether there is a quote, a backslash or, outside strings, a bracket. */

static int
llm_json_matters(const llm_json_block_t *b, int string)
{
    __m128i  m;

    m = _mm_or_si128(llm_json_either(b, '"'), llm_json_either(b, '\\'));

    if (!string) {
        m = _mm_or_si128(m, llm_json_either(b, '{'));
        m = _mm_or_si128(m, llm_json_either(b, '}'));
        m = _mm_or_si128(m, llm_json_either(b, '['));
        m = _mm_or_si128(m, llm_json_either(b, ']'));
    }

    return _mm_movemask_epi8(m) != 0;
}


/* Whether one of the four bytes in a column is c. */

static inline __m128i
llm_json_either(const llm_json_block_t *b, char c)
{
    __m128i  v;

    v = _mm_set1_epi8(c);

    return _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(b->v[0], v),
                                     _mm_cmpeq_epi8(b->v[1], v)),
                        _mm_or_si128(_mm_cmpeq_epi8(b->v[2], v),
                                     _mm_cmpeq_epi8(b->v[3], v)));
}


/* One bit for each byte that is in a string, its opening quote included. */

static uint64_t
llm_json_strings(llm_json_t *j, const llm_json_block_t *b, size_t n)
{
    uint64_t  bit, strings, escapes, escaped;

    strings = llm_json_mask(b, '"');
    escapes = llm_json_mask(b, '\\');

    if (escapes != 0 || j->escape != sw_plain) {
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


static unsigned
llm_json_popcount(uint64_t n)
{
    n -= n >> 1 & 0x5555555555555555;
    n = (n & 0x3333333333333333) + (n >> 2 & 0x3333333333333333);
    n = (n + (n >> 4)) & 0x0f0f0f0f0f0f0f0f;

    return n * 0x0101010101010101 >> 56;
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
