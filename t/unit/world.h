
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _WORLD_H_INCLUDED_
#define _WORLD_H_INCLUDED_


#include "quota.h"


/* The world of one worker: a zone, his clock, the time, and the last
   verdict. */

#define SIZE   LLM_ZONE_MIN
#define HOUR   3600000LL
#define USD    1000000000LL
#define TEAM   LLM_SUBJECT_TEAM
#define USER   LLM_SUBJECT_USER
#define NEVER  INT64_MAX


static llm_zone_t    *z;
static llm_clock_t    walls;
static uint64_t       now;            /* ms, monotonic */
static llm_verdict_t  v;


__attribute__((unused)) static void
begin(void)
{
    z = quota_zone(SIZE);
    quota_clock(&walls, QUOTA_WALL + 12 * HOUR);
    now = 7000500;
}


__attribute__((unused)) static void
finish(void)
{
    const char  *error;

    error = quota_check(z);

    ok(error == NULL, "and the zone is sound%s%s", error ? ": " : "",
       error ? error : "");

    munmap(z, SIZE);
}


__attribute__((unused)) static void
enter(void)
{
    (void) llm_zone_enter(z, 1, now);
}


__attribute__((unused)) static void
pass(int64_t ms)
{
    now += ms;
    llm_clock_set(&walls, walls.wall + ms);
}


__attribute__((unused)) static llm_decision_e
admit(const llm_ask_t *ask)
{
    enter();
    llm_admit(z, &walls, ask, &v);
    llm_zone_leave(z);

    return v.decision;
}


__attribute__((unused)) static llm_decision_e
early(const llm_ask_t *ask, int budgets)
{
    enter();
    llm_admit_early(z, &walls, ask, budgets, &v);
    llm_zone_leave(z);

    return v.decision;
}


__attribute__((unused)) static int
settle(llm_index_t i, uint64_t id, int64_t input, int64_t output,
    int64_t cost)
{
    int               rc;
    llm_settlement_t  s;

    memset(&s, 0, sizeof(llm_settlement_t));

    s.usage.input = input;
    s.usage.output = output;
    s.window_input = input;
    s.cost = cost;

    enter();
    rc = llm_settle(z, &walls, i, id, &s);
    llm_zone_leave(z);

    return rc;
}


/* The last reservation settled, as one whose answer is still to be made. */

static llm_index_t       gone;
static llm_settlement_t  pending_as;


__attribute__((unused)) static int
settle_pending(const char *name)
{
    int  rc;

    memset(&pending_as, 0, sizeof(llm_settlement_t));

    pending_as.timestamp = walls.wall;
    pending_as.source = LLM_SOURCE_PENDING;

    enter();
    rc = llm_pending_settle(z, &walls, v.reservation, v.id,
                            (const u_char *) name, strlen(name), 0,
                            &pending_as, &gone);
    llm_zone_leave(z);

    return rc;
}


__attribute__((unused)) static llm_index_t
find_pending(const char *name)
{
    return llm_pending_find(z, (const u_char *) name, strlen(name));
}


__attribute__((unused)) static llm_index_t
charge_pending(llm_index_t i, uint64_t of, int64_t input, int64_t output,
    int64_t cost)
{
    llm_index_t       k;
    llm_settlement_t  s;

    memset(&s, 0, sizeof(llm_settlement_t));

    s.usage.input = input;
    s.usage.output = output;
    s.window_input = input;
    s.cost = cost;
    s.timestamp = walls.wall;

    enter();
    k = llm_pending_charge(z, &walls, i, of, 3, &s);
    llm_zone_leave(z);

    return k;
}


/* What the store has of an answer to a request of the team a and the user u,
   of the epoch, is charged here. */

__attribute__((unused)) static llm_index_t
restore_pending(const char *name, uint64_t epoch, uint64_t number, int seen,
    int64_t n)
{
    llm_index_t        k;
    llm_settlement_t   s;
    llm_pending_row_t  from;

    memset(&s, 0, sizeof(llm_settlement_t));
    memset(&from, 0, sizeof(llm_pending_row_t));

    s.usage.input = n;
    s.usage.output = n;
    s.window_input = n;
    s.cost = n;
    s.timestamp = walls.wall;

    from.id = (const u_char *) name;
    from.id_len = strlen(name);
    from.epoch = epoch;
    from.number = number;
    from.started = walls.wall - 5000;
    from.seen = seen;
    from.nkeys = 2;
    from.name[LLM_NAME_TEAM] = (const u_char *) "a";
    from.len[LLM_NAME_TEAM] = 1;
    from.name[LLM_NAME_USER] = (const u_char *) "u";
    from.len[LLM_NAME_USER] = 1;

    quota_key(z, &from.keys[0], TEAM, "a");
    quota_key(z, &from.keys[1], USER, "u");

    enter();
    k = llm_pending_restore(z, &walls, &from, 3, &s);
    llm_zone_leave(z);

    return k;
}


__attribute__((unused)) static llm_index_t
sweep_pending(void)
{
    llm_index_t  i;

    enter();
    i = llm_pending_sweep(z, &walls, 3, walls.wall);
    llm_zone_leave(z);

    return i;
}


__attribute__((unused)) static void
release(llm_index_t i)
{
    enter();
    llm_zone_free_reservation(z, i);
    llm_zone_leave(z);
}


__attribute__((unused)) static int64_t
used(llm_subject_type_e type, const char *name, const char *limit)
{
    llm_row_t           row;
    llm_standing_t      s;
    llm_subject_key_t   key;

    quota_row(&row, limit);
    quota_key(z, &key, type, name);

    enter();
    llm_standing(z, &walls, &key, &row.limits[0], &s);
    llm_zone_leave(z);

    return s.used;
}


__attribute__((unused)) static llm_index_t
find(llm_subject_type_e type, const char *name)
{
    llm_subject_key_t  key;

    quota_key(z, &key, type, name);

    return llm_zone_find(z, &key);
}


/* An ask of one team. */

__attribute__((unused)) static void
team(llm_ask_t *ask, llm_reserve_e reserve, const llm_row_t *row,
    int64_t input, int64_t output, int64_t cost)
{
    quota_ask(ask, reserve);
    quota_subject(z, ask, TEAM, "a", row, 1);

    ask->amount[LLM_COUNT_INPUT] = input;
    ask->amount[LLM_COUNT_OUTPUT] = output;
    ask->amount[LLM_COUNT_COST] = cost;
}


#endif /* _WORLD_H_INCLUDED_ */
