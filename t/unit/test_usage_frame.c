
/*
 * Copyright (C) the llm_quota authors
 */


#include "answer.h"
#include "frames.h"


/* Bedrock's streams: events as they are, and vendors' events in chunks. */

#define DELTA_TEXT(s)                                                         \
    "{\"contentBlockIndex\":0,\"delta\":{\"text\":\"" s "\"},\"p\":\"abc\"}"

#define METADATA(u)                                                           \
    "{\"metrics\":{\"latencyMs\":1},\"p\":\"ab\",\"trace\":{\"guardrail\":{"  \
    "\"inputAssessment\":{\"x\":{\"invocationMetrics\":{\"usage\":{"          \
    "\"inputTokens\":999}}}}}},\"usage\":{" u "}}"

/* 72 letters in base64. */

#define EXES        "eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4"        \
                    "eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4"

#define COUNTS      "\"inputTokens\":9,\"outputTokens\":12,\"totalTokens\":21"

#define METRICS(m)  "\"amazon-bedrock-invocationMetrics\":{" m "}"

#define C_START     "{\"type\":\"message_start\",\"message\":{\"id\":"        \
                    "\"msg_1\",\"model\":\"claude\",\"usage\":{"              \
                    "\"input_tokens\":9,\"cache_read_input_tokens\":5,"       \
                    "\"output_tokens\":1}}}"
#define C_TEXT      "{\"type\":\"content_block_delta\",\"delta\":{\"type\":"  \
                    "\"text_delta\",\"text\":\"Hello\"}}"
#define C_DELTA     "{\"type\":\"message_delta\",\"usage\":{"                 \
                    "\"output_tokens\":12}}"
#define C_STOP      "{\"type\":\"message_stop\"," METRICS(                    \
                    "\"inputTokenCount\":9,\"outputTokenCount\":13,"          \
                    "\"cacheReadInputTokenCount\":5,"                         \
                    "\"cacheWriteInputTokenCount\":7") "}"


typedef struct {
    const char              *event;      /* "!": an exception, "": none,
                                            NULL: a chunk */
    const char              *payload;    /* NULL: no more */
} event_t;


typedef struct {
    const char              *name;
    int                      complete;
    event_t                  events[8];
    llm_charge_e             charge;
    int64_t                  count[6];
    uint64_t                 text;
    unsigned                 lacks;
} case_t;


