
/*
 * Copyright (C) the llm_quota authors
 */


#include <string.h>

#include "llm_sqlite.h"


/* Alerts and their outbox. */


static int llm_sqlite_alert_add(llm_store_t *store, llm_store_alert_t *alert,
    int told);
static int llm_sqlite_alert_deliveries(llm_store_t *store, llm_store_op_t *op,
    llm_store_alert_t *row);
static int llm_sqlite_delivery_rows(llm_sql_t *q, llm_store_op_t *op,
    llm_store_delivery_t *rows, size_t *n);
static int llm_sqlite_alert_row(llm_sql_t *q, llm_store_op_t *op,
    llm_store_alert_t *row);


int
llm_sqlite_op_alert(llm_store_t *store, llm_store_op_t *op)
{
    int                 told;
    size_t              i;
    llm_store_alert_t  *alert;

    if (llm_sqlite_begin(store, 1) != 0) {
        return -1;
    }

    told = 0;

    for (i = 0; i < op->alert.nalerts; i++) {
        alert = &op->alert.alerts[i];
        told = alert->lesser && told;

        if (llm_sqlite_alert_add(store, alert, told) != 0) {
            return -1;
        }

        told = told || alert->inserted;
    }

    return llm_sqlite_commit(store);
}


static int
llm_sqlite_alert_add(llm_store_t *store, llm_store_alert_t *alert, int told)
{
    size_t            i;
    u_char            period[LLM_PERIOD_BUF];
    llm_sql_t         q;
    llm_store_text_t  first, second, name;

    llm_sqlite_split(&alert->subject.id, &first, &second);
    llm_sqlite_period(alert->period, period, &name);

    llm_sql_start(&q, store, LLM_SQL_ALERT_ADD);
    llm_sql_text(&q, &alert->subject.type);
    llm_sql_text(&q, &first);
    llm_sql_text(&q, &second);
    llm_sql_text(&q, &alert->resource);
    llm_sql_text(&q, &name);
    llm_sql_int(&q, alert->start);
    llm_sql_int(&q, alert->limit);
    llm_sql_int(&q, alert->threshold);
    llm_sql_int(&q, alert->generation);
    llm_sql_text(&q, &alert->id);
    llm_sql_text(&q, &alert->event);
    llm_sql_text(&q, &alert->json);
    llm_sql_int(&q, alert->time);

    if (llm_sql_run(&q) != 0) {
        return -1;
    }

    alert->inserted = (sqlite3_changes(store->db) != 0);

    if (!alert->inserted || told) {
        return 0;
    }

    for (i = 0; i < alert->nchannels; i++) {

        llm_sql_start(&q, store, LLM_SQL_DELIVERY_ADD);
        llm_sql_text(&q, &alert->id);
        llm_sql_text(&q, &alert->channels[i]);
        llm_sql_int(&q, alert->time);

        if (llm_sql_run(&q) != 0) {
            return -1;
        }
    }

    return 0;
}


int
llm_sqlite_op_alerts(llm_store_t *store, llm_store_op_t *op)
{
    int                  rc;
    size_t               i;
    int64_t              number;
    llm_sql_t            q;
    llm_cursor_t         c;
    llm_store_text_t     first, second;
    llm_store_alerts_t  *l;

    l = &op->alerts;
    l->nrows = 0;
    number = INT64_MAX;

    l->rows = llm_sqlite_rows(store, op, &l->max, sizeof(llm_store_alert_t));

    if (l->rows == NULL) {
        return -1;
    }

    if (l->cursor.len) {
        llm_cursor_start(&c, &l->cursor);
        number = llm_cursor_int(&c);
    }

    first = l->subject.id;
    second = l->subject.id;

    if (l->subject.id.data) {
        llm_sqlite_split(&l->subject.id, &first, &second);
    }

    llm_sql_start(&q, store, LLM_SQL_ALERTS);
    llm_sql_int(&q, number);
    llm_sql_text_or_null(&q, &l->subject.type);
    llm_sql_text_or_null(&q, &first);
    llm_sql_text_or_null(&q, &second);
    llm_sql_int(&q, l->now ? l->now : INT64_MAX);
    llm_sql_int(&q, (int64_t) l->max);

    while ((rc = llm_sql_step(&q)) == 1) {

        number = llm_sql_get_int(&q, 0);

        if (llm_sqlite_alert_row(&q, op, &l->rows[l->nrows++]) != 0) {
            llm_sql_end(&q);
            return -1;
        }
    }

    l->cursor.len = 0;

    if (rc == 0 && l->nrows == l->max) {
        llm_cursor_put_int(&l->cursor, number);
    }

    for (i = 0; rc == 0 && l->deliveries && i < l->nrows; i++) {
        rc = llm_sqlite_alert_deliveries(store, op, &l->rows[i]);
    }

    return rc;
}


