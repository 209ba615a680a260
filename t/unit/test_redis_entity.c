
/*
 * Copyright (C) the llm_quota authors
 */


#include <stdlib.h>

#include "redis.h"
#include "llm_redis_entity.h"


/* Changes of entities in the words of Redis: commands, values, answers. */


#define T(s)  ((llm_store_text_t) { sizeof(s) - 1, (const u_char *) (s) })


static llm_redis_names_t    names;
static llm_redis_args_t     args;
static llm_store_change_t   change;
static llm_store_changes_t  changes;
static llm_store_ref_t      refs[LLM_STORE_REFS];


static int
is(const llm_store_text_t *text, const char *s)
{
    return text->data && text->len == strlen(s)
           && memcmp(text->data, s, text->len) == 0;
}


static void
make(void)
{
    static const llm_store_ref_t  two[2] = {
        { { 4, (const u_char *) "team" }, { 1, (const u_char *) "a" } },
        { { 4, (const u_char *) "user" }, { 2, (const u_char *) "u:" } }
    };

    memset(&changes, 0, sizeof(changes));
    memset(&change, 0, sizeof(change));

    change.kind = T("key");
    change.id = T("id");
    change.alias = T("my key");
    change.json = T("{\"a\":1}");
    change.refs = two;
    change.nrefs = 2;
    change.version = 7;
    change.action = T("/key/new");

    changes.changes = &change;
    changes.nchanges = 1;
    changes.actor.who = T("ann");
    changes.actor.key = T("master");
    changes.time = 1234;
}


static void
test_commands(void)
{
    size_t  i;

    static const char *const  made[] = {
        "5", "{llmq:main}:e:now", "{llmq:main}:e:alias",
        "{llmq:main}:e:order", "{llmq:main}:e:log", "{llmq:main}:e:version",
        "key:id", "key", "7", "+", "9c3e82dd6fcae8b1", "my key",
        "3:key2:id4:12343:ann6:master0:0:8:/key/new7:{\"a\":1}"
        "4:team1:a4:user2:u:"
    };

    make();

    ok(llm_redis_change_make(&args, &names, &changes) == 0, "a change");
    ok(redis_arg(&args, 0, "EVAL")
       && redis_arg(&args, 1, llm_redis_entity_scripts[0]),
       "brings its script");

    for (i = 0; i < sizeof(made) / sizeof(made[0]); i++) {
        ok(redis_arg(&args, i + 2, made[i]), "%s", made[i]);
    }

    is_int(args.argc, 2 + i, "no more than that");

    ok(llm_redis_news(&args, &names, 12, 34, 1) == 0
       && redis_arg(&args, 8, "12") && redis_arg(&args, 9, "34")
       && redis_arg(&args, 10, "walk"), "news are asked for");
}


/* What a whole offer says of a row becomes a value as the script makes it. */

static size_t
value(char *buf, const llm_store_made_t *made, const char *sign)
{
    size_t                   n;
    const llm_store_made_t  *rows[1];

    rows[0] = made;

    if (llm_redis_offer(&args, &names, rows, 1, 1) != 0
        || !redis_arg(&args, 11, sign))
    {
        return 0;
    }

    n = sprintf(buf, "%lld %s %.*s %zu:", (long long) made->change.changed,
                sign, (int) args.len[12], args.argv[12], args.len[13]);

    memcpy(buf + n, args.argv[13], args.len[13]);
    n += args.len[13];
    memcpy(buf + n, args.argv[14], args.len[14]);

    return n + args.len[14];
}


static void
test_values(void)
{
    char              buf[1024];
    size_t            i, n;
    llm_redis_text_t  text;
    llm_store_made_t  made, row;

    static const char *const  bad[] = {
        "", "1", "0 + 0123456789abcdef 0:3:key2:id1:10:0:0:0:0:2:{}",
        "1 * 0123456789abcdef 0:3:key2:id1:10:0:0:0:0:2:{}",
        "1 + 0123456789abcdef 0:3:key2:id1:10:0:0:0:0:0:",
        "1 + 0123456789abcdef 0:0:2:id1:10:0:0:0:0:2:{}",
        "1 + 0123456789abcdef 0:3:key0:1:10:0:0:0:0:2:{}",
        "1 + 0123456789abcdef 0:3:key2:id1:x0:0:0:0:0:2:{}",
        "1 + 0123456789abcdef 0:3:key2:id1:10:0:0:0:0:2:{}4:team",
        "1 + 0123456789abcdef 0:3:key2:id1:10:0:0:0:0:3:{}",
        "1 + 0123456789abcdef 0:3:key2:id1:10:0:0:0:0:"
            "9223372036854775807:{}",
        "1 + 0123456789abcde 0:3:key2:id1:10:0:0:0:0:2:{}"
    };

    make();
    memset(&made, 0, sizeof(made));

    made.actor = changes.actor;
    made.time = changes.time;
    made.change = change;
    made.change.changed = 99;

    n = value(buf, &made, "+");
    text.data = buf;
    text.len = n;

    ok(llm_redis_value(&text, &row, refs) == 0, "a value is read");
    is_int(row.change.changed, 99, "its version");
    is_int(row.time, 1234, "its time");
    ok(is(&row.change.kind, "key") && is(&row.change.id, "id")
       && is(&row.change.alias, "my key") && is(&row.change.json, "{\"a\":1}")
       && is(&row.change.action, "/key/new") && is(&row.actor.who, "ann")
       && is(&row.actor.key, "master") && row.actor.address.len == 0,
       "its texts");
    ok(row.change.nrefs == 2 && is(&refs[1].name, "user")
       && is(&refs[1].value, "u:"), "who it belongs to");

    for (i = 0; i < n; i++) {
        text.len = i;

        if (llm_redis_value(&text, &row, refs) == 0 && row.change.nrefs) {
            break;
        }
    }

    ok(i == n - strlen("4:user2:u:"), "cut anywhere but between references "
       "it is none");

    made.change.json.data = NULL;
    made.change.json.len = 0;
    made.change.alias.data = NULL;
    made.change.alias.len = 0;

    text.len = value(buf, &made, "-");

    ok(llm_redis_value(&text, &row, refs) == 0
       && row.change.json.data == NULL && row.change.alias.data == NULL,
       "one that was deleted has no JSON and no alias");

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        text.data = bad[i];
        text.len = strlen(bad[i]);

        ok(llm_redis_value(&text, &row, refs) == -1, "\"%s\" is none",
           bad[i]);
    }
}