static const case_t  cases[] = {

    { "converse", 1, {
      { "messageStart", "{\"role\":\"assistant\"}" },
      { "contentBlockDelta", DELTA_TEXT("Hello") },
      { "messageStop", "{\"stopReason\":\"end_turn\"}" },
      { "metadata", METADATA(COUNTS) } },
      EXACT, { 9, 12 }, 5, 0 },

    { "converse, cache", 1, {
      { "metadata", METADATA(COUNTS ",\"cacheReadInputTokens\":5,"
                             "\"cacheWriteInputTokens\":7,"
                             "\"cacheWriteInputTokenCount\":7") } },
      EXACT, { 21, 12, 5, 7 }, 0, 0 },

    { "converse, decoys", 1, {
      { "contentBlockDelta", DELTA_TEXT("\\\"usage\\\":{\\\"inputTokens\\\":"
                                        "999}") },
      { "contentBlockDelta", "{\"delta\":{\"toolUse\":{\"input\":"
                             "\"{\\\"usage\\\":1}\"}}}" },
      { "contentBlockDelta", "{\"delta\":{\"reasoningContent\":{\"text\":"
                             "\"hm\"}}}" },
      { "metadata", METADATA(COUNTS) },
      { "other", "{\"bytes\":\"eyJ1c2FnZSI6eyJpbnB1dFRva2VucyI6OTk5fX0=\"}" } },
      EXACT, { 9, 12 }, 31 + 13 + 2, 0 },

    { "converse, no metadata", 1, {
      { "contentBlockDelta", DELTA_TEXT("Hello") } },
      ESTIMATE, { 0 }, 5, 0 },

    { "converse, an exception", 1, {
      { "contentBlockDelta", DELTA_TEXT("Hello") },
      { "!", "" } },
      ESTIMATE, { 0 }, 5, 0 },

    { "converse, an exception at once", 1, { { "!", "" } },
      NONE, { 0 }, 0, 0 },

    { "converse, an exception after all", 1, {
      { "contentBlockDelta", DELTA_TEXT("Hello") },
      { "metadata", METADATA(COUNTS) },
      { "!", "" } },
      EXACT, { 9, 12 }, 5, 0 },

    { "converse, no headers", 1, { { "", METADATA(COUNTS) } },
      EXACT, { 9, 12 }, 0, 0 },

    { "a chunk without headers", 1, {
      { "", "{\"bytes\":\"eyJ1c2FnZSI6eyJpbnB1dFRva2VucyI6OSwib3V0cHV0VG9rZW5zI"
            "joxMn19\"}" } },
      EXACT, { 9, 12 }, 0, 0 },

    { "escaped base64", 1, {
      { "", "{\"by\\u0074es\":\"eyJ1c2FnZSI6\\u0065yJpbnB1dFRva2VucyI6OSwib3V0c"
            "HV0VG9rZW5zIjoxMiwiXC8iOiJcLyJ9fQ\"}" } },
      EXACT, { 9, 12 }, 0, 0 },

    { "base64 that is none", 1, {
      { "chunk", "{\"bytes\":\"eyJ1c2FnZSI6eyJpbnB1dFRva2VucyI6OX19*\"}" } },
      ESTIMATE, { 0 }, 0, 0 },

    { "base64 of half a document", 1, {
      { "chunk", "{\"bytes\":\"eyJ1c2FnZSI6eyJpbnB1dFRva2VucyI6OX0=\"}" } },
      ESTIMATE, { 0 }, 0, 0 },

    { "base64 that stops in a digit", 1, {
      { "chunk", "{\"bytes\":\"eyJ1c2FnZSI6eyJpbnB1dFRva2VucyI6OX19e\"}" } },
      ESTIMATE, { 0 }, 0, 0 },

    { "half an envelope", 1, {
      { "chunk", "{\"bytes\":\"eyJ1c2FnZSI6eyJpbnB1dFRva2VucyI6OX19\"" } },
      ESTIMATE, { 0 }, 0, 0 },

    { "half a document", 1, {
      { "metadata", "{\"usage\":{\"inputTokens\":9,\"outputTokens\":12}" },
      { "metadata", METADATA(COUNTS) } },
      EXACT, { 9, 12 }, 0, 0 },

    { "two pieces of bytes, the last counts", 1, {
      { "chunk", "{\"bytes\":\"eyJ1c2FnZSI6eyJpbnB1dFRva2VucyI6OX19\",\"bytes\""
                 ":\"eyJ1c2FnZSI6eyJpbnB1dFRva2VucyI6OH19\"}" } },
      EXACT, { 8, 0 }, 0, 0 },

    { "two pieces of bytes, the first stops in a string", 1, {
      { "chunk", "{\"bytes\":\"eyJ1c2FnZSI6eyJpbnB1dFRva2VucyI6OSwib3V0"
                 "cHV0VG9rZW5zIjoxMn0sImlkIjoi"
                 EXES EXES EXES EXES "eHh4\",\"bytes\":\"e30=\"}" } },
      ESTIMATE, { 0 }, 0, 0 },

    { "no bytes", 1, { { "chunk", "{\"bytes\":null}" },
      { "chunk", "{\"bytes\":{\"bytes\":\"e30=\"}}" },
      { "chunk", "{\"bytes\":\"\"}" } },
      ESTIMATE, { 0 }, 0, 0 },

    { "bytes in bytes", 1, {
      { NULL, "{\"bytes\":\"eyJ1c2FnZSI6eyJpbnB1dFRva2VucyI6OTk5fX0=\","
              "\"usage\":{" COUNTS "}}" },
      { NULL, "{\"usage\":{" COUNTS "},"
              "\"bytes\":\"eyJ1c2FnZSI6eyJpbnB1dFRva2VucyI6OTk5fX0=\"}" } },
      EXACT, { 9, 12 }, 0, 0 },

    { "claude", 1, {
      { NULL, C_START }, { NULL, C_TEXT }, { NULL, C_DELTA },
      { NULL, C_STOP } },
      EXACT, { 21, 13, 5, 7 }, 5, 0 },

    { "claude, keys in the order of the alphabet", 1, {
      { NULL, "{" METRICS("\"inputTokenCount\":9,\"outputTokenCount\":12")
              ",\"type\":\"message_stop\",\"usage\":{\"input_tokens\":999}}" },
      { NULL, C_DELTA } },
      EXACT, { 9, 12 }, 0, 0 },

    { "claude, cut before the metrics", 0, {
      { NULL, C_START }, { NULL, C_TEXT } },
      PARTIAL, { 14, 1, 5 }, 5, LLM_LACKS_OUTPUT },

    { "claude, an exception", 1, {
      { NULL, C_START }, { NULL, C_TEXT }, { "!", "" } },
      PARTIAL, { 14, 1, 5 }, 5, LLM_LACKS_OUTPUT },

    { "nova", 1, {
      { NULL, "{\"contentBlockDelta\":{\"delta\":{\"text\":\"Hello\"}}}" },
      { NULL, "{\"contentBlockDelta\":{\"delta\":{\"toolUse\":{\"input\":"
              "\"{}\"}}}}" },
      { NULL, "{\"metadata\":{\"usage\":{\"inputTokens\":9,\"outputTokens\":12,"
              "\"cacheReadInputTokenCount\":5}}," METRICS(
              "\"inputTokenCount\":9,\"outputTokenCount\":13") "}" } },
      EXACT, { 9, 13 }, 7, 0 },

    { "nova without metrics", 1, {
      { NULL, "{\"metadata\":{\"usage\":{\"inputTokens\":9,\"outputTokens\":12,"
              "\"cacheReadInputTokenCount\":5,\"cacheWriteInputTokenCount\":0}}"
              "}" } },
      EXACT, { 14, 12, 5 }, 0, 0 },

    { "titan", 1, {
      { NULL, "{\"outputText\":\"Hel\",\"inputTextTokenCount\":9.0,"
              "\"totalOutputTextTokenCount\":null}" },
      { NULL, "{\"outputText\":\"lo\",\"totalOutputTextTokenCount\":11,"
              METRICS("\"inputTokenCount\":9,\"outputTokenCount\":12") "}" } },
      EXACT, { 9, 12 }, 5, 0 },

    { "titan, cut before the metrics", 1, {
      { NULL, "{\"outputText\":\"Hel\",\"inputTextTokenCount\":9.0}" } },
      PARTIAL, { 9, 0 }, 3, LLM_LACKS_OUTPUT },

    { "llama, cut before the metrics", 1, {
      { NULL, "{\"generation\":\"Hel\",\"prompt_token_count\":9,"
              "\"generation_token_count\":1}" },
      { NULL, "{\"generation\":\"lo\",\"prompt_token_count\":null,"
              "\"generation_token_count\":2}" } },
      PARTIAL, { 9, 2 }, 5, LLM_LACKS_OUTPUT },

    { "mistral", 1, {
      { NULL, "{\"outputs\":[{\"text\":\"Hel\",\"stop_reason\":null}]}" },
      { NULL, "{\"outputs\":[{\"text\":\"lo\"}]," METRICS(
              "\"inputTokenCount\":9,\"outputTokenCount\":12") "}" } },
      EXACT, { 9, 12 }, 5, 0 },

    { "cohere", 1, {
      { NULL, "{\"generations\":[{\"text\":\"Hello\"}]," METRICS(
              "\"inputTokenCount\":9,\"outputTokenCount\":12") "}" } },
      EXACT, { 9, 12 }, 5, 0 },

    { "choices, cut before the metrics", 1, {
      { NULL, "{\"choices\":[{\"delta\":{\"content\":\"Hello\"},"
              "\"finish_reason\":null}]," U "}" } },
      PARTIAL, { 9, 12 }, 5, LLM_LACKS_OUTPUT },

    { "an agent, whose calls add up", 1, {
      { "trace", "{\"trace\":{\"preProcessingTrace\":{\"modelInvocationOutput\""
                 ":{\"metadata\":{\"usage\":{\"inputTokens\":4,"
                 "\"outputTokens\":2}}}}}}" },
      { "trace", "{\"trace\":{\"orchestrationTrace\":{\"rationale\":{}}}}" },
      { "trace", "{\"trace\":{\"orchestrationTrace\":{\"modelInvocationOutput\""
                 ":{\"metadata\":{\"usage\":{\"inputTokens\":5,"
                 "\"outputTokens\":10}}}}}}" },
      { "chunk", "{\"bytes\":\"SGVsbG8=\"}" } },
      EXACT, { 9, 12 }, 0, 0 },

    { "an agent that was cut", 0, {
      { "trace", "{\"trace\":{\"orchestrationTrace\":{\"modelInvocationOutput\""
                 ":{\"metadata\":{\"usage\":{\"inputTokens\":5,"
                 "\"outputTokens\":10}}}}}}" } },
      PARTIAL, { 5, 10 }, 0, LLM_LACKS_OUTPUT },

    { NULL, 0, { { NULL, NULL } }, NONE, { 0 }, 0, 0 }
};


