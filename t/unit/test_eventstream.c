
/*
 * Copyright (C) the llm_quota authors
 */


#include <stdlib.h>
#include <string.h>

#include "frames.h"
#include "llm_eventstream.h"
#include "tap.h"


/* What was read: for each frame its event, whether it is damaged ("!") and
   its payload; "?" is the end of what can be read, "..." an open frame. */

#define SEEN  16384

typedef struct {
    size_t                   len;
    char                     text[SEEN];
} seen_t;


static void
see(seen_t *seen, const void *p, size_t n)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        seen->text[seen->len] = ((const char *) p)[i];
        seen->len += (seen->text[seen->len] != '\0');
    }

    seen->text[seen->len] = '\0';
}


static void
read_piece(llm_eventstream_t *s, const u_char *p, size_t n, seen_t *seen)
{
    size_t                    len;
    const u_char             *last, *data;
    llm_eventstream_token_e   token;

    static const char  *events[] = { "unnamed", "chunk", "other", "exception" };

    last = p + n;

    do {
        token = llm_eventstream_read(s, &p, last, &data, &len);

        switch (token) {

        case LLM_EVENTSTREAM_DATA:
            see(seen, data, len);
            break;

        case LLM_EVENTSTREAM_END:
            see(seen, " ", 1);
            see(seen, events[s->event], strlen(events[s->event]));
            see(seen, s->damaged ? "!\n" : "\n", s->damaged ? 2 : 1);
            break;

        case LLM_EVENTSTREAM_INVALID:
            see(seen, "?", 1);
            return;

        default: /* LLM_EVENTSTREAM_MORE */
            break;
        }

    } while (p != last);
}


/* In pieces of at most max bytes, each memory of its own. */

static const char *
seen_of(const void *data, size_t size, size_t max)
{
    size_t              i, n;
    u_char             *piece;
    llm_eventstream_t   s;

    static seen_t  seen;

    seen.len = 0;
    seen.text[0] = '\0';

    memset(&s, 0xff, sizeof(s));
    llm_eventstream_init(&s);

    for (i = 0; i < size; i += n) {
        n = (max < size - i) ? max : size - i;

        piece = malloc(n);
        memcpy(piece, (const u_char *) data + i, n);
        read_piece(&s, piece, n, &seen);
        free(piece);

        if (seen.len != 0 && seen.text[seen.len - 1] == '?') {
            return seen.text;
        }
    }

    if (!llm_eventstream_is_between(&s)) {
        see(&seen, "...", 3);
    }

    return seen.text;
}


static void
sees(const frames_t *f, const char *expected, const char *name)
{
    size_t       max;
    const char  *seen;

    seen = "";

    for (max = 1; max <= f->len; max++) {
        seen = seen_of(f->data, f->len, max);

        if (strcmp(seen, expected) != 0) {
            break;
        }
    }

    if (!ok(max == f->len + 1, "%s, in pieces of any size", name)) {
        printf("# pieces of %zu, got: %s\n", max, seen);
    }
}


static void
test_frames(void)
{
    frames_t  f;

    f.len = 0;
    put_event(&f, "chunk", "one");
    put_event(&f, "metadata", "two");
    put_exception(&f, "throttlingException");
    put_frame(&f, "", 0, "bare");
    put_frame(&f, "", 0, "");
    put_event(&f, "chunk", "");

    sees(&f, "one chunk\ntwo other\n{\"message\":\"usage\",\"usage\":"
         "{\"inputTokens\":999}} exception\nbare unnamed\n unnamed\n chunk\n",
         "frames");
}


