
/*
 * Copyright (C) the llm_quota authors
 */


#define _GNU_SOURCE
#include <time.h>

#include <jansson.h>

#include "tap.h"
#include "llm_line_read.h"
#include "llm_money.h"


#define MARK   LLM_LINE_MARK
#define DAY    86400000LL
#define LAST   253402300799999LL     /* of the year 9999 */
#define TEXTS  9


static uint64_t  seed = 0x9e3779b97f4a7c15;


static uint64_t
rnd(uint64_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;

    return (seed >> 11) % n;
}


static void
set(llm_line_text_t *text, const char *data)
{
    text->data = (const u_char *) data;
    text->len = strlen(data);
}


static void
texts_of(llm_line_t *line, llm_line_text_t **texts)
{
    texts[0] = &line->request_id;
    texts[1] = &line->upstream_id;
    texts[2] = &line->team;
    texts[3] = &line->user;
    texts[4] = &line->customer;
    texts[5] = &line->key;
    texts[6] = &line->model;
    texts[7] = &line->response_model;
    texts[8] = &line->price_id;
}


static void
init(llm_line_t *line, llm_usage_t *usage)
{
    memset(line, 0, sizeof(llm_line_t));
    memset(usage, 0, sizeof(llm_usage_t));

    line->usage = usage;
    line->source = "none";
    line->requests = 1;
}


/* A buffer of just the size that is promised: the sanitizer sees what is
   written beyond it. */

static u_char *
print(const llm_line_t *line, size_t *len)
{
    u_char  *p;

    p = malloc(LLM_LINE_MAX);
    *len = llm_line_print(p, line) - p;

    return p;
}


static int
has(const u_char *p, size_t len, const char *text)
{
    return memmem(p, len, text, strlen(text)) != NULL;
}


