
/*
 * Copyright (C) the llm_quota authors
 */


#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "llm_redis_words.h"
#include "llm_text.h"


#define LLM_REDIS_VALUE    128           /* bytes of a share */


static int llm_redis_sum(const char **p, const char *last, int64_t *n);
static u_char *llm_redis_put_sum(u_char *p, int64_t n);
static void llm_redis_add_node(llm_redis_args_t *args, uint64_t node);
static void llm_redis_add_field(llm_redis_args_t *args, uint64_t node,
    int claim);
static void llm_redis_add_share(llm_redis_args_t *args,
    const llm_redis_share_t *share, int minute);
static void llm_redis_add_list(llm_redis_args_t *args, const int64_t *n,
    unsigned count);
static void llm_redis_add_claim(llm_redis_args_t *args, uint64_t node,
    const llm_redis_claim_t *claim);
static void llm_redis_add_node_key(llm_redis_args_t *args,
    const llm_redis_names_t *names);


int
llm_redis_names(llm_redis_names_t *names, const char *prefix,
    size_t prefix_len, const char *zone, size_t zone_len)
{
    if (prefix_len > LLM_REDIS_TAG || zone_len > LLM_REDIS_TAG
        || prefix_len + zone_len + 3 > LLM_REDIS_TAG)
    {
        return -1;
    }

    memset(names, 0, sizeof(llm_redis_names_t));

    names->tag_len = (size_t) snprintf(names->tag, sizeof(names->tag),
                                       "{%.*s:%.*s}",
                                       (int) prefix_len, prefix,
                                       (int) zone_len, zone);
    return 0;
}


size_t
llm_redis_key(char *buf, const llm_redis_names_t *names,
    const llm_redis_meter_t *meter)
{
    char   *p;
    u_char  period[LLM_PERIOD_BUF];
    size_t  n;

    if (names->tag_len + meter->type.len + meter->id.len + LLM_PERIOD_BUF + 32
        > LLM_REDIS_KEY)
    {
        return 0;
    }

    p = buf;

    memcpy(p, names->tag, names->tag_len);
    p += names->tag_len;

    p += sprintf(p, ":%c:%.*s:", meter->minute ? 'm' : 'p',
                 (int) meter->type.len, meter->type.data);

    if (!meter->minute) {
        n = llm_period_print(period, meter->period);
        p += sprintf(p, "%.*s:%lld:", (int) n, (char *) period,
                     (long long) meter->start);
    }

    if (meter->id.len) {
        memcpy(p, meter->id.data, meter->id.len);
        p += meter->id.len;
    }

    return p - buf;
}


int
llm_redis_key_parse(llm_redis_meter_t *meter, const llm_redis_names_t *names,
    const char *key, size_t len)
{
    const char  *p, *last, *end;

    p = key;
    last = key + len;

    if (len < names->tag_len + 3
        || memcmp(p, names->tag, names->tag_len) != 0)
    {
        return -1;
    }

    p += names->tag_len;

    if (p[0] != ':' || (p[1] != 'm' && p[1] != 'p') || p[2] != ':') {
        return -1;
    }

    meter->minute = (p[1] == 'm');
    meter->period = 0;
    meter->start = 0;

    p += 3;

    end = memchr(p, ':', last - p);

    if (end == NULL) {
        return -1;
    }

    meter->type.data = p;
    meter->type.len = end - p;

    p = end + 1;

    if (!meter->minute) {
        end = memchr(p, ':', last - p);

        if (end == NULL
            || (end != p
                && llm_period_parse((const u_char *) p, end - p,
                                    &meter->period)
                   != 0))
        {
            return -1;
        }

        p = end + 1;

        if (llm_redis_digits(&p, last, &meter->start) != 0
            || p == last || *p++ != ':')
        {
            return -1;
        }
    }

    meter->id.data = p;
    meter->id.len = last - p;

    return 0;
}


/* A number without a sign, up to what does not belong to it. */

int
llm_redis_digits(const char **p, const char *last, int64_t *n)
{
    const char  *start;

    start = *p;

    for (*n = 0; *p < last && **p >= '0' && **p <= '9'; (*p)++) {

        if (__builtin_mul_overflow(*n, 10, n)
            || __builtin_add_overflow(*n, **p - '0', n))
        {
            return -1;
        }
    }

    return (*p > start) ? 0 : -1;
}


/* One that may have a sign. */

static int
llm_redis_sum(const char **p, const char *last, int64_t *n)
{
    int  negative;

    negative = (*p < last && **p == '-');

    *p += negative;

    if (llm_redis_digits(p, last, n) != 0) {
        return -1;
    }

    if (negative) {
        *n = -*n;
    }

    return 0;
}


