
/*
 * Copyright (C) the llm_quota authors
 */


#include "kill.h"


/*
 * The same of what is made over the admin API.
 */


static llm_record_t  record, none;


static void
act_put(void)
{
    enter();
    (void) llm_entity_put(z, LLM_ENTITY_TEAM, (const u_char *) "a", 1, 7,
                          &record);
    llm_zone_leave(z);
}


static void
act_delete(void)
{
    enter();
    (void) llm_entity_put(z, LLM_ENTITY_TEAM, (const u_char *) "a", 1, 8,
                          NULL);
    llm_zone_leave(z);
}


static void
act_new(void)
{
    enter();
    (void) llm_entity_put(z, LLM_ENTITY_TAG, (const u_char *) "new", 3, 9999,
                          &none);
    llm_zone_leave(z);
}


/* Two cells, with a period of its own. */

static void
prepare_record(void)
{
    unsigned           i;
    llm_record_item_t  item;

    memset(&item, 0, sizeof(item));

    record.len = 0;
    item.tag = LLM_RECORD_LIMIT;
    item.resource = LLM_RESOURCE_COST;
    item.period = LLM_PERIOD(LLM_PERIOD_DAYS, 11);
    item.amount = 12345;

    (void) llm_record_add(&record, &item);

    item.tag = LLM_RECORD_MODEL;
    item.text = (const u_char *) "a-model-with-some-name";
    item.len = 22;

    for (i = 0; i < 6; i++) {
        (void) llm_record_add(&record, &item);
    }
}


static void
prepare_entity(void)
{
    prepare_record();

    enter();
    (void) llm_entity_put(z, LLM_ENTITY_TEAM, (const u_char *) "a", 1, 5,
                          &none);
    (void) llm_entity_put(z, LLM_ENTITY_USER, (const u_char *) "a", 1, 6,
                          &none);
    llm_zone_leave(z);
}


static void
prepare_gone(void)
{
    prepare_entity();

    enter();
    (void) llm_entity_put(z, LLM_ENTITY_TEAM, (const u_char *) "a", 1, 6,
                          NULL);
    llm_zone_leave(z);
}


/* Until no cell is free but those that changes are kept for: the one that was
   deleted has to make room. */

static void
prepare_forget(void)
{
    char      name[16];
    int64_t   n;

    prepare_gone();
    pass(LLM_ENTITY_KEEP + 1);
    enter();

    for (n = 0; n < z->nentities; n++) {
        (void) sprintf(name, "%d", (int) n);

        if (z->entities_left <= z->nentities / 8) {
            break;
        }

        (void) llm_entity_put(z, LLM_ENTITY_KEY, (u_char *) name,
                              strlen(name), n + 9, &none);
    }

    llm_zone_leave(z);
}


static const operation_t  operations[] = {
    { "make an entity", prepare_record, act_put, 0, 0 },
    { "change an entity", prepare_entity, act_put, 0, 0 },
    { "delete an entity", prepare_entity, act_delete, 0, 0 },
    { "make one that was deleted", prepare_gone, act_put, 0, 0 },
    { "make one in another's place", prepare_forget, act_new, 1, 0 }
};


int
main(void)
{
    if (!kill_begin()) {
        return 0;
    }

    kill_all(operations, sizeof(operations) / sizeof(operations[0]));

    ok(caught[NO_REPAIR] > 50, "a zone that is not repaired is seen: %u",
       caught[NO_REPAIR]);
    ok(caught[NO_JOURNAL] > 0, "a repair without the journal: %u",
       caught[NO_JOURNAL]);

    return tap_done();
}