static void
test_bytes(void)
{
    size_t        len, of;
    u_char       *p, start[LLM_LINE_START];
    llm_line_t    line;
    llm_usage_t   usage;

    init(&line, &usage);

    p = print(&line, &len);

    is_mem(p, len,
           MARK "usage\",\"id\":\"0000000000000000-0\","
           "\"started\":\"1970-01-01T00:00:00.000Z\","
           "\"timestamp\":\"1970-01-01T00:00:00.000Z\","
           "\"request_id\":\"\",\"upstream_id\":\"\",\"team_id\":\"\","
           "\"user_id\":\"\",\"customer_id\":\"\",\"key_id\":\"\","
           "\"model\":\"\",\"response_model\":\"\",\"price_id\":\"\","
           "\"prompt_tokens\":0,\"completion_tokens\":0,\"total_tokens\":0,"
           "\"cached_tokens\":0,\"cache_write_tokens\":0,"
           "\"reasoning_tokens\":0,\"cost_usd\":0,\"status\":0,"
           "\"source\":\"none\",\"stream\":false,\"duration_ms\":0,"
           "\"labels\":{}}\n",
           "a line of nothing");

    free(p);

    line.epoch = 0x0123456789abcdefULL;
    line.number = 42;
    line.started = 1775046604311;
    line.timestamp = 1775046605123;
    line.duration = 812;

    set(&line.request_id, "r");
    set(&line.upstream_id, "chatcmpl-1");
    set(&line.team, "marketing");
    set(&line.user, "alice");
    set(&line.customer, "c \"1\"\\");
    set(&line.key, "k");
    set(&line.model, "gpt-4.1-mini");
    set(&line.response_model, "gpt-4.1-mini-2025-04-14");
    set(&line.price_id, "gpt-4.1-mini");

    usage.input = 250;
    usage.output = 200;
    usage.cached_read = 100;
    usage.cache_write_5m = 20;
    usage.cache_write_1h = 30;
    usage.reasoning = 7;
    usage.audio_in = 1;
    usage.web_searches = 2;
    usage.cost = 99;

    line.counted = 250;
    line.cost = 2500000;
    line.status = 200;
    line.source = "upstream";
    line.stream = 1;

    p = print(&line, &len);

    is_mem(p, len,
           MARK "usage\",\"id\":\"0123456789abcdef-42\","
           "\"started\":\"2026-04-01T12:30:04.311Z\","
           "\"timestamp\":\"2026-04-01T12:30:05.123Z\","
           "\"request_id\":\"r\",\"upstream_id\":\"chatcmpl-1\","
           "\"team_id\":\"marketing\",\"user_id\":\"alice\","
           "\"customer_id\":\"c \\\"1\\\"\\\\\",\"key_id\":\"k\","
           "\"model\":\"gpt-4.1-mini\","
           "\"response_model\":\"gpt-4.1-mini-2025-04-14\","
           "\"price_id\":\"gpt-4.1-mini\","
           "\"prompt_tokens\":250,\"completion_tokens\":200,"
           "\"total_tokens\":450,\"cached_tokens\":100,"
           "\"cache_write_tokens\":50,\"reasoning_tokens\":7,"
           "\"cost_usd\":0.0025,\"status\":200,\"source\":\"upstream\","
           "\"stream\":true,\"duration_ms\":812,"
           "\"counted_tokens\":250,\"labels\":{}}\n",
           "a line of everything");

    len = llm_line_start(start, line.epoch) - start;

    free(p);

    line.of = 7;
    line.requests = 0;
    p = print(&line, &of);

    ok(of > len && memcmp(p, MARK "usage\",\"id\":\"0123456789abcdef-42\","
                          "\"of\":\"0123456789abcdef-7\",\"started\":", 77)
                   == 0, "a charge of another line's request");
    ok(memmem(p, of, ",\"requests\":0,", 14) != NULL, "which is none itself");

    free(p);

    line.of_epoch = 0xfedcba9876543210ULL;
    set(&line.pending.id, "resp_\"1\"");
    p = print(&line, &of);

    ok(has(p, of, ",\"of\":\"fedcba9876543210-7\","), "of another zone's line");
    ok(has(p, of, ",\"pending\":{\"id\":\"resp_\\\"1\\\"\"},\"labels\""),
       "the answer that it charges");

    free(p);

    line.pending.expected = 1;
    line.pending.tier = 2;
    line.pending.input = 3;
    line.pending.output = 4;
    line.pending.cost = 5;
    p = print(&line, &of);

    ok(has(p, of, "\"\",\"tier\":2,\"prompt_tokens\":3,"
           "\"completion_tokens\":4,\"cost_usd\":0.000000005},\"labels\""),
       "what is expected of one that is pending");

    free(p);

    line.pending.id.len = 0;
    p = print(&line, &of);

    ok(!has(p, of, "pending"), "most have none");

    ok(len <= LLM_LINE_START && memcmp(p + sizeof(MARK "usage") - 1, start, len)
                                == 0
       && memcmp(p + sizeof(MARK "usage") - 1 + len, "42\"", 3) == 0,
       "what follows the type in lines of the epoch");

    free(p);
}


/* What cannot be is still a line that can be read. */

static void
test_negative(void)
{
    size_t        len;
    u_char       *p;
    json_t       *json;
    llm_line_t    line;
    llm_usage_t   usage;

    init(&line, &usage);

    usage.input = -1;
    usage.output = INT64_MIN;
    usage.cached_read = -5;
    line.started = -1;
    line.timestamp = 0;
    line.duration = -3;

    p = print(&line, &len);
    json = json_loadb((char *) p, len, 0, NULL);

    ok(json != NULL, "negative counts: JSON");
    is_int(json_integer_value(json_object_get(json, "prompt_tokens")), 0,
           "negative input");
    is_int(json_integer_value(json_object_get(json, "total_tokens")), 0,
           "negative sum");
    is_int(json_integer_value(json_object_get(json, "duration_ms")), 0,
           "negative duration");
    ok(strcmp(json_string_value(json_object_get(json, "started")),
              "1970-01-01T00:00:00.000Z") == 0, "a start before the epoch");

    json_decref(json);
    free(p);
}


