
/*
 * Copyright (C) the llm_quota authors
 */


#include <stdlib.h>
#include <string.h>

#include "llm_request.h"


/*
 * The input: a byte that says how the form is cut and whether bounds are
 * looked for, a Content-Type up to a line feed, the form.  In pieces it must
 * report what it reports at once, and whatever it reports must be in order.
 */


typedef struct {
    llm_multipart_t          scanner;
    uint64_t                 sum;        /* of all that was reported */
    unsigned                 open:1;
} fuzz_form_t;


static void
fuzz_sum(fuzz_form_t *f, const u_char *p, size_t n)
{
    for ( /* void */ ; n > 0; n--) {
        f->sum = (f->sum + *p++ + 1) * 0x100000001b3;
    }
}


static void
fuzz_part(void *data, const llm_multipart_part_t *part)
{
    u_char        bits;
    fuzz_form_t  *f = data;

    if (part->name_len > LLM_MULTIPART_NAME || part->begin == f->open
        || (part->begin && part->end)
        || (part->len != 0 && (part->file || part->begin || part->end)))
    {
        abort();
    }

    fuzz_sum(f, part->text, part->len);

    if (part->begin || part->end) {
        bits = part->begin | part->file << 1 | part->escaped << 2;
        fuzz_sum(f, &bits, 1);
        fuzz_sum(f, part->name, part->name_len);
        f->open = part->begin;
    }
}


/* Feeds pieces of the very size, so that reading beyond it is seen. */

static void
fuzz_feed(fuzz_form_t *f, llm_request_t *r, const uint8_t *type, size_t len,
    const uint8_t *p, size_t n, size_t size, unsigned flags)
{
    uint8_t      *piece;
    llm_route_t   route;

    llm_route_match(&route, (u_char *) "/audio/transcriptions", 21, 1, 0);

    memset(f, 0, sizeof(fuzz_form_t));
    memset(r, 0xa5, sizeof(llm_request_t));

    llm_request_init(r, &route, flags);
    llm_request_form(r, type, len);

    (void) llm_multipart_init(&f->scanner, type, len, fuzz_part, f);

    while (n != 0) {

        if (size > n) {
            size = n;
        }

        piece = malloc(size);
        memcpy(piece, p, size);
        llm_multipart_feed(&f->scanner, piece, size);
        llm_request_feed(r, piece, size);
        free(piece);

        p += size;
        n -= size;
    }

    (void) llm_request_end(r);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t                len, n;
    unsigned              flags;
    uint8_t              *type;
    fuzz_form_t           a, b;
    const uint8_t        *form;
    static llm_request_t  whole, pieces;

    if (size == 0) {
        return 0;
    }

    form = memchr(data + 1, '\n', size - 1);

    if (form == NULL) {
        return 0;
    }

    len = form - data - 1;
    type = malloc(len ? len : 1);
    memcpy(type, data + 1, len);

    form++;
    n = data + size - form;
    flags = (data[0] & 1) ? LLM_REQUEST_BOUNDS : 0;

    if (llm_multipart_init(&a.scanner, type, len, fuzz_part, &a) != 0) {
        free(type);
        return 0;
    }

    fuzz_feed(&a, &whole, type, len, form, n, n, flags);
    fuzz_feed(&b, &pieces, type, len, form, n, (data[0] >> 1) + 1, flags);

    if (a.sum != b.sum
        || llm_multipart_is_whole(&a.scanner)
           != llm_multipart_is_whole(&b.scanner))
    {
        abort();
    }

    if (whole.error != pieces.error || whole.length != n
        || strcmp(whole.member, pieces.member) != 0)
    {
        abort();
    }

    if (whole.error == LLM_REQUEST_OK
        && (!llm_multipart_is_whole(&a.scanner) || a.open
            || whole.model_len > LLM_REQUEST_MODEL
            || whole.model_len != pieces.model_len
            || memcmp(whole.model, pieces.model, whole.model_len) != 0
            || whole.customer_len != pieces.customer_len
            || whole.choices != pieces.choices
            || whole.raise != pieces.raise
            || whole.stream != pieces.stream
            || whole.max_output != -1))
    {
        abort();
    }

    free(type);

    return 0;
}
