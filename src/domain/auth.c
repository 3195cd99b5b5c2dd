/*
 * Every look-up joins all that a credential hangs on (app, user, sign-in), so that whichever of
 * them ends, the credential ends with it, in the next transaction that looks.
 */
#include "domain/auth.h"

#include "base/clock.h"
#include "base/mem.h"
#include "domain/secret.h"
#include "store/apps.h"
#include "store/usage.h"
#include "store/users.h"

/* Times of last use and sliding expiries are written at most this often. */
enum { NOTE_EVERY = 60 * 1000 };

Err auth_key(struct tx *tx, const struct auth_claims *c, int64_t *app)
{
    struct apps_known_key key;
    Str hash = secret_hash(c->token, tx->arena);
    if (!apps_know_key(tx->db, c->app_id, c->subject, hash, c->audience, &key))
        return tx_done(tx, ERR_AUTH_INVALID_API_KEY);
    if (key.revoked_at)
        return ERR_AUTH_REVOKED_API_KEY;
    if (!key.lived || key.cluster != tx->rules->cluster)
        return ERR_AUTH_INVALID_API_KEY;
    if (key.suspended)
        return ERR_APP_SUSPENDED;
    bool ahead = key.used_at > tx->now; /* noted under a clock that was wrong */
    if (tx->events && (ahead || tx->now - key.used_at >= NOTE_EVERY))
        apps_note_key(tx->db, key.app, key.key, tx->now);
    *app = key.app;
    return tx_done(tx, ERR_OK);
}

static struct actor as_actor(const struct users_actor *found)
{
    return (struct actor){
        .app = found->app,
        .user = found->user,
        .session = found->session,
        .user_id = found->user_id,
    };
}

Err auth_user(struct tx *tx, const struct auth_claims *c, struct actor *out)
{
    struct users_actor found = {
        .app_id = c->app_id,
        .user_id = c->subject,
        .session_id = c->session_id,
    };
    if (!users_find_actor(tx->db, tx->now, &found))
        return tx_done(tx, ERR_AUTH_INVALID_TOKEN);
    if (found.suspended)
        return ERR_APP_SUSPENDED;
    if (!found.user)
        return ERR_AUTH_INVALID_TOKEN;
    *out = as_actor(&found);
    return ERR_OK;
}

static void close_sessions(struct tx *tx, const struct actor *a, int64_t session,
                           int64_t but_session)
{
    struct event *e = event_add(tx->events, EVENT_SESSION_REVOKED);
    e->app = a->app;
    e->target = a->user;
    e->session = session;
    e->but_session = but_session;
}

/* A user's sign-ins have a limit: those beyond it are forgotten, as if they had logged out. */
static void end_oldest(struct tx *tx, const struct actor *a)
{
    int64_t live[USERS_AT_ONCE];
    size_t n =
        users_forget_sessions(tx->db, a->app, a->user, tx->rules->user_logins, tx->now, live);
    for (size_t i = 0; i < n; i++)
        close_sessions(tx, a, live[i], 0);
}

Err auth_open_session(struct tx *tx, int64_t app, int64_t user, Id *session_id, Str *refresh_token)
{
    /* The password was hashed meanwhile, outside of any transaction. */
    struct users_row row;
    Str status;
    Str tier;
    if (!apps_standing(tx->db, app, tx->arena, &status, &tier))
        return tx_done(tx, ERR_AUTH_INVALID_API_KEY);
    if (!str_eq(status, S("ACTIVE")))
        return ERR_APP_SUSPENDED;
    if (!users_find(tx->db, app, user, tx->arena, &row))
        return tx_done(tx, ERR_AUTH_BAD_CREDENTIALS);
    struct users_session session = {
        .id = id_new(tx->now),
        .user = user,
        .expires_at = tx->now + tx->rules->refresh_ttl,
    };
    *session_id = session.id;
    *refresh_token = secret_new_of(app, tx->arena);
    users_add_session(tx->db, app, &session, secret_hash(*refresh_token, tx->arena), tx->now);
    usage_note_active(tx->db, app, clock_day(tx->now), user);
    end_oldest(tx, &(struct actor){.app = app, .user = user});
    return tx_done(tx, ERR_OK);
}

/* The live sign-in of a refresh token of that app. */
static bool find_session(struct tx *tx, int64_t app, Str refresh_token, struct users_session *out)
{
    int64_t of;
    return secret_app(refresh_token, &of) && of == app &&
           users_find_session(tx->db, app, secret_hash(refresh_token, tx->arena), tx->now, out);
}

