
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _LLM_ZONE_H_INCLUDED_
#define _LLM_ZONE_H_INCLUDED_


#include <sys/types.h>
#include <stdint.h>

#include "llm_estimate.h"
#include "llm_kept.h"
#include "llm_limit.h"
#include "llm_period.h"
#include "llm_record.h"
#include "llm_told.h"
#include "llm_trouble.h"
#include "llm_usage.h"
#include "llm_window.h"


/*
 * The zone: one block of memory shared by all workers, arrays of fixed size
 * that refer to each other by index.  Nothing in it is a pointer, a list that
 * must be walked to be repaired, or owned by an allocator.
 *
 * Every function that takes a zone wants it entered: the caller holds the
 * mutex and has called llm_zone_enter().  The functions never block, log or
 * allocate.
 *
 * How a kill at any instruction is survived.  The owner word says who is
 * inside.  Facts that cannot be computed from other facts (buckets of a
 * window, what a period has settled, the state of a reservation) are changed
 * only after their old value was noted in the undo journal; the journal is
 * emptied at the end of a change, which is its commit.  Everything else
 * (free lists, the hash, the chains, the sums of windows, what is reserved
 * and in flight) is computed again from the arrays.  Who enters and finds a
 * dead owner's word rolls the journal back and computes the rest again:
 * llm_zone_repair().  A charge that was noted in its reservation before the
 * kill is then applied.
 */


typedef uint32_t  llm_index_t;

#define LLM_NONE             UINT32_MAX

#define LLM_SUBJECT_NAME     264     /* two IDs and a NUL between them */
#define LLM_SUBJECTS         18      /* of one request: one of each type, the
                                        class in which it shares a model, and
                                        of tags as many as labels */
#define LLM_SUBJECT_METERS   16      /* periods of one subject */
#define LLM_WORKERS          256
#define LLM_MODELS           256     /* that estimates are learned for */
#define LLM_MODEL_WAYS       16      /* slots that a name can have */
#define LLM_MODEL_IDLE       60      /* seconds after which another model may
                                        have a slot */
#define LLM_MODEL_NAME       128
#define LLM_UNDO             1024
#define LLM_MARKS            64
#define LLM_RECORD_TEXT      768
#define LLM_EVICTED          256     /* by the hash */
#define LLM_CLASSES          16      /* that share a model, see llm_share.h */


/* What a period has settled. */

typedef enum {
    LLM_COUNT_REQUESTS = 0,
    LLM_COUNT_INPUT,
    LLM_COUNT_OUTPUT,
    LLM_COUNT_COST,
    LLM_COUNTS
} llm_count_e;


/*
 * What this node has for itself of the limits on a meter, where limits are
 * strict between nodes; see llm_claim.h.
 */

typedef struct {
    int64_t                  have[LLM_COUNTS];       /* a fact: what may be
                                                        settled and reserved */
    int64_t                  slice[LLM_COUNTS];      /* what came last, ahead
                                                        of need */
    int64_t                  want[LLM_COUNTS];       /* more than is used */
    int64_t                  bound[LLM_RESOURCES];   /* of who wants; 0: none */
    uint64_t                 until;      /* the zone's time; of a minute */
    uint32_t                 asked;      /* counts that the request in hand
                                            wants more of, bits */
    uint32_t                 granted;    /* a fact: in this period */
} llm_claim_t;


/* The longer meter of one subject. */

typedef struct {
    llm_index_t              subject;    /* LLM_NONE: free */
    llm_index_t              next;
    llm_period_t             period;
    uint32_t                 loaded;     /* the zone's loads: it has what the
                                            store had of it */
    int64_t                  start;      /* seconds of the epoch */
    int64_t                  end;
    int64_t                  generation; /* rises when a reset or a correction
                                            lets the sums fall */
    int64_t                  warned;     /* when a soft cap was last logged */
    int64_t                  settled[LLM_COUNTS];    /* below nothing where
                                            what others settled was reset */
    int64_t                  others[LLM_COUNTS];     /* see llm_others.h */
    int64_t                  claimed[LLM_COUNTS];    /* likewise */
    llm_claim_t              claim;
    uint32_t                 shared;     /* others were asked about it */
    uint32_t                 refused;    /* see llm_refused.h: the resource of
                                            the limit, and 1; 0: none */
    int64_t                  refused_by; /* its amount */
} llm_meter_t;


