
/*
 * Copyright (C) the llm_quota authors
 */


#include <string.h>

#include "llm_price_name.h"


/* More digits than the tokens of any threshold. */
#define LLM_PRICE_DIGITS    9

#define LLM_PRICE_ODD       10

#define LLM_NAME_DATE       (sizeof("-20250929") - 1)
#define LLM_NAME_LONG_DATE  (sizeof("-2025-09-29") - 1)


typedef struct {
    const char              *name;
    llm_price_component_e    component;
} llm_price_base_t;


typedef struct {
    const char              *name;
    llm_tier_e               tier;
} llm_price_suffix_t;


static int llm_price_member_suffixes(llm_price_member_t *member,
    const u_char *p, const u_char *last);
static const u_char *llm_price_member_tier(llm_price_member_t *member,
    const u_char *p, const u_char *last);
static const u_char *llm_price_member_above(llm_price_member_t *member,
    const u_char *p, const u_char *last);
static llm_price_rates_t *llm_price_rates(llm_price_t *price, int64_t above);
static int64_t llm_price_dearer(int64_t a, int64_t b);
static size_t llm_name_date(const u_char *name, size_t len);
static size_t llm_name_vertex(const u_char *name, size_t len);
static size_t llm_name_bedrock(const u_char *name, size_t len);
static int llm_name_is_date(const u_char *year, const u_char *month,
    const u_char *day);
static int llm_name_pair(const u_char *p, int from, int to);
static const u_char *llm_after(const u_char *p, const u_char *last,
    const char *word);


static const llm_price_base_t  llm_price_bases[] = {
    { "input_cost_per_token", LLM_PRICE_INPUT },
    { "output_cost_per_token", LLM_PRICE_OUTPUT },
    { "cache_read_input_token_cost", LLM_PRICE_CACHE_READ },
    { "input_cost_per_token_cache_hit", LLM_PRICE_CACHE_READ },
    { "cache_creation_input_token_cost", LLM_PRICE_CACHE_WRITE },
    { "cache_creation_input_token_cost_above_1hr", LLM_PRICE_CACHE_WRITE_1H },
    { "output_cost_per_reasoning_token", LLM_PRICE_REASONING },
    { "input_cost_per_audio_token", LLM_PRICE_AUDIO_IN },
    { "output_cost_per_audio_token", LLM_PRICE_AUDIO_OUT },
    { "input_cost_per_image_token", LLM_PRICE_IMAGE_IN },
    { "output_cost_per_image_token", LLM_PRICE_IMAGE_OUT },
    { "output_cost_per_video_token", LLM_PRICE_VIDEO_OUT },
    { "citation_cost_per_token", LLM_PRICE_CITATION },
    { NULL, LLM_PRICE_COMPONENTS }
};


static const llm_price_suffix_t  llm_price_suffixes[] = {
    { "_flex", LLM_TIER_FLEX },
    { "_priority", LLM_TIER_PRIORITY },
    { "_batches", LLM_TIER_BATCH },
    { NULL, LLM_TIER_DEFAULT }
};


static const char *const  llm_name_regions[] = {
    "us.", "eu.", "global.", "apac.", "jp.", "au.", "ca.", "us-gov.", NULL
};


int
llm_price_member(llm_price_member_t *member, const u_char *name, size_t len)
{
    const u_char            *p, *last;
    const llm_price_base_t  *base;

    last = name + len;

    /* a base that begins another one leaves a rest that is no suffix */

    for (base = llm_price_bases; base->name; base++) {
        p = llm_after(name, last, base->name);

        if (p == NULL) {
            continue;
        }

        member->component = base->component;
        member->tier = LLM_TIER_DEFAULT;
        member->above = 0;

        if (llm_price_member_suffixes(member, p, last) == 0) {
            return 0;
        }
    }

    return -1;
}