static u_char *
llm_redis_put_sum(u_char *p, int64_t n)
{
    if (n < 0) {
        *p++ = '-';
    }

    return llm_text_number(p, (n < 0) ? - (uint64_t) n : (uint64_t) n);
}


void
llm_redis_args_free(llm_redis_args_t *args)
{
    free(args->buf);
    free(args->argv);
    free(args->len);

    memset(args, 0, sizeof(llm_redis_args_t));
}


void
llm_redis_begin(llm_redis_args_t *args)
{
    args->used = 0;
    args->argc = 0;
    args->failed = 0;
}


void
llm_redis_add(llm_redis_args_t *args, const char *data, size_t len)
{
    char         *buf;
    size_t        size, *lens;
    const char  **argv;

    if (args->argc == args->allocated) {
        size = args->allocated ? args->allocated * 2 : 64;

        argv = realloc(args->argv, size * sizeof(char *));
        lens = NULL;

        if (argv) {
            args->argv = argv;
            lens = realloc(args->len, size * sizeof(size_t));
        }

        if (lens == NULL) {
            args->failed = 1;
            return;
        }

        args->len = lens;
        args->allocated = size;
    }

    if (args->size - args->used < len) {
        size = (args->size + len) * 2;
        buf = realloc(args->buf, size);

        if (buf == NULL) {
            args->failed = 1;
            return;
        }

        args->buf = buf;
        args->size = size;
    }

    if (len) {
        memcpy(args->buf + args->used, data, len);
        args->used += len;
    }

    args->len[args->argc++] = len;
}


void
llm_redis_add_text(llm_redis_args_t *args, const char *text)
{
    llm_redis_add(args, text, strlen(text));
}


void
llm_redis_add_number(llm_redis_args_t *args, int64_t n)
{
    char  buf[24];

    llm_redis_add(args, buf, sprintf(buf, "%lld", (long long) n));
}


void
llm_redis_add_name(llm_redis_args_t *args, const llm_redis_names_t *names,
    const char *name)
{
    char  buf[LLM_REDIS_KEY];

    llm_redis_add(args, buf, snprintf(buf, sizeof(buf), "%.*s:%s",
                                      (int) names->tag_len, names->tag, name));
}


static void
llm_redis_add_node(llm_redis_args_t *args, uint64_t node)
{
    llm_redis_add_field(args, node, 0);
}


static void
llm_redis_add_field(llm_redis_args_t *args, uint64_t node, int claim)
{
    char  buf[24];

    llm_redis_add(args, buf, sprintf(buf, "%s%016llx", claim ? "c" : "",
                                     (unsigned long long) node));
}


static void
llm_redis_add_share(llm_redis_args_t *args, const llm_redis_share_t *share,
    int minute)
{
    u_char    *p, buf[LLM_REDIS_VALUE];
    unsigned   i, n;

    llm_redis_add_field(args, share->node, share->claim);

    p = llm_text_number(buf, (uint64_t) share->order);
    n = minute ? LLM_REDIS_SUMS - 1 : LLM_REDIS_SUMS;

    if (share->claim) {
        *p++ = ':';
        p = llm_text_number(p, (uint64_t) share->time);
    }

    for (i = 0; i < n; i++) {
        *p++ = ':';
        p = llm_redis_put_sum(p, share->sum[i]);
    }

    llm_redis_add(args, (char *) buf, p - buf);
}


/* Numbers between colons. */

static void
llm_redis_add_list(llm_redis_args_t *args, const int64_t *n, unsigned count)
{
    u_char    *p, buf[LLM_REDIS_VALUE];
    unsigned   i;

    p = buf;

    for (i = 0; i < count; i++) {

        if (i) {
            *p++ = ':';
        }

        p = llm_redis_put_sum(p, n[i]);
    }

    llm_redis_add(args, (char *) buf, p - buf);
}


static void
llm_redis_add_claim(llm_redis_args_t *args, uint64_t node,
    const llm_redis_claim_t *claim)
{
    if (claim == NULL) {
        llm_redis_add_text(args, "");
        return;
    }

    llm_redis_add_field(args, node, 1);
    llm_redis_add_number(args, claim->order);
    llm_redis_add_list(args, claim->have, LLM_REDIS_SUMS);
    llm_redis_add_list(args, claim->want, LLM_REDIS_SUMS);
    llm_redis_add_list(args, claim->bound, LLM_REDIS_BOUNDS);
}


static void
llm_redis_add_node_key(llm_redis_args_t *args, const llm_redis_names_t *names)
{
    char  buf[32];

    sprintf(buf, "node:%016llx", (unsigned long long) names->node);

    llm_redis_add_name(args, names, buf);
}


