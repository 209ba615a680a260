
/*
 * Copyright (C) the llm_quota authors
 */


#include "store.h"


/* The store's operations, as long as nothing goes wrong. */


static void
test_open(void)
{
    struct stat   st;
    llm_store_t  *leader, *other, *reader;

    store_fresh();

    leader = store_create(0);
    other = store_create(0);
    reader = store_create(1);

    is_status(store_offset(leader), -1, "a store that is not open");
    is_int(op.status, LLM_STORE_CLOSED, "says so");
    is_status(store_open(other, 0), LLM_STORE_ABSENT, "others wait for it");
    ok(access(store_path("quota.db"), F_OK) == -1, "and do not make it");
    is_int(store_offset(reader), -1, "nor does a reader");
    is_int(op.status, LLM_STORE_ABSENT, "which finds none");

    is_status(store_open(leader, 1), LLM_STORE_OK, "the leader makes it");
    is_int(op.open.event, LLM_STORE_MADE, "and says so");
    is_int(op.open.migrated, -1, "as it is new");
    is_int(op.open.backup, 0, "without a backup");
    ok(strstr(op.open.text, "is new") != NULL, "in words: %s", op.open.text);
    ok(stat(store_path("quota.db"), &st) == 0 && (st.st_mode & 0777) == 0600,
       "nobody else may read it");

    is_status(store_open(other, 0), LLM_STORE_OK, "now others find it");
    is_int(store_offset(reader), 0, "and the reader by itself");
    is_status(store_lines(reader, 0, 1), LLM_STORE_READONLY,
              "which changes nothing");

    is_status(store_lines(other, 0, 5), LLM_STORE_OK, "anybody commits");
    ok(store_has(leader, 5) && store_has(reader, 5), "for all to see");

    is_status(store_open(leader, 1), LLM_STORE_OK, "it is opened again");
    is_int(op.open.event, LLM_STORE_FOUND, "and found");
    is_text(op.open.text, "", "which is nothing to talk about");
    ok(store_has(leader, 5), "with all that it had");

    llm_store_destroy(leader);
    llm_store_destroy(other);
    llm_store_destroy(reader);
    llm_store_destroy(NULL);

    leader = store_new(1);
    ok(store_has(leader, 5), "also by another process");

    store_op(LLM_STORE_CHECK);
    is_status(llm_store_run(leader, &op), LLM_STORE_OK, "it is sound");

    llm_store_destroy(leader);

    ok(llm_store_is_write(LLM_STORE_COMMIT)
       && !llm_store_is_write(LLM_STORE_LOAD), "what writes is known");
}


/* Whatever the order, bytes count once. */

