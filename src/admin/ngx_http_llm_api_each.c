
/*
 * Copyright (C) the llm_quota authors
 */


#include "ngx_http_llm_api_calls.h"


/* Calls about several entities of a kind by their ids, which are loaded one
   after the other: budgets, tags and keys that are shown, customers that are
   blocked. */


typedef struct {
    json_t                  *ids;
    size_t                   i;
    ngx_str_t                id;             /* the one that is loaded */
    ngx_http_llm_step_pt     loaded;
    ngx_http_llm_call_pt     done;
} ngx_http_llm_each_t;


static void ngx_http_llm_each(ngx_http_llm_call_t *call, json_t *ids,
    ngx_http_llm_step_pt loaded, ngx_http_llm_call_pt done);
static void ngx_http_llm_each_next(ngx_http_llm_call_t *call);
static void ngx_http_llm_each_show(ngx_http_llm_call_t *call,
    llm_store_op_t *op);
static void ngx_http_llm_each_shown(ngx_http_llm_call_t *call);
static void ngx_http_llm_each_budgets(ngx_http_llm_call_t *call);
static void ngx_http_llm_each_tags(ngx_http_llm_call_t *call);
static void ngx_http_llm_each_keys(ngx_http_llm_call_t *call);
static void ngx_http_llm_each_block(ngx_http_llm_call_t *call,
    llm_store_op_t *op);
static void ngx_http_llm_each_commit(ngx_http_llm_call_t *call);
static void ngx_http_llm_each_blocked(ngx_http_llm_call_t *call);


