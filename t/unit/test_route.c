
/*
 * Copyright (C) the llm_quota authors
 */


#include "llm_route.h"
#include "tap.h"


typedef struct {
    const char              *uri;
    llm_dialect_e            dialect;
    llm_api_e                api;
    int                      stream;
    const char              *model;
} test_call_t;


typedef struct {
    const char              *uri;
    llm_dialect_e            dialect;
} test_path_t;


#define NONE       LLM_DIALECT_NONE
#define OPENAI     LLM_DIALECT_OPENAI
#define ANTHROPIC  LLM_DIALECT_ANTHROPIC
#define GEMINI     LLM_DIALECT_GEMINI

#define VERTEX  "/v1/projects/p/locations/us-east5/publishers"
#define ARN     "arn:aws:bedrock:us-east-1:1:inference-profile/us.claude-4:0"


static const test_call_t  calls[] = {
    { "/v1/chat/completions", OPENAI, LLM_API_CHAT, 0, "" },
    { "/chat/completions", OPENAI, LLM_API_CHAT, 0, "" },
    { "/team-a/v1/chat/completions", OPENAI, LLM_API_CHAT, 0, "" },
    { "/api/v1/chat/completions", OPENAI, LLM_API_CHAT, 0, "" },
    { "/v1beta/openai/chat/completions", OPENAI, LLM_API_CHAT, 0, "" },
    { "/v1/projects/p/locations/l/endpoints/openapi/chat/completions",
      OPENAI, LLM_API_CHAT, 0, "" },
    { "/v1/models/x/chat/completions", OPENAI, LLM_API_CHAT, 0, "" },
    { "/v1/moderations/chat/completions", OPENAI, LLM_API_CHAT, 0, "" },
    { "/v1/agents/completions", OPENAI, LLM_API_CHAT, 0, "" },
    { "/openai/deployments/my-gpt/chat/completions",
      OPENAI, LLM_API_CHAT, 0, "my-gpt" },
    { "/azure/openai/deployments/d/chat/completions",
      OPENAI, LLM_API_CHAT, 0, "d" },
    { "/openai/deployments/azure/gpt-4/chat/completions",
      OPENAI, LLM_API_CHAT, 0, "azure/gpt-4" },
    { "/openai/deployments/chat/completions", OPENAI, LLM_API_CHAT, 0, "" },
    { "/openai/deployments/d/extensions/chat/completions",
      OPENAI, LLM_API_CHAT, 0, "d" },
    { "/openai/deployments/extensions/chat/completions",
      OPENAI, LLM_API_CHAT, 0, "extensions" },
    { "/models/chat/completions", OPENAI, LLM_API_CHAT, 0, "" },
    { "/inference/v1/chat/completions", OPENAI, LLM_API_CHAT, 0, "" },
    { "/gateway/openai/deployments/d/chat/completions",
      OPENAI, LLM_API_CHAT, 0, "d" },
    { "/chat/completions/v1/chat/completions", OPENAI, LLM_API_CHAT, 0, "" },
    { "/openai/v1/chat/completions", OPENAI, LLM_API_CHAT, 0, "" },

    { "/v1/completions", OPENAI, LLM_API_COMPLETIONS, 0, "" },
    { "/v1/fim/completions", OPENAI, LLM_API_COMPLETIONS, 0, "" },
    { "/v1/engines/davinci/completions",
      OPENAI, LLM_API_COMPLETIONS, 0, "davinci" },
    { "/openai/deployments/d/completions",
      OPENAI, LLM_API_COMPLETIONS, 0, "d" },

    { "/v1/responses", OPENAI, LLM_API_RESPONSES, 0, "" },
    { "/openai/v1/responses", OPENAI, LLM_API_RESPONSES, 0, "" },
    { "/v1/responses/compact", OPENAI, LLM_API_RESPONSES, 0, "" },
    { "/v1/threads/t/runs", OPENAI, LLM_API_RUNS, 0, "" },
    { "/v1/threads/runs", OPENAI, LLM_API_RUNS, 0, "" },

    { "/v1/messages", ANTHROPIC, LLM_API_MESSAGES, 0, "" },
    { "/anthropic/v1/messages", ANTHROPIC, LLM_API_MESSAGES, 0, "" },
    { "/v1/complete", ANTHROPIC, LLM_API_MESSAGES, 0, "" },
    { VERTEX "/anthropic/models/claude-4:rawPredict",
      ANTHROPIC, LLM_API_MESSAGES, 0, "claude-4" },
    { VERTEX "/anthropic/models/claude-4@2025:streamRawPredict",
      ANTHROPIC, LLM_API_MESSAGES, 1, "claude-4@2025" },
    { VERTEX "/mistralai/models/mistral-small:rawPredict",
      GEMINI, LLM_API_OTHER, 0, "mistral-small" },
    { "/v1/projects/p/locations/l/endpoints/42:streamRawPredict",
      GEMINI, LLM_API_OTHER, 1, "42" },

    { "/v1/embeddings", OPENAI, LLM_API_EMBEDDINGS, 0, "" },
    { "/api/embeddings", OPENAI, LLM_API_EMBEDDINGS, 0, "" },
    { "/openai/deployments/e/embeddings",
      OPENAI, LLM_API_EMBEDDINGS, 0, "e" },
    { "/v2/embed", OPENAI, LLM_API_EMBEDDINGS, 0, "" },
    { "/api/embed", OPENAI, LLM_API_EMBEDDINGS, 0, "" },
    { "/v1/rerank", OPENAI, LLM_API_EMBEDDINGS, 0, "" },
    { "/rerank", OPENAI, LLM_API_EMBEDDINGS, 0, "" },
    { "/v2/rerank", OPENAI, LLM_API_EMBEDDINGS, 0, "" },
    { "/v1/reranking", OPENAI, LLM_API_EMBEDDINGS, 0, "" },
    { "/v1/embed", OPENAI, LLM_API_EMBEDDINGS, 0, "" },
    { "/embedding", NONE, LLM_API_EMBEDDINGS, 0, "" },
    { "/openai/v1/embeddings", OPENAI, LLM_API_EMBEDDINGS, 0, "" },
    { "/v1/engines/ada/embeddings", OPENAI, LLM_API_EMBEDDINGS, 0, "ada" },
    { VERTEX "/google/models/text-embedding-005:embedContent",
      GEMINI, LLM_API_EMBEDDINGS, 0, "text-embedding-005" },

    { "/v1beta/models/gemini-2.5-pro:generateContent",
      GEMINI, LLM_API_GEMINI, 0, "gemini-2.5-pro" },
    { "/v1beta/models/gemini-2.5-pro:streamGenerateContent",
      GEMINI, LLM_API_GEMINI, 1, "gemini-2.5-pro" },
    { "/v1/models/gemini-pro:generateContent",
      GEMINI, LLM_API_GEMINI, 0, "gemini-pro" },
    { VERTEX "/google/models/gemini-2.0-flash:streamGenerateContent",
      GEMINI, LLM_API_GEMINI, 1, "gemini-2.0-flash" },
    { "/v1beta/tunedModels/mine:generateContent",
      GEMINI, LLM_API_GEMINI, 0, "mine" },
    { "/v1beta/models/a:b:generateContent",
      GEMINI, LLM_API_GEMINI, 0, "a:b" },
    { "/v1beta/models/a/b:generateContent", GEMINI, LLM_API_GEMINI, 0, "" },
    { "/v1beta/models/:generateContent", GEMINI, LLM_API_GEMINI, 0, "" },
    { ":generateContent", NONE, LLM_API_OTHER, 0, NULL },
    { "/:generateContent", GEMINI, LLM_API_GEMINI, 0, "" },
    { "/v1beta/models/embed-1:embedContent",
      GEMINI, LLM_API_EMBEDDINGS, 0, "embed-1" },
    { "/v1beta/models/embed-1:batchEmbedContents",
      GEMINI, LLM_API_EMBEDDINGS, 0, "embed-1" },
    { "/v1beta/interactions", GEMINI, LLM_API_GEMINI, 0, "" },
    { "/v1beta1/projects/p/locations/global/publishers/google/models/g:gener"
      "ateContent", GEMINI, LLM_API_GEMINI, 0, "g" },
    { "/v1/publishers/google/models/g:generateContent",
      GEMINI, LLM_API_GEMINI, 0, "g" },
    { VERTEX "/meta/models/llama-4:streamRawPredict",
      GEMINI, LLM_API_OTHER, 1, "llama-4" },

    { "/model/us.anthropic.claude-4-v1:0/converse",
      NONE, LLM_API_BEDROCK, 0, "us.anthropic.claude-4-v1:0" },
    { "/bedrock/model/amazon.nova/converse-stream",
      NONE, LLM_API_BEDROCK, 1, "amazon.nova" },
    { "/model/amazon.nova/invoke", NONE, LLM_API_BEDROCK, 0, "amazon.nova" },
    { "/model/" ARN "/invoke-with-response-stream",
      NONE, LLM_API_BEDROCK, 1, ARN },
    { "/model/" ARN "/converse", NONE, LLM_API_BEDROCK, 0, ARN },
    { "/model/a/model/b/converse", NONE, LLM_API_BEDROCK, 0, "a/model/b" },

    { "/api/chat", NONE, LLM_API_OLLAMA, 0, "" },
    { "/api/generate", NONE, LLM_API_OLLAMA, 0, "" },
    { "/v1/chat", NONE, LLM_API_COHERE, 0, "" },
    { "/v2/chat", NONE, LLM_API_COHERE, 0, "" },
    { "/v1/generate", NONE, LLM_API_COHERE, 0, "" },
    { "/generate", NONE, LLM_API_TGI, 0, "" },
    { "/generate_stream", NONE, LLM_API_TGI, 1, "" },
    { "/completion", NONE, LLM_API_LLAMACPP, 0, "" },
    { "/infill", NONE, LLM_API_LLAMACPP, 0, "" },

    { "/v1/audio/speech", OPENAI, LLM_API_OTHER, 0, "" },
    { "/v1/images/generations", OPENAI, LLM_API_OTHER, 0, "" },
    { "/openai/deployments/dall-e/images/generations",
      OPENAI, LLM_API_OTHER, 0, "dall-e" },
    { "/v1/audio/transcriptions", OPENAI, LLM_API_FORM, 0, "" },
    { "/v1/audio/translations", OPENAI, LLM_API_FORM, 0, "" },
    { "/v1/images/edits", OPENAI, LLM_API_FORM, 0, "" },
    { "/v1/images/variations", OPENAI, LLM_API_FORM, 0, "" },
    { "/openai/v1/audio/transcriptions", OPENAI, LLM_API_FORM, 0, "" },
    { "/openai/deployments/whisper/audio/transcriptions",
      OPENAI, LLM_API_FORM, 0, "whisper" },
    { "/openai/deployments/gpt-image-1/images/edits",
      OPENAI, LLM_API_FORM, 0, "gpt-image-1" },
    { "/api/v1/messages", ANTHROPIC, LLM_API_MESSAGES, 0, "" },
    { "/api/v1/responses", OPENAI, LLM_API_RESPONSES, 0, "" },
    { "/v1/projects/p/locations/l/endpoints/openapi/completions",
      OPENAI, LLM_API_COMPLETIONS, 0, "" },
    { "/tgi/generate", NONE, LLM_API_TGI, 0, "" },
    { "/v1/completion", NONE, LLM_API_LLAMACPP, 0, "" },
    { NULL, 0, 0, 0, NULL }
};


