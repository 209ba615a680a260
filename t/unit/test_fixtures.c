
/*
 * Copyright (C) the llm_quota authors
 */


#include <dirent.h>
#include <strings.h>

#include <jansson.h>

#include "llm_coding.h"
#include "llm_estimate.h"
#include "llm_usage.h"
#include "tap.h"


/*
 * Replays recorded and crafted answers, NAME.http, and compares what is read
 * with NAME.expect.json.  The directories are those of LLM_FIXTURES, a list
 * with colons; one that does not exist is passed over.
 */

#define FIXTURES  "t/fixtures/usage:../shared/fixtures/usage"

#define BODY      (4 << 20)
#define HEADERS   128
#define SHORT     4096
#define SPLITS    20


/* What the answer alone does not say.  Each must differ, or the line here is
   no longer true. */

static const struct {
    const char               *name;
    const char               *why;
} elsewhere[] = {
    { "anth_count_tokens", "free route" },
    { "br_count_tokens", "free route" },
    { "co_tokenize", "free route" },
    { "gem_count_tokens", "free route" },
    { "oai_responses_input_tokens", "free route" },
    { "replicate_stream_no_usage", "free method" },
    { "tricky_enc_br", "content coding that is not read" },
    { NULL, NULL }
};


/* Where the expectation is not what the contract says. */

static const struct {
    const char               *name;
    const char               *charge;
    const char               *why;
} otherwise[] = {
    { "oai_images_dalle_gzip", "exact",
      "the image that was made is what is charged" },
    { "ol_embeddings_no_usage", "estimate",
      "no usage in a 2xx answer is the estimate" },
    { "ol_generate_stream", "partial",
      "the input is unknown, not 0: it came from a cache" },
    { NULL, NULL, NULL }
};


typedef struct {
    const char              *name;
    size_t                   len;
    const char              *value;
    size_t                   vlen;
} header_t;


typedef struct {
    int                      status;
    char                     type[256];
    llm_coding_e             coding;
    int                      chunked;
    long                     length;
    int                      complete;
    size_t                   len;
    u_char                  *body;
    u_char                  *file;       /* holds the headers */
    int                      nheaders;
    header_t                 headers[HEADERS];
} fixture_t;


typedef struct {
    llm_charge_e             charge;
    llm_usage_t              usage;
    uint64_t                 text;
    unsigned                 lacks;
    int                      anomaly;
    llm_tier_e               tier;
    llm_answer_name_t        model;
    llm_answer_id_t          id;
    llm_usage_t              other[LLM_SIDES];
    llm_answer_name_t        side[LLM_SIDES];
} result_t;


static const char  *charges[] = { "none", "exact", "partial", "estimate" };

static uint64_t  seed = 1;


static uint32_t
rnd(uint32_t n)
{
    seed = seed * 6364136223846793005 + 1442695040888963407;

    return (uint32_t) (seed >> 33) % n;
}


static u_char *
slurp(const char *path, size_t *len)
{
    FILE    *f;
    u_char  *data;

    f = fopen(path, "rb");

    if (f == NULL) {
        return NULL;
    }

    data = malloc(BODY);
    *len = fread(data, 1, BODY, f);
    fclose(f);

    return data;
}


static void
header(fixture_t *fx, const char *line, size_t len)
{
    size_t       n;
    const char  *value;

    value = memchr(line, ':', len);

    if (value == NULL) {
        return;
    }

    n = value - line;

    for (value++; value < line + len && *value == ' '; value++) {
        /* void */
    }

    len -= value - line;

    if (fx->nheaders < HEADERS) {
        fx->headers[fx->nheaders].name = line;
        fx->headers[fx->nheaders].len = n;
        fx->headers[fx->nheaders].value = value;
        fx->headers[fx->nheaders].vlen = len;
        fx->nheaders++;
    }

    if (n == 12 && strncasecmp(line, "content-type", n) == 0) {
        snprintf(fx->type, sizeof(fx->type), "%.*s", (int) len, value);

    } else if (n == 16 && strncasecmp(line, "content-encoding", n) == 0) {
        fx->coding = llm_coding_add(fx->coding, (u_char *) value, len);

    } else if (n == 17 && strncasecmp(line, "transfer-encoding", n) == 0) {
        fx->chunked = 1;

    } else if (n == 14 && strncasecmp(line, "content-length", n) == 0) {
        fx->length = atol(value);
    }
}