/*
 * A pair that shares its model with others, as its class counts it.  Seconds
 * are those of the zone's time.
 */

typedef struct {
    uint32_t                 class;      /* hash of the class's name */
    uint32_t                 asked;      /* second of the last request */
    uint32_t                 hungry;     /* the last second in which it is */
    uint32_t                 greedy;     /* as counted of the hungry */
    int64_t                  use[LLM_WINDOW_COUNTERS];   /* the same */
    uint32_t                 since;      /* second since which are counted */
    uint32_t                 refusals;
    uint32_t                 before;     /* refusals, in the time before */
    uint32_t                 pad;
} llm_sharer_t;


/* The one-minute meter of one subject. */

typedef struct {
    llm_index_t              subject;    /* LLM_NONE: free */
    llm_index_t              next;
    llm_window_t             window;
    llm_sharer_t             sharer;
    int64_t                  others[LLM_WINDOW_COUNTERS];
    llm_claim_t              claim;
    uint32_t                 shared;     /* as of a longer meter */
    uint32_t                 refused;    /* likewise, see llm_rate.h: of the
                                            last one */
    uint32_t                 refused_at; /* seconds of the epoch */
    uint32_t                 refused_since;
    int64_t                  refused_by;
} llm_minute_t;


/*
 * Who shares a model in one class: a ring like that of a window, in which each
 * pair is counted in the second in which it last asked, and what there is of
 * the hungry in the last one in which they are.
 */

#define LLM_SHARE_ACTIVE     61      /* seconds, as those of a window */
#define LLM_SHARE_HUNGRY     66      /* seconds: who comes back when he was
                                        told to is still hungry */

typedef struct {
    uint32_t                 active;
    uint32_t                 greedy;
    int64_t                  use[LLM_WINDOW_COUNTERS];   /* of the greedy, less
                                                            what is kept for
                                                            the modest */
} llm_sharers_t;

typedef struct {
    llm_index_t              subject;    /* LLM_NONE: free */
    llm_index_t              next;
    uint64_t                 second;     /* of the newest bucket */
    llm_sharers_t            sum;
    llm_sharers_t            bucket[LLM_SHARE_HUNGRY];
} llm_share_t;


/*
 * What is reserved is one number for all meters of a subject: reservations
 * survive every roll of every window, and bear on all of them alike.
 */

typedef struct {
    uint32_t                 hash;
    llm_index_t              next;
    llm_index_t              meters;
    llm_index_t              minute;
    llm_index_t              share;      /* of a class */
    uint32_t                 used;
    uint32_t                 inflight;
    uint32_t                 holders;    /* reservations and open records that
                                            name it */
    uint32_t                 pin;        /* the zone's: it never leaves */
    uint64_t                 written;    /* the zone's time: every line that
                                            names it, but for those that the
                                            holders will have */
    int64_t                  reserved[LLM_COUNTS];  /* no requests */
    uint8_t                  type;
    uint8_t                  rounds;     /* of the hand, until it may leave */
    uint16_t                 len;
    u_char                   name[LLM_SUBJECT_NAME];
} llm_subject_t;


typedef enum {
    LLM_RESERVATION_FREE = 0,
    LLM_RESERVATION_HELD,        /* admitted */
    LLM_RESERVATION_CHARGED,     /* the charge is noted, not yet counted */
    LLM_RESERVATION_SETTLED      /* counted, its ledger line not yet written */
} llm_reservation_state_e;


/* The names that a ledger line of the reservation will carry. */

typedef enum {
    LLM_NAME_TEAM = 0,
    LLM_NAME_USER,
    LLM_NAME_CUSTOMER,
    LLM_NAME_KEY,
    LLM_NAME_MODEL,
    LLM_NAME_REQUEST,
    LLM_NAMES
} llm_name_e;


