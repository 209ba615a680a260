
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _FRAMES_H_INCLUDED_
#define _FRAMES_H_INCLUDED_


#include <stdint.h>
#include <string.h>

#include <zlib.h>


/* Frames of Amazon's event stream are put one behind the other. */

#define FRAMES  8192

typedef struct {
    size_t                   len;
    unsigned char            data[FRAMES];
} frames_t;


static size_t
put_number(unsigned char *p, uint32_t n)
{
    p[0] = n >> 24;
    p[1] = n >> 16;
    p[2] = n >> 8;
    p[3] = n;

    return 4;
}


static size_t
put_header(unsigned char *p, const char *name, const char *value)
{
    size_t  n;

    n = 0;
    p[n++] = strlen(name);
    memcpy(p + n, name, strlen(name));
    n += strlen(name);

    p[n++] = 7;
    p[n++] = strlen(value) >> 8;
    p[n++] = strlen(value);
    memcpy(p + n, value, strlen(value));

    return n + strlen(value);
}


static void
put_frame(frames_t *f, const void *headers, size_t nheaders,
    const char *payload)
{
    size_t          n, total;
    unsigned char  *p;

    total = 12 + nheaders + strlen(payload) + 4;
    p = f->data + f->len;

    n = put_number(p, total);
    n += put_number(p + n, nheaders);
    n += put_number(p + n, crc32(0, p, 8));

    memcpy(p + n, headers, nheaders);
    n += nheaders;
    memcpy(p + n, payload, strlen(payload));
    n += strlen(payload);

    put_number(p + n, crc32(0, p, n));

    f->len += total;
}


/* As Bedrock sends it. */

__attribute__((unused)) static void
put_event(frames_t *f, const char *event, const char *payload)
{
    size_t         n;
    unsigned char  headers[256];

    n = put_header(headers, ":event-type", event);
    n += put_header(headers + n, ":content-type", "application/json");
    n += put_header(headers + n, ":message-type", "event");

    put_frame(f, headers, n, payload);
}


__attribute__((unused)) static void
put_exception(frames_t *f, const char *exception)
{
    size_t         n;
    unsigned char  headers[256];

    n = put_header(headers, ":exception-type", exception);
    n += put_header(headers + n, ":message-type", "exception");

    put_frame(f, headers, n, "{\"message\":\"usage\","
              "\"usage\":{\"inputTokens\":999}}");
}


/* A vendor's event. */

__attribute__((unused)) static void
put_chunk(frames_t *f, const char *document)
{
    char                  payload[FRAMES];
    size_t                i, n, len;
    uint32_t              bits;
    const unsigned char  *p;

    static const char  digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "abcdefghijklmnopqrstuvwxyz0123456789+/";

    p = (const unsigned char *) document;
    len = strlen(document);

    strcpy(payload, "{\"bytes\":\"");
    n = strlen(payload);

    for (i = 0; i < len; i += 3) {
        bits = p[i] << 16 | (i + 1 < len ? p[i + 1] << 8 : 0)
               | (i + 2 < len ? p[i + 2] : 0);

        payload[n++] = digits[bits >> 18];
        payload[n++] = digits[bits >> 12 & 63];
        payload[n++] = (i + 1 < len) ? digits[bits >> 6 & 63] : '=';
        payload[n++] = (i + 2 < len) ? digits[bits & 63] : '=';
    }

    strcpy(payload + n, "\",\"p\":\"abcd\"}");

    put_event(f, "chunk", payload);
}


#endif /* _FRAMES_H_INCLUDED_ */
