
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _NGX_HTTP_LLM_CONF_H_INCLUDED_
#define _NGX_HTTP_LLM_CONF_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "llm_admit.h"
#include "llm_kept.h"
#include "llm_key.h"
#include "ngx_http_llm_catalog.h"
#include "ngx_http_llm_compat.h"
#include "ngx_http_llm_ledger.h"
#include "ngx_http_llm_redis_conf.h"
#include "ngx_http_llm_store.h"
#include "ngx_http_llm_zone.h"


/* What the directives make, and what reads them. */

/* llm_quota_redis */

typedef struct {
    ngx_http_llm_redis_conf_t    peer;
    ngx_str_t                    zone;
    ngx_str_t                    prefix;     /* of all keys */
    ngx_uint_t                   strict;     /* mode=strict */
    u_char                      *file;
    ngx_uint_t                   line;
} ngx_http_llm_redis_t;


/* A settled reservation that has no line yet. */

typedef struct {
    llm_index_t                  index;
    llm_line_text_t              labels;     /* malloc()'ed, or empty */
} ngx_http_llm_kept_t;


/* What a line limits, as it is written, and where. */

typedef struct {
    ngx_str_t                    limits;
    u_char                      *file;
    ngx_uint_t                   line;
} ngx_http_llm_written_t;


/* What llm_quota_zone makes: a zone and, with state=, its ledger. */

typedef struct {
    ngx_http_llm_zone_t          zone;       /* first: shm_zone->data */
    ngx_str_t                    name;
    ngx_path_t                  *state;      /* NULL: forgets on restart */
    ngx_http_llm_ledger_t        ledger;
    ngx_http_llm_store_t         store;      /* this worker's use of it */
    ngx_http_llm_redis_t        *redis;      /* NULL: this machine alone */

    ngx_msec_t                   sync;
    ngx_msec_t                   fsync;      /* 0: off */
    time_t                       retain;
    llm_kept_t                  *limited;    /* of all zones */
    ngx_array_t                 *tables;     /* of ngx_http_llm_rows_t **, those
                                                of each place that enforces */
    ngx_array_t                 *teams;      /* ngx_http_llm_teams.c's; NULL:
                                                none */
    int64_t                      read;       /* when this configuration was: ms
                                                of the epoch */
    unsigned                     teams_done:1;
    unsigned                     keyed:1;    /* some place takes keys */
    unsigned                     audited:1;  /* what it limits, in the store */
    unsigned                     auditing:1;

    /* reservations whose lines wait to be written, in the ledger's order;
       of this worker */
    ngx_array_t                  unwritten;  /* of llm_index_t */
    ngx_array_t                  kept;       /* of ngx_http_llm_kept_t */
    ngx_uint_t                   merged;     /* kept after the last merge */
    ngx_queue_t                  open;       /* requests that hold one */

    /* requests that wait: for the zone, for more of a limit, or for what is
       read of subjects */
    ngx_queue_t                  unready;    /* of ngx_http_llm_ctx_t */
    ngx_queue_t                  claims;     /* likewise */
    ngx_queue_t                  loads;      /* of ngx_http_llm_load_t */
    ngx_uint_t                   nloads;
    ngx_queue_t                  finds;      /* of ngx_http_llm_find_t */
    ngx_uint_t                   nfinds;

    int64_t                      polled;     /* of entities: the row that the
                                                reading in hand goes to */
    unsigned                     polling:1;
    ngx_event_t                  waits;
    time_t                       blind;      /* when it was last told */
    unsigned                     reused:1;   /* the zone is older than the
                                                configuration */

    ngx_uint_t                   started;    /* in this process */
    time_t                       full;       /* when it was last told */
    time_t                       coded;      /* of codings, the same */
    time_t                       crowded;    /* of what is pending */
} ngx_http_llm_quota_t;


/* The rows of one directive at one level of the configuration. */

