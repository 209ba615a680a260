
/*
 * Copyright (C) the llm_quota authors
 */


#include "llm_evict.h"
#include "llm_load.h"
#include "world.h"


/*
 * A zone that is too small, against the plainest oracle: the list of all
 * requests.  The store is that part of it whose lines were written before a
 * carry; who is unknown is loaded from it.  Every decision is the one that the
 * whole list says.
 */


#define CUSTOMER  LLM_SUBJECT_CUSTOMER
#define DAY       LLM_PERIOD(LLM_PERIOD_DAYS, 1)

#define RUNS      12
#define STEPS     1500
#define NAMES     400
#define NAMED     4                       /* teams that have a row */
#define TEAMS     40
#define USERS     80                      /* the others are customers */


typedef struct {
    uint64_t         at;                  /* ms */
    uint64_t         done;                /* 0: in flight */
    int64_t          cost;
    int64_t          reserved;
    unsigned         who[3];              /* names */
    unsigned         nwho;
    unsigned         written:1;
    unsigned         stored:1;
    llm_index_t      index;
    uint64_t         id;
} event_t;


static event_t    events[STEPS];
static unsigned   nevents;
static unsigned   loaded[NAMED];
static int64_t    offset;                 /* of the wall from our time */
static llm_row_t  rows[NAMES];


static const char *
name_of(unsigned who)
{
    static char  name[16];

    (void) sprintf(name, "%u", who);

    return name;
}


static llm_subject_type_e
type_of(unsigned who)
{
    return (who < TEAMS) ? TEAM : (who < USERS) ? USER : CUSTOMER;
}


static int
is_there(unsigned who)
{
    return find(type_of(who), name_of(who)) != LLM_NONE;
}


static int
names(const event_t *e, unsigned who)
{
    unsigned  i;

    for (i = 0; i < e->nwho; i++) {
        if (e->who[i] == who) {
            return 1;
        }
    }

    return 0;
}


static int
is_today(uint64_t then)
{
    return ((int64_t) then + offset) / QUOTA_DAY
           == ((int64_t) now + offset) / QUOTA_DAY;
}


static int
may_pass(unsigned who)
{
    int64_t         n, requests, cost;
    unsigned        i;
    const event_t  *e;

    n = requests = cost = 0;

    for (i = 0; i < nevents; i++) {
        e = &events[i];

        if (!names(e, who)) {
            continue;
        }

        n += (e->at / 1000 + 60 >= now / 1000);
        requests += is_today(e->at);

        if (e->done == 0) {
            cost += e->reserved;

        } else if (is_today(e->done)) {
            cost += e->cost;
        }
    }

    for (i = 0; i < rows[who].nlimits; i++) {
        switch (rows[who].limits[i].resource) {

        case LLM_RESOURCE_COST:
            if (cost >= rows[who].limits[i].amount) {
                return 0;
            }

            break;

        default:
            if ((rows[who].limits[i].minute ? n : requests)
                >= rows[who].limits[i].amount)
            {
                return 0;
            }
        }
    }

    return 1;
}


static void
write_one(event_t *e)
{
    release(e->index);
    e->written = 1;
}


/* Lines that are written meanwhile may come along. */

static void
carry_some(void)
{
    unsigned  i;
    uint64_t  began;

    enter();
    began = z->now;
    llm_zone_leave(z);

    for (i = 0; i < nevents; i++) {
        events[i].stored |= events[i].written;
    }

    pass(quota_rnd(30));

    for (i = 0; i < nevents; i++) {

        if (events[i].done && !events[i].written && quota_rnd(2)) {
            write_one(&events[i]);
            events[i].stored = quota_rnd(2);
        }
    }

    z->carried = began;
}


static int
load_one(unsigned who)
{
    int                 rc;
    int64_t             end;
    unsigned            i;
    uint64_t            began;
    llm_load_t          rows_of;
    llm_subject_key_t   key;

    static const llm_period_t  day[] = { DAY };

    quota_key(z, &key, type_of(who), name_of(who));

    for ( ;; ) {
        if (llm_zone_find(z, &key) != LLM_NONE) {
            carry_some();
        }

        began = now;
        memset(&rows_of, 0, sizeof(llm_load_t));

        rows_of.period = DAY;
        llm_clock_period(&walls, DAY, &rows_of.start, &end);

        for (i = 0; i < nevents; i++) {

            if (!events[i].stored || !names(&events[i], who)) {
                continue;
            }

            rows_of.sum[LLM_COUNT_REQUESTS] += is_today(events[i].at);
            rows_of.sum[LLM_COUNT_COST] += is_today(events[i].done)
                                           ? events[i].cost : 0;
        }

        enter();

        if (llm_evict_since(z, key.hash, began)) {
            llm_zone_leave(z);
            pass(1);
            continue;
        }

        rc = llm_zone_load(z, &walls, &key, day, 1, &rows_of, 1);
        llm_zone_leave(z);

        return rc;
    }
}


typedef struct {
    unsigned         admitted;
    unsigned         refused;
    unsigned         full;
    unsigned         loads;
    unsigned         wrong;
    unsigned         strangers;           /* a named one was asked for again */
    unsigned         stopped;             /* for want of room, a known team */
    int64_t          evictions;
} tally_t;


