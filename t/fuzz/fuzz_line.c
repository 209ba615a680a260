
/*
 * Copyright (C) the llm_quota authors
 */


#include <stdlib.h>
#include <string.h>

#include "llm_line_read.h"


/* Of any bytes each is read once, and a fact that is no usage, written again
   as it was read, says the same. */


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
require(int cond)
{
    if (!cond) {
        abort();
    }
}


static void
again(const llm_entry_t *e)
{
    u_char              buf[LLM_FACT_MAX];
    size_t              n;
    unsigned            i;
    const u_char       *p;
    llm_line_fact_t     fact;
    static llm_entry_t  other;

    memset(&fact, 0, sizeof(llm_line_fact_t));

    fact.epoch = e->epoch;
    fact.number = e->number;
    fact.timestamp = e->timestamp;
    fact.amount[LLM_FACT_REQUESTS] = e->count[LLM_ENTRY_REQUESTS];
    fact.amount[LLM_FACT_INPUT] = e->count[LLM_ENTRY_INPUT];
    fact.amount[LLM_FACT_OUTPUT] = e->count[LLM_ENTRY_OUTPUT];
    fact.amount[LLM_FACT_COST] = e->cost;
    fact.reason = e->text[LLM_ENTRY_REASON];
    fact.periods = e->periods;
    fact.nperiods = e->nperiods;

    if (e->reset) {
        fact.subject = e->text[LLM_ENTRY_SUBJECT];

        if (fact.subject.len == 0) {
            return;
        }
    }

    n = llm_line_fact(buf, &fact) - buf;
    p = buf;

    require(n <= LLM_FACT_MAX);
    require(llm_line_read(&p, buf + n, &other) == LLM_LINE_OK);
    require(other.reset == e->reset && other.correction == e->correction);
    require(other.epoch == e->epoch && other.number == e->number);
    require(other.nperiods == (e->reset ? e->nperiods : 0));

    if (e->correction) {
        require(other.cost == e->cost
                && other.count[LLM_ENTRY_INPUT] == e->count[LLM_ENTRY_INPUT]
                && other.count[LLM_ENTRY_OUTPUT] == e->count[LLM_ENTRY_OUTPUT]
                && other.count[LLM_ENTRY_REQUESTS]
                   == e->count[LLM_ENTRY_REQUESTS]);
    }

    for (i = 0; i < other.nperiods; i++) {
        require(other.periods[i].start == e->periods[i].start
                && memcmp(other.periods[i].amount, e->periods[i].amount,
                          sizeof(other.periods[i].amount))
                   == 0);
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const u_char        *p, *last, *before;
    llm_line_status_e    status;
    static llm_entry_t   entry;

    p = data;
    last = data + size;

    do {
        before = p;
        status = llm_line_read(&p, last, &entry);

        require(p >= before && p <= last);
        require(status == LLM_LINE_AGAIN || p > before);

        if (status == LLM_LINE_OK && (entry.correction || entry.reset)) {
            again(&entry);
        }
    } while (status != LLM_LINE_AGAIN);

    return 0;
}
