/* Apps, their tiers and clusters, their keys and their usage. */
#include "domain/tenant.h"

#include "base/clock.h"
#include "store/usage.h"

SQL(test_audit, "select count(*) from audit where account = $1 and action = $2");
SQL(test_removal, "select count(*) from removals where app = $1 and kind = 'app'");
SQL(test_drain, "update clusters set status = $2 where name = $1");

SQL(test_keys, "select count(*) from api_keys");
SQL(test_old_key, "insert into api_keys (app, uuid, hash, prefix, audience, tier, created_at,"
                  " revoked_at) values ($1, $2, $2, 'eyJhbGci', 'demo-cluster', 'DEMO', $3, $3)");
SQL(test_audit_rows, "select count(*) from audit");
SQL(test_old_audit, "insert into audit (account, app, action, subject, created_at)"
                    " values ($1, 1, 'old', 'x', $2)");
SQL(test_active, "select count(*) from active_users");
SQL(test_usage, "select count(*) from usage_days");
SQL(test_apps_deleted, "select count(*) from apps where deleted_at is not null");
SQL(test_apps_settled, "select count(*) from app_clusters");

static int64_t number(struct tenant *t, const struct db_sql *sql)
{
    return db_number(t->f->db, sql, (struct db_values){0});
}

static int64_t audited(struct tenant *t, const char *action)
{
    return db_number(t->f->db, &test_audit, ARGS(v_int(t->account), v_text(str_of(action))));
}

static size_t count(struct tenant *t, int64_t account)
{
    struct app *apps;
    size_t n;
    bool more;
    assert_ok(app_list(step(t->f), account, (Id){{0}}, 1000, &apps, &n, &more));
    assert_false(more);
    return n;
}

static Err create(struct tenant *t, const char *name)
{
    struct app app;
    return app_create(step(t->f), t->account, str_of(name), &app);
}

/* Clusters */

static void a_cluster_is_written_down_once(void **state)
{
    struct tenant *t = *state;
    int64_t id;
    assert_ok(
        app_cluster_ensure(step(t->f), S("demo-cluster"), S("http://new.example"), S("DEMO"), &id));
    assert_int_equal(id, t->f->rules.cluster);
    struct app app;
    assert_ok(app_get(step(t->f), t->account, t->app.id, &app));
    assert_text(app.cluster_endpoint, "http://new.example");
    assert_id(app.cluster_id, t->app.cluster_id);
}

static void a_cluster_serves_known_tiers_only(void **state)
{
    struct tenant *t = *state;
    int64_t id;
    static const char *const lists[] = {"", ",", "demo", "DEMO,GOLD", "DEMO, DEDICATED"};
    for (size_t i = 0; i < countof(lists); i++) {
        Err e =
            app_cluster_ensure(step(t->f), S("x"), S("http://x.example"), str_of(lists[i]), &id);
        assert_err(e, ERR_INVALID_FIELD);
    }
}

/* Apps */

static void a_new_app_is_an_active_demo_app_on_this_cluster(void **state)
{
    struct tenant *t = *state;
    struct app app;
    assert_ok(app_create(step(t->f), t->account, S("Neuer Name 🎈"), &app));
    assert_text(app.name, "Neuer Name 🎈");
    assert_text(app.status, "ACTIVE");
    assert_text(app.tier, "DEMO");
    assert_text(app.cluster_name, "demo-cluster");
    assert_text(app.cluster_endpoint, "http://demo.example");
    assert_text(app.cluster_status, "ACTIVE");
    assert_int_equal(app.created_at, t->f->tx.now);
    assert_int_equal(app.updated_at, t->f->tx.now);
    struct account owner;
    assert_ok(account_for_login(step(t->f), S("owner@example.com"), &owner));
    assert_id(app.client_id, owner.id);
    assert_int_equal(audited(t, "app.create"), 2);
}