static const test_path_t  free_paths[] = {
    { "/v1/messages/count_tokens", ANTHROPIC },
    { VERTEX "/anthropic/models/count-tokens:rawPredict", ANTHROPIC },
    { "/model/amazon.nova/count-tokens", NONE },
    { "/model/" ARN "/count-tokens", NONE },
    { "/v1beta/models/gemini-2.5-pro:countTokens", GEMINI },
    { "/v1/responses/input_tokens", OPENAI },
    { "/tokenize", NONE },
    { "/v1/tokenize", NONE },
    { "/detokenize", NONE },
    { "/v1/moderations", OPENAI },
    { "/v1/models", NONE },
    { "/v1/files", NONE },
    { "/v1/files/file-1", NONE },
    { "/v1/files/*", NONE },
    { "/openai/v1/files", NONE },
    { "/v1/messages/count_tokens", ANTHROPIC },
    { "/anthropic/v1/messages/count_tokens", ANTHROPIC },
    { "/openai/v1/responses/input_tokens", OPENAI },
    { "/v1beta/models/g:countTokens", GEMINI },
    { VERTEX "/google/models/g:countTokens", GEMINI },
    { "/v1/files/file-1/content", NONE },
    { "/openai/files", NONE },
    { "/upload/v1beta/files", GEMINI },
    { "/v1beta/openai/files", OPENAI },
    { "/v1/uploads", OPENAI },
    { "/v1/uploads/upload_1/parts", OPENAI },
    { "/v1/uploads/upload_1/complete", OPENAI },
    { "/v1/uploads/upload_1/cancel", OPENAI },
    { "/v1/vector_stores", OPENAI },
    { "/v1/vector_stores/vs_1", OPENAI },
    { "/v1/vector_stores/vs_1/files", NONE },
    { "/v1/vector_stores/vs_1/files/file-1", OPENAI },
    { "/v1/vector_stores/vs_1/file_batches", OPENAI },
    { "/v1/vector_stores/vs_1/file_batches/b/cancel", OPENAI },
    { "/v1/responses/resp_1/cancel", OPENAI },
    { "/v1/threads/t/runs/r/cancel", OPENAI },
    { "/v1beta/interactions/i/cancel", GEMINI },
    { "/api/show", NONE },

    /* other words, though they begin with those of a model call */
    { "/completions-x/v1/files", NONE },
    { "/generated/tokenize", NONE },
    { NULL, 0 }
};


