
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _ANSWER_H_INCLUDED_
#define _ANSWER_H_INCLUDED_


#include "llm_usage.h"
#include "tap.h"


/* An answer as it is read, and pieces of which bodies are made. */

#define JSON    "application/json"
#define SSE     "text/event-stream"
#define LINES   "application/x-ndjson"
#define EVENTS  "application/vnd.amazon.eventstream"

#define STREAM  (1 << 18)


#define NONE      LLM_CHARGE_NONE
#define EXACT     LLM_CHARGE_EXACT
#define PARTIAL   LLM_CHARGE_PARTIAL
#define ESTIMATE  LLM_CHARGE_ESTIMATE

#define U         "\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":12,"  \
                  "\"total_tokens\":21}"
#define HELLO     "\"choices\":[{\"index\":0,\"message\":{\"content\":"       \
                  "\"Hello\"},\"finish_reason\":\"stop\"}]"

#define CHUNK(s)  "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"" \
                  s "\"},\"finish_reason\":null}]}\n\n"
#define LAST      "data: {\"choices\":[]," U "}\n\n"
#define DONE      "data: [DONE]\n\n"

#define START(u)  "event: message_start\ndata: {\"type\":\"message_start\","  \
                  "\"message\":{\"id\":\"msg_1\",\"model\":\"claude\","       \
                  "\"usage\":{" u "}}}\n\n"
#define TEXT(s)   "event: content_block_delta\ndata: {\"type\":"              \
                  "\"content_block_delta\",\"index\":0,\"delta\":{\"type\":"  \
                  "\"text_delta\",\"text\":\"" s "\"}}\n\n"
#define DELTA(u)  "event: message_delta\ndata: {\"type\":\"message_delta\","  \
                  "\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{" u    \
                  "}}\n\n"
#define STOP      "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"


typedef struct {
    llm_charge_e             charge;
    llm_usage_t              usage;
    uint64_t                 text;
    unsigned                 lacks;
    int                      anomaly;
    int                      damaged;
    llm_tier_e               tier;
    llm_answer_name_t        model;
    llm_answer_id_t          id;
    llm_status_e             status;
} result_t;


typedef struct {
    const char              *name;
    const char              *value;
} header_t;


/* Those of the answers that follow, the last without a name. */
static const header_t  *headers;

static uint64_t  seed = 1;


static uint32_t
rnd(uint32_t n)
{
    seed = seed * 6364136223846793005 + 1442695040888963407;

    return (uint32_t) (seed >> 33) % n;
}


/* Pieces of at most max bytes, each memory of its own; 0: whole. */

static void
answer(const char *type, const void *body, size_t len, size_t max,
    int complete, result_t *r)
{
    size_t        i, n;
    u_char       *piece;
    llm_answer_t  a;

    memset(&a, 0xff, sizeof(a));
    llm_answer_init(&a, (u_char *) type, strlen(type));

    for (i = 0; headers != NULL && headers[i].name != NULL; i++) {
        llm_answer_header(&a, (u_char *) headers[i].name,
                          strlen(headers[i].name),
                          (u_char *) headers[i].value,
                          strlen(headers[i].value));
    }

    for (i = 0; i < len; i += n) {
        n = (max == 0) ? len : (max == 1) ? 1 : 1 + rnd(max);
        n = (n > len - i) ? len - i : n;

        piece = malloc(n);
        memcpy(piece, (const u_char *) body + i, n);
        llm_answer_feed(&a, piece, n);
        free(piece);
    }

    memset(r, 0, sizeof(result_t));

    r->charge = llm_answer_end(&a, complete, &r->usage);
    r->text = llm_answer_text_bytes(&a);
    r->lacks = llm_answer_lacks(&a);
    r->anomaly = llm_answer_anomaly(&a);
    r->damaged = llm_answer_damaged(&a);
    r->tier = llm_answer_tier(&a);
    r->model = *llm_answer_model(&a);
    r->id = *llm_answer_id(&a);
    r->status = llm_answer_status(&a);
}


/* Read whole; and read byte by byte, where no event can repeat another, with
   the same result. */

static result_t
whole_of(const char *type, const void *body, size_t len, int complete,
    const char *name)
{
    result_t  r, bytes;

    answer(type, body, len, 0, complete, &r);
    answer(type, body, len, 1, complete, &bytes);

    ok(memcmp(&r, &bytes, sizeof(r)) == 0, "%s: byte by byte", name);

    return r;
}


__attribute__((unused)) static result_t
whole(const char *type, const char *body, int complete, const char *name)
{
    return whole_of(type, body, strlen(body), complete, name);
}


/* The counts in the order that the tables of cases have: input, output,
   cached, written for 5m and 1h, reasoning. */

__attribute__((unused)) static int
counts_are(const result_t *r, const int64_t *count, const char *name)
{
    const llm_usage_t  *u;

    u = &r->usage;

    if (ok(u->input == count[0] && u->output == count[1]
           && u->cached_read == count[2] && u->cache_write_5m == count[3]
           && u->cache_write_1h == count[4] && u->reasoning == count[5],
           "%s: counts", name))
    {
        return 1;
    }

    printf("# got %lld %lld %lld %lld %lld %lld\n", (long long) u->input,
           (long long) u->output, (long long) u->cached_read,
           (long long) u->cache_write_5m, (long long) u->cache_write_1h,
           (long long) u->reasoning);

    return 0;
}


#endif /* _ANSWER_H_INCLUDED_ */
