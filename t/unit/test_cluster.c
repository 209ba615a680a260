
/*
 * Copyright (C) the llm_quota authors
 */


#include "llm_cluster.h"
#include "llm_load.h"
#include "quota.h"
#include "redis.h"


/* The book: what is exchanged, and what comes of it in the zone. */


#define DAY    LLM_PERIOD(LLM_PERIOD_DAYS, 1)
#define START  1775001600                    /* of the day */

#define OWN    "$16\n000000000000000a\n"
#define OTHER  "$16\n000000000000000b\n"


static llm_zone_t           *z;
static llm_clock_t           clock_now;
static llm_cluster_t        *book;
static llm_cluster_batch_t   batch;
static llm_meter_t          *meter;
static llm_minute_t         *minute;
static int64_t               wall;


/* A zone with one subject that has a day, and a minute where it is told so. */

static void
begin(int with_minute)
{
    llm_redis_names_t   names;
    llm_subject_key_t   key;
    const llm_period_t  period = DAY;

    z = quota_zone(LLM_ZONE_MIN);
    z->now = 1000000;
    z->stored = 1;
    wall = QUOTA_WALL;

    quota_clock(&clock_now, QUOTA_WALL + 12 * 3600000);
    llm_others_start(z, 1);

    quota_key(z, &key, LLM_SUBJECT_TEAM, "a");
    (void) llm_zone_load(z, &clock_now, &key, &period, 1, NULL, 0);

    meter = llm_zone_find_meter(z, llm_zone_subject(z, 0), DAY);

    if (with_minute) {
        llm_zone_want_minute(z, &key);
        minute = llm_zone_minute(z, llm_zone_subject(z, 0)->minute);
    }

    redis_names(&names);

    if (book) {
        llm_cluster_destroy(book);
    }

    book = llm_cluster_create(&names, z);
}


static size_t
collect(void)
{
    batch.n = 0;

    llm_cluster_begin(book, ++wall);

    while (llm_cluster_collect(book, z, &batch)) {
        /* void */
    }

    return batch.n;
}


static void
apply(const char *text)
{
    int64_t           now;
    redisReply       *reply;
    llm_redis_text_t  why;

    reply = redis_reply(text);

    if (llm_redis_exchange_read(reply, batch.n, &now, &why) != LLM_REDIS_OK) {
        printf("Bail out! the answer of the test is none\n");
        exit(1);
    }

    llm_cluster_read(book, &batch, reply);
    llm_cluster_apply(book, z, &batch, now);

    freeReplyObject(reply);
}


/* An item has this key, what its node has (-1: it does not say), and so many
   shares to be put back. */

static int
is_item(size_t i, const char *name, int64_t cost, size_t nothers)
{
    const llm_redis_item_t  *item;

    item = &batch.items[i];

    return item->len == strlen(name) && memcmp(item->key, name, item->len) == 0
           && (item->own ? item->own->sum[3] : -1) == cost
           && item->nothers == nothers;
}


static void
changed(const char *key, int64_t version)
{
    llm_redis_text_t  text;

    text.data = key;
    text.len = strlen(key);

    llm_cluster_changed(book, z, &text, version);
}


static const char  key[] = "{llmq:main}:p:team:day:1775001600:a";


