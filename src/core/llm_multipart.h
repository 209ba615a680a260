
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _LLM_MULTIPART_H_INCLUDED_
#define _LLM_MULTIPART_H_INCLUDED_


#include <sys/types.h>
#include <stdint.h>


/*
 * An incremental scanner of multipart/form-data (RFC 7578, RFC 2046).  It is
 * fed the bytes of one form in pieces of any size and holds constant memory;
 * it never looks back, and files are skipped line by line with memchr().
 *
 * Where servers are known to read a form in different ways it is invalid: a
 * line of the form's structure that ends without CR, a boundary with anything
 * but blanks behind it, a part without its name or with two of them, a field
 * in another transfer encoding, another part after the last.
 */

#define LLM_MULTIPART_BOUNDARY  70     /* RFC 2046 */
#define LLM_MULTIPART_NAME      64     /* longer ones are of no interest */
#define LLM_MULTIPART_LINE      4096   /* of a part's header, unfolded */


typedef struct {
    const u_char            *name;     /* quoted pairs resolved; not ended
                                          by a NUL */
    size_t                   name_len; /* 0: longer than the limit */
    const u_char            *text;     /* of a field, the next piece */
    size_t                   len;

    unsigned                 begin:1;  /* the part's first report, without
                                          text */
    unsigned                 end:1;    /* its last, without text */
    unsigned                 file:1;   /* has a filename: no text comes */
    unsigned                 escaped:1;   /* the name had a quoted pair, which
                                             not all servers resolve */
} llm_multipart_part_t;


typedef void (*llm_multipart_handler_pt)(void *data,
    const llm_multipart_part_t *part);


typedef struct {
    llm_multipart_handler_pt handler;
    void                    *data;

    size_t                   size;     /* of delimiter */
    size_t                   match;    /* bytes of it seen */
    size_t                   len;      /* of line */
    size_t                   name_len;

    uint8_t                  phase;
    uint8_t                  place;
    unsigned                 cr:1;     /* held back: it may belong to the
                                          delimiter */
    unsigned                 fresh:1;  /* nothing of the content yet: the line
                                          feed of delimiter was its header's */
    unsigned                 named:1;  /* of the part: its name is known */
    unsigned                 file:1;
    unsigned                 escaped:1;
    unsigned                 coded:1;

    u_char                   delimiter[3 + LLM_MULTIPART_BOUNDARY];
    u_char                   name[LLM_MULTIPART_NAME];
    u_char                   line[LLM_MULTIPART_LINE];
} llm_multipart_t;


/*
 * By the request's Content-Type.  handler and data are borrowed.  Returns 0;
 * -1 where it is not multipart/form-data; -2 where it is, and has no boundary
 * or none that all servers understand alike.
 */
int llm_multipart_init(llm_multipart_t *m, const u_char *type, size_t len,
    llm_multipart_handler_pt handler, void *data);

/* Consumes a piece of the form; after an error it does nothing. */
void llm_multipart_feed(llm_multipart_t *m, const u_char *p, size_t n);

/* Whether what was fed is a whole form. */
int llm_multipart_is_whole(const llm_multipart_t *m);


#endif /* _LLM_MULTIPART_H_INCLUDED_ */
