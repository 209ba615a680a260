
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _NGX_HTTP_LLM_H_INCLUDED_
#define _NGX_HTTP_LLM_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "llm_coding.h"
#include "llm_entity.h"
#include "llm_pending.h"
#include "llm_request.h"
#include "llm_route.h"
#include "llm_series.h"
#include "llm_text.h"
#include "llm_usage.h"
#include "ngx_http_llm_conf.h"
#include "ngx_http_llm_digest.h"


#define NGX_HTTP_LLM_VERSION     "0.1.0"

/* Types of the subjects of one request: its tags are TAG, the one after that,
   and so on, all of which are TAG to the zone. */
#define NGX_HTTP_LLM_TYPES       (LLM_SUBJECT_TAG + LLM_LINE_TAGS)

#define ngx_http_llm_zone_type(type)                                          \
    (((type) > LLM_SUBJECT_TAG && (type) < NGX_HTTP_LLM_TYPES)                \
     ? LLM_SUBJECT_TAG : (type))

/* In one answer: what states more is not believed. */
#define NGX_HTTP_LLM_TOKENS_MAX  100000000


extern ngx_module_t  ngx_http_llm_quota_module;


typedef enum {
    NGX_HTTP_LLM_PASSED = 0,
    NGX_HTTP_LLM_RATE_LIMITED,
    NGX_HTTP_LLM_BUDGET_EXCEEDED,
    NGX_HTTP_LLM_PARALLEL_EXCEEDED,
    NGX_HTTP_LLM_MODEL_DENIED,
    NGX_HTTP_LLM_UNPRICED,
    NGX_HTTP_LLM_TOO_LARGE,
    NGX_HTTP_LLM_TEAM_DENIED,
    NGX_HTTP_LLM_KEY_DENIED,
    NGX_HTTP_LLM_OPAQUE,
    NGX_HTTP_LLM_BAD_REQUEST,
    NGX_HTTP_LLM_UNSUPPORTED,            /* $llm_result: bad_request */
    NGX_HTTP_LLM_BODY_TOO_LARGE,         /* the same */
    NGX_HTTP_LLM_UNAVAILABLE
} ngx_http_llm_result_e;


/*
 * The life of a request.  Only ngx_http_llm_access.c moves it up to ADMITTED
 * or REFUSED, only ngx_http_llm_observe.c to OBSERVING, only
 * ngx_http_llm_settle.c to SETTLED.  SETTLED and REFUSED are final: every
 * entry point does nothing there, but for a refusal that is led on to another
 * upstream, which has a context of its own there.
 */

typedef enum {
    NGX_HTTP_LLM_NEW = 0,
    NGX_HTTP_LLM_READING,                /* the body */
    NGX_HTTP_LLM_WAITING,                /* for an answer of the store */
    NGX_HTTP_LLM_ADMITTED,
    NGX_HTTP_LLM_OBSERVING,
    NGX_HTTP_LLM_SETTLED,
    NGX_HTTP_LLM_REFUSED
} ngx_http_llm_state_e;


typedef struct ngx_http_llm_ctx_s    ngx_http_llm_ctx_t;
typedef struct ngx_http_llm_strip_s  ngx_http_llm_strip_t;
typedef struct ngx_http_llm_cutoff_s  ngx_http_llm_cutoff_t;

struct ngx_http_llm_ctx_s {
    ngx_http_llm_state_e         state;
    ngx_http_llm_result_e        result;
    ngx_queue_t                  queue;      /* of the quota's open requests,
                                                or of those that wait */
    ngx_http_llm_ctx_t          *next;       /* while it is free */

    ngx_http_request_t          *request;
    ngx_http_llm_loc_conf_t     *conf;       /* of the location that admits */
    ngx_http_llm_quota_t        *quota;
    llm_route_t                  route;

    const ngx_http_llm_key_t    *key;        /* NULL: none of ours */

