
/*
 * Copyright (C) the llm_quota authors
 */


#include <string.h>

#include "llm_adopt.h"


_Static_assert(LLM_CARRIER_MARKS == LLM_MARKS,
               "the zone and the carrier have different numbers of marks");


static void llm_adopt_key(llm_zone_t *z, const llm_kept_t *kept,
    const llm_subject_key_t *key);
static void llm_adopt_fact(llm_zone_t *z, llm_clock_t *clock,
    const llm_subject_key_t *keys, unsigned n, const llm_carrier_line_t *line,
    llm_mark_t *mark);


void
llm_adopt_line(llm_zone_t *z, llm_clock_t *clock, const llm_kept_t *kept,
    const llm_carrier_line_t *line)
{
    unsigned                i, type, n;
    llm_mark_t             *mark;
    llm_subject_key_t       keys[LLM_SUBJECT_TYPES + LLM_LINE_TAGS], *key;
    llm_foreign_line_t      foreign;
    const llm_line_text_t  *first, *second;

    n = 0;

    for (type = 0; type < LLM_SUBJECT_TYPES; type++) {
        key = &keys[n];

        if ((line->reset && (int) type != line->subject)
            || !llm_carry_names(line->text, type, &first, &second)
            || llm_zone_key(z, key, type, first ? first->data : NULL,
                            first ? first->len : 0,
                            second ? second->data : NULL,
                            second ? second->len : 0)
               != 0)
        {
            continue;
        }

        llm_adopt_key(z, kept, &keys[n++]);
    }

    for (i = 0; i < line->ntags; i++) {
        if (llm_zone_key(z, &keys[n], LLM_SUBJECT_TAG, line->tag[i].data,
                         line->tag[i].len, NULL, 0)
            == 0)
        {
            llm_adopt_key(z, kept, &keys[n++]);
        }
    }

    mark = llm_zone_mark(z, line->end.epoch, line->end.number);

    if (line->correction || line->reset) {
        llm_adopt_fact(z, clock, keys, n, line, mark);
        return;
    }

    memset(&foreign, 0, sizeof(llm_foreign_line_t));

    foreign.started = line->started;
    foreign.timestamp = line->timestamp;
    foreign.requests = line->requests;
    foreign.input = line->input;
    foreign.window_input = line->counted;
    foreign.output = line->output;
    foreign.cost = line->cost;

    llm_zone_add_line(z, clock, keys, n, &foreign, mark, line->end.offset);
}


/* What is settled in the last minute is of the windows, also of who is not in
   the zone yet. */

static void
llm_adopt_key(llm_zone_t *z, const llm_kept_t *kept,
    const llm_subject_key_t *key)
{
    if (!z->ready && kept->types[key->type].minute) {
        llm_zone_want_minute(z, key);
    }
}


_Static_assert((int) LLM_FACT_REQUESTS == (int) LLM_COUNT_REQUESTS
               && (int) LLM_FACT_INPUT == (int) LLM_COUNT_INPUT
               && (int) LLM_FACT_OUTPUT == (int) LLM_COUNT_OUTPUT
               && (int) LLM_FACT_COST == (int) LLM_COUNT_COST,
               "lines and the zone have amounts in different orders");


static void
llm_adopt_fact(llm_zone_t *z, llm_clock_t *clock,
    const llm_subject_key_t *keys, unsigned n, const llm_carrier_line_t *line,
    llm_mark_t *mark)
{
    unsigned            i;
    llm_fact_change_t   change;
    llm_fact_period_t   periods[LLM_FACT_PERIODS], *period;

    memset(&change, 0, sizeof(llm_fact_change_t));

    change.keys = keys;
    change.nkeys = n;
    change.time = line->timestamp / 1000;
    change.amount[LLM_COUNT_REQUESTS] = line->requests;
    change.amount[LLM_COUNT_INPUT] = line->input;
    change.amount[LLM_COUNT_OUTPUT] = line->output;
    change.amount[LLM_COUNT_COST] = line->cost;
    change.periods = periods;

    for (i = 0; i < line->nperiods; i++) {
        period = &periods[change.nperiods];

        if (llm_carry_period(&line->periods[i].period, &period->period) == 0) {
            period->start = line->periods[i].start;
            memcpy(period->amount, line->periods[i].amount,
                   sizeof(period->amount));
            change.nperiods++;
        }
    }

    llm_fact_adopt(z, clock, &change, mark, line->end.offset);
}


void
llm_adopt_marks(llm_zone_t *z, const llm_carrier_mark_t *marks, unsigned n,
    uint64_t others)
{
    unsigned     i, k;
    llm_mark_t  *mark;

    for (i = 0; i < LLM_MARKS; i++) {
        mark = &z->marks[i];

        for (k = 0; k < n; k++) {
            if (marks[k].epoch == mark->epoch
                && marks[k].number == mark->number)
            {
                break;
            }
        }

        if (k == n) {
            mark->made = 0;
        }
    }

    for (k = 0; k < n; k++) {
        mark = llm_zone_mark(z, marks[k].epoch, marks[k].number);

        if (mark->offset < marks[k].offset) {
            mark->offset = marks[k].offset;
        }
    }

    z->others = others;
}


unsigned
llm_adopted(const llm_zone_t *z, llm_carrier_mark_t *marks)
{
    unsigned           i, n;
    const llm_mark_t  *mark;

    n = 0;

    for (i = 0; i < LLM_MARKS; i++) {
        mark = &z->marks[i];

        if (mark->made == 0) {
            continue;
        }

        memset(&marks[n], 0, sizeof(llm_carrier_mark_t));

        marks[n].epoch = mark->epoch;
        marks[n].number = mark->number;
        marks[n].offset = mark->offset;
        n++;
    }

    return n;
}
