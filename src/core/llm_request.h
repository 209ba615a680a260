
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _LLM_REQUEST_H_INCLUDED_
#define _LLM_REQUEST_H_INCLUDED_


#include <sys/types.h>
#include <stdint.h>

#include "llm_json.h"
#include "llm_multipart.h"
#include "llm_route.h"
#include "llm_usage.h"


/*
 * The members of a request body that matter for quotas, found by the
 * streaming scanner.  Constant memory whatever the body's length.
 */

#define LLM_REQUEST_MODEL     256
#define LLM_REQUEST_CUSTOMER  1024
#define LLM_REQUEST_WORD      64

#define LLM_REQUEST_BOUNDS    0x1    /* also look for what makes a bound void:
                                        outside, server_tool, media */


/*
 * What strict allows for prompts that a provider adds where there are tools.
 * Anthropic publishes 159 to 530 tokens for having any, and for the tools that
 * it describes itself, by their type, 245 (bash) to 735 (computer); others
 * publish nothing.
 */
#define LLM_HIDDEN_TOOLS  1024       /* once */
#define LLM_HIDDEN_TOOL   64         /* each, around what the body says of it */
#define LLM_HIDDEN_TYPED  2048       /* each that the provider describes */


typedef enum {
    LLM_REQUEST_OK = 0,
    LLM_REQUEST_NOT_JSON,        /* or no object, or something after it */
    LLM_REQUEST_NOT_FORM,        /* or one that servers read differently */
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

    size_t                   model_len;    /* of model[] below */

    /* of user, metadata.user_id, safety_identifier the first that is there
       in this order; counts all its bytes, of which at most
       LLM_REQUEST_CUSTOMER are kept in customer[] below */
    size_t                   customer_len;

    int64_t                  max_output;   /* the request's own cap, tokens;
                                              -1: none.  Of several caps the
                                              largest: a bound must hold
                                              whichever the upstream obeys;
                                              thinking is inside of it; 0 on
                                              routes without output */
    int64_t                  raise;        /* of members that only some
                                              servers of the API obey the
                                              largest, -1: none.  max_output
                                              is at least this already; where
                                              it is -1, a cap that is put in
                                              must not count for less */
    int64_t                  choices;      /* n, best_of, candidateCount,
                                              array prompts: how often the
                                              output cap applies, at least 1;
                                              saturates at 2^31 */
    llm_tier_e               tier;         /* service_tier asked for */

    unsigned                 stream:1;             /* by the body, the path or
                                                      Ollama's default */
    unsigned                 stream_set:1;         /* by the body */
    unsigned                 include_usage:1;      /* asked for and true */
    unsigned                 background:1;
    unsigned                 form:1;               /* multipart/form-data */

    /* a member that names further models, one of which may answer in place of
       the one asked for (models, fallbacks), or "" */
    const char              *others;

    /* the next six only with LLM_REQUEST_BOUNDS */

    /* the first member that brings input from outside the body
       (previous_response_id, conversation, prompt as an object, file_id,
       URLs of images and documents, cachedContent ...), or "" */
    const char              *outside;

    /* the first server-side tool ("web_search", "code_interpreter", ...; of
       tools[].type and the like), or "" */
    const char              *server_tool;

    /* an image, a document or sound is in the body itself: what it costs has
       little to do with how many bytes it has */
    unsigned                 media:1;

    int64_t                  hidden;       /* tokens at most of what providers
                                              put before the model so that it
                                              can use the tools of the body;
                                              see LLM_HIDDEN_ */
    uint64_t                 traits;       /* LLM_TRAIT_FAST asked for */

    /* bytes of the body that are input more than once, beyond the first time:
       a rerank's query, with each document; saturates at 2^62 */
    uint64_t                 again;

    llm_request_span_t       stream_options;       /* of the value, null too */
    llm_request_span_t       no_usage;     /* of the value of its include_usage
                                              where that is false or null */
    llm_request_span_t       no_cap;       /* of a cap's value that says none
                                              (null, -1): a cap to be put in
                                              must replace it, as a second
                                              member would be ambiguous */
    uint64_t                 root_end;     /* offset of the root's closing
                                              brace */
    unsigned                 empty:1;      /* the root object has no member */
    unsigned                 empty_options:1;      /* stream_options has none */
    unsigned                 null_options:1;       /* it is null */

    uint64_t                 length;       /* bytes of the body */
    uint64_t                 encoded;      /* of them media in base64, about:
                                              a sample of the body */

    /* what follows is the scanner's own */

    uint64_t                 seen;         /* members, bits */
    int64_t                  cap;
    int64_t                  times;
    int64_t                  prompts;
    uint64_t                 query;        /* bytes */
    uint64_t                 documents;
    size_t                   word_len;
    uint8_t                  item;         /* type of the input item */
    uint8_t                  rank;         /* of the customer's member */
    unsigned                 bounds:1;
    unsigned                 partial:1;
    unsigned                 tool_known:1;
    unsigned                 content:1;
    unsigned                 sealed:1;

    const llm_json_node_t   *field;        /* of the part, NULL: not read */

    llm_route_t              route;

    /* llm_request_init() does not touch what follows */

    llm_json_t               json;
    llm_multipart_t          multipart;
    u_char                   word[LLM_REQUEST_WORD];
    u_char                   tool[LLM_REQUEST_WORD + 1];
    u_char                   model[LLM_REQUEST_MODEL];
    u_char                   customer[LLM_REQUEST_CUSTOMER];
} llm_request_t;


/*
 * A change of the body: the text takes the place of the bytes of the range,
 * and is never shorter; of an empty range it is put in before.
 */
typedef struct {
    llm_request_span_t       range;
    const char              *text;
    size_t                   len;
} llm_request_edit_t;


/* The route decides where members are looked for; it is copied. */
void llm_request_init(llm_request_t *r, const llm_route_t *route,
    unsigned flags);

/*
 * After llm_request_init(), by the Content-Type: a body that is
 * multipart/form-data is read as such, not as JSON.  Its fields are what the
 * members of the root are, with the same rules; files are passed over.
 */
void llm_request_form(llm_request_t *r, const u_char *type, size_t len);

/* Feeds a piece of the body. */
void llm_request_feed(llm_request_t *r, const u_char *p, size_t n);

/* Ends the body; sets the results. */
llm_request_error_e llm_request_end(llm_request_t *r);

/*
 * What makes stream_options.include_usage true, whatever else the object has;
 * returns 0 where it is.  Of a valid body.  The text is static.
 */
int llm_request_ask_usage(const llm_request_t *r, llm_request_edit_t *edit);


#endif /* _LLM_REQUEST_H_INCLUDED_ */
