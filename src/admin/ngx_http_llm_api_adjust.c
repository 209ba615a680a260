
/*
 * Copyright (C) the llm_quota authors
 */


#include "ngx_http_llm_api_fact.h"
#include "llm_text.h"
#include "llm_time.h"


/*
 * /adjust: a correction, with a reason: so many requests, tokens and dollars
 * more or less, of a team, user, customer, key, model, or several of these as
 * one request would have them.  /adjust/bulk: many, one after the other, each
 * for itself.
 */


#define NGX_HTTP_LLM_ADJUST_AHEAD  300       /* s that a client's clock may be
                                                ahead */


static void ngx_http_llm_adjust_begin(ngx_http_llm_call_t *call);
static ngx_int_t ngx_http_llm_adjust_read(ngx_http_llm_call_t *call,
    ngx_http_llm_fact_t *fact, llm_api_fault_t *fault);
static ngx_int_t ngx_http_llm_adjust_names(ngx_http_llm_call_t *call,
    ngx_http_llm_fact_t *fact, llm_api_fault_t *fault);
static ngx_int_t ngx_http_llm_adjust_amounts(ngx_http_llm_fact_t *fact,
    llm_api_fault_t *fault);
static ngx_int_t ngx_http_llm_adjust_time(ngx_http_llm_fact_t *fact,
    llm_api_fault_t *fault);
static void ngx_http_llm_adjust_keys(llm_zone_t *z,
    ngx_http_llm_fact_t *fact);
static void ngx_http_llm_adjust_known(ngx_http_llm_call_t *call);
static void ngx_http_llm_adjust_done(ngx_http_llm_call_t *call,
    llm_api_fault_t *fault);
static void ngx_http_llm_adjust_next(ngx_event_t *ev);


typedef struct {
    const char              *name;
    size_t                   offset;         /* of a text of the line */
} ngx_http_llm_adjust_name_t;


static const ngx_http_llm_adjust_name_t  ngx_http_llm_adjust_ids[] = {
    { "team_id", offsetof(llm_line_fact_t, team) },
    { "user_id", offsetof(llm_line_fact_t, user) },
    { "customer_id", offsetof(llm_line_fact_t, customer) },
    { "key", offsetof(llm_line_fact_t, key) },
    { "model", offsetof(llm_line_fact_t, model) },
    { "of", offsetof(llm_line_fact_t, of) },
    { NULL, 0 }
};


void
ngx_http_llm_api_adjust(ngx_http_llm_call_t *call)
{
    ngx_http_llm_fact_t  *fact;

    fact = ngx_http_llm_call_fact(call);

    if (fact) {
        fact->doc = call->body;
        ngx_http_llm_adjust_begin(call);
    }
}


void
ngx_http_llm_api_adjust_bulk(ngx_http_llm_call_t *call)
{
    json_t               *list;
    llm_api_fault_t       fault;
    ngx_http_llm_fact_t  *fact;

    list = json_object_get(call->body, "adjustments");

    if (json_array_size(list) == 0) {
        fault.status = NGX_HTTP_LLM_API_INVALID;
        fault.member = "adjustments";
        fault.what = list ? "Input should be a valid list" : "Field required";

        ngx_http_llm_call_fault(call, &fault);
        return;
    }

    fact = ngx_http_llm_call_fact(call);
    if (fact == NULL) {
        return;
    }

    ngx_http_llm_out_open(call, '{');
    ngx_http_llm_out_name(call, "adjustments");
    ngx_http_llm_out_open(call, '[');

    fact->doc = json_array_get(list, 0);

    ngx_http_llm_adjust_begin(call);
}


static void
ngx_http_llm_adjust_begin(ngx_http_llm_call_t *call)
{
    ngx_int_t             rc;
    llm_api_fault_t       fault;
    ngx_http_llm_fact_t  *fact;

    fact = call->data;

    ngx_memzero(&fact->line, sizeof(llm_line_fact_t));
    ngx_memzero(&fact->change, sizeof(llm_fact_change_t));

    fact->nkeys = 0;

    rc = ngx_http_llm_adjust_read(call, fact, &fault);

    if (rc == NGX_DECLINED) {
        ngx_http_llm_adjust_done(call, &fault);

    } else if (rc == NGX_OK) {
        ngx_http_llm_call_know(call, ngx_http_llm_adjust_known);
    }
}


/* NGX_ERROR: it was answered. */

