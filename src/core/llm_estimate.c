
/*
 * Copyright (C) the llm_quota authors
 */


#include "llm_estimate.h"


#define LLM_ESTIMATE_WEIGHT      16

#define LLM_ESTIMATE_RATIO       (4 << 8)       /* before it is learned */
#define LLM_ESTIMATE_RATIO_MIN   ((1 << 8) / 4)
#define LLM_ESTIMATE_RATIO_MAX   (64 << 8)


static int64_t
llm_estimate_tokens(uint32_t ratio, uint64_t bytes)
{
    unsigned __int128  tokens;

    if (ratio == 0) {
        ratio = LLM_ESTIMATE_RATIO;
    }

    tokens = (((unsigned __int128) bytes << 8) + ratio - 1) / ratio;

    return (tokens > INT64_MAX) ? INT64_MAX : (int64_t) tokens;
}


/*
 * The step is rounded away from zero: rounded towards it, the average would
 * never come nearer than 15 to what it follows, which is a quarter of the
 * smallest ratio.
 */

static void
llm_estimate_average(uint32_t *average, uint32_t value)
{
    if (*average == 0) {
        *average = value;
        return;
    }

    if (value > *average) {
        *average += (value - *average - 1) / LLM_ESTIMATE_WEIGHT + 1;

    } else if (value < *average) {
        *average -= (*average - value - 1) / LLM_ESTIMATE_WEIGHT + 1;
    }
}


static void
llm_estimate_ratio(uint32_t *average, uint64_t bytes, int64_t tokens)
{
    unsigned __int128  ratio;

    if (tokens <= 0) {
        return;
    }

    ratio = ((unsigned __int128) bytes << 8) / (uint64_t) tokens;

    if (ratio < LLM_ESTIMATE_RATIO_MIN || ratio > LLM_ESTIMATE_RATIO_MAX) {
        return;
    }

    llm_estimate_average(average, (uint32_t) ratio);
}


int64_t
llm_estimate_input(const llm_estimate_t *e, uint64_t bytes)
{
    return llm_estimate_tokens(e->in_ratio, bytes);
}


int64_t
llm_estimate_text(const llm_estimate_t *e, uint64_t bytes)
{
    return llm_estimate_tokens(e->out_ratio, bytes);
}


int64_t
llm_estimate_output(const llm_estimate_t *e, int64_t cap, int64_t choices)
{
    int64_t  expected, total;

    expected = e->out_mean ? ((int64_t) e->out_mean * 2) >> 4
                           : LLM_ESTIMATE_OUTPUT;

    if (cap >= 0 && cap < expected) {
        expected = cap;
    }

    if (choices < 1) {
        choices = 1;
    }

    if (__builtin_mul_overflow(expected, choices, &total)) {
        return INT64_MAX;
    }

    return total;
}


void
llm_estimate_learn(llm_estimate_t *e, uint64_t body_bytes, int64_t input,
    uint64_t text_bytes, int64_t output)
{
    int64_t  mean;

    llm_estimate_ratio(&e->in_ratio, body_bytes, input);
    llm_estimate_ratio(&e->out_ratio, text_bytes, output);

    if (output < 0) {
        return;
    }

    mean = (output > (UINT32_MAX >> 4)) ? UINT32_MAX : output << 4;

    llm_estimate_average(&e->out_mean, mean ? (uint32_t) mean : 1);
}
