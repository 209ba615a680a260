
/*
 * Copyright (C) the llm_quota authors
 */


#include "answer.h"


/* What answers state beside their own tokens. */


#define CHAT_USAGE  "\"prompt_tokens\":9,\"completion_tokens\":12"
#define ADVISER(model, in, out)                                               \
    "{\"model\":\"" model "\",\"type\":\"advisor_message\",\"input_tokens\":" \
    #in ",\"output_tokens\":" #out ",\"cache_read_input_tokens\":100,"        \
    "\"cache_creation_input_tokens\":10}"
#define IMAGER(in, out)                                                       \
    "\"tool_usage\":{\"image_gen\":{\"input_tokens\":" #in ","                \
    "\"input_tokens_details\":{\"image_tokens\":5,\"cached_tokens\":2},"      \
    "\"output_tokens\":" #out ",\"output_tokens_details\":"                   \
    "{\"image_tokens\":" #out "}}}"
#define RESPONSES                                                             \
    "\"usage\":{\"input_tokens\":9,\"input_tokens_details\":{},"              \
    "\"output_tokens\":12,\"total_tokens\":21}"


static void
test_units(void)
{
    result_t  r;

    r = whole(JSON, "{\"text\":\"\",\"usage\":{\"type\":\"duration\","
              "\"seconds\":37}}", 1, "seconds");
    is_int(r.charge, LLM_CHARGE_EXACT, "seconds are what is charged");
    is_int(r.usage.seconds, 37, "seconds");

    r = whole(JSON, "{\"usage\":{\"prompt_audio_seconds\":36," CHAT_USAGE
              "}}", 1, "seconds beside tokens");
    is_int(r.usage.seconds, 36, "seconds beside tokens");
    is_int(r.usage.output, 12, "which count, too");

    r = whole(JSON, "{\"results\":[],\"meta\":{\"billed_units\":"
              "{\"search_units\":3}}}", 1, "search units");
    is_int(r.charge, LLM_CHARGE_EXACT, "units are what is charged");
    is_int(r.usage.queries, 3, "search units");

    r = whole(JSON, "{\"created\":1,\"data\":[{\"url\":\"https://x/1\"},"
              "{\"b64_json\":\"aGVsbG8=\",\"revised_prompt\":\"x\"},"
              "{\"url\":null}]}", 1, "images");
    is_int(r.charge, LLM_CHARGE_EXACT, "images are what is charged");
    is_int(r.usage.images, 2, "two of them");
    is_int(r.usage.input + r.usage.output, 0, "without tokens");

    r = whole(JSON, "{\"created\":1,\"data\":[{\"b64_json\":\"aGVsbG8=\"}]",
              0, "cut");
    is_int(r.charge, LLM_CHARGE_ESTIMATE, "tokens could have followed");

    r = whole(JSON, "{\"images\":[\"aGVsbG8=\",{\"url\":\"https://x\"}]}", 1,
              "images of others");
    is_int(r.usage.images, 2, "images of others");

    r = whole(JSON, "{\"data\":[{\"b64_json\":\"aGVsbG8=\"}],\"usage\":"
              "{\"input_tokens\":9,\"output_tokens\":12,\"total_tokens\":21}}",
              1, "images with tokens");
    is_int(r.usage.output, 12, "tokens of an image");
    is_int(r.usage.images, 1, "and the image");

    r = whole(JSON, "{\"data\":[{\"embedding\":[1,2]}],\"usage\":"
              "{\"prompt_tokens\":9,\"total_tokens\":9}}", 1, "embeddings");
    is_int(r.usage.images, 0, "embeddings are no images");

    r = whole(JSON, "{\"usageMetadata\":{\"promptTokenCount\":9,"
              "\"candidatesTokenCount\":80,\"candidatesTokensDetails\":["
              "{\"modality\":\"VIDEO\",\"tokenCount\":70},"
              "{\"modality\":3,\"tokenCount\":5}],\"promptTokensDetails\":["
              "{\"modality\":\"VIDEO\",\"tokenCount\":7}]}}", 1, "video");
    is_int(r.usage.video_out, 75, "video that was made");

    r = whole(JSON, "{\"usage\":{" CHAT_USAGE ",\"total_tokens\":21,"
              "\"citation_tokens\":30,\"reasoning_tokens\":8}}", 1,
              "citations");
    is_int(r.usage.citation, 30, "citations");
    is_int(r.usage.output, 12 + 30 + 8, "are part of the output");
}


static void
test_searches(void)
{
    result_t  r;

    r = whole(JSON, "{\"usage\":{" CHAT_USAGE "}}", 1, "no search");
    is_int(r.usage.web_searches, 0, "no search");
    is_int(r.usage.traits, 0, "no traits");

    r = whole(JSON, "{\"usage\":{" CHAT_USAGE ",\"search_context_size\":"
              "\"low\"}}", 1, "one search");
    is_int(r.usage.web_searches, 1, "its size alone says there was one");
    is_int(r.usage.traits, LLM_TRAIT_SEARCH_LOW, "a low one");

    r = whole(JSON, "{\"usage\":{" CHAT_USAGE ",\"search_context_size\":"
              "\"high\",\"num_search_queries\":18}}", 1, "searches");
    is_int(r.usage.web_searches, 18, "as many as stated");
    is_int(r.usage.traits, LLM_TRAIT_SEARCH_HIGH, "high ones");

    r = whole(JSON, "{\"tools\":[{\"type\":\"web_search\","
              "\"search_context_size\":\"low\"}],\"tool_usage\":"
              "{\"web_search\":{\"num_requests\":2}}," RESPONSES "}", 1,
              "a tool's searches");
    is_int(r.usage.web_searches, 2, "a tool's searches");
    is_int(r.usage.traits, LLM_TRAIT_SEARCH_LOW, "and their size");

    r = whole(JSON, "{\"tools\":[{\"search_context_size\":\"high\"}],"
              RESPONSES "}", 1, "a tool that was not used");
    is_int(r.usage.web_searches, 0, "a tool that was not used");
}


