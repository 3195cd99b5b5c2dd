/*
 * The one text of every statement serves two engines: each is prepared on SQLite and on a real
 * PostgreSQL, whose URL is in DATABASE_URL (script/postgres gives one), and must take as many
 * parameters and give as many columns on both. Linked with the whole of the store, so that every
 * statement is there. The schemas have the same tables and columns, but for what they say.
 */
#include "base/buf.h"
#include "base/mem.h"
#include "base/random.h"
#include "store/db.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <libpq-fe.h>
#include <sqlite3.h>

enum { STATEMENTS_MIN = 120, SCHEMA_MAX = 1 << 20 };

static PGconn *postgres;
static sqlite3 *sqlite;

static void postgres_run(const char *sql)
{
    PGresult *result = PQexec(postgres, sql);
    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        fail_msg("%s", PQerrorMessage(postgres));
    PQclear(result);
}

static void load_postgres_schema(const char *path)
{
    struct buf text = BUF(SCHEMA_MAX);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    char bytes[4096];
    for (size_t n; (n = fread(bytes, 1, sizeof bytes, file)) > 0;)
        buf_add(&text, str_from(bytes, n));
    assert_int_equal(fclose(file), 0);
    buf_byte(&text, 0);
    assert_false(text.overflow);
    postgres_run(text.p);
    buf_free(&text);
}

/* A schema that goes when the connection does: one transaction that is never committed. */
static void open_postgres(void)
{
    const char *url = getenv("DATABASE_URL");
    if (!url || !*url)
        fail_msg("DATABASE_URL is not set: run script/postgres COMMAND");
    postgres = PQconnectdb(url);
    if (PQstatus(postgres) != CONNECTION_OK)
        fail_msg("%s", PQerrorMessage(postgres));
    postgres_run("begin");
    postgres_run("create schema whisp_statements_test");
    postgres_run("set local search_path = whisp_statements_test");
    load_postgres_schema("src/store/schema/postgres_1.sql");
    load_postgres_schema("src/store/schema/postgres_2.sql");
    load_postgres_schema("src/store/schema/postgres_3.sql");
}

/* The driver makes the schema; a bare connection looks at it. */
static void open_sqlite(void)
{
    static const char *const endings[] = {"", "-wal", "-shm"};
    char dir[] = "/tmp/whisp-statements.XXXXXX", url[128], path[128];
    struct db *db;
    const char *why = "";
    assert_non_null(mkdtemp(dir));
    (void)snprintf(url, sizeof url, "sqlite:%s/test.db", dir);
    if (db_open(str_of(url), DB_WRITER, &db, &why) != ERR_OK)
        fail_msg("%s", why);
    db_close(&db);
    assert_int_equal(sqlite3_open(url + strlen("sqlite:"), &sqlite), SQLITE_OK);
    assert_int_equal(sqlite3_exec(sqlite, "select id from positions", NULL, NULL, NULL), SQLITE_OK);
    for (size_t i = 0; i < countof(endings); i++) {
        (void)snprintf(path, sizeof path, "%s%s", url + strlen("sqlite:"), endings[i]);
        (void)unlink(path);
    }
    (void)rmdir(dir);
}

static int set_up(void **state)
{
    (void)state;
    random_setup();
    open_postgres();
    open_sqlite();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    PQfinish(postgres);
    return sqlite3_close(sqlite);
}

struct shape {
    int parameters; /* -1: not prepared */
    int columns;
    const char *why;
};

/* The greatest k of "$k": SQLite has two parameters in "$1" and "$1::text". */
static struct shape on_sqlite(const char *text)
{
    sqlite3_stmt *stmt;
    struct shape shape = {.parameters = -1};
    if (sqlite3_prepare_v2(sqlite, text, -1, &stmt, NULL) != SQLITE_OK) {
        shape.why = sqlite3_errmsg(sqlite);
        return shape;
    }
    shape = (struct shape){.columns = sqlite3_column_count(stmt)};
    for (int i = 1; i <= sqlite3_bind_parameter_count(stmt); i++) {
        const char *name = sqlite3_bind_parameter_name(stmt, i);
        int k = name ? (int)strtol(name + 1, NULL, 10) : 0;
        shape.parameters = k > shape.parameters ? k : shape.parameters;
    }
    sqlite3_finalize(stmt);
    return shape;
}

/* A failure must not spoil the transaction for the next statement. */
static struct shape on_postgres(const char *text)
{
    postgres_run("savepoint statement");
    PGresult *prepared = PQprepare(postgres, "", text, 0, NULL);
    PGresult *described = NULL;
    struct shape shape = {.parameters = -1};
    if (PQresultStatus(prepared) != PGRES_COMMAND_OK) {
        shape.why = PQerrorMessage(postgres);
        print_message("%s", shape.why);
    } else {
        described = PQdescribePrepared(postgres, "");
        shape = (struct shape){PQnparams(described), PQnfields(described), NULL};
    }
    PQclear(described);
    PQclear(prepared);
    postgres_run("rollback to statement");
    return shape;
}

