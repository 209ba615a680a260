
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _LLM_CLUSTER_SUM_H_INCLUDED_
#define _LLM_CLUSTER_SUM_H_INCLUDED_


#include "llm_redis.h"


/*
 * What others have of a meter, and what this node once had that its zone and
 * its store do not know of: a state directory that was put back from a copy.
 * Another has what it has published or what it claims, whichever is more;
 * claimed: what of others is more than was published.
 *
 * own: what this node has settled, in which generation; now: Redis' time, ms.
 * What it has published in a later generation is taken for the truth.  Returns
 * after how many ms at most that is to be asked again, since something no
 * longer counts; INT64_MAX: never.
 */
int64_t llm_cluster_sum(const llm_redis_share_t *shares, size_t n,
    const llm_redis_share_t *own, int minute, int64_t now, int64_t *others,
    int64_t *claimed);

/* All shares of meter i of a reply, in memory that grows; without memory those
   of before stay. */
void llm_cluster_keep(llm_redis_share_t **shares, size_t *n,
    size_t *allocated, const redisReply *reply, size_t i, int minute);

/* When the key of a period expires, s of the epoch: it stays a while after its
   end, for who is late.  0: never. */
int64_t llm_cluster_expires(int64_t start, int64_t end);

/* The generation of what a node has published; 0: it has not. */
int64_t llm_cluster_order(const llm_redis_share_t *shares, size_t n,
    uint64_t node);

/* What all have settled, of what this node and the others have. */
void llm_cluster_total(const int64_t *own, const int64_t *others,
    const int64_t *claimed, int64_t *total);


#endif /* _LLM_CLUSTER_SUM_H_INCLUDED_ */
