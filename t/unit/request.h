
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _REQUEST_H_INCLUDED_
#define _REQUEST_H_INCLUDED_


#include <jansson.h>

#include "llm_request.h"
#include "tap.h"


/* A request and what is read off it, in words; see test_words(). */

typedef struct {
    const char              *uri;
    const char              *body;
    const char              *words;
} test_request_t;


#define CHAT         "/v1/chat/completions"
#define COMPLETIONS  "/v1/completions"
#define RESPONSES    "/v1/responses"
#define RUNS         "/v1/threads/thread_1/runs"
#define EMBEDDINGS   "/v1/embeddings"
#define MESSAGES     "/v1/messages"
#define COMPLETE     "/v1/complete"
#define GEMINI       "/v1beta/models/gemini:generateContent"
#define GEMINI_SSE   "/v1beta/models/gemini:streamGenerateContent"
#define EMBED        "/v1beta/models/e:batchEmbedContents"
#define INTERACTIONS "/v1beta/interactions"
#define INVOKE       "/model/m/invoke"
#define CONVERSE     "/model/m/converse"
#define OLLAMA       "/api/chat"
#define COHERE       "/v2/chat"
#define TGI          "/generate"
#define LLAMACPP     "/completion"
#define IMAGES       "/v1/images/generations"
#define AUDIO        "/v1/audio/transcriptions"
#define RERANK       "/v1/rerank"


static uint64_t  seed = 88172645463325252;


static size_t
test_random(size_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;

    return (size_t) ((seed >> 32) % n);
}


/* Feeds the body in pieces; 0: all at once, else of at most so many bytes, at
   random. */

static void
test_feed(llm_request_t *r, const char *uri, const u_char *body, size_t len,
    size_t max, unsigned flags)
{
    u_char       *piece;
    size_t        n, done;
    llm_route_t   route;

    llm_route_match(&route, (const u_char *) uri, strlen(uri), 1, 0);

    memset(r, 0xa5, sizeof(llm_request_t));
    llm_request_init(r, &route, flags);

    for (done = 0; done < len; done += n) {
        n = len - done;

        if (max != 0) {
            n = test_random(max) + 1;

            if (n > len - done) {
                n = len - done;
            }
        }

        /* of the very size, so that reading beyond it is seen */

        piece = malloc(n);
        memcpy(piece, body + done, n);
        llm_request_feed(r, piece, n);
        free(piece);
    }

    (void) llm_request_end(r);
}


static char *
test_span(char *p, const char *name, const llm_request_span_t *span,
    const u_char *body)
{
    if (span->end == 0) {
        return p;
    }

    return p + sprintf(p, " %s=%.*s", name, (int) (span->end - span->start),
                       body + span->start);
}


/* What the results say, apart from what is as in an empty request. */

static const char *
test_words(const llm_request_t *r, const u_char *body)
{
    char               *p;
    static char         words[4096];
    static const char  *errors[] = {
        "ok", "not json", "not form", "duplicate", "variant", "type", "too long"
    };

    p = words;
    *p = '\0';

    if (r->error != LLM_REQUEST_OK) {
        sprintf(p, "%s%s%s", errors[r->error], r->member[0] ? " " : "",
                r->member);
        return words;
    }

    if (r->model_len != 0) {
        p += sprintf(p, " model=%.*s", (int) r->model_len, r->model);
    }

    if (r->customer_len != 0) {
        p += sprintf(p, " customer=%.*s", (int) r->customer_len, r->customer);
    }

    if (r->max_output != -1) {
        p += sprintf(p, " cap=%lld", (long long) r->max_output);
    }

    if (r->raise > r->max_output) {
        p += sprintf(p, " raise=%lld", (long long) r->raise);
    }

    if (r->choices != 1) {
        p += sprintf(p, " times=%lld", (long long) r->choices);
    }

    if (r->tier != LLM_TIER_DEFAULT) {
        p += sprintf(p, " tier=%d", r->tier);
    }

    p += sprintf(p, "%s%s%s%s", r->stream ? " stream" : "",
                 r->stream_set ? " stream_set" : "",
                 r->include_usage ? " usage" : "",
                 r->background ? " background" : "");

    if (r->outside[0] != '\0') {
        p += sprintf(p, " outside=%s", r->outside);
    }

    if (r->others[0] != '\0') {
        p += sprintf(p, " others=%s", r->others);
    }

    if (r->server_tool[0] != '\0') {
        p += sprintf(p, " tool=%s", r->server_tool);
    }

    p += sprintf(p, "%s%s", r->media ? " media" : "",
                 r->empty ? " empty" : "");

    if (r->again != 0) {
        p += sprintf(p, " again=%llu", (unsigned long long) r->again);
    }

    if (r->max_output == -1) {
        p = test_span(p, "no_cap", &r->no_cap, body);
    }

    p = test_span(p, "options", &r->stream_options, body);
    p = test_span(p, "no_usage", &r->no_usage, body);

    if (!r->form
        && (r->root_end >= r->length || body[r->root_end] != '}'))
    {
        p += sprintf(p, " (the root ends elsewhere)");
    }

    return words[0] ? words + 1 : words;
}