static void
test_period(void)
{
    begin(0);

    meter->settled[LLM_COUNT_COST] = 100;

    is_int(collect(), 1, "a new meter is exchanged");
    ok(is_item(0, key, 100, 0), "under its key, with its sums");
    is_int(batch.items[0].own->node, 0xa, "as this node's");
    is_int(batch.items[0].expires, START + 2 * 86400 + 60,
           "until a day after its end");

    apply("*3\n:1\n$4\n1000\n*2\n:5\n*4\n" OWN "$11\n0:0:0:0:100\n"
          OTHER "$9\n0:1:2:3:4\n");

    ok(meter->shared, "then it is shared");
    ok(meter->others[0] == 1 && meter->others[1] == 2 && meter->others[2] == 3
       && meter->others[3] == 4, "and the other's sums are known");
    ok(batch.refs[0].changed && batch.refs[0].total[3] == 104
       && batch.refs[0].end == meter->end, "and what all have");
    is_int(meter->settled[LLM_COUNT_COST], 100, "its own are its own");

    is_int(collect(), 0, "nothing has changed, nothing is exchanged");

    changed(key, 5);
    is_int(collect(), 0, "nor for its own change");

    changed(key, 6);
    is_int(collect(), 1, "but for another's");
    apply("*3\n:1\n$4\n1000\n*2\n:0\n*4\n" OWN "$11\n0:0:0:0:100\n"
          OTHER "$10\n0:1:2:3:40\n");
    is_int(meter->others[3], 40, "which then counts");
    is_int(collect(), 0, "once");

    changed(key, 7);
    is_int(collect(), 1, "another change");
    apply("*3\n:1\n$4\n1000\n*2\n:0\n*4\n" OWN "$11\n0:0:0:0:100\n"
          OTHER "$10\n0:1:2:3:40\n");
    ok(!batch.refs[0].changed, "of nothing that others have");

    meter->settled[LLM_COUNT_COST] = 110;

    is_int(collect(), 1, "what is settled is published");
    ok(is_item(0, key, 110, 0), "as a whole");

    meter->settled[LLM_COUNT_COST] = 120;

    apply("*3\n:1\n$4\n1000\n*2\n:7\n*4\n" OWN "$11\n0:0:0:0:110\n"
          OTHER "$10\n0:1:2:3:40\n");

    is_int(meter->others[3], 40, "what was settled meanwhile is no other's");
    is_int(collect(), 1, "and is published next");

    /* the answer is lost: the command is made again */

    is_int(collect(), 1, "or after that");
    ok(is_item(0, key, 120, 0), "the same");

    llm_cluster_again(book);
    is_int(collect(), 1, "a Redis that lost all");
    ok(is_item(0, key, 120, 2) && batch.items[0].others[1].sum[3] == 40,
       "gets back what others had");

    apply("*3\n:1\n$4\n1000\n*2\n:8\n*4\n" OWN "$11\n0:0:0:0:150\n"
          OTHER "$10\n0:1:2:3:40\n");
    is_int(meter->others[3], 70,
           "what this node once had and has lost counts on");

    changed("{llmq:main}:p:team:day:1775001600:b", 99);
    changed("{llmq:main}:p:team:week:1775001600:a", 99);
    changed("{llmq:main}:p:team:day:1774915200:a", 99);
    changed("{llmq:main}:p:crew:day:1775001600:a", 99);
    changed("{llmq:main}:m:team:a", 99);
    changed("{llmq:main}:m:team:b", 99);
    changed("else", 99);
    is_int(collect(), 0, "what the zone does not have is not asked for");
}


static void
test_unloaded(void)
{
    begin(0);

    meter->loaded = 0;
    meter->settled[LLM_COUNT_COST] = 10;
    meter->settled[LLM_COUNT_REQUESTS] = 3;

    is_int(collect(), 1, "a meter that is not loaded");
    is_int(llm_cluster_blind(book), 3, "in which some requests were counted");
    ok(is_item(0, key, -1, 0), "is read, not published");

    apply("*3\n:1\n$4\n1000\n*2\n:0\n*4\n" OWN "$11\n0:0:0:0:100\n"
          OTHER "$9\n0:1:2:3:4\n");
    is_int(meter->others[3], 94, "what its node had counts");

    meter->settled[LLM_COUNT_COST] = 11;
    is_int(collect(), 0, "it is not exchanged for what it counts");

    meter->loaded = 1;
    meter->settled[LLM_COUNT_COST] = 110;
    is_int(collect(), 1, "once it is loaded it is");
    is_int(llm_cluster_blind(book), 0, "in view of all");
    ok(is_item(0, key, 110, 0), "and published");
}


static void
test_roll(void)
{
    begin(0);

    (void) collect();
    apply("*3\n:1\n$4\n1000\n*2\n:5\n*2\n" OTHER "$9\n0:1:2:3:4\n");

    meter->settled[LLM_COUNT_COST] = 1;
    (void) collect();

    quota_clock(&clock_now, QUOTA_WALL + 36 * 3600000);
    llm_zone_roll(z, &clock_now, llm_zone_subject(z, 0));

    apply("*3\n:1\n$4\n1000\n*2\n:6\n*2\n" OTHER "$9\n0:1:2:3:4\n");
    is_int(meter->others[3], 0, "an answer about the period before is late");

    is_int(collect(), 1, "the next one is exchanged");
    ok(is_item(0, "{llmq:main}:p:team:day:1775088000:a", 0, 0),
       "under its own key, and nothing is put back");

    /* the place of a subject that left is another's */

    llm_zone_subject(z, 0)->type = LLM_SUBJECT_USER;

    apply("*3\n:1\n$4\n1000\n*2\n:6\n*2\n" OTHER "$9\n0:1:2:3:4\n");
    is_int(meter->others[3], 0, "nor is one about a team a user's");

    llm_zone_subject(z, 0)->type = LLM_SUBJECT_TEAM;
    (void) collect();

    memcpy(llm_zone_subject(z, 0)->name, "z", 1);
    meter->shared = 0;

    apply("*3\n:1\n$4\n1000\n*2\n:6\n*2\n" OTHER "$9\n0:1:2:3:4\n");
    is_int(meter->others[3], 0, "nor is one about another subject's");
    ok(!meter->shared, "which is not shared yet");

    is_int(collect(), 1, "it is exchanged");
    ok(is_item(0, "{llmq:main}:p:team:day:1775088000:z", 0, 0), "as itself");
}


