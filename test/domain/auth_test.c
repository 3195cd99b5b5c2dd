/* Who may do what: API keys, sign-ins, refresh, logout, tickets. */
#include "domain/secret.h"
#include "domain/tenant.h"

/* API keys */

static Err try_key(struct tenant *t, const struct auth_claims *claims)
{
    int64_t app = 0;
    Err e = auth_key(step(t->f), claims, &app);
    if (!e)
        assert_int_equal(app, t->app.app);
    return e;
}

static void a_live_key_opens_its_app(void **state)
{
    struct tenant *t = *state;
    struct auth_claims claims = tenant_key(t, &t->app);
    assert_ok(try_key(t, &claims));
}

static void every_claim_of_a_key_must_match(void **state)
{
    struct tenant *t = *state;
    struct app other;
    assert_ok(app_create(step(t->f), t->account, S("Other"), &other));
    const struct auth_claims good = tenant_key(t, &t->app), theirs = tenant_key(t, &other);
    struct auth_claims rows[] = {
        good, /* unknown app */
        good, /* another app */
        good, /* unknown key */
        good, /* another app's key */
        good, /* another text */
        good, /* a part of the text */
        good, /* a cluster that is not there */
        good, /* no audience */
    };
    rows[0].app_id = id_new(0);
    rows[1].app_id = other.id;
    rows[2].subject = id_new(0);
    rows[3].subject = theirs.subject;
    rows[4].token = theirs.token;
    rows[5].token.n--;
    rows[6].audience = S("other-cluster");
    rows[7].audience = S("");
    for (size_t i = 0; i < countof(rows); i++)
        assert_err(try_key(t, &rows[i]), ERR_AUTH_INVALID_API_KEY);
    assert_ok(try_key(t, &good));
}

static void a_revoked_key_says_so(void **state)
{
    struct tenant *t = *state;
    struct auth_claims claims = tenant_key(t, &t->app), other = tenant_key(t, &t->app);
    assert_ok(app_key_revoke(step(t->f), t->account, t->app.id, claims.subject));
    assert_err(try_key(t, &claims), ERR_AUTH_REVOKED_API_KEY);
    assert_ok(try_key(t, &other));
}

static void keys_of_a_suspended_or_deleted_app_do_not_work(void **state)
{
    struct tenant *t = *state;
    struct auth_claims claims = tenant_key(t, &t->app);
    tenant_status(t, S("SUSPENDED"));
    assert_err(try_key(t, &claims), ERR_APP_SUSPENDED);
    tenant_status(t, S("ACTIVE"));
    assert_ok(try_key(t, &claims));
    assert_ok(app_delete(step(t->f), t->account, t->app.id));
    assert_err(try_key(t, &claims), ERR_AUTH_INVALID_API_KEY);
}

static void a_key_works_where_its_app_lives_now(void **state)
{
    struct tenant *t = *state;
    struct auth_claims claims = tenant_key(t, &t->app);
    int64_t demo = t->f->rules.cluster, big;
    assert_ok(
        app_cluster_ensure(step(t->f), S("big"), S("http://big.example"), S("DEDICATED"), &big));
    /* There is such a cluster, but only another app has ever lived on it. */
    struct app other;
    assert_ok(app_create(step(t->f), t->account, S("Other"), &other));
    assert_ok(app_set_tier(step(t->f), t->account, other.id, S("DEDICATED"), &other));
    struct auth_claims early = claims;
    early.audience = S("big");
    assert_err(try_key(t, &early), ERR_AUTH_INVALID_API_KEY);
    assert_ok(app_set_tier(step(t->f), t->account, t->app.id, S("DEDICATED"), &t->app));
    assert_err(try_key(t, &claims), ERR_AUTH_INVALID_API_KEY);
    t->f->rules.cluster = big;
    assert_ok(try_key(t, &claims));
    assert_ok(try_key(t, &early));
    t->f->rules.cluster = demo;
}

static int64_t used_at(struct tenant *t)
{
    struct app_key *keys;
    size_t n;
    assert_ok(app_keys(step(t->f), t->account, t->app.id, &keys, &n));
    assert_int_equal(n, 1);
    return keys[0].used_at;
}

