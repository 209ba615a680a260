
/*
 * Copyright (C) the llm_quota authors
 */


#ifndef _LLM_RETAIN_H_INCLUDED_
#define _LLM_RETAIN_H_INCLUDED_


#include "llm_segment.h"
#include "llm_store.h"


/*
 * What is done once a day, and when segments grow old: the store is copied,
 * what is too old in it goes, and segments that the older of its two backups
 * has wholly.  So from either backup and the segments that are left all can be
 * made again.  Blocks.
 */

typedef struct {
    const char              *directory;  /* ends in a slash */
    uint64_t                 epoch;      /* of the zone */
    int                      local;      /* its clock */
    int64_t                  retain;     /* seconds */
    int                    (*canceled)(void);    /* asked often */
} llm_retain_conf_t;

typedef struct {
    int64_t                  now;        /* seconds of the epoch */
    uint32_t                 newest;     /* number of the zone's segment */

    llm_store_status_e       status;
    char                     error[LLM_STORE_ERROR];
    unsigned                 backups;    /* that were made */
    uint64_t                 pruned;     /* rows */
    unsigned                 deleted;    /* segments */
} llm_retain_run_t;


void llm_retain_run(const llm_retain_conf_t *conf, llm_retain_run_t *run);


#endif /* _LLM_RETAIN_H_INCLUDED_ */
