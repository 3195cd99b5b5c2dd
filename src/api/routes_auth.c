/*
 * The users of an app and their sign-ins: what an API key, a refresh token or a user's JWT opens on
 * the chat listener. A password is hashed on a pool of its own between a look-up and a write, never
 * inside a transaction. JWTs are HS256, a few microseconds, so the step that writes signs them.
 */
#include "api/request.h"

#include "base/clock.h"
#include "base/mem.h"
#include "domain/auth.h"
#include "domain/user.h"

/* ----- JWTs ----- */

/* In the request's arena. */
static Str sign(struct request *r, int64_t now, Id app_id, Id user_id, Id session_id,
                int64_t expires_at)
{
    Str cluster = request_cluster(r);
    struct token_claims c = {
        .class = TOKEN_USER,
        .subject = user_id,
        .app = app_id,
        .session = session_id,
        .issued_at = now,
        .expires_at = expires_at,
    };
    struct buf out = BUF(TOKEN_MAX);
    must(cluster.n < sizeof c.audience);
    memcpy(c.audience, cluster.p, cluster.n);
    token_sign(request_keys(r), &c, &out);
    Str text = arena_str(&r->arena, buf_str(&out));
    buf_free(&out);
    return text;
}

/* ----- registering ----- */

struct registration {
    struct user_new user;
    Str password;
};

static Err register_decode(struct request *r)
{
    struct registration *in = arena_new(&r->arena, struct registration);
    r->data = in;
    Err e = request_string(r, "username", &in->user.username);
    if (!e)
        request_payer(r, r->claims.app, in->user.username);
    if (!e)
        e = request_string(r, "email", &in->user.email);
    if (!e)
        e = request_string(r, "password", &in->password);
    if (!e)
        e = request_optional(r, "firstName", &in->user.first_name);
    return e ? e : request_optional(r, "surName", &in->user.sur_name);
}

static Err register_check(struct request *r, struct tx *tx)
{
    const struct registration *in = r->data;
    return user_check_new(tx, &in->user, in->password);
}

static Err register_hash(struct request *r, struct tx *tx)
{
    struct registration *in = r->data;
    (void)tx;
    return request_hash_password(r, in->password, &in->user.password_hash);
}

static Err register_write(struct request *r, struct tx *tx)
{
    const struct registration *in = r->data;
    struct json_writer w = {.out = &r->out};
    struct user_profile user;
    Err e = user_register(tx, r->app, &in->user, &user);
    if (e)
        return e;
    r->about = user.user;
    r->found = user.id;
    json_object_begin(&w);
    json_field_id(&w, "id", user.id);
    json_field_string(&w, "username", user.username);
    json_field_string(&w, "email", user.email);
    json_object_end(&w);
    r->status = 201;
    return ERR_OK;
}

/* ----- signing in ----- */

struct signin {
    Str username;
    Str password;
    struct user_profile user;
    Str password_hash;
    Str who; /* as whom failures count */
};

static Err signin_decode(struct request *r)
{
    struct signin *in = arena_new(&r->arena, struct signin);
    r->data = in;
    Err e = request_string(r, "username", &in->username);
    if (!e)
        request_payer(r, r->claims.app, in->username);
    return e ? e : request_string(r, "password", &in->password);
}

/* Failures count by the name that was tried, whether or not there is such a user. */
static Err signin_read(struct request *r, struct tx *tx)
{
    struct signin *in = r->data;
    char *name = arena_alloc(&r->arena, in->username.n);
    str_lower(in->username, name);
    in->who =
        arena_fmt(&r->arena, "user %lld " STR_FMT, (long long)r->app, (int)in->username.n, name);
    Err e = request_failures_check(r, in->who);
    if (!e)
        e = user_for_signin(tx, r->app, in->username, &in->user, &in->password_hash);
    if (!e)
        r->found = in->user.id;
    return e;
}