static int
llm_price_member_suffixes(llm_price_member_t *member, const u_char *p,
    const u_char *last)
{
    const u_char  *next;

    while (p != last) {
        next = llm_price_member_tier(member, p, last);

        if (next == NULL) {
            next = llm_price_member_above(member, p, last);
        }

        if (next == NULL) {
            return -1;
        }

        p = next;
    }

    return 0;
}


static const u_char *
llm_price_member_tier(llm_price_member_t *member, const u_char *p,
    const u_char *last)
{
    const u_char              *next;
    const llm_price_suffix_t  *suffix;

    for (suffix = llm_price_suffixes; suffix->name; suffix++) {
        next = llm_after(p, last, suffix->name);

        if (next && member->tier == LLM_TIER_DEFAULT) {
            member->tier = suffix->tier;
            return next;
        }
    }

    return NULL;
}


/* "_above_200k_tokens", and without the k as newer lists may have it. */

static const u_char *
llm_price_member_above(llm_price_member_t *member, const u_char *p,
    const u_char *last)
{
    int64_t        above;
    const u_char  *first;

    p = llm_after(p, last, "_above_");

    if (p == NULL || member->above) {
        return NULL;
    }

    above = 0;

    for (first = p; p != last && *p >= '0' && *p <= '9'; p++) {
        if (p - first == LLM_PRICE_DIGITS) {
            return NULL;
        }

        above = above * 10 + (*p - '0');
    }

    if (above == 0) {
        return NULL;
    }

    if (p != last && *p == 'k') {
        above *= 1000;
        p++;
    }

    member->above = above;

    return llm_after(p, last, "_tokens");
}


int
llm_price_put(llm_price_t *price, const llm_price_member_t *member,
    int64_t unit)
{
    int64_t            *listed;
    llm_price_rates_t  *rates;

    rates = llm_price_rates(price, member->above);

    if (rates == NULL) {
        return -1;
    }

    listed = &rates->unit[member->tier][member->component];
    *listed = llm_price_dearer(*listed, unit);

    return 0;
}


static llm_price_rates_t *
llm_price_rates(llm_price_t *price, int64_t above)
{
    int                level, last;
    llm_price_rates_t  unset;

    for (level = 0; level <= price->thresholds; level++) {
        if (price->above[level] == above) {
            return &price->rates[level];
        }
    }

    if (price->thresholds == LLM_PRICE_THRESHOLDS) {
        return NULL;
    }

    /* no threshold has used it yet */

    last = ++price->thresholds;
    unset = price->rates[last];

    for (level = last; price->above[level - 1] > above; level--) {
        price->rates[level] = price->rates[level - 1];
        price->above[level] = price->above[level - 1];
    }

    price->rates[level] = unset;
    price->above[level] = above;

    return &price->rates[level];
}


void
llm_price_complete(llm_price_t *price)
{
    int64_t  *unit;

    unit = price->rates[0].unit[LLM_TIER_DEFAULT];

    if (unit[LLM_PRICE_INPUT] < 0) {
        unit[LLM_PRICE_INPUT] = llm_price_dearer(unit[LLM_PRICE_AUDIO_IN],
                                                 unit[LLM_PRICE_IMAGE_IN]);
    }

    if (unit[LLM_PRICE_OUTPUT] < 0) {
        unit[LLM_PRICE_OUTPUT] = llm_price_dearer(unit[LLM_PRICE_AUDIO_OUT],
                                                  unit[LLM_PRICE_IMAGE_OUT]);
        unit[LLM_PRICE_OUTPUT] = llm_price_dearer(unit[LLM_PRICE_OUTPUT],
                                                  unit[LLM_PRICE_VIDEO_OUT]);
        unit[LLM_PRICE_OUTPUT] = llm_price_dearer(unit[LLM_PRICE_OUTPUT],
                                                  unit[LLM_PRICE_REASONING]);
    }
}


static int64_t
llm_price_dearer(int64_t a, int64_t b)
{
    return (a > b) ? a : b;
}


