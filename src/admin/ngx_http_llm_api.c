
/*
 * Copyright (C) the llm_quota authors
 */


#include "ngx_http_llm_api.h"
#include "ngx_http_llm_digest.h"


/* The directive, and a call's way to its handler. */


#define NGX_HTTP_LLM_API_KEY_MAX  4096       /* bytes of the master key */
#define NGX_HTTP_LLM_API_ALIVE    5000       /* ms */


extern ngx_module_t  ngx_http_llm_quota_module;


static char *ngx_http_llm_api_master(ngx_conf_t *cf, ngx_http_llm_api_t *api,
    ngx_str_t *file);
static ngx_int_t ngx_http_llm_api_handler(ngx_http_request_t *r,
    ngx_http_llm_admin_t *admin);
static ngx_http_llm_call_t *ngx_http_llm_call_create(ngx_http_request_t *r,
    ngx_http_llm_api_t *api);
static ngx_int_t ngx_http_llm_call_about(ngx_http_llm_call_t *call,
    ngx_http_request_t *r);
static void ngx_http_llm_api_path_of(ngx_http_request_t *r, ngx_str_t *path);
static void ngx_http_llm_call_route(ngx_http_llm_call_t *call,
    ngx_str_t *path);
static ngx_int_t ngx_http_llm_call_segment(ngx_http_llm_call_t *call,
    ngx_str_t *copy, const llm_api_text_t *segment);
static void ngx_http_llm_call_left(void *data);
static void ngx_http_llm_call_alive(ngx_event_t *ev);
static void ngx_http_llm_call_decref(void *data);


ngx_http_llm_admin_t *
ngx_http_llm_api_conf(ngx_conf_t *cf)
{
    char                *rv;
    ngx_str_t           *value, file;
    ngx_uint_t           i;
    ngx_http_llm_api_t  *api;

    api = ngx_pcalloc(cf->pool, sizeof(ngx_http_llm_api_t));
    if (api == NULL) {
        return NULL;
    }

    api->admin.handler = ngx_http_llm_api_handler;
    api->admin.stored = 1;

    value = cf->args->elts;

    for (i = 2; i < cf->args->nelts; i++) {

        if (ngx_strcmp(value[i].data, "readonly") == 0) {
            api->readonly = 1;
            continue;
        }

        if (ngx_strncmp(value[i].data, "master_key_file=", 16) == 0) {
            file.data = value[i].data + 16;
            file.len = value[i].len - 16;

            rv = ngx_http_llm_api_master(cf, api, &file);

            if (rv != NGX_CONF_OK) {
                ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                                   "llm_quota_api cannot use "
                                   "master_key_file \"%V\": %s", &file, rv);
                return NULL;
            }

            continue;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "llm_quota_api has invalid parameter \"%V\": use "
                           "master_key_file=FILE or readonly", &value[i]);
        return NULL;
    }

    return &api->admin;
}


/* Of the key only its digest is kept. */

static char *
ngx_http_llm_api_master(ngx_conf_t *cf, ngx_http_llm_api_t *api,
    ngx_str_t *file)
{
    char     *rv;
    u_char    key[NGX_HTTP_LLM_API_KEY_MAX + 1];
    size_t    len;
    ssize_t   n;
    ngx_fd_t  fd;

    if (api->has_master) {
        return "there is one already";
    }

    if (file->len == 0) {
        return "name a file";
    }

    if (ngx_conf_full_name(cf->cycle, file, 1) != NGX_OK) {
        return "no memory";
    }

    fd = ngx_open_file(file->data, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);
    if (fd == NGX_INVALID_FILE) {
        return strerror(ngx_errno);
    }

    n = ngx_read_fd(fd, key, sizeof(key));

    if (n == -1) {
        rv = strerror(ngx_errno);
        ngx_close_file(fd);
        return rv;
    }

    ngx_close_file(fd);

    len = n;

    while (len && key[len - 1] <= ' ') {
        len--;
    }

    if (len == 0 || len == sizeof(key)) {
        return "it is to hold a key and nothing else";
    }

    rv = ngx_http_llm_digest(api->master, key, len) == NGX_OK
         ? NGX_CONF_OK : "no memory";

    ngx_explicit_memzero(key, sizeof(key));

    api->has_master = 1;

    return rv;
}


