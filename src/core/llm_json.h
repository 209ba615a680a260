
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _LLM_JSON_H_INCLUDED_
#define _LLM_JSON_H_INCLUDED_


#include <sys/types.h>
#include <stdint.h>


/*
 * An incremental JSON scanner.  It is fed the bytes of one document in pieces
 * of any size, holds constant memory (this struct), never recurses and never
 * looks back.  What it reports is chosen by a static tree of keys; whatever
 * is not on a path of that tree is skipped by bracket counting, 64 bytes at
 * a time where the processor has SSE2.
 *
 * The scanner is lenient inside what it skips (brackets must balance in
 * number, not in kind; literals there are not checked) and strict on the
 * paths that it follows.
 */


#define LLM_JSON_DEPTH   12    /* levels on which paths are followed */
#define LLM_JSON_KEY     64    /* of a tree at most; longer never match */
#define LLM_JSON_TEXT    256   /* a scalar is delivered in pieces of this */

#define LLM_JSON_SPAN    0x8000  /* or'ed to a node's field: a string is not
                                    read but skipped, and reported once, at
                                    its end, without text */


typedef enum {
    LLM_JSON_NULL = 0,
    LLM_JSON_FALSE,
    LLM_JSON_TRUE,
    LLM_JSON_NUMBER,
    LLM_JSON_STRING,
    LLM_JSON_OBJECT,
    LLM_JSON_ARRAY
} llm_json_type_e;


typedef struct llm_json_node_s  llm_json_node_t;

/*
 * One key of the tree, made by LLM_JSON_NODE().  Children are ended by
 * LLM_JSON_END.  The key "*" stands for every element of an array.  An object
 * where an array was meant (or the reverse) matches no child.  For one root,
 * several documents' shapes are simply merged in one tree.  Children are
 * compared in their order, so what is there most often stands first.
 */

struct llm_json_node_s {
    const char              *key;
    const llm_json_node_t   *children;   /* NULL: a leaf */
    uint16_t                 field;      /* the caller's name, 0: not reported,
                                            only followed */
    uint16_t                 len;        /* of the key; of "*", and of the
                                            end, LLM_JSON_ELEMENT */
    uint64_t                 head;       /* its first eight bytes as they lie
                                            in memory, zeros behind its end */
};


#define LLM_JSON_ELEMENT  0xffff         /* what no key has */

#define LLM_JSON_NODE(key, children, field)                                   \
    { key, children, field,                                                   \
      (key "")[0] == '*' ? LLM_JSON_ELEMENT : sizeof(key) - 1,                \
      llm_json_byte(key, 0) | llm_json_byte(key, 1) | llm_json_byte(key, 2)   \
      | llm_json_byte(key, 3) | llm_json_byte(key, 4) | llm_json_byte(key, 5) \
      | llm_json_byte(key, 6) | llm_json_byte(key, 7) }

#define LLM_JSON_END  { NULL, NULL, 0, LLM_JSON_ELEMENT, 0 }

#define llm_json_byte(key, n)                                                 \
    ((uint64_t) (u_char) (key "\0\0\0\0\0\0\0")[n] << llm_json_shift(n))

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define llm_json_shift(n)  (8 * (n))
#else
#define llm_json_shift(n)  (56 - 8 * (n))
#endif


typedef struct {
    llm_json_type_e          type;
    uint16_t                 field;      /* of the node, less LLM_JSON_SPAN */
    uint8_t                  depth;      /* 0: the root itself */
    uint8_t                  close;      /* OBJECT, ARRAY: its end; they are
                                            reported at start and end */
    uint8_t                  empty;      /* ... its end, and there was nothing
                                            in it (only where paths are
                                            followed into it) */
    uint8_t                  more;       /* STRING, NUMBER: another piece of
                                            the same value follows */
    uint8_t                  variant;    /* the key differs from the node's
                                            in the case of letters; children
                                            are not followed, and object,
                                            array are reported once, at
                                            start (only with
                                            LLM_JSON_VARIANTS) */

    /* STRING: unescaped, lone surrogates as U+FFFD, otherwise raw bytes;
       NUMBER: as written; valid during the call only */
    const u_char            *text;
    size_t                   len;

    /* offsets in the document: of the value's first byte and, when it is
       complete (not more, or close), of the byte after it */
    uint64_t                 start;
    uint64_t                 end;
} llm_json_value_t;


typedef void (*llm_json_handler_pt)(void *data, const llm_json_value_t *v);


typedef enum {
    LLM_JSON_MORE = 0,      /* the document goes on */
    LLM_JSON_DONE,          /* the root value is closed */
    LLM_JSON_INVALID        /* not JSON: final, nothing is reported any more */
} llm_json_state_e;


#define LLM_JSON_VARIANTS    0x1   /* report keys that differ only in case */
#define LLM_JSON_SEQUENCE    0x2   /* a top-level array's elements are
                                      documents of their own: the tree applies
                                      to each (Gemini's array streaming) */


typedef struct {
    const llm_json_node_t   *root;
    llm_json_handler_pt      handler;
    void                    *data;
    unsigned                 flags;

    llm_json_state_e         state;
    uint64_t                 offset;     /* bytes consumed so far */

    /* what follows is the scanner's own */

    uint64_t                 base;       /* to be added to an address in the
                                            piece being fed: its offset */
    const llm_json_node_t   *current;    /* of the value to come or being
                                            read, NULL: of no interest */
    const llm_json_node_t   *guess;      /* of the key to come: members mostly
                                            have the order of the tree */
    uint64_t                 skip;       /* brackets open in what is skipped */

    uint32_t                 unicode;
    uint32_t                 surrogate;
    uint16_t                 len;        /* of text */
    uint8_t                  depth;      /* levels followed */
    uint8_t                  phase;
    uint8_t                  number;
    uint8_t                  escape;
    uint8_t                  bom;        /* bytes of it */
    uint8_t                  key;        /* text is a key */
    uint8_t                  sequence;   /* in the array of documents */
    llm_json_value_t         value;      /* being read: what is known of it
                                            is written here at once */

    /* llm_json_init() does not touch what follows */

    u_char                   closer[LLM_JSON_DEPTH + 1];   /* of a level */
    const llm_json_node_t   *node[LLM_JSON_DEPTH + 1];
    uint64_t                 opened[LLM_JSON_DEPTH + 1];
    u_char                   text[LLM_JSON_TEXT];
} llm_json_t;


/* The tree and data are borrowed for the scanner's life. */
void llm_json_init(llm_json_t *j, const llm_json_node_t *root,
    llm_json_handler_pt handler, void *data, unsigned flags);

/*
 * Consumes bytes of the document and calls the handler for what is complete.
 * Returns how many bytes were taken: all of them unless the state left MORE,
 * in which case the rest lies after the document (or after the error).
 * White space and one BOM before the root are taken silently.
 */
size_t llm_json_feed(llm_json_t *j, const u_char *p, size_t n);


/*
 * Reads a token count as the usage rules say: optional fraction and exponent
 * are accepted and truncated, a string of 1..16 digits too.  Returns 0 and
 * sets *n; or -1 where the value is no number (null, bool, ...), -2 where it
 * is negative (*n = 0), -3 where it is over 2^53 or not finite.
 */
int llm_json_count(const llm_json_value_t *v, int64_t *n);


#endif /* _LLM_JSON_H_INCLUDED_ */
