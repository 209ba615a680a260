
/*
 * Copyright (C) the llm_quota authors
 */


#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "llm_redis_entity.h"
#include "llm_redis_words.h"


#define LLM_REDIS_DIGEST     16              /* hex digits */


static void llm_redis_entity_begin(llm_redis_args_t *args,
    const llm_redis_names_t *names, llm_redis_entity_script_e script);
static void llm_redis_entity_add(llm_redis_args_t *args,
    const llm_store_change_t *change, int64_t version,
    const llm_store_actor_t *actor, int64_t time, int whole);
static void llm_redis_add_store(llm_redis_args_t *args,
    const llm_store_text_t *text);
static void llm_redis_add_pair(llm_redis_args_t *args,
    const llm_store_text_t *kind, const llm_store_text_t *id);
static void llm_redis_add_digest(llm_redis_args_t *args,
    const llm_store_text_t *json);
static void llm_redis_add_record(llm_redis_args_t *args,
    const llm_store_change_t *change, const llm_store_actor_t *actor,
    int64_t time);
static size_t llm_redis_item(char *p, const llm_store_text_t *text);
static const redisReply *llm_redis_entity_list(const redisReply *reply,
    int64_t *number);
static int llm_redis_take(const char **p, const char *last,
    llm_store_text_t *text);


static void
llm_redis_entity_begin(llm_redis_args_t *args, const llm_redis_names_t *names,
    llm_redis_entity_script_e script)
{
    llm_redis_begin(args);

    llm_redis_add_text(args, "EVAL");
    llm_redis_add_text(args, llm_redis_entity_scripts[script]);
    llm_redis_add_number(args, 5);

    llm_redis_add_name(args, names, "e:now");
    llm_redis_add_name(args, names, "e:alias");
    llm_redis_add_name(args, names, "e:order");
    llm_redis_add_name(args, names, "e:log");
    llm_redis_add_name(args, names, "e:version");
}


/* The arguments of one entity, as both scripts that set have them. */

static void
llm_redis_entity_add(llm_redis_args_t *args, const llm_store_change_t *change,
    int64_t version, const llm_store_actor_t *actor, int64_t time, int whole)
{
    llm_redis_add_pair(args, &change->kind, &change->id);
    llm_redis_add_store(args, &change->kind);
    llm_redis_add_number(args, version);
    llm_redis_add_text(args, change->json.data ? "+" : "-");
    llm_redis_add_digest(args, &change->json);
    llm_redis_add_store(args, &change->alias);

    if (whole) {
        llm_redis_add_record(args, change, actor, time);

    } else {
        llm_redis_add_text(args, "");
    }
}


static void
llm_redis_add_store(llm_redis_args_t *args, const llm_store_text_t *text)
{
    llm_redis_add(args, (const char *) text->data, text->len);
}


static void
llm_redis_add_pair(llm_redis_args_t *args, const llm_store_text_t *kind,
    const llm_store_text_t *id)
{
    char    buf[2 * LLM_STORE_ID_MAX + 1];
    size_t  n;

    n = kind->len + 1 + id->len;

    if (n > sizeof(buf)) {
        args->failed = 1;
        return;
    }

    memcpy(buf, kind->data, kind->len);
    buf[kind->len] = ':';
    memcpy(buf + kind->len + 1, id->data, id->len);

    llm_redis_add(args, buf, n);
}


static void
llm_redis_add_digest(llm_redis_args_t *args, const llm_store_text_t *json)
{
    char      buf[LLM_REDIS_DIGEST + 1];
    size_t    i;
    uint64_t  hash;

    hash = 0xcbf29ce484222325;

    for (i = 0; i < json->len; i++) {
        hash = (hash ^ json->data[i]) * 0x100000001b3;
    }

    llm_redis_add(args, buf, sprintf(buf, "%016llx",
                                     (unsigned long long) hash));
}


static void
llm_redis_add_record(llm_redis_args_t *args, const llm_store_change_t *change,
    const llm_store_actor_t *actor, int64_t time)
{
    char                    *buf, *p, ms[24];
    size_t                   i, n, size;
    llm_store_text_t         at;
    const llm_store_text_t  *texts[9 + 2 * LLM_STORE_REFS];

    at.data = (u_char *) ms;
    at.len = sprintf(ms, "%lld", (long long) (time > 0 ? time : 0));

    n = 0;
    texts[n++] = &change->kind;
    texts[n++] = &change->id;
    texts[n++] = &at;
    texts[n++] = &actor->who;
    texts[n++] = &actor->key;
    texts[n++] = &actor->address;
    texts[n++] = &actor->reason;
    texts[n++] = &change->action;
    texts[n++] = &change->json;

    for (i = 0; i < change->nrefs && i < LLM_STORE_REFS; i++) {
        texts[n++] = &change->refs[i].name;
        texts[n++] = &change->refs[i].value;
    }

    size = 0;

    for (i = 0; i < n; i++) {
        size += texts[i]->len + 24;
    }

    buf = malloc(size);

    if (buf == NULL) {
        args->failed = 1;
        return;
    }

    p = buf;

    for (i = 0; i < n; i++) {
        p += llm_redis_item(p, texts[i]);
    }

    llm_redis_add(args, buf, p - buf);

    free(buf);
}


