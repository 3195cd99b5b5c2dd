/*
 * The SQLite driver: WAL with synchronous=FULL, so that a COMMIT returns after its fsync and
 * readers never wait for the writer.
 *
 * Statements are prepared once a connection and found by their place in the section of all
 * statements: an array, not a hash table. SQLite numbers named parameters by first appearance, so
 * each statement keeps which of its parameters is which $k.
 *
 * Only the writer checkpoints, between batches (db_maintain): automatic ones are off, and a reader
 * that closes last leaves the log for the writer's next start. See db_sqlite_wal.c.
 *
 * Log positions are counted in memory. What could be given out is reserved in the database ahead
 * of time, so that after a restart none is given again, even if the rows that had them are gone.
 */
#include "store/db_sqlite.h"

#include "base/log.h"
#include "base/mem.h"
#include "store/driver.h"
#include "store/schema.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    RESERVE = 4096,          /* positions that one write of the reservation lasts for */
    REST_BYTES = 256 * 1024, /* of cached pages that are worth giving back */
};

static const char *const constant_sql[OWN_STATEMENTS] = {
    [OWN_BEGIN_READ] = "begin",
    [OWN_BEGIN_WRITE] = "begin immediate",
    [OWN_SNAPSHOT] = "select id from positions",
    [OWN_COMMIT] = "commit",
    [OWN_ROLLBACK] = "rollback",
    [OWN_SAVEPOINT] = "savepoint job",
    [OWN_RELEASE] = "release job",
    [OWN_UNDO] = "rollback to job",
    [OWN_RESERVE] = "insert into positions values (1, ?1)"
                    " on conflict (id) do update set reserved = excluded.reserved",
    [OWN_RESERVED] = "select max(reserved) from positions",
    [OWN_POSITION] = "select max(coalesce((select max(id) from messages), 0),"
                     " coalesce((select max(id) from events), 0))",
    [OWN_FREE_PAGES] = "pragma freelist_count",
    [OWN_VACUUM] = "pragma incremental_vacuum(256)",
};

/* Errors */

/* What the disk, or another program that keeps the lock, is to blame for, and time may mend. */
static bool is_outside(const struct db *db, int rc)
{
    switch (rc & 0xff) {
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_BUSY:
        return true;
    case SQLITE_READONLY: /* a reader is so by itself */
        return db->role == DB_WRITER;
    default:
        return false;
    }
}

/* SQLite keeps the system's error for itself when a step fails, so errno is looked at. */
static void note_cause(struct db *db, int rc)
{
    int error = errno;
    bool io = (rc & 0xff) == SQLITE_IOERR || (rc & 0xff) == SQLITE_CANTOPEN;
    db->cause = is_outside(db, rc) ? ERR_STORE_UNAVAILABLE : ERR_INTERNAL;
    snprintf(db->cause_text, sizeof db->cause_text, "%s%s%s", sqlite3_errmsg(db->sqlite),
             io && error ? ": " : "", io && error ? strerror(error) : "");
}

void db_log_error(struct db *db, const char *what, int rc)
{
    static struct log_throttle outside;
    int64_t held = 0;
    if (is_outside(db, rc) && !log_allowed(&outside, &held))
        return;
    log_event(LOG_ERROR, "store", log_s("statement", str_of(what)), log_n("code", rc),
              log_s("error", str_of(sqlite3_errmsg(db->sqlite))), log_n("held_back", held));
}

/* The first error of a transaction is logged; the message never holds a bound value. */
static void fail(struct db *db, const char *what, int rc)
{
    must((rc & 0xff) != SQLITE_NOMEM);
    if (!db->cause)
        note_cause(db, rc);
    if (!db->failed)
        db_log_error(db, what, rc);
    db->failed = true;
}

Err db_cause(const struct db *db)
{
    return db->cause;
}

Str db_cause_text(const struct db *db)
{
    return str_of(db->cause_text);
}

