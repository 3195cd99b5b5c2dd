/*
 * Randomness and keyed hashing, from libsodium. random_setup once before any thread. Any thread.
 */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include "base/map.h"
#include "base/str.h"

void random_setup(void);

/* Cryptographically strong. */
void random_bytes(void *out, size_t n);

uint64_t random_u64(void);

/* A map key of any bytes, by BLAKE2b with a key of this process: no one can aim for collisions. */
MapKey random_hash(Str s);

/* Equal, in time that depends on the length only. */
bool random_same(Str a, Str b);

#endif
