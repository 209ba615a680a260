
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _LLM_CARRIER_H_INCLUDED_
#define _LLM_CARRIER_H_INCLUDED_


#include "llm_carry.h"
#include "llm_noted.h"


/*
 * Carries the ledger into the store: what has grown of any segment is read,
 * added up and committed with the new offsets, exactly once, whoever else
 * does the same.  Blocks: it runs in one thread at a time, and knows nothing
 * of the zone.
 *
 * A line of another zone's epoch concerns the zone, too: those come out, with
 * where each of them ends.
 */


#define LLM_CARRIER_BYTES    (4 * 1024 * 1024)   /* of the ledger in one run */
#define LLM_CARRIER_LINES    4096                /* that come out of a run */
#define LLM_CARRIER_MARKS    64
#define LLM_CARRIER_ERROR    1024


/* A position in the ledger of another zone. */

typedef struct {
    uint64_t                 epoch;
    uint32_t                 number;
    uint32_t                 unused;
    int64_t                  offset;
} llm_carrier_mark_t;


typedef struct {
    int64_t                  started;    /* ms of the epoch */
    int64_t                  timestamp;  /* ms of the epoch */
    int64_t                  requests;
    int64_t                  input;      /* tokens */
    int64_t                  counted;    /* input, toward limits of a minute */
    int64_t                  output;
    int64_t                  cost;       /* nano-dollars */
    llm_line_text_t          text[LLM_ENTRY_NAMES];
    llm_line_text_t          tag[LLM_LINE_TAGS];
    unsigned                 ntags;
    llm_carrier_mark_t       end;        /* behind it */
    unsigned                 correction:1;
    unsigned                 reset:1;

    /* of a reset */
    int                      subject;    /* its type, or -1: one of which
                                            nothing is known here */
    unsigned                 nperiods;
    const llm_line_period_t *periods;
} llm_carrier_line_t;


typedef struct llm_carrier_s  llm_carrier_t;

typedef struct {
    const char              *directory;  /* ends in a slash */
    uint64_t                 epoch;      /* of the zone */
    int                      sync;       /* segments to the disk before what
                                            they say is committed */
    llm_carry_conf_t         carry;
} llm_carrier_conf_t;


/* What a run is told, and what it tells. */

typedef struct {
    /*
     * Lines of other zones that end after these marks come out, of a segment
     * without one all of them: of the LLM_CARRIER_MARKS segments that were
     * written to last.  Of others nothing does that was in them before they
     * came to be among these.
     */
    const llm_carrier_mark_t  *marks;
    unsigned                   nmarks;
    unsigned                   foreign:1;

    /*
     * The zone's meters are loaded; others says what they have of segments
     * without a mark: llm_carrier_others() of the run before.
     */
    unsigned                   loaded:1;
    uint64_t                   others;

    /* of these only what was settled since then (ms of the epoch), 0: all */
    int64_t                    since;

    unsigned                   damaged:1;    /* somebody has found the store
                                                damaged: it is opened again */

    llm_store_status_e         status;
    char                       error[LLM_CARRIER_ERROR];
    char                       note[LLM_CARRIER_ERROR]; /* worth a line in the
                                                           log, or empty */

    unsigned                   grave:1;  /* the note tells of damage */

    /* there is more to carry, and more lines to come out: run again at once */
    unsigned                   more:1;
    unsigned                   more_lines:1;

    /* lines of segments without a mark had been carried that do not come out,
       and are in no meter that was loaded until now */
    unsigned                   missed:1;

    uint64_t                   carried;  /* lines */
    uint64_t                   torn;     /* pieces that were passed over */

    const llm_carrier_line_t  *lines;    /* until the next run */
    size_t                     nlines;

    /* likewise: what was committed, with the totals that came of it; NULL:
       nothing was */
    const llm_store_commit_t  *commit;

    llm_noted_t                noted;    /* of what was committed */

    /* somebody else has carried lines that this carrier had not: nobody may
       have looked at the totals that came of them */
    unsigned                   overtaken:1;
} llm_carrier_run_t;


/* NULL without memory; conf is copied, its directory borrowed. */
llm_carrier_t *llm_carrier_create(const llm_carrier_conf_t *conf);
void llm_carrier_destroy(llm_carrier_t *c);

/* Between two runs: what is kept from now on. */
void llm_carrier_keep(llm_carrier_t *c, const llm_kept_t *kept);

void llm_carrier_run(llm_carrier_t *c, llm_carrier_run_t *run);

/* Where, after the last run, ends what is committed of other zones' segments:
   of the LLM_CARRIER_MARKS that were written to last, in the order of their
   names; returns how many. */
unsigned llm_carrier_marks(const llm_carrier_t *c, llm_carrier_mark_t *marks);

/* And llm_mark_sum() of what is committed of all others of other zones. */
uint64_t llm_carrier_others(const llm_carrier_t *c);

/* The store that it opened: for what else the leader asks of it, in the same
   thread. */
llm_store_t *llm_carrier_store(llm_carrier_t *c);


#endif /* _LLM_CARRIER_H_INCLUDED_ */
