
/*
 * Copyright (C) the llm_quota authors
 */


#include "llm_coding.h"
#include "tap.h"


#define ROOM  (32 << 20)


/* Something coded, and what becomes of it. */

typedef struct {
    u_char                   data[4096];
    size_t                   len;
} coded_t;

typedef struct {
    llm_coding_state_e       state;
    size_t                   len;
    u_char                  *data;       /* ROOM bytes */
} result_t;


static const char  text[] =
    "{\"id\":\"c-1\",\"choices\":[{\"message\":{\"content\":\"Hello\"}}],"
    "\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":12}}";

static int       held, most_held, allocs, fail_at;
static uint64_t  seed = 1;


static uint32_t
rnd(uint32_t n)
{
    seed = seed * 6364136223846793005 + 1442695040888963407;

    return (uint32_t) (seed >> 33) % n;
}


/* What zlib holds, by the byte; the fail_at-th time there is nothing. */

static void *
take(void *opaque, unsigned items, unsigned size)
{
    size_t  *p;

    (void) opaque;

    if (++allocs == fail_at) {
        return NULL;
    }

    p = malloc(items * size + 16);
    *p = items * size;

    held += *p;
    most_held = held > most_held ? held : most_held;

    return (u_char *) p + 16;
}


static void
give(void *opaque, void *p)
{
    size_t  *size;

    (void) opaque;

    size = (void *) ((u_char *) p - 16);
    held -= *size;

    free(size);
}


static void
collect(void *data, const u_char *p, size_t n)
{
    result_t *r = data;

    memcpy(r->data + r->len, p, n);
    r->len += n;
}


/* bits as zlib has them: 31 gzip, 15 zlib, -15 raw */

static void
add(coded_t *c, int bits, const void *p, size_t n)
{
    z_stream  z;

    memset(&z, 0, sizeof(z));
    deflateInit2(&z, 9, Z_DEFLATED, bits, 8, Z_DEFAULT_STRATEGY);

    z.next_in = (void *) p;
    z.avail_in = n;
    z.next_out = c->data + c->len;
    z.avail_out = sizeof(c->data) - c->len;

    deflate(&z, Z_FINISH);

    c->len += z.total_out;

    deflateEnd(&z);
}


static void
add_bytes(coded_t *c, const void *p, size_t n)
{
    memcpy(c->data + c->len, p, n);
    c->len += n;
}


static void
start(llm_coding_t *c, result_t *r, llm_coding_e coding, int strict,
    uint64_t most)
{
    held = 0;
    most_held = 0;
    allocs = 0;
    r->len = 0;

    memset(c, 0xff, sizeof(llm_coding_t));

    llm_coding_init(c, coding, strict, most, collect, r);
    llm_coding_set_memory(c, take, give, NULL);
}


/* Each piece is memory of its own, so that reading beyond it is seen. */

static void
feed(llm_coding_t *c, const u_char *p, size_t n)
{
    u_char  *piece;

    piece = malloc(n);
    memcpy(piece, p, n);
    (void) llm_coding_feed(c, piece, n);
    free(piece);
}


/* In two pieces; or in many of up to max bytes. */

static void
inflate_in(const coded_t *from, llm_coding_e coding, int strict, size_t split,
    size_t max, result_t *r)
{
    size_t        i, n;
    llm_coding_t  c;

    start(&c, r, coding, strict, ROOM);

    if (max == 0) {
        feed(&c, from->data, split);
        feed(&c, from->data + split, from->len - split);

    } else {
        for (i = 0; i < from->len; i += n) {
            n = (max == 1) ? 1 : 1 + rnd(max);
            n = (n > from->len - i) ? from->len - i : n;
            feed(&c, from->data + i, n);
        }
    }

    llm_coding_close(&c);
    llm_coding_close(&c);

    r->state = c.state;
}


static void
expect(const char *name, const coded_t *from, llm_coding_e coding, int strict,
    llm_coding_state_e state, const char *expected)
{
    int          good;
    size_t       i;
    result_t     whole, r;

    static const char  *states[] = {
        "more", "done", "plain", "broken", "too large", "no memory"
    };

    whole.data = malloc(ROOM);
    r.data = malloc(ROOM);

    inflate_in(from, coding, strict, from->len, 0, &whole);

    ok(whole.state == state, "%s: %s", name, states[whole.state]);
    is_mem(whole.data, whole.len, expected, "%s: what comes out", name);

    good = (held == 0 && most_held < 48 * 1024);

    for (i = 0; i < from->len + 8 && good; i++) {
        inflate_in(from, coding, strict, i < from->len ? i : 0,
                   i < from->len ? 0 : i - from->len + 1, &r);

        good = (r.state == whole.state && r.len == whole.len
                && memcmp(r.data, whole.data, r.len) == 0
                && held == 0 && most_held < 48 * 1024);
    }

    ok(good, "%s: cut anywhere, and in little memory", name);

    free(whole.data);
    free(r.data);
}


