
/*
 * Copyright (C) the llm_quota authors
 */


#include "json.h"


static const llm_json_node_t  root = LLM_JSON_NODE("", members, 0);

static const llm_json_node_t  spans[] = {
    LLM_JSON_NODE("*", NULL, LLM_JSON_SPAN | F_ELEMENT),
    LLM_JSON_NODE("a", element, LLM_JSON_SPAN | F_A),
    LLM_JSON_NODE("b", NULL, LLM_JSON_SPAN | F_B),
    LLM_JSON_END
};

static const llm_json_node_t  span =
    LLM_JSON_NODE("", spans, LLM_JSON_SPAN | F_ROOT);

/* The tree that refers to itself: paths deeper than the limit. */

static const llm_json_node_t  endless[] = {
    LLM_JSON_NODE("a", endless, F_A),
    LLM_JSON_NODE("*", endless, F_ELEMENT),
    LLM_JSON_END
};

static const llm_json_node_t  endless_root = LLM_JSON_NODE("", endless, 0);


static void
is_scan(const llm_json_node_t *tree, unsigned flags, const char *doc,
    const char *expected, const char *name)
{
    int     same;
    size_t  len;

    len = strlen(doc);

    scan(&vector, tree, flags, doc, len, 0, &journal[0]);
    scan(&vector, tree, flags, doc, len, 1, &journal[1]);
    scan(&bytes, tree, flags, doc, len, 0, &journal[2]);
    scan(&bytes, tree, flags, doc, len, 1, &journal[3]);

    same = strcmp(journal[0].data, journal[1].data) == 0
           && strcmp(journal[0].data, journal[2].data) == 0
           && strcmp(journal[0].data, journal[3].data) == 0;

    ok(same, "%s: whole, by bytes, vector, byte machine", name);

    scan(&vector, tree, flags, doc, len, 7, &journal[1]);
    scan(&bytes, tree, flags, doc, len, 7, &journal[3]);

    same = strcmp(journal[0].data, journal[1].data) == 0
           && strcmp(journal[0].data, journal[3].data) == 0;

    ok(same, "%s: in pieces", name);
    is_mem(journal[0].data, journal[0].len, expected, "%s", name);
}


static void
test_values(void)
{
    is_scan(&root, 0, "{\"a\":1}", "number f2 d1 5-6 1\nstate 1 at 7",
            "number");

    is_scan(&root, 0, "{\"a\":\"x\",\"b\":null}",
            "string f2 d1 5-8 x\nnull f3 d1 13-17 \nstate 1 at 18",
            "string, null");

    is_scan(&root, 0, " {\"a\" : true , \"b\":\tfalse\n}",
            "true f2 d1 8-12 \nfalse f3 d1 20-25 \nstate 1 at 27", "literals");

    is_scan(&root, 0, "{\"a\":{\"b\":[1,{}]},\"b\":[{\"a\":1}]}",
            "object f2 d1 5-0 \nobject close f2 d1 5-17 \n"
            "array f3 d1 22-0 \narray close f3 d1 22-31 \nstate 1 at 32",
            "containers that are leaves");

    is_scan(&reported, 0, "{}",
            "object f1 d0 0-0 \nobject close empty f1 d0 0-2 \n"
            "state 1 at 2", "empty root");

    is_scan(&reported, 0, "{\"list\":[ ],\"usage\":{ },\"b\":{}}",
            "object f1 d0 0-0 \narray f4 d1 8-0 \n"
            "array close empty f4 d1 8-11 \nobject f7 d1 20-0 \n"
            "object close empty f7 d1 20-23 \nobject f3 d1 28-0 \n"
            "object close f3 d1 28-30 \nobject close f1 d0 0-31 \n"
            "state 1 at 31", "empty containers, and one that is skipped");

    is_scan(&reported, 0, "{\"list\":[1,{\"a\":2,\"usage\":{"
            "\"prompt_tokens\":3}},[4]]}",
            "object f1 d0 0-0 \narray f4 d1 8-0 \nnumber f5 d2 9-10 1\n"
            "object f5 d2 11-0 \nnumber f6 d3 16-17 2\n"
            "number f8 d4 43-44 3\nobject close f5 d2 11-46 \n"
            "array f5 d2 47-0 \narray close f5 d2 47-50 \n"
            "array close f4 d1 8-51 \nobject close f1 d0 0-52 \n"
            "state 1 at 52", "elements of an array");

    is_scan(&root, 0, "{\"usage\":[{\"prompt_tokens\":1}],"
            "\"list\":{\"*\":{\"a\":1}},\"*\":1}",
            "array f7 d1 9-0 \narray close f7 d1 9-30 \n"
            "object f4 d1 38-0 \nobject close f4 d1 38-51 \nstate 1 at 58",
            "object for array and array for object match nothing");

    is_scan(&root, 0, "{\"a\":-0.5e+10,\"b\":12}",
            "number f2 d1 5-13 -0.5e+10\nnumber f3 d1 18-20 12\nstate 1 at 21",
            "numbers as written");

    is_scan(&root, 0, "{\"a\":1,\"a\":2}",
            "number f2 d1 5-6 1\nnumber f2 d1 11-12 2\nstate 1 at 13",
            "duplicates are all reported");
}


