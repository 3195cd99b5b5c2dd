/*
 * The files are taken in by the assembler (.incbin), so that they stay plain SQL that a person can
 * feed to a shell. To add a migration: write schema/sqlite_N.sql and add it to `steps`.
 */
#include "store/schema.h"

#include "base/mem.h"
#include "store/driver.h"

enum { APPLICATION_ID = 0x57687370 }; /* "Whsp" */

#define SQL_FILE(name, path)                                                                       \
    __asm__(".section .rodata\n" #name ":\n.incbin \"src/store/schema/" path                       \
            "\"\n.byte 0\n.previous\n");                                                           \
    extern const char name[] __attribute__((visibility("hidden")))

SQL_FILE(schema_sqlite_1, "sqlite_1.sql");
SQL_FILE(schema_sqlite_2, "sqlite_2.sql");
SQL_FILE(schema_sqlite_3, "sqlite_3.sql");

/* steps[n] leads from version n to version n + 1. */
static const char *const steps[] = {schema_sqlite_1, schema_sqlite_2, schema_sqlite_3};

static int read_number(sqlite3 *db, const char *query, int64_t *out)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(db, query, -1, &stmt, NULL);
    if (rc == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW)
        *out = sqlite3_column_int64(stmt, 0);
    int end = sqlite3_finalize(stmt);
    return rc == SQLITE_OK ? end : rc;
}

static Err read_versions(sqlite3 *db, int64_t *application, int64_t *version, const char **why)
{
    if (read_number(db, "pragma application_id", application) != SQLITE_OK ||
        read_number(db, "pragma user_version", version) != SQLITE_OK)
        return db_refuse(why, "cannot read the database: %s", sqlite3_errmsg(db));
    return ERR_OK;
}

Err schema_empty(sqlite3 *db, bool *empty, const char **why)
{
    int64_t application = 0, version = 0, tables = 0;
    Err e = read_versions(db, &application, &version, why);
    if (e != ERR_OK)
        return e;
    if (read_number(db, "select count(*) from sqlite_schema", &tables) != SQLITE_OK)
        return db_refuse(why, "cannot read the database: %s", sqlite3_errmsg(db));
    *empty = application == 0 && version == 0 && tables == 0;
    return ERR_OK;
}

Err schema_check(sqlite3 *db, const char **why)
{
    int64_t application = 0, version = 0;
    bool empty = false;
    Err e = schema_empty(db, &empty, why);
    if (e == ERR_OK)
        e = read_versions(db, &application, &version, why);
    if (e != ERR_OK)
        return e;
    if (application != APPLICATION_ID && !empty)
        return db_refuse(why, "the database belongs to another program; name another file");
    if (version > (int64_t)countof(steps))
        return db_refuse(why,
                         "the database has schema %lld and this program knows schemas up to %d; "
                         "use the newer whispd that wrote it",
                         (long long)version, (int)countof(steps));
    return ERR_OK;
}

Err schema_complete(sqlite3 *db, const char **why)
{
    int64_t application = 0, version = 0;
    Err e = read_versions(db, &application, &version, why);
    if (e != ERR_OK)
        return e;
    if (application != APPLICATION_ID || version != (int64_t)countof(steps))
        return db_refuse(why, "the database has schema %lld, not %d; let the writer open it first",
                         (long long)version, (int)countof(steps));
    return ERR_OK;
}

/* One step inside an open transaction. */
static Err apply(sqlite3 *db, size_t step, const char **why)
{
    char mark[96];
    sqlite3_snprintf(sizeof mark, mark, "pragma application_id = %d; pragma user_version = %d",
                     (int)APPLICATION_ID, (int)step + 1);
    if (sqlite3_exec(db, steps[step], NULL, NULL, NULL) != SQLITE_OK ||
        sqlite3_exec(db, mark, NULL, NULL, NULL) != SQLITE_OK)
        return db_refuse(why, "schema %d could not be made: %s", (int)step + 1, sqlite3_errmsg(db));
    return ERR_OK;
}

/* The version is read again under the lock: another process may have been quicker. */
static Err migrate_once(sqlite3 *db, bool *done, const char **why)
{
    if (sqlite3_exec(db, "begin immediate", NULL, NULL, NULL) != SQLITE_OK)
        return db_refuse(why, "cannot lock the database: %s", sqlite3_errmsg(db));
    int64_t application = 0, version = 0;
    Err e = read_versions(db, &application, &version, why);
    *done = e != ERR_OK || version >= (int64_t)countof(steps);
    if (!*done)
        e = apply(db, (size_t)version, why);
    if (e == ERR_OK && sqlite3_exec(db, "commit", NULL, NULL, NULL) != SQLITE_OK)
        e = db_refuse(why, "the schema could not be stored: %s", sqlite3_errmsg(db));
    if (e != ERR_OK && !sqlite3_get_autocommit(db))
        (void)sqlite3_exec(db, "rollback", NULL, NULL, NULL);
    return e;
}

Err schema_migrate(sqlite3 *db, const char **why)
{
    Err e = ERR_OK;
    for (bool done = false; e == ERR_OK && !done;)
        e = migrate_once(db, &done, why);
    return e;
}