static void
test_forms(void)
{
    size_t     n;
    coded_t    c, d;
    gz_header  header;
    z_stream   z;

    n = sizeof(text) - 1;

    c.len = 0;
    add(&c, 31, text, n);
    expect("gzip", &c, LLM_CODING_GZIP, 0, LLM_CODING_DONE, text);
    expect("gzip, strict", &c, LLM_CODING_GZIP, 1, LLM_CODING_DONE, text);
    expect("gzip that is called deflate", &c, LLM_CODING_DEFLATE, 0,
           LLM_CODING_DONE, text);

    c.len = 0;
    add(&c, 15, text, n);
    expect("zlib", &c, LLM_CODING_DEFLATE, 0, LLM_CODING_DONE, text);

    c.len = 0;
    add(&c, -15, text, n);
    expect("raw", &c, LLM_CODING_DEFLATE, 0, LLM_CODING_DONE, text);

    c.len = 0;
    add_bytes(&c, "\x01\x05\x00\xfa\xffhello", 10);
    expect("raw, stored", &c, LLM_CODING_DEFLATE, 0, LLM_CODING_DONE,
           "hello");

    c.len = 0;
    add(&c, 31, "", 0);
    expect("gzip of nothing", &c, LLM_CODING_GZIP, 0, LLM_CODING_DONE, "");

    c.len = 0;
    expect("nothing", &c, LLM_CODING_GZIP, 0, LLM_CODING_MORE, "");
    add_bytes(&c, "\x1f", 1);
    expect("one byte", &c, LLM_CODING_GZIP, 0, LLM_CODING_MORE, "");

    /* everything that a gzip header can have */

    memset(&z, 0, sizeof(z));
    memset(&header, 0, sizeof(header));
    header.text = 1;
    header.time = 1;
    header.extra = (u_char *) "extra";
    header.extra_len = 5;
    header.name = (u_char *) "name";
    header.comment = (u_char *) "comment";
    header.hcrc = 1;

    deflateInit2(&z, 1, Z_DEFLATED, 31, 8, Z_FILTERED);
    deflateSetHeader(&z, &header);
    z.next_in = (u_char *) text;
    z.avail_in = n;
    z.next_out = d.data;
    z.avail_out = sizeof(d.data);
    deflate(&z, Z_FINISH);
    d.len = z.total_out;
    deflateEnd(&z);

    expect("gzip with a long header", &d, LLM_CODING_GZIP, 1, LLM_CODING_DONE,
           text);
}


static void
test_members(void)
{
    coded_t  c, d;

    c.len = 0;
    add(&c, 31, "one ", 4);
    add(&c, 31, "", 0);
    add(&c, 31, "two ", 4);
    add(&c, 31, "three", 5);
    expect("members", &c, LLM_CODING_GZIP, 0, LLM_CODING_DONE,
           "one two three");

    d = c;
    d.len -= 3;
    expect("the last member is cut", &d, LLM_CODING_GZIP, 0, LLM_CODING_MORE,
           "one two three");

    d = c;
    d.data[d.len - 1] ^= 1;
    expect("the last member is broken", &d, LLM_CODING_GZIP, 0,
           LLM_CODING_BROKEN, "one two three");

    d = c;
    add_bytes(&d, "\0\0\0\0", 4);
    expect("padding", &d, LLM_CODING_GZIP, 0, LLM_CODING_DONE,
           "one two three");

    d = c;
    add_bytes(&d, "\x1f", 1);
    expect("half a beginning", &d, LLM_CODING_GZIP, 0, LLM_CODING_DONE,
           "one two three");

    d = c;
    add_bytes(&d, "garbage", 7);
    add(&d, 31, "four", 4);
    expect("garbage, and more after it", &d, LLM_CODING_GZIP, 0,
           LLM_CODING_DONE, "one two three");

    c.len = 0;
    add(&c, 31, "one", 3);
    d = c;
    add(&d, 31, "two", 3);
    expect("strict: two members", &d, LLM_CODING_GZIP, 1, LLM_CODING_BROKEN,
           "one");
    add_bytes(&c, "\0", 1);
    expect("strict: padding", &c, LLM_CODING_GZIP, 1, LLM_CODING_BROKEN,
           "one");

    c.len = 0;
    add(&c, 15, "one", 3);
    add(&c, 15, "two", 3);
    expect("zlib has no members", &c, LLM_CODING_DEFLATE, 0, LLM_CODING_DONE,
           "one");
}


