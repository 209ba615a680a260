
/*
 * Copyright (C) the llm_quota authors
 */


#include <stdlib.h>
#include <string.h>

#include "llm_alert_text.h"
#include "llm_message.h"


/*
 * The input is an alert's document.  Whatever it says, one that is read is
 * built again as one that says the same; it is text that ends, and a mail
 * without a header of its own and without a line's end that is not one.
 */


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
require(int cond)
{
    if (!cond) {
        abort();
    }
}


static void
check_again(const llm_alert_t *alert)
{
    char         *json, *once_more;
    json_t       *doc;
    llm_alert_t   again;

    json = llm_alert_build(alert);
    require(json != NULL);

    doc = llm_alert_read(&again, (u_char *) json, strlen(json));
    require(doc != NULL);

    require(again.event == alert->event && again.time == alert->time
            && again.used == alert->used && again.limit == alert->limit
            && again.period == alert->period
            && again.subject.len == alert->subject.len);

    once_more = llm_alert_build(&again);
    require(once_more && strcmp(once_more, json) == 0);

    json_decref(doc);
    free(once_more);
    free(json);
}


static void
check_text(const llm_alert_t *alert)
{
    char    text[LLM_ALERT_TEXT];
    size_t  n;

    n = llm_alert_subject(alert, text, LLM_ALERT_SUBJECT);
    require(n == strlen(text) && n < LLM_ALERT_SUBJECT - 1);
    require(strpbrk(text, "\r\n") == NULL);

    n = llm_alert_lines(alert, LLM_ALERT_SLACK, text, sizeof(text));
    require(n == strlen(text) && n < sizeof(text) - 1);
    require(text[n - 1] == '\n' && strpbrk(text, "<>") == NULL);
}


static void
check_json(char *json)
{
    json_t  *doc;

    require(json != NULL);

    doc = json_loads(json, JSON_REJECT_DUPLICATES, NULL);
    require(doc != NULL);

    json_decref(doc);
    free(json);
}


static void
check_mail(const llm_alert_t *alert)
{
    char  *mail, *p, *end;
    int    headers, in_body;

    mail = llm_message_mail(alert, "a@b", "c@d,e@f");
    require(mail != NULL);

    headers = 0;
    in_body = 0;

    for (p = mail; *p; p = end + 2) {
        end = strstr(p, "\r\n");
        require(end != NULL && end - p <= (in_body ? 76 : 998));
        require(strcspn(p, "\r\n") == (size_t) (end - p));

        if (p == end) {
            in_body = 1;
        }

        headers += (!in_body && *p != ' ');
    }

    require(headers == (alert->severity == LLM_ALERT_CRITICAL ? 11 : 10));

    free(mail);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t       *doc;
    llm_alert_t   alert;

    doc = llm_alert_read(&alert, data, size);

    if (doc == NULL) {
        return 0;
    }

    check_again(&alert);
    check_text(&alert);
    check_mail(&alert);
    check_json(llm_message_slack(&alert));
    check_json(llm_message_teams(&alert));
    check_json(llm_message_pagerduty(&alert, "key"));

    json_decref(doc);

    return 0;
}
