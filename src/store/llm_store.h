
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _LLM_STORE_H_INCLUDED_
#define _LLM_STORE_H_INCLUDED_


#include <sys/types.h>
#include <stdint.h>

#include "llm_period.h"


/*
 * The store adds up what the ledger says, and keeps what is not in the
 * ledger: entities, the audit, alerts and their deliveries.  It is one file,
 * quota.db, in the zone's state directory, beside its backups.
 *
 * An llm_store_t is one connection.  It is used by one thread at a time, in
 * the process that made it; several processes may each have their own on one
 * directory, and see each other's changes as soon as they are answered.
 *
 * An operation is an llm_store_op_t: its type, what it wants (in the member
 * of the union with its name), and what came of it.  llm_store_run() blocks:
 * inside nginx it is for the start and the end of a process only, in between
 * ngx_http_llm_store.h runs operations in a thread pool.
 *
 * Each operation is one transaction: all of it is done and stays done, or
 * nothing was changed.  What a commit of the ledger has done may be undone as
 * a whole by a power cut, with its offsets, so that it is done again; every
 * other change is on the disk before it is answered.
 *
 * Texts that go in belong to the caller until the operation ends.  Texts,
 * rows and arrays that come out are the operation's, until it runs again or
 * is emptied.  Money is int64_t nano-dollars; sums saturate.
 */


typedef struct llm_store_s       llm_store_t;
typedef struct llm_store_pool_s  llm_store_pool_t;


typedef struct {
    size_t                   len;
    const u_char            *data;           /* NULL: none, where it may */
} llm_store_text_t;


/* What became of an operation.  Of all after ABSENT op->error says more. */

typedef enum {
    LLM_STORE_OK = 0,
    LLM_STORE_CONFLICT,      /* what was to be changed is not what the caller
                                thinks it is; nothing was changed */
    LLM_STORE_EXISTS,        /* the id or the alias is taken */
    LLM_STORE_NOT_FOUND,
    LLM_STORE_ABSENT,        /* there is no store yet: the leader makes it */
    LLM_STORE_AWAY,          /* Redis, where others have it, does not answer */

    LLM_STORE_INVALID,       /* the caller's arguments; again is useless */

    LLM_STORE_BUSY,          /* somebody else writes; later it may do */
    LLM_STORE_CANCELED,
    LLM_STORE_FULL,          /* no room on the disk; as soon as there is */
    LLM_STORE_READONLY,
    LLM_STORE_IO,
    LLM_STORE_NO_MEMORY,
    LLM_STORE_NEWER,         /* a newer version of the module made it */

    LLM_STORE_DAMAGED,       /* until it is opened again, which mends it */
    LLM_STORE_GONE,          /* the file was deleted or replaced: likewise */
    LLM_STORE_CLOSED,        /* it is not open */
    LLM_STORE_FAILED         /* anything else */
} llm_store_status_e;

#define LLM_STORE_ERROR          512         /* bytes of an error's text */
#define LLM_STORE_ID_MAX         512         /* bytes of an id, alias, name */
#define LLM_STORE_LABELS         8
#define LLM_STORE_LABEL_NAME     64          /* bytes */
#define LLM_STORE_LABEL_VALUE    256         /* bytes */
#define LLM_STORE_LABEL_VALUES   1000        /* then "other" */
#define LLM_STORE_DAYS           400         /* that history is kept */
#define LLM_STORE_ROWS           10000       /* at most, of one operation */


/* Whom a meter counts: "team", "key_model"; the id as the zone has it, of a
   pair both ids with a NUL between them. */

typedef struct {
    llm_store_text_t         type;
    llm_store_text_t         id;
} llm_store_subject_t;


/* The first four are those of meters, all are those of daily usage. */