static void
test_lies(void)
{
    coded_t  c;

    c.len = 0;
    add_bytes(&c, text, sizeof(text) - 1);
    expect("no gzip", &c, LLM_CODING_GZIP, 0, LLM_CODING_PLAIN, text);
    expect("strict: no gzip", &c, LLM_CODING_GZIP, 1, LLM_CODING_BROKEN, "");

    c.len = 0;
    add_bytes(&c, "\x1f{}", 3);
    expect("not for long", &c, LLM_CODING_GZIP, 0, LLM_CODING_PLAIN,
           "\x1f{}");

    c.len = 0;
    add_bytes(&c, "\x1f\x8b{\"usage\":{}}", 15);
    expect("only the magic", &c, LLM_CODING_GZIP, 0, LLM_CODING_BROKEN, "");

    c.len = 0;
    add_bytes(&c, "\x07\x00garbage", 9);
    expect("no deflate", &c, LLM_CODING_DEFLATE, 0, LLM_CODING_BROKEN, "");

    c.len = 0;
    add_bytes(&c, "\x78\xbb\x01\x02\x03\x04hello", 11);
    expect("a dictionary that nobody has", &c, LLM_CODING_DEFLATE, 0,
           LLM_CODING_BROKEN, "");

    c.len = 0;
    add(&c, 31, text, sizeof(text) - 1);
    c.data[c.len - 5] ^= 0x80;
    expect("a wrong sum", &c, LLM_CODING_GZIP, 0, LLM_CODING_BROKEN, text);

    c.data[c.len - 5] ^= 0x80;
    c.data[c.len - 1] ^= 0x80;
    expect("a wrong length", &c, LLM_CODING_GZIP, 0, LLM_CODING_BROKEN, text);

    c.len = 0;
    add(&c, 15, text, sizeof(text) - 1);
    c.data[c.len - 1] ^= 1;
    expect("zlib, a wrong sum", &c, LLM_CODING_DEFLATE, 0, LLM_CODING_BROKEN,
           text);
}


/* What is cut gives a beginning, and is not done. */

static void
test_truncated(void)
{
    int       good;
    size_t    i;
    coded_t   c, d;
    result_t  r;

    static const struct {
        int                       bits;
        llm_coding_e              coding;
        const char               *name;
    } forms[] = {
        { 31, LLM_CODING_GZIP, "gzip" },
        { 15, LLM_CODING_DEFLATE, "zlib" },
        { -15, LLM_CODING_DEFLATE, "raw" }
    };

    r.data = malloc(ROOM);

    for (i = 0; i < 3; i++) {
        c.len = 0;
        add(&c, forms[i].bits, text, sizeof(text) - 1);

        good = 1;

        for (d = c; d.len > 0 && good; /* void */ ) {
            d.len--;
            inflate_in(&d, forms[i].coding, 0, d.len, 0, &r);

            good = (r.state == LLM_CODING_MORE && r.len < sizeof(text)
                    && memcmp(r.data, text, r.len) == 0 && held == 0);
        }

        ok(good, "%s, truncated at %zu", forms[i].name, d.len);
    }

    free(r.data);
}


/* Without memory nothing is read, and nothing leaks. */

static void
test_no_memory(void)
{
    coded_t   c;
    result_t  r;

    r.data = malloc(ROOM);

    c.len = 0;
    add(&c, 31, text, sizeof(text) - 1);

    for (fail_at = 1; fail_at <= 2; fail_at++) {
        inflate_in(&c, LLM_CODING_GZIP, 0, c.len - 12, 0, &r);
        is_int(r.state, LLM_CODING_NO_MEMORY, "without memory, %d", fail_at);
        is_int(held, 0, "without memory, %d: none is held", fail_at);
    }

    fail_at = 0;
    free(r.data);
}


/* gzip of n bytes of x, after m bytes that do not shrink. */

static u_char *
bomb(size_t m, size_t n, size_t *len)
{
    size_t     i;
    u_char    *plain, *coded;
    z_stream   z;

    plain = malloc(m + n);
    coded = malloc(m + n + 1024);

    for (i = 0; i < m; i++) {
        plain[i] = rnd(256);
    }

    memset(plain + m, 'x', n);

    memset(&z, 0, sizeof(z));
    deflateInit2(&z, 9, Z_DEFLATED, 31, 9, Z_DEFAULT_STRATEGY);
    z.next_in = plain;
    z.avail_in = m + n;
    z.next_out = coded;
    z.avail_out = m + n + 1024;
    deflate(&z, Z_FINISH);
    *len = z.total_out;
    deflateEnd(&z);

    free(plain);

    return coded;
}


