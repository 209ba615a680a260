
/*
 * Copyright (C) the llm_quota authors
 */


#include <stddef.h>
#include <string.h>

#include "llm_cutoff.h"
#include "llm_money.h"
#include "llm_text.h"


enum {
    LLM_CUTOFF_NONE = 0,
    LLM_CUTOFF_ROOT,
    LLM_CUTOFF_TYPE,
    LLM_CUTOFF_CHOICE,
    LLM_CUTOFF_CHOICE_INDEX,
    LLM_CUTOFF_REASON,
    LLM_CUTOFF_CREATED,
    LLM_CUTOFF_SEQUENCE,
    LLM_CUTOFF_INDEX,
    LLM_CUTOFF_ERROR
};


typedef enum {
    LLM_CUTOFF_OTHER = 0,
    LLM_CUTOFF_BEGIN,
    LLM_CUTOFF_BLOCK,            /* one is opened */
    LLM_CUTOFF_BLOCK_END,
    LLM_CUTOFF_END               /* the answer is complete, or failed */
} llm_cutoff_type_e;


static void llm_cutoff_next(llm_cutoff_t *c);
static void llm_cutoff_event(llm_cutoff_t *c);
static void llm_cutoff_value(void *data, const llm_json_value_t *v);
static uint64_t llm_cutoff_bit(int64_t n);
static uint8_t llm_cutoff_type(const u_char *p, size_t n);
static u_char *llm_cutoff_chunks(const llm_cutoff_t *c, u_char *p,
    const llm_answer_id_t *id, const llm_answer_name_t *model,
    const llm_usage_t *usage, int states);
static u_char *llm_cutoff_chunk(const llm_cutoff_t *c, u_char *p,
    const llm_answer_id_t *id, const llm_answer_name_t *model);
static u_char *llm_cutoff_response(const llm_cutoff_t *c, u_char *p,
    const llm_answer_id_t *id, const llm_answer_name_t *model,
    const llm_usage_t *usage);
static u_char *llm_cutoff_message(const llm_cutoff_t *c, u_char *p,
    const llm_usage_t *usage);
static u_char *llm_cutoff_member(u_char *p, const char *name,
    const u_char *text, size_t n);
static u_char *llm_cutoff_count(u_char *p, const char *name, int64_t n);


static const llm_json_node_t  llm_cutoff_choice[] = {
    LLM_JSON_NODE("index", NULL, LLM_CUTOFF_CHOICE_INDEX),
    LLM_JSON_NODE("finish_reason", NULL, LLM_CUTOFF_REASON),
    LLM_JSON_END
};

static const llm_json_node_t  llm_cutoff_choices[] = {
    LLM_JSON_NODE("*", llm_cutoff_choice, LLM_CUTOFF_CHOICE),
    LLM_JSON_END
};

static const llm_json_node_t  llm_cutoff_response_members[] = {
    LLM_JSON_NODE("created_at", NULL, LLM_CUTOFF_CREATED),
    LLM_JSON_END
};

static const llm_json_node_t  llm_cutoff_members[] = {
    LLM_JSON_NODE("type", NULL, LLM_CUTOFF_TYPE),
    LLM_JSON_NODE("created", NULL, LLM_CUTOFF_CREATED),
    LLM_JSON_NODE("choices", llm_cutoff_choices, LLM_CUTOFF_NONE),
    LLM_JSON_NODE("index", NULL, LLM_CUTOFF_INDEX),
    LLM_JSON_NODE("sequence_number", NULL, LLM_CUTOFF_SEQUENCE),
    LLM_JSON_NODE("response", llm_cutoff_response_members, LLM_CUTOFF_NONE),
    LLM_JSON_NODE("error", NULL, LLM_JSON_SPAN | LLM_CUTOFF_ERROR),
    LLM_JSON_END
};

static const llm_json_node_t  llm_cutoff_tree =
    LLM_JSON_NODE("", llm_cutoff_members, LLM_CUTOFF_ROOT);


