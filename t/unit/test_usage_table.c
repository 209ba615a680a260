
/*
 * Copyright (C) the llm_quota authors
 */


#include "answer.h"


typedef struct {
    const char              *name;
    const char              *type;
    int                      complete;
    const char              *body;
    llm_charge_e             charge;

    /* input, output, cached, written for 5m and 1h, reasoning */
    int64_t                  count[6];
} case_t;


static void
test_cases(const case_t *c)
{
    result_t  r;

    for ( /* void */ ; c->name != NULL; c++) {
        r = whole(c->type, c->body, c->complete, c->name);

        is_int(r.charge, c->charge, "%s: charge", c->name);
        counts_are(&r, c->count, c->name);
    }
}


/* The rows and families of the table. */

static const case_t  families[] = {

    { "chat", JSON, 1, "{" HELLO ",\"usage\":{\"prompt_tokens\":100,"
      "\"completion_tokens\":50,\"total_tokens\":150,"
      "\"prompt_tokens_details\":{\"cached_tokens\":40,"
      "\"cache_write_tokens\":7},\"completion_tokens_details\":"
      "{\"reasoning_tokens\":30}}}", EXACT, { 100, 50, 40, 7, 0, 30 } },

    { "completions without completion_tokens", JSON, 1,
      "{\"usage\":{\"prompt_tokens\":11,\"total_tokens\":11}}",
      EXACT, { 11, 0 } },

    { "embeddings", JSON, 1, "{\"object\":\"list\",\"data\":[{\"embedding\":"
      "[0.1,-2e-3]}],\"model\":\"e\",\"usage\":{\"prompt_tokens\":8,"
      "\"total_tokens\":8}}", EXACT, { 8, 0 } },

    { "responses", JSON, 1, "{\"output\":[],\"usage\":{\"input_tokens\":20,"
      "\"input_tokens_details\":{\"cached_tokens\":5},\"output_tokens\":7,"
      "\"output_tokens_details\":{\"reasoning_tokens\":3},"
      "\"total_tokens\":27}}", EXACT, { 20, 7, 5, 0, 0, 3 } },

    { "responses, total_tokens alone tell", JSON, 1,
      "{\"usage\":{\"input_tokens\":20,\"output_tokens\":7,"
      "\"cached_tokens\":5,\"total_tokens\":27}}", EXACT, { 20, 7, 5 } },

    { "responses stream", SSE, 1, "event: response.created\n"
      "data: {\"type\":\"response.created\",\"response\":{\"id\":\"r\","
      "\"status\":\"in_progress\",\"usage\":null}}\n\n"
      "event: response.output_text.delta\n"
      "data: {\"type\":\"response.output_text.delta\",\"delta\":\"Hi\"}\n\n"
      "event: response.completed\n"
      "data: {\"type\":\"response.completed\",\"response\":{\"usage\":"
      "{\"input_tokens\":9,\"output_tokens\":12,\"total_tokens\":21}}}\n\n",
      EXACT, { 9, 12 } },

    { "responses stream that was cut", SSE, 0, "data: {\"type\":"
      "\"response.output_text.delta\",\"delta\":\"Hi\"}\n\n", ESTIMATE, { 0 } },

    { "responses, details alone tell", JSON, 1,
      "{\"usage\":{\"input_tokens\":20,\"output_tokens\":7,"
      "\"input_tokens_details\":{\"cached_tokens\":5}}}",
      EXACT, { 20, 7, 5 } },

    { "responses, details tell though they are null", JSON, 1,
      "{\"usage\":{\"input_tokens\":20,\"output_tokens\":7,"
      "\"cached_tokens\":5,\"input_tokens_details\":null}}",
      EXACT, { 20, 7, 5 } },

    { "transcription, singular details", JSON, 1, "{\"text\":\"x\",\"usage\":"
      "{\"type\":\"tokens\",\"input_tokens\":14,\"input_token_details\":"
      "{\"text_tokens\":0,\"audio_tokens\":14},\"output_tokens\":45}}",
      EXACT, { 14, 45 } },

    { "duration", JSON, 1, "{\"text\":\"x\",\"usage\":{\"type\":\"duration\","
      "\"seconds\":37}}", EXACT, { 0 } },

    { "messages", JSON, 1, "{\"type\":\"message\",\"content\":[{\"type\":"
      "\"text\",\"text\":\"Hi\"}],\"usage\":{\"input_tokens\":9,"
      "\"cache_creation_input_tokens\":100,\"cache_read_input_tokens\":1000,"
      "\"cache_creation\":{\"ephemeral_5m_input_tokens\":40,"
      "\"ephemeral_1h_input_tokens\":60},\"output_tokens\":12,"
      "\"output_tokens_details\":{\"thinking_tokens\":5}}}",
      EXACT, { 1109, 12, 1000, 40, 60, 5 } },

    { "messages, oldest form", JSON, 1, "{\"usage\":{\"input_tokens\":9,"
      "\"output_tokens\":12}}", EXACT, { 9, 12 } },

    { "messages, split is not of the same moment", JSON, 1, "{\"usage\":{"
      "\"input_tokens\":1,\"cache_creation_input_tokens\":3337,"
      "\"cache_creation\":{\"ephemeral_5m_input_tokens\":3068,"
      "\"ephemeral_1h_input_tokens\":0},\"output_tokens\":2}}",
      EXACT, { 3338, 2, 0, 3337 } },

    { "messages, only the split", JSON, 1, "{\"usage\":{"
      "\"input_tokens\":1,\"cache_creation\":{\"ephemeral_5m_input_tokens\":3,"
      "\"ephemeral_1h_input_tokens\":4},\"output_tokens\":2}}",
      EXACT, { 8, 2, 0, 3, 4 } },

    { "messages stream", SSE, 1, START("\"input_tokens\":9,"
      "\"cache_read_input_tokens\":1000,\"output_tokens\":1") TEXT("Hi")
      DELTA("\"output_tokens\":12") STOP, EXACT, { 1009, 12, 1000 } },

    { "messages stream, keys in the order of the alphabet", SSE, 1,
      "data: {\"message\":{\"usage\":{\"input_tokens\":9,\"output_tokens\":1}},"
      "\"type\":\"message_start\"}\n\n" DELTA("\"output_tokens\":12"),
      EXACT, { 9, 12 } },

    { "message.usage of something else", SSE, 1,
      "data: {\"message\":{\"usage\":{\"input_tokens\":9,\"output_tokens\":1}},"
      "\"type\":\"other\"}\n\n", ESTIMATE, { 0 } },

    { "messages stream, delta grows", SSE, 1, START("\"input_tokens\":690,"
      "\"output_tokens\":1") DELTA("\"input_tokens\":3042,"
      "\"cache_read_input_tokens\":0,\"output_tokens\":354"),
      EXACT, { 3042, 354 } },

    { "messages stream, delta shrinks to a compaction", SSE, 1,
      START("\"input_tokens\":60385,\"output_tokens\":1")
      DELTA("\"input_tokens\":612,\"output_tokens\":341,\"iterations\":["
      "{\"type\":\"compaction\",\"input_tokens\":60385,\"output_tokens\":3000,"
      "\"cache_read_input_tokens\":10,\"cache_creation_input_tokens\":20,"
      "\"cache_creation\":{\"ephemeral_5m_input_tokens\":999}},"
      "{\"type\":\"message\",\"input_tokens\":612,\"output_tokens\":341}]"),
      EXACT, { 61027, 3341, 10, 20 } },

    { "messages stream, an empty list replaces another", SSE, 1,
      START("\"input_tokens\":9,\"output_tokens\":1")
      DELTA("\"output_tokens\":12,\"iterations\":[{\"type\":\"compaction\","
      "\"input_tokens\":500}]") DELTA("\"output_tokens\":12,"
      "\"iterations\":[]"), EXACT, { 9, 12 } },

    { "messages, what has no type", JSON, 1, "{\"usage\":{"
      "\"input_tokens\":9,\"output_tokens\":12,\"iterations\":["
      "{\"type\":\"compaction\",\"input_tokens\":1},"
      "{\"input_tokens\":500},7]}}", EXACT, { 10, 12 } },

    { "messages stream, split of more than there is", SSE, 1,
      START("\"input_tokens\":9,\"cache_creation_input_tokens\":100,"
      "\"cache_creation\":{\"ephemeral_5m_input_tokens\":40,"
      "\"ephemeral_1h_input_tokens\":60},\"output_tokens\":1")
      DELTA("\"cache_creation_input_tokens\":10,\"output_tokens\":12"),
      EXACT, { 19, 12, 0, 0, 10 } },

    { "messages, adviser", JSON, 1, "{\"usage\":{\"input_tokens\":9,"
      "\"output_tokens\":12,\"iterations\":[{\"type\":\"advisor_message\","
      "\"model\":\"x\",\"input_tokens\":500,\"output_tokens\":600}]}}",
      EXACT, { 9, 12 } },

    { "messages, fallback", JSON, 1, "{\"usage\":{\"input_tokens\":9,"
      "\"output_tokens\":12,\"iterations\":[{\"type\":\"compaction\","
      "\"input_tokens\":500},{\"type\":\"fallback_message\","
      "\"input_tokens\":9}]}}", EXACT, { 9, 12 } },

    { "messages stream, two starts", SSE, 1, START("\"input_tokens\":5,"
      "\"cache_read_input_tokens\":70,\"output_tokens\":1")
      START("\"input_tokens\":9,\"output_tokens\":1")
      DELTA("\"output_tokens\":12"), EXACT, { 9, 12 } },

    { "messages stream, two deltas", SSE, 1, START("\"input_tokens\":9,"
      "\"output_tokens\":1") DELTA("\"output_tokens\":5")
      DELTA("\"output_tokens\":12"), EXACT, { 9, 12 } },

    { "gemini", JSON, 1, "{\"candidates\":[{\"content\":{\"parts\":["
      "{\"text\":\"Hi\"}]},\"finishReason\":\"STOP\"}],\"usageMetadata\":{"
      "\"promptTokenCount\":10,\"candidatesTokenCount\":20,"
      "\"thoughtsTokenCount\":30,\"toolUsePromptTokenCount\":4,"
      "\"cachedContentTokenCount\":6,\"totalTokenCount\":64}}",
      EXACT, { 14, 50, 6, 0, 0, 30 } },

    { "gemini stream", SSE, 1, "data: {\"candidates\":[{\"content\":{"
      "\"parts\":[{\"text\":\"H\"}]}}],\"usageMetadata\":{\"trafficType\":"
      "\"ON_DEMAND\"}}\r\n\r\ndata: {\"candidates\":[{\"content\":{\"parts\":["
      "{\"text\":\"i\"}]},\"finishReason\":\"STOP\"}],\"usageMetadata\":{"
      "\"promptTokenCount\":9,\"candidatesTokenCount\":12}}\r\n\r\n",
      EXACT, { 9, 12 } },

    { "gemini stream that stops early", SSE, 1, "data: {\"candidates\":[{"
      "\"content\":{\"parts\":[{\"text\":\"H\"}]}}],\"usageMetadata\":{"
      "\"promptTokenCount\":9,\"candidatesTokenCount\":2}}\n\n",
      PARTIAL, { 9, 2 } },

    { "gemini array", JSON, 1, "[{\"candidates\":[{\"content\":{\"parts\":["
      "{\"text\":\"H\"}]}}],\"usageMetadata\":{\"promptTokenCount\":9}}\n,\r\n"
      "{\"candidates\":[{\"finishReason\":\"STOP\"}],\"usageMetadata\":{"
      "\"promptTokenCount\":9,\"candidatesTokenCount\":12}}]",
      EXACT, { 9, 12 } },

    { "gemini array that was cut", JSON, 0, "[{\"candidates\":[{\"content\":{"
      "\"parts\":[{\"text\":\"H\"}]}}],\"usageMetadata\":{"
      "\"promptTokenCount\":9}}\n,\r\n{\"candi", PARTIAL, { 9, 0 } },

    { "gemini, content that is cached", JSON, 1, "{\"usageMetadata\":{"
      "\"totalTokenCount\":3512}}", EXACT, { 3512, 0, 0, 3512 } },

    { "interactions", JSON, 1, "{\"usage\":{\"total_input_tokens\":22,"
      "\"total_tool_use_tokens\":129,\"total_output_tokens\":973,"
      "\"total_thought_tokens\":249,\"total_cached_tokens\":2,"
      "\"total_tokens\":1373}}", EXACT, { 151, 1222, 2, 0, 0, 249 } },

    { "interactions stream", SSE, 1, "data: {\"interaction\":{\"usage\":{"
      "\"total_input_tokens\":7,\"total_output_tokens\":12}}}\n\n",
      EXACT, { 7, 12 } },

    { "converse", JSON, 1, "{\"output\":{\"message\":{\"content\":["
      "{\"text\":\"Hi\"}]}},\"usage\":{\"inputTokens\":3,\"outputTokens\":12,"
      "\"totalTokens\":1727,\"cacheReadInputTokens\":5,"
      "\"cacheReadInputTokenCount\":5,\"cacheWriteInputTokens\":1712,"
      "\"cacheDetails\":[{\"inputTokens\":12,\"ttl\":\"5m\"},"
      "{\"ttl\":\"1h\",\"inputTokens\":1700}]}}",
      EXACT, { 1720, 12, 5, 12, 1700 } },

    { "metrics beat what the message says", SSE, 1,
      START("\"input_tokens\":9,\"cache_read_input_tokens\":77,"
      "\"output_tokens\":1") DELTA("\"output_tokens\":11")
      "data: {\"type\":\"message_stop\",\"amazon-bedrock-invocationMetrics\":{"
      "\"inputTokenCount\":9,\"outputTokenCount\":12}}\n\n"
      DELTA("\"output_tokens\":13"), EXACT, { 9, 12 } },

    { "cohere v2", JSON, 1, "{\"usage\":{\"billed_units\":{\"input_tokens\":7,"
      "\"output_tokens\":88},\"tokens\":{\"input_tokens\":69,"
      "\"output_tokens\":89},\"cached_tokens\":64}}", EXACT, { 7, 88 } },

    { "cohere v2, only tokens", JSON, 1, "{\"usage\":{\"tokens\":{"
      "\"input_tokens\":69,\"output_tokens\":89}}}", EXACT, { 69, 89 } },

    { "cohere v2 stream", SSE, 1, "event: content-delta\ndata: {\"type\":"
      "\"content-delta\",\"delta\":{\"message\":{\"content\":{\"text\":"
      "\"Hi\"}}}}\n\nevent: message-end\ndata: {\"type\":\"message-end\","
      "\"delta\":{\"finish_reason\":\"COMPLETE\",\"usage\":{\"billed_units\":{"
      "\"input_tokens\":7,\"output_tokens\":109}}}}\n\n" DONE,
      EXACT, { 7, 109 } },

    { "cohere v1", JSON, 1, "{\"text\":\"Hi\",\"meta\":{\"api_version\":{},"
      "\"billed_units\":{\"input_tokens\":58,\"output_tokens\":119},"
      "\"tokens\":{\"input_tokens\":69}}}", EXACT, { 58, 119 } },

    { "cohere v1 stream", "application/stream+json", 1,
      "{\"event_type\":\"text-generation\",\"text\":\"Hi\"}\n"
      "{\"event_type\":\"stream-end\",\"response\":{\"text\":\"Hi\",\"meta\":{"
      "\"billed_units\":{\"input_tokens\":7,\"output_tokens\":115}}}}\n",
      EXACT, { 7, 115 } },

    { "meta of something else", JSON, 1, "{\"text\":\"Hi\",\"meta\":{"
      "\"tokens\":{\"input_tokens\":69}}}", ESTIMATE, { 0 } },

    { "search units", JSON, 1, "{\"results\":[],\"meta\":{\"billed_units\":{"
      "\"search_units\":1}}}", EXACT, { 0 } },

    { "groq, beside and inside", SSE, 1, CHUNK("Hi") "data: {\"choices\":["
      "{\"delta\":{},\"finish_reason\":\"stop\"}],\"x_groq\":{\"id\":\"r\","
      "\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":99}}," U "}\n\n"
      DONE, EXACT, { 9, 12 } },

    { "groq, only inside", SSE, 1, CHUNK("Hi") "data: {\"choices\":["
      "{\"delta\":{},\"finish_reason\":\"stop\"}],\"x_groq\":{" U "}}\n\n"
      DONE, EXACT, { 9, 12 } },

    { "moonshot, in the choice", SSE, 1, CHUNK("Hi") "data: {\"choices\":["
      "{\"delta\":{},\"finish_reason\":\"stop\"," U "}]}\n\n" DONE,
      EXACT, { 9, 12 } },

    { "ollama", LINES, 1, "{\"model\":\"l\",\"message\":{\"content\":\"H\"},"
      "\"done\":false}\n{\"model\":\"l\",\"message\":{\"content\":\"\"},"
      "\"done\":true,\"prompt_eval_count\":9,\"eval_count\":12}",
      EXACT, { 9, 12 } },

    { "ollama, prompt cached", LINES, 1, "{\"response\":\"H\",\"done\":false}\n"
      "{\"response\":\"\",\"done\":true,\"eval_count\":12}\n",
      PARTIAL, { 0, 12 } },

    { "ollama that was cut", LINES, 0, "{\"response\":\"H\",\"done\":false}\n"
      "{\"response\":\"i\",\"do", ESTIMATE, { 0 } },

    { "ollama, a line that is none", LINES, 1, "{\"response\":\"H\"\"}\n\r\n"
      "{\"response\":\"\",\"prompt_eval_count\":9,\"eval_count\":12}\n",
      EXACT, { 9, 12 } },

    { "llama.cpp", SSE, 1, "data: {\"content\":\"Hi\",\"stop\":false}\n\n"
      "data: {\"content\":\"\",\"stop\":true,\"tokens_predicted\":12,"
      "\"tokens_evaluated\":9}\n\n", EXACT, { 9, 12 } },

    { "llama.cpp timings", JSON, 1, "{\"timings\":{\"cache_n\":3,"
      "\"prompt_n\":6}," U "}", EXACT, { 9, 12, 3 } },

    { "timings where the cache is stated", JSON, 1, "{\"usage\":{"
      "\"prompt_tokens\":9,\"completion_tokens\":12,\"cached_tokens\":2},"
      "\"timings\":{\"cache_n\":3}}", EXACT, { 9, 12, 2 } },

    { "llama.cpp, its own call with timings", JSON, 1, "{\"content\":\"Hi\","
      "\"tokens_predicted\":12,\"tokens_evaluated\":9,\"tokens_cached\":20,"
      "\"timings\":{\"cache_n\":3,\"prompt_n\":6,\"predicted_n\":12}}",
      EXACT, { 9, 12, 3 } },

    { "llama.cpp, only timings", SSE, 1, CHUNK("Hi") "data: {\"choices\":[{"
      "\"delta\":{},\"finish_reason\":\"stop\"}],\"timings\":{"
      "\"cache_n\":3,\"prompt_n\":6,\"predicted_n\":12}}\n\n" DONE,
      EXACT, { 9, 12, 3 } },

    { "llama.cpp, older timings", JSON, 1, "{" HELLO ",\"timings\":{"
      "\"prompt_n\":9,\"predicted_n\":12}}", EXACT, { 9, 12 } },

    { "llama.cpp, timings in every event, cut", SSE, 0, "data: {\"choices\":[{"
      "\"delta\":{\"content\":\"Hi\"},\"finish_reason\":null}],"
      "\"timings\":{\"prompt_n\":9,\"predicted_n\":2}}\n\n",
      PARTIAL, { 9, 2 } },

    { "llama.cpp, timings, then usage", SSE, 1, "data: {\"choices\":[{"
      "\"delta\":{\"content\":\"Hi\"},\"finish_reason\":null}],"
      "\"timings\":{\"cache_n\":90,\"prompt_n\":99,\"predicted_n\":2}}"
      "\n\n" LAST DONE, EXACT, { 9, 12 } },

    { "converse, no output", JSON, 1, "{\"output\":{\"message\":{\"content\":["
      "{\"text\":\"Hi\"}]}},\"usage\":{\"inputTokens\":9}}",
      PARTIAL, { 9, 0 } },

    { "an agent's call in an event of text", SSE, 1, CHUNK("Hi") "data: {"
      "\"trace\":{\"orchestrationTrace\":{\"modelInvocationOutput\":{"
      "\"metadata\":{\"usage\":{\"inputTokens\":9}}}}}}\n\n",
      ESTIMATE, { 0 } },

    { "perplexity, its agents", JSON, 1, "{\"usage\":{\"input_tokens\":9,"
      "\"output_tokens\":12,\"total_tokens\":21,\"input_tokens_details\":{"
      "\"cache_creation_input_tokens\":2,\"cache_read_input_tokens\":4}}}",
      EXACT, { 9, 12, 4, 2 } },

    { "an assistant's run", SSE, 1, "event: thread.run.step.completed\n"
      "data: {\"object\":\"thread.run.step\",\"usage\":{\"prompt_tokens\":5,"
      "\"completion_tokens\":7,\"total_tokens\":12}}\n\n"
      "event: thread.run.completed\ndata: {\"object\":\"thread.run\"," U "}"
      "\n\nevent: done\n" DONE, EXACT, { 9, 12 } },

    { "an assistant's run that goes on", JSON, 1, "{\"object\":\"thread.run\","
      "\"status\":\"queued\",\"usage\":null}", NONE, { 0 } },

    { "titan, an embedding", JSON, 1, "{\"embedding\":[0.1],"
      "\"inputTextTokenCount\":9}", EXACT, { 9, 0 } },

    { "titan", JSON, 1, "{\"inputTextTokenCount\":9.0,\"results\":["
      "{\"tokenCount\":5.0,\"outputText\":\"a\"},{\"tokenCount\":7}]}",
      EXACT, { 9, 12 } },

    { "llama", JSON, 1, "{\"generation\":\"Hi\",\"prompt_token_count\":9,"
      "\"generation_token_count\":12}", EXACT, { 9, 12 } },

    { "text generation inference", JSON, 1, "[{\"generated_text\":\"Hi\","
      "\"details\":{\"generated_tokens\":12,\"input_length\":9}}]",
      EXACT, { 9, 12 } },

    { "top counts beside an object of counts", JSON, 1,
      "{\"eval_count\":999," U ",\"prompt_eval_count\":999}",
      EXACT, { 9, 12 } },

    { "perplexity, citations", JSON, 1, "{\"usage\":{\"prompt_tokens\":9,"
      "\"completion_tokens\":12,\"total_tokens\":21,\"citation_tokens\":100,"
      "\"reasoning_tokens\":1000}}", EXACT, { 9, 1112, 0, 0, 0, 1000 } },

    { "perplexity, citations in the total", JSON, 1, "{\"usage\":{"
      "\"prompt_tokens\":9,\"completion_tokens\":12,\"total_tokens\":1200,"
      "\"citation_tokens\":100,\"reasoning_tokens\":1000}}",
      EXACT, { 9, 1191, 0, 0, 0, 1000 } },

    { "deepseek", JSON, 1, "{\"usage\":{\"prompt_tokens\":9,"
      "\"completion_tokens\":12,\"prompt_cache_hit_tokens\":4,"
      "\"prompt_cache_miss_tokens\":5}}", EXACT, { 9, 12, 4 } },

    { "the names of two families", JSON, 1, "{\"usage\":{\"prompt_tokens\":9,"
      "\"completion_tokens\":12,\"total_tokens\":21,\"prompt_tokens_details\":"
      "{\"cached_tokens\":4},\"cache_read_input_tokens\":4,"
      "\"cache_creation_input_tokens\":3}}", EXACT, { 9, 12, 4, 3 } },

    { "more cached than there is", JSON, 1, "{\"usage\":{\"prompt_tokens\":9,"
      "\"completion_tokens\":12,\"cached_tokens\":100}}",
      EXACT, { 109, 12, 100 } },

    { "total only", JSON, 1, "{\"usage\":{\"total_tokens\":12}}",
      EXACT, { 12, 0 } },

    { "total and output", JSON, 1, "{\"usage\":{\"completion_tokens\":12,"
      "\"total_tokens\":21}}", EXACT, { 9, 12 } },

    { "total holds what the output does not", JSON, 1, "{\"usage\":{"
      "\"prompt_tokens\":12,\"completion_tokens\":1,\"total_tokens\":241,"
      "\"completion_tokens_details\":{\"reasoning_tokens\":228}}}",
      EXACT, { 12, 229, 0, 0, 0, 228 } },

    { "total is too small", JSON, 1, "{\"usage\":{\"prompt_tokens\":9,"
      "\"completion_tokens\":12,\"total_tokens\":20}}", EXACT, { 9, 12 } },

    { NULL, NULL, 0, NULL, 0, { 0 } }
};


