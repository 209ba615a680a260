
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _LLM_SEGMENT_H_INCLUDED_
#define _LLM_SEGMENT_H_INCLUDED_


#include "llm_line_read.h"


/*
 * The segments of a state directory, whichever zone wrote them.  A segment is
 * read while others append to it, and may be deleted at any time.  All of this
 * blocks.
 */


#define LLM_SEGMENT_NAME     80          /* bytes of a file's name */
#define LLM_SEGMENT_STEP     (256 * 1024)    /* bytes of one read */


typedef struct {
    char                     name[LLM_SEGMENT_NAME];
    uint64_t                 epoch;
    uint32_t                 number;
    int64_t                  offset;     /* of what is committed */
    int64_t                  size;       /* when it was last looked at */
    int64_t                  modified;   /* the same, seconds of the epoch */
    int64_t                  synced;     /* the size that is on the disk */
    int64_t                  passed;     /* lines before it no longer concern
                                            other zones */
    uint64_t                 grown;      /* the last look that found it so */
    unsigned                 marked:1;   /* the zone has a mark of it */
    unsigned                 news:1;     /* or should have one: it has lines
                                            that loaded meters lack */
    unsigned                 recent:1;   /* it may grow */
    unsigned                 here:1;     /* found by the last look */
    unsigned                 kept:1;     /* the store has a row of it */
} llm_segment_t;


typedef struct {
    const char              *directory;  /* ends in a slash */
    llm_segment_t           *list;       /* oldest first */
    size_t                   n;
    size_t                   allocated;
    uint64_t                 looks;
} llm_segments_t;


/* A line of a segment, and where it ends; other than 0: no more of them. */
typedef int (*llm_segment_line_pt)(void *data, const llm_entry_t *e,
    int64_t end);

typedef struct {
    uint64_t                 torn;       /* pieces that were passed over */
    llm_entry_t              entry;
    u_char                   buf[LLM_SEGMENT_STEP];
} llm_segment_reader_t;


/* Which there are, and how long they have become; -1: errno says why. */
int llm_segments_look(llm_segments_t *segments);

/* The one of a name, a new one where there is none; NULL: it is no segment's
   name, or no memory.  Those that were found before may move. */
llm_segment_t *llm_segments_find(llm_segments_t *segments, const char *name);

/* Leaves those that the last look found. */
void llm_segments_keep_here(llm_segments_t *segments);

void llm_segments_free(llm_segments_t *segments);


/*
 * Gives lines from *offset on to the handler, and moves *offset behind the
 * last one that it took; at most most bytes, but for a step, and nothing that
 * came since the look.  Returns what the handler did, or -1: errno says why.
 * Of a segment that is gone there are no lines.
 */
int llm_segment_read(const llm_segments_t *segments, const llm_segment_t *s,
    llm_segment_reader_t *reader, int64_t *offset, int64_t most,
    llm_segment_line_pt handler, void *data);

/*
 * An offset from which on all committed lines are that were settled since
 * then (ms of the epoch), provided that lines lie in the order of their
 * settlement; -1: errno says why.
 */
int64_t llm_segment_since(const llm_segments_t *segments,
    const llm_segment_t *s, llm_segment_reader_t *reader, int64_t since);

/* Puts on the disk what there was of it at the last look; -1: errno. */
int llm_segment_sync(const llm_segments_t *segments, llm_segment_t *s);

/* Whether the first is rather the one that lines are still written to.  Of a
   clock that was set the times of files are in no order: what must come out
   comes first, then what was seen to grow, then what somebody has seen so
   before. */
int llm_segment_is_later(const llm_segment_t *a, const llm_segment_t *b);


#endif /* _LLM_SEGMENT_H_INCLUDED_ */