static void a_name_is_1_to_128_characters_and_not_blank(void **state)
{
    struct tenant *t = *state;
    char longest[129];
    memset(longest, 'x', sizeof longest);
    struct app app;
    const struct {
        Str name;
        Err err;
    } rows[] = {
        {str_from(longest, 128), ERR_OK},
        {str_from(longest, 129), ERR_INVALID_FIELD},
        {S(""), ERR_INVALID_FIELD},
        {S(" \n\t"), ERR_INVALID_FIELD},
        {S("\xe3\x80\x80"), ERR_INVALID_FIELD},
        {S("\xff"), ERR_INVALID_FIELD},
        {S(" x "), ERR_OK},
    };
    for (size_t i = 0; i < countof(rows); i++) {
        assert_err(app_create(step(t->f), t->account, rows[i].name, &app), rows[i].err);
        assert_err(app_update(step(t->f), t->account, t->app.id, rows[i].name, (Str){0}, &app),
                   rows[i].err);
        if (rows[i].err)
            assert_true(str_starts(t->f->tx.why, S("name")));
    }
}

static void an_account_has_so_many_demo_apps(void **state)
{
    struct tenant *t = *state;
    struct app app;
    for (int i = 1; i < 5; i++)
        assert_ok(create(t, "More"));
    assert_err(create(t, "Sixth"), ERR_DEMO_APP_LIMIT);
    assert_ok(app_create(step(t->f), t->stranger, S("Theirs"), &app));
    assert_ok(app_update(step(t->f), t->account, t->app.id, (Str){0}, S("SUSPENDED"), &app));
    assert_err(create(t, "Sixth"), ERR_DEMO_APP_LIMIT);
    assert_ok(app_delete(step(t->f), t->account, t->app.id));
    assert_ok(create(t, "Fifth"));
    assert_err(create(t, "Sixth"), ERR_DEMO_APP_LIMIT);
    assert_int_equal(count(t, t->account), 5);
}

static void an_account_has_so_many_apps_whatever_their_tier(void **state)
{
    struct tenant *t = *state;
    t->f->rules.account_apps = 7;
    for (int i = 1; i < 7; i++) {
        struct app app;
        assert_ok(app_create(step(t->f), t->account, S("App"), &app));
        assert_ok(app_set_tier(step(t->f), t->account, app.id, S("MULTI_TENANT"), &app));
    }
    struct app app;
    assert_err(create(t, "Eighth"), ERR_APP_LIMIT);
    assert_ok(app_create(step(t->f), t->stranger, S("Theirs"), &app));
    assert_ok(app_delete(step(t->f), t->account, t->app.id));
    assert_ok(create(t, "Seventh"));
    assert_err(create(t, "Eighth"), ERR_APP_LIMIT);
}

static void without_a_cluster_for_demo_apps_there_are_none(void **state)
{
    struct tenant *t = *state;
    int64_t id;
    db_run(t->f->db, &test_drain, ARGS(v_text(S("demo-cluster")), v_text(S("DRAINING"))));
    assert_err(create(t, "App"), ERR_NO_CLUSTER_FOR_TIER);
    assert_ok(app_cluster_ensure(step(t->f), S("b"), S("http://b.example"), S("DEMO"), &id));
    struct app app;
    assert_ok(app_create(step(t->f), t->account, S("App"), &app));
    assert_text(app.cluster_name, "b");
}

static void another_accounts_app_is_not_found(void **state)
{
    struct tenant *t = *state;
    struct auth_claims key = tenant_key(t, &t->app);
    Id ids[] = {t->app.id, id_new(0)};
    struct app app;
    struct app_key made, *keys;
    struct app_usage *days;
    Str token;
    size_t n;
    for (size_t i = 0; i < countof(ids); i++) {
        int64_t who = i == 0 ? t->stranger : t->account;
        struct tx *tx = step(t->f);
        Id id = ids[i];
        assert_err(app_get(tx, who, id, &app), ERR_APP_NOT_FOUND);
        assert_err(app_update(tx, who, id, S("x"), (Str){0}, &app), ERR_APP_NOT_FOUND);
        assert_err(app_set_tier(tx, who, id, S("DEMO"), &app), ERR_APP_NOT_FOUND);
        assert_err(app_delete(tx, who, id), ERR_APP_NOT_FOUND);
        assert_err(app_keys(tx, who, id, &keys, &n), ERR_APP_NOT_FOUND);
        assert_err(app_key_create(tx, who, id, tenant_sign, NULL, &made, &token),
                   ERR_APP_NOT_FOUND);
        assert_err(app_key_revoke(tx, who, id, key.subject), ERR_APP_NOT_FOUND);
        assert_err(app_key_rotate(tx, who, id, key.subject, tenant_sign, NULL, &made, &token),
                   ERR_APP_NOT_FOUND);
        assert_err(app_usage(tx, who, id, 0, 100000, &days, &n), ERR_APP_NOT_FOUND);
        assert_int_equal(t->f->events.n, 0);
    }
    assert_int_equal(count(t, t->stranger), 0);
    assert_int_equal(count(t, t->account), 1);
}

