
/*
 * Copyright (C) the llm_quota authors
 */


#include <stdlib.h>

#include "tap.h"
#include "llm_alert_text.h"
#include "llm_message.h"


/* An alert's document goes and comes back as it was, and is what LiteLLM's
   receivers know; what people read of it; what each kind of channel is sent. */


#define T(s)  { sizeof(s) - 1, (const u_char *) (s) }

#define LEAST "{\"id\":\"a\",\"event\":\"budget_crossed\",\"time\":1,"         \
              "\"used\":-5,\"zone\":null}"

#define USD(n)  ((n) * 1000000000LL)
#define MONTH   LLM_PERIOD(LLM_PERIOD_MONTH, 1)


static const llm_alert_t  soft = {
    .id = T("a-1"), .event = LLM_ALERT_SOFT, .time = 1795409261948,
    .zone = T("main"), .host = T("gw1"), .scope = T("team"),
    .subject = T("marketing"), .resource = T("cost"), .period = MONTH,
    .started = 1793491200, .reset_at = 1796083200, .used = 83500000000,
    .limit = USD(100), .soft = USD(80), .threshold = 80,
    .next = LLM_ALERT_NEXT_REFUSED
};

static char     text[LLM_ALERT_TEXT];
static json_t  *doc;


static void
is_str(const char *got, const char *expected, const char *what)
{
    is_mem(got ? got : "(null)", strlen(got ? got : "(null)"), expected,
           "%s", what);
}


static void
has(const char *all, const char *part, const char *what)
{
    if (!ok(strstr(all, part) != NULL, "%s", what)) {
        printf("# no \"%s\" in \"%s\"\n", part, all);
    }
}


static void
has_not(const char *all, const char *part, const char *what)
{
    ok(strstr(all, part) == NULL, "%s", what);
}