int db_own(struct db *db, enum own own, int64_t parameter, int64_t *out)
{
    sqlite3_stmt *stmt = db->own[own];
    if (own == OWN_RESERVE)
        sqlite3_bind_int64(stmt, 1, parameter);
    int rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW && out)
        *out = sqlite3_column_int64(stmt, 0);
    if (own == OWN_VACUUM)
        while (rc == SQLITE_ROW)
            rc = sqlite3_step(stmt);
    sqlite3_reset(stmt);
    if (rc == SQLITE_ROW || rc == SQLITE_DONE)
        return SQLITE_OK;
    fail(db, constant_sql[own], rc);
    return rc;
}

static int own(struct db *db, enum own which)
{
    return db_own(db, which, 0, NULL);
}

/* Transactions */

/* Rows that were left early would keep the snapshot alive past the transaction. */
static void end_queries(struct db *db)
{
    size_t n = (size_t)(db_sql_last - db_sql_first);
    for (size_t i = 0; db->running && i < n; i++)
        db_done(&db->statements[i]);
}

static void end(struct db *db)
{
    end_queries(db);
    if (db->begun && !sqlite3_get_autocommit(db->sqlite))
        own(db, OWN_ROLLBACK);
    db->begun = db->failed = db->saved = false;
}

void db_begin(struct db *db)
{
    must(!db->begun);
    db->failed = db->saved = false;
    db->cause = ERR_OK;
    db->begun = own(db, db->role == DB_WRITER ? OWN_BEGIN_WRITE : OWN_BEGIN_READ) == SQLITE_OK;
    /* A deferred transaction has no snapshot before its first read. */
    if (db->begun && db->role == DB_READER)
        own(db, OWN_SNAPSHOT);
}

/*
 * A COMMIT whose fsync failed has left its frames in the log, invisible, but a crash now would
 * bring them to life. Any later commit overwrites them: this is one that changes nothing else.
 */
void db_fence(struct db *db)
{
    (void)db_probe(db);
}

bool db_probe(struct db *db)
{
    must(!db->begun);
    db->begun = own(db, OWN_BEGIN_WRITE) == SQLITE_OK;
    bool ok = db->begun && db_own(db, OWN_RESERVE, db->position + RESERVE, NULL) == SQLITE_OK &&
              own(db, OWN_COMMIT) == SQLITE_OK;
    end(db);
    return ok;
}

Err db_commit(struct db *db)
{
    bool ok = db->begun && !db->failed;
    end_queries(db);
    if (ok && own(db, OWN_COMMIT) != SQLITE_OK) {
        ok = false;
        db->fence = db->role == DB_WRITER;
    }
    end(db);
    if (ok)
        return ERR_OK;
    db->reserved = 0;
    if (db->fence)
        db_fence(db);
    return ERR_INTERNAL;
}

void db_rollback(struct db *db)
{
    db->reserved = 0;
    end(db);
}

void db_savepoint(struct db *db)
{
    must(!db->saved);
    db->saved = db->begun && !db->failed && own(db, OWN_SAVEPOINT) == SQLITE_OK;
}

void db_release(struct db *db)
{
    if (db->saved && !db->failed)
        own(db, OWN_RELEASE);
    db->saved = false;
}

bool db_undo(struct db *db)
{
    /* Some errors make SQLite roll everything back; what came next would commit by itself. */
    bool can = db->saved && !sqlite3_get_autocommit(db->sqlite);
    db->saved = false;
    end_queries(db);
    if (!can)
        return false;
    db->failed = false;
    db->reserved = 0;
    return own(db, OWN_UNDO) == SQLITE_OK && own(db, OWN_RELEASE) == SQLITE_OK;
}

bool db_failed(const struct db *db)
{
    return db->failed;
}

int64_t db_position(struct db *db)
{
    must(db->role == DB_WRITER && (db->begun || db->failed));
    int64_t position = ++db->position;
    if (position > db->reserved && !db->failed) {
        db->reserved = position + RESERVE;
        db_own(db, OWN_RESERVE, db->reserved, NULL);
    }
    return position;
}

