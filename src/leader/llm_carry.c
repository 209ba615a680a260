
/*
 * Copyright (C) the llm_quota authors
 */


#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "llm_carry.h"
#include "llm_carry_table.h"
#include "llm_money.h"


#define LLM_DAY          LLM_PERIOD(LLM_PERIOD_DAYS, 1)

/* s that an answer made in the background may be pending, and that it is known
   to be charged */
#define LLM_CARRY_KEEP   (24 * 3600)


struct llm_carry_s {
    const llm_carry_conf_t  *conf;
    llm_store_op_t          *op;
    llm_carry_table_t        sums;       /* of llm_store_sum_t */
    llm_carry_table_t        usage;      /* of llm_store_usage_t */
    llm_carry_table_t        periods;    /* of llm_store_period_t */
    llm_carry_table_t        notes;      /* of llm_store_note_t, never found */
    llm_carry_table_t        pendings;   /* of llm_store_pending_t, likewise */

    /* the day of the last line */
    int64_t                  day_start;  /* seconds of the epoch */
    int64_t                  day_end;
    uint32_t                 day;
};


static int llm_carry_pending(llm_carry_t *c, const llm_entry_t *e);
static int llm_carry_subject(llm_carry_t *c, const llm_entry_t *e,
    llm_subject_type_e type, const llm_store_text_t *id);
static llm_store_sum_t *llm_carry_sum(llm_carry_t *c, llm_subject_type_e type,
    const llm_store_text_t *id, llm_period_t period, int64_t time);
static void llm_carry_amounts(int64_t *sum, const int64_t *amount);
static int llm_carry_reset(llm_carry_t *c, const llm_entry_t *e);
static int llm_carry_usage(llm_carry_t *c, const llm_entry_t *e);
static uint32_t llm_carry_labels(llm_store_usage_t *key,
    const llm_entry_t *e, llm_store_label_t *labels, uint32_t hash);
static int llm_carry_copy_labels(llm_carry_t *c, llm_store_usage_t *row,
    const llm_store_usage_t *key);
static int llm_carry_same_labels(const llm_store_usage_t *a,
    const llm_store_usage_t *b);
static int llm_carry_bounds(llm_carry_t *c, llm_period_t period,
    int64_t time);
static uint32_t llm_carry_day(llm_carry_t *c, int64_t time);
static int llm_carry_same_text(const llm_store_text_t *a,
    const llm_store_text_t *b);


llm_carry_t *
llm_carry_create(const llm_carry_conf_t *conf, llm_store_op_t *op)
{
    llm_carry_t  *c;

    c = calloc(1, sizeof(llm_carry_t));

    if (c == NULL) {
        return NULL;
    }

    c->conf = conf;
    c->op = op;
    c->sums.size = sizeof(llm_store_sum_t);
    c->usage.size = sizeof(llm_store_usage_t);
    c->periods.size = sizeof(llm_store_period_t);
    c->notes.size = sizeof(llm_store_note_t);
    c->pendings.size = sizeof(llm_store_pending_t);

    return c;
}


int
llm_carry_add(llm_carry_t *c, const llm_entry_t *e)
{
    u_char             name[LLM_STORE_ID_MAX];
    unsigned           type, i;
    llm_store_text_t   id;
    llm_store_note_t  *note;

    if (e->correction || e->reset) {
        note = llm_carry_push(&c->notes, c->notes.n);

        if (note == NULL || llm_carry_note(c->op, e, note) != 0) {
            return -1;
        }
    }

    if (e->reset) {
        return llm_carry_reset(c, e);
    }

    if (!e->usage && !e->correction) {
        return 0;
    }

    for (type = 0; type < LLM_SUBJECT_TYPES; type++) {
        if (llm_carry_id(e, type, name, &id)
            && llm_carry_subject(c, e, type, &id) != 0)
        {
            return -1;
        }
    }

    for (i = 0; e->usage && i < e->ntags; i++) {
        id.data = e->tag[i].data;
        id.len = e->tag[i].len;

        if (llm_carry_subject(c, e, LLM_SUBJECT_TAG, &id) != 0) {
            return -1;
        }
    }

    if (e->usage && e->text[LLM_ENTRY_PENDING].len
        && llm_carry_pending(c, e) != 0)
    {
        return -1;
    }

    return llm_carry_usage(c, e);
}


/* What nobody may have charged yet has all that is known of it in its line. */

