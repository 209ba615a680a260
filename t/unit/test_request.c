
/*
 * Copyright (C) the llm_quota authors
 */


#include "request.h"


static const test_request_t  requests[] = {

    /* what an ordinary request says */

    { CHAT, "{}", "empty" },
    { CHAT, " \r\n\t{ \n } \n", "empty" },
    { CHAT, "{} \t\r\n", "empty" },
    { CHAT, "{\"a\":1}", "" },
    { CHAT, "\xef\xbb\xbf{\"model\":\"m\"}", "model=m" },
    { CHAT, "{\"model\":\"gpt-4.1\",\"stream\":true}",
      "model=gpt-4.1 stream stream_set" },
    { CHAT, "{\"messages\":[{\"role\":\"user\",\"content\":\"model\"}],"
      "\"m\\u006fdel\":\"g\\u0070t\\/\\ud83d\\ude00\"}",
      "model=gpt/\xf0\x9f\x98\x80" },
    { CHAT, "{\"stream\":false}", "stream_set" },
    { CHAT, "{\"model\":\"\"}", "" },
    { CHAT, "{\"messages\":[{\"model\":\"a\",\"stream\":1}],"
      "\"tools\":[{\"max_tokens\":\"x\"}],\"model\":\"b\"}", "model=b" },
    { CHAT, "{\"model\":null,\"stream\":null,\"user\":null,\"metadata\":null,"
      "\"safety_identifier\":null,\"service_tier\":null,\"n\":null,"
      "\"best_of\":null,\"max_completion_tokens\":7,\"n_predict\":null}",
      "cap=7" },

    { CHAT, "{\"stream\":true,\"stream_options\":{\"include_usage\":true}}",
      "stream stream_set usage options={\"include_usage\":true}" },
    { CHAT, "{\"stream_options\": {\"include_usage\":false} }",
      "options={\"include_usage\":false} no_usage=false" },
    { CHAT, "{\"stream_options\":{\"include_usage\":null}}",
      "options={\"include_usage\":null} no_usage=null" },
    { CHAT, "{\"stream_options\":null,\"x\":1}", "options=null" },
    { CHAT, "{\"stream_options\":{}}", "options={}" },
    { CHAT, "{\"x\":{\"stream_options\":{\"include_usage\":1}}}", "" },
    { COMPLETIONS, "{\"stream_options\":{\"include_usage\":true}}",
      "usage options={\"include_usage\":true}" },
    { RESPONSES, "{\"stream_options\":{\"include_usage\":true}}", "" },

    { CHAT, "{\"service_tier\":\"flex\"}", "tier=1" },
    { CHAT, "{\"service_tier\":\"priority\"}", "tier=2" },
    { CHAT, "{\"service_tier\":\"batch\"}", "tier=3" },
    { CHAT, "{\"service_tier\":\"auto\"}", "" },
    { CHAT, "{\"service_tier\":\"flexible\"}", "" },
    { GEMINI, "{\"serviceTier\":\"flex\"}", "tier=1" },
    { GEMINI, "{\"service_tier\":\"flex\"}", "tier=1" },
    { CONVERSE, "{\"serviceTier\":{\"type\":\"priority\"}}", "tier=2" },
    { RESPONSES, "{\"background\":true}", "background" },
    { RESPONSES, "{\"background\":false}", "" },
    { RUNS, "{\"assistant_id\":\"a\",\"model\":\"m\",\"stream\":true,"
      "\"max_completion_tokens\":5}",
      "model=m cap=5 stream stream_set background" },
    { RUNS, "{\"background\":false}", "background" },
    { INTERACTIONS, "{\"background\":true,\"stream\":true,\"model\":\"g\"}",
      "model=g stream stream_set background" },

    /* what may answer in the model's place */

    { CHAT, "{\"model\":\"a\",\"models\":[\"b\",{\"model\":\"c\"}]}",
      "model=a others=models" },
    { CHAT, "{\"models\":\"b\"}", "others=models" },
    { RESPONSES, "{\"fallbacks\":[]}", "others=fallbacks" },
    { MESSAGES, "{\"fallbacks\":[{\"model\":\"c\"}]}", "others=fallbacks" },
    { CHAT, "{\"models\":null,\"metadata\":{\"models\":[]}}", "" },

    /* who the customer is */

    { CHAT, "{\"user\":\"a\"}", "customer=a" },
    { MESSAGES, "{\"metadata\":{\"user_id\":\"b\"}}", "customer=b" },
    { RESPONSES, "{\"safety_identifier\":\"c\"}", "customer=c" },
    { CHAT, "{\"safety_identifier\":\"c\",\"metadata\":{\"x\":[1],"
      "\"user_id\":\"b\"},\"user\":\"a\"}", "customer=a" },
    { CHAT, "{\"user\":\"a\",\"metadata\":{\"user_id\":\"b\"},"
      "\"safety_identifier\":\"c\"}", "customer=a" },
    { CHAT, "{\"metadata\":{\"user_id\":\"b\"},\"safety_identifier\":\"c\"}",
      "customer=b" },
    { CHAT, "{\"user\":\"\",\"safety_identifier\":\"c\"}", "customer=c" },
    { CHAT, "{\"safety_identifier\":\"c\",\"user\":\"\"}", "customer=c" },
    { CHAT, "{\"user\":null,\"safety_identifier\":\"c\"}", "customer=c" },
    { GEMINI, "{\"metadata\":{}}", "" },

    /* the cap, where each API has it */

    { CHAT, "{\"max_tokens\":5}", "cap=5" },
    { CHAT, "{\"max_completion_tokens\":6}", "cap=6" },
    { CHAT, "{\"max_tokens\":5,\"max_completion_tokens\":6}", "cap=6" },
    { CHAT, "{\"max_tokens\":6,\"max_completion_tokens\":5}", "cap=6" },
    { CHAT, "{\"max_tokens\":5,\"n_predict\":600}", "cap=600" },
    { CHAT, "{\"n_predict\":600,\"max_tokens\":5}", "cap=600" },
    { CHAT, "{\"max_tokens\":5,\"n_predict\":4}", "cap=5" },
    { CHAT, "{\"n_predict\":600}", "raise=600" },
    { CHAT, "{\"max_output_tokens\":5}", "" },
    { COMPLETIONS, "{\"max_tokens\":5}", "cap=5" },
    { COMPLETIONS, "{\"max_completion_tokens\":5}", "raise=5" },
    { COMPLETIONS, "{\"max_tokens\":5,\"max_completion_tokens\":6}", "cap=6" },
    { RESPONSES, "{\"max_output_tokens\":5}", "cap=5" },
    { RESPONSES, "{\"max_tokens\":5,\"max_completion_tokens\":5}", "" },
    { MESSAGES, "{\"max_tokens\":5,\"thinking\":{\"budget_tokens\":4}}",
      "cap=5" },
    { COMPLETE, "{\"max_tokens_to_sample\":5}", "cap=5" },
    { GEMINI, "{\"generationConfig\":{\"maxOutputTokens\":5}}", "cap=5" },
    { GEMINI, "{\"generationConfig\":{\"max_output_tokens\":5}}", "cap=5" },
    { GEMINI, "{\"generation_config\":{\"maxOutputTokens\":5}}", "cap=5" },
    { GEMINI, "{\"generation_config\":{\"max_output_tokens\":5,"
      "\"thinkingConfig\":{\"thinkingBudget\":99}}}", "cap=5" },
    { GEMINI_SSE, "{\"generationConfig\":null}", "stream" },
    { INTERACTIONS, "{\"generation_config\":{\"max_output_tokens\":5}}",
      "cap=5" },
    { CONVERSE, "{\"inferenceConfig\":{\"maxTokens\":5}}", "cap=5" },
    { CONVERSE, "{\"max_tokens\":5}", "" },
    { CONVERSE, "{\"inferenceConfig\":{\"max_new_tokens\":5}}", "" },
    { CONVERSE, "{\"additionalModelRequestFields\":{\"max_tokens\":9}}",
      "raise=9" },
    { CONVERSE, "{\"additionalModelRequestFields\":{\"max_tokens\":9},"
      "\"inferenceConfig\":{\"maxTokens\":5}}", "cap=9" },
    { INVOKE, "{\"max_tokens\":5}", "cap=5" },
    { INVOKE, "{\"max_completion_tokens\":5}", "cap=5" },
    { INVOKE, "{\"max_tokens_to_sample\":5}", "cap=5" },
    { INVOKE, "{\"max_gen_len\":5}", "cap=5" },
    { INVOKE, "{\"inferenceConfig\":{\"maxTokens\":5}}", "cap=5" },
    { INVOKE, "{\"inferenceConfig\":{\"max_new_tokens\":5}}", "cap=5" },
    { INVOKE, "{\"textGenerationConfig\":{\"maxTokenCount\":5}}", "cap=5" },
    { OLLAMA, "{\"options\":{\"num_predict\":5},\"stream\":false}",
      "cap=5 stream_set" },
    { OLLAMA, "{\"max_tokens\":5,\"stream\":false}", "stream_set" },
    { COHERE, "{\"max_tokens\":5}", "cap=5" },
    { TGI, "{\"parameters\":{\"max_new_tokens\":5}}", "cap=5" },
    { TGI, "{\"max_tokens\":5}", "" },
    { TGI, "{\"parameters\":{\"num_return_sequences\":3,\"best_of\":2}}",
      "times=3" },
    { AUDIO, "{\"max_tokens\":5}", "raise=5" },
    { AUDIO, "{\"max_completion_tokens\":5,\"user\":\"u\"}",
      "customer=u raise=5" },
    { LLAMACPP, "{\"n_predict\":5}", "cap=5" },
    { LLAMACPP, "{\"max_tokens\":5}", "raise=5" },
    { LLAMACPP, "{\"n_predict\":5,\"max_tokens\":6}", "cap=6" },
    { EMBEDDINGS, "{\"input\":[\"a\",\"b\"],\"n\":\"x\"}", "cap=0" },
    { EMBED, "{\"requests\":[]}", "cap=0" },
    { IMAGES, "{\"max_tokens\":5}", "" },

    { CHAT, "{\"max_tokens\":0}", "cap=0" },
    { CHAT, "{\"max_tokens\":1.0}", "cap=1" },
    { CHAT, "{\"max_tokens\":1e3}", "cap=1000" },
    { CHAT, "{\"max_tokens\":1.5E+2}", "cap=150" },
    { CHAT, "{\"max_tokens\":1500e-2 }", "cap=15" },
    { CHAT, "{\"max_tokens\":9007199254740992}", "cap=9007199254740992" },
    { CHAT, "{\"max_tokens\":9e15}", "cap=9000000000000000" },

    /* a cap that says none */

    { CHAT, "{\"max_tokens\": null }", "no_cap=null" },
    { CHAT, "{\"max_tokens\":null,\"max_completion_tokens\":5}", "cap=5" },
    { OLLAMA, "{\"options\":{\"num_predict\":-1}}", "stream no_cap=-1" },
    { OLLAMA, "{\"options\":{\"num_predict\":-2}}", "stream no_cap=-2" },
    { LLAMACPP, "{\"n_predict\":-1}", "no_cap=-1" },
    { LLAMACPP, "{\"max_tokens\":9,\"n_predict\":-1}", "raise=9 no_cap=-1" },
    { GEMINI, "{\"generationConfig\":{\"maxOutputTokens\":null}}",
      "no_cap=null" },

    /* how many answers */

    { CHAT, "{\"n\":3}", "times=3" },
    { CHAT, "{\"n\":0}", "" },
    { CHAT, "{\"n\":2,\"n_cmpl\":5}", "times=5" },
    { COMPLETIONS, "{\"n\":2,\"best_of\":4}", "times=4" },
    { COMPLETIONS, "{\"n\":4,\"best_of\":2}", "times=4" },
    { COMPLETIONS, "{\"prompt\":\"a\"}", "" },
    { COMPLETIONS, "{\"prompt\":[\"a\"]}", "" },
    { COMPLETIONS, "{\"prompt\":[\"a\",\"b\",\"c\"]}", "times=3" },
    { COMPLETIONS, "{\"prompt\":[]}", "" },
    { COMPLETIONS, "{\"prompt\":[1,2,3,4]}", "" },
    { COMPLETIONS, "{\"prompt\":[[1,2],[3,4],[\"x\"]]}", "times=3" },
    { COMPLETIONS, "{\"prompt\":[\"a\",\"b\"],\"n\":3}", "times=6" },
    { COMPLETIONS, "{\"best_of\":3,\"prompt\":[\"a\",\"b\"],\"n\":1}",
      "times=6" },
    { COMPLETIONS, "{\"prompt\":[\"a\",\"b\"],\"n\":9007199254740992}",
      "times=2147483648" },
    { GEMINI, "{\"generationConfig\":{\"candidateCount\":4}}", "times=4" },
    { GEMINI, "{\"generation_config\":{\"candidate_count\":4}}", "times=4" },
    { COHERE, "{\"num_generations\":4}", "times=4" },
    { INVOKE, "{\"num_generations\":4}", "times=4" },
    { LLAMACPP, "{\"n_cmpl\":4,\"prompt\":[\"a\",[1],{}]}", "times=12" },
    { TGI, "{\"parameters\":{\"best_of\":4}}", "times=4" },
    { IMAGES, "{\"n\":4,\"prompt\":[\"a\",\"b\"]}", "times=4" },
    { MESSAGES, "{\"n\":4}", "" },

    /* streams */

    { OLLAMA, "{}", "stream empty" },
    { OLLAMA, "{\"stream\":null}", "stream" },
    { OLLAMA, "{\"stream\":true}", "stream stream_set" },
    { OLLAMA, "{\"stream\":false}", "stream_set" },
    { "/api/embed", "{}", "cap=0 empty" },
    { GEMINI_SSE, "{}", "stream empty" },
    { "/generate_stream", "{\"stream\":false}", "stream stream_set" },
    { "/model/m/converse-stream", "{}", "stream empty" },

    /* no JSON */

    { CHAT, "", "not json" },
    { CHAT, " ", "not json" },
    { CHAT, "{", "not json" },
    { CHAT, "{\"model\":\"m\"", "not json" },
    { CHAT, "[]", "not json" },
    { CHAT, "[{}]", "not json" },
    { CHAT, "null", "not json" },
    { CHAT, "\"{}\"", "not json" },
    { CHAT, "1", "not json" },
    { CHAT, "{}{}", "not json" },
    { CHAT, "{} x", "not json" },
    { CHAT, "{}]", "not json" },
    { CHAT, "{\"model\":\"m\",}", "not json" },
    { CHAT, "{\"model\" \"m\"}", "not json" },
    { CHAT, "{model:\"m\"}", "not json" },
    { CHAT, "{'model':'m'}", "not json" },
    { CHAT, "model=m&stream=true", "not json" },
    { CHAT, "{\"max_tokens\":01}", "not json" },
    { CHAT, "{\"max_tokens\":NaN}", "not json" },
    { CHAT, "{\"model\":\"\\x\"}", "not json" },
    { CHAT, "{}\v", "not json" },

    /* duplicates */

    { CHAT, "{\"model\":\"a\",\"model\":\"a\"}", "duplicate model" },
    { CHAT, "{\"model\":null,\"model\":\"a\"}", "duplicate model" },
    { CHAT, "{\"model\":\"a\",\"x\":[{}],\"mod\\u0065l\":\"b\"}",
      "duplicate model" },
    { CHAT, "{\"stream\":true,\"stream\":true}", "duplicate stream" },
    { CHAT, "{\"user\":\"a\",\"user\":\"\"}", "duplicate user" },
    { CHAT, "{\"max_tokens\":1,\"max_tokens\":1}", "duplicate max_tokens" },
    { CHAT, "{\"n\":1,\"n\":1}", "duplicate n" },
    { CHAT, "{\"stream_options\":{},\"stream_options\":{}}",
      "duplicate stream_options" },
    { CHAT, "{\"stream_options\":{\"include_usage\":true,"
      "\"include_usage\":true}}", "duplicate stream_options.include_usage" },
    { CHAT, "{\"metadata\":{\"a\":1},\"metadata\":{}}", "duplicate metadata" },
    { CHAT, "{\"metadata\":{\"user_id\":\"a\",\"user_id\":\"b\"}}",
      "duplicate metadata.user_id" },
    { CHAT, "{\"x\":1,\"x\":2}", "" },
    { CHAT, "{\"model\":\"a\",\"model\":\"b\",", "duplicate model" },
    { COMPLETIONS, "{\"prompt\":\"a\",\"prompt\":[\"a\",\"b\"]}",
      "duplicate prompt" },
    { GEMINI, "{\"generationConfig\":{},\"generation_config\":{}}",
      "duplicate generationConfig" },
    { GEMINI, "{\"generationConfig\":{\"maxOutputTokens\":1,"
      "\"max_output_tokens\":2}}",
      "duplicate generationConfig.maxOutputTokens" },
    { OLLAMA, "{\"options\":{},\"options\":{}}", "duplicate options" },

    /* case variants */

    { CHAT, "{\"Model\":\"a\"}", "variant model" },
    { CHAT, "{\"MODEL\":\"a\",\"model\":\"b\"}", "variant model" },
    { CHAT, "{\"model\":\"b\",\"modEl\":null}", "variant model" },
    { CHAT, "{\"Stream\":true}", "variant stream" },
    { CHAT, "{\"\xc5\xbftream\":true}", "variant stream" },
    { CHAT, "{\"Max_Tokens\":1}", "variant max_tokens" },
    { CHAT, "{\"Stream_Options\":{\"include_usage\":true}}",
      "variant stream_options" },
    { CHAT, "{\"stream_options\":{\"Include_usage\":true}}",
      "variant stream_options.include_usage" },
    { CHAT, "{\"N\":1}", "variant n" },
    { MESSAGES, "{\"metadata\":{\"User_ID\":\"a\"}}",
      "variant metadata.user_id" },
    { GEMINI, "{\"generationconfig\":{}}", "variant generationConfig" },
    { GEMINI, "{\"generationConfig\":{\"maxoutputtokens\":1}}",
      "variant generationConfig.maxOutputTokens" },
    { OLLAMA, "{\"Options\":{\"num_predict\":9}}", "variant options" },
    { OLLAMA, "{\"options\":{\"NUM_PREDICT\":9}}",
      "variant options.num_predict" },
    { CHAT, "{\"Temperature\":1,\"Generationconfig\":{}}", "" },

    /* wrong types */

    { CHAT, "{\"model\":1}", "type model" },
    { CHAT, "{\"model\":[\"m\"]}", "type model" },
    { CHAT, "{\"model\":{}}", "type model" },
    { CHAT, "{\"stream\":\"true\"}", "type stream" },
    { CHAT, "{\"stream\":1}", "type stream" },
    { CHAT, "{\"stream_options\":true}", "type stream_options" },
    { CHAT, "{\"stream_options\":[]}", "type stream_options" },
    { CHAT, "{\"stream_options\":{\"include_usage\":1}}",
      "type stream_options.include_usage" },
    { CHAT, "{\"user\":1}", "type user" },
    { CHAT, "{\"metadata\":\"x\"}", "type metadata" },
    { CHAT, "{\"metadata\":{\"user_id\":1}}", "type metadata.user_id" },
    { CHAT, "{\"safety_identifier\":{}}", "type safety_identifier" },
    { CHAT, "{\"service_tier\":1}", "type service_tier" },
    { CHAT, "{\"n\":\"2\"}", "type n" },
    { CHAT, "{\"n\":-1}", "type n" },
    { CHAT, "{\"n\":1.5}", "type n" },
    { CHAT, "{\"n_predict\":-1}", "type n_predict" },
    { CHAT, "{\"max_tokens\":\"5\"}", "type max_tokens" },
    { CHAT, "{\"max_tokens\":true}", "type max_tokens" },
    { CHAT, "{\"max_tokens\":-1}", "type max_tokens" },
    { CHAT, "{\"max_tokens\":-5}", "type max_tokens" },
    { CHAT, "{\"max_tokens\":5.5}", "type max_tokens" },
    { CHAT, "{\"max_tokens\":5e-1}", "type max_tokens" },
    { CHAT, "{\"max_tokens\":1e400}", "type max_tokens" },
    { CHAT, "{\"max_tokens\":9007199254740993}", "type max_tokens" },
    { RESPONSES, "{\"background\":\"x\"}", "type background" },
    { COMPLETIONS, "{\"prompt\":1}", "type prompt" },
    { GEMINI, "{\"generationConfig\":[]}", "type generationConfig" },
    { GEMINI, "{\"generationConfig\":{\"candidateCount\":\"1\"}}",
      "type generationConfig.candidateCount" },
    { CONVERSE, "{\"inferenceConfig\":1}", "type inferenceConfig" },
    { OLLAMA, "{\"options\":{\"num_predict\":-3}}",
      "type options.num_predict" },
    { OLLAMA, "{\"options\":[]}", "type options" },

    /* of no interest to the API, so of any type */

    { CHAT, "{\"options\":1,\"parameters\":[],\"generationConfig\":\"x\","
      "\"background\":3,\"prompt\":7}", "" },
    { MESSAGES, "{\"n\":\"x\",\"stream_options\":1}", "" },
    { EMBEDDINGS, "{\"max_tokens\":\"x\"}", "cap=0" },
    { NULL, NULL, NULL }
};


