
/*
 * Copyright (C) the llm_quota authors
 */


#include <stddef.h>
#include <string.h>

#include "llm_member.h"
#include "llm_money.h"
#include "llm_request.h"


/*
 * The body is read as the most suspicious of all servers would read it.  What
 * two parsers could understand in two ways, a member that is there twice or in
 * another case of letters, is refused, since the upstream's understanding
 * would be the one that is billed.  null is the same as absent: the SDKs send
 * it so.
 */


#define LLM_REQUEST_TIMES    ((int64_t) 1 << 31)
#define LLM_REQUEST_AGAIN    ((uint64_t) 1 << 62)

#define LLM_REQUEST_USAGE    "\"include_usage\":true"
#define LLM_REQUEST_OPTIONS  "\"stream_options\":{" LLM_REQUEST_USAGE "}"

/* Of so many bytes a run is looked at. */
#define LLM_REQUEST_STRIDE   512
#define LLM_REQUEST_RUN      24


static void llm_request_sample(llm_request_t *r, const u_char *p, size_t n);
static int llm_request_is_space(u_char c);
static int llm_request_first(llm_request_t *r, const llm_member_t *m,
    const llm_json_value_t *v);
static void llm_request_null(llm_request_t *r, const llm_member_t *m,
    const llm_json_value_t *v);
static void llm_request_usage(llm_request_t *r, const llm_json_value_t *v);
static void llm_request_close(llm_request_t *r, const llm_member_t *m,
    const llm_json_value_t *v);
static void llm_request_model(llm_request_t *r, const llm_member_t *m,
    const llm_json_value_t *v);
static void llm_request_customer(llm_request_t *r, const llm_member_t *m,
    const llm_json_value_t *v);
static void llm_request_number(llm_request_t *r, const llm_member_t *m,
    const llm_json_value_t *v);
static int llm_request_is_whole(const llm_json_value_t *v);
static int llm_request_word(llm_request_t *r, const llm_json_value_t *v);
static void llm_request_tier(llm_request_t *r);


static const char *const  llm_request_flex[] = { "flex", NULL };
static const char *const  llm_request_priority[] = { "priority", NULL };
static const char *const  llm_request_batch[] = { "batch", NULL };


void
llm_request_init(llm_request_t *r, const llm_route_t *route, unsigned flags)
{
    memset(r, 0, offsetof(llm_request_t, json));

    r->member = "";
    r->others = "";
    r->outside = "";
    r->server_tool = "";

    r->cap = -1;
    r->raise = -1;
    r->times = 1;
    r->bounds = (flags & LLM_REQUEST_BOUNDS) != 0;
    r->route = *route;

    if (r->bounds && route->prompt) {
        r->outside = "modelId";
    }

    /* what a run reads stands in its thread; it is always made in the
       background, also where its events are streamed */

    if (route->api == LLM_API_RUNS) {
        r->background = 1;

        if (r->bounds) {
            r->outside = "thread";
        }
    }

    if (r->bounds && route->api == LLM_API_FORM) {
        r->outside = "file";
    }

    llm_json_init(&r->json, llm_member_root(route, r->bounds),
                  llm_request_value, r, LLM_JSON_VARIANTS);
}


void
llm_request_feed(llm_request_t *r, const u_char *p, size_t n)
{
    size_t         taken;
    const u_char  *last;

    llm_request_sample(r, p, n);

    r->length += n;

    if (r->error != LLM_REQUEST_OK || n == 0) {
        return;
    }

    if (r->form) {
        llm_multipart_feed(&r->multipart, p, n);
        return;
    }

    last = p + n;

    if (r->json.state == LLM_JSON_MORE) {
        taken = llm_json_feed(&r->json, p, n);
        p += taken;
    }

    if (r->json.state == LLM_JSON_INVALID) {
        llm_request_fail(r, LLM_REQUEST_NOT_JSON, "");
        return;
    }

    for ( /* void */ ; p != last; p++) {

        if (!llm_request_is_space(*p)) {
            llm_request_fail(r, LLM_REQUEST_NOT_JSON, "");
            return;
        }
    }
}


/*
 * Text has other characters than those of base64 in nearly every run of this
 * length, media have none, whatever the API calls them and wherever it puts
 * them.
 */