static void many_apps_are_all_listed_oldest_first(void **state)
{
    struct tenant *t = *state;
    t->f->rules.demo_apps = 100;
    for (int i = 1; i < 20; i++)
        assert_ok(create(t, "More"));
    struct app *apps;
    size_t n;
    bool more;
    assert_ok(app_list(step(t->f), t->account, (Id){{0}}, 1000, &apps, &n, &more));
    assert_int_equal(n, 20);
    assert_id(apps[0].id, t->app.id);
    for (size_t i = 1; i < n; i++)
        assert_true(apps[i].app > apps[i - 1].app);
}

static void suspending_closes_the_sessions_once(void **state)
{
    struct tenant *t = *state;
    tenant_status(t, S("SUSPENDED"));
    assert_text(t->app.status, "SUSPENDED");
    assert_int_equal(only_event(t->f, EVENT_APP_CLOSED)->app, t->app.app);
    tenant_status(t, S("SUSPENDED"));
    assert_int_equal(t->f->events.n, 0);
    tenant_status(t, S("ACTIVE"));
    assert_int_equal(t->f->events.n, 0);
    struct app app;
    assert_ok(app_get(step(t->f), t->account, t->app.id, &app));
    assert_text(app.status, "ACTIVE");
    assert_int_equal(audited(t, "app.suspend"), 1);
    assert_int_equal(audited(t, "app.activate"), 1);
}

static void a_bad_status_changes_nothing(void **state)
{
    struct tenant *t = *state;
    struct app app;
    static const char *const rows[] = {"", "active", "DELETED"};
    for (size_t i = 0; i < countof(rows); i++) {
        struct tx *tx = step(t->f);
        assert_err(app_update(tx, t->account, t->app.id, S("New"), str_of(rows[i]), &app),
                   ERR_INVALID_FIELD);
        assert_true(str_starts(tx->why, S("status")));
    }
    assert_ok(app_get(step(t->f), t->account, t->app.id, &app));
    assert_text(app.name, "My app");
}

static void an_update_says_when(void **state)
{
    struct tenant *t = *state;
    struct app app;
    assert_ok(app_update(step(t->f), t->account, t->app.id, S("New"), (Str){0}, &app));
    assert_int_equal(app.updated_at, t->f->tx.now);
    assert_int_equal(app.created_at, t->app.created_at);
    assert_text(app.status, "ACTIVE");
    struct app same;
    assert_ok(app_update(step(t->f), t->account, t->app.id, (Str){0}, (Str){0}, &same));
    assert_int_equal(same.updated_at, app.updated_at);
    assert_text(same.name, "New");
}

/* Tiers */

static Err set_tier(struct tenant *t, const char *tier, struct app *app)
{
    return app_set_tier(step(t->f), t->account, t->app.id, str_of(tier), app);
}