static void
test_compare_and_set(void)
{
    unsigned              seed;
    int64_t               at[2], to;
    llm_store_t          *store[2];
    llm_store_segment_t   segments[2];

    store_fresh();

    store[0] = store_new(1);
    store[1] = store_new(1);

    is_status(store_lines(store[0], 0, 10), LLM_STORE_OK, "one carries");
    is_status(store_lines(store[1], 0, 10), LLM_STORE_CONFLICT,
              "the other one is told");
    is_int(op.commit.offset, 10 * LINE, "where to go on");
    is_int(op.commit.conflict, 0, "in which segment");
    is_status(store_lines(store[1], 5, 15), LLM_STORE_CONFLICT,
              "also in the middle");
    is_status(store_lines(store[1], 11, 15), LLM_STORE_CONFLICT,
              "and beyond the end");
    ok(store_has(store[0], 10), "nothing was changed");
    is_status(store_lines(store[1], 10, 15), LLM_STORE_OK, "it goes on there");
    ok(store_has(store[0], 15), "for both");

    /* two leaders at random, neither of which knows of the other */

    at[0] = at[1] = 15;

    for (seed = 1; seed <= 300; seed++) {
        unsigned  who = (seed * 7919) >> 3 & 1;

        to = at[who] + 1 + (seed * 31) % 17;

        if (store_lines(store[who], at[who], to) == LLM_STORE_OK) {
            at[who] = to;

        } else {
            at[who] = op.commit.offset / LINE;
        }
    }

    to = at[0] > at[1] ? at[0] : at[1];

    is_int(store_offset(store[0]), to * LINE, "two leaders get to the end");
    ok(store_has(store[1], to), "and every line counts once");

    /* several files: all or none */

    segments[0] = (llm_store_segment_t) { T("a"), 0, 7, 0 };
    segments[1] = (llm_store_segment_t) { T(SEGMENT), 0, 7, 0 };

    store_op(LLM_STORE_COMMIT);
    op.commit.segments = segments;
    op.commit.nsegments = 2;
    is_status(llm_store_run(store[0], &op), LLM_STORE_CONFLICT,
              "one of two is not where it should be");
    is_int(op.commit.conflict, 1, "the second");
    is_int(op.commit.offset, to * LINE, "which is further");

    segments[1].from = to * LINE;
    segments[1].to = 50;
    is_status(llm_store_run(store[0], &op), LLM_STORE_OK,
              "a file that was cut goes back");
    is_int(store_offset(store[0]), 50, "to where it ends");

    segments[1].from = 50;
    segments[1].forget = 1;
    segments[0].from = 7;

    store_op(LLM_STORE_COMMIT);
    op.commit.segments = segments;
    op.commit.nsegments = 2;
    is_status(llm_store_run(store[0], &op), LLM_STORE_OK, "one is forgotten");

    store_op(LLM_STORE_OFFSETS);
    is_status(llm_store_run(store[1], &op), LLM_STORE_OK, "the offsets");
    ok(op.offsets.nrows == 1 && store_is(&op.offsets.rows[0].name, "a")
       && op.offsets.rows[0].to == 7, "are those of the other one");

    segments[0].to = -1;
    store_op(LLM_STORE_COMMIT);
    op.commit.segments = segments;
    op.commit.nsegments = 1;
    is_status(llm_store_run(store[0], &op), LLM_STORE_INVALID,
              "none is negative");
    ok(strstr(op.error, "segment 0") != NULL, "which is told");

    llm_store_destroy(store[0]);
    llm_store_destroy(store[1]);
}


/* One sum of one meter, with totals. */

static llm_store_sum_t *
add(llm_store_t *store, llm_store_text_t type, llm_store_text_t id,
    llm_store_period_t *period, int64_t cost, unsigned resets, int64_t taken)
{
    static llm_store_sum_t  sum;

    memset(&sum, 0, sizeof(sum));
    sum.subject.type = type;
    sum.subject.id = id;
    sum.amount[LLM_STORE_REQUESTS] = 1;
    sum.amount[LLM_STORE_COST] = cost;
    sum.resets = resets;
    sum.taken[LLM_STORE_COST] = -taken;

    store_op(LLM_STORE_COMMIT);
    op.commit.periods = period;
    op.commit.nperiods = 1;
    op.commit.sums = &sum;
    op.commit.nsums = 1;
    op.commit.totals = 1;

    if (llm_store_run(store, &op) != LLM_STORE_OK) {
        printf("# %s\n", op.error);
        return NULL;
    }

    return &sum;
}


