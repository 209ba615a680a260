
/*
 * Copyright (C) the llm_quota authors
 */


#include "request.h"


typedef struct {
    const char              *type;
    int                      rc;
    const char              *delimiter;
} test_type_t;


/* A form with the boundary "b", and what is reported of it. */

typedef struct {
    const char              *form;
    const char              *words;
} test_form_t;


static const test_type_t  types[] = {
    { "multipart/form-data; boundary=b", 0, "\n--b" },
    { "Multipart/Form-Data;Boundary=aB'()+_,-./:=?", -2, "" },
    { "multipart/form-data; boundary=a'()+_-./:=?", 0, "\n--a'()+_-./:=?" },
    { "multipart/form-data; boundary=\"a b, c;\"", 0, "\n--a b, c;" },
    { "multipart/form-data; charset=utf-8; boundary=b", 0, "\n--b" },
    { "multipart/form-data; boundary=b; charset=\"x\\\"y\"", 0, "\n--b" },
    { "multipart/form-data \t;\t boundary=b ; ", 0, "\n--b" },
    { "multipart/form-data; boundary=1234567890123456789012345678901234567890"
      "123456789012345678901234567890", 0,
      "\n--1234567890123456789012345678901234567890"
      "123456789012345678901234567890" },
    { "multipart/form-data; boundary=1234567890123456789012345678901234567890"
      "1234567890123456789012345678901", -2, "" },

    { "application/json", -1, "" },
    { "multipart/form-dat; boundary=b", -1, "" },
    { "multipart/form-data2; boundary=b", -1, "" },
    { "multipart/mixed; boundary=b", -1, "" },
    { "", -1, "" },

    { "multipart/form-data", -2, "" },
    { "multipart/form-data;", -2, "" },
    { "multipart/form-data; boundary", -2, "" },
    { "multipart/form-data; boundary=", -2, "" },
    { "multipart/form-data; boundary=\"\"", -2, "" },
    { "multipart/form-data; boundary=\"b", -2, "" },
    { "multipart/form-data; boundary=\"b\\", -2, "" },
    { "multipart/form-data; boundary=\"b \"", -2, "" },
    { "multipart/form-data; boundary=\"a\\b\"", -2, "" },
    { "multipart/form-data; boundary=\"b\"c", -2, "" },
    { "multipart/form-data; boundary=b\xc3\xa4", -2, "" },
    { "multipart/form-data; boundary=b\"c\"", -2, "" },
    { "multipart/form-data; boundary=b; boundary=b", -2, "" },
    { "multipart/form-data; boundary=b; BOUNDARY=c", -2, "" },
    { "multipart/form-data; boundary*=b", -2, "" },
    { "multipart/form-data; boundary=b; boundary*=c", -2, "" },
    { "multipart/form-data; boundary=b, multipart/form-data; boundary=c",
      -2, "" },
    { "multipart/form-data boundary=b", -2, "" },
    { "multipart/form-data, boundary=b", -2, "" },
    { "multipart/form-data; =b", -2, "" },
    { NULL, 0, NULL }
};


#define N      "\r\n"
#define FIELD  "--b" N "Content-Disposition: form-data; name="
#define PART   N FIELD
#define END    N "--b--" N
#define NOT    "not whole"