typedef enum {
    LLM_SOURCE_NONE = 0,         /* nothing was charged but the request */
    LLM_SOURCE_PENDING,          /* likewise: what was used is still to come,
                                    and will be a charge of its own */
    LLM_SOURCE_UPSTREAM,
    LLM_SOURCE_ESTIMATED
} llm_source_e;


/* What a settled request is charged. */

typedef struct {
    llm_usage_t              usage;
    int64_t                  window_input;   /* input tokens toward tpm */
    int64_t                  cost;           /* nano-dollars */
    int64_t                  timestamp;      /* ms of the epoch */
    int64_t                  duration;       /* ms */
    int64_t                  requests;       /* none: of a request settled
                                                before; several: merged */
    uint16_t                 status;
    uint8_t                  source;
    uint8_t                  stream;
} llm_settlement_t;


typedef struct {
    uint32_t                 state;
    llm_index_t              next;
    uint32_t                 worker;
    uint32_t                 generation;     /* of the worker's slot */
    uint64_t                 id;
    uint64_t                 of;             /* of the request that this is
                                                the charge of, 0: its own */
    uint64_t                 of_epoch;       /* of the zone that had that one,
                                                0: this one */
    int64_t                  started;        /* ms of the epoch */
    int64_t                  reserved[LLM_COUNTS];
    int64_t                  expected[LLM_COUNTS];  /* never a bound: what an
                                                       answer that nobody saw
                                                       is charged */
    uint32_t                 nsubjects;
    llm_index_t              subjects[LLM_SUBJECTS];
    llm_settlement_t         settlement;
    llm_index_t              pending;        /* the record that opens with the
                                                settlement, or, with of, that
                                                this is a charge of; LLM_NONE */
    uint16_t                 len[LLM_NAMES];
    u_char                   text[LLM_RECORD_TEXT];
} llm_reservation_t;


/*
 * An answer that is made in the background: who pays, once what it used is
 * known.  The array is a ring in the order of settlement, a new record takes
 * the place of the oldest; see llm_pending.h.
 */

#define LLM_PENDING_ID       128

typedef enum {
    LLM_PENDING_FREE = 0,
    LLM_PENDING_OPEN,            /* not charged yet */
    LLM_PENDING_CHARGED          /* known, so that nothing charges it again */
} llm_pending_state_e;


typedef struct {
    uint32_t                 state;
    uint32_t                 hash;           /* of the id */
    llm_index_t              next;
    uint32_t                 nsubjects;
    llm_index_t              subjects[LLM_SUBJECTS];
    uint64_t                 of;             /* the id of the reservation that
                                                made it, which its ledger line
                                                carries */
    uint64_t                 of_epoch;       /* and its zone, 0: this one */
    uint64_t                 created;        /* the zone's time, ms */
    uint64_t                 written;        /* likewise, when its last line
                                                was: of its request, or, once
                                                it is charged, of that; 0: not
                                                yet */
    int64_t                  started;        /* ms of the epoch */
    int64_t                  reserved[LLM_COUNTS];
    int64_t                  expected[LLM_COUNTS];
    uint16_t                 tier;           /* asked for */
    uint16_t                 id_len;
    uint16_t                 len[LLM_NAMES];
    u_char                   id[LLM_PENDING_ID];
    u_char                   text[LLM_RECORD_TEXT];
} llm_pending_t;


typedef struct {
    uint64_t                 started;        /* boot ticks of the process */
    int32_t                  pid;            /* 0: free */
    uint32_t                 generation;
    volatile uint32_t        writing;        /* lines may be in the ledger
                                                whose reservations are not
                                                freed yet */
    volatile uint32_t        failing;        /* its lines cannot be written */
} llm_worker_t;


typedef struct {
    uint32_t                 hash;
    uint16_t                 len;            /* 0: free; over LLM_MODEL_NAME:
                                                changing hands */
    uint16_t                 pad;
    uint32_t                 used;           /* seconds, as the zone's now */
    llm_estimate_t           estimate;
    u_char                   name[LLM_MODEL_NAME];
} llm_model_t;


typedef struct {
    uint64_t                 at;             /* offset in the zone; bit 0: the
                                                word has 64 bits */
    uint64_t                 old;
} llm_undo_t;


