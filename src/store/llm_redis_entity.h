
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _LLM_REDIS_ENTITY_H_INCLUDED_
#define _LLM_REDIS_ENTITY_H_INCLUDED_


#include "llm_redis.h"
#include "llm_store.h"


/*
 * The entities of a zone that several machines share.  Redis says who may
 * have which name, and in which order changes come; what it has is a copy of
 * what the stores have, and any of them can fill it again:
 *
 *     {PREFIX:ZONE}:e:now      hash KIND:ID -> VALUE, the last change of each
 *                              entity, also where that deleted it
 *     {PREFIX:ZONE}:e:alias    hash KIND:ALIAS -> KIND:ID, of those that are
 *     {PREFIX:ZONE}:e:order    sorted set of KIND:ID by the number of that
 *                              change
 *     {PREFIX:ZONE}:e:log      stream of VALUE by number, the newest changes
 *     {PREFIX:ZONE}:e:version  the highest that was given out
 *
 * None of them expires: what was deleted is to stay so.  Numbers count the
 * changes of this Redis, without a gap.  Versions are what stores compare:
 * each is higher than all before it, and at least the time in ms, so that of
 * two nodes that did not see each other the later has the higher one.  Both
 * are numbers of Lua, which are exact up to 2^53: the year 287,396.
 *
 * VALUE is "VERSION SIGN DIGEST LENGTH:ALIAS" and a record.  The sign is + or,
 * of what was deleted, -; the digest is FNV-1a of the JSON, 64 bits in hex.  A
 * record is texts, each behind its length and a colon: kind, id, time in ms,
 * who, key, address, reason, action, JSON, and a name and a value for each
 * reference.
 */


#define LLM_REDIS_NEWS       64              /* values of an answer */
#define LLM_REDIS_NEWS_SIZE  1000000         /* bytes of them, but for one that
                                                alone has more */
#define LLM_REDIS_LOG        16384           /* changes that the log has, about;
                                                who was away for more of them
                                                gets the last of each entity */


typedef enum {
    LLM_REDIS_SCRIPT_CHANGE = 0,
    LLM_REDIS_SCRIPT_OFFER,
    LLM_REDIS_SCRIPT_NEWS,
    LLM_REDIS_ENTITY_SCRIPTS
} llm_redis_entity_script_e;

extern const char *const  llm_redis_entity_scripts[LLM_REDIS_ENTITY_SCRIPTS];


/*
 * Each makes a whole command, which brings its script with it; -1 without
 * memory.
 *
 * Changes, all of them or none, as LLM_STORE_CHANGE has them.
 */
int llm_redis_change_make(llm_redis_args_t *args,
    const llm_redis_names_t *names, const llm_store_changes_t *changes);

/*
 * OK: *done is OK, and the changes have their versions and are given; or it
 * is EXISTS, NOT_FOUND or CONFLICT, and the changes say of what; then value is
 * what Redis has of that, empty: nothing, so that the store can be told.
 */
llm_redis_status_e llm_redis_change_made(const redisReply *reply,
    llm_store_changes_t *changes, llm_store_status_e *done,
    llm_redis_text_t *value, llm_redis_text_t *text);


/*
 * Offers what a store has: asks which of n rows Redis has not, or (whole) sets
 * those that it has not, which is no more than their versions say.  An alias
 * that another has is left to that.  Where both have one version of different
 * things, what Redis has gets a version above it.
 */
int llm_redis_offer(llm_redis_args_t *args, const llm_redis_names_t *names,
    const llm_store_made_t *const *rows, size_t n, int whole);

/* wanted, of n: which Redis has not; of a whole offer none. */
llm_redis_status_e llm_redis_offered(const redisReply *reply,
    unsigned char *wanted, size_t n, llm_redis_text_t *text);


/*
 * What came after a change with a number, which had the version; walk: the
 * last answer was of those that go through all entities, and had more.
 */
int llm_redis_news(llm_redis_args_t *args, const llm_redis_names_t *names,
    int64_t since, int64_t version, int walk);

typedef struct {
    const redisReply        *list;
    size_t                   n;              /* values */
    unsigned                 lost:1;         /* there never was such a change:
                                                begin at 0, and offer */
    unsigned                 walk:1;         /* of all entities, not of the
                                                log */
    unsigned                 more:1;
} llm_redis_news_t;

llm_redis_status_e llm_redis_news_read(const redisReply *reply,
    llm_redis_news_t *news, llm_redis_text_t *text);

/* The i-th: its number and its value; -1: it is none. */
int llm_redis_news_value(const llm_redis_news_t *news, size_t i,
    int64_t *number, llm_redis_text_t *value);


/* Reads a value, whose texts stay where they are; refs has room for
   LLM_STORE_REFS.  -1: it is none. */
int llm_redis_value(const llm_redis_text_t *value, llm_store_made_t *row,
    llm_store_ref_t *refs);


#endif /* _LLM_REDIS_ENTITY_H_INCLUDED_ */
