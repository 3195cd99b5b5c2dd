/*
 * A real SQLite file in a directory of its own with an app and users in it, and one transaction
 * after another on it. A test calls step() before each rule that it tries: that commits what came
 * before, lets a second pass, and empties the list of events.
 */
#ifndef TEST_DOMAIN_FIXTURE_H
#define TEST_DOMAIN_FIXTURE_H

#include "base/mem.h"
#include "domain/chat.h"
#include "domain/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define FIXTURE_START 1777118400000 /* 2026-04-25T12:00:00Z */
#define FIXTURE_DAY (24 * 3600 * 1000ll)
#define FIXTURE_ARENA (64u << 20)

struct fixture {
    char dir[64];
    struct db *db;
    struct rules rules;
    struct arena arena;
    struct event_list events;
    struct tx tx;
    struct actor ann, bob, cleo, dan; /* of one app */
    struct actor eve;                 /* of another, */
    Id eve_app;                       /* that is this one */
};

SQL(fixture_app, "insert into apps (uuid, account, name, status, tier, cluster, created_at,"
                 " updated_at) values ($1, 1, 'Test', 'ACTIVE', 'DEMO', 1, $2, $2) returning id");
SQL(fixture_user, "insert into users (app, uuid, username, username_key, email, email_key,"
                  " password, created_at) values ($1, $2, $3, $4, $4, $4, 'x', $5) returning id");
SQL(fixture_status, "update apps set status = $2 where id = $1");
SQL(fixture_delete_user, "update users set deleted_at = $2 where id = $1");
SQL(fixture_remove_user,
    "insert into removals (app, kind, user_id, created_at) values ($1, 'user', $2, 0)");
SQL(fixture_delete_app, "update apps set deleted_at = 1 where id = $1");
SQL(fixture_remove_app, "insert into removals (app, kind, created_at) values ($1, 'app', 0)");

static inline struct actor fixture_actor(struct fixture *f, int64_t app, const char *name)
{
    char key[64];
    Str username = str_of(name);
    str_lower(username, key);
    struct actor a = {.app = app, .user_id = id_new(f->tx.now)};
    a.user = db_number(f->db, &fixture_user,
                       ARGS(v_int(app), v_id(a.user_id), v_text(username),
                            v_text(str_from(key, username.n)), v_int(f->tx.now)));
    assert_true(a.user > 0);
    return a;
}

static inline int64_t fixture_new_app(struct fixture *f, Id *id)
{
    *id = id_new(f->tx.now);
    return db_number(f->db, &fixture_app, ARGS(v_id(*id), v_int(f->tx.now)));
}

static inline int fixture_open(void **state)
{
    struct fixture *f = mem_alloc(sizeof *f);
    *state = f;
    snprintf(f->dir, sizeof f->dir, "/tmp/whisp-domain.XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    char url[128];
    const char *why = "";
    snprintf(url, sizeof url, "sqlite:%s/test.db", f->dir);
    if (db_open(str_of(url), DB_WRITER, &f->db, &why) != ERR_OK)
        fail_msg("%s", why);
    f->rules = (struct rules){.message_length = 10000,
                              .account_tiers = S("DEMO,MULTI_TENANT,DEDICATED"),
                              .chat_members = 100000,
                              .user_chats = 100000,
                              .unread_most = 1000,
                              .account_apps = 100,
                              .user_logins = 1000,
                              .log_retention = 7 * FIXTURE_DAY,
                              .usage_retention = 400 * FIXTURE_DAY,
                              .audit_retention = 400 * FIXTURE_DAY,
                              .replay_events = 5000,
                              .client_id_ttl = FIXTURE_DAY};
    f->arena = ARENA(FIXTURE_ARENA);
    f->events.arena = ARENA(FIXTURE_ARENA);
    f->tx = (struct tx){.db = f->db,
                        .now = FIXTURE_START,
                        .arena = &f->arena,
                        .events = &f->events,
                        .rules = &f->rules};
    db_begin(f->db);
    Id app_id;
    int64_t app = fixture_new_app(f, &app_id);
    f->ann = fixture_actor(f, app, "Ann");
    f->bob = fixture_actor(f, app, "Bob");
    f->cleo = fixture_actor(f, app, "Cleo");
    f->dan = fixture_actor(f, app, "Dan");
    app = fixture_new_app(f, &f->eve_app);
    f->eve = fixture_actor(f, app, "Eve");
    return 0;
}

static inline int fixture_close(void **state)
{
    struct fixture *f = *state;
    db_rollback(f->db);
    db_close(&f->db);
    arena_free(&f->arena);
    event_list_free(&f->events);
    static const char *const files[] = {"test.db", "test.db-wal", "test.db-shm"};
    for (size_t i = 0; i < countof(files); i++) {
        char path[128];
        snprintf(path, sizeof path, "%s/%s", f->dir, files[i]);
        unlink(path);
    }
    rmdir(f->dir);
    mem_free(f);
    return 0;
}

/* Commits and begins the next transaction, a second later. */
static inline struct tx *step(struct fixture *f)
{
    assert_int_equal(db_commit(f->db), ERR_OK);
    event_list_free(&f->events);
    f->tx.now += 1000;
    f->tx.why = (Str){0};
    db_begin(f->db);
    return &f->tx;
}

#define assert_err(expression, expected)                                                           \
    do {                                                                                           \
        Err err_ = (expression);                                                                   \
        if (err_ != (expected))                                                                    \
            fail_msg("%s: " STR_FMT ", not " STR_FMT, #expression, STR_ARG(err_code(err_)),        \
                     STR_ARG(err_code(expected)));                                                 \
    } while (0)
#define assert_ok(expression) assert_err(expression, ERR_OK)
#define assert_text(got, expected)                                                                 \
    do {                                                                                           \
        Str got_ = (got), want_ = str_of(expected);                                                \
        if (!str_eq(got_, want_))                                                                  \
            fail_msg("%s: \"" STR_FMT "\", not \"" STR_FMT "\"", #got, STR_ARG(got_),              \
                     STR_ARG(want_));                                                              \
    } while (0)
#define assert_id(got, expected) assert_true(id_eq((got), (expected)))

/* A chat of Ann's with those named, up to a NULL. */
static inline Id fixture_chat(struct fixture *f, const char *const names[])
{
    Str list[16];
    size_t n = 0;
    for (; names[n]; n++)
        list[n] = str_of(names[n]);
    struct chat_details chat;
    assert_ok(chat_create(step(f), &f->ann, S("Chat"), list, n, &chat));
    return chat.id;
}

#define new_chat(f, ...) fixture_chat((f), (const char *const[]){__VA_ARGS__, NULL})

static inline struct message_post fixture_post(const struct actor *a, Id chat, const char *text)
{
    return (struct message_post){.actor = *a, .chat_id = chat, .text = str_of(text)};
}

/* Sends one message in a transaction of its own and returns its id. */
static inline Id say(struct fixture *f, const struct actor *a, Id chat, const char *text)
{
    struct message_post post = fixture_post(a, chat, text), *posts[] = {&post};
    message_post(step(f), posts, 1);
    assert_ok(post.err);
    return post.message_id;
}

/* The only event of this step. */
static inline const struct event *only_event(struct fixture *f, enum event_type type)
{
    assert_int_equal(f->events.n, 1);
    assert_int_equal(f->events.items[0].type, type);
    return &f->events.items[0];
}

#endif
