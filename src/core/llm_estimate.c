
/*
 * Copyright (C) the llm_quota authors
 */


#include "llm_estimate.h"


#define LLM_ESTIMATE_WEIGHT      16

#define LLM_ESTIMATE_RATIO       (4 << 8)       /* before it is learned */
#define LLM_ESTIMATE_RATIO_MIN   (1 << 8)
#define LLM_ESTIMATE_RATIO_MAX   (8 << 8)

#define LLM_ESTIMATE_MEAN        (512 << 4)     /* no jump is less */

#define LLM_ESTIMATE_ENCODED     256            /* bytes a token */


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
 * never come nearer than 15 to what it follows.
 */

static void
llm_estimate_average(uint32_t *average, uint32_t value, uint32_t weight)
{
    if (value > *average) {
        *average += (value - *average - 1) / weight + 1;

    } else if (value < *average) {
        *average -= (*average - value - 1) / weight + 1;
    }
}


static uint32_t
llm_estimate_weight(uint8_t *seen)
{
    if (*seen < LLM_ESTIMATE_WEIGHT - 1) {
        (*seen)++;
    }

    return *seen;
}


static uint32_t
llm_estimate_clamp(uint64_t value, uint32_t min, uint32_t max)
{
    return (value < min) ? min : (value > max) ? max : (uint32_t) value;
}


static void
llm_estimate_ratio(uint32_t *average, uint8_t *seen, uint64_t bytes,
    int64_t tokens)
{
    uint32_t           ratio;
    unsigned __int128  exact;

    exact = ((unsigned __int128) bytes << 8) / (uint64_t) tokens;

    ratio = (exact > LLM_ESTIMATE_RATIO_MAX) ? LLM_ESTIMATE_RATIO_MAX
                                             : (uint32_t) exact;

    if (*average == 0) {
        *average = LLM_ESTIMATE_RATIO;
    }

    ratio = llm_estimate_clamp(ratio, *average / 2, *average * 2);
    ratio = llm_estimate_clamp(ratio, LLM_ESTIMATE_RATIO_MIN,
                               LLM_ESTIMATE_RATIO_MAX);

    llm_estimate_average(average, ratio, llm_estimate_weight(seen) + 1);
}


static void
llm_estimate_mean(uint32_t *average, uint8_t *seen, int64_t tokens)
{
    uint32_t  value;
    uint64_t  jump;

    if (tokens < 0) {
        return;
    }

    value = (tokens > (UINT32_MAX >> 4)) ? UINT32_MAX : tokens << 4;

    /* 0 means that nothing is known */

    if (value == 0) {
        value = 1;
    }

    if (*average == 0) {
        *average = value;
        return;
    }

    jump = (uint64_t) *average * 4;

    if (jump < LLM_ESTIMATE_MEAN) {
        jump = LLM_ESTIMATE_MEAN;
    }

    llm_estimate_average(average, (value > jump) ? (uint32_t) jump : value,
                         llm_estimate_weight(seen) + 1);
}


int64_t
llm_estimate_input(const llm_estimate_t *e, uint64_t bytes, uint64_t encoded)
{
    int64_t  text, media;

    if (encoded > bytes) {
        encoded = bytes;
    }

    text = llm_estimate_tokens(e->in_ratio, bytes - encoded);
    media = (int64_t) (encoded / LLM_ESTIMATE_ENCODED);

    return (text > INT64_MAX - media) ? INT64_MAX : text + media;
}


int64_t
llm_estimate_form(const llm_estimate_t *e)
{
    return e->form_mean ? ((int64_t) e->form_mean + 8) >> 4
                        : LLM_ESTIMATE_FORM;
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
llm_estimate_learn(llm_estimate_t *e, const llm_observation_t *seen)
{
    uint64_t  text;

    if (seen->form) {
        llm_estimate_mean(&e->form_mean, &e->form_seen, seen->input);

    } else if (seen->encoded <= seen->body / 4) {
        text = seen->body - seen->encoded;

        if (seen->input > 0 && text >= (uint64_t) seen->input) {
            llm_estimate_ratio(&e->in_ratio, &e->in_seen, text, seen->input);
        }
    }

    if (seen->output > 0 && seen->text > 0) {
        llm_estimate_ratio(&e->out_ratio, &e->out_seen, seen->text,
                           seen->output);
    }

    llm_estimate_mean(&e->out_mean, &e->mean_seen, seen->output);
}
