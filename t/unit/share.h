
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _SHARE_H_INCLUDED_
#define _SHARE_H_INCLUDED_


#include "world.h"


/* A model "m" that keys share, in classes. */

typedef struct {
    const char      *name;                /* the first is without one */
    unsigned         percent;
    unsigned         lend;
} share_class_t;


static const share_class_t  *share_classes;
static unsigned              share_nclasses;


/* percents: of the first class and of all others, to 100. */

__attribute__((unused)) static void
share_set(const share_class_t *classes, unsigned n)
{
    share_classes = classes;
    share_nclasses = n;
}


/* Who asks for the model, in a class. */

__attribute__((unused)) static void
share_ask(llm_ask_t *ask, llm_reserve_e reserve, const llm_row_t *row,
    const char *key, unsigned class, int64_t input, int64_t output)
{
    unsigned            i;
    llm_class_t        *c;
    llm_ask_subject_t  *s;

    quota_ask(ask, reserve);

    quota_subject(z, ask, LLM_SUBJECT_MODEL, "m", row, 0);
    ask->subjects[0].role = LLM_ROLE_MODEL;

    s = &ask->subjects[ask->nsubjects++];
    (void) llm_zone_key(z, &s->key, LLM_SUBJECT_KEY_MODEL,
                        (const u_char *) key, strlen(key),
                        (const u_char *) "m", 1);
    s->role = LLM_ROLE_SHARER;

    ask->nclasses = share_nclasses;
    ask->class = class;

    for (i = 0; i < share_nclasses; i++) {
        c = &ask->classes[i];

        c->percent = share_classes[i].percent;
        c->lend = share_classes[i].lend;

        (void) llm_class_key(z, c, (const u_char *) "m", 1,
                             (const u_char *) share_classes[i].name,
                             strlen(share_classes[i].name));
    }

    s = &ask->subjects[ask->nsubjects++];
    s->key = ask->classes[class].key;
    s->role = LLM_ROLE_CLASS;

    ask->amount[LLM_COUNT_INPUT] = input;
    ask->amount[LLM_COUNT_OUTPUT] = output;
}


#endif /* _SHARE_H_INCLUDED_ */