int64_t db_last_position(struct db *db)
{
    if (db->role == DB_READER && !db->failed) {
        must(db->begun);
        db_own(db, OWN_POSITION, 0, &db->position);
    }
    return db->position;
}

int64_t db_reserved_position(struct db *db)
{
    int64_t reserved = 0;
    if (!db->failed) {
        must(db->begun);
        db_own(db, OWN_RESERVED, 0, &reserved);
    }
    return reserved;
}

/* Statements */

/* The k of "$k"; the name may go on with "::type", which PostgreSQL reads as a cast. */
static size_t parameter_number(const char *name)
{
    must(name && name[0] == '$');
    size_t k = strtoul(name + 1, NULL, 10);
    must(k >= 1 && k <= UINT8_MAX);
    return k;
}

static bool prepare(struct db_rows *st)
{
    struct db *db = st->db;
    int rc = sqlite3_prepare_v3(db->sqlite, st->sql->text, -1, SQLITE_PREPARE_PERSISTENT, &st->stmt,
                                NULL);
    if (rc != SQLITE_OK) {
        fail(db, st->sql->name, rc);
        return false;
    }
    int n = sqlite3_bind_parameter_count(st->stmt);
    st->numbers = mem_alloc((size_t)n);
    for (int i = 0; i < n; i++) {
        size_t k = parameter_number(sqlite3_bind_parameter_name(st->stmt, i + 1));
        st->numbers[i] = (uint8_t)k;
        st->values = k > st->values ? k : st->values;
    }
    return true;
}

static int bind(sqlite3_stmt *stmt, int i, const struct db_value *v, sqlite3_destructor_type keep)
{
    switch (v->type) {
    case DB_INT:
        return sqlite3_bind_int64(stmt, i, v->i);
    case DB_TEXT:
        return sqlite3_bind_text64(stmt, i, v->s.p, v->s.n, keep, SQLITE_UTF8);
    case DB_ID:
        return sqlite3_bind_blob64(stmt, i, v->id.b, sizeof v->id.b, keep);
    case DB_BYTES:
        return sqlite3_bind_blob64(stmt, i, v->s.p, v->s.n, keep);
    case DB_NULL:
        break;
    }
    return sqlite3_bind_null(stmt, i);
}

/* Ready to step, or NULL when the connection has failed. */
static struct db_rows *start(struct db *db, const struct db_sql *sql, struct db_values values,
                             sqlite3_destructor_type keep)
{
    must(sql >= db_sql_first && sql < db_sql_last);
    must(db->begun || db->failed);
    struct db_rows *st = &db->statements[sql - db_sql_first];
    must(!st->running);
    if (db->failed || (!st->stmt && !prepare(st)))
        return NULL;
    must(values.n == st->values);
    int n = sqlite3_bind_parameter_count(st->stmt);
    for (int i = 0; i < n; i++) {
        int rc = bind(st->stmt, i + 1, &values.v[st->numbers[i] - 1], keep);
        if (rc != SQLITE_OK) {
            fail(db, sql->name, rc);
            return NULL;
        }
    }
    return st;
}

struct db_rows *db_query(struct db *db, const struct db_sql *sql, struct db_values values)
{
    struct db_rows *st = start(db, sql, values, SQLITE_TRANSIENT);
    if (!st)
        return &db->statements[sql - db_sql_first];
    st->running = true;
    db->running++;
    return st;
}

bool db_next(struct db_rows *rows)
{
    if (!rows->running)
        return false;
    int rc = rows->db->failed ? SQLITE_DONE : sqlite3_step(rows->stmt);
    if (rc == SQLITE_ROW)
        return true;
    if (rc != SQLITE_DONE)
        fail(rows->db, rows->sql->name, rc);
    db_done(rows);
    return false;
}

void db_done(struct db_rows *rows)
{
    if (!rows->running)
        return;
    rows->running = false;
    rows->db->running--;
    sqlite3_reset(rows->stmt);
}

