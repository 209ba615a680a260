
/*
 * Copyright (C) the llm_quota authors
 */


#include "quota.h"


#define SIZE   LLM_ZONE_MIN
#define HOURS(n)  LLM_PERIOD(LLM_PERIOD_SECONDS, (n) * 3600)


typedef struct {
    uint32_t    hash;
    uint32_t    n;
} hashed_t;


/* The check of everything else here must see what it is for. */

static void
test_check(void)
{
    llm_index_t          i, n;
    const char          *error;
    llm_row_t            row;
    llm_ask_t            ask;
    llm_zone_t          *z;
    llm_clock_t          clock;
    llm_verdict_t        v;

    z = quota_zone(SIZE);
    quota_clock(&clock, QUOTA_WALL);
    quota_row(&row, "rpm=10 budget=5/day");
    quota_ask(&ask, LLM_RESERVE_ESTIMATE);
    ask.amount[LLM_COUNT_COST] = 7;
    quota_subject(z, &ask, LLM_SUBJECT_TEAM, "a", &row, 1);
    quota_subject(z, &ask, LLM_SUBJECT_USER, "b", &row, 0);

    (void) llm_zone_enter(z, 1, 5000);
    llm_admit(z, &clock, &ask, &v);
    llm_zone_leave(z);

    ok(quota_check(z) == NULL, "a sound zone is sound");

#define broken(change, back)                                                  \
    do {                                                                      \
        change;                                                               \
        error = quota_check(z);                                               \
        ok(error != NULL, "seen: %s (%s)", #change, error ? error : "");      \
        back;                                                                 \
        ok(quota_check(z) == NULL, "and put back");                           \
    } while (0)

    i = v.reservation;

    broken(z->owner = 1, z->owner = 0);
    broken(z->nundo = 1, z->nundo = 0);
    broken(z->subjects_left--, z->subjects_left++);
    broken(z->meters_left++, z->meters_left--);
    broken(z->minutes_left++, z->minutes_left--);
    broken(z->reservations_left--, z->reservations_left++);
    broken(n = z->free_meter; z->free_meter = llm_zone_meter(z, n)->next,
           z->free_meter = n);
    broken(n = z->free_subject; z->free_subject = 0, z->free_subject = n);
    broken(n = llm_zone_minute(z, z->free_minute)->next;
           llm_zone_minute(z, z->free_minute)->next = z->free_minute,
           llm_zone_minute(z, z->free_minute)->next = n);
    broken(llm_zone_reservation(z, i)->state = LLM_RESERVATION_SETTLED,
           llm_zone_reservation(z, i)->state = LLM_RESERVATION_HELD);
    broken(llm_zone_reservation(z, i)->state = LLM_RESERVATION_FREE,
           llm_zone_reservation(z, i)->state = LLM_RESERVATION_HELD);
    broken(llm_zone_subject(z, 0)->inflight++,
           llm_zone_subject(z, 0)->inflight--);
    broken(llm_zone_subject(z, 1)->reserved[LLM_COUNT_COST]--,
           llm_zone_subject(z, 1)->reserved[LLM_COUNT_COST]++);
    broken(llm_zone_subject(z, 1)->name[0]++,
           llm_zone_subject(z, 1)->name[0]--);
    broken(llm_zone_subject(z, 1)->used = 0, llm_zone_subject(z, 1)->used = 1);
    broken(n = llm_zone_subject(z, 0)->meters;
           llm_zone_subject(z, 0)->meters = LLM_NONE,
           llm_zone_subject(z, 0)->meters = n);
    broken(n = llm_zone_subject(z, 0)->minute;
           llm_zone_subject(z, 0)->minute = LLM_NONE,
           llm_zone_subject(z, 0)->minute = n);
    broken(llm_zone_meter(z, 0)->subject = 1,
           llm_zone_meter(z, 0)->subject = 0);
    broken(llm_zone_minute(z, 0)->window.sum[0]++,
           llm_zone_minute(z, 0)->window.sum[0]--);

    munmap(z, SIZE);
}


static void
test_layout(void)
{
    u_char              *mem;
    size_t               i, size;
    uint64_t             end;
    llm_zone_t          *z;
    static const u_char  random[24];
    static const size_t  sizes[] = { SIZE, SIZE + 8, 400008, 1 << 20,
                                     (8 << 20) - 4096, 64 << 20 };

    for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        size = sizes[i];

        /* of this very size, so that a byte beyond it is seen */

        mem = calloc(1, size);

        if (mem == NULL) {
            exit(1);
        }

        z = llm_zone_create(mem, size, random, 77);

        ok(z != NULL, "a zone of %zu bytes", size);

        end = z->buckets + (uint64_t) z->nbuckets * sizeof(uint32_t);

        ok(z->subjects >= sizeof(llm_zone_t)
           && z->meters >= z->subjects + z->nsubjects * sizeof(llm_subject_t)
           && z->minutes >= z->meters + z->nmeters * sizeof(llm_meter_t)
           && z->reservations
              >= z->minutes + z->nminutes * sizeof(llm_minute_t)
           && z->buckets
              >= z->reservations
                 + z->nreservations * sizeof(llm_reservation_t)
           && z->entities
              >= z->pendings + z->npendings * sizeof(llm_pending_t)
           && z->entity_buckets
              >= z->entities + z->nentities * sizeof(llm_entity_cell_t)
           && z->buckets
              >= z->entity_buckets + z->nentities * sizeof(uint32_t)
           && end <= size, "the arrays lie one after the other");

        ok(z->subjects % 8 == 0 && z->meters % 8 == 0 && z->minutes % 8 == 0
           && z->reservations % 8 == 0 && z->entities % 8 == 0
           && z->buckets % 4 == 0,
           "and are aligned");

        ok(z->nbuckets > z->nsubjects
           && (z->nbuckets & (z->nbuckets - 1)) == 0, "the hash is roomy");

        ok(z->nsubjects >= 60 && z->nreservations >= 30
           && z->nminutes == z->nsubjects && z->nmeters >= 3 * z->nsubjects,
           "%u subjects, %u reservations", z->nsubjects, z->nreservations);

        ok(size - end < size / 100 + 2048, "little is wasted: %llu",
           (unsigned long long) (size - end));

        ok(llm_zone_valid(z, size) && z->created == 77 && z->repairs == 0,
           "it is a zone");
        ok(!llm_zone_valid(z, size + 8), "not of another size");

        z->layout++;
        ok(!llm_zone_valid(z, size), "not of another layout");
        z->layout--;

        z->magic++;
        ok(!llm_zone_valid(z, size), "not of other magic");

        if (size <= 1 << 20) {
            ok(quota_check(z) == NULL, "it is sound");
        }

        free(mem);
    }

    mem = calloc(1, SIZE);

    if (mem == NULL) {
        exit(1);
    }

    ok(llm_zone_create(mem, SIZE - 1, random, 0) == NULL, "too small a zone");
    ok(!llm_zone_valid((llm_zone_t *) mem, SIZE), "zeros are no zone");

    free(mem);
}


