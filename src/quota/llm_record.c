
/*
 * Copyright (C) the llm_quota authors
 */


#include <string.h>

#include "llm_money.h"
#include "llm_record.h"


/* How an item lies in a record; its text comes after it. */

typedef struct {
    uint8_t                  tag;
    uint8_t                  resource;
    uint16_t                 len;
    llm_period_t             period;
    int64_t                  amount;
} llm_record_head_t;


#define LLM_RECORD_MINUTE    0x80        /* beside the resource */


/* What an overlay makes a row of. */

typedef struct {
    llm_row_t               *row;
    llm_limit_t              was[LLM_ROW_LIMITS];
    unsigned                 nwas;
    const llm_limit_t       *longest;    /* budget of the row, or NULL */
    unsigned                 named;      /* a bit for each llm_record_bit() */
    unsigned                 replaced:1; /* all budgets of the row */
} llm_overlay_t;


static int llm_record_is(const llm_record_item_t *item, llm_record_tag_e tag,
    const u_char *model, size_t n);
static unsigned llm_record_bit(llm_resource_e resource, unsigned minute);
static const llm_limit_t *llm_row_longest(const llm_limit_t *limits,
    unsigned n);
static int64_t llm_period_length(llm_period_t period);
static void llm_overlay_name(llm_overlay_t *o, const llm_record_item_t *item);
static void llm_overlay_named(llm_overlay_t *o, const llm_record_item_t *item);
static void llm_overlay_rest(llm_overlay_t *o);
static void llm_overlay_add(llm_overlay_t *o, const llm_limit_t *limit);
static int llm_overlay_period(llm_row_t *row, const llm_limit_t *limit);
static void llm_overlay_policy(llm_overlay_t *o, const llm_record_t *record,
    int64_t now);
static void llm_overlay_soft(llm_row_t *row, const llm_limit_t *budget,
    int64_t amount);
static void llm_overlay_done(llm_row_t *row);


/* in the order of llm_entity_kind_e */

static const char  *llm_entity_kinds[LLM_ENTITY_KINDS] = {
    "team", "user", "customer", "key", "team_member", "budget", "tag",
    "access_group"
};


llm_entity_kind_e
llm_entity_kind(const u_char *name, size_t n)
{
    unsigned  kind;

    for (kind = 0; kind < LLM_ENTITY_KINDS; kind++) {
        if (strlen(llm_entity_kinds[kind]) == n
            && memcmp(llm_entity_kinds[kind], name, n) == 0)
        {
            break;
        }
    }

    return kind;
}


int
llm_record_add(llm_record_t *record, const llm_record_item_t *item)
{
    size_t              len;
    u_char             *p;
    const void         *text;
    llm_record_head_t   head;

    text = item->text;
    len = item->len;

    if (item->tag == LLM_RECORD_MORE) {
        text = &item->until;
        len = sizeof(item->until);
    }

    if (len > UINT16_MAX
        || sizeof(head) + len > LLM_RECORD_MAX - record->len)
    {
        return -1;
    }

    head.tag = item->tag;
    head.resource = item->resource | (item->minute ? LLM_RECORD_MINUTE : 0);
    head.len = (uint16_t) len;
    head.period = item->period;
    head.amount = item->amount;

    p = record->data + record->len;

    memcpy(p, &head, sizeof(head));

    if (len) {
        memcpy(p + sizeof(head), text, len);
    }

    record->len += sizeof(head) + len;

    return 0;
}


int
llm_record_next(const llm_record_t *record, size_t *at,
    llm_record_item_t *item)
{
    const u_char       *p;
    llm_record_head_t   head;

    if (record->len - *at < sizeof(head)) {
        return 0;
    }

    p = record->data + *at;
    memcpy(&head, p, sizeof(head));

    if (head.len > record->len - *at - sizeof(head)) {
        return 0;
    }

    item->tag = head.tag;
    item->resource = head.resource & ~LLM_RECORD_MINUTE;
    item->minute = (head.resource & LLM_RECORD_MINUTE) != 0;
    item->period = head.period;
    item->amount = head.amount;
    item->until = 0;
    item->text = p + sizeof(head);
    item->len = head.len;

    if (head.tag == LLM_RECORD_MORE && head.len == sizeof(item->until)) {
        memcpy(&item->until, item->text, sizeof(item->until));
    }

    *at += sizeof(head) + head.len;

    return 1;
}


