
/*
 * Copyright (C) the llm_quota authors
 */


#include "price.h"


typedef __int128  wide_t;


static uint64_t  seed = 0x853c49e6748fea9b;


static uint64_t
rnd(uint64_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;

    return (seed >> 11) % n;
}


/* All magnitudes alike, up to so many bits. */

static int64_t
magnitude(int bits)
{
    uint64_t  n;

    n = rnd(1ull << 32) << 32 | rnd(1ull << 32);

    return (int64_t) (n >> (64 - bits) >> rnd(bits));
}


static void
test_tiers(void)
{
    llm_price_t  p;
    llm_usage_t  u;

    /* 2.5 and 10; flex 1.25 in; priority 4.25 and 17; cached 1.25 */

    base(&p, 2500, 10000);
    set(&p, 0, LLM_TIER_DEFAULT, LLM_PRICE_CACHE_READ, 1250);
    set(&p, 0, LLM_TIER_FLEX, LLM_PRICE_INPUT, 1250);
    set(&p, 0, LLM_TIER_PRIORITY, LLM_PRICE_INPUT, 4250);
    set(&p, 0, LLM_TIER_PRIORITY, LLM_PRICE_OUTPUT, 17000);

    u = used(1000, 1000);
    u.cached_read = 400;

    is_int(llm_price_charge(&p, &u, LLM_TIER_DEFAULT),
           1500000 + 500000 + 10000000, "default");
    is_int(llm_price_charge(&p, &u, LLM_TIER_FLEX),
           750000 + 500000 + 10000000, "flex, member by member");
    is_int(llm_price_charge(&p, &u, LLM_TIER_PRIORITY),
           2550000 + 500000 + 17000000, "priority");
    is_int(llm_price_charge(&p, &u, LLM_TIER_BATCH),
           750000 + 250000 + 5000000, "a batch costs half");

    set(&p, 0, LLM_TIER_BATCH, LLM_PRICE_OUTPUT, 1000);
    is_int(llm_price_charge(&p, &u, LLM_TIER_BATCH),
           750000 + 250000 + 1000000, "or what is listed");

    u.cache_write_1h = 100;
    is_int(llm_price_charge(&p, &u, LLM_TIER_BATCH),
           625000 + 250000 + 250000 + 1000000,
           "what falls back to the input is halved once");

    p.thresholds = 2;
    p.above[1] = 100;
    p.above[2] = 5000;
    set(&p, 1, LLM_TIER_DEFAULT, LLM_PRICE_INPUT, 6000);
    set(&p, 1, LLM_TIER_BATCH, LLM_PRICE_OUTPUT, 7000);
    u = used(1000, 1000);

    is_int(llm_price_charge(&p, &u, LLM_TIER_FLEX), 6000000 + 10000000,
           "the threshold before the tier");
    is_int(llm_price_charge(&p, &u, LLM_TIER_BATCH), 3000000 + 7000000,
           "the threshold's own tier before all");

    u = used(5001, 0);
    is_int(llm_price_charge(&p, &u, LLM_TIER_FLEX), 5001 * 1250,
           "a threshold falls back to the base, not to the one below");

    llm_price_init(&p);
    p.rates[0].unit[LLM_TIER_DEFAULT][LLM_PRICE_INPUT] = 1001;
    u = used(1000, 0);
    is_int(llm_price_charge(&p, &u, LLM_TIER_BATCH), 501,
           "half an odd price is rounded up");

    p.rates[0].unit[LLM_TIER_DEFAULT][LLM_PRICE_CACHE_WRITE] = 1001;
    u.cache_write_1h = 1000;
    is_int(llm_price_charge(&p, &u, LLM_TIER_DEFAULT), 1602,
           "1601.6 is rounded to a whole price");
}