static int
llm_carry_pending(llm_carry_t *c, const llm_entry_t *e)
{
    llm_store_pending_t    *row;
    const llm_line_text_t  *id;

    row = llm_carry_push(&c->pendings, c->pendings.n);

    if (row == NULL) {
        return -1;
    }

    id = &e->text[LLM_ENTRY_PENDING];

    row->epoch = (int64_t) e->epoch;
    row->expires = e->timestamp / 1000 + LLM_CARRY_KEEP;

    if (llm_store_copy(c->op, &row->id, id->data, id->len) != 0) {
        return -1;
    }

    if (!e->pending) {
        return 0;
    }

    return llm_store_copy(c->op, &row->line, e->line.data, e->line.len + 1);
}


int
llm_carry_names(const llm_line_text_t *text, llm_subject_type_e type,
    const llm_line_text_t **first, const llm_line_text_t **second)
{
    const llm_entry_text_e  *names;

    /* LLM_ENTRY_TYPE: nobody's name */

    static const llm_entry_text_e  of[LLM_SUBJECT_TYPES][2] = {
        { LLM_ENTRY_TYPE, LLM_ENTRY_TYPE },
        { LLM_ENTRY_TEAM, LLM_ENTRY_TYPE },
        { LLM_ENTRY_USER, LLM_ENTRY_TYPE },
        { LLM_ENTRY_CUSTOMER, LLM_ENTRY_TYPE },
        { LLM_ENTRY_KEY, LLM_ENTRY_TYPE },
        { LLM_ENTRY_MODEL, LLM_ENTRY_TYPE },
        { LLM_ENTRY_TEAM, LLM_ENTRY_MODEL },
        { LLM_ENTRY_KEY, LLM_ENTRY_MODEL },
        { LLM_ENTRY_TEAM, LLM_ENTRY_USER }
    };

    if (type == LLM_SUBJECT_TAG) {

        /* a line may have several, which stand by themselves */

        return 0;
    }

    names = of[type];

    *first = (names[0] == LLM_ENTRY_TYPE) ? NULL : &text[names[0]];
    *second = (names[1] == LLM_ENTRY_TYPE) ? NULL : &text[names[1]];

    return (*first == NULL || (*first)->len)
           && (*second == NULL || (*second)->len);
}


static int
llm_carry_subject(llm_carry_t *c, const llm_entry_t *e,
    llm_subject_type_e type, const llm_store_text_t *id)
{
    int64_t                   request[LLM_STORE_SUMS];
    int64_t                   charge[LLM_STORE_SUMS];
    unsigned                  i, falls;
    llm_period_t              period;
    llm_store_sum_t          *sum;
    const llm_kept_type_t    *kept;

    kept = &c->conf->kept.types[type];

    memset(request, 0, sizeof(request));
    memset(charge, 0, sizeof(charge));

    request[LLM_STORE_REQUESTS] = e->count[LLM_ENTRY_REQUESTS];
    charge[LLM_STORE_INPUT] = e->count[LLM_ENTRY_INPUT];
    charge[LLM_STORE_OUTPUT] = e->count[LLM_ENTRY_OUTPUT];
    charge[LLM_STORE_COST] = e->cost;

    /* as the zone counts it: llm_fact.c */

    falls = (e->cost < 0 || e->count[LLM_ENTRY_REQUESTS] < 0
             || e->count[LLM_ENTRY_INPUT] < 0
             || e->count[LLM_ENTRY_OUTPUT] < 0);

    for (i = 0; i < kept->nperiods; i++) {
        period = kept->periods[i];

        sum = llm_carry_sum(c, type, id, period, e->started / 1000);

        if (sum == NULL) {
            return -1;
        }

        llm_carry_amounts(sum->amount, request);

        sum = llm_carry_sum(c, type, id, period, e->timestamp / 1000);

        if (sum == NULL) {
            return -1;
        }

        sum->resets += falls;
        llm_carry_amounts(sum->amount, charge);
    }

    return 0;
}


int
llm_carry_id(const llm_entry_t *e, llm_subject_type_e type, u_char *name,
    llm_store_text_t *id)
{
    const llm_line_text_t  *first, *second;

    if (!llm_carry_names(e->text, type, &first, &second)) {
        return 0;
    }

    id->data = name;
    id->len = 0;

    if (first) {
        if (first->len + (second ? second->len + 1 : 0) > LLM_STORE_ID_MAX) {
            return 0;
        }

        memcpy(name, first->data, first->len);
        id->len = first->len;
    }

    if (second) {
        name[id->len++] = '\0';
        memcpy(name + id->len, second->data, second->len);
        id->len += second->len;
    }

    return 1;
}


