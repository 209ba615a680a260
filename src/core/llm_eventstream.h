
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _LLM_EVENTSTREAM_H_INCLUDED_
#define _LLM_EVENTSTREAM_H_INCLUDED_


#include <sys/types.h>
#include <stdint.h>


/*
 * The framing of application/vnd.amazon.eventstream, as Smithy's event stream
 * specification describes it; all numbers are big endian:
 *
 *     4  length of the whole frame
 *     4  length of the headers
 *     4  CRC32 of the 8 bytes before
 *        headers: a byte, so long a name, a byte for the type, the value
 *        payload
 *     4  CRC32 of all before
 *
 * It is read in pieces of any size, in constant memory, and nothing of it is
 * copied but what a few short headers say.
 */

#define LLM_EVENTSTREAM_TEXT  16    /* bytes of what is kept of a header */


/* What the headers say of the payload that follows. */

typedef enum {
    LLM_EVENT_UNNAMED = 0,  /* no :event-type */
    LLM_EVENT_CHUNK,        /* of a vendor's body, in base64 */
    LLM_EVENT_OTHER,
    LLM_EVENT_EXCEPTION     /* the :message-type is exception or error */
} llm_event_e;


typedef struct {
    uint32_t                 crc;        /* of the frame so far */
    uint32_t                 headers;    /* bytes still to come */
    uint32_t                 payload;
    uint16_t                 want;       /* of a name or value */
    uint8_t                  phase;
    uint8_t                  part;       /* of a header */
    uint8_t                  name;
    uint8_t                  type;       /* of the value */
    uint8_t                  len;        /* of text */
    u_char                   text[LLM_EVENTSTREAM_TEXT];

    llm_event_e              event;
    unsigned                 damaged:1;  /* a checksum is wrong, or the
                                            headers are not what they should
                                            be: of this frame */
} llm_eventstream_t;


typedef enum {
    LLM_EVENTSTREAM_MORE = 0,    /* all bytes are taken */
    LLM_EVENTSTREAM_DATA,        /* a piece of the payload; event is known */
    LLM_EVENTSTREAM_END,         /* the frame is complete */
    LLM_EVENTSTREAM_INVALID      /* no frame can be so long: final */
} llm_eventstream_token_e;


void llm_eventstream_init(llm_eventstream_t *s);

/*
 * Reads up to the next token and moves *p behind it; a piece of the payload
 * lies from *data on.  A frame that is damaged is read all the same, which its
 * end says; what cannot be is a length that no service sends.
 */
llm_eventstream_token_e llm_eventstream_read(llm_eventstream_t *s,
    const u_char **p, const u_char *last, const u_char **data, size_t *len);

/* Whether the next byte begins a frame. */
int llm_eventstream_is_between(const llm_eventstream_t *s);


#endif /* _LLM_EVENTSTREAM_H_INCLUDED_ */