static void
put_events(frames_t *f, const event_t *e)
{
    f->len = 0;

    for ( /* void */ ; e->payload != NULL; e++) {

        if (e->event == NULL) {
            put_chunk(f, e->payload);

        } else if (e->event[0] == '!') {
            put_exception(f, "modelStreamErrorException");

        } else if (e->event[0] == '\0') {
            put_frame(f, "", 0, e->payload);

        } else {
            put_event(f, e->event, e->payload);
        }
    }
}


static void
test_cases(void)
{
    result_t       r;
    frames_t       f;
    const case_t  *c;

    for (c = cases; c->name != NULL; c++) {
        put_events(&f, c->events);

        r = whole_of(EVENTS, f.data, f.len, c->complete, c->name);

        is_int(r.charge, c->charge, "%s: charge", c->name);
        counts_are(&r, c->count, c->name);
        is_int(r.text, c->text, "%s: text", c->name);
        is_int(r.lacks, c->lacks, "%s: lacks", c->name);
        is_int(r.damaged, 0, "%s: no damage", c->name);
    }
}


static const event_t  claude[] = {
    { NULL, C_START }, { NULL, C_TEXT }, { NULL, C_STOP }, { NULL, NULL }
};

static const event_t  converse[] = {
    { "contentBlockDelta", DELTA_TEXT("Hello") },
    { "metadata", METADATA(COUNTS) }, { NULL, NULL }
};