static void
draw_rows(void)
{
    char      text[64];
    unsigned  i;

    for (i = 0; i < NAMES; i++) {
        (void) sprintf(text, "%srequests=%u/day budget=0.%09u/day",
                       (i % 5 == 0) ? "rpm=4 " : "",
                       (unsigned) (2 + quota_rnd(i < TEAMS ? 200 : 8)),
                       (unsigned) (1 + quota_rnd(i < TEAMS ? 2000 : 60)));

        quota_row(&rows[i], text);
        rows[i].named = (i < NAMED);
    }
}


static void
settle_one(void)
{
    unsigned  i, k;
    event_t  *e;

    k = quota_rnd(nevents);

    for (i = 0; i < nevents && events[(k + i) % nevents].done; i++) {
        /* void */
    }

    e = &events[(k + i) % nevents];

    if (e->done) {
        return;
    }

    e->cost = quota_rnd(20);
    e->done = now;

    (void) settle(e->index, e->id, 1, 1, e->cost);

    if (quota_rnd(4)) {
        write_one(e);
    }
}


static void
write_all(void)
{
    unsigned  i;

    for (i = 0; i < nevents; i++) {
        if (events[i].done && !events[i].written) {
            write_one(&events[i]);
        }
    }
}


static void
request(tally_t *tally)
{
    unsigned         i, who[3], n, pass_all, known;
    llm_ask_t        ask;
    event_t         *e;
    llm_decision_e   decision;

    n = 0;
    known = quota_rnd(2);
    who[n++] = known ? quota_rnd(NAMED) : quota_rnd(TEAMS);

    if (quota_rnd(2)) {
        who[n++] = TEAMS + quota_rnd(USERS - TEAMS);
    }

    if (quota_rnd(4)) {
        who[n++] = USERS + quota_rnd(quota_rnd(2) ? 30 : NAMES - USERS);
    }

    for ( ;; ) {
        quota_ask(&ask, LLM_RESERVE_ESTIMATE);

        pass_all = 1;

        for (i = 0; i < n; i++) {
            quota_subject(z, &ask, type_of(who[i]), name_of(who[i]),
                          &rows[who[i]], 0);
            pass_all &= may_pass(who[i]);
        }

        ask.amount[LLM_COUNT_COST] = 3;
        decision = admit(&ask);

        if (decision != LLM_UNKNOWN) {
            break;
        }

        for (i = 0; !(v.unknown & (1U << i)); i++) { /* void */ }

        tally->loads++;

        if (load_one(who[i]) != LLM_ROOM_MADE) {
            decision = LLM_FULL;
            break;
        }

        if (who[i] < NAMED) {
            tally->strangers += loaded[who[i]];
            loaded[who[i]] = 1;
        }
    }

    if (decision == LLM_FULL) {
        tally->full++;
        tally->stopped += (n == 1 && who[0] < NAMED
                           && is_there(who[0]));
        return;
    }

    tally->wrong += (decision != (pass_all ? LLM_ADMITTED : LLM_REFUSED));

    if (decision != LLM_ADMITTED) {
        tally->refused++;
        return;
    }

    tally->admitted++;

    e = &events[nevents++];
    memset(e, 0, sizeof(event_t));

    e->at = now;
    e->reserved = 3;
    e->nwho = n;
    memcpy(e->who, who, sizeof(who));
    e->index = v.reservation;
    e->id = v.id;
}


static void
test_oracle(void)
{
    unsigned    i, k, bad;
    tally_t     tally;
    const char *error;

    memset(&tally, 0, sizeof(tally_t));
    bad = 0;
    begin();

    for (i = 0; i < RUNS; i++) {
        munmap(z, SIZE);
        begin();
        z->stored = 1;
        offset = walls.wall - (int64_t) now;
        nevents = 0;
        memset(loaded, 0, sizeof(loaded));
        draw_rows();

        for (k = 0; k < STEPS; k++) {

            request(&tally);

            if (nevents && quota_rnd(3)) {
                settle_one();
            }

            switch (quota_rnd(24)) {

            case 0:
            case 1:
            case 2:
                carry_some();
                break;

            case 3:
                pass(quota_rnd(62000));
                break;

            case 4:
                write_all();
                break;

            case 5:
                if (quota_rnd(8) == 0) {
                    pass(quota_rnd(8) * HOUR);
                }

                break;

            default:
                pass(quota_rnd(20));
            }

            while (z->reservations_left < 4) {
                settle_one();
                write_all();
            }
        }

        error = quota_check(z);
        bad += (error != NULL);
        tally.evictions += z->evictions;
    }

    ok(tally.evictions > 1000 && tally.loads > 2000 && tally.refused > 1000,
       "%u admitted, %u refused, %u times no room, %u loads, %d left",
       tally.admitted, tally.refused, tally.full, tally.loads,
       (int) tally.evictions);
    is_int(tally.wrong, 0, "each decision is the oracle's");
    is_int(tally.strangers, 0, "whom a row names is loaded once");
    is_int(tally.stopped, 0, "and never stopped");
    is_int(bad, 0, "the zones are sound");
    finish();
}


int
main(void)
{
    test_oracle();

    return tap_done();
}
