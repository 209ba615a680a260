
/*
 * Copyright (C) the llm_quota authors
 */


#include "answer.h"


/* IDs are read in pieces. */

static void
test_ids(void)
{
    size_t         n;
    char           body[2 * LLM_ANSWER_ID], id[LLM_ANSWER_ID + 2];
    result_t       r;
    static const size_t  sizes[] = { 255, 256, 257, 511, 512, 513 };

    for (n = 0; n < sizeof(sizes) / sizeof(sizes[0]); n++) {
        memset(id, 'i', sizes[n]);
        id[sizes[n] - 1] = 'z';
        id[sizes[n]] = '\0';

        (void) sprintf(body, "{\"id\":\"%s\"," U ",\"id\":\"\"}", id);

        r = whole(JSON, body, 1, "an id");

        if (sizes[n] > LLM_ANSWER_ID) {
            is_int(r.id.len, 0, "an id that is too long is none");
            continue;
        }

        is_mem(r.id.data, r.id.len, id, "an id of %zu bytes", sizes[n]);
    }
}


/* Answers that are made in the background. */

#define RUN(id, object, status, usage)                                        \
    "data: {\"id\":\"" id "\",\"object\":\"" object "\",\"status\":\""     \
    status "\",\"usage\":" usage "}\n\n"
#define TOKENS(in, out)                                                       \
    "{\"prompt_tokens\":" in ",\"completion_tokens\":" out "}"
#define PART(status)                                                          \
    "{\"id\":\"resp_1\",\"status\":\"" status "\","
#define EVENT(type, status, usage)                                            \
    "event: " type "\ndata: {\"type\":\"" type "\",\"response\":"           \
    PART(status) "\"usage\":" usage "}}\n\n"


