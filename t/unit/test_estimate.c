
/*
 * Copyright (C) the llm_quota authors
 */


#include "tap.h"
#include "llm_estimate.h"


static uint64_t  seed = 0xda3e39cb94b95bdb;


static uint64_t
rnd(uint64_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;

    return (seed >> 11) % n;
}


static uint64_t
magnitude(int bits)
{
    return (rnd(1ull << 32) << 32 | rnd(1ull << 32)) >> (64 - bits)
           >> rnd(bits);
}


static void
test_unknown(void)
{
    llm_estimate_t  e;

    memset(&e, 0, sizeof(e));

    is_int(llm_estimate_input(&e, 0, 0), 0, "no bytes, no tokens");
    is_int(llm_estimate_input(&e, 1, 0), 1, "a byte is a token at least");
    is_int(llm_estimate_input(&e, 4, 0), 1, "four bytes a token");
    is_int(llm_estimate_input(&e, 5, 0), 2, "rounded up");
    is_int(llm_estimate_text(&e, 4000), 1000, "of text too");
    is_int(llm_estimate_input(&e, UINT64_MAX, 0), 1ll << 62, "all of it");

    is_int(llm_estimate_output(&e, -1, 1), 1024, "1024 until learned");
    is_int(llm_estimate_output(&e, -1, 3), 3072, "for each choice");
    is_int(llm_estimate_output(&e, -1, 0), 1024, "no choice is one");
    is_int(llm_estimate_output(&e, -1, -7), 1024, "less too");
    is_int(llm_estimate_output(&e, 100, 1), 100, "the cap");
    is_int(llm_estimate_output(&e, 100, 3), 300, "for each choice");
    is_int(llm_estimate_output(&e, 5000, 1), 1024, "a large cap");
    is_int(llm_estimate_output(&e, 0, 4), 0, "a cap of nothing");
    is_int(llm_estimate_output(&e, INT64_MAX, INT64_MAX), INT64_MAX,
           "saturated");
}


static void
learn(llm_estimate_t *e, uint64_t body, int64_t input, uint64_t text,
    int64_t output)
{
    llm_observation_t  seen;

    seen.body = body;
    seen.encoded = 0;
    seen.form = 0;
    seen.input = input;
    seen.text = text;
    seen.output = output;

    llm_estimate_learn(e, &seen);
}


static void
test_learned(void)
{
    unsigned        i;
    llm_estimate_t  e;

    memset(&e, 0, sizeof(e));

    learn(&e, 3000, 1000, 500, 100);

    is_int(e.in_ratio, 7 << 7, "4, and the first that was seen: 3");
    is_int(e.out_ratio, 9 << 7, "of text 5");
    is_int(e.out_mean, 100 << 4, "the first mean");
    is_int(llm_estimate_input(&e, 3500, 0), 1000, "input");
    is_int(llm_estimate_text(&e, 450), 100, "text");
    is_int(llm_estimate_output(&e, -1, 1), 200, "twice the mean");
    is_int(llm_estimate_output(&e, 150, 2), 300, "or the cap");

    learn(&e, 5000, 1000, 300, 300);

    is_int(e.in_ratio, 4 << 8, "the second has a third: 3.5 to 5");
    is_int(e.out_ratio, (9 << 7) - 192, "of text, too: 4.5 to 2.25");
    is_int(e.out_mean, 200 << 4, "of the mean a half");

    for (i = 0; i < 100; i++) {
        learn(&e, 4000, 1000, 800, 200);
    }

    is_int(e.in_ratio, 4 << 8, "what does not change stays");
    is_int(e.out_ratio, 4 << 8, "what repeats is learned");
    is_int(e.out_mean, 200 << 4, "the mean, too");

    learn(&e, 5000, 1000, 500, 360);

    is_int(e.in_ratio, (4 << 8) + 16, "another one has a sixteenth");
    is_int(e.out_mean, 210 << 4, "also of the mean");

    /* what says nothing */

    memset(&e, 0, sizeof(e));
    learn(&e, 999, 1000, 0, 100);
    is_int(e.in_ratio, 0, "more tokens than bytes lay elsewhere");
    is_int(e.out_ratio, 0, "no text says nothing of text");
    is_int(e.out_mean, 100 << 4, "but output of output");

    learn(&e, UINT64_MAX, 0, 0, -1);
    learn(&e, UINT64_MAX, -1, UINT64_MAX, INT64_MIN);
    is_int(e.in_ratio, 0, "no input says nothing of input");
    is_int(e.out_ratio, 0, "nor does a negative count");
    is_int(e.out_mean, 100 << 4, "of whatever");

    /* an embedding model */

    memset(&e, 0, sizeof(e));
    learn(&e, 400, 100, 0, 0);
    is_int(llm_estimate_output(&e, -1, 1), 0, "no output is expected");

    memset(&e, 0, sizeof(e));
    learn(&e, 0, 0, 0, INT64_MAX);
    is_int(e.out_mean, UINT32_MAX, "the mean saturates");
    is_int(llm_estimate_output(&e, -1, 1), UINT32_MAX >> 3, "twice it too");
    learn(&e, 0, 0, 0, INT64_MAX);
    is_int(e.out_mean, UINT32_MAX, "and stays so");
}


