/*
 * A dashboard account's sign-in and profile, on the management listener. The refresh token travels
 * only in a cookie that no script can read and that goes nowhere but /api/auth; a page of another
 * origin is refused before the token is looked at.
 *
 * The access token is RS256, about a millisecond of signing, and signed by the step that writes all
 * the same: a step of its own after the commit could be turned away by a full queue, and then the
 * old refresh token would be used up and the new one lost.
 */
#include "api/request.h"

#include "base/clock.h"

#define COOKIE "whisp_refresh"

/* ----- tokens ----- */

static void set_cookie(struct request *r, Str token, int64_t ttl)
{
    request_header(r, S("Set-Cookie"),
                   arena_fmt(&r->arena,
                             COOKIE "=" STR_FMT "; Path=" STR_FMT
                                    "/api/auth; HttpOnly; SameSite=Strict; Max-Age=%lld%s",
                             STR_ARG(token), STR_ARG(request_path_prefix(r)),
                             (long long)(ttl / 1000), request_secure(r) ? "; Secure" : ""));
}

/* The refresh token of the Cookie header; .p is NULL when it is not there. */
static Str cookie(const struct request *r)
{
    Str all = http_header(&r->head, S("Cookie"));
    while (all.n) {
        Str value = str_trim(str_cut(&all, ';'));
        if (str_eq(str_cut(&value, '='), S(COOKIE)))
            return value;
    }
    return (Str){0};
}

/* accessToken, email, role and expiresIn: the fields that all sign-ins answer with. */
static void put_access(struct request *r, const struct tx *tx, struct json_writer *w,
                       const struct account *a, Id family_id)
{
    int64_t ttl = tx->rules->account_token_ttl;
    struct token_claims c = {
        .class = TOKEN_MANAGEMENT,
        .subject = a->id,
        .session = family_id,
        .issued_at = tx->now,
        .expires_at = tx->now + ttl,
    };
    struct buf token = BUF(TOKEN_MAX);
    token_sign(request_keys(r), &c, &token);
    json_field_string(w, "accessToken", buf_str(&token));
    json_field_string(w, "email", a->email);
    json_field_string(w, "role", a->role);
    json_field_int(w, "expiresIn", ttl / 1000);
    buf_free(&token);
}

/* Opens a family for the account and gives its cookie. */
static Err open_family(struct request *r, struct tx *tx, int64_t account, Id *family_id)
{
    Str token;
    Err e = account_open_family(tx, account, family_id, &token);
    if (!e)
        set_cookie(r, token, tx->rules->account_refresh_ttl);
    return e;
}

/* As whom failed sign-ins count: the email that was tried, whether or not it is known. */
static Str failures_of(struct request *r, Str email)
{
    char *name = arena_alloc(&r->arena, email.n);
    str_lower(email, name);
    return arena_fmt(&r->arena, "account " STR_FMT, (int)email.n, name);
}

/* ----- registering ----- */

struct registration {
    Str company;
    Str email;
    Str password;
    Str password_hash;
    Str invitation;
};

static Err register_decode(struct request *r)
{
    struct registration *in = arena_new(&r->arena, struct registration);
    r->data = in;
    Err e = request_string(r, "companyName", &in->company);
    if (!e)
        e = request_string(r, "email", &in->email);
    if (!e)
        e = request_string(r, "password", &in->password);
    if (!e)
        e = request_optional(r, "invitation", &in->invitation);
    return e ? e : request_rate_registering(r);
}

static Err register_hash(struct request *r, struct tx *tx)
{
    struct registration *in = r->data;
    Err e = account_check_new(tx, in->company, in->email, in->password);
    if (!e)
        e = account_may_register(tx, in->email, in->invitation);
    return e ? e : request_hash_password(r, in->password, &in->password_hash);
}

