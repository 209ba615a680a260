
/*
 * Copyright (C) the llm_quota authors
 */


#include "strip.h"
#include "tap.h"


#define U       "\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":12,"    \
                "\"prompt_tokens_details\":{\"cached_tokens\":0}}"
#define USAGE   "{\"id\":\"c\",\"choices\":[]," U "}"
#define CHUNK   "data: {\"id\":\"c\",\"choices\":[{\"delta\":{\"content\":"   \
                "\"Hi\"}}],\"usage\":null}\n\n"
#define DONE    "data: [DONE]\n\n"


/* What is between < and > is to be taken out; the two stand for themselves
   nowhere. */

static const char *const  streams[] = {

    /* what providers send */

    CHUNK CHUNK "<data: " USAGE "\n\n>" DONE,
    "data: {\"choices\":[],\"created\":0,\"id\":\"\",\"prompt_filter_results\""
    ":[{\"prompt_index\":0}]}\n\n" CHUNK "<data: " USAGE "\n\n>" DONE,
    CHUNK "data: {\"choices\":[{\"finish_reason\":\"stop\"}]," U "}\n\n" DONE,
    CHUNK "data: {\"choices\":[{\"finish_reason\":\"stop\"}],\"x_groq\":{"
    U "}}\n\n" "<data: {\"choices\":[],\"x_groq\":{}," U "}\n\n>" DONE,
    ": OPENROUTER PROCESSING\n\n: OPENROUTER PROCESSING\n\n" CHUNK
    ": OPENROUTER PROCESSING\n\n<data: " USAGE "\n\n>" DONE,
    "data: {\"error\":{\"message\":\"no\"}}\n\n" DONE,
    "data: {\"error\":{\"message\":\"no\"}," U "}\n\n" DONE,

    /* framings */

    "",
    "\n\n\n<data: " USAGE "\n\n>\n",
    "<data:" USAGE "\n\n>",
    "<data:  " USAGE " \n\n>",
    "data: {\"choices\":[{}]}\r\n\r\n<data: " USAGE "\r\n\r\n>" DONE,
    "data: {\"choices\":[{}]}\r\r<data: " USAGE "\r\r>data: [DONE]\r\r",
    "<data: " USAGE "\r\n\n><data: " USAGE "\n\r\n>\n<data: " USAGE
    "\n\r>data: 1\r\n\r",
    "\xef\xbb\xbf" CHUNK "<data: " USAGE "\n\n>" DONE,
    "<\xef\xbb\xbf" "data: " USAGE "\n\n>" DONE,
    "\xef\xbb" "data: " USAGE "\n\n" "<data: " USAGE "\n\n>",
    "<\xef\ndata: " USAGE "\n\n>",
    "<event: chunk\nid: 7\nretry: 9\n: a comment\ndata: " USAGE "\nx: y\n\n>"
    "id: 8\n" CHUNK,
    "<: data: {\"choices\":[{}]}\ndata: " USAGE "\n\n>" CHUNK,
    "<data: {\"choices\":\ndata: [],\ndata:" U "\ndata: }\n\n>" DONE,
    "<data: {\ndata\ndata: \"choices\":[]," U "}\ndata\n\n>" DONE,
    "data : " USAGE "\n\n" "Data: " USAGE "\n\n" " data: " USAGE "\n\n"
    "dat: " USAGE "\n\n" "dataset: " USAGE "\n\n" ":data: " USAGE "\n\n",
    "event: " USAGE "\n\n<data: " USAGE "\n\n>",

    /* the end of the stream instead of a blank line */

    CHUNK "<data: " USAGE ">",
    CHUNK "<data: " USAGE "\n>",
    CHUNK "<data: " USAGE "\r\n>",
    CHUNK "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":9}",
    CHUNK "data: {\"choices\":[],\"us",
    CHUNK ": and more",
    CHUNK "da",

    /* documents */

    "<data: {\"choices\":[ \t]," U "}\n\n>",
    "<data: {" U ",\"choices\":[]}\n\n>",
    "<data: {\"ch\\u006fices\":[],\"us\\u0061ge\":{}}\n\n>",
    "<data: {\"choices\":[],\"choices\":[]," U "," U "}\n\n>",
    "data: {\"choices\":[],\"choices\":[1]," U "}\n\n",
    "data: {\"choices\":[],\"choices\":null," U "}\n\n",
    "data: {\"choices\":[]," U ",\"usage\":null}\n\n",
    "data: {\"choices\":[],\"usage\":null," U "}\n\n",
    "data: {\"choices\":[],\"usage\":null}\n\n",
    "data: {\"choices\":[],\"usage\":[]}\n\n",
    "data: {\"choices\":[],\"usage\":\"{}\"}\n\n",
    "data: {\"choices\":[],\"usage\":5}\n\n",
    "data: {\"choices\":[]}\n\n",
    "data: {" U "}\n\n",
    "data: {\"choices\":{}," U "}\n\n",
    "data: {\"choices\":null," U "}\n\n",
    "data: {\"choices\":\"[]\"," U "}\n\n",
    "data: {\"choices\":[\"\"]," U "}\n\n",
    "data: {\"choices\":[[]]," U "}\n\n",
    "data: {\"choices\":[null]," U "}\n\n",
    "data: {\"Choices\":[]," U "}\n\n",
    "data: {\"response\":" USAGE "}\n\n",
    "data: [" USAGE "]\n\n",
    "data: \"" "choices usage" "\"\n\n",
    "data: " USAGE "x\n\n",
    "data: " USAGE USAGE "\n\n",
    "data: " USAGE "\ndata: " USAGE "\n\n",
    "data: {\"choices\":[]," U "]\n\n",
    "data: {\"choices\":[]," U "\n\n",
    "data: {choices:[]}\n\n",
    "data:\n\n<data: " USAGE "\n\n>",
    "data: {\"choices\":[{\"delta\":{\"content\":\"\\n\\ndata: "
    "{\\\"choices\\\":[],\\\"usage\\\":{}}\\n\\n\"}}]}\n\n"
};


