
/*
 * Copyright (C) the llm_quota authors
 */


#define _GNU_SOURCE

#include "tap.h"
#include "llm_line_read.h"


/* What is written is read again, and what is torn loses itself alone. */


#define LINES  40


static uint64_t  seed = 0x9e3779b97f4a7c15;


static uint64_t
rnd(uint64_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;

    return (seed >> 11) % n;
}


static const char  *names[] = {
    "", "a", "marketing", "{\"type\":\"usage\"", "\\\"\n\t", "\xc3\xa4\xe2\x82",
    "\",\"cost_usd\":99,\"x\":\"", "\xf0\x9f\x92\xb8 money"
};


static void
name(llm_line_text_t *text)
{
    const char  *s;

    s = names[rnd(sizeof(names) / sizeof(names[0]))];

    text->data = (const u_char *) s;
    text->len = strlen(s);
}


static void
make(llm_line_t *line, llm_usage_t *usage, uint64_t number)
{
    memset(line, 0, sizeof(llm_line_t));
    memset(usage, 0, sizeof(llm_usage_t));

    line->usage = usage;
    line->epoch = 0xfedcba9876543210ULL;
    line->number = number;
    line->timestamp = 1775046605123 + (int64_t) rnd(100000000000);
    line->duration = rnd(100000);
    line->started = line->timestamp - line->duration;
    line->cost = rnd(1000000000000);
    line->status = 200;
    line->source = rnd(2) ? "upstream" : "estimated";
    line->requests = 1 + rnd(3);
    line->stream = rnd(2);

    usage->input = rnd(1000000);
    usage->output = rnd(1000000);
    usage->cached_read = rnd(1000);
    usage->cache_write_5m = rnd(1000);
    usage->reasoning = rnd(1000);

    usage->input += usage->cached_read;
    line->counted = rnd(2) ? usage->input : usage->input - usage->cached_read;

    name(&line->team);
    name(&line->user);
    name(&line->customer);
    name(&line->key);
    name(&line->model);
    name(&line->response_model);
    name(&line->request_id);
    name(&line->upstream_id);
    name(&line->price_id);
    name(&line->pending.id);

    if (line->pending.id.len && rnd(2)) {
        line->source = "pending";
        line->pending.expected = 1;
        line->pending.tier = rnd(4);
        line->pending.input = rnd(1000);
        line->pending.output = rnd(1000);
        line->pending.cost = rnd(1000000000000);
    }
}


static int
same_text(const llm_line_text_t *a, const llm_line_text_t *b)
{
    return a->len == b->len
           && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}


/* Invalid UTF-8 was replaced when it was written. */

static int
same_name(const llm_line_text_t *a, const llm_line_text_t *b)
{
    return memchr(b->data, 0xe2, b->len) ? a->len >= b->len : same_text(a, b);
}


