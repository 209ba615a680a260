
/*
 * Copyright (C) the llm_quota authors
 */


#include "request.h"


#define USER(content)  "{\"messages\":[{\"role\":\"user\",\"content\":"        \
                       content "}]}"
#define PART(part)     USER("[{\"type\":\"text\",\"text\":\"x\"}," part "]")
#define TOOL(tool)     "{\"tools\":[" tool "]}"
#define ITEM(item)     "{\"input\":[" item "]}"


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
    { RUNS, "{\"assistant_id\":\"a\"}", "background outside=thread" },
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
    { CHAT, PART("{\"image_url\":{\"url\":\"xata:,x\"}}"),
      "outside=image_url" },
    { CHAT, PART("{\"image_url\":{\"url\":\"file-1\"}}"),
      "outside=image_url" },
    { CHAT, PART("{\"image_url\":{\"url\":null}}"), "" },
    { CHAT, PART("{\"image_url\":{\"url\":\"\"}}"), "" },
    { CHAT, PART("{\"image_url\":[]}"), "type image_url" },
    { CHAT, PART("{\"video_url\":{\"url\":\"http://x\"}}"),
      "outside=image_url" },
    { CHAT, PART("{\"document_url\":\"http://x\"}"), "outside=document_url" },
    { CHAT, PART("{\"file\":{\"file_id\":\"file-1\"}}"), "outside=file_id" },
    { CHAT, PART("{\"file_id\":\"file-1\"}"), "outside=file_id" },
    { CHAT, PART("{\"file\":{\"file_data\":\"data:application/pdf;base64,\"}}"
      ), "media" },
    { CHAT, PART("{\"file\":{\"file_data\":\"QUJD\"}}"), "media" },
    { CHAT, PART("{\"file_data\":\"AZaz09+/==\"}"), "media" },
    { CHAT, PART("{\"file_data\":\"-_\"}"), "media" },
    { CHAT, PART("{\"file_data\":\"\"}"), "" },
    { CHAT, PART("{\"file_data\":\" QUJD\"}"), "outside=file_data" },
    { CHAT, PART("{\"file_data\":\"QU,JD\"}"), "outside=file_data" },
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

    { COHERE, "{\"documents\":[{\"URI\":\"http://x\",\"uri\":\"u\"}]}", "" },

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
    { MESSAGES, TOOL("{\"type\":\"bash_\"}"), "" },
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
    { RESPONSES, TOOL("{\"type\":\"a\\u0000\\n\xc3\xa9 \"}"), "tool=a?????" },
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

    /* a query is read with each document */

    { RERANK, "{\"query\":\"abc\",\"documents\":[\"d\"]}", "cap=0" },
    { RERANK, "{\"query\":\"abc\",\"documents\":[\"d\",\"e\",[1,2],"
      "{\"text\":\"f\"}]}", "cap=0 again=15" },
    { RERANK, "{\"texts\":[\"d\",\"e\",\"f\"],\"query\":\"a\\u0062\"}",
      "cap=0 again=18" },
    { RERANK, "{\"documents\":[1,2,3],\"query\":{\"text\":[\"x\"]}}",
      "cap=0 again=28" },
    { RERANK, "{\"documents\":[\"d\",\"e\"],\"query\":[\"x\"],"
      "\"query\":[\"yz\"]}", "cap=0 again=11" },
    { RERANK, "{\"documents\":[{\"image\":\"http://x\"},\"e\"],"
      "\"query\":1}", "cap=0 outside=image again=1" },
    { CHAT, "{\"documents\":[\"d\",\"e\"],\"query\":\"abc\"}", "" },

    /* transcripts and edits, even without a form */

    { AUDIO, "{\"model\":\"m\",\"n\":2,\"max_tokens\":9}",
      "model=m raise=9 times=2 outside=file" },

    { CHAT, "{\"web_search_options\":{},\"tools\":[{\"type\":\"x\"}],"
      "\"conversation\":\"a\",\"previous_response_id\":\"b\"}",
      "outside=conversation tool=web_search" },
    { NULL, NULL, NULL }
};


static void
test_long_type(void)
{
    size_t          len;
    u_char          body[2048];
    llm_request_t   r;

    len = sprintf((char *) body, "{\"tools\":[{\"type\":\"");
    memset(body + len, 't', 1000);
    memcpy(body + len + 1000, "\"}]}", 4);
    test_feed(&r, CHAT, body, len + 1004, 7, LLM_REQUEST_BOUNDS);
    is_int(strlen(r.server_tool), LLM_REQUEST_WORD, "a long type is cut");
}


