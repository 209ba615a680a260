
/*
 * Copyright (C) the llm_quota authors
 */


#include "ngx_http_llm_api_fact.h"
#include "llm_price_entry.h"
#include "llm_text.h"


/*
 * /key/{key}/reset_spend, and the same of teams, of their members, of users
 * and customers: what the subject spent in the periods that are running becomes
 * what is asked for, at most.  Requests and tokens stay, so does the history.
 */


_Static_assert(LLM_FACT_PERIODS >= LLM_SUBJECT_METERS,
               "a line has no room for all periods of a subject");


static void ngx_http_llm_reset_team(ngx_http_llm_call_t *call,
    llm_store_op_t *op);
static void ngx_http_llm_reset_loaded(ngx_http_llm_call_t *call,
    llm_store_op_t *op);
static void ngx_http_llm_reset_known(ngx_http_llm_call_t *call);
static ngx_uint_t ngx_http_llm_reset_fits(ngx_http_llm_call_t *call,
    ngx_http_llm_fact_t *fact);
static ngx_uint_t ngx_http_llm_reset_take(ngx_http_llm_call_t *call,
    ngx_http_llm_fact_t *fact, llm_line_period_t *periods,
    u_char names[][LLM_PERIOD_BUF]);
static void ngx_http_llm_reset_answer(ngx_http_llm_call_t *call,
    ngx_http_llm_fact_t *fact);


void
ngx_http_llm_api_reset(ngx_http_llm_call_t *call)
{
    ngx_str_t                   id;
    llm_api_fault_t             fault;
    ngx_http_llm_fact_t        *fact;
    const ngx_http_llm_kind_t  *kind;

    fact = ngx_http_llm_call_fact(call);
    if (fact == NULL) {
        return;
    }

    kind = ngx_http_llm_calls(call)->kind;
    id = call->arg;

    fault.status = 0;
    fault.member = "reset_to";

    if (json_object_get(call->body, "reset_to") == NULL) {

        if (kind == &ngx_http_llm_kind_key) {
            fault.status = NGX_HTTP_LLM_API_INVALID;
            fault.what = "Field required";
        }

    } else if (ngx_http_llm_fact_amount(call->body, "reset_to", 9, &fact->to)
               != NGX_OK)
    {
        fault.status = NGX_HTTP_LLM_API_INVALID;
        fault.what = "Input should be a valid number";

    } else if (fact->to < 0) {
        fault.status = NGX_HTTP_BAD_REQUEST;
        fault.what = "must be >= 0";
    }

    if (fault.status) {
        ngx_http_llm_call_fault(call, &fault);
        return;
    }

    if (kind == &ngx_http_llm_kind_key
        && ngx_http_llm_call_key_id(call, &call->arg, &id) != NGX_OK)
    {
        return;
    }

    ngx_http_llm_fact_actor(call, fact, call->body);

    call->record.kind = kind;

    if (kind == &ngx_http_llm_kind_member) {

        if (ngx_http_llm_member_id(call, &call->arg, &call->below,
                                   &call->record.id)
            == NGX_OK)
        {
            ngx_http_llm_call_load(call, &ngx_http_llm_kind_team.kind,
                                   &call->arg, ngx_http_llm_reset_team);
        }

        return;
    }

    call->record.id = id;

    ngx_http_llm_call_load(call, &kind->kind, &call->record.id,
                           ngx_http_llm_reset_loaded);
}


/* A member may have nothing of his own, and a team be made nowhere. */

static void
ngx_http_llm_reset_team(ngx_http_llm_call_t *call, llm_store_op_t *op)
{
    size_t                at;
    json_t               *team;
    ngx_http_llm_fact_t  *fact;

    fact = call->data;

    if (op->status == LLM_STORE_OK) {
        team = ngx_http_llm_call_document(call, &op->entity.json);

        if (team == NULL) {
            return;
        }

        fact->known_as = (ngx_http_llm_member_at(json_object_get(team,
                                                        "members_with_roles"),
                                               &call->below, &at)
                        != NULL);
    }

    ngx_http_llm_call_load(call, &ngx_http_llm_kind_member.kind,
                           &call->record.id, ngx_http_llm_reset_loaded);
}


