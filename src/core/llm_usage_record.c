
/*
 * Copyright (C) the llm_quota authors
 */


#include <string.h>

#include "llm_money.h"
#include "llm_usage_record.h"


/*
 * What a document says.  Its counts are kept apart until it ends, because
 * which of its objects counts is known only then: of several the one highest
 * in the table, wherever it stands.
 */


#define LLM_USAGE_IMAGES  1000000


typedef void (*llm_usage_handler_pt)(llm_answer_t *a,
    const llm_json_value_t *v);


static void llm_usage_document(llm_answer_t *a, const llm_json_value_t *v);
static void llm_usage_root(llm_answer_t *a, const llm_json_value_t *v);
static void llm_usage_count(llm_answer_t *a, const llm_json_value_t *v);
static int llm_usage_number(llm_answer_t *a, const llm_json_value_t *v,
    int64_t *n);
static void llm_usage_cost(llm_answer_t *a, const llm_json_value_t *v);
static void llm_usage_mark(llm_answer_t *a, const llm_json_value_t *v);
static void llm_usage_list(llm_answer_t *a, const llm_json_value_t *v);
static void llm_usage_element(llm_answer_t *a, const llm_json_value_t *v);
static void llm_usage_part(llm_answer_t *a, const llm_json_value_t *v);
static void llm_usage_text(llm_answer_t *a, const llm_json_value_t *v);
static void llm_usage_gap(llm_answer_t *a, llm_repeat_gap_e type,
    unsigned text, const llm_json_value_t *v);
static void llm_usage_word(llm_answer_t *a, const llm_json_value_t *v);
static void llm_usage_id(llm_answer_t *a, const llm_json_value_t *v);
static void llm_usage_id_rest(llm_answer_t *a, const llm_json_value_t *v);
static void llm_usage_trait(llm_answer_t *a, const llm_json_value_t *v);
static void llm_usage_image(llm_answer_t *a, const llm_json_value_t *v);
static void llm_usage_name(llm_answer_name_t *name,
    const llm_json_value_t *v);
static llm_status_e llm_usage_status(const llm_json_value_t *v);
static llm_tier_e llm_usage_tier(const llm_json_value_t *v);

#define llm_is_text(v, s)                                                     \
    ((v)->type == LLM_JSON_STRING && (v)->len == sizeof(s) - 1                \
     && memcmp((v)->text, s, sizeof(s) - 1) == 0)

#define llm_is_word(a, s)                                                     \
    ((a)->word_len == sizeof(s) - 1                                           \
     && memcmp((a)->word, s, sizeof(s) - 1) == 0)


/* By what a value is. */

static const llm_usage_handler_pt  llm_usage_handlers[] = {
    [LLM_K_DOCUMENT] = llm_usage_document,
    [LLM_K_ROOT] = llm_usage_root,
    [LLM_K_COUNT] = llm_usage_count,
    [LLM_K_SUM] = llm_usage_count,
    [LLM_K_COST] = llm_usage_cost,
    [LLM_K_TICKS] = llm_usage_cost,
    [LLM_K_MARK] = llm_usage_mark,
    [LLM_K_LIST] = llm_usage_list,
    [LLM_K_ELEMENT] = llm_usage_element,
    [LLM_K_PART] = llm_usage_part,
    [LLM_K_WORD] = llm_usage_word,
    [LLM_K_IMAGE] = llm_usage_image,
    [LLM_K_TEXT] = llm_usage_text,
    [LLM_K_CALL] = llm_usage_text,
    [LLM_K_PADDING] = llm_usage_text
};


void
llm_usage_value(void *data, const llm_json_value_t *v)
{
    llm_answer_t *a = data;

    unsigned  more;

    if (llm_field_kind(v->field) == LLM_K_BYTES) {
        llm_usage_bytes(a, v);
        return;
    }

    /* but for an id what does not fit in one piece has no meaning here */

    more = a->more;
    a->more = v->more;

    if (more) {
        if (v->field == LLM_USAGE_FIELD(LLM_K_WORD, 0, LLM_W_ID)) {
            llm_usage_id_rest(a, v);
        }

        return;
    }

    llm_usage_handlers[llm_field_kind(v->field)](a, v);
}


static void
llm_usage_document(llm_answer_t *a, const llm_json_value_t *v)
{
    if (v->type != LLM_JSON_OBJECT) {
        return;
    }

    if (!v->close) {
        llm_usage_begin(a);
        a->open = 1;
        return;
    }

    /* the end of the frame is what counts */

    if (a->framing != LLM_FRAMING_EVENTS) {
        llm_usage_merge(a);
    }
}