static const test_form_t  forms[] = {

    { FIELD "\"model\"" N N "whisper-1" END, "model=whisper-1;" },
    { FIELD "model" N N "whisper-1" N "--b--", "model=whisper-1;" },
    { FIELD "\"a\"" N N PART "\"b\"" N N N END, "a=;b=\r\n;" },
    { FIELD "\"a\"" N N "1" PART "\"a\"" N N "2" END, "a=1;a=2;" },
    { "--b--", "" },
    { "--b--  \t", "" },
    { "--b--" N "--a" N "and so on", "" },
    { "a preamble" N "--bad" N "\n" N "x" N FIELD "\"a\"" N N "1" END,
      NOT },
    { "a preamble" N "-- b\r" N N FIELD "\"a\"" N N "1" END "an epilogue" N,
      "a=1;" },
    { N FIELD "\"a\"" N N "1" END, "a=1;" },
    { "--b \t " N "Content-Disposition: form-data; name=\"a\"" N N "1" N
      "--b \t" N "Content-Disposition: form-data; name=\"b\"" N N "2" END,
      "a=1;b=2;" },

    /* what the content may be */

    { FIELD "\"a\"" N N "\r\r\n\n-\r\n-\r\n--\n\r-" N "--" N "-b" N "--c" END,
      "a=\r\r\n\n-\r\n-\r\n--\n\r-\r\n--\r\n-b\r\n--c;" },
    { FIELD "\"a\"" N N "--" END, "a=--;" },
    { FIELD "\"a\"" N N "-" N "\r" END, "a=-\r\n\r;" },
    { FIELD "\"a\"" N N "\n" END, "a=\n;" },
    { FIELD "\"a\"" N N " --b" END, "a= --b;" },
    { FIELD "\"a\"" N N "x--b--" END, "a=x--b--;" },

    /* files */

    { FIELD "\"file\"; filename=\"a.mp3\"" N "Content-Type: audio/mpeg" N N
      "ID3\r\n--c\n\n" PART "\"model\"" N N "m" END, "file=file;model=m;" },
    { FIELD "\"file\"; filename=\"\"" N N END, "file=file;" },
    { FIELD "\"file\"; filename*=UTF-8''a%20b" N N "x" END, "file=file;" },
    { FIELD "\"f\"; FileName=\"a\\\"; name=\\\"x\"" N N "x" END, "f=file;" },
    { "--b" N "Content-Disposition: form-data; filename=a; name=f" N N "x"
      END, "f=file;" },
    { FIELD "\"f\"; filename=\"a\"" N "Content-Transfer-Encoding: base64" N N
      "eA==" END, "f=file;" },
    { FIELD "\"f[]\"; filename=\"a\"" N N "x" PART "\"f[]\"; filename=\"b\"" N
      N "y" END, "f[]=file;f[]=file;" },

    /* headers */

    { "--b" N "CONTENT-type:text/plain" N "content-DISPOSITION:FORM-DATA;NAME"
      "=\"a\"" N N "1" END, "a=1;" },
    { "--b" N "Content-Disposition: form-data;" N "\tname=\"a\"" N N "1" END,
      "a=1;" },
    { "--b" N "Content-Disposition:" N " form-data;" N "  name=\"a\";" N " " N
      N "1" END, "a=1;" },
    { FIELD "\"a\"; x=y; " N "X-Any: b" N N "1" END, "a=1;" },
    { FIELD "\"a\"" N "Content-Transfer-Encoding: 8BIT" N N "1" END, "a=1;" },
    { FIELD "\"a\\\"b\\\\c\"" N N "1" END, "a\"b\\c(escaped)=1;" },
    { FIELD "\"m\\odel\"" N N "1" END, "model(escaped)=1;" },
    { FIELD "\"a b;c\"" N N "1" END, "a b;c=1;" },
    { FIELD "\"123456789012345678901234567890123456789012345678901234567890"
      "1234\"" N N "1" END,
      "1234567890123456789012345678901234567890123456789012345678901234=1;" },
    { FIELD "\"123456789012345678901234567890123456789012345678901234567890"
      "12345\"" N N "1" END, "=1;" },

    /* what servers read in different ways */

    { "", NOT },
    { "--", NOT },
    { "--b", NOT },
    { "--b-", NOT },
    { "--b" N, NOT },
    { FIELD "\"a\"" N N "1", NOT },
    { FIELD "\"a\"" N N "1" N, NOT },
    { FIELD "\"a\"" N N "1" N "--b", NOT },
    { FIELD "\"a\"" N N "1" N "--b--\r", NOT },
    { "{\"model\":\"m\"}", NOT },
    { "no delimiter" N, NOT },

    { "--bc" N "Content-Disposition: form-data; name=a" N N "1" END,
      NOT },
    { FIELD "\"a\"" N N "1" N "--bc" END, NOT },
    { FIELD "\"a\"" N N "1" N "--b-" END, NOT },
    { FIELD "\"a\"" N N "1" N "--b--c", NOT },
    { FIELD "\"a\"" N N "1" N "--b--\r\r", NOT },
    { FIELD "\"a\"" N N "1" END FIELD "\"a\"" N N "2" END, NOT },
    { FIELD "\"a\"" N N "1" END "x" N "--b--", NOT },
    { FIELD "\"a\"" N N "1\n--b--" N, NOT },
    { FIELD "\"a\"" N N "1\n--b" N "x", NOT },
    { FIELD "\"a\"" N N "--b--" N, NOT },
    { FIELD "\"a\"" N N "--b" PART "\"a\"" N N "2" END, NOT },
    { "x\n--b" N, NOT },
    { "--b\nContent-Disposition: form-data; name=a\n\n1\n--b--\n",
      NOT },
    { FIELD "\"a\"\n" N "1" END, NOT },
    { FIELD "\"a\"\r" "1" END, NOT },
    { FIELD "\"a\"" N "\r1" END, NOT },
    { FIELD "\"a\"" N "\n1" END, NOT },
    { "--b\r--b--", NOT },
    { "--b \r\r", NOT },
    { "--b x", NOT },
    { "--b" N N "1" END, NOT },
    { "--b" N " folded" N N "1" END, NOT },
    { "--b" N "no colon" N N "1" END, NOT },
    { "--b" N ": b" N N "1" END, NOT },
    { "--b" N "Content-Disposition : form-data; name=a" N N "1" END,
      NOT },
    { "--b" N "Content-Type: text/plain" N N "1" END, NOT },
    { "--b" N "Content-Disposition: attachment; name=a" N N "1" END,
      NOT },
    { "--b" N "Content-Disposition: form-data" N N "1" END, NOT },
    { "--b" N "Content-Disposition: form-data; filename=a" N N "1" END,
      NOT },
    { FIELD "\"\"" N N "1" END, NOT },
    { FIELD "\"a" N N "1" END, NOT },
    { FIELD "\"a\\" N N "1" END, NOT },
    { FIELD "\"a\"b" N N "1" END, NOT },
    { FIELD "\"a\", x=y" N N "1" END, NOT },
    { FIELD "\"a\"; x" N N "1" END, NOT },
    { FIELD "\"a\"; name=\"b\"" N N "1" END, NOT },
    { FIELD "\"a\"; name*=b" N N "1" END, NOT },
    { FIELD "\"a\"" N "Content-Disposition: form-data; name=b" N N "1" END,
      NOT },
    { FIELD "\"a\"" N "Content-Disposition: form-data; filename=b" N N "1" END,
      NOT },
    { FIELD "\"a\"" N "Content-Transfer-Encoding: base64" N N "1" END,
      NOT },
    { FIELD "\"a\"" N "Content-Transfer-Encoding:" N N "1" END, NOT },
    { NULL, NULL }
};


