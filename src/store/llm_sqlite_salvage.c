
/*
 * Copyright (C) the llm_quota authors
 */


#include <stdio.h>
#include <string.h>

#include "llm_sqlite.h"


static int llm_sqlite_salvage_one(sqlite3 *db, const llm_sql_salvage_t *what);
static int llm_sqlite_is_whole(sqlite3 *db, const char *tables);


/*
 * Sums and offsets belong together and come back from the ledger, so they are
 * the backup's.  What people changed since is nowhere else: each group of
 * tables is taken as a whole if all of it can be read, else the backup's
 * stays.  Nothing that goes wrong here is an error.
 */

void
llm_sqlite_salvage(llm_store_t *store, sqlite3 *db, const char *aside,
    char *text, size_t size)
{
    int            rc, i;
    char           path[LLM_SQLITE_PATH];
    size_t         n;
    sqlite3_stmt  *stmt;

    text[0] = '\0';
    n = 0;

    llm_sqlite_name(store, aside, path);

    rc = sqlite3_prepare_v2(db, "ATTACH ? AS old", -1, &stmt, NULL);

    if (rc == SQLITE_OK) {
        (void) sqlite3_bind_text(stmt, 1, path, -1, SQLITE_STATIC);
        rc = sqlite3_step(stmt);
    }

    (void) sqlite3_finalize(stmt);

    if (rc != SQLITE_DONE) {
        return;
    }

    for (i = 0; i < LLM_SQL_SALVAGES; i++) {

        if (llm_sqlite_salvage_one(db, &llm_sql_salvages[i]) == 0
            && n < size)
        {
            n += (size_t) snprintf(text + n, size - n, "%s%s", n ? ", " : "",
                                   llm_sql_salvages[i].name);
        }
    }

    (void) sqlite3_exec(db, "DETACH old", NULL, NULL, NULL);
}


static int
llm_sqlite_salvage_one(sqlite3 *db, const llm_sql_salvage_t *what)
{
    int  rc;

    if (!llm_sqlite_is_whole(db, what->tables)) {
        return -1;
    }

    rc = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);

    if (rc == SQLITE_OK) {
        rc = sqlite3_exec(db, what->sql, NULL, NULL, NULL);
    }

    if (rc == SQLITE_OK) {
        rc = sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
    }

    if (rc != SQLITE_OK) {
        (void) sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
        return -1;
    }

    return 0;
}


static int
llm_sqlite_is_whole(sqlite3 *db, const char *tables)
{
    int            whole;
    char           sql[96];
    size_t         n;
    const char    *said;
    sqlite3_stmt  *stmt;

    whole = 1;

    for ( /* void */ ; *tables && whole; tables += n + (tables[n] == ' ')) {

        n = strcspn(tables, " ");

        (void) snprintf(sql, sizeof(sql), "PRAGMA old.quick_check(%.*s)",
                        (int) n, tables);

        whole = 0;

        if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK
            && sqlite3_step(stmt) == SQLITE_ROW)
        {
            said = (const char *) sqlite3_column_text(stmt, 0);
            whole = said && strcmp(said, "ok") == 0;
        }

        (void) sqlite3_finalize(stmt);
    }

    return whole;
}