static int
same_time(int64_t ms)
{
    char       expected[64];
    u_char     got[LLM_LINE_TIME];
    time_t     sec;
    struct tm  tm;

    sec = ms / 1000;
    gmtime_r(&sec, &tm);

    snprintf(expected, sizeof(expected), "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ",
             tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour,
             tm.tm_min, tm.tm_sec, (int) (ms % 1000));

    return llm_line_time(got, ms) - got == LLM_LINE_TIME
           && memcmp(got, expected, LLM_LINE_TIME) == 0;
}


static void
test_time(void)
{
    int      n, bad;
    u_char   buf[LLM_LINE_TIME];
    int64_t  day;

    (void) llm_line_time(buf, 1709210096007);
    is_mem(buf, LLM_LINE_TIME, "2024-02-29T12:34:56.007Z", "a leap day");

    (void) llm_line_time(buf, 4107542399999);
    is_mem(buf, LLM_LINE_TIME, "2100-02-28T23:59:59.999Z",
           "the end of a February that has no leap day");

    (void) llm_line_time(buf, 4107542400000);
    is_mem(buf, LLM_LINE_TIME, "2100-03-01T00:00:00.000Z", "and what follows");

    (void) llm_line_time(buf, -1);
    is_mem(buf, LLM_LINE_TIME, "1970-01-01T00:00:00.000Z",
           "nothing is before the epoch");

    /* 400 years have every kind of year */

    for (bad = 0, day = 0; day < 400 * 366; day++) {
        bad += !same_time(day * DAY) || !same_time(day * DAY + DAY - 1);
    }

    is_int(bad, 0, "the days of 400 years");

    for (bad = 0, n = 0; n < 100000; n++) {
        bad += !same_time((int64_t) rnd(LAST + 1));
    }

    is_int(bad, 0, "times at random, to the end of the year 9999");
}


/* The second time stamp of a line is printed with help of the first. */

static void
test_times(void)
{
    int           i, bad;
    size_t        len;
    u_char       *p, expected[LLM_LINE_TIME];
    const char   *at;
    llm_line_t    line;
    llm_usage_t   usage;

    static const int64_t  apart[] = {
        0, 1, 999, 1000, 59999, 60000, 60001, 3599999, 3600000, DAY - 1, DAY,
        31 * DAY, 366 * DAY, -1, -999, -60000, -DAY
    };

    static const int64_t  starts[] = {
        0, 59000, 59999, 1709251199999, 1709164800000, 1735689599500,
        1775046604311
    };

    init(&line, &usage);

    for (bad = 0, i = 0; i < 20000; i++) {
        line.started = starts[rnd(sizeof(starts) / sizeof(starts[0]))]
                       + (int64_t) rnd(2) * (int64_t) rnd(60000);
        line.timestamp = line.started
                         + apart[rnd(sizeof(apart) / sizeof(apart[0]))];

        if (line.timestamp < 0) {
            continue;
        }

        p = print(&line, &len);
        p[len - 1] = '\0';

        at = strstr((char *) p, "\"started\":\"") + 11;
        (void) llm_line_time(expected, line.started);
        bad += memcmp(at, expected, LLM_LINE_TIME) != 0;

        at = strstr((char *) p, "\"timestamp\":\"") + 13;
        (void) llm_line_time(expected, line.timestamp);
        bad += memcmp(at, expected, LLM_LINE_TIME) != 0;

        free(p);
    }

    is_int(bad, 0, "a start and an end, whatever is between them");
}


/* The longest line there can be: in all other fields the largest number, and
   bytes that take six in one of the texts. */