/* As requests. */

static const test_request_t  requests[] = {
    { AUDIO, FIELD "\"file\"; filename=\"a\"" N N "x" PART "\"model\"" N N
      "whisper-1" PART "\"response_format\"" N N "json" END,
      "model=whisper-1" },
    { AUDIO, FIELD "model" N N "m" PART "stream" N N "true" PART "user" N N
      "u" PART "n" N N "2" PART "max_completion_tokens" N N "77" END,
      "model=m customer=u raise=77 times=2 stream stream_set" },
    { AUDIO, FIELD "stream" N N "False" PART "safety_identifier" N N "s" END,
      "customer=s stream_set" },
    { AUDIO, FIELD "stream" N N "0" PART "service_tier" N N "flex" END,
      "tier=1 stream_set" },
    { AUDIO, FIELD "stream" N N "1" PART "user" N N PART "x" N N "1" END,
      "stream stream_set" },
    { AUDIO, FIELD "prompt" N N "--c" N PART "metadata" N N "x"
      PART "timestamp_granularities[]" N N "word" END, "" },
    { IMAGES, FIELD "n" N N "3" PART "model" N N "m" END, "model=m times=3" },
    { AUDIO, "--b--", "" },

    { AUDIO, FIELD "model" N N "m" PART "model" N N "m" END,
      "duplicate model" },
    { AUDIO, FIELD "Model" N N "m" END, "variant model" },
    { AUDIO, FIELD "\"mo\\del\"" N N "m" END, "variant model" },
    { AUDIO, FIELD "model; filename=\"\"" N N "m" END, "type model" },
    { AUDIO, FIELD "n" N N "-1" END, "type n" },
    { AUDIO, FIELD "n" N N "1.0" END, "type n" },
    { AUDIO, FIELD "n" N N END, "type n" },
    { AUDIO, FIELD "n" N N " 1" END, "type n" },
    { AUDIO, FIELD "n" N N "12345678901234567" END, "type n" },
    { AUDIO, FIELD "n" N N
      "1234567890123456789012345678901234567890123456789012345678901234567890"
      END, "type n" },
    { AUDIO, FIELD "stream" N N "yes" END, "type stream" },
    { AUDIO, FIELD "stream" N N END, "type stream" },
    { AUDIO, "{\"model\":\"m\"}", "not form" },
    { AUDIO, "", "not form" },
    { AUDIO, FIELD "model" N N "m" N "--b", "not form" },
    { NULL, NULL, NULL }
};