/* What metrics tell of the zone as a whole; changed without the lock, as
   series are: llm_series.h. */

typedef struct {
    /* by type of subject, resource, and whether it is one of the minute */
    uint64_t                 refused[LLM_SUBJECT_TYPES][LLM_RESOURCES][2];
    uint64_t                 other;          /* not in a series of its own */

    uint64_t                 ledger_bytes;
    uint64_t                 ledger_errors;  /* times that it failed */
    uint64_t                 ledger_torn;    /* pieces that were passed over */
    uint64_t                 commits;
    uint64_t                 commit_lines;
    uint64_t                 commit_errors;

    uint64_t                 retries;        /* of upstreams, by nginx */

    uint64_t                 exchanges;      /* with Redis */
    uint64_t                 exchange_errors;  /* times that they failed */
    uint64_t                 exchange_rtt;   /* us, of late */
} llm_totals_t;


static inline void
llm_count(uint64_t *counter, uint64_t n)
{
    (void) __atomic_fetch_add(counter, n, __ATOMIC_RELAXED);
}


static inline uint64_t
llm_counted(const uint64_t *counter)
{
    return __atomic_load_n(counter, __ATOMIC_RELAXED);
}


/* What alerts tell of the zone itself; the leader's alone. */

typedef enum {
    LLM_ZONE_REDIS = 0,
    LLM_ZONE_LEDGER,
    LLM_ZONE_ROOM,
    LLM_ZONE_TROUBLES
} llm_zone_trouble_e;


/* How far the ledger of another zone was added to the meters. */

typedef struct {
    uint64_t                 epoch;
    uint32_t                 number;         /* of the segment */
    uint32_t                 made;           /* rises; 0: free */
    int64_t                  offset;
} llm_mark_t;


#define LLM_ZONE_MAGIC       0x6c6c6d715a6f6e65ULL
#define LLM_ZONE_LAYOUT      14