typedef enum {
    LLM_STORE_REQUESTS = 0,
    LLM_STORE_INPUT,                         /* tokens, cached ones included */
    LLM_STORE_OUTPUT,                        /* tokens */
    LLM_STORE_COST,                          /* nano-dollars */
    LLM_STORE_SUMS,

    LLM_STORE_FAILED_REQUESTS = LLM_STORE_SUMS,
    LLM_STORE_ESTIMATED,                     /* requests */
    LLM_STORE_CACHED,                        /* tokens */
    LLM_STORE_CACHE_WRITE,                   /* tokens */
    LLM_STORE_REASONING,                     /* tokens */
    LLM_STORE_COUNTS
} llm_store_count_e;


/* Where a list goes on; len 0 at its beginning, and again past its end.  Not
   to be looked into, but may be kept and handed to another process. */

#define LLM_STORE_CURSOR         18432

typedef struct {
    size_t                   len;
    u_char                   data[LLM_STORE_CURSOR];
} llm_store_cursor_t;


/*
 * OPEN.  The leader's store makes, migrates and mends the file; others find
 * it, or it is ABSENT.  A file that is damaged or not ours is set aside as
 * quota.db.damaged-TIME, of which three are kept, and a new one is made of
 * the newest readable backup, with entities, audit, alerts and pending ids
 * taken from the old file as far as they can be read.  A file that was deleted
 * while it was open is written anew from what is still open.  One of a newer
 * version is left as it is: NEWER.  May be called again, and is to be after
 * DAMAGED or GONE.
 *
 * Where event says that it was rebuilt, offsets may have gone back: the
 * leader reads them again, and with them the lines after them.
 */

typedef enum {
    LLM_STORE_FOUND = 0,
    LLM_STORE_MADE,                          /* new and empty */
    LLM_STORE_REBUILT,                       /* of a backup */
    LLM_STORE_EMPTIED,                       /* set aside, and no backup */
    LLM_STORE_RESCUED                        /* of the deleted file: whole */
} llm_store_event_e;

typedef struct {
    unsigned                 leader:1;
    unsigned                 check:1;        /* the large tables, too: reads
                                                the whole file */

    llm_store_event_e        event;          /* out */
    int                      migrated;       /* out: from this version, -1:
                                                it was not */
    int64_t                  backup;         /* out: when the last backup was
                                                made, s of the epoch, 0 */
    char                     text[1024];     /* out: what was done, in words;
                                                empty: nothing to tell */
} llm_store_open_t;


/*
 * COMMIT.  Adds what some bytes of some segments say, if the store's offset
 * of each segment still is where they begin; else CONFLICT, with the index
 * and the store's offset of the first that is not.
 */

typedef struct {
    llm_store_text_t         name;           /* of the file, no directory */
    int64_t                  from;           /* 0: nothing of it is known */
    int64_t                  to;             /* less than from: it was cut */
    unsigned                 forget:1;       /* the file is gone: to is 0 */
} llm_store_segment_t;

typedef struct {
    llm_period_t             period;
    int64_t                  start;          /* s of the epoch */
    int64_t                  end;
} llm_store_period_t;

typedef struct {
    llm_store_subject_t      subject;
    unsigned                 period;         /* index */
    int64_t                  amount[LLM_STORE_SUMS];

    /* resets of the meter: what they add to what it shows, while team_usage
       still has all; how many, with corrections that take something off */
    unsigned                 resets;
    int64_t                  taken[LLM_STORE_SUMS];     /* not positive */

    /* out, where the commit asks for totals: what the meter now shows */
    int64_t                  total[LLM_STORE_SUMS];
    int64_t                  generation;     /* all resets so far */
} llm_store_sum_t;

typedef struct {
    llm_store_text_t         name;
    llm_store_text_t         value;
} llm_store_label_t;

typedef struct {
    uint32_t                 day;            /* 20260401, the zone's clock */
    llm_store_text_t         team;
    llm_store_text_t         user;
    llm_store_text_t         customer;
    llm_store_text_t         key;
    llm_store_text_t         model;
    const llm_store_label_t *labels;         /* in any order */
    unsigned                 nlabels;
    int64_t                  count[LLM_STORE_COUNTS];
} llm_store_usage_t;