/* A body of one member that is a string of n times c. */

static size_t
test_string(u_char *body, const char *member, int c, size_t n)
{
    size_t  len;

    len = sprintf((char *) body, "{\"%s\":\"", member);
    memset(body + len, c, n);
    memcpy(body + len + n, "\"}", 2);

    return len + n + 2;
}


static void
test_lengths(void)
{
    size_t          len;
    static u_char   body[2 * 1024 * 1024];
    llm_request_t   r;

    len = test_string(body, "model", 'm', LLM_REQUEST_MODEL);
    test_feed(&r, CHAT, body, len, 0, 0);
    is_int(r.error, LLM_REQUEST_OK, "a model of 256 bytes");
    is_int(r.model_len, LLM_REQUEST_MODEL, "all of it");

    test_feed(&r, CHAT, body, len, 9, 0);
    is_int(r.model_len, LLM_REQUEST_MODEL, "all of it, in pieces");

    len = test_string(body, "model", 'm', LLM_REQUEST_MODEL + 1);
    test_feed(&r, CHAT, body, len, 0, 0);
    is_int(r.error, LLM_REQUEST_TOO_LONG, "a model of 257 bytes");
    is_mem(r.member, strlen(r.member), "model", "it is named");

    len = test_string(body, "model", 'm', 1000000);
    test_feed(&r, CHAT, body, len, 5000, 0);
    is_int(r.error, LLM_REQUEST_TOO_LONG, "a model of a megabyte");

    len = test_string(body, "user", 'u', LLM_REQUEST_CUSTOMER);
    test_feed(&r, CHAT, body, len, 0, 0);
    is_int(r.customer_len, LLM_REQUEST_CUSTOMER, "a customer of 1024 bytes");
    is_int(r.customer[LLM_REQUEST_CUSTOMER - 1], 'u', "to the end");

    len = test_string(body, "user", 'u', 1000000);
    test_feed(&r, CHAT, body, len, 5000, 0);
    is_int(r.error, LLM_REQUEST_OK, "a customer of a megabyte");
    is_int(r.customer_len, 1000000, "its length is known");

    len = test_string(body, "service_tier", 'f', 1000000);
    test_feed(&r, CHAT, body, len, 5000, 0);
    is_int(r.error, LLM_REQUEST_OK, "a tier of a megabyte");
    is_int(r.tier, LLM_TIER_DEFAULT, "is none");

    len = sprintf((char *) body, "{\"max_tokens\":1");
    memset(body + len, '0', 1000);
    body[len + 1000] = '}';
    test_feed(&r, CHAT, body, len + 1001, 7, 0);
    is_int(r.error, LLM_REQUEST_TYPE, "a cap of a thousand digits");
}


