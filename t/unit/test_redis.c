
/*
 * Copyright (C) the llm_quota authors
 */


#include <stdlib.h>

#include "redis.h"


/* The words that are exchanged with a Redis: keys, commands, answers. */


static llm_redis_names_t  names;


static llm_redis_text_t
text_of(const char *s)
{
    llm_redis_text_t  text;

    text.data = s;
    text.len = strlen(s);

    return text;
}


static void
test_names(void)
{
    char               zone[LLM_REDIS_TAG];
    llm_redis_names_t  n;

    memset(zone, 'z', sizeof(zone));

    ok(llm_redis_names(&n, "p", 1, "z", 1) == 0 && strcmp(n.tag, "{p:z}") == 0,
       "prefix and zone are one hash tag");
    ok(llm_redis_names(&n, "p", 1, zone, LLM_REDIS_TAG - 4) == 0
       && n.tag_len == LLM_REDIS_TAG, "up to a length");
    ok(llm_redis_names(&n, "p", 1, zone, LLM_REDIS_TAG - 3) == -1,
       "and no further");
}


static void
test_key(const char *key, const llm_redis_meter_t *meter, const char *name)
{
    char               buf[LLM_REDIS_KEY];
    size_t             n;
    llm_redis_meter_t  m;

    n = llm_redis_key(buf, &names, meter);

    is_mem(buf, n, key, "%s is written", name);

    ok(llm_redis_key_parse(&m, &names, buf, n) == 0
       && m.type.len == meter->type.len
       && memcmp(m.type.data, meter->type.data, m.type.len) == 0
       && m.id.len == meter->id.len
       && memcmp(m.id.data, meter->id.data, m.id.len) == 0
       && m.minute == meter->minute && m.period == meter->period
       && m.start == meter->start,
       "%s is read", name);
}


static void
test_keys(void)
{
    size_t             i;
    llm_redis_meter_t  m;

    static const char *const  bad[] = {
        "", "{llmq:main}", "{llmq:main}:p:", "{llmq:main}:version",
        "{llmq:other}:m:team:a", "{llmq:main}:x:team:a", "{llmq:main}:m:team",
        "{llmq:main}:p:team:month", "{llmq:main}:p:team:month:",
        "{llmq:main}:p:team:month:12", "{llmq:main}:p:team:month:-1:a",
        "{llmq:main}:p:team:month:x:a", "{llmq:main}:p:team:fortnight:0:a",
        "{llmq:main}:p:team:day:99999999999999999999:a"
    };

    memset(&m, 0, sizeof(m));

    m.type = text_of("team");
    m.id = text_of("a:b");
    m.period = LLM_PERIOD(LLM_PERIOD_MONTH, 1);
    m.start = 1775001600;

    test_key("{llmq:main}:p:team:month:1775001600:a:b", &m, "a period");

    m.period = 0;
    m.start = 0;

    test_key("{llmq:main}:p:team::0:a:b", &m, "what never ends");

    m.minute = 1;
    m.id = text_of("");

    test_key("{llmq:main}:m:team:", &m, "a minute");

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ok(llm_redis_key_parse(&m, &names, bad[i], strlen(bad[i])) == -1,
           "\"%s\" is no key", bad[i]);
    }
}


