
/*
 * Copyright (C) the llm_quota authors
 */


#include "ngx_http_llm_api_calls.h"
#include "llm_estimate.h"
#include "llm_usage.h"


/* /spend/calculate: what an answer cost, by the usage that it states; or what
   messages will cost that are not sent yet, without their answer. */


static ngx_int_t ngx_http_llm_cost_answer(const json_t *response,
    llm_answer_t *answer, llm_usage_t *usage);
static ngx_int_t ngx_http_llm_cost_messages(const json_t *body,
    llm_usage_t *usage);


void
ngx_http_llm_api_calculate(ngx_http_llm_call_t *call)
{
    int64_t                     cost;
    ngx_int_t                   rc;
    ngx_str_t                   model;
    llm_tier_e                  tier;
    llm_usage_t                 usage;
    const json_t               *response;
    llm_answer_t               *answer;
    const llm_answer_name_t    *name;
    ngx_http_llm_admin_zone_t  *zone;

    zone = &call->api->admin.zone;
    tier = LLM_TIER_DEFAULT;

    ngx_memzero(&usage, sizeof(llm_usage_t));

    answer = ngx_palloc(call->pool, sizeof(llm_answer_t));
    if (answer == NULL) {
        ngx_http_llm_call_end(call, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    model.data = (u_char *) llm_api_string(call->body, "model", &model.len);
    response = json_object_get(call->body, "completion_response");

    if (json_is_object(response)) {
        rc = ngx_http_llm_cost_answer(response, answer, &usage);
        tier = llm_answer_tier(answer);
        name = llm_answer_model(answer);

        if (model.len == 0) {
            model.data = (u_char *) name->data;
            model.len = name->len;
        }

    } else {
        rc = ngx_http_llm_cost_messages(call->body, &usage);
    }

    if (rc == NGX_ERROR) {
        ngx_http_llm_call_end(call, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    if (rc == NGX_DECLINED || model.len == 0) {
        ngx_http_llm_call_error(call, NGX_HTTP_BAD_REQUEST, "bad_request",
                                NULL, "Pass completion_response, an answer "
                                "with its model and its usage; or model and "
                                "messages, of a request.");
        return;
    }

    cost = zone->cost(zone->models, model.data, model.len, &usage, tier);

    if (cost < 0) {
        ngx_http_llm_call_error(call, NGX_HTTP_BAD_REQUEST, "bad_request",
                                "model", "No price is known of model=%V",
                                &model);
        return;
    }

    ngx_http_llm_out_open(call, '{');
    ngx_http_llm_out_usd(call, "cost", cost);
    ngx_http_llm_out_close(call, '}');

    ngx_http_llm_call_answer(call, NGX_HTTP_OK);
}


/* Read as answers are that go by. */

static ngx_int_t
ngx_http_llm_cost_answer(const json_t *response, llm_answer_t *answer,
    llm_usage_t *usage)
{
    char  *text;

    text = json_dumps(response, JSON_COMPACT
                                |JSON_REAL_PRECISION(LLM_API_DIGITS));
    if (text == NULL) {
        return NGX_ERROR;
    }

    llm_answer_init(answer, (u_char *) "application/json",
                    sizeof("application/json") - 1);

    llm_answer_feed(answer, (u_char *) text, ngx_strlen(text));

    free(text);

    return llm_answer_end(answer, 1, usage) == LLM_CHARGE_EXACT
           ? NGX_OK : NGX_DECLINED;
}


/* As a request is expected to cost of which nothing was learned. */

static ngx_int_t
ngx_http_llm_cost_messages(const json_t *body, llm_usage_t *usage)
{
    size_t           n;
    const json_t    *messages;
    llm_estimate_t   nothing;

    messages = json_object_get(body, "messages");

    if (!json_is_array(messages)) {
        return NGX_DECLINED;
    }

    ngx_memzero(&nothing, sizeof(llm_estimate_t));

    n = json_dumpb(messages, NULL, 0, JSON_COMPACT
                                      |JSON_REAL_PRECISION(LLM_API_DIGITS));

    usage->input = llm_estimate_input(&nothing, n, 0);

    return NGX_OK;
}