static void
test_keys(void)
{
    u_char              name[512];
    llm_zone_t         *z;
    llm_subject_key_t   a, b;

    z = quota_zone(SIZE);

    memset(name, 'x', sizeof(name));

    ok(llm_zone_key(z, &a, LLM_SUBJECT_TEAM, name, 263, NULL, 0) == 0
       && a.len == 263, "the longest name");
    ok(llm_zone_key(z, &a, LLM_SUBJECT_TEAM, name, 264, NULL, 0) == -1,
       "one too long");
    ok(llm_zone_key(z, &a, LLM_SUBJECT_TEAM_USER, name, 128, name, 135) == 0
       && a.len == 264, "the longest pair");
    ok(llm_zone_key(z, &a, LLM_SUBJECT_TEAM_USER, name, 128, name, 136) == -1,
       "one too long");
    ok(llm_zone_key(z, &a, LLM_SUBJECT_TEAM, name, SIZE_MAX, NULL, 0) == -1
       && llm_zone_key(z, &a, LLM_SUBJECT_TEAM_USER, name, 1, name, SIZE_MAX)
          == -1
       && llm_zone_key(z, &a, LLM_SUBJECT_TEAM_USER, name, SIZE_MAX, name, 1)
          == -1, "lengths that wrap");
    ok(llm_zone_key(z, &a, LLM_SUBJECT_GLOBAL, NULL, 0, NULL, 0) == 0
       && a.len == 0, "no name");
    ok(llm_zone_key(z, &a, LLM_SUBJECT_TEAM_USER, name, 1, name, 0) == 0
       && a.len == 2, "a pair with nothing behind");

    /* what must not be taken for each other */

    llm_zone_key(z, &a, LLM_SUBJECT_TEAM_USER, (u_char *) "ab", 2,
                 (u_char *) "c", 1);
    llm_zone_key(z, &b, LLM_SUBJECT_TEAM_USER, (u_char *) "a", 1,
                 (u_char *) "bc", 2);
    ok(a.len == b.len && memcmp(a.name, b.name, a.len) != 0,
       "ab,c is not a,bc");

    quota_key(z, &a, LLM_SUBJECT_TEAM, "one");
    quota_key(z, &b, LLM_SUBJECT_USER, "one");
    ok(a.hash != b.hash, "a type has hashes of its own");

    (void) llm_zone_add_subject(z, &a);
    ok(llm_zone_find(z, &b) == LLM_NONE, "team:one is not user:one");

    /* even of the same hash */

    b.hash = a.hash;
    ok(llm_zone_find(z, &b) == LLM_NONE, "whatever the hash");

    b.type = a.type;
    b.len = 2;
    ok(llm_zone_find(z, &b) == LLM_NONE, "nor is team:on");

    munmap(z, SIZE);
}


