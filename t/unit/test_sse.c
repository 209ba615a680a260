
/*
 * Copyright (C) the llm_quota authors
 */


#include "answer.h"


/* Events that repeat each other and such that almost do. */

static size_t
put_event(char *p)
{
    char      text[64];
    uint32_t  i, n;

    static const char  *texts[] = {
        "Hello", "\\n", "\\\"", "\\\\", "\\u00e9", "\xc3\xa9", "", "{", "}",
        "data: ", "\\u0022", " a longer text than sixteen bytes", "\\", "\n",
        "\r\n\r\n", "\"", "\n\ndata: {\"usage\":{\"prompt_tokens\":5}}\n\n"
    };

    static const char  *events[] = {
        "data: {\"id\":\"a\",\"choices\":[{\"delta\":{\"content\":\"%s\"}}]}"
        "\n\n",
        "data: {\"id\":\"a\",\"choices\":[{\"delta\":{\"content\":\"%s\"}}],"
        "\"obfuscation\":\"%s\"}\n\n",
        "data: {\"created\":%u,\"choices\":[{\"delta\":{\"content\":\"%s\"}}]}"
        "\n\n",
        "event: content_block_delta\ndata: {\"type\":\"content_block_delta\","
        "\"delta\":{\"text\":\"%s\"}}\n\n",
        "data: {\"sequence_number\":%u,\"delta\":\"%s\",\"obfuscation\":"
        "\"%s\"}\n\n",
        "data: {\"choices\":[{\"delta\":{\"content\":\"%s\"}}],\"us\\u0061ge\":"
        "{\"prompt_tokens\":%u,\"completion_tokens\":3}}\n\n",
        "data: {\"choices\":[{\"delta\":{\"content\":\"%s\"}}],\"usage\":{"
        "\"prompt_tokens\":%u}}\n\n",
        "data: {\"choices\":[{\"delta\":{\"content\":\"%s\"},\"finish_reason\":"
        "\"stop\"}]}\n\n",
        "data: {\"delta\":{\"text\":\"%s\",\"thinking\":\"%s\"},\"text\":"
        "\"%s\",\"response\":\"%s\",\"completion\":\"%s\"}\n\n",
        "data: {\"content\":[{\"text\":\"%s\",\"input\":{\"a\":\"%s\"}}]}\n\n",
        ": %s\n\n",
        "data: {\"error\":\"%s\"}\r\n\r\n",
        "data: {\"content\":\"%s\"\ndata: }\n\n",
        "data: [DONE%s\n\n",
        "data: \"%s\"\n\n",
        "data: [{\"text\":\"%s\"},{\"text\":\"%s\"}]\n\n"
    };

    const char  *e;
    char        *start;

    start = p;
    e = events[rnd(rnd(3) ? 5 : sizeof(events) / sizeof(events[0]))];

    for ( /* void */ ; *e != '\0'; e++) {

        if (*e != '%') {
            *p++ = *e;
            continue;
        }

        if (*++e == 'u') {
            p += sprintf(p, "%u", rnd(rnd(2) ? 10 : 30000));
            continue;
        }

        /* the last texts break out of their string */

        n = rnd(40) ? 12 : sizeof(texts) / sizeof(texts[0]);

        for (i = rnd(3); i > 0; i--) {
            snprintf(text, sizeof(text), "%s", texts[rnd(n)]);
            p += sprintf(p, "%s", text);
        }
    }

    return p - start;
}


static void
test_repeats(void)
{
    int          bad;
    char        *stream;
    size_t       len, n;
    uint64_t     from;
    result_t     r, bytes, pieces;

    stream = malloc(STREAM);
    bad = 0;

    for (seed = 1; seed < 1500; seed = from + 1) {
        from = seed;

        for (len = 0, n = 1 + rnd(40); n > 0; n--) {
            len += put_event(stream + len);

            /* often the same event again, as it is or with a byte changed */

            if (rnd(3) == 0) {
                seed = from + 100000 * (1 + rnd(3));
            }
        }

        if (rnd(4) == 0) {
            stream[rnd(len)] = "\"\\{}:,\n\r \0u0x"[rnd(13)];
        }

        answer(SSE, stream, len, 0, 1, &r);
        answer(SSE, stream, len, 1, 1, &bytes);
        answer(SSE, stream, len, 2 + rnd(2000), 1, &pieces);

        if (memcmp(&r, &bytes, sizeof(r)) != 0
            || memcmp(&r, &pieces, sizeof(r)) != 0)
        {
            bad++;
            printf("# seed %llu: text %llu, %llu, charge %d, %d\n",
                   (unsigned long long) from, (unsigned long long) r.text,
                   (unsigned long long) bytes.text, r.charge, bytes.charge);
        }
    }

    is_int(bad, 0, "passing over repeated events changes nothing");

    free(stream);
}


/* Pairs of events: the second is passed over, or is not. */

