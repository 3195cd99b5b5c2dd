/*
 * A database connection: what SQLite and PostgreSQL have in common and no more. Statements are one
 * text for both engines with parameters $1, $2, …; a driver only connects, prepares, binds, steps,
 * begins and commits. Rules and rows live above, in the other files of this layer.
 *
 * Errors are sticky: after a failed statement every later one does nothing and db_commit fails, so
 * straight-line code checks once at the end. A savepoint that is undone clears them.
 *
 * A connection belongs to one thread. Whoever opens it closes it.
 */
#ifndef STORE_DB_H
#define STORE_DB_H

#include "base/arena.h"
#include "base/err.h"
#include "base/id.h"

struct db;

/* A statement: static for the life of the program, prepared once a connection on first use. */
struct db_sql {
    const char *name;
    const char *text;
};

/*
 * SQL(user_by_name, "select … where app = $1") defines a statement of this file. All of the program
 * stand in one section, so that a test can prepare each of them on each engine. What only
 * PostgreSQL needs ("for update") is a comment that begins with a plus sign; its driver takes the
 * marks away. A cast of a parameter is written $1::bigint. As many values are given as the greatest
 * k of all $k.
 */
#define SQL(id, query)                                                                             \
    static const struct db_sql id __attribute__((section("whisp_sql"), used)) = {#id, query}

/* All statements linked into the program: [db_sql_first, db_sql_last). */
extern const struct db_sql db_sql_first[] __asm__("__start_whisp_sql");
extern const struct db_sql db_sql_last[] __asm__("__stop_whisp_sql");

enum db_type { DB_NULL, DB_INT, DB_TEXT, DB_ID, DB_BYTES };

/* A parameter; text and bytes are borrowed for the call, and null when they have no address. */
struct db_value {
    enum db_type type;
    union {
        int64_t i;
        Str s;
        Id id;
    };
};

#define v_null ((struct db_value){.type = DB_NULL})
#define v_int(x) ((struct db_value){.type = DB_INT, .i = (x)})
#define v_text(x) ((struct db_value){.type = DB_TEXT, .s = (x)})
#define v_id(x) ((struct db_value){.type = DB_ID, .id = (x)})
#define v_bytes(x) ((struct db_value){.type = DB_BYTES, .s = (x)})

struct db_values {
    size_t n;
    const struct db_value *v;
};

#define ARGS(...)                                                                                  \
    ((struct db_values){sizeof((struct db_value[]){__VA_ARGS__}) / sizeof(struct db_value),        \
                        (struct db_value[]){__VA_ARGS__}})

enum db_role {
    DB_WRITER, /* the one that changes things; owns checkpoints; creates and migrates the schema */
    DB_READER, /* sees what was committed before db_begin */
};

/*
 * Keeps every other process from serving the same store, by whatever path it comes; makes the file
 * when there is none. Taken before the first db_open and given back after the last db_close. The
 * end of the process, by kill -9 too, gives it back at once.
 */
struct db_lock;
Err db_lock(Str url, struct db_lock **out, const char **why) must_check;
void db_unlock(struct db_lock **lock);

/* True when nothing was in the store when it was locked: a new one, or one that was lost. */
bool db_lock_empty(const struct db_lock *lock);

/* url: "sqlite:PATH". Owned by the caller. why (arena of the process, or static) says what failed.
 */
Err db_open(Str url, enum db_role role, struct db **out, const char **why) must_check;
void db_close(struct db **db);

void db_begin(struct db *db);
/* ERR_OK only when it is durable; otherwise nothing of the transaction has happened. */
Err db_commit(struct db *db) must_check;
void db_rollback(struct db *db);

/* One savepoint at a time, inside a transaction: keep or undo what came since. */
void db_savepoint(struct db *db);
void db_release(struct db *db);
/* False when the engine has rolled the whole transaction back (it must be rolled back by the caller
 * then). */
bool db_undo(struct db *db) must_check;

/* True once a statement has failed; db_commit will too. */
bool db_failed(const struct db *db);

/*
 * Why the last transaction failed, from its first failed statement until the next db_begin:
 * ERR_STORE_UNAVAILABLE when the disk did not take it (full, read-only, failing) or another program
 * kept the store locked, ERR_INTERNAL for anything else, ERR_OK when nothing failed.
 */
Err db_cause(const struct db *db);
/* That in words, for an operator: "database or disk is full". Good until the next db_begin. */
Str db_cause_text(const struct db *db);

/* The writer, between transactions: true when a small change can be committed. */
bool db_probe(struct db *db);

/*
 * The next log position of this transaction: greater than every one given before, by anyone. Rows
 * of messages and events carry it as their id; its order is the order of commits.
 */
int64_t db_position(struct db *db);

/* The last position given out so far (a reader: the greatest one it can see). */
int64_t db_last_position(struct db *db);

/* No position above it has been given out, whatever became of the rows that had it. */
int64_t db_reserved_position(struct db *db);

/* A running query: while (db_next(rows)) …; a query left early needs db_done. At most one running
 * query of each statement. */
struct db_rows;
struct db_rows *db_query(struct db *db, const struct db_sql *sql, struct db_values values);
bool db_next(struct db_rows *rows);
void db_done(struct db_rows *rows);

/* Runs a statement without rows; returns how many rows it changed. */
int64_t db_run(struct db *db, const struct db_sql *sql, struct db_values values);

/* Runs "insert … returning id" or any query of one number; 0 when there is no row or it is null. */
int64_t db_number(struct db *db, const struct db_sql *sql, struct db_values values);

/* Columns of the present row, from 0. Text is borrowed until the next db_next; copy it to keep it.
 */
bool db_is_null(struct db_rows *rows, int column);
int64_t db_int(struct db_rows *rows, int column); /* 0 when null */
Str db_text(struct db_rows *rows, int column);    /* .p NULL when null */
Id db_id(struct db_rows *rows, int column);       /* nil when null */
/* Copied to the arena; .p NULL when null. */
Str db_text_copy(struct db_rows *rows, int column, struct arena *arena);

/*
 * Work between batches that only the writer's owner may do: checkpoints. idle says that nothing is
 * queued; then it may take longer. Returns true when it did something.
 */
enum db_moment { DB_IDLE, DB_BUSY };
bool db_maintain(struct db *db, enum db_moment moment);

/* Between transactions, when none is expected soon: frees the cached pages, if they are
 * many. */
void db_rest(struct db *db);

#endif
