
/*
 * Copyright (C) the llm_quota authors
 */


#include <string.h>

#include "llm_multipart.h"


/* Where in the form, for what lies between delimiters. */

typedef enum {
    LLM_MULTIPART_PREAMBLE = 0,
    LLM_MULTIPART_PART,
    LLM_MULTIPART_EPILOGUE
} llm_multipart_place_e;


typedef enum {
    sw_content = 0,     /* of the place */
    sw_delimited,       /* after a delimiter */
    sw_padding,         /* blanks after it */
    sw_delimited_lf,
    sw_dash,            /* after the first one of the last delimiter */
    sw_last,            /* after it */
    sw_last_lf,
    sw_line_start,      /* of a part's header */
    sw_line,
    sw_line_lf,
    sw_header_lf,       /* of the empty line */
    sw_invalid
} llm_multipart_phase_e;


/* A parameter of a header. */

typedef struct {
    const u_char            *name;
    size_t                   name_len;
    const u_char            *value;    /* between the quotes */
    size_t                   len;
    unsigned                 quoted:1;
} llm_multipart_param_t;


static const u_char *llm_multipart_content(llm_multipart_t *m,
    const u_char *p, const u_char *last);
static void llm_multipart_delimited(llm_multipart_t *m);
static void llm_multipart_text(llm_multipart_t *m, const u_char *p, size_t n);
static void llm_multipart_report(llm_multipart_t *m,
    llm_multipart_part_t *part);
static llm_multipart_phase_e llm_multipart_byte(llm_multipart_t *m, u_char c);
static llm_multipart_phase_e llm_multipart_line(llm_multipart_t *m, u_char c);
static llm_multipart_phase_e llm_multipart_begin(llm_multipart_t *m);
static int llm_multipart_header(llm_multipart_t *m);
static int llm_multipart_disposition(llm_multipart_t *m, const u_char *p,
    const u_char *last);
static int llm_multipart_name(llm_multipart_t *m,
    const llm_multipart_param_t *param);
static int llm_multipart_param(const u_char **pp, const u_char *last,
    llm_multipart_param_t *param);
static const u_char *llm_multipart_token(const u_char *p, const u_char *last);
static const u_char *llm_multipart_blanks(const u_char *p,
    const u_char *last);
static int llm_multipart_is(const u_char *p, size_t n, const char *word);


int
llm_multipart_init(llm_multipart_t *m, const u_char *type, size_t len,
    llm_multipart_handler_pt handler, void *data)
{
    int                     rc;
    size_t                  i;
    const u_char           *p, *last;
    llm_multipart_param_t   param;

    last = type + len;
    p = llm_multipart_token(type, last);

    if (!llm_multipart_is(type, p - type, "multipart/form-data")) {
        return -1;
    }

    m->handler = handler;
    m->data = data;
    m->size = 0;

    while ((rc = llm_multipart_param(&p, last, &param)) == 1) {

        if (llm_multipart_is(param.name, param.name_len, "boundary*")) {
            return -2;
        }

        if (!llm_multipart_is(param.name, param.name_len, "boundary")) {
            continue;
        }

        if (m->size != 0 || param.len == 0
            || param.len > LLM_MULTIPART_BOUNDARY
            || param.value[param.len - 1] == ' ')
        {
            return -2;
        }

        for (i = 0; i < param.len; i++) {

            if (param.value[i] < ' ' || param.value[i] > '~'
                || param.value[i] == '\\')
            {
                return -2;
            }
        }

        m->delimiter[0] = '\n';
        m->delimiter[1] = '-';
        m->delimiter[2] = '-';
        memcpy(m->delimiter + 3, param.value, param.len);
        m->size = 3 + param.len;
    }

    if (rc != 0 || m->size == 0) {
        return -2;
    }

    /* the first delimiter may be the form's first line */

    m->phase = sw_content;
    m->place = LLM_MULTIPART_PREAMBLE;
    m->match = 1;
    m->cr = 1;
    m->fresh = 0;
    m->file = 0;

    return 0;
}


void
llm_multipart_feed(llm_multipart_t *m, const u_char *p, size_t n)
{
    const u_char  *last;

    last = p + n;

    while (p != last && m->phase != sw_invalid) {

        if (m->phase == sw_content) {
            p = llm_multipart_content(m, p, last);
            continue;
        }

        m->phase = llm_multipart_byte(m, *p++);
    }
}


int
llm_multipart_is_whole(const llm_multipart_t *m)
{
    return m->phase == sw_last
           || (m->phase == sw_content && m->place == LLM_MULTIPART_EPILOGUE);
}


/*
 * Looks for the delimiter, a CR before it included.  No byte of it but the
 * first is a line feed: where it does not match, the next try begins at the
 * byte that did not.
 */

