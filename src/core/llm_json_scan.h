
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _LLM_JSON_SCAN_H_INCLUDED_
#define _LLM_JSON_SCAN_H_INCLUDED_


#include "llm_json.h"
#include "llm_text.h"


/*
 * What the parts of the scanner share: llm_json.c knows the structure and the
 * tree, llm_json_value.c strings, numbers and literals, llm_json_skip.c what
 * is not looked at.  Nobody else includes this file.
 */


#if defined(__SSE2__) && !defined(LLM_JSON_BYTES)
#include <emmintrin.h>
#define LLM_JSON_SSE2  1
#endif


#define llm_json_is_space(c)                                                  \
    ((c) <= ' ' && ((c) == ' ' || (c) == '\n' || (c) == '\r' || (c) == '\t'))

#define llm_json_is_digit(c)  ((c) >= '0' && (c) <= '9')

#define llm_json_ends_token(c)                                                \
    ((c) == ',' || (c) == '}' || (c) == ']' || llm_json_is_space(c))

#define llm_json_offset(j, p)  ((j)->base + (uintptr_t) (p))

#define llm_json_is_reported(j)                                               \
    ((j)->current != NULL && (j)->current->field != 0)

#define llm_json_is_text(j)                                                   \
    (llm_json_is_reported(j) && !((j)->current->field & LLM_JSON_SPAN))


/* Between two tokens or in one of them. */

typedef enum {
    sw_before = 0,      /* the root; a BOM may come first */
    sw_value,
    sw_first,           /* after '[': a value or the end */
    sw_member,          /* after '{': a key or the end */
    sw_key,             /* after ',' in an object */
    sw_colon,
    sw_after,           /* after a value: ',' or the end */
    sw_bom,             /* here begin the tokens */
    sw_text,            /* in a key or in a string that is reported */
    sw_number,
    sw_literal,
    sw_string,          /* in a string that is not reported */
    sw_skip,            /* in a container that is not followed */
    sw_skip_string
} llm_json_phase_e;


/* Of an escape sequence: what has been read. */

typedef enum {
    sw_plain = 0,
    sw_backslash,
    sw_u,
    sw_u1,
    sw_u2,
    sw_u3
} llm_json_escape_e;


/* Of a number: what has been read. */

typedef enum {
    sw_start = 0,
    sw_minus,
    sw_zero,
    sw_digits,
    sw_dot,
    sw_fraction,
    sw_e,
    sw_sign,
    sw_exponent,
    sw_invalid
} llm_json_number_e;


/* Each consumes what it can of its token and returns where it stopped. */

const u_char *llm_json_text(llm_json_t *j, const u_char *p,
    const u_char *last);
const u_char *llm_json_number(llm_json_t *j, const u_char *p,
    const u_char *last);
const u_char *llm_json_literal(llm_json_t *j, const u_char *p,
    const u_char *last);
const u_char *llm_json_string(llm_json_t *j, const u_char *p,
    const u_char *last);
const u_char *llm_json_skip(llm_json_t *j, const u_char *p,
    const u_char *last);

/* The first quote or backslash, or last. */
const u_char *llm_json_find(const u_char *p, const u_char *last);


#if (LLM_JSON_SSE2)

/* One bit for each of 16 bytes that is a quote or a backslash. */

static inline unsigned
llm_json_quotes(const u_char *p)
{
    __m128i  v;

    v = _mm_loadu_si128((const __m128i *) p);

    return _mm_movemask_epi8(
               _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('"')),
                            _mm_cmpeq_epi8(v, _mm_set1_epi8('\\'))));
}

#endif


/* The same as llm_json_find() where it is expected to be near. */

static inline const u_char *
llm_json_quote(const u_char *p, const u_char *last)
{
#if (LLM_JSON_SSE2)

    unsigned  mask;

    if (last - p >= 16) {
        mask = llm_json_quotes(p);

        if (mask != 0) {
            return p + __builtin_ctz(mask);
        }

        p += 16;
    }

#endif

    return llm_json_find(p, last);
}


/* The first eight bytes of a key, zeros behind its end; eight can be read. */

static inline uint64_t
llm_json_head(const u_char *key, size_t len)
{
    uint64_t  head;

    head = llm_text_eight(key);

    if (len >= 8) {
        return head;
    }

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    return head & (((uint64_t) 1 << 8 * len) - 1);
#else
    return head & ~(UINT64_MAX >> 8 * len);
#endif
}


/* Whether a key that has the head and the length of a name has its rest. */

static inline int
llm_json_is_tail(const char *name, const u_char *key, size_t len)
{
    size_t  i;

    if (len <= 8) {
        return 1;
    }

    for (i = 8; i + 8 < len; i += 8) {

        if (llm_text_eight(name + i) != llm_text_eight(key + i)) {
            return 0;
        }
    }

    return llm_text_eight(name + len - 8) == llm_text_eight(key + len - 8);
}


/* A key is that of the node. */

static inline void
llm_json_found(llm_json_t *j, const llm_json_node_t *node)
{
    j->phase = sw_colon;
    j->value.variant = 0;
    j->current = node;
    j->guess = node + 1;
}


/* A key is complete; room: bytes that can be read from key on. */
void llm_json_lookup(llm_json_t *j, const u_char *key, size_t len,
    size_t room);

/* A scalar of interest is complete, or a piece of it. */
void llm_json_report(llm_json_t *j, const u_char *text, size_t len,
    const u_char *end);
void llm_json_piece(llm_json_t *j, const u_char *text, size_t len);

/* A container that was skipped is complete. */
void llm_json_skipped(llm_json_t *j, const u_char *end);


/* A value is complete. */

static inline void
llm_json_ended(llm_json_t *j)
{
    if (j->depth == 0 && !j->sequence) {
        j->state = LLM_JSON_DONE;
        return;
    }

    j->phase = sw_after;
}


static inline void
llm_json_scalar(llm_json_t *j, const u_char *text, size_t len,
    const u_char *end)
{
    if (llm_json_is_reported(j)) {
        llm_json_report(j, text, len, end);
    }

    llm_json_ended(j);
}


#endif /* _LLM_JSON_SCAN_H_INCLUDED_ */
