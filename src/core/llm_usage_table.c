
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


#define LLM_END                  { NULL, NULL, 0 }

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
#define LLM_PADDING                                                           \
    (LLM_JSON_SPAN | LLM_USAGE_FIELD(LLM_K_PADDING, 0, 0))


/* What stands in an object of counts. */

static const llm_json_node_t  llm_input_details[] = {
    { "cached_tokens", NULL, LLM_COUNT(CACHED, NONE) },
    { "audio_tokens", NULL, LLM_COUNT(AUDIO_IN, NONE) },
    { "cache_write_tokens", NULL, LLM_COUNT(WRITTEN_5M, NONE) },
    { "image_tokens", NULL, LLM_COUNT(IMAGE_IN, NONE) },
    LLM_END
};

static const llm_json_node_t  llm_output_details[] = {
    { "reasoning_tokens", NULL, LLM_COUNT(REASONING, NONE) },
    { "audio_tokens", NULL, LLM_COUNT(AUDIO_OUT, NONE) },
    { "thinking_tokens", NULL, LLM_COUNT(REASONING, NONE) },
    { "image_tokens", NULL, LLM_COUNT(IMAGE_OUT, NONE) },
    LLM_END
};

static const llm_json_node_t  llm_cache_creation[] = {
    { "ephemeral_5m_input_tokens", NULL, LLM_COUNT(WRITTEN_5M, NONE) },
    { "ephemeral_1h_input_tokens", NULL, LLM_COUNT(WRITTEN_1H, NONE) },
    LLM_END
};

static const llm_json_node_t  llm_server_tools[] = {
    { "web_search_requests", NULL, LLM_COUNT(SEARCHES, NONE) },
    LLM_END
};

static const llm_json_node_t  llm_iteration[] = {
    { "type", NULL, LLM_PART(NAME) },
    { "input_tokens", NULL, LLM_PART(INPUT) },
    { "output_tokens", NULL, LLM_PART(OUTPUT) },
    { "cache_read_input_tokens", NULL, LLM_PART(CACHED) },
    { "cache_creation_input_tokens", NULL, LLM_PART(WRITTEN) },
    LLM_END
};

static const llm_json_node_t  llm_iterations[] = {
    { "*", llm_iteration, LLM_ELEMENT(ITERATIONS) },
    LLM_END
};

static const llm_json_node_t  llm_cache_detail[] = {
    { "ttl", NULL, LLM_PART(NAME) },
    { "inputTokens", NULL, LLM_PART(INPUT) },
    LLM_END
};

static const llm_json_node_t  llm_cache_details[] = {
    { "*", llm_cache_detail, LLM_ELEMENT(CACHE_DETAILS) },
    LLM_END
};

static const llm_json_node_t  llm_cost[] = {
    { "total_cost", NULL, LLM_COST },
    LLM_END
};

static const llm_json_node_t  llm_billed_units[] = {
    { "input_tokens", NULL, LLM_COUNT(INPUT, COHERE) },
    { "output_tokens", NULL, LLM_COUNT(OUTPUT, COHERE) },
    { "image_tokens", NULL, LLM_COUNT(IMAGE_IN, COHERE) },
    { "search_units", NULL, LLM_MARK(UNITS) },
    LLM_END
};

static const llm_json_node_t  llm_cohere_tokens[] = {
    { "input_tokens", NULL, LLM_COUNT(TOKENS_IN, NONE) },
    { "output_tokens", NULL, LLM_COUNT(TOKENS_OUT, NONE) },
    LLM_END
};