static llm_redis_status_e
made(const char *reply, llm_store_status_e *done, size_t *len)
{
    redisReply          *r;
    llm_redis_text_t     text, value;
    llm_redis_status_e   status;

    make();

    r = redis_reply(reply);
    status = llm_redis_change_made(r, &changes, done, &value, &text);
    *len = value.len;
    freeReplyObject(r);

    return status;
}


static void
test_made(void)
{
    size_t              i, n;
    llm_store_status_e  done;

    static const char *const  bad[] = {
        "*4\n:1\n$4\nmade\n:0\n*0\n",
        "*4\n:1\n$4\nmade\n:0\n*1\n$1\nx\n",
        "*4\n:1\n$4\nmade\n:0\n*1\n:3\n",
        "*4\n:1\n$4\nmade\n$1\n0\n*1\n$1\n3\n",
        "*4\n:1\n$6\nexists\n:0\n*1\n$0\n\n",
        "*4\n:1\n$6\nexists\n:2\n*1\n$0\n\n",
        "*4\n:1\n$6\nexists\n:1\n*0\n",
        "*4\n:1\n$8\nconflict\n:1\n*1\n$1\nx\n",
        "*4\n:1\n$5\nother\n:1\n*1\n$0\n\n",
        "*3\n:1\n$4\nmade\n:0\n", "+OK\n"
    };

    is_int(made("*4\n:1\n$4\nmade\n:0\n*1\n$2\n88\n", &done, &n),
           LLM_REDIS_OK, "it is made");
    ok(done == LLM_STORE_OK && changes.given && change.changed == 88,
       "with its version");

    is_int(made("*4\n:1\n$6\nexists\n:1\n*1\n$3\n9 +\n", &done, &n),
           LLM_REDIS_OK, "it is there");
    ok(done == LLM_STORE_EXISTS && !changes.taken_alias && n == 3,
       "with its value");

    is_int(made("*4\n:1\n$5\nalias\n:1\n*1\n$0\n\n", &done, &n),
           LLM_REDIS_OK, "its name is taken");
    ok(done == LLM_STORE_EXISTS && changes.taken_alias, "the name");

    is_int(made("*4\n:1\n$7\nmissing\n:1\n*1\n$0\n\n", &done, &n),
           LLM_REDIS_OK, "it is not there");
    ok(done == LLM_STORE_NOT_FOUND && n == 0, "nor ever was");

    is_int(made("*4\n:1\n$8\nconflict\n:1\n*1\n$3\n9 +\n", &done, &n),
           LLM_REDIS_OK, "it is another");
    ok(done == LLM_STORE_CONFLICT && changes.found == 9, "version");

    is_int(made("-ERR no\n", &done, &n), LLM_REDIS_ERROR, "an error");

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        is_int(made(bad[i], &done, &n), LLM_REDIS_GARBAGE, "garbage %zu", i);
        ok(!changes.given, "and nothing is given");
    }
}


static void
test_answers(void)
{
    int64_t            number;
    redisReply        *r;
    unsigned char      wanted[3];
    llm_redis_news_t   news;
    llm_redis_text_t   text;

    r = redis_reply("*4\n:1\n$7\noffered\n:0\n*2\n:1\n:3\n");
    ok(llm_redis_offered(r, wanted, 3, &text) == LLM_REDIS_OK
       && wanted[0] && !wanted[1] && wanted[2], "two of three are wanted");
    is_int(llm_redis_offered(r, wanted, 2, &text), LLM_REDIS_GARBAGE,
           "the third of two is not");
    freeReplyObject(r);

    r = redis_reply("*4\n:1\n$4\nwalk\n:1\n*4\n$1\n5\n$1\nx\n"
                    "$1\n6\n:7\n");
    ok(llm_redis_news_read(r, &news, &text) == LLM_REDIS_OK
       && news.walk && news.more && !news.lost && news.n == 2, "news");
    ok(llm_redis_news_value(&news, 0, &number, &text) == 0 && number == 5
       && text.len == 1, "the first");
    is_int(llm_redis_news_value(&news, 1, &number, &text), -1,
           "the second is no text");
    freeReplyObject(r);

    r = redis_reply("*4\n:1\n$4\nlost\n:0\n*0\n");
    ok(llm_redis_news_read(r, &news, &text) == LLM_REDIS_OK && news.lost,
       "another history");
    freeReplyObject(r);

    r = redis_reply("*4\n:1\n$4\nelse\n:0\n*0\n");
    is_int(llm_redis_news_read(r, &news, &text), LLM_REDIS_GARBAGE,
           "no other word");
    freeReplyObject(r);
}


int
main(void)
{
    (void) setvbuf(stdout, NULL, _IOLBF, 0);

    redis_names(&names);

    test_commands();
    test_values();
    test_made();
    test_answers();

    llm_redis_args_free(&args);

    return tap_done();
}
