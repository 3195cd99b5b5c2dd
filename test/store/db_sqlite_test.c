/*
 * The SQLite driver against db.h: values, sticky errors, savepoints, failed commits, positions,
 * snapshots, opening and migrating. Checkpoints: db_sqlite_wal_test.c. Power cuts:
 * power_cut_test.c.
 */
#include "store/fixture.h"

#include "base/log.h"

#include <sys/stat.h>

SQL(swapped, "select $2, $1, $2, $1");
SQL(cast_values, "select cast($1::bigint as bigint) + $2, $1::bigint");
SQL(one_value, "select $1");
SQL(nothing, "select id from audit where id < 0");
SQL(broken, "select no_such_column from audit");
SQL(rollback_insert, "insert or rollback into audit (id, account, action, subject, created_at)"
                     " values ($1, 1, 'a', 's', 0)");
SQL(insert_message, "insert into messages (id, app, chat, seq, uuid, sender, created_at)"
                    " values ($1, 1, 1, $1, $2, 1, 0)");
SQL(forget_messages, "delete from messages");
SQL(forget_positions, "delete from positions");
SQL(rows_of, "select id from audit order by id");

/* Values */

static void test_values(void **state)
{
    struct fixture *f = *state;
    const Id id = {{1, 2, 3, 0, 255}};
    const struct {
        struct db_value value;
        Str text;
        bool null;
    } rows[] = {
        {v_null, {0}, true},
        {v_text(((Str){0})), {0}, true},
        {v_text(S("")), S(""), false},
        {v_text(S("caf\xc3\xa9\0x")), S("caf\xc3\xa9\0x"), false},
        {v_bytes(S("")), S(""), false},
        {v_bytes(S("\0\1\377")), S("\0\1\377"), false},
        {v_id(id), {(const char *)id.b, 16}, false},
        {v_int(-5), S("-5"), false},
        {v_int(INT64_MIN), S("-9223372036854775808"), false},
    };
    db_begin(f->db);
    for (size_t i = 0; i < countof(rows); i++) {
        struct db_rows *r = db_query(f->db, &one_value, ARGS(rows[i].value));
        assert_true(db_next(r));
        assert_int_equal(db_is_null(r, 0), rows[i].null);
        assert_true(str_eq(db_text(r, 0), rows[i].text));
        assert_int_equal(db_text(r, 0).p == NULL, rows[i].null);
        assert_int_equal(db_int(r, 0), rows[i].value.type == DB_INT ? rows[i].value.i : 0);
        if (rows[i].value.type == DB_ID || rows[i].null)
            assert_int_equal(id_eq(db_id(r, 0), id), !rows[i].null);
        assert_false(db_next(r));
        assert_false(db_next(r));
    }
    assert_int_equal(db_commit(f->db), ERR_OK);
}

static void test_an_id_of_another_size_fails(void **state)
{
    struct fixture *f = *state;
    db_begin(f->db);
    struct db_rows *r = db_query(f->db, &one_value, ARGS(v_bytes(S("short"))));
    assert_true(db_next(r));
    assert_true(id_is_nil(db_id(r, 0)));
    assert_true(db_failed(f->db));
    assert_int_equal(db_commit(f->db), ERR_INTERNAL);
}

static void test_parameters_go_by_number(void **state)
{
    struct fixture *f = *state;
    db_begin(f->db);
    struct db_rows *r = db_query(f->db, &swapped, ARGS(v_int(1), v_int(2)));
    assert_true(db_next(r));
    for (int i = 0; i < 4; i++)
        assert_int_equal(db_int(r, i), i % 2 ? 1 : 2);
    db_done(r);
    assert_int_equal(db_number(f->db, &cast_values, ARGS(v_int(40), v_int(2))), 42);
    assert_int_equal(db_number(f->db, &nothing, (struct db_values){0}), 0);
    assert_int_equal(db_commit(f->db), ERR_OK);
}

/* What a query was given may be gone when it runs. */
static void test_query_copies_its_values(void **state)
{
    struct fixture *f = *state;
    char text[] = "before";
    db_begin(f->db);
    struct db_rows *r = db_query(f->db, &one_value, ARGS(v_text(str_of(text))));
    memcpy(text, "after!", 6);
    assert_true(db_next(r));
    struct arena arena = ARENA(1 << 16);
    Str copy = db_text_copy(r, 0, &arena);
    db_done(r);
    assert_true(str_eq(copy, S("before")));
    arena_free(&arena);
    db_rollback(f->db);
}