static void
test_commands(void)
{
    size_t             i;
    llm_redis_args_t   args;
    llm_redis_item_t   items[2];
    llm_redis_share_t  shares[3];

    static const char *const  changes[] = {
        "EVALSHA", "sha-of-changes", "4",
        "{llmq:main}:node:000000000000000a", "{llmq:main}:version",
        "{llmq:main}:changed", "{llmq:main}:run", "here", "5000", "17", "100",
        "00000000000000ff"
    };

    static const char *const  exchange[] = {
        "EVALSHA", "sha-of-exchange", "5",
        "{llmq:main}:node:000000000000000a", "{llmq:main}:version",
        "{llmq:main}:changed", "one", "two", "here",
        "p", "99", "2",
        "000000000000000a", "1:2:3:4:9223372036854775807",
        "fedcba9876543210", "0:-5:0:0:-9223372036854775808", "",
        "m", "0", "1", "000000000000000a", "1:2:3:4",
        "c000000000000000a", "7", "1:2:3:4", "0:5:0:0", "9:8:0:0:0:0"
    };

    static const llm_redis_claim_t  claim = {
        7, { 1, 2, 3, 4 }, { 0, 5, 0, 0 }, { 9, 8, 0, 0, 0, 0 }
    };

    static const llm_redis_claim_t  below = {
        8, { 1, 2, -3, 4 }, { 0, 0, 0, 0 }, { 0, 0, 0, 0, 0, 0 }
    };

    memset(&args, 0, sizeof(args));
    memset(items, 0, sizeof(items));
    memset(shares, 0, sizeof(shares));

    ok(llm_redis_changes(&args, &names, 5000, 17, 100, 255) == 0,
       "changes are asked for");
    is_int(args.argc, sizeof(changes) / sizeof(changes[0]), "in so many words");

    for (i = 0; i < args.argc; i++) {
        ok(redis_arg(&args, i, changes[i]), "word %zu is %s", i, changes[i]);
    }

    (void) llm_redis_changes(&args, &names, 5000, -1, 100, 255);
    ok(redis_arg(&args, 9, ""), "or for none");

    shares[0].node = 0xa;
    shares[0].order = 1;
    shares[0].sum[0] = 2;
    shares[0].sum[1] = 3;
    shares[0].sum[2] = 4;
    shares[0].sum[3] = INT64_MAX;
    shares[1].node = 0xfedcba9876543210;
    shares[1].sum[0] = -5;
    shares[1].sum[3] = INT64_MIN;
    shares[2].node = 0xa;

    strcpy(items[0].key, "one");
    items[0].len = 3;
    items[0].expires = 99;
    items[0].own = shares;
    items[0].others = &shares[1];
    items[0].nothers = 2;

    strcpy(items[1].key, "two");
    items[1].len = 3;
    items[1].minute = 1;
    items[1].own = shares;
    items[1].claim = &claim;

    ok(llm_redis_exchange(&args, &names, items, 2) == 0,
       "meters are exchanged");
    is_int(args.argc, sizeof(exchange) / sizeof(exchange[0]),
           "in so many words");

    for (i = 0; i < args.argc; i++) {
        ok(redis_arg(&args, i, exchange[i]), "word %zu is %s", i, exchange[i]);
    }

    items[1].claim = &below;

    (void) llm_redis_exchange(&args, &names, items, 2);
    ok(redis_arg(&args, args.argc - 4, "8")
       && redis_arg(&args, args.argc - 3, "1:2:-3:4")
       && redis_arg(&args, args.argc - 2, "0:0:0:0"),
       "a claim may be below nothing");

    ok(llm_redis_load(&args, LLM_REDIS_SCRIPT_EXCHANGE) == 0
       && args.argc == 3 && redis_arg(&args, 1, "LOAD")
       && redis_arg(&args, 2, llm_redis_scripts[LLM_REDIS_SCRIPT_EXCHANGE]),
       "a script is loaded");

    llm_redis_args_free(&args);
}


static void
test_status(const char *reply, llm_redis_status_e status, const char *said,
    const char *name)
{
    int64_t              now;
    redisReply          *r;
    llm_redis_text_t     text;
    llm_redis_changes_t  changes;

    r = redis_reply(reply);

    is_int(llm_redis_changes_read(r, &changes, &text), status,
           "changes: %s", name);
    ok(text.len == strlen(said) && memcmp(text.data, said, text.len) == 0,
       "changes: %s, in words", name);
    is_int(llm_redis_exchange_read(r, 1, &now, &text), status,
           "exchange: %s", name);

    freeReplyObject(r);
}


static void
test_statuses(void)
{
    char               sha[LLM_REDIS_SHA + 1];
    redisReply        *r;
    llm_redis_text_t   text;

    test_status("-OOM no room\n", LLM_REDIS_ERROR, "OOM no room", "an error");
    test_status("-NOSCRIPT none\n", LLM_REDIS_UNLOADED, "NOSCRIPT none",
                "no script");
    test_status("*2\n:0\n$4\nthem\n", LLM_REDIS_HELD, "them", "held");
    test_status("+OK\n", LLM_REDIS_GARBAGE, "", "a word");
    test_status("*0\n", LLM_REDIS_GARBAGE, "", "nothing");
    test_status("*-1\n", LLM_REDIS_GARBAGE, "", "nil");
    test_status("*2\n:1\n:1\n", LLM_REDIS_GARBAGE, "", "numbers");
    test_status("*2\n$1\n0\n$1\na\n", LLM_REDIS_GARBAGE, "", "texts");
    test_status("*2\n:1\n$1\na\n", LLM_REDIS_GARBAGE, "", "too little");

    r = redis_reply("$40\n0123456789012345678901234567890123456789\n");
    ok(llm_redis_loaded(r, sha, &text) == LLM_REDIS_OK
       && strlen(sha) == LLM_REDIS_SHA && memcmp(sha, r->str, 40) == 0,
       "a script's name");
    freeReplyObject(r);

    r = redis_reply("$3\nabc\n");
    is_int(llm_redis_loaded(r, sha, &text), LLM_REDIS_GARBAGE,
           "what is none");
    freeReplyObject(r);

    r = redis_reply("-NOPERM no\n");
    is_int(llm_redis_loaded(r, sha, &text), LLM_REDIS_ERROR, "or an error");
    freeReplyObject(r);
}