static void
test_sums(void)
{
    llm_store_sum_t     *sum;
    llm_store_text_t     team;
    llm_store_t         *store;
    llm_store_period_t   month, other;

    store_fresh();
    store = store_new(1);

    team = T("team");
    month = (llm_store_period_t) { MONTH, START, START + 30 * 86400 };
    other = (llm_store_period_t) { MONTH, START + 30 * 86400,
                                   START + 61 * 86400 };

    sum = add(store, team, T("a"), &month, 2500000001, 0, 0);
    ok(sum && sum->total[LLM_STORE_COST] == 2500000001
       && sum->total[LLM_STORE_REQUESTS] == 1 && sum->generation == 0,
       "the first sum is the total");

    sum = add(store, team, T("a"), &month, -500000001, 0, 0);
    ok(sum && sum->total[LLM_STORE_COST] == 2000000000, "a correction");

    sum = add(store, team, T("a"), &month, 700, 1, 2400000000);
    ok(sum && sum->total[LLM_STORE_COST] == -399999300
       && sum->total[LLM_STORE_REQUESTS] == 3 && sum->generation == 1,
       "a reset takes off, also what is still to come");

    sum = add(store, team, T("a"), &month, 500000000, 0, 0);
    ok(sum && sum->total[LLM_STORE_COST] == 100000700
       && sum->total[LLM_STORE_REQUESTS] == 4 && sum->generation == 1,
       "and it goes on from there");

    sum = add(store, team, T("b"), &month, 10, 2, 6);
    ok(sum && sum->total[LLM_STORE_COST] == 4 && sum->generation == 2,
       "two resets of what was not there before");

    sum = add(store, team, T("a"), &other, 9, 0, 0);
    ok(sum && sum->total[LLM_STORE_COST] == 9, "another period is apart");

    sum = add(store, T("user"), T("a"), &month, 8, 0, 0);
    ok(sum && sum->total[LLM_STORE_COST] == 8, "and another type");

    sum = add(store, T("team_user"), T("a\0b"), &month, 7, 0, 0);
    ok(sum && sum->total[LLM_STORE_COST] == 7, "a pair");
    sum = add(store, T("team_user"), T("a"), &month, 6, 0, 0);
    ok(sum && sum->total[LLM_STORE_COST] == 6, "is not its first part");

    (void) add(store, team, T("rich"), &month, INT64_MAX - 5, 0, 0);
    sum = add(store, team, T("rich"), &month, 100, 0, 0);
    ok(sum && sum->total[LLM_STORE_COST] == INT64_MAX, "sums saturate");
    (void) add(store, team, T("rich"), &month, -7, 0, 0);
    (void) add(store, team, T("poor"), &month, -1500000000, 0, 0);
    (void) add(store, team, T("less"), &month, -20000000, 0, 0);

    is_text(store_query("quota.db", "SELECT * FROM team_usage ORDER BY 1, 2"),
            "a|2026-04-01|2026-05-01|2.5000007|0|4\n"
            "a|2026-05-01|2026-06-01|0.000000009|0|1\n"
            "b|2026-04-01|2026-05-01|0.00000001|0|1\n"
            "less|2026-04-01|2026-05-01|-0.02|0|1\n"
            "poor|2026-04-01|2026-05-01|-1.5|0|1\n"
            "rich|2026-04-01|2026-05-01|9223372036.8547758|0|3",
            "team_usage is exact, and has what was reset");

    store_op(LLM_STORE_LOAD);
    op.load.subject = (llm_store_subject_t) { team, T("a") };
    op.load.now = month.end - 1;
    is_status(llm_store_run(store, &op), LLM_STORE_OK, "a subject's meters");
    is_int(op.load.nrows, 2, "of all periods that are not over");
    ok(op.load.rows[0].period.period == MONTH
       && op.load.rows[0].period.start == START
       && op.load.rows[0].period.end == month.end
       && op.load.rows[0].sum[LLM_STORE_COST] == 100000700
       && op.load.rows[0].generation == 1, "with what each shows");

    op.load.now = month.end;
    is_status(llm_store_run(store, &op), LLM_STORE_OK, "a month later");
    ok(op.load.nrows == 1 && op.load.rows[0].sum[LLM_STORE_COST] == 9,
       "there is one");

    op.load.subject = (llm_store_subject_t) { T("team_user"), T("a\0b") };
    op.load.now = NOW;
    is_status(llm_store_run(store, &op), LLM_STORE_OK, "a pair's");
    ok(op.load.nrows == 1 && op.load.rows[0].sum[LLM_STORE_COST] == 7,
       "are its own");

    op.load.subject.id = T("nobody");
    is_status(llm_store_run(store, &op), LLM_STORE_OK, "nobody's");
    is_int(op.load.nrows, 0, "are none");

    ok(add(store, T(""), T("a"), &month, 1, 0, 0) == NULL
       && op.status == LLM_STORE_INVALID, "a type is needed");

    llm_store_destroy(store);
}


