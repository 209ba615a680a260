
/*
 * Copyright (C) the llm_quota authors
 */


#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "llm_alert_text.h"
#include "llm_message.h"


#define LLM_MAIL_LINE    75          /* bytes of a line, RFC 2045 */
#define LLM_MAIL_WORD    39          /* bytes in an encoded word: 52 in base64,
                                        64 with what is around them */
#define LLM_MAIL_HEADER  60          /* a subject that needs no folding */


typedef struct {
    char                    *p;
    char                    *last;
} llm_mail_out_t;


static void llm_mail_say(llm_mail_out_t *o, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void llm_mail_to(llm_mail_out_t *o, const char *to);
static void llm_mail_subject(llm_mail_out_t *o, const char *subject);
static int llm_mail_is_plain(const char *text);
static void llm_mail_quoted(llm_mail_out_t *o, const char *text);


char *
llm_message_mail(const llm_alert_t *alert, const char *from, const char *to)
{
    char            *mail, text[LLM_ALERT_TEXT], date[LLM_ALERT_TIME];
    size_t           size;
    llm_mail_out_t   o;

    /* each byte may become three, and each line an end of three more; of a
       subject two, and each word an end of fourteen */

    size = 4 * LLM_ALERT_TEXT + 2 * LLM_ALERT_SUBJECT + 2 * strlen(from)
           + 4 * strlen(to) + 2048;

    mail = malloc(size);

    if (mail == NULL) {
        return NULL;
    }

    o.p = mail;
    o.last = mail + size - 1;

    llm_mail_say(&o, "Date: %s\r\n",
                 llm_alert_time(date, "%a, %d %b %Y %H:%M:%S +0000",
                                alert->time / 1000));
    llm_mail_say(&o, "From: LLM quota <%s>\r\n", from);
    llm_mail_to(&o, to);

    memcpy(text, "[LLM quota] ", 12);
    (void) llm_alert_subject(alert, text + 12, sizeof(text) - 12);
    llm_mail_subject(&o, text);

    llm_mail_say(&o, "Message-ID: <%.*s%s>\r\n", (int) alert->id.len,
                 alert->id.data, strchr(from, '@'));
    llm_mail_say(&o, "X-LLM-Quota-Id: %.*s\r\n", (int) alert->id.len,
                 alert->id.data);

    if (alert->severity == LLM_ALERT_CRITICAL) {
        llm_mail_say(&o, "Importance: high\r\n");
    }

    /* nobody who is away shall answer it */

    llm_mail_say(&o, "Auto-Submitted: auto-generated\r\n"
                     "MIME-Version: 1.0\r\n"
                     "Content-Type: text/plain; charset=utf-8\r\n"
                     "Content-Transfer-Encoding: quoted-printable\r\n\r\n");

    (void) llm_alert_lines(alert, LLM_ALERT_PLAIN, text, sizeof(text));
    llm_mail_quoted(&o, text);

    return mail;
}


int
llm_message_is_address(const u_char *p, size_t n)
{
    size_t  i, at;

    at = 0;

    if (n > LLM_MESSAGE_ADDRESS) {
        return 0;
    }

    for (i = 0; i < n; i++) {

        if (p[i] <= ' ' || p[i] >= 0x7f || strchr("<>()[]\\,;:\"", p[i])) {
            return 0;
        }

        if (p[i] == '@') {

            if (at || i == 0) {
                return 0;
            }

            at = i;
        }
    }

    return at != 0 && at + 1 < n;
}


static void
llm_mail_say(llm_mail_out_t *o, const char *format, ...)
{
    va_list  ap;

    va_start(ap, format);
    o->p = llm_alert_print(o->p, o->last, format, ap);
    va_end(ap);
}


static void
llm_mail_to(llm_mail_out_t *o, const char *to)
{
    size_t  n;

    llm_mail_say(o, "To: ");

    for ( ;; ) {
        n = strcspn(to, ",");
        llm_mail_say(o, "<%.*s>", (int) n, to);

        if (to[n] == '\0') {
            break;
        }

        llm_mail_say(o, ",\r\n ");
        to += n + 1;
    }

    llm_mail_say(o, "\r\n");
}


/* Encoded words, RFC 2047, where it is long or not plain; each of whole
   characters. */

static void
llm_mail_subject(llm_mail_out_t *o, const char *subject)
{
    size_t  n, left;
    u_char  word[LLM_MAIL_WORD / 3 * 4 + 1];

    llm_mail_say(o, "Subject: ");

    if (llm_mail_is_plain(subject)) {
        llm_mail_say(o, "%s\r\n", subject);
        return;
    }

    for (left = strlen(subject); left; left -= n) {
        n = left;

        if (n > LLM_MAIL_WORD) {
            for (n = LLM_MAIL_WORD; n > LLM_MAIL_WORD - 4
                 && (subject[n] & 0xc0) == 0x80; n--) { /* void */ }
        }

        (void) EVP_EncodeBlock(word, (const u_char *) subject, (int) n);
        llm_mail_say(o, "=?UTF-8?B?%s?=%s", word,
                     n < left ? "\r\n " : "\r\n");

        subject += n;
    }
}


static int
llm_mail_is_plain(const char *text)
{
    const char  *p;

    for (p = text; *p; p++) {
        if (*p < ' ' || *p >= 0x7f) {
            return 0;
        }
    }

    return p - text <= LLM_MAIL_HEADER && strstr(text, "=?") == NULL;
}


static void
llm_mail_quoted(llm_mail_out_t *o, const char *text)
{
    int          line, width;
    const u_char *p;

    line = 0;

    for (p = (const u_char *) text; *p; p++) {

        if (*p == '\n') {
            llm_mail_say(o, "\r\n");
            line = 0;
            continue;
        }

        width = (*p == '=' || *p < ' ' || *p >= 0x7f
                 || (*p == ' ' && p[1] == '\n')) ? 3 : 1;

        if (line + width > LLM_MAIL_LINE) {
            llm_mail_say(o, "=\r\n");
            line = 0;
        }

        llm_mail_say(o, width == 3 ? "=%02X" : "%c", *p);
        line += width;
    }
}
