
/*
 * Copyright (C) the llm_quota authors
 */


#include <stdlib.h>
#include <string.h>

#include "llm_entity_doc.h"


/*
 * The input is a kind and an entity's document.  What is taken gives, laid
 * over any row, one that admission can rely on; what is not has its words.
 */


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
require(int cond)
{
    if (!cond) {
        abort();
    }
}


static void
check_row(const llm_row_t *row)
{
    unsigned            i, k, known;
    const llm_limit_t  *l, *m;

    require(row->nlimits <= LLM_ROW_LIMITS);
    require(row->nperiods <= LLM_ROW_PERIODS);
    require(row->nsoft >= 1 && row->soft[0] >= 1 && row->soft[0] <= 100);
    require(row->over <= 100);

    for (i = 0; i < row->nlimits; i++) {
        l = &row->limits[i];

        require(l->amount >= 0 && l->resource <= LLM_RESOURCE_COST);
        require(!l->minute || row->minute);

        for (k = 0; k < i; k++) {
            m = &row->limits[k];
            require(m->resource != l->resource || m->minute != l->minute
                    || m->period != l->period);
        }

        known = (l->minute || l->resource == LLM_RESOURCE_PARALLEL);

        for (k = 0; k < row->nperiods; k++) {
            known |= (row->periods[k] == l->period);
        }

        require(known);
    }
}


static void
check_overlay(const llm_record_t *record, llm_record_tag_e tag,
    const u_char *model, size_t n, const char *params)
{
    size_t     len;
    llm_row_t  row;

    llm_row_init(&row);

    for ( /* void */ ; *params; params += len) {
        params += strspn(params, " ");
        len = strcspn(params, " ");
        require(llm_row_param(&row, (const u_char *) params, len) == NULL);
    }

    (void) llm_row_done(&row);

    llm_record_overlay(&row, record, tag, model, n, 1775001600);
    check_row(&row);

    /* twice is as good as once */

    llm_record_overlay(&row, record, tag, model, n, INT64_MAX);
    check_row(&row);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char               error[LLM_ENTITY_ERROR];
    size_t             at;
    unsigned           i;
    llm_record_item_t  item;

    static llm_record_t       record;
    static const char *const  rows[] = {
        "", "rpm=5 tpm=9 budget=1/day budget=7 parallel=2 over=throttle:7%",
        "requests=3/day tokens=5/month budget=2/30d throttle=50% rpm=1"
    };

    if (size == 0) {
        return 0;
    }

    memset(error, 'x', sizeof(error));

    if (llm_entity_text(&record, data[0] % LLM_ENTITY_KINDS, data + 1,
                        size - 1, error)
        != 0)
    {
        require(error[0] != '\0' && memchr(error, '\0', sizeof(error)));
        return 0;
    }

    require(record.len <= LLM_RECORD_MAX);

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        check_overlay(&record, LLM_RECORD_LIMIT, NULL, 0, rows[i]);
        check_overlay(&record, LLM_RECORD_MEMBER_LIMIT, NULL, 0, rows[i]);

        for (at = 0; llm_record_next(&record, &at, &item); /* void */ ) {

            require(item.text + item.len <= record.data + record.len);

            if (item.tag == LLM_RECORD_MODEL_LIMIT && at < 2000) {
                require(llm_record_has_limits(&record, item.tag, item.text,
                                              item.len));
                check_overlay(&record, item.tag, item.text, item.len, rows[i]);
            }
        }

        require(at == record.len);
    }

    return 0;
}