void
llm_usage_begin(llm_answer_t *a)
{
    a->document.known = 0;
    a->document.marks = 0;
    a->document.row = 0;

    a->open = 0;
    a->counting = 0;
    a->typed = 0;
    a->start = 0;
    a->choice = 0;
    a->image = 0;
    a->speech = 0;
    a->named = 0;
    a->aside = 0;
    a->progress = LLM_STATUS_NONE;
}


static void
llm_usage_root(llm_answer_t *a, const llm_json_value_t *v)
{
    uint32_t             row;
    llm_usage_record_t  *d;

    a->counting = 0;

    if (v->type != LLM_JSON_OBJECT) {

        if (v->type != LLM_JSON_NULL) {
            a->anomaly = 1;
        }

        return;
    }

    if (v->close) {
        return;
    }

    d = &a->document;
    row = llm_field_of(v->field);

    if (row == LLM_ROW_START && !a->start) {

        if (a->typed) {
            return;
        }

        row = LLM_ROW_MAYBE_START;
    }

    /* they add up, and so each must be seen, which events of text need not */

    if (row == LLM_ROW_TRACE && a->framing != LLM_FRAMING_EVENTS) {
        return;
    }

    if (d->row != 0 && d->row < row) {
        return;
    }

    /* a second one in the same place replaces the first */

    d->row = row;
    d->known &= LLM_USAGE_BESIDE;
    d->marks = llm_usage_bit(llm_field_mark(v->field));

    a->counting = 1;
}


static void
llm_usage_count(llm_answer_t *a, const llm_json_value_t *v)
{
    int64_t              n;
    unsigned             count, mark;
    llm_usage_record_t  *d;

    d = &a->document;
    count = llm_field_of(v->field);
    mark = llm_field_mark(v->field);

    if (mark == LLM_M_TOP) {

        if (d->row != 0 && d->row != LLM_ROW_TOP) {
            return;
        }

    } else if (!a->counting && mark != LLM_M_BESIDE) {
        return;
    }

    if (llm_usage_number(a, v, &n) != 0) {
        return;
    }

    if (mark == LLM_M_TOP) {
        d->row = LLM_ROW_TOP;
    }

    if (llm_field_kind(v->field) == LLM_K_SUM) {
        llm_usage_add(a, count, n);

    } else {
        llm_usage_set(d, count, n);
    }

    d->marks |= llm_usage_bit(mark);
}


static int
llm_usage_number(llm_answer_t *a, const llm_json_value_t *v, int64_t *n)
{
    switch (llm_json_count(v, n)) {

    case 0:
        return 0;

    case -1:

        if (v->type != LLM_JSON_NULL) {
            a->anomaly = 1;
        }

        return -1;

    case -2:

        /* a negative count gives no credit */

        a->anomaly = 1;
        return 0;

    default: /* -3 */
        a->anomaly = 1;
        a->invalid = 1;
        return -1;
    }
}


/* What an upstream says that it costs is advice: a wrong one is no anomaly. */

static void
llm_usage_cost(llm_answer_t *a, const llm_json_value_t *v)
{
    int      scale;
    int64_t  n;

    scale = (llm_field_kind(v->field) == LLM_K_TICKS) ? -1 : 9;

    if (a->counting && !v->more
        && (v->type == LLM_JSON_NUMBER || v->type == LLM_JSON_STRING)
        && llm_decimal_parse(v->text, v->len, scale, &n) == 0)
    {
        llm_usage_set(&a->document, LLM_N_COST, n);
    }
}


static void
llm_usage_mark(llm_answer_t *a, const llm_json_value_t *v)
{
    unsigned  mark;

    mark = llm_field_mark(v->field);

    /* details of the input may be null and still are what tells OpenAI's
       responses from Anthropic's messages */

    if (a->counting
        && (v->type != LLM_JSON_NULL || mark == LLM_M_RESPONSES))
    {
        a->document.marks |= llm_usage_bit(mark);
    }
}


/* A list replaces the list before it, an empty one too. */