static Err signin_verify(struct request *r, struct tx *tx)
{
    const struct signin *in = r->data;
    (void)tx;
    bool matches;
    Err e = request_check_password(r, in->password_hash, in->password, &matches);
    if (e)
        return e;
    if (!matches || !in->user.user)
        return request_failure_note(r, in->who);
    return request_failures_clear(r, in->who);
}

static Err signin_write(struct request *r, struct tx *tx)
{
    const struct signin *in = r->data;
    struct json_writer w = {.out = &r->out};
    Id session_id;
    Str refresh_token;
    Err e = auth_open_session(tx, r->app, in->user.user, &session_id, &refresh_token);
    if (e)
        return e;
    request_header(r, S("Authorization"),
                   sign(r, tx->now, r->claims.app, in->user.id, session_id,
                        tx->now + tx->rules->user_token_ttl));
    json_object_begin(&w);
    json_field_id(&w, "id", in->user.id);
    json_field_string(&w, "username", in->user.username);
    json_field_string(&w, "email", in->user.email);
    json_field_string(&w, "refreshToken", refresh_token);
    json_field_array(&w, "roles");
    json_put_string(&w, S("USER"));
    json_array_end(&w);
    json_object_end(&w);
    return ERR_OK;
}

/* ----- sign-ins ----- */

struct refresh {
    struct auth_claims claims;
    struct token_claims jwt;
    Str token;
};

/* That the JWT has expired is why it is here; everything else about it must be right. */
static Err refresh_decode(struct request *r)
{
    struct refresh *in = arena_new(&r->arena, struct refresh);
    r->data = in;
    Str jwt;
    in->token = request_bearer(http_header(&r->head, S("Authorization")));
    if (!in->token.n)
        return request_fail(r, ERR_AUTH_MISSING_TOKEN,
                            "The refresh token is missing; send Authorization: Bearer <token>.");
    Err e = request_string(r, "expiredJwt", &jwt);
    if (e)
        return e;
    e = token_verify(request_keys(r), TOKEN_USER, request_bearer(jwt), clock_now(), &in->jwt);
    if (e && e != ERR_AUTH_EXPIRED_TOKEN)
        return e;
    if (!str_eq(str_of(in->jwt.audience), request_cluster(r)))
        return ERR_AUTH_INVALID_TOKEN;
    r->claims = in->jwt;
    request_payer(r, in->jwt.app, str_from((const char *)in->jwt.subject.b, sizeof(Id)));
    in->claims = (struct auth_claims){.app_id = in->jwt.app,
                                      .subject = in->jwt.subject,
                                      .session_id = in->jwt.session,
                                      .audience = str_of(in->jwt.audience)};
    return ERR_OK;
}

static Err refresh_run(struct request *r, struct tx *tx)
{
    const struct refresh *in = r->data;
    struct actor a;
    Err e = auth_refresh(tx, &in->claims, in->token, &a);
    if (!e) /* charged to the user only once both tokens were found good */
        e = request_rate_user(r, in->jwt.app, in->jwt.subject);
    if (e)
        return e;
    Str jwt = sign(r, tx->now, in->jwt.app, a.user_id, in->jwt.session,
                   tx->now + tx->rules->user_token_ttl);
    request_header(r, S("Authorization"), arena_fmt(&r->arena, "Bearer " STR_FMT, STR_ARG(jwt)));
    return request_empty(r);
}

static Err logout_decode(struct request *r)
{
    Str *token = arena_new(&r->arena, Str);
    r->data = token;
    return request_string(r, "refreshToken", token);
}

static Err logout_run(struct request *r, struct tx *tx)
{
    const Str *token = r->data;
    Err e = auth_logout(tx, &r->actor, *token);
    return e ? e : request_empty(r);
}

static Err logout_all_run(struct request *r, struct tx *tx)
{
    Err e = auth_logout_all(tx, &r->actor);
    return e ? e : request_empty(r);
}

/* The ticket first: that a sign-in has ended is what its client must hear, not that there is no
 * room for it. A refusal takes the ticket back. HEAD makes one too, which no one ever learns. */
