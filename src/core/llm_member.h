
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _LLM_MEMBER_H_INCLUDED_
#define _LLM_MEMBER_H_INCLUDED_


#include <sys/types.h>
#include <stdint.h>

#include "llm_request.h"


/*
 * What the parts of the request reader share: llm_member.c knows where each
 * API has the members that are read, llm_request.c what they mean,
 * llm_request_form.c what the fields of a form say of them,
 * llm_request_bound.c which of them make a bound void.  Nobody else includes
 * this file.
 */


typedef enum {
    LLM_MEMBER_FOLLOW = 0,   /* there is more below it */
    LLM_MEMBER_ROOT,
    LLM_MEMBER_MODEL,
    LLM_MEMBER_STREAM,
    LLM_MEMBER_STREAM_OPTIONS,
    LLM_MEMBER_INCLUDE_USAGE,
    LLM_MEMBER_BACKGROUND,
    LLM_MEMBER_TIER,

    /* who the customer is, the best last */
    LLM_MEMBER_SAFETY_IDENTIFIER,
    LLM_MEMBER_USER_ID,
    LLM_MEMBER_USER,

    LLM_MEMBER_CAP,          /* of the output, and the API obeys it */
    LLM_MEMBER_CAP_OR_NONE,  /* the same, where -1 and -2 mean no cap */
    LLM_MEMBER_RAISE,        /* obeyed by some servers of the API: it can
                                raise a cap, but must not be one */
    LLM_MEMBER_TIMES,        /* how many answers */
    LLM_MEMBER_PROMPT,       /* of several */
    LLM_MEMBER_OTHERS,       /* names models to answer in the model's place */

    /* with LLM_REQUEST_BOUNDS only */

    LLM_MEMBER_OUTSIDE,      /* names input that is elsewhere */
    LLM_MEMBER_OBJECT,       /* does so where it is an object */
    LLM_MEMBER_URL,          /* does so unless it is a data: URL */
    LLM_MEMBER_DATA,         /* holds media, or is a URL */
    LLM_MEMBER_FILE,         /* holds a file, or is an object that names it */
    LLM_MEMBER_MEDIA,
    LLM_MEMBER_QUERY,        /* is read beside each document */
    LLM_MEMBER_DOCUMENT,
    LLM_MEMBER_SOURCE_TYPE,  /* of Anthropic's sources */
    LLM_MEMBER_EDIT_TYPE,    /* of context management */
    LLM_MEMBER_SPEED,        /* Anthropic's */

    LLM_MEMBER_ITEM,         /* of the input of responses */
    LLM_MEMBER_ITEM_TYPE,
    LLM_MEMBER_ITEM_CONTENT,
    LLM_MEMBER_ITEM_SEALED,

    LLM_MEMBER_TOOL,         /* an element of tools */
    LLM_MEMBER_TOOL_TYPE,
    LLM_MEMBER_TOOL_CLIENT,  /* makes it one that the client runs */
    LLM_MEMBER_TOOL_SERVER   /* makes it one that the server runs, or is such
                                a tool itself */
} llm_member_kind_e;


typedef struct {
    const char              *name;
    llm_member_kind_e        kind;
    uint8_t                  types;      /* allowed beside null, bits by
                                            llm_json_type_e */
    uint8_t                  once;       /* a second one is a duplicate */
} llm_member_t;


/* By the field of a value. */
extern const llm_member_t  llm_members[];

const llm_json_node_t *llm_member_root(const llm_route_t *route, int bounds);

/* A value, as the scanner of JSON reports it. */
void llm_request_value(void *data, const llm_json_value_t *v);

/* The first error counts. */
void llm_request_fail(llm_request_t *r, llm_request_error_e error,
    const char *member);

/* A value that is complete; its end, of a container. */
void llm_request_bound(llm_request_t *r, const llm_member_t *m,
    const llm_json_value_t *v);
void llm_request_bound_close(llm_request_t *r, const llm_member_t *m);

/* Whether a byte is a character of base64, in either of its alphabets. */
extern const u_char  llm_request_base64[];

/* Whether the string just read is one of the names; a name that ends in "*"
   stands for all that begin so. */
int llm_request_is(const llm_request_t *r, const char *const *names);


#endif /* _LLM_MEMBER_H_INCLUDED_ */