typedef struct {
    uint64_t                 magic;
    uint32_t                 layout;
    volatile int32_t         owner;          /* pid of who is inside, 0 */

    uint64_t                 size;
    uint64_t                 epoch;          /* random, made with the zone */
    uint64_t                 seed[2];
    int64_t                  created;        /* ms of the epoch */

    uint64_t                 now;            /* ms, monotonic, never back */
    uint64_t                 number;         /* of the last reservation */
    uint64_t                 repairs;
    uint64_t                 full;           /* refusals for want of room */
    uint64_t                 pending_full;   /* records charged early, for want
                                                of room */
    volatile uint32_t        segment;        /* number of the ledger's newest */
    volatile uint32_t        stored;         /* meters are to be loaded */
    volatile uint32_t        unstored;       /* something was settled before
                                                that */
    volatile uint32_t        ready;          /* the store has what was settled
                                                before the zone was made */
    volatile uint32_t        away;           /* the store is out of reach */
    volatile uint32_t        damaged;        /* who reads it has found that */
    volatile uint32_t        behind;         /* there is more to carry than one
                                                run can */
    volatile uint32_t        cluster;        /* llm_cluster_e */
    volatile uint32_t        wanted;         /* rises: somebody waits for what
                                                others have of a meter, or
                                                for more of a limit */
    volatile uint32_t        answered;       /* the same, as it was when the
                                                last exchange began */
    volatile uint32_t        strict;         /* ms after which what is not used
                                                is given back, 0: limits are
                                                not strict between nodes */
    int64_t                  exchange;       /* the last one's number */
    uint32_t                 refusals;       /* rises; see llm_refused.h */
    uint32_t                 made;           /* of the last mark */
    llm_totals_t             totals;
    llm_told_t               told[LLM_TOLD_PAIRS];
    llm_trouble_t            troubles[LLM_ZONE_TROUBLES];
    volatile uint64_t        carried;        /* what was written before this
                                                (ms, monotonic) is in the
                                                store */
    llm_mark_t               marks[LLM_MARKS];
    uint64_t                 others;         /* llm_mark_sum() of the segments
                                                of other zones without one */
    uint32_t                 loads;          /* what meters are loaded as */

    uint32_t                 nsubjects;
    uint32_t                 nmeters;
    uint32_t                 nminutes;
    uint32_t                 nshares;
    uint32_t                 nreservations;
    uint32_t                 npendings;
    uint32_t                 nbuckets;       /* a power of two */
    uint32_t                 nseries;        /* at least one */

    llm_index_t              free_subject;
    llm_index_t              free_meter;
    llm_index_t              free_minute;
    llm_index_t              free_share;
    llm_index_t              free_reservation;

    uint32_t                 types;          /* bits: of which there ever was a
                                                subject */
    uint32_t                 unnamed;        /* bits: of which there was one
                                                that a line names and the zone
                                                did not know; llm_join.h */

    uint32_t                 top;            /* subjects from here on were
                                                never used */
    llm_index_t              hand;           /* of eviction: a subject */
    uint32_t                 pins;           /* rises with configurations */
    int64_t                  evictions;
    uint64_t                 evicted[LLM_EVICTED];   /* its time, of the last
                                                        with such a hash */

    uint32_t                 subjects_left;
    uint32_t                 meters_left;
    uint32_t                 minutes_left;
    uint32_t                 shares_left;
    uint32_t                 reservations_left;

    /* numbers in the order of the ring: of the next record; of the first that
       may still have something reserved, and that may still be open */
    uint64_t                 pending_next;
    uint64_t                 pending_held;
    uint64_t                 pending_kept;

    /* of those that only the store has: the zone's time when the last open one
       left it, 0: none has; the same of the last whose charge the store may not
       have had; how many others have made, once that is known */
    uint64_t                 pending_left;
    uint64_t                 pending_charged;
    volatile uint32_t        pending_others;
    volatile uint32_t        pending_known;

    /* offsets from the zone's first byte */
    uint64_t                 subjects;
    uint64_t                 meters;
    uint64_t                 minutes;
    uint64_t                 shares;
    uint64_t                 reservations;
    uint64_t                 pendings;
    uint64_t                 pending_buckets;    /* as many as records */
    uint64_t                 buckets;
    uint64_t                 series;

    /* what was made over the admin API: llm_entity.h */
    uint64_t                 entities;           /* cells */
    uint64_t                 entity_buckets;     /* as many */
    uint32_t                 nentities;
    llm_index_t              free_entity;
    uint32_t                 entities_left;
    uint32_t                 entities_of[LLM_ENTITY_KINDS];
    uint64_t                 entity_changes;
    volatile uint32_t        entities_ready;     /* the store's are here */
    volatile uint32_t        entities_tried;     /* or could not be read */
    volatile int64_t         entities_polled;    /* a row of the audit */
    volatile uint32_t        joined;             /* other nodes' are, too */
    llm_kept_t               kept;               /* what they limit; grows */

    /* what is no usage, until its line is written: llm_fact.h */
    uint64_t                 facts;
    uint32_t                 nfacts;

    volatile uint32_t        nundo;
    llm_undo_t               undo[LLM_UNDO];

    llm_worker_t             workers[LLM_WORKERS];
    llm_model_t              models[LLM_MODELS];
    llm_estimate_t           other;          /* models without a slot */
} llm_zone_t;


/* Whether other machines have a part in what the zone's limits allow. */

typedef enum {
    LLM_CLUSTER_OFF = 0,
    LLM_CLUSTER_ON,
    LLM_CLUSTER_AWAY             /* not to be asked: what was known counts */
} llm_cluster_e;


/* A worker's own view of time, made outside the lock. */

#define LLM_CLOCK_PERIODS    32

typedef struct {
    llm_period_t             period;
    int64_t                  start;
    int64_t                  end;
} llm_clock_period_t;

typedef struct {
    llm_calendar_t           calendar;
    int64_t                  wall;           /* ms of the epoch */
    uint32_t                 nperiods;
    llm_clock_period_t       periods[LLM_CLOCK_PERIODS];
} llm_clock_t;


/* The least memory that makes a usable zone. */
#define LLM_ZONE_MIN         (384 * 1024)

