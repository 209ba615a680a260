
/*
 * Copyright (C) the llm_quota authors
 */


#include <string.h>

#include "llm_line.h"
#include "llm_money.h"
#include "llm_text.h"


static u_char *llm_line_tags(u_char *p, const llm_line_t *line);
static u_char *llm_line_later(u_char *p, const llm_line_t *line,
    const u_char *started);
static u_char *llm_line_pending(u_char *p, const llm_line_pending_t *pending);
static u_char *llm_line_ms(u_char *p, unsigned ms);
static u_char *llm_line_text(u_char *p, const llm_line_text_t *text);
static u_char *llm_line_count(u_char *p, int64_t n);
static u_char *llm_line_hex(u_char *p, uint64_t n);


#define llm_line_put(p, literal)                                              \
    ((u_char *) memcpy(p, literal, sizeof(literal) - 1) + sizeof(literal) - 1)


u_char *
llm_line_print(u_char *p, const llm_line_t *line)
{
    size_t              n;
    u_char             *started;
    const llm_usage_t  *u;

    u = line->usage;

    p = llm_line_put(p, LLM_LINE_MARK "usage");
    p = llm_line_start(p, line->epoch);
    p = llm_text_number(p, line->number);

    if (line->of) {
        p = llm_line_put(p, "\",\"of\":\"");
        p = llm_line_id(p, line->of_epoch ? line->of_epoch : line->epoch,
                        line->of);
    }

    p = llm_line_put(p, "\",\"started\":\"");
    started = p;
    p = llm_line_time(p, line->started);
    p = llm_line_put(p, "\",\"timestamp\":\"");
    p = llm_line_later(p, line, started);
    p = llm_line_put(p, "\",\"request_id\":\"");
    p = llm_line_text(p, &line->request_id);
    p = llm_line_put(p, "\",\"upstream_id\":\"");
    p = llm_line_text(p, &line->upstream_id);
    p = llm_line_put(p, "\",\"team_id\":\"");
    p = llm_line_text(p, &line->team);
    p = llm_line_put(p, "\",\"user_id\":\"");
    p = llm_line_text(p, &line->user);
    p = llm_line_put(p, "\",\"customer_id\":\"");
    p = llm_line_text(p, &line->customer);
    p = llm_line_put(p, "\",\"key_id\":\"");
    p = llm_line_text(p, &line->key);
    p = llm_line_put(p, "\",\"model\":\"");
    p = llm_line_text(p, &line->model);
    p = llm_line_put(p, "\",\"response_model\":\"");
    p = llm_line_text(p, &line->response_model);
    p = llm_line_put(p, "\",\"price_id\":\"");
    p = llm_line_text(p, &line->price_id);
    p = llm_line_put(p, "\",\"prompt_tokens\":");
    p = llm_line_count(p, u->input);
    p = llm_line_put(p, ",\"completion_tokens\":");
    p = llm_line_count(p, u->output);
    p = llm_line_put(p, ",\"total_tokens\":");
    p = llm_line_count(p, llm_sat_add(u->input, u->output));
    p = llm_line_put(p, ",\"cached_tokens\":");
    p = llm_line_count(p, u->cached_read);
    p = llm_line_put(p, ",\"cache_write_tokens\":");
    p = llm_line_count(p, llm_sat_add(u->cache_write_5m, u->cache_write_1h));
    p = llm_line_put(p, ",\"reasoning_tokens\":");
    p = llm_line_count(p, u->reasoning);
    p = llm_line_put(p, ",\"cost_usd\":");
    p += llm_money_print(p, line->cost);
    p = llm_line_put(p, ",\"status\":");
    p = llm_line_count(p, line->status);
    p = llm_line_put(p, ",\"source\":\"");

    n = strlen(line->source);
    memcpy(p, line->source, n);
    p += n;

    p = line->stream ? llm_line_put(p, "\",\"stream\":true")
                     : llm_line_put(p, "\",\"stream\":false");
    p = llm_line_put(p, ",\"duration_ms\":");
    p = llm_line_count(p, line->duration);

    if (line->requests != 1) {
        p = llm_line_put(p, ",\"requests\":");
        p = llm_line_count(p, line->requests);
    }

    if (line->counted != u->input - u->cached_read) {
        p = llm_line_put(p, ",\"counted_tokens\":");
        p = llm_line_count(p, line->counted);
    }

    if (line->ntags) {
        p = llm_line_tags(p, line);
    }

    if (line->pending.id.len) {
        p = llm_line_pending(p, &line->pending);
    }

    p = llm_line_put(p, ",\"labels\":{");

    if (line->labels.len) {
        memcpy(p, line->labels.data, line->labels.len);
        p += line->labels.len;
    }

    p = llm_line_put(p, "}}\n");

    return p;
}