static void
test_longest(void)
{
    int               i, k;
    size_t            len;
    u_char           *p, text[LLM_LINE_TEXT];
    llm_line_t        line;
    llm_usage_t       usage;
    llm_line_text_t  *texts[TEXTS];

    memset(text, 0x01, sizeof(text));

    for (i = 0; i < TEXTS; i++) {
        init(&line, &usage);
        texts_of(&line, texts);

        usage.input = INT64_MAX;
        usage.output = INT64_MAX;
        usage.cached_read = INT64_MAX;
        usage.cache_write_5m = INT64_MAX;
        usage.cache_write_1h = INT64_MAX;
        usage.reasoning = INT64_MAX;

        line.epoch = UINT64_MAX;
        line.number = UINT64_MAX;
        line.of = UINT64_MAX;
        line.started = LAST;
        line.timestamp = LAST;
        line.duration = INT64_MAX;
        line.cost = INT64_MAX;
        line.status = UINT32_MAX;
        line.source = "estimated";

        texts[i]->data = text;
        texts[i]->len = sizeof(text);

        for (k = 0; k < LLM_LINE_TAGS; k++) {
            line.tags[k].data = text;
            line.tags[k].len = LLM_LINE_TAG;
        }

        line.ntags = LLM_LINE_TAGS;

        p = print(&line, &len);

        ok(len > 6 * LLM_LINE_TEXT && len <= LLM_LINE_MAX
           && memcmp(p + len - 4, "{}}\n", 4) == 0,
           "text %d: whole, %zu bytes of %d", i, len, LLM_LINE_MAX);

        free(p);
    }
}


/* Whatever is in a text: one line, valid JSON, whose beginning is found only
   where it begins; and the text comes out as it was. */

static void
test_hostile(void)
{
    int               i, n, lines, marks, json_bad, text_bad;
    size_t            len, at;
    u_char           *p, text[TEXTS][128];
    json_t           *json, *value;
    const char       *piece;
    llm_line_t        line;
    llm_usage_t       usage;
    llm_line_text_t  *texts[TEXTS];

    static const char  *names[TEXTS] = {
        "request_id", "upstream_id", "team_id", "user_id", "customer_id",
        "key_id", "model", "response_model", "price_id"
    };

    static const char  *pieces[] = {
        MARK, MARK "usage\",\"id\":\"", "{", "\"", "\\", "\\\"", "type", ":",
        "\n", "\r\n", "\t", "\x01", "\x1f", "\x7f",
        "\",\"cost_usd\":0,\"x\":\"",
        "\xc3\xa9", "\xe2\x80\xa8", "\xf0\x9f\x92\xb8", "\\u0022", "}", "%00"
    };

    lines = 0;
    marks = 0;
    json_bad = 0;
    text_bad = 0;

    for (n = 0; n < 20000; n++) {

        init(&line, &usage);
        texts_of(&line, texts);

        for (i = 0; i < TEXTS; i++) {
            texts[i]->data = text[i];

            for ( ;; ) {
                piece = pieces[rnd(sizeof(pieces) / sizeof(pieces[0]))];
                len = strlen(piece);

                if (texts[i]->len + len > sizeof(text[i]) || rnd(8) == 0) {
                    break;
                }

                memcpy(text[i] + texts[i]->len, piece, len);
                texts[i]->len += len;
            }
        }

        p = print(&line, &len);

        for (at = 0; at < len; at++) {
            lines += (p[at] == '\n' || p[at] == '\r');
            marks += (len - at >= sizeof(MARK) - 1
                      && memcmp(p + at, MARK, sizeof(MARK) - 1) == 0);
        }

        json = json_loadb((char *) p, len, JSON_REJECT_DUPLICATES, NULL);
        json_bad += (json == NULL);

        for (i = 0; json != NULL && i < TEXTS; i++) {
            value = json_object_get(json, names[i]);

            text_bad += json_string_length(value) != texts[i]->len
                        || memcmp(json_string_value(value), text[i],
                                  texts[i]->len) != 0;
        }

        json_decref(json);
        free(p);
    }

    is_int(lines, n, "hostile text: as many lines as there are");
    is_int(marks, n, "hostile text: as many beginnings");
    is_int(json_bad, 0, "hostile text: JSON");
    is_int(text_bad, 0, "hostile text: comes out as it was");
}


/* Bytes that are no text become U+FFFD, and the line is still one. */

