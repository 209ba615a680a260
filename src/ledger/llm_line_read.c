
/*
 * Copyright (C) the llm_quota authors
 */


#include <stddef.h>
#include <string.h>

#include "llm_json.h"
#include "llm_line_read.h"
#include "llm_money.h"


#define LLM_ENTRY_NOT_SAID  INT64_MIN


/* What a member is: one of the texts, a count, or one of its own. */

enum {
    LLM_FIELD_TEXT = 0x100,
    LLM_FIELD_COUNT = 0x200,
    LLM_FIELD_COST = 0x300,
    LLM_FIELD_EXPECTED_COST,
    LLM_FIELD_STREAM,
    LLM_FIELD_LABELS,
    LLM_FIELD_PERIODS,
    LLM_FIELD_PERIOD,
    LLM_FIELD_START,
    LLM_FIELD_ROOT,
    LLM_FIELD_TAG,
    LLM_FIELD_AMOUNT = 0x400
};

#define llm_text_member(name, text)                                           \
    LLM_JSON_NODE(name, NULL, LLM_FIELD_TEXT + text)

#define llm_count_member(name, count)                                         \
    LLM_JSON_NODE(name, NULL, LLM_FIELD_COUNT + count)


static const llm_json_node_t  llm_line_period_members[] = {
    LLM_JSON_NODE("period", NULL, LLM_FIELD_PERIOD),
    LLM_JSON_NODE("start", NULL, LLM_FIELD_START),
    LLM_JSON_NODE("requests", NULL, LLM_FIELD_AMOUNT + LLM_FACT_REQUESTS),
    LLM_JSON_NODE("prompt_tokens", NULL, LLM_FIELD_AMOUNT + LLM_FACT_INPUT),
    LLM_JSON_NODE("completion_tokens", NULL,
                  LLM_FIELD_AMOUNT + LLM_FACT_OUTPUT),
    LLM_JSON_NODE("cost_usd", NULL, LLM_FIELD_AMOUNT + LLM_FACT_COST),
    LLM_JSON_END
};

static const llm_json_node_t  llm_line_periods[] = {
    LLM_JSON_NODE("*", llm_line_period_members, LLM_FIELD_PERIODS),
    LLM_JSON_END
};


static const llm_json_node_t  llm_line_tags[] = {
    LLM_JSON_NODE("*", NULL, LLM_FIELD_TAG),
    LLM_JSON_END
};


static const llm_json_node_t  llm_line_pending_members[] = {
    llm_text_member("id", LLM_ENTRY_PENDING),
    llm_count_member("tier", LLM_ENTRY_TIER),
    llm_count_member("prompt_tokens", LLM_ENTRY_EXPECTED_INPUT),
    llm_count_member("completion_tokens", LLM_ENTRY_EXPECTED_OUTPUT),
    LLM_JSON_NODE("cost_usd", NULL, LLM_FIELD_EXPECTED_COST),
    LLM_JSON_END
};


/* in the order in which they stand in a line of usage; then what others have */

static const llm_json_node_t  llm_line_members[] = {
    llm_text_member("type", LLM_ENTRY_TYPE),
    llm_text_member("id", LLM_ENTRY_ID),
    llm_text_member("started", LLM_ENTRY_STARTED),
    llm_text_member("timestamp", LLM_ENTRY_TIMESTAMP),
    llm_text_member("request_id", LLM_ENTRY_REQUEST),
    llm_text_member("upstream_id", LLM_ENTRY_UPSTREAM),
    llm_text_member("team_id", LLM_ENTRY_TEAM),
    llm_text_member("user_id", LLM_ENTRY_USER),
    llm_text_member("customer_id", LLM_ENTRY_CUSTOMER),
    llm_text_member("key_id", LLM_ENTRY_KEY),
    llm_text_member("model", LLM_ENTRY_MODEL),
    llm_text_member("response_model", LLM_ENTRY_RESPONSE_MODEL),
    llm_text_member("price_id", LLM_ENTRY_PRICE),
    llm_count_member("prompt_tokens", LLM_ENTRY_INPUT),
    llm_count_member("completion_tokens", LLM_ENTRY_OUTPUT),
    llm_count_member("cached_tokens", LLM_ENTRY_CACHED),
    llm_count_member("cache_write_tokens", LLM_ENTRY_CACHE_WRITE),
    llm_count_member("reasoning_tokens", LLM_ENTRY_REASONING),
    LLM_JSON_NODE("cost_usd", NULL, LLM_FIELD_COST),
    llm_count_member("status", LLM_ENTRY_STATUS),
    llm_text_member("source", LLM_ENTRY_SOURCE),
    LLM_JSON_NODE("stream", NULL, LLM_FIELD_STREAM),
    llm_count_member("requests", LLM_ENTRY_REQUESTS),
    llm_count_member("counted_tokens", LLM_ENTRY_COUNTED),
    LLM_JSON_NODE("tags", llm_line_tags, 0),
    LLM_JSON_NODE("labels", NULL, LLM_FIELD_LABELS),
    LLM_JSON_NODE("pending", llm_line_pending_members, 0),
    llm_text_member("made", LLM_ENTRY_MADE),
    llm_text_member("subject", LLM_ENTRY_SUBJECT),
    LLM_JSON_NODE("periods", llm_line_periods, 0),
    llm_text_member("reason", LLM_ENTRY_REASON),
    llm_text_member("changed_by", LLM_ENTRY_WHO),
    llm_text_member("changed_by_api_key", LLM_ENTRY_WHO_KEY),
    llm_text_member("address", LLM_ENTRY_ADDRESS),
    LLM_JSON_END
};

