
/*
 * Copyright (C) the llm_quota authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "llm_fact.h"
#include "ngx_http_llm_leader.h"


/*
 * Facts whose lines nobody writes any more get them from the first worker: of
 * one that died, unless the ledger has the line, and of one that found the
 * ledger failing.
 */


static void ngx_http_llm_sweep_fact(ngx_http_llm_leader_t *leader,
    llm_index_t i);


void
ngx_http_llm_sweep_facts(ngx_http_llm_leader_t *leader)
{
    llm_zone_t   *z;
    llm_index_t   i;

    if (leader->conf.ledger == NULL
        || leader->conf.ledger->failing
        || leader->conf.zone->worker == LLM_NONE)
    {
        return;
    }

    z = leader->conf.zone->zone;

    for (i = 0; i < z->nfacts; i++) {
        if (llm_fact_is_left(z, i)) {
            ngx_http_llm_sweep_fact(leader, i);
        }
    }
}


static void
ngx_http_llm_sweep_fact(ngx_http_llm_leader_t *leader, llm_index_t i)
{
    llm_zone_t                   *z;
    ngx_http_llm_ledger_entry_t   entry;

    z = ngx_http_llm_zone_lock(leader->conf.zone);

    /* who has just taken it lives */

    if (!llm_fact_is_left(z, i)) {
        ngx_http_llm_zone_unlock(leader->conf.zone);
        return;
    }

    llm_fact_take(z, i, leader->conf.zone->worker);

    entry.number = llm_zone_fact(z, i)->id;
    entry.index = i;
    entry.found = 0;

    ngx_http_llm_zone_unlock(leader->conf.zone);

    ngx_http_llm_ledger_find(leader->conf.ledger, z->epoch, &entry, 1);

    if (!entry.found) {
        leader->conf.record(leader->conf.data, i);
        return;
    }

    (void) ngx_http_llm_zone_lock(leader->conf.zone);
    llm_fact_free(z, i);
    ngx_http_llm_zone_unlock(leader->conf.zone);
}