static void a_tier_goes_to_a_cluster_that_serves_it(void **state)
{
    struct tenant *t = *state;
    struct app app;
    int64_t big;
    assert_err(set_tier(t, "DEDICATED", &app), ERR_NO_CLUSTER_FOR_TIER);
    assert_ok(app_cluster_ensure(step(t->f), S("big"), S("http://big.example"),
                                 S("MULTI_TENANT,DEDICATED"), &big));
    assert_ok(set_tier(t, "MULTI_TENANT", &app));
    assert_text(app.tier, "MULTI_TENANT");
    assert_text(app.cluster_name, "demo-cluster"); /* where it was serves it too */
    assert_ok(set_tier(t, "DEDICATED", &app));
    assert_text(app.cluster_name, "big");
    assert_ok(set_tier(t, "MULTI_TENANT", &app));
    assert_text(app.cluster_name, "big");
    assert_ok(set_tier(t, "DEMO", &app));
    assert_text(app.cluster_name, "demo-cluster");
    db_run(t->f->db, &test_drain, ARGS(v_text(S("big")), v_text(S("DRAINING"))));
    assert_err(set_tier(t, "DEDICATED", &app), ERR_NO_CLUSTER_FOR_TIER);
    assert_ok(app_get(step(t->f), t->account, t->app.id, &app));
    assert_text(app.tier, "DEMO");
}

static void an_account_gives_its_apps_only_the_tiers_that_it_may(void **state)
{
    struct tenant *t = *state;
    struct app app;
    int64_t big;
    assert_ok(
        app_cluster_ensure(step(t->f), S("big"), S("http://big.example"), S("DEDICATED"), &big));
    assert_ok(set_tier(t, "DEDICATED", &app));
    t->f->rules.account_tiers = S("DEMO,MULTI_TENANT");
    assert_ok(set_tier(t, "DEDICATED", &app)); /* it has it already */
    assert_ok(set_tier(t, "DEMO", &app));
    assert_err(set_tier(t, "DEDICATED", &app), ERR_TIER_NOT_ALLOWED);
    assert_ok(app_get(step(t->f), t->account, t->app.id, &app));
    assert_text(app.tier, "DEMO");
}

static void an_unknown_tier_is_named(void **state)
{
    struct tenant *t = *state;
    struct app app;
    static const char *const rows[] = {"", "demo", "GOLD", "DEMO,MULTI_TENANT", "MULTI"};
    for (size_t i = 0; i < countof(rows); i++) {
        assert_err(set_tier(t, rows[i], &app), ERR_INVALID_FIELD);
        assert_true(str_starts(t->f->tx.why, S("tier")));
    }
}

static void an_app_comes_down_to_demo_only_if_it_fits(void **state)
{
    struct tenant *t = *state;
    struct app app;
    assert_ok(set_tier(t, "MULTI_TENANT", &app));
    for (int i = 0; i < 5; i++)
        assert_ok(create(t, "Demo"));
    assert_err(set_tier(t, "DEMO", &app), ERR_DEMO_APP_LIMIT);
    assert_ok(set_tier(t, "MULTI_TENANT", &app));
    assert_text(app.tier, "MULTI_TENANT");
}

static void a_demo_app_stays_one_at_the_limit(void **state)
{
    struct tenant *t = *state;
    struct app app;
    for (int i = 1; i < 5; i++)
        assert_ok(create(t, "Demo"));
    assert_ok(set_tier(t, "DEMO", &app));
}

static void a_deleted_app_is_gone_at_once(void **state)
{
    struct tenant *t = *state;
    struct app app;
    assert_ok(app_delete(step(t->f), t->account, t->app.id));
    assert_int_equal(only_event(t->f, EVENT_APP_CLOSED)->app, t->app.app);
    assert_int_equal(db_number(t->f->db, &test_removal, ARGS(v_int(t->app.app))), 1);
    assert_int_equal(audited(t, "app.delete"), 1);
    assert_err(app_get(step(t->f), t->account, t->app.id, &app), ERR_APP_NOT_FOUND);
    assert_err(app_delete(step(t->f), t->account, t->app.id), ERR_APP_NOT_FOUND);
    assert_int_equal(count(t, t->account), 0);
}

/* Keys */

static struct app_key *list_keys(struct tenant *t, size_t n)
{
    struct app_key *keys;
    size_t got;
    assert_ok(app_keys(step(t->f), t->account, t->app.id, &keys, &got));
    assert_int_equal(got, n);
    return keys;
}

