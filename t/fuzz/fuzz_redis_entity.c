
/*
 * Copyright (C) the llm_quota authors
 */


#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "llm_redis_alert.h"
#include "llm_redis_entity.h"


/* What a Redis says of entities and alerts: a value that is taken is offered
   as it came, and any answer is read within its bounds. */


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static llm_redis_names_t  names;
static llm_redis_args_t   args;
static llm_store_ref_t    refs[LLM_STORE_REFS];


static void
require(int cond)
{
    if (!cond) {
        abort();
    }
}


static int
same(const llm_store_text_t *a, const llm_store_text_t *b)
{
    return a->len == b->len && (a->data == NULL) == (b->data == NULL)
           && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}


static void
fuzz_value(const char *data, size_t size)
{
    char                    *buf;
    size_t                   n;
    llm_redis_text_t         text;
    llm_store_made_t         made, again;
    const llm_store_made_t  *rows[1];

    text.data = data;
    text.len = size;

    if (llm_redis_value(&text, &made, refs) != 0) {
        return;
    }

    rows[0] = &made;

    require(llm_redis_offer(&args, &names, rows, 1, 1) == 0);
    require(args.argc == 15);

    buf = malloc(size + 1024);
    require(buf != NULL);

    n = sprintf(buf, "%lld %.*s %.*s %zu:", (long long) made.change.changed,
                (int) args.len[11], args.argv[11],
                (int) args.len[12], args.argv[12], args.len[13]);
    memcpy(buf + n, args.argv[13], args.len[13]);
    n += args.len[13];
    memcpy(buf + n, args.argv[14], args.len[14]);
    n += args.len[14];

    text.data = buf;
    text.len = n;

    require(llm_redis_value(&text, &again, refs) == 0);
    require(again.time == made.time
            && again.change.changed == made.change.changed
            && again.change.nrefs == made.change.nrefs
            && same(&again.change.kind, &made.change.kind)
            && same(&again.change.id, &made.change.id)
            && same(&again.change.alias, &made.change.alias)
            && same(&again.change.json, &made.change.json)
            && same(&again.change.action, &made.change.action)
            && same(&again.actor.reason, &made.actor.reason));

    free(buf);
}


static void
fuzz_reply(const redisReply *reply)
{
    size_t               i;
    int64_t              number;
    unsigned char        wanted[4];
    llm_redis_text_t     text, value;
    llm_redis_news_t     news;
    llm_store_status_e   done;
    llm_store_change_t   change[2];
    llm_redis_alert_e    whose[2];
    llm_store_changes_t  changes;

    memset(change, 0, sizeof(change));
    memset(&changes, 0, sizeof(changes));

    changes.changes = change;
    changes.nchanges = 2;

    if (llm_redis_change_made(reply, &changes, &done, &value, &text)
        == LLM_REDIS_OK)
    {
        require(changes.failed < 2 && changes.given == (done == LLM_STORE_OK));
        fuzz_value(value.data, value.len);
    }

    (void) llm_redis_alert_claimed(reply, whose, 2, &text);
    (void) llm_redis_offered(reply, wanted, sizeof(wanted), &text);

    if (llm_redis_news_read(reply, &news, &text) == LLM_REDIS_OK) {
        for (i = 0; i < news.n; i++) {
            if (llm_redis_news_value(&news, i, &number, &value) == 0) {
                fuzz_value(value.data, value.len);
            }
        }
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    void         *reply;
    size_t        i;
    redisReader  *reader;

    if (names.tag_len == 0) {
        (void) llm_redis_names(&names, "q", 1, "z", 1);
    }

    fuzz_value((const char *) data, size);

    /* hiredis makes room for as many elements as are announced; the transport
       allows for fewer */

    for (i = 0; i + 3 < size; i++) {
        if (data[i] == '*' && data[i + 1] != '\r' && data[i + 2] != '\r'
            && data[i + 3] != '\r')
        {
            return 0;
        }
    }

    reader = redisReaderCreate();

    if (redisReaderFeed(reader, (const char *) data, size) == REDIS_OK) {

        while (redisReaderGetReply(reader, &reply) == REDIS_OK && reply) {
            fuzz_reply(reply);
            freeReplyObject(reply);
        }
    }

    redisReaderFree(reader);

    return 0;
}
