
/*
 * Copyright (C) the llm_quota authors
 */


#include "ngx_http_llm_api_calls.h"


/* The audit and the alerts, newest first. */


#define NGX_HTTP_LLM_AUDIT_ROWS   100
#define NGX_HTTP_LLM_AUDIT_LIMIT  10000


typedef struct {
    llm_store_op_e           type;
    ngx_str_t                kind;           /* empty: of all */
    ngx_str_t                id;
    ngx_uint_t               left;           /* rows to show */
    llm_store_cursor_t       cursor;
} ngx_http_llm_audit_t;


static void ngx_http_llm_audit(ngx_http_llm_call_t *call,
    llm_store_op_e type);
static void ngx_http_llm_audit_read(ngx_http_llm_call_t *call);
static void ngx_http_llm_audit_page(ngx_http_llm_call_t *call,
    llm_store_op_t *op);
static void ngx_http_llm_audit_end(ngx_http_llm_call_t *call);
static void ngx_http_llm_audit_heading(ngx_http_llm_call_t *call,
    llm_store_op_e type);
static void ngx_http_llm_audit_row(ngx_http_llm_call_t *call,
    const llm_store_audit_row_t *row);
static void ngx_http_llm_alert_row(ngx_http_llm_call_t *call,
    const llm_store_alert_t *row);
static void ngx_http_llm_alert_deliveries(ngx_http_llm_call_t *call,
    const llm_store_alert_t *row);
static void ngx_http_llm_audit_json(ngx_http_llm_call_t *call,
    const char *name, const llm_store_text_t *json);


void
ngx_http_llm_api_audit(ngx_http_llm_call_t *call)
{
    ngx_http_llm_audit(call, LLM_STORE_AUDIT);
}


void
ngx_http_llm_api_alerts(ngx_http_llm_call_t *call)
{
    ngx_http_llm_audit(call, LLM_STORE_ALERTS);
}