static const test_path_t  opaque_paths[] = {
    { "/v1/batches", NONE },
    { "/v1/batches/batch_1/cancel", NONE },
    { "/v1/messages/batches", ANTHROPIC },
    { "/v1/messages/batches/b/cancel", ANTHROPIC },
    { "/v1/realtime", NONE },
    { "/v1/realtime/sessions", NONE },
    { "/v1/fine_tuning/jobs", NONE },
    { "/v1/threads", NONE },
    { "/v1/threads/t/messages", OPENAI },
    { "/v1/threads/t/runs/r", NONE },
    { "/v1/threads/t/runs/r/submit_tool_outputs", OPENAI },
    { "/v1/responses/resp_1", NONE },
    { "/v1/interactions/i", NONE },
    { "/v1/threads/*/messages", OPENAI },
    { "/openai/threads/thread_abc/messages", OPENAI },
    { "/v1/threads/t?/messages", NONE },
    { "/v1/assistants", NONE },
    { "/v1/conversations", NONE },
    { "/v1/vector_stores/vs_1/search", NONE },
    { "/v1/chat/completions/chatcmpl-1", NONE },
    { "/v1beta/cachedContents", GEMINI },
    { "/v1beta/models/m:predict", GEMINI },
    { "/v1beta/models/m:batchGenerateContent", GEMINI },
    { "/v1/models/m:predict", GEMINI },
    { "/v1beta/openai/batches", OPENAI },
    { "/model/amazon.nova/async-invoke", NONE },
    { "/model/amazon.nova/invoke/x", NONE },
    { "/v1/videos", NONE },
    { "/v1/audio/voices", NONE },
    { "/v1/images", NONE },
    { "/v1/realtime/client_secrets", NONE },
    { "/v1/realtime/calls", NONE },
    { "/v1/ocr", NONE },
    { "/v1/chat/moderations", NONE },
    { "/invocations", NONE },
    { "/v1/projects/p/locations/l/batchPredictionJobs", NONE },
    { "/model/m/invoke-with-bidirectional-stream", NONE },
    { "/guardrail/g/version/1/apply", NONE },
    { "/knowledgebases/k/retrieve", NONE },
    { "/openai/batches", NONE },
    { "/openai/v1/batches", NONE },
    { "/api/pull", NONE },
    { "/v1/anything", NONE },
    { "/", NONE },
    { "", NONE },

    /* Bedrock's words without its model */
    { "/converse", NONE },
    { "/foo/invoke", NONE },
    { "/model/invoke", NONE },
    { "/model/count-tokens", NONE },

    /* what some server may take for something else */
    { "/v1/chat/completions/", NONE },
    { "/v1//chat/completions", NONE },
    { "/v1/chat//completions", NONE },
    { "//v1/models", NONE },
    { "/v1/models/", NONE },
    { "/v1/Chat/Completions", NONE },
    { "/v1/chat/COMPLETIONS", NONE },
    { "/v1/MODELS", NONE },
    { "/v1/messages?/v1/models", NONE },
    { "/v1/messages#/files", NONE },
    { "/v1/messages;/v1/models", NONE },
    { "/v1/messages%3f/v1/models", NONE },
    { "/v1/messages\\/v1/models", NONE },
    { "/v1/messages /v1/models", NONE },
    { "/v1/messages\x7f/v1/models", NONE },
    { "/v1/messages\n/v1/models", NONE },
    { "/v1/xchat/completionsx", NONE },
    { "xv1/chat/completions", NONE },
    { "/v1/mychat_completions", NONE },

    /* a free word beneath a model call */
    { "/v1/chat/completions/files", NONE },
    { "/v1/chat/completions/v1/models", NONE },
    { "/v1/messages/v1/models", ANTHROPIC },
    { "/v1/messages/x/v1/files", ANTHROPIC },
    { "/v1/embeddings/x/y/moderations", NONE },
    { "/v1/responses/moderations", NONE },
    { "/v1/embeddings/tokenize", NONE },
    { "/v1/batches/files", NONE },
    { "/v1/completions/uploads", NONE },
    { "/v1/chat/completions:countTokens", GEMINI },
    { "/v1beta/models/m:generateContent/files", GEMINI },
    { "/model/x/invoke/v1/files/y", NONE },

    /* a free word that is not alone */
    { "/v1/models/m", NONE },
    { "/models/org/model", NONE },
    { "/models/org/models", NONE },
    { "/v1/files/a/b/c", NONE },
    { "/count_tokens", NONE },
    { "/v1/count_tokens", NONE },
    { "/input_tokens", NONE },
    { "/v1/responses/a/b/cancel", NONE },
    { "/v1/responses//cancel", NONE },
    { NULL, 0 }
};


