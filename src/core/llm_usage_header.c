
/*
 * Copyright (C) the llm_quota authors
 */


#include <stddef.h>

#include "llm_money.h"
#include "llm_usage_record.h"


/*
 * What upstreams state in headers.  Bedrock's and text-generation-inference's
 * counts are of the whole answer, and replace what its body says; they come
 * only where the answer was made before it was sent.
 */


#define llm_header_name(name)  name, sizeof(name) - 1

static const struct {
    const char              *name;
    size_t                   len;
    uint8_t                  count;
    uint8_t                  mark;       /* LLM_M_NONE: only of one count */
} llm_usage_header_table[] = {

    { llm_header_name("x-amzn-bedrock-input-token-count"),
      LLM_N_INPUT, LLM_M_METRICS },
    { llm_header_name("x-amzn-bedrock-output-token-count"),
      LLM_N_OUTPUT, LLM_M_METRICS },
    { llm_header_name("x-amzn-bedrock-cache-read-input-token-count"),
      LLM_N_CACHED, LLM_M_METRICS },
    { llm_header_name("x-amzn-bedrock-cache-write-input-token-count"),
      LLM_N_WRITTEN, LLM_M_METRICS },

    { llm_header_name("x-prompt-tokens"), LLM_N_INPUT, LLM_M_TOP },
    { llm_header_name("x-generated-tokens"), LLM_N_OUTPUT, LLM_M_TOP },

    { llm_header_name("fireworks-cached-prompt-tokens"),
      LLM_N_CACHED_ELSE, LLM_M_NONE },
    { llm_header_name("x-litellm-response-cost"), LLM_N_COST, LLM_M_NONE },

    { NULL, 0, 0, 0 }
};

#define LLM_HEADER_SHORTEST  (sizeof("x-prompt-tokens") - 1)


/* What no header states: the parts of what it counts, and what is no token.
   Of these the body's word stands. */

#define LLM_USAGE_PARTICULARS                                                 \
    (llm_usage_bit(LLM_N_REASONING) | llm_usage_bit(LLM_N_REASONING_ELSE)     \
     | llm_usage_bit(LLM_N_WRITTEN_5M) | llm_usage_bit(LLM_N_WRITTEN_1H)      \
     | llm_usage_bit(LLM_N_AUDIO_IN) | llm_usage_bit(LLM_N_AUDIO_OUT)         \
     | llm_usage_bit(LLM_N_IMAGE_IN) | llm_usage_bit(LLM_N_IMAGE_OUT)         \
     | llm_usage_bit(LLM_N_SEARCHES) | llm_usage_bit(LLM_N_TOOL_SEARCHES)     \
     | llm_usage_bit(LLM_N_ADVISER_IN) | llm_usage_bit(LLM_N_ADVISER_OUT)     \
     | llm_usage_bit(LLM_N_ADVISER_CACHED)                                    \
     | llm_usage_bit(LLM_N_ADVISER_WRITTEN)                                   \
     | llm_usage_bit(LLM_N_COST))


static int llm_usage_is_header(const char *name, const u_char *p, size_t len);
static void llm_usage_header_cost(llm_answer_t *a, const u_char *p, size_t n);
static void llm_usage_header_count(llm_answer_t *a, unsigned count,
    unsigned mark, const u_char *p, size_t n);
static void llm_usage_replace(llm_answer_t *a);


void
llm_answer_header(llm_answer_t *a, const u_char *name, size_t len,
    const u_char *value, size_t vlen)
{
    size_t  i;
    u_char  first;

    if (len < LLM_HEADER_SHORTEST) {
        return;
    }

    first = name[0] | 0x20;

    if (first != 'x' && first != 'f') {
        return;
    }

    for (i = 0; llm_usage_header_table[i].name != NULL; i++) {

        if (llm_usage_header_table[i].len != len
            || !llm_usage_is_header(llm_usage_header_table[i].name, name, len))
        {
            continue;
        }

        if (llm_usage_header_table[i].count == LLM_N_COST) {
            llm_usage_header_cost(a, value, vlen);

        } else {
            llm_usage_header_count(a, llm_usage_header_table[i].count,
                                   llm_usage_header_table[i].mark, value,
                                   vlen);
        }

        return;
    }
}