static const u_char *
llm_multipart_content(llm_multipart_t *m, const u_char *p, const u_char *last)
{
    const u_char  *end;

    if (m->match == 0) {

        if (m->cr && *p != '\n') {
            m->cr = 0;
            llm_multipart_text(m, (u_char *) "\r", 1);
        }

        end = memchr(p, '\n', last - p);

        if (end == NULL) {
            m->cr = (last[-1] == '\r');
            llm_multipart_text(m, p, last - p - m->cr);

            return last;
        }

        if (end != p) {
            m->cr = (end[-1] == '\r');
            llm_multipart_text(m, p, end - p - m->cr);
        }

        m->match = 1;

        return end + 1;
    }

    while (p != last && *p == m->delimiter[m->match]) {
        p++;
        m->match++;

        if (m->match == m->size) {
            llm_multipart_delimited(m);
            return p;
        }
    }

    if (p != last) {

        if (m->cr) {
            m->cr = 0;
            llm_multipart_text(m, (u_char *) "\r", 1);
        }

        llm_multipart_text(m, m->delimiter + m->fresh, m->match - m->fresh);
        m->fresh = 0;
        m->match = 0;
    }

    return p;
}


static void
llm_multipart_delimited(llm_multipart_t *m)
{
    llm_multipart_part_t  part;

    if (!m->cr || m->place == LLM_MULTIPART_EPILOGUE) {
        m->phase = sw_invalid;
        return;
    }

    if (m->place == LLM_MULTIPART_PART) {
        memset(&part, 0, sizeof(llm_multipart_part_t));
        part.end = 1;
        llm_multipart_report(m, &part);
    }

    m->cr = 0;
    m->phase = sw_delimited;
}


static void
llm_multipart_text(llm_multipart_t *m, const u_char *p, size_t n)
{
    llm_multipart_part_t  part;

    if (n == 0 || m->file || m->place != LLM_MULTIPART_PART) {
        return;
    }

    memset(&part, 0, sizeof(llm_multipart_part_t));

    part.text = p;
    part.len = n;

    llm_multipart_report(m, &part);
}


static void
llm_multipart_report(llm_multipart_t *m, llm_multipart_part_t *part)
{
    if (part->len == 0) {
        part->text = (u_char *) "";
    }

    part->name = m->name;
    part->name_len = m->name_len;
    part->file = m->file;
    part->escaped = m->escaped;

    m->handler(m->data, part);
}


static llm_multipart_phase_e
llm_multipart_byte(llm_multipart_t *m, u_char c)
{
    switch (m->phase) {

    case sw_delimited:

        if (c == '-') {
            return sw_dash;
        }

        /* fall through */

    case sw_padding:

        if (c == ' ' || c == '\t') {
            return sw_padding;
        }

        return (c == '\r') ? sw_delimited_lf : sw_invalid;

    case sw_delimited_lf:
        m->place = LLM_MULTIPART_PART;
        m->len = 0;
        m->name_len = 0;
        m->named = 0;
        m->file = 0;
        m->escaped = 0;
        m->coded = 0;

        return (c == '\n') ? sw_line_start : sw_invalid;

    case sw_dash:
        return (c == '-') ? sw_last : sw_invalid;

    case sw_last:

        if (c == ' ' || c == '\t') {
            return sw_last;
        }

        return (c == '\r') ? sw_last_lf : sw_invalid;

    case sw_last_lf:

        if (c != '\n') {
            return sw_invalid;
        }

        m->place = LLM_MULTIPART_EPILOGUE;
        m->match = 1;
        m->cr = 1;

        return sw_content;

    default:
        return llm_multipart_line(m, c);
    }
}


/* Of a part's header. */

static llm_multipart_phase_e
llm_multipart_line(llm_multipart_t *m, u_char c)
{
    switch (m->phase) {

    case sw_line_start:

        if (c == ' ' || c == '\t') {

            /* the line before goes on */

            if (m->len == 0) {
                return sw_invalid;
            }

        } else {

            if (m->len != 0 && !llm_multipart_header(m)) {
                return sw_invalid;
            }

            m->len = 0;
        }

        if (c == '\r') {
            return sw_header_lf;
        }

        /* fall through */

    case sw_line:

        if (c == '\r') {
            return sw_line_lf;
        }

        if (c == '\n' || c == '\0' || m->len == LLM_MULTIPART_LINE) {
            return sw_invalid;
        }

        m->line[m->len++] = c;

        return sw_line;

    case sw_line_lf:
        return (c == '\n') ? sw_line_start : sw_invalid;

    default: /* sw_header_lf */
        return (c == '\n') ? llm_multipart_begin(m) : sw_invalid;
    }
}