typedef struct {
    llm_store_text_t         who;
    llm_store_text_t         key;            /* id of the key that was used */
    llm_store_text_t         address;
    llm_store_text_t         reason;
} llm_store_actor_t;

/* A row of the audit that a line of the ledger comes to.  One that is there
   already, with the same after, is not written again: it was kept when the
   offsets went back. */

typedef struct {
    llm_store_actor_t        actor;
    int64_t                  time;           /* ms of the epoch */
    llm_store_text_t         action;
    llm_store_text_t         kind;
    llm_store_text_t         id;
    llm_store_text_t         after;          /* JSON, which tells it from all
                                                others */
} llm_store_note_t;

/* An answer that is made in the background; see PENDING_FIND. */

typedef struct {
    llm_store_text_t         id;
    llm_store_text_t         line;           /* that leaves it pending, with
                                                its newline; NULL: it is
                                                charged */
    int64_t                  epoch;          /* of the line */
    int64_t                  expires;        /* s of the epoch; charged: until
                                                when it is remembered */
    llm_store_text_t         seen;           /* of SEE and DUE: a line of what
                                                it used, with its newline; of
                                                DUE, NULL: it has expired */
} llm_store_pending_t;

typedef struct {
    const llm_store_segment_t   *segments;
    size_t                       nsegments;
    const llm_store_period_t    *periods;
    size_t                       nperiods;
    llm_store_sum_t             *sums;       /* of one meter one */
    size_t                       nsums;
    const llm_store_usage_t     *usage;
    size_t                       nusage;
    const llm_store_note_t      *notes;
    size_t                       nnotes;
    const llm_store_pending_t   *pendings;       /* in the order of
                                                    their lines */
    size_t                       npendings;
    unsigned                     totals:1;

    size_t                       conflict;   /* out, with CONFLICT: index */
    int64_t                      offset;     /* out, with CONFLICT */
} llm_store_commit_t;


/* LOAD: the meters of one subject.  LOAD_ALL: of all subjects, at most max
   rows at once.  Both: of periods that end after now. */

typedef struct {
    llm_store_subject_t      subject;
    llm_store_period_t       period;
    int64_t                  sum[LLM_STORE_SUMS];
    int64_t                  generation;
} llm_store_meter_t;

typedef struct {
    llm_store_subject_t      subject;        /* of LOAD */
    int64_t                  now;            /* s of the epoch */
    size_t                   max;            /* of LOAD_ALL */
    llm_store_cursor_t       cursor;         /* of LOAD_ALL */

    llm_store_meter_t       *rows;           /* out */
    size_t                   nrows;
} llm_store_load_t;


/* OFFSETS: of all segments; backup: those of the older of the two backups,
   which all segments that may be deleted lie before.  ABSENT: there are not
   two. */

typedef struct {
    unsigned                 backup:1;

    llm_store_segment_t     *rows;           /* out: to is the offset */
    size_t                   nrows;
} llm_store_offsets_t;


/*
 * BACKUP writes quota-backup.db and keeps the previous one as
 * quota-backup.1.db; both are whole at any moment.  What it writes is read
 * again and checked: DAMAGED says that the store itself is.  Others go on
 * writing meanwhile.  canceled, where there is one, is asked often, in the
 * thread that runs the operation.
 */

typedef struct {
    int                    (*canceled)(void);
} llm_store_backup_t;


/* PRUNE removes at most max rows that are older than LLM_STORE_DAYS, and
   meters of other periods than months two days after their end. */

typedef struct {
    int64_t                  now;            /* s of the epoch */
    size_t                   max;

    size_t                   removed;        /* out; max: there may be more */
} llm_store_prune_t;