static void
test_rounding(void)
{
    llm_price_t  p;
    llm_usage_t  u;

    llm_price_init(&p);
    p.rates[0].unit[LLM_TIER_DEFAULT][LLM_PRICE_INPUT] = 1;
    p.rates[0].unit[LLM_TIER_DEFAULT][LLM_PRICE_OUTPUT] = 1;

    u = used(499, 0);
    is_int(llm_price_charge(&p, &u, LLM_TIER_DEFAULT), 0, "499 pico");
    is_int(bound(&p, 1, 0), 1, "the bound is rounded up");
    is_int(bound(&p, 0, 0), 0, "of nothing it is nothing");

    u = used(500, 0);
    is_int(llm_price_charge(&p, &u, LLM_TIER_DEFAULT), 1, "500 pico");

    u = used(250, 250);
    is_int(llm_price_charge(&p, &u, LLM_TIER_DEFAULT), 1, "rounded once");

    p.rates[0].unit[LLM_TIER_DEFAULT][LLM_PRICE_INPUT] = INT64_MAX;
    p.rates[0].unit[LLM_TIER_DEFAULT][LLM_PRICE_OUTPUT] = INT64_MAX;
    p.rates[0].unit[LLM_TIER_DEFAULT][LLM_PRICE_CACHE_WRITE] = INT64_MAX;
    p.request = INT64_MAX;
    p.web_search[LLM_SEARCH_MEDIUM] = INT64_MAX;

    u = used(INT64_MAX, INT64_MAX);
    u.cached_read = INT64_MAX;
    u.cache_write_1h = INT64_MAX;
    u.reasoning = INT64_MAX;
    u.web_searches = INT64_MAX;
    ok(llm_price_charge(&p, &u, LLM_TIER_DEFAULT) == LLM_MONEY_MAX
       && llm_price_charge(&p, &u, LLM_TIER_BATCH) == LLM_MONEY_MAX,
       "a charge saturates");
    ok(bound(&p, INT64_MAX, INT64_MAX) == LLM_MONEY_MAX,
       "so does a bound");

    u = used(0, 0);
    u.web_searches = 1000;
    p.request = 0;
    is_int(llm_price_charge(&p, &u, LLM_TIER_DEFAULT), LLM_MONEY_MAX,
           "the largest charge that fits");

    base(&p, 1000, 1000);
    u = used(-5, -5);
    u.cached_read = -1;
    u.web_searches = -1;
    p.web_search[LLM_SEARCH_MEDIUM] = 1000000;
    is_int(llm_price_charge(&p, &u, LLM_TIER_DEFAULT), 0,
           "negative counts are nothing");
    is_int(bound(&p, -1, -1), 0, "in a bound too");
}


static void
test_predicates(void)
{
    int          i, level, tier, wrong;
    int64_t      *number;
    llm_price_t  p;

    memset(&p, 0x55, sizeof(p));
    llm_price_init(&p);

    wrong = 0;

    for (level = 0; level <= LLM_PRICE_THRESHOLDS; level++) {
        for (tier = 0; tier < LLM_PRICE_TIERS; tier++) {
            for (i = 0; i < LLM_PRICE_COMPONENTS; i++) {
                wrong += p.rates[level].unit[tier][i] != LLM_PRICE_UNSET;
            }
        }
    }

    ok(wrong == 0 && p.thresholds == 0 && p.request == 0
       && p.web_search[LLM_SEARCH_LOW] == 0 && p.query == LLM_PRICE_UNSET
       && p.second == LLM_PRICE_UNSET && p.image == LLM_PRICE_UNSET
       && p.fast == 0 && p.us == 0 && p.max_input == 0 && p.max_output == 0,
       "initial");

    ok(llm_price_is_empty(&p) && !llm_price_is_free(&p),
       "an unset price is not free");

    set(&p, 0, LLM_TIER_FLEX, LLM_PRICE_INPUT, 0);
    set(&p, 0, LLM_TIER_DEFAULT, LLM_PRICE_CACHE_READ, 0);
    ok(llm_price_is_empty(&p) && !llm_price_is_free(&p),
       "a component alone is no price");

    set(&p, 0, LLM_TIER_DEFAULT, LLM_PRICE_OUTPUT, 0);
    ok(!llm_price_is_empty(&p) && llm_price_is_free(&p), "output 0");

    set(&p, 0, LLM_TIER_DEFAULT, LLM_PRICE_INPUT, 0);
    ok(!llm_price_is_empty(&p) && llm_price_is_free(&p), "both 0");

    set(&p, 0, LLM_TIER_PRIORITY, LLM_PRICE_IMAGE_OUT, 1);
    ok(!llm_price_is_free(&p), "a tier's component costs");

    set(&p, 0, LLM_TIER_PRIORITY, LLM_PRICE_IMAGE_OUT, 0);
    set(&p, 1, LLM_TIER_DEFAULT, LLM_PRICE_INPUT, 1);
    ok(llm_price_is_free(&p), "no threshold, nothing beyond it");

    p.thresholds = 1;
    p.above[1] = 1000;
    ok(!llm_price_is_free(&p), "a threshold costs");

    p.thresholds = 0;
    p.web_search[LLM_SEARCH_HIGH] = 1;
    ok(!llm_price_is_free(&p), "a search costs");

    p.web_search[LLM_SEARCH_HIGH] = 0;
    p.request = 1;
    ok(!llm_price_is_free(&p), "a request costs");

    llm_price_init(&p);
    p.request = 1;
    ok(!llm_price_is_empty(&p) && !llm_price_is_free(&p),
       "a price for the request is a price");

    llm_price_init(&p);
    set(&p, 0, LLM_TIER_DEFAULT, LLM_PRICE_INPUT, 1);
    ok(!llm_price_is_empty(&p) && !llm_price_is_free(&p), "input 0.001");

    for (i = 0; i < 3; i++) {
        llm_price_init(&p);
        number = (i == 0) ? &p.query : (i == 1) ? &p.second : &p.image;

        *number = 0;
        ok(!llm_price_is_empty(&p) && llm_price_is_free(&p),
           "another unit that is free, %d", i);

        *number = 1;
        ok(!llm_price_is_empty(&p) && !llm_price_is_free(&p),
           "another unit that costs, %d", i);
    }
}