static void
ngx_http_llm_audit(ngx_http_llm_call_t *call, llm_store_op_e type)
{
    ngx_int_t                   limit;
    ngx_http_llm_audit_t       *audit;
    const ngx_http_llm_kind_t  *own;

    audit = ngx_pcalloc(call->pool, sizeof(ngx_http_llm_audit_t));
    if (audit == NULL) {
        ngx_http_llm_call_end(call, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    call->data = audit;
    audit->type = type;

    if (ngx_http_llm_call_number(call, "limit", NGX_HTTP_LLM_AUDIT_ROWS,
                                 NGX_HTTP_LLM_AUDIT_LIMIT, &limit)
        != NGX_OK)
    {
        return;
    }

    audit->left = limit;

    own = ngx_http_llm_call_own(call, &audit->id);

    if (own) {
        audit->kind = own->kind;

    } else {
        (void) ngx_http_llm_call_arg(call, "kind", &audit->kind);
        (void) ngx_http_llm_call_arg(call, "id", &audit->id);
    }

    if (ngx_http_llm_call_format(call) != NGX_OK) {
        return;
    }

    if (call->format == NGX_HTTP_LLM_API_JSON) {
        ngx_http_llm_out_open(call, '{');
        ngx_http_llm_out_name(call, type == LLM_STORE_AUDIT ? "audit"
                                                            : "alerts");
        ngx_http_llm_out_open(call, '[');

    } else {
        ngx_http_llm_audit_heading(call, type);
    }

    ngx_http_llm_audit_read(call);
}


static void
ngx_http_llm_audit_read(ngx_http_llm_call_t *call)
{
    ngx_http_llm_audit_t *audit = call->data;

    llm_store_op_t  *op;

    op = ngx_http_llm_call_op(call, audit->type, ngx_http_llm_audit_page);
    if (op == NULL) {
        return;
    }

    if (audit->type == LLM_STORE_AUDIT) {

        if (audit->kind.len) {
            ngx_http_llm_store_set(&op->audit.kind, &audit->kind);
        }

        if (audit->kind.len && audit->id.len) {
            ngx_http_llm_store_set(&op->audit.id, &audit->id);
        }

        op->audit.max = ngx_min(audit->left, NGX_HTTP_LLM_AUDIT_ROWS);
        op->audit.cursor = audit->cursor;

    } else {

        if (audit->kind.len) {
            ngx_http_llm_store_set(&op->alerts.subject.type, &audit->kind);
            ngx_http_llm_store_set(&op->alerts.subject.id, &audit->id);
        }

        op->alerts.now = ngx_http_llm_call_now();
        op->alerts.deliveries = (call->key == NULL);
        op->alerts.max = ngx_min(audit->left, NGX_HTTP_LLM_AUDIT_ROWS);
        op->alerts.cursor = audit->cursor;
    }

    ngx_http_llm_call_run(call);
}


static void
ngx_http_llm_audit_page(ngx_http_llm_call_t *call, llm_store_op_t *op)
{
    ngx_http_llm_audit_t *audit = call->data;

    size_t  i, n;

    if (audit->type == LLM_STORE_AUDIT) {
        n = op->audit.nrows;
        audit->cursor = op->audit.cursor;

        for (i = 0; i < n; i++) {
            ngx_http_llm_audit_row(call, &op->audit.rows[i]);
        }

    } else {
        n = op->alerts.nrows;
        audit->cursor = op->alerts.cursor;

        for (i = 0; i < n; i++) {
            ngx_http_llm_alert_row(call, &op->alerts.rows[i]);
        }
    }

    audit->left -= n;

    ngx_http_llm_call_flush(call, audit->cursor.len && audit->left
                                  ? ngx_http_llm_audit_read
                                  : ngx_http_llm_audit_end);
}


static void
ngx_http_llm_audit_end(ngx_http_llm_call_t *call)
{
    if (call->format == NGX_HTTP_LLM_API_JSON) {
        ngx_http_llm_out_close(call, ']');
        ngx_http_llm_out_close(call, '}');
    }

    ngx_http_llm_call_answer(call, NGX_HTTP_OK);
}


static void
ngx_http_llm_audit_heading(ngx_http_llm_call_t *call, llm_store_op_e type)
{
    llm_store_alert_t      alert;
    llm_store_audit_row_t  row;

    call->heading = 1;

    if (type == LLM_STORE_AUDIT) {
        ngx_memzero(&row, sizeof(llm_store_audit_row_t));
        ngx_http_llm_audit_row(call, &row);

    } else {
        ngx_memzero(&alert, sizeof(llm_store_alert_t));
        ngx_http_llm_alert_row(call, &alert);
    }

    call->heading = 0;
}


static void
ngx_http_llm_audit_row(ngx_http_llm_call_t *call,
    const llm_store_audit_row_t *row)
{
    ngx_http_llm_out_row(call);

    ngx_http_llm_out_field_count(call, "number", row->number);
    ngx_http_llm_out_field_time(call, "time", row->time);
    ngx_http_llm_out_field_str(call, "changed_by", &row->actor.who);

    if (call->key == NULL) {

        /* from where they are administered is not the teams' business */

        ngx_http_llm_out_field_str(call, "changed_by_api_key",
                                   &row->actor.key);
        ngx_http_llm_out_field_str(call, "address", &row->actor.address);
    }

    ngx_http_llm_out_field_str(call, "reason", &row->actor.reason);
    ngx_http_llm_out_field_str(call, "action", &row->action);
    ngx_http_llm_out_field_str(call, "kind", &row->kind);
    ngx_http_llm_out_field_str(call, "id", &row->id);
    ngx_http_llm_out_field_count(call, "version", row->version);

    ngx_http_llm_audit_json(call, "before", &row->before);
    ngx_http_llm_audit_json(call, "after", &row->after);

    ngx_http_llm_out_row_end(call);
}


static void
ngx_http_llm_alert_row(ngx_http_llm_call_t *call, const llm_store_alert_t *row)
{
    ngx_http_llm_out_row(call);

    ngx_http_llm_out_field_str(call, "id", &row->id);
    ngx_http_llm_out_field_str(call, "event", &row->event);
    ngx_http_llm_out_field_str(call, "scope", &row->subject.type);
    ngx_http_llm_out_field_str(call, "subject", &row->subject.id);
    ngx_http_llm_out_field_str(call, "resource", &row->resource);
    ngx_http_llm_out_field_count(call, "threshold", row->threshold);
    ngx_http_llm_out_field_time(call, "time", row->time);

    ngx_http_llm_audit_json(call, "alert", &row->json);

    if (call->key == NULL && call->format == NGX_HTTP_LLM_API_JSON) {
        ngx_http_llm_alert_deliveries(call, row);
    }

    ngx_http_llm_out_row_end(call);
}


/* To whom it went, which is the administrator's business. */

static void
ngx_http_llm_alert_deliveries(ngx_http_llm_call_t *call,
    const llm_store_alert_t *row)
{
    size_t                       i;
    const llm_store_delivery_t  *d;

    static const char  *states[] = { "pending", "delivered", "given_up" };

    ngx_http_llm_out_name(call, "deliveries");
    ngx_http_llm_out_open(call, '[');

    for (i = 0; i < row->ndeliveries; i++) {
        d = &row->deliveries[i];

        ngx_http_llm_out_open(call, '{');

        ngx_http_llm_out_name(call, "channel");
        ngx_http_llm_out_str(call, &d->channel);

        ngx_http_llm_out_name(call, "state");
        ngx_http_llm_out_cstr(call, states[ngx_min(d->state,
                                                   LLM_STORE_GIVEN_UP)]);

        ngx_http_llm_out_count(call, "attempts", d->attempts);

        ngx_http_llm_out_name(call, "error");
        ngx_http_llm_out_str(call, &d->error);

        /* of one that waits, of the next attempt */

        ngx_http_llm_out_name(call, "time");
        ngx_http_llm_out_time(call, d->due);

        ngx_http_llm_out_close(call, '}');
    }

    ngx_http_llm_out_close(call, ']');
}


/* As it was kept; a cell has no room for documents. */

static void
ngx_http_llm_audit_json(ngx_http_llm_call_t *call, const char *name,
    const llm_store_text_t *json)
{
    if (call->format != NGX_HTTP_LLM_API_JSON) {
        return;
    }

    ngx_http_llm_out_name(call, name);

    if (json->len == 0) {
        ngx_http_llm_out_word(call, "null");
        return;
    }

    ngx_http_llm_out(call, json->data, json->len);

    call->comma = 1;
}