static void
unchunk(fixture_t *fx)
{
    size_t   n, out;
    u_char  *p, *last, *end;

    p = fx->body;
    last = p + fx->len;
    out = 0;
    fx->complete = 0;

    while (p < last) {
        end = memchr(p, '\n', last - p);
        n = strtoul((char *) p, NULL, 16);

        if (end == NULL) {
            break;
        }

        if (n == 0) {
            fx->complete = 1;
            break;
        }

        p = end + 1;
        n = (n > (size_t) (last - p)) ? (size_t) (last - p) : n;

        memmove(fx->body + out, p, n);
        out += n;
        p += n + 2;
    }

    fx->len = out;
}


static int
load(fixture_t *fx, const char *path)
{
    char    *p, *line, *end;
    size_t   len, head;
    u_char  *data;

    memset(fx, 0, sizeof(fixture_t));

    data = slurp(path, &len);

    if (data == NULL) {
        return -1;
    }

    p = (char *) data;

    for ( ;; ) {
        fx->length = -1;
        fx->nheaders = 0;
        fx->status = (strlen(p) > 9) ? atoi(p + 9) : 0;

        for (line = p; (end = memchr(line, '\n', (char *) data + len - line))
                       != NULL && end - line > 1; line = end + 1)
        {
            header(fx, line, end - line - 1);
        }

        p = (end != NULL) ? end + 1 : (char *) data + len;

        /* an interim answer comes before the one that matters */

        if (fx->status / 100 != 1 || strncmp(p, "HTTP/", 5) != 0) {
            break;
        }
    }

    head = p - (char *) data;

    fx->len = len - head;
    fx->body = malloc(BODY);
    fx->file = data;
    memcpy(fx->body, p, fx->len);

    fx->complete = 1;

    if (fx->chunked) {
        unchunk(fx);

    } else if (fx->length >= 0) {
        fx->complete = (fx->len >= (size_t) fx->length);
        fx->len = fx->complete ? (size_t) fx->length : fx->len;
    }

    return 0;
}


static void *
take(void *opaque, unsigned items, unsigned size)
{
    (void) opaque;

    return malloc((size_t) items * size);
}


static void
give(void *opaque, void *p)
{
    (void) opaque;

    free(p);
}


static void
decoded(void *data, const u_char *p, size_t n)
{
    llm_answer_feed(data, p, n);
}


/* Each piece is memory of its own, so that reading beyond it is seen. */

static void
feed(llm_coding_t *c, llm_answer_t *a, const fixture_t *fx, size_t at,
    size_t n)
{
    u_char  *piece;

    piece = malloc(n);
    memcpy(piece, fx->body + at, n);

    if (fx->coding == LLM_CODING_IDENTITY) {
        llm_answer_feed(a, piece, n);

    } else if (fx->coding != LLM_CODING_OTHER) {
        (void) llm_coding_feed(c, piece, n);
    }

    free(piece);
}


static void
finish(llm_coding_t *c, llm_answer_t *a, const fixture_t *fx, result_t *r)
{
    llm_side_e                side;
    const llm_answer_name_t  *name;

    memset(r, 0, sizeof(result_t));

    r->charge = llm_answer_end(a, fx->complete
                                  && (fx->coding == LLM_CODING_IDENTITY
                                      || c->state != LLM_CODING_MORE),
                               &r->usage);
    r->text = llm_answer_text_bytes(a);
    r->lacks = llm_answer_lacks(a);
    r->anomaly = llm_answer_anomaly(a);
    r->tier = llm_answer_tier(a);
    r->model = *llm_answer_model(a);
    r->id = *llm_answer_id(a);

    for (side = 0; side < LLM_SIDES; side++) {
        (void) llm_answer_side(a, side, &r->other[side], &name);
        r->side[side] = *name;
    }

    llm_coding_close(c);
}