static void test_run_counts_rows(void **state)
{
    struct fixture *f = *state;
    db_begin(f->db);
    assert_int_equal(insert(f->db, 1), 1);
    assert_int_equal(insert(f->db, 2), 1);
    assert_int_equal(db_run(f->db, &fixture_forget, (struct db_values){0}), 2);
    assert_int_equal(db_run(f->db, &fixture_forget, (struct db_values){0}), 0);
    assert_int_equal(db_commit(f->db), ERR_OK);
}

/* Errors and savepoints */

static void test_errors_are_sticky(void **state)
{
    struct fixture *f = *state;
    db_begin(f->db);
    insert(f->db, 1);
    assert_false(db_failed(f->db));
    assert_int_equal(insert(f->db, 1), 0);
    assert_true(db_failed(f->db));
    assert_int_equal(insert(f->db, 2), 0);
    assert_int_equal(db_number(f->db, &fixture_count, (struct db_values){0}), 0);
    assert_false(db_next(db_query(f->db, &rows_of, (struct db_values){0})));
    assert_true(db_position(f->db) > 0);
    assert_int_equal(db_commit(f->db), ERR_INTERNAL);
    assert_int_equal(count(f->db), 0);
}

static void test_a_broken_statement_fails(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 2; i++) {
        db_begin(f->db);
        assert_false(db_next(db_query(f->db, &broken, (struct db_values){0})));
        assert_true(db_failed(f->db));
        assert_int_equal(db_commit(f->db), ERR_INTERNAL);
    }
}

/* An error while rows are read ends the reading. */
static void test_an_error_ends_a_query(void **state)
{
    struct fixture *f = *state;
    db_begin(f->db);
    insert(f->db, 1);
    insert(f->db, 2);
    struct db_rows *r = db_query(f->db, &rows_of, (struct db_values){0});
    assert_true(db_next(r));
    insert(f->db, 1);
    assert_false(db_next(r));
    db_rollback(f->db);
}

static void test_savepoints(void **state)
{
    struct fixture *f = *state;
    db_begin(f->db);
    insert(f->db, 1);
    db_savepoint(f->db);
    insert(f->db, 2);
    db_release(f->db);
    db_savepoint(f->db);
    insert(f->db, 3);
    assert_true(db_undo(f->db));
    db_savepoint(f->db);
    insert(f->db, 4);
    insert(f->db, 1);
    assert_true(db_failed(f->db));
    assert_true(db_undo(f->db));
    assert_false(db_failed(f->db));
    insert(f->db, 5);
    assert_int_equal(db_commit(f->db), ERR_OK);
    assert_true(has(f->db, 1) && has(f->db, 2) && has(f->db, 5));
    assert_int_equal(count(f->db), 3);
}

static void test_undo_with_a_query_left_open(void **state)
{
    struct fixture *f = *state;
    db_begin(f->db);
    insert(f->db, 1);
    db_savepoint(f->db);
    insert(f->db, 2);
    assert_true(db_next(db_query(f->db, &rows_of, (struct db_values){0})));
    assert_true(db_undo(f->db));
    struct db_rows *r = db_query(f->db, &rows_of, (struct db_values){0});
    assert_true(db_next(r));
    assert_false(db_next(r));
    assert_int_equal(db_commit(f->db), ERR_OK);
}

/* What failed before the savepoint cannot be undone by it. */
static void test_undo_does_not_reach_back(void **state)
{
    struct fixture *f = *state;
    db_begin(f->db);
    insert(f->db, 1);
    insert(f->db, 1);
    db_savepoint(f->db);
    assert_false(db_undo(f->db));
    assert_int_equal(db_commit(f->db), ERR_INTERNAL);
    assert_int_equal(count(f->db), 0);
}

static void test_the_engine_rolls_back(void **state)
{
    struct fixture *f = *state;
    db_begin(f->db);
    insert(f->db, 1);
    db_savepoint(f->db);
    db_run(f->db, &rollback_insert, ARGS(v_int(1)));
    assert_false(db_undo(f->db));
    assert_true(db_failed(f->db));
    insert(f->db, 2); /* would commit by itself */
    assert_int_equal(db_commit(f->db), ERR_INTERNAL);
    assert_int_equal(count(f->db), 0);
}

