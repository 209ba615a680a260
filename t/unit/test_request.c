
/*
 * Copyright (C) the llm_quota authors
 */


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

#define USER(content)  "{\"messages\":[{\"role\":\"user\",\"content\":"        \
                       content "}]}"
#define PART(part)     USER("[{\"type\":\"text\",\"text\":\"x\"}," part "]")
#define TOOL(tool)     "{\"tools\":[" tool "]}"
#define ITEM(item)     "{\"input\":[" item "]}"


static const test_request_t  requests[] = {

    /* what an ordinary request says */

    { CHAT, "{}", "empty" },
    { CHAT, " \r\n\t{ \n } \n", "empty" },
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
      "options={\"include_usage\":false}" },
    { CHAT, "{\"stream_options\":{\"include_usage\":null}}",
      "options={\"include_usage\":null}" },
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
    { INTERACTIONS, "{\"background\":true,\"stream\":true,\"model\":\"g\"}",
      "model=g stream stream_set background" },

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
    { CHAT, "{\"n_predict\":600}", "" },
    { CHAT, "{\"max_output_tokens\":5}", "" },
    { COMPLETIONS, "{\"max_tokens\":5}", "cap=5" },
    { COMPLETIONS, "{\"max_completion_tokens\":5}", "" },
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
    { CONVERSE, "{\"additionalModelRequestFields\":{\"max_tokens\":9}}", "" },
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
    { LLAMACPP, "{\"n_predict\":5}", "cap=5" },
    { LLAMACPP, "{\"max_tokens\":5}", "" },
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
    { LLAMACPP, "{\"max_tokens\":9,\"n_predict\":-1}", "no_cap=-1" },
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


/* With bounds. */