static int
same(const llm_entry_t *e, const llm_line_t *line)
{
    return e->usage
           && e->epoch == line->epoch
           && e->number == line->number
           && e->started == line->started
           && e->timestamp == line->timestamp
           && e->cost == line->cost
           && e->count[LLM_ENTRY_INPUT] == line->usage->input
           && e->count[LLM_ENTRY_OUTPUT] == line->usage->output
           && e->count[LLM_ENTRY_CACHED] == line->usage->cached_read
           && e->count[LLM_ENTRY_CACHE_WRITE] == line->usage->cache_write_5m
           && e->count[LLM_ENTRY_REASONING] == line->usage->reasoning
           && e->count[LLM_ENTRY_STATUS] == line->status
           && e->count[LLM_ENTRY_REQUESTS] == line->requests
           && e->count[LLM_ENTRY_COUNTED] == line->counted
           && same_name(&e->text[LLM_ENTRY_TEAM], &line->team)
           && same_name(&e->text[LLM_ENTRY_USER], &line->user)
           && same_name(&e->text[LLM_ENTRY_CUSTOMER], &line->customer)
           && same_name(&e->text[LLM_ENTRY_KEY], &line->key)
           && same_name(&e->text[LLM_ENTRY_MODEL], &line->model)
           && same_name(&e->text[LLM_ENTRY_RESPONSE_MODEL],
                        &line->response_model)
           && same_name(&e->text[LLM_ENTRY_REQUEST], &line->request_id)
           && same_name(&e->text[LLM_ENTRY_UPSTREAM], &line->upstream_id)
           && same_name(&e->text[LLM_ENTRY_PRICE], &line->price_id)
           && same_name(&e->text[LLM_ENTRY_PENDING], &line->pending.id)
           && e->pending == line->pending.expected
           && e->stream == line->stream
           && e->count[LLM_ENTRY_TIER] == line->pending.tier
           && e->count[LLM_ENTRY_EXPECTED_INPUT] == line->pending.input
           && e->count[LLM_ENTRY_EXPECTED_OUTPUT] == line->pending.output
           && e->expected_cost == line->pending.cost
           && e->labels.len == 2
           && memcmp(e->labels.data, "{}", 2) == 0;
}


/* Lines read from a copy of their own size; returns how many, and of how many
   torn pieces; *at is where it stopped. */

static llm_entry_t  entry;


static unsigned
count(const u_char *p, size_t n, unsigned *torn, size_t *at)
{
    u_char        *copy;
    unsigned       lines;
    const u_char  *pos;

    copy = malloc(n + 1);
    memcpy(copy, p, n);

    lines = 0;
    *torn = 0;
    pos = copy;

    for ( ;; ) {

        switch (llm_line_read(&pos, copy + n, &entry)) {

        case LLM_LINE_OK:
            lines++;
            continue;

        case LLM_LINE_TORN:
            (*torn)++;
            continue;

        default: /* LLM_LINE_AGAIN */
            break;
        }

        break;
    }

    *at = pos - copy;
    free(copy);

    return lines;
}


static u_char       text[LINES * LLM_LINE_MAX];
static size_t       ends[LINES];
static llm_line_t   lines[LINES];
static llm_usage_t  usages[LINES];


static size_t
print_all(void)
{
    u_char    *p;
    unsigned   i;

    p = text;

    for (i = 0; i < LINES; i++) {
        make(&lines[i], &usages[i], i);
        p = llm_line_print(p, &lines[i]);
        ends[i] = p - text;
    }

    return p - text;
}


static void
test_read(void)
{
    size_t         n, at;
    unsigned       i, torn, good;
    const u_char  *p;

    good = 0;

    n = print_all();
    p = text;

    for (i = 0; i < LINES; i++) {
        good += (llm_line_read(&p, text + n, &entry) == LLM_LINE_OK
                 && p == text + ends[i] && same(&entry, &lines[i]));
    }

    is_int(good, LINES, "what is written is read");
    is_int(llm_line_read(&p, text + n, &entry), LLM_LINE_AGAIN, "to the end");

    good = 0;

    for (i = 0; i < ends[2]; i++) {
        good += (count(text, i, &torn, &at)
                 == (i >= ends[0]) + (unsigned) (i >= ends[1])
                 && torn == 0
                 && at == (i >= ends[1] ? ends[1] : i >= ends[0] ? ends[0]
                                                                 : 0));
    }

    is_int(good, ends[2], "a line that is not whole yet is waited for");
}


/* The second of three lines is torn at every byte, and the rest of it lost:
   with or without a newline behind the piece. */

