
/*
 * Copyright (C) the llm_quota authors
 */


#include <string.h>

#include "llm_carry.h"


/* Of lines that are no usage: what they say, and the rows of the audit that
   they come to. */


int
llm_carry_subject_type(const llm_line_text_t *name)
{
    int          type;
    const char  *known;

    for (type = 0; type < LLM_SUBJECT_TYPES; type++) {
        known = llm_subject_name(type);

        if (strlen(known) == name->len
            && memcmp(known, name->data, name->len) == 0)
        {
            return type;
        }
    }

    return -1;
}


int
llm_carry_period(const llm_line_text_t *name, llm_period_t *period)
{
    if (name->len == 0) {
        *period = LLM_PERIOD_FOREVER;
        return 0;
    }

    return llm_period_parse(name->data, name->len, period);
}


int
llm_carry_note(llm_store_op_t *op, const llm_entry_t *e,
    llm_store_note_t *note)
{
    int               type;
    u_char            name[LLM_STORE_ID_MAX];
    unsigned          i;
    llm_store_text_t  id;

    struct {
        llm_store_text_t        *to;
        const llm_line_text_t   *from;
    } texts[] = {
        { &note->actor.who, &e->text[LLM_ENTRY_WHO] },
        { &note->actor.key, &e->text[LLM_ENTRY_WHO_KEY] },
        { &note->actor.address, &e->text[LLM_ENTRY_ADDRESS] },
        { &note->actor.reason, &e->text[LLM_ENTRY_REASON] },
        { &note->action, &e->text[LLM_ENTRY_TYPE] },
        { &note->after, &e->line }
    };

    type = LLM_SUBJECT_TEAM;

    if (e->reset) {
        type = llm_carry_subject_type(&e->text[LLM_ENTRY_SUBJECT]);

    } else {

        /* found by whom it names first */

        while (type < LLM_SUBJECT_MODEL
               && e->text[LLM_ENTRY_TEAM + type - LLM_SUBJECT_TEAM].len == 0)
        {
            type++;
        }
    }

    if (type == -1 || !llm_carry_id(e, type, name, &id)) {
        type = LLM_SUBJECT_GLOBAL;
        id.data = name;
        id.len = 0;
    }

    note->kind.data = (const u_char *) llm_subject_name(type);
    note->kind.len = strlen(llm_subject_name(type));

    if (llm_line_read_time(e->text[LLM_ENTRY_MADE].data,
                           e->text[LLM_ENTRY_MADE].len, &note->time)
        != 0)
    {
        note->time = e->timestamp;
    }

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (llm_store_copy(op, texts[i].to, texts[i].from->data,
                           texts[i].from->len)
            != 0)
        {
            return -1;
        }
    }

    return llm_store_copy(op, &note->id, id.data, id.len);
}
