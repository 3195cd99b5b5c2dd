/* The users of an app: fields, registration, renaming, leaving for good. */
#include "domain/tenant.h"

SQL(test_emails, "select count(*) from users where email = $1 and password = $2");
SQL(test_removals,
    "select count(*) from removals where app = $1 and kind = 'user' and user_id = $2");
SQL(test_active_users, "select count(*) from active_users where app = $1");

static const struct {
    const char *what;
    Str name;
    bool good;
} usernames[] = {
    {"one letter", S("x"), true},
    {"64 letters", S("yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"), true},
    {"another script", S("张伟"), true},
    {"accents", S("Œuvre d’art"), true},
    {"an emoji", S("🦊"), true},
    {"punctuation", S("- \"'<b>"), true},
    {"inner spaces", S("Ann  Smith"), true},
    {"composed", S("zo\xc3\xab"), true},
    {"a mark with nothing to compose with", S("q\xcc\x88"), true},
    {"nothing", S(""), false},
    {"65 letters", S("yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"), false},
    {"a space", S(" "), false},
    {"a leading space", S(" ann"), false},
    {"a trailing space", S("ann "), false},
    {"a trailing no-break space", S("ann\xc2\xa0"), false},
    {"a leading ideographic space", S("\xe3\x80\x80\x61nn"), false},
    {"a bell", S("a\x07n"), false},
    {"a line break", S("a\nn"), false},
    {"a NUL", S("a\0n"), false},
    {"a next line", S("a\xc2\x85n"), false},
    {"a line separator", S("a\xe2\x80\xa8n"), false},
    {"a zero-width space", S("a\xe2\x80\x8bn"), false},
    {"a zero-width joiner", S("a\xe2\x80\x8dn"), false},
    {"a word joiner", S("a\xe2\x81\xa0n"), false},
    {"a bidi override", S("a\xe2\x80\xaen"), false},
    {"a bidi isolate", S("a\xe2\x81\xa6n"), false},
    {"a byte order mark",
     S("\xef\xbb\xbf"
       "ann"),
     false},
    {"a soft hyphen", S("a\xc2\xadn"), false},
    {"a grapheme joiner", S("a\xcd\x8fn"), false},
    {"a Hangul filler", S("a\xe3\x85\xa4n"), false},
    {"a variation selector", S("a\xef\xb8\x8fn"), false},
    {"a tag character", S("a\xf3\xa0\x81\xa1n"), false},
    {"decomposed", S("zoe\xcc\x88"), false},
    {"a singleton", S("\xe2\x84\xab"), false},
    {"not UTF-8", S("a\xffn"), false},
    {"a surrogate", S("a\xed\xa0\x80n"), false},
};

static const struct {
    Str email;
    bool good;
} emails[] = {
    {S("a@b.example"), true},
    {S("a@b"), true},
    {S("First.Last+tag@Example.com"), true},
    {S("o'neil_1@mail.example-site.com"), true},
    {S("zoë@exämple.com"), true},
    {S("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@b.example"), true},
    {S(""), false},
    {S("nobody"), false},
    {S("a@"), false},
    {S("@b.example"), false},
    {S("a@b@c.example"), false},
    {S("a b@c.example"), false},
    {S("a@b c.example"), false},
    {S(" a@b.example"), false},
    {S("a@b.example "), false},
    {S(".a@b.example"), false},
    {S("a.@b.example"), false},
    {S("a..b@c.example"), false},
    {S("a@b..example"), false},
    {S("a@.example"), false},
    {S("a@b.example."), false},
    {S("<a@b.example>"), false},
    {S("a@b.example\n"), false},
    {S("a\0@b.example"), false},
    {S("a\xe2\x80\x8b@b.example"), false},
    {S("a\xff@b.example"), false},
    {S("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@b.example"), false},
};