static const llm_json_node_t  llm_usage[] = {

    /* OpenAI chat and all that follow it */

    { "prompt_tokens", NULL, LLM_COUNT(INPUT, OPENAI) },
    { "completion_tokens", NULL, LLM_COUNT(OUTPUT, OPENAI) },
    { "total_tokens", NULL, LLM_COUNT(TOTAL, NONE) },
    { "prompt_tokens_details", llm_input_details, 0 },
    { "completion_tokens_details", llm_output_details, 0 },

    /* OpenAI responses, Anthropic */

    { "input_tokens", NULL, LLM_COUNT(INPUT, IN_OUT) },
    { "output_tokens", NULL, LLM_COUNT(OUTPUT, IN_OUT) },
    { "input_tokens_details", llm_input_details, LLM_MARK(RESPONSES) },
    { "output_tokens_details", llm_output_details, 0 },
    { "input_token_details", llm_input_details, LLM_MARK(RESPONSES) },

    { "cache_creation_input_tokens", NULL, LLM_COUNT(WRITTEN, ANTHROPIC) },
    { "cache_read_input_tokens", NULL, LLM_COUNT(CACHED, ANTHROPIC) },
    { "cache_creation", llm_cache_creation, 0 },
    { "service_tier", NULL, LLM_WORD(TIER) },
    { "server_tool_use", llm_server_tools, 0 },
    { "iterations", llm_iterations, LLM_LIST(ITERATIONS) },

    /* what single providers add to OpenAI's members, or call otherwise */

    { "cost", llm_cost, LLM_COST },
    { "cost_in_usd_ticks", NULL, LLM_TICKS },
    { "cached_tokens", NULL, LLM_COUNT(CACHED_ELSE, NONE) },
    { "prompt_cache_hit_tokens", NULL, LLM_COUNT(CACHED_ELSE, NONE) },
    { "num_cached_tokens", NULL, LLM_COUNT(CACHED_ELSE, NONE) },
    { "prompt_token_details", llm_input_details, 0 },
    { "completion_token_details", llm_output_details, 0 },
    { "reasoning_tokens", NULL, LLM_COUNT(REASONING_ELSE, NONE) },
    { "citation_tokens", NULL, LLM_COUNT(CITATION, NONE) },
    { "seconds", NULL, LLM_MARK(UNITS) },

    /* Bedrock Converse */

    { "inputTokens", NULL, LLM_COUNT(INPUT, CONVERSE) },
    { "outputTokens", NULL, LLM_COUNT(OUTPUT, CONVERSE) },
    { "cacheReadInputTokens", NULL, LLM_COUNT(CACHED, CONVERSE) },
    { "cacheReadInputTokenCount", NULL, LLM_COUNT(CACHED_ELSE, CONVERSE) },
    { "cacheWriteInputTokens", NULL, LLM_COUNT(WRITTEN, CONVERSE) },
    { "cacheWriteInputTokenCount", NULL, LLM_COUNT(WRITTEN_ELSE, CONVERSE) },
    { "cacheDetails", llm_cache_details, LLM_LIST(CACHE_DETAILS) },

    /* Cohere */

    { "billed_units", llm_billed_units, LLM_MARK(COHERE) },
    { "tokens", llm_cohere_tokens, 0 },

    /* Gemini Interactions */

    { "total_input_tokens", NULL, LLM_COUNT(INPUT, INTERACTIONS) },
    { "total_tool_use_tokens", NULL, LLM_COUNT(TOOL_INPUT, INTERACTIONS) },
    { "total_output_tokens", NULL, LLM_COUNT(OUTPUT, INTERACTIONS) },
    { "total_thought_tokens", NULL, LLM_COUNT(REASONING, INTERACTIONS) },
    { "total_cached_tokens", NULL, LLM_COUNT(CACHED, INTERACTIONS) },
    LLM_END
};

static const llm_json_node_t  llm_modality[] = {
    { "modality", NULL, LLM_PART(NAME) },
    { "tokenCount", NULL, LLM_PART(INPUT) },
    LLM_END
};

static const llm_json_node_t  llm_prompt_modalities[] = {
    { "*", llm_modality, LLM_ELEMENT(PROMPT_MODALITIES) },
    LLM_END
};

static const llm_json_node_t  llm_output_modalities[] = {
    { "*", llm_modality, LLM_ELEMENT(OUTPUT_MODALITIES) },
    LLM_END
};

