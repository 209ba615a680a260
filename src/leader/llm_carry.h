
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _LLM_CARRY_H_INCLUDED_
#define _LLM_CARRY_H_INCLUDED_


#include "llm_kept.h"
#include "llm_line_read.h"
#include "llm_store.h"


/*
 * What lines of the ledger come to: the batch that the store commits.  For
 * each subject of a line and each period that is kept of its type one sum,
 * and one row of daily usage for all of them.  Requests belong to the moment
 * of admission, tokens and money to that of settlement.
 */


typedef struct {
    llm_calendar_t           calendar;
    llm_kept_t               kept;
} llm_carry_conf_t;


/*
 * Whom of a type a line with these names concerns: *second is NULL but for
 * pairs, both are NULL of the subject that is everybody.  Returns 0 where the
 * line has no such name.
 */
int llm_carry_names(const llm_line_text_t *text, llm_subject_type_e type,
    const llm_line_text_t **first, const llm_line_text_t **second);


/*
 * The id of a type that a line is about, as the zone has it: of a pair both,
 * with a NUL between them, written at name, which has LLM_STORE_ID_MAX bytes.
 * Returns 0 where it has none.
 */
int llm_carry_id(const llm_entry_t *e, llm_subject_type_e type, u_char *name,
    llm_store_text_t *id);

/* The type of the subject that a reset is about; -1: there is none of that
   name. */
int llm_carry_subject_type(const llm_line_text_t *name);

/* What one of its periods is, or -1. */
int llm_carry_period(const llm_line_text_t *name, llm_period_t *period);

/* Fills in the row of the audit for a correction or a reset, in memory of op;
   -1 without memory. */
int llm_carry_note(llm_store_op_t *op, const llm_entry_t *e,
    llm_store_note_t *note);


typedef struct llm_carry_s  llm_carry_t;

/*
 * A batch for the arguments of op, which becomes a COMMIT; conf is borrowed.
 * NULL without memory.  Everything is malloc()'s, so that a thread can make
 * it.
 */
llm_carry_t *llm_carry_create(const llm_carry_conf_t *conf,
    llm_store_op_t *op);

/* Adds a line; -1 without memory: the batch must not be committed. */
int llm_carry_add(llm_carry_t *c, const llm_entry_t *e);

/* Sets sums, usage, periods and notes of op->commit. */
void llm_carry_finish(llm_carry_t *c);

/* After the commit. */
void llm_carry_destroy(llm_carry_t *c);


#endif /* _LLM_CARRY_H_INCLUDED_ */