    /* who pays; in the request's pool, or the configuration's */
    ngx_str_t                    team;
    ngx_str_t                    user;
    ngx_str_t                    customer;
    ngx_str_t                    key_id;
    ngx_str_t                    model;
    ngx_str_t                    tags[LLM_LINE_TAGS];    /* no two alike */
    ngx_uint_t                   ntags;
    const char                  *others;     /* a member of the body that names
                                                further models, or NULL */
    ngx_str_t                    request_id;

    /* of the body */
    uint64_t                     body_bytes;
    uint64_t                     encoded_bytes;  /* of them, media */
    int64_t                      cap;        /* output tokens, -1: none */
    int64_t                      choices;
    const char                  *inject;     /* the cap's member, NULL: none */
    llm_request_edit_t           cap_edit;   /* of the body, text NULL: none */
    llm_request_edit_t           usage_edit;
    llm_tier_e                   tier;
    uint64_t                     traits;

    const ngx_http_llm_price_t  *price;      /* of the model asked for */
    int64_t                      expected_input;
    int64_t                      expected_output;

    /* no estimate is above these; where bounded, no answer is */
    int64_t                      most_input;
    int64_t                      most_output;

    ngx_msec_t                   started;
    ngx_msec_t                   waited;     /* since when, 0: it did not */
    llm_ask_t                   *ask;        /* of a request that waited */
    llm_verdict_t                verdict;
    llm_subject_type_e           types[LLM_SUBJECTS];    /* of the ask */

    /* rows with what was made over the admin API, as of that many changes;
       the others have a bit for each type */
    uint64_t                     changes;
    time_t                       looked_at;
    const llm_row_t             *rows[NGX_HTTP_LLM_TYPES];
    unsigned                     resolved;
    unsigned                     entities;
    unsigned                     blocked;
    unsigned                     paired;     /* types that limits of the team's
                                                or the key's entity are of */
    uint8_t                      classes[NGX_HTTP_LLM_TYPES];   /* that they
                                                name: NGX_HTTP_LLM_CLASS_... */

    /* a refusal's, for headers, variables and the log line */
    ngx_str_t                    message;
    ngx_str_t                    limit;
    ngx_int_t                    retry;      /* seconds, -1: none */

    /* of the answer */
    llm_answer_t                *answer;     /* the reader, once it reads */
    ngx_http_llm_strip_t        *strip;      /* NULL: passes as it is */
    ngx_http_llm_cutoff_t       *cutoff;     /* NULL: passes to its end */
    uint64_t                     answer_bytes;
    llm_charge_e                 charge;
    llm_settlement_t             settlement;
    ngx_str_t                    response_model;
    ngx_str_t                    upstream_id;
    ngx_str_t                    price_id;
    ngx_str_t                    labels;     /* as its line will have them */
    llm_series_t                *series;     /* NULL: not looked for yet */

    /* the id by which the zone knows an answer made in the background: of this
       one, or of the one that a poll asks about, and that one's record */
    ngx_str_t                    pending_id;
    llm_index_t                  pending;
    uint64_t                     pending_of;

    unsigned                     parsed:1;       /* the body was read */
    unsigned                     form:1;         /* with files: its bytes say
                                                    little of its tokens */
    unsigned                     stream:1;
    unsigned                     identity:1;     /* the answer is to be
                                                    stripped, which only one
                                                    without a content coding
                                                    can be */
    unsigned                     states:1;       /* a stream was asked to state
                                                    its usage */
    unsigned                     complete:1;     /* the whole answer passed */
    unsigned                     readable:1;     /* in a coding we read */
    unsigned                     decoding:1;     /* the decoder is in use */
    unsigned                     reserved:1;     /* holds a reservation */
    unsigned                     settled:1;      /* settlement is final */
    unsigned                     bounded:1;      /* strict */
    unsigned                     background:1;   /* asks for it */
    unsigned                     poll:1;         /* may charge the record */
    unsigned                     finding:1;      /* waits for what the store
                                                    has of the answer that it
                                                    asks about */
    unsigned                     found:1;        /* polls what only the store
                                                    has */
    unsigned                     looked:1;       /* verdict is set */
    unsigned                     dry_refused:1;
    unsigned                     refused:1;      /* decided, not a failure */
    unsigned                     never:1;        /* asking again is useless */