static void check(struct tenant *t, const char *field, struct user_new u, Str password, bool good,
                  Str what)
{
    struct tx *tx = step(t->f);
    Err e = user_check_new(tx, &u, password);
    if (e != (good ? ERR_OK : ERR_INVALID_FIELD))
        fail_msg("%s, " STR_FMT ": " STR_FMT, field, STR_ARG(what), STR_ARG(err_code(e)));
    assert_true(good || str_starts(tx->why, str_of(field)));
}

static const struct user_new valid = {
    .username = S("ann"), .email = S("ann@example.com"), .first_name = S(""), .sur_name = S("")};

static void a_username_can_be_seen_and_read_in_one_way(void **state)
{
    for (size_t i = 0; i < countof(usernames); i++) {
        struct user_new u = valid;
        u.username = usernames[i].name;
        check(*state, "username", u, S("12345678"), usernames[i].good, str_of(usernames[i].what));
    }
}

static void an_email_looks_like_one(void **state)
{
    for (size_t i = 0; i < countof(emails); i++) {
        struct user_new u = valid;
        u.email = emails[i].email;
        check(*state, "email", u, S("12345678"), emails[i].good, u.email);
    }
    char domain[256];
    memset(domain, 'd', sizeof domain);
    memcpy(domain, "a@", 2);
    struct user_new u = valid;
    u.email = str_from(domain, 254);
    check(*state, "email", u, S("12345678"), true, S("254 bytes"));
    u.email = str_from(domain, 255);
    check(*state, "email", u, S("12345678"), false, S("255 bytes"));
}

static void lengths_are_counted_in_characters(void **state)
{
    char text[4 * 129];
    for (size_t i = 0; i < 129; i++)
        memcpy(text + 4 * i, "🦊", 4);
    const struct {
        size_t n;
        bool username, password, name;
    } rows[] = {{7, true, false, true},  {8, true, true, true},    {64, true, true, true},
                {65, false, true, true}, {128, false, true, true}, {129, false, false, false}};
    for (size_t i = 0; i < countof(rows); i++) {
        Str s = str_from(text, 4 * rows[i].n);
        struct user_new u = valid;
        check(*state, "password", u, s, rows[i].password, s);
        u.username = s;
        check(*state, "username", u, S("12345678"), rows[i].username, s);
        u = valid;
        u.first_name = s;
        check(*state, "firstName", u, S("12345678"), rows[i].name, s);
        u = valid;
        u.sur_name = s;
        check(*state, "surName", u, S("12345678"), rows[i].name, s);
    }
}

static Err add(struct tenant *t, int64_t app, const char *name, const char *email)
{
    struct user_profile p;
    struct user_new u = {
        .username = str_of(name), .email = str_of(email), .password_hash = S("hash")};
    return user_register(step(t->f), app, &u, &p);
}

static void a_user_is_kept_as_typed(void **state)
{
    struct tenant *t = *state;
    struct user_new u = {S("Ann"), S("Ann@Example.com"), S("secret"), S("Ann"), S("Ångström")};
    struct user_profile made, p;
    assert_ok(user_register(step(t->f), t->app.app, &u, &made));
    struct actor a = {.app = t->app.app, .user = made.user};
    assert_ok(user_get(step(t->f), &a, &p));
    assert_id(p.id, made.id);
    assert_text(p.username, "Ann");
    assert_text(p.email, "Ann@Example.com");
    assert_text(p.first_name, "Ann");
    assert_text(p.sur_name, "Ångström");
    struct user_profile bob = tenant_user(t, "bob");
    a.user = bob.user;
    assert_ok(user_get(step(t->f), &a, &p));
    assert_null(p.first_name.p);
    assert_null(p.sur_name.p);
    a.app = t->f->eve.app;
    assert_err(user_get(step(t->f), &a, &p), ERR_AUTH_INVALID_TOKEN);
}

