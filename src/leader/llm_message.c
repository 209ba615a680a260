
/*
 * Copyright (C) the llm_quota authors
 */


#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "llm_alert_text.h"
#include "llm_message.h"


#define LLM_MESSAGE_SUMMARY  1024    /* bytes, PagerDuty's own bound */


static json_t *llm_message_line(const char *line, size_t n);
static char *llm_message_dump(json_t *doc);
static json_t *llm_message_details(const llm_alert_t *alert);
static void llm_message_set(json_t *object, const char *name,
    const llm_store_text_t *text);
static size_t llm_message_cut(const char *text, size_t n, size_t max);


char *
llm_message_slack(const llm_alert_t *alert)
{
    char  text[LLM_ALERT_TEXT];

    llm_alert_lines(alert, LLM_ALERT_SLACK, text, sizeof(text));

    return llm_message_dump(json_pack("{s:s}", "text", text));
}


char *
llm_message_teams(const llm_alert_t *alert)
{
    char     text[LLM_ALERT_TEXT], *p, *end;
    json_t  *lines;

    lines = json_array();

    (void) llm_alert_subject(alert, text, sizeof(text));
    (void) json_array_append_new(lines, llm_message_line(text, strlen(text)));

    (void) llm_alert_lines(alert, LLM_ALERT_PLAIN, text, sizeof(text));

    for (p = text; *p; p = end + 1) {
        end = strchr(p, '\n');
        (void) json_array_append_new(lines,
                                     llm_message_line(p, (size_t) (end - p)));
    }

    return llm_message_dump(
               json_pack("{s:s,s:[{s:s,s:{s:s,s:s,s:s,s:o}}]}",
                         "type", "message", "attachments",
                         "contentType",
                         "application/vnd.microsoft.card.adaptive",
                         "content",
                         "$schema",
                         "http://adaptivecards.io/schemas/adaptive-card.json",
                         "type", "AdaptiveCard", "version", "1.2",
                         "body", lines));
}


static json_t *
llm_message_line(const char *line, size_t n)
{
    return json_pack("{s:s,s:[{s:s,s:o}]}", "type", "RichTextBlock",
                     "inlines", "type", "TextRun", "text",
                     json_stringn(line, n));
}


int
llm_message_is_teams(const char *url)
{
    int                 k;
    size_t              n, end;
    const char         *host;

    static const char *const  hosts[] = {
        ".logic.azure.com", ".api.powerplatform.com"
    };

    host = strstr(url, "://");

    if (host == NULL) {
        return 0;
    }

    host += 3;
    end = strcspn(host, ":/?#");

    for (k = 0; k < 2; k++) {
        n = strlen(hosts[k]);

        if (end > n && strncmp(host + end - n, hosts[k], n) == 0) {
            return 1;
        }
    }

    return 0;
}


char *
llm_message_pagerduty(const llm_alert_t *alert, const char *key)
{
    char     summary[LLM_ALERT_SUBJECT], time[LLM_ALERT_TIME];
    size_t   n;
    json_t  *payload;

    if (alert->resolves.data) {
        return llm_message_dump(
                   json_pack("{s:s,s:s,s:s%}", "routing_key", key,
                             "event_action", "resolve", "dedup_key",
                             alert->resolves.data, alert->resolves.len));
    }

    n = llm_alert_subject(alert, summary, sizeof(summary));
    n = llm_message_cut(summary, n, LLM_MESSAGE_SUMMARY);

    payload = json_pack("{s:s%,s:s,s:s,s:s,s:o}", "summary", summary, n,
                        "severity",
                        alert->severity == LLM_ALERT_CRITICAL ? "critical"
                                                              : "warning",
                        "timestamp",
                        llm_alert_time(time, "%Y-%m-%dT%H:%M:%SZ",
                                       alert->time / 1000),
                        "class", llm_alert_event_name(alert->event),
                        "custom_details", llm_message_details(alert));

    llm_message_set(payload, "source",
                    alert->host.data ? &alert->host : &alert->zone);
    llm_message_set(payload, "component", &alert->zone);
    llm_message_set(payload, "group", &alert->scope);

    return llm_message_dump(
               json_pack("{s:s,s:s,s:s%,s:s,s:o}", "routing_key", key,
                         "event_action", "trigger", "dedup_key",
                         alert->id.data, alert->id.len, "client",
                         "nginx llm_quota", "payload", payload));
}


/* What people would read elsewhere is beside what programs read. */

static json_t *
llm_message_details(const llm_alert_t *alert)
{
    char     *json, text[LLM_ALERT_TEXT];
    json_t   *details;

    json = llm_alert_build(alert);

    if (json == NULL) {
        return NULL;
    }

    details = json_loads(json, 0, NULL);

    free(json);

    (void) llm_alert_lines(alert, LLM_ALERT_PLAIN, text, sizeof(text));
    (void) json_object_set_new(details, "text", json_string(text));

    return details;
}


static void
llm_message_set(json_t *object, const char *name, const llm_store_text_t *text)
{
    if (text->data) {
        (void) json_object_set_new(object, name,
                                   json_stringn((const char *) text->data,
                                                text->len));
    }
}


/* Not inside a character. */

static size_t
llm_message_cut(const char *text, size_t n, size_t max)
{
    if (n <= max) {
        return n;
    }

    for (n = max; n && (text[n] & 0xc0) == 0x80; n--) { /* void */ }

    return n;
}


/* json_pack() gives NULL where any of its values is. */

static char *
llm_message_dump(json_t *doc)
{
    char  *text;

    if (doc == NULL) {
        return NULL;
    }

    text = json_dumps(doc, JSON_COMPACT | JSON_REAL_PRECISION(15));

    json_decref(doc);

    return text;
}


int
llm_message_sign(char *signature, const u_char *secret, size_t len,
    int64_t time, const char *body)
{
    char      *text;
    size_t     size;
    u_char     digest[EVP_MAX_MD_SIZE];
    unsigned   i, n;

    size = strlen(body) + 32;
    text = malloc(size);

    if (text == NULL) {
        return -1;
    }

    size = (size_t) snprintf(text, size, "%lld.%s", (long long) time, body);

    if (HMAC(EVP_sha256(), secret, (int) len, (u_char *) text, size, digest,
             &n)
        == NULL)
    {
        free(text);
        return -1;
    }

    free(text);

    for (i = 0; i < n; i++) {
        snprintf(signature + i * 2, 3, "%02x", digest[i]);
    }

    return 0;
}