static ngx_int_t
ngx_http_llm_api_handler(ngx_http_request_t *r, ngx_http_llm_admin_t *admin)
{
    ngx_str_t             path;
    ngx_http_llm_call_t  *call;

    call = ngx_http_llm_call_create(r, (ngx_http_llm_api_t *) admin);
    if (call == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->main->count++;

    ngx_http_llm_api_path_of(r, &path);
    ngx_http_llm_call_route(call, &path);

    return NGX_DONE;
}


static ngx_http_llm_call_t *
ngx_http_llm_call_create(ngx_http_request_t *r, ngx_http_llm_api_t *api)
{
    ngx_pool_t           *pool;
    ngx_http_cleanup_t   *cln;
    ngx_http_llm_call_t  *call;

    cln = ngx_http_cleanup_add(r, 0);
    if (cln == NULL) {
        return NULL;
    }

    pool = ngx_create_pool(4096, ngx_cycle->log);
    if (pool == NULL) {
        return NULL;
    }

    call = ngx_pcalloc(pool, sizeof(ngx_http_llm_call_t));
    if (call == NULL) {
        ngx_destroy_pool(pool);
        return NULL;
    }

    call->request = r;
    call->pool = pool;
    call->api = api;
    call->last = &call->out;

    if (ngx_http_llm_call_about(call, r) != NGX_OK) {
        ngx_destroy_pool(pool);
        return NULL;
    }

    call->alive.handler = ngx_http_llm_call_alive;
    call->alive.data = call;
    call->alive.log = ngx_cycle->log;

    cln->handler = ngx_http_llm_call_left;
    cln->data = call;

    return call;
}


/* What of the request the call needs when the client may have left. */

static ngx_int_t
ngx_http_llm_call_about(ngx_http_llm_call_t *call, ngx_http_request_t *r)
{
    ngx_str_t         *address;
    ngx_table_elt_t   *h;

    static ngx_str_t   name = ngx_string("litellm-changed-by");

    call->args.len = r->args.len;
    call->args.data = ngx_pstrdup(call->pool, &r->args);

    address = &r->connection->addr_text;

    call->address.len = address->len;
    call->address.data = ngx_pstrdup(call->pool, address);

    if (call->args.data == NULL
        || call->address.data == NULL
        || ngx_array_init(&call->edits, call->pool, 2,
                          sizeof(ngx_http_llm_edit_t))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    h = ngx_http_llm_call_header(r, &name, NULL);

    if (h == NULL) {
        return NGX_OK;
    }

    call->changed_by.len = ngx_min(h->value.len, LLM_API_STRING);
    call->changed_by.data = ngx_pstrdup(call->pool, &h->value);

    return call->changed_by.data ? NGX_OK : NGX_ERROR;
}


ngx_table_elt_t *
ngx_http_llm_call_header(ngx_http_request_t *r, ngx_str_t *name,
    ngx_table_elt_t *after)
{
    ngx_uint_t        i, found;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    found = (after == NULL);

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (found
                && h[i].hash
                && h[i].key.len == name->len
                && ngx_strncasecmp(h[i].key.data, name->data, name->len) == 0)
            {
                return &h[i];
            }

            if (&h[i] == after) {
                found = 1;
            }
        }
    }

    return NULL;
}


/* In a prefix location the path begins after the prefix. */

static void
ngx_http_llm_api_path_of(ngx_http_request_t *r, ngx_str_t *path)
{
    size_t                     len;
    ngx_http_core_loc_conf_t  *clcf;

    *path = r->uri;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

#if (NGX_PCRE)
    if (clcf->regex) {
        return;
    }
#endif

    len = clcf->name.len;

    if (clcf->exact_match || clcf->named || len > path->len) {
        return;
    }

    if (len && clcf->name.data[len - 1] == '/') {
        len--;
    }

    path->data += len;
    path->len -= len;
}


