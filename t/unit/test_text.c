
/*
 * Copyright (C) the llm_quota authors
 */


#include <jansson.h>

#include "llm_text.h"
#include "tap.h"


#define FFFD  "\xef\xbf\xbd"


typedef struct {
    const char              *text;
    const char              *expected;
} test_pair_t;


static const test_pair_t  escapes[] = {
    { "", "" },
    { "plain text, longer than a word of the machine",
      "plain text, longer than a word of the machine" },
    { "a\"b\\c/d", "a\\\"b\\\\c/d" },
    { "\b\f\n\r\t", "\\b\\f\\n\\r\\t" },
    { "\x01\x1f\x7f", "\\u0001\\u001f\x7f" },
    { "12345678\x01" "2345678\"", "12345678\\u00012345678\\\"" },
    { "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf",
      "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf" },
    { "\xe2\x80\xa8", "\xe2\x80\xa8" },
    { "\xef\xbf\xbf", "\xef\xbf\xbf" },

    /* alone, overlong, surrogates, too large */
    { "\x80", FFFD },
    { "a\xbfz", "a" FFFD "z" },
    { "\xc0\xaf", FFFD FFFD },
    { "\xc1\xbf", FFFD FFFD },
    { "\xe0\x80\xaf", FFFD FFFD FFFD },
    { "\xe0\x9f\xbf", FFFD FFFD FFFD },
    { "\xf0\x80\x80\xaf", FFFD FFFD FFFD FFFD },
    { "\xf0\x8f\xbf\xbf", FFFD FFFD FFFD FFFD },
    { "\xed\xa0\x80", FFFD FFFD FFFD },
    { "\xed\xbf\xbf", FFFD FFFD FFFD },
    { "\xed\x9f\xbf", "\xed\x9f\xbf" },
    { "\xee\x80\x80", "\xee\x80\x80" },
    { "\xf4\x90\x80\x80", FFFD FFFD FFFD FFFD },
    { "\xf5\x80\x80\x80", FFFD FFFD FFFD FFFD },
    { "\xff\xfe", FFFD FFFD },

    /* cut off: one mark for what could have become a character */
    { "\xc3", FFFD },
    { "\xe2\x82", FFFD },
    { "\xf0\x9f\x98", FFFD },
    { "\xf0\x9f\x98\"", FFFD "\\\"" },
    { "\xe2\x82z", FFFD "z" },
    { "\xe2\xe2\x82\xac", FFFD "\xe2\x82\xac" },
    { NULL, NULL }
};


static const char  *ids[] = {
    "a", "marketing", "team a", "a.b-c_d/e:f@g", "\"quoted\"", "<b>",
    "\xc3\xa9quipe", "\xf0\x9f\x98\x80", "\xc2\xa0", NULL
};


static const char  *no_ids[] = {
    "", " ", " a", "a ", "a\n", "\ta", "a\x1f" "b", "a\x7f" "b", "a\x01",
    "\xc2\x80", "a\xc2\x9f" "b", "\xff", "a\xc3", "\xed\xa0\x80", "\xc0\xaf",
    NULL
};


static const test_pair_t  customers[] = {
    { "", "" },
    { "alice", "alice" },
    { "user_", "user_" },
    { "user_ab12_account_12-34_session_56-78", "user_ab12_account_12-34" },
    { "user_ab12_account__session_56-78", "user_ab12_account_" },
    { "user_ab12_account_12-34", "user_ab12_account_12-34" },
    { "user_ab12_session_56", "user_ab12_session_56" },
    { "user_ab_session_5_account_1", "user_ab_session_5_account_1" },
    { "xuser_a_account_b_session_c", "xuser_a_account_b_session_c" },
    { "user_a_account_b_sessio", "user_a_account_b_sessio" },

    { "{\"device_id\":\"D\",\"account_uuid\":\"A\",\"session_id\":\"S\"}",
      "device_D_account_A" },
    { "{\"session_id\":\"S\",\"account_uuid\":\"A\",\"device_id\":\"D\"}",
      "device_D_account_A" },
    { "{ \"device_id\" : \"D\" , \"session_id\" : \"S\" }", "device_D" },
    { "{\"device_id\":\"D\",\"account_uuid\":\"\"}", "device_D" },
    { "{\"account_uuid\":\"A\",\"device_id\":null}", "account_A" },
    { "{\"account_uuid\":\"A\",\"device_id\":[\"D\"]}", "account_A" },
    { "{\"device_id\":\"\\u0044\\n\"}", "device_D\n" },
    { "{\"device_id\":\"D\",\"device_id\":\"E\"}", "device_E" },
    { "{\"device_id\":\"D\",\"device_id\":1}", "{\"device_id\":\"D\","
      "\"device_id\":1}" },
    { "{\"x\":{\"device_id\":\"D\"}}", "{\"x\":{\"device_id\":\"D\"}}" },
    { "{}", "{}" },
    { "{\"session_id\":\"S\"}", "{\"session_id\":\"S\"}" },
    { "{\"device_id\":\"D\"", "{\"device_id\":\"D\"" },
    { "{\"device_id\":\"D\"} x", "{\"device_id\":\"D\"} x" },
    { "[{\"device_id\":\"D\"}]", "[{\"device_id\":\"D\"}]" },
    { NULL, NULL }
};


