
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _NGX_HTTP_LLM_METRICS_H_INCLUDED_
#define _NGX_HTTP_LLM_METRICS_H_INCLUDED_


#include "ngx_http_llm_limits.h"
#include "llm_series.h"
#include "llm_survey.h"


/*
 * A scrape goes family by family, since all samples of one must stand
 * together, and within a family in steps: each fills what is left of a buffer,
 * and holds the zone's lock for a few subjects only.
 */

#define NGX_HTTP_LLM_METRICS_BUF       65536

/* What one subject or series may have in a family: a line for each limit. */
#define NGX_HTTP_LLM_METRICS_ROOM      (NGX_HTTP_LLM_LIMITS * 768)

#define NGX_HTTP_LLM_METRICS_SUBJECTS  8     /* under one lock */
#define NGX_HTTP_LLM_METRICS_LOCKS     32    /* in one step */


typedef struct {
    ngx_http_llm_admin_t             admin;
    unsigned                         compat:1;
    unsigned                         customers:1;
} ngx_http_llm_metrics_t;


typedef struct {
    ngx_http_request_t              *request;
    ngx_http_llm_metrics_t          *conf;

    ngx_uint_t                       family;
    uint32_t                         next;   /* subject or series */
    ngx_uint_t                       done;   /* the last one was sent */
    ngx_uint_t                       open;   /* OpenMetrics */

    ngx_buf_t                       *buf;
    ngx_chain_t                      out;

    llm_survey_t                     surveys[NGX_HTTP_LLM_METRICS_SUBJECTS];

    ngx_http_llm_limits_t            limits; /* of the subject in hand */
} ngx_http_llm_scrape_t;

#define ngx_http_llm_metrics_has_room(s)                                      \
    ((s)->buf->end - (s)->buf->last >= NGX_HTTP_LLM_METRICS_ROOM)


typedef enum {
    NGX_HTTP_LLM_GAUGE = 0,
    NGX_HTTP_LLM_COUNTER
} ngx_http_llm_metrics_type_e;

typedef struct ngx_http_llm_family_s  ngx_http_llm_family_t;

/* Prints from s->next on; returns whether there is more. */
typedef ngx_uint_t (*ngx_http_llm_family_pt)(ngx_http_llm_scrape_t *s,
    const ngx_http_llm_family_t *f);

typedef void (*ngx_http_llm_subject_pt)(ngx_http_llm_scrape_t *s,
    const ngx_http_llm_family_t *f, const llm_survey_t *survey);

typedef void (*ngx_http_llm_counters_pt)(ngx_http_llm_scrape_t *s,
    const ngx_http_llm_family_t *f, const llm_series_t *series);

struct ngx_http_llm_family_s {
    const char                    *name;     /* without _total */
    ngx_http_llm_metrics_type_e    type;
    const char                    *help;
    ngx_http_llm_family_pt         print;
    ngx_http_llm_subject_pt        subject;
    ngx_http_llm_counters_pt       series;
    size_t                         which;    /* offset of a counter, or which of
                                                the values that the printer
                                                knows */
    ngx_uint_t                     compat;   /* with compat=litellm only */
};


enum {
    NGX_HTTP_LLM_TEAM_REMAINING = 0,
    NGX_HTTP_LLM_TEAM_MAX,
    NGX_HTTP_LLM_TEAM_COST,
    NGX_HTTP_LLM_TEAM_MONTHLY
};


/* ngx_http_llm_metrics_print.c: adds to the buffer what it has room for;
   returns whether there is more. */
ngx_uint_t ngx_http_llm_metrics_print(ngx_http_llm_scrape_t *s);


/* ngx_http_llm_metrics_subject.c: families of subjects. */

ngx_uint_t ngx_http_llm_print_subjects(ngx_http_llm_scrape_t *s,
    const ngx_http_llm_family_t *f);
void ngx_http_llm_print_spend(ngx_http_llm_scrape_t *s,
    const ngx_http_llm_family_t *f, const llm_survey_t *survey);
void ngx_http_llm_print_budget(ngx_http_llm_scrape_t *s,
    const ngx_http_llm_family_t *f, const llm_survey_t *survey);
void ngx_http_llm_print_limit(ngx_http_llm_scrape_t *s,
    const ngx_http_llm_family_t *f, const llm_survey_t *survey);
void ngx_http_llm_print_inflight(ngx_http_llm_scrape_t *s,
    const ngx_http_llm_family_t *f, const llm_survey_t *survey);
void ngx_http_llm_print_team(ngx_http_llm_scrape_t *s,
    const ngx_http_llm_family_t *f, const llm_survey_t *survey);


/*
 * ngx_http_llm_metrics_out.c: the name of a family's samples; a label, after
 * the brace or comma that its name begins with, its value escaped; the closing
 * brace and the value.
 */

void ngx_http_llm_print(ngx_http_llm_scrape_t *s, const char *fmt, ...);
void ngx_http_llm_print_name(ngx_http_llm_scrape_t *s,
    const ngx_http_llm_family_t *f);
void ngx_http_llm_print_label(ngx_http_llm_scrape_t *s,
    const char *name, const u_char *p, size_t n);
void ngx_http_llm_print_escaped(ngx_http_llm_scrape_t *s,
    const u_char *p, size_t n);
void ngx_http_llm_print_count(ngx_http_llm_scrape_t *s, int64_t n);
void ngx_http_llm_print_money(ngx_http_llm_scrape_t *s, int64_t nano);


#endif /* _NGX_HTTP_LLM_METRICS_H_INCLUDED_ */