/* Pieces of random sizes up to max; or, max being 0, two of them. */

static void
replay(const fixture_t *fx, size_t split, size_t max, result_t *r)
{
    size_t        i, n;
    llm_answer_t  a;
    llm_coding_t  c;

    memset(&a, 0xff, sizeof(a));
    llm_answer_init(&a, (u_char *) fx->type, strlen(fx->type));

    llm_coding_init(&c, fx->coding, 0, BODY, decoded, &a);
    llm_coding_set_memory(&c, take, give, NULL);

    for (i = 0; i < (size_t) fx->nheaders; i++) {
        llm_answer_header(&a, (u_char *) fx->headers[i].name,
                          fx->headers[i].len,
                          (u_char *) fx->headers[i].value,
                          fx->headers[i].vlen);
    }

    if (max == 0) {
        feed(&c, &a, fx, 0, split);
        feed(&c, &a, fx, split, fx->len - split);

    } else {
        for (i = 0; i < fx->len; i += n) {
            n = (max == 1) ? 1 : 1 + rnd(max);
            n = (n > fx->len - i) ? fx->len - i : n;
            feed(&c, &a, fx, i, n);
        }
    }

    finish(&c, &a, fx, r);
}


static int
splits_agree(const fixture_t *fx, const result_t *whole)
{
    size_t    i;
    result_t  r;

    /* byte by byte no event of a stream is there as a whole, and so none is
       passed over as a repeated one */

    replay(fx, 0, 1, &r);

    if (memcmp(&r, whole, sizeof(r)) != 0) {
        printf("# single bytes\n");
        return 0;
    }

    for (i = 0; fx->len < SHORT && i <= fx->len; i++) {
        replay(fx, i, 0, &r);

        if (memcmp(&r, whole, sizeof(r)) != 0) {
            printf("# split at %zu\n", i);
            return 0;
        }
    }

    for (i = 0; i < SPLITS; i++) {
        replay(fx, rnd(fx->len + 1), (i % 2) ? 0 : 1 + rnd(3000), &r);

        if (memcmp(&r, whole, sizeof(r)) != 0) {
            printf("# random pieces %zu\n", i);
            return 0;
        }
    }

    return 1;
}


/* Off while a difference is what is expected. */
static int  loud = 1;


static int
count_is(const char *name, json_t *object, int64_t got)
{
    int64_t  expected;

    if (json_object_get(object, name) == NULL) {
        return 1;
    }

    expected = json_integer_value(json_object_get(object, name));

    if (expected != got && loud) {
        printf("# %s: got %lld, expected %lld\n", name, (long long) got,
               (long long) expected);
    }

    return expected == got;
}


