
/*
 * Copyright (C) the llm_quota authors
 */


#include "llm_cutoff.h"
#include "tap.h"


/*
 * The places at which a stream can be ended, marked by | in its text: after
 * each of them what closes it depends on what was read up to there only.
 */


#define CHUNK(index, rest)                                                    \
    "data: {\"id\":\"c\",\"created\":17,\"choices\":[{\"index\":" index ","   \
    "\"delta\":{\"content\":\"a\\n\\nb\"}" rest "}]}\n\n"

#define EVENT(type, rest)                                                     \
    "event: " type "\ndata: {\"type\":\"" type "\"" rest "}\n\n"

#define RESPONSE(type, n)                                                     \
    EVENT("response." type, ",\"sequence_number\":" n ",\"response\":"        \
          "{\"id\":\"c\",\"created_at\":17}")


static const struct {
    const char      *name;
    llm_api_e        api;
    const char      *stream;
} streams[] = {
    { "chat", LLM_API_CHAT,
      CHUNK("0", "") "|" CHUNK("0", ",\"finish_reason\":null") "|"
      CHUNK("0", ",\"finish_reason\":\"stop\"") "data: [DONE]\n\n" },

    { "comments, CRLF", LLM_API_CHAT,
      ": hello\r\n\r\ndata: {\"choices\":[{\"index\":0}]}\r\n\r\n|"
      ": hello\r\n\r\n|data: {\"choices\":[{\"index\":0,\"finish_reason\":"
      "\"length\"}]}\r\n\r\n" },

    { "what Azure says before", LLM_API_CHAT,
      "data: {\"choices\":[],\"prompt_filter_results\":[]}\n\n"
      CHUNK("0", "") "|" },

    { "two choices", LLM_API_CHAT,
      CHUNK("1", "") "|" CHUNK("0", "") "|"
      CHUNK("1", ",\"finish_reason\":\"stop\"") "|"
      CHUNK("0", ",\"finish_reason\":\"stop\"") },

    { "both in one event", LLM_API_COMPLETIONS,
      "data: {\"choices\":[{\"text\":\"a\",\"index\":0},{\"index\":1,"
      "\"text\":\"\",\"finish_reason\":\"stop\"}]}\n\n|data: [DONE]\n\n" },

    { "an error", LLM_API_CHAT,
      CHUNK("0", "") "|data: {\"error\":{\"message\":\"no\"}}\n\n"
      CHUNK("0", "") },

    { "what is not JSON", LLM_API_CHAT,
      CHUNK("0", "") "|data: {\"choices\":[}\n\n" CHUNK("0", "") },

    { "a message", LLM_API_MESSAGES,
      EVENT("message_start", ",\"message\":{}") "|" EVENT("ping", "") "|"
      EVENT("content_block_start", ",\"index\":0") "|"
      EVENT("content_block_delta", ",\"index\":0") "|"
      EVENT("content_block_stop", ",\"index\":0") "|"
      EVENT("message_delta", ",\"delta\":{\"stop_reason\":\"end_turn\"}")
      EVENT("message_stop", "") },

    { "a message that fails", LLM_API_MESSAGES,
      EVENT("ping", "") EVENT("message_start", "") "|"
      EVENT("error", ",\"error\":{}") EVENT("ping", "") },

    { "a response", LLM_API_RESPONSES,
      RESPONSE("created", "0") "|" RESPONSE("in_progress", "1") "|"
      EVENT("response.output_text.delta", ",\"sequence_number\":2") "|"
      RESPONSE("completed", "3") },

    { "a response that fails", LLM_API_RESPONSES,
      RESPONSE("created", "0") "|" RESPONSE("failed", "1") },

    { "no stream of ours", LLM_API_CHAT, "data: 1\n\ndata: {}\n\n" }
};


static const llm_answer_id_t    id = { 3, "c\"1" };
static const llm_answer_name_t  model = { 1, "m" };


static int
test_closes(const llm_cutoff_t *c, const llm_usage_t *usage, int states,
    const char *expected)
{
    int     same;
    u_char  text[LLM_CUTOFF_TEXT + 1], *p;

    p = llm_cutoff_print(c, text, &id, &model, usage, states);
    *p = '\0';

    same = (strcmp((char *) text, expected) == 0);

    if (!same) {
        printf("# got %s# not %s", text, expected);
    }

    return same;
}


/* However the bytes come, what is offered is a marked place, and each is
   offered where a piece ends there. */

static void
test_places(unsigned i)
{
    char          text[4096];
    size_t        n, at, len, size, cut;
    ssize_t       place;
    unsigned      bad, found, marks;
    const char   *p;
    llm_cutoff_t  c;
    unsigned char marked[4096];

    memset(marked, 0, sizeof(marked));

    for (p = streams[i].stream, n = 0, marks = 0; *p; p++) {

        if (*p == '|') {
            marked[n] = 1;
            marks++;
            continue;
        }

        text[n++] = *p;
    }

    bad = 0;

    for (size = 1; size <= n; size++) {
        memset(&c, 0xa5, sizeof(llm_cutoff_t));
        llm_cutoff_init(&c, streams[i].api);

        found = 0;

        for (at = 0; at < n; at += len) {
            len = (n - at < size) ? n - at : size;
            place = llm_cutoff_read(&c, (u_char *) text + at, len);

            bad += (place < -1 || place > (ssize_t) len);

            if (place >= 0 && llm_cutoff_is_open(&c)) {
                bad += !marked[at + place];
                found++;
            }
        }

        /* byte by byte none is missed but the one at the very end */

        bad += (size == 1 && found < marks - (marks && marked[n]));
    }

    is_int(bad, 0, "%s: %u places", streams[i].name, marks);

    /* in two pieces: the last place of the first one is the last mark */

    bad = 0;

    for (cut = 1; cut <= n; cut++) {
        llm_cutoff_init(&c, streams[i].api);
        place = llm_cutoff_read(&c, (u_char *) text, cut);

        for (at = cut; at > 0 && !marked[at]; at--) { /* void */ }

        if (place > 0 && llm_cutoff_is_open(&c)) {
            bad += ((size_t) place != at);

        } else if (at) {

            /* behind it something has ended, or half of a line's end is
               missing */

            bad += (place == (ssize_t) at);
        }
    }

    is_int(bad, 0, "%s: in one piece", streams[i].name);
}