static void
test_traits(void)
{
    unsigned  i;
    result_t  r;

    static const struct {
        const char  *body;
        uint64_t     traits;
    } bodies[] = {
        { "{\"type\":\"message\",\"usage\":{\"input_tokens\":9,"
          "\"output_tokens\":12,\"speed\":\"fast\"}}", LLM_TRAIT_FAST },
        { "{\"type\":\"message\",\"usage\":{\"input_tokens\":9,"
          "\"output_tokens\":12,\"speed\":\"standard\","
          "\"inference_geo\":\"us\"}}", LLM_TRAIT_US },
        { "{\"type\":\"message\",\"usage\":{\"input_tokens\":9,"
          "\"output_tokens\":12,\"inference_geo\":\"global\"}}", 0 },
        { "{\"type\":\"message\",\"usage\":{\"input_tokens\":9,"
          "\"output_tokens\":12,\"inference_geo\":null,\"speed\":1}}", 0 },
        { "{\"type\":\"message\",\"speed\":\"fast\",\"usage\":"
          "{\"input_tokens\":9,\"output_tokens\":12}}", 0 }
    };

    for (i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        r = whole(JSON, bodies[i].body, 1, "traits");
        is_int(r.usage.traits, bodies[i].traits, "%s", bodies[i].body);
    }

    r = whole(SSE, START("\"input_tokens\":9,\"output_tokens\":1,"
              "\"speed\":\"fast\"") DELTA("\"output_tokens\":12,"
              "\"speed\":\"standard\""), 1, "a stream that slows down");
    is_int(r.usage.traits, 0, "the last word holds");
}


static void
other(const char *type, const char *body, llm_side_e side, const char *name,
    int64_t input, int64_t output, const char *what)
{
    llm_usage_t               usage, own;
    llm_answer_t              a;
    const llm_answer_name_t  *model;

    llm_answer_init(&a, (u_char *) type, strlen(type));
    llm_answer_feed(&a, (u_char *) body, strlen(body));
    (void) llm_answer_end(&a, 1, &own);

    is_int(llm_answer_side(&a, side, &usage, &model), input + output != 0,
           "%s: whether", what);
    is_int(usage.input, input, "%s: input", what);
    is_int(usage.output, output, "%s: output", what);
    is_int(own.side_input, input, "%s: input of the answer", what);
    is_int(own.side_output, output, "%s: output of the answer", what);
    is_int(usage.cost, -1, "%s: no cost", what);
    is_mem(model->data, model->len, name, "%s: name", what);
}


static void
test_sides(void)
{
    result_t                  r;
    llm_usage_t               usage;
    llm_answer_t              a;
    const char               *body;
    const llm_answer_name_t  *model;

    other(JSON, "{\"usage\":{" CHAT_USAGE "}}", LLM_SIDE_ADVISER, "", 0, 0,
          "none");

    body = "{\"type\":\"message\",\"usage\":{\"input_tokens\":9,"
           "\"output_tokens\":12,\"iterations\":[{\"type\":\"message\","
           "\"model\":\"own\",\"input_tokens\":9,\"output_tokens\":12},"
           ADVISER("adviser", 200, 20) "," ADVISER("adviser", 1, 1) "]}}";

    other(JSON, body, LLM_SIDE_ADVISER, "adviser", 201 + 2 * 110, 21,
          "advisers");

    r = whole(JSON, body, 1, "advisers");
    is_int(r.usage.input, 9, "are no part of the input");
    is_int(r.usage.output, 12, "nor of the output");

    llm_answer_init(&a, (u_char *) JSON, strlen(JSON));
    llm_answer_feed(&a, (u_char *) body, strlen(body));
    (void) llm_answer_end(&a, 1, &usage);
    (void) llm_answer_side(&a, LLM_SIDE_ADVISER, &usage, &model);
    is_int(usage.cached_read, 200, "what they read from the cache");
    is_int(usage.cache_write_5m, 20, "and wrote to it");

    other(SSE, START("\"input_tokens\":9,\"output_tokens\":1,\"iterations\":["
          ADVISER("first", 1, 1) "]") DELTA("\"output_tokens\":12,"
          "\"iterations\":[" ADVISER("last", 2, 2) "]"), LLM_SIDE_ADVISER,
          "last", 112, 2, "a stream's last list");

    other(JSON, "{\"tools\":[{\"type\":\"function\"},{\"model\":\"painter\","
          "\"type\":\"image_generation\"}]," IMAGER(171, 1056) "," RESPONSES
          "}", LLM_SIDE_IMAGER, "painter", 171, 1056, "images");
    other(SSE, "data: {\"type\":\"response.completed\",\"response\":{"
          RESPONSES "," IMAGER(171, 1056) "}}\n\n", LLM_SIDE_IMAGER, "", 171,
          1056, "images of a stream");
    other(JSON, "{" IMAGER(171, 1056) ",\"usage\":{" CHAT_USAGE "}}",
          LLM_SIDE_IMAGER, "", 0, 0, "not in a chat");
    other(JSON, "{" IMAGER(100000001, 1) "," RESPONSES "}", LLM_SIDE_ADVISER,
          "", 0, 0, "absurd");
}


int
main(void)
{
    test_units();
    test_searches();
    test_traits();
    test_sides();

    return tap_done();
}