static void
ngx_http_llm_reset_loaded(ngx_http_llm_call_t *call, llm_store_op_t *op)
{
    size_t                  len;
    ngx_str_t               place;
    const char             *of;
    ngx_http_llm_fact_t    *fact;
    ngx_http_llm_record_t  *record;

    fact = call->data;
    record = &call->record;

    if (record->kind == &ngx_http_llm_kind_team) {
        fact->known_as = ngx_http_llm_call_configured(call, &record->id,
                                                      &place);
    }

    if (op->status == LLM_STORE_OK) {
        fact->doc = ngx_http_llm_call_document(call, &op->entity.json);

        if (fact->doc == NULL) {
            return;
        }

        record->doc = fact->doc;

        /* one that was made again spends what the first one has */

        of = llm_api_string(fact->doc, "counts_as", &len);

        if (of) {
            record->id.data = (u_char *) of;
            record->id.len = len;
        }

    } else {
        record->doc = ngx_http_llm_call_keep(call, json_object());
    }

    if (ngx_http_llm_fact_subject(call, fact, record->kind->subject,
                                  record->id.data, record->id.len)
        != NGX_OK)
    {
        ngx_http_llm_call_missing(call, record->kind, &record->id);
        return;
    }

    ngx_http_llm_call_know(call, ngx_http_llm_reset_known);
}


ngx_int_t
ngx_http_llm_fact_subject(ngx_http_llm_call_t *call,
    ngx_http_llm_fact_t *fact, llm_subject_type_e type, u_char *id, size_t len)
{
    size_t            n;
    u_char           *other;
    llm_line_text_t  *text;

    ngx_memzero(&fact->line.team, sizeof(llm_line_text_t));
    ngx_memzero(&fact->line.key, sizeof(llm_line_text_t));

    other = NULL;
    n = 0;

    if (type == LLM_SUBJECT_TEAM_USER) {

        /* both ids with a NUL between them */

        other = ngx_strlchr(id, id + len, '\0');

        if (other == NULL) {
            return NGX_DECLINED;
        }

        n = id + len - ++other;
        len -= n + 1;

        fact->line.user.data = other;
        fact->line.user.len = n;
    }

    text = type == LLM_SUBJECT_USER ? &fact->line.user
           : type == LLM_SUBJECT_CUSTOMER ? &fact->line.customer
           : type == LLM_SUBJECT_KEY ? &fact->line.key : &fact->line.team;

    text->data = id;
    text->len = len;

    fact->line.subject.data = (u_char *) llm_subject_name(type);
    fact->line.subject.len = ngx_strlen(fact->line.subject.data);

    fact->nkeys = 1;

    return llm_text_is_id(id, len)
           && (other == NULL || llm_text_is_id(other, n))
           && llm_zone_key(call->api->admin.zone.zone->zone, &fact->keys[0],
                           type, id, len, other, n)
              == 0 ? NGX_OK : NGX_DECLINED;
}


static void
ngx_http_llm_reset_known(ngx_http_llm_call_t *call)
{
    ngx_http_llm_fact_t  *fact;

    fact = call->data;

    (void) ngx_http_llm_record_spend(call, &call->record);

    fact->before = call->record.spend;

    if (!ngx_http_llm_fact_can(call) || !ngx_http_llm_reset_fits(call, fact)) {
        return;
    }

    if (ngx_http_llm_fact_reset(call, fact, 1) != NGX_OK) {
        ngx_http_llm_call_unavailable(call, "has too much to write");
        return;
    }

    ngx_http_llm_reset_answer(call, fact);
}


ngx_int_t
ngx_http_llm_fact_reset(ngx_http_llm_call_t *call, ngx_http_llm_fact_t *fact,
    ngx_uint_t always)
{
    u_char                      names[LLM_SUBJECT_METERS][LLM_PERIOD_BUF];
    ngx_uint_t                  some;
    llm_index_t                 i;
    llm_line_period_t           periods[LLM_SUBJECT_METERS];
    ngx_http_llm_admin_zone_t  *zone;

    zone = &call->api->admin.zone;

    i = LLM_NONE;
    fact->line.periods = periods;

    (void) ngx_http_llm_zone_lock(zone->zone);

    some = ngx_http_llm_reset_take(call, fact, periods, names);

    if (fact->change.nperiods && (some || always)) {
        i = ngx_http_llm_fact_make(call, fact);
    }

    ngx_http_llm_zone_unlock(zone->zone);

    if (i == LLM_NONE) {
        return (some || always) ? NGX_BUSY : NGX_DECLINED;
    }

    zone->record(zone->data, i);

    return NGX_OK;
}


/* Of whom nothing is known there is nothing to take. */