static char  words[65536], *word;


static void
test_part(void *data, const llm_multipart_part_t *part)
{
    (void) data;

    if (part->begin) {
        word += sprintf(word, "%.*s%s=%s", (int) part->name_len, part->name,
                        part->escaped ? "(escaped)" : "",
                        part->file ? "file" : "");
        return;
    }

    if (part->end) {
        word += sprintf(word, ";");
        return;
    }

    memcpy(word, part->text, part->len);
    word += part->len;
    *word = '\0';
}


static void
test_piece(llm_multipart_t *m, const char *p, size_t n)
{
    u_char  *piece;

    /* of the very size, so that reading beyond it is seen */

    piece = malloc(n ? n : 1);
    memcpy(piece, p, n);
    llm_multipart_feed(m, piece, n);
    free(piece);
}


/* In two pieces, of which the first has so many bytes; or, if that is more
   than there are, byte by byte. */

static const char *
test_read(const char *form, size_t cut)
{
    size_t           i, len;
    llm_multipart_t  m;

    len = strlen(form);
    word = words;
    *word = '\0';

    memset(&m, 0xa5, sizeof(m));
    (void) llm_multipart_init(&m, (u_char *) "multipart/form-data; boundary=b",
                              31, test_part, NULL);

    if (cut <= len) {
        test_piece(&m, form, cut);
        test_piece(&m, form + cut, len - cut);

    } else {
        for (i = 0; i < len; i++) {
            test_piece(&m, form + i, 1);
        }
    }

    return llm_multipart_is_whole(&m) ? words : NOT;
}


static void
test_types(void)
{
    int                 rc;
    size_t              len;
    u_char             *type;
    llm_multipart_t     m;
    const test_type_t  *t;

    for (t = types; t->type != NULL; t++) {
        len = strlen(t->type);
        type = malloc(len ? len : 1);
        memcpy(type, t->type, len);

        memset(&m, 0xa5, sizeof(m));
        rc = llm_multipart_init(&m, type, len, test_part, NULL);
        is_int(rc, t->rc, "\"%s\"", t->type);

        if (rc == 0) {
            is_mem(m.delimiter, m.size, t->delimiter, "its delimiter");
        }

        free(type);
    }
}


static void
test_forms(void)
{
    int                 bad;
    size_t              cut, len;
    const char         *got;
    const test_form_t  *f;

    for (f = forms; f->form != NULL; f++) {
        len = strlen(f->form);

        for (bad = 0, cut = 0; cut <= len + 1; cut++) {
            got = test_read(f->form, cut);
            bad += (strcmp(got, f->words) != 0);
        }

        is_mem(got, strlen(got), f->words, "\"%s\"", f->form);
        is_int(bad, 0, "the same cut at every byte");
    }
}


