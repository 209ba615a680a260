
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _LLM_DECIDE_H_INCLUDED_
#define _LLM_DECIDE_H_INCLUDED_


#include <sys/types.h>
#include <stdint.h>

#include "llm_admit.h"


/* Private to admission: the decision, apart from what it changes. */


#define llm_min(a, b)  (((a) < (b)) ? (a) : (b))
#define llm_max(a, b)  (((a) < (b)) ? (b) : (a))

#define LLM_MONTH  LLM_PERIOD(LLM_PERIOD_MONTH, 1)


/* What is known of one subject while a request is decided. */

typedef struct {
    llm_index_t              index;      /* LLM_NONE: not in the zone yet */
    llm_subject_t           *subject;
    llm_minute_t            *minute;
    int64_t                  relief;     /* when throttling ends: seconds of
                                            the epoch, INT64_MAX: never */
    uint8_t                  percent;    /* that rates are throttled to */
    unsigned                 settled:1;  /* what is reserved does not count */
} llm_view_t;


/* A model that is shared, as one request finds it. */

typedef struct {
    uint32_t                 model;      /* subjects of the ask */
    uint32_t                 sharer;
    uint32_t                 class;
    llm_view_t               views[LLM_CLASSES];
} llm_share_view_t;


/* How much of one rate there is for who asks; see llm_share.h. */

typedef struct {
    int64_t                  has;        /* G */
    int64_t                  class;      /* V */
    int64_t                  level;      /* L */
    int64_t                  whole;      /* C less what others keep */
    int64_t                  common;     /* the same less what they want */
    int64_t                  most;       /* V, if nobody else wanted any */
} llm_share_rate_t;


typedef struct {
    llm_zone_t              *zone;
    llm_clock_t             *clock;
    const llm_ask_t         *ask;
    llm_verdict_t           *verdict;
    unsigned                 early:1;
    unsigned                 budgets:1;
    unsigned                 shared:1;   /* share is set */
    unsigned                 hungry:1;   /* refused for want of a share */
    unsigned                 barred:1;   /* refused by something else, too */
    unsigned                 modest:1;   /* twice as much fits in its share */
    llm_view_t               views[LLM_SUBJECTS];
    llm_share_view_t         share;
} llm_decide_t;


/* Looks at every limit of every subject; fills the verdict and the views. */
void llm_decide(llm_decide_t *d);

/* What is known of a subject of the zone, brought up to the clock; LLM_NONE:
   of one that is not there. */
void llm_view_index(llm_zone_t *z, llm_clock_t *clock, llm_index_t i,
    llm_view_t *view);

/* The present state of a limit of the subject viewed. */
void llm_view_standing(llm_zone_t *z, llm_clock_t *clock,
    const llm_view_t *view, const llm_limit_t *limit, llm_standing_t *s);

/* Whether a limit of the row can refuse the request at all. */
int llm_decide_bears(const llm_decide_t *d, const llm_row_t *row,
    const llm_limit_t *limit);

/* What must be left of a limit for the request to pass.  Early, a bound is not
   known and may turn out to be nothing. */
int64_t llm_decide_needs(const llm_decide_t *d, llm_resource_e resource);

/* What this node has settled and reserved under a limit of a meter. */
int64_t llm_view_own(llm_zone_t *z, const llm_view_t *view,
    const llm_limit_t *limit);

/* What counts toward a limit of the resource, of LLM_COUNTS. */
int64_t llm_resource_sum(llm_resource_e resource, const int64_t *counts);

/* Tells of a minute limit how long its window takes to be empty. */
void llm_view_reset(llm_zone_t *z, const llm_view_t *view, llm_standing_t *s);


/* What a subject has in the zone. */
void llm_view(llm_zone_t *z, llm_clock_t *clock,
    const llm_subject_key_t *key, llm_view_t *view);

/* What of a window counts toward a resource: bits of llm_window_counter_e. */
unsigned llm_resource_mask(llm_resource_e resource);

/* After how many ms what a subject has used of a rate will have fallen to
   most, if nothing else comes; 1 where that is for what is reserved to
   decide.  As llm_window_wait(). */
int64_t llm_view_wait(llm_zone_t *z, const llm_view_t *view,
    llm_resource_e resource, int64_t most);


/* llm_share.c.  After the views: finds out whether a model is shared. */
void llm_share_view(llm_decide_t *d);

/* Whether a limit of the subject i of the ask is a rate that is shared. */
int llm_share_bears(const llm_decide_t *d, uint32_t i,
    const llm_limit_t *limit);

/* From the standing of a rate of the model to that of the sharer's share,
   which is negative where others have used more than there is. */
void llm_share_standing(llm_decide_t *d, const llm_limit_t *limit,
    llm_standing_t *s, llm_share_rate_t *rate);

/* The same as llm_verdict_t's retry, of a share that needs do not fit in. */
int64_t llm_share_retry(llm_decide_t *d, const llm_limit_t *limit,
    const llm_share_rate_t *rate, int64_t needs);

/* Whether the zone has room for what makes a refused sharer known. */
int llm_share_room(llm_decide_t *d);

/* Notes, for the change that is then committed, that the sharer has asked;
   whatever it lacks has been made. */
void llm_share_mark(llm_decide_t *d);


#endif /* _LLM_DECIDE_H_INCLUDED_ */
