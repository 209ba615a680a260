
/*
 * Copyright (C) the llm_quota authors
 */


#include <string.h>

#include "llm_json.h"
#include "llm_line_read.h"
#include "llm_text.h"


typedef struct {
    llm_entry_t             *entry;
    llm_line_text_t         *text;
    unsigned                 invalid:1;
} llm_label_reader_t;


static const u_char *llm_label_text(llm_entry_t *e, const u_char *p,
    const u_char *last, llm_line_text_t *text);
static void llm_label_piece(void *data, const llm_json_value_t *v);
static const u_char *llm_label_space(const u_char *p, const u_char *last);


/* The names are whoever's, and so no tree has them: each string is a document
   of its own. */

static const llm_json_node_t  llm_label_string = LLM_JSON_NODE("", NULL, 1);


void
llm_line_read_labels(llm_entry_t *e)
{
    const u_char      *p, *last;
    llm_line_label_t  *label;

    p = e->labels.data;
    last = p + e->labels.len;

    do {
        label = &e->label[e->nlabels];

        p = llm_label_text(e, p + 1, last, &label->name);

        if (p == NULL || p == last || *p != ':') {
            return;
        }

        p = llm_label_text(e, p + 1, last, &label->value);

        if (p == NULL) {
            return;
        }

        label->value.len = llm_text_cut(label->value.data, label->value.len,
                                        LLM_LINE_LABEL_VALUE);

        if (label->name.len && label->name.len <= LLM_LINE_LABEL_NAME
            && label->value.len)
        {
            e->nlabels++;
        }

    } while (p != last && *p == ',' && e->nlabels < LLM_LINE_LABELS);
}


/* Returns what follows the string and white space, NULL: there is none. */

static const u_char *
llm_label_text(llm_entry_t *e, const u_char *p, const u_char *last,
    llm_line_text_t *text)
{
    llm_json_t          json;
    llm_label_reader_t  r;

    p = llm_label_space(p, last);

    if (p == last || *p != '"') {
        return NULL;
    }

    text->data = e->buf + e->used;
    text->len = 0;

    r.entry = e;
    r.text = text;
    r.invalid = 0;

    llm_json_init(&json, &llm_label_string, llm_label_piece, &r, 0);

    p += llm_json_feed(&json, p, last - p);

    if (json.state != LLM_JSON_DONE || r.invalid) {
        return NULL;
    }

    return llm_label_space(p, last);
}


static void
llm_label_piece(void *data, const llm_json_value_t *v)
{
    llm_label_reader_t *r = data;

    llm_entry_t  *e;

    e = r->entry;

    if (v->len > sizeof(e->buf) - e->used) {
        r->invalid = 1;
        return;
    }

    memcpy(e->buf + e->used, v->text, v->len);

    e->used += v->len;
    r->text->len += v->len;
}


static const u_char *
llm_label_space(const u_char *p, const u_char *last)
{
    while (p != last && (*p == ' ' || *p == '\t')) {
        p++;
    }

    return p;
}