static void
test_root(void)
{
    is_scan(&reported, 0, "\xef\xbb\xbf \r\n\t{}x",
            "object f1 d0 7-0 \nobject close empty f1 d0 7-9 \nstate 1 at 9",
            "byte order mark, white space, garbage behind");

    is_scan(&reported, 0, "\n\xef\xbb\xbf""1 ",
            "number f1 d0 4-5 1\nstate 1 at 5", "mark after white space");

    is_scan(&reported, 0, "\xef\xbb\xbf\xef\xbb\xbf{}", "state 2 at 4",
            "two marks");

    is_scan(&reported, 0, "\xef\xbb{}", "state 2 at 3", "half a mark");
    is_scan(&reported, 0, "42", "state 0 at 2", "number without its end");
    is_scan(&reported, 0, "42\n", "number f1 d0 0-2 42\nstate 1 at 2",
            "number at the root");

    is_scan(&reported, 0, "true", "state 0 at 4", "literal without its end");
    is_scan(&reported, 0, "true\r", "true f1 d0 0-4 \nstate 1 at 4",
            "literal at the root");

    is_scan(&reported, 0, "\"x\"", "string f1 d0 0-3 x\nstate 1 at 3",
            "string at the root");

    is_scan(&reported, 0, "[{\"a\":1}]",
            "array f1 d0 0-0 \narray close f1 d0 0-9 \nstate 1 at 9",
            "array at the root matches no key");

    is_scan(&root, 0, "", "state 0 at 0", "nothing");
    is_scan(&root, 0, "<html>", "state 2 at 1", "not JSON");
}


/* Keys that nearly are the one that is expected, or another. */

static void
test_keys(void)
{
    char    *doc, *p;
    size_t   n;

    is_scan(&root, 0, "{\"usage\":{\"prompt_tokenz\":1,\"prompt_tXkens\":2,"
            "\"prompt_tokens\":3}}",
            "object f7 d1 9-0 \nnumber f8 d2 62-63 3\n"
            "object close f7 d1 9-64 \nstate 1 at 65",
            "another key of the same length");

    is_scan(&root, 0, "{\"usage\":{\"prompt_token\":1,\"prompt_tokenss\":2,"
            "\"prompt_t\":3,\"prompt\":4,\"\":5}}",
            "object f7 d1 9-0 \nobject close f7 d1 9-75 \nstate 1 at 76",
            "shorter and longer keys");

    is_scan(&root, 0, "{\"b\":1,\"a\":2,\"b\":3}",
            "number f3 d1 5-6 1\nnumber f2 d1 11-12 2\n"
            "number f3 d1 17-18 3\nstate 1 at 19", "no order");

    is_scan(&root, 0, "{\"usage\":{\"prompt_tokens\":1,\"prompt_tokens\":2},"
            "\"a\":3}",
            "object f7 d1 9-0 \nnumber f8 d2 26-27 1\n"
            "number f8 d2 44-45 2\nobject close f7 d1 9-46 \n"
            "number f2 d1 51-52 3\nstate 1 at 53", "behind the last one");

    /* where an object has no further key, none is expected, be it as long as
       the length says that is never there */

    doc = calloc(1, 1 << 17);
    p = stpcpy(doc, "{\"usage\":{\"prompt_tokens\":1,\"") + 65535;
    memcpy(p, "\":1}}", 6);
    n = p + 5 - doc;

    scan(&vector, &root, 0, doc, n, 0, &journal[0]);
    is_mem(journal[0].data, journal[0].len,
           "object f7 d1 9-0 \nnumber f8 d2 26-27 1\n"
           "object close f7 d1 9-65568 \nstate 1 at 65569", "no key at all");

    free(doc);
}