static void
llm_usage_list(llm_answer_t *a, const llm_json_value_t *v)
{
    llm_usage_record_t  *d;

    if (!a->counting || v->type != LLM_JSON_ARRAY || v->close) {
        return;
    }

    d = &a->document;

    switch (llm_field_of(v->field)) {

    case LLM_L_ITERATIONS:
        llm_usage_set(d, LLM_N_COMPACT_IN, 0);
        llm_usage_set(d, LLM_N_COMPACT_OUT, 0);
        llm_usage_set(d, LLM_N_COMPACT_CACHED, 0);
        llm_usage_set(d, LLM_N_COMPACT_WRITTEN, 0);
        llm_usage_set(d, LLM_N_ADVISER_IN, 0);
        llm_usage_set(d, LLM_N_ADVISER_OUT, 0);
        llm_usage_set(d, LLM_N_ADVISER_CACHED, 0);
        llm_usage_set(d, LLM_N_ADVISER_WRITTEN, 0);
        break;

    case LLM_L_PROMPT_MODALITIES:
        llm_usage_set(d, LLM_N_AUDIO_IN, 0);
        llm_usage_set(d, LLM_N_IMAGE_IN, 0);
        break;

    case LLM_L_OUTPUT_MODALITIES:
        llm_usage_set(d, LLM_N_AUDIO_OUT, 0);
        llm_usage_set(d, LLM_N_IMAGE_OUT, 0);
        llm_usage_set(d, LLM_N_VIDEO_OUT, 0);
        break;

    default: /* LLM_L_CACHE_DETAILS */
        llm_usage_set(d, LLM_N_WRITTEN_5M, 0);
        llm_usage_set(d, LLM_N_WRITTEN_1H, 0);
        break;
    }
}


static void
llm_usage_element(llm_answer_t *a, const llm_json_value_t *v)
{
    unsigned  output;

    if (!a->counting || v->type != LLM_JSON_OBJECT) {
        return;
    }

    if (!v->close) {
        memset(a->part, 0, sizeof(a->part));
        a->part_model.len = 0;
        a->word_len = 0;
        return;
    }

    switch (llm_field_of(v->field)) {

    case LLM_L_ITERATIONS:

        /* the object's own counts leave compactions out; where a fallback
           answered they are already what is charged; an adviser is billed
           as another model */

        if (llm_is_word(a, "compaction")) {
            llm_usage_add(a, LLM_N_COMPACT_IN, a->part[LLM_P_INPUT]);
            llm_usage_add(a, LLM_N_COMPACT_OUT, a->part[LLM_P_OUTPUT]);
            llm_usage_add(a, LLM_N_COMPACT_CACHED, a->part[LLM_P_CACHED]);
            llm_usage_add(a, LLM_N_COMPACT_WRITTEN, a->part[LLM_P_WRITTEN]);

        } else if (llm_is_word(a, "advisor_message")) {
            llm_usage_add(a, LLM_N_ADVISER_IN, a->part[LLM_P_INPUT]);
            llm_usage_add(a, LLM_N_ADVISER_OUT, a->part[LLM_P_OUTPUT]);
            llm_usage_add(a, LLM_N_ADVISER_CACHED, a->part[LLM_P_CACHED]);
            llm_usage_add(a, LLM_N_ADVISER_WRITTEN, a->part[LLM_P_WRITTEN]);

            if (a->part_model.len) {
                a->side[LLM_SIDE_ADVISER] = a->part_model;
            }

        } else if (llm_is_word(a, "fallback_message")) {
            a->document.marks |= llm_usage_bit(LLM_M_FALLBACK);
        }

        break;

    case LLM_L_CACHE_DETAILS:
        llm_usage_add(a, llm_is_word(a, "1h") ? LLM_N_WRITTEN_1H
                                              : LLM_N_WRITTEN_5M,
                      a->part[LLM_P_INPUT]);
        break;

    default: /* LLM_L_PROMPT_MODALITIES, LLM_L_OUTPUT_MODALITIES */

        output = (llm_field_of(v->field) == LLM_L_OUTPUT_MODALITIES);

        /* Google's enumeration is sometimes sent as its numbers */

        if (llm_is_word(a, "AUDIO") || llm_is_word(a, "4")) {
            llm_usage_add(a, output ? LLM_N_AUDIO_OUT : LLM_N_AUDIO_IN,
                          a->part[LLM_P_INPUT]);

        } else if (llm_is_word(a, "IMAGE") || llm_is_word(a, "2")) {
            llm_usage_add(a, output ? LLM_N_IMAGE_OUT : LLM_N_IMAGE_IN,
                          a->part[LLM_P_INPUT]);

        } else if (output
                   && (llm_is_word(a, "VIDEO") || llm_is_word(a, "3")))
        {
            llm_usage_add(a, LLM_N_VIDEO_OUT, a->part[LLM_P_INPUT]);
        }

        break;
    }
}