/* Cut at every byte: what is whole counts, nothing else, and nothing is
   damage. */

static void
test_cuts(void)
{
    size_t    i, wrong, end[4];
    result_t  r, bytes;
    frames_t  f;

    end[0] = 0;

    for (i = 0; i < 3; i++) {
        f.len = 0;
        put_chunk(&f, claude[i].payload);
        end[i + 1] = end[i] + f.len;
    }

    put_events(&f, claude);
    wrong = 0;

    for (i = 0; i <= f.len; i++) {
        answer(EVENTS, f.data, i, 0, 0, &r);
        answer(EVENTS, f.data, i, 7, 0, &bytes);

        wrong += memcmp(&r, &bytes, sizeof(r)) != 0 || r.damaged
                 || r.charge != (i < end[1] ? ESTIMATE
                                 : i < end[3] ? PARTIAL : EXACT);
    }

    is_int(wrong, 0, "chunks, cut at every byte");

    put_events(&f, converse);
    wrong = 0;

    for (i = 0; i <= f.len; i++) {
        answer(EVENTS, f.data, i, 0, 0, &r);

        wrong += r.damaged || r.charge != (i < f.len ? ESTIMATE : EXACT);
    }

    is_int(wrong, 0, "converse, cut at every byte");
}


/* Whatever byte is wrong, it is told; a wrong checksum alone loses nothing. */

