
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _NGX_HTTP_LLM_API_CALLS_H_INCLUDED_
#define _NGX_HTTP_LLM_API_CALLS_H_INCLUDED_


#include "ngx_http_llm_api.h"


/* What the routes lead to: each answers the call, now or in a later step; and
   the steps that they share. */


/* What a kind's calls are like: the data of their routes. */

typedef struct {
    const ngx_http_llm_kind_t   *kind;
    const char                  *asked;      /* the argument of info */
    const char                  *list;       /* the ids of delete */
    const char                  *deleted;    /* of its answer */
    unsigned                     named:1;    /* has no id of our making */
    unsigned                     nested:1;   /* update: {"..._id", "data"} */
} ngx_http_llm_entity_calls_t;

#define ngx_http_llm_calls(call)                                              \
    ((const ngx_http_llm_entity_calls_t *) (call)->route->data)


/* ngx_http_llm_api_health.c */

void ngx_http_llm_api_alive(ngx_http_llm_call_t *call);
void ngx_http_llm_api_ready(ngx_http_llm_call_t *call);


/* ngx_http_llm_api_service.c */

void ngx_http_llm_api_services(ngx_http_llm_call_t *call);


/* ngx_http_llm_api_entity.c */

void ngx_http_llm_api_new(ngx_http_llm_call_t *call);
void ngx_http_llm_api_update(ngx_http_llm_call_t *call);
void ngx_http_llm_api_block(ngx_http_llm_call_t *call);
void ngx_http_llm_api_info(ngx_http_llm_call_t *call);
void ngx_http_llm_api_delete(ngx_http_llm_call_t *call);

/* The document with what the body names; NULL: it was answered. */
json_t *ngx_http_llm_call_merge(ngx_http_llm_call_t *call,
    const ngx_http_llm_kind_t *kind, const json_t *document);

/* The same of another body; NULL: of what is wrong *fault says more, with the
   status 0 there was no memory. */
json_t *ngx_http_llm_call_merged(ngx_http_llm_call_t *call,
    const ngx_http_llm_kind_t *kind, const json_t *body,
    const json_t *document, llm_api_fault_t *fault);

void ngx_http_llm_call_fault(ngx_http_llm_call_t *call,
    const llm_api_fault_t *fault);

/* A member of the body that is a string, an argument, a list of ids: or
   NGX_ERROR, and it was answered. */
ngx_int_t ngx_http_llm_call_needs(ngx_http_llm_call_t *call,
    const char *member, ngx_str_t *value);
ngx_int_t ngx_http_llm_call_asks(ngx_http_llm_call_t *call, const char *name,
    ngx_str_t *value);
ngx_int_t ngx_http_llm_call_ids(ngx_http_llm_call_t *call, const char *member,
    json_t **ids);

/* An argument that is a number from 1 to max. */
ngx_int_t ngx_http_llm_call_number(ngx_http_llm_call_t *call,
    const char *name, ngx_int_t fallback, ngx_int_t max, ngx_int_t *number);

/* The id of what is made: the body's, else, unless it is needed, one of our
   making, which the document gets. */
ngx_int_t ngx_http_llm_call_new_id(ngx_http_llm_call_t *call,
    const char *member, ngx_uint_t needed, json_t *doc, ngx_str_t *id);

/* What was loaded becomes the call's record; NGX_ERROR: it was answered. */
ngx_int_t ngx_http_llm_call_loaded(ngx_http_llm_call_t *call,
    llm_store_op_t *op, const ngx_http_llm_kind_t *kind);

/* So does the document of an edit. */
void ngx_http_llm_call_edited(ngx_http_llm_call_t *call, ngx_uint_t i);

/* Answers with the record. */
void ngx_http_llm_call_flat(ngx_http_llm_call_t *call);

/* The call's record is blocked, or unblocked, as its path says. */
ngx_uint_t ngx_http_llm_call_blocks(ngx_http_llm_call_t *call);
void ngx_http_llm_call_block(ngx_http_llm_call_t *call,
    ngx_http_llm_call_pt done);


/* Answers which of the route's kind are deleted. */
void ngx_http_llm_call_deleted(ngx_http_llm_call_t *call);


/* ngx_http_llm_api_owner.c */