static void
test_repeat(void)
{
    size_t         i, len;
    uint64_t       bytes[3];
    const u_char  *p, *last;
    llm_repeat_t   r;

    static const struct {
        const char               *event;
        size_t                    start;     /* of gaps, 0: none */
        size_t                    end;
        size_t                    number;
        size_t                    number_end;
        const char               *next;
        size_t                    skipped;
        uint64_t                  text;
    } pairs[] = {
        { "data: \"abc\"\n\n", 6, 11, 0, 0, "data: \"abc\"\n\n", 13, 3 },
        { "data: \"abc\"\n\n", 6, 11, 0, 0, "data: \"\"\n\n", 10, 0 },
        { "data: \"\"\n\n", 6, 8, 0, 0, "data: \"abc\"\n\nx", 13, 3 },
        { "data: \"\"\n\n", 6, 8, 0, 0,
          "data: \"a\"\n\ndata: \"0123456789012345678901234567890123456789\""
          "\n\ndata: \"bc", 61, 41 },
        { "data: \"\"\n\n", 6, 8, 0, 0, "data: \"\\\"\\\\\"\n\n", 14, 4 },
        { "data: \"\"\n\n", 6, 8, 0, 0, "data: \"a\nb\"\n\n", 0, 0 },
        { "data: \"\"\n\n", 6, 8, 0, 0, "data: \"a\rb\"\n\n", 0, 0 },
        { "data: \"\"\n\n", 6, 8, 0, 0, "data: \"a\\\nb\"\n\n", 0, 0 },
        { "data: \"\"\n\n", 6, 8, 0, 0,
          "data: \"a\n0123456789012345678901234567890123456789b\"\n\n", 0, 0 },
        { "data: \"\"\n\n", 6, 8, 0, 0, "data: \"abc\"\n", 0, 0 },
        { "data: \"\"\n\n", 6, 8, 0, 0, "data: \"abc", 0, 0 },
        { "data: \"\"\n\n", 6, 8, 0, 0, "data: \"abc\\", 0, 0 },
        { "data: \"\"\n\n", 6, 8, 0, 0, "data:", 0, 0 },
        { "data: \"\"\n\n", 6, 8, 0, 0, "data: \"abc\" \n\n", 0, 0 },
        { "data: \"\"\n\n", 6, 8, 0, 0, "dato: \"abc\"\n\n", 0, 0 },
        { "data: 12,\"\"\n\n", 9, 11, 6, 8, "data: 9,\"ab\"\n\n", 14, 2 },
        { "data: 12,\"\"\n\n", 9, 11, 6, 8, "data: 123,\"ab\"\n\n", 16, 2 },
        { "data: 12,\"\"\n\n", 9, 11, 6, 8, "data: 0,\"ab\"\n\n", 0, 0 },
        { "data: 12,\"\"\n\n", 9, 11, 6, 8, "data: 1.5,\"ab\"\n\n", 0, 0 },
        { "data: 12,\"\"\n\n", 9, 11, 6, 8, "data: -1,\"ab\"\n\n", 0, 0 },
        { "data: 12,\"\"\n\n", 9, 11, 6, 8, "data: ,\"ab\"\n\n", 0, 0 },
        { "data: 12,\"\"\n\n", 9, 11, 6, 8, "data: 12", 0, 0 },
        { "data: {}\n\n", 0, 0, 0, 0, "data: {}\n\ndata: {}\n\n", 20, 0 },
        { "data: {}\n\n", 0, 0, 0, 0, "data: {}\n\r", 0, 0 },
        { NULL, 0, 0, 0, 0, NULL, 0, 0 }
    };

    for (i = 0; pairs[i].event != NULL; i++) {
        llm_repeat_clear(&r);

        /* as if the event's data began behind the name of its field */

        if (pairs[i].number) {
            llm_repeat_gap(&r, LLM_REPEAT_NUMBER, 1, pairs[i].number - 5,
                           pairs[i].number_end - 5);
        }

        if (pairs[i].start) {
            llm_repeat_gap(&r, LLM_REPEAT_STRING, 0, pairs[i].start - 5,
                           pairs[i].end - 5);
        }

        p = (u_char *) pairs[i].event;
        llm_repeat_learn(&r, p, p + 5, p + strlen(pairs[i].event));

        len = strlen(pairs[i].next);
        p = memcpy(malloc(len), pairs[i].next, len);
        memset(bytes, 0, sizeof(bytes));

        last = llm_repeat_skip(&r, p, p + len, bytes);

        is_int(last - p, pairs[i].skipped, "repeat %zu", i);
        is_int(bytes[0], pairs[i].text, "text of repeat %zu", i);

        free((void *) p);
    }

    llm_repeat_clear(&r);

    for (i = 0; i <= LLM_REPEAT_GAPS; i++) {
        llm_repeat_gap(&r, LLM_REPEAT_STRING, 0, 2 * i, 2 * i + 2);
    }

    p = (u_char *) "\"\"\"\"\"\"\"\"\"\"";
    llm_repeat_learn(&r, p, p, p + 10);
    ok(llm_repeat_skip(&r, p, p + 10, bytes) == p, "too many gaps");
}