/* What comes behind a run of numbers that is skipped. */

static void
test_numbers(void)
{
    int          bad;
    char         doc[512], *p;
    size_t       i, n;

    static const char  *then[] = {
        "[", "]", "{", "}", "\"", "\\", "\"]\"", "[1]", "\\\"]", "e", "\x80"
    };

    bad = 0;

    for (i = 0; i < sizeof(then) / sizeof(then[0]); i++) {

        for (n = 0; n < 260; n++) {
            p = stpcpy(doc, "{\"x\":[");
            memset(p, '1', n);
            p = stpcpy(p + n, then[i]);
            memset(p, '2', 100);
            p = stpcpy(p + 100, "],\"a\":1}");

            scan(&vector, &root, 0, doc, p - doc, 0, &journal[0]);
            scan(&bytes, &root, 0, doc, p - doc, 0, &journal[1]);

            if (strcmp(journal[0].data, journal[1].data) != 0) {
                bad++;
                printf("# %s behind %zu digits\n", then[i], n);
            }
        }
    }

    is_int(bad, 0, "both machines skip numbers, and see what is behind them");
}


static void
test_sequence(void)
{
    is_scan(&reported, LLM_JSON_SEQUENCE,
            "[{\"a\":1}\n,\r\n{\"a\":2},3,[{}],[]]",
            "object f1 d0 1-0 \nnumber f2 d1 6-7 1\nobject close f1 d0 1-8 \n"
            "object f1 d0 12-0 \nnumber f2 d1 17-18 2\n"
            "object close f1 d0 12-19 \nnumber f1 d0 20-21 3\n"
            "array f1 d0 22-0 \narray close f1 d0 22-26 \n"
            "array f1 d0 27-0 \narray close f1 d0 27-29 \nstate 1 at 30",
            "sequence");

    is_scan(&reported, LLM_JSON_SEQUENCE, "[]x", "state 1 at 2",
            "empty sequence");

    is_scan(&reported, LLM_JSON_SEQUENCE, "{\"a\":1}",
            "object f1 d0 0-0 \nnumber f2 d1 5-6 1\nobject close f1 d0 0-7 \n"
            "state 1 at 7", "one document where a sequence could be");

    is_scan(&reported, LLM_JSON_SEQUENCE, "[{}}", "object f1 d0 1-0 \n"
            "object close empty f1 d0 1-3 \nstate 2 at 4",
            "sequence closed wrongly");

    is_scan(&reported, LLM_JSON_SEQUENCE, "[1,]", "number f1 d0 1-2 1\n"
            "state 2 at 4", "sequence with a comma too many");
}


