
/*
 * Copyright (C) the llm_quota authors
 */


#include <string.h>

#include "llm_route.h"


/*
 * A route is known by the end of its path, as gateways and locations put
 * anything before it; the first entry that fits counts.  In a tail "*" is one
 * segment.  What no entry knows spends for all that is known, and is opaque.
 *
 * The danger is on the free side: a path that is free here and a model call
 * upstream.  So a path that a server might read in another way (an empty
 * segment, a character that begins a query or a parameter) is not known, and
 * neither is a free tail beneath another route.
 */


typedef struct {
    const char              *tail;
    uint32_t                 len;
    uint32_t                 end;        /* its last four bytes */
    llm_route_class_e        class;
    llm_dialect_e            dialect;
    llm_api_e                api;
    unsigned                 stream:1;
    unsigned                 converse:1;
    unsigned                 later:1;
    unsigned                 poll:1;     /* the last "*" is an answer's id */
    unsigned                 get:1;      /* not for a POST */
    unsigned                 any:1;      /* "*" is in the tail */
} llm_route_entry_t;


/* What a byte of a path is. */

typedef enum {
    LLM_ROUTE_BYTE_PLAIN = 0,
    LLM_ROUTE_BYTE_SLASH,
    LLM_ROUTE_BYTE_BAD
} llm_route_byte_e;


#define llm_route_word(s, at)                                                 \
    ((uint32_t) (u_char) (s)[at] | (uint32_t) (u_char) (s)[(at) + 1] << 8     \
     | (uint32_t) (u_char) (s)[(at) + 2] << 16                                \
     | (uint32_t) (u_char) (s)[(at) + 3] << 24)

#define llm_route_entry(s, c, d, a, ...)                                      \
    { .tail = s, .len = sizeof(s) - 1,                                        \
      .end = llm_route_word(s, sizeof(s) - 5),                                \
      .class = LLM_ROUTE_##c, .dialect = LLM_DIALECT_##d, .api = LLM_API_##a, \
      __VA_ARGS__ }

#define llm_route_call(tail, dialect, api)                                    \
    llm_route_entry(tail, CHARGED, dialect, api, .any = 0)

#define llm_route_stream(tail, dialect, api)                                  \
    llm_route_entry(tail, CHARGED, dialect, api, .stream = 1)

#define llm_route_converse(tail, asks)                                        \
    llm_route_entry(tail, CHARGED, NONE, BEDROCK,                             \
                    .stream = asks, .converse = 1)

#define llm_route_free(tail, dialect, api)                                    \
    llm_route_entry(tail, FREE, dialect, api, .any = 0)

#define llm_route_opaque(tail, dialect)                                       \
    llm_route_entry(tail, OPAQUE, dialect, OTHER, .any = 0)

#define llm_route_later(tail, dialect, api)                                   \
    llm_route_entry(tail, CHARGED, dialect, api, .later = 1)

#define llm_route_any(tail, class, dialect)                                   \
    llm_route_entry(tail, class, dialect, OTHER, .any = 1)

#define llm_route_poll(tail, class, dialect, only)                            \
    llm_route_entry(tail, class, dialect, OTHER,                              \
                    .any = 1, .poll = 1, .get = only)

#define llm_route_none  { .tail = NULL }


static const llm_route_entry_t *llm_route_lookup(llm_route_t *route,
    const u_char *uri, size_t len, int post);
static int llm_route_is_plain(const u_char *uri, size_t len, size_t n);
static int llm_route_is_beneath(const u_char *uri, size_t len);
static const llm_route_entry_t *llm_route_find(const u_char *uri, size_t len,
    int post, size_t *end);
static int llm_route_ends(const u_char *uri, size_t len,
    const llm_route_entry_t *entry, size_t *end);
static int llm_route_ends_any(const u_char *uri, size_t len,
    const llm_route_entry_t *entry, size_t *end);
static void llm_route_model(llm_route_t *route, const u_char *uri, size_t len,
    size_t end, const llm_route_entry_t *entry);
