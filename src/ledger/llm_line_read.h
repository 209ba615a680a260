
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _LLM_LINE_READ_H_INCLUDED_
#define _LLM_LINE_READ_H_INCLUDED_


#include <sys/types.h>
#include <stdint.h>

#include "llm_line_fact.h"


/*
 * Lines as they are read back from a segment, whoever wrote them: a torn one
 * loses itself and never hides the next.
 */


typedef enum {
    LLM_ENTRY_INPUT = 0,
    LLM_ENTRY_OUTPUT,
    LLM_ENTRY_CACHED,
    LLM_ENTRY_CACHE_WRITE,
    LLM_ENTRY_REASONING,
    LLM_ENTRY_STATUS,
    LLM_ENTRY_REQUESTS,
    LLM_ENTRY_COUNTED,           /* input, toward the limits of a minute */

    /* of what is pending: what is expected of it */
    LLM_ENTRY_TIER,              /* llm_tier_e, asked for */
    LLM_ENTRY_EXPECTED_INPUT,
    LLM_ENTRY_EXPECTED_OUTPUT,
    LLM_ENTRY_COUNTS
} llm_entry_count_e;


typedef enum {
    LLM_ENTRY_TYPE = 0,
    LLM_ENTRY_ID,
    LLM_ENTRY_STARTED,
    LLM_ENTRY_TIMESTAMP,
    LLM_ENTRY_TEAM,
    LLM_ENTRY_USER,
    LLM_ENTRY_CUSTOMER,
    LLM_ENTRY_KEY,
    LLM_ENTRY_MODEL,
    LLM_ENTRY_NAMES,

    LLM_ENTRY_SOURCE = LLM_ENTRY_NAMES,
    LLM_ENTRY_PRICE,
    LLM_ENTRY_SUBJECT,       /* of a reset: the type of whose meters */
    LLM_ENTRY_MADE,
    LLM_ENTRY_REASON,
    LLM_ENTRY_WHO,
    LLM_ENTRY_WHO_KEY,
    LLM_ENTRY_ADDRESS,
    LLM_ENTRY_REQUEST,
    LLM_ENTRY_UPSTREAM,
    LLM_ENTRY_RESPONSE_MODEL,
    LLM_ENTRY_PENDING,       /* id of an answer made in the background */
    LLM_ENTRY_TEXTS
} llm_entry_text_e;


/* What a line says; of members that it lacks nothing, and of usage one
   request. */

typedef struct {
    uint64_t                 epoch;
    uint64_t                 number;
    int64_t                  started;        /* ms of the epoch */
    int64_t                  timestamp;      /* ms of the epoch */
    int64_t                  cost;           /* nano-dollars */
    int64_t                  expected_cost;  /* likewise, of what is pending */
    int64_t                  count[LLM_ENTRY_COUNTS];
    llm_line_text_t          text[LLM_ENTRY_TEXTS];     /* without escapes,
                                                           in buf */
    llm_line_text_t          labels;         /* a JSON object as it stands in
                                                the line, or empty */
    llm_line_label_t         label[LLM_LINE_LABELS];    /* of it, without
                                                           escapes, in buf */
    unsigned                 nlabels;
    llm_line_text_t          tag[LLM_LINE_TAGS];        /* likewise */
    unsigned                 ntags;
    llm_line_text_t          line;           /* all of it, but its newline,
                                                which follows; as it was read,
                                                not in buf */

    /* of these none or one is set, and then what it says is to be added; the
       amounts of a correction and a reset may be negative */
    unsigned                 usage:1;
    unsigned                 correction:1;
    unsigned                 reset:1;

    unsigned                 pending:1;      /* usage that is still to come */
    unsigned                 stream:1;

    unsigned                 nperiods;       /* of a reset */
    llm_line_period_t        periods[LLM_FACT_PERIODS];

    size_t                   used;           /* of buf */
    u_char                   buf[LLM_LINE_MAX];
} llm_entry_t;


typedef enum {
    LLM_LINE_AGAIN = 0,      /* no whole line is left */
    LLM_LINE_OK,
    LLM_LINE_TORN            /* bytes that are no line were passed over */
} llm_line_status_e;

/*
 * Reads the line at *p, which it moves behind what was read.  AGAIN leaves *p
 * where the line begins that is not whole yet.
 */
llm_line_status_e llm_line_read(const u_char **p, const u_char *last,
    llm_entry_t *e);


/* Part of that, in llm_line_label.c: reads the entry's object of labels, up to
   what is none; names are not too long, values are not, nor empty. */
void llm_line_read_labels(llm_entry_t *e);


/* Reads what llm_line_time() writes, into ms of the epoch; 0, or -1 where it
   is no time. */
int llm_line_read_time(const u_char *p, size_t n, int64_t *ms);


#endif /* _LLM_LINE_READ_H_INCLUDED_ */