static const llm_json_node_t  llm_line_root =
    LLM_JSON_NODE("", llm_line_members, LLM_FIELD_ROOT);


typedef struct {
    llm_entry_t             *entry;
    const u_char            *line;
    size_t                   len;        /* of the text being read */
    u_char                  *text;
    unsigned                 object:1;
    unsigned                 invalid:1;
    unsigned                 minus:1;    /* a count is negative */
} llm_line_reader_t;


static const u_char *llm_line_begin(const u_char *p, const u_char *last);
static int llm_line_parse(llm_entry_t *e, const u_char *p, size_t n);
static void llm_line_member(void *data, const llm_json_value_t *v);
static void llm_line_piece(llm_line_reader_t *r, const llm_json_value_t *v,
    llm_line_text_t *text);
static void llm_line_period(llm_line_reader_t *r, const llm_json_value_t *v);
static void llm_line_number(llm_line_reader_t *r, const llm_json_value_t *v,
    int scale, int64_t *n);
static int llm_line_finish(llm_line_reader_t *r);
static int llm_line_moment(const llm_line_text_t *text, int64_t *ms);
static int llm_line_entry_id(llm_entry_t *e);
static int llm_line_digits(const u_char *p, unsigned n, int64_t *value);
static int llm_line_is(const llm_line_text_t *text, const char *name);


llm_line_status_e
llm_line_read(const u_char **p, const u_char *last, llm_entry_t *e)
{
    const u_char  *end, *begin;

    end = memchr(*p, '\n', last - *p);

    if (end == NULL) {

        /* what is longer than a line will not become one */

        if (last - *p < LLM_LINE_MAX) {
            return LLM_LINE_AGAIN;
        }

        begin = llm_line_begin(*p + 1, last);
        *p = begin ? begin : last - (sizeof(LLM_LINE_MARK) - 2);

        return LLM_LINE_TORN;
    }

    begin = llm_line_begin(*p, end);

    /* of pieces the last may be whole: it is the one that has an end */

    if (begin != *p) {
        *p = begin ? begin : end + 1;
        return LLM_LINE_TORN;
    }

    begin = llm_line_begin(*p + 1, end);

    if (begin) {
        *p = begin;
        return LLM_LINE_TORN;
    }

    begin = *p;
    *p = end + 1;

    return llm_line_parse(e, begin, end - begin) == 0 ? LLM_LINE_OK
                                                      : LLM_LINE_TORN;
}


static const u_char *
llm_line_begin(const u_char *p, const u_char *last)
{
    size_t  len;

    len = sizeof(LLM_LINE_MARK) - 1;

    /* a line has few braces: memmem() would look at every byte */

    for ( ;; ) {
        p = memchr(p, '{', last - p);

        if (p == NULL || (size_t) (last - p) < len) {
            return NULL;
        }

        if (memcmp(p, LLM_LINE_MARK, len) == 0) {
            return p;
        }

        p++;
    }
}


static int
llm_line_parse(llm_entry_t *e, const u_char *p, size_t n)
{
    llm_json_t         json;
    llm_line_reader_t  r;

    if (n > LLM_LINE_MAX) {
        return -1;
    }

    memset(e, 0, offsetof(llm_entry_t, buf));

    e->count[LLM_ENTRY_REQUESTS] = LLM_ENTRY_NOT_SAID;
    e->count[LLM_ENTRY_COUNTED] = -1;

    memset(&r, 0, sizeof(llm_line_reader_t));

    e->line.data = p;
    e->line.len = n;

    r.entry = e;
    r.line = p;

    llm_json_init(&json, &llm_line_root, llm_line_member, &r, 0);

    if (llm_json_feed(&json, p, n) != n
        || json.state != LLM_JSON_DONE
        || !r.object
        || r.invalid)
    {
        return -1;
    }

    if (e->labels.len > sizeof("{}") - 1) {
        llm_line_read_labels(e);
    }

    return llm_line_finish(&r);
}