int64_t db_run(struct db *db, const struct db_sql *sql, struct db_values values)
{
    struct db_rows *st = start(db, sql, values, SQLITE_STATIC);
    if (!st)
        return 0;
    int rc;
    do
        rc = sqlite3_step(st->stmt);
    while (rc == SQLITE_ROW);
    if (rc != SQLITE_DONE)
        fail(db, sql->name, rc);
    int64_t changes = rc == SQLITE_DONE ? sqlite3_changes64(db->sqlite) : 0;
    sqlite3_reset(st->stmt);
    return changes;
}

int64_t db_number(struct db *db, const struct db_sql *sql, struct db_values values)
{
    struct db_rows *st = start(db, sql, values, SQLITE_STATIC);
    if (!st)
        return 0;
    int rc = sqlite3_step(st->stmt);
    int64_t number = rc == SQLITE_ROW ? sqlite3_column_int64(st->stmt, 0) : 0;
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        fail(db, sql->name, rc);
    sqlite3_reset(st->stmt);
    return number;
}

/* Columns */

bool db_is_null(struct db_rows *rows, int column)
{
    return sqlite3_column_type(rows->stmt, column) == SQLITE_NULL;
}

int64_t db_int(struct db_rows *rows, int column)
{
    return sqlite3_column_int64(rows->stmt, column);
}

Str db_text(struct db_rows *rows, int column)
{
    int type = sqlite3_column_type(rows->stmt, column);
    if (type == SQLITE_NULL)
        return (Str){0};
    const char *p = type == SQLITE_BLOB ? sqlite3_column_blob(rows->stmt, column)
                                        : (const char *)sqlite3_column_text(rows->stmt, column);
    return (Str){p ? p : "", (size_t)sqlite3_column_bytes(rows->stmt, column)};
}

Id db_id(struct db_rows *rows, int column)
{
    Id id = {{0}};
    Str bytes = db_text(rows, column);
    if (bytes.n == sizeof id.b)
        memcpy(id.b, bytes.p, sizeof id.b);
    else if (bytes.p)
        fail(rows->db, rows->sql->name, SQLITE_MISMATCH);
    return id;
}

Str db_text_copy(struct db_rows *rows, int column, struct arena *arena)
{
    Str text = db_text(rows, column);
    return text.p ? arena_str(arena, text) : text;
}

/* Opening */

static bool pragma(struct db *db, const char *sql)
{
    return sqlite3_exec(db->sqlite, sql, NULL, NULL, NULL) == SQLITE_OK;
}

/*
 * WHISP_TEST_SYNCHRONOUS=off is for tests only: it leaves the fsyncs out, so that the tests of
 * durability can show that they notice.
 */
static const char *synchronous(void)
{
    const char *test = getenv("WHISP_TEST_SYNCHRONOUS");
    return test && !strcmp(test, "off") ? "pragma synchronous = off" : "pragma synchronous = full";
}

/* What must stand before the first table. */
static bool set_up_file(struct db *db)
{
    return pragma(db, "pragma auto_vacuum = incremental") &&
           pragma(db, "pragma journal_mode = wal");
}