typedef struct {
    ngx_str_node_t               sn;         /* sn.str: the ID */
    ngx_http_llm_written_t       written;
    llm_row_t                    row;
} ngx_http_llm_row_t;

typedef struct {
    ngx_rbtree_t                 tree;
    ngx_rbtree_node_t            sentinel;
    ngx_uint_t                   nrows;      /* without the default row */
    ngx_http_llm_row_t          *other;      /* the default row */
} ngx_http_llm_rows_t;


/* llm_key */

typedef struct {
    ngx_str_node_t               sn;         /* sn.str: the alias */
    ngx_http_llm_written_t       written;
    ngx_str_t                    id;         /* public: the SHA-256 in hex */
    ngx_str_t                    team;       /* empty: none */
    ngx_str_t                    user;
    ngx_str_t                    counted;    /* the id that it counts as: its
                                                own, or that of an earlier one
                                                in whose place it is */
    int64_t                      expires;    /* seconds of the epoch */
    llm_row_t                   *row;        /* its own limits, or NULL */
    unsigned                     blocked:1;
} ngx_http_llm_key_t;

typedef struct {
    llm_keys_t                   table;
    ngx_array_t                  keys;       /* of ngx_http_llm_key_t *, by
                                                the table's index */
    ngx_rbtree_t                 aliases;
    ngx_rbtree_node_t            sentinel;

    /* indices of variables that say what carries a key */
    ngx_array_t                  variables;  /* of ngx_int_t */
} ngx_http_llm_keys_t;


/* llm_model_group */

typedef struct {
    ngx_str_t                    name;
    llm_pattern_t               *models;
    ngx_uint_t                   nmodels;
    u_char                      *file;
    ngx_uint_t                   line;
} ngx_http_llm_group_t;


/* llm_priority */

typedef struct {
    ngx_str_t                    name;
    uint8_t                      percent;
    unsigned                     lend:1;
} ngx_http_llm_priority_t;


/* llm_label */

typedef struct {
    ngx_str_t                    name;
    ngx_http_complex_value_t     value;
} ngx_http_llm_label_t;


/* A row with models= or priority=, and where it stands. */

typedef struct {
    llm_row_t                   *row;
    ngx_str_t                   *directive;
    u_char                      *file;
    ngx_uint_t                   line;
} ngx_http_llm_list_t;


typedef struct {
    ngx_array_t                  quotas;     /* of ngx_http_llm_quota_t * */
    ngx_array_t                  redis;      /* of ngx_http_llm_redis_t * */
    ngx_array_t                  places;     /* of ngx_http_llm_place_t */
    llm_kept_t                   kept;       /* of all rows */
    ngx_array_t                  groups;     /* of ngx_http_llm_group_t */
    ngx_array_t                  lists;      /* of ngx_http_llm_list_t */
    ngx_array_t                  priorities; /* of ngx_http_llm_priority_t */
    ngx_array_t                  ranked;     /* of ngx_http_llm_list_t */
    ngx_http_llm_catalog_t      *catalog;
    ngx_http_llm_keys_t         *keys;
    ngx_array_t                  labels;     /* of ngx_http_llm_label_t */
    ngx_array_t                  channels;   /* llm_alert's, the leader's */
    ngx_int_t                    request_id; /* index of $request_id */
    ngx_uint_t                   used;       /* some location enforces */
    ngx_array_t                 *served;     /* src/admin's locations; NULL:
                                                there is none */
} ngx_http_llm_main_conf_t;


typedef enum {
    NGX_HTTP_LLM_AUTO = 0,
    NGX_HTTP_LLM_ALLOW,
    NGX_HTTP_LLM_DENY
} ngx_http_llm_policy_e;


typedef struct ngx_http_llm_loc_conf_s  ngx_http_llm_loc_conf_t;

struct ngx_http_llm_loc_conf_s {
    ngx_shm_zone_t              *quota;      /* data: ngx_http_llm_quota_t */
    ngx_uint_t                   closed;     /* fail=closed */