/* All meters, in slices of any size, each once. */

static void
test_load_all(void)
{
    int                  i, k, n;
    char                 id[16];
    size_t               max, j;
    unsigned char        seen[3][40];
    llm_store_t         *store;
    llm_store_sum_t      sums[120];
    llm_store_meter_t   *m;
    llm_store_period_t   periods[4];
    static char          names[40][2][16];

    store_fresh();
    store = store_new(1);

    memset(sums, 0, sizeof(sums));

    periods[0] = (llm_store_period_t) { 0, 0, INT64_MAX };
    periods[1] = (llm_store_period_t) { MONTH, START, START + 30 * 86400 };
    periods[2] = (llm_store_period_t) { LLM_PERIOD(LLM_PERIOD_SECONDS, 7200),
                                        START, START + 86400 };
    periods[3] = (llm_store_period_t) { DAY, START - 86400, START };

    for (i = 0; i < 120; i++) {
        n = i % 40;
        (void) snprintf(names[n][0], 16, "s%02d%cx", n, n % 4 ? 'x' : '\0');
        sums[i].subject.type = (n % 2) ? T("team") : T("key_model");
        sums[i].subject.id.data = (u_char *) names[n][0];
        sums[i].subject.id.len = 5;
        sums[i].period = i / 40;
        sums[i].amount[LLM_STORE_INPUT] = i + 1;
    }

    store_op(LLM_STORE_COMMIT);
    op.commit.periods = periods;
    op.commit.nperiods = 4;
    op.commit.sums = sums;
    op.commit.nsums = 120;
    is_status(llm_store_run(store, &op), LLM_STORE_OK, "120 meters");

    for (i = 0; i < 40; i++) {
        sums[i].period = 3;
    }

    op.commit.nsums = 40;
    is_status(llm_store_run(store, &op), LLM_STORE_OK, "40 that are over");

    for (max = 1; max <= 130; max = max * 2 + 3) {

        memset(seen, 0, sizeof(seen));
        store_op(LLM_STORE_LOAD_ALL);
        op.load.now = NOW;
        op.load.max = max;
        n = 0;

        do {
            if (llm_store_run(store, &op) != LLM_STORE_OK
                || op.load.nrows > max)
            {
                break;
            }

            for (j = 0; j < op.load.nrows; j++) {
                m = &op.load.rows[j];

                for (k = 0; k < 3 && (m->period.period != periods[k].period
                                      || m->period.start != periods[k].start
                                      || m->period.end != periods[k].end);
                     k++)
                {
                    /* void */
                }

                memcpy(id, m->subject.id.data, m->subject.id.len);
                i = atoi(id + 1);

                if (k < 3 && m->subject.id.len == 5
                    && memcmp(id, names[i][0], 5) == 0
                    && store_is(&m->subject.type,
                                i % 2 ? "team" : "key_model")
                    && m->sum[LLM_STORE_INPUT] == k * 40 + i + 1)
                {
                    seen[k][i]++;
                }
            }

            n++;

        } while (op.load.cursor.len && n < 1000);

        for (i = 0, k = 0; i < 120; i++) {
            k += (seen[i / 40][i % 40] == 1);
        }

        is_int(k, 120, "in slices of %zu: each meter once, in %d", max, n);
    }

    llm_store_destroy(store);
}


/* Daily usage. */

static llm_store_label_t  labels[3];

