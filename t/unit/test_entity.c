
/*
 * Copyright (C) the llm_quota authors
 */


#include <string.h>

#include "world.h"


/*
 * Entities in the zone: put, found, changed, deleted, in whatever order the
 * versions come; a zone that is full; an oracle beside it.
 */


#define IDS      48
#define TEXT(s)  (const u_char *) (s), sizeof(s) - 1


/* What the oracle knows of one entity. */

typedef struct {
    int64_t                  version;
    llm_entity_state_e       state;
    size_t                   len;
    u_char                   fill;
} known_t;


static llm_record_t  record, got;


/* A record of so many bytes, as good as any. */

static const llm_record_t *
filled(size_t len, u_char fill)
{
    record.len = len;
    memset(record.data, fill, len);

    return &record;
}


static const llm_record_t *
budget(llm_record_tag_e tag, llm_period_t period)
{
    llm_record_item_t  item;

    memset(&item, 0, sizeof(item));

    item.tag = tag;
    item.resource = LLM_RESOURCE_COST;
    item.period = period;
    item.amount = 1;

    record.len = 0;
    (void) llm_record_add(&record, &item);

    return &record;
}


static llm_entity_put_e
put(llm_entity_kind_e kind, const char *id, int64_t version,
    const llm_record_t *r)
{
    return llm_entity_put(z, kind, (const u_char *) id, strlen(id), version,
                          r);
}


static llm_entity_state_e
get(llm_entity_kind_e kind, const char *id)
{
    return llm_entity_get(z, kind, (const u_char *) id, strlen(id), &got);
}


static void
open_zone(size_t size)
{
    z = quota_zone(size);
    now = 7000500;
    enter();
}


static void
close_zone(size_t size)
{
    const char  *error;

    llm_zone_leave(z);
    error = quota_check(z);

    ok(error == NULL, "and the zone is sound%s%s", error ? ": " : "",
       error ? error : "");

    munmap(z, size);
}


static void
test_put(void)
{
    uint64_t  changes;

    open_zone(SIZE);

    is_int(llm_entity_changes(z), 0, "nothing was ever there");
    is_int(get(LLM_ENTITY_TEAM, "a"), LLM_ENTITY_FREE, "nor is it now");

    is_int(put(LLM_ENTITY_TEAM, "a", 5, filled(10, 'x')), LLM_ENTITY_DONE,
           "one");
    is_int(get(LLM_ENTITY_TEAM, "a"), LLM_ENTITY_LIVE, "is found");
    ok(got.len == 10 && got.data[9] == 'x', "as it is");
    is_int(get(LLM_ENTITY_USER, "a"), LLM_ENTITY_FREE, "not of another kind");
    is_int(get(LLM_ENTITY_TEAM, "A"), LLM_ENTITY_FREE, "nor another name");
    is_int(llm_entity_count(z, LLM_ENTITY_TEAM), 1, "it is one");

    changes = llm_entity_changes(z);

    is_int(put(LLM_ENTITY_TEAM, "a", 5, filled(3, 'y')), LLM_ENTITY_OLD,
           "the same version again");
    is_int(put(LLM_ENTITY_TEAM, "a", 4, NULL), LLM_ENTITY_OLD, "an older one");
    ok(llm_entity_changes(z) == changes && get(LLM_ENTITY_TEAM, "a")
       == LLM_ENTITY_LIVE && got.len == 10, "change nothing");

    is_int(put(LLM_ENTITY_TEAM, "a", 6, filled(3000, 'z')), LLM_ENTITY_DONE,
           "it grows");
    ok(get(LLM_ENTITY_TEAM, "a") == LLM_ENTITY_LIVE && got.len == 3000
       && got.data[0] == 'z' && got.data[2999] == 'z', "over many cells");
    ok(llm_entity_changes(z) != changes, "which is told");

    is_int(put(LLM_ENTITY_TEAM, "a", 8, NULL), LLM_ENTITY_DONE, "deleted");
    is_int(get(LLM_ENTITY_TEAM, "a"), LLM_ENTITY_GONE, "it is known as such");
    is_int(llm_entity_count(z, LLM_ENTITY_TEAM), 0, "it is none");
    is_int(put(LLM_ENTITY_TEAM, "a", 7, filled(1, 'x')), LLM_ENTITY_OLD,
           "what was changed before that comes too late");
    is_int(put(LLM_ENTITY_TEAM, "a", 9, filled(1, 'x')), LLM_ENTITY_DONE,
           "but not what is made after it");

    is_int(put(LLM_ENTITY_TEAM, "never", 20, NULL), LLM_ENTITY_DONE,
           "deleted before it comes");
    is_int(put(LLM_ENTITY_TEAM, "never", 19, filled(1, 'x')), LLM_ENTITY_OLD,
           "it never does");

    close_zone(SIZE);
}