/*
 * CHANGE: entities are made, changed and deleted, all of them or none, each
 * with its row in the audit.  The versions given out never repeat, over all
 * entities and kinds, and rise; they are later than the change's time, so that
 * those of a store that is made anew are higher than those of the one that was
 * lost.  A later change of the same operation sees the earlier ones.
 *
 * EXISTS: the id (taken_alias is 0) or the alias (1) of the change with the
 * index failed is taken.  NOT_FOUND, CONFLICT: it is not there, or has the
 * version found.
 *
 * Where changes are made in a Redis first, as several nodes have the entities,
 * they are given: with their versions, and what is asked here was asked there.
 */

#define LLM_STORE_ANY_VERSION    -1
#define LLM_STORE_REFS           256         /* of one entity */

typedef struct {
    llm_store_text_t         name;           /* "team" */
    llm_store_text_t         value;          /* an id */
} llm_store_ref_t;

typedef struct {
    llm_store_text_t         kind;           /* "team", "key" */
    llm_store_text_t         id;
    llm_store_text_t         alias;          /* NULL: none; one of a kind */
    llm_store_text_t         json;           /* NULL: delete it */
    const llm_store_ref_t   *refs;           /* what ENTITIES finds it by */
    size_t                   nrefs;
    int64_t                  version;        /* the one it must have; 0: it
                                                must not exist */
    llm_store_text_t         action;         /* of the audit: "/team/new" */

    int64_t                  changed;        /* out, or given: the version it
                                                now has */
} llm_store_change_t;

typedef struct {
    llm_store_actor_t        actor;
    int64_t                  time;           /* ms of the epoch */
    llm_store_change_t      *changes;
    size_t                   nchanges;

    unsigned                 given:1;

    size_t                   failed;         /* out: index */
    unsigned                 taken_alias:1;  /* out */
    int64_t                  found;          /* out: version, with CONFLICT */
} llm_store_changes_t;


/*
 * APPLY: changes that other nodes have made, each with its version and who
 * made it.  Each gets its row in the audit once; an entity becomes what the
 * change with the highest version made of it, in whatever order they come.
 * An alias that another has here goes over to the later change.
 *
 * LATEST: of each entity that is or was, by kind and id, the last change, as
 * it can be applied elsewhere.  What the audit has not any more is empty.
 */

typedef struct {
    llm_store_actor_t        actor;
    int64_t                  time;           /* ms of the epoch */
    llm_store_change_t       change;         /* version is not used */

    unsigned                 newest:1;       /* out, of APPLY: the entity is
                                                what this made of it */
} llm_store_made_t;

typedef struct {
    llm_store_made_t        *rows;
    size_t                   nrows;
} llm_store_apply_t;

typedef struct {
    size_t                   max;
    llm_store_cursor_t       cursor;

    llm_store_made_t        *rows;           /* out */
    size_t                   nrows;
} llm_store_latest_t;


/* ENTITY: one, by id, or by alias where id is NULL. */

typedef struct {
    llm_store_text_t         kind;
    llm_store_text_t         id;
    llm_store_text_t         alias;
    llm_store_text_t         json;
    int64_t                  version;
} llm_store_entity_t;


/* ENTITIES: of a kind, or of all where it is NULL, by kind and id. */

typedef struct {
    llm_store_text_t         kind;
    llm_store_ref_t          ref;            /* name NULL: all */
    int64_t                  since;          /* versions above it only */
    size_t                   max;
    llm_store_cursor_t       cursor;

    llm_store_entity_t      *rows;           /* out */
    size_t                   nrows;
} llm_store_entities_t;


/* AUDIT: newest first; of one entity, of a kind, or (NULL) of all.  Rows that
   are no changes of entities have version 0. */

typedef struct {
    int64_t                  number;
    int64_t                  time;           /* ms of the epoch */
    llm_store_actor_t        actor;
    llm_store_text_t         action;
    llm_store_text_t         kind;
    llm_store_text_t         id;
    int64_t                  version;
    llm_store_text_t         before;         /* JSON; NULL: it was made */
    llm_store_text_t         after;          /* JSON; NULL: it was deleted */
} llm_store_audit_row_t;