    ngx_http_complex_value_t    *team;
    ngx_http_complex_value_t    *user;
    ngx_http_complex_value_t    *customer;
    ngx_http_complex_value_t    *model;
    ngx_http_complex_value_t    *note;

    ngx_http_llm_rows_t         *rows[LLM_SUBJECT_TYPES];

    ngx_uint_t                   keys;
    ngx_uint_t                   unknown_team;
    ngx_uint_t                   opaque;
    ngx_uint_t                   unpriced;
    ngx_uint_t                   reserve;
    ngx_uint_t                   stream_usage;
    ngx_uint_t                   server_tools;
    ngx_uint_t                   error_format;
    ngx_uint_t                   log_level;
    ngx_uint_t                   rate_status;
    ngx_uint_t                   budget_status;

    ngx_int_t                    max_output;     /* tokens, 0: off */
    ngx_flag_t                   inject;         /* of max_output */

    ngx_flag_t                   count_cached;
    ngx_flag_t                   charge_unanswered;
    ngx_flag_t                   stream_buffering;
    ngx_flag_t                   cutoff;
    ngx_flag_t                   dry_run;
    ngx_flag_t                   headers;

    ngx_http_llm_loc_conf_t     *outer;
    ngx_uint_t                   enforced;   /* here, or further inside */

    void                        *admin;      /* src/admin's, of this location
                                                only; NULL: none */
};


/* Where llm_quota, llm_keys or a limit stands: it is checked at the end. */

typedef struct {
    ngx_http_llm_loc_conf_t     *conf;
    ngx_shm_zone_t              *quota;      /* NULL: a limit or llm_keys */
    ngx_uint_t                   keys;       /* llm_keys */
    u_char                      *file;
    ngx_uint_t                   line;
} ngx_http_llm_place_t;


/* llm_keys */

typedef enum {
    NGX_HTTP_LLM_KEYS_OFF = 0,
    NGX_HTTP_LLM_KEYS_OPTIONAL,          /* what is not ours passes */
    NGX_HTTP_LLM_KEYS_REQUIRED
} ngx_http_llm_keys_e;


/* llm_stream_usage */

typedef enum {
    NGX_HTTP_LLM_USAGE_OFF = 0,
    NGX_HTTP_LLM_USAGE_INJECT,
    NGX_HTTP_LLM_USAGE_STRIP             /* inject, and out of the answer */
} ngx_http_llm_stream_usage_e;


/* ngx_http_llm_conf.c */

void *ngx_http_llm_create_main_conf(ngx_conf_t *cf);
char *ngx_http_llm_init_main_conf(ngx_conf_t *cf, void *conf);
void *ngx_http_llm_create_loc_conf(ngx_conf_t *cf);
char *ngx_http_llm_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child);