    /* last: not zeroed */
    llm_answer_t                 reader;
    llm_coding_t                 decoder;
};


/* ngx_http_llm_rows.c */

/* The row of the configuration for a subject of the request, or NULL. */
const llm_row_t *ngx_http_llm_conf_row(ngx_http_llm_ctx_t *ctx,
    llm_subject_type_e type);


/* ngx_http_llm_effective.c */

/* The row that bears on a subject of the request, with what was made over the
   admin API, or NULL.  It lives as long as the request. */
const llm_row_t *ngx_http_llm_subject_row(ngx_http_llm_ctx_t *ctx,
    llm_subject_type_e type);

/* Whether a subject was made over the admin API. */
ngx_uint_t ngx_http_llm_is_entity(ngx_http_llm_ctx_t *ctx,
    llm_subject_type_e type);

/* NGX_OK, or NGX_DECLINED after ngx_http_llm_refuse(): it is blocked. */
ngx_int_t ngx_http_llm_check_blocked(ngx_http_llm_ctx_t *ctx,
    llm_subject_type_e type);

/* Locks the zone.  As llm_entity_get(), but that GONE may be FREE of others
   than keys. */
llm_entity_state_e ngx_http_llm_get_entity(ngx_http_llm_quota_t *quota,
    llm_entity_kind_e kind, const ngx_str_t *id, llm_record_t *record);


/* ngx_http_llm_entity_key.c */

/*
 * Looks for a key that was made over the admin API.  NGX_OK: *key is it, in
 * the request's pool; it lies over the one of the configuration that *key was.
 * NGX_DECLINED: there is none; NGX_ABORT: there was one; NGX_ERROR.
 */
ngx_int_t ngx_http_llm_entity_key(ngx_http_request_t *r,
    ngx_http_llm_quota_t *quota, const u_char *digest,
    const ngx_http_llm_key_t **key);


/* ngx_http_llm_entities.c */

/* In a worker, before it takes requests: brings in what the store has of
   entities, where nobody has yet.  Blocks. */
void ngx_http_llm_entities_load(ngx_http_llm_quota_t *quota, ngx_log_t *log);

/* In one worker: asks for what others have changed in the store. */
void ngx_http_llm_entities_poll(ngx_http_llm_quota_t *quota);


/* ngx_http_llm_configured.c */

/* In one worker, while the store can be used: what differs between the limits
   of this configuration and the last one comes into the audit, once. */
void ngx_http_llm_configured_audit(ngx_http_llm_quota_t *quota);


/* ngx_http_llm_models.c */

/* Whether all who ask may ask for the model, also where the request names
   none.  NGX_OK, NGX_ERROR, or NGX_DECLINED after ngx_http_llm_refuse(). */
ngx_int_t ngx_http_llm_check_model(ngx_http_llm_ctx_t *ctx);


/* ngx_http_llm_share.c */

/* What an entity says of the class in which models are shared: nothing; that
   what the row says does not hold; else a class after these. */
#define NGX_HTTP_LLM_CLASS_AS_IS   0
#define NGX_HTTP_LLM_CLASS_LIFTED  1
#define NGX_HTTP_LLM_CLASS_NAMED   2

/* The last of them of what metadata.priority names; who names an unknown one
   is in the class of all others. */
uint8_t ngx_http_llm_entity_class(ngx_http_llm_ctx_t *ctx,
    const llm_record_item_t *item);

/* Where the model's rates are shared: adds who shares them, and in which
   class. */
ngx_int_t ngx_http_llm_ask_share(ngx_http_llm_ctx_t *ctx, llm_ask_t *ask);

/* Refuses for want of a share; end: when it would pass. */
ngx_int_t ngx_http_llm_refuse_share(ngx_http_llm_ctx_t *ctx,
    llm_standing_t *s, ngx_str_t *end);


