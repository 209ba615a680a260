
/*
 * Copyright (C) the llm_quota authors
 */


#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "llm_cutoff.h"


/*
 * The input: two bytes that name the dialect and how the stream is cut into
 * pieces, the stream.  What closes it does not depend on the pieces, where
 * both can be closed at the same byte, and is read as a stream that has ended.
 */


static const llm_api_e  apis[] = {
    LLM_API_CHAT, LLM_API_COMPLETIONS, LLM_API_RESPONSES, LLM_API_MESSAGES
};


static void
fuzz_check(int right)
{
    if (!right) {
        abort();
    }
}


static size_t
fuzz_print(const llm_cutoff_t *c, u_char *text)
{
    llm_usage_t        usage;
    llm_answer_id_t    id;
    llm_answer_name_t  model;

    memset(&usage, 0, sizeof(llm_usage_t));
    memset(&id, '"', sizeof(llm_answer_id_t));
    memset(&model, '\n', sizeof(llm_answer_name_t));

    id.len = LLM_ANSWER_ID;
    model.len = LLM_ANSWER_NAME;

    return llm_cutoff_print(c, text, &id, &model, &usage, 1) - text;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t               n, at, len, one, two;
    ssize_t              place, last;
    const uint8_t       *p;
    llm_api_e            api;
    llm_cutoff_t         whole, piece, end;

    static u_char        text[2][LLM_CUTOFF_TEXT];

    if (size < 2) {
        return 0;
    }

    api = apis[data[0] % (sizeof(apis) / sizeof(apis[0]))];
    len = data[1] % 64 + 1;

    p = data + 2;
    n = size - 2;

    llm_cutoff_init(&whole, api);
    place = llm_cutoff_read(&whole, p, n);

    fuzz_check(place >= -1 && place <= (ssize_t) n);

    if (place == -1) {
        return 0;
    }

    /* up to the place in pieces: the same is open */

    llm_cutoff_init(&piece, api);
    last = 0;

    for (at = 0; at < (size_t) place; at += len) {

        if (len > place - at) {
            len = place - at;
        }

        last = llm_cutoff_read(&piece, p + at, len);
    }

    fuzz_check(place == 0 || last == (ssize_t) len || last == -1);

    if (last == -1) {

        /* a line's end that is CR: that no LF follows shows with the next */

        return 0;
    }

    fuzz_check(llm_cutoff_is_open(&whole) == llm_cutoff_is_open(&piece));

    if (!llm_cutoff_is_open(&whole)) {
        return 0;
    }

    one = fuzz_print(&whole, text[0]);
    two = fuzz_print(&piece, text[1]);

    fuzz_check(one == two && memcmp(text[0], text[1], one) == 0);

    /* a client that reads on finds that it has ended */

    llm_cutoff_init(&end, api);
    (void) llm_cutoff_read(&end, p, place);
    last = llm_cutoff_read(&end, text[0], one);

    fuzz_check(last == (ssize_t) one && !llm_cutoff_is_open(&end));

    return 0;
}
