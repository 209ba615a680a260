
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _LLM_RECORD_H_INCLUDED_
#define _LLM_RECORD_H_INCLUDED_


#include <sys/types.h>
#include <stdint.h>

#include "llm_limit.h"


/*
 * What an entity's document says of limits and access, as the zone keeps it: a
 * list of items.  An item is there where the document names the member; what
 * is not named stays as the configuration has it.  Plain C, no allocation.
 */


typedef enum {
    LLM_ENTITY_TEAM = 0,
    LLM_ENTITY_USER,
    LLM_ENTITY_CUSTOMER,
    LLM_ENTITY_KEY,
    LLM_ENTITY_TEAM_MEMBER,          /* id: team, NUL, user */
    LLM_ENTITY_BUDGET,
    LLM_ENTITY_TAG,
    LLM_ENTITY_GROUP,                /* of models */
    LLM_ENTITY_KINDS
} llm_entity_kind_e;


typedef enum {
    LLM_RECORD_LIMIT = 1,            /* of the entity itself */
    LLM_RECORD_MODEL_LIMIT,          /* with the model that text names */
    LLM_RECORD_MEMBER_LIMIT,         /* of each user in the team who has no
                                        team_member of his own */
    LLM_RECORD_SOFT,                 /* amount: nano-dollars, or lifted */
    LLM_RECORD_OVER,                 /* amount: percent past the budget */
    LLM_RECORD_MORE,                 /* amount: nano-dollars beside the budget;
                                        until: seconds of the epoch */
    LLM_RECORD_MODELS,               /* there is a list, if an empty one, which
                                        allows all */
    LLM_RECORD_MODEL,                /* text: of the list; a pattern or the
                                        name of a group */
    LLM_RECORD_BLOCKED,              /* amount: 1, 0 */
    LLM_RECORD_EXPIRES,              /* amount: seconds of the epoch; lifted:
                                        never */
    LLM_RECORD_ALIAS,                /* text */
    LLM_RECORD_TEAM,                 /* text; empty: none */
    LLM_RECORD_USER,                 /* likewise */
    LLM_RECORD_BUDGET_ID,            /* likewise */
    LLM_RECORD_PRIORITY,             /* likewise */
    LLM_RECORD_REPLACED_BY,          /* text: the id of the key that stands for
                                        this one until it expires */
    LLM_RECORD_COUNTS_AS,            /* text: the id of the key in whose place
                                        this one is counted */
    LLM_RECORD_TAGS
} llm_record_tag_e;


/* The amount of what was null; of a budget whose period alone is named. */
#define LLM_RECORD_LIFTED    -1
#define LLM_RECORD_SAME      -2

/* The period of a budget that has none of its own. */
#define LLM_RECORD_AS_IS     UINT32_MAX


typedef struct {
    llm_record_tag_e         tag;
    llm_resource_e           resource;   /* of limits */
    unsigned                 minute:1;   /* likewise */
    llm_period_t             period;     /* likewise */
    int64_t                  amount;
    int64_t                  until;      /* of MORE */
    const u_char            *text;
    size_t                   len;
} llm_record_item_t;


/* Room for some 150 models with limits of their own. */
#define LLM_RECORD_MAX       16384

typedef struct {
    size_t                   len;
    u_char                   data[LLM_RECORD_MAX];
} llm_record_t;


/* Of budgets, with those of budget_limits; more are refused. */
#define LLM_RECORD_BUDGETS   8


/* "team", "key", "team_member", "access_group"; LLM_ENTITY_KINDS: none of
   them, and so none of the zone's business. */
llm_entity_kind_e llm_entity_kind(const u_char *name, size_t n);

/* Adds an item; -1: there is no room. */
int llm_record_add(llm_record_t *record, const llm_record_item_t *item);

/* The item at *at, 0 at first, and where the next one is; 0: there is none.
   Its text is the record's. */
int llm_record_next(const llm_record_t *record, size_t *at,
    llm_record_item_t *item);

/* The first item of a kind; 0: there is none. */
int llm_record_find(const llm_record_t *record, llm_record_tag_e tag,
    llm_record_item_t *item);

/* Whether limits of this kind, of MODEL_LIMIT of this model, are in it. */
int llm_record_has_limits(const llm_record_t *record, llm_record_tag_e tag,
    const u_char *model, size_t n);

/*
 * Lays over a row what the record names: of limits those of this kind (and
 * model), and with LIMIT also the soft budget, what is allowed past the budget
 * and the temporary increase.  now: seconds of the epoch.
 *
 * A budget with a period takes the place of all that the row has; one without
 * has the period of the row's longest, whose place it takes, or none; a period
 * alone becomes that of the longest.  What a row has no room for (it has
 * LLM_ROW_LIMITS and LLM_ROW_PERIODS) is left out of what it had before.
 * Models are the caller's: he knows the groups.
 */
void llm_record_overlay(llm_row_t *row, const llm_record_t *record,
    llm_record_tag_e tag, const u_char *model, size_t n, int64_t now);


#endif /* _LLM_RECORD_H_INCLUDED_ */