/* ngx_http_llm_access.c */

ngx_int_t ngx_http_llm_access_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_llm_precontent_handler(ngx_http_request_t *r);

/* The context of the main request, also after an internal redirect; NULL
   where there is none, and for subrequests. */
ngx_http_llm_ctx_t *ngx_http_llm_get_ctx(ngx_http_request_t *r);

/* Its request has ended: it is kept for another one. */
void ngx_http_llm_free_ctx(ngx_http_llm_ctx_t *ctx);

/* Those that are kept; at exit. */
void ngx_http_llm_free_all_ctxs(void);

/* What a request waited for is there, or (blind) will not be.  The request may
   be gone afterwards. */
void ngx_http_llm_resume(ngx_http_llm_ctx_t *ctx, ngx_uint_t blind);


/*
 * ngx_http_llm_identify.c: NGX_OK, NGX_ERROR, or NGX_DECLINED after
 * ngx_http_llm_refuse().
 */

ngx_int_t ngx_http_llm_identify(ngx_http_llm_ctx_t *ctx);

/* What names a subject, empty where the request has none; of a pair the half
   that stands in the other one: the model or the user. */
ngx_str_t *ngx_http_llm_subject_id(ngx_http_llm_ctx_t *ctx,
    llm_subject_type_e type);

/* The other half of a pair, a team or a key; GLOBAL: the type is no pair. */
llm_subject_type_e ngx_http_llm_subject_in(llm_subject_type_e type);

/* Takes the customer and the model from the scanned body. */
ngx_int_t ngx_http_llm_identify_body(ngx_http_llm_ctx_t *ctx,
    llm_request_t *body);


/* ngx_http_llm_key.c */

/*
 * Finds the request's key and takes out of the request what carried it, so that
 * it reaches neither an upstream nor a log.  ctx->key is the one that was taken
 * out where the request came from, or NULL.  NGX_OK: it is set, if the request
 * has one of ours; NGX_ERROR, or NGX_DECLINED after ngx_http_llm_refuse().
 */
ngx_int_t ngx_http_llm_identify_key(ngx_http_llm_ctx_t *ctx);

/* Of a request that nothing is decided about: takes out what is ours. */
ngx_int_t ngx_http_llm_hide_keys(ngx_http_request_t *r);

/* Sets the request line as logs may have it. */
ngx_int_t ngx_http_llm_request_line(ngx_http_request_t *r, ngx_str_t *line);

/* The row that bears on a key: that of its alias, that of its id, its own
   limits, the default one; or NULL. */
const llm_row_t *ngx_http_llm_key_row(ngx_http_llm_rows_t *rows,
    const ngx_http_llm_key_t *key);


/* ngx_http_llm_body.c */

/* Scans the body that nginx has read.  NGX_OK, NGX_ERROR, or NGX_DECLINED
   after ngx_http_llm_refuse(). */
ngx_int_t ngx_http_llm_body_scan(ngx_http_llm_ctx_t *ctx,
    llm_request_t *body);

/* Whether it can be changed: not if it is coded, or not valid. */
ngx_uint_t ngx_http_llm_body_is_plain(ngx_http_llm_ctx_t *ctx,
    llm_request_t *body);

/*
 * Changes the body that nginx has read.  Ranges are those of the body as it
 * came, so of several edits the last in the body comes first.  The text must
 * live as long as the request.  NGX_DECLINED: it cannot be written to.
 */
ngx_int_t ngx_http_llm_body_edit(ngx_http_request_t *r,
    llm_request_edit_t *edit);


/*
 * ngx_http_llm_admit.c: NGX_OK, NGX_ERROR, or NGX_DECLINED after
 * ngx_http_llm_refuse().
 */

/* What can be decided before the body is read. */
ngx_int_t ngx_http_llm_admit_early(ngx_http_llm_ctx_t *ctx);

/* Sets how the limits stand, where no decision by them has. */
void ngx_http_llm_look(ngx_http_llm_ctx_t *ctx);

