
/*
 * Copyright (C) the llm_quota authors
 */


#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "llm_sqlite.h"


static int llm_sqlite_rename(llm_store_t *store, const char *from,
    const char *to);


/*
 * The copy is made under a read transaction of its own: others that commit
 * meanwhile do not make it start over, and it shows one moment.
 */

int
llm_sqlite_op_backup(llm_store_t *store, llm_store_op_t *op)
{
    int64_t  tables;

    if (llm_sqlite_exec(store, store->db, "BEGIN") != 0
        || llm_sqlite_ask(store, store->db,
                          "SELECT count(*) FROM sqlite_master", &tables)
           != 0)
    {
        return -1;
    }

    if (llm_sqlite_copy(store, store->db, LLM_SQLITE_BACKUP_NEW,
                        op->backup.canceled)
        != 0)
    {
        if (store->status != LLM_STORE_DAMAGED) {
            return -1;
        }

        /* only a bad source is a reason to set it aside */

        store->status = LLM_STORE_OK;

        if (llm_sqlite_check(store, store->db, NULL) == 0) {
            store->status = LLM_STORE_IO;
        }

        return -1;
    }

    if (llm_sqlite_exec(store, store->db, "COMMIT") != 0) {
        return -1;
    }

    /* at any moment one of the two names has a whole file */

    if (llm_sqlite_modified(store, LLM_SQLITE_BACKUP, NULL) != 0
        && llm_sqlite_rename(store, LLM_SQLITE_BACKUP, LLM_SQLITE_OLDER) != 0)
    {
        return -1;
    }

    if (llm_sqlite_rename(store, LLM_SQLITE_BACKUP_NEW, LLM_SQLITE_BACKUP)
        != 0)
    {
        return -1;
    }

    return llm_sqlite_sync_directory(store);
}


static int
llm_sqlite_rename(llm_store_t *store, const char *from, const char *to)
{
    char  source[LLM_SQLITE_PATH], target[LLM_SQLITE_PATH];

    llm_sqlite_name(store, from, source);
    llm_sqlite_name(store, to, target);

    if (rename(source, target) == -1) {
        return llm_sqlite_errno(store, "rename()", target);
    }

    return 0;
}
