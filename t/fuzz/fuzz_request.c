
/*
 * Copyright (C) the llm_quota authors
 */


#include <stdlib.h>
#include <string.h>

#include "llm_request.h"


/*
 * The input: a byte that says how the body is cut and whether bounds are
 * looked for, a URI up to a line feed, the body.  In pieces the body must give
 * what it gives at once, and every range must lie in it.
 */


static void
fuzz_feed(llm_request_t *r, const llm_route_t *route, const uint8_t *p,
    size_t n, size_t size, unsigned flags)
{
    uint8_t  *piece;

    memset(r, 0xa5, sizeof(llm_request_t));
    llm_request_init(r, route, flags);

    while (n != 0) {

        if (size > n) {
            size = n;
        }

        /* of the very size, so that reading beyond it is seen */

        piece = malloc(size);
        memcpy(piece, p, size);
        llm_request_feed(r, piece, size);
        free(piece);

        p += size;
        n -= size;
    }

    if (llm_request_end(r) != r->error) {
        abort();
    }
}


static void
fuzz_span(const llm_request_t *r, const llm_request_span_t *span)
{
    if (span->end != 0
        && (span->start >= span->end || span->end > r->length))
    {
        abort();
    }
}


/* Once usage is asked for, it is, and nothing else has changed. */

static void
fuzz_ask_usage(const llm_request_t *r, const llm_route_t *route,
    const uint8_t *body, size_t size, unsigned flags)
{
    size_t                    start, end;
    uint8_t                  *changed;
    llm_request_edit_t        edit;
    static llm_request_t      asked;

    if (!llm_request_ask_usage(r, &edit)) {
        return;
    }

    start = edit.range.start;
    end = edit.range.end;

    if (start > end || end > size || edit.len < end - start) {
        abort();
    }

    changed = malloc(size + edit.len);

    memcpy(changed, body, start);
    memcpy(changed + start, edit.text, edit.len);
    memcpy(changed + start + edit.len, body + end, size - end);

    size += edit.len - (end - start);

    fuzz_feed(&asked, route, changed, size, size, flags);
    free(changed);

    if (asked.error != LLM_REQUEST_OK) {
        abort();
    }

    /* on other routes the member is not read */

    if ((route->api == LLM_API_CHAT || route->api == LLM_API_COMPLETIONS)
        && !asked.include_usage)
    {
        abort();
    }
}


static void
fuzz_same(const llm_request_t *a, const llm_request_t *b)
{
    size_t  n;

    if (a->error != b->error || strcmp(a->member, b->member) != 0
        || a->length != b->length)
    {
        abort();
    }

    if (a->error != LLM_REQUEST_OK) {
        return;
    }

    n = a->customer_len;

    if (n > LLM_REQUEST_CUSTOMER) {
        n = LLM_REQUEST_CUSTOMER;
    }

    if (a->model_len != b->model_len
        || memcmp(a->model, b->model, a->model_len) != 0
        || a->customer_len != b->customer_len
        || memcmp(a->customer, b->customer, n) != 0
        || a->max_output != b->max_output
        || a->raise != b->raise
        || a->choices != b->choices
        || a->tier != b->tier
        || a->stream != b->stream
        || a->stream_set != b->stream_set
        || a->include_usage != b->include_usage
        || a->null_options != b->null_options
        || a->empty_options != b->empty_options
        || a->background != b->background
        || strcmp(a->outside, b->outside) != 0
        || strcmp(a->server_tool, b->server_tool) != 0
        || strcmp(a->others, b->others) != 0
        || a->media != b->media
        || a->again != b->again
        || a->empty != b->empty
        || a->root_end != b->root_end
        || memcmp(&a->stream_options, &b->stream_options,
                  sizeof(llm_request_span_t)) != 0
        || memcmp(&a->no_usage, &b->no_usage, sizeof(llm_request_span_t)) != 0
        || memcmp(&a->no_cap, &b->no_cap, sizeof(llm_request_span_t)) != 0)
    {
        abort();
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned         flags;
    uint8_t         *uri;
    llm_route_t      route;
    const uint8_t   *body, *last;
    llm_request_t    whole, pieces;

    if (size == 0) {
        return 0;
    }

    last = data + size;
    body = memchr(data + 1, '\n', size - 1);

    if (body == NULL) {
        return 0;
    }

    size = body - data - 1;
    uri = malloc(size ? size : 1);
    memcpy(uri, data + 1, size);

    llm_route_match(&route, uri, size, 1, 0);

    if (route.model_len != 0
        && (route.model < uri || route.model + route.model_len > uri + size))
    {
        abort();
    }

    body++;
    size = last - body;
    flags = (data[0] & 1) ? LLM_REQUEST_BOUNDS : 0;

    fuzz_feed(&whole, &route, body, size, size, flags);
    fuzz_feed(&pieces, &route, body, size, (data[0] >> 1) + 1, flags);
    fuzz_same(&whole, &pieces);

    if (whole.error != LLM_REQUEST_OK) {
        free(uri);
        return 0;
    }

    fuzz_ask_usage(&whole, &route, body, size, flags);

    free(uri);

    if (whole.model_len > LLM_REQUEST_MODEL || whole.choices < 1
        || whole.max_output < -1 || body[whole.root_end] != '}')
    {
        abort();
    }

    fuzz_span(&whole, &whole.stream_options);
    fuzz_span(&whole, &whole.no_usage);
    fuzz_span(&whole, &whole.no_cap);

    if (flags == 0
        && (whole.outside[0] || whole.server_tool[0] || whole.media
            || whole.again))
    {
        abort();
    }

    return 0;
}
