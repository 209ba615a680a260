
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _LLM_ROUTE_H_INCLUDED_
#define _LLM_ROUTE_H_INCLUDED_


#include <sys/types.h>
#include <stdint.h>


typedef enum {
    LLM_DIALECT_NONE = 0,
    LLM_DIALECT_OPENAI,
    LLM_DIALECT_ANTHROPIC,
    LLM_DIALECT_GEMINI
} llm_dialect_e;


typedef enum {
    LLM_ROUTE_CHARGED = 0,   /* a model call that can be read */
    LLM_ROUTE_FREE,          /* counting, listing, moderation, files, any
                                method but POST unless it asks for an
                                upgrade */
    LLM_ROUTE_OPAQUE         /* spends, but cannot be read: batches, realtime,
                                any upgrade, unknown POSTs */
} llm_route_class_e;


typedef enum {
    LLM_API_OTHER = 0,
    LLM_API_CHAT,            /* .../chat/completions */
    LLM_API_COMPLETIONS,
    LLM_API_RESPONSES,
    LLM_API_EMBEDDINGS,      /* embeddings, rerank: no output */
    LLM_API_MESSAGES,
    LLM_API_GEMINI,
    LLM_API_BEDROCK,
    LLM_API_OLLAMA,
    LLM_API_COHERE,
    LLM_API_TGI,             /* text-generation-inference's own */
    LLM_API_LLAMACPP,        /* llama.cpp's own */
    LLM_API_RUNS,            /* of OpenAI's assistants */
    LLM_API_FORM             /* transcriptions, translations, image edits: a
                                form with files, or JSON */
} llm_api_e;


typedef struct {
    llm_route_class_e        class;
    llm_dialect_e            dialect;
    llm_api_e                api;
    /* the model that the path names (Azure deployment, Gemini, Bedrock),
       pointing into the uri, not percent-decoded further; len 0: none */
    const u_char            *model;
    size_t                   model_len;

    /* the answer made before that the request asks about, or goes on with:
       its id, pointing into the uri; len 0: none */
    const u_char            *id;
    size_t                   id_len;

    unsigned                 stream:1;     /* the path asks for a stream */
    unsigned                 later:1;      /* the answer may be made in the
                                              background, and asked for by its
                                              id */
    unsigned                 converse:1;   /* of Bedrock the one body for all
                                              models, not a vendor's */
    unsigned                 prompt:1;     /* the path names a stored prompt */
} llm_route_t;


/*
 * Sorts a request by its normalised URI (decoded once, no query), as the
 * list of chargeable routes says.  post: the method is POST; upgrade: the
 * request asks for an upgrade.
 */
void llm_route_match(llm_route_t *route, const u_char *uri, size_t len,
    int post, int upgrade);


#endif /* _LLM_ROUTE_H_INCLUDED_ */