int
llm_price_is_odd(const llm_price_t *price)
{
    int             level, tier, i;
    const int64_t  *base, *unit;

    for (level = 0; level <= price->thresholds; level++) {
        base = price->rates[level].unit[LLM_TIER_DEFAULT];

        for (tier = 0; tier < LLM_PRICE_TIERS; tier++) {
            unit = price->rates[level].unit[tier];

            for (i = 0; i < LLM_PRICE_COMPONENTS; i++) {
                if (base[i] > 0 && unit[i] / LLM_PRICE_ODD > base[i]) {
                    return 1;
                }
            }
        }
    }

    return 0;
}


size_t
llm_price_name_prefix(const u_char *name, size_t len)
{
    const u_char       *p, *last;
    const char *const  *region;

    last = name + len;

    p = memchr(name, '/', len);

    if (p) {
        return (++p == last) ? 0 : p - name;
    }

    for (region = llm_name_regions; *region; region++) {
        p = llm_after(name, last, *region);

        if (p) {
            return (p == last) ? 0 : p - name;
        }
    }

    return 0;
}


size_t
llm_price_name_stem(const u_char *name, size_t len)
{
    size_t  n;

    n = llm_name_date(name, len);

    if (n == 0) {
        n = llm_name_vertex(name, len);
    }

    if (n == 0) {
        n = llm_name_bedrock(name, len);
    }

    return n;
}


static size_t
llm_name_date(const u_char *name, size_t len)
{
    const u_char  *p;

    if (len > LLM_NAME_DATE) {
        p = name + len - LLM_NAME_DATE;

        if (p[0] == '-' && llm_name_is_date(p + 1, p + 5, p + 7)) {
            return p - name;
        }
    }

    if (len > LLM_NAME_LONG_DATE) {
        p = name + len - LLM_NAME_LONG_DATE;

        if (p[0] == '-' && p[5] == '-' && p[8] == '-'
            && llm_name_is_date(p + 1, p + 6, p + 9))
        {
            return p - name;
        }
    }

    return 0;
}


static size_t
llm_name_vertex(const u_char *name, size_t len)
{
    const u_char  *p, *last, *version;

    last = name + len;

    for (version = last; version != name && version[-1] != '@'; version--) {
        /* void */
    }

    if (version - name < 2 || version == last) {
        return 0;
    }

    for (p = version; p != last && *p >= '0' && *p <= '9'; p++) {
        /* void */
    }

    if (p != last
        && llm_after(version, last, "default") != last
        && llm_after(version, last, "latest") != last)
    {
        return 0;
    }

    return version - 1 - name;
}


static size_t
llm_name_bedrock(const u_char *name, size_t len)
{
    const u_char  *p, *colon;

    for (p = name + len; p != name && p[-1] >= '0' && p[-1] <= '9'; p--) {
        /* void */
    }

    if (p == name + len || p == name || p[-1] != ':') {
        return 0;
    }

    colon = --p;

    while (p != name && p[-1] >= '0' && p[-1] <= '9') {
        p--;
    }

    if (p == colon || p - name < 2 || p[-1] != 'v' || p[-2] != '-') {
        return 0;
    }

    return p - 2 - name;
}


static int
llm_name_is_date(const u_char *year, const u_char *month, const u_char *day)
{
    return llm_name_pair(year, 20, 20) && llm_name_pair(year + 2, 0, 99)
           && llm_name_pair(month, 1, 12) && llm_name_pair(day, 1, 31);
}


static int
llm_name_pair(const u_char *p, int from, int to)
{
    int  n;

    if (p[0] < '0' || p[0] > '9' || p[1] < '0' || p[1] > '9') {
        return 0;
    }

    n = (p[0] - '0') * 10 + (p[1] - '0');

    return n >= from && n <= to;
}


/* What follows a word, NULL if the text does not begin with it. */

static const u_char *
llm_after(const u_char *p, const u_char *last, const char *word)
{
    size_t  len;

    len = strlen(word);

    if ((size_t) (last - p) < len || memcmp(p, word, len) != 0) {
        return NULL;
    }

    return p + len;
}
