/*
 * The schema of a SQLite database: numbered migrations, schema/sqlite_N.sql, which are part of the
 * program. Each runs in one transaction together with its number (pragma user_version), so a crash
 * leaves either schema. A database of a newer program or of another program is refused. It knows
 * nothing of rows. On the thread of the connection.
 */
#ifndef STORE_SCHEMA_H
#define STORE_SCHEMA_H

#include "base/err.h"

#include <sqlite3.h>

/* Fails when the database is not empty and not Whisp's, or of a newer Whisp. Changes nothing. */
Err schema_check(sqlite3 *db, const char **why) must_check;

/* *empty: a database without a table, of no program yet. Fails when it is no database. */
Err schema_empty(sqlite3 *db, bool *empty, const char **why) must_check;

/* Applies what is missing; call schema_check first. */
Err schema_migrate(sqlite3 *db, const char **why) must_check;

/* Fails unless schema_migrate would have nothing to do. */
Err schema_complete(sqlite3 *db, const char **why) must_check;

#endif