static void
match(llm_route_t *route, const char *uri, int post, int upgrade)
{
    size_t   len;
    u_char  *copy;

    /* of the very size, so that reading beyond it is seen */

    len = strlen(uri);
    copy = malloc(len ? len : 1);
    memcpy(copy, uri, len);

    memset(route, 0xa5, sizeof(llm_route_t));
    llm_route_match(route, copy, len, post, upgrade);

    route->model = (u_char *) uri
                   + (route->model_len ? route->model - copy : 0);
    route->id = (u_char *) uri + (route->id_len ? route->id - copy : 0);

    free(copy);
}


static void
test_calls(void)
{
    llm_route_t         route;
    const test_call_t  *c;

    for (c = calls; c->uri != NULL; c++) {
        match(&route, c->uri, 1, 0);

        if (c->model == NULL) {
            is_int(route.class, LLM_ROUTE_OPAQUE, "%s: opaque", c->uri);
            continue;
        }

        is_int(route.class, LLM_ROUTE_CHARGED, "%s: charged", c->uri);
        is_int(route.dialect, c->dialect, "%s: dialect", c->uri);
        is_int(route.api, c->api, "%s: api", c->uri);
        is_int(route.stream, c->stream, "%s: stream", c->uri);
        is_mem(route.model, route.model_len, c->model, "%s: model", c->uri);

        match(&route, c->uri, 0, 0);
        is_int(route.class, LLM_ROUTE_FREE, "%s: free without POST", c->uri);

        match(&route, c->uri, 0, 1);
        is_int(route.class, LLM_ROUTE_OPAQUE, "%s: an upgrade", c->uri);

        match(&route, c->uri, 1, 1);
        is_int(route.class, LLM_ROUTE_OPAQUE, "%s: an upgrade", c->uri);
    }
}