static int64_t
any_unit(int bits)
{
    switch (rnd(4)) {

    case 0:
    case 1:
        return LLM_PRICE_UNSET;

    case 2:
        return rnd(8) ? (int64_t) rnd(100) : 0;

    default:
        return magnitude(bits);
    }
}


static void
any_price(llm_price_t *p, int bits)
{
    int  i, level, tier;

    llm_price_init(p);

    for (level = 0; level <= LLM_PRICE_THRESHOLDS; level++) {
        for (tier = 0; tier < LLM_PRICE_TIERS; tier++) {
            for (i = 0; i < LLM_PRICE_COMPONENTS; i++) {
                p->rates[level].unit[tier][i] = any_unit(bits);
            }
        }
    }

    p->thresholds = (int) rnd(LLM_PRICE_THRESHOLDS + 1);

    for (i = 1; i <= LLM_PRICE_THRESHOLDS; i++) {
        p->above[i] = p->above[i - 1] + 1 + magnitude(bits - 4);
    }

    p->request = rnd(2) ? magnitude(bits) : 0;
    p->query = any_unit(bits);
    p->second = any_unit(bits);
    p->image = any_unit(bits);
    p->fast = rnd(2) ? 0 : 1000 + (int64_t) rnd(6000);
    p->us = rnd(2) ? 0 : 1000 + (int64_t) rnd(300);

    for (i = 0; i < LLM_SEARCH_SIZES; i++) {
        p->web_search[i] = rnd(2) ? magnitude(bits) : 0;
    }
}


static int64_t
any_part(int64_t whole)
{
    switch (rnd(8)) {

    case 0:
        return -magnitude(40);

    case 1:
        return magnitude(62);

    case 2:
        return whole;

    case 3:
    case 4:
        return 0;

    default:
        return whole / (int64_t) (1 + rnd(8));
    }
}


static void
any_usage(llm_usage_t *u, const llm_price_t *p, int bits)
{
    *u = used(magnitude(bits), magnitude(bits));

    if (p->thresholds && rnd(2)) {
        u->input = p->above[1 + rnd(p->thresholds)] + (int64_t) rnd(3) - 1;
    }

    u->cached_read = any_part(u->input);
    u->cache_write_5m = any_part(u->input);
    u->cache_write_1h = any_part(u->input);
    u->audio_in = any_part(u->input);
    u->image_in = any_part(u->input);
    u->reasoning = any_part(u->output);
    u->audio_out = any_part(u->output);
    u->image_out = any_part(u->output);
    u->video_out = any_part(u->output);
    u->citation = any_part(u->output);
    u->web_searches = rnd(2) ? magnitude(20) : 0;
    u->queries = rnd(2) ? magnitude(20) : -1;
    u->seconds = rnd(2) ? magnitude(20) : 0;
    u->images = rnd(2) ? magnitude(8) : 0;
    u->traits = rnd(16);

    if (rnd(8) == 0) {
        u->output = 0;
    }
}


/* The charge as one would write it down, component by component. */

typedef struct {
    const llm_price_t  *price;
    llm_tier_e          tier;
    int                 level;
    int64_t             left;
} oracle_t;


static int64_t
half(const oracle_t *o, int64_t unit)
{
    if (unit == LLM_PRICE_UNSET || o->tier != LLM_TIER_BATCH) {
        return unit;
    }

    return unit / 2 + unit % 2;
}


static int64_t
first(const oracle_t *o, llm_price_component_e c)
{
    int      i;
    int64_t  unit[4];

    unit[0] = o->price->rates[o->level].unit[o->tier][c];
    unit[1] = half(o, o->price->rates[o->level].unit[0][c]);
    unit[2] = o->price->rates[0].unit[o->tier][c];
    unit[3] = half(o, o->price->rates[0].unit[0][c]);

    for (i = 0; i < 3 && unit[i] == LLM_PRICE_UNSET; i++) { /* void */ }

    return unit[i];
}