static void llm_route_id(llm_route_t *route, const u_char *uri, size_t len,
    const llm_route_entry_t *entry);
static const u_char *llm_route_colon(const u_char *uri, size_t len, size_t end,
    const llm_route_entry_t *entry);
static const u_char *llm_route_deployment(const u_char *p,
    const u_char **last);
static llm_dialect_e llm_route_dialect(const u_char *uri, size_t len);
static const u_char *llm_route_segment(const u_char *p, const u_char *last);
static int llm_route_is_collection(const u_char *p, const u_char *last);
static const u_char *llm_route_find_word(const u_char *p, const u_char *last,
    const char *word, size_t n);


#define llm_route_after(p, last, word)                                        \
    llm_route_find_word(p, last, word, sizeof(word) - 1)


static const uint8_t  llm_route_bytes[256] = {
    [0 ... ' '] = LLM_ROUTE_BYTE_BAD,
    [0x7f] = LLM_ROUTE_BYTE_BAD,
    ['%'] = LLM_ROUTE_BYTE_BAD,
    ['?'] = LLM_ROUTE_BYTE_BAD,
    ['#'] = LLM_ROUTE_BYTE_BAD,
    [';'] = LLM_ROUTE_BYTE_BAD,
    ['\\'] = LLM_ROUTE_BYTE_BAD,
    ['/'] = LLM_ROUTE_BYTE_SLASH
};


static const llm_route_entry_t  llm_routes[] = {

    llm_route_call("/chat/completions", OPENAI, CHAT),
    llm_route_any("/threads/*/messages", OPAQUE, OPENAI),
    llm_route_call("/messages", ANTHROPIC, MESSAGES),
    llm_route_later("/responses", OPENAI, RESPONSES),
    llm_route_call("/responses/compact", OPENAI, RESPONSES),
    llm_route_call("/agents/completions", OPENAI, CHAT),
    llm_route_call("/completions", OPENAI, COMPLETIONS),
    llm_route_call("/embeddings", OPENAI, EMBEDDINGS),
    llm_route_call("/embed", OPENAI, EMBEDDINGS),
    llm_route_call("/rerank", OPENAI, EMBEDDINGS),
    llm_route_call("/reranking", OPENAI, EMBEDDINGS),
    llm_route_call("/embedding", NONE, EMBEDDINGS),

    llm_route_call(":generateContent", GEMINI, GEMINI),
    llm_route_stream(":streamGenerateContent", GEMINI, GEMINI),
    llm_route_call(":embedContent", GEMINI, EMBEDDINGS),
    llm_route_call(":batchEmbedContents", GEMINI, EMBEDDINGS),
    llm_route_later("/interactions", GEMINI, GEMINI),

    /* a model call in form only: the name stands for counting */
    llm_route_free("/publishers/anthropic/models/count-tokens:rawPredict",
                   ANTHROPIC, OTHER),
    llm_route_entry("/publishers/anthropic/models/*:rawPredict",
                    CHARGED, ANTHROPIC, MESSAGES, .any = 1),
    llm_route_entry("/publishers/anthropic/models/*:streamRawPredict",
                    CHARGED, ANTHROPIC, MESSAGES, .any = 1, .stream = 1),
    llm_route_call(":rawPredict", GEMINI, OTHER),
    llm_route_stream(":streamRawPredict", GEMINI, OTHER),

    llm_route_converse("/converse", 0),
    llm_route_converse("/converse-stream", 1),
    llm_route_call("/invoke", NONE, BEDROCK),
    llm_route_stream("/invoke-with-response-stream", NONE, BEDROCK),

    llm_route_call("/api/chat", NONE, OLLAMA),
    llm_route_call("/api/generate", NONE, OLLAMA),
    llm_route_call("/v1/chat", NONE, COHERE),
    llm_route_call("/v2/chat", NONE, COHERE),
    llm_route_call("/v1/generate", NONE, COHERE),
    llm_route_call("/generate", NONE, TGI),
    llm_route_stream("/generate_stream", NONE, TGI),
    llm_route_call("/completion", NONE, LLAMACPP),
    llm_route_call("/infill", NONE, LLAMACPP),

    llm_route_call("/audio/speech", OPENAI, OTHER),
    llm_route_call("/images/generations", OPENAI, OTHER),

    llm_route_call("/audio/transcriptions", OPENAI, FORM),
    llm_route_call("/audio/translations", OPENAI, FORM),
    llm_route_call("/images/edits", OPENAI, FORM),
    llm_route_call("/images/variations", OPENAI, FORM),

    llm_route_entry("/threads/*/runs",
                    CHARGED, OPENAI, RUNS, .any = 1, .later = 1),
    llm_route_later("/threads/runs", OPENAI, RUNS),

    llm_route_opaque("/batches", NONE),
    llm_route_opaque("/realtime", NONE),

    llm_route_free("/messages/count_tokens", ANTHROPIC, OTHER),
    llm_route_free("/count-tokens", NONE, BEDROCK),
    llm_route_free("/responses/input_tokens", OPENAI, OTHER),
    llm_route_free(":countTokens", GEMINI, OTHER),
    llm_route_free("/tokenize", NONE, OTHER),
    llm_route_free("/detokenize", NONE, OTHER),
    llm_route_free("/moderations", OPENAI, OTHER),
    llm_route_free("/v1/models", NONE, OTHER),
    llm_route_free("/api/show", NONE, OTHER),

    /* it can only make the answer that was asked for shorter */
    llm_route_poll("/responses/*/cancel", FREE, OPENAI, 0),
    llm_route_poll("/threads/*/runs/*/cancel", FREE, OPENAI, 0),
    llm_route_poll("/interactions/*/cancel", FREE, GEMINI, 0),

    /* goes on with what was admitted, where it is known to have been */
    llm_route_poll("/threads/*/runs/*/submit_tool_outputs", OPAQUE, OPENAI, 0),

    llm_route_free("/files", NONE, OTHER),
    llm_route_any("/v1/files/*/content", FREE, NONE),
    llm_route_free("/uploads", OPENAI, OTHER),
    llm_route_any("/uploads/*/parts", FREE, OPENAI),
    llm_route_any("/uploads/*/complete", FREE, OPENAI),
    llm_route_any("/uploads/*/cancel", FREE, OPENAI),
    llm_route_free("/vector_stores", OPENAI, OTHER),
    llm_route_any("/vector_stores/*/file_batches", FREE, OPENAI),
    llm_route_any("/vector_stores/*/file_batches/*/cancel", FREE, OPENAI),

    llm_route_call("/complete", ANTHROPIC, MESSAGES),

    llm_route_none
};


