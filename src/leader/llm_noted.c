
/*
 * Copyright (C) the llm_quota authors
 */


#include <string.h>

#include "llm_noted.h"


static int llm_noted_is(const llm_line_text_t *text, const char *name);
static llm_noted_model_t *llm_noted_model(llm_noted_t *noted,
    const u_char *name, size_t len);


void
llm_noted_add(llm_noted_t *noted, const llm_entry_t *e)
{
    int                 estimated, unpriced;
    llm_noted_model_t  *model;

    estimated = llm_noted_is(&e->text[LLM_ENTRY_SOURCE], "estimated");

    /* a line that says nothing of a price was written for many, or for who
       died; a cost that the answer states is one */

    unpriced = (estimated
                || llm_noted_is(&e->text[LLM_ENTRY_SOURCE], "upstream"))
               && e->text[LLM_ENTRY_PRICE].data
               && e->text[LLM_ENTRY_PRICE].len == 0
               && e->cost == 0
               && (e->count[LLM_ENTRY_INPUT] || e->count[LLM_ENTRY_OUTPUT]);

    if (!e->usage || !(estimated || unpriced)) {
        return;
    }

    model = llm_noted_model(noted, e->text[LLM_ENTRY_MODEL].data,
                            e->text[LLM_ENTRY_MODEL].len);

    if (model && estimated) {
        model->estimated = e->timestamp;
    }

    if (model && unpriced) {
        model->unpriced = e->timestamp;
    }
}


void
llm_noted_merge(llm_noted_t *noted, const llm_noted_t *more)
{
    unsigned                  i;
    llm_noted_model_t        *model;
    const llm_noted_model_t  *from;

    for (i = 0; i < more->n; i++) {
        from = &more->models[i];
        model = llm_noted_model(noted, from->name, from->len);

        if (model && from->unpriced) {
            model->unpriced = from->unpriced;
        }

        if (model && from->estimated) {
            model->estimated = from->estimated;
        }
    }
}


void
llm_noted_drop(llm_noted_t *noted)
{
    unsigned  i, n;

    n = 0;

    for (i = 0; i < noted->n; i++) {

        if (noted->models[i].unpriced || noted->models[i].estimated) {
            noted->models[n++] = noted->models[i];
        }
    }

    noted->n = n;
}


static int
llm_noted_is(const llm_line_text_t *text, const char *name)
{
    return text->len == strlen(name)
           && memcmp(text->data, name, text->len) == 0;
}


/* NULL: it has no name, or there is no room for another. */

static llm_noted_model_t *
llm_noted_model(llm_noted_t *noted, const u_char *name, size_t len)
{
    unsigned            i;
    llm_noted_model_t  *model;

    for (i = 0; i < noted->n; i++) {
        model = &noted->models[i];

        if (model->len == len && memcmp(model->name, name, len) == 0) {
            return model;
        }
    }

    if (noted->n == LLM_NOTED_MODELS || len == 0 || len > LLM_ID_MAX) {
        return NULL;
    }

    model = &noted->models[noted->n++];

    memset(model, 0, sizeof(llm_noted_model_t));
    memcpy(model->name, name, len);
    model->len = len;

    return model;
}
