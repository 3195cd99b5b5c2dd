/* Dashboard accounts: fields, sign-in, the families of refresh tokens, changes. */
#include "domain/invitation.h"
#include "domain/tenant.h"

static struct account login(struct tenant *t, const char *email)
{
    struct account a;
    assert_ok(account_for_login(step(t->f), str_of(email), &a));
    return a;
}

struct family {
    Id id;
    Str token;
};

static struct family open_family(struct tenant *t, int64_t account)
{
    struct family family;
    assert_ok(account_open_family(step(t->f), account, &family.id, &family.token));
    return family;
}

/* Rotates family->token. */
static void rotate(struct tenant *t, struct family *family)
{
    struct account a;
    Id id;
    bool keep = true;
    assert_ok(
        account_refresh(step(t->f), family->token, (Id){{0}}, &a, &id, &family->token, &keep));
    assert_id(id, family->id);
    assert_int_equal(a.account, t->account);
    assert_false(keep);
}

/* Says whether the refusal is to be kept. */
static bool refuses(struct tenant *t, Str token, Id bearer)
{
    struct account a;
    Id id;
    Str next;
    bool keep;
    assert_err(account_refresh(step(t->f), token, bearer, &a, &id, &next, &keep),
               ERR_AUTH_INVALID_TOKEN);
    return keep;
}

static void names_the_field_that_is_wrong(void **state)
{
    struct tenant *t = *state;
    static const struct {
        const char *company, *email, *password, *field;
    } rows[] = {
        {"Acme", "dev@acme.com", "S3cure!Pass#2026", NULL},
        {"Ünïted & Söhne 🚀", "Dev+tag@Acme.example", "12345678", NULL},
        {"", "dev@acme.com", "12345678", "companyName"},
        {" \t ", "dev@acme.com", "12345678", "companyName"},
        {"Acme", "nobody", "12345678", "email"},
        {"Acme", "dev@acme.com", "1234567", "password"},
    };
    for (size_t i = 0; i < countof(rows); i++) {
        struct tx *tx = step(t->f);
        Err e = account_check_new(tx, str_of(rows[i].company), str_of(rows[i].email),
                                  str_of(rows[i].password));
        assert_err(e, rows[i].field ? ERR_INVALID_FIELD : ERR_OK);
        assert_true(!rows[i].field || str_starts(tx->why, str_of(rows[i].field)));
    }
}

static void registers_a_client_with_the_email_as_typed(void **state)
{
    struct tenant *t = *state;
    struct account a;
    assert_ok(account_register(step(t->f), S("Acme"), S("Dev@Acme.com"), S("secret"), &a));
    assert_text(a.role, "CLIENT");
    struct account found = login(t, "dev@ACME.com");
    assert_int_equal(found.account, a.account);
    assert_id(found.id, a.id);
    assert_text(found.email, "Dev@Acme.com");
    assert_text(found.company, "Acme");
    assert_text(found.password_hash, "secret");
    assert_int_equal(found.created_at, found.updated_at);
}

static void takes_an_email_once_whatever_its_case(void **state)
{
    struct tenant *t = *state;
    struct account a;
    assert_err(account_register(step(t->f), S("Acme"), S("OWNER@example.com"), S("x"), &a),
               ERR_EMAIL_TAKEN);
    assert_int_equal(login(t, "owner@example.com").account, t->account);
}

static void an_unknown_email_gives_the_decoy_hash(void **state)
{
    struct account a = login(*state, "nobody@example.com");
    assert_int_equal(a.account, 0);
    assert_text(a.password_hash, "decoy");
}

static void a_refresh_token_is_good_once_and_gives_another(void **state)
{
    struct tenant *t = *state;
    struct family family = open_family(t, t->account);
    assert_int_equal(family.token.n, 43);
    Str first = family.token;
    rotate(t, &family);
    assert_false(str_eq(first, family.token));
    rotate(t, &family);
}

