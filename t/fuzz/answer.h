
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _ANSWER_H_INCLUDED_
#define _ANSWER_H_INCLUDED_


#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "llm_usage.h"


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


/* Its first piece, and the others, 0: all there is. */

static void
read_answer(const char *type, int complete, const uint8_t *data, size_t size,
    size_t first, size_t step, result_t *r)
{
    size_t         i, n;
    u_char        *piece;
    llm_answer_t   a;

    memset(r, 0, sizeof(result_t));
    memset(&a, 0xff, sizeof(a));

    llm_answer_init(&a, (u_char *) type, strlen(type));

    for (i = 0; i < size; i += n) {
        n = (i == 0) ? first : step;
        n = (n == 0 || n > size - i) ? size - i : n;

        piece = malloc(n);
        memcpy(piece, data + i, n);
        llm_answer_feed(&a, piece, n);
        free(piece);
    }

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


/* No count is negative, and none that is charged is absurd. */

static void
check(const result_t *r)
{
    int64_t             most;
    const llm_usage_t  *u;

    u = &r->usage;
    most = (r->charge == LLM_CHARGE_EXACT || r->charge == LLM_CHARGE_PARTIAL)
           ? 100000000 : 0;

    if (u->input < 0 || u->input > most || u->output < 0 || u->output > most
        || u->cached_read < 0 || u->cache_write_5m < 0
        || u->cache_write_1h < 0 || u->reasoning < 0 || u->audio_in < 0
        || u->audio_out < 0 || u->image_in < 0 || u->image_out < 0
        || u->side_input < 0 || u->side_input > most || u->side_output < 0
        || u->side_output > most || u->video_out < 0 || u->citation < 0
        || u->queries < 0 || u->seconds < 0 || u->images < 0
        || u->web_searches < 0 || u->cost < -1 || u->cached_read > u->input
        || (r->charge == LLM_CHARGE_PARTIAL) != (r->lacks != 0))
    {
        abort();
    }
}


/*
 * The first byte chooses the content type, the two after it the pieces; the
 * rest is a body.  What is read of it must not depend on the pieces.
 */

static int
fuzz_answer(const char *const *types, const uint8_t *data, size_t size)
{
    int          complete;
    result_t     whole, other;
    const char  *type;

    if (size < 3) {
        return 0;
    }

    type = types[data[0] & 3];
    complete = data[0] & 4;

    read_answer(type, complete, data + 3, size - 3, 0, 0, &whole);
    check(&whole);

    read_answer(type, complete, data + 3, size - 3, data[1], data[2], &other);

    if (memcmp(&whole, &other, sizeof(whole)) != 0) {
        abort();
    }

    read_answer(type, complete, data + 3, size - 3, 1, 1, &other);

    if (memcmp(&whole, &other, sizeof(whole)) != 0) {
        abort();
    }

    return 0;
}


#endif /* _ANSWER_H_INCLUDED_ */
