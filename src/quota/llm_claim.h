
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _LLM_CLAIM_H_INCLUDED_
#define _LLM_CLAIM_H_INCLUDED_


#include <sys/types.h>
#include <stdint.h>

#include "llm_decide.h"


/*
 * Limits that are strict between nodes.  Of each meter that a limit bears on a
 * node has a claim: so much may be settled and reserved here.  All claims of a
 * meter together never exceed what a limit allows, which the one who grants
 * them sees to, and no request is admitted that its node has no claim for: so
 * nobody passes a limit, however old the news of others are.
 *
 * A request that would pass but for the claim says what it wants and waits for
 * the next exchange.  What is given then is more than is wanted, as long as
 * much is left: the difference is for the requests after it.  Where a claim
 * runs low the next one is asked for before anybody waits.
 *
 * The claim on a minute bounds the sum of its window.  Since that holds in
 * every moment, and the sums fall only when requests leave their windows, in
 * no minute are more admitted than the limit allows.  It is good for a while
 * after the exchange that confirmed it; who grants knows it for longer, until
 * what was admitted under it has left the window.
 *
 * Everything here wants the zone entered.
 */


#define LLM_CLAIM_GOOD   10000               /* ms that a claim on a minute is
                                                good for */
#define LLM_CLAIM_MOST   9007199254740991    /* of an amount that is claimed:
                                                who grants adds exactly up to
                                                2^53 */


/* What the configuration says.  idle: ms after which what is not used is given
   back; 0: limits are not strict. */
void llm_claim_start(llm_zone_t *z, uint32_t idle);

/*
 * Of a request that would be admitted: whether the claims allow it.  Where
 * they do not, what is wanted is noted, and z->wanted rises; where they soon
 * will not, likewise.
 */
int llm_claim_allows(llm_decide_t *d);

/* Whether a claim on a meter was ever asked for. */
int llm_claim_is_active(const llm_claim_t *claim);

/*
 * Before an exchange: the claim on a meter of which so much is used, of
 * LLM_COUNTS.  It is never less than is used; idle, or before anything was
 * granted: nor more.
 */
void llm_claim_settle(llm_zone_t *z, llm_claim_t *claim, const int64_t *used,
    int idle);

/* Moves what is wanted, beyond what there is, into the exchange. */
void llm_claim_take(llm_claim_t *claim, const int64_t *used, int64_t *want,
    int64_t *bound);

/* What was granted, in all, of what was wanted.  until: the zone's time. */
void llm_claim_grant(llm_zone_t *z, llm_claim_t *claim, const int64_t *have,
    const int64_t *want, uint64_t until);


#endif /* _LLM_CLAIM_H_INCLUDED_ */
