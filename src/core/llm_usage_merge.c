
/*
 * Copyright (C) the llm_quota authors
 */


#include <string.h>

#include "llm_usage_record.h"


/*
 * What the documents of an answer say together: each replaces, member by
 * member, what documents before it said.  Nothing is added up over a stream
 * but the calls of an agent.
 */


static void llm_usage_timings(llm_usage_record_t *d);
static void llm_usage_complete(llm_answer_t *a);
static int llm_usage_rank(uint32_t row);


void
llm_usage_merge(llm_answer_t *a)
{
    unsigned             i;
    uint64_t             known;
    llm_usage_record_t  *d, *s;

    d = &a->document;
    s = &a->stated;

    a->open = 0;

    if (a->aside) {

        if (a->named) {
            a->id.len = 0;
        }

        return;
    }

    if (a->progress != LLM_STATUS_NONE) {
        a->status = a->progress;
    }

    if ((d->row == LLM_ROW_MAYBE_START && !a->start)
        || (d->row == LLM_ROW_META && !llm_usage_is(d, COHERE)))
    {
        return;
    }

    if (d->row == 0) {
        llm_usage_timings(d);
    }

    if (d->row != LLM_ROW_USAGE && d->row != LLM_ROW_RESPONSE
        && d->row != LLM_ROW_TOP && d->row != LLM_ROW_TIMINGS)
    {
        d->known &= ~LLM_USAGE_BESIDE;
    }

    if (d->known == 0 && !llm_usage_is(d, UNITS)) {
        return;
    }

    if (llm_usage_rank(d->row) < llm_usage_rank(s->row)) {
        return;
    }

    /* a message that starts anew is another attempt, not a second one */

    if (llm_usage_rank(d->row) > llm_usage_rank(s->row) || a->start) {
        memset(s, 0, sizeof(llm_usage_record_t));
    }

    llm_usage_complete(a);

    for (known = d->known; known != 0; known &= known - 1) {
        i = __builtin_ctzll(known);

        /* the calls of an agent are many */

        if (d->row == LLM_ROW_TRACE) {
            llm_usage_add(a, i, s->count[i]);
        }

        s->count[i] = d->count[i];
    }

    s->known |= d->known;
    s->marks |= d->marks;
    s->row = d->row;

    if (a->start) {
        s->marks |= llm_usage_bit(LLM_M_ANTHROPIC);
    }

    a->choosing = a->choice;
}


/* llama.cpp counts in its timings what it computed, so that what came from the
   cache stands beside it; where no usage is stated it is all there is. */

static void
llm_usage_timings(llm_usage_record_t *d)
{
    int64_t  cached;

    if (llm_usage_knows(d, TIMED_IN)) {
        cached = llm_usage_knows(d, CACHE_N) ? d->count[LLM_N_CACHE_N] : 0;

        llm_usage_set(d, LLM_N_INPUT, d->count[LLM_N_TIMED_IN] + cached);
    }

    if (llm_usage_knows(d, TIMED_OUT)) {
        llm_usage_set(d, LLM_N_OUTPUT, d->count[LLM_N_TIMED_OUT]);
    }

    if (llm_usage_knows(d, INPUT) || llm_usage_knows(d, OUTPUT)) {
        d->row = LLM_ROW_TIMINGS;
        d->marks |= llm_usage_bit(LLM_M_OPENAI);
    }
}


/* All that an image or speech is made of are tokens of its kind, which have
   their own price; not everybody says so. */

static void
llm_usage_complete(llm_answer_t *a)
{
    llm_usage_record_t  *d;

    d = &a->document;

    if (!llm_usage_knows(d, OUTPUT)) {
        return;
    }

    if (a->image && !llm_usage_knows(d, IMAGE_OUT)) {
        llm_usage_set(d, LLM_N_IMAGE_OUT, d->count[LLM_N_OUTPUT]);
    }

    if (a->speech && !llm_usage_knows(d, AUDIO_OUT)) {
        llm_usage_set(d, LLM_N_AUDIO_OUT, d->count[LLM_N_OUTPUT]);
    }
}


/* Bedrock's metrics are of the whole answer and beat what it says itself; what
   stands in the document beside no object of counts is the last resort. */

static int
llm_usage_rank(uint32_t row)
{
    switch (row) {

    case 0:
        return 0;

    case LLM_ROW_TOP:
    case LLM_ROW_TIMINGS:
        return 1;

    case LLM_ROW_METRICS:
        return 3;

    default:
        return 2;
    }
}


void
llm_usage_add(llm_answer_t *a, unsigned count, int64_t n)
{
    llm_usage_record_t  *d;

    d = &a->document;

    if (d->known & llm_usage_bit(count)) {
        n += d->count[count];
    }

    if (n > LLM_USAGE_MAX) {
        n = LLM_USAGE_MAX;
        a->anomaly = 1;
        a->invalid = 1;
    }

    llm_usage_set(d, count, n);
}


void
llm_usage_set(llm_usage_record_t *r, unsigned count, int64_t n)
{
    r->known |= llm_usage_bit(count);
    r->count[count] = n;
}


void
llm_usage_keep(llm_usage_record_t *r, uint64_t set)
{
    unsigned  i;

    for (i = 0; i < LLM_USAGE_COUNTS; i++) {
        if (!(set & llm_usage_bit(i))) {
            r->count[i] = 0;
        }
    }

    r->known &= set;
}