static void a_keys_use_is_noted_once_a_minute_and_never_by_a_read(void **state)
{
    struct tenant *t = *state;
    struct auth_claims claims = tenant_key(t, &t->app);
    t->f->tx.events = NULL;
    assert_ok(try_key(t, &claims));
    assert_int_equal(used_at(t), 0);
    t->f->tx.events = &t->f->events;
    assert_ok(try_key(t, &claims));
    int64_t first = used_at(t);
    assert_int_equal(first, t->f->tx.now - 1000);
    t->f->tx.now = first + MINUTE - 2000;
    assert_ok(try_key(t, &claims));
    assert_int_equal(used_at(t), first);
    t->f->tx.now = first + MINUTE;
    assert_ok(try_key(t, &claims));
    assert_true(used_at(t) > first);
    int64_t present = t->f->tx.now;
    t->f->tx.now += 365 * FIXTURE_DAY; /* a clock that is wrong for a moment */
    assert_ok(try_key(t, &claims));
    t->f->tx.now = present;
    assert_ok(try_key(t, &claims));
    assert_true(used_at(t) < present + MINUTE);
}

/* Users */

static void a_jwt_speaks_for_its_user(void **state)
{
    struct tenant *t = *state;
    struct user_profile ann = tenant_user(t, "ann");
    struct signin s = tenant_signin(t, &ann);
    assert_int_equal(s.actor.app, t->app.app);
    assert_int_equal(s.actor.user, ann.user);
    assert_true(s.actor.session != 0);
    assert_id(s.actor.user_id, ann.id);
}

static void a_jwt_of_an_ended_signin_is_accepted_without_a_session(void **state)
{
    struct tenant *t = *state;
    struct user_profile ann = tenant_user(t, "ann"), bob = tenant_user(t, "bob");
    struct signin s = tenant_signin(t, &ann), theirs = tenant_signin(t, &bob);
    struct actor a;
    assert_ok(auth_logout(step(t->f), &s.actor, s.refresh_token));
    assert_ok(auth_user(step(t->f), &s.claims, &a));
    assert_int_equal(a.session, 0);
    s.claims.session_id = theirs.claims.session_id;
    assert_ok(auth_user(step(t->f), &s.claims, &a));
    assert_int_equal(a.session, 0);
}

static void unknown_users_and_those_of_other_apps_are_refused(void **state)
{
    struct tenant *t = *state;
    struct user_profile ann = tenant_user(t, "ann");
    struct signin s = tenant_signin(t, &ann);
    struct auth_claims claims = s.claims;
    struct actor a;
    claims.subject = id_new(0);
    assert_err(auth_user(step(t->f), &claims, &a), ERR_AUTH_INVALID_TOKEN);
    claims = s.claims;
    claims.app_id = id_new(0);
    assert_err(auth_user(step(t->f), &claims, &a), ERR_AUTH_INVALID_TOKEN);
    claims.app_id = t->f->eve_app;
    assert_err(auth_user(step(t->f), &claims, &a), ERR_AUTH_INVALID_TOKEN);
    assert_ok(user_delete(step(t->f), &s.actor));
    assert_err(auth_user(step(t->f), &s.claims, &a), ERR_AUTH_INVALID_TOKEN);
}

