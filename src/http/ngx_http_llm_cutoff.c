
/*
 * Copyright (C) the llm_quota authors
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "llm_cutoff.h"
#include "llm_outgrow.h"
#include "ngx_http_llm.h"


/*
 * Ends a stream whose payer has nothing left.  The filters stand below those
 * that observe, so that what passes was read, and above those that take the
 * usage out of an answer.
 *
 * What is sent in place of the rest are buffers like any others, and to nginx
 * the upstream's answer has come to its end: so slow clients and HTTP/2 get
 * all of it.
 */


#define NGX_HTTP_LLM_CUTOFF_TOKENS  256
#define NGX_HTTP_LLM_CUTOFF_TIME    250      /* ms */


struct ngx_http_llm_cutoff_s {
    ngx_msec_t               checked;
    uint64_t                 text;       /* bytes, when it was checked */
    llm_standing_t           spent;      /* the limit that is used up */

    unsigned                 outgrown:1; /* more is used than was reserved */
    unsigned                 due:1;      /* it ends where it can */

    llm_cutoff_t             stream;     /* last: not zeroed */
};


static ngx_int_t ngx_http_llm_cutoff_header_filter(ngx_http_request_t *r);
static ngx_uint_t ngx_http_llm_cutoff_is_period(const llm_row_t *row);
static ngx_int_t ngx_http_llm_cutoff_body_filter(ngx_http_request_t *r,
    ngx_chain_t *in);
static ngx_uint_t ngx_http_llm_cutoff_is_spent(ngx_http_llm_ctx_t *ctx,
    ngx_http_llm_cutoff_t *c);
static void ngx_http_llm_cutoff_use(ngx_http_llm_ctx_t *ctx, int64_t *used);
static ngx_int_t ngx_http_llm_cutoff_end(ngx_http_llm_ctx_t *ctx,
    ngx_chain_t *in, ngx_chain_t *at, u_char *place);
static ngx_int_t ngx_http_llm_cutoff_link(ngx_http_request_t *r,
    ngx_chain_t ***last, ngx_buf_t *b);
static void ngx_http_llm_cutoff_upstream(ngx_http_upstream_t *u);
static void ngx_http_llm_cutoff_log(ngx_http_llm_ctx_t *ctx,
    llm_standing_t *s);


/* A copy of the answer's reader, which is asked what it knows so far. */
static llm_answer_t  ngx_http_llm_so_far;


static ngx_http_output_header_filter_pt  ngx_http_next_header_filter;
static ngx_http_output_body_filter_pt    ngx_http_next_body_filter;