static int64_t
either(const oracle_t *o, llm_price_component_e c, llm_price_component_e whole)
{
    int64_t  unit;

    unit = first(o, c);
    unit = (unit == LLM_PRICE_UNSET) ? first(o, whole) : unit;

    return (unit == LLM_PRICE_UNSET) ? 0 : unit;
}


static int64_t
hour(const oracle_t *o)
{
    int64_t  unit, write;

    unit = first(o, LLM_PRICE_CACHE_WRITE_1H);
    write = first(o, LLM_PRICE_CACHE_WRITE);

    if (unit != LLM_PRICE_UNSET) {
        return unit;
    }

    if (write == LLM_PRICE_UNSET) {
        return 2 * either(o, LLM_PRICE_INPUT, LLM_PRICE_INPUT);
    }

    /* 1.6 is 1 and three fifths */

    return write + write / 5 * 3 + (write % 5 * 3 + 2) / 5;
}


static int64_t
take(oracle_t *o, int64_t n)
{
    n = (n < 0) ? 0 : n;
    n = (n > o->left) ? o->left : n;

    o->left -= n;

    return n;
}


static wide_t
price_of(int64_t count, int64_t unit)
{
    return (unit == LLM_PRICE_UNSET || count < 0) ? 0 : (wide_t) count * unit;
}


/* In millionths of pico-dollars, for two factors. */

static wide_t
oracle_pico(const llm_price_t *p, const llm_usage_t *u, llm_tier_e tier)
{
    int       i, size;
    wide_t    sum, units;
    oracle_t  o;

    o.price = p;
    o.tier = tier;
    o.level = 0;

    for (i = 1; i <= p->thresholds; i++) {
        if (u->input > p->above[i]) {
            o.level = i;
        }
    }

    size = (u->traits & LLM_TRAIT_SEARCH_HIGH) ? 2
           : (u->traits & LLM_TRAIT_SEARCH_LOW) ? 1 : 0;

    units = p->request;
    units += (wide_t) u->web_searches * p->web_search[size];
    units += price_of(u->queries < 1 ? 1 : u->queries, p->query);
    units += price_of(u->seconds, p->second);

    if (u->output == 0 || p->rates[0].unit[0][LLM_PRICE_OUTPUT] < 0) {
        units += price_of(u->images, p->image);
    }

    sum = 0;
    o.left = u->input;
    sum += (wide_t) take(&o, u->cached_read)
           * either(&o, LLM_PRICE_CACHE_READ, LLM_PRICE_INPUT);
    sum += (wide_t) take(&o, u->cache_write_5m)
           * either(&o, LLM_PRICE_CACHE_WRITE, LLM_PRICE_INPUT);
    sum += (wide_t) take(&o, u->cache_write_1h) * hour(&o);
    sum += (wide_t) take(&o, u->audio_in)
           * either(&o, LLM_PRICE_AUDIO_IN, LLM_PRICE_INPUT);
    sum += (wide_t) take(&o, u->image_in)
           * either(&o, LLM_PRICE_IMAGE_IN, LLM_PRICE_INPUT);
    sum += (wide_t) o.left * either(&o, LLM_PRICE_INPUT, LLM_PRICE_INPUT);

    o.left = u->output;
    sum += (wide_t) take(&o, u->reasoning)
           * either(&o, LLM_PRICE_REASONING, LLM_PRICE_OUTPUT);
    sum += (wide_t) take(&o, u->audio_out)
           * either(&o, LLM_PRICE_AUDIO_OUT, LLM_PRICE_OUTPUT);
    sum += (wide_t) take(&o, u->image_out)
           * either(&o, LLM_PRICE_IMAGE_OUT, LLM_PRICE_OUTPUT);
    sum += (wide_t) take(&o, u->video_out)
           * either(&o, LLM_PRICE_VIDEO_OUT, LLM_PRICE_OUTPUT);
    sum += (wide_t) take(&o, u->citation)
           * either(&o, LLM_PRICE_CITATION, LLM_PRICE_OUTPUT);
    sum += (wide_t) o.left * either(&o, LLM_PRICE_OUTPUT, LLM_PRICE_OUTPUT);

    /* beyond all money */

    if (sum >> 100 || units >> 100) {
        return (wide_t) 1 << 120;
    }

    sum *= (u->traits & LLM_TRAIT_FAST) && p->fast ? p->fast : 1000;
    sum *= (u->traits & LLM_TRAIT_US) && p->us ? p->us : 1000;

    return sum + units * 1000000;
}