typedef struct {
    llm_store_text_t         kind;
    llm_store_text_t         id;
    unsigned                 changes:1;      /* of entities only */
    size_t                   max;
    llm_store_cursor_t       cursor;

    llm_store_audit_row_t   *rows;           /* out */
    size_t                   nrows;
} llm_store_audit_t;


/* A delivery of an alert into a channel. */

typedef enum {
    LLM_STORE_PENDING = 0,
    LLM_STORE_DELIVERED,
    LLM_STORE_GIVEN_UP
} llm_store_delivery_e;

typedef struct {
    llm_store_text_t         alert;
    llm_store_text_t         channel;
    llm_store_delivery_e     state;
    int64_t                  due;            /* ms of the epoch; of one that is
                                                delivered, when it was */
    int64_t                  attempts;
    llm_store_text_t         error;          /* of the last attempt */
    llm_store_text_t         json;           /* of the alert */
} llm_store_delivery_t;


/*
 * CONFIGURED: what a configuration limits.  It is compared with the last one
 * that was recorded; what is new, other or gone is a row of the audit, by
 * "nginx.conf", with the place as the address; then it is the last one.  The
 * first one of all is recorded, and no change.  Nothing is done where the last
 * one was read later than this one, or is this one, as its workers may start
 * in any order: an exception is a last one of the future, whose clock was
 * wrong.
 */

typedef struct {
    llm_store_text_t         action;         /* "llm_team_limit" */
    llm_store_text_t         kind;           /* "team" */
    llm_store_text_t         id;             /* with action unique */
    llm_store_text_t         limits;         /* JSON */
    llm_store_text_t         place;          /* "nginx.conf:12"; another one
                                                alone is no change */
} llm_store_limited_t;

typedef struct {
    int64_t                      read;       /* when the configuration was: ms
                                                of the epoch */
    int64_t                      time;       /* now, likewise */
    const llm_store_limited_t   *rows;
    size_t                       nrows;

    size_t                       changed;    /* out: rows of the audit */
} llm_store_configured_t;


/*
 * ALERT: those that are new under their key (all from subject to generation)
 * are written, each with a delivery for each of its channels, due at once.
 * One without a channel is noted, and so never announced; so is a lesser one
 * where one before it, of those from the last that is not lesser on, is new.
 */

typedef struct {
    llm_store_subject_t      subject;
    llm_store_text_t         resource;       /* "cost", "projected" */
    llm_period_t             period;
    int64_t                  start;          /* s of the epoch */
    int64_t                  limit;
    int64_t                  threshold;      /* percent */
    int64_t                  generation;

    llm_store_text_t         id;             /* unique for ever */
    llm_store_text_t         event;
    llm_store_text_t         json;           /* what the channels will say */
    int64_t                  time;           /* ms of the epoch */
    const llm_store_text_t  *channels;
    size_t                   nchannels;
    unsigned                 lesser:1;

    unsigned                 inserted:1;     /* out */

    const llm_store_delivery_t  *deliveries; /* out, of ALERTS */
    size_t                   ndeliveries;
} llm_store_alert_t;

typedef struct {
    llm_store_alert_t       *alerts;
    size_t                   nalerts;
} llm_store_alert_insert_t;

/* ALERTS: newest first, of those whose time has come; rows have no channels,
   but deliveries, where these are wanted. */

#define LLM_STORE_CHANNELS   64              /* deliveries of one alert */

typedef struct {
    llm_store_subject_t      subject;        /* type NULL: of all */
    int64_t                  now;            /* ms of the epoch; 0: those that
                                                are still to come, too */
    unsigned                 deliveries:1;
    size_t                   max;
    llm_store_cursor_t       cursor;

    llm_store_alert_t       *rows;           /* out */
    size_t                   nrows;
} llm_store_alerts_t;