static void
llm_request_sample(llm_request_t *r, const u_char *p, size_t n)
{
    size_t  i, at;

    at = LLM_REQUEST_STRIDE - 1 - (r->length + LLM_REQUEST_STRIDE - 1)
                                  % LLM_REQUEST_STRIDE;

    for ( /* void */ ; at + LLM_REQUEST_RUN <= n; at += LLM_REQUEST_STRIDE) {

        for (i = 0; i < LLM_REQUEST_RUN; i++) {
            if (!llm_request_base64[p[at + i]]) {
                break;
            }
        }

        if (i == LLM_REQUEST_RUN) {
            r->encoded += LLM_REQUEST_STRIDE;
        }
    }
}


static int
llm_request_is_space(u_char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}


/* The first error counts, so that the answer does not depend on how the body
   was cut in pieces. */

void
llm_request_fail(llm_request_t *r, llm_request_error_e error,
    const char *member)
{
    if (r->error == LLM_REQUEST_OK) {
        r->error = error;
        r->member = member;
    }
}


llm_request_error_e
llm_request_end(llm_request_t *r)
{
    if (r->form) {

        if (!llm_multipart_is_whole(&r->multipart)) {
            llm_request_fail(r, LLM_REQUEST_NOT_FORM, "");
        }

    } else if (r->json.state != LLM_JSON_DONE) {
        llm_request_fail(r, LLM_REQUEST_NOT_JSON, "");
    }

    if (!r->stream_set) {
        r->stream = (r->route.api == LLM_API_OLLAMA);
    }

    if (r->route.stream) {
        r->stream = 1;
    }

    r->max_output = r->cap;

    if (r->raise > r->cap && r->cap != -1) {
        r->max_output = r->raise;
    }

    if (r->route.api == LLM_API_EMBEDDINGS) {
        r->max_output = 0;
    }

    /* neither factor is over 2^31 */

    r->choices = r->times * ((r->prompts > 1) ? r->prompts : 1);

    if (r->choices > LLM_REQUEST_TIMES) {
        r->choices = LLM_REQUEST_TIMES;
    }

    if (r->documents > 1
        && (__builtin_mul_overflow(r->query, r->documents - 1, &r->again)
            || r->again > LLM_REQUEST_AGAIN))
    {
        r->again = LLM_REQUEST_AGAIN;
    }

    return r->error;
}


int
llm_request_ask_usage(const llm_request_t *r, llm_request_edit_t *edit)
{
    if (r->include_usage) {
        return 0;
    }

    edit->range = r->stream_options;

    if (r->no_usage.end != 0) {

        /* as long as null, and as false */

        edit->range = r->no_usage;
        edit->text = "true ";
        edit->len = r->no_usage.end - r->no_usage.start;

        return 1;
    }

    if (r->stream_options.end == 0) {
        edit->range.start = r->root_end;
        edit->range.end = r->root_end;
        edit->text = r->empty ? LLM_REQUEST_OPTIONS : "," LLM_REQUEST_OPTIONS;

    } else if (r->null_options) {
        edit->text = "{" LLM_REQUEST_USAGE "}";

    } else {
        edit->range.end--;
        edit->range.start = edit->range.end;
        edit->text = r->empty_options ? LLM_REQUEST_USAGE
                                      : "," LLM_REQUEST_USAGE;
    }

    edit->len = strlen(edit->text);

    return 1;
}