static void
test_strings(void)
{
    is_scan(&root, 0, "{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"}",
            "string f2 d1 5-23 \"\\/\b\f\n\r\t\nstate 1 at 24", "escapes");

    is_scan(&root, 0, "{\"a\":\"\\u0041\\u00e9\\u20AC\\uD83D\\uDe00\"}",
            "string f2 d1 5-37 A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\n"
            "state 1 at 38", "unicode escapes");

    is_scan(&root, 0, "{\"a\":\"\\ud800x\",\"b\":\"\\udc00\"}",
            "string f2 d1 5-14 \xef\xbf\xbdx\n"
            "string f3 d1 19-27 \xef\xbf\xbd\nstate 1 at 28",
            "lone surrogates");

    is_scan(&root, 0, "{\"a\":\"\\ud800\\ud83d\\ude00\\ud800\"}",
            "string f2 d1 5-31 \xef\xbf\xbd\xf0\x9f\x98\x80\xef\xbf\xbd\n"
            "state 1 at 32", "surrogates among surrogates");

    is_scan(&root, 0, "{\"a\":\"\\ud800\\n\"}",
            "string f2 d1 5-15 \xef\xbf\xbd\n\nstate 1 at 16",
            "surrogate before an escape");

    is_scan(&root, 0, "{\"a\":\"\xff\x01\x80\"}",
            "string f2 d1 5-10 \xff\x01\x80\nstate 1 at 11", "raw bytes");

    is_scan(&root, 0, "{\"\\u0061\":1,\"\\u00e9\\ud83d\\uDE00\":2,"
            "\"\\u0061\\u0000\":3}",
            "number f2 d1 10-11 1\nnumber f9 d1 33-34 2\nstate 1 at 52",
            "escaped keys");

    is_scan(&root, 0, "{\"usage\\u0000\":{},\"usage\\u0000\\u0000"
            "\\u00000123456789\":[],\"usag\":1,\"usage1\":1,\"a\\u0000\\u0000"
            "\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000\\u0000\":1}          ",
            "state 1 at 137", "keys that go on where the name ends");

    is_scan(&root, 0, "{\"Stream_K\":1,\"Stream_Key\":2,\"Stream_Keys\":3}",
            "number f11 d1 27-28 2\nstate 1 at 45",
            "keys that end before the name does, or behind it");

    is_scan(&root, 0, "{\"" KEY64 "\":1,\"" KEY64 "5\":2,\"\":3}",
            "number f10 d1 68-69 1\nstate 1 at 145", "the longest key");

    is_scan(&root, 0, "{\"a\":\"\\x\"}", "state 2 at 8", "bad escape");
    is_scan(&root, 0, "{\"a\":\"\\u00g0\"}", "state 2 at 11", "bad digit");
    is_scan(&root, 0, "{\"\\q\":1}", "state 2 at 4", "bad escape in a key");
    is_scan(&root, 0, "{\"z\":\"\\q\\u\",\"y\":[\\],\"a\":1}",
            "number f2 d1 24-25 1\nstate 1 at 26",
            "bad escapes in what is skipped");
}


static void
test_spans(void)
{
    is_scan(&span, 0, "{\"b\":\"x\\\"\\q\",\"a\":\"\"}",
            "object f1 d0 0-0 \nstring f3 d1 5-12 \nstring f2 d1 17-19 \n"
            "object close f1 d0 0-20 \nstate 1 at 20",
            "where strings are, whatever is in them");

    is_scan(&span, 0, "{\"b\":12,\"a\":{\"a\":\"x\"},\"b\":[],\"b\":null}",
            "object f1 d0 0-0 \nnumber f3 d1 5-7 12\nobject f2 d1 12-0 \n"
            "string f6 d2 17-20 x\nobject close f2 d1 12-21 \n"
            "array f3 d1 26-0 \narray close f3 d1 26-28 \n"
            "null f3 d1 33-37 \nobject close f1 d0 0-38 \nstate 1 at 38",
            "all else as ever");
}