static uint64_t  seed = 88172645463325252;


static unsigned
test_random(unsigned n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;

    return (unsigned) ((seed >> 32) % n);
}


/*
 * Written from the table of the Unicode Standard, not from the code: how many
 * bytes are a character or, where none begins here, how many could have been
 * the beginning of one (*valid is 0 then).
 */

static size_t
test_character(const u_char *p, size_t n, int *valid)
{
    size_t                i, k, len, best;
    static const u_char   table[][8] = {
        { 0x00, 0x7f },
        { 0xc2, 0xdf, 0x80, 0xbf },
        { 0xe0, 0xe0, 0xa0, 0xbf, 0x80, 0xbf },
        { 0xe1, 0xec, 0x80, 0xbf, 0x80, 0xbf },
        { 0xed, 0xed, 0x80, 0x9f, 0x80, 0xbf },
        { 0xee, 0xef, 0x80, 0xbf, 0x80, 0xbf },
        { 0xf0, 0xf0, 0x90, 0xbf, 0x80, 0xbf, 0x80, 0xbf },
        { 0xf1, 0xf3, 0x80, 0xbf, 0x80, 0xbf, 0x80, 0xbf },
        { 0xf4, 0xf4, 0x80, 0x8f, 0x80, 0xbf, 0x80, 0xbf }
    };

    best = 1;
    *valid = 0;

    for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        len = (i == 0) ? 1 : (i == 1) ? 2 : (i < 6) ? 3 : 4;

        for (k = 0; k < len && k < n; k++) {

            if (p[k] < table[i][2 * k] || p[k] > table[i][2 * k + 1]) {
                break;
            }
        }

        if (k == len) {
            *valid = 1;
            return len;
        }

        if (k > best) {
            best = k;
        }
    }

    return best;
}


static size_t
test_repair(u_char *repaired, const u_char *text, size_t n)
{
    int      valid;
    u_char  *p;
    size_t   i, size;

    p = repaired;

    for (i = 0; i < n; i += size) {
        size = test_character(text + i, n - i, &valid);

        if (valid) {
            memcpy(p, text + i, size);
            p += size;

        } else {
            memcpy(p, FFFD, 3);
            p += 3;
        }
    }

    return p - repaired;
}


static void
test_escapes(void)
{
    u_char             *text, *buf, *end;
    size_t              n;
    const test_pair_t  *t;

    for (t = escapes; t->text != NULL; t++) {
        n = strlen(t->text);
        text = malloc(n ? n : 1);
        buf = malloc(n ? 6 * n : 1);
        memcpy(text, t->text, n);

        end = llm_text_json(buf, buf + 6 * n, text, n);
        is_mem(buf, end - buf, t->expected, "escape %d", (int) (t - escapes));

        free(text);
        free(buf);
    }

    text = malloc(1);
    buf = malloc(6);
    *text = '\0';
    end = llm_text_json(buf, buf + 6, text, 1);
    is_mem(buf, end - buf, "\\u0000", "a NUL");
    free(text);
    free(buf);
}


static size_t
test_text(u_char *p, size_t max)
{
    size_t  i, n;

    n = test_random(max + 1);

    for (i = 0; i < n; i++) {

        switch (test_random(6)) {

        case 0:
            p[i] = test_random(256);
            break;

        case 1:
            p[i] = 0x80 + test_random(128);
            break;

        case 2:
            p[i] = "\"\\\n\x01\xe2\x82\xac\xf0\x9f\xed"[test_random(10)];
            break;

        default:
            p[i] = 'a' + test_random(26);
        }
    }

    return n;
}


/* What is written parses, and gives the text with what is ill-formed
   replaced. */

static void
test_parses(void)
{
    int      round, bad;
    u_char  *end;
    size_t   n, len;
    json_t  *json;
    u_char   text[64], repaired[3 * 64], buf[6 * 64 + 2];

    bad = 0;

    for (round = 0; round < 100000; round++) {
        n = test_text(text, sizeof(text));
        len = test_repair(repaired, text, n);

        buf[0] = '"';
        end = llm_text_json(buf + 1, buf + 1 + 6 * n, text, n);
        *end++ = '"';

        json = json_loadb((char *) buf, end - buf,
                          JSON_DECODE_ANY|JSON_ALLOW_NUL, NULL);

        if (json == NULL || json_string_length(json) != len
            || memcmp(json_string_value(json), repaired, len) != 0)
        {
            bad++;
        }

        json_decref(json);
    }

    is_int(bad, 0, "what is escaped parses to the text repaired");
}


/* With less room a shorter beginning is written, always whole characters, and
   as much as fits. */