static int
llm_sqlite_alert_deliveries(llm_store_t *store, llm_store_op_t *op,
    llm_store_alert_t *row)
{
    size_t                 max;
    llm_sql_t              q;
    llm_store_delivery_t  *rows;

    max = LLM_STORE_CHANNELS;
    rows = llm_sqlite_rows(store, op, &max, sizeof(llm_store_delivery_t));

    if (rows == NULL) {
        return -1;
    }

    llm_sql_start(&q, store, LLM_SQL_DELIVERIES_OF);
    llm_sql_text(&q, &row->id);
    llm_sql_int(&q, (int64_t) max);

    row->deliveries = rows;

    return llm_sqlite_delivery_rows(&q, op, rows, &row->ndeliveries);
}


static int
llm_sqlite_alert_row(llm_sql_t *q, llm_store_op_t *op, llm_store_alert_t *row)
{
    row->period = llm_sqlite_period_of(q, 5);
    row->start = llm_sql_get_int(q, 6);
    row->limit = llm_sql_get_int(q, 7);
    row->threshold = llm_sql_get_int(q, 8);
    row->generation = llm_sql_get_int(q, 9);
    row->time = llm_sql_get_int(q, 13);

    return (llm_sql_get_text(q, 1, op, &row->subject.type) == 0
            && llm_sqlite_join(q, 2, op, &row->subject.id) == 0
            && llm_sql_get_text(q, 4, op, &row->resource) == 0
            && llm_sql_get_text(q, 10, op, &row->id) == 0
            && llm_sql_get_text(q, 11, op, &row->event) == 0
            && llm_sql_get_text(q, 12, op, &row->json) == 0) ? 0 : -1;
}


int
llm_sqlite_op_deliveries(llm_store_t *store, llm_store_op_t *op)
{
    int                      rc;
    llm_sql_t                q;
    llm_store_deliveries_t  *l;

    l = &op->deliveries;
    l->nrows = 0;
    l->next = 0;

    l->rows = llm_sqlite_rows(store, op, &l->max,
                              sizeof(llm_store_delivery_t));

    if (l->rows == NULL) {
        return -1;
    }

    if (l->alert.data) {
        llm_sql_start(&q, store, LLM_SQL_DELIVERIES_OF);
        llm_sql_text(&q, &l->alert);

    } else {
        llm_sql_start(&q, store, LLM_SQL_DELIVERIES_DUE);
        llm_sql_int(&q, l->now);
        llm_sql_text_or_null(&q, &l->channel);
    }

    llm_sql_int(&q, (int64_t) l->max);

    rc = llm_sqlite_delivery_rows(&q, op, l->rows, &l->nrows);

    if (rc != 0 || l->alert.data) {
        return rc;
    }

    llm_sql_start(&q, store, LLM_SQL_DELIVERIES_NEXT);
    llm_sql_int(&q, l->now);
    llm_sql_text_or_null(&q, &l->channel);

    if (llm_sql_step(&q) != 1) {
        return -1;
    }

    l->next = llm_sql_get_int(&q, 0);
    llm_sql_end(&q);

    return 0;
}


static int
llm_sqlite_delivery_rows(llm_sql_t *q, llm_store_op_t *op,
    llm_store_delivery_t *rows, size_t *n)
{
    int                    rc;
    llm_store_delivery_t  *row;

    while ((rc = llm_sql_step(q)) == 1) {

        row = &rows[(*n)++];

        row->state = (llm_store_delivery_e) llm_sql_get_int(q, 2);
        row->due = llm_sql_get_int(q, 3);
        row->attempts = llm_sql_get_int(q, 4);

        if (llm_sql_get_text(q, 0, op, &row->alert) != 0
            || llm_sql_get_text(q, 1, op, &row->channel) != 0
            || llm_sql_get_text(q, 5, op, &row->error) != 0
            || llm_sql_get_text(q, 6, op, &row->json) != 0)
        {
            llm_sql_end(q);
            return -1;
        }
    }

    return rc;
}


int
llm_sqlite_op_delivery(llm_store_t *store, llm_store_op_t *op)
{
    llm_sql_t               q;
    llm_store_delivery_t   *row;

    row = &op->delivery.row;

    if (llm_sqlite_begin(store, 1) != 0) {
        return -1;
    }

    llm_sql_start(&q, store, LLM_SQL_DELIVERY_SET);
    llm_sql_int(&q, row->state);
    llm_sql_int(&q, row->due);
    llm_sql_int(&q, row->attempts);
    llm_sql_text(&q, &row->error);
    llm_sql_text(&q, &row->alert);
    llm_sql_text(&q, &row->channel);
    llm_sql_int(&q, op->delivery.seen);

    if (llm_sql_run(&q) != 0) {
        return -1;
    }

    return llm_sqlite_commit_changed(store, LLM_STORE_CONFLICT);
}
