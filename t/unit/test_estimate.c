
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

    is_int(llm_estimate_input(&e, 0), 0, "no bytes, no tokens");
    is_int(llm_estimate_input(&e, 1), 1, "a byte is a token at least");
    is_int(llm_estimate_input(&e, 4), 1, "four bytes a token");
    is_int(llm_estimate_input(&e, 5), 2, "rounded up");
    is_int(llm_estimate_text(&e, 4000), 1000, "of text too");
    is_int(llm_estimate_input(&e, UINT64_MAX), 1ll << 62, "all of it");

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
test_learned(void)
{
    llm_estimate_t  e;

    memset(&e, 0, sizeof(e));

    llm_estimate_learn(&e, 3000, 1000, 500, 100);

    is_int(e.in_ratio, 3 << 8, "the first request sets the ratio");
    is_int(e.out_ratio, 5 << 8, "that of text");
    is_int(e.out_mean, 100 << 4, "and the mean");
    is_int(llm_estimate_input(&e, 3001), 1001, "input");
    is_int(llm_estimate_text(&e, 500), 100, "text");
    is_int(llm_estimate_output(&e, -1, 1), 200, "twice the mean");
    is_int(llm_estimate_output(&e, 150, 2), 300, "or the cap");

    llm_estimate_learn(&e, 19000, 1000, 2100, 100);

    is_int(e.in_ratio, 4 << 8, "the second one has 1/16 of the weight");
    is_int(e.out_ratio, 6 << 8, "for text too");
    is_int(e.out_mean, 100 << 4, "what does not change stays");

    llm_estimate_learn(&e, 0, 0, 0, 1700);

    is_int(e.in_ratio, 4 << 8, "no input says nothing of input");
    is_int(e.out_ratio, 6 << 8, "no text says nothing of text");
    is_int(e.out_mean, 200 << 4, "but output of output");

    /* the ends of what is taken for text */

    memset(&e, 0, sizeof(e));
    llm_estimate_learn(&e, 6401, 100, 64, 257);
    is_int(e.in_ratio, 0, "over 64 bytes a token is no text");
    is_int(e.out_ratio, 0, "nor is less than a quarter");

    llm_estimate_learn(&e, 6400, 100, 64, 256);
    is_int(e.in_ratio, 64 << 8, "64 is");
    is_int(e.out_ratio, 64, "a quarter is");

    llm_estimate_learn(&e, UINT64_MAX, 1, UINT64_MAX, 1);
    llm_estimate_learn(&e, 1, INT64_MAX, 1, INT64_MAX);
    llm_estimate_learn(&e, 100, -1, 100, INT64_MIN);
    is_int(e.in_ratio, 64 << 8, "absurd input is ignored");
    is_int(e.out_ratio, 64, "absurd text too");

    /* an embedding model */

    memset(&e, 0, sizeof(e));
    llm_estimate_learn(&e, 400, 100, 0, 0);
    is_int(llm_estimate_output(&e, -1, 1), 0, "no output is expected");

    memset(&e, 0, sizeof(e));
    llm_estimate_learn(&e, 0, 0, 0, INT64_MAX);
    is_int(e.out_mean, UINT32_MAX, "the mean saturates");
    is_int(llm_estimate_output(&e, -1, 1), UINT32_MAX >> 3, "twice it too");
}


static int
between(uint32_t value, uint32_t from, uint32_t to)
{
    return (from <= to) ? (from <= value && value <= to)
                        : (to <= value && value <= from);
}


/* An average lies between what it was and what was seen, comes nearer by a
   sixteenth (and never less than one), and in the end arrives. */

static int
moves(uint32_t was, uint32_t is, uint32_t seen)
{
    int64_t  far, step;

    if (was == 0) {
        return is == seen;
    }

    far = (int64_t) seen - was;
    step = (int64_t) is - was;

    if (far == 0 || step == 0) {
        return far == 0 && step == 0;
    }

    return between(is, was, seen) && llabs(step) * 16 >= llabs(far)
           && llabs(step) * 16 < llabs(far) + 16;
}


static void
test_averages(void)
{
    int64_t         input, output, ratio;
    uint64_t        body, text;
    unsigned        i, wrong_in, wrong_out, wrong_mean, learned;
    llm_estimate_t  e, was;

    wrong_in = 0;
    wrong_out = 0;
    wrong_mean = 0;
    learned = 0;

    for (i = 0; i < 200000; i++) {
        if (i % 1000 == 0) {
            memset(&e, 0, sizeof(e));
        }

        was = e;

        input = 1 + (int64_t) magnitude(24);
        output = 1 + (int64_t) magnitude(24);
        body = input * (1 + rnd(80)) / (1 + rnd(8));
        text = output * (1 + rnd(80)) / (1 + rnd(8));

        llm_estimate_learn(&e, body, input, text, output);

        ratio = (int64_t) (body * 256 / input);

        if (ratio < 64 || ratio > 16384) {
            wrong_in += (e.in_ratio != was.in_ratio);

        } else {
            wrong_in += !moves(was.in_ratio, e.in_ratio, ratio);
            learned++;
        }

        ratio = (int64_t) (text * 256 / output);

        if (ratio < 64 || ratio > 16384) {
            wrong_out += (e.out_ratio != was.out_ratio);

        } else {
            wrong_out += !moves(was.out_ratio, e.out_ratio, ratio);
        }

        wrong_mean += !moves(was.out_mean, e.out_mean, output * 16);
    }

    is_int(wrong_in, 0, "the ratio of input, learned %u times", learned);
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

        llm_estimate_learn(&e, 64 + rnd(1000), 64, 64, rnd(100000));

        input = 1 + (int64_t) rnd(10000);
        body = (uint64_t) input / 4 + 1 + rnd(63 * input);
        mean = 1 + (int64_t) rnd(100000);

        for (i = 0; i < 1000; i++) {
            llm_estimate_learn(&e, body, input, 0, mean);
        }

        wrong += (e.in_ratio != body * 256 / input);
        wrong += (e.out_mean != mean * 16);

        /* and the estimate of that very body is right */

        wrong += (llm_estimate_input(&e, body) < input
                  || llm_estimate_input(&e, body)
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
        e.in_ratio = 64 + (uint32_t) rnd(16384 - 63);

        bytes = magnitude(60);
        more = bytes + magnitude(20);

        tokens = llm_estimate_input(&e, bytes);
        held = (unsigned __int128) tokens * e.in_ratio;

        /* the fewest tokens that hold the bytes */

        wrong += (held < (unsigned __int128) bytes * 256);
        wrong += (tokens > 0
                  && held - e.in_ratio >= (unsigned __int128) bytes * 256);
        wrong += (bytes != 0 && tokens < 1);
        wrong += (llm_estimate_input(&e, more) < tokens);

        e.out_ratio = e.in_ratio;
        e.in_ratio = 0;
        wrong += (llm_estimate_text(&e, bytes) != tokens);
    }

    is_int(wrong, 0, "estimates of input and text");

    e.in_ratio = 64;
    is_int(llm_estimate_input(&e, UINT64_MAX), INT64_MAX, "saturated");
}


int
main(void)
{
    test_unknown();
    test_learned();
    test_averages();
    test_converges();
    test_estimates();

    return tap_done();
}
