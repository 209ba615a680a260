
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _NGX_HTTP_LLM_LEDGER_H_INCLUDED_
#define _NGX_HTTP_LLM_LEDGER_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "llm_line.h"


/*
 * The ledger of one zone, as one worker writes it: lines settled in one turn
 * of the event loop go out in one write at its end.  All workers append to
 * the same segment (O_APPEND); its name says when the zone was made and the
 * zone's epoch, so a new zone never appends to an old file.
 */

typedef struct ngx_http_llm_ledger_s  ngx_http_llm_ledger_t;

/*
 * Lines were written, or given up where failed is set.  They are told in the
 * order in which they were appended, lines of them.
 */
typedef void (*ngx_http_llm_ledger_handler_pt)(void *data, ngx_uint_t lines,
    ngx_uint_t failed);


struct ngx_http_llm_ledger_s {
    ngx_str_t                        directory;    /* ends in a slash */
    ngx_str_t                        segment;      /* path, NUL after it */
    ngx_fd_t                         fd;
    ngx_event_t                      event;
    ngx_log_t                       *log;

    u_char                          *buf;
    u_char                          *last;
    u_char                          *end;
    ngx_uint_t                       lines;        /* in the buffer */
    ngx_uint_t                       lost;

    /* where a write stopped within the first line of the buffer */
    size_t                           torn;         /* bytes of it */
    off_t                            at;           /* in the segment */

    ngx_http_llm_ledger_handler_pt   handler;
    void                            *data;

    unsigned                         failing:1;
};


/* A line that may have been written, and what its owner knows it by. */

typedef struct {
    uint64_t                         number;
    ngx_uint_t                       index;
    ngx_uint_t                       found;
} ngx_http_llm_ledger_entry_t;


/*
 * Makes the ledger ready in a worker; created in ms of the epoch and epoch
 * are the zone's.  The segment is made with the first line.
 */
ngx_int_t ngx_http_llm_ledger_init(ngx_http_llm_ledger_t *ledger,
    int64_t created, uint64_t epoch, ngx_cycle_t *cycle);

/* Formats a line into this turn's write. */
void ngx_http_llm_ledger_append(ngx_http_llm_ledger_t *ledger,
    const llm_line_t *line);

/* Writes what is there now; for exit, where no turn ends any more. */
void ngx_http_llm_ledger_flush(ngx_http_llm_ledger_t *ledger);

/*
 * Sets found of those whose lines stand in the segment, of which only the end
 * is read: it has what a process wrote that died seconds ago.
 */
void ngx_http_llm_ledger_find(ngx_http_llm_ledger_t *ledger, uint64_t epoch,
    ngx_http_llm_ledger_entry_t *entries, ngx_uint_t n);

void ngx_http_llm_ledger_close(ngx_http_llm_ledger_t *ledger);


#endif /* _NGX_HTTP_LLM_LEDGER_H_INCLUDED_ */
