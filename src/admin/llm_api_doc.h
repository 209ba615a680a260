
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _LLM_API_DOC_H_INCLUDED_
#define _LLM_API_DOC_H_INCLUDED_


#include <sys/types.h>
#include <stdint.h>

#include <jansson.h>


/*
 * The documents that the admin API takes, keeps and gives back.  Members have
 * LiteLLM's names; a table says which kind of entity has which and what it may
 * be.  Members that the table does not know are kept as they are.
 */

#define LLM_API_BODY       1048576   /* bytes of a request's body */
#define LLM_API_DEPTH      32        /* of arrays and objects in one another */
#define LLM_API_STRING     512       /* bytes of a string that is a name */
#define LLM_API_DOCUMENT   65536     /* bytes of what is kept of an entity */
#define LLM_API_DIGITS     15        /* of a number: those of a double that are
                                        sure to be the ones written */


typedef enum {
    LLM_API_TEAM     = 0x01,
    LLM_API_USER     = 0x02,
    LLM_API_CUSTOMER = 0x04,
    LLM_API_KEY      = 0x08,
    LLM_API_BUDGET   = 0x10,
    LLM_API_TAG      = 0x20,
    LLM_API_GROUP    = 0x40,
    LLM_API_MEMBER   = 0x80              /* of a team */
} llm_api_kind_e;


typedef enum {
    LLM_API_ID = 0,              /* of an entity, as llm_text_is_id() has it */
    LLM_API_NAME,                /* a string that is not too long */
    LLM_API_MONEY,               /* dollars, not negative */
    LLM_API_COUNT,               /* an integer, not negative */
    LLM_API_SHARE,               /* over 0 and at most 1 */
    LLM_API_PERIOD,              /* "30d" */
    LLM_API_MOMENT,              /* a date, with a time or without */
    LLM_API_BOOL,
    LLM_API_NAMES,               /* an array of such strings */
    LLM_API_OBJECT,
    LLM_API_COUNTS,              /* an object of counts */
    LLM_API_BUDGETS,             /* of budgets for models */
    LLM_API_WINDOWS,             /* an array of budgets */
    LLM_API_CHOICE,              /* one of some strings */
    LLM_API_ANY                  /* made here */
} llm_api_type_e;


typedef struct {
    const char              *name;
    llm_api_type_e           type;
    unsigned                 kinds;      /* that have it */
    const char              *absent;     /* JSON that is shown in its place;
                                            NULL: nothing is */
    const char              *choices;    /* "a|b" */
} llm_api_field_t;

/* Ends with a NULL name. */
extern const llm_api_field_t  llm_api_fields[];


/* What is wrong with a document: 422 where a type is, 400 where a value is. */

typedef struct {
    unsigned                 status;
    const char              *member;     /* the field's name */
    const char              *what;       /* "Input should be a valid number" */
} llm_api_fault_t;


/* Whether a JSON text is no deeper than LLM_API_DEPTH; of what is not JSON it
   says anything. */
int llm_api_shallow(const u_char *p, size_t n);

/* The field of a name, NULL: the table has none for this kind. */
const llm_api_field_t *llm_api_field(const char *name, unsigned kind);

/* Whether a value (NULL: there is none) may be that of a field: 0, or -1 with
   the status and what is wrong in *fault. */
int llm_api_check(const llm_api_field_t *field, const json_t *value,
    llm_api_fault_t *fault);

/*
 * Checks all members that body has for a kind, and then sets them in the
 * document, null as null.  Returns 0, or -1 with *fault: then the document is
 * as it was, but where memory failed.
 */
int llm_api_merge(json_t *document, const json_t *body, unsigned kind,
    llm_api_fault_t *fault);

/* A member that is a string, with its length; NULL: it is not. */
const char *llm_api_string(const json_t *object, const char *name,
    size_t *len);


#endif /* _LLM_API_DOC_H_INCLUDED_ */
