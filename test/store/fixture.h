/*
 * A SQLite database in a directory of its own with an open writer, and rows of a table that stand
 * for anything.
 */
#ifndef TEST_STORE_FIXTURE_H
#define TEST_STORE_FIXTURE_H

#include "store/fault_vfs.h"

#include "base/random.h"
#include "store/db.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct fixture {
    char dir[64], path[96], url[128];
    struct db *db;
};

SQL(fixture_insert, "insert into audit (id, account, action, subject, created_at)"
                    " values ($1, 1, 'a', 's', 0)");
SQL(fixture_count, "select count(*) from audit");
SQL(fixture_has, "select count(*) from audit where id = $1");
SQL(fixture_forget, "delete from audit");

static inline struct db *open_as(struct fixture *f, enum db_role role)
{
    struct db *db;
    const char *why = "";
    if (db_open(str_of(f->url), role, &db, &why) != ERR_OK)
        fail_msg("%s", why);
    return db;
}

static inline struct db *open_writer(struct fixture *f)
{
    return open_as(f, DB_WRITER);
}

static inline struct db *open_reader(struct fixture *f)
{
    return open_as(f, DB_READER);
}

static inline void remove_files(struct fixture *f)
{
    static const char *const endings[] = {"", "-wal", "-shm", "-journal"};
    for (size_t i = 0; i < countof(endings); i++) {
        char path[128];
        (void)snprintf(path, sizeof path, "%s%s", f->path, endings[i]);
        (void)unlink(path);
    }
}

static inline int fixture_open(void **state)
{
    struct fixture *f = mem_alloc(sizeof *f);
    *state = f;
    (void)snprintf(f->dir, sizeof f->dir, "/tmp/whisp-store.XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    (void)snprintf(f->path, sizeof f->path, "%s/test.db", f->dir);
    (void)snprintf(f->url, sizeof f->url, "sqlite:%s", f->path);
    f->db = open_writer(f);
    return 0;
}

static inline int fixture_close(void **state)
{
    struct fixture *f = *state;
    db_close(&f->db);
    remove_files(f);
    (void)rmdir(f->dir);
    mem_free(f);
    return 0;
}

/* In the caller's transaction; how many rows it changed. */
static inline int64_t insert(struct db *db, int64_t id)
{
    return db_run(db, &fixture_insert, ARGS(v_int(id)));
}

/* Each of these in a transaction of its own. */
static inline void add(struct db *db, int64_t id)
{
    db_begin(db);
    assert_int_equal(insert(db, id), 1);
    assert_int_equal(db_commit(db), ERR_OK);
}

static inline int64_t count(struct db *db)
{
    db_begin(db);
    int64_t n = db_number(db, &fixture_count, (struct db_values){0});
    assert_int_equal(db_commit(db), ERR_OK);
    return n;
}

static inline bool has(struct db *db, int64_t id)
{
    db_begin(db);
    int64_t n = db_number(db, &fixture_has, ARGS(v_int(id)));
    assert_int_equal(db_commit(db), ERR_OK);
    return n == 1;
}

#endif
