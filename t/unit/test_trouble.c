
/*
 * Copyright (C) the llm_quota authors
 */


#include "llm_noted.h"
#include "llm_told.h"
#include "llm_trouble.h"
#include "llm_watch.h"
#include "tap.h"


static llm_trouble_t  t;
static llm_noted_t    noted;


static llm_trouble_e
at(int there, int64_t now)
{
    return llm_trouble(&t, there, now, 3000, 5000);
}


static void
note(const char *line)
{
    size_t          n;
    llm_entry_t     e;
    const u_char   *p;
    static u_char   text[LLM_LINE_MAX];

    n = snprintf((char *) text, sizeof(text),
                 "{\"type\":\"usage\",\"id\":\"1111111111111111-1\","
                 "\"started\":\"2026-04-01T12:30:05.000Z\","
                 "\"timestamp\":\"2026-04-01T12:30:05.123Z\",%s}\n", line);
    p = text;

    ok(llm_line_read(&p, text + n, &e) == LLM_LINE_OK, "a line: %s", line);
    llm_noted_add(&noted, &e);
}


static void
test_trouble(void)
{
    is_int(at(0, 1000), LLM_TROUBLE_NONE, "all is well");
    is_int(at(1, 2000), LLM_TROUBLE_NONE, "it begins");
    is_int(at(1, 4999), LLM_TROUBLE_NONE, "and does not last");
    is_int(at(0, 5000), LLM_TROUBLE_NONE, "all is well");
    is_int(t.since, 0, "and nothing was");

    is_int(at(1, 10000), LLM_TROUBLE_NONE, "it begins");
    is_int(at(1, 13000), LLM_TROUBLE_THERE, "and lasts");
    is_int(at(1, 20000), LLM_TROUBLE_THERE, "on");
    is_int(t.since, 10000, "since then");
    is_int(at(0, 21000), LLM_TROUBLE_THERE, "well for a moment");
    is_int(at(1, 22000), LLM_TROUBLE_THERE, "is the same");
    is_int(at(0, 26999), LLM_TROUBLE_THERE, "well for longer");
    is_int(at(0, 27000), LLM_TROUBLE_OVER, "is over");
    is_int(at(0, 99000), LLM_TROUBLE_OVER, "until that is told");
    is_int(t.since, 10000, "which began then");
    llm_trouble_end(&t);
    is_int(at(0, 99001), LLM_TROUBLE_NONE, "all is well");

    is_int(at(1, 100000), LLM_TROUBLE_NONE, "it begins");
    is_int(at(1, 50000), LLM_TROUBLE_NONE, "a clock that was set back");
    is_int(at(1, 53000), LLM_TROUBLE_THERE, "keeps nothing waiting");
    is_int(at(0, 40000), LLM_TROUBLE_NONE, "nor for the end");

    t.since = 0;
    is_int(llm_trouble(&t, 1, 1000, 0, 5000), LLM_TROUBLE_THERE,
           "without patience it is there at once");
    is_int(llm_trouble(&t, 0, 6000, 0, 5000), LLM_TROUBLE_OVER, "and over");
}


#define TOKENS  "\"prompt_tokens\":1,\"completion_tokens\":1,"