/* The last segment of these is any: they are looked at where no other entry
   fits. */

static const llm_route_entry_t  llm_routes_any[] = {
    llm_route_poll("/responses/*", FREE, OPENAI, 1),
    llm_route_poll("/threads/*/runs/*", FREE, OPENAI, 1),
    llm_route_poll("/interactions/*", FREE, GEMINI, 1),

    llm_route_any("/v1/files/*", FREE, NONE),
    llm_route_any("/vector_stores/*", FREE, OPENAI),
    llm_route_any("/vector_stores/*/files/*", FREE, OPENAI),

    llm_route_none
};


void
llm_route_match(llm_route_t *route, const u_char *uri, size_t len, int post,
    int upgrade)
{
    const llm_route_entry_t  *entry;

    memset(route, 0, sizeof(llm_route_t));

    route->class = LLM_ROUTE_OPAQUE;

    entry = llm_route_lookup(route, uri, len, post);

    if (entry != NULL) {
        route->class = entry->class;
        route->dialect = entry->dialect;
        route->api = entry->api;
        route->stream = entry->stream;
        route->converse = entry->converse;
        route->later = entry->later;
    }

    if (route->dialect == LLM_DIALECT_NONE && route->api == LLM_API_OTHER) {
        route->dialect = llm_route_dialect(uri, len);
    }

    if (upgrade) {
        route->class = LLM_ROUTE_OPAQUE;

    } else if (!post) {
        route->class = LLM_ROUTE_FREE;
    }
}


