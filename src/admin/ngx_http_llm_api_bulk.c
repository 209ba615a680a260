
/*
 * Copyright (C) the llm_quota authors
 */


#include "ngx_http_llm_api_calls.h"


/*
 * /key/bulk_update and /user/bulk_update: changes of several entities.  What
 * is wrong with one of them is told beside it, and the others are changed, all
 * in one transaction.
 */


#define NGX_HTTP_LLM_BULK_ITEMS  500
#define NGX_HTTP_LLM_BULK_ERROR  256         /* bytes */


typedef struct {
    ngx_uint_t                 edit;         /* of the change */
    ngx_str_t                  error;        /* data NULL: there is none */
} ngx_http_llm_bulk_item_t;


typedef struct {
    json_t                    *list;
    ngx_http_llm_bulk_item_t  *items;
    size_t                     i;
    size_t                     failed;
    ngx_str_t                  id;           /* or alias, that is loaded */
} ngx_http_llm_bulk_t;


static void ngx_http_llm_bulk_next(ngx_http_llm_call_t *call);
static ngx_int_t ngx_http_llm_bulk_find(ngx_http_llm_call_t *call,
    const json_t *item);
static void ngx_http_llm_bulk_loaded(ngx_http_llm_call_t *call,
    llm_store_op_t *op);
static ngx_int_t ngx_http_llm_bulk_edit(ngx_http_llm_call_t *call,
    llm_store_op_t *op);
static ngx_int_t ngx_http_llm_bulk_failed(ngx_http_llm_call_t *call,
    const char *fmt, ...);
static void ngx_http_llm_bulk_made(ngx_http_llm_call_t *call);
static void ngx_http_llm_bulk_rows(ngx_http_llm_call_t *call);
static void ngx_http_llm_bulk_spent(ngx_http_llm_call_t *call);
static void ngx_http_llm_bulk_row(ngx_http_llm_call_t *call);
static void ngx_http_llm_bulk_member(ngx_http_llm_call_t *call,
    const json_t *item, const char *name);


ngx_int_t
ngx_http_llm_call_items(ngx_http_llm_call_t *call, const char *member,
    json_t **items)
{
    llm_api_fault_t  fault;

    *items = json_object_get(call->body, member);

    fault.status = NGX_HTTP_LLM_API_INVALID;
    fault.member = member;

    if (*items == NULL) {
        fault.what = "Field required";

    } else if (!json_is_array(*items) || json_array_size(*items) == 0) {
        fault.what = "Input should be a valid list";

    } else if (json_array_size(*items) > NGX_HTTP_LLM_BULK_ITEMS) {
        fault.what = "List should have at most 500 items";

    } else {
        return NGX_OK;
    }

    ngx_http_llm_call_fault(call, &fault);

    return NGX_ERROR;
}