/* No piece gives more than it may, nor do all of them. */

static llm_coding_state_e
feed_bomb(u_char *p, size_t len, size_t piece, uint64_t most, size_t *out)
{
    int           good;
    size_t        i, n, before;
    result_t      r;
    llm_coding_t  c;

    r.data = malloc(ROOM);
    start(&c, &r, LLM_CODING_GZIP, 0, most);

    good = 1;

    for (i = 0; i < len; i += n) {
        n = (len - i < piece) ? len - i : piece;
        before = r.len;

        feed(&c, p + i, n);

        good &= (r.len - before <= LLM_CODING_FREE + LLM_CODING_RATIO * n
                 && r.len <= LLM_CODING_FREE + LLM_CODING_RATIO * (i + n)
                 && r.len <= most);
    }

    /* a bomb has its memory back at once */

    good &= (c.state == LLM_CODING_DONE || held == 0);

    llm_coding_close(&c);

    ok(good && held == 0, "%zu bytes in pieces of %zu: bounded, %zu", len,
       piece, r.len);

    *out = r.len;
    free(r.data);

    return c.state;
}


static void
test_bounds(void)
{
    size_t   i, len, out;
    u_char  *p;

    static const size_t  pieces[] = { 1 << 30, 4096, 1 };

    for (i = 0; i < 3; i++) {
        p = bomb(0, LLM_CODING_FREE, &len);
        is_int(feed_bomb(p, len, pieces[i], ROOM, &out), LLM_CODING_DONE,
               "what is free, in %zu", pieces[i]);
        is_int(out, LLM_CODING_FREE, "all of it");
        free(p);

        p = bomb(0, 16 << 20, &len);
        is_int(feed_bomb(p, len, pieces[i], ROOM, &out),
               LLM_CODING_TOO_LARGE, "a bomb, in %zu", pieces[i]);
        ok(out >= LLM_CODING_FREE, "what is free of it comes");
        free(p);

        p = bomb(10000, 1000, &len);
        is_int(feed_bomb(p, len, pieces[i], 11000, &out), LLM_CODING_DONE,
               "as much as the caller takes, in %zu", pieces[i]);
        is_int(feed_bomb(p, len, pieces[i], 10999, &out),
               LLM_CODING_TOO_LARGE, "one byte more, in %zu", pieces[i]);
        free(p);
    }

    /* what many pieces have earned one piece may not spend */

    p = bomb(6 * 65536, 30 << 20, &len);
    is_int(feed_bomb(p, len, 65536, ROOM, &out), LLM_CODING_TOO_LARGE,
           "a bomb behind something");
    is_int(feed_bomb(p, len, len, ROOM, &out), LLM_CODING_DONE,
           "that would do in all");
    free(p);

    /* in many members, too */

    p = bomb(0, 1 << 20, &len);
    p = realloc(p, 16 * len);

    for (i = 1; i < 16; i++) {
        memcpy(p + i * len, p, len);
    }

    is_int(feed_bomb(p, 16 * len, 4096, ROOM, &out), LLM_CODING_TOO_LARGE,
           "a bomb of members");
    free(p);

    /* plain text is bounded as well */

    p = malloc(1001);
    memset(p, 'x', 1001);
    is_int(feed_bomb(p, 1001, 7, 1000, &out), LLM_CODING_TOO_LARGE,
           "plain, one byte more");
    is_int(feed_bomb(p, 1000, 7, 1000, &out), LLM_CODING_PLAIN,
           "plain, as much as the caller takes");
    free(p);
}


static void
test_names(void)
{
    size_t        i;
    llm_coding_e  coding;

    static const struct {
        const char               *first;
        const char               *second;
        llm_coding_e              coding;
    } cases[] = {
        { "", "", LLM_CODING_IDENTITY },
        { "identity", "", LLM_CODING_IDENTITY },
        { "Identity, identity", " , ,", LLM_CODING_IDENTITY },
        { "gzip", "", LLM_CODING_GZIP },
        { "GZip", "", LLM_CODING_GZIP },
        { "x-gzip", "", LLM_CODING_GZIP },
        { "\t gzip ", "identity", LLM_CODING_GZIP },
        { "identity,gzip", "", LLM_CODING_GZIP },
        { "deflate", "", LLM_CODING_DEFLATE },
        { "br", "", LLM_CODING_OTHER },
        { "zstd", "identity", LLM_CODING_OTHER },
        { "gzip2", "", LLM_CODING_OTHER },
        { "gzi", "", LLM_CODING_OTHER },
        { "g\x1aip", "", LLM_CODING_OTHER },
        { "gzip, gzip", "", LLM_CODING_OTHER },
        { "gzip", "gzip", LLM_CODING_OTHER },
        { "gzip", "br", LLM_CODING_OTHER },
        { "br", "gzip", LLM_CODING_OTHER },
        { "deflate, gzip", "", LLM_CODING_OTHER },
        { "gzip br", "", LLM_CODING_GZIP }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        coding = llm_coding_add(LLM_CODING_IDENTITY,
                                (u_char *) cases[i].first,
                                strlen(cases[i].first));
        coding = llm_coding_add(coding, (u_char *) cases[i].second,
                                strlen(cases[i].second));

        is_int(coding, cases[i].coding, "\"%s\" and \"%s\"", cases[i].first,
               cases[i].second);
    }
}