static void names_and_emails_are_taken_within_the_app(void **state)
{
    struct tenant *t = *state;
    int64_t app = t->app.app;
    assert_ok(add(t, app, "Ann", "Ann@example.com"));
    assert_err(add(t, app, "ann", "other@example.com"), ERR_USERNAME_TAKEN);
    assert_err(add(t, app, "ANN", "ann@example.com"), ERR_USERNAME_TAKEN);
    assert_err(add(t, app, "bob", "ANN@EXAMPLE.COM"), ERR_EMAIL_TAKEN);
    assert_ok(add(t, app, "Änn", "other@example.com"));
    assert_ok(add(t, t->f->eve.app, "ann", "ann@example.com"));
}

static void signin_finds_the_name_in_any_ascii_case(void **state)
{
    struct tenant *t = *state;
    struct user_profile ann = tenant_user(t, "Ann"), p;
    Str hash;
    static const char *const names[] = {"Ann", "ann", "ANN"};
    for (size_t i = 0; i < countof(names); i++) {
        assert_ok(user_for_signin(step(t->f), t->app.app, str_of(names[i]), &p, &hash));
        assert_int_equal(p.user, ann.user);
        assert_text(p.username, "Ann");
        assert_text(hash, "hash");
    }
}

static void an_unknown_name_gives_the_decoy_hash(void **state)
{
    struct tenant *t = *state;
    struct user_profile p;
    Str hash;
    tenant_user(t, "ann");
    static const char *const names[] = {"nobody", "", "ann ", "Eve"};
    for (size_t i = 0; i < countof(names); i++) {
        assert_ok(user_for_signin(step(t->f), t->app.app, str_of(names[i]), &p, &hash));
        assert_int_equal(p.user, 0);
        assert_text(hash, "decoy");
    }
}

static void renaming_frees_the_old_name(void **state)
{
    struct tenant *t = *state;
    struct user_profile ann = tenant_user(t, "ann"), p;
    struct signin s = tenant_signin(t, &ann);
    assert_ok(user_rename(step(t->f), &s.actor, S("Anna")));
    assert_ok(user_get(step(t->f), &s.actor, &p));
    assert_text(p.username, "Anna");
    assert_id(p.id, ann.id);
    assert_ok(add(t, t->app.app, "ann", "second@example.com"));
    assert_err(add(t, t->app.app, "ANNA", "third@example.com"), ERR_USERNAME_TAKEN);
}

static void ones_own_name_in_other_case_is_allowed(void **state)
{
    struct tenant *t = *state;
    struct user_profile ann = tenant_user(t, "ann"), p;
    struct signin s = tenant_signin(t, &ann);
    tenant_user(t, "bob");
    assert_ok(user_rename(step(t->f), &s.actor, S("ANN")));
    assert_ok(user_rename(step(t->f), &s.actor, S("ANN")));
    assert_err(user_rename(step(t->f), &s.actor, S("Bob")), ERR_USERNAME_TAKEN);
    assert_err(user_rename(step(t->f), &s.actor, S(" ann")), ERR_INVALID_FIELD);
    assert_true(str_starts(t->f->tx.why, S("newUsername")));
    assert_ok(user_get(step(t->f), &s.actor, &p));
    assert_text(p.username, "ANN");
}

static void a_deleted_user_is_gone_at_once(void **state)
{
    struct tenant *t = *state;
    struct user_profile ann = tenant_user(t, "ann"), p;
    struct signin s = tenant_signin(t, &ann);
    Str hash, ticket;
    struct actor a;
    assert_ok(user_delete(step(t->f), &s.actor));
    const struct event *e = only_event(t->f, EVENT_USER_GONE);
    assert_int_equal(e->app, t->app.app);
    assert_int_equal(e->target, ann.user);
    assert_int_equal(db_number(t->f->db, &test_removals, ARGS(v_int(t->app.app), v_int(ann.user))),
                     1);
    assert_int_equal(
        db_number(t->f->db, &test_emails, ARGS(v_text(S("ann@example.com")), v_text(S("hash")))),
        0);
    assert_err(user_get(step(t->f), &s.actor, &p), ERR_AUTH_INVALID_TOKEN);
    assert_err(user_rename(step(t->f), &s.actor, S("x")), ERR_AUTH_INVALID_TOKEN);
    assert_err(auth_refresh(step(t->f), &s.claims, s.refresh_token, &a), ERR_AUTH_INVALID_TOKEN);
    assert_err(auth_issue_ticket(step(t->f), &s.actor, &ticket), ERR_AUTH_INVALID_TOKEN);
    assert_ok(user_for_signin(step(t->f), t->app.app, S("ann"), &p, &hash));
    assert_int_equal(p.user, 0);
    step(t->f);
    refused(t->f, user_delete(&t->f->tx, &s.actor), ERR_AUTH_INVALID_TOKEN);
}

