
/*
 * Copyright (C) the llm_quota authors
 */


#include <stdlib.h>
#include <string.h>

#include "llm_cluster_sum.h"
#include "llm_money.h"


static int64_t llm_cluster_left(const llm_redis_share_t *share, int minute,
    int64_t now);
static const int64_t *llm_cluster_less(const llm_redis_share_t *shares,
    size_t n, const llm_redis_share_t *claim, int minute, int64_t now);


int64_t
llm_cluster_sum(const llm_redis_share_t *shares, size_t n,
    const llm_redis_share_t *own, int minute, int64_t now, int64_t *others,
    int64_t *claimed)
{
    int                       mine, falls;
    size_t                    i;
    int64_t                   left, first, sum;
    unsigned                  k;
    const int64_t            *less;
    const llm_redis_share_t  *share;

    first = INT64_MAX;
    memset(others, 0, LLM_REDIS_SUMS * sizeof(int64_t));
    memset(claimed, 0, LLM_REDIS_SUMS * sizeof(int64_t));

    for (i = 0; i < n; i++) {
        share = &shares[i];
        mine = (share->node == own->node);
        left = llm_cluster_left(share, minute, now);

        if (left <= 0 || (mine && (minute || share->claim))) {
            continue;
        }

        if (left < first) {
            first = left;
        }

        less = mine ? own->sum
                    : llm_cluster_less(shares, n, share, minute, now);

        falls = mine ? (share->order > own->order) : !share->claim;

        for (k = 0; k < LLM_REDIS_SUMS; k++) {
            sum = share->sum[k] - (less ? less[k] : 0);

            if (sum > 0 || falls) {
                others[k] = llm_sat_add(others[k], sum);

                if (share->claim) {
                    claimed[k] = llm_sat_add(claimed[k], sum);
                }
            }
        }
    }

    return (first == INT64_MAX || first < LLM_REDIS_MINUTE)
           ? first : LLM_REDIS_MINUTE;
}


int64_t
llm_cluster_order(const llm_redis_share_t *shares, size_t n, uint64_t node)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        if (shares[i].node == node && !shares[i].claim) {
            return shares[i].order;
        }
    }

    return 0;
}


void
llm_cluster_keep(llm_redis_share_t **shares, size_t *n, size_t *allocated,
    const redisReply *reply, size_t i, int minute)
{
    size_t              k, count;
    int64_t             version;
    llm_redis_share_t  *grown;

    count = llm_redis_exchanged(reply, i, &version);

    if (count > *allocated) {
        grown = realloc(*shares, count * sizeof(llm_redis_share_t));

        if (grown == NULL) {
            return;
        }

        *shares = grown;
        *allocated = count;
    }

    *n = 0;

    for (k = 0; k < count; k++) {
        if (llm_redis_share(reply, i, k, minute, &(*shares)[*n]) == 0) {
            (*n)++;
        }
    }
}


int64_t
llm_cluster_expires(int64_t start, int64_t end)
{
    int64_t  late;

    if (end == 0 || end == INT64_MAX) {
        return 0;
    }

    late = end - start;

    return end + 60 + ((late > 86400) ? 86400 : late);
}


/* How long what a node has counts: ms; INT64_MAX: as long as the period. */

static int64_t
llm_cluster_left(const llm_redis_share_t *share, int minute, int64_t now)
{
    int64_t  left, good;

    if (!minute) {
        return INT64_MAX;
    }

    good = share->claim ? LLM_REDIS_CLAIM : LLM_REDIS_MINUTE;
    left = llm_sat_add(share->time, good) - now;

    /* nor what comes from a Redis whose clock was far ahead */

    return (left > 2 * good) ? 0 : left;
}


/* What of a claim was counted with what its node has published. */

static const int64_t *
llm_cluster_less(const llm_redis_share_t *shares, size_t n,
    const llm_redis_share_t *claim, int minute, int64_t now)
{
    size_t                    i;
    const llm_redis_share_t  *share;

    for (i = 0; claim->claim && i < n; i++) {
        share = &shares[i];

        if (!share->claim && share->node == claim->node
            && llm_cluster_left(share, minute, now) > 0)
        {
            return share->sum;
        }
    }

    return NULL;
}


void
llm_cluster_total(const int64_t *own, const int64_t *others,
    const int64_t *claimed, int64_t *total)
{
    unsigned  k;

    for (k = 0; k < LLM_REDIS_SUMS; k++) {
        total[k] = llm_sat_add(own[k], others[k] - claimed[k]);
    }
}
