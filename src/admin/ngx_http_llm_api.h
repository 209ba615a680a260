
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _NGX_HTTP_LLM_API_H_INCLUDED_
#define _NGX_HTTP_LLM_API_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <jansson.h>

#include "llm_api_doc.h"
#include "llm_api_path.h"
#include "llm_key.h"
#include "ngx_http_llm_admin.h"
#include "ngx_http_llm_entity.h"


#define NGX_HTTP_LLM_API_INVALID  422


/*
 * A call of the admin API, from the request until its answer.  It goes in
 * steps, each of which ends with one thing: it runs an operation of the store,
 * whose end is the next step, or it answers.
 *
 *     NEW      ngx_http_llm_api.c       the route is found
 *     KEY      ngx_http_llm_api_auth.c  who calls, and whether he may
 *     BODY     ngx_http_llm_api_body.c  read and parsed
 *     STEPS    the route's handler: load, check, change, publish
 *     ANSWERED ngx_http_llm_api_out.c
 *
 * The call has a pool of its own and outlives the client: what was begun for
 * one who has left is done to its end, so that the zone learns of every
 * change.
 */

typedef struct ngx_http_llm_call_s  ngx_http_llm_call_t;

typedef void (*ngx_http_llm_call_pt)(ngx_http_llm_call_t *call);
typedef void (*ngx_http_llm_step_pt)(ngx_http_llm_call_t *call,
    llm_store_op_t *op);


/* Who may call. */

typedef enum {
    NGX_HTTP_LLM_API_PUBLIC = 0,
    NGX_HTTP_LLM_API_SELF,               /* a virtual key: what is its own */
    NGX_HTTP_LLM_API_READ,
    NGX_HTTP_LLM_API_WRITE               /* not with "readonly" */
} ngx_http_llm_api_access_e;


typedef struct {
    ngx_uint_t                   methods;
    const char                  *path;       /* of llm_api_path() */
    ngx_http_llm_api_access_e    access;
    ngx_http_llm_call_pt         handler;
    uintptr_t                    data;       /* the handler's own */
} ngx_http_llm_api_route_t;


typedef struct {
    ngx_http_llm_admin_t         admin;
    u_char                       master[LLM_KEY_DIGEST];
    ngx_uint_t                   has_master;
    ngx_uint_t                   readonly;
    ngx_uint_t                   opened;     /* the store, in this worker, for
                                                changes */
} ngx_http_llm_api_t;


typedef enum {
    NGX_HTTP_LLM_API_JSON = 0,
    NGX_HTTP_LLM_API_CSV,
    NGX_HTTP_LLM_API_TABLE
} ngx_http_llm_api_format_e;


/* A kind of entity, as the calls know it. */

typedef struct {
    ngx_str_t                    kind;       /* the store's name of it */
    llm_api_kind_e               fields;
    const char                  *id;         /* members */
    const char                  *alias;      /* NULL: none that is unique */
    llm_subject_type_e           subject;    /* whose meters are its; all of
                                                them: nobody's */

    /* formats of messages, with the id or the alias */
    const char                  *missing;
    const char                  *exists;
    const char                  *taken;
} ngx_http_llm_kind_t;


/* What of an entity is to change. */

typedef struct {
    const ngx_http_llm_kind_t   *kind;
    ngx_str_t                    id;
    json_t                      *doc;        /* NULL: it is to be deleted */
    int64_t                      version;    /* that it has; 0: it is new */
    ngx_str_t                    text;       /* of the document */
} ngx_http_llm_edit_t;


/* Of an entity what is shown beside its document. */

typedef struct {
    const ngx_http_llm_kind_t   *kind;
    ngx_str_t                    id;
    json_t                      *doc;
    int64_t                      version;
    int64_t                      spend;      /* nano-dollars */
    int64_t                      reset;      /* s of the epoch, 0: never */
} ngx_http_llm_record_t;


struct ngx_http_llm_call_s {
    ngx_http_request_t              *request;    /* NULL: the client left */
    ngx_pool_t                      *pool;
    ngx_pool_t                      *slice;      /* of a list; NULL: none */
    ngx_http_llm_api_t              *api;
    const ngx_http_llm_api_route_t  *route;
    ngx_str_t                        arg;        /* of the path */
    ngx_str_t                        below;      /* likewise, the second one */
    ngx_str_t                        args;       /* the query */

    json_t                          *body;       /* an object; NULL: none */
    json_t                          *key;        /* the virtual key's
                                                    document; NULL: the master
                                                    key, or none */
    ngx_str_t                        key_id;     /* SHA-256 in hex */

    ngx_http_llm_store_task_t       *task;
    ngx_http_llm_step_pt             next;
    ngx_event_t                      alive;      /* a graceful exit waits */
    void                            *data;       /* the handler's own */
    ngx_uint_t                       tries;

