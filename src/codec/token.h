/*
 * Tokens: opaque random ones and their hashes, and our own JWTs (RFC 7519, RFC 8725) in three
 * classes that do not stand in for one another. Each class has its own algorithm, key, header,
 * issuer and audience. The verifier is told the class and compares the token's header with the one
 * text that the class has under our key; it never reads alg or kid. It does not know accounts, app
 * placement, sessions or revocation: what the claims mean is for the caller to check.
 *
 *   class             algorithm  iss               aud             claims
 *   TOKEN_MANAGEMENT  RS256      whisp-management  management      sub account, sid refresh family
 *   TOKEN_API_KEY     RS256      whisp-keys        cluster's name  sub key, app; no exp
 *   TOKEN_USER        HS256      whisp-users       cluster's name  sub user, app, sid session
 *
 * Keys are loaded before the first thread and never changed; signing and verifying then work from
 * any thread at once. Needs random_setup and json_setup.
 */
#ifndef CODEC_TOKEN_H
#define CODEC_TOKEN_H

#include "base/err.h"
#include "base/id.h"
#include "base/str.h"

struct buf;

#define TOKEN_MAX 4096    /* bytes of a JWT; a longer one is not looked at */
#define TOKEN_AUDIENCE 64 /* bytes of an audience, its NUL counted */
#define TOKEN_RANDOM_TEXT 43
#define TOKEN_HASH 32

enum token_class { TOKEN_MANAGEMENT, TOKEN_API_KEY, TOKEN_USER, TOKEN_CLASSES };

struct token_claims {
    enum token_class class;
    Id subject; /* account, key or user */
    Id app;     /* API key and user; else nil */
    Id session; /* user's session, management's refresh family; else nil */
    /* C text, as in the token. The name of a cluster is 1 to 63 bytes and never "management",
     * which token_sign puts itself. */
    char audience[TOKEN_AUDIENCE];
    int64_t issued_at;  /* ms; the token keeps whole seconds */
    int64_t expires_at; /* ms; the token keeps whole seconds; 0: never, only of an API key */
};

/* Of 32 random bytes, in base64url, no NUL. */
void token_random(char out[TOKEN_RANDOM_TEXT]);

/* SHA-256 of a secret that is random itself: what the store keeps of it. */
void token_hash(Str secret, uint8_t out[TOKEN_HASH]);

/* ---- keys: one for each class ---- */

struct token_keys;

/* Owned, without keys: each class needs token_key_generate or token_key_load before its use. */
struct token_keys *token_keys_new(void);

/* A new RSA-2048 pair (takes a while), or 32 random bytes for TOKEN_USER. */
void token_key_generate(struct token_keys *keys, enum token_class class);

/* Takes what token_key_export wrote: an RSA private key in PEM of 2048 to 4096 bits, or 32 bytes
 * raw. False with *why, for the operator: not such a key, or the one of the other class. */
must_check bool token_key_load(struct token_keys *keys, enum token_class class, Str bytes,
                               const char **why);

/* Appends PEM (PKCS #8), or the 32 bytes. It is a secret: files 0600. */
void token_key_export(const struct token_keys *keys, enum token_class class, struct buf *out);

/* Appends the JWK set (RFC 7517) of the public RS256 keys; kid is the thumbprint of RFC 7638. */
void token_keys_jwks(const struct token_keys *keys, struct buf *out);

void token_keys_free(struct token_keys **keys);

/* HMAC-SHA256 under the server's own secret: what the store keeps to compare texts by that may hold
 * a secret too weak for a plain hash. purpose keeps one use apart from another. */
void token_fingerprint(const struct token_keys *keys, const char *purpose, Str text,
                       uint8_t out[TOKEN_HASH]);

/* ---- JWTs ---- */

/* Appends the token, at most TOKEN_MAX bytes. RS256 takes about a millisecond. The claims must be
 * those that the class has. */
void token_sign(const struct token_keys *keys, const struct token_claims *claims, struct buf *out);

/* ERR_OK; ERR_AUTH_EXPIRED_TOKEN when only its time is over at now (ms), with *out filled in all
 * the same for callers to whom that does not matter; ERR_AUTH_INVALID_TOKEN with *out of no use.
 * Unknown claims are tolerated; the audience of API keys and users is the caller's to compare. */
must_check Err token_verify(const struct token_keys *keys, enum token_class class, Str token,
                            int64_t now, struct token_claims *out);

#endif
