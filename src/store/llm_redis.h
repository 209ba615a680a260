
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _LLM_REDIS_H_INCLUDED_
#define _LLM_REDIS_H_INCLUDED_


#include <sys/types.h>
#include <stdint.h>

#include <hiredis/hiredis.h>

#include "llm_period.h"


/*
 * What several machines have of one zone in a Redis: the words of it, without
 * a connection.  All keys have one hash tag, so that a cluster keeps them
 * together:
 *
 *     {PREFIX:ZONE}:p:TYPE:PERIOD:START:ID    hash of a period of a subject:
 *         NODE -> GENERATION:REQUESTS:INPUT:OUTPUT:COST, all that the node has
 *         settled; within a generation each sum only grows, whoever sets it.
 *         What falls, by a reset or a correction, is of the next generation; a
 *         sum is below nothing where its node has reset what others settled
 *     {PREFIX:ZONE}:m:TYPE:ID                 hash of its minute:
 *         NODE -> SEQUENCE:TIME:REQUESTS:INPUT:OUTPUT, what is in the node's
 *         window now; a later sequence number takes the place of an earlier
 *     and in both, where limits are strict:
 *         cNODE -> SEQUENCE:TIME:REQUESTS:INPUT:OUTPUT:COST, the node's claim:
 *         so much it may have; one of a minute is forgotten some time after
 *         it was last confirmed
 *     {PREFIX:ZONE}:node:NODE                 who uses the identity, while it
 *                                             does so
 *     {PREFIX:ZONE}:changed                   sorted set of those hashes by
 *     {PREFIX:ZONE}:version                   the version of the last change
 *     {PREFIX:ZONE}:run                       another one: all was lost
 *
 * Absolute sums that only grow can be set twice, late and in any order.
 *
 * Sums are decimal texts of up to 19 digits, with a sign if it is a minus,
 * which the scripts compare as texts and never add: a Lua number is exact up
 * to 2^53 only, which is nine million dollars in nano-dollars.  They count
 * versions (2^53 changes) and milliseconds; and they add claims, none of which
 * is made under a limit of more.
 */


#define LLM_REDIS_TAG        256             /* bytes of PREFIX:ZONE */
#define LLM_REDIS_KEY        768
#define LLM_REDIS_TOKEN      192
#define LLM_REDIS_SUMS       4
#define LLM_REDIS_MINUTE     61000           /* ms that a minute's sum is good
                                                for */
#define LLM_REDIS_CLAIM      81000           /* ms after which a claim on a
                                                minute that nobody confirmed
                                                is void: it was good for less
                                                than 20 s, and what was
                                                admitted then has left */
#define LLM_REDIS_AHEAD      16              /* what is granted beyond what is
                                                wanted is at most this part of
                                                what is left, */
#define LLM_REDIS_WORTH      4               /* and at least so many times what
                                                is wanted, or nothing */
#define LLM_REDIS_BOUNDS     6
#define LLM_REDIS_CHANGES    65536           /* hashes that the newest changes
                                                are known of */
#define LLM_REDIS_SHA        40


typedef enum {
    LLM_REDIS_OK = 0,
    LLM_REDIS_UNLOADED,          /* the script is to be loaded */
    LLM_REDIS_HELD,              /* another uses the identity: text has it;
                                    empty: nobody any more */
    LLM_REDIS_ERROR,             /* in the words of Redis */
    LLM_REDIS_GARBAGE            /* no answer that a script gives */
} llm_redis_status_e;


typedef enum {
    LLM_REDIS_SCRIPT_CHANGES = 0,
    LLM_REDIS_SCRIPT_EXCHANGE,
    LLM_REDIS_SCRIPTS
} llm_redis_script_e;

extern const char *const  llm_redis_scripts[LLM_REDIS_SCRIPTS];


typedef struct {
    const char              *data;
    size_t                   len;
} llm_redis_text_t;


/* Whose keys, and who speaks. */

typedef struct {
    char                     tag[LLM_REDIS_TAG + 1];
    size_t                   tag_len;
    uint64_t                 node;
    char                     token[LLM_REDIS_TOKEN + 1];
    char                     sha[LLM_REDIS_SCRIPTS][LLM_REDIS_SHA + 1];
} llm_redis_names_t;

/* -1: prefix and zone are too long together. */
int llm_redis_names(llm_redis_names_t *names, const char *prefix,
    size_t prefix_len, const char *zone, size_t zone_len);


/* What a hash is of. */

