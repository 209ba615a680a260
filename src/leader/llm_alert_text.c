
/*
 * Copyright (C) the llm_quota authors
 */


#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "llm_alert_text.h"
#include "llm_money.h"


#define LLM_ALERT_CENT    (LLM_NANO_PER_USD / 100)


typedef struct {
    char                    *p;
    char                    *last;   /* where the NUL goes at most */
    llm_alert_markup_e       markup;
} llm_alert_out_t;


static void llm_alert_begin(llm_alert_out_t *o, char *buf, size_t n,
    llm_alert_markup_e markup);
static void llm_alert_say(llm_alert_out_t *o, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void llm_alert_quote(llm_alert_out_t *o, const llm_store_text_t *text);
static void llm_alert_byte(llm_alert_out_t *o, u_char ch);
static void llm_alert_amount(llm_alert_out_t *o, const llm_alert_t *alert,
    int64_t n);
static void llm_alert_limit(llm_alert_out_t *o, const llm_alert_t *alert);
static const char *llm_alert_each(const llm_alert_t *alert, char *buf);
static void llm_alert_who(llm_alert_out_t *o, const llm_alert_t *alert);
static void llm_alert_what(llm_alert_out_t *o, const llm_alert_t *alert);
static void llm_alert_since(llm_alert_out_t *o, const llm_alert_t *alert);
static void llm_alert_pace(llm_alert_out_t *o, const llm_alert_t *alert);
static void llm_alert_next(llm_alert_out_t *o, const llm_alert_t *alert);
static const char *llm_alert_title(const llm_alert_t *alert);
static const char *llm_alert_advice(const llm_alert_t *alert);


static const llm_alert_scope_t  llm_alert_scopes[] = {
    { "team", "team", "Team", NULL, "team_id", NULL, "team_alias" },
    { "user", "user", "User", NULL, "user_id", NULL, NULL },
    { "customer", "customer", "Customer", NULL, "customer_id", NULL, NULL },
    { "key", "key", "Key", NULL, "token", NULL, "key_alias" },
    { "model", "proxy", "Model", NULL, "model", NULL, NULL },
    { "team_model", "team", "Team", "model", "team_id", "model",
      "team_alias" },
    { "key_model", "key", "Key", "model", "token", "model", "key_alias" },
    { "team_user", "team_member", "Team", "user", "team_id", "user_id",
      "team_alias" },
    { "global", "proxy", NULL, NULL, NULL, NULL, NULL }
};

#define LLM_ALERT_SCOPES                                                      \
    (sizeof(llm_alert_scopes) / sizeof(llm_alert_scopes[0]))


const llm_alert_scope_t *
llm_alert_scope(const llm_store_text_t *scope)
{
    size_t  i;

    for (i = 0; i < LLM_ALERT_SCOPES - 1; i++) {

        if (strlen(llm_alert_scopes[i].name) == scope->len
            && memcmp(llm_alert_scopes[i].name, scope->data, scope->len) == 0)
        {
            break;
        }
    }

    return &llm_alert_scopes[i];
}


int
llm_alert_is_cost(const llm_alert_t *alert)
{
    return alert->resource.len == 4
           && memcmp(alert->resource.data, "cost", 4) == 0;
}


char *
llm_alert_time(char *buf, const char *format, int64_t seconds)
{
    time_t     t;
    struct tm  tm;

    t = (time_t) seconds;

    if (gmtime_r(&t, &tm) == NULL
        || strftime(buf, LLM_ALERT_TIME, format, &tm) == 0)
    {
        strcpy(buf, "?");
    }

    return buf;
}


size_t
llm_alert_subject(const llm_alert_t *alert, char *buf, size_t n)
{
    llm_alert_out_t  o;

    llm_alert_begin(&o, buf, n, LLM_ALERT_PLAIN);

    llm_alert_who(&o, alert);
    llm_alert_say(&o, ": ");
    llm_alert_what(&o, alert);

    return (size_t) (o.p - buf);
}


size_t
llm_alert_lines(const llm_alert_t *alert, llm_alert_markup_e markup, char *buf,
    size_t n)
{
    char             time[LLM_ALERT_TIME];
    const char      *advice;
    llm_alert_out_t  o;

    llm_alert_begin(&o, buf, n, markup);

    if (markup == LLM_ALERT_SLACK) {
        llm_alert_say(&o, "\xe2\x9a\xa0\xef\xb8\x8f *%s*\n",
                      llm_alert_title(alert));
    }

    if (alert->scope.data) {
        llm_alert_who(&o, alert);
        llm_alert_say(&o, "\n");
    }

    if (alert->limit && !alert->resolves.data) {
        llm_alert_say(&o, "Usage: ");
    }

    llm_alert_what(&o, alert);
    llm_alert_say(&o, ".\n");

    if (alert->limit && alert->period != LLM_ALERT_MINUTE) {
        llm_alert_say(&o, "Used: ");
        llm_alert_amount(&o, alert, alert->used);

        if (alert->started) {
            llm_alert_say(&o, " since %s UTC",
                          llm_alert_time(time, "%Y-%m-%d %H:%M",
                                         alert->started));
        }

        if (alert->reset_at) {
            llm_alert_say(&o, "; starts again at %s UTC",
                          llm_alert_time(time, "%Y-%m-%d %H:%M",
                                         alert->reset_at));
        }

        llm_alert_say(&o, ".\n");
    }

    llm_alert_since(&o, alert);
    llm_alert_pace(&o, alert);
    llm_alert_next(&o, alert);

    if (alert->event >= LLM_ALERT_STORE && alert->detail.data) {
        llm_alert_say(&o, "Reason: ");
        llm_alert_quote(&o, &alert->detail);
        llm_alert_say(&o, "\n");
    }

    advice = llm_alert_advice(alert);

    if (advice && !alert->resolves.data) {
        llm_alert_say(&o, "What to do: %s\n", advice);
    }

    llm_alert_say(&o, "Where: zone ");
    llm_alert_quote(&o, &alert->zone);

    if (alert->host.data) {
        llm_alert_say(&o, " of ");
        llm_alert_quote(&o, &alert->host);
    }

    if (alert->time) {
        llm_alert_say(&o, " at %s UTC",
                      llm_alert_time(time, "%Y-%m-%d %H:%M:%S",
                                     alert->time / 1000));
    }

    llm_alert_say(&o, ", alert ");
    llm_alert_quote(&o, &alert->id);
    llm_alert_say(&o, "\n");

    return (size_t) (o.p - buf);
}


static void
llm_alert_begin(llm_alert_out_t *o, char *buf, size_t n,
    llm_alert_markup_e markup)
{
    o->p = buf;
    o->last = buf + n - 1;
    o->markup = markup;

    *o->p = '\0';
}


static void
llm_alert_say(llm_alert_out_t *o, const char *format, ...)
{
    va_list  ap;

    va_start(ap, format);
    o->p = llm_alert_print(o->p, o->last, format, ap);
    va_end(ap);
}


char *
llm_alert_print(char *p, char *last, const char *format, va_list ap)
{
    int  n;

    n = vsnprintf(p, (size_t) (last - p) + 1, format, ap);

    if (n <= 0) {
        return p;
    }

    return (n <= last - p) ? p + n : last;
}


/* Inside backticks nothing is markup, and nobody is called by an @; what would
   end them, or is an entity, is replaced. */

static void
llm_alert_quote(llm_alert_out_t *o, const llm_store_text_t *text)
{
    size_t  i;

    if (o->markup == LLM_ALERT_SLACK) {
        llm_alert_byte(o, '`');
    }

    for (i = 0; i < text->len; i++) {

        if (o->markup == LLM_ALERT_SLACK) {

            switch (text->data[i]) {

            case '&':
                llm_alert_say(o, "&amp;");
                continue;

            case '<':
                llm_alert_say(o, "&lt;");
                continue;

            case '>':
                llm_alert_say(o, "&gt;");
                continue;

            case '`':
                llm_alert_byte(o, '\'');
                continue;
            }
        }

        llm_alert_byte(o, text->data[i]);
    }

    if (o->markup == LLM_ALERT_SLACK) {
        llm_alert_byte(o, '`');
    }
}


static void
llm_alert_byte(llm_alert_out_t *o, u_char ch)
{
    if (o->p == o->last) {
        return;
    }

    *o->p++ = (char) ((ch < ' ' || ch == 0x7f) ? ' ' : ch);
    *o->p = '\0';
}


/* Money in cents; what is less, to the last digit. */

static void
llm_alert_amount(llm_alert_out_t *o, const llm_alert_t *alert, int64_t n)
{
    u_char   buf[LLM_MONEY_BUF];
    int64_t  cents;

    if (!llm_alert_is_cost(alert)) {
        llm_alert_say(o, "%lld", (long long) n);
        return;
    }

    if (n && n < LLM_ALERT_CENT) {
        llm_alert_say(o, "$%.*s", (int) llm_money_print(buf, n), buf);
        return;
    }

    cents = n / LLM_ALERT_CENT + (n % LLM_ALERT_CENT >= LLM_ALERT_CENT / 2);

    llm_alert_say(o, "$%lld.%02d", (long long) (cents / 100),
                  (int) (cents % 100));
}


/* "$100.00 monthly budget", "60 requests a minute". */

static void
llm_alert_limit(llm_alert_out_t *o, const llm_alert_t *alert)
{
    char         buf[LLM_ALERT_TIME];
    size_t       i;
    u_char       ch;
    const char  *each;

    llm_alert_amount(o, alert, alert->limit);

    each = llm_alert_each(alert, buf);

    if (llm_alert_is_cost(alert)) {
        llm_alert_say(o, " %s%sbudget", each, *each ? " " : "");
        return;
    }

    llm_alert_say(o, " ");

    /* "input_tokens", and nothing that could be markup */

    for (i = 0; i < alert->resource.len; i++) {
        ch = alert->resource.data[i];
        llm_alert_byte(o, (ch >= 'a' && ch <= 'z') ? ch : ' ');
    }

    if (alert->period == LLM_ALERT_MINUTE) {
        llm_alert_say(o, " a minute");

    } else if (*each) {
        llm_alert_say(o, " (%s)", each);
    }
}


static const char *
llm_alert_each(const llm_alert_t *alert, char *buf)
{
    u_char  period[LLM_PERIOD_BUF];

    switch (LLM_PERIOD_KIND(alert->period)) {

    case LLM_PERIOD_FOREVER:
        return "";

    case LLM_PERIOD_MONTH:
        return "monthly";

    case LLM_PERIOD_WEEK:
        return "weekly";

    case LLM_PERIOD_DAYS:

        if (LLM_PERIOD_N(alert->period) == 1) {
            return "daily";
        }

        break;

    default:
        break;
    }

    snprintf(buf, LLM_ALERT_TIME, "%.*s",
             (int) llm_period_print(period, alert->period), period);

    return buf;
}


static void
llm_alert_who(llm_alert_out_t *o, const llm_alert_t *alert)
{
    const llm_alert_scope_t  *scope;

    scope = llm_alert_scope(&alert->scope);

    if (!alert->scope.data) {
        llm_alert_say(o, "Zone ");
        llm_alert_quote(o, &alert->zone);
        return;
    }

    if (scope->label == NULL) {
        llm_alert_say(o, "All requests together");
        return;
    }

    /* a subject reads as a sentence, lines as a list */

    llm_alert_say(o, o->markup == LLM_ALERT_SLACK ? "%s: " : "%s ",
                  scope->label);

    if (alert->alias.data) {
        llm_alert_quote(o, &alert->alias);
        llm_alert_say(o, " (");
        llm_alert_quote(o, &alert->subject);
        llm_alert_say(o, ")");

    } else {
        llm_alert_quote(o, &alert->subject);
    }

    if (scope->other) {
        llm_alert_say(o, ", %s ", scope->other);
        llm_alert_quote(o, &alert->other);
    }
}


static void
llm_alert_what(llm_alert_out_t *o, const llm_alert_t *alert)
{
    const char  *back;

    back = alert->resolves.data ? " can be used again" : NULL;

    switch (alert->event) {

    case LLM_ALERT_RESET:
        llm_alert_limit(o, alert);
        llm_alert_say(o, " starts again");
        return;

    case LLM_ALERT_UNPRICED:
        llm_alert_say(o, "model ");
        llm_alert_quote(o, &alert->detail);
        llm_alert_say(o, " is used and has no price");
        return;

    case LLM_ALERT_ESTIMATED:
        llm_alert_say(o, "answers of model ");
        llm_alert_quote(o, &alert->detail);
        llm_alert_say(o, " state no usage, and are charged by estimates");
        return;

    case LLM_ALERT_STORE:
        llm_alert_say(o, "the store%s", back ? back : " cannot be used");
        return;

    case LLM_ALERT_REDIS:
        llm_alert_say(o, "Redis%s", back ? back : " cannot be reached");
        return;

    case LLM_ALERT_LEDGER:
        llm_alert_say(o, "the ledger%s",
                      back ? back : " cannot be written");
        return;

    case LLM_ALERT_ZONE_FULL:
        llm_alert_say(o, "shared memory is %s",
                      back ? "large enough again" : "full");
        return;

    case LLM_ALERT_TEST:
        llm_alert_say(o, "a test, nothing has happened");
        return;

    default:
        llm_alert_say(o, "%lld%% of ",
                      (long long) llm_alert_percent(alert));
        llm_alert_limit(o, alert);

        if (alert->event == LLM_ALERT_REFUSED
            || alert->event == LLM_ALERT_RATE_REFUSED)
        {
            llm_alert_say(o, ", requests are refused");
        }

        return;
    }
}


/* Of what has lasted for a while. */

static void
llm_alert_since(llm_alert_out_t *o, const llm_alert_t *alert)
{
    char     time[LLM_ALERT_TIME];
    int64_t  since;

    if (alert->event == LLM_ALERT_RATE_REFUSED) {
        since = alert->exceeded_at;

    } else if (alert->event >= LLM_ALERT_STORE) {
        since = alert->started;

    } else {
        return;
    }

    if (since) {
        llm_alert_say(o, alert->resolves.data ? "It began at %s UTC.\n"
                                              : "Since %s UTC.\n",
                      llm_alert_time(time, "%Y-%m-%d %H:%M:%S", since));
    }
}


static void
llm_alert_pace(llm_alert_out_t *o, const llm_alert_t *alert)
{
    char  time[LLM_ALERT_TIME];

    if (alert->event == LLM_ALERT_RATE_REFUSED
        || (!alert->projected && !alert->exceeded_at))
    {
        return;
    }

    llm_alert_say(o, "At this pace");

    if (alert->projected) {
        llm_alert_say(o, " it comes to ");
        llm_alert_amount(o, alert, alert->projected);
    }

    if (alert->exceeded_at) {
        llm_alert_say(o, "%s is used up at %s UTC",
                      alert->projected ? ", and" : " it",
                      llm_alert_time(time, "%Y-%m-%d %H:%M",
                                     alert->exceeded_at));
    }

    llm_alert_say(o, ".\n");
}


static void
llm_alert_next(llm_alert_out_t *o, const llm_alert_t *alert)
{
    int    past;
    char   time[LLM_ALERT_TIME];

    if (alert->next == LLM_ALERT_NEXT_UNKNOWN) {
        return;
    }

    past = (alert->event == LLM_ALERT_CROSSED
            || alert->event == LLM_ALERT_REFUSED
            || alert->event == LLM_ALERT_RATE_REFUSED);

    llm_alert_say(o, "Next: ");

    if (!past) {
        llm_alert_say(o, "at 100%% ");
    }

    switch (alert->next) {

    case LLM_ALERT_NEXT_REFUSED:
        llm_alert_say(o, "requests are refused");
        break;

    case LLM_ALERT_NEXT_THROTTLED:
        llm_alert_say(o, "the limits of a minute shrink");
        break;

    default: /* LLM_ALERT_NEXT_GOES_ON */
        llm_alert_say(o, "requests go on all the same.\n");
        return;
    }

    if (past && alert->reset_at) {
        llm_alert_say(o, " until %s UTC",
                      llm_alert_time(time, "%Y-%m-%d %H:%M",
                                     alert->reset_at));
    }

    llm_alert_say(o, ".\n");
}


static const char *
llm_alert_title(const llm_alert_t *alert)
{
    switch (alert->event) {

    case LLM_ALERT_SOFT:
    case LLM_ALERT_CROSSED:
    case LLM_ALERT_REFUSED:
    case LLM_ALERT_RESET:
    case LLM_ALERT_PROJECTED:
        return "LLM Budget Alert";

    case LLM_ALERT_RATE_NEAR:
    case LLM_ALERT_RATE_REFUSED:
        return "LLM Rate Limit Alert";

    default:
        return "LLM Gateway Alert";
    }
}


static const char *
llm_alert_advice(const llm_alert_t *alert)
{
    switch (alert->event) {

    case LLM_ALERT_SOFT:
    case LLM_ALERT_PROJECTED:
        return "see in the ledger or the view team_usage what it is spent on; "
               "spend less, or raise the budget in time.";

    case LLM_ALERT_CROSSED:
    case LLM_ALERT_REFUSED:
        return "raise the budget, or wait until it starts again; the ledger "
               "and the view team_usage say what it was spent on.";

    case LLM_ALERT_RATE_NEAR:
    case LLM_ALERT_RATE_REFUSED:
        return "spread the requests, or raise the limit.";

    case LLM_ALERT_UNPRICED:
        return "give it an llm_price, or a newer llm_price_file: until then "
               "it costs nothing here.";

    case LLM_ALERT_ESTIMATED:
        return "set llm_stream_usage inject, or see why the provider states "
               "no usage.";

    case LLM_ALERT_STORE:
        return "see the error log and the disk of the state directory; "
               "what is settled waits in the ledger.";

    case LLM_ALERT_REDIS:
        return "see the error log and Redis; each node counts by itself.";

    case LLM_ALERT_LEDGER:
        return "see the error log and the disk of the state directory; "
               "what is settled waits in memory.";

    case LLM_ALERT_ZONE_FULL:
        return "make the zone larger in llm_quota_zone.";

    default: /* LLM_ALERT_RESET, LLM_ALERT_TEST */
        return NULL;
    }
}