static llm_multipart_phase_e
llm_multipart_begin(llm_multipart_t *m)
{
    llm_multipart_part_t  part;

    if (!m->named || (m->coded && !m->file)) {
        return sw_invalid;
    }

    memset(&part, 0, sizeof(llm_multipart_part_t));
    part.begin = 1;

    llm_multipart_report(m, &part);

    /* a delimiter right here: some servers take it for one, others for text,
       and without its CR it is invalid */

    m->fresh = 1;
    m->match = 1;

    return sw_content;
}


static int
llm_multipart_header(llm_multipart_t *m)
{
    size_t         n;
    const u_char  *p, *last;

    last = m->line + m->len;
    p = memchr(m->line, ':', m->len);

    if (p == NULL) {
        return 0;
    }

    n = p++ - m->line;

    if (n == 0 || m->line[n - 1] == ' ' || m->line[n - 1] == '\t') {
        return 0;
    }

    p = llm_multipart_blanks(p, last);

    if (llm_multipart_is(m->line, n, "content-disposition")) {
        return !m->named && llm_multipart_disposition(m, p, last);
    }

    if (llm_multipart_is(m->line, n, "content-transfer-encoding")) {
        n = llm_multipart_token(p, last) - p;

        m->coded = !llm_multipart_is(p, n, "7bit")
                   && !llm_multipart_is(p, n, "8bit")
                   && !llm_multipart_is(p, n, "binary");
    }

    return 1;
}


static int
llm_multipart_disposition(llm_multipart_t *m, const u_char *p,
    const u_char *last)
{
    int                     rc;
    const u_char           *type;
    llm_multipart_param_t   param;

    type = p;
    p = llm_multipart_token(p, last);

    if (!llm_multipart_is(type, p - type, "form-data")) {
        return 0;
    }

    while ((rc = llm_multipart_param(&p, last, &param)) == 1) {

        if (llm_multipart_is(param.name, param.name_len, "name")) {

            if (m->named || !llm_multipart_name(m, &param)) {
                return 0;
            }

        } else if (llm_multipart_is(param.name, param.name_len, "name*")) {
            return 0;

        } else if (llm_multipart_is(param.name, param.name_len, "filename")
                   || llm_multipart_is(param.name, param.name_len,
                                       "filename*"))
        {
            m->file = 1;
        }
    }

    return rc == 0 && m->named;
}


static int
llm_multipart_name(llm_multipart_t *m, const llm_multipart_param_t *param)
{
    size_t  i, n;

    n = 0;
    m->named = 1;

    for (i = 0; i < param->len; i++) {

        if (param->quoted && param->value[i] == '\\') {
            m->escaped = 1;
            i++;
        }

        if (n == LLM_MULTIPART_NAME) {
            return 1;
        }

        m->name[n++] = param->value[i];
    }

    m->name_len = n;

    return n != 0;
}


/* The next "; name=value" at *pp: returns 1; 0 where there is none; -1 where
   there is something else. */

static int
llm_multipart_param(const u_char **pp, const u_char *last,
    llm_multipart_param_t *param)
{
    const u_char  *p;

    p = llm_multipart_blanks(*pp, last);

    if (p == last) {
        return 0;
    }

    if (*p++ != ';') {
        return -1;
    }

    p = llm_multipart_blanks(p, last);

    if (p == last) {
        return 0;
    }

    param->name = p;

    while (p != last && *p != '=' && *p != ';' && *p != '"' && *p > ' ') {
        p++;
    }

    param->name_len = p - param->name;

    if (param->name_len == 0 || p == last || *p++ != '=') {
        return -1;
    }

    param->quoted = (p != last && *p == '"');

    if (!param->quoted) {
        param->value = p;
        p = llm_multipart_token(p, last);
        param->len = p - param->value;
        *pp = p;

        return 1;
    }

    param->value = ++p;

    for ( /* void */ ; p != last && *p != '"'; p++) {

        if (*p == '\\' && ++p == last) {
            return -1;
        }
    }

    if (p == last) {
        return -1;
    }

    param->len = p - param->value;
    *pp = p + 1;

    return 1;
}


/* The end of what begins here without quotes. */

static const u_char *
llm_multipart_token(const u_char *p, const u_char *last)
{
    while (p != last && *p > ' ' && *p != ';' && *p != ',' && *p != '"') {
        p++;
    }

    return p;
}


static const u_char *
llm_multipart_blanks(const u_char *p, const u_char *last)
{
    while (p != last && (*p == ' ' || *p == '\t')) {
        p++;
    }

    return p;
}


/* In any case of letters; word is in lower case. */

static int
llm_multipart_is(const u_char *p, size_t n, const char *word)
{
    size_t  i;

    if (n != strlen(word)) {
        return 0;
    }

    for (i = 0; i < n; i++) {

        if (p[i] != (u_char) word[i]
            && !(p[i] >= 'A' && p[i] <= 'Z'
                 && (p[i] | 0x20) == (u_char) word[i]))
        {
            return 0;
        }
    }

    return 1;
}
