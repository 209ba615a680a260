
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


int
main(void)
{
    test_table(bounds, LLM_REQUEST_BOUNDS);
    test_long_type();
    test_depth();
    test_damaged(bounds, LLM_REQUEST_BOUNDS);

    return tap_done();
}
