
/*
 * Copyright (C) the llm_quota authors
 */


#include "llm_admit.h"
#include "llm_claim.h"
#include "llm_cluster_sum.h"
#include "llm_load.h"
#include "llm_others.h"
#include "quota.h"


/* Limits that are strict between nodes: nothing is admitted unclaimed. */


#define DAY  LLM_PERIOD(LLM_PERIOD_DAYS, 1)


static llm_zone_t     *z;
static llm_row_t       row;
static llm_ask_t       ask;
static llm_clock_t     clock_now;
static llm_verdict_t   v;


static void
begin(const char *limits)
{
    const int64_t     none[LLM_COUNTS] = { 0, 0, 0, 0 };
    llm_meter_t      *m;
    llm_subject_t    *s;

    z = quota_zone(LLM_ZONE_MIN);
    z->now = 1000000;
    z->stored = 1;

    quota_clock(&clock_now, QUOTA_WALL + 12 * 3600000);
    quota_row(&row, limits);

    quota_ask(&ask, LLM_RESERVE_STRICT);
    quota_subject(z, &ask, LLM_SUBJECT_TEAM, "a", &row, 0);

    llm_others_start(z, 1);
    llm_claim_start(z, 1000);

    (void) llm_zone_load(z, &clock_now, &ask.subjects[0].key, row.periods,
                         row.nperiods, NULL, 0);
    (void) llm_others_want(z, &ask.subjects[0].key, row.periods, row.nperiods,
                           row.minute, 0);

    s = llm_zone_subject(z, llm_zone_find(z, &ask.subjects[0].key));
    m = llm_zone_find_meter(z, s, DAY);

    if (m) {
        llm_others_set(z, m, none, none);
    }

    if (s->minute != LLM_NONE) {
        llm_others_set_minute(z, llm_zone_minute(z, s->minute), none);
    }
}


static llm_claim_t *
claim(int minute)
{
    llm_subject_t  *s;

    s = llm_zone_subject(z, llm_zone_find(z, &ask.subjects[0].key));

    return minute ? &llm_zone_minute(z, s->minute)->claim
                  : &llm_zone_find_meter(z, s, DAY)->claim;
}


static int
admit(void)
{
    llm_admit(z, &clock_now, &ask, &v);

    return v.decision;
}


static void
test_budget(void)
{
    uint32_t       wanted;
    int64_t        want[LLM_COUNTS], bound[LLM_RESOURCES];
    llm_claim_t   *c;
    const int64_t  used[LLM_COUNTS] = { 2, 0, 0, 20 };
    const int64_t  have[LLM_COUNTS] = { 0, 0, 0, 25 };
    const int64_t  more[LLM_COUNTS] = { 0, 0, 0, 145 };

    begin("budget=0.000000100/day");
    ask.amount[LLM_COUNT_COST] = 10;
    c = claim(0);
    wanted = z->wanted;

    is_int(admit(), LLM_UNKNOWN, "without a claim it waits");
    is_int(v.unknown, 0, "not for its sums");
    is_int(v.wanted, wanted + 1, "and says so");
    is_int(c->want[LLM_COUNT_COST], 10, "what it wants");
    is_int(c->bound[LLM_RESOURCE_COST], 100, "and what bounds it");

    llm_claim_take(c, have, want, bound);
    is_int(want[LLM_COUNT_COST], 35, "what is used already is asked for, too");
    is_int(bound[LLM_RESOURCE_COST], 100, "within the limit");
    ok(!llm_claim_is_active(c), "once");

    llm_claim_grant(z, c, have, have, 0);
    is_int(admit(), LLM_ADMITTED, "with a claim it passes");
    is_int(admit(), LLM_ADMITTED, "twice");
    is_int(admit(), LLM_UNKNOWN, "and not a third time");

    is_int(c->slice[LLM_COUNT_COST], 0, "nothing was granted ahead");

    llm_claim_take(c, used, want, bound);
    is_int(want[LLM_COUNT_COST], 5, "what there is need not be asked for");

    llm_claim_grant(z, c, more, want, 0);
    is_int(c->slice[LLM_COUNT_COST], 115, "the rest of a grant is ahead");

    ask.dry_run = 1;
    llm_claim_grant(z, c, have, want, 0);
    is_int(admit(), LLM_ADMITTED, "a dry run does not wait");

    ask.dry_run = 0;
    ask.blind = 1;
    is_int(admit(), LLM_ADMITTED, "nor does who cannot");

    ask.blind = 0;
    llm_others_reached(z, 0);
    is_int(admit(), LLM_ADMITTED, "nor anybody while nobody can grant");
}


static void
test_settle(void)
{
    llm_claim_t   *c;
    const int64_t  used[LLM_COUNTS] = { 5, 5, 5, 50 };
    const int64_t  have[LLM_COUNTS] = { 0, 9, 5, 60 };

    begin("budget=1/day");
    c = claim(0);

    llm_claim_grant(z, c, have, used, 0);

    llm_claim_settle(z, c, used, 0);
    is_int(c->have[0], 5, "a claim is not less than is used");
    is_int(c->have[3], 60, "but more while it is");

    llm_claim_settle(z, c, used, 1);
    is_int(c->have[1], 5, "idle, not more");
    is_int(c->have[3], 50, "of anything");
}


/* What a reset takes off may be another's: less than nothing is left here. */