/* The hex of a digest is the same key, whatever else it might be a name of. */

static void
test_keys(void)
{
    static const char  hex[] = "0123456789abcdef0123456789abcdef"
                               "0123456789abcdef0123456789abcdef";

    open_zone(SIZE);

    (void) put(LLM_ENTITY_KEY, hex, 1, filled(60, 'k'));
    ok(get(LLM_ENTITY_KEY, hex) == LLM_ENTITY_LIVE && got.len == 60,
       "a key by its digest");
    is_int(llm_entity_get(z, LLM_ENTITY_KEY, (const u_char *) hex, 63, &got),
           LLM_ENTITY_FREE, "not by less");

    (void) put(LLM_ENTITY_TEAM, hex, 2, filled(9, 't'));
    ok(get(LLM_ENTITY_TEAM, hex) == LLM_ENTITY_LIVE && got.len == 9,
       "a team of that name");

    is_int(llm_entity_put(z, LLM_ENTITY_TEAM_MEMBER, TEXT("t\0u"), 3,
                          filled(4, 'm')), LLM_ENTITY_DONE, "a pair");
    is_int(llm_entity_get(z, LLM_ENTITY_TEAM_MEMBER, TEXT("t\0u"), &got),
           LLM_ENTITY_LIVE, "is found");
    is_int(llm_entity_get(z, LLM_ENTITY_TEAM_MEMBER, TEXT("t\0v"), &got),
           LLM_ENTITY_FREE, "by both");

    close_zone(SIZE);
}


static void
test_long(void)
{
    char  a[LLM_ENTITY_ID + 2], b[LLM_ENTITY_ID + 1];

    open_zone(SIZE);

    memset(a, 'a', LLM_ENTITY_ID + 1);
    a[LLM_ENTITY_ID + 1] = '\0';
    is_int(put(LLM_ENTITY_TEAM, a, 1, filled(1, 'x')), LLM_ENTITY_FULL,
           "an endless name");
    is_int(put(LLM_ENTITY_TEAM, "", 1, filled(1, 'x')), LLM_ENTITY_FULL,
           "none");

    a[LLM_ENTITY_ID] = '\0';
    strcpy(b, a);
    b[LLM_ENTITY_ID - 1] = 'b';

    (void) put(LLM_ENTITY_TEAM, a, 1, filled(300, 'a'));
    (void) put(LLM_ENTITY_TEAM, b, 2, filled(400, 'b'));

    ok(get(LLM_ENTITY_TEAM, a) == LLM_ENTITY_LIVE && got.len == 300
       && got.data[0] == 'a' && got.data[299] == 'a', "one over two cells");
    ok(get(LLM_ENTITY_TEAM, b) == LLM_ENTITY_LIVE && got.len == 400
       && got.data[0] == 'b' && got.data[399] == 'b', "differs in the second");

    close_zone(SIZE);
}