/*
 * The outbox.  DELIVERIES: of one alert; or, where it is NULL, those pending
 * of one channel, or of all, that are due, the longest due first; next is
 * when the first of the others will be.
 *
 * DELIVERY: before and after each attempt: the row's attempts must be what
 * the caller has seen, else CONFLICT, and somebody else is at it.
 */

/* The error of a delivery while an attempt is being made. */
#define LLM_STORE_BEGUN          "it was begun"

typedef struct {
    llm_store_text_t         alert;
    llm_store_text_t         channel;
    int64_t                  now;            /* ms of the epoch */
    size_t                   max;

    llm_store_delivery_t    *rows;           /* out */
    size_t                   nrows;
    int64_t                  next;           /* ms of the epoch, 0: none */
} llm_store_deliveries_t;

typedef struct {
    llm_store_delivery_t     row;            /* attempts: what it will be */
    int64_t                  seen;           /* attempts: what they are */
} llm_store_attempt_t;


/*
 * Answers that are made in the background, each known by its id: a line of the
 * ledger leaves it pending, and another charges it.  A COMMIT has both, in any
 * order: of an id it is the first line that leaves it pending and the first
 * that charges it which count, and what was charged stays so.
 *
 * PENDING_FIND: what an answer that is pending is charged by; NOT_FOUND: it is
 * not, or was seen.  PENDING_SEE: notes what it used, for who may charge it;
 * NOT_FOUND likewise.  PENDING_DUE: those of an epoch, or of all, that were
 * seen or have expired, the oldest first; they stay until a line charges them.
 */

typedef struct {
    llm_store_text_t         id;
    llm_store_text_t         model;          /* out, as all that follows */
    unsigned                 tier;           /* llm_tier_e, asked for */
    int64_t                  input;          /* tokens expected */
    int64_t                  output;
} llm_store_find_t;

typedef struct {
    int64_t                  now;            /* s of the epoch */
    int64_t                  epoch;
    unsigned                 all:1;
    size_t                   max;

    llm_store_pending_t     *rows;           /* out */
    size_t                   nrows;
    int64_t                  others;         /* out: how many are pending whose
                                                lines are of other epochs */
} llm_store_due_t;


/*
 * USAGE: daily usage from the one day to the other, both included, added up
 * by what "by" names, in that order: LLM_STORE_BY_DAY | LLM_STORE_BY_TEAM has
 * a row for each day and team.  A filter with NULL lets all pass.
 */

#define LLM_STORE_BY_DAY         0x01
#define LLM_STORE_BY_TEAM        0x02
#define LLM_STORE_BY_USER        0x04
#define LLM_STORE_BY_CUSTOMER    0x08
#define LLM_STORE_BY_KEY         0x10
#define LLM_STORE_BY_MODEL       0x20
#define LLM_STORE_BY_LABELS      0x40        /* as JSON */
#define LLM_STORE_BY_LABEL       0x80        /* the value of one */

typedef struct {
    uint32_t                 day;
    llm_store_text_t         team;
    llm_store_text_t         user;
    llm_store_text_t         customer;
    llm_store_text_t         key;
    llm_store_text_t         model;
    llm_store_text_t         labels;         /* {"app":"web"}, or empty */
    llm_store_text_t         label;          /* empty: has none */
    int64_t                  count[LLM_STORE_COUNTS];
} llm_store_usage_row_t;

typedef struct {
    uint32_t                 from;
    uint32_t                 to;
    unsigned                 by;
    llm_store_text_t         label;          /* name, for BY_LABEL */
    llm_store_text_t         team;
    llm_store_text_t         user;
    llm_store_text_t         customer;
    llm_store_text_t         key;
    llm_store_text_t         model;
    size_t                   max;
    llm_store_cursor_t       cursor;

    llm_store_usage_row_t   *rows;           /* out */
    size_t                   nrows;
} llm_store_usage_list_t;