static Err ticket_run(struct request *r, struct tx *tx)
{
    struct json_writer w = {.out = &r->out};
    Str ticket, tier;
    Err e = auth_issue_ticket(tx, &r->actor, &ticket);
    if (!e)
        e = auth_tier(tx, r->app, &tier);
    if (!e)
        e = request_may_connect(r, tier);
    if (e)
        return e;
    json_object_begin(&w);
    json_field_string(&w, "ticket", ticket);
    json_object_end(&w);
    return ERR_OK;
}

/* ----- the user ----- */

static Err user_run(struct request *r, struct tx *tx)
{
    struct json_writer w = {.out = &r->out};
    struct user_profile user;
    Err e = user_get(tx, &r->actor, &user);
    if (e)
        return e;
    json_object_begin(&w);
    json_field_id(&w, "id", user.id);
    json_field_string(&w, "username", user.username);
    json_field_string(&w, "email", user.email);
    json_field_array(&w, "role");
    json_put_string(&w, S("USER"));
    json_array_end(&w);
    json_field_string_or_null(&w, "firstName", user.first_name);
    json_field_string_or_null(&w, "surName", user.sur_name);
    json_object_end(&w);
    return ERR_OK;
}

static Err rename_decode(struct request *r)
{
    Str *name = arena_new(&r->arena, Str);
    r->data = name;
    return request_string(r, "newUsername", name);
}

/* The JWT of a sign-in that has ended still works here until it expires, but must not be the way to
 * a longer life: its successor expires with it. */
static Err rename_run(struct request *r, struct tx *tx)
{
    const struct actor *a = &r->actor;
    const Str *name = r->data;
    Err e = user_rename(tx, a, *name);
    if (e)
        return e;
    int64_t expires_at = a->session ? tx->now + tx->rules->user_token_ttl : r->claims.expires_at;
    request_header(r, S("Authorization"),
                   sign(r, tx->now, r->claims.app, a->user_id, r->claims.session, expires_at));
    return request_empty(r);
}

static Err delete_run(struct request *r, struct tx *tx)
{
    Err e = user_delete(tx, &r->actor);
    return e ? e : request_empty(r);
}

const struct route routes_auth[] = {
    {HTTP_POST,
     "/api/user/registerUser",
     AUTH_KEY,
     register_decode,
     {{JOB_READ, register_check}, {JOB_HASH, register_hash}, {JOB_WRITE, register_write}},
     ROUTE_JSON | ROUTE_IDEMPOTENT},
    {HTTP_POST,
     "/api/user/signin",
     AUTH_KEY,
     signin_decode,
     {{JOB_READ, signin_read}, {JOB_HASH, signin_verify}, {JOB_WRITE, signin_write}},
     ROUTE_JSON},
    {HTTP_POST,
     "/api/auth/refresh",
     AUTH_NONE,
     refresh_decode,
     {{JOB_WRITE, refresh_run}},
     ROUTE_JSON},
    {HTTP_POST,
     "/api/auth/logout",
     AUTH_USER,
     logout_decode,
     {{JOB_WRITE, logout_run}},
     ROUTE_JSON},
    {HTTP_POST, "/api/auth/logoutAll", AUTH_USER, NULL, {{JOB_WRITE, logout_all_run}}, 0},
    {HTTP_GET, "/api/auth/getTicket", AUTH_USER, NULL, {{JOB_WRITE, ticket_run}}, 0},
    {HTTP_GET, "/api/user/getTicket", AUTH_USER, NULL, {{JOB_WRITE, ticket_run}}, 0},
    {HTTP_GET, "/api/user/getUser", AUTH_USER, NULL, {{JOB_READ, user_run}}, 0},
    {HTTP_POST,
     "/api/user/changeUsername",
     AUTH_USER,
     rename_decode,
     {{JOB_WRITE, rename_run}},
     ROUTE_JSON},
    {HTTP_DELETE, "/api/user/deleteUser", AUTH_USER, NULL, {{JOB_WRITE, delete_run}}, 0},
    {.path = NULL},
};
