
/*
 * Copyright (C) the llm_quota authors
 */


#include "redis.h"
#include "llm_redis_alert.h"


/* Who tells of an alert, in the words of Redis. */


static llm_redis_names_t  names;
static llm_store_alert_t  alerts[2];


static void
test_commands(void)
{
    llm_redis_args_t  args;

    static const int64_t  until[2] = { 0, 2000 };

    memset(&args, 0, sizeof(args));

    alerts[0].id.data = (const u_char *) "0123";
    alerts[0].id.len = 4;
    alerts[1].id.data = (const u_char *) "ab";
    alerts[1].id.len = 2;

    ok(llm_redis_alert_claim(&args, &names, alerts, 2) == 0, "two are claimed");
    ok(redis_arg(&args, 0, "EVAL") && redis_arg(&args, 2, "2")
       && redis_arg(&args, 3, "{llmq:main}:a:0123")
       && redis_arg(&args, 4, "{llmq:main}:a:ab")
       && redis_arg(&args, 5, "000000000000000a")
       && redis_arg(&args, 6, "60000") && args.argc == 7,
       "by their ids, for a minute");

    ok(llm_redis_alert_told(&args, &names, alerts, 2, until, 1000) == 0,
       "two are told");
    ok(redis_arg(&args, 6, "34561000"), "what never ends is kept as long as "
       "the store does");
    ok(redis_arg(&args, 7, "174800") && args.argc == 8,
       "else two days after the period");

    ok(llm_redis_alert_told(&args, &names, alerts, 2, until, 5000) == 0
       && redis_arg(&args, 7, "177800"), "or after now, where it is over");

    llm_redis_args_free(&args);
}


static llm_redis_status_e
claimed(const char *text, llm_redis_alert_e *whose)
{
    redisReply          *reply;
    llm_redis_text_t     why;
    llm_redis_status_e   status;

    reply = redis_reply(text);
    status = llm_redis_alert_claimed(reply, whose, 2, &why);
    freeReplyObject(reply);

    return status;
}


static void
test_answers(void)
{
    size_t             i;
    llm_redis_alert_e  whose[2];

    static const char *const  bad[] = {
        "*3\n:1\n$7\nclaimed\n*1\n:1\n",
        "*3\n:1\n$7\nclaimed\n*3\n:1\n:1\n:1\n",
        "*3\n:1\n$7\nclaimed\n*2\n:1\n:3\n",
        "*3\n:1\n$7\nclaimed\n*2\n:1\n:-1\n",
        "*3\n:1\n$7\nclaimed\n*2\n:1\n$1\n1\n",
        "*3\n:1\n$7\nclaimed\n:1\n", "*2\n:1\n$7\nclaimed\n", ":1\n"
    };

    is_int(claimed("*3\n:1\n$7\nclaimed\n*2\n:1\n:2\n", whose), LLM_REDIS_OK,
           "an answer");
    ok(whose[0] == LLM_REDIS_ALERT_MINE && whose[1] == LLM_REDIS_ALERT_TOLD,
       "of each whose it is");
    is_int(claimed("*3\n:1\n$7\nclaimed\n*2\n:0\n:1\n", whose), LLM_REDIS_OK,
           "another");
    ok(whose[0] == LLM_REDIS_ALERT_LATER, "one is another's for now");
    is_int(claimed("-OOM no\n", whose), LLM_REDIS_ERROR, "an error");

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        is_int(claimed(bad[i], whose), LLM_REDIS_GARBAGE, "garbage %zu", i);
    }
}


int
main(void)
{
    redis_names(&names);

    test_commands();
    test_answers();

    return tap_done();
}