static bool set_up_connection(struct db *db)
{
    static const struct {
        int option, value;
    } options[] = {
        {SQLITE_DBCONFIG_DEFENSIVE, 1},
        {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
        {SQLITE_DBCONFIG_DQS_DML, 0},
        {SQLITE_DBCONFIG_DQS_DDL, 0},
    };
    bool ok = true;
    for (size_t i = 0; i < countof(options); i++)
        ok = ok &&
             sqlite3_db_config(db->sqlite, options[i].option, options[i].value, NULL) == SQLITE_OK;
    if (db->role == DB_READER)
        ok = ok &&
             sqlite3_db_config(db->sqlite, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL) == SQLITE_OK;
    return ok && pragma(db, "pragma wal_autocheckpoint = 0") &&
           pragma(db, "pragma foreign_keys = off") && pragma(db, "pragma secure_delete = fast") &&
           pragma(db, "pragma temp_store = memory") &&
           pragma(db, db->role == DB_WRITER ? "pragma cache_size = -65536"
                                            : "pragma cache_size = -16384; pragma query_only = on");
}

static bool prepare_own(struct db *db)
{
    for (int i = 0; i < OWN_STATEMENTS; i++)
        if (sqlite3_prepare_v3(db->sqlite, constant_sql[i], -1, SQLITE_PREPARE_PERSISTENT,
                               &db->own[i], NULL) != SQLITE_OK)
            return false;
    return true;
}

static bool read_positions(struct db *db)
{
    int64_t stored = 0;
    bool ok = db_own(db, OWN_RESERVED, 0, &db->position) == SQLITE_OK &&
              db_own(db, OWN_POSITION, 0, &stored) == SQLITE_OK;
    db->position = stored > db->position ? stored : db->position;
    return ok;
}

static Err set_up(struct db *db, const char *path, const char **why)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    if (sqlite3_open_v2(path, &db->sqlite, flags, NULL) != SQLITE_OK)
        return db_refuse(why, "cannot open %s: %s", path, sqlite3_errmsg(db->sqlite));
    sqlite3_busy_timeout(db->sqlite, DB_BUSY_TIMEOUT_MS);
    Err e = schema_check(db->sqlite, why);
    bool ok = e == ERR_OK && set_up_connection(db);
    if (ok && db->role == DB_WRITER) {
        ok = pragma(db, synchronous()) && set_up_file(db);
        if (ok)
            e = schema_migrate(db->sqlite, why);
    } else if (ok) {
        e = schema_complete(db->sqlite, why);
    }
    if (e != ERR_OK)
        return e;
    if (!ok || !prepare_own(db) || (db->role == DB_WRITER && !read_positions(db)))
        return db_refuse(why, "cannot set up %s: %s", path, sqlite3_errmsg(db->sqlite));
    if (db->role == DB_WRITER)
        db_wal_watch(db);
    return ERR_OK;
}

/*
 * Made here and not by SQLite, for the owner's eyes only; the log inherits the mode. Never when
 * the file exists: closing it would drop the locks that this process holds on it.
 */
static void make_file(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0)
        close(fd);
}

Err db_open(Str url, enum db_role role, struct db **out, const char **why)
{
    *out = NULL;
    char *path;
    Err e = db_path_of(url, &path, why);
    if (e != ERR_OK)
        return e;
    size_t n = (size_t)(db_sql_last - db_sql_first);
    struct db *db = mem_alloc(sizeof *db);
    db->role = role;
    db->statements = mem_alloc(n * sizeof *db->statements);
    for (size_t i = 0; i < n; i++)
        db->statements[i] = (struct db_rows){.db = db, .sql = &db_sql_first[i]};
    if (role == DB_WRITER)
        make_file(path);
    e = set_up(db, path, why);
    mem_free(path);
    *out = db;
    if (e != ERR_OK)
        db_close(out);
    return e;
}

void db_close(struct db **db)
{
    struct db *d = *db;
    *db = NULL;
    if (!d)
        return;
    end(d);
    size_t n = (size_t)(db_sql_last - db_sql_first);
    for (size_t i = 0; i < n; i++) {
        sqlite3_finalize(d->statements[i].stmt);
        mem_free(d->statements[i].numbers);
    }
    for (int i = 0; i < OWN_STATEMENTS; i++)
        sqlite3_finalize(d->own[i]);
    int rc = sqlite3_close(d->sqlite);
    must(rc == SQLITE_OK);
    mem_free(d->statements);
    mem_free(d);
}

void db_rest(struct db *db)
{
    int used = 0, most = 0;
    sqlite3_db_status(db->sqlite, SQLITE_DBSTATUS_CACHE_USED, &used, &most, 0);
    if (used >= REST_BYTES)
        sqlite3_db_release_memory(db->sqlite);
}
