
/*
 * Copyright (C) the llm_quota authors
 */


#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "llm_sqlite_usage.h"
#include "llm_text.h"


/* Daily usage: a row for each day, payer, model and set of labels. */


/* of a set of labels, each character of which may be escaped */
#define LLM_SQLITE_JSON                                                       \
    (LLM_STORE_LABELS * (6 * (LLM_STORE_LABEL_NAME + LLM_STORE_LABEL_VALUE)   \
                         + sizeof("{\"\":\"\"")) + 1)

#define LLM_SQLITE_QUERY     2048
#define LLM_SQLITE_LABEL     80              /* of the path of one */
#define LLM_SQLITE_DIMS      8
#define LLM_SQLITE_SECONDS   86400
#define LLM_SQLITE_PERIODS   (2 * LLM_SQLITE_SECONDS)
#define LLM_SQLITE_FIRST     10              /* parameter of the cursor */


typedef struct {
    unsigned                 bit;
    const char              *name;
    size_t                   offset;         /* in the row, of a text */
} llm_sqlite_dim_t;


static int llm_sqlite_labels(llm_store_t *store,
    const llm_store_usage_t *usage, const llm_store_text_t *day, u_char *buf,
    llm_store_text_t *json);
static int llm_sqlite_label_value(llm_store_t *store,
    const llm_store_label_t *label, const llm_store_text_t *day,
    llm_store_text_t *value);
static int llm_sqlite_label_before(const llm_store_label_t *a,
    const llm_store_label_t *b);
static void llm_sqlite_day(uint32_t day, u_char *buf, llm_store_text_t *text);
static int llm_sqlite_usage_query(const llm_store_usage_list_t *u,
    char *sql);
static void llm_sqlite_usage_bind(llm_sql_t *q, llm_store_usage_list_t *u,
    const llm_store_cursor_t *after, u_char days[2][LLM_SQLITE_DAY],
    char *path);
static int llm_sqlite_usage_row(llm_sql_t *q, llm_store_op_t *op,
    llm_store_usage_row_t *row);


/* In the order of the columns; the day is a number in the row. */

static const llm_sqlite_dim_t  llm_sqlite_dims[LLM_SQLITE_DIMS] = {
    { LLM_STORE_BY_DAY, "day", 0 },
    { LLM_STORE_BY_TEAM, "team", offsetof(llm_store_usage_row_t, team) },
    { LLM_STORE_BY_USER, "user", offsetof(llm_store_usage_row_t, user) },
    { LLM_STORE_BY_CUSTOMER, "customer",
      offsetof(llm_store_usage_row_t, customer) },
    { LLM_STORE_BY_KEY, "key", offsetof(llm_store_usage_row_t, key) },
    { LLM_STORE_BY_MODEL, "model", offsetof(llm_store_usage_row_t, model) },
    { LLM_STORE_BY_LABELS, "labels",
      offsetof(llm_store_usage_row_t, labels) },
    { LLM_STORE_BY_LABEL,
      "iif(labels = '', '', coalesce(json_extract(labels, ?9), ''))",
      offsetof(llm_store_usage_row_t, label) }
};

#define llm_sqlite_dim_text(row, i)                                           \
    ((llm_store_text_t *) ((u_char *) (row) + llm_sqlite_dims[i].offset))


int
llm_sqlite_usage_valid(const llm_store_usage_t *usage)
{
    unsigned                  i;
    const llm_store_label_t  *label;

    if (usage->day > 99991231 || usage->nlabels > LLM_STORE_LABELS
        || usage->team.len > LLM_STORE_ID_MAX
        || usage->user.len > LLM_STORE_ID_MAX
        || usage->customer.len > LLM_STORE_ID_MAX
        || usage->key.len > LLM_STORE_ID_MAX
        || usage->model.len > LLM_STORE_ID_MAX)
    {
        return 0;
    }

    for (i = 0; i < usage->nlabels; i++) {

        label = &usage->labels[i];

        if (label->name.len > LLM_STORE_LABEL_NAME
            || label->value.len > LLM_STORE_LABEL_VALUE)
        {
            return 0;
        }
    }

    return usage->day >= 10101;
}