static void
llm_line_member(void *data, const llm_json_value_t *v)
{
    llm_line_reader_t *r = data;

    llm_entry_t  *e;

    e = r->entry;

    switch (v->field) {

    case LLM_FIELD_ROOT:
        r->object = (v->type == LLM_JSON_OBJECT);
        return;

    case LLM_FIELD_LABELS:

        if (v->type == LLM_JSON_OBJECT && v->close) {
            e->labels.data = r->line + v->start;
            e->labels.len = v->end - v->start;
        }

        return;

    case LLM_FIELD_COST:
        llm_line_number(r, v, 9, &e->cost);
        return;

    case LLM_FIELD_TAG:

        if (e->ntags < LLM_LINE_TAGS) {
            llm_line_piece(r, v, &e->tag[e->ntags]);
            e->ntags += !v->more;
        }

        return;

    case LLM_FIELD_EXPECTED_COST:
        llm_line_number(r, v, 9, &e->expected_cost);
        return;

    case LLM_FIELD_STREAM:
        e->stream = (v->type == LLM_JSON_TRUE);
        return;
    }

    if (v->field >= LLM_FIELD_LABELS) {
        llm_line_period(r, v);
        return;
    }

    if (v->field >= LLM_FIELD_COUNT) {
        llm_line_number(r, v, 0, &e->count[v->field - LLM_FIELD_COUNT]);
        return;
    }

    llm_line_piece(r, v, &e->text[v->field - LLM_FIELD_TEXT]);
}


/* Unescaped, all texts are shorter than the line. */

static void
llm_line_piece(llm_line_reader_t *r, const llm_json_value_t *v,
    llm_line_text_t *text)
{
    llm_entry_t  *e;

    e = r->entry;

    if (v->type != LLM_JSON_STRING || v->len > sizeof(e->buf) - e->used) {
        r->invalid = 1;
        return;
    }

    if (r->text == NULL) {
        r->text = e->buf + e->used;
        r->len = 0;
    }

    memcpy(e->buf + e->used, v->text, v->len);
    e->used += v->len;
    r->len += v->len;

    if (v->more) {
        return;
    }

    text->data = r->text;
    text->len = r->len;

    r->text = NULL;
}


/* A member of one of a reset's periods, which each come with their beginning
   and their end. */

static void
llm_line_period(llm_line_reader_t *r, const llm_json_value_t *v)
{
    llm_entry_t        *e;
    llm_line_period_t  *period;

    e = r->entry;

    if (v->field == LLM_FIELD_PERIODS) {

        if (v->type != LLM_JSON_OBJECT || e->nperiods == LLM_FACT_PERIODS) {
            r->invalid = 1;

        } else if (v->close) {
            e->nperiods++;
        }

        return;
    }

    if (r->invalid) {
        return;
    }

    period = &e->periods[e->nperiods];

    switch (v->field) {

    case LLM_FIELD_PERIOD:
        llm_line_piece(r, v, &period->period);
        return;

    case LLM_FIELD_START:
        llm_line_number(r, v, 0, &period->start);
        return;

    case LLM_FIELD_AMOUNT + LLM_FACT_COST:
        llm_line_number(r, v, 9, &period->amount[LLM_FACT_COST]);
        return;

    default:
        llm_line_number(r, v, 0, &period->amount[v->field - LLM_FIELD_AMOUNT]);
    }
}


static void
llm_line_number(llm_line_reader_t *r, const llm_json_value_t *v, int scale,
    int64_t *n)
{
    int  minus;

    minus = (v->len && v->text[0] == '-');

    if (v->type != LLM_JSON_NUMBER || v->more
        || llm_decimal_parse(v->text + minus, v->len - minus, scale, n) != 0
        || (scale == 0 && *n > LLM_FACT_COUNT))
    {
        r->invalid = 1;
        return;
    }

    if (minus) {
        *n = -*n;
        r->minus |= (scale == 0 && *n != 0);
    }
}


/* Only what was charged is never less than nothing. */