static u_char *
llm_line_tags(u_char *p, const llm_line_t *line)
{
    unsigned  i;

    p = llm_line_put(p, ",\"tags\":[");

    for (i = 0; i < line->ntags; i++) {

        if (i) {
            *p++ = ',';
        }

        *p++ = '"';
        p = llm_line_text(p, &line->tags[i]);
        *p++ = '"';
    }

    *p++ = ']';

    return p;
}


static u_char *
llm_line_pending(u_char *p, const llm_line_pending_t *pending)
{
    p = llm_line_put(p, ",\"pending\":{\"id\":\"");
    p = llm_line_text(p, &pending->id);
    *p++ = '"';

    if (pending->expected) {
        p = llm_line_put(p, ",\"tier\":");
        p = llm_line_count(p, pending->tier);
        p = llm_line_put(p, ",\"prompt_tokens\":");
        p = llm_line_count(p, pending->input);
        p = llm_line_put(p, ",\"completion_tokens\":");
        p = llm_line_count(p, pending->output);
        p = llm_line_put(p, ",\"cost_usd\":");
        p += llm_money_print(p, pending->cost);
    }

    *p++ = '}';

    return p;
}


/* A space stands before the first: with a label of the name "type" the object
   would begin as a line does. */

u_char *
llm_line_labels(u_char *p, const llm_line_label_t *labels, unsigned n)
{
    u_char           *first;
    unsigned          i;
    llm_line_text_t   value;

    first = p;

    for (i = 0; i < n; i++) {
        value = labels[i].value;
        value.len = llm_text_cut(value.data, value.len, LLM_LINE_LABEL_VALUE);

        if (value.len == 0) {
            continue;
        }

        if (p == first) {
            *p++ = ' ';

        } else {
            *p++ = ',';
        }

        *p++ = '"';
        p = llm_line_text(p, &labels[i].name);
        p = llm_line_put(p, "\":\"");
        p = llm_line_text(p, &value);
        *p++ = '"';
    }

    return p;
}


u_char *
llm_line_start(u_char *p, uint64_t epoch)
{
    p = llm_line_put(p, "\",\"id\":\"");
    p = llm_line_hex(p, epoch);
    *p++ = '-';

    return p;
}


u_char *
llm_line_id(u_char *p, uint64_t epoch, uint64_t number)
{
    p = llm_line_hex(p, epoch);
    *p++ = '-';

    return llm_text_number(p, number);
}


/* The settlement's time, which nearly always shares its second, or all but the
   seconds, with the start. */

static u_char *
llm_line_later(u_char *p, const llm_line_t *line, const u_char *started)
{
    unsigned  ms;

    if (line->started < 0 || line->timestamp / 60000 != line->started / 60000) {
        return llm_line_time(p, line->timestamp);
    }

    memcpy(p, started, sizeof("2026-04-01T12:30:") - 1);
    p += sizeof("2026-04-01T12:30:") - 1;

    ms = line->timestamp % 60000;

    p = llm_text_pair(p, ms / 1000);
    *p++ = '.';

    return llm_line_ms(p, ms % 1000);
}


static u_char *
llm_line_ms(u_char *p, unsigned ms)
{
    *p++ = '0' + ms / 100;
    p = llm_text_pair(p, ms % 100);
    *p++ = 'Z';

    return p;
}