static void nothing_of_a_suspended_or_deleted_app_works(void **state)
{
    struct tenant *t = *state;
    struct user_profile ann = tenant_user(t, "ann");
    struct signin s = tenant_signin(t, &ann);
    struct user_profile p;
    struct user_new bob = {S("bob"), S("bob@example.com"), S("hash"), S(""), S("")};
    struct actor a;
    Id id;
    Str token;
    static const struct {
        Str status;
        Err user, open, add;
    } rows[] = {
        {S("SUSPENDED"), ERR_APP_SUSPENDED, ERR_APP_SUSPENDED, ERR_APP_SUSPENDED},
        {{0}, ERR_AUTH_INVALID_TOKEN, ERR_AUTH_INVALID_API_KEY, ERR_AUTH_INVALID_API_KEY},
    };
    for (size_t i = 0; i < countof(rows); i++) {
        if (rows[i].status.p)
            tenant_status(t, rows[i].status);
        else
            assert_ok(app_delete(step(t->f), t->account, t->app.id));
        assert_err(auth_user(step(t->f), &s.claims, &a), rows[i].user);
        assert_err(auth_refresh(step(t->f), &s.claims, s.refresh_token, &a), rows[i].user);
        assert_err(auth_open_session(step(t->f), t->app.app, ann.user, &id, &token), rows[i].open);
        assert_err(user_register(step(t->f), t->app.app, &bob, &p), rows[i].add);
    }
}

static void a_user_who_went_while_hashing_cannot_sign_in(void **state)
{
    struct tenant *t = *state;
    struct user_profile ann = tenant_user(t, "ann");
    struct signin s = tenant_signin(t, &ann);
    assert_ok(user_delete(step(t->f), &s.actor));
    Id id;
    Str token;
    assert_err(auth_open_session(step(t->f), t->app.app, ann.user, &id, &token),
               ERR_AUTH_BAD_CREDENTIALS);
    assert_err(auth_open_session(step(t->f), t->app.app, t->f->ann.user, &id, &token),
               ERR_AUTH_BAD_CREDENTIALS);
}

SQL(test_signins, "select count(*) from sessions where user_id = $1");

static void past_a_users_limit_the_oldest_signin_ends(void **state)
{
    struct tenant *t = *state;
    struct actor a;
    t->f->rules.user_logins = 3;
    struct user_profile ann = tenant_user(t, "ann"), bob = tenant_user(t, "bob");
    struct signin his = tenant_signin(t, &bob), first = tenant_signin(t, &ann), last = first;
    Id id;
    Str token;
    for (int i = 1; i < 3; i++)
        last = tenant_signin(t, &ann);
    assert_ok(auth_open_session(step(t->f), t->app.app, ann.user, &id, &token));
    const struct event *e = only_event(t->f, EVENT_SESSION_REVOKED);
    assert_int_equal(e->target, ann.user);
    assert_int_equal(e->session, first.actor.session);
    assert_int_equal(e->but_session, 0);
    assert_err(auth_refresh(step(t->f), &first.claims, first.refresh_token, &a),
               ERR_AUTH_INVALID_TOKEN);
    assert_ok(auth_refresh(step(t->f), &last.claims, last.refresh_token, &a));
    assert_ok(auth_refresh(step(t->f), &his.claims, his.refresh_token, &a));
    for (int i = 0; i < 40; i++)
        tenant_signin(t, &ann);
    assert_int_equal(db_number(t->f->db, &test_signins, ARGS(v_int(ann.user))), 3);
}

/* Refresh */

static void a_refresh_token_stays_good(void **state)
{
    struct tenant *t = *state;
    struct user_profile ann = tenant_user(t, "ann");
    struct signin s = tenant_signin(t, &ann);
    struct actor a;
    for (int i = 0; i < 3; i++) {
        assert_ok(auth_refresh(step(t->f), &s.claims, s.refresh_token, &a));
        assert_int_equal(a.session, s.actor.session);
    }
}

static void refresh_needs_a_token_and_a_jwt_that_belong_together(void **state)
{
    struct tenant *t = *state;
    struct user_profile ann = tenant_user(t, "ann"), bob = tenant_user(t, "bob");
    struct signin s = tenant_signin(t, &ann), again = tenant_signin(t, &ann);
    struct signin other = tenant_signin(t, &bob);
    struct auth_claims mixed = s.claims;
    mixed.subject = other.claims.subject;
    const struct {
        const struct auth_claims *claims;
        Str token;
    } rows[] = {
        {&s.claims, again.refresh_token},
        {&s.claims, other.refresh_token},
        {&again.claims, s.refresh_token},
        {&other.claims, s.refresh_token},
        {&mixed, s.refresh_token},
        {&mixed, other.refresh_token},
        {&s.claims, S("")},
        {&s.claims, S("nonsense")},
        {&s.claims, str_skip(s.refresh_token, 2)},
        {&s.claims, str_from(s.refresh_token.p, s.refresh_token.n - 1)},
    };
    struct actor a;
    for (size_t i = 0; i < countof(rows); i++)
        assert_err(auth_refresh(step(t->f), rows[i].claims, rows[i].token, &a),
                   ERR_AUTH_INVALID_TOKEN);
    assert_ok(auth_refresh(step(t->f), &s.claims, s.refresh_token, &a));
}

