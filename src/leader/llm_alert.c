
/*
 * Copyright (C) the llm_quota authors
 */


#include <stddef.h>
#include <string.h>

#include "llm_alert.h"
#include "llm_alert_text.h"
#include "llm_money.h"


/* LiteLLM's schema has dollars as numbers: 15 digits are those that a double
   has, so that 83.5 is not written as 83.499999999999996. */

#define LLM_ALERT_JSON  (JSON_COMPACT | JSON_REAL_PRECISION(15))


typedef struct {
    const char              *name;
    size_t                   offset;
} llm_alert_member_t;


static int llm_alert_is_id(const llm_store_text_t *id);
static json_t *llm_alert_string(const llm_store_text_t *text);
static void llm_alert_put(json_t *doc, const char *name, json_t *value);
static void llm_alert_put_money(json_t *doc, const char *name, int64_t nano);
static void llm_alert_put_subject(json_t *doc, const llm_alert_t *alert);
static void llm_alert_put_texts(json_t *doc, const llm_alert_t *alert);
static int llm_alert_get_text(json_t *doc, const char *name,
    llm_store_text_t *text);
static int llm_alert_get_name(json_t *doc, const char *name,
    const char *const *names, int n);
static int64_t llm_alert_get_int(json_t *doc, const char *name);


static const char *const  llm_alert_events[LLM_ALERT_EVENTS] = {
    "soft_budget_crossed", "budget_crossed", "budget_refused", "budget_reset",
    "projected_limit_exceeded", "rate_near", "rate_refused", "unpriced",
    "estimated", "store", "redis", "ledger", "zone_full", "test"
};

static const char *const  llm_alert_severities[] = { "warning", "critical" };

static const char *const  llm_alert_nexts[] = {
    "", "refused", "throttled", "goes_on"
};


#define llm_alert_member(name)  { #name, offsetof(llm_alert_t, name) }

static const llm_alert_member_t  llm_alert_texts[] = {
    llm_alert_member(zone),
    llm_alert_member(host),
    llm_alert_member(scope),
    llm_alert_member(subject),
    llm_alert_member(other),
    llm_alert_member(alias),
    llm_alert_member(resource),
    llm_alert_member(detail),
    llm_alert_member(resolves)
};

static const llm_alert_member_t  llm_alert_numbers[] = {
    llm_alert_member(time),
    llm_alert_member(started),
    llm_alert_member(reset_at),
    llm_alert_member(used),
    llm_alert_member(limit),
    llm_alert_member(soft),
    llm_alert_member(threshold),
    llm_alert_member(projected),
    llm_alert_member(exceeded_at)
};

#define llm_alert_n(array)      (sizeof(array) / sizeof(array[0]))


const char *
llm_alert_event_name(llm_alert_event_e event)
{
    return llm_alert_events[event];
}


int
llm_alert_event_parse(const u_char *p, size_t n, llm_alert_event_e *event)
{
    unsigned  i;

    for (i = 0; i < LLM_ALERT_EVENTS; i++) {

        if (strlen(llm_alert_events[i]) == n
            && memcmp(llm_alert_events[i], p, n) == 0)
        {
            *event = (llm_alert_event_e) i;
            return 0;
        }
    }

    return -1;
}


llm_alert_severity_e
llm_alert_severity(llm_alert_event_e event)
{
    return (event == LLM_ALERT_CROSSED || event == LLM_ALERT_REFUSED)
           ? LLM_ALERT_CRITICAL : LLM_ALERT_WARNING;
}


int64_t
llm_alert_percent(const llm_alert_t *alert)
{
    __int128  percent;

    if (alert->limit <= 0 || alert->used <= 0) {
        return 0;
    }

    percent = (__int128) alert->used * 100 / alert->limit;

    return (percent > INT64_MAX) ? INT64_MAX : (int64_t) percent;
}


/* It stands in headers of HTTP and of mail. */