static void
ngx_http_llm_call_route(ngx_http_llm_call_t *call, ngx_str_t *path)
{
    ngx_uint_t                       known;
    llm_api_text_t                   args[LLM_API_STARS];
    const ngx_http_llm_api_route_t  *route;

    known = 0;

    for (route = ngx_http_llm_api_routes; route->path; route++) {

        if (!llm_api_path(route->path, path->data, path->len, args)) {
            continue;
        }

        if (!(route->methods & call->request->method)) {
            known = 1;
            continue;
        }

        call->route = route;

        if (ngx_http_llm_call_segment(call, &call->arg, &args[0]) != NGX_OK
            || ngx_http_llm_call_segment(call, &call->below, &args[1])
               != NGX_OK)
        {
            ngx_http_llm_call_end(call, NGX_HTTP_INTERNAL_SERVER_ERROR);
            return;
        }

        ngx_http_llm_call_auth(call);
        return;
    }

    if (known) {
        ngx_http_llm_call_error(call, NGX_HTTP_NOT_ALLOWED,
                                "invalid_request_error", NULL,
                                "Method Not Allowed");
        return;
    }

    ngx_http_llm_out_open(call, '{');
    ngx_http_llm_out_name(call, "detail");
    ngx_http_llm_out_text(call, "Not Found", sizeof("Not Found") - 1);
    ngx_http_llm_out_close(call, '}');

    ngx_http_llm_call_answer(call, NGX_HTTP_NOT_FOUND);
}


/* The call may outlive the request. */

static ngx_int_t
ngx_http_llm_call_segment(ngx_http_llm_call_t *call, ngx_str_t *copy,
    const llm_api_text_t *segment)
{
    if (segment->len == 0) {
        return NGX_OK;
    }

    copy->len = segment->len;
    copy->data = ngx_pnalloc(call->pool, segment->len);

    if (copy->data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(copy->data, segment->data, segment->len);

    return NGX_OK;
}


ngx_http_llm_call_t *
ngx_http_llm_call_of(ngx_http_request_t *r)
{
    ngx_http_cleanup_t  *cln;

    cln = r->cleanup;

    while (cln->handler != ngx_http_llm_call_left) {
        cln = cln->next;
    }

    return cln->data;
}


ngx_uint_t
ngx_http_llm_call_arg(ngx_http_llm_call_t *call, const char *name,
    ngx_str_t *value)
{
    u_char          *buf;
    llm_api_text_t   text;

    buf = ngx_pnalloc(call->pool, call->args.len + 1);

    if (buf == NULL
        || !llm_api_argument(call->args.data, call->args.len, name, buf,
                             &text))
    {
        return 0;
    }

    value->data = buf;
    value->len = text.len;

    return 1;
}


json_t *
ngx_http_llm_call_keep(ngx_http_llm_call_t *call, json_t *json)
{
    ngx_pool_cleanup_t  *cln;

    if (json == NULL) {
        return NULL;
    }

    cln = ngx_pool_cleanup_add(call->slice ? call->slice : call->pool, 0);
    if (cln == NULL) {
        json_decref(json);
        return NULL;
    }

    cln->handler = ngx_http_llm_call_decref;
    cln->data = json;

    return json;
}


static void
ngx_http_llm_call_decref(void *data)
{
    json_t *json = data;

    json_decref(json);
}


static void
ngx_http_llm_call_left(void *data)
{
    ngx_http_llm_call_t *call = data;

    call->request = NULL;

    if (call->idle) {

        /* nothing was begun, and nobody will come back to it */

        ngx_http_llm_call_end(call, NGX_OK);
    }
}


void
ngx_http_llm_call_wait(ngx_http_llm_call_t *call)
{
    ngx_add_timer(&call->alive, NGX_HTTP_LLM_API_ALIVE);
}


/* The store's operations end by themselves. */

static void
ngx_http_llm_call_alive(ngx_event_t *ev)
{
    ngx_add_timer(ev, NGX_HTTP_LLM_API_ALIVE);
}


void
ngx_http_llm_call_end(ngx_http_llm_call_t *call, ngx_int_t rc)
{
    ngx_connection_t    *c;
    ngx_http_cleanup_t  *cln;
    ngx_http_request_t  *r;

    r = call->request;

    if (call->alive.timer_set) {
        ngx_del_timer(&call->alive);
    }

    if (r) {
        for (cln = r->cleanup; cln; cln = cln->next) {
            if (cln->handler == ngx_http_llm_call_left && cln->data == call) {
                cln->handler = NULL;
            }
        }
    }

    if (call->slice) {
        ngx_destroy_pool(call->slice);
    }

    if (call->out_pool) {
        ngx_destroy_pool(call->out_pool);
    }

    ngx_destroy_pool(call->pool);

    if (r) {
        c = r->connection;
        ngx_http_finalize_request(r, rc);
        ngx_http_run_posted_requests(c);
    }
}