    /* the change that is being made, and who makes it */
    ngx_array_t                      edits;      /* of ngx_http_llm_edit_t */
    ngx_http_llm_call_pt             committed;
    ngx_str_t                        changed_by;
    ngx_str_t                        address;

    ngx_http_llm_record_t            record;
    json_t                          *tier;       /* its budget; NULL: none */
    ngx_http_llm_call_pt             spent;
    ngx_http_llm_call_pt             flushed;

    /* the answer that is being written */
    ngx_http_llm_api_format_e        format;
    ngx_pool_t                      *out_pool;
    ngx_chain_t                     *out;
    ngx_chain_t                    **last;
    ngx_buf_t                       *buf;
    off_t                            size;
    unsigned                         comma:1;
    unsigned                         heading:1;  /* names of columns */
    unsigned                         failed:1;   /* no memory for it */

    unsigned                         opened:1;   /* the store, for changes */
    unsigned                         idle:1;     /* waits for the client: who
                                                    leaves ends it */
    unsigned                         started:1;  /* the head is sent */
};


/* ngx_http_llm_api_route.c: ends with an empty path. */

extern const ngx_http_llm_api_route_t  ngx_http_llm_api_routes[];


/* ngx_http_llm_api.c */

/* ms of the epoch */

static ngx_inline int64_t
ngx_http_llm_call_now(void)
{
    ngx_time_t  *tp;

    tp = ngx_timeofday();

    return (int64_t) tp->sec * 1000 + tp->msec;
}


/* The call of a request. */
ngx_http_llm_call_t *ngx_http_llm_call_of(ngx_http_request_t *r);

/* The next header of a name; after NULL: the first. */
ngx_table_elt_t *ngx_http_llm_call_header(ngx_http_request_t *r,
    ngx_str_t *name, ngx_table_elt_t *after);

/* What the call keeps is given back with it. */
json_t *ngx_http_llm_call_keep(ngx_http_llm_call_t *call, json_t *json);

/* An argument of the query, decoded; 0: it has none. */
ngx_uint_t ngx_http_llm_call_arg(ngx_http_llm_call_t *call, const char *name,
    ngx_str_t *value);

/* A graceful exit waits for it from now on. */
void ngx_http_llm_call_wait(ngx_http_llm_call_t *call);

/* The end of the call, after its answer. */
void ngx_http_llm_call_end(ngx_http_llm_call_t *call, ngx_int_t rc);


/* ngx_http_llm_api_auth.c */

/* Goes on with ngx_http_llm_call_body(), or answers. */
void ngx_http_llm_call_auth(ngx_http_llm_call_t *call);

/* The id of a key, or of its digest in hex, in memory of the call; NGX_ERROR:
   it was answered. */
ngx_int_t ngx_http_llm_call_key_id(ngx_http_llm_call_t *call, ngx_str_t *key,
    ngx_str_t *id);

/* Whether a key is the digest of one: who brings keys from elsewhere has no
   more of them. */
ngx_uint_t ngx_http_llm_call_is_digest(const ngx_str_t *key);


/* ngx_http_llm_api_body.c */

/* Goes on with the route's handler, or answers. */
void ngx_http_llm_call_body(ngx_http_llm_call_t *call);


/* ngx_http_llm_api_store.c */

/* An operation whose end is the next step, with OK, EXISTS, CONFLICT or
   NOT_FOUND; all else is answered.  NULL: likewise. */
llm_store_op_t *ngx_http_llm_call_op(ngx_http_llm_call_t *call,
    llm_store_op_e type, ngx_http_llm_step_pt next);

void ngx_http_llm_call_run(ngx_http_llm_call_t *call);

/* One entity, by its id or by its alias, which stay until the next step. */
void ngx_http_llm_call_load(ngx_http_llm_call_t *call, const ngx_str_t *kind,
    ngx_str_t *id, ngx_http_llm_step_pt next);
void ngx_http_llm_call_load_alias(ngx_http_llm_call_t *call,
    const ngx_str_t *kind, ngx_str_t *alias, ngx_http_llm_step_pt next);

/* The document of an entity, kept; NULL: it was answered. */
json_t *ngx_http_llm_call_document(ngx_http_llm_call_t *call,
    const llm_store_text_t *json);

static inline void
ngx_http_llm_store_set(llm_store_text_t *text, const ngx_str_t *str)
{
    text->data = str->data;
    text->len = str->len;
}


/* ngx_http_llm_api_change.c: one transaction, with its audit, and then the
   zone. */

extern const ngx_http_llm_kind_t  ngx_http_llm_kind_team;
extern const ngx_http_llm_kind_t  ngx_http_llm_kind_user;
extern const ngx_http_llm_kind_t  ngx_http_llm_kind_customer;
extern const ngx_http_llm_kind_t  ngx_http_llm_kind_key;
extern const ngx_http_llm_kind_t  ngx_http_llm_kind_budget;
extern const ngx_http_llm_kind_t  ngx_http_llm_kind_tag;
extern const ngx_http_llm_kind_t  ngx_http_llm_kind_group;
extern const ngx_http_llm_kind_t  ngx_http_llm_kind_member;

