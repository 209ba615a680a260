
/*
 * Copyright (C) the llm_quota authors
 */


#include <string.h>

#include "llm_json_scan.h"


#define LLM_JSON_COUNT_MAX     ((int64_t) 1 << 53)
#define LLM_JSON_COUNT_DIGITS  16
#define LLM_JSON_EXPONENT      100000


static void llm_json_whole(llm_json_t *j, const u_char *p, const u_char *last,
    const u_char *end);
static void llm_json_escape(llm_json_t *j, u_char c);
static void llm_json_code_point(llm_json_t *j, uint32_t c);
static void llm_json_put(llm_json_t *j, const u_char *p, size_t n);
static void llm_json_append(llm_json_t *j, const u_char *p, size_t n);
static llm_json_number_e llm_json_number_next(llm_json_number_e state,
    u_char c);
static int llm_json_count_text(const u_char *p, size_t len, int64_t *n);
static int llm_json_count_number(const u_char *p, size_t len, int64_t *n);


static const char  *llm_json_literals[] = { "null", "false", "true" };


const u_char *
llm_json_text(llm_json_t *j, const u_char *p, const u_char *last)
{
    const u_char  *start;

    for ( ;; ) {

        while (j->escape != sw_plain) {

            if (p == last) {
                return p;
            }

            llm_json_escape(j, *p++);

            if (j->state != LLM_JSON_MORE) {
                return p;
            }
        }

        start = p;
        p = llm_json_quote(p, last);

        if (p != last && *p == '"') {
            break;
        }

        if (p != start) {
            llm_json_put(j, start, p - start);
        }

        if (p == last) {
            return p;
        }

        j->escape = sw_backslash;
        p++;
    }

    if (!j->key) {
        llm_json_whole(j, start, p, p + 1);
        llm_json_ended(j);
        return p + 1;
    }

    llm_json_put(j, start, p - start);
    llm_json_lookup(j, j->text, j->len, LLM_JSON_TEXT);

    return p + 1;
}


/* The last piece of a scalar; what lies in the input as it is to be reported,
   and is all of it, needs no copy. */

static void
llm_json_whole(llm_json_t *j, const u_char *p, const u_char *last,
    const u_char *end)
{
    if (j->len == 0 && j->surrogate == 0 && last - p <= LLM_JSON_TEXT) {
        llm_json_report(j, p, last - p, end);
        return;
    }

    llm_json_put(j, p, last - p);
    llm_json_report(j, j->text, j->len, end);
}


static void
llm_json_escape(llm_json_t *j, u_char c)
{
    if (j->escape == sw_backslash) {
        j->escape = sw_plain;

        switch (c) {

        case '"':
        case '\\':
        case '/':
            break;

        case 'b':
            c = '\b';
            break;

        case 'f':
            c = '\f';
            break;

        case 'n':
            c = '\n';
            break;

        case 'r':
            c = '\r';
            break;

        case 't':
            c = '\t';
            break;

        case 'u':
            j->unicode = 0;
            j->escape = sw_u;
            return;

        default:
            j->state = LLM_JSON_INVALID;
            return;
        }

        llm_json_put(j, &c, 1);
        return;
    }

    if (llm_json_is_digit(c)) {
        c -= '0';

    } else {
        c |= 0x20;

        if (c < 'a' || c > 'f') {
            j->state = LLM_JSON_INVALID;
            return;
        }

        c -= 'a' - 10;
    }

    j->unicode = j->unicode << 4 | c;

    if (j->escape != sw_u3) {
        j->escape++;
        return;
    }

    j->escape = sw_plain;
    llm_json_code_point(j, j->unicode);
}