static void
test_random(void)
{
    int           n, lines, marks, bad;
    size_t        i, len;
    u_char       *p, text[200];
    json_t       *json;
    llm_line_t    line;
    llm_usage_t   usage;

    init(&line, &usage);

    line.model.data = text;
    lines = 0;
    marks = 0;
    bad = 0;

    for (n = 0; n < 50000; n++) {

        line.model.len = rnd(sizeof(text));

        for (i = 0; i < line.model.len; i++) {
            text[i] = rnd(256);
        }

        p = print(&line, &len);

        for (i = 0; i < len; i++) {
            lines += (p[i] == '\n');
            marks += (len - i >= sizeof(MARK) - 1
                      && memcmp(p + i, MARK, sizeof(MARK) - 1) == 0);
        }

        json = json_loadb((char *) p, len, JSON_ALLOW_NUL, NULL);
        bad += (json == NULL);

        json_decref(json);
        free(p);
    }

    is_int(lines, n, "random bytes: as many lines");
    is_int(marks, n, "random bytes: as many beginnings");
    is_int(bad, 0, "random bytes: JSON in UTF-8");
}


/* What is told of changes is read over, however long its texts are. */

static void
test_change(void)
{
    u_char             *p, *last, text[1000];
    const u_char       *at;
    llm_line_change_t   change;

    static llm_entry_t  entry;

    memset(&change, 0, sizeof(llm_line_change_t));
    memset(text, 0x01, sizeof(text));

    p = malloc(LLM_FACT_MAX);

    change.epoch = UINT64_MAX;
    change.version = 42;
    change.kind.data = (const u_char *) "team";
    change.kind.len = 4;

    last = llm_line_change(p, &change);

    ok(memmem(p, last - p, "\"id\":\"ffffffffffffffff-c42\"", 27) != NULL
       && memmem(p, last - p, "\"version\":42,", 13) != NULL,
       "a change: %.*s", (int) (last - p - 1), p);

    change.version = INT64_MAX;
    change.action.data = change.id.data = change.reason.data = text;
    change.who.data = change.who_key.data = change.address.data = text;
    change.action.len = change.id.len = change.reason.len = sizeof(text);
    change.who.len = change.who_key.len = change.address.len = sizeof(text);

    last = llm_line_change(p, &change);
    at = p;

    ok(last - p <= LLM_FACT_MAX
       && llm_line_read(&at, last, &entry) == LLM_LINE_OK && at == last
       && !entry.usage && !entry.correction && !entry.reset,
       "the longest, %d bytes, is nothing to add", (int) (last - p));

    free(p);
}


static void
test_segment(void)
{
    size_t       i;
    uint64_t     epoch;
    uint32_t     number;
    const char  *name;

    static const char *const  bad[] = {
        "", "quota.db", "usage-20260401T123005Z-0123456789abcdef-.jsonl",
        "usage-20260401T123005Z-0123456789abcdef-0000.json",
        "usage-20260401T123005Z-0123456789ABCDEF-0000.jsonl",
        "usage-20260401T123005Z-0123456789abcdef-00a0.jsonl",
        "usage-20260401T123005Z-0123456789abcdef-99999999999.jsonl",
        "usage-20260401T123005Z-0123456789abcde-00000.jsonl",
        "usage_20260401T123005Z-0123456789abcdef-0000.jsonl"
    };

    name = "usage-20260401T123005Z-0123456789abcdef-0007.jsonl";
    ok(llm_line_segment((u_char *) name, strlen(name), &epoch, &number) == 0
       && epoch == 0x0123456789abcdefULL && number == 7, "a segment");

    name = "usage-20260401T123005Z-fedcba9876543210-12345.jsonl";
    ok(llm_line_segment((u_char *) name, strlen(name), &epoch, &number) == 0
       && epoch == 0xfedcba9876543210ULL && number == 12345, "a later one");

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ok(llm_line_segment((u_char *) bad[i], strlen(bad[i]), &epoch,
                            &number)
           == -1, "none: \"%s\"", bad[i]);
    }
}


int
main(void)
{
    test_bytes();
    test_negative();
    test_time();
    test_times();
    test_longest();
    test_hostile();
    test_random();
    test_change();
    test_segment();

    return tap_done();
}