static void
test_torn(void)
{
    size_t    i, n, at;
    u_char   *p;
    unsigned  torn, glued, apart;

    p = malloc(4 * LLM_LINE_MAX);
    glued = 0;
    apart = 0;

    for (i = ends[0]; i < ends[1] - 1; i++) {
        memcpy(p, text, i);
        memcpy(p + i, text + ends[1], ends[2] - ends[1]);
        n = i + ends[2] - ends[1];

        glued += (count(p, n, &torn, &at) == 2 && at == n
                  && torn == (i > ends[0]));

        p[i] = '\n';
        memcpy(p + i + 1, text + ends[1], ends[2] - ends[1]);
        n++;

        apart += (count(p, n, &torn, &at) == 2 && at == n && torn == 1);
    }

    is_int(glued, ends[1] - 1 - ends[0], "a torn line hides not the next");
    is_int(apart, ends[1] - 1 - ends[0], "nor does one that was ended");

    free(p);
}


/* Whatever bytes are changed, the other lines are there. */

static void
test_damage(void)
{
    size_t    n, at;
    u_char   *p;
    unsigned  i, k, torn, good;

    n = ends[9];
    p = malloc(n);
    good = 0;

    for (i = 0; i < 3000; i++) {
        memcpy(p, text, n);

        for (k = 0; k < 1 + rnd(4); k++) {
            p[ends[3] + rnd(ends[4] - ends[3] - 1)] = (u_char) rnd(256);
        }

        good += (count(p, n, &torn, &at) >= 9 && at == n);
    }

    is_int(good, 3000, "damage to a line costs that line");
    free(p);

    p = malloc(3 * LLM_LINE_MAX);
    memset(p, 'x', 2 * LLM_LINE_MAX);
    memcpy(p + 2 * LLM_LINE_MAX, text, ends[0]);

    is_int(count(p, 2 * LLM_LINE_MAX + ends[0], &torn, &at), 1,
           "rubbish without an end is passed over");

    memset(p, 0, 2 * LLM_LINE_MAX);

    is_int(count(p, 2 * LLM_LINE_MAX + ends[0], &torn, &at), 1,
           "and so are zeros, as a power cut leaves them");
    free(p);
}


static const char  *bad_lines[] = {
    "\n", "{}\n", "[]\n", "{\"type\":\"\n", "{\"type\":\"usage\"}\n",
    "{\"type\":\"usage\",\"id\":\"0000000000000000-1\"}\n",
    "{\"type\":\"usage\",\"id\":\"000000000000000G-1\",\"started\":"
        "\"2026-04-01T12:30:05.123Z\",\"timestamp\":"
        "\"2026-04-01T12:30:05.123Z\"}\n",
    "{\"type\":\"usage\",\"id\":\"0000000000000000-99999999999999999999\","
        "\"started\":\"2026-04-01T12:30:05.123Z\",\"timestamp\":"
        "\"2026-04-01T12:30:05.123Z\"}\n",
    "{\"type\":\"usage\",\"id\":\"0000000000000000-1\",\"started\":"
        "\"2026-13-01T12:30:05.123Z\",\"timestamp\":"
        "\"2026-04-01T12:30:05.123Z\"}\n",
    "{\"type\":\"usage\",\"id\":\"0000000000000000-1\",\"started\":"
        "\"2026-04-01T12:30:05.123Z\",\"timestamp\":"
        "\"2026-04-01T12:30:05.123Z\",\"prompt_tokens\":\"1\"}\n",
    "{\"type\":\"usage\",\"id\":\"0000000000000000-1\",\"started\":"
        "\"2026-04-01T12:30:05.123Z\",\"timestamp\":"
        "\"2026-04-01T12:30:05.123Z\",\"prompt_tokens\":99999999999999999}\n",
    "{\"type\":\"usage\",\"id\":\"0000000000000000-1\",\"started\":"
        "\"2026-04-01T12:30:05.123Z\",\"timestamp\":"
        "\"2026-04-01T12:30:05.123Z\",\"cost_usd\":\"free\"}\n"
};


