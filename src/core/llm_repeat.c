
/*
 * Copyright (C) the llm_quota authors
 */


#include <string.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "llm_repeat.h"


static const u_char *llm_repeat_event(const llm_repeat_t *r, const u_char *p,
    const u_char *last, size_t *len);
static int llm_repeat_equal(const u_char *event, const u_char *p, size_t n,
    const u_char *last);
static const u_char *llm_repeat_string(const u_char *p, const u_char *last);
static const u_char *llm_repeat_number(const u_char *p, const u_char *last);


#if defined(__SSE2__)

/* One bit for each of 16 bytes that is equal. */

#define llm_repeat_mask(a, b)                                                 \
    (unsigned) _mm_movemask_epi8(                                             \
        _mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *) (a)),                \
                       _mm_loadu_si128((const __m128i *) (b))))

#endif


void
llm_repeat_clear(llm_repeat_t *r)
{
    r->len = 0;
    r->gaps = 0;
    r->refused = 0;
}


void
llm_repeat_gap(llm_repeat_t *r, llm_repeat_gap_e type, uint8_t text,
    uint64_t start, uint64_t end)
{
    llm_repeat_gap_t  *gap;

    if (r->gaps == LLM_REPEAT_GAPS || end > LLM_REPEAT_EVENT) {
        llm_repeat_refuse(r);
        return;
    }

    /* the quotes are not in the gap but around it */

    gap = &r->gap[r->gaps++];
    gap->start = start + (type == LLM_REPEAT_STRING);
    gap->end = end - (type == LLM_REPEAT_STRING);
    gap->type = type;
    gap->text = text;
}


void
llm_repeat_learn(llm_repeat_t *r, const u_char *p, const u_char *data,
    const u_char *last)
{
    unsigned  i;

    if (r->refused || last - p > LLM_REPEAT_EVENT) {
        return;
    }

    for (i = 0; i < r->gaps; i++) {
        r->gap[i].start += data - p;
        r->gap[i].end += data - p;
    }

    r->len = last - p;
    memcpy(r->event, p, r->len);
}


const u_char *
llm_repeat_skip(const llm_repeat_t *r, const u_char *p, const u_char *last,
    uint64_t *bytes)
{
    size_t         len[LLM_REPEAT_GAPS];
    unsigned       i;
    const u_char  *next;

    if (r->len == 0) {
        return p;
    }

    while ((next = llm_repeat_event(r, p, last, len)) != NULL) {

        for (i = 0; i < r->gaps; i++) {
            bytes[r->gap[i].text] += len[i];
        }

        p = next;
    }

    return p;
}


static inline const u_char *
llm_repeat_event(const llm_repeat_t *r, const u_char *p, const u_char *last,
    size_t *len)
{
    size_t                   n;
    unsigned                 i, from;
    const u_char            *end;
    const llm_repeat_gap_t  *gap;

    from = 0;

    for (i = 0; i < r->gaps; i++) {
        gap = &r->gap[i];
        n = gap->start - from;

        if (!llm_repeat_equal(r->event + from, p, n, last)) {
            return NULL;
        }

        p += n;
        from = gap->end;

        end = (gap->type == LLM_REPEAT_STRING) ? llm_repeat_string(p, last)
                                               : llm_repeat_number(p, last);
        if (end == NULL) {
            return NULL;
        }

        len[i] = end - p;
        p = end;
    }

    n = r->len - from;

    return llm_repeat_equal(r->event + from, p, n, last) ? p + n : NULL;
}


static inline int
llm_repeat_equal(const u_char *event, const u_char *p, size_t n,
    const u_char *last)
{
#if defined(__SSE2__)

    unsigned  mask;

#endif

    if ((size_t) (last - p) < n) {
        return 0;
    }

#if defined(__SSE2__)

    for ( /* void */ ; n >= 32; n -= 32) {

        if ((llm_repeat_mask(event, p)
             & llm_repeat_mask(event + 16, p + 16)) != 0xffff)
        {
            return 0;
        }

        event += 32;
        p += 32;
    }

    if (n >= 16) {

        if (llm_repeat_mask(event, p) != 0xffff) {
            return 0;
        }

        event += 16;
        p += 16;
        n -= 16;
    }

    if (last - p >= 16) {
        mask = (1u << n) - 1;

        return (llm_repeat_mask(event, p) & mask) == mask;
    }

#endif

    return memcmp(event, p, n) == 0;
}


/* The closing quote of the string that p is in. */

static const u_char *
llm_repeat_string(const u_char *p, const u_char *last)
{
#if defined(__SSE2__)

    unsigned  mask;
    __m128i   v, control;

    control = _mm_set1_epi8(0x1f);

#endif

    for ( ;; ) {

#if defined(__SSE2__)

        while (last - p >= 16) {
            v = _mm_loadu_si128((const __m128i *) p);

            mask = _mm_movemask_epi8(
                       _mm_or_si128(
                           _mm_cmpeq_epi8(_mm_min_epu8(v, control), v),
                           _mm_or_si128(
                               _mm_cmpeq_epi8(v, _mm_set1_epi8('"')),
                               _mm_cmpeq_epi8(v, _mm_set1_epi8('\\')))));

            if (mask != 0) {
                p += __builtin_ctz(mask);
                break;
            }

            p += 16;
        }

#endif

        while (p != last && *p != '"' && *p != '\\' && *p > 0x1f) {
            p++;
        }

        if (p == last) {
            return NULL;
        }

        if (*p == '"') {
            return p;
        }

        if (*p != '\\' || last - p < 2 || p[1] <= 0x1f) {
            return NULL;
        }

        p += 2;
    }
}


/* The end of a number that is not cut, not zero, and has digits only. */

static const u_char *
llm_repeat_number(const u_char *p, const u_char *last)
{
    if (p == last || *p < '1' || *p > '9') {
        return NULL;
    }

    while (p != last && *p >= '0' && *p <= '9') {
        p++;
    }

    return (p != last) ? p : NULL;
}
