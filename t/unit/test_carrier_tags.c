
/*
 * Copyright (C) the llm_quota authors
 */


#define _GNU_SOURCE
#include "carrier.h"


/* Tags of lines, in the store and in what comes out for the zone. */


/* Requests of a tag that the store has. */

static int64_t
tagged(llm_carrier_t *c, const char *tag)
{
    int64_t         n;
    llm_store_op_t  op;

    memset(&op, 0, sizeof(llm_store_op_t));

    op.type = LLM_STORE_LOAD;
    op.load.now = now / 1000;
    op.load.subject.type.data = (u_char *) "tag";
    op.load.subject.type.len = 3;
    op.load.subject.id.data = (u_char *) tag;
    op.load.subject.id.len = strlen(tag);

    (void) llm_store_run(llm_carrier_store(c), &op);

    n = op.load.nrows ? op.load.rows[0].sum[LLM_STORE_REQUESTS] : 0;

    llm_store_empty(&op);

    return n;
}


/* What counts toward several tags counts toward all else once. */

static void
test_tags(void)
{
    llm_carrier_t  *c;

    begin();
    c = carrier();
    run.foreign = 1;

    append(OTHER, 0, 3);
    ntags = 1;
    append(OTHER, 0, 4);
    ntags = 2;
    append(OTHER, 0, 5);
    ntags = 0;

    ok(carry(c) && same(c) && run.nlines == 12, "lines with tags");
    is_int(tagged(c, "one"), 9, "those of one tag");
    is_int(tagged(c, "two"), 5, "of another beside it");
    ok(run.lines[2].ntags == 0 && run.lines[3].ntags == 1
       && run.lines[11].ntags == 2, "come out with them");
    is_mem(run.lines[11].tag[1].data, run.lines[11].tag[1].len, "two",
           "by their names");

    memset(&run, 0, sizeof(run));
    llm_carrier_destroy(c);
    end();
}


int
main(void)
{
    test_tags();

    return tap_done();
}