static void
test_bad(void)
{
    unsigned       i;
    const u_char  *p, *last;

    for (i = 0; i < sizeof(bad_lines) / sizeof(bad_lines[0]); i++) {
        p = (const u_char *) bad_lines[i];
        last = p + strlen(bad_lines[i]);

        ok(llm_line_read(&p, last, &entry) == LLM_LINE_TORN && p == last,
           "bad line %u is passed over", i);
    }

    p = (const u_char *) "{\"type\":\"change\",\"team_id\":\"a\"}\n";
    last = p + strlen((const char *) p);

    ok(llm_line_read(&p, last, &entry) == LLM_LINE_OK && !entry.usage,
       "a line of another type is read, and is no usage");

    p = (const u_char *) "{\"type\":\"usage\",\"id\":\"0000000000000001-7\","
                         "\"started\":\"2026-04-01T12:30:05.123Z\","
                         "\"timestamp\":\"2026-04-01T12:30:05.123Z\","
                         "\"cost_usd\":-0.000000001,\"more\":[1,{}],"
                         "\"labels\":{\"app\":\"we\\\"b\"}}\n";
    last = p + strlen((const char *) p);

    is_int(llm_line_read(&p, last, &entry), LLM_LINE_OK, "a correction");
    is_int(entry.cost, -1, "takes back");
    is_mem(entry.labels.data, entry.labels.len, "{\"app\":\"we\\\"b\"}",
           "its labels");
}


static llm_line_label_t
label(const char *name, const char *value)
{
    llm_line_label_t  l;

    l.name.data = (const u_char *) name;
    l.name.len = strlen(name);
    l.value.data = (const u_char *) value;
    l.value.len = strlen(value);

    return l;
}


/* The labels of a line with this object, as name=value and a semicolon. */

static const char *
labels_of(const char *object, size_t len)
{
    static char  buf[8 * 400];

    char          *p;
    u_char        *line, *last;
    unsigned       i;
    const u_char  *at;

    line = malloc(len + 200);
    last = line + sprintf((char *) line, "{\"type\":\"usage\",\"id\":"
                          "\"0000000000000001-7\",\"started\":"
                          "\"2026-04-01T12:30:05.123Z\",\"timestamp\":"
                          "\"2026-04-01T12:30:05.123Z\",\"labels\":%.*s}\n",
                          (int) len, object);
    at = line;

    if (llm_line_read(&at, last, &entry) != LLM_LINE_OK) {
        free(line);
        return "torn";
    }

    free(line);

    p = buf;
    *p = '\0';

    for (i = 0; i < entry.nlabels; i++) {
        p += sprintf(p, "%.*s=%.*s;", (int) entry.label[i].name.len,
                     entry.label[i].name.data,
                     (int) entry.label[i].value.len,
                     entry.label[i].value.data);
    }

    return buf;
}