/* body: NULL for a route whose body is not read.  NGX_AGAIN: it waits. */
ngx_int_t ngx_http_llm_admit(ngx_http_llm_ctx_t *ctx, llm_request_t *body);

/* The same once more, after it waited; blind: as fail= says. */
ngx_int_t ngx_http_llm_admit_again(ngx_http_llm_ctx_t *ctx, ngx_uint_t blind);

/* Sets the name in the zone of a subject of the request. */
ngx_int_t ngx_http_llm_ask_key(ngx_http_llm_ctx_t *ctx,
    llm_subject_key_t *key, llm_subject_type_e type);


/* The price of a model, or NULL. */
const ngx_http_llm_price_t *ngx_http_llm_find_price(ngx_http_llm_ctx_t *ctx,
    ngx_str_t *model);


/*
 * ngx_http_llm_size.c: NGX_OK, NGX_ERROR, or NGX_DECLINED after
 * ngx_http_llm_refuse().
 */

/* What the limits that bear on a request are about. */

typedef struct {
    unsigned                     tokens:1;
    unsigned                     money:1;
} ngx_http_llm_bearing_t;

/* How much a request asks for: what is expected, or in strict at most. */
ngx_int_t ngx_http_llm_size(ngx_http_llm_ctx_t *ctx, llm_ask_t *ask,
    llm_request_t *body, ngx_http_llm_bearing_t *bearing);

/* The same of a route whose body is not read: nothing, or a refusal. */
ngx_int_t ngx_http_llm_size_opaque(ngx_http_llm_ctx_t *ctx,
    ngx_http_llm_bearing_t *bearing);

/* Puts into the body what the configuration says, once it is admitted: a
   refused one may be led to another location, as it came. */
ngx_int_t ngx_http_llm_inject(ngx_http_llm_ctx_t *ctx);


/*
 * ngx_http_llm_wait.c: requests that wait until what was settled before the
 * zone was made is in the store, or until what the store has of their subjects
 * is in the zone.
 */

/* At most so long, in milliseconds. */
#define NGX_HTTP_LLM_WAIT        5000

#define NGX_HTTP_LLM_WAIT_TICK   15      /* ms */

/* Lets it wait for what the last verdict did not know.  NGX_AGAIN, NGX_ERROR,
   or NGX_DECLINED: that is not to be had. */
ngx_int_t ngx_http_llm_wait(ngx_http_llm_ctx_t *ctx, const llm_ask_t *ask);

/* It has ended while it waited. */
void ngx_http_llm_wait_cancel(ngx_http_llm_ctx_t *ctx);

/* Resumes those of a queue, at most max; returns whether some are left. */
ngx_uint_t ngx_http_llm_wait_resume(ngx_queue_t *queue, ngx_uint_t max,
    ngx_uint_t blind);

/* Something waits: looks after it in so many ms. */
void ngx_http_llm_wait_timer(ngx_http_llm_quota_t *quota, ngx_msec_t timer);

void ngx_http_llm_wait_start(ngx_http_llm_quota_t *quota, ngx_log_t *log);
void ngx_http_llm_wait_exit(ngx_http_llm_quota_t *quota);


/* ngx_http_llm_join.c: NGX_OK; NGX_AGAIN: the request's phases run again, as
   the entities of other nodes are still to come; or an error, where it waited
   for too long and is closed. */
ngx_int_t ngx_http_llm_join(ngx_http_request_t *r, ngx_http_llm_quota_t *quota,
    ngx_uint_t closed);


/*
 * ngx_http_llm_load.c: what the store has of one subject comes into the zone;
 * several requests may wait for it.
 */

/* At most so many at once. */
#define NGX_HTTP_LLM_LOADS       64

typedef struct ngx_http_llm_load_s  ngx_http_llm_load_t;

/* The one of the subject i of an ask, in hand already or new; NULL: there are
   too many. */