static void
test_headers(void)
{
    char      value[300];
    size_t    n, i;
    u_char    h[1024];
    frames_t  f;

    /* a value of each type, between which the words must be found */

    static const u_char  types[] = "\1a\0" "\1b\1" "\1c\2x" "\1d\3xx"
                                   "\1e\4xxxx" "\1f\5xxxxxxxx"
                                   "\1g\6\0\3xxx" "\1h\7\0\2xx"
                                   "\1i\10xxxxxxxx" "\1j\11xxxxxxxxxxxxxxxx"
                                   "\0\7\0\0";

    f.len = 0;
    n = sizeof(types) - 1;
    memcpy(h, types, n);
    n += put_header(h + n, ":event-type", "chunk");
    memcpy(h + n, types, sizeof(types) - 1);
    n += sizeof(types) - 1;
    put_frame(&f, h, n, "all");
    sees(&f, "all chunk\n", "values of all types");

    f.len = 0;
    n = put_header(h, ":message-type", "error");
    n += put_header(h + n, ":event-type", "chunk");
    put_frame(&f, h, n, "x");
    n = put_header(h, ":event-type", "chunk");
    n += put_header(h + n, ":exception-type", "y");
    put_frame(&f, h, n, "x");
    n = put_header(h, ":message-type", "event");
    put_frame(&f, h, n, "x");
    n = put_header(h, ":message-type", "exceptions");
    put_frame(&f, h, n, "x");
    n = put_header(h, ":event-typ", "chunk");
    n += put_header(h + n, ":event-types", "chunk");
    n += put_header(h + n, ":Event-Type", "chunk");
    n += put_header(h + n, "x", ":event-type");
    put_frame(&f, h, n, "x");
    n = put_header(h, ":event-type", "chunks");
    put_frame(&f, h, n, "x");
    n = put_header(h, ":event-type-of-some-length", "chunk");
    put_frame(&f, h, n, "x");
    n = put_header(h, ":event-type", "chunkchunkchunkchunkchunk");
    put_frame(&f, h, n, "x");

    sees(&f, "x exception\nx exception\nx unnamed\nx unnamed\nx unnamed\n"
         "x other\nx unnamed\nx other\n", "words that matter, and others");

    /* a value whose length needs two bytes */

    f.len = 0;
    memset(value, 'x', sizeof(value) - 1);
    value[sizeof(value) - 1] = '\0';
    n = put_header(h, ":content-type", value);
    n += put_header(h + n, ":event-type", "chunk");
    put_frame(&f, h, n, "x");
    sees(&f, "x chunk\n", "a long value");

    /* the word as bytes */

    f.len = 0;
    n = put_header(h, ":event-type", "chunk");
    h[12] = 6;
    put_frame(&f, h, n, "x");
    sees(&f, "x unnamed\n", "a word that is no string");

    /* headers that reach beyond their end, wherever it is */

    for (i = 1; i < 20; i++) {
        f.len = 0;
        put_header(h, ":event-type", "chunk");
        put_frame(&f, h, i, "x");
        put_event(&f, "chunk", "y");

        if (strcmp(seen_of(f.data, f.len, 1), "x unnamed!\ny chunk\n") != 0
            || strcmp(seen_of(f.data, f.len, f.len), "x unnamed!\ny chunk\n")
               != 0)
        {
            break;
        }
    }

    is_int(i, 20, "headers that are cut");

    f.len = 0;
    n = put_header(h, ":event-type", "chunk");
    h[n++] = 1;
    h[n++] = 'a';
    h[n++] = 10;
    n += put_header(h + n, ":message-type", "exception");
    put_frame(&f, h, n, "x");
    sees(&f, "x chunk!\n", "a value of an unknown type");
}


static void
test_faults(void)
{
    size_t    i, bit, said, first, missed, between;
    frames_t  f, good;

    good.len = 0;
    put_event(&good, "chunk", "payload");
    first = good.len;
    put_event(&good, "chunk", "next");

    /* every byte that is wrong is found, and never is more read than there
       is */

    missed = 0;
    said = 0;

    for (i = 0; i < good.len; i++) {

        for (bit = 0; bit < 8; bit++) {
            f = good;
            f.data[i] ^= 1 << bit;

            if (strpbrk(seen_of(f.data, f.len, f.len), "!?") != NULL) {
                said++;

            } else if (strstr(seen_of(f.data, f.len, f.len), "...") == NULL) {
                missed++;
            }
        }
    }

    is_int(missed, 0, "no fault goes unseen");
    ok(said > good.len * 6, "%zu of %zu are told", said, good.len * 8);

    /* the frame's own checksum is right again */

    f = good;
    f.data[8] ^= 1;
    put_number(f.data + first - 4, crc32(0, f.data, first - 4));
    sees(&f, "payload chunk!\nnext chunk\n", "a checksum of the lengths");

    f = good;
    f.data[f.len - 1] ^= 1;
    sees(&f, "payload chunk\nnext chunk!\n", "a checksum of the frame");

    /* cut anywhere */

    between = 0;
    missed = 0;

    for (i = 0; i <= good.len; i++) {

        if (strstr(seen_of(good.data, i, good.len + 1), "...") == NULL) {
            between++;
        }

        if (strpbrk(seen_of(good.data, i, 1), "!?") != NULL) {
            missed++;
        }
    }

    is_int(between, 3, "cut: whole frames only between two of them");
    is_int(missed, 0, "cut: no fault by itself");
}


static void
test_lengths(void)
{
    size_t    i;
    frames_t  f;

    static const struct {
        uint32_t             total;
        uint32_t             headers;
        const char          *seen;
    } cases[] = {
        { 0, 0, "?" },
        { 15, 0, "?" },
        { 16, 0, "..." },
        { 16, 1, "?" },
        { 17, 1, "..." },
        { 17, 2, "?" },
        { 0x7fffffff, 0, "?" },
        { 0x80000000, 0, "?" },
        { 0xfffffff0, 0, "?" },
        { 0xffffffff, 0xffffffff, "?" },
        { 0xffffffff, 0xffffffef, "?" },
        { 100, 0xfffffff0, "?" },
        { 0, 0xfffffff0, "?" },
        { (24 << 20) + 16, 0, "..." },
        { (24 << 20) + 17, 0, "?" },
        { 16 + (128 << 10), 128 << 10, "..." },
        { 17 + (128 << 10), (128 << 10) + 1, "?" }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        put_number(f.data, cases[i].total);
        put_number(f.data + 4, cases[i].headers);
        put_number(f.data + 8, crc32(0, f.data, 8));
        f.len = 12;

        sees(&f, cases[i].seen, "lengths");
    }
}


int
main(void)
{
    test_frames();
    test_headers();
    test_faults();
    test_lengths();

    return tap_done();
}
