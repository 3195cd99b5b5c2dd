/*
 * About what a JWT library does, less everything that has gone wrong in them: there is no choice of
 * algorithm, key or header to be made from the token's own words. What a class demands is one row
 * of a table; the header is one text, made when the key is loaded and compared as a whole, so alg
 * "none", an HS256 token signed with a public key and a token of another class all fail alike
 * before any cryptography.
 *
 * The RS256 headers hold the key's kid, so that others can find it in the JWK set. RSA is
 * OpenSSL's. HMAC and SHA-256 are libsodium's: its keyed state is a plain value, copied for each
 * token, as fast as OpenSSL's for texts this short, and nothing is allocated.
 */
#include "codec/token.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/random.h"
#include "codec/base64url.h"
#include "codec/json.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <sodium.h>

#define RSA_MIN_BITS 2048
#define RSA_MAX_BITS 4096
#define RSA_MAX_BYTES (RSA_MAX_BITS / 8)
#define PEM_MAX 16384 /* a 4096-bit key has 3,300 bytes */
#define SECRET 32
#define KID_TEXT BASE64URL_TEXT(TOKEN_HASH)
#define HEADER_MAX 160
#define SECOND 1000
#define LAST_SECOND INT64_C(253402300799) /* of the year 9999 */
#define RESERVED_AUDIENCE S("management")

/* What a class demands beside sub and iat. */
static const struct rules {
    const char *algorithm;
    const char *type;
    const char *issuer;
    enum { CLAIM_NEVER, CLAIM_MAY, CLAIM_MUST } app, session, expiry, cluster;
} rules[TOKEN_CLASSES] = {
    [TOKEN_MANAGEMENT] = {"RS256", "mgmt+jwt", "whisp-management", CLAIM_NEVER, CLAIM_MUST,
                          CLAIM_MUST, CLAIM_NEVER},
    [TOKEN_API_KEY] = {"RS256", "key+jwt", "whisp-keys", CLAIM_MUST, CLAIM_NEVER, CLAIM_MAY,
                       CLAIM_MUST},
    [TOKEN_USER] = {"HS256", "user+jwt", "whisp-users", CLAIM_MUST, CLAIM_MUST, CLAIM_MUST,
                    CLAIM_MUST},
};

struct token_keys {
    EVP_PKEY *pairs[TOKEN_CLASSES]; /* owned; of the RS256 classes */
    char kids[TOKEN_CLASSES][KID_TEXT];
    crypto_auth_hmacsha256_state mac; /* keyed, not fed */
    uint8_t secret[SECRET];
    char headers[TOKEN_CLASSES][HEADER_MAX]; /* as in a token */
    size_t header_sizes[TOKEN_CLASSES];      /* 0 until the class has its key */
};

void token_random(char out[TOKEN_RANDOM_TEXT])
{
    uint8_t bytes[32];
    random_bytes(bytes, sizeof bytes);
    base64url_write(out, str_from((char *)bytes, sizeof bytes));
    sodium_memzero(bytes, sizeof bytes);
}

void token_hash(Str secret, uint8_t out[TOKEN_HASH])
{
    must(crypto_hash_sha256(out, (const uint8_t *)secret.p, secret.n) == 0);
}

/* ---- keys ---- */

struct token_keys *token_keys_new(void)
{
    return mem_alloc(sizeof(struct token_keys));
}

static void field_number(struct json_writer *w, const char *name, const EVP_PKEY *pair,
                         const char *which)
{
    uint8_t bytes[RSA_MAX_BYTES];
    char text[BASE64URL_TEXT(RSA_MAX_BYTES)];
    BIGNUM *number = NULL;
    must(EVP_PKEY_get_bn_param(pair, which, &number));
    size_t n = (size_t)BN_num_bytes(number);
    must(n <= sizeof bytes && BN_bn2bin(number, bytes) == (int)n);
    BN_free(number);
    base64url_write(text, str_from((char *)bytes, n));
    json_field_string(w, name, str_from(text, BASE64URL_TEXT(n)));
}

/* RFC 7638 section 3: SHA-256 of the members that a key must have, in the order of their names. */
static void thumbprint(const EVP_PKEY *pair, char out[KID_TEXT])
{
    uint8_t hash[TOKEN_HASH];
    struct buf text = BUF(2048);
    struct json_writer w = {.out = &text};
    json_object_begin(&w);
    field_number(&w, "e", pair, OSSL_PKEY_PARAM_RSA_E);
    json_field_string(&w, "kty", S("RSA"));
    field_number(&w, "n", pair, OSSL_PKEY_PARAM_RSA_N);
    json_object_end(&w);
    must(!text.overflow);
    token_hash(buf_str(&text), hash);
    base64url_write(out, str_from((char *)hash, sizeof hash));
    buf_free(&text);
}