static int
llm_alert_is_id(const llm_store_text_t *id)
{
    size_t  i;
    u_char  ch;

    if (id->len == 0 || id->len > LLM_ALERT_ID_MAX) {
        return 0;
    }

    for (i = 0; i < id->len; i++) {
        ch = id->data[i];

        if (!((ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z')
              || (ch >= '0' && ch <= '9')
              || ch == '.' || ch == '_' || ch == ':' || ch == '-'))
        {
            return 0;
        }
    }

    return 1;
}


char *
llm_alert_build(const llm_alert_t *alert)
{
    char    *json, text[LLM_ALERT_SUBJECT];
    size_t   i;
    u_char   period[LLM_PERIOD_BUF];
    json_t  *doc;
    int64_t  number;

    doc = json_object();

    if (doc == NULL) {
        return NULL;
    }

    llm_alert_put(doc, "id", llm_alert_string(&alert->id));
    llm_alert_put(doc, "event", json_string(llm_alert_events[alert->event]));
    llm_alert_put(doc, "event_group",
                  json_string(llm_alert_scope(&alert->scope)->group));

    llm_alert_subject(alert, text, sizeof(text));
    llm_alert_put(doc, "event_message", json_string(text));

    llm_alert_put(doc, "severity",
                  json_string(llm_alert_severities[alert->severity]));

    llm_alert_put_money(doc, "spend",
                        llm_alert_is_cost(alert) ? alert->used : 0);

    if (llm_alert_is_cost(alert)) {
        llm_alert_put_money(doc, "max_budget", alert->limit);

        if (alert->soft) {
            llm_alert_put_money(doc, "soft_budget", alert->soft);
        }

        if (alert->projected) {
            llm_alert_put_money(doc, "projected_spend", alert->projected);
        }
    }

    if (alert->exceeded_at && alert->event != LLM_ALERT_RATE_REFUSED) {
        (void) llm_alert_time(text, "%Y-%m-%d", alert->exceeded_at);
        llm_alert_put(doc, "projected_exceeded_date", json_string(text));
    }

    llm_alert_put_subject(doc, alert);

    llm_alert_put(doc, "percent", json_integer(llm_alert_percent(alert)));

    llm_alert_put(doc, "period",
                  json_stringn((char *) period,
                               llm_period_print(period, alert->period)));

    if (alert->next) {
        llm_alert_put(doc, "next",
                      json_string(llm_alert_nexts[alert->next]));
    }

    llm_alert_put_texts(doc, alert);

    for (i = 0; i < llm_alert_n(llm_alert_numbers); i++) {
        memcpy(&number, (u_char *) alert + llm_alert_numbers[i].offset,
               sizeof(number));

        if (number) {
            llm_alert_put(doc, llm_alert_numbers[i].name,
                          json_integer(number));
        }
    }

    json = json_dumps(doc, LLM_ALERT_JSON);

    json_decref(doc);

    return json;
}


/* A document that lost a member for want of memory is still an alert. */

static void
llm_alert_put(json_t *doc, const char *name, json_t *value)
{
    (void) json_object_set_new(doc, name, value);
}


/* What receivers of LiteLLM's events expect is a number, and jansson has no
   other than a double: it is written and never computed with. */

static void
llm_alert_put_money(json_t *doc, const char *name, int64_t nano)
{
    llm_alert_put(doc, name, json_real((double) nano / LLM_NANO_PER_USD));
}


static void
llm_alert_put_subject(json_t *doc, const llm_alert_t *alert)
{
    const llm_alert_scope_t  *scope;

    scope = llm_alert_scope(&alert->scope);

    if (scope->member && alert->subject.data) {
        llm_alert_put(doc, scope->member, llm_alert_string(&alert->subject));
    }

    if (scope->other_member && alert->other.data) {
        llm_alert_put(doc, scope->other_member,
                      llm_alert_string(&alert->other));
    }

    if (scope->alias_member && alert->alias.data) {
        llm_alert_put(doc, scope->alias_member,
                      llm_alert_string(&alert->alias));
    }
}


static void
llm_alert_put_texts(json_t *doc, const llm_alert_t *alert)
{
    size_t             i;
    llm_store_text_t   text;

    for (i = 0; i < llm_alert_n(llm_alert_texts); i++) {

        memcpy(&text, (u_char *) alert + llm_alert_texts[i].offset,
               sizeof(text));

        if (text.data) {
            llm_alert_put(doc, llm_alert_texts[i].name,
                          llm_alert_string(&text));
        }
    }
}


static json_t *
llm_alert_string(const llm_store_text_t *text)
{
    size_t   i, n;
    u_char   ch, clean[LLM_ALERT_TEXT_MAX];
    json_t  *string;

    if (text->len <= LLM_ALERT_TEXT_MAX
        && memchr(text->data, '\0', text->len) == NULL)
    {
        string = json_stringn((char *) text->data, text->len);

        if (string) {
            return string;
        }
    }

    n = (text->len < sizeof(clean)) ? text->len : sizeof(clean);

    for (i = 0; i < n; i++) {
        ch = text->data[i];
        clean[i] = (ch == '\0' || ch >= 0x80) ? '?' : ch;
    }

    return json_stringn((char *) clean, n);
}


json_t *
llm_alert_read(llm_alert_t *alert, const u_char *json, size_t n)
{
    int                i;
    size_t             k;
    json_t            *doc;
    int64_t            number;
    llm_store_text_t   text;

    memset(alert, 0, sizeof(llm_alert_t));

    doc = json_loadb((const char *) json, n, JSON_REJECT_DUPLICATES, NULL);

    if (doc == NULL) {
        return NULL;
    }

    i = llm_alert_get_name(doc, "event", llm_alert_events, LLM_ALERT_EVENTS);

    if (!json_is_object(doc) || i == -1
        || llm_alert_get_text(doc, "id", &alert->id) != 0
        || !llm_alert_is_id(&alert->id))
    {
        json_decref(doc);
        return NULL;
    }

    alert->event = (llm_alert_event_e) i;

    i = llm_alert_get_name(doc, "severity", llm_alert_severities, 2);
    alert->severity = (i == -1) ? llm_alert_severity(alert->event)
                                : (llm_alert_severity_e) i;

    i = llm_alert_get_name(doc, "next", llm_alert_nexts,
                           llm_alert_n(llm_alert_nexts));
    alert->next = (i == -1) ? LLM_ALERT_NEXT_UNKNOWN : (llm_alert_next_e) i;

    for (k = 0; k < llm_alert_n(llm_alert_texts); k++) {

        if (llm_alert_get_text(doc, llm_alert_texts[k].name, &text) != 0) {
            json_decref(doc);
            return NULL;
        }

        memcpy((u_char *) alert + llm_alert_texts[k].offset, &text,
               sizeof(text));
    }

    for (k = 0; k < llm_alert_n(llm_alert_numbers); k++) {
        number = llm_alert_get_int(doc, llm_alert_numbers[k].name);
        memcpy((u_char *) alert + llm_alert_numbers[k].offset, &number,
               sizeof(number));
    }

    if (alert->time == 0
        || (alert->resolves.data && !llm_alert_is_id(&alert->resolves)))
    {
        json_decref(doc);
        return NULL;
    }

    if (llm_alert_get_text(doc, "period", &text) == 0 && text.len) {
        (void) llm_period_parse(text.data, text.len, &alert->period);
    }

    return doc;
}


/* 0 also where there is none. */

static int
llm_alert_get_text(json_t *doc, const char *name, llm_store_text_t *text)
{
    json_t  *value;

    text->data = NULL;
    text->len = 0;

    value = json_object_get(doc, name);

    if (value == NULL || json_is_null(value)) {
        return 0;
    }

    if (!json_is_string(value)) {
        return -1;
    }

    text->data = (const u_char *) json_string_value(value);
    text->len = json_string_length(value);

    return (text->len <= LLM_ALERT_TEXT_MAX) ? 0 : -1;
}


static int
llm_alert_get_name(json_t *doc, const char *name, const char *const *names,
    int n)
{
    int          i;
    const char  *value;

    value = json_string_value(json_object_get(doc, name));

    for (i = 0; value && i < n; i++) {
        if (strcmp(names[i], value) == 0) {
            return i;
        }
    }

    return -1;
}


static int64_t
llm_alert_get_int(json_t *doc, const char *name)
{
    json_int_t  n;

    n = json_integer_value(json_object_get(doc, name));

    return (n < 0) ? 0 : n;
}