static const llm_json_node_t  llm_gemini_usage[] = {
    { "promptTokenCount", NULL, LLM_COUNT(INPUT, GEMINI) },
    { "candidatesTokenCount", NULL, LLM_COUNT(OUTPUT, GEMINI) },
    { "totalTokenCount", NULL, LLM_COUNT(TOTAL, GEMINI) },
    { "thoughtsTokenCount", NULL, LLM_COUNT(REASONING, GEMINI) },
    { "cachedContentTokenCount", NULL, LLM_COUNT(CACHED, GEMINI) },
    { "toolUsePromptTokenCount", NULL, LLM_COUNT(TOOL_INPUT, GEMINI) },
    { "promptTokensDetails", llm_prompt_modalities,
      LLM_LIST(PROMPT_MODALITIES) },
    { "promptTokenDetails", llm_prompt_modalities,
      LLM_LIST(PROMPT_MODALITIES) },
    { "candidatesTokensDetails", llm_output_modalities,
      LLM_LIST(OUTPUT_MODALITIES) },
    { "trafficType", NULL, LLM_WORD(TIER) },
    { "serviceTier", NULL, LLM_WORD(TIER) },
    LLM_END
};

static const llm_json_node_t  llm_metrics[] = {
    { "inputTokenCount", NULL, LLM_COUNT(INPUT, METRICS) },
    { "outputTokenCount", NULL, LLM_COUNT(OUTPUT, METRICS) },
    { "cacheReadInputTokenCount", NULL, LLM_COUNT(CACHED, METRICS) },
    { "cacheWriteInputTokenCount", NULL, LLM_COUNT(WRITTEN, METRICS) },
    LLM_END
};

static const llm_json_node_t  llm_meta[] = {
    { "billed_units", llm_billed_units, LLM_MARK(COHERE) },
    { "tokens", llm_cohere_tokens, 0 },
    LLM_END
};


/* What was generated. */

static const llm_json_node_t  llm_delta_function[] = {
    { "arguments", NULL, LLM_TEXT(DELTA) },
    LLM_END
};

static const llm_json_node_t  llm_delta_tool_call[] = {
    { "function", llm_delta_function, 0 },
    LLM_END
};

static const llm_json_node_t  llm_delta_tool_calls[] = {
    { "*", llm_delta_tool_call, 0 },
    { "function", llm_delta_function, 0 },
    LLM_END
};

static const llm_json_node_t  llm_choice_delta[] = {
    { "content", NULL, LLM_TEXT(DELTA) },
    { "role", NULL, 0 },
    { "reasoning_content", NULL, LLM_TEXT(DELTA) },
    { "reasoning", NULL, LLM_TEXT(DELTA) },
    { "refusal", NULL, LLM_TEXT(DELTA) },
    { "tool_calls", llm_delta_tool_calls, 0 },
    { "function_call", llm_delta_function, 0 },
    LLM_END
};

static const llm_json_node_t  llm_whole_function[] = {
    { "arguments", NULL, LLM_TEXT(WHOLE) },
    LLM_END
};

static const llm_json_node_t  llm_whole_tool_call[] = {
    { "function", llm_whole_function, 0 },
    LLM_END
};

static const llm_json_node_t  llm_whole_tool_calls[] = {
    { "*", llm_whole_tool_call, 0 },
    LLM_END
};

static const llm_json_node_t  llm_choice_message[] = {
    { "role", NULL, 0 },
    { "content", NULL, LLM_TEXT(WHOLE) },
    { "reasoning_content", NULL, LLM_TEXT(WHOLE) },
    { "reasoning", NULL, LLM_TEXT(WHOLE) },
    { "refusal", NULL, LLM_TEXT(WHOLE) },
    { "tool_calls", llm_whole_tool_calls, 0 },
    { "function_call", llm_whole_function, 0 },
    LLM_END
};

static const llm_json_node_t  llm_choice[] = {
    { "index", NULL, 0 },
    { "delta", llm_choice_delta, 0 },
    { "message", llm_choice_message, 0 },
    { "finish_reason", NULL, LLM_WORD(FINISH) },
    { "text", NULL, LLM_TEXT(WHOLE) },
    { "usage", llm_usage, LLM_ROOT(CHOICE, NONE) },
    LLM_END
};

static const llm_json_node_t  llm_choices[] = {
    { "*", llm_choice, LLM_WORD(CHOICE) },
    LLM_END
};

static const llm_json_node_t  llm_delta_block[] = {
    { "text", NULL, LLM_TEXT(DELTA) },
    LLM_END
};

static const llm_json_node_t  llm_delta_message[] = {
    { "content", llm_delta_block, 0 },
    { "tool_plan", NULL, LLM_TEXT(DELTA) },
    { "tool_calls", llm_delta_tool_calls, 0 },
    LLM_END
};

