
/*
 * Copyright (C) the llm_quota authors
 */


#include "answer.h"


#define B_IN       "x-amzn-bedrock-input-token-count"
#define B_OUT      "X-Amzn-Bedrock-Output-Token-Count"
#define B_READ     "X-Amzn-Bedrock-Cache-Read-Input-Token-Count"
#define B_WRITE    "X-Amzn-Bedrock-Cache-Write-Input-Token-Count"
#define T_IN       "x-prompt-tokens"
#define T_OUT      "x-generated-tokens"
#define F_CACHED   "fireworks-cached-prompt-tokens"
#define COST       "x-litellm-response-cost"

#define MISTRAL    "{\"outputs\":[{\"text\":\"Hello\"}]}"
#define EMBEDDING  "{\"embedding\":[0.1,0.2]}"


typedef struct {
    const char              *name;
    const char              *type;
    const char              *body;
    header_t                 headers[8];
    llm_charge_e             charge;
    int64_t                  count[6];
    unsigned                 lacks;
    int                      anomaly;
    int64_t                  cost;
} case_t;


static const case_t  cases[] = {

    { "bedrock, nothing in the body", JSON, MISTRAL,
      { { B_IN, "9" }, { B_OUT, "12" } }, EXACT, { 9, 12 }, 0, 0, -1 },

    { "bedrock, what the cache gave is not in the input", JSON, MISTRAL,
      { { B_IN, "9" }, { B_OUT, "12" }, { B_READ, "100" }, { B_WRITE, "30" } },
      EXACT, { 139, 12, 100, 30 }, 0, 0, -1 },

    { "bedrock, the body says less", JSON, "{\"output\":{\"message\":{"
      "\"content\":[{\"text\":\"Hello\"}]}},\"usage\":{\"inputTokens\":8}}",
      { { B_IN, "9" }, { B_OUT, "12" } }, EXACT, { 9, 12 }, 0, 0, -1 },

    { "bedrock, the body says other things", JSON, "{" U ",\"choices\":[]}",
      { { B_OUT, "50" }, { B_IN, "40" } }, EXACT, { 40, 50 }, 0, 0, -1 },

    { "bedrock, the body knows the parts", JSON, "{\"usage\":{\"input_tokens\":"
      "1,\"output_tokens\":2,\"cache_read_input_tokens\":3,"
      "\"cache_creation_input_tokens\":30,\"cache_creation\":{"
      "\"ephemeral_5m_input_tokens\":10,\"ephemeral_1h_input_tokens\":20},"
      "\"output_tokens_details\":{\"thinking_tokens\":4}}}",
      { { B_IN, "9" }, { B_OUT, "12" }, { B_READ, "100" }, { B_WRITE, "30" } },
      EXACT, { 139, 12, 100, 10, 20, 4 }, 0, 0, -1 },

    { "bedrock, the body has a compaction", JSON, "{\"usage\":{"
      "\"input_tokens\":1,\"output_tokens\":2,\"cache_read_input_tokens\":0,"
      "\"iterations\":[{\"type\":\"compaction\",\"input_tokens\":500,"
      "\"output_tokens\":60}]}}", { { B_IN, "9" }, { B_OUT, "12" } },
      EXACT, { 9, 12 }, 0, 0, -1 },

    { "bedrock, no cache is stated", JSON, "{\"usage\":{\"input_tokens\":"
      "1,\"output_tokens\":2,\"cache_read_input_tokens\":3,"
      "\"cache_creation_input_tokens\":30,\"cache_creation\":{"
      "\"ephemeral_5m_input_tokens\":10,\"ephemeral_1h_input_tokens\":20}}}",
      { { B_IN, "9" }, { B_OUT, "12" } }, EXACT, { 9, 12 }, 0, 0, -1 },

    { "bedrock, the body is absurd", JSON, "{\"usage\":{\"inputTokens\":1e300,"
      "\"outputTokens\":1}}", { { B_IN, "9" }, { B_OUT, "12" } },
      EXACT, { 9, 12 }, 0, 1, -1 },

    { "bedrock, an embedding", JSON, EMBEDDING, { { B_IN, "9" } },
      EXACT, { 9, 0 }, 0, 0, -1 },

    { "bedrock, no output though there is text", JSON, MISTRAL,
      { { B_IN, "9" } }, PARTIAL, { 9, 0 }, LLM_LACKS_OUTPUT, 0, -1 },

    { "bedrock, no output and a body that knows", JSON, "{" HELLO "," U "}",
      { { B_IN, "99" } }, EXACT, { 9, 12 }, 0, 0, -1 },

    { "bedrock, no output and nothing that can be read", "text/html", "<html>",
      { { B_IN, "9" } }, PARTIAL, { 9, 0 }, LLM_LACKS_OUTPUT, 0, -1 },

    { "bedrock, no input", JSON, MISTRAL, { { B_OUT, "12" } },
      PARTIAL, { 0, 12 }, LLM_LACKS_INPUT, 0, -1 },

    { "bedrock, cache only", JSON, MISTRAL, { { B_READ, "12" } },
      ESTIMATE, { 0 }, 0, 0, -1 },

    { "bedrock, a body that was cut", JSON, "{\"outputs\":[{\"tex",
      { { B_IN, "9" }, { B_OUT, "12" } }, EXACT, { 9, 12 }, 0, 0, -1 },

    { "bedrock, a body that was cut in its counts", JSON,
      "{\"usage\":{\"input_tokens\":1", { { B_IN, "9" }, { B_OUT, "12" } },
      EXACT, { 9, 12 }, 0, 0, -1 },

    { "bedrock, zeros with text", JSON, MISTRAL,
      { { B_IN, "0" }, { B_OUT, "0" } }, ESTIMATE, { 0 }, 0, 0, -1 },

    { "tgi", JSON, "[{\"generated_text\":\"Hello\"}]",
      { { T_IN, "9" }, { T_OUT, "12" }, { "x-compute-characters", "61" } },
      EXACT, { 9, 12 }, 0, 0, -1 },

    { "tgi, the body says other things", JSON, "[{\"generated_text\":\"Hello\","
      "\"details\":{\"generated_tokens\":1,\"input_length\":2}}]",
      { { T_IN, "9" }, { T_OUT, "12" } }, EXACT, { 9, 12 }, 0, 0, -1 },

    { "fireworks", JSON, "{" HELLO "," U "}",
      { { "fireworks-prompt-tokens", "9" }, { F_CACHED, "7" } },
      EXACT, { 9, 12, 7 }, 0, 0, -1 },

    { "fireworks, the body knows", JSON, "{" HELLO ",\"usage\":{"
      "\"prompt_tokens\":9,\"completion_tokens\":12,\"prompt_tokens_details\":{"
      "\"cached_tokens\":5}}}", { { F_CACHED, "7" } },
      EXACT, { 9, 12, 5 }, 0, 0, -1 },

    { "fireworks, nothing in the body", JSON, "{" HELLO "}",
      { { F_CACHED, "7" } }, ESTIMATE, { 0 }, 0, 0, -1 },

    { "cost", JSON, "{" U "}", { { COST, "7.099999999999999e-05" } },
      EXACT, { 9, 12 }, 0, 0, 71000 },

    { "cost, the body knows", JSON, "{\"usage\":{\"prompt_tokens\":9,"
      "\"completion_tokens\":12,\"cost\":0.5}}", { { COST, "0.25" } },
      EXACT, { 9, 12 }, 0, 0, 500000000 },

    { "cost of what is not counted", JSON, "{\"data\":[]}",
      { { COST, "0.04" } }, ESTIMATE, { 0 }, 0, 0, 40000000 },

    { "cost, nonsense", JSON, "{" U "}",
      { { COST, "None" }, { COST, "" }, { COST, "-1" }, { COST, "1e300" } },
      EXACT, { 9, 12 }, 0, 0, -1 },

    { "cost, twice", JSON, "{" U "}", { { COST, "1" }, { COST, "2" } },
      EXACT, { 9, 12 }, 0, 0, 2000000000 },

    { "a negative count", JSON, MISTRAL, { { B_IN, "-9" }, { B_OUT, "12" } },
      EXACT, { 0, 12 }, 0, 1, -1 },

    { "a count that is absurd", JSON, MISTRAL,
      { { B_IN, "100000001" }, { B_OUT, "12" } }, ESTIMATE, { 0 }, 0, 1, -1 },

    { "a huge count", JSON, MISTRAL,
      { { B_IN, "9007199254740993" }, { B_OUT, "12" } },
      ESTIMATE, { 0 }, 0, 1, -1 },

    { "a count too large for any number", JSON, "{" U "}",
      { { B_IN, "99999999999999999999999999" }, { B_OUT, "1" } },
      EXACT, { 9, 12 }, 0, 1, -1 },

    { "garbage", JSON, "{" U "}", { { B_IN, "nine" }, { B_OUT, "1" } },
      EXACT, { 9, 12 }, 0, 1, -1 },

    { "garbage and nothing else", JSON, MISTRAL,
      { { B_IN, "9" }, { B_OUT, "1 2" } }, ESTIMATE, { 0 }, 0, 1, -1 },

    { "an empty value", JSON, "{" U "}", { { T_IN, "" }, { T_OUT, "1" } },
      EXACT, { 9, 12 }, 0, 1, -1 },

    { "garbage for what the cache gave", JSON, "{" U "}", { { F_CACHED, "x" } },
      EXACT, { 9, 12 }, 0, 1, -1 },

    { "twice: the last counts", JSON, MISTRAL,
      { { B_IN, "8" }, { B_OUT, "12" }, { B_IN, "9" } },
      EXACT, { 9, 12 }, 0, 1, -1 },

    { "other forms of a number", JSON, MISTRAL,
      { { B_IN, "9.0" }, { B_OUT, "1.2e1" } }, EXACT, { 9, 12 }, 0, 0, -1 },

    { "headers almost right", JSON, "{" U "}",
      { { "x-amzn-bedrock-input-token-counts", "99" },
        { "x-amzn-bedrock-input-token-coun", "99" },
        { "y-amzn-bedrock-output-token-count", "99" },
        { "x-prompt-token", "99" },
        { "x-generated_tokens", "99" },
        { "x-litellm-key-spend", "99" } }, EXACT, { 9, 12 }, 0, 0, -1 },

    { "headers of no interest", JSON, "{" U "}",
      { { "", "99" }, { "x", "99" }, { "num_tokens", "99" },
        { "x-ratelimit-remaining-tokens", "99" },
        { "x-amzn-bedrock-invocation-latency", "99" } },
      EXACT, { 9, 12 }, 0, 0, -1 },

    { "a stream, which counts itself", SSE, CHUNK("Hello") LAST DONE,
      { { T_IN, "99" } }, EXACT, { 9, 12 }, 0, 0, -1 },

    { NULL, NULL, NULL, { { NULL, NULL } }, NONE, { 0 }, 0, 0, 0 }
};