static const llm_route_entry_t *
llm_route_lookup(llm_route_t *route, const u_char *uri, size_t len, int post)
{
    size_t                    end;
    const llm_route_entry_t  *entry;

    entry = llm_route_find(uri, len, post, &end);

    if (entry == NULL
        || !llm_route_is_plain(uri, len, entry->any ? len : end))
    {
        return NULL;
    }

    if (entry->class == LLM_ROUTE_FREE && llm_route_is_beneath(uri, end)) {
        return NULL;
    }

    llm_route_model(route, uri, len, end, entry);

    if (entry->poll) {
        llm_route_id(route, uri, len, entry);
    }

    /* words as common as "invoke" are Bedrock's only with its model */

    if (entry->api == LLM_API_BEDROCK && route->model_len == 0) {
        return NULL;
    }

    return entry;
}


/* Looks at the first n bytes: what an entry says literally needs no look, and
   of the most frequent paths only "/v1" is left. */

static int
llm_route_is_plain(const u_char *uri, size_t len, size_t n)
{
    size_t  i;

    if (uri[0] != '/') {
        return 0;
    }

    for (i = 0; i < n; i++) {

        switch (llm_route_bytes[uri[i]]) {

        case LLM_ROUTE_BYTE_BAD:
            return 0;

        case LLM_ROUTE_BYTE_SLASH:

            if (i + 1 == len || uri[i + 1] == '/') {
                return 0;
            }

            break;
        }
    }

    return 1;
}


/* Whether the path of so many bytes leads through a route that spends. */

static int
llm_route_is_beneath(const u_char *uri, size_t len)
{
    size_t                    i, end;
    const llm_route_entry_t  *entry;

    for (i = 1; i <= len; i++) {

        if (i != len && uri[i] != '/') {
            continue;
        }

        entry = llm_route_find(uri, i, 1, &end);

        if (entry != NULL && entry->class != LLM_ROUTE_FREE) {
            return 1;
        }
    }

    return 0;
}


static const llm_route_entry_t *
llm_route_find(const u_char *uri, size_t len, int post, size_t *end)
{
    uint32_t                  word;
    const llm_route_entry_t  *entry;

    if (len < sizeof(uint32_t)) {
        return NULL;
    }

    word = llm_route_word(uri, len - sizeof(uint32_t));

    for (entry = llm_routes; entry->tail != NULL; entry++) {

        if (entry->end == word && llm_route_ends(uri, len, entry, end)) {
            return entry;
        }
    }

    for (entry = llm_routes_any; entry->tail != NULL; entry++) {

        if (!(post && entry->get)
            && llm_route_ends_any(uri, len, entry, end)) {
            return entry;
        }
    }

    return NULL;
}


/* *end is where the tail begins. */

static int
llm_route_ends(const u_char *uri, size_t len, const llm_route_entry_t *entry,
    size_t *end)
{
    if (entry->any) {
        return llm_route_ends_any(uri, len, entry, end);
    }

    if (len < entry->len) {
        return 0;
    }

    *end = len - entry->len;

    return memcmp(uri + *end, entry->tail, entry->len) == 0;
}


/* The same for a tail with "*", from behind.  That no segment is empty is seen
   to later. */

static int
llm_route_ends_any(const u_char *uri, size_t len,
    const llm_route_entry_t *entry, size_t *end)
{
    size_t  n, i;

    if (len < entry->len) {
        return 0;
    }

    i = len;

    for (n = entry->len; n > 0; n--) {

        if (i == 0) {
            return 0;
        }

        i--;

        if (entry->tail[n - 1] != '*') {

            if (uri[i] != (u_char) entry->tail[n - 1]) {
                return 0;
            }

            continue;
        }

        while (i > 0 && uri[i - 1] != '/') {
            i--;
        }
    }

    *end = i;

    return 1;
}


