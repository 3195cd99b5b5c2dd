/*
 * Apps (tenants), their API keys, their cluster and their usage, as their owner manages them. Every
 * function takes the owner's account: another account's app is ERR_APP_NOT_FOUND.
 */
#ifndef DOMAIN_APP_H
#define DOMAIN_APP_H

#include "base/buf.h"
#include "domain/tx.h"

struct app {
    int64_t app; /* row number */
    Id id;
    Id client_id; /* the account's id */
    Str name;
    Str status; /* ACTIVE, SUSPENDED */
    Str tier;   /* DEMO, MULTI_TENANT, DEDICATED */
    Id cluster_id;
    Str cluster_name;
    Str cluster_endpoint;
    Str cluster_status;
    int64_t created_at;
    int64_t updated_at;
};

bool app_tier_known(Str tier);

/* Writes this server's own cluster down at start, under its name. *out is its row number. */
Err app_cluster_ensure(struct tx *tx, Str name, Str endpoint, Str tiers, int64_t *out) must_check;

/* Oldest first: at most limit of those after that one (nil: from the first). ERR_INVALID_FIELD
 * when the account never had it. */
Err app_list(struct tx *tx, int64_t account, Id after, int64_t limit, struct app **out, size_t *n,
             bool *more) must_check;
/* ERR_DEMO_APP_LIMIT past rules->demo_apps, ERR_APP_LIMIT past rules->account_apps. name: 1..128
 * code points. */
Err app_create(struct tx *tx, int64_t account, Str name, struct app *out) must_check;
Err app_get(struct tx *tx, int64_t account, Id id, struct app *out) must_check;
/* name or status with .p NULL: unchanged. Suspending closes the app's sessions (EVENT_APP_CLOSED).
 */
Err app_update(struct tx *tx, int64_t account, Id id, Str name, Str status,
               struct app *out) must_check;
/* ERR_NO_CLUSTER_FOR_TIER; ERR_TIER_NOT_ALLOWED when rules->account_tiers does not have it; down to
 * DEMO only within the limit of demo apps. */
Err app_set_tier(struct tx *tx, int64_t account, Id id, Str tier, struct app *out) must_check;
/* Gone at once; rows go in small jobs. EVENT_APP_CLOSED. */
Err app_delete(struct tx *tx, int64_t account, Id id) must_check;

struct app_key {
    Id id;
    Str prefix;
    Str audience;
    Str tier;
    bool active;
    int64_t created_at;
    int64_t used_at;    /* 0: never */
    int64_t revoked_at; /* 0: not */
};

/* Oldest first: the active ones, and those revoked last. */
Err app_keys(struct tx *tx, int64_t account, Id id, struct app_key **out, size_t *n) must_check;

/* Signs the key's text: called inside the transaction with the key's id, the app's and the
 * audience. Appends to out. */
typedef Err app_key_signer(void *context, Id key_id, Id app_id, Str audience, int64_t now,
                           struct buf *out);

/* *token is the key's text, shown once, in tx->arena. ERR_API_KEY_LIMIT, ERR_APP_SUSPENDED. */
Err app_key_create(struct tx *tx, int64_t account, Id id, app_key_signer *sign, void *context,
                   struct app_key *out, Str *token) must_check;
/* ERR_KEY_NOT_FOUND. Revoking a revoked key is ERR_OK. */
Err app_key_revoke(struct tx *tx, int64_t account, Id id, Id key_id) must_check;
/* A new key; the old one (must be active, else ERR_KEY_NOT_FOUND) is revoked in the same
 * transaction. */
Err app_key_rotate(struct tx *tx, int64_t account, Id id, Id key_id, app_key_signer *sign,
                   void *context, struct app_key *out, Str *token) must_check;

struct app_usage {
    int64_t day; /* days since the epoch */
    int64_t messages;
    int64_t peak_users;
    int64_t active_users;
    int64_t api_calls;
    int64_t connection_minutes;
};

/* Per-day rows with anything in them, from <= day <= to, oldest first, all nodes summed. */
Err app_usage(struct tx *tx, int64_t account, Id id, int64_t from, int64_t to,
              struct app_usage **out, size_t *n) must_check;

/* Adds what a node counted since its last flush. peak is the day's so far. */
struct app_usage_delta {
    int64_t app;
    int64_t api_calls;
    int64_t peak_users;
    int64_t connection_seconds;
};
Err app_usage_add(struct tx *tx, Str node, const struct app_usage_delta *deltas,
                  size_t n) must_check;

#endif