static void
test_full(void)
{
    char      name[32];
    int64_t   n;
    uint32_t  left;

    open_zone(SIZE);

    for (n = 1; ; n++) {
        (void) sprintf(name, "t%d", (int) n);

        if (put(LLM_ENTITY_TEAM, name, n, filled(100, 'x'))
            != LLM_ENTITY_DONE)
        {
            break;
        }
    }

    left = z->entities_left;

    ok(n > 50 && left > 0, "%d of %u, and some for changes", (int) n - 1,
       z->nentities);
    is_int(llm_entity_check(z, LLM_ENTITY_TEAM, TEXT("more"),
                            filled(100, 'x')), LLM_ENTITY_FULL,
           "another has no room");
    is_int(llm_entity_check(z, LLM_ENTITY_TEAM, TEXT("t1"), filled(100, 'x')),
           LLM_ENTITY_DONE, "a change of one has");
    is_int(llm_entity_check(z, LLM_ENTITY_TEAM, TEXT("t1"),
                            filled(3000, 'x')), LLM_ENTITY_FULL,
           "but not to grow");
    is_int(put(LLM_ENTITY_TEAM, "t1", n, filled(99, 'y')), LLM_ENTITY_DONE,
           "it is changed");
    ok(z->entities_left == left && get(LLM_ENTITY_TEAM, "t1")
       == LLM_ENTITY_LIVE && got.len == 99, "in the same room");
    is_int(put(LLM_ENTITY_TEAM, "t2", n + 1, NULL), LLM_ENTITY_DONE,
           "one is deleted");
    is_int(put(LLM_ENTITY_TEAM, "more", n + 2, filled(100, 'x')),
           LLM_ENTITY_FULL, "and known for a while");

    now += LLM_ENTITY_KEEP - 1;
    enter();
    is_int(put(LLM_ENTITY_TEAM, "more", n + 2, filled(100, 'x')),
           LLM_ENTITY_FULL, "to its end");

    now++;
    enter();
    is_int(put(LLM_ENTITY_TEAM, "more", n + 2, filled(100, 'x')),
           LLM_ENTITY_DONE, "then another has its room");
    is_int(get(LLM_ENTITY_TEAM, "t2"), LLM_ENTITY_FREE, "it is forgotten");

    close_zone(SIZE);
}


/* The periods that entities limit are kept, of the kinds that they are of. */

static void
test_kept(void)
{
    unsigned    i;
    char        name[16];
    llm_kept_t  all;

    open_zone(SIZE);

    (void) put(LLM_ENTITY_TEAM, "a", 1,
               budget(LLM_RECORD_LIMIT, LLM_PERIOD(LLM_PERIOD_DAYS, 3)));
    is_int(z->kept.types[LLM_SUBJECT_TEAM].nperiods, 1, "of teams");
    is_int(z->kept.types[LLM_SUBJECT_TEAM_MODEL].nperiods, 0, "not of pairs");

    (void) put(LLM_ENTITY_KEY, "k", 2,
               budget(LLM_RECORD_MODEL_LIMIT, LLM_RECORD_AS_IS));
    ok(z->kept.types[LLM_SUBJECT_KEY_MODEL].nperiods == 1
       && z->kept.types[LLM_SUBJECT_KEY_MODEL].periods[0] == 0,
       "for ever, of a key's models");

    (void) put(LLM_ENTITY_TEAM, "a", 3,
               budget(LLM_RECORD_MEMBER_LIMIT, LLM_PERIOD(LLM_PERIOD_DAYS, 1)));
    is_int(z->kept.types[LLM_SUBJECT_TEAM_USER].nperiods, 1, "of members");

    (void) put(LLM_ENTITY_TAG, "app:web", 3,
               budget(LLM_RECORD_LIMIT, LLM_PERIOD(LLM_PERIOD_DAYS, 1)));
    is_int(z->kept.types[LLM_SUBJECT_TAG].nperiods, 1, "of tags");

    (void) put(LLM_ENTITY_BUDGET, "b", 4,
               budget(LLM_RECORD_LIMIT, LLM_PERIOD(LLM_PERIOD_DAYS, 5)));
    ok(z->kept.types[LLM_SUBJECT_TEAM].nperiods == 2
       && z->kept.types[LLM_SUBJECT_CUSTOMER].nperiods == 1
       && z->kept.types[LLM_SUBJECT_TAG].nperiods == 2
       && z->kept.types[LLM_SUBJECT_MODEL].nperiods == 0,
       "of all that may have a budget");

    for (i = 10; i < 10 + LLM_KEPT_PERIODS - 2; i++) {
        (void) sprintf(name, "t%u", i);
        (void) put(LLM_ENTITY_TEAM, name, i,
                   budget(LLM_RECORD_LIMIT, LLM_PERIOD(LLM_PERIOD_DAYS, i)));
    }

    is_int(put(LLM_ENTITY_TEAM, "last", 100,
               budget(LLM_RECORD_LIMIT, LLM_PERIOD(LLM_PERIOD_DAYS, 99))),
           LLM_ENTITY_PERIODS, "there is an end to it");
    is_int(get(LLM_ENTITY_TEAM, "last"), LLM_ENTITY_FREE,
           "where nothing is changed");

    llm_kept_init(&all);
    is_int(llm_kept_merge(&all, &z->kept), 1, "beside those of nginx.conf");
    is_int(all.types[LLM_SUBJECT_TEAM].nperiods, LLM_KEPT_PERIODS + 1,
           "there are all");
    is_int(llm_kept_merge(&all, &z->kept), 0, "and once");

    close_zone(SIZE);
}


