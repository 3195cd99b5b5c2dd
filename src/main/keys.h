/*
 * The signing keys in the data directory: DATA/keys, readable by the owner only. Made on the first
 * start, read on every later one.
 */
#ifndef MAIN_KEYS_H
#define MAIN_KEYS_H

#include "base/err.h"
#include "codec/token.h"

/* Of a key file that is not there. */
enum keys_missing {
    KEYS_MAKE,   /* a new server, or its operator's wish */
    KEYS_REFUSE, /* what the lost key has signed is still in use */
};

/* *out owned. *why says which file and what is wrong with it. */
Err keys_open(const char *data, enum keys_missing missing, struct token_keys **out,
              const char **why) must_check;

/* The key of the rules (rules.fingerprint_key), which follows from the signing keys. */
void keys_fingerprint(const struct token_keys *keys, uint8_t out[TOKEN_HASH]);

/* True when there is any of the keys. */
bool keys_present(const char *data);

#endif
