
/*
 * Copyright (C) the llm_quota authors
 */


#include <string.h>

#include "llm_line.h"
#include "llm_money.h"
#include "llm_text.h"


static u_char *llm_line_literal(u_char *p, const char *s);
static u_char *llm_line_string(u_char *p, const char *name,
    const llm_line_text_t *text);
static u_char *llm_line_number(u_char *p, const char *name, int64_t n);
static u_char *llm_line_digits(u_char *p, uint64_t n, unsigned width);
static u_char *llm_line_hex(u_char *p, uint64_t n);


u_char *
llm_line_print(u_char *p, const llm_line_t *line)
{
    const llm_usage_t  *u;

    u = line->usage;

    p = llm_line_literal(p, "{\"type\":\"usage\",\"id\":\"");
    p = llm_line_hex(p, line->epoch);
    *p++ = '-';
    p = llm_line_digits(p, line->number, 1);
    p = llm_line_literal(p, "\",\"started\":\"");
    p = llm_line_time(p, line->started);
    p = llm_line_literal(p, "\",\"timestamp\":\"");
    p = llm_line_time(p, line->timestamp);
    *p++ = '"';

    p = llm_line_string(p, "request_id", &line->request_id);
    p = llm_line_string(p, "upstream_id", &line->upstream_id);
    p = llm_line_string(p, "team_id", &line->team);
    p = llm_line_string(p, "user_id", &line->user);
    p = llm_line_string(p, "customer_id", &line->customer);
    p = llm_line_string(p, "key_id", &line->key);
    p = llm_line_string(p, "model", &line->model);
    p = llm_line_string(p, "response_model", &line->response_model);
    p = llm_line_string(p, "price_id", &line->price_id);

    p = llm_line_number(p, "prompt_tokens", u->input);
    p = llm_line_number(p, "completion_tokens", u->output);
    p = llm_line_number(p, "total_tokens", llm_sat_add(u->input, u->output));
    p = llm_line_number(p, "cached_tokens", u->cached_read);
    p = llm_line_number(p, "cache_write_tokens",
                        llm_sat_add(u->cache_write_5m, u->cache_write_1h));
    p = llm_line_number(p, "reasoning_tokens", u->reasoning);

    p = llm_line_literal(p, ",\"cost_usd\":");
    p += llm_money_print(p, line->cost);

    p = llm_line_number(p, "status", line->status);

    p = llm_line_literal(p, ",\"source\":\"");
    p = llm_line_literal(p, line->source);
    p = llm_line_literal(p, line->stream ? "\",\"stream\":true"
                                         : "\",\"stream\":false");
    p = llm_line_number(p, "duration_ms", line->duration);
    p = llm_line_literal(p, ",\"labels\":{}}\n");

    return p;
}


static u_char *
llm_line_literal(u_char *p, const char *s)
{
    size_t  n;

    n = strlen(s);
    memcpy(p, s, n);

    return p + n;
}


static u_char *
llm_line_string(u_char *p, const char *name, const llm_line_text_t *text)
{
    p = llm_line_literal(p, ",\"");
    p = llm_line_literal(p, name);
    p = llm_line_literal(p, "\":\"");

    /* the text cannot forge the beginning of a line: a quote is escaped */

    p = llm_text_json(p, p + text->len * 6, text->data, text->len);
    *p++ = '"';

    return p;
}


static u_char *
llm_line_number(u_char *p, const char *name, int64_t n)
{
    p = llm_line_literal(p, ",\"");
    p = llm_line_literal(p, name);
    p = llm_line_literal(p, "\":");

    return llm_line_digits(p, n < 0 ? 0 : (uint64_t) n, 1);
}


static u_char *
llm_line_digits(u_char *p, uint64_t n, unsigned width)
{
    unsigned  len;
    u_char    digits[20];

    len = 0;

    do {
        digits[len++] = '0' + n % 10;
        n /= 10;
    } while (n || len < width);

    while (len) {
        *p++ = digits[--len];
    }

    return p;
}


static u_char *
llm_line_hex(u_char *p, uint64_t n)
{
    int                shift;
    static const char  hex[] = "0123456789abcdef";

    for (shift = 60; shift >= 0; shift -= 4) {
        *p++ = hex[(n >> shift) & 0xf];
    }

    return p;
}


u_char *
llm_line_time(u_char *p, int64_t ms)
{
    uint64_t  days, era, doe, yoe, doy, mp, year, month, day, left;

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

    p = llm_line_digits(p, year % 10000, 4);
    *p++ = '-';
    p = llm_line_digits(p, month, 2);
    *p++ = '-';
    p = llm_line_digits(p, day, 2);
    *p++ = 'T';
    p = llm_line_digits(p, left / 3600000, 2);
    *p++ = ':';
    p = llm_line_digits(p, left / 60000 % 60, 2);
    *p++ = ':';
    p = llm_line_digits(p, left / 1000 % 60, 2);
    *p++ = '.';
    p = llm_line_digits(p, left % 1000, 3);
    *p++ = 'Z';

    return p;
}
