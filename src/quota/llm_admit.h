
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _LLM_ADMIT_H_INCLUDED_
#define _LLM_ADMIT_H_INCLUDED_


#include <sys/types.h>
#include <stdint.h>

#include "llm_limit.h"
#include "llm_share.h"
#include "llm_zone.h"


/*
 * Admission and settlement.  Everything here wants the zone entered.
 *
 * Invariants kept here: what admission compares is settled + reserved; both
 * change only under the zone's lock; admission is all or nothing over all
 * limits of all subjects of a request; a refused request changes nothing but
 * that its subject is active where a model is shared; a reservation is settled
 * exactly once.
 */


typedef enum {
    LLM_RESERVE_OFF = 0,         /* compares what is settled */
    LLM_RESERVE_ESTIMATE,        /* compares settled + reserved: the request
                                    that crosses passes, the next does not */
    LLM_RESERVE_STRICT           /* settled + reserved + this request's bound
                                    must fit */
} llm_reserve_e;


/* What a subject is where a model is shared; each once, or none. */

typedef enum {
    LLM_ROLE_NONE = 0,
    LLM_ROLE_MODEL,              /* whose rates are shared */
    LLM_ROLE_SHARER,             /* the pair of who asks and the model */
    LLM_ROLE_CLASS               /* of the sharer */
} llm_role_e;


/* One subject of a request, and the row that bears on it here. */

typedef struct {
    llm_subject_key_t        key;
    const llm_row_t         *row;        /* or NULL: counted only */
    llm_role_e               role;
    unsigned                 month:1;    /* keep the calendar month, with or
                                            without a limit */
    unsigned                 present:1;  /* counted only where the zone knows
                                            it: no row bears on it here.  Such
                                            subjects are the last */
} llm_ask_subject_t;


typedef struct {
    llm_ask_subject_t        subjects[LLM_SUBJECTS];     /* no two alike */
    uint32_t                 nsubjects;

    llm_reserve_e            reserve;

    /* strict: upper bounds; else what is expected; never negative.
       LLM_COUNT_REQUESTS is not used */
    int64_t                  amount[LLM_COUNTS];
    int64_t                  expected[LLM_COUNTS];

    /* where a model is shared: all its classes, and which is the sharer's */
    uint32_t                 nclasses;
    uint32_t                 class;
    llm_class_t              classes[LLM_CLASSES];

    unsigned                 free:1;     /* costs nothing: budgets do not
                                            bear on it */
    unsigned                 dry_run:1;  /* a refusal is told, not acted on */
    unsigned                 blind:1;    /* meters that are not loaded cannot
                                            be: it is decided without */

    /* of what admits: who holds the reservation, and its names */
    uint32_t                 worker;
    int64_t                  started;    /* ms of the epoch */
    uint16_t                 len[LLM_NAMES];
    const u_char            *name[LLM_NAMES];
} llm_ask_t;


typedef enum {
    LLM_ADMITTED = 0,
    LLM_REFUSED,                 /* by the limit named */
    LLM_TOO_LARGE,               /* the bound is over the limit named: it can
                                    never fit */
    LLM_FULL,                    /* the zone has no room */
    LLM_UNKNOWN                  /* meters are to be loaded first */
} llm_decision_e;


/* The state of one limit, as headers and messages tell it. */

typedef struct {
    const llm_limit_t       *limit;      /* NULL: none of the kind */
    uint32_t                 subject;    /* of the ask */
    int64_t                  amount;     /* after throttling; shared: what the
                                            subject may use of it now */
    int64_t                  used;       /* settled + reserved; a decision
                                            under RESERVE_OFF: settled */
    int64_t                  reset;      /* minute: ms until nothing is left
                                            in the window; period: seconds of
                                            the epoch, INT64_MAX: never */
    int64_t                  left;       /* shared: of the model's */
    uint32_t                 active;     /* between how many it is shared; 0:
                                            it is not */
} llm_standing_t;


typedef struct {
    llm_decision_e           decision;

    llm_standing_t           refusal;    /* the first that failed */
    int64_t                  bound;      /* TOO_LARGE: of that resource */
    int64_t                  retry;      /* ms after which the same request
                                            would pass if nothing else came;
                                            1 where it waits for what is
                                            reserved or in flight; INT64_MAX:
                                            never */

    /* the tightest of each kind, after the decision; limit NULL where there
       is none */
    llm_standing_t           requests;
    llm_standing_t           tokens;
    llm_standing_t           budget;

    /* a budget past a soft threshold, the fullest: percent used */
    llm_standing_t           soft;
    int                      percent;

    /* a budget with hard_cap=off that is passed and due for its line */
    llm_standing_t           passed;

    llm_index_t              reservation;    /* LLM_NONE where refused */
    uint64_t                 id;
    uint32_t                 nsubjects;      /* the reservation's first ones
                                                are so many of the ask's */

    uint32_t                 unknown;        /* subjects of the ask whose
                                                meters are to be loaded, bits;
                                                then nothing was changed, and
                                                nothing else is told */
    uint32_t                 wanted;         /* none of them: more of the
                                                limits is to be granted first,
                                                as of this z->wanted */
} llm_verdict_t;


/*
 * Decides about a request and, where it is admitted, counts it, reserves and
 * fills a reservation.  Periods are those of the clock.
 */
void llm_admit(llm_zone_t *z, llm_clock_t *clock, const llm_ask_t *ask,
    llm_verdict_t *v);

/*
 * The same decision with nothing counted or created: what can be refused
 * before the body is known.  amount[] is not looked at; budgets are looked at
 * only where budgets is set.
 */
void llm_admit_early(llm_zone_t *z, llm_clock_t *clock, const llm_ask_t *ask,
    int budgets, llm_verdict_t *v);

/*
 * Settles a reservation: what was reserved goes, what was used is counted at
 * the zone's present second.  Does nothing and returns 0 unless the
 * reservation i is held under this id.
 */
int llm_settle(llm_zone_t *z, llm_clock_t *clock, llm_index_t i, uint64_t id,
    const llm_settlement_t *settlement);

/*
 * Adds the charge of one settled reservation to that of another, which then
 * stands for both, and frees it; of what is told once, such as the status,
 * the other's stays.  The caller has compared their names and subjects.
 */
void llm_merge_settled(llm_zone_t *z, llm_index_t into, llm_index_t from);

/* Whether the reservation i is held under this id: llm_settle() settles it. */
int llm_settle_held(llm_zone_t *z, llm_index_t i, uint64_t id);

/* Settles a reservation that is held; the whole but free record pending, if it
   is not LLM_NONE, opens with that. */
void llm_settle_note(llm_zone_t *z, llm_clock_t *clock, llm_reservation_t *r,
    const llm_settlement_t *settlement, llm_index_t pending);

/* Counts the charge that was noted in a reservation, and commits; a part of
   what settles. */
void llm_settle_apply(llm_zone_t *z, llm_clock_t *clock,
    llm_reservation_t *r);

/* A charge of what was expected, for what nobody saw.  The settlement's
   timestamp is set. */
void llm_settle_expected(const int64_t *expected, int64_t started,
    llm_settlement_t *settlement);

/* After a repair: applies the charges that were noted before a kill. */
void llm_settle_noted(llm_zone_t *z, llm_clock_t *clock);

/* The present state of one limit of a subject. */
void llm_standing(llm_zone_t *z, llm_clock_t *clock,
    const llm_subject_key_t *key, const llm_limit_t *limit,
    llm_standing_t *standing);


#endif /* _LLM_ADMIT_H_INCLUDED_ */