/* The edit of an entity that is in the change already, or NULL. */
ngx_http_llm_edit_t *ngx_http_llm_call_edit_of(ngx_http_llm_call_t *call,
    const ngx_http_llm_kind_t *kind, const ngx_str_t *id);

/* Adds to the change; NGX_ERROR: it was answered. */
ngx_int_t ngx_http_llm_call_edit(ngx_http_llm_call_t *call,
    const ngx_http_llm_kind_t *kind, ngx_str_t *id, json_t *doc,
    int64_t version);

/* Makes the change and goes on with done; where somebody else was faster the
   route's handler begins anew. */
void ngx_http_llm_call_commit(ngx_http_llm_call_t *call,
    ngx_http_llm_call_pt done);

/* Answers that it is not there. */
void ngx_http_llm_call_missing(ngx_http_llm_call_t *call,
    const ngx_http_llm_kind_t *kind, ngx_str_t *id);


/* ngx_http_llm_api_note.c */

/* Tells the ledger of a change that was made. */
void ngx_http_llm_call_note(ngx_http_llm_call_t *call,
    const llm_store_changes_t *changes, size_t i);


/* ngx_http_llm_api_record.c */

/* Sets what the record's subject spent, and goes on with done. */
void ngx_http_llm_call_spend(ngx_http_llm_call_t *call,
    ngx_http_llm_call_pt done);

/* Likewise, if the zone knows it; NGX_DECLINED: it does not, and it has spent
   nothing so far. */
ngx_int_t ngx_http_llm_record_spend(ngx_http_llm_call_t *call,
    ngx_http_llm_record_t *record);

/* What limits what a record's subject may spend; NULL or null: nothing. */
const json_t *ngx_http_llm_record_budget(const ngx_http_llm_record_t *record);

/* The members of a record, without brackets. */
void ngx_http_llm_out_record(ngx_http_llm_call_t *call,
    const ngx_http_llm_record_t *record);


/* ngx_http_llm_api_out.c: JSON.  Commas come by themselves. */

void ngx_http_llm_out(ngx_http_llm_call_t *call, const void *data,
    size_t len);
void ngx_http_llm_out_open(ngx_http_llm_call_t *call, u_char bracket);
void ngx_http_llm_out_close(ngx_http_llm_call_t *call, u_char bracket);
void ngx_http_llm_out_name(ngx_http_llm_call_t *call, const char *name);
void ngx_http_llm_out_member(ngx_http_llm_call_t *call, const void *name,
    size_t len);
void ngx_http_llm_out_word(ngx_http_llm_call_t *call, const char *word);
void ngx_http_llm_out_text(ngx_http_llm_call_t *call, const void *data,
    size_t len);
void ngx_http_llm_out_number(ngx_http_llm_call_t *call, int64_t n);
void ngx_http_llm_out_json(ngx_http_llm_call_t *call, const json_t *json);

/* Nano-dollars, as an exact decimal of dollars. */
void ngx_http_llm_out_money(ngx_http_llm_call_t *call, int64_t nano);

/* ms of the epoch; 0: null */
void ngx_http_llm_out_time(ngx_http_llm_call_t *call, int64_t ms);

/* Members. */
void ngx_http_llm_out_count(ngx_http_llm_call_t *call, const char *name,
    int64_t n);
void ngx_http_llm_out_usd(ngx_http_llm_call_t *call, const char *name,
    int64_t nano);

#define ngx_http_llm_out_str(call, str)                                       \
    ngx_http_llm_out_text(call, (str)->data, (str)->len)

static ngx_inline void
ngx_http_llm_out_cstr(ngx_http_llm_call_t *call, const char *text)
{
    ngx_http_llm_out_text(call, text, ngx_strlen(text));
}


/* What was written and not sent is not sent: an error takes its place. */
void ngx_http_llm_out_drop(ngx_http_llm_call_t *call);

/* A new pool for a part of a long answer, what was written and kept for the
   one before is gone; NGX_ERROR: it was answered. */
ngx_int_t ngx_http_llm_call_slice(ngx_http_llm_call_t *call);

/* Sends what was written, if that is much, and goes on with next. */
void ngx_http_llm_call_flush(ngx_http_llm_call_t *call,
    ngx_http_llm_call_pt next);

/* Answers with what was written. */
void ngx_http_llm_call_answer(ngx_http_llm_call_t *call, ngx_uint_t status);

/* Answers {"error":{...}}; param NULL: none. */
void ngx_http_llm_call_error(ngx_http_llm_call_t *call, ngx_uint_t status,
    const char *type, const char *param, const char *fmt, ...);

/* Later it may do: 503 with retry-after. */
void ngx_http_llm_call_unavailable(ngx_http_llm_call_t *call,
    const char *why);


#endif /* _NGX_HTTP_LLM_API_H_INCLUDED_ */