static void
test_background(void)
{
    size_t    i;
    char      body[256];
    result_t  r;

    static const struct {
        const char      *word;
        llm_status_e     status;
        llm_charge_e     charge;
    } words[] = {
        { "queued", LLM_STATUS_RUNNING, NONE },
        { "in_progress", LLM_STATUS_RUNNING, NONE },
        { "requires_action", LLM_STATUS_RUNNING, NONE },
        { "cancelling", LLM_STATUS_RUNNING, NONE },
        { "completed", LLM_STATUS_DONE, ESTIMATE },
        { "incomplete", LLM_STATUS_DONE, ESTIMATE },
        { "failed", LLM_STATUS_ENDED, NONE },
        { "cancelled", LLM_STATUS_ENDED, NONE },
        { "expired", LLM_STATUS_ENDED, NONE },
        { "Queued", LLM_STATUS_NONE, ESTIMATE },
        { "", LLM_STATUS_NONE, ESTIMATE }
    };

    for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        (void) sprintf(body, "{\"id\":\"resp_1\",\"status\":\"%s\","
                             "\"usage\":null,\"output\":[]}", words[i].word);

        r = whole(JSON, body, 1, words[i].word);
        is_int(r.status, words[i].status, "\"%s\": status", words[i].word);
        is_int(r.charge, words[i].charge, "\"%s\": charge", words[i].word);
    }

    r = whole(JSON, PART("in_progress") "\"output\":[{\"status\":"
              "\"completed\",\"content\":[{\"text\":\"Hi\"}]}]}", 1,
              "an item that is done");
    is_int(r.status, LLM_STATUS_RUNNING, "is not the answer's status");

    r = whole(JSON, PART("cancelled") "\"output\":[{\"content\":[{\"text\":"
              "\"Hi\"}]}]}", 1, "cancelled with text");
    is_int(r.charge, ESTIMATE, "what was made is estimated");

    r = whole(SSE, EVENT("response.created", "queued", "null")
              EVENT("response.completed", "completed",
                    "{\"input_tokens\":9,\"output_tokens\":12,"
                    "\"total_tokens\":21}"), 1, "events of a response");
    is_int(r.status, LLM_STATUS_DONE, "it is done");
    is_int(r.usage.output, 12, "and states its usage");
    is_mem(r.id.data, r.id.len, "resp_1", "and its id");

    r = whole(SSE, EVENT("response.created", "queued", "null")
              EVENT("response.in_progress", "in_progress", "null"), 0,
              "events that are cut");
    is_int(r.status, LLM_STATUS_RUNNING, "it is not done");

    r = whole(SSE, EVENT("response.failed", "failed", "null"), 1,
              "events of a failure");
    is_int(r.status, LLM_STATUS_ENDED, "it has ended");
    is_int(r.charge, NONE, "and used nothing");

    r = whole(SSE, RUN("thread_1", "thread", "", "null")
              RUN("run_1", "thread.run", "in_progress", "null")
              RUN("step_1", "thread.run.step", "completed", TOKENS("5", "6")),
              0, "a run whose step is done");
    is_mem(r.id.data, r.id.len, "run_1", "its id is the run's");
    is_int(r.status, LLM_STATUS_RUNNING, "as is its status");
    is_int(r.usage.input, 0, "and its usage");

    r = whole(SSE, RUN("run_1", "thread.run", "queued", "null")
              RUN("step_1", "thread.run.step", "completed", TOKENS("5", "6"))
              RUN("run_1", "thread.run", "completed", TOKENS("50", "60"))
              RUN("step_2", "thread.run.step", "completed", TOKENS("7", "8"))
              "event: done\ndata: [DONE]\n\n", 1, "a run that is done");
    is_int(r.charge, EXACT, "it says what it used");
    is_int(r.usage.input, 50, "the run's input, not a step's");
    is_int(r.usage.output, 60, "and output");
    is_int(r.status, LLM_STATUS_DONE, "it is done");

    r = whole(SSE, "data: {\"object\":\"thread.message\",\"id\":\"msg_1\"}"
              "\n\n" RUN("run_1", "thread.run", "queued", "null"), 0,
              "the object before the id");
    is_mem(r.id.data, r.id.len, "run_1", "the id is the run's");

    r = whole(JSON, "{\"object\":\"interaction\",\"status\":\"in_progress\","
              "\"id\":\"v1_1\"}", 1, "an interaction");
    is_int(r.status, LLM_STATUS_RUNNING, "is made in the background");

    r = whole(SSE, "data: {\"interaction\":{\"id\":\"v1_1\",\"status\":"
              "\"completed\",\"usage\":{\"total_input_tokens\":3,"
              "\"total_output_tokens\":4}}}\n\n", 1, "its events");
    is_int(r.status, LLM_STATUS_DONE, "are read");
    is_int(r.usage.output, 4, "with their usage");
}


