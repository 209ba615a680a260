
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _STRIP_H_INCLUDED_
#define _STRIP_H_INCLUDED_


#include <stdlib.h>
#include <string.h>

#include "llm_strip.h"


/*
 * A filter as nginx's is one: what passes is appended to out, what is held is
 * kept.  Both have room for all that comes in.
 */

typedef struct {
    llm_strip_t              strip;
    u_char                  *out;
    size_t                   len;
    u_char                  *held;
    size_t                   kept;
} stripped_t;


static void
strip_init(stripped_t *f, size_t size)
{
    memset(f, 0xa5, sizeof(stripped_t));

    f->out = malloc(size + 1);
    f->held = malloc(size + 1);
    f->len = 0;
    f->kept = 0;

    llm_strip_init(&f->strip);
}


static void
strip_free(stripped_t *f)
{
    free(f->out);
    free(f->held);
}


static void
strip_judge(stripped_t *f, llm_strip_verdict_e verdict, const u_char *p,
    size_t n)
{
    switch (verdict) {

    case LLM_STRIP_HOLD:
        memcpy(f->held + f->kept, p, n);
        f->kept += n;
        return;

    case LLM_STRIP_PASS:
        memcpy(f->out + f->len, f->held, f->kept);
        memcpy(f->out + f->len + f->kept, p, n);
        f->len += f->kept + n;
        break;

    default: /* LLM_STRIP_DROP */
        break;
    }

    f->kept = 0;
}


static void
strip_feed(stripped_t *f, const u_char *p, size_t n)
{
    u_char               *piece;
    const u_char         *start, *last;
    llm_strip_verdict_e   verdict;

    /* of the very size, so that reading beyond it is seen */

    piece = malloc(n ? n : 1);
    memcpy(piece, p, n);

    p = piece;
    last = p + n;

    while (p != last) {
        start = p;
        verdict = llm_strip_read(&f->strip, &p, last);

        if (p == start || (verdict == LLM_STRIP_HOLD && p != last)) {
            abort();
        }

        strip_judge(f, verdict, start, p - start);
    }

    free(piece);
}


static void
strip_end(stripped_t *f)
{
    strip_judge(f, llm_strip_end(&f->strip), (u_char *) "", 0);
}


#endif /* _STRIP_H_INCLUDED_ */