static Err register_write(struct request *r, struct tx *tx)
{
    const struct registration *in = r->data;
    struct json_writer w = {.out = &r->out};
    struct account a;
    Id family_id;
    Err e = account_register(tx, in->company, in->email, in->password_hash, &a);
    if (!e)
        e = open_family(r, tx, a.account, &family_id);
    if (e)
        return e;
    r->found = a.id;
    json_object_begin(&w);
    put_access(r, tx, &w, &a, family_id);
    json_object_end(&w);
    r->status = 201;
    return ERR_OK;
}

/* ----- signing in ----- */

struct login {
    Str email;
    Str password;
    struct account account;
    Str who;
};

static Err login_decode(struct request *r)
{
    struct login *in = arena_new(&r->arena, struct login);
    r->data = in;
    Err e = request_string(r, "email", &in->email);
    if (!e)
        e = request_string(r, "password", &in->password);
    if (e)
        return e;
    in->who = failures_of(r, in->email);
    return request_failures_check(r, in->who);
}

static Err login_read(struct request *r, struct tx *tx)
{
    struct login *in = r->data;
    Err e = account_for_login(tx, in->email, &in->account);
    r->found = in->account.id;
    return e;
}

/* An unknown email costs a hash too, so that the time does not tell. */
static Err verify(struct request *r, const struct account *a, Str password, Str who)
{
    bool matches;
    Err e = request_check_password(r, a->password_hash, password, &matches);
    if (e)
        return e;
    if (!matches || !a->account)
        return request_failure_note(r, who);
    return request_failures_clear(r, who);
}

static Err login_verify(struct request *r, struct tx *tx)
{
    const struct login *in = r->data;
    (void)tx;
    return verify(r, &in->account, in->password, in->who);
}

static Err login_write(struct request *r, struct tx *tx)
{
    const struct login *in = r->data;
    struct json_writer w = {.out = &r->out};
    Id family_id;
    Err e = account_still(tx, &in->account);
    if (!e)
        e = request_rate_account(r, in->account.id);
    if (!e)
        e = open_family(r, tx, in->account.account, &family_id);
    if (e)
        return e;
    json_object_begin(&w);
    json_field_bool(&w, "mfaRequired", false);
    put_access(r, tx, &w, &in->account, family_id);
    json_object_end(&w);
    return ERR_OK;
}

/* ----- staying, leaving ----- */

struct refresh {
    Str token;
    Id bearer; /* nil: none came */
};

/* A bearer is not needed and may have expired, but one that we never signed is a mistake. */
static Err refresh_decode(struct request *r)
{
    struct refresh *in = arena_new(&r->arena, struct refresh);
    struct token_claims claims;
    r->data = in;
    if (!request_origin_allowed(r))
        return ERR_ORIGIN_NOT_ALLOWED;
    in->token = cookie(r);
    if (!in->token.n)
        return request_fail(r, ERR_AUTH_MISSING_TOKEN, "The refresh cookie is missing; log in.");
    Str bearer = request_bearer(http_header(&r->head, S("Authorization")));
    if (!bearer.n)
        return ERR_OK;
    Err e = token_verify(request_keys(r), TOKEN_MANAGEMENT, bearer, clock_now(), &claims);
    if (e && e != ERR_AUTH_EXPIRED_TOKEN)
        return e;
    in->bearer = claims.subject;
    return ERR_OK;
}

static Err refresh_run(struct request *r, struct tx *tx)
{
    const struct refresh *in = r->data;
    struct json_writer w = {.out = &r->out};
    struct account a;
    Id family_id;
    Str next;
    Err e = account_refresh(tx, in->token, in->bearer, &a, &family_id, &next, &r->keep);
    if (!e)
        e = request_rate_account(r, a.id); /* past it the token is not used up */
    if (e)
        return e;
    r->found = a.id;
    set_cookie(r, next, tx->rules->account_refresh_ttl);
    json_object_begin(&w);
    put_access(r, tx, &w, &a, family_id);
    json_object_end(&w);
    return ERR_OK;
}

static Err logout_run(struct request *r, struct tx *tx)
{
    Err e = account_logout(tx, r->claims.session);
    if (e)
        return e;
    set_cookie(r, S(""), 0);
    r->status = 204;
    return ERR_OK;
}

