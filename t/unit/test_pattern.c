
/*
 * Copyright (C) the llm_quota authors
 */


#include "tap.h"
#include "llm_pattern.h"


typedef struct {
    const char  *list;
    const char  *parts;      /* one after the other: "=name", "*prefix",
                                "@group"; NULL: not valid */
} list_t;


static const list_t  lists[] = {
    { "a", "=a" },
    { "*", "*" },
    { "a*", "*a" },
    { "@g", "@g" },
    { "a,b", "=a=b" },
    { "a*,@g,b c,openai/gpt-4o:free", "*a@g=b c=openai/gpt-4o:free" },
    { "a@b,@c@", "=a@b@c@" },
    { "@@g", "@@g" },
    { "a,a", "=a=a" },

    { "", NULL },
    { ",", NULL },
    { "a,", NULL },
    { ",a", NULL },
    { "a,,b", NULL },
    { "@", NULL },
    { "@,a", NULL },
    { "@g*", NULL },
    { "**", NULL },
    { "a*b", NULL },
    { "*a", NULL },
    { "a, b", NULL },
    { "a ", NULL },
    { "\x01", NULL },
    { "a\xff", NULL }
};


static void
test_lists(void)
{
    size_t          n;
    char            text[128], *p;
    u_char         *copy;
    unsigned        i;
    const u_char   *next;
    llm_pattern_t   pattern;

    for (i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {

        /* a copy of exactly this length: a byte too far is seen */

        n = strlen(lists[i].list);
        copy = malloc(n ? n : 1);

        if (copy == NULL) {
            exit(1);
        }

        memcpy(copy, lists[i].list, n);
        p = text;

        for (next = copy; next; /* void */ ) {

            if (llm_pattern_next(&next, copy + n, &pattern) != 0) {
                p = NULL;
                break;
            }

            *p++ = pattern.group ? '@' : pattern.prefix ? '*' : '=';
            memcpy(p, pattern.name, pattern.len);
            p += pattern.len;
        }

        if (lists[i].parts) {
            ok(p != NULL, "\"%s\" is a list", lists[i].list);
            is_mem((u_char *) text, p ? p - text : 0, lists[i].parts,
                   "\"%s\": its parts", lists[i].list);

        } else {
            ok(p == NULL, "\"%s\" is none", lists[i].list);
        }

        free(copy);
    }
}


static void
test_long(void)
{
    u_char         text[130];
    const u_char  *next;
    llm_pattern_t  pattern;

    memset(text, 'a', sizeof(text));

    next = text;
    ok(llm_pattern_next(&next, text + 128, &pattern) == 0
       && pattern.len == 128, "a name of 128 bytes");

    next = text;
    ok(llm_pattern_next(&next, text + 129, &pattern) != 0, "not of 129");

    ok(llm_pattern_parse(&pattern, (u_char *) "@cf/m", 5) == 0
       && pattern.len == 5 && !pattern.group,
       "outside of a list @ is a letter");
    ok(llm_pattern_parse(&pattern, (u_char *) "", 0) != 0, "a name of none");
}


typedef struct {
    const char  *list;
    const char  *name;
    int          match;
} match_t;


static const match_t  matches[] = {
    { "a", "a", 1 },
    { "a", "A", 0 },
    { "a", "ab", 0 },
    { "ab", "a", 0 },
    { "a*", "a", 1 },
    { "a*", "ab", 1 },
    { "ab*", "a", 0 },
    { "ab*", "ac", 0 },
    { "*", "a", 1 },
    { "*", "*", 1 },
    { "a*", "a*", 1 },
    { "a,b,c", "c", 1 },
    { "a,b,c", "d", 0 },
    { "a,b,c", "a,b", 0 },
    { "a,b*", "bc", 1 },
    { "gpt-4o,claude-*", "gpt-4o-mini", 0 }
};


static unsigned
read_list(const char *text, llm_pattern_t *patterns)
{
    unsigned       n;
    const u_char  *next, *last;

    n = 0;
    last = (u_char *) text + strlen(text);

    for (next = (u_char *) text; next; n++) {
        if (llm_pattern_next(&next, last, &patterns[n]) != 0) {
            exit(1);
        }
    }

    return n;
}


static void
test_match(void)
{
    unsigned       i, n;
    llm_pattern_t  patterns[8];

    for (i = 0; i < sizeof(matches) / sizeof(matches[0]); i++) {
        n = read_list(matches[i].list, patterns);

        is_int(llm_pattern_match(patterns, n, (u_char *) matches[i].name,
                                 strlen(matches[i].name)),
               matches[i].match, "\"%s\": %s", matches[i].list,
               matches[i].name);
    }

    is_int(llm_pattern_match(patterns, 0, (u_char *) "a", 1), 0,
           "nothing allows nothing");
}


static void
test_print(void)
{
    size_t         n;
    u_char         buf[LLM_PATTERN_TEXT + 1], name[128];
    unsigned       i, len;
    llm_pattern_t  patterns[300];

    memset(buf, '!', sizeof(buf));

    n = llm_pattern_print(buf, patterns, read_list("a,b*,*", patterns));
    is_mem(buf, n, "a, b*, *", "a list in words");

    n = llm_pattern_print(buf, patterns, 0);
    is_int(n, 0, "an empty one");

    /* of names of each length as many as have room */

    memset(name, 'x', sizeof(name));

    for (len = 1; len <= sizeof(name); len++) {

        for (i = 0; i < 300; i++) {
            patterns[i].name = name;
            patterns[i].len = len - (i & 1);
            patterns[i].prefix = i & 1;
        }

        n = llm_pattern_print(buf, patterns, 300);

        if (n > LLM_PATTERN_TEXT
            || buf[LLM_PATTERN_TEXT] != '!'
            || memcmp(buf + n - 5, " more", 5) != 0
            || n + len + 2 + 20 < LLM_PATTERN_TEXT)
        {
            break;
        }
    }

    is_int(len, sizeof(name) + 1, "cut where no more has room");

    n = llm_pattern_print(buf, patterns, 4);

    ok(n < LLM_PATTERN_TEXT && memcmp(buf + n - 11, " and 1 more", 11) == 0,
       "the rest is counted");
}


int
main(void)
{
    test_lists();
    test_long();
    test_match();
    test_print();

    return tap_done();
}
