
/*
 * Copyright (C) the llm_quota authors
 */


#include <string.h>

#include "llm_noted.h"


static int llm_noted_is(const llm_line_text_t *text, const char *name);
static llm_noted_model_t *llm_noted_model(llm_noted_t *noted,
    const llm_line_text_t *name);


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

    model = llm_noted_model(noted, &e->text[LLM_ENTRY_MODEL]);

    if (model && estimated) {
        model->estimated = e->timestamp;
    }

    if (model && unpriced) {
        model->unpriced = e->timestamp;
    }
}


static int
llm_noted_is(const llm_line_text_t *text, const char *name)
{
    return text->len == strlen(name)
           && memcmp(text->data, name, text->len) == 0;
}


/* NULL: it has no name, or there is no room for another. */

static llm_noted_model_t *
llm_noted_model(llm_noted_t *noted, const llm_line_text_t *name)
{
    unsigned            i;
    llm_noted_model_t  *model;

    for (i = 0; i < noted->n; i++) {
        model = &noted->models[i];

        if (model->len == name->len
            && memcmp(model->name, name->data, name->len) == 0)
        {
            return model;
        }
    }

    if (noted->n == LLM_NOTED_MODELS || name->len == 0
        || name->len > LLM_ID_MAX)
    {
        return NULL;
    }

    model = &noted->models[noted->n++];

    memset(model, 0, sizeof(llm_noted_model_t));
    memcpy(model->name, name->data, name->len);
    model->len = name->len;

    return model;
}