static const test_request_t  bounds[] = {
    { CHAT, "{\"model\":\"m\",\"max_tokens\":5,\"messages\":[]}",
      "model=m cap=5" },
    { CHAT, USER("\"https://x/y.png file_id\""), "" },
    { CHAT, USER("null"), "" },
    { CHAT, PART("{\"text\":\"\\\"image_url\\\":\\\"http:\\\"\"}"), "" },

    /* stored or remote input */

    { RESPONSES, "{\"previous_response_id\":\"resp_1\"}",
      "outside=previous_response_id" },
    { RESPONSES, "{\"previous_response_id\":null}", "" },
    { RESPONSES, "{\"previous_response_id\":\"\"}", "" },
    { RESPONSES, "{\"conversation\":\"conv_1\"}", "outside=conversation" },
    { RESPONSES, "{\"conversation\":{\"id\":\"conv_1\"}}",
      "outside=conversation" },
    { RESPONSES, "{\"prompt\":{\"id\":\"pmpt_1\"}}", "outside=prompt" },
    { RESPONSES, "{\"prompt\":null}", "" },
    { IMAGES, "{\"prompt\":\"a cat\"}", "" },
    { COMPLETIONS, "{\"prompt\":[\"a\",\"b\"]}", "times=2" },
    { INTERACTIONS, "{\"previous_interaction_id\":\"i\"}",
      "outside=previous_interaction_id" },
    { COHERE, "{\"conversation_id\":\"c\"}", "outside=conversation_id" },
    { "/v1/agents/completions", "{\"agent_id\":\"a\"}", "outside=agent_id" },
    { CHAT, "{\"data_sources\":[{}]}", "outside=data_sources" },
    { CHAT, "{\"data_sources\":[]}", "" },
    { CHAT, "{\"extra_body\":{\"google\":{\"cached_content\":\"c\"}}}",
      "outside=cachedContent" },
    { GEMINI, "{\"cachedContent\":\"cachedContents/1\"}",
      "outside=cachedContent" },
    { GEMINI, "{\"cached_content\":\"cachedContents/1\"}",
      "outside=cachedContent" },
    { CONVERSE, "{\"promptVariables\":{\"a\":{}}}",
      "outside=promptVariables" },
    { "/model/arn:aws:bedrock:r:1:prompt/P/converse", "{}",
      "outside=modelId empty" },
    { MESSAGES, "{\"container\":\"c_1\"}", "outside=container" },
    { MESSAGES, "{\"container\":{\"skills\":[]}}", "outside=container" },
    { MESSAGES, "{\"container\":null}", "" },

    { MESSAGES, "{\"context_management\":{\"edits\":[{\"type\":"
      "\"clear_tool_uses_20250919\"},{\"type\":\"clear_thinking_20251015\"}"
      "]}}", "" },
    { MESSAGES, "{\"context_management\":{\"edits\":[{\"type\":"
      "\"compact_20260112\"}]}}", "outside=context_management" },
    { RESPONSES, "{\"context_management\":[{\"type\":\"compaction\"}]}",
      "outside=context_management" },

    /* parts of messages */

    { CHAT, PART("{\"image_url\":{\"url\":\"https://x/a.png\"}}"),
      "outside=image_url" },
    { CHAT, PART("{\"image_url\":\"https://x/a.png\"}"),
      "outside=image_url" },
    { CHAT, PART("{\"image_url\":{\"url\":\"data:image/png;base64,QUJD\"}}"),
      "media" },
    { CHAT, PART("{\"image_url\":{\"url\":\"DATA:image/png;base64,QUJD\"}}"),
      "media" },
    { CHAT, PART("{\"image_url\":{\"url\":\" data:image/png\"}}"),
      "outside=image_url" },
    { CHAT, PART("{\"image_url\":{\"url\":\"data\"}}"), "outside=image_url" },
    { CHAT, PART("{\"image_url\":{\"url\":\"file-1\"}}"),
      "outside=image_url" },
    { CHAT, PART("{\"image_url\":{\"url\":null}}"), "" },
    { CHAT, PART("{\"image_url\":[]}"), "type image_url" },
    { CHAT, PART("{\"video_url\":{\"url\":\"http://x\"}}"),
      "outside=image_url" },
    { CHAT, PART("{\"document_url\":\"http://x\"}"), "outside=document_url" },
    { CHAT, PART("{\"file\":{\"file_id\":\"file-1\"}}"), "outside=file_id" },
    { CHAT, PART("{\"file_id\":\"file-1\"}"), "outside=file_id" },
    { CHAT, PART("{\"file\":{\"file_data\":\"data:application/pdf;base64,\"}}"
      ), "media" },
    { CHAT, PART("{\"file\":{\"file_data\":\"QUJD\"}}"), "media" },
    { CHAT, PART("{\"file\":{\"file_data\":\"https://x/y.pdf\"}}"),
      "outside=file_data" },
    { CHAT, PART("{\"file\":{\"file_data\":\" https://x/y.pdf\"}}"),
      "outside=file_data" },
    { CHAT, PART("{\"input_audio\":{\"data\":\"QUJD\",\"format\":\"mp3\"}}"),
      "media" },
    { CHAT, PART("{\"input_audio\":\"https://x\"}"), "outside=input_audio" },
    { CHAT, "{\"messages\":[{\"role\":\"assistant\",\"audio\":"
      "{\"id\":\"audio_1\"}}]}", "outside=audio.id" },
    { CHAT, "{\"Messages\":[]}", "variant messages" },
    { CHAT, "{\"messages\":[{\"Content\":[]}]}", "variant content" },
    { CHAT, PART("{\"Image_url\":\"x\"}"), "variant image_url" },

    { MESSAGES, PART("{\"type\":\"image\",\"source\":{\"type\":\"base64\","
      "\"media_type\":\"image/png\",\"data\":\"QUJD\"}}"), "media" },
    { MESSAGES, PART("{\"type\":\"image\",\"source\":{\"type\":\"url\","
      "\"url\":\"https://x\"}}"), "outside=source.type" },
    { MESSAGES, PART("{\"type\":\"image\",\"source\":{"
      "\"url\":\"https://x\"}}"), "outside=source.url" },
    { MESSAGES, PART("{\"type\":\"document\",\"source\":{\"file_id\":\"f\","
      "\"type\":\"file\"}}"), "outside=file_id" },
    { MESSAGES, PART("{\"type\":\"document\",\"source\":{\"type\":\"text\","
      "\"data\":\"x\"}}"), "" },
    { MESSAGES, PART("{\"type\":\"document\",\"source\":{\"type\":"
      "\"content\",\"content\":[{\"type\":\"image\",\"source\":{\"type\":"
      "\"file\"}}]}}"), "outside=source.type" },
    { MESSAGES, PART("{\"type\":\"tool_result\",\"content\":[{\"type\":"
      "\"image\",\"source\":{\"type\":\"url\",\"url\":\"http://x\"}}]}"),
      "outside=source.type" },
    { MESSAGES, PART("{\"type\":\"tool_result\",\"content\":[{\"type\":"
      "\"document\",\"source\":{\"type\":\"content\",\"content\":[{\"source\":"
      "{\"type\":\"url\"}}]}}]}"), "outside=source.type" },
    { MESSAGES, PART("{\"type\":\"tool_result\",\"content\":\"text\"}"), "" },
    { MESSAGES, PART("{\"type\":\"search_result\",\"source\":"
      "\"https://x\",\"content\":[]}"), "" },
    { MESSAGES, PART("{\"type\":\"tool_use\",\"input\":{\"file_id\":\"x\","
      "\"image_url\":\"http://x\"}}"), "" },
    { MESSAGES, PART("{\"type\":\"container_upload\",\"file_id\":\"f\"}"),
      "outside=file_id" },

    { GEMINI, "{\"contents\":[{\"parts\":[{\"text\":\"x\"}]}]}", "" },
    { GEMINI, "{\"contents\":[{\"parts\":[{\"fileData\":{\"fileUri\":"
      "\"u\"}}]}]}", "outside=file_data" },
    { GEMINI, "{\"contents\":[{\"parts\":[{\"file_data\":{}}]}]}",
      "outside=file_data" },
    { GEMINI, "{\"contents\":{\"parts\":{\"fileData\":{}}}}",
      "outside=file_data" },
    { GEMINI, "{\"system_instruction\":{\"parts\":{\"fileData\":{}}}}",
      "outside=file_data" },
    { GEMINI, "{\"systemInstruction\":{\"parts\":[{\"fileData\":{}}]}}",
      "outside=file_data" },
    { GEMINI, "{\"contents\":[{\"parts\":[{\"inlineData\":{\"data\":"
      "\"QUJD\"}}]}]}", "media" },
    { GEMINI, "{\"contents\":[{\"parts\":[{\"functionResponse\":{\"parts\":"
      "[{\"fileData\":{}}]}}]}]}", "outside=file_data" },
    { EMBED, "{\"requests\":[{\"content\":{\"parts\":[{\"fileData\":{}}]}}]}",
      "cap=0 outside=file_data" },
    { INTERACTIONS, "{\"input\":\"text\"}", "" },
    { INTERACTIONS, "{\"input\":[{\"type\":\"image\",\"uri\":"
      "\"https://x\"}]}", "outside=uri" },
    { INTERACTIONS, "{\"input\":[{\"role\":\"user\",\"content\":[{\"uri\":"
      "\"https://x\"}]}]}", "outside=uri" },
    { INTERACTIONS, "{\"input\":{\"uri\":\"gs://x\"}}", "outside=uri" },
    { INTERACTIONS, "{\"input\":[{\"type\":\"image\",\"mime_type\":"
      "\"image/png\",\"data\":\"QUJD\"}]}", "media" },

    { CONVERSE, PART("{\"image\":{\"format\":\"png\",\"source\":"
      "{\"bytes\":\"QUJD\"}}}"), "media" },
    { CONVERSE, PART("{\"image\":{\"source\":{\"s3Location\":{}}}}"),
      "outside=s3Location" },
    { CONVERSE, PART("{\"toolResult\":{\"content\":[{\"document\":{\"source\":"
      "{\"s3Location\":{\"uri\":\"s3://x\"}}}}]}}"), "outside=s3Location" },
    { CONVERSE, PART("{\"document\":{\"source\":{\"content\":[{\"text\":"
      "\"x\"}]}}}"), "" },
    { OLLAMA, "{\"messages\":[{\"images\":[\"QUJD\"]}]}", "stream media" },
    { OLLAMA, "{\"images\":[\"http://x\"]}", "stream outside=images" },
    { EMBEDDINGS, "{\"input\":[\"http://x\",\"y\"]}", "cap=0" },
    { EMBEDDINGS, "{\"input\":[{\"image\":\"http://x\"}]}",
      "cap=0 outside=image" },
    { EMBEDDINGS, "{\"input\":[{\"image\":\"QUJD\"}]}", "cap=0 media" },
    { "/v1/rerank", "{\"documents\":[\"a\",{\"text\":\"b\"},{\"image\":"
      "{\"url\":\"http://x\"}}]}", "cap=0 outside=image_url" },

    /* the items of responses */

    { RESPONSES, "{\"input\":\"text\"}", "" },
    { RESPONSES, ITEM("{\"role\":\"user\",\"content\":\"x\"}"), "" },
    { RESPONSES, ITEM("{\"type\":\"message\",\"content\":[]}"), "" },
    { RESPONSES, ITEM("{\"content\":[{\"type\":\"input_image\","
      "\"image_url\":\"http://x\"}]}"), "outside=image_url" },
    { RESPONSES, ITEM("{\"content\":[{\"type\":\"input_image\","
      "\"file_id\":\"f\"}]}"), "outside=file_id" },
    { RESPONSES, ITEM("{\"content\":[{\"type\":\"input_file\","
      "\"file_url\":\"http://x\"}]}"), "outside=file_url" },
    { RESPONSES, ITEM("{\"content\":[{\"type\":\"input_file\","
      "\"file_data\":\"QUJD\"}]}"), "media" },
    { RESPONSES, ITEM("{\"type\":\"function_call_output\",\"output\":\"x\"}"),
      "" },
    { RESPONSES, ITEM("{\"type\":\"function_call_output\",\"output\":["
      "{\"type\":\"input_image\",\"image_url\":\"http://x\"}]}"),
      "outside=image_url" },
    { RESPONSES, ITEM("{\"type\":\"computer_call_output\",\"output\":"
      "{\"file_id\":\"f\"}}"), "outside=file_id" },
    { RESPONSES, ITEM("{\"type\":\"item_reference\",\"id\":\"msg_1\"}"),
      "outside=input" },
    { RESPONSES, ITEM("{\"id\":\"msg_1\"}"), "outside=input" },
    { RESPONSES, ITEM("{\"id\":\"msg_1\",\"type\":null}"), "outside=input" },
    { RESPONSES, ITEM("{\"type\":\"item_reference\",\"id\":\"m\","
      "\"content\":\"x\"}"), "outside=input" },
    { RESPONSES, ITEM("{\"type\":\"item_reference\",\"type\":\"message\","
      "\"content\":\"x\"}"), "outside=input" },
    { RESPONSES, ITEM("{\"type\":\"reasoning\",\"id\":\"rs_1\","
      "\"summary\":[]}"), "outside=input" },
    { RESPONSES, ITEM("{\"type\":\"reasoning\",\"id\":\"rs_1\","
      "\"encrypted_content\":\"x\"}"), "" },
    { RESPONSES, ITEM("{\"type\":\"reasoning\",\"encrypted_content\":\"x\"},"
      "{\"type\":\"reasoning\"}"), "outside=input" },
    { RESPONSES, ITEM("{\"type\":\"message\",\"content\":\"x\"},{}"),
      "outside=input" },
    { RESPONSES, ITEM("{\"type\":\"web_search_call\",\"id\":\"ws_1\"}"),
      "outside=input" },
    { RESPONSES, ITEM("{\"type\":1}"), "type input.type" },

    /* tools */

    { CHAT, TOOL(""), "" },
    { CHAT, TOOL("{\"type\":\"function\",\"function\":{\"type\":\"x\"}}"),
      "" },
    { CHAT, TOOL("{\"type\":\"custom\",\"custom\":{}}"), "" },
    { CHAT, TOOL("{\"function\":{\"name\":\"f\"}}"), "" },
    { MESSAGES, TOOL("{\"name\":\"f\",\"input_schema\":{\"type\":\"x\"}}"),
      "" },
    { MESSAGES, TOOL("{\"type\":null,\"name\":\"f\"}"), "" },
    { MESSAGES, TOOL("{\"type\":\"bash_20250124\",\"name\":\"bash\"},"
      "{\"type\":\"text_editor_20250728\"},{\"type\":\"computer_20250124\"},"
      "{\"type\":\"memory_20250818\"}"), "" },
    { MESSAGES, TOOL("{\"type\":\"bash\"}"), "tool=bash" },
    { MESSAGES, TOOL("{\"name\":\"f\"},{\"type\":\"web_search_20250305\"},"
      "{\"type\":\"web_fetch_20250910\"}"), "tool=web_search_20250305" },
    { MESSAGES, TOOL("{\"type\":\"code_execution_20250825\"}"),
      "tool=code_execution_20250825" },
    { MESSAGES, TOOL("{\"type\":\"mcp_toolset\"}"), "tool=mcp_toolset" },
    { MESSAGES, "{\"mcp_servers\":[{\"type\":\"url\"}]}", "tool=mcp" },
    { MESSAGES, "{\"mcp_servers\":[]}", "" },
    { RESPONSES, TOOL("{\"type\":\"web_search\"}"), "tool=web_search" },
    { RESPONSES, TOOL("{\"type\":\"code_interpreter\",\"container\":{}}"),
      "tool=code_interpreter" },
    { RESPONSES, TOOL("{\"type\":\"mcp\"}"), "tool=mcp" },
    { RESPONSES, TOOL("{\"type\":\"local_shell\"},{\"type\":\"apply_patch\"},"
      "{\"type\":\"computer_use_preview\"}"), "" },
    { RESPONSES, TOOL("{\"type\":\"what_comes_next\"}"),
      "tool=what_comes_next" },
    { RESPONSES, TOOL("{\"type\":\"function\",\"type\":\"web_search\"}"),
      "tool=web_search" },
    { RESPONSES, TOOL("{\"type\":\"\"}"), "tool=tools.type" },
    { RESPONSES, TOOL("{\"type\":\"a\\u0000\\n\xc3\xa9\"}"), "tool=a????" },
    { RESPONSES, TOOL("{\"type\":1}"), "type tools.type" },
    { RESPONSES, TOOL("{\"Type\":\"x\"}"), "variant tools.type" },
    { RESPONSES, TOOL("{}"), "tool=tools" },
    { CHAT, "{\"web_search_options\":{}}", "tool=web_search" },
    { CHAT, "{\"web_search_options\":null}", "" },
    { CHAT, "{\"search_parameters\":{}}", "tool=search_parameters" },
    { CHAT, "{\"enable_search\":true}", "tool=enable_search" },
    { CHAT, "{\"enable_search\":false}", "" },
    { CHAT, "{\"plugins\":[{\"id\":\"web\"}]}", "tool=plugins" },
    { COHERE, "{\"connectors\":[{\"id\":\"web-search\"}]}",
      "tool=connectors" },
    { GEMINI, TOOL("{\"functionDeclarations\":[]}"), "" },
    { GEMINI, TOOL("{\"function_declarations\":[]}"), "" },
    { GEMINI, TOOL("{\"googleSearch\":{}}"), "tool=google_search" },
    { GEMINI, TOOL("{\"google_search\":{}}"), "tool=google_search" },
    { GEMINI, TOOL("{\"functionDeclarations\":[],\"codeExecution\":{}}"),
      "tool=code_execution" },
    { GEMINI, TOOL("{\"urlContext\":{}}"), "tool=url_context" },
    { GEMINI, TOOL("{\"newTool\":{}}"), "tool=tools" },
    { INTERACTIONS, TOOL("{\"type\":\"google_search\"}"),
      "tool=google_search" },
    { INTERACTIONS, "{\"agent\":\"deep-research\"}", "tool=agent" },
    { CONVERSE, "{\"toolConfig\":{\"tools\":[{\"toolSpec\":{}},"
      "{\"cachePoint\":{}}]}}", "" },
    { CONVERSE, "{\"toolConfig\":{\"tools\":[{\"systemTool\":{\"name\":"
      "\"nova_grounding\"}}]}}", "tool=system_tool" },

    /* several at once: the first of each */

    { CHAT, "{\"web_search_options\":{},\"tools\":[{\"type\":\"x\"}],"
      "\"conversation\":\"a\",\"previous_response_id\":\"b\"}",
      "outside=conversation tool=web_search" },
    { NULL, NULL, NULL }
};


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
        "ok", "not json", "duplicate", "variant", "type", "too long"
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

    if (r->server_tool[0] != '\0') {
        p += sprintf(p, " tool=%s", r->server_tool);
    }

    p += sprintf(p, "%s%s", r->media ? " media" : "",
                 r->empty ? " empty" : "");

    if (r->max_output == -1) {
        p = test_span(p, "no_cap", &r->no_cap, body);
    }

    p = test_span(p, "options", &r->stream_options, body);

    if (r->root_end >= r->length || body[r->root_end] != '}') {
        p += sprintf(p, " (the root ends elsewhere)");
    }

    return words[0] ? words + 1 : words;
}