static void
test_labels(void)
{
    char               cut[LLM_LINE_LABEL_VALUE + 3];
    size_t             len;
    u_char            *p, *last;
    unsigned           i;
    const char        *got;
    llm_line_label_t   labels[LLM_LINE_LABELS];

    static const struct {
        const char  *object;
        const char  *labels;
    } objects[] = {
        { "{}", "" },
        { "{ }", "" },
        { "{\"a\":\"b\"}", "a=b;" },
        { " { \"a\" : \"b\" , \"c\" :\"d\" } ", "a=b;c=d;" },
        { "{\"a\":\"\\u00e4\\\"\\n\"}", "a=\xc3\xa4\"\n;" },
        { "{\"a\":\"\",\"b\":\"c\"}", "b=c;" },
        { "{\"\":\"a\",\"b\":\"c\"}", "b=c;" },
        { "{\"a\":\"b\",\"c\":1,\"d\":\"e\"}", "a=b;" },
        { "{\"a\":{\"b\":\"c\"},\"d\":\"e\"}", "" },
        { "{\"a\":\"b\",\"c\" \"d\"}", "a=b;" },
        { "[\"a\",\"b\"]", "" },
        { "null", "" },
        { "{\"1\":\"a\",\"2\":\"a\",\"3\":\"a\",\"4\":\"a\","
          "\"5\":\"a\",\"6\":\"a\",\"7\":\"a\",\"8\":\"a\",\"9\":\"a\"}",
          "1=a;2=a;3=a;4=a;5=a;6=a;7=a;8=a;" }
    };

    for (i = 0; i < sizeof(objects) / sizeof(objects[0]); i++) {
        got = labels_of(objects[i].object, strlen(objects[i].object));

        is_mem(got, strlen(got), objects[i].labels, "labels: %s",
               objects[i].object);
    }

    /* what is written is read; a buffer of just the size that is promised */

    memset(cut, 0x01, sizeof(cut) - 1);
    cut[sizeof(cut) - 1] = '\0';

    p = malloc(LLM_LINE_LABELS_MAX + 2);

    for (i = 0; i < LLM_LINE_LABELS; i++) {
        labels[i].name.data = (u_char *) cut;
        labels[i].name.len = LLM_LINE_LABEL_NAME;
        labels[i].value.data = (u_char *) cut;
        labels[i].value.len = sizeof(cut) - 1;
    }

    last = llm_line_labels(p + 1, labels, LLM_LINE_LABELS);
    is_int(last - p - 1, LLM_LINE_LABELS_MAX, "the longest labels");

    p[0] = '{';
    *last++ = '}';

    (void) labels_of((char *) p, last - p);
    is_int(entry.nlabels, LLM_LINE_LABELS, "are all read");
    is_int(entry.label[7].value.len, LLM_LINE_LABEL_VALUE, "as they were cut");

    labels[0] = label("type", "x");
    labels[1] = label("empty", "");
    labels[2] = label("b", "\"},{\"type\":\"");

    last = llm_line_labels(p + 1, labels, 3);
    *last++ = '}';
    len = last - p;

    ok(memmem(p, len, LLM_LINE_MARK, sizeof(LLM_LINE_MARK) - 1) == NULL,
       "labels do not begin a line");
    got = labels_of((char *) p, len);

    is_mem(got, strlen(got), "type=x;b=\"},{\"type\":\";",
           "they come out as they went in, without the empty one");

    free(p);
}


static void
test_tags(void)
{
    char           lots[2048];
    u_char        *p, *last;
    unsigned       i;
    llm_line_t     line;
    llm_usage_t    usage;
    const u_char  *at;

    static const char  *tags[] = { "app:web", "{\"type\":\"", "\xc3\xa9" };

    memset(&line, 0, sizeof(llm_line_t));
    memset(&usage, 0, sizeof(llm_usage_t));

    line.usage = &usage;
    line.requests = 1;
    line.source = "upstream";

    for (i = 0; i < 3; i++) {
        line.tags[i].data = (const u_char *) tags[i];
        line.tags[i].len = strlen(tags[i]);
    }

    p = malloc(LLM_LINE_MAX);

    for (line.ntags = 0; line.ntags <= 3; line.ntags++) {
        last = llm_line_print(p, &line);
        at = p;

        ok(llm_line_read(&at, last, &entry) == LLM_LINE_OK
           && entry.ntags == line.ntags, "%u tags", line.ntags);
        ok((memmem(p, last - p, "\"tags\"", 6) != NULL) == (line.ntags > 0),
           "none is not told");
    }

    for (i = 0; i < 3; i++) {
        is_mem(entry.tag[i].data, entry.tag[i].len, tags[i], "%s", tags[i]);
    }

    /* more than there is room for, from somebody else */

    last = (u_char *) lots;
    last += sprintf(lots, "{\"type\":\"usage\",\"id\":"
                    "\"0000000000000001-7\",\"started\":"
                    "\"2026-04-01T12:30:05.123Z\",\"timestamp\":"
                    "\"2026-04-01T12:30:05.123Z\",\"tags\":[");

    for (i = 0; i < 20; i++) {
        last += sprintf((char *) last, "%s\"t%u\"", i ? "," : "", i);
    }

    last += sprintf((char *) last, "],\"labels\":{}}\n");
    at = (u_char *) lots;

    ok(llm_line_read(&at, last, &entry) == LLM_LINE_OK
       && entry.ntags == LLM_LINE_TAGS, "the first of twenty");
    is_mem(entry.tag[LLM_LINE_TAGS - 1].data, entry.tag[LLM_LINE_TAGS - 1].len,
           "t7", "are read");

    free(p);
}


