
/*
 * Copyright (C) the llm_quota authors
 */


#include <string.h>

#include "llm_series.h"


/*
 * A hash with open addresses, of which a name can have a few.  What makes a
 * series one is its state, which is written last: who is killed before leaves
 * a free one.
 */


#define LLM_SERIES_PROBES  16


static void llm_series_set(llm_zone_t *z, llm_series_t *s, const u_char *team,
    size_t n, const u_char *model, size_t m);
static uint32_t llm_series_hash(llm_zone_t *z, const u_char *team, size_t n,
    uint32_t model);
static llm_series_t *llm_series_look(llm_zone_t *z, const u_char *team,
    size_t n, const u_char *model, size_t m);


void
llm_series_init(llm_zone_t *z)
{
    size_t    n;
    u_char   *other;

    other = (u_char *) LLM_SERIES_OTHER;
    n = sizeof(LLM_SERIES_OTHER) - 1;

    llm_series_set(z, llm_zone_series(z, 0), other, n, other, n);
}


static void
llm_series_set(llm_zone_t *z, llm_series_t *s, const u_char *team, size_t n,
    const u_char *model, size_t m)
{
    s->model_hash = llm_zone_hash(z, model, m, LLM_HASH_SERIES);
    s->hash = llm_series_hash(z, team, n, s->model_hash);
    s->team_len = n;
    s->model_len = m;

    /* an empty name may be nowhere */

    if (n) {
        memcpy(s->text, team, n);
    }

    if (m) {
        memcpy(s->text + n, model, m);
    }

    __atomic_store_n(&s->state, 1, __ATOMIC_RELEASE);
}


static uint32_t
llm_series_hash(llm_zone_t *z, const u_char *team, size_t n, uint32_t model)
{
    return llm_zone_hash(z, team, n, LLM_HASH_SERIES) + 31 * model;
}


llm_series_t *
llm_series_find(llm_zone_t *z, const u_char *team, size_t n,
    const u_char *model, size_t m)
{
    llm_series_t  *s;

    s = llm_series_look(z, team, n, model, m);

    return llm_series_is(s) ? s : NULL;
}


llm_series_t *
llm_series_add(llm_zone_t *z, const u_char *team, size_t n,
    const u_char *model, size_t m)
{
    llm_series_t  *s;

    s = llm_series_look(z, team, n, model, m);

    if (!llm_series_is(s)) {
        llm_series_set(z, s, team, n, model, m);
    }

    return s;
}


/* The series, or a free one for it, or the first one, where all places that it
   could have are others'. */

static llm_series_t *
llm_series_look(llm_zone_t *z, const u_char *team, size_t n,
    const u_char *model, size_t m)
{
    uint32_t       i, at, hash;
    llm_series_t  *s;

    if (n > LLM_SERIES_NAME || m > LLM_SERIES_NAME) {
        return llm_zone_series(z, 0);
    }

    hash = llm_series_hash(z, team, n,
                           llm_zone_hash(z, model, m, LLM_HASH_SERIES));
    at = 0;

    for (i = 0; i <= LLM_SERIES_PROBES && i < z->nseries; i++) {
        s = llm_zone_series(z, at);

        if (!llm_series_is(s)
            || (s->hash == hash && s->team_len == n && s->model_len == m
                && (n == 0 || memcmp(s->text, team, n) == 0)
                && (m == 0 || memcmp(s->text + n, model, m) == 0)))
        {
            return s;
        }

        /* behind the first one */

        at = 1 + (hash + i) % (z->nseries - 1 + (z->nseries == 1));
    }

    return llm_zone_series(z, 0);
}


int
llm_series_same_model(const llm_series_t *a, const llm_series_t *b)
{
    return llm_series_is(b)
           && a->model_hash == b->model_hash
           && a->model_len == b->model_len
           && memcmp(a->text + a->team_len, b->text + b->team_len,
                     a->model_len)
              == 0;
}


void
llm_series_charge(llm_series_t *s, const llm_settlement_t *settlement,
    int unpriced)
{
    unsigned            i;
    const llm_usage_t  *usage;

    usage = &settlement->usage;

    const int64_t  tokens[LLM_SERIES_TOKENS] = {
        usage->input, usage->output, usage->cached_read,
        usage->cache_write_5m + usage->cache_write_1h, usage->reasoning
    };

    for (i = 0; i < LLM_SERIES_TOKENS; i++) {
        if (tokens[i] > 0) {
            llm_count(&s->tokens[i], tokens[i]);
        }
    }

    if (settlement->cost > 0) {
        llm_count(&s->cost, settlement->cost);
    }

    if (settlement->source == LLM_SOURCE_ESTIMATED) {
        llm_count(&s->estimated, 1);
    }

    if (unpriced && (usage->input > 0 || usage->output > 0)) {
        llm_count(&s->unpriced, 1);
    }
}


void
llm_series_refuse(llm_zone_t *z, llm_subject_type_e type,
    const llm_limit_t *limit)
{
    llm_count(&z->totals.refused[type][limit->resource][limit->minute], 1);
}