static const llm_json_node_t  llm_delta[] = {
    { "type", NULL, 0 },
    { "text", NULL, LLM_TEXT(DELTA) },
    { "thinking", NULL, LLM_TEXT(DELTA) },
    { "partial_json", NULL, LLM_TEXT(DELTA) },
    { "message", llm_delta_message, 0 },
    { "usage", llm_usage, LLM_ROOT(DELTA, NONE) },
    LLM_END
};

static const llm_json_node_t  llm_block[] = {
    { "type", NULL, 0 },
    { "text", NULL, LLM_TEXT(WHOLE) },
    { "thinking", NULL, LLM_TEXT(WHOLE) },
    { "refusal", NULL, LLM_TEXT(WHOLE) },
    { "input", NULL, LLM_CALL },
    { "functionCall", NULL, LLM_CALL },
    { "toolUse", NULL, LLM_CALL },
    LLM_END
};

static const llm_json_node_t  llm_blocks[] = {
    { "*", llm_block, 0 },
    LLM_END
};

static const llm_json_node_t  llm_output_message[] = {
    { "content", llm_blocks, 0 },
    LLM_END
};

static const llm_json_node_t  llm_output_item[] = {
    { "content", llm_blocks, 0 },
    { "summary", llm_blocks, 0 },
    { "arguments", NULL, LLM_TEXT(WHOLE) },
    LLM_END
};

static const llm_json_node_t  llm_output[] = {
    { "*", llm_output_item, 0 },
    { "message", llm_output_message, 0 },
    LLM_END
};

static const llm_json_node_t  llm_parts[] = {
    { "parts", llm_blocks, 0 },
    LLM_END
};

static const llm_json_node_t  llm_candidate[] = {
    { "content", llm_parts, 0 },
    { "finishReason", NULL, LLM_WORD(FINISH) },
    LLM_END
};

static const llm_json_node_t  llm_candidates[] = {
    { "*", llm_candidate, 0 },
    LLM_END
};

static const llm_json_node_t  llm_prompt_feedback[] = {
    { "blockReason", NULL, LLM_WORD(BLOCKED) },
    LLM_END
};

static const llm_json_node_t  llm_token[] = {
    { "text", NULL, LLM_TEXT(DELTA) },
    LLM_END
};


/* The documents' own members. */

static const llm_json_node_t  llm_message[] = {
    { "id", NULL, LLM_WORD(ID) },
    { "model", NULL, LLM_WORD(MODEL) },
    { "usage", llm_usage, LLM_ROOT(START, NONE) },
    { "content", NULL, LLM_TEXT(WHOLE) },
    { "thinking", NULL, LLM_TEXT(WHOLE) },
    { "tool_calls", llm_whole_tool_calls, 0 },
    LLM_END
};

static const llm_json_node_t  llm_web_search[] = {
    { "num_requests", NULL, LLM_COUNT(TOOL_SEARCHES, BESIDE) },
    LLM_END
};

static const llm_json_node_t  llm_tool_usage[] = {
    { "web_search", llm_web_search, 0 },
    LLM_END
};

static const llm_json_node_t  llm_response[] = {
    { "id", NULL, LLM_WORD(ID) },
    { "model", NULL, LLM_WORD(MODEL) },
    { "usage", llm_usage, LLM_ROOT(RESPONSE, RESPONSES) },
    { "error", NULL, LLM_WORD(ERROR) },
    { "service_tier", NULL, LLM_WORD(TIER) },
    { "tool_usage", llm_tool_usage, 0 },
    { "meta", llm_meta, LLM_ROOT(META, NONE) },
    LLM_END
};

static const llm_json_node_t  llm_x_groq[] = {
    { "usage", llm_usage, LLM_ROOT(GROQ, NONE) },
    LLM_END
};

static const llm_json_node_t  llm_metadata[] = {
    { "usage", llm_usage, LLM_ROOT(METADATA, NONE) },
    LLM_END
};

static const llm_json_node_t  llm_interaction[] = {
    { "id", NULL, LLM_WORD(ID) },
    { "model", NULL, LLM_WORD(MODEL) },
    { "usage", llm_usage, LLM_ROOT(INTERACTION, NONE) },
    LLM_END
};