static int
usage_is(const llm_usage_t *u, json_t *expect)
{
    int      good;
    json_t  *usage, *detail, *cost;

    static json_t  *nothing;

    if (nothing == NULL) {
        nothing = json_loads("{\"input\":0,\"output\":0,\"cached_read\":0,"
                             "\"cache_write\":0,\"reasoning\":0}", 0, NULL);
    }

    usage = json_object_get(expect, "usage");
    detail = json_object_get(expect, "usage_detail");

    if (!json_is_object(usage)) {
        usage = nothing;
    }

    good = count_is("input", usage, u->input)
           & count_is("output", usage, u->output)
           & count_is("cached_read", usage, u->cached_read)
           & count_is("cache_write", usage,
                      u->cache_write_5m + u->cache_write_1h)
           & count_is("reasoning", usage, u->reasoning)
           & count_is("cache_write_5m", detail, u->cache_write_5m)
           & count_is("cache_write_1h", detail, u->cache_write_1h)
           & count_is("audio_in", detail, u->audio_in)
           & count_is("audio_out", detail, u->audio_out)
           & count_is("image_in", detail, u->image_in)
           & count_is("image_out", detail, u->image_out)
           & count_is("web_search_requests", detail, u->web_searches)
           & count_is("audio_seconds", detail, u->seconds)
           & count_is("search_units", detail, u->queries);

    cost = json_object_get(detail, "cost_usd");

    if (json_is_number(cost)
        && u->cost != (int64_t) (json_number_value(cost) * 1e9 + 0.5))
    {
        printf("# cost: got %lld\n", (long long) u->cost);
        good = 0;
    }

    cost = json_object_get(detail, "cost_in_usd_ticks");

    if (cost != NULL && u->cost != (json_integer_value(cost) + 5) / 10) {
        printf("# cost: got %lld\n", (long long) u->cost);
        good = 0;
    }

    return good;
}


/* Tokens of other models: none but those that are expected. */

static int
sides_are(const result_t *r, json_t *expect)
{
    int                       good;
    json_t                   *others, *other;
    size_t                    i;
    int64_t                   input, output;
    llm_side_e                side;
    const char               *model;
    const llm_usage_t        *u;

    others = json_object_get(json_object_get(expect, "usage_detail"),
                             "other_models");
    good = 1;
    input = 0;
    output = 0;

    json_array_foreach(others, i, other) {
        model = json_string_value(json_object_get(other, "type"));
        side = (model != NULL && strcmp(model, "advisor_message") == 0)
               ? LLM_SIDE_ADVISER : LLM_SIDE_IMAGER;
        model = json_string_value(json_object_get(other, "model"));
        u = &r->other[side];

        good &= count_is("input", other, u->input)
                & count_is("output", other, u->output)
                & count_is("cached_read", other, u->cached_read)
                & count_is("cache_write", other, u->cache_write_5m)
                & (model == NULL
                   || (strlen(model) == r->side[side].len
                       && memcmp(model, r->side[side].data,
                                 r->side[side].len) == 0));

        input += u->input;
        output += u->output;
    }

    return good && r->usage.side_input == input
           && r->usage.side_output == output;
}


/*
 * How far an estimate of an answer's output would be from what is stated, in
 * percent, for the answers of some length that are text: where there is less
 * than a byte a token, or more than 8, the rest was a search, what was
 * compacted, or another model's text.
 */

#define LENGTH   50
#define ANSWERS  30

static int       off[4096];
static unsigned  answers;


static void
estimate(const result_t *r)
{
    int64_t         tokens;
    llm_estimate_t  unknown;

    if (r->charge != LLM_CHARGE_EXACT || r->text == 0
        || r->usage.output < LENGTH || r->usage.reasoning != 0
        || r->text < (uint64_t) r->usage.output
        || r->text > (uint64_t) r->usage.output * 8)
    {
        return;
    }

    memset(&unknown, 0, sizeof(llm_estimate_t));
    tokens = llm_estimate_text(&unknown, r->text);

    off[answers++] = (int) llabs((tokens - r->usage.output) * 100
                                 / r->usage.output);
}


static int
by_number(const void *a, const void *b)
{
    return *(const int *) a - *(const int *) b;
}


static const char *
charge_of(const char *name, json_t *expect)
{
    size_t       i;
    const char  *charge;

    for (i = 0; otherwise[i].name != NULL; i++) {
        if (strcmp(name, otherwise[i].name) == 0) {
            printf("# %s: %s\n", name, otherwise[i].why);
            return otherwise[i].charge;
        }
    }

    charge = json_string_value(json_object_get(expect, "charge"));

    return (charge != NULL) ? charge : "";
}