void ngx_http_llm_api_owner_info(ngx_http_llm_call_t *call);
void ngx_http_llm_api_owner_delete(ngx_http_llm_call_t *call);


/* ngx_http_llm_api_own.c */

/* Of a virtual key its team, or without one itself, and the id of that; NULL:
   it is the master key, which may read everything. */
const ngx_http_llm_kind_t *ngx_http_llm_call_own(ngx_http_llm_call_t *call,
    ngx_str_t *id);

/* The filters become what a virtual key may read; NGX_ERROR: they were for
   something else, and it was answered. */
ngx_int_t ngx_http_llm_call_own_usage(ngx_http_llm_call_t *call,
    llm_store_usage_list_t *want);

/* Answers that it is not the key's own. */
void ngx_http_llm_call_foreign(ngx_http_llm_call_t *call);


/* ngx_http_llm_api_member.c */

void ngx_http_llm_api_member_add(ngx_http_llm_call_t *call);
void ngx_http_llm_api_member_bulk_add(ngx_http_llm_call_t *call);
void ngx_http_llm_api_member_update(ngx_http_llm_call_t *call);
void ngx_http_llm_api_member_delete(ngx_http_llm_call_t *call);
void ngx_http_llm_api_permissions(ngx_http_llm_call_t *call);

/* The id of a user in a team; NGX_ERROR: it was answered. */
ngx_int_t ngx_http_llm_member_id(ngx_http_llm_call_t *call, ngx_str_t *team,
    ngx_str_t *user, ngx_str_t *id);

/* A user among the members of a team, and where; NULL: he is none. */
json_t *ngx_http_llm_member_at(json_t *members, ngx_str_t *user, size_t *at);


/* ngx_http_llm_api_key.c */

void ngx_http_llm_api_key_new(ngx_http_llm_call_t *call);
void ngx_http_llm_api_key_update(ngx_http_llm_call_t *call);
void ngx_http_llm_api_key_info(ngx_http_llm_call_t *call);
void ngx_http_llm_api_key_delete(ngx_http_llm_call_t *call);
void ngx_http_llm_api_key_block(ngx_http_llm_call_t *call);
void ngx_http_llm_api_key_regenerate(ngx_http_llm_call_t *call);

/* The document of the budget that the record has, or null. */
void ngx_http_llm_out_tier(ngx_http_llm_call_t *call);

/* When it expires, of a member of body that is a duration; NGX_DECLINED: it is
   none, *fault says more; NGX_ERROR: no memory. */
ngx_int_t ngx_http_llm_call_expires(ngx_http_llm_call_t *call, json_t *doc,
    const json_t *body, const char *member, llm_api_fault_t *fault);

/* A user, with a key unless it is not wanted. */
void ngx_http_llm_api_user_new(ngx_http_llm_call_t *call);


/* ngx_http_llm_api_each.c */

void ngx_http_llm_api_budget_info(ngx_http_llm_call_t *call);
void ngx_http_llm_api_tag_info(ngx_http_llm_call_t *call);
void ngx_http_llm_api_keys_info(ngx_http_llm_call_t *call);
void ngx_http_llm_api_customer_block(ngx_http_llm_call_t *call);


/* ngx_http_llm_api_config.c */

/* Whether the configuration names a team, and where, until the next call. */
ngx_uint_t ngx_http_llm_call_configured(ngx_http_llm_call_t *call,
    const ngx_str_t *id, ngx_str_t *place);

/* The i-th of them: NGX_OK; NGX_DECLINED: one was made that overrides it;
   NGX_DONE: there are not so many. */
ngx_int_t ngx_http_llm_call_configured_at(ngx_http_llm_call_t *call,
    ngx_uint_t i, ngx_str_t *id, ngx_str_t *place);

/* Its document, with its limits of all places; NULL: it was answered. */
json_t *ngx_http_llm_call_config(ngx_http_llm_call_t *call,
    const ngx_str_t *id, const ngx_str_t *place);


/* ngx_http_llm_api_bulk.c */

/* A member of the body that is a list of some items; NGX_ERROR: it is not, and
   it was answered. */
ngx_int_t ngx_http_llm_call_items(ngx_http_llm_call_t *call,
    const char *member, json_t **items);

void ngx_http_llm_api_bulk_update(ngx_http_llm_call_t *call);