static const struct {
    const char          *name;
    llm_cutoff_type_e    type;
} llm_cutoff_types[] = {
    { "message_start", LLM_CUTOFF_BEGIN },
    { "content_block_start", LLM_CUTOFF_BLOCK },
    { "content_block_stop", LLM_CUTOFF_BLOCK_END },
    { "message_delta", LLM_CUTOFF_END },
    { "message_stop", LLM_CUTOFF_END },
    { "response.created", LLM_CUTOFF_BEGIN },
    { "response.completed", LLM_CUTOFF_END },
    { "response.incomplete", LLM_CUTOFF_END },
    { "response.failed", LLM_CUTOFF_END },
    { "error", LLM_CUTOFF_END },
    { NULL, LLM_CUTOFF_OTHER }
};


int
llm_cutoff_knows(llm_api_e api)
{
    return api == LLM_API_CHAT || api == LLM_API_COMPLETIONS
           || api == LLM_API_RESPONSES || api == LLM_API_MESSAGES;
}


void
llm_cutoff_init(llm_cutoff_t *c, llm_api_e api)
{
    memset(c, 0, offsetof(llm_cutoff_t, json));

    c->api = api;

    llm_sse_init(&c->sse);
    llm_cutoff_next(c);
}


static void
llm_cutoff_next(llm_cutoff_t *c)
{
    memset(&c->event, 0, sizeof(llm_cutoff_event_t));

    c->event.created = -1;
    c->event.sequence = -1;
    c->event.index = -1;

    llm_json_init(&c->json, &llm_cutoff_tree, llm_cutoff_value, c, 0);
}


ssize_t
llm_cutoff_read(llm_cutoff_t *c, const u_char *p, size_t n)
{
    size_t            len;
    ssize_t           place;
    const u_char     *start, *last, *data;
    llm_sse_token_e   token;

    start = p;
    last = p + n;
    place = -1;

    if (c->sse.fresh && n) {

        if (llm_sse_is_cr(&c->sse) && *p == '\n') {

            /* of the blank line that ended the event before */

            (void) llm_sse_read(&c->sse, &p, p + 1, &data, &len);
        }

        place = p - start;
    }

    do {
        token = llm_sse_read(&c->sse, &p, last, &data, &len);

        switch (token) {

        case LLM_SSE_DATA:
            (void) llm_json_feed(&c->json, data, len);
            break;

        case LLM_SSE_JOIN:
            (void) llm_json_feed(&c->json, (u_char *) "\n", 1);
            break;

        case LLM_SSE_END:
            llm_cutoff_event(c);
            llm_cutoff_next(c);

            /* fall through */

        case LLM_SSE_BLANK:

            /* half of a line's end may still come */

            place = llm_sse_is_cr(&c->sse) ? -1 : p - start;
            break;

        default: /* LLM_SSE_MORE */
            break;
        }

    } while (token != LLM_SSE_MORE);

    return place;
}


int
llm_cutoff_is_open(const llm_cutoff_t *c)
{
    if (c->ended || !c->begun) {
        return 0;
    }

    return c->open || c->api == LLM_API_RESPONSES
           || c->api == LLM_API_MESSAGES;
}


/* What is not one JSON object, [DONE] among it, ends what is known. */

static void
llm_cutoff_event(llm_cutoff_t *c)
{
    const llm_cutoff_event_t  *e;

    e = &c->event;

    if (c->json.state != LLM_JSON_DONE || !e->object || e->error) {
        c->ended = 1;
        return;
    }

    if (e->created > 0) {
        c->created = e->created;
    }

    if (e->sequence > c->sequence) {
        c->sequence = e->sequence;
    }

    if (c->api == LLM_API_CHAT || c->api == LLM_API_COMPLETIONS) {
        c->open |= e->open;
        c->open &= ~e->finished;
        c->begun |= (e->open != 0);
        return;
    }

    switch (e->type) {

    case LLM_CUTOFF_BEGIN:
        c->begun = 1;
        break;

    case LLM_CUTOFF_BLOCK:
        c->open |= llm_cutoff_bit(e->index);
        break;

    case LLM_CUTOFF_BLOCK_END:
        c->open &= ~llm_cutoff_bit(e->index);
        break;

    case LLM_CUTOFF_END:
        c->ended = 1;
        break;

    default: /* LLM_CUTOFF_OTHER */
        break;
    }
}