static int
result_is(const fixture_t *fx, const result_t *r, const char *name,
    json_t *expect)
{
    int          good;
    const char  *charge;

    charge = charge_of(name, expect);

    /* whoever calls the reader charges nothing for another status */

    if (fx->status / 100 != 2 && strcmp(charge, "none") == 0) {
        return r->charge == LLM_CHARGE_NONE
               || r->charge == LLM_CHARGE_ESTIMATE;
    }

    if (fx->status == 204) {
        return strcmp(charge, "none") == 0;
    }

    if (strcmp(charge, "policy") == 0) {
        good = 1;

    } else if (strcmp(charge, "once_per_id") == 0) {
        good = (r->charge == LLM_CHARGE_EXACT && r->id.len != 0);

    } else {
        good = (strcmp(charge, charges[r->charge]) == 0);
    }

    if (!good && loud) {
        printf("# got %s, expected %s\n", charges[r->charge], charge);
    }

    return good & usage_is(&r->usage, expect) & sides_are(r, expect);
}


static void
fixture(const char *path, const char *name)
{
    char        file[1024];
    size_t      i;
    json_t     *expect;
    result_t    r;
    fixture_t   fx;

    snprintf(file, sizeof(file), "%s/%s.expect.json", path, name);
    expect = json_load_file(file, 0, NULL);

    snprintf(file, sizeof(file), "%s/%s.http", path, name);

    if (expect == NULL || load(&fx, file) != 0) {
        ok(0, "%s: can be read", name);
        json_decref(expect);
        return;
    }

    replay(&fx, fx.len, 0, &r);
    estimate(&r);

    for (i = 0; elsewhere[i].name != NULL; i++) {
        if (strcmp(name, elsewhere[i].name) == 0) {
            break;
        }
    }

    loud = (elsewhere[i].name == NULL);

    if (!loud) {
        ok(!result_is(&fx, &r, name, expect), "%s: not in the body: %s", name,
           elsewhere[i].why);

    } else {
        ok(result_is(&fx, &r, name, expect), "%s: %s, %lld + %lld", name,
           charges[r.charge], (long long) r.usage.input,
           (long long) r.usage.output);
    }

    ok(splits_agree(&fx, &r), "%s: in pieces", name);

    free(fx.body);
    free(fx.file);
    json_decref(expect);
}


static int
by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *) a, *(char *const *) b);
}


static int
directory(const char *path)
{
    int             i, n;
    DIR            *dir;
    char           *dot, *names[4096];
    struct dirent  *entry;

    dir = opendir(path);

    if (dir == NULL) {
        printf("# no directory %s\n", path);
        return 0;
    }

    for (n = 0; (entry = readdir(dir)) != NULL && n < 4096; /* void */ ) {
        dot = strstr(entry->d_name, ".http");

        if (dot != NULL && dot[5] == '\0') {
            names[n++] = strndup(entry->d_name, dot - entry->d_name);
        }
    }

    closedir(dir);

    qsort(names, n, sizeof(char *), by_name);

    for (i = 0; i < n; i++) {
        fixture(path, names[i]);
        free(names[i]);
    }

    return n;
}


int
main(void)
{
    int    n;
    char  *list, *path, *save;

    list = getenv("LLM_FIXTURES");
    list = strdup(list != NULL ? list : FIXTURES);

    n = 0;

    for (path = strtok_r(list, ":", &save); path != NULL;
         path = strtok_r(NULL, ":", &save))
    {
        n += directory(path);
    }

    free(list);

    ok(n > 0, "%d fixtures", n);

    if (answers >= ANSWERS) {
        qsort(off, answers, sizeof(int), by_number);

        ok(off[answers / 2] <= 25 && off[answers * 3 / 4] <= 40,
           "of %u estimates of text half are within %d%%, three quarters "
           "within %d%%", answers, off[answers / 2], off[answers * 3 / 4]);
    }

    return tap_done();
}