typedef struct {
    llm_store_subject_t      subject;
    unsigned                 period;
} llm_carry_sum_key_t;


static int
llm_carry_same_sum(const void *row, const void *key)
{
    const llm_store_sum_t      *sum = row;
    const llm_carry_sum_key_t  *k = key;

    return sum->period == k->period
           && sum->subject.type.data == k->subject.type.data
           && llm_carry_same_text(&sum->subject.id, &k->subject.id);
}


/* The sum of the period that holds a time (s of the epoch); NULL without
   memory. */

static llm_store_sum_t *
llm_carry_sum(llm_carry_t *c, llm_subject_type_e type,
    const llm_store_text_t *id, llm_period_t period, int64_t time)
{
    int                   n;
    uint32_t              hash;
    llm_store_sum_t      *sum;
    llm_carry_sum_key_t   key;

    n = llm_carry_bounds(c, period, time);

    if (n == -1) {
        return NULL;
    }

    key.subject.type.data = (const u_char *) llm_subject_name(type);
    key.subject.type.len = strlen(llm_subject_name(type));
    key.subject.id = *id;
    key.period = n;

    hash = llm_carry_hash(type * 31 + n, id->data, id->len);
    sum = llm_carry_find(&c->sums, hash, &key, llm_carry_same_sum);

    if (sum) {
        return sum;
    }

    sum = llm_carry_push(&c->sums, hash);

    if (sum == NULL) {
        return NULL;
    }

    sum->subject.type = key.subject.type;
    sum->period = n;

    return llm_store_copy(c->op, &sum->subject.id, id->data, id->len) == 0
           ? sum : NULL;
}


static void
llm_carry_amounts(int64_t *sum, const int64_t *amount)
{
    int  i;

    for (i = 0; i < LLM_STORE_SUMS; i++) {
        sum[i] = llm_sat_add(sum[i], amount[i]);
    }
}


_Static_assert((int) LLM_FACT_REQUESTS == (int) LLM_STORE_REQUESTS
               && (int) LLM_FACT_INPUT == (int) LLM_STORE_INPUT
               && (int) LLM_FACT_OUTPUT == (int) LLM_STORE_OUTPUT
               && (int) LLM_FACT_COST == (int) LLM_STORE_COST,
               "lines and the store have amounts in different orders");


/* What is not kept of the subject is nobody's to take from. */

static int
llm_carry_reset(llm_carry_t *c, const llm_entry_t *e)
{
    int                       type;
    u_char                    name[LLM_STORE_ID_MAX];
    unsigned                  i;
    llm_period_t              period;
    llm_store_sum_t          *sum;
    llm_store_text_t          id;
    const llm_line_period_t  *p;

    type = llm_carry_subject_type(&e->text[LLM_ENTRY_SUBJECT]);

    if (type == -1 || !llm_carry_id(e, type, name, &id)) {
        return 0;
    }

    for (i = 0; i < e->nperiods; i++) {
        p = &e->periods[i];

        if (llm_carry_period(&p->period, &period) != 0) {
            continue;
        }

        sum = llm_carry_sum(c, type, &id, period, p->start);

        if (sum == NULL) {
            return -1;
        }

        sum->resets++;
        llm_carry_amounts(sum->taken, p->amount);
    }

    return 0;
}


static int
llm_carry_same_usage(const void *row, const void *key)
{
    const llm_store_usage_t *a = row, *b = key;

    return a->day == b->day
           && llm_carry_same_text(&a->team, &b->team)
           && llm_carry_same_text(&a->user, &b->user)
           && llm_carry_same_text(&a->customer, &b->customer)
           && llm_carry_same_text(&a->key, &b->key)
           && llm_carry_same_text(&a->model, &b->model)
           && llm_carry_same_labels(a, b);
}


/* In another order it is another row, which the store adds to the same. */

static int
llm_carry_same_labels(const llm_store_usage_t *a, const llm_store_usage_t *b)
{
    unsigned  i;

    if (a->nlabels != b->nlabels) {
        return 0;
    }

    for (i = 0; i < a->nlabels; i++) {

        if (!llm_carry_same_text(&a->labels[i].name, &b->labels[i].name)
            || !llm_carry_same_text(&a->labels[i].value, &b->labels[i].value))
        {
            return 0;
        }
    }

    return 1;
}


