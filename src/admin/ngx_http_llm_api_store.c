
/*
 * Copyright (C) the llm_quota authors
 */


#include "ngx_http_llm_api.h"


/* The steps of a call: operations of the store. */


static void ngx_http_llm_call_stepped(ngx_http_llm_store_task_t *task);
static void ngx_http_llm_call_trouble(ngx_http_llm_call_t *call,
    llm_store_op_t *op);


llm_store_op_t *
ngx_http_llm_call_op(ngx_http_llm_call_t *call, llm_store_op_e type,
    ngx_http_llm_step_pt next)
{
    if (!call->api->admin.zone.zone->zone->ready) {
        ngx_http_llm_call_unavailable(call, "it is not ready yet");
        return NULL;
    }

    call->task = ngx_http_llm_store_task(call->api->admin.zone.store);

    if (call->task == NULL) {
        ngx_http_llm_call_end(call, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return NULL;
    }

    call->task->op.type = type;
    call->task->handler = ngx_http_llm_call_stepped;
    call->task->data = call;
    call->next = next;

    return &call->task->op;
}


void
ngx_http_llm_call_run(ngx_http_llm_call_t *call)
{
    /* for what reads it opens itself */

    if (!call->api->opened && llm_store_is_write(call->task->op.type)) {
        call->api->opened =
            (ngx_http_llm_store_open(call->api->admin.zone.store) == NGX_OK);
    }

    if (ngx_http_llm_store_post(call->task) != NGX_OK) {
        ngx_http_llm_store_free(call->task);
        ngx_http_llm_call_unavailable(call, "it has too much to do");
        return;
    }

    if (!call->alive.timer_set) {
        ngx_http_llm_call_wait(call);
    }
}


static void
ngx_http_llm_call_stepped(ngx_http_llm_store_task_t *task)
{
    ngx_http_llm_call_t *call = task->data;

    llm_store_op_t  *op;

    op = &task->op;

    switch (op->status) {

    case LLM_STORE_OK:
    case LLM_STORE_EXISTS:
    case LLM_STORE_CONFLICT:
    case LLM_STORE_NOT_FOUND:
        call->next(call, op);
        return;

    case LLM_STORE_CLOSED:
    case LLM_STORE_GONE:

        /* there was none when it was opened, or the file is another now */

        if (llm_store_is_write(op->type) && !call->opened) {
            call->opened = 1;

            if (ngx_http_llm_store_open(call->api->admin.zone.store) == NGX_OK
                && ngx_http_llm_store_post(task) == NGX_OK)
            {
                return;
            }
        }

        /* fall through */

    default:
        ngx_http_llm_call_trouble(call, op);
    }
}


static void
ngx_http_llm_call_trouble(ngx_http_llm_call_t *call, llm_store_op_t *op)
{
    llm_zone_t           *z;
    ngx_http_llm_zone_t  *zone;

    switch (op->status) {

    case LLM_STORE_INVALID:
        ngx_http_llm_call_error(call, NGX_HTTP_BAD_REQUEST,
                                "invalid_request_error", NULL, "%s",
                                op->error);
        return;

    case LLM_STORE_AWAY:
        ngx_http_llm_call_error(call, NGX_HTTP_SERVICE_UNAVAILABLE,
                                "service_unavailable", NULL, "%s.",
                                op->error);
        return;

    case LLM_STORE_ABSENT:
    case LLM_STORE_DAMAGED:

        /* the leader, who makes and mends it, may not have met it */

        zone = call->api->admin.zone.zone;

        z = ngx_http_llm_zone_lock(zone);
        z->damaged = 1;
        ngx_http_llm_zone_unlock(zone);

        /* fall through */

    default:

        if (op->type == LLM_STORE_CHANGE && op->change.given) {
            ngx_http_llm_call_error(call, NGX_HTTP_SERVICE_UNAVAILABLE,
                                    "service_unavailable", NULL,
                                    "It was made at other nodes, and comes "
                                    "here when the store can be used again: "
                                    "%s.", llm_store_status_name(op->status));
            return;
        }

        ngx_http_llm_call_unavailable(call,
                                      llm_store_status_name(op->status));
    }
}


void
ngx_http_llm_call_load(ngx_http_llm_call_t *call, const ngx_str_t *kind,
    ngx_str_t *id, ngx_http_llm_step_pt next)
{
    llm_store_op_t  *op;

    op = ngx_http_llm_call_op(call, LLM_STORE_ENTITY, next);

    if (op) {
        ngx_http_llm_store_set(&op->entity.kind, kind);
        ngx_http_llm_store_set(&op->entity.id, id);

        ngx_http_llm_call_run(call);
    }
}


void
ngx_http_llm_call_load_alias(ngx_http_llm_call_t *call, const ngx_str_t *kind,
    ngx_str_t *alias, ngx_http_llm_step_pt next)
{
    llm_store_op_t  *op;

    op = ngx_http_llm_call_op(call, LLM_STORE_ENTITY, next);

    if (op) {
        ngx_http_llm_store_set(&op->entity.kind, kind);
        ngx_http_llm_store_set(&op->entity.alias, alias);

        ngx_http_llm_call_run(call);
    }
}


json_t *
ngx_http_llm_call_document(ngx_http_llm_call_t *call,
    const llm_store_text_t *json)
{
    json_t  *document;

    document = ngx_http_llm_call_keep(call, json_loadb((char *) json->data,
                                                       json->len, 0, NULL));

    if (!json_is_object(document)) {
        ngx_http_llm_call_error(call, NGX_HTTP_INTERNAL_SERVER_ERROR,
                                "internal_server_error", NULL,
                                "What the store has of it is not JSON.");
        return NULL;
    }

    return document;
}
