
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _LLM_SERIES_H_INCLUDED_
#define _LLM_SERIES_H_INCLUDED_


#include "llm_admit.h"
#include "llm_text.h"


/*
 * Counters for metrics: they only rise, as long as the zone lives, and nothing
 * is decided by them.  They are added to without the lock, each by itself, so
 * that whoever reads several may find one of them ahead of another.
 *
 * A series is what was counted of a team and a model.  The table has room for
 * so many; those that find none are counted in the first one, whose team and
 * model are LLM_SERIES_OTHER.  A series is never removed.
 */

#define LLM_SERIES_OTHER     "other"
#define LLM_SERIES_NAME      LLM_ID_MAX      /* bytes of a name; longer are
                                                counted as the other ones */
#define LLM_SERIES_RESULTS   16      /* the caller's, at most */

typedef enum {
    LLM_SERIES_INPUT = 0,
    LLM_SERIES_OUTPUT,
    LLM_SERIES_CACHED,                       /* part of input */
    LLM_SERIES_CACHE_WRITE,                  /* part of input */
    LLM_SERIES_REASONING,                    /* part of output */
    LLM_SERIES_TOKENS
} llm_series_token_e;


typedef struct {
    uint32_t                 state;          /* 0: free */
    uint32_t                 hash;
    uint32_t                 model_hash;
    uint16_t                 team_len;
    uint16_t                 model_len;
    uint64_t                 requests[LLM_SERIES_RESULTS];
    uint64_t                 dry_run[LLM_SERIES_RESULTS];
    uint64_t                 tokens[LLM_SERIES_TOKENS];
    uint64_t                 cost;           /* nano-dollars */
    uint64_t                 estimated;      /* requests */
    uint64_t                 unpriced;       /* likewise */
    u_char                   text[2 * LLM_SERIES_NAME];  /* team, model */
} llm_series_t;


static inline llm_series_t *
llm_zone_series(llm_zone_t *z, uint32_t i)
{
    return (llm_series_t *) ((u_char *) z + z->series) + i;
}


/* Whether it is one. */
static inline int
llm_series_is(const llm_series_t *s)
{
    return __atomic_load_n(&s->state, __ATOMIC_ACQUIRE) != 0;
}


/* The table of a zone that is being made. */
void llm_series_init(llm_zone_t *z);

/* Whether both are of one model, if the second is one at all. */
int llm_series_same_model(const llm_series_t *a, const llm_series_t *b);

/*
 * The series of a team and a model; wants no lock.  NULL: it is not there yet,
 * see llm_series_add().
 */
llm_series_t *llm_series_find(llm_zone_t *z, const u_char *team, size_t n,
    const u_char *model, size_t m);

/* The same, made where there is room, else the first one.  Wants the zone
   entered. */
llm_series_t *llm_series_add(llm_zone_t *z, const u_char *team, size_t n,
    const u_char *model, size_t m);

/* Counts what was charged; unpriced: no price was known. */
void llm_series_charge(llm_series_t *s, const llm_settlement_t *settlement,
    int unpriced);

/* Counts a refusal by a limit of a type of subject. */
void llm_series_refuse(llm_zone_t *z, llm_subject_type_e type,
    const llm_limit_t *limit);


#endif /* _LLM_SERIES_H_INCLUDED_ */