static void
test_changes(void)
{
    int64_t              version;
    redisReply          *r;
    llm_redis_text_t     text, key;
    llm_redis_changes_t  c;

    r = redis_reply("*4\n:1\n$3\nrun\n$2\n42\n*5\n$1\na\n$2\n41\n$1\nb\n:7\n"
                    "$1\nc\n");

    ok(llm_redis_changes_read(r, &c, &text) == LLM_REDIS_OK, "changes");
    ok(c.version == 42 && c.run.len == 3 && c.n == 2, "and what they are of");
    ok(llm_redis_change(&c, 0, &key, &version) == 0 && version == 41
       && key.len == 1 && key.data[0] == 'a', "one has a version");
    is_int(llm_redis_change(&c, 1, &key, &version), -1, "one has none");

    freeReplyObject(r);

    r = redis_reply("*4\n:1\n$3\nrun\n$1\nx\n*0\n");
    is_int(llm_redis_changes_read(r, &c, &text), LLM_REDIS_GARBAGE,
           "no version, no changes");
    freeReplyObject(r);

    r = redis_reply("*4\n:1\n$3\nrun\n$1\n1\n$0\n\n");
    is_int(llm_redis_changes_read(r, &c, &text), LLM_REDIS_GARBAGE,
           "no list, no changes");
    freeReplyObject(r);
}


static void
test_shares(void)
{
    size_t              i;
    int64_t             now, version;
    redisReply         *r;
    llm_redis_text_t    text;
    llm_redis_share_t   s;

    r = redis_reply("*4\n:1\n$4\n1000\n"
                    "*2\n:7\n*4\n"
                    "$16\nfedcba9876543210\n$23\n1:2:3:4:999999999999999\n"
                    "$16\n000000000000000a\n$9\n0:1:2:3:4\n"
                    "*2\n:0\n*2\n$16\n000000000000000a\n$11\n5:900:1:2:3\n");

    is_int(llm_redis_exchange_read(r, 2, &now, &text), LLM_REDIS_OK,
           "an exchange of two");
    is_int(now, 1000, "at a time");
    is_int(llm_redis_exchanged(r, 0, &version), 2, "two shares");
    is_int(version, 7, "that were changed");
    is_int(llm_redis_exchanged(r, 1, &version), 1, "one");
    is_int(version, 0, "that was not");

    ok(llm_redis_share(r, 0, 0, 0, &s) == 0
       && s.node == 0xfedcba9876543210 && s.order == 1 && s.sum[0] == 2
       && s.sum[1] == 3 && s.sum[2] == 4 && s.sum[3] == 999999999999999,
       "a node's share of a period");
    ok(llm_redis_share(r, 1, 0, 1, &s) == 0
       && s.node == 0xa && s.order == 5 && s.time == 900 && s.sum[0] == 1
       && s.sum[1] == 2 && s.sum[2] == 3 && s.sum[3] == 0,
       "and of a minute");

    ok(llm_redis_exchange_read(r, 1, &now, &text) == LLM_REDIS_GARBAGE
       && llm_redis_exchange_read(r, 3, &now, &text) == LLM_REDIS_GARBAGE,
       "it is not of one or three");

    freeReplyObject(r);

    r = redis_reply("*3\n:1\n$4\n1000\n*2\n:0\n*24\n"
                    "$5\nother\n$9\n0:1:2:3:4\n"
                    "$16\n000000000000000g\n$9\n0:1:2:3:4\n"
                    "$16\n +00000000000000\n$9\n0:1:2:3:4\n"
                    "$16\n000000000000000a\n$7\n0:1:2:3\n"
                    "$16\n000000000000000a\n$11\n0:1:2:3:4:5\n"
                    "$16\n000000000000000a\n$10\n0:1:2:+3:4\n"
                    "$16\n000000000000000a\n$9\n0:1:2:-:4\n"
                    "$16\n000000000000000a\n$10\n-1:1:2:3:4\n"
                    "$16\n000000000000000a\n$9\n0:1:2::34\n"
                    "$16\n000000000000000a\n$27\n0:1:2:3:9223372036854775808\n"
                    "$16\n000000000000000a\n$0\n\n"
                    ":1\n$9\n0:1:2:3:4\n");

    is_int(llm_redis_exchange_read(r, 1, &now, &text), LLM_REDIS_OK,
           "in a hash may stand anything");

    for (i = 0; i < llm_redis_exchanged(r, 0, &version); i++) {
        is_int(llm_redis_share(r, 0, i, 0, &s), -1, "%zu is no share", i);
    }

    freeReplyObject(r);

    r = redis_reply("*3\n:1\n$4\n1000\n*2\n:0\n*2\n"
                    "$16\n000000000000000a\n"
                    "$28\n2:1:-2:3:-999999999999999999\n");

    ok(llm_redis_share(r, 0, 0, 0, &s) == 0 && s.order == 2 && s.sum[0] == 1
       && s.sum[1] == -2 && s.sum[3] == -999999999999999999,
       "sums may be below nothing");

    freeReplyObject(r);

    r = redis_reply("*3\n:1\n$4\n1000\n*2\n:0\n$1\na\n");
    is_int(llm_redis_exchange_read(r, 1, &now, &text), LLM_REDIS_GARBAGE,
           "a meter has a list");
    freeReplyObject(r);

    r = redis_reply("*3\n:1\n$1\nx\n*2\n:0\n*0\n");
    is_int(llm_redis_exchange_read(r, 1, &now, &text), LLM_REDIS_GARBAGE,
           "an exchange has a time");
    freeReplyObject(r);
}


int
main(void)
{
    redis_names(&names);

    test_names();
    test_keys();
    test_commands();
    test_statuses();
    test_changes();
    test_shares();

    return tap_done();
}
