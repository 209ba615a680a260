
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _LLM_KEPT_H_INCLUDED_
#define _LLM_KEPT_H_INCLUDED_


#include "llm_limit.h"


/*
 * What is kept of all subjects of a type, wherever they are limited: the sums
 * of these periods, and whether of any of them the last minute.
 */

#define LLM_KEPT_PERIODS     (LLM_ROW_PERIODS + 1)

typedef struct {
    unsigned                 nperiods;
    llm_period_t             periods[2 * LLM_KEPT_PERIODS];  /* the rest is
                                                                for a merge */
    unsigned                 minute:1;
} llm_kept_type_t;

typedef struct {
    llm_kept_type_t          types[LLM_SUBJECT_TYPES];
} llm_kept_t;


/* The month of teams, users, customers and keys, which is kept with or without
   a limit. */
void llm_kept_init(llm_kept_t *kept);

/* Adds a period, once; returns -1 where there is no room for another. */
int llm_kept_period(llm_kept_t *kept, llm_subject_type_e type,
    llm_period_t period);

/* Adds what a row limits; likewise. */
int llm_kept_row(llm_kept_t *kept, llm_subject_type_e type,
    const llm_row_t *row);

/* Adds what another, which is no merge, has; returns whether that was more. */
int llm_kept_merge(llm_kept_t *kept, const llm_kept_t *other);


#endif /* _LLM_KEPT_H_INCLUDED_ */