static int
llm_carry_usage(llm_carry_t *c, const llm_entry_t *e)
{
    int64_t                *count, requests;
    uint32_t                hash;
    llm_store_label_t       labels[LLM_LINE_LABELS];
    llm_store_usage_t      *row, key;
    const llm_line_text_t  *text;

    memset(&key, 0, sizeof(llm_store_usage_t));

    text = e->text;

    key.day = llm_carry_day(c, e->timestamp / 1000);
    key.team.data = text[LLM_ENTRY_TEAM].data;
    key.team.len = text[LLM_ENTRY_TEAM].len;
    key.user.data = text[LLM_ENTRY_USER].data;
    key.user.len = text[LLM_ENTRY_USER].len;
    key.customer.data = text[LLM_ENTRY_CUSTOMER].data;
    key.customer.len = text[LLM_ENTRY_CUSTOMER].len;
    key.key.data = text[LLM_ENTRY_KEY].data;
    key.key.len = text[LLM_ENTRY_KEY].len;
    key.model.data = text[LLM_ENTRY_MODEL].data;
    key.model.len = text[LLM_ENTRY_MODEL].len;

    hash = llm_carry_hash(key.day, key.team.data, key.team.len);
    hash = llm_carry_hash(hash, key.user.data, key.user.len);
    hash = llm_carry_hash(hash, key.customer.data, key.customer.len);
    hash = llm_carry_hash(hash, key.key.data, key.key.len);
    hash = llm_carry_hash(hash, key.model.data, key.model.len);
    hash = llm_carry_labels(&key, e, labels, hash);

    row = llm_carry_find(&c->usage, hash, &key, llm_carry_same_usage);

    if (row == NULL) {
        row = llm_carry_push(&c->usage, hash);

        if (row == NULL) {
            return -1;
        }

        row->day = key.day;

        if (llm_store_copy(c->op, &row->team, key.team.data, key.team.len)
            || llm_store_copy(c->op, &row->user, key.user.data, key.user.len)
            || llm_store_copy(c->op, &row->customer, key.customer.data,
                              key.customer.len)
            || llm_store_copy(c->op, &row->key, key.key.data, key.key.len)
            || llm_store_copy(c->op, &row->model, key.model.data,
                              key.model.len)
            || llm_carry_copy_labels(c, row, &key))
        {
            return -1;
        }
    }

    requests = e->count[LLM_ENTRY_REQUESTS];
    count = row->count;

    count[LLM_STORE_REQUESTS] = llm_sat_add(count[LLM_STORE_REQUESTS],
                                            requests);
    count[LLM_STORE_INPUT] = llm_sat_add(count[LLM_STORE_INPUT],
                                         e->count[LLM_ENTRY_INPUT]);
    count[LLM_STORE_OUTPUT] = llm_sat_add(count[LLM_STORE_OUTPUT],
                                          e->count[LLM_ENTRY_OUTPUT]);
    count[LLM_STORE_COST] = llm_sat_add(count[LLM_STORE_COST], e->cost);
    count[LLM_STORE_CACHED] = llm_sat_add(count[LLM_STORE_CACHED],
                                          e->count[LLM_ENTRY_CACHED]);
    count[LLM_STORE_CACHE_WRITE] = llm_sat_add(count[LLM_STORE_CACHE_WRITE],
                                           e->count[LLM_ENTRY_CACHE_WRITE]);
    count[LLM_STORE_REASONING] = llm_sat_add(count[LLM_STORE_REASONING],
                                             e->count[LLM_ENTRY_REASONING]);

    if (e->usage && (e->count[LLM_ENTRY_STATUS] < 200
                     || e->count[LLM_ENTRY_STATUS] > 299))
    {
        count[LLM_STORE_FAILED_REQUESTS] =
                 llm_sat_add(count[LLM_STORE_FAILED_REQUESTS], requests);
    }

    if (text[LLM_ENTRY_SOURCE].len == sizeof("estimated") - 1
        && memcmp(text[LLM_ENTRY_SOURCE].data, "estimated",
                  sizeof("estimated") - 1)
           == 0)
    {
        count[LLM_STORE_ESTIMATED] = llm_sat_add(count[LLM_STORE_ESTIMATED],
                                                 requests);
    }

    return 0;
}


/* Of a line into a key, which borrows labels; goes on with the key's hash. */

