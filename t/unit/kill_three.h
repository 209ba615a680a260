
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _KILL_THREE_H_INCLUDED_
#define _KILL_THREE_H_INCLUDED_


#include "kill.h"


/* A request of three subjects, and one that is in flight among others. */

static llm_row_t    wide;
static llm_ask_t    three;
static llm_index_t  held;
static uint64_t     held_id;


static void
prepare_three(void)
{
    quota_row(&wide, "rpm=100 tpm=100k requests=1000/hour tokens=1m/day "
                     "budget=1/month budget=2/day parallel=50");

    quota_ask(&three, LLM_RESERVE_STRICT);
    quota_subject(z, &three, LLM_SUBJECT_GLOBAL, "", &wide, 0);
    quota_subject(z, &three, TEAM, "a", &wide, 1);
    quota_subject(z, &three, USER, "u", NULL, 1);

    three.amount[LLM_COUNT_INPUT] = 10;
    three.amount[LLM_COUNT_OUTPUT] = 20;
    three.amount[LLM_COUNT_COST] = 30;
    memcpy(three.expected, three.amount, sizeof(three.amount));
    three.started = 123456;
    three.worker = 3;
    three.name[LLM_NAME_TEAM] = (u_char *) "a";
    three.len[LLM_NAME_TEAM] = 1;
}


static void
act_admit(void)
{
    (void) admit(&three);
}


static void
act_release(void)
{
    release(held);
}


static void
prepare_held(void)
{
    act_admit();
    act_admit();
    held = v.reservation;
    held_id = v.id;
    act_admit();
}


#endif /* _KILL_THREE_H_INCLUDED_ */