static void
test_minute(void)
{
    begin(1);

    is_int(collect(), 2, "a period and a minute");
    ok(is_item(1, "{llmq:main}:m:team:a", 0, 0) && batch.items[1].minute,
       "have a key each");
    is_int(batch.items[1].own->order, wall, "the minute in its turn");

    apply("*4\n:1\n$6\n500000\n*2\n:5\n*0\n"
          "*2\n:6\n*4\n" OWN "$14\n1:500000:0:0:0\n"
          OTHER "$14\n9:490000:3:4:5\n");

    ok(minute->others[0] == 3 && minute->others[1] == 4
       && minute->others[2] == 5, "the other's minute counts");

    is_int(collect(), 0, "nothing has changed");

    z->now += 50999;
    is_int(collect(), 0, "for as long as it can");

    z->now += 1;
    is_int(collect(), 1, "then it is asked again");
    ok(is_item(0, "{llmq:main}:m:team:a", 0, 0), "with what it has");

    apply("*3\n:1\n$6\n551000\n*2\n:7\n*4\n" OWN "$14\n2:551000:0:0:0\n"
          OTHER "$14\n9:490000:3:4:5\n");

    is_int(minute->others[0], 0, "what is older than a minute is nothing");

    minute->window.bucket[z->now / 1000 % LLM_WINDOW_BUCKETS][0] = 2;
    minute->window.sum[0] = 2;
    llm_window_roll(&minute->window, z->now / 1000);

    is_int(collect(), 1, "what was counted is published");

    apply("*3\n:1\n$6\n552000\n*2\n:8\n*6\n" OWN "$14\n3:552000:2:0:0\n"
          OTHER "$14\n9:552000:3:4:5\n"
          "$16\n00000000000000cc\n$28\n9:9223372036854775807:1:0:0:\n");

    is_int(minute->others[0], 3, "garbage does not count");

    changed("{llmq:main}:m:team:a", 99);
    (void) collect();
    apply("*3\n:1\n$6\n552000\n*2\n:0\n*2\n"
          OTHER "$14\n9:612999:3:4:5\n");
    is_int(minute->others[0], 3, "a clock may be late");

    changed("{llmq:main}:m:team:a", 100);
    (void) collect();
    apply("*3\n:1\n$6\n552000\n*2\n:0\n*2\n"
          OTHER "$14\n9:613001:3:4:5\n");
    is_int(minute->others[0], 0, "but not a minute");

    changed("{llmq:main}:m:team:a", 101);
    (void) collect();
    apply("*3\n:1\n$6\n552000\n*2\n:0\n*2\n" OWN "$14\n4:552000:9:9:9\n");
    is_int(minute->others[0], 0, "nor does what its own was");

    llm_cluster_again(book);
    (void) collect();
    ok(batch.n == 2 && batch.items[1].nothers == 0,
       "a minute of others is not put back");

    z->now += 100000;
    (void) collect();
    is_int(batch.items[1].own->sum[0], 0, "what has left it is gone");
}


/* More than one batch, and more than one slice. */

static void
test_many(void)
{
    char                name[16];
    size_t              n, most;
    unsigned            i, subjects, batches;
    llm_subject_key_t   subject;
    const llm_period_t  period = DAY;

    begin(0);

    for (i = 1; z->subjects_left; i++) {
        snprintf(name, sizeof(name), "s%u", i);
        quota_key(z, &subject, LLM_SUBJECT_TEAM, name);
        (void) llm_zone_load(z, &clock_now, &subject, &period, 1, NULL, 0);
    }

    subjects = i;
    n = 0;
    most = 0;
    batches = 0;

    llm_cluster_begin(book, ++wall);

    for ( ;; ) {
        batch.n = 0;
        i = llm_cluster_collect(book, z, &batch);
        n += batch.n;
        most = (batch.n > most) ? batch.n : most;
        batches += (batch.n != 0);

        if (i == 0) {
            break;
        }
    }

    is_int(n, subjects, "all meters are exchanged");
    is_int(most, LLM_CLUSTER_ITEMS, "so many in a batch");
    is_int(batches, (subjects + LLM_CLUSTER_ITEMS - 1) / LLM_CLUSTER_ITEMS,
           "and no more batches than that");
}