static void
llm_json_code_point(llm_json_t *j, uint32_t c)
{
    u_char  *p, utf8[4];

    if (c >= 0xd800 && c <= 0xdbff) {
        llm_json_put(j, NULL, 0);
        j->surrogate = c;
        return;
    }

    if (c >= 0xdc00 && c <= 0xdfff) {
        c = (j->surrogate != 0)
            ? 0x10000 + ((j->surrogate - 0xd800) << 10) + (c - 0xdc00)
            : 0xfffd;
        j->surrogate = 0;
    }

    p = utf8;

    if (c < 0x80) {
        *p++ = (u_char) c;

    } else if (c < 0x800) {
        *p++ = (u_char) (0xc0 | c >> 6);
        *p++ = (u_char) (0x80 | (c & 0x3f));

    } else if (c < 0x10000) {
        *p++ = (u_char) (0xe0 | c >> 12);
        *p++ = (u_char) (0x80 | (c >> 6 & 0x3f));
        *p++ = (u_char) (0x80 | (c & 0x3f));

    } else {
        *p++ = (u_char) (0xf0 | c >> 18);
        *p++ = (u_char) (0x80 | (c >> 12 & 0x3f));
        *p++ = (u_char) (0x80 | (c >> 6 & 0x3f));
        *p++ = (u_char) (0x80 | (c & 0x3f));
    }

    llm_json_put(j, utf8, p - utf8);
}


/* A high surrogate that nothing low followed is put before what follows. */

static void
llm_json_put(llm_json_t *j, const u_char *p, size_t n)
{
    if (j->surrogate != 0) {
        j->surrogate = 0;
        llm_json_append(j, (u_char *) "\xef\xbf\xbd", 3);
    }

    llm_json_append(j, p, n);
}


/* A full buffer is delivered only when more follows, so that a value of
   LLM_JSON_TEXT bytes is one piece. */

static void
llm_json_append(llm_json_t *j, const u_char *p, size_t n)
{
    size_t  size;

    while (n != 0) {

        if (j->len == LLM_JSON_TEXT) {

            if (j->key) {
                return;
            }

            llm_json_piece(j, j->text, j->len);
            j->len = 0;
        }

        if (j->len == 0 && n > LLM_JSON_TEXT && !j->key) {
            llm_json_piece(j, p, LLM_JSON_TEXT);
            p += LLM_JSON_TEXT;
            n -= LLM_JSON_TEXT;
            continue;
        }

        size = LLM_JSON_TEXT - j->len;

        if (size > n) {
            size = n;
        }

        memcpy(j->text + j->len, p, size);

        j->len += size;
        p += size;
        n -= size;
    }
}


const u_char *
llm_json_number(llm_json_t *j, const u_char *p, const u_char *last)
{
    const u_char  *start;

    start = p;

    while (p != last && !llm_json_ends_token(*p)) {

        j->number = llm_json_number_next(j->number, *p);

        if (j->number == sw_invalid) {
            break;
        }

        p++;
    }

    if (p != last
        && (j->number == sw_digits || j->number == sw_zero
            || j->number == sw_fraction || j->number == sw_exponent))
    {
        if (llm_json_is_reported(j)) {
            llm_json_whole(j, start, p, p);
        }

        llm_json_ended(j);

        return p;
    }

    /* goes on, or is none: either way its pieces are the same */

    if (llm_json_is_reported(j)) {
        llm_json_append(j, start, p - start);
    }

    if (p != last) {
        j->state = LLM_JSON_INVALID;
        p++;
    }

    return p;
}


static llm_json_number_e
llm_json_number_next(llm_json_number_e state, u_char c)
{
    switch (state) {

    case sw_start:

        if (c == '-') {
            return sw_minus;
        }

        /* fall through */

    case sw_minus:

        if (c == '0') {
            return sw_zero;
        }

        return llm_json_is_digit(c) ? sw_digits : sw_invalid;

    case sw_digits:

        if (llm_json_is_digit(c)) {
            return sw_digits;
        }

        /* fall through */

    case sw_zero:

        if (c == '.') {
            return sw_dot;
        }

        return (c == 'e' || c == 'E') ? sw_e : sw_invalid;

    case sw_fraction:

        if (c == 'e' || c == 'E') {
            return sw_e;
        }

        /* fall through */

    case sw_dot:
        return llm_json_is_digit(c) ? sw_fraction : sw_invalid;

    case sw_e:

        if (c == '+' || c == '-') {
            return sw_sign;
        }

        /* fall through */

    default: /* sw_sign, sw_exponent */
        return llm_json_is_digit(c) ? sw_exponent : sw_invalid;
    }
}