static void a_signin_lives_as_long_as_it_is_refreshed(void **state)
{
    struct tenant *t = *state;
    struct user_profile ann = tenant_user(t, "ann");
    struct signin s = tenant_signin(t, &ann);
    struct actor a;
    for (int i = 0; i < 3; i++) {
        t->f->tx.now += 29 * FIXTURE_DAY;
        assert_ok(auth_refresh(step(t->f), &s.claims, s.refresh_token, &a));
    }
    t->f->tx.now += 30 * FIXTURE_DAY;
    assert_err(auth_refresh(step(t->f), &s.claims, s.refresh_token, &a), ERR_AUTH_INVALID_TOKEN);
}

/* Logout */

static const struct event *revoked(struct tenant *t, int64_t session, int64_t but_session)
{
    const struct event *e = only_event(t->f, EVENT_SESSION_REVOKED);
    assert_int_equal(e->app, t->app.app);
    assert_int_equal(e->session, session);
    assert_int_equal(e->but_session, but_session);
    return e;
}

static void logout_ends_that_signin_and_no_other(void **state)
{
    struct tenant *t = *state;
    struct user_profile ann = tenant_user(t, "ann");
    struct signin s = tenant_signin(t, &ann), other = tenant_signin(t, &ann);
    struct actor a;
    Str ticket;
    assert_ok(auth_logout(step(t->f), &s.actor, s.refresh_token));
    assert_int_equal(revoked(t, s.actor.session, s.actor.session)->target, ann.user);
    assert_err(auth_refresh(step(t->f), &s.claims, s.refresh_token, &a), ERR_AUTH_INVALID_TOKEN);
    assert_err(auth_issue_ticket(step(t->f), &s.actor, &ticket), ERR_AUTH_INVALID_TOKEN);
    assert_ok(auth_refresh(step(t->f), &other.claims, other.refresh_token, &a));
    /* Again: nothing is left to end. */
    assert_ok(auth_logout(step(t->f), &s.actor, s.refresh_token));
    assert_int_equal(t->f->events.n, 0);
}

static void a_user_may_end_another_of_the_own_signins(void **state)
{
    struct tenant *t = *state;
    struct user_profile ann = tenant_user(t, "ann");
    struct signin s = tenant_signin(t, &ann), other = tenant_signin(t, &ann);
    assert_ok(auth_logout(step(t->f), &s.actor, other.refresh_token));
    revoked(t, other.actor.session, 0);
}

static void logout_with_a_token_that_is_not_ones_own_ends_nothing(void **state)
{
    struct tenant *t = *state;
    struct user_profile ann = tenant_user(t, "ann"), bob = tenant_user(t, "bob");
    struct signin s = tenant_signin(t, &ann), other = tenant_signin(t, &bob);
    const Str tokens[] = {S(""), S("nonsense"), other.refresh_token, str_skip(s.refresh_token, 1)};
    for (size_t i = 0; i < countof(tokens); i++) {
        assert_ok(auth_logout(step(t->f), &s.actor, tokens[i]));
        assert_int_equal(t->f->events.n, 0);
    }
    struct actor foreign = t->f->eve;
    assert_ok(auth_logout(step(t->f), &foreign, s.refresh_token));
    assert_int_equal(t->f->events.n, 0);
    struct actor a;
    assert_ok(auth_refresh(step(t->f), &s.claims, s.refresh_token, &a));
    assert_ok(auth_refresh(step(t->f), &other.claims, other.refresh_token, &a));
}

