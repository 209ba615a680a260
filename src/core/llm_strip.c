
/*
 * Copyright (C) the llm_quota authors
 */


#include <stddef.h>

#include "llm_strip.h"


#define LLM_STRIP_BOM  "\xef\xbb\xbf"


enum {
    LLM_STRIP_NONE = 0,
    LLM_STRIP_ROOT,
    LLM_STRIP_CHOICES,
    LLM_STRIP_CHOICE,
    LLM_STRIP_USAGE
};


static const u_char *llm_strip_bom(llm_strip_t *s, const u_char *p,
    const u_char *last);
static void llm_strip_next(llm_strip_t *s);
static void llm_strip_count(llm_strip_t *s, const u_char *p,
    const u_char *last);
static void llm_strip_data(llm_strip_t *s, const u_char *p, size_t n);
static void llm_strip_value(void *data, const llm_json_value_t *v);


static const llm_json_node_t  llm_strip_choice[] = {
    LLM_JSON_NODE("*", NULL, LLM_JSON_SPAN | LLM_STRIP_CHOICE),
    LLM_JSON_END
};

static const llm_json_node_t  llm_strip_members[] = {
    LLM_JSON_NODE("choices", llm_strip_choice,
                  LLM_JSON_SPAN | LLM_STRIP_CHOICES),
    LLM_JSON_NODE("usage", NULL, LLM_JSON_SPAN | LLM_STRIP_USAGE),
    LLM_JSON_END
};

static const llm_json_node_t  llm_strip_tree =
    LLM_JSON_NODE("", llm_strip_members, LLM_JSON_SPAN | LLM_STRIP_ROOT);


void
llm_strip_init(llm_strip_t *s)
{
    s->bom = 0;
    s->before = LLM_STRIP_PASS;

    llm_sse_init(&s->sse);
    llm_strip_next(s);
}


/* Prepares for another event. */

static void
llm_strip_next(llm_strip_t *s)
{
    s->len = 0;
    s->passes = 0;
    s->choices = 0;
    s->usage = 0;

    llm_json_init(&s->json, &llm_strip_tree, llm_strip_value, s, 0);
}


llm_strip_verdict_e
llm_strip_read(llm_strip_t *s, const u_char **pp, const u_char *last)
{
    size_t            n;
    const u_char     *p, *start, *data;
    llm_sse_token_e   token;

    start = *pp;

    if (s->sse.fresh && llm_sse_is_cr(&s->sse) && *start == '\n') {

        /* of the blank line that ended the event before */

        (void) llm_sse_read(&s->sse, pp, start + 1, &data, &n);

        return s->before;
    }

    p = llm_strip_bom(s, start, last);

    do {
        token = llm_sse_read(&s->sse, &p, last, &data, &n);

        if (token == LLM_SSE_DATA) {
            llm_strip_data(s, data, n);

        } else if (token == LLM_SSE_JOIN) {
            llm_strip_data(s, (u_char *) "\n", 1);
        }

    } while (token == LLM_SSE_DATA || token == LLM_SSE_JOIN);

    *pp = p;

    if (token == LLM_SSE_MORE) {
        llm_strip_count(s, start, p);

        return s->passes ? LLM_STRIP_PASS : LLM_STRIP_HOLD;
    }

    /* the LF of CRLF may as well come later */

    if (p - start > 1 && p[-1] == '\n' && p[-2] == '\r') {
        p--;
    }

    llm_strip_count(s, start, p);

    s->before = llm_strip_end(s);

    llm_strip_next(s);

    return s->before;
}


llm_strip_verdict_e
llm_strip_end(const llm_strip_t *s)
{
    return (!s->passes && s->json.state == LLM_JSON_DONE
            && s->choices && s->usage) ? LLM_STRIP_DROP : LLM_STRIP_PASS;
}


static void
llm_strip_count(llm_strip_t *s, const u_char *p, const u_char *last)
{
    s->len += last - p;

    if (s->len > LLM_STRIP_EVENT) {
        s->passes = 1;
    }
}


/* A byte order mark may come before the first event.  A part of one is of the
   name of a field. */

static const u_char *
llm_strip_bom(llm_strip_t *s, const u_char *p, const u_char *last)
{
    size_t         n;
    const u_char  *mark, *data;

    while (s->bom < sizeof(LLM_STRIP_BOM) - 1 && p != last) {

        if (*p != (u_char) LLM_STRIP_BOM[s->bom]) {
            mark = (u_char *) LLM_STRIP_BOM;

            (void) llm_sse_read(&s->sse, &mark, mark + s->bom, &data, &n);

            s->bom = sizeof(LLM_STRIP_BOM) - 1;
            break;
        }

        s->bom++;
        p++;
    }

    return p;
}


static void
llm_strip_data(llm_strip_t *s, const u_char *p, size_t n)
{
    const u_char  *last;

    if (s->passes) {
        return;
    }

    last = p + n;

    if (s->json.state == LLM_JSON_MORE) {
        p += llm_json_feed(&s->json, p, n);
    }

    /* something after the object: it is none of ours */

    for ( /* void */ ; p != last; p++) {

        if (*p != ' ' && *p != '\t' && *p != '\n') {
            s->passes = 1;
            return;
        }
    }

    if (s->json.state == LLM_JSON_INVALID) {
        s->passes = 1;
    }
}


/* Where a member is there twice, either must be what is looked for. */

static void
llm_strip_value(void *data, const llm_json_value_t *v)
{
    llm_strip_t *s = data;

    switch (v->field) {

    case LLM_STRIP_ROOT:

        if (v->type != LLM_JSON_OBJECT) {
            s->passes = 1;
        }

        return;

    case LLM_STRIP_CHOICES:

        if (v->type != LLM_JSON_ARRAY) {
            s->passes = 1;
        }

        s->choices = 1;
        return;

    case LLM_STRIP_USAGE:

        if (v->type != LLM_JSON_OBJECT) {
            s->passes = 1;
        }

        s->usage = 1;
        return;

    default: /* LLM_STRIP_CHOICE */
        s->passes = 1;
    }
}
