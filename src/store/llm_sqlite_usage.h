
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _LLM_SQLITE_USAGE_H_INCLUDED_
#define _LLM_SQLITE_USAGE_H_INCLUDED_


#include "llm_sqlite.h"


/* Daily usage; for the commit, in whose transaction it is added. */

#define LLM_SQLITE_DAY  11           /* bytes of "2026-04-01" and its NUL */

int llm_sqlite_usage_valid(const llm_store_usage_t *usage);
int llm_sqlite_usage_add(llm_store_t *store, const llm_store_usage_t *usage);

/* The day that a second lies in, by the zone's clock; empty where no calendar
   has it. */
void llm_sqlite_day_of(int local, int64_t seconds, u_char *buf,
    llm_store_text_t *text);


#endif /* _LLM_SQLITE_USAGE_H_INCLUDED_ */