/*
 * Lays out a zone in size bytes at mem (zeroed, 8-aligned).  random: 24
 * unpredictable bytes.  Returns NULL where the memory is too small.
 */
llm_zone_t *llm_zone_create(void *mem, size_t size, const u_char *random,
    int64_t created);

/* Whether what lies in memory is a zone of this layout. */
int llm_zone_valid(const llm_zone_t *z, size_t size);

/*
 * After the mutex was taken: sets the owner and the zone's time, and repairs
 * what a dead owner left.  monotonic: ms of CLOCK_MONOTONIC, read after the
 * mutex was taken.  Returns 1 where the zone was repaired:
 * llm_settle_noted() comes next, before anything is compared.
 */
int llm_zone_enter(llm_zone_t *z, int32_t pid, uint64_t monotonic);

/* Before the mutex is given back. */
void llm_zone_leave(llm_zone_t *z);

/* Makes everything that can be computed exact again; see above. */
void llm_zone_repair(llm_zone_t *z);


/* Access to the arrays. */

static inline llm_subject_t *
llm_zone_subject(llm_zone_t *z, llm_index_t i)
{
    return (llm_subject_t *) ((u_char *) z + z->subjects) + i;
}


static inline llm_meter_t *
llm_zone_meter(llm_zone_t *z, llm_index_t i)
{
    return (llm_meter_t *) ((u_char *) z + z->meters) + i;
}


/* Whether a meter has what was settled before it was made. */

static inline int
llm_zone_meter_loaded(const llm_zone_t *z, const llm_meter_t *m)
{
    return m->loaded == z->loads;
}


static inline llm_minute_t *
llm_zone_minute(llm_zone_t *z, llm_index_t i)
{
    return (llm_minute_t *) ((u_char *) z + z->minutes) + i;
}


static inline llm_share_t *
llm_zone_share(llm_zone_t *z, llm_index_t i)
{
    return (llm_share_t *) ((u_char *) z + z->shares) + i;
}


static inline llm_reservation_t *
llm_zone_reservation(llm_zone_t *z, llm_index_t i)
{
    return (llm_reservation_t *) ((u_char *) z + z->reservations) + i;
}


static inline llm_pending_t *
llm_zone_pending(llm_zone_t *z, llm_index_t i)
{
    return (llm_pending_t *) ((u_char *) z + z->pendings) + i;
}


/* A reservation is of the process that has the slot now; LLM_NONE: of one
   without. */

static inline void
llm_zone_set_worker(llm_zone_t *z, llm_reservation_t *r, uint32_t worker)
{
    r->worker = worker;
    r->generation = (worker < LLM_WORKERS) ? z->workers[worker].generation : 0;
}


/* The hash of a name with the zone's secret seed; what tells names of one kind
   from those of another is kind, from LLM_SUBJECT_TYPES on. */

#define LLM_HASH_MODEL       LLM_SUBJECT_TYPES
#define LLM_HASH_PENDING     (LLM_SUBJECT_TYPES + 1)
#define LLM_HASH_ENTITY      (LLM_SUBJECT_TYPES + 2)     /* and its kind */
#define LLM_HASH_SERIES      (LLM_SUBJECT_TYPES + 32)

/* A subject that no request names: the class in which it shares a model. */
#define LLM_SUBJECT_CLASS    ((llm_subject_type_e) (LLM_SUBJECT_TYPES + 16))

uint32_t llm_zone_hash(const llm_zone_t *z, const u_char *p, size_t n,
    uint64_t kind);


/* The chain of the subjects with a hash. */

static inline uint32_t *
llm_zone_bucket(llm_zone_t *z, uint32_t hash)
{
    return (uint32_t *) ((u_char *) z + z->buckets)
           + (hash & (z->nbuckets - 1));
}


/* The name of a subject as the zone keeps it; borrowed by who asks. */

typedef struct {
    llm_subject_type_e       type;
    uint32_t                 hash;
    uint16_t                 len;
    u_char                   name[LLM_SUBJECT_NAME];
} llm_subject_key_t;

/*
 * Sets the key; second is the pair's other half or NULL.  No lock needed:
 * the seed never changes.  Returns -1 where the names are too long.
 */
