
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _LLM_OUTGROW_H_INCLUDED_
#define _LLM_OUTGROW_H_INCLUDED_


#include "llm_admit.h"


/* A request that is being answered, and what it has used so far. */

typedef struct {
    llm_index_t              reservation;
    uint64_t                 id;
    uint32_t                 nsubjects;      /* of the reservation */
    const llm_row_t         *rows[LLM_SUBJECTS];     /* that bear on them, or
                                                        NULL */
    llm_reserve_e            reserve;
    unsigned                 free:1;         /* costs nothing */
    int64_t                  used[LLM_COUNTS];   /* REQUESTS is not used */
} llm_progress_t;


/*
 * Whether a period's limit (minutes pass by themselves) of who pays is used
 * up, with all that is settled and reserved and what this request has used.
 * Sets s to the first such limit, in the order of refusals.  Budgets that
 * refuse nothing, with hard_cap=off or over=, are not looked at.
 *
 * What is used beyond what the reservation holds is reserved, too, so that
 * other requests see it; unless reservations do not count (RESERVE_OFF).
 *
 * Wants the zone entered.  0 as well where the reservation is not held under
 * this id.
 */
int llm_outgrow(llm_zone_t *z, llm_clock_t *clock, const llm_progress_t *p,
    llm_standing_t *s);


#endif /* _LLM_OUTGROW_H_INCLUDED_ */