/* A body that turns out to be unreadable, whatever was read of it. */

static void
test_forgotten(void)
{
    llm_usage_t   u;
    llm_answer_t  a;

    static const char  body[] = "{\"error\":{}," HELLO "," U "}";

    memset(&a, 0xff, sizeof(a));
    llm_answer_init(&a, (u_char *) JSON, sizeof(JSON) - 1);
    llm_answer_feed(&a, (u_char *) body, sizeof(body) - 1);
    llm_answer_forget(&a);
    llm_answer_feed(&a, (u_char *) body, sizeof(body) - 1);

    is_int(llm_answer_end(&a, 1, &u), ESTIMATE, "forgotten: the estimate");
    is_int(llm_answer_text_bytes(&a), 0, "forgotten: no text");
    is_int(u.input + u.output, 0, "forgotten: no counts");

    memset(&a, 0xff, sizeof(a));
    llm_answer_init(&a, (u_char *) JSON, sizeof(JSON) - 1);
    llm_answer_header(&a, (u_char *) B_IN, sizeof(B_IN) - 1, (u_char *) "7", 1);
    llm_answer_feed(&a, (u_char *) EMBEDDING, sizeof(EMBEDDING) - 1);
    llm_answer_forget(&a);

    is_int(llm_answer_end(&a, 1, &u), PARTIAL, "forgotten: headers count");
    is_int(llm_answer_lacks(&a), LLM_LACKS_OUTPUT,
           "forgotten: what they leave open");
    is_int(u.input, 7, "forgotten: what they say");
}


int
main(void)
{
    result_t       r;
    const case_t  *c;

    for (c = cases; c->name != NULL; c++) {
        headers = c->headers;

        r = whole(c->type, c->body, 0, c->name);

        is_int(r.charge, c->charge, "%s: charge", c->name);
        counts_are(&r, c->count, c->name);
        is_int(r.lacks, c->lacks, "%s: lacks", c->name);
        is_int(r.anomaly, c->anomaly, "%s: anomaly", c->name);
        is_int(r.usage.cost, c->cost, "%s: cost", c->name);
    }

    test_forgotten();

    return tap_done();
}
