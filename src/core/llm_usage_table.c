
/*
 * Copyright (C) the llm_quota authors
 */


#include <stddef.h>

#include "llm_usage_table.h"


/*
 * Keys are compared in the order of their lists, so what most answers hold
 * stands first; a key that they all hold and that says nothing stands there
 * too, because it is found sooner than it is missed.
 */


#define LLM_KEY  LLM_JSON_NODE
#define LLM_END  LLM_JSON_END

#define LLM_ROOT(row, mark)                                                   \
    LLM_USAGE_FIELD(LLM_K_ROOT, LLM_M_ ## mark, LLM_ROW_ ## row)
#define LLM_COUNT(count, mark)                                                \
    LLM_USAGE_FIELD(LLM_K_COUNT, LLM_M_ ## mark, LLM_N_ ## count)
#define LLM_SUM(count, mark)                                                  \
    LLM_USAGE_FIELD(LLM_K_SUM, LLM_M_ ## mark, LLM_N_ ## count)
#define LLM_MARK(mark)                                                        \
    LLM_USAGE_FIELD(LLM_K_MARK, LLM_M_ ## mark, 0)
#define LLM_LIST(list)                                                        \
    LLM_USAGE_FIELD(LLM_K_LIST, 0, LLM_L_ ## list)
#define LLM_ELEMENT(list)                                                     \
    LLM_USAGE_FIELD(LLM_K_ELEMENT, 0, LLM_L_ ## list)
#define LLM_PART(part)                                                        \
    LLM_USAGE_FIELD(LLM_K_PART, 0, LLM_P_ ## part)
#define LLM_WORD(word)                                                        \
    LLM_USAGE_FIELD(LLM_K_WORD, 0, LLM_W_ ## word)
#define LLM_TEXT(text)                                                        \
    (LLM_JSON_SPAN | LLM_USAGE_FIELD(LLM_K_TEXT, 0, LLM_T_ ## text))

#define LLM_COST                 LLM_USAGE_FIELD(LLM_K_COST, 0, 0)
#define LLM_TICKS                LLM_USAGE_FIELD(LLM_K_TICKS, 0, 0)
#define LLM_CALL                 LLM_USAGE_FIELD(LLM_K_CALL, 0, LLM_T_WHOLE)
#define LLM_BYTES                LLM_USAGE_FIELD(LLM_K_BYTES, 0, 0)
#define LLM_PADDING                                                           \
    (LLM_JSON_SPAN | LLM_USAGE_FIELD(LLM_K_PADDING, 0, 0))
#define LLM_IMAGE(image)                                                      \
    (LLM_JSON_SPAN | LLM_USAGE_FIELD(LLM_K_IMAGE, 0, LLM_I_ ## image))


/* What stands in an object of counts. */

static const llm_json_node_t  llm_input_details[] = {
    LLM_KEY("cached_tokens", NULL, LLM_COUNT(CACHED, NONE)),
    LLM_KEY("audio_tokens", NULL, LLM_COUNT(AUDIO_IN, NONE)),
    LLM_KEY("cache_write_tokens", NULL, LLM_COUNT(WRITTEN_5M, NONE)),
    LLM_KEY("image_tokens", NULL, LLM_COUNT(IMAGE_IN, NONE)),
    LLM_KEY("cache_read_input_tokens", NULL, LLM_COUNT(CACHED, NONE)),
    LLM_KEY("cache_creation_input_tokens", NULL, LLM_COUNT(WRITTEN_5M, NONE)),
    LLM_END
};

static const llm_json_node_t  llm_output_details[] = {
    LLM_KEY("reasoning_tokens", NULL, LLM_COUNT(REASONING, NONE)),
    LLM_KEY("audio_tokens", NULL, LLM_COUNT(AUDIO_OUT, NONE)),
    LLM_KEY("thinking_tokens", NULL, LLM_COUNT(REASONING, NONE)),
    LLM_KEY("image_tokens", NULL, LLM_COUNT(IMAGE_OUT, NONE)),
    LLM_END
};

static const llm_json_node_t  llm_cache_creation[] = {
    LLM_KEY("ephemeral_5m_input_tokens", NULL, LLM_COUNT(WRITTEN_5M, NONE)),
    LLM_KEY("ephemeral_1h_input_tokens", NULL, LLM_COUNT(WRITTEN_1H, NONE)),
    LLM_END
};

static const llm_json_node_t  llm_server_tools[] = {
    LLM_KEY("web_search_requests", NULL, LLM_COUNT(SEARCHES, NONE)),
    LLM_END
};

static const llm_json_node_t  llm_iteration[] = {
    LLM_KEY("type", NULL, LLM_PART(NAME)),
    LLM_KEY("input_tokens", NULL, LLM_PART(INPUT)),
    LLM_KEY("output_tokens", NULL, LLM_PART(OUTPUT)),
    LLM_KEY("cache_read_input_tokens", NULL, LLM_PART(CACHED)),
    LLM_KEY("cache_creation_input_tokens", NULL, LLM_PART(WRITTEN)),
    LLM_KEY("model", NULL, LLM_PART(MODEL)),
    LLM_END
};

static const llm_json_node_t  llm_iterations[] = {
    LLM_KEY("*", llm_iteration, LLM_ELEMENT(ITERATIONS)),
    LLM_END
};

static const llm_json_node_t  llm_cache_detail[] = {
    LLM_KEY("ttl", NULL, LLM_PART(NAME)),
    LLM_KEY("inputTokens", NULL, LLM_PART(INPUT)),
    LLM_END
};

static const llm_json_node_t  llm_cache_details[] = {
    LLM_KEY("*", llm_cache_detail, LLM_ELEMENT(CACHE_DETAILS)),
    LLM_END
};

static const llm_json_node_t  llm_cost[] = {
    LLM_KEY("total_cost", NULL, LLM_COST),
    LLM_END
};

static const llm_json_node_t  llm_billed_units[] = {
    LLM_KEY("input_tokens", NULL, LLM_COUNT(INPUT, COHERE)),
    LLM_KEY("output_tokens", NULL, LLM_COUNT(OUTPUT, COHERE)),
    LLM_KEY("image_tokens", NULL, LLM_COUNT(IMAGE_IN, COHERE)),
    LLM_KEY("search_units", NULL, LLM_COUNT(QUERIES, UNITS)),
    LLM_END
};

static const llm_json_node_t  llm_cohere_tokens[] = {
    LLM_KEY("input_tokens", NULL, LLM_COUNT(TOKENS_IN, NONE)),
    LLM_KEY("output_tokens", NULL, LLM_COUNT(TOKENS_OUT, NONE)),
    LLM_END
};

static const llm_json_node_t  llm_usage[] = {

    /* OpenAI chat and all that follow it */

    LLM_KEY("prompt_tokens", NULL, LLM_COUNT(INPUT, OPENAI)),
    LLM_KEY("completion_tokens", NULL, LLM_COUNT(OUTPUT, OPENAI)),
    LLM_KEY("total_tokens", NULL, LLM_COUNT(TOTAL, NONE)),
    LLM_KEY("prompt_tokens_details", llm_input_details, 0),
    LLM_KEY("completion_tokens_details", llm_output_details, 0),

    /* OpenAI responses, Anthropic */

    LLM_KEY("input_tokens", NULL, LLM_COUNT(INPUT, IN_OUT)),
    LLM_KEY("output_tokens", NULL, LLM_COUNT(OUTPUT, IN_OUT)),
    LLM_KEY("input_tokens_details", llm_input_details, LLM_MARK(RESPONSES)),
    LLM_KEY("output_tokens_details", llm_output_details, 0),
    LLM_KEY("input_token_details", llm_input_details, LLM_MARK(RESPONSES)),

    LLM_KEY("cache_creation_input_tokens", NULL,
            LLM_COUNT(WRITTEN, ANTHROPIC)),
    LLM_KEY("cache_read_input_tokens", NULL, LLM_COUNT(CACHED, ANTHROPIC)),
    LLM_KEY("cache_creation", llm_cache_creation, 0),
    LLM_KEY("service_tier", NULL, LLM_WORD(TIER)),
    LLM_KEY("server_tool_use", llm_server_tools, 0),
    LLM_KEY("iterations", llm_iterations, LLM_LIST(ITERATIONS)),
    LLM_KEY("inference_geo", NULL, LLM_WORD(GEO)),
    LLM_KEY("speed", NULL, LLM_WORD(SPEED)),

    /* what single providers add to OpenAI's members, or call otherwise */

    LLM_KEY("cost", llm_cost, LLM_COST),
    LLM_KEY("cost_in_usd_ticks", NULL, LLM_TICKS),
    LLM_KEY("cached_tokens", NULL, LLM_COUNT(CACHED_ELSE, NONE)),
    LLM_KEY("prompt_cache_hit_tokens", NULL, LLM_COUNT(CACHED_ELSE, NONE)),
    LLM_KEY("num_cached_tokens", NULL, LLM_COUNT(CACHED_ELSE, NONE)),
    LLM_KEY("prompt_token_details", llm_input_details, 0),
    LLM_KEY("completion_token_details", llm_output_details, 0),
    LLM_KEY("reasoning_tokens", NULL, LLM_COUNT(REASONING_ELSE, NONE)),
    LLM_KEY("citation_tokens", NULL, LLM_COUNT(CITATION, NONE)),
    LLM_KEY("num_search_queries", NULL, LLM_COUNT(SEARCH_QUERIES, NONE)),
    LLM_KEY("search_context_size", NULL, LLM_WORD(SEARCHED)),
    LLM_KEY("seconds", NULL, LLM_COUNT(SECONDS, UNITS)),
    LLM_KEY("prompt_audio_seconds", NULL, LLM_COUNT(SECONDS, NONE)),

    /* Bedrock Converse */

    LLM_KEY("inputTokens", NULL, LLM_COUNT(INPUT, CONVERSE)),
    LLM_KEY("outputTokens", NULL, LLM_COUNT(OUTPUT, CONVERSE)),
    LLM_KEY("cacheReadInputTokens", NULL, LLM_COUNT(CACHED, CONVERSE)),
    LLM_KEY("cacheReadInputTokenCount", NULL,
            LLM_COUNT(CACHED_ELSE, CONVERSE)),
    LLM_KEY("cacheWriteInputTokens", NULL, LLM_COUNT(WRITTEN, CONVERSE)),
    LLM_KEY("cacheWriteInputTokenCount", NULL,
            LLM_COUNT(WRITTEN_ELSE, CONVERSE)),
    LLM_KEY("cacheDetails", llm_cache_details, LLM_LIST(CACHE_DETAILS)),

    /* Cohere */

    LLM_KEY("billed_units", llm_billed_units, LLM_MARK(COHERE)),
    LLM_KEY("tokens", llm_cohere_tokens, 0),

    /* Gemini Interactions */

    LLM_KEY("total_input_tokens", NULL, LLM_COUNT(INPUT, INTERACTIONS)),
    LLM_KEY("total_tool_use_tokens", NULL,
            LLM_COUNT(TOOL_INPUT, INTERACTIONS)),
    LLM_KEY("total_output_tokens", NULL, LLM_COUNT(OUTPUT, INTERACTIONS)),
    LLM_KEY("total_thought_tokens", NULL, LLM_COUNT(REASONING, INTERACTIONS)),
    LLM_KEY("total_cached_tokens", NULL, LLM_COUNT(CACHED, INTERACTIONS)),
    LLM_END
};

static const llm_json_node_t  llm_modality[] = {
    LLM_KEY("modality", NULL, LLM_PART(NAME)),
    LLM_KEY("tokenCount", NULL, LLM_PART(INPUT)),
    LLM_END
};

static const llm_json_node_t  llm_prompt_modalities[] = {
    LLM_KEY("*", llm_modality, LLM_ELEMENT(PROMPT_MODALITIES)),
    LLM_END
};

static const llm_json_node_t  llm_output_modalities[] = {
    LLM_KEY("*", llm_modality, LLM_ELEMENT(OUTPUT_MODALITIES)),
    LLM_END
};

static const llm_json_node_t  llm_gemini_usage[] = {
    LLM_KEY("promptTokenCount", NULL, LLM_COUNT(INPUT, GEMINI)),
    LLM_KEY("candidatesTokenCount", NULL, LLM_COUNT(OUTPUT, GEMINI)),
    LLM_KEY("totalTokenCount", NULL, LLM_COUNT(TOTAL, GEMINI)),
    LLM_KEY("thoughtsTokenCount", NULL, LLM_COUNT(REASONING, GEMINI)),
    LLM_KEY("cachedContentTokenCount", NULL, LLM_COUNT(CACHED, GEMINI)),
    LLM_KEY("toolUsePromptTokenCount", NULL, LLM_COUNT(TOOL_INPUT, GEMINI)),
    LLM_KEY("promptTokensDetails", llm_prompt_modalities,
            LLM_LIST(PROMPT_MODALITIES)),
    LLM_KEY("promptTokenDetails", llm_prompt_modalities,
            LLM_LIST(PROMPT_MODALITIES)),
    LLM_KEY("candidatesTokensDetails", llm_output_modalities,
            LLM_LIST(OUTPUT_MODALITIES)),
    LLM_KEY("trafficType", NULL, LLM_WORD(TIER)),
    LLM_KEY("serviceTier", NULL, LLM_WORD(TIER)),
    LLM_END
};

static const llm_json_node_t  llm_metrics[] = {
    LLM_KEY("inputTokenCount", NULL, LLM_COUNT(INPUT, METRICS)),
    LLM_KEY("outputTokenCount", NULL, LLM_COUNT(OUTPUT, METRICS)),
    LLM_KEY("cacheReadInputTokenCount", NULL, LLM_COUNT(CACHED, METRICS)),
    LLM_KEY("cacheWriteInputTokenCount", NULL, LLM_COUNT(WRITTEN, METRICS)),
    LLM_END
};

static const llm_json_node_t  llm_meta[] = {
    LLM_KEY("billed_units", llm_billed_units, LLM_MARK(COHERE)),
    LLM_KEY("tokens", llm_cohere_tokens, 0),
    LLM_END
};


/* What was generated. */

static const llm_json_node_t  llm_delta_function[] = {
    LLM_KEY("arguments", NULL, LLM_TEXT(DELTA)),
    LLM_END
};

static const llm_json_node_t  llm_delta_tool_call[] = {
    LLM_KEY("function", llm_delta_function, 0),
    LLM_END
};

static const llm_json_node_t  llm_delta_tool_calls[] = {
    LLM_KEY("*", llm_delta_tool_call, 0),
    LLM_KEY("function", llm_delta_function, 0),
    LLM_END
};

static const llm_json_node_t  llm_choice_delta[] = {
    LLM_KEY("content", NULL, LLM_TEXT(DELTA)),
    LLM_KEY("role", NULL, 0),
    LLM_KEY("reasoning_content", NULL, LLM_TEXT(DELTA)),
    LLM_KEY("reasoning", NULL, LLM_TEXT(DELTA)),
    LLM_KEY("refusal", NULL, LLM_TEXT(DELTA)),
    LLM_KEY("tool_calls", llm_delta_tool_calls, 0),
    LLM_KEY("function_call", llm_delta_function, 0),
    LLM_END
};

static const llm_json_node_t  llm_whole_function[] = {
    LLM_KEY("arguments", NULL, LLM_TEXT(WHOLE)),
    LLM_END
};

static const llm_json_node_t  llm_whole_tool_call[] = {
    LLM_KEY("function", llm_whole_function, 0),
    LLM_END
};

static const llm_json_node_t  llm_whole_tool_calls[] = {
    LLM_KEY("*", llm_whole_tool_call, 0),
    LLM_END
};

static const llm_json_node_t  llm_choice_message[] = {
    LLM_KEY("role", NULL, 0),
    LLM_KEY("content", NULL, LLM_TEXT(WHOLE)),
    LLM_KEY("reasoning_content", NULL, LLM_TEXT(WHOLE)),
    LLM_KEY("reasoning", NULL, LLM_TEXT(WHOLE)),
    LLM_KEY("refusal", NULL, LLM_TEXT(WHOLE)),
    LLM_KEY("tool_calls", llm_whole_tool_calls, 0),
    LLM_KEY("function_call", llm_whole_function, 0),
    LLM_END
};

static const llm_json_node_t  llm_choice[] = {
    LLM_KEY("index", NULL, 0),
    LLM_KEY("delta", llm_choice_delta, 0),
    LLM_KEY("message", llm_choice_message, 0),
    LLM_KEY("finish_reason", NULL, LLM_WORD(FINISH)),
    LLM_KEY("text", NULL, LLM_TEXT(WHOLE)),
    LLM_KEY("usage", llm_usage, LLM_ROOT(CHOICE, NONE)),
    LLM_END
};

static const llm_json_node_t  llm_choices[] = {
    LLM_KEY("*", llm_choice, LLM_WORD(CHOICE)),
    LLM_END
};

static const llm_json_node_t  llm_delta_block[] = {
    LLM_KEY("text", NULL, LLM_TEXT(DELTA)),
    LLM_END
};

static const llm_json_node_t  llm_delta_message[] = {
    LLM_KEY("content", llm_delta_block, 0),
    LLM_KEY("tool_plan", NULL, LLM_TEXT(DELTA)),
    LLM_KEY("tool_calls", llm_delta_tool_calls, 0),
    LLM_END
};

static const llm_json_node_t  llm_delta_tool_use[] = {
    LLM_KEY("input", NULL, LLM_TEXT(DELTA)),
    LLM_END
};

static const llm_json_node_t  llm_delta[] = {
    LLM_KEY("type", NULL, 0),
    LLM_KEY("text", NULL, LLM_TEXT(DELTA)),
    LLM_KEY("thinking", NULL, LLM_TEXT(DELTA)),
    LLM_KEY("partial_json", NULL, LLM_TEXT(DELTA)),
    LLM_KEY("message", llm_delta_message, 0),
    LLM_KEY("usage", llm_usage, LLM_ROOT(DELTA, NONE)),
    LLM_KEY("toolUse", llm_delta_tool_use, 0),
    LLM_KEY("reasoningContent", llm_delta_block, 0),
    LLM_END
};

static const llm_json_node_t  llm_nova_delta[] = {
    LLM_KEY("text", NULL, LLM_TEXT(DELTA)),
    LLM_KEY("toolUse", llm_delta_tool_use, 0),
    LLM_KEY("reasoningContent", llm_delta_block, 0),
    LLM_END
};

static const llm_json_node_t  llm_nova_block_delta[] = {
    LLM_KEY("delta", llm_nova_delta, 0),
    LLM_END
};

static const llm_json_node_t  llm_whole_text[] = {
    LLM_KEY("text", NULL, LLM_TEXT(WHOLE)),
    LLM_END
};

static const llm_json_node_t  llm_whole_texts[] = {
    LLM_KEY("*", llm_whole_text, 0),
    LLM_END
};

static const llm_json_node_t  llm_jurassic_completion[] = {
    LLM_KEY("data", llm_whole_text, 0),
    LLM_END
};

static const llm_json_node_t  llm_jurassic_completions[] = {
    LLM_KEY("*", llm_jurassic_completion, 0),
    LLM_END
};

static const llm_json_node_t  llm_block_reasoning[] = {
    LLM_KEY("reasoningText", llm_whole_text, 0),
    LLM_END
};

static const llm_json_node_t  llm_block[] = {
    LLM_KEY("type", NULL, 0),
    LLM_KEY("text", NULL, LLM_TEXT(WHOLE)),
    LLM_KEY("thinking", NULL, LLM_TEXT(WHOLE)),
    LLM_KEY("refusal", NULL, LLM_TEXT(WHOLE)),
    LLM_KEY("input", NULL, LLM_CALL),
    LLM_KEY("functionCall", NULL, LLM_CALL),
    LLM_KEY("toolUse", NULL, LLM_CALL),
    LLM_KEY("reasoningContent", llm_block_reasoning, 0),
    LLM_END
};

static const llm_json_node_t  llm_blocks[] = {
    LLM_KEY("*", llm_block, 0),
    LLM_END
};

static const llm_json_node_t  llm_output_message[] = {
    LLM_KEY("content", llm_blocks, 0),
    LLM_END
};

static const llm_json_node_t  llm_output_item[] = {
    LLM_KEY("content", llm_blocks, 0),
    LLM_KEY("summary", llm_blocks, 0),
    LLM_KEY("arguments", NULL, LLM_TEXT(WHOLE)),
    LLM_END
};

static const llm_json_node_t  llm_output[] = {
    LLM_KEY("*", llm_output_item, 0),
    LLM_KEY("message", llm_output_message, 0),
    LLM_END
};

static const llm_json_node_t  llm_parts[] = {
    LLM_KEY("parts", llm_blocks, 0),
    LLM_END
};

static const llm_json_node_t  llm_candidate[] = {
    LLM_KEY("content", llm_parts, 0),
    LLM_KEY("finishReason", NULL, LLM_WORD(FINISH)),
    LLM_END
};

static const llm_json_node_t  llm_candidates[] = {
    LLM_KEY("*", llm_candidate, 0),
    LLM_END
};

static const llm_json_node_t  llm_prompt_feedback[] = {
    LLM_KEY("blockReason", NULL, LLM_WORD(BLOCKED)),
    LLM_END
};

static const llm_json_node_t  llm_token[] = {
    LLM_KEY("text", NULL, LLM_TEXT(DELTA)),
    LLM_END
};


/* The documents' own members. */

static const llm_json_node_t  llm_message[] = {
    LLM_KEY("id", NULL, LLM_WORD(ID)),
    LLM_KEY("model", NULL, LLM_WORD(MODEL)),
    LLM_KEY("usage", llm_usage, LLM_ROOT(START, NONE)),
    LLM_KEY("content", NULL, LLM_TEXT(WHOLE)),
    LLM_KEY("thinking", NULL, LLM_TEXT(WHOLE)),
    LLM_KEY("tool_calls", llm_whole_tool_calls, 0),
    LLM_END
};

static const llm_json_node_t  llm_web_search[] = {
    LLM_KEY("num_requests", NULL, LLM_COUNT(TOOL_SEARCHES, BESIDE)),
    LLM_END
};

static const llm_json_node_t  llm_imager_input[] = {
    LLM_KEY("image_tokens", NULL, LLM_COUNT(IMAGER_IMAGE_IN, BESIDE)),
    LLM_KEY("cached_tokens", NULL, LLM_COUNT(IMAGER_CACHED, BESIDE)),
    LLM_END
};

static const llm_json_node_t  llm_imager_output[] = {
    LLM_KEY("image_tokens", NULL, LLM_COUNT(IMAGER_IMAGE_OUT, BESIDE)),
    LLM_END
};

static const llm_json_node_t  llm_imager[] = {
    LLM_KEY("input_tokens", NULL, LLM_COUNT(IMAGER_IN, BESIDE)),
    LLM_KEY("input_tokens_details", llm_imager_input, 0),
    LLM_KEY("output_tokens", NULL, LLM_COUNT(IMAGER_OUT, BESIDE)),
    LLM_KEY("output_tokens_details", llm_imager_output, 0),
    LLM_END
};

static const llm_json_node_t  llm_tool_usage[] = {
    LLM_KEY("image_gen", llm_imager, 0),
    LLM_KEY("web_search", llm_web_search, 0),
    LLM_END
};


/* The tools of the request, which responses repeat: of them only that which
   generates images has a model. */

static const llm_json_node_t  llm_tool[] = {
    LLM_KEY("model", NULL, LLM_WORD(IMAGER)),
    LLM_KEY("search_context_size", NULL, LLM_WORD(SEARCH_SIZE)),
    LLM_END
};

static const llm_json_node_t  llm_tools[] = {
    LLM_KEY("*", llm_tool, 0),
    LLM_END
};


/* Images that were made: OpenAI's, and those of Bedrock and others. */

static const llm_json_node_t  llm_datum[] = {
    LLM_KEY("b64_json", NULL, LLM_IMAGE(DATUM)),
    LLM_KEY("url", NULL, LLM_IMAGE(DATUM)),
    LLM_END
};

static const llm_json_node_t  llm_data[] = {
    LLM_KEY("*", llm_datum, 0),
    LLM_END
};

static const llm_json_node_t  llm_image[] = {
    LLM_KEY("url", NULL, LLM_IMAGE(OTHER)),
    LLM_END
};

static const llm_json_node_t  llm_images[] = {
    LLM_KEY("*", llm_image, LLM_IMAGE(OTHER)),
    LLM_END
};

static const llm_json_node_t  llm_response[] = {
    LLM_KEY("id", NULL, LLM_WORD(ID)),
    LLM_KEY("model", NULL, LLM_WORD(MODEL)),
    LLM_KEY("usage", llm_usage, LLM_ROOT(RESPONSE, RESPONSES)),
    LLM_KEY("error", NULL, LLM_WORD(ERROR)),
    LLM_KEY("status", NULL, LLM_WORD(STATUS)),
    LLM_KEY("service_tier", NULL, LLM_WORD(TIER)),
    LLM_KEY("tool_usage", llm_tool_usage, 0),
    LLM_KEY("tools", llm_tools, 0),
    LLM_KEY("meta", llm_meta, LLM_ROOT(META, NONE)),
    LLM_END
};

static const llm_json_node_t  llm_x_groq[] = {
    LLM_KEY("usage", llm_usage, LLM_ROOT(GROQ, NONE)),
    LLM_END
};

static const llm_json_node_t  llm_metadata[] = {
    LLM_KEY("usage", llm_usage, LLM_ROOT(METADATA, NONE)),
    LLM_END
};

/* What an agent of Bedrock reports of each call that it makes. */

static const llm_json_node_t  llm_trace_metadata[] = {
    LLM_KEY("usage", llm_usage, LLM_ROOT(TRACE, CONVERSE)),
    LLM_END
};

static const llm_json_node_t  llm_trace_output[] = {
    LLM_KEY("metadata", llm_trace_metadata, 0),
    LLM_END
};

static const llm_json_node_t  llm_trace_part[] = {
    LLM_KEY("modelInvocationOutput", llm_trace_output, 0),
    LLM_END
};

static const llm_json_node_t  llm_trace[] = {
    LLM_KEY("orchestrationTrace", llm_trace_part, 0),
    LLM_KEY("preProcessingTrace", llm_trace_part, 0),
    LLM_KEY("postProcessingTrace", llm_trace_part, 0),
    LLM_KEY("routingClassifierTrace", llm_trace_part, 0),
    LLM_END
};

static const llm_json_node_t  llm_interaction[] = {
    LLM_KEY("id", NULL, LLM_WORD(ID)),
    LLM_KEY("model", NULL, LLM_WORD(MODEL)),
    LLM_KEY("usage", llm_usage, LLM_ROOT(INTERACTION, NONE)),
    LLM_KEY("status", NULL, LLM_WORD(STATUS)),
    LLM_END
};

static const llm_json_node_t  llm_timings[] = {
    LLM_KEY("cache_n", NULL, LLM_COUNT(CACHE_N, BESIDE)),
    LLM_KEY("prompt_n", NULL, LLM_COUNT(TIMED_IN, BESIDE)),
    LLM_KEY("predicted_n", NULL, LLM_COUNT(TIMED_OUT, BESIDE)),
    LLM_END
};

static const llm_json_node_t  llm_result[] = {
    LLM_KEY("tokenCount", NULL, LLM_SUM(OUTPUT, TOP)),
    LLM_KEY("outputText", NULL, LLM_TEXT(WHOLE)),
    LLM_KEY("input_token_count", NULL, LLM_SUM(INPUT, TOP)),
    LLM_KEY("generated_token_count", NULL, LLM_SUM(OUTPUT, TOP)),
    LLM_KEY("generated_text", NULL, LLM_TEXT(WHOLE)),
    LLM_END
};

static const llm_json_node_t  llm_results[] = {
    LLM_KEY("*", llm_result, 0),
    LLM_END
};

static const llm_json_node_t  llm_details[] = {
    LLM_KEY("generated_tokens", NULL, LLM_COUNT(OUTPUT, TOP)),
    LLM_KEY("input_length", NULL, LLM_COUNT(INPUT, TOP)),
    LLM_END
};

static const llm_json_node_t  llm_document[] = {
    LLM_KEY("id", NULL, LLM_WORD(ID)),
    LLM_KEY("object", NULL, LLM_WORD(OBJECT)),
    LLM_KEY("created", NULL, LLM_PADDING),
    LLM_KEY("model", NULL, LLM_WORD(MODEL)),
    LLM_KEY("choices", llm_choices, 0),
    LLM_KEY("usage", llm_usage, LLM_ROOT(USAGE, NONE)),
    LLM_KEY("system_fingerprint", NULL, 0),
    LLM_KEY("service_tier", NULL, LLM_WORD(TIER)),
    LLM_KEY("obfuscation", NULL, LLM_PADDING),
    LLM_KEY("type", NULL, LLM_WORD(TYPE)),
    LLM_KEY("sequence_number", NULL, LLM_PADDING),
    LLM_KEY("index", NULL, 0),
    LLM_KEY("delta", llm_delta, LLM_TEXT(DELTA)),
    LLM_KEY("message", llm_message, 0),
    LLM_KEY("response", llm_response, LLM_TEXT(WHOLE)),
    LLM_KEY("p", NULL, LLM_PADDING),
    LLM_KEY("error", NULL, LLM_WORD(ERROR)),
    LLM_KEY("status", NULL, LLM_WORD(STATUS)),

    LLM_KEY("content", llm_blocks, LLM_TEXT(WHOLE)),
    LLM_KEY("output", llm_output, 0),
    LLM_KEY("tool_usage", llm_tool_usage, 0),
    LLM_KEY("tools", llm_tools, 0),
    LLM_KEY("data", llm_data, 0),
    LLM_KEY("images", llm_images, 0),
    LLM_KEY("text", NULL, LLM_TEXT(WHOLE)),
    LLM_KEY("candidates", llm_candidates, 0),
    LLM_KEY("usageMetadata", llm_gemini_usage, LLM_ROOT(GEMINI, NONE)),
    LLM_KEY("modelVersion", NULL, LLM_WORD(MODEL)),
    LLM_KEY("responseId", NULL, LLM_WORD(ID)),
    LLM_KEY("promptFeedback", llm_prompt_feedback, 0),
    LLM_KEY("x_groq", llm_x_groq, 0),
    LLM_KEY("meta", llm_meta, LLM_ROOT(META, NONE)),
    LLM_KEY("metadata", llm_metadata, 0),
    LLM_KEY("amazon-bedrock-invocationMetrics", llm_metrics,
            LLM_ROOT(METRICS, NONE)),
    LLM_KEY("interaction", llm_interaction, 0),
    LLM_KEY("timings", llm_timings, 0),

    LLM_KEY("prompt_eval_count", NULL, LLM_COUNT(INPUT, TOP)),
    LLM_KEY("eval_count", NULL, LLM_COUNT(OUTPUT, TOP)),
    LLM_KEY("tokens_evaluated", NULL, LLM_COUNT(INPUT, TOP)),
    LLM_KEY("tokens_predicted", NULL, LLM_COUNT(OUTPUT, TOP)),
    LLM_KEY("prompt_token_count", NULL, LLM_COUNT(INPUT, TOP)),
    LLM_KEY("generation_token_count", NULL, LLM_COUNT(OUTPUT, TOP)),
    LLM_KEY("inputTextTokenCount", NULL, LLM_COUNT(INPUT, TOP)),
    LLM_KEY("totalOutputTextTokenCount", NULL, LLM_COUNT(OUTPUT, TOP)),
    LLM_KEY("results", llm_results, 0),
    LLM_KEY("details", llm_details, 0),

    LLM_KEY("generated_text", NULL, LLM_TEXT(WHOLE)),
    LLM_KEY("generation", NULL, LLM_TEXT(WHOLE)),
    LLM_KEY("completion", NULL, LLM_TEXT(WHOLE)),
    LLM_KEY("token", llm_token, 0),
    LLM_KEY("outputText", NULL, LLM_TEXT(WHOLE)),
    LLM_KEY("contentBlockDelta", llm_nova_block_delta, 0),
    LLM_KEY("outputs", llm_whole_texts, 0),
    LLM_KEY("generations", llm_whole_texts, 0),
    LLM_KEY("completions", llm_jurassic_completions, 0),
    LLM_KEY("bytes", NULL, LLM_BYTES),
    LLM_KEY("trace", llm_trace, 0),
    LLM_KEY("b64_json", NULL, LLM_IMAGE(EVENT)),
    LLM_END
};

const llm_json_node_t  llm_usage_tree =
    LLM_KEY("", llm_document, LLM_USAGE_FIELD(LLM_K_DOCUMENT, 0, 0));
