
/*
 * Copyright (C) the llm_quota authors
 */


#include <jansson.h>

#include "../unit/strip.h"


/*
 * The input: a byte that says how the stream is cut, the stream.  Whatever the
 * cuts, what comes out is the stream less whole events; one is taken out that
 * another parser finds to be an event of usage, and none that it finds not to
 * be one.
 */


/* What ends the line at p: 0 to 2 bytes. */

static size_t
fuzz_line_end(const uint8_t *p, const uint8_t *last)
{
    if (p == last) {
        return 0;
    }

    return (*p == '\r' && last - p > 1 && p[1] == '\n') ? 2 : 1;
}


/* 1: an event of usage, 0: none, -1: not JSON to everybody. */

static int
fuzz_is_usage(const char *data, size_t len)
{
    int      usage;
    json_t  *root, *choices;

    root = json_loadb(data, len, JSON_REJECT_DUPLICATES|JSON_DECODE_ANY, NULL);

    if (root == NULL) {
        return -1;
    }

    choices = json_object_get(root, "choices");

    usage = (json_is_array(choices) && json_array_size(choices) == 0
             && json_is_object(json_object_get(root, "usage")));

    json_decref(root);

    return usage;
}


/*
 * The event from p on: returns its end; sets what it is.  Lines end with LF,
 * CR or CRLF, a blank one ends the event.
 */

static const uint8_t *
fuzz_event(const uint8_t *p, const uint8_t *last, int first, int *usage)
{
    int             found;
    char           *data;
    size_t          len, n, end;
    const uint8_t  *line, *start;

    data = malloc(last - p + 1);
    len = 0;
    found = 0;
    start = p;

    if (first && last - p >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0) {
        p += 3;
    }

    for ( ;; ) {

        for (line = p; p != last && *p != '\n' && *p != '\r'; p++) {
            /* void */
        }

        n = p - line;
        end = fuzz_line_end(p, last);
        p += end;

        if (n == 0) {

            if (p - (end == 2) - start > LLM_STRIP_EVENT) {
                found = 0;
            }

            break;
        }

        if (n >= 4 && memcmp(line, "data", 4) == 0
            && (n == 4 || line[4] == ':'))
        {
            if (found) {
                data[len++] = '\n';
            }

            found = 1;
            line += (n == 4) ? 4 : 5;
            n -= (n == 4) ? 4 : 5;

            if (n != 0 && *line == ' ') {
                line++;
                n--;
            }

            memcpy(data + len, line, n);
            len += n;
        }

        if (end == 0) {

            if (p - start > LLM_STRIP_EVENT) {
                found = 0;
            }

            break;
        }
    }

    *usage = found ? fuzz_is_usage(data, len) : 0;

    free(data);

    return p;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int             usage;
    size_t          n, cut, len;
    stripped_t      whole, pieces;
    const uint8_t  *p, *end, *last;

    if (size == 0) {
        return 0;
    }

    cut = (*data++ & 63) + 1;
    size--;
    last = data + size;

    strip_init(&whole, size);
    strip_feed(&whole, data, size);
    strip_end(&whole);

    strip_init(&pieces, size);

    for (p = data; p != last; p += n) {
        n = ((size_t) (last - p) < cut) ? (size_t) (last - p) : cut;
        strip_feed(&pieces, p, n);
    }

    strip_end(&pieces);

    if (whole.len != pieces.len
        || memcmp(whole.out, pieces.out, whole.len) != 0)
    {
        abort();
    }

    for (p = data, len = 0; p != last; p = end) {
        end = fuzz_event(p, last, p == data, &usage);
        n = end - p;

        if (usage != 1 && whole.len - len >= n
            && memcmp(whole.out + len, p, n) == 0)
        {
            len += n;

        } else if (usage == 0) {
            abort();
        }
    }

    if (len != whole.len) {
        abort();
    }

    strip_free(&whole);
    strip_free(&pieces);

    return 0;
}