static void
test_pieces(void)
{
    int     i, good;
    char    doc[4096], *p;
    size_t  len, n;

    /* lengths about the size of a piece */

    for (n = 254; n <= 770; n += (n == 259) ? 250 : (n == 515) ? 248 : 1) {
        p = doc + sprintf(doc, "{\"a\":\"");
        memset(p, 'x', n);
        p += n;
        p += sprintf(p, "\"}");
        len = p - doc;

        scan(&vector, &root, 0, doc, len, 0, &journal[0]);
        scan(&vector, &root, 0, doc, len, 1, &journal[1]);
        scan(&bytes, &root, 0, doc, len, 300, &journal[2]);

        good = strcmp(journal[0].data, journal[1].data) == 0
               && strcmp(journal[0].data, journal[2].data) == 0;

        for (i = 0, p = journal[0].data; (p = strstr(p, " more")); p++) {
            i++;
        }

        ok(good && i == (int) (n - 1) / LLM_JSON_TEXT,
           "a string of %zu bytes in pieces", n);
    }

    p = doc + sprintf(doc, "{\"a\":");
    memset(p, '7', 300);
    strcpy(p + 300, "}");
    len = strlen(doc);

    scan(&vector, &root, 0, doc, len, 0, &journal[0]);
    scan(&bytes, &root, 0, doc, len, 7, &journal[1]);

    ok(strstr(journal[0].data, "number more f2 d1 5-0 777")
       && strstr(journal[0].data, "number f2 d1 5-305 777")
       && strcmp(journal[0].data, journal[1].data) == 0, "a long number");

    doc[len - 1] = 'x';

    scan(&vector, &root, 0, doc, len, 0, &journal[0]);
    scan(&bytes, &root, 0, doc, len, 7, &journal[1]);

    ok(strstr(journal[0].data, "number more f2 d1 5-0 777")
       && strstr(journal[0].data, "state 2 at 306")
       && strcmp(journal[0].data, journal[1].data) == 0,
       "a long number that is none");
}


static void
test_invalid(void)
{
    int     good;
    size_t  i;

    static const struct {
        const char               *doc;
        size_t                    at;
    } docs[] = {
        { "{\"a\":01}", 7 },
        { "{\"a\":01,\"b\":12345}", 7 },
        { "{\"a\":1.}", 8 },
        { "{\"a\":1.e1}", 8 },
        { "{\"a\":-}", 7 },
        { "{\"a\":+1}", 6 },
        { "{\"a\":.5}", 6 },
        { "{\"a\":1e}", 8 },
        { "{\"a\":1e+}", 9 },
        { "{\"a\":1x}", 7 },
        { "{\"z\":1x}", 7 },
        { "{\"a\":0x1}", 7 },
        { "{\"a\":NaN}", 6 },
        { "{\"a\":nul}", 9 },
        { "{\"a\":nullx}", 10 },
        { "{\"a\":tRue}", 7 },
        { "{\"a\":\"x\"x}", 9 },
        { "{\"a\":}", 6 },
        { "{\"a\"}", 5 },
        { "{\"a\" 1}", 6 },
        { "{\"a\":1,}", 8 },
        { "{,\"a\":1}", 2 },
        { "{\"a\":1 \"b\":2}", 8 },
        { "{\"a\":1]", 7 },
        { "{a:1}", 2 },
        { "{'a':1}", 2 },
        { "{1:1}", 2 },
        { "{\"list\":[1,]}", 12 },
        { "{\"list\":[,1]}", 10 },
        { "{\"list\":[1}", 11 },
        { "{\"list\":[1 2]}", 12 },
        { "}", 1 },
        { "]", 1 },
        { ",", 1 },
        { ":", 1 },
        { "\xef\xbb\x80{}", 3 },
        { NULL, 0 }
    };

    for (i = 0; docs[i].doc != NULL; i++) {
        scan(&vector, &root, 0, docs[i].doc, strlen(docs[i].doc), 0,
             &journal[0]);
        scan(&bytes, &root, 0, docs[i].doc, strlen(docs[i].doc), 1,
             &journal[1]);

        good = strcmp(journal[0].data, journal[1].data) == 0;
        sprintf(journal[2].data, "state 2 at %zu", docs[i].at);

        ok(good && strstr(journal[0].data, journal[2].data) != NULL,
           "not JSON: %s (%s)", docs[i].doc, journal[2].data);
    }
}


