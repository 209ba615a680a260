
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _LLM_USAGE_H_INCLUDED_
#define _LLM_USAGE_H_INCLUDED_


#include <sys/types.h>
#include <stdint.h>

#include "llm_base64.h"
#include "llm_eventstream.h"
#include "llm_json.h"
#include "llm_repeat.h"
#include "llm_sse.h"
#include "llm_usage_table.h"


/*
 * What one answer used, in canonical form.  Counts are tokens unless named
 * otherwise.  input holds all prompt-side tokens, the cached ones included;
 * output all generated tokens, reasoning included.
 */

typedef struct {
    int64_t                  input;
    int64_t                  output;
    int64_t                  cached_read;       /* part of input */
    int64_t                  cache_write_5m;    /* part of input */
    int64_t                  cache_write_1h;    /* part of input */
    int64_t                  reasoning;         /* part of output */
    int64_t                  audio_in;          /* part of input */
    int64_t                  audio_out;         /* part of output */
    int64_t                  image_in;          /* part of input */
    int64_t                  image_out;         /* part of output */
    int64_t                  video_out;         /* part of output */
    int64_t                  citation;          /* part of output */
    int64_t                  side_input;        /* of other models, part of */
    int64_t                  side_output;       /* neither of the above */
    int64_t                  web_searches;      /* requests */
    int64_t                  queries;           /* a reranker's search units */
    int64_t                  seconds;           /* of sound that was read */
    int64_t                  images;            /* made, without tokens */
    int64_t                  cost;              /* nano-dollars as stated by
                                                   the upstream, -1: none */
    uint64_t                 traits;            /* bits of LLM_TRAIT_ */
} llm_usage_t;


/* What else the answer says of how it is billed. */

#define LLM_TRAIT_FAST         0x1   /* Anthropic's speed */
#define LLM_TRAIT_US           0x2   /* Anthropic's inference_geo */
#define LLM_TRAIT_SEARCH_LOW   0x4   /* search_context_size, else medium */
#define LLM_TRAIT_SEARCH_HIGH  0x8


/* Other models that worked for an answer, each billed at its own rates. */

typedef enum {
    LLM_SIDE_ADVISER = 0,    /* Anthropic's adviser */
    LLM_SIDE_IMAGER,         /* OpenAI's image generation tool */
    LLM_SIDES
} llm_side_e;


typedef enum {
    LLM_TIER_DEFAULT = 0,
    LLM_TIER_FLEX,
    LLM_TIER_PRIORITY,
    LLM_TIER_BATCH
} llm_tier_e;


typedef enum {
    LLM_FRAMING_SNIFF = 0,   /* decided by the first bytes */
    LLM_FRAMING_JSON,        /* one document; or an array of them, streamed */
    LLM_FRAMING_LINES,       /* documents, one after the other (NDJSON) */
    LLM_FRAMING_SSE,
    LLM_FRAMING_EVENTS,      /* Amazon's binary event stream */
    LLM_FRAMING_OTHER        /* nothing can be read */
} llm_framing_e;


/* What an answer lets one charge. */

typedef enum {
    LLM_CHARGE_NONE = 0,     /* an error, and nothing was generated */
    LLM_CHARGE_EXACT,        /* usage is what the upstream says */
    LLM_CHARGE_PARTIAL,      /* usage is a lower bound: the answer was cut,
                                what it lacks is to be estimated */
    LLM_CHARGE_ESTIMATE      /* nothing usable was stated */
} llm_charge_e;


/* How far an answer is, where its upstream makes it in the background. */

typedef enum {
    LLM_STATUS_NONE = 0,     /* it does not say */
    LLM_STATUS_RUNNING,      /* queued or being made: what it used is still to
                                be told */
    LLM_STATUS_DONE,         /* completed, or as far as it will be */
    LLM_STATUS_ENDED         /* failed, cancelled, expired */
} llm_status_e;


#define LLM_ANSWER_NAME   128
#define LLM_ANSWER_ID     512    /* gateways put what they know into IDs */

typedef struct {
    uint16_t                 len;
    u_char                   data[LLM_ANSWER_NAME];
} llm_answer_name_t;

typedef struct {
    uint16_t                 len;
    u_char                   data[LLM_ANSWER_ID];
} llm_answer_id_t;


/* What a PARTIAL usage does not know for certain. */

#define LLM_LACKS_INPUT   0x1    /* not stated: usage->input is 0 */
#define LLM_LACKS_OUTPUT  0x2    /* usage->output is a lower bound */


/* The counts that a document, or all of them so far, stated.  In the latter
   what is not known is 0. */

typedef struct {
    uint64_t                 known;      /* bits of LLM_N_ */
    uint32_t                 marks;      /* bits of LLM_M_ */
    uint32_t                 row;        /* LLM_ROW_, 0: none */
    int64_t                  count[LLM_USAGE_COUNTS];
} llm_usage_record_t;


/* The few counts that headers state: the first ones, and the cost. */

typedef struct {
    uint64_t                 known;      /* bits of LLM_N_ */
    uint32_t                 marks;      /* bits of LLM_M_ */
    int64_t                  count[LLM_N_WRITTEN + 1];
    int64_t                  cost;       /* nano-dollars */
} llm_usage_header_t;


/* Of Amazon's event stream: a frame, and the document that it carries in
   base64. */

typedef struct {
    llm_eventstream_t        stream;
    llm_base64_t             base64;
    llm_json_t               json;       /* of the document inside */
    uint8_t                  more;       /* its next piece follows */
    uint8_t                  carries;    /* the frame has such a document */
    uint8_t                  inside;     /* it is being read */
} llm_answer_frame_t;


