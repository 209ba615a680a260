
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _LLM_REPEAT_H_INCLUDED_
#define _LLM_REPEAT_H_INCLUDED_


#include <sys/types.h>
#include <stdint.h>


/*
 * The events of a stream are mostly one event over and over, with another
 * piece of text in it.  This remembers the last event that was scanned, with
 * its gaps: where it holds text, and where it holds what differs each time
 * and means nothing (a sequence number, padding).  An event that equals it
 * byte for byte outside the gaps need not be scanned: it would say what the
 * one before it said, but for the length of its text.
 *
 * That is sound whatever is in the event.  A gap of text ends where its
 * string ends, and a line end in it, which would end the framing's line, is
 * no match; so no byte outside the gaps can mean anything new.
 */

#define LLM_REPEAT_EVENT  640    /* longer events are not remembered */
#define LLM_REPEAT_GAPS   4


typedef enum {
    LLM_REPEAT_STRING = 0,
    LLM_REPEAT_NUMBER
} llm_repeat_gap_e;


typedef struct {
    uint16_t                 start;      /* in the event */
    uint16_t                 end;
    uint8_t                  type;
    uint8_t                  text;       /* the caller's, which text it is */
} llm_repeat_gap_t;


typedef struct {
    uint16_t                 len;        /* 0: nothing to compare with */
    uint8_t                  gaps;
    uint8_t                  refused;
    llm_repeat_gap_t         gap[LLM_REPEAT_GAPS];
    u_char                   event[LLM_REPEAT_EVENT + 16];
} llm_repeat_t;


/* Forgets the event, before another one is scanned. */
void llm_repeat_clear(llm_repeat_t *r);

/* A gap of the event being scanned, as offsets in what was scanned; those of
   a string include its quotes. */
void llm_repeat_gap(llm_repeat_t *r, llm_repeat_gap_e type, uint8_t text,
    uint64_t start, uint64_t end);

/* The event being scanned is not to be remembered. */
#define llm_repeat_refuse(r)  (r)->refused = 1

/* The event is scanned, lies from p to last, and its offset 0 was at data. */
void llm_repeat_learn(llm_repeat_t *r, const u_char *p, const u_char *data,
    const u_char *last);

/*
 * Passes over the events from p on that repeat the remembered one and are all
 * there; the lengths of their texts are added to bytes[].
 */
const u_char *llm_repeat_skip(const llm_repeat_t *r, const u_char *p,
    const u_char *last, uint64_t *bytes);


#endif /* _LLM_REPEAT_H_INCLUDED_ */