__attribute__((unused)) static void
test_table(const test_request_t *t, unsigned flags)
{
    int             round, bad;
    size_t          len;
    const char     *words;
    const u_char   *body;
    llm_request_t   r;

    for ( /* void */ ; t->uri != NULL; t++) {
        body = (const u_char *) t->body;
        len = strlen(t->body);

        test_feed(&r, t->uri, body, len, 0, flags);
        words = test_words(&r, body);
        is_mem(words, strlen(words), t->words, "%s %s", t->uri, t->body);
        is_int(r.length, len, "its length");

        for (bad = 0, round = 0; round < 20; round++) {
            test_feed(&r, t->uri, body, len, (round < 5) ? 1 : 2 * round,
                      flags);
            bad += (strcmp(test_words(&r, body), t->words) != 0
                    || r.length != len);
        }

        is_int(bad, 0, "the same in pieces");

        /* what makes a bound void is looked for on demand only, and looking
           for it changes nothing else */

        if (flags == LLM_REQUEST_BOUNDS) {
            test_feed(&r, t->uri, body, len, 0, 0);
            ok(r.outside[0] == '\0' && r.server_tool[0] == '\0' && !r.media,
               "no bounds where none are asked for");

        } else {
            test_feed(&r, t->uri, body, len, 0, LLM_REQUEST_BOUNDS);
            r.outside = "";
            r.server_tool = "";
            r.media = 0;
            words = test_words(&r, body);
            is_mem(words, strlen(words), t->words, "the same with bounds");
        }
    }
}


/*
 * Bodies with a few bytes changed: cut in pieces or not, the same is read; and
 * what jansson takes for an object is one here, with the same model and cap.
 */

__attribute__((unused)) static void
test_damaged(const test_request_t *table, unsigned flags)
{
    int                    round, split, refused, differs;
    char                   words[4096];
    u_char                 body[1024];
    size_t                 i, len;
    json_t                *root, *model, *cap;
    llm_request_t          r;
    const test_request_t  *t;
    static const char      changes[] = "\"\\{}[]:,1-.enul \x80MN";

    split = 0;
    refused = 0;
    differs = 0;

    for (t = table; t->uri != NULL; t++) {

        for (round = 0; round < 200; round++) {
            len = strlen(t->body);
            memcpy(body, t->body, len);

            for (i = test_random(3); len != 0 && i != 0; i--) {
                body[test_random(len)] = changes[test_random(sizeof(changes)
                                                             - 1)];
            }

            test_feed(&r, t->uri, body, len, 0, flags);
            strcpy(words, test_words(&r, body));

            root = json_loadb((char *) body, len, JSON_REJECT_DUPLICATES,
                              NULL);

            if (json_is_object(root)) {
                refused += (r.error == LLM_REQUEST_NOT_JSON);

                model = json_object_get(root, "model");
                cap = json_object_get(root, "max_tokens");

                if (r.error == LLM_REQUEST_OK) {
                    differs += (json_is_string(model)
                                && (json_string_length(model) != r.model_len
                                    || memcmp(json_string_value(model),
                                              r.model, r.model_len) != 0));

                    differs += (json_is_integer(cap) && r.max_output != -1
                                && r.route.api == LLM_API_CHAT
                                && json_integer_value(cap) > r.max_output);
                }
            }

            json_decref(root);

            test_feed(&r, t->uri, body, len, 1 + test_random(16), flags);
            split += (strcmp(test_words(&r, body), words) != 0);
        }
    }

    is_int(split, 0, "damaged bodies in pieces read the same");
    is_int(refused, 0, "what another parser takes is not refused as no JSON");
    is_int(differs, 0, "and means the same to it");
}


#endif /* _REQUEST_H_INCLUDED_ */
