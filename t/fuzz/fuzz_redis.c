
/*
 * Copyright (C) the llm_quota authors
 */


#include <stdlib.h>
#include <string.h>

#include "llm_redis.h"


/* Whatever a Redis says is read within its bounds; a key that is taken is
   written the same. */


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static llm_redis_names_t  names;


static void
require(int cond)
{
    if (!cond) {
        abort();
    }
}


/* hiredis makes room for as many elements as are announced; the transport
   allows for fewer. */

static int
is_huge(const uint8_t *data, size_t size)
{
    size_t  i, digits;

    digits = 0;

    for (i = 0; i < size; i++) {
        digits = (data[i] >= '0' && data[i] <= '9') ? digits + 1 : 0;

        if (digits == 5 && i >= 5 && strchr("*%~>", data[i - 5]) != NULL) {
            return 1;
        }
    }

    return 0;
}


static void
fuzz_key(const char *key, size_t len)
{
    char               buf[LLM_REDIS_KEY];
    size_t             n;
    llm_redis_meter_t  meter, again;

    if (llm_redis_key_parse(&meter, &names, key, len) != 0) {
        return;
    }

    n = llm_redis_key(buf, &names, &meter);

    if (n == 0) {
        return;
    }

    require(llm_redis_key_parse(&again, &names, buf, n) == 0);
    require(again.minute == meter.minute && again.period == meter.period
            && again.start == meter.start && again.id.len == meter.id.len
            && memcmp(again.id.data, meter.id.data, meter.id.len) == 0);
}


static void
fuzz_reply(const redisReply *reply)
{
    int                  minute;
    char                 sha[LLM_REDIS_SHA + 1];
    size_t               i, k, n;
    int64_t              now, version;
    llm_redis_text_t     text, key;
    llm_redis_share_t    share;
    llm_redis_changes_t  changes;

    (void) llm_redis_loaded(reply, sha, &text);

    if (llm_redis_changes_read(reply, &changes, &text) == LLM_REDIS_OK) {
        for (i = 0; i < changes.n; i++) {
            if (llm_redis_change(&changes, i, &key, &version) == 0) {
                require(version >= 0);
                fuzz_key(key.data, key.len);
            }
        }
    }

    n = (reply->type == REDIS_REPLY_ARRAY && reply->elements > 2)
        ? reply->elements - 2 : 0;

    if (llm_redis_exchange_read(reply, n, &now, &text) != LLM_REDIS_OK) {
        return;
    }

    for (i = 0; i < n; i++) {
        for (k = 0; k < llm_redis_exchanged(reply, i, &version); k++) {
            for (minute = 0; minute < 2; minute++) {
                if (llm_redis_share(reply, i, k, minute, &share) == 0) {
                    require(share.order >= 0 && share.time >= 0
                            && share.sum[0] >= 0 && share.sum[3] >= 0);
                }
            }
        }
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    void         *reply;
    redisReader  *reader;

    if (names.tag_len == 0) {
        (void) llm_redis_names(&names, "q", 1, "z", 1);
    }

    fuzz_key((const char *) data, size);

    if (is_huge(data, size)) {
        return 0;
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