/* The COMMIT's own fsync fails: nothing has happened, and nothing comes back after a crash. */
static void test_a_commit_that_fails(void **state)
{
    struct fixture *f = *state;
    db_close(&f->db);
    fault_install();
    f->db = open_writer(f);
    db_begin(f->db);
    insert(f->db, 1);
    assert_int_equal(db_commit(f->db), ERR_OK);

    db_begin(f->db);
    for (int i = 10; i < 200; i++)
        insert(f->db, i);
    fault.fail_syncs = 1;
    assert_int_equal(db_commit(f->db), ERR_INTERNAL);
    assert_int_equal(count(f->db), 1);

    fault.dark = true;
    db_close(&f->db);
    uint64_t seed = 1;
    fault_restore(100, &seed);
    fault_uninstall();
    f->db = open_writer(f);
    assert_int_equal(count(f->db), 1);
    assert_true(has(f->db, 1));
}

/* The disk comes back later: db_maintain makes sure, and then work goes on. */
static void test_a_disk_that_fails_for_a_while(void **state)
{
    struct fixture *f = *state;
    db_close(&f->db);
    fault_install();
    f->db = open_writer(f);
    db_begin(f->db);
    insert(f->db, 1);
    fault.fail_syncs = 2;
    assert_int_equal(db_commit(f->db), ERR_INTERNAL);
    assert_int_equal(fault.fail_syncs, 0);
    long syncs = fault.syncs;
    (void)db_maintain(f->db, DB_BUSY);
    assert_true(fault.syncs > syncs);
    syncs = fault.syncs;
    (void)db_maintain(f->db, DB_BUSY);
    assert_int_equal(fault.syncs, syncs);
    db_begin(f->db);
    insert(f->db, 2);
    assert_int_equal(db_commit(f->db), ERR_OK);
    db_close(&f->db);
    fault_uninstall();
    f->db = open_writer(f);
    assert_true(has(f->db, 2) && !has(f->db, 1));
}

/* One COMMIT, one fsync of its frames; a read costs none. */
static void test_commits_are_synced(void **state)
{
    struct fixture *f = *state;
    db_close(&f->db);
    fault_install();
    f->db = open_writer(f);
    db_begin(f->db);
    insert(f->db, 1);
    assert_int_equal(db_commit(f->db), ERR_OK);
    long before = fault.syncs;
    for (int i = 2; i < 12; i++) {
        db_begin(f->db);
        insert(f->db, i);
        assert_int_equal(db_commit(f->db), ERR_OK);
    }
    assert_int_equal(fault.syncs - before, 10);
    assert_int_equal(count(f->db), 11);
    assert_int_equal(fault.syncs - before, 10);
    db_close(&f->db);
    fault_uninstall();
}

/* Positions */

static int64_t next_position(struct db *db)
{
    db_begin(db);
    int64_t position = db_position(db);
    assert_int_equal(db_run(db, &insert_message, ARGS(v_int(position), v_id(id_new(0)))), 1);
    assert_int_equal(db_commit(db), ERR_OK);
    assert_int_equal(db_last_position(db), position);
    return position;
}

static void test_positions_only_grow(void **state)
{
    struct fixture *f = *state;
    int64_t last = 0, next;
    for (int i = 0; i < 10000; i++) {
        if (i % 500 == 0)
            db_begin(f->db);
        next = db_position(f->db);
        assert_true(next > last);
        last = next;
        if (i % 500 == 250)
            db_savepoint(f->db);
        if (i % 500 == 300)
            assert_true(db_undo(f->db));
        if (i % 1000 == 999)
            db_rollback(f->db);
        else if (i % 500 == 499)
            assert_int_equal(db_commit(f->db), ERR_OK);
    }
    assert_true(next_position(f->db) > last);
}

/* Also when the rows that had them are gone, and after a start without an orderly end. */
static void test_positions_grow_over_restarts(void **state)
{
    struct fixture *f = *state;
    int64_t last = 0;
    for (int i = 0; i < 6; i++) {
        int64_t next = next_position(f->db);
        assert_true(next > last);
        last = next;
        if (i % 2) {
            db_begin(f->db);
            db_run(f->db, &forget_messages, (struct db_values){0});
            assert_int_equal(db_commit(f->db), ERR_OK);
        }
        db_begin(f->db);
        last = db_position(f->db);
        db_rollback(f->db);
        struct db *earlier = f->db;
        f->db = open_writer(f);
        db_close(&earlier);
        assert_true(db_last_position(f->db) >= last - 1);
    }
}