static void
use(llm_store_t *store, uint32_t day, llm_store_text_t team,
    llm_store_text_t model, unsigned nlabels, int64_t cost)
{
    static llm_store_usage_t  usage;

    memset(&usage, 0, sizeof(usage));
    usage.day = day;
    usage.team = team;
    usage.model = model;
    usage.labels = labels;
    usage.nlabels = nlabels;
    usage.count[LLM_STORE_REQUESTS] = 1;
    usage.count[LLM_STORE_COST] = cost;
    usage.count[LLM_STORE_REASONING] = 3;

    store_op(LLM_STORE_COMMIT);
    op.commit.usage = &usage;
    op.commit.nusage = 1;
    is_status(llm_store_run(store, &op), LLM_STORE_OK, "usage of %u", day);
}


static const char *
report(llm_store_t *store, size_t max)
{
    size_t                  i, n;
    static char             text[2048];
    llm_store_usage_row_t  *row;

    n = 0;
    text[0] = '\0';
    op.usage.max = max;

    do {
        if (llm_store_run(store, &op) != LLM_STORE_OK) {
            return op.error;
        }

        for (i = 0; i < op.usage.nrows; i++) {
            row = &op.usage.rows[i];
            n += (size_t) snprintf(text + n, sizeof(text) - n,
                                   "%u %.*s %.*s %.*s%.*s: %lld of %lld\n",
                                   row->day, (int) row->team.len,
                                   (const char *) row->team.data,
                                   (int) row->model.len,
                                   (const char *) row->model.data,
                                   (int) row->labels.len,
                                   (const char *) row->labels.data,
                                   (int) row->label.len,
                                   (const char *) row->label.data,
                                   (long long) row->count[LLM_STORE_COST],
                                   (long long)
                                       row->count[LLM_STORE_REQUESTS]);
        }

    } while (op.usage.cursor.len);

    return text;
}


/* In the order of the file, where nothing is sorted before it is given. */

static void
test_usage_pages(void)
{
    int           n;
    llm_store_t  *store;

    store_fresh();
    store = store_new(1);

    (void) store_query("quota.db", "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL"
                       " SELECT i + 1 FROM n WHERE i < 300)"
                       " INSERT INTO usage SELECT '2026-04-01', 't', '',"
                       " 'c' || i, printf('%064x', i), 'm', '', 1, 1, 1, 1, 0,"
                       " 0, 0, 0, 0 FROM n");

    store_op(LLM_STORE_USAGE);
    op.usage.from = 20260401;
    op.usage.to = 20260401;
    op.usage.by = 0x3f;
    op.usage.max = 7;
    n = 0;

    do {
        if (llm_store_run(store, &op) != LLM_STORE_OK) {
            break;
        }

        n += (int) op.usage.nrows;

    } while (op.usage.cursor.len && n < 1000);

    is_int(n, 300, "each row is on one page");

    llm_store_destroy(store);
}