Err auth_refresh(struct tx *tx, const struct auth_claims *c, Str refresh_token, struct actor *out)
{
    struct users_session session;
    Err e = auth_user(tx, c, out);
    if (e)
        return e;
    if (!out->session || !find_session(tx, out->app, refresh_token, &session) ||
        session.session != out->session || session.user != out->user)
        return tx_done(tx, ERR_AUTH_INVALID_TOKEN);
    int64_t expires_at = tx->now + tx->rules->refresh_ttl;
    if (expires_at - session.expires_at > NOTE_EVERY) {
        session.expires_at = expires_at;
        users_slide_session(tx->db, out->app, &session, tx->now);
    }
    return tx_done(tx, ERR_OK);
}

Err auth_logout(struct tx *tx, const struct actor *a, Str refresh_token)
{
    struct users_session session;
    if (!find_session(tx, a->app, refresh_token, &session) || session.user != a->user)
        return tx_done(tx, ERR_OK);
    users_end_session(tx->db, a->app, session.session, tx->now);
    close_sessions(tx, a, session.session, session.session == a->session ? a->session : 0);
    return tx_done(tx, ERR_OK);
}

Err auth_logout_all(struct tx *tx, const struct actor *a)
{
    users_end_sessions(tx->db, a->app, a->user, tx->now);
    close_sessions(tx, a, 0, a->session);
    return tx_done(tx, ERR_OK);
}

Err auth_issue_ticket(struct tx *tx, const struct actor *a, Str *ticket)
{
    if (!users_session_live(tx->db, a->app, a->user, a->session, tx->now))
        return tx_done(tx, ERR_AUTH_INVALID_TOKEN);
    struct users_ticket row = {
        .user = a->user,
        .session = a->session,
        .expires_at = tx->now + tx->rules->ticket_ttl,
    };
    *ticket = secret_new_of(a->app, tx->arena);
    users_add_ticket(tx->db, a->app, &row, secret_hash(*ticket, tx->arena));
    usage_note_active(tx->db, a->app, clock_day(tx->now), a->user);
    return tx_done(tx, ERR_OK);
}

/* Of a ticket that has been taken just now. */
static Err read_ticket(struct tx *tx, int64_t app, Str hash, struct auth_ticket *out, Str *tier)
{
    struct users_actor found;
    if (!users_read_ticket(tx->db, app, hash, tx->now, tx->arena, &found))
        return tx_done(tx, ERR_AUTH_INVALID_TICKET);
    if (found.suspended)
        return ERR_APP_SUSPENDED;
    *out = (struct auth_ticket){
        .actor = as_actor(&found),
        .app_id = found.app_id,
        .session_id = found.session_id,
    };
    *tier = found.tier;
    return ERR_OK;
}

Err auth_spend_ticket(struct tx *tx, Str text, struct auth_ticket *out, Str *tier)
{
    int64_t app;
    if (!secret_app(text, &app))
        return ERR_AUTH_INVALID_TICKET;
    Str hash = secret_hash(text, tx->arena);
    if (!users_spend_ticket(tx->db, app, hash, tx->now))
        return tx_done(tx, ERR_AUTH_INVALID_TICKET);
    return read_ticket(tx, app, hash, out, tier);
}

Err auth_open_ticket(struct tx *tx, Str text, struct auth_ticket *out, Str *tier,
                     struct auth_opening *opening)
{
    if (!secret_app(text, &opening->app))
        return ERR_AUTH_INVALID_TICKET;
    Str hash = secret_hash(text, tx->arena);
    must(hash.n == sizeof opening->ticket_hash);
    memcpy(opening->ticket_hash, hash.p, hash.n);
    opening->number = users_open_ticket(tx->db, opening->app, hash, tx->now);
    if (!opening->number)
        return tx_done(tx, ERR_AUTH_INVALID_TICKET);
    return read_ticket(tx, opening->app, hash, out, tier);
}

Err auth_claim_ticket(struct tx *tx, const struct auth_opening *opening)
{
    Str hash = str_from((const char *)opening->ticket_hash, sizeof opening->ticket_hash);
    bool claimed = users_claim_ticket(tx->db, opening->app, hash, opening->number, tx->now);
    return tx_done(tx, claimed ? ERR_OK : ERR_AUTH_INVALID_TICKET);
}

Err auth_live(struct tx *tx, const struct actor *a)
{
    Str status;
    Str tier;
    if (!apps_standing(tx->db, a->app, tx->arena, &status, &tier))
        return tx_done(tx, ERR_AUTH_INVALID_TOKEN);
    if (!str_eq(status, S("ACTIVE")))
        return ERR_APP_SUSPENDED;
    bool live = users_session_live(tx->db, a->app, a->user, a->session, tx->now);
    return tx_done(tx, live ? ERR_OK : ERR_AUTH_INVALID_TOKEN);
}

Err auth_tier(struct tx *tx, int64_t app, Str *tier)
{
    Str status;
    return tx_done(tx, apps_standing(tx->db, app, tx->arena, &status, tier) ? ERR_OK
                                                                            : ERR_APP_NOT_FOUND);
}
