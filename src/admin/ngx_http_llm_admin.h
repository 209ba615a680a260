
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _NGX_HTTP_LLM_ADMIN_H_INCLUDED_
#define _NGX_HTTP_LLM_ADMIN_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "llm_kept.h"
#include "llm_usage.h"
#include "ngx_http_llm_ledger.h"
#include "ngx_http_llm_store.h"
#include "ngx_http_llm_zone.h"


/*
 * What this room serves: content handlers, each with a directive in a
 * location that names a zone.  The room knows no request that is charged; the
 * table of contents tells it here what it may look at.
 */

/* A model that has a price. */

typedef struct {
    ngx_str_t                    name;
    int64_t                      input;          /* pico-dollars a token; */
    int64_t                      output;         /* negative: none */
    int64_t                      max_input;      /* tokens, 0: unknown */
    int64_t                      max_output;
} ngx_http_llm_admin_model_t;


typedef struct {
    ngx_str_t                   *name;
    ngx_http_llm_zone_t         *zone;
    ngx_http_llm_store_t        *store;          /* NULL: without state= */
    ngx_http_llm_ledger_t       *ledger;         /* likewise */
    const llm_kept_t            *kept;
    llm_rows_pt                  rows;           /* what bears on a subject: */
    void                        *rows_data;

    /* what a request can come to, by the index of a series; NULL: no more */
    const char                *(*result)(ngx_uint_t i);
    const char                  *version;        /* of the module */

    /* the i-th of the models; 0: there are not so many */
    ngx_uint_t                 (*model)(const void *models, ngx_uint_t i,
                                        ngx_http_llm_admin_model_t *model);
    void                        *models;

    /* what usage costs of one of them, in nano-dollars; -1: it has no price */
    int64_t                    (*cost)(void *models, const u_char *model,
                                       size_t len, const llm_usage_t *usage,
                                       llm_tier_e tier);

    /* the i-th team that the configuration names, by names, and where, which
       stays until the next call; 0: there are not so many */
    ngx_uint_t                 (*team)(void *data, ngx_uint_t i,
                                       ngx_str_t *name, ngx_str_t *place);

    /* the i-th channel that alerts of a zone go to, and its type, "webhook";
       0: there are not so many */
    ngx_uint_t                 (*channel)(const ngx_array_t *channels,
                                          const ngx_str_t *zone, ngx_uint_t i,
                                          ngx_str_t *name, ngx_str_t *type);
    const ngx_array_t           *channels;

    /* the document of an alert that is a test, to be freed with free(), and
       its event; NULL: no memory */
    char                      *(*trial)(const ngx_str_t *zone,
                                        const llm_store_text_t *id,
                                        int64_t time, ngx_str_t *event);

    /* writes the line of a fact that is in the zone, which is this worker's:
       at once, or as soon as it can be */
    void                       (*record)(void *data, llm_index_t fact);

    /* writes a line that nobody counts on, if it can be written now */
    void                       (*note)(void *data, const u_char *line,
                                       size_t len);
    void                        *data;
} ngx_http_llm_admin_zone_t;


typedef struct ngx_http_llm_admin_s  ngx_http_llm_admin_t;

/* The beginning of what a directive makes for its location. */

struct ngx_http_llm_admin_s {
    ngx_int_t                  (*handler)(ngx_http_request_t *r,
                                          ngx_http_llm_admin_t *admin);
    ngx_http_llm_admin_zone_t    zone;           /* set when all is read */
    unsigned                     stored:1;       /* needs state= */
};


/* Reads the parameters after the zone's name; NULL: it was told. */
typedef ngx_http_llm_admin_t *(*ngx_http_llm_admin_pt)(ngx_conf_t *cf);

/* llm_quota_api */
ngx_http_llm_admin_t *ngx_http_llm_api_conf(ngx_conf_t *cf);

/* llm_quota_metrics */
ngx_http_llm_admin_t *ngx_http_llm_metrics_conf(ngx_conf_t *cf);

/* llm_quota_dashboard */
ngx_http_llm_admin_t *ngx_http_llm_dashboard_conf(ngx_conf_t *cf);


#endif /* _NGX_HTTP_LLM_ADMIN_H_INCLUDED_ */