static Err create_key(struct tenant *t, struct app_key *key)
{
    Str token;
    return app_key_create(step(t->f), t->account, t->app.id, tenant_sign, NULL, key, &token);
}

static void a_key_is_listed_without_its_text(void **state)
{
    struct tenant *t = *state;
    struct app_key key;
    Str token;
    list_keys(t, 0);
    assert_ok(app_key_create(step(t->f), t->account, t->app.id, tenant_sign, NULL, &key, &token));
    assert_text(key.prefix, "eyJhbGci");
    assert_text(key.audience, "demo-cluster");
    assert_text(key.tier, "DEMO");
    assert_true(key.active);
    struct app_key *listed = list_keys(t, 1);
    assert_id(listed->id, key.id);
    assert_text(listed->prefix, "eyJhbGci");
    assert_true(listed->active);
    assert_int_equal(listed->created_at, key.created_at);
    assert_int_equal(listed->used_at, 0);
    assert_int_equal(listed->revoked_at, 0);
    assert_int_equal(audited(t, "key.create"), 1);
    struct app app;
    assert_ok(set_tier(t, "MULTI_TENANT", &app));
    assert_text(list_keys(t, 1)->tier, "MULTI_TENANT");
}

static void an_app_has_so_many_active_keys(void **state)
{
    struct tenant *t = *state;
    struct app_key key, more;
    for (int i = 0; i < 5; i++)
        assert_ok(create_key(t, &key));
    assert_err(create_key(t, &more), ERR_API_KEY_LIMIT);
    Str token;
    assert_ok(app_key_rotate(step(t->f), t->account, t->app.id, key.id, tenant_sign, NULL, &more,
                             &token));
    assert_err(create_key(t, &more), ERR_API_KEY_LIMIT);
    assert_ok(app_key_revoke(step(t->f), t->account, t->app.id, list_keys(t, 6)[0].id));
    assert_ok(create_key(t, &more));
    assert_err(create_key(t, &more), ERR_API_KEY_LIMIT);
}

static void a_key_is_revoked_once(void **state)
{
    struct tenant *t = *state;
    struct app_key key;
    assert_ok(create_key(t, &key));
    assert_ok(app_key_revoke(step(t->f), t->account, t->app.id, key.id));
    int64_t when = t->f->tx.now;
    assert_ok(app_key_revoke(step(t->f), t->account, t->app.id, key.id));
    struct app_key *listed = list_keys(t, 1);
    assert_false(listed->active);
    assert_int_equal(listed->revoked_at, when);
    assert_int_equal(audited(t, "key.revoke"), 1);
}

static void a_key_is_rotated_only_while_it_is_active(void **state)
{
    struct tenant *t = *state;
    struct app_key old, fresh;
    Str token;
    assert_ok(create_key(t, &old));
    struct tx *tx = step(t->f);
    assert_ok(app_key_rotate(tx, t->account, t->app.id, old.id, tenant_sign, NULL, &fresh, &token));
    struct app_key *keys = list_keys(t, 2);
    assert_false(keys[0].active);
    assert_true(keys[1].active);
    assert_id(keys[1].id, fresh.id);
    assert_int_equal(audited(t, "key.rotate"), 1);
    tx = step(t->f);
    assert_err(app_key_rotate(tx, t->account, t->app.id, old.id, tenant_sign, NULL, &fresh, &token),
               ERR_KEY_NOT_FOUND);
    list_keys(t, 2);
}

static void only_the_keys_revoked_last_are_kept(void **state)
{
    struct tenant *t = *state;
    struct app_key first, key, fresh;
    Str token;
    assert_ok(create_key(t, &first));
    assert_ok(create_key(t, &key));
    for (int i = 0; i < 130; i++) {
        assert_ok(app_key_rotate(step(t->f), t->account, t->app.id, key.id, tenant_sign, NULL,
                                 &fresh, &token));
        key = fresh;
    }
    assert_int_equal(number(t, &test_keys), 102);
    struct app_key *keys = list_keys(t, 102);
    assert_id(keys[0].id, first.id);
    assert_true(keys[0].active);
    assert_false(keys[1].active);
    assert_id(keys[101].id, key.id);
    /* The oldest key, revoked last, is one that is kept. */
    assert_ok(app_key_revoke(step(t->f), t->account, t->app.id, first.id));
    assert_id(list_keys(t, 101)[0].id, first.id);
    t->f->tx.now += 91 * FIXTURE_DAY;
    sweep_all(t);
    list_keys(t, 1);
}

