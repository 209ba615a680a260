
/*
 * Copyright (C) the llm_quota authors
 */


#include "ngx_http_llm_api_calls.h"
#include "llm_api_path.h"
#include "llm_money.h"


/* Lists and reports as lines instead of JSON: ?format=csv, for spreadsheets,
   and ?format=table, for terminals. */


#define NGX_HTTP_LLM_TABLE_CELL   LLM_API_STRING    /* bytes */
#define NGX_HTTP_LLM_TABLE_WIDTH  18


static ngx_uint_t ngx_http_llm_table_formula(const u_char *data, size_t len);
static const u_char *ngx_http_llm_table_special(const u_char *data,
    size_t len);
static ngx_uint_t ngx_http_llm_table_field(ngx_http_llm_call_t *call,
    const char *name);


/* Of each kind its id and its alias come before these. */

static const char  *ngx_http_llm_table_columns[] = {
    "max_budget", "budget_duration", "rpm_limit", "tpm_limit", "blocked", NULL
};


ngx_int_t
ngx_http_llm_call_format(ngx_http_llm_call_t *call)
{
    ngx_str_t        value;
    llm_api_fault_t  fault;

    if (!ngx_http_llm_call_arg(call, "format", &value)
        || (value.len == 4 && ngx_memcmp(value.data, "json", 4) == 0))
    {
        return NGX_OK;
    }

    if (value.len == 3 && ngx_memcmp(value.data, "csv", 3) == 0) {
        call->format = NGX_HTTP_LLM_API_CSV;
        return NGX_OK;
    }

    if (value.len == 5 && ngx_memcmp(value.data, "table", 5) == 0) {
        call->format = NGX_HTTP_LLM_API_TABLE;
        return NGX_OK;
    }

    fault.status = NGX_HTTP_LLM_API_INVALID;
    fault.member = "format";
    fault.what = "Input should be 'json', 'csv' or 'table'";

    ngx_http_llm_call_fault(call, &fault);

    return NGX_ERROR;
}


/* What a spreadsheet would take for a formula gets a quote before it. */

void
ngx_http_llm_out_cell(ngx_http_llm_call_t *call, const void *data, size_t len)
{
    u_char        *p, c, buf[2 * NGX_HTTP_LLM_TABLE_CELL + 4];
    size_t         i;
    const u_char  *text;

    text = data;
    len = ngx_min(len, NGX_HTTP_LLM_TABLE_CELL);
    p = buf;

    if (call->format == NGX_HTTP_LLM_API_CSV) {

        if (call->comma) {
            ngx_http_llm_out(call, ",", 1);
        }

        *p++ = '"';

        if (ngx_http_llm_table_formula(text, len)) {
            *p++ = '\'';
        }

        for (i = 0; i < len; i++) {

            if (text[i] == '"') {
                *p++ = '"';
            }

            *p++ = text[i];
        }

        *p++ = '"';

        if (p - buf == (ssize_t) len + 2
            && !ngx_http_llm_table_special(text, len))
        {
            ngx_http_llm_out(call, text, len);

        } else {
            ngx_http_llm_out(call, buf, p - buf);
        }

        call->comma = 1;
        return;
    }

    for (i = 0; i < len; i++) {
        c = text[i];
        *p++ = (c < ' ' || c == 0x7f) ? '?' : c;
    }

    for ( /* void */ ; i < NGX_HTTP_LLM_TABLE_WIDTH; i++) {
        *p++ = ' ';
    }

    *p++ = ' ';
    *p++ = ' ';

    ngx_http_llm_out(call, buf, p - buf);
}


/* A number below zero is a number. */

static ngx_uint_t
ngx_http_llm_table_formula(const u_char *data, size_t len)
{
    size_t  i;

    if (len == 0 || ngx_strchr("=+-@\t\r", data[0]) == NULL) {
        return 0;
    }

    for (i = 1; i < len; i++) {
        if ((data[i] < '0' || data[i] > '9') && data[i] != '.') {
            return 1;
        }
    }

    return data[0] != '-' || len == 1;
}


static const u_char *
ngx_http_llm_table_special(const u_char *data, size_t len)
{
    size_t  i;

    for (i = 0; i < len; i++) {
        if (data[i] == ',' || data[i] < ' ') {
            return &data[i];
        }
    }

    return NULL;
}


void
ngx_http_llm_out_line(ngx_http_llm_call_t *call)
{
    ngx_http_llm_out(call, "\n", 1);

    call->comma = 0;
}


void
ngx_http_llm_out_cell_usd(ngx_http_llm_call_t *call, int64_t nano)
{
    u_char  buf[LLM_MONEY_BUF];

    ngx_http_llm_out_cell(call, buf, llm_money_print(buf, nano));
}


