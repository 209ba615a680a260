
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _LLM_CODING_H_INCLUDED_
#define _LLM_CODING_H_INCLUDED_


#include <sys/types.h>
#include <stdint.h>

#include <zlib.h>


/*
 * Content codings (RFC 9110, section 8.4): which one a message has, which ones
 * an upstream may be asked for, and an inflater for gzip (RFC 1952) and
 * deflate, as zlib wraps it (RFC 1950) or raw (RFC 1951).  Brotli, zstd and
 * one coding over another are not read.
 */

typedef enum {
    LLM_CODING_IDENTITY = 0,
    LLM_CODING_GZIP,
    LLM_CODING_DEFLATE,
    LLM_CODING_OTHER            /* cannot be read */
} llm_coding_e;


/* What a message is coded in that has one more Content-Encoding with this
   value, a list; it begins with LLM_CODING_IDENTITY. */
llm_coding_e llm_coding_add(llm_coding_e coding, const u_char *value,
    size_t n);


/*
 * What a client accepts of the codings that are read here, as weights in
 * thousandths; -1: it does not name them.
 */

typedef struct {
    int                      gzip;
    int                      deflate;
    int                      identity;
    int                      other;      /* of "*" */
} llm_coding_accept_t;

void llm_coding_accept_init(llm_coding_accept_t *a);

/* One more Accept-Encoding, a list.  Of a coding that is named twice the first
   one holds, and what is no weight makes no element. */
void llm_coding_accept_add(llm_coding_accept_t *a, const u_char *value,
    size_t n);

/*
 * Writes the Accept-Encoding that asks for no more than the client does, and
 * for nothing that cannot be read here; "identity" where nothing else is left,
 * and where nothing was added.  p has LLM_CODING_ACCEPT bytes, one more than is
 * ever written; returns the end.
 */
#define LLM_CODING_ACCEPT  sizeof("gzip;q=0.123, deflate;q=0.123, "           \
                                  "identity;q=0.123")

u_char *llm_coding_accept_print(const llm_coding_accept_t *a, u_char *p);


/*
 * The inflater.
 *
 * Deflate makes up to 1032 bytes of one, so a few kilobytes may hold hours of
 * work.  Nothing is ever kept of what is inflated but zlib's own 40 KB; what
 * is bounded is the time that an answer or a body takes from everybody else:
 *
 *   a piece of n bytes gives at most LLM_CODING_FREE + LLM_CODING_RATIO * n,
 *   all pieces together at most LLM_CODING_FREE + LLM_CODING_RATIO * their
 *   sum, and at most what the caller says.
 *
 * JSON shrinks to a fifth, an event stream to a fiftieth; an answer that is one
 * word over and over, and so shrinks to almost nothing, is shorter than
 * LLM_CODING_FREE: a model makes no more in one answer.  Where pieces are
 * buffers of nginx, of up to 64 KB, none takes longer than inflating and
 * scanning 12 MB, some milliseconds.
 */

#define LLM_CODING_FREE   (4 * 1024 * 1024)
#define LLM_CODING_RATIO  128


/* Takes what is inflated, in order.  p is of use until it returns. */
typedef void (*llm_coding_pt)(void *data, const u_char *p, size_t n);


typedef enum {
    LLM_CODING_MORE = 0,        /* the end has not come */
    LLM_CODING_DONE,            /* it has, and the checksum is right */
    LLM_CODING_PLAIN,           /* not gzip: handed on as it is */

    /* of these nothing more is handed on */
    LLM_CODING_BROKEN,
    LLM_CODING_TOO_LARGE,
    LLM_CODING_NO_MEMORY
} llm_coding_state_e;


typedef struct {
    z_stream                 stream;
    llm_coding_state_e       state;
    llm_coding_e             coding;

    uint64_t                 most;       /* bytes in all */
    uint64_t                 in;
    uint64_t                 out;
    uint64_t                 left;       /* that this piece may still give */

    llm_coding_pt            handler;
    void                    *data;

    u_char                   head[2];    /* of a member */
    uint8_t                  nhead;

    unsigned                 strict:1;
    unsigned                 open:1;     /* zlib holds memory */
    unsigned                 inside:1;   /* a member */
    unsigned                 over:1;     /* what follows is not looked at */
} llm_coding_t;


/*
 * coding is LLM_CODING_GZIP or LLM_CODING_DEFLATE; what begins as gzip is read
 * as such under both.  zlib takes its memory, about 7 KB at the first bytes
 * and 32 KB when there is output, from alloc() and gives it back by
 * release(), which are passed opaque.
 *
 * Answers are read as browsers do it: deflate may be raw, gzip may be one
 * member after the other, what is no member but follows one is passed over,
 * and what says that it is gzip and is not is handed on as it is.  strict is
 * for what others must read alike: one member of gzip and nothing else.
 */
void llm_coding_init(llm_coding_t *c, llm_coding_e coding, int strict,
    uint64_t most, llm_coding_pt handler, void *data);
void llm_coding_set_memory(llm_coding_t *c, alloc_func alloc,
    free_func release, void *opaque);

/*
 * Inflates a further piece, of any size.  The window that is handed on is one
 * for all inflaters: a handler must not feed another one.
 */
llm_coding_state_e llm_coding_feed(llm_coding_t *c, const u_char *p, size_t n);

/* Gives zlib's memory back; may be called twice.  What is fed afterwards is
   not looked at. */
void llm_coding_close(llm_coding_t *c);


#endif /* _LLM_CODING_H_INCLUDED_ */
