#include "domain/secret.h"

#include "base/mem.h"
#include "base/random.h"

#include <inttypes.h>
#include <sodium.h>

enum { SECRET_BYTES = 32 };

static void write_text(const unsigned char bytes[SECRET_BYTES], char out[SECRET_TEXT + 1])
{
    sodium_bin2base64(out, SECRET_TEXT + 1, bytes, SECRET_BYTES,
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

static void random_text(char out[SECRET_TEXT + 1])
{
    unsigned char bytes[SECRET_BYTES];
    random_bytes(bytes, sizeof bytes);
    write_text(bytes, out);
}

Str secret_new(struct arena *arena)
{
    char text[SECRET_TEXT + 1];
    random_text(text);
    return arena_str(arena, str_from(text, SECRET_TEXT));
}

Str secret_new_of(int64_t app, struct arena *arena)
{
    must(app > 0);
    char text[SECRET_TEXT + 1];
    random_text(text);
    return arena_fmt(arena, "%" PRIx64 "-%s", (uint64_t)app, text);
}

static bool base64url(Str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '-' || c == '_'))
            return false;
    }
    return true;
}

bool secret_app(Str secret, int64_t *app)
{
    /* The hyphen is looked for by place: base64url has hyphens too. */
    if (secret.n < 1 + 1 + SECRET_TEXT || secret.n > 16 + 1 + SECRET_TEXT)
        return false;
    Str hex = str_from(secret.p, secret.n - SECRET_TEXT - 1);
    if (secret.p[hex.n] != '-' || !base64url(str_skip(secret, hex.n + 1)) || hex.p[0] == '0')
        return false;
    uint64_t value;
    if (!str_hex_to_uint(hex, INT64_MAX, &value))
        return false;
    *app = (int64_t)value;
    return true;
}

Str secret_hash(Str secret, struct arena *arena)
{
    unsigned char *hash = arena_alloc(arena, crypto_hash_sha256_BYTES);
    crypto_hash_sha256(hash, (const unsigned char *)secret.p, secret.n);
    return str_from((const char *)hash, crypto_hash_sha256_BYTES);
}

/* BLAKE2b of the parts, one behind the other. */
static void keyed_hash(const uint8_t key[32], const Str *parts, size_t n, uint8_t *out, size_t size)
{
    crypto_generichash_state state;
    must(crypto_generichash_init(&state, key, 32, size) == 0);
    for (size_t i = 0; i < n; i++)
        must(crypto_generichash_update(&state, (const uint8_t *)parts[i].p, parts[i].n) == 0);
    must(crypto_generichash_final(&state, out, size) == 0);
}

Str secret_derive(const uint8_t key[32], const char *purpose, Str text, struct arena *arena)
{
    const Str parts[] = {str_from(purpose, strlen(purpose) + 1), text};
    unsigned char bytes[SECRET_BYTES];
    char out[SECRET_TEXT + 1];
    keyed_hash(key, parts, countof(parts), bytes, sizeof bytes);
    write_text(bytes, out);
    return arena_str(arena, str_from(out, SECRET_TEXT));
}

void secret_fingerprint(const uint8_t key[32], const Str *parts, size_t n,
                        uint8_t out[SECRET_FINGERPRINT])
{
    keyed_hash(key, parts, n, out, SECRET_FINGERPRINT);
}