static void logout_all_ends_all_signins_of_the_user(void **state)
{
    struct tenant *t = *state;
    struct user_profile ann = tenant_user(t, "ann"), bob = tenant_user(t, "bob");
    struct signin s = tenant_signin(t, &ann), again = tenant_signin(t, &ann);
    struct signin other = tenant_signin(t, &bob);
    struct actor a;
    assert_ok(auth_logout_all(step(t->f), &s.actor));
    assert_int_equal(revoked(t, 0, s.actor.session)->target, ann.user);
    assert_err(auth_refresh(step(t->f), &s.claims, s.refresh_token, &a), ERR_AUTH_INVALID_TOKEN);
    assert_err(auth_refresh(step(t->f), &again.claims, again.refresh_token, &a),
               ERR_AUTH_INVALID_TOKEN);
    assert_ok(auth_refresh(step(t->f), &other.claims, other.refresh_token, &a));
    struct signin fresh = tenant_signin(t, &ann);
    assert_ok(auth_refresh(step(t->f), &fresh.claims, fresh.refresh_token, &a));
}

/* Tickets */

static Str issue(struct tenant *t, const struct signin *s)
{
    Str ticket;
    assert_ok(auth_issue_ticket(step(t->f), &s->actor, &ticket));
    return ticket;
}

static Err spend(struct tenant *t, Str ticket)
{
    struct auth_ticket a;
    Str tier;
    return auth_spend_ticket(step(t->f), ticket, &a, &tier);
}

static void a_ticket_is_good_once(void **state)
{
    struct tenant *t = *state;
    struct user_profile ann = tenant_user(t, "ann");
    struct signin s = tenant_signin(t, &ann);
    Str ticket = issue(t, &s), tier;
    struct auth_ticket a;
    assert_ok(auth_spend_ticket(step(t->f), ticket, &a, &tier));
    assert_text(tier, "DEMO");
    assert_int_equal(a.actor.app, s.actor.app);
    assert_int_equal(a.actor.user, s.actor.user);
    assert_int_equal(a.actor.session, s.actor.session);
    assert_id(a.app_id, t->app.id);
    assert_id(a.actor.user_id, s.actor.user_id);
    assert_id(a.session_id, s.claims.session_id);
    assert_err(spend(t, ticket), ERR_AUTH_INVALID_TICKET);
}

static void a_ticket_expires(void **state)
{
    struct tenant *t = *state;
    struct user_profile ann = tenant_user(t, "ann");
    struct signin s = tenant_signin(t, &ann);
    Str first = issue(t, &s), second = issue(t, &s);
    t->f->tx.now += 28 * 1000;
    assert_ok(spend(t, second)); /* 29 s old */
    assert_err(spend(t, first), ERR_AUTH_INVALID_TICKET);
}

static void a_ticket_goes_with_its_signin(void **state)
{
    struct tenant *t = *state;
    struct user_profile ann = tenant_user(t, "ann");
    struct signin s = tenant_signin(t, &ann), other = tenant_signin(t, &ann);
    Str first = issue(t, &s), second = issue(t, &other), third = issue(t, &other);
    assert_ok(auth_logout(step(t->f), &s.actor, s.refresh_token));
    assert_err(spend(t, first), ERR_AUTH_INVALID_TICKET);
    assert_ok(spend(t, second));
    assert_ok(user_delete(step(t->f), &other.actor));
    assert_err(spend(t, third), ERR_AUTH_INVALID_TICKET);
}

static void a_ticket_of_a_suspended_app_is_refused_and_not_spent(void **state)
{
    struct tenant *t = *state;
    struct user_profile ann = tenant_user(t, "ann");
    struct signin s = tenant_signin(t, &ann);
    Str ticket = issue(t, &s), tier;
    struct auth_ticket a;
    tenant_status(t, S("SUSPENDED"));
    step(t->f);
    refused(t->f, auth_spend_ticket(&t->f->tx, ticket, &a, &tier), ERR_APP_SUSPENDED);
    tenant_status(t, S("ACTIVE"));
    assert_ok(spend(t, ticket));
    assert_ok(app_delete(step(t->f), t->account, t->app.id));
    assert_err(spend(t, ticket), ERR_AUTH_INVALID_TICKET);
}

