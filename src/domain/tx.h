/*
 * struct tx: what every rule runs in: one transaction, its time, and where results and events go.
 * The rules of this layer take plain structs, never see a socket, a loop or JSON text, and return
 * an Err; with tx_fail they also leave a sentence that says what to change. Made by whoever runs
 * the transaction; a rule must not begin, commit or roll back. On a store worker's thread.
 */
#ifndef DOMAIN_TX_H
#define DOMAIN_TX_H

#include "base/arena.h"
#include "base/err.h"
#include "base/id.h"
#include "domain/event.h"
#include "store/db.h"

/* Who may register an account: everyone, or who is invited (invitation.h). */
enum rules_registration { REGISTRATION_OPEN, REGISTRATION_CLOSED };

/* The options that the rules obey; see main/config for their defaults. Times are milliseconds. */
struct rules {
    int64_t message_length; /* code points */
    int64_t chat_members;   /* members of one chat */
    int64_t user_chats;     /* chats that a user is in */
    int64_t unread_most;    /* unread messages of a chat that a list of chats counts */
    enum rules_registration registration;
    Str account_tiers;         /* tiers that an account may give its apps, with commas */
    int64_t demo_apps;         /* demo apps of an account */
    int64_t account_apps;      /* apps of an account, of all tiers */
    int64_t app_keys;          /* active keys of an app */
    int64_t user_logins;       /* of a user: the oldest end */
    int64_t user_token_ttl;    /* of a user's JWT */
    int64_t refresh_ttl;       /* of a user's refresh token, sliding */
    int64_t ticket_ttl;        /* of a ticket for a realtime session */
    int64_t account_token_ttl; /* of a management access token */
    int64_t account_refresh_ttl;
    int64_t log_retention;
    int64_t usage_retention;
    int64_t audit_retention;
    int64_t replay_events;       /* that one who was away is sent; more must be fetched */
    int64_t client_id_ttl;       /* how long a clientMessageId makes a retry harmless */
    uint8_t fingerprint_key[32]; /* of the hashes of texts; see secret_fingerprint */
    int64_t cluster;             /* row number of this server's own cluster */
    Str decoy_hash; /* argon2id of a password that no one knows, at the cost of all others */
};

struct chat_counts;

struct tx {
    struct db *db;
    int64_t now;                /* milliseconds since the epoch */
    struct arena *arena;        /* of the job: results live in it */
    struct event_list *events;  /* what to publish once it is committed; NULL in a read */
    struct chat_counts *counts; /* the writer's, see chat_counts.h; may be NULL */
    const struct rules *rules;
    Str why; /* a sentence for the client when a rule refuses; empty: the default of its Err */
};

/* Returns e, with tx->why set; the format makes one plain sentence that says what to change. */
Err tx_fail(struct tx *tx, Err e, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* What a rule returns at its end: e, or ERR_INTERNAL when a statement has failed, for then a row
 * that was not found proves nothing. */
Err tx_done(const struct tx *tx, Err e);

/* A user of an app, as established by a token in this or an earlier transaction. */
struct actor {
    int64_t app;
    int64_t user;
    int64_t session; /* row number of the sign-in */
    Id user_id;
};

#endif
