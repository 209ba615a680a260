
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _LLM_LINE_FACT_H_INCLUDED_
#define _LLM_LINE_FACT_H_INCLUDED_


#include "llm_line.h"


/*
 * Lines of the ledger that are no usage, and what is told with them: who made
 * them, and why.  Their amounts are what is added, so that it does not matter
 * in which order lines are read.
 *
 * A correction is added to all that its names have, as a usage line would be,
 * in the periods that hold its timestamp.  A reset is added to what the meters
 * of one subject show; nothing that was used is taken from its history.
 */

#define LLM_FACT_PERIODS     16          /* of a reset */
#define LLM_FACT_REASON      512         /* bytes */
#define LLM_FACT_COUNT       ((int64_t) 1 << 53)     /* of requests, tokens */

/* No such line is longer. */
#define LLM_FACT_MAX         7168


typedef enum {
    LLM_FACT_REQUESTS = 0,
    LLM_FACT_INPUT,                      /* tokens */
    LLM_FACT_OUTPUT,
    LLM_FACT_COST,                       /* nano-dollars */
    LLM_FACT_AMOUNTS
} llm_fact_amount_e;


typedef struct {
    llm_line_text_t          period;     /* "month" */
    int64_t                  start;      /* s of the epoch */
    int64_t                  amount[LLM_FACT_AMOUNTS];
} llm_line_period_t;


typedef struct {
    uint64_t                 epoch;
    uint64_t                 number;
    int64_t                  timestamp;  /* ms of the epoch: to which moment it
                                            belongs */
    int64_t                  made;       /* likewise: when it was made */

    /* IDs as the zone takes them, or empty */
    llm_line_text_t          team;
    llm_line_text_t          user;
    llm_line_text_t          customer;
    llm_line_text_t          key;
    llm_line_text_t          model;

    llm_line_text_t          of;         /* the id of the line that is
                                            corrected, or empty */
    int64_t                  amount[LLM_FACT_AMOUNTS];  /* of a correction */

    llm_line_text_t          subject;    /* of a reset: its type; empty: it is
                                            a correction */
    const llm_line_period_t *periods;    /* at most LLM_FACT_PERIODS */
    unsigned                 nperiods;

    /* cut where they are too long */
    llm_line_text_t          reason;
    llm_line_text_t          who;
    llm_line_text_t          who_key;
    llm_line_text_t          address;
} llm_line_fact_t;


/* Writes the line with its newline at p, which has LLM_FACT_MAX bytes; returns
   its end. */
u_char *llm_line_fact(u_char *p, const llm_line_fact_t *fact);


/*
 * A change of an entity, for who reads the ledger: who changed what.  Nothing
 * is added up of it; what it was before and is now, the audit has.
 */

typedef struct {
    uint64_t                 epoch;
    int64_t                  version;    /* of the entity, which no other
                                            change has */
    int64_t                  time;       /* ms of the epoch */
    llm_line_text_t          action;     /* "/team/new" */
    llm_line_text_t          kind;       /* "team" */
    llm_line_text_t          id;

    /* cut where they are too long */
    llm_line_text_t          reason;
    llm_line_text_t          who;
    llm_line_text_t          who_key;
    llm_line_text_t          address;
} llm_line_change_t;

/* The same for its line. */
u_char *llm_line_change(u_char *p, const llm_line_change_t *change);


#endif /* _LLM_LINE_FACT_H_INCLUDED_ */