int
llm_sqlite_usage_add(llm_store_t *store, const llm_store_usage_t *usage)
{
    int               i;
    u_char            json[LLM_SQLITE_JSON], buf[LLM_SQLITE_DAY];
    llm_sql_t         q;
    llm_store_text_t  day, labels;

    llm_sqlite_day(usage->day, buf, &day);

    if (llm_sqlite_labels(store, usage, &day, json, &labels) != 0) {
        return -1;
    }

    llm_sql_start(&q, store, LLM_SQL_USAGE_ADD);
    llm_sql_text(&q, &day);
    llm_sql_text(&q, &usage->team);
    llm_sql_text(&q, &usage->user);
    llm_sql_text(&q, &usage->customer);
    llm_sql_text(&q, &usage->key);
    llm_sql_text(&q, &usage->model);
    llm_sql_text(&q, &labels);

    for (i = 0; i < LLM_STORE_COUNTS; i++) {
        llm_sql_int(&q, usage->count[i]);
    }

    return llm_sql_run(&q);
}


/* The labels by name, so that a set has one text whatever the order of the
   directives. */

static int
llm_sqlite_labels(llm_store_t *store, const llm_store_usage_t *usage,
    const llm_store_text_t *day, u_char *buf, llm_store_text_t *json)
{
    u_char                   *p, *last;
    unsigned                  i, n;
    llm_store_text_t          value;
    const llm_store_label_t  *next, *done;

    json->data = buf;
    json->len = 0;

    p = buf;
    last = buf + LLM_SQLITE_JSON;
    done = NULL;

    for (n = 0; n < usage->nlabels; n++) {

        next = NULL;

        for (i = 0; i < usage->nlabels; i++) {
            if ((done == NULL
                 || llm_sqlite_label_before(done, &usage->labels[i]))
                && (next == NULL
                    || llm_sqlite_label_before(&usage->labels[i], next)))
            {
                next = &usage->labels[i];
            }
        }

        /* a name that is there twice counts once */

        if (next == NULL) {
            break;
        }

        done = next;

        if (llm_sqlite_label_value(store, next, day, &value) != 0) {
            return -1;
        }

        *p = (p == buf) ? '{' : ',';
        p++;
        *p++ = '"';
        p = llm_text_json(p, last, next->name.data, next->name.len);
        *p++ = '"';
        *p++ = ':';
        *p++ = '"';
        p = llm_text_json(p, last, value.data, value.len);
        *p++ = '"';
    }

    if (p != buf) {
        *p++ = '}';
    }

    json->len = (size_t) (p - buf);

    return 0;
}


static int
llm_sqlite_label_before(const llm_store_label_t *a,
    const llm_store_label_t *b)
{
    int     order;
    size_t  n;

    n = (a->name.len < b->name.len) ? a->name.len : b->name.len;
    order = n ? memcmp(a->name.data, b->name.data, n) : 0;

    return order < 0 || (order == 0 && a->name.len < b->name.len);
}


static int
llm_sqlite_label_value(llm_store_t *store, const llm_store_label_t *label,
    const llm_store_text_t *day, llm_store_text_t *value)
{
    int               rc, known;
    int64_t           values;
    llm_sql_t         q;
    llm_store_text_t  seen;

    *value = label->value;

    llm_sql_start(&q, store, LLM_SQL_LABEL);
    llm_sql_text(&q, &label->name);
    llm_sql_text(&q, value);

    known = llm_sql_step(&q);

    if (known == -1) {
        return -1;
    }

    if (known) {
        llm_sql_see_text(&q, 0, &seen);

        rc = (seen.len == day->len
              && memcmp(seen.data, day->data, day->len) >= 0);

        llm_sql_end(&q);

        if (rc) {
            return 0;
        }

    } else {
        llm_sql_start(&q, store, LLM_SQL_LABELS);
        llm_sql_text(&q, &label->name);

        if (llm_sql_step(&q) != 1) {
            return -1;
        }

        values = llm_sql_get_int(&q, 0);
        llm_sql_end(&q);

        if (values >= LLM_STORE_LABEL_VALUES) {
            value->data = (const u_char *) "other";
            value->len = sizeof("other") - 1;
            return 0;
        }
    }

    /* its last day, after which it may be forgotten */

    llm_sql_start(&q, store, LLM_SQL_LABEL_SET);
    llm_sql_text(&q, &label->name);
    llm_sql_text(&q, value);
    llm_sql_text(&q, day);

    return llm_sql_run(&q);
}


static void
llm_sqlite_day(uint32_t day, u_char *buf, llm_store_text_t *text)
{
    (void) snprintf((char *) buf, LLM_SQLITE_DAY, "%04u-%02u-%02u",
                    day / 10000 % 10000, day / 100 % 100, day % 100);

    text->data = buf;
    text->len = LLM_SQLITE_DAY - 1;
}