/*
 * One answer being read, about 4 KB.  It holds a pointer to itself and so
 * must stay where llm_answer_init() found it; it points to nothing else.
 */

typedef struct llm_answer_s  llm_answer_t;

struct llm_answer_s {
    llm_json_t               json;
    llm_sse_t                sse;

    union {
        llm_repeat_t         repeat;     /* LLM_FRAMING_SSE */
        llm_answer_frame_t   frame;      /* LLM_FRAMING_EVENTS */
    } u;

    llm_usage_record_t       document;   /* being read */
    llm_usage_record_t       stated;     /* by all documents */
    llm_usage_header_t       header;

    llm_answer_name_t        model;
    llm_answer_id_t          id;
    llm_answer_name_t        side[LLM_SIDES];
    llm_answer_name_t        part_model;

    int64_t                  part[LLM_USAGE_PARTS];   /* of an element */
    u_char                   word[16];
    uint8_t                  word_len;

    uint8_t                  done;       /* bytes of [DONE] seen */
    uint8_t                  lacks;
    llm_status_e             status;
    llm_tier_e               tier;
    llm_framing_e            framing;
    llm_framing_e            expected;   /* by the content type */

    uint64_t                 bytes;

    /* one more, for what is a gap in an event but no text */
    uint64_t                 text[LLM_USAGE_TEXTS + 1];
    uint32_t                 images;
    uint64_t                 traits;

    /* of the document */
    uint8_t                  counting;   /* an object of counts is open */
    unsigned                 open:1;     /* its root object */
    unsigned                 typed:1;
    unsigned                 start:1;    /* type is message_start */
    unsigned                 choice:1;   /* choices is not empty */
    unsigned                 image:1;    /* it holds one */
    unsigned                 speech:1;
    unsigned                 named:1;    /* the answer's id is from it */
    unsigned                 naming:1;   /* its rest may follow */
    unsigned                 aside:1;    /* a step or message of a run: what
                                            it states is not the run's */
    llm_status_e             progress;   /* its status */

    /* of the answer */
    uint8_t                  more;       /* a scalar's next piece follows */
    unsigned                 ended:1;    /* what follows is not looked at */
    unsigned                 cut:1;      /* inside an object of counts */
    unsigned                 choosing:1; /* usage came with a choice */
    unsigned                 finished:1; /* the model gave a reason to stop */
    unsigned                 error:1;
    unsigned                 blocked:1;
    unsigned                 anomaly:1;
    unsigned                 invalid:1;  /* a count is absurd */
    unsigned                 distrust:1; /* a header's is, or is no count */
    unsigned                 damaged:1;
};


/*
 * content_type may be empty.  The first byte decides between JSON, an event
 * stream and Amazon's, as upstreams mislabel one as the other and no bytes can
 * be two of them; the type only says what cannot be seen: that documents
 * follow each other, or that there is nothing to read.
 */
void llm_answer_init(llm_answer_t *a, const u_char *content_type, size_t len);

/*
 * A header of the answer, before llm_answer_end().  Only few say anything, and
 * the others cost next to nothing.  Counts in headers replace those of the
 * body; of a repeated header the last counts.
 */
void llm_answer_header(llm_answer_t *a, const u_char *name, size_t len,
    const u_char *value, size_t vlen);

/* Whether the content type names a stream of events. */
int llm_answer_is_stream(const llm_answer_t *a);

/*
 * Reads a further piece of the decoded body.  Never fails: what cannot be
 * read ends in LLM_CHARGE_ESTIMATE.  After the end it does nothing.
 */
void llm_answer_feed(llm_answer_t *a, const u_char *p, size_t n);

/* What was read of the body is worthless, as where its content coding turned
   out to be broken, and what follows is not read: headers alone count. */
void llm_answer_forget(llm_answer_t *a);

/*
 * complete: the upstream ended the answer properly.  Sets what the accessors
 * give afterwards, and *usage: for NONE and ESTIMATE no counts, but the cost
 * that a header states.
 */
llm_charge_e llm_answer_end(llm_answer_t *a, int complete,
    llm_usage_t *usage);

/* The name of the model and the id that the answer states, or len 0. */
const llm_answer_name_t *llm_answer_model(const llm_answer_t *a);
const llm_answer_id_t *llm_answer_id(const llm_answer_t *a);

/* The last status that it states. */
llm_status_e llm_answer_status(const llm_answer_t *a);

llm_tier_e llm_answer_tier(const llm_answer_t *a);

/*
 * What another model used, in canonical form, and its name, which may be
 * unknown: len 0.  Returns 0 where it used nothing.  Its tokens are in
 * side_input and side_output of the answer's own usage, and nowhere else.
 */
int llm_answer_side(const llm_answer_t *a, llm_side_e side,
    llm_usage_t *usage, const llm_answer_name_t **name);

/* After a PARTIAL end: what is to be estimated, LLM_LACKS_. */
unsigned llm_answer_lacks(const llm_answer_t *a);

/*
 * Bytes of generated text seen, for the estimate: the strings of a stream's
 * deltas; where there are none, those of whole messages.  Counted as they
 * stand in the JSON, so that an escape has all its bytes; what is learned and
 * what is estimated are counted alike.
 */
uint64_t llm_answer_text_bytes(const llm_answer_t *a);

/* Bytes of the decoded body. */
uint64_t llm_answer_bytes(const llm_answer_t *a);

/* A count was negative, absurd or of a wrong type: worth a warning. */
int llm_answer_anomaly(const llm_answer_t *a);

/* A frame of an event stream failed its checksum, or none could be read. */
int llm_answer_damaged(const llm_answer_t *a);


#endif /* _LLM_USAGE_H_INCLUDED_ */
