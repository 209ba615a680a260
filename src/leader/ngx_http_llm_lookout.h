
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _NGX_HTTP_LLM_LOOKOUT_H_INCLUDED_
#define _NGX_HTTP_LLM_LOOKOUT_H_INCLUDED_


#include "ngx_http_llm_leader.h"


/*
 * What becomes an alert though no total of the store tells of it: who was
 * refused by a budget, is near a rate, or is refused by one again and again;
 * which models have no price, or state no usage.
 *
 * The zone is gone through, a few places at a time; of rates only where a
 * channel wants to hear of them.
 */

/* Of a leader with a ledger; else it has none, which all others take. */
ngx_int_t ngx_http_llm_lookout_start(ngx_http_llm_leader_t *leader);
void ngx_http_llm_lookout_stop(ngx_http_llm_leader_t *leader);

/* Once a second, where alerts can be put into the store. */
void ngx_http_llm_lookout_tick(ngx_http_llm_leader_t *leader);

/* Looks at the models that the last run of the carrier has noted. */
void ngx_http_llm_lookout_models(ngx_http_llm_leader_t *leader);

/* All that were refused are to be looked at again. */
void ngx_http_llm_lookout_again(ngx_http_llm_leader_t *leader);


#endif /* _NGX_HTTP_LLM_LOOKOUT_H_INCLUDED_ */