void
ngx_http_llm_api_bulk_update(ngx_http_llm_call_t *call)
{
    json_t               *list;
    ngx_http_llm_bulk_t  *bulk;

    if (ngx_http_llm_call_items(call, ngx_http_llm_calls(call)->list, &list)
        != NGX_OK)
    {
        return;
    }

    bulk = ngx_pcalloc(call->pool, sizeof(ngx_http_llm_bulk_t));

    if (bulk) {
        bulk->items = ngx_pcalloc(call->pool,
                                  json_array_size(list)
                                  * sizeof(ngx_http_llm_bulk_item_t));
    }

    if (bulk == NULL || bulk->items == NULL) {
        ngx_http_llm_call_end(call, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    bulk->list = list;
    call->data = bulk;

    ngx_http_llm_bulk_next(call);
}


static void
ngx_http_llm_bulk_next(ngx_http_llm_call_t *call)
{
    ngx_int_t             rc;
    ngx_http_llm_bulk_t  *bulk;

    bulk = call->data;

    for ( /* void */ ; bulk->i < json_array_size(bulk->list); bulk->i++) {

        rc = ngx_http_llm_bulk_find(call, json_array_get(bulk->list, bulk->i));

        if (rc != NGX_DECLINED) {
            return;
        }
    }

    bulk->i = 0;

    if (call->edits.nelts == 0) {
        ngx_http_llm_bulk_made(call);
        return;
    }

    ngx_http_llm_call_commit(call, ngx_http_llm_bulk_made);
}


/* NGX_DECLINED: it names nobody, which is noted; else the step was made. */

static ngx_int_t
ngx_http_llm_bulk_find(ngx_http_llm_call_t *call, const json_t *item)
{
    size_t                      len;
    ngx_str_t                   named;
    const char                 *id;
    ngx_http_llm_bulk_t        *bulk;
    const ngx_http_llm_kind_t  *kind;

    bulk = call->data;
    kind = ngx_http_llm_calls(call)->kind;

    if (kind == &ngx_http_llm_kind_key) {
        named.data = (u_char *) llm_api_string(item, "key", &named.len);

        if (named.len == 0) {
            return ngx_http_llm_bulk_failed(call, "key: Field required");
        }

        if (ngx_http_llm_call_key_id(call, &named, &bulk->id) == NGX_OK) {
            ngx_http_llm_call_load(call, &kind->kind, &bulk->id,
                                   ngx_http_llm_bulk_loaded);
        }

        return NGX_OK;
    }

    id = llm_api_string(item, kind->id, &len);

    if (id && len) {
        bulk->id.data = (u_char *) id;
        bulk->id.len = len;

        ngx_http_llm_call_load(call, &kind->kind, &bulk->id,
                               ngx_http_llm_bulk_loaded);
        return NGX_OK;
    }

    id = llm_api_string(item, kind->alias, &len);

    if (id == NULL || len == 0) {
        return ngx_http_llm_bulk_failed(call, "%s: Field required", kind->id);
    }

    bulk->id.data = (u_char *) id;
    bulk->id.len = len;

    ngx_http_llm_call_load_alias(call, &kind->kind, &bulk->id,
                                 ngx_http_llm_bulk_loaded);
    return NGX_OK;
}


static void
ngx_http_llm_bulk_loaded(ngx_http_llm_call_t *call, llm_store_op_t *op)
{
    ngx_int_t                   rc;
    ngx_http_llm_bulk_t        *bulk;
    const ngx_http_llm_kind_t  *kind;

    bulk = call->data;
    kind = ngx_http_llm_calls(call)->kind;

    if (op->status == LLM_STORE_OK) {
        rc = ngx_http_llm_bulk_edit(call, op);

    } else {
        rc = ngx_http_llm_bulk_failed(call, kind->missing, &bulk->id);
    }

    if (rc != NGX_ERROR) {
        bulk->i++;
        ngx_http_llm_bulk_next(call);
    }
}


/* One that is in the list twice is changed twice. */

static ngx_int_t
ngx_http_llm_bulk_edit(ngx_http_llm_call_t *call, llm_store_op_t *op)
{
    json_t                     *doc, *item;
    ngx_str_t                   id;
    llm_api_fault_t             fault;
    ngx_http_llm_bulk_t        *bulk;
    ngx_http_llm_edit_t        *edit;
    const ngx_http_llm_kind_t  *kind;

    bulk = call->data;
    kind = ngx_http_llm_calls(call)->kind;
    item = json_array_get(bulk->list, bulk->i);

    id.len = op->entity.id.len;
    id.data = (u_char *) op->entity.id.data;

    edit = ngx_http_llm_call_edit_of(call, kind, &id);

    doc = edit ? edit->doc : ngx_http_llm_call_document(call,
                                                        &op->entity.json);
    if (doc == NULL) {
        return NGX_ERROR;
    }

    doc = ngx_http_llm_call_merged(call, kind, item, doc, &fault);

    if (doc && kind == &ngx_http_llm_kind_key
        && ngx_http_llm_call_expires(call, doc, item, "duration", &fault)
           != NGX_OK)
    {
        doc = NULL;
    }

    if (doc == NULL && fault.status) {
        return ngx_http_llm_bulk_failed(call, "%s: %s", fault.member,
                                        fault.what);
    }

    if (doc == NULL) {
        ngx_http_llm_call_end(call, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return NGX_ERROR;
    }

    if (edit == NULL) {
        id.data = ngx_pstrdup(call->pool, &id);

        if (id.data == NULL) {
            ngx_http_llm_call_end(call, NGX_HTTP_INTERNAL_SERVER_ERROR);
            return NGX_ERROR;
        }

        if (ngx_http_llm_call_edit(call, kind, &id, doc, op->entity.version)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        edit = ngx_http_llm_call_edit_of(call, kind, &id);
    }

    edit->doc = doc;

    bulk->items[bulk->i].edit = edit - (ngx_http_llm_edit_t *)
                                           call->edits.elts;
    return NGX_OK;
}


/* Returns NGX_DECLINED; NGX_ERROR: it was answered. */

static ngx_int_t
ngx_http_llm_bulk_failed(ngx_http_llm_call_t *call, const char *fmt, ...)
{
    u_char               *p;
    va_list               args;
    ngx_str_t            *error;
    ngx_http_llm_bulk_t  *bulk;

    bulk = call->data;

    error = &bulk->items[bulk->i].error;

    error->data = ngx_pnalloc(call->pool, NGX_HTTP_LLM_BULK_ERROR);

    if (error->data == NULL) {
        ngx_http_llm_call_end(call, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return NGX_ERROR;
    }

    va_start(args, fmt);
    p = ngx_vslprintf(error->data, error->data + NGX_HTTP_LLM_BULK_ERROR, fmt,
                      args);
    va_end(args);

    error->len = p - error->data;
    bulk->failed++;

    return NGX_DECLINED;
}


/* Keys have a list of those that were not changed, users are as they were
   named. */

static void
ngx_http_llm_bulk_made(ngx_http_llm_call_t *call)
{
    size_t                n;
    ngx_http_llm_bulk_t  *bulk;

    bulk = call->data;
    n = json_array_size(bulk->list);

    ngx_http_llm_out_open(call, '{');
    ngx_http_llm_out_count(call, "total_requested", n);

    if (ngx_http_llm_calls(call)->kind == &ngx_http_llm_kind_key) {
        ngx_http_llm_out_name(call, "failed_updates");
        ngx_http_llm_out_open(call, '[');

        for (bulk->i = 0; bulk->i < n; bulk->i++) {
            if (bulk->items[bulk->i].error.data) {
                ngx_http_llm_bulk_row(call);
            }
        }

        ngx_http_llm_out_close(call, ']');
        ngx_http_llm_out_name(call, "successful_updates");

    } else {
        ngx_http_llm_out_count(call, "successful_updates", n - bulk->failed);
        ngx_http_llm_out_count(call, "failed_updates", bulk->failed);
        ngx_http_llm_out_name(call, "results");
    }

    bulk->i = 0;

    ngx_http_llm_out_open(call, '[');
    ngx_http_llm_bulk_rows(call);
}


static void
ngx_http_llm_bulk_rows(ngx_http_llm_call_t *call)
{
    ngx_http_llm_bulk_t  *bulk;

    bulk = call->data;

    for ( /* void */ ; bulk->i < json_array_size(bulk->list); bulk->i++) {

        if (bulk->items[bulk->i].error.data == NULL) {
            ngx_http_llm_call_edited(call, bulk->items[bulk->i].edit);
            ngx_http_llm_call_spend(call, ngx_http_llm_bulk_spent);
            return;
        }

        if (ngx_http_llm_calls(call)->kind != &ngx_http_llm_kind_key) {
            ngx_http_llm_bulk_row(call);
        }
    }

    ngx_http_llm_out_close(call, ']');
    ngx_http_llm_out_close(call, '}');

    ngx_http_llm_call_answer(call, NGX_HTTP_OK);
}


static void
ngx_http_llm_bulk_spent(ngx_http_llm_call_t *call)
{
    ngx_http_llm_bulk_t  *bulk;

    bulk = call->data;

    ngx_http_llm_bulk_row(call);

    bulk->i++;
    ngx_http_llm_bulk_rows(call);
}


static void
ngx_http_llm_bulk_row(ngx_http_llm_call_t *call)
{
    ngx_uint_t            keys;
    const json_t         *item;
    ngx_http_llm_bulk_t  *bulk;

    bulk = call->data;
    item = json_array_get(bulk->list, bulk->i);
    keys = (ngx_http_llm_calls(call)->kind == &ngx_http_llm_kind_key);

    ngx_http_llm_out_open(call, '{');

    if (keys) {
        ngx_http_llm_bulk_member(call, item, "key");

    } else {
        ngx_http_llm_bulk_member(call, item, "user_id");
        ngx_http_llm_bulk_member(call, item, "user_email");
        ngx_http_llm_out_name(call, "success");
        ngx_http_llm_out_word(call, bulk->items[bulk->i].error.data ? "false"
                                                                  : "true");
    }

    ngx_http_llm_out_name(call, keys ? "key_info" : "updated_user");

    if (bulk->items[bulk->i].error.data == NULL) {
        ngx_http_llm_out_open(call, '{');
        ngx_http_llm_out_record(call, &call->record);
        ngx_http_llm_out_close(call, '}');

    } else {
        ngx_http_llm_out_word(call, "null");
        ngx_http_llm_out_name(call, keys ? "failed_reason" : "error");
        ngx_http_llm_out_str(call, &bulk->items[bulk->i].error);
    }

    ngx_http_llm_out_close(call, '}');
}


/* As it was sent. */

static void
ngx_http_llm_bulk_member(ngx_http_llm_call_t *call, const json_t *item,
    const char *name)
{
    const json_t  *value;

    value = json_object_get(item, name);

    ngx_http_llm_out_name(call, name);

    if (value) {
        ngx_http_llm_out_json(call, value);

    } else {
        ngx_http_llm_out_word(call, "null");
    }
}
