/*
 * Rows of clusters, apps and API keys. An app is found by its owner's account and its id, or, for a
 * key, by its id alone; a deleted app is not found by anything here. Strings come back in the arena
 * given. On the thread of the connection.
 */
#ifndef STORE_APPS_H
#define STORE_APPS_H

#include "store/db.h"

struct apps_cluster {
    int64_t cluster;
    Id id;
    Str name;
    Str endpoint;
    Str tiers; /* comma list */
    Str status;
};

/* Adds it, or sets endpoint and tiers of the one of that name. Returns the row number. */
int64_t apps_put_cluster(struct db *db, const struct apps_cluster *cluster, int64_t now);
/* All of them, oldest first. */
struct db_rows *apps_clusters(struct db *db);
/* Strings are borrowed until the next call. */
bool apps_clusters_next(struct db_rows *rows, struct apps_cluster *out);

struct apps_row {
    int64_t app;
    Id id;
    int64_t account;
    Id account_id;
    Str name;
    Str status;
    Str tier;
    struct apps_cluster cluster; /* without its tiers */
    int64_t created_at;
    int64_t updated_at;
};

/* Of an account, oldest first: at most limit of those above that row number. */
struct db_rows *apps_of_account(struct db *db, int64_t account, int64_t after, int64_t limit);
/* The row number of an app that the account has, or had until lately; 0: there is none. */
int64_t apps_place(struct db *db, int64_t account, Id id);
bool apps_next(struct db_rows *rows, struct arena *arena, struct apps_row *out);
bool apps_find(struct db *db, int64_t account, Id id, struct arena *arena, struct apps_row *out);
/* The same, and no one else changes the app or its keys before this transaction ends. */
bool apps_lock(struct db *db, int64_t account, Id id, struct arena *arena, struct apps_row *out);
int64_t apps_count(struct db *db, int64_t account, Str tier);
int64_t apps_count_all(struct db *db, int64_t account);

/* Reads id, account, name, status, tier, cluster.cluster and created_at. Returns the row number. */
int64_t apps_insert(struct db *db, const struct apps_row *row);
/* Writes name, status, tier, cluster.cluster and updated_at. */
void apps_update(struct db *db, const struct apps_row *row);
/* Notes that the app has lived on the cluster; again is fine. */
void apps_settle(struct db *db, int64_t app, int64_t cluster);
/* Deletes it logically and puts it down for removal. */
void apps_end(struct db *db, int64_t app, int64_t now);

/* By row number; false: there is none. */
bool apps_standing(struct db *db, int64_t app, struct arena *arena, Str *status, Str *tier);

struct apps_key {
    int64_t key;
    Id id;
    Str prefix;
    Str audience;
    int64_t created_at;
    int64_t used_at;    /* 0: never */
    int64_t revoked_at; /* 0: not */
};

/* Of an app, oldest first: at most that many active ones and that many revoked last. */
struct db_rows *apps_keys(struct db *db, int64_t app, int64_t active, int64_t revoked);
bool apps_keys_next(struct db_rows *rows, struct arena *arena, struct apps_key *out);
bool apps_find_key(struct db *db, int64_t app, Id id, struct arena *arena, struct apps_key *out);
int64_t apps_count_keys(struct db *db, int64_t app);
void apps_add_key(struct db *db, int64_t app, const struct apps_key *key, Str hash, Str tier);
void apps_revoke_key(struct db *db, int64_t app, int64_t key, int64_t now);
/* Forgets revoked keys besides those revoked last, at most limit at once. */
void apps_forget_keys(struct db *db, int64_t app, int64_t kept, int64_t limit);

/* What a key that was shown is checked against. */
struct apps_known_key {
    int64_t app;
    int64_t key;
    bool suspended;     /* the app */
    int64_t cluster;    /* the app's present one */
    bool lived;         /* the app has lived on the cluster that the audience names */
    int64_t used_at;    /* 0: never */
    int64_t revoked_at; /* 0: not */
};

/* False: no such app, no such key of it, or another hash. */
bool apps_know_key(struct db *db, Id app, Id key, Str hash, Str audience,
                   struct apps_known_key *out);
void apps_note_key(struct db *db, int64_t app, int64_t key, int64_t now);

#endif