/* A database that lost its reservation still has its rows. */
static void test_positions_go_on_from_rows(void **state)
{
    struct fixture *f = *state;
    int64_t last = next_position(f->db);
    db_begin(f->db);
    db_run(f->db, &forget_positions, (struct db_values){0});
    assert_int_equal(db_commit(f->db), ERR_OK);
    db_close(&f->db);
    f->db = open_writer(f);
    assert_int_equal(db_last_position(f->db), last);
    assert_int_equal(next_position(f->db), last + 1);
}

static void test_a_reader_knows_what_it_sees(void **state)
{
    struct fixture *f = *state;
    struct db *reader = open_reader(f);
    int64_t first = next_position(f->db);
    db_begin(reader);
    int64_t second = next_position(f->db);
    assert_int_equal(db_last_position(reader), first);
    assert_int_equal(db_commit(reader), ERR_OK);
    db_begin(reader);
    assert_int_equal(db_last_position(reader), second);
    db_rollback(reader);
    db_close(&reader);
}

/* Readers */

static void test_a_snapshot_is_of_its_begin(void **state)
{
    struct fixture *f = *state;
    struct db *reader = open_reader(f);
    add(f->db, 1);
    db_begin(reader);
    add(f->db, 2);
    assert_int_equal(db_number(reader, &fixture_count, (struct db_values){0}), 1);
    add(f->db, 3);
    assert_int_equal(db_number(reader, &fixture_count, (struct db_values){0}), 1);
    assert_int_equal(db_commit(reader), ERR_OK);
    assert_int_equal(count(reader), 3);
    db_close(&reader);
}

/* A query that was left early does not hold the snapshot. */
static void test_a_left_query_ends_with_its_transaction(void **state)
{
    struct fixture *f = *state;
    struct db *reader = open_reader(f);
    add(f->db, 1);
    add(f->db, 2);
    for (int i = 0; i < 2; i++) {
        db_begin(reader);
        assert_true(db_next(db_query(reader, &rows_of, (struct db_values){0})));
        if (i == 0)
            assert_int_equal(db_commit(reader), ERR_OK);
        else
            db_rollback(reader);
        add(f->db, 3 + i);
        assert_int_equal(count(reader), 3 + i);
    }
    db_close(&reader);
}

static void test_a_reader_cannot_write(void **state)
{
    struct fixture *f = *state;
    struct db *reader = open_reader(f);
    db_begin(reader);
    assert_int_equal(insert(reader, 1), 0);
    assert_true(db_failed(reader));
    assert_int_equal(db_commit(reader), ERR_INTERNAL);
    assert_int_equal(count(f->db), 0);
    db_close(&reader);
}

/* Opening */

static void refuses(const char *url, enum db_role role, const char *because)
{
    struct db *db;
    const char *why = NULL;
    assert_int_equal(db_open(str_of(url), role, &db, &why), ERR_INTERNAL);
    assert_null(db);
    if (!why || !strstr(why, because))
        fail_msg("\"%s\" does not say \"%s\"", why ? why : "", because);
}

static void test_urls(void **state)
{
    (void)state;
    refuses("", DB_WRITER, "sqlite:PATH");
    refuses("sqlite:", DB_WRITER, "sqlite:PATH");
    refuses("mysql://x", DB_WRITER, "mysql://x");
    refuses("sqlite:/no/such/directory/x.db", DB_WRITER, "cannot open");
}