/* ----- the profile ----- */

static void put_profile(struct request *r, const struct account *a)
{
    struct json_writer w = {.out = &r->out};
    json_object_begin(&w);
    json_field_id(&w, "id", a->id);
    json_field_string(&w, "companyName", a->company);
    json_field_string(&w, "email", a->email);
    json_field_string(&w, "role", a->role);
    json_field_bool(&w, "mfaEnabled", false);
    json_field_time(&w, "createdAt", a->created_at);
    json_field_time(&w, "updatedAt", a->updated_at);
    json_object_end(&w);
}

static Err profile_run(struct request *r, struct tx *tx)
{
    (void)tx;
    put_profile(r, &r->account);
    return ERR_OK;
}

struct profile {
    struct account_change change;
    Str password;
    Str new_password;
    Str verified; /* the hash that currentPassword matched; .p NULL: none was needed */
    Str who;
};

static Err profile_decode(struct request *r)
{
    struct profile *in = arena_new(&r->arena, struct profile);
    r->data = in;
    Err e = request_optional(r, "companyName", &in->change.company);
    if (!e)
        e = request_optional(r, "email", &in->change.email);
    if (!e)
        e = request_optional(r, "currentPassword", &in->password);
    if (!e)
        e = request_optional(r, "newPassword", &in->new_password);
    if (!e && (in->change.email.p || in->new_password.p) && !in->password.p)
        e = request_fail(r, ERR_INVALID_FIELD,
                         "currentPassword is missing; email and newPassword need it.");
    return e;
}

static Err profile_update(struct request *r, struct tx *tx)
{
    const struct profile *in = r->data;
    if (in->verified.p && !str_eq(in->verified, r->account.password_hash))
        return ERR_AUTH_BAD_CREDENTIALS; /* it was changed meanwhile */
    Err e = account_update(tx, &r->account, r->claims.session, &in->change);
    if (!e)
        put_profile(r, &r->account);
    return e;
}

/* What needs no password is done with this. */
static Err profile_check(struct request *r, struct tx *tx)
{
    struct profile *in = r->data;
    if (!in->change.email.p && !in->new_password.p) {
        request_finish(r);
        return profile_update(r, tx);
    }
    Err e = account_check_change(tx, &in->change, in->new_password);
    in->who = failures_of(r, r->account.email);
    return e ? e : request_failures_check(r, in->who);
}

static Err profile_hash(struct request *r, struct tx *tx)
{
    struct profile *in = r->data;
    (void)tx;
    Err e = verify(r, &r->account, in->password, in->who);
    in->verified = r->account.password_hash;
    if (!e && in->new_password.p)
        e = request_hash_password(r, in->new_password, &in->change.password_hash);
    return e;
}

const struct route routes_management[] = {
    {HTTP_POST,
     "/api/auth/register",
     AUTH_NONE,
     register_decode,
     {{JOB_HASH, register_hash}, {JOB_WRITE, register_write}},
     ROUTE_JSON},
    {HTTP_POST,
     "/api/auth/login",
     AUTH_NONE,
     login_decode,
     {{JOB_READ, login_read}, {JOB_HASH, login_verify}, {JOB_WRITE, login_write}},
     ROUTE_JSON},
    {HTTP_POST, "/api/auth/refresh", AUTH_NONE, refresh_decode, {{JOB_WRITE, refresh_run}}, 0},
    {HTTP_POST, "/api/auth/logout", AUTH_ACCOUNT, NULL, {{JOB_WRITE, logout_run}}, 0},
    {HTTP_GET, "/api/client/profile", AUTH_ACCOUNT, NULL, {{JOB_READ, profile_run}}, 0},
    {HTTP_PUT,
     "/api/client/profile",
     AUTH_ACCOUNT,
     profile_decode,
     {{JOB_WRITE, profile_check}, {JOB_HASH, profile_hash}, {JOB_WRITE, profile_update}},
     ROUTE_JSON},
    {.path = NULL},
};
