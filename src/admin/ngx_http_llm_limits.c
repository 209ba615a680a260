
/*
 * Copyright (C) the llm_quota authors
 */


#include "ngx_http_llm_limits.h"


static void ngx_http_llm_limits_row(void *data, const llm_row_t *row);


const char  *ngx_http_llm_resources[] = {
    "requests", "tokens", "input_tokens", "output_tokens", "parallel", "cost"
};


void
ngx_http_llm_limits_of(ngx_http_llm_admin_zone_t *zone, llm_subject_type_e type,
    const u_char *name, size_t len, ngx_http_llm_limits_t *limits)
{
    limits->n = 0;

    zone->rows(zone->rows_data, type, name, len, ngx_http_llm_limits_row,
               limits);
}


static void
ngx_http_llm_limits_row(void *data, const llm_row_t *row)
{
    ngx_http_llm_limits_t *limits = data;

    ngx_uint_t          i, n;
    const llm_limit_t  *limit;

    for (i = 0; i < row->nlimits; i++) {
        limit = &row->limits[i];

        for (n = 0; n < limits->n; n++) {

            if (limits->limits[n].resource == limit->resource
                && limits->limits[n].minute == limit->minute
                && limits->limits[n].period == limit->period)
            {
                break;
            }
        }

        if (n == NGX_HTTP_LLM_LIMITS) {
            return;
        }

        if (n == limits->n) {
            limits->limits[limits->n++] = *limit;

        } else if (limit->amount < limits->limits[n].amount) {
            limits->limits[n] = *limit;
        }
    }
}
