
/*
 * Copyright (C) the llm_quota authors
 */


#include <stddef.h>
#include <string.h>

#include "llm_text.h"
#include "llm_usage_record.h"


/*
 * An answer is framing, documents, counts.  This file takes the framing away
 * (but for Amazon's, which llm_usage_frame.c does) and gives each document to
 * the scanner, whose values llm_usage_record.c makes counts of.  Nothing is
 * kept of an answer but its counts and names, so a line of megabytes is as
 * good as a short one.
 */


#define LLM_USAGE_ABSURD  100000000    /* tokens in one answer */

#define LLM_ANSWER_DONE   "[DONE]"
#define LLM_ANSWER_NOT    0xff         /* what a->done is where it is not */


static int llm_answer_is_type(const u_char *p, const char *type, size_t n);
static llm_framing_e llm_answer_sniff(const llm_answer_t *a, u_char c);
static void llm_answer_json(llm_answer_t *a, const u_char *p,
    const u_char *last);
static void llm_answer_sse(llm_answer_t *a, const u_char *p,
    const u_char *last);
static void llm_answer_data(llm_answer_t *a, const u_char *p, size_t n);
static int llm_answer_is_stated(const llm_answer_t *a,
    const llm_usage_t *usage);
static int llm_answer_is_void(const llm_answer_t *a);
static unsigned llm_answer_find_lacks(const llm_answer_t *a, int complete);


/* The types that say more than the first byte does. */

