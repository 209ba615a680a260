
/*
 * Copyright (C) the llm_quota authors
 */


#include <stdio.h>
#include <string.h>

#include "llm_sqlite.h"
#include "llm_store_pool.h"


/* Statements and their rows, and the values that go in and out. */


static sqlite3_stmt *llm_sqlite_prepare(llm_store_t *store, llm_sql_e sql);
static void llm_cursor_put(llm_store_cursor_t *cursor, const void *p,
    size_t n);
static size_t llm_cursor_get(llm_cursor_t *c, void *p, size_t n);


static sqlite3_stmt *
llm_sqlite_prepare(llm_store_t *store, llm_sql_e sql)
{
    int  rc;

    if (store->stmts[sql]) {
        return store->stmts[sql];
    }

    rc = sqlite3_prepare_v3(store->db, llm_sql_texts[sql], -1,
                            SQLITE_PREPARE_PERSISTENT, &store->stmts[sql],
                            NULL);
    if (rc != SQLITE_OK) {
        (void) llm_sqlite_failed(store, store->db, rc, "a statement for");
    }

    return store->stmts[sql];
}


void
llm_sql_start(llm_sql_t *q, llm_store_t *store, llm_sql_e sql)
{
    q->store = store;
    q->stmt = llm_sqlite_prepare(store, sql);
    q->bound = 0;
    q->failed = (q->stmt == NULL);
}


int
llm_sql_prepare(llm_sql_t *q, llm_store_t *store, sqlite3 *db,
    const char *sql)
{
    int  rc;

    q->store = store;
    q->stmt = NULL;
    q->bound = 0;
    q->failed = 0;

    rc = sqlite3_prepare_v2(db, sql, -1, &q->stmt, NULL);

    if (rc != SQLITE_OK) {
        return llm_sqlite_failed(store, db, rc, "a statement for");
    }

    return 0;
}


void
llm_sql_int(llm_sql_t *q, int64_t value)
{
    if (!q->failed
        && sqlite3_bind_int64(q->stmt, ++q->bound, value) != SQLITE_OK)
    {
        q->failed = 1;
    }
}


void
llm_sql_text(llm_sql_t *q, const llm_store_text_t *text)
{
    const char  *data;

    data = text->data ? (const char *) text->data : "";

    if (!q->failed
        && sqlite3_bind_text64(q->stmt, ++q->bound, data, text->len,
                               SQLITE_STATIC, SQLITE_UTF8)
           != SQLITE_OK)
    {
        q->failed = 1;
    }
}


void
llm_sql_text_or_null(llm_sql_t *q, const llm_store_text_t *text)
{
    if (text->data) {
        llm_sql_text(q, text);

    } else if (!q->failed
               && sqlite3_bind_null(q->stmt, ++q->bound) != SQLITE_OK)
    {
        q->failed = 1;
    }
}


int
llm_sql_step(llm_sql_t *q)
{
    int       rc;
    sqlite3  *db;

    if (q->stmt == NULL) {
        return -1;
    }

    db = sqlite3_db_handle(q->stmt);

    if (q->failed) {
        (void) llm_sqlite_failed(q->store, db, SQLITE_NOMEM,
                                 "the values of a statement for");
        llm_sql_end(q);
        return -1;
    }

    rc = sqlite3_step(q->stmt);

    if (rc == SQLITE_ROW) {
        return 1;
    }

    if (rc != SQLITE_DONE) {
        (void) llm_sqlite_failed(q->store, db, rc, "the use of");
    }

    llm_sql_end(q);

    return (rc == SQLITE_DONE) ? 0 : -1;
}


int
llm_sql_run(llm_sql_t *q)
{
    return llm_sql_step(q);
}


void
llm_sql_end(llm_sql_t *q)
{
    /* texts that were bound are the caller's, who may free them now */

    (void) sqlite3_reset(q->stmt);
    (void) sqlite3_clear_bindings(q->stmt);
}


int64_t
llm_sql_get_int(llm_sql_t *q, int i)
{
    return sqlite3_column_int64(q->stmt, i);
}


void
llm_sql_see_text(llm_sql_t *q, int i, llm_store_text_t *text)
{
    /* as a blob it is not copied to get a NUL behind it */

    text->data = sqlite3_column_blob(q->stmt, i);
    text->len = (size_t) sqlite3_column_bytes(q->stmt, i);

    if (text->data == NULL && sqlite3_column_type(q->stmt, i) != SQLITE_NULL) {
        text->data = (const u_char *) "";
    }
}


int
llm_sql_get_text(llm_sql_t *q, int i, llm_store_op_t *op,
    llm_store_text_t *text)
{
    u_char            *p;
    llm_store_text_t   seen;

    llm_sql_see_text(q, i, &seen);

    if (seen.data == NULL) {
        *text = seen;
        return 0;
    }

    /* a NUL behind it, for those who print it */

    p = llm_sqlite_alloc(q->store, op, seen.len + 1);

    if (p == NULL) {
        return -1;
    }

    memcpy(p, seen.data, seen.len);
    p[seen.len] = '\0';

    text->data = p;
    text->len = seen.len;

    return 0;
}


int
llm_sqlite_ask(llm_store_t *store, sqlite3 *db, const char *sql,
    int64_t *value)
{
    int        rc;
    llm_sql_t  q;

    if (llm_sql_prepare(&q, store, db, sql) != 0) {
        return -1;
    }

    rc = llm_sql_step(&q);

    if (rc == 1) {
        *value = llm_sql_get_int(&q, 0);
    }

    (void) sqlite3_finalize(q.stmt);

    return (rc == 1) ? 0 : -1;
}