static void
llm_cutoff_value(void *data, const llm_json_value_t *v)
{
    llm_cutoff_t *c = data;

    int64_t              n;
    llm_cutoff_event_t  *e;

    e = &c->event;

    switch (v->field) {

    case LLM_CUTOFF_ROOT:
        e->object = (v->type == LLM_JSON_OBJECT);
        return;

    case LLM_CUTOFF_TYPE:
        e->type = (v->type == LLM_JSON_STRING && !v->more)
                  ? llm_cutoff_type(v->text, v->len) : LLM_CUTOFF_OTHER;
        return;

    case LLM_CUTOFF_CHOICE:

        if (v->type != LLM_JSON_OBJECT) {
            return;
        }

        if (!v->close) {
            e->choice = 0;
            e->reason = 0;
            return;
        }

        e->open |= llm_cutoff_bit(e->choice);

        if (e->reason) {
            e->finished |= llm_cutoff_bit(e->choice);
        }

        return;

    case LLM_CUTOFF_REASON:
        e->reason = (v->type == LLM_JSON_STRING);
        return;

    case LLM_CUTOFF_ERROR:
        e->error = (v->type != LLM_JSON_NULL);
        return;

    default:
        break;
    }

    if (v->type != LLM_JSON_NUMBER || v->more || llm_json_count(v, &n) != 0) {
        return;
    }

    switch (v->field) {

    case LLM_CUTOFF_CHOICE_INDEX:
        e->choice = n;
        return;

    case LLM_CUTOFF_CREATED:
        e->created = n;
        return;

    case LLM_CUTOFF_SEQUENCE:
        e->sequence = n;
        return;

    default: /* LLM_CUTOFF_INDEX */
        e->index = n;
        return;
    }
}


static uint64_t
llm_cutoff_bit(int64_t n)
{
    return (n >= 0 && n < LLM_CUTOFF_CHOICES) ? (uint64_t) 1 << n : 0;
}


static uint8_t
llm_cutoff_type(const u_char *p, size_t n)
{
    unsigned  i;

    for (i = 0; llm_cutoff_types[i].name; i++) {

        if (n == strlen(llm_cutoff_types[i].name)
            && memcmp(p, llm_cutoff_types[i].name, n) == 0)
        {
            return llm_cutoff_types[i].type;
        }
    }

    return LLM_CUTOFF_OTHER;
}


u_char *
llm_cutoff_print(const llm_cutoff_t *c, u_char *p, const llm_answer_id_t *id,
    const llm_answer_name_t *model, const llm_usage_t *usage, int states)
{
    switch (c->api) {

    case LLM_API_RESPONSES:
        return llm_cutoff_response(c, p, id, model, usage);

    case LLM_API_MESSAGES:
        return llm_cutoff_message(c, p, usage);

    default:
        return llm_cutoff_chunks(c, p, id, model, usage, states);
    }
}


static u_char *
llm_cutoff_chunks(const llm_cutoff_t *c, u_char *p, const llm_answer_id_t *id,
    const llm_answer_name_t *model, const llm_usage_t *usage, int states)
{
    int       comma;
    unsigned  i;

    p = llm_cutoff_chunk(c, p, id, model);
    comma = 0;

    for (i = 0; i < LLM_CUTOFF_CHOICES; i++) {

        if (!(c->open & (uint64_t) 1 << i)) {
            continue;
        }

        p = llm_cutoff_count(p, comma ? ",{\"index\":" : "{\"index\":", i);
        p = llm_text_put(p, c->api == LLM_API_CHAT
                            ? ",\"delta\":{}" : ",\"text\":\"\"");
        p = llm_text_put(p, ",\"logprobs\":null,"
                            "\"finish_reason\":\"length\"}");
        comma = 1;
    }

    p = llm_text_put(p, "]}\n\n");

    if (states) {
        p = llm_cutoff_chunk(c, p, id, model);
        p = llm_cutoff_count(p, "],\"usage\":{\"prompt_tokens\":",
                             usage->input);
        p = llm_cutoff_count(p, ",\"completion_tokens\":", usage->output);
        p = llm_cutoff_count(p, ",\"total_tokens\":",
                             llm_sat_add(usage->input, usage->output));
        p = llm_text_put(p, "}}\n\n");
    }

    return llm_text_put(p, "data: [DONE]\n\n");
}