#define llm_answer_type(type, framing)                                        \
    { type, sizeof(type) - 1, LLM_FRAMING_ ## framing }

static const struct {
    const char               *type;
    size_t                    len;
    llm_framing_e             framing;
} llm_answer_types[] = {
    llm_answer_type("application/json", SNIFF),
    llm_answer_type("text/event-stream", SSE),
    llm_answer_type("application/x-ndjson", LINES),
    llm_answer_type("application/ndjson", LINES),
    llm_answer_type("application/jsonl", LINES),
    llm_answer_type("application/x-jsonl", LINES),
    llm_answer_type("application/stream+json", LINES),
    llm_answer_type("application/vnd.amazon.eventstream", EVENTS),
    llm_answer_type("audio/", OTHER),
    llm_answer_type("image/", OTHER),
    llm_answer_type("video/", OTHER),
    { NULL, 0, LLM_FRAMING_SNIFF }
};


void
llm_answer_init(llm_answer_t *a, const u_char *content_type, size_t len)
{
    size_t  i;

    memset(&a->part, 0, sizeof(llm_answer_t) - offsetof(llm_answer_t, part));
    memset(&a->stated, 0, sizeof(llm_usage_record_t));
    memset(&a->header, 0, sizeof(llm_usage_header_t));

    a->model.len = 0;
    a->id.len = 0;

    for (i = 0; i < LLM_SIDES; i++) {
        a->side[i].len = 0;
    }

    llm_sse_init(&a->sse);
    llm_repeat_clear(&a->u.repeat);
    llm_answer_next(a);

    for (i = 0; llm_answer_types[i].type != NULL; i++) {

        if (len >= llm_answer_types[i].len
            && llm_answer_is_type(content_type, llm_answer_types[i].type,
                                  llm_answer_types[i].len))
        {
            a->expected = llm_answer_types[i].framing;
            break;
        }
    }

    if (a->expected == LLM_FRAMING_OTHER) {
        a->framing = LLM_FRAMING_OTHER;
    }
}


/* No letter of the types has another byte beside it but for its case. */

static int
llm_answer_is_type(const u_char *p, const char *type, size_t n)
{
    size_t  i;

    for (i = 0; n - i >= 8; i += 8) {

        if ((llm_text_eight(p + i) ^ llm_text_eight(type + i))
            & ~LLM_TEXT_CASE)
        {
            return 0;
        }
    }

    for ( /* void */ ; i < n; i++) {

        if ((p[i] | 0x20) != (type[i] | 0x20)) {
            return 0;
        }
    }

    return 1;
}


void
llm_answer_feed(llm_answer_t *a, const u_char *p, size_t n)
{
    const u_char  *last;

    last = p + n;
    a->bytes += n;

    /* white space and a byte order mark may come first */

    while (a->framing == LLM_FRAMING_SNIFF && p != last) {

        if (*p == ' ' || *p == '\t' || *p == '\r' || *p == '\n'
            || *p == 0xef || *p == 0xbb || *p == 0xbf)
        {
            p++;
            continue;
        }

        a->framing = llm_answer_sniff(a, *p);

        if (a->framing == LLM_FRAMING_EVENTS) {
            memset(&a->u.frame, 0, sizeof(llm_answer_frame_t));
        }
    }

    if (p == last || a->ended) {
        return;
    }

    switch (a->framing) {

    case LLM_FRAMING_JSON:
    case LLM_FRAMING_LINES:
        llm_answer_json(a, p, last);
        break;

    case LLM_FRAMING_SSE:
        llm_answer_sse(a, p, last);
        break;

    case LLM_FRAMING_EVENTS:
        llm_answer_frames(a, p, last);
        break;

    default: /* LLM_FRAMING_OTHER */
        break;
    }
}


/* No JSON that could state anything begins with the first byte of a field of
   an event stream, nor the reverse; and Amazon's frames begin with their
   length, of which the first byte is 0 below 16 MB. */

static llm_framing_e
llm_answer_sniff(const llm_answer_t *a, u_char c)
{
    switch (c) {

    case '{':
    case '[':
        return (a->expected == LLM_FRAMING_LINES) ? LLM_FRAMING_LINES
                                                  : LLM_FRAMING_JSON;

    case ':':
    case 'd':
    case 'e':
    case 'i':
    case 'r':
        return LLM_FRAMING_SSE;

    case '\0':
        return LLM_FRAMING_EVENTS;

    default:
        return (a->expected == LLM_FRAMING_SSE
                || a->expected == LLM_FRAMING_EVENTS) ? a->expected
                                                      : LLM_FRAMING_OTHER;
    }
}


static void
llm_answer_json(llm_answer_t *a, const u_char *p, const u_char *last)
{
    while (p != last) {
        p += llm_json_feed(&a->json, p, last - p);

        if (a->json.state == LLM_JSON_MORE) {
            return;
        }

        if (a->framing == LLM_FRAMING_JSON) {
            a->ended = 1;
            return;
        }

        if (a->json.state == LLM_JSON_INVALID) {

            /* the next line may be right again */

            p = memchr(p, '\n', last - p);

            if (p == NULL) {
                return;
            }
        }

        llm_answer_next(a);
    }
}


static void
llm_answer_sse(llm_answer_t *a, const u_char *p, const u_char *last)
{
    size_t         len;
    const u_char  *start, *data, *piece;

    start = NULL;
    data = NULL;

    while (p != last && !a->ended) {

        if (a->sse.fresh) {
            p = llm_repeat_skip(&a->u.repeat, p, last, a->text);

            if (p == last) {
                return;
            }

            llm_repeat_clear(&a->u.repeat);

            start = p;
            data = NULL;
        }

        switch (llm_sse_read(&a->sse, &p, last, &piece, &len)) {

        case LLM_SSE_DATA:
            data = (data == NULL) ? piece : data;
            llm_answer_data(a, piece, len);
            break;

        case LLM_SSE_JOIN:
            start = NULL;
            llm_answer_data(a, (u_char *) "\n", 1);
            break;

        case LLM_SSE_END:

            /* only what lies whole in this piece can be kept */

            if (start != NULL && data != NULL) {
                llm_repeat_learn(&a->u.repeat, start, data, p);
            }

            llm_answer_next(a);
            break;

        default: /* LLM_SSE_MORE, LLM_SSE_BLANK */
            break;
        }
    }
}


static void
llm_answer_data(llm_answer_t *a, const u_char *p, size_t n)
{
    size_t  i;

    for (i = 0; i < n && a->done < sizeof(LLM_ANSWER_DONE) - 1; i++) {

        if (p[i] == (u_char) LLM_ANSWER_DONE[a->done]) {
            a->done++;

        } else if (a->done != 0 || p[i] != ' ') {
            a->done = LLM_ANSWER_NOT;
        }
    }

    if (a->done == sizeof(LLM_ANSWER_DONE) - 1) {
        a->ended = 1;
        return;
    }

    (void) llm_json_feed(&a->json, p, n);
}


void
llm_answer_next(llm_answer_t *a)
{
    a->done = 0;
    a->more = 0;

    llm_usage_begin(a);

    llm_json_init(&a->json, &llm_usage_tree, llm_usage_value, a,
                  LLM_JSON_SEQUENCE);
}


void
llm_answer_forget(llm_answer_t *a)
{
    memset(&a->stated, 0, sizeof(llm_usage_record_t));
    memset(a->text, 0, sizeof(a->text));

    a->images = 0;
    a->traits = 0;

    llm_answer_next(a);

    a->framing = LLM_FRAMING_OTHER;
    a->error = 0;
    a->blocked = 0;
    a->invalid = 0;
}


llm_charge_e
llm_answer_end(llm_answer_t *a, int complete, llm_usage_t *usage)
{
    /* of a frame that is not whole nothing counts */

    if (a->open && a->framing != LLM_FRAMING_EVENTS) {
        a->cut = a->counting;
        llm_usage_merge(a);
    }

    a->ended = 1;

    llm_usage_headers(a);

    /* images are units, too, where counts of tokens could not follow */

    if (a->images != 0 && llm_answer_text_bytes(a) == 0
        && a->framing == LLM_FRAMING_JSON && a->json.state == LLM_JSON_DONE)
    {
        a->stated.marks |= llm_usage_bit(LLM_M_UNITS);
    }

    llm_usage_resolve(&a->stated, usage);

    usage->images = a->images;
    usage->traits = a->traits;

    if (usage->input > LLM_USAGE_ABSURD || usage->output > LLM_USAGE_ABSURD
        || usage->side_input > LLM_USAGE_ABSURD
        || usage->side_output > LLM_USAGE_ABSURD)
    {
        a->anomaly = 1;
        a->invalid = 1;
    }

    if (a->invalid || !llm_answer_is_stated(a, usage)) {
        memset(usage, 0, sizeof(llm_usage_t));

        /* what a header says of the money is as good without tokens */

        usage->cost = llm_usage_knows(&a->header, COST)
                      ? a->header.cost : -1;

        return llm_answer_is_void(a) ? LLM_CHARGE_NONE : LLM_CHARGE_ESTIMATE;
    }

    a->lacks = llm_answer_find_lacks(a, complete);

    return a->lacks ? LLM_CHARGE_PARTIAL : LLM_CHARGE_EXACT;
}


/* A usage of zeros is none where something was generated. */

static int
llm_answer_is_stated(const llm_answer_t *a, const llm_usage_t *usage)
{
    const llm_usage_record_t  *s;

    s = &a->stated;

    if (llm_usage_is(s, UNITS)) {
        return 1;
    }

    if (usage->input == 0 && usage->output == 0) {
        return (llm_usage_knows(s, INPUT) || llm_usage_knows(s, OUTPUT)
                || llm_usage_knows(s, TOTAL))
               && llm_answer_text_bytes(a) == 0;
    }

    return 1;
}


/* An error, a prompt that was not let through, an answer that is still to be
   made or never will be: nothing was generated, and no usage says otherwise. */

static int
llm_answer_is_void(const llm_answer_t *a)
{
    if (llm_answer_text_bytes(a) != 0) {
        return 0;
    }

    if (a->error || a->blocked || a->status == LLM_STATUS_ENDED) {
        return 1;
    }

    return a->status == LLM_STATUS_RUNNING && a->framing == LLM_FRAMING_JSON
           && a->json.state == LLM_JSON_DONE;
}


static unsigned
llm_answer_find_lacks(const llm_answer_t *a, int complete)
{
    unsigned                   lacks;
    const llm_usage_record_t  *s;

    s = &a->stated;
    lacks = 0;

    if (!llm_usage_knows(s, INPUT) && !llm_usage_knows(s, TOTAL)
        && !llm_usage_knows(s, TOKENS_IN) && !llm_usage_is(s, COHERE)
        && !llm_usage_is(s, UNITS))
    {
        lacks |= LLM_LACKS_INPUT;
    }

    if (s->row == LLM_ROW_HEADER) {
        return llm_usage_knows(s, OUTPUT) ? lacks : lacks | LLM_LACKS_OUTPUT;
    }

    /* what stands at a message's start is only a placeholder */

    if (a->cut || s->row == LLM_ROW_START || s->row == LLM_ROW_MAYBE_START) {
        lacks |= LLM_LACKS_OUTPUT;
    }

    /* usage in every event is that of the answer so far */

    if (llm_usage_is(s, GEMINI) && !a->finished
        && (a->framing == LLM_FRAMING_SSE
            ? !complete || llm_answer_text_bytes(a) != 0
            : a->json.state != LLM_JSON_DONE))
    {
        lacks |= LLM_LACKS_OUTPUT;
    }

    if (llm_usage_is(s, OPENAI)
        && (a->framing == LLM_FRAMING_SSE || a->framing == LLM_FRAMING_EVENTS)
        && a->choosing && !a->finished
        && a->done != sizeof(LLM_ANSWER_DONE) - 1)
    {
        lacks |= LLM_LACKS_OUTPUT;
    }

    /* Bedrock's streams end with metrics, but for Converse's; what vendors'
       events say before is of the answer so far, and an agent's last call may
       not have been its last */

    if (a->framing == LLM_FRAMING_EVENTS
        && (s->row == LLM_ROW_TOP
            || (s->row == LLM_ROW_TRACE && !complete)))
    {
        lacks |= LLM_LACKS_OUTPUT;
    }

    /* not all families have the right to leave it out */

    if ((llm_usage_is(s, CONVERSE) || llm_usage_is(s, TOP))
        && !llm_usage_knows(s, OUTPUT) && llm_answer_text_bytes(a) != 0)
    {
        lacks |= LLM_LACKS_OUTPUT;
    }

    return lacks;
}


const llm_answer_name_t *
llm_answer_model(const llm_answer_t *a)
{
    return &a->model;
}


const llm_answer_id_t *
llm_answer_id(const llm_answer_t *a)
{
    return &a->id;
}


llm_status_e
llm_answer_status(const llm_answer_t *a)
{
    return a->status;
}


llm_tier_e
llm_answer_tier(const llm_answer_t *a)
{
    return a->tier;
}


int
llm_answer_side(const llm_answer_t *a, llm_side_e side, llm_usage_t *usage,
    const llm_answer_name_t **name)
{
    *name = &a->side[side];

    llm_usage_resolve_side(&a->stated, side, usage);

    /* a speed is that of the model that answers */

    usage->traits = a->traits & LLM_TRAIT_US;

    return !a->invalid && (usage->input != 0 || usage->output != 0);
}


unsigned
llm_answer_lacks(const llm_answer_t *a)
{
    return a->lacks;
}


/* What comes at the end of a stream often repeats what came in it. */

uint64_t
llm_answer_text_bytes(const llm_answer_t *a)
{
    return a->text[LLM_T_DELTA] ? a->text[LLM_T_DELTA]
                                : a->text[LLM_T_WHOLE];
}


uint64_t
llm_answer_bytes(const llm_answer_t *a)
{
    return a->bytes;
}


int
llm_answer_anomaly(const llm_answer_t *a)
{
    return a->anomaly;
}


int
llm_answer_damaged(const llm_answer_t *a)
{
    return a->damaged;
}


int
llm_answer_is_stream(const llm_answer_t *a)
{
    return a->expected == LLM_FRAMING_SSE
           || a->expected == LLM_FRAMING_EVENTS;
}