static void
test_accept(void)
{
    size_t                i, n, len;
    u_char                out[LLM_CODING_ACCEPT], *line, *end;
    const char           *p;
    llm_coding_accept_t   a;

    /* lines are parted by | */

    static const struct {
        const char               *asked;
        const char               *given;
    } cases[] = {
        { "", "identity" },
        { ",, ,", "identity" },
        { "gzip", "gzip" },
        { "GZIP", "gzip" },
        { "x-gzip", "gzip" },
        { "gzip, deflate", "gzip, deflate" },
        { "deflate,gzip", "gzip, deflate" },
        { "gzip, deflate, br, zstd", "gzip, deflate" },
        { "br", "identity" },
        { "br, zstd;q=0.5", "identity" },
        { "br;q=1.0, gzip;q=0.8, *;q=0.1", "gzip;q=0.8, identity;q=0.1" },
        { "gzip;q=1.0, identity; q=0.5, *;q=0", "gzip, identity;q=0.5" },
        { "gzip;q=0.5, deflate ; Q=0.123 , identity;q=0.12",
          "gzip;q=0.5, deflate;q=0.123, identity;q=0.12" },
        { "gzip;q=0.010,identity;q=0.007", "gzip;q=0.01, identity;q=0.007" },
        { "gzip;q=1.000;x=y", "gzip" },
        { "gzip;x=y;q=0.3", "gzip;q=0.3" },
        { "gzip;q=0", "identity" },
        { "gzip;q=0.000, deflate", "deflate" },
        { "gzip, identity;q=0", "gzip, identity;q=0" },
        { "gzip, *;q=0", "gzip, identity;q=0" },
        { "br, identity;q=0", "identity" },
        { "identity", "identity" },
        { "identity;q=0.1", "identity" },
        { "*", "gzip, identity" },
        { "*;q=0.5", "gzip;q=0.5, identity;q=0.5" },
        { "*;q=0", "identity" },
        { "gzip;q=0, *", "identity" },
        { "*, gzip;q=0", "identity" },
        { "gzip;q=0.2, gzip", "gzip;q=0.2" },
        { "gzip;q=", "identity" },
        { "gzip;q=2", "identity" },
        { "gzip;q=1.001", "identity" },
        { "gzip;q=0.1234", "identity" },
        { "gzip;q=-1", "identity" },
        { "gzip;q=.5", "identity" },
        { "gzip;q=0,5", "identity" },
        { "gzip;q=05", "identity" },
        { "gzip;q=0.", "identity" },
        { "gzip;q=1.", "gzip" },
        { "gzip;q=a, deflate;q=0.5", "deflate;q=0.5" },
        { "gzipped", "identity" },
        { "gzip;", "gzip" },
        { "br|gzip", "gzip" },
        { "gzip|br", "gzip" },
        { "gzip;q=0.5|deflate|identity;q=0", "gzip;q=0.5, deflate, "
                                             "identity;q=0" },
        { "|gzip|", "gzip" }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        llm_coding_accept_init(&a);

        for (p = cases[i].asked; /* void */ ; p += n + 1) {
            n = strcspn(p, "|");

            line = malloc(n);
            memcpy(line, p, n);
            llm_coding_accept_add(&a, line, n);
            free(line);

            if (p[n] == '\0') {
                break;
            }
        }

        end = llm_coding_accept_print(&a, out);
        len = end - out;

        is_mem(out, len, cases[i].given, "\"%s\"", cases[i].asked);
    }

    llm_coding_accept_init(&a);
    end = llm_coding_accept_print(&a, out);
    is_mem(out, end - out, "identity", "nothing added");
}


int
main(void)
{
    test_names();
    test_accept();
    test_forms();
    test_members();
    test_lies();
    test_truncated();
    test_no_memory();
    test_bounds();

    return tap_done();
}
