
/*
 * Copyright (C) the llm_quota authors
 */


#include "llm_usage_record.h"


/*
 * Amazon's event stream.  The payload of a frame is a document, which goes to
 * the scanner as it lies there; or it holds one in base64, a vendor's answer
 * in Bedrock's envelope, which has a scanner of its own, as the other one is
 * in the middle of a string.  Either is counted when its frame is whole: then
 * its checksum is known, and one that was cut says nothing.
 */


static void llm_answer_frame(llm_answer_t *a);
static void llm_usage_inside(llm_answer_t *a, const u_char *p, ssize_t n);


void
llm_answer_frames(llm_answer_t *a, const u_char *p, const u_char *last)
{
    size_t                    len;
    const u_char             *data;
    llm_eventstream_t        *s;
    llm_eventstream_token_e   token;

    s = &a->u.frame.stream;

    do {
        token = llm_eventstream_read(s, &p, last, &data, &len);

        if (s->damaged && a->expected != LLM_FRAMING_EVENTS) {

            /* what is not named one is one only without a fault */

            a->framing = LLM_FRAMING_OTHER;
            return;
        }

        switch (token) {

        case LLM_EVENTSTREAM_DATA:

            if (s->event != LLM_EVENT_EXCEPTION) {
                (void) llm_json_feed(&a->json, data, len);
            }

            break;

        case LLM_EVENTSTREAM_END:
            llm_answer_frame(a);
            break;

        case LLM_EVENTSTREAM_INVALID:
            a->damaged = 1;
            a->ended = 1;
            break;

        default: /* LLM_EVENTSTREAM_MORE */
            break;
        }

    } while (p != last);
}


static void
llm_answer_frame(llm_answer_t *a)
{
    llm_answer_frame_t  *f;

    f = &a->u.frame;

    if (f->stream.damaged) {
        a->damaged = 1;
    }

    if (f->stream.event == LLM_EVENT_EXCEPTION) {
        a->error = 1;

    } else if (a->open && a->json.state == LLM_JSON_DONE
               && (!f->carries || f->json.state == LLM_JSON_DONE))
    {
        llm_usage_merge(a);
    }

    f->carries = 0;
    f->more = 0;

    llm_answer_next(a);
}


void
llm_usage_bytes(llm_answer_t *a, const llm_json_value_t *v)
{
    u_char               buf[LLM_BASE64_ROOM(LLM_JSON_TEXT)];
    llm_answer_frame_t  *f;

    f = &a->u.frame;

    /* elsewhere the member is one as any other */

    if (a->framing != LLM_FRAMING_EVENTS || f->inside
        || f->stream.event == LLM_EVENT_OTHER || v->type != LLM_JSON_STRING)
    {
        return;
    }

    if (!f->more) {
        f->carries = 1;

        /* of a scalar that the document before left open */

        a->more = 0;

        llm_base64_init(&f->base64);
        llm_json_init(&f->json, &llm_usage_tree, llm_usage_value, a, 0);
    }

    f->more = v->more;

    llm_usage_inside(a, buf,
                     llm_base64_decode(&f->base64, buf, v->text, v->len));

    if (!v->more) {
        llm_usage_inside(a, buf, llm_base64_end(&f->base64, buf));
    }
}


static void
llm_usage_inside(llm_answer_t *a, const u_char *p, ssize_t n)
{
    llm_answer_frame_t  *f;

    f = &a->u.frame;

    if (n < 0) {
        f->json.state = LLM_JSON_INVALID;
        return;
    }

    f->inside = 1;
    (void) llm_json_feed(&f->json, p, n);
    f->inside = 0;
}
