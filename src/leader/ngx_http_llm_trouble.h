
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _NGX_HTTP_LLM_TROUBLE_H_INCLUDED_
#define _NGX_HTTP_LLM_TROUBLE_H_INCLUDED_


#include "ngx_http_llm_leader.h"


/*
 * Trouble of the zone itself that becomes an alert, and another when it is
 * over: Redis is away, the ledger cannot be written, the zone is full.  Of the
 * store itself ngx_http_llm_outbox_store() tells.
 */

/* Once a second, where alerts can be put into the store. */
void ngx_http_llm_trouble_tick(ngx_http_llm_leader_t *leader);


#endif /* _NGX_HTTP_LLM_TROUBLE_H_INCLUDED_ */
