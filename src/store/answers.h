/*
 * The first answers to requests with an Idempotency-Key, kept a day (removed by the sweep). Never
 * of a request whose answer holds a secret.
 */
#ifndef STORE_ANSWERS_H
#define STORE_ANSWERS_H

#include "store/db.h"

enum answers_act { ANSWERS_FIND, ANSWERS_PUT };

struct answers_key {
    int64_t app;
    int64_t owner; /* user, or account when app is 0 */
    Str key;
    uint8_t body_hash[32]; /* keyed: a body may hold a password */
};

struct answers_row {
    int64_t status;
    Str headers;
    Str body;
    int64_t about; /* the user whom it speaks of, if that is not the owner; 0: none */
};

/* False when there is none. *same: the hashes are equal. Texts in the arena. */
bool answers_find(struct db *db, const struct answers_key *key, struct arena *arena,
                  struct answers_row *out, bool *same) must_check;

void answers_put(struct db *db, const struct answers_key *key, const struct answers_row *row,
                 int64_t now);

/* Those that speak of the user: gone at once. */
void answers_forget(struct db *db, int64_t app, int64_t user);

#endif
