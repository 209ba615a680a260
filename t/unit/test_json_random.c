
/*
 * Copyright (C) the llm_quota authors
 */


#include <jansson.h>

#include "json.h"


#define DOCUMENT  (1 << 16)


/* Random documents: the keys of the tree at right and wrong places, all kinds
   of values, escapes wherever they are possible. */

static const char  *keys[] = {
    "a", "b", "list", "usage", "prompt_tokens", "Stream_Key", "A", "*", "",
    "us\\u0061ge", "\\u00e9\\ud83d\\ude00", "\\\"", "z\\\\", "b{", "}b", "x",
    "stream_key", KEY64, KEY64 "5", "USAGE"
};

#define KEYS  (sizeof(keys) / sizeof(keys[0]))

static const char  *strings[] = {
    "", "x", "\\\\", "\\\"", "\\\\\\\"", "{", "}]", "{\\\"usage\\\":1}", ",",
    "\\u0041", "\\ud83d\\ude00", "\xc3\xa9", "\\n\\t", "\\\\\\\\", "://",
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
};

#define STRINGS  (sizeof(strings) / sizeof(strings[0]))

static const char  *scalars[] = {
    "null", "true", "false", "0", "-1", "12", "3.5", "1e3", "-0.25E-2",
    "123456789012345"
};

#define SCALARS  (sizeof(scalars) / sizeof(scalars[0]))


typedef struct {
    size_t                   len;
    unsigned                 unique:1;   /* no key twice in an object */
    char                     data[DOCUMENT];
} document_t;


static void
put(document_t *d, const char *s)
{
    size_t  n;

    n = strlen(s);

    if (d->len + n < DOCUMENT) {
        memcpy(d->data + d->len, s, n);
        d->len += n;
        d->data[d->len] = '\0';
    }
}


static void
put_space(document_t *d)
{
    static const char  *spaces[] = { " ", "\n", "\r\n", "\t", "            " };

    while (rnd(6) == 0) {
        put(d, spaces[rnd(5)]);
    }
}


static void
put_string(document_t *d)
{
    uint32_t  i, n;

    put(d, "\"");

    n = (rnd(30) == 0) ? 60 : rnd(4);

    for (i = 0; i < n; i++) {
        put(d, strings[rnd(STRINGS)]);
    }

    put(d, "\"");
}


static void
put_value(document_t *d, int depth)
{
    uint32_t  i, n, used;

    put_space(d);

    n = rnd(depth > 7 || d->len > DOCUMENT / 2 ? 4 : 10);

    if (n < 2) {
        put_string(d);

    } else if (n < 4) {
        put(d, scalars[rnd(SCALARS)]);

    } else if (n < 8) {
        put(d, "{");

        for (used = 0, n = rnd(8); n > 0; n--) {
            i = rnd(KEYS);

            /* two spellings of one key are one key */

            if (d->unique && (used & (1u << (i == 9 ? 3 : i)))) {
                continue;
            }

            put(d, used ? "," : "");
            used |= 1u << (i == 9 ? 3 : i);
            put_space(d);
            put(d, "\"");
            put(d, keys[i]);
            put(d, "\"");
            put_space(d);
            put(d, ":");
            put_value(d, depth + 1);
        }

        put_space(d);
        put(d, "}");

    } else {
        put(d, "[");

        for (n = rnd(6); n > 0; n--) {
            put_value(d, depth + 1);
            put(d, n > 1 ? "," : "");
        }

        put_space(d);
        put(d, "]");
    }

    put_space(d);
}


/* What jansson's view of the document makes of the tree. */

static void
expect(journal_t *l, const json_t *value, const llm_json_node_t *node,
    int depth)
{
    int                     n;
    char                    line[128];
    void                   *iter;
    json_t                 *object;
    const char             *key;
    const llm_json_node_t  *child;

    if (node == NULL) {
        return;
    }

    n = snprintf(line, sizeof(line), "f%d d%d ", node->field, depth);

    if (node->field != 0) {
        note(l, line, n);

        if (json_is_string(value)) {
            note(l, json_string_value(value), json_string_length(value));

        } else if (json_is_number(value)) {
            n = snprintf(line, sizeof(line), "%.10g",
                         json_number_value(value));
            note(l, line, n);
        }

        note(l, "\n", 1);
    }

    if (node->children != NULL && json_is_array(value)) {

        for (child = node->children; child->key != NULL; child++) {

            if (strcmp(child->key, "*") == 0) {
                for (n = 0; n < (int) json_array_size(value); n++) {
                    expect(l, json_array_get(value, n), child, depth + 1);
                }
            }
        }
    }

    if (node->children != NULL && json_is_object(value)) {
        object = (json_t *) value;

        for (iter = json_object_iter(object); iter != NULL;
             iter = json_object_iter_next(object, iter))
        {
            key = json_object_iter_key(iter);

            for (child = node->children; child->key != NULL; child++) {

                if (strcmp(child->key, key) == 0 && strcmp(key, "*") != 0) {
                    expect(l, json_object_iter_value(iter), child, depth + 1);
                }
            }
        }
    }

    if (node->field != 0 && (json_is_array(value) || json_is_object(value))) {
        note(l, "close\n", 6);
    }
}