/* ngx_http_llm_api_list.c */

/* An array of the answer; the last one's kind is NULL. */

typedef struct {
    const ngx_http_llm_kind_t     *kind;
    const char                    *name;
} ngx_http_llm_section_t;


typedef struct {
    const ngx_http_llm_kind_t     *kind;     /* NULL: those of the sections */
    const ngx_http_llm_section_t  *sections; /* by the names of the kinds */
    const char                    *ref;      /* NULL: all */
    ngx_str_t                      value;    /* of the reference */
    ngx_str_t                      id;       /* empty: any */
    ngx_str_t                      alias;    /* likewise */

    size_t                         page;
    size_t                         skip;
    size_t                         limit;
    size_t                         total;    /* out */

    /* its own */
    const ngx_http_llm_section_t  *section;
    ngx_http_llm_record_t         *rows;
    size_t                         nrows;
    size_t                         i;
    llm_store_cursor_t             cursor;
    ngx_uint_t                     configured;   /* the next of the
                                                    configuration */
    ngx_event_t                    turn;
    ngx_http_llm_call_pt           done;

    unsigned                       config:1; /* its teams belong to it */
    unsigned                       bare:1;   /* ids only */
    unsigned                       full:1;   /* the rest is counted */
} ngx_http_llm_list_t;


/* What a list's route is like: its data. */

typedef struct {
    const ngx_http_llm_kind_t     *kind;
    const char                    *name;     /* NULL: the array is all */
    const char                    *size;     /* argument; NULL: no pages */
    ngx_int_t                      fallback;
    const char                    *total;    /* members */
    const char                    *page;
} ngx_http_llm_list_calls_t;


void ngx_http_llm_api_list(ngx_http_llm_call_t *call);

/* A list, to be filled in; NULL: it was answered. */
ngx_http_llm_list_t *ngx_http_llm_call_list(ngx_http_llm_call_t *call);

/* Pages as the query asks for them; NGX_ERROR: it was answered. */
ngx_int_t ngx_http_llm_list_pages(ngx_http_llm_call_t *call,
    ngx_http_llm_list_t *list, const char *size, ngx_int_t fallback);

/* Writes the rows, and goes on with done. */
void ngx_http_llm_list_run(ngx_http_llm_call_t *call,
    ngx_http_llm_call_pt done);


/* ngx_http_llm_api_walk.c */

/*
 * A walk through the daily usage, at the beginning of the call's data: row is
 * called for each row, day by day where want.by has days, and done after the
 * last one.  What they write goes to the client meanwhile.
 */

typedef struct {
    llm_store_usage_list_t         want;
    void                         (*row)(ngx_http_llm_call_t *call,
                                        const llm_store_usage_row_t *row);
    ngx_http_llm_call_pt           done;

    /* its own */
    uint32_t                      *days;     /* that have rows */
    size_t                         ndays;
    size_t                         day;      /* the next of them */
    llm_store_op_t                 op;       /* the rows, and */
    size_t                         i;        /* the next of them */
    ngx_event_t                    turn;
} ngx_http_llm_walk_t;


/* New data of a call, zeroed, which begins with a walk; NULL: it was
   answered. */
void *ngx_http_llm_call_walker(ngx_http_llm_call_t *call, size_t size);

void ngx_http_llm_call_walk(ngx_http_llm_call_t *call);


/* ngx_http_llm_api_report.c, _api_logs.c */

void ngx_http_llm_api_spend_report(ngx_http_llm_call_t *call);
void ngx_http_llm_api_spend_logs(ngx_http_llm_call_t *call);
void ngx_http_llm_api_activity(ngx_http_llm_call_t *call);

/* Members: a day, 20240430, with what follows it, and what was counted. */
void ngx_http_llm_out_day(ngx_http_llm_call_t *call, const char *name,
    uint32_t day, const char *suffix);
void ngx_http_llm_out_metrics(ngx_http_llm_call_t *call,
    const int64_t *count);


/* ngx_http_llm_api_usage.c */

void ngx_http_llm_api_usage(ngx_http_llm_call_t *call);

/* Answers with what the call's walk wants, as rows: lines, or objects in an
   array. */
void ngx_http_llm_usage_lines(ngx_http_llm_call_t *call);

