
/*
 * Copyright (C) the llm_quota authors
 */


#include <stddef.h>

#include "llm_member.h"


/*
 * Two trees for each API: what every request is read for, which costs little,
 * and the same with all that can make a bound void, for which the scanner
 * must look into messages and tools.  The second part is one for all APIs: a
 * reference that one of them does not know is none the less no reason to
 * trust a bound.
 *
 * Of two spellings of one member (Google's servers take both) the fields are
 * the same, so that both together are a duplicate.
 */


#define LLM_S    (1 << LLM_JSON_STRING)
#define LLM_N    (1 << LLM_JSON_NUMBER)
#define LLM_B    (1 << LLM_JSON_FALSE | 1 << LLM_JSON_TRUE)
#define LLM_O    (1 << LLM_JSON_OBJECT)
#define LLM_A    (1 << LLM_JSON_ARRAY)
#define LLM_ANY  0xff


/* The fields: name in C, name in messages, kind, types, whether it may stand
   but once.  Those that may are the first, as a bit is kept for each. */

#define LLM_MEMBERS(M)                                                        \
    M(none, "", FOLLOW, LLM_ANY, 0)                                           \
    M(root, "", ROOT, LLM_ANY, 1)                                             \
    M(model, "model", MODEL, LLM_S, 1)                                        \
    M(stream, "stream", STREAM, LLM_B, 1)                                     \
    M(stream_options, "stream_options", STREAM_OPTIONS, LLM_O, 1)             \
    M(include_usage, "stream_options.include_usage", INCLUDE_USAGE, LLM_B, 1) \
    M(background, "background", BACKGROUND, LLM_B, 1)                         \
    M(service_tier, "service_tier", TIER, LLM_S, 1)                           \
    M(converse_tier, "serviceTier", FOLLOW, LLM_O, 1)                         \
    M(user, "user", USER, LLM_S, 1)                                           \
    M(metadata, "metadata", FOLLOW, LLM_O, 1)                                 \
    M(user_id, "metadata.user_id", USER_ID, LLM_S, 1)                         \
    M(safety_identifier, "safety_identifier", SAFETY_IDENTIFIER, LLM_S, 1)    \
                                                                              \
    M(max_tokens, "max_tokens", CAP, LLM_N, 1)                                \
    M(max_tokens_too, "max_tokens", RAISE, LLM_N, 1)                          \
    M(max_completion, "max_completion_tokens", CAP, LLM_N, 1)                 \
    M(max_completion_too, "max_completion_tokens", RAISE, LLM_N, 1)           \
    M(max_output, "max_output_tokens", CAP, LLM_N, 1)                         \
    M(max_to_sample, "max_tokens_to_sample", CAP, LLM_N, 1)                   \
    M(max_gen_len, "max_gen_len", CAP, LLM_N, 1)                              \
    M(n_predict, "n_predict", CAP_OR_NONE, LLM_N, 1)                          \
    M(n_predict_too, "n_predict", RAISE, LLM_N, 1)                            \
    M(n, "n", TIMES, LLM_N, 1)                                                \
    M(best_of, "best_of", TIMES, LLM_N, 1)                                    \
    M(n_cmpl, "n_cmpl", TIMES, LLM_N, 1)                                      \
    M(num_generations, "num_generations", TIMES, LLM_N, 1)                    \
    M(prompts, "prompt", FOLLOW, LLM_S | LLM_O | LLM_A, 1)                    \
    M(generation, "generationConfig", FOLLOW, LLM_O, 1)                       \
    M(generation_max, "generationConfig.maxOutputTokens", CAP, LLM_N, 1)      \
    M(candidates, "generationConfig.candidateCount", TIMES, LLM_N, 1)         \
    M(inference, "inferenceConfig", FOLLOW, LLM_O, 1)                         \
    M(inference_max, "inferenceConfig.maxTokens", CAP, LLM_N, 1)              \
    M(inference_new, "inferenceConfig.max_new_tokens", CAP, LLM_N, 1)         \
    M(titan, "textGenerationConfig", FOLLOW, LLM_O, 1)                        \
    M(titan_max, "textGenerationConfig.maxTokenCount", CAP, LLM_N, 1)         \
    M(additional, "additionalModelRequestFields", FOLLOW, LLM_ANY, 1)         \
    M(additional_max, "additionalModelRequestFields.max_tokens", RAISE,       \
      LLM_N, 1)                                                               \
    M(options, "options", FOLLOW, LLM_O, 1)                                   \
    M(num_predict, "options.num_predict", CAP_OR_NONE, LLM_N, 1)              \
    M(parameters, "parameters", FOLLOW, LLM_O, 1)                             \
    M(parameters_new, "parameters.max_new_tokens", CAP, LLM_N, 1)             \
    M(parameters_best_of, "parameters.best_of", TIMES, LLM_N, 1)              \
    M(sequences, "parameters.num_return_sequences", TIMES, LLM_N, 1)          \
                                                                              \
    M(prompt, "prompt", PROMPT, LLM_ANY, 0)                                   \
    M(models, "models", OTHERS, LLM_ANY, 0)                                   \
    M(fallbacks, "fallbacks", OTHERS, LLM_ANY, 0)                             \
                                                                              \
    M(messages, "messages", FOLLOW, LLM_ANY, 0)                               \
    M(content, "content", FOLLOW, LLM_ANY, 0)                                 \
    M(input, "input", FOLLOW, LLM_ANY, 0)                                     \
    M(documents, "documents", FOLLOW, LLM_ANY, 0)                             \
    M(query, "query", QUERY, LLM_ANY, 0)                                      \
    M(ranked, "documents", DOCUMENT, LLM_ANY, 0)                              \
    M(stored_prompt, "prompt", OBJECT, LLM_ANY, 0)                            \
    M(prompt_variables, "promptVariables", OUTSIDE, LLM_ANY, 0)               \
    M(previous_response, "previous_response_id", OUTSIDE, LLM_ANY, 0)         \
    M(previous_interaction, "previous_interaction_id", OUTSIDE, LLM_ANY, 0)   \
    M(conversation, "conversation", OUTSIDE, LLM_ANY, 0)                      \
    M(conversation_id, "conversation_id", OUTSIDE, LLM_ANY, 0)                \
    M(container, "container", OUTSIDE, LLM_ANY, 0)                            \
    M(cached_content, "cachedContent", OUTSIDE, LLM_ANY, 0)                   \
    M(agent_id, "agent_id", OUTSIDE, LLM_ANY, 0)                              \
    M(data_sources, "data_sources", OUTSIDE, LLM_ANY, 0)                      \
    M(extra_body, "extra_body", FOLLOW, LLM_ANY, 0)                           \
    M(context_management, "context_management", FOLLOW, LLM_ANY, 0)           \
    M(edit_type, "context_management", EDIT_TYPE, LLM_S, 0)                   \
    M(speed, "speed", SPEED, LLM_ANY, 0)                                      \
                                                                              \
    M(file_id, "file_id", OUTSIDE, LLM_ANY, 0)                                \
    M(file_url, "file_url", URL, LLM_S, 0)                                    \
    M(image_url, "image_url", URL, LLM_S | LLM_O, 0)                          \
    M(video_url, "video_url", URL, LLM_S | LLM_O, 0)                          \
    M(audio_url, "audio_url", URL, LLM_S | LLM_O, 0)                          \
    M(document_url, "document_url", URL, LLM_S | LLM_O, 0)                    \
    M(uri, "uri", URL, LLM_S, 0)                                              \
    M(s3, "s3Location", OUTSIDE, LLM_ANY, 0)                                  \
    M(audio_id, "audio.id", OUTSIDE, LLM_ANY, 0)                              \
    M(file, "file", FOLLOW, LLM_ANY, 0)                                       \
    M(file_data, "file_data", FILE, LLM_S | LLM_O, 0)                         \
    M(input_audio, "input_audio", DATA, LLM_S | LLM_O, 0)                     \
    M(image, "image", DATA, LLM_S | LLM_O, 0)                                 \
    M(images, "images", DATA, LLM_S | LLM_O, 0)                               \
    M(video, "video", DATA, LLM_S | LLM_O, 0)                                 \
    M(audio, "audio", DATA, LLM_S | LLM_O, 0)                                 \
    M(document, "document", DATA, LLM_S | LLM_O, 0)                           \
    M(media, "media", MEDIA, LLM_ANY, 0)                                      \
    M(source, "source", FOLLOW, LLM_ANY, 0)                                   \
    M(source_type, "source.type", SOURCE_TYPE, LLM_S, 0)                      \
    M(source_url, "source.url", URL, LLM_S, 0)                                \
                                                                              \
    M(item, "input", ITEM, LLM_ANY, 0)                                        \
    M(item_type, "input.type", ITEM_TYPE, LLM_S, 0)                           \
    M(item_content, "input.content", ITEM_CONTENT, LLM_ANY, 0)                \
    M(item_output, "input.output", FOLLOW, LLM_ANY, 0)                        \
    M(item_sealed, "input.encrypted_content", ITEM_SEALED, LLM_S, 0)          \
                                                                              \
    M(tools, "tools", FOLLOW, LLM_ANY, 0)                                     \
    M(tool, "tools", TOOL, LLM_ANY, 0)                                        \
    M(tool_type, "tools.type", TOOL_TYPE, LLM_S, 0)                           \
    M(tool_client, "tools", TOOL_CLIENT, LLM_ANY, 0)                          \
    M(google_search, "google_search", TOOL_SERVER, LLM_ANY, 0)                \
    M(google_retrieval, "google_search_retrieval", TOOL_SERVER, LLM_ANY, 0)   \
    M(google_maps, "google_maps", TOOL_SERVER, LLM_ANY, 0)                    \
    M(code_execution, "code_execution", TOOL_SERVER, LLM_ANY, 0)              \
    M(url_context, "url_context", TOOL_SERVER, LLM_ANY, 0)                    \
    M(file_search, "file_search", TOOL_SERVER, LLM_ANY, 0)                    \
    M(enterprise_search, "enterprise_web_search", TOOL_SERVER, LLM_ANY, 0)    \
    M(retrieval, "retrieval", TOOL_SERVER, LLM_ANY, 0)                        \
    M(system_tool, "system_tool", TOOL_SERVER, LLM_ANY, 0)                    \
    M(web_search, "web_search", TOOL_SERVER, LLM_ANY, 0)                      \
    M(search_parameters, "search_parameters", TOOL_SERVER, LLM_ANY, 0)        \
    M(enable_search, "enable_search", TOOL_SERVER, LLM_ANY, 0)                \
    M(mcp_servers, "mcp", TOOL_SERVER, LLM_ANY, 0)                            \
    M(plugins, "plugins", TOOL_SERVER, LLM_ANY, 0)                            \
    M(connectors, "connectors", TOOL_SERVER, LLM_ANY, 0)                      \
    M(agent, "agent", TOOL_SERVER, LLM_ANY, 0)