static Err open_ticket(struct tenant *t, Str ticket, struct auth_opening *opening)
{
    struct auth_ticket a;
    Str tier;
    return auth_open_ticket(step(t->f), ticket, &a, &tier, opening);
}

static void a_ticket_may_be_opened_again_until_it_is_claimed(void **state)
{
    struct tenant *t = *state;
    struct user_profile ann = tenant_user(t, "ann");
    struct signin s = tenant_signin(t, &ann);
    Str ticket = issue(t, &s), other = issue(t, &s);
    struct auth_opening first, second, third;
    assert_ok(open_ticket(t, ticket, &first));
    assert_err(spend(t, ticket), ERR_AUTH_INVALID_TICKET);
    assert_ok(open_ticket(t, ticket, &second));
    assert_err(auth_claim_ticket(step(t->f), &first), ERR_AUTH_INVALID_TICKET);
    assert_ok(auth_claim_ticket(step(t->f), &second));
    assert_err(auth_claim_ticket(step(t->f), &second), ERR_AUTH_INVALID_TICKET);
    assert_err(open_ticket(t, ticket, &third), ERR_AUTH_INVALID_TICKET);
    assert_ok(spend(t, other));
    assert_err(open_ticket(t, other, &third), ERR_AUTH_INVALID_TICKET);
}

static void an_opening_may_be_claimed_after_the_ticket_has_expired(void **state)
{
    struct tenant *t = *state;
    struct user_profile ann = tenant_user(t, "ann");
    struct signin s = tenant_signin(t, &ann);
    Str ticket = issue(t, &s);
    struct auth_opening first, second;
    assert_ok(open_ticket(t, ticket, &first));
    t->f->tx.now += 31 * 1000;
    assert_err(open_ticket(t, ticket, &second), ERR_AUTH_INVALID_TICKET);
    assert_ok(auth_claim_ticket(step(t->f), &first));
}

static void a_realtime_session_lives_with_what_it_hangs_on(void **state)
{
    struct tenant *t = *state;
    struct user_profile ann = tenant_user(t, "ann"), bob = tenant_user(t, "bob");
    struct signin s = tenant_signin(t, &ann), other = tenant_signin(t, &ann);
    struct signin third = tenant_signin(t, &bob);
    assert_ok(auth_live(step(t->f), &s.actor));
    assert_ok(auth_logout(step(t->f), &s.actor, s.refresh_token));
    assert_err(auth_live(step(t->f), &s.actor), ERR_AUTH_INVALID_TOKEN);
    assert_ok(auth_live(step(t->f), &other.actor));
    assert_ok(user_delete(step(t->f), &other.actor));
    assert_err(auth_live(step(t->f), &other.actor), ERR_AUTH_INVALID_TOKEN);
    tenant_status(t, S("SUSPENDED"));
    assert_err(auth_live(step(t->f), &third.actor), ERR_APP_SUSPENDED);
    tenant_status(t, S("ACTIVE"));
    assert_ok(auth_live(step(t->f), &third.actor));
    assert_ok(app_delete(step(t->f), t->account, t->app.id));
    assert_err(auth_live(step(t->f), &third.actor), ERR_AUTH_INVALID_TOKEN);
}

static void the_tier_is_the_apps(void **state)
{
    struct tenant *t = *state;
    Str tier;
    assert_ok(auth_tier(step(t->f), t->app.app, &tier));
    assert_text(tier, "DEMO");
    assert_ok(app_set_tier(step(t->f), t->account, t->app.id, S("MULTI_TENANT"), &t->app));
    assert_ok(auth_tier(step(t->f), t->app.app, &tier));
    assert_text(tier, "MULTI_TENANT");
    assert_err(auth_tier(step(t->f), 12345, &tier), ERR_APP_NOT_FOUND);
}

/* How secrets are written */

#define TEXT43 "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNO-_"

