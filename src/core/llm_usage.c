
/*
 * Copyright (C) the llm_quota authors
 */


#include <string.h>

#include "llm_usage_record.h"


/*
 * An answer is framing, documents, counts.  This file takes the framing away
 * and gives each document to the scanner, whose values llm_usage_record.c
 * makes counts of.  Nothing is kept of an answer but its counts and names, so
 * a line of megabytes is as good as a short one.
 */


#define LLM_USAGE_ABSURD  100000000    /* tokens in one answer */

#define LLM_ANSWER_DONE   "[DONE]"
#define LLM_ANSWER_NOT    0xff         /* what a->done is where it is not */

#define llm_bit(n)  ((uint32_t) 1 << (n))


static llm_framing_e llm_answer_sniff(const llm_answer_t *a, u_char c);
static void llm_answer_json(llm_answer_t *a, const u_char *p,
    const u_char *last);
static void llm_answer_sse(llm_answer_t *a, const u_char *p,
    const u_char *last);
static void llm_answer_data(llm_answer_t *a, const u_char *p, size_t n);
static void llm_answer_next(llm_answer_t *a);
static unsigned llm_answer_find_lacks(const llm_answer_t *a, int complete);


/* The types that say more than the first byte does. */

static const struct {
    const char               *type;
    llm_framing_e             framing;
} llm_answer_types[] = {
    { "text/event-stream", LLM_FRAMING_SSE },
    { "application/x-ndjson", LLM_FRAMING_LINES },
    { "application/ndjson", LLM_FRAMING_LINES },
    { "application/jsonl", LLM_FRAMING_LINES },
    { "application/x-jsonl", LLM_FRAMING_LINES },
    { "application/stream+json", LLM_FRAMING_LINES },
    { "application/vnd.amazon.eventstream", LLM_FRAMING_OTHER },
    { "audio/", LLM_FRAMING_OTHER },
    { "image/", LLM_FRAMING_OTHER },
    { "video/", LLM_FRAMING_OTHER },
    { NULL, LLM_FRAMING_SNIFF }
};


void
llm_answer_init(llm_answer_t *a, const u_char *content_type, size_t len)
{
    size_t       i, n;
    const char  *type;

    /* what the parts have of their own is set by llm_answer_next() */

    memset(&a->document, 0, sizeof(llm_answer_t)
                            - offsetof(llm_answer_t, document));
    a->framing = LLM_FRAMING_SNIFF;
    a->expected = LLM_FRAMING_SNIFF;

    for (i = 0; llm_answer_types[i].type != NULL; i++) {
        type = llm_answer_types[i].type;

        for (n = 0; n < len && type[n] != '\0'; n++) {

            /* no letter of the types has another byte beside it here */

            if ((content_type[n] | 0x20) != (type[n] | 0x20)) {
                break;
            }
        }

        if (type[n] == '\0') {
            a->expected = llm_answer_types[i].framing;
            break;
        }
    }

    if (a->expected == LLM_FRAMING_OTHER) {
        a->framing = LLM_FRAMING_OTHER;
    }

    llm_sse_init(&a->sse);
    llm_answer_next(a);
}


void
llm_answer_feed(llm_answer_t *a, const u_char *p, size_t n)
{
    const u_char  *last;

    last = p + n;

    /* white space and a byte order mark may come first */

    while (a->framing == LLM_FRAMING_SNIFF && p != last) {

        if (*p == ' ' || *p == '\t' || *p == '\r' || *p == '\n'
            || *p == 0xef || *p == 0xbb || *p == 0xbf)
        {
            p++;
            continue;
        }

        a->framing = llm_answer_sniff(a, *p);
    }

    if (p == last || a->ended) {
        return;
    }

    switch (a->framing) {

    case LLM_FRAMING_JSON:
    case LLM_FRAMING_LINES:
        llm_answer_json(a, p, last);
        break;

    case LLM_FRAMING_SSE:
        llm_answer_sse(a, p, last);
        break;

    default: /* LLM_FRAMING_OTHER */
        break;
    }
}


/* No JSON that could state anything begins with the first byte of a field of
   an event stream, nor the reverse. */

static llm_framing_e
llm_answer_sniff(const llm_answer_t *a, u_char c)
{
    switch (c) {

    case '{':
    case '[':
        return (a->expected == LLM_FRAMING_LINES) ? LLM_FRAMING_LINES
                                                  : LLM_FRAMING_JSON;

    case ':':
    case 'd':
    case 'e':
    case 'i':
    case 'r':
        return LLM_FRAMING_SSE;

    default:
        return (a->expected == LLM_FRAMING_SSE) ? LLM_FRAMING_SSE
                                                : LLM_FRAMING_OTHER;
    }
}


static void
llm_answer_json(llm_answer_t *a, const u_char *p, const u_char *last)
{
    while (p != last) {
        p += llm_json_feed(&a->json, p, last - p);

        if (a->json.state == LLM_JSON_MORE) {
            return;
        }

        if (a->framing == LLM_FRAMING_JSON) {
            a->ended = 1;
            return;
        }

        if (a->json.state == LLM_JSON_INVALID) {

            /* the next line may be right again */

            p = memchr(p, '\n', last - p);

            if (p == NULL) {
                return;
            }
        }

        llm_answer_next(a);
    }
}


static void
llm_answer_sse(llm_answer_t *a, const u_char *p, const u_char *last)
{
    size_t         len;
    const u_char  *start, *data, *piece, *next;

    start = NULL;
    data = NULL;

    while (p != last && !a->ended) {

        if (a->sse.fresh) {
            while ((next = llm_repeat_match(&a->repeat, p, last, a->text))
                   != NULL)
            {
                p = next;
            }

            llm_repeat_clear(&a->repeat);

            start = p;
            data = NULL;
        }

        switch (llm_sse_read(&a->sse, &p, last, &piece, &len)) {

        case LLM_SSE_DATA:
            data = (data == NULL) ? piece : data;
            llm_answer_data(a, piece, len);
            break;

        case LLM_SSE_JOIN:
            start = NULL;
            llm_answer_data(a, (u_char *) "\n", 1);
            break;

        case LLM_SSE_END:

            /* only an event that lies whole in this piece can be kept, and
               its last byte must leave nothing open */

            if (start != NULL && data != NULL && p[-1] == '\n'
                && a->json.state == LLM_JSON_DONE)
            {
                llm_repeat_learn(&a->repeat, start, data, p);
            }

            llm_answer_next(a);
            break;

        default: /* LLM_SSE_MORE */
            break;
        }
    }
}
