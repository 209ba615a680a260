
/*
 * Copyright (C) the llm_quota authors
 */


#include <stddef.h>
#include <string.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "llm_sse.h"


#define LLM_SSE_FIELD  "data"

#define llm_sse_is_data(p)                                                    \
    (memcmp(p, LLM_SSE_FIELD ":", sizeof(LLM_SSE_FIELD)) == 0)


enum {
    sw_line = 0,
    sw_cr,              /* after CR: an LF belongs to it */
    sw_field,
    sw_space,           /* after "data:": one space is not data */
    sw_data,
    sw_other
};


static const u_char *llm_sse_next_line(llm_sse_t *s, const u_char *p,
    const u_char *last);
static const u_char *llm_sse_line_end(const u_char *p, const u_char *last);


void
llm_sse_init(llm_sse_t *s)
{
    s->phase = sw_line;
    s->len = 0;
    s->fresh = 1;
    s->data = 0;
}


llm_sse_token_e
llm_sse_read(llm_sse_t *s, const u_char **pp, const u_char *last,
    const u_char **data, size_t *len)
{
    const u_char  *p;

    p = *pp;

    while (p != last) {

        switch (s->phase) {

        case sw_cr:
            s->phase = sw_line;

            if (*p == '\n') {
                p++;
            }

            break;

        case sw_line:

            if (*p == '\n' || *p == '\r') {
                p = llm_sse_next_line(s, p, last);
                s->fresh = 1;
                *pp = p;

                if (!s->data) {
                    return LLM_SSE_BLANK;
                }

                s->data = 0;

                return LLM_SSE_END;
            }

            s->fresh = 0;

            if (last - p >= (ptrdiff_t) sizeof(LLM_SSE_FIELD)
                && llm_sse_is_data(p))
            {
                /* the same as below, in one step */

                s->len = sizeof(LLM_SSE_FIELD) - 1;
                p += sizeof(LLM_SSE_FIELD) - 1;

            } else {
                s->len = 0;
            }

            s->phase = sw_field;

            /* fall through */

        case sw_field:

            if (s->len < sizeof(LLM_SSE_FIELD) - 1) {

                if (*p == (u_char) LLM_SSE_FIELD[s->len]) {
                    s->len++;
                    p++;

                } else {
                    s->phase = sw_other;
                }

                break;
            }

            if (*p == ':') {
                s->phase = sw_space;
                p++;

            } else if (*p == '\n' || *p == '\r') {

                /* a line of the name alone is one of empty data */

                s->phase = sw_data;

            } else {
                s->phase = sw_other;
                break;
            }

            if (s->data) {
                *pp = p;
                return LLM_SSE_JOIN;
            }

            s->data = 1;
            break;

        case sw_space:
            s->phase = sw_data;

            if (*p == ' ') {
                p++;
            }

            break;

        default: /* sw_data, sw_other */

            *data = p;
            p = llm_sse_line_end(p, last);
            *len = p - *data;

            if (s->phase == sw_data && *len != 0) {
                *pp = p;
                return LLM_SSE_DATA;
            }

            if (p != last) {
                p = llm_sse_next_line(s, p, last);
            }

            break;
        }
    }

    *pp = p;

    return LLM_SSE_MORE;
}


int
llm_sse_is_cr(const llm_sse_t *s)
{
    return s->phase == sw_cr;
}


/* Takes the line feed of CRLF along where it is there already. */

static const u_char *
llm_sse_next_line(llm_sse_t *s, const u_char *p, const u_char *last)
{
    s->phase = sw_line;

    if (*p++ == '\r') {

        if (p == last) {
            s->phase = sw_cr;

        } else if (*p == '\n') {
            p++;
        }
    }

    return p;
}


static const u_char *
llm_sse_line_end(const u_char *p, const u_char *last)
{
#if defined(__SSE2__)

    unsigned  mask;
    __m128i   v;

    while (last - p >= 16) {
        v = _mm_loadu_si128((const __m128i *) p);

        mask = _mm_movemask_epi8(
                   _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('\n')),
                                _mm_cmpeq_epi8(v, _mm_set1_epi8('\r'))));

        if (mask != 0) {
            return p + __builtin_ctz(mask);
        }

        p += 16;
    }

#endif

    while (p != last && *p != '\n' && *p != '\r') {
        p++;
    }

    return p;
}
