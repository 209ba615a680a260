
/*
 * Copyright (C) the llm_quota authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_llm.h"


/* What a request is said to be of: in its line, and in the daily usage. */


static ngx_uint_t ngx_http_llm_is_label(ngx_str_t *name);
static void ngx_http_llm_add_tag(ngx_http_llm_ctx_t *ctx,
    const llm_line_label_t *label);


char *
ngx_http_llm_label(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_llm_main_conf_t *lmcf = conf;

    ngx_str_t                         *value;
    ngx_http_llm_label_t              *label;
    ngx_http_compile_complex_value_t   ccv;

    value = cf->args->elts;

    if (!ngx_http_llm_is_label(&value[1])) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "llm_label has invalid name \"%V\": use 1 to %d "
                           "letters, digits, \"_\", \"-\" and \".\"",
                           &value[1], LLM_LINE_LABEL_NAME);
        return NGX_CONF_ERROR;
    }

    if (ngx_http_llm_find_named(&lmcf->labels, value[1].data, value[1].len)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "llm_label has \"%V\" twice", &value[1]);
        return NGX_CONF_ERROR;
    }

    if (lmcf->labels.nelts == LLM_LINE_LABELS) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "llm_label \"%V\" is one more than the %d that "
                           "there may be", &value[1], LLM_LINE_LABELS);
        return NGX_CONF_ERROR;
    }

    label = ngx_array_push(&lmcf->labels);
    if (label == NULL) {
        return NGX_CONF_ERROR;
    }

    label->name = value[1];

    ngx_memzero(&ccv, sizeof(ngx_http_compile_complex_value_t));

    ccv.cf = cf;
    ccv.value = &value[2];
    ccv.complex_value = &label->value;

    if (ngx_http_compile_complex_value(&ccv) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* Reports ask the store for them by a path, in which these are plain. */

static ngx_uint_t
ngx_http_llm_is_label(ngx_str_t *name)
{
    u_char      c;
    ngx_uint_t  i;

    for (i = 0; i < name->len; i++) {
        c = name->data[i];

        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z')
            && !(c >= '0' && c <= '9') && c != '_' && c != '-' && c != '.')
        {
            return 0;
        }
    }

    return name->len > 0 && name->len <= LLM_LINE_LABEL_NAME;
}


/* Now, as the request may be settled when much of it is gone already.  What
   cannot be had is left out. */

void
ngx_http_llm_set_labels(ngx_http_llm_ctx_t *ctx)
{
    size_t                     size;
    u_char                    *last;
    ngx_str_t                  value;
    ngx_uint_t                 i, n;
    llm_line_label_t           labels[LLM_LINE_LABELS];
    ngx_http_llm_label_t      *label;
    ngx_http_llm_main_conf_t  *lmcf;

    lmcf = ngx_http_get_module_main_conf(ctx->request,
                                         ngx_http_llm_quota_module);

    ctx->ntags = 0;

    if (lmcf->labels.nelts == 0 || ctx->quota->state == NULL) {
        return;
    }

    label = lmcf->labels.elts;
    size = 0;
    n = 0;

    for (i = 0; i < lmcf->labels.nelts; i++) {

        if (ngx_http_complex_value(ctx->request, &label[i].value, &value)
            != NGX_OK)
        {
            continue;
        }

        labels[n].name.data = label[i].name.data;
        labels[n].name.len = label[i].name.len;
        labels[n].value.data = value.data;
        labels[n].value.len = llm_text_cut(value.data, value.len,
                                           LLM_LINE_LABEL_VALUE);

        if (llm_entity_count(ctx->quota->zone.zone, LLM_ENTITY_TAG)) {
            ngx_http_llm_add_tag(ctx, &labels[n]);
        }

        size += labels[n].name.len + labels[n].value.len;
        n++;
    }

    ctx->labels.data = ngx_pnalloc(ctx->request->pool,
                                   size * 6 + n * (sizeof(",\"\":\"\"") - 1));
    if (ctx->labels.data == NULL) {
        return;
    }

    last = llm_line_labels(ctx->labels.data, labels, n);
    ctx->labels.len = last - ctx->labels.data;
}


/* A label is the tag NAME:VALUE, and one that is called tag the tag VALUE. */

static void
ngx_http_llm_add_tag(ngx_http_llm_ctx_t *ctx, const llm_line_label_t *label)
{
    u_char      *p;
    size_t       len;
    ngx_str_t   *tag;
    ngx_uint_t   i, plain;

    plain = (label->name.len == 3
             && ngx_memcmp(label->name.data, "tag", 3) == 0);

    len = label->value.len + (plain ? 0 : label->name.len + 1);

    if (label->value.len == 0 || len > LLM_LINE_TAG) {
        return;
    }

    tag = &ctx->tags[ctx->ntags];

    p = ngx_pnalloc(ctx->request->pool, len);
    if (p == NULL) {
        return;
    }

    tag->data = p;
    tag->len = len;

    if (!plain) {
        p = ngx_cpymem(p, label->name.data, label->name.len);
        *p++ = ':';
    }

    ngx_memcpy(p, label->value.data, label->value.len);

    if (!llm_text_is_id(tag->data, tag->len)) {
        return;
    }

    for (i = 0; i < ctx->ntags; i++) {

        if (ctx->tags[i].len == len
            && ngx_memcmp(ctx->tags[i].data, tag->data, len) == 0)
        {
            return;
        }
    }

    ctx->ntags++;
}
