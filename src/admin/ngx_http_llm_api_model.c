
/*
 * Copyright (C) the llm_quota authors
 */


#include "ngx_http_llm_api_calls.h"


/* The models that have a price. */


static void ngx_http_llm_model_prices(ngx_http_llm_call_t *call,
    const ngx_http_llm_admin_model_t *model);
static void ngx_http_llm_model_price(ngx_http_llm_call_t *call,
    const char *name, int64_t pico);
static void ngx_http_llm_model_max(ngx_http_llm_call_t *call,
    const char *name, int64_t tokens);


/* /model/info */

void
ngx_http_llm_api_model_info(ngx_http_llm_call_t *call)
{
    ngx_uint_t                   i;
    ngx_http_llm_admin_zone_t   *zone;
    ngx_http_llm_admin_model_t   model;

    zone = &call->api->admin.zone;

    ngx_http_llm_out_open(call, '{');
    ngx_http_llm_out_name(call, "data");
    ngx_http_llm_out_open(call, '[');

    for (i = 0; zone->model(zone->models, i, &model); i++) {

        ngx_http_llm_out_open(call, '{');

        ngx_http_llm_out_name(call, "model_name");
        ngx_http_llm_out_str(call, &model.name);

        ngx_http_llm_out_name(call, "litellm_params");
        ngx_http_llm_out_open(call, '{');
        ngx_http_llm_out_name(call, "model");
        ngx_http_llm_out_str(call, &model.name);
        ngx_http_llm_out_close(call, '}');

        ngx_http_llm_out_name(call, "model_info");
        ngx_http_llm_out_open(call, '{');
        ngx_http_llm_out_name(call, "id");
        ngx_http_llm_out_str(call, &model.name);
        ngx_http_llm_model_prices(call, &model);
        ngx_http_llm_out_close(call, '}');

        ngx_http_llm_out_close(call, '}');
    }

    ngx_http_llm_out_close(call, ']');
    ngx_http_llm_out_close(call, '}');

    ngx_http_llm_call_answer(call, NGX_HTTP_OK);
}


static void
ngx_http_llm_model_prices(ngx_http_llm_call_t *call,
    const ngx_http_llm_admin_model_t *model)
{
    ngx_http_llm_model_price(call, "input_cost_per_token", model->input);
    ngx_http_llm_model_price(call, "output_cost_per_token", model->output);
    ngx_http_llm_model_max(call, "max_input_tokens", model->max_input);
    ngx_http_llm_model_max(call, "max_output_tokens", model->max_output);
}


/* Exact: 2500000e-12. */

static void
ngx_http_llm_model_price(ngx_http_llm_call_t *call, const char *name,
    int64_t pico)
{
    ngx_http_llm_out_name(call, name);

    if (pico < 0) {
        ngx_http_llm_out_word(call, "null");
        return;
    }

    ngx_http_llm_out_number(call, pico);
    ngx_http_llm_out(call, "e-12", sizeof("e-12") - 1);
}


static void
ngx_http_llm_model_max(ngx_http_llm_call_t *call, const char *name,
    int64_t tokens)
{
    if (tokens > 0) {
        ngx_http_llm_out_count(call, name, tokens);
        return;
    }

    ngx_http_llm_out_name(call, name);
    ngx_http_llm_out_word(call, "null");
}


/* /models, in OpenAI's form */

void
ngx_http_llm_api_models(ngx_http_llm_call_t *call)
{
    ngx_uint_t                   i;
    ngx_http_llm_admin_zone_t   *zone;
    ngx_http_llm_admin_model_t   model;

    zone = &call->api->admin.zone;

    ngx_http_llm_out_open(call, '{');
    ngx_http_llm_out_name(call, "object");
    ngx_http_llm_out_cstr(call, "list");
    ngx_http_llm_out_name(call, "data");
    ngx_http_llm_out_open(call, '[');

    for (i = 0; zone->model(zone->models, i, &model); i++) {
        ngx_http_llm_out_open(call, '{');
        ngx_http_llm_out_name(call, "id");
        ngx_http_llm_out_str(call, &model.name);
        ngx_http_llm_out_name(call, "object");
        ngx_http_llm_out_cstr(call, "model");
        ngx_http_llm_out_name(call, "owned_by");
        ngx_http_llm_out_cstr(call, "openai");
        ngx_http_llm_out_close(call, '}');
    }

    ngx_http_llm_out_close(call, ']');
    ngx_http_llm_out_close(call, '}');

    ngx_http_llm_call_answer(call, NGX_HTTP_OK);
}


/* /organization and /project */

void
ngx_http_llm_api_absent(ngx_http_llm_call_t *call)
{
    ngx_http_llm_call_error(call, NGX_HTTP_NOT_FOUND, "not_found", NULL,
                            "Organizations and projects do not exist here: "
                            "make a team of each with /team/new.");
}
