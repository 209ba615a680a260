
/*
 * Copyright (C) the llm_quota authors
 */


#include <stdio.h>
#include <string.h>

#include "llm_doc.h"
#include "llm_entity_doc.h"
#include "llm_price_entry.h"
#include "llm_text.h"
#include "llm_time.h"


/* A member that may stand in metadata instead. */

const json_t *
llm_doc_get(llm_doc_t *d, const char *name)
{
    const json_t  *value;

    value = json_object_get(d->doc, name);

    if (value == NULL) {
        value = json_object_get(json_object_get(d->doc, "metadata"), name);
    }

    return value;
}


const json_t *
llm_doc_first(const json_t *object, const char *const *names,
    const char **name)
{
    unsigned       i;
    const json_t  *value;

    for (i = 0; i < 2 && names[i]; i++) {
        value = json_object_get(object, names[i]);

        if (value) {
            *name = names[i];
            return value;
        }
    }

    return NULL;
}


/* A whole number, or null: clients write it as they have it, 10 or 10.0. */

int
llm_doc_count(llm_doc_t *d, const json_t *value, const char *name,
    llm_record_item_t *item)
{
    int64_t  milli;

    if (json_is_null(value)) {
        item->amount = LLM_RECORD_LIFTED;

    } else if (json_is_integer(value) && json_integer_value(value) >= 0) {
        item->amount = json_integer_value(value);

    } else if (json_is_real(value)
               && llm_price_decimal(value, 3, &milli) == 0
               && milli % LLM_DOC_MILLI == 0)
    {
        item->amount = milli / LLM_DOC_MILLI;

    } else {
        return llm_doc_wrong(d, name, "is no limit: use a whole number of at "
                             "least 0, or null for none");
    }

    return llm_doc_add(d, item);
}


int
llm_doc_money(llm_doc_t *d, const json_t *value, const char *name,
    int64_t *amount)
{
    switch (llm_price_decimal(value, 9, amount)) {

    case 0:
        return 0;

    case -2:
        return llm_doc_wrong(d, name, "is negative: use at least 0");

    case -3:
        return llm_doc_wrong(d, name, "is too large");

    default: /* -1 */
        return llm_doc_wrong(d, name, "is no amount of USD, such as 100 or "
                             "0.5");
    }
}


int
llm_doc_time(llm_doc_t *d, const json_t *value, const char *name,
    int64_t *seconds)
{
    if (!json_is_string(value)
        || llm_time_parse((const u_char *) json_string_value(value),
                          json_string_length(value), seconds)
           != 0
        || *seconds < 0)
    {
        return llm_doc_wrong(d, name, "is no date or time after 1970, such as "
                             "2026-12-31 or 2026-12-31T18:00:00Z");
    }

    return 0;
}


/* null is as empty as an empty one. */

int
llm_doc_text(llm_doc_t *d, const json_t *value, const char *name,
    llm_record_item_t *item)
{
    if (json_is_null(value)) {
        return 0;
    }

    item->text = (const u_char *) json_string_value(value);
    item->len = json_string_length(value);

    if (item->text == NULL
        || (item->len && !llm_text_is_id(item->text, item->len)))
    {
        return llm_doc_wrong(d, name, "is no name: use 1 to 128 printable "
                             "bytes");
    }

    return 0;
}


int
llm_doc_add(llm_doc_t *d, const llm_record_item_t *item)
{
    if (item->tag == LLM_RECORD_MODEL_LIMIT
        && !llm_text_is_id(item->text, item->len))
    {
        return llm_doc_wrong(d, "the limits of models", "name what is no "
                             "model: use 1 to 128 printable bytes");
    }

    if (llm_record_add(d->record, item) != 0) {
        return llm_doc_wrong(d, "the document", "has more models and limits "
                             "than there is room for");
    }

    return 0;
}


int
llm_doc_wrong(llm_doc_t *d, const char *name, const char *what)
{
    (void) snprintf(d->error, LLM_ENTITY_ERROR, "%s %s", name, what);

    return -1;
}