int
llm_record_find(const llm_record_t *record, llm_record_tag_e tag,
    llm_record_item_t *item)
{
    size_t  at;

    for (at = 0; llm_record_next(record, &at, item); /* void */ ) {
        if (item->tag == tag) {
            return 1;
        }
    }

    return 0;
}


int
llm_record_has_limits(const llm_record_t *record, llm_record_tag_e tag,
    const u_char *model, size_t n)
{
    size_t             at;
    llm_record_item_t  item;

    for (at = 0; llm_record_next(record, &at, &item); /* void */ ) {
        if (llm_record_is(&item, tag, model, n)) {
            return 1;
        }
    }

    return 0;
}


static int
llm_record_is(const llm_record_item_t *item, llm_record_tag_e tag,
    const u_char *model, size_t n)
{
    if (item->tag != tag) {
        return 0;
    }

    return tag != LLM_RECORD_MODEL_LIMIT
           || (item->len == n && memcmp(item->text, model, n) == 0);
}


static unsigned
llm_record_bit(llm_resource_e resource, unsigned minute)
{
    return 1U << (2 * resource + (minute ? 1 : 0));
}


void
llm_record_overlay(llm_row_t *row, const llm_record_t *record,
    llm_record_tag_e tag, const u_char *model, size_t n, int64_t now)
{
    size_t             at;
    llm_overlay_t      o;
    llm_record_item_t  item;

    o.row = row;
    o.named = 0;
    o.replaced = 0;
    o.nwas = row->nlimits;
    memcpy(o.was, row->limits, row->nlimits * sizeof(llm_limit_t));
    o.longest = llm_row_longest(o.was, o.nwas);

    row->nlimits = 0;
    row->nperiods = 0;
    row->minute = 0;

    for (at = 0; llm_record_next(record, &at, &item); /* void */ ) {
        if (llm_record_is(&item, tag, model, n)) {
            llm_overlay_name(&o, &item);
            llm_overlay_named(&o, &item);
        }
    }

    llm_overlay_rest(&o);

    if (tag == LLM_RECORD_LIMIT) {
        llm_overlay_policy(&o, record, now);
    }

    llm_overlay_done(row);
}


static void
llm_overlay_name(llm_overlay_t *o, const llm_record_item_t *item)
{
    o->named |= llm_record_bit(item->resource, item->minute);

    if (item->resource == LLM_RESOURCE_COST
        && (item->amount == LLM_RECORD_LIFTED
            || (item->amount != LLM_RECORD_SAME
                && item->period != LLM_RECORD_AS_IS)))
    {
        o->replaced = 1;
    }
}


static void
llm_overlay_named(llm_overlay_t *o, const llm_record_item_t *item)
{
    llm_limit_t  limit;

    if (item->amount == LLM_RECORD_LIFTED) {
        return;
    }

    memset(&limit, 0, sizeof(llm_limit_t));

    limit.resource = item->resource;
    limit.minute = item->minute;
    limit.period = item->period;
    limit.amount = item->amount;

    if (limit.period == LLM_RECORD_AS_IS) {
        limit.period = o->longest ? o->longest->period : 0;
    }

    if (limit.amount == LLM_RECORD_SAME) {

        if (o->longest == NULL) {
            return;
        }

        limit.amount = o->longest->amount;
    }

    llm_overlay_add(o, &limit);
}


/* What the record does not name stays as it was. */

static void
llm_overlay_rest(llm_overlay_t *o)
{
    unsigned            i;
    const llm_limit_t  *limit;

    for (i = 0; i < o->nwas; i++) {
        limit = &o->was[i];

        if (limit->resource == LLM_RESOURCE_COST) {

            if (o->replaced
                || (limit == o->longest
                    && (o->named & llm_record_bit(LLM_RESOURCE_COST, 0))))
            {
                continue;
            }

        } else if (o->named & llm_record_bit(limit->resource, limit->minute)) {
            continue;
        }

        llm_overlay_add(o, limit);
    }
}


