
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _NGX_HTTP_LLM_CHANNEL_H_INCLUDED_
#define _NGX_HTTP_LLM_CHANNEL_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "llm_alert.h"
#include "ngx_http_llm_curl.h"


/* A channel: where alerts of a zone go, what llm_alert makes. */

typedef enum {
    NGX_HTTP_LLM_CHANNEL_SLACK = 0,
    NGX_HTTP_LLM_CHANNEL_WEBHOOK,
    NGX_HTTP_LLM_CHANNEL_EMAIL,
    NGX_HTTP_LLM_CHANNEL_PAGERDUTY
} ngx_http_llm_channel_e;


#define NGX_HTTP_LLM_CHANNEL_HEADERS  5
#define NGX_HTTP_LLM_CHANNEL_HEADER   256    /* bytes of one */


typedef struct {
    ngx_str_t                  zone;
    ngx_str_t                  name;         /* one of the zone; in the store
                                                and in the log */
    ngx_http_llm_channel_e     type;

    u_char                    *url;          /* these end in NUL, or are NULL */
    u_char                    *from;
    u_char                    *to;           /* with commas in between */
    u_char                    *user;
    u_char                    *password;
    u_char                    *key;          /* PagerDuty's */
    u_char                    *ca;
    ngx_str_t                  secret;       /* of signatures, or empty */
    ngx_array_t                recipients;   /* of const char * */
    ngx_http_llm_starttls_e    starttls;

    ngx_uint_t                 events;       /* bits */
    llm_alert_severity_e       severity;     /* at least */
    ngx_uint_t                 near;         /* percent, of rate_near */
    ngx_msec_t                 timeout;

    u_char                    *file;         /* where it stands */
    ngx_uint_t                 line;
} ngx_http_llm_channel_t;


/* What a transfer of an alert is made of. */

typedef struct {
    ngx_http_llm_curl_t        curl;
    char                      *body;         /* to be freed with free() */
    const char                *headers[NGX_HTTP_LLM_CHANNEL_HEADERS];
    u_char                     text[NGX_HTTP_LLM_CHANNEL_HEADERS]
                                   [NGX_HTTP_LLM_CHANNEL_HEADER];
} ngx_http_llm_message_t;


/* llm_alert; its offset is that of an ngx_array_t in the configuration, zeroed
   at first, which gets an ngx_http_llm_channel_t. */
char *ngx_http_llm_alert_slot(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* Whether it wants an alert of this event and severity; of RATE_NEAR the
   threshold must be its own, in percent. */
ngx_uint_t ngx_http_llm_channel_takes(const ngx_http_llm_channel_t *channel,
    llm_alert_event_e event, llm_alert_severity_e severity, int64_t threshold);

/* By ngx_http_llm_channel_e. */
extern const ngx_str_t  ngx_http_llm_channel_types[];

/* The name and the type, "webhook", of the i-th channel of a zone; 0: there are
   not so many. */
ngx_uint_t ngx_http_llm_channel_at(const ngx_array_t *channels,
    const ngx_str_t *zone, ngx_uint_t i, ngx_str_t *name, ngx_str_t *type);

/* The document of an alert that says that it is a test (time in ms of the
   epoch), to be freed with free(), and the name of its event; NULL: no
   memory. */
char *ngx_http_llm_channel_trial(const ngx_str_t *zone,
    const llm_store_text_t *id, int64_t time, ngx_str_t *event);

/* Makes what is to be sent of an alert and its document, now (s of the epoch);
   the message holds pointers into the channel.  NGX_ERROR: no memory. */
ngx_int_t ngx_http_llm_channel_render(const ngx_http_llm_channel_t *channel,
    const llm_alert_t *alert, const ngx_str_t *json, time_t now,
    ngx_http_llm_message_t *message);

/* Whether the receiver has understood, and will not have this. */
ngx_uint_t ngx_http_llm_channel_refused(const ngx_http_llm_channel_t *channel,
    const ngx_http_llm_curl_t *transfer);


#endif /* _NGX_HTTP_LLM_CHANNEL_H_INCLUDED_ */