static void set_header(struct token_keys *keys, enum token_class class)
{
    struct buf text = BUF(HEADER_MAX);
    struct json_writer w = {.out = &text};
    json_object_begin(&w);
    json_field_string(&w, "alg", str_of(rules[class].algorithm));
    json_field_string(&w, "typ", str_of(rules[class].type));
    if (keys->pairs[class])
        json_field_string(&w, "kid", str_from(keys->kids[class], KID_TEXT));
    json_object_end(&w);
    size_t n = BASE64URL_TEXT(text.n);
    must(!text.overflow && n <= HEADER_MAX);
    base64url_write(keys->headers[class], buf_str(&text));
    keys->header_sizes[class] = n;
    buf_free(&text);
}

static void set_pair(struct token_keys *keys, enum token_class class, EVP_PKEY *pair)
{
    EVP_PKEY_free(keys->pairs[class]);
    keys->pairs[class] = pair;
    thumbprint(pair, keys->kids[class]);
    set_header(keys, class);
}

static void set_secret(struct token_keys *keys, const uint8_t secret[SECRET])
{
    memcpy(keys->secret, secret, SECRET);
    must(crypto_auth_hmacsha256_init(&keys->mac, secret, SECRET) == 0);
    set_header(keys, TOKEN_USER);
}

void token_key_generate(struct token_keys *keys, enum token_class class)
{
    if (class == TOKEN_USER) {
        uint8_t secret[SECRET];
        random_bytes(secret, sizeof secret);
        set_secret(keys, secret);
        sodium_memzero(secret, sizeof secret);
        return;
    }
    EVP_PKEY *pair = EVP_RSA_gen(RSA_MIN_BITS);
    must(pair);
    set_pair(keys, class, pair);
}

/* For encrypted PEM: refuses, where OpenSSL would ask at the terminal. */
static int no_password(char *to, int size, int writing, void *context)
{
    (void)to, (void)size, (void)writing, (void)context;
    return -1;
}

static EVP_PKEY *read_pair(Str pem)
{
    if (pem.n == 0 || pem.n > PEM_MAX)
        return NULL;
    BIO *in = BIO_new_mem_buf(pem.p, (int)pem.n);
    must(in);
    EVP_PKEY *pair = PEM_read_bio_PrivateKey(in, NULL, no_password, NULL);
    BIO_free(in);
    ERR_clear_error(); /* what is left there would be taken for an error of TLS */
    return pair;
}

static const char *wrong_with(const struct token_keys *keys, enum token_class class,
                              const EVP_PKEY *pair)
{
    if (!pair)
        return "not an unencrypted private key in PEM";
    if (!EVP_PKEY_is_a(pair, "RSA"))
        return "not an RSA key";
    int bits = EVP_PKEY_get_bits(pair);
    if (bits < RSA_MIN_BITS || bits > RSA_MAX_BITS)
        return "an RSA key must have 2048 to 4096 bits";
    for (int i = 0; i < TOKEN_CLASSES; i++)
        if (i != (int)class && keys->pairs[i] && EVP_PKEY_eq(keys->pairs[i], pair) == 1)
            return "the same key is used for another class of tokens";
    return NULL;
}

bool token_key_load(struct token_keys *keys, enum token_class class, Str bytes, const char **why)
{
    if (class == TOKEN_USER) {
        if (bytes.n != SECRET) {
            *why = "the secret must have exactly 32 bytes";
            return false;
        }
        set_secret(keys, (const uint8_t *)bytes.p);
        return true;
    }
    EVP_PKEY *pair = read_pair(bytes);
    const char *wrong = wrong_with(keys, class, pair);
    if (wrong) {
        *why = wrong;
        EVP_PKEY_free(pair);
        return false;
    }
    set_pair(keys, class, pair);
    return true;
}

void token_key_export(const struct token_keys *keys, enum token_class class, struct buf *out)
{
    must(keys->header_sizes[class]);
    if (class == TOKEN_USER) {
        buf_add(out, str_from((const char *)keys->secret, SECRET));
        return;
    }
    BIO *text = BIO_new(BIO_s_secmem());
    must(text &&
         PEM_write_bio_PKCS8PrivateKey(text, keys->pairs[class], NULL, NULL, 0, NULL, NULL));
    char *p;
    long n = BIO_get_mem_data(text, &p);
    must(n > 0);
    buf_add(out, str_from(p, (size_t)n));
    BIO_free(text);
}