static void
test_oracle(void)
{
    char         name[LLM_ENTITY_ID];
    size_t       len;
    unsigned     i, k, bad;
    int64_t      version;
    known_t     *e;

    static known_t  known[IDS];

    open_zone(SIZE);
    bad = 0;

    for (i = 0; i < 20000; i++) {
        k = quota_rnd(IDS);
        e = &known[k];

        len = 1 + k * 5;
        memset(name, 'a' + k % 26, len);
        name[len] = '\0';

        version = e->version + (int64_t) quota_rnd(4) - 1;

        if (quota_rnd(4) == 0) {

            if (put(k % LLM_ENTITY_KINDS, name, version, NULL)
                == LLM_ENTITY_DONE)
            {
                bad += (e->state && version <= e->version);
                e->version = version;
                e->state = LLM_ENTITY_GONE;
            }

        } else {
            len = quota_rnd(quota_rnd(10) ? 100 : 2000);

            if (put(k % LLM_ENTITY_KINDS, name, version, filled(len, k))
                == LLM_ENTITY_DONE)
            {
                bad += (e->state && version <= e->version);
                e->version = version;
                e->state = LLM_ENTITY_LIVE;
                e->len = len;
            }
        }

        if (e->state != get(k % LLM_ENTITY_KINDS, name)
            || (e->state == LLM_ENTITY_LIVE
                && (got.len != e->len
                    || (got.len && got.data[got.len - 1] != k))))
        {
            bad++;
        }

        if (i % 500 == 0) {

            if (quota_rnd(2)) {
                llm_zone_repair(z);
            }

            llm_zone_leave(z);
            bad += (quota_check(z) != NULL);
            enter();
        }
    }

    is_int(bad, 0, "many changes, each as it must be");

    close_zone(SIZE);
}


/* What the documentation says of sizes. */

static void
test_sizes(void)
{
    char     name[65];
    int64_t  n;

    open_zone(10 << 20);

    for (n = 1; ; n++) {
        (void) snprintf(name, sizeof(name), "%064llx", (unsigned long long) n);

        if (put(LLM_ENTITY_KEY, name, n, filled(180, 'x')) != LLM_ENTITY_DONE)
        {
            break;
        }
    }

    ok(n > 3500, "a zone of 10 MB has room for %d keys", (int) n - 1);

    close_zone(10 << 20);

    is_int(sizeof(llm_entity_cell_t), LLM_ENTITY_CELL, "a cell");
}


int
main(void)
{
    test_put();
    test_keys();
    test_long();
    test_full();
    test_kept();
    test_oracle();
    test_sizes();

    return tap_done();
}
