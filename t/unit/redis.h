
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _REDIS_H_INCLUDED_
#define _REDIS_H_INCLUDED_


#include "tap.h"
#include "llm_redis.h"


/* A reply as Redis writes it; '\n' stands for its line ends. */

__attribute__((unused)) static redisReply *
redis_reply(const char *text)
{
    char         *p, buf[8192];
    void         *reply;
    redisReader  *reader;

    for (p = buf; *text; text++) {
        if (*text == '\n') {
            *p++ = '\r';
        }

        *p++ = *text;
    }

    reader = redisReaderCreate();
    reply = NULL;

    if (redisReaderFeed(reader, buf, p - buf) != REDIS_OK
        || redisReaderGetReply(reader, &reply) != REDIS_OK || reply == NULL)
    {
        printf("Bail out! no reply in the text of the test\n");
        exit(1);
    }

    redisReaderFree(reader);

    return reply;
}


__attribute__((unused)) static void
redis_names(llm_redis_names_t *names)
{
    (void) llm_redis_names(names, "llmq", 4, "main", 4);

    names->node = 0xa;
    strcpy(names->token, "here");
    strcpy(names->sha[0], "sha-of-changes");
    strcpy(names->sha[1], "sha-of-exchange");
}


/* An argument of the command that was made. */

__attribute__((unused)) static int
redis_arg(const llm_redis_args_t *args, size_t i, const char *text)
{
    return i < args->argc && args->len[i] == strlen(text)
           && memcmp(args->argv[i], text, args->len[i]) == 0;
}


#endif /* _REDIS_H_INCLUDED_ */