void token_keys_jwks(const struct token_keys *keys, struct buf *out)
{
    struct json_writer w = {.out = out};
    json_object_begin(&w);
    json_field_array(&w, "keys");
    for (int i = 0; i < TOKEN_CLASSES; i++) {
        if (!keys->pairs[i])
            continue;
        json_object_begin(&w);
        json_field_string(&w, "kty", S("RSA"));
        json_field_string(&w, "use", S("sig"));
        json_field_string(&w, "alg", str_of(rules[i].algorithm));
        json_field_string(&w, "kid", str_from(keys->kids[i], KID_TEXT));
        field_number(&w, "n", keys->pairs[i], OSSL_PKEY_PARAM_RSA_N);
        field_number(&w, "e", keys->pairs[i], OSSL_PKEY_PARAM_RSA_E);
        json_object_end(&w);
    }
    json_array_end(&w);
    json_object_end(&w);
}

void token_keys_free(struct token_keys **keys)
{
    if (!*keys)
        return;
    for (int i = 0; i < TOKEN_CLASSES; i++)
        EVP_PKEY_free((*keys)->pairs[i]);
    sodium_memzero(*keys, sizeof **keys);
    mem_free(*keys);
    *keys = NULL;
}

/* ---- signatures, of the text up to the second dot ---- */

static void mac(const struct token_keys *keys, Str text, uint8_t out[SECRET])
{
    crypto_auth_hmacsha256_state state = keys->mac;
    must(crypto_auth_hmacsha256_update(&state, (const uint8_t *)text.p, text.n) == 0);
    must(crypto_auth_hmacsha256_final(&state, out) == 0);
}

void token_fingerprint(const struct token_keys *keys, const char *purpose, Str text,
                       uint8_t out[TOKEN_HASH])
{
    _Static_assert(TOKEN_HASH == SECRET, "a MAC is as long as a hash");
    crypto_auth_hmacsha256_state state = keys->mac;
    /* The NUL ends the purpose; what a JWT signs has none. */
    must(crypto_auth_hmacsha256_update(&state, (const uint8_t *)purpose, strlen(purpose) + 1) == 0);
    must(crypto_auth_hmacsha256_update(&state, (const uint8_t *)text.p, text.n) == 0);
    must(crypto_auth_hmacsha256_final(&state, out) == 0);
}

/* Returns the signature's size. */
static size_t make_signature(const struct token_keys *keys, enum token_class class, Str text,
                             uint8_t out[RSA_MAX_BYTES])
{
    if (class == TOKEN_USER) {
        mac(keys, text, out);
        return SECRET;
    }
    size_t n = RSA_MAX_BYTES;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    must(ctx && EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, keys->pairs[class]) == 1);
    must(EVP_DigestSign(ctx, out, &n, (const uint8_t *)text.p, text.n) == 1);
    EVP_MD_CTX_free(ctx);
    return n;
}

static bool signature_valid(const struct token_keys *keys, enum token_class class, Str text,
                            Str signature)
{
    if (class == TOKEN_USER) {
        uint8_t right[SECRET];
        mac(keys, text, right);
        return random_same(signature, str_from((char *)right, sizeof right));
    }
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    must(ctx && EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, keys->pairs[class]) == 1);
    bool valid = EVP_DigestVerify(ctx, (const uint8_t *)signature.p, signature.n,
                                  (const uint8_t *)text.p, text.n) == 1;
    EVP_MD_CTX_free(ctx);
    if (!valid)
        ERR_clear_error(); /* what is left there would be taken for an error of TLS */
    return valid;
}

/* ---- JWTs ---- */

static void write_claims(const struct token_claims *claims, struct buf *out)
{
    const struct rules *rule = &rules[claims->class];
    struct json_writer w = {.out = out};
    json_object_begin(&w);
    json_field_string(&w, "iss", str_of(rule->issuer));
    json_field_string(&w, "aud", rule->cluster ? str_of(claims->audience) : RESERVED_AUDIENCE);
    json_field_id(&w, "sub", claims->subject);
    if (rule->app)
        json_field_id(&w, "app", claims->app);
    if (rule->session)
        json_field_id(&w, "sid", claims->session);
    json_field_int(&w, "iat", claims->issued_at / SECOND);
    if (claims->expires_at)
        json_field_int(&w, "exp", claims->expires_at / SECOND);
    json_object_end(&w);
}