static void
test_text(void)
{
    const char   *s;
    llm_usage_t   usage;
    llm_cutoff_t  c;

    memset(&usage, 0, sizeof(llm_usage_t));
    usage.input = 7;
    usage.output = 300;
    usage.cached_read = 2;

#define read(api, text)                                                       \
    s = text;                                                                 \
    llm_cutoff_init(&c, api);                                                 \
    llm_cutoff_read(&c, (u_char *) s, strlen(s))

#define HEAD(object)                                                          \
    "data: {\"id\":\"c\\\"1\",\"object\":\"" object "\",\"created\":17,"      \
    "\"model\":\"m\",\"choices\":["

    read(LLM_API_CHAT, CHUNK("0", "") CHUNK("2", ""));

    ok(test_closes(&c, &usage, 0,
                   HEAD("chat.completion.chunk")
                   "{\"index\":0,\"delta\":{},\"logprobs\":null,"
                   "\"finish_reason\":\"length\"},"
                   "{\"index\":2,\"delta\":{},\"logprobs\":null,"
                   "\"finish_reason\":\"length\"}]}\n\n"
                   "data: [DONE]\n\n"), "chat");

    read(LLM_API_COMPLETIONS, CHUNK("0", ""));

    ok(test_closes(&c, &usage, 1,
                   HEAD("text_completion")
                   "{\"index\":0,\"text\":\"\",\"logprobs\":null,"
                   "\"finish_reason\":\"length\"}]}\n\n"
                   HEAD("text_completion")
                   "],\"usage\":{\"prompt_tokens\":7,"
                   "\"completion_tokens\":300,\"total_tokens\":307}}\n\n"
                   "data: [DONE]\n\n"), "completions, with usage");

    read(LLM_API_MESSAGES,
         EVENT("message_start", "") EVENT("content_block_start", ",\"index\":0")
         EVENT("content_block_stop", ",\"index\":0")
         EVENT("content_block_start", ",\"index\":1"));

    ok(test_closes(&c, &usage, 0,
                   EVENT("content_block_stop", ",\"index\":1")
                   EVENT("message_delta", ",\"delta\":{\"stop_reason\":"
                         "\"max_tokens\",\"stop_sequence\":null},"
                         "\"usage\":{\"output_tokens\":300}")
                   EVENT("message_stop", "")), "a message with an open block");

    read(LLM_API_RESPONSES, RESPONSE("created", "0")
         EVENT("response.output_text.delta", ",\"sequence_number\":41"));

    ok(test_closes(&c, &usage, 0,
                   EVENT("response.incomplete", ",\"sequence_number\":42,"
                         "\"response\":{\"id\":\"c\\\"1\",\"object\":"
                         "\"response\",\"created_at\":17,\"status\":"
                         "\"incomplete\",\"error\":null,"
                         "\"incomplete_details\":{\"reason\":"
                         "\"max_output_tokens\"},\"instructions\":null,"
                         "\"metadata\":{},\"model\":\"m\",\"output\":[],"
                         "\"parallel_tool_calls\":true,\"tool_choice\":"
                         "\"auto\",\"tools\":[],\"usage\":{\"input_tokens\":7,"
                         "\"input_tokens_details\":{\"cached_tokens\":2},"
                         "\"output_tokens\":300,\"output_tokens_details\":"
                         "{\"reasoning_tokens\":0},\"total_tokens\":307}}")),
       "a response");
}


/* The longest of everything. */

static void
test_room(void)
{
    unsigned           i;
    u_char             text[LLM_CUTOFF_TEXT];
    llm_usage_t        usage;
    llm_cutoff_t       c;
    llm_answer_id_t    long_id;
    llm_answer_name_t  long_name;

    static const llm_api_e  apis[] = {
        LLM_API_CHAT, LLM_API_COMPLETIONS, LLM_API_RESPONSES, LLM_API_MESSAGES
    };

    memset(&usage, 0x7f, sizeof(llm_usage_t));
    memset(&long_id, 1, sizeof(llm_answer_id_t));
    memset(&long_name, 1, sizeof(llm_answer_name_t));

    long_id.len = LLM_ANSWER_ID;
    long_name.len = LLM_ANSWER_NAME;

    for (i = 0; i < sizeof(apis) / sizeof(apis[0]); i++) {
        ok(llm_cutoff_knows(apis[i]), "is known");

        llm_cutoff_init(&c, apis[i]);

        c.open = UINT64_MAX;
        c.created = INT64_MAX;
        c.sequence = INT64_MAX - 1;

        ok(llm_cutoff_print(&c, text, &long_id, &long_name, &usage, 1)
           <= text + LLM_CUTOFF_TEXT, "has room");
    }

    ok(!llm_cutoff_knows(LLM_API_GEMINI), "Gemini's streams have no end");
}


int
main(void)
{
    unsigned  i;

    for (i = 0; i < sizeof(streams) / sizeof(streams[0]); i++) {
        test_places(i);
    }

    test_text();
    test_room();

    return tap_done();
}