char *ngx_http_llm_quota(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_llm_keys(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_llm_enum(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_llm_status(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_llm_max_output(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_llm_price(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_http_llm_price_file(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* A line that enforces, against the zone quota, or that limits or wants keys:
   NULL (the latter says so itself). */
ngx_int_t ngx_http_llm_note_place(ngx_conf_t *cf,
    ngx_http_llm_loc_conf_t *llcf, ngx_shm_zone_t *quota);

/* After the last directive. */
ngx_int_t ngx_http_llm_check_places(ngx_conf_t *cf,
    ngx_http_llm_main_conf_t *lmcf);


/* ngx_http_llm_rows.c */

char *ngx_http_llm_limit(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* Takes one of LIMITS; after the last one: what the row of this ID lacks. */
char *ngx_http_llm_row_param(ngx_conf_t *cf, ngx_command_t *cmd,
    llm_row_t *row, ngx_str_t *value);
char *ngx_http_llm_row_done(ngx_conf_t *cf, ngx_command_t *cmd,
    llm_subject_type_e type, llm_row_t *row, ngx_str_t *id);

/* The row that bears on an ID: its own, else the default one, else NULL;
   *own says which. */
const llm_row_t *ngx_http_llm_find_row(ngx_http_llm_rows_t *rows,
    ngx_str_t *id, ngx_uint_t *own);

/* The same of a pair; name: another one of the first, or NULL. */
const llm_row_t *ngx_http_llm_find_pair_row(ngx_http_llm_rows_t *rows,
    const ngx_str_t *name, const ngx_str_t *first, const ngx_str_t *second);

/* A location that enforces: its rows are those of its zone. */
ngx_int_t ngx_http_llm_note_rows(ngx_conf_t *cf,
    ngx_http_llm_loc_conf_t *llcf);


/* ngx_http_llm_teams.c */

/* A location that enforces: the team that it names. */
ngx_int_t ngx_http_llm_note_team(ngx_conf_t *cf,
    ngx_http_llm_loc_conf_t *llcf);

/* After the last directive. */
ngx_int_t ngx_http_llm_teams_done(ngx_conf_t *cf,
    ngx_http_llm_quota_t *quota);

/* The i-th team, by names, and where it is named, "nginx.conf:12", until the
   next call; 0: there are not so many.  data is the ngx_http_llm_quota_t. */
ngx_uint_t ngx_http_llm_team_at(void *data, ngx_uint_t i, ngx_str_t *name,
    ngx_str_t *place);


/* ngx_http_llm_configured.c */

/* Notes what the line in hand says from its argument i on. */
ngx_int_t ngx_http_llm_note_written(ngx_conf_t *cf,
    ngx_http_llm_written_t *written, ngx_uint_t i);


/* ngx_http_llm_conf_key.c */

ngx_http_llm_keys_t *ngx_http_llm_keys_create(ngx_conf_t *cf);

/* Some location reads keys. */
ngx_int_t ngx_http_llm_keys_used(ngx_conf_t *cf, ngx_http_llm_keys_t *keys);

char *ngx_http_llm_key(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);


/* ngx_http_llm_models.c */

char *ngx_http_llm_model_group(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* The group of a name, or NULL. */
ngx_http_llm_group_t *ngx_http_llm_find_group(ngx_http_llm_main_conf_t *lmcf,
    const u_char *name, size_t len);

/* Puts a row into a list; it is of a line of this directive. */
ngx_int_t ngx_http_llm_note_list(ngx_conf_t *cf, ngx_array_t *lists,
    ngx_str_t *directive, llm_row_t *row);

/* After the last directive: puts their models in the place of groups. */
ngx_int_t ngx_http_llm_models_done(ngx_conf_t *cf,
    ngx_http_llm_main_conf_t *lmcf);


/* ngx_http_llm_share.c */

char *ngx_http_llm_priority(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* A row with share= or priority=: whether it may have that. */
char *ngx_http_llm_share_row(ngx_conf_t *cf, ngx_command_t *cmd,
    llm_subject_type_e type, llm_row_t *row, ngx_str_t *id);

/* After the last directive: finds the priorities that rows name. */
ngx_int_t ngx_http_llm_share_done(ngx_conf_t *cf,
    ngx_http_llm_main_conf_t *lmcf);


/* Of an array whose elements begin with their names the one of this name, or
   NULL. */
void *ngx_http_llm_find_named(const ngx_array_t *array, const u_char *name,
    size_t len);


/* ngx_http_llm_labels.c */

char *ngx_http_llm_label(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);


/* ngx_http_llm_conf_zone.c */

char *ngx_http_llm_quota_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* The new cycle stands. */
ngx_int_t ngx_http_llm_init_module(ngx_cycle_t *cycle);


/* ngx_http_llm_conf_redis.c */

char *ngx_http_llm_quota_redis(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* After the last directive: zones and names of hosts. */
ngx_int_t ngx_http_llm_redis_done(ngx_conf_t *cf,
    ngx_http_llm_main_conf_t *lmcf);


#endif /* _NGX_HTTP_LLM_CONF_H_INCLUDED_ */
