
/*
 * Copyright (C) the llm_quota authors
 */


#include <stdlib.h>
#include <string.h>

#include "llm_api_doc.h"
#include "llm_api_path.h"
#include "llm_entity_doc.h"


/*
 * What the admin API reads: the first byte is the kind of an entity, then come
 * a path, a query and a body, divided by newlines.  A body that is merged can
 * be merged again, and is then the document that it was.
 */


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
require(int cond)
{
    if (!cond) {
        abort();
    }
}


static void
fuzz_body(unsigned kind, const uint8_t *data, size_t size)
{
    char              error[LLM_ENTITY_ERROR];
    json_t           *body, *doc, *again;
    llm_record_t     *record;
    llm_api_fault_t   fault;

    if (!llm_api_shallow(data, size)) {
        return;
    }

    body = json_loadb((const char *) data, size, JSON_REJECT_DUPLICATES,
                      NULL);

    if (!json_is_object(body)) {
        json_decref(body);
        return;
    }

    doc = json_object();

    if (llm_api_merge(doc, body, kind, &fault) == 0) {
        require(json_equal(doc, body));

        again = json_copy(doc);

        require(llm_api_merge(again, body, kind, &fault) == 0);
        require(json_equal(doc, again));

        json_decref(again);

    } else {
        require(json_object_size(doc) == 0);
        require(fault.status == 400 || fault.status == 422);
        require(fault.member != NULL && fault.what != NULL);
    }

    record = malloc(sizeof(llm_record_t));
    require(record != NULL);

    (void) llm_entity_doc(record, kind % LLM_ENTITY_KINDS, body, error);

    free(record);
    json_decref(doc);
    json_decref(body);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    u_char          *buf;
    unsigned         kind;
    const uint8_t   *path, *query, *last;
    llm_api_text_t   text, segments[LLM_API_STARS];

    if (size == 0) {
        return 0;
    }

    kind = 1u << (data[0] & 7);
    last = data + size;
    path = data + 1;

    query = memchr(path, '\n', last - path);
    if (query == NULL) {
        return 0;
    }

    if (llm_api_path("/team/*/member/*", path, query - path, segments)) {
        require(segments[0].len + segments[1].len + strlen("/team//member/")
                == (size_t) (query - path));
    }

    path = ++query;

    query = memchr(path, '\n', last - path);
    if (query == NULL) {
        return 0;
    }

    buf = malloc(query - path + 1);
    require(buf != NULL);

    if (llm_api_argument(path, query - path, "key", buf, &text)) {
        require(text.len + strlen("key=") <= (size_t) (query - path));
    }

    free(buf);

    query++;
    fuzz_body(kind, query, last - query);

    return 0;
}