static void
test_paths(const test_path_t *path, llm_route_class_e class, const char *name)
{
    llm_route_t  route;

    for ( /* void */ ; path->uri != NULL; path++) {
        match(&route, path->uri, 1, 0);
        is_int(route.class, class, "\"%s\": %s", path->uri, name);
        is_int(route.dialect, path->dialect, "\"%s\": dialect", path->uri);

        match(&route, path->uri, 0, 0);
        is_int(route.class, LLM_ROUTE_FREE, "\"%s\": GET", path->uri);

        match(&route, path->uri, 0, 1);
        is_int(route.class, LLM_ROUTE_OPAQUE, "\"%s\": upgrade", path->uri);
    }
}


/* No byte put into or in place of another of a model call makes it free. */

static void
test_neighbours(void)
{
    int                 c, freed;
    char                uri[256];
    size_t              i, len;
    llm_route_t         route;
    const test_call_t  *call;

    freed = 0;

    for (call = calls; call->uri != NULL; call++) {
        len = strlen(call->uri);

        for (i = 0; i < len; i++) {

            for (c = 1; c < 256; c++) {
                memcpy(uri, call->uri, len + 1);
                uri[i] = c;
                llm_route_match(&route, (u_char *) uri, len, 1, 0);
                freed += (route.class == LLM_ROUTE_FREE);

                memcpy(uri + i + 1, call->uri + i, len - i + 1);
                llm_route_match(&route, (u_char *) uri, len + 1, 1, 0);
                freed += (route.class == LLM_ROUTE_FREE);
            }
        }
    }

    is_int(freed, 0, "no path one byte away from a model call is free");
}