static void sqlite_run(struct fixture *f, const char *sql)
{
    sqlite3 *sqlite;
    assert_int_equal(sqlite3_open(f->path, &sqlite), SQLITE_OK);
    assert_int_equal(sqlite3_exec(sqlite, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(sqlite), SQLITE_OK);
}

static void test_a_newer_schema_is_refused(void **state)
{
    struct fixture *f = *state;
    add(f->db, 1);
    db_close(&f->db);
    sqlite_run(f, "pragma user_version = 1000");
    refuses(f->url, DB_WRITER, "schema 1000");
    refuses(f->url, DB_READER, "schema 1000");
    sqlite_run(f, "pragma user_version = 3");
    f->db = open_writer(f);
    assert_true(has(f->db, 1));
}

static void test_a_foreign_database_is_refused(void **state)
{
    struct fixture *f = *state;
    db_close(&f->db);
    remove_files(f);
    sqlite_run(f, "create table other (x)");
    refuses(f->url, DB_WRITER, "another program");
    sqlite_run(f, "drop table other; pragma application_id = 7");
    refuses(f->url, DB_WRITER, "another program");
    sqlite_run(f, "pragma application_id = 0; pragma user_version = 1");
    refuses(f->url, DB_WRITER, "another program");
    sqlite_run(f, "pragma user_version = 0");
    f->db = open_writer(f);
}

static void test_a_file_that_is_no_database_is_refused(void **state)
{
    struct fixture *f = *state;
    db_close(&f->db);
    remove_files(f);
    FILE *file = fopen(f->path, "w");
    assert_non_null(file);
    for (int i = 0; i < 1000; i++)
        assert_true(fprintf(file, "hello, this is text\n") > 0);
    assert_int_equal(fclose(file), 0);
    refuses(f->url, DB_WRITER, "not a database");
    struct stat st;
    assert_int_equal(stat(f->path, &st), 0);
    assert_int_equal(st.st_size, 20000);
}

static void test_a_reader_needs_a_writer_first(void **state)
{
    struct fixture *f = *state;
    db_close(&f->db);
    remove_files(f);
    refuses(f->url, DB_READER, "cannot open");
    sqlite_run(f, "pragma user_version = 0");
    refuses(f->url, DB_READER, "schema 0");
}

/* One that ended in the middle of its first start is as good as new. */
static void test_an_empty_file_is_taken(void **state)
{
    struct fixture *f = *state;
    db_close(&f->db);
    remove_files(f);
    FILE *file = fopen(f->path, "w");
    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
    f->db = open_writer(f);
    add(f->db, 1);
}

static void test_the_file_is_the_owners(void **state)
{
    struct fixture *f = *state;
    struct stat st;
    add(f->db, 1);
    assert_int_equal(stat(f->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    char wal[128];
    (void)snprintf(wal, sizeof wal, "%s-wal", f->path);
    assert_int_equal(stat(wal, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

/* What the connection promises, as SQLite itself sees it. */
static void test_settings(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *pragma;
        int64_t value;
    } rows[] = {
        {"pragma auto_vacuum", 2},
        {"pragma application_id", 0x57687370},
        {"pragma user_version", 3},
        {"select journal_mode = 'wal' from pragma_journal_mode", 1},
    };
    db_close(&f->db);
    f->db = open_writer(f);
    sqlite3 *sqlite;
    assert_int_equal(sqlite3_open(f->path, &sqlite), SQLITE_OK);
    for (size_t i = 0; i < countof(rows); i++) {
        sqlite3_stmt *stmt;
        assert_int_equal(sqlite3_prepare_v2(sqlite, rows[i].pragma, -1, &stmt, NULL), SQLITE_OK);
        assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
        assert_int_equal(sqlite3_column_int64(stmt, 0), rows[i].value);
        sqlite3_finalize(stmt);
    }
    assert_int_equal(sqlite3_close(sqlite), SQLITE_OK);
}

#define test(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

int main(void)
{
    random_setup();
    log_setup(LOG_ERROR + 1, LOG_TEXT); /* most of these tests make errors */
    const struct CMUnitTest tests[] = {
        test(test_values),
        test(test_an_id_of_another_size_fails),
        test(test_parameters_go_by_number),
        test(test_query_copies_its_values),
        test(test_run_counts_rows),
        test(test_errors_are_sticky),
        test(test_a_broken_statement_fails),
        test(test_an_error_ends_a_query),
        test(test_savepoints),
        test(test_undo_with_a_query_left_open),
        test(test_undo_does_not_reach_back),
        test(test_the_engine_rolls_back),
        test(test_a_commit_that_fails),
        test(test_a_disk_that_fails_for_a_while),
        test(test_commits_are_synced),
        test(test_positions_only_grow),
        test(test_positions_grow_over_restarts),
        test(test_positions_go_on_from_rows),
        test(test_a_reader_knows_what_it_sees),
        test(test_a_snapshot_is_of_its_begin),
        test(test_a_left_query_ends_with_its_transaction),
        test(test_a_reader_cannot_write),
        test(test_urls),
        test(test_a_newer_schema_is_refused),
        test(test_a_foreign_database_is_refused),
        test(test_a_file_that_is_no_database_is_refused),
        test(test_a_reader_needs_a_writer_first),
        test(test_an_empty_file_is_taken),
        test(test_the_file_is_the_owners),
        test(test_settings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