int llm_zone_key(const llm_zone_t *z, llm_subject_key_t *key,
    llm_subject_type_e type, const u_char *first, size_t n,
    const u_char *second, size_t m);

llm_index_t llm_zone_find(llm_zone_t *z, const llm_subject_key_t *key);

/* A reservation names these subjects; it does no more. */
void llm_zone_hold(llm_zone_t *z, const llm_reservation_t *r);
void llm_zone_let_go(llm_zone_t *z, const llm_reservation_t *r);

/* These take from the free lists and link; LLM_NONE: there is none left. */
llm_index_t llm_zone_add_subject(llm_zone_t *z, const llm_subject_key_t *key);
llm_index_t llm_zone_add_meter(llm_zone_t *z, llm_index_t subject,
    llm_period_t period, int64_t start, int64_t end);
llm_index_t llm_zone_add_minute(llm_zone_t *z, llm_index_t subject);
llm_index_t llm_zone_add_share(llm_zone_t *z, llm_index_t subject);
llm_index_t llm_zone_add_reservation(llm_zone_t *z);

/* Gives a reservation back: its line is written.  Does nothing unless it is
   settled. */
void llm_zone_free_reservation(llm_zone_t *z, llm_index_t i);

/* Puts one that has just become free on the list. */
void llm_zone_link_reservation(llm_zone_t *z, llm_index_t i);

/* A subject's meter of a period, or NULL. */
llm_meter_t *llm_zone_find_meter(llm_zone_t *z, const llm_subject_t *subject,
    llm_period_t period);

/*
 * Brings a subject's window up to the zone's second and its periods up to
 * the clock: a period that the clock has left starts again.  A clock that is
 * late or was set back by at most 25 hours changes nothing; one that stands
 * further before a period starts the one that it says.  Commits, so it comes
 * before the first fact that is changed together with others.
 */
void llm_zone_roll(llm_zone_t *z, llm_clock_t *clock,
    const llm_subject_t *subject);


/* The same of the subjects of n meters from i on, whose period the clock has
   left; returns where to go on, LLM_NONE: there are no more. */
llm_index_t llm_zone_roll_idle(llm_zone_t *z, llm_clock_t *clock,
    llm_index_t i, uint32_t n);


/* A compiler barrier: a process killed between two stores has made them in
   the order of the program, and whoever enters next holds the mutex. */
#define llm_barrier()  __asm__ __volatile__ ("" ::: "memory")

/* Changes of facts, noted in the journal first.  llm_zone_commit() ends a
   change. */

void llm_zone_put32(llm_zone_t *z, uint32_t *word, uint32_t value);
void llm_zone_put64(llm_zone_t *z, int64_t *word, int64_t value);
void llm_zone_commit(llm_zone_t *z);


/*
 * The learned figures of a model.  Never NULL: models without a slot share
 * one.  create: they are to be changed, under the lock; a model that has no
 * slot yet gets a free one, or else that of those which its name can have that
 * was not changed for the longest time, if that is LLM_MODEL_IDLE or more.  So
 * names that clients invent neither fill the slots for good nor drive out
 * models in use.
 */
llm_estimate_t *llm_zone_estimate(llm_zone_t *z, const u_char *name, size_t n,
    int create);


/*
 * Takes a slot for a process, if the slot still is what was seen of it; the
 * caller has found out, without the lock, that it is in nobody's use.
 * Returns 1 where it was taken.
 */
int llm_zone_take_worker(llm_zone_t *z, uint32_t i, const llm_worker_t *seen,
    int32_t pid, uint64_t started);

/* Whether a reservation is that of a process which has no slot any more; what
   a process without one holds is nobody's to sweep. */
int llm_zone_is_left(const llm_zone_t *z, const llm_reservation_t *r);


/* Sets the wall clock and brings the bounds of all known periods up to it. */
void llm_clock_set(llm_clock_t *clock, int64_t wall);

/* The bounds of the period that the clock stands in. */
void llm_clock_period(llm_clock_t *clock, llm_period_t period, int64_t *start,
    int64_t *end);


#endif /* _LLM_ZONE_H_INCLUDED_ */