static void
test_nul(void)
{
    llm_route_t  route;

    llm_route_match(&route, (u_char *) "/v1/chat/completions\0/v1/models", 31,
                    1, 0);
    is_int(route.class, LLM_ROUTE_OPAQUE, "a NUL in the path");
}


static void
test_bits(void)
{
    llm_route_t  route;

    match(&route, "/v1/vector_stores/complete", 1, 0);
    is_int(route.class, LLM_ROUTE_CHARGED, "any free word is the last to fit");

    match(&route, "/model/m/converse", 1, 0);
    ok(route.converse && !route.prompt, "converse");

    match(&route, "/model/m/invoke", 1, 0);
    ok(!route.converse && !route.prompt, "invoke");

    match(&route, "/model/arn:aws:bedrock:r:1:prompt/P:1/converse-stream", 1,
          0);
    ok(route.converse && route.prompt && route.stream, "a stored prompt");
}


static void
test_ids(void)
{
    size_t       i;
    llm_route_t  route;

    static const struct {
        const char  *uri;
        int          post;
        const char  *id;
    } polls[] = {
        { "/v1/responses/resp_1", 0, "resp_1" },
        { "/any/openai/v1/responses/resp_1", 0, "resp_1" },
        { "/v1/responses/resp_1/cancel", 1, "resp_1" },
        { "/v1/responses/resp_1/cancel", 0, "resp_1" },
        { "/v1/threads/thread_1/runs/run_1", 0, "run_1" },
        { "/v1/threads/thread_1/runs/run_1/cancel", 1, "run_1" },
        { "/v1/threads/t/runs/r/submit_tool_outputs", 1, "r" },
        { "/v1beta/interactions/i1", 0, "i1" },
        { "/v1beta/interactions/i1/cancel", 1, "i1" },

        { "/v1/responses/resp_1", 1, "" },
        { "/v1/responses", 0, "" },
        { "/v1/responses/", 0, "" },
        { "/v1/responses/resp_1/input_items", 0, "" },
        { "/v1/responses/input_tokens", 1, "" },
        { "/v1/threads/thread_1/runs", 0, "" },
        { "/v1/threads/thread_1/runs/run_1/steps", 0, "" },
        { "/v1/batches/batch_1", 0, "" },
        { "/v1/chat/completions/chatcmpl-1", 0, "" }
    };

    for (i = 0; i < sizeof(polls) / sizeof(polls[0]); i++) {
        match(&route, polls[i].uri, polls[i].post, 0);

        is_mem(route.id, route.id_len, polls[i].id, "\"%s\": id",
               polls[i].uri);
    }

    match(&route, "/v1/responses", 1, 0);
    ok(route.later, "a response may come later");

    match(&route, "/v1/responses/compact", 1, 0);
    ok(!route.later, "a compaction does not");
}


int
main(void)
{
    test_calls();
    test_paths(free_paths, LLM_ROUTE_FREE, "free");
    test_paths(opaque_paths, LLM_ROUTE_OPAQUE, "opaque");
    test_neighbours();
    test_ids();
    test_nul();
    test_bits();

    return tap_done();
}