/* No letter of the names has another byte beside it that a header's name can
   hold. */

static int
llm_usage_is_header(const char *name, const u_char *p, size_t len)
{
    size_t  i;

    for (i = 0; i < len; i++) {
        if ((p[i] | 0x20) != (u_char) name[i]) {
            return 0;
        }
    }

    return 1;
}


static void
llm_usage_header_cost(llm_answer_t *a, const u_char *p, size_t n)
{
    int64_t  cost;

    if (llm_decimal_parse(p, n, 9, &cost) == 0) {
        a->header.known |= llm_usage_bit(LLM_N_COST);
        a->header.cost = cost;
    }
}


static void
llm_usage_header_count(llm_answer_t *a, unsigned count, unsigned mark,
    const u_char *p, size_t n)
{
    int64_t  tokens;

    if (llm_usage_has(&a->header, count)) {
        a->anomaly = 1;
    }

    switch (llm_decimal_parse(p, n, 0, &tokens)) {

    case 0:

        if (tokens <= LLM_USAGE_MAX) {
            break;
        }

        /* fall through */

    case -1:
    case -3:

        /* then the others beside it are not believed either */

        a->anomaly = 1;
        a->distrust = 1;
        return;

    default: /* -2 */

        /* a negative count gives no credit */

        a->anomaly = 1;
        tokens = 0;
        break;
    }

    a->header.known |= llm_usage_bit(count);
    a->header.count[count] = tokens;
    a->header.marks |= llm_usage_bit(mark);
}


void
llm_usage_headers(llm_answer_t *a)
{
    llm_usage_header_t  *h;
    llm_usage_record_t  *s;

    h = &a->header;
    s = &a->stated;

    if (llm_usage_knows(h, COST) && !llm_usage_knows(s, COST)) {
        llm_usage_set(s, LLM_N_COST, h->cost);
    }

    if (a->distrust) {
        return;
    }

    if (llm_usage_knows(h, CACHED_ELSE) && s->row != 0
        && !llm_usage_knows(s, CACHED) && !llm_usage_knows(s, CACHED_ELSE))
    {
        llm_usage_set(s, LLM_N_CACHED_ELSE, h->count[LLM_N_CACHED_ELSE]);
    }

    if (llm_usage_knows(h, INPUT) || llm_usage_knows(h, OUTPUT)) {
        llm_usage_replace(a);
    }
}


static void
llm_usage_replace(llm_answer_t *a)
{
    llm_usage_header_t  *h;
    llm_usage_record_t  *s;

    h = &a->header;
    s = &a->stated;

    if (!llm_usage_knows(h, OUTPUT)) {

        if (a->json.state == LLM_JSON_DONE && llm_answer_text_bytes(a) == 0) {

            /* an embedding */

            h->known |= llm_usage_bit(LLM_N_OUTPUT);
            h->count[LLM_N_OUTPUT] = 0;

        } else if (s->row != 0) {

            /* the body says more */

            return;
        }
    }

    llm_usage_keep(s, LLM_USAGE_PARTICULARS);

    s->row = LLM_ROW_HEADER;
    s->marks = h->marks;

    if (llm_usage_knows(h, INPUT)) {
        llm_usage_set(s, LLM_N_INPUT, h->count[LLM_N_INPUT]);
    }

    if (llm_usage_knows(h, OUTPUT)) {
        llm_usage_set(s, LLM_N_OUTPUT, h->count[LLM_N_OUTPUT]);
    }

    /* none where they are not stated, whatever their parts say */

    llm_usage_set(s, LLM_N_CACHED, h->count[LLM_N_CACHED]);
    llm_usage_set(s, LLM_N_WRITTEN, h->count[LLM_N_WRITTEN]);

    /* what the body said is of no interest, be it absurd */

    a->invalid = 0;
}
