
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _LLM_ENTITY_H_INCLUDED_
#define _LLM_ENTITY_H_INCLUDED_


#include <sys/types.h>
#include <stdint.h>

#include "llm_record.h"
#include "llm_zone.h"


/*
 * What was made over the admin API, in the zone: a record for each entity,
 * found by its kind and id, and in effect for whoever looks next.  The id of a
 * key is its SHA-256 in hex, so a key is found by its digest.
 *
 * An entity lies in a chain of cells of one array.  A change builds the new
 * chain of free cells, and then makes its first cell the entity's and frees
 * the old one's, which is one commit.  Which cells are in use follows from the
 * first ones: who was killed in between leaves the old entity or the new one.
 *
 * Where a function takes a zone it wants it entered, but for those that say
 * that they do not.
 */


#define LLM_ENTITY_ID        264     /* bytes; of a pair both with a NUL
                                        between them */
#define LLM_ENTITY_CELL      256     /* bytes */
#define LLM_ENTITY_KEEP      60000   /* ms that a deleted one is known for, so
                                        that what was changed before it and
                                        comes later is not taken for new */

typedef enum {
    LLM_ENTITY_FREE = 0,             /* or not the first of a chain */
    LLM_ENTITY_LIVE,
    LLM_ENTITY_GONE                  /* deleted */
} llm_entity_state_e;


typedef struct {
    uint32_t                 state;
    llm_index_t              next;       /* of the hash, or the free list */
    llm_index_t              more;       /* of the same entity */
    uint32_t                 hash;
    int64_t                  version;
    uint64_t                 deleted;    /* the zone's time, ms */
    uint16_t                 len;        /* of the record */
    uint16_t                 id_len;
    uint32_t                 kind;
    u_char                   data[LLM_ENTITY_CELL - 40];     /* the id, then
                                                                the record */
} llm_entity_cell_t;


typedef enum {
    LLM_ENTITY_DONE = 0,
    LLM_ENTITY_OLD,                  /* what is there is as new, or newer */
    LLM_ENTITY_FULL,                 /* the zone has no room */
    LLM_ENTITY_PERIODS               /* it brings the periods that are kept of
                                        its kind over LLM_KEPT_PERIODS */
} llm_entity_put_e;


/*
 * Puts a record in the place of what is there, if its version is higher;
 * record NULL: it is deleted.  After FULL and PERIODS nothing has changed.
 */
llm_entity_put_e llm_entity_put(llm_zone_t *z, llm_entity_kind_e kind,
    const u_char *id, size_t n, int64_t version, const llm_record_t *record);

/* What a put would say, without the put. */
llm_entity_put_e llm_entity_check(llm_zone_t *z, llm_entity_kind_e kind,
    const u_char *id, size_t n, const llm_record_t *record);

/*
 * Copies an entity's record.  A key's id is compared in constant time.  The
 * record is untouched where it is not LIVE; FREE: it was never there, or is
 * not known any more.
 */
llm_entity_state_e llm_entity_get(llm_zone_t *z, llm_entity_kind_e kind,
    const u_char *id, size_t n, llm_record_t *record);

/*
 * Without the lock: how many there are of a kind, and a number that changes
 * with every change of any.
 */
static inline uint32_t
llm_entity_count(const llm_zone_t *z, llm_entity_kind_e kind)
{
    return __atomic_load_n(&z->entities_of[kind], __ATOMIC_RELAXED);
}


static inline uint64_t
llm_entity_changes(const llm_zone_t *z)
{
    return __atomic_load_n(&z->entity_changes, __ATOMIC_RELAXED);
}


/* Part of repair. */
void llm_entity_thread(llm_zone_t *z);


#endif /* _LLM_ENTITY_H_INCLUDED_ */