/* What is meant to mislead, and what is broken. */

static const case_t  tricky[] = {

    { "usage in the text", JSON, 1, "{\"choices\":[{\"message\":{\"content\":"
      "\"{\\\"usage\\\":{\\\"prompt_tokens\\\":999}}\\\\\"}}]," U "}",
      EXACT, { 9, 12 } },

    { "usage at wrong places", JSON, 1, "{\"choices\":[{\"message\":{" U "}}],"
      "\"metadata\":{\"usage\":{\"prompt_tokens\":999}},\"tool_usage\":{"
      "\"image_gen\":{\"input_tokens\":999}},\"x\":{\"usage\":{"
      "\"prompt_tokens\":999}},\"usage\":{\"prompt_tokens\":9,"
      "\"completion_tokens\":12,\"x\":{\"prompt_tokens\":999},"
      "\"y\":[{\"prompt_tokens\":999}]},\"usage_breakdown\":{\"models\":["
      "{\"usage\":{\"prompt_tokens\":999}}]}}", EXACT, { 9, 12 } },

    { "lower in the table, first in the document", JSON, 1, "{\"metadata\":{"
      "\"usage\":{\"inputTokens\":999,\"cacheReadInputTokens\":999}}," U "}",
      EXACT, { 9, 12 } },

    { "escaped keys", JSON, 1, "{\"us\\u0061ge\":{\"prompt_toke\\u006es\":9,"
      "\"\\u0063ompletion_tokens\":12}}", EXACT, { 9, 12 } },

    { "keys almost right", JSON, 1, "{\"Usage\":{\"prompt_tokens\":999},"
      "\"usage \":{\"prompt_tokens\":999},\"USAGE\":{\"prompt_tokens\":999},"
      "\"usage\\u0000\":{\"prompt_tokens\":999}," U "}", EXACT, { 9, 12 } },

    { "usage null", JSON, 1, "{" HELLO ",\"usage\":null}", ESTIMATE, { 0 } },
    { "usage empty", JSON, 1, "{" HELLO ",\"usage\":{}}", ESTIMATE, { 0 } },
    { "usage array", JSON, 1, "{" HELLO ",\"usage\":[9,12]}", ESTIMATE, { 0 } },
    { "usage string", JSON, 1, "{" HELLO ",\"usage\":\"9\"}", ESTIMATE, { 0 } },
    { "usage absent", JSON, 1, "{" HELLO "}", ESTIMATE, { 0 } },

    { "two objects of counts", JSON, 1, "{\"usage\":{\"prompt_tokens\":999,"
      "\"cached_tokens\":99}," U "}", EXACT, { 9, 12 } },

    { "two members", JSON, 1, "{\"usage\":{\"prompt_tokens\":999,"
      "\"prompt_tokens\":9,\"completion_tokens\":12}}", EXACT, { 9, 12 } },

    { "usage first", JSON, 1, "{" U "," HELLO "}", EXACT, { 9, 12 } },

    { "numbers in other forms", JSON, 1, "{\"usage\":{\"prompt_tokens\":9.0,"
      "\"completion_tokens\":\"12\",\"total_tokens\":2.1e1}}",
      EXACT, { 9, 12 } },

    { "no numbers", JSON, 1, "{\"usage\":{\"prompt_tokens\":true,"
      "\"completion_tokens\":null,\"total_tokens\":{}}}", ESTIMATE, { 0 } },

    { "a negative count", JSON, 1, "{\"usage\":{\"prompt_tokens\":-9,"
      "\"completion_tokens\":12,\"total_tokens\":3}}", EXACT, { 0, 12 } },

    { "over 2^53", JSON, 1, "{\"usage\":{\"prompt_tokens\":9007199254740993,"
      "\"completion_tokens\":12}}", ESTIMATE, { 0 } },

    { "over 2^64", JSON, 1, "{\"usage\":{\"prompt_tokens\":9,"
      "\"completion_tokens\":18446744073709551616}}", ESTIMATE, { 0 } },

    { "not finite", JSON, 1, "{\"usage\":{\"prompt_tokens\":9,"
      "\"completion_tokens\":1e400}}", ESTIMATE, { 0 } },

    { "absurd", JSON, 1, "{\"usage\":{\"prompt_tokens\":100000001,"
      "\"completion_tokens\":12}}", ESTIMATE, { 0 } },

    { "just not absurd", JSON, 1, "{\"usage\":{\"prompt_tokens\":100000000,"
      "\"completion_tokens\":12}}", EXACT, { 100000000, 12 } },

    { "absurd together", JSON, 1, "{\"inputTextTokenCount\":9,\"results\":["
      "{\"tokenCount\":9007199254740992},{\"tokenCount\":9007199254740992}]}",
      ESTIMATE, { 0 } },

    { "numbers elsewhere that exceed everything", JSON, 1,
      "{\"seed\":18446744073709551617,\"choices\":[{\"x\":1e999}]," U "}",
      EXACT, { 9, 12 } },

    { "details null", JSON, 1, "{\"usage\":{\"prompt_tokens\":9,"
      "\"completion_tokens\":12,\"prompt_tokens_details\":null,"
      "\"completion_tokens_details\":null}}", EXACT, { 9, 12 } },

    { "byte order mark and white space", JSON, 1, "\xef\xbb\xbf \r\n\n{" U
      "}", EXACT, { 9, 12 } },

    { "pretty printed", JSON, 1, "{\r\n  \"usage\" :\t{\n\"prompt_tokens\"\n"
      ":\n9\n,\n\"completion_tokens\" : 12 }\n}\n", EXACT, { 9, 12 } },

    { "two documents", JSON, 1, "{" U "}{\"usage\":{\"prompt_tokens\":999}}",
      EXACT, { 9, 12 } },

    { "garbage behind", JSON, 1, "{" U "}<html>", EXACT, { 9, 12 } },

    { "cut before usage", JSON, 0, "{" HELLO ",\"usa", ESTIMATE, { 0 } },

    { "cut inside a number", JSON, 0, "{" HELLO ",\"usage\":{"
      "\"prompt_tokens\":9,\"completion_tokens\":1", PARTIAL, { 9, 0 } },

    { "cut after usage", JSON, 0, "{" U ",\"x\":", EXACT, { 9, 12 } },

    { "broken before usage", JSON, 1, "{\"x\":tru," U "}", ESTIMATE, { 0 } },

    { "an error", JSON, 1, "{\"error\":{\"message\":\"x\",\"code\":400}}",
      NONE, { 0 } },

    { "an error without a message", JSON, 1, "{\"type\":\"error\"}",
      NONE, { 0 } },

    { "no error", JSON, 1, "{\"error\":null,\"x\":1}", ESTIMATE, { 0 } },

    { "an error after text", SSE, 1, CHUNK("Hi") "data: {\"error\":"
      "\"overloaded\"}\n\n", ESTIMATE, { 0 } },

    { "an error after usage", SSE, 1, CHUNK("Hi") LAST
      "data: {\"error\":{\"message\":\"x\"}}\n\n", EXACT, { 9, 12 } },

    { "an error alone", SSE, 1, "event: error\ndata: {\"error\":{}}\n\n",
      NONE, { 0 } },

    { "an error in an array", JSON, 1, "[{\"error\":{\"code\":429}}]",
      NONE, { 0 } },

    { "a response that failed", SSE, 1, "data: {\"type\":\"response.failed\","
      "\"response\":{\"status\":\"failed\",\"error\":{\"code\":\"x\"},"
      "\"usage\":null}}\n\n", NONE, { 0 } },

    { "a message that was overloaded", SSE, 1, START("\"input_tokens\":9,"
      "\"output_tokens\":1") TEXT("Hi") "event: error\ndata: {\"type\":"
      "\"error\",\"error\":{\"type\":\"overloaded_error\"}}\n\n",
      PARTIAL, { 9, 1 } },

    { "a message that was cut", SSE, 0, START("\"input_tokens\":9,"
      "\"output_tokens\":1") TEXT("Hi"), PARTIAL, { 9, 1 } },

    { "a response still queued", JSON, 1, "{\"status\":\"queued\",\"error\":"
      "null,\"output\":[],\"usage\":null}", NONE, { 0 } },

    { "a prompt not let through", JSON, 1, "{\"promptFeedback\":{"
      "\"blockReason\":\"MODEL_ARMOR\"},\"usageMetadata\":{\"trafficType\":"
      "\"ON_DEMAND\"}}", NONE, { 0 } },

    { "a prompt not let through but counted", JSON, 1, "{\"promptFeedback\":{"
      "\"blockReason\":\"SAFETY\"},\"usageMetadata\":{"
      "\"promptTokenCount\":14}}", EXACT, { 14, 0 } },

    { "zeros with text", JSON, 1, "{" HELLO ",\"usage\":{\"prompt_tokens\":0,"
      "\"completion_tokens\":0,\"total_tokens\":0}}", ESTIMATE, { 0 } },

    { "zeros without text", JSON, 1, "{\"usage\":{\"prompt_tokens\":0,"
      "\"completion_tokens\":0}}", EXACT, { 0 } },

    { "nothing", JSON, 1, "", ESTIMATE, { 0 } },
    { "a page", "text/html", 1, "<html>\"usage\"", ESTIMATE, { 0 } },
    { "sound", "audio/mpeg", 1, "{" U "}", ESTIMATE, { 0 } },

    { NULL, NULL, 0, NULL, 0, { 0 } }
};