static ngx_uint_t
ngx_http_llm_reset_fits(ngx_http_llm_call_t *call, ngx_http_llm_fact_t *fact)
{
    int64_t            budget;
    unsigned           i, k, n;
    ngx_uint_t         used;
    llm_zone_t        *z;
    llm_api_fault_t    fault;
    llm_fact_period_t *periods;

    periods = fact->periods;
    used = 0;

    z = ngx_http_llm_zone_lock(call->api->admin.zone.zone);

    n = llm_fact_shown(z, &call->api->admin.zone.zone->clock, &fact->keys[0],
                       periods);

    ngx_http_llm_zone_unlock(call->api->admin.zone.zone);

    for (i = 0; i < n; i++) {
        for (k = 0; k < LLM_COUNTS; k++) {
            used |= (periods[i].amount[k] != 0);
        }
    }

    if (fact->doc == NULL && !fact->known_as && !used) {
        ngx_http_llm_call_missing(call, call->record.kind, &call->record.id);
        return 0;
    }

    fault.status = NGX_HTTP_BAD_REQUEST;
    fault.member = "reset_to";

    if (fact->to > call->record.spend) {
        fault.what = "must be <= current spend";
        ngx_http_llm_call_fault(call, &fault);
        return 0;
    }

    if (llm_price_decimal(ngx_http_llm_record_budget(&call->record), 9,
                          &budget)
        == 0
        && fact->to > budget)
    {
        fault.what = "must be <= budget";
        ngx_http_llm_call_fault(call, &fault);
        return 0;
    }

    return 1;
}


/* What the meters show now is what is taken, whatever was settled since.
   Whether that is something. */

static ngx_uint_t
ngx_http_llm_reset_take(ngx_http_llm_call_t *call, ngx_http_llm_fact_t *fact,
    llm_line_period_t *periods, u_char names[][LLM_PERIOD_BUF])
{
    int64_t                shown;
    unsigned               i;
    ngx_uint_t             some;
    ngx_http_llm_zone_t   *zone;
    llm_fact_period_t     *period;

    some = 0;
    zone = call->api->admin.zone.zone;

    fact->change.periods = fact->periods;
    fact->change.nperiods = llm_fact_shown(zone->zone, &zone->clock,
                                           &fact->keys[0], fact->periods);
    fact->line.nperiods = fact->change.nperiods;

    for (i = 0; i < fact->change.nperiods; i++) {
        period = &fact->periods[i];
        shown = period->amount[LLM_COUNT_COST];

        ngx_memzero(period->amount, sizeof(period->amount));

        if (shown > fact->to) {
            period->amount[LLM_COUNT_COST] = fact->to - shown;
            some = 1;
        }

        periods[i].period.data = names[i];
        periods[i].period.len = llm_period_print(names[i], period->period);
        periods[i].start = period->start;

        ngx_memcpy(periods[i].amount, period->amount, sizeof(period->amount));
    }

    return some;
}


static void
ngx_http_llm_reset_answer(ngx_http_llm_call_t *call, ngx_http_llm_fact_t *fact)
{
    const json_t           *budget;
    ngx_http_llm_record_t  *record;

    record = &call->record;
    budget = ngx_http_llm_record_budget(record);

    ngx_http_llm_out_open(call, '{');

    if (record->kind == &ngx_http_llm_kind_member) {
        ngx_http_llm_out_name(call, "team_id");
        ngx_http_llm_out_str(call, &call->arg);
        ngx_http_llm_out_name(call, "user_id");
        ngx_http_llm_out_str(call, &call->below);

    } else {
        ngx_http_llm_out_name(call, record->kind == &ngx_http_llm_kind_key
                                    ? "key_hash" : record->kind->id);
        ngx_http_llm_out_str(call, &record->id);
    }

    ngx_http_llm_out_usd(call, "spend", fact->to);
    ngx_http_llm_out_usd(call, "previous_spend", fact->before);
    ngx_http_llm_out_name(call, "max_budget");

    if (budget) {
        ngx_http_llm_out_json(call, budget);

    } else {
        ngx_http_llm_out_word(call, "null");
    }

    ngx_http_llm_out_name(call, "budget_reset_at");
    ngx_http_llm_out_time(call, record->reset * 1000);
    ngx_http_llm_out_name(call, "id");
    ngx_http_llm_out_text(call, fact->id, fact->id_len);

    ngx_http_llm_out_close(call, '}');

    ngx_http_llm_call_answer(call, NGX_HTTP_OK);
}
