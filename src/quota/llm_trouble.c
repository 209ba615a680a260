
/*
 * Copyright (C) the llm_quota authors
 */


#include "llm_trouble.h"


llm_trouble_e
llm_trouble(llm_trouble_t *t, int there, int64_t now, int64_t patience,
    int64_t calm)
{
    if (there) {

        /* a clock may have been set back */

        if (t->since == 0 || t->since > now) {
            t->since = now;
        }

        t->last = now;

        return (now - t->since >= patience) ? LLM_TROUBLE_THERE
                                            : LLM_TROUBLE_NONE;
    }

    if (t->since == 0) {
        return LLM_TROUBLE_NONE;
    }

    if (now < t->last) {
        t->last = now;
    }

    if (t->last - t->since < patience) {
        t->since = 0;
        return LLM_TROUBLE_NONE;
    }

    return (now - t->last >= calm) ? LLM_TROUBLE_OVER : LLM_TROUBLE_THERE;
}


void
llm_trouble_end(llm_trouble_t *t)
{
    t->since = 0;
}