static void
test_depth(void)
{
    size_t          i, len;
    static u_char   body[20000];
    llm_request_t   r;

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


/* What a provider puts before the model for tools; 0 without LLM_HIDDEN_TOOLS
   for none. */

static void
test_hidden(void)
{
    unsigned        i;
    llm_request_t   r;

    static const struct {
        const char  *uri;
        const char  *body;
        int64_t      hidden;
    } bodies[] = {
        { CHAT, "{\"messages\":[]}", 0 },
        { CHAT, TOOL(""), 0 },
        { CHAT, "{\"tool_choice\":\"auto\"}", 0 },
        { CHAT, TOOL("{\"type\":\"function\",\"function\":{}}"),
          1024 + 64 },
        { CHAT, TOOL("{\"type\":\"function\",\"function\":{}},"
          "{\"type\":\"custom\",\"custom\":{}}"), 1024 + 2 * 64 },
        { MESSAGES, TOOL("{\"name\":\"f\",\"input_schema\":{}}"), 1024 + 64 },
        { MESSAGES, TOOL("{\"type\":\"bash_20250124\",\"name\":\"bash\"}"),
          1024 + 64 + 2048 },
        { MESSAGES, TOOL("{\"type\":\"computer_20250124\"},{\"name\":\"f\"}"),
          1024 + 2 * 64 + 2048 },
        { RESPONSES, TOOL("{\"type\":\"local_shell\"}"), 1024 + 64 + 2048 },
        { CONVERSE, "{\"toolConfig\":{\"tools\":[{\"toolSpec\":{}}]}}",
          1024 + 64 },
        { GEMINI, TOOL("{\"functionDeclarations\":[]}"), 1024 + 64 }
    };

    for (i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        test_feed(&r, bodies[i].uri, (u_char *) bodies[i].body,
                  strlen(bodies[i].body), 5, LLM_REQUEST_BOUNDS);

        is_int(r.hidden, bodies[i].hidden, "hidden: %s", bodies[i].body);
    }
}


static void
test_speed(void)
{
    unsigned        i;
    llm_request_t   r;

    static const struct {
        const char  *body;
        uint64_t     traits;
    } bodies[] = {
        { "{\"speed\":\"fast\"}", LLM_TRAIT_FAST },
        { "{\"speed\":\"standard\"}", 0 },
        { "{\"speed\":null}", 0 },
        { "{\"speed\":1}", 0 },
        { "{\"messages\":[{\"speed\":\"fast\"}]}", 0 }
    };

    for (i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        test_feed(&r, MESSAGES, (u_char *) bodies[i].body,
                  strlen(bodies[i].body), 3, LLM_REQUEST_BOUNDS);

        is_int(r.error, LLM_REQUEST_OK, "%s", bodies[i].body);
        is_int(r.traits, bodies[i].traits, "its speed");
    }
}


/* A body with text, and one with so many bytes of base64 in it, in pieces of
   all sizes. */

static uint64_t
encoded(size_t text, size_t media, size_t max)
{
    size_t          i, len;
    u_char         *body;
    llm_request_t   r;

    static const char  words[] = "a picture, \\\"quoted\\\" in a_longer word; ";
    static const char  digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmno"
                                  "pqrstuvwxyz0123456789+/";

    body = malloc(text + media + 100);
    len = sprintf((char *) body, "{\"model\":\"m\",\"text\":\"");

    for (i = 0; i < text; i++) {
        body[len++] = (u_char) words[i % (sizeof(words) - 1)];
    }

    while (body[len - 1] == '\\') {
        len--;
    }

    len += sprintf((char *) body + len, "\",\"data\":\"");

    for (i = 0; i < media; i++) {
        body[len++] = (u_char) digits[test_random(64)];
    }

    len += sprintf((char *) body + len, "\"}");

    test_feed(&r, CHAT, body, len, max, 0);
    ok(r.error == LLM_REQUEST_OK && r.length == len, "a body");
    free(body);

    return r.encoded;
}


static void
test_encoded(void)
{
    uint64_t  n;

    is_int(encoded(100000, 0, 0), 0, "text is no media");
    is_int(encoded(100000, 0, 4096), 0, "in pieces neither");
    is_int(encoded(10, 100, 0), 0, "nor is what is small");

    n = encoded(50000, 100000, 0);
    ok(n >= 99000 && n <= 101000, "100000 bytes of media: %d", (int) n);

    n = encoded(50000, 100000, 8192);
    ok(n >= 95000 && n <= 101000, "nearly as much in pieces: %d", (int) n);
}


int
main(void)
{
    test_table(bounds, LLM_REQUEST_BOUNDS);
    test_long_type();
    test_hidden();
    test_speed();
    test_encoded();
    test_depth();
    test_damaged(bounds, LLM_REQUEST_BOUNDS);

    return tap_done();
}
