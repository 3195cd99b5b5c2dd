/*
 * The users of an app. Usernames: 1..64 code points, NFC, no control, format, zero-width or bidi
 * characters, no outer white space; unique within the app without regard to ASCII case, and so are
 * emails. Password hashes come in ready-made: hashing never happens inside a transaction.
 */
#ifndef DOMAIN_USER_H
#define DOMAIN_USER_H

#include "domain/tx.h"

struct user_new {
    Str username;
    Str email;
    Str password_hash;
    Str first_name; /* empty: none */
    Str sur_name;
};

struct user_profile {
    int64_t user;
    Id id;
    Str username;
    Str email;
    Str first_name; /* .p NULL: none */
    Str sur_name;
};

/* The rules on the fields, before any hashing; needs no database. password: 8..128 code points. */
Err user_check_new(struct tx *tx, const struct user_new *u, Str password) must_check;

Err user_register(struct tx *tx, int64_t app, const struct user_new *u,
                  struct user_profile *out) must_check;

/* An unknown name gives ERR_OK with profile.user 0 and a password hash that nothing matches, so
 * that a sign-in does the same work for it as for a wrong password. */
Err user_for_signin(struct tx *tx, int64_t app, Str username, struct user_profile *out,
                    Str *password_hash) must_check;

Err user_get(struct tx *tx, const struct actor *a, struct user_profile *out) must_check;
Err user_rename(struct tx *tx, const struct actor *a, Str username) must_check;

/* The user, tokens, memberships, messages and reactions are gone at once for every query; rows go
 * in small jobs. The members of the user's chats get USER_LEAVE. */
Err user_delete(struct tx *tx, const struct actor *a) must_check;

#endif