static void
test_details(void)
{
    result_t  r;

    r = whole(JSON, "{\"id\":\"chatcmpl-1\",\"model\":\"gpt-4o\","
              "\"service_tier\":\"flex\",\"usage\":{\"prompt_tokens\":90,"
              "\"completion_tokens\":80,\"prompt_tokens_details\":{"
              "\"audio_tokens\":7,\"image_tokens\":6},"
              "\"completion_tokens_details\":{\"audio_tokens\":5,"
              "\"image_tokens\":4},\"cost\":0.0000113},\"tool_usage\":{"
              "\"web_search\":{\"num_requests\":2}}}", 1, "details");

    is_mem(r.model.data, r.model.len, "gpt-4o", "model");
    is_mem(r.id.data, r.id.len, "chatcmpl-1", "id");
    is_int(r.tier, LLM_TIER_FLEX, "tier");
    is_int(r.usage.audio_in, 7, "audio_in");
    is_int(r.usage.image_in, 6, "image_in");
    is_int(r.usage.audio_out, 5, "audio_out");
    is_int(r.usage.image_out, 4, "image_out");
    is_int(r.usage.web_searches, 2, "web searches");
    is_int(r.usage.cost, 11300, "cost");
    is_int(r.anomaly, 0, "no anomaly");
    is_int(r.lacks, 0, "nothing lacks");

    r = whole(JSON, "{\"responseId\":\"g1\",\"modelVersion\":\"gemini\","
              "\"usageMetadata\":{\"promptTokenCount\":90,"
              "\"candidatesTokenCount\":80,\"promptTokensDetails\":["
              "{\"modality\":\"TEXT\",\"tokenCount\":1},"
              "{\"tokenCount\":20,\"modality\":\"AUDIO\"},"
              "{\"modality\":\"AUDIO\",\"tokenCount\":3},"
              "{\"modality\":2,\"tokenCount\":40},{\"modality\":\"IMAGE\"}],"
              "\"candidatesTokensDetails\":[{\"modality\":\"IMAGE\","
              "\"tokenCount\":70},{\"modality\":4,\"tokenCount\":9}],"
              "\"trafficType\":\"ON_DEMAND_PRIORITY\"}}", 1, "modalities");

    is_mem(r.model.data, r.model.len, "gemini", "model of Gemini");
    is_mem(r.id.data, r.id.len, "g1", "id of Gemini");
    is_int(r.tier, LLM_TIER_PRIORITY, "tier of Gemini");
    is_int(r.usage.audio_in, 23, "audio in");
    is_int(r.usage.image_in, 40, "image in");
    is_int(r.usage.audio_out, 9, "audio out");
    is_int(r.usage.image_out, 70, "image out");
    is_int(r.usage.cost, -1, "no cost");

    r = whole(SSE, START("\"input_tokens\":9,\"output_tokens\":1,"
              "\"service_tier\":\"batch\"") DELTA("\"output_tokens\":12,"
              "\"server_tool_use\":{\"web_search_requests\":3}"), 1,
              "message");

    is_mem(r.model.data, r.model.len, "claude", "model of a message");
    is_mem(r.id.data, r.id.len, "msg_1", "id of a message");
    is_int(r.tier, LLM_TIER_BATCH, "tier of a message");
    is_int(r.usage.web_searches, 3, "web searches of a message");

    r = whole(SSE, "data: {\"id\":\"\",\"model\":\"\",\"choices\":[]}\n\n"
              "data: {\"id\":\"a\",\"model\":\"b\",\"service_tier\":\"auto\"}"
              "\n\ndata: {\"id\":\"c\",\"model\":\"d\",\"service_tier\":null}"
              "\n\n", 1, "names");

    is_mem(r.model.data, r.model.len, "b", "the first model that is not empty");
    is_mem(r.id.data, r.id.len, "a", "the first id that is not empty");
    is_int(r.tier, LLM_TIER_DEFAULT, "auto is no tier");

    r = whole(JSON, "{\"model\":\""
              "0123456789012345678901234567890123456789012345678901234567890123"
              "0123456789012345678901234567890123456789012345678901234567890123"
              "0\",\"id\":\""
              "0123456789012345678901234567890123456789012345678901234567890123"
              "0123456789012345678901234567890123456789012345678901234567890123"
              "0123456789012345678901234567890123456789012345678901234567890123"
              "0123456789012345678901234567890123456789012345678901234567890123"
              "tail\",\"responseId\":\""
              "0123456789012345678901234567890123456789012345678901234567890123"
              "0123456789012345678901234567890123456789012345678901234567890123"
              "\"}", 1, "long names");

    is_int(r.model.len, 0, "a name that is too long is none");
    is_int(r.id.len, 260, "an id as long is one");

    r = whole(JSON, "{\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":12,"
              "\"cost\":{\"input_tokens_cost\":1,\"total_cost\":\"8.37e-4\"}}}",
              1, "cost in an object");
    is_int(r.usage.cost, 837000, "cost as a string in an object");

    r = whole(JSON, "{\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":12,"
              "\"cost_in_usd_ticks\":1466255}}", 1, "ticks");
    is_int(r.usage.cost, 146626, "ticks");

    r = whole(JSON, "{\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":12,"
              "\"cost\":0,\"is_byok\":true}}", 1, "a cost of nothing");
    is_int(r.usage.cost, 0, "a cost of nothing");

    r = whole(JSON, "{\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":12,"
              "\"cost\":-1}}", 1, "negative cost");
    is_int(r.usage.cost, -1, "a negative cost is none");
    is_int(r.anomaly, 0, "nor is it an anomaly");
}