static uint32_t
llm_carry_labels(llm_store_usage_t *key, const llm_entry_t *e,
    llm_store_label_t *labels, uint32_t hash)
{
    unsigned                 i;
    const llm_line_label_t  *label;

    for (i = 0; i < e->nlabels; i++) {
        label = &e->label[i];

        labels[i].name.data = label->name.data;
        labels[i].name.len = label->name.len;
        labels[i].value.data = label->value.data;
        labels[i].value.len = label->value.len;

        hash = llm_carry_hash(hash, label->name.data, label->name.len);
        hash = llm_carry_hash(hash, label->value.data, label->value.len);
    }

    key->labels = labels;
    key->nlabels = e->nlabels;

    return hash;
}


static int
llm_carry_copy_labels(llm_carry_t *c, llm_store_usage_t *row,
    const llm_store_usage_t *key)
{
    unsigned                  i;
    llm_store_label_t        *copy;
    const llm_store_label_t  *label;

    if (key->nlabels == 0) {
        return 0;
    }

    copy = llm_store_alloc(c->op, key->nlabels * sizeof(llm_store_label_t));

    if (copy == NULL) {
        return -1;
    }

    for (i = 0; i < key->nlabels; i++) {
        label = &key->labels[i];

        if (llm_store_copy(c->op, &copy[i].name, label->name.data,
                           label->name.len)
            || llm_store_copy(c->op, &copy[i].value, label->value.data,
                              label->value.len))
        {
            return -1;
        }
    }

    row->labels = copy;
    row->nlabels = key->nlabels;

    return 0;
}


static int
llm_carry_same_period(const void *row, const void *key)
{
    const llm_store_period_t *a = row, *b = key;

    return a->period == b->period && a->start == b->start;
}


/* The index of the period that holds a time, or -1. */

static int
llm_carry_bounds(llm_carry_t *c, llm_period_t period, int64_t time)
{
    size_t               i;
    uint32_t             hash;
    llm_store_period_t  *row, key;

    /* nearly all lines lie in the same few */

    row = c->periods.rows;

    for (i = 0; i < c->periods.n && i < 16; i++) {
        if (row[i].period == period
            && row[i].start <= time && time < row[i].end)
        {
            return i;
        }
    }

    key.period = period;

    llm_period_bounds(period, &c->conf->calendar, time, &key.start, &key.end);

    hash = llm_carry_hash(period, &key.start, sizeof(int64_t));
    row = llm_carry_find(&c->periods, hash, &key, llm_carry_same_period);

    if (row == NULL) {
        row = llm_carry_push(&c->periods, hash);

        if (row == NULL) {
            return -1;
        }

        *row = key;
    }

    return row - (llm_store_period_t *) c->periods.rows;
}


/* The date on the zone's clock, as 20260401. */

static uint32_t
llm_carry_day(llm_carry_t *c, int64_t time)
{
    time_t     noon;
    struct tm  tm;

    if (time < c->day_start || time >= c->day_end) {

        llm_period_bounds(LLM_DAY, &c->conf->calendar, time, &c->day_start,
                          &c->day_end);

        /* clocks that change do so at night */

        noon = c->day_start + (c->day_end - c->day_start) / 2;

        if (c->conf->calendar.local) {
            (void) localtime_r(&noon, &tm);

        } else {
            (void) gmtime_r(&noon, &tm);
        }

        c->day = (tm.tm_year + 1900) * 10000 + (tm.tm_mon + 1) * 100
                 + tm.tm_mday;
    }

    return c->day;
}


void
llm_carry_finish(llm_carry_t *c)
{
    llm_store_commit_t  *commit;

    c->op->type = LLM_STORE_COMMIT;
    commit = &c->op->commit;

    commit->periods = c->periods.rows;
    commit->nperiods = c->periods.n;
    commit->sums = c->sums.rows;
    commit->nsums = c->sums.n;
    commit->usage = c->usage.rows;
    commit->nusage = c->usage.n;
    commit->notes = c->notes.rows;
    commit->nnotes = c->notes.n;
    commit->pendings = c->pendings.rows;
    commit->npendings = c->pendings.n;
}


void
llm_carry_destroy(llm_carry_t *c)
{
    llm_carry_free(&c->sums);
    llm_carry_free(&c->usage);
    llm_carry_free(&c->periods);
    llm_carry_free(&c->notes);
    llm_carry_free(&c->pendings);

    free(c);
}


static int
llm_carry_same_text(const llm_store_text_t *a, const llm_store_text_t *b)
{
    return a->len == b->len && memcmp(a->data, b->data, a->len) == 0;
}