static void
test_streams(void)
{
    int          bad, dropped;
    char         stream[2048], expected[2048];
    size_t       i, len, left, cut, size;
    const char  *p;
    stripped_t   f;

    for (i = 0; i < sizeof(streams) / sizeof(streams[0]); i++) {
        len = 0;
        left = 0;
        dropped = 0;

        for (p = streams[i]; *p != '\0'; p++) {

            if (*p == '<' || *p == '>') {
                dropped += (*p == '<');

            } else {
                stream[len++] = *p;
            }
        }

        for (p = streams[i]; *p != '\0'; p++) {

            if (*p == '<') {
                p = strchr(p, '>');

            } else {
                expected[left++] = *p;
            }
        }

        expected[left] = '\0';

        strip_init(&f, len);
        strip_feed(&f, (u_char *) stream, len);
        strip_end(&f);
        is_mem(f.out, f.len, expected, "stream %zu", i);
        strip_free(&f);

        /* two pieces, cut at every byte; pieces of one size, every size */

        for (bad = 0, cut = 0; cut <= len; cut++) {
            strip_init(&f, len);
            strip_feed(&f, (u_char *) stream, cut);
            strip_feed(&f, (u_char *) stream + cut, len - cut);
            strip_end(&f);
            bad += (f.len != left || memcmp(f.out, expected, left) != 0);
            strip_free(&f);
        }

        for (size = 1; size <= len; size++) {
            strip_init(&f, len);

            for (cut = 0; cut < len; cut += size) {
                strip_feed(&f, (u_char *) stream + cut,
                           size < len - cut ? size : len - cut);
            }

            strip_end(&f);
            bad += (f.len != left || memcmp(f.out, expected, left) != 0);
            strip_free(&f);
        }

        is_int(bad, 0, "stream %zu, however it is cut; %d to take out", i,
               dropped);
    }
}


/* How much of a stream is not held once it has come so far. */