static int
compare(const void *one, const void *two)
{
    const hashed_t *a = one, *b = two;

    return (a->hash > b->hash) - (a->hash < b->hash);
}


/* Names whose 32 bits of hash are all equal: by the birthday paradox there
   are many among 300,000. */

static void
test_collisions(void)
{
    char                name[16];
    uint32_t            i, n, found;
    hashed_t           *all;
    llm_zone_t         *z;
    llm_index_t         one, two;
    llm_subject_key_t   a, b;

    z = quota_zone(SIZE);
    n = 300000;
    all = malloc(n * sizeof(hashed_t));

    if (all == NULL) {
        exit(1);
    }

    for (i = 0; i < n; i++) {
        sprintf(name, "t%u", i);
        quota_key(z, &a, LLM_SUBJECT_TEAM, name);
        all[i].hash = a.hash;
        all[i].n = i;
    }

    qsort(all, n, sizeof(hashed_t), compare);

    found = 0;

    for (i = 1; i < n && found < 5; i++) {
        if (all[i].hash != all[i - 1].hash) {
            continue;
        }

        found++;

        sprintf(name, "t%u", all[i].n);
        quota_key(z, &a, LLM_SUBJECT_TEAM, name);
        sprintf(name, "t%u", all[i - 1].n);
        quota_key(z, &b, LLM_SUBJECT_TEAM, name);

        one = llm_zone_add_subject(z, &a);

        ok(llm_zone_find(z, &b) == LLM_NONE, "hash %08x: not the other",
           a.hash);

        two = llm_zone_add_subject(z, &b);

        ok(one != two && llm_zone_find(z, &a) == one
           && llm_zone_find(z, &b) == two, "hash %08x: both are found",
           a.hash);
    }

    ok(found == 5, "names of one hash");
    ok(quota_check(z) == NULL, "the zone is sound");

    llm_zone_repair(z);
    ok(quota_check(z) == NULL, "and is after a repair");

    /* about n * n / 2 / 2^32 pairs: far more were a hash that is not one */

    for (i = 1, found = 0; i < n; i++) {
        found += (all[i].hash == all[i - 1].hash);
    }

    ok(found < 40, "%u pairs of %u names: 10 are expected", found, n);

    free(all);
    munmap(z, SIZE);
}


/* Many names that share one chain. */

