#include "base/random.h"

#include "base/mem.h"

#include <sodium.h>

static unsigned char hash_key[crypto_generichash_KEYBYTES];

void random_setup(void)
{
    must(sodium_init() >= 0);
    randombytes_buf(hash_key, sizeof hash_key);
}

/* Each thread draws a stock from the system and gives out of it: most are wanted a few bytes at a
 * time, and each draw is a system call. What was given out is wiped. */
void random_bytes(void *out, size_t n)
{
    static _Thread_local unsigned char stock[512];
    static _Thread_local size_t left;
    if (n > sizeof stock / 8) {
        randombytes_buf(out, n);
        return;
    }
    if (left < n) {
        randombytes_buf(stock, sizeof stock);
        left = sizeof stock;
    }
    left -= n;
    memcpy(out, stock + left, n);
    sodium_memzero(stock + left, n);
}

uint64_t random_u64(void)
{
    uint64_t v;
    random_bytes(&v, sizeof v);
    return v;
}

MapKey random_hash(Str s)
{
    MapKey key;
    must(crypto_generichash((unsigned char *)&key, sizeof key, (const unsigned char *)s.p, s.n,
                            hash_key, sizeof hash_key) == 0);
    return key;
}

bool random_same(Str a, Str b)
{
    return a.n == b.n && sodium_memcmp(a.p, b.p, a.n) == 0;
}
