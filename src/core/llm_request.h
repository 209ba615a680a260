
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _LLM_REQUEST_H_INCLUDED_
#define _LLM_REQUEST_H_INCLUDED_


#include <sys/types.h>
#include <stdint.h>

#include "llm_json.h"
#include "llm_route.h"
#include "llm_usage.h"


/*
 * The members of a request body that matter for quotas, found by the
 * streaming scanner.  Constant memory whatever the body's length.
 */

#define LLM_REQUEST_MODEL     256
#define LLM_REQUEST_CUSTOMER  1024


typedef enum {
    LLM_REQUEST_OK = 0,
    LLM_REQUEST_NOT_JSON,        /* or no object, or something after it */
    LLM_REQUEST_DUPLICATE,       /* a member that we read is there twice */
    LLM_REQUEST_VARIANT,         /* ... in another case of letters */
    LLM_REQUEST_TYPE,            /* ... of a wrong type or value */
    LLM_REQUEST_TOO_LONG         /* model */
} llm_request_error_e;


/* A byte range of the body; end == 0: not there. */
typedef struct {
    uint64_t                 start;
    uint64_t                 end;
} llm_request_span_t;


typedef struct {
    /* results, valid after llm_request_end() */

    llm_request_error_e      error;
    const char              *member;       /* that the error is about, or "" */

    size_t                   model_len;
    u_char                   model[LLM_REQUEST_MODEL];

    /* of user, metadata.user_id, safety_identifier the first that is there
       in this order; customer_len counts all its bytes, of which at most
       LLM_REQUEST_CUSTOMER are kept */
    size_t                   customer_len;
    u_char                   customer[LLM_REQUEST_CUSTOMER];

    int64_t                  max_output;   /* the request's own cap, tokens;
                                              -1: none.  Of several caps the
                                              largest: a bound must hold
                                              whichever the upstream obeys */
    int64_t                  choices;      /* n, best_of, candidateCount,
                                              array prompts: how often the
                                              output cap applies, at least 1;
                                              saturates at 2^31 */
    llm_tier_e               tier;         /* service_tier asked for */

    unsigned                 stream:1;
    unsigned                 stream_set:1;
    unsigned                 include_usage:1;      /* asked for and true */
    unsigned                 background:1;

    /* the first member that brings input from outside the body
       (previous_response_id, conversation, prompt as an object, file_id,
       URLs of images and documents, cachedContent ...), or "" */
    const char              *outside;

    /* the first server-side tool ("web_search", "code_interpreter", ...; of
       tools[].type and the like), or "" */
    const char              *server_tool;

    llm_request_span_t       stream_options;       /* of the value */
    uint64_t                 root_end;     /* offset of the root's closing
                                              brace */
    unsigned                 empty:1;      /* the root object has no member */

    uint64_t                 length;       /* bytes of the body */

    /* what follows is the scanner's own: add what is needed */

    llm_json_t               json;
    llm_route_t              route;
} llm_request_t;


/* The route decides where members are looked for; it is copied. */
void llm_request_init(llm_request_t *r, const llm_route_t *route);

/* Feeds a piece of the body. */
void llm_request_feed(llm_request_t *r, const u_char *p, size_t n);

/* Ends the body; sets the results. */
llm_request_error_e llm_request_end(llm_request_t *r);


#endif /* _LLM_REQUEST_H_INCLUDED_ */