ngx_http_llm_load_t *ngx_http_llm_load(ngx_http_llm_quota_t *quota,
    const llm_ask_t *ask, ngx_uint_t i);

/* The request waits for it. */
void ngx_http_llm_load_join(ngx_http_llm_load_t *load,
    ngx_http_llm_ctx_t *ctx);

/* What could not be begun yet is; resumes those that have waited for too
   long. */
void ngx_http_llm_loads_check(ngx_http_llm_quota_t *quota);

/* At exit. */
void ngx_http_llm_loads_free(ngx_http_llm_quota_t *quota);


/* ngx_http_llm_answer.c */

/*
 * Notes a refusal and logs it.  Under llm_dry_run it returns NGX_OK: the
 * caller goes on; else NGX_DECLINED: the caller stops.
 */
ngx_int_t ngx_http_llm_refuse(ngx_http_llm_ctx_t *ctx,
    ngx_http_llm_result_e result, const char *fmt, ...);

/* Ends the request with the refusal noted; for a phase handler's return. */
ngx_int_t ngx_http_llm_send_refusal(ngx_http_llm_ctx_t *ctx);

/* The status, name and texts of results. */
ngx_uint_t ngx_http_llm_result_status(ngx_http_llm_ctx_t *ctx);
const char *ngx_http_llm_result_name(ngx_http_llm_result_e result);

/* "Team=marketing", "Global", "User=u in Team=t" of a subject of the ask,
   or "team:marketing", "team_user:t:u" for logs; written at p, which has
   NGX_HTTP_LLM_SUBJECT_TEXT bytes. */
#define NGX_HTTP_LLM_SUBJECT_TEXT  (2 * LLM_ID_MAX + 32)

u_char *ngx_http_llm_print_subject(u_char *p, ngx_http_llm_ctx_t *ctx,
    llm_subject_type_e type);
u_char *ngx_http_llm_print_subject_id(u_char *p, ngx_http_llm_ctx_t *ctx,
    llm_subject_type_e type);


/* ngx_http_llm_coding.c */

/* A walk over the header lines of one name: the first one and the next ones,
   or NULL. */

typedef struct {
    ngx_str_t                   *name;       /* in lower case */
    ngx_list_part_t             *part;
    ngx_uint_t                   i;
} ngx_http_llm_walk_t;

ngx_table_elt_t *ngx_http_llm_walk(ngx_http_llm_walk_t *w,
    ngx_list_t *headers, ngx_str_t *name);
ngx_table_elt_t *ngx_http_llm_walk_on(ngx_http_llm_walk_t *w);

/* What the headers of a request or an answer say of its coding. */
llm_coding_e ngx_http_llm_coding(ngx_list_t *headers);

/* Lets zlib take its memory from the heap, and a failure go to the log. */
void ngx_http_llm_coding_memory(llm_coding_t *c, ngx_log_t *log);

/*
 * Narrows the Accept-Encoding that goes upstream to what is read here, or,
 * for an answer that is to be changed, to identity.  What nginx's own modules
 * know of the client stays as it is.
 */
ngx_int_t ngx_http_llm_narrow_accept(ngx_http_llm_ctx_t *ctx,
    ngx_uint_t identity_only);

/* The answer's headers are here: prepares for reading its body, or warns that
   it cannot be read. */
void ngx_http_llm_decode_init(ngx_http_llm_ctx_t *ctx);

/* A piece of the answer's body, for the reader.  Never fails: what cannot be
   decoded is no longer readable. */
void ngx_http_llm_decode(ngx_http_llm_ctx_t *ctx, u_char *p, size_t n);

/* Frees what decoding holds; an answer whose coding has not ended is not
   complete. */
void ngx_http_llm_decode_end(ngx_http_llm_ctx_t *ctx);


/* Whether what is told once a minute is to be told now. */

static inline ngx_uint_t
ngx_http_llm_is_due(time_t *told)
{
    if (ngx_time() - *told < 60) {
        return 0;
    }

    *told = ngx_time();

    return 1;
}