static void
test_time(void)
{
    u_char    buf[LLM_LINE_TIME];
    int64_t   ms, got;
    unsigned  i, good;

    good = 0;

    for (i = 0; i < 20000; i++) {
        ms = (int64_t) rnd(253402300800000);
        (void) llm_line_time(buf, ms);

        good += (llm_line_read_time(buf, LLM_LINE_TIME, &got) == 0
                 && got == ms);
    }

    is_int(good, 20000, "a time that was written is read");
}


/* Facts that are no usage. */

static void
test_facts(void)
{
    u_char               buf[LLM_FACT_MAX];
    size_t               n, k, longest;
    unsigned             i, torn;
    const u_char        *p;
    llm_line_fact_t      fact;
    llm_line_period_t    periods[LLM_FACT_PERIODS];
    static u_char        worst[2048];

    memset(&fact, 0, sizeof(llm_line_fact_t));

    fact.epoch = 0xfedcba9876543210ULL;
    fact.number = 77;
    fact.timestamp = 1775046605123;
    fact.made = 1775046609000;
    fact.amount[LLM_FACT_REQUESTS] = -3;
    fact.amount[LLM_FACT_INPUT] = 40;
    fact.amount[LLM_FACT_OUTPUT] = -LLM_FACT_COUNT;
    fact.amount[LLM_FACT_COST] = -1500000001;
    fact.team.data = (u_char *) "mark\"eting";
    fact.team.len = 10;
    fact.reason.data = (u_char *) "{\"type\":\"usage\"\n";
    fact.reason.len = 16;
    fact.who.data = (u_char *) "carol";
    fact.who.len = 5;

    n = llm_line_fact(buf, &fact) - buf;
    p = buf;

    ok(llm_line_read(&p, buf + n, &entry) == LLM_LINE_OK && p == buf + n,
       "a correction is read");
    ok(entry.correction && !entry.usage && !entry.reset
       && entry.epoch == fact.epoch && entry.number == 77
       && entry.timestamp == fact.timestamp
       && entry.started == fact.timestamp, "as one, of its moment");
    ok(entry.count[LLM_ENTRY_REQUESTS] == -3
       && entry.count[LLM_ENTRY_INPUT] == 40
       && entry.count[LLM_ENTRY_OUTPUT] == -LLM_FACT_COUNT
       && entry.cost == -1500000001, "with what is added and taken off");
    ok(same_text(&entry.text[LLM_ENTRY_TEAM], &fact.team)
       && same_text(&entry.text[LLM_ENTRY_REASON], &fact.reason)
       && same_text(&entry.text[LLM_ENTRY_WHO], &fact.who), "whose, and why");
    ok(entry.line.data == buf && entry.line.len == n - 1, "and how it stands");

    for (i = 0; i < LLM_FACT_PERIODS; i++) {
        periods[i].period.data = (u_char *) "86399s-and-more";
        periods[i].period.len = 15;
        periods[i].start = 1775001600 + i;
        periods[i].amount[LLM_FACT_REQUESTS] = -(int64_t) i;
        periods[i].amount[LLM_FACT_INPUT] = -LLM_FACT_COUNT;
        periods[i].amount[LLM_FACT_OUTPUT] = -LLM_FACT_COUNT;
        periods[i].amount[LLM_FACT_COST] = INT64_MIN + 1 + i;
    }

    fact.subject.data = (u_char *) "team";
    fact.subject.len = 4;
    fact.periods = periods;
    fact.nperiods = LLM_FACT_PERIODS;

    n = llm_line_fact(buf, &fact) - buf;
    p = buf;

    ok(llm_line_read(&p, buf + n, &entry) == LLM_LINE_OK && entry.reset
       && !entry.correction && entry.nperiods == LLM_FACT_PERIODS,
       "a reset, too");

    for (i = 0; i < LLM_FACT_PERIODS; i++) {
        if (!same_text(&entry.periods[i].period, &periods[i].period)
            || entry.periods[i].start != periods[i].start
            || memcmp(entry.periods[i].amount, periods[i].amount,
                      sizeof(periods[i].amount))
               != 0)
        {
            break;
        }
    }

    is_int(i, LLM_FACT_PERIODS, "with all of its periods");

    for (k = n - 1; k > 0; k--) {
        if (count(buf, k, &torn, &longest) != 0) {
            break;
        }
    }

    is_int(k, 0, "a part of it is none");

    /* what nobody says at such length is cut, but no line is too long */

    memset(worst, 1, sizeof(worst));

    fact.team.data = fact.user.data = fact.customer.data = worst;
    fact.key.data = fact.model.data = fact.of.data = worst;
    fact.reason.data = fact.who.data = fact.who_key.data = worst;
    fact.address.data = fact.subject.data = worst;
    fact.team.len = fact.user.len = fact.customer.len = sizeof(worst);
    fact.key.len = fact.model.len = fact.of.len = sizeof(worst);
    fact.reason.len = fact.who.len = fact.who_key.len = sizeof(worst);
    fact.address.len = fact.subject.len = sizeof(worst);
    fact.epoch = UINT64_MAX;
    fact.number = UINT64_MAX;
    fact.nperiods = 1000;

    for (i = 0; i < LLM_FACT_PERIODS; i++) {
        periods[i].period.data = worst;
        periods[i].period.len = sizeof(worst);
        periods[i].start = INT64_MIN;
        memset(periods[i].amount, 0x80, sizeof(periods[i].amount));
    }

    longest = llm_line_fact(buf, &fact) - buf;
    p = buf;

    ok(longest <= LLM_FACT_MAX, "the longest line: %zu bytes", longest);
    ok(llm_line_read(&p, buf + longest, &entry) != LLM_LINE_AGAIN
       && p == buf + longest, "is one");
}