static const llm_json_node_t  llm_timings[] = {
    { "cache_n", NULL, LLM_COUNT(CACHE_N, BESIDE) },
    LLM_END
};

static const llm_json_node_t  llm_result[] = {
    { "tokenCount", NULL, LLM_SUM(OUTPUT, TOP) },
    { "outputText", NULL, LLM_TEXT(WHOLE) },
    { "input_token_count", NULL, LLM_SUM(INPUT, TOP) },
    { "generated_token_count", NULL, LLM_SUM(OUTPUT, TOP) },
    { "generated_text", NULL, LLM_TEXT(WHOLE) },
    LLM_END
};

static const llm_json_node_t  llm_results[] = {
    { "*", llm_result, 0 },
    LLM_END
};

static const llm_json_node_t  llm_details[] = {
    { "generated_tokens", NULL, LLM_COUNT(OUTPUT, TOP) },
    { "input_length", NULL, LLM_COUNT(INPUT, TOP) },
    LLM_END
};

static const llm_json_node_t  llm_document[] = {
    { "id", NULL, LLM_WORD(ID) },
    { "object", NULL, 0 },
    { "created", NULL, LLM_PADDING },
    { "model", NULL, LLM_WORD(MODEL) },
    { "choices", llm_choices, 0 },
    { "usage", llm_usage, LLM_ROOT(USAGE, NONE) },
    { "system_fingerprint", NULL, 0 },
    { "service_tier", NULL, LLM_WORD(TIER) },
    { "obfuscation", NULL, LLM_PADDING },
    { "type", NULL, LLM_WORD(TYPE) },
    { "sequence_number", NULL, LLM_PADDING },
    { "index", NULL, 0 },
    { "delta", llm_delta, LLM_TEXT(DELTA) },
    { "message", llm_message, 0 },
    { "response", llm_response, LLM_TEXT(WHOLE) },
    { "p", NULL, LLM_PADDING },
    { "error", NULL, LLM_WORD(ERROR) },
    { "status", NULL, LLM_WORD(STATUS) },

    { "content", llm_blocks, LLM_TEXT(WHOLE) },
    { "output", llm_output, 0 },
    { "tool_usage", llm_tool_usage, 0 },
    { "text", NULL, LLM_TEXT(WHOLE) },
    { "candidates", llm_candidates, 0 },
    { "usageMetadata", llm_gemini_usage, LLM_ROOT(GEMINI, NONE) },
    { "modelVersion", NULL, LLM_WORD(MODEL) },
    { "responseId", NULL, LLM_WORD(ID) },
    { "promptFeedback", llm_prompt_feedback, 0 },
    { "x_groq", llm_x_groq, 0 },
    { "meta", llm_meta, LLM_ROOT(META, NONE) },
    { "metadata", llm_metadata, 0 },
    { "amazon-bedrock-invocationMetrics", llm_metrics,
      LLM_ROOT(METRICS, NONE) },
    { "interaction", llm_interaction, 0 },
    { "timings", llm_timings, 0 },

    { "prompt_eval_count", NULL, LLM_COUNT(INPUT, TOP) },
    { "eval_count", NULL, LLM_COUNT(OUTPUT, TOP) },
    { "tokens_evaluated", NULL, LLM_COUNT(INPUT, TOP) },
    { "tokens_predicted", NULL, LLM_COUNT(OUTPUT, TOP) },
    { "prompt_token_count", NULL, LLM_COUNT(INPUT, TOP) },
    { "generation_token_count", NULL, LLM_COUNT(OUTPUT, TOP) },
    { "inputTextTokenCount", NULL, LLM_COUNT(INPUT, TOP) },
    { "results", llm_results, 0 },
    { "details", llm_details, 0 },

    { "generated_text", NULL, LLM_TEXT(WHOLE) },
    { "generation", NULL, LLM_TEXT(WHOLE) },
    { "completion", NULL, LLM_TEXT(WHOLE) },
    { "token", llm_token, 0 },
    LLM_END
};

const llm_json_node_t  llm_usage_tree = {
    "", llm_document, LLM_USAGE_FIELD(LLM_K_DOCUMENT, 0, 0)
};