ngx_int_t
ngx_http_llm_cutoff_init(ngx_conf_t *cf)
{
    ngx_http_next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = ngx_http_llm_cutoff_header_filter;

    ngx_http_next_body_filter = ngx_http_top_body_filter;
    ngx_http_top_body_filter = ngx_http_llm_cutoff_body_filter;

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_cutoff_header_filter(ngx_http_request_t *r)
{
    ngx_http_llm_ctx_t     *ctx;
    ngx_http_llm_cutoff_t  *c;

    ctx = ngx_http_llm_get_ctx(r);

    if (ctx == NULL) {
        return ngx_http_next_header_filter(r);
    }

    ctx->cutoff = NULL;

    if (ctx->state != NGX_HTTP_LLM_OBSERVING
        || !ctx->reserved
        || !ngx_http_llm_may_cut_off(ctx)
        || !ngx_http_llm_is_plain_stream(r))
    {
        return ngx_http_next_header_filter(r);
    }

    if (r->upstream->buffering) {
        ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                      "llm_quota: llm_cutoff cannot end a stream that is "
                      "cached or stored, request_id: %V",
                      &ctx->request_id);

        return ngx_http_next_header_filter(r);
    }

    c = ngx_palloc(r->pool, sizeof(ngx_http_llm_cutoff_t));
    if (c == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(c, offsetof(ngx_http_llm_cutoff_t, stream));

    c->checked = ngx_current_msec;

    llm_cutoff_init(&c->stream, ctx->route.api);

    ctx->cutoff = c;

    ngx_http_llm_is_rewritten(r);

    return ngx_http_next_header_filter(r);
}


/* Somebody who pays must have a limit that a stream can use up. */

ngx_uint_t
ngx_http_llm_may_cut_off(ngx_http_llm_ctx_t *ctx)
{
    ngx_uint_t  type;

    if (!ctx->conf->cutoff
        || ctx->conf->stream_buffering
        || ctx->conf->dry_run
        || ctx->background
        || !llm_cutoff_knows(ctx->route.api))
    {
        return 0;
    }

    for (type = 0; type < LLM_SUBJECT_TAG + ctx->ntags; type++) {

        if (ngx_http_llm_cutoff_is_period(ngx_http_llm_subject_row(ctx,
                                                                   type)))
        {
            return 1;
        }
    }

    return 0;
}


static ngx_uint_t
ngx_http_llm_cutoff_is_period(const llm_row_t *row)
{
    ngx_uint_t  i;

    for (i = 0; row && i < row->nlimits; i++) {

        if (!row->limits[i].minute
            && row->limits[i].resource != LLM_RESOURCE_PARALLEL)
        {
            return 1;
        }
    }

    return 0;
}


static ngx_int_t
ngx_http_llm_cutoff_body_filter(ngx_http_request_t *r, ngx_chain_t *in)
{
    ssize_t                 place;
    ngx_buf_t              *b;
    ngx_chain_t            *cl;
    ngx_http_llm_ctx_t     *ctx;
    ngx_http_llm_cutoff_t  *c;

    ctx = ngx_http_get_module_ctx(r, ngx_http_llm_quota_module);

    if (ctx == NULL || r != r->main || ctx->cutoff == NULL) {
        return ngx_http_next_body_filter(r, in);
    }

    c = ctx->cutoff;

    /* settled: it was cut off, or has come to its end */

    for (cl = in; cl && ctx->reserved; cl = cl->next) {
        b = cl->buf;

        if (!ngx_buf_in_memory(b) || b->pos == b->last) {
            continue;
        }

        place = llm_cutoff_read(&c->stream, b->pos, b->last - b->pos);

        if (!c->due) {
            c->due = ngx_http_llm_cutoff_is_spent(ctx, c);
        }

        if (c->due && place != -1 && llm_cutoff_is_open(&c->stream)) {
            return ngx_http_llm_cutoff_end(ctx, in, cl, b->pos + place);
        }
    }

    return ngx_http_next_body_filter(r, in);
}


/* Looked at every so many tokens or milliseconds. */

static ngx_uint_t
ngx_http_llm_cutoff_is_spent(ngx_http_llm_ctx_t *ctx,
    ngx_http_llm_cutoff_t *c)
{
    uint64_t            text;
    ngx_uint_t          i, spent;
    llm_zone_t         *z;
    llm_progress_t      progress;
    llm_estimate_t     *e;
    llm_reservation_t  *r;

    z = ctx->quota->zone.zone;
    e = llm_zone_estimate(z, ctx->model.data, ctx->model.len, 0);
    text = llm_answer_text_bytes(ctx->answer);

    if (ngx_current_msec - c->checked < NGX_HTTP_LLM_CUTOFF_TIME
        && llm_estimate_text(e, text - c->text) < NGX_HTTP_LLM_CUTOFF_TOKENS)
    {
        return 0;
    }

    c->checked = ngx_current_msec;
    c->text = text;

    ngx_http_llm_cutoff_use(ctx, progress.used);

    /* nobody but this worker changes what a reservation that it holds has
       reserved */

    r = llm_zone_reservation(z, ctx->verdict.reservation);

    for (i = LLM_COUNT_INPUT; i < LLM_COUNTS && !c->outgrown; i++) {
        c->outgrown = (progress.used[i] > r->reserved[i]);
    }

    if (!c->outgrown) {
        return 0;
    }

    progress.reservation = ctx->verdict.reservation;
    progress.id = ctx->verdict.id;
    progress.nsubjects = ctx->verdict.nsubjects;
    progress.reserve = ctx->conf->reserve;
    progress.free = (ctx->price && llm_price_is_free(&ctx->price->price));

    for (i = 0; i < progress.nsubjects; i++) {
        progress.rows[i] = ngx_http_llm_subject_row(ctx, ctx->types[i]);
    }

    z = ngx_http_llm_zone_lock(&ctx->quota->zone);
    spent = llm_outgrow(z, &ctx->quota->zone.clock, &progress, &c->spent);
    ngx_http_llm_zone_unlock(&ctx->quota->zone);

    return spent;
}


/* What it would be charged if it ended here. */

static void
ngx_http_llm_cutoff_use(ngx_http_llm_ctx_t *ctx, int64_t *used)
{
    llm_answer_t  *answer;

    answer = ctx->answer;

    ngx_http_llm_so_far = *answer;
    ctx->answer = &ngx_http_llm_so_far;

    ngx_http_llm_charge(ctx);

    ctx->answer = answer;

    used[LLM_COUNT_REQUESTS] = 0;
    used[LLM_COUNT_INPUT] = ctx->settlement.usage.input;
    used[LLM_COUNT_OUTPUT] = ctx->settlement.usage.output;
    used[LLM_COUNT_COST] = ctx->settlement.cost;
}


/*
 * Sends what comes up to the place, which is in the buffer of the link at, and
 * then the end.  What passed is charged before it is told.
 */

static ngx_int_t
ngx_http_llm_cutoff_end(ngx_http_llm_ctx_t *ctx, ngx_chain_t *in,
    ngx_chain_t *at, u_char *place)
{
    ngx_buf_t              *b;
    ngx_chain_t            *cl, *out, **last;
    ngx_http_request_t     *r;
    ngx_http_llm_cutoff_t  *c;

    r = ctx->request;
    c = ctx->cutoff;

    at->buf->last = place;

    for (cl = at->next; cl; cl = cl->next) {
        cl->buf->pos = cl->buf->last;
    }

    b = ngx_create_temp_buf(r->pool, LLM_CUTOFF_TEXT);
    if (b == NULL) {
        return NGX_ERROR;
    }

    ngx_http_llm_settle(ctx);

    b->last = llm_cutoff_print(&c->stream, b->last, llm_answer_id(ctx->answer),
                               llm_answer_model(ctx->answer),
                               &ctx->settlement.usage, ctx->states);
    b->flush = 1;

    last = &out;

    for (cl = in; /* void */ ; cl = cl->next) {

        /* a buffer of nothing is none, for those who write */

        if (cl != at || place != at->buf->pos) {

            if (ngx_http_llm_cutoff_link(r, &last, cl->buf) != NGX_OK) {
                return NGX_ERROR;
            }
        }

        if (cl == at) {
            break;
        }
    }

    if (ngx_http_llm_cutoff_link(r, &last, b) != NGX_OK) {
        return NGX_ERROR;
    }

    *last = NULL;

    ngx_http_llm_cutoff_log(ctx, &c->spent);
    ngx_http_llm_cutoff_upstream(r->upstream);

    return ngx_http_next_body_filter(r, out);
}


static ngx_int_t
ngx_http_llm_cutoff_link(ngx_http_request_t *r, ngx_chain_t ***last,
    ngx_buf_t *b)
{
    ngx_chain_t  *cl;

    cl = ngx_alloc_chain_link(r->pool);
    if (cl == NULL) {
        return NGX_ERROR;
    }

    cl->buf = b;

    **last = cl;
    *last = &cl->next;

    return NGX_OK;
}


/*
 * As if the answer's length had been reached: nothing more is read, when all
 * is sent the request ends well, and the connection is closed.  That there is
 * something to be read keeps its time-out from running meanwhile.
 */

static void
ngx_http_llm_cutoff_upstream(ngx_http_upstream_t *u)
{
    u->length = 0;
    u->keepalive = 0;
    u->buffer.last = u->buffer.end;

    u->peer.connection->read->ready = 1;
}


static void
ngx_http_llm_cutoff_log(ngx_http_llm_ctx_t *ctx, llm_standing_t *s)
{
    u_char     text[LLM_LIMIT_TEXT], subject[NGX_HTTP_LLM_SUBJECT_TEXT];
    size_t     len;
    ngx_str_t  who;

    who.data = subject;
    who.len = ngx_http_llm_print_subject_id(subject, ctx,
                                            ctx->types[s->subject])
              - subject;

    len = llm_limit_print(text, s->limit);

    ngx_log_error(ctx->conf->log_level, ctx->request->connection->log, 0,
                  "llm_quota cut_off, request_id: %V, team: \"%V\", limit: "
                  "\"%V %*s\", the stream was ended: nothing is left",
                  &ctx->request_id, &ctx->team, &who, len, text);
}