void
llm_request_value(void *data, const llm_json_value_t *v)
{
    llm_request_t *r = data;

    const llm_member_t  *m;

    if (r->error != LLM_REQUEST_OK) {
        return;
    }

    m = &llm_members[v->field];

    if (v->variant) {
        llm_request_fail(r, LLM_REQUEST_VARIANT, m->name);
        return;
    }

    if (v->close) {
        llm_request_close(r, m, v);
        return;
    }

    if (!r->partial && !llm_request_first(r, m, v)) {
        return;
    }

    r->partial = v->more;

    switch (m->kind) {

    case LLM_MEMBER_FOLLOW:
    case LLM_MEMBER_ROOT:
    case LLM_MEMBER_STREAM_OPTIONS:
        return;

    case LLM_MEMBER_MODEL:
        llm_request_model(r, m, v);
        return;

    case LLM_MEMBER_OTHERS:
        r->others = m->name;
        return;

    case LLM_MEMBER_STREAM:
        r->stream_set = 1;
        r->stream = (v->type == LLM_JSON_TRUE);
        return;

    case LLM_MEMBER_INCLUDE_USAGE:
        llm_request_usage(r, v);
        return;

    case LLM_MEMBER_BACKGROUND:
        r->background = (v->type == LLM_JSON_TRUE);
        return;

    case LLM_MEMBER_TIER:

        if (llm_request_word(r, v)) {
            llm_request_tier(r);
        }

        return;

    case LLM_MEMBER_SAFETY_IDENTIFIER:
    case LLM_MEMBER_USER_ID:
    case LLM_MEMBER_USER:
        llm_request_customer(r, m, v);
        return;

    case LLM_MEMBER_CAP:
    case LLM_MEMBER_CAP_OR_NONE:
    case LLM_MEMBER_RAISE:
    case LLM_MEMBER_TIMES:
        llm_request_number(r, m, v);
        return;

    case LLM_MEMBER_PROMPT:

        /* numbers are the tokens of one prompt */

        if (v->type != LLM_JSON_NUMBER && !v->more
            && r->prompts < LLM_REQUEST_TIMES)
        {
            r->prompts++;
        }

        return;

    case LLM_MEMBER_QUERY:

        /* of a container the end is reported, too */

        if (!v->more && v->type != LLM_JSON_OBJECT
            && v->type != LLM_JSON_ARRAY)
        {
            r->query += v->end - v->start;
        }

        return;

    case LLM_MEMBER_DOCUMENT:
        r->documents += !v->more;
        return;

    default:

        if (llm_request_word(r, v)) {
            llm_request_bound(r, m, v);
        }
    }
}


/* Checks that the member may be there, and so; returns whether it counts. */

static int
llm_request_first(llm_request_t *r, const llm_member_t *m,
    const llm_json_value_t *v)
{
    uint64_t  bit;

    r->word_len = 0;

    if (m->once) {
        bit = (uint64_t) 1 << v->field;

        if (r->seen & bit) {
            llm_request_fail(r, LLM_REQUEST_DUPLICATE, m->name);
            return 0;
        }

        r->seen |= bit;
    }

    if (m->kind == LLM_MEMBER_ROOT && v->type != LLM_JSON_OBJECT) {
        llm_request_fail(r, LLM_REQUEST_NOT_JSON, m->name);
        return 0;
    }

    if (v->type == LLM_JSON_NULL) {
        llm_request_null(r, m, v);
        return 0;
    }

    if (!(m->types & 1 << v->type)) {
        llm_request_fail(r, LLM_REQUEST_TYPE, m->name);
        return 0;
    }

    return 1;
}


static void
llm_request_null(llm_request_t *r, const llm_member_t *m,
    const llm_json_value_t *v)
{
    switch (m->kind) {

    case LLM_MEMBER_STREAM_OPTIONS:
        r->stream_options.start = v->start;
        r->stream_options.end = v->end;
        r->null_options = 1;
        return;

    case LLM_MEMBER_INCLUDE_USAGE:
        llm_request_usage(r, v);
        return;

    case LLM_MEMBER_CAP:
    case LLM_MEMBER_CAP_OR_NONE:

        if (r->no_cap.end == 0) {
            r->no_cap.start = v->start;
            r->no_cap.end = v->end;
        }

        return;

    default:
        return;
    }
}


static void
llm_request_usage(llm_request_t *r, const llm_json_value_t *v)
{
    if (v->type == LLM_JSON_TRUE) {
        r->include_usage = 1;
        return;
    }

    r->no_usage.start = v->start;
    r->no_usage.end = v->end;
}


static void
llm_request_close(llm_request_t *r, const llm_member_t *m,
    const llm_json_value_t *v)
{
    switch (m->kind) {

    case LLM_MEMBER_ROOT:
        r->root_end = v->end - 1;
        r->empty = v->empty;
        return;

    case LLM_MEMBER_STREAM_OPTIONS:
        r->stream_options.start = v->start;
        r->stream_options.end = v->end;
        r->empty_options = v->empty;
        return;

    case LLM_MEMBER_QUERY:
        r->query += v->end - v->start;
        return;

    default:
        llm_request_bound_close(r, m);
    }
}


