
/*
 * Copyright (C) the llm_quota authors
 */


#include <string.h>

#include <zlib.h>

#include "llm_eventstream.h"


#define LLM_FRAME_PRELUDE   12
#define LLM_FRAME_CHECKSUM  4

/* The largest that Amazon's own libraries read; a frame with a larger length
   is none. */
#define LLM_FRAME_HEADERS   (128 << 10)
#define LLM_FRAME_PAYLOAD   (24 << 20)

#define LLM_HEADER_STRING   7    /* the type of a value */
#define LLM_HEADER_TYPES    10

#define LLM_TEXT_LONG       0xff /* what len is of a text that is not kept */


enum {
    sw_prelude = 0,
    sw_headers,
    sw_payload,
    sw_checksum,
    sw_invalid
};


/* Of a header. */

enum {
    sw_name_len = 0,
    sw_name,
    sw_type,
    sw_size_high,
    sw_size_low,
    sw_value
};


enum {
    LLM_HEADER_OTHER = 0,
    LLM_HEADER_MESSAGE_TYPE,
    LLM_HEADER_EVENT_TYPE,
    LLM_HEADER_EXCEPTION_TYPE
};


#define llm_is_kept(s, string)                                                \
    ((s)->len == sizeof(string) - 1                                           \
     && memcmp((s)->text, string, sizeof(string) - 1) == 0)


static const u_char *llm_eventstream_keep(llm_eventstream_t *s,
    const u_char *p, const u_char *last, size_t want);
static int llm_eventstream_prelude(llm_eventstream_t *s);
static void llm_eventstream_next(llm_eventstream_t *s);
static void llm_eventstream_headers(llm_eventstream_t *s, const u_char *p,
    const u_char *last);
static void llm_eventstream_name(llm_eventstream_t *s);
static void llm_eventstream_type(llm_eventstream_t *s, u_char type);
static void llm_eventstream_value(llm_eventstream_t *s);
static uint32_t llm_eventstream_number(const u_char *p);


/* Of a value's type; two bytes before a value say its length where there is
   none here. */

static const struct {
    uint8_t                  len;
    uint8_t                  counted;
} llm_header_types[LLM_HEADER_TYPES] = {
    { 0, 0 },    /* true */
    { 0, 0 },    /* false */
    { 1, 0 },
    { 2, 0 },
    { 4, 0 },
    { 8, 0 },
    { 0, 1 },    /* bytes */
    { 0, 1 },    /* string */
    { 8, 0 },    /* a moment */
    { 16, 0 }    /* UUID */
};


void
llm_eventstream_init(llm_eventstream_t *s)
{
    memset(s, 0, sizeof(llm_eventstream_t));
}


llm_eventstream_token_e
llm_eventstream_read(llm_eventstream_t *s, const u_char **pp,
    const u_char *last, const u_char **data, size_t *len)
{
    size_t         n;
    const u_char  *p;

    p = *pp;

    while (p != last) {
        n = last - p;

        switch (s->phase) {

        case sw_prelude:

            if (s->len == 0) {
                s->crc = crc32(0, NULL, 0);
                s->event = LLM_EVENT_UNNAMED;
                s->damaged = 0;
            }

            p = llm_eventstream_keep(s, p, last, LLM_FRAME_PRELUDE - s->len);

            if (s->len < LLM_FRAME_PRELUDE
                || llm_eventstream_prelude(s) == 0)
            {
                break;
            }

            s->phase = sw_invalid;
            s->damaged = 1;
            *pp = last;

            return LLM_EVENTSTREAM_INVALID;

        case sw_headers:

            n = (n < s->headers) ? n : s->headers;
            s->crc = crc32(s->crc, p, n);
            s->headers -= n;

            llm_eventstream_headers(s, p, p + n);
            p += n;

            if (s->headers == 0) {

                /* the last one reaches beyond them */

                if (s->part != sw_name_len) {
                    s->damaged = 1;
                }

                llm_eventstream_next(s);
            }

            break;

        case sw_payload:

            n = (n < s->payload) ? n : s->payload;
            s->crc = crc32(s->crc, p, n);
            s->payload -= n;

            *data = p;
            *len = n;
            *pp = p + n;

            llm_eventstream_next(s);

            return LLM_EVENTSTREAM_DATA;

        case sw_checksum:

            p = llm_eventstream_keep(s, p, last, LLM_FRAME_CHECKSUM - s->len);

            if (s->len < LLM_FRAME_CHECKSUM) {
                break;
            }

            if (llm_eventstream_number(s->text) != s->crc) {
                s->damaged = 1;
            }

            s->phase = sw_prelude;
            s->len = 0;
            *pp = p;

            return LLM_EVENTSTREAM_END;

        default: /* sw_invalid */
            *pp = last;

            return LLM_EVENTSTREAM_INVALID;
        }
    }

    *pp = p;

    return LLM_EVENTSTREAM_MORE;
}


int
llm_eventstream_is_between(const llm_eventstream_t *s)
{
    return s->phase == sw_prelude && s->len == 0;
}


