
/*
 * Copyright (C) the llm_quota authors
 */


#include "tap.h"
#include "llm_carry.h"


/* What lines say of answers made in the background, beside their sums. */


#define EPOCH  0xfedcba9876543210ULL
#define NOW    1775046605123             /* ms of the epoch */


static llm_store_op_t     op;
static llm_carry_t       *carry;
static llm_carry_conf_t   conf;
static llm_entry_t        entry;
static u_char             buf[LLM_LINE_MAX];


/* A line of so many requests, about an answer, with a source. */

static size_t
add(uint64_t number, const char *id, const char *source)
{
    size_t         n;
    llm_line_t     line;
    llm_usage_t    usage;
    const u_char  *p;

    memset(&line, 0, sizeof(llm_line_t));
    memset(&usage, 0, sizeof(llm_usage_t));

    usage.input = 10;

    line.usage = &usage;
    line.epoch = EPOCH;
    line.number = number;
    line.started = NOW - 5000;
    line.timestamp = NOW;
    line.requests = 1;
    line.source = source;
    line.pending.id.data = (const u_char *) id;
    line.pending.id.len = strlen(id);
    line.pending.expected = 1;
    line.team.data = (const u_char *) "a";
    line.team.len = 1;

    n = llm_line_print(buf, &line) - buf;
    p = buf;

    ok(llm_line_read(&p, buf + n, &entry) == LLM_LINE_OK, "line %llu",
       (unsigned long long) number);
    is_int(llm_carry_add(carry, &entry), 0, "is added");

    return n;
}


static int
is_row(const llm_store_pending_t *row, const char *id, size_t len)
{
    return row->id.len == strlen(id)
           && memcmp(row->id.data, id, row->id.len) == 0
           && row->epoch == (int64_t) EPOCH
           && row->expires == NOW / 1000 + 24 * 3600
           && row->line.len == len
           && (row->line.data != NULL) == (len != 0);
}


int
main(void)
{
    size_t                      n;
    const u_char               *p;
    const llm_store_pending_t  *rows;

    memset(&op, 0, sizeof(llm_store_op_t));

    op.type = LLM_STORE_COMMIT;
    llm_kept_init(&conf.kept);

    carry = llm_carry_create(&conf, &op);

    (void) add(1, "", "upstream");
    n = add(2, "resp_1", "pending");
    (void) add(3, "", "pending");
    (void) add(4, "resp_1", "upstream");
    (void) add(5, "resp_2", "estimated");

    llm_carry_finish(carry);

    rows = op.commit.pendings;

    is_int(op.commit.npendings, 3, "three are about an answer");
    ok(is_row(&rows[0], "resp_1", n), "the first leaves it pending");
    ok(is_row(&rows[1], "resp_1", 0), "the second charges it");
    ok(is_row(&rows[2], "resp_2", 0), "the third another");

    p = rows[0].line.data;

    ok(llm_line_read(&p, p + rows[0].line.len, &entry) == LLM_LINE_OK
       && entry.number == 2 && entry.pending,
       "what is pending has its line, which can be read");

    is_int(op.commit.nusage, 1, "all of them are usage");
    is_int(op.commit.usage[0].count[LLM_STORE_INPUT], 50, "of all tokens");

    llm_carry_destroy(carry);
    llm_store_empty(&op);

    return tap_done();
}
