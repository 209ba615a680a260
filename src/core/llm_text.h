
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _LLM_TEXT_H_INCLUDED_
#define _LLM_TEXT_H_INCLUDED_


#include <sys/types.h>
#include <stdint.h>
#include <string.h>


/* The eight bytes at p as a number, in the machine's order. */

static inline uint64_t
llm_text_eight(const void *p)
{
    uint64_t  bytes;

    memcpy(&bytes, p, 8);

    return bytes;
}


/* The bit, in each of eight bytes, that is the case of a letter. */
#define LLM_TEXT_CASE  0x2020202020202020


/*
 * Writes text as the inside of a JSON string: quotes, backslashes, control
 * characters escaped, invalid UTF-8 replaced by U+FFFD, never cut inside a
 * character.  Stops where the next character would pass last.  Returns the
 * end of what was written.  Six bytes of room for each byte of text are
 * always enough.
 */
u_char *llm_text_json(u_char *p, u_char *last, const u_char *text, size_t n);

/* Copies text up to what cannot stand in a JSON string as it is; returns how
   much that is. */
size_t llm_text_plain(u_char *p, const u_char *text, size_t n);

/* How many of n bytes to keep so that most are left and no character of UTF-8
   is cut. */
size_t llm_text_cut(const u_char *text, size_t n, size_t most);

/* Copies text up to its NUL; returns the end of what was written. */
static inline u_char *
llm_text_put(u_char *p, const char *text)
{
    size_t  n;

    n = strlen(text);
    memcpy(p, text, n);

    return p + n;
}


/* Writes a decimal number of at most 20 digits; returns its end. */
u_char *llm_text_number(u_char *p, uint64_t n);

/* All numbers of two digits, one after the other. */
extern const u_char  llm_text_pairs[];

/* Writes two digits, of n below 100. */
static inline u_char *
llm_text_pair(u_char *p, unsigned n)
{
    memcpy(p, llm_text_pairs + n * 2, 2);

    return p + 2;
}


/*
 * An ID from a directive: 1..128 bytes, printable, valid UTF-8 without
 * control characters (C0, DEL, C1), no leading or trailing space.
 */
#define LLM_ID_MAX  128

int llm_text_is_id(const u_char *text, size_t n);

/*
 * Of a customer taken from a body the part that names the customer, for the
 * forms of Claude Code: "user_H_account_A_session_S" gives "user_H_account_A";
 * the JSON text {"device_id":...,"account_uuid":A,"session_id":...} gives
 * the same members without the session, as "device_D_account_A" with what is
 * there.  Other text is given back as it is.  The result points into text or
 * buf (of n bytes).
 */
const u_char *llm_text_customer(const u_char *text, size_t n, u_char *buf,
    size_t *len);


#endif /* _LLM_TEXT_H_INCLUDED_ */