void
llm_sqlite_day_of(int local, int64_t seconds, u_char *buf,
    llm_store_text_t *text)
{
    time_t     t;
    struct tm  tm;

    t = (time_t) seconds;

    text->data = buf;
    text->len = 0;

    if ((local ? localtime_r(&t, &tm) : gmtime_r(&t, &tm)) == NULL
        || tm.tm_year < 0 || tm.tm_year > 9999 - 1900)
    {
        return;
    }

    text->len = strftime((char *) buf, LLM_SQLITE_DAY, "%Y-%m-%d", &tm);
}


int
llm_sqlite_op_usage(llm_store_t *store, llm_store_op_t *op)
{
    int                      rc;
    char                     sql[LLM_SQLITE_QUERY], path[LLM_SQLITE_LABEL];
    u_char                   days[2][LLM_SQLITE_DAY];
    llm_sql_t                q;
    llm_store_cursor_t       after;
    llm_store_usage_list_t  *u;

    u = &op->usage;
    u->nrows = 0;

    /* the row in hand becomes the cursor while others are still compared */

    after = u->cursor;

    if (llm_sqlite_usage_query(u, sql) != 0
        || u->label.len > LLM_STORE_LABEL_NAME
        || (u->label.len && (memchr(u->label.data, '"', u->label.len)
                             || memchr(u->label.data, '\\', u->label.len))))
    {
        return llm_sqlite_error(store, LLM_STORE_INVALID,
                                "usage by nothing, or by no such label");
    }

    u->rows = llm_sqlite_rows(store, op, &u->max,
                              sizeof(llm_store_usage_row_t));

    if (u->rows == NULL
        || llm_sql_prepare(&q, store, store->db, sql) != 0)
    {
        return -1;
    }

    llm_sqlite_usage_bind(&q, u, &after, days, path);

    while ((rc = llm_sql_step(&q)) == 1) {

        if (llm_sqlite_usage_row(&q, op, &u->rows[u->nrows++]) != 0) {
            rc = -1;
            break;
        }
    }

    (void) sqlite3_finalize(q.stmt);

    if (u->nrows < u->max) {
        u->cursor.len = 0;
    }

    return rc;
}


/* Of names that are constants; all values are bound. */

static int
llm_sqlite_usage_query(const llm_store_usage_list_t *u, char *sql)
{
    int     i;
    char    names[256], marks[64], after[384];
    size_t  n, m;

    n = 0;
    m = 0;
    after[0] = '\0';

    for (i = 0; i < LLM_SQLITE_DIMS; i++) {

        if (!(u->by & llm_sqlite_dims[i].bit)) {
            continue;
        }

        n += (size_t) snprintf(names + n, sizeof(names) - n, "%s%s",
                               n ? ", " : "", llm_sqlite_dims[i].name);
        m += (size_t) snprintf(marks + m, sizeof(marks) - m, "%s?%d",
                               m ? ", " : "", LLM_SQLITE_FIRST + i);
    }

    if (n == 0) {
        return -1;
    }

    if (u->cursor.len) {
        (void) snprintf(after, sizeof(after), " AND (%s) > (%s)", names,
                        marks);
    }

    (void) snprintf(sql, LLM_SQLITE_QUERY,
                    "SELECT sum(requests), sum(input), sum(output), sum(cost),"
                    " sum(failed), sum(estimated), sum(cached),"
                    " sum(cache_write), sum(reasoning), %s FROM usage"
                    " WHERE day BETWEEN ?1 AND ?2"
                    " AND (?3 IS NULL OR team = ?3)"
                    " AND (?4 IS NULL OR user = ?4)"
                    " AND (?5 IS NULL OR customer = ?5)"
                    " AND (?6 IS NULL OR key = ?6)"
                    " AND (?7 IS NULL OR model = ?7)%s"
                    " GROUP BY %s ORDER BY %s LIMIT ?8",
                    names, after, names, names);

    return 0;
}


