/*
 * Secrets that whoever holds them may use: refresh tokens, tickets, API keys. A new one is 32
 * random bytes as base64url; the store keeps only its SHA-256, which needs no salt and no cost
 * because nobody can guess 256 bits. Look-ups compare hashes, of which an attacker can choose no
 * byte, so that timing tells nothing. Internal to the rules; any thread.
 */
#ifndef DOMAIN_SECRET_H
#define DOMAIN_SECRET_H

#include "base/arena.h"

#define SECRET_TEXT 43

/* 43 characters, in the arena. */
Str secret_new(struct arena *arena);

/* "<app's row number in lower-case hex>-<43 characters>", so that a look-up can lead with the app.
 */
Str secret_new_of(int64_t app, struct arena *arena);

/* The app of such a secret; false unless it is written exactly as secret_new_of does. */
bool secret_app(Str secret, int64_t *app) __attribute__((warn_unused_result));

/* SHA-256, 32 bytes, in the arena. */
Str secret_hash(Str secret, struct arena *arena);

/* 43 characters, in the arena, that follow from the text: a pseudo-random function of it under the
 * server's key, for one purpose. Nobody without the key can say them, or tell them from secret_new.
 */
Str secret_derive(const uint8_t key[32], const char *purpose, Str text, struct arena *arena);

#define SECRET_FINGERPRINT 16

/* A hash of the parts, one behind the other, under the server's key: tells whether a text is the
 * same as one that is not kept. Nobody without the key can guess a short text by it. */
void secret_fingerprint(const uint8_t key[32], const Str *parts, size_t n,
                        uint8_t out[SECRET_FINGERPRINT]);

#endif