static const char *
member(const char *name)
{
    static char  value[4096];
    char        *dump;

    dump = json_dumps(json_object_get(doc, name),
                      JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
    snprintf(value, sizeof(value), "%s", dump ? dump : "none");
    free(dump);

    return value;
}


static void
build(const llm_alert_t *alert)
{
    char  *json;

    json_decref(doc);

    json = llm_alert_build(alert);
    doc = json_loads(json, JSON_REJECT_DUPLICATES, NULL);
    free(json);
}


static int
same(const llm_store_text_t *a, const llm_store_text_t *b)
{
    return a->len == b->len && (a->data == NULL) == (b->data == NULL)
           && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}


static void
test_document(void)
{
    char         *json;
    json_t       *root;
    llm_alert_t   alert, full;

    build(&soft);

    is_str(member("spend"), "83.5", "dollars are numbers");
    is_str(member("max_budget"), "100.0", "likewise");
    is_str(member("soft_budget"), "80.0", "likewise");
    is_str(member("event"), "\"soft_budget_crossed\"", "the event");
    is_str(member("event_group"), "\"team\"", "whose");
    is_str(member("event_message"),
           "\"Team marketing: 83% of $100.00 monthly budget\"", "in words");
    is_str(member("team_id"), "\"marketing\"", "LiteLLM's member");
    is_str(member("user_id"), "none", "what is not there is left out");
    is_str(member("id"), "\"a-1\"", "ours: id");
    is_str(member("threshold"), "80", "ours: threshold");
    is_str(member("percent"), "83", "ours: percent");
    is_str(member("period"), "\"month\"", "ours: period");
    is_str(member("reset_at"), "1796083200", "ours: reset_at");
    is_str(member("severity"), "\"warning\"", "ours: severity");

    full = soft;
    full.severity = LLM_ALERT_CRITICAL;
    full.event = LLM_ALERT_PROJECTED;
    full.other = (llm_store_text_t) T("gpt \"x\"");
    full.alias = (llm_store_text_t) T("Märketing");
    full.scope = (llm_store_text_t) T("team_model");
    full.projected = USD(134) + 200000000;
    full.exceeded_at = 1795800000;
    full.next = LLM_ALERT_NEXT_GOES_ON;
    full.detail = (llm_store_text_t) T("why");
    full.resolves = (llm_store_text_t) T("a-0");

    json = llm_alert_build(&full);
    root = llm_alert_read(&alert, (u_char *) json, strlen(json));

    ok(root != NULL, "it is read back");
    ok(same(&alert.id, &full.id) && same(&alert.zone, &full.zone)
       && same(&alert.host, &full.host) && same(&alert.scope, &full.scope)
       && same(&alert.subject, &full.subject)
       && same(&alert.other, &full.other) && same(&alert.alias, &full.alias)
       && same(&alert.resource, &full.resource)
       && same(&alert.detail, &full.detail)
       && same(&alert.resolves, &full.resolves), "all texts");
    ok(alert.event == full.event && alert.severity == full.severity
       && alert.next == full.next && alert.period == full.period
       && alert.time == full.time && alert.started == full.started
       && alert.reset_at == full.reset_at && alert.used == full.used
       && alert.limit == full.limit && alert.soft == full.soft
       && alert.threshold == full.threshold
       && alert.projected == full.projected
       && alert.exceeded_at == full.exceeded_at, "all numbers");

    build(&alert);
    is_str(member("projected_spend"), "134.2", "LiteLLM's projected_spend");
    is_str(member("projected_exceeded_date"), "\"2026-11-27\"", "and date");
    is_str(member("team_alias"), "\"Märketing\"", "and alias");
    is_str(member("model"), "\"gpt \\\"x\\\"\"", "and model");

    json_decref(root);
    free(json);

    full = soft;
    full.detail = (llm_store_text_t) T("disk \xff\0 full");
    build(&full);
    is_str(member("detail"), "\"disk ?? full\"", "what is not UTF-8");

    full.resource = (llm_store_text_t) T("tokens");
    build(&full);
    is_str(member("spend"), "0.0", "LiteLLM wants it always");
    is_str(member("max_budget"), "none", "tokens are no dollars");
    is_str(member("limit"), "100000000000", "but a limit");
}


static void
refused(const char *json, const char *what)
{
    json_t       *root;
    llm_alert_t   alert;

    root = llm_alert_read(&alert, (const u_char *) json, strlen(json));
    ok(root == NULL, "refused: %s", what);
    json_decref(root);
}


static void
test_refused(void)
{
    char          long_id[512];
    json_t       *root;
    llm_alert_t   alert;

    refused("", "nothing");
    refused("[]", "no object");
    refused("{\"event\":\"store\",\"time\":1}", "no id");
    refused("{\"id\":\"\",\"event\":\"store\",\"time\":1}", "an empty id");
    refused("{\"id\":\"a\\r\\nB: c\",\"event\":\"store\",\"time\":1}",
            "an id with a line's end");
    refused("{\"id\":\"a\",\"event\":\"birthday\",\"time\":1}", "an event");
    refused("{\"id\":\"a\",\"event\":\"store\"}", "no time");
    refused("{\"id\":\"a\",\"event\":\"store\",\"time\":1,\"zone\":5}",
            "a zone that is no text");
    refused("{\"id\":\"a\",\"event\":\"store\",\"time\":1,"
            "\"resolves\":\"b c\"}", "resolves what is no id");

    snprintf(long_id, sizeof(long_id),
             "{\"id\":\"%0129d\",\"event\":\"store\",\"time\":1}", 0);
    refused(long_id, "a long id");

    root = llm_alert_read(&alert, (const u_char *) LEAST, sizeof(LEAST) - 1);
    ok(root != NULL, "the least that is needed");
    is_int(alert.severity, LLM_ALERT_CRITICAL, "the event's severity");
    is_int(alert.used, 0, "nothing negative");
    json_decref(root);
}


static const char *
subject(const llm_alert_t *alert)
{
    llm_alert_subject(alert, text, sizeof(text));

    return text;
}


static const char *
lines(const llm_alert_t *alert, llm_alert_markup_e markup)
{
    llm_alert_lines(alert, markup, text, sizeof(text));

    return text;
}


static void
test_text(void)
{
    llm_alert_t  a;

    is_str(lines(&soft, LLM_ALERT_SLACK),
           "⚠️ *LLM Budget Alert*\n"
           "Team: `marketing`\n"
           "Usage: 83% of $100.00 monthly budget.\n"
           "Used: $83.50 since 2026-11-01 00:00 UTC; starts again at "
           "2026-12-01 00:00 UTC.\n"
           "Next: at 100% requests are refused.\n"
           "What to do: see in the ledger or the view team_usage what it is "
           "spent on; spend less, or raise the budget in time.\n"
           "Where: zone `main` of `gw1` at 2026-11-23 04:47:41 UTC, alert "
           "`a-1`\n", "as Slack has it");

    a = soft;
    a.event = LLM_ALERT_CROSSED;
    a.used = USD(100) + 4999999;
    has(lines(&a, LLM_ALERT_PLAIN), "Usage: 100% of $100.00 monthly budget.\n"
        "Used: $100.00 since", "in cents");
    has(text, "Next: requests are refused until 2026-12-01 00:00 UTC.\n",
        "past it");

    a.next = LLM_ALERT_NEXT_THROTTLED;
    has(lines(&a, LLM_ALERT_PLAIN), "Next: the limits of a minute shrink until "
        "2026-12-01", "throttled");
    a.next = LLM_ALERT_NEXT_GOES_ON;
    has(lines(&a, LLM_ALERT_PLAIN), "Next: requests go on all the same.\n",
        "a soft cap");

    a.used = 1570000;
    a.limit = 5000000;
    a.period = LLM_PERIOD(LLM_PERIOD_SECONDS, 43200);
    is_str(subject(&a), "Team marketing: 31% of $0.005 12h budget",
           "less than a cent");
    a.period = 0;
    is_str(subject(&a), "Team marketing: 31% of $0.005 budget", "for ever");

    a = soft;
    a.event = LLM_ALERT_PROJECTED;
    a.projected = USD(134) + 200000000;
    a.exceeded_at = 1795800000;
    has(lines(&a, LLM_ALERT_PLAIN), "At this pace it comes to $134.20, and is "
        "used up at 2026-11-27 17:20 UTC.\n", "the pace");

    a = soft;
    a.scope = (llm_store_text_t) T("key_model");
    a.alias = (llm_store_text_t) T("ci");
    a.other = (llm_store_text_t) T("gpt-4o");
    is_str(subject(&a), "Key ci (marketing), model gpt-4o: 83% of $100.00 "
           "monthly budget", "a pair, and a name");

    a = soft;
    a.event = LLM_ALERT_RATE_NEAR;
    a.resource = (llm_store_text_t) T("input_tokens");
    a.period = LLM_PERIOD(LLM_PERIOD_SECONDS, 60);
    a.used = 57;
    a.limit = 60;
    is_str(subject(&a), "Team marketing: 95% of 60 input tokens a minute",
           "a rate");
    a.event = LLM_ALERT_RATE_REFUSED;
    a.period = LLM_PERIOD(LLM_PERIOD_DAYS, 1);
    is_str(subject(&a), "Team marketing: 95% of 60 input tokens (daily), "
           "requests are refused", "a quota");

    a.scope = (llm_store_text_t) T("global");
    has(subject(&a), "All requests together: ", "everybody");

    memset(&a, 0, sizeof(a));
    a.event = LLM_ALERT_STORE;
    a.id = soft.id;
    a.zone = soft.zone;
    a.detail = (llm_store_text_t) T("disk\r\nfull");
    is_str(subject(&a), "Zone main: the store cannot be used", "trouble");
    has(lines(&a, LLM_ALERT_PLAIN), "Reason: disk  full\n", "its reason");
    a.resolves = soft.id;
    is_str(subject(&a), "Zone main: the store can be used again", "its end");
    has_not(lines(&a, LLM_ALERT_PLAIN), "What to do", "no advice then");

    a = soft;
    a.subject = (llm_store_text_t) T("<!everyone> `*x*` & @here");
    has(lines(&a, LLM_ALERT_SLACK),
        "Team: `&lt;!everyone&gt; '*x*' &amp; @here`\n", "nothing is markup");

    is_int(llm_alert_percent(&soft), 83, "percent");
    a.used = INT64_MAX;
    a.limit = 1;
    is_int(llm_alert_percent(&a), INT64_MAX, "very much");
}


/* The largest there is fits. */

static void
test_bounds(void)
{
    u_char        most[LLM_ALERT_TEXT_MAX];
    char         *mail, *p;
    llm_alert_t   a;

    memset(most, '<', sizeof(most));

    a = soft;
    a.scope = (llm_store_text_t) T("team_model");
    a.subject = a.other = a.alias = a.zone = a.host = a.detail
        = (llm_store_text_t) { sizeof(most), most };
    a.projected = a.used = a.limit = INT64_MAX;
    a.exceeded_at = 1795800000;

    lines(&a, LLM_ALERT_SLACK);
    has(text, ", alert `a-1`\n", "a text");
    a.event = LLM_ALERT_STORE;
    lines(&a, LLM_ALERT_SLACK);
    has(text, ", alert `a-1`\n", "likewise");

    a.event = LLM_ALERT_UNPRICED;
    a.limit = 0;
    ok(llm_alert_subject(&a, text, LLM_ALERT_SUBJECT) < LLM_ALERT_SUBJECT - 1
       && strstr(text, "has no price"), "a subject");

    memset(most, 0xc3, sizeof(most));
    mail = llm_message_mail(&a, "a@b", "c@d");
    p = strstr(mail, "alert a-1\r\n");
    ok(p != NULL && p[11] == '\0', "a mail");
    free(mail);
}


static void
test_messages(void)
{
    char         *json, signature[LLM_MESSAGE_SIGNATURE];
    llm_alert_t   a;

    json = llm_message_slack(&soft);
    has(json, "{\"text\":\"⚠️ *LLM Budget Alert*\\nTeam: `marketing`\\n",
        "Slack");
    free(json);

    json = llm_message_teams(&soft);
    has(json, "\"contentType\":\"application/vnd.microsoft.card.adaptive\"",
        "Teams");
    has(json, "{\"type\":\"TextRun\",\"text\":\"Usage: 83% of $100.00 monthly "
        "budget.\"}", "in lines");
    free(json);

    ok(llm_message_is_teams("https://prod-1.westeurope.logic.azure.com:443/w"),
       "a workflow");
    ok(llm_message_is_teams("https://x.api.powerplatform.com/powerautomate"),
       "a newer one");
    ok(!llm_message_is_teams("https://logic.azure.com.example.com/"),
       "another's host");
    ok(!llm_message_is_teams("https://hooks.slack.com/x.logic.azure.com"),
       "a path");

    json = llm_message_pagerduty(&soft, "key");
    has(json, "{\"routing_key\":\"key\",\"event_action\":\"trigger\","
        "\"dedup_key\":\"a-1\",", "PagerDuty");
    has(json, "\"severity\":\"warning\",\"timestamp\":"
        "\"2026-11-23T04:47:41Z\",\"class\":\"soft_budget_crossed\"",
        "its payload");
    has(json, "\"source\":\"gw1\",\"component\":\"main\",\"group\":\"team\"",
        "where");
    has(json, "\"text\":\"Team marketing\\nUsage: 83% of", "for people");
    free(json);

    a = soft;
    a.resolves = (llm_store_text_t) T("a-0");
    json = llm_message_pagerduty(&a, "key");
    is_str(json, "{\"routing_key\":\"key\",\"event_action\":\"resolve\","
           "\"dedup_key\":\"a-0\"}", "it is over");
    free(json);

    is_int(llm_message_sign(signature, (u_char *) "s3cret", 6, 1700000000,
                            "{\"id\":\"a-1\"}"), 0, "signed");
    is_str(signature, "7c86a9041eea2d98fb752e4c2644929afd02d919"
           "6116ff47b99dd3b6fed86a85", "as others would");
}


static void
test_mail(void)
{
    char         *mail;
    llm_alert_t   a;

    a = soft;
    a.severity = LLM_ALERT_CRITICAL;

    mail = llm_message_mail(&a, "llm@example.com", "a@b.example,c@d.example");
    has(mail, "Date: Mon, 23 Nov 2026 04:47:41 +0000\r\n"
        "From: LLM quota <llm@example.com>\r\n"
        "To: <a@b.example>,\r\n <c@d.example>\r\n"
        "Subject: [LLM quota] Team marketing: 83% of $100.00 monthly "
        "budget\r\n"
        "Message-ID: <a-1@example.com>\r\n"
        "X-LLM-Quota-Id: a-1\r\n"
        "Importance: high\r\n"
        "Auto-Submitted: auto-generated\r\n"
        "MIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n"
        "Content-Transfer-Encoding: quoted-printable\r\n"
        "\r\n"
        "Team marketing\r\n"
        "Usage: 83% of", "a mail");
    has(mail, "2026-12-01 00:00 U=\r\nTC.\r\n", "folded");
    free(mail);

    a.subject = (llm_store_text_t) T("Märkte\r\nBcc: x@y");
    mail = llm_message_mail(&a, "llm@example.com", "a@b");
    has(mail, "Subject: =?UTF-8?B?W0xMTSBxdW90YV0gVGVhbSBNw6Rya3RlICBCY2M6IHhA"
        "eTogODMl?=\r\n =?UTF-8?B?IG9m", "encoded words");
    has(mail, "\r\n\r\nTeam M=C3=A4rkte  Bcc: x@y\r\n", "quoted");
    has_not(mail, "\nBcc", "no header of theirs");
    free(mail);

    a.subject = (llm_store_text_t) T("=?utf-8?q?x?=");
    mail = llm_message_mail(&a, "llm@example.com", "a@b");
    has_not(mail, "Team =?utf-8?q", "what looks like an encoded word");
    free(mail);

#define is_address(s)  llm_message_is_address((const u_char *) (s), strlen(s))

    ok(is_address("a@b"), "an address");
    ok(is_address("ops+llm@mail.example.com"), "an address");
    ok(!is_address("a"), "no host");
    ok(!is_address("@b"), "nobody");
    ok(!is_address("a@"), "nowhere");
    ok(!is_address("a@b@c"), "twice");
    ok(!is_address("a@b\r\nBcc: c@d"), "a header");
    ok(!is_address("Ann <a@b>"), "a name");
    ok(!is_address("\xc3\xa4@b"), "not ASCII");
    ok(!is_address(""), "nothing");
}


static void
test_events(void)
{
    unsigned           i;
    const char        *name;
    llm_alert_event_e  event;

    for (i = 0; i < LLM_ALERT_EVENTS; i++) {
        name = llm_alert_event_name(i);
        ok(llm_alert_event_parse((const u_char *) name, strlen(name), &event)
           == 0 && event == i, "%s", name);
    }

    is_int(llm_alert_event_parse((const u_char *) "stor", 4, &event), -1,
           "no event");
}


int
main(void)
{
    test_events();
    test_document();
    test_refused();
    test_text();
    test_bounds();
    test_messages();
    test_mail();

    json_decref(doc);

    return tap_done();
}