static void
llm_usage_part(llm_answer_t *a, const llm_json_value_t *v)
{
    int64_t   n;
    unsigned  part;

    if (!a->counting) {
        return;
    }

    part = llm_field_of(v->field);

    if (part == LLM_P_MODEL) {
        llm_usage_name(&a->part_model, v);
        return;
    }

    if (part != LLM_P_NAME) {

        if (llm_usage_number(a, v, &n) == 0) {
            a->part[part] = n;
        }

        return;
    }

    a->word_len = 0;

    if ((v->type == LLM_JSON_STRING || v->type == LLM_JSON_NUMBER)
        && v->len <= sizeof(a->word))
    {
        memcpy(a->word, v->text, v->len);
        a->word_len = v->len;
    }
}


static void
llm_usage_text(llm_answer_t *a, const llm_json_value_t *v)
{
    unsigned  text;

    text = llm_field_of(v->field);

    switch (llm_field_kind(v->field)) {

    case LLM_K_TEXT:

        if (v->type == LLM_JSON_STRING) {
            a->text[text] += v->end - v->start - 2;
            llm_usage_gap(a, LLM_REPEAT_STRING, text, v);
        }

        break;

    case LLM_K_CALL:

        if (v->type == LLM_JSON_OBJECT && v->close) {
            a->text[text] += v->end - v->start;

            if (a->framing == LLM_FRAMING_SSE) {
                llm_repeat_refuse(&a->u.repeat);
            }
        }

        break;

    default: /* LLM_K_PADDING */

        if (v->type == LLM_JSON_STRING) {
            llm_usage_gap(a, LLM_REPEAT_STRING, LLM_USAGE_TEXTS, v);

        } else if (v->type == LLM_JSON_NUMBER) {
            llm_usage_gap(a, LLM_REPEAT_NUMBER, LLM_USAGE_TEXTS, v);
        }

        break;
    }
}


/* Only events that are text repeat each other. */

static void
llm_usage_gap(llm_answer_t *a, llm_repeat_gap_e type, unsigned text,
    const llm_json_value_t *v)
{
    if (a->framing == LLM_FRAMING_SSE) {
        llm_repeat_gap(&a->u.repeat, type, text, v->start, v->end);
    }
}


static void
llm_usage_word(llm_answer_t *a, const llm_json_value_t *v)
{
    switch (llm_field_of(v->field)) {

    case LLM_W_ID:
        llm_usage_id(a, v);
        break;

    case LLM_W_MODEL:
        llm_usage_name(&a->model, v);
        break;

    case LLM_W_OBJECT:
        a->aside = (v->type == LLM_JSON_STRING
                    && v->len >= sizeof("thread") - 1
                    && memcmp(v->text, "thread", sizeof("thread") - 1) == 0
                    && !llm_is_text(v, "thread.run"));
        break;

    case LLM_W_TYPE:
        a->typed = 1;
        a->start = llm_is_text(v, "message_start");
        a->speech = llm_is_text(v, "speech.audio.done");

        if (llm_is_text(v, "error")) {
            a->error = 1;
        }

        break;

    case LLM_W_STATUS:
        a->progress = llm_usage_status(v);
        break;

    case LLM_W_TIER:

        if (v->type == LLM_JSON_STRING) {
            a->tier = llm_usage_tier(v);
        }

        break;

    case LLM_W_ERROR:

        if (v->type == LLM_JSON_OBJECT || v->type == LLM_JSON_TRUE
            || (v->type == LLM_JSON_STRING && v->len != 0))
        {
            a->error = 1;
        }

        break;

    case LLM_W_FINISH:

        if (v->type == LLM_JSON_STRING && v->len != 0) {
            a->finished = 1;
        }

        break;

    case LLM_W_BLOCKED:

        if (v->type == LLM_JSON_STRING) {
            a->blocked = 1;
        }

        break;

    case LLM_W_CHOICE:
        a->choice = 1;
        break;

    case LLM_W_IMAGER:
        llm_usage_name(&a->side[LLM_SIDE_IMAGER], v);
        break;

    case LLM_W_SEARCHED:

        if (a->counting && v->type == LLM_JSON_STRING) {
            llm_usage_set(&a->document, LLM_N_SEARCH_ONCE, 1);
        }

        /* fall through */

    default: /* LLM_W_SEARCH_SIZE, LLM_W_SPEED, LLM_W_GEO */
        llm_usage_trait(a, v);
        break;
    }
}


