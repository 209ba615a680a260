
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _LLM_LINE_H_INCLUDED_
#define _LLM_LINE_H_INCLUDED_


#include <sys/types.h>
#include <stdint.h>

#include "llm_usage.h"


/*
 * A line of the ledger: what a settled request was charged, to whom.  A line
 * begins with {"type":" and these bytes occur nowhere else in it, so that a
 * reader finds the next line after a torn one.
 */

typedef struct {
    size_t                   len;
    const u_char            *data;
} llm_line_text_t;


/* Attribution: what a request is said to be of. */

#define LLM_LINE_LABELS      8           /* of a line */
#define LLM_LINE_LABEL_NAME  64          /* bytes */
#define LLM_LINE_LABEL_VALUE 256         /* bytes */

typedef struct {
    llm_line_text_t          name;
    llm_line_text_t          value;
} llm_line_label_t;


/* Those of them that are limited: what is charged counts toward each. */

#define LLM_LINE_TAGS        LLM_LINE_LABELS
#define LLM_LINE_TAG         128         /* bytes */


/* What a line says of an answer that is made in the background: the line of
   the request that asks for it, what is expected; that which charges it, its
   id alone. */

typedef struct {
    llm_line_text_t          id;             /* empty: there is none */
    unsigned                 tier;           /* llm_tier_e, asked for */
    int64_t                  input;          /* tokens */
    int64_t                  output;         /* tokens */
    int64_t                  cost;           /* nano-dollars */
    unsigned                 expected:1;     /* the last four are told */
} llm_line_pending_t;


typedef struct {
    uint64_t                 epoch;
    uint64_t                 number;
    uint64_t                 of;             /* the number of the line whose
                                                request this is a charge of, 0:
                                                of its own */
    uint64_t                 of_epoch;       /* and its epoch; 0: the same */
    int64_t                  started;        /* ms of the epoch */
    int64_t                  timestamp;      /* ms of the epoch, settlement */
    int64_t                  duration;       /* ms */

    llm_line_text_t          request_id;
    llm_line_text_t          upstream_id;
    llm_line_text_t          team;
    llm_line_text_t          user;
    llm_line_text_t          customer;
    llm_line_text_t          key;
    llm_line_text_t          model;
    llm_line_text_t          response_model;
    llm_line_text_t          price_id;
    llm_line_text_t          labels;         /* as llm_line_labels() has
                                                written them */

    llm_line_text_t          tags[LLM_LINE_TAGS];    /* told where there are
                                                        some */
    unsigned                 ntags;

    llm_line_pending_t       pending;

    const llm_usage_t       *usage;
    int64_t                  cost;           /* nano-dollars */
    unsigned                 status;
    const char              *source;         /* "upstream", "estimated",
                                                "pending", "none",
                                                "aggregate" */
    int64_t                  requests;       /* told where it is not one */
    int64_t                  counted;        /* input tokens that limits of a
                                                minute count; told where it
                                                is not all but the cached */
    unsigned                 stream:1;
} llm_line_t;


/* Text of this length in all fits in a line without being cut. */
#define LLM_LINE_TEXT        1600

/* Labels as they stand in a line are never longer. */
#define LLM_LINE_LABELS_MAX                                                   \
    (LLM_LINE_LABELS * ((LLM_LINE_LABEL_NAME + LLM_LINE_LABEL_VALUE) * 6 + 6))

/* Nor are tags. */
#define LLM_LINE_TAGS_MAX    (LLM_LINE_TAGS * (LLM_LINE_TAG * 6 + 3))

/* An id of an answer in the background is never longer; bytes. */
#define LLM_LINE_PENDING_ID  128

/* No line is longer. */
#define LLM_LINE_MAX                                                          \
    ((LLM_LINE_TEXT + LLM_LINE_PENDING_ID) * 6 + LLM_LINE_LABELS_MAX          \
     + LLM_LINE_TAGS_MAX + 1280)

/* Writes the line with its newline at p, which has LLM_LINE_MAX bytes;
   returns its end. */
u_char *llm_line_print(u_char *p, const llm_line_t *line);

/*
 * Writes n labels, at most LLM_LINE_LABELS, as the inside of a line's object,
 * at p, which has LLM_LINE_LABELS_MAX bytes; returns its end.  Those without a
 * value are left out, longer values are cut between two characters.
 */
u_char *llm_line_labels(u_char *p, const llm_line_label_t *labels,
    unsigned n);

/* How all lines begin, and nothing else in one. */
#define LLM_LINE_MARK        "{\"type\":\""

/* What follows the type in all lines of an epoch, and only there; the number
   and a quote follow it. */
#define LLM_LINE_START       40

u_char *llm_line_start(u_char *p, uint64_t epoch);

/* The id of a line: 16 hex digits of the epoch, a hyphen, the number. */
#define LLM_LINE_ID          37

u_char *llm_line_id(u_char *p, uint64_t epoch, uint64_t number);

/* What usage-20260401T123005Z-0123456789abcdef-0000.jsonl says; 0, or -1 where
   it is no segment's name. */
int llm_line_segment(const u_char *name, size_t len, uint64_t *epoch,
    uint32_t *number);

/* "2026-04-01T12:30:05.123Z", 24 bytes, of ms of the epoch. */
#define LLM_LINE_TIME        24

u_char *llm_line_time(u_char *p, int64_t ms);


#endif /* _LLM_LINE_H_INCLUDED_ */
