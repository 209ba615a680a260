
/*
 * Copyright (C) the llm_quota authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "llm_others.h"
#include "ngx_http_llm.h"


/*
 * Requests of a zone that is new among other nodes: until it has the entities
 * that those have made, nobody can tell who pays, or what he may.  They wait
 * before anything is known of them, as those of limit_req do.
 */


#define NGX_HTTP_LLM_JOIN_TICK  15       /* ms */


static void ngx_http_llm_join_delay(ngx_http_request_t *r);


ngx_int_t
ngx_http_llm_join(ngx_http_request_t *r, ngx_http_llm_quota_t *quota,
    ngx_uint_t closed)
{
    int64_t       waited;
    ngx_time_t   *tp;
    ngx_event_t  *wev;

    if (!llm_others_late(quota->zone.zone, 0)) {
        return NGX_OK;
    }

    tp = ngx_timeofday();

    waited = (int64_t) (tp->sec - r->start_sec) * 1000
             + (int64_t) tp->msec - (int64_t) r->start_msec;

    if (waited >= NGX_HTTP_LLM_WAIT) {
        return closed ? NGX_HTTP_SERVICE_UNAVAILABLE : NGX_OK;
    }

    if (ngx_handle_read_event(r->connection->read, 0) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    wev = r->connection->write;

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_llm_join_delay;

    wev->delayed = 1;
    ngx_add_timer(wev, NGX_HTTP_LLM_JOIN_TICK);

    return NGX_AGAIN;
}


static void
ngx_http_llm_join_delay(ngx_http_request_t *r)
{
    ngx_event_t  *wev;

    wev = r->connection->write;

    if (wev->delayed) {

        if (ngx_handle_write_event(wev, 0) != NGX_OK) {
            ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        }

        return;
    }

    if (ngx_handle_read_event(r->connection->read, 0) != NGX_OK) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    r->read_event_handler = ngx_http_block_reading;
    r->write_event_handler = ngx_http_core_run_phases;

    ngx_http_core_run_phases(r);
}