static void
test_chain(void)
{
    char                name[16];
    uint32_t            i, n, bucket;
    llm_zone_t         *z;
    llm_index_t         at[20];
    llm_subject_key_t   key[20];

    z = quota_zone(SIZE);
    bucket = 0;

    for (i = 0, n = 0; n < 20; i++) {
        sprintf(name, "t%u", i);
        quota_key(z, &key[n], LLM_SUBJECT_TEAM, name);

        if (n == 0) {
            bucket = key[0].hash & (z->nbuckets - 1);
        }

        if ((key[n].hash & (z->nbuckets - 1)) == bucket) {
            at[n] = llm_zone_add_subject(z, &key[n]);
            n++;
        }
    }

    for (i = 0, n = 0; i < 20; i++) {
        n += (llm_zone_find(z, &key[i]) == at[i]);
    }

    is_int(n, 20, "a chain of 20");

    llm_zone_repair(z);

    for (i = 0, n = 0; i < 20; i++) {
        n += (llm_zone_find(z, &key[i]) == at[i]);
    }

    is_int(n, 20, "and threaded again");
    ok(quota_check(z) == NULL, "it is sound");

    munmap(z, SIZE);
}


static void
test_exhaustion(void)
{
    char                name[16];
    uint8_t            *seen;
    uint32_t            i, n;
    llm_zone_t         *z;
    llm_index_t         at;
    llm_subject_key_t   key;

    z = quota_zone(SIZE);

    /* subjects */

    for (n = 0; /* void */ ; n++) {
        sprintf(name, "t%u", n);
        quota_key(z, &key, LLM_SUBJECT_TEAM, name);

        if (llm_zone_add_subject(z, &key) == LLM_NONE) {
            break;
        }
    }

    ok(n == z->nsubjects && z->subjects_left == 0, "all subjects: %u", n);
    ok(llm_zone_find(z, &key) == LLM_NONE, "and no other");

    for (i = 0, n = 0; i < z->nsubjects; i++) {
        sprintf(name, "t%u", i);
        quota_key(z, &key, LLM_SUBJECT_TEAM, name);
        n += (llm_zone_find(z, &key) != LLM_NONE);
    }

    is_int(n, z->nsubjects, "all are found");

    /* minutes, one for each */

    for (n = 0; llm_zone_add_minute(z, n % z->nsubjects) != LLM_NONE; n++) {
        /* void */
    }

    ok(n == z->nminutes && z->minutes_left == 0, "all minutes: %u", n);

    /* meters, three for each */

    for (n = 0;
         llm_zone_add_meter(z, n / 3, HOURS(n % 3 + 1), 0, 1) != LLM_NONE;
         n++)
    {
        if (n / 3 == z->nsubjects - 1 && n % 3 == 2) {
            n++;
            break;
        }
    }

    ok(n == z->nmeters && z->meters_left == 0, "all meters: %u", n);
    ok(llm_zone_add_meter(z, 0, HOURS(4), 0, 1) == LLM_NONE, "and no other");
    ok(quota_check(z) == NULL, "the zone is sound");

    /* reservations, in whatever order they are given back */

    seen = calloc(1, z->nreservations);

    if (seen == NULL) {
        exit(1);
    }

    for (n = 0; (at = llm_zone_add_reservation(z)) != LLM_NONE; n++) {
        if (at >= z->nreservations || seen[at]) {
            break;
        }

        seen[at] = 1;

        is_int(llm_zone_reservation(z, at)->id, n + 1, "id %u", n + 1);
        llm_zone_reservation(z, at)->state = LLM_RESERVATION_SETTLED;
    }

    ok(n == z->nreservations && z->reservations_left == 0,
       "all reservations: %u", n);

    for (i = 0; i < n; i += 2) {
        llm_zone_free_reservation(z, i);
    }

    ok(z->reservations_left == (n + 1) / 2 && quota_check(z) == NULL,
       "half of them given back");

    for (i = 0; i < n; i++) {
        llm_zone_free_reservation(z, i);
    }

    ok(z->reservations_left == n && quota_check(z) == NULL,
       "all of them, some twice");

    free(seen);

    /* what is held is no one's to give back */

    at = llm_zone_add_reservation(z);
    llm_zone_reservation(z, at)->state = LLM_RESERVATION_HELD;
    llm_zone_free_reservation(z, at);

    ok(llm_zone_reservation(z, at)->state == LLM_RESERVATION_HELD
       && z->reservations_left == n - 1, "but for one that is held");

    munmap(z, SIZE);
}


