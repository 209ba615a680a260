
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _NGX_HTTP_LLM_LEDGER_H_INCLUDED_
#define _NGX_HTTP_LLM_LEDGER_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#include "llm_line_fact.h"


/*
 * The ledger of one zone, as one worker writes it: lines settled in one turn
 * of the event loop go out in one write at its end.  All workers append to
 * the same segment (O_APPEND); its name says when the zone was made and the
 * zone's epoch, so a new zone never appends to an old file.
 *
 * Which segment is the newest is one word that all workers share.  Whoever
 * finds that one long enough makes the next and moves the word on; who has not
 * noticed yet appends to the one before, which is as good: no segment is ever
 * finished.
 */

typedef struct ngx_http_llm_ledger_s  ngx_http_llm_ledger_t;

/* Lines were written: so many of those appended, the first ones first. */
typedef void (*ngx_http_llm_ledger_handler_pt)(void *data, ngx_uint_t lines);


struct ngx_http_llm_ledger_s {
    ngx_str_t                        directory;    /* ends in a slash */
    size_t                           size;         /* of a segment, bytes */
    volatile uint32_t               *newest;       /* shared: its number */
    uint64_t                        *written;      /* shared: bytes, rises */
    uint64_t                        *failures;     /* likewise: times that it
                                                      began to fail */
    volatile uint32_t               *writing;      /* likewise: not 0 while
                                                      lines may be written that
                                                      the handler was not told
                                                      of */
    volatile uint32_t               *stuck;        /* likewise: 1 while it
                                                      fails */

    ngx_fd_t                         zones;        /* says which zones live */
    uint64_t                         epoch;        /* of this one */

    ngx_str_t                        segment;      /* path, NUL after it */
    size_t                           base;         /* of the path, up to the
                                                      number */
    uint32_t                         number;       /* of the one open */
    ngx_fd_t                         fd;
    ngx_event_t                      event;
    ngx_log_t                       *log;

    u_char                          *buf;
    u_char                          *last;
    u_char                          *end;
    ngx_uint_t                       lines;        /* in the buffer */

    /* where a write stopped within the first line of the buffer */
    size_t                           torn;         /* bytes of it */
    off_t                            at;           /* in the segment */

    ngx_http_llm_ledger_handler_pt   handler;
    void                            *data;

    time_t                           full;         /* when the next segment
                                                      found no room, 0 */
    unsigned                         failing:1;
};


/* A line that may have been written, and what its owner knows it by. */

typedef struct {
    uint64_t                         number;
    ngx_uint_t                       index;
    ngx_uint_t                       found;
} ngx_http_llm_ledger_entry_t;


/*
 * A state directory belongs to one master process and to those that it makes.
 * The lock is held by whoever has its file open: the master, its workers,
 * also when they outlive it, and the new master of a binary upgrade, which
 * finds the file among those that it was left.
 *
 * Takes it for a cycle that is being made; directory ends in a slash.
 * NGX_ERROR: it is another nginx's, or cannot be locked, which is told.
 */
ngx_int_t ngx_http_llm_ledger_lock(ngx_str_t *directory, ngx_log_t *log);

/*
 * Two zones may live on one directory: those of the two nginx of an upgrade, or
 * of a configuration that replaces another.  Each process says that its zone
 * lives, until it ends, whatever ends it: by a lock on the byte of a file that
 * is the zone's.  Parts of ngx_http_llm_ledger_init() and _close().
 */
ngx_int_t ngx_http_llm_ledger_join(ngx_http_llm_ledger_t *ledger,
    ngx_cycle_t *cycle);
void ngx_http_llm_ledger_part(ngx_http_llm_ledger_t *ledger);

/* Whether no other zone lives here; 0 where that cannot be found out. */
ngx_uint_t ngx_http_llm_ledger_is_alone(ngx_http_llm_ledger_t *ledger);

/* The cycle is made: gives back what only those before it used. */
void ngx_http_llm_ledger_unlock_unused(void);

/*
 * Makes the ledger ready in a worker; created in ms of the epoch and epoch
 * are the zone's.  The segment is made with the first line.
 */
ngx_int_t ngx_http_llm_ledger_init(ngx_http_llm_ledger_t *ledger,
    int64_t created, uint64_t epoch, ngx_cycle_t *cycle);

/*
 * Formats a line into this turn's write.  NGX_AGAIN: the segment cannot be
 * written and the buffer is full; the line is the caller's to keep until the
 * handler tells of lines written.
 */
ngx_int_t ngx_http_llm_ledger_append(ngx_http_llm_ledger_t *ledger,
    const llm_line_t *line);

/* The same of a line that is there already, of at most LLM_LINE_MAX bytes. */
ngx_int_t ngx_http_llm_ledger_append_text(ngx_http_llm_ledger_t *ledger,
    const u_char *text, size_t len);

/* Whether a line fits without a write. */
#define ngx_http_llm_ledger_has_room(ledger)                                  \
    ((ledger)->end - (ledger)->last >= LLM_LINE_MAX)

/* Writes what is there now; for exit, where no turn ends any more. */
void ngx_http_llm_ledger_flush(ngx_http_llm_ledger_t *ledger);

/*
 * Sets found of those whose lines stand in the last 16 MB of the zone's
 * segments: they have what a process wrote that died seconds ago.
 */
void ngx_http_llm_ledger_find(ngx_http_llm_ledger_t *ledger, uint64_t epoch,
    ngx_http_llm_ledger_entry_t *entries, ngx_uint_t n);

void ngx_http_llm_ledger_close(ngx_http_llm_ledger_t *ledger);


#endif /* _NGX_HTTP_LLM_LEDGER_H_INCLUDED_ */