static void
test_room(void)
{
    int      round, bad, valid;
    u_char  *end, *cut, *room;
    size_t   i, n, size, next;
    u_char   text[32], buf[6 * 32];

    bad = 0;

    for (round = 0; round < 2000; round++) {
        n = test_text(text, sizeof(text));
        end = llm_text_json(buf, buf + sizeof(buf), text, n);

        for (i = 0; i <= (size_t) (end - buf); i++) {
            room = malloc(i ? i : 1);
            cut = llm_text_json(room, room + i, text, n);
            size = cut - room;

            bad += (memcmp(room, buf, size) != 0);

            if (size < i) {
                next = (buf[size] != '\\')
                       ? test_character(buf + size, end - buf - size, &valid)
                       : (buf[size + 1] == 'u') ? 6 : 2;

                bad += (size + next <= i);
            }

            free(room);
        }
    }

    is_int(bad, 0, "any room is filled with whole characters");
}


/* Around the powers of ten, where the number of digits changes. */

static void
test_numbers(void)
{
    int        i, d, bad;
    char       expected[32];
    u_char    *buf, *end;
    uint64_t   n, power;

    bad = 0;
    buf = malloc(20);

    for (i = 0, power = 1; i < 20; i++, power *= 10) {

        for (d = -1; d < 10; d++) {
            n = power * (d < 1 ? 1 : d) + (d < 1 ? d : 0);

            if (i == 19 && d > 1) {
                n = UINT64_MAX;
            }

            sprintf(expected, "%llu", (unsigned long long) n);
            end = llm_text_number(buf, n);

            if ((size_t) (end - buf) != strlen(expected)
                || memcmp(buf, expected, end - buf) != 0)
            {
                bad++;
                printf("# %s: %.*s\n", expected, (int) (end - buf), buf);
            }
        }
    }

    is_int(bad, 0, "numbers of up to 20 digits");

    for (bad = 0, n = 0; n < 100; n++) {
        end = llm_text_pair(buf, n);
        bad += (end != buf + 2 || buf[0] != '0' + n / 10
                || buf[1] != '0' + n % 10);
    }

    is_int(bad, 0, "all pairs of digits");

    free(buf);
}


static void
test_ids(void)
{
    u_char       id[LLM_ID_MAX + 1];
    size_t       n;
    const char  **s;

    for (s = ids; *s != NULL; s++) {
        ok(llm_text_is_id((u_char *) *s, strlen(*s)), "an ID: %s", *s);
    }

    for (s = no_ids; *s != NULL; s++) {
        n = s - no_ids;
        ok(!llm_text_is_id((u_char *) *s, strlen(*s)), "no ID: %d", (int) n);
    }

    memset(id, 'x', sizeof(id));
    ok(llm_text_is_id(id, LLM_ID_MAX), "an ID of 128 bytes");
    ok(!llm_text_is_id(id, LLM_ID_MAX + 1), "129 bytes are no ID");

    id[1] = '\0';
    ok(!llm_text_is_id(id, 3), "a NUL is not printable");
}


static void
test_customers(void)
{
    size_t              n, len;
    u_char             *text, *buf;
    const u_char       *s;
    const test_pair_t  *t;

    for (t = customers; t->text != NULL; t++) {
        n = strlen(t->text);
        text = malloc(n ? n : 1);
        buf = malloc(n ? n : 1);
        memcpy(text, t->text, n);

        s = llm_text_customer(text, n, buf, &len);
        is_mem(s, len, t->expected, "customer %s", t->text);

        free(text);
        free(buf);
    }
}


/* A part longer than the pieces in which the scanner delivers it. */

static void
test_long_customer(void)
{
    int            n;
    u_char         text[1024], buf[1024];
    size_t         len;
    const u_char  *s;

    n = sprintf((char *) text, "{\"account_uuid\":\"%0600d\",\"device_id\":"
                "\"%0300d\"}", 1, 2);

    s = llm_text_customer(text, n, buf, &len);

    ok(s == buf, "a long customer");
    is_int(len, 7 + 300 + 9 + 600, "all of it");
    ok(memcmp(s, "device_000", 10) == 0, "its device first");
    ok(memcmp(s + 300, "0000002_account_0000", 20) == 0, "its account next");
    is_int(s[len - 1], '1', "to the end");
}


static void
test_cut(void)
{
    unsigned  i;

    static const struct {
        const char  *text;
        size_t       most;
        size_t       left;
    } cuts[] = {
        { "", 0, 0 },
        { "abc", 3, 3 },
        { "abc", 2, 2 },
        { "abc", 0, 0 },
        { "a\xc3\xa4", 2, 1 },
        { "a\xc3\xa4", 3, 3 },
        { "\xf0\x9f\x92\xb8", 3, 0 },
        { "a\xf0\x9f\x92\xb8", 4, 1 },
        { "\xf0\x9f\x92\xb8" "b", 4, 4 },
        { "\x80\x80\x80\x80\x80\x80\x80\x80", 6, 6 },
        { "\xff\xff\xff", 2, 2 }
    };

    for (i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
        is_int(llm_text_cut((const u_char *) cuts[i].text,
                            strlen(cuts[i].text), cuts[i].most),
               cuts[i].left, "cut %u", i);
    }
}


int
main(void)
{
    test_escapes();
    test_parses();
    test_room();
    test_numbers();
    test_ids();
    test_customers();
    test_long_customer();
    test_cut();

    return tap_done();
}