/* ngx_http_llm_headers.c */

ngx_int_t ngx_http_llm_add_headers(ngx_http_llm_ctx_t *ctx);


/* ngx_http_llm_observe.c */

ngx_int_t ngx_http_llm_observe_init(ngx_conf_t *cf);


/* ngx_http_llm_strip.c: before ngx_http_llm_cutoff_init(), so that usage is
   taken out of how a stream is ended, too. */

ngx_int_t ngx_http_llm_strip_init(ngx_conf_t *cf);

/* Whether the answer is a text/event-stream that is not encoded. */
ngx_uint_t ngx_http_llm_is_plain_stream(ngx_http_request_t *r);

/* Its body may leave with other bytes than it came with. */
void ngx_http_llm_is_rewritten(ngx_http_request_t *r);


/* ngx_http_llm_cutoff.c: before ngx_http_llm_observe_init(), so that what is
   cut off was observed. */

ngx_int_t ngx_http_llm_cutoff_init(ngx_conf_t *cf);

/* Whether the request's answer may be ended early, if it is a stream that can
   be read. */
ngx_uint_t ngx_http_llm_may_cut_off(ngx_http_llm_ctx_t *ctx);


/* ngx_http_llm_settle.c */

/* Settles the request if it holds a reservation; idempotent. */
void ngx_http_llm_settle(ngx_http_llm_ctx_t *ctx);

/* Sets the settlement: what the answer, or the lack of one, is charged. */
void ngx_http_llm_charge(ngx_http_llm_ctx_t *ctx);

/* Of an answer that was charged: tells what is wrong with it. */
void ngx_http_llm_warn_answer(ngx_http_llm_ctx_t *ctx);

/* "upstream", "estimated", "pending", "none" */
const char *ngx_http_llm_source_name(llm_source_e source);

ngx_int_t ngx_http_llm_log_handler(ngx_http_request_t *r);
void ngx_http_llm_cleanup(void *data);

/* ngx_http_llm_quota_module.c */

/* Leads a quota's zone from this worker on. */
ngx_int_t ngx_http_llm_lead(ngx_http_llm_quota_t *quota, ngx_cycle_t *cycle);

/* At this worker's end: settles what dead ones held, before the ledger is
   closed. */
void ngx_http_llm_lead_end(ngx_http_llm_quota_t *quota);


/* ngx_http_llm_settle.c */

/* Makes a quota ready in this process.  Without a master process a reload
   runs no init_process: the first request does it then. */
ngx_int_t ngx_http_llm_start_quota(ngx_http_llm_quota_t *quota,
    ngx_cycle_t *cycle);

/* NULL in the cache processes, which serve no requests. */
ngx_http_llm_main_conf_t *ngx_http_llm_worker_conf(ngx_cycle_t *cycle);

ngx_int_t ngx_http_llm_init_worker(ngx_cycle_t *cycle);
void ngx_http_llm_exit_worker(ngx_cycle_t *cycle);


/* ngx_http_llm_each.c: an llm_rows_pt; rows is the quota. */
void ngx_http_llm_each_row(void *rows, llm_subject_type_e type,
    const u_char *name, size_t len, llm_row_visit_pt visit, void *data);


/* ngx_http_llm_count.c: what metrics tell. */

/* In the log phase, once. */
void ngx_http_llm_count_request(ngx_http_llm_ctx_t *ctx);

/* What it was charged; of a record, that which its settlement says. */
void ngx_http_llm_count_charge(ngx_http_llm_ctx_t *ctx);
void ngx_http_llm_count_record(ngx_http_llm_quota_t *quota, llm_index_t i);


/* ngx_http_llm_labels.c */

/* Sets what llm_label says of a request, for its line, and which tags that
   are. */
void ngx_http_llm_set_labels(ngx_http_llm_ctx_t *ctx);


/* ngx_http_llm_lines.c */

/* Appends the line of a request that has just been settled; its reservation is
   freed once the line is written. */
void ngx_http_llm_write_line(ngx_http_llm_ctx_t *ctx);