/* What is made of tokens of one kind only. */

static void
test_kinds(void)
{
    result_t  r;

    r = whole(JSON, "{\"created\":1,\"data\":[{\"b64_json\":\"iVBORw0K\"}],"
              "\"usage\":{\"total_tokens\":100,\"input_tokens\":50,"
              "\"output_tokens\":50,\"input_tokens_details\":{"
              "\"text_tokens\":10,\"image_tokens\":40}}}", 1, "image");
    is_int(r.usage.image_in, 40, "an image made of images");
    is_int(r.usage.image_out, 50, "an image is made of its own tokens");

    r = whole(JSON, "{\"usage\":{\"total_tokens\":100,\"input_tokens\":50,"
              "\"output_tokens\":50,\"output_tokens_details\":{"
              "\"text_tokens\":10,\"image_tokens\":40}},\"data\":[{"
              "\"b64_json\":\"iVBORw0K\"}]}", 1, "image with text");
    is_int(r.usage.image_out, 40, "unless it says otherwise");

    r = whole(SSE, "data: {\"type\":\"image_edit.partial_image\","
              "\"b64_json\":\"iVBORw0K\"}\n\ndata: {\"type\":"
              "\"image_edit.completed\",\"b64_json\":\"iVBORw0K\","
              "\"usage\":{\"input_tokens\":50,\"output_tokens\":50,"
              "\"total_tokens\":100}}\n\n", 1, "image stream");
    is_int(r.usage.image_out, 50, "an image in a stream");

    r = whole(SSE, "data: {\"type\":\"speech.audio.delta\",\"audio\":\"x\"}"
              "\n\ndata: {\"type\":\"speech.audio.done\",\"usage\":{"
              "\"input_tokens\":14,\"output_tokens\":101,"
              "\"total_tokens\":115}}\n\n", 1, "speech");
    is_int(r.usage.audio_out, 101, "speech is made of its own tokens");

    r = whole(JSON, "{\"data\":[{\"embedding\":[1]},{\"b64_json\":null}],"
              "\"usage\":{\"input_tokens\":50,\"output_tokens\":50,"
              "\"total_tokens\":100}}", 1, "no image");
    is_int(r.usage.image_out, 0, "no image");
}


static void
test_anomalies(void)
{
    int       i;
    char     *body, *p;
    result_t  r;

    r = whole(JSON, "{\"usage\":{\"prompt_tokens\":-9,"
              "\"completion_tokens\":12}}", 1, "negative");
    is_int(r.anomaly, 1, "a negative count");

    r = whole(JSON, "{\"usage\":{\"prompt_tokens\":9,"
              "\"completion_tokens\":[12]}}", 1, "array");
    is_int(r.anomaly, 1, "an array for a count");

    r = whole(JSON, "{\"usage\":{\"prompt_tokens\":9,"
              "\"completion_tokens\":null}}", 1, "null");
    is_int(r.anomaly, 0, "null for a count");

    r = whole(JSON, "{\"usage\":\"9\"}", 1, "string");
    is_int(r.anomaly, 1, "a string for an object of counts");

    r = whole(JSON, "{\"usage\":{\"prompt_tokens\":1e400}}", 1, "infinity");
    is_int(r.anomaly, 1, "infinity");

    r = whole(JSON, "{\"usage\":{\"prompt_tokens\":100000001}}", 1, "absurd");
    is_int(r.anomaly, 1, "an absurd count");

    body = malloc(STREAM);
    p = body + sprintf(body, "{\"results\":[{}");

    for (i = 0; i < 2000; i++) {
        p += sprintf(p, ",{\"tokenCount\":9007199254740992}");
    }

    strcpy(p, "]}");

    r = whole(JSON, body, 1, "a sum");
    ok(r.charge == ESTIMATE && r.anomaly, "a sum of absurd counts");

    free(body);
}


