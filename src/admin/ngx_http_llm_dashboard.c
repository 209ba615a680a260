
/*
 * Copyright (C) the llm_quota authors
 */


#include "ngx_http_llm_admin.h"
#include "ngx_http_llm_compat.h"
#include "ngx_http_llm_dashboard.h"
#include "ngx_http_llm_digest.h"


/*
 * llm_quota_dashboard: one page, made when the configuration is read.  It has
 * nothing but what it needs to ask the API, so everybody may have it; the
 * policy lets it run its own script, and speak to its own origin only.
 */


#define NGX_HTTP_LLM_PAGE_HASH  ngx_base64_encoded_length(LLM_KEY_DIGEST)


typedef struct {
    ngx_http_llm_admin_t     admin;
    ngx_str_t                api;
    ngx_str_t                page;
    ngx_str_t                policy;
    ngx_str_t                etag;
} ngx_http_llm_dashboard_t;


/* What takes the place of a mark of the page. */

typedef struct {
    ngx_str_t                mark;
    const ngx_str_t         *text;
} ngx_http_llm_page_part_t;


static ngx_int_t ngx_http_llm_dashboard_api(ngx_conf_t *cf, ngx_str_t *api);
static ngx_int_t ngx_http_llm_dashboard_page(ngx_conf_t *cf,
    ngx_http_llm_dashboard_t *conf);
static ngx_int_t ngx_http_llm_dashboard_policy(ngx_conf_t *cf,
    ngx_http_llm_dashboard_t *conf);
static ngx_int_t ngx_http_llm_dashboard_hash(const ngx_str_t *text,
    u_char *buf, ngx_str_t *hash);
static ngx_int_t ngx_http_llm_dashboard_handler(ngx_http_request_t *r,
    ngx_http_llm_admin_t *admin);
static ngx_table_elt_t *ngx_http_llm_dashboard_header(ngx_http_request_t *r,
    const char *name, const ngx_str_t *value);


ngx_http_llm_admin_t *
ngx_http_llm_dashboard_conf(ngx_conf_t *cf)
{
    ngx_str_t                 *value;
    ngx_uint_t                 i;
    ngx_http_llm_dashboard_t  *conf;

    conf = ngx_pcalloc(cf->pool, sizeof(ngx_http_llm_dashboard_t));
    if (conf == NULL) {
        return NULL;
    }

    conf->admin.handler = ngx_http_llm_dashboard_handler;
    conf->admin.stored = 1;

    value = cf->args->elts;

    for (i = 2; i < cf->args->nelts; i++) {

        if (ngx_strncmp(value[i].data, "api=", 4) == 0) {
            conf->api.data = value[i].data + 4;
            conf->api.len = value[i].len - 4;

            if (ngx_http_llm_dashboard_api(cf, &conf->api) != NGX_OK) {
                return NULL;
            }

            continue;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "llm_quota_dashboard has invalid parameter \"%V\": "
                           "use api=/PREFIX", &value[i]);
        return NULL;
    }

    if (ngx_http_llm_dashboard_page(cf, conf) != NGX_OK
        || ngx_http_llm_dashboard_policy(cf, conf) != NGX_OK)
    {
        return NULL;
    }

    return &conf->admin;
}


/* It stands in the page as it is: nothing that HTML would read. */