/* What a hint says is for PostgreSQL: its driver takes the comment's marks away. */
static bool without_hints(const char *text, char *out, size_t size)
{
    (void)snprintf(out, size, "%s", text);
    char *mark = strstr(out, "/*+");
    if (!mark)
        return false;
    for (; mark; mark = strstr(out, "/*+")) {
        char *end = strstr(mark, "*/");
        assert_non_null(end);
        memset(mark, ' ', 3);
        memset(end, ' ', 2);
    }
    return true;
}

static bool same_on_both(const struct db_sql *sql, const char *text)
{
    struct shape a = on_sqlite(sql->text), b = on_postgres(text);
    bool same = a.parameters >= 0 && a.parameters == b.parameters && a.columns == b.columns;
    if (a.parameters < 0)
        print_message("%s: SQLite says: %s\n", sql->name, a.why);
    if (!same)
        print_message("%s: parameters %d, columns %d on SQLite; %d, %d on PostgreSQL\n", sql->name,
                      a.parameters, a.columns, b.parameters, b.columns);
    return same;
}

static void test_every_statement(void **state)
{
    (void)state;
    int bad = 0, hints = 0;
    static char text[1 << 16];
    for (const struct db_sql *sql = db_sql_first; sql < db_sql_last; sql++) {
        bad += !same_on_both(sql, sql->text);
        if (without_hints(sql->text, text, sizeof text)) {
            bad += !same_on_both(sql, text);
            hints++;
        }
    }
    int n = (int)(db_sql_last - db_sql_first);
    print_message("%d statements prepared on SQLite and PostgreSQL, %d of them also with a hint\n",
                  n, hints);
    assert_true(n >= STATEMENTS_MIN);
    assert_int_equal(bad, 0);
}

/* A name that clashes would make logs and slow-query lists ambiguous. */
static void test_names_are_unique(void **state)
{
    (void)state;
    for (const struct db_sql *a = db_sql_first; a < db_sql_last; a++)
        for (const struct db_sql *b = a + 1; b < db_sql_last; b++)
            if (!strcmp(a->name, b->name))
                fail_msg("two statements are called %s", a->name);
}

/* "table.column nullable type", a line each, in order; the type as SQLite calls it. */
static void sqlite_columns(struct buf *out)
{
    sqlite3_stmt *stmt;
    const char *query =
        "select t.name || '.' || c.name || iif(c.\"notnull\" or c.pk, '', ' null') || ' ' ||"
        " iif(c.name like '%uuid', 'uuid', lower(c.type))"
        " from sqlite_schema t join pragma_table_info(t.name) c"
        " where t.type = 'table' and t.name not like 'sqlite%' and t.name <> 'positions'"
        " order by t.name || '.' || c.name";
    assert_int_equal(sqlite3_prepare_v2(sqlite, query, -1, &stmt, NULL), SQLITE_OK);
    while (sqlite3_step(stmt) == SQLITE_ROW)
        buf_fmt(out, "%s\n", (const char *)sqlite3_column_text(stmt, 0));
    sqlite3_finalize(stmt);
}

static void postgres_columns(struct buf *out)
{
    const char *query = "select table_name || '.' || column_name ||"
                        " case is_nullable when 'YES' then ' null ' else ' ' end || case data_type"
                        " when 'bigint' then 'integer' when 'bytea' then 'blob' else data_type end"
                        " from information_schema.columns"
                        " where table_schema = 'whisp_statements_test' and column_name <> 'xid'"
                        " order by (table_name || '.' || column_name) collate \"C\"";
    PGresult *result = PQexec(postgres, query);
    assert_int_equal(PQresultStatus(result), PGRES_TUPLES_OK);
    for (int i = 0; i < PQntuples(result); i++)
        buf_fmt(out, "%s\n", PQgetvalue(result, i, 0));
    PQclear(result);
}

static void test_the_schemas_have_the_same_columns(void **state)
{
    (void)state;
    struct buf a = BUF(SCHEMA_MAX), b = BUF(SCHEMA_MAX);
    sqlite_columns(&a);
    postgres_columns(&b);
    buf_byte(&a, 0);
    buf_byte(&b, 0);
    assert_true(a.n > 1000 && !a.overflow && !b.overflow);
    assert_string_equal(a.p, b.p);
    buf_free(&a);
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_statement),
        cmocka_unit_test(test_names_are_unique),
        cmocka_unit_test(test_the_schemas_have_the_same_columns),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
