
/*
 * Copyright (C) the llm_quota authors
 */


#include <string.h>

#include "llm_load.h"
#include "llm_recent.h"


static uint64_t llm_recent_sum(const llm_segment_t *s, uint64_t epoch);


const llm_carrier_mark_t *
llm_recent_mark(const llm_carrier_run_t *run, const llm_segment_t *s)
{
    unsigned  i;

    for (i = 0; i < run->nmarks; i++) {
        if (run->marks[i].epoch == s->epoch
            && run->marks[i].number == s->number)
        {
            return &run->marks[i];
        }
    }

    return NULL;
}


int
llm_recent_begin(llm_segments_t *segments, uint64_t epoch,
    const llm_carrier_run_t *run)
{
    size_t          i;
    uint64_t        sum;
    llm_segment_t  *s;

    sum = 0;

    for (i = 0; i < segments->n; i++) {
        s = &segments->list[i];

        if (llm_recent_mark(run, s) == NULL) {
            s->passed = s->offset;
            sum += llm_recent_sum(s, epoch);
        }
    }

    return sum == run->others;
}


void
llm_recent_choose(llm_segments_t *segments, uint64_t epoch,
    const llm_carrier_run_t *run)
{
    size_t          i;
    unsigned        k, n;
    llm_segment_t  *s, *last[LLM_CARRIER_MARKS];

    n = 0;

    for (i = segments->n; i-- > 0; /* void */ ) {
        s = &segments->list[i];
        s->recent = 0;

        if (s->epoch == epoch) {
            continue;
        }

        s->marked = (llm_recent_mark(run, s) != NULL);
        s->news = (run->loaded && !s->marked && s->offset > s->passed);

        if (n < LLM_CARRIER_MARKS) {
            n++;

        } else if (!llm_segment_is_later(s, last[n - 1])) {
            continue;
        }

        for (k = n - 1; k > 0 && llm_segment_is_later(s, last[k - 1]); k--) {
            last[k] = last[k - 1];
        }

        last[k] = s;
    }

    for (k = 0; k < n; k++) {
        last[k]->recent = 1;
    }
}


unsigned
llm_recent_marks(const llm_segments_t *segments, llm_carrier_mark_t *marks)
{
    size_t                i;
    unsigned              n;
    const llm_segment_t  *s;

    n = 0;

    for (i = 0; i < segments->n; i++) {
        s = &segments->list[i];

        if (!s->recent) {
            continue;
        }

        memset(&marks[n], 0, sizeof(llm_carrier_mark_t));

        marks[n].epoch = s->epoch;
        marks[n].number = s->number;
        marks[n].offset = s->offset;
        n++;
    }

    return n;
}


uint64_t
llm_recent_others(const llm_segments_t *segments, uint64_t epoch)
{
    size_t    i;
    uint64_t  sum;

    sum = 0;

    for (i = 0; i < segments->n; i++) {
        if (!segments->list[i].recent) {
            sum += llm_recent_sum(&segments->list[i], epoch);
        }
    }

    return sum;
}


/* Of one that the store has no row of, or of the zone's own, it is nothing. */

static uint64_t
llm_recent_sum(const llm_segment_t *s, uint64_t epoch)
{
    return (s->kept && s->epoch != epoch)
           ? llm_mark_sum(s->epoch, s->number, s->offset) : 0;
}