/* However hard somebody tries, from whatever was learned. */

static void
test_poison(void)
{
    unsigned        i, j, wrong_low, wrong_high;
    llm_estimate_t  e, was;

    static const struct {
        uint64_t  body, text;
        int64_t   input, output;
    } poison[] = {
        { UINT64_MAX, UINT64_MAX, 1, 1 },
        { 1000000, 1000000, 1000000, 1000000 },
        { 1000, 1, 1000, INT64_MAX },
        { 64 << 20, 0, 1, 0 }
    };

    wrong_low = 0;
    wrong_high = 0;

    for (i = 0; i < sizeof(poison) / sizeof(poison[0]); i++) {
        memset(&e, 0, sizeof(e));

        for (j = 0; j < 1000; j++) {
            learn(&e, poison[i].body, poison[i].input, poison[i].text,
                  poison[i].output);

            wrong_high += (e.in_ratio > 8 << 8 || e.out_ratio > 8 << 8);
            wrong_low += (e.in_ratio && e.in_ratio < 1 << 8)
                         || (e.out_ratio && e.out_ratio < 1 << 8);
        }
    }

    is_int(wrong_low, 0, "never less than a byte a token");
    is_int(wrong_high, 0, "never more than 8");

    /* one request against many */

    for (i = 0; i < sizeof(poison) / sizeof(poison[0]); i++) {
        memset(&e, 0, sizeof(e));

        for (j = 0; j < 100; j++) {
            learn(&e, 4000, 1000, 4000, 1000);
        }

        was = e;
        learn(&e, poison[i].body, poison[i].input, poison[i].text,
              poison[i].output);

        ok(e.in_ratio * 16 <= was.in_ratio * 17
           && e.in_ratio * 32 >= was.in_ratio * 31,
           "one request hardly moves the ratio, %u", i);
        ok(e.out_ratio * 16 <= was.out_ratio * 17
           && e.out_ratio * 32 >= was.out_ratio * 31, "nor that of text");
        ok(e.out_mean <= was.out_mean / 16 * 19 + 1, "nor the mean");
    }
}


static void
test_encoded(void)
{
    llm_estimate_t     e;
    llm_observation_t  seen;

    memset(&e, 0, sizeof(e));

    is_int(llm_estimate_input(&e, 256400, 256000), 1100,
           "media have a token for 256 bytes");
    is_int(llm_estimate_input(&e, 1000, 1024), 3,
           "a sample may find a little more than there is");

    seen.body = 4000;
    seen.encoded = 1000;
    seen.form = 0;
    seen.input = 1000;
    seen.text = 0;
    seen.output = 1;

    llm_estimate_learn(&e, &seen);
    is_int(e.in_ratio, 7 << 7, "a quarter of media is left out: 3");

    seen.encoded = 1001;
    seen.body = 4000;
    seen.input = 100;

    llm_estimate_learn(&e, &seen);
    is_int(e.in_ratio, 7 << 7, "of more than that nothing is learned");
}


/* An average lies between what it was and what was seen, comes nearer by the
   weight that it has (and never less than one), and in the end arrives. */

static int
moves(uint32_t was, uint32_t is, uint32_t seen, int64_t weight)
{
    int64_t  far, step;

    far = llabs((int64_t) seen - was);
    step = llabs((int64_t) is - was);

    return (was < seen) == (was < is) && (was > seen) == (was > is)
           && step * weight >= far && step * weight < far + weight;
}


static uint32_t
clamp(uint64_t value, uint64_t min, uint64_t max)
{
    return value < min ? min : value > max ? max : value;
}


static void
test_averages(void)
{
    int64_t         input, output;
    uint32_t        from, ratio;
    uint64_t        body, text;
    unsigned        i, n, nin, wrong_in, wrong_out, wrong_mean;
    llm_estimate_t  e, was;

    wrong_in = 0;
    wrong_out = 0;
    wrong_mean = 0;
    nin = 0;

    for (i = 0; i < 200000; i++) {
        n = i % 1000;

        if (n == 0) {
            memset(&e, 0, sizeof(e));
            nin = 0;
        }

        was = e;

        input = 1 + (int64_t) magnitude(24);
        output = 1 + (int64_t) magnitude(24);
        body = input * (1 + rnd(80)) / (1 + rnd(8));
        text = 1 + output * (1 + rnd(80)) / (1 + rnd(8));

        learn(&e, body, input, text, output);

        if (body < (uint64_t) input) {
            wrong_in += (e.in_ratio != was.in_ratio);

        } else {
            from = was.in_ratio ? was.in_ratio : 4 << 8;
            ratio = clamp(body * 256 / input, from / 2, from * 2);
            ratio = clamp(ratio, 1 << 8, 8 << 8);
            nin += (nin < 15);
            wrong_in += !moves(from, e.in_ratio, ratio, nin + 1);
        }

        from = was.out_ratio ? was.out_ratio : 4 << 8;
        ratio = clamp(text * 256 / output, from / 2, from * 2);
        ratio = clamp(ratio, 1 << 8, 8 << 8);
        wrong_out += !moves(from, e.out_ratio, ratio, n < 15 ? n + 2 : 16);

        if (n == 0) {
            wrong_mean += (e.out_mean != output * 16);
            continue;
        }

        ratio = clamp((uint64_t) output * 16, 0,
                      clamp((uint64_t) was.out_mean * 4, 512 << 4,
                            UINT64_MAX >> 1));
        wrong_mean += !moves(was.out_mean, e.out_mean, ratio,
                             n < 15 ? n + 1 : 16);
    }

    is_int(wrong_in, 0, "the ratio of input");
    is_int(wrong_out, 0, "the ratio of text");
    is_int(wrong_mean, 0, "the mean of output");
}