int
llm_redis_end(llm_redis_args_t *args)
{
    char    *p;
    size_t   i;

    if (args->failed) {
        return -1;
    }

    p = args->buf;

    for (i = 0; i < args->argc; i++) {
        args->argv[i] = p;
        p += args->len[i];
    }

    return 0;
}


int
llm_redis_load(llm_redis_args_t *args, llm_redis_script_e script)
{
    llm_redis_begin(args);

    llm_redis_add_text(args, "SCRIPT");
    llm_redis_add_text(args, "LOAD");
    llm_redis_add_text(args, llm_redis_scripts[script]);

    return llm_redis_end(args);
}


int
llm_redis_changes(llm_redis_args_t *args, const llm_redis_names_t *names,
    int64_t ttl, int64_t since, unsigned max, uint64_t random)
{
    llm_redis_begin(args);

    llm_redis_add_text(args, "EVALSHA");
    llm_redis_add_text(args, names->sha[LLM_REDIS_SCRIPT_CHANGES]);
    llm_redis_add_number(args, 4);

    llm_redis_add_node_key(args, names);
    llm_redis_add_name(args, names, "version");
    llm_redis_add_name(args, names, "changed");
    llm_redis_add_name(args, names, "run");

    llm_redis_add_text(args, names->token);
    llm_redis_add_number(args, ttl);

    if (since < 0) {
        llm_redis_add_text(args, "");

    } else {
        llm_redis_add_number(args, since);
    }

    llm_redis_add_number(args, max);
    llm_redis_add_node(args, random);

    return llm_redis_end(args);
}


int
llm_redis_exchange(llm_redis_args_t *args, const llm_redis_names_t *names,
    const llm_redis_item_t *items, size_t n)
{
    size_t                   i, k, shares;
    const llm_redis_item_t  *item;

    llm_redis_begin(args);

    llm_redis_add_text(args, "EVALSHA");
    llm_redis_add_text(args, names->sha[LLM_REDIS_SCRIPT_EXCHANGE]);
    llm_redis_add_number(args, n + 3);

    llm_redis_add_node_key(args, names);
    llm_redis_add_name(args, names, "version");
    llm_redis_add_name(args, names, "changed");

    for (i = 0; i < n; i++) {
        llm_redis_add(args, items[i].key, items[i].len);
    }

    llm_redis_add_text(args, names->token);

    for (i = 0; i < n; i++) {
        item = &items[i];

        llm_redis_add_text(args, item->minute ? "m" : "p");
        llm_redis_add_number(args, item->expires);

        shares = (item->own != NULL);

        for (k = 0; k < item->nothers; k++) {
            shares += (item->others[k].node != names->node);
        }

        llm_redis_add_number(args, shares);

        if (item->own) {
            llm_redis_add_share(args, item->own, item->minute);
        }

        for (k = 0; k < item->nothers; k++) {
            if (item->others[k].node != names->node) {
                llm_redis_add_share(args, &item->others[k], item->minute);
            }
        }

        llm_redis_add_claim(args, names->node, item->claim);
    }

    return llm_redis_end(args);
}


llm_redis_status_e
llm_redis_status(const redisReply *reply, size_t elements,
    llm_redis_text_t *text)
{
    const redisReply  *first, *held;

    text->data = "";
    text->len = 0;

    if (reply->type == REDIS_REPLY_ERROR) {
        text->data = reply->str;
        text->len = reply->len;

        return (text->len >= 8 && memcmp(text->data, "NOSCRIPT", 8) == 0)
               ? LLM_REDIS_UNLOADED : LLM_REDIS_ERROR;
    }

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements < 2) {
        return LLM_REDIS_GARBAGE;
    }

    first = reply->element[0];
    held = reply->element[1];

    if (first->type != REDIS_REPLY_INTEGER
        || held->type != REDIS_REPLY_STRING)
    {
        return LLM_REDIS_GARBAGE;
    }

    if (first->integer == 0) {
        text->data = held->str;
        text->len = held->len;

        return LLM_REDIS_HELD;
    }

    return (reply->elements == elements) ? LLM_REDIS_OK : LLM_REDIS_GARBAGE;
}


const redisReply *
llm_redis_array(const redisReply *reply, size_t i)
{
    const redisReply  *element;

    element = reply->element[i];

    return (element->type == REDIS_REPLY_ARRAY) ? element : NULL;
}