/* What is not what it should be is no line. */

static void
test_false_facts(void)
{
    size_t         i;
    const u_char  *p, *last;

    static const char  *lines[] = {
        "\"usage\",\"requests\":-1",
        "\"usage\",\"prompt_tokens\":-1",
        "\"correction\",\"requests\":1e17",
        "\"correction\",\"cost_usd\":\"1\"",
        "\"reset\",\"periods\":[1]",
        "\"reset\",\"periods\":[{\"start\":\"x\"}]",
        "\"reset\",\"periods\":[{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},"
        "{},{}]",
        NULL
    };

    for (i = 0; lines[i]; i++) {
        char  line[512];

        last = (u_char *) line
               + sprintf(line, "{\"type\":%s,"
                         "\"id\":\"0123456789abcdef-1\","
                         "\"started\":\"2026-04-01T12:30:05.123Z\","
                         "\"timestamp\":\"2026-04-01T12:30:05.123Z\"}\n",
                         lines[i]);
        p = (u_char *) line;

        ok(llm_line_read(&p, last, &entry) == LLM_LINE_TORN && p == last,
           "no line: %s", lines[i]);
    }
}


int
main(void)
{
    test_read();
    test_torn();
    test_damage();
    test_bad();
    test_labels();
    test_tags();
    test_time();

    test_facts();
    test_false_facts();

    return tap_done();
}