void token_sign(const struct token_keys *keys, const struct token_claims *claims, struct buf *out)
{
    enum token_class class = claims->class;
    const struct rules *rule = &rules[class];
    Str audience = str_from(claims->audience, strnlen(claims->audience, TOKEN_AUDIENCE));
    must(keys->header_sizes[class]);
    must(!rule->cluster ||
         (audience.n && audience.n < TOKEN_AUDIENCE && !str_eq(audience, RESERVED_AUDIENCE)));
    must(rule->expiry != CLAIM_MUST || claims->expires_at);

    struct buf payload = BUF(2048);
    write_claims(claims, &payload);
    must(!payload.overflow);
    size_t start = out->n;
    buf_add(out, str_from(keys->headers[class], keys->header_sizes[class]));
    buf_byte(out, '.');
    base64url_encode(out, buf_str(&payload));
    buf_free(&payload);
    if (out->overflow)
        return;
    uint8_t signature[RSA_MAX_BYTES];
    size_t n = make_signature(keys, class, str_skip(buf_str(out), start), signature);
    buf_byte(out, '.');
    base64url_encode(out, str_from((char *)signature, n));
}

static bool read_id(const struct json_value *payload, const char *name, bool wanted, Id *out)
{
    Str text;
    return !wanted || (json_get_string(payload, name, &text) == JSON_FOUND && id_parse(text, out));
}

/* In seconds there, in milliseconds here. */
static enum json_found read_time(const struct json_value *payload, const char *name, int64_t *out)
{
    int64_t seconds;
    enum json_found is = json_get_int(payload, name, &seconds);
    if (is != JSON_FOUND)
        return is;
    if (seconds < 1 || seconds > LAST_SECOND)
        return JSON_WRONG_TYPE;
    *out = seconds * SECOND;
    return JSON_FOUND;
}

static bool read_audience(const struct json_value *payload, const struct rules *rule,
                          char out[TOKEN_AUDIENCE])
{
    Str audience;
    if (json_get_string(payload, "aud", &audience) != JSON_FOUND || audience.n == 0 ||
        audience.n >= TOKEN_AUDIENCE)
        return false;
    memcpy(out, audience.p, audience.n);
    return str_eq(audience, RESERVED_AUDIENCE) == !rule->cluster;
}

static bool read_claims(const struct json_value *payload, struct token_claims *out)
{
    const struct rules *rule = &rules[out->class];
    Str issuer;
    if (json_get_string(payload, "iss", &issuer) != JSON_FOUND ||
        !str_eq(issuer, str_of(rule->issuer)) || !read_audience(payload, rule, out->audience) ||
        !read_id(payload, "sub", true, &out->subject) ||
        !read_id(payload, "app", rule->app == CLAIM_MUST, &out->app) ||
        !read_id(payload, "sid", rule->session == CLAIM_MUST, &out->session) ||
        read_time(payload, "iat", &out->issued_at) != JSON_FOUND)
        return false;
    enum json_found expiry = read_time(payload, "exp", &out->expires_at);
    return expiry == JSON_FOUND || (expiry == JSON_ABSENT && rule->expiry == CLAIM_MAY);
}

Err token_verify(const struct token_keys *keys, enum token_class class, Str token, int64_t now,
                 struct token_claims *out)
{
    uint8_t bytes[BASE64URL_BYTES(TOKEN_MAX)];
    const char *why;
    must(keys->header_sizes[class]);
    *out = (struct token_claims){.class = class};
    if (token.n > TOKEN_MAX)
        return ERR_AUTH_INVALID_TOKEN;

    Str rest = token;
    Str header = str_cut(&rest, '.');
    Str body = str_cut(&rest, '.');
    if (!str_eq(header, str_from(keys->headers[class], keys->header_sizes[class])))
        return ERR_AUTH_INVALID_TOKEN;
    long n = base64url_decode(rest, bytes, sizeof bytes); /* refuses a further dot */
    if (n <= 0 || !signature_valid(keys, class, str_from(token.p, header.n + 1 + body.n),
                                   str_from((char *)bytes, (size_t)n)))
        return ERR_AUTH_INVALID_TOKEN;

    struct json_value *payload;
    n = base64url_decode(body, bytes, sizeof bytes);
    if (n <= 0 || json_parse_object(str_from((char *)bytes, (size_t)n), &payload, &why))
        return ERR_AUTH_INVALID_TOKEN;
    bool right = read_claims(payload, out);
    json_free(&payload);
    if (!right)
        return ERR_AUTH_INVALID_TOKEN;
    return out->expires_at && out->expires_at <= now ? ERR_AUTH_EXPIRED_TOKEN : ERR_OK;
}
