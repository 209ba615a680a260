
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


static llm_series_t *llm_series_look(llm_zone_t *z, uint32_t hash,
    const u_char *team, size_t n, const u_char *model, size_t m, int room);
static uint32_t llm_series_hash(llm_zone_t *z, const u_char *team, size_t n,
    const u_char *model, size_t m);


llm_series_t *
llm_series_find(llm_zone_t *z, const u_char *team, size_t n,
    const u_char *model, size_t m)
{
    if (n > LLM_SERIES_NAME || m > LLM_SERIES_NAME || z->nseries == 1) {
        return llm_zone_series(z, 0);
    }

    return llm_series_look(z, llm_series_hash(z, team, n, model, m), team, n,
                           model, m, 0);
}


llm_series_t *
llm_series_add(llm_zone_t *z, const u_char *team, size_t n,
    const u_char *model, size_t m)
{
    uint32_t       hash;
    llm_series_t  *s;

    s = llm_series_find(z, team, n, model, m);

    if (s) {
        return s;
    }

    hash = llm_series_hash(z, team, n, model, m);
    s = llm_series_look(z, hash, team, n, model, m, 1);

    if (s == NULL) {
        return llm_zone_series(z, 0);
    }

    s->hash = hash;
    s->team_len = n;
    s->model_len = m;

    memcpy(s->text, team, n);
    memcpy(s->text + n, model, m);

    __atomic_store_n(&s->state, 1, __ATOMIC_RELEASE);

    return s;
}


/* The series, or with room a free one for it, or NULL; once all its places are
   taken by others it is the first one. */

static llm_series_t *
llm_series_look(llm_zone_t *z, uint32_t hash, const u_char *team, size_t n,
    const u_char *model, size_t m, int room)
{
    uint32_t       i, at;
    llm_series_t  *s;

    at = hash % (z->nseries - 1);

    for (i = 0; i < LLM_SERIES_PROBES && i < z->nseries - 1; i++) {
        s = llm_zone_series(z, 1 + at);

        if (__atomic_load_n(&s->state, __ATOMIC_ACQUIRE) == 0) {
            return room ? s : NULL;
        }

        if (s->hash == hash && s->team_len == n && s->model_len == m
            && memcmp(s->text, team, n) == 0
            && memcmp(s->text + n, model, m) == 0)
        {
            return s;
        }

        at = (at + 1) % (z->nseries - 1);
    }

    return llm_zone_series(z, 0);
}


static uint32_t
llm_series_hash(llm_zone_t *z, const u_char *team, size_t n,
    const u_char *model, size_t m)
{
    return llm_zone_hash(z, team, n, LLM_HASH_SERIES)
           + 31 * llm_zone_hash(z, model, m, LLM_HASH_SERIES);
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

    if (unpriced && (usage->input || usage->output)) {
        llm_count(&s->unpriced, 1);
    }
}


void
llm_series_refuse(llm_zone_t *z, llm_subject_type_e type,
    const llm_limit_t *limit)
{
    llm_count(&z->totals.refused[type][limit->resource][limit->minute], 1);
}