typedef struct {
    llm_redis_text_t         type;
    llm_redis_text_t         id;             /* of pairs with a NUL within */
    llm_period_t             period;
    int64_t                  start;          /* seconds of the epoch */
    unsigned                 minute:1;       /* then no period */
} llm_redis_meter_t;

/* Writes the key, at most LLM_REDIS_KEY bytes; 0: it would be longer. */
size_t llm_redis_key(char *buf, const llm_redis_names_t *names,
    const llm_redis_meter_t *meter);

/* Reads one, whose texts stay where they are; -1: it is no such key. */
int llm_redis_key_parse(llm_redis_meter_t *meter,
    const llm_redis_names_t *names, const char *key, size_t len);


/* What a node has of a meter. */

typedef struct {
    uint64_t                 node;
    int64_t                  order;          /* generation, or sequence */
    int64_t                  time;           /* of a minute: ms, Redis' own */
    int64_t                  sum[LLM_REDIS_SUMS];    /* of a minute without
                                                        the last */
    unsigned                 claim:1;        /* not a share, but a claim: all
                                                sums */
} llm_redis_share_t;

/* A claim that is set, and what is wanted beyond it: as much of that is
   granted as all bounds allow. */

typedef struct {
    int64_t                  order;          /* an earlier one is ignored */
    int64_t                  have[LLM_REDIS_SUMS];
    int64_t                  want[LLM_REDIS_SUMS];
    int64_t                  bound[LLM_REDIS_BOUNDS];
                                             /* of requests, tokens, input,
                                                output, nothing, cost; 0:
                                                none */
} llm_redis_claim_t;

/* A meter in an exchange: this node's share, if it is to be set, its claim
   likewise, and those of others that are to be put back. */

typedef struct {
    char                     key[LLM_REDIS_KEY];
    size_t                   len;
    int64_t                  expires;        /* s of the epoch, 0: never; of a
                                                minute not used */
    unsigned                 minute:1;
    const llm_redis_share_t *own;            /* or NULL */
    const llm_redis_share_t *others;         /* among them may be its own,
                                                which is passed over */
    size_t                   nothers;
    const llm_redis_claim_t *claim;          /* or NULL */
} llm_redis_item_t;


/* Arguments of a command, in memory that grows. */

typedef struct {
    char                    *buf;
    size_t                   used;
    size_t                   size;
    const char             **argv;
    size_t                  *len;
    size_t                   argc;
    size_t                   allocated;
    unsigned                 failed:1;
} llm_redis_args_t;

void llm_redis_args_free(llm_redis_args_t *args);

/*
 * Each makes a whole command; -1 without memory.
 *
 * SCRIPT LOAD: the answer is read by llm_redis_loaded().
 */
int llm_redis_load(llm_redis_args_t *args, llm_redis_script_e script);

/* Uses the identity for ttl ms from now, and asks for at most max changes
   since a version, -1: for none.  random: the name of a new run. */
int llm_redis_changes(llm_redis_args_t *args, const llm_redis_names_t *names,
    int64_t ttl, int64_t since, unsigned max, uint64_t random);

/* Sets shares of n meters, and asks for all shares of these. */
int llm_redis_exchange(llm_redis_args_t *args, const llm_redis_names_t *names,
    const llm_redis_item_t *items, size_t n);


/*
 * Answers.  Whatever a Redis says, or what stands in its place, is read
 * within its bounds.  *text: of HELD and ERROR, in the reply.
 */
llm_redis_status_e llm_redis_loaded(const redisReply *reply, char *sha,
    llm_redis_text_t *text);

typedef struct {
    llm_redis_text_t         run;
    int64_t                  version;
    const redisReply        *list;
    size_t                   n;              /* changes */
} llm_redis_changes_t;

llm_redis_status_e llm_redis_changes_read(const redisReply *reply,
    llm_redis_changes_t *changes, llm_redis_text_t *text);

/* A change: its key and its version; -1: it has none. */
int llm_redis_change(const llm_redis_changes_t *changes, size_t i,
    llm_redis_text_t *key, int64_t *version);

/* OK: it is of n meters; *now is Redis' time in ms. */
llm_redis_status_e llm_redis_exchange_read(const redisReply *reply, size_t n,
    int64_t *now, llm_redis_text_t *text);

/* Of meter i: the version of what was set (0: nothing was), and how many
   shares there may be. */
size_t llm_redis_exchanged(const redisReply *reply, size_t i,
    int64_t *version);

/* Reads a share of it; -1: it is none. */
int llm_redis_share(const redisReply *reply, size_t i, size_t k, int minute,
    llm_redis_share_t *share);


#endif /* _LLM_REDIS_H_INCLUDED_ */