/* The text cannot forge the beginning of a line: a quote is escaped. */

static u_char *
llm_line_text(u_char *p, const llm_line_text_t *text)
{
    size_t  n;

    if (text->len == 0) {
        return p;
    }

    n = llm_text_plain(p, text->data, text->len);

    if (n == text->len) {
        return p + n;
    }

    return llm_text_json(p + n, p + text->len * 6, text->data + n,
                         text->len - n);
}


static u_char *
llm_line_count(u_char *p, int64_t n)
{
    /* most are none */

    if (n == 0) {
        *p++ = '0';
        return p;
    }

    return llm_text_number(p, n < 0 ? 0 : (uint64_t) n);
}


static u_char *
llm_line_hex(u_char *p, uint64_t n)
{
    int       i;
    uint64_t  digits, letters;

    for (i = 0; i < 2; i++) {

        /* the upper half's digits, each in a byte of its own */

        digits = n >> 32;
        digits = (digits | digits << 16) & 0x0000ffff0000ffff;
        digits = (digits | digits << 8) & 0x00ff00ff00ff00ff;
        digits = (digits | digits << 4) & 0x0f0f0f0f0f0f0f0f;

        /* with six more, what is a letter has a fifth bit */

        letters = (digits + 0x0606060606060606) >> 4 & 0x0101010101010101;
        digits += 0x3030303030303030 + letters * ('a' - '0' - 10);

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
        digits = __builtin_bswap64(digits);
#endif

        memcpy(p, &digits, 8);
        p += 8;
        n <<= 32;
    }

    return p;
}


u_char *
llm_line_time(u_char *p, int64_t ms)
{
    uint64_t  days;
    unsigned  era, doe, yoe, doy, mp, year, month, day, left;

    if (ms < 0) {
        ms = 0;
    }

    days = (uint64_t) ms / 86400000;
    left = (uint64_t) ms % 86400000;

    /* the civil date of a day number: years of 400-year eras that begin in
       March, so that the leap day is their last */

    days += 719468;
    era = days / 146097;
    doe = days % 146097;
    yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    mp = (5 * doy + 2) / 153;
    day = doy - (153 * mp + 2) / 5 + 1;
    month = mp < 10 ? mp + 3 : mp - 9;
    year = yoe + era * 400 + (month <= 2);

    p = llm_text_pair(p, year / 100 % 100);
    p = llm_text_pair(p, year % 100);
    *p++ = '-';
    p = llm_text_pair(p, month);
    *p++ = '-';
    p = llm_text_pair(p, day);
    *p++ = 'T';
    p = llm_text_pair(p, left / 3600000);
    *p++ = ':';
    p = llm_text_pair(p, left / 60000 % 60);
    *p++ = ':';
    p = llm_text_pair(p, left / 1000 % 60);
    *p++ = '.';

    return llm_line_ms(p, left % 1000);
}


int
llm_line_segment(const u_char *name, size_t len, uint64_t *epoch,
    uint32_t *number)
{
    u_char  c;
    size_t  i;

    if (len < sizeof("usage-20260401T123005Z-0123456789abcdef-0000.jsonl") - 1
        || memcmp(name, "usage-", 6) != 0
        || name[22] != '-' || name[39] != '-'
        || memcmp(name + len - 6, ".jsonl", 6) != 0)
    {
        return -1;
    }

    *epoch = 0;
    *number = 0;

    for (i = 23; i < 39; i++) {
        c = name[i];

        if (c >= '0' && c <= '9') {
            *epoch = *epoch << 4 | (uint64_t) (c - '0');

        } else if (c >= 'a' && c <= 'f') {
            *epoch = *epoch << 4 | (uint64_t) (c - 'a' + 10);

        } else {
            return -1;
        }
    }

    for (i = 40; i < len - 6; i++) {

        if (name[i] < '0' || name[i] > '9'
            || __builtin_mul_overflow(*number, 10, number)
            || __builtin_add_overflow(*number, name[i] - '0', number))
        {
            return -1;
        }
    }

    return 0;
}