/* The same form of what the scanner says; pieces are joined. */

static void
record_plain(void *data, const llm_json_value_t *v)
{
    int          n;
    char         line[128];
    journal_t   *l;

    static int   joining;
    static char  text[512];

    l = data;

    if (v->close) {
        note(l, "close\n", 6);
        return;
    }

    if (!joining) {
        n = snprintf(line, sizeof(line), "f%d d%d ", v->field, v->depth);
        note(l, line, n);
    }

    joining = v->more;

    if (v->type == LLM_JSON_NUMBER) {
        memcpy(text, v->text, v->len);
        text[v->len] = '\0';
        n = snprintf(line, sizeof(line), "%.10g", strtod(text, NULL));
        note(l, line, n);

    } else {
        note(l, v->len ? (const char *) v->text : "", v->len);
    }

    if (!joining) {
        note(l, "\n", 1);
    }
}


static void
test_against_jansson(void)
{
    int                bad, valid;
    json_t            *value;
    uint64_t           from;
    llm_json_t         j;
    static document_t  d;

    bad = 0;
    valid = 0;
    d.unique = 1;

    for (seed = 1; seed < 4000; seed = from + 1) {
        from = seed;
        d.len = 0;
        put_value(&d, 0);

        value = json_loadb(d.data, d.len, JSON_DECODE_ANY | JSON_ALLOW_NUL,
                           NULL);
        if (value == NULL) {
            continue;
        }

        valid++;

        journal[0].len = 0;
        journal[1].len = 0;
        note(&journal[0], "", 0);
        note(&journal[1], "", 0);
        expect(&journal[0], value, &reported, 0);
        json_decref(value);

        llm_json_init(&j, &reported, record_plain, &journal[1], 0);
        llm_json_feed(&j, (u_char *) d.data, d.len);
        llm_json_feed(&j, (u_char *) " ", 1);

        if (j.state != LLM_JSON_DONE || journal[0].len != journal[1].len
            || memcmp(journal[0].data, journal[1].data, journal[0].len) != 0)
        {
            bad++;
            printf("# seed %llu\n# %s\n", (unsigned long long) from, d.data);
        }
    }

    ok(valid > 3500, "%d documents are valid", valid);
    is_int(bad, 0, "the scanner and jansson see the same");
}


/* Everything that is random, valid or not, over all machines and pieces. */

static void
test_machines(void)
{
    int                bad, states[3];
    size_t             i, n;
    unsigned           flags;
    uint64_t           from;
    llm_json_state_e   state;
    static document_t  d;

    static const char  spoil[] = "{}[],:\"\\ \0x0eu\xff";

    bad = 0;
    states[0] = states[1] = states[2] = 0;
    d.unique = 0;

    for (seed = 1; seed < 6000; seed = from + 1) {
        from = seed;
        d.len = 0;
        put_value(&d, 0);

        for (n = rnd(4); n > 0 && d.len > 0; n--) {
            d.data[rnd(d.len)] = spoil[rnd(sizeof(spoil) - 1)];
        }

        if (rnd(4) == 0) {
            d.len = rnd(d.len + 1);
        }

        flags = rnd(4);

        state = scan(&vector, &reported, flags, d.data, d.len, 0, &journal[0]);
        states[state]++;

        scan(&bytes, &reported, flags, d.data, d.len, 0, &journal[1]);
        scan(&vector, &reported, flags, d.data, d.len, 1 + rnd(200),
             &journal[2]);
        scan(&bytes, &reported, flags, d.data, d.len, 1 + rnd(20),
             &journal[3]);

        for (i = 1; i < 4; i++) {
            if (journal[0].len != journal[i].len
                || memcmp(journal[0].data, journal[i].data, journal[0].len))
            {
                bad++;
                printf("# seed %llu\n", (unsigned long long) from);
                break;
            }
        }
    }

    ok(states[0] > 300 && states[1] > 300 && states[2] > 300,
       "cut: %d, whole: %d, invalid: %d", states[0], states[1], states[2]);
    is_int(bad, 0, "both machines and all pieces agree");
}


int
main(void)
{
    test_against_jansson();
    test_machines();

    return tap_done();
}