static int
llm_line_finish(llm_line_reader_t *r)
{
    llm_entry_t      *e;
    llm_line_text_t  *text;

    e = r->entry;
    text = e->text;

    if (e->count[LLM_ENTRY_COUNTED] < 0) {
        e->count[LLM_ENTRY_COUNTED] = e->count[LLM_ENTRY_INPUT]
                                      - e->count[LLM_ENTRY_CACHED];
    }


    e->usage = llm_line_is(&text[LLM_ENTRY_TYPE], "usage");
    e->correction = llm_line_is(&text[LLM_ENTRY_TYPE], "correction");
    e->reset = llm_line_is(&text[LLM_ENTRY_TYPE], "reset");

    if (e->count[LLM_ENTRY_REQUESTS] == LLM_ENTRY_NOT_SAID) {
        e->count[LLM_ENTRY_REQUESTS] = e->usage;
    }

    if (!e->usage && !e->correction && !e->reset) {
        return 0;
    }

    if (llm_line_entry_id(e) != 0
        || llm_line_moment(&text[LLM_ENTRY_TIMESTAMP], &e->timestamp) != 0)
    {
        return -1;
    }

    if (e->usage) {
        e->pending = llm_line_is(&text[LLM_ENTRY_SOURCE], "pending");

        return r->minus ? -1
                        : llm_line_moment(&text[LLM_ENTRY_STARTED],
                                          &e->started);
    }

    /* all of it belongs to one moment */

    e->started = e->timestamp;

    return 0;
}


static int
llm_line_moment(const llm_line_text_t *text, int64_t *ms)
{
    return llm_line_read_time(text->data, text->len, ms);
}


/* "0123456789abcdef-42" */

static int
llm_line_entry_id(llm_entry_t *e)
{
    size_t         i;
    const u_char  *p;
    u_char         c;

    p = e->text[LLM_ENTRY_ID].data;

    if (e->text[LLM_ENTRY_ID].len < 18
        || e->text[LLM_ENTRY_ID].len > 17 + 20
        || p[16] != '-')
    {
        return -1;
    }

    for (i = 0; i < 16; i++) {
        c = p[i];

        if (c >= '0' && c <= '9') {
            e->epoch = e->epoch << 4 | (uint64_t) (c - '0');

        } else if (c >= 'a' && c <= 'f') {
            e->epoch = e->epoch << 4 | (uint64_t) (c - 'a' + 10);

        } else {
            return -1;
        }
    }

    for (i = 17; i < e->text[LLM_ENTRY_ID].len; i++) {

        if (p[i] < '0' || p[i] > '9') {
            return -1;
        }

        if (__builtin_mul_overflow(e->number, 10, &e->number)
            || __builtin_add_overflow(e->number, (uint64_t) (p[i] - '0'),
                                      &e->number))
        {
            return -1;
        }
    }

    return 0;
}


int
llm_line_read_time(const u_char *p, size_t n, int64_t *ms)
{
    int64_t  year, month, day, hour, minute, second, milli, days;

    if (n != LLM_LINE_TIME
        || p[4] != '-' || p[7] != '-' || p[10] != 'T' || p[13] != ':'
        || p[16] != ':' || p[19] != '.' || p[23] != 'Z'
        || llm_line_digits(p, 4, &year) != 0
        || llm_line_digits(p + 5, 2, &month) != 0
        || llm_line_digits(p + 8, 2, &day) != 0
        || llm_line_digits(p + 11, 2, &hour) != 0
        || llm_line_digits(p + 14, 2, &minute) != 0
        || llm_line_digits(p + 17, 2, &second) != 0
        || llm_line_digits(p + 20, 3, &milli) != 0
        || year < 1970 || month < 1 || month > 12 || day < 1 || day > 31
        || hour > 23 || minute > 59 || second > 60)
    {
        return -1;
    }

    /* years that begin in March: the leap day is their last */

    if (month <= 2) {
        month += 12;
        year--;
    }

    days = year * 365 + year / 4 - year / 100 + year / 400
           + (153 * (month - 3) + 2) / 5 + day - 1 - 719468;

    *ms = (((days * 24 + hour) * 60 + minute) * 60 + second) * 1000 + milli;

    return 0;
}


static int
llm_line_digits(const u_char *p, unsigned n, int64_t *value)
{
    unsigned  i;

    *value = 0;

    for (i = 0; i < n; i++) {

        if (p[i] < '0' || p[i] > '9') {
            return -1;
        }

        *value = *value * 10 + (p[i] - '0');
    }

    return 0;
}


static int
llm_line_is(const llm_line_text_t *text, const char *name)
{
    return text->len == strlen(name)
           && memcmp(text->data, name, text->len) == 0;
}
