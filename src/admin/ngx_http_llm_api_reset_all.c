
/*
 * Copyright (C) the llm_quota authors
 */


#include "ngx_http_llm_api_fact.h"


/*
 * /global/spend/reset: all teams and keys have spent nothing in the periods
 * that are running.  The store knows them all, as soon as it has what was
 * written until now; each is a reset of its own.
 */


#define NGX_HTTP_LLM_RESET_ROWS   100        /* of the store, at once */
#define NGX_HTTP_LLM_RESET_LATER  20         /* ms */
#define NGX_HTTP_LLM_RESET_TRIES  250


static void ngx_http_llm_reset_all_page(ngx_http_llm_call_t *call);
static void ngx_http_llm_reset_all_again(ngx_event_t *ev);
static void ngx_http_llm_reset_all_loaded(ngx_http_llm_call_t *call,
    llm_store_op_t *op);
static int ngx_http_llm_reset_all_type(const llm_store_meter_t *row);
static void ngx_http_llm_reset_all_next(ngx_event_t *ev);
static void ngx_http_llm_reset_all_each(ngx_http_llm_call_t *call);
static void ngx_http_llm_reset_all_known(ngx_http_llm_call_t *call);


void
ngx_http_llm_api_reset_all(ngx_http_llm_call_t *call)
{
    llm_zone_t           *z;
    ngx_http_llm_fact_t  *fact;

    fact = ngx_http_llm_call_fact(call);
    if (fact == NULL) {
        return;
    }

    fact->all = ngx_palloc(call->pool, NGX_HTTP_LLM_RESET_ROWS
                                       * sizeof(llm_subject_key_t));
    if (fact->all == NULL) {
        ngx_http_llm_call_end(call, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    z = ngx_http_llm_zone_lock(call->api->admin.zone.zone);
    fact->began = z->now;
    ngx_http_llm_zone_unlock(call->api->admin.zone.zone);

    if (!call->alive.timer_set) {
        ngx_http_llm_call_wait(call);
    }

    ngx_http_llm_reset_all_page(call);
}


static void
ngx_http_llm_reset_all_page(ngx_http_llm_call_t *call)
{
    llm_store_op_t       *op;
    ngx_http_llm_fact_t  *fact;

    fact = call->data;

    if (!fact->paged
        && call->api->admin.zone.zone->zone->carried <= fact->began)
    {
        if (fact->tries++ == NGX_HTTP_LLM_RESET_TRIES) {
            ngx_http_llm_call_unavailable(call, "has not caught up");
            return;
        }

        ngx_http_llm_fact_later(call, ngx_http_llm_reset_all_again,
                                NGX_HTTP_LLM_RESET_LATER);
        return;
    }

    op = ngx_http_llm_call_op(call, LLM_STORE_LOAD_ALL,
                              ngx_http_llm_reset_all_loaded);
    if (op == NULL) {
        return;
    }

    op->load.now = ngx_time();
    op->load.max = NGX_HTTP_LLM_RESET_ROWS;
    op->load.cursor = fact->cursor;

    ngx_http_llm_call_run(call);
}


static void
ngx_http_llm_reset_all_again(ngx_event_t *ev)
{
    ngx_http_llm_reset_all_page(ngx_http_llm_fact_of(ev)->call);
}


/* A subject has a row for each of its periods; the first resets all. */

static void
ngx_http_llm_reset_all_loaded(ngx_http_llm_call_t *call, llm_store_op_t *op)
{
    int                       type;
    size_t                    i, n;
    llm_zone_t               *z;
    ngx_http_llm_fact_t      *fact;
    const llm_store_meter_t  *row;

    fact = call->data;
    z = call->api->admin.zone.zone->zone;
    n = 0;

    for (i = 0; i < op->load.nrows; i++) {
        row = &op->load.rows[i];
        type = ngx_http_llm_reset_all_type(row);

        if (type != -1 && row->sum[LLM_STORE_COST] > 0
            && llm_zone_key(z, &fact->all[n], type, row->subject.id.data,
                            row->subject.id.len, NULL, 0)
               == 0)
        {
            n++;
        }
    }

    fact->left = n;
    fact->i = 0;
    fact->cursor = op->load.cursor;

    ngx_http_llm_reset_all_each(call);
}


static int
ngx_http_llm_reset_all_type(const llm_store_meter_t *row)
{
    ngx_uint_t   i;
    const char  *name;

    static const llm_subject_type_e  types[] = {
        LLM_SUBJECT_TEAM, LLM_SUBJECT_KEY
    };

    for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        name = llm_subject_name(types[i]);

        if (row->subject.type.len == ngx_strlen(name)
            && ngx_memcmp(row->subject.type.data, name, row->subject.type.len)
               == 0)
        {
            return types[i];
        }
    }

    return -1;
}


static void
ngx_http_llm_reset_all_next(ngx_event_t *ev)
{
    ngx_http_llm_reset_all_each(ngx_http_llm_fact_of(ev)->call);
}


static void
ngx_http_llm_reset_all_each(ngx_http_llm_call_t *call)
{
    llm_subject_key_t    *key;
    ngx_http_llm_fact_t  *fact;

    fact = call->data;

    while (fact->i < fact->left) {
        key = &fact->all[fact->i++];

        ngx_http_llm_fact_actor(call, fact, call->body);

        if (ngx_http_llm_fact_subject(call, fact, key->type, key->name,
                                      key->len)
            == NGX_OK)
        {
            ngx_http_llm_call_know(call, ngx_http_llm_reset_all_known);
            return;
        }
    }

    if (fact->cursor.len) {
        fact->paged = 1;
        ngx_http_llm_reset_all_page(call);
        return;
    }

    ngx_http_llm_out_open(call, '{');
    ngx_http_llm_out_name(call, "message");
    ngx_http_llm_out_cstr(call, "Spend for all API Keys and Teams reset "
                                "successfully");
    ngx_http_llm_out_name(call, "status");
    ngx_http_llm_out_cstr(call, "success");
    ngx_http_llm_out_close(call, '}');

    ngx_http_llm_call_answer(call, NGX_HTTP_OK);
}


static void
ngx_http_llm_reset_all_known(ngx_http_llm_call_t *call)
{
    if (!ngx_http_llm_fact_can(call)) {
        return;
    }

    if (ngx_http_llm_fact_reset(call, call->data, 0) == NGX_BUSY) {
        ngx_http_llm_call_unavailable(call, "has too much to write");
        return;
    }

    /* others have their turn before the next */

    ngx_http_llm_fact_later(call, ngx_http_llm_reset_all_next, 0);
}