static void
test_usage(void)
{
    size_t        max;
    llm_store_t  *store;

    store_fresh();
    store = store_new(1);

    labels[0] = (llm_store_label_t) { T("b"), T("2") };
    labels[1] = (llm_store_label_t) { T("a"), T("say \"1\"\n") };
    labels[2] = (llm_store_label_t) { T("b"), T("twice") };

    use(store, 20260331, T("t"), T("m"), 0, 1);
    use(store, 20260401, T("t"), T("m"), 2, 10);
    use(store, 20260401, T("t"), T("m"), 3, 100);
    labels[0] = (llm_store_label_t) { T("a"), T("say \"1\"\n") };
    labels[1] = (llm_store_label_t) { T("b"), T("2") };
    use(store, 20260401, T("t"), T("m"), 2, 1000);
    use(store, 20260401, T("u"), T("m"), 1, 10000);
    use(store, 20260402, T("u"), T("n"), 0, 100000);

    for (max = 1; max < 5; max++) {
        store_op(LLM_STORE_USAGE);
        op.usage.from = 20260331;
        op.usage.to = 20260402;
        op.usage.by = 0x7f;
        is_text(report(store, max),
                "20260331 t m : 1 of 1\n"
                "20260401 t m {\"a\":\"say \\\"1\\\"\\n\",\"b\":\"2\"}: "
                "1110 of 3\n"
                "20260401 u m {\"a\":\"say \\\"1\\\"\\n\"}: 10000 of 1\n"
                "20260402 u n : 100000 of 1\n", "all rows, %zu at once", max);

        op.usage.by = LLM_STORE_BY_TEAM;
        is_text(report(store, max), "0 t  : 1111 of 4\n0 u  : 110000 of 2\n",
                "by team");

        op.usage.by = LLM_STORE_BY_DAY | LLM_STORE_BY_LABEL;
        op.usage.label = T("b");
        is_text(report(store, max),
                "20260331   : 1 of 1\n"
                "20260401   : 10000 of 1\n"
                "20260401   2: 1110 of 3\n"
                "20260402   : 100000 of 1\n", "by day and a label");
    }

    op.usage.by = LLM_STORE_BY_MODEL;
    op.usage.team = T("u");
    op.usage.from = 20260401;
    is_text(report(store, 9), "0  m : 10000 of 1\n0  n : 100000 of 1\n",
            "of one team, by model");
    op.usage.to = 20260401;
    is_text(report(store, 9), "0  m : 10000 of 1\n", "in some days");
    op.usage.by = 0;
    (void) report(store, 9);
    is_status(op.status, LLM_STORE_INVALID, "by nothing is no report");
    op.usage.by = LLM_STORE_BY_LABEL;
    op.usage.label = T("\"x");
    (void) report(store, 9);
    is_status(op.status, LLM_STORE_INVALID, "nor by a name that is none");

    llm_store_destroy(store);
}


static void
test_label_values(void)
{
    int                 i;
    llm_store_t        *store;
    static char         values[1500][16];
    static llm_store_label_t  many[1500];
    static llm_store_usage_t  usage[1500];

    store_fresh();
    store = store_new(1);

    for (i = 0; i < 1500; i++) {
        (void) snprintf(values[i], sizeof(values[i]), "v%d", i);
        many[i].name = T("n");
        many[i].value = store_text(values[i]);
        usage[i].day = (i < 1400) ? 20260401 : 20260402;
        usage[i].labels = &many[i];
        usage[i].nlabels = 1;
        usage[i].count[LLM_STORE_REQUESTS] = 1;
    }

    store_op(LLM_STORE_COMMIT);
    op.commit.usage = usage;
    op.commit.nusage = 1500;
    is_status(llm_store_run(store, &op), LLM_STORE_OK, "1500 values");

    usage[3].day = 20260403;
    op.commit.usage = &usage[3];
    op.commit.nusage = 1;
    is_status(llm_store_run(store, &op), LLM_STORE_OK, "one is seen again");

    is_text(store_query("quota.db", "SELECT count(DISTINCT labels), "
                        "sum(iif(labels = '{\"n\":\"other\"}', requests, 0)),"
                        " sum(requests) FROM usage"), "1001|500|1501",
            "the first thousand keep their name");
    is_text(store_query("quota.db", "SELECT count(*), max(day), min(day) "
                        "FROM label"), "1000|2026-04-03|2026-04-01",
            "and it is known when each was last seen");

    usage[0].day = 0;
    op.commit.usage = usage;
    is_status(llm_store_run(store, &op), LLM_STORE_INVALID, "no day");
    usage[0].day = 20260401;
    usage[0].team = (llm_store_text_t) { LLM_STORE_ID_MAX + 1,
                                         (u_char *) store_told };
    is_status(llm_store_run(store, &op), LLM_STORE_INVALID, "too long a name");

    llm_store_destroy(store);
}


int
main(void)
{
    (void) setvbuf(stdout, NULL, _IOLBF, 0);

    test_open();
    test_compare_and_set();
    test_sums();
    test_load_all();
    test_usage();
    test_usage_pages();
    test_label_values();

    store_clear();
    llm_store_empty(&op);

    return tap_done();
}
