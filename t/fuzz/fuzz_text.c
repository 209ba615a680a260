
/*
 * Copyright (C) the llm_quota authors
 */


#include <stdlib.h>
#include <string.h>

#include "llm_json.h"
#include "llm_text.h"


/*
 * The first byte is the room of a second, shorter writing, which must be a
 * beginning of the first.  What is written is read back with the scanner and
 * written again: as it is well-formed now, nothing may change any more.
 */


typedef struct {
    u_char                  *p;
    u_char                  *last;
} fuzz_copy_t;


static const llm_json_node_t  fuzz_root = LLM_JSON_NODE("", NULL, 1);


static void
fuzz_copy(void *data, const llm_json_value_t *v)
{
    fuzz_copy_t *copy = data;

    if (v->type != LLM_JSON_STRING
        || v->len > (size_t) (copy->last - copy->p))
    {
        abort();
    }

    memcpy(copy->p, v->text, v->len);
    copy->p += v->len;
}


static void
fuzz_json(const u_char *text, size_t n, size_t room)
{
    u_char       *buf, *end, *cut, *again;
    size_t        size;
    llm_json_t    json;
    fuzz_copy_t   copy;

    buf = malloc(6 * n + 2);
    again = malloc(6 * n + 2);
    cut = malloc(room ? room : 1);

    buf[0] = '"';
    end = llm_text_json(buf + 1, buf + 1 + 6 * n, text, n);
    size = end - buf - 1;
    *end = '"';

    copy.p = again;
    copy.last = again + 6 * n;
    llm_json_init(&json, &fuzz_root, fuzz_copy, &copy, 0);

    if (llm_json_feed(&json, buf, size + 2) != size + 2
        || json.state != LLM_JSON_DONE)
    {
        abort();
    }

    end = llm_text_json(cut, cut + room, text, n);

    if (memcmp(cut, buf + 1, end - cut) != 0
        || ((size_t) (end - cut) + 6 <= room && (size_t) (end - cut) != size))
    {
        abort();
    }

    free(cut);

    n = copy.p - again;
    cut = malloc(6 * n + 1);
    end = llm_text_json(cut, cut + 6 * n, again, n);

    if ((size_t) (end - cut) != size || memcmp(cut, buf + 1, size) != 0) {
        abort();
    }

    free(cut);
    free(again);
    free(buf);
}


static void
fuzz_customer(const u_char *text, size_t n)
{
    size_t         len;
    u_char        *buf;
    const u_char  *p;

    buf = malloc(n ? n : 1);
    p = llm_text_customer(text, n, buf, &len);

    if ((p != text && p != buf) || len > n) {
        abort();
    }

    free(buf);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t   n;
    u_char  *text;

    if (size == 0) {
        return 0;
    }

    n = size - 1;
    text = malloc(n ? n : 1);
    memcpy(text, data + 1, n);

    fuzz_json(text, n, data[0]);
    fuzz_customer(text, n);

    if (llm_text_is_id(text, n)) {

        /* what is an ID needs no repair */

        u_char   buf[6 * LLM_ID_MAX], *end;

        end = llm_text_json(buf, buf + sizeof(buf), text, n);

        if ((size_t) (end - buf) < n
            || (memchr(text, '"', n) == NULL && memchr(text, '\\', n) == NULL
                && ((size_t) (end - buf) != n || memcmp(buf, text, n) != 0)))
        {
            abort();
        }
    }

    free(text);

    return 0;
}