static void a_used_token_ends_its_family_and_no_other(void **state)
{
    struct tenant *t = *state;
    struct family family = open_family(t, t->account), other = open_family(t, t->account);
    Str used = family.token;
    rotate(t, &family);
    rotate(t, &family);
    assert_true(refuses(t, used, (Id){{0}}));
    assert_false(refuses(t, family.token, (Id){{0}}));
    struct account a;
    assert_err(account_get(step(t->f), login(t, "owner@example.com").id, family.id, &a),
               ERR_AUTH_INVALID_TOKEN);
    rotate(t, &other);
}

static void the_last_token_gives_the_same_next_one_for_ten_seconds(void **state)
{
    struct tenant *t = *state;
    struct family family = open_family(t, t->account);
    struct family late = family;
    rotate(t, &family);
    t->f->tx.now += 9 * 1000;
    rotate(t, &late);
    assert_true(str_eq(late.token, family.token));
    struct family next = family;
    rotate(t, &next); /* which uses up what both got */
    assert_false(str_eq(next.token, family.token));
}

static void after_ten_seconds_the_last_token_ends_its_family(void **state)
{
    struct tenant *t = *state;
    struct family family = open_family(t, t->account);
    Str used = family.token;
    rotate(t, &family);
    t->f->tx.now += 11 * 1000;
    assert_true(refuses(t, used, (Id){{0}}));
    assert_false(refuses(t, family.token, (Id){{0}}));
}

static void a_token_before_the_last_ends_its_family_at_once(void **state)
{
    struct tenant *t = *state;
    struct family family = open_family(t, t->account);
    Str used = family.token;
    rotate(t, &family);
    rotate(t, &family);
    assert_true(refuses(t, used, (Id){{0}}));
    assert_false(refuses(t, family.token, (Id){{0}}));
}

static void another_accounts_bearer_is_refused_and_uses_nothing_up(void **state)
{
    struct tenant *t = *state;
    struct family family = open_family(t, t->account);
    assert_false(refuses(t, family.token, login(t, "stranger@example.com").id));
    Str used = family.token;
    struct account a;
    Id id;
    bool keep;
    assert_ok(account_refresh(step(t->f), used, login(t, "owner@example.com").id, &a, &id,
                              &family.token, &keep));
    assert_true(refuses(t, used, login(t, "stranger@example.com").id));
}

static void a_family_lives_as_long_as_it_is_used(void **state)
{
    struct tenant *t = *state;
    struct family family = open_family(t, t->account);
    for (int i = 0; i < 3; i++) {
        t->f->tx.now += t->f->rules.account_refresh_ttl - 10 * 1000;
        rotate(t, &family);
    }
    t->f->tx.now += t->f->rules.account_refresh_ttl;
    assert_false(refuses(t, family.token, (Id){{0}}));
}

SQL(test_families, "select count(*) from families");
SQL(test_tokens, "select count(*) from family_tokens");

static int64_t number(struct tenant *t, const struct db_sql *sql)
{
    return db_number(t->f->db, sql, (struct db_values){0});
}

static void past_a_hundred_signins_the_oldest_ends(void **state)
{
    struct tenant *t = *state;
    struct family first = open_family(t, t->account), second = open_family(t, t->account);
    for (int i = 2; i < 101; i++)
        open_family(t, t->account);
    assert_false(refuses(t, first.token, (Id){{0}}));
    rotate(t, &second);
    sweep_all(t);
    assert_int_equal(number(t, &test_families), 100);
    assert_int_equal(number(t, &test_tokens), 101);
}

static void used_tokens_of_a_family_are_bounded(void **state)
{
    struct tenant *t = *state;
    struct family family = open_family(t, t->account);
    Str old = family.token;
    for (int i = 0; i < 1050; i++)
        rotate(t, &family);
    assert_int_equal(number(t, &test_tokens), 1001);
    assert_false(refuses(t, old, (Id){{0}}));
    old = family.token;
    rotate(t, &family);
    rotate(t, &family);
    assert_true(refuses(t, old, (Id){{0}}));
}

