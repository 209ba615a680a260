
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _LLM_ALERT_H_INCLUDED_
#define _LLM_ALERT_H_INCLUDED_


#include <jansson.h>

#include "llm_period.h"
#include "llm_store.h"


/*
 * An alert: who finds that something is to be told fills the struct and
 * builds its document, which goes into the store with the alert; who delivers
 * it reads the document back.  The document is at once the body that webhooks
 * get: the members of LiteLLM's webhook event (spend, max_budget, soft_budget,
 * team_id, event, event_group, event_message, ...), and those that it has not
 * (id, severity, threshold, percent, period, reset_at, ...).
 */


typedef enum {
    LLM_ALERT_SOFT = 0,              /* "soft_budget_crossed" */
    LLM_ALERT_CROSSED,               /* "budget_crossed" */
    LLM_ALERT_REFUSED,               /* "budget_refused" */
    LLM_ALERT_RESET,                 /* "budget_reset" */
    LLM_ALERT_PROJECTED,             /* "projected_limit_exceeded" */
    LLM_ALERT_RATE_NEAR,             /* "rate_near" */
    LLM_ALERT_RATE_REFUSED,          /* "rate_refused" */
    LLM_ALERT_UNPRICED,              /* "unpriced" */
    LLM_ALERT_ESTIMATED,             /* "estimated" */
    LLM_ALERT_STORE,                 /* "store" */
    LLM_ALERT_REDIS,                 /* "redis" */
    LLM_ALERT_LEDGER,                /* "ledger" */
    LLM_ALERT_ZONE_FULL,             /* "zone_full" */
    LLM_ALERT_TEST,                  /* "test": asked for, of one channel */
    LLM_ALERT_EVENTS
} llm_alert_event_e;

/* Those of a channel that does not say. */
#define LLM_ALERT_DEFAULT                                                     \
    (1U << LLM_ALERT_SOFT | 1U << LLM_ALERT_CROSSED | 1U << LLM_ALERT_REFUSED \
     | 1U << LLM_ALERT_STORE | 1U << LLM_ALERT_REDIS | 1U << LLM_ALERT_LEDGER \
     | 1U << LLM_ALERT_ZONE_FULL)


typedef enum {
    LLM_ALERT_WARNING = 0,
    LLM_ALERT_CRITICAL
} llm_alert_severity_e;


/* What becomes of requests at the limit. */

typedef enum {
    LLM_ALERT_NEXT_UNKNOWN = 0,
    LLM_ALERT_NEXT_REFUSED,
    LLM_ALERT_NEXT_THROTTLED,
    LLM_ALERT_NEXT_GOES_ON
} llm_alert_next_e;


#define LLM_ALERT_ID_MAX   128       /* bytes of an id */
#define LLM_ALERT_TEXT_MAX 512       /* of each of the other texts */

/* The period of a rate. */
#define LLM_ALERT_MINUTE   LLM_PERIOD(LLM_PERIOD_SECONDS, 60)


/*
 * Texts with NULL, and numbers that are 0, are not there.  used, limit, soft
 * and projected are nano-dollars where the resource is "cost", else requests
 * or tokens.
 */

typedef struct {
    llm_store_text_t         id;         /* A-Z a-z 0-9 . _ : - only; the same
                                            id is the same alert */
    llm_alert_event_e        event;
    llm_alert_severity_e     severity;
    int64_t                  time;       /* ms of the epoch */
    llm_store_text_t         zone;       /* its name */
    llm_store_text_t         host;       /* that found it */

    llm_store_text_t         scope;      /* "team", "key_model"; NULL: about
                                            the zone itself */
    llm_store_text_t         subject;    /* its id; of a pair the first half */
    llm_store_text_t         other;      /* of a pair the second */
    llm_store_text_t         alias;      /* what people call the subject */

    llm_store_text_t         resource;   /* "cost", "requests", "tokens",
                                            "input_tokens", "output_tokens" */
    llm_period_t             period;     /* 60 s: a rate */
    int64_t                  started;    /* s of the epoch: of the period */
    int64_t                  reset_at;   /* likewise; 0: never */
    int64_t                  used;
    int64_t                  limit;
    int64_t                  soft;       /* the threshold as an amount */
    int64_t                  threshold;  /* percent */
    int64_t                  projected;  /* at this pace, when it ends */
    int64_t                  exceeded_at;    /* s of the epoch: at this pace;
                                                of RATE_REFUSED: since when */

    llm_alert_next_e         next;
    llm_store_text_t         detail;     /* of trouble: what is said of it; of
                                            UNPRICED, ESTIMATED: the model */
    llm_store_text_t         resolves;   /* id of the alert that is over with
                                            this one */
} llm_alert_t;


/* "budget_crossed"; and back: 0, or -1 where there is none of this name. */
const char *llm_alert_event_name(llm_alert_event_e event);
int llm_alert_event_parse(const u_char *p, size_t n, llm_alert_event_e *event);

/* budget_crossed and budget_refused are critical. */
llm_alert_severity_e llm_alert_severity(llm_alert_event_e event);

/* How much of the limit is used, in percent, cut; 0 without a limit. */
int64_t llm_alert_percent(const llm_alert_t *alert);

/* The document, to be freed with free(); NULL without memory.  What is not
   UTF-8 in the texts becomes question marks. */
char *llm_alert_build(const llm_alert_t *alert);

/*
 * Reads a document back.  The texts are in what is returned, until that is
 * given to json_decref(); NULL where it is no alert: without a valid id, an
 * event that is known, a time, or with texts over their bounds.
 */
json_t *llm_alert_read(llm_alert_t *alert, const u_char *json, size_t n);


#endif /* _LLM_ALERT_H_INCLUDED_ */
