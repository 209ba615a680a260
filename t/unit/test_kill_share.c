
/*
 * Copyright (C) the llm_quota authors
 */


#include "kill.h"
#include "share.h"


/* What makes a pair active in a class, or hungry. */

static const share_class_t  classes[] = { { "", 40, 1 }, { "prod", 60, 0 } };

static llm_row_t  model, none;
static llm_ask_t  sharer, starved;


static void
prepare_asks(void)
{
    share_set(classes, 2);

    quota_row(&model, "rpm=50 tpm=5000 share=key");
    share_ask(&sharer, LLM_RESERVE_STRICT, &model, "k", 1, 10, 20);

    quota_row(&none, "rpm=0 share=key");
    share_ask(&starved, LLM_RESERVE_STRICT, &none, "k", 0, 10, 20);
}


static void
act_share(void)
{
    (void) admit(&sharer);
}


/* A refusal that changes something. */

static void
act_starve(void)
{
    (void) admit(&starved);
}


static void
prepare_shared(void)
{
    act_share();
    act_starve();
    pass(1000);
    act_share();
}


static const operation_t  operations[] = {
    { "share, all new", prepare_nothing, act_share, 0, 0 },
    { "refuse, all new", prepare_nothing, act_starve, 0, 0 },
    { "refuse, a minute later", prepare_shared, act_starve, 62100, 0 },
    { "share, in another class", prepare_shared, act_share, 2100, 1 }
};


int
main(void)
{
    if (!kill_begin()) {
        return 0;
    }

    prepare_asks();
    kill_all(operations, sizeof(operations) / sizeof(operations[0]));

    ok(caught[NO_REPAIR] > 100, "a zone that is not repaired is seen: %u",
       caught[NO_REPAIR]);
    ok(caught[NO_JOURNAL] > 100, "a repair without the journal: %u",
       caught[NO_JOURNAL]);

    return tap_done();
}