static size_t
llm_redis_item(char *p, const llm_store_text_t *text)
{
    size_t  n;

    n = sprintf(p, "%zu:", text->len);

    if (text->len) {
        memcpy(p + n, text->data, text->len);
    }

    return n + text->len;
}


int
llm_redis_change_make(llm_redis_args_t *args, const llm_redis_names_t *names,
    const llm_store_changes_t *changes)
{
    size_t                     i;
    const llm_store_change_t  *change;

    llm_redis_entity_begin(args, names, LLM_REDIS_SCRIPT_CHANGE);

    for (i = 0; i < changes->nchanges; i++) {
        change = &changes->changes[i];

        llm_redis_entity_add(args, change, change->version, &changes->actor,
                             changes->time, 1);
    }

    return llm_redis_end(args);
}


/* The scripts answer {1, word, number, list}. */

static const redisReply *
llm_redis_entity_list(const redisReply *reply, int64_t *number)
{
    if (reply->element[2]->type != REDIS_REPLY_INTEGER) {
        return NULL;
    }

    *number = reply->element[2]->integer;

    return llm_redis_array(reply, 3);
}


llm_redis_status_e
llm_redis_change_made(const redisReply *reply, llm_store_changes_t *changes,
    llm_store_status_e *done, llm_redis_text_t *value, llm_redis_text_t *text)
{
    size_t               i;
    int64_t              number, version;
    const char          *p, *word;
    const redisReply    *list, *item;
    llm_redis_status_e   status;

    value->data = "";
    value->len = 0;

    status = llm_redis_status(reply, 4, text);

    if (status != LLM_REDIS_OK) {
        return status;
    }

    list = llm_redis_entity_list(reply, &number);
    word = reply->element[1]->str;

    if (list == NULL) {
        return LLM_REDIS_GARBAGE;
    }

    if (strcmp(word, "made") == 0) {

        if (list->elements != changes->nchanges) {
            return LLM_REDIS_GARBAGE;
        }

        for (i = 0; i < list->elements; i++) {
            item = list->element[i];
            p = item->str;

            if (item->type != REDIS_REPLY_STRING
                || llm_redis_digits(&p, p + item->len, &version) != 0)
            {
                return LLM_REDIS_GARBAGE;
            }

            changes->changes[i].changed = version;
        }

        changes->given = 1;
        *done = LLM_STORE_OK;

        return LLM_REDIS_OK;
    }

    if (number < 1 || (uint64_t) number > changes->nchanges
        || list->elements != 1
        || list->element[0]->type != REDIS_REPLY_STRING)
    {
        return LLM_REDIS_GARBAGE;
    }

    changes->failed = number - 1;
    changes->taken_alias = (strcmp(word, "alias") == 0);

    value->data = list->element[0]->str;
    value->len = list->element[0]->len;

    if (changes->taken_alias || strcmp(word, "exists") == 0) {
        *done = LLM_STORE_EXISTS;

    } else if (strcmp(word, "missing") == 0) {
        *done = LLM_STORE_NOT_FOUND;

    } else if (strcmp(word, "conflict") == 0) {
        p = value->data;

        if (llm_redis_digits(&p, p + value->len, &changes->found) != 0) {
            return LLM_REDIS_GARBAGE;
        }

        *done = LLM_STORE_CONFLICT;

    } else {
        return LLM_REDIS_GARBAGE;
    }

    return LLM_REDIS_OK;
}


int
llm_redis_offer(llm_redis_args_t *args, const llm_redis_names_t *names,
    const llm_store_made_t *const *rows, size_t n, int whole)
{
    size_t  i;

    llm_redis_entity_begin(args, names, LLM_REDIS_SCRIPT_OFFER);

    for (i = 0; i < n; i++) {
        llm_redis_entity_add(args, &rows[i]->change, rows[i]->change.changed,
                             &rows[i]->actor, rows[i]->time, whole);
    }

    return llm_redis_end(args);
}


llm_redis_status_e
llm_redis_offered(const redisReply *reply, unsigned char *wanted, size_t n,
    llm_redis_text_t *text)
{
    size_t               i;
    int64_t              number;
    const redisReply    *list, *item;
    llm_redis_status_e   status;

    status = llm_redis_status(reply, 4, text);

    if (status != LLM_REDIS_OK) {
        return status;
    }

    memset(wanted, 0, n);

    list = llm_redis_entity_list(reply, &number);

    if (list == NULL) {
        return LLM_REDIS_GARBAGE;
    }

    for (i = 0; i < list->elements; i++) {
        item = list->element[i];

        if (item->type != REDIS_REPLY_INTEGER || item->integer < 1
            || (uint64_t) item->integer > n)
        {
            return LLM_REDIS_GARBAGE;
        }

        wanted[item->integer - 1] = 1;
    }

    return LLM_REDIS_OK;
}