static void
llm_sqlite_usage_bind(llm_sql_t *q, llm_store_usage_list_t *u,
    const llm_store_cursor_t *after, u_char days[2][LLM_SQLITE_DAY],
    char *path)
{
    int               i;
    llm_cursor_t      c;
    llm_store_text_t  text;

    llm_sqlite_day(u->from, days[0], &text);
    llm_sql_text(q, &text);
    llm_sqlite_day(u->to, days[1], &text);
    llm_sql_text(q, &text);
    llm_sql_text_or_null(q, &u->team);
    llm_sql_text_or_null(q, &u->user);
    llm_sql_text_or_null(q, &u->customer);
    llm_sql_text_or_null(q, &u->key);
    llm_sql_text_or_null(q, &u->model);
    llm_sql_int(q, (int64_t) u->max);

    if (u->by & LLM_STORE_BY_LABEL) {
        text.data = (u_char *) path;
        text.len = (size_t) snprintf(path, LLM_SQLITE_LABEL, "$.\"%.*s\"",
                                     (int) u->label.len,
                                     (const char *) u->label.data);
        q->bound = LLM_SQLITE_FIRST - 2;
        llm_sql_text(q, &text);
    }

    if (after->len == 0) {
        return;
    }

    llm_cursor_start(&c, after);

    for (i = 0; i < LLM_SQLITE_DIMS; i++) {
        if (u->by & llm_sqlite_dims[i].bit) {
            llm_cursor_text(&c, &text);
            q->bound = LLM_SQLITE_FIRST + i - 1;
            llm_sql_text(q, &text);
        }
    }
}


/* -1 without memory; the row's key goes to the cursor. */

static int
llm_sqlite_usage_row(llm_sql_t *q, llm_store_op_t *op,
    llm_store_usage_row_t *row)
{
    int                      i, column;
    size_t                   n;
    llm_store_text_t         text;
    llm_store_usage_list_t  *u;

    u = &op->usage;

    for (column = 0; column < LLM_STORE_COUNTS; column++) {
        row->count[column] = llm_sql_get_int(q, column);
    }

    u->cursor.len = 0;

    for (i = 0; i < LLM_SQLITE_DIMS; i++) {

        if (!(u->by & llm_sqlite_dims[i].bit)) {
            continue;
        }

        llm_sql_see_text(q, column, &text);
        (void) llm_cursor_put_text(&u->cursor, &text);

        if (llm_sqlite_dims[i].bit == LLM_STORE_BY_DAY) {

            for (n = 0; n < text.len; n++) {
                if (text.data[n] != '-') {
                    row->day = row->day * 10 + (text.data[n] - '0');
                }
            }

        } else if (llm_sql_get_text(q, column, op,
                                    llm_sqlite_dim_text(row, i))
                   != 0)
        {
            return -1;
        }

        column++;
    }

    return 0;
}


/*
 * One table after the other, as long as rows may be removed: what is left is
 * for the next time.  Each takes of the same six values what it needs.
 */

int
llm_sqlite_op_prune(llm_store_t *store, llm_store_op_t *op)
{
    int                     i, j;
    u_char                  buf[LLM_SQLITE_DAY];
    int64_t                 oldest;
    llm_sql_t               q;
    llm_store_text_t        day;
    llm_store_prune_t      *p;
    static const llm_sql_e  from[] = {
        LLM_SQL_PRUNE_USAGE, LLM_SQL_PRUNE_METER, LLM_SQL_PRUNE_PERIOD,
        LLM_SQL_PRUNE_LABEL, LLM_SQL_PRUNE_AUDIT, LLM_SQL_PRUNE_DELIVERY,
        LLM_SQL_PRUNE_ALERT, LLM_SQL_PRUNE_PENDING
    };

    p = &op->prune;
    p->removed = 0;

    if (p->max == 0 || p->max > LLM_STORE_ROWS) {
        p->max = LLM_STORE_ROWS;
    }

    oldest = p->now - (int64_t) LLM_STORE_DAYS * LLM_SQLITE_SECONDS;
    llm_sqlite_day_of(store->local, oldest, buf, &day);

    if (llm_sqlite_begin(store, 0) != 0) {
        return -1;
    }

    for (i = 0; i < (int) (sizeof(from) / sizeof(from[0])); i++) {

        if (p->removed == p->max) {
            break;
        }

        llm_sql_start(&q, store, from[i]);

        if (q.stmt == NULL) {
            return -1;
        }

        for (j = sqlite3_bind_parameter_count(q.stmt); j > 0; j--) {

            q.bound = j - 1;

            switch (j) {

            case 1:
                llm_sql_text(&q, &day);
                break;

            case 2:
                llm_sql_int(&q, oldest);
                break;

            case 3:
                llm_sql_int(&q, oldest * 1000);
                break;

            case 4:
                llm_sql_int(&q, (int64_t) (p->max - p->removed));
                break;

            case 5:
                llm_sql_int(&q, p->now - LLM_SQLITE_PERIODS);
                break;

            case 6:
                llm_sql_int(&q, p->now);
                break;
            }
        }

        if (llm_sql_run(&q) != 0) {
            return -1;
        }

        p->removed += (size_t) sqlite3_changes(store->db);
    }

    return llm_sqlite_commit(store);
}
