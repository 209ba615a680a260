
/*
 * Copyright (C) the llm_quota authors
 */


#include <stdlib.h>
#include <string.h>

#include "llm_redis_url.h"
#include "tap.h"


/* In memory of its own length, so that reading past it is noticed. */

static u_char *
copy_of(const char *text)
{
    size_t   n;
    u_char  *copy;

    n = strlen(text);
    copy = malloc(n ? n : 1);
    memcpy(copy, text, n);

    return copy;
}


static void
test_urls(void)
{
    size_t           i;
    u_char          *text;
    char             said[600];
    const char      *error;
    llm_redis_url_t  url;

    static const struct {
        const char  *text;
        const char  *said;
    } urls[] = {
        { "redis://a", "|a|0|0" },
        { "redis://redis.example.com:6380", "|redis.example.com|6380|0" },
        { "redis://10.0.0.1:65535/15", "|10.0.0.1|65535|15" },
        { "redis://me@a", "me|a|0|0" },
        { "redis://me@home@a:1/65535", "me@home|a|1|65535" },
        { "redis://a/", "|a|0|0" },
        { "redis://a/0", "|a|0|0" },
        { "redis://[::1]", "|::1|0|0" },
        { "redis://u@[fe80::1]:7/2", "u|fe80::1|7|2" },
        { "rediss://a_b-c:6379", "tls|a_b-c|6379|0" },
        { "unix:/run/redis.sock", "unix|/run/redis.sock|0|0" }
    };

    for (i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        text = copy_of(urls[i].text);
        error = llm_redis_url_parse(&url, text, strlen(urls[i].text));

        if (error) {
            snprintf(said, sizeof(said), "%s", error);

        } else {
            snprintf(said, sizeof(said), "%s%s%.*s|%.*s|%u|%u",
                     url.tls ? "tls" : "", url.is_unix ? "unix" : "",
                     (int) url.user_len, (const char *) url.user,
                     (int) url.host_len, (const char *) url.host, url.port,
                     url.db);
        }

        is_mem(said, strlen(said), urls[i].said, "%s", urls[i].text);

        free(text);
    }
}


static void
test_others(void)
{
    size_t           i;
    char             host[300], path[300];
    u_char          *text;
    const char      *error;
    llm_redis_url_t  url;

    struct {
        const char  *text;
        const char  *error;
    } others[] = {
        { "", "use redis://" },
        { "redis:", "use redis://" },
        { "redis:/a", "use redis://" },
        { "http://a", "use redis://" },
        { "REDIS://a", "use redis://" },
        { "unix:", "use unix:PATH" },
        { "unix:redis.sock", "use unix:PATH" },
        { path, "use unix:PATH" },
        { "redis://", "use the name" },
        { "rediss://:6379", "use the name" },
        { "redis://a b", "use the name" },
        { "redis://a%", "use the name" },
        { "redis://::1", "use the name" },
        { "redis://[]", "use the name" },
        { "redis://[a.g]", "use the name" },
        { host, "use the name" },
        { "redis://[::1", "use an IPv6" },
        { "redis://[::1]6379", "use an IPv6" },
        { "redis://[", "use an IPv6" },
        { "redis://a:", "use a port" },
        { "redis://a:0", "use a port" },
        { "redis://a:65536", "use a port" },
        { "redis://a:18446744073709551617", "use a port" },
        { "redis://a:6379x", "use a port" },
        { "redis://a:-1", "use a port" },
        { "redis://a/x", "use the number" },
        { "redis://a/65536", "use the number" },
        { "redis://a/1/2", "use the number" },
        { "redis://@a", "use a user" },
        { "redis://me:secret@a", "name a user only" },
        { "redis://:secret@a", "name a user only" }
    };

    memset(host, 'a', sizeof(host));
    memcpy(host, "redis://", 8);
    host[8 + LLM_REDIS_HOST + 1] = '\0';

    memset(path, '/', sizeof(path));
    memcpy(path, "unix:", 5);
    path[5 + 108] = '\0';

    for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        text = copy_of(others[i].text);
        error = llm_redis_url_parse(&url, text, strlen(others[i].text));
        error = error ? error : "it is taken";

        is_mem(error, strlen(others[i].error) < strlen(error)
                      ? strlen(others[i].error) : strlen(error),
               others[i].error, "not \"%s\"", others[i].text);

        free(text);
    }

    host[8 + LLM_REDIS_HOST] = '\0';
    path[5 + 107] = '\0';

    ok(llm_redis_url_parse(&url, (u_char *) host, strlen(host)) == NULL,
       "the longest name");
    ok(llm_redis_url_parse(&url, (u_char *) path, strlen(path)) == NULL,
       "the longest path");
}


static void
test_moved(void)
{
    int                rc;
    char               said[400];
    size_t             i;
    u_char            *text;
    llm_redis_node_t   node;

    static const struct {
        const char  *text;
        const char  *said;
    } answers[] = {
        { "MOVED 3999 127.0.0.1:6381", "127.0.0.1 9 6381" },
        { "MOVED 0 ::1:6381", "::1 3 6381" },
        { "MOVED 16383 node-2.example.com:1", "node-2.example.com 18 1" },
        { "MOVED 1 :6381", " 0 6381" },
        { "MOVED 16384 127.0.0.1:6381", "none" },
        { "MOVED 127.0.0.1:6381", "none" },
        { "MOVED x 127.0.0.1:6381", "none" },
        { "MOVED 1 127.0.0.1", "none" },
        { "MOVED 1 127.0.0.1:", "none" },
        { "MOVED 1 127.0.0.1:0", "none" },
        { "MOVED 1 127.0.0.1:65536", "none" },
        { "MOVED 1 :", "none" },
        { "MOVED 1 :0", "none" },
        { "MOVED 1 a b:1", "none" },
        { "MOVED 1 ?:1", "none" },
        { "MOVED 1", "none" },
        { "MOVED ", "none" },
        { "MOVED", "none" },
        { "ASK 3999 127.0.0.1:6381", "none" },
        { "", "none" }
    };

    for (i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        text = copy_of(answers[i].text);
        rc = llm_redis_moved(&node, (char *) text, strlen(answers[i].text));

        snprintf(said, sizeof(said), "none");

        if (rc == 0) {
            snprintf(said, sizeof(said), "%s %zu %u", (char *) node.host,
                     node.host_len, node.port);
        }

        is_mem(said, strlen(said), answers[i].said, "\"%s\"",
               answers[i].text);

        free(text);
    }
}


static void
test_node(void)
{
    char               host[LLM_REDIS_HOST + 1];
    llm_redis_node_t   node;

    memset(host, 'a', sizeof(host));

    is_int(llm_redis_node(&node, "10.0.0.1", 8, "6379", 4), 0, "a node");
    is_int(node.port, 6379, "its port");
    is_int(llm_redis_node(&node, host, LLM_REDIS_HOST, "1", 1), 0,
           "the longest host");
    is_int(node.host[LLM_REDIS_HOST], 0, "ends with a zero");
    is_int(llm_redis_node(&node, host, LLM_REDIS_HOST + 1, "1", 1), -1,
           "a longer one");
    is_int(llm_redis_node(&node, "", 0, "1", 1), -1, "no host");
    is_int(llm_redis_node(&node, "a", 1, "", 0), -1, "no port");
    is_int(llm_redis_node(&node, "a/b", 3, "1", 1), -1, "no name");
}


int
main(void)
{
    test_urls();
    test_others();
    test_moved();
    test_node();

    return tap_done();
}