/* Of two events that are alike in all that matters, the second is passed
   over; which is seen by what is remembered. */

static void
test_passed_over(void)
{
    size_t        i, len;
    llm_answer_t  a;

    static const char  other[] = "data: {\"index\":1,\"completion\":\"\"}\n\n";

    static const struct {
        const char               *event;
        const char               *next;
        int                       passed;
        uint64_t                  text;
    } pairs[] = {
        { CHUNK("Hello"), CHUNK("world!"), 1, 11 },
        { TEXT("Hello"), TEXT("world!"), 1, 11 },
        { "data: {\"created\":9,\"delta\":\"a\",\"obfuscation\":\"x\"}\r\n\r\n",
          "data: {\"created\":10,\"delta\":\"b\",\"obfuscation\":\"\"}\r\n\r\n",
          1, 2 },
        { CHUNK("Hello"), "data: {\"x\":[]}\n\n", 0, 5 },

        /* offsets in joined data are not those in the event */
        { "data: {\ndata: \"delta\":\"a\"}\n\n",
          "data: {\ndata: \"delta\":\"b\"}\n\n", 0, 2 },

        /* an object has no gap */
        { "data: {\"content\":[{\"input\":{\"a\":1}}]}\n\n",
          "data: {\"content\":[{\"input\":{\"a\":1}}]}\n\n", 0, 14 },

        { NULL, NULL, 0, 0 }
    };

    for (i = 0; pairs[i].event != NULL; i++) {
        llm_answer_init(&a, (u_char *) SSE, strlen(SSE));

        /* that there was another one before does not matter */

        llm_answer_feed(&a, (u_char *) other, sizeof(other) - 1);
        llm_answer_feed(&a, (u_char *) pairs[i].event, strlen(pairs[i].event));

        len = a.u.repeat.len;

        llm_answer_feed(&a, (u_char *) pairs[i].next, strlen(pairs[i].next));

        ok((len != 0 && a.u.repeat.len == len) == pairs[i].passed,
           "pair %zu: %s", i, pairs[i].passed ? "passed over" : "read");

        is_int(llm_answer_text_bytes(&a), pairs[i].text, "its text");
    }
}


static void
test_sse(void)
{
    char              log[1024], *out;
    size_t            i, n, len, max;
    u_char           *copy;
    const u_char     *p, *last, *data;
    llm_sse_t         s;
    llm_sse_token_e   token;

    static const char  stream[] =
        "data: a\n\n"
        "data:b\r\n\r\n"
        "data:  c\r\r"
        ": x\nevent: y\n\ndata: d\nid: 7\ndata\ndata:\ndata: e\n\n"
        "\n\n\ndatax: f\nda\ndat\n data: g\n\n"
        "data\n\n"
        "data: h";

    for (max = 1; max < sizeof(stream) + 1; max++) {
        llm_sse_init(&s);
        out = log;

        for (i = 0; i < sizeof(stream) - 1; i += n) {
            n = (max > sizeof(stream) - 1 - i) ? sizeof(stream) - 1 - i : max;
            copy = malloc(n);
            memcpy(copy, stream + i, n);
            p = copy;
            last = p + n;

            do {
                token = llm_sse_read(&s, &p, last, &data, &len);

                if (token == LLM_SSE_DATA) {
                    memcpy(out, data, len);
                    out += len;

                } else if (token == LLM_SSE_JOIN) {
                    *out++ = '+';

                } else if (token == LLM_SSE_END) {
                    *out++ = ']';
                }

            } while (token != LLM_SSE_MORE);

            free(copy);
        }

        is_mem(log, out - log, "a]b] c]d+++e]]h",
               "pieces of %zu bytes", max);
    }
}


static void
test_long(void)
{
    char     *stream, *p;
    size_t    i;
    result_t  r;

    stream = malloc(1 << 20);
    p = stream;

    for (i = 0; i < 3000; i++) {
        p += sprintf(p, "data: {\"id\":\"chatcmpl-1\",\"object\":"
                     "\"chat.completion.chunk\",\"choices\":[{\"index\":0,"
                     "\"delta\":{\"content\":\"word %zu \"},"
                     "\"finish_reason\":null}]}\n\n", i);
    }

    p += sprintf(p, LAST DONE);

    answer(SSE, stream, p - stream, 0, 1, &r);

    ok(r.charge == EXACT && r.usage.input == 9 && r.usage.output == 12,
       "a long stream");
    is_int(r.text, 10 * 7 + 90 * 8 + 900 * 9 + 2000 * 10, "and its text");

    free(stream);
}


int
main(void)
{
    test_sse();
    test_repeat();
    test_passed_over();
    test_repeats();
    test_long();

    return tap_done();
}