#define llm_member_id(id, name, kind, types, once)  llm_field_##id,

#define llm_member_entry(id, name, kind, types, once)                         \
    { name, LLM_MEMBER_##kind, types, once },


enum {
    LLM_MEMBERS(llm_member_id)
    llm_fields
};


_Static_assert(llm_field_prompt <= 64, "a bit for each that may stand once");


const llm_member_t  llm_members[] = {
    LLM_MEMBERS(llm_member_entry)
};


#define llm_leaf(key, id)                                                     \
    LLM_JSON_NODE(key, NULL, llm_field_##id)

#define llm_branch(key, id, nodes)                                            \
    LLM_JSON_NODE(key, nodes, llm_field_##id)

#define llm_end                      LLM_JSON_END

#define LLM_PARTS  48


/* Parts hold parts, as deep as the scanner goes. */

static const llm_json_node_t  llm_parts[LLM_PARTS];


static const llm_json_node_t  llm_url[] = {
    llm_leaf("url", image_url),
    llm_end
};


static const llm_json_node_t  llm_source[] = {
    llm_leaf("type", source_type),
    llm_leaf("url", source_url),
    llm_leaf("file_id", file_id),
    llm_leaf("s3Location", s3),
    llm_leaf("bytes", media),
    llm_branch("content", content, llm_parts),
    llm_end
};


static const llm_json_node_t  llm_medium[] = {
    llm_branch("source", source, llm_source),
    llm_leaf("data", input_audio),
    llm_leaf("bytes", media),
    llm_leaf("url", image_url),
    llm_end
};


static const llm_json_node_t  llm_file[] = {
    llm_leaf("file_id", file_id),
    llm_leaf("file_url", file_url),
    llm_leaf("file_data", file_data),
    llm_end
};


static const llm_json_node_t  llm_result[] = {
    llm_branch("content", content, llm_parts),
    llm_branch("parts", content, llm_parts),
    llm_end
};


#define LLM_PART                                                              \
    llm_branch("image_url", image_url, llm_url),                              \
    llm_branch("video_url", video_url, llm_url),                              \
    llm_branch("audio_url", audio_url, llm_url),                              \
    llm_branch("document_url", document_url, llm_url),                        \
    llm_branch("input_audio", input_audio, llm_medium),                       \
    llm_branch("image", image, llm_medium),                                   \
    llm_branch("video", video, llm_medium),                                   \
    llm_branch("audio", audio, llm_medium),                                   \
    llm_branch("document", document, llm_medium),                             \
    llm_branch("pdf", document, llm_medium),                                  \
    llm_branch("file", file, llm_file),                                       \
    llm_leaf("file_id", file_id),                                             \
    llm_leaf("file_url", file_url),                                           \
    llm_leaf("file_data", file_data),                                         \
    llm_leaf("fileData", file_data),                                          \
    llm_leaf("uri", uri),                                                     \
    llm_leaf("inlineData", media),                                            \
    llm_leaf("inline_data", media),                                           \
    llm_leaf("mimeType", media),                                              \
    llm_leaf("mime_type", media),                                             \
    llm_branch("source", source, llm_source),                                 \
    llm_branch("content", content, llm_parts),                                \
    llm_branch("toolResult", content, llm_result),                            \
    llm_branch("functionResponse", content, llm_result),                      \
    llm_branch("function_response", content, llm_result)


static const llm_json_node_t  llm_part[] = {
    LLM_PART,
    llm_end
};


/* Google's servers take one element for an array of one. */

static const llm_json_node_t  llm_parts[LLM_PARTS] = {
    llm_branch("*", none, llm_part),
    LLM_PART,
    llm_end
};


static const llm_json_node_t  llm_images[] = {
    llm_leaf("*", images),
    llm_end
};


static const llm_json_node_t  llm_message_audio[] = {
    llm_leaf("id", audio_id),
    llm_end
};


#define LLM_MESSAGE                                                           \
    llm_branch("content", content, llm_parts),                                \
    llm_branch("parts", content, llm_parts),                                  \
    llm_branch("images", messages, llm_images),                               \
    llm_branch("audio", messages, llm_message_audio)


static const llm_json_node_t  llm_message[] = {
    LLM_MESSAGE,
    llm_end
};


static const llm_json_node_t  llm_messages[] = {
    llm_branch("*", none, llm_message),
    LLM_MESSAGE,
    llm_end
};


static const llm_json_node_t  llm_embed_request[] = {
    llm_branch("content", content, llm_message),
    llm_end
};


static const llm_json_node_t  llm_embed_requests[] = {
    llm_branch("*", none, llm_embed_request),
    llm_end
};


/* What else a document has is its author's choice. */

static const llm_json_node_t  llm_document[] = {
    llm_branch("image", image, llm_medium),
    llm_branch("image_url", image_url, llm_url),
    llm_end
};


static const llm_json_node_t  llm_documents[] = {
    llm_branch("*", none, llm_document),
    llm_end
};


static const llm_json_node_t  llm_item[] = {
    llm_leaf("type", item_type),
    llm_branch("content", item_content, llm_parts),
    llm_branch("output", item_output, llm_parts),
    llm_leaf("encrypted_content", item_sealed),
    llm_end
};


static const llm_json_node_t  llm_items[] = {
    llm_branch("*", item, llm_item),
    llm_end
};


static const llm_json_node_t  llm_tool[] = {
    llm_leaf("type", tool_type),
    llm_leaf("function", tool_client),
    llm_leaf("name", tool_client),
    llm_leaf("functionDeclarations", tool_client),
    llm_leaf("function_declarations", tool_client),
    llm_leaf("computerUse", tool_client),
    llm_leaf("computer_use", tool_client),
    llm_leaf("toolSpec", tool_client),
    llm_leaf("cachePoint", tool_client),
    llm_leaf("googleSearch", google_search),
    llm_leaf("google_search", google_search),
    llm_leaf("googleSearchRetrieval", google_retrieval),
    llm_leaf("google_search_retrieval", google_retrieval),
    llm_leaf("googleMaps", google_maps),
    llm_leaf("google_maps", google_maps),
    llm_leaf("codeExecution", code_execution),
    llm_leaf("code_execution", code_execution),
    llm_leaf("urlContext", url_context),
    llm_leaf("url_context", url_context),
    llm_leaf("fileSearch", file_search),
    llm_leaf("file_search", file_search),
    llm_leaf("enterpriseWebSearch", enterprise_search),
    llm_leaf("enterprise_web_search", enterprise_search),
    llm_leaf("retrieval", retrieval),
    llm_leaf("systemTool", system_tool),
    llm_end
};


static const llm_json_node_t  llm_tools[] = {
    llm_branch("*", tool, llm_tool),
    llm_end
};


static const llm_json_node_t  llm_tool_config[] = {
    llm_branch("tools", tools, llm_tools),
    llm_end
};


static const llm_json_node_t  llm_mcp_servers[] = {
    llm_leaf("*", mcp_servers),
    llm_end
};


static const llm_json_node_t  llm_plugins[] = {
    llm_leaf("*", plugins),
    llm_end
};


static const llm_json_node_t  llm_connectors[] = {
    llm_leaf("*", connectors),
    llm_end
};


static const llm_json_node_t  llm_data_sources[] = {
    llm_leaf("*", data_sources),
    llm_end
};


static const llm_json_node_t  llm_edit[] = {
    llm_leaf("type", edit_type),
    llm_end
};


static const llm_json_node_t  llm_edits[] = {
    llm_branch("*", none, llm_edit),
    llm_end
};


/* An object with edits at Anthropic, an array of them at OpenAI. */

static const llm_json_node_t  llm_context_management[] = {
    llm_branch("*", none, llm_edit),
    llm_branch("edits", context_management, llm_edits),
    llm_end
};


static const llm_json_node_t  llm_google[] = {
    llm_leaf("cached_content", cached_content),
    llm_end
};


static const llm_json_node_t  llm_extra_body[] = {
    llm_branch("google", extra_body, llm_google),
    llm_end
};


#define LLM_BOUNDS                                                            \
    llm_branch("messages", messages, llm_messages),                           \
    llm_branch("contents", messages, llm_messages),                           \
    llm_branch("content", content, llm_message),                              \
    llm_branch("requests", messages, llm_embed_requests),                     \
    llm_branch("system_instruction", messages, llm_message),                  \
    llm_branch("systemInstruction", messages, llm_message),                   \
    llm_branch("input", input, llm_parts),                         \
    llm_branch("inputs", input, llm_messages),                                \
    llm_branch("images", messages, llm_images),                               \
    llm_branch("documents", documents, llm_documents),                        \
    llm_leaf("prompt", stored_prompt),                                        \
    llm_leaf("promptVariables", prompt_variables),                            \
    llm_leaf("previous_response_id", previous_response),                      \
    llm_leaf("previous_interaction_id", previous_interaction),                \
    llm_leaf("conversation", conversation),                                   \
    llm_leaf("conversation_id", conversation_id),                             \
    llm_leaf("container", container),                                         \
    llm_leaf("cachedContent", cached_content),                                \
    llm_leaf("cached_content", cached_content),                               \
    llm_leaf("agent_id", agent_id),                                           \
    llm_branch("data_sources", messages, llm_data_sources),                   \
    llm_branch("extra_body", extra_body, llm_extra_body),                     \
    llm_branch("context_management", context_management,                      \
               llm_context_management),                                       \
    llm_branch("tools", tools, llm_tools),                                    \
    llm_branch("toolConfig", tools, llm_tool_config),                         \
    llm_branch("mcp_servers", tools, llm_mcp_servers),                        \
    llm_branch("plugins", tools, llm_plugins),                                \
    llm_branch("connectors", tools, llm_connectors),                          \
    llm_leaf("web_search_options", web_search),                               \
    llm_leaf("search_parameters", search_parameters),                         \
    llm_leaf("enable_search", enable_search),                                 \
    llm_leaf("agent", agent),                                                 \
    llm_leaf("speed", speed)


static const llm_json_node_t  llm_metadata[] = {
    llm_leaf("user_id", user_id),
    llm_end
};


static const llm_json_node_t  llm_stream_options[] = {
    llm_leaf("include_usage", include_usage),
    llm_end
};


static const llm_json_node_t  llm_prompts[] = {
    llm_leaf("*", prompt),
    llm_end
};


static const llm_json_node_t  llm_generation[] = {
    llm_leaf("maxOutputTokens", generation_max),
    llm_leaf("max_output_tokens", generation_max),
    llm_leaf("candidateCount", candidates),
    llm_leaf("candidate_count", candidates),
    llm_end
};


static const llm_json_node_t  llm_inference[] = {
    llm_leaf("maxTokens", inference_max),
    llm_end
};


static const llm_json_node_t  llm_nova_inference[] = {
    llm_leaf("maxTokens", inference_max),
    llm_leaf("max_new_tokens", inference_new),
    llm_end
};


static const llm_json_node_t  llm_titan[] = {
    llm_leaf("maxTokenCount", titan_max),
    llm_end
};


static const llm_json_node_t  llm_additional[] = {
    llm_leaf("max_tokens", additional_max),
    llm_end
};


static const llm_json_node_t  llm_converse_tier[] = {
    llm_leaf("type", service_tier),
    llm_end
};


static const llm_json_node_t  llm_options[] = {
    llm_leaf("num_predict", num_predict),
    llm_end
};


static const llm_json_node_t  llm_parameters[] = {
    llm_leaf("max_new_tokens", parameters_new),
    llm_leaf("best_of", parameters_best_of),
    llm_leaf("num_return_sequences", sequences),
    llm_end
};


#define LLM_COMMON                                                            \
    llm_leaf("model", model),                                                 \
    llm_leaf("models", models),                                               \
    llm_leaf("fallbacks", fallbacks),                                         \
    llm_leaf("stream", stream),                                               \
    llm_leaf("user", user),                                                   \
    llm_branch("metadata", metadata, llm_metadata),                           \
    llm_leaf("safety_identifier", safety_identifier),                         \
    llm_leaf("service_tier", service_tier)

#define llm_trees(api, ...)                                                   \
    static const llm_json_node_t  llm_##api[] = {                             \
        __VA_ARGS__, llm_end                                                  \
    };                                                                        \
                                                                              \
    static const llm_json_node_t  llm_##api##_bounds[] = {                    \
        __VA_ARGS__, LLM_BOUNDS, llm_end                                      \
    }


llm_trees(chat,
    LLM_COMMON,
    llm_leaf("max_tokens", max_tokens),
    llm_leaf("max_completion_tokens", max_completion),
    llm_branch("stream_options", stream_options, llm_stream_options),
    llm_leaf("n", n),
    llm_leaf("n_predict", n_predict_too),
    llm_leaf("best_of", best_of),
    llm_leaf("n_cmpl", n_cmpl)
);


llm_trees(completions,
    LLM_COMMON,
    llm_leaf("max_tokens", max_tokens),
    llm_branch("prompt", prompts, llm_prompts),
    llm_branch("stream_options", stream_options, llm_stream_options),
    llm_leaf("n", n),
    llm_leaf("best_of", best_of),
    llm_leaf("n_cmpl", n_cmpl),
    llm_leaf("n_predict", n_predict_too),
    llm_leaf("max_completion_tokens", max_completion_too)
);


#define LLM_RESPONSES                                                         \
    llm_leaf("max_output_tokens", max_output),                                \
    llm_leaf("background", background)

static const llm_json_node_t  llm_responses[] = {
    LLM_COMMON, LLM_RESPONSES, llm_end
};


static const llm_json_node_t  llm_responses_bounds[] = {
    llm_branch("input", input, llm_items),
    LLM_COMMON, LLM_RESPONSES, LLM_BOUNDS, llm_end
};


llm_trees(anthropic,
    LLM_COMMON,
    llm_leaf("max_tokens", max_tokens),
    llm_leaf("max_tokens_to_sample", max_to_sample)
);


llm_trees(gemini,
    LLM_COMMON,
    llm_branch("generationConfig", generation, llm_generation),
    llm_branch("generation_config", generation, llm_generation),
    llm_leaf("serviceTier", service_tier),
    llm_leaf("background", background)
);


llm_trees(invoke,
    LLM_COMMON,
    llm_leaf("max_tokens", max_tokens),
    llm_leaf("max_completion_tokens", max_completion),
    llm_leaf("max_tokens_to_sample", max_to_sample),
    llm_leaf("max_gen_len", max_gen_len),
    llm_branch("inferenceConfig", inference, llm_nova_inference),
    llm_branch("textGenerationConfig", titan, llm_titan),
    llm_leaf("n", n),
    llm_leaf("num_generations", num_generations)
);


llm_trees(converse,
    LLM_COMMON,
    llm_branch("inferenceConfig", inference, llm_inference),
    llm_branch("additionalModelRequestFields", additional, llm_additional),
    llm_branch("serviceTier", converse_tier, llm_converse_tier)
);


llm_trees(ollama,
    LLM_COMMON,
    llm_branch("options", options, llm_options)
);


llm_trees(cohere,
    LLM_COMMON,
    llm_leaf("max_tokens", max_tokens),
    llm_leaf("num_generations", num_generations)
);


llm_trees(tgi,
    LLM_COMMON,
    llm_branch("parameters", parameters, llm_parameters)
);


llm_trees(llamacpp,
    LLM_COMMON,
    llm_leaf("n_predict", n_predict),
    llm_leaf("max_tokens", max_tokens_too),
    llm_branch("prompt", prompts, llm_prompts),
    llm_leaf("n", n),
    llm_leaf("n_cmpl", n_cmpl)
);


llm_trees(runs,
    LLM_COMMON,
    llm_leaf("max_completion_tokens", max_completion)
);


static const llm_json_node_t  llm_embeddings[] = {
    LLM_COMMON, llm_end
};


static const llm_json_node_t  llm_ranked[] = {
    llm_branch("*", ranked, llm_document),
    llm_end
};


/* A query is read once for each of the documents that it ranks. */

static const llm_json_node_t  llm_embeddings_bounds[] = {
    llm_leaf("query", query),
    llm_branch("documents", documents, llm_ranked),
    llm_branch("texts", documents, llm_ranked),
    LLM_COMMON, LLM_BOUNDS, llm_end
};


/* Of a form that is one only the fields at this level are read. */

llm_trees(form,
    LLM_COMMON,
    llm_leaf("max_tokens", max_tokens_too),
    llm_leaf("max_completion_tokens", max_completion_too),
    llm_leaf("n", n)
);


/* Images, speech, and what is not known: no cap to rely on. */

llm_trees(other,
    LLM_COMMON,
    llm_leaf("n", n)
);


#define llm_roots(api)                                                        \
    { llm_branch("", root, llm_##api),                                        \
      llm_branch("", root, llm_##api##_bounds) }


static const llm_json_node_t  llm_member_roots[][2] = {
    llm_roots(other),          /* LLM_API_OTHER */
    llm_roots(chat),           /* LLM_API_CHAT */
    llm_roots(completions),    /* LLM_API_COMPLETIONS */
    llm_roots(responses),      /* LLM_API_RESPONSES */
    llm_roots(embeddings),     /* LLM_API_EMBEDDINGS */
    llm_roots(anthropic),      /* LLM_API_MESSAGES */
    llm_roots(gemini),         /* LLM_API_GEMINI */
    llm_roots(invoke),         /* LLM_API_BEDROCK */
    llm_roots(ollama),         /* LLM_API_OLLAMA */
    llm_roots(cohere),         /* LLM_API_COHERE */
    llm_roots(tgi),            /* LLM_API_TGI */
    llm_roots(llamacpp),       /* LLM_API_LLAMACPP */
    llm_roots(runs),           /* LLM_API_RUNS */
    llm_roots(form),           /* LLM_API_FORM */
    llm_roots(converse)
};


const llm_json_node_t *
llm_member_root(const llm_route_t *route, int bounds)
{
    llm_api_e  api;

    api = route->converse ? LLM_API_FORM + 1 : route->api;

    return &llm_member_roots[api][bounds ? 1 : 0];
}