/* A chunk up to the elements of its choices. */

static u_char *
llm_cutoff_chunk(const llm_cutoff_t *c, u_char *p, const llm_answer_id_t *id,
    const llm_answer_name_t *model)
{
    p = llm_text_put(p, "data: {");
    p = llm_cutoff_member(p, "\"id\":", id->data, id->len);
    p = llm_text_put(p, c->api == LLM_API_CHAT
                        ? ",\"object\":\"chat.completion.chunk\""
                        : ",\"object\":\"text_completion\"");
    p = llm_cutoff_count(p, ",\"created\":", c->created);
    p = llm_cutoff_member(p, ",\"model\":", model->data, model->len);

    return llm_text_put(p, ",\"choices\":[");
}


/* What was made so far has passed and is not said again: output is empty. */

static u_char *
llm_cutoff_response(const llm_cutoff_t *c, u_char *p,
    const llm_answer_id_t *id, const llm_answer_name_t *model,
    const llm_usage_t *usage)
{
    p = llm_text_put(p, "event: response.incomplete\n"
                        "data: {\"type\":\"response.incomplete\"");
    p = llm_cutoff_count(p, ",\"sequence_number\":", c->sequence + 1);
    p = llm_cutoff_member(p, ",\"response\":{\"id\":", id->data, id->len);
    p = llm_cutoff_count(p, ",\"object\":\"response\",\"created_at\":",
                         c->created);
    p = llm_text_put(p, ",\"status\":\"incomplete\",\"error\":null,"
                        "\"incomplete_details\":"
                        "{\"reason\":\"max_output_tokens\"},"
                        "\"instructions\":null,\"metadata\":{}");
    p = llm_cutoff_member(p, ",\"model\":", model->data, model->len);
    p = llm_text_put(p, ",\"output\":[],\"parallel_tool_calls\":true,"
                        "\"tool_choice\":\"auto\",\"tools\":[]");
    p = llm_cutoff_count(p, ",\"usage\":{\"input_tokens\":", usage->input);
    p = llm_cutoff_count(p, ",\"input_tokens_details\":{\"cached_tokens\":",
                         usage->cached_read);
    p = llm_cutoff_count(p, "},\"output_tokens\":", usage->output);
    p = llm_cutoff_count(p, ",\"output_tokens_details\":"
                            "{\"reasoning_tokens\":", usage->reasoning);
    p = llm_cutoff_count(p, "},\"total_tokens\":",
                         llm_sat_add(usage->input, usage->output));

    return llm_text_put(p, "}}}\n\n");
}


static u_char *
llm_cutoff_message(const llm_cutoff_t *c, u_char *p, const llm_usage_t *usage)
{
    unsigned  i;

    for (i = 0; i < LLM_CUTOFF_CHOICES; i++) {

        if (c->open & (uint64_t) 1 << i) {
            p = llm_cutoff_count(p, "event: content_block_stop\ndata: "
                                    "{\"type\":\"content_block_stop\","
                                    "\"index\":", i);
            p = llm_text_put(p, "}\n\n");
        }
    }

    p = llm_cutoff_count(p, "event: message_delta\ndata: "
                            "{\"type\":\"message_delta\",\"delta\":"
                            "{\"stop_reason\":\"max_tokens\","
                            "\"stop_sequence\":null},"
                            "\"usage\":{\"output_tokens\":", usage->output);

    return llm_text_put(p, "}}\n\nevent: message_stop\ndata: "
                           "{\"type\":\"message_stop\"}\n\n");
}


static u_char *
llm_cutoff_member(u_char *p, const char *name, const u_char *text, size_t n)
{
    p = llm_text_put(p, name);

    *p++ = '"';
    p = llm_text_json(p, p + 6 * n, text, n);
    *p++ = '"';

    return p;
}


static u_char *
llm_cutoff_count(u_char *p, const char *name, int64_t n)
{
    p = llm_text_put(p, name);

    return llm_text_number(p, n < 0 ? 0 : (uint64_t) n);
}