static ngx_int_t
ngx_http_llm_dashboard_api(ngx_conf_t *cf, ngx_str_t *api)
{
    u_char      c;
    ngx_uint_t  i, bad;

    bad = (api->len == 0 || api->data[0] != '/'
           || (api->len > 1 && api->data[1] == '/'));

    for (i = 0; i < api->len; i++) {
        c = api->data[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
              || (c >= '0' && c <= '9') || ngx_strchr("/-._~", c)))
        {
            bad = 1;
        }
    }

    if (bad) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "llm_quota_dashboard has invalid api=\"%V\": use "
                           "the path of the API, such as /admin", api);
        return NGX_ERROR;
    }

    if (api->data[api->len - 1] == '/') {
        api->len--;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_dashboard_page(ngx_conf_t *cf, ngx_http_llm_dashboard_t *conf)
{
    u_char                    *p, buf[NGX_HTTP_LLM_PAGE_HASH];
    size_t                     len;
    ngx_str_t                  rest, hash;
    ngx_uint_t                 i;

    const ngx_http_llm_page_part_t  parts[] = {
        { ngx_string("@API@"), &conf->api },
        { ngx_string("@STYLE@"), &ngx_http_llm_page_style },
        { ngx_string("@SCRIPT@"), &ngx_http_llm_page_script },
        { ngx_null_string, NULL }
    };

    len = ngx_http_llm_page_html.len;

    for (i = 0; parts[i].text; i++) {
        len += parts[i].text->len;
    }

    conf->page.data = ngx_pnalloc(cf->pool, len);
    if (conf->page.data == NULL) {
        return NGX_ERROR;
    }

    p = conf->page.data;
    rest = ngx_http_llm_page_html;

    for (i = 0; rest.len; /* void */) {

        if (parts[i].text
            && rest.len >= parts[i].mark.len
            && ngx_memcmp(rest.data, parts[i].mark.data, parts[i].mark.len)
               == 0)
        {
            /* of an empty one there may be no data */

            if (parts[i].text->len) {
                p = ngx_cpymem(p, parts[i].text->data, parts[i].text->len);
            }

            rest.data += parts[i].mark.len;
            rest.len -= parts[i].mark.len;
            i++;
            continue;
        }

        *p++ = *rest.data++;
        rest.len--;
    }

    conf->page.len = p - conf->page.data;

    if (ngx_http_llm_dashboard_hash(&conf->page, buf, &hash) != NGX_OK) {
        return NGX_ERROR;
    }

    conf->etag.data = ngx_pnalloc(cf->pool, hash.len + 2);
    if (conf->etag.data == NULL) {
        return NGX_ERROR;
    }

    conf->etag.len = ngx_sprintf(conf->etag.data, "\"%V\"", &hash)
                     - conf->etag.data;

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_dashboard_policy(ngx_conf_t *cf, ngx_http_llm_dashboard_t *conf)
{
    u_char     *p, buf[2][NGX_HTTP_LLM_PAGE_HASH];
    size_t      len;
    ngx_str_t   style, script;

    static char  format[] = "default-src 'none'; script-src 'sha256-%V'; "
                            "style-src 'sha256-%V'; connect-src 'self'; "
                            "img-src data:; base-uri 'none'; "
                            "form-action 'none'; frame-ancestors 'none'";

    if (ngx_http_llm_dashboard_hash(&ngx_http_llm_page_script, buf[0],
                                    &script)
        != NGX_OK
        || ngx_http_llm_dashboard_hash(&ngx_http_llm_page_style, buf[1],
                                       &style)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    len = sizeof(format) + script.len + style.len;

    p = ngx_pnalloc(cf->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    conf->policy.data = p;
    conf->policy.len = ngx_snprintf(p, len, format, &script, &style) - p;

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_dashboard_hash(const ngx_str_t *text, u_char *buf,
    ngx_str_t *hash)
{
    u_char     digest[LLM_KEY_DIGEST];
    ngx_str_t  binary;

    if (ngx_http_llm_digest(digest, text->data, text->len) != NGX_OK) {
        return NGX_ERROR;
    }

    binary.data = digest;
    binary.len = LLM_KEY_DIGEST;

    hash->data = buf;

    ngx_encode_base64(hash, &binary);

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_dashboard_handler(ngx_http_request_t *r,
    ngx_http_llm_admin_t *admin)
{
    ngx_http_llm_dashboard_t *conf = (ngx_http_llm_dashboard_t *) admin;

    ngx_buf_t         *b;
    ngx_int_t          rc;
    ngx_uint_t         i;
    ngx_chain_t        out;

    const struct {
        const char       *name;
        const ngx_str_t   value;
    } headers[] = {
        { "Content-Security-Policy", conf->policy },
        { "X-Content-Type-Options", ngx_string("nosniff") },
        { "Referrer-Policy", ngx_string("no-referrer") },
        { "Cache-Control", ngx_string("no-cache") }
    };

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        return NGX_HTTP_NOT_ALLOWED;
    }

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    for (i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {

        if (ngx_http_llm_dashboard_header(r, headers[i].name,
                                          &headers[i].value)
            == NULL)
        {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    r->headers_out.etag = ngx_http_llm_dashboard_header(r, "ETag",
                                                        &conf->etag);
    if (r->headers_out.etag == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_length_n = conf->page.len;

    ngx_str_set(&r->headers_out.content_type, "text/html; charset=utf-8");
    r->headers_out.content_type_len = r->headers_out.content_type.len;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_ERROR;
    }

    b->pos = conf->page.data;
    b->last = conf->page.data + conf->page.len;
    b->memory = 1;
    b->last_buf = (r == r->main);
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}


static ngx_table_elt_t *
ngx_http_llm_dashboard_header(ngx_http_request_t *r, const char *name,
    const ngx_str_t *value)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NULL;
    }

    h->hash = 1;
    ngx_http_llm_header_init(h);
    h->key.data = (u_char *) name;
    h->key.len = ngx_strlen(name);
    h->value = *value;

    return h;
}
