
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _LLM_SHARE_H_INCLUDED_
#define _LLM_SHARE_H_INCLUDED_


#include <sys/types.h>
#include <stdint.h>

#include "llm_zone.h"


/*
 * Teams or keys that share a model's rates.
 *
 * Who shares is a pair, such as a key and the model; its window is its own
 * use.  Each pair asks in a class, which is a subject of its own: what all its
 * pairs use, settled and reserved, is counted like that of any other.  A pair
 * is active for 60 seconds after a request, and hungry for 65 after one that is
 * refused for want of a share, and of nothing else.  Of the hungry those are
 * modest who use less than half of their share, and were refused no more often
 * than admitted in a minute or longer; the others are greedy.
 *
 * Of each rate, with capacity C of which U is used:
 *
 *     G   what a class has: its percent of C; the one without a name has what
 *         the others leave
 *     V   the same and its part of what is lent: what classes that lend, and
 *         have nobody greedy, do not use, in equal parts among the classes
 *         that have, and this one
 *     L   what a pair may use: V less what those use who are not greedy, and
 *         as much again for the modest, in equal parts among the greedy and
 *         this one; at least an equal part of V among the active; at least 1
 *         of a V that is not 0
 *
 * A request passes where it fits in L beside the pair's use, in V beside the
 * class's, and, beside U, in C less what classes that do not lend have and do
 * not use; and, unless it fits in G beside the class's use, less what classes
 * that have somebody greedy do not use, too.  So what nobody wants goes to
 * whoever asks, and who comes for a share finds it as the windows of those
 * that have borrowed it let go of it, within 61 seconds.
 *
 * All work is bounded by the number of classes, however many pairs there are.
 * Buckets and the marks of pairs are facts, and changed through the journal;
 * sums are computed from buckets after a kill.
 */


/* One class as it shares the model of a request. */

typedef struct {
    llm_subject_key_t        key;
    uint8_t                  percent;    /* of each rate */
    unsigned                 lend:1;     /* what nobody asks for */
} llm_class_t;


/* The name of a class at a model; the class without a name: n is 0.  Returns
   -1 where the names are too long. */
int llm_class_key(const llm_zone_t *z, llm_class_t *class,
    const u_char *model, size_t len, const u_char *name, size_t n);

/* Nobody has asked until this second. */
void llm_share_empty(llm_share_t *share, uint64_t second);

/* Lets go of who is too long ago.  Interrupted anywhere, it can be called
   again, after llm_zone_repair(). */
void llm_share_roll(llm_share_t *share, uint64_t second);

/* A part of llm_zone_repair(). */
void llm_share_thread(llm_zone_t *z);


#endif /* _LLM_SHARE_H_INCLUDED_ */