static void the_name_and_email_of_a_deleted_user_are_free(void **state)
{
    struct tenant *t = *state;
    struct user_profile ann = tenant_user(t, "ann");
    struct signin s = tenant_signin(t, &ann);
    assert_ok(user_delete(step(t->f), &s.actor));
    struct user_profile again = tenant_user(t, "ann");
    assert_true(again.user != ann.user);
    s = tenant_signin(t, &again);
    assert_ok(user_delete(step(t->f), &s.actor));
}

static void the_others_are_told_that_a_user_left(void **state)
{
    struct tenant *t = *state;
    struct user_profile ann = tenant_user(t, "ann"), bob = tenant_user(t, "bob");
    struct signin s = tenant_signin(t, &ann), other = tenant_signin(t, &bob);
    struct chat_details chat;
    const Str names[] = {S("ann"), S("bob")};
    assert_ok(chat_create(step(t->f), &s.actor, S("Chat"), names, 2, &chat));
    assert_ok(user_delete(step(t->f), &s.actor));
    assert_int_equal(t->f->events.n, 2);
    assert_int_equal(t->f->events.items[0].type, EVENT_USER_LEAVE);
    assert_int_equal(t->f->events.items[0].target, ann.user);
    assert_int_equal(t->f->events.items[1].type, EVENT_USER_GONE);
    struct chat_member *members;
    bool more;
    size_t n;
    assert_ok(chat_members(step(t->f), &other.actor, chat.id, 10, &(struct chat_place){0}, &members,
                           &n, &more));
    assert_int_equal(n, 1);
    assert_id(members[0].user_id, bob.id);
}

static void a_user_is_active_once_a_day(void **state)
{
    struct tenant *t = *state;
    struct user_profile ann = tenant_user(t, "ann"), bob = tenant_user(t, "bob");
    struct signin s = tenant_signin(t, &ann);
    Str ticket;
    tenant_signin(t, &ann);
    assert_ok(auth_issue_ticket(step(t->f), &s.actor, &ticket));
    assert_int_equal(db_number(t->f->db, &test_active_users, ARGS(v_int(t->app.app))), 1);
    tenant_signin(t, &bob);
    assert_int_equal(db_number(t->f->db, &test_active_users, ARGS(v_int(t->app.app))), 2);
    t->f->tx.now += FIXTURE_DAY;
    assert_ok(auth_issue_ticket(step(t->f), &s.actor, &ticket));
    assert_int_equal(db_number(t->f->db, &test_active_users, ARGS(v_int(t->app.app))), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        tenant_test(a_username_can_be_seen_and_read_in_one_way),
        tenant_test(an_email_looks_like_one),
        tenant_test(lengths_are_counted_in_characters),
        tenant_test(a_user_is_kept_as_typed),
        tenant_test(names_and_emails_are_taken_within_the_app),
        tenant_test(signin_finds_the_name_in_any_ascii_case),
        tenant_test(an_unknown_name_gives_the_decoy_hash),
        tenant_test(renaming_frees_the_old_name),
        tenant_test(ones_own_name_in_other_case_is_allowed),
        tenant_test(a_deleted_user_is_gone_at_once),
        tenant_test(the_name_and_email_of_a_deleted_user_are_free),
        tenant_test(the_others_are_told_that_a_user_left),
        tenant_test(a_user_is_active_once_a_day),
    };
    return cmocka_run_group_tests_name("domain/user", tests, NULL, NULL);
}