/* Of two of the same period the smaller is the limit. */

static void
llm_overlay_add(llm_overlay_t *o, const llm_limit_t *limit)
{
    unsigned      i;
    llm_row_t    *row;
    llm_limit_t  *have;

    row = o->row;

    for (i = 0; i < row->nlimits; i++) {
        have = &row->limits[i];

        if (have->resource == limit->resource
            && have->minute == limit->minute
            && have->period == limit->period)
        {
            if (limit->amount < have->amount) {
                have->amount = limit->amount;
            }

            return;
        }
    }

    if (row->nlimits == LLM_ROW_LIMITS || llm_overlay_period(row, limit) != 0) {
        return;
    }

    row->limits[row->nlimits++] = *limit;
}


static int
llm_overlay_period(llm_row_t *row, const llm_limit_t *limit)
{
    unsigned  i;

    if (limit->minute) {
        row->minute = 1;
        return 0;
    }

    if (limit->resource == LLM_RESOURCE_PARALLEL) {
        return 0;
    }

    for (i = 0; i < row->nperiods; i++) {
        if (row->periods[i] == limit->period) {
            return 0;
        }
    }

    if (row->nperiods == LLM_ROW_PERIODS) {
        return -1;
    }

    row->periods[row->nperiods++] = limit->period;

    return 0;
}


static void
llm_overlay_policy(llm_overlay_t *o, const llm_record_t *record, int64_t now)
{
    llm_row_t          *row;
    llm_limit_t        *budget;
    llm_record_item_t   item;

    row = o->row;
    budget = (llm_limit_t *) llm_row_longest(row->limits, row->nlimits);

    if (llm_record_find(record, LLM_RECORD_SOFT, &item)) {
        llm_overlay_soft(row, budget, item.amount);
    }

    if (llm_record_find(record, LLM_RECORD_OVER, &item)) {
        row->over = (uint8_t) item.amount;
    }

    if (budget
        && llm_record_find(record, LLM_RECORD_MORE, &item)
        && now < item.until)
    {
        budget->amount = llm_sat_add(budget->amount, item.amount);
    }
}


/* Thresholds are percents: the one just below the amount. */

static void
llm_overlay_soft(llm_row_t *row, const llm_limit_t *budget, int64_t amount)
{
    __int128  percent;

    percent = 100;

    if (amount != LLM_RECORD_LIFTED) {

        if (budget == NULL || budget->amount == 0) {
            return;
        }

        percent = (__int128) amount * 100 / budget->amount;
    }

    row->nsoft = 1;
    row->soft[0] = (percent < 1) ? 1
                   : (percent > 100) ? 100 : (uint8_t) percent;
}


static void
llm_overlay_done(llm_row_t *row)
{
    if (llm_row_done(row) != NULL) {

        /* there is no rate, or no budget, to throttle */

        row->throttle = 0;
        row->over = 0;
    }
}


static const llm_limit_t *
llm_row_longest(const llm_limit_t *limits, unsigned n)
{
    unsigned            i;
    const llm_limit_t  *longest;

    longest = NULL;

    for (i = 0; i < n; i++) {
        if (limits[i].resource == LLM_RESOURCE_COST
            && (longest == NULL
                || llm_period_length(limits[i].period)
                   > llm_period_length(longest->period)))
        {
            longest = &limits[i];
        }
    }

    return longest;
}


/* In seconds, near enough to compare. */

static int64_t
llm_period_length(llm_period_t period)
{
    switch (LLM_PERIOD_KIND(period)) {

    case LLM_PERIOD_SECONDS:
        return LLM_PERIOD_N(period);

    case LLM_PERIOD_DAYS:
        return (int64_t) LLM_PERIOD_N(period) * 86400;

    case LLM_PERIOD_WEEK:
        return 7 * 86400;

    case LLM_PERIOD_MONTH:
        return 30 * 86400 + 43200;

    default: /* LLM_PERIOD_FOREVER */
        return INT64_MAX;
    }
}
