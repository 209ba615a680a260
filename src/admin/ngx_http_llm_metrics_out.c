
/*
 * Copyright (C) the llm_quota authors
 */


#include "ngx_http_llm_metrics.h"
#include "llm_money.h"


/* What samples are made of; the buffer has room for it. */


void
ngx_http_llm_print(ngx_http_llm_scrape_t *s, const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    s->buf->last = ngx_vslprintf(s->buf->last, s->buf->end, fmt, args);
    va_end(args);
}


void
ngx_http_llm_print_name(ngx_http_llm_scrape_t *s,
    const ngx_http_llm_family_t *f)
{
    ngx_http_llm_print(s, "%s%s", f->name,
                       f->type == NGX_HTTP_LLM_COUNTER ? "_total" : "");
}


/* name is what comes before the value: a brace or a comma, and the label. */

void
ngx_http_llm_print_label(ngx_http_llm_scrape_t *s, const char *name,
    const u_char *p, size_t n)
{
    ngx_http_llm_print(s, "%s=\"", name);
    ngx_http_llm_print_escaped(s, p, n);
    ngx_http_llm_print(s, "\"");
}


void
ngx_http_llm_print_escaped(ngx_http_llm_scrape_t *s, const u_char *p,
    size_t n)
{
    u_char  *last;

    last = s->buf->last;

    for ( /* void */ ; n && s->buf->end - last >= 2; p++, n--) {

        switch (*p) {

        case '\n':
            *last++ = '\\';
            *last++ = 'n';
            break;

        case '"':
        case '\\':
            *last++ = '\\';
            *last++ = *p;
            break;

        default:
            *last++ = *p;
        }
    }

    s->buf->last = last;
}


void
ngx_http_llm_print_count(ngx_http_llm_scrape_t *s, int64_t n)
{
    ngx_http_llm_print(s, "} %L\n", n);
}


void
ngx_http_llm_print_money(ngx_http_llm_scrape_t *s, int64_t nano)
{
    u_char  money[LLM_MONEY_BUF];
    size_t  n;

    n = llm_money_print(money, nano);

    ngx_http_llm_print(s, "} %*s\n", n, money);
}
