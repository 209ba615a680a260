
/*
 * Copyright (C) the llm_quota authors
 */


#include <string.h>

#include "llm_line_fact.h"
#include "llm_money.h"
#include "llm_text.h"


/* Bytes of texts, with their escapes: of the printable characters of an ID two
   have one. */

#define LLM_FACT_NAME     256
#define LLM_FACT_TEXT     768            /* a reason */
#define LLM_FACT_WORD     64             /* what is made here, an address */


static u_char *llm_fact_text(u_char *p, const char *name,
    const llm_line_text_t *text, size_t most);
static u_char *llm_fact_time(u_char *p, const char *name, int64_t ms);
static u_char *llm_fact_actor(u_char *p, const llm_line_text_t *reason,
    const llm_line_text_t *who, const llm_line_text_t *who_key,
    const llm_line_text_t *address);
static u_char *llm_fact_amounts(u_char *p, const int64_t *amount);
static u_char *llm_fact_number(u_char *p, const char *name, int64_t n);


u_char *
llm_line_fact(u_char *p, const llm_line_fact_t *fact)
{
    unsigned  i;

    p = llm_text_put(p, fact->subject.len ? LLM_LINE_MARK "reset"
                                          : LLM_LINE_MARK "correction");
    p = llm_line_start(p, fact->epoch);
    p = llm_text_number(p, fact->number);
    *p++ = '"';

    if (fact->of.len) {
        p = llm_fact_text(p, ",\"of\":\"", &fact->of, LLM_FACT_WORD);
    }

    p = llm_fact_time(p, ",\"timestamp\":\"", fact->timestamp);
    p = llm_fact_time(p, ",\"made\":\"", fact->made);

    p = llm_fact_text(p, ",\"team_id\":\"", &fact->team, LLM_FACT_NAME);
    p = llm_fact_text(p, ",\"user_id\":\"", &fact->user, LLM_FACT_NAME);
    p = llm_fact_text(p, ",\"customer_id\":\"", &fact->customer,
                      LLM_FACT_NAME);
    p = llm_fact_text(p, ",\"key_id\":\"", &fact->key, LLM_FACT_NAME);
    p = llm_fact_text(p, ",\"model\":\"", &fact->model, LLM_FACT_NAME);

    if (fact->subject.len) {
        p = llm_fact_text(p, ",\"subject\":\"", &fact->subject, LLM_FACT_WORD);
        p = llm_text_put(p, ",\"periods\":[");

        for (i = 0; i < fact->nperiods && i < LLM_FACT_PERIODS; i++) {
            p = llm_fact_text(p, i ? ",{\"period\":\"" : "{\"period\":\"",
                              &fact->periods[i].period, LLM_FACT_WORD);
            p = llm_fact_number(p, ",\"start\":", fact->periods[i].start);
            p = llm_fact_amounts(p, fact->periods[i].amount);
            *p++ = '}';
        }

        *p++ = ']';

    } else {
        p = llm_fact_amounts(p, fact->amount);
    }

    return llm_fact_actor(p, &fact->reason, &fact->who, &fact->who_key,
                          &fact->address);
}


u_char *
llm_line_change(u_char *p, const llm_line_change_t *change)
{
    p = llm_text_put(p, LLM_LINE_MARK "change");
    p = llm_line_start(p, change->epoch);

    /* the numbers of other lines are others */

    *p++ = 'c';
    p = llm_text_number(p, (uint64_t) change->version);
    *p++ = '"';

    p = llm_fact_time(p, ",\"timestamp\":\"", change->time);
    p = llm_fact_text(p, ",\"action\":\"", &change->action, LLM_FACT_NAME);
    p = llm_fact_text(p, ",\"kind\":\"", &change->kind, LLM_FACT_WORD);
    p = llm_fact_text(p, ",\"entity_id\":\"", &change->id,
                      2 * LLM_FACT_NAME);
    p = llm_fact_number(p, ",\"version\":", change->version);

    return llm_fact_actor(p, &change->reason, &change->who, &change->who_key,
                          &change->address);
}


/* Who did it, why; and the end of the line. */

static u_char *
llm_fact_actor(u_char *p, const llm_line_text_t *reason,
    const llm_line_text_t *who, const llm_line_text_t *who_key,
    const llm_line_text_t *address)
{
    p = llm_fact_text(p, ",\"reason\":\"", reason, LLM_FACT_TEXT);
    p = llm_fact_text(p, ",\"changed_by\":\"", who, LLM_FACT_NAME);
    p = llm_fact_text(p, ",\"changed_by_api_key\":\"", who_key,
                      LLM_FACT_WORD);
    p = llm_fact_text(p, ",\"address\":\"", address, LLM_FACT_WORD);

    return llm_text_put(p, "}\n");
}


static u_char *
llm_fact_text(u_char *p, const char *name, const llm_line_text_t *text,
    size_t most)
{
    p = llm_text_put(p, name);
    p = llm_text_json(p, p + most, text->data, text->len);
    *p++ = '"';

    return p;
}


static u_char *
llm_fact_time(u_char *p, const char *name, int64_t ms)
{
    p = llm_line_time(llm_text_put(p, name), ms);
    *p++ = '"';

    return p;
}


static u_char *
llm_fact_amounts(u_char *p, const int64_t *amount)
{
    p = llm_fact_number(p, ",\"requests\":", amount[LLM_FACT_REQUESTS]);
    p = llm_fact_number(p, ",\"prompt_tokens\":", amount[LLM_FACT_INPUT]);
    p = llm_fact_number(p, ",\"completion_tokens\":", amount[LLM_FACT_OUTPUT]);
    p = llm_text_put(p, ",\"cost_usd\":");

    return p + llm_money_print(p, amount[LLM_FACT_COST]);
}


static u_char *
llm_fact_number(u_char *p, const char *name, int64_t n)
{
    p = llm_text_put(p, name);

    if (n < 0) {
        *p++ = '-';
        return llm_text_number(p, 0 - (uint64_t) n);
    }

    return llm_text_number(p, n);
}