const u_char *
llm_json_literal(llm_json_t *j, const u_char *p, const u_char *last)
{
    const char  *literal;

    literal = llm_json_literals[j->value.type];

    for ( /* void */ ; p != last; p++) {

        if (literal[j->len] == '\0') {

            if (llm_json_ends_token(*p)) {
                llm_json_scalar(j, NULL, 0, p);
                return p;
            }

            break;
        }

        if (*p != (u_char) literal[j->len]) {
            break;
        }

        j->len++;
    }

    if (p == last) {
        return p;
    }

    j->state = LLM_JSON_INVALID;

    return p + 1;
}


int
llm_json_count(const llm_json_value_t *v, int64_t *n)
{
    *n = 0;

    switch (v->type) {

    case LLM_JSON_STRING:

        if (v->more || v->len == 0 || v->len > LLM_JSON_COUNT_DIGITS) {
            return -1;
        }

        return llm_json_count_text(v->text, v->len, n);

    case LLM_JSON_NUMBER:

        /* a number of more than one piece has no meaning as a count */

        if (v->more) {
            return -3;
        }

        return llm_json_count_number(v->text, v->len, n);

    default:
        return -1;
    }
}


static int
llm_json_count_text(const u_char *p, size_t len, int64_t *n)
{
    int64_t        count;
    const u_char  *last;

    last = p + len;

    for (count = 0; p != last; p++) {

        if (!llm_json_is_digit(*p)) {
            return -1;
        }

        count = count * 10 + (*p - '0');
    }

    if (count > LLM_JSON_COUNT_MAX) {
        return -3;
    }

    *n = count;

    return 0;
}


/*
 * The scanner has checked the grammar.  No floating point: digits are taken
 * up to where the exponent moves the decimal point, and the number is given
 * up as soon as it is too large.
 */

static int
llm_json_count_number(const u_char *p, size_t len, int64_t *n)
{
    int            negative, nonzero;
    int64_t        count, whole, shift;
    const u_char  *last, *end, *e;

    last = p + len;
    count = 0;

    if (len < LLM_JSON_COUNT_DIGITS) {

        /* as nearly all are: it cannot be too large */

        for (end = p; end != last && llm_json_is_digit(*end); end++) {
            count = count * 10 + (*end - '0');
        }

        if (end == last) {
            *n = count;
            return 0;
        }
    }

    negative = (*p == '-');

    if (negative) {
        p++;
    }

    for (end = p; end != last && llm_json_is_digit(*end); end++) {
        /* void */
    }

    /* how many digits stand before the point once the exponent is applied */

    whole = end - p;

    while (end != last && *end != 'e' && *end != 'E') {
        end++;
    }

    shift = 0;

    for (e = end; e != last && shift < LLM_JSON_EXPONENT; e++) {

        if (llm_json_is_digit(*e)) {
            shift = shift * 10 + (*e - '0');
        }
    }

    whole += (last - end > 1 && end[1] == '-') ? -shift : shift;

    count = 0;
    nonzero = 0;

    for ( /* void */ ; p != end && count <= LLM_JSON_COUNT_MAX; p++) {

        if (*p == '.') {
            continue;
        }

        nonzero |= (*p != '0');

        if (whole > 0) {
            count = count * 10 + (*p - '0');
            whole--;
        }
    }

    if (negative) {
        return nonzero ? -2 : 0;
    }

    while (whole > 0 && count != 0 && count <= LLM_JSON_COUNT_MAX) {
        count *= 10;
        whole--;
    }

    if (count > LLM_JSON_COUNT_MAX) {
        return -3;
    }

    *n = count;

    return 0;
}