typedef enum {
    LLM_STORE_OPEN = 0,
    LLM_STORE_CHECK,                         /* reads it all: DAMAGED, OK */
    LLM_STORE_COMMIT,
    LLM_STORE_LOAD,
    LLM_STORE_LOAD_ALL,
    LLM_STORE_OFFSETS,
    LLM_STORE_BACKUP,
    LLM_STORE_PRUNE,
    LLM_STORE_CHANGE,
    LLM_STORE_APPLY,
    LLM_STORE_LATEST,
    LLM_STORE_ENTITY,
    LLM_STORE_ENTITIES,
    LLM_STORE_AUDIT,
    LLM_STORE_CONFIGURED,
    LLM_STORE_ALERT,
    LLM_STORE_ALERTS,
    LLM_STORE_DELIVERIES,
    LLM_STORE_DELIVERY,
    LLM_STORE_PENDING_FIND,
    LLM_STORE_PENDING_SEE,
    LLM_STORE_PENDING_DUE,
    LLM_STORE_USAGE,
    LLM_STORE_OPS
} llm_store_op_e;

typedef struct {
    llm_store_op_e           type;
    llm_store_status_e       status;         /* out */
    llm_store_pool_t        *arguments;      /* NULL before the first use, */
    llm_store_pool_t        *results;        /* likewise */
    char                     error[LLM_STORE_ERROR];

    union {
        llm_store_open_t          open;
        llm_store_commit_t        commit;
        llm_store_load_t          load;      /* and LOAD_ALL */
        llm_store_offsets_t       offsets;
        llm_store_backup_t        backup;
        llm_store_prune_t         prune;
        llm_store_changes_t       change;
        llm_store_apply_t         apply;
        llm_store_latest_t        latest;
        llm_store_entity_t        entity;
        llm_store_entities_t      entities;
        llm_store_audit_t         audit;
        llm_store_configured_t    configured;
        llm_store_alert_insert_t  alert;
        llm_store_alerts_t        alerts;
        llm_store_deliveries_t    deliveries;
        llm_store_attempt_t       delivery;
        llm_store_find_t          find;
        llm_store_pending_t       pending;   /* of SEE */
        llm_store_due_t           due;
        llm_store_usage_list_t    usage;
    };
} llm_store_op_t;


typedef struct {
    const char              *directory;      /* ends in a slash */
    int                      local;          /* the zone's clock, for the
                                                days of team_usage */
    unsigned                 timeout;        /* ms to wait for others */
    unsigned                 reader:1;       /* changes nothing, and opens
                                                itself when it needs to */
} llm_store_conf_t;


/* A store that is not open; NULL without memory. */
llm_store_t *llm_store_create(const llm_store_conf_t *conf);

/* Closes it.  NULL is taken. */
void llm_store_destroy(llm_store_t *store);

/* How long operations wait for others from now on; less at exit. */
void llm_store_set_timeout(llm_store_t *store, unsigned timeout);

/* Runs an operation, blocking; op->status is returned, too. */
llm_store_status_e llm_store_run(llm_store_t *store, llm_store_op_t *op);

/* Whether it changes the store: a reader answers READONLY. */
int llm_store_is_write(llm_store_op_e type);

/* "damaged", "disk full". */
const char *llm_store_status_name(llm_store_status_e status);

/* Memory for the arguments of an operation, until it is emptied; NULL without
   memory.  Aligned as malloc()'s. */
void *llm_store_alloc(llm_store_op_t *op, size_t size);

/* A copy of a text in the same memory; 0, or -1 without memory. */
int llm_store_copy(llm_store_op_t *op, llm_store_text_t *text,
    const void *data, size_t len);

/* Frees arguments and results; the operation may be used again. */
void llm_store_empty(llm_store_op_t *op);


#endif /* _LLM_STORE_H_INCLUDED_ */