static void
test_oracle(int bits)
{
    int          wrong, saturated;
    wide_t       pico;
    int64_t      charge, expected;
    unsigned     i;
    llm_tier_e   tier;
    llm_price_t  p;
    llm_usage_t  u;

    wrong = 0;
    saturated = 0;

    for (i = 0; i < 100000; i++) {
        if (i % 16 == 0) {
            any_price(&p, bits);
        }

        any_usage(&u, &p, bits);
        tier = (llm_tier_e) rnd(LLM_PRICE_TIERS);

        pico = oracle_pico(&p, &u, tier);
        charge = llm_price_charge(&p, &u, tier);

        if (pico / 1000000000 >= LLM_MONEY_MAX) {
            expected = LLM_MONEY_MAX;
            saturated++;

        } else {
            expected = (int64_t) (pico / 1000000000)
                       + (pico % 1000000000 >= 500000000);
        }

        if (charge != expected && wrong++ == 0) {
            printf("# charge %lld, expected %lld\n", (long long) charge,
                   (long long) expected);
        }
    }

    is_int(wrong, 0, "charges of %d bits, %d saturated", bits, saturated);
}


/* Whatever is billed within the bounds of input and output costs at most the
   bound; and the bound is met by something. */

static void
test_bound(int bits)
{
    int          wrong, met;
    int64_t      bound, charge, input, output;
    unsigned     i, j;
    llm_price_t  p;
    llm_usage_t  u, most;

    wrong = 0;
    met = 0;

    for (i = 0; i < 20000; i++) {
        any_price(&p, bits);

        input = magnitude(bits);
        output = magnitude(bits);

        if (p.thresholds && rnd(2)) {
            input = p.above[1 + rnd(p.thresholds)] + (int64_t) rnd(3) - 1;
        }

        most = used(input, output);
        most.queries = magnitude(10);
        most.images = magnitude(4);
        most.traits = rnd(2) ? LLM_TRAIT_FAST : 0;

        bound = llm_price_bound(&p, &most);

        for (j = 0; j < 16; j++) {
            any_usage(&u, &p, bits);

            if (u.input > input || rnd(2)) {
                u.input = input;
            }

            if (u.output > output || rnd(2)) {
                u.output = output;
            }

            u.web_searches = 0;
            u.seconds = 0;
            u.traits &= most.traits | LLM_TRAIT_US;
            u.queries = rnd(2) ? most.queries : u.queries % (most.queries + 1);
            u.images = rnd(2) ? most.images : 0;

            charge = llm_price_charge(&p, &u,
                                      (llm_tier_e) rnd(LLM_PRICE_TIERS));
            wrong += (charge > bound);
            met += (charge == bound);
        }
    }

    is_int(wrong, 0, "no charge of %d bits over its bound", bits);
    ok(met > 0, "met by %d", met);
}


/* One dear component anywhere: the bound is what it costs, and not more. */

static void
test_tight(void)
{
    int          i, level, tier, wrong;
    int64_t      n;
    llm_price_t  p;

    wrong = 0;

    for (level = 0; level <= 2; level++) {
        for (tier = 0; tier < LLM_PRICE_TIERS; tier++) {
            for (i = 0; i < LLM_PRICE_COMPONENTS; i++) {
                base(&p, 10, 10);
                p.thresholds = 2;
                p.above[1] = 1000;
                p.above[2] = 2000;
                set(&p, level, tier, i, 1000);

                n = (i == LLM_PRICE_OUTPUT || i == LLM_PRICE_REASONING
                     || i == LLM_PRICE_AUDIO_OUT || i == LLM_PRICE_IMAGE_OUT
                     || i == LLM_PRICE_VIDEO_OUT || i == LLM_PRICE_CITATION)
                    ? 1100 * 20 + 1000 * 1000 : 1100 * 1000 + 1000 * 10;

                if (i == LLM_PRICE_INPUT) {
                    n = 1100 * 2000 + 1000 * 10;

                } else if (i == LLM_PRICE_CACHE_WRITE) {
                    n = 1100 * 1600 + 1000 * 10;
                }

                /* the second threshold is out of reach */

                if (level == 2) {
                    n = 1100 * 20 + 1000 * 10;
                }

                if (bound(&p, 1100, 1000) != n) {
                    wrong++;
                }
            }
        }
    }

    is_int(wrong, 0, "the dearest component within reach");
}


int
main(void)
{
    test_tiers();
    test_rounding();
    test_predicates();
    test_tight();

    test_oracle(24);
    test_oracle(32);
    test_oracle(58);

    test_bound(24);
    test_bound(40);
    test_bound(58);

    return tap_done();
}
