/*
 * Rows of dashboard accounts, of their sign-ins (families of refresh tokens) and of the audit
 * table. These belong to no app; accounts are looked up by email, the rest by secrets or by the
 * account. Strings come back in the arena given. On the thread of the connection.
 */
#ifndef STORE_ACCOUNTS_H
#define STORE_ACCOUNTS_H

#include "store/db.h"

enum {
    ACCOUNTS_AT_ONCE = 100, /* rows that one call forgets */
    ACCOUNTS_AUDIT = 10000, /* audit rows of an account; past them the oldest go */
};

struct accounts_row {
    int64_t account;
    Id id;
    Str company;
    Str email;
    Str email_key; /* for writing only */
    Str password;
    Str role;
    int64_t created_at;
    int64_t updated_at;
};

/* Returns the row number, 0 when the email is taken. */
int64_t accounts_insert(struct db *db, const struct accounts_row *row);
/* Writes updated_at, and company, email, email_key and password as far as their .p is set. */
void accounts_update(struct db *db, const struct accounts_row *row);

/* Each false: there is none. */
bool accounts_by_email(struct db *db, Str email_key, struct arena *arena, struct accounts_row *out);
/* The account, while the family is its own and live. */
bool accounts_of_family(struct db *db, Id account, Id family, int64_t now, struct arena *arena,
                        struct accounts_row *out);

/* No other transaction holds the account's lock before this one ends. */
void accounts_lock(struct db *db, int64_t account);

int64_t accounts_add_family(struct db *db, int64_t account, Id id, int64_t now, int64_t expires_at);
void accounts_extend_family(struct db *db, int64_t family, int64_t expires_at);
void accounts_end_family(struct db *db, Id family, int64_t now);
/* All of the account but one. */
void accounts_end_families(struct db *db, int64_t account, Id but, int64_t now);

/* All of the account but the newest. */
void accounts_end_oldest(struct db *db, int64_t account, int64_t kept, int64_t now);

struct accounts_token {
    int64_t family;
    Id family_id;
    bool used;
    int64_t used_at; /* when used */
    bool live;       /* the family is neither revoked nor expired */
    struct accounts_row account;
};

void accounts_add_token(struct db *db, int64_t family, Str hash, int64_t now);
bool accounts_find_token(struct db *db, Str hash, int64_t now, struct arena *arena,
                         struct accounts_token *out);
/* False: it was used before. */
bool accounts_use_token(struct db *db, Str hash, int64_t now);
/* Forgets those of the family that were used up before then, and the oldest when more than that
 * many are kept. */
void accounts_forget_tokens(struct db *db, int64_t family, int64_t before, int64_t kept);

/* Who did what to which app. subject: the id of the app or the key. */
void accounts_audit(struct db *db, int64_t account, int64_t app, Str action, Id subject,
                    int64_t now);

#endif