int
llm_redis_news(llm_redis_args_t *args, const llm_redis_names_t *names,
    int64_t since, int64_t version, int walk)
{
    llm_redis_entity_begin(args, names, LLM_REDIS_SCRIPT_NEWS);

    llm_redis_add_number(args, since);
    llm_redis_add_number(args, version);
    llm_redis_add_text(args, walk ? "walk" : "");

    return llm_redis_end(args);
}


llm_redis_status_e
llm_redis_news_read(const redisReply *reply, llm_redis_news_t *news,
    llm_redis_text_t *text)
{
    int64_t              number;
    const char          *word;
    llm_redis_status_e   status;

    status = llm_redis_status(reply, 4, text);

    if (status != LLM_REDIS_OK) {
        return status;
    }

    news->list = llm_redis_entity_list(reply, &number);

    if (news->list == NULL || news->list->elements > 2 * LLM_REDIS_NEWS) {
        return LLM_REDIS_GARBAGE;
    }

    word = reply->element[1]->str;

    news->lost = (strcmp(word, "lost") == 0);
    news->walk = (strcmp(word, "walk") == 0);
    news->more = (number != 0);
    news->n = news->list->elements / 2;

    return (news->lost || news->walk || strcmp(word, "log") == 0)
           ? LLM_REDIS_OK : LLM_REDIS_GARBAGE;
}


int
llm_redis_news_value(const llm_redis_news_t *news, size_t i, int64_t *number,
    llm_redis_text_t *value)
{
    const char        *p;
    const redisReply  *first, *second;

    first = news->list->element[2 * i];
    second = news->list->element[2 * i + 1];

    if (first->type != REDIS_REPLY_STRING
        || second->type != REDIS_REPLY_STRING)
    {
        return -1;
    }

    p = first->str;

    value->data = second->str;
    value->len = second->len;

    return llm_redis_digits(&p, p + first->len, number);
}


int
llm_redis_value(const llm_redis_text_t *value, llm_store_made_t *row,
    llm_store_ref_t *refs)
{
    char                 sign;
    size_t               i;
    const char          *p, *last, *q;
    llm_store_text_t     time;
    llm_store_change_t  *change;

    memset(row, 0, sizeof(llm_store_made_t));

    change = &row->change;

    p = value->data;
    last = p + value->len;

    if (llm_redis_digits(&p, last, &change->changed) != 0
        || change->changed == 0
        || last - p < 3 + LLM_REDIS_DIGEST + 1
        || p[0] != ' ' || p[2] != ' ' || p[3 + LLM_REDIS_DIGEST] != ' ')
    {
        return -1;
    }

    sign = p[1];
    p += 3 + LLM_REDIS_DIGEST + 1;

    llm_store_text_t *const  texts[] = {
        &change->alias, &change->kind, &change->id, &time, &row->actor.who,
        &row->actor.key, &row->actor.address, &row->actor.reason,
        &change->action, &change->json
    };

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (llm_redis_take(&p, last, texts[i]) != 0) {
            return -1;
        }
    }

    change->refs = refs;

    while (p < last) {

        if (change->nrefs == LLM_STORE_REFS
            || llm_redis_take(&p, last, &refs[change->nrefs].name) != 0
            || llm_redis_take(&p, last, &refs[change->nrefs].value) != 0
            || refs[change->nrefs].name.len > LLM_STORE_ID_MAX
            || refs[change->nrefs].value.len > LLM_STORE_ID_MAX)
        {
            return -1;
        }

        change->nrefs++;
    }

    q = (const char *) time.data;

    if (llm_redis_digits(&q, q + time.len, &row->time) != 0
        || change->kind.len == 0 || change->kind.len > LLM_STORE_ID_MAX
        || change->id.len == 0 || change->id.len > LLM_STORE_ID_MAX
        || change->alias.len > LLM_STORE_ID_MAX)
    {
        return -1;
    }

    if (change->alias.len == 0) {
        change->alias.data = NULL;
    }

    if (sign == '-') {
        change->json.data = NULL;
        change->json.len = 0;
    }

    return (sign == '-' || (sign == '+' && change->json.len)) ? 0 : -1;
}


/* A text behind its length. */

static int
llm_redis_take(const char **p, const char *last, llm_store_text_t *text)
{
    int64_t  n;

    if (llm_redis_digits(p, last, &n) != 0
        || *p == last || *(*p)++ != ':'
        || n > last - *p)
    {
        return -1;
    }

    text->data = (const u_char *) *p;
    text->len = n;

    *p += n;

    return 0;
}
