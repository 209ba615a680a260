
/*
 * Copyright (C) the llm_quota authors
 */


#include <string.h>

#include "llm_pattern.h"
#include "llm_text.h"


/* " and 4294967295 more" */
#define LLM_PATTERN_MORE  20


int
llm_pattern_parse(llm_pattern_t *pattern, const u_char *p, size_t n)
{
    if (!llm_text_is_id(p, n)) {
        return -1;
    }

    pattern->prefix = (p[n - 1] == '*');
    pattern->group = 0;

    pattern->name = p;
    pattern->len = n - pattern->prefix;

    /* a star elsewhere would look as if it stood for something */

    return memchr(p, '*', pattern->len) ? -1 : 0;
}


int
llm_pattern_next(const u_char **p, const u_char *last, llm_pattern_t *pattern)
{
    size_t         n;
    const u_char  *comma, *item;

    item = *p;
    comma = memchr(item, ',', last - item);

    n = (comma ? comma : last) - item;
    *p = comma ? comma + 1 : NULL;

    if (n == 0 || *item != '@') {
        return llm_pattern_parse(pattern, item, n);
    }

    if (llm_pattern_parse(pattern, item + 1, n - 1) != 0 || pattern->prefix) {
        return -1;
    }

    pattern->group = 1;

    return 0;
}


int
llm_pattern_match(const llm_pattern_t *patterns, unsigned n,
    const u_char *name, size_t len)
{
    for ( /* void */ ; n; patterns++, n--) {

        if ((patterns->prefix ? patterns->len <= len : patterns->len == len)
            && memcmp(patterns->name, name, patterns->len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


size_t
llm_pattern_print(u_char *buf, const llm_pattern_t *patterns, unsigned n)
{
    u_char    *p, *last;
    unsigned   i;

    p = buf;
    last = buf + LLM_PATTERN_TEXT - LLM_PATTERN_MORE;

    for (i = 0; i < n; i++) {

        if (patterns[i].len + sizeof(", *") - 1 > (size_t) (last - p)) {
            memcpy(p, " and ", 5);
            p = llm_text_number(p + 5, n - i);
            memcpy(p, " more", 5);

            return p + 5 - buf;
        }

        if (i) {
            *p++ = ',';
            *p++ = ' ';
        }

        memcpy(p, patterns[i].name, patterns[i].len);
        p += patterns[i].len;

        if (patterns[i].prefix) {
            *p++ = '*';
        }
    }

    return p - buf;
}
