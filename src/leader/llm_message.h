
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _LLM_MESSAGE_H_INCLUDED_
#define _LLM_MESSAGE_H_INCLUDED_


#include "llm_alert.h"


/* An alert as each kind of channel wants it.  What is returned is to be freed
   with free(); NULL without memory. */


#define LLM_MESSAGE_SIGNATURE  65    /* bytes, with the NUL */
#define LLM_MESSAGE_ADDRESS    254   /* bytes of an address, RFC 5321 */


/* {"text":...}: Slack's incoming webhooks, which Mattermost and Discord's
   /slack take as well. */
char *llm_message_slack(const llm_alert_t *alert);

/* An adaptive card, as workflows of Microsoft Teams take it: texts only, in
   which nothing is markup. */
char *llm_message_teams(const llm_alert_t *alert);

/* Whether a URL is one of these workflows, by its host. */
int llm_message_is_teams(const char *url);

/* PagerDuty's Events API v2: the alert's id is the key of the incident, which
   an alert that resolves another one ends. */
char *llm_message_pagerduty(const llm_alert_t *alert, const char *key);

/*
 * A mail with its headers (RFC 5322, 2045, 2047), lines ending in CRLF.  from
 * and to are addresses, to several of them with commas in between; all were
 * checked.  The dots are not stuffed.
 */
char *llm_message_mail(const llm_alert_t *alert, const char *from,
    const char *to);

/* Whether it is an address that can stand in a header and in SMTP as it is:
   local@domain in plain ASCII, unquoted. */
int llm_message_is_address(const u_char *p, size_t n);

/* HMAC-SHA256, in hex, over the time stamp (s of the epoch, in decimal), a dot
   and the body; 0, or -1 where OpenSSL cannot. */
int llm_message_sign(char *signature, const u_char *secret, size_t len,
    int64_t time, const char *body);


#endif /* _LLM_MESSAGE_H_INCLUDED_ */
