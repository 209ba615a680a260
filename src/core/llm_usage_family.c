
/*
 * Copyright (C) the llm_quota authors
 */


#include <string.h>

#include "llm_usage_record.h"


/*
 * What the counts mean.  The families differ in two things: whether the input
 * holds what came from the cache or went into it, and whether the output
 * holds the reasoning.  The canonical form has all of it in both.
 */


static int llm_usage_is_anthropic(const llm_usage_record_t *r);
static void llm_usage_inclusive(const llm_usage_record_t *r, llm_usage_t *u);
static void llm_usage_exclusive(const llm_usage_record_t *r, llm_usage_t *u);
static void llm_usage_summed(const llm_usage_record_t *r, llm_usage_t *u);
static void llm_usage_cohere(const llm_usage_record_t *r, llm_usage_t *u);
static int64_t llm_usage_either(const llm_usage_record_t *r, unsigned count,
    unsigned otherwise);


void
llm_usage_resolve(const llm_usage_record_t *r, llm_usage_t *u)
{
    llm_side_e   side;
    llm_usage_t  other;

    memset(u, 0, sizeof(llm_usage_t));

    u->reasoning = llm_usage_either(r, LLM_N_REASONING, LLM_N_REASONING_ELSE);
    u->audio_in = r->count[LLM_N_AUDIO_IN];
    u->audio_out = r->count[LLM_N_AUDIO_OUT];
    u->image_in = r->count[LLM_N_IMAGE_IN];
    u->image_out = r->count[LLM_N_IMAGE_OUT];
    u->video_out = r->count[LLM_N_VIDEO_OUT];
    u->queries = r->count[LLM_N_QUERIES];
    u->seconds = r->count[LLM_N_SECONDS];

    u->web_searches = llm_usage_knows(r, SEARCHES)
                      ? r->count[LLM_N_SEARCHES]
                      : llm_usage_knows(r, TOOL_SEARCHES)
                      ? r->count[LLM_N_TOOL_SEARCHES]
                      : llm_usage_either(r, LLM_N_SEARCH_QUERIES,
                                         LLM_N_SEARCH_ONCE);
    u->cost = llm_usage_knows(r, COST) ? r->count[LLM_N_COST] : -1;

    if (llm_usage_is(r, METRICS) || llm_usage_is(r, CONVERSE)) {
        llm_usage_exclusive(r, u);

    } else if (llm_usage_is(r, COHERE) || llm_usage_knows(r, TOKENS_IN)) {
        llm_usage_cohere(r, u);

    } else if (llm_usage_is(r, GEMINI) || llm_usage_is(r, INTERACTIONS)) {
        llm_usage_summed(r, u);

    } else if (llm_usage_is_anthropic(r)) {
        llm_usage_exclusive(r, u);

    } else {
        llm_usage_inclusive(r, u);
    }

    for (side = 0; side < LLM_SIDES; side++) {
        llm_usage_resolve_side(r, side, &other);

        u->side_input += other.input;
        u->side_output += other.output;
    }
}


/* Each is stated as its provider states all usage: Anthropic's adviser without
   what the cache had a part in, OpenAI's tool with it. */

void
llm_usage_resolve_side(const llm_usage_record_t *r, llm_side_e side,
    llm_usage_t *u)
{
    memset(u, 0, sizeof(llm_usage_t));

    u->cost = -1;

    switch (side) {

    case LLM_SIDE_ADVISER:
        u->cached_read = r->count[LLM_N_ADVISER_CACHED];
        u->cache_write_5m = r->count[LLM_N_ADVISER_WRITTEN];
        u->input = r->count[LLM_N_ADVISER_IN] + u->cached_read
                   + u->cache_write_5m;
        u->output = r->count[LLM_N_ADVISER_OUT];
        break;

    default: /* LLM_SIDE_IMAGER */

        if (!llm_usage_is(r, RESPONSES)) {
            break;
        }

        u->cached_read = r->count[LLM_N_IMAGER_CACHED];
        u->image_in = r->count[LLM_N_IMAGER_IMAGE_IN];
        u->image_out = r->count[LLM_N_IMAGER_IMAGE_OUT];
        u->input = r->count[LLM_N_IMAGER_IN];
        u->output = r->count[LLM_N_IMAGER_OUT];
        break;
    }
}


/* Only Anthropic has no total and no details of the input; that it does count
   its cache apart is as sure a sign, unless OpenAI's names stand beside it,
   as a proxy puts them there. */

