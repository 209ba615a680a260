
/*
 * Copyright (C) the llm_quota authors
 */


#include <string.h>

#include "llm_redis_url.h"


#define LLM_REDIS_PORT_MAX  65535
#define LLM_REDIS_PATH      107          /* of a unix socket, in Linux */


static const char *llm_redis_authority(llm_redis_url_t *url, const u_char *p,
    const u_char *last);
static const char *llm_redis_host(llm_redis_url_t *url, const u_char *p,
    const u_char *last);
static int llm_redis_is_host(const u_char *p, size_t n, int v6);
static int llm_redis_number(const u_char *p, size_t n, unsigned max,
    unsigned *value);
static const u_char *llm_redis_last_of(const u_char *p, const u_char *last,
    u_char c);


const char *
llm_redis_url_parse(llm_redis_url_t *url, const u_char *text, size_t n)
{
    const u_char  *p, *last;

    memset(url, 0, sizeof(llm_redis_url_t));

    last = text + n;

    if (n >= 5 && memcmp(text, "unix:", 5) == 0) {
        url->is_unix = 1;
        url->host = text + 5;
        url->host_len = n - 5;

        if (url->host_len == 0 || url->host_len > LLM_REDIS_PATH
            || url->host[0] != '/')
        {
            return "use unix:PATH with an absolute path of at most 107 bytes";
        }

        return NULL;
    }

    if (n >= 8 && memcmp(text, "redis://", 8) == 0) {
        p = text + 8;

    } else if (n >= 9 && memcmp(text, "rediss://", 9) == 0) {
        p = text + 9;
        url->tls = 1;

    } else {
        return "use redis://[user@]host[:port][/db], rediss://... or "
               "unix:PATH";
    }

    return llm_redis_authority(url, p, last);
}


static const char *
llm_redis_authority(llm_redis_url_t *url, const u_char *p, const u_char *last)
{
    const u_char  *s;

    s = memchr(p, '/', last - p);

    if (s && s + 1 < last) {

        if (llm_redis_number(s + 1, last - s - 1, LLM_REDIS_DB_MAX, &url->db)
            != 0)
        {
            return "use the number of a database, from 0 to 65535, behind "
                   "the host";
        }
    }

    if (s) {
        last = s;
    }

    s = llm_redis_last_of(p, last, '@');

    if (s) {
        url->user = p;
        url->user_len = s - p;

        if (memchr(p, ':', s - p)) {
            return "name a user only, a password is read from "
                   "password_file=FILE";
        }

        if (url->user_len == 0 || url->user_len > LLM_REDIS_USER) {
            return "use a user of 1 to 128 bytes, or none";
        }

        p = s + 1;
    }

    return llm_redis_host(url, p, last);
}


static const char *
llm_redis_host(llm_redis_url_t *url, const u_char *p, const u_char *last)
{
    int            v6;
    const u_char  *s;

    v6 = (p < last && *p == '[');

    if (v6) {
        p++;
        s = memchr(p, ']', last - p);

        if (s == NULL) {
            return "use an IPv6 address in brackets, such as [::1]";
        }

        url->host = p;
        url->host_len = s - p;
        s++;

        if (s < last && *s != ':') {
            return "use an IPv6 address in brackets, such as [::1]";
        }

    } else {
        s = memchr(p, ':', last - p);
        s = s ? s : last;

        url->host = p;
        url->host_len = s - p;
    }

    if (!llm_redis_is_host(url->host, url->host_len, v6)) {
        return "use the name or the IP address of a host";
    }

    if (s < last
        && (llm_redis_number(s + 1, last - s - 1, LLM_REDIS_PORT_MAX,
                             &url->port)
            != 0
            || url->port == 0))
    {
        return "use a port from 1 to 65535";
    }

    return NULL;
}


/* What may stand in one; whether there is such a host others find out. */

static int
llm_redis_is_host(const u_char *p, size_t n, int v6)
{
    size_t       i;
    const char  *set;

    static const char  name[] = "abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "0123456789-._";
    static const char  address[] = "0123456789abcdefABCDEF:.";

    if (n == 0 || n > LLM_REDIS_HOST) {
        return 0;
    }

    set = v6 ? address : name;

    for (i = 0; i < n; i++) {
        if (memchr(set, p[i], strlen(set)) == NULL) {
            return 0;
        }
    }

    return 1;
}


static int
llm_redis_number(const u_char *p, size_t n, unsigned max, unsigned *value)
{
    size_t  i;

    *value = 0;

    if (n == 0) {
        return -1;
    }

    for (i = 0; i < n; i++) {

        if (p[i] < '0' || p[i] > '9') {
            return -1;
        }

        *value = *value * 10 + (p[i] - '0');

        if (*value > max) {
            return -1;
        }
    }

    return 0;
}


static const u_char *
llm_redis_last_of(const u_char *p, const u_char *last, u_char c)
{
    while (last > p) {
        if (*--last == c) {
            return last;
        }
    }

    return NULL;
}


int
llm_redis_moved(llm_redis_node_t *node, const char *text, size_t n)
{
    unsigned       slot;
    const u_char  *p, *s, *last;

    p = (const u_char *) text;
    last = p + n;

    if (n < 6 || memcmp(p, "MOVED ", 6) != 0) {
        return -1;
    }

    p += 6;
    s = memchr(p, ' ', last - p);

    if (s == NULL || llm_redis_number(p, s - p, 16383, &slot) != 0) {
        return -1;
    }

    p = s + 1;
    s = llm_redis_last_of(p, last, ':');

    if (s == NULL) {
        return -1;
    }

    /* a node that does not know its own address leaves it empty */

    if (s == p) {
        node->host[0] = '\0';
        node->host_len = 0;

        return llm_redis_number(s + 1, last - s - 1, LLM_REDIS_PORT_MAX,
                                &node->port) != 0
               || node->port == 0 ? -1 : 0;
    }

    return llm_redis_node(node, (const char *) p, s - p,
                          (const char *) s + 1, last - s - 1);
}


int
llm_redis_node(llm_redis_node_t *node, const char *host, size_t host_len,
    const char *port, size_t port_len)
{
    int            v6;
    const u_char  *p;

    p = (const u_char *) host;

    v6 = (memchr(p, ':', host_len) != NULL);

    if (!llm_redis_is_host(p, host_len, v6)
        || llm_redis_number((const u_char *) port, port_len,
                            LLM_REDIS_PORT_MAX, &node->port)
           != 0
        || node->port == 0)
    {
        return -1;
    }

    memcpy(node->host, host, host_len);
    node->host[host_len] = '\0';
    node->host_len = host_len;

    return 0;
}