static void families_that_are_over_go_with_their_tokens(void **state)
{
    struct tenant *t = *state;
    struct family ended = open_family(t, t->account), kept = open_family(t, t->stranger);
    for (int i = 0; i < 1200; i++) {
        if (i % 10 == 0)
            t->f->tx.now += t->f->rules.account_refresh_ttl / 200;
        rotate(t, &ended);
    }
    assert_ok(account_logout(step(t->f), ended.id));
    sweep_all(t);
    assert_int_equal(number(t, &test_families), 1);
    assert_int_equal(number(t, &test_tokens), 1);
    t->f->tx.now += t->f->rules.account_refresh_ttl;
    sweep_all(t);
    assert_int_equal(number(t, &test_families), 0);
    assert_int_equal(number(t, &test_tokens), 0);
    assert_false(refuses(t, kept.token, (Id){{0}}));
}

static void unknown_tokens_are_refused(void **state)
{
    struct tenant *t = *state;
    struct family family = open_family(t, t->account);
    assert_false(refuses(t, S(""), (Id){{0}}));
    assert_false(refuses(t, S("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), (Id){{0}}));
    assert_false(refuses(t, str_from(family.token.p, family.token.n - 1), (Id){{0}}));
}

static void a_token_needs_a_live_family_of_its_account(void **state)
{
    struct tenant *t = *state;
    struct family family = open_family(t, t->account), other = open_family(t, t->account);
    Id owner = login(t, "owner@example.com").id;
    struct account a;
    assert_ok(account_get(step(t->f), owner, family.id, &a));
    assert_int_equal(a.account, t->account);
    assert_err(account_get(step(t->f), login(t, "stranger@example.com").id, family.id, &a),
               ERR_AUTH_INVALID_TOKEN);
    assert_err(account_get(step(t->f), owner, id_new(0), &a), ERR_AUTH_INVALID_TOKEN);
    assert_ok(account_logout(step(t->f), family.id));
    assert_err(account_get(step(t->f), owner, family.id, &a), ERR_AUTH_INVALID_TOKEN);
    assert_false(refuses(t, family.token, (Id){{0}}));
    assert_ok(account_get(step(t->f), owner, other.id, &a));
    t->f->tx.now += t->f->rules.account_refresh_ttl;
    assert_err(account_get(step(t->f), owner, other.id, &a), ERR_AUTH_INVALID_TOKEN);
}

static void changes_what_is_given_and_nothing_else(void **state)
{
    struct tenant *t = *state;
    struct family family = open_family(t, t->account), other = open_family(t, t->account);
    struct account a = login(t, "owner@example.com");
    struct account_change change = {.company = S("New")};
    assert_ok(account_update(step(t->f), &a, family.id, &change));
    assert_int_equal(a.updated_at, t->f->tx.now);
    change = (struct account_change){.email = S("Owner@Example.com")};
    assert_ok(account_update(step(t->f), &a, family.id, &change));
    struct account b = login(t, "owner@example.com");
    assert_text(b.company, "New");
    assert_text(b.email, "Owner@Example.com");
    assert_text(b.password_hash, "hash");
    assert_text(a.email, "Owner@Example.com");
    rotate(t, &other);
}

static void another_accounts_email_is_taken(void **state)
{
    struct tenant *t = *state;
    struct account a = login(t, "owner@example.com");
    struct account_change change = {.company = S("New"), .email = S("Stranger@example.com")};
    assert_err(account_update(step(t->f), &a, id_new(0), &change), ERR_EMAIL_TAKEN);
    a = login(t, "owner@example.com");
    assert_text(a.company, "Acme");
}

static void a_new_password_ends_all_other_families(void **state)
{
    struct tenant *t = *state;
    struct family family = open_family(t, t->account), other = open_family(t, t->account);
    struct family theirs = open_family(t, t->stranger);
    struct account a = login(t, "owner@example.com");
    struct account_change change = {.password_hash = S("new hash")};
    assert_ok(account_update(step(t->f), &a, family.id, &change));
    assert_text(login(t, "owner@example.com").password_hash, "new hash");
    assert_false(refuses(t, other.token, (Id){{0}}));
    rotate(t, &family);
    struct account b;
    assert_ok(account_get(step(t->f), login(t, "stranger@example.com").id, theirs.id, &b));
}

static void a_bad_field_changes_nothing(void **state)
{
    struct tenant *t = *state;
    struct account a = login(t, "owner@example.com");
    struct account_change change = {.company = S("New"), .email = S("nobody")};
    assert_err(account_update(step(t->f), &a, id_new(0), &change), ERR_INVALID_FIELD);
    assert_err(account_check_change(step(t->f), &change, (Str){0}), ERR_INVALID_FIELD);
    change = (struct account_change){.company = S("")};
    assert_err(account_update(step(t->f), &a, id_new(0), &change), ERR_INVALID_FIELD);
    assert_err(account_check_change(step(t->f), &(struct account_change){0}, S("short")),
               ERR_INVALID_FIELD);
    assert_true(str_starts(t->f->tx.why, S("newPassword")));
    assert_text(login(t, "owner@example.com").company, "Acme");
}

/* Invitations */

static const uint8_t key[32] = "a key of the server, 32 bytes.";
static const int64_t now = 1800000000000;

static void an_invitation_is_of_its_email_until_it_expires(void **state)
{
    struct arena arena = ARENA(64 * 1024);
    (void)state;
    Str invitation = invitation_new(key, S("Ann@Example.com"), now + 1000, &arena);
    assert_true(invitation_valid(key, invitation, S("ann@example.com"), now, &arena));
    assert_true(invitation_valid(key, invitation, S("ANN@example.COM"), now + 999, &arena));
    assert_false(invitation_valid(key, invitation, S("ann@example.com"), now + 1000, &arena));
    assert_false(invitation_valid(key, invitation, S("bob@example.com"), now, &arena));
    arena_free(&arena);
}

static void an_invitation_of_another_server_or_changed_is_none(void **state)
{
    static const uint8_t other[32] = "a key of another server.";
    struct arena arena = ARENA(64 * 1024);
    (void)state;
    Str email = S("ann@example.com"), invitation = invitation_new(key, email, now + 1000, &arena);
    assert_false(invitation_valid(other, invitation, email, now, &arena));
    for (size_t i = 0; i < invitation.n; i++) {
        Str changed = arena_str(&arena, invitation);
        ((char *)(uintptr_t)changed.p)[i] = invitation.p[i] == '7' ? '8' : '7';
        assert_false(invitation_valid(key, changed, email, now, &arena));
        assert_false(invitation_valid(key, str_from(invitation.p, i), email, now, &arena));
    }
    assert_false(invitation_valid(key, S("-"), email, now, &arena));
    assert_false(invitation_valid(key, S("ffffffffffffffffff-x"), email, now, &arena));
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        tenant_test(names_the_field_that_is_wrong),
        tenant_test(registers_a_client_with_the_email_as_typed),
        tenant_test(takes_an_email_once_whatever_its_case),
        tenant_test(an_unknown_email_gives_the_decoy_hash),
        tenant_test(a_refresh_token_is_good_once_and_gives_another),
        tenant_test(a_used_token_ends_its_family_and_no_other),
        tenant_test(the_last_token_gives_the_same_next_one_for_ten_seconds),
        tenant_test(after_ten_seconds_the_last_token_ends_its_family),
        tenant_test(a_token_before_the_last_ends_its_family_at_once),
        tenant_test(another_accounts_bearer_is_refused_and_uses_nothing_up),
        tenant_test(a_family_lives_as_long_as_it_is_used),
        tenant_test(past_a_hundred_signins_the_oldest_ends),
        tenant_test(used_tokens_of_a_family_are_bounded),
        tenant_test(families_that_are_over_go_with_their_tokens),
        tenant_test(unknown_tokens_are_refused),
        tenant_test(a_token_needs_a_live_family_of_its_account),
        tenant_test(changes_what_is_given_and_nothing_else),
        tenant_test(another_accounts_email_is_taken),
        tenant_test(a_new_password_ends_all_other_families),
        tenant_test(a_bad_field_changes_nothing),
        cmocka_unit_test(an_invitation_is_of_its_email_until_it_expires),
        cmocka_unit_test(an_invitation_of_another_server_or_changed_is_none),
    };
    return cmocka_run_group_tests_name("domain/account", tests, NULL, NULL);
}