static void
test_converges(void)
{
    int64_t         mean, input;
    uint64_t        body;
    unsigned        i, n, wrong;
    llm_estimate_t  e;

    wrong = 0;

    for (n = 0; n < 1000; n++) {
        memset(&e, 0, sizeof(e));

        learn(&e, 64 + rnd(1000), 64, 64, rnd(100000));

        input = 1 + (int64_t) rnd(10000);
        body = (uint64_t) input + rnd(7 * input);
        mean = 1 + (int64_t) rnd(100000);

        for (i = 0; i < 1000; i++) {
            learn(&e, body, input, 0, mean);
        }

        wrong += (e.in_ratio != body * 256 / input);
        wrong += (e.out_mean != mean * 16);

        /* and the estimate of that very body is right */

        wrong += (llm_estimate_input(&e, body, 0) < input
                  || llm_estimate_input(&e, body, 0)
                     > input + 1 + input / (int64_t) e.in_ratio);
    }

    is_int(wrong, 0, "what repeats is learned exactly");
}


static void
test_estimates(void)
{
    int64_t            tokens;
    uint64_t           bytes, more;
    unsigned           i, wrong;
    llm_estimate_t     e;
    unsigned __int128  held;

    wrong = 0;

    for (i = 0; i < 200000; i++) {
        memset(&e, 0, sizeof(e));
        e.in_ratio = 256 + (uint32_t) rnd(2048 - 255);

        bytes = magnitude(60);
        more = bytes + magnitude(20);

        tokens = llm_estimate_input(&e, bytes, 0);
        held = (unsigned __int128) tokens * e.in_ratio;

        /* the fewest tokens that hold the bytes */

        wrong += (held < (unsigned __int128) bytes * 256);
        wrong += (tokens > 0
                  && held - e.in_ratio >= (unsigned __int128) bytes * 256);
        wrong += (bytes != 0 && tokens < 1);
        wrong += (llm_estimate_input(&e, more, 0) < tokens);

        e.out_ratio = e.in_ratio;
        e.in_ratio = 0;
        wrong += (llm_estimate_text(&e, bytes) != tokens);
    }

    is_int(wrong, 0, "estimates of input and text");

    e.in_ratio = 256;
    is_int(llm_estimate_input(&e, UINT64_MAX, 0), INT64_MAX, "saturated");
}


static void
learn_form(llm_estimate_t *e, int64_t input, uint64_t text, int64_t output)
{
    llm_observation_t  seen;

    memset(&seen, 0, sizeof(seen));

    seen.form = 1;
    seen.body = 1000000;
    seen.input = input;
    seen.text = text;
    seen.output = output;

    llm_estimate_learn(e, &seen);
}


static void
test_forms(void)
{
    llm_estimate_t  e;

    memset(&e, 0, sizeof(e));
    is_int(llm_estimate_form(&e), LLM_ESTIMATE_FORM, "a form, at first");

    learn(&e, 400, 100, 40, 10);
    is_int(llm_estimate_form(&e), LLM_ESTIMATE_FORM,
           "what is no form says nothing of forms");

    learn_form(&e, 300, 80, 20);
    is_int(llm_estimate_form(&e), 300, "the mean of forms is learned");
    is_int(llm_estimate_input(&e, 400, 0), 100, "and nothing of bytes");
    is_int(llm_estimate_text(&e, 40), 10, "its output is as of all");

    learn_form(&e, 400, 80, 20);
    is_int(llm_estimate_form(&e), 350, "it is a mean");
    learn_form(&e, INT64_MAX, 80, 20);
    is_int(llm_estimate_form(&e), 700, "which nobody moves by much");

    memset(&e, 0, sizeof(e));
    learn_form(&e, 0, 0, 0);
    is_int(llm_estimate_form(&e), 0, "forms that are not counted in tokens");
    learn_form(&e, -1, 0, 0);
    is_int(llm_estimate_form(&e), 0, "less than nothing");
}


int
main(void)
{
    test_forms();
    test_unknown();
    test_learned();
    test_poison();
    test_encoded();
    test_averages();
    test_converges();
    test_estimates();

    return tap_done();
}