/* Framings. */

static const case_t  framings[] = {

    { "chat stream", SSE, 1, CHUNK("H") CHUNK("i") LAST DONE,
      EXACT, { 9, 12 } },

    { "no type", "", 1, CHUNK("H") LAST DONE, EXACT, { 9, 12 } },
    { "wrong type", JSON, 1, CHUNK("H") LAST DONE, EXACT, { 9, 12 } },
    { "useless type", "text/plain", 1, "{" U "}", EXACT, { 9, 12 } },
    { "bytes", "application/octet-stream", 1, "{" U "}", EXACT, { 9, 12 } },
    { "JSON named a stream", SSE, 1, "{" U "}", EXACT, { 9, 12 } },
    { "parameters", "Text/Event-Stream;Charset=UTF-8", 1, ": x\n\n" LAST DONE,
      EXACT, { 9, 12 } },

    { "lines by type", "application/X-NDJSON; charset=utf-8", 1, "{}\n{\n\""
      "prompt_eval_count\":9,\"eval_count\":12}", EXACT, { 9, 12 } },

    { "CRLF", SSE, 1, "data: {\"choices\":[]," U "}\r\n\r\ndata: [DONE]\r\n"
      "\r\n", EXACT, { 9, 12 } },

    { "CR", SSE, 1, "data: {\"choices\":[]," U "}\r\rdata: [DONE]\r\r",
      EXACT, { 9, 12 } },

    { "all three", SSE, 1, "data: {\"a\":1}\r\rdata: {\"b\":\ndata: 2,\r\n"
      "data: \"choices\":[]," U "}\n\r\ndata: [DONE]\r\n\n", EXACT, { 9, 12 } },

    { "no space", SSE, 1, "data:{\"choices\":[]," U "}\n\ndata:[DONE]\n\n",
      EXACT, { 9, 12 } },

    { "more space", SSE, 1, "data:   {\"choices\":[]," U "}\n\n"
      "data:  [DONE]\n\n" "data: {\"usage\":{\"prompt_tokens\":999}}\n\n",
      EXACT, { 9, 12 } },

    { "several lines of data", SSE, 1, "data: {\"choices\":\ndata\ndata: [],\n"
      "data:\nid: 7\ndata: " U "\ndata: }\n\n", EXACT, { 9, 12 } },

    { "no end of line", SSE, 1, CHUNK("H") "data: {\"choices\":[]," U "}",
      EXACT, { 9, 12 } },

    { "nothing counts after the end", SSE, 1, LAST DONE
      "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":999}}\n\n",
      EXACT, { 9, 12 } },

    { "byte order mark", SSE, 1, "\xef\xbb\xbf" LAST, EXACT, { 9, 12 } },

    { "comments and other fields", SSE, 1, ": {\"usage\":{\"prompt_tokens\":1}}"
      "\n\nevent: {\"usage\":{\"prompt_tokens\":1}}\nid: data: {}\n"
      "retry: 5\ndatas: {\"usage\":{\"prompt_tokens\":1}}\n"
      "dat: {\"usage\":{\"prompt_tokens\":1}}\n data: {\"usage\":{}}\n" LAST,
      EXACT, { 9, 12 } },

    { "an event in a string", SSE, 1, LAST CHUNK("\\n\\ndata: {\\\"usage\\\":{"
      "\\\"prompt_tokens\\\":999}}\\n\\n"), EXACT, { 9, 12 } },

    { "usage, then null", SSE, 1, LAST "data: {\"choices\":[],\"usage\":null}"
      "\n\n", EXACT, { 9, 12 } },

    { "usage that decreases", SSE, 1, "data: {\"choices\":[],\"usage\":{"
      "\"prompt_tokens\":99,\"completion_tokens\":99}}\n\n" LAST,
      EXACT, { 9, 12 } },

    { "usage in every event, stopped", SSE, 1, "data: {\"choices\":[{\"delta\":"
      "{\"content\":\"H\"},\"finish_reason\":null}]," U "}\n\n",
      PARTIAL, { 9, 12 } },

    { "usage in every event, ended", SSE, 1, "data: {\"choices\":[{\"delta\":"
      "{\"content\":\"H\"},\"finish_reason\":null}]," U "}\n\n" DONE,
      EXACT, { 9, 12 } },

    { "usage in the last event", SSE, 1, "data: {\"choices\":[{\"delta\":"
      "{\"content\":\"H\"},\"finish_reason\":\"stop\"}]," U "}\n\n",
      EXACT, { 9, 12 } },

    { "an event that is no JSON", SSE, 1, "data: hello\n\ndata: {\"usage\n\n"
      LAST, EXACT, { 9, 12 } },

    { "an event that is not whole does not count", SSE, 1, CHUNK("H")
      "data: {" U "\n\n" CHUNK("i"), ESTIMATE, { 0 } },

    { "cut inside an event", SSE, 0, CHUNK("H") "data: {\"choices\":[],"
      "\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":1",
      PARTIAL, { 9, 0 } },

    { "cut, no usage", SSE, 0, CHUNK("H") CHUNK("i"), ESTIMATE, { 0 } },

    { NULL, NULL, 0, NULL, 0, { 0 } }
};


int
main(void)
{
    test_cases(families);
    test_cases(tricky);
    test_cases(framings);

    return tap_done();
}