static void
test_noted(void)
{
    int          i;
    char         line[256];
    llm_alert_t  alert;
    llm_noted_t  more;

    note("\"model\":\"a\",\"price_id\":\"a\"," TOKENS
         "\"cost_usd\":0.1,\"source\":\"upstream\"");
    note("\"model\":\"a\",\"price_id\":\"a\"," TOKENS
         "\"cost_usd\":0,\"source\":\"upstream\"");
    note("\"model\":\"a\",\"price_id\":\"\"," TOKENS
         "\"cost_usd\":0.1,\"source\":\"upstream\"");
    note("\"model\":\"a\",\"price_id\":\"\","
         "\"cost_usd\":0,\"source\":\"none\"");
    note("\"model\":\"a\"," TOKENS "\"cost_usd\":0,\"source\":\"aggregate\"");
    note("\"model\":\"\",\"price_id\":\"\"," TOKENS
         "\"cost_usd\":0,\"source\":\"upstream\"");
    is_int(noted.n, 0, "nobody needs to hear of these");

    note("\"model\":\"b\",\"price_id\":\"\"," TOKENS
         "\"cost_usd\":0,\"source\":\"upstream\"");
    is_int(noted.n, 1, "no price");
    is_int(noted.models[0].unpriced, 1775046605123, "when");
    is_int(noted.models[0].estimated, 0, "and stated");

    note("\"model\":\"b\",\"price_id\":\"b\"," TOKENS
         "\"cost_usd\":0.1,\"source\":\"estimated\"");
    is_int(noted.n, 1, "the same model");
    is_int(noted.models[0].estimated, 1775046605123, "not stated");

    llm_watch_model(&noted.models[0], LLM_ALERT_UNPRICED, 1775001600, &alert);
    is_mem(alert.detail.data, alert.detail.len, "b", "an alert of it");
    is_mem(alert.resource.data, alert.resource.len, "unpriced", "known by");
    is_int(alert.started, 1775001600, "the day");

    for (i = 0; i < 2 * LLM_NOTED_MODELS; i++) {
        sprintf(line, "\"model\":\"m-%d\",\"price_id\":\"\"," TOKENS
                "\"cost_usd\":0,\"source\":\"upstream\"", i);
        note(line);
    }

    is_int(noted.n, LLM_NOTED_MODELS, "so many");

    for (i = 1; i < LLM_NOTED_MODELS; i++) {
        noted.models[i].unpriced = 0;
    }

    llm_noted_drop(&noted);
    is_int(noted.n, 1, "those that are told of are let go");
    is_mem(noted.models[0].name, noted.models[0].len, "b", "not the other");

    more = noted;
    more.n = 2;
    more.models[0].unpriced = 7;
    more.models[0].estimated = 0;
    more.models[1].estimated = 8;
    more.models[1].name[0] = 'c';
    more.models[1].len = 1;
    llm_noted_merge(&noted, &more);

    is_int(noted.n, 2, "others have more");
    is_int(noted.models[0].unpriced, 7, "later");
    is_int(noted.models[0].estimated, 1775046605123, "what they do not say");
    is_int(noted.models[1].estimated, 8, "and of another");
}


static llm_told_t *
told(const char *event, const char *channel)
{
    static llm_told_t  pairs[LLM_TOLD_PAIRS];

    return llm_told(pairs, (const u_char *) event, strlen(event),
                    (const u_char *) channel, strlen(channel));
}


static void
test_told(void)
{
    char         name[LLM_TOLD_CHANNEL + 2];
    unsigned     i;
    llm_told_t  *pair;

    pair = told("store", "a");
    ok(pair && llm_told_is(pair), "a pair");
    ok(told("store", "b") != pair && told("redis", "a") != pair, "others");
    ok(told("store", "a") == pair, "the same");
    ok(told("stor", "ea") != pair, "not what only reads like it");

    memset(name, 'x', sizeof(name));
    name[LLM_TOLD_CHANNEL + 1] = '\0';
    ok(told("store", name) == NULL, "a name that is too long");

    for (i = 4; i < LLM_TOLD_PAIRS; i++) {
        sprintf(name, "c%u", i);
        ok(told("store", name) != NULL, "there is room");
    }

    ok(told("store", "one more") == NULL, "for so many");
    ok(told("store", "a") == pair, "the first is still there");
}


int
main(void)
{
    llm_alert_t  alert;

    test_trouble();
    test_noted();
    test_told();

    llm_watch_trouble(LLM_ALERT_LEDGER, 1775046605123, &alert);
    is_int(alert.started, 1775046605, "trouble is known by its beginning");
    is_mem(alert.resource.data, alert.resource.len, "ledger", "and by name");
    is_int(alert.severity, LLM_ALERT_WARNING, "and a warning");

    return tap_done();
}