static void
test_workers(void)
{
    uint32_t       i, taken;
    llm_zone_t    *z;
    llm_worker_t   seen;

    z = quota_zone(SIZE);

    seen = z->workers[3];

    ok(llm_zone_take_worker(z, 3, &seen, 100, 7) == 1, "a free slot");
    ok(z->workers[3].pid == 100 && z->workers[3].started == 7
       && z->workers[3].generation == 1, "bears its owner");
    ok(llm_zone_take_worker(z, 3, &seen, 101, 8) == 0
       && z->workers[3].pid == 100, "is not taken by who saw it free");

    seen = z->workers[3];

    ok(llm_zone_take_worker(z, 3, &seen, 100, 9) == 1
       && z->workers[3].generation == 2,
       "a dead owner's: a new generation, though the pid be the same");

    seen.generation = 1;
    ok(llm_zone_take_worker(z, 3, &seen, 102, 9) == 0,
       "nor by who saw an older generation");

    for (i = 0, taken = 0; i < LLM_WORKERS; i++) {
        seen = z->workers[i];
        taken += llm_zone_take_worker(z, i, &seen, 1000 + i, 1);
    }

    is_int(taken, LLM_WORKERS, "every slot");

    munmap(z, SIZE);
}


static void
test_enter(void)
{
    int32_t       small[2];
    llm_zone_t   *z;
    llm_meter_t  *m;

    z = quota_zone(SIZE);

    ok(llm_zone_enter(z, 42, 1000) == 0 && z->owner == 42 && z->now == 1000,
       "enter");
    llm_zone_leave(z);
    ok(z->owner == 0, "leave");

    (void) llm_zone_enter(z, 42, 999);
    ok(z->now == 1000, "time does not go back");
    llm_zone_leave(z);

    /* the journal */

    m = llm_zone_meter(z, 5);
    m->settled[0] = 10;
    m->settled[1] = 11;
    m->loaded = 12;
    m->period = 13;

    (void) llm_zone_enter(z, 42, 1000);
    llm_zone_put64(z, &m->settled[0], 20);
    llm_zone_put64(z, &m->settled[0], -30);
    llm_zone_put32(z, &m->loaded, 40);
    ok(m->settled[0] == -30 && m->loaded == 40 && z->nundo == 3,
       "changes are there");

    ok(llm_zone_enter(z, 43, 2000) == 1 && z->owner == 43 && z->repairs == 1,
       "a dead owner is found");
    ok(m->settled[0] == 10 && m->settled[1] == 11 && m->loaded == 12
       && m->period == 13 && z->nundo == 0, "his change is undone");

    llm_zone_put64(z, &m->settled[0], 20);
    llm_zone_put32(z, &m->loaded, 40);
    llm_zone_commit(z);

    ok(llm_zone_enter(z, 44, 3000) == 1 && z->repairs == 2, "another one");
    ok(m->settled[0] == 20 && m->loaded == 40, "what he committed stays");
    llm_zone_leave(z);
    ok(llm_zone_enter(z, 44, 3000) == 0, "all is well again");
    llm_zone_leave(z);

    /* a word of 32 bits at the end of one of 64 leaves the other half */

    small[0] = 0x11111111;
    small[1] = 0x22222222;
    memcpy(&m->settled[3], small, sizeof(small));

    llm_zone_put32(z, (uint32_t *) &m->settled[3] + 1, 0x33333333);
    llm_zone_repair(z);

    ok(memcmp(&m->settled[3], small, sizeof(small)) == 0, "half a word");

    munmap(z, SIZE);
}