static void a_crowd_of_revoked_keys_from_before_is_not_listed(void **state)
{
    struct tenant *t = *state;
    struct app_key key;
    for (int i = 0; i < 3000; i++)
        db_run(t->f->db, &test_old_key,
               ARGS(v_int(t->app.app), v_id(id_new(t->f->tx.now)), v_int(t->f->tx.now)));
    assert_ok(create_key(t, &key));
    list_keys(t, 101);
    for (int i = 0; i < 30; i++) { /* each goes on forgetting them */
        assert_ok(app_key_revoke(step(t->f), t->account, t->app.id, key.id));
        assert_ok(create_key(t, &key));
    }
    assert_int_equal(number(t, &test_keys), 101);
}

static void the_audit_of_an_account_is_bounded(void **state)
{
    struct tenant *t = *state;
    for (int i = 0; i < 10150; i++)
        db_run(t->f->db, &test_old_audit, ARGS(v_int(t->account), v_int(t->f->tx.now)));
    for (int i = 0; i < 3; i++)
        assert_ok(create(t, "App"));
    assert_int_equal(number(t, &test_audit_rows), 10000);
    assert_int_equal(audited(t, "app.create"), 3);
    t->f->tx.now += t->f->rules.audit_retention + 10000;
    sweep_all(t);
    assert_int_equal(number(t, &test_audit_rows), 0);
}

static void a_key_of_another_app_is_not_found(void **state)
{
    struct tenant *t = *state;
    struct app other;
    struct app_key fresh;
    Str token;
    assert_ok(app_create(step(t->f), t->account, S("Other"), &other));
    const Id ids[] = {tenant_key(t, &other).subject, id_new(0)};
    for (size_t i = 0; i < countof(ids); i++) {
        struct tx *tx = step(t->f);
        assert_err(app_key_revoke(tx, t->account, t->app.id, ids[i]), ERR_KEY_NOT_FOUND);
        assert_err(
            app_key_rotate(tx, t->account, t->app.id, ids[i], tenant_sign, NULL, &fresh, &token),
            ERR_KEY_NOT_FOUND);
    }
}

static void a_suspended_app_gets_no_keys(void **state)
{
    struct tenant *t = *state;
    struct app_key key, fresh;
    Str token;
    assert_ok(create_key(t, &key));
    tenant_status(t, S("SUSPENDED"));
    assert_err(create_key(t, &fresh), ERR_APP_SUSPENDED);
    assert_err(app_key_rotate(step(t->f), t->account, t->app.id, key.id, tenant_sign, NULL, &fresh,
                              &token),
               ERR_APP_SUSPENDED);
    assert_ok(app_key_revoke(step(t->f), t->account, t->app.id, key.id));
}

static void a_signer_that_fails_makes_no_key(void **state)
{
    struct tenant *t = *state;
    struct app_key key, fresh;
    Str token;
    Err broken = ERR_OVERLOADED;
    assert_ok(create_key(t, &key));
    step(t->f);
    refused(t->f,
            app_key_create(&t->f->tx, t->account, t->app.id, tenant_sign, &broken, &fresh, &token),
            ERR_OVERLOADED);
    refused(t->f,
            app_key_rotate(&t->f->tx, t->account, t->app.id, key.id, tenant_sign, &broken, &fresh,
                           &token),
            ERR_OVERLOADED);
    assert_true(list_keys(t, 1)->active);
}

/* Usage */