static void
test_requests(void)
{
    int                     bad;
    size_t                  len, cut;
    const char             *got;
    llm_route_t             route;
    static llm_request_t    r;
    const test_request_t   *t;

    for (t = requests; t->uri != NULL; t++) {
        len = strlen(t->body);
        llm_route_match(&route, (u_char *) t->uri, strlen(t->uri), 1, 0);

        for (bad = 0, cut = 0; cut <= len; cut++) {
            memset(&r, 0xa5, sizeof(r));
            llm_request_init(&r, &route, 0);
            llm_request_form(&r, (u_char *) "multipart/form-data; boundary=b",
                             31);
            llm_request_feed(&r, (u_char *) t->body, cut);
            llm_request_feed(&r, (u_char *) t->body + cut, len - cut);
            (void) llm_request_end(&r);

            got = test_words(&r, (u_char *) t->body);
            bad += (strcmp(got, t->words) != 0 || r.length != len);
        }

        is_mem(got, strlen(got), t->words, "%s %s", t->uri, t->body);
        is_int(bad, 0, "the same cut at every byte");
    }

    llm_request_init(&r, &route, LLM_REQUEST_BOUNDS);
    llm_request_form(&r, (u_char *) "application/json", 16);
    ok(!r.form, "what is no form is JSON");

    llm_request_form(&r, (u_char *) "multipart/form-data", 19);
    is_int(llm_request_end(&r), LLM_REQUEST_NOT_FORM, "without a boundary");
    is_mem(r.outside, strlen(r.outside), "file", "what a form uses");
}


/* The model after a file of 32 MB, which looks like a delimiter as often as it
   can. */

static void
test_large(void)
{
    size_t                i, n;
    u_char               *p;
    llm_route_t           route;
    static u_char         file[65536];
    static llm_request_t  r;

    for (p = file, i = 0; i < sizeof(file) / 8; i++, p += 8) {
        memcpy(p, test_random(4) ? "\r\n--a\n--" : "\xff\xfb\x90\0\0\r\r-",
               8);
    }

    llm_route_match(&route, (u_char *) AUDIO, sizeof(AUDIO) - 1, 1, 0);
    llm_request_init(&r, &route, 0);
    llm_request_form(&r, (u_char *) "multipart/form-data; boundary=b", 31);

    p = (u_char *) FIELD "\"file\"; filename=\"a.wav\"" N N;
    llm_request_feed(&r, p, strlen((char *) p));

    for (n = 0; n < 32 * 1024 * 1024; n += i) {
        i = sizeof(file) - test_random(1000);
        llm_request_feed(&r, file, i);
    }

    p = (u_char *) PART "\"model\"" N N "m" END;
    llm_request_feed(&r, p, strlen((char *) p));

    is_int(llm_request_end(&r), LLM_REQUEST_OK, "after a large file");
    is_mem(r.model, r.model_len, "m", "the model");
}


static void
test_long_line(void)
{
    char             line[LLM_MULTIPART_LINE + 1];
    llm_multipart_t  m;

    memset(line, 'x', sizeof(line));
    word = words;

    (void) llm_multipart_init(&m, (u_char *) "multipart/form-data; boundary=b",
                              31, test_part, NULL);
    test_piece(&m, FIELD "a; b=", sizeof(FIELD) - 1 + 5);
    test_piece(&m, line, LLM_MULTIPART_LINE - sizeof(FIELD) + 1);
    test_piece(&m, N N "1" END, 14);
    ok(llm_multipart_is_whole(&m), "a long line");

    (void) llm_multipart_init(&m, (u_char *) "multipart/form-data; boundary=b",
                              31, test_part, NULL);
    test_piece(&m, FIELD "a; b=", sizeof(FIELD) - 1 + 5);
    test_piece(&m, line, LLM_MULTIPART_LINE);
    test_piece(&m, N N "1" END, 14);
    ok(!llm_multipart_is_whole(&m), "a line too long");
}


int
main(void)
{
    test_types();
    test_forms();
    test_requests();
    test_large();
    test_long_line();

    return tap_done();
}
