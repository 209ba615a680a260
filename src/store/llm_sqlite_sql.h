
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _LLM_SQLITE_SQL_H_INCLUDED_
#define _LLM_SQLITE_SQL_H_INCLUDED_


/*
 * All SQL of the store but that of its pragmas: the schema, as the steps that
 * lead to it, and the statements.  Only what SQLite 3.34 has.
 */


/* "llmq", of PRAGMA application_id: a file without it is not ours. */
#define LLM_SQL_APPLICATION      0x6c6c6d71

/* PRAGMA user_version: how many of the steps were taken. */
#define LLM_SQL_VERSION          3

/* The step that leads from a version to the next one. */
extern const char *const  llm_sql_steps[LLM_SQL_VERSION];


/* In the order of the texts. */

typedef enum {
    LLM_SQL_SEGMENT = 0,
    LLM_SQL_SEGMENT_SET,
    LLM_SQL_SEGMENT_FORGET,
    LLM_SQL_SEGMENTS,

    LLM_SQL_PERIOD_SET,
    LLM_SQL_PERIODS,
    LLM_SQL_METER_ADD,
    LLM_SQL_METER_TOTAL,
    LLM_SQL_METERS_OF,
    LLM_SQL_METERS_AFTER,

    LLM_SQL_LABEL,
    LLM_SQL_LABELS,
    LLM_SQL_LABEL_SET,
    LLM_SQL_USAGE_ADD,

    LLM_SQL_PRUNE_USAGE,
    LLM_SQL_PRUNE_METER,
    LLM_SQL_PRUNE_PERIOD,
    LLM_SQL_PRUNE_LABEL,
    LLM_SQL_PRUNE_AUDIT,
    LLM_SQL_PRUNE_DELIVERY,
    LLM_SQL_PRUNE_ALERT,
    LLM_SQL_PRUNE_PENDING,

    LLM_SQL_VERSION_LAST,
    LLM_SQL_VERSION_SET,
    LLM_SQL_ENTITY,
    LLM_SQL_ENTITY_ALIAS,
    LLM_SQL_ENTITY_SET,
    LLM_SQL_ENTITY_DELETE,
    LLM_SQL_ENTITIES,
    LLM_SQL_ENTITIES_REF,
    LLM_SQL_ENTITIES_LATEST,
    LLM_SQL_ALIAS_TAKE,
    LLM_SQL_REF_ADD,
    LLM_SQL_REFS_DELETE,
    LLM_SQL_REFS,
    LLM_SQL_AUDIT_ADD,
    LLM_SQL_AUDIT_NOTE,
    LLM_SQL_AUDIT,
    LLM_SQL_AUDIT_CHANGES,
    LLM_SQL_AUDIT_UP_TO,

    LLM_SQL_CONFIGURATION,
    LLM_SQL_CONFIGURATION_SET,
    LLM_SQL_CONFIGURED,
    LLM_SQL_CONFIGURED_SET,
    LLM_SQL_CONFIGURED_GONE,
    LLM_SQL_CONFIGURED_FORGET,

    LLM_SQL_ALERT_ADD,
    LLM_SQL_ALERTS,
    LLM_SQL_DELIVERY_ADD,
    LLM_SQL_DELIVERY_SET,
    LLM_SQL_DELIVERIES_OF,
    LLM_SQL_DELIVERIES_DUE,
    LLM_SQL_DELIVERIES_NEXT,

    LLM_SQL_PENDING_ADD,
    LLM_SQL_PENDING_CHARGE,
    LLM_SQL_PENDING_FIND,
    LLM_SQL_PENDING_SEE,
    LLM_SQL_PENDING_DUE,
    LLM_SQL_PENDING_OTHERS,

    LLM_SQL_STATEMENTS
} llm_sql_e;

extern const char *const  llm_sql_texts[LLM_SQL_STATEMENTS];


/* What of a file set aside may be newer than a backup: tables that belong
   together, and the statements that take their rows from the schema "old". */

typedef struct {
    const char              *name;
    const char              *tables;         /* separated by blanks */
    const char              *sql;
} llm_sql_salvage_t;

#define LLM_SQL_SALVAGES         4

extern const llm_sql_salvage_t  llm_sql_salvages[LLM_SQL_SALVAGES];

/* The tables that are small enough to be checked at each start. */
extern const char *const  llm_sql_small_tables[];


#endif /* _LLM_SQLITE_SQL_H_INCLUDED_ */
