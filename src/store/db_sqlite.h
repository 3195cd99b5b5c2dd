/*
 * The inside of a SQLite connection, shared by the files of the driver: db_sqlite.c (opening,
 * transactions, statements), db_sqlite_wal.c (checkpoints) and db_sqlite_lock.c (one process at a
 * time). Nobody else includes it.
 */
#ifndef STORE_DB_SQLITE_H
#define STORE_DB_SQLITE_H

#include "store/db.h"

#include <sqlite3.h>

enum { DB_BUSY_TIMEOUT_MS = 5000 };

/* The driver's own statements, prepared when the connection is opened. */
enum own {
    OWN_BEGIN_READ,
    OWN_BEGIN_WRITE,
    OWN_SNAPSHOT,
    OWN_COMMIT,
    OWN_ROLLBACK,
    OWN_SAVEPOINT,
    OWN_RELEASE,
    OWN_UNDO,
    OWN_RESERVE,
    OWN_RESERVED,
    OWN_POSITION,
    OWN_FREE_PAGES,
    OWN_VACUUM,
    OWN_STATEMENTS,
};

/* A statement of the program on this connection; also the handle of its running query. */
struct db_rows {
    struct db *db;
    const struct db_sql *sql;
    sqlite3_stmt *stmt; /* NULL before its first use */
    uint8_t *numbers;   /* numbers[i] is the k of "$k" that SQLite knows as parameter i + 1 */
    size_t values;      /* the greatest k: how many values it takes */
    bool running;
};

struct db {
    sqlite3 *sqlite;
    enum db_role role;
    sqlite3_stmt *own[OWN_STATEMENTS];
    struct db_rows *statements; /* one for each in [db_sql_first, db_sql_last) */
    size_t running;

    bool begun;  /* between db_begin and its end */
    bool failed; /* sticky */
    Err cause;   /* of the first failure; db_cause */
    char cause_text[128];
    bool saved; /* between db_savepoint and its end */
    bool fence; /* a failed COMMIT may still be in the log; see db_fence */

    int64_t position; /* the last one given out */
    int64_t reserved; /* positions up to here are reserved on disk; 0: not known */

    int64_t wal_pages;       /* in the log, from its start */
    int64_t wal_copied;      /* of them, in the database file already */
    int64_t wal_tried;       /* its pages when a checkpoint was last tried, */
    int64_t wal_tried_at;    /* and when that was, clock_mono */
    int64_t wal_changed_at;  /* clock_mono of the last commit */
    int64_t wal_pause;       /* after a failed try to empty the log, microseconds; 0: none failed */
    int64_t wal_stuck_until; /* clock_mono when it ends */
    bool wal_fresh;          /* something was committed since free pages were last looked for */
};

/* Runs one; *out, when not NULL, is the first column of its first row. The SQLite result code. */
int db_own(struct db *db, enum own own, int64_t parameter, int64_t *out);

/* Logs an error; one that time may mend only now and then. */
void db_log_error(struct db *db, const char *what, int rc);

/* Tries to commit something, so that a COMMIT that failed stays undone after a crash. */
void db_fence(struct db *db);

/* *path owned: the PATH of "sqlite:PATH". */
Err db_path_of(Str url, char **path, const char **why) must_check;

/* Starts to count the pages of the log. */
void db_wal_watch(struct db *db);

#endif