/* The days and filters that the query has; NGX_ERROR: it was answered. */
ngx_int_t ngx_http_llm_call_usage(ngx_http_llm_call_t *call,
    llm_store_usage_list_t *want);

/* "2024-04-30" of 20240430; returns the end. */
u_char *ngx_http_llm_usage_day(u_char *p, uint32_t day);


/* ngx_http_llm_api_table.c: lines of cells, in the place of JSON */

/* What the query asks for; NGX_ERROR: it was answered. */
ngx_int_t ngx_http_llm_call_format(ngx_http_llm_call_t *call);

void ngx_http_llm_out_cell(ngx_http_llm_call_t *call, const void *data,
    size_t len);
void ngx_http_llm_out_cell_usd(ngx_http_llm_call_t *call, int64_t nano);
void ngx_http_llm_out_cell_count(ngx_http_llm_call_t *call, int64_t n);
void ngx_http_llm_out_line(ngx_http_llm_call_t *call);

/* The line of a record, and the one before the first. */
void ngx_http_llm_out_cells(ngx_http_llm_call_t *call,
    const ngx_http_llm_record_t *record);
void ngx_http_llm_out_columns(ngx_http_llm_call_t *call,
    const ngx_http_llm_kind_t *kind);


/*
 * Rows whose columns have names: objects in JSON, lines else.  Who writes rows
 * writes one with call->heading first, whose values are no matter: it becomes
 * the line of names, in JSON nothing.
 */
void ngx_http_llm_out_row(ngx_http_llm_call_t *call);
void ngx_http_llm_out_row_end(ngx_http_llm_call_t *call);
void ngx_http_llm_out_field(ngx_http_llm_call_t *call, const char *name,
    const void *data, size_t len);
void ngx_http_llm_out_field_count(ngx_http_llm_call_t *call,
    const char *name, int64_t n);
void ngx_http_llm_out_field_usd(ngx_http_llm_call_t *call, const char *name,
    int64_t nano);

/* ms of the epoch; 0: null, or an empty cell */
void ngx_http_llm_out_field_time(ngx_http_llm_call_t *call, const char *name,
    int64_t ms);

#define ngx_http_llm_out_field_str(call, name, str)                           \
    ngx_http_llm_out_field(call, name, (str)->data, (str)->len)


/* ngx_http_llm_api_model.c */

void ngx_http_llm_api_model_info(ngx_http_llm_call_t *call);
void ngx_http_llm_api_models(ngx_http_llm_call_t *call);
void ngx_http_llm_api_absent(ngx_http_llm_call_t *call);


/* ngx_http_llm_api_cost.c */

void ngx_http_llm_api_calculate(ngx_http_llm_call_t *call);


/* ngx_http_llm_api_audit.c */

void ngx_http_llm_api_audit(ngx_http_llm_call_t *call);
void ngx_http_llm_api_alerts(ngx_http_llm_call_t *call);


/* ngx_http_llm_api_trial.c */

void ngx_http_llm_api_alert_test(ngx_http_llm_call_t *call);

/* A test for the channels of this name or type, or NULL for all, as an alert of
   the call's pool, maybe for no channel.  Returns NULL where the call has
   ended. */
llm_store_alert_t *ngx_http_llm_trial_alert(ngx_http_llm_call_t *call,
    const ngx_str_t *wanted);

/* Puts it into the store; done comes next. */
void ngx_http_llm_trial_send(ngx_http_llm_call_t *call,
    llm_store_alert_t *alert, ngx_http_llm_step_pt done);

/* The members "id" and "channels" of the answer. */
void ngx_http_llm_trial_out(ngx_http_llm_call_t *call,
    const llm_store_alert_t *alert);


/* ngx_http_llm_api_adjust.c, _api_reset.c, _api_reset_all.c */

void ngx_http_llm_api_adjust(ngx_http_llm_call_t *call);
void ngx_http_llm_api_adjust_bulk(ngx_http_llm_call_t *call);
void ngx_http_llm_api_reset(ngx_http_llm_call_t *call);
void ngx_http_llm_api_reset_all(ngx_http_llm_call_t *call);


/* ngx_http_llm_api_status.c */

void ngx_http_llm_api_status(ngx_http_llm_call_t *call);


#endif /* _NGX_HTTP_LLM_API_CALLS_H_INCLUDED_ */