static void
test_lacks(void)
{
    result_t  r;

    r = whole(SSE, START("\"input_tokens\":9,\"output_tokens\":1"), 0, "start");
    is_int(r.lacks, LLM_LACKS_OUTPUT, "a message that starts");

    r = whole(LINES, "{\"eval_count\":12}", 1, "output alone");
    is_int(r.lacks, LLM_LACKS_INPUT, "output alone");

    r = whole(JSON, "{\"usage\":{\"completion_tokens\":12,", 0, "output, cut");
    is_int(r.lacks, LLM_LACKS_INPUT | LLM_LACKS_OUTPUT, "output, cut");
}


static void
test_text(void)
{
    result_t  r;

    r = whole(SSE, CHUNK("Hello") CHUNK("\\u00e9\\n") CHUNK("") "data: {"
              "\"choices\":[{\"delta\":{\"reasoning_content\":\"abc\","
              "\"tool_calls\":[{\"function\":{\"name\":\"f\",\"arguments\":"
              "\"{}\"}}]}}]}\n\n", 1, "chat text");
    is_int(r.text, 5 + 8 + 0 + 3 + 2, "text of chat deltas");

    r = whole(SSE, START("\"input_tokens\":9,\"output_tokens\":1") TEXT("Hel")
              TEXT("lo") "data: {\"type\":\"content_block_delta\",\"delta\":{"
              "\"type\":\"input_json_delta\",\"partial_json\":\"{}\"}}\n\n"
              "data: {\"delta\":{\"type\":\"thinking_delta\",\"thinking\":"
              "\"hm\"}}\n\n", 1, "message text");
    is_int(r.text, 3 + 2 + 2 + 2, "text of message deltas");

    r = whole(SSE, "data: {\"type\":\"response.output_text.delta\","
              "\"sequence_number\":9,\"delta\":\"Hel\"}\n\n"
              "data: {\"type\":\"response.output_text.delta\","
              "\"sequence_number\":10,\"delta\":\"lo\"}\n\n"
              "data: {\"type\":\"response.output_text.done\","
              "\"sequence_number\":11,\"text\":\"Hello\"}\n\n"
              "data: {\"type\":\"response.completed\",\"response\":{"
              "\"output\":[{\"content\":[{\"text\":\"Hello\"}]}],"
              "\"usage\":null}}\n\n", 1, "response text");
    is_int(r.text, 5, "what is repeated counts once");

    r = whole(JSON, "{" HELLO "}", 1, "chat answer");
    is_int(r.text, 5, "text of a chat answer");

    r = whole(JSON, "{\"content\":[{\"type\":\"text\",\"text\":\"Hello\"},"
              "{\"type\":\"tool_use\",\"input\":{\"a\":1}}]}", 1, "message");
    is_int(r.text, 5 + 7, "text of a message and its call of a tool");

    r = whole(JSON, "{\"output\":[{\"type\":\"message\",\"content\":[{\"text\":"
              "\"Hello\"}]},{\"arguments\":\"{}\"}]}", 1, "response");
    is_int(r.text, 5 + 2, "text of a response");

    r = whole(SSE, "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":"
              "\"He\"},{\"functionCall\":{\"name\":\"f\"}}]}}]}\n\n"
              "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":"
              "\"llo\"}]}}]}\n\n", 1, "gemini");
    is_int(r.text, 2 + 12 + 3, "text of Gemini");

    r = whole(LINES, "{\"response\":\"He\"}\n{\"response\":\"llo\"}\n", 1,
              "ollama");
    is_int(r.text, 5, "text of Ollama");
}


int
main(void)
{
    test_details();
    test_kinds();
    test_ids();
    test_background();
    test_anomalies();
    test_lacks();
    test_text();

    ok(sizeof(llm_answer_t) <= 4096, "an answer takes %zu bytes",
       sizeof(llm_answer_t));

    return tap_done();
}