/* Takes so many bytes, or what there is of them.  What is longer than the room
   for it is none of the few words that matter. */

static const u_char *
llm_eventstream_keep(llm_eventstream_t *s, const u_char *p,
    const u_char *last, size_t want)
{
    if ((size_t) (last - p) < want) {
        want = last - p;
    }

    if (s->len == LLM_TEXT_LONG
        || want > (size_t) LLM_EVENTSTREAM_TEXT - s->len)
    {
        s->len = LLM_TEXT_LONG;

    } else {
        memcpy(s->text + s->len, p, want);
        s->len += want;
    }

    return p + want;
}


/* A wrong checksum alone loses nothing: the lengths may well be right. */

static int
llm_eventstream_prelude(llm_eventstream_t *s)
{
    uint32_t  total;

    total = llm_eventstream_number(s->text);
    s->headers = llm_eventstream_number(s->text + 4);

    s->crc = crc32(s->crc, s->text, 8);

    if (s->crc != llm_eventstream_number(s->text + 8)) {
        s->damaged = 1;
    }

    s->crc = crc32(s->crc, s->text + 8, 4);

    if (s->headers > LLM_FRAME_HEADERS
        || total < LLM_FRAME_PRELUDE + s->headers + LLM_FRAME_CHECKSUM)
    {
        return -1;
    }

    s->payload = total - LLM_FRAME_PRELUDE - s->headers - LLM_FRAME_CHECKSUM;

    if (s->payload > LLM_FRAME_PAYLOAD) {
        return -1;
    }

    s->part = sw_name_len;
    llm_eventstream_next(s);

    return 0;
}


/* What is empty is passed over at once. */

static void
llm_eventstream_next(llm_eventstream_t *s)
{
    s->len = 0;
    s->phase = (s->headers != 0) ? sw_headers
               : (s->payload != 0) ? sw_payload : sw_checksum;
}


static void
llm_eventstream_headers(llm_eventstream_t *s, const u_char *p,
    const u_char *last)
{
    const u_char  *start;

    while (p != last) {

        switch (s->part) {

        case sw_name_len:
            s->want = *p++;
            s->len = 0;
            s->part = sw_name;
            break;

        case sw_type:
            llm_eventstream_type(s, *p++);
            break;

        case sw_size_high:
            s->want = *p++ << 8;
            s->part = sw_size_low;
            break;

        case sw_size_low:
            s->want |= *p++;
            s->part = sw_value;
            break;

        default: /* sw_name, sw_value */
            start = p;
            p = llm_eventstream_keep(s, p, last, s->want);
            s->want -= p - start;
            break;
        }

        if (s->want != 0) {
            continue;
        }

        if (s->part == sw_name) {
            llm_eventstream_name(s);

        } else if (s->part == sw_value) {
            llm_eventstream_value(s);
        }
    }
}


static void
llm_eventstream_name(llm_eventstream_t *s)
{
    s->part = sw_type;

    if (llm_is_kept(s, ":message-type")) {
        s->name = LLM_HEADER_MESSAGE_TYPE;

    } else if (llm_is_kept(s, ":event-type")) {
        s->name = LLM_HEADER_EVENT_TYPE;

    } else if (llm_is_kept(s, ":exception-type")) {
        s->name = LLM_HEADER_EXCEPTION_TYPE;

    } else {
        s->name = LLM_HEADER_OTHER;
    }
}


static void
llm_eventstream_type(llm_eventstream_t *s, u_char type)
{
    s->type = type;
    s->len = 0;

    if (type >= LLM_HEADER_TYPES) {

        /* where the next one begins cannot be known */

        s->damaged = 1;
        s->want = UINT16_MAX;
        s->part = sw_value;
        s->name = LLM_HEADER_OTHER;
        return;
    }

    s->want = llm_header_types[type].len;
    s->part = llm_header_types[type].counted ? sw_size_high : sw_value;
}


static void
llm_eventstream_value(llm_eventstream_t *s)
{
    s->part = sw_name_len;

    if (s->type != LLM_HEADER_STRING || s->event == LLM_EVENT_EXCEPTION) {
        return;
    }

    switch (s->name) {

    case LLM_HEADER_MESSAGE_TYPE:

        if (llm_is_kept(s, "exception") || llm_is_kept(s, "error")) {
            s->event = LLM_EVENT_EXCEPTION;
        }

        break;

    case LLM_HEADER_EXCEPTION_TYPE:
        s->event = LLM_EVENT_EXCEPTION;
        break;

    case LLM_HEADER_EVENT_TYPE:
        s->event = llm_is_kept(s, "chunk") ? LLM_EVENT_CHUNK
                                           : LLM_EVENT_OTHER;
        break;

    default: /* LLM_HEADER_OTHER */
        break;
    }
}


static uint32_t
llm_eventstream_number(const u_char *p)
{
    return (uint32_t) p[0] << 24 | (uint32_t) p[1] << 16
           | (uint32_t) p[2] << 8 | p[3];
}