static void
test_damage(void)
{
    size_t    i, wrong, lost;
    result_t  r, bytes;
    frames_t  f, good;

    put_events(&good, converse);
    wrong = 0;
    lost = 0;

    for (i = 0; i < good.len; i++) {
        f = good;
        f.data[i] ^= 0x55;

        answer(EVENTS, f.data, f.len, 0, 1, &r);
        answer(EVENTS, f.data, f.len, 5, 1, &bytes);

        wrong += memcmp(&r, &bytes, sizeof(r)) != 0
                 || (!r.damaged && r.charge != ESTIMATE);
        lost += (r.charge != EXACT);
    }

    is_int(wrong, 0, "no fault goes untold");
    ok(lost < good.len / 2, "%zu of %zu faults lose the counts", lost,
       good.len);

    f = good;
    f.data[f.len - 1] ^= 1;
    r = whole_of(EVENTS, f.data, f.len, 1, "checksum of a frame");
    ok(r.damaged && r.charge == EXACT, "checksum of a frame: read and told");

    f = good;
    f.data[11] ^= 1;
    r = whole_of(EVENTS, f.data, f.len, 1, "checksum of the lengths");
    ok(r.damaged && r.charge == EXACT,
       "checksum of the lengths: read and told");

    f = good;
    put_number(f.data, 0xfffffff0);
    r = whole_of(EVENTS, f.data, f.len, 1, "a length that cannot be");
    ok(r.damaged && r.charge == ESTIMATE, "a length that cannot be: told");
}


/* Named otherwise, or something else. */

static void
test_types(void)
{
    size_t    i;
    result_t  r;
    frames_t  f;

    static const char  *types[] = {
        "Application/Vnd.Amazon.EventStream; charset=x", "", JSON, SSE, LINES,
        "application/octet-stream"
    };

    put_events(&f, claude);

    for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        r = whole_of(types[i], f.data, f.len, 1, "frames");
        is_int(r.charge, EXACT, "frames named \"%s\"", types[i]);
    }

    r = whole_of("audio/mpeg", f.data, f.len, 1, "sound");
    is_int(r.charge, ESTIMATE, "frames named sound");

    r = whole(EVENTS, "{" HELLO "," U "}", 1, "JSON");
    is_int(r.charge, EXACT, "JSON named frames");

    r = whole(EVENTS, CHUNK("Hello") LAST DONE, 1, "text");
    is_int(r.charge, EXACT, "an event stream of text named frames");

    r = whole(EVENTS, "<html>", 1, "a page");
    ok(r.charge == ESTIMATE && !r.damaged, "a page named frames");

    r = whole(EVENTS, "<html><p>A page</p>", 1, "a longer page");
    ok(r.charge == ESTIMATE && r.damaged, "a longer page named frames");

    r = whole_of("application/octet-stream", "\0\0\0\40ftypisom\0\0\2\0", 17, 1,
                 "a film");
    ok(r.charge == ESTIMATE && !r.damaged, "a film is no damaged stream");

    f.data[9] ^= 1;
    r = whole_of("", f.data, f.len, 1, "a fault without a name");
    ok(r.charge == ESTIMATE && !r.damaged,
       "what is not named frames and has a fault is none");
}


int
main(void)
{
    test_cases();
    test_cuts();
    test_damage();
    test_types();

    return tap_done();
}
