
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _JSON_BYTES_H_INCLUDED_
#define _JSON_BYTES_H_INCLUDED_


#include "llm_json.h"


/* The byte machine under other names, to be compared with the vector one. */

#define LLM_JSON_BYTES

#define llm_json_init      bytes_init
#define llm_json_feed      bytes_feed
#define llm_json_count     bytes_count
#define llm_json_text      bytes_text
#define llm_json_number    bytes_number
#define llm_json_literal   bytes_literal
#define llm_json_string    bytes_string
#define llm_json_skip      bytes_skip
#define llm_json_find      bytes_find
#define llm_json_lookup    bytes_lookup
#define llm_json_scalar    bytes_scalar
#define llm_json_ended     bytes_ended
#define llm_json_quote     bytes_quote
#define llm_json_quotes    bytes_quotes
#define llm_json_head      bytes_head
#define llm_json_is_tail   bytes_is_tail
#define llm_json_found     bytes_found
#define llm_json_report    bytes_report
#define llm_json_piece     bytes_piece
#define llm_json_skipped   bytes_skipped

size_t bytes_feed(llm_json_t *j, const u_char *p, size_t n);
void bytes_init(llm_json_t *j, const llm_json_node_t *root,
    llm_json_handler_pt handler, void *data, unsigned flags);
int bytes_count(const llm_json_value_t *v, int64_t *n);

#include "llm_json.c"
#include "llm_json_key.c"
#include "llm_json_value.c"
#include "llm_json_skip.c"

#undef llm_json_init
#undef llm_json_feed
#undef llm_json_count


#endif /* _JSON_BYTES_H_INCLUDED_ */