void
ngx_http_llm_out_cell_count(ngx_http_llm_call_t *call, int64_t n)
{
    u_char  buf[NGX_INT64_LEN];

    ngx_http_llm_out_cell(call, buf, ngx_sprintf(buf, "%L", n) - buf);
}


void
ngx_http_llm_out_columns(ngx_http_llm_call_t *call,
    const ngx_http_llm_kind_t *kind)
{
    const char  **column;

    ngx_http_llm_out_cell(call, kind->id, ngx_strlen(kind->id));

    if (kind->alias) {
        ngx_http_llm_out_cell(call, kind->alias, ngx_strlen(kind->alias));
    }

    ngx_http_llm_out_cell(call, "spend", sizeof("spend") - 1);

    for (column = ngx_http_llm_table_columns; *column; column++) {
        ngx_http_llm_out_cell(call, *column, ngx_strlen(*column));
    }

    ngx_http_llm_out_line(call);
}


void
ngx_http_llm_out_cells(ngx_http_llm_call_t *call,
    const ngx_http_llm_record_t *record)
{
    char          buf[NGX_HTTP_LLM_TABLE_CELL];
    size_t        len;
    const char  **column, *text;

    ngx_http_llm_out_cell(call, record->id.data, record->id.len);

    if (record->kind->alias) {
        text = llm_api_string(record->doc, record->kind->alias, &len);
        ngx_http_llm_out_cell(call, text, len);
    }

    ngx_http_llm_out_cell_usd(call, record->spend);

    for (column = ngx_http_llm_table_columns; *column; column++) {

        text = llm_api_string(record->doc, *column, &len);

        if (text == NULL) {
            len = json_dumpb(json_object_get(record->doc, *column), buf,
                             sizeof(buf), JSON_ENCODE_ANY
                             |JSON_REAL_PRECISION(LLM_API_DIGITS));
            text = buf;

            if (len == 4 && ngx_memcmp(buf, "null", 4) == 0) {
                len = 0;
            }
        }

        ngx_http_llm_out_cell(call, text, len);
    }

    ngx_http_llm_out_line(call);
}


void
ngx_http_llm_out_row(ngx_http_llm_call_t *call)
{
    if (call->format == NGX_HTTP_LLM_API_JSON && !call->heading) {
        ngx_http_llm_out_open(call, '{');
    }
}


void
ngx_http_llm_out_row_end(ngx_http_llm_call_t *call)
{
    if (call->format != NGX_HTTP_LLM_API_JSON) {
        ngx_http_llm_out_line(call);

    } else if (!call->heading) {
        ngx_http_llm_out_close(call, '}');
    }
}


void
ngx_http_llm_out_field(ngx_http_llm_call_t *call, const char *name,
    const void *data, size_t len)
{
    if (!ngx_http_llm_table_field(call, name)) {
        return;
    }

    if (call->format == NGX_HTTP_LLM_API_JSON) {
        ngx_http_llm_out_text(call, data, len);

    } else {
        ngx_http_llm_out_cell(call, data, len);
    }
}


/* Whether a value is to follow the name. */

static ngx_uint_t
ngx_http_llm_table_field(ngx_http_llm_call_t *call, const char *name)
{
    if (call->format == NGX_HTTP_LLM_API_JSON) {

        if (!call->heading) {
            ngx_http_llm_out_name(call, name);
        }

    } else if (call->heading) {
        ngx_http_llm_out_cell(call, name, ngx_strlen(name));
    }

    return !call->heading;
}


void
ngx_http_llm_out_field_count(ngx_http_llm_call_t *call, const char *name,
    int64_t n)
{
    if (!ngx_http_llm_table_field(call, name)) {
        return;
    }

    if (call->format == NGX_HTTP_LLM_API_JSON) {
        ngx_http_llm_out_number(call, n);

    } else {
        ngx_http_llm_out_cell_count(call, n);
    }
}


void
ngx_http_llm_out_field_usd(ngx_http_llm_call_t *call, const char *name,
    int64_t nano)
{
    if (!ngx_http_llm_table_field(call, name)) {
        return;
    }

    if (call->format == NGX_HTTP_LLM_API_JSON) {
        ngx_http_llm_out_money(call, nano);

    } else {
        ngx_http_llm_out_cell_usd(call, nano);
    }
}


void
ngx_http_llm_out_field_time(ngx_http_llm_call_t *call, const char *name,
    int64_t ms)
{
    u_char  *p, buf[LLM_API_TIME];

    if (!ngx_http_llm_table_field(call, name)) {
        return;
    }

    if (call->format == NGX_HTTP_LLM_API_JSON) {
        ngx_http_llm_out_time(call, ms);
        return;
    }

    p = ms ? llm_api_time(buf, ms) : buf;

    ngx_http_llm_out_cell(call, buf, p - buf);
}
