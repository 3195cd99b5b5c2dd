/*
 * On the fixture's database: an account with an app, made by the rules themselves, and keys, users
 * and sign-ins of it on demand. The fixture's own apps belong to another account.
 */
#ifndef TEST_DOMAIN_TENANT_H
#define TEST_DOMAIN_TENANT_H

#include "domain/account.h"
#include "domain/app.h"
#include "domain/auth.h"
#include "domain/fixture.h"
#include "domain/user.h"

#define MINUTE (60 * 1000ll)

struct tenant {
    struct fixture *f;
    int64_t account;
    int64_t stranger; /* another account */
    struct app app;
};

static inline int64_t tenant_account(struct fixture *f, const char *email)
{
    struct account a;
    assert_ok(account_register(step(f), S("Acme"), str_of(email), S("hash"), &a));
    return a.account;
}

static inline int tenant_open(void **state)
{
    struct tenant *t = mem_alloc(sizeof *t);
    fixture_open(state);
    struct fixture *f = t->f = *state;
    *state = t;
    f->rules.demo_apps = 5;
    f->rules.app_keys = 5;
    f->rules.refresh_ttl = 30 * FIXTURE_DAY;
    f->rules.ticket_ttl = 30 * 1000;
    f->rules.account_refresh_ttl = 14 * FIXTURE_DAY;
    f->rules.decoy_hash = S("decoy");
    tenant_account(f, "fixture@example.com");
    t->stranger = tenant_account(f, "stranger@example.com");
    t->account = tenant_account(f, "owner@example.com");
    assert_ok(app_cluster_ensure(step(f), S("demo-cluster"), S("http://demo.example"),
                                 S("DEMO,MULTI_TENANT"), &f->rules.cluster));
    assert_ok(app_create(step(f), t->account, S("My app"), &t->app));
    return 0;
}

static inline int tenant_close(void **state)
{
    struct tenant *t = *state;
    *state = t->f;
    fixture_close(state);
    mem_free(t);
    return 0;
}

/* A signer. context: the Err to fail with, or NULL. */
static inline Err tenant_sign(void *context, Id key_id, Id app_id, Str audience, int64_t now,
                              struct buf *out)
{
    char key[ID_TEXT];
    char app[ID_TEXT];
    id_format(key_id, key);
    id_format(app_id, app);
    buf_fmt(out, "eyJhbGci.%.*s.%.*s." STR_FMT ".%lld", ID_TEXT, key, ID_TEXT, app,
            STR_ARG(audience), (long long)now);
    return context ? *(Err *)context : ERR_OK;
}

/* What a key of the app says of itself. */
static inline struct auth_claims tenant_key(struct tenant *t, const struct app *app)
{
    struct app_key key;
    Str token;
    assert_ok(app_key_create(step(t->f), t->account, app->id, tenant_sign, NULL, &key, &token));
    return (struct auth_claims){
        .app_id = app->id, .subject = key.id, .audience = key.audience, .token = token};
}

static inline struct user_profile tenant_user(struct tenant *t, const char *name)
{
    struct user_profile user;
    struct user_new new = {
        .username = str_of(name),
        .email = arena_fmt(&t->f->arena, "%s@example.com", name),
        .password_hash = S("hash"),
    };
    assert_ok(user_register(step(t->f), t->app.app, &new, &user));
    return user;
}

struct signin {
    struct auth_claims claims;
    struct actor actor;
    Str refresh_token;
};

static inline struct signin tenant_signin(struct tenant *t, const struct user_profile *user)
{
    struct signin s = {.claims = {.app_id = t->app.id, .subject = user->id}};
    assert_ok(auth_open_session(step(t->f), t->app.app, user->user, &s.claims.session_id,
                                &s.refresh_token));
    assert_ok(auth_user(step(t->f), &s.claims, &s.actor));
    return s;
}

static inline void tenant_status(struct tenant *t, Str status)
{
    assert_ok(app_update(step(t->f), t->account, t->app.id, (Str){0}, status, &t->app));
}

/* As the runner of jobs does it: what a refused rule has written is undone. */
#define refused(f, expression, expected)                                                           \
    do {                                                                                           \
        db_savepoint((f)->db);                                                                     \
        assert_err(expression, expected);                                                          \
        assert_true(db_undo((f)->db));                                                             \
    } while (0)

static inline bool mentions(Str text, const char *word)
{
    return memmem(text.p, text.n, word, strlen(word)) != NULL;
}

static inline void sweep_all(struct tenant *t)
{
    bool more = true;
    for (int i = 0; more; i++) {
        assert_true(i < 200);
        assert_ok(chat_sweep(step(t->f), CHAT_SWEEP, &more));
    }
}

#define tenant_test(function) cmocka_unit_test_setup_teardown(function, tenant_open, tenant_close)

#endif
