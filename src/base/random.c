#include "base/random.h"

#include "base/mem.h"

#include <sodium.h>

static unsigned char hash_key[crypto_generichash_KEYBYTES];

void random_setup(void)
{
    must(sodium_init() >= 0);
    randombytes_buf(hash_key, sizeof hash_key);
}

void random_bytes(void *out, size_t n)
{
    randombytes_buf(out, n);
}

uint64_t random_u64(void)
{
    uint64_t v;
    randombytes_buf(&v, sizeof v);
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