static const struct {
    const char               *stream;
    size_t                    kept;
} holds[] = {
    { "data: {\"id\":\"c\",\"choices\":[", 27 },
    { "data: {\"id\":\"c\",\"choices\":[{", 0 },
    { "data: {\"id\":\"c\",\"choices\":[{\"delta\":{\"content\":\"H", 0 },
    { "data: {\"choices\":[],\"usage\":n", 29 },
    { "data: {\"choices\":[],\"usage\":null", 32 },
    { "data: {\"choices\":[],\"usage\":null,", 0 },
    { "data: {\"choices\":[{}]}\n", 0 },
    { "data: {\"choices\":[]}", 20 },
    { "data: {\"choices\":[]}\n", 21 },
    { "data: {\"choices\":[]}\n\n", 0 },
    { "data: {\"choices\":n", 18 },
    { "data: {\"choices\":{", 0 },
    { "data: [", 0 },
    { "data: D", 0 },
    { "data: \"", 7 },
    { ": a comment", 11 },
    { ": a comment\n", 12 },
    { ": a comment\n\n", 0 },
    { ": a comment\r\n\r", 0 },
    { "event: e\n", 9 },
    { "\xef\xbb\xbf", 3 },
    { "\n", 0 },
    { CHUNK CHUNK CHUNK "d", 1 }
};


static void
test_holds(void)
{
    size_t       i;
    stripped_t   f;
    const char  *p;

    for (i = 0; i < sizeof(holds) / sizeof(holds[0]); i++) {
        p = holds[i].stream;

        strip_init(&f, strlen(p));
        strip_feed(&f, (u_char *) p, strlen(p));
        is_int(f.kept, holds[i].kept, "held of %s", p);
        is_int(f.len, strlen(p) - holds[i].kept, "the rest is passed");
        strip_free(&f);
    }
}


/* An event of just so many bytes, its blank line one of two. */

static size_t
put_event(char *stream, size_t size, const char *blank)
{
    size_t  n;

    memset(stream, 'x', size);

    n = sprintf(stream, "data: {\"choices\":[]," U ",\"x\":\"");
    stream[n] = 'x';

    n = size - strlen(blank) - 3;
    memcpy(stream + n, "\"}\n", 3);
    memcpy(stream + n + 3, blank, strlen(blank));

    return size;
}


static void
test_lengths(void)
{
    int                 round;
    char               *stream;
    size_t              i, cut, size, len;
    stripped_t          f;
    static const struct {
        size_t               size;
        const char          *blank;
        size_t               dropped;
    } events[] = {
        { LLM_STRIP_EVENT - 1, "\n", 1 },
        { LLM_STRIP_EVENT, "\n", 1 },
        { LLM_STRIP_EVENT + 1, "\n", 0 },
        { LLM_STRIP_EVENT, "\r\n", 1 },
        { LLM_STRIP_EVENT + 1, "\r\n", 1 },
        { LLM_STRIP_EVENT + 2, "\r\n", 0 },
        { 10 * LLM_STRIP_EVENT, "\n", 0 }
    };

    stream = malloc(10 * LLM_STRIP_EVENT);

    for (i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
        len = put_event(stream, events[i].size, events[i].blank);

        for (round = 0; round < 5; round++) {
            size = (round == 0) ? len : (round == 1) ? len - 1
                   : (round == 2) ? len - 2 : (size_t) (1000 * round + 1);

            strip_init(&f, len);

            for (cut = 0; cut < len; cut += size) {
                strip_feed(&f, (u_char *) stream + cut,
                           size < len - cut ? size : len - cut);

                if (f.kept > LLM_STRIP_EVENT) {
                    break;
                }
            }

            ok(cut >= len, "no more than so much is held");

            strip_end(&f);
            is_int(f.len, events[i].dropped ? 0 : len,
                   "an event of %zu bytes, in pieces of %zu", len, size);
            strip_free(&f);
        }
    }

    free(stream);
}


int
main(void)
{
    test_streams();
    test_holds();
    test_lengths();

    return tap_done();
}
