/*
 * Who may do what: API keys, the sign-ins (sessions) of users, and tickets for realtime. Tokens are
 * verified for signature and expiry before they come here; this layer checks them against rows, in
 * the request's own transaction, so that a revocation holds at once.
 */
#ifndef DOMAIN_AUTH_H
#define DOMAIN_AUTH_H

#include "domain/tx.h"

/* What a verified API key or JWT says of itself. */
struct auth_claims {
    Id app_id;
    Id subject; /* API key: the key's id; user: the user's id */
    Id session_id;
    Str audience;
    Str token; /* API key: its text, compared by hash */
};

/* A live key of an ACTIVE app, good on this cluster. ERR_AUTH_INVALID_API_KEY, _REVOKED_API_KEY,
 * ERR_APP_SUSPENDED. Notes its use (at most once a minute) when tx is a write. */
Err auth_key(struct tx *tx, const struct auth_claims *c, int64_t *app) must_check;

/* An existing user of an ACTIVE app. A revoked sign-in is accepted here: REST takes the JWT until
 * it expires. ERR_AUTH_INVALID_TOKEN, ERR_APP_SUSPENDED. actor->session is 0 when the sign-in is
 * gone. */
Err auth_user(struct tx *tx, const struct auth_claims *c, struct actor *out) must_check;

/* A new sign-in. *refresh_token is secret, in tx->arena; only its hash is stored. Past
 * rules->user_logins of a user the oldest ends (EVENT_SESSION_REVOKED). */
Err auth_open_session(struct tx *tx, int64_t app, int64_t user, Id *session_id,
                      Str *refresh_token) must_check;

/* The refresh token must belong to the claims' user and session; it slides on. */
Err auth_refresh(struct tx *tx, const struct auth_claims *c, Str refresh_token,
                 struct actor *out) must_check;

/* An unknown token is ERR_OK. Its realtime sessions get EVENT_SESSION_REVOKED. The token must be of
 * the actor's app and user to have an effect. */
Err auth_logout(struct tx *tx, const struct actor *a, Str refresh_token) must_check;
Err auth_logout_all(struct tx *tx, const struct actor *a) must_check;

/* *ticket in tx->arena. A revoked sign-in: ERR_AUTH_INVALID_TOKEN. */
Err auth_issue_ticket(struct tx *tx, const struct actor *a, Str *ticket) must_check;

/* Whom a ticket lets in; the ids are what the JWT that comes with it must name. */
struct auth_ticket {
    struct actor actor;
    Id app_id;
    Id session_id;
};

/* Spends it, once. ERR_AUTH_INVALID_TICKET: unknown, spent, expired, or its sign-in revoked.
 * ERR_APP_SUSPENDED. *tier is the app's tier (in tx->arena). */
Err auth_spend_ticket(struct tx *tx, Str text, struct auth_ticket *out, Str *tier) must_check;

/*
 * A SockJS client drops a transport that does not work and opens a session by the next one with the
 * same ticket: so an opening spends the ticket for everything but a further opening, and only the
 * one that claims it, at its CONNECT, ends that. An earlier opening's claim fails.
 */
struct auth_opening {
    int64_t app;
    int64_t number; /* the ticket's first is 1, a later one is higher */
    uint8_t ticket_hash[32];
};
/* Errors as auth_spend_ticket. */
Err auth_open_ticket(struct tx *tx, Str text, struct auth_ticket *out, Str *tier,
                     struct auth_opening *opening) must_check;
Err auth_claim_ticket(struct tx *tx, const struct auth_opening *opening) must_check;

/* Whether a realtime session may begin or go on: its sign-in and user are live, its app is ACTIVE.
 * ERR_AUTH_INVALID_TOKEN, ERR_APP_SUSPENDED. */
Err auth_live(struct tx *tx, const struct actor *a) must_check;

/* The app's tier (in tx->arena): its plan. */
Err auth_tier(struct tx *tx, int64_t app, Str *tier) must_check;

#endif
