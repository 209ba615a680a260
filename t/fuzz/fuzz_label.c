
/*
 * Copyright (C) the llm_quota authors
 */


#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "llm_line_read.h"


/* Whatever is in a segment: reading ends, each text lies in the entry, and the
   labels of a line can be written and read again. */


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
require(int cond)
{
    if (!cond) {
        abort();
    }
}


static void
inside(const llm_entry_t *e, const llm_line_text_t *text)
{
    require(text->len == 0
            || (text->data >= e->buf
                && text->data + text->len <= e->buf + sizeof(e->buf)));
}


/* Bytes that are no UTF-8 are replaced by more: a name may be too long then,
   a value is cut. */

static void
again(const llm_entry_t *e)
{
    size_t         len;
    unsigned       i;
    llm_entry_t    other;
    static u_char  line[LLM_LINE_LABELS_MAX + 2];

    line[0] = '{';
    len = llm_line_labels(line + 1, e->label, e->nlabels) - line;
    line[len++] = '}';

    memset(&other, 0, sizeof(llm_entry_t));

    other.labels.data = line;
    other.labels.len = len;

    llm_line_read_labels(&other);

    require(other.nlabels <= e->nlabels);

    for (i = 0; i < other.nlabels; i++) {
        inside(&other, &other.label[i].name);
        require(other.label[i].value.len > 0
                && other.label[i].value.len <= LLM_LINE_LABEL_VALUE);
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned             i;
    const u_char        *p, *before, *last;
    static llm_entry_t   e;
    llm_line_status_e    status;

    p = data;
    last = data + size;

    do {
        before = p;
        status = llm_line_read(&p, last, &e);

        require(p >= before && p <= last);
        require(status == LLM_LINE_AGAIN || p > before);

        if (status != LLM_LINE_OK) {
            continue;
        }

        for (i = 0; i < LLM_ENTRY_TEXTS; i++) {
            inside(&e, &e.text[i]);
        }

        for (i = 0; i < e.nlabels; i++) {
            inside(&e, &e.label[i].name);
            inside(&e, &e.label[i].value);
        }

        again(&e);

    } while (status != LLM_LINE_AGAIN);

    return 0;
}