int
llm_sqlite_word(llm_store_t *store, sqlite3 *db, const char *sql, char *word,
    size_t size)
{
    int                rc;
    llm_sql_t          q;
    llm_store_text_t   text;

    if (llm_sql_prepare(&q, store, db, sql) != 0) {
        return -1;
    }

    rc = llm_sql_step(&q);

    if (rc == 1) {
        llm_sql_see_text(&q, 0, &text);
        (void) snprintf(word, size, "%.*s", (int) text.len,
                        text.data ? (const char *) text.data : "");

        /* what is said of a damage has lines, a log has one */

        while ((word = strchr(word, '\n')) != NULL) {
            *word = ' ';
        }
    }

    (void) sqlite3_finalize(q.stmt);

    return (rc == 1) ? 0 : -1;
}


void *
llm_sqlite_alloc(llm_store_t *store, llm_store_op_t *op, size_t size)
{
    void  *p;

    p = llm_store_pool_alloc(&op->results, size);

    if (p == NULL) {
        (void) llm_sqlite_is(store, LLM_STORE_NO_MEMORY);
    }

    return p;
}


void *
llm_sqlite_rows(llm_store_t *store, llm_store_op_t *op, size_t *max,
    size_t size)
{
    void  *rows;

    if (*max == 0 || *max > LLM_STORE_ROWS) {
        *max = LLM_STORE_ROWS;
    }

    rows = llm_sqlite_alloc(store, op, *max * size);

    if (rows) {
        memset(rows, 0, *max * size);
    }

    return rows;
}


static void
llm_cursor_put(llm_store_cursor_t *cursor, const void *p, size_t n)
{
    memcpy(cursor->data + cursor->len, p, n);
    cursor->len += n;
}


void
llm_cursor_put_int(llm_store_cursor_t *cursor, int64_t value)
{
    if (LLM_STORE_CURSOR - cursor->len >= sizeof(value)) {
        llm_cursor_put(cursor, &value, sizeof(value));
    }
}


int
llm_cursor_put_text(llm_store_cursor_t *cursor, const llm_store_text_t *text)
{
    uint32_t  len;

    if (text->len > LLM_STORE_CURSOR
        || LLM_STORE_CURSOR - cursor->len < sizeof(len) + text->len)
    {
        cursor->len = 0;
        return -1;
    }

    len = (uint32_t) text->len;

    llm_cursor_put(cursor, &len, sizeof(len));
    llm_cursor_put(cursor, text->data, text->len);

    return 0;
}


void
llm_cursor_start(llm_cursor_t *c, const llm_store_cursor_t *cursor)
{
    c->p = cursor->data;
    c->last = cursor->data;

    if (cursor->len <= LLM_STORE_CURSOR) {
        c->last += cursor->len;
    }
}


static size_t
llm_cursor_get(llm_cursor_t *c, void *p, size_t n)
{
    if ((size_t) (c->last - c->p) < n) {
        c->p = c->last;
        return 0;
    }

    memcpy(p, c->p, n);
    c->p += n;

    return n;
}


int64_t
llm_cursor_int(llm_cursor_t *c)
{
    int64_t  value;

    return llm_cursor_get(c, &value, sizeof(value)) ? value : 0;
}


void
llm_cursor_text(llm_cursor_t *c, llm_store_text_t *text)
{
    uint32_t  len;

    text->data = (const u_char *) "";
    text->len = 0;

    if (llm_cursor_get(c, &len, sizeof(len)) == 0
        || (size_t) (c->last - c->p) < len)
    {
        return;
    }

    text->data = c->p;
    text->len = len;
    c->p += len;
}


void
llm_sqlite_split(const llm_store_text_t *id, llm_store_text_t *first,
    llm_store_text_t *second)
{
    const u_char  *p;

    *first = *id;
    second->data = (const u_char *) "";
    second->len = 0;

    p = memchr(id->data, '\0', id->len);

    if (p) {
        first->len = (size_t) (p - id->data);
        second->data = p + 1;
        second->len = id->len - first->len - 1;
    }
}


int
llm_sqlite_join(llm_sql_t *q, int i, llm_store_op_t *op, llm_store_text_t *id)
{
    u_char            *p;
    llm_store_text_t   first, second;

    llm_sql_see_text(q, i, &first);
    llm_sql_see_text(q, i + 1, &second);

    p = llm_sqlite_alloc(q->store, op, first.len + second.len + 2);

    if (p == NULL) {
        return -1;
    }

    id->data = p;
    id->len = first.len;

    memcpy(p, first.data, first.len);
    p[first.len] = '\0';

    if (second.len) {
        memcpy(p + first.len + 1, second.data, second.len);
        id->len += 1 + second.len;
        p[id->len] = '\0';
    }

    return 0;
}


void
llm_sqlite_period(llm_period_t period, u_char *buf, llm_store_text_t *text)
{
    text->data = buf;
    text->len = llm_period_print(buf, period);
}


llm_period_t
llm_sqlite_period_of(llm_sql_t *q, int i)
{
    llm_period_t      period;
    llm_store_text_t  text;

    llm_sql_see_text(q, i, &text);

    if (text.len == 0 || llm_period_parse(text.data, text.len, &period) != 0) {
        return LLM_PERIOD(LLM_PERIOD_FOREVER, 0);
    }

    return period;
}