static void
test_variants(void)
{
    is_scan(&root, LLM_JSON_VARIANTS,
            "{\"A\":1,\"a\":2,\"USAGE\":{\"prompt_tokens\":3},"
            "\"List\":[{\"a\":1}]}",
            "number variant f2 d1 5-6 1\nnumber f2 d1 11-12 2\n"
            "object variant f7 d1 21-0 \narray variant f4 d1 48-0 \n"
            "state 1 at 58", "keys in another case");

    is_scan(&root, LLM_JSON_VARIANTS,
            "{\"stream_key\":1,\"\xc5\xbftream_\xe2\x84\xaa""ey\":2,"
            "\"Stream_Key\":3,\"\\u017ftream_key\":4,\"Stream_Kex\":5,"
            "\"Stream_Ke\":6,\"Stream_Keyy\":7,\"s\xc5\":8,\"\xe2\x84\":9}",
            "number variant f11 d1 14-15 1\nnumber variant f11 d1 32-33 2\n"
            "number f11 d1 47-48 3\nnumber variant f11 d1 67-68 4\n"
            "state 1 at 128", "letters that fold to ASCII");

    is_scan(&root, LLM_JSON_VARIANTS, "{\"usage\":{\"PROMPT_tokens\":1}}",
            "object f7 d1 9-0 \nnumber variant f8 d2 26-27 1\n"
            "object close f7 d1 9-28 \nstate 1 at 29",
            "a variant in an object that is none");

    is_scan(&root, 0, "{\"A\":1,\"STREAM_KEY\":2}", "state 1 at 22",
            "not asked for");
}


static void
test_depth(void)
{
    size_t   i, n;
    char    *doc, *p;

    n = 100000;
    doc = malloc(4 * n);

    p = doc + sprintf(doc, "{\"z\":");
    memset(p, '[', n);
    memset(p + n, ']', n);
    p += 2 * n + sprintf(p + 2 * n, ",\"a\":1}");

    ok(scan(&vector, &root, 0, doc, p - doc, 0, &journal[0]) == LLM_JSON_DONE
       && scan(&bytes, &root, 0, doc, p - doc, 99, &journal[1])
          == LLM_JSON_DONE
       && strcmp(journal[0].data, journal[1].data) == 0
       && strstr(journal[0].data, "number f2") != NULL,
       "100,000 levels before the value");

    for (p = doc, i = 0; i < 40; i++) {
        p += sprintf(p, "{\"a\":");
    }

    p += sprintf(p, "1");

    for (i = 0; i < 40; i++) {
        p += sprintf(p, "}");
    }

    scan(&vector, &endless_root, 0, doc, p - doc, 0, &journal[0]);
    scan(&bytes, &endless_root, 0, doc, p - doc, 1, &journal[1]);

    ok(strstr(journal[0].data, "object f2 d12 60-0 \nobject close f2 d12 60-")
       != NULL && strcmp(journal[0].data, journal[1].data) == 0
       && strstr(journal[0].data, "d13") == NULL,
       "paths are followed for %d levels", LLM_JSON_DEPTH);

    for (p = doc, i = 0; i < 40; i++) {
        p += sprintf(p, "[");
    }

    p += sprintf(p, "1");

    for (i = 0; i < 40; i++) {
        p += sprintf(p, "]");
    }

    ok(scan(&vector, &endless_root, LLM_JSON_SEQUENCE, doc, p - doc, 3,
            &journal[0]) == LLM_JSON_DONE
       && strstr(journal[0].data, "d12") != NULL
       && strstr(journal[0].data, "d13") == NULL,
       "the array of documents is not a level");

    free(doc);
}