static void
test_estimates(void)
{
    char             name[LLM_MODEL_NAME + 2];
    uint32_t         i, n, mine;
    llm_zone_t      *z;
    llm_estimate_t  *e, *of[2000];

    z = quota_zone(SIZE);

    ok(llm_zone_estimate(z, (u_char *) "gpt", 3, 0) == &z->other,
       "nothing learned: the common one");

    e = llm_zone_estimate(z, (u_char *) "gpt", 3, 1);
    ok(e != &z->other && llm_zone_estimate(z, (u_char *) "gpt", 3, 0) == e
       && llm_zone_estimate(z, (u_char *) "gpt", 3, 1) == e,
       "created once, found again");

    ok(llm_zone_estimate(z, (u_char *) "gp", 2, 0) == &z->other,
       "a part of the name is another");
    ok(llm_zone_estimate(z, (u_char *) "", 0, 1) == &z->other, "no name");

    memset(name, 'm', sizeof(name));
    ok(llm_zone_estimate(z, (u_char *) name, LLM_MODEL_NAME, 1) != &z->other,
       "the longest name");
    ok(llm_zone_estimate(z, (u_char *) name, LLM_MODEL_NAME + 1, 1)
       == &z->other, "longer ones share");

    /* more models than there are slots */

    for (i = 0, mine = 0; i < 2000; i++) {
        if (i == LLM_MODELS / 2) {
            is_int(mine, i, "a table half full has room for all");
        }

        n = sprintf(name, "model-%u", i);
        of[i] = llm_zone_estimate(z, (u_char *) name, n, 1);

        if (of[i] != &z->other) {
            of[i]->in_ratio = i + 1;
            mine++;
        }
    }

    ok(mine <= LLM_MODELS - 2 && mine >= LLM_MODELS * 3 / 4,
       "%u of 2000 have a slot of their own", mine);

    for (i = 0, n = 0; i < 2000; i++) {
        n += (of[i] == llm_zone_estimate(z, (u_char *) name,
                                         sprintf(name, "model-%u", i), i % 2)
              && (of[i] == &z->other || of[i]->in_ratio == i + 1));
    }

    is_int(n, 2000, "each keeps what it had");

    /* slots that nobody taught for a minute are for others, the oldest first;
       those in use stay */

    z->now += LLM_MODEL_IDLE * 1000;

    for (i = 0; i < 2000; i++) {
        n = sprintf(name, "model-%u", i);

        if (of[i] != &z->other && i % 2) {
            of[i] = llm_zone_estimate(z, (u_char *) name, n, 1);
        }
    }

    for (i = 0, mine = 0; i < 2000; i++) {
        n = sprintf(name, "other-%u", i);
        e = llm_zone_estimate(z, (u_char *) name, n, 1);
        mine += (e != &z->other && e->in_ratio == 0 && e->out_mean == 0);
        e->in_ratio = 0;
    }

    ok(mine >= LLM_MODELS / 3 && mine <= LLM_MODELS * 2 / 3,
       "%u slots of models that are not in use changed hands", mine);

    for (i = 0, n = 0, mine = 0; i < 2000; i++) {
        e = llm_zone_estimate(z, (u_char *) name,
                              sprintf(name, "model-%u", i), 0);

        if (of[i] != &z->other && i % 2) {
            n += (e != of[i] || e->in_ratio != i + 1);
            mine++;
        }
    }

    is_int(n, 0, "those of %u models in use did not", mine);

    /* a worker that was killed while a slot changed hands leaves no gap */

    z->now += LLM_MODEL_IDLE * 1000;

    for (i = 0; i < LLM_MODELS; i++) {
        z->models[i].used += (i % 3) ? LLM_MODEL_IDLE : 0;
        z->models[i].len = (i % 3) ? z->models[i].len : LLM_MODEL_NAME + 1;
    }

    for (i = 0, n = 0; i < 2000; i++) {
        e = llm_zone_estimate(z, (u_char *) name,
                              sprintf(name, "model-%u", i), 0);
        n += (e != &z->other && e != of[i]);
    }

    is_int(n, 0, "nothing is found in the wrong place");

    e = llm_zone_estimate(z, (u_char *) "gpt-next", 8, 1);
    ok(e != &z->other && llm_zone_estimate(z, (u_char *) "gpt-next", 8, 0) == e,
       "and what it left is used again");

    munmap(z, SIZE);
}


int
main(void)
{
    test_check();
    test_layout();
    test_keys();
    test_collisions();
    test_chain();
    test_exhaustion();
    test_workers();
    test_enter();
    test_estimates();

    return tap_done();
}