static void usage_is_summed_over_nodes_and_counts_whats_new(void **state)
{
    struct tenant *t = *state;
    int64_t today = clock_day(t->f->tx.now), app = t->app.app;
    struct app_usage_delta deltas[] = {{app, 10, 3, 59}, {t->f->eve.app, 100, 100, 6000}};
    assert_ok(app_usage_add(step(t->f), S("n1"), deltas, 2));
    deltas[0] = (struct app_usage_delta){app, 5, 2, 61};
    assert_ok(app_usage_add(step(t->f), S("n1"), deltas, 1));
    assert_ok(app_usage_add(step(t->f), S("n2"), deltas, 1));
    usage_add_messages(t->f->db, app, today, 7);
    usage_add_messages(t->f->db, app, today - 2, 1);
    struct user_profile ann = tenant_user(t, "ann"), bob = tenant_user(t, "bob");
    tenant_signin(t, &ann);
    tenant_signin(t, &bob);
    usage_note_active(t->f->db, app, today - 1, ann.user);

    struct app_usage *days;
    size_t n;
    assert_ok(app_usage(step(t->f), t->account, t->app.id, today - 2, today, &days, &n));
    assert_int_equal(n, 3);
    assert_int_equal(days[0].day, today - 2);
    assert_int_equal(days[0].messages, 1);
    assert_int_equal(days[1].day, today - 1);
    assert_int_equal(days[1].active_users, 1);
    assert_int_equal(days[1].messages, 0);
    assert_int_equal(days[2].day, today);
    assert_int_equal(days[2].messages, 7);
    assert_int_equal(days[2].api_calls, 20);
    assert_int_equal(days[2].peak_users, 5); /* 3 on one node and 2 on the other */
    assert_int_equal(days[2].active_users, 2);
    assert_int_equal(days[2].connection_minutes, 3);
    assert_ok(app_usage(step(t->f), t->account, t->app.id, today - 1, today - 1, &days, &n));
    assert_int_equal(n, 1);
    assert_ok(app_usage(step(t->f), t->account, t->app.id, today, today - 1, &days, &n));
    assert_int_equal(n, 0);
}

static struct app_usage usage_of(struct tenant *t, int64_t day)
{
    struct app_usage *days;
    size_t n;
    assert_ok(app_usage(step(t->f), t->account, t->app.id, day, day, &days, &n));
    return n ? days[0] : (struct app_usage){0};
}

static void users_of_old_days_become_a_number(void **state)
{
    struct tenant *t = *state;
    int64_t today = clock_day(t->f->tx.now);
    usage_add_messages(t->f->db, t->app.app, today - 9, 7);
    for (int64_t user = 1; user <= 2500; user++)
        for (int64_t day = today - 9; day <= today; day += 3)
            usage_note_active(t->f->db, t->app.app, day, user);
    bool more;
    assert_ok(
        chat_sweep(step(t->f), CHAT_SWEEP, &more)); /* one day is counted, and not all of it */
    assert_true(more);
    assert_int_equal(usage_of(t, today - 9).active_users, 2500);
    sweep_all(t);
    assert_int_equal(number(t, &test_active), 2500);
    for (int64_t day = today - 9; day <= today; day += 3)
        assert_int_equal(usage_of(t, day).active_users, 2500);
    assert_int_equal(usage_of(t, today - 9).messages, 7);
}

static void usage_goes_when_it_is_old(void **state)
{
    struct tenant *t = *state;
    int64_t today = clock_day(t->f->tx.now);
    usage_add_messages(t->f->db, t->app.app, today, 7);
    usage_note_active(t->f->db, t->app.app, today, 1);
    t->f->tx.now += t->f->rules.usage_retention;
    sweep_all(t);
    assert_int_equal(usage_of(t, today).messages, 7);
    assert_int_equal(usage_of(t, today).active_users, 1);
    t->f->tx.now += FIXTURE_DAY;
    sweep_all(t);
    assert_int_equal(usage_of(t, today).messages, 0);
    assert_int_equal(number(t, &test_usage), 0);
}