/* The reader does not depend on how deep or how broken the rest is. */

static void
test_depth(void)
{
    size_t          i, len;
    static u_char   body[400100];
    llm_request_t   r;

    len = sprintf((char *) body, "{\"x\":");

    for (i = 0; i < 200000; i++) {
        body[len + i] = '[';
        body[len + 200000 + i] = ']';
    }

    len += 400000;
    len += sprintf((char *) body + len, ",\"model\":\"m\"}");

    test_feed(&r, CHAT, body, len, 0, 0);
    is_int(r.error, LLM_REQUEST_OK, "200,000 brackets");
    is_mem(r.model, r.model_len, "m", "the model after them");
}


/* Bodies before and after their usage is asked for; NULL: it is. */

static const char *const  asked[][2] = {
    { "{\"stream\":true}",
      "{\"stream\":true,\"stream_options\":{\"include_usage\":true}}" },
    { "\n{ \"stream\":true } \r\n",
      "\n{ \"stream\":true ,\"stream_options\":{\"include_usage\":true}} "
      "\r\n" },
    { "{ } ", "{ \"stream_options\":{\"include_usage\":true}} " },
    { "{\"stream_options\":{},\"n\":1}",
      "{\"stream_options\":{\"include_usage\":true},\"n\":1}" },
    { "{\"stream_options\":{ \n },\"n\":1}",
      "{\"stream_options\":{ \n \"include_usage\":true},\"n\":1}" },
    { "{\"stream_options\":{\"include_obfuscation\":false}}",
      "{\"stream_options\":{\"include_obfuscation\":false,"
      "\"include_usage\":true}}" },
    { "{\"stream_options\":{\"x\":{\"include_usage\":true}}}",
      "{\"stream_options\":{\"x\":{\"include_usage\":true},"
      "\"include_usage\":true}}" },
    { "{\"stream_options\":null,\"n\":1}",
      "{\"stream_options\":{\"include_usage\":true},\"n\":1}" },
    { "{\"stream_options\":{\"include_usage\":false,\"x\":1}}",
      "{\"stream_options\":{\"include_usage\":true ,\"x\":1}}" },
    { "{\"stream_options\":{\"x\":1,\"include_usage\":null}}",
      "{\"stream_options\":{\"x\":1,\"include_usage\":true}}" },
    { "{\"stream\\u005foptions\":{\"include\\u005fusage\": false }}",
      "{\"stream\\u005foptions\":{\"include\\u005fusage\": true  }}" },
    { "{\"stream_options\":{\"include_usage\":true}}", NULL },
    { "{\"stream_options\":{\"include_\\u0075sage\":true,\"x\":[]}}", NULL }
};