/* Likewise of a settled reservation that this worker owns, from what it
   bears; answer: a line with what the answer says of itself, or NULL. */
void ngx_http_llm_write_record(ngx_http_llm_quota_t *quota, llm_index_t i,
    const llm_line_t *answer);

/* Fills in a line of the request's settlement: what its answer says of itself,
   and nobody's names. */
void ngx_http_llm_answer_line(ngx_http_llm_ctx_t *ctx, llm_line_t *line);

/* At exit: those that have no line yet are left to who comes after. */
void ngx_http_llm_forget_kept(ngx_http_llm_quota_t *quota);

/* Writes the line of a fact, which is in the slot i and this worker's: at once,
   or as soon as the ledger can. */
void ngx_http_llm_write_fact(ngx_http_llm_quota_t *quota, llm_index_t i);

/* Writes a line that nobody counts on, if the ledger has room for it now; data
   is the quota. */
void ngx_http_llm_write_note(void *data, const u_char *line, size_t len);

/* The ledger's handler; data is the quota. */
void ngx_http_llm_lines_written(void *data, ngx_uint_t lines);


/*
 * ngx_http_llm_background.c: answers that are made in the background, and the
 * requests that ask about them.
 */

/*
 * Whether the usage of what the request asks about is awaited: NGX_OK: the
 * request is a poll then, whose answer is read; NGX_DECLINED; NGX_AGAIN: it
 * waits for what the store has of it.  blind: it is not to wait.
 */
ngx_int_t ngx_http_llm_poll(ngx_http_llm_ctx_t *ctx, ngx_uint_t blind);

/* The request is a poll of an answer by this model, as asked for. */
ngx_int_t ngx_http_llm_poll_as(ngx_http_llm_ctx_t *ctx, const u_char *model,
    size_t len, llm_tier_e tier, int64_t input, int64_t output);

/* Of the answer that was just read: whether what it used is still to come.
   Sets the id. */
ngx_uint_t ngx_http_llm_is_pending(ngx_http_llm_ctx_t *ctx);

/* The zone is entered.  Settles a request as one whose answer is pending. */
int ngx_http_llm_settle_pending(ngx_http_llm_ctx_t *ctx, llm_zone_t *z,
    llm_index_t *gone);

/* A record had to leave: its reservation's line, and a word in the log. */
void ngx_http_llm_crowded(ngx_http_llm_ctx_t *ctx, llm_index_t gone);

/* A poll has ended: charges the record, if its answer says what was used. */
void ngx_http_llm_settle_poll(ngx_http_llm_ctx_t *ctx);

/* In one worker: charges what nobody asked about for too long; data is the
   quota. */
void ngx_http_llm_sweep_pending(void *data);

/* The settled reservation i is the charge of a record: counts it and writes
   its line, if there is a ledger.  answer as in ngx_http_llm_write_record(). */
void ngx_http_llm_write_charge(ngx_http_llm_quota_t *quota, llm_index_t i,
    const llm_line_t *answer);


/* ngx_http_llm_find.c: what the store has of answers made in the background.
   The state directory is the zone's. */

/* NGX_AGAIN: the request is in a queue, and comes back as a poll or not;
   NGX_DECLINED: nobody can be asked. */
ngx_int_t ngx_http_llm_find(ngx_http_llm_ctx_t *ctx);

/* The settlement of a poll is what the answer used: notes that in the store,
   whence it is charged by the worker that leads. */
void ngx_http_llm_find_see(ngx_http_llm_ctx_t *ctx);

/* Every few ms while there are any: those that wait too long go on. */
void ngx_http_llm_finds_check(ngx_http_llm_quota_t *quota);
void ngx_http_llm_finds_free(ngx_http_llm_quota_t *quota);


/* ngx_http_llm_variables.c */

ngx_int_t ngx_http_llm_add_variables(ngx_conf_t *cf);


#endif /* _NGX_HTTP_LLM_H_INCLUDED_ */
