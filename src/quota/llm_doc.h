
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _LLM_DOC_H_INCLUDED_
#define _LLM_DOC_H_INCLUDED_


#include <sys/types.h>
#include <stdint.h>

#include <jansson.h>

#include "llm_record.h"


/*
 * The values of an entity's document.  What returns an int returns 0, or -1
 * after llm_doc_wrong().
 */

typedef struct {
    llm_record_t            *record;
    llm_entity_kind_e        kind;
    const json_t            *doc;
    char                    *error;
} llm_doc_t;


#define LLM_DOC_MILLI    1000


/* A member of the document, or of its metadata instead; NULL: neither. */
const json_t *llm_doc_get(llm_doc_t *d, const char *name);

/* The first that there is of two names, the second may be NULL; *name says
   which. */
const json_t *llm_doc_first(const json_t *object, const char *const *names,
    const char **name);

/* Adds an item, with a whole number or null as its amount. */
int llm_doc_count(llm_doc_t *d, const json_t *value, const char *name,
    llm_record_item_t *item);

/* USD as nano-dollars. */
int llm_doc_money(llm_doc_t *d, const json_t *value, const char *name,
    int64_t *amount);

int llm_doc_time(llm_doc_t *d, const json_t *value, const char *name,
    int64_t *seconds);

/* Sets the item's text, the value's own. */
int llm_doc_text(llm_doc_t *d, const json_t *value, const char *name,
    llm_record_item_t *item);

int llm_doc_add(llm_doc_t *d, const llm_record_item_t *item);

/* Sets the error: "max_budget is negative"; returns -1. */
int llm_doc_wrong(llm_doc_t *d, const char *name, const char *what);


#endif /* _LLM_DOC_H_INCLUDED_ */