static void
test_count(void)
{
    int               rc;
    size_t            i;
    int64_t           n;
    llm_json_value_t  v;

    static const struct {
        llm_json_type_e           type;
        const char               *text;
        int                       rc;
        int64_t                   n;
    } counts[] = {
        { LLM_JSON_NUMBER, "9", 0, 9 },
        { LLM_JSON_NUMBER, "0", 0, 0 },
        { LLM_JSON_NUMBER, "-0", 0, 0 },
        { LLM_JSON_NUMBER, "-0.0e5", 0, 0 },
        { LLM_JSON_NUMBER, "9.0", 0, 9 },
        { LLM_JSON_NUMBER, "9e0", 0, 9 },
        { LLM_JSON_NUMBER, "9.7", 0, 9 },
        { LLM_JSON_NUMBER, "9.99e1", 0, 99 },
        { LLM_JSON_NUMBER, "9.99E+2", 0, 999 },
        { LLM_JSON_NUMBER, "9.99e3", 0, 9990 },
        { LLM_JSON_NUMBER, "1234e-2", 0, 12 },
        { LLM_JSON_NUMBER, "1234e-9", 0, 0 },
        { LLM_JSON_NUMBER, "0.00012e5", 0, 12 },
        { LLM_JSON_NUMBER, "0e999999999999999999999", 0, 0 },
        { LLM_JSON_NUMBER, "1e-999999999999999999999", 0, 0 },
        { LLM_JSON_NUMBER, "1e999999999999999999999", -3, 0 },
        { LLM_JSON_NUMBER, "1e400", -3, 0 },
        { LLM_JSON_NUMBER, "9007199254740992", 0, 9007199254740992 },
        { LLM_JSON_NUMBER, "9007199254740993", -3, 0 },
        { LLM_JSON_NUMBER, "9.007199254740992e15", 0, 9007199254740992 },
        { LLM_JSON_NUMBER, "9.007199254740993e15", -3, 0 },
        { LLM_JSON_NUMBER, "18446744073709551616", -3, 0 },
        { LLM_JSON_NUMBER, "18446744073709551616e-10", 0, 1844674407 },
        { LLM_JSON_NUMBER, "-9", -2, 0 },
        { LLM_JSON_NUMBER, "-1e400", -2, 0 },
        { LLM_JSON_NUMBER, "-0.5", -2, 0 },
        { LLM_JSON_STRING, "9", 0, 9 },
        { LLM_JSON_STRING, "0000000000000012", 0, 12 },
        { LLM_JSON_STRING, "9007199254740992", 0, 9007199254740992 },
        { LLM_JSON_STRING, "9007199254740993", -3, 0 },
        { LLM_JSON_STRING, "00000000000000012", -1, 0 },
        { LLM_JSON_STRING, "", -1, 0 },
        { LLM_JSON_STRING, "-9", -1, 0 },
        { LLM_JSON_STRING, "9.0", -1, 0 },
        { LLM_JSON_STRING, " 9", -1, 0 },
        { LLM_JSON_TRUE, "", -1, 0 },
        { LLM_JSON_NULL, "", -1, 0 },
        { LLM_JSON_OBJECT, "", -1, 0 },
        { LLM_JSON_NULL, NULL, 0, 0 }
    };

    for (i = 0; counts[i].text != NULL; i++) {
        memset(&v, 0, sizeof(v));
        v.type = counts[i].type;
        v.text = (u_char *) counts[i].text;
        v.len = strlen(counts[i].text);

        rc = llm_json_count(&v, &n);

        ok(rc == counts[i].rc && n == counts[i].n,
           "count of \"%s\": %d, %lld", counts[i].text, rc, (long long) n);
    }

    v.type = LLM_JSON_NUMBER;
    v.text = (u_char *) "1";
    v.len = 1;
    v.more = 1;

    is_int(llm_json_count(&v, &n), -3, "a number in pieces is no count");

    v.type = LLM_JSON_STRING;

    is_int(llm_json_count(&v, &n), -1, "nor is a string in pieces");
}


int
main(void)
{
    test_values();
    test_root();
    test_keys();
    test_numbers();
    test_sequence();
    test_strings();
    test_spans();
    test_pieces();
    test_invalid();
    test_variants();
    test_depth();
    test_count();

    return tap_done();
}
