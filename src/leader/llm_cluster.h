
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _LLM_CLUSTER_H_INCLUDED_
#define _LLM_CLUSTER_H_INCLUDED_


#include "llm_claim.h"
#include "llm_others.h"
#include "llm_redis.h"
#include "llm_store.h"


/*
 * The book of what was exchanged with a Redis: of each meter of the zone what
 * this node has published, and what each node was known to have, which is what
 * can be put back into a Redis that has lost it.
 *
 * An exchange goes over the zone once, in batches.  A meter is in it when
 * there is something to publish, when another node has changed it, or when it
 * is new; otherwise it costs a look.
 */


/*
 * Where limits are strict, claims are exchanged with it: what is wanted of
 * them, what is given back, and those on minutes again before they are no
 * longer good.  A claim is never more in the zone than in Redis: it grows when
 * Redis has said so, and shrinks before it is told.  Exchanges are numbered,
 * through all leaders of a zone, and only the newest has a say in claims, here
 * and there.
 */


#define LLM_CLUSTER_ITEMS    64              /* of a batch */
#define LLM_CLUSTER_SLICE    1024            /* meters under one lock */


typedef struct llm_cluster_s  llm_cluster_t;

typedef struct {
    llm_index_t              index;          /* in the book; LLM_NONE: of the
                                                store */
    llm_index_t              subject;
    llm_subject_type_e       type;
    llm_period_t             period;
    int64_t                  start;
    int64_t                  generation;
    int64_t                  sum[LLM_REDIS_SUMS];
    size_t                   id_len;         /* at the key's end */
    uint64_t                 until;          /* the claim is good */
    int64_t                  total[LLM_REDIS_SUMS];  /* what all have, and */
    int64_t                  end;            /* of the period, where others */
    unsigned                 changed:1;      /* have another sum than before;
                                                of no minute */
    unsigned                 published:1;
    unsigned                 claimed:1;
} llm_cluster_ref_t;

typedef struct {
    size_t                   n;
    llm_redis_item_t         items[LLM_CLUSTER_ITEMS];
    llm_cluster_ref_t        refs[LLM_CLUSTER_ITEMS];
    llm_redis_share_t        own[LLM_CLUSTER_ITEMS];
    llm_redis_claim_t        claims[LLM_CLUSTER_ITEMS];
} llm_cluster_batch_t;


/* names is copied.  NULL: no memory. */
llm_cluster_t *llm_cluster_create(const llm_redis_names_t *names,
    const llm_zone_t *z);
void llm_cluster_destroy(llm_cluster_t *c);

/* Redis may have lost anything: everything is published once more, and what
   others had is put back. */
void llm_cluster_again(llm_cluster_t *c);

/* A change of another node's, or of this one's; the zone is entered. */
void llm_cluster_changed(llm_cluster_t *c, llm_zone_t *z,
    const llm_redis_text_t *key, int64_t version);

/* Begins to go over the zone; wall: ms of the epoch. */
void llm_cluster_begin(llm_cluster_t *c, int64_t wall);

/*
 * Adds to a batch until it is full, or a slice was looked at; the zone is
 * entered.  What it says of others is valid until the next call of anything
 * here: the command is made at once.  Returns 0 when the zone was gone over.
 */
int llm_cluster_collect(llm_cluster_t *c, llm_zone_t *z,
    llm_cluster_batch_t *batch);

/* Of the zone that was gone over: how many requests were counted in meters that
   are not loaded, and so are not exchanged. */
int64_t llm_cluster_blind(const llm_cluster_t *c);

/* A meter of the store, whether the zone has it or not; the zone is
   entered. */
void llm_cluster_stored(llm_cluster_t *c, llm_zone_t *z,
    llm_cluster_batch_t *batch, const llm_store_meter_t *row);

/* What the exchange of a batch came to, of a reply that was found OK: comes
   into the book, which takes memory, and then into the zone, which is
   entered. */
void llm_cluster_read(llm_cluster_t *c, const llm_cluster_batch_t *batch,
    const redisReply *reply);
void llm_cluster_apply(llm_cluster_t *c, llm_zone_t *z,
    llm_cluster_batch_t *batch, int64_t now);


#endif /* _LLM_CLUSTER_H_INCLUDED_ */