/* What falls is of another generation, here and in Redis. */

static void
test_generation(void)
{
    begin(0);

    meter->settled[LLM_COUNT_COST] = 100;

    (void) collect();
    is_int(batch.items[0].own->order, 0, "the first generation");
    apply("*3\n:1\n$4\n1000\n*2\n:5\n*4\n" OWN "$11\n0:0:0:0:100\n"
          OTHER "$11\n0:0:0:0:-40\n");
    is_int(meter->others[3], -40, "what another has taken off");
    is_int(collect(), 0, "all is known");

    meter->generation = 1;

    is_int(collect(), 1, "a reset that takes nothing is published");
    is_int(batch.items[0].own->order, 1, "as the next generation");
    apply("*3\n:1\n$4\n1000\n*2\n:6\n*4\n" OWN "$11\n1:0:0:0:100\n"
          OTHER "$11\n0:0:0:0:-40\n");

    meter->settled[LLM_COUNT_COST] = -60;
    meter->generation = 2;

    is_int(collect(), 1, "as is one that takes what another has");
    ok(is_item(0, key, -60, 0) && batch.items[0].own->order == 2,
       "below nothing");

    /* Redis is ahead: that is the truth, and after a while the generation */

    apply("*3\n:1\n$4\n1000\n*2\n:0\n*2\n" OWN "$11\n4:0:0:0:-90\n");
    is_int(meter->others[3], -30, "a later generation is the truth");
    is_int(meter->generation, 2, "its line may be under way");
    is_int(collect(), 0, "so nothing is done");

    z->now += 9999;
    is_int(collect(), 0, "for ten seconds");

    z->now += 1;
    is_int(collect(), 1, "then it is asked again");
    apply("*3\n:1\n$4\n1000\n*2\n:0\n*2\n" OWN "$11\n4:0:0:0:-90\n");
    is_int(meter->generation, 4, "and is the generation here");
    is_int(collect(), 1, "in which it publishes");
    is_int(batch.items[0].own->order, 4, "from then on");
    apply("*3\n:1\n$4\n1000\n*2\n:7\n*2\n" OWN "$11\n4:0:0:0:-60\n");
    is_int(meter->others[3], 0, "and knows all");
}


static void
test_stored(void)
{
    int64_t            order;
    llm_store_meter_t  row;
    static u_char      big[LLM_REDIS_KEY];

    begin(0);
    memset(&row, 0, sizeof(row));

    row.subject.type.data = (u_char *) "team";
    row.subject.type.len = 4;
    row.subject.id.data = (u_char *) "a";
    row.subject.id.len = 1;
    row.period.period = DAY;
    row.period.start = START;
    row.period.end = START + 86400;
    row.sum[3] = 77;
    row.generation = 3;

    batch.n = 0;
    llm_cluster_stored(book, z, &batch, &row);

    is_int(batch.n, 1, "a meter of the store");
    ok(is_item(0, key, 77, 0), "has the key of the zone's");
    is_int(batch.items[0].own->order, 3, "and its generation");
    ok(batch.items[0].claim == NULL, "without claims");

    z->strict = 100;
    (void) collect();
    order = batch.items[0].claim ? batch.items[0].claim->order : 0;

    batch.n = 0;
    llm_cluster_stored(book, z, &batch, &row);
    ok(batch.items[0].claim == NULL, "or with the zone's");

    meter->loaded = 0;

    batch.n = 0;
    llm_cluster_stored(book, z, &batch, &row);
    ok(batch.items[0].claim && batch.items[0].claim->have[3] == 77,
       "what was claimed of one that the zone has not is given back");
    ok(batch.items[0].claim && batch.items[0].claim->order < wall + order,
       "but for what is claimed now");

    apply("*3\n:1\n$4\n1000\n*2\n:6\n*2\n" OTHER "$9\n0:1:2:3:4\n");
    is_int(meter->others[3], 0, "and changes nothing in the zone");

    row.period.period = 0;
    row.period.start = 0;
    row.period.end = INT64_MAX;

    batch.n = 0;
    llm_cluster_stored(book, z, &batch, &row);
    is_int(batch.items[0].expires, 0, "what never ends stays");

    row.subject.id.data = big;
    row.subject.id.len = sizeof(big);

    llm_cluster_stored(book, z, &batch, &row);
    is_int(batch.n, 1, "an id without end is left out");
}


int
main(void)
{
    test_period();
    test_unloaded();
    test_roll();
    test_minute();
    test_many();
    test_generation();
    test_stored();

    llm_cluster_destroy(book);

    return tap_done();
}