static void a_secret_is_read_strictly(void **state)
{
    (void)state;
    static const struct {
        Str text;
        int64_t app; /* 0: refused */
    } rows[] = {
        {S("1-" TEXT43), 1},
        {S("ff-" TEXT43), 255},
        {S("7fffffffffffffff-" TEXT43), INT64_MAX},
        {S("1-0000000000000000000000000000000000000000000"), 1},
        {S("8000000000000000-" TEXT43), 0},
        {S("10000000000000000-" TEXT43), 0},
        {S("0-" TEXT43), 0},
        {S("01-" TEXT43), 0},
        {S("FF-" TEXT43), 0},
        {S("-1-" TEXT43), 0},
        {S("g-" TEXT43), 0},
        {S("-" TEXT43), 0},
        {S("1--" TEXT43), 0},
        {S(TEXT43), 0},
        {S("1-" TEXT43 "a"), 0},
        {S("1" TEXT43 "a"), 0},
        {S("1-abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNO-="), 0},
        {S("1-abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNO-\0"), 0},
        {S(" 1-" TEXT43), 0},
        {S("1-"), 0},
        {S("1"), 0},
        {S(""), 0},
    };
    for (size_t i = 0; i < countof(rows); i++) {
        int64_t app = 0;
        assert_int_equal(secret_app(rows[i].text, &app), rows[i].app != 0);
        assert_int_equal(app, rows[i].app);
    }
}

static void secrets_are_random_and_name_their_app(void **state)
{
    struct tenant *t = *state;
    const int64_t apps[] = {1, 16, 4095, INT64_MAX};
    for (size_t i = 0; i < countof(apps); i++) {
        Str one = secret_new_of(apps[i], &t->f->arena), two = secret_new_of(apps[i], &t->f->arena);
        int64_t app;
        assert_true(secret_app(one, &app));
        assert_int_equal(app, apps[i]);
        assert_false(str_eq(one, two));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        tenant_test(a_live_key_opens_its_app),
        tenant_test(every_claim_of_a_key_must_match),
        tenant_test(a_revoked_key_says_so),
        tenant_test(keys_of_a_suspended_or_deleted_app_do_not_work),
        tenant_test(a_key_works_where_its_app_lives_now),
        tenant_test(a_keys_use_is_noted_once_a_minute_and_never_by_a_read),
        tenant_test(a_jwt_speaks_for_its_user),
        tenant_test(a_jwt_of_an_ended_signin_is_accepted_without_a_session),
        tenant_test(unknown_users_and_those_of_other_apps_are_refused),
        tenant_test(nothing_of_a_suspended_or_deleted_app_works),
        tenant_test(a_user_who_went_while_hashing_cannot_sign_in),
        tenant_test(past_a_users_limit_the_oldest_signin_ends),
        tenant_test(a_refresh_token_stays_good),
        tenant_test(refresh_needs_a_token_and_a_jwt_that_belong_together),
        tenant_test(a_signin_lives_as_long_as_it_is_refreshed),
        tenant_test(logout_ends_that_signin_and_no_other),
        tenant_test(a_user_may_end_another_of_the_own_signins),
        tenant_test(logout_with_a_token_that_is_not_ones_own_ends_nothing),
        tenant_test(logout_all_ends_all_signins_of_the_user),
        tenant_test(a_ticket_is_good_once),
        tenant_test(a_ticket_expires),
        tenant_test(a_ticket_goes_with_its_signin),
        tenant_test(a_ticket_of_a_suspended_app_is_refused_and_not_spent),
        tenant_test(a_ticket_may_be_opened_again_until_it_is_claimed),
        tenant_test(an_opening_may_be_claimed_after_the_ticket_has_expired),
        tenant_test(a_realtime_session_lives_with_what_it_hangs_on),
        tenant_test(the_tier_is_the_apps),
        cmocka_unit_test(a_secret_is_read_strictly),
        tenant_test(secrets_are_random_and_name_their_app),
    };
    return cmocka_run_group_tests_name("domain/auth", tests, NULL, NULL);
}