static void
llm_route_model(llm_route_t *route, const u_char *uri, size_t len, size_t end,
    const llm_route_entry_t *entry)
{
    const u_char  *p, *last, *colon;

    last = uri + end;

    if (entry->api == LLM_API_BEDROCK) {
        p = llm_route_after(uri, last, "/model/");

        route->prompt = (p != NULL
                         && llm_route_after(p, last, ":prompt/") != NULL);

    } else {
        colon = llm_route_colon(uri, len, end, entry);

        if (colon != NULL) {
            last = colon;
            p = llm_route_segment(uri, last);

            if (!llm_route_is_collection(uri, p)) {
                p = NULL;
            }

        } else {
            p = llm_route_deployment(uri, &last);
        }
    }

    if (p != NULL) {
        route->model = p;
        route->model_len = last - p;
    }
}


/* An id is a whole segment. */

static void
llm_route_id(llm_route_t *route, const u_char *uri, size_t len,
    const llm_route_entry_t *entry)
{
    const u_char  *last;

    last = uri + len - strlen(strrchr(entry->tail, '*') + 1);

    route->id = llm_route_segment(uri, last);
    route->id_len = last - route->id;
}


/* The last one of the last segment, or NULL. */

static const u_char *
llm_route_colon(const u_char *uri, size_t len, size_t end,
    const llm_route_entry_t *entry)
{
    const u_char  *p;

    if (!entry->any) {
        return (entry->tail[0] == ':') ? uri + end : NULL;
    }

    for (p = uri + len - 1; *p != '/'; p--) {

        if (*p == ':') {
            return p;
        }
    }

    return NULL;
}


/* Azure's, without what stands between it and the tail; or an engine of
   old. */

static const u_char *
llm_route_deployment(const u_char *p, const u_char **last)
{
    size_t              n;
    const u_char       *start;
    static const char   extensions[] = "/extensions";

    start = llm_route_after(p, *last, "/deployments/");

    if (start == NULL) {
        return llm_route_after(p, *last, "/engines/");
    }

    n = sizeof(extensions) - 1;

    if ((size_t) (*last - start) > n && memcmp(*last - n, extensions, n) == 0)
    {
        *last -= n;
    }

    return start;
}


/* Where a path has no entry, or its entry no dialect, its words may tell. */

static llm_dialect_e
llm_route_dialect(const u_char *uri, size_t len)
{
    const u_char  *p, *last;

    last = uri + len;

    p = llm_route_after(uri, last, "/v1beta/");

    if (p != NULL) {
        return (llm_route_after(p - 1, last, "/openai/") == p + 7)
               ? LLM_DIALECT_OPENAI : LLM_DIALECT_GEMINI;
    }

    if (llm_route_after(uri, last, "/messages/") != NULL) {
        return LLM_DIALECT_ANTHROPIC;
    }

    p = llm_route_segment(uri, last);

    return (memchr(p, ':', last - p) != NULL) ? LLM_DIALECT_GEMINI
                                              : LLM_DIALECT_NONE;
}


/* Where the last segment begins. */

static const u_char *
llm_route_segment(const u_char *p, const u_char *last)
{
    const u_char  *start;

    for (start = last; start > p && start[-1] != '/'; start--) {
        /* void */
    }

    return start;
}


/* Whether what ends here holds models: ".../models/". */

static int
llm_route_is_collection(const u_char *p, const u_char *last)
{
    size_t               n;
    const char         **name;
    static const char   *names[] = {
        "/models/", "/tunedModels/", "/endpoints/", NULL
    };

    for (name = names; *name != NULL; name++) {
        n = strlen(*name);

        if ((size_t) (last - p) >= n && memcmp(last - n, *name, n) == 0) {
            return 1;
        }
    }

    return 0;
}


/* What follows the first such word, if anything does. */

static const u_char *
llm_route_find_word(const u_char *p, const u_char *last, const char *word,
    size_t n)
{
    for ( /* void */ ; (size_t) (last - p) > n; p++) {

        if (*p == (u_char) word[0] && memcmp(p, word, n) == 0) {
            return p + n;
        }
    }

    return NULL;
}