static void
llm_usage_trait(llm_answer_t *a, const llm_json_value_t *v)
{
    if (v->type != LLM_JSON_STRING) {
        return;
    }

    switch (llm_field_of(v->field)) {

    case LLM_W_SPEED:
        a->traits &= ~LLM_TRAIT_FAST;
        a->traits |= llm_is_text(v, "fast") ? LLM_TRAIT_FAST : 0;
        break;

    case LLM_W_GEO:
        a->traits &= ~LLM_TRAIT_US;
        a->traits |= llm_is_text(v, "us") ? LLM_TRAIT_US : 0;
        break;

    default: /* LLM_W_SEARCH_SIZE, LLM_W_SEARCHED */
        a->traits &= ~(LLM_TRAIT_SEARCH_LOW | LLM_TRAIT_SEARCH_HIGH);
        a->traits |= llm_is_text(v, "low") ? LLM_TRAIT_SEARCH_LOW
                     : llm_is_text(v, "high") ? LLM_TRAIT_SEARCH_HIGH : 0;
        break;
    }
}


static void
llm_usage_image(llm_answer_t *a, const llm_json_value_t *v)
{
    unsigned  image;

    if (v->type != LLM_JSON_STRING) {
        return;
    }

    image = llm_field_of(v->field);

    if (image != LLM_I_OTHER) {
        a->image = 1;
    }

    if (image != LLM_I_EVENT && a->images < LLM_USAGE_IMAGES) {
        a->images++;
    }

    if (a->framing == LLM_FRAMING_SSE) {
        llm_repeat_refuse(&a->u.repeat);
    }
}


/* The first id that is not empty counts. */

static void
llm_usage_id(llm_answer_t *a, const llm_json_value_t *v)
{
    a->naming = (a->id.len == 0 && v->type == LLM_JSON_STRING && v->len != 0);

    if (a->naming) {
        a->named = 1;
        llm_usage_id_rest(a, v);
    }
}


static void
llm_usage_id_rest(llm_answer_t *a, const llm_json_value_t *v)
{
    if (!a->naming) {
        return;
    }

    if (v->len > (size_t) LLM_ANSWER_ID - a->id.len) {
        a->naming = 0;
        a->id.len = 0;
        return;
    }

    memcpy(a->id.data + a->id.len, v->text, v->len);
    a->id.len += v->len;
}


/* The first name counts: an empty one is none (Azure's first chunk), and one
   that is too long would be another's if it were cut. */

static void
llm_usage_name(llm_answer_name_t *name, const llm_json_value_t *v)
{
    if (name->len == 0 && v->type == LLM_JSON_STRING
        && v->len <= LLM_ANSWER_NAME)
    {
        memcpy(name->data, v->text, v->len);
        name->len = v->len;
    }
}


/* Of OpenAI's responses and runs, and Gemini's interactions. */

static llm_status_e
llm_usage_status(const llm_json_value_t *v)
{
    if (llm_is_text(v, "queued")
        || llm_is_text(v, "in_progress")
        || llm_is_text(v, "requires_action")
        || llm_is_text(v, "cancelling"))
    {
        return LLM_STATUS_RUNNING;
    }

    if (llm_is_text(v, "completed") || llm_is_text(v, "incomplete")) {
        return LLM_STATUS_DONE;
    }

    if (llm_is_text(v, "failed")
        || llm_is_text(v, "cancelled")
        || llm_is_text(v, "expired"))
    {
        return LLM_STATUS_ENDED;
    }

    return LLM_STATUS_NONE;
}


/* OpenAI's, Anthropic's and Gemini's words: flex, batch, ON_DEMAND_FLEX. */

static llm_tier_e
llm_usage_tier(const llm_json_value_t *v)
{
    size_t      i, j, n;
    llm_tier_e  tier;

    static const char  *tiers[] = { "", "flex", "priority", "batch" };

    for (tier = LLM_TIER_FLEX; tier <= LLM_TIER_BATCH; tier++) {
        n = strlen(tiers[tier]);

        if (v->len < n) {
            continue;
        }

        i = v->len - n;

        for (j = 0; j < n; j++) {
            if ((v->text[i + j] | 0x20) != tiers[tier][j]) {
                break;
            }
        }

        if (j == n) {
            return tier;
        }
    }

    return LLM_TIER_DEFAULT;
}