static void a_deleted_app_that_was_not_used_leaves_no_row(void **state)
{
    struct tenant *t = *state;
    struct app app;
    for (int i = 0; i < 20; i++) {
        assert_ok(app_create(step(t->f), t->account, S("App"), &app));
        assert_ok(app_delete(step(t->f), t->account, app.id));
    }
    assert_ok(app_create(step(t->f), t->account, S("App"), &app));
    usage_add_messages(t->f->db, app.app, clock_day(t->f->tx.now), 7);
    assert_ok(app_delete(step(t->f), t->account, app.id));
    sweep_all(t);
    assert_int_equal(number(t, &test_apps_deleted), 1);
    assert_int_equal(number(t, &test_apps_settled), 1);
    t->f->tx.now += t->f->rules.usage_retention + FIXTURE_DAY;
    sweep_all(t);
    assert_int_equal(number(t, &test_apps_deleted), 0);
    assert_int_equal(count(t, t->account), 1);
}

static void apps_come_in_pages(void **state)
{
    struct tenant *t = *state;
    struct app *apps, made[5] = {t->app};
    size_t n;
    bool more;
    for (int i = 1; i < 5; i++)
        assert_ok(app_create(step(t->f), t->account, S("App"), &made[i]));
    Id after = {{0}};
    for (size_t i = 0; i < 5; i += 2) {
        assert_ok(app_list(step(t->f), t->account, after, 2, &apps, &n, &more));
        assert_int_equal(n, i < 4 ? 2 : 1);
        assert_int_equal(more, i < 4);
        for (size_t k = 0; k < n; k++)
            assert_id(apps[k].id, made[i + k].id);
        after = apps[n - 1].id;
    }
    assert_ok(app_delete(step(t->f), t->account, made[1].id));
    assert_ok(app_list(step(t->f), t->account, made[1].id, 2, &apps, &n, &more));
    assert_id(apps[0].id, made[2].id);
    assert_err(app_list(step(t->f), t->stranger, made[1].id, 2, &apps, &n, &more),
               ERR_INVALID_FIELD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        tenant_test(a_cluster_is_written_down_once),
        tenant_test(a_cluster_serves_known_tiers_only),
        tenant_test(a_new_app_is_an_active_demo_app_on_this_cluster),
        tenant_test(a_name_is_1_to_128_characters_and_not_blank),
        tenant_test(an_account_has_so_many_demo_apps),
        tenant_test(an_account_has_so_many_apps_whatever_their_tier),
        tenant_test(without_a_cluster_for_demo_apps_there_are_none),
        tenant_test(apps_come_in_pages),
        tenant_test(a_deleted_app_that_was_not_used_leaves_no_row),
        tenant_test(another_accounts_app_is_not_found),
        tenant_test(many_apps_are_all_listed_oldest_first),
        tenant_test(suspending_closes_the_sessions_once),
        tenant_test(a_bad_status_changes_nothing),
        tenant_test(an_update_says_when),
        tenant_test(a_tier_goes_to_a_cluster_that_serves_it),
        tenant_test(an_account_gives_its_apps_only_the_tiers_that_it_may),
        tenant_test(an_unknown_tier_is_named),
        tenant_test(an_app_comes_down_to_demo_only_if_it_fits),
        tenant_test(a_demo_app_stays_one_at_the_limit),
        tenant_test(a_deleted_app_is_gone_at_once),
        tenant_test(a_key_is_listed_without_its_text),
        tenant_test(an_app_has_so_many_active_keys),
        tenant_test(a_key_is_revoked_once),
        tenant_test(a_key_is_rotated_only_while_it_is_active),
        tenant_test(only_the_keys_revoked_last_are_kept),
        tenant_test(a_crowd_of_revoked_keys_from_before_is_not_listed),
        tenant_test(the_audit_of_an_account_is_bounded),
        tenant_test(a_key_of_another_app_is_not_found),
        tenant_test(a_suspended_app_gets_no_keys),
        tenant_test(a_signer_that_fails_makes_no_key),
        tenant_test(usage_is_summed_over_nodes_and_counts_whats_new),
        tenant_test(users_of_old_days_become_a_number),
        tenant_test(usage_goes_when_it_is_old),
    };
    return cmocka_run_group_tests_name("domain/app", tests, NULL, NULL);
}
