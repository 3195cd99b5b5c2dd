/*
 * Dashboard accounts: the developers who own apps. Not the users of an app. A sign-in is a family
 * of refresh tokens that follow one another; an old one that is used again revokes the family.
 */
#ifndef DOMAIN_ACCOUNT_H
#define DOMAIN_ACCOUNT_H

#include "domain/tx.h"

struct account {
    int64_t account; /* row number */
    Id id;
    Str company;
    Str email;
    Str role;          /* CLIENT or ADMIN */
    Str password_hash; /* for the caller's verification outside the transaction */
    int64_t created_at;
    int64_t updated_at;
};

/* The rules on the fields, before any hashing. */
Err account_check_new(struct tx *tx, Str company, Str email, Str password) must_check;

/* May an account of that email be made? invitation: .p NULL: none. ERR_REGISTRATION_CLOSED. */
Err account_may_register(struct tx *tx, Str email, Str invitation) must_check;

/* ERR_EMAIL_TAKEN. Always a CLIENT. */
Err account_register(struct tx *tx, Str company, Str email, Str password_hash,
                     struct account *out) must_check;

/* An unknown email gives ERR_OK, account 0 and a hash that nothing matches. */
Err account_for_login(struct tx *tx, Str email, struct account *out) must_check;

/* After the password was verified outside of a transaction: ERR_AUTH_BAD_CREDENTIALS when it has
 * been changed since, or the email has. */
Err account_still(struct tx *tx, const struct account *verified) must_check;

/* A new family and its first refresh token (secret, in tx->arena). Past 100 of an account the
 * oldest ends. */
Err account_open_family(struct tx *tx, int64_t account, Id *family_id,
                        Str *refresh_token) must_check;

/*
 * Rotates: the token is used up and another given. For 10 s the last one that was used gives the
 * same other one again, if that is unused. Any other used one revokes its family and is
 * ERR_AUTH_INVALID_TOKEN (the revocation is committed all the same: *keep is set).
 * bearer: the account of the bearer header, or nil; another account's is ERR_AUTH_INVALID_TOKEN.
 */
Err account_refresh(struct tx *tx, Str refresh_token, Id bearer, struct account *out, Id *family_id,
                    Str *next_token, bool *keep) must_check;

/* The account of a verified management token whose family is live. ERR_AUTH_INVALID_TOKEN. */
Err account_get(struct tx *tx, Id account_id, Id family_id, struct account *out) must_check;

Err account_logout(struct tx *tx, Id family_id) must_check;

struct account_change {
    Str company;       /* .p NULL: unchanged */
    Str email;         /* the same */
    Str password_hash; /* the same; revokes all other families */
};
/* The rules on the fields, before any hashing. new_password: .p NULL: unchanged. */
Err account_check_change(struct tx *tx, const struct account_change *change,
                         Str new_password) must_check;
/* ERR_EMAIL_TAKEN; a's own email in other case is fine. Checks the fields, and leaves in *a what is
 * stored now. */
Err account_update(struct tx *tx, struct account *a, Id family_id,
                   const struct account_change *change) must_check;

#endif