static void
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

    len = sprintf((char *) body, "{\"tools\":[{\"type\":\"");
    memset(body + len, 't', 1000);
    memcpy(body + len + 1000, "\"}]}", 4);
    test_feed(&r, CHAT, body, len + 1004, 7, LLM_REQUEST_BOUNDS);
    is_int(strlen(r.server_tool), LLM_REQUEST_WORD, "a long type is cut");
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

    len = sprintf((char *) body, "{\"messages\":[{\"content\":");

    for (i = 0; i < 1000; i++) {
        len += sprintf((char *) body + len, "[{\"content\":");
    }

    len += sprintf((char *) body + len, "1");

    for (i = 0; i < 1000; i++) {
        len += sprintf((char *) body + len, "}]");
    }

    len += sprintf((char *) body + len, "}],\"model\":\"m\"}");

    test_feed(&r, CHAT, body, len, 11, LLM_REQUEST_BOUNDS);
    is_int(r.error, LLM_REQUEST_OK, "content in content");
    is_mem(r.model, r.model_len, "m", "the model after it");
}


/*
 * Bodies with a few bytes changed: cut in pieces or not, the same is read; and
 * what jansson takes for an object is one here, with the same model and cap.
 */

static void
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


int
main(void)
{
    test_table(requests, 0);
    test_table(bounds, LLM_REQUEST_BOUNDS);
    test_lengths();
    test_depth();
    test_damaged(requests, 0);
    test_damaged(requests, LLM_REQUEST_BOUNDS);
    test_damaged(bounds, LLM_REQUEST_BOUNDS);

    return tap_done();
}
