/*
 * Rows of an app's users, of their sign-ins (sessions) and of tickets. A deleted user, and whatever
 * was its, is not found by anything here. Strings come back in the arena given. On the thread of
 * the connection.
 */
#ifndef STORE_USERS_H
#define STORE_USERS_H

#include "store/db.h"

struct users_row {
    int64_t user;
    Id id;
    Str username;
    Str username_key; /* for writing only */
    Str email;
    Str email_key; /* for writing only */
    Str password;
    Str first_name; /* .p NULL: none */
    Str sur_name;
    int64_t created_at;
};

/* Returns the row number, 0 when the name or the email is taken. */
int64_t users_insert(struct db *db, int64_t app, const struct users_row *row);
/* Each false: there is none. */
bool users_find(struct db *db, int64_t app, int64_t user, struct arena *arena,
                struct users_row *out);
bool users_by_name(struct db *db, int64_t app, Str username_key, struct arena *arena,
                   struct users_row *out);
/* False: there is none. */
bool users_rename(struct db *db, int64_t app, int64_t user, Str username, Str username_key);
/* Deletes it logically and puts it down for removal. False: it was gone. */
bool users_end(struct db *db, int64_t app, int64_t user, int64_t now);

/* Who a token speaks of. Ids and row numbers are the app's, the user's and the sign-in's. */
struct users_actor {
    int64_t app;
    Id app_id;
    int64_t user; /* 0: there is none */
    Id user_id;
    int64_t session; /* 0: revoked, expired or gone */
    Id session_id;
    bool suspended; /* the app */
    Str tier;       /* of the app; only from users_read_ticket */
};

/* Takes app_id, user_id and session_id and finds the rest. False: no such app. */
bool users_find_actor(struct db *db, int64_t now, struct users_actor *actor);

struct users_session {
    int64_t session;
    Id id;
    int64_t user;
    int64_t expires_at;
};

void users_add_session(struct db *db, int64_t app, const struct users_session *session,
                       Str refresh_hash, int64_t now);
/* A live one, by its refresh token. False: there is none. */
bool users_find_session(struct db *db, int64_t app, Str refresh_hash, int64_t now,
                        struct users_session *out);
/* Moves its expiry. */
void users_slide_session(struct db *db, int64_t app, const struct users_session *session,
                         int64_t now);
/* Revokes one, or all of a user. */
void users_end_session(struct db *db, int64_t app, int64_t session, int64_t now);
void users_end_sessions(struct db *db, int64_t app, int64_t user, int64_t now);
enum { USERS_AT_ONCE = 16 }; /* sign-ins that one call forgets */
/* Forgets the oldest of a user when there are more than kept; puts those that were live into live
 * and returns how many. */
size_t users_forget_sessions(struct db *db, int64_t app, int64_t user, int64_t kept, int64_t now,
                             int64_t live[USERS_AT_ONCE]);
/* Not revoked, not expired, and its user is there. */
bool users_session_live(struct db *db, int64_t app, int64_t user, int64_t session, int64_t now);

struct users_ticket {
    int64_t user;
    int64_t session;
    int64_t expires_at;
};

void users_add_ticket(struct db *db, int64_t app, const struct users_ticket *ticket, Str hash);
/* False: unknown, spent or expired. */
bool users_spend_ticket(struct db *db, int64_t app, Str hash, int64_t now);
/* A SockJS opening takes the place of earlier ones that were not claimed; returns its number: 1, 2
 * and so on; 0: unknown, spent or expired. */
int64_t users_open_ticket(struct db *db, int64_t app, Str hash, int64_t now);
/* The latest opening's claim spends the ticket. False: it is another's, or spent. */
bool users_claim_ticket(struct db *db, int64_t app, Str hash, int64_t opening, int64_t now);
/* Whose it is, while that user and sign-in are live. */
bool users_read_ticket(struct db *db, int64_t app, Str hash, int64_t now, struct arena *arena,
                       struct users_actor *out);

#endif