static void
test_ask_usage(void)
{
    char                 body[256];
    size_t               i, n, len;
    uint64_t             start, end;
    const char          *before, *after;
    llm_request_t        r;
    llm_request_edit_t   edit;

    for (i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
        before = asked[i][0];
        after = asked[i][1];
        len = strlen(before);

        test_feed(&r, CHAT, (const u_char *) before, len, i & 1, 0);

        if (after == NULL) {
            is_int(llm_request_ask_usage(&r, &edit), 0, "as it is: %s",
                   before);
            continue;
        }

        is_int(llm_request_ask_usage(&r, &edit), 1, "to change: %s", before);

        start = edit.range.start;
        end = edit.range.end;

        ok(start <= end && end <= len && edit.len >= end - start,
           "in the body, and not shorter");

        n = snprintf(body, sizeof(body), "%.*s%.*s%s", (int) start, before,
                     (int) edit.len, edit.text, before + end);
        is_mem(body, n, after, "usage is asked for: %s", after);

        test_feed(&r, CHAT, (u_char *) body, n, 3, 0);
        ok(r.error == LLM_REQUEST_OK && r.include_usage
           && llm_request_ask_usage(&r, &edit) == 0, "and is then");
    }
}


/* The ranges of a body that is longer than an int can say. */

static void
test_far(void)
{
    uint64_t             far;
    llm_route_t          route;
    llm_request_t        r;
    llm_request_edit_t   edit;
    static const char    body[] = "{\"stream_options\":{\"include_usage\":"
                                  "false}}";

    far = (uint64_t) 5 << 32;

    llm_route_match(&route, (u_char *) CHAT, sizeof(CHAT) - 1, 1, 0);
    llm_request_init(&r, &route, 0);

    r.json.offset = far;

    llm_request_feed(&r, (u_char *) body, sizeof(body) - 1);

    is_int(llm_request_end(&r), LLM_REQUEST_OK, "a body of 20 GB");
    is_int(r.root_end, far + sizeof(body) - 2, "its end");
    is_int(llm_request_ask_usage(&r, &edit), 1, "usage is denied");
    is_int(edit.range.start, far + 35, "where it is from");
    is_int(edit.range.end, far + 40, "and to");
}


int
main(void)
{
    test_table(requests, 0);
    test_ask_usage();
    test_far();
    test_lengths();
    test_depth();
    test_damaged(requests, 0);
    test_damaged(requests, LLM_REQUEST_BOUNDS);

    return tap_done();
}