static int
llm_usage_is_anthropic(const llm_usage_record_t *r)
{
    if (llm_usage_is(r, OPENAI)) {
        return 0;
    }

    if (llm_usage_is(r, ANTHROPIC)) {
        return 1;
    }

    return llm_usage_is(r, IN_OUT)
           && !llm_usage_is(r, RESPONSES)
           && !llm_usage_knows(r, TOTAL);
}


/* The input holds what was cached: OpenAI and its likes. */

static void
llm_usage_inclusive(const llm_usage_record_t *r, llm_usage_t *u)
{
    int64_t  total, more;

    u->input = r->count[LLM_N_INPUT];
    u->output = r->count[LLM_N_OUTPUT];

    total = r->count[LLM_N_TOTAL];
    more = r->count[LLM_N_CITATION] + u->reasoning;
    u->citation = r->count[LLM_N_CITATION];

    if (!llm_usage_knows(r, INPUT)) {

        if (total > u->output) {
            u->input = total - u->output;
        }

    } else if (r->count[LLM_N_CITATION] > 0
               && total < u->input + u->output + more)
    {
        /* Perplexity bills these on top */

        u->output += more;

    } else if (llm_usage_is(r, OPENAI)
               && total > u->input + u->output)
    {
        /* xAI and Gemini leave the reasoning out of the output, not out of
           the total */

        u->output = total - u->input;
    }

    u->cached_read = llm_usage_either(r, LLM_N_CACHED, LLM_N_CACHED_ELSE);

    if (!llm_usage_knows(r, CACHED) && !llm_usage_knows(r, CACHED_ELSE)) {
        u->cached_read = r->count[LLM_N_CACHE_N];
    }

    u->cache_write_5m = llm_usage_either(r, LLM_N_WRITTEN_5M, LLM_N_WRITTEN);

    if (u->cached_read > u->input) {

        /* then it cannot be a part of it */

        u->input += u->cached_read;
    }
}


/* The input holds only what the cache had no part in: Anthropic, Bedrock. */

static void
llm_usage_exclusive(const llm_usage_record_t *r, llm_usage_t *u)
{
    int64_t  written;

    u->input = r->count[LLM_N_INPUT];
    u->output = r->count[LLM_N_OUTPUT];
    u->cached_read = llm_usage_either(r, LLM_N_CACHED, LLM_N_CACHED_ELSE);
    u->cache_write_1h = r->count[LLM_N_WRITTEN_1H];

    if (llm_usage_knows(r, WRITTEN) || llm_usage_knows(r, WRITTEN_ELSE)) {
        written = llm_usage_either(r, LLM_N_WRITTEN, LLM_N_WRITTEN_ELSE);

    } else {
        written = r->count[LLM_N_WRITTEN_5M] + u->cache_write_1h;
    }

    if (!llm_usage_is(r, FALLBACK)) {
        u->input += r->count[LLM_N_COMPACT_IN];
        u->output += r->count[LLM_N_COMPACT_OUT];
        u->cached_read += r->count[LLM_N_COMPACT_CACHED];
        written += r->count[LLM_N_COMPACT_WRITTEN];
    }

    /* the sum is final where a split may be of an earlier moment; what the
       split leaves open lives for the default time */

    if (u->cache_write_1h > written) {
        u->cache_write_1h = written;
    }

    u->cache_write_5m = written - u->cache_write_1h;
    u->input += u->cached_read + written;
}


/* The parts are beside each other: Gemini. */

static void
llm_usage_summed(const llm_usage_record_t *r, llm_usage_t *u)
{
    u->input = r->count[LLM_N_INPUT] + r->count[LLM_N_TOOL_INPUT];
    u->output = r->count[LLM_N_OUTPUT] + r->count[LLM_N_REASONING];
    u->cached_read = r->count[LLM_N_CACHED];

    if (!llm_usage_knows(r, INPUT) && !llm_usage_knows(r, OUTPUT)
        && !llm_usage_knows(r, REASONING))
    {
        /* a total alone is that of content put in the cache */

        u->input = r->count[LLM_N_TOTAL];
        u->cache_write_5m = r->count[LLM_N_TOTAL];
    }
}


/* Billed are the units; images are units of their own. */

static void
llm_usage_cohere(const llm_usage_record_t *r, llm_usage_t *u)
{
    if (llm_usage_is(r, COHERE)) {
        u->input = r->count[LLM_N_INPUT] + u->image_in;
        u->output = r->count[LLM_N_OUTPUT];
        return;
    }

    u->input = r->count[LLM_N_TOKENS_IN];
    u->output = r->count[LLM_N_TOKENS_OUT];
}


static int64_t
llm_usage_either(const llm_usage_record_t *r, unsigned count,
    unsigned otherwise)
{
    return (r->known & llm_usage_bit(count)) ? r->count[count]
                                       : r->count[otherwise];
}