llm_redis_status_e
llm_redis_loaded(const redisReply *reply, char *sha, llm_redis_text_t *text)
{
    if (reply->type == REDIS_REPLY_ERROR) {
        return llm_redis_status(reply, 0, text);
    }

    text->data = "";
    text->len = 0;

    if (reply->type != REDIS_REPLY_STRING
        || (size_t) reply->len != LLM_REDIS_SHA)
    {
        return LLM_REDIS_GARBAGE;
    }

    memcpy(sha, reply->str, LLM_REDIS_SHA);
    sha[LLM_REDIS_SHA] = '\0';

    return LLM_REDIS_OK;
}


llm_redis_status_e
llm_redis_changes_read(const redisReply *reply, llm_redis_changes_t *changes,
    llm_redis_text_t *text)
{
    const char          *p;
    const redisReply    *version;
    llm_redis_status_e   status;

    status = llm_redis_status(reply, 4, text);

    if (status != LLM_REDIS_OK) {
        return status;
    }

    changes->run.data = reply->element[1]->str;
    changes->run.len = reply->element[1]->len;

    version = reply->element[2];
    changes->list = llm_redis_array(reply, 3);

    if (changes->list == NULL || version->type != REDIS_REPLY_STRING) {
        return LLM_REDIS_GARBAGE;
    }

    p = version->str;

    if (llm_redis_digits(&p, p + version->len, &changes->version) != 0) {
        return LLM_REDIS_GARBAGE;
    }

    changes->n = changes->list->elements / 2;

    return LLM_REDIS_OK;
}


int
llm_redis_change(const llm_redis_changes_t *changes, size_t i,
    llm_redis_text_t *key, int64_t *version)
{
    const char        *p;
    const redisReply  *name, *score;

    name = changes->list->element[2 * i];
    score = changes->list->element[2 * i + 1];

    if (name->type != REDIS_REPLY_STRING || score->type != REDIS_REPLY_STRING)
    {
        return -1;
    }

    key->data = name->str;
    key->len = name->len;

    p = score->str;

    return llm_redis_digits(&p, p + score->len, version);
}


llm_redis_status_e
llm_redis_exchange_read(const redisReply *reply, size_t n, int64_t *now,
    llm_redis_text_t *text)
{
    size_t               i;
    const char          *p;
    const redisReply    *meter;
    llm_redis_status_e   status;

    status = llm_redis_status(reply, n + 2, text);

    if (status != LLM_REDIS_OK) {
        return status;
    }

    p = reply->element[1]->str;

    if (llm_redis_digits(&p, p + reply->element[1]->len, now) != 0) {
        return LLM_REDIS_GARBAGE;
    }

    for (i = 0; i < n; i++) {
        meter = llm_redis_array(reply, i + 2);

        if (meter == NULL || meter->elements != 2
            || meter->element[0]->type != REDIS_REPLY_INTEGER
            || llm_redis_array(meter, 1) == NULL)
        {
            return LLM_REDIS_GARBAGE;
        }
    }

    return LLM_REDIS_OK;
}


size_t
llm_redis_exchanged(const redisReply *reply, size_t i, int64_t *version)
{
    const redisReply  *meter;

    meter = reply->element[i + 2];

    *version = meter->element[0]->integer;

    return meter->element[1]->elements / 2;
}


int
llm_redis_share(const redisReply *reply, size_t i, size_t k, int minute,
    llm_redis_share_t *share)
{
    char               c, *end, node[17];
    size_t             n, sums;
    int64_t           *to[2 + LLM_REDIS_SUMS];
    const char        *p, *last;
    const redisReply  *flat, *name, *value;

    flat = reply->element[i + 2]->element[1];
    name = flat->element[2 * k];
    value = flat->element[2 * k + 1];

    if (name->type != REDIS_REPLY_STRING
        || value->type != REDIS_REPLY_STRING)
    {
        return -1;
    }

    share->claim = (name->len == 17 && name->str[0] == 'c');

    if (name->len != 16 && !share->claim) {
        return -1;
    }

    memcpy(node, name->str + share->claim, 16);
    node[16] = '\0';

    c = node[0];
    share->node = strtoull(node, &end, 16);

    if (*end != '\0' || !((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) {
        return -1;
    }

    memset(share->sum, 0, sizeof(share->sum));
    share->time = 0;

    n = 0;
    to[n++] = &share->order;

    if (minute || share->claim) {
        to[n++] = &share->time;
    }

    sums = n;

    to[n++] = &share->sum[0];
    to[n++] = &share->sum[1];
    to[n++] = &share->sum[2];

    if (!minute || share->claim) {
        to[n++] = &share->sum[3];
    }

    p = value->str;
    last = p + value->len;

    for (i = 0; i < n; i++) {

        if ((i && (p == last || *p++ != ':'))
            || (i < sums ? llm_redis_digits : llm_redis_sum)(&p, last, to[i])
               != 0)
        {
            return -1;
        }
    }

    return (p == last) ? 0 : -1;
}
