
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _LLM_USAGE_TABLE_H_INCLUDED_
#define _LLM_USAGE_TABLE_H_INCLUDED_


#include <sys/types.h>
#include <stdint.h>

#include "llm_json.h"


/*
 * Where the upstreams state what an answer used.  The tree of keys in
 * llm_usage_table.c is the whole table: every node's field says what its
 * value means, in which family it is a count, and which count it is.
 */


/* The counts.  What two families call by different names, and mean alike, is
   one count; what they mean by it, the family says when all is read. */

enum {
    LLM_N_INPUT = 0,
    LLM_N_OUTPUT,
    LLM_N_TOTAL,
    LLM_N_CACHED,
    LLM_N_CACHED_ELSE,       /* holds where the one above is not stated */
    LLM_N_WRITTEN,
    LLM_N_WRITTEN_ELSE,
    LLM_N_WRITTEN_5M,
    LLM_N_WRITTEN_1H,
    LLM_N_REASONING,
    LLM_N_REASONING_ELSE,
    LLM_N_TOOL_INPUT,
    LLM_N_AUDIO_IN,
    LLM_N_AUDIO_OUT,
    LLM_N_IMAGE_IN,
    LLM_N_IMAGE_OUT,
    LLM_N_CITATION,
    LLM_N_SEARCHES,
    LLM_N_TOKENS_IN,         /* Cohere's tokens, charged are its units */
    LLM_N_TOKENS_OUT,
    LLM_N_COMPACT_IN,        /* Anthropic's compaction, over iterations */
    LLM_N_COMPACT_OUT,
    LLM_N_COMPACT_CACHED,
    LLM_N_COMPACT_WRITTEN,
    LLM_N_CACHE_N,           /* llama.cpp's timings */
    LLM_N_TIMED_IN,          /* less what came from the cache */
    LLM_N_TIMED_OUT,
    LLM_N_TOOL_SEARCHES,     /* OpenAI's tool_usage */
    LLM_N_SEARCH_QUERIES,    /* Perplexity's */
    LLM_N_SEARCH_ONCE,       /* the same, where it states but their size */
    LLM_N_VIDEO_OUT,
    LLM_N_QUERIES,
    LLM_N_SECONDS,
    LLM_N_ADVISER_IN,        /* Anthropic's adviser, over iterations */
    LLM_N_ADVISER_OUT,
    LLM_N_ADVISER_CACHED,
    LLM_N_ADVISER_WRITTEN,
    LLM_N_IMAGER_IN,         /* OpenAI's tool_usage */
    LLM_N_IMAGER_OUT,
    LLM_N_IMAGER_CACHED,
    LLM_N_IMAGER_IMAGE_IN,
    LLM_N_IMAGER_IMAGE_OUT,
    LLM_N_COST,              /* nano-dollars */
    LLM_USAGE_COUNTS
};


/* The families and other marks that a member leaves. */

enum {
    LLM_M_NONE = 0,
    LLM_M_OPENAI,            /* prompt_tokens, completion_tokens */
    LLM_M_IN_OUT,            /* input_tokens, output_tokens: of two families */
    LLM_M_RESPONSES,
    LLM_M_ANTHROPIC,
    LLM_M_GEMINI,
    LLM_M_INTERACTIONS,
    LLM_M_CONVERSE,
    LLM_M_COHERE,
    LLM_M_METRICS,
    LLM_M_TOP,               /* counts that stand in the document itself */
    LLM_M_UNITS,             /* charged by something that is no token */
    LLM_M_BESIDE,            /* stands beside the object of counts */
    LLM_M_FALLBACK           /* iterations are of no interest */
};


/* What a value is. */

enum {
    LLM_K_DOCUMENT = 1,
    LLM_K_ROOT,              /* an object of counts; of: row of the table */
    LLM_K_COUNT,             /* of: LLM_N_ */
    LLM_K_SUM,               /* the same, elements of an array add up */
    LLM_K_COST,
    LLM_K_TICKS,             /* a cost in units of 1e-10 dollars */
    LLM_K_MARK,              /* that it is there is what it says */
    LLM_K_LIST,              /* of: LLM_L_ */
    LLM_K_ELEMENT,
    LLM_K_PART,              /* of: LLM_P_, of the element that is open */
    LLM_K_WORD,              /* of: LLM_W_ */
    LLM_K_IMAGE,             /* one that was made; of: LLM_I_ */
    LLM_K_TEXT,              /* of: LLM_T_ */
    LLM_K_CALL,              /* an object that the model generated */
    LLM_K_BYTES,             /* a document in base64 */
    LLM_K_PADDING            /* differs in each event and means nothing */
};


/* Arrays whose elements are read as a whole. */

enum {
    LLM_L_ITERATIONS = 0,
    LLM_L_PROMPT_MODALITIES,
    LLM_L_OUTPUT_MODALITIES,
    LLM_L_CACHE_DETAILS
};

enum {
    LLM_P_INPUT = 0,
    LLM_P_OUTPUT,
    LLM_P_CACHED,
    LLM_P_WRITTEN,
    LLM_USAGE_PARTS,
    LLM_P_NAME = LLM_USAGE_PARTS,
    LLM_P_MODEL
};


enum {
    LLM_W_ID = 0,
    LLM_W_MODEL,
    LLM_W_OBJECT,
    LLM_W_TYPE,
    LLM_W_STATUS,
    LLM_W_TIER,
    LLM_W_ERROR,
    LLM_W_FINISH,
    LLM_W_BLOCKED,
    LLM_W_CHOICE,
    LLM_W_IMAGER,            /* the model of the image generation tool */
    LLM_W_SEARCH_SIZE,
    LLM_W_SEARCHED,          /* the same, and that there was one */
    LLM_W_SPEED,
    LLM_W_GEO
};


enum {
    LLM_I_EVENT = 0,         /* in an event, it may be a part of one */
    LLM_I_DATUM,
    LLM_I_OTHER              /* the output may be text all the same */
};


/* Text in pieces, and text that may repeat what pieces said. */

enum {
    LLM_T_DELTA = 0,
    LLM_T_WHOLE,
    LLM_USAGE_TEXTS
};


/* The rows of the table that are roots: of those in one document the first
   counts.  The last are no objects of counts. */

enum {
    LLM_ROW_METRICS = 1,
    LLM_ROW_START,           /* message.usage of a message_start */
    LLM_ROW_USAGE,
    LLM_ROW_RESPONSE,
    LLM_ROW_GEMINI,
    LLM_ROW_GROQ,
    LLM_ROW_CHOICE,
    LLM_ROW_DELTA,
    LLM_ROW_META,
    LLM_ROW_METADATA,
    LLM_ROW_INTERACTION,
    LLM_ROW_TRACE,           /* of one call of many, which add up */
    LLM_ROW_MAYBE_START,     /* of a START while the type is not known yet */
    LLM_ROW_TOP,
    LLM_ROW_TIMINGS,
    LLM_ROW_HEADER
};


#define LLM_USAGE_FIELD(kind, mark, of)  ((kind) << 10 | (mark) << 6 | (of))

#define llm_field_kind(field)  ((field) >> 10)
#define llm_field_mark(field)  ((field) >> 6 & 0x0f)
#define llm_field_of(field)    ((field) & 0x3f)

#define llm_usage_bit(n)       ((uint64_t) 1 << (n))


extern const llm_json_node_t  llm_usage_tree;


#endif /* _LLM_USAGE_TABLE_H_INCLUDED_ */