static void
ngx_http_llm_each(ngx_http_llm_call_t *call, json_t *ids,
    ngx_http_llm_step_pt loaded, ngx_http_llm_call_pt done)
{
    ngx_http_llm_each_t  *each;

    each = ngx_pcalloc(call->pool, sizeof(ngx_http_llm_each_t));
    if (each == NULL) {
        ngx_http_llm_call_end(call, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    each->ids = ids;
    each->loaded = loaded;
    each->done = done;

    call->data = each;

    ngx_http_llm_each_next(call);
}


static void
ngx_http_llm_each_next(ngx_http_llm_call_t *call)
{
    ngx_http_llm_each_t *each = call->data;

    json_t     *value;
    ngx_str_t   key;

    value = json_array_get(each->ids, each->i++);

    if (value == NULL) {
        each->done(call);
        return;
    }

    each->id.data = (u_char *) json_string_value(value);
    each->id.len = json_string_length(value);

    key = each->id;

    if (ngx_http_llm_calls(call)->kind == &ngx_http_llm_kind_key
        && ngx_http_llm_call_key_id(call, &key, &each->id) != NGX_OK)
    {
        return;
    }

    ngx_http_llm_call_load(call, &ngx_http_llm_calls(call)->kind->kind,
                           &each->id, each->loaded);
}


void
ngx_http_llm_api_budget_info(ngx_http_llm_call_t *call)
{
    json_t  *ids;

    if (ngx_http_llm_call_ids(call, "budgets", &ids) != NGX_OK) {
        return;
    }

    ngx_http_llm_out_open(call, '[');
    ngx_http_llm_each(call, ids, ngx_http_llm_each_show,
                      ngx_http_llm_each_budgets);
}


void
ngx_http_llm_api_tag_info(ngx_http_llm_call_t *call)
{
    json_t  *ids;

    if (ngx_http_llm_call_ids(call, "names", &ids) != NGX_OK) {
        return;
    }

    ngx_http_llm_out_open(call, '{');
    ngx_http_llm_each(call, ids, ngx_http_llm_each_show,
                      ngx_http_llm_each_tags);
}


/* /v2/key/info */

void
ngx_http_llm_api_keys_info(ngx_http_llm_call_t *call)
{
    json_t  *ids;

    if (ngx_http_llm_call_ids(call, "keys", &ids) != NGX_OK) {
        return;
    }

    ngx_http_llm_out_open(call, '{');
    ngx_http_llm_out_name(call, "key");
    ngx_http_llm_out_json(call, ids);
    ngx_http_llm_out_name(call, "info");
    ngx_http_llm_out_open(call, '[');

    ngx_http_llm_each(call, ids, ngx_http_llm_each_show,
                      ngx_http_llm_each_keys);
}


/* Budgets and keys are an array, tags an object by their names; those that are
   not there are left out. */

static void
ngx_http_llm_each_show(ngx_http_llm_call_t *call, llm_store_op_t *op)
{
    const ngx_http_llm_kind_t  *kind;

    kind = ngx_http_llm_calls(call)->kind;

    if (op->status != LLM_STORE_OK) {
        ngx_http_llm_each_next(call);
        return;
    }

    if (ngx_http_llm_call_loaded(call, op, kind) == NGX_OK) {
        ngx_http_llm_call_spend(call, ngx_http_llm_each_shown);
    }
}


static void
ngx_http_llm_each_shown(ngx_http_llm_call_t *call)
{
    const ngx_http_llm_kind_t  *kind;

    kind = call->record.kind;

    if (kind == &ngx_http_llm_kind_tag) {
        ngx_http_llm_out_member(call, call->record.id.data,
                                call->record.id.len);
    }

    ngx_http_llm_out_open(call, '{');

    if (kind == &ngx_http_llm_kind_key) {
        ngx_http_llm_out_name(call, "token");
        ngx_http_llm_out_str(call, &call->record.id);
    }

    ngx_http_llm_out_record(call, &call->record);
    ngx_http_llm_out_close(call, '}');

    ngx_http_llm_each_next(call);
}


static void
ngx_http_llm_each_budgets(ngx_http_llm_call_t *call)
{
    ngx_http_llm_out_close(call, ']');
    ngx_http_llm_call_answer(call, NGX_HTTP_OK);
}


static void
ngx_http_llm_each_tags(ngx_http_llm_call_t *call)
{
    ngx_http_llm_out_close(call, '}');
    ngx_http_llm_call_answer(call, NGX_HTTP_OK);
}


static void
ngx_http_llm_each_keys(ngx_http_llm_call_t *call)
{
    ngx_http_llm_out_close(call, ']');
    ngx_http_llm_out_close(call, '}');
    ngx_http_llm_call_answer(call, NGX_HTTP_OK);
}


void
ngx_http_llm_api_customer_block(ngx_http_llm_call_t *call)
{
    json_t  *ids;

    if (ngx_http_llm_call_ids(call, "user_ids", &ids) == NGX_OK) {
        ngx_http_llm_each(call, ids, ngx_http_llm_each_block,
                          ngx_http_llm_each_commit);
    }
}


/* A customer need not be known to be blocked. */

static void
ngx_http_llm_each_block(ngx_http_llm_call_t *call, llm_store_op_t *op)
{
    ngx_http_llm_each_t *each = call->data;

    json_t           *doc, *blocked;
    int64_t           version;
    llm_api_fault_t   fault;

    if (op->status == LLM_STORE_OK) {
        doc = ngx_http_llm_call_document(call, &op->entity.json);
        version = op->entity.version;

        if (doc == NULL) {
            return;
        }

    } else {
        doc = ngx_http_llm_call_keep(call, json_pack("{s:s%}", "user_id",
                                                     each->id.data,
                                                     each->id.len));
        version = 0;
    }

    blocked = ngx_http_llm_call_keep(call, json_pack("{s:b}", "blocked",
                                              ngx_http_llm_call_blocks(call)));

    if (doc == NULL || blocked == NULL) {
        ngx_http_llm_call_end(call, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    /* the id, too, is checked */

    (void) json_object_set(blocked, "user_id", json_object_get(doc,
                                                               "user_id"));

    if (llm_api_merge(doc, blocked, LLM_API_CUSTOMER, &fault) != 0) {
        ngx_http_llm_call_fault(call, &fault);
        return;
    }

    if (ngx_http_llm_call_edit(call, &ngx_http_llm_kind_customer, &each->id,
                               doc, version)
        == NGX_OK)
    {
        ngx_http_llm_each_next(call);
    }
}


static void
ngx_http_llm_each_commit(ngx_http_llm_call_t *call)
{
    ngx_http_llm_call_commit(call, ngx_http_llm_each_blocked);
}


static void
ngx_http_llm_each_blocked(ngx_http_llm_call_t *call)
{
    ngx_uint_t  i;

    ngx_http_llm_out_open(call, '{');
    ngx_http_llm_out_name(call, ngx_http_llm_call_blocks(call)
                                ? "blocked_users" : "unblocked_users");
    ngx_http_llm_out_open(call, '[');

    for (i = 0; i < call->edits.nelts; i++) {
        ngx_http_llm_call_edited(call, i);
        (void) ngx_http_llm_record_spend(call, &call->record);

        ngx_http_llm_out_open(call, '{');
        ngx_http_llm_out_record(call, &call->record);
        ngx_http_llm_out_close(call, '}');
    }

    ngx_http_llm_out_close(call, ']');
    ngx_http_llm_out_close(call, '}');

    ngx_http_llm_call_answer(call, NGX_HTTP_OK);
}