static ngx_int_t
ngx_http_llm_adjust_read(ngx_http_llm_call_t *call, ngx_http_llm_fact_t *fact,
    llm_api_fault_t *fault)
{
    ngx_int_t  rc;

    fault->status = NGX_HTTP_LLM_API_INVALID;
    fault->member = "adjustments";
    fault->what = "Input should be a valid dictionary";

    if (!json_is_object(fact->doc)) {
        return NGX_DECLINED;
    }

    ngx_http_llm_fact_actor(call, fact, fact->doc);

    if (fact->line.reason.len == 0) {
        ngx_http_llm_fact_actor(call, fact, call->body);
    }

    if (fact->line.reason.len == 0) {
        fault->member = "reason";
        fault->what = "Field required";
        return NGX_DECLINED;
    }

    rc = ngx_http_llm_adjust_names(call, fact, fault);

    if (rc == NGX_OK) {
        rc = ngx_http_llm_adjust_amounts(fact, fault);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_llm_adjust_time(fact, fault);
    }

    if (rc == NGX_OK) {
        ngx_http_llm_adjust_keys(call->api->admin.zone.zone->zone, fact);
    }

    return rc;
}


static ngx_int_t
ngx_http_llm_adjust_names(ngx_http_llm_call_t *call, ngx_http_llm_fact_t *fact,
    llm_api_fault_t *fault)
{
    ngx_str_t                          text, id;
    const json_t                      *value;
    llm_line_text_t                   *to;
    const ngx_http_llm_adjust_name_t  *name;

    for (name = ngx_http_llm_adjust_ids; name->name; name++) {
        value = json_object_get(fact->doc, name->name);

        if (value == NULL || json_is_null(value)) {
            continue;
        }

        text.data = (u_char *) llm_api_string(fact->doc, name->name,
                                              &text.len);

        if (text.data == NULL) {
            fault->member = name->name;
            fault->what = "Input should be a valid string";
            return NGX_DECLINED;
        }

        if (text.len == 0) {
            continue;
        }

        to = (llm_line_text_t *) ((u_char *) &fact->line + name->offset);

        if (to == &fact->line.key) {

            if (ngx_http_llm_call_key_id(call, &text, &id) != NGX_OK) {
                return NGX_ERROR;
            }

            text = id;
        }

        if (!llm_text_is_id(text.data, text.len)) {
            fault->status = NGX_HTTP_BAD_REQUEST;
            fault->member = name->name;
            fault->what = "is not at most 128 printable characters";
            return NGX_DECLINED;
        }

        to->data = text.data;
        to->len = text.len;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_llm_adjust_amounts(ngx_http_llm_fact_t *fact, llm_api_fault_t *fault)
{
    unsigned  i;

    static const char  *names[] = {
        "requests", "prompt_tokens", "completion_tokens", "cost_usd"
    };

    for (i = 0; i < LLM_FACT_AMOUNTS; i++) {

        if (ngx_http_llm_fact_amount(fact->doc, names[i],
                                     i == LLM_FACT_COST ? 9 : 0,
                                     &fact->line.amount[i])
            != NGX_OK)
        {
            fault->member = names[i];
            fault->what = "Input should be a valid number";
            return NGX_DECLINED;
        }

        /* what a line's reader takes */

        if (i != LLM_FACT_COST
            && (fact->line.amount[i] > LLM_FACT_COUNT
                || fact->line.amount[i] < -LLM_FACT_COUNT))
        {
            fault->status = NGX_HTTP_BAD_REQUEST;
            fault->member = names[i];
            fault->what = "is too large";
            return NGX_DECLINED;
        }

        fact->change.amount[i] = fact->line.amount[i];
    }

    for (i = 0; i < LLM_FACT_AMOUNTS && fact->line.amount[i] == 0; i++) {
        /* void */
    }

    if (i == LLM_FACT_AMOUNTS) {
        fault->status = NGX_HTTP_BAD_REQUEST;
        fault->member = "cost_usd";
        fault->what = "is nothing, and so are requests and tokens";
        return NGX_DECLINED;
    }

    return NGX_OK;
}


/* The moment that it belongs to; of the future nothing is corrected. */

static ngx_int_t
ngx_http_llm_adjust_time(ngx_http_llm_fact_t *fact, llm_api_fault_t *fault)
{
    size_t       len;
    int64_t      time;
    const char  *text;

    text = llm_api_string(fact->doc, "timestamp", &len);

    if (text == NULL) {
        return NGX_OK;
    }

    if (llm_time_parse((u_char *) text, len, &time) != 0
        || time < 0
        || time > fact->line.made / 1000 + NGX_HTTP_LLM_ADJUST_AHEAD)
    {
        fault->status = NGX_HTTP_BAD_REQUEST;
        fault->member = "timestamp";
        fault->what = "is no time of the past";
        return NGX_DECLINED;
    }

    fact->line.timestamp = time * 1000;

    return NGX_OK;
}


/* All whom a usage line with these names would be counted for. */

static void
ngx_http_llm_adjust_keys(llm_zone_t *z, ngx_http_llm_fact_t *fact)
{
    ngx_uint_t              i;
    const llm_line_text_t  *a, *b;
    const llm_line_fact_t  *line;

    line = &fact->line;

    const struct {
        llm_subject_type_e      type;
        const llm_line_text_t  *first;
        const llm_line_text_t  *second;
    } subjects[] = {
        { LLM_SUBJECT_GLOBAL, NULL, NULL },
        { LLM_SUBJECT_TEAM, &line->team, NULL },
        { LLM_SUBJECT_USER, &line->user, NULL },
        { LLM_SUBJECT_CUSTOMER, &line->customer, NULL },
        { LLM_SUBJECT_KEY, &line->key, NULL },
        { LLM_SUBJECT_MODEL, &line->model, NULL },
        { LLM_SUBJECT_TEAM_MODEL, &line->team, &line->model },
        { LLM_SUBJECT_KEY_MODEL, &line->key, &line->model },
        { LLM_SUBJECT_TEAM_USER, &line->team, &line->user }
    };

    for (i = 0; i < sizeof(subjects) / sizeof(subjects[0]); i++) {
        a = subjects[i].first;
        b = subjects[i].second;

        if ((a && a->len == 0) || (b && b->len == 0)
            || llm_zone_key(z, &fact->keys[fact->nkeys], subjects[i].type,
                            a ? a->data : NULL, a ? a->len : 0,
                            b ? b->data : NULL, b ? b->len : 0)
               != 0)
        {
            continue;
        }

        fact->nkeys++;
    }
}


static void
ngx_http_llm_adjust_known(ngx_http_llm_call_t *call)
{
    unsigned                    key;
    llm_index_t                 i;
    ngx_uint_t                  fits;
    llm_api_fault_t             fault;
    ngx_http_llm_fact_t        *fact;
    ngx_http_llm_admin_zone_t  *zone;

    fact = call->data;
    zone = &call->api->admin.zone;

    if (!ngx_http_llm_fact_can(call)) {
        return;
    }

    i = LLM_NONE;
    fact->change.keys = fact->keys;
    fact->change.nkeys = fact->nkeys;
    fact->change.time = fact->line.timestamp / 1000;

    (void) ngx_http_llm_zone_lock(zone->zone);

    fits = llm_fact_fits(zone->zone->zone, &zone->zone->clock, &fact->change,
                         &key);

    if (fits) {
        i = ngx_http_llm_fact_make(call, fact);
    }

    ngx_http_llm_zone_unlock(zone->zone);

    if (!fits) {
        fault.status = NGX_HTTP_BAD_REQUEST;
        fault.member = llm_subject_name(fact->keys[key].type);
        fault.what = "has less than what is to be taken off";

        ngx_http_llm_adjust_done(call, &fault);
        return;
    }

    if (i == LLM_NONE) {
        ngx_http_llm_call_unavailable(call, "has too much to write");
        return;
    }

    zone->record(zone->data, i);

    ngx_http_llm_adjust_done(call, NULL);
}


/* fault NULL: it was made.  Of many each has its own answer. */

static void
ngx_http_llm_adjust_done(ngx_http_llm_call_t *call, llm_api_fault_t *fault)
{
    ngx_uint_t            bulk;
    ngx_http_llm_fact_t  *fact;

    fact = call->data;
    bulk = (fact->doc != call->body);

    if (fault && !bulk) {
        ngx_http_llm_call_fault(call, fault);
        return;
    }

    ngx_http_llm_out_open(call, '{');

    if (fault) {
        fact->failed++;

        ngx_http_llm_out_name(call, "error");
        ngx_http_llm_out_cstr(call, fault->what);
        ngx_http_llm_out_name(call, "param");
        ngx_http_llm_out_cstr(call, fault->member);

    } else {
        ngx_http_llm_out_name(call, "id");
        ngx_http_llm_out_text(call, fact->id, fact->id_len);
    }

    ngx_http_llm_out_close(call, '}');

    if (!bulk) {
        ngx_http_llm_call_answer(call, NGX_HTTP_OK);
        return;
    }

    fact->doc = json_array_get(json_object_get(call->body, "adjustments"),
                               ++fact->i);

    if (fact->doc) {

        /* others have their turn before the next */

        ngx_http_llm_fact_later(call, ngx_http_llm_adjust_next, 0);
        return;
    }

    ngx_http_llm_out_close(call, ']');
    ngx_http_llm_out_count(call, "failed", fact->failed);
    ngx_http_llm_out_close(call, '}');

    ngx_http_llm_call_answer(call, NGX_HTTP_OK);
}


static void
ngx_http_llm_adjust_next(ngx_event_t *ev)
{
    ngx_http_llm_adjust_begin(ngx_http_llm_fact_of(ev)->call);
}