static void
test_below(void)
{
    llm_meter_t    *m;
    llm_claim_t    *c;
    llm_subject_t  *s;
    const int64_t   used[LLM_COUNTS] = { 0, 0, 0, -50 };
    const int64_t   have[LLM_COUNTS] = { 1, 0, 0, -40 };
    const int64_t   want[LLM_COUNTS] = { 0, 0, 0, 10 };

    begin("budget=0.000000100/day");
    ask.amount[LLM_COUNT_COST] = 10;
    c = claim(0);

    s = llm_zone_subject(z, llm_zone_find(z, &ask.subjects[0].key));
    m = llm_zone_find_meter(z, s, DAY);
    m->settled[LLM_COUNT_COST] = -50;

    is_int(admit(), LLM_UNKNOWN, "to have used nothing is no claim");
    is_int(c->want[LLM_COUNT_COST], 10, "it is asked for");

    llm_claim_settle(z, c, used, 0);
    is_int(c->have[LLM_COUNT_COST], -50, "nor is it told of as one");

    llm_claim_grant(z, c, have, want, 0);
    is_int(admit(), LLM_ADMITTED, "what is granted is one");
    is_int(admit(), LLM_UNKNOWN, "and no more");

    llm_claim_settle(z, c, used, 0);
    is_int(c->have[LLM_COUNT_COST], -40, "which is kept while it is in use");

    quota_clock(&clock_now, QUOTA_WALL + 36 * 3600000);
    llm_zone_roll(z, &clock_now, s);
    m->settled[LLM_COUNT_COST] = -50;
    is_int(admit(), LLM_UNKNOWN, "in another period it is none");
}


static void
test_minute(void)
{
    llm_claim_t   *c;
    const int64_t  have[LLM_COUNTS] = { 9, 0, 0, 0 };
    const int64_t  none[LLM_COUNTS] = { 0, 0, 0, 0 };

    begin("rpm=10 tpm=1000 otpm=100");
    ask.amount[LLM_COUNT_INPUT] = 7;
    ask.amount[LLM_COUNT_OUTPUT] = 3;
    c = claim(1);

    is_int(admit(), LLM_UNKNOWN, "a rate waits");
    is_int(c->want[LLM_COUNT_OUTPUT], 3, "what two limits bear on is wanted "
           "once");
    is_int(c->want[LLM_COUNT_INPUT], 7, "like the rest");
    is_int(c->bound[LLM_RESOURCE_OUTPUT], 100, "both");
    is_int(c->bound[LLM_RESOURCE_TOKENS], 1000, "bind it");

    begin("rpm=10");
    c = claim(1);

    llm_claim_grant(z, c, have, none, z->now + 2);
    is_int(admit(), LLM_ADMITTED, "a claim on a minute is good");

    z->now += 2;
    is_int(admit(), LLM_UNKNOWN, "for a while");

    llm_claim_grant(z, c, have, none, z->now + 100);
    c->want[0] = 0;
    c->slice[0] = 8;

    while (c->want[0] == 0 && admit() == LLM_ADMITTED) {
        /* void */
    }

    is_int(v.decision, LLM_ADMITTED, "where it runs low nobody waits");
    is_int(c->want[0], 1, "for more");
}


static void
test_sum(void)
{
    int64_t            others[LLM_REDIS_SUMS], claimed[LLM_REDIS_SUMS];
    llm_redis_share_t  own, shares[4];

    memset(&own, 0, sizeof(own));
    memset(shares, 0, sizeof(shares));

    own.node = 0xa;
    own.sum[0] = 1;
    own.sum[1] = 1;
    own.sum[2] = 1;
    own.sum[3] = 1;

    shares[0].node = 0xa;
    shares[0].sum[0] = 4;
    shares[1].node = 0xa;
    shares[1].claim = 1;
    shares[1].sum[0] = 50;
    shares[2].node = 0xb;
    shares[2].claim = 1;
    shares[2].sum[0] = 9;
    shares[2].sum[1] = 2;
    shares[3].node = 0xb;
    shares[3].sum[0] = 5;
    shares[3].sum[1] = 6;

    ok(llm_cluster_sum(shares, 4, &own, 0, 0, others, claimed) == INT64_MAX,
       "sums of periods stay");
    is_int(others[0], 3 + 9, "a claim counts where it is more, not the own");
    is_int(others[1], 6, "else what was published");
    is_int(claimed[0], 4, "of which nobody has settled this");
    is_int(claimed[1], 0, "and nothing");

    shares[3].sum[1] = -7;
    shares[0].sum[1] = -3;

    (void) llm_cluster_sum(shares, 4, &own, 0, 0, others, claimed);
    is_int(others[1], -7 + 2 + 7, "a claim on what was reset is more");

    shares[2].sum[1] = 0;

    (void) llm_cluster_sum(shares, 4, &own, 0, 0, others, claimed);
    is_int(others[1], 0, "or holds back what may be used of it");
    is_int(claimed[1], 7, "all of which is claimed only");

    shares[2].sum[1] = -7;

    (void) llm_cluster_sum(shares, 4, &own, 0, 0, others, claimed);
    is_int(others[1], -7, "a reset by another takes from all");

    shares[0].order = 1;

    (void) llm_cluster_sum(shares, 4, &own, 0, 0, others, claimed);
    is_int(others[1], -7 - 3 - 1, "so does the own, of a later generation");

    shares[0].order = 0;
    shares[0].sum[1] = 0;
    shares[2].sum[1] = 2;
    shares[3].sum[1] = 6;

    shares[2].time = 1000;
    shares[3].time = 1000;

    is_int(llm_cluster_sum(shares, 4, &own, 1, 61999, others, claimed), 1,
           "what was published in a minute leaves first");
    is_int(others[0], 9, "of both");

    (void) llm_cluster_sum(shares, 4, &own, 1, 62000, others, claimed);
    is_int(others[1], 2, "then the claim counts");

    (void) llm_cluster_sum(shares, 4, &own, 1, 82000, others, claimed);
    is_int(others[0] + others[1], 0, "for as long as it may be used");
}


int
main(void)
{
    test_budget();
    test_settle();
    test_below();
    test_minute();
    test_sum();

    return tap_done();
}