static void
llm_request_model(llm_request_t *r, const llm_member_t *m,
    const llm_json_value_t *v)
{
    if (v->len > LLM_REQUEST_MODEL - r->model_len) {
        llm_request_fail(r, LLM_REQUEST_TOO_LONG, m->name);
        return;
    }

    memcpy(r->model + r->model_len, v->text, v->len);
    r->model_len += v->len;
}


static void
llm_request_customer(llm_request_t *r, const llm_member_t *m,
    const llm_json_value_t *v)
{
    size_t  size;

    /* an empty string names nobody: a lesser member may */

    if (v->len == 0 || m->kind < r->rank) {
        return;
    }

    if (m->kind != r->rank) {
        r->rank = m->kind;
        r->customer_len = 0;
    }

    if (r->customer_len < LLM_REQUEST_CUSTOMER) {
        size = LLM_REQUEST_CUSTOMER - r->customer_len;

        if (size > v->len) {
            size = v->len;
        }

        memcpy(r->customer + r->customer_len, v->text, size);
    }

    r->customer_len += v->len;
}


/* Keeps the beginning of a string; returns whether the value is complete. */

static int
llm_request_word(llm_request_t *r, const llm_json_value_t *v)
{
    size_t  size;

    if (v->type == LLM_JSON_STRING) {
        size = LLM_REQUEST_WORD - r->word_len;

        if (size > v->len) {
            size = v->len;
        }

        memcpy(r->word + r->word_len, v->text, size);
        r->word_len += size;
    }

    return !v->more;
}


int
llm_request_is(const llm_request_t *r, const char *const *names)
{
    size_t  n;

    for ( /* void */ ; *names != NULL; names++) {
        n = strlen(*names);

        if ((*names)[n - 1] == '*') {
            n--;

            if (r->word_len < n) {
                continue;
            }

        } else if (r->word_len != n) {
            continue;
        }

        if (memcmp(r->word, *names, n) == 0) {
            return 1;
        }
    }

    return 0;
}


static void
llm_request_tier(llm_request_t *r)
{
    r->tier = llm_request_is(r, llm_request_flex) ? LLM_TIER_FLEX
              : llm_request_is(r, llm_request_priority) ? LLM_TIER_PRIORITY
              : llm_request_is(r, llm_request_batch) ? LLM_TIER_BATCH
              : LLM_TIER_DEFAULT;
}


static void
llm_request_number(llm_request_t *r, const llm_member_t *m,
    const llm_json_value_t *v)
{
    int64_t  n;

    if (m->kind == LLM_MEMBER_CAP_OR_NONE && v->len == 2
        && v->text[0] == '-' && (v->text[1] == '1' || v->text[1] == '2'))
    {
        r->no_cap.start = v->start;
        r->no_cap.end = v->end;
        return;
    }

    if (!llm_request_is_whole(v) || llm_json_count(v, &n) != 0) {
        llm_request_fail(r, LLM_REQUEST_TYPE, m->name);
        return;
    }

    if (m->kind == LLM_MEMBER_TIMES) {

        if (n > LLM_REQUEST_TIMES) {
            n = LLM_REQUEST_TIMES;
        }

        if (n > r->times) {
            r->times = n;
        }

    } else if (m->kind == LLM_MEMBER_RAISE) {

        if (n > r->raise) {
            r->raise = n;
        }

    } else if (n > r->cap) {
        r->cap = n;
    }
}


static int
llm_request_is_whole(const llm_json_value_t *v)
{
    int      rc;
    size_t   i;
    int64_t  nano;

    for (i = 0; i < v->len; i++) {

        if (v->text[i] == '.' || v->text[i] == 'e' || v->text[i] == 'E') {
            break;
        }
    }

    if (i == v->len) {
        return 1;
    }

    /* what does not fit is too large for a fraction to matter */

    rc = llm_decimal_parse(v->text, v->len, 9, &nano);

    return rc == -3 || (rc == 0 && nano % 1000000000 == 0);
}
