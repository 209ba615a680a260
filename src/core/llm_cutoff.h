
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _LLM_CUTOFF_H_INCLUDED_
#define _LLM_CUTOFF_H_INCLUDED_


#include <sys/types.h>
#include <stdint.h>

#include "llm_json.h"
#include "llm_route.h"
#include "llm_sse.h"
#include "llm_usage.h"


/*
 * Ends an event stream before its upstream does, in the stream's own dialect,
 * so that a client takes it for an answer that met its output cap: reads along
 * to know what is open, and writes the events that close it.
 *
 * Dialects: chat completions and completions of OpenAI (a chunk with
 * finish_reason "length", [DONE]), its responses (response.incomplete) and
 * Anthropic's messages (message_delta with stop_reason "max_tokens").
 */

#define LLM_CUTOFF_CHOICES   64      /* and blocks; of more nothing is known */

/* What llm_cutoff_print() needs at most. */
#define LLM_CUTOFF_TEXT      16384


/* What one event says; it counts when the event is whole. */

typedef struct {
    uint64_t                 open;       /* bits of choices */
    uint64_t                 finished;   /* likewise */
    int64_t                  created;    /* seconds of the epoch */
    int64_t                  sequence;
    int64_t                  index;      /* of a block */
    int64_t                  choice;     /* being read */
    uint8_t                  type;
    unsigned                 reason:1;   /* of the choice being read */
    unsigned                 object:1;   /* it is one */
    unsigned                 error:1;
} llm_cutoff_event_t;


typedef struct {
    llm_sse_t                sse;
    llm_cutoff_event_t       event;
    llm_api_e                api;

    uint64_t                 open;       /* bits of choices or blocks */
    int64_t                  created;
    int64_t                  sequence;   /* of the last event */

    unsigned                 begun:1;
    unsigned                 ended:1;    /* it has ended by itself, or cannot
                                            be read */

    llm_json_t               json;       /* last: not zeroed */
} llm_cutoff_t;


/* Whether streams of this API can be ended. */
int llm_cutoff_knows(llm_api_e api);

/* It must stay where it is: it holds a pointer to itself. */
void llm_cutoff_init(llm_cutoff_t *c, llm_api_e api);

/*
 * Reads a piece of the stream.  Returns the last place in it, from 0 to n, at
 * which the stream can be ended, for what was read up to there; or -1: there
 * is none.  What lies behind the place does not count yet.
 */
ssize_t llm_cutoff_read(llm_cutoff_t *c, const u_char *p, size_t n);

/* Whether there is something to be ended at that place. */
int llm_cutoff_is_open(const llm_cutoff_t *c);

/*
 * Writes the events that end the stream at the last place, at most
 * LLM_CUTOFF_TEXT bytes; returns their end.  id and model are those that the
 * stream stated.  states: a stream of chunks states the usage, too.
 */
u_char *llm_cutoff_print(const llm_cutoff_t *c, u_char *p,
    const llm_answer_id_t *id, const llm_answer_name_t *model,
    const llm_usage_t *usage, int states);


#endif /* _LLM_CUTOFF_H_INCLUDED_ */
