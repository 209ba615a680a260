
/*
 * Copyright (C) the llm_quota authors
 */


#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "llm_redis_url.h"


/* The input is an address of a configuration, or an error of Redis: what is
   taken points into it, and is what sockets can be made of. */


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
require(int cond)
{
    if (!cond) {
        abort();
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char        *error;
    llm_redis_url_t    url;
    llm_redis_node_t   node;

    error = llm_redis_url_parse(&url, data, size);

    require(error == NULL || strlen(error) > 0);

    if (error == NULL) {
        require(url.host_len > 0 && url.host_len <= LLM_REDIS_HOST);
        require(url.host >= data && url.host + url.host_len <= data + size);
        require(url.user_len <= LLM_REDIS_USER);
        require(url.user_len == 0
                || (url.user >= data && url.user + url.user_len < url.host));
        require(url.port <= 65535 && url.db <= LLM_REDIS_DB_MAX);
        require(memchr(url.host, '@', url.host_len) == NULL || url.is_unix);
    }

    if (llm_redis_moved(&node, (const char *) data, size) == 0) {
        require(node.host_len <= LLM_REDIS_HOST);
        require(strlen((char *) node.host) == node.host_len);
        require(node.port >= 1 && node.port <= 65535);
    }

    return 0;
}
