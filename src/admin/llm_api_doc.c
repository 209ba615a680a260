
/*
 * Copyright (C) the llm_quota authors
 */


#include "llm_api_doc.h"


int
llm_api_shallow(const u_char *p, size_t n)
{
    int            quoted;
    unsigned       depth;
    const u_char  *last;

    quoted = 0;
    depth = 0;

    for (last = p + n; p < last; p++) {

        if (*p == '"') {
            quoted = !quoted;

        } else if (quoted) {

            if (*p == '\\') {
                p++;
            }

        } else if (*p == '[' || *p == '{') {

            if (++depth > LLM_API_DEPTH) {
                return 0;
            }

        } else if ((*p == ']' || *p == '}') && depth) {
            depth--;
        }
    }

    return 1;
}
